//! Requests that may be sent twice and are carried out once.
//!
//! A caller who names a write by a key may send it again when no answer came, and is answered what was answered before. Two facts are
//! kept for that, each as soon as it is true. That a request was carried out is written *in the transaction that carried it out*, so no
//! crash can fall between the two; what was answered is added before it is sent. A request that was carried out and whose answer was
//! lost in between is therefore known as such: it is not carried out again, and its caller is told.
//!
//! What one caller can have kept is bounded. An answer for which there is no room is not kept, and of the request it is then known that
//! it was carried out; where there is no room for that either, a request with a key is not begun.
//!
//! What is kept is opaque here: who may read it, and how it is sealed, is decided where answers are made (`http/repeat.rs`).

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::base::event::Actor;
use crate::base::time::Timestamp;
use crate::engine::store::{self, AnyIndex, Index, ReadTx, Record, WriteTx};

/// How long a request is remembered.
pub const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);
/// How many requests are remembered of one caller.
pub const REQUESTS_PER_CALLER: u64 = 10_000;
/// How many bytes of answers are kept for one caller.
pub const BYTES_PER_CALLER: u64 = 16 << 20;

/// What tells a request that is to be carried out once from others: digests, from which neither key nor body can be had back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Once {
    /// Of whoever asks: the same for all of a person's sessions and tokens.
    pub whose: [u8; 32],
    /// Of the credential, the method, the path and the key.
    pub request: [u8; 32],
    /// Of all that, and of what was asked.
    pub asked: [u8; 32],
}

/// On whose behalf something is written, and whether that is to happen once.
#[derive(Debug, Clone)]
pub struct Behalf {
    /// Who acts, for the journal.
    pub actor: Actor,
    /// The request, if its caller gave it a key.
    pub once: Option<Once>,
}

impl From<&Actor> for Behalf {
    fn from(actor: &Actor) -> Behalf {
        Behalf { actor: actor.clone(), once: None }
    }
}

impl From<&Behalf> for Behalf {
    fn from(behalf: &Behalf) -> Behalf {
        behalf.clone()
    }
}

/// A request that was carried out or answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// [`Once::request`].
    pub request: [u8; 32],
    /// [`Once::asked`].
    pub asked: [u8; 32],
    /// [`Once::whose`].
    pub whose: [u8; 32],
    /// What was answered, sealed; `None` from when it was carried out until its answer is kept.
    pub answer: Option<Vec<u8>>,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

impl Repeat {
    fn answer_bytes(&self) -> u64 {
        self.answer.as_ref().map_or(0, |answer| answer.len() as u64)
    }
}

impl Record for Repeat {
    const TABLE: &'static str = "repeats";
    const VERSION: u16 = 1;
    type Key = [u8; 32];

    fn key(&self) -> [u8; 32] {
        self.request
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_END]
    }
}

const BY_END: Index<Repeat, Timestamp> = Index::on("by_end", |repeat| repeat.expires_at);

/// What is remembered of one caller in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// [`Once::whose`].
    pub whose: [u8; 32],
    /// How many requests.
    pub requests: u64,
    /// How many bytes their answers take.
    pub bytes: u64,
}

impl Record for Tally {
    const TABLE: &'static str = "repeat_tallies";
    const VERSION: u16 = 1;
    type Key = [u8; 32];

    fn key(&self) -> [u8; 32] {
        self.whose
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[]
    }
}

/// What is remembered of a request.
pub fn find(tx: &ReadTx, once: &Once, now: Timestamp) -> store::Result<Option<Repeat>> {
    Ok(tx.get::<Repeat>(&once.request)?.filter(|repeat| now < repeat.expires_at))
}

/// Whether one more request of this caller can be remembered.
pub fn has_room(tx: &ReadTx, once: &Once) -> store::Result<bool> {
    Ok(tally(tx, &once.whose)?.requests < REQUESTS_PER_CALLER)
}

/// Writes down, beside what a request changes, that it was carried out.
pub fn carried_out(tx: &mut WriteTx, once: &Once, now: Timestamp) -> store::Result<()> {
    put(tx, once, None, now)
}

