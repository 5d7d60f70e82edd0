//! Keeping the search index in step with the issues it is derived from.
//!
//! Issues are fed in the order of their revisions, some at a time, each batch with how far it goes. An index that is lost is fed from the
//! start; until it is back where the issues were when that began, it lacks some, and whoever asks is told so instead of that nothing was
//! found. That mark is committed with each batch, so that it survives the process.

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::{Actor, Event};
use crate::base::id::RepoId;
use crate::domain::search::{self, Change, Document};
use crate::domain::{issues, repos};
use crate::engine::fulltext::{Opened, Watermark};
use crate::engine::{queue, store};

/// How many issues are fed at a time.
const AT_A_TIME: usize = 2_000;

/// How far an index is that lacks something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Building {
    /// Up to which revision of issues it was fed.
    pub fed: u64,
    /// The latest there is.
    pub latest: u64,
}

impl Building {
    /// How much of it is done, in percent.
    pub fn percent(self) -> u64 {
        self.fed.saturating_mul(100) / self.latest.max(1)
    }
}

/// How far the index is while it lacks something; `None` once it can be asked. One that was never fed is asked for here.
pub fn building<E: From<store::Error> + From<search::Error> + From<issues::Error>>(app: &App) -> Result<Option<Building>, E> {
    let watermark = match app.index.open()? {
        Opened::Kept { watermark } => watermark,
        Opened::Fresh { .. } => None,
    };
    let latest = app.read_now(|tx, _| issues::latest_revision(tx))?;
    match watermark {
        Some(mark) if mark.fed <= latest && mark.is_whole() => Ok(None),
        None if latest == 0 => Ok(None),
        Some(mark) => Ok(Some(Building { fed: mark.fed.min(latest), latest })),
        None => {
            app.request_indexing()?;
            Ok(Some(Building { fed: 0, latest }))
        }
    }
}

/// Feeds the index the issues that changed since it was last fed. One that is lost, or ahead of a store that was restored, is fed
/// everything. May be repeated: a document replaces the one of the same issue.
pub fn perform(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    if let Opened::Fresh { reason } = app.index.open()? {
        tracing::info!(reason = ?reason, "the search index is built anew");
    }
    let latest = app.read_now(|tx, _| issues::latest_revision(tx))?;
    let known = app.index.watermark()?.filter(|mark| mark.fed <= latest);
    let mut mark = known.unwrap_or(Watermark { fed: 0, whole_at: latest });
    let was_whole = mark.is_whole();
    loop {
        // What was fed is kept: the next process goes on from there.
        if attempt.cancel.is_tripped() {
            return Err(Failure { message: "the process stopped while the index was fed".to_owned(), verdict: queue::Verdict::Released });
        }
        let from = mark.fed;
        let (changes, last) = app.read_now(move |tx, _| changes(tx, from))?;
        let Some(last) = last else { break };
        mark.fed = last;
        app.index.apply(changes, mark)?;
    }
    if !mark.is_whole() {
        // The latest revisions went with a deleted repository: there is nothing left to wait for.
        app.index.apply([], Watermark::from(mark.fed))?;
    }
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        if !was_whole {
            tx.record(Event::IndexRebuilt, now)?;
        }
        Ok(queue::finish(tx, &claim, now)?)
    })
}

/// What changed after a revision, and the last revision among it.
fn changes(tx: &store::ReadTx, from: u64) -> Result<(Vec<Change>, Option<u64>), Failure> {
    let changed = issues::changed_since(tx, from, AT_A_TIME)?;
    let last = changed.last().map(|issue| issue.revision);
    let mut slugs = repos::Slugs::default();
    let mut changes = Vec::with_capacity(changed.len());
    for issue in changed {
        changes.push(match slugs.of(tx, issue.repo)? {
            Some(slug) => Change::Put(Box::new(document(issue, slug))),
            None => Change::Remove(issue.id),
        });
    }
    Ok((changes, last))
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

/// Takes a deleted repository's issues out of the index. One that was never fed has none of them, and will not be given any.
pub(super) fn forget_repository(app: &App, repo: RepoId) -> Result<(), Failure> {
    app.index.open()?;
    match app.index.watermark()? {
        Some(mark) => Ok(app.index.apply([Change::RemoveRepo(repo)], mark)?),
        None => Ok(()),
    }
}
