//! Running the checks of a commit: from a claim to a verdict.
//!
//! Read, then do, then write. What is read: the set, the commit's tree, its manifest, and the standing that identities are taken from.
//! What is done: the files that changed since then are judged, and only those. What is written: chunks and nodes, staged some at a time
//! where nobody sees them; then one row that switches to them, in the transaction that ends the set; then the issues' own rows.
//!
//! | room | what it is |
//! |---|---|
//! | `trees` | where trees come from, and which commits a run is held against |
//! | `agenda` | what of a commit is to run, and what of that waits for somebody |
//! | `abreast` | the checks of a set, several at a time |
//! | `judge` | one check: what is judged anew, what is kept, how it ended |
//! | `in_process` | what judges for a check that is part of the binary |
//! | `in_sandbox` | what judges for a check that is a program of others |
//! | `believe` | whether what such a program wrote is believed, and how it is read |
//! | `conceal` | what a tool says must not be shown, kept out of what others say of the same lines |
//! | `mounts` | the secrets that a program sees as files |
//! | `in_image` | what judges for a check that is an image |
//! | `stage` | identities, and what stands at the commit, written where nobody sees it |
//! | `tell` | the issues' own rows |
//! | `dry_run` | what a manifest would run, found out without running it |
//! | `farewell` | what becomes of the issues of a branch that was deleted |
//!
//! A repeated attempt finds the set as the last one left it: before the switch it begins anew, after it only the telling is left. An
//! attempt that nobody wants any more (its set was canceled, another has its place, its repository was deleted) is refused by the next
//! transaction it tries and ends without a word.

use std::sync::Arc;
use std::time::Duration;

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::{Actor, Event, Verdict};
use crate::base::id::{AttemptId, RepoId};
use crate::base::name::{BlobId, BranchName, CommitSha, TreePath};
use crate::base::text::count;
use crate::base::time::Timestamp;
use crate::base::work::Work;
use crate::domain::checks::plan::Planned;
use crate::domain::checks::{self, CheckError, CheckSet, CheckState, Conclusion, ErrorCode, Vouched};
use crate::domain::issues::{self, Standing};
use crate::domain::repos::{self, Repository};
use crate::domain::statuses::{self, Asked};
use crate::domain::{pulls, secrets};
use crate::engine::git::kept::Kept;
use crate::engine::git::tree::Tree;
use crate::engine::store::{self, ReadTx, WriteTx};
use crate::engine::{git, queue};

mod abreast;
mod agenda;
mod believe;
mod conceal;
mod dry_run;
mod farewell;
mod in_image;
mod in_process;
mod in_sandbox;
mod judge;
mod mounts;
mod stage;
mod tell;
mod trees;
mod turns;

pub use dry_run::{Dry, dry_run};
pub use farewell::close_branch;
pub use in_sandbox::{DROPPED_TOLD, environment, limits, unstarted};
pub use trees::{MANIFEST_BYTES, Trees, read_manifest};

use agenda::Agenda;
use trees::{Bases, bases, known, opened};
pub(super) use trees::{Mirrored, base_head, compared_with, has_manifest, ruling_commit, ruling_manifest};

