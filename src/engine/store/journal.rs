//! The journal: every fact that verbs recorded and that is to be kept, numbered in the order of their commits.
//!
//! Numbers are never used twice, since others remember how far they have read. So old facts leave through [`expire`] alone, which keeps
//! the last one whatever its age: the next number is one above it.

use serde::{Deserialize, Serialize};

use super::Result;
use super::record::{Record, Scan};
use super::tx::WriteTx;
use crate::base::event::Recorded;
use crate::base::time::Timestamp;

/// A row of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journaled(pub Recorded);

impl Record for Journaled {
    const TABLE: &'static str = "events";
    const VERSION: u16 = 1;
    type Key = u64;

    fn key(&self) -> u64 {
        self.0.number
    }
}

/// Forgets facts recorded before `before`, oldest first, at most `limit`; answers how many went.
pub fn expire(tx: &mut WriteTx, before: Timestamp, limit: usize) -> Result<usize> {
    let Some(last) = tx.first(&Scan::<Journaled>::all().reversed())? else { return Ok(0) };
    let mut expired = 0;
    for Journaled(fact) in tx.find(&Scan::<Journaled>::all(), limit)? {
        if fact.at >= before || fact.number == last.0.number {
            break;
        }
        tx.remove::<Journaled>(&fact.number)?;
        expired += 1;
    }
    Ok(expired)
}
