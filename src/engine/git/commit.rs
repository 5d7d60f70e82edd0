//! A commit as we read it, and the files it holds.
//!
//! A [`CommitTree`] is listed once, whole, and then answers from memory; contents are loaded one by one. Names that could leave the place
//! they are joined to (`..`, `.git` in any of its disguises, names with a slash) are not among the files: they are reported apart.

use std::sync::Arc;

use gix::bstr::ByteSlice;
use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::Kind;
use gix::objs::tree::EntryKind;
use gix::validate::path::component;

use super::objects::{Objects, load};
use super::tree::{FileKind, Listing, Tree, TreeFile};
use super::{Error, Limits, Result};
use crate::base::name::{BlobId, CommitSha, TreePath};
use crate::base::text::clip;
use crate::base::time::Timestamp;

/// The largest commit that is loaded, in bytes. Almost all of one of this size is its message, of which the beginning is kept.
pub(super) const COMMIT: u64 = 64 << 20;
/// The most bytes of a commit that come before its message: parents are kept by the thousand, and no repository has more of them.
const HEADER: usize = 4 << 20;
/// The largest directory that is parsed, in bytes.
pub(super) const DIRECTORY: u64 = 64 << 20;
/// The longest path that is taken, in bytes: what Linux takes.
const PATH: usize = 4_096;
/// The longest name or address of a person that is kept, in bytes.
const PERSON: usize = 500;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The name, as the commit has it.
    pub name: String,
    /// The mail address, as the commit has it.
    pub email: String,
}

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitInfo {
    /// The commit.
    pub sha: CommitSha,
    /// The name of its tree.
    pub tree: [u8; 20],
    /// The commits it follows, the one it was made on first. None where a shallow repository ends.
    pub parents: Vec<CommitSha>,
    /// Who wrote the change.
    pub author: Signature,
    /// When it was written.
    pub authored_at: Timestamp,
    /// Who recorded the commit.
    pub committer: Signature,
    /// When it was recorded.
    pub committed_at: Timestamp,
    /// The message, cut where it is longer than is kept.
    pub message: String,
}

impl CommitInfo {
    /// The first line of the message.
    pub fn summary(&self) -> &str {
        self.message.trim_start().lines().next().unwrap_or("")
    }
}

/// The commit's name in our own type.
pub(super) fn sha(id: &ObjectId) -> CommitSha {
    CommitSha::from_bytes(id.as_slice().try_into().expect("objects are named by SHA-1 here: 20 bytes"))
}

/// A name of ours as gix has it.
pub(super) fn id(sha: CommitSha) -> ObjectId {
    ObjectId::from_bytes_or_panic(sha.as_bytes())
}

pub(super) fn blob_id(id: &gix::hash::oid) -> BlobId {
    BlobId::from_bytes(id.as_bytes().try_into().expect("objects are named by SHA-1 here: 20 bytes"))
}

/// Reads a commit.
pub(super) fn info(objects: &Objects, commit: CommitSha) -> Result<CommitInfo> {
    let data = objects.read(&id(commit), Kind::Commit, COMMIT)?;
    let header = Header::parse(&data).map_err(|why| Error::corrupt(format!("the commit {commit}"), why))?;
    let (author, authored_at) = person(header.author);
    let (committer, committed_at) = person(header.committer);
    Ok(CommitInfo {
        sha: commit,
        tree: *blob_id(&header.tree).as_bytes(),
        parents: parents(objects, commit, &header),
        author,
        authored_at,
        committer,
        committed_at,
        message: beginning(header.message, objects.limits().message_bytes),
    })
}

/// What a walk needs of a commit: its parents, and when it was recorded.
pub(super) fn links(objects: &Objects, commit: CommitSha) -> Result<(Vec<CommitSha>, Timestamp)> {
    let data = objects.read(&id(commit), Kind::Commit, COMMIT)?;
    let header = Header::parse(&data).map_err(|why| Error::corrupt(format!("the commit {commit}"), why))?;
    Ok((parents(objects, commit, &header), person(header.committer).1))
}

