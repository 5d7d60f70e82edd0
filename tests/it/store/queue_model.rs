//! The queue against a plain map: random pushes, claims, ends, cancellations, crashes and the passing of time.
//!
//! Claims are kept after they end, so that most of what is tried with one is tried too late: it must be refused and change nothing,
//! neither the queue nor the result that was written beside it.

use std::collections::BTreeMap;
use std::time::Duration;

use plumbline::base::backoff;
use plumbline::base::event::Event;
use plumbline::base::id::{AttemptId, Id, Ids, RepoId, WorkId};
use plumbline::base::name::CommitSha;
use plumbline::base::time::Timestamp;
use plumbline::base::work::{Lane, Work};
use plumbline::engine::queue::{self, Claim, Pulse, Served, Verdict, WorkItem, WorkState};
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{self, Record, Scan, Schema, Store, TableSpec, WriteTx};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

/// What an attempt writes beside its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Outcome(u64);

impl Record for Outcome {
    const TABLE: &'static str = "outcomes";
    const VERSION: u16 = 1;
    type Key = u64;

    fn key(&self) -> u64 {
        self.0
    }
}

#[derive(Debug, Clone)]
enum Command {
    Push { what: usize, after: Duration },
    Claim(Lane),
    Heartbeat(usize),
    Finish(usize),
    Fail(usize, Verdict),
    Cancel(usize),
    Reap(usize),
    Recover,
    Retry(usize),
    Discard(usize),
    Hurry(usize),
    Wait(Duration),
}

/// The work that is pushed: few, so that they meet; of several lanes, limits and keys.
fn work(what: usize) -> Work {
    let repo = RepoId::from_u128((what % 3) as u128);
    match what {
        0..3 => Work::SyncRepository { repo },
        3..6 => Work::RunCheckSet { repo, sha: CommitSha::from_bytes([7; 20]), attempt: AttemptId::from_u128(what as u128) },
        6 => Work::PollRepositories,
        _ => Work::Sweep,
    }
}
const WORKS: usize = 8;

fn command() -> impl Strategy<Value = Command> {
    let seconds = |values: Vec<u64>| prop::sample::select(values).prop_map(Duration::from_secs);
    let lane = prop::sample::select(vec![Lane::Git, Lane::Checks, Lane::Upkeep]);
    let verdict = prop_oneof![
        4 => Just(Verdict::Retry),
        1 => Just(Verdict::GiveUp),
        2 => Just(Verdict::Released),
        2 => seconds(vec![0, 5, 500]).prop_map(Verdict::RetryAfter),
        1 => Just(Verdict::Away(None)),
        1 => Just(Verdict::Away(Some(Duration::from_secs(500)))),
    ];
    prop_oneof![
        6 => (0..WORKS, seconds(vec![0, 0, 30, 1_000])).prop_map(|(what, after)| Command::Push { what, after }),
        8 => lane.prop_map(Command::Claim),
        2 => (0_usize..6).prop_map(Command::Heartbeat),
        3 => (0_usize..6).prop_map(Command::Finish),
        4 => (0_usize..6, verdict).prop_map(|(claim, verdict)| Command::Fail(claim, verdict)),
        2 => (0..WORKS).prop_map(Command::Cancel),
        2 => (1_usize..3).prop_map(Command::Reap),
        1 => Just(Command::Recover),
        2 => (0_usize..8).prop_map(Command::Retry),
        1 => (0_usize..8).prop_map(Command::Discard),
        2 => (0_usize..8).prop_map(Command::Hurry),
        4 => seconds(vec![1, 25, 61, 2_000]).prop_map(Command::Wait),
    ]
}

/// An item as the model has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    work: Work,
    state: WorkState,
    attempts: u32,
    is_again: bool,
    has_failed: bool,
    due_at: Timestamp,
    /// Until when, and which one.
    lease: Option<(Timestamp, u64)>,
    leases: u64,
    again: Option<Timestamp>,
    is_canceled: bool,
}

