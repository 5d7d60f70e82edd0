//! The bounds that the launcher puts on itself and on the thread that starts the tool, all of which the tool inherits.
//!
//! Limits are of the process; Landlock and seccomp are of the thread. So the launcher's other threads can still reach what the tool
//! cannot: the socket, the tree, and the processes that are to be ended.

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope,
    path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::super::wire::{Bounds, Landlock};
use super::super::{SECRETS, mounts};

/// The newest Landlock whose rights we know.
const KNOWN: ABI = ABI::V7;
/// How many files a process may have open: enough for a build, too few to exhaust the host.
const OPEN_FILES: u64 = 4096;
/// How much memory may be kept from being swapped out, and how many bytes message queues and signals may hold.
const LOCKED: u64 = 8 << 20;
const QUEUED: u64 = 1 << 20;
const SIGNALS: u64 = 4096;
/// One byte: no core fits into it, and the kernel does not start a program that collects cores either, which it does at zero.
const CORE: u64 = 1;
/// How long after the first signal at the end of its processor time a process is killed, in seconds.
const GRACE: u64 = 2;

/// What is read and run by everybody.
const SYSTEM: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc"];
/// What is read and not run.
const KERNEL: &[&str] = &["/proc"];

/// Bounds this process and all that it starts. Nothing of it can be undone.
pub(super) fn limit(bounds: &Bounds) -> std::io::Result<()> {
    let both = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let cpu = Rlimit { current: Some(bounds.cpu_seconds), maximum: Some(bounds.cpu_seconds.saturating_add(GRACE)) };
    setrlimit(Resource::Core, both(CORE))?;
    // A byte more than a file may have: one of that size was cut off, and none is by intent.
    setrlimit(Resource::Fsize, lower(Resource::Fsize, both(bounds.file_size.saturating_add(1))))?;
    setrlimit(Resource::Cpu, lower(Resource::Cpu, cpu))?;
    for (resource, most) in [
        (Resource::Nofile, Some(OPEN_FILES)),
        (Resource::Memlock, Some(LOCKED)),
        (Resource::Msgqueue, Some(QUEUED)),
        (Resource::Sigpending, Some(SIGNALS)),
        (Resource::Rtprio, Some(0)),
        (Resource::Nice, Some(0)),
        (Resource::Nproc, bounds.processes),
        (Resource::Data, bounds.data),
    ] {
        if let Some(most) = most {
            setrlimit(resource, lower(resource, both(most)))?;
        }
    }
    Ok(())
}

/// A limit that is not above the one there is: without rights none can be raised.
fn lower(resource: Resource, wanted: Rlimit) -> Rlimit {
    let there = rustix::process::getrlimit(resource);
    let least = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
    let maximum = least(wanted.maximum, there.maximum);
    Rlimit { current: least(wanted.current, maximum), maximum }
}

/// Closes to this thread, and to what it starts, all files but those of the system, of these roots, and its own; and all other processes.
pub(super) fn landlock(roots: &[std::path::PathBuf]) -> Result<Landlock, landlock::RulesetError> {
    let (all, read) = (AccessFs::from_all(KNOWN), AccessFs::from_read(KNOWN));
    let seen: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let devices = seen | AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    let own = [mounts::WORK, mounts::HOME, mounts::TMP, "/dev/shm"];
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(roots, read))?
        .add_rules(path_beneath_rules(KERNEL, seen))?
        // Passed over where there is none: a program that is given no secrets there.
        .add_rules(path_beneath_rules([SECRETS], seen))?
        .add_rules(path_beneath_rules(["/dev"], devices))?
        .add_rules(path_beneath_rules(own, all))?
        // Names alone: `ls /` is what people try first.
        .add_rules(path_beneath_rules(["/"], AccessFs::ReadDir))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Landlock::Full,
        RulesetStatus::PartiallyEnforced => Landlock::Partial,
        RulesetStatus::NotEnforced => Landlock::Missing,
    })
}

/// Shuts the kernel's doors to this thread and to what it starts.
pub(super) fn seccomp(may_share: bool) -> Result<(), String> {
    for filter in super::calls::filters(may_share)? {
        seccompiler::apply_filter(&filter).map_err(|error| format!("seccomp: {error}"))?;
    }
    Ok(())
}
