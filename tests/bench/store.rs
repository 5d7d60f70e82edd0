//! What group commit is worth: 64 writers against one, on the same disk, each answered only after its commit is durable.
//!
//! `cargo bench --bench store` measures in a temporary folder, or in `PLUMBLINE_BENCH_DIR`, and fails if a ratio is missed. With `--test`
//! or `PLUMBLINE_BENCH_SMOKE=1` it runs briefly and asserts nothing about time.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use plumbline::base::event::Event;
use plumbline::base::id::{Id, Ids, IssueId, RepoId};
use plumbline::base::time::Timestamp;
use plumbline::base::work::Work;
use plumbline::engine::queue::{self, WorkItem};
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{self, AnyIndex, Index, Record, Schema, Store, TableSpec, WriteTx};
use serde::{Deserialize, Serialize};

const WRITERS: u64 = 64;

/// A bare record: a number and a hundred bytes.
#[derive(Debug, Serialize, Deserialize)]
struct Bare {
    id: u64,
    body: String,
}

impl Record for Bare {
    const TABLE: &'static str = "bare";
    const VERSION: u16 = 1;
    type Key = u64;

    fn key(&self) -> u64 {
        self.id
    }
}

/// A record of the size and with the indexes that an issue has.
#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    id: IssueId,
    repo: RepoId,
    fingerprint: [u8; 16],
    path: String,
    message: String,
    first_seen_at: Timestamp,
}

const BY_FINGERPRINT: Index<Finding, (RepoId, [u8; 16])> = Index::on("by_fingerprint", |issue| (issue.repo, issue.fingerprint));
const BY_PATH: Index<Finding, (RepoId, String)> = Index::on("by_path", |issue| (issue.repo, issue.path.clone()));

impl Record for Finding {
    const TABLE: &'static str = "findings";
    const VERSION: u16 = 1;
    type Key = IssueId;

    fn key(&self) -> IssueId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_FINGERPRINT, &BY_PATH]
    }
}

fn put_bare(tx: &mut WriteTx, n: u64) -> queue::Result<()> {
    Ok(tx.put(&Bare { id: scattered(n), body: "x".repeat(100) })?)
}

/// What a verb of the product does: a row with two indexes, a fact, and the work that follows from it.
fn put_issue(tx: &mut WriteTx, n: u64) -> queue::Result<()> {
    let now = Timestamp::from_millis(1_700_000_000_000);
    let repo = RepoId::from_u128(u128::from(n % 50));
    let fingerprint = u128::from(scattered(n)).to_be_bytes();
    let (path, message) = (format!("src/engine/part{}/file{}.rs", n % 31, n % 997), "an unused variable that nobody reads".to_owned());
    tx.put(&Finding { id: tx.new_id(now), repo, fingerprint, path, message, first_seen_at: now })?;
    tx.record(Event::IssuesChanged, now)?;
    queue::push(tx, Work::EraseRepository { repo: RepoId::from_u128(u128::from(n)) }, now, now)?;
    Ok(())
}

/// The same numbers in an order without order.
fn scattered(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

fn open() -> (tempfile::TempDir, Store) {
    let dir = match std::env::var_os("PLUMBLINE_BENCH_DIR") {
        Some(dir) => tempfile::tempdir_in(dir).unwrap(),
        None => tempfile::tempdir().unwrap(),
    };
    let tables = vec![TableSpec::of::<Bare>(), TableSpec::of::<Finding>(), TableSpec::of::<Journaled>(), TableSpec::of::<WorkItem>()];
    let schema = Schema { number: 1, tables, migrations: &[] };
    let store = Store::open(&dir.path().join("store.redb"), schema, Ids::seeded(1), Box::new(|_| {})).unwrap();
    (dir, store)
}

/// Durable writes a second of so many writers, over a time.
fn rate(writers: u64, time: Duration, verb: fn(&mut WriteTx, u64) -> queue::Result<()>) -> f64 {
    let (_dir, store) = open();
    let next = AtomicU64::new(0);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while began.elapsed() < time {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    store.write(move |tx| verb(tx, n)).unwrap();
                }
            });
        }
    });
    let took = began.elapsed();
    assert_eq!(store.verify().unwrap(), Vec::<store::Discrepancy>::new());
    #[expect(clippy::cast_precision_loss, reason = "a rate, to be printed")]
    let written = next.load(Ordering::Relaxed) as f64;
    written / took.as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn main() {
    let is_smoke = std::env::args().any(|arg| arg == "--test") || std::env::var_os("PLUMBLINE_BENCH_SMOKE").is_some();
    let (time, rounds) = if is_smoke { (Duration::from_millis(50), 1) } else { (Duration::from_secs(2), 3) };
    let mut missed = Vec::new();
    for (name, verb, least) in [("bare record", put_bare as fn(&mut WriteTx, u64) -> _, 8.0), ("issue, event, work", put_issue, 3.0)] {
        // In turn, so that a disk that changes its mind does so for both.
        let (one, many): (Vec<f64>, Vec<f64>) = (0..rounds).map(|_| (rate(1, time, verb), rate(WRITERS, time, verb))).unzip();
        let (one, many) = (median(one), median(many));
        let ratio = many / one;
        println!("{name:<20} 1 writer {one:>8.0}/s   {WRITERS} writers {many:>8.0}/s   ratio {ratio:>5.1} (at least {least})");
        if ratio < least {
            missed.push(name);
        }
    }
    assert!(is_smoke || missed.is_empty(), "the ratio was missed for: {}", missed.join(", "));
}