impl Item {
    fn new(work: Work, due_at: Timestamp) -> Item {
        Item {
            work,
            state: WorkState::Ready,
            attempts: 0,
            is_again: false,
            has_failed: false,
            due_at,
            lease: None,
            leases: 0,
            again: None,
            is_canceled: false,
        }
    }

    fn of(stored: &WorkItem) -> Item {
        Item {
            work: stored.work.clone(),
            state: stored.state,
            attempts: stored.attempts,
            is_again: stored.is_again,
            has_failed: stored.has_failed,
            due_at: stored.due_at,
            lease: stored.lease.as_ref().map(|lease| (lease.expires_at, lease.number)),
            leases: stored.leases,
            again: stored.again,
            is_canceled: stored.is_canceled,
        }
    }

    fn wait_until(&mut self, due_at: Timestamp) {
        (self.state, self.lease, self.due_at) = (WorkState::Ready, None, due_at);
        self.again = self.again.filter(|again| *again > due_at);
    }
}

/// A claim, and the lease it stood for.
type Held = (Claim, WorkId, u64);

struct World {
    store: Store,
    now: Timestamp,
    items: BTreeMap<WorkId, Item>,
    /// When each repository was last served in the lane of checks.
    turns: BTreeMap<Option<RepoId>, usize>,
    /// Every claim there ever was.
    claims: Vec<Held>,
    outcomes: Vec<u64>,
    died: Vec<WorkId>,
    attempted: u64,
}

impl World {
    fn new() -> World {
        let tables = vec![TableSpec::of::<WorkItem>(), TableSpec::of::<Served>(), TableSpec::of::<Journaled>(), TableSpec::of::<Outcome>()];
        let schema = Schema { number: 1, tables, migrations: &[] };
        World {
            store: Store::in_memory(schema, Ids::seeded(9), Box::new(|_| {})).unwrap(),
            now: Timestamp::from_seconds(1_000_000),
            items: BTreeMap::new(),
            turns: BTreeMap::new(),
            claims: Vec::new(),
            outcomes: Vec::new(),
            died: Vec::new(),
            attempted: 0,
        }
    }

    fn write<T, E>(&self, verb: impl Fn(&mut WriteTx) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        self.store.write(verb)
    }

    fn stored(&self) -> BTreeMap<WorkId, Item> {
        let items: Vec<WorkItem> = self.store.read().unwrap().find(&Scan::all(), 10_000).unwrap();
        items.iter().map(|item| (item.id, Item::of(item))).collect()
    }

    /// The `n`-th last claim.
    fn claim(&self, n: usize) -> Option<Held> {
        self.claims.iter().rev().nth(n).cloned()
    }

    fn holds(&self, (_, id, number): &Held) -> bool {
        self.items.get(id).and_then(|item| item.lease).is_some_and(|(_, held)| held == *number)
    }

    /// What waits or is carried out under the work's key.
    fn alive(&mut self, work: &Work) -> Option<(WorkId, &mut Item)> {
        self.items.iter_mut().find(|(_, item)| item.work == *work && item.state != WorkState::Dead).map(|(id, item)| (*id, item))
    }

    /// A push as the model sees it; answers the item that takes it in, if one does.
    fn push_to_model(&mut self, work: &Work, due_at: Timestamp) -> Option<WorkId> {
        let (id, item) = self.alive(work)?;
        if item.state == WorkState::Ready {
            if due_at < item.due_at && item.has_failed && item.work.longest_wait().is_some() {
                item.attempts = 0;
            }
            item.due_at = item.due_at.min(due_at);
        } else {
            item.again = Some(item.again.map_or(due_at, |again| again.min(due_at)));
        }
        Some(id)
    }

    /// Takes the one item that the store has and the model has not.
    fn adopt(&mut self, work: &Work, due_at: Timestamp) {
        let known = std::mem::take(&mut self.items);
        let new: Vec<WorkId> = self.stored().into_keys().filter(|id| !known.contains_key(id)).collect();
        self.items = known;
        let [id] = new[..] else { panic!("one item is new: {new:?}") };
        self.items.insert(id, Item::new(work.clone(), due_at));
    }

