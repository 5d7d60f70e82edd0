//! Sweeping: what nothing names any more is removed, some rows at a time, in a memory that does not grow with what there is.
//!
//! Four things are swept. Staged rows ([`unnamed`]), those that hang on a repository that was deleted while its checks ran, blobs, and
//! the files beside the store: mirrors without a repository, logs that nobody writes. What sandboxes of killed processes left on the host
//! goes as well.
//!
//! A row may come to be named between the mark and the removal: an attempt names what an earlier commit has, or stages a row that was
//! swept a moment ago. [`Staging`] keeps the two apart. An attempt says when it begins to look, and the closure that removes asks whether
//! one has begun since the marks were made; it is one process that does both. A repository whose checks run is left to the next sweep.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::App;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::RepoId;
use crate::base::seen::Seen;
use crate::domain::issues::unnamed::{self, Marks};
use crate::domain::issues::{Chunk, Node};
use crate::domain::{checks, hooks, issues, pulls, repos};
use crate::engine::queue::{self, Claim, Verdict};
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{ReadTx, WriteTx};

/// How long a blob that nothing names is left alone: longer than any attempt takes from writing it to naming it.
const BLOB_GRACE: Duration = Duration::from_secs(24 * 3_600);

/// How many rows of a repository that is gone one closure removes; an issue stands in two indexes besides.
const ORPHANS_PER_WRITE: usize = 150;

/// Who is about to name rows that nothing names yet.
#[derive(Debug, Clone, Default)]
pub struct Staging(Arc<Mutex<HashMap<RepoId, Attempts>>>);

/// The attempts on a repository since the process began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Attempts {
    begun: u64,
    ended: u64,
}

impl Staging {
    fn change(&self, repo: RepoId, change: impl FnOnce(&mut Attempts)) -> Attempts {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let attempts = all.entry(repo).or_default();
        change(attempts);
        *attempts
    }

    /// Says that an attempt begins to look at what is kept; until the answer is dropped, nothing of the repository is swept.
    pub fn begin(&self, repo: RepoId) -> impl Drop + use<> {
        struct Ending(Staging, RepoId);
        impl Drop for Ending {
            fn drop(&mut self) {
                self.0.change(self.1, |attempts| attempts.ended += 1);
            }
        }
        self.change(repo, |attempts| attempts.begun += 1);
        Ending(self.clone(), repo)
    }

    /// A repository on which no attempt is at work.
    fn calm(&self, repo: RepoId) -> Option<Calm> {
        let attempts = self.change(repo, |_| {});
        (attempts.begun == attempts.ended).then(|| Calm { staging: self.clone(), repo, attempts })
    }
}

impl Staging {
    /// How many attempts have begun, if none is at work.
    fn rest(&self) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().all(|attempts| attempts.begun == attempts.ended).then(|| all.values().map(|attempts| attempts.begun).sum())
    }
}

/// Removes blobs that a deleted repository named and nobody else does. While an attempt is at work it may be about to name one of them:
/// then they are left to the next sweep.
pub fn forget_blobs(app: &App, attempt: &Attempt, blobs: &BTreeSet<BlobHash>) -> Result<(), Failure> {
    let Some(rest) = app.staging.rest().filter(|_| !blobs.is_empty()) else { return Ok(()) };
    let named = named_blobs(app, attempt, app.clock.now().as_millis().unsigned_abs())?;
    for blob in blobs.iter().filter(|blob| !named.may_have(blob.prefix())) {
        app.blobs.forget(*blob, || app.staging.rest() == Some(rest))?;
    }
    Ok(())
}

/// That no attempt was at work on a repository, and a way to see that none has begun since.
#[derive(Debug, Clone)]
struct Calm {
    staging: Staging,
    repo: RepoId,
    attempts: Attempts,
}

impl Calm {
    fn lasts(&self) -> bool {
        self.staging.change(self.repo, |_| {}) == self.attempts
    }
}

/// Performs `Work::Sweep`. May be repeated from the start: what is gone is gone.
pub fn perform(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    // Another one at each sweep.
    let salt = app.clock.now().as_millis().unsigned_abs();
    let mut rows = 0;
    let mut after = None;
    while let Some(repo) = app.read_now(|tx, _| unnamed::next_repository(tx, after))? {
        goes_on(attempt)?;
        rows += orphans(app, &attempt.claim, repo)?;
        rows += staged(app, attempt, repo, salt)?;
        after = Some(repo);
    }
    let blobs = blobs(app, attempt, salt)?;
    let files = mirrors(app)? + app.live.sweep();
    app.sandboxes.sweep_host();
    if rows as u64 + blobs + files as u64 > 0 {
        tracing::info!(rows, blobs, files, "swept {rows} rows, {blobs} blobs and {files} files and folders that nothing names");
    }
    attempt.done(app)
}

/// Ends a sweep that is told to stop: the next one begins anew.
fn goes_on(attempt: &Attempt) -> Result<(), Failure> {
    if attempt.cancel.is_tripped() {
        return Err(Failure { message: "the process stopped during a sweep".to_owned(), verdict: queue::Verdict::Released });
    }
    Ok(())
}

/// Removes what was written for a repository after it was deleted and erased.
fn orphans(app: &App, claim: &Claim, repo: RepoId) -> Result<usize, Failure> {
    let mut removed = 0;
    while app.read_now(|tx, _| is_gone(tx, repo))? {
        let claim = claim.clone();
        let some = app.write_now(&Actor::System, move |tx, _| -> Result<usize, Failure> {
            queue::check(tx, &claim)?;
            Ok(issues::erase(tx, repo, ORPHANS_PER_WRITE)?)
        })?;
        removed += some;
        if some == 0 {
            break;
        }
    }
    Ok(removed)
}

