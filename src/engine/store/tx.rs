//! Transactions: what verbs read and write through.
//!
//! A [`ReadTx`] is one moment of the store, unchanged however long it is held. A [`WriteTx`] is the same moment with two layers over it:
//! what earlier verbs of the batch have settled, and what this verb writes. Nothing reaches the engine before the batch commits, so a
//! verb that fails or panics leaves no trace but its own layer, which is dropped.
//!
//! Rows come back owned and in bounded numbers; there is no iterator to hold across a write.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::ops::{Bound, Deref};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::journal::Journaled;
use super::key::RowKey;
use super::record::{self, Record, Scan, Table};
use super::{Result, disk, memory};
use crate::base::event::{Actor, Event, Recorded};
use crate::base::id::{Id, Ids};
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;

/// One moment of an engine.
pub(super) enum Snapshot {
    Disk(Box<disk::Snapshot>),
    Memory(memory::Snapshot),
}

/// A row as the engines see it: its key and its value.
pub(super) type RawRow = (Vec<u8>, Vec<u8>);

/// The rows of one table within bounds, in the order asked for.
pub(super) type RawRows<'a> = Box<dyn Iterator<Item = Result<RawRow>> + 'a>;

impl Snapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self {
            Snapshot::Disk(snapshot) => snapshot.get(table, key),
            Snapshot::Memory(snapshot) => Ok(snapshot.get(table, key)),
        }
    }

    fn range<'a>(&'a self, table: Table, from: &[u8], to: Option<&[u8]>, reversed: bool) -> Result<RawRows<'a>> {
        match self {
            Snapshot::Disk(snapshot) => snapshot.range(table, from, to, reversed),
            Snapshot::Memory(snapshot) => Ok(snapshot.range(table, from, to, reversed)),
        }
    }
}

/// What one table is to become: for each key its new value, or that it goes.
pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes that are not in the engine yet. Ordered, so that the same verbs write the same bytes in the same order.
#[derive(Debug, Default)]
pub(super) struct Overlay {
    tables: BTreeMap<(&'static str, &'static str), (Table, Changes)>,
}

impl Overlay {
    fn get(&self, table: Table, key: &[u8]) -> Option<Option<&Vec<u8>>> {
        self.tables.get(&table.place())?.1.get(key).map(Option::as_ref)
    }

    fn changes(&self, table: Table) -> Option<&Changes> {
        self.tables.get(&table.place()).map(|(_, changes)| changes)
    }

    fn set(&mut self, table: Table, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.tables.entry(table.place()).or_insert_with(|| (table, Changes::new())).1.insert(key, value);
    }

