//! Counting all processes of a run together: cgroups, of version 2 or 1, beneath the one we are in ourselves.
//!
//! A group is made for each run, its bounds are written, and the sandbox's first process is put into it before it has any other. With
//! version 2 a group whose children are counted may hold no process itself, so we move into a child of our own first; that only goes where
//! the group is ours alone, as systemd's `Delegate=` makes it. With version 1 each controller has a tree of its own, and we take what is
//! writable.
//!
//! A group is called by what nobody can foresee, and whoever made it holds its lock, as with [`scratch`]: the number of a process
//! is another's after a while. One that nobody holds was left behind.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::limits::Counts;
use super::memory::Held;
use super::{Limits, process, scratch};
use crate::base::time::Clock;

/// How long is waited for a group to become empty.
const EMPTY: Duration = Duration::from_secs(2);
/// How much of the processors a run is given beside a group of the usual weight, where there is not enough for all: a fifth.
const WEIGHT: u64 = 20;
/// The same in version 1.
const SHARES: u64 = 204;
/// The group that we ourselves move to.
const OURS: &str = "plumbline-main";

/// A group in each tree that counts something: the one tree of version 2, or those of the controllers of version 1.
#[derive(Debug, Clone, Default)]
struct Trees {
    unified: Option<PathBuf>,
    memory: Option<PathBuf>,
    pids: Option<PathBuf>,
    cpu: Option<PathBuf>,
    /// Whether memory is told apart from files.
    tells_apart: bool,
}

impl Trees {
    /// What is counted for all processes together.
    fn counts(&self) -> Counts {
        let has = |tree: &Option<PathBuf>| self.unified.is_some() || tree.is_some();
        let memory = has(&self.memory);
        Counts { cpu: has(&self.cpu), memory, held: memory && self.tells_apart, processes: has(&self.pids) }
    }

    fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.unified, &self.memory, &self.pids, &self.cpu].into_iter().flatten()
    }
}

/// The cgroups of this machine that runs can be counted by.
#[derive(Debug, Clone, Default)]
pub struct Cgroups {
    trees: Trees,
    why_not: Option<String>,
}

impl Cgroups {
    /// None at all.
    pub(super) fn none(why: &str) -> Cgroups {
        Cgroups { why_not: Some(why.to_owned()), ..Cgroups::default() }
    }

    /// Looks at where we are and what is writable there, and clears away what an earlier process of ours left.
    pub(super) fn find() -> Cgroups {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Cgroups::among(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"), std::process::id())
    }

    /// Ends and removes what earlier processes of ours left, and changes nothing else.
    pub(super) fn sweep() {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (memberships, mounts) = (read("/proc/self/cgroup"), read("/proc/self/mountinfo"));
        for controller in [None, Some("memory"), Some("pids"), Some("cpuacct")] {
            let Some(dir) = directory(&memberships, &mounts, controller) else { continue };
            // Those of runs lie beside the one that we have moved to.
            sweep(if dir.ends_with(OURS) { dir.parent().unwrap_or(&dir) } else { &dir });
        }
    }

    fn among(memberships: &str, mounts: &str, own: u32) -> Cgroups {
        let mut found = Trees::default();
        let mut objections = Vec::new();
        if let Some(dir) = directory(memberships, mounts, None) {
            match delegated(&dir, own) {
                Ok(dir) => {
                    // At the top of the whole tree we need no group of our own.
                    let tells_apart = held(&dir.join(OURS)).or_else(|| held(&dir)).is_some();
                    return Cgroups { trees: Trees { unified: Some(dir), tells_apart, ..found }, why_not: None };
                }
                Err(why) => objections.push(why),
            }
        }
        for (controller, file, slot) in [
            ("memory", "memory.limit_in_bytes", &mut found.memory),
            ("pids", "pids.max", &mut found.pids),
            ("cpuacct", "cpuacct.usage", &mut found.cpu),
        ] {
            let Some(dir) = directory(memberships, mounts, Some(controller)) else { continue };
            sweep(&dir);
            let made = scratch::name().and_then(|name| {
                let trial = dir.join(name);
                std::fs::create_dir(&trial)?;
                let has_file = trial.join(file).exists();
                found.tells_apart |= held(&trial).is_some();
                let _ = std::fs::remove_dir(&trial);
                Ok(has_file)
            });
            match made {
                Ok(true) => *slot = Some(dir),
                Ok(false) => objections.push(format!("`{}` does not count {controller}", dir.display())),
                Err(why) => objections.push(format!("`{}` is not ours to write: {why}", dir.display())),
            }
        }
        let has_none = found.directories().next().is_none();
        let why_not = if objections.is_empty() { "there are none".to_owned() } else { objections.join("; ") };
        Cgroups { trees: found, why_not: has_none.then_some(why_not) }
    }

    /// What is counted for all processes of a run together.
    pub fn counts(&self) -> Counts {
        self.trees.counts()
    }

    /// Which version, and what of it; or why nothing.
    pub fn words(&self) -> String {
        if self.trees.unified.is_some() {
            return format!("cgroup v2: {}, processes, processor time", self.memory_words());
        }
        let Trees { memory, pids, cpu, .. } = &self.trees;
        let has: Vec<&str> = [(memory, self.memory_words()), (pids, "processes"), (cpu, "processor time")]
            .into_iter()
            .filter_map(|(dir, name)| dir.as_ref().map(|_| name))
            .collect();
        match &self.why_not {
            Some(why) => format!("no cgroups: {why}"),
            None => format!("cgroup v1: {}", has.join(", ")),
        }
    }

    fn memory_words(&self) -> &'static str {
        if self.trees.tells_apart { "memory" } else { "memory and files in one" }
    }

