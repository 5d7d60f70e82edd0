//! Contents too large to be loaded: they pass through in a stream and are kept, each as a file of its own.
//!
//! A repository with one such file is a repository like any other: its history is fetched and judged, and only that file is not read.
//! So nothing here holds a content in memory; it is named by the bytes that went through, as everything is. Git itself makes no deltas of
//! files of this size (`core.bigFileThreshold` is 512 MiB), and one that is stored as a delta all the same is refused by name.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Kind, Write};
use gix_pack::data::entry::Header;

use super::inflate::Inflated;
use super::intake::{Bounds, Incoming};
use super::objects::{Objects, loose_path};
use super::{Error, Result, refs};

/// The longest header of an object that is stored alone: its kind and its length.
const HEADER: usize = 64;
/// How much is read at a time.
const PIECE: usize = 64 << 10;
/// From this length on, what is asked for the beginning of a content is not the whole.
const LONG: u64 = 1 << 20;

/// A content that is too large to be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Large {
    pub id: ObjectId,
    pub size: u64,
}

/// Takes large contents in, one after the other, as long as they are not too much together.
pub(super) struct Aside<'a> {
    dir: PathBuf,
    bounds: &'a Bounds<'a>,
    left: u64,
}

impl<'a> Aside<'a> {
    pub fn new(incoming: &Incoming, bounds: &'a Bounds<'a>) -> Aside<'a> {
        Aside { dir: incoming.dir().to_owned(), bounds, left: bounds.limits.large_bytes }
    }

    /// Keeps a content that has `size` bytes, and says its name.
    pub fn take(&mut self, size: u64, content: &mut dyn Read) -> Result<ObjectId> {
        self.left = self.left.checked_sub(size).ok_or_else(|| Error::TooMany {
            what: "the fetch".to_owned(),
            of: "bytes of contents too large to be loaded",
            limit: self.bounds.limits.large_bytes,
        })?;
        let mut passing = Passing { content, left: size, bounds: self.bounds, failure: None };
        let written = gix::odb::loose::Store::at(&self.dir, Hash::Sha1).write_stream(Kind::Blob, size, &mut passing);
        if let Some(failure) = passing.failure {
            return Err(failure);
        }
        if passing.left > 0 {
            return Err(Error::corrupt("a blob that came", "it is shorter than it says"));
        }
        written.map_err(|e| Error::written(&self.dir, "a blob that came", &e))
    }

    /// Copies contents from a repository on this machine.
    pub fn copy(&mut self, from: &Objects, large: &[Large]) -> Result<()> {
        for Large { id, size } in large {
            let named = self.take(*size, &mut *open(from, id)?)?;
            if named != *id {
                return Err(Error::corrupt(format!("the blob {id}"), format_args!("its bytes have the name {named}")));
            }
        }
        Ok(())
    }
}

/// Moves the contents that were kept in `dir` among the objects in `to`, durably.
pub(super) fn keep(dir: &Path, to: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let from = entry.map_err(Error::io("list", dir))?.path();
        let Some(name) = from.file_name().filter(|name| name.len() == 2) else { continue };
        let place = to.join(name);
        std::fs::create_dir_all(&place).map_err(Error::io("make", &place))?;
        for entry in std::fs::read_dir(&from).map_err(Error::io("list", &from))? {
            let path = entry.map_err(Error::io("list", &from))?.path();
            File::open(&path).and_then(|file| file.sync_all()).map_err(Error::io("sync", &path))?;
            std::fs::rename(&path, place.join(path.file_name().unwrap_or_default())).map_err(Error::io("move", &path))?;
        }
        refs::sync_dir(&place)?;
    }
    refs::sync_dir(to)
}

