//! Taking objects in: what arrives is set aside, read through, and only then becomes part of the mirror.
//!
//! The invariant of a mirror: whatever object it has, it has all that object names. So new objects are put into `incoming/`, where each
//! gets its name from its own bytes, and are walked from the new branches down to what the mirror already has. A pack that lies (wrong
//! bytes under a name, objects left out, no end) is found here and thrown away. Then: objects, made durable; then branches, by one
//! rename. A process that is killed at any point leaves the mirror as it was, and rubbish that the next fetch removes.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gix::hash::{Kind as Hash, ObjectId};
use gix::odb::HandleArc;
use gix::progress::Discard;

use super::aside;
use super::objects::Objects;
use super::whole::{Broken, Look, missing};
use super::{Error, Limits, Result, refs};

/// What a fetch is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Finding out what is new.
    Asking,
    /// So many bytes of the pack have come.
    Receiving {
        /// How many.
        bytes: u64,
    },
    /// So many objects have been looked through.
    Checking {
        /// How many.
        objects: u64,
    },
}

/// What bounds a fetch besides its limits: the time it must end at, and a flag that ends it.
pub(super) struct Bounds<'a> {
    pub limits: &'a Limits,
    pub until: Instant,
    pub cancel: &'a AtomicBool,
    pub progress: &'a dyn Fn(Progress),
}

impl Bounds<'_> {
    pub fn check(&self) -> Result<()> {
        if self.cancel.load(Ordering::Relaxed) {
            return Err(Error::Canceled);
        }
        if Instant::now() >= self.until {
            return Err(Error::TimedOut { limit: self.limits.fetch_time });
        }
        Ok(())
    }
}

/// A place beside a mirror's objects for those that have not been looked through.
pub(super) struct Incoming {
    mirror: PathBuf,
    dir: PathBuf,
}

/// A pack that was taken in.
pub(super) struct Taken {
    /// How many objects it holds.
    pub objects: usize,
    /// Its index; none for a pack without objects.
    pub index: Option<PathBuf>,
}