    fn give_up(&mut self, id: WorkId) {
        let item = self.items.get_mut(&id).unwrap();
        (item.state, item.lease) = (WorkState::Dead, None);
        self.died.push(id);
        if let Some(due_at) = item.again.take() {
            let work = item.work.clone();
            self.adopt(&work, due_at);
        }
    }

    /// An item that is over: gone, or begun anew.
    fn end(&mut self, id: WorkId) {
        let item = self.items.get_mut(&id).unwrap();
        match item.again {
            Some(due_at) => *item = Item { leases: item.leases, ..Item::new(item.work.clone(), due_at) },
            None => drop(self.items.remove(&id)),
        }
    }

    fn release(&mut self, id: WorkId) {
        let (now, item) = (self.now, self.items.get_mut(&id).unwrap());
        if item.is_canceled {
            self.end(id);
        } else {
            item.wait_until(now);
            item.has_failed = false;
        }
    }

    fn leased(&self) -> Vec<(Timestamp, WorkId)> {
        let mut leased: Vec<_> = self.items.iter().filter_map(|(id, item)| Some((item.lease?.0, *id))).collect();
        leased.sort_unstable();
        leased
    }

    fn perform(&mut self, command: &Command) {
        let now = self.now;
        match command.clone() {
            Command::Push { what, after } => {
                let (work, due_at) = (work(what), now + after);
                let pushed = work.clone();
                let id = self.write(move |tx| queue::push(tx, pushed.clone(), due_at, now)).unwrap();
                match self.push_to_model(&work, due_at) {
                    Some(taken_in_by) => assert_eq!(id, taken_in_by),
                    None => drop(self.items.insert(id, Item::new(work, due_at))),
                }
            }
            Command::Claim(lane) => self.claim_one(lane),
            Command::Heartbeat(n) => {
                let Some(held) = self.claim(n) else { return };
                let claim = held.0.clone();
                let pulse = self.write(move |tx| queue::heartbeat(tx, &claim, now)).unwrap();
                let is_held = self.holds(&held);
                let expected = match self.items.get_mut(&held.1).filter(|_| is_held) {
                    None => Pulse::Lost,
                    Some(item) if item.is_canceled => Pulse::Canceled,
                    Some(item) => {
                        item.lease = Some((now + item.work.lease(), held.2));
                        Pulse::Held
                    }
                };
                assert_eq!(pulse, expected);
            }
            Command::Finish(n) => {
                let Some(held) = self.claim(n) else { return };
                self.attempted += 1;
                let (claim, outcome) = (held.0.clone(), self.attempted);
                let finished = self.write(move |tx| {
                    tx.put(&Outcome(outcome))?;
                    queue::finish(tx, &claim, now)
                });
                if self.holds(&held) {
                    finished.unwrap();
                    self.outcomes.push(outcome);
                    self.end(held.1);
                } else {
                    assert!(matches!(finished, Err(queue::Error::Fenced { id }) if id == held.1), "{finished:?}");
                }
            }
            Command::Fail(n, verdict) => self.fail_one(n, verdict),
            Command::Cancel(what) => {
                let work = work(what);
                let key = work.unique_key().unwrap();
                let was_there = self.write(move |tx| queue::cancel(tx, &key)).unwrap();
                let alive = self.alive(&work).map(|(id, item)| {
                    (item.is_canceled, item.again) = (item.state == WorkState::Leased, None);
                    (id, item.state)
                });
                assert_eq!(was_there, alive.is_some());
                if let Some((id, WorkState::Ready)) = alive {
                    self.items.remove(&id);
                }
            }
            Command::Reap(limit) => {
                let returned = self.write(move |tx| queue::reap(tx, limit, now)).unwrap();
                let expired: Vec<_> = self.leased().into_iter().take_while(|(expires_at, _)| *expires_at <= now).take(limit).collect();
                assert_eq!(returned, expired.len());
                expired.into_iter().for_each(|(_, id)| self.release(id));
            }
            Command::Recover => {
                let returned = self.write(move |tx| queue::recover(tx, 1_000, now)).unwrap();
                let leased = self.leased();
                assert_eq!(returned, leased.len());
                leased.into_iter().for_each(|(_, id)| self.release(id));
            }
            Command::Retry(n) => {
                let Some(id) = self.items.keys().nth(n).copied() else { return };
                let retried = self.write(move |tx| queue::retry(tx, id, now));
                let Item { state, work, .. } = self.items[&id].clone();
                if state == WorkState::Dead {
                    retried.unwrap();
                    self.items.remove(&id);
                    if self.push_to_model(&work, now).is_none() {
                        self.adopt(&work, now);
                    }
                } else {
                    assert!(matches!(retried, Err(queue::Error::WrongState { .. })));
                }
            }
            Command::Discard(n) => {
                let Some(id) = self.items.keys().nth(n).copied() else { return };
                let discarded = self.write(move |tx| queue::discard(tx, id));
                if self.items[&id].state == WorkState::Leased {
                    assert!(matches!(discarded, Err(queue::Error::WrongState { .. })));
                } else {
                    discarded.unwrap();
                    self.items.remove(&id);
                }
            }
            Command::Hurry(n) => {
                let Some(id) = self.items.keys().nth(n).copied() else { return };
                // However often it is named, and beside what is not there.
                let named = [id, WorkId::from_u128(7), id];
                self.write(move |tx| queue::hurry(tx, &named, now)).unwrap();
                let due_at = self.store.read().unwrap().get::<WorkItem>(&id).unwrap().unwrap().due_at;
                let soon = now + Duration::from_secs(10);
                let item = self.items.get_mut(&id).unwrap();
                if item.state == WorkState::Ready && item.due_at > soon {
                    assert!((now..soon).contains(&due_at));
                    (item.due_at, item.attempts) = (due_at, item.attempts.saturating_sub(1));
                }
            }
            Command::Wait(time) => self.now = now + time,
        }
    }

