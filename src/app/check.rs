//! Running the checks of a commit: from a claim to a verdict.
//!
//! Read, then do, then write. What is read: the set, the commit's tree, its manifest, and the standing that identities are taken from.
//! What is done: the files that changed since then are judged, and only those. What is written: chunks and nodes, staged some at a time
//! where nobody sees them; then one row that switches to them, in the transaction that ends the set; then the issues' own rows.
//!
//! A repeated attempt finds the set as the last one left it: before the switch it begins anew, after it only the telling is left.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::{Actor, Verdict};
use crate::base::id::{AttemptId, IssueId, RepoId};
use crate::base::name::{CommitSha, TreePath};
use crate::base::text::{count, duration};
use crate::domain::checks::plan::{Planned, plan};
use crate::domain::checks::{self, CheckError, CheckSet, CheckState, Conclusion, ErrorCode, Outcome};
use crate::domain::issues::identify::{Evidence, identify};
use crate::domain::issues::settle::{self, Circumstances};
use crate::domain::issues::standing::{SourceVersion, turnover};
use crate::domain::issues::{self, Counts, Sighting, Staged, Standing, identify::Located};
use crate::domain::repos::manifest::{Globs, Manifest, ManifestName};
use crate::domain::repos::{self, Repository};
use crate::domain::statuses::{self, Asked};
use crate::engine::git::diff::{Change, RenameLimits, diff_trees};
use crate::engine::git::tree::Tree;
use crate::engine::git::{self, Mirror};
use crate::engine::queue;

mod judge;

use judge::{Judge, Judged};

/// How far back an analysed ancestor is looked for.
const ANCESTORS: usize = 2_000;
/// The largest manifest that is read at all; the reader has a smaller limit of its own and says so.
pub const MANIFEST_BYTES: u64 = 16 << 20;

/// Where the trees and ancestors of commits come from: a mirror, or a working directory and the repository around it.
pub trait Trees: Send + Sync {
    /// The tree of a commit.
    fn tree(&self, sha: CommitSha) -> git::Result<Arc<dyn Tree>>;

    /// The commits before this one, each the first parent of the one before; itself left out. They are read as they are asked for: the
    /// one that is looked for is most often the first.
    fn ancestors(&self, sha: CommitSha) -> Box<dyn Iterator<Item = git::Result<CommitSha>> + '_>;

    /// The best common ancestor.
    fn merge_base(&self, a: CommitSha, b: CommitSha) -> git::Result<Option<CommitSha>>;

    /// The default branch's head, if there is one.
    fn default_head(&self) -> Option<CommitSha>;
}

/// The trees of a mirror.
struct Mirrored {
    mirror: Mirror,
    default_head: Option<CommitSha>,
}

impl Trees for Mirrored {
    fn tree(&self, sha: CommitSha) -> git::Result<Arc<dyn Tree>> {
        Ok(Arc::new(self.mirror.tree(sha)?))
    }

    fn ancestors(&self, sha: CommitSha) -> Box<dyn Iterator<Item = git::Result<CommitSha>> + '_> {
        Box::new(self.mirror.first_parents(sha).skip(1).take(ANCESTORS).map(|commit| commit.map(|commit| commit.sha)))
    }

    fn merge_base(&self, a: CommitSha, b: CommitSha) -> git::Result<Option<CommitSha>> {
        self.mirror.merge_base(a, b)
    }

    fn default_head(&self) -> Option<CommitSha> {
        self.default_head
    }
}

