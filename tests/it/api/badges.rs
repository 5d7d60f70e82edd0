//! Badges.

use std::time::Duration;

use plumbline::app::runner;
use plumbline::base::event::Actor;
use plumbline::base::work::Lane;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole};
use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::world::{World, text};

async fn ask(client: &Client, rest: &str) -> Answer {
    let answer = client.get(&format!("/badges/local/{rest}")).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
    answer
}

/// What a badge says, as its title has it.
async fn badge(client: &Client, rest: &str) -> String {
    ask(client, rest).await.text().split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_badge_says_how_it_stands_to_those_who_may_know() {
    let world = World::new().await;
    world.repo("app", [("a.json", "{\n")]).await;
    assert_eq!(badge(&world.admin, "app/issues.svg").await, "issues: 1 open");
    assert_eq!(badge(&world.admin, "app/gate.svg?label=main&style=plastic").await, "main: holds");
    assert_eq!(badge(&world.admin, "app/gate.svg?branch=nope").await, "gate: unknown");
    assert_eq!(badge(&world.admin, "app/gate.svg?branch=main").await, "gate: holds");
    assert_eq!(badge(&world.admin, "app/coverage.svg").await, "coverage: unknown");
    assert_eq!(badge(&world.admin, "app/deploys.svg").await, "deploys: unknown");
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    for stranger in [&world.app.anonymous(), &member] {
        assert_eq!(badge(stranger, "app/issues.svg").await, "issues: unknown");
        assert_eq!(badge(stranger, "nope/issues.svg").await, "issues: unknown", "one that is not there looks the same");
    }
    world.admin.get("/badges/local/app/size.svg").await.expect(404).refused("not_found");
    world.admin.get("/badges/local/app/issues").await.expect(404).refused("not_found");
}

#[tokio::test]
async fn a_readme_shows_the_badge_of_a_private_repository_by_its_key() {
    let world = World::new().await;
    world.repo("app", [("a.json", "{\n")]).await;
    world.repo("other", [("a.rb", "puts 1\n")]).await;
    let path = "/api/v1/repos/local/app/badge-key";
    let shown = world.admin.get(path).await.expect(200).value();
    let key = text(&shown["key"]).to_owned();
    assert!(text(&shown["markdown"]).starts_with("[![gate](http://127.0.0.1:"), "{shown}");
    assert!(text(&shown["markdown"]).contains(&format!("/badges/local/app/gate.svg?key={key})](http://127.0.0.1:")), "{shown}");

    let readme = world.app.anonymous();
    assert_eq!(badge(&readme, &format!("app/issues.svg?key={key}&style=flat")).await, "issues: 1 open");
    for wrong in ["", &key[1..], &key.to_uppercase(), &format!("{key}0"), &"0".repeat(32), "%00"] {
        // A key of digits alone is the same in capitals.
        if wrong != key {
            assert_eq!(badge(&readme, &format!("app/issues.svg?key={wrong}")).await, "issues: unknown", "{wrong}");
        }
    }
    assert_eq!(badge(&readme, &format!("other/gate.svg?key={key}")).await, "gate: unknown", "another repository's key opens nothing");
    // It is a key to badges: not to the repository, and not as a token.
    for rest in ["", &format!("?key={key}")] {
        readme.get(&format!("/api/v1/repos/local/app{rest}")).await.expect(401);
        readme.page(&format!("/r/local/app{rest}")).await.expect(401);
    }
    readme.bearer(&key).get("/api/v1/repos/local/app").await.expect(401);

    let next = text(&world.admin.own("POST", path).await.expect(200).value()["key"]).to_owned();
    assert_ne!(next, key);
    assert_eq!(badge(&readme, &format!("app/gate.svg?key={key}")).await, "gate: unknown", "the key before opens nothing any more");
    assert_eq!(badge(&readme, &format!("app/gate.svg?key={next}")).await, "gate: holds");
}

#[tokio::test]
async fn a_public_repository_shows_its_badges_to_everybody_and_nothing_else() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let anyone = world.app.anonymous();
    let change = async |body| world.admin.json("PATCH", "/api/v1/repos/local/app", body).await.expect(200).value();
    assert_eq!(change(json!({"private": false})).await["private"], json!(false));
    assert_eq!(badge(&anyone, "app/gate.svg").await, "gate: holds");
    assert!(!text(&world.admin.get("/api/v1/repos/local/app/badge-key").await.expect(200).value()["markdown"]).contains("key="));
    for path in ["/api/v1/repos/local/app", "/api/v1/repos", &repo.commit(&repo.first, "/issues"), "/r/local/app"] {
        anyone.get(path).await.expect(401);
    }
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    member.get("/api/v1/repos/local/app").await.expect(404).refused("repo_not_found");
    change(json!({"private": true})).await;
    assert_eq!(badge(&anyone, "app/gate.svg").await, "gate: unknown");
}