/// The first `max` bytes of a message, cut as people expect it. Only they are made text of: bytes that are no text grow by that.
fn beginning(message: &[u8], max: usize) -> String {
    // The longest character has four bytes: one that is cut in two lies behind what is kept.
    let some = &message[..message.len().min(max + 4)];
    clip(&some.to_str_lossy(), max).into_owned()
}

fn parents(objects: &Objects, commit: CommitSha, header: &Header<'_>) -> Vec<CommitSha> {
    if objects.shallow().contains(&id(commit)) { Vec::new() } else { header.parents.iter().map(sha).collect() }
}

/// A commit's parts as they lie in its bytes. Only what other objects are found by must be well formed: commits with rubbish for names
/// or times exist, and a repository that holds one is to be read all the same.
pub(super) struct Header<'a> {
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    author: &'a [u8],
    committer: &'a [u8],
    message: &'a [u8],
}

impl<'a> Header<'a> {
    pub fn parse(mut data: &'a [u8]) -> std::result::Result<Header<'a>, &'static str> {
        let (mut tree, mut parents, mut author, mut committer) = (None, Vec::new(), &b""[..], &b""[..]);
        let whole = data.len();
        while !data.is_empty() {
            let (line, rest) = data.split_once_str("\n").unwrap_or((data, b""));
            data = rest;
            if line.is_empty() {
                break;
            }
            if whole - data.len() > HEADER {
                return Err("more than 4 MiB come before its message");
            }
            // What begins with a space goes on with the line before, which is none of ours.
            let Some((word, value)) = line.split_once_str(" ") else { continue };
            let object = || ObjectId::from_hex(value).map_err(|_| "it names another object by something that is no name");
            match word {
                b"tree" if tree.is_none() => tree = Some(object()?),
                b"parent" => parents.push(object()?),
                b"author" if author.is_empty() => author = value,
                b"committer" if committer.is_empty() => committer = value,
                _ => {}
            }
        }
        Ok(Header { tree: tree.ok_or("it names no tree")?, parents, author, committer, message: data })
    }
}

/// `Name <mail> seconds zone`; what cannot be read of it is empty.
fn person(line: &[u8]) -> (Signature, Timestamp) {
    let kept = |text: &[u8]| clip(text.to_str_lossy().trim(), PERSON).into_owned();
    let (name, rest) = line.split_once_str("<").unwrap_or((line, b""));
    // An address may hold `>` where somebody wrote it wrongly; a time does not.
    let (email, time) = rest.rsplit_once_str(">").unwrap_or((rest, b""));
    let seconds = time.to_str().ok().and_then(|time| time.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    (Signature { name: kept(name), email: kept(email) }, Timestamp::from_seconds(seconds))
}

/// The files of a commit.
pub struct CommitTree {
    objects: Arc<Objects>,
    listing: Listing,
}

impl CommitTree {
    /// Lists the tree `root`, all its directories included.
    pub(super) fn list(objects: Arc<Objects>, root: ObjectId) -> Result<CommitTree> {
        let mut lister = Lister { limits: objects.limits().clone(), root, listing: Listing::default(), entries: 0, bytes: 0 };
        objects.with(|handle| lister.directory(handle, root, &mut Vec::new(), 0))?;
        let mut listing = lister.listing;
        let Listing { files, refused } = &mut listing;
        // A tree that git wrote comes in order; one that was forged need not, and may name a path twice.
        if !files.is_sorted_by(|a, b| a.path < b.path) {
            files.sort_by(|a, b| a.path.cmp(&b.path));
            files.dedup_by(|again, first| {
                let same = again.path == first.path;
                if same {
                    refused.push((again.path.clone(), "the tree names it twice; the first is taken".to_owned()));
                }
                same
            });
        }
        Ok(CommitTree { objects, listing })
    }
}

struct Lister {
    limits: Limits,
    root: ObjectId,
    listing: Listing,
    entries: usize,
    bytes: usize,
}

impl Lister {
    fn too_many(&self, of: &'static str, limit: usize) -> Error {
        Error::TooMany { what: format!("the tree {}", self.root), of, limit: limit as u64 }
    }

    fn directory(&mut self, handle: &gix::odb::HandleArc, tree: ObjectId, path: &mut Vec<u8>, depth: usize) -> Result<()> {
        let data = load(handle, &tree, Kind::Tree, DIRECTORY)?;
        for entry in gix::objs::TreeRefIter::from_bytes(&data, Hash::Sha1) {
            let entry = entry.map_err(|e| Error::corrupt(format!("the tree {tree}"), e))?;
            self.entries += 1;
            if self.entries > self.limits.tree_entries {
                return Err(self.too_many("entries", self.limits.tree_entries));
            }
            let parent = path.len();
            if parent > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.filename);
            self.bytes += path.len();
            if self.bytes > self.limits.path_bytes {
                return Err(self.too_many("bytes of paths", self.limits.path_bytes));
            }
            if let Some(why) = why_not(entry.filename, path) {
                self.listing.refused.push((TreePath::new(path.clone()), why.to_owned()));
            } else if entry.mode.is_tree() && depth == self.limits.tree_depth {
                self.listing.refused.push((TreePath::new(path.clone()), too_deep(&self.limits)));
            } else if entry.mode.is_tree() {
                self.directory(handle, entry.oid.to_owned(), path, depth + 1)?;
            } else {
                let kind = match entry.mode.kind() {
                    EntryKind::BlobExecutable => FileKind::Executable,
                    EntryKind::Link => FileKind::Symlink,
                    EntryKind::Commit => FileKind::Submodule,
                    EntryKind::Blob | EntryKind::Tree => FileKind::Regular,
                };
                self.listing.files.push(TreeFile { path: TreePath::new(path.clone()), kind, blob: blob_id(entry.oid) });
            }
            path.truncate(parent);
        }
        Ok(())
    }
}

