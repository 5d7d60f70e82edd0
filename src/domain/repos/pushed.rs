//! Heads that were pushed, until a fetch has taken them over.
//!
//! A fetch finds what the branches are by now. A head that a push brought may have been forced away, or its branch deleted, before that;
//! what was pushed is registered all the same, as GitHub keeps such a commit for a while and hands it out by its name. Nothing is checked
//! for it: its branch has left it behind.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Commit, Result};
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::engine::store::{ReadTx, Record, Scan, WriteTx};

/// How many pushed heads one fetch looks for: as many as can each be asked for by itself, where GitHub has some of them no more.
pub const PUSHED_PER_FETCH: usize = 32;
/// For how long a head is looked for that could not be asked for.
const LOOKED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// A head that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedHead {
    /// Where.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// When that was heard.
    pub at: Timestamp,
}

impl Record for PushedHead {
    const TABLE: &'static str = "pushed_heads";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }
}

impl PushedHead {
    /// Whether it is looked for no longer.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at) > LOOKED_FOR
    }
}

/// Notes that somebody pushed a commit, for the next fetch to look for. One that is known to have been on a branch is not looked for.
pub fn note_pushed(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, now: Timestamp) -> Result<()> {
    let is_known = tx.get::<Commit>(&(repo, sha))?.is_some_and(|commit| commit.was_on_branch);
    if !is_known && !tx.has::<PushedHead>(&(repo, sha))? {
        tx.put(&PushedHead { repo, sha, at: now })?;
    }
    Ok(())
}

/// Heads of a repository that are looked for; at most [`PUSHED_PER_FETCH`].
pub fn pushed_heads(tx: &ReadTx, repo: RepoId) -> Result<Vec<PushedHead>> {
    Ok(tx.find(&Scan::<PushedHead>::prefix(repo), PUSHED_PER_FETCH)?)
}

/// Looks for these heads no longer.
pub fn forget_pushed(tx: &mut WriteTx, repo: RepoId, heads: &[CommitSha]) -> Result<()> {
    for sha in heads {
        tx.remove::<PushedHead>(&(repo, *sha))?;
    }
    Ok(())
}
