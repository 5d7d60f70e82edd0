//! Fetching a repository and registering what is new: read, then do, then write.

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha};
use crate::domain::repos::{self, COMMITS_PER_BRANCH, Repository};
use crate::domain::{checks, issues};
use crate::engine::git::history::Order;
use crate::engine::git::{Asked, CommitInfo, Fetched, Mirror, Source, Trust};
use crate::engine::queue::{self, Verdict};

/// Fetches a repository, registers its commits and asks for the checks of the heads that moved. May be repeated: objects are named by
/// their content, rows by their commit, and a head that was asked for is not asked for again.
pub fn perform(app: &App, attempt: &Attempt, id: RepoId) -> Result<(), Failure> {
    let repo = match app.read_now(|tx, _| repos::get(tx, id)) {
        Ok(repo) => repo,
        // It was deleted meanwhile.
        Err(repos::Error::NotFound { .. }) => return attempt.done(app),
        Err(error) => return Err(error.into()),
    };
    match fetch(app, attempt, &repo).and_then(|(mirror, fetched)| Ok((news(app, &repo, &mirror, &fetched)?, fetched))) {
        Ok((commits, fetched)) => record(app, attempt, id, &commits, fetched),
        // The process stops, or another attempt has its place: the repository is not at fault.
        Err(_) if attempt.cancel.is_tripped() => Err(Failure {
            message: "the process stopped while it fetched".to_owned(),
            verdict: Verdict::RetryAfter(std::time::Duration::from_secs(1)),
        }),
        Err(failure) => {
            let told = failure.message.clone();
            app.write_now(&Actor::System, move |tx, _| match repos::record_fetch_failure(tx, id, &told) {
                Err(repos::Error::NotFound { .. }) => Ok(()),
                other => other,
            })?;
            // What a person must mend is said on the repository's page; the next poll looks again.
            if failure.verdict == Verdict::GiveUp { attempt.done(app) } else { Err(failure) }
        }
    }
}

fn fetch(app: &App, attempt: &Attempt, repo: &Repository) -> Result<(Mirror, Fetched), Failure> {
    let source: Source = repo.remote.parse()?;
    let mirror = app.mirror(repo.id)?;
    let asked = Asked {
        credentials: None,
        outbound: &app.outbound,
        is_trusted: repo.is_trusted,
        trust: Trust::Ours,
        cancel: attempt.cancel.flag(),
        progress: &|_| {},
    };
    let fetched = mirror.fetch(&source, &asked)?;
    Ok((mirror, fetched))
}

/// The newest commits of each branch that moved, within bounds: what is older is read from the mirror.
fn news(app: &App, repo: &Repository, mirror: &Mirror, fetched: &Fetched) -> Result<Vec<CommitInfo>, Failure> {
    let before = app.read_now(|tx, _| repos::all_branches(tx, repo.id))?;
    let mut news = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for (name, head) in &fetched.branches {
        let old = before.iter().find(|branch| branch.name == *name).map(|branch| branch.head);
        if old == Some(*head) {
            continue;
        }
        // A new branch's history is mostly the default branch's: its head is enough where another branch has brought the rest.
        let limit = if old.is_none() && fetched.default_branch.as_ref() != Some(name) { HEADS_OF_NEW_BRANCH } else { COMMITS_PER_BRANCH };
        // What is registered already is passed over when it is written.
        news.extend(mirror.log(*head, Order::Time, limit, None)?.into_iter().filter(|commit| seen.insert(commit.sha)));
    }
    Ok(news)
}

/// How many commits of a branch that is seen for the first time are registered.
const HEADS_OF_NEW_BRANCH: usize = 20;

/// How many commits one closure registers.
const COMMITS_PER_WRITE: usize = 200;

fn record(app: &App, attempt: &Attempt, id: RepoId, commits: &[CommitInfo], fetched: Fetched) -> Result<(), Failure> {
    for (name, why) in &fetched.skipped {
        tracing::warn!(repo = %id, branch = %name, "a branch was not taken: {why}");
    }
    for some in commits.chunks(COMMITS_PER_WRITE) {
        let some = some.to_vec();
        app.write_now(&Actor::System, move |tx, now| repos::register_commits(tx, id, &some, now))?;
    }
    let default = default_branch(fetched.default_branch, &fetched.branches);
    let branches: Vec<(BranchName, CommitSha)> = fetched.branches;
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        for moved in repos::record_fetch(tx, id, default.as_ref(), &branches, now)? {
            if moved.is_checked {
                checks::request_once(tx, id, moved.head, now)?;
            }
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// The branch that HEAD names, if there is a commit on it. Where HEAD names none (it is detached, or its branch has no commit) and there
/// are branches all the same, the one that most likely is meant.
fn default_branch(named: Option<BranchName>, branches: &[(BranchName, CommitSha)]) -> Option<BranchName> {
    let has = |name: &str| branches.iter().map(|(branch, _)| branch).find(|branch| branch.as_str() == name).cloned();
    let named = named.and_then(|name| has(name.as_str()));
    named.or_else(|| has("main")).or_else(|| has("master")).or_else(|| branches.first().map(|(branch, _)| branch.clone()))
}

/// Erases what hangs on a deleted repository: rows some at a time, then what is found, then the mirror. May be repeated from the start.
pub fn erase(app: &App, attempt: &Attempt, id: RepoId) -> Result<(), Failure> {
    loop {
        let erased = app.write_now(&Actor::System, move |tx, _| -> Result<usize, Failure> {
            let mut erased = checks::erase(tx, id, issues::ROWS_PER_WRITE)?;
            erased += issues::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            erased += repos::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            Ok(erased)
        })?;
        if erased == 0 {
            break;
        }
    }
    super::upkeep::forget_repository(app, id)?;
    let dir = app.mirrors.join(format!("{id}.git"));
    match std::fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Failure { message: format!("cannot remove `{}`: {error}", dir.display()), verdict: Verdict::Retry });
        }
        _ => {}
    }
    attempt.done(app)
}