    /// A group for one run, with its bounds. What cannot be made is left out, as if there were no such controller.
    pub(super) fn group(&self, limits: &Limits) -> Group {
        let (name, mut locks) = (scratch::name().ok(), Vec::new());
        let mut make = |dir: &Option<PathBuf>, files: &[(&str, u64)]| {
            let dir = dir.as_ref()?.join(name.as_ref()?);
            std::fs::create_dir(&dir).ok()?;
            scratch::remember(&dir, end);
            locks.extend(scratch::lock(&dir));
            for (file, value) in files {
                // Not every kernel counts swap.
                let is_needed = !["swap", "memsw", "oom", "weight", "shares"].iter().any(|part| file.contains(part));
                if std::fs::write(dir.join(file), value.to_string()).is_err() && is_needed {
                    let _ = std::fs::remove_dir(&dir);
                    scratch::forget(&dir);
                    return None;
                }
            }
            Some(dir)
        };
        let (memory, tasks) = (limits.group_memory(), u64::from(limits.processes));
        let unified =
            [("memory.max", memory), ("memory.swap.max", 0), ("memory.oom.group", 1), ("pids.max", tasks), ("cpu.weight", WEIGHT)];
        let trees = Trees {
            unified: make(&self.trees.unified, &unified),
            memory: make(&self.trees.memory, &[("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)]),
            pids: make(&self.trees.pids, &[("pids.max", tasks)]),
            // What counts processor time mostly shares it out too. Where it does not, the launcher's niceness does alone: to be moved once
            // more would take longer than many a run.
            cpu: make(&self.trees.cpu, &[("cpu.shares", SHARES)]),
            tells_apart: self.trees.tells_apart,
        };
        Group { trees, _locks: locks }
    }
}

/// The directory of our own group: of a controller of version 1, or of version 2.
fn directory(memberships: &str, mounts: &str, controller: Option<&str>) -> Option<PathBuf> {
    let own = memberships.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let is_it = match controller {
            Some(controller) => controllers.split(',').any(|one| one == controller),
            None => controllers.is_empty(),
        };
        is_it.then_some(path)
    })?;
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let (kind, options) = (kind.next()?, kind.nth(1)?);
        let is_it = match controller {
            Some(controller) => kind == "cgroup" && options.split(',').any(|one| one == controller),
            None => kind == "cgroup2",
        };
        let mut place = place.split(' ').skip(3);
        let (root, at) = (place.next()?, place.next()?);
        // In a container the mount may begin somewhere within the whole tree.
        let beneath = Path::new(own).strip_prefix(root).ok()?;
        is_it.then(|| Path::new(at).join(beneath))
    })
}

