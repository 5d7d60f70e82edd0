//! A commit's set of checks as it is stored.

use serde::{Deserialize, Serialize};

use super::{CheckState, ErrorCode, WaitsFor};
use crate::base::event::Verdict;
use crate::base::id::{AttemptId, CheckId, RepoId};
use crate::base::name::{BlobId, BranchName, CommitSha};
use crate::base::time::Timestamp;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{AnyIndex, Index, Record};

/// Why we could not tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckError {
    /// The code of the contract.
    pub code: ErrorCode,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// How the process of a check ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// What was started, as a person would type it; the files left out where there are many.
    pub command: String,
    /// The tool's version, if it has one and says so.
    pub version: Option<String>,
    /// How it was kept apart from the host.
    pub tier: String,
    /// The bounds that this host keeps less well than it could, in words.
    pub weaker: Vec<String>,
    /// What it ended with; `None` if something else ended it.
    pub exit_code: Option<i32>,
    /// How long it took.
    pub wall_ms: u64,
    /// How much processor time it used.
    pub cpu_ms: u64,
    /// How many bytes of memory it used at most, if that was counted.
    pub peak_memory: Option<u64>,
    /// How many records of its output were looked at.
    pub read: u64,
    /// What of them could not be used, and why: the first of them.
    pub dropped: Vec<(String, String)>,
    /// How many could not be used.
    pub dropped_count: u64,
    /// The commit at which it ran, where its results are kept from another than this.
    pub kept_from: Option<CommitSha>,
}

/// One check at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its id.
    pub id: CheckId,
    /// Its name, unique within the set.
    pub name: String,
    /// What runs it.
    pub plugin: String,
    /// How far it is.
    pub state: CheckState,
    /// What it waits for, if that is more than its turn.
    pub waits_for: Option<WaitsFor>,
    /// How many issues it found, once its output was read.
    pub issues: Option<u64>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What its command ended with.
    pub exit_code: Option<i32>,
    /// Why we could not tell.
    pub error: Option<CheckError>,
    /// What it said, once it has ended.
    pub log: Option<BlobHash>,
    /// How its process ran, if it had one.
    pub execution: Option<Execution>,
}

impl Check {
    pub(super) fn waiting(id: CheckId, name: &str, plugin: &str) -> Check {
        Check {
            id,
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            state: CheckState::Waiting,
            waits_for: None,
            issues: None,
            started_at: None,
            finished_at: None,
            exit_code: None,
            error: None,
            log: None,
            execution: None,
        }
    }
}

/// All checks at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckSet {
    /// The repository.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// The attempt that may write to it.
    pub attempt: AttemptId,
    /// How far it is.
    pub state: CheckState,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When the first check began.
    pub started_at: Option<Timestamp>,
    /// When the last ended.
    pub finished_at: Option<Timestamp>,
    /// Why we could not tell.
    pub error: Option<CheckError>,
    /// One by one.
    pub checks: Vec<Check>,
    /// How the gate stands.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub sentence: String,
    /// Whether the issues that its results changed have been told.
    pub is_settled: bool,
    /// The manifest that is to be approved, while checks of it wait for that.
    pub unapproved: Option<BlobId>,
    /// Whether the commit was known through a fork alone when they began.
    pub is_foreign: bool,
    /// Where the open pull requests of the commit were to go to when the set began.
    pub goes_to: Vec<BranchName>,
}

impl CheckSet {
    /// Whether what could be run has been, and the rest waits for approval.
    pub fn is_held(&self) -> bool {
        self.state == CheckState::Waiting && self.unapproved.is_some()
    }

    /// Whether somebody is to run it, or runs it.
    pub fn is_under_way(&self) -> bool {
        !self.state.is_finished() && !self.is_held()
    }

    pub(super) fn requested(repo: RepoId, sha: CommitSha, attempt: AttemptId, now: Timestamp) -> CheckSet {
        CheckSet {
            repo,
            sha,
            attempt,
            state: CheckState::Waiting,
            requested_at: now,
            started_at: None,
            finished_at: None,
            error: None,
            checks: Vec::new(),
            verdict: Verdict::Pending,
            sentence: "the checks wait for their turn".to_owned(),
            is_settled: true,
            unapproved: None,
            is_foreign: false,
            goes_to: Vec::new(),
        }
    }
}

impl Record for CheckSet {
    const TABLE: &'static str = "check_sets";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&UNDER_WAY]
    }
}

/// Sets that are under way, by the instant they were asked for.
pub(super) const UNDER_WAY: Index<CheckSet, Timestamp> = Index::some("under_way", |set| set.is_under_way().then_some(set.requested_at));
