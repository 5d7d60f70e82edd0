//! Looking at a tree of processes from outside, and ending it: for what no cgroup does.

use std::collections::HashSet;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal};

/// What a tree of processes uses at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Processes and threads.
    pub tasks: u64,
    /// Bytes of memory: what they hold that is not a file on a disk. What they share is counted once for each.
    pub memory: u64,
    /// Processor time of those that live and of those they waited for, in milliseconds.
    pub cpu_ms: u64,
}

/// The most processes that are looked at.
const MOST: usize = 1 << 16;
/// How long a tick of the kernel's accounting is: 100 a second on every architecture that we run on.
const TICK_MS: u64 = 10;

/// A process that was found beneath another.
#[derive(Debug, Clone, Copy)]
struct Found {
    pid: Pid,
    /// Whose child it was.
    parent: Pid,
}

/// A process and all beneath it, from the top down.
pub(super) fn beneath(top: Pid) -> Vec<Pid> {
    std::iter::once(top).chain(found_beneath(top).into_iter().map(|found| found.pid)).collect()
}

fn found_beneath(top: Pid) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let (mut at, mut parent) = (0, top);
    loop {
        let threads = std::fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero())).into_iter().flatten().filter_map(Result::ok);
        for thread in threads {
            let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?));
            found.extend(children.map(|pid| Found { pid, parent }));
        }
        match found.get(at).filter(|_| found.len() < MOST) {
            Some(next) => parent = next.pid,
            None => return found,
        }
        at += 1;
    }
}

/// What a process and all beneath it use.
pub(super) fn usage(top: Pid) -> Usage {
    let mut sum = Usage::default();
    for pid in beneath(top) {
        if let Some(one) = usage_of(pid) {
            sum.tasks += one.tasks;
            sum.memory += one.memory;
            sum.cpu_ms += one.cpu_ms;
        }
    }
    sum
}

fn usage_of(pid: Pid) -> Option<Usage> {
    let pid = pid.as_raw_nonzero();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    // A process that has ended and is not waited for has no memory.
    let memory = (number("RssAnon:").unwrap_or(0) + number("RssShmem:").unwrap_or(0)) << 10;
    let cpu_ms = cpu_ms(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, 11..15)?;
    Some(Usage { tasks: number("Threads:").unwrap_or(1), memory, cpu_ms })
}

/// The sum of some times in a line of `/proc/<pid>/stat`, counted from after the state: 11 to 14 are user and system time of the process
/// and of the children it waited for.
pub(super) fn cpu_ms(stat: &str, fields: std::ops::Range<usize>) -> Option<u64> {
    // The name may hold anything, brackets too.
    let after = stat.get(stat.rfind(')')? + 2..)?;
    let all: Vec<&str> = after.split(' ').collect();
    all.get(fields)?.iter().map(|field| field.parse::<u64>().ok()).sum::<Option<u64>>().map(|ticks| ticks * TICK_MS)
}

/// How often it is looked for processes that were started since the last look.
const LOOKS: u32 = 100;

/// Ends all that is beneath a process, which is to take in orphans. Answers whether nothing of it lives any more.
///
/// All are stopped before the first is killed, until none is found that was started meanwhile: who starts others all the time is never
/// caught up with by killing, and whose parent is killed first is no longer beneath. Numbers are not kept from one look to the next for
/// anything but that: the number of one that has ended is soon somebody else's, where processes are started by the thousand.
pub(super) fn end_beneath(top: Pid) -> bool {
    let mut stopped = HashSet::new();
    for _ in 0..LOOKS {
        let new: Vec<Found> = living_beneath(top).into_iter().filter(|found| stopped.insert(found.pid)).collect();
        if new.is_empty() {
            break;
        }
        new.into_iter().for_each(|found| signal(found, Signal::STOP));
    }
    for _ in 0..LOOKS {
        let left = living_beneath(top);
        if left.is_empty() {
            return true;
        }
        left.into_iter().for_each(|found| signal(found, Signal::KILL));
    }
    false
}

