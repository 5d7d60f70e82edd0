//! Holding the indexes against their rows: what `doctor` runs, and what tests ask after every flow.

use std::collections::BTreeMap;

use super::Result;
use super::migrate::Schema;
use super::tx::ReadTx;

/// An index that does not say what its rows say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy {
    /// The table or index.
    pub table: String,
    /// What is wrong with it.
    pub what: String,
}

pub(super) fn verify(tx: &ReadTx, schema: &Schema) -> Result<Vec<Discrepancy>> {
    let mut found = Vec::new();
    for spec in &schema.tables {
        let mut expected: Vec<BTreeMap<Vec<u8>, Vec<u8>>> = vec![BTreeMap::new(); spec.indexes.len()];
        for row in tx.range_raw(spec.table, &[], None, false)? {
            let (key, value) = row?;
            match (spec.entries)(&key, &value) {
                Ok(entries) => {
                    for (index, entries) in expected.iter_mut().zip(entries) {
                        index.extend(entries.into_iter().map(|entry| (entry, key.clone())));
                    }
                }
                Err(error) => found.push(Discrepancy { table: spec.table.name(), what: error.to_string() }),
            }
        }
        for (table, expected) in spec.indexes.iter().zip(expected) {
            let stored = tx.range_raw(*table, &[], None, false)?.collect::<Result<BTreeMap<_, _>>>()?;
            let missing = expected.iter().filter(|(entry, key)| stored.get(*entry) != Some(*key)).count();
            let extra = stored.keys().filter(|entry| !expected.contains_key(*entry)).count();
            if missing + extra > 0 {
                found.push(Discrepancy { table: table.name(), what: format!("{missing} entries are missing and {extra} are too many") });
            }
        }
    }
    Ok(found)
}
