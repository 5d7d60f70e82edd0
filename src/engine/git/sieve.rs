//! A pack on its way in, read through once before anything is made of it: contents too large to be loaded are taken out and kept
//! beside it, and what would need more memory than we give is refused by name.
//!
//! gix indexes a pack by loading each object whole, and holds its compressed bytes before it knows how many they are. So the pack that it
//! is given is not the one that came: where a large blob stood stands a line that says so (an object that nobody names), and deltas behind
//! it say their new distance. Everything else goes through byte by byte. Memory is a few pieces of 64 KiB.

use std::io::{BufRead, Read};

use gix::hash::{Hasher, Kind as Hash, ObjectId};
use gix::objs::{Data, Kind};
use gix_pack::data::entry::Header;
use gix_pack::data::input;

use super::aside::Aside;
use super::inflate::{Inflate, Inflated};
use super::intake::Bounds;
use super::{Error, Result};

/// How much is handed on at a time.
const PIECE: usize = 64 << 10;
/// How many bytes longer than twice its object a compressed form may be.
const SLACK: u64 = 64 << 10;
/// The most bytes that the two lengths at the head of a delta take.
const LENGTHS: usize = 20;

/// A pack as gix may read it. The first failure of ours is kept in `failure`.
pub(super) struct Sieve<'a> {
    source: Source<'a>,
    aside: Aside<'a>,
    bounds: &'a Bounds<'a>,
    at: At,
    /// How many objects are still to come.
    left: u32,
    out: Vec<u8>,
    /// How much of `out` was handed on.
    given: usize,
    written: u64,
    hash: Hasher,
    /// From which place on the old pack is how far ahead of the new one: ascending, only where that changes.
    shifts: Vec<(u64, i64)>,
    piece: Vec<u8>,
    pub failure: Option<Error>,
}

enum At {
    Head,
    Entry,
    Within(Box<Within>),
    Trailer,
    End,
}

/// An object of which a part went through.
struct Within {
    inflate: Inflate,
    is_delta: bool,
    /// Where its compressed form begins.
    begun: u64,
    size: u64,
    seen: u64,
    /// The first bytes of a delta.
    head: Vec<u8>,
}

