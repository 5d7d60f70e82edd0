//! The schema of a store, and the way from an older one.
//!
//! A schema is a number and the list of records. At open: equal numbers go on, a newer store is refused, an older one is copied and
//! then brought up step by step, each step in one transaction that also sets the number, so that a crash resumes at the next step.
//! Afterwards every index that is missing, or whose key has another shape than this binary's, is built from its rows.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use redb::{ReadableTable, TableHandle};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{Definition, Disk};
use super::record::{self, Record, Table};
use super::{Error, Result};

/// Where the schema's number is kept.
const META: &str = "meta";
const SCHEMA_KEY: &[u8] = b"schema";

/// How many rows of an index are built in one transaction.
const REBUILD_ROWS: usize = 50_000;

/// The records of a store, the number that changes when one of them does, and the steps from older numbers.
#[derive(Clone)]
pub struct Schema {
    /// Raised with every change of a record's shape.
    pub number: u32,
    /// Every record, once.
    pub tables: Vec<TableSpec>,
    /// One step for each number above the first, in order.
    pub migrations: &'static [Migration],
}

/// One step from the schema before it.
pub struct Migration {
    /// The number it leads to.
    pub to: u32,
    /// What it does, in a few words.
    pub title: &'static str,
    /// Does it.
    pub run: fn(&MigrationTx<'_>) -> Result<()>,
}

/// The keys of a row's entries in one index.
pub(super) type EntryKeys = Vec<Vec<u8>>;

/// A record as the store sees it without its type: names, and how its index entries are computed.
#[derive(Clone)]
pub struct TableSpec {
    pub(super) table: Table,
    pub(super) indexes: Vec<Table>,
    /// For each index, the keys of a row's entries, from the row's primary key and bytes.
    pub(super) entries: fn(&[u8], &[u8]) -> Result<Vec<EntryKeys>>,
    /// The row in words, for a dump.
    pub(super) describe: fn(&[u8]) -> Result<String>,
}

impl TableSpec {
    /// The table of `T`.
    pub fn of<T: Record>() -> TableSpec {
        TableSpec {
            table: Table::of::<T>(),
            indexes: T::indexes().iter().map(|index| record::index_table(*index)).collect(),
            entries: |key, bytes| {
                let row: T = record::decode(bytes)?;
                Ok(T::indexes().iter().map(|index| record::index_entries(*index, &row, key)).collect())
            },
            describe: |bytes| Ok(format!("{:?}", record::decode::<T>(bytes)?)),
        }
    }

    /// The table's name, with its version.
    pub fn name(&self) -> String {
        self.table.name()
    }

    /// A stored row in words.
    pub fn describe(&self, bytes: &[u8]) -> Result<String> {
        (self.describe)(bytes)
    }
}

/// What a migration works on: whole tables by their stored names, rows of frozen shapes.
pub struct MigrationTx<'a> {
    tx: &'a redb::WriteTransaction,
}

impl MigrationTx<'_> {
    /// Reads every row of the table `name` (`issues@1`) as `Old`, writes what `change` makes of it to the table `to` under the same key,
    /// and drops the old table with its indexes; `None` drops the row.
    pub fn rewrite<Old: DeserializeOwned, New: Serialize>(
        &self,
        name: &str,
        to: &str,
        mut change: impl FnMut(Old) -> Option<New>,
    ) -> Result<()> {
        {
            let from = self.tx.open_table(Definition::new(name)).map_err(Error::engine)?;
            let mut into = self.tx.open_table(Definition::new(to)).map_err(Error::engine)?;
            for row in from.iter().map_err(Error::engine)? {
                let (key, value) = row.map_err(Error::engine)?;
                let shape = |source| Error::Migration { to: 0, title: "", why: format!("a row of `{name}` does not read: {source}") };
                let old: Old = postcard::from_bytes(value.value()).map_err(shape)?;
                if let Some(new) = change(old) {
                    let bytes = postcard::to_stdvec(&new).map_err(shape)?;
                    into.insert(key.value(), bytes.as_slice()).map_err(Error::engine)?;
                }
            }
        }
        self.drop_table(name)
    }

    /// Drops the table `name` and its indexes.
    pub fn drop_table(&self, name: &str) -> Result<()> {
        let indexes: Vec<String> = names(self.tx)?.into_iter().filter(|other| other.starts_with(&format!("{name}."))).collect();
        for name in indexes.iter().map(String::as_str).chain([name]) {
            self.tx.delete_table(Definition::new(name)).map_err(Error::engine)?;
        }
        Ok(())
    }
}

fn names(tx: &redb::WriteTransaction) -> Result<BTreeSet<String>> {
    Ok(tx.list_tables().map_err(Error::engine)?.map(|table| table.name().to_owned()).collect())
}

fn stored_schema(tx: &redb::WriteTransaction) -> Result<Option<u32>> {
    let meta = tx.open_table(Definition::new(META)).map_err(Error::engine)?;
    let value = meta.get(SCHEMA_KEY).map_err(Error::engine)?;
    Ok(value.and_then(|value| value.value().try_into().ok()).map(u32::from_be_bytes))
}

