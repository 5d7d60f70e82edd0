//! The tier `native`: bubblewrap, started with nothing of ours but one socket and two pipes.
//!
//! Bubblewrap's own processes can be looked at from inside, so its environment is empty. Run by root it becomes a user that nobody else
//! is: the kernel then has nothing to give even to who gets out.

use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
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

impl Drop for Launcher {
    fn drop(&mut self) {
        if let Some(copy) = &self.copy {
            let _ = std::fs::remove_dir_all(copy);
        }
    }
}

/// What our directories are called, before the number of our process and what nobody can foresee.
const PREFIX: &str = "plumbline-run-";

/// Removes the directories that earlier processes of ours had no time to remove.
pub(super) fn sweep(within: &Path) {
    for entry in std::fs::read_dir(within).into_iter().flatten().filter_map(std::result::Result::ok) {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse().ok());
        let is_ours = entry.metadata().is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw());
        let is_gone = |pid| rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH);
        if is_ours && owner.and_then(rustix::process::Pid::from_raw).is_some_and(is_gone) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory with a name that nobody can foresee.
pub(super) fn fresh_directory(within: &Path, mode: u32) -> std::io::Result<PathBuf> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let dir = within.join(format!("{PREFIX}{}-{:032x}", std::process::id(), u128::from_be_bytes(random)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_processes_left_that_are_gone_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let own = fresh_directory(dir.path(), 0o700).unwrap();
        // No process has a number this high.
        let names = ["plumbline-run-2147483646-ab", "plumbline-run-x-ab", "other"];
        names.iter().for_each(|name| std::fs::create_dir(dir.path().join(name)).unwrap());
        sweep(dir.path());
        let left: Vec<bool> = names.iter().map(|name| dir.path().join(name).exists()).collect();
        assert_eq!(left, [false, true, true]);
        assert!(own.exists());
    }

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