#[tokio::test]
async fn a_cache_of_images_asks_each_time_and_keeps_no_badge_that_is_for_one_person() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let key = text(&world.admin.get("/api/v1/repos/local/app/badge-key").await.expect(200).value()["key"]).to_owned();
    let cache = world.app.anonymous();
    let path = format!("app/issues.svg?key={key}");
    let first = ask(&cache, &path).await;
    assert_eq!(first.header("cache-control"), Some("no-cache, max-age=0"));
    assert_eq!(ask(&world.admin, "app/issues.svg").await.header("cache-control"), Some("private, no-cache"));
    let known = cache.with("if-none-match", first.header("etag").unwrap());
    known.get(&format!("/badges/local/{path}")).await.expect(304);
    repo.push([("b.json", "{\n")]).await;
    assert!(known.get(&format!("/badges/local/{path}")).await.expect(200).text().contains("2 open"));
}

#[tokio::test]
async fn the_badge_of_issues_keeps_its_figure_while_the_next_commit_is_checked() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    repo.git.commit([("b.rb", "puts 1\n")]);
    world.admin.own("POST", &repo.path("/sync")).await.expect(202);
    // The fetch alone: the checks that follow it wait.
    let app = world.app.app().clone();
    tokio::task::spawn_blocking(move || runner::run_next(&app, Lane::Git, "test", None).unwrap()).await.unwrap();
    assert_eq!(badge(&world.admin, "app/gate.svg").await, "gate: running");
    assert_eq!(badge(&world.admin, "app/issues.svg").await, "issues: 1 open");
    assert_eq!(repo.see("").await["issues_open"], json!(1));
    world.app.advance(Duration::from_secs(1));
    world.app.settle().await;
    assert_eq!(badge(&world.admin, "app/gate.svg").await, "gate: holds");
}

#[tokio::test]
async fn settings_are_for_whoever_looks_after_the_repository() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let (writer, keeper) = (world.app.user("writer", InstanceRole::Member), world.app.user("keeper", InstanceRole::Member));
    world
        .app
        .app()
        .write_now(&Actor::System, move |tx, _| {
            accounts::grant(tx, id, writer, RepoRole::Write)?;
            accounts::grant(tx, id, keeper, RepoRole::Maintain)
        })
        .unwrap();
    let (writer, keeper) = (world.app.sign_in(writer).await, world.app.sign_in(keeper).await);
    writer.json("PATCH", &repo.path(""), json!({"private": false})).await.expect(403).refused("forbidden");
    writer.get(&repo.path("/badge-key")).await.expect(403).refused("forbidden");
    let said = json!({"description": "  The public API  "});
    assert_eq!(keeper.json("PATCH", &repo.path(""), said).await.expect(200).value()["description"], json!("The public API"));
    let changed = keeper.json("PATCH", &repo.path(""), json!({"private": false})).await.expect(200).value();
    assert_eq!((&changed["description"], &changed["private"]), (&json!("The public API"), &json!(false)), "what is left out stays");
    let unsaid = keeper.json("PATCH", &repo.path(""), json!({"description": null})).await.expect(200).value();
    assert_eq!((&unsaid["description"], &unsaid["private"]), (&json!(null), &json!(false)));
    keeper.json("PATCH", &repo.path(""), json!({})).await.expect(200);
    for (body, field) in
        [(json!({"private": "yes"}), ""), (json!({"name": "other"}), "name"), (json!({"description": "x".repeat(351)}), "description")]
    {
        let answer = keeper.json("PATCH", &repo.path(""), body).await.expect(400);
        answer.refused("invalid_body");
        assert!(field.is_empty() || answer.value()["details"]["fields"][0]["field"] == json!(field), "{}", answer.text());
    }
}
