//! The store's own suite: the same behaviour asked of both engines, and what the one on disk promises beyond it.

use std::sync::{Arc, Mutex, mpsc};

use serde::{Deserialize, Serialize};

use super::*;
use crate::base::event::{Event, Recorded};
use crate::base::time::Timestamp;

mod batches;
mod damage;
mod disk;
mod model;
mod rows;

/// A record with one index of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    id: u32,
    owner: String,
    rank: i64,
    due: Option<i64>,
    tags: Vec<u8>,
    body: String,
}

const BY_OWNER: Index<Note, (String, i64)> = Index::on("by_owner", |note| (note.owner.clone(), note.rank));
const BY_DUE: Index<Note, i64> = Index::some("by_due", |note| note.due);
const BY_TAG: Index<Note, u8> = Index::many("by_tag", |note| note.tags.clone());

impl Record for Note {
    const TABLE: &'static str = "notes";
    const VERSION: u16 = 1;
    type Key = u32;

    fn key(&self) -> u32 {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_OWNER, &BY_DUE, &BY_TAG]
    }
}

fn note(id: u32, owner: &str) -> Note {
    Note { id, owner: owner.to_owned(), rank: i64::from(id), due: None, tags: Vec::new(), body: format!("note {id}") }
}

/// What a verb of the tests fails with.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] Error),
    #[error("refused")]
    Refused,
}

fn schema() -> Schema {
    Schema { number: 1, tables: vec![TableSpec::of::<Note>(), TableSpec::of::<journal::Journaled>()], migrations: &[] }
}

/// A store, what its listener heard, and the folder it is in.
struct Opened {
    store: Arc<Store>,
    heard: Arc<Mutex<Vec<Recorded>>>,
    _dir: Option<tempfile::TempDir>,
}

impl std::ops::Deref for Opened {
    type Target = Arc<Store>;

    fn deref(&self) -> &Arc<Store> {
        &self.store
    }
}

fn opened(dir: Option<tempfile::TempDir>, open: impl FnOnce(Listener) -> Store) -> Opened {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener: Listener = {
        let heard = Arc::clone(&heard);
        Box::new(move |events| heard.lock().unwrap().extend_from_slice(events))
    };
    Opened { store: Arc::new(open(listener)), heard, _dir: dir }
}

fn on_disk() -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.redb");
    opened(Some(dir), |listener| Store::open(&path, schema(), Ids::seeded(1), listener).unwrap())
}

fn in_memory() -> Opened {
    opened(None, |listener| Store::in_memory(schema(), Ids::seeded(1), listener).unwrap())
}

/// The engine on disk over memory: for what needs many commits and no durability.
fn on_redb_in_memory() -> Opened {
    opened(None, |listener| Store::open_on(redb::backends::InMemoryBackend::new, schema(), Ids::seeded(1), listener).unwrap())
}

fn deaf() -> Listener {
    Box::new(|_| {})
}

/// Asks the same of both engines.
macro_rules! on_both_engines {
    ($($name:ident)+) => {
        mod disk {
            $(#[test] fn $name() { super::$name(&super::on_disk()); })+
        }
        mod memory {
            $(#[test] fn $name() { super::$name(&super::in_memory()); })+
        }
    };
}
use on_both_engines;

fn write<T: Send + 'static>(store: &Store, verb: impl Fn(&mut WriteTx) -> Result<T> + Send + 'static) -> T {
    store.write::<T, Error>(verb).unwrap()
}

fn put(store: &Store, notes: impl IntoIterator<Item = Note>) {
    let notes: Vec<Note> = notes.into_iter().collect();
    write(store, move |tx| notes.iter().try_for_each(|note| tx.put(note)));
}

fn ids(notes: &[Note]) -> Vec<u32> {
    notes.iter().map(|note| note.id).collect()
}

fn found(store: &Store, scan: &Scan<Note>) -> Vec<u32> {
    ids(&store.read().unwrap().find(scan, 10_000).unwrap())
}

fn assert_verified(store: &Store) {
    assert_eq!(store.verify().unwrap(), []);
}

fn happen(tx: &mut WriteTx) -> Result<()> {
    tx.record(Event::IssuesChanged, Timestamp::from_millis(1_000))
}

fn journal_numbers(store: &Store) -> Vec<u64> {
    let tx = store.read().unwrap();
    tx.find(&Scan::<journal::Journaled>::all(), 100_000).unwrap().into_iter().map(|row| row.0.number).collect()
}

type BoxedVerb<T> = Box<dyn Fn(&mut WriteTx) -> std::result::Result<T, Failure> + Send>;

/// Runs verbs in one batch, in order, by keeping the writer busy until all of them wait.
fn in_one_batch<T: Send + 'static>(store: &Store, verbs: Vec<BoxedVerb<T>>) -> Vec<std::result::Result<T, Failure>> {
    let (open, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    store.submit::<(), Failure>(
        move |_| {
            // The sender is dropped when everyone waits.
            let _ = gate.lock().unwrap().recv();
            Ok(())
        },
        |_| {},
    );
    let answers: Vec<_> = verbs
        .into_iter()
        .map(|verb| {
            let (answer, answered) = mpsc::channel();
            store.submit(verb, move |result| answer.send(result).unwrap());
            answered
        })
        .collect();
    drop(open);
    answers.into_iter().map(|answered| answered.recv().unwrap()).collect()
}

/// Panics without the message on the console that a real panic has.
fn panic_quietly(message: &'static str) -> ! {
    std::panic::resume_unwind(Box::new(message))
}
