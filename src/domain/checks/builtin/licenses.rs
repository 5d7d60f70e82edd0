//! `licenses`: under what license the repository's own files are, and whether it says so everywhere the same.
//!
//! | rule | says |
//! |---|---|
//! | `missing-license` | there is source code, and nothing at the root says what others may do with it |
//! | `invalid-spdx` | a header or a manifest names a license that SPDX does not know |
//! | `license-conflict` | a manifest names another license than the license file, or a header another than both |
//! | `missing-header` | one of few source files without a header where nearly all have one |
//!
//! A license is known by phrases that only it has (`text`), an expression by the grammar and the list of SPDX. What is not recognized
//! conflicts with nothing. A folder with a license file or manifest of its own speaks for what is below it, as in a repository of many
//! packages; what others wrote and was copied in is not judged.
//!
//! It speaks of the whole tree, since a header is wrong only beside something else, and reads the beginnings of source files alone.

mod declared;
mod header;
mod text;

use std::collections::BTreeMap;

use crate::base::name::TreePath;
use crate::base::text::clip;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::subject::Subject;
use super::{Builtin, OfTree, Wants};
use declared::{Declared, Scopes};
use header::Header;

/// The most source files whose headers are compared.
const SOURCES: usize = 20_000;
/// So many bytes at the beginning of a file are searched for a header.
const HEAD: u64 = 4 << 10;
/// Where so many of a hundred source files have a header, the others are missed.
const NEARLY_ALL: usize = 90;
/// Of fewer files with headers nothing follows.
const FEW: usize = 10;

/// The built-in check `licenses`.
#[derive(Debug, Clone, Copy)]
pub struct Licenses;

impl Builtin for Licenses {
    fn name(&self) -> &'static str {
        "licenses"
    }

    fn version(&self) -> u32 {
        3
    }

    fn wants(&self, file: &TreeFile, _: u64) -> Wants {
        if is_own_source(file) { Wants::Head { bytes: HEAD } } else { Wants::Nothing }
    }

    fn file(&self, file: &TreeFile, _: u64, head: &[u8]) -> Vec<Finding> {
        let Some(Header { line, expression: Err(why), .. }) = header::find(head) else { return Vec::new() };
        let message = format!("The SPDX header is no expression of licenses: {why}");
        vec![finding(&file.path, "invalid-spdx", Severity::Minor, Some(line), message)]
    }

    fn tree(&self, tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<OfTree> {
        let scopes = Scopes::of(tree, cancel)?;
        let mut findings = scopes.findings();
        let sources: Vec<&TreeFile> = tree.files().iter().filter(|file| is_own_source(file)).take(SOURCES).collect();
        if !sources.is_empty() && !scopes.has_license() {
            findings.extend(missing_license(tree));
        }
        let (mut with, mut without) = (0, Vec::new());
        for file in sources {
            if cancel() {
                return Ok(OfTree::default());
            }
            let head = match tree.head(file, HEAD) {
                Err(error) if error.is_transient() => return Err(error),
                // A file that cannot be read is told of where it is judged by itself.
                read => read.unwrap_or_default(),
            };
            match header::find(&head) {
                Some(header) => {
                    with += 1;
                    findings.extend(conflict(&file.path, &header, scopes.around(&file.path)));
                }
                None if !head.is_empty() && !header::is_stub(&head) => without.push(file),
                None => {}
            }
        }
        if with >= FEW && with * 100 >= (with + without.len()) * NEARLY_ALL {
            findings.extend(without.into_iter().map(|file| {
                let message = "The file has no SPDX header, and nearly all others have one; add it".to_owned();
                finding(&file.path, "missing-header", Severity::Info, None, message)
            }));
        }
        Ok(OfTree { findings, unread: Vec::new() })
    }
}

/// A header that agrees with nothing that is declared around it.
fn conflict(path: &TreePath, header: &Header, declared: Option<&Declared>) -> Option<Finding> {
    let (expression, declared) = (header.expression.as_ref().ok()?, declared?);
    if declared.is_agreed(expression) {
        return None;
    }
    let message = format!(
        "The header says `{}`, and `{}` says {}; make them agree",
        clip(expression.as_ref(), 80),
        declared.from,
        clip(&declared.names(), 80)
    );
    Some(finding(path, "license-conflict", Severity::Major, Some(header.line), message))
}

/// Said at a file that people look at first.
fn missing_license(tree: &dyn Tree) -> Option<Finding> {
    let mut at_root: BTreeMap<usize, &TreeFile> = BTreeMap::new();
    for file in tree.files().iter().filter(|file| !file.path.as_bytes().contains(&b'/')) {
        let name = Subject::of(&file.path).name().to_owned();
        let rank = if name.starts_with("readme") {
            0
        } else if declared::is_manifest(&name) {
            1
        } else {
            2
        };
        at_root.entry(rank).or_insert(file);
    }
    let file = at_root.into_values().next().or_else(|| tree.files().first())?;
    let message = "Nothing at the root says under what license this is, so nobody may use it; add a file `LICENSE`".to_owned();
    Some(finding(&file.path, "missing-license", Severity::Minor, None, message))
}

/// Whether it is source code that the team wrote and runs.
fn is_own_source(file: &TreeFile) -> bool {
    let subject = Subject::of(&file.path);
    matches!(file.kind, FileKind::Regular | FileKind::Executable)
        && header::SOURCES.contains(&subject.extension())
        && !subject.is_foreign()
        && !subject.is_generated()
        && !subject.is_specimen()
}

fn finding(path: &TreePath, rule: &str, severity: Severity, line: Option<u32>, message: String) -> Finding {
    Finding {
        rule: rule.to_owned(),
        message,
        path: path.clone(),
        span: line.map(Span::line),
        kind: Kind::Convention,
        severity,
        fingerprint: None,
    }
}

#[cfg(test)]
mod tests;
