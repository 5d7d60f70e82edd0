//! The engine on disk: redb behind the same two transaction types. The only file that names redb's transactions.
//!
//! Every commit is two-phase, since what we store comes from strangers and the one-phase commit trusts a checksum that is not
//! cryptographic; and it saves the allocator's state (quick-repair), so that opening after a crash takes no walk over the file.
//!
//! Pages are not compared with their checksums before they are used, which would take a walk over the whole file at each start. So each
//! call that reads is guarded: a damaged page is an error, wherever it is met.
//!
//! After an input or output error redb takes no further write until it is opened again, and reads no page that it has not cached.
//! [`Disk`] opens it afresh at the next use: it waits for the readers of the old handle, since pages they read could be used anew.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use redb::{Database, ReadableDatabase, TableDefinition, TableError};

use super::guard::guarded;
use super::record::Table;
use super::tx::{Overlay, RawRows};
use super::{Error, Result};

/// How long a reopening waits for the readers of the old handle.
const READERS_LEAVE_WITHIN: Duration = Duration::from_secs(10);

pub(super) type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;
type Guard<'a> = redb::AccessGuard<'a, &'static [u8]>;

/// Opens the database afresh: the file, or what a test put in its place.
pub(super) type Opener = Box<dyn Fn() -> Result<Database> + Send + Sync>;

pub(super) struct Disk {
    handle: Mutex<Option<Arc<Handle>>>,
    gone: Arc<Departures>,
    /// What to call it in errors.
    path: PathBuf,
    opener: Opener,
}

/// An open database; says so when its last user is gone.
struct Handle {
    db: Option<Database>,
    /// Whether an error has left it of no further use.
    failed: AtomicBool,
    gone: Arc<Departures>,
    path: PathBuf,
}

#[derive(Default)]
struct Departures {
    open: Mutex<usize>,
    left: Condvar,
}

impl Handle {
    fn db(&self) -> &Database {
        self.db.as_ref().expect("the database is taken out only when the handle is dropped")
    }

    /// Has the next use open the database afresh.
    fn give_up(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// The error for the caller; gives the handle up if redb will answer nothing else from now on.
    fn failed(&self, error: impl Into<redb::Error>) -> Error {
        let error = error.into();
        if matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseClosed | redb::Error::LockPoisoned(_)) {
            self.give_up();
        }
        Error::engine(error).at(&self.path)
    }

    /// Runs what reads pages; whatever comes of it, the answer is an error or what was asked for.
    fn guard<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        guarded(act).unwrap_or_else(|what| {
            // What redb holds of the file may be half changed.
            self.give_up();
            Err(Error::Damaged { path: self.path.clone(), what })
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Closing writes, and reads to do so.
        if let Err(what) = guarded(|| drop(self.db.take())) {
            tracing::error!("`{}` could not be closed in order: {what}", self.path.display());
        }
        *self.gone.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.gone.left.notify_all();
    }
}

impl Disk {
    pub(super) fn open(path: &Path, opener: Opener) -> Result<Disk> {
        let disk = Disk { handle: Mutex::new(None), gone: Arc::default(), path: path.to_owned(), opener };
        disk.handle()?;
        Ok(disk)
    }

    /// The open database, opened afresh if the last one was given up.
    fn handle(&self) -> Result<Arc<Handle>> {
        let mut held = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        match &*held {
            Some(handle) if !handle.failed.load(Ordering::Acquire) => return Ok(Arc::clone(handle)),
            _ => *held = None,
        }
        let open = self.gone.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, waited) =
            self.gone.left.wait_timeout_while(open, READERS_LEAVE_WITHIN, |open| *open > 0).unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(Error::StillRead { readers: *open });
        }
        drop(open);
        let opened = guarded(&self.opener).unwrap_or_else(|what| Err(Error::Damaged { path: self.path.clone(), what }));
        let db = opened.map_err(|error| error.at(&self.path))?;
        *self.gone.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let handle =
            Arc::new(Handle { db: Some(db), failed: AtomicBool::new(false), gone: Arc::clone(&self.gone), path: self.path.clone() });
        *held = Some(Arc::clone(&handle));
        Ok(handle)
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let handle = self.handle()?;
        let tx = handle.guard(|| handle.db().begin_read().map_err(|error| handle.failed(error)))?;
        Ok(Snapshot { open: RefCell::default(), tx, handle })
    }

    /// Makes the changes durable, all or none.
    pub(super) fn apply(&self, overlay: &Overlay) -> Result<()> {
        self.write(|tx| {
            for (table, changes) in overlay.tables() {
                let name = table.name();
                let mut rows = tx.open_table(Definition::new(&name)).map_err(Error::engine)?;
                for (key, value) in changes {
                    match value {
                        Some(value) => rows.insert(key.as_slice(), value.as_slice()).map(drop),
                        None => rows.remove(key.as_slice()).map(drop),
                    }
                    .map_err(Error::engine)?;
                }
            }
            Ok(())
        })
    }

    /// Runs `change` in one durable redb transaction.
    pub(super) fn write<R>(&self, change: impl FnOnce(&redb::WriteTransaction) -> Result<R>) -> Result<R> {
        let handle = self.handle()?;
        let guard = GiveUp(&handle);
        let outcome = handle.guard(|| write(handle.db(), change)).map_err(|error| error.at(&self.path));
        if outcome.is_ok() {
            std::mem::forget(guard);
        }
        outcome
    }
}