    fn claim_one(&mut self, lane: Lane) {
        let now = self.now;
        let claimed = self.write(move |tx| queue::claim(tx, lane, "model", now)).unwrap();
        loop {
            let is_due = |item: &Item| {
                item.state == WorkState::Ready && item.work.lane() == lane && item.due_at <= now && self.may_have_a_turn(item)
            };
            let served = |item: &Item| match lane {
                Lane::Checks => self.turns.get(&item.work.repo()).copied(),
                _ => None,
            };
            let due = self.items.iter().filter(|(_, item)| is_due(item));
            let Some((_, _, id)) = due.map(|(id, item)| (served(item), item.due_at, *id)).min() else {
                assert_eq!(claimed, None);
                return;
            };
            let item = self.items.get_mut(&id).unwrap();
            if item.attempts >= item.work.attempt_limit() {
                self.give_up(id);
                continue;
            }
            item.attempts += 1;
            item.leases += 1;
            (item.state, item.lease) = (WorkState::Leased, Some((now + item.work.lease(), item.leases)));
            let held = (claimed.expect("an item is due"), id, item.leases);
            assert_eq!((held.0.id, held.0.attempt, held.0.is_again, &held.0.work), (id, item.attempts, item.is_again, &item.work));
            item.is_again = true;
            if lane == Lane::Checks {
                self.turns.insert(item.work.repo(), self.claims.len());
            }
            self.claims.push(held);
            return;
        }
    }

