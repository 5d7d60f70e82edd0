//! Heads that were pushed, until they are taken over.
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
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, Scan, WriteTx};

/// How many pushed heads one fetch looks at.
pub const PUSHED_PER_FETCH: usize = 1_000;
/// For how long GitHub is asked for a head that it does not hand out: what answers us may not have it yet.
const ASKED_FOR: Duration = Duration::from_secs(5 * 60);
/// For how long a head is kept that could not be asked for.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A head that was pushed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushedHead {
    /// Where.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// When that was heard.
    pub at: Timestamp,
    /// Whether GitHub was asked for it and did not hand it out.
    pub is_refused: bool,
}

impl Record for PushedHead {
    const TABLE: &'static str = "pushed_heads";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_TIME]
    }
}

/// Pushed heads by when they were heard of.
const BY_TIME: Index<PushedHead, Timestamp> = Index::on("by_time", |head| head.at);

impl PushedHead {
    /// Whether it is given up, where GitHub does not hand it out.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.since(self.at) >= ASKED_FOR
    }

    /// Whether its turn to be asked for has come: at once, and once more before it is given up.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.is_refused || self.is_over(now)
    }
}

/// Notes that somebody pushed a commit, for the next fetch to look for. One that is known to have been on a branch is not looked for.
pub fn note_pushed(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, now: Timestamp) -> Result<()> {
    let is_known = tx.get::<Commit>(&(repo, sha))?.is_some_and(|commit| commit.was_on_branch);
    if !is_known && !tx.has::<PushedHead>(&(repo, sha))? {
        tx.put(&PushedHead { repo, sha, at: now, is_refused: false })?;
    }
    Ok(())
}

/// Heads of a repository that are looked for, at most [`PUSHED_PER_FETCH`], in the order they were heard of.
pub fn pushed_heads(tx: &ReadTx, repo: RepoId) -> Result<Vec<PushedHead>> {
    let mut heads = tx.find(&Scan::<PushedHead>::prefix(repo), PUSHED_PER_FETCH)?;
    heads.sort_by_key(|head| head.at);
    Ok(heads)
}

/// Looks for these heads no longer.
pub fn forget_pushed(tx: &mut WriteTx, repo: RepoId, heads: &[CommitSha]) -> Result<()> {
    for sha in heads {
        tx.remove::<PushedHead>(&(repo, *sha))?;
    }
    Ok(())
}

/// Notes that GitHub does not hand these heads out.
pub fn refuse_pushed(tx: &mut WriteTx, repo: RepoId, heads: &[CommitSha]) -> Result<()> {
    for sha in heads {
        if let Some(head) = tx.get::<PushedHead>(&(repo, *sha))? {
            tx.put(&PushedHead { is_refused: true, ..head })?;
        }
    }
    Ok(())
}

/// Forgets heads that could not be asked for in a day, at most `limit`; answers how many.
pub fn expire_pushed(tx: &mut WriteTx, limit: usize, now: Timestamp) -> Result<usize> {
    let old = tx.find(&BY_TIME.up_to(&(now - KEPT)), limit)?;
    for head in &old {
        tx.remove::<PushedHead>(&head.key())?;
    }
    Ok(old.len())
}
