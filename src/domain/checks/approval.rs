//! Approval: whether what a manifest starts may be started.
//!
//! Whoever can push a commit writes its manifest, and a manifest says what is run. Where that is not everybody's to say, a manifest is
//! trusted if the default branch's head has had it, or if somebody with a say has approved it; it is known by its content, so that the next
//! commit with the same one does not ask again. That there is none counts as one, since other things run then. A default branch that nobody
//! names, because HEAD leads nowhere, makes none trusted. What is part of the binary runs in any case.
//!
//! Of a fork neither is enough: whoever opens a pull request chooses the files that a manifest known of old has run. There each commit is
//! approved by itself ([`ApprovedHead`]).

use serde::{Deserialize, Serialize};

use super::{CheckSet, Error, Result, begin_anew, find};
use crate::base::event::Event;
use crate::base::id::RepoId;
use crate::base::name::{BlobId, CommitSha};
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Record, WriteTx};

/// A manifest that may say what is started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedManifest {
    /// The repository.
    pub repo: RepoId,
    /// The manifest's content.
    pub manifest: BlobId,
    /// The commit at which it was approved, or which had it as the default branch's head.
    pub sha: CommitSha,
    /// Since when.
    pub at: Timestamp,
}

impl Record for TrustedManifest {
    const TABLE: &'static str = "trusted_manifests";
    const VERSION: u16 = 1;
    type Key = (RepoId, BlobId);

    fn key(&self) -> (RepoId, BlobId) {
        (self.repo, self.manifest)
    }
}

/// A commit of a fork at which what its manifest starts may be started. The next one may hold another program under the same name, so it is
/// the commit that is approved, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedHead {
    /// The repository.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// Since when.
    pub at: Timestamp,
}

impl Record for ApprovedHead {
    const TABLE: &'static str = "approved_heads";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }
}

/// Whether somebody approved what a commit of a fork starts.
pub fn is_approved(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> store::Result<bool> {
    tx.has::<ApprovedHead>(&(repo, sha))
}

/// Whether what a manifest starts may be started.
pub fn is_trusted(tx: &ReadTx, repo: RepoId, manifest: BlobId) -> store::Result<bool> {
    tx.has::<TrustedManifest>(&(repo, manifest))
}

/// Trusts a manifest from now on, unless it is already.
pub fn trust(tx: &mut WriteTx, repo: RepoId, manifest: BlobId, sha: CommitSha, now: Timestamp) -> store::Result<()> {
    if is_trusted(tx, repo, manifest)? {
        return Ok(());
    }
    tx.put(&TrustedManifest { repo, manifest, sha, at: now })
}

/// Approves the manifest of a commit whose checks wait for that, and runs them; `by` is what whoever does so is called on GitHub, where they
/// are nobody here. Of a fork's it is the commit alone that is approved.
pub fn approve(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, by: Option<String>, now: Timestamp) -> Result<CheckSet> {
    let set = find(tx, repo, sha)?;
    let Some(manifest) = set.unapproved.filter(|_| set.is_held()) else {
        return Err(Error::NotWaiting { sha, state: set.state });
    };
    if set.is_foreign {
        tx.put(&ApprovedHead { repo, sha, at: now })?;
    } else {
        trust(tx, repo, manifest, sha, now)?;
    }
    tx.record(Event::ManifestApproved { repo, sha, by }, now)?;
    begin_anew(tx, repo, sha, now)
}