fn is_gone(tx: &ReadTx, repo: RepoId) -> Result<bool, Failure> {
    Ok(repos::is_gone(tx, repo)?)
}

/// Removes nodes and chunks that no standing names.
fn staged(app: &App, attempt: &Attempt, repo: RepoId, salt: u64) -> Result<usize, Failure> {
    let Some(calm) = app.staging.calm(repo) else { return Ok(0) };
    let mut marks = Marks::salted(salt);
    let mut removed = 0;
    let mut after = None;
    loop {
        goes_on(attempt)?;
        after = app.read_now(|tx, _| unnamed::mark(tx, repo, &mut marks, after.as_ref()))?;
        if after.is_none() {
            break;
        }
    }
    loop {
        goes_on(attempt)?;
        let (some, next) = app.read_now(|tx, _| unnamed::nodes(tx, repo, &mut marks, after.as_ref()))?;
        let count = some.len();
        if !remove(app, &attempt.claim, &calm, move |tx| unnamed::remove::<Node>(tx, repo, &some))? {
            return Ok(removed);
        }
        removed += count;
        after = next;
        if after.is_none() {
            break;
        }
    }
    loop {
        goes_on(attempt)?;
        let (some, next) = app.read_now(|tx, _| unnamed::chunks(tx, repo, &marks, after.as_ref()))?;
        let count = some.len();
        if !remove(app, &attempt.claim, &calm, move |tx| unnamed::remove::<Chunk>(tx, repo, &some))? {
            return Ok(removed);
        }
        removed += count;
        after = next;
        if after.is_none() {
            return Ok(removed);
        }
    }
}

/// Removes rows if the marks still hold; says whether they do.
fn remove(
    app: &App,
    claim: &Claim,
    calm: &Calm,
    remove: impl Fn(&mut WriteTx) -> crate::engine::store::Result<()> + Send + 'static,
) -> Result<bool, Failure> {
    let (claim, calm) = (claim.clone(), calm.clone());
    app.write_now(&Actor::System, move |tx, _| -> Result<bool, Failure> {
        queue::check(tx, &claim)?;
        // Asked here, where no other write can come between: an attempt that begins later stages its rows after this.
        if !calm.lasts() {
            return Ok(false);
        }
        remove(tx)?;
        Ok(true)
    })
}

/// Removes blobs that no row names.
fn blobs(app: &App, attempt: &Attempt, salt: u64) -> Result<u64, Failure> {
    let named = named_blobs(app, attempt, salt)?;
    let swept = app.blobs.sweep(app.clock.now(), BLOB_GRACE, |hash| named.may_have(hash.prefix()))?;
    Ok(swept.removed)
}

/// The blobs that rows name.
fn named_blobs(app: &App, attempt: &Attempt, salt: u64) -> Result<Seen, Failure> {
    let mut named = Seen::salted(salt);
    let mut after = None;
    loop {
        goes_on(attempt)?;
        let (logs, next) = app.read_now(|tx, _| checks::logs(tx, after.as_ref()))?;
        for log in logs {
            named.insert(log.prefix());
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    loop {
        goes_on(attempt)?;
        let (bodies, next) = app.read_now(|tx, _| hooks::blobs(tx, after.as_ref()))?;
        for body in bodies {
            named.insert(body.prefix());
        }
        after = next;
        if after.is_none() {
            return Ok(named);
        }
    }
}

/// Removes mirrors whose repository is not there: one that was being fetched while it was erased. What has another name is not ours.
fn mirrors(app: &App) -> Result<usize, Failure> {
    let failed = |error| Failure { message: format!("cannot list `{}`: {error}", app.mirrors.display()), verdict: Verdict::Retry };
    let (mut gone, mut removed): (Vec<PathBuf>, usize) = (Vec::new(), 0);
    for entry in std::fs::read_dir(&app.mirrors).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".git"));
        let Some(repo) = name.and_then(|name| name.parse::<RepoId>().ok()) else { continue };
        // A row is there before its mirror is: one that is missing now was deleted.
        if app.read_now(|tx, _| is_gone(tx, repo))? {
            gone.push(path);
        } else {
            removed += closed_pulls(app, repo)?;
        }
    }
    for path in gone {
        match std::fs::remove_dir_all(&path) {
            Ok(()) => removed += 1,
            // The others are no worse off for it, and the next sweep looks again.
            Err(error) => tracing::warn!(error = %error, "cannot remove `{}`", path.display()),
        }
    }
    Ok(removed)
}

/// Has a mirror keep the heads of open pull requests alone.
fn closed_pulls(app: &App, repo: RepoId) -> Result<usize, Failure> {
    // One that is being made has none yet, and is not waited for.
    let Ok(mirror) = app.mirror(repo) else { return Ok(0) };
    let mut removed = 0;
    for number in mirror.pulls()? {
        let is_open = app.read_now(|tx, _| match pulls::find(tx, repo, number) {
            Ok(pull) => Ok(pull.is_open()),
            Err(pulls::Error::NotFound { .. }) => Ok(false),
            Err(pulls::Error::Store(error)) => Err(error),
        })?;
        if !is_open {
            mirror.forget_pull(number)?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Id;

    #[test]
    fn marks_hold_until_an_attempt_begins_and_again_for_those_made_after_it_ended() {
        let (staging, repo, other) = (Staging::default(), RepoId::from_u128(1), RepoId::from_u128(2));
        let before = staging.calm(repo).unwrap();
        let elsewhere = staging.begin(other);
        assert!(before.lasts());
        let attempt = staging.begin(repo);
        assert!(!before.lasts() && staging.calm(repo).is_none());
        drop(attempt);
        // What it named may be what was found to be unnamed.
        assert!(!before.lasts() && staging.calm(repo).unwrap().lasts());
        drop(elsewhere);
    }
}
