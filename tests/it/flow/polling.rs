//! Polling looks once a minute for ever: what it leaves behind is what it found, and no more.

use std::collections::BTreeSet;
use std::time::Duration;

use plumbline::base::event::{Actor, Event};
use plumbline::base::id::RepoId;
use plumbline::base::name::{BranchName, CommitSha};
use plumbline::domain::repos::{self, Branch, BranchChange, Repository};
use plumbline::engine::queue::WorkState;
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{self, Scan};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::raw::{FILE, RawRepo};
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

const INTERVAL: Duration = Duration::from_secs(60);

/// The facts that the journal has.
fn facts(app: &TestApp) -> Vec<Event> {
    let read = app.app().read_now(|tx, _| tx.find(&Scan::<Journaled>::all(), 100_000)).unwrap();
    read.into_iter().map(|entry| entry.0.event).collect()
}

async fn poll(world: &World) {
    world.app.advance(INTERVAL);
    world.app.tick().await;
}

#[tokio::test]
async fn polling_that_finds_nothing_leaves_nothing_in_the_journal() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.repo("other", [("a.rb", "puts 1\n")]).await;
    world.app.tick().await;
    let before = facts(&world.app);
    for _ in 0..10 {
        poll(&world).await;
    }
    assert_eq!(facts(&world.app), before);
    assert_eq!(repo.see("").await["synced_at"], json!(world.app.now()), "it did look");

    // What is found is told, under the next number.
    let head = repo.git.commit([("b.rb", "puts 2\n")]).parse().unwrap();
    poll(&world).await;
    let told = facts(&world.app).split_off(before.len());
    assert!(matches!(&told[0], Event::BranchMoved { head: moved, .. } if *moved == head), "{told:?}");
    let rows = world.app.app().read_now(|tx, _| tx.find(&Scan::<Journaled>::all(), 1_000)).unwrap();
    assert!(rows.iter().map(|row| row.0.number).eq(1..=rows.len() as u64), "no number is left out");
}

#[tokio::test]
async fn every_commit_that_a_push_brings_is_registered_however_many_they_are() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.app.tick().await;
    repo.git.switch("topic");
    let pushed: Vec<CommitSha> = (0..30).map(|n| repo.git.commit([("b.rb", format!("puts {n}\n"))]).parse().unwrap()).collect();
    poll(&world).await;
    let id: RepoId = repo.see("").await["id"].as_str().unwrap().parse().unwrap();
    let missing = |sha: &&CommitSha| world.app.app().read_now(|tx, _| repos::commit(tx, id, **sha)).unwrap().is_none();
    assert_eq!(pushed.iter().filter(missing).count(), 0);
}

/// A host that was away for a weekend left a piece of dead work every few minutes.
#[tokio::test]
async fn a_repository_that_stays_away_is_told_of_once_and_looked_for_at_every_poll() {
    // A port that nobody listens at any more.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let app = TestApp::with(|config| config.allow_hosts = vec![address.to_string()]);
    let away = World::of(app).await;
    away.admin.post("/api/v1/repos", json!({"url": format!("http://{address}/app.git"), "name": "app"})).await.expect(201);
    away.app.settle().await;
    away.app.advance(Duration::from_secs(30));
    away.app.settle().await;
    let before = facts(&away.app);
    for _ in 0..30 {
        poll(&away).await;
    }
    assert_eq!(facts(&away.app), before);
    assert_eq!((away.app.work(WorkState::Ready).len(), away.app.work(WorkState::Dead).len()), (0, 0));
    assert_ne!(away.see("app", "").await["sync_error"], Value::Null);
}

/// What stands for the branches that were not taken.
fn skipped(app: &TestApp) -> Option<String> {
    let rows: Vec<Repository> = app.app().read_now(|tx, _| tx.find(&Scan::all(), 2)).unwrap();
    rows[0].skipped.map(|skipped| skipped.to_string())
}

#[tokio::test]
async fn branches_that_are_not_taken_are_remembered_until_they_change() {
    let world = World::new().await;
    let git = RawRepo::new();
    let blob = git.blob("{\n");
    git.push(&[(FILE, b"a.json", blob)]);
    world.add("app", git.path()).await;
    world.app.tick().await;
    assert_eq!(skipped(&world.app), None);
    let heads = git.path().join("refs/heads");
    std::fs::write(heads.join("odd"), format!("{blob}\n")).unwrap();
    poll(&world).await;
    let one = skipped(&world.app);
    assert!(one.is_some(), "a branch that points to a file is not taken");
    poll(&world).await;
    assert_eq!(skipped(&world.app), one);
    std::fs::write(heads.join("odder"), format!("{blob}\n")).unwrap();
    poll(&world).await;
    assert_ne!(skipped(&world.app), one);
    for name in ["odd", "odder"] {
        std::fs::remove_file(heads.join(name)).unwrap();
    }
    poll(&world).await;
    assert_eq!(skipped(&world.app), None);
}

