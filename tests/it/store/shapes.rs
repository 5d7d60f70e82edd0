//! The encoding of every record, frozen: postcard is positional, so a changed struct is another format, and old rows would be misread.
//!
//! A record is one line in [`SAMPLES`]. After raising a `VERSION`, or with a new record, run with `PLUMBLINE_UPDATE_SHAPES=1` once.

use std::path::PathBuf;

use plumbline::base::event::{Actor, Event, Recorded, Upkeep};
use plumbline::base::id::{Id, RepoId, UserId, WorkId};
use plumbline::base::time::Timestamp;
use plumbline::base::work::{Lane, Work};
use plumbline::engine::queue::{Lease, WorkItem, WorkState};
use plumbline::engine::store::Record;
use plumbline::engine::store::journal::Journaled;

/// One sample of each record.
const SAMPLES: &[fn() -> Shape] = &[|| shape(&journaled()), || shape(&work_item())];

/// A record's name with its version, and the encoding of its sample.
struct Shape {
    name: String,
    hex: String,
}

fn shape<T: Record + PartialEq>(sample: &T) -> Shape {
    let bytes = postcard::to_stdvec(sample).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), sample, "a sample reads back");
    Shape { name: format!("{}@{}", T::TABLE, T::VERSION), hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}

/// Every field has a value of its own, every option is there: else two fields could change places unseen.
fn journaled() -> Journaled {
    let actor = Actor::User { user: UserId::from_u128(0x0102), address: Some("192.0.2.7".to_owned()) };
    Journaled(Recorded { number: 300, at: Timestamp::from_millis(1_000), actor, event: Event::Due { upkeep: Upkeep::Expire } })
}

fn work_item() -> WorkItem {
    WorkItem {
        id: WorkId::from_u128(0x0304),
        work: Work::EraseRepository { repo: RepoId::from_u128(0x0506) },
        lane: Lane::Upkeep,
        state: WorkState::Leased,
        attempts: 7,
        due_at: Timestamp::from_millis(2_000),
        unique: Some("key".to_owned()),
        lease: Some(Lease { holder: "boot 1".to_owned(), expires_at: Timestamp::from_millis(3_000), number: 8 }),
        leases: 9,
        again: Some(Timestamp::from_millis(4_000)),
        is_canceled: true,
        last_error: Some("no luck".to_owned()),
        enqueued_at: Timestamp::from_millis(5_000),
    }
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "shapes"].iter().collect()
}

#[test]
fn a_record_keeps_its_shape_while_it_keeps_its_version() {
    let is_update = std::env::var_os("PLUMBLINE_UPDATE_SHAPES").is_some();
    let mut changed = Vec::new();
    for Shape { name, hex } in SAMPLES.iter().map(|sample| sample()) {
        let path = folder().join(format!("{name}.hex"));
        if is_update {
            std::fs::write(&path, hex + "\n").unwrap();
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(frozen) if frozen.trim() == hex => {}
            Ok(_) => changed.push(format!("shape of `{name}` changed: raise VERSION and add a migration")),
            Err(_) => changed.push(format!("shape of `{name}` is not frozen yet: run once with PLUMBLINE_UPDATE_SHAPES=1")),
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn every_frozen_shape_is_named_after_a_table_and_its_version() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".hex").unwrap_or_default();
        let version = stem.split_once('@').and_then(|(_, version)| version.parse::<u16>().ok());
        assert!(version.is_some(), "`{name}` is not <table>@<version>.hex");
    }
}
