//! `case-collision`: two paths that are one where case or the form of accents does not count.
//!
//! On Windows and macOS such a checkout is broken from the start: one file overwrites the other and git shows a change that nobody made.
//! Two names are one if they agree in lower case and composed (NFC). A file and a folder collide as well; two folders do not, since their
//! files simply come to lie together.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::base::name::TreePath;
use crate::domain::issues::finding::{Finding, Kind, Severity};
use crate::engine::git::tree::TreeFile;

use super::finding;

/// Between two looks at whether to stop.
const STRIDE: usize = 1_024;

/// The collisions among these paths, which ascend. Of files that are one, all but the first are spoken of.
pub fn judge(files: &[TreeFile], cancel: &dyn Fn() -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first_of: HashMap<Cow<'_, [u8]>, &TreePath> = HashMap::with_capacity(files.len());
    for (at, file) in files.iter().enumerate() {
        if at % STRIDE == 0 && cancel() {
            return findings;
        }
        match first_of.entry(fold(file.path.as_bytes())) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(&file.path);
            }
            std::collections::hash_map::Entry::Occupied(first) => findings.push(collision(&file.path, first.get(), "file")),
        }
    }
    let mut last_folder: &[u8] = b"";
    for (at, file) in files.iter().enumerate() {
        if at % STRIDE == 0 && cancel() {
            return findings;
        }
        let path = file.path.as_bytes();
        let Some(slash) = memchr::memrchr(b'/', path).filter(|slash| path[..*slash] != *last_folder) else { continue };
        let known = last_folder;
        last_folder = &path[..slash];
        for end in memchr::memchr_iter(b'/', path).filter(|end| *end <= slash) {
            let folder = &path[..end];
            let was_asked = known.starts_with(folder) && known.get(end).is_none_or(|byte| *byte == b'/');
            if was_asked {
                continue;
            }
            if let Some(other) = first_of.get(&fold(folder)).filter(|other| other.as_bytes() != folder) {
                findings.push(collision(other, &TreePath::new(folder), "folder"));
            }
        }
    }
    findings
}

fn collision(path: &TreePath, other: &TreePath, what: &str) -> Finding {
    let message =
        format!("On Windows and macOS this path and the {what} `{other}` are one, and a checkout keeps only one of them; rename either");
    finding(path, "case-collision", Kind::Bug, Severity::Major, None, message)
}

/// The name that a file system goes by to which case and composition do not matter.
fn fold(path: &[u8]) -> Cow<'_, [u8]> {
    if path.is_ascii() {
        return if path.iter().any(u8::is_ascii_uppercase) { Cow::Owned(path.to_ascii_lowercase()) } else { Cow::Borrowed(path) };
    }
    match std::str::from_utf8(path) {
        Ok(text) => Cow::Owned(text.chars().flat_map(char::to_lowercase).nfc().collect::<String>().into_bytes()),
        Err(_) => Cow::Owned(path.to_ascii_lowercase()),
    }
}
