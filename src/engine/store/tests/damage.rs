//! Files that are not what was written to them: turned bits, pages of nothing, ends cut off. Whatever is asked of them has an answer.

use std::time::Duration;

use super::*;

/// How many files are damaged; more with `PLUMBLINE_CRASH_SEEDS`, up to a thousand.
fn rounds() -> u64 {
    std::env::var("PLUMBLINE_CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(150).min(1_000)
}
/// Longer than any of it takes.
const PATIENCE: Duration = Duration::from_secs(60);
const PAGE: u64 = 4_096;

struct Dice(u64);

impl Dice {
    /// `SplitMix64`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// In memory where that can be had: what takes time here is waiting for the disk.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// The bytes of a store that has seen some work.
fn whole() -> Vec<u8> {
    let dir = folder();
    let path = dir.path().join("store.redb");
    let store = Store::open(&path, schema(), Ids::seeded(1), deaf()).unwrap();
    for round in 0..6 {
        put(
            &store,
            (0..60).map(|id| Note { due: Some(i64::from(id)), body: "x".repeat(40 * round), ..note(id * (1 + round as u32), "ada") }),
        );
        write(&store, |tx| tx.remove::<Note>(&30));
        write(&store, happen);
    }
    drop(store);
    std::fs::read(path).unwrap()
}

/// Damages a file in one of several ways; answers what was done.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) -> String {
    let length = bytes.len() as u64;
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) as u64 + 1;
    match dice.roll(8) {
        0 => {
            let kept = dice.roll(length);
            bytes.truncate(kept as usize);
            format!("cut off at {kept}")
        }
        1 => {
            let (from, to) = (dice.roll(used) / PAGE * PAGE, dice.roll(used) / PAGE * PAGE);
            let page: Vec<u8> = bytes.iter().copied().skip(from as usize).take(PAGE as usize).collect();
            let room = bytes.len().min((to + PAGE) as usize) - to as usize;
            let count = page.len().min(room);
            bytes[to as usize..][..count].copy_from_slice(&page[..count]);
            format!("page {} written over page {}", from / PAGE, to / PAGE)
        }
        2 => {
            let at = dice.roll(used) / PAGE * PAGE;
            let end = bytes.len().min((at + PAGE) as usize);
            bytes[at as usize..end].fill(0);
            format!("page {} emptied", at / PAGE)
        }
        kind => {
            // Most of a page is values; what leads from page to page stands at its beginning.
            let places = [64 * 5, used, used];
            let turned: Vec<u64> = (0..=dice.roll(3))
                .map(|_| match kind {
                    3 => dice.roll(places[0]),
                    4 | 5 => dice.roll(used) / PAGE * PAGE + dice.roll(48),
                    _ => dice.roll(used),
                })
                .filter(|at| *at < length)
                .collect();
            for at in &turned {
                bytes[*at as usize] ^= 1 << dice.roll(8);
            }
            format!("bits turned at {turned:?}")
        }
    }
}

/// Opens a file, reads all of it, writes to it; answers the first error.
fn use_all(path: &Path) -> Result<()> {
    let store = Store::open(path, schema(), Ids::seeded(1), deaf())?;
    let read = store.verify().and_then(|_| {
        let tx = store.read()?;
        tx.find(&Scan::<Note>::all().reversed(), 10_000)?;
        tx.find(&BY_DUE.all(), 10_000).map(drop)
    });
    let written = store.write::<(), Error>(|tx| {
        (0..20).try_for_each(|id| tx.put(&note(id, "bob")))?;
        happen(tx)
    });
    let again = store.read().and_then(|tx| tx.find(&Scan::<Note>::all(), 10_000).map(drop));
    read.and(written).and(again)
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic_or_an_endless_wait() {
    let whole = whole();
    let (done, ended) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let dir = folder();
        let (mut found, mut named) = (0, 0);
        for seed in 0..rounds() {
            let mut dice = Dice(seed);
            let mut bytes = whole.clone();
            let what = damage(&mut bytes, &mut dice);
            let path = dir.path().join(format!("{seed}.redb"));
            std::fs::write(&path, bytes).unwrap();
            done.send((seed, what.clone())).unwrap();
            if let Err(error) = use_all(&path) {
                found += 1;
                let said = error.to_string();
                assert!(!matches!(error, Error::Panicked { .. } | Error::Stopped), "seed {seed}, {what}: {said}");
                if let Error::Damaged { path: file, .. } = &error {
                    named += 1;
                    assert_eq!(*file, path, "seed {seed}, {what}: {said}");
                    assert!(said.contains("put a backup of the file in its place"), "{said}");
                }
            }
            std::fs::remove_file(&path).unwrap();
        }
        (found, named)
    });
    let mut last = None;
    while let Some(now) = match ended.recv_timeout(PATIENCE) {
        Ok(now) => Some(now),
        Err(mpsc::RecvTimeoutError::Disconnected) => None,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end: {last:?}"),
    } {
        last = Some(now);
    }
    let (found, named) = worker.join().unwrap_or_else(|_| panic!("it panicked: {last:?}"));
    assert!(found > rounds() / 4 && named > rounds() / 6, "{found} of {} were found, {named} named", rounds());
}

#[test]
fn a_file_that_is_no_store_is_named_with_what_to_do() {
    let dir = folder();
    let path = dir.path().join("store.redb");
    for foreign in [vec![7; 5_000], b"SQLite format 3\0".repeat(1_000), vec![0; 1], whole()[..6_000].to_vec()] {
        std::fs::write(&path, foreign).unwrap();
        let refused = Store::open(&path, schema(), Ids::seeded(1), deaf()).err().unwrap();
        assert!(matches!(refused, Error::Damaged { .. }), "{refused:?}");
        assert!(std::error::Error::source(&refused).is_none(), "what it says is not said twice");
    }
}

#[test]
fn an_empty_file_is_a_store_that_was_not_begun() {
    let dir = folder();
    let path = dir.path().join("store.redb");
    std::fs::write(&path, "").unwrap();
    let store = Store::open(&path, schema(), Ids::seeded(1), deaf()).unwrap();
    put(&store, [note(1, "ada")]);
    assert_eq!(found(&store, &Scan::all()), [1]);
}
