//! Approval: what a manifest starts, before and after somebody with a say has seen it.

use std::os::unix::fs::PermissionsExt;

use plumbline::domain::accounts::InstanceRole;
use serde_json::{Value, json};

use super::programs::need;
use crate::support::app::TestApp;
use crate::support::world::{Repo, World, text};

/// A command that finds one thing, and what is built in.
const HOUSE: &str = "version: 1\nissues: {fail_on: new}\nchecks:\n- plugin: hygiene\n- name: house\n  run: 'echo a.txt:1: error: taboo [no-taboo]'\n  output: gnu\n";
/// The same, and another command.
const MORE: &str = "version: 1\nissues: {fail_on: new}\nchecks:\n- plugin: hygiene\n- name: house\n  run: 'echo a.txt:1: error: taboo [no-taboo]'\n  output: gnu\n- name: other\n  run: 'true'\n  output: gnu\n";

/// A repository that asks for approval of manifests on branches, with another branch begun.
async fn on_a_topic(world: &World) -> Repo<'_> {
    let repo = world.repo("app", [(".plumbline.yaml", HOUSE), ("a.txt", "fine\n")]).await;
    world.admin.json("PATCH", &repo.path(""), json!({"approval_for": "branches"})).await.expect(200);
    repo.switch("topic");
    repo
}

async fn waits_for(repo: &Repo<'_>, sha: &str, name: &str) -> Value {
    repo.see(&format!("/commits/{sha}/checks/{name}")).await["waits_for"].clone()
}

#[tokio::test]
async fn a_manifest_that_nobody_has_seen_starts_nothing_until_it_is_approved() {
    need!();
    let world = World::new().await;
    let repo = on_a_topic(&world).await;
    let topic = repo.push([(".plumbline.yaml", MORE), ("b.json", "{\n")]).await;
    assert_eq!(repo.checks(&topic).await, "waiting: hygiene succeeded, house waiting, other waiting");
    assert_eq!(waits_for(&repo, &topic, "other").await, json!("approval"));
    assert_eq!(repo.places(&topic, "new").await, ["b.json:1 invalid-json"], "what is built in has run");
    assert_eq!(repo.places(&topic, "open").await, ["b.json:1 invalid-json", "a.txt:1 no-taboo"], "nothing of what waits is called fixed");
    assert_eq!(repo.verdict(&topic).await, "failure: 2 checks wait for approval; 1 new issue of severity minor or above");
    let page = world.admin.page(&format!("/r/local/app/commits/{topic}")).await.expect(200).text();
    assert!(page.contains("Gate: fails"), "{page}");

    let approved = world.admin.own("POST", &repo.commit(&topic, "/checks/approve")).await.expect(202).value();
    assert_eq!(approved["state"], "waiting");
    world.app.settle().await;
    assert_eq!(repo.checks(&topic).await, "failed: hygiene succeeded, house succeeded, other succeeded");
    assert_eq!(repo.places(&topic, "new").await, ["b.json:1 invalid-json"]);

    let next = repo.push([("b.json", "{}\n")]).await;
    assert_eq!(repo.checks(&next).await, "succeeded: hygiene succeeded, house succeeded, other succeeded", "the same manifest is known");
    let changed = repo.push([(".plumbline.yaml", &MORE.replace("'true'", "'exit 1'"))]).await;
    assert_eq!(repo.checks(&changed).await, "waiting: hygiene succeeded, house waiting, other waiting", "another one is not");
    assert_eq!(repo.verdict(&changed).await, "pending: 2 checks wait for approval; no new issues");
}

#[tokio::test]
async fn what_the_default_branch_runs_needs_no_approval_on_another() {
    need!();
    let world = World::new().await;
    let repo = on_a_topic(&world).await;
    let topic = repo.push([("b.txt", "fine\n")]).await;
    assert_eq!(repo.checks(&topic).await, "succeeded: hygiene succeeded, house succeeded");
    repo.switch("main");
    let main = repo.push([(".plumbline.yaml", MORE)]).await;
    assert_eq!(
        repo.checks(&main).await,
        "succeeded: hygiene succeeded, house succeeded, other succeeded",
        "the default branch says what is run"
    );
}

#[tokio::test]
async fn whoever_may_push_says_what_is_run_unless_a_repository_asks_for_more() {
    need!();
    let world = World::new().await;
    let repo = world.repo("app", [(".plumbline.yaml", HOUSE), ("a.txt", "fine\n")]).await;
    repo.switch("topic");
    let topic = repo.push([(".plumbline.yaml", MORE)]).await;
    assert_eq!(repo.checks(&topic).await, "succeeded: hygiene succeeded, house succeeded, other succeeded");
    let refused = world.admin.own("POST", &repo.commit(&topic, "/checks/approve")).await.expect(409).refused("not_waiting");
    assert!(refused.contains("succeeded"), "{refused}");
}

