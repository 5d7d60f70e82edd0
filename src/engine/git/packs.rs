//! Packs of a mirror: written, and combined before they are too many.
//!
//! Every fetch that finds something adds a pack, and every look-up asks all of them. So once there are many, the small ones become one;
//! a pack larger than all smaller ones together is left as it is, so that each object is written again a few times at most, however often
//! is fetched. Nothing is dropped: what no branch names may still be named by us.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use gix::hash::{Kind as Hash, ObjectId};
use gix::progress::Discard;

use super::intake::{Bounds, Incoming, watched};
use super::objects::Objects;
use super::{Error, Result, refs};

/// How many packs a mirror has before they are combined.
const MANY: usize = 40;

/// Makes one pack of a mirror's small ones, if it has many. The caller holds the mirror's lock.
pub(super) fn combine(mirror: &Path, objects: &Objects, bounds: &Bounds<'_>) -> Result<()> {
    let dir = mirror.join("objects/pack");
    let old = small(&dir)?;
    if old.is_empty() {
        return Ok(());
    }
    let mut ids = HashSet::new();
    for (index, _) in &old {
        let index =
            gix_pack::index::File::at(index, Hash::Sha1).map_err(|e| Error::corrupt(format!("the index `{}`", index.display()), e))?;
        ids.extend(index.iter().map(|entry| entry.oid));
        bounds.check()?;
    }
    let expected = ids.len();
    let incoming = Incoming::new(mirror)?;
    let mut from = objects.handle();
    from.prevent_pack_unload();
    let scratch = incoming.scratch();
    write(from, ids.into_iter().collect(), &scratch, bounds)?;
    let file = File::open(&scratch).map_err(Error::io("open", &scratch))?;
    let new = incoming.pack(&mut BufReader::with_capacity(64 << 10, file), bounds, None)?;
    if new.objects != expected {
        return Err(Error::corrupt(format!("`{}`", dir.display()), "its objects do not have the names its indices give them"));
    }
    incoming.keep()?;
    for (index, pack) in old.iter().filter(|(index, _)| index.file_name() != new.index.as_deref().and_then(Path::file_name)) {
        // The index goes first: a pack without one is not looked at.
        for path in [index, pack] {
            std::fs::remove_file(path).map_err(Error::io("remove", path))?;
        }
    }
    refs::sync_dir(&dir)
}

/// The packs that are to become one, each as its index and itself; none if there are few.
fn small(dir: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let index = entry.map_err(Error::io("list", dir))?.path();
        let pack = index.with_extension("pack");
        if index.extension().is_some_and(|ext| ext == "idx")
            && let Ok(meta) = pack.metadata()
        {
            found.push((meta.len(), index, pack));
        }
    }
    if found.len() <= MANY {
        return Ok(Vec::new());
    }
    found.sort();
    let (mut sum, mut take) = (0, 0);
    for (at, (size, ..)) in found.iter().enumerate() {
        if *size <= sum || take == 0 || at < MANY / 2 {
            take = at + 1;
        }
        sum += size;
    }
    found.truncate(take);
    Ok(found.into_iter().map(|(_, index, pack)| (index, pack)).collect())
}

/// Writes these objects as a pack, in the form they are stored in where they are.
pub(super) fn write(from: gix::odb::HandleArc, objects: Vec<ObjectId>, to: &Path, bounds: &Bounds<'_>) -> Result<()> {
    use gix_pack::data::output;
    let damaged = |e: gix::Error| Error::corrupt("the repository's object database", e);
    let stop = AtomicBool::new(false);
    let (counts, _) = watched(
        bounds,
        || stop.store(true, Ordering::Relaxed),
        || {
            let mut ids = objects.into_iter().map(Ok);
            output::count::objects_unthreaded(&from, &mut ids, &Discard, &stop, output::count::objects::ObjectExpansion::AsIs)
        },
    )
    .map_err(damaged)?;
    bounds.check()?;
    let count = u32::try_from(counts.len()).map_err(|_| Error::TooMany {
        what: "the fetch".to_owned(),
        of: "objects",
        limit: u64::from(u32::MAX),
    })?;
    let options = output::entry::iter_from_counts::Options { thread_limit: Some(1), ..Default::default() };
    let entries = output::entry::iter_from_counts(counts, from, Box::new(Discard), options).map_err(damaged)?;
    let file = File::create(to).map_err(Error::io("write", to))?;
    let ordered = gix::parallel::InOrderIter::from(entries);
    let mut written = 0_u64;
    for step in output::bytes::FromEntriesIter::new(ordered, BufWriter::new(file), count, gix_pack::data::Version::V2, Hash::Sha1) {
        written += step.map_err(damaged)?;
        if written > bounds.limits.pack_bytes {
            return Err(Error::TooMany { what: "the repository".to_owned(), of: "bytes of objects", limit: bounds.limits.pack_bytes });
        }
        bounds.check()?;
    }
    Ok(())
}
