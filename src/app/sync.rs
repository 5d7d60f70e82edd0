//! Fetching a repository and registering what is new: read, then do, then write.

use std::collections::HashSet;
use std::time::Duration;

mod gone;
mod left;

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::{Actor, Event};
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha, InvalidName, RepoSlug};
use crate::base::time::Timestamp;
use crate::domain::github::sync::{self, Remote};
use crate::domain::repos::{
    self, AsOf, BranchChange, COMMITS_PER_BRANCH, Facts, PUSHED_PER_FETCH, PushedHead, RepoSource, Repository, SyncError,
};
use crate::domain::{checks, dora, github, issues, pulls, secrets, statuses};
use crate::engine::git::history::Order;
use crate::engine::git::{self, Asked, CommitInfo, Credentials, Fetched, Mirror, Source, Trust};
use crate::engine::queue::{self, Claim, Verdict};
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{ReadTx, WriteTx};

/// Fetches a repository, registers its commits and asks for the checks of the heads that moved. May be repeated: objects are named by
/// their content, rows by their commit, and a head that was asked for is not asked for again.
pub fn perform(app: &App, attempt: &Attempt, id: RepoId) -> Result<(), Failure> {
    let repo = match app.read_now(|tx, _| repos::get(tx, id)) {
        Ok(repo) => repo,
        // It was deleted before.
        Err(repos::Error::NotFound { .. }) => return leave(app, attempt, id),
        Err(error) => return Err(error.into()),
    };
    let pushed = app.read_now(|tx, _| repos::pushed_heads(tx, id))?;
    let fetched = fetch(app, attempt, &repo).and_then(|(mirror, fetched)| news(app, &repo, &mirror, fetched, &pushed));
    let outcome = match fetched {
        Ok(news) => record(app, attempt, &repo, news),
        // The process stops, or another attempt has its place: the repository is not at fault.
        Err(_) if attempt.cancel.is_tripped() => {
            Err(Failure { message: "the process stopped while it fetched".to_owned(), verdict: Verdict::Released })
        }
        Err(trouble) => fail(app, attempt, &repo, trouble),
    };
    match outcome {
        // It may be deleted at any moment: nothing is written of it then, and that is no failure.
        Err(_) if app.read_now(|tx, _| is_gone(tx, id))? => leave(app, attempt, id),
        outcome => outcome,
    }
}

/// Ends the sync of a repository that is not there any more. Unless it is hidden alone, its mirror goes once more: this attempt may have
/// made it after it was erased.
fn leave(app: &App, attempt: &Attempt, id: RepoId) -> Result<(), Failure> {
    if app.read_now(|tx, _| repos::is_gone(tx, id))? {
        remove_mirror(app, id)?;
    }
    attempt.done(app)
}

fn remove_mirror(app: &App, id: RepoId) -> Result<(), Failure> {
    let dir = app.mirror_dir(id);
    match std::fs::remove_dir_all(&dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure { message: format!("cannot remove `{}`: {error}", dir.display()), verdict: Verdict::Retry })
        }
        _ => Ok(()),
    }
}