fn branch(n: usize) -> BranchName {
    format!("topic/{n}").parse().unwrap()
}

/// One closure wrote all of them and held every other writer up for a third of a second.
#[tokio::test]
async fn very_many_branches_are_written_down_some_at_a_time() {
    const BRANCHES: usize = 3_000;
    let world = World::new().await;
    let git = TestRepo::new();
    let sha = git.commit([("a.rb", "puts 1\n")]);
    let lines: String = (0..BRANCHES).map(|n| format!("{sha} refs/heads/topic/{n}\n")).collect();
    std::fs::write(git.path().join(".git/packed-refs"), lines).unwrap();
    let added = world.register("app", git.path()).await;
    let id: RepoId = text(&added["id"]).parse().unwrap();
    let before = world.app.app().store.statistics();
    world.app.settle().await;
    let all = |world: &World| world.app.app().read_now(|tx, _| repos::all_branches(tx, id)).unwrap().len();
    assert_eq!(all(&world), BRANCHES + 1);
    assert_eq!(world.see("app", "").await["default_branch"], json!("main"));
    // Each in a closure of its own would be as bad the other way round.
    let after = world.app.app().store.statistics();
    let verbs = after.verbs - before.verbs;
    assert!((BRANCHES as u64 / 100..BRANCHES as u64 / 20).contains(&verbs), "{verbs} closures");
    assert!(after.largest_verb <= 500, "one closure wrote {} rows", after.largest_verb);

    std::fs::write(git.path().join(".git/packed-refs"), "").unwrap();
    world.sync("app").await;
    assert_eq!(all(&world), 1);
    assert!(world.app.app().store.statistics().largest_verb <= 500);
    assert_eq!(facts(&world.app).iter().filter(|fact| matches!(fact, Event::BranchDeleted { .. })).count(), BRANCHES);
}

#[tokio::test]
async fn what_became_of_branches_may_be_recorded_twice_and_from_any_step_on() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let id: RepoId = text(&repo.see("").await["id"]).parse().unwrap();
    let head: CommitSha = repo.first.parse().unwrap();
    let found: Vec<(BranchName, CommitSha)> = (0..6).map(|n| (branch(n), head)).collect();
    let look = |world: &World| {
        let read =
            |tx: &store::ReadTx, _| -> repos::Result<(Repository, Vec<Branch>)> { Ok((repos::get(tx, id)?, repos::all_branches(tx, id)?)) };
        world.app.app().read_now(read).unwrap()
    };
    let (row, known) = look(&world);
    let changes = repos::compare(&row, &known, Some(&branch(3)), &found);
    // The branch that was the default one and the one that is now come first.
    let first: BTreeSet<&BranchName> = changes[..2].iter().map(BranchChange::branch).collect();
    assert_eq!(first, [&branch(3), &"main".parse().unwrap()].into());
    let write = |some: Vec<BranchChange>| {
        world.app.app().write_now(&Actor::System, move |tx, now| -> repos::Result<()> {
            repos::name_default(tx, id, Some(&branch(3)), false)?;
            repos::record_branches(tx, id, &some, now)
        })
    };
    // The process ends after the first step: whoever reads finds a default branch, and it is there.
    write(changes[..2].to_vec()).unwrap();
    let (row, known) = look(&world);
    assert_eq!(row.default_branch, Some(branch(3)));
    assert_eq!(known.iter().map(|branch| branch.name.clone()).collect::<Vec<_>>(), [branch(3)]);
    // The next fetch finds what is left, and recording all of it again changes nothing twice.
    assert_eq!(repos::compare(&row, &known, Some(&branch(3)), &found).len(), 5);
    write(changes.clone()).unwrap();
    let told = facts(&world.app).len();
    write(changes).unwrap();
    assert_eq!(facts(&world.app).len(), told);
    let (row, known) = look(&world);
    assert_eq!(known.len(), 6);
    assert_eq!(repos::compare(&row, &known, Some(&branch(3)), &found), []);
    world.app.settle().await;
}
