//! The durable queue: intentions that survive a crash, over the same transactions as everything else.
//!
//! An item is pushed in the transaction that gives cause for it, and finished in the transaction that writes its results; in between it
//! is carried out by whoever holds its lease, outside of any transaction. So an intention is never lost and never without its cause,
//! and an attempt whose lease has passed to somebody else cannot write: its lease number is no longer the item's (fencing).
//!
//! Carrying out is at least once. What makes repetition harmless is said where each kind of work is performed.
//!
//! The queue does not know what work is, beyond what [`Work`] says of itself: its lane, its key, how often it may be tried.

use std::time::Duration;

use crate::base::backoff;
use crate::base::event::Event;
use crate::base::id::WorkId;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::base::work::{Lane, Work};
use crate::engine::store::{self, ReadTx, WriteTx};

mod item;
mod turn;

pub use item::{BY_DUE, BY_LEASE, BY_STATE, BY_UNIQUE, Lease, WorkItem, WorkState};
pub use turn::{AT_ONCE_OF_ONE, BY_REPO, Served, forget};

/// What can fail in the queue.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The lease has passed to another attempt: this one's results must not be written.
    #[error("work {id} is carried out by another attempt now; the results of this one are dropped")]
    Fenced {
        /// The item.
        id: WorkId,
    },
    /// There is no such item.
    #[error("no work {id} is in the queue")]
    NotFound {
        /// What was looked for.
        id: WorkId,
    },
    /// The item is not in a state that allows this.
    #[error("work {id} is {state}; only dead work can be retried, and only work that is not being carried out can be discarded")]
    WrongState {
        /// The item.
        id: WorkId,
        /// How it stands.
        state: WorkState,
    },
}

/// A result of the queue.
pub type Result<T> = std::result::Result<T, Error>;

/// The right to carry out an item once, until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The item.
    pub id: WorkId,
    /// What is to be done.
    pub work: Work,
    /// Which attempt this is, from 1; anew where there was [news](Work::longest_wait).
    pub attempt: u32,
    /// Whether there was one before that did not end well: what it did is not known.
    pub is_again: bool,
    /// Which lease of the item this is.
    number: u64,
}

/// What is to become of an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after the schedule's wait.
    Retry,
    /// Try again, and not before this long.
    RetryAfter(Duration),
    /// What it needs is away: try again after the schedule's wait, or not before this long, or once it is [back](hurry).
    Away(Option<Duration>),
    /// It would fail again: give it up.
    GiveUp,
    /// The process stops, and the work is not at fault: the attempt does not count.
    Released,
}

/// What a heartbeat learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulse {
    /// The lease was lengthened; go on.
    Held,
    /// Somebody asks the attempt to stop.
    Canceled,
    /// The lease is another attempt's; stop, and write nothing.
    Lost,
}

/// Whether work was pushed once more since it was claimed: it is carried out again once this attempt has ended.
pub fn is_wanted_again(tx: &ReadTx, claim: &Claim) -> store::Result<bool> {
    Ok(tx.get::<WorkItem>(&claim.id)?.is_some_and(|item| item.again.is_some()))
}

/// Puts work in the queue, to be carried out no earlier than `due_at`.
///
/// Work with a unique key is one item however often it is pushed: while it waits, a push can only bring it forward; while it is being
/// carried out, a push has it carried out once more afterwards. What was given up does not stand in the way. Work for which somebody
/// waits ([`Work::longest_wait`]) begins its waits anew with each push after it failed: its next failure is the first that the news has.
pub fn push(tx: &mut WriteTx, work: Work, due_at: Timestamp, now: Timestamp) -> store::Result<WorkId> {
    let unique = work.unique_key();
    if let Some(key) = &unique
        && let Some(mut present) = tx.first(&BY_UNIQUE.exactly(key))?
    {
        match present.state {
            WorkState::Ready if due_at < present.due_at => {
                present.due_at = due_at;
                // One that took the process with it has not failed, and has so many attempts and no more.
                if present.has_failed && present.work.longest_wait().is_some() {
                    present.attempts = 0;
                }
            }
            WorkState::Ready => {}
            WorkState::Leased => present.again = Some(present.again.map_or(due_at, |again| again.min(due_at))),
            WorkState::Dead => unreachable!("an item that is given up leaves the index of keys"),
        }
        tx.put(&present)?;
        return Ok(present.id);
    }
    let id = tx.new_id(now);
    tx.put(&WorkItem {
        id,
        lane: work.lane(),
        work,
        state: WorkState::Ready,
        attempts: 0,
        due_at,
        unique,
        is_again: false,
        has_failed: false,
        lease: None,
        leases: 0,
        again: None,
        is_canceled: false,
        last_error: None,
        enqueued_at: now,
    })?;
    Ok(id)
}

