//! Issues: findings that have an identity from commit to commit.
//!
//! A tool finds something at a place; the next commit moves the place, rewords the line, renames the file. What people triage, discuss
//! and count is the same thing all along: an [`Issue`]. [`track`] recognises it, [`identify`] applies that to a commit's findings,
//! [`mod@standing`] keeps what stands at each commit in chunks that commits share, [`settle`] tells the issues' own rows what happened to
//! them, [`list`] reads a commit's issues with filters and counts, [`compare`] what two commits differ in. [`mod@format`] reads what
//! tools write, and [`conceal`] keeps secrets out of what is quoted.
//!
//! New, open and fixed are words about a commit and its base: *new* stands here and not in the base, *fixed* the other way round. They
//! are differences of two standings and are never stored per issue and commit. The state in an issue's own row speaks of the default
//! branch.
//!
//! The example for other capabilities: essay, public types, verbs in the order they happen, errors.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::event::Event;
use crate::base::id::{IssueId, RepoId};
use crate::base::name::CommitSha;
use crate::domain::repos::Commit;
use crate::engine::store::{self, ReadTx, Record, Scan, WriteTx};

pub mod compare;
pub mod conceal;
pub mod finding;
pub mod format;
pub mod identify;
pub mod issue;
pub mod list;
pub mod settle;
pub mod standing;
pub mod track;
pub mod unnamed;

pub use conceal::Veil;
pub use finding::{Finding, Kind, Severity, Span};
pub use issue::{Issue, IssueState, Sighting, Turn, TurnKind};
pub use standing::{Chunk, Counts, Node, Standing};

use track::Fingerprint;

/// What can fail with issues.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no such issue.
    #[error("no issue {id} is known here, or you may not see it")]
    NotFound {
        /// What was looked for.
        id: IssueId,
    },
    /// The commit has not been analysed.
    #[error("commit `{sha}` has not been analysed yet; its checks must have ended")]
    NotAnalysed {
        /// The commit.
        sha: CommitSha,
    },
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// The most rows that one closure stages: more would hold the writer up.
pub const ROWS_PER_WRITE: usize = 400;

/// A row that is staged before a standing names it.
#[derive(Debug, Clone)]
pub enum Staged {
    /// A chunk.
    Chunk(Chunk),
    /// A node.
    Node(Node),
}

/// Writes rows that nothing names yet; the same row twice is one.
pub fn stage(tx: &mut WriteTx, rows: &[Staged]) -> Result<()> {
    for row in rows {
        match row {
            Staged::Chunk(chunk) => tx.put(chunk)?,
            Staged::Node(node) => tx.put(node)?,
        }
    }
    Ok(())
}

/// Makes a commit's standing what stands there: the switch to what was staged.
pub fn switch(tx: &mut WriteTx, standing: &Standing) -> Result<()> {
    Ok(tx.put(standing)?)
}

/// What stands at a commit, if it was analysed.
pub fn standing(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Option<Standing>> {
    Ok(tx.get::<Standing>(&(repo, sha))?)
}

/// How many commits back [`latest`] looks.
const LOOKED_BACK: usize = 50;

/// What stands at a commit or, while that is not analysed, at the nearest before it along first parents that is.
pub fn latest(tx: &ReadTx, repo: RepoId, head: CommitSha) -> Result<Option<Standing>> {
    let mut at = head;
    for _ in 0..LOOKED_BACK {
        if let Some(standing) = standing(tx, repo, at)? {
            return Ok(Some(standing));
        }
        let Some(before) = tx.get::<Commit>(&(repo, at))?.and_then(|commit| commit.parents.first().copied()) else { break };
        at = before;
    }
    Ok(None)
}

/// The issues that these fingerprints belonged to, the latest of each.
pub fn recall(tx: &ReadTx, repo: RepoId, fingerprints: impl Iterator<Item = Fingerprint>) -> Result<BTreeMap<[u8; 16], IssueId>> {
    let mut known = BTreeMap::new();
    for fingerprint in fingerprints {
        let key = *fingerprint.as_bytes();
        if let Some(issue) = tx.first(&issue::BY_FINGERPRINT.exactly(&(repo, key)).reversed())? {
            known.insert(key, issue.id);
        }
    }
    Ok(known)
}

/// The issue with this id.
pub fn get(tx: &ReadTx, id: IssueId) -> Result<Issue> {
    tx.get::<Issue>(&id)?.ok_or(Error::NotFound { id })
}

/// Issues changed after a revision, in the order of their changes; at most `limit`.
pub fn changed_since(tx: &ReadTx, revision: u64, limit: usize) -> Result<Vec<Issue>> {
    Ok(tx.find(&issue::BY_REVISION.from(&revision.saturating_add(1)), limit)?)
}

/// The revision of the latest change; 0 before the first.
pub fn latest_revision(tx: &ReadTx) -> Result<u64> {
    Ok(tx.get::<Revision>(&())?.map_or(0, |revision| revision.0))
}

/// Counts the changes of issues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision(u64);

impl Record for Revision {
    const TABLE: &'static str = "issue_revision";
    const VERSION: u16 = 1;
    type Key = ();

    fn key(&self) {}
}

/// Writes issues, each under the next revision, and says that the search index has something to catch up with.
fn put_changed(tx: &mut WriteTx, issues: Vec<Issue>, now: crate::base::time::Timestamp) -> Result<()> {
    if issues.is_empty() {
        return Ok(());
    }
    let mut revision = latest_revision(tx)?;
    for mut issue in issues {
        revision += 1;
        issue.revision = revision;
        tx.put(&issue)?;
    }
    tx.put(&Revision(revision))?;
    Ok(tx.record(Event::IssuesChanged, now)?)
}

/// How many issues are looked at to know how large one is.
const SAMPLE: usize = 100;

/// About how many bytes a repository's issues and standings take, each table counted up to `cap` rows.
pub fn weigh(tx: &ReadTx, repo: RepoId, cap: usize) -> store::Result<u64> {
    let standings = tx.weigh(&Scan::<Standing>::prefix(repo), cap)?
        + tx.weigh(&Scan::<Node>::prefix(repo), cap)?
        + tx.weigh(&Scan::<Chunk>::prefix(repo), cap)?;
    let issues = issue::BY_FINGERPRINT.prefix(repo);
    let sample = tx.find(&issues, SAMPLE)?;
    let sampled: usize = sample.iter().map(|issue| postcard::to_stdvec(issue).map_or(0, |bytes| bytes.len())).sum();
    let each = sampled.checked_div(sample.len()).unwrap_or(0);
    Ok(standings + (tx.count(&issues, cap)? * each) as u64)
}

/// Erases rows of a deleted repository, at most `limit`; answers how many, 0 once none are left.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let mut erased = standing::erase(tx, repo, limit)?;
    erased += tx.remove_all(&issue::BY_FINGERPRINT.prefix(repo), limit - erased)?;
    Ok(erased)
}
