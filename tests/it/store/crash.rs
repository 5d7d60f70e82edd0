//! Power cuts: whatever was acknowledged is there, whole, with its index entries; however often the power goes while it comes back.
//!
//! One seed is one history: verbs at random, rows and work among them, and a cut at a random call. Each verb also runs over a store in
//! memory, so that the states the store may be found in are known: that after the last acknowledged verb, or after one submitted since.
//! Run one seed again with `PLUMBLINE_CRASH_SEED=<seed>`; the number of seeds is `PLUMBLINE_CRASH_SEEDS`.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use plumbline::base::event::Event;
use plumbline::base::id::{Id, Ids, RepoId};
use plumbline::base::time::Timestamp;
use plumbline::base::work::{Lane, Work};
use plumbline::engine::queue::{self, Verdict, WorkItem};
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{self, AnyIndex, Index, Record, Scan, Schema, Store, TableSpec, WriteTx};
use serde::{Deserialize, Serialize};

use crate::support::Random;
use crate::support::crash::Disk;

const SEEDS: u64 = 1_000;
const LEASE: Duration = Duration::from_secs(60);

/// What the verbs write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Deed {
    id: u64,
    group: u16,
    body: String,
}

const BY_GROUP: Index<Deed, (u16, u64)> = Index::on("by_group", |deed| (deed.group, deed.body.len() as u64));

impl Record for Deed {
    const TABLE: &'static str = "deeds";
    const VERSION: u16 = 1;
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_GROUP]
    }
}

/// How often the work of a repository was finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    repo: RepoId,
    times: u32,
}

impl Record for Done {
    const TABLE: &'static str = "done";
    const VERSION: u16 = 1;
    type Key = RepoId;

    fn key(&self) -> RepoId {
        self.repo
    }
}

fn schema() -> Schema {
    let tables = vec![TableSpec::of::<Deed>(), TableSpec::of::<Done>(), TableSpec::of::<Journaled>(), TableSpec::of::<WorkItem>()];
    Schema { number: 1, tables, migrations: &[] }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Queue(#[from] queue::Error),
    #[error("refused")]
    Refused,
}

/// What a verb of the history does, at its instant.
#[derive(Debug, Clone)]
enum Act {
    /// Puts rows and records a fact.
    Put(Vec<Deed>),
    Remove(u64),
    /// Puts and records, and fails.
    Refuse(Deed),
    /// Pushes the erasure of a repository, whose limit of attempts no history reaches.
    Push(u128),
    /// Claims work and finishes it with its result, or fails it, in the next verb.
    Claim,
    Finish,
    Fail,
    /// Returns leases that expired.
    Reap,
    /// Returns all leases: what a start does.
    Recover,
}

impl Act {
    fn random(random: &mut Random) -> Act {
        match random.below(14) {
            0..=4 => {
                let rows = 1 + random.below(4);
                Act::Put((0..rows).map(|_| deed(random)).collect())
            }
            5 => Act::Remove(random.below(40)),
            6 => Act::Refuse(deed(random)),
            7 | 8 => Act::Push(u128::from(random.below(6))),
            9 | 10 => Act::Claim,
            11 => Act::Finish,
            12 => Act::Fail,
            _ => Act::Reap,
        }
    }

    fn perform(&self, tx: &mut WriteTx, now: Timestamp) -> Result<(), Failure> {
        match self {
            Act::Put(deeds) => {
                deeds.iter().try_for_each(|deed| tx.put(deed))?;
                tx.record(Event::IssuesChanged, now)?;
            }
            Act::Remove(id) => {
                tx.remove::<Deed>(id)?;
            }
            Act::Refuse(deed) => {
                tx.put(deed)?;
                tx.record(Event::IssuesChanged, now)?;
                return Err(Failure::Refused);
            }
            Act::Push(repo) => {
                queue::push(tx, Work::EraseRepository { repo: RepoId::from_u128(*repo) }, now, now)?;
            }
            Act::Claim => {
                queue::claim(tx, Lane::Upkeep, "crash suite", now)?;
            }
            Act::Finish => {
                // The claim that an attempt would hold, taken anew: what matters here is that it ends with its result.
                if let Some(claim) = queue::claim(tx, Lane::Upkeep, "crash suite", now)?
                    && let Work::EraseRepository { repo } = claim.work
                {
                    let times = tx.get::<Done>(&repo)?.map_or(0, |done| done.times) + 1;
                    tx.put(&Done { repo, times })?;
                    queue::finish(tx, &claim, now)?;
                }
            }
            Act::Fail => {
                if let Some(claim) = queue::claim(tx, Lane::Upkeep, "crash suite", now)? {
                    queue::fail(tx, &claim, Verdict::Retry, "no luck", now)?;
                }
            }
            Act::Reap => {
                queue::reap(tx, 100, now)?;
            }
            Act::Recover => {
                queue::recover(tx, 100, now)?;
            }
        }
        Ok(())
    }
}

fn deed(random: &mut Random) -> Deed {
    // Mostly small, sometimes over several pages, so that the file grows and shrinks.
    let length = if random.chance(15) { random.below(40_000) } else { random.below(200) };
    let fill = ["a", "b", "c", "d"][usize::try_from(random.below(4)).unwrap()];
    Deed { id: random.below(40), group: u16::try_from(random.below(4)).unwrap(), body: fill.repeat(usize::try_from(length).unwrap()) }
}

/// Everything a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    deeds: Vec<Deed>,
    grouped: Vec<u64>,
    done: Vec<Done>,
    facts: Vec<Journaled>,
    work: Vec<WorkItem>,
}

