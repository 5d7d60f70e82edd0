//! Which new objects are whole: each is here, is what it is named as, and so is all that it names.
//!
//! One branch that is damaged must not hold up the others. So a walk goes depth first from each tip, and an object counts as whole when
//! it is left again, all below it being whole. Where something is missing, the objects on the way to it are not whole, and whatever else
//! leads to one of them is not; what was left before stays whole. Each object is looked at once, however many tips share it.

use std::collections::{HashMap, HashSet};

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Exists, Kind};
use gix::odb::HandleArc;

use super::aside::Large;
use super::commit::{COMMIT, DIRECTORY, Header};
use super::intake::{Bounds, Progress};
use super::objects::{Objects, load, name};
use super::{Error, Result};

/// How closely objects are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Contents of files are asked for by name: what holds them has named them by their bytes.
    Names,
    /// Every object is loaded and named by its bytes.
    Bytes,
}

/// Objects that one database has whole and another has not.
#[derive(Default)]
pub(super) struct New {
    /// Those that are loaded whole.
    pub objects: Vec<ObjectId>,
    /// Those that are too large for that.
    pub large: Vec<Large>,
}

/// Tips that are not whole, each with what is wrong.
#[derive(Default)]
pub(super) struct Broken {
    causes: Vec<Error>,
    tips: HashMap<ObjectId, usize>,
}

impl Broken {
    pub fn add(&mut self, tip: ObjectId, why: Error) {
        self.tips.insert(tip, self.causes.len());
        self.causes.push(why);
    }

    pub fn extend(&mut self, more: Broken) {
        let before = self.causes.len();
        self.causes.extend(more.causes);
        self.tips.extend(more.tips.into_iter().map(|(tip, cause)| (tip, before + cause)));
    }

    pub fn is_empty(&self) -> bool {
        self.tips.is_empty()
    }

    pub fn why(&self, tip: &ObjectId) -> Option<&Error> {
        self.tips.get(tip).map(|cause| &self.causes[*cause])
    }

    /// What was found first.
    pub fn first(self) -> Option<Error> {
        self.causes.into_iter().next()
    }
}

/// Whether an error tells of what a repository holds, so that another part of it may be in order.
pub(super) fn is_of_content(error: &Error) -> bool {
    matches!(error, Error::Corrupt { .. } | Error::ObjectTooLarge { .. })
}

/// The objects that the tips name, directly or not, and that `known` has not; each is of the kind it is named as, and whole. Tips that
/// are not are added to `broken`.
pub(super) fn missing(
    from: &HandleArc,
    known: &Objects,
    tips: &[ObjectId],
    shallow: &HashSet<ObjectId>,
    look: Look,
    broken: &mut Broken,
    bounds: &Bounds<'_>,
) -> Result<New> {
    let (entered, bad) = (HashSet::new(), HashMap::new());
    let mut walk = Walk { from, has: known.handle(), shallow, look, bounds, entered, bad, broken, new: New::default() };
    for tip in tips {
        if let Some(cause) = walk.tip(*tip)? {
            walk.broken.tips.insert(*tip, cause);
        }
    }
    Ok(walk.new)
}

enum Step {
    Enter(ObjectId, Kind),
    Leave(ObjectId),
}

struct Walk<'a> {
    from: &'a HandleArc,
    has: HandleArc,
    shallow: &'a HashSet<ObjectId>,
    look: Look,
    bounds: &'a Bounds<'a>,
    entered: HashSet<ObjectId>,
    /// What is not whole, with the number of its cause.
    bad: HashMap<ObjectId, usize>,
    broken: &'a mut Broken,
    new: New,
}