/// Signals a process that was just found, and nobody who has its number by now: one who is the child of another is passed over, and found
/// again if it is beneath.
fn signal(found: Found, signal: Signal) {
    let Found { pid, parent } = found;
    let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty());
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    // The name may hold anything, brackets too.
    let of = stat.rfind(") ").and_then(|at| stat[at + 2..].split(' ').nth(1)).and_then(|of| Pid::from_raw(of.parse().ok()?));
    if of != Some(parent) {
        return;
    }
    let _ = match handle {
        Ok(handle) => rustix::process::pidfd_send_signal(handle, signal),
        // Descriptors may have run out.
        Err(_) => rustix::process::kill_process(pid, signal),
    };
}

/// What is beneath a process and has not ended.
fn living_beneath(top: Pid) -> Vec<Found> {
    let has_ended = |found: &Found| {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", found.pid.as_raw_nonzero())).unwrap_or_default();
        stat.rfind(')').is_none_or(|at| [") Z", ") X"].iter().any(|state| stat[at..].starts_with(state)))
    };
    found_beneath(top).into_iter().filter(|found| !has_ended(found)).collect()
}

/// The number of a process that we have started.
pub(super) fn pid_of(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

/// How often it is looked, a millisecond apart, whether a process has stopped that was told to.
const STOPPING: u32 = 20;

/// Ends a process and all beneath it, though it may be about to start another: it is stopped first. What bubblewrap starts waits for it with
/// no end while it is coming up, and would be left behind.
pub(super) fn end_coming_up(top: Pid) {
    let _ = rustix::process::kill_process(top, Signal::STOP);
    for _ in 0..STOPPING {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", top.as_raw_nonzero())).unwrap_or_default();
        // Stopped, ended, or gone.
        if stat.rfind(')').is_none_or(|at| [") T", ") Z", ") X"].iter().any(|state| stat[at..].starts_with(state))) {
            break;
        }
        pause(Duration::from_millis(1));
    }
    end_beneath(top);
    let _ = rustix::process::kill_process(top, Signal::KILL);
}

/// Ends all that this process has started.
pub(super) fn end_children() {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().filter_map(Result::ok);
    for thread in threads {
        let listed = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        listed.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).for_each(end_coming_up);
    }
}

/// Waits for the end of a process that is late, on a thread of its own: what nobody waits for stays in the list of processes.
pub(super) fn wait_beside(mut child: Child) {
    let waits = move || {
        // However it ends, it is no news any more.
        let _ = child.wait();
    };
    if let Err(error) = std::thread::Builder::new().name("reaper".to_owned()).spawn(waits) {
        tracing::warn!("a process that is late to end is not waited for: {error}");
    }
}

/// Waits, without anything to wait for.
pub(super) fn pause(time: Duration) {
    if let Ok(time) = rustix::event::Timespec::try_from(time) {
        let _ = rustix::event::poll(&mut [], Some(&time));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_a_name_that_looks_like_the_end_of_one() {
        let stat = "7 (a) S 1 (b) S 1 1 1 0 -1 0 0 0 0 0 3 4 5 6 20 0 1 0 0 0";
        assert_eq!(cpu_ms(stat, 11..15), Some(180));
        assert_eq!(cpu_ms(stat, 13..15), Some(110));
        assert_eq!(cpu_ms("7 (a", 11..15), None);
        assert_eq!(cpu_ms("", 11..15), None);
    }

    #[test]
    fn a_process_is_the_first_of_its_tree_and_uses_something() {
        let own = rustix::process::getpid();
        assert_eq!(beneath(own)[0], own);
        let usage = usage(own);
        assert!(usage.tasks >= 1 && usage.memory > 0, "{usage:?}");
    }

    #[test]
    fn nobody_is_signaled_who_has_the_number_of_one_that_was_found() {
        #[expect(clippy::disallowed_methods, reason = "it is about processes")]
        let mut child = std::process::Command::new("/bin/sleep").arg("100").spawn().unwrap();
        let (pid, own) = (pid_of(&child).unwrap(), rustix::process::getpid());
        signal(Found { pid, parent: Pid::INIT }, Signal::KILL);
        pause(Duration::from_millis(20));
        assert!(child.try_wait().unwrap().is_none(), "it is the child of another than was found");
        signal(Found { pid, parent: own }, Signal::KILL);
        assert!(!child.wait().unwrap().success());
    }
}
