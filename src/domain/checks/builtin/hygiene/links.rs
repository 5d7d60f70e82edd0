//! `dangling-symlink`: links that lead nowhere, out of the repository, or in a circle.
//!
//! Targets are followed within the tree's own list of paths, link by link, and never on a disk. Spoken of is what is broken in every
//! clone. Held back: links to absolute system paths such as `/dev/null` or `/usr/share/…`, which images and units hold on purpose, though
//! a path below somebody's home breaks for all others; links into folders that a build fills; links into submodules; and links that lie
//! among tests and fixtures, where a broken one is a test case. A circle is reported at one of its links.
//!
//! All links of a tree share one bound on the bytes of their targets and one on the steps taken on their ways; of links beyond either
//! nothing is said, nor of those that lead through a link that could not be read.

use std::collections::HashMap;

use crate::base::name::TreePath;
use crate::domain::issues::finding::{Finding, Kind, Severity};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::super::subject::Subject;
use super::{OfTree, finding};

/// The longest target that is read, as on Linux.
const MAX_TARGET: u64 = 4_096;
/// So many bytes of targets are held of one tree.
const MAX_TARGETS: u64 = 4 << 20;
/// So many links are followed on the way to one target, as on Linux.
const MAX_HOPS: usize = 40;
/// So many steps may lie on the way to one target.
const MAX_STEPS: usize = 4_096;
/// So many steps may lie on the ways to all targets of one tree.
const MAX_STEPS_IN_ALL: usize = 1 << 18;
/// So many links are looked at in one tree.
const MAX_LINKS: usize = 20_000;

/// Beginnings of absolute targets that exist for one person alone.
const PERSONAL: [&[u8]; 8] = [b"/home/", b"/Users/", b"/root/", b"/mnt/", b"/media/", b"/Volumes/", b"/tmp/", b"/private/"];

/// Folders that a build or an installation fills.
const MADE: [&str; 13] =
    ["node_modules", "build", "dist", "out", "output", "target", "vendor", ".venv", "venv", "bin", "obj", "_build", "generated"];

/// Where following a link ends.
enum End<'a> {
    Somewhere,
    /// Too far off to be followed, or behind what could not be read.
    Unknown,
    Nowhere,
    Outside,
    /// The links that were met, from the first on.
    Circle(Vec<&'a TreePath>),
}

type Targets<'a> = HashMap<&'a [u8], Vec<u8>>;

