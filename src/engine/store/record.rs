//! Records and their indexes, as types: what a table holds, by what it is found.
//!
//! A record is a plain struct encoded by postcard, which is positional: a changed field is a changed format. So each record has a
//! version, and the version stands in its table's name (`issues@1`): a binary that knows another version does not find the table, and
//! opening says so, whichever engine is beneath. An index's name carries the shape of its key in the same way
//! (`issues@1.by_fingerprint(id,[16])`); one of another shape is dropped at open and built anew.

use std::fmt::Debug;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::{self, RowKey, StartsWith};
use super::{Error, Result};
use crate::base::page::Cursor;

/// A thing we keep: one table, one primary key, its indexes.
pub trait Record: Serialize + DeserializeOwned + Debug + 'static {
    /// The table's name, a plural noun.
    const TABLE: &'static str;
    /// The version of the encoding; raise it together with a migration.
    const VERSION: u16;
    /// The type of the primary key.
    type Key: RowKey;

    /// The primary key of this row.
    fn key(&self) -> Self::Key;

    /// By what else rows are found. Indexes are constants, so that the list can be one.
    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[]
    }
}

/// Which table: a record's own, or one of its indexes'.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) record: &'static str,
    pub(super) version: u16,
    /// The index's name and the shape of its key; empty for the record's own table.
    pub(super) index: &'static str,
    pub(super) shape: fn() -> String,
}

impl Table {
    pub(super) fn of<T: Record>() -> Table {
        Table { record: T::TABLE, version: T::VERSION, index: "", shape: String::new }
    }

    /// The name in the database.
    pub(super) fn name(&self) -> String {
        if self.index.is_empty() {
            format!("{}@{}", self.record, self.version)
        } else {
            format!("{}@{}.{}({})", self.record, self.version, self.index, (self.shape)())
        }
    }

    /// What tells tables apart within one binary, without building the name.
    pub(super) fn place(&self) -> (&'static str, &'static str) {
        (self.record, self.index)
    }
}

/// By what else a record is found: a name, and the key or keys that a row has there.
pub struct Index<T, K> {
    name: &'static str,
    keys: Keys<T, K>,
}

enum Keys<T, K> {
    One(fn(&T) -> K),
    Some(fn(&T) -> Option<K>),
    Many(fn(&T) -> Vec<K>),
}

impl<T: Record, K: RowKey> Index<T, K> {
    /// An index in which every row stands once.
    pub const fn on(name: &'static str, key: fn(&T) -> K) -> Index<T, K> {
        Index { name, keys: Keys::One(key) }
    }

    /// An index in which a row stands if it has a key there.
    pub const fn some(name: &'static str, key: fn(&T) -> Option<K>) -> Index<T, K> {
        Index { name, keys: Keys::Some(key) }
    }

    /// An index in which a row stands under each of its keys.
    pub const fn many(name: &'static str, keys: fn(&T) -> Vec<K>) -> Index<T, K> {
        Index { name, keys: Keys::Many(keys) }
    }

    /// All rows that stand in the index, in its order.
    pub fn all(&self) -> Scan<T> {
        Scan::new(self.table(), Vec::new(), None)
    }

    /// The rows whose key begins with `prefix`, in the index's order.
    pub fn prefix<P: RowKey>(&self, prefix: P) -> Scan<T>
    where
        K: StartsWith<P>,
    {
        Scan::beginning_with(self.table(), &prefix.to_key())
    }

    /// The rows whose key is `key` or above, in the index's order.
    pub fn from(&self, key: &K) -> Scan<T> {
        Scan::new(self.table(), key.to_key(), None)
    }

    /// The rows whose key is `key` or below, in the index's order.
    pub fn up_to(&self, key: &K) -> Scan<T> {
        Scan::new(self.table(), Vec::new(), key::successor(&key.to_key()))
    }

    /// The rows whose key is `key`.
    pub fn exactly(&self, key: &K) -> Scan<T> {
        Scan::beginning_with(self.table(), &key.to_key())
    }
}

/// An index, whatever its key is.
pub trait AnyIndex<T>: Sync {
    /// The index's own name, such as `by_fingerprint`.
    fn name(&self) -> &'static str;

