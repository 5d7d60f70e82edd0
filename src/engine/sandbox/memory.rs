//! Whether the processes of a run hold more memory than they may, where a cgroup counts.
//!
//! What they write to files is memory too, and the kernel charges both to the group: what it bounds is the sum. So the part that is theirs is
//! taken out of what the group counts: their private memory, and what they share without a file. The kernel counts the latter together with
//! the files, of which their file systems tell how large they are. Nothing of it is read before the whole is larger than their part may be.

use std::os::fd::OwnedFd;

use super::cgroup::{Counted, Group};

/// What a group counts of memory at a moment, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Of one process each.
    pub private: u64,
    /// In file systems in memory, and what is shared without a file.
    pub shared: u64,
}

/// What is needed to tell memory from files, from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The file systems in memory that the run has. Let go before the run is taken down, since that waits for them.
    pub files: Vec<OwnedFd>,
    /// Whether it was too much at the look before, when what is shared is counted.
    was_over: bool,
}

impl Memory {
    /// Whether the processes of a group hold more than so many bytes.
    pub(super) fn is_over(&mut self, group: &Group, counted: &Counted, most: u64) -> bool {
        if counted.peak_memory.is_some_and(|peak| peak <= most) {
            return false;
        }
        let before = self.in_files();
        let Some(held) = group.held() else { return false };
        let files = before.max(self.in_files());
        if held.private > most {
            return true;
        }
        // Without a word of the files all that is shared may be in them.
        let shared = files.map_or(0, |files| held.shared.saturating_sub(files));
        let is_over = held.private.saturating_add(shared) > most;
        // A file may have come and gone between the two figures: once is not enough.
        std::mem::replace(&mut self.was_over, is_over) && is_over
    }

    /// How many bytes are in files; `None` if that is not known.
    fn in_files(&self) -> Option<u64> {
        let used = |room: rustix::fs::StatVfs| room.f_blocks.saturating_sub(room.f_bfree).saturating_mul(room.f_frsize);
        let sizes = self.files.iter().map(|files| rustix::fs::fstatvfs(files).ok().map(used));
        if self.files.is_empty() { None } else { sizes.sum() }
    }
}
