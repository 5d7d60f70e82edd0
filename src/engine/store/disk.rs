//! The engine on disk: redb behind the same two transaction types. The only file that names redb's transactions.
//!
//! Every commit is two-phase, since what we store comes from strangers and the one-phase commit trusts a checksum that is not
//! cryptographic; and it saves the allocator's state (quick-repair), so that opening after a crash takes no walk over the file.
//!
//! After an input or output error redb takes no further write until it is opened again, and reads no page that it has not cached.
//! [`Disk`] opens it afresh at the next use: it waits for the readers of the old handle, since pages they read could be used anew.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use redb::{Database, ReadableDatabase, TableDefinition, TableError};

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
    opener: Opener,
}

/// An open database; says so when its last user is gone.
struct Handle {
    db: Option<Database>,
    /// Whether an error has left it of no further use.
    failed: AtomicBool,
    gone: Arc<Departures>,
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
        Error::engine(error)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        drop(self.db.take());
        *self.gone.open.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.gone.left.notify_all();
    }
}

impl Disk {
    pub(super) fn open(opener: Opener) -> Result<Disk> {
        let disk = Disk { handle: Mutex::new(None), gone: Arc::default(), opener };
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
        let db = (self.opener)()?;
        *self.gone.open.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let handle = Arc::new(Handle { db: Some(db), failed: AtomicBool::new(false), gone: Arc::clone(&self.gone) });
        *held = Some(Arc::clone(&handle));
        Ok(handle)
    }

    pub(super) fn snapshot(&self) -> Result<Snapshot> {
        let handle = self.handle()?;
        match handle.db().begin_read() {
            Ok(tx) => Ok(Snapshot { open: RefCell::default(), tx, handle }),
            Err(error) => Err(handle.failed(error)),
        }
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
        let outcome = write(handle.db(), change);
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
        let rows = match self.tx.open_table(Definition::new(&name)) {
            Ok(rows) => Some(Arc::new(rows)),
            Err(TableError::TableDoesNotExist(_)) => None,
            Err(error) => return Err(self.handle.failed(error)),
        };
        self.open.borrow_mut().insert(table.place(), rows.clone());
        Ok(rows)
    }

    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(rows) = self.table(table)? else { return Ok(None) };
        let value = rows.get(key).map_err(|error| self.handle.failed(error))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    pub(super) fn range<'a>(&'a self, table: Table, from: &[u8], to: Option<&[u8]>, reversed: bool) -> Result<RawRows<'a>> {
        let Some(rows) = self.table(table)? else { return Ok(Box::new(std::iter::empty())) };
        let range = match to {
            Some(to) => rows.range(from..to),
            None => rows.range(from..),
        }
        .map_err(|error| self.handle.failed(error))?;
        let own = |row: std::result::Result<(Guard<'_>, Guard<'_>), _>| {
            row.map(|(key, value)| (key.value().to_vec(), value.value().to_vec())).map_err(|error| self.handle.failed(error))
        };
        if reversed { Ok(Box::new(range.rev().map(own))) } else { Ok(Box::new(range.map(own))) }
    }
}