impl Walk<'_> {
    /// Walks all that a tip names, and answers the cause if it is not whole.
    fn tip(&mut self, tip: ObjectId) -> Result<Option<usize>> {
        let mut todo = Vec::new();
        let mut path = Vec::new();
        let mut named = Vec::new();
        self.want(&mut todo, tip, Kind::Commit)?;
        while let Some(step) = todo.pop() {
            let (id, kind) = match step {
                Step::Enter(id, kind) => (id, kind),
                Step::Leave(id) => {
                    path.pop();
                    self.new.objects.push(id);
                    continue;
                }
            };
            let mut cause = self.bad.get(&id).copied();
            if cause.is_none() {
                // It may have been met on another way since it began to wait.
                if !self.entered.insert(id) {
                    continue;
                }
                self.count()?;
                match self.look_at(id, kind, &mut named) {
                    Ok(()) if kind == Kind::Blob => continue,
                    Ok(()) => {}
                    Err(e) if is_of_content(&e) => {
                        cause = Some(self.broken.causes.len());
                        self.broken.causes.push(e);
                        path.push(id);
                    }
                    Err(e) => return Err(e),
                }
            }
            if let Some(cause) = cause {
                self.bad.extend(path.into_iter().map(|id| (id, cause)));
                return Ok(Some(cause));
            }
            path.push(id);
            todo.push(Step::Leave(id));
            for (id, kind) in named.drain(..) {
                self.want(&mut todo, id, kind)?;
            }
        }
        Ok(None)
    }

    fn want(&mut self, todo: &mut Vec<Step>, id: ObjectId, kind: Kind) -> Result<()> {
        if !self.bad.contains_key(&id) && (self.entered.contains(&id) || self.has.exists(&id)) {
            return Ok(());
        }
        // What waits is bounded as well: directories that are small in a pack may name one thing a million times.
        if todo.len() > self.bounds.limits.objects {
            return Err(self.too_many());
        }
        todo.push(Step::Enter(id, kind));
        Ok(())
    }

    fn count(&mut self) -> Result<()> {
        if self.entered.len() > self.bounds.limits.objects {
            return Err(self.too_many());
        }
        if self.entered.len().is_multiple_of(1_024) {
            self.bounds.check()?;
            (self.bounds.progress)(Progress::Checking { objects: self.entered.len() as u64 });
        }
        Ok(())
    }

    fn too_many(&self) -> Error {
        Error::TooMany { what: "the fetch".to_owned(), of: "objects", limit: self.bounds.limits.objects as u64 }
    }

    /// Looks at an object and lists what it names.
    fn look_at(&mut self, id: ObjectId, kind: Kind, named: &mut Vec<(ObjectId, Kind)>) -> Result<()> {
        named.clear();
        match kind {
            Kind::Commit => {
                let data = self.load(&id, kind, COMMIT)?;
                let commit = Header::parse(&data).map_err(|why| Error::corrupt(format!("the commit {id}"), why))?;
                if !self.shallow.contains(&id) {
                    named.extend(commit.parents.into_iter().map(|parent| (parent, Kind::Commit)));
                }
                named.push((commit.tree, Kind::Tree));
            }
            Kind::Tree => {
                let data = self.load(&id, kind, DIRECTORY)?;
                for entry in gix::objs::TreeRefIter::from_bytes(&data, Hash::Sha1) {
                    let entry = entry.map_err(|e| Error::corrupt(format!("the tree {id}"), e))?;
                    if entry.mode.is_tree() {
                        named.push((entry.oid.to_owned(), Kind::Tree));
                    } else if !entry.mode.is_commit() {
                        named.push((entry.oid.to_owned(), Kind::Blob));
                    }
                }
            }
            Kind::Blob | Kind::Tag => {
                use gix::odb::Header;
                let header = self.from.try_header(&id).map_err(|e| Error::corrupt(format!("the blob {id}"), e))?;
                let size = header.filter(|header| header.kind() == Kind::Blob).map(|header| header.size());
                let size = size.ok_or_else(|| Error::corrupt(format!("the blob {id}"), "it is missing"))?;
                if size > self.bounds.limits.object_bytes {
                    self.new.large.push(Large { id, size });
                    return Ok(());
                }
                if self.look == Look::Bytes {
                    self.load(&id, Kind::Blob, self.bounds.limits.object_bytes)?;
                    self.bounds.check()?;
                }
                self.new.objects.push(id);
            }
        }
        Ok(())
    }

    fn load(&self, id: &ObjectId, kind: Kind, cap: u64) -> Result<Vec<u8>> {
        let data = load(self.from, id, kind, cap.min(self.bounds.limits.object_bytes))?;
        if self.look == Look::Bytes {
            let what = || format!("the {} {id}", name(kind));
            let named = gix::objs::compute_hash(Hash::Sha1, kind, &data).map_err(|e| Error::corrupt(what(), e))?;
            if named != *id {
                return Err(Error::corrupt(what(), format_args!("its bytes have the name {named}")));
            }
        }
        Ok(data)
    }
}
