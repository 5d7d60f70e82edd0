//! Heads that were pushed and that no branch leads to any more: asked for by their names, once the branches are written down.

use std::time::{Duration, Instant};

use super::{asked, beyond, from_github, register};
use crate::app::App;
use crate::app::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::name::CommitSha;
use crate::domain::repos::{self, PushedHead, RepoSource, Repository};
use crate::engine::git::{self, Credentials, Mirror, Source};
use crate::engine::queue::{self, Verdict};

/// How much may come of a head that no branch leads to, and for how long it may take. Each is asked for by itself, so that none holds up
/// the others; and for how long all of them may take, after which the next fetch goes on.
const HEAD_BYTES: u64 = 256 << 20;
const HEAD_TIME: Duration = Duration::from_secs(10);
const HEADS_TIME: Duration = Duration::from_secs(20);

/// Asks GitHub for heads that were pushed and left behind, and registers what comes. Answers those that are not looked for any more. What
/// goes wrong with them is no failure of the fetch, and whoever pushes meanwhile does not wait for them.
pub(super) fn take(app: &App, attempt: &Attempt, repo: &Repository, missing: &[PushedHead]) -> Result<Vec<CommitSha>, Failure> {
    let RepoSource::GitHub { id, installation } = repo.source else { return Ok(Vec::new()) };
    let began = Instant::now();
    let take = |url: &str, is_trusted: bool, credentials: &Credentials| {
        let limits = git::Limits { pack_bytes: HEAD_BYTES, large_bytes: HEAD_BYTES, fetch_time: HEAD_TIME, ..app.config.git.clone() };
        let (source, mirror) = (url.parse::<Source>()?, Mirror::open(&app.mirror_dir(repo.id), limits)?);
        let (mut taken, mut refused) = (Vec::new(), Vec::new());
        for head in missing {
            let has_time = began.elapsed() < HEADS_TIME && !attempt.cancel.is_tripped();
            if !has_time || app.read_now(|tx, _| queue::is_wanted_again(tx, &attempt.claim)).unwrap_or(true) {
                break;
            }
            match mirror.fetch_commit(&source, &asked(app, attempt, is_trusted, Some(credentials)), head.sha) {
                Ok(()) => taken.push(head.sha),
                // Another token may be taken.
                Err(error @ git::Error::AuthenticationRequired { .. }) if taken.is_empty() => return Err(error.into()),
                Err(error) => refused.push((head, error)),
            }
        }
        let known: Vec<CommitSha> = mirror.branches()?.into_iter().map(|(_, head)| head).collect();
        Ok((beyond(repo, &mirror, &taken, &known)?, taken, refused))
    };
    let (commits, mut settled, refused) = match from_github(app, repo, (id, installation), &take) {
        _ if attempt.cancel.is_tripped() => {
            return Err(Failure { message: "the process stopped while it fetched".to_owned(), verdict: Verdict::Released });
        }
        Ok(taken) => taken,
        Err(trouble) => {
            tracing::warn!(repo.slug = %repo.slug, "cannot ask for what branches of {} have left behind: {}", repo.slug, trouble.failure);
            return Ok(Vec::new());
        }
    };
    register(app, repo.id, &commits)?;
    let now = app.clock.now();
    let (over, early): (Vec<_>, Vec<_>) = refused.into_iter().partition(|(head, _)| head.is_over(now));
    for (head, error) in over {
        tracing::warn!(repo.slug = %repo.slug, "{}, which was pushed to {}, is not registered: {error}", head.sha.short(), repo.slug);
        settled.push(head.sha);
    }
    let early: Vec<CommitSha> = early.iter().map(|(head, _)| head.sha).collect();
    if !early.is_empty() {
        let repo = repo.id;
        app.write_now(&Actor::System, move |tx, _| repos::refuse_pushed(tx, repo, &early))?;
    }
    Ok(settled)
}
