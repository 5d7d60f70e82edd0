//! The directory that a run makes for itself, and that goes when it ends: by itself, by an error, by a signal.
//!
//! One that was killed leaves its directory, and the next run removes it. A run holds the lock of its directory, which the system gives back
//! however the run ends; a process number says less, since containers that share the directory count theirs apart.

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::base::id::{AttemptId, Ids};
use crate::base::time::{Clock, Timestamp};
use crate::cli::{Error, Result};

/// Files may still be made while the directory goes: it is tried this often.
const ATTEMPTS: usize = 5;

/// How our directories' names begin: an attempt's id follows.
const PREFIX: &str = "plumbline-att_";
/// A younger directory may be one whose lock its run is about to take.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// A directory of our own.
pub struct Scratch {
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    watcher: Option<JoinHandle<()>>,
    /// Where the file system knows locks.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes the directory among the system's temporary ones; nobody else may enter it.
    pub fn new() -> Result<Scratch> {
        let name = Ids::system().next::<AttemptId>(Clock::System.now());
        let folder = std::env::temp_dir();
        remove_left(&folder, Clock::System.now());
        let path = folder.join(format!("plumbline-{name}"));
        let failed =
            |error| Error::because(format!("cannot make the temporary directory `{}`; TMPDIR names another place", path.display()), error);
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        let mut scratch = Scratch { path: path.clone(), stop: None, watcher: None, _lock: lock(&path) };
        let (stop, stopped) = oneshot::channel();
        scratch.watcher = Some(watch(path.clone(), stopped).map_err(|error| Error::because("cannot watch for signals", error))?);
        scratch.stop = Some(stop);
        Ok(scratch)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(watcher) = self.watcher.take() {
            // It does nothing that could panic but what a signal has it do, and then the process ends.
            let _ = watcher.join();
        }
        remove(&self.path);
    }
}

/// The lock of a directory, if nobody has it.
fn lock(path: &Path) -> Option<File> {
    let dir = File::open(path).ok()?;
    dir.try_lock().ok()?;
    Some(dir)
}

/// Removes what runs of this user left in a folder that were killed. What cannot be looked at or removed stays: no run needs it gone.
fn remove_left(folder: &Path, now: Timestamp) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes())) {
        // What a link points to is nobody's scratch.
        let Ok(meta) = entry.metadata() else { continue };
        let is_ours = meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw();
        let is_young = now.since(Timestamp::from_seconds(meta.mtime())) < TAKEN_WITHIN;
        if is_ours
            && !is_young
            && let Some(_lock) = lock(&entry.path())
        {
            remove(&entry.path());
        }
    }
}

fn remove(path: &Path) {
    for _ in 0..ATTEMPTS {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {}
            _ => return,
        }
    }
}

/// Ends the process at a signal that asks for it, as if it had not been caught but for the directory. Whatever the run is at can be left:
/// it writes nowhere else.
fn watch(path: PathBuf, stopped: oneshot::Receiver<()>) -> std::io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let of = |kind: SignalKind| -> std::io::Result<(i32, Signal)> {
        let _guard = runtime.enter();
        Ok((kind.as_raw_value(), signal(kind)?))
    };
    let mut signals = [of(SignalKind::interrupt())?, of(SignalKind::terminate())?, of(SignalKind::hangup())?];
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let [(interrupt, interrupted), (terminate, terminated), (hangup, hung_up)] = &mut signals;
        let number = runtime.block_on(async {
            tokio::select! {
                _ = stopped => None,
                _ = interrupted.recv() => Some(*interrupt),
                _ = terminated.recv() => Some(*terminate),
                _ = hung_up.recv() => Some(*hangup),
            }
        });
        if let Some(number) = number {
            // First what runs: it may yet write.
            crate::engine::sandbox::leave_nothing();
            remove(&path);
            std::process::exit(128 + number);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_a_run_holds_or_just_made_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.join("data")).unwrap();
            path
        };
        let [left, held, other] = ["plumbline-att_1", "plumbline-att_2", "plumbline-work"].map(make);
        let link = folder.path().join("plumbline-att_3");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        let _lock = lock(&held).unwrap();
        let now = Clock::System.now();
        remove_left(folder.path(), now);
        assert!(left.exists(), "its run may be about to take the lock");
        remove_left(folder.path(), now + TAKEN_WITHIN * 2);
        assert!(!left.exists());
        assert!(held.exists() && other.join("data").exists() && link.exists());
    }

    #[test]
    fn a_run_holds_the_lock_of_its_directory_until_it_ends() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        assert!(lock(&path).is_none());
        drop(scratch);
        assert!(!path.exists());
    }
}
