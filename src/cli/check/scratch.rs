//! The directory that a run makes for itself, and that goes when it ends: by itself, by an error, by a signal.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::base::id::{AttemptId, Ids};
use crate::base::time::Clock;
use crate::cli::{Error, Result};

/// Files may still be made while the directory goes: it is tried this often.
const ATTEMPTS: usize = 5;

/// A directory of our own.
pub struct Scratch {
    path: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    watcher: Option<JoinHandle<()>>,
}

impl Scratch {
    /// Makes the directory among the system's temporary ones; nobody else may enter it.
    pub fn new() -> Result<Scratch> {
        let name = Ids::system().next::<AttemptId>(Clock::System.now());
        let path = std::env::temp_dir().join(format!("plumbline-{name}"));
        let failed =
            |error| Error::because(format!("cannot make the temporary directory `{}`; TMPDIR names another place", path.display()), error);
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(failed)?;
        let mut scratch = Scratch { path: path.clone(), stop: None, watcher: None };
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
            remove(&path);
            std::process::exit(128 + number);
        }
    })
}
