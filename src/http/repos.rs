//! Repositories, branches and commits over REST.

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::event::Verdict;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha};
use crate::base::time::Timestamp;
use crate::domain::checks::CheckState;
use crate::domain::repos::RepoSource;

/// A repository.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RepoView {
    /// Its id.
    pub id: RepoId,
    /// The part of its name before the slash.
    pub owner: String,
    /// The part of its name after the slash.
    pub name: String,
    /// Where it comes from.
    pub source: RepoSource,
    /// What it is for, in its owner's words.
    pub description: Option<String>,
    /// Its default branch; null while it has no commit.
    pub default_branch: Option<BranchName>,
    /// Whether only its members may see it.
    pub private: bool,
    /// Whether it is closed to changes.
    pub archived: bool,
    /// Open issues at the default branch's last analysed commit; null before there is one.
    pub issues_open: Option<u64>,
    /// Coverage there, in percent; null where there is none.
    pub coverage_percent: Option<f64>,
    /// How the gate stands there; null before a commit was looked at.
    pub gate: Option<Verdict>,
    /// What went wrong with the last fetch, and what to do; null when it went well.
    pub sync_error: Option<String>,
    /// When it was last fetched.
    pub synced_at: Option<Timestamp>,
    /// What the caller may do with it.
    pub can: Vec<&'static str>,
}

/// A branch and its head.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BranchView {
    /// Its name.
    pub name: BranchName,
    /// The commit it points at.
    pub head: CommitView,
    /// Whether it is the default branch.
    pub is_default: bool,
    /// Open issues at its head; null before it was analysed.
    pub issues_open: Option<u64>,
    /// Coverage at its head, in percent; null where there is none.
    pub coverage_percent: Option<f64>,
}

/// A commit, with what is known of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommitView {
    /// Its full name.
    pub sha: CommitSha,
    /// The first seven digits.
    pub short: String,
    /// The whole message.
    pub message: String,
    /// Who wrote it.
    pub author: AuthorView,
    /// When it was written.
    pub authored_at: Timestamp,
    /// The commits it follows.
    pub parents: Vec<CommitSha>,
    /// The branches whose head it is.
    pub branches: Vec<BranchName>,
    /// How the gate stands; null where nothing was ever asked of it.
    pub gate: Option<Verdict>,
    /// How many issues; null before it was analysed.
    pub issues: Option<IssueCountsView>,
    /// Its coverage; null where there is none.
    pub coverage: Option<CoverageView>,
    /// How far its checks are; null where none were asked for.
    pub check_set: Option<CheckState>,
}

/// Who wrote a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuthorView {
    /// The name in the commit.
    pub name: String,
    /// The address in the commit.
    pub email: String,
    /// The login of the account it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// How many issues a commit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueCountsView {
    /// There and not ignored, the new ones included.
    pub open: u64,
    /// There, and not in the base.
    pub new: u64,
    /// In the base, and not there.
    pub fixed: u64,
    /// There and ignored.
    pub ignored: u64,
}

/// The coverage of a commit in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoverageView {
    /// Percent of the lines that can be covered.
    pub percent: Option<f64>,
    /// Percent of those the commit added.
    pub patch_percent: Option<f64>,
    /// Lines covered.
    pub covered: u64,
    /// Lines that can be.
    pub total: u64,
}