    fn fail_one(&mut self, n: usize, verdict: Verdict) {
        let now = self.now;
        let Some(held) = self.claim(n) else { return };
        let claim = held.0.clone();
        let failed = self.write(move |tx| queue::fail(tx, &claim, verdict, "no luck", now));
        if !self.holds(&held) {
            assert!(matches!(failed, Err(queue::Error::Fenced { .. })));
            return;
        }
        let (id, item) = (held.1, self.items.get_mut(&held.1).unwrap());
        if item.is_canceled {
            self.end(id);
            assert_eq!(failed.unwrap(), self.items.get(&id).map(|item| item.state));
            return;
        }
        if item.again.is_some() && item.work.longest_wait().is_some() && verdict != Verdict::Released {
            item.attempts = 1;
        }
        if verdict != Verdict::Released && (verdict == Verdict::GiveUp || item.attempts >= item.work.attempt_limit()) {
            self.give_up(id);
        } else {
            let least = match verdict {
                Verdict::Released => {
                    item.attempts -= 1;
                    Duration::from_secs(1)
                }
                Verdict::RetryAfter(wait) | Verdict::Away(Some(wait)) => wait.max(Duration::from_secs(1)),
                _ => backoff::after(item.attempts, 0).min(item.work.longest_wait().unwrap_or(Duration::MAX)),
            };
            item.has_failed |= verdict != Verdict::Released;
            // The spread is the queue's own business; that it lies within its bounds is not.
            let due_at = self.store.read().unwrap().get::<WorkItem>(&id).unwrap().unwrap().due_at;
            let most = if matches!(verdict, Verdict::Retry | Verdict::Away(None)) { least * 5 / 4 } else { least };
            assert!((now + least..=now + most).contains(&due_at));
            item.wait_until(due_at);
        }
        assert_eq!(failed.unwrap(), self.items.get(&id).map(|item| item.state));
    }

    /// Whether no more of its repository is carried out than may be at once.
    fn may_have_a_turn(&self, item: &Item) -> bool {
        let is_beside = |other: &&Item| {
            other.state == WorkState::Leased && other.work.lane() == item.work.lane() && other.work.repo() == item.work.repo()
        };
        !item.work.lane().takes_turns() || self.items.values().filter(is_beside).count() < queue::AT_ONCE_OF_ONE
    }

