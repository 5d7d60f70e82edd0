//! What the App was last seen to see, which many ask for at once and which is long to read.
//!
//! Of those who come while it is read, one reads it anew for all of them: what was begun before they came may lack what they have just done
//! on GitHub. No more than [`READERS`] wait, since each holds a thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::sync::Seen;
use super::{Error, Result};
use crate::base::time::Timestamp;

/// How many may wait for it to be read.
const READERS: usize = 8;

/// What was last read, and who reads it.
#[derive(Debug, Default)]
pub(super) struct LastSeen {
    read: Mutex<Option<Read>>,
    /// Held by whoever reads.
    looking: Mutex<()>,
    /// How many wait for what is being read, or read it.
    waiting: AtomicUsize,
}

/// What an App was seen to see, and when that began to be read.
#[derive(Debug)]
struct Read {
    app: u64,
    at: Timestamp,
    begun: Instant,
    repos: Arc<Vec<Seen>>,
}

/// One of those who wait.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    /// Another, unless there are as many as may be.
    fn more(count: &'a AtomicUsize) -> Option<Waiting<'a>> {
        let waiting = Waiting(count);
        (count.fetch_add(1, Ordering::Relaxed) < READERS).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl LastSeen {
    /// What this App sees, as it was read less than `within` ago or is read by `look`.
    pub(super) fn get(
        &self,
        app: u64,
        within: Duration,
        clock: impl Fn() -> Timestamp,
        look: impl FnOnce() -> Result<Vec<Seen>>,
    ) -> Result<Arc<Vec<Seen>>> {
        let (came, now) = (Instant::now(), clock());
        let last = || self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let known = |is_good: &dyn Fn(&Read) -> bool| {
            last().as_ref().filter(|last| last.app == app && is_good(last)).map(|last| Arc::clone(&last.repos))
        };
        if let Some(repos) = known(&|last| now.since(last.at) < within) {
            return Ok(repos);
        }
        let _waiting = Waiting::more(&self.waiting).ok_or(Error::Busy)?;
        let _turn = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(repos) = known(&|last| last.begun >= came) {
            return Ok(repos);
        }
        let (at, begun) = (clock(), Instant::now());
        let repos = Arc::new(look()?);
        *last() = Some(Read { app, at, begun, repos: Arc::clone(&repos) });
        Ok(repos)
    }
}
