//! `large`: what a repository carries and need not: files of a size to ask about, and what a build makes.
//!
//! | rule | says |
//! |---|---|
//! | `compiled-artifact` | a compiler made it: object code, a program, a library, byte code |
//! | `archive` | files in a file, which nobody can review or compare |
//! | `minified-file` | a bundler made it |
//! | `generated-file` | its first lines say that a tool wrote it |
//! | `large-file` | it is large, and none of those |
//! | `build-output` | a folder that a package manager or a build fills was committed |
//!
//! The content decides, by its first bytes; a name never does alone. One rule speaks of a file, the first of this list, and each from a
//! size on of its own, so that a stub of ten lines is left alone. Large binary files are `hygiene`'s to speak of, and nothing is said
//! twice: name both checks. It is for teams who have decided that such files do not belong here, and runs where it is named.

mod folders;
mod made;

use crate::base::text;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::hygiene::size as hygienic;
use super::origin;
use super::subject::Subject;
use super::{Builtin, OfTree, Wants};

/// From this size on a file is large, in bytes.
pub const LARGE: u64 = 1 << 20;
/// From this size on an archive is spoken of.
pub const ARCHIVE: u64 = 64 << 10;
/// From this size on what a bundler or a generator wrote is spoken of.
pub const GENERATED: u64 = 20 << 10;
/// From this size on what a compiler made is spoken of.
pub const ARTIFACT: u64 = 256;
/// So many bytes at the beginning are looked at.
const HEAD: u64 = 8_000;

/// The built-in check `large`.
#[derive(Debug, Clone, Copy)]
pub struct Large;

impl Builtin for Large {
    fn name(&self) -> &'static str {
        "large"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, file: &TreeFile, size: u64) -> Wants {
        let is_file = matches!(file.kind, FileKind::Regular | FileKind::Executable);
        if is_file && size >= ARTIFACT && !Subject::of(&file.path).is_foreign() { Wants::Head { bytes: HEAD } } else { Wants::Nothing }
    }

    fn file(&self, file: &TreeFile, size: u64, head: &[u8]) -> Vec<Finding> {
        let subject = Subject::of(&file.path);
        let is_of_hygiene = size >= hygienic::LARGE && hygienic::is_binary(&subject, head);
        if is_of_hygiene {
            return Vec::new();
        }
        let is_kept_on_purpose = subject.is_specimen() || subject.is_in_tests();
        let said = if is_kept_on_purpose { None } else { made(&subject, size, head) };
        said.or_else(|| large(&subject, size))
            .map(|(rule, severity, line, message)| Finding {
                rule: rule.to_owned(),
                message,
                path: file.path.clone(),
                span: line.map(Span::line),
                kind: Kind::Quality,
                severity,
                fingerprint: None,
            })
            .into_iter()
            .collect()
    }

    fn tree(&self, tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<OfTree> {
        Ok(OfTree { findings: folders::judge(tree.files(), cancel), unread: Vec::new() })
    }
}

/// What a rule says: its name, how much it matters, the line it speaks of, and a sentence.
type Said = (&'static str, Severity, Option<u32>, String);

fn made(subject: &Subject<'_>, size: u64, head: &[u8]) -> Option<Said> {
    let shown = text::bytes(size);
    if let Some(what) = made::artifact(subject, head) {
        let message = format!("This is {what} of {shown}; let the build make it, and add it to .gitignore");
        return Some(("compiled-artifact", Severity::Major, None, message));
    }
    if size >= ARCHIVE && made::is_archive(subject, head) {
        let message =
            format!("An archive of {shown} can be neither reviewed nor compared; commit what is in it, or fetch it when it is needed");
        return Some(("archive", Severity::Minor, None, message));
    }
    if size < GENERATED || subject.is_lock() {
        return None;
    }
    if made::is_minified(subject, head) {
        let message = format!("A bundler made this file of {shown}; commit its sources and let the build make it");
        return Some(("minified-file", Severity::Minor, None, message));
    }
    let line = origin::claim(head).filter(|claim| claim.is_plain)?.line;
    let message = format!("A tool wrote this file of {shown}, as it says here; let the build make it, or leave it out by `exclude`");
    Some(("generated-file", Severity::Info, Some(line), message))
}

fn large(subject: &Subject<'_>, size: u64) -> Option<Said> {
    if size < LARGE || subject.is_lock() {
        return None;
    }
    let message =
        format!("A file of {} slows whoever clones, searches or opens it; split it, or keep it outside the repository", text::bytes(size));
    Some(("large-file", Severity::Minor, None, message))
}

#[cfg(test)]
mod tests;