fn state(store: &Store) -> store::Result<State> {
    const ALL: usize = 100_000;
    let tx = store.read()?;
    Ok(State {
        deeds: tx.find(&Scan::all(), ALL)?,
        grouped: tx.find(&BY_GROUP.all(), ALL)?.iter().map(|deed| deed.id).collect(),
        done: tx.find(&Scan::all(), ALL)?,
        facts: tx.find(&Scan::all(), ALL)?,
        work: tx.find(&Scan::all(), ALL)?,
    })
}

/// A store in memory that holds `state`.
fn mirror(state: &State, ids: Ids) -> Store {
    let store = Store::in_memory(schema(), ids, Box::new(|_| {})).unwrap();
    let state = state.clone();
    store
        .write::<(), store::Error>(move |tx| {
            state.deeds.iter().try_for_each(|row| tx.put(row))?;
            state.done.iter().try_for_each(|row| tx.put(row))?;
            state.facts.iter().try_for_each(|row| tx.put(row))?;
            state.work.iter().try_for_each(|row| tx.put(row))
        })
        .unwrap();
    store
}

fn open(disk: &Disk, ids: Ids) -> store::Result<Store> {
    let disk = disk.clone();
    Store::open_on(move || disk.handle(), schema(), ids, Box::new(|_| {}))
}

/// One history: what may be found on the disk, and how it goes on.
struct History {
    seed: u64,
    random: Random,
    disk: Disk,
    now: Timestamp,
    /// The states the store may be found in, oldest first.
    possible: Vec<State>,
    runs: u64,
    /// Whether verbs are submitted together. How many of them share a commit then depends on the scheduler.
    is_grouped: bool,
}

/// What is not as it should be.
type Finding = String;

impl History {
    fn new(seed: u64, disk: Disk) -> History {
        // `Store::open` creates a database under another name and renames it when it is whole; so here a cut finds one.
        drop(open(&disk, Ids::seeded(seed)).unwrap());
        let empty = State { deeds: vec![], grouped: vec![], done: vec![], facts: vec![], work: vec![] };
        History {
            seed,
            random: Random::new(seed ^ 0xc0ff_ee00),
            disk,
            now: Timestamp::from_seconds(1_000_000),
            possible: vec![empty],
            runs: 0,
            is_grouped: true,
        }
    }

    fn ids(&self) -> Ids {
        Ids::seeded(self.seed ^ self.runs << 32)
    }

    /// Opens the store, holds it against what it may be, and goes on from there.
    fn start(&mut self) -> Result<Option<(Store, Store)>, Finding> {
        self.runs += 1;
        let store = match open(&self.disk, self.ids()) {
            Ok(store) => store,
            Err(_) if self.disk.is_cut() => return Ok(None),
            Err(error) => return Err(format!("it does not open: {error}")),
        };
        let found = match state(&store) {
            Ok(found) => found,
            Err(_) if self.disk.is_cut() => return Ok(None),
            Err(error) => return Err(format!("it does not read: {error}")),
        };
        let Some(at) = self.possible.iter().position(|possible| *possible == found) else {
            let expected: Vec<_> = self.possible.iter().map(|possible| (possible.deeds.len(), possible.facts.len())).collect();
            return Err(format!("found {} rows and {} facts, expected one of {expected:?}", found.deeds.len(), found.facts.len()));
        };
        match store.verify() {
            Ok(discrepancies) if discrepancies.is_empty() => {}
            Err(_) if self.disk.is_cut() => return Ok(None),
            other => return Err(format!("verify found {other:?}")),
        }
        // What was found once stays.
        self.possible.drain(..at);
        self.possible.truncate(1);
        Ok(Some((store, mirror(&found, self.ids()))))
    }

    /// Runs up to `verbs` verbs, some of them together, until the power goes.
    fn run(&mut self, store: &Store, mirror: &Store, verbs: u64) -> Result<(), Finding> {
        let mut acts = vec![Act::Recover];
        acts.extend((0..verbs).map(|_| Act::random(&mut self.random)));
        let mut acts = acts.into_iter().peekable();
        while acts.peek().is_some() {
            let together = if self.is_grouped && self.random.chance(30) { 1 + usize::try_from(self.random.below(5)).unwrap() } else { 1 };
            let mut answers = Vec::new();
            for act in acts.by_ref().take(together) {
                self.now = self.now + LEASE / 3;
                let (now, expected_act) = (self.now, act.clone());
                let expected = mirror.write(move |tx| expected_act.perform(tx, now));
                let after = state(mirror).unwrap();
                let (answer, answered) = mpsc::channel();
                store.submit(move |tx| act.perform(tx, now), move |result| drop(answer.send(result)));
                self.possible.push(after);
                answers.push((expected, answered, self.possible.len() - 1));
            }
            let mut acknowledged = 0;
            for (expected, answered, at) in answers {
                match (answered.recv().map_err(|_| "a verb was not answered")?, expected) {
                    (Ok(()), Ok(())) => acknowledged = at,
                    (Err(Failure::Refused), Err(Failure::Refused)) => {}
                    (Err(Failure::Store(_)), _) if self.disk.is_cut() => {}
                    other => return Err(format!("the store and its model disagree: {other:?}")),
                }
            }
            self.possible.drain(..acknowledged);
            if self.disk.is_cut() {
                return Ok(());
            }
        }
        // Nothing is open any more: all was answered.
        self.possible.drain(..self.possible.len() - 1);
        Ok(())
    }