    fn absorb(&mut self, other: &mut Overlay) {
        for (place, (table, mut changes)) in std::mem::take(&mut other.tables) {
            self.tables.entry(place).or_insert_with(|| (table, Changes::new())).1.append(&mut changes);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many rows there are, and the bytes of their keys and values.
    pub(super) fn weight(&self) -> (u64, u64) {
        let rows = self.tables.values().flat_map(|(_, changes)| changes);
        rows.fold((0, 0), |(rows, bytes), (key, value)| (rows + 1, bytes + (key.len() + value.as_ref().map_or(0, Vec::len)) as u64))
    }

    pub(super) fn tables(&self) -> impl Iterator<Item = (Table, &Changes)> {
        self.tables.values().map(|(table, changes)| (*table, changes))
    }
}

/// One moment of the store, to read.
pub struct ReadTx {
    snapshot: Snapshot,
    /// What earlier verbs of the batch wrote; empty for a reader.
    settled: Overlay,
    /// What this verb wrote; empty for a reader.
    own: Overlay,
    /// Counts the rows that were read, index entries included.
    rows_read: Arc<AtomicU64>,
}

impl ReadTx {
    pub(super) fn new(snapshot: Snapshot, rows_read: Arc<AtomicU64>) -> ReadTx {
        ReadTx { snapshot, settled: Overlay::default(), own: Overlay::default(), rows_read }
    }

    /// The row with this primary key.
    pub fn get<T: Record>(&self, key: &T::Key) -> Result<Option<T>> {
        self.get_raw(Table::of::<T>(), &key.to_key())?.map(|bytes| record::decode(&bytes)).transpose()
    }

    /// Whether there is a row with this primary key.
    pub fn has<T: Record>(&self, key: &T::Key) -> Result<bool> {
        Ok(self.get_raw(Table::of::<T>(), &key.to_key())?.is_some())
    }

    /// The first rows of a scan, at most `limit`.
    pub fn find<T: Record>(&self, scan: &Scan<T>, limit: usize) -> Result<Vec<T>> {
        Ok(self.rows(scan, limit)?.0)
    }

    /// The first row of a scan.
    pub fn first<T: Record>(&self, scan: &Scan<T>) -> Result<Option<T>> {
        Ok(self.find(scan, 1)?.pop())
    }

    /// A page of a scan, and where the next begins.
    pub fn page<T: Record>(&self, scan: &Scan<T>, limit: Limit) -> Result<Page<T>> {
        let (items, next) = self.rows(scan, limit.get())?;
        Ok(Page { items, next })
    }

    /// How many rows a scan has, counted up to `cap`.
    pub fn count<T: Record>(&self, scan: &Scan<T>, cap: usize) -> Result<usize> {
        let mut counted = 0;
        for row in self.range_raw(scan.table, &scan.from, scan.to.as_deref(), scan.reversed)?.take(cap) {
            row?;
            counted += 1;
        }
        Ok(counted)
    }

    /// About how many bytes the rows of a scan take, keys included: at most `cap` rows are counted, and in an index the row it leads to is
    /// not.
    pub fn weigh<T: Record>(&self, scan: &Scan<T>, cap: usize) -> Result<u64> {
        let mut bytes = 0;
        for row in self.range_raw(scan.table, &scan.from, scan.to.as_deref(), scan.reversed)?.take(cap) {
            let (key, value) = row?;
            bytes += (key.len() + value.len()) as u64;
        }
        Ok(bytes)
    }

    fn rows<T: Record>(&self, scan: &Scan<T>, limit: usize) -> Result<(Vec<T>, Option<Cursor>)> {
        let mut items = Vec::with_capacity(limit.min(256));
        let mut last = None;
        for row in self.range_raw(scan.table, &scan.from, scan.to.as_deref(), scan.reversed)? {
            let (key, value) = row?;
            if items.len() == limit {
                return Ok((items, last.map(Cursor::new)));
            }
            if scan.table.index.is_empty() {
                items.push(record::decode(&value)?);
            } else if let Some(bytes) = self.get_raw(Table::of::<T>(), &value)? {
                items.push(record::decode(&bytes)?);
            } else {
                return Err(super::Error::DanglingIndex { table: T::TABLE, index: scan.table.index });
            }
            last = Some(key);
        }
        Ok((items, None))
    }

    pub(super) fn get_raw(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.rows_read.fetch_add(1, Ordering::Relaxed);
        for layer in [&self.own, &self.settled] {
            if let Some(value) = layer.get(table, key) {
                return Ok(value.cloned());
            }
        }
        self.snapshot.get(table, key)
    }

    pub(super) fn range_raw<'a>(&'a self, table: Table, from: &[u8], to: Option<&[u8]>, reversed: bool) -> Result<RawRows<'a>> {
        if to.is_some_and(|to| from >= to) {
            return Ok(Box::new(std::iter::empty()));
        }
        let mut rows: LayeredRows<'a> =
            Box::new(self.snapshot.range(table, from, to, reversed)?.map(|row| row.map(|(key, value)| (key, Some(value)))));
        for layer in [&self.settled, &self.own] {
            let Some(changes) = layer.changes(table) else { continue };
            let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
            let changes = changes.range::<[u8], _>(bounds);
            let above: LayerRows<'a> = if reversed { Box::new(changes.rev()) } else { Box::new(changes) };
            rows = Box::new(Layered { below: rows.peekable(), above: above.peekable(), reversed });
        }
        Ok(Box::new(rows.filter_map(|row| match row {
            Ok((key, Some(value))) => {
                self.rows_read.fetch_add(1, Ordering::Relaxed);
                Some(Ok((key, value)))
            }
            Ok((_, None)) => None,
            Err(error) => Some(Err(error)),
        })))
    }
}

/// Rows, and the places where a layer says that there is none.
type LayeredRows<'a> = Box<dyn Iterator<Item = Result<(Vec<u8>, Option<Vec<u8>>)>> + 'a>;
type LayerRows<'a> = Box<dyn Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)> + 'a>;

/// The rows below with one layer's changes over them, both in the same order.
struct Layered<'a> {
    below: Peekable<LayeredRows<'a>>,
    above: Peekable<LayerRows<'a>>,
    reversed: bool,
}

impl Iterator for Layered<'_> {
    type Item = Result<(Vec<u8>, Option<Vec<u8>>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let Some((key, _)) = self.above.peek() else { return self.below.next() };
        match self.below.peek() {
            Some(Err(_)) => return self.below.next(),
            Some(Ok((below, _))) => {
                let order = if self.reversed { key.as_slice().cmp(below) } else { below.as_slice().cmp(key) };
                if order.is_lt() {
                    return self.below.next();
                }
                if order.is_eq() {
                    self.below.next();
                }
            }
            None => {}
        }
        self.above.next().map(|(key, value)| Ok((key.clone(), value.clone())))
    }
}

/// One moment of the store with this verb's changes over it. Lent to each verb by the writer thread.
pub struct WriteTx {
    read: ReadTx,
    ids: Arc<Ids>,
    actor: Actor,
    recorded: Vec<Recorded>,
    /// The number of the last fact that the batch has settled; `None` before it was looked up.
    journal_end: Option<u64>,
}