impl<'a> Sieve<'a> {
    pub fn new(pack: &'a mut dyn BufRead, aside: Aside<'a>, bounds: &'a Bounds<'a>) -> Sieve<'a> {
        Sieve {
            source: Source { from: pack, hash: gix::hash::hasher(Hash::Sha1), read: 0, kept: None },
            aside,
            bounds,
            at: At::Head,
            left: 0,
            out: Vec::new(),
            given: 0,
            written: 0,
            hash: gix::hash::hasher(Hash::Sha1),
            shifts: Vec::new(),
            piece: vec![0; PIECE],
            failure: None,
        }
    }

    /// Takes the next step through the pack.
    fn step(&mut self) -> Result<()> {
        self.at = match std::mem::replace(&mut self.at, At::End) {
            At::Head => self.head()?,
            At::Entry if self.left == 0 => At::Trailer,
            At::Entry => self.entry()?,
            At::Within(within) => self.within(within)?,
            At::Trailer => self.trailer()?,
            At::End => At::End,
        };
        Ok(())
    }

    fn emit(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.out.extend_from_slice(bytes);
        self.written += bytes.len() as u64;
    }

    fn head(&mut self) -> Result<At> {
        let mut head = [0; 12];
        self.source.read_exact(&mut head).map_err(damaged)?;
        let (_, count) = gix_pack::data::header::decode(&head).map_err(damaged)?;
        if count as usize > self.bounds.limits.objects {
            return Err(too_many("the pack that came", "objects", self.bounds.limits.objects as u64));
        }
        self.left = count;
        self.emit(&head);
        Ok(At::Entry)
    }

    fn entry(&mut self) -> Result<At> {
        self.left -= 1;
        let begun = self.source.read;
        let shift = begun as i64 - self.written as i64;
        if self.shifts.last().map_or(0, |(_, shift)| *shift) != shift {
            self.shifts.push((begun, shift));
        }
        let entry = gix_pack::data::Entry::from_read(&mut self.source, begun, Hash::Sha1.len_in_bytes()).map_err(damaged)?;
        let size = entry.decompressed_size;
        let limit = self.bounds.limits.object_bytes;
        let header = match entry.header {
            Header::Blob if size > limit => return self.large(size),
            Header::OfsDelta { base_distance } => Header::OfsDelta { base_distance: self.distance(begun, base_distance)? },
            header => header,
        };
        if size > limit {
            return Err(too_many("an object of the pack that came", "bytes", limit));
        }
        let mut bytes = Vec::with_capacity(32);
        header.write_to(size, &mut bytes).map_err(damaged)?;
        self.emit(&bytes);
        let within =
            Within { inflate: Inflate::default(), is_delta: header.is_delta(), begun: self.source.read, size, seen: 0, head: Vec::new() };
        Ok(At::Within(Box::new(within)))
    }

    /// How far back the base of a delta that stood at `begun` is now.
    fn distance(&self, begun: u64, distance: u64) -> Result<u64> {
        let base = begun.checked_sub(distance).filter(|base| *base >= 12 && distance > 0);
        let base = base.ok_or_else(|| damaged("a delta's base does not lie in it"))?;
        let known = self.shifts.partition_point(|(from, _)| *from <= base);
        let shift = known.checked_sub(1).map_or(0, |last| self.shifts[last].1);
        let now = base.checked_add_signed(-shift).and_then(|base| self.written.checked_sub(base));
        now.ok_or_else(|| damaged("a delta's base does not lie in it"))
    }

    /// Takes a large content out and leaves a line in its place.
    fn large(&mut self, size: u64) -> Result<At> {
        let id = self.aside.take(size, &mut Inflated::new(&mut self.source))?;
        let line = format!("The blob {id} has {size} bytes and is kept beside this pack.\n");
        let data = Data { kind: Kind::Blob, object_hash: Hash::Sha1, data: line.as_bytes() };
        let entry = input::Entry::from_data_obj(&data, 0, gix::zlib::Compression::BEST_SPEED).map_err(damaged)?;
        let mut bytes = Vec::new();
        entry.header.write_to(entry.decompressed_size, &mut bytes).map_err(damaged)?;
        self.emit(&bytes);
        self.emit(&entry.compressed.unwrap_or_default());
        Ok(At::Entry)
    }

    /// Lets some of an object through.
    fn within(&mut self, mut within: Box<Within>) -> Result<At> {
        self.bounds.check()?;
        self.source.kept = Some(Vec::with_capacity(PIECE));
        let read = within.inflate.read(&mut self.source, &mut self.piece);
        let passed = self.source.kept.take().unwrap_or_default();
        let read = read.map_err(damaged)?;
        within.seen += read as u64;
        if within.seen > within.size || self.source.read - within.begun > within.size.saturating_mul(2).saturating_add(SLACK) {
            return Err(damaged("an object is longer than it says"));
        }
        if within.is_delta && within.head.len() < LENGTHS {
            within.head.extend(self.piece[..read].iter().take(LENGTHS - within.head.len()));
        }
        self.emit(&passed);
        if !within.inflate.has_ended() {
            return Ok(At::Within(within));
        }
        if within.seen < within.size {
            return Err(damaged("an object is shorter than it says"));
        }
        let limit = self.bounds.limits.object_bytes;
        if within.is_delta && lengths(&within.head).is_some_and(|(base, result)| base.max(result) > limit) {
            return Err(too_many("an object that the pack stores as a change to another", "bytes", limit));
        }
        Ok(At::Entry)
    }

    fn trailer(&mut self) -> Result<At> {
        let ours = self.source.hash.clone().try_finalize().map_err(damaged)?;
        let mut theirs = ObjectId::null(Hash::Sha1);
        self.source.read_exact(theirs.as_mut_slice()).map_err(damaged)?;
        if ours != theirs {
            return Err(damaged("its checksum is not that of its bytes"));
        }
        let end = self.hash.clone().try_finalize().map_err(damaged)?;
        self.out.extend_from_slice(end.as_slice());
        Ok(At::End)
    }
}

impl Read for Sieve<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.out.len() && !matches!(self.at, At::End) {
            self.out.clear();
            self.given = 0;
            if let Err(e) = self.step() {
                self.at = At::End;
                self.failure.get_or_insert(e);
            }
        }
        // A pack that stops is a failure, and must not look like one that ends.
        if self.given == self.out.len() && self.failure.is_some() {
            return Err(std::io::Error::other("stopped"));
        }
        let read = (&self.out[self.given..]).read(into)?;
        self.given += read;
        Ok(read)
    }
}

/// The lengths of what a delta is made to and what it makes, which it begins with.
fn lengths(head: &[u8]) -> Option<(u64, u64)> {
    let mut bytes = head.iter();
    let mut length = || {
        let (mut value, mut shift) = (0_u64, 0);
        for byte in bytes.by_ref() {
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    };
    Some((length()?, length()?))
}

fn damaged(why: impl std::fmt::Display) -> Error {
    Error::corrupt("the pack that came", why)
}

fn too_many(what: &str, of: &'static str, limit: u64) -> Error {
    Error::TooMany { what: what.to_owned(), of, limit }
}

/// What comes, counted and hashed as it is taken.
struct Source<'a> {
    from: &'a mut dyn BufRead,
    hash: Hasher,
    read: u64,
    /// What was taken, while it is to be handed on.
    kept: Option<Vec<u8>>,
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let come = self.from.fill_buf()?;
        Ok(&come[..come.len().min(PIECE)])
    }

    fn consume(&mut self, taken: usize) {
        // What was shown is shown again.
        let Ok(come) = self.from.fill_buf() else { return };
        let taken = taken.min(come.len());
        self.hash.update(&come[..taken]);
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(&come[..taken]);
        }
        self.read += taken as u64;
        self.from.consume(taken);
    }
}

impl Read for Source<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}
