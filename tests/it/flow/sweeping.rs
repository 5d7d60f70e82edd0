//! What nothing names goes, and what anything names stays.

use std::time::Duration;

use plumbline::base::event::Actor;
use plumbline::base::id::{Id, RepoId};
use plumbline::base::name::TreePath;
use plumbline::domain::issues::{self, Chunk, Node, Staged};
use plumbline::engine::store::{Record, Scan};

use crate::support::app::TestApp;
use crate::support::world::{World, text};

/// More rows than one page has, and than one closure may write.
const LEFT: usize = 1_100;

fn count<T: Record>(app: &TestApp) -> usize {
    app.app().read_now(|tx, _| tx.count(&Scan::<T>::all(), 100_000)).unwrap()
}

/// Stages what an attempt stages that ends before it names it: chunks, and a node that names one of them.
fn leave(app: &TestApp, repo: RepoId) {
    let chunk = |n: usize| Chunk::new(repo, TreePath::new(format!("left/{n}")), "hygiene".to_owned(), Vec::new());
    let chunks: Vec<Chunk> = (0..LEFT).map(chunk).collect();
    let (_, nodes) = issues::standing::nodes(repo, Vec::new(), None);
    let node = Node { repo, id: [9; 16], chunks: nodes.into_values().flat_map(|node| node.chunks).collect() };
    let rows: Vec<Staged> = chunks.into_iter().map(Staged::Chunk).chain([Staged::Node(node)]).collect();
    for some in rows.chunks(100) {
        let some = some.to_vec();
        app.app().write_now(&Actor::System, move |tx, _| issues::stage(tx, &some)).unwrap();
    }
}

async fn sweep(app: &TestApp) {
    app.advance(Duration::from_secs(48 * 3_600));
    app.tick().await;
}

#[tokio::test]
async fn staged_rows_that_no_standing_names_go_and_all_others_stay() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.json", "[\n")]).await;
    let second = repo.push([("c.json", "{\n")]).await;
    let id: RepoId = text(&repo.see("").await["id"]).parse().unwrap();
    let rows = |app: &TestApp| (count::<Chunk>(app), count::<Node>(app));
    sweep(&world.app).await;
    let before = rows(&world.app);
    assert_eq!(before.0, 3, "each file's chunk is named by a commit");
    let seen = (repo.places(&repo.first, "open").await, repo.places(&second, "open").await, repo.places(&second, "new").await);

    leave(&world.app, id);
    // One that was deleted while its checks ran.
    leave(&world.app, RepoId::from_u128(7));
    assert_eq!(rows(&world.app), (before.0 + 2 * LEFT, before.1 + 2));
    let attempt = world.app.app().staging.begin(id);
    sweep(&world.app).await;
    assert_eq!(rows(&world.app), (before.0 + LEFT, before.1 + 1), "an attempt may be about to name them");
    drop(attempt);
    sweep(&world.app).await;
    assert_eq!(rows(&world.app), before);
    assert!(world.app.app().store.statistics().largest_verb <= 500, "the rows go some at a time");
    let still = (repo.places(&repo.first, "open").await, repo.places(&second, "open").await, repo.places(&second, "new").await);
    assert_eq!(still, seen);

    // A run that takes its identities from what was kept finds all of it.
    let third = repo.push([("d.json", "{\n")]).await;
    assert_eq!(repo.places(&third, "new").await, ["d.json:1 invalid-json"]);
    assert_eq!(repo.places(&third, "open").await.len(), 4);
}

#[tokio::test]
async fn what_an_earlier_run_alone_named_goes() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.rb", "puts 1\n")]).await;
    let id: RepoId = text(&repo.see("").await["id"]).parse().unwrap();
    // The commit's row names other nodes from now on, as after another version of a check.
    let sha = repo.first.parse().unwrap();
    world
        .app
        .app()
        .write_now(&Actor::System, move |tx, _| {
            let mut standing = issues::standing(tx, id, sha)?.expect("it was analysed");
            standing.nodes.clear();
            issues::switch(tx, &standing)
        })
        .unwrap();
    sweep(&world.app).await;
    assert_eq!((count::<Chunk>(&world.app), count::<Node>(&world.app)), (0, 0));
}

#[tokio::test]
async fn mirrors_without_a_repository_and_logs_without_a_writer_go() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let (repos, live) = (world.app.data_dir().join("repos"), world.app.data_dir().join("live"));
    let (gone, foreign) = (repos.join(format!("{}.git", RepoId::from_u128(7))), repos.join("lost+found"));
    for dir in [&gone.join("objects/pack"), &foreign, &live.join("a folder")] {
        std::fs::create_dir_all(dir).unwrap();
    }
    std::fs::write(live.join("att_1-chk_2"), "left\n").unwrap();
    sweep(&world.app).await;
    assert!(!gone.exists());
    assert!(foreign.exists(), "what is not named as ours are is not ours");
    assert_eq!(std::fs::read_dir(live).unwrap().count(), 0);
    repo.push([("b.json", "{\n")]).await;
    assert_eq!(std::fs::read_dir(repos).unwrap().count(), 2, "the repository has its mirror still");
}