/// The links of a tree that lead nowhere.
pub fn judge(tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<OfTree> {
    let mut said = OfTree::default();
    let mut targets = Targets::new();
    let mut room = MAX_TARGETS;
    let links = || tree.files().iter().filter(|file| file.kind == FileKind::Symlink).take(MAX_LINKS);
    for link in links() {
        if cancel() {
            return Ok(said);
        }
        match tree.read(link, MAX_TARGET.min(room)) {
            Ok(target) => {
                room = room.saturating_sub(target.len() as u64);
                targets.insert(link.path.as_bytes(), target);
            }
            Err(git::Error::TooLarge { .. }) => {}
            Err(error) if error.is_transient() => return Err(error),
            Err(error) => said.unread.push((link.path.clone(), error)),
        }
    }
    let mut steps = MAX_STEPS_IN_ALL;
    for link in links() {
        if cancel() {
            return Ok(said);
        }
        let Some(target) = targets.get(link.path.as_bytes()) else { continue };
        let subject = Subject::of(&link.path);
        if !subject.is_foreign() && !subject.is_specimen() && !subject.is_in_tests() {
            said.findings.extend(speak(tree, link, target, &targets, &mut steps));
        }
    }
    Ok(said)
}

fn speak(tree: &dyn Tree, link: &TreeFile, target: &[u8], targets: &Targets<'_>, steps: &mut usize) -> Option<Finding> {
    let shown = crate::base::text::clip(&TreePath::new(target).to_string(), 120).into_owned();
    let message = if target.starts_with(b"/") || is_windows_absolute(target) {
        if target.starts_with(b"/") && !PERSONAL.iter().any(|beginning| target.starts_with(beginning)) {
            return None;
        }
        format!("The link leads to `{shown}`, which exists on one machine alone; make the target relative")
    } else {
        match follow(tree, &link.path, targets, steps) {
            End::Somewhere | End::Unknown => return None,
            End::Nowhere if is_made(target) => return None,
            End::Nowhere => format!("The link leads to `{shown}`, which is not in the repository; mend or delete it"),
            End::Outside => {
                format!("The link leads out of the repository, to `{shown}`, which another clone need not have; mend or delete it")
            }
            End::Circle(met) => {
                // Only links that are on the circle themselves, and of those the first, so that it is said once.
                let again = met.last()?;
                let begin = met.iter().position(|path| path == again)?;
                let circle = &met[begin..];
                if circle.iter().min() != Some(&&link.path) {
                    return None;
                }
                format!("The link leads to `{shown}` and so in a circle back to itself; mend or delete it")
            }
        }
    };
    Some(finding(&link.path, "dangling-symlink", Kind::Bug, Severity::Minor, None, message))
}

fn is_windows_absolute(target: &[u8]) -> bool {
    matches!(target, [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

fn is_made(target: &[u8]) -> bool {
    let target = String::from_utf8_lossy(target).to_lowercase();
    target.split('/').any(|part| MADE.contains(&part) || part.starts_with("bazel-"))
}

/// Follows a link step by step, as the kernel would with the tree as its root. What lies ahead is taken from `steps`, be it walked or not.
fn follow<'a>(tree: &'a dyn Tree, link: &'a TreePath, targets: &Targets<'_>, steps: &mut usize) -> End<'a> {
    let mut own = MAX_STEPS;
    let mut split = |path: &[u8]| {
        let count = memchr::memchr_iter(b'/', path).count() + 1;
        own = own.checked_sub(count)?;
        *steps = steps.checked_sub(count)?;
        Some(path.split(|byte| *byte == b'/').map(<[u8]>::to_vec).rev().collect::<Vec<_>>())
    };
    // What is left to walk, the next step last; and where we stand, which is the folder that holds the link.
    let Some(mut ahead) = split(link.file_name()) else { return End::Unknown };
    let mut here = link.as_bytes()[..memchr::memrchr(b'/', link.as_bytes()).unwrap_or(0)].to_vec();
    let mut met: Vec<&TreePath> = Vec::new();
    while let Some(part) = ahead.pop() {
        match &part[..] {
            b"" | b"." => continue,
            b".." if here.is_empty() => return End::Outside,
            b".." => here.truncate(memchr::memrchr(b'/', &here).unwrap_or(0)),
            _ => {
                let parent = here.len();
                if parent > 0 {
                    here.push(b'/');
                }
                here.extend_from_slice(&part);
                let files = tree.files();
                let at = files.partition_point(|file| file.path.as_bytes() < &here[..]);
                let Some(file) = files.get(at).filter(|file| file.path.as_bytes() == here) else {
                    if is_folder(&files[at..], &here) {
                        continue;
                    }
                    return End::Nowhere;
                };
                match file.kind {
                    FileKind::Submodule => return End::Somewhere,
                    FileKind::Regular | FileKind::Executable if ahead.iter().all(|part| part.is_empty()) => return End::Somewhere,
                    FileKind::Regular | FileKind::Executable => return End::Nowhere,
                    FileKind::Symlink => {
                        met.push(&file.path);
                        let Some(target) = targets.get(file.path.as_bytes()) else { return End::Unknown };
                        if target.starts_with(b"/") {
                            return End::Somewhere;
                        }
                        if met.len() > MAX_HOPS {
                            return End::Circle(met);
                        }
                        here.truncate(parent);
                        let Some(further) = split(target) else { return End::Unknown };
                        ahead.extend(further);
                    }
                }
            }
        }
    }
    End::Somewhere
}

/// Whether any of these files lies below.
fn is_folder(files: &[TreeFile], path: &[u8]) -> bool {
    let below = [path, b"/"].concat();
    let at = files.partition_point(|file| file.path.as_bytes() < &below[..]);
    files.get(at).is_some_and(|file| file.path.as_bytes().starts_with(&below))
}
