//! The comment beneath a pull request: one, edited and never repeated.
//!
//! GitHub knows of no key that would make writing it twice once, so before one is written that we know no number of, ours are looked
//! through for its mark: an attempt that wrote it may not have lived to keep the number. One that a person deleted is written again only
//! when there is something else to tell.

use super::failure;
use crate::app::App;
use crate::app::check;
use crate::app::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::RepoId;
use crate::base::name::RepoSlug;
use crate::base::page::Limit;
use crate::domain::checks;
use crate::domain::github::{self, Again, Client};
use crate::domain::issues;
use crate::domain::issues::list::{AtCommit, Filter, Sort, StateFilter};
use crate::domain::pulls::{self, Pull};
use crate::domain::repos::{RepoSource, Repository};
use crate::domain::statuses::{self, Addresses, Comment, PostedComment};
use crate::engine::queue;
use crate::engine::store::blob::BlobHash;

/// Something to be said beneath a pull request.
struct Due {
    installation: u64,
    slug: RepoSlug,
    comment: Comment,
    posted: Option<PostedComment>,
}

/// Performs `Work::PostComment`. May be repeated.
pub fn post(app: &App, attempt: &Attempt, repo: RepoId, number: u64) -> Result<(), Failure> {
    let Some(due) = due(app, repo, number)? else { return attempt.done(app) };
    let written = app.github().and_then(|client| write(&client, &due, number));
    let (comment, refused) = match written {
        Ok(comment) => (comment, None),
        Err(error) if error.again() == Again::Never => {
            tracing::warn!(repo.slug = %due.slug, "no comment can be written beneath {}#{number}: {error}", due.slug);
            (due.posted.as_ref().and_then(|posted| posted.comment), Some(error.to_string()))
        }
        Err(error) => return Err(failure(app, &error)),
    };
    let claim = attempt.claim.clone();
    let (body, result) = (BlobHash::of(due.comment.body.as_bytes()), due.comment.result);
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        queue::finish(tx, &claim, now)?;
        let posted = PostedComment { repo, number, comment, body, result, at: now, refused: refused.clone() };
        // What is written of a repository after its deletion nobody would erase.
        if tx.has::<Repository>(&repo)? {
            statuses::record_comment(tx, posted)?;
        }
        Ok(())
    })
}

/// Says it, and answers which comment says it now; none if a person deleted it and there is nothing else to tell.
fn write(client: &Client<'_>, due: &Due, number: u64) -> github::Result<Option<u64>> {
    let (installation, slug, body) = (due.installation, &due.slug, due.comment.body.as_str());
    if let Some(known) = due.posted.as_ref().and_then(|posted| posted.comment)
        && github::pulls::edit_comment(client, installation, slug, known, body)?
    {
        return Ok(Some(known));
    }
    if let Some(ours) = github::pulls::comment(client, installation, slug, number, &due.comment.mark)? {
        return Ok(github::pulls::edit_comment(client, installation, slug, ours.id, body)?.then_some(ours.id));
    }
    if due.posted.as_ref().is_some_and(|posted| posted.refused.is_none() && posted.result == due.comment.result) {
        return Ok(None);
    }
    github::pulls::write_comment(client, installation, slug, number, body).map(Some)
}

/// What is to be said; nothing where nobody asked for it, where not all is known yet, and where it was said.
fn due(app: &App, id: RepoId, number: u64) -> Result<Option<Due>, Failure> {
    let found = app.read_now(|tx, _| -> Result<_, Failure> {
        let Some(repo) = tx.get::<Repository>(&id)? else { return Ok(None) };
        let Some(pull) = tx.get::<Pull>(&(id, number))?.filter(Pull::is_open) else { return Ok(None) };
        let is_said = |set: &checks::CheckSet| set.state.is_finished() || set.is_held();
        let Some(set) = checks::look(tx, id, pull.head.sha)?.filter(is_said) else { return Ok(None) };
        // Where two ask for one head, the one that it is judged for is told of it.
        if pulls::foremost(tx, &repo, pull.head.sha)?.is_some_and(|foremost| foremost.number != number) {
            return Ok(None);
        }
        let Some(at) = issues::standing(tx, id, set.sha)? else { return Ok(Some((repo, pull, set, None))) };
        let at = AtCommit::read(tx, &at)?;
        let list = |state| {
            let filter = Filter { states: vec![state], ..Filter::default() };
            at.list(tx, &filter, Sort::Severity, None, Limit::new(statuses::LISTED))
        };
        Ok(Some((repo, pull, set, Some((list(StateFilter::New)?, list(StateFilter::Fixed)?)))))
    })?;
    let Some((repo, pull, set, listings)) = found else { return Ok(None) };
    let RepoSource::GitHub { installation, .. } = repo.source else { return Ok(None) };
    if !check::ruling_manifest(app, &repo, set.sha)?.is_some_and(|manifest| manifest.github.comment) {
        return Ok(None);
    }
    let home = app.public_url();
    let addresses = Addresses { pull: format!("{home}/r/{}/pulls/{number}", repo.slug), commit: app.commit_url(&repo.slug, set.sha), home };
    let (new, fixed) = listings.as_ref().map(|(new, fixed)| (new, fixed)).unzip();
    let comment = statuses::comment(&pull, &set, new, fixed, &addresses);
    let posted = app.read_now(|tx, _| statuses::posted_comment(tx, id, number))?;
    let is_said = posted.as_ref().is_some_and(|posted| posted.body == BlobHash::of(comment.body.as_bytes()));
    Ok((!is_said).then_some(Due { installation, slug: repo.slug, comment, posted }))
}
