//! The tier `trusted`: the launcher on the host itself, without bubblewrap, Landlock or seccomp.
//!
//! For repositories whose authors may do whatever we may, where nothing else can be had. Bounds are kept as well as they can be: by a
//! cgroup if there is one, else by limits of each process and by looking. The tree is written into a directory that is removed afterwards.

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Child;

use super::scratch::Scratch;
use super::{Error, Result, Settings, native};

/// A directory for one run.
pub(super) fn directory(settings: &Settings) -> Result<Scratch> {
    Scratch::new(&settings.scratch, 0o700).map_err(Error::host("make a directory for a run"))
}

/// Starts the launcher.
pub(super) fn start(launcher: &native::Launcher, socket: OwnedFd) -> Result<Child> {
    let mut command = native::bare(launcher.path(), socket);
    command.arg(super::launcher::VERB).process_group(0);
    command.spawn().map_err(Error::host("start our own binary"))
}
