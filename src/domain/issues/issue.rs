//! What an issue is: the identity of a finding across commits, and its life so far.

use serde::{Deserialize, Serialize};

use super::finding::{Kind, Severity, Span};
use super::track::Fingerprint;
use crate::base::id::{IssueId, RepoId};
use crate::base::name::{CommitSha, TreePath};
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, Record};
use crate::words;

words! {
    /// How an issue stands.
    pub enum IssueState: "state of an issue" {
        /// It is there.
        Open = "open",
        /// It is gone.
        Fixed = "fixed",
        /// It is there, and somebody said why that is all right.
        Ignored = "ignored",
    }
}

words! {
    /// A turn in the life of an issue.
    pub enum TurnKind: "turn of an issue" {
        /// It was seen for the first time.
        FirstSeen = "first_seen",
        /// It went to another file.
        Moved = "moved",
        /// It was gone.
        Fixed = "fixed",
        /// It was back.
        Reopened = "reopened",
    }
}

/// A commit and an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// The commit.
    pub sha: CommitSha,
    /// When it was analysed.
    pub at: Timestamp,
}

/// One turn in the life of an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Which.
    pub kind: TurnKind,
    /// Where and when.
    pub seen: Sighting,
    /// Where it came from, if it moved.
    pub from: Option<TreePath>,
}

/// How many turns are kept: the first, and the latest of the others.
const TURNS: usize = 50;

/// The identity of a finding. Where it stands at a commit is an occurrence; this row is written when the issue changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The identity.
    pub id: IssueId,
    /// Its repository.
    pub repo: RepoId,
    /// The plugin or tool that found it.
    pub source: String,
    /// The rule that speaks.
    pub rule: String,
    /// What sort of shortcoming.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong, as it was last said.
    pub message: String,
    /// The file it was last seen in.
    pub path: TreePath,
    /// The lines it was last seen at.
    pub span: Option<Span>,
    /// The line it was last seen at, trimmed, without what is concealed.
    pub excerpt: Option<String>,
    /// By what it is recognised when it comes back.
    pub fingerprint: Fingerprint,
    /// How it stands on the default branch; for one that was never there, where it was last seen.
    pub state: IssueState,
    /// Whether the commit it was last seen to turn at had it as new.
    pub is_new: bool,
    /// Whether it ever stood on the default branch.
    pub was_on_default: bool,
    /// Where it was first seen.
    pub first_seen: Sighting,
    /// The commit at which path and lines are those above: where it last turned or moved.
    pub last_seen: Sighting,
    /// Who wrote the commit it was first seen in.
    pub author: Option<String>,
    /// Its life, oldest first.
    pub turns: Vec<Turn>,
    /// Rises with every change of any issue: what is above a mark has changed since.
    pub revision: u64,
}

impl Issue {
    /// Adds a turn; in between, the oldest but the first are forgotten.
    pub(super) fn turn(&mut self, turn: Turn) {
        self.turns.push(turn);
        if self.turns.len() > TURNS {
            self.turns.remove(1);
        }
    }
}

impl Record for Issue {
    const TABLE: &'static str = "issues";
    const VERSION: u16 = 1;
    type Key = IssueId;

    fn key(&self) -> IssueId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_FINGERPRINT, &BY_REVISION]
    }
}

/// Issues by what they are recognised by.
pub const BY_FINGERPRINT: Index<Issue, (RepoId, [u8; 16])> =
    Index::on("by_fingerprint", |issue| (issue.repo, *issue.fingerprint.as_bytes()));
/// Issues by their last change.
pub const BY_REVISION: Index<Issue, u64> = Index::on("by_revision", |issue| issue.revision);
