//! Checks: what is run at a commit, and how far it is.
//!
//! A [`CheckSet`] is all checks at one commit; it is asked for, begins, and ends in one of a few states. Asking again opens another
//! attempt under the same key: the results of the last one stay until the new ones are switched to, and whatever an older attempt still
//! tries to write is refused, since the set names another.
//!
//! What a manifest asks for becomes a [`plan`]; what carries it out is above, since it takes several transactions and work between them.
//! The checks that are part of the binary are in [`builtin`]; what is known of others' tools is in [`catalogue`].

use crate::base::event::{Event, Verdict};
use crate::base::id::{AttemptId, RepoId};
use crate::base::name::{BlobId, BranchName, CommitSha};
use crate::base::time::Timestamp;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};
use crate::words;

use super::pulls;
use super::repos::Repository;

mod approval;
pub mod builtin;
pub mod catalogue;
mod image;
pub mod plan;
mod record;
pub mod starter;

pub use approval::{ApprovedHead, TrustedManifest, approve, is_approved, is_trusted, trust};
pub use image::{ImagePin, image_pin, pin_image};
pub use record::{Check, CheckError, CheckSet, Execution};

words! {
    /// How far a check, or a commit's set of checks, has come.
    pub enum CheckState: "state of a check" {
        /// Its turn has not come.
        Waiting = "waiting",
        /// It is at work.
        Running = "running",
        /// It ran and its output was read, whatever it found; for a set: nothing failed and the gate does not say no.
        Succeeded = "succeeded",
        /// It said no.
        Failed = "failed",
        /// We could not tell.
        Errored = "errored",
        /// Somebody stopped it.
        Canceled = "canceled",
        /// It took longer than it may.
        TimedOut = "timed_out",
        /// The manifest names no checks. Of a set alone.
        NotConfigured = "not_configured",
    }
}

impl CheckState {
    /// Whether nothing more will come of it.
    pub fn is_finished(self) -> bool {
        !matches!(self, CheckState::Waiting | CheckState::Running)
    }
}

words! {
    /// What a check waits for, beside its turn.
    pub enum WaitsFor: "what a check waits for" {
        /// Somebody who may has to say that what the manifest starts may be started.
        Approval = "approval",
    }
}

words! {
    /// Why we could not tell.
    pub enum ErrorCode: "check error" {
        /// The manifest cannot be read.
        ManifestInvalid = "manifest_invalid",
        /// Nothing here can run a process in isolation.
        SandboxUnavailable = "sandbox_unavailable",
        /// No plugin has that name.
        PluginUnknown = "plugin_unknown",
        /// The commit could not be read.
        FetchFailed = "fetch_failed",
        /// The attempt ended without a word.
        Lost = "lost",
        /// The plugin failed in itself.
        PluginCrashed = "plugin_crashed",
        /// The plugin said more than is taken.
        LimitOutput = "limit_output",
        /// The tool is not installed here.
        PluginMissing = "plugin_missing",
        /// The tool is here, and too old.
        PluginOutdated = "plugin_outdated",
        /// What the tool wrote is not what it should write.
        OutputInvalid = "output_invalid",
        /// It used more processor time than it may.
        LimitCpu = "limit_cpu",
        /// It used more memory than it may.
        LimitMemory = "limit_memory",
        /// It wrote more files than it may.
        LimitDisk = "limit_disk",
        /// It started more processes than it may.
        LimitProcesses = "limit_processes",
        /// It took longer than it may.
        TimedOut = "timed_out",
        /// A command of the repository's own ended badly, and no finding says why.
        CommandFailed = "command_failed",
        /// It asks for a secret that is not known.
        SecretUnknown = "secret_unknown",
        /// The image it runs in cannot be had.
        ImageUnavailable = "image_unavailable",
        /// A secret it asks for is known and cannot be opened.
        SecretUnreadable = "secret_unreadable",
    }
}

/// What can fail with checks.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Nothing was asked of the commit.
    #[error("no checks were run at `{sha}` yet; ask for them with POST")]
    NotFound {
        /// The commit.
        sha: CommitSha,
    },
    /// The set has no such check.
    #[error("the checks of `{sha}` have none named `{check}`")]
    CheckNotFound {
        /// The commit.
        sha: CommitSha,
        /// What was looked for.
        check: String,
    },
    /// The checks are at work.
    #[error("the checks of `{sha}` are {state} already; cancel them first, or wait")]
    AlreadyRunning {
        /// The commit.
        sha: CommitSha,
        /// How far they are.
        state: CheckState,
    },
    /// There is nothing to cancel.
    #[error("the checks of `{sha}` have ended: they are {state}")]
    NotRunning {
        /// The commit.
        sha: CommitSha,
        /// How they ended.
        state: CheckState,
    },
    /// Nothing waits for approval.
    #[error("no check of `{sha}` waits for approval: they are {state}")]
    NotWaiting {
        /// The commit.
        sha: CommitSha,
        /// How they stand.
        state: CheckState,
    },
    /// Another attempt has taken this one's place.
    #[error("another attempt has taken the place of this one; its results are dropped")]
    Superseded,
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// Asks for the checks of a commit: the first time, or once more.
pub fn request(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, now: Timestamp) -> Result<CheckSet> {
    let before = tx.get::<CheckSet>(&(repo, sha))?;
    if let Some(set) = before.as_ref().filter(|set| set.is_under_way()) {
        return Err(Error::AlreadyRunning { sha, state: set.state });
    }
    begin_anew(tx, repo, sha, now)
}

