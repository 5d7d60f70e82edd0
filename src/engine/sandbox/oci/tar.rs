//! The two archives that pass between us and a container: the tree on its way in, one file on its way out.
//!
//! What goes in is written by hand, so that no byte of a tree is ever a file of the host and no path means anything but what it says:
//! whatever does not lead beneath the top, or would lead through a link or over what is there, is not written. It is GNU's dialect, whose
//! long names are any bytes, as git's are. What comes out was made by the daemon from what a stranger wrote: of it one plain file is
//! taken, and nothing else.
//!
//! The format: <https://www.gnu.org/software/tar/manual/html_node/Standard.html>.

use std::collections::BTreeMap;

use crate::base::name::TreePath;
use crate::base::text;
use crate::engine::sandbox::{File, Kind};

/// Whose everything in the archive is.
const OWNER: u32 = super::UID;
/// The size that everything in an archive is a multiple of.
const BLOCK: usize = 512;
/// The longest name that a header has room for.
const NAME_BYTES: usize = 100;
/// The longest path or target of a link: what Linux takes.
const PATH_BYTES: usize = 4_095;
/// The longest part of a path: what file systems take.
const PART_BYTES: usize = 255;
/// How many bytes may stand before the file in an archive that comes out: headers of names and times.
pub(super) const PREAMBLE: usize = 1 << 20;

/// Writes a tree, entry after entry.
#[derive(Debug)]
pub(super) struct Writer {
    /// The folder that everything is put beneath, without slashes at its ends.
    top: String,
    /// What was written so far: whether it is a folder.
    written: BTreeMap<Vec<u8>, bool>,
    bytes: Vec<u8>,
    /// How much room the files take.
    pub(super) content: u64,
}

impl Writer {
    /// An archive with this one folder.
    pub(super) fn new(top: &str) -> Writer {
        let mut writer = Writer { top: top.to_owned(), written: BTreeMap::new(), bytes: Vec::new(), content: 0 };
        writer.header(top.as_bytes(), b'5', 0o755, 0, b"");
        writer
    }

    /// Writes one file, and the folders it is in; or says why it cannot be.
    pub(super) fn add(&mut self, file: &File) -> Result<(), String> {
        let path = file.path.as_bytes();
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        check(path, &parts)?;
        if file.kind == Kind::Symlink && (file.bytes.is_empty() || file.bytes.len() > PATH_BYTES || file.bytes.contains(&0)) {
            return Err("where the link leads to is no path".to_owned());
        }
        if self.written.contains_key(path) {
            return Err("something stands there already".to_owned());
        }
        let folders = (1..parts.len()).map(|depth| parts[..depth].join(&b'/'));
        let folders: Vec<Vec<u8>> = folders.filter(|folder| self.written.get(folder) != Some(&true)).collect();
        if let Some(folder) = folders.iter().find(|folder| self.written.contains_key(*folder)) {
            return Err(format!("`{}`, which it should be in, is no folder", TreePath::new(folder.clone())));
        }
        for folder in folders {
            self.entry(&folder, b'5', 0o755, b"", b"");
            self.written.insert(folder, true);
        }
        match file.kind {
            Kind::Regular => self.entry(path, b'0', 0o644, &file.bytes, b""),
            Kind::Executable => self.entry(path, b'0', 0o755, &file.bytes, b""),
            Kind::Symlink => self.entry(path, b'2', 0o777, b"", &file.bytes),
        }
        self.written.insert(path.to_owned(), false);
        Ok(())
    }

    /// What was written since this was last asked.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// How much was written since it was last taken.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The end of the archive, with what was not taken yet.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }

    fn entry(&mut self, path: &[u8], kind: u8, mode: u32, content: &[u8], target: &[u8]) {
        let name = [self.top.as_bytes(), b"/", path].concat();
        self.header(&name, kind, mode, content.len(), target);
        self.content += content.len() as u64;
        self.body(content);
    }

