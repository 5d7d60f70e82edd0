//! Pull requests: GitHub is asked which are open, their heads are fetched, and each is held against what it is to go to.
//!
//! Following one may be repeated from any point: objects are named by their content, what is found is written by whoever looked, and
//! checks that were asked for are not asked for again. What GitHub says of it while that goes on is followed in its turn.

use std::collections::HashSet;
use std::time::Duration;

use super::App;
use super::check::{self, Mirrored};
use super::runner::{Attempt, Failure};
use super::{github as hub, sync};
use crate::base::event::{Actor, Event};
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::domain::checks::{self, CheckState};
use crate::domain::github::{self, Again};
use crate::domain::issues;
use crate::domain::pulls::{self, Asked, Pull};
use crate::domain::repos::{self, AsOf, RepoSource, Repository};
use crate::engine::git::history::Order;
use crate::engine::git::{self, CommitInfo, Mirror};
use crate::engine::queue::{self, Verdict};
use crate::engine::store::{ReadTx, WriteTx};

/// How long a list of open pull requests is good, where nobody asks for another.
const GOOD_FOR: Duration = Duration::from_secs(3_600);
/// How many pull requests that are not listed any more are asked for at a time.
const ASKED_ONE_BY_ONE: usize = 100;
/// How many are written down at a time.
const PULLS_PER_WRITE: usize = 50;
/// The most commits of a pull request that are registered; what is older can be read from the mirror.
const COMMITS: usize = 100;
/// How long, and how often, a head is waited for of which GitHub has told and which it does not hand out yet.
const NOT_YET: Duration = Duration::from_secs(5);
const ASKED_AGAIN: u32 = 4;
/// How long, and how often, it is tried again soon: another fetch of the repository is under way, or something failed that may pass.
const TURN: Duration = Duration::from_secs(1);
const TURNS: u32 = 20;
/// How long checks that are at work are waited for.
const WAIT: Duration = Duration::from_secs(60);

/// Whether it is time to ask GitHub which pull requests of a repository are open.
pub(super) fn is_due(tx: &ReadTx, repo: RepoId, now: Timestamp) -> pulls::Result<bool> {
    Ok(pulls::listed(tx, repo)?.is_none_or(|at| now.since(at) >= GOOD_FOR))
}

