//! A directory on this machine behind the [`Tree`] trait: what a person works on, before it is committed.
//!
//! Its files are those that git tracks and those it does not ignore; in a folder without git, all of them. The directory is walked by
//! handles, never by joined paths: no link is followed, neither while listing nor when a file is read later, so nothing outside is
//! reached, whatever moves meanwhile. Each content's name is computed from its bytes as they lie there, in a stream; but for a file that is
//! larger than anybody here reads, which is known by its path, size and time, and so looks changed to whoever compares it with a commit.
//!
//! Not here: filters and line ending conversion, which would need the repository's configuration.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use gix::bstr::ByteSlice;
use gix::hash::Kind as Hash;
use gix::ignore::search::Ignore;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};

use super::commit::{blob_id, too_deep, why_not};
use super::layout::{Layout, Trust, small_file};
use super::mirror::Mirror;
use super::tree::{FileKind, Listing, Tree, TreeFile};
use super::{Error, Limits, Result};
use crate::base::name::{BlobId, CommitSha, TreePath};

/// The largest index that is read, in bytes.
const INDEX: u64 = 512 << 20;
/// The largest list of ignored names that is read, in bytes.
const IGNORE: u64 = 1 << 20;

/// The largest file that is read to the end for its content's name.
const NAMED: u64 = 256 << 20;

/// A directory of files to read.
pub struct Directory {
    top: PathBuf,
    handle: OwnedFd,
    layout: Option<Layout>,
    limits: Limits,
    listing: Listing,
}

