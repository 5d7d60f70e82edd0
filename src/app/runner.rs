//! Carrying out work: claim, perform, finish.
//!
//! Each lane has threads of its own, so that a slow check cannot delay a fetch. A worker registers for wake-up before it looks, then
//! waits until it is roused, the next item is due, or the process stops. What an attempt writes at its end and the end of its claim are
//! one transaction; what it fails with is classified where it failed, and obeyed here.
//!
//! Tests do without threads: [`settle`] performs what is due in the caller's own turn until nothing is.

#![warn(clippy::wildcard_enum_match_arm)]

use std::collections::{HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{App, CancelToken, adding, check, deliveries, github, indexing, people, presses, pulls, rewrap, sweep, sync, upkeep};
use crate::base::event::Actor;
use crate::base::id::WorkId;
use crate::base::page::Limit;
use crate::base::work::{Lane, Work};
use crate::domain::{accounts, checks, hooks, issues, pulls as pull_requests, repos, search, secrets};
use crate::engine::queue::{self, Claim, Pulse, Verdict, WorkState};
use crate::engine::{git, store};

/// How often leases are lengthened: a third of the shortest.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long a worker sleeps at most, whatever it waits for.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// How long after the start it is looked again for what earlier processes left of their sandboxes: what they made just before they were
/// killed is too young at the start to be told from what others are making.
const LEFT_BEHIND: Duration = Duration::from_secs(90);
/// How many expired leases are returned at a time.
const REAPED_AT_A_TIME: usize = 100;

/// Rouses workers: register first, then look, then wait.
#[derive(Debug, Default)]
pub struct Wake {
    generation: Mutex<u64>,
    changed: Condvar,
}

impl Wake {
    /// Says that something may have changed.
    pub fn rouse(&self) {
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// What to hand to [`Wake::wait`] after having looked.
    pub fn register(&self) -> u64 {
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until roused since `registered`, or for `at_most`.
    pub fn wait(&self, registered: u64, at_most: Duration) {
        let generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.changed.wait_timeout_while(generation, at_most, |now| *now == registered);
    }
}

/// An attempt that is being made.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The right to it.
    pub claim: Claim,
    /// Tells it to stop.
    pub cancel: CancelToken,
}

impl Attempt {
    /// Whether no other follows it, if it fails.
    pub fn is_last(&self) -> bool {
        self.claim.attempt >= self.claim.work.attempt_limit()
    }

    /// Ends an attempt that has nothing more to write.
    pub fn done(&self, app: &App) -> Result<(), Failure> {
        let claim = self.claim.clone();
        Ok(app.write_now(&Actor::System, move |tx, now| queue::finish(tx, &claim, now))?)
    }
}

/// Why an attempt failed, and what is to become of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What happened, to what.
    pub message: String,
    /// Whether it is tried again.
    pub verdict: Verdict,
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Failure {
        Failure { verdict: if error.is_transient() { Verdict::Retry } else { Verdict::GiveUp }, message: error.to_string() }
    }
}

impl From<git::Error> for Failure {
    fn from(error: git::Error) -> Failure {
        Failure { verdict: if error.is_transient() { Verdict::Retry } else { Verdict::GiveUp }, message: error.to_string() }
    }
}

impl From<git::InvalidSource> for Failure {
    fn from(error: git::InvalidSource) -> Failure {
        Failure { message: error.to_string(), verdict: Verdict::GiveUp }
    }
}

impl From<search::Error> for Failure {
    fn from(error: search::Error) -> Failure {
        Failure { verdict: Verdict::Retry, message: error.to_string() }
    }
}

/// Failures that only the store can mend; everything else would fail again.
macro_rules! store_or_give_up {
    ($($domain:ident),+) => {$(
        impl From<$domain::Error> for Failure {
            fn from(error: $domain::Error) -> Failure {
                if let $domain::Error::Store(error) = error {
                    return error.into();
                }
                Failure { message: error.to_string(), verdict: Verdict::GiveUp }
            }
        }
    )+};
}

store_or_give_up!(repos, secrets, checks, issues, accounts, queue, hooks, pull_requests);

/// Claims the next item of a lane that is due and performs it; says whether there was one.
pub fn run_next(app: &App, lane: Lane, holder: &str, held: Option<&Held>) -> store::Result<bool> {
    let name = holder.to_owned();
    let Some(claim) = app.write_now(&Actor::System, move |tx, now| queue::claim(tx, lane, &name, now))? else { return Ok(false) };
    let cancel = match &claim.work {
        Work::RunCheckSet { repo, attempt, .. } => app.cancel_token(*repo, Some(*attempt)),
        Work::SyncRepository { repo } | Work::FollowPull { repo, .. } => app.cancel_token(*repo, None),
        Work::AbandonCheckSet { .. }
        | Work::IndexIssues
        | Work::EraseRepository { .. }
        | Work::PollRepositories
        | Work::Expire
        | Work::Sweep
        | Work::Rewrap
        | Work::CloseBranch { .. }
        | Work::EraseUser { .. }
        | Work::InterpretDelivery { .. }
        | Work::PostStatus { .. }
        | Work::PostReport { .. }
        | Work::HealDeliveries
        | Work::MirrorRoles { .. }
        | Work::SyncPeople
        | Work::SyncPerson { .. }
        | Work::ListPulls { .. }
        | Work::PostComment { .. }
        | Work::ApproveFor { .. }
        | Work::AddListed { .. } => CancelToken::default(),
    };
    let attempt = Attempt { claim, cancel };
    let _held = held.map(|held| held.hold(&attempt));
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| perform(app, &attempt)))
        .unwrap_or_else(|panic| Err(Failure { message: format!("it panicked: {}", said(&*panic)), verdict: Verdict::Retry }));
    if let Err(failure) = outcome {
        let claim = attempt.claim;
        match failure.verdict {
            Verdict::Released => tracing::info!(work = claim.work.name(), id = %claim.id, "{} is put back: {failure}", claim.work.name()),
            Verdict::Retry | Verdict::RetryAfter(_) | Verdict::Away(_) | Verdict::GiveUp => {
                tracing::warn!(work = claim.work.name(), id = %claim.id, attempt = claim.attempt, "{} failed: {failure}", claim.work.name());
            }
        }
        app.away.note(&claim, failure.verdict);
        end(app, claim, failure)?;
    }
    hurry(app)?;
    Ok(true)
}