/// Makes a directory of version 2 ready to hold groups that are counted, or says why it cannot.
fn delegated(dir: &Path, own: u32) -> Result<PathBuf, String> {
    const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];

    // An earlier call may have moved us already.
    let dir = if dir.ends_with(OURS) { dir.parent().unwrap_or(dir) } else { dir };
    let has = |file: &str| {
        let listed = std::fs::read_to_string(dir.join(file)).unwrap_or_default();
        NEEDED.iter().all(|needed| listed.split_whitespace().any(|one| one == *needed))
    };
    let told = |what: &str, why: io::Error| format!("`{}`: {what}: {why}", dir.display());
    if !has("cgroup.controllers") {
        return Err(format!("`{}` does not count memory, processes and processor time", dir.display()));
    }
    sweep(dir);
    if !has("cgroup.subtree_control") {
        let members = std::fs::read_to_string(dir.join("cgroup.procs")).map_err(|why| told("it cannot be read", why))?;
        if members.lines().any(|pid| pid != own.to_string()) {
            return Err(format!("`{}` has other processes than us: let systemd delegate one to us (`Delegate=`)", dir.display()));
        }
        let ours = dir.join(OURS);
        match std::fs::create_dir(&ours) {
            Err(why) if why.kind() != io::ErrorKind::AlreadyExists => return Err(told("it is not ours to write", why)),
            _ => {}
        }
        std::fs::write(ours.join("cgroup.procs"), own.to_string()).map_err(|why| told("we cannot move", why))?;
        let all = NEEDED.map(|one| format!("+{one}")).join(" ");
        std::fs::write(dir.join("cgroup.subtree_control"), all).map_err(|why| told("it cannot count what is in it", why))?;
    }
    Ok(dir.to_owned())
}

/// Ends and removes the groups that earlier processes had no time to remove.
fn sweep(dir: &Path) {
    for left in scratch::left_behind(dir, Clock::System.now()) {
        end(left.path());
    }
}

