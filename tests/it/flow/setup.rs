//! What of GitHub works: told line by line, as it changes, with what mends the rest.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::github::{Delivery, Door, GitHub, INSTALLATION};
use crate::support::world::{World, text};

const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nissues: {fail_on: new}\n");
const SLUG: &str = "acme/app";

/// An appliance that is the App of a GitHub, which was made by hand and whose deliveries arrive.
async fn set_up() -> (World, GitHub) {
    let github = GitHub::start();
    let world = World::of(TestApp::with(|config| github.configure(config))).await;
    github.hook(&format!("{}/hooks/github", world.app.app().public_url()));
    github.grant("checks", "write");
    (world, github)
}

async fn look(world: &World) -> Value {
    world.admin.get("/api/v1/admin/github").await.expect(200).value()
}

/// `grade: sentence` of a line; empty where it is not told of.
async fn line(world: &World, name: &str) -> String {
    let seen = look(world).await;
    let found = seen["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    found.map_or_else(String::new, |check| format!("{}: {}", text(&check["grade"]), text(&check["says"])))
}

/// What mends it.
async fn advice(world: &World, name: &str) -> String {
    let seen = look(world).await;
    let check = seen["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).cloned().unwrap();
    text(&check["advice"]).to_owned()
}

fn ping(n: u64) -> Delivery {
    Delivery::signed("ping", n, &json!({"zen": "Speak like a human.", "hook_id": 1}))
}

#[tokio::test]
async fn an_app_that_was_made_by_hand_is_looked_at_line_by_line() {
    let (world, github) = set_up().await;
    assert_eq!(github.deliver(&ping(1)), 202);
    world.app.settle().await;
    let seen = look(&world).await;
    let lines: Vec<String> =
        seen["checks"].as_array().unwrap().iter().map(|check| format!("{} {}", text(&check["name"]), text(&check["grade"]))).collect();
    assert_eq!(
        lines,
        [
            "public address weaker",
            "webhook secret good",
            "key good",
            "clock good",
            "permissions good",
            "events good",
            "installations good",
            "webhook address good",
            "deliveries good"
        ]
    );
    assert_eq!((&seen["app_id"], &seen["installations"][0]["account"]), (&json!(7), &json!("acme")));
}

#[tokio::test]
async fn the_public_address_is_proved_by_what_github_delivers_to_it() {
    let (world, github) = set_up().await;
    assert_eq!(line(&world, "deliveries").await, "weaker: none has come yet");
    world.admin.own("POST", "/api/v1/admin/github/ping").await.expect(404).refused("delivery_not_found");

    // A port that nobody listens at.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    github.hook(&format!("http://{closed}/hooks/github"));
    assert_eq!(github.deliver(&ping(1)), 0);
    let not_arrived = "bad: GitHub's last, `ping` at 2026-01-31T12:00:00Z, did not arrive (failed to connect to host)";
    assert_eq!(line(&world, "deliveries").await, not_arrived);
    assert!(advice(&world, "deliveries").await.contains("firewall"));
    assert!(line(&world, "webhook address").await.starts_with(&format!("bad: GitHub delivers to `http://{closed}/hooks/github`")));

    let ours = format!("{}/hooks/github", world.app.app().public_url());
    github.hook(&ours);
    assert_eq!(line(&world, "webhook address").await, format!("good: GitHub delivers to `{ours}`"));
    let sent = world.admin.own("POST", "/api/v1/admin/github/ping").await.expect(202).value();
    assert_eq!(sent["event"], "ping");
    assert!(line(&world, "deliveries").await.starts_with("good: GitHub reaches this instance: its last, `ping` at "));
    world.app.settle().await;

    let unsigned = Delivery { signature: format!("sha256={}", "0".repeat(64)), ..ping(2) };
    assert_eq!(github.deliver(&unsigned), 401);
    assert!(line(&world, "deliveries").await.contains("was signed with a secret that is not known here"));
}

#[tokio::test]
async fn where_github_does_not_tell_of_deliveries_what_came_is_told_of() {
    let (world, github) = set_up().await;
    github.deliver(&ping(1));
    world.app.settle().await;
    github.next(Door::Deliveries).answers(404);
    assert_eq!(line(&world, "deliveries").await, "good: the last that came was `ping` at 2026-01-31T12:00:00Z");
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_even_where_what_it_signs_is_refused() {
    let (world, github) = set_up().await;
    github.advance(Duration::from_secs(20));
    assert_eq!(line(&world, "clock").await, "good: this machine's is 20.0 s behind GitHub's");
    github.advance(Duration::from_secs(25));
    assert_eq!(line(&world, "clock").await, "bad: this machine's is 45.0 s behind GitHub's");
    assert!(line(&world, "key").await.starts_with("good"));
    github.advance(Duration::from_secs(900));
    assert_eq!(line(&world, "clock").await, "bad: this machine's is 15 min 45 s behind GitHub's");
    assert!(line(&world, "key").await.starts_with("bad: GitHub refuses it (401)"));
    assert!(advice(&world, "key").await.starts_with("look at the clock"));
    world.app.advance(Duration::from_secs(945));
    assert_eq!(line(&world, "clock").await, "good: this machine's and GitHub's say the same");
    assert!(line(&world, "key").await.starts_with("good"));
}

#[tokio::test]
async fn what_the_app_may_not_do_is_named_and_who_has_not_accepted_it() {
    let (world, github) = set_up().await;
    github.grant("pull_requests", "read");
    assert_eq!(line(&world, "permissions").await, "weaker: the App lacks `pull_requests: write`");
    github.grant("statuses", "none");
    assert_eq!(line(&world, "permissions").await, "bad: the App lacks `pull_requests: write`, `statuses: write`");
    assert_eq!(line(&world, "accepted permissions").await, "", "what the App lacks is said once");
    for name in ["pull_requests", "statuses"] {
        github.grant(name, "write");
    }
    github.accepts(INSTALLATION, "checks", "read");
    assert_eq!(line(&world, "permissions").await, "good: the App has all that are used");
    assert_eq!(line(&world, "accepted permissions").await, "weaker: `acme` has not accepted `checks: write`");
    github.suspend(INSTALLATION, true);
    assert_eq!(line(&world, "installations").await, "weaker: of 1 installation, 1 suspended");
}

#[tokio::test]
async fn others_may_install_the_app_only_once_it_is_said_whose_members_sign_in() {
    let page = async |orgs: &[&str], query: &str| {
        let orgs = orgs.iter().map(|org| (*org).to_owned()).collect();
        let world = World::of(TestApp::with(|config| config.github.orgs = orgs)).await;
        world.admin.page(&format!("/admin/github?{query}")).await.expect(200).text()
    };
    let public = "&quot;public&quot;:true";
    let is_public = |page: &str| page.replace("&#34;", "&quot;").contains(public);
    assert!(!is_public(&page(&[], "owner=acme&public=true").await));
    assert!(!is_public(&page(&["acme"], "owner=acme").await));
    assert!(is_public(&page(&["acme"], "owner=acme&public=true").await));
}

#[tokio::test]
async fn a_status_bears_the_name_that_is_set_and_what_was_said_before_stays() {
    let (world, github) = set_up().await;
    github.repo(SLUG);
    let first = github.push(SLUG, "main", [GATED, ("app.rb", "puts 1\n")]);
    world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
    world.app.settle().await;
    let before = github.statuses(SLUG, &first.sha);
    assert!(before[0].starts_with("success plumbline "), "{before:?}");

    let settings = "/api/v1/admin/settings";
    for bad in ["", " a", "a\nb", "prüfung", &"x".repeat(101)] {
        world.admin.json("PATCH", settings, json!({"status_context": bad})).await.expect(400).refused("invalid_body");
    }
    let set = world.admin.json("PATCH", settings, json!({"status_context": "acme / health"})).await.expect(200).value();
    assert_eq!((&set["status_context"]["value"], &set["status_context"]["default"]), (&json!("acme / health"), &json!("plumbline")));
    let next = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    assert_eq!(github.deliver(&next.delivery), 202);
    world.app.settle().await;
    assert_eq!(github.statuses(SLUG, &next.sha), ["success acme / health no new issues"]);
    assert_eq!(github.statuses(SLUG, &first.sha), before);

    world.admin.own("POST", &format!("/api/v1/repos/acme/app/commits/{}/checks", first.sha)).await.expect(202);
    world.app.settle().await;
    let again = github.statuses(SLUG, &first.sha);
    assert_eq!((&again[..1], again[1].split(" 0 open").next()), (&before[..], Some("success acme / health")));
}

#[tokio::test]
async fn a_name_that_the_configuration_gives_cannot_be_changed_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("plumbline.toml");
    let config = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let sources = plumbline::app::config::Sources { file: Some(file.clone()), data: Some(dir.path().into()), ..Default::default() };
        plumbline::app::config::Config::build(&sources)
    };
    let refused = config("[github]\nstatus_context = \"prüfung\"\n").unwrap_err().to_string();
    assert!(refused.contains("`github.status_context` is not a name of 1 to 100 printable ASCII characters"), "{refused}");
    let decided = config("[github]\nstatus_context = \"ours\"\n").unwrap();
    let world = World::of(TestApp::with(|config| {
        config.github.status_context.clone_from(&decided.github.status_context);
        config.places = decided.places.clone();
    }))
    .await;
    world
        .admin
        .json("PATCH", "/api/v1/admin/settings", json!({"status_context": "theirs"}))
        .await
        .expect(409)
        .refused("set_by_configuration");
    let settings = world.admin.get("/api/v1/admin/settings").await.expect(200).value();
    assert_eq!((&settings["status_context"]["value"], &settings["status_context"]["is_set"]), (&json!("ours"), &json!(false)));
}