/// Gives a handle up when it goes out of scope: after an error, and after a panic.
struct GiveUp<'a>(&'a Handle);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where a write transaction begins: the writer thread and migrations come here")]
fn write<R>(db: &Database, change: impl FnOnce(&redb::WriteTransaction) -> Result<R>) -> Result<R> {
    let mut tx = db.begin_write().map_err(Error::engine)?;
    tx.set_two_phase_commit(true);
    tx.set_quick_repair(true);
    let out = change(&tx)?;
    tx.commit().map_err(Error::engine)?;
    Ok(out)
}

/// One moment of the database.
pub(super) struct Snapshot {
    // Dropped before the handle, which may close the database.
    /// Tables that were read: to open one costs as much as to read a row.
    open: RefCell<HashMap<(&'static str, &'static str), Rows>>,
    tx: redb::ReadTransaction,
    handle: Arc<Handle>,
}

type Rows = Option<Arc<redb::ReadOnlyTable<&'static [u8], &'static [u8]>>>;

impl Snapshot {
    /// The rows of a table; `None` if nothing was ever written to it.
    fn table(&self, table: Table) -> Result<Rows> {
        if let Some(rows) = self.open.borrow().get(&table.place()) {
            return Ok(rows.clone());
        }
        let name = table.name();
        let rows = self.handle.guard(|| match self.tx.open_table(Definition::new(&name)) {
            Ok(rows) => Ok(Some(Arc::new(rows))),
            Err(TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(self.handle.failed(error)),
        })?;
        self.open.borrow_mut().insert(table.place(), rows.clone());
        Ok(rows)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(rows) = self.table(table)? else { return Ok(None) };
        self.handle.guard(|| {
            let value = rows.get(key).map_err(|error| self.handle.failed(error))?;
            Ok(value.map(|value| value.value().to_vec()))
        })
    }

    pub(super) fn range<'a>(&'a self, table: Table, from: &[u8], to: Option<&[u8]>, reversed: bool) -> Result<RawRows<'a>> {
        let Some(rows) = self.table(table)? else { return Ok(Box::new(std::iter::empty())) };
        let mut range = self.handle.guard(|| {
            match to {
                Some(to) => rows.range(from..to),
                None => rows.range(from..),
            }
            .map_err(|error| self.handle.failed(error))
        })?;
        let own = |row: std::result::Result<(Guard<'_>, Guard<'_>), _>| {
            row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(|error| self.handle.failed(error))
        };
        let (mut last, mut is_over): (Option<Vec<u8>>, bool) = (None, false);
        Ok(Box::new(std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let row = self.handle.guard(|| if reversed { range.next_back() } else { range.next() }.map(own).transpose()).transpose()?;
            let row = row.and_then(|row| {
                // A page that leads back to where the reader came from would have it go round for ever.
                let order = last.as_ref().map(|last| if reversed { row.0.cmp(last) } else { last.cmp(&row.0) });
                if order.is_some_and(|order| !order.is_lt()) {
                    return Err(Error::Damaged { path: self.handle.path.clone(), what: "its rows are out of order".to_owned() });
                }
                last = Some(row.0.clone());
                Ok(row)
            });
            is_over = row.is_err();
            Some(row)
        })))
    }
}
