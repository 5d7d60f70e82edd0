//! Taking turns: where one repository has much waiting, it does not keep the others from theirs.
//!
//! In a lane that is shared by turns, whoever was served longest ago is next, and within one repository what was due first. So a hundred
//! commits pushed to one repository delay the next of another by at most the one that is being carried out.
//!
//! What is carried out may take hours, and there are only so many who do it. So no repository has more than a few of them at once, whatever
//! it has waiting, and some are left for the others.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::item::{BY_LEASE, WorkItem, WorkState};
use crate::base::id::{Id, RepoId};
use crate::base::time::Timestamp;
use crate::base::work::Lane;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, Result, WriteTx};

/// How much of one repository is carried out at once in a lane that is shared by turns.
pub const AT_ONCE_OF_ONE: usize = 4;
/// How many items that are being carried out are looked at: more than there are who carry out.
const CARRIED_OUT: usize = 1_000;

/// When a repository was last served in a lane, counted in claims of that lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The lane.
    pub lane: Lane,
    /// Whose; `None` for work that is about no repository.
    pub repo: Option<RepoId>,
    /// Which claim of the lane it was.
    pub number: u64,
}

impl Record for Served {
    const TABLE: &'static str = "served";
    const VERSION: u16 = 1;
    type Key = (u8, Option<RepoId>);

    fn key(&self) -> (u8, Option<RepoId>) {
        (self.lane as u8, self.repo)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_NUMBER]
    }
}

const BY_NUMBER: Index<Served, (u8, u64)> = Index::on("by_number", |served| (served.lane as u8, served.number));

/// What waits in lanes that are shared by turns: by lane, repository and the instant it is due.
pub const BY_REPO: Index<WorkItem, (u8, Option<RepoId>, Timestamp)> = Index::some("by_repo", |item| {
    (item.state == WorkState::Ready && item.lane.takes_turns()).then(|| (item.lane as u8, item.work.repo(), item.due_at))
});

/// The item whose turn it is, of those that are due.
pub(super) fn next(tx: &ReadTx, lane: Lane, now: Timestamp) -> Result<Option<WorkItem>> {
    let mut next: Option<(u64, WorkItem)> = None;
    for item in firsts(tx, lane)?.into_iter().filter(|item| item.due_at <= now) {
        let served = tx.get::<Served>(&(lane as u8, item.work.repo()))?.map_or(0, |served| served.number);
        let is_sooner = |(least, other): &(u64, WorkItem)| (served, item.due_at, item.id) < (*least, other.due_at, other.id);
        if next.as_ref().is_none_or(is_sooner) {
            next = Some((served, item));
        }
    }
    Ok(next.map(|(_, item)| item))
}

/// When the first item is due that may have a turn.
pub(super) fn next_due(tx: &ReadTx, lane: Lane) -> Result<Option<Timestamp>> {
    Ok(firsts(tx, lane)?.into_iter().map(|item| item.due_at).min())
}

/// Of each repository that waits, and of which no more is carried out than may be, the item that is due first. One look for each.
fn firsts(tx: &ReadTx, lane: Lane) -> Result<Vec<WorkItem>> {
    let mut carried_out: HashMap<Option<RepoId>, usize> = HashMap::new();
    for item in tx.find(&BY_LEASE.all(), CARRIED_OUT)?.iter().filter(|item| item.lane == lane) {
        *carried_out.entry(item.work.repo()).or_default() += 1;
    }
    let mut firsts = Vec::new();
    let mut scan = BY_REPO.prefix(lane as u8);
    while let Some(item) = tx.first(&scan)?.filter(|item| item.lane == lane) {
        let repo = item.work.repo();
        if carried_out.get(&repo).is_none_or(|at_once| *at_once < AT_ONCE_OF_ONE) {
            firsts.push(item);
        }
        let following = match repo {
            None => Some(RepoId::from_u128(0)),
            Some(repo) => repo.as_u128().checked_add(1).map(RepoId::from_u128),
        };
        let Some(following) = following else { break };
        scan = BY_REPO.from(&(lane as u8, Some(following), Timestamp::from_millis(i64::MIN)));
    }
    Ok(firsts)
}

/// Writes down that a repository has been served.
pub(super) fn take(tx: &mut WriteTx, lane: Lane, repo: Option<RepoId>) -> Result<()> {
    let last = tx.first(&BY_NUMBER.prefix(lane as u8).reversed())?.map_or(0, |served| served.number);
    tx.put(&Served { lane, repo, number: last + 1 })
}

/// Forgets when a repository was served: it is gone.
pub fn forget(tx: &mut WriteTx, repo: RepoId) -> Result<()> {
    for lane in Lane::ALL {
        tx.remove::<Served>(&(*lane as u8, Some(repo)))?;
    }
    Ok(())
}
