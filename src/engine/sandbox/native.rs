//! The tier `native`: bubblewrap, started with nothing of ours but one socket and two pipes.
//!
//! Bubblewrap's own processes can be looked at from inside, so its environment is empty. Run by root it becomes a user that nobody else
//! is: the kernel then has nothing to give even to who gets out.

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::scratch::Scratch;
use super::{Error, Limits, Result, Settings, Tier, UIDS, mounts};

/// Our own binary, where the user who runs it can reach it.
#[derive(Debug)]
pub(super) struct Launcher {
    path: PathBuf,
    /// The directory of the copy, if there had to be one.
    _copy: Option<Scratch>,
}

impl Launcher {
    /// The binary itself; or a copy of it, if we are root and it lies where only root can go, as in a developer's home.
    pub(super) fn reachable(binary: &Path, settings: &Settings) -> Result<Launcher> {
        let path = binary.canonicalize().map_err(Error::host("find our own binary"))?;
        let is_other_user = settings.tier == Tier::Native && rustix::process::geteuid().is_root();
        if !is_other_user || mounts::closed_to_others(&path).is_none() {
            return Ok(Launcher { path, _copy: None });
        }
        let copy = Scratch::new(&settings.scratch, 0o755).map_err(Error::host("make a directory for a copy of our own binary"))?;
        let made = Launcher { path: copy.path().join("plumbline"), _copy: Some(copy) };
        // A second name costs nothing, where it is on the same disk and open to all.
        let is_linked = std::fs::hard_link(&path, &made.path).is_ok();
        if !is_linked || mounts::closed_to_others(&made.path).is_some() {
            let _ = std::fs::remove_file(&made.path);
            std::fs::copy(&path, &made.path)
                .and_then(|_| std::fs::set_permissions(&made.path, std::fs::Permissions::from_mode(0o755)))
                .map_err(Error::host("copy our own binary to where others can reach it"))?;
        }
        Ok(made)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The user of the host that a run takes place as; `None` for ourselves.
pub(super) fn user(settings: &Settings, number: u32) -> Option<u32> {
    rustix::process::geteuid().is_root().then(|| settings.first_uid.saturating_add(number % UIDS))
}

/// A process with no environment, whose stdin is our socket and whose outputs are pipes.
#[expect(clippy::disallowed_methods, reason = "this is where processes are started")]
pub(super) fn bare(program: &Path, socket: OwnedFd) -> std::process::Command {
    let mut command = std::process::Command::new(program);
    command.env_clear().current_dir("/").stdin(Stdio::from(socket)).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Starts bubblewrap, which starts the launcher.
pub(super) fn start(
    settings: &Settings,
    launcher: &Launcher,
    user: Option<u32>,
    roots: &[PathBuf],
    limits: &Limits,
    socket: OwnedFd,
) -> Result<Child> {
    let mut command = bare(&settings.bubblewrap, socket);
    command.args(mounts::arguments(launcher.path(), roots, limits));
    if let Some(user) = user {
        // The other groups go too: the standard library drops them when root becomes somebody.
        command.uid(user).gid(user);
    }
    command.spawn().map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::NoBubblewrap { path: settings.bubblewrap.clone() },
        _ => Error::Host { doing: "start bubblewrap", source },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_that_others_cannot_reach_is_had_where_they_can() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let (closed, scratch) = (dir.path().join("closed"), dir.path().join("scratch"));
        std::fs::create_dir(&closed).unwrap();
        std::fs::create_dir(&scratch).unwrap();
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
        for mode in [0o755, 0o700] {
            let binary = closed.join("binary");
            std::fs::write(&binary, "a binary").unwrap();
            std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(mode)).unwrap();
            let launcher = Launcher::reachable(&binary, &Settings { scratch: scratch.clone(), ..Settings::default() }).unwrap();
            assert_eq!(std::fs::read(launcher.path()).unwrap(), b"a binary");
            assert_eq!(mounts::closed_to_others(launcher.path()), None);
            drop(launcher);
            assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
        }
    }
}