/// Takes the first item of a lane that is due, if there is one; where a lane is shared by turns, the first of the repository that was
/// served longest ago, of those of which no more than [`AT_ONCE_OF_ONE`] are carried out. The attempt is counted now, so that work which takes the process with it is given up in the end.
pub fn claim(tx: &mut WriteTx, lane: Lane, holder: &str, now: Timestamp) -> store::Result<Option<Claim>> {
    loop {
        let first = if lane.takes_turns() { turn::next(tx, lane, now)? } else { tx.first(&BY_DUE.prefix(lane as u8))? };
        let Some(mut item) = first.filter(|item| item.due_at <= now) else { return Ok(None) };
        if item.attempts >= item.work.attempt_limit() {
            // It was returned by a crash after its last attempt.
            let error = item.last_error.clone().unwrap_or_else(|| "the process ended while it was being carried out".to_owned());
            give_up(tx, item, error, now)?;
            continue;
        }
        let is_again = std::mem::replace(&mut item.is_again, true);
        item.state = WorkState::Leased;
        item.attempts += 1;
        item.leases += 1;
        item.lease = Some(Lease { holder: holder.to_owned(), expires_at: now + item.work.lease(), number: item.leases });
        tx.put(&item)?;
        if lane.takes_turns() {
            turn::take(tx, lane, item.work.repo())?;
        }
        return Ok(Some(Claim { id: item.id, work: item.work, attempt: item.attempts, is_again, number: item.leases }));
    }
}

/// The item under a claim, if the claim still holds.
fn held(tx: &ReadTx, claim: &Claim) -> Result<WorkItem> {
    tx.get::<WorkItem>(&claim.id)?
        .filter(|item| item.lease.as_ref().is_some_and(|lease| lease.number == claim.number))
        .ok_or(Error::Fenced { id: claim.id })
}

/// Lengthens a claim's lease and hears whether to go on.
pub fn heartbeat(tx: &mut WriteTx, claim: &Claim, now: Timestamp) -> Result<Pulse> {
    let mut item = match held(tx, claim) {
        Ok(item) => item,
        Err(Error::Fenced { .. }) => return Ok(Pulse::Lost),
        Err(error) => return Err(error),
    };
    if item.is_canceled {
        return Ok(Pulse::Canceled);
    }
    if let Some(lease) = &mut item.lease {
        lease.expires_at = now + item.work.lease();
    }
    tx.put(&item)?;
    Ok(Pulse::Held)
}

/// Whether a claim still holds: what writes results in several transactions asks in each.
pub fn check(tx: &ReadTx, claim: &Claim) -> Result<()> {
    held(tx, claim).map(drop)
}

/// Ends a claim whose work is done. Call it in the transaction that writes the results: it refuses if the claim no longer holds, and
/// the results are dropped with the transaction.
pub fn finish(tx: &mut WriteTx, claim: &Claim, now: Timestamp) -> Result<()> {
    let item = held(tx, claim)?;
    end(tx, item, now)?;
    Ok(())
}