impl Directory {
    /// Lists the repository that `path` lies in, from its top; or the folder at `path`, if it lies in none.
    pub fn open(path: &Path, limits: Limits, trust: Trust) -> Result<Directory> {
        let meta = std::fs::metadata(path).map_err(Error::io("open", path))?;
        if !meta.is_dir() {
            return Err(Error::NotARepository { path: path.to_owned() });
        }
        let layout = Layout::around(path, trust)?;
        let top = match &layout {
            Some(Layout { work_dir: Some(top), .. }) => top.clone(),
            Some(bare) => return Err(Error::Unsupported { path: bare.git_dir.clone(), why: "it has no working directory" }),
            None => path.to_owned(),
        };
        let handle = open_dir(rustix::fs::CWD, top.as_os_str().as_encoded_bytes()).map_err(Error::io("open", &top))?;
        let mut walker = Walker {
            top: &top,
            limits: &limits,
            ignore: gix::ignore::Search::default(),
            tracked: HashMap::new(),
            plain: layout.is_none(),
            listing: Listing::default(),
            entries: 0,
            bytes: 0,
        };
        if let Some(layout) = &layout {
            walker.tracked = tracked(layout, &limits)?;
            let exclude = layout.common_dir.join("info/exclude");
            if let Some(rules) = small_file(&exclude, IGNORE)? {
                walker.rules(&rules, b"")?;
            }
        }
        walker.directory(handle.as_fd(), &mut Vec::new(), 0, false)?;
        let mut listing = walker.listing;
        listing.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Directory { top, handle, layout, limits, listing })
    }

    /// The directory that paths are relative to.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The repository around the directory, to be looked at; none for a plain folder.
    pub fn repository(&self) -> Result<Option<Mirror>> {
        self.layout.clone().map(|layout| Mirror::with(layout, self.limits.clone())).transpose()
    }

    /// The commit that is checked out, if there is a repository and a commit in it.
    pub fn head(&self) -> Result<Option<CommitSha>> {
        let Some(repository) = self.repository()? else { return Ok(None) };
        match repository.resolve("HEAD") {
            Ok(commit) => Ok(Some(commit)),
            Err(Error::NoCommits { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Opens the file at a path, or the directory above a link, without following any link.
    fn reach(&self, path: &TreePath) -> Result<(OwnedFd, CString)> {
        let failed = |e: rustix::io::Errno| Error::Io { doing: "open", path: self.on_disk(path), source: e.into() };
        let mut at = rustix::fs::openat(&self.handle, c".", DIRECTORY, Mode::empty()).map_err(failed)?;
        let parent = path.as_bytes().len().saturating_sub(path.file_name().len() + 1);
        for part in path.as_bytes()[..parent].split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            at = rustix::fs::openat(&at, part, DIRECTORY, Mode::empty()).map_err(failed)?;
        }
        let name = CString::new(path.file_name()).map_err(|_| failed(rustix::io::Errno::INVAL))?;
        Ok((at, name))
    }

    fn on_disk(&self, path: &TreePath) -> PathBuf {
        self.top.join(OsStr::from_bytes(path.as_bytes()))
    }
}

impl Tree for Directory {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn content_size(&self, file: &TreeFile) -> Result<u64> {
        let (at, name) = self.reach(&file.path)?;
        let failed = |e: rustix::io::Errno| Error::Io { doing: "open", path: self.on_disk(&file.path), source: e.into() };
        let stat = rustix::fs::statat(&at, &name, AtFlags::SYMLINK_NOFOLLOW).map_err(failed)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }

    fn content(&self, file: &TreeFile, cap: u64) -> Result<Vec<u8>> {
        let (at, name) = self.reach(&file.path)?;
        let failed = |e: std::io::Error| Error::Io { doing: "read", path: self.on_disk(&file.path), source: e };
        let too_large = |size| Error::TooLarge { path: file.path.clone(), size, cap };
        if file.kind == FileKind::Symlink {
            let target = rustix::fs::readlinkat(&at, &name, Vec::new()).map_err(|e| failed(e.into()))?.into_bytes();
            return if target.len() as u64 > cap { Err(too_large(target.len() as u64)) } else { Ok(target) };
        }
        let opened = open_file(at.as_fd(), &name).map_err(failed)?;
        let size = opened.metadata().map_err(failed)?.len();
        if size > cap {
            return Err(too_large(size));
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // It may grow while it is read.
        opened.take(cap + 1).read_to_end(&mut content).map_err(failed)?;
        if content.len() as u64 > cap { Err(too_large(content.len() as u64)) } else { Ok(content) }
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> Result<Vec<u8>> {
        let (at, name) = self.reach(&file.path)?;
        let failed = |e: std::io::Error| Error::Io { doing: "read", path: self.on_disk(&file.path), source: e };
        let mut head = Vec::new();
        if file.kind == FileKind::Symlink {
            head = rustix::fs::readlinkat(&at, &name, Vec::new()).map_err(|e| failed(e.into()))?.into_bytes();
            head.truncate(usize::try_from(most).unwrap_or(usize::MAX));
        } else {
            open_file(at.as_fd(), &name).map_err(failed)?.take(most).read_to_end(&mut head).map_err(failed)?;
        }
        Ok(head)
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn open_dir(at: impl AsFd, name: &[u8]) -> std::io::Result<OwnedFd> {
    // The top itself may be given through a link; what is below may not.
    Ok(rustix::fs::openat(at, name, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?)
}

/// Opens a regular file; a pipe in its place neither blocks nor is read.
fn open_file(at: BorrowedFd<'_>, name: &CString) -> std::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(at, name, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is no longer a regular file")) }
}

/// The paths that the index names, and what submodules stand at.
fn tracked(layout: &Layout, limits: &Limits) -> Result<HashMap<Vec<u8>, Option<BlobId>>> {
    let path = layout.git_dir.join("index");
    let mut out = HashMap::new();
    match std::fs::metadata(&path) {
        Ok(meta) if !meta.is_file() || meta.len() > INDEX => {
            return Err(Error::TooMany { what: format!("`{}`", path.display()), of: "bytes", limit: INDEX });
        }
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(out),
        Err(e) => return Err(Error::io("open", &path)(e)),
    }
    let index = gix::index::File::at(&path, Hash::Sha1, true, Default::default())
        .map_err(|e| Error::corrupt(format!("the index `{}`", path.display()), e))?;
    if index.entries().len() > limits.tree_entries {
        return Err(Error::TooMany { what: format!("`{}`", path.display()), of: "entries", limit: limits.tree_entries as u64 });
    }
    for entry in index.entries() {
        let name = entry.path(&index).to_vec();
        let submodule = entry.mode.is_submodule().then(|| blob_id(&entry.id));
        // Its directories are known too: they are walked though they may be ignored.
        for (slash, _) in name.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            out.entry(name[..slash].to_vec()).or_insert(None);
        }
        out.insert(name, submodule);
    }
    Ok(out)
}

struct Walker<'a> {
    top: &'a Path,
    limits: &'a Limits,
    ignore: gix::ignore::Search,
    tracked: HashMap<Vec<u8>, Option<BlobId>>,
    plain: bool,
    listing: Listing,
    entries: usize,
    bytes: usize,
}

impl Walker<'_> {
    fn too_many(&self, of: &'static str, limit: usize) -> Error {
        Error::TooMany { what: format!("`{}`", self.top.display()), of, limit: limit as u64 }
    }

    fn failed(&self, doing: &'static str, path: &[u8]) -> impl FnOnce(std::io::Error) -> Error {
        let path = self.top.join(OsStr::from_bytes(path));
        move |source| Error::Io { doing, path, source }
    }

    /// Adds the rules of an ignore file that lies in the directory `base`, which is empty or ends with a slash.
    fn rules(&mut self, rules: &[u8], base: &[u8]) -> Result<()> {
        self.ignore
            .add_patterns_buffer(rules, PathBuf::from(".gitignore"), None, Ignore { support_precious: false })
            .map_err(self.failed("read", base))?;
        if let Some(list) = self.ignore.patterns.last_mut() {
            list.base = (!base.is_empty()).then(|| base.into());
        }
        Ok(())
    }

    fn directory(&mut self, at: BorrowedFd<'_>, path: &mut Vec<u8>, depth: usize, ignored: bool) -> Result<()> {
        if !path.is_empty() {
            path.push(b'/');
        }
        let below = path.len();
        let known_rules = self.ignore.patterns.len();
        if !self.plain
            && !ignored
            && let Some(rules) = self.ignore_file(at, path)?
        {
            self.rules(&rules, &path[..below])?;
        }
        let entries = rustix::fs::Dir::read_from(at).map_err(|e| self.failed("list", path)(e.into()))?;
        for entry in entries {
            let entry = entry.map_err(|e| self.failed("list", path)(e.into()))?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") || name.to_bytes() == b".git" {
                continue;
            }
            path.extend_from_slice(name.to_bytes());
            self.entry(at, &name.to_owned(), path, depth, ignored)?;
            path.truncate(below);
        }
        self.ignore.patterns.truncate(known_rules);
        path.truncate(below.saturating_sub(1));
        Ok(())
    }

    fn entry(&mut self, at: BorrowedFd<'_>, name: &CString, path: &mut Vec<u8>, depth: usize, ignored: bool) -> Result<()> {
        self.entries += 1;
        if self.entries > self.limits.tree_entries {
            return Err(self.too_many("entries", self.limits.tree_entries));
        }
        let stat = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // It went away since it was listed.
            Err(rustix::io::Errno::NOENT) => return Ok(()),
            Err(e) => return Err(self.failed("open", path)(e.into())),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let is_dir = kind == FileType::Directory;
        let tracked = self.tracked.get(path.as_slice()).copied();
        let ignored = ignored || (!self.plain && self.is_ignored(path, is_dir));
        if ignored && tracked.is_none() {
            return Ok(());
        }
        if let Some(why) = why_not(name.as_bytes(), path) {
            self.listing.refused.push((TreePath::new(path.clone()), why.to_owned()));
            return Ok(());
        }
        if is_dir {
            if let Some(Some(commit)) = tracked {
                return self.push(path, FileKind::Submodule, commit);
            }
            let dir = match rustix::fs::openat(at, name, DIRECTORY, Mode::empty()) {
                Ok(dir) => dir,
                Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP) => return Ok(()),
                Err(e) => return Err(self.failed("open", path)(e.into())),
            };
            // Another repository that lies in this one is not part of it, as git has it.
            if !self.plain && rustix::fs::statat(&dir, c".git", AtFlags::SYMLINK_NOFOLLOW).is_ok() {
                return Ok(());
            }
            if depth == self.limits.tree_depth {
                self.listing.refused.push((TreePath::new(path.clone()), too_deep(self.limits)));
                return Ok(());
            }
            return self.directory(dir.as_fd(), path, depth + 1, ignored);
        }
        let (kind, blob) = match kind {
            FileType::Symlink => match rustix::fs::readlinkat(at, name, Vec::new()) {
                Ok(target) => (FileKind::Symlink, hash(&mut target.as_bytes(), target.as_bytes().len() as u64)),
                Err(e) => return Err(self.failed("read", path)(e.into())),
            },
            FileType::RegularFile => {
                let file = match open_file(at, name) {
                    Ok(file) => file,
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                    Err(e) => return Err(self.failed("open", path)(e)),
                };
                let executable = stat.st_mode & 0o100 != 0;
                let size = file.metadata().map_err(self.failed("read", path))?.len();
                let blob = if size > NAMED {
                    let mut mark = format!("unread {size} {} {} ", stat.st_mtime, stat.st_mtime_nsec).into_bytes();
                    mark.extend_from_slice(path);
                    hash(&mut mark.as_slice(), mark.len() as u64)
                } else {
                    hash(&mut file.take(size), size)
                };
                (if executable { FileKind::Executable } else { FileKind::Regular }, blob)
            }
            // Sockets, pipes and devices have no content.
            _ => return Ok(()),
        };
        let blob = blob.map_err(self.failed("read", path))?;
        self.push(path, kind, blob)
    }

    fn push(&mut self, path: &[u8], kind: FileKind, blob: BlobId) -> Result<()> {
        self.bytes += path.len();
        if self.bytes > self.limits.path_bytes {
            return Err(self.too_many("bytes of paths", self.limits.path_bytes));
        }
        self.listing.files.push(TreeFile { path: TreePath::new(path), kind, blob });
        Ok(())
    }

    fn is_ignored(&self, path: &[u8], is_dir: bool) -> bool {
        self.ignore
            .pattern_matching_relative_path(path.as_bstr(), Some(is_dir), gix::glob::pattern::Case::Sensitive)
            .is_some_and(|found| !found.pattern.is_negative())
    }

    /// The ignore file of a directory, if it is a file and not a link.
    fn ignore_file(&self, at: BorrowedFd<'_>, path: &[u8]) -> Result<Option<Vec<u8>>> {
        let file = match open_file(at, &c".gitignore".to_owned()) {
            Ok(file) => file,
            Err(_) => return Ok(None),
        };
        let mut rules = Vec::new();
        file.take(IGNORE + 1).read_to_end(&mut rules).map_err(self.failed("read", path))?;
        if rules.len() as u64 > IGNORE {
            let what = format!("`{}.gitignore`", path.to_str_lossy());
            return Err(Error::TooMany { what, of: "bytes", limit: IGNORE });
        }
        Ok(Some(rules))
    }
}

/// The name git gives to a content of `size` bytes.
fn hash(content: &mut dyn Read, size: u64) -> std::io::Result<BlobId> {
    let mut hasher = gix::hash::hasher(Hash::Sha1);
    hasher.update(format!("blob {size}\0").as_bytes());
    let mut buffer = vec![0; usize::try_from(size.clamp(1, 256 << 10)).unwrap_or(1)];
    let mut left = size;
    while left > 0 {
        let read = match content.read(&mut buffer) {
            Ok(read) => read,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if read == 0 {
            return Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the file shrank while it was read"));
        }
        hasher.update(&buffer[..read]);
        left = left.saturating_sub(read as u64);
    }
    hasher.try_finalize().map(|id| blob_id(&id)).map_err(std::io::Error::other)
}
