//! What the appliance does for itself, upkeep that recurs, and what an administrator does with the work that waits.
//!
//! The store holds when each kind of upkeep is next due; the clock's ticks only ask. What came due while the appliance was down is done
//! once, not once for each time it was missed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::event::{Event, Upkeep};
use crate::base::id::WorkId;
use crate::base::page::{Cursor, Limit};
use crate::base::time::Timestamp;
use crate::base::work::Lane;
use crate::engine::queue::{self, WorkItem, WorkState};
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
    /// Asking GitHub for what it could not deliver.
    pub heal: Duration,
    /// Taking over from GitHub who is let in.
    pub people: Duration,
}

impl Intervals {
    fn of(&self, upkeep: Upkeep) -> Duration {
        match upkeep {
            Upkeep::Poll => self.poll,
            Upkeep::Expire => self.expire,
            Upkeep::Sweep => self.sweep,
            Upkeep::Heal => self.heal,
            Upkeep::People => self.people,
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

/// Has a kind of upkeep be due at once.
pub fn hurry(tx: &mut WriteTx, upkeep: Upkeep) -> store::Result<()> {
    tx.remove::<Recurrence>(&(upkeep as u8)).map(drop)
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

/// Gives work that was given up another set of attempts; answers it as it waits now.
pub fn retry_work(tx: &mut WriteTx, id: WorkId, now: Timestamp) -> queue::Result<WorkItem> {
    let item = queue::find(tx, id)?;
    queue::retry(tx, id, now)?;
    tx.record(Event::WorkRetried { work: id, was: item.work.clone() }, now)?;
    let waits = match item.work.unique_key() {
        Some(key) => tx.first(&queue::BY_UNIQUE.exactly(&key))?,
        None => None,
    };
    Ok(waits.unwrap_or(item))
}

/// Takes work that nobody carries out from the queue; whatever waits for it hears that it was given up.
pub fn discard_work(tx: &mut WriteTx, id: WorkId, now: Timestamp) -> queue::Result<WorkItem> {
    let item = queue::find(tx, id)?;
    queue::discard(tx, id)?;
    tx.record(Event::WorkDiscarded { work: id, was: item.work.clone() }, now)?;
    Ok(item)
}

/// The most items of a state that are counted.
pub const WORK_COUNTED: usize = 10_000;

/// How much work of a lane there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneDepth {
    /// The lane.
    pub lane: Lane,
    /// How much waits.
    pub ready: u64,
    /// How much is being carried out.
    pub leased: u64,
    /// How much was given up.
    pub dead: u64,
    /// Since when the longest waiting has been due; `None` if nothing is.
    pub due_since: Option<Timestamp>,
}

/// How much work there is, by lane: at most [`WORK_COUNTED`] items of each state are counted.
pub fn work_depth(tx: &ReadTx, now: Timestamp) -> store::Result<Vec<LaneDepth>> {
    let mut lanes: Vec<LaneDepth> =
        Lane::ALL.iter().map(|lane| LaneDepth { lane: *lane, ready: 0, leased: 0, dead: 0, due_since: None }).collect();
    for state in WorkState::ALL {
        let (mut after, mut counted): (Option<Cursor>, usize) = (None, 0);
        loop {
            let page = queue::list(tx, *state, after.as_ref(), Limit::MAX)?;
            counted += page.items.len();
            for item in page.items {
                let Some(depth) = lanes.iter_mut().find(|depth| depth.lane == item.lane) else { continue };
                match state {
                    WorkState::Ready => {
                        depth.ready += 1;
                        // What has a head start waits no longer for it.
                        let since = item.due_at.max(item.enqueued_at);
                        if item.due_at <= now && depth.due_since.is_none_or(|earliest| since < earliest) {
                            depth.due_since = Some(since);
                        }
                    }
                    WorkState::Leased => depth.leased += 1,
                    WorkState::Dead => depth.dead += 1,
                }
            }
            after = page.next;
            if after.is_none() || counted >= WORK_COUNTED {
                break;
            }
        }
    }
    Ok(lanes)
}
