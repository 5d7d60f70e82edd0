//! What the appliance does by itself: it looks for new commits, and what was deleted is gone for good.

use std::path::Path;
use std::time::Duration;

use plumbline::base::event::Actor;
use plumbline::base::id::RepoId;
use plumbline::base::work::Lane;
use plumbline::domain::accounts::Membership;
use plumbline::domain::checks::CheckSet;
use plumbline::domain::issues::issue::BY_FINGERPRINT;
use plumbline::domain::issues::{Chunk, Node, Standing};
use plumbline::domain::repos::{Branch, Commit};
use plumbline::engine::queue::{self, Verdict, WorkState};
use plumbline::engine::store::Scan;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::world::{World, text};

#[tokio::test]
async fn a_new_commit_is_found_by_polling_once_the_interval_has_passed() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.app.tick().await;
    let second = repo.git.commit([("a.json", "{\n")]);
    world.app.advance(Duration::from_secs(59));
    world.app.tick().await;
    assert_eq!(repo.see("/branches/main").await["head"]["sha"], json!(repo.first), "it is not yet time");
    world.app.advance(Duration::from_secs(1));
    world.app.tick().await;
    assert_eq!(repo.see("/branches/main").await["head"]["sha"], json!(second));
    assert_eq!(repo.places(&second, "new").await, ["a.json:1 invalid-json"]);
}

#[tokio::test]
async fn a_branch_that_is_deleted_there_is_gone_here_and_its_commits_stay_known() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    repo.switch("feature/one");
    let sha = repo.push([("a.json", "{\n")]).await;
    assert_eq!(repo.see("/branches/feature%2Fone").await["head"]["sha"], json!(sha));
    std::fs::remove_file(repo.git.path().join(".git/refs/heads/feature/one")).unwrap();
    repo.sync().await;
    world.admin.get(&repo.path("/branches/feature%2Fone")).await.expect(404).refused("branch_not_found");
    assert_eq!(repo.see(&format!("/commits/{sha}")).await["check_set"], json!("succeeded"));
}

#[tokio::test]
async fn a_deleted_repository_leaves_nothing_behind() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.json", "[\n")]).await;
    repo.push([("c.json", "{\n")]).await;
    let kept = world.repo("kept", [("a.json", "{\n")]).await;
    let id: RepoId = text(&repo.see("").await["id"]).parse().unwrap();
    let issue = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    assert!(rows(&world.app, id).iter().all(|(_, rows)| *rows > 0), "{:?}", rows(&world.app, id));
    assert_eq!(repo.found("json").await, 4);
    let blobs = files(&world.app.data_dir().join("blobs"));

    let wrong = world.admin.json("DELETE", &repo.path(""), json!({"confirm": "app"})).await.expect(422);
    assert!(wrong.refused("not_confirmed").contains("local/app"));
    world.admin.json("DELETE", &repo.path(""), json!({"confirm": "local/app"})).await.expect(204);
    world.admin.get(&repo.path("")).await.expect(404).refused("repo_not_found");
    let found = world.admin.get("/api/v1/search/issues?q=json").await.expect(200).value();
    assert!(found["items"].as_array().unwrap().iter().all(|issue| issue["repo"] == json!("local/kept")), "hidden at once: {found}");
    world.app.settle().await;

    assert!(rows(&world.app, id).iter().all(|(_, rows)| *rows == 0), "{:?}", rows(&world.app, id));
    assert!(!world.app.data_dir().join("repos").join(format!("{id}.git")).exists());
    assert_eq!(repo.found("json").await, 1);
    world.admin.get(&format!("/api/v1/issues/{issue}")).await.expect(404).refused("issue_not_found");
    assert_eq!(kept.places(&kept.first, "open").await, ["a.json:1 invalid-json"], "the other repository is as it was");

    // Blobs go once no attempt can be about to name them: by then, every file of this test is old.
    world.app.tick().await;
    world.app.advance(Duration::from_secs(50 * 365 * 24 * 3_600));
    world.app.tick().await;
    let left = files(&world.app.data_dir().join("blobs"));
    assert!(left < blobs && left > 0, "{left} of {blobs} blobs are left");
}

#[tokio::test]
async fn checks_whose_work_is_given_up_end_as_lost_and_can_run_again() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    world.admin.own("POST", &repo.commit(&repo.first, "/checks")).await.expect(202);
    let app = world.app.app();
    // What a worker writes down of an attempt that it cannot carry out.
    app.write_now(&Actor::System, |tx, now| {
        let claim = queue::claim(tx, Lane::Checks, "a worker", now)?.expect("the checks wait");
        queue::fail(tx, &claim, Verdict::GiveUp, "it fell over", now)
    })
    .unwrap();
    world.app.settle().await;
    let set = repo.see(&format!("/commits/{}/checks", repo.first)).await;
    assert_eq!((&set["state"], &set["error"]["code"]), (&json!("errored"), &json!("lost")));
    assert_eq!(set["error"]["message"], json!("The work was given up after 1 attempt: it fell over."));
    assert_eq!(repo.places(&repo.first, "open").await, ["a.json:1 invalid-json"], "what was known before stands");
    let dead = world.app.work(WorkState::Dead);
    assert_eq!((dead.len(), dead[0].last_error.as_deref()), (1, Some("it fell over")));
    world.app.expect_dead(1);

    world.admin.own("POST", &repo.commit(&repo.first, "/checks")).await.expect(202);
    world.app.settle().await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: hygiene succeeded, duplication succeeded");
}

/// How many rows of a repository each table has.
fn rows(app: &TestApp, id: RepoId) -> Vec<(&'static str, usize)> {
    app.app()
        .read_now(|tx, _| {
            let rows = vec![
                ("branches", tx.count(&Scan::<Branch>::prefix(id), 10)?),
                ("commits", tx.count(&Scan::<Commit>::prefix(id), 10)?),
                ("check sets", tx.count(&Scan::<CheckSet>::prefix(id), 10)?),
                ("standings", tx.count(&Scan::<Standing>::prefix(id), 10)?),
                ("nodes", tx.count(&Scan::<Node>::prefix(id), 10)?),
                ("chunks", tx.count(&Scan::<Chunk>::prefix(id), 10)?),
                ("memberships", tx.count(&Scan::<Membership>::prefix(id), 10)?),
                ("issues", tx.count(&BY_FINGERPRINT.prefix(id), 10)?),
            ];
            Ok::<_, plumbline::engine::store::Error>(rows)
        })
        .unwrap()
}

/// How many files are beneath a directory.
fn files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}
