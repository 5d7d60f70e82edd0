//! Pull requests as they are stored.

use serde::{Deserialize, Serialize};

use super::PullState;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha};
use crate::base::time::Timestamp;
use crate::domain::repos::AsOf;
use crate::engine::store::{AnyIndex, Index, Record};

/// Somebody on GitHub.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// GitHub's number for them.
    pub id: u64,
    /// What they are called.
    pub login: String,
}

/// Where a pull request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The branch, in its own repository.
    pub branch: String,
    /// The commit.
    pub sha: CommitSha,
    /// Whose branch it is; `None` once that repository was deleted.
    pub repo: Option<String>,
    /// Whether that is another repository than the one it is to go to.
    pub is_fork: bool,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// The repository it is to go to.
    pub repo: RepoId,
    /// Its number there.
    pub number: u64,
    /// What it is called.
    pub title: String,
    /// Who opened it; `None` once their account was deleted.
    pub author: Option<Person>,
    /// How it stands.
    pub state: PullState,
    /// Whether it is still being written.
    pub is_draft: bool,
    /// The branch it is to go to.
    pub base: BranchName,
    /// Where GitHub says that branch was.
    pub base_sha: CommitSha,
    /// Where it comes from.
    pub head: Head,
    /// The commit that its head is held against, once it was looked at.
    pub merge_base: Option<CommitSha>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// As of when what GitHub says of it was taken over.
    pub as_of: AsOf,
    /// What its checks were last asked for, since it was opened or opened again.
    pub asked: Option<Asked>,
}

/// What the checks of a pull request were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The commit that is checked.
    pub head: CommitSha,
    /// The branch that it is to go to.
    pub base: BranchName,
}

impl Pull {
    /// Whether it can still be merged.
    pub fn is_open(&self) -> bool {
        self.state == PullState::Open
    }

    /// Whether its checks were asked for as it stands now.
    pub fn is_asked(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.head == self.head.sha && asked.base == self.base)
    }
}

impl Record for Pull {
    const TABLE: &'static str = "pulls";
    const VERSION: u16 = 1;
    type Key = (RepoId, u64);

    fn key(&self) -> (RepoId, u64) {
        (self.repo, self.number)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_HEAD, &BY_MERGE_BASE, &BY_STATE, &BY_CHANGE, &BY_FORK]
    }
}

/// Open pull requests by their head.
pub(super) const BY_HEAD: Index<Pull, (RepoId, CommitSha, u64)> =
    Index::some("by_head", |pull| pull.is_open().then_some((pull.repo, pull.head.sha, pull.number)));
/// Open pull requests by the commit that their head is held against, once it was looked at.
pub(super) const BY_MERGE_BASE: Index<Pull, (RepoId, CommitSha, u64)> =
    Index::some("by_merge_base", |pull| pull.merge_base.filter(|_| pull.is_open()).map(|base| (pull.repo, base, pull.number)));
/// Pull requests by how they stand, then by when they were last changed.
pub(super) const BY_STATE: Index<Pull, (RepoId, u8, Timestamp)> =
    Index::on("by_state", |pull| (pull.repo, pull.state as u8, pull.updated_at));
/// Pull requests by when they were last changed.
pub(super) const BY_CHANGE: Index<Pull, (RepoId, Timestamp)> = Index::on("by_change", |pull| (pull.repo, pull.updated_at));
/// Pull requests that come from another repository.
pub(super) const BY_FORK: Index<Pull, RepoId> = Index::some("by_fork", |pull| pull.head.is_fork.then_some(pull.repo));

/// When GitHub was last asked which pull requests of a repository are open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The repository.
    pub repo: RepoId,
    /// When.
    pub at: Timestamp,
}

impl Record for Listed {
    const TABLE: &'static str = "pull_lists";
    const VERSION: u16 = 1;
    type Key = RepoId;

    fn key(&self) -> RepoId {
        self.repo
    }
}
