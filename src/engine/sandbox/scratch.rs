//! Directories of our own in a place that others use too: they go when we do, and what a killed process left goes with the next one.
//!
//! Whoever made a directory holds its lock, which the system gives back however a process ends; the number of a process says less, since
//! containers that share the place count theirs apart. One that nobody holds is litter, unless it is so young that its maker may be about
//! to take the lock.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::process;
use crate::base::time::{Clock, Timestamp};

/// What our directories are called, before what nobody can foresee.
const PREFIX: &str = "plumbline-run-";
/// A younger directory may be one whose lock its maker is about to take.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// What we may do in a directory that we are about to empty.
const OWN: u32 = 0o700;

/// Something that this process has made.
struct Made {
    path: PathBuf,
    /// How it goes.
    remove: fn(&Path),
}

/// What this process has made: for a way out on which nothing is dropped.
static MADE: Mutex<Vec<Made>> = Mutex::new(Vec::new());

/// Set once this process is about to end.
static IS_ENDING: AtomicBool = AtomicBool::new(false);

/// Remembers what is to go with the process.
pub(super) fn remember(path: &Path, remove: fn(&Path)) {
    MADE.lock().unwrap_or_else(PoisonError::into_inner).push(Made { path: path.to_owned(), remove });
}

/// Forgets what has gone.
pub(super) fn forget(path: &Path) {
    MADE.lock().unwrap_or_else(PoisonError::into_inner).retain(|made| made.path != path);
}

/// Whether this process is about to end, and nothing is started any more.
pub(super) fn is_ending() -> bool {
    IS_ENDING.load(Ordering::SeqCst)
}

/// Ends and removes all that this process has made, whoever still uses it. Only for a process that is about to end.
pub fn leave_nothing() {
    IS_ENDING.store(true, Ordering::SeqCst);
    process::end_children();
    let made = std::mem::take(&mut *MADE.lock().unwrap_or_else(PoisonError::into_inner));
    made.iter().rev().for_each(|made| (made.remove)(&made.path));
    // What was being started in the very moment.
    process::end_children();
}

/// A directory of our own, removed in the end.
#[derive(Debug)]
pub(super) struct Scratch {
    path: PathBuf,
    /// Where the file system knows locks.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes one with a name that nobody can foresee.
    pub(super) fn new(within: &Path, mode: u32) -> io::Result<Scratch> {
        let path = within.join(name()?);
        // It fails if there is anything of that name.
        rustix::fs::mkdir(&path, rustix::fs::Mode::from(0o700))?;
        let made = Scratch { _lock: lock(&path), path };
        remember(&made.path, |path| drop(remove(path)));
        std::fs::set_permissions(&made.path, Permissions::from_mode(mode))?;
        Ok(made)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::warn!("the directory `{}` of a run that is over cannot be removed: {error}", self.path.display());
        }
        forget(&self.path);
    }
}

/// A name of our kind that nobody can foresee.
pub(super) fn name() -> io::Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!("{PREFIX}{:032x}", u128::from_be_bytes(random)))
}

/// The lock of a directory, if nobody has it.
pub(super) fn lock(path: &Path) -> Option<File> {
    let dir = File::open(path).ok()?;
    dir.try_lock().ok()?;
    Some(dir)
}

/// Removes the directories that earlier processes of this user had no time to remove.
pub(super) fn sweep(within: &Path) {
    sweep_at(within, Clock::System.now());
}

fn sweep_at(within: &Path, now: Timestamp) {
    for left in left_behind(within, now) {
        if let Err(error) = remove(&left.path) {
            tracing::warn!("the directory `{}`, which was left behind, cannot be removed: {error}", left.path.display());
        }
    }
}

/// A directory that nobody holds but we, who are about to remove it.
pub(super) struct Left {
    path: PathBuf,
    _lock: File,
}

impl Left {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The directories of our kind, and of this user's, that nobody holds.
pub(super) fn left_behind(within: &Path, now: Timestamp) -> impl Iterator<Item = Left> {
    let entries = std::fs::read_dir(within).into_iter().flatten().filter_map(Result::ok);
    entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())).filter_map(move |entry| {
        // What a link points to is nobody's scratch.
        let found = entry.metadata().ok()?;
        let is_ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
        let is_young = now.since(Timestamp::from_seconds(found.mtime())) < TAKEN_WITHIN;
        if !is_ours || is_young {
            return None;
        }
        let path = entry.path();
        Some(Left { _lock: lock(&path)?, path })
    })
}

/// Removes a directory and all in it, also where whoever wrote it closed directories to its owner.
fn remove(path: &Path) -> io::Result<()> {
    let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    match std::fs::remove_dir_all(path) {
        Err(error) if !is_gone(&error) => {}
        done => return done.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) }),
    }
    let mut waiting = vec![path.to_owned()];
    while let Some(dir) = waiting.pop() {
        std::fs::set_permissions(&dir, Permissions::from_mode(OWN))?;
        let within = std::fs::read_dir(&dir)?.filter_map(Result::ok);
        // Of the entry itself: what a link points to stays as it is.
        waiting.extend(within.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()));
    }
    std::fs::remove_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_is_removed_and_what_somebody_holds_or_just_made_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let own = Scratch::new(dir.path(), 0o700).unwrap();
        let [left, other] = ["plumbline-run-2147483646-ab", "other"].map(|name| dir.path().join(name));
        [&left, &other].iter().for_each(|path| std::fs::create_dir_all(path.join("within")).unwrap());
        let link = dir.path().join("plumbline-run-ab");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let now = Clock::System.now();
        sweep_at(dir.path(), now);
        assert!(left.exists(), "its maker may be about to take the lock");
        sweep_at(dir.path(), now + TAKEN_WITHIN * 2);
        assert!(!left.exists());
        assert!(own.path().exists() && other.join("within").exists() && link.exists());
    }

    #[test]
    fn what_is_not_dropped_is_remembered_until_it_has_gone() {
        let is_remembered = |path: &Path| MADE.lock().unwrap().iter().any(|made| made.path == path);
        let dir = tempfile::tempdir().unwrap();
        let scratch = Scratch::new(dir.path(), 0o700).unwrap();
        let path = scratch.path().to_owned();
        assert!(is_remembered(&path));
        drop(scratch);
        assert!(!is_remembered(&path));
    }

    #[test]
    fn a_directory_goes_with_its_holder_also_where_a_tool_closed_what_is_in_it() {
        use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};

        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().to_owned();
        let goes = move || {
            // Of this thread alone: root may write where it is closed to all others.
            let has = capabilities(None).unwrap();
            let over = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
            set_capabilities(None, CapabilitySets { effective: has.effective - over, ..has }).unwrap();
            let scratch = Scratch::new(&at, 0o700).unwrap();
            let (outer, inner) = (scratch.path().join("outer"), scratch.path().join("outer/inner"));
            std::fs::create_dir_all(&inner).unwrap();
            std::fs::write(inner.join("file"), "x").unwrap();
            for (path, mode) in [(&inner, 0o000), (&outer, 0o500)] {
                std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
            }
            assert!(std::fs::remove_dir_all(scratch.path()).is_err(), "it takes more than removing");
            let path = scratch.path().to_owned();
            drop(scratch);
            !path.exists()
        };
        assert!(std::thread::spawn(goes).join().unwrap());
    }
}