/// The first bytes of a content, `most` at most. One that is long is inflated no further than that, unless it is stored as a change to
/// another: then it is put together in memory, if it may be loaded at all.
pub(super) fn head(from: &Objects, id: &ObjectId, most: u64) -> Result<Vec<u8>> {
    let limit = from.limits().object_bytes;
    let is_long = from.header(id)?.is_some_and(|(kind, size)| kind == Kind::Blob && size > LONG.min(limit));
    if is_long {
        match open(from, id) {
            Ok(content) => {
                let mut head = Vec::new();
                content.take(most).read_to_end(&mut head).map_err(|e| Error::corrupt(format!("the blob {id}"), e))?;
                return Ok(head);
            }
            Err(Error::ObjectTooLarge { size, .. }) if size <= limit => {}
            Err(e) => return Err(e),
        }
    }
    let mut content = from.read(id, Kind::Blob, limit)?;
    content.truncate(usize::try_from(most).unwrap_or(usize::MAX));
    Ok(content)
}

/// Opens a content to be read through, wherever a repository keeps it.
fn open(from: &Objects, id: &ObjectId) -> Result<Box<dyn Read>> {
    for dir in from.places()? {
        let path = loose_path(&dir, id);
        match File::open(&path) {
            Ok(file) => {
                let mut content = Inflated::new(BufReader::with_capacity(PIECE, file));
                skip_header(&mut content).map_err(|e| Error::corrupt(format!("`{}`", path.display()), e))?;
                return Ok(Box::new(content));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("open", &path)(e)),
        }
        if let Some(content) = packed(from, &dir.join("pack"), id)? {
            return Ok(content);
        }
    }
    Err(Error::corrupt(format!("the blob {id}"), "it is missing"))
}

fn packed(from: &Objects, packs: &Path, id: &ObjectId) -> Result<Option<Box<dyn Read>>> {
    let found = match std::fs::read_dir(packs) {
        Ok(found) => found,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("list", packs)(e)),
    };
    for entry in found {
        let index = entry.map_err(Error::io("list", packs))?.path();
        if index.extension().is_none_or(|ext| ext != "idx") {
            continue;
        }
        let damaged = |e: &dyn std::fmt::Display| Error::corrupt(format!("the pack of `{}`", index.display()), e);
        let listed = gix_pack::index::File::at(&index, Hash::Sha1).map_err(|e| damaged(&e))?;
        let Some(at) = listed.lookup(id) else { continue };
        let path = index.with_extension("pack");
        let mut file = BufReader::with_capacity(PIECE, File::open(&path).map_err(Error::io("open", &path))?);
        let offset = listed.pack_offset_at_index(at);
        file.seek(SeekFrom::Start(offset)).map_err(Error::io("read", &path))?;
        let entry = gix_pack::data::Entry::from_read(&mut file, offset, Hash::Sha1.len_in_bytes()).map_err(|e| damaged(&e))?;
        if entry.header != Header::Blob {
            // It would have to be put together from others, in memory.
            let size = from.header(id)?.map_or(entry.decompressed_size, |(_, size)| size);
            return Err(Error::ObjectTooLarge { kind: "blob", id: id.to_string(), size, cap: from.limits().object_bytes });
        }
        return Ok(Some(Box::new(Inflated::new(file))));
    }
    Ok(None)
}

fn skip_header(content: &mut dyn Read) -> std::io::Result<()> {
    let mut byte = [1];
    for _ in 0..HEADER {
        content.read_exact(&mut byte)?;
        if byte == [0] {
            return Ok(());
        }
    }
    Err(std::io::Error::other("its header does not end"))
}

/// A content on its way: it ends at its length, and where the fetch is to end.
struct Passing<'a> {
    content: &'a mut dyn Read,
    left: u64,
    bounds: &'a Bounds<'a>,
    failure: Option<Error>,
}

impl Read for Passing<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.bounds.check().and_then(|()| {
            let read = self.content.read(into).map_err(|e| Error::corrupt("a blob that came", e))?;
            self.left =
                self.left.checked_sub(read as u64).ok_or_else(|| Error::corrupt("a blob that came", "it is longer than it says"))?;
            Ok(read)
        });
        read.map_err(|e| {
            self.failure = Some(e);
            std::io::Error::other("stopped")
        })
    }
}