/// Performs `Work::RunCheckSet` on the repository's mirror.
pub fn perform(app: &App, attempt: &Attempt, repo: RepoId, sha: CommitSha, wanted: AttemptId) -> Result<(), Failure> {
    let read = app.read_now(|tx, _| -> Result<_, Failure> {
        let set = match checks::attempt(tx, repo, sha, wanted) {
            Ok(set) => set,
            Err(checks::Error::Superseded) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let repository = match repos::get(tx, repo) {
            Ok(repository) => repository,
            Err(repos::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let default_head = repos::default_branch(tx, &repository)?.map(|branch| branch.head);
        Ok(Some((set, repository, default_head)))
    })?;
    let Some((set, repository, default_head)) = read else { return attempt.done(app) };
    if set.state.is_finished() && set.is_settled {
        return attempt.done(app);
    }
    let trees = Mirrored { mirror: app.mirror(repo)?, default_head };
    run(app, attempt, set, &repository, &trees, &Manner::default(), &|_| {})
}

/// Performs `Work::AbandonCheckSet`: says of a set whose work was given up that it is lost.
pub fn abandon(app: &App, attempt: &Attempt, repo: RepoId, sha: CommitSha, given_up: AttemptId) -> Result<(), Failure> {
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        match checks::attempt(tx, repo, sha, given_up) {
            Ok(set) if !set.state.is_finished() => {
                let message =
                    "The attempt ended several times without a word; see the work queue for the last error, then run it again.".to_owned();
                let error = CheckError { code: ErrorCode::Lost, message };
                checks::complete(tx, &set, could_not_tell(error), now)?;
            }
            Ok(_) | Err(checks::Error::Superseded) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
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
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { reuses: true, judges_all: false, beneath: None }
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
    progress: &dyn Fn(Progress<'_>),
) -> Result<(), Failure> {
    if set.state.is_finished() {
        return tell(app, attempt, &set, repository, trees);
    }
    let tree = match trees.tree(set.sha) {
        Ok(tree) => tree,
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error) => {
            let error = CheckError { code: ErrorCode::FetchFailed, message: format!("The commit cannot be read: {error}.") };
            return conclude(app, attempt, &set, could_not_tell(error));
        }
    };
    let manifest = match read_manifest(&*tree) {
        Ok(manifest) => manifest,
        Err(message) => {
            let error = CheckError { code: ErrorCode::ManifestInvalid, message };
            return conclude(app, attempt, &set, could_not_tell(error));
        }
    };
    let planned = plan(manifest.as_ref());
    if planned.is_empty() {
        let sentence = "the manifest names no checks".to_owned();
        let conclusion =
            Conclusion { state: CheckState::NotConfigured, verdict: Verdict::Success, sentence, error: None, is_settled: true };
        return conclude(app, attempt, &set, conclusion);
    }
    let (of, plans) = (set.clone(), planned.clone());
    let started = app.write_now(&Actor::System, move |tx, now| -> checks::Result<CheckSet> {
        let set = checks::start(tx, &of, &plans, now)?;
        // Each commit waits for the disk; so what happens at one moment is written at once.
        if let Some(first) = plans.first() {
            checks::start_check(tx, &set, &first.name, now)?;
        }
        Ok(set)
    });
    let set = match started {
        Ok(set) => set,
        // It was canceled between the look and now.
        Err(checks::Error::Superseded) => return ended_otherwise(app, attempt, &set),
        Err(error) => return Err(error.into()),
    };

    // From the look at what is kept of earlier commits to the row that names it, a sweep leaves the repository alone.
    let _staging = app.staging.begin(set.repo);
    let bases = bases(app, &set, trees)?;
    let identity = bases.identity.as_ref().or(bases.compared.as_ref());
    let found = match judge_all(app, attempt, &set, &planned, manifest.as_ref(), &tree, identity, trees, manner, progress) {
        Ok(found) => found,
        // Somebody canceled the set, or another attempt has its place: there is nothing to say.
        Err(Stop::Canceled) => return ended_otherwise(app, attempt, &set),
        Err(Stop::Failed(failure)) => return Err(failure),
    };
    if attempt.cancel.is_tripped() {
        return ended_otherwise(app, attempt, &set);
    }
    let (findings, ran) = found;
    let standing = stage(app, attempt, &set, &bases, identity, findings)?;

    let Ran { states, last } = ran;
    let could_tell = !states.iter().any(|state| matches!(state, CheckState::Errored | CheckState::TimedOut));
    let asked = Asked::by(manifest.as_ref());
    let mut judgement = if manner.judges_all {
        statuses::gate_all(&standing.counts, asked)
    } else {
        statuses::gate(&standing.counts, asked, bases.compared.is_none())
    };
    if !could_tell && judgement.verdict != Verdict::Failure {
        judgement.verdict = Verdict::Error;
        judgement.sentence = format!("{} could not be carried out; {}", count(errored(&states), "check"), judgement.sentence);
    }
    let conclusion = Conclusion {
        state: checks::state_of(states.iter().copied(), judgement.verdict),
        verdict: judgement.verdict,
        sentence: judgement.sentence,
        error: None,
        is_settled: false,
    };
    let (claim, of) = (attempt.claim.clone(), set.clone());
    let ended = app.write_now(&Actor::System, move |tx, now| -> Result<CheckSet, Failure> {
        queue::check(tx, &claim)?;
        if let Some((name, outcome)) = &last {
            checks::finish_check(tx, &of, name, outcome.clone(), now)?;
        }
        let ended = checks::complete(tx, &of, conclusion.clone(), now)?;
        issues::switch(tx, &standing)?;
        Ok(ended)
    });
    match ended {
        Ok(ended) => tell(app, attempt, &ended, repository, trees),
        Err(_) if attempt.cancel.is_tripped() => ended_otherwise(app, attempt, &set),
        Err(failure) => Err(failure),
    }
}

fn errored(states: &[CheckState]) -> u64 {
    states.iter().filter(|state| matches!(state, CheckState::Errored | CheckState::TimedOut)).count() as u64
}

/// Ends an attempt that was told to stop: for good if its set has ended, to begin anew if it was the process that stops.
fn ended_otherwise(app: &App, attempt: &Attempt, set: &CheckSet) -> Result<(), Failure> {
    let (repo, sha, wanted) = (set.repo, set.sha, set.attempt);
    let is_going = app.read_now(move |tx, _| match checks::attempt(tx, repo, sha, wanted) {
        Ok(set) => Ok(!set.state.is_finished()),
        Err(checks::Error::Superseded) => Ok(false),
        Err(error) => Err(error),
    })?;
    if is_going {
        return Err(Failure { message: "the process stopped while the checks ran".to_owned(), verdict: queue::Verdict::Released });
    }
    attempt.done(app)
}

/// Ends a set that has no results.
fn conclude(app: &App, attempt: &Attempt, set: &CheckSet, conclusion: Conclusion) -> Result<(), Failure> {
    let (claim, of) = (attempt.claim.clone(), set.clone());
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        match checks::complete(tx, &of, conclusion.clone(), now) {
            Ok(_) | Err(checks::Error::Superseded) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// The manifest at the root of a tree, if there is one; or what is wrong with it.
pub fn read_manifest(tree: &dyn Tree) -> Result<Option<Manifest>, String> {
    for name in ManifestName::ALL {
        let Some(file) = tree.find(&name.path()) else { continue };
        let bytes = tree.read(file, MANIFEST_BYTES).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
        return repos::manifest::parse(*name, &bytes).map(Some).map_err(|invalid| invalid.to_string());
    }
    Ok(None)
}

/// The standings that a commit's findings are held against and take their identities from.
fn bases(app: &App, set: &CheckSet, trees: &dyn Trees) -> Result<checks::Bases, Failure> {
    let (repo, sha) = (set.repo, set.sha);
    let standing = |sha: CommitSha| app.read_now(move |tx, _| issues::standing(tx, repo, sha));
    if let Some(own) = standing(sha)? {
        // Run again: against the same base, and the issues are those it had.
        let compared = own.base.map(standing).transpose()?.flatten();
        return Ok(checks::Bases { compared, identity: Some(own) });
    }
    let first_analysed = |from: CommitSha| -> Result<Option<Standing>, Failure> {
        for sha in trees.ancestors(from) {
            if let Some(standing) = standing(sha?)? {
                return Ok(Some(standing));
            }
        }
        Ok(None)
    };
    let nearest = first_analysed(sha)?;
    let fork = match trees.default_head() {
        Some(head) if head != sha => trees.merge_base(sha, head)?.filter(|fork| *fork != sha),
        _ => None,
    };
    let Some(fork) = fork else { return Ok(checks::Bases { compared: nearest.clone(), identity: nearest }) };
    // A branch is held against where it left the default branch, however many commits it has had since.
    let compared = match standing(fork)? {
        Some(standing) => Some(standing),
        None => first_analysed(fork)?,
    };
    Ok(checks::Bases { identity: nearest.or_else(|| compared.clone()), compared })
}

/// Why judging ended early.
enum Stop {
    Canceled,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Stop {
        Stop::Failed(error.into())
    }
}

/// What was found in all, ready to be identified.
struct Findings {
    judged: Vec<Judged>,
    changes: Vec<Change>,
    hunks: BTreeMap<usize, Vec<git::diff::Hunk>>,
    sources: Vec<SourceVersion>,
}

/// How the checks of a set ended.
struct Ran {
    states: Vec<CheckState>,
    /// The last one's outcome, which is written together with the end of the set.
    last: Option<(String, Outcome)>,
}

#[expect(clippy::too_many_arguments, reason = "one step of `run`, cut out to be read by itself")]
fn judge_all(
    app: &App,
    attempt: &Attempt,
    set: &CheckSet,
    planned: &[Planned],
    manifest: Option<&Manifest>,
    tree: &Arc<dyn Tree>,
    identity: Option<&Standing>,
    trees: &dyn Trees,
    manner: &Manner,
    progress: &dyn Fn(Progress<'_>),
) -> Result<(Findings, Ran), Stop> {
    let before: Option<Arc<dyn Tree>> = match identity {
        // A base whose objects are gone cannot be compared with: everything is judged, and known again by its fingerprint.
        Some(identity) => trees.tree(identity.sha).ok(),
        None => None,
    };
    let changes = match &before {
        Some(before) => diff_trees(&**before, &**tree, &RenameLimits::default())?,
        None => Vec::new(),
    };
    let known = match identity {
        Some(identity) if before.is_some() => {
            app.read_now(|tx, _| -> Result<_, Failure> { Ok(issues::standing::chunk_refs(tx, identity)?) })?
        }
        _ => Vec::new(),
    };
    let exclude = manifest.map(|manifest| &manifest.exclude);
    let judge = Judge {
        app,
        set,
        tree,
        before: before.as_ref(),
        changes: &changes,
        known: &known,
        identity,
        exclude,
        manner,
        cancel: &attempt.cancel,
    };
    let (mut judged, mut sources) = (Vec::new(), Vec::new());
    let mut ran = Ran { states: Vec::new(), last: None };
    for planned in planned {
        if let Some((before, outcome)) = ran.last.take() {
            let (of, name) = (set.clone(), planned.name.clone());
            app.write_now(&Actor::System, move |tx, now| {
                checks::finish_check(tx, &of, &before, outcome.clone(), now)?;
                checks::start_check(tx, &of, &name, now)
            })
            .map_err(superseded)?;
        }
        let (one, outcome) = judge.check(planned, progress)?;
        ran.states.push(outcome.state);
        ran.last = Some((planned.name.clone(), outcome));
        sources.push(SourceVersion { source: planned.name.clone(), version: version_of(planned, exclude) });
        judged.push(one);
    }
    if errored(&ran.states) > 0 {
        judged.push(judge.of_the_unplanned(planned));
    }
    let hunks = judge.hunks(&judged)?;
    Ok((Findings { judged, changes, hunks, sources }, ran))
}

fn superseded(error: checks::Error) -> Stop {
    match error {
        checks::Error::Superseded => Stop::Canceled,
        other => Stop::Failed(other.into()),
    }
}

/// What tells whether an earlier result of a check still holds for a file that did not change.
fn version_of(planned: &Planned, exclude: Option<&Globs>) -> String {
    let runner =
        planned.runner.as_ref().map_or_else(|error| error.code.to_string(), |builtin| format!("{}@{}", builtin.name(), builtin.version()));
    let settings = format!("{:?} {:?}", planned.paths, exclude);
    format!("{runner} {}", crate::engine::store::blob::BlobHash::of(settings.as_bytes()))
}

/// Gives findings their identities and writes what stands at the commit, but for the row that switches to it.
fn stage(
    app: &App,
    attempt: &Attempt,
    set: &CheckSet,
    bases: &checks::Bases,
    identity: Option<&Standing>,
    findings: Findings,
) -> Result<Standing, Failure> {
    let Findings { judged, changes, hunks, sources } = findings;
    let (mut found, mut known, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for one in judged {
        found.extend::<Vec<Located>>(one.found);
        known.extend(one.known);
        kept.extend(one.kept);
    }
    let none = Vec::new();
    let file_changes: Vec<issues::track::FileChange<'_>> = changes
        .iter()
        .enumerate()
        .map(|(at, change)| issues::track::FileChange {
            before: change.before.as_ref().map(|file| &file.path),
            after: change.after.as_ref().map(|file| &file.path),
            hunks: hunks.get(&at).unwrap_or(&none),
        })
        .collect();
    let identifying = tracing::trace_span!("identify").entered();
    let identified = identify(Evidence { found, known, changes: &file_changes, kept, bits: identity.map(|identity| identity.bits) });
    let unknown: HashSet<_> = identified.unknown().collect();
    drop(identifying);
    let repo = set.repo;
    let past = app.read_now(|tx, _| issues::recall(tx, repo, unknown.into_iter()))?;
    let now = app.clock.now();
    let rows = tracing::trace_span!("identify").in_scope(|| {
        identified.settle(repo, |fingerprint| past.get(fingerprint.as_bytes()).copied(), || app.store.ids().next::<IssueId>(now))
    });

    let shared: HashSet<_> = identity.map(|identity| identity.nodes.iter().map(|(_, node)| *node).collect()).unwrap_or_default();
    let nodes: Vec<(u16, [u8; 16])> = rows.nodes.iter().map(|(bucket, node)| (*bucket, node.id)).collect();
    let staged: Vec<Staged> = rows
        .chunks
        .into_iter()
        .map(Staged::Chunk)
        .chain(rows.nodes.into_values().filter(|node| !shared.contains(&node.id)).map(Staged::Node))
        .collect();
    for some in batches(staged) {
        let claim = attempt.claim.clone();
        app.write_now(&Actor::System, move |tx, _| -> Result<(), Failure> {
            queue::check(tx, &claim)?;
            Ok(issues::stage(tx, &some)?)
        })?;
    }
    let mut standing = Standing {
        repo,
        sha: set.sha,
        base: bases.compared.as_ref().map(|base| base.sha),
        sources,
        bits: rows.bits,
        nodes,
        counts: Counts::default(),
        at: now,
    };
    standing.counts = app.read_now(|tx, _| counts(tx, bases.compared.as_ref(), &standing))?;
    Ok(standing)
}

/// Rows in batches that hold the writer up for a few milliseconds each: bounded in number and, as chunks differ, in occurrences.
fn batches(rows: Vec<Staged>) -> Vec<Vec<Staged>> {
    const WEIGHT: usize = 2_000;
    let mut batches = Vec::new();
    let (mut batch, mut weight) = (Vec::new(), 0);
    for row in rows {
        weight += match &row {
            Staged::Chunk(chunk) => chunk.occurrences.len(),
            Staged::Node(node) => node.chunks.len(),
        };
        batch.push(row);
        if weight >= WEIGHT || batch.len() >= issues::ROWS_PER_WRITE {
            batches.push(std::mem::take(&mut batch));
            weight = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Counts what stands at a commit, and how it differs from its base.
fn counts(tx: &crate::engine::store::ReadTx, base: Option<&Standing>, standing: &Standing) -> issues::Result<Counts> {
    let turnover = turnover(tx, base, standing)?;
    let mut counts = Counts { fixed: turnover.gone.len() as u64, ..Counts::default() };
    if let Some(base) = base {
        (counts.open, counts.open_by_severity) = (base.counts.open, base.counts.open_by_severity);
        counts.new = turnover.added.len() as u64;
        for standee in &turnover.added {
            counts.new_by_severity[standee.occurrence.severity as usize] += 1;
        }
    }
    // What both have is counted in the base's; only what differs is looked at.
    let (before, after) = turnover.unshared;
    counts.open = (counts.open + after.iter().sum::<u64>()).saturating_sub(before.iter().sum());
    for (open, (before, after)) in counts.open_by_severity.iter_mut().zip(before.iter().zip(&after)) {
        *open = (*open + after).saturating_sub(*before);
    }
    Ok(counts)
}

/// The commits of the default branch after this one, which is one of them; `None` if it is not.
fn later(head: CommitSha, sha: CommitSha, trees: &dyn Trees) -> git::Result<Option<Vec<CommitSha>>> {
    let mut later = vec![head];
    for one in trees.ancestors(head) {
        let one = one?;
        if one == sha {
            return Ok(Some(later));
        }
        later.push(one);
    }
    Ok(None)
}

/// Tells the issues what the commit did to them, some at a time, and ends the claim.
fn tell(app: &App, attempt: &Attempt, set: &CheckSet, repository: &Repository, trees: &dyn Trees) -> Result<(), Failure> {
    let (repo, sha) = (set.repo, set.sha);
    let default_head = trees.default_head();
    let later = match default_head {
        Some(head) if head != sha => later(head, sha, trees)?,
        _ => None,
    };
    let steps = app.read_now(|tx, _| -> Result<_, Failure> {
        let Some(standing) = issues::standing(tx, repo, sha)? else { return Ok(None) };
        let look = |sha: Option<CommitSha>| match sha {
            Some(sha) => issues::standing(tx, repo, sha),
            None => Ok(None),
        };
        let base = look(standing.base)?;
        let is_past = match &later {
            Some(later) => later.iter().try_fold(false, |is, sha| Ok::<_, Failure>(is || issues::standing(tx, repo, *sha)?.is_some()))?,
            None => false,
        };
        let is_default_head = default_head == Some(sha) || later.is_some() && !is_past;
        let before = match repos::branches_at(tx, repo, sha)?.first() {
            Some(name) if !is_default_head => look(repos::branch(tx, repository, name)?.previous)?,
            _ => None,
        };
        let default = look(default_head.filter(|head| *head != sha))?;
        let circumstances = Circumstances {
            standing: &standing,
            base: base.as_ref(),
            before: before.as_ref(),
            default: default.as_ref(),
            is_default_head,
            is_past,
        };
        let author = repos::commit(tx, repo, sha)?.map(|commit| commit.author.name);
        Ok(Some((settle::plan(tx, &circumstances)?, Sighting { sha, at: standing.at }, author)))
    })?;
    let mut last = None;
    if let Some((steps, seen, author)) = steps {
        for some in steps.chunks(settle::ISSUES_PER_WRITE) {
            let told = (seen, author.clone(), some.to_vec());
            let Some((seen, author, some)) = last.replace(told) else { continue };
            let claim = attempt.claim.clone();
            app.write_now(&Actor::System, move |tx, _| -> Result<(), Failure> {
                queue::check(tx, &claim)?;
                Ok(settle::apply(tx, repo, seen, author.as_deref(), &some)?)
            })?;
        }
    }
    let (claim, of) = (attempt.claim.clone(), set.clone());
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        if let Some((seen, author, some)) = &last {
            queue::check(tx, &claim)?;
            settle::apply(tx, repo, *seen, author.as_deref(), some)?;
        }
        match checks::mark_settled(tx, &of) {
            Ok(()) | Err(checks::Error::Superseded) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// A sentence for the log of a check that ran.
fn summary(judged: usize, reused: usize, found: u64, took_ms: u64) -> String {
    format!(
        "{} judged, {} unchanged, {} in {}",
        count(judged as u64, "file"),
        count(reused as u64, "file"),
        count(found, "finding"),
        duration(took_ms)
    )
}

/// How a check that was carried out ended.
fn succeeded(issues: u64, log: Option<crate::engine::store::blob::BlobHash>) -> Outcome {
    Outcome { state: CheckState::Succeeded, issues: Some(issues), error: None, log }
}

#[cfg(test)]
mod tests;