/// What failed since GitHub was away, and waits. What had failed before the process began is not remembered, and looked for once.
#[derive(Debug, Default)]
pub struct Away {
    failed: Mutex<HashSet<WorkId>>,
    has_looked: AtomicBool,
}

impl Away {
    /// The most that are remembered. What is not sits its wait out.
    const MOST: usize = 100_000;

    /// Remembers work that failed, if it was for that.
    fn note(&self, claim: &Claim, verdict: Verdict) {
        // A fetch does not tell why it failed.
        let is_fetch = claim.work.lane() == Lane::Git && verdict == Verdict::Retry;
        let mut all = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        if (is_fetch || matches!(verdict, Verdict::Away(_))) && all.len() < Away::MOST {
            all.insert(claim.id);
        }
    }

    fn take(&self, app: &App) -> store::Result<Vec<WorkId>> {
        let mut failed = std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner));
        if !self.has_looked.swap(true, Ordering::Relaxed) {
            failed.extend(Away::before(app)?);
        }
        Ok(failed.into_iter().collect())
    }

    /// What waits after it failed, of what may have asked GitHub.
    fn before(app: &App) -> store::Result<Vec<WorkId>> {
        let (mut failed, mut after) = (Vec::new(), None);
        loop {
            let page = app.read_now(|tx, _| queue::list(tx, WorkState::Ready, after.as_ref(), Limit::MAX))?;
            let waits = page.items.into_iter().filter(|item| item.attempts > 0 && matches!(item.lane, Lane::Git | Lane::Outbound));
            failed.extend(waits.map(|item| item.id));
            after = page.next;
            if after.is_none() || failed.len() >= Away::MOST {
                return Ok(failed);
            }
        }
    }
}

/// Once GitHub is back, has what waits for it go on without sitting out the wait that it was given.
fn hurry(app: &App) -> store::Result<()> {
    const AT_A_TIME: usize = 200;
    if app.hub.take_back() {
        for some in app.away.take(app)?.chunks(AT_A_TIME) {
            let some = some.to_vec();
            app.write_now(&Actor::System, move |tx, now| queue::hurry(tx, &some, now))?;
        }
    }
    Ok(())
}

/// Writes down that an attempt failed, unless another one has its place.
pub(super) fn end(app: &App, claim: Claim, failure: Failure) -> store::Result<()> {
    match app.write_now(&Actor::System, move |tx, now| queue::fail(tx, &claim, failure.verdict, &failure.message, now)) {
        Ok(_) | Err(queue::Error::Fenced { .. }) => Ok(()),
        Err(queue::Error::Store(error)) => Err(error),
        Err(error @ (queue::Error::NotFound { .. } | queue::Error::WrongState { .. })) => {
            tracing::error!("an attempt cannot be ended: {error}");
            Ok(())
        }
    }
}

/// What a panic said.
pub(super) fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a word").to_owned()
}

