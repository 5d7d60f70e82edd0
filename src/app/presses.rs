//! Buttons of ours that were pressed on GitHub by somebody who is not known here to be allowed to.
//!
//! Whether they may is asked of GitHub, which may take its time or be away; so it is work of its own, and no other delivery waits for it.

use super::App;
use super::github::failure;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::domain::accounts::{self, RepoRole};
use crate::domain::checks;
use crate::domain::github::people::{self, Somebody};
use crate::domain::github::{self, Again};
use crate::domain::repos::{RepoSource, Repository};
use crate::engine::queue;
use crate::engine::store::ReadTx;

/// Performs `Work::ApproveFor`. May be repeated: what was approved waits for nobody any more.
pub fn approve(app: &App, attempt: &Attempt, id: RepoId, sha: CommitSha, by: u64) -> Result<(), Failure> {
    let found = app.read_now(|tx, _| -> Result<_, Failure> {
        let is_waiting = checks::look(tx, id, sha)?.is_some_and(|set| set.is_held());
        if !is_waiting || is_shut_out(tx, by)? {
            return Ok(None);
        }
        Ok(tx.get::<Repository>(&id)?)
    })?;
    let Some(repo) = found else { return attempt.done(app) };
    let RepoSource::GitHub { installation, .. } = repo.source else { return attempt.done(app) };
    let asked = asked(app, installation, &repo, by);
    let who = match asked {
        Ok(Some(who)) => who,
        Ok(None) => {
            tracing::info!(repo.slug = %repo.slug, commit.sha = %sha, "whoever has the number {by} on GitHub may not approve {sha}");
            return attempt.done(app);
        }
        // It says no, and would say so again.
        Err(error) if error.again() == Again::Never => {
            tracing::warn!(repo.slug = %repo.slug, commit.sha = %sha, "GitHub does not say who may approve {sha}: {error}");
            return attempt.done(app);
        }
        Err(error) => return Err(failure(app, &error)),
    };
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        queue::finish(tx, &claim, now)?;
        // They may have been shut out, and somebody else may have approved it, while GitHub was asked.
        if is_shut_out(tx, by)? || !tx.has::<Repository>(&id)? {
            return Ok(());
        }
        match checks::approve(tx, id, sha, Some(who.login.clone()), now) {
            Ok(_) | Err(checks::Error::NotWaiting { .. } | checks::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })
}

/// Who has this number on GitHub, if they may write to the repository at this moment.
fn asked(app: &App, installation: u64, repo: &Repository, by: u64) -> github::Result<Option<Somebody>> {
    let client = app.github()?;
    let Some(who) = people::somebody(&client, installation, by)? else { return Ok(None) };
    let role = people::role_in(&client, installation, github::Lane::Statuses, &repo.slug, &who)?;
    Ok(role.is_some_and(|role| role >= RepoRole::Write).then_some(who))
}

/// Whether somebody has an account here that is shut: whoever is shut out is let in by no other door.
fn is_shut_out(tx: &ReadTx, by: u64) -> accounts::Result<bool> {
    accounts::github_identity(tx, by)?.map_or(Ok(false), |identity| accounts::is_shut_out(tx, identity.user))
}
