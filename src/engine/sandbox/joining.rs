//! The way of a sandbox into its cgroup, beside its coming up.

use std::process::Child;
use std::sync::mpsc::{Sender, channel};
use std::thread::{Scope, ScopedJoinHandle};

use rustix::process::Pid;

use super::cgroup::Group;
use super::{Error, Result, process};

/// A sandbox on its way into its cgroup, on a thread of its own: to be moved takes the kernel some 15 ms of looking on, in which the sandbox
/// comes up and is sent its tree. No program is started before it has arrived.
pub(super) enum Joining<'scope> {
    Thread {
        launcher: Sender<Pid>,
        thread: ScopedJoinHandle<'scope, std::io::Result<()>>,
    },
    /// No thread could be had, or none is needed.
    Here {
        group: &'scope Group,
        launcher: Option<Pid>,
    },
}

impl<'scope> Joining<'scope> {
    /// Begins with the process that was started, so that what comes after it need not be moved, or not for long.
    pub(super) fn begin<'env>(scope: &'scope Scope<'scope, 'env>, group: &'env Group, child: &Child) -> Joining<'scope> {
        let (launcher, named) = channel();
        let started = process::pid_of(child);
        let join = move || {
            if let Some(pid) = started {
                let _ = group.add(pid);
            }
            named.iter().try_for_each(|pid| group.add(pid))
        };
        if group.is_none() {
            return Joining::Here { group, launcher: None };
        }
        match std::thread::Builder::new().name("cgroup".into()).spawn_scoped(scope, join) {
            Ok(thread) => Joining::Thread { launcher, thread },
            Err(_) => Joining::Here { group, launcher: None },
        }
    }

    /// Names the launcher, which is to be in the group before it starts anything.
    pub(super) fn name(&mut self, pid: Pid) {
        match self {
            // Should the thread be gone, that is told when it is waited for.
            Joining::Thread { launcher, .. } => drop(launcher.send(pid)),
            Joining::Here { launcher, .. } => *launcher = Some(pid),
        }
    }

    /// Waits until what was named is in the group.
    pub(super) fn arrive(self) -> Result<()> {
        let joined = match self {
            Joining::Thread { launcher, thread } => {
                drop(launcher);
                thread.join().unwrap_or_else(|_| Err(std::io::Error::other("a thread of ours ended")))
            }
            Joining::Here { group, launcher } => launcher.map_or(Ok(()), |pid| group.add(pid)),
        };
        joined.map_err(Error::host("put the sandbox into its cgroup"))
    }
}