/// Why a directory is not entered that lies below as many as are followed.
pub(super) fn too_deep(limits: &Limits) -> String {
    format!("it is a directory below {} others, the most that are followed", limits.tree_depth)
}

/// Why a name cannot be part of a path, if it cannot.
pub(super) fn why_not(name: &[u8], path: &[u8]) -> Option<&'static str> {
    if path.len() > PATH {
        return Some("the path is longer than 4096 bytes");
    }
    if name.contains(&0) {
        return Some("the name holds a zero byte");
    }
    // Names that only Windows forbids are fine here; those that another system takes for `.git` are not.
    let options = component::Options { protect_windows: false, protect_hfs: true, protect_ntfs: true };
    match gix::validate::path::component(name.as_bstr(), None, options) {
        Ok(_) => None,
        Err(component::Error::Empty) => Some("the name is empty"),
        Err(component::Error::PathSeparator) => Some("the name holds a slash"),
        Err(component::Error::Relative) => Some("`.` and `..` are no names"),
        Err(component::Error::DotGitDir) => Some("the name stands for `.git` on some systems"),
        Err(_) => Some("the name is not a name that git takes"),
    }
}

impl Tree for CommitTree {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn content_size(&self, file: &TreeFile) -> Result<u64> {
        let id = ObjectId::from_bytes_or_panic(file.blob.as_bytes());
        match self.objects.header(&id)? {
            Some((Kind::Blob, size)) => Ok(size),
            Some(_) => Err(Error::corrupt(format!("`{}`", file.path), "its content is no blob")),
            None => Err(Error::corrupt(format!("`{}`", file.path), format_args!("its content {id} is missing"))),
        }
    }

    fn content(&self, file: &TreeFile, cap: u64) -> Result<Vec<u8>> {
        let id = ObjectId::from_bytes_or_panic(file.blob.as_bytes());
        self.objects.read(&id, Kind::Blob, cap).map_err(|e| match e {
            Error::ObjectTooLarge { size, cap, .. } => Error::TooLarge { path: file.path.clone(), size, cap },
            other => other,
        })
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> Result<Vec<u8>> {
        let id = ObjectId::from_bytes_or_panic(file.blob.as_bytes());
        super::aside::head(&self.objects, &id, most).map_err(|e| match e {
            Error::ObjectTooLarge { size, cap, .. } => Error::TooLarge { path: file.path.clone(), size, cap },
            other => other,
        })
    }
}
