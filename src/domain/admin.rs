//! What the appliance does for itself: upkeep that recurs.
//!
//! The store holds when each kind of upkeep is next due; the clock's ticks only ask. What came due while the appliance was down is done
//! once, not once for each time it was missed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::event::{Event, Upkeep};
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Record, WriteTx};

/// When a kind of upkeep is next due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// Which.
    pub upkeep: Upkeep,
    /// When.
    pub due_at: Timestamp,
}

impl Record for Recurrence {
    const TABLE: &'static str = "recurrences";
    const VERSION: u16 = 1;
    type Key = u8;

    fn key(&self) -> u8 {
        self.upkeep as u8
    }
}

/// How often each kind of upkeep is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// Looking for new commits.
    pub poll: Duration,
    /// Forgetting what is past its time.
    pub expire: Duration,
    /// Sweeping what nothing names.
    pub sweep: Duration,
}

impl Intervals {
    fn of(&self, upkeep: Upkeep) -> Duration {
        match upkeep {
            Upkeep::Poll => self.poll,
            Upkeep::Expire => self.expire,
            Upkeep::Sweep => self.sweep,
        }
    }
}

fn is_due(tx: &ReadTx, upkeep: Upkeep, now: Timestamp) -> store::Result<bool> {
    Ok(tx.get::<Recurrence>(&(upkeep as u8))?.is_none_or(|recurrence| recurrence.due_at <= now))
}

/// Whether any upkeep is due: asked before a write is begun.
pub fn is_any_due(tx: &ReadTx, now: Timestamp) -> store::Result<bool> {
    for upkeep in Upkeep::ALL {
        if is_due(tx, *upkeep, now)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Records what is due, and when it is due again.
pub fn fire_due(tx: &mut WriteTx, intervals: &Intervals, now: Timestamp) -> store::Result<()> {
    for upkeep in Upkeep::ALL {
        if is_due(tx, *upkeep, now)? {
            tx.put(&Recurrence { upkeep: *upkeep, due_at: now + intervals.of(*upkeep) })?;
            tx.record(Event::Due { upkeep: *upkeep }, now)?;
        }
    }
    Ok(())
}