/// A repository that is GitHub's, and its installation; nothing if it is not, or not any more.
fn of_github(tx: &ReadTx, id: RepoId) -> Result<Option<(Repository, u64)>, Failure> {
    match repos::get(tx, id) {
        Ok(repo) => match repo.source {
            RepoSource::GitHub { installation, .. } => Ok(Some((repo, installation))),
            RepoSource::Git | RepoSource::Local => Ok(None),
        },
        Err(repos::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Performs `Work::ListPulls`. What GitHub lists is taken over; what is open here and not listed is asked for one by one, since it may have
/// been closed, merged, or lost to us.
pub fn list(app: &App, attempt: &Attempt, id: RepoId) -> Result<(), Failure> {
    let Some((repo, installation)) = app.read_now(|tx, _| of_github(tx, id))? else { return attempt.done(app) };
    let client = match app.github() {
        Ok(client) => client,
        Err(github::Error::NotSetUp) => return attempt.done(app),
        Err(error) => return Err(hub::failure(app, &error)),
    };
    let listed = match github::pulls::open(&client, installation, &repo.slug, pulls::OPEN) {
        Ok(listed) => listed,
        Err(error) if error.again() == Again::Never => {
            // It is asked again when the list would be renewed.
            tracing::warn!(repo.slug = %repo.slug, "the pull requests of {} cannot be listed: {error}", repo.slug);
            return end_list(app, attempt, id, true);
        }
        Err(error) => return Err(hub::failure(app, &error)),
    };
    let numbers: HashSet<u64> = listed.iter().map(|pull| pull.number).collect();
    // A delivery of the same second says what happened in it; a list may have been made before that.
    record(app, &repo, &listed, [0; 16])?;
    // Of more than are read nothing can be told by their absence.
    let held = if listed.len() < pulls::OPEN { app.read_now(|tx, _| pulls::open(tx, id))? } else { Vec::new() };
    let unlisted: Vec<Pull> = held.into_iter().filter(|pull| !numbers.contains(&pull.number)).collect();
    for pull in unlisted.iter().take(ASKED_ONE_BY_ONE) {
        match github::pulls::one(&client, installation, &repo.slug, pull.number).map_err(|error| hub::failure(app, &error))? {
            Some(said) => record(app, &repo, &[said], [0xff; 16])?,
            None => {
                let (number, now) = (pull.number, app.clock.now());
                let as_of = AsOf { changed_at: now.max(pull.as_of.changed_at), pushed_at: None, tie: [0xff; 16] };
                app.write_now(&Actor::System, move |tx, now| pulls::lose(tx, id, number, as_of, now))?;
            }
        }
    }
    follow_the_rest(app, id)?;
    end_list(app, attempt, id, unlisted.len() <= ASKED_ONE_BY_ONE)
}

/// Has those followed whose head could not be had before.
fn follow_the_rest(app: &App, id: RepoId) -> Result<(), Failure> {
    let is_left = |pull: &Pull| pull.asked.as_ref().is_none_or(|asked| asked.head != pull.head.sha);
    let left: Vec<u64> = app.read_now(|tx, _| pulls::open(tx, id))?.iter().filter(|pull| is_left(pull)).map(|pull| pull.number).collect();
    for some in left.chunks(PULLS_PER_WRITE) {
        let some = some.to_vec();
        app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
            for number in &some {
                tx.record(Event::PullChanged { repo: id, number: *number }, now)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn end_list(app: &App, attempt: &Attempt, id: RepoId, is_all: bool) -> Result<(), Failure> {
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        // The row of a repository that is gone nobody would erase.
        if is_all && of_github(tx, id)?.is_some() {
            pulls::mark_listed(tx, id, now)?;
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

fn record(app: &App, repo: &Repository, said: &[github::payload::Pull], tie: [u8; 16]) -> Result<(), Failure> {
    let (id, at) = (repo.id, app.clock.now());
    let mut read = Vec::new();
    for said in said {
        let as_of = AsOf { changed_at: repos::so_at(said.updated_at, at), pushed_at: None, tie };
        match pulls::read(id, said, as_of, at) {
            Ok(pull) => read.push(pull),
            Err(unnamed) => tracing::warn!(repo.slug = %repo.slug, "a pull request of {} is passed over: {unnamed}", repo.slug),
        }
    }
    for some in read.chunks(PULLS_PER_WRITE) {
        let some = some.to_vec();
        app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
            repos::get(tx, id)?;
            for pull in &some {
                pulls::record(tx, pull.clone(), now)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Performs `Work::FollowPull`.
pub fn follow(app: &App, attempt: &Attempt, id: RepoId, number: u64) -> Result<(), Failure> {
    let read = app.read_now(|tx, _| -> Result<_, Failure> {
        let Some((repo, installation)) = of_github(tx, id)? else { return Ok(None) };
        match pulls::find(tx, id, number) {
            Ok(pull) => Ok(Some((repo, installation, pull))),
            Err(pulls::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    })?;
    let Some((repo, installation, pull)) = read else { return attempt.done(app) };
    if !pull.is_open() {
        return close(app, attempt, pull);
    }
    // Nothing was fetched yet: the first fetch has each of them looked at.
    if repo.synced_at.is_none() {
        return attempt.done(app);
    }
    let mirror = app.mirror(id)?;
    let head = if pull.head.is_fork { from_fork(app, attempt, (&repo, installation), &mirror, &pull)? } else { own(app, &mirror, &pull)? };
    let Some(head) = head else { return attempt.done(app) };
    if pull.head.is_fork && head != pull.head.sha && attempt.claim.attempt < ASKED_AGAIN {
        // What tells us of a push is quicker than what holds it.
        let message = format!("GitHub still has {head} where it said {}", pull.head.sha);
        return Err(Failure { message, verdict: Verdict::RetryAfter(NOT_YET) });
    }
    let look = look(app, &repo, &mirror, &pull, head)?;
    for some in look.commits.chunks(PULLS_PER_WRITE) {
        let some = some.to_vec();
        app.write_now(&Actor::System, move |tx, now| repos::register_of_pull(tx, id, &some, now))?;
    }
    let claim = attempt.claim.clone();
    let is_judged = app.write_now(&Actor::System, move |tx, now| -> Result<bool, Failure> {
        queue::check(tx, &claim)?;
        repos::get(tx, id)?;
        let is_judged = judged(tx, &pull, &look, now)?;
        if is_judged {
            queue::finish(tx, &claim, now)?;
        }
        Ok(is_judged)
    })?;
    if is_judged {
        return Ok(());
    }
    Err(Failure { message: format!("the checks of `{head}` are under way"), verdict: Verdict::RetryAfter(WAIT) })
}

/// The head of a fork's pull request, fetched and kept in the mirror; none if GitHub has none.
fn from_fork(
    app: &App,
    attempt: &Attempt,
    (repo, installation): (&Repository, u64),
    mirror: &Mirror,
    pull: &Pull,
) -> Result<Option<CommitSha>, Failure> {
    if mirror.pull(pull.number)? == Some(pull.head.sha) {
        return Ok(Some(pull.head.sha));
    }
    let Some(number) = repo.source.github() else { return Ok(None) };
    match sync::fetch_pull(app, attempt, repo, (number, installation), pull.number) {
        Ok(head) => Ok(Some(head)),
        // One fetch at a time: the others of this repository wait for their turn, not for the backoff of what fails.
        Err(failure) if failure.verdict == Verdict::Retry && attempt.claim.attempt < TURNS => {
            Err(Failure { verdict: Verdict::RetryAfter(TURN), ..failure })
        }
        // What tells us of a pull request is quicker than what holds it.
        Err(failure) if failure.verdict == Verdict::GiveUp && attempt.claim.attempt < ASKED_AGAIN => {
            Err(Failure { verdict: Verdict::RetryAfter(NOT_YET), ..failure })
        }
        Err(failure) if failure.verdict == Verdict::GiveUp => {
            tracing::warn!(repo.slug = %repo.slug, "the head of pull request #{} of {} cannot be had: {failure}", pull.number, repo.slug);
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// The head of a branch of the repository's own; none if it is still to be fetched.
fn own(app: &App, mirror: &Mirror, pull: &Pull) -> Result<Option<CommitSha>, Failure> {
    let (id, wanted) = (pull.repo, pull.head.sha);
    if !mirror.has(wanted)? {
        app.write_now(&Actor::System, move |tx, now| tx.record(Event::SyncDue { repo: id }, now))?;
        return Ok(None);
    }
    let Ok(branch) = pull.head.branch.parse() else { return Ok(Some(wanted)) };
    let found = app.read_now(|tx, _| repos::branch(tx, &repos::get(tx, id)?, &branch));
    match found {
        // Where it is by now git knows better than a delivery that was under way.
        Ok(branch) => Ok(Some(branch.head)),
        Err(repos::Error::BranchNotFound { .. }) => Ok(Some(wanted)),
        Err(error) => Err(error.into()),
    }
}

/// What was found of a pull request.
#[derive(Clone)]
struct Look {
    head: CommitSha,
    merge_base: Option<CommitSha>,
    /// The commits that it brings, within bounds.
    commits: Vec<CommitInfo>,
    /// The commit that its head is to be judged against, if one was judged; `None` where it is not this pull request that says so.
    against: Option<Option<CommitSha>>,
}

fn look(app: &App, repo: &Repository, mirror: &Mirror, pull: &Pull, head: CommitSha) -> Result<Look, Failure> {
    let (base, default_head) = app.read_now(|tx, _| -> Result<_, Failure> {
        Ok((check::base_head(tx, repo, pull)?, repos::default_branch(tx, repo)?.map(|branch| branch.head)))
    })?;
    let found = base.filter(|base| mirror.has(*base).unwrap_or(false)).map(|base| mirror.merge_base(head, base)).transpose();
    let merge_base = match found {
        Ok(found) => found.flatten(),
        Err(error) if error.is_transient() => return Err(error.into()),
        Err(error @ (git::Error::TooMany { .. } | git::Error::UnknownRevision { .. })) => {
            tracing::warn!(repo.slug = %repo.slug, "what #{} of {} is held against is not known: {error}", pull.number, repo.slug);
            None
        }
        Err(error) => return Err(error.into()),
    };
    let mut commits = mirror.log(head, Order::Time, COMMITS, None)?;
    if let Some(at) = merge_base.and_then(|base| commits.iter().position(|commit| commit.sha == base)) {
        commits.truncate(at.max(1));
    }
    // What the default branch brings is held against what it was, be it to go elsewhere or not; and of what is not known nothing is said.
    let against = match base.filter(|base| default_head != Some(head) && mirror.has(*base).unwrap_or(false)) {
        Some(base) if merge_base.is_some() => {
            let (held_against, mirror) = (Some(base), app.mirror(repo.id)?);
            let trees = Mirrored { default_head: None, held_against, foreign: None, goes_to: Vec::new(), mirror };
            Some(check::compared_with(app, repo.id, head, &trees)?)
        }
        _ => None,
    };
    Ok(Look { head, merge_base, commits, against })
}

/// Writes down what was found and has the head checked where it is not, or was not against this. Says whether that could be said already:
/// checks that are at work have to end first.
fn judged(tx: &mut WriteTx, of: &Pull, look: &Look, now: Timestamp) -> Result<bool, Failure> {
    let head = look.head;
    let repo = repos::get(tx, of.repo)?;
    let pull = pulls::looked_at(tx, of, head, look.merge_base)?;
    // Something else was said meanwhile, and is followed in its turn.
    if !pull.is_open() || pull.head.sha != head || pull.base != of.base {
        return Ok(true);
    }
    let asked = Asked { head, base: pull.base.clone() };
    let is_foremost = pulls::foremost(tx, &repo, head)?.is_none_or(|foremost| foremost.number == pull.number);
    let before = pull.asked.clone();
    let set = checks::look(tx, of.repo, head)?;
    match &set {
        None => checks::request_once(tx, of.repo, head, now)?,
        Some(set) if set.state == CheckState::Canceled => {
            if before.as_ref().is_none_or(|before| before.head != head) {
                checks::request_once(tx, of.repo, head, now)?;
            }
        }
        Some(set) if set.state == CheckState::Running => return Ok(false),
        // It looks where it is to go to when it begins.
        Some(set) if set.state == CheckState::Waiting && !set.is_held() => {}
        Some(set) => {
            let standing = issues::standing(tx, of.repo, head)?;
            let is_otherwise = is_foremost && standing.zip(look.against).is_some_and(|(standing, against)| standing.base != against);
            // What a fork's head must hold to is read from the branch that it is to go to: what was said for one is nothing to another.
            let is_elsewhere = set.is_foreign && set.goes_to != pulls::bases_of(tx, of.repo, head)?;
            if is_otherwise || is_elsewhere {
                checks::request(tx, of.repo, head, now)?;
            }
            if before.as_ref() != Some(&asked) {
                tx.record(Event::CommentDue { repo: of.repo, number: of.number }, now)?;
            }
        }
    }
    if let Some(left) = before.as_ref().map(|before| before.head).filter(|left| *left != head) {
        let why = format!("the pull request went on to {}", head.short());
        call_off(tx, of.repo, left, &why, now)?;
    }
    if before.as_ref() != Some(&asked) {
        pulls::mark_asked(tx, of.repo, of.number, asked)?;
    }
    Ok(true)
}

/// Calls off the checks of a commit that neither a branch nor an open pull request is at.
fn call_off(tx: &mut WriteTx, repo: RepoId, sha: CommitSha, why: &str, now: Timestamp) -> Result<(), Failure> {
    if repos::branches_at(tx, repo, sha)?.is_empty() && pulls::of_head(tx, repo, sha)?.is_empty() {
        checks::call_off(tx, repo, sha, why, now)?;
    }
    Ok(())
}

fn close(app: &App, attempt: &Attempt, pull: Pull) -> Result<(), Failure> {
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        call_off(tx, pull.repo, pull.head.sha, "the pull request was closed", now)?;
        // What others with the same head are held to may be otherwise without it.
        for other in pulls::of_head(tx, pull.repo, pull.head.sha)? {
            tx.record(Event::PullChanged { repo: other.repo, number: other.number }, now)?;
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}