    fn assert_as_the_model_says(&self) {
        assert_eq!(self.stored(), self.items);
        let tx = self.store.read().unwrap();
        let outcomes: Vec<u64> = tx.find(&Scan::<Outcome>::all(), 10_000).unwrap().into_iter().map(|outcome| outcome.0).collect();
        assert_eq!(outcomes, self.outcomes);
        let facts = tx.find(&Scan::<Journaled>::all(), 10_000).unwrap();
        let died: Vec<WorkId> =
            facts.iter().filter_map(|fact| if let Event::WorkDied { work, .. } = fact.0.event { Some(work) } else { None }).collect();
        assert_eq!(died, self.died);
        for lane in [Lane::Git, Lane::Checks, Lane::Upkeep] {
            let is_ready = |item: &&Item| item.state == WorkState::Ready && item.work.lane() == lane && self.may_have_a_turn(item);
            let ready = self.items.values().filter(is_ready);
            assert_eq!(queue::next_due(&tx, lane).unwrap(), ready.map(|item| item.due_at).min());
        }
        for held in &self.claims {
            assert_eq!(queue::check(&tx, &held.0).is_ok(), self.holds(held));
        }
        assert_eq!(self.store.verify().unwrap(), Vec::<store::Discrepancy>::new());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_queue_behaves_as_a_plain_map(commands in prop::collection::vec(command(), 1..60)) {
        let mut world = World::new();
        for command in &commands {
            world.perform(command);
            world.assert_as_the_model_says();
        }
    }
}

#[test]
fn of_one_repository_only_so_much_is_carried_out_at_once_and_others_go_on() {
    let world = World::new();
    let (busy, quiet, now) = (RepoId::from_u128(1), RepoId::from_u128(2), world.now);
    let run = |repo, n: u128| Work::RunCheckSet { repo, sha: CommitSha::from_bytes([7; 20]), attempt: AttemptId::from_u128(n) };
    for n in 0..10 {
        world.write(move |tx| queue::push(tx, run(busy, n), now, now)).unwrap();
    }
    let next = || world.write(move |tx| queue::claim(tx, Lane::Checks, "turns", now)).unwrap();
    let held: Vec<_> = (0..queue::AT_ONCE_OF_ONE).map(|_| next().unwrap()).collect();
    assert_eq!(next(), None);
    assert_eq!(queue::next_due(&world.store.read().unwrap(), Lane::Checks).unwrap(), None, "nobody looks in vain");
    world.write(move |tx| queue::push(tx, run(quiet, 100), now, now)).unwrap();
    assert_eq!(next().unwrap().work, run(quiet, 100));
    let ended = held[0].clone();
    world.write(move |tx| queue::finish(tx, &ended, now)).unwrap();
    assert_eq!(next().unwrap().work, run(busy, queue::AT_ONCE_OF_ONE as u128));
}

#[test]
fn a_repository_with_a_hundred_commits_waiting_does_not_keep_another_from_its_turn() {
    let world = World::new();
    let (busy, quiet, now) = (RepoId::from_u128(1), RepoId::from_u128(2), world.now);
    let run = |repo, n: u128| Work::RunCheckSet { repo, sha: CommitSha::from_bytes([7; 20]), attempt: AttemptId::from_u128(n) };
    for n in 0..100 {
        world.write(move |tx| queue::push(tx, run(busy, n), now, now)).unwrap();
    }
    let next = || {
        let claim = world.write(move |tx| queue::claim(tx, Lane::Checks, "turns", now)).unwrap().unwrap();
        let ended = claim.clone();
        world.write(move |tx| queue::finish(tx, &ended, now)).unwrap();
        claim.work
    };
    assert_eq!(next(), run(busy, 0));
    for n in 100..103 {
        world.write(move |tx| queue::push(tx, run(quiet, n), now, now)).unwrap();
    }
    let turns: Vec<Work> = (0..8).map(|_| next()).collect();
    let (a, b) = (|n| run(busy, n), |n| run(quiet, n));
    assert_eq!(turns, [b(100), a(1), b(101), a(2), b(102), a(3), a(4), a(5)]);
}

#[test]
fn an_attempt_whose_lease_was_taken_over_writes_nothing() {
    let mut world = World::new();
    let perform = |world: &mut World, commands: &[Command]| commands.iter().for_each(|command| world.perform(command));
    let (push, claim) = (Command::Push { what: 0, after: Duration::ZERO }, Command::Claim(Lane::Git));
    perform(&mut world, &[push, claim.clone(), Command::Wait(Duration::from_secs(61)), Command::Reap(9), claim]);
    // The first attempt wakes up, and finishes; then the second does.
    perform(&mut world, &[Command::Finish(1)]);
    assert_eq!(world.outcomes, [0_u64; 0]);
    perform(&mut world, &[Command::Finish(0)]);
    assert_eq!(world.outcomes, [2]);
    world.assert_as_the_model_says();
}

/// It was lost: returning the lease of a canceled attempt removed the item whatever had been pushed since.
#[test]
fn a_push_after_a_cancellation_survives_a_crash() {
    let mut world = World::new();
    let push = Command::Push { what: 0, after: Duration::ZERO };
    for command in [push.clone(), Command::Claim(Lane::Git), Command::Cancel(0), push, Command::Recover] {
        world.perform(&command);
    }
    world.assert_as_the_model_says();
    assert_eq!(world.items.values().map(|item| item.state).collect::<Vec<_>>(), [WorkState::Ready]);
}

/// A service that is restarted often must not lose its checks: each stop took one of their three attempts.
#[test]
fn stops_use_up_no_attempt_and_failures_do() {
    let mut world = World::new();
    let perform = |world: &mut World, commands: &[Command]| commands.iter().for_each(|command| world.perform(command));
    perform(&mut world, &[Command::Push { what: 3, after: Duration::ZERO }]);
    let attempt = |verdict| [Command::Claim(Lane::Checks), Command::Fail(0, verdict), Command::Wait(Duration::from_secs(2_000))];
    (0..9).for_each(|_| perform(&mut world, &attempt(Verdict::Released)));
    (0..2).for_each(|_| perform(&mut world, &attempt(Verdict::Retry)));
    perform(&mut world, &attempt(Verdict::Released));
    world.assert_as_the_model_says();
    assert_eq!(world.died, []);
    perform(&mut world, &attempt(Verdict::Retry));
    assert_eq!(world.died.len(), 1, "the third that failed was the last");
}