impl Deref for WriteTx {
    type Target = ReadTx;

    fn deref(&self) -> &ReadTx {
        &self.read
    }
}

impl WriteTx {
    pub(super) fn new(snapshot: Snapshot, ids: Arc<Ids>) -> WriteTx {
        WriteTx { read: ReadTx::new(snapshot, Arc::default()), ids, actor: Actor::System, recorded: Vec::new(), journal_end: None }
    }

    /// Writes a row over the one with the same primary key, and its index entries.
    pub fn put<T: Record>(&mut self, row: &T) -> Result<()> {
        let key = row.key().to_key();
        let value = record::encode(row)?;
        let indexes = T::indexes();
        if !indexes.is_empty() {
            let old: Option<T> = self.get_raw(Table::of::<T>(), &key)?.map(|bytes| record::decode(&bytes)).transpose()?;
            for index in indexes {
                let table = record::index_table(*index);
                let before = old.as_ref().map(|old| record::index_entries(*index, old, &key)).unwrap_or_default();
                let after = record::index_entries(*index, row, &key);
                for entry in before.iter().filter(|entry| after.binary_search(entry).is_err()) {
                    self.read.own.set(table, entry.clone(), None);
                }
                for entry in after.into_iter().filter(|entry| before.binary_search(entry).is_err()) {
                    self.read.own.set(table, entry, Some(key.clone()));
                }
            }
        }
        self.read.own.set(Table::of::<T>(), key, Some(value));
        Ok(())
    }

    /// Removes the row with this primary key and its index entries; says whether there was one.
    pub fn remove<T: Record>(&mut self, key: &T::Key) -> Result<bool> {
        let key = key.to_key();
        let Some(bytes) = self.get_raw(Table::of::<T>(), &key)? else { return Ok(false) };
        if !T::indexes().is_empty() {
            let old: T = record::decode(&bytes)?;
            for index in T::indexes() {
                for entry in record::index_entries(*index, &old, &key) {
                    self.read.own.set(record::index_table(*index), entry, None);
                }
            }
        }
        self.read.own.set(Table::of::<T>(), key, None);
        Ok(true)
    }

    /// Removes the first rows of a scan, at most `limit`; answers how many there were.
    pub fn remove_all<T: Record>(&mut self, scan: &Scan<T>, limit: usize) -> Result<usize> {
        let rows = self.find(scan, limit)?;
        for row in &rows {
            self.remove::<T>(&row.key())?;
        }
        Ok(rows.len())
    }

    /// A new id, later than every id made before it.
    pub fn new_id<I: Id>(&self, now: Timestamp) -> I {
        self.ids.next(now)
    }

    /// Who the verb acts for.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Says who the verb acts for; what it records carries the name.
    pub fn act_for(&mut self, actor: Actor) {
        self.actor = actor;
    }

    /// Records a fact beside what the verb changes, under the journal's next number; what the journal does not keep is only followed.
    pub fn record(&mut self, event: Event, now: Timestamp) -> Result<()> {
        let settled = match self.journal_end {
            Some(number) => number,
            None => self.first(&Scan::<Journaled>::all().reversed())?.map_or(0, |last| last.0.number),
        };
        if self.recorded.is_empty() {
            self.journal_end = Some(settled);
        }
        let before = self.recorded.last().map_or(settled, |last| last.number);
        let is_kept = event.is_kept();
        let recorded = Recorded { number: before.saturating_add(u64::from(is_kept)), at: now, actor: self.actor.clone(), event };
        if is_kept {
            self.put(&Journaled(recorded.clone()))?;
        }
        self.recorded.push(recorded);
        Ok(())
    }

    /// The facts this verb has recorded so far.
    pub fn recorded_events(&self) -> &[Recorded] {
        &self.recorded
    }

    /// How many rows the verb has written or removed so far, index entries included.
    pub(super) fn rows(&self) -> u64 {
        self.read.own.tables().map(|(_, changes)| changes.len() as u64).sum()
    }

    /// Keeps what the verb wrote for the batch, and makes ready for the next.
    pub(super) fn settle(&mut self) -> Vec<Recorded> {
        self.read.settled.absorb(&mut self.read.own);
        self.actor = Actor::System;
        if let Some(last) = self.recorded.last() {
            self.journal_end = Some(last.number);
        }
        std::mem::take(&mut self.recorded)
    }

    /// Forgets what the verb wrote, and makes ready for the next.
    pub(super) fn discard(&mut self) {
        self.read.own = Overlay::default();
        self.actor = Actor::System;
        self.recorded.clear();
    }

    /// What the batch is to change.
    pub(super) fn into_settled(self) -> Overlay {
        self.read.settled
    }
}
