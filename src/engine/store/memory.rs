//! The engine in memory: ordered maps behind the same two transaction types.
//!
//! `plumbline check` runs the product's verbs over it, tests that need no disk use it, and it keeps the seam honest: what passes the
//! store's suite here and on disk depends on neither. A snapshot shares the maps with the engine; a commit copies a table only where
//! a reader still holds it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use super::record::Table;
use super::tx::{Overlay, RawRows};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;
type Tables = HashMap<(&'static str, &'static str), Arc<Rows>>;

/// Everything that was committed.
#[derive(Debug, Default)]
pub(super) struct Memory {
    tables: Mutex<Arc<Tables>>,
}

impl Memory {
    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot { tables: Arc::clone(&self.tables.lock().unwrap_or_else(PoisonError::into_inner)) }
    }

    pub(super) fn apply(&self, overlay: &Overlay) {
        let mut shared = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let tables = Arc::make_mut(&mut shared);
        for (table, changes) in overlay.tables() {
            let rows = Arc::make_mut(tables.entry(table.place()).or_default());
            for (key, value) in changes {
                match value {
                    Some(value) => rows.insert(key.clone(), value.clone()),
                    None => rows.remove(key),
                };
            }
        }
    }
}

/// One moment of it.
pub(super) struct Snapshot {
    tables: Arc<Tables>,
}

impl Snapshot {
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Option<Vec<u8>> {
        self.tables.get(&table.place())?.get(key).cloned()
    }

    pub(super) fn range<'a>(&'a self, table: Table, from: &[u8], to: Option<&[u8]>, reversed: bool) -> RawRows<'a> {
        let Some(rows) = self.tables.get(&table.place()) else { return Box::new(std::iter::empty()) };
        let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let rows = rows.range::<[u8], _>(bounds).map(|(key, value)| Ok((key.clone(), value.clone())));
        if reversed { Box::new(rows.rev()) } else { Box::new(rows) }
    }
}