fn members(dir: &Path) -> Vec<Pid> {
    let listed = std::fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    listed.lines().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn kill(dir: &Path) {
    if std::fs::write(dir.join("cgroup.kill"), "1").is_err() {
        for pid in members(dir) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
}

/// Ends all that is in a group, and removes it.
fn end(dir: &Path) {
    let until = Instant::now() + EMPTY;
    kill(dir);
    while std::fs::remove_dir(dir).is_err() && dir.exists() && Instant::now() < until {
        process::pause(Duration::from_millis(2));
        kill(dir);
    }
}

/// What is in a group of memory, as either version tells it; `None` if it does not.
fn held(dir: &Path) -> Option<Held> {
    let text = std::fs::read_to_string(dir.join("memory.stat")).ok()?;
    let number = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    // In version 1 files on a disk are no part of `rss`, and those in memory are none either.
    Some(Held { private: number("anon").or_else(|| number("rss"))?, shared: number("shmem").unwrap_or(0) })
}

/// What a group has counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub cpu: Option<Duration>,
    pub peak_memory: Option<u64>,
    /// The kernel ended a process for want of memory.
    pub is_out_of_memory: bool,
    /// A process or thread was refused.
    pub is_out_of_processes: bool,
}

/// The group of one run. Dropped, it ends what is left in it.
#[derive(Debug)]
pub(super) struct Group {
    trees: Trees,
    _locks: Vec<File>,
}

impl Group {
    /// What it counts for all processes of the run together.
    pub(super) fn counts(&self) -> Counts {
        self.trees.counts()
    }

    /// Whether there is no group at all: nothing is counted.
    pub(super) fn is_none(&self) -> bool {
        self.trees.directories().next().is_none()
    }

    /// Puts a process into it, if it is not there yet; what it starts from now on is in it too.
    pub(super) fn add(&self, pid: Pid) -> io::Result<()> {
        // Moving waits until every processor has looked up, some 15 ms; asking does not.
        let mut others = self.trees.directories().filter(|dir| !members(dir).contains(&pid));
        others.try_for_each(|dir| std::fs::write(dir.join("cgroup.procs"), pid.as_raw_nonzero().to_string()))
    }

    /// Ends all that is in it.
    pub(super) fn kill(&self) {
        self.trees.directories().for_each(|dir| kill(dir));
    }

    /// What its processes hold, and what is in files in memory.
    pub(super) fn held(&self) -> Option<Held> {
        held(self.trees.unified.as_ref().or(self.trees.memory.as_ref())?)
    }

    /// What it has counted so far.
    pub(super) fn counted(&self) -> Counted {
        let number = |dir: &Option<PathBuf>, file: &str, name: &str| {
            let text = std::fs::read_to_string(dir.as_ref()?.join(file)).ok()?;
            let text = if name.is_empty() { &text } else { text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))? };
            text.trim().parse::<u64>().ok()
        };
        let is_some = |count: Option<u64>| count.is_some_and(|count| count > 0);
        let Trees { unified: all, memory, pids, cpu, .. } = &self.trees;
        Counted {
            cpu: number(all, "cpu.stat", "usage_usec")
                .map(Duration::from_micros)
                .or_else(|| number(cpu, "cpuacct.usage", "").map(Duration::from_nanos)),
            peak_memory: number(all, "memory.peak", "").or_else(|| number(memory, "memory.max_usage_in_bytes", "")),
            is_out_of_memory: is_some(number(all, "memory.events", "oom_kill"))
                || is_some(number(memory, "memory.oom_control", "oom_kill")),
            is_out_of_processes: is_some(number(all, "pids.events", "max")) || is_some(number(pids, "pids.events", "max")),
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.trees.directories().for_each(|dir| {
            end(dir);
            scratch::forget(dir);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::sandbox::{Keeper, Limit};

    const HYBRID: &str = "9:name=systemd:/\n8:pids:/\n4:memory:/outer/ab\n2:cpu,cpuacct:/outer/ab\n0::/";

    fn mount(root: &str, at: &Path, kind: &str, options: &str) -> String {
        format!("30 23 0:26 {root} {} rw,nosuid shared:9 - {kind} {kind} rw,{options}\n", at.display())
    }

    #[test]
    fn our_own_group_is_found_in_each_tree() {
        let mounts = mount("/", Path::new("/c/memory"), "cgroup", "memory")
            + &mount("/outer", Path::new("/c/cpu"), "cgroup", "cpu,cpuacct")
            + &mount("/", Path::new("/c/unified"), "cgroup2", "nsdelegate");
        let at = |controller| directory(HYBRID, &mounts, controller);
        assert_eq!(at(Some("memory")), Some("/c/memory/outer/ab".into()));
        // Mounted from a place within.
        assert_eq!(at(Some("cpuacct")), Some("/c/cpu/ab".into()));
        assert_eq!(at(Some("pids")), None);
        assert_eq!(at(None), Some("/c/unified/".into()));
    }

    /// A directory that looks like one of version 2.
    fn unified(controllers: &str, members: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cgroup.controllers"), controllers).unwrap();
        std::fs::write(dir.path().join("cgroup.subtree_control"), "").unwrap();
        std::fs::write(dir.path().join("cgroup.procs"), members).unwrap();
        std::fs::write(dir.path().join("memory.stat"), "anon 0\n").unwrap();
        dir
    }

    #[test]
    fn a_group_that_is_ours_alone_is_made_ready_by_moving_out_of_it() {
        let dir = unified("cpuset cpu io memory pids", "77\n");
        let found = Cgroups::among("0::/", &mount("/", dir.path(), "cgroup2", "nsdelegate"), 77);
        assert!(found.counts().all(), "{found:?}");
        let read = |file: &str| std::fs::read_to_string(dir.path().join(file)).unwrap();
        assert_eq!(read("plumbline-main/cgroup.procs"), "77");
        assert_eq!(read("cgroup.subtree_control"), "+cpu +memory +pids");
    }

    #[test]
    fn memory_that_is_not_told_apart_from_files_is_looked_at_as_if_nothing_counted_it() {
        let dir = unified("cpuset cpu io memory pids", "77\n");
        std::fs::remove_file(dir.path().join("memory.stat")).unwrap();
        let counts = Cgroups::among("0::/", &mount("/", dir.path(), "cgroup2", "nsdelegate"), 77).counts();
        assert!(counts.memory && !counts.held && !counts.all(), "{counts:?}");
        assert!(counts.keepers(true).contains(&(Limit::Memory, Keeper::Watch)));
    }

    #[test]
    fn a_group_that_others_are_in_or_that_counts_nothing_is_left_alone() {
        for (controllers, members, why) in [("cpu memory pids", "77\n78\n", "other processes"), ("hugetlb", "77\n", "does not count")] {
            let dir = unified(controllers, members);
            let found = Cgroups::among("0::/", &mount("/", dir.path(), "cgroup2", "nsdelegate"), 77);
            assert!(found.words().contains(why), "{}", found.words());
            assert_eq!(std::fs::read_to_string(dir.path().join("cgroup.subtree_control")).unwrap(), "");
        }
    }

    #[test]
    fn a_run_weighs_less_than_the_server_where_they_share_processors() {
        let dir = tempfile::tempdir().unwrap();
        let [all, counts] = ["all", "counts"].map(|name| dir.path().join(name));
        [&all, &counts].iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
        let weight = |trees: Trees, file: &str| {
            // What looks like a group here is a folder with files, which the kernel would not wait for.
            let group = std::mem::ManuallyDrop::new(Cgroups { trees, why_not: None }.group(&Limits::default()));
            let made = group.trees.directories().next().unwrap();
            std::fs::read_to_string(made.join(file)).unwrap().parse::<u64>().unwrap()
        };
        assert!(weight(Trees { unified: Some(all), ..Trees::default() }, "cpu.weight") < 100);
        assert!(weight(Trees { cpu: Some(counts), ..Trees::default() }, "cpu.shares") < 1024);
    }

    #[test]
    fn groups_that_were_left_behind_go_and_those_of_runs_do_not_whoever_has_the_number_of_a_process_by_now() {
        let dir = tempfile::tempdir().unwrap();
        let cgroups = Cgroups { trees: Trees { pids: Some(dir.path().to_owned()), ..Trees::default() }, why_not: None };
        let limits = Limits::default();
        // What looks like a group here is a folder with files, which the kernel would not wait for.
        let groups = [cgroups.group(&limits), cgroups.group(&limits)].map(std::mem::ManuallyDrop::new);
        let [one, other] = groups.each_ref().map(|group| group.trees.pids.clone().unwrap());
        assert!(one != other && one.join("pids.max").exists());
        let left = dir.path().join(format!("plumbline-run-{}-0", std::process::id()));
        std::fs::create_dir(&left).unwrap();
        let found = |now| scratch::left_behind(dir.path(), now).map(|left| left.path().to_owned()).collect::<Vec<_>>();
        assert_eq!(found(Clock::System.now()), [] as [PathBuf; 0], "its maker may be about to take the lock");
        assert_eq!(found(Clock::System.now() + Duration::from_secs(120)), [left]);
    }

    #[test]
    fn what_a_group_counted_is_read_from_either_version() {
        let dir = tempfile::tempdir().unwrap();
        let write = |file: &str, text: &str| std::fs::write(dir.path().join(file), text).unwrap();
        write("cpu.stat", "usage_usec 2500\nuser_usec 2000\n");
        write("memory.peak", "4096\n");
        write("memory.stat", "anon 1000\nfile 9000\nshmem 2000\nanon_thp 0\n");
        write("memory.events", "low 0\nmax 3\noom 1\noom_kill 0\noom_group_kill 0\n");
        write("pids.events", "max 2\n");
        write("cpuacct.usage", "7000000\n");
        write("memory.max_usage_in_bytes", "8192\n");
        write("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        let there = || Some(dir.path().to_owned());
        let v2 = std::mem::ManuallyDrop::new(Group { trees: Trees { unified: there(), ..Trees::default() }, _locks: Vec::new() });
        let counted = v2.counted();
        assert_eq!((counted.cpu, counted.peak_memory), (Some(Duration::from_micros(2500)), Some(4096)));
        assert!(!counted.is_out_of_memory && counted.is_out_of_processes);
        assert_eq!(v2.held(), Some(Held { private: 1000, shared: 2000 }));
        write("memory.stat", "cache 9000\nrss 3000\nrss_huge 0\nshmem 4000\ntotal_rss 3000\n");
        let v1 =
            std::mem::ManuallyDrop::new(Group { trees: Trees { memory: there(), cpu: there(), ..Trees::default() }, _locks: Vec::new() });
        let counted = v1.counted();
        assert_eq!((counted.cpu, counted.peak_memory), (Some(Duration::from_millis(7)), Some(8192)));
        assert!(counted.is_out_of_memory && !counted.is_out_of_processes);
        assert_eq!(v1.held(), Some(Held { private: 3000, shared: 4000 }));
        write("memory.stat", "");
        assert_eq!(v1.held(), None);
    }
}
