//! Checks over REST. The example for every other handler: take, permit, one verb, view.

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::event::Verdict;
use crate::base::id::CheckId;
use crate::base::time::Timestamp;
use crate::domain::checks::CheckState;

/// All checks at a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckSetView {
    /// How far they are.
    pub state: CheckState,
    /// When the first began.
    pub started_at: Option<Timestamp>,
    /// When the last ended.
    pub finished_at: Option<Timestamp>,
    /// From the one to the other.
    pub duration_ms: Option<u64>,
    /// Why we could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CheckErrorView>,
    /// One by one.
    pub checks: Vec<CheckView>,
}

/// One check at a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckView {
    /// Its id.
    pub id: CheckId,
    /// Its name, unique within the set.
    pub name: String,
    /// What runs it.
    pub plugin: String,
    /// How far it is.
    pub state: CheckState,
    /// How many issues it found; null before its output was read.
    pub issues: Option<u64>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// What its command ended with; null for a built-in one.
    pub exit_code: Option<i32>,
    /// What it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Why we could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CheckErrorView>,
}

/// Why a check could not tell: a code of the contract and a sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckErrorView {
    /// The code.
    pub code: String,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// What is said of a commit: the gate, and the contexts it is made of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatusView {
    /// How the gate stands.
    pub verdict: Verdict,
    /// One by one.
    pub contexts: Vec<ContextView>,
}

/// One line of a commit's status.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContextView {
    /// Its name.
    pub context: String,
    /// How it stands.
    pub state: Verdict,
    /// Why, in a sentence.
    pub description: String,
    /// The page that explains it.
    pub target_url: String,
}