    /// Appends the keys under which `row` stands in the index.
    #[doc(hidden)]
    fn entries(&self, row: &T, out: &mut Vec<Vec<u8>>);

    /// The shape of its key.
    #[doc(hidden)]
    fn shape(&self) -> fn() -> String;
}

impl<T: Record, K: RowKey> AnyIndex<T> for Index<T, K> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn entries(&self, row: &T, out: &mut Vec<Vec<u8>>) {
        match &self.keys {
            Keys::One(key) => out.push(key(row).to_key()),
            Keys::Some(key) => out.extend(key(row).map(|key| key.to_key())),
            Keys::Many(keys) => out.extend(keys(row).iter().map(RowKey::to_key)),
        }
    }

    fn shape(&self) -> fn() -> String {
        K::shape
    }
}

impl<T: Record, K: RowKey> Index<T, K> {
    fn table(&self) -> Table {
        index_table(self)
    }
}

pub(super) fn index_table<T: Record>(index: &dyn AnyIndex<T>) -> Table {
    Table { record: T::TABLE, version: T::VERSION, index: index.name(), shape: index.shape() }
}

/// An index entry's key is the row's key there, then its primary key; its value is the primary key, so that it need not be cut out.
pub(super) fn index_entries<T: Record>(index: &dyn AnyIndex<T>, row: &T, primary: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = Vec::with_capacity(1);
    index.entries(row, &mut entries);
    for entry in &mut entries {
        entry.extend_from_slice(primary);
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

/// Some rows in an order: of a table by primary key, or of an index.
#[derive(Debug)]
pub struct Scan<T> {
    pub(super) table: Table,
    pub(super) from: Vec<u8>,
    /// Exclusive; `None` is the end of the table.
    pub(super) to: Option<Vec<u8>>,
    pub(super) reversed: bool,
    row: PhantomData<fn() -> T>,
}

impl<T> Clone for Scan<T> {
    fn clone(&self) -> Self {
        Scan { table: self.table, from: self.from.clone(), to: self.to.clone(), reversed: self.reversed, row: PhantomData }
    }
}

impl<T: Record> Scan<T> {
    fn new(table: Table, from: Vec<u8>, to: Option<Vec<u8>>) -> Scan<T> {
        Scan { table, from, to, reversed: false, row: PhantomData }
    }

    fn beginning_with(table: Table, prefix: &[u8]) -> Scan<T> {
        Scan::new(table, prefix.to_vec(), key::successor(prefix))
    }

    /// All rows, by primary key.
    pub fn all() -> Scan<T> {
        Scan::new(Table::of::<T>(), Vec::new(), None)
    }

    /// The rows whose primary key begins with `prefix`.
    pub fn prefix<P: RowKey>(prefix: P) -> Scan<T>
    where
        T::Key: StartsWith<P>,
    {
        Scan::beginning_with(Table::of::<T>(), &prefix.to_key())
    }

    /// The rows whose primary key is `key` or above.
    pub fn from_key(key: &T::Key) -> Scan<T> {
        Scan::new(Table::of::<T>(), key.to_key(), None)
    }

    /// The same rows, last first.
    pub fn reversed(mut self) -> Scan<T> {
        self.reversed = !self.reversed;
        self
    }

    /// What follows the page that ended with `cursor`; everything where there is none.
    ///
    /// A cursor of another list cannot lead outside of this one.
    pub fn after(mut self, cursor: Option<&Cursor>) -> Scan<T> {
        let Some(cursor) = cursor else { return self };
        let place = cursor.as_bytes();
        if self.reversed {
            if self.to.as_deref().is_none_or(|to| place < to) {
                self.to = Some(place.to_vec());
            }
        } else {
            let next = [place, &[0]].concat();
            if next > self.from {
                self.from = next;
            }
        }
        self
    }
}

pub(super) fn encode<T: Record>(row: &T) -> Result<Vec<u8>> {
    postcard::to_stdvec(row).map_err(|why| Error::Encode { table: T::TABLE, why })
}

pub(super) fn decode<T: Record>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|why| Error::Decode { table: T::TABLE, version: T::VERSION, why })
}
