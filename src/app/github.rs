//! GitHub, for who we are at this moment; and what we say there of commits.
//!
//! What is to be said is composed when it is said. It may be said twice only if the process ended between saying it and writing that
//! down, and then GitHub is asked first what it has.

pub mod comment;
pub mod heal;
pub mod look;

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::{Actor, StatusContext};
use crate::base::id::RepoId;
use crate::base::name::{CommitSha, RepoSlug};
use crate::base::page::Limit;
use crate::base::secret::Secret;
use crate::domain::checks::{self, CheckSet};
use crate::domain::github::check_run::{self, Report};
use crate::domain::github::status::{self, CommitStatus};
use crate::domain::github::{self, Again, Client, Keys};
use crate::domain::issues::list::{AtCommit, Filter, Listing, Sort, StateFilter};
use crate::domain::issues::{self, Standing};
use crate::domain::repos::{RepoSource, Repository};
use crate::domain::settings;
use crate::domain::statuses::{self, PostedReport, PostedStatus, Said};
use crate::engine::queue::{self, Verdict};
use crate::engine::store::ReadTx;

impl Keys for App {
    fn private_key(&self) -> github::Result<Secret<String>> {
        self.read_now(|tx, _| github::private_key(tx, &self.vault, &self.config.github))
    }
}

impl App {
    /// What asks GitHub on our behalf. It blocks.
    pub fn github(&self) -> github::Result<Client<'_>> {
        let identity = self.read_now(|tx, _| github::identity(tx, &self.config.github))?.ok_or(github::Error::NotSetUp)?;
        Ok(self.hub.client(identity, self))
    }
}

impl App {
    /// Where people find GitHub.
    pub async fn github_url(&self) -> github::Result<String> {
        let configured = self.config.github.clone();
        self.read(move |tx, _| Ok(github::places(&configured, github::app(tx)?.as_ref()).0)).await
    }
}

impl App {
    /// Where people read of a commit.
    fn commit_url(&self, slug: &RepoSlug, sha: CommitSha) -> String {
        format!("{}/r/{slug}/commits/{sha}", self.public_url())
    }
}

/// Something to be said, and of what.
struct Due {
    installation: u64,
    slug: RepoSlug,
    name: String,
    said: Said,
}

/// Performs `Work::PostStatus`. May be repeated: the same status under the same context says nothing new, and what was written down as
/// said is not said again.
pub fn post_status(app: &App, attempt: &Attempt, repo: RepoId, sha: CommitSha, context: StatusContext) -> Result<(), Failure> {
    let Some(due) = due(app, repo, sha, context)? else { return attempt.done(app) };
    let refused = match say(app, attempt, &due, sha) {
        Ok(()) => None,
        Err(error) if error.again() == Again::Never => {
            tracing::warn!(repo.slug = %due.slug, commit.sha = %sha, "no status can be posted for {}@{sha}: {error}", due.slug);
            Some(error.to_string())
        }
        Err(error) => return Err(failure(app, &error)),
    };
    let claim = attempt.claim.clone();
    let (said, name) = (due.said, due.name);
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        queue::finish(tx, &claim, now)?;
        Ok(statuses::record_posted(
            tx,
            PostedStatus { repo, sha, context, name: name.clone(), said: said.clone(), at: now, refused: refused.clone() },
        )?)
    })
}

/// What is to be said of a commit; nothing where its repository is not GitHub's or is gone, where it has no manifest, and where that was
/// said already.
fn due(app: &App, id: RepoId, sha: CommitSha, context: StatusContext) -> Result<Option<Due>, Failure> {
    let found = app.read_now(|tx, _| -> Result<_, Failure> {
        let Some(repo) = tx.get::<Repository>(&id)? else { return Ok(None) };
        let set = checks::look(tx, id, sha)?;
        let name = statuses::name_of(context, app.config.status_context(&settings::load(tx)?));
        set.map(|set| Ok((repo, set, name, statuses::posted(tx, id, sha, context)?))).transpose()
    })?;
    let Some((repo, set, name, posted)) = found else { return Ok(None) };
    let (RepoSource::GitHub { installation, .. }, slug) = (repo.source, repo.slug.clone()) else { return Ok(None) };
    let said = statuses::compose(&set, app.commit_url(&slug, sha));
    if posted.as_ref().is_some_and(|posted| posted.said == said && posted.name == name && posted.refused.is_none()) {
        return Ok(None);
    }
    // Of what something was said once, the end is said as well, be the commit still here or not.
    if posted.is_none() && !is_gated(app, &repo, &set)? {
        return Ok(None);
    }
    Ok(Some(Due { installation, slug, name, said }))
}

/// Whether something is asked of a commit by a manifest, be it a good one or not: its own, or that of the branch which a fork's is to go to.
/// A stranger has nothing said in a repository that asks for nothing.
fn is_gated(app: &App, repo: &Repository, set: &CheckSet) -> Result<bool, Failure> {
    let Some(sha) = super::check::ruling_commit(app, repo, set.sha)? else { return Ok(false) };
    match app.mirror(repo.id).and_then(|mirror| mirror.tree(sha)) {
        Ok(tree) => Ok(super::check::has_manifest(&tree)),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(error) => {
            tracing::warn!(commit.sha = %sha, "nothing is said of {sha}, which cannot be read: {error}");
            Ok(false)
        }
    }
}

