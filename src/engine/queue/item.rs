//! An item of the queue as it is stored, and by what items are found.

use serde::{Deserialize, Serialize};

use crate::base::id::WorkId;
use crate::base::time::Timestamp;
use crate::base::work::{Lane, Work};
use crate::engine::store::{AnyIndex, Index, Record};
use crate::words;

words! {
    /// How an item stands.
    pub enum WorkState: "state of work" {
        /// It waits until it is due.
        Ready = "ready",
        /// Somebody carries it out.
        Leased = "leased",
        /// It was given up.
        Dead = "dead",
    }
}

/// Who carries an item out, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process and thread, for people.
    pub holder: String,
    /// When it passes to another unless it is lengthened.
    pub expires_at: Timestamp,
    /// Which lease of this item it is: the fence.
    pub number: u64,
}

/// A durable intention and how it fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkItem {
    /// Its id.
    pub id: WorkId,
    /// What is to be done.
    pub work: Work,
    /// Whose threads do it.
    pub lane: Lane,
    /// How it stands.
    pub state: WorkState,
    /// How often it was begun, of which the waits follow; anew where there was news of work for which somebody waits.
    pub attempts: u32,
    /// Whether it was begun before and did not end well.
    pub is_again: bool,
    /// Whether it has failed; not so once the process ended in it.
    pub has_failed: bool,
    /// When it may be begun.
    pub due_at: Timestamp,
    /// What makes another push of it one with it.
    pub unique: Option<String>,
    /// Who carries it out, while it is leased.
    pub lease: Option<Lease>,
    /// How many leases there were.
    pub leases: u64,
    /// When it is due once more, if it was pushed while it was being carried out.
    pub again: Option<Timestamp>,
    /// Whether whoever carries it out is asked to stop.
    pub is_canceled: bool,
    /// What the last attempt failed with.
    pub last_error: Option<String>,
    /// When it was pushed.
    pub enqueued_at: Timestamp,
}

impl Record for WorkItem {
    const TABLE: &'static str = "work";
    const VERSION: u16 = 1;
    type Key = WorkId;

    fn key(&self) -> WorkId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_DUE, &super::turn::BY_REPO, &BY_LEASE, &BY_UNIQUE, &BY_STATE]
    }
}

/// What waits, by lane and the instant it is due.
pub const BY_DUE: Index<WorkItem, (u8, Timestamp)> =
    Index::some("by_due", |item| (item.state == WorkState::Ready).then_some((item.lane as u8, item.due_at)));

/// What is being carried out, by the instant its lease expires.
pub const BY_LEASE: Index<WorkItem, Timestamp> = Index::some("by_lease", |item| item.lease.as_ref().map(|lease| lease.expires_at));

/// What waits or is being carried out, by its unique key.
pub const BY_UNIQUE: Index<WorkItem, String> =
    Index::some("by_unique", |item| item.unique.clone().filter(|_| item.state != WorkState::Dead));

/// Everything, by its state and age.
pub const BY_STATE: Index<WorkItem, (u8, Timestamp)> = Index::on("by_state", |item| (item.state as u8, item.enqueued_at));