/// Adds what was answered, if the caller has room for it.
pub fn answered(tx: &mut WriteTx, once: &Once, answer: Vec<u8>, now: Timestamp) -> store::Result<()> {
    let kept = tally(tx, &once.whose)?;
    let is_known = tx.has::<Repeat>(&once.request)?;
    if kept.bytes + answer.len() as u64 > BYTES_PER_CALLER || (!is_known && kept.requests >= REQUESTS_PER_CALLER) {
        return Ok(());
    }
    put(tx, once, Some(answer), now)
}

fn put(tx: &mut WriteTx, once: &Once, answer: Option<Vec<u8>>, now: Timestamp) -> store::Result<()> {
    forget(tx, &once.request)?;
    let repeat = Repeat { request: once.request, asked: once.asked, whose: once.whose, answer, expires_at: now + REMEMBERED };
    let kept = tally(tx, &once.whose)?;
    tx.put(&Tally { requests: kept.requests + 1, bytes: kept.bytes + repeat.answer_bytes(), ..kept })?;
    tx.put(&repeat)
}

fn tally(tx: &ReadTx, whose: &[u8; 32]) -> store::Result<Tally> {
    Ok(tx.get::<Tally>(whose)?.unwrap_or(Tally { whose: *whose, requests: 0, bytes: 0 }))
}

fn forget(tx: &mut WriteTx, request: &[u8; 32]) -> store::Result<()> {
    let Some(repeat) = tx.get::<Repeat>(request)? else { return Ok(()) };
    let kept = tally(tx, &repeat.whose)?;
    let left = Tally { requests: kept.requests.saturating_sub(1), bytes: kept.bytes.saturating_sub(repeat.answer_bytes()), ..kept };
    if left.requests == 0 {
        tx.remove::<Tally>(&left.whose)?;
    } else {
        tx.put(&left)?;
    }
    tx.remove::<Repeat>(request)?;
    Ok(())
}

/// Forgets requests whose time is over, at most `limit`; answers how many.
pub fn expire(tx: &mut WriteTx, limit: usize, now: Timestamp) -> store::Result<usize> {
    let over = tx.find(&BY_END.up_to(&now), limit)?;
    for repeat in &over {
        forget(tx, &repeat.request)?;
    }
    Ok(over.len())
}

/// The requests with a key that are being carried out in this process, which is the only one that writes.
#[derive(Debug, Clone, Default)]
pub struct UnderWay(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    begun: Mutex<HashSet<[u8; 32]>>,
    /// None is under way any more.
    ended: Notify,
}

/// A request is being carried out for as long as this lives.
#[derive(Debug)]
pub struct Begun {
    under_way: UnderWay,
    request: [u8; 32],
}

impl UnderWay {
    /// Begins a request; `None` if it is under way already.
    pub fn begin(&self, once: &Once) -> Option<Begun> {
        let is_first = self.begun().insert(once.request);
        is_first.then(|| Begun { under_way: self.clone(), request: once.request })
    }

    /// Waits until none is under way.
    pub async fn ended(&self) {
        loop {
            // Registered before it is looked: one that ends in between is noticed.
            let mut ended = pin!(self.0.ended.notified());
            ended.as_mut().enable();
            if self.begun().is_empty() {
                return;
            }
            ended.await;
        }
    }