fn begin_anew(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, now: Timestamp) -> Result<CheckSet> {
    let attempt = tx.new_id(now);
    let set = CheckSet::requested(repo, sha, attempt, now);
    tx.put(&set)?;
    tx.record(Event::CheckSetRequested { repo, sha, attempt }, now)?;
    tell(tx, &set, now)?;
    Ok(set)
}

/// Asks for the checks of a commit that a branch has come to, unless they were asked for before. Where they have ended, the issues are
/// told once more: the branch may have had others meanwhile.
pub fn request_once(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, now: Timestamp) -> Result<()> {
    let Some(mut set) = tx.get::<CheckSet>(&(repo, sha))? else { return request(tx, repo, sha, now).map(drop) };
    // One that gave up its place or was called off is wanted again.
    if set.state == CheckState::Canceled {
        return request(tx, repo, sha, now).map(drop);
    }
    // Somebody who may write has vouched for it by taking it into a branch.
    if set.is_held() && set.is_foreign {
        return begin_anew(tx, repo, sha, now).map(drop);
    }
    if set.state.is_finished() && set.is_settled {
        set.is_settled = false;
        tx.put(&set)?;
        tx.record(Event::HeadReturned { repo, sha, attempt: set.attempt }, now)?;
    }
    Ok(())
}

