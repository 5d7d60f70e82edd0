//! `hygiene`: what is wrong in any repository, whatever its language.
//!
//! | rule | says |
//! |---|---|
//! | `conflict-marker` | a merge conflict was committed |
//! | `invalid-json` `invalid-yaml` `invalid-toml` `invalid-xml` | no parser of the format reads the file |
//! | `byte-order-mark` | a file begins with a mark that breaks what reads it |
//! | `mixed-line-endings` | two conventions stand in one source file, both in earnest |
//! | `case-collision` | two paths are one on Windows or macOS |
//! | `dangling-symlink` | a link leads nowhere, out of the repository, or in a circle |
//! | `large-binary` | a binary file burdens every clone |
//!
//! The one idea is quiet: a finding that an engineer would shrug at costs more than one that is missed. So a file is judged only where
//! its place and name say that it is meant to be right ([`Subject`]): not what others wrote and was copied in, not fixtures, not what is
//! called `invalid` or `broken`. A file that does not parse is passed over if it is a template, speaks a dialect, or is encoded otherwise.
//! Each family of rules says in its own file where it holds back and why.
//!
//! It fixes nothing, and has no options: what is left out is left out by the manifest's `exclude`.

mod conflict;
mod encoding;
mod links;
mod paths;
pub(super) mod size;
mod syntax;

use crate::base::name::TreePath;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::subject::Subject;
use super::{Builtin, OfTree, Wants};

/// The largest file whose content is looked at line by line.
pub const MAX_TEXT: u64 = 4 << 20;
/// So many bytes at the beginning tell text from binary, as they do in git.
const SNIFFED: usize = 8_000;

/// The built-in check `hygiene`.
#[derive(Debug, Clone, Copy)]
pub struct Hygiene;

impl Builtin for Hygiene {
    fn name(&self) -> &'static str {
        "hygiene"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, file: &TreeFile, size: u64) -> Wants {
        if size == 0 || !matches!(file.kind, FileKind::Regular | FileKind::Executable) {
            return Wants::Nothing;
        }
        let subject = Subject::of(&file.path);
        if subject.is_foreign() {
            return Wants::Nothing;
        }
        if size >= size::LARGE {
            return Wants::Head { bytes: SNIFFED as u64 };
        }
        if size <= MAX_TEXT && !subject.is_specimen() && !size::is_binary_name(&subject) {
            Wants::Content { cap: size }
        } else {
            Wants::Nothing
        }
    }

    fn file(&self, file: &TreeFile, size: u64, content: &[u8]) -> Vec<Finding> {
        let subject = Subject::of(&file.path);
        let head = &content[..content.len().min(SNIFFED)];
        let binary = memchr::memchr(0, head).is_some();
        let mut findings = Vec::new();
        findings.extend(size::judge(file, &subject, size, head));
        let is_text = size <= MAX_TEXT && !content.is_empty() && !binary && !is_lfs_pointer(content);
        if is_text && !subject.is_foreign() && !subject.is_specimen() {
            let conflicts = conflict::judge(&subject, content);
            // A file with conflict markers is broken by them, whatever its format: that is said once.
            if conflicts.is_empty() {
                findings.extend(syntax::judge(&subject, content));
                findings.extend(encoding::judge(&subject, content));
            }
            findings.extend(conflicts);
        }
        findings
    }

    fn tree(&self, tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<OfTree> {
        let mut said = links::judge(tree, cancel)?;
        said.findings.extend(paths::judge(tree.files(), cancel));
        Ok(said)
    }
}

/// Whether this stands for a file that Git LFS keeps elsewhere.
fn is_lfs_pointer(content: &[u8]) -> bool {
    content.starts_with(b"version https://git-lfs.github.com/spec/")
}

fn finding(path: &TreePath, rule: &str, kind: Kind, severity: Severity, span: Option<Span>, message: String) -> Finding {
    Finding { rule: rule.to_owned(), message, path: path.clone(), span, kind, severity, fingerprint: None }
}

/// The line and column of the byte at `offset`; past the end, of the last one.
fn span_at(content: &[u8], offset: usize) -> Span {
    let before = &content[..offset.min(content.len())];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    let column = u32::try_from(column).unwrap_or(u32::MAX);
    Span { column_start: Some(column), column_end: Some(column), ..Span::line(u32::try_from(line).unwrap_or(u32::MAX)) }
}

#[cfg(test)]
mod tests;