/// Carries out one attempt.
fn perform(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    match &attempt.claim.work {
        Work::SyncRepository { repo } => sync::perform(app, attempt, *repo),
        Work::RunCheckSet { repo, sha, attempt: wanted } => check::perform(app, attempt, *repo, *sha, *wanted),
        Work::AbandonCheckSet { repo, sha, attempt: given_up } => check::abandon(app, attempt, *repo, *sha, *given_up),
        Work::IndexIssues => indexing::perform(app, attempt),
        Work::EraseRepository { repo } => sync::erase(app, attempt, *repo),
        Work::PollRepositories => upkeep::poll(app, attempt),
        Work::Expire => upkeep::expire(app, attempt),
        Work::Sweep => sweep::perform(app, attempt),
        Work::CloseBranch { repo, head } => check::close_branch(app, attempt, *repo, *head),
        Work::Rewrap => rewrap::perform(app, attempt),
        Work::PostStatus { repo, sha, context } => github::post_status(app, attempt, *repo, *sha, *context),
        Work::PostReport { repo, sha } => github::post_report(app, attempt, *repo, *sha),
        Work::HealDeliveries => github::heal::perform(app, attempt),
        Work::EraseUser { user } => upkeep::erase_user(app, attempt, *user),
        Work::MirrorRoles { repo } => people::mirror_roles(app, attempt, *repo),
        Work::SyncPeople => people::sync_people(app, attempt),
        Work::SyncPerson { user } => people::sync_person(app, attempt, *user),
        Work::InterpretDelivery { delivery } => deliveries::perform(app, attempt, *delivery),
        Work::ListPulls { repo } => pulls::list(app, attempt, *repo),
        Work::FollowPull { repo, number } => pulls::follow(app, attempt, *repo, *number),
        Work::PostComment { repo, number } => github::comment::post(app, attempt, *repo, *number),
        Work::AddListed { delivery } => adding::perform(app, attempt, *delivery),
        Work::ApproveFor { repo, sha, by } => presses::approve(app, attempt, *repo, *sha, *by),
    }
}

/// Performs what is due in the caller's own turn until nothing is; answers how many items there were.
pub fn settle(app: &App) -> store::Result<usize> {
    let mut performed = 0;
    loop {
        let before = performed;
        for lane in Lane::ALL {
            while run_next(app, *lane, "settle", None)? {
                performed += 1;
            }
        }
        if performed == before {
            return Ok(performed);
        }
    }
}

/// The attempts that this process is making: their leases are lengthened, and they are told when they lost them.
#[derive(Debug, Clone, Default)]
pub struct Held {
    attempts: Arc<Mutex<HashMap<WorkId, Attempt>>>,
    /// Set before all that are held are told to stop: what is claimed in that moment is told as well.
    stopping: Arc<AtomicBool>,
}

impl Held {
    fn hold(&self, attempt: &Attempt) -> impl Drop + use<> {
        struct Letting(Held, WorkId);
        impl Drop for Letting {
            fn drop(&mut self) {
                self.0.attempts.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
            }
        }
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.insert(attempt.claim.id, attempt.clone());
        if self.stopping.load(Ordering::SeqCst) {
            attempt.cancel.trip();
        }
        drop(attempts);
        Letting(self.clone(), attempt.claim.id)
    }

    fn all(&self) -> Vec<Attempt> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Puts back what is still under way, for a process that ends without waiting for it: whatever such an attempt writes from now on is
    /// refused, and none of them counts.
    pub fn release(&self, app: &App) {
        for attempt in self.all() {
            let failure = Failure { message: "the process stopped and did not wait for it".to_owned(), verdict: Verdict::Released };
            if let Err(error) = end(app, attempt.claim, failure) {
                tracing::warn!("work that was under way could not be put back: {error}");
            }
        }
    }

    /// Tells all that are held, and all that will be, to stop.
    fn stop(&self) {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopping.store(true, Ordering::SeqCst);
        attempts.values().for_each(|attempt| attempt.cancel.trip());
    }

    fn beat(&self, app: &App) {
        for attempt in self.all() {
            let claim = attempt.claim.clone();
            match app.write_now(&Actor::System, move |tx, now| queue::heartbeat(tx, &claim, now)) {
                Ok(Pulse::Held) => {}
                Ok(Pulse::Canceled | Pulse::Lost) => attempt.cancel.trip(),
                Err(error) => tracing::warn!("a lease could not be lengthened: {error}"),
            }
        }
    }
}

/// How many sets of checks are under way at once, at most. Most of that time they wait: for programs, of which [`Admission`] lets in only so
/// many, or for their turn to judge. So there are more than processors, and several repositories whose programs take hours do not keep the
/// others from what is built in.
///
/// [`Admission`]: super::admission::Admission
const SETS: usize = 4 * queue::AT_ONCE_OF_ONE;

