//! The references of a repository: which commit a name stands for.
//!
//! A mirror of ours keeps all its branches in one file, `packed-refs`, and its default branch in `HEAD`; each is replaced by a rename,
//! so that a reader sees all of a fetch or nothing of it, and a process that was killed leaves no lock behind. Repositories of others
//! are read in any form that git gives them.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::Kind;
use gix::refs::{FullName, Target, file::Store};

use super::layout::Layout;
use super::objects::Objects;
use super::{Error, Result};
use crate::base::name::BranchName;

/// How many names or tags are followed until a commit stands there.
const HOPS: usize = 8;
/// The most bytes of a repository's list of packed references.
const PACKED: u64 = 64 << 20;

/// A repository's references, read anew at each question.
pub(super) struct Refs<'a> {
    store: Store,
    objects: &'a Objects,
    layout: &'a Layout,
}

/// What `HEAD` says.
pub(super) enum Head {
    /// It names a branch, which may have no commit yet.
    Branch(FullName),
    /// It names a commit itself.
    Detached(ObjectId),
    /// There is none, or it cannot be read.
    None,
}

impl<'a> Refs<'a> {
    pub fn new(layout: &'a Layout, objects: &'a Objects) -> Result<Refs<'a>> {
        let packed = layout.common_dir.join("packed-refs");
        match std::fs::metadata(&packed) {
            Ok(meta) if !meta.is_file() => return Err(Error::corrupt(packed.display().to_string(), "it is not a file")),
            Ok(meta) if meta.len() > PACKED => {
                return Err(Error::TooMany { what: format!("`{}`", packed.display()), of: "bytes", limit: PACKED });
            }
            Ok(_) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Error::io("open", &packed)(e)),
        }
        let store = Store::for_linked_worktree(layout.git_dir.clone(), layout.common_dir.clone(), Hash::Sha1);
        Ok(Refs { store, objects, layout })
    }

    pub fn head(&self) -> Result<Head> {
        let name = self.layout.git_dir.join("HEAD");
        let Some(text) = super::layout::small_file(&name, 4 << 10)? else { return Ok(Head::None) };
        let text = text.trim_ascii();
        if let Some(target) = text.strip_prefix(b"ref:") {
            return Ok(match FullName::try_from(gix::bstr::BString::from(target.trim_ascii())) {
                Ok(name) => Head::Branch(name),
                Err(_) => Head::None,
            });
        }
        Ok(ObjectId::from_hex(text).map_or(Head::None, Head::Detached))
    }

    /// The object that a full name stands for, with tags peeled; nothing where no such name is.
    pub fn find(&self, name: &str) -> Result<Option<ObjectId>> {
        let mut name = match FullName::try_from(name) {
            Ok(name) => name,
            Err(_) => return Ok(None),
        };
        for _ in 0..HOPS {
            let found = self.store.try_find(name.as_ref()).map_err(|e| Error::corrupt(format!("the reference `{}`", name.as_bstr()), e))?;
            match found.map(|found| found.target) {
                None => return Ok(None),
                Some(Target::Object(id)) => return self.peel(id).map(Some),
                Some(Target::Symbolic(next)) => name = next,
            }
        }
        Err(Error::corrupt(format!("the reference `{}`", name.as_bstr()), "it names other references in a circle"))
    }

    /// Follows tags to what they stand for.
    pub fn peel(&self, mut id: ObjectId) -> Result<ObjectId> {
        for _ in 0..HOPS {
            match self.objects.header(&id)? {
                Some((Kind::Tag, _)) => {
                    let data = self.objects.read(&id, Kind::Tag, 1 << 20)?;
                    id = gix::objs::TagRefIter::from_bytes(&data, Hash::Sha1)
                        .target_id()
                        .map_err(|e| Error::corrupt(format!("the tag {id}"), e))?;
                }
                _ => return Ok(id),
            }
        }
        Err(Error::corrupt(format!("the tag {id}"), "too many tags of tags"))
    }

    /// The branches with what they point to, by name; and those whose names or targets we do not take, with the reason.
    pub fn branches(&self) -> Result<Branches> {
        let what = || format!("`{}`", self.layout.common_dir.display());
        let mut out = Branches::default();
        let damaged = |e: &dyn std::fmt::Display| Error::corrupt(format!("the list of branches of {}", what()), e);
        let platform = self.store.iter().map_err(|e| damaged(&e))?;
        let prefix: &gix::path::RelativePath = "refs/heads/".try_into().map_err(|e: gix::Error| damaged(&e))?;
        for (count, found) in platform.prefixed(prefix).map_err(|e| damaged(&e))?.enumerate() {
            if count >= self.objects.limits().refs {
                return Err(Error::TooMany { what: what(), of: "references", limit: self.objects.limits().refs as u64 });
            }
            let found = match found {
                Ok(found) => found,
                Err(e) => {
                    out.skipped.push(("a branch".to_owned(), e.to_string()));
                    continue;
                }
            };
            let full = found.name.as_bstr().to_string();
            let short = full.strip_prefix("refs/heads/").unwrap_or(&full).to_owned();
            let name = match short.parse::<BranchName>() {
                Ok(name) => name,
                Err(e) => {
                    out.skipped.push((short, e.why.to_owned()));
                    continue;
                }
            };
            let id = match found.target {
                Target::Object(id) => Some(id),
                Target::Symbolic(next) => self.find(&next.as_bstr().to_string()).unwrap_or(None),
            };
            match id {
                Some(id) => out.taken.push((name, id)),
                None => out.skipped.push((short, "it names a reference that is not there".to_owned())),
            }
        }
        out.taken.sort();
        Ok(out)
    }
}

/// The branches of a repository.
#[derive(Default)]
pub(super) struct Branches {
    pub taken: Vec<(BranchName, ObjectId)>,
    pub skipped: Vec<(String, String)>,
}

/// Replaces all branches of a mirror of ours, then its default branch.
pub(super) fn replace(dir: &Path, branches: &[(BranchName, ObjectId)], default: Option<&BranchName>) -> Result<()> {
    let mut text = String::from("# pack-refs with: peeled fully-peeled sorted \n");
    let mut lines: Vec<_> = branches.iter().map(|(name, id)| (format!("refs/heads/{name}"), id)).collect();
    lines.sort();
    for (name, id) in lines {
        text.push_str(&format!("{id} {name}\n"));
    }
    write_whole(&dir.join("packed-refs"), text.as_bytes())?;
    if let Some(default) = default {
        write_whole(&dir.join("HEAD"), format!("ref: refs/heads/{default}\n").as_bytes())?;
    }
    sync_dir(dir)
}

/// Puts a file in place whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let aside = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        let mut file = File::create(&aside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&aside, path)
    };
    write().map_err(Error::io("write", path))
}

/// Makes what was renamed or created in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))
}
