//! What is said on GitHub of a commit: composed from how its checks stand at the moment it is said, and written down once it was.
//!
//! What waits to be said is work of the queue, one item for a commit and context however often something changed: so the latest is what is
//! said, and nothing is said of what nobody can see any more. What was said stands in a row; the same is not said again.

use serde::{Deserialize, Serialize};

use super::PostedComment;
use crate::base::event::{StatusContext, Verdict};
use crate::base::id::{AttemptId, RepoId};
use crate::base::name::CommitSha;
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::domain::checks::CheckSet;
use crate::domain::repos::Repository;
use crate::engine::store::{self, AnyIndex, Index, ReadTx, Record, Scan, WriteTx};

/// The most characters that GitHub takes in the sentence of a status.
const SENTENCE_CHARS: usize = 140;
/// How much of a refusal is kept.
const REFUSAL_BYTES: usize = 500;

/// What is said of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// How the gate stands.
    pub verdict: Verdict,
    /// A sentence.
    pub sentence: String,
    /// Where to read on.
    pub url: String,
}

/// What was said of a commit last, or what of it GitHub would not take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedStatus {
    /// The repository.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// What it is about.
    pub context: StatusContext,
    /// Under which name: that of the settings by then.
    pub name: String,
    /// What.
    pub said: Said,
    /// When.
    pub at: Timestamp,
    /// Why GitHub would not take it, if it would not: that is settled, and not tried again unless GitHub lets us at the repository anew.
    pub refused: Option<String>,
}

impl Record for PostedStatus {
    const TABLE: &'static str = "posted_statuses";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha, u8);

    fn key(&self) -> (RepoId, CommitSha, u8) {
        (self.repo, self.sha, self.context as u8)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&REFUSED]
    }
}

/// What GitHub would not take, the latest last.
const REFUSED: Index<PostedStatus, (RepoId, Timestamp)> =
    Index::some("refused", |posted| posted.refused.is_some().then_some((posted.repo, posted.at)));

/// Which attempt's report was put beside a commit's lines last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedReport {
    /// The repository.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// The attempt at its checks.
    pub attempt: AttemptId,
    /// Whether it was told of while it waited for approval.
    pub is_held: bool,
    /// When.
    pub at: Timestamp,
    /// Why GitHub would not take it, if it would not: that is settled.
    pub refused: Option<String>,
}

impl Record for PostedReport {
    const TABLE: &'static str = "posted_reports";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }
}

/// What is to be said of a commit whose checks stand like this; `url` is where people read of it.
pub fn compose(set: &CheckSet, url: String) -> Said {
    if set.is_under_way() {
        return Said { verdict: Verdict::Pending, sentence: "the checks are under way".to_owned(), url };
    }
    let sentence = match set.sentence.char_indices().nth(SENTENCE_CHARS) {
        // With its last character replaced by one that says so.
        Some(_) => set.sentence.chars().take(SENTENCE_CHARS - 1).chain(['…']).collect(),
        None => set.sentence.clone(),
    };
    Said { verdict: set.verdict, sentence, url }
}

/// The name of what is said under a context, where the gate's status has this one.
pub fn name_of(context: StatusContext, gate: &str) -> String {
    match context {
        StatusContext::Gate => gate.to_owned(),
    }
}

/// What was said of a commit last under a context.
pub fn posted(tx: &ReadTx, repo: RepoId, sha: CommitSha, context: StatusContext) -> store::Result<Option<PostedStatus>> {
    tx.get::<PostedStatus>(&(repo, sha, context as u8))
}

/// The commits of a repository of which GitHub would not take what was to be said: the latest, at most `limit`.
pub fn refused(tx: &ReadTx, repo: RepoId, limit: usize) -> store::Result<Vec<CommitSha>> {
    Ok(tx.find(&REFUSED.prefix(repo).reversed(), limit)?.into_iter().map(|posted| posted.sha).collect())
}

/// Writes down what was said, or that GitHub would not take it; nothing of a repository that is gone, whose rows nobody would erase.
pub fn record_posted(tx: &mut WriteTx, posted: PostedStatus) -> store::Result<()> {
    if !tx.has::<Repository>(&posted.repo)? {
        return Ok(());
    }
    let refused = posted.refused.as_deref().map(|why| clip(why, REFUSAL_BYTES).into_owned());
    tx.put(&PostedStatus { refused, ..posted })
}

/// Which attempt's report was put beside a commit's lines last.
pub fn posted_report(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> store::Result<Option<PostedReport>> {
    tx.get::<PostedReport>(&(repo, sha))
}

/// Writes down that a report was put there, or that GitHub would not take it; nothing of a repository that is gone.
pub fn record_report(tx: &mut WriteTx, posted: PostedReport) -> store::Result<()> {
    if !tx.has::<Repository>(&posted.repo)? {
        return Ok(());
    }
    let refused = posted.refused.as_deref().map(|why| clip(why, REFUSAL_BYTES).into_owned());
    tx.put(&PostedReport { refused, ..posted })
}

/// Erases rows of a deleted repository, at most `limit`; answers how many, 0 once none are left.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> store::Result<usize> {
    let erased = tx.remove_all(&Scan::<PostedStatus>::prefix(repo), limit)?;
    let erased = erased + tx.remove_all(&Scan::<PostedReport>::prefix(repo), limit - erased)?;
    Ok(erased + tx.remove_all(&Scan::<PostedComment>::prefix(repo), limit - erased)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Id;
    use crate::domain::checks::CheckState;

    fn set(state: CheckState, verdict: Verdict, sentence: &str) -> CheckSet {
        CheckSet {
            repo: RepoId::from_u128(1),
            sha: CommitSha::from_bytes([1; 20]),
            attempt: AttemptId::from_u128(2),
            state,
            requested_at: Timestamp::from_millis(0),
            started_at: None,
            finished_at: None,
            error: None,
            checks: Vec::new(),
            verdict,
            sentence: sentence.to_owned(),
            is_settled: true,
            unapproved: None,
            is_foreign: false,
            goes_to: Vec::new(),
        }
    }

    fn said(set: &CheckSet) -> String {
        let said = compose(set, "https://p.example".to_owned());
        format!("{}: {}", said.verdict, said.sentence)
    }

    #[test]
    fn what_is_under_way_is_pending_whatever_stood_there_before() {
        for state in [CheckState::Waiting, CheckState::Running] {
            assert_eq!(said(&set(state, Verdict::Pending, "the checks wait for their turn")), "pending: the checks are under way");
        }
        assert_eq!(said(&set(CheckState::Canceled, Verdict::Error, "the checks were canceled")), "error: the checks were canceled");
        let held = CheckSet {
            unapproved: Some(crate::base::name::BlobId::from_bytes([2; 20])),
            ..set(CheckState::Waiting, Verdict::Pending, "2 checks wait for approval")
        };
        assert_eq!(said(&held), "pending: 2 checks wait for approval");
    }

    #[test]
    fn a_sentence_has_no_more_characters_than_github_takes() {
        let fits = "ß".repeat(140);
        assert_eq!(said(&set(CheckState::Failed, Verdict::Failure, &fits)), format!("failure: {fits}"));
        let long = compose(&set(CheckState::Failed, Verdict::Failure, &"ß".repeat(141)), String::new()).sentence;
        assert_eq!((long.chars().count(), long.ends_with("ß…")), (140, true));
    }
}