/// Ends a claim whose work failed: it waits for its next attempt, or is given up if there is none. Answers how the item stands then;
/// `None` if it is gone, since somebody had asked the attempt to stop.
pub fn fail(tx: &mut WriteTx, claim: &Claim, verdict: Verdict, error: &str, now: Timestamp) -> Result<Option<WorkState>> {
    let mut item = held(tx, claim)?;
    if item.is_canceled {
        return Ok(end(tx, item, now)?);
    }
    let error = crate::base::text::clip(error, ERROR_BYTES).into_owned();
    if item.again.is_some() && item.work.longest_wait().is_some() && verdict != Verdict::Released {
        // There was news while it was tried.
        item.attempts = 1;
    }
    let wait = match verdict {
        Verdict::GiveUp => None,
        Verdict::Released => {
            item.attempts = item.attempts.saturating_sub(1);
            Some(RELEASED_FOR)
        }
        _ if item.attempts >= item.work.attempt_limit() => None,
        Verdict::Retry | Verdict::Away(None) => {
            Some(backoff::after(item.attempts, spread(&item)).min(item.work.longest_wait().unwrap_or(Duration::MAX)))
        }
        Verdict::RetryAfter(wait) | Verdict::Away(Some(wait)) => Some(wait.max(Duration::from_secs(1))),
    };
    let Some(wait) = wait else {
        give_up(tx, item, error, now)?;
        return Ok(Some(WorkState::Dead));
    };
    item.has_failed |= verdict != Verdict::Released;
    wait_until(&mut item, now + wait, error);
    tx.put(&item)?;
    Ok(Some(WorkState::Ready))
}

/// Returns an item to those that wait, with the attempts it has left.
fn wait_until(item: &mut WorkItem, due_at: Timestamp, error: String) {
    item.state = WorkState::Ready;
    item.lease = None;
    item.due_at = due_at;
    // Whoever asked for it once more while it ran is served by the next attempt, unless that comes too early for them.
    item.again = item.again.filter(|again| *again > due_at);
    item.last_error = Some(error);
}

/// Ends an item: it is gone, or begins anew if it was pushed while it was being carried out.
fn end(tx: &mut WriteTx, item: WorkItem, now: Timestamp) -> store::Result<Option<WorkState>> {
    match item.again {
        Some(due_at) => restart(tx, item, due_at, now).map(|()| Some(WorkState::Ready)),
        None => tx.remove::<WorkItem>(&item.id).map(|_| None),
    }
}

/// How long what was released waits, so that a worker which has not heard of the stop yet does not take it up again.
const RELEASED_FOR: Duration = Duration::from_secs(1);

/// How much of an error an item keeps.
const ERROR_BYTES: usize = 2_000;

fn spread(item: &WorkItem) -> u64 {
    use crate::base::id::Id;
    u64::try_from(item.id.as_u128() & u128::from(u64::MAX)).unwrap_or(0).wrapping_add(u64::from(item.attempts))
}

fn restart(tx: &mut WriteTx, mut item: WorkItem, due_at: Timestamp, now: Timestamp) -> store::Result<()> {
    item.state = WorkState::Ready;
    item.attempts = 0;
    (item.is_again, item.has_failed) = (false, false);
    item.due_at = due_at;
    item.lease = None;
    item.again = None;
    item.is_canceled = false;
    item.last_error = None;
    item.enqueued_at = now;
    tx.put(&item)
}

fn give_up(tx: &mut WriteTx, mut item: WorkItem, error: String, now: Timestamp) -> store::Result<()> {
    let again = item.again.take();
    let (id, work) = (item.id, item.work.clone());
    item.state = WorkState::Dead;
    item.lease = None;
    item.last_error = Some(error);
    tx.put(&item)?;
    tx.record(Event::WorkDied { work: id, was: work.clone() }, now)?;
    // A push that came while it ran has a cause of its own.
    if let Some(due_at) = again {
        push(tx, work, due_at, now)?;
    }
    Ok(())
}

/// Asks that work be stopped: what waits is removed, what is being carried out hears of it at its next heartbeat. Says whether there
/// was any.
pub fn cancel(tx: &mut WriteTx, unique_key: &str) -> store::Result<bool> {
    let Some(mut item) = tx.first(&BY_UNIQUE.exactly(&unique_key.to_owned()))? else { return Ok(false) };
    match item.state {
        WorkState::Ready => {
            tx.remove::<WorkItem>(&item.id)?;
        }
        WorkState::Leased | WorkState::Dead => {
            item.is_canceled = true;
            item.again = None;
            tx.put(&item)?;
        }
    }
    Ok(true)
}

/// Returns items whose lease has expired, at most `limit`, so that another attempt takes them.
pub fn reap(tx: &mut WriteTx, limit: usize, now: Timestamp) -> store::Result<usize> {
    let mut returned = 0;
    for item in tx.find(&BY_LEASE.all(), limit)? {
        if item.lease.as_ref().is_some_and(|lease| lease.expires_at > now) {
            break;
        }
        release(tx, item, "its lease expired: the attempt was not heard of", now)?;
        returned += 1;
    }
    Ok(returned)
}

