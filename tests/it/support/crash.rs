//! A disk in memory that does to the store what real ones do: it loses what was not synced when the power goes, it runs full, it fails.
//!
//! Writes and changes of length are kept in order until a sync makes them durable. A power cut keeps a random part of what was not
//! synced, cut at sectors of 512 bytes, so that a write may be torn and writes may be reordered. A failed sync does the same to what is
//! read afterwards, since an operating system may drop the pages it could not write.
//!
//! Handles belong to one run of the machine: after a cut the old ones are of no use.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

use super::Random;

const SECTOR: u64 = 512;
/// What a file system allocates at a time.
const BLOCK: u64 = 4_096;

/// The disk; clones are the same one.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// What is read.
    live: Vec<u8>,
    /// What a cut cannot take.
    durable: Vec<u8>,
    /// What was done since the last sync, in order.
    unsynced: Vec<Change>,
    random: Random,
    /// Which run of the machine this is.
    run: u64,
    /// How many calls were made that change the disk, and a digest of them all.
    calls: u64,
    digest: u64,
    /// The call at which the power goes.
    cut_at: Option<u64>,
    is_cut: bool,
    /// The call that fails.
    fail_at: Option<u64>,
    is_read_to_fail: bool,
    /// How many blocks there are, and which are in use.
    blocks: Option<u64>,
    used: Vec<bool>,
    /// Whether a sync makes anything durable.
    is_honest: bool,
}

#[derive(Debug)]
enum Change {
    Write { at: u64, bytes: Vec<u8> },
    SetLen(u64),
}

fn apply(image: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { at, bytes } => write_within(image, *at, bytes),
        Change::SetLen(len) => image.resize(usize::try_from(*len).unwrap(), 0),
    }
}

/// Writes what lies within the image: where a change of length was lost, so is what was written behind it.
fn write_within(image: &mut [u8], at: u64, bytes: &[u8]) {
    let at = usize::try_from(at).unwrap().min(image.len());
    let end = (at + bytes.len()).min(image.len());
    image[at..end].copy_from_slice(&bytes[..end - at]);
}

impl Disk {
    pub fn new(seed: u64) -> Disk {
        Disk(Arc::new(Mutex::new(State {
            live: Vec::new(),
            durable: Vec::new(),
            unsynced: Vec::new(),
            random: Random::new(seed),
            run: 0,
            calls: 0,
            digest: 0,
            cut_at: None,
            is_cut: false,
            fail_at: None,
            is_read_to_fail: false,
            blocks: None,
            used: Vec::new(),
            is_honest: true,
        })))
    }

    /// A disk that answers a sync without having done it.
    pub fn dishonest(seed: u64) -> Disk {
        let disk = Disk::new(seed);
        disk.state().is_honest = false;
        disk
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the disk in the present run of the machine.
    pub fn handle(&self) -> Handle {
        Handle { disk: self.clone(), run: self.state().run }
    }

    /// Lets the power go at the `calls`-th call from now that changes the disk.
    pub fn cut_after(&self, calls: u64) {
        let mut state = self.state();
        state.cut_at = Some(state.calls + calls);
    }

    /// Lets the `calls`-th call from now that changes the disk fail, once.
    pub fn fail_after(&self, calls: u64) {
        let mut state = self.state();
        state.fail_at = Some(state.calls + calls);
    }

    /// Lets the next read fail.
    pub fn fail_next_read(&self) {
        self.state().is_read_to_fail = true;
    }

    /// Whether the failure that was asked for is still to come.
    pub fn is_to_fail(&self) -> bool {
        self.state().fail_at.is_some()
    }

    /// Gives the disk so many blocks more than are in use, or as many as it likes.
    pub fn set_room(&self, blocks: Option<u64>) {
        let mut state = self.state();
        let used = state.used.iter().filter(|used| **used).count() as u64;
        state.blocks = blocks.map(|blocks| used + blocks);
    }

    /// Whether the power is off.
    pub fn is_cut(&self) -> bool {
        self.state().is_cut
    }

    /// Switches the machine on again, after a cut or in the middle of things: what was not synced is there in part.
    pub fn restart(&self) {
        let mut state = self.state();
        state.lose();
        state.run += 1;
        state.is_cut = false;
        state.cut_at = None;
    }

    /// How many calls were made that change the disk, and a digest of what they changed.
    pub fn history(&self) -> (u64, u64) {
        let state = self.state();
        (state.calls, state.digest)
    }
}

impl State {
    /// Keeps a random part of what was not synced.
    fn lose(&mut self) {
        let mut image = std::mem::take(&mut self.durable);
        // From nothing survives to everything does.
        let percent = [0, 10, 50, 90, 100][usize::try_from(self.random.below(5)).unwrap()];
        for change in std::mem::take(&mut self.unsynced) {
            match change {
                Change::SetLen(_) => {
                    if self.random.chance(percent) {
                        apply(&mut image, &change);
                    }
                }
                Change::Write { at, bytes } => {
                    let mut from = 0;
                    while from < bytes.len() {
                        let to_boundary = SECTOR - (at + from as u64) % SECTOR;
                        let to = (from + usize::try_from(to_boundary).unwrap()).min(bytes.len());
                        if self.random.chance(percent) {
                            write_within(&mut image, at + from as u64, &bytes[from..to]);
                        }
                        from = to;
                    }
                }
            }
        }
        self.durable.clone_from(&image);
        self.live = image;
    }

