//! A manifest to begin with, made from what is in a tree and from what this host can run.
//!
//! It names the built-in checks that run by default and every tool that has files to look at here. What could be of use and cannot run yet
//! stands in it as a comment that says what is missing, so that nobody has to know the catalogue by heart.

use std::fmt::Write as _;

use super::builtin;
use super::catalogue::{self, Fetches, Tool, Wake};
use crate::base::text::count;
use crate::engine::git::tree::TreeFile;

const HEAD: &str = "\
# What Plumbline checks here. It is read from the root of each commit.
version: 1

# Files that no check looks at, in the patterns of .gitignore.
exclude: []

# What fails the gate: new issues of this severity or above.
# The severities are info, minor, major, critical and blocker.
issues:
  fail_on: new
  min_severity: minor

checks:
";

/// The text of a manifest for a tree with these files, on a host that can run these tools.
pub fn starter(files: &[TreeFile], can_run: &dyn Fn(&Tool) -> bool) -> String {
    let mut text = HEAD.to_owned();
    for builtin in builtin::by_default() {
        entry(&mut text, "  ", builtin.name(), "part of Plumbline");
    }
    let mut others = String::new();
    for tool in catalogue::all() {
        let Wake::Wakes { files, .. } = tool.wake(files, |_| true) else { continue };
        let looks_at = count(files.len() as u64, "file");
        match tool.network {
            Fetches::Nothing if can_run(tool) => entry(&mut text, "  ", &tool.name, &looks_at),
            Fetches::Nothing => entry(&mut others, "  # ", &tool.name, &format!("{looks_at}; to run it here: {}", tool.install)),
            Fetches::Dependencies | Fetches::Database => {
                entry(&mut others, "  # ", &tool.name, &format!("{looks_at}; needs `network`, since it fetches its {}", tool.network));
            }
        }
    }
    if !others.is_empty() {
        text += "  # These would have something to look at as well:\n";
        text += &others;
    }
    text
}

fn entry(text: &mut String, indent: &str, name: &str, why: &str) {
    writeln!(text, "{indent}- plugin: {name}  # {why}").expect("writing to a String succeeds");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::{BlobId, TreePath};
    use crate::domain::checks::plan::plan;
    use crate::domain::repos::manifest::{ManifestName, parse};
    use crate::engine::git::tree::FileKind;

    fn file(path: &str) -> TreeFile {
        TreeFile { path: TreePath::new(path), kind: FileKind::Regular, blob: BlobId::from_bytes([0; 20]) }
    }

    fn names(text: &str) -> Vec<String> {
        let manifest = parse(ManifestName::Plumbline, text.as_bytes()).unwrap();
        plan(Some(&manifest), &[], &crate::domain::secrets::Known::default()).into_iter().map(|planned| planned.name).collect()
    }

    #[test]
    fn it_names_what_has_something_to_look_at_and_can_run_here() {
        let files = [file("a.py"), file("b.py"), file("run.sh")];
        let text = starter(&files, &|tool| tool.name == "ruff");
        let named = names(&text);
        assert!(named.contains(&"ruff".to_owned()) && !named.contains(&"shellcheck".to_owned()), "{text}");
        assert!(text.contains("- plugin: ruff  # 2 files\n") && text.contains("  # - plugin: shellcheck  # 1 file; to run it here: "));
        assert!(!text.contains("hadolint"), "there is no Dockerfile");
    }

    #[test]
    fn it_can_be_read_whatever_is_in_the_tree_and_on_the_host() {
        let files: Vec<TreeFile> = [
            "Cargo.toml",
            "a.rs",
            "Dockerfile",
            "go.mod",
            "a.go",
            "a.rb",
            "a.js",
            "package.json",
            "a.css",
            "a.md",
            "a.py",
            "a.yaml",
            "a.sh",
        ]
        .map(file)
        .to_vec();
        for has in [true, false] {
            assert!(names(&starter(&files, &|_| has)).len() >= builtin::by_default().len());
        }
        assert_eq!(names(&starter(&[], &|_| true)).len(), builtin::by_default().len());
    }
}
