//! How much a run may use, and what keeps each of these bounds on this machine.
//!
//! The best keeper is a cgroup, which counts all processes together. Where none can be made, limits of single processes and a look at the
//! tree of processes every so often take its place: weaker, so an [`Outcome`](super::Outcome) says which keeper each bound had.

use std::time::Duration;

use crate::base::text;

/// How much a run may use. At each of these bounds the whole tree of processes ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take, by a clock that nothing inside can stop: 10 minutes.
    pub wall: Duration,
    /// How much processor time all its processes may use together: 20 minutes.
    pub cpu: Duration,
    /// How many bytes of memory its processes may use: 2 GiB. The files it writes are memory too and are counted apart.
    pub memory: u64,
    /// How many processes and threads there may be at once: 512.
    pub processes: u32,
    /// The largest file it may write: 1 GiB.
    pub file_size: u64,
    /// How many bytes all files may take together, the checkout included: 2 GiB.
    pub tmpfs_bytes: u64,
    /// How many files, folders and links there may be, the checkout included: 1 Mi. One without a byte takes memory too.
    pub names: u64,
    /// How many bytes of stdout are kept, whole up to this many: 64 MiB.
    pub stdout_bytes: usize,
    /// How many bytes of stderr are kept: 4 MiB.
    pub stderr_bytes: usize,
    /// How many bytes it may write to both: 128 MiB.
    pub output_bytes: u64,
    /// The largest file that is read back: 64 MiB.
    pub output_file_bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            wall: Duration::from_secs(600),
            cpu: Duration::from_secs(1200),
            memory: 2 << 30,
            processes: 512,
            file_size: 1 << 30,
            tmpfs_bytes: 2 << 30,
            names: 1 << 20,
            stdout_bytes: 64 << 20,
            stderr_bytes: 4 << 20,
            output_bytes: 128 << 20,
            output_file_bytes: 64 << 20,
        }
    }
}

/// The most bytes of memory that programs share by name, beside the files.
const SHARED: u64 = 64 << 20;

impl Limits {
    /// How large `/dev/shm` is.
    pub(super) fn shared_bytes(&self) -> u64 {
        (self.tmpfs_bytes / 4).clamp(1 << 20, SHARED)
    }

    /// What a cgroup is told: memory, and the files, which are charged to whoever writes them. What is memory of it is
    /// [told apart](super::memory) by looking.
    pub(super) fn group_memory(&self) -> u64 {
        self.memory.saturating_add(self.tmpfs_bytes).saturating_add(self.shared_bytes())
    }

    /// How much a bound allows, with its unit, for people.
    pub fn of(&self, limit: Limit) -> String {
        match limit {
            Limit::Cpu => text::duration(u64::try_from(self.cpu.as_millis()).unwrap_or(u64::MAX)),
            Limit::Memory => text::bytes(self.memory),
            Limit::Processes => text::thousands(u64::from(self.processes)),
            Limit::FileSize => text::bytes(self.file_size),
            Limit::Disk => text::bytes(self.tmpfs_bytes),
            Limit::Names => text::thousands(self.names),
            Limit::Output => text::bytes(self.output_bytes),
        }
    }

    /// Processor time in whole seconds, at least one: what a limit of a single process takes.
    pub(super) fn cpu_seconds(&self) -> u64 {
        self.cpu.as_secs().saturating_add(u64::from(self.cpu.subsec_nanos() > 0)).max(1)
    }
}

/// What cgroups count for all processes of a run together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Processor time.
    pub cpu: bool,
    /// Memory together with files, which they bound.
    pub memory: bool,
    /// Memory without files.
    pub held: bool,
    /// Processes and threads, which they bound.
    pub processes: bool,
}

impl Counts {
    /// Whether nothing has to be looked at besides.
    pub fn all(self) -> bool {
        self.cpu && self.held && self.processes
    }

