//! What a path says of a file: whether it is the team's own work, meant to be right, and of what sort.
//!
//! Names are conventions and conventions have exceptions; every list here errs towards silence.

use crate::base::name::TreePath;

/// Folders of what others wrote and tools put there.
const FOREIGN: [&str; 27] = [
    "node_modules",
    "bower_components",
    "jspm_packages",
    "vendor",
    "vendored",
    "_vendor",
    "third_party",
    "third-party",
    "thirdparty",
    "3rdparty",
    "3rd_party",
    "3rd-party",
    "external",
    "externals",
    "extern",
    "deps",
    "godeps",
    "pods",
    "carthage",
    "elm-stuff",
    "site-packages",
    "dist-packages",
    ".venv",
    "venv",
    "dist",
    ".yarn",
    ".git",
];

/// Folders of what is kept to be wrong, odd, or exactly as it is.
const SPECIMENS: [&str; 30] = [
    "fixture",
    "fixtures",
    "testdata",
    "testfiles",
    "testcases",
    "testcase",
    "snapshot",
    "snapshots",
    "golden",
    "goldens",
    "corpus",
    "corpora",
    "cassettes",
    "recordings",
    "mocks",
    "fuzz",
    "fuzzing",
    "fuzzer",
    "fuzzers",
    "conformance",
    "invalid",
    "malformed",
    "bad",
    "broken",
    "corrupt",
    "corrupted",
    "fail",
    "failing",
    "negative",
    "crashes",
];

/// Folders of tests: their code is as good as any, their data may be wrong on purpose.
const TESTS: [&str; 6] = ["test", "tests", "__tests__", "testing", "e2e", "qa"];

/// Words in a file's name that say it is wrong on purpose.
const WRONG: [&str; 16] = [
    "invalid",
    "malformed",
    "bad",
    "broken",
    "corrupt",
    "corrupted",
    "wrong",
    "fail",
    "failing",
    "failure",
    "incorrect",
    "illegal",
    "garbage",
    "truncated",
    "unparsable",
    "unparseable",
];

/// Extensions of templates of other files.
const TEMPLATES: [&str; 14] =
    ["tmpl", "tpl", "template", "j2", "jinja", "jinja2", "erb", "ejs", "hbs", "mustache", "liquid", "in", "dist", "mako"];

/// Names of files that a package manager writes, full of hashes.
const LOCKS: [&str; 12] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "go.sum",
    "go.work.sum",
    "packages.lock.json",
    "project.assets.json",
    "cargo-checksum.json",
    ".cargo-checksum.json",
    "deno.lock",
    "bun.lock",
    "gradle.lockfile",
];

/// A path, in lower case and in its parts.
#[derive(Debug)]
pub struct Subject<'a> {
    pub path: &'a TreePath,
    /// The whole, in lower case; what is not UTF-8 is replaced.
    lower: String,
}

impl<'a> Subject<'a> {
    pub fn of(path: &'a TreePath) -> Subject<'a> {
        Subject { path, lower: String::from_utf8_lossy(path.as_bytes()).to_lowercase() }
    }

    /// The whole path in lower case.
    pub fn lower(&self) -> &str {
        &self.lower
    }

    /// The file's name in lower case.
    pub fn name(&self) -> &str {
        self.lower.rsplit('/').next().unwrap_or(&self.lower)
    }

    /// What follows the last dot of the name, in lower case; empty if there is none.
    pub fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The names of the folders above, in lower case.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.lower.rsplit_once('/').map_or("", |(folders, _)| folders).split('/').filter(|folder| !folder.is_empty())
    }

    /// Whether it was written elsewhere and copied in.
    pub fn is_foreign(&self) -> bool {
        self.folders().any(|folder| FOREIGN.contains(&folder))
    }

    /// Whether it is kept to be wrong, odd, or exactly as it is.
    pub fn is_specimen(&self) -> bool {
        self.folders().any(|folder| SPECIMENS.contains(&folder) || words(folder).any(|word| SPECIMENS.contains(&word)))
            || words(self.name()).any(|word| WRONG.contains(&word))
            || matches!(self.extension(), "snap" | "golden" | "orig" | "rej" | "patch" | "diff")
    }

    /// Whether it lies among tests.
    pub fn is_in_tests(&self) -> bool {
        self.folders().any(|folder| TESTS.contains(&folder) || folder.ends_with("-tests") || folder.ends_with("_tests"))
    }

    /// Whether its path says that another file is made from it.
    pub fn is_template(&self) -> bool {
        self.lower.contains("{{") || self.name().split('.').skip(1).any(|extension| TEMPLATES.contains(&extension))
    }

    /// Whether it is written by a tool for tools.
    pub fn is_generated(&self) -> bool {
        let name = self.name();
        name.contains(".min.")
            || name.contains("-min.")
            || name.contains(".bundle.")
            || name.contains(".generated.")
            || name.ends_with(".map")
    }

    /// Whether a package manager wrote it, to find the same again.
    pub fn is_lock(&self) -> bool {
        self.extension() == "lock" || LOCKS.contains(&self.name())
    }

    /// Whether any part of the path holds one of these words.
    pub fn has_word(&self, wanted: &[&str]) -> bool {
        words(&self.lower).any(|word| wanted.contains(&word))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(path: &str, question: impl Fn(&Subject<'_>) -> bool) -> bool {
        question(&Subject::of(&TreePath::new(path)))
    }

    #[test]
    fn a_name_alone_does_not_make_a_specimen() {
        for path in [".github/workflows/test.yml", "locales/errors.json", "spec/openapi.yaml", "src/badge.json", "Testing.md"] {
            assert!(!is(path, |subject| subject.is_specimen() || subject.is_in_tests()), "{path}");
        }
    }

    #[test]
    fn what_is_wrong_on_purpose_is_known_by_its_place() {
        for path in ["test/fixtures/a.json", "a/__fixtures__/b.yml", "lib/test-fixtures/x.toml", "x/invalid/a", "bad-utf8.json", "a.snap"] {
            assert!(is(path, |subject| subject.is_specimen()), "{path}");
        }
    }
}
