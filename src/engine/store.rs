//! The store: typed records in one embedded database, many writers, one commit.
//!
//! The idea is in three parts. [`record`]: a thing we keep is a struct with a key, a version and indexes, and nothing writes an index by
//! hand. [`tx`]: a verb reads one moment and writes into a layer over it, so that whatever it does is atomic. `writer`: one thread
//! carries out the verbs that wait, commits them together and answers them afterwards; an answer means durable.
//!
//! Two engines stand behind it, redb on disk and ordered maps in memory, and no type of theirs leaves this module. Large things are not
//! rows: they are content-addressed files, see [`blob`].
//!
//! The store knows no record of the product: it is handed the list when it is opened ([`Schema`]).

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use crate::base::event::Recorded;
use crate::base::id::Ids;

pub mod blob;
mod disk;
mod guard;
pub mod journal;
pub mod key;
mod memory;
pub mod migrate;
pub mod record;
pub mod tx;
mod verify;
mod writer;

pub use blob::Blobs;
pub use migrate::{Migration, Schema, TableSpec};
pub use record::{AnyIndex, Index, Record, Scan};
pub use tx::{ReadTx, WriteTx};
pub use verify::Discrepancy;
pub use writer::Statistics;

/// What can fail in the store. Cheap to clone, since one failed commit is told to every verb of its batch.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The file system refused something.
    #[error("{what}: {why}")]
    Io {
        /// What was being done, and to what.
        what: String,
        /// Why it failed.
        why: Arc<std::io::Error>,
    },
    /// There is no room on the disk.
    #[error("no space is left on the disk that holds the store; make room, then try again")]
    Full,
    /// The database engine failed.
    #[error("the database failed: {why}")]
    Engine {
        /// Why.
        why: Arc<redb::Error>,
    },
    /// The file is not what was written to it.
    #[error("`{}` is damaged, or no store of plumbline ({what}); stop plumbline and put a backup of the file in its place", path.display())]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Another process has the store open.
    #[error("`{path}` is open in another process; stop it, or name another data directory with --data")]
    Locked {
        /// The store.
        path: PathBuf,
    },
    /// A newer binary wrote the store.
    #[error("`{path}` was written by a newer plumbline (schema {found}, this binary knows {known}); upgrade plumbline")]
    Newer {
        /// The store.
        path: PathBuf,
        /// The schema it has.
        found: u32,
        /// The newest schema this binary knows.
        known: u32,
    },
    /// A table is there that no record of this schema has.
    #[error("the store holds a table `{table}` that schema {schema} does not have; restore a backup or use the binary that wrote it")]
    UnknownTable {
        /// The table.
        table: String,
        /// The schema of this binary.
        schema: u32,
    },
    /// A step from an older schema failed; the store is as it was before the step.
    #[error("cannot bring the store to schema {to} ({title}): {why}")]
    Migration {
        /// The schema the step leads to.
        to: u32,
        /// What the step does.
        title: &'static str,
        /// What failed.
        why: String,
    },
    /// Readers did not leave the old handle in time.
    #[error("the database cannot be reopened while {readers} readers still hold it; try again")]
    StillRead {
        /// How many handles are still held.
        readers: usize,
    },
    /// A row cannot be written down.
    #[error("cannot encode a row of `{table}`: {why}")]
    Encode {
        /// The table.
        table: &'static str,
        /// Why.
        why: postcard::Error,
    },
    /// A row is not what its version says.
    #[error("a row of `{table}` is not what version {version} says: {why}; run `plumbline doctor`")]
    Decode {
        /// The table.
        table: &'static str,
        /// The version this binary reads.
        version: u16,
        /// Why.
        why: postcard::Error,
    },
    /// An index names a row that is not there.
    #[error("index `{index}` of `{table}` names a row that is not there; run `plumbline doctor`")]
    DanglingIndex {
        /// The table.
        table: &'static str,
        /// The index.
        index: &'static str,
    },
    /// A verb panicked; what it wrote was dropped.
    #[error("a write panicked and was dropped: {message}")]
    Panicked {
        /// What the panic said.
        message: String,
    },
    /// The store is closing.
    #[error("the store is closing")]
    Stopped,
    /// A blob's bytes are not those of its name.
    #[error("blob {hash} is damaged on disk: its bytes are not those it was stored with; restore it from a backup")]
    BlobDamaged {
        /// Its name.
        hash: blob::BlobHash,
    },
    /// A blob is not there.
    #[error("blob {hash} is not there")]
    BlobMissing {
        /// Its name.
        hash: blob::BlobHash,
    },
    /// A blob is larger than its reader or writer takes.
    #[error("a blob exceeds the {cap} bytes that are taken here")]
    BlobTooLarge {
        /// The most that was to be taken.
        cap: u64,
    },
}

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    fn io(what: impl Into<String>, source: std::io::Error) -> Error {
        if matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            return Error::Full;
        }
        Error::Io { what: what.into(), why: Arc::new(source) }
    }

    fn engine(source: impl Into<redb::Error>) -> Error {
        let damaged = |what: String| Error::Damaged { path: PathBuf::from(UNNAMED), what };
        match source.into() {
            // What the system gave and redb could make nothing of.
            redb::Error::Io(source) if matches!(source.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof) => {
                damaged(source.to_string())
            }
            redb::Error::Io(source) => Error::io("cannot read or write the database", source),
            redb::Error::DatabaseAlreadyOpen => Error::Locked { path: PathBuf::from(UNNAMED) },
            // We write tables of one kind alone, in one format.
            other @ (redb::Error::Corrupted(_)
            | redb::Error::UpgradeRequired(_)
            | redb::Error::RepairAborted
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableIsNotMultimap(_)
            | redb::Error::TypeDefinitionChanged { .. }) => damaged(other.to_string()),
            other => Error::Engine { why: Arc::new(other) },
        }
    }

    /// The same error, of the store at `path`.
    fn at(self, path: &Path) -> Error {
        match self {
            Error::Damaged { what, .. } => Error::Damaged { path: path.to_owned(), what },
            Error::Locked { .. } => Error::Locked { path: path.to_owned() },
            other => other,
        }
    }

    /// Whether the same write may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Io { .. } | Error::Full | Error::Engine { .. } | Error::StillRead { .. } | Error::Stopped)
    }
}