    fn begun(&self) -> MutexGuard<'_, HashSet<[u8; 32]>> {
        self.0.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut begun = self.under_way.begun();
        begun.remove(&self.request);
        if begun.is_empty() {
            self.under_way.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::app::config::Config;
    use crate::base::id::Ids;
    use crate::base::time::Clock;
    use crate::domain::accounts::{self, InstanceRole};

    #[tokio::test]
    async fn what_was_written_once_and_that_it_was_are_one_write() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_seconds(1_000));
        let app = App::in_memory(Config::in_directory(dir.path()), clock.clone(), Ids::seeded(1)).unwrap();
        let once = Once { whose: [9; 32], request: [1; 32], asked: [2; 32] };
        let behalf = Behalf { once: Some(once), ..Behalf::from(&Actor::System) };
        let create = async || app.write(&behalf, |tx, now| accounts::create_user(tx, "ada", InstanceRole::Member, now)).await;
        let known = || app.read_now(|tx, now| find(tx, &once, now)).unwrap();
        assert_eq!(known(), None);
        create().await.unwrap();
        let remembered = Repeat { request: [1; 32], asked: [2; 32], whose: [9; 32], answer: None, expires_at: clock.now() + REMEMBERED };
        assert_eq!(known(), Some(remembered));
        clock.advance(REMEMBERED);
        assert_eq!(known(), None);
        assert_eq!(app.write_now(&Actor::System, |tx, now| expire(tx, 10, now)).unwrap(), 1);
        // What was not written was not carried out.
        create().await.unwrap_err();
        assert_eq!(known(), None);
    }

    #[test]
    fn one_caller_has_room_for_so_much_and_what_ends_makes_room_again() {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_seconds(1_000));
        let app = App::in_memory(Config::in_directory(dir.path()), clock.clone(), Ids::seeded(1)).unwrap();
        let nth = |n: u64| {
            let mut request = [0; 32];
            request[..8].copy_from_slice(&n.to_be_bytes());
            Once { whose: [9; 32], request, asked: [2; 32] }
        };
        let write = |verb: fn(&mut WriteTx, Timestamp, Once) -> store::Result<()>, from: u64, to: u64| {
            app.write_now(&Actor::System, move |tx, now| (from..to).try_for_each(|n| verb(tx, now, nth(n)))).unwrap();
        };
        let answer = |n: u64| app.read_now(|tx, now| find(tx, &nth(n), now)).unwrap().map(|repeat| repeat.answer.map(|a| a.len()));
        let has_room = |once: Once| app.read_now(|tx, _| has_room(tx, &once)).unwrap();
        // In bytes: what has no room is known to have been carried out, and what was only refused is not known.
        write(
            |tx, now, once| {
                carried_out(tx, &once, now)?;
                answered(tx, &once, vec![0; 8 << 20], now)
            },
            0,
            3,
        );
        assert_eq!([answer(0), answer(1), answer(2)], [Some(Some(8 << 20)), Some(Some(8 << 20)), Some(None)]);
        write(|tx, now, once| answered(tx, &once, vec![0; 10], now), 3, 4);
        assert_eq!(answer(3), None);
        clock.advance(REMEMBERED);
        assert_eq!(app.write_now(&Actor::System, |tx, now| expire(tx, 10, now)).unwrap(), 3);
        assert_eq!(app.read_now(|tx, _| tx.count(&store::Scan::<Tally>::all(), 10)).unwrap(), 0);
        // In number; another caller has room of its own.
        write(|tx, now, once| answered(tx, &once, vec![0; 10], now), 0, REQUESTS_PER_CALLER);
        write(|tx, now, once| answered(tx, &once, vec![0; 10], now), REQUESTS_PER_CALLER, REQUESTS_PER_CALLER + 1);
        assert_eq!((answer(REQUESTS_PER_CALLER - 1), answer(REQUESTS_PER_CALLER)), (Some(Some(10)), None));
        assert!(!has_room(nth(0)));
        assert!(has_room(Once { whose: [8; 32], ..nth(0) }));
        // Nothing is over yet, and so nothing is gone through.
        assert_eq!(app.write_now(&Actor::System, |tx, now| expire(tx, 10, now)).unwrap(), 0);
    }

    #[test]
    fn a_request_is_under_way_once() {
        let under_way = UnderWay::default();
        let once = Once { whose: [9; 32], request: [1; 32], asked: [2; 32] };
        let begun = under_way.begin(&once).unwrap();
        assert!(under_way.begin(&Once { asked: [3; 32], ..once }).is_none());
        assert!(under_way.begin(&Once { request: [4; 32], ..once }).is_some());
        drop(begun);
        assert!(under_way.begin(&once).is_some());
    }
}