fn set_schema(tx: &redb::WriteTransaction, number: u32) -> Result<()> {
    let mut meta = tx.open_table(Definition::new(META)).map_err(Error::engine)?;
    meta.insert(SCHEMA_KEY, number.to_be_bytes().as_slice()).map_err(Error::engine)?;
    Ok(())
}

/// Brings an open database to `schema`.
pub(super) fn bring_up(disk: &Disk, path: Option<&Path>, schema: &Schema) -> Result<()> {
    let found = disk.write(|tx| {
        let found = stored_schema(tx)?;
        if found.is_none() {
            set_schema(tx, schema.number)?;
        }
        Ok(found.unwrap_or(schema.number))
    })?;
    if found > schema.number {
        let path = path.unwrap_or(Path::new("store.redb")).to_owned();
        return Err(Error::Newer { path, found, known: schema.number });
    }
    if found < schema.number {
        let steps: Vec<u32> = schema.migrations.iter().map(|step| step.to).filter(|to| *to > found).collect();
        if !steps.iter().copied().eq(found + 1..=schema.number) {
            let why = format!("it is at schema {found}, and this binary has no step to each schema after that");
            return Err(Error::Migration { to: schema.number, title: "finding the way", why });
        }
        if let Some(path) = path {
            keep_copy(path, found)?;
        }
    }
    for step in schema.migrations.iter().filter(|step| step.to > found && step.to <= schema.number) {
        tracing::info!(schema = step.to, "bringing the store to schema {}: {}", step.to, step.title);
        disk.write(|tx| {
            (step.run)(&MigrationTx { tx })?;
            set_schema(tx, step.to)
        })
        .map_err(|error| match error {
            Error::Migration { why, .. } => Error::Migration { to: step.to, title: step.title, why },
            other => Error::Migration { to: step.to, title: step.title, why: other.to_string() },
        })?;
    }
    let missing = disk.write(|tx| reconcile(tx, schema))?;
    for (spec, at) in missing {
        rebuild(disk, spec, at)?;
    }
    Ok(())
}

/// Copies the store beside itself before its first step; an earlier copy of the same schema is the better one and stays.
fn keep_copy(path: &Path, found: u32) -> Result<()> {
    let copy = path.with_extension(format!("redb.schema-{found}"));
    if copy.exists() {
        return Ok(());
    }
    let part = path.with_extension("redb.part");
    let failed = |source| Error::io(format!("cannot copy the store to `{}` before its schema changes", copy.display()), source);
    std::fs::copy(path, &part).map_err(failed)?;
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, &copy).map_err(failed)?;
    super::blob::above(&copy).map_or(Ok(()), super::blob::sync_dir)
}

/// Drops indexes that this binary does not have, refuses tables it does not know, creates what is new; answers the indexes to build.
fn reconcile<'a>(tx: &redb::WriteTransaction, schema: &'a Schema) -> Result<Vec<(&'a TableSpec, usize)>> {
    let known: BTreeMap<String, bool> = schema
        .tables
        .iter()
        .flat_map(|spec| std::iter::once((spec.table.name(), false)).chain(spec.indexes.iter().map(|index| (index.name(), true))))
        .chain([(META.to_owned(), false)])
        .collect();
    let present = names(tx)?;
    for name in present.iter().filter(|name| !known.contains_key(*name)) {
        // An index is named after its table: `issues@1.by_fingerprint(…)`. What is being built has a mark in front.
        let is_index = name.starts_with(BUILDING) || name.contains('.');
        if !is_index {
            return Err(Error::UnknownTable { table: name.clone(), schema: schema.number });
        }
        tracing::info!(table = %name, "dropping an index that this binary does not have");
        tx.delete_table(Definition::new(name)).map_err(Error::engine)?;
    }
    let mut missing = Vec::new();
    for spec in &schema.tables {
        tx.open_table(Definition::new(&spec.table.name())).map_err(Error::engine)?;
        missing.extend((0..spec.indexes.len()).filter(|at| !present.contains(&spec.indexes[*at].name())).map(|at| (spec, at)));
    }
    Ok(missing)
}

const BUILDING: &str = "building:";

/// Builds one index from its rows, some at a time under another name, and gives it its own once it is whole.
fn rebuild(disk: &Disk, spec: &TableSpec, at: usize) -> Result<()> {
    let (name, rows) = (spec.indexes[at].name(), spec.table.name());
    let building = format!("{BUILDING}{name}");
    let mut from: Vec<u8> = Vec::new();
    loop {
        let next = disk.write(|tx| {
            let rows = tx.open_table(Definition::new(&rows)).map_err(Error::engine)?;
            let mut index = tx.open_table(Definition::new(&building)).map_err(Error::engine)?;
            let mut last = None;
            for row in rows.range(from.as_slice()..).map_err(Error::engine)?.take(REBUILD_ROWS) {
                let (key, value) = row.map_err(Error::engine)?;
                for entry in &(spec.entries)(key.value(), value.value())?[at] {
                    index.insert(entry.as_slice(), key.value()).map_err(Error::engine)?;
                }
                last = Some([key.value(), &[0]].concat());
            }
            Ok(last)
        })?;
        match next {
            Some(next) => from = next,
            None => break,
        }
    }
    disk.write(|tx| tx.rename_table(Definition::new(&building), Definition::new(&name)).map_err(Error::engine))
}