fn say(app: &App, attempt: &Attempt, due: &Due, sha: CommitSha) -> github::Result<()> {
    let client = app.github()?;
    let status = CommitStatus {
        context: due.name.clone(),
        state: due.said.verdict.to_string(),
        description: Some(due.said.sentence.clone()),
        target_url: Some(due.said.url.clone()),
    };
    // An earlier attempt may have said it and not lived to write that down.
    if attempt.claim.is_again && status::latest(&client, due.installation, &due.slug, sha, &status.context)?.as_ref() == Some(&status) {
        return Ok(());
    }
    status::post(&client, due.installation, &due.slug, sha, &status)?;
    tracing::info!(repo.slug = %due.slug, commit.sha = %sha, "posted status {} for {}@{sha}", due.said.verdict, due.slug);
    Ok(())
}

/// Performs `Work::PostReport`. May be repeated: the run is found by the attempt that it tells of, and goes on with what it lacks.
pub fn post_report(app: &App, attempt: &Attempt, repo: RepoId, sha: CommitSha) -> Result<(), Failure> {
    let Some((installation, slug, of, report)) = due_report(app, repo, sha)? else { return attempt.done(app) };
    let posted = app.github().and_then(|client| check_run::post(&client, installation, &slug, sha, &report));
    let refused = match posted {
        Ok(()) => None,
        Err(error) if error.again() == Again::Never => {
            tracing::warn!(repo.slug = %slug, commit.sha = %sha, "no run of checks can be put at {slug}@{sha}: {error}");
            Some(error.to_string())
        }
        Err(error) => return Err(failure(app, &error)),
    };
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        queue::finish(tx, &claim, now)?;
        Ok(statuses::record_report(
            tx,
            PostedReport { repo, sha, attempt: of.attempt, is_held: of.is_held(), at: now, refused: refused.clone() },
        )?)
    })
}

/// What is to be put beside a commit's lines, and of which attempt; nothing where there is nothing to be said of it, or it is there.
fn due_report(app: &App, id: RepoId, sha: CommitSha) -> Result<Option<(u64, RepoSlug, CheckSet, Report)>, Failure> {
    let found = app.read_now(|tx, _| -> Result<_, Failure> {
        let Some(repo) = tx.get::<Repository>(&id)? else { return Ok(None) };
        let is_said = |set: &CheckSet| set.state.is_finished() || set.is_held();
        let Some(set) = checks::look(tx, id, sha)?.filter(is_said) else { return Ok(None) };
        let said = statuses::posted_report(tx, id, sha)?.filter(|posted| posted.refused.is_none());
        if said.is_some_and(|posted| (posted.attempt, posted.is_held) == (set.attempt, set.is_held())) {
            return Ok(None);
        }
        Ok(Some((repo, set)))
    })?;
    let Some((repo, set)) = found else { return Ok(None) };
    let RepoSource::GitHub { installation, .. } = repo.source else { return Ok(None) };
    if !is_gated(app, &repo, &set)? {
        return Ok(None);
    }
    let asked = super::check::ruling_manifest(app, &repo, sha)?.map(|manifest| manifest.github).unwrap_or_default();
    let report = app.read_now(|tx, _| -> Result<Report, Failure> {
        let listing = issues::standing(tx, id, sha)?.map(|standing| gravest(tx, &standing, asked.annotations as usize)).transpose()?;
        let settings = settings::load(tx)?;
        Ok(statuses::report(&set, listing.as_ref(), app.config.status_context(&settings), app.commit_url(&repo.slug, sha)))
    })?;
    Ok(Some((installation, repo.slug, set, report)))
}

/// The new issues of a commit, the gravest first, as many as are to have a note.
fn gravest(tx: &ReadTx, standing: &Standing, most: usize) -> issues::Result<Listing> {
    let new = Filter { states: vec![StateFilter::New], ..Filter::default() };
    let commit = AtCommit::read(tx, standing)?;
    let mut listing = commit.list(tx, &new, Sort::Severity, None, Limit::new(most))?;
    while listing.items.len() < most
        && let Some(next) = listing.next.take()
    {
        let more = commit.list(tx, &new, Sort::Severity, Some(&next), Limit::MAX)?;
        listing.items.extend(more.items);
        listing.next = more.next;
    }
    listing.items.truncate(most);
    Ok(listing)
}

/// What becomes of work that GitHub could not be asked for.
pub(super) fn failure(app: &App, error: &github::Error) -> Failure {
    let verdict = match error.again() {
        Again::After(until) if matches!(error, github::Error::Away { .. }) => Verdict::Away(Some(until.since(app.clock.now()))),
        Again::Later if matches!(error, github::Error::Outbound(_) | github::Error::Failed { .. }) => Verdict::Away(None),
        Again::Later => Verdict::Retry,
        Again::After(until) => Verdict::RetryAfter(until.since(app.clock.now())),
        Again::Never => Verdict::GiveUp,
    };
    Failure { message: error.to_string(), verdict }
}
