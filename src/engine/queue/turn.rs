//! Taking turns: where one repository has much waiting, it does not keep the others from theirs.
//!
//! In a lane that is shared by turns, whoever was served longest ago is next, and within one repository what was due first. So a hundred
//! commits pushed to one repository delay the next of another by at most the one that is being carried out.

use serde::{Deserialize, Serialize};

use super::item::{WorkItem, WorkState};
use crate::base::id::{Id, RepoId};
use crate::base::time::Timestamp;
use crate::base::work::Lane;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, Result, WriteTx};

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

/// The item whose turn it is, of those that are due. One look for each repository that waits.
pub(super) fn next(tx: &ReadTx, lane: Lane, now: Timestamp) -> Result<Option<WorkItem>> {
    let mut next: Option<(u64, WorkItem)> = None;
    let mut scan = BY_REPO.prefix(lane as u8);
    while let Some(item) = tx.first(&scan)?.filter(|item| item.lane == lane) {
        let repo = item.work.repo();
        if item.due_at <= now {
            let served = tx.get::<Served>(&(lane as u8, repo))?.map_or(0, |served| served.number);
            let is_sooner = |(least, other): &(u64, WorkItem)| (served, item.due_at, item.id) < (*least, other.due_at, other.id);
            if next.as_ref().is_none_or(is_sooner) {
                next = Some((served, item));
            }
        }
        let following = match repo {
            None => Some(RepoId::from_u128(0)),
            Some(repo) => repo.as_u128().checked_add(1).map(RepoId::from_u128),
        };
        let Some(following) = following else { break };
        scan = BY_REPO.from(&(lane as u8, Some(following), Timestamp::from_millis(i64::MIN)));
    }
    Ok(next.map(|(_, item)| item))
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
