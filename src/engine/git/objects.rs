//! An object database, read by name: the one place that loads objects.
//!
//! The idea: a size is asked for before anything is loaded. Handles carry caches and are not shared between threads, so they are kept in
//! a pool and lent out for one call.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Find as _, Kind};
use gix::odb::{HandleArc, Header as _, Store};

use super::{Error, Limits, Result};

/// How many packs and indices one database may have open at a time.
const SLOTS: u16 = 2_048;
/// What each handle keeps of the objects it has decoded, in bytes.
const CACHE: usize = 8 << 20;
/// The most bytes that are read of a repository's list of shallow commits.
const SHALLOW: u64 = 4 << 20;

pub(super) struct Objects {
    dir: PathBuf,
    store: Arc<Store>,
    pool: Mutex<Vec<HandleArc>>,
    shallow: Mutex<Arc<HashSet<ObjectId>>>,
    limits: Limits,
}

impl Objects {
    /// Opens the database in `dir`, which is a repository's `objects`.
    pub fn open(dir: &Path, limits: &Limits) -> Result<Objects> {
        let options = gix::odb::store::init::Options {
            slots: gix::odb::store::init::Slots::Given(SLOTS),
            // An index over packs is a second opinion about their content that nobody has verified.
            use_multi_pack_index: false,
            alloc_limit_bytes: Some(usize::try_from(limits.object_bytes).unwrap_or(usize::MAX)),
            ..Default::default()
        };
        let store = Store::at_opts(dir.to_owned(), Hash::Sha1, &mut std::iter::empty(), options).map_err(Error::io("open", dir))?;
        Ok(Objects {
            dir: dir.to_owned(),
            store: Arc::new(store),
            pool: Mutex::new(Vec::new()),
            shallow: Mutex::new(Arc::new(HashSet::new())),
            limits: limits.clone(),
        })
    }

    /// The directories its objects lie in: its own first, then those it borrows from.
    pub fn places(&self) -> Result<Vec<PathBuf>> {
        let borrowed = gix::odb::alternate::resolve(self.dir.clone(), &self.dir)
            .map_err(|e| Error::corrupt(self.dir.join("info/alternates").display().to_string(), e))?;
        Ok(std::iter::once(self.dir.clone()).chain(borrowed).collect())
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads the list of commits whose parents are not here, from a repository's `shallow`.
    pub fn load_shallow(&self, file: &Path) -> Result<()> {
        let mut set = HashSet::new();
        if let Some(text) = super::layout::small_file(file, SHALLOW)? {
            for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let id = ObjectId::from_hex(line).map_err(|_| Error::corrupt(file.display().to_string(), "a line is no commit's name"))?;
                set.insert(id);
            }
        }
        *self.shallow.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
        Ok(())
    }

    pub fn shallow(&self) -> Arc<HashSet<ObjectId>> {
        Arc::clone(&self.shallow.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A handle of one's own, for what works through many objects at once.
    pub fn handle(&self) -> HandleArc {
        let mut handle = self.store.to_cache_arc();
        handle.set_object_cache(|| Box::new(gix::odb::pack::cache::object::MemoryCappedHashmap::new(CACHE)));
        handle
    }

    /// Lends a handle of the pool.
    pub fn with<T>(&self, read: impl FnOnce(&HandleArc) -> T) -> T {
        let _span = tracing::trace_span!("git").entered();
        let lent = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handle = lent.unwrap_or_else(|| self.handle());
        let answer = read(&handle);
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        answer
    }

    /// What an object is and how long it is, or nothing where it is not here.
    pub fn header(&self, id: &ObjectId) -> Result<Option<(Kind, u64)>> {
        let header = self.with(|handle| handle.try_header(id)).map_err(|e| Error::corrupt(format!("the object {id}"), e))?;
        Ok(header.map(|header| (header.kind(), header.size())))
    }

    /// The content of the object, which is of `kind` and has at most `cap` bytes.
    pub fn read(&self, id: &ObjectId, kind: Kind, cap: u64) -> Result<Vec<u8>> {
        self.with(|handle| load(handle, id, kind, cap.min(self.limits.object_bytes)))
    }
}

/// Loads an object of `kind` with at most `cap` bytes.
pub(super) fn load(handle: &HandleArc, id: &ObjectId, kind: Kind, cap: u64) -> Result<Vec<u8>> {
    let damaged = |why: &dyn std::fmt::Display| Error::corrupt(format!("the {} {id}", name(kind)), why);
    let Some(header) = handle.try_header(id).map_err(|e| damaged(&e))? else {
        return Err(damaged(&"it is missing"));
    };
    if header.kind() != kind {
        return Err(damaged(&format_args!("it is a {}", name(header.kind()))));
    }
    if header.size() > cap {
        return Err(Error::ObjectTooLarge { kind: name(kind), id: id.to_string(), size: header.size(), cap });
    }
    let mut buffer = Vec::new();
    match handle.try_find(id, &mut buffer).map_err(|e| damaged(&e))? {
        Some(data) if data.kind == kind => Ok(buffer),
        Some(data) => Err(damaged(&format_args!("it is a {}", name(data.kind)))),
        None => Err(damaged(&"it is missing")),
    }
}

/// Where an object lies that is stored alone.
pub(super) fn loose_path(dir: &Path, id: &ObjectId) -> PathBuf {
    let hex = id.to_string();
    dir.join(&hex[..2]).join(&hex[2..])
}

/// What people call an object of this kind.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Tree => "tree",
        Kind::Blob => "blob",
        Kind::Commit => "commit",
        Kind::Tag => "tag",
    }
}
