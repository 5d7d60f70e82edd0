//! Deployments as they are stored.

use serde::{Deserialize, Serialize};

use super::{DeploymentSource, DeploymentState};
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, Record};

/// A deployment: one run of whatever brings a commit to where it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The repository whose commit it is.
    pub repo: RepoId,
    /// Who tells of it.
    pub source: DeploymentSource,
    /// What its source calls it: the same however often it is told of, and no other of that source in the repository is called so.
    pub run: String,
    /// What is run, by its name there.
    pub workflow: String,
    /// Where it goes to; `None` where its source does not say.
    pub environment: Option<String>,
    /// The branch, tag or commit that was asked for, as its source names it.
    pub reference: Option<String>,
    /// The commit.
    pub sha: CommitSha,
    /// Who began it, by their name there.
    pub actor: Option<String>,
    /// How it stands.
    pub state: DeploymentState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; `None` while it goes on.
    pub finished_at: Option<Timestamp>,
    /// Its page there.
    pub url: Option<String>,
    /// As of when this was so.
    pub as_of: Moment,
}

/// When something that a source says of a deployment was so. The parts decide in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// Which time it is run, from one.
    pub attempt: u32,
    /// When, by the clock of the source.
    pub at: Timestamp,
    /// What tells two of one instant apart: greater is later.
    pub step: u64,
}

impl Record for Deployment {
    const TABLE: &'static str = "deployments";
    const VERSION: u16 = 1;
    type Key = (RepoId, u8, String);

    fn key(&self) -> (RepoId, u8, String) {
        (self.repo, self.source as u8, self.run.clone())
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_START, &BY_REPO]
    }
}

/// Deployments by when they began.
pub(super) const BY_START: Index<Deployment, (Timestamp, RepoId)> = Index::on("by_start", |one| (one.started_at, one.repo));
/// Those of a repository by when they began.
pub(super) const BY_REPO: Index<Deployment, (RepoId, Timestamp)> = Index::on("by_repo", |one| (one.repo, one.started_at));