impl Incoming {
    /// An empty place. What an earlier fetch left in it is removed; the caller holds the mirror's lock.
    pub fn new(mirror: &Path) -> Result<Incoming> {
        let dir = mirror.join("incoming");
        match std::fs::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("clear", &dir)(e)),
            _ => {}
        }
        for part in ["pack", "info"] {
            std::fs::create_dir_all(dir.join(part)).map_err(Error::io("make", &dir))?;
        }
        let objects = mirror.join("objects").canonicalize().map_err(Error::io("open", mirror))?;
        // Quoted as git does, so that any path can be named.
        let mut line = vec![b'"'];
        for byte in objects.as_os_str().as_bytes() {
            match byte {
                b'"' | b'\\' => line.extend([b'\\', *byte]),
                b' '..=b'~' => line.push(*byte),
                _ => line.extend(format!("\\{byte:03o}").into_bytes()),
            }
        }
        line.extend(b"\"\n");
        std::fs::write(dir.join("info/alternates"), line).map_err(Error::io("write", &dir))?;
        Ok(Incoming { mirror: mirror.to_owned(), dir })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file for what is written here on the way.
    pub fn scratch(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// Takes a pack in, object by object, each named by its bytes.
    pub fn pack(&self, pack: &mut dyn Read, bounds: &Bounds<'_>, thin: Option<HandleArc>) -> Result<Taken> {
        let options = gix_pack::bundle::write::Options {
            thread_limit: Some(1),
            iteration_mode: gix_pack::data::input::Mode::Verify,
            alloc_limit_bytes: Some(usize::try_from(bounds.limits.object_bytes).unwrap_or(usize::MAX)),
            ..Default::default()
        };
        let mut counted = Counted { inner: pack, bytes: 0, told: 0, bounds, failure: None };
        let stop = AtomicBool::new(false);
        let written = watched(
            bounds,
            || stop.store(true, Ordering::Relaxed),
            || {
                let mut reader = std::io::BufReader::with_capacity(64 << 10, &mut counted);
                gix_pack::Bundle::write_to_directory(
                    &mut reader,
                    Some(&self.dir.join("pack")),
                    &mut Discard,
                    &stop,
                    thin,
                    Hash::Sha1,
                    options,
                )
            },
        );
        if let Some(failure) = counted.failure {
            return Err(failure);
        }
        bounds.check()?;
        let written = written.map_err(|e| Error::written(&self.dir, "the pack that came", &e))?;
        let objects = written.index.num_objects as usize;
        if objects > bounds.limits.objects {
            return Err(Error::TooMany { what: "the pack that came".to_owned(), of: "objects", limit: bounds.limits.objects as u64 });
        }
        Ok(Taken { objects, index: written.index_path })
    }

    /// Looks through everything that the tips name and that the mirror has not; those to which something is missing go to `broken`.
    pub fn check(&self, old: &Objects, tips: &[ObjectId], broken: &mut Broken, bounds: &Bounds<'_>) -> Result<()> {
        let new = Objects::open(&self.dir, bounds.limits)?;
        let shallow = old.shallow();
        missing(&new.handle(), old, tips, &shallow, Look::Names, broken, bounds).map(drop)
    }

    /// Makes the objects durable and part of the mirror.
    pub fn keep(self) -> Result<()> {
        // What trees name comes before them.
        aside::keep(&self.dir, &self.mirror.join("objects"))?;
        let from = self.dir.join("pack");
        let to = self.mirror.join("objects/pack");
        let mut found: Vec<PathBuf> = Vec::new();
        for entry in std::fs::read_dir(&from).map_err(Error::io("list", &from))? {
            found.push(entry.map_err(Error::io("list", &from))?.path());
        }
        // The index comes last: a pack without one is not looked at.
        for kind in ["pack", "idx"] {
            for path in found.iter().filter(|path| path.extension().is_some_and(|ext| ext == kind)) {
                File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("sync", path))?;
                let name = path.file_name().unwrap_or_default();
                std::fs::rename(path, to.join(name)).map_err(Error::io("move", path))?;
            }
            refs::sync_dir(&to)?;
        }
        std::fs::remove_dir_all(&self.dir).map_err(Error::io("clear", &self.dir))
    }
}

/// Counts what is read, and ends it where there is too much or too little time.
struct Counted<'a> {
    inner: &'a mut dyn Read,
    bytes: u64,
    told: u64,
    bounds: &'a Bounds<'a>,
    failure: Option<Error>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Err(e) = self.bounds.check() {
            self.failure = Some(e);
            return Err(std::io::Error::other("stopped"));
        }
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        if self.bytes > self.bounds.limits.pack_bytes {
            let limit = self.bounds.limits.pack_bytes;
            self.failure = Some(Error::TooMany { what: "the pack that came".to_owned(), of: "bytes", limit });
            return Err(std::io::Error::other("too large"));
        }
        if self.bytes - self.told >= 1 << 20 {
            self.told = self.bytes;
            (self.bounds.progress)(Progress::Receiving { bytes: self.bytes });
        }
        Ok(read)
    }
}

/// Does a long piece of work that `stop` ends, which is called when the time is over or the fetch is canceled.
pub(super) fn watched<T>(bounds: &Bounds<'_>, stop: impl FnOnce() + Send, work: impl FnOnce() -> T) -> T {
    /// How soon a fetch that was canceled ends.
    const LOOK: std::time::Duration = std::time::Duration::from_millis(100);
    let (done, ended) = std::sync::mpsc::channel::<()>();
    let (until, cancel) = (bounds.until, bounds.cancel);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // The sender is dropped when the work is done, even by a panic.
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(LOOK) {
                if Instant::now() >= until || cancel.load(Ordering::Relaxed) {
                    return stop();
                }
            }
        });
        let _done = done;
        work()
    })
}