    fn note(&mut self, parts: [u64; 3]) {
        self.calls += 1;
        for part in parts {
            self.digest = (self.digest ^ part).wrapping_mul(0x0100_0000_01b3).rotate_left(23);
        }
    }

    fn fails_now(&mut self) -> bool {
        let is_due = self.fail_at.is_some_and(|at| self.calls >= at);
        if is_due {
            self.fail_at = None;
        }
        is_due
    }

    fn is_cut_now(&mut self) -> bool {
        self.is_cut |= self.cut_at.is_some_and(|at| self.calls >= at);
        self.is_cut
    }

    fn allocate(&mut self, at: u64, len: u64) -> io::Result<()> {
        let room = self.blocks.unwrap_or(u64::MAX);
        let blocks = usize::try_from(at / BLOCK).unwrap()..usize::try_from((at + len).div_ceil(BLOCK)).unwrap();
        if self.used.len() < blocks.end {
            self.used.resize(blocks.end, false);
        }
        let mut in_use = self.used.iter().filter(|used| **used).count() as u64;
        for block in blocks {
            if !self.used[block] {
                if in_use >= room {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                in_use += 1;
                self.used[block] = true;
            }
        }
        Ok(())
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.live, &change);
        self.unsynced.push(change);
    }
}

/// The disk as one run of the machine has it open.
#[derive(Debug)]
pub struct Handle {
    disk: Disk,
    run: u64,
}

fn eio() -> io::Error {
    io::Error::other("the disk failed")
}

impl Handle {
    fn on(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.is_cut || state.run != self.run { Err(io::Error::other("the power is off")) } else { Ok(state) }
    }
}

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        Ok(self.on()?.live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.on()?;
        if std::mem::take(&mut state.is_read_to_fail) {
            return Err(eio());
        }
        let from = usize::try_from(offset).unwrap();
        let bytes = state.live.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.on()?;
        state.note([1, len, 0]);
        if state.fails_now() {
            return Err(eio());
        }
        state.change(Change::SetLen(len));
        if state.is_cut_now() { Err(eio()) } else { Ok(()) }
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.on()?;
        state.note([2, 0, 0]);
        if state.is_cut_now() {
            return Err(eio());
        }
        if state.fails_now() {
            state.lose();
            return Err(eio());
        }
        if state.is_honest {
            let changes = std::mem::take(&mut state.unsynced);
            changes.iter().for_each(|change| apply(&mut state.durable, change));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.on()?;
        let content = data.chunks(97).fold(data.len() as u64, |sum, part| sum.rotate_left(9) ^ u64::from(part[0]));
        state.note([3, offset, content]);
        if state.fails_now() {
            return Err(eio());
        }
        state.allocate(offset, data.len() as u64)?;
        if offset + data.len() as u64 > state.live.len() as u64 {
            state.change(Change::SetLen(offset + data.len() as u64));
        }
        // What is being written when the power goes is torn as well.
        state.change(Change::Write { at: offset, bytes: data.to_vec() });
        if state.is_cut_now() { Err(eio()) } else { Ok(()) }
    }
}