/// Takes the checks of a commit off the queue that a branch has left behind before their turn came: its new head is what people wait
/// for. Whoever wants them all the same asks for them.
pub fn supersede(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, by: CommitSha, now: Timestamp) -> Result<()> {
    match tx.get::<CheckSet>(&(repo, sha))? {
        Some(set) if set.state == CheckState::Waiting && !set.is_held() => {
            end_unwanted(tx, set, format!("the branch went on to {} before its turn came", by.short()), now)?;
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The checks of a commit.
pub fn find(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<CheckSet> {
    tx.get::<CheckSet>(&(repo, sha))?.ok_or(Error::NotFound { sha })
}

/// The checks of a commit, if they were asked for.
pub fn look(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Option<CheckSet>> {
    Ok(tx.get::<CheckSet>(&(repo, sha))?)
}

/// One check of a set, by name or id.
pub fn find_check<'a>(set: &'a CheckSet, named: &str) -> Result<&'a Check> {
    set.checks
        .iter()
        .find(|check| check.name == named || check.id.to_string() == named)
        .ok_or_else(|| Error::CheckNotFound { sha: set.sha, check: crate::base::text::clip(named, 80).into_owned() })
}

/// Sets that are under way, oldest first; at most `limit`.
pub fn under_way(tx: &ReadTx, limit: usize) -> Result<Vec<CheckSet>> {
    Ok(tx.find(&record::UNDER_WAY.all(), limit)?)
}

/// The set of an attempt, refused if another has taken its place or it was canceled.
pub fn attempt(tx: &ReadTx, repo: RepoId, sha: CommitSha, attempt: AttemptId) -> Result<CheckSet> {
    tx.get::<CheckSet>(&(repo, sha))?.filter(|set| set.attempt == attempt).ok_or(Error::Superseded)
}

/// The set as it stands, refused if another attempt has its place or it has ended. What stages results in several transactions asks in
/// each.
pub fn going(tx: &ReadTx, set: &CheckSet) -> Result<CheckSet> {
    let set = attempt(tx, set.repo, set.sha, set.attempt)?;
    if set.state.is_finished() { Err(Error::Superseded) } else { Ok(set) }
}

/// Whose word a set's plan is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vouched {
    /// The commit's manifest, if some of the checks wait until that is approved.
    pub unapproved: Option<BlobId>,
    /// Whether the commit is known through a fork alone.
    pub is_foreign: bool,
    /// Where its open pull requests are to go to, by name.
    pub goes_to: Vec<BranchName>,
}

/// Begins a set with the checks that were planned.
pub fn start(tx: &mut WriteTx, of: &CheckSet, planned: &[plan::Planned], vouched: Vouched, now: Timestamp) -> Result<CheckSet> {
    let mut set = going(tx, of)?;
    set.state = CheckState::Running;
    set.started_at = Some(now);
    (set.unapproved, set.is_foreign, set.goes_to) = (vouched.unapproved, vouched.is_foreign, vouched.goes_to);
    set.checks = planned
        .iter()
        .map(|planned| Check { waits_for: planned.waits_for, ..Check::waiting(tx.new_id(now), &planned.name, &planned.plugin) })
        .collect();
    tx.put(&set)?;
    tx.record(Event::CheckSetStarted { repo: set.repo, sha: set.sha }, now)?;
    Ok(set)
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// In which state.
    pub state: CheckState,
    /// How many issues it found, if its output was read.
    pub issues: Option<u64>,
    /// Why we could not tell, or why it said no.
    pub error: Option<CheckError>,
    /// What it said while it ran.
    pub log: Option<BlobHash>,
    /// How its process ran, if it had one.
    pub execution: Option<Execution>,
}

/// Begins a check of a set.
pub fn start_check(tx: &mut WriteTx, of: &CheckSet, name: &str, now: Timestamp) -> Result<()> {
    let mut set = going(tx, of)?;
    if let Some(check) = set.checks.iter_mut().find(|check| check.name == name) {
        check.state = CheckState::Running;
        check.started_at = Some(now);
    }
    tx.put(&set)?;
    Ok(tx.record(Event::CheckChanged { repo: set.repo, sha: set.sha }, now)?)
}

/// Ends a check of a set.
pub fn finish_check(tx: &mut WriteTx, of: &CheckSet, name: &str, outcome: Outcome, now: Timestamp) -> Result<()> {
    let mut set = going(tx, of)?;
    if let Some(check) = set.checks.iter_mut().find(|check| check.name == name) {
        check.state = outcome.state;
        check.issues = outcome.issues;
        check.error = outcome.error;
        check.log = outcome.log;
        check.exit_code = outcome.execution.as_ref().and_then(|execution| execution.exit_code);
        check.execution = outcome.execution;
        check.finished_at = Some(now);
    }
    tx.put(&set)?;
    Ok(tx.record(Event::CheckChanged { repo: set.repo, sha: set.sha }, now)?)
}

/// What is known when a set ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// In which state.
    pub state: CheckState,
    /// Why we could not tell.
    pub error: Option<CheckError>,
    /// How the gate stands.
    pub verdict: Verdict,
    /// Why, in a sentence.
    pub sentence: String,
    /// Whether no results are left whose issues are still to be told.
    pub is_settled: bool,
}

/// Writes down what is known of a set of which checks wait for approval, and lets it wait for that. Call it in the transaction that
/// switches to its results.
pub fn hold(tx: &mut WriteTx, of: &CheckSet, conclusion: Conclusion, now: Timestamp) -> Result<CheckSet> {
    let mut set = going(tx, of)?;
    set.state = CheckState::Waiting;
    set.verdict = conclusion.verdict;
    set.sentence = conclusion.sentence;
    set.is_settled = conclusion.is_settled;
    tx.put(&set)?;
    tx.record(Event::CheckSetHeld { repo: set.repo, sha: set.sha, verdict: set.verdict }, now)?;
    tell(tx, &set, now)?;
    Ok(set)
}

/// Ends a set, and with it what of its checks has not ended. Call it in the transaction that switches to its results.
pub fn complete(tx: &mut WriteTx, of: &CheckSet, conclusion: Conclusion, now: Timestamp) -> Result<CheckSet> {
    let mut set = going(tx, of)?;
    set.state = conclusion.state;
    set.error = conclusion.error;
    set.verdict = conclusion.verdict;
    set.sentence = conclusion.sentence;
    set.is_settled = conclusion.is_settled;
    set.unapproved = None;
    set.started_at = set.started_at.or(Some(now));
    set.finished_at = Some(now);
    // A set that was given up halfway leaves no check that seems to run for ever.
    for check in set.checks.iter_mut().filter(|check| !check.state.is_finished()) {
        check.state = CheckState::Errored;
        check.error.clone_from(&set.error);
        check.finished_at = check.started_at.map(|_| now);
    }
    tx.put(&set)?;
    tx.record(Event::CheckSetCompleted { repo: set.repo, sha: set.sha, verdict: set.verdict }, now)?;
    tell(tx, &set, now)?;
    Ok(set)
}

/// Writes down that the issues of a set's results have been told.
pub fn mark_settled(tx: &mut WriteTx, of: &CheckSet) -> Result<()> {
    let mut set = attempt(tx, of.repo, of.sha, of.attempt)?;
    set.is_settled = true;
    Ok(tx.put(&set)?)
}

/// Cancels a set: it has ended at once, and whatever still runs for it is told to stop and can write nothing.
pub fn cancel(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, now: Timestamp) -> Result<CheckSet> {
    let set = find(tx, repo, sha)?;
    if set.state.is_finished() {
        return Err(Error::NotRunning { sha, state: set.state });
    }
    end_unwanted(tx, set, "the checks were canceled".to_owned(), now)
}

/// Ends the checks of a commit that nobody waits for any more, if they wait for their turn or for approval; what is at work comes to its end.
pub fn call_off(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, why: &str, now: Timestamp) -> Result<()> {
    match look(tx, repo, sha)?.filter(|set| set.state == CheckState::Waiting) {
        Some(set) => end_unwanted(tx, set, why.to_owned(), now).map(drop),
        None => Ok(()),
    }
}

fn end_unwanted(tx: &mut WriteTx, mut set: CheckSet, sentence: String, now: Timestamp) -> Result<CheckSet> {
    set.state = CheckState::Canceled;
    set.verdict = Verdict::Error;
    set.sentence = sentence;
    set.unapproved = None;
    set.finished_at = Some(now);
    for check in set.checks.iter_mut().filter(|check| !check.state.is_finished()) {
        check.state = CheckState::Canceled;
        check.waits_for = None;
        check.finished_at = check.started_at.map(|_| now);
    }
    tx.put(&set)?;
    tx.record(Event::CheckSetCanceled { repo: set.repo, sha: set.sha, attempt: set.attempt }, now)?;
    tell(tx, &set, now)?;
    Ok(set)
}

/// Has it said on GitHub how a commit stands, where its repository is there.
fn tell(tx: &mut WriteTx, set: &CheckSet, now: Timestamp) -> store::Result<()> {
    let is_there = tx.get::<Repository>(&set.repo)?.is_some_and(|repo| repo.source.github().is_some());
    if !is_there {
        return Ok(());
    }
    let is_over = set.state.is_finished() || set.is_held();
    tx.record(Event::StatusDue { repo: set.repo, sha: set.sha, is_over }, now)?;
    if is_over {
        for pull in pulls::of_head(tx, set.repo, set.sha)? {
            tx.record(Event::CommentDue { repo: set.repo, number: pull.number }, now)?;
        }
    }
    Ok(())
}

/// The state of a set whose checks ended in these states and whose gate stands like this.
pub fn state_of(checks: impl Iterator<Item = CheckState> + Clone, verdict: Verdict) -> CheckState {
    let any = |states: &[CheckState]| checks.clone().any(|state| states.contains(&state));
    if any(&[CheckState::Canceled]) {
        CheckState::Canceled
    } else if any(&[CheckState::Errored, CheckState::TimedOut]) {
        CheckState::Errored
    } else if any(&[CheckState::Failed]) || verdict == Verdict::Failure {
        CheckState::Failed
    } else {
        CheckState::Succeeded
    }
}

/// Erases rows of a deleted repository, at most `limit`; answers how many, 0 once none are left.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let erased = tx.remove_all(&Scan::<CheckSet>::prefix(repo), limit)?;
    let erased = erased + tx.remove_all(&Scan::<TrustedManifest>::prefix(repo), limit - erased)?;
    let erased = erased + tx.remove_all(&Scan::<ApprovedHead>::prefix(repo), limit - erased)?;
    Ok(erased + tx.remove_all(&Scan::<ImagePin>::prefix(repo), limit - erased)?)
}

/// About how many bytes a repository's sets take, each table counted up to `cap` rows.
pub fn weigh(tx: &ReadTx, repo: RepoId, cap: usize) -> store::Result<u64> {
    tx.weigh(&Scan::<CheckSet>::prefix(repo), cap)
}

/// The blobs that a repository's sets name: their logs, of at most `cap` sets.
pub fn logs_of(tx: &ReadTx, repo: RepoId, cap: usize) -> store::Result<std::collections::BTreeSet<BlobHash>> {
    let sets = tx.find(&Scan::<CheckSet>::prefix(repo), cap)?;
    Ok(sets.iter().flat_map(|set| set.checks.iter().filter_map(|check| check.log)).collect())
}

/// The blobs that sets name: their logs. A page of sets at a time; answers where the next begins.
pub fn logs(tx: &ReadTx, after: Option<&crate::base::page::Cursor>) -> Result<(Vec<BlobHash>, Option<crate::base::page::Cursor>)> {
    let page = tx.page(&Scan::<CheckSet>::all().after(after), crate::base::page::Limit::MAX)?;
    let logs = page.items.iter().flat_map(|set| set.checks.iter().filter_map(|check| check.log)).collect();
    Ok((logs, page.next))
}

#[cfg(test)]
mod tests;