/// A store that is not a file of its own.
const UNNAMED: &str = "store.redb";

/// How much of the database redb keeps in memory. The operating system caches the file as well.
const CACHE_BYTES: usize = 12 << 20;

/// What hears of committed facts.
pub type Listener = Box<dyn Fn(&[Recorded]) + Send + Sync>;

/// The store: cheap to share behind an [`Arc`], open until it is dropped.
pub struct Store {
    // First, so that the last verbs are carried out before the engine closes.
    writer: writer::Writer,
    engine: Arc<Backing>,
    ids: Arc<Ids>,
    schema: Schema,
    // Last, so that nobody else opens what is still closing.
    _lock: Option<std::fs::File>,
}

enum Backing {
    Disk(disk::Disk),
    Memory(memory::Memory),
}

impl writer::Engine for Backing {
    fn snapshot(&self) -> Result<tx::Snapshot> {
        Ok(match self {
            Backing::Disk(disk) => tx::Snapshot::Disk(Box::new(disk.snapshot()?)),
            Backing::Memory(memory) => tx::Snapshot::Memory(memory.snapshot()),
        })
    }

    fn apply(&self, changes: &tx::Overlay) -> Result<()> {
        match self {
            Backing::Disk(disk) => disk.apply(changes),
            Backing::Memory(memory) => {
                memory.apply(changes);
                Ok(())
            }
        }
    }
}

impl Store {
    /// Opens the store at `path`, creating it if it is not there, and brings it to the schema of this binary.
    ///
    /// The file is readable by its owner alone. Fails if another process has it open, if a newer binary wrote it, or if a step from an
    /// older schema fails; an older store is first copied to `<path>.schema-<n>`.
    pub fn open(path: &Path, schema: Schema, ids: Ids, listener: Listener) -> Result<Store> {
        let lock = lock(path)?;
        // An empty file holds nothing that could be lost; redb would make a store of it in place, which a power cut could leave half made.
        if std::fs::metadata(path).map_or(true, |meta| meta.is_file() && meta.len() == 0) {
            create(path)?;
        }
        let file = path.to_owned();
        let opener = move || {
            let file = open_private(&file)?;
            let backend = redb::backends::FileBackend::new(file).map_err(Error::engine)?;
            builder().create_with_backend(backend).map_err(Error::engine)
        };
        let disk = disk::Disk::open(path, Box::new(opener))?;
        migrate::bring_up(&disk, Some(path), &schema)?;
        Store::start(Backing::Disk(disk), schema, ids, listener, Some(lock))
    }

