//! What the appliance does for itself: polling, expiry, and keeping the search index in step. Sweeping is in [`sweep`](super::sweep).

use std::time::Duration;

use super::App;
use super::repeat;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::RepoId;
use crate::domain::search::{Change, Document};
use crate::domain::{accounts, issues, repos};
use crate::engine::fulltext::Opened;
use crate::engine::queue;
use crate::engine::store::journal;

/// How long events are kept.
const EVENTS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How many rows one closure forgets.
const FORGOTTEN_PER_WRITE: usize = 200;
/// The same of requests that may be repeated, each of which may come with an answer of 256 KiB.
const REPEATS_PER_WRITE: usize = 32;
/// How many issues are fed to the index at a time.
const INDEXED_AT_A_TIME: usize = 2_000;

/// Asks for a sync of every repository that does not tell us of its pushes.
pub fn poll(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let from = after.clone();
        after = app.write_now(&Actor::System, move |tx, now| repos::poll(tx, from.as_ref(), now))?;
        if after.is_none() {
            return attempt.done(app);
        }
    }
}

/// Forgets links, sessions, requests that may be repeated, and events that are past their time.
pub fn expire(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    while app.write_now(&Actor::System, |tx, now| accounts::expire(tx, FORGOTTEN_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| repeat::expire(tx, REPEATS_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| journal::expire(tx, now - EVENTS_KEPT, FORGOTTEN_PER_WRITE))? > 0 {}
    attempt.done(app)
}

/// Feeds the index the issues that changed since it was last fed. An index that is lost, or ahead of a store that was restored, is fed
/// everything. May be repeated: a document replaces the one of the same issue.
pub fn index(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    if let Opened::Fresh { reason } = app.index.open()? {
        tracing::info!(reason = ?reason, "the search index is built anew");
    }
    let latest = app.read_now(|tx, _| issues::latest_revision(tx))?;
    let mut fed = app.index.watermark()?.filter(|fed| *fed <= latest).unwrap_or(0);
    loop {
        // What was fed is kept: the next process goes on from there.
        if attempt.cancel.is_tripped() {
            return Err(Failure { message: "the process stopped while the index was fed".to_owned(), verdict: queue::Verdict::Released });
        }
        let from = fed;
        let (changes, last) = app.read_now(move |tx, _| -> Result<_, Failure> {
            let changed = issues::changed_since(tx, from, INDEXED_AT_A_TIME)?;
            let last = changed.last().map(|issue| issue.revision);
            let mut slugs = std::collections::HashMap::new();
            let mut changes = Vec::with_capacity(changed.len());
            for issue in changed {
                let slug = match slugs.entry(issue.repo) {
                    std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::hash_map::Entry::Vacant(free) => match repos::get(tx, issue.repo) {
                        Ok(repo) => free.insert(Some(repo.slug.to_string())),
                        // Its rows are about to go.
                        Err(repos::Error::NotFound { .. }) => free.insert(None),
                        Err(error) => return Err(error.into()),
                    },
                };
                changes.push(match slug {
                    Some(slug) => Change::Put(Box::new(document(issue, slug))),
                    None => Change::Remove(issue.id),
                });
            }
            Ok((changes, last))
        })?;
        let Some(last) = last else { return attempt.done(app) };
        app.index.apply(changes, last)?;
        fed = last;
    }
}

fn document(issue: issues::Issue, slug: &str) -> Document {
    Document {
        issue: issue.id,
        repo: issue.repo,
        slug: slug.to_owned(),
        rule: issue.rule,
        kind: issue.kind,
        severity: issue.severity,
        source: issue.source,
        state: issue.state,
        is_new: issue.is_new,
        author: issue.author,
        branches: Vec::new(),
        path: issue.path,
        message: issue.message,
        line_text: issue.excerpt,
        first_seen_at: issue.first_seen.at,
    }
}

/// Takes a deleted repository's issues out of the index.
pub(super) fn forget_repository(app: &App, repo: RepoId) -> Result<(), Failure> {
    app.index.open()?;
    let fed = app.index.watermark()?.unwrap_or(0);
    Ok(app.index.apply([Change::RemoveRepo(repo)], fed)?)
}
