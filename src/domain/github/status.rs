//! Statuses of commits on GitHub: said under a context, where the latest is the one that counts.

use serde::{Deserialize, Serialize};

use super::Result;
use super::client::{As, Client, Lane};
use crate::base::name::{CommitSha, RepoSlug};

/// How many of a commit's statuses are looked through for ours.
const LOOKED_AT: usize = 100;

/// A status, as GitHub takes and gives it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// Under which name.
    pub context: String,
    /// `pending`, `success`, `failure` or `error`.
    pub state: String,
    /// A sentence; GitHub takes 140 characters.
    #[serde(default)]
    pub description: Option<String>,
    /// Where to read on.
    #[serde(default)]
    pub target_url: Option<String>,
}

/// Says it.
pub fn post(client: &Client<'_>, installation: u64, slug: &RepoSlug, sha: CommitSha, status: &CommitStatus) -> Result<()> {
    let body = serde_json::to_value(status).expect("texts are values");
    let path = format!("/repos/{slug}/statuses/{sha}");
    client.send::<serde::de::IgnoredAny>(As::Installation(installation), Lane::Statuses, "POST", &path, &body)?;
    Ok(())
}

/// What was said last under a context, as far as GitHub tells.
pub fn latest(client: &Client<'_>, installation: u64, slug: &RepoSlug, sha: CommitSha, context: &str) -> Result<Option<CommitStatus>> {
    let path = format!("/repos/{slug}/commits/{sha}/statuses?per_page={LOOKED_AT}");
    // Newest first.
    let all: Vec<CommitStatus> = client.get(As::Installation(installation), Lane::Statuses, &path)?;
    Ok(all.into_iter().find(|status| status.context == context))
}