    fn header(&mut self, name: &[u8], kind: u8, mode: u32, size: usize, target: &[u8]) {
        for (long, kind) in [(name, b'L'), (target, b'K')] {
            if long.len() > NAME_BYTES {
                let ended = [long, b"\0"].concat();
                self.bytes.extend(block(b"././@LongLink", kind, 0, ended.len(), b""));
                self.body(&ended);
            }
        }
        let cut = |text: &'_ [u8]| text[..text.len().min(NAME_BYTES)].to_vec();
        self.bytes.extend(block(&cut(name), kind, mode, size, &cut(target)));
    }

    fn body(&mut self, content: &[u8]) {
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }
}

/// An archive of one file that its owner alone can read.
pub(super) fn secret(name: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = Writer { top: String::new(), written: BTreeMap::new(), bytes: Vec::new(), content: 0 };
    writer.header(name.as_bytes(), b'0', 0o400, content.len(), b"");
    writer.body(content);
    writer.finish()
}

/// An archive of nothing but the folder that it is unpacked in: it makes that folder ours.
pub(super) fn folder(mode: u32) -> Vec<u8> {
    let mut writer = Writer { top: String::new(), written: BTreeMap::new(), bytes: Vec::new(), content: 0 };
    writer.header(b"./", b'5', mode, 0, b"");
    writer.finish()
}

/// Whether a path leads to somewhere beneath the top.
fn check(path: &[u8], parts: &[&[u8]]) -> Result<(), String> {
    if path.len() > PATH_BYTES || parts.iter().any(|part| part.len() > PART_BYTES) {
        return Err("the path is longer than a file system takes".to_owned());
    }
    if path.contains(&0) || parts.iter().any(|part| matches!(*part, b"" | b"." | b"..")) {
        return Err("the path is none beneath a folder".to_owned());
    }
    Ok(())
}

/// A header of GNU's dialect.
fn block(name: &[u8], kind: u8, mode: u32, size: usize, target: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name);
    put(100, format!("{mode:07o}").as_bytes());
    put(108, format!("{OWNER:07o}").as_bytes());
    put(116, format!("{OWNER:07o}").as_bytes());
    put(124, format!("{size:011o}").as_bytes());
    put(136, format!("{:011o}", 0).as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, target);
    put(257, b"ustar  \0");
    let sum = sum(&block);
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// The sum of a header's bytes, those of the sum itself taken for spaces.
fn sum(block: &[u8; BLOCK]) -> u32 {
    block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { u32::from(b' ') } else { u32::from(*byte) }).sum()
}

/// The one plain file of an archive, which may be longer than what is here of it.
pub(super) fn plain_file(archive: &[u8], most: u64) -> Result<Vec<u8>, String> {
    let mut rest = archive;
    loop {
        let Some((header, after)) = rest.split_first_chunk::<BLOCK>() else { return Err("the archive with it breaks off".to_owned()) };
        if octal(&header[148..156]) != Some(u64::from(sum(header))) {
            return Err("the archive with it is damaged".to_owned());
        }
        let size = octal(&header[124..136]);
        match header[156] {
            b'0' | 0 => {
                let size = size.filter(|size| *size <= most).ok_or_else(|| format!("it is larger than {}", text::bytes(most)))?;
                let file = usize::try_from(size).ok().and_then(|size| after.get(..size));
                return file.map(<[u8]>::to_vec).ok_or_else(|| "the archive with it breaks off".to_owned());
            }
            // Names and times that a header has no room for.
            b'x' | b'g' | b'L' | b'K' => {
                let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= PREAMBLE);
                let after = size.and_then(|size| after.get(size.next_multiple_of(BLOCK)..));
                rest = after.ok_or_else(|| "the archive with it breaks off".to_owned())?;
            }
            b'2' => return Err("it is a link".to_owned()),
            b'5' => return Err("it is a folder".to_owned()),
            _ => return Err("it is no plain file".to_owned()),
        }
    }
}

/// A number as headers have it; `None` for one that is none, or is too large to be written so.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}

#[cfg(test)]
mod tests;
