//! Issues over REST.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::id::IssueId;
use crate::base::name::{CommitSha, TreePath};
use crate::base::time::Timestamp;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::issue::IssueState;

/// An issue, as it stands at a commit or, asked for by its id, where it was last seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IssueView {
    /// Its identity.
    pub id: IssueId,
    /// `owner/name`.
    pub repo: String,
    /// The plugin or tool that found it.
    pub source: String,
    /// The rule that speaks.
    pub rule: String,
    /// What sort of shortcoming.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file.
    pub path: TreePath,
    /// The first line; null speaks of the whole file.
    pub line_start: Option<u32>,
    /// The last line.
    pub line_end: Option<u32>,
    /// The first column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column_start: Option<u32>,
    /// How it stands.
    pub state: IssueState,
    /// Whether it is there and was not in the base.
    pub is_new: bool,
    /// Where and when it was first seen.
    pub first_seen: SightingView,
    /// Who wrote the commit it was first seen in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why it is ignored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignored: Option<IgnoredView>,
    /// The line it stands at, trimmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snippet: Option<String>,
}

/// A commit and an instant.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SightingView {
    /// The commit.
    pub sha: CommitSha,
    /// When it was seen.
    pub at: Timestamp,
}

/// Why an issue is ignored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct IgnoredView {
    /// `commit` or `repository`.
    pub scope: String,
    /// The reason that was given.
    pub reason: String,
    /// Whose decision it was.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when; null is for good.
    pub until: Option<Timestamp>,
}

/// One turn in the life of an issue.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TurnView {
    /// `first_seen`, `moved`, `fixed`, `reopened`, `ignored` or `unignored`.
    pub what: String,
    /// The commit it was seen at, where one is the cause.
    pub sha: Option<CommitSha>,
    /// When.
    pub at: Timestamp,
    /// What is to be added, such as the path it moved from.
    pub note: Option<String>,
}

/// How many of the found issues have each word: facet → word → count.
pub type FacetsView = BTreeMap<String, BTreeMap<String, u64>>;
