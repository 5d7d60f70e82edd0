//! Holding the indexes against their rows: what `doctor` runs, and what tests ask after every flow.

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
        // Entries end with their row's primary key, so no two rows share one: an index whose expected entries are all there and that has
        // as many as are expected has no other.
        let mut tallies = vec![Tally::default(); spec.indexes.len()];
        for row in tx.range_raw(spec.table, &[], None, false)? {
            let (key, value) = row?;
            match (spec.entries)(&key, &value) {
                Ok(entries) => {
                    for ((table, tally), entries) in spec.indexes.iter().zip(&mut tallies).zip(entries) {
                        for entry in entries {
                            let is_there = tx.get_raw(*table, &entry)?.as_ref() == Some(&key);
                            if is_there { tally.there += 1 } else { tally.missing += 1 }
                        }
                    }
                }
                Err(error) => found.push(Discrepancy { table: spec.table.name(), what: error.to_string() }),
            }
        }
        for (table, tally) in spec.indexes.iter().zip(tallies) {
            let mut stored = 0_u64;
            for entry in tx.range_raw(*table, &[], None, false)? {
                entry?;
                stored += 1;
            }
            let extra = stored.saturating_sub(tally.there);
            if tally.missing + extra > 0 {
                let what = format!("{} entries are missing and {extra} are too many", tally.missing);
                found.push(Discrepancy { table: table.name(), what });
            }
        }
    }
    Ok(found)
}

/// How an index fares against what its rows say.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    there: u64,
    missing: u64,
}