/// How many threads a lane has.
pub fn workers(lane: Lane) -> usize {
    match lane {
        Lane::Checks => SETS,
        Lane::Git => 2,
        // One after the other: what erases, what sweeps and what indexes must not cross.
        Lane::Upkeep => 1,
        // One: what a repository's deliveries say is written in the order in which it came.
        Lane::Hooks => 1,
        // Each waits for another machine, and hardly for this one.
        Lane::Outbound => 4,
        Lane::Inquiries => 2,
    }
}

/// The workers. They stop when told to, and are waited for.
pub struct Runner {
    app: App,
    stop: Arc<AtomicBool>,
    held: Held,
    threads: Vec<JoinHandle<()>>,
}

impl Runner {
    /// Starts the workers of every lane, and the one that keeps leases alive.
    pub fn start(app: &App) -> std::io::Result<Runner> {
        let mut runner = Runner { app: app.clone(), stop: Arc::default(), held: Held::default(), threads: Vec::new() };
        for lane in Lane::ALL {
            for n in 0..workers(*lane) {
                let name = format!("{lane}-{n}");
                let (app, stop, held, holder) = (app.clone(), Arc::clone(&runner.stop), runner.held.clone(), name.clone());
                runner.threads.push(std::thread::Builder::new().name(name).spawn(move || work(&app, *lane, &holder, &stop, &held))?);
            }
        }
        let (app, stop, held) = (app.clone(), Arc::clone(&runner.stop), runner.held.clone());
        runner.threads.push(std::thread::Builder::new().name("leases".to_owned()).spawn(move || keep_leases(&app, &stop, &held))?);
        Ok(runner)
    }

    /// The attempts that are being made, for whoever does not wait for [`Runner::stop`] to its end.
    pub fn held(&self) -> Held {
        self.held.clone()
    }

    /// Tells the workers to stop and waits for what they are at; running checks are told to stop, and begin anew at the next start.
    pub fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.held.stop();
        self.app.wake.rouse();
        for thread in self.threads {
            // A worker's panic was caught and told where it happened.
            let _ = thread.join();
        }
    }
}

fn work(app: &App, lane: Lane, holder: &str, stop: &AtomicBool, held: &Held) {
    while !stop.load(Ordering::SeqCst) {
        let registered = app.wake.register();
        // A page may have found out, and nothing else be due for hours.
        if let Err(error) = hurry(app) {
            tracing::warn!("what waited for GitHub sits its wait out: {error}");
        }
        // Looking costs a read; a claim, which is a write, is made only for what is due.
        let wait = match app.read_now(|tx, now| Ok::<_, store::Error>(queue::next_due(tx, lane)?.map(|due_at| due_at.since(now)))) {
            Ok(Some(Duration::ZERO)) => match run_next(app, lane, holder, Some(held)) {
                Ok(true) => continue,
                // Another was quicker.
                Ok(false) => LOOK_AGAIN,
                Err(error) => {
                    tracing::error!(lane = %lane, "cannot take work: {error}");
                    LOOK_AGAIN / 6
                }
            },
            Ok(Some(due_in)) => due_in.min(LOOK_AGAIN),
            Ok(None) => LOOK_AGAIN,
            Err(error) => {
                tracing::error!(lane = %lane, "cannot look for work: {error}");
                LOOK_AGAIN / 6
            }
        };
        if !stop.load(Ordering::SeqCst) {
            app.wake.wait(registered, wait);
        }
        // Whoever feeds the index also lets go of it: it may wait for a merge, and nobody else waits here.
        if lane == Lane::Upkeep {
            app.index.rest_if_idle(search::IDLE);
        }
    }
}

fn keep_leases(app: &App, stop: &AtomicBool, held: &Held) {
    let mut next = std::time::Instant::now() + HEARTBEAT;
    let mut look_at_host = Some(std::time::Instant::now() + LEFT_BEHIND);
    while !stop.load(Ordering::SeqCst) {
        let registered = app.wake.register();
        let now = std::time::Instant::now();
        if now >= next {
            held.beat(app);
            let reaped = app.write_now(&Actor::System, |tx, now| queue::reap(tx, REAPED_AT_A_TIME, now));
            if let Err(error) = reaped {
                tracing::warn!("expired leases could not be returned: {error}");
            }
            if look_at_host.take_if(|at| now >= *at).is_some() {
                app.sandboxes.sweep_host();
            }
            next = now + HEARTBEAT;
            continue;
        }
        app.wake.wait(registered, next - now);
    }
}