    /// Opens a store over any storage that redb can work on, such as one that loses what was not synced.
    ///
    /// `open` is called again after an input or output error.
    pub fn open_on<B: redb::StorageBackend>(
        open: impl Fn() -> B + Send + Sync + 'static,
        schema: Schema,
        ids: Ids,
        listener: Listener,
    ) -> Result<Store> {
        let opener = move || builder().create_with_backend(open()).map_err(Error::engine);
        let disk = disk::Disk::open(Path::new(UNNAMED), Box::new(opener))?;
        migrate::bring_up(&disk, None, &schema)?;
        Store::start(Backing::Disk(disk), schema, ids, listener, None)
    }

    /// Opens an empty store in memory.
    pub fn in_memory(schema: Schema, ids: Ids, listener: Listener) -> Result<Store> {
        Store::start(Backing::Memory(memory::Memory::default()), schema, ids, listener, None)
    }

    fn start(engine: Backing, schema: Schema, ids: Ids, listener: Listener, lock: Option<std::fs::File>) -> Result<Store> {
        let (engine, ids) = (Arc::new(engine), Arc::new(ids));
        let served: Arc<dyn writer::Engine> = Arc::clone(&engine) as Arc<dyn writer::Engine>;
        let writer = writer::Writer::start(served, Arc::clone(&ids), listener)?;
        Ok(Store { writer, engine, ids, schema, _lock: lock })
    }

    /// The present moment, to read.
    pub fn read(&self) -> Result<ReadTx> {
        Ok(ReadTx::new(writer::Engine::snapshot(&*self.engine)?, self.writer.rows_read()))
    }

    /// Carries out a verb and returns once what it wrote is durable; if the verb fails, nothing was written.
    ///
    /// If it is the commit that fails, the disk may have kept what the verb wrote, all of it, or nothing: the next read or write opens
    /// the database afresh and shows which.
    pub fn write<T, E>(&self, verb: impl Fn(&mut WriteTx) -> std::result::Result<T, E> + Send + 'static) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let (answer, answered) = mpsc::sync_channel(1);
        self.submit(verb, move |result| {
            // Whoever asked is waiting below.
            let _ = answer.send(result);
        });
        answered.recv().unwrap_or_else(|_| Err(E::from(Error::Stopped)))
    }

    /// Queues a verb; `answer` is called on the writer thread once what it wrote is durable, and must not block.
    pub fn submit<T, E>(
        &self,
        verb: impl Fn(&mut WriteTx) -> std::result::Result<T, E> + Send + 'static,
        answer: impl FnOnce(std::result::Result<T, E>) + Send + 'static,
    ) where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.writer.submit(verb, answer);
    }

    /// What the writer has done since the store was opened.
    pub fn statistics(&self) -> Statistics {
        self.writer.statistics()
    }

    /// Makes ids in the order of this store's own.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// The schema it was opened with.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Compares every index with what its rows say; empty when all is well. Reads the whole store.
    pub fn verify(&self) -> Result<Vec<Discrepancy>> {
        verify::verify(&self.read()?, &self.schema)
    }
}

fn builder() -> redb::Builder {
    let mut builder = redb::Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Creates an empty database under another name and gives it its own once it is whole: redb does not open a file that a power cut left
/// half created.
fn create(path: &Path) -> Result<()> {
    let part = path.with_extension("redb.new");
    let failed = |source| Error::io(format!("cannot create `{}`", part.display()), source);
    match std::fs::remove_file(&part) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => return Err(failed(source)),
        _ => {}
    }
    let backend = redb::backends::FileBackend::new(open_private(&part)?).map_err(Error::engine)?;
    drop(builder().create_with_backend(backend).map_err(Error::engine)?);
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)?;
    blob::above(path).map_or(Ok(()), blob::sync_dir)
}

/// Takes the lock that keeps a second process out; it is held as long as the file is open.
fn lock(path: &Path) -> Result<std::fs::File> {
    let lock_path = path.with_extension("lock");
    let file = open_private(&lock_path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_owned() }),
        Err(std::fs::TryLockError::Error(source)) => Err(Error::io(format!("cannot lock `{}`", lock_path.display()), source)),
    }
}

/// Opens a file that its owner alone may read and write, creating it if it is not there.
fn open_private(path: &Path) -> Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt;

    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| Error::io(format!("cannot open `{}`", path.display()), source))
}

#[cfg(test)]
mod tests;