    /// The whole history: a cut, up to two more while it comes back, and then peace.
    fn play(&mut self) -> Result<(), Finding> {
        let first_cut = self.random.below(180);
        self.disk.cut_after(first_cut);
        let further = self.random.below(3);
        for cut in 0..=further {
            if let Some((store, mirror)) = self.start()? {
                let verbs = if cut == 0 { 14 } else { 4 };
                self.run(&store, &mirror, verbs)?;
            }
            self.disk.restart();
            if cut < further {
                self.disk.cut_after(self.random.below(25));
            }
        }
        let (store, mirror) = self.start()?.ok_or("there was a cut though none was asked for")?;
        self.run(&store, &mirror, 3)?;
        drop(store);
        // Switched off in good order: once more.
        let (store, _) = self.start()?.ok_or("there was a cut though none was asked for")?;
        self.settle(&store)
    }

    /// Performs what is left in the queue: each piece of work that was acknowledged gets done.
    fn settle(&mut self, store: &Store) -> Result<(), Finding> {
        let before: BTreeMap<RepoId, u32> = state(store).unwrap().done.iter().map(|done| (done.repo, done.times)).collect();
        let waiting = state(store).unwrap().work;
        self.now = self.now + 24 * 60 * LEASE;
        let now = self.now;
        store.write(move |tx| Act::Recover.perform(tx, now)).map_err(|error| error.to_string())?;
        for _ in &waiting {
            store.write(move |tx| Act::Finish.perform(tx, now)).map_err(|error| error.to_string())?;
        }
        let after = state(store).unwrap();
        for item in &waiting {
            let Work::EraseRepository { repo } = item.work else { continue };
            let times = after.done.iter().find(|done| done.repo == repo).map_or(0, |done| done.times);
            if times != before.get(&repo).copied().unwrap_or(0) + 1 {
                return Err(format!("the work of {repo} was done {times} times"));
            }
        }
        if after.work.is_empty() { Ok(()) } else { Err(format!("{} items are left in the queue", after.work.len())) }
    }
}

/// Plays the histories of `seeds` on all processors and returns the findings, by seed.
fn play_all(seeds: Vec<u64>, history: impl Fn(u64) -> History + Sync) -> BTreeMap<u64, Finding> {
    let processors = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let seeds = Arc::new(std::sync::Mutex::new(seeds.into_iter()));
    std::thread::scope(|scope| {
        let players: Vec<_> = (0..processors)
            .map(|_| {
                scope.spawn(|| {
                    let mut findings = BTreeMap::new();
                    loop {
                        let Some(seed) = seeds.lock().unwrap().next() else { return findings };
                        let played = catch_unwind(AssertUnwindSafe(|| history(seed).play()));
                        if let Err(finding) = played.unwrap_or_else(|_| Err("a panic".to_owned())) {
                            findings.insert(seed, finding);
                        }
                    }
                })
            })
            .collect();
        players.into_iter().flat_map(|player| player.join().unwrap()).collect()
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn whatever_was_acknowledged_survives_every_power_cut() {
    let seeds = match number("PLUMBLINE_CRASH_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("PLUMBLINE_CRASH_SEEDS").unwrap_or(SEEDS)).collect(),
    };
    let count = seeds.len();
    let findings = play_all(seeds, |seed| History::new(seed, Disk::new(seed)));
    assert!(
        findings.is_empty(),
        "{} of {count} histories went wrong; replay one with PLUMBLINE_CRASH_SEED=<seed>: {findings:#?}",
        findings.len()
    );
}

#[test]
fn the_suite_sees_a_disk_whose_sync_does_nothing() {
    // One verb at a time, so that this is the same every time: what redb makes of a file in such a state is open.
    let lies = |seed| History { is_grouped: false, ..History::new(seed, Disk::dishonest(seed)) };
    let findings = play_all((0..60).collect(), lies);
    assert!(findings.len() > 30, "only {} of 60 histories on a disk that lies were found to be wrong", findings.len());
}

#[test]
fn a_seed_is_the_same_history_again() {
    for seed in [3, 5, 8] {
        let histories = [(); 2].map(|()| {
            let disk = Disk::new(seed);
            let mut history = History { is_grouped: false, ..History::new(seed, disk.clone()) };
            history.play().unwrap();
            disk.history()
        });
        assert_eq!(histories[0], histories[1]);
    }
}
