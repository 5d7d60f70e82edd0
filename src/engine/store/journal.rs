//! The journal: every fact that verbs recorded, numbered in the order of their commits.

use serde::{Deserialize, Serialize};

use super::record::Record;
use crate::base::event::Recorded;

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
