//! The tier `native`: bubblewrap, started with nothing of ours but one socket and two pipes.
//!
//! Bubblewrap's own processes can be looked at from inside, so its environment is empty. Run by root it becomes a user that nobody else
//! is: the kernel then has nothing to give even to who gets out.

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use super::{Error, Limits, Result, Settings, Tier, UIDS, mounts};

/// Our own binary, where the user who runs it can reach it.
#[derive(Debug)]
pub(super) struct Launcher {
    path: PathBuf,
    /// The directory of the copy, if there had to be one; removed in the end.
    copy: Option<PathBuf>,
}

impl Launcher {
    /// The binary itself; or a copy of it, if we are root and it lies where only root can go, as in a developer's home.
    pub(super) fn reachable(binary: &Path, settings: &Settings) -> Result<Launcher> {
        let path = binary.canonicalize().map_err(Error::host("find our own binary"))?;
        let is_other_user = settings.tier == Tier::Native && rustix::process::geteuid().is_root();
        if !is_other_user || mounts::closed_to_others(&path).is_none() {
            return Ok(Launcher { path, copy: None });
        }
        let copy = fresh_directory(&settings.scratch, 0o755).map_err(Error::host("make a directory for a copy of our own binary"))?;
        let made = Launcher { path: copy.join("plumbline"), copy: Some(copy) };
        std::fs::copy(&path, &made.path)
            .and_then(|_| std::fs::set_permissions(&made.path, std::fs::Permissions::from_mode(0o755)))
            .map_err(Error::host("copy our own binary to where others can reach it"))?;
        Ok(made)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            let _ = std::fs::remove_dir_all(copy);
        }
    }
}

/// A directory with a name that nobody can foresee.
pub(super) fn fresh_directory(within: &Path, mode: u32) -> std::io::Result<PathBuf> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let dir = within.join(format!("plumbline-run-{:032x}", u128::from_be_bytes(random)));
    // It fails if there is anything of that name.
    rustix::fs::mkdir(&dir, rustix::fs::Mode::from(0o700))?;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(mode))?;
    Ok(dir)
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