    /// Each bound and what keeps it, in a sandbox of bubblewrap's or without any.
    pub(super) fn keepers(self, is_sandbox: bool) -> Vec<(Limit, Keeper)> {
        let by = |has: bool| if has { Keeper::Cgroup } else { Keeper::Watch };
        let processes = match self.processes {
            true => Keeper::Cgroup,
            // The kernel counts the processes of a user within a user namespace, so in a sandbox it counts those of the run alone.
            false if is_sandbox => Keeper::EachProcess,
            false => Keeper::Watch,
        };
        vec![
            (Limit::Cpu, by(self.cpu)),
            (Limit::Memory, by(self.held)),
            (Limit::Processes, processes),
            (Limit::FileSize, Keeper::EachProcess),
            (Limit::Disk, if is_sandbox { Keeper::FileSystem } else { Keeper::Nothing }),
            (Limit::Names, if is_sandbox { Keeper::Launcher } else { Keeper::Nothing }),
            (Limit::Output, Keeper::Reader),
        ]
    }
}

/// A bound that a run can reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Limit {
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Processes and threads.
    Processes,
    /// The size of one file.
    FileSize,
    /// The room that all files take.
    Disk,
    /// Files, folders and links.
    Names,
    /// What is written to stdout and stderr.
    Output,
}

impl Limit {
    /// Every bound.
    pub const ALL: [Limit; 7] = [Limit::Cpu, Limit::Memory, Limit::Processes, Limit::FileSize, Limit::Disk, Limit::Names, Limit::Output];

    /// What was too much, for people.
    pub fn words(self) -> &'static str {
        match self {
            Limit::Cpu => "processor time",
            Limit::Memory => "memory",
            Limit::Processes => "processes and threads",
            Limit::FileSize => "the size of one file",
            Limit::Disk => "room for files",
            Limit::Names => "number of files, folders and links",
            Limit::Output => "output",
        }
    }
}

/// What keeps a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Keeper {
    /// A cgroup: the kernel counts all processes together.
    Cgroup,
    /// A file system of a fixed size.
    FileSystem,
    /// The first process of the sandbox, which looks at its file systems all the time.
    Launcher,
    /// A limit of each single process, kept by the kernel.
    EachProcess,
    /// A look at all processes every so often, together with a limit of each single one. What is used between two looks is not seen.
    Watch,
    /// We read what is written, and stop.
    Reader,
    /// Nothing: it is not kept in this tier.
    Nothing,
}

impl Keeper {
    /// What keeps it, for people.
    pub fn words(self) -> &'static str {
        match self {
            Keeper::Cgroup => "a cgroup, which counts all processes together",
            Keeper::FileSystem => "a file system of a fixed size",
            Keeper::Launcher => "a look at the file systems all the time",
            Keeper::EachProcess => "a limit of each single process",
            Keeper::Watch => "a look at all processes every so often",
            Keeper::Reader => "reading along, and stopping",
            Keeper::Nothing => "nothing",
        }
    }

    /// Whether it can be got around for a while.
    pub fn is_weaker(self) -> bool {
        matches!(self, Keeper::Watch | Keeper::Nothing)
    }

    /// Whether it keeps this bound less well than could be: what all processes use together is not bounded by what each may.
    pub fn is_weaker_for(self, limit: Limit) -> bool {
        self.is_weaker() || (self == Keeper::EachProcess && matches!(limit, Limit::Cpu | Limit::Memory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_counted_beside_memory() {
        let limits = Limits { memory: 1 << 20, tmpfs_bytes: 8 << 20, ..Limits::default() };
        assert_eq!(limits.shared_bytes(), 2 << 20);
        assert_eq!(limits.group_memory(), 11 << 20);
    }

    #[test]
    fn a_part_of_a_second_is_a_second() {
        let seconds = |ms| Limits { cpu: Duration::from_millis(ms), ..Limits::default() }.cpu_seconds();
        assert_eq!([seconds(0), seconds(1), seconds(1000), seconds(1001)], [1, 1, 1, 2]);
    }
}