fn is_gone(tx: &ReadTx, id: RepoId) -> Result<bool, Failure> {
    match repos::get(tx, id) {
        Ok(_) => Ok(false),
        Err(repos::Error::NotFound { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// How often in a row GitHub is asked for what it could not hand out, before that is left to the next poll: for over three minutes.
/// Somebody has pushed, and waits for what is said of that.
const TRIES_ON_GITHUB: u32 = 4;
/// The same for an answer that is none of git's, as a proxy gives it for a moment.
const ODD_TRIES: u32 = 3;

/// Says on the repository's page why it could not be fetched. What only a person can mend, and what a few tries did not mend, is left
/// to the next poll; and what that finds as it was is left at once: it must not be tried and told of in the log until somebody comes.
fn fail(app: &App, attempt: &Attempt, repo: &Repository, trouble: Trouble) -> Result<(), Failure> {
    let Trouble { public, mut failure, is_odd, .. } = trouble;
    let (tries, is_on_github) = (attempt.claim.attempt, repo.source.github().is_some());
    let (id, told) = (repo.id, SyncError { public, message: failure.message.clone() });
    let is_news = app.write_now(&Actor::System, move |tx, _| repos::record_fetch_failure(tx, id, &told))?;
    if is_odd && is_on_github && tries < ODD_TRIES {
        failure.verdict = Verdict::Retry;
    }
    // What is known to be away is asked as soon as it is back.
    let is_away = matches!(failure.verdict, Verdict::Away(_) | Verdict::RetryAfter(_)) && !attempt.is_last();
    let is_enough = match tries {
        1 => !is_news,
        _ => !is_away && tries >= if is_on_github { TRIES_ON_GITHUB } else { 2 },
    };
    let is_left = failure.verdict == Verdict::GiveUp || repo.is_polled() && is_enough;
    if !is_left {
        return Err(failure);
    }
    if is_news {
        tracing::warn!(repo.slug = %repo.slug, "cannot fetch {}: {failure}", repo.slug);
    }
    attempt.done(app)
}

/// Why a fetch failed: for everybody, and for administrators and the queue.
struct Trouble {
    public: String,
    failure: Failure,
    /// Whether the host would not take what was shown to it.
    is_of_credentials: bool,
    /// Whether what answered spoke no git.
    is_odd: bool,
}

impl Trouble {
    fn new(public: &str, failure: Failure) -> Trouble {
        Trouble { public: public.to_owned(), failure, is_of_credentials: false, is_odd: false }
    }

    /// What GitHub could not be asked for.
    fn of_github(app: &App, error: &github::Error) -> Trouble {
        Trouble::new("GitHub does not let the appliance at it", super::github::failure(app, error))
    }
}

impl From<git::Error> for Trouble {
    fn from(error: git::Error) -> Trouble {
        let is_of_credentials = matches!(error, git::Error::AuthenticationRequired { .. });
        let is_odd = matches!(error, git::Error::Protocol { .. } | git::Error::Redirected { .. });
        Trouble { public: error.public().into_owned(), failure: error.into(), is_of_credentials, is_odd }
    }
}

impl From<git::InvalidSource> for Trouble {
    fn from(error: git::InvalidSource) -> Trouble {
        Trouble::new("its address cannot be used", error.into())
    }
}

impl From<repos::Error> for Trouble {
    fn from(error: repos::Error) -> Trouble {
        Trouble::new("the appliance could not read its own data", error.into())
    }
}

fn fetch(app: &App, attempt: &Attempt, repo: &Repository) -> Result<(Mirror, Fetched), Trouble> {
    let fetch = |remote: &str, is_trusted: bool, credentials: Option<&Credentials>| {
        let source: Source = remote.parse()?;
        let mirror = app.mirror_to_fill(repo.id)?;
        let fetched = mirror.fetch(&source, &asked(app, attempt, is_trusted, credentials))?;
        Ok((mirror, fetched))
    };
    match repo.source {
        // By what it is called now, with a token of its installation; with another one if that is taken no more.
        RepoSource::GitHub { id, installation } => {
            from_github(app, repo, (id, installation), &|url, is_trusted, credentials| fetch(url, is_trusted, Some(credentials)))
        }
        RepoSource::Git | RepoSource::Local => fetch(&repo.remote, repo.is_trusted, None),
    }
}

/// How much, and for how long, may be fetched of a pull request, which anybody may open.
const PULL_BYTES: u64 = 256 << 20;
const PULL_TIME: Duration = Duration::from_secs(5 * 60);

/// Fetches the head of a pull request into a repository's mirror, which keeps it; answers which commit it is.
pub(super) fn fetch_pull(app: &App, attempt: &Attempt, repo: &Repository, at: (u64, u64), number: u64) -> Result<CommitSha, Failure> {
    let fetch = |url: &str, is_trusted: bool, credentials: &Credentials| {
        let limits = git::Limits { pack_bytes: PULL_BYTES, large_bytes: PULL_BYTES, fetch_time: PULL_TIME, ..app.config.git.clone() };
        let (source, mirror) = (url.parse::<Source>()?, Mirror::open(&app.mirror_dir(repo.id), limits)?);
        Ok(mirror.fetch_pull(&source, &asked(app, attempt, is_trusted, Some(credentials)), number)?)
    };
    from_github(app, repo, at, &fetch).map_err(|trouble: Trouble| match attempt.cancel.is_tripped() {
        true => Failure { message: "the process stopped while it fetched".to_owned(), verdict: Verdict::Released },
        false => trouble.failure,
    })
}

/// What a repository is called on GitHub now. If that is another name than the one here it is taken over: whatever has the old name by
/// now is somebody else's, and none of its commits may come in under this one's rights. What else is said of it is taken over as of when
/// it was so, since a delivery that told of it may have been lost, and what is answered here may be older than one that came.
fn called(app: &App, repo: &Repository, found: &Remote, installation: u64) -> Result<RepoSlug, Trouble> {
    let slug: RepoSlug = found.full_name.parse().map_err(|error: InvalidName| {
        let failure = Failure { message: format!("`{}`: {error}", found.full_name), verdict: Verdict::GiveUp };
        Trouble::new("it has a name on GitHub that no repository may have here", failure)
    })?;
    let facts = Facts {
        slug: slug.clone(),
        is_private: found.private,
        is_archived: found.archived,
        description: found.description.clone(),
        installation: Some(installation),
    };
    let (number, is_moved) = (found.id, slug != repo.slug || !facts.are_through(repo));
    if is_moved {
        app.write_now(&Actor::System, move |tx, now| repos::looked_at(tx, number, &facts, now))?;
    } else if let Some(changed_at) = found.updated_at.filter(|_| !facts.are_of(repo)) {
        let heard_at = app.hub.their_now();
        let at = |said| repos::so_at(Some(said), heard_at);
        let as_of = AsOf { changed_at: at(changed_at), pushed_at: found.pushed_at.map(at), tie: [0; 16] };
        app.write_now(&Actor::System, move |tx, now| repos::follow(tx, number, &facts, as_of, now))?;
    }
    Ok(slug)
}

fn from_github<T>(
    app: &App,
    repo: &Repository,
    (id, installation): (u64, u64),
    fetch: &dyn Fn(&str, bool, &Credentials) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let trouble = |error: github::Error| Trouble::of_github(app, &error);
    let client = app.github().map_err(trouble)?;
    let slug = match sync::by_number(&client, installation, id) {
        Ok(Some(found)) => called(app, repo, &found, installation)?,
        // It has none of this number, or is none of ours any more.
        Ok(None) | Err(github::Error::Refused { status: 404, .. }) => return Err(gone::follow(app, &client, repo, (id, installation))),
        Err(error) => return Err(trouble(error)),
    };
    let url = format!("{}/{slug}.git", client.identity().url);
    // Whoever runs the appliance has named the host.
    let is_trusted = app.config.github.url.is_some();
    let fetch = || {
        let shown = github::git_credentials(&client.token(installation).map_err(trouble)?);
        fetch(&url, is_trusted, &Credentials::header(shown))
    };
    match fetch() {
        Err(refused) if refused.is_of_credentials => {
            client.forget_token(installation);
            fetch()
        }
        other => other,
    }
}

fn asked<'a>(app: &'a App, attempt: &'a Attempt, is_trusted: bool, credentials: Option<&'a Credentials>) -> Asked<'a> {
    Asked { credentials, outbound: &app.outbound, is_trusted, trust: Trust::Ours, cancel: attempt.cancel.flag(), progress: &|_| {} }
}

/// What a fetch found that is to be written down.
struct News {
    /// The commits that came.
    commits: Vec<CommitInfo>,
    /// What the branches are.
    fetched: Fetched,
    /// The heads that were pushed and have come.
    settled: Vec<CommitSha>,
    /// Those that have not: no branch leads to them any more.
    missing: Vec<PushedHead>,
    /// Whether there may be others.
    has_more: bool,
}

/// Every commit that came since the last fetch, be it on a branch still or only pushed; of the branches at the first one the newest of
/// each, within bounds: what is older is read from the mirror.
fn news(app: &App, repo: &Repository, mirror: &Mirror, fetched: Fetched, pushed: &[PushedHead]) -> Result<News, Trouble> {
    let before = app.read_now(|tx, _| repos::all_branches(tx, repo.id))?;
    let now = app.clock.now();
    let (mut tips, mut settled, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for head in pushed {
        if mirror.has(head.sha)? {
            tips.push(head.sha);
            settled.push(head.sha);
        } else if head.is_due(now) {
            missing.push(head.clone());
        }
    }
    let heads = fetched.branches.iter().map(|(_, head)| *head);
    let (mut commits, known): (_, HashSet<CommitSha>) = if before.is_empty() {
        (newest(mirror, &fetched)?, heads.collect())
    } else {
        tips.extend(heads);
        (Vec::new(), before.iter().map(|branch| branch.head).collect())
    };
    tips.retain(|tip| !known.contains(tip));
    tips.sort_unstable();
    tips.dedup();
    commits.extend(beyond(repo, mirror, &tips, &known.into_iter().collect::<Vec<_>>())?);
    Ok(News { commits, fetched, settled, missing, has_more: pushed.len() == PUSHED_PER_FETCH })
}

/// The commits that led to these and are not known, within bounds.
fn beyond(repo: &Repository, mirror: &Mirror, tips: &[CommitSha], known: &[CommitSha]) -> git::Result<Vec<CommitInfo>> {
    if tips.is_empty() {
        return Ok(Vec::new());
    }
    let (commits, is_cut) = mirror.commits_beyond(tips, known, COMMITS_PER_FETCH)?;
    if is_cut {
        tracing::warn!(
            repo.slug = %repo.slug,
            "a fetch of {} brought more commits than the {COMMITS_PER_FETCH} that are registered at a time; the older ones are read from its mirror",
            repo.slug
        );
    }
    Ok(commits)
}

fn register(app: &App, repo: RepoId, commits: &[CommitInfo]) -> Result<(), Failure> {
    for some in commits.chunks(COMMITS_PER_WRITE) {
        let some = some.to_vec();
        app.write_now(&Actor::System, move |tx, now| repos::register_commits(tx, repo, &some, now))?;
    }
    Ok(())
}

fn newest(mirror: &Mirror, fetched: &Fetched) -> Result<Vec<CommitInfo>, Trouble> {
    let mut news = Vec::new();
    let mut seen = HashSet::new();
    for (name, head) in &fetched.branches {
        // A branch's history is mostly the default branch's: its head is enough where that has brought the rest.
        let limit = if fetched.default_branch.as_ref() == Some(name) { COMMITS_PER_BRANCH } else { HEADS_OF_NEW_BRANCH };
        // What was registered by a branch before is passed over when it is written.
        news.extend(mirror.log(*head, Order::Time, limit, None)?.into_iter().filter(|commit| seen.insert(commit.sha)));
    }
    Ok(news)
}

/// The most commits that are registered of what one fetch brings.
const COMMITS_PER_FETCH: usize = 10_000;

/// How many commits of a branch beside the default one are registered at the first fetch.
const HEADS_OF_NEW_BRANCH: usize = 20;

/// How many commits one closure registers.
const COMMITS_PER_WRITE: usize = 200;

/// How many branches one closure writes down: with a check that is asked for, each is a dozen rows.
const BRANCHES_PER_WRITE: usize = 40;
/// Of how many commits the logs are removed together with their repository; those of more are left to the sweep.
const LOGS_FORGOTTEN: usize = 100_000;
/// How many branches that were not taken the log names.
const SKIPPED_TOLD: usize = 20;

/// Writes down what a fetch brought, some at a time. Each step leaves a state that may be read, and the one in which a branch moves also
/// asks for the check of its head: whatever a crash leaves out is found again by the next fetch.
fn record(app: &App, attempt: &Attempt, repo: &Repository, news: News) -> Result<(), Failure> {
    let News { commits, fetched, mut settled, missing, has_more } = news;
    let (id, is_of_github) = (repo.id, repo.source.github().is_some());
    let skipped = skipped(&fetched);
    if skipped != repo.skipped {
        tell_skipped(repo, &fetched);
    }
    register(app, id, &commits)?;
    let default = default_branch(fetched.default_branch, &fetched.branches);
    let is_guessed = default.as_ref().is_some_and(|(_, is_guessed)| *is_guessed);
    let default = default.map(|(branch, _)| branch);
    let (repository, known) = app.read_now(|tx, _| -> repos::Result<_> { Ok((repos::get(tx, id)?, repos::all_branches(tx, id)?)) })?;
    let changes = repos::compare(&repository, &known, default.as_ref(), &fetched.branches);
    let mut steps: Vec<Vec<BranchChange>> = changes.chunks(BRANCHES_PER_WRITE).map(<[_]>::to_vec).collect();
    // What branches have left behind is asked for once it is written down what they are.
    let last = if missing.is_empty() { steps.pop().unwrap_or_default() } else { Vec::new() };
    for some in steps {
        let (claim, default) = (attempt.claim.clone(), default.clone());
        app.write_now(&Actor::System, move |tx, now| step(tx, &claim, id, default.as_ref(), is_guessed, &some, now))?;
    }
    if !missing.is_empty() {
        settled.extend(left::take(app, attempt, repo, &missing)?);
    }
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        step(tx, &claim, id, default.as_ref(), is_guessed, &last, now)?;
        let is_first = repos::get(tx, id)?.synced_at.is_none();
        repos::record_fetch(tx, id, skipped, now)?;
        repos::forget_pushed(tx, id, &settled)?;
        // Those that did not come wait for the next fetch, whenever that is.
        if has_more && !settled.is_empty() {
            tx.record(Event::SyncDue { repo: id }, now)?;
        }
        if is_of_github {
            pulls::branches_moved(tx, id, &[], is_first, now)?;
            if super::pulls::is_due(tx, id, now)? {
                tx.record(Event::PullsDue { repo: id }, now)?;
            }
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// Some branches, and the checks of their heads. The default branch is named in every step: what becomes of it stands in the first.
fn step(
    tx: &mut WriteTx,
    claim: &Claim,
    repo: RepoId,
    default: Option<&BranchName>,
    is_guessed: bool,
    changes: &[BranchChange],
    now: Timestamp,
) -> Result<(), Failure> {
    queue::check(tx, claim)?;
    repos::name_default(tx, repo, default, is_guessed)?;
    repos::record_branches(tx, repo, changes, now)?;
    let moved = changes.iter().filter_map(|change| match change {
        BranchChange::Moved { branch, head, .. } => Some((branch.clone(), *head)),
        BranchChange::Gone { .. } => None,
    });
    pulls::branches_moved(tx, repo, &moved.collect::<Vec<_>>(), false, now)?;
    for change in changes {
        if let BranchChange::Moved { branch, head, is_checked: true } = change {
            checks::request_once(tx, repo, *head, now)?;
            let left = repos::branch(tx, &repos::get(tx, repo)?, branch)?.previous.filter(|left| left != head);
            if let Some(left) = left
                && repos::branches_at(tx, repo, left)?.is_empty()
                && pulls::of_head(tx, repo, left)?.is_empty()
            {
                checks::supersede(tx, repo, left, *head, now)?;
            }
        }
    }
    Ok(())
}

/// What stands for the branches that were not taken.
fn skipped(fetched: &Fetched) -> Option<BlobHash> {
    let lines: String = fetched.skipped.iter().map(|(name, why)| format!("{name}\n{why}\n")).collect();
    (!lines.is_empty()).then(|| BlobHash::of(lines.as_bytes()))
}

fn tell_skipped(repo: &Repository, fetched: &Fetched) {
    for (name, why) in fetched.skipped.iter().take(SKIPPED_TOLD) {
        tracing::warn!(repo.slug = %repo.slug, branch = %name, "a branch of {} is not taken: {why}", repo.slug);
    }
    if let Some(further @ 1..) = fetched.skipped.len().checked_sub(SKIPPED_TOLD) {
        tracing::warn!(repo.slug = %repo.slug, "{further} further branches of {} are not taken", repo.slug);
    }
}

/// The branch that HEAD names, if there is a commit on it. Where HEAD names none (it is detached, or its branch has no commit) and there
/// are branches all the same, the one that most likely is meant, and that it is a guess.
fn default_branch(named: Option<BranchName>, branches: &[(BranchName, CommitSha)]) -> Option<(BranchName, bool)> {
    let has = |name: &str| branches.iter().map(|(branch, _)| branch).find(|branch| branch.as_str() == name).cloned();
    if let Some(named) = named.and_then(|name| has(name.as_str())) {
        return Some((named, false));
    }
    let guess = has("main").or_else(|| has("master")).or_else(|| branches.first().map(|(branch, _)| branch.clone()));
    guess.map(|branch| (branch, true))
}

/// Erases what hangs on a deleted repository: rows some at a time, then what is found, then the mirror. May be repeated from the start.
pub fn erase(app: &App, attempt: &Attempt, id: RepoId) -> Result<(), Failure> {
    // Read before the rows go that name them: an erasure that is repeated after a crash leaves them to the sweep.
    let logs = app.read_now(|tx, _| checks::logs_of(tx, id, LOGS_FORGOTTEN))?;
    loop {
        let erased = app.write_now(&Actor::System, move |tx, _| -> Result<usize, Failure> {
            let mut erased = secrets::erase(tx, id, issues::ROWS_PER_WRITE)?;
            erased += pulls::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            erased += checks::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            erased += dora::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            erased += statuses::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            erased += issues::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            erased += repos::erase(tx, id, issues::ROWS_PER_WRITE.saturating_sub(erased))?;
            Ok(erased)
        })?;
        if erased == 0 {
            break;
        }
    }
    for work in app.read_now(|tx, _| queue::resting(tx, |work| work.repo() == Some(id)))? {
        app.write_now(&Actor::System, move |tx, _| match queue::discard(tx, work) {
            // It was taken up meanwhile, and ends by itself.
            Ok(()) | Err(queue::Error::NotFound { .. } | queue::Error::WrongState { .. }) => Ok(()),
            Err(error) => Err(error),
        })?;
    }
    app.write_now(&Actor::System, move |tx, _| queue::forget(tx, id))?;
    super::indexing::forget_repository(app, id)?;
    remove_mirror(app, id)?;
    super::sweep::forget_blobs(app, attempt, &logs)?;
    attempt.done(app)
}