/// Performs `Work::RunCheckSet` on the repository's mirror.
pub fn perform(app: &App, attempt: &Attempt, repo: RepoId, sha: CommitSha, wanted: AttemptId) -> Result<(), Failure> {
    let read = app.read_now(|tx, _| -> Result<_, Stop> {
        let set = checks::attempt(tx, repo, sha, wanted)?;
        let repository = repos::get(tx, repo)?;
        let known = known(tx, &repository, sha)?;
        Ok((set, repository, known))
    });
    let (set, repository, known) = match read {
        Ok(read) => read,
        Err(Stop::Unwanted) => return attempt.done(app),
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    if !set.is_under_way() && set.is_settled {
        return attempt.done(app);
    }
    let trees = opened(app, repo, sha, known)?;
    run(app, attempt, set, &repository, &trees, &Manner::default(), &|_| {})
}

/// Performs `Work::AbandonCheckSet`: says of a set whose work was given up that it is lost.
///
/// One whose results are in place has said all it had to say but to its issues: that is done here, as often as it takes.
pub fn abandon(app: &App, attempt: &Attempt, repo: RepoId, sha: CommitSha, given_up: AttemptId) -> Result<(), Failure> {
    let read = app.read_now(|tx, _| -> Result<_, Stop> { Ok((checks::attempt(tx, repo, sha, given_up)?, repos::get(tx, repo)?)) });
    match read {
        Ok((set, _)) if !set.is_under_way() && !set.is_settled => return perform(app, attempt, repo, sha, given_up),
        Ok(_) => {}
        Err(Stop::Unwanted) => return attempt.done(app),
        Err(Stop::Failed(failure)) => return Err(failure),
    }
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        match checks::attempt(tx, repo, sha, given_up) {
            Ok(set) if !set.state.is_finished() => {
                let error = CheckError { code: ErrorCode::Lost, message: last_words(tx, repo, sha, given_up)? };
                checks::complete(tx, &set, could_not_tell(error), now)?;
            }
            Ok(_) | Err(checks::Error::Superseded) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// What is known of why the work of a set was given up.
fn last_words(tx: &ReadTx, repo: RepoId, sha: CommitSha, given_up: AttemptId) -> Result<String, Failure> {
    let was = Work::RunCheckSet { repo, sha, attempt: given_up };
    let resting = queue::resting(tx, |work| *work == was)?;
    // An administrator may have discarded it by now.
    let Some(id) = resting.first() else { return Ok("The work was given up; run it again.".to_owned()) };
    let item = queue::find(tx, *id)?;
    let error = item.last_error.as_deref().unwrap_or("nothing is known of why").trim_end_matches('.').to_owned();
    Ok(format!("The work was given up after {}: {error}.", count(u64::from(item.attempts), "attempt")))
}

fn could_not_tell(error: CheckError) -> Conclusion {
    Conclusion {
        state: CheckState::Errored,
        verdict: Verdict::Error,
        sentence: error.message.trim_end_matches('.').to_owned(),
        error: Some(error),
        is_settled: true,
    }
}

/// How a run is made. By default as the appliance makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// Whether what the base says of unchanged files is kept, or they are judged anew.
    pub reuses: bool,
    /// Whether all that is found is judged: for a run that stands alone and has no history before it.
    pub judges_all: bool,
    /// The file or directory that is spoken of; `None` is the whole tree.
    pub beneath: Option<TreePath>,
    /// Whether, where no manifest says what to run, every tool runs that is installed, has something to look at, and needs no settings.
    pub tries_tools: bool,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { reuses: true, judges_all: false, beneath: None, tries_tools: false }
    }
}

impl Manner {
    /// Whether a path is spoken of.
    pub fn speaks_of(&self, path: &TreePath) -> bool {
        self.beneath
            .as_ref()
            .is_none_or(|top| path.as_bytes().strip_prefix(top.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/")))
    }
}

/// How far a run is, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The check at work.
    pub check: &'a str,
    /// How many files it has judged.
    pub done: usize,
    /// How many it will.
    pub total: usize,
}

/// Runs the checks of a set, to its verdict and the telling of its issues.
pub fn run(
    app: &App,
    attempt: &Attempt,
    set: CheckSet,
    repository: &Repository,
    trees: &dyn Trees,
    manner: &Manner,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<(), Failure> {
    let mut run = Run { app, attempt, set, repository, trees, manner, progress };
    match run.carry_out() {
        Ok(()) => Ok(()),
        Err(stop) => run.end_early(stop),
    }
}

/// Why a run ends before its end.
#[derive(Debug)]
enum Stop {
    /// It was told to stop, or nobody wants it any more: there is nothing to say.
    Unwanted,
    /// Something failed.
    Failed(Failure),
}

macro_rules! failed {
    ($($error:ty),+) => {$(
        impl From<$error> for Stop {
            fn from(error: $error) -> Stop {
                Stop::Failed(error.into())
            }
        }
    )+};
}

failed!(Failure, store::Error, git::Error, issues::Error, secrets::Error, queue::Error);

impl From<checks::Error> for Stop {
    fn from(error: checks::Error) -> Stop {
        match error {
            checks::Error::Superseded => Stop::Unwanted,
            other => Stop::Failed(other.into()),
        }
    }
}

impl From<repos::Error> for Stop {
    fn from(error: repos::Error) -> Stop {
        match error {
            repos::Error::NotFound { .. } => Stop::Unwanted,
            other => Stop::Failed(other.into()),
        }
    }
}

/// What becomes of an attempt whose commit is to go elsewhere by the time it ends. It counts: whoever changes that again and again has the
/// commit judged once in the end, or given up.
const GONE_ELSEWHERE: queue::Verdict = queue::Verdict::RetryAfter(Duration::from_secs(1));

/// Refuses to go on with a commit that is to go elsewhere by now.
fn stays(tx: &ReadTx, set: &CheckSet, goes_to: &[BranchName], verdict: queue::Verdict) -> Result<(), Stop> {
    if pulls::bases_of(tx, set.repo, set.sha)? == goes_to { Ok(()) } else { Err(goes_elsewhere(verdict)) }
}

fn goes_elsewhere(verdict: queue::Verdict) -> Stop {
    Stop::Failed(Failure { message: "where its pull requests are to go to was changed meanwhile".to_owned(), verdict })
}

/// An attempt at a set, and what it is made with.
struct Run<'a> {
    app: &'a App,
    attempt: &'a Attempt,
    /// As this attempt last wrote it.
    set: CheckSet,
    repository: &'a Repository,
    trees: &'a dyn Trees,
    manner: &'a Manner,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

impl Run<'_> {
    fn carry_out(&mut self) -> Result<(), Stop> {
        if !self.set.is_under_way() {
            return self.tell();
        }
        let tree = match self.trees.tree(self.set.sha) {
            Ok(tree) => tree,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                let error = CheckError { code: ErrorCode::FetchFailed, message: format!("The commit cannot be read: {error}.") };
                return self.conclude(could_not_tell(error));
            }
        };
        let Agenda { planned, ruling, vouched, manifest } = match self.agenda(&*tree)? {
            Ok(agenda) => agenda,
            Err(conclusion) => return self.conclude(conclusion),
        };
        let programs = planned.iter().filter(|planned| planned.starts_process()).count();
        let tree: Arc<dyn Tree> = if programs > 1 { Arc::new(Kept::new(tree)) } else { tree };
        let goes = self.turns(&planned)?;
        let waiting = (planned.len() - goes.len()) as u64;
        self.begin(&planned, &goes, vouched, manifest)?;
        // From the look at what is kept of earlier commits to the row that names it, a sweep leaves the repository alone.
        let _staging = self.app.staging.begin(self.set.repo);
        let bases = bases(self.app, &self.set, self.trees)?;
        let ran = self.judge(&goes, ruling.as_ref(), &tree, bases.identity())?;
        self.goes_on()?;
        self.end(ran, &bases, Asked::by(ruling.as_ref()), waiting)?;
        self.tell()
    }

    /// Writes what was found, and how the set ends: it is over, or held for what waits.
    fn end(&mut self, ran: judge::Ran, bases: &Bases, asked: Asked, waiting: u64) -> Result<(), Stop> {
        let last = ran.outcomes.get(ran.last).cloned();
        let states: Vec<CheckState> = ran.outcomes.iter().map(|(_, outcome)| outcome.state).collect();
        let cut = ran.cut;
        let (bases, goes_to) = self.bases_by_now(bases)?;
        let standing = self.stage(&bases, ran)?;
        let mut conclusion = self.conclusion(&states, cut, &standing, &bases, asked);
        if waiting > 0 {
            conclusion.verdict = if conclusion.verdict == Verdict::Failure { Verdict::Failure } else { Verdict::Pending };
            let wait = if waiting == 1 { "waits" } else { "wait" };
            conclusion.sentence = format!("{} {wait} for approval; {}", count(waiting, "check"), conclusion.sentence);
        }
        let of = self.set.clone();
        self.set = self.write(move |tx, now| {
            stays(tx, &of, &goes_to, GONE_ELSEWHERE)?;
            if let Some((name, outcome)) = &last {
                checks::finish_check(tx, &of, name, outcome.clone(), now)?;
            }
            let ended = match waiting {
                0 => checks::complete(tx, &of, conclusion.clone(), now)?,
                _ => checks::hold(tx, &of, conclusion.clone(), now)?,
            };
            issues::switch(tx, &standing)?;
            // What waits for these checks to end goes on at once, and so does what was held against an earlier commit, since this one was
            // not judged yet.
            let waits = pulls::of_head(tx, of.repo, of.sha)?.into_iter().filter(|pull| !pull.is_asked());
            let leave = pulls::leaving(tx, of.repo, of.sha)?.into_iter().filter(|pull| pull.head.sha != of.sha);
            for pull in waits.chain(leave) {
                tx.record(Event::PullChanged { repo: of.repo, number: pull.number }, now)?;
            }
            Ok(ended)
        })?;
        Ok(())
    }

    /// What the results are held against as things are by now, and where the commit is to go to: a pull request may have come or gone since
    /// they were begun. What a fork's commit must hold to is another question then, and asked anew.
    fn bases_by_now(&self, bases: &Bases) -> Result<(Bases, Vec<BranchName>), Stop> {
        let (repo, sha) = (self.set.repo, self.set.sha);
        let goes_to = self.app.read_now(|tx, _| pulls::bases_of(tx, repo, sha))?;
        if goes_to == self.trees.goes_to() {
            return Ok((bases.clone(), goes_to));
        }
        if self.set.is_foreign {
            return Err(goes_elsewhere(GONE_ELSEWHERE));
        }
        let trees = trees::mirrored(self.app, self.repository, sha)?;
        let compared = trees::bases(self.app, &self.set, &trees)?.compared;
        Ok((Bases { compared, identity: bases.identity().cloned() }, trees.goes_to))
    }

    /// Whether the commit is the default branch's head, and that branch is the default one because somebody says so: one that was taken for
    /// want of another, whoever may push can have made.
    fn is_named_default(&self) -> bool {
        !self.repository.has_guessed_default && self.trees.default_head() == Some(self.set.sha)
    }

    /// Begins the set, and its first checks: each commit waits for the disk, so what happens at one moment is written at once. What the
    /// default branch's head has for a manifest is trusted from then on.
    fn begin(&mut self, planned: &[Planned], goes: &[Planned], vouched: Vouched, manifest: BlobId) -> Result<(), Stop> {
        let (of, planned) = (self.set.clone(), planned.to_vec());
        let first: Vec<String> = goes.iter().take(abreast::at_once(goes.len())).map(|one| one.name.clone()).collect();
        let trusted = Some(manifest).filter(|_| self.is_named_default());
        self.set = self.write(move |tx, now| {
            stays(tx, &of, &vouched.goes_to, queue::Verdict::Released)?;
            if let Some(manifest) = trusted {
                checks::trust(tx, of.repo, manifest, of.sha, now)?;
            }
            let set = checks::start(tx, &of, &planned, vouched.clone(), now)?;
            for name in &first {
                checks::start_check(tx, &set, name, now)?;
            }
            Ok(set)
        })?;
        Ok(())
    }

    /// How the set ends: by how its checks did, and by what the gate says of what stands.
    fn conclusion(&self, states: &[CheckState], cut: u64, standing: &Standing, bases: &Bases, asked: Asked) -> Conclusion {
        let mut judgement = if self.manner.judges_all {
            statuses::gate_all(&standing.counts, asked)
        } else {
            statuses::gate(&standing.counts, asked, bases.compared.is_none())
        };
        let errored = states.iter().filter(|state| matches!(state, CheckState::Errored | CheckState::TimedOut)).count() as u64;
        let said_no = states.iter().filter(|state| **state == CheckState::Failed).count() as u64;
        if said_no > 0 && judgement.verdict != Verdict::Failure {
            judgement.verdict = Verdict::Failure;
            judgement.sentence = format!("{} failed; {}", count(said_no, "check"), judgement.sentence);
        }
        if errored > 0 && judgement.verdict != Verdict::Failure {
            judgement.verdict = Verdict::Error;
            let mut why = Vec::new();
            if errored > cut {
                why.push(format!("{} could not be carried out", count(errored - cut, "check")));
            }
            if cut > 0 {
                why.push(format!("{} found more than is kept", count(cut, "check")));
            }
            judgement.sentence = format!("{}; {}", why.join(", "), judgement.sentence);
        }
        Conclusion {
            state: checks::state_of(states.iter().copied(), judgement.verdict),
            verdict: judgement.verdict,
            sentence: judgement.sentence,
            error: None,
            is_settled: false,
        }
    }

    /// Ends a set that has no results.
    fn conclude(&self, conclusion: Conclusion) -> Result<(), Stop> {
        let (claim, of) = (self.attempt.claim.clone(), self.set.clone());
        self.write(move |tx, now| {
            checks::complete(tx, &of, conclusion.clone(), now)?;
            Ok(queue::finish(tx, &claim, now)?)
        })
    }

    /// One transaction of the attempt, refused once somebody else has its lease or its repository is gone: what is written of a
    /// repository after its deletion, nobody would ever erase.
    fn write<T: Send + 'static>(&self, verb: impl Fn(&mut WriteTx, Timestamp) -> Result<T, Stop> + Send + 'static) -> Result<T, Stop> {
        let (claim, repo) = (self.attempt.claim.clone(), self.set.repo);
        self.app.write_now(&Actor::System, move |tx, now| {
            queue::check(tx, &claim)?;
            repos::get(tx, repo)?;
            verb(tx, now)
        })
    }

    /// Looks whether somebody told the attempt to stop.
    fn goes_on(&self) -> Result<(), Stop> {
        if self.attempt.cancel.is_tripped() { Err(Stop::Unwanted) } else { Ok(()) }
    }

    /// Ends an attempt before its end: for good if nobody wants it any more; to begin anew if something failed, or if it was the process
    /// that stops.
    fn end_early(&self, stop: Stop) -> Result<(), Failure> {
        let (repo, sha, wanted) = (self.set.repo, self.set.sha, self.set.attempt);
        let is_told = !self.set.is_under_way();
        let is_wanted = self.app.read_now(|tx, _| -> Result<bool, Stop> {
            repos::get(tx, repo)?;
            Ok(is_told || !checks::attempt(tx, repo, sha, wanted)?.state.is_finished())
        });
        match (is_wanted, stop) {
            (Ok(false) | Err(Stop::Unwanted), _) => self.attempt.done(self.app),
            (_, Stop::Failed(failure)) | (Err(Stop::Failed(failure)), Stop::Unwanted) => Err(failure),
            (Ok(true), Stop::Unwanted) => {
                Err(Failure { message: "the process stopped while the checks ran".to_owned(), verdict: queue::Verdict::Released })
            }
        }
    }
}