/// Returns every item that an earlier process held, at start, without waiting for leases to expire; at most `limit` at a time.
pub fn recover(tx: &mut WriteTx, limit: usize, now: Timestamp) -> store::Result<usize> {
    let held = tx.find(&BY_LEASE.all(), limit)?;
    let returned = held.len();
    for item in held {
        release(tx, item, "the process ended while it was being carried out", now)?;
    }
    Ok(returned)
}

fn release(tx: &mut WriteTx, mut item: WorkItem, why: &str, now: Timestamp) -> store::Result<()> {
    if item.is_canceled {
        return end(tx, item, now).map(drop);
    }
    wait_until(&mut item, now, why.to_owned());
    item.has_failed = false;
    tx.put(&item)
}

/// Has these take their next attempt soon, if they would wait long: what they failed by is over, and none of them was at fault, so that the
/// attempt that failed does not count. They are spread out, and come back once however often they are named.
pub fn hurry(tx: &mut WriteTx, ids: &[WorkId], now: Timestamp) -> store::Result<()> {
    for id in ids {
        let Some(mut item) = tx.get::<WorkItem>(id)? else { continue };
        if item.state == WorkState::Ready && item.due_at > now + HURRIED {
            item.due_at = now + HURRIED * u32::try_from(spread(&item) % 1_000).expect("below 1,000") / 1_000;
            item.attempts = item.attempts.saturating_sub(1);
            tx.put(&item)?;
        }
    }
    Ok(())
}

/// Over how long what is hurried is spread.
const HURRIED: Duration = Duration::from_secs(10);

/// Whether work like this waits or is being carried out; for work without a key, no.
pub fn is_going(tx: &ReadTx, work: &Work) -> store::Result<bool> {
    match work.unique_key() {
        Some(key) => Ok(tx.first(&BY_UNIQUE.exactly(&key))?.is_some()),
        None => Ok(false),
    }
}

/// When the next item of a lane is due that may be claimed, if one waits.
pub fn next_due(tx: &ReadTx, lane: Lane) -> store::Result<Option<Timestamp>> {
    if lane.takes_turns() {
        return turn::next_due(tx, lane);
    }
    Ok(tx.first(&BY_DUE.prefix(lane as u8))?.map(|item| item.due_at))
}

/// The item under an id.
pub fn find(tx: &ReadTx, id: WorkId) -> Result<WorkItem> {
    tx.get::<WorkItem>(&id)?.ok_or(Error::NotFound { id })
}

/// The items in a state, oldest first.
pub fn list(tx: &ReadTx, state: WorkState, after: Option<&Cursor>, limit: Limit) -> store::Result<Page<WorkItem>> {
    tx.page(&BY_STATE.prefix(state as u8).after(after), limit)
}

/// Gives dead work another set of attempts.
pub fn retry(tx: &mut WriteTx, id: WorkId, now: Timestamp) -> Result<()> {
    let item = find(tx, id)?;
    if item.state != WorkState::Dead {
        return Err(Error::WrongState { id, state: item.state });
    }
    // Through the front door, so that an item with the same key that came meanwhile is not doubled.
    tx.remove::<WorkItem>(&id)?;
    push(tx, item.work, now, now)?;
    Ok(())
}

/// The items of work that is meant and that nobody carries out: they wait, or were given up.
pub fn resting(tx: &ReadTx, is_meant: impl Fn(&Work) -> bool) -> store::Result<Vec<WorkId>> {
    let mut resting = Vec::new();
    for state in [WorkState::Ready, WorkState::Dead] {
        let mut after = None;
        loop {
            let page = list(tx, state, after.as_ref(), Limit::MAX)?;
            resting.extend(page.items.iter().filter(|item| is_meant(&item.work)).map(|item| item.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(resting)
}

/// Removes work that is not being carried out.
pub fn discard(tx: &mut WriteTx, id: WorkId) -> Result<()> {
    let item = find(tx, id)?;
    if item.state == WorkState::Leased {
        return Err(Error::WrongState { id, state: item.state });
    }
    tx.remove::<WorkItem>(&id)?;
    Ok(())
}
