//! Disks that fail and disks that run full: an error is an error, what was acknowledged stays, and the same store works again once it can.

use std::sync::Arc;

use plumbline::base::event::Event;
use plumbline::base::id::Ids;
use plumbline::base::time::Timestamp;
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{self, AnyIndex, Error, Index, Record, Scan, Schema, Store, TableSpec};
use serde::{Deserialize, Serialize};

use crate::support::crash::Disk;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Page {
    id: u32,
    text: String,
}

const BY_LENGTH: Index<Page, u64> = Index::on("by_length", |page| page.text.len() as u64);

impl Record for Page {
    const TABLE: &'static str = "pages";
    const VERSION: u16 = 1;
    type Key = u32;

    fn key(&self) -> u32 {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_LENGTH]
    }
}

fn page(id: u32) -> Page {
    Page { id, text: format!("{id} ").repeat(800) }
}

fn open(disk: &Disk) -> store::Result<Store> {
    let disk = disk.clone();
    let schema = Schema { number: 1, tables: vec![TableSpec::of::<Page>(), TableSpec::of::<Journaled>()], migrations: &[] };
    Store::open_on(move || disk.handle(), schema, Ids::seeded(1), Box::new(|_| {}))
}

fn put(store: &Store, id: u32) -> store::Result<()> {
    store.write(move |tx| {
        tx.put(&page(id))?;
        tx.record(Event::IssuesChanged, Timestamp::EPOCH)
    })
}

/// The pages that are there, each held against what it was written as.
fn pages(store: &Store) -> store::Result<Vec<u32>> {
    let found: Vec<Page> = store.read()?.find(&Scan::all(), 10_000)?;
    assert!(found.iter().all(|found| *found == page(found.id)), "a value is wrong");
    Ok(found.into_iter().map(|page| page.id).collect())
}

fn assert_whole(store: &Store) {
    assert_eq!(store.verify().unwrap(), []);
    let numbers: Vec<u64> = store.read().unwrap().find(&Scan::<Journaled>::all(), 10_000).unwrap().iter().map(|row| row.0.number).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

/// Every call in turn fails once, up to the last that the flow makes.
#[test]
fn every_call_that_fails_is_a_clean_error_and_the_store_works_on() {
    for n in 1.. {
        let disk = Disk::new(n);
        disk.fail_after(n);
        let store = match open(&disk) {
            Ok(store) => store,
            Err(error) => {
                assert!(matches!(error, Error::Io { .. } | Error::Engine { .. }), "call {n}: {error}");
                // `Store::open` would begin with a new file; what is on this one was never acknowledged.
                continue;
            }
        };
        let mut acknowledged = Vec::new();
        for id in 0..5 {
            match put(&store, id) {
                Ok(()) => acknowledged.push(id),
                Err(error) => {
                    assert!(matches!(error, Error::Io { .. } | Error::Engine { .. }), "call {n}: {error}");
                    assert!(error.is_transient(), "call {n}: {error}");
                }
            }
            // Reading goes on, whatever became of the write; what failed may be there, what was acknowledged is.
            let found = pages(&store).unwrap_or_else(|error| panic!("call {n}: {error}"));
            assert!(acknowledged.iter().all(|id| found.contains(id)), "call {n}: {acknowledged:?} {found:?}");
        }
        assert!(acknowledged.len() >= 4, "call {n}: the store takes writes again: {acknowledged:?}");
        assert_whole(&store);
        drop(store);
        // The call may be one of closing or of this very opening; then it is the next one that must do.
        let store = open(&disk).or_else(|_| open(&disk)).unwrap_or_else(|error| panic!("call {n}: it does not open again: {error}"));
        let found = pages(&store).unwrap();
        assert!(acknowledged.iter().all(|id| found.contains(id)), "call {n}: {acknowledged:?} {found:?}");
        assert_whole(&store);
        if disk.is_to_fail() {
            assert!(n > 60, "the flow makes more calls than {n}");
            return;
        }
    }
}

#[test]
fn a_read_that_fails_is_an_error_and_the_next_one_is_not() {
    let disk = Disk::new(1);
    let store = open(&disk).unwrap();
    // More than the cache holds, so that reading reads.
    for id in 0..40 {
        store.write::<(), Error>(move |tx| tx.put(&Page { id, text: "x".repeat(500_000) })).unwrap();
    }
    let read = |store: &Store| -> store::Result<usize> { Ok(store.read()?.find(&Scan::<Page>::all(), 100)?.len()) };
    disk.fail_next_read();
    let failed = read(&store).unwrap_err();
    assert!(matches!(failed, Error::Io { .. }), "{failed}");
    assert_eq!(read(&store).unwrap(), 40);
    store.write::<(), Error>(|tx| tx.put(&page(100))).unwrap();
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_ends_when_there_is_room() {
    for room in [0, 1, 2, 5, 9, 20, 40, 80] {
        let disk = Disk::new(room);
        let store = open(&disk).unwrap();
        (0..3).for_each(|id| put(&store, id).unwrap());
        disk.set_room(Some(room));
        let mut acknowledged = vec![0, 1, 2];
        let mut refused = 0;
        for id in 3..200 {
            match put(&store, id) {
                Ok(()) => acknowledged.push(id),
                Err(error) => {
                    assert!(matches!(error, Error::Full), "room for {room}: {error}");
                    refused += 1;
                }
            }
            if refused > 0 {
                let found = pages(&store).unwrap_or_else(|error| panic!("room for {room}, reading: {error}"));
                assert!(acknowledged.iter().all(|id| found.contains(id)), "room for {room}: {acknowledged:?} {found:?}");
            }
            if refused > 5 {
                break;
            }
        }
        assert!(refused > 5, "room for {room}: the disk ran full");
        disk.set_room(None);
        for id in 300..310 {
            put(&store, id).unwrap_or_else(|error| panic!("room for {room}, after making room: {error}"));
            acknowledged.push(id);
        }
        assert_whole(&store);
        drop(store);
        let store = open(&disk).unwrap();
        let found = pages(&store).unwrap();
        assert!(acknowledged.iter().all(|id| found.contains(id)), "room for {room}");
        assert_whole(&store);
    }
}

/// redb cannot be opened afresh while readers of the old handle could see pages used anew.
#[test]
fn a_reader_from_before_the_error_reads_the_truth_or_fails() {
    let disk = Disk::new(1);
    let store = Arc::new(open(&disk).unwrap());
    (0..5).for_each(|id| put(&store, id).unwrap());
    let before = store.read().unwrap();
    disk.fail_after(2);
    assert!(put(&store, 5).is_err());
    let next = std::thread::spawn({
        let store = Arc::clone(&store);
        move || put(&store, 6)
    });
    match before.find(&Scan::<Page>::all(), 100) {
        Ok(found) => assert_eq!(found, (0..5).map(page).collect::<Vec<_>>()),
        Err(error) => assert!(error.is_transient(), "{error}"),
    }
    drop(before);
    next.join().unwrap().unwrap();
    let found = pages(&store).unwrap();
    assert!((0..5).chain([6]).all(|id| found.contains(&id)), "{found:?}");
}
