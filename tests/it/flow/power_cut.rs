//! The power goes in the middle of the main job, at one place after another: once it is back, what was acknowledged is done, and once.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use plumbline::app::config::Config;
use plumbline::app::{App, runner, schema};
use plumbline::base::event::{Actor, Event};
use plumbline::base::id::{Ids, RepoId};
use plumbline::base::name::RepoSlug;
use plumbline::base::time::Clock;
use plumbline::domain::issues::{self, Issue};
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use plumbline::domain::search::SearchIndex;
use plumbline::domain::{checks, issues::Standing};
use plumbline::engine::queue;
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{Blobs, Scan, Store};

use crate::support::app::NOON;
use crate::support::crash::Disk;
use crate::support::repo::TestRepo;
use crate::support::temporary;

/// At how many places the power goes.
const CUTS: u64 = 24;

#[test]
fn whatever_was_acknowledged_before_a_power_cut_is_done_after_it_and_once() {
    let git = TestRepo::new();
    git.commit([("a.json", "{\n"), ("b.json", "[\n")]);
    let sha = git.commit([("c.json", "{\n"), (".plumbline.yaml", "version: 1\n")]);
    let whole = calls_of_a_whole_run(git.path());
    let mut cuts = 0;
    for nth in 0..CUTS {
        // From the first call after the store was opened to the last.
        let at = whole.0 + (whole.1 - whole.0) * nth / CUTS;
        let disk = Disk::new(nth);
        let dir = temporary();
        let started = start(dir.path(), &disk);
        disk.cut_after(at - whole.0 + 1);
        let added = add(&started, git.path());
        let _ = runner::settle(&started);
        cuts += u64::from(disk.is_cut());
        drop(started);
        disk.restart();

        let app = start(dir.path(), &disk);
        while app.write_now(&Actor::System, |tx, now| queue::recover(tx, 200, now)).unwrap() > 0 {}
        let repo = match added {
            Some(repo) => repo,
            // Not acknowledged: it may be there or not.
            None => find(&app).unwrap_or_else(|| add(&app, git.path()).expect("the power is back")),
        };
        runner::settle(&app).unwrap();

        let waiting = app.read_now(|tx, _| tx.find(&Scan::<queue::WorkItem>::all(), 10)).unwrap();
        assert_eq!(waiting, [], "cut {nth}, at call {at}: what is left to do, and why");
        let fetched = app.read_now(|tx, _| repos::get(tx, repo)).unwrap();
        assert_eq!((&fetched.sync_error, fetched.synced_at.is_some()), (&None, true), "cut {nth}, at call {at}");
        let seen = app
            .read_now(|tx, _| {
                let set = checks::find(tx, repo, sha.parse().unwrap()).unwrap();
                let standing: Standing = issues::standing(tx, repo, sha.parse().unwrap()).unwrap().unwrap();
                let journal = tx.find(&Scan::<Journaled>::all(), 1_000)?;
                let ended = journal.iter().filter(|entry| matches!(entry.0.event, Event::CheckSetCompleted { .. })).count();
                let rows = tx.find(&Scan::<Issue>::all(), 100)?.len();
                Ok::<_, plumbline::engine::store::Error>((set.state.to_string(), set.is_settled, standing.counts.open, ended, rows))
            })
            .unwrap();
        assert_eq!(seen, ("succeeded".to_owned(), true, 3, 1, 3), "cut {nth}, at call {at}");
        assert_eq!(app.store.verify().unwrap(), [], "cut {nth}");
    }
    assert!(cuts >= CUTS - 2, "the power went {cuts} times of {CUTS}");
}

fn start(dir: &Path, disk: &Disk) -> App {
    static DISTINCT: AtomicU64 = AtomicU64::new(1);
    let config = Config::in_directory(dir);
    for part in ["live", "repos"] {
        std::fs::create_dir_all(dir.join(part)).unwrap();
    }
    let (disk, ids) = (disk.clone(), Ids::seeded(DISTINCT.fetch_add(1, Ordering::SeqCst)));
    let blobs = Blobs::open(&dir.join("blobs")).unwrap();
    let index = SearchIndex::in_directory(dir.join("index"));
    let clock = Clock::manual(NOON.parse().unwrap());
    App::build(config, clock, blobs, index, |listener| Store::open_on(move || disk.handle(), schema::schema(), ids, listener)).unwrap()
}

fn add(app: &App, path: &Path) -> Option<RepoId> {
    let remote = path.to_str().unwrap().to_owned();
    let slug = RepoSlug::local("app").unwrap();
    let new = NewRepository { slug, source: RepoSource::Local, remote, is_trusted: false, badge_key: BadgeKey::random(), owner: None };
    app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).ok().map(|repo| repo.id)
}

fn find(app: &App) -> Option<RepoId> {
    app.read_now(|tx, _| repos::find(tx, &RepoSlug::local("app").unwrap())).ok().map(|repo| repo.id)
}

/// The calls to the disk when the store is open, and at the end of the job.
fn calls_of_a_whole_run(git: &Path) -> (u64, u64) {
    let disk = Disk::new(0);
    let dir = temporary();
    let app = start(dir.path(), &disk);
    let before = disk.history().0;
    add(&app, git).unwrap();
    runner::settle(&app).unwrap();
    (before, disk.history().0)
}