#[tokio::test]
async fn checks_that_wait_for_approval_hold_nothing_up_and_can_be_called_off() {
    need!();
    let world = World::new().await;
    let repo = on_a_topic(&world).await;
    let topic = repo.push([(".plumbline.yaml", MORE)]).await;
    let page = world.admin.page(&format!("/r/local/app/commits/{topic}")).await.expect(200).text();
    assert!(page.contains("Approve and run") && page.contains("waiting for approval"), "{page}");
    let check = world.admin.page(&format!("/r/local/app/commits/{topic}/checks/other")).await.expect(200).text();
    assert!(check.contains("waits for approval"), "{check}");
    assert!(!world.admin.page("/").await.expect(200).text().contains("1 running"));

    world.admin.own("DELETE", &repo.commit(&topic, "/checks")).await.expect(202);
    assert_eq!(repo.checks(&topic).await, "canceled: hygiene succeeded, house canceled, other canceled");
    world.admin.own("POST", &repo.commit(&topic, "/checks")).await.expect(202);
    world.app.settle().await;
    assert_eq!(repo.checks(&topic).await, "waiting: hygiene succeeded, house waiting, other waiting", "to ask again is not to approve");
    world.admin.form(&format!("/r/local/app/commits/{topic}/checks/approve"), "").await.expect(303);
    world.app.settle().await;
    assert_eq!(repo.checks(&topic).await, "succeeded: hygiene succeeded, house succeeded, other succeeded");
}

#[tokio::test]
async fn whoever_may_not_see_a_repository_approves_nothing_there() {
    need!();
    let world = World::new().await;
    let repo = on_a_topic(&world).await;
    let topic = repo.push([(".plumbline.yaml", MORE)]).await;
    let stranger = world.app.sign_in(world.app.user("stranger", InstanceRole::Member)).await;
    stranger.own("POST", &repo.commit(&topic, "/checks/approve")).await.expect(404);
    assert_eq!(text(&repo.see(&format!("/commits/{topic}/checks")).await["state"]), "waiting");
    assert!(repo.see("").await["can"].as_array().unwrap().contains(&json!("approve")));
}

#[tokio::test]
async fn a_set_of_which_all_checks_wait_is_held_and_runs_once_it_is_approved() {
    need!();
    let world = World::new().await;
    let repo = on_a_topic(&world).await;
    let alone = "version: 1\nchecks: [{name: house, run: 'echo a.txt:1: error: taboo [no-taboo]', output: gnu}]\n";
    let topic = repo.push([(".plumbline.yaml", alone)]).await;
    assert_eq!(repo.checks(&topic).await, "waiting: house waiting");
    assert_eq!(repo.verdict(&topic).await, "pending: 1 check waits for approval; no new issues");
    assert_eq!(repo.places(&topic, "open").await, ["a.txt:1 no-taboo"], "nothing of what waits is called fixed");
    world.admin.own("POST", &repo.commit(&topic, "/checks/approve")).await.expect(202);
    world.app.settle().await;
    assert_eq!(repo.checks(&topic).await, "succeeded: house succeeded");
}

#[tokio::test]
async fn tools_that_are_switched_on_wait_as_well_where_a_branch_takes_the_manifest_away() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    super::programs::false_ruff(bin.path(), "0.9.1");
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let repo = on_a_topic(&world).await;
    world.admin.json("PATCH", &repo.path(""), json!({"tools": ["ruff"]})).await.expect(200);
    let waiting = async |sha: &str| repo.checks(sha).await.split(": ").next().unwrap() == "waiting";
    repo.push([("a.py", "bad\n")]).await;
    let without = repo.remove(&[".plumbline.yaml"]).await;
    assert!(waiting(&without).await, "{}", repo.checks(&without).await);
    assert_eq!(waits_for(&repo, &without, "ruff").await, json!("approval"));
    world.admin.own("POST", &repo.commit(&without, "/checks/approve")).await.expect(202);
    world.app.settle().await;
    assert!(repo.checks(&without).await.contains("ruff succeeded"), "{}", repo.checks(&without).await);
    let next = repo.push([("b.py", "1\n")]).await;
    assert!(!waiting(&next).await, "that there is none is known by now: {}", repo.checks(&next).await);

    let silent = world.repo("silent", [("a.py", "bad\n")]).await;
    world.admin.json("PATCH", &silent.path(""), json!({"tools": ["ruff"], "approval_for": "branches"})).await.expect(200);
    let main = silent.push([("a.py", "bad\nbad\n")]).await;
    assert!(silent.checks(&main).await.contains("ruff succeeded"));
    silent.switch("topic");
    let topic = silent.push([("a.py", "1\n")]).await;
    assert!(silent.checks(&topic).await.contains("ruff succeeded"), "the default branch has none either: {}", silent.checks(&topic).await);
}

#[tokio::test]
async fn a_branch_that_is_the_default_one_only_for_want_of_another_is_not_trusted_for_that() {
    need!();
    let world = World::new().await;
    let git = crate::support::repo::TestRepo::new();
    let names = |branch: &str| std::fs::write(git.path().join(".git/HEAD"), format!("ref: refs/heads/{branch}\n")).unwrap();
    git.switch("a-topic");
    git.commit([("a.txt", "fine\n")]);
    names("nowhere");
    world.add("app", git.path()).await;
    world.admin.json("PATCH", "/api/v1/repos/local/app", json!({"approval_for": "branches"})).await.expect(200);
    assert_eq!(world.see("app", "").await["default_branch"], json!("a-topic"), "the only one there is");
    let sha = git.commit([(".plumbline.yaml", HOUSE)]);
    world.sync("app").await;
    let state = world.see("app", &format!("/commits/{sha}/checks")).await["state"].clone();
    assert_eq!(state, json!("waiting"), "nobody named it");
    names("a-topic");
    let next = git.commit([("a.txt", "finer\n")]);
    world.sync("app").await;
    let state = world.see("app", &format!("/commits/{next}/checks")).await["state"].clone();
    assert_ne!(state, json!("waiting"), "now somebody does");
}
