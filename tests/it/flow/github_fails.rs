//! A GitHub that answers what it should not, nothing, or no: what is known is told, what helps is tried again, everything else goes on.

use std::time::Duration;

use plumbline::app::config::Config;
use plumbline::app::runner;
use plumbline::base::id::WorkId;
use plumbline::base::work::Lane;
use plumbline::engine::queue::WorkState;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::github::{Door, GitHub, INSTALLATION, Push};
use crate::support::world::World;

const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nissues: {fail_on: new}\n");
const SLUG: &str = "acme/app";
const CLEAN: &str = "success plumbline no new issues";

async fn side(change: impl FnOnce(&mut Config)) -> (World, GitHub) {
    let github = GitHub::start();
    github.repo(SLUG);
    github.push(SLUG, "main", [GATED, ("app.rb", "puts 1\n")]);
    let app = TestApp::with(|config| {
        github.configure(config);
        change(config);
    });
    let world = World::of(app).await;
    github.hook(&format!("{}/hooks/github", world.app.app().public_url()));
    world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
    world.app.settle().await;
    (world, github)
}

async fn advance(world: &World, github: &GitHub, seconds: u64) {
    world.app.advance(Duration::from_secs(seconds));
    github.advance(Duration::from_secs(seconds));
    world.app.settle().await;
}

async fn key(world: &World) -> String {
    let seen = world.admin.get("/api/v1/admin/github").await.expect(200).value();
    let key = seen["checks"].as_array().unwrap().iter().find(|check| check["name"] == "key").cloned().unwrap();
    format!("{}: {}", key["grade"].as_str().unwrap(), key["says"].as_str().unwrap())
}

#[tokio::test]
async fn while_github_hangs_deliveries_are_taken_and_checks_come_to_their_end() {
    let (world, github) = side(|_| {}).await;
    let push = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    let hangs = github.next(Door::Statuses).delayed();
    assert_eq!(github.deliver(&push.delivery), 202);
    let run = |lane| {
        let app = world.app.app().clone();
        std::thread::spawn(move || runner::run_next(&app, lane, "test", None).unwrap())
    };
    for lane in [Lane::Hooks, Lane::Git] {
        assert!(run(lane).join().unwrap(), "{lane}");
    }
    let saying = run(Lane::Outbound);
    hangs.reached();

    let other = github.push(SLUG, "topic", [("app.rb", "puts 3\n")]);
    assert_eq!(github.deliver(&other.delivery), 202);
    assert!(run(Lane::Hooks).join().unwrap());
    while run(Lane::Checks).join().unwrap() {}
    let status = world.admin.get(&format!("/api/v1/repos/acme/app/commits/{}/status", push.sha)).await.expect(200).value();
    assert_eq!((&status["verdict"], github.statuses(SLUG, &push.sha).len()), (&json!("success"), 0));

    hangs.let_go();
    assert!(saying.join().unwrap());
    world.app.settle().await;
    assert_eq!(github.statuses(SLUG, &push.sha).last().map(String::as_str), Some(CLEAN));
}

#[tokio::test]
async fn a_github_that_never_answers_is_given_up_in_time_and_asked_again() {
    let (world, github) = side(|config| config.github.deadline = Some(Duration::from_millis(300))).await;
    let push = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    let never = github.next(Door::Statuses).delayed();
    assert_eq!(github.deliver(&push.delivery), 202);
    world.app.settle().await;
    assert_eq!(github.statuses(SLUG, &push.sha), [""; 0]);
    let waits = world.app.work(WorkState::Ready);
    assert!(waits[0].last_error.as_deref().is_some_and(|error| error.contains("in time")), "{waits:?}");
    advance(&world, &github, 15).await;
    assert_eq!(github.statuses(SLUG, &push.sha), [CLEAN]);

    let hangs = github.next(Door::Interface).delayed();
    let told = key(&world).await;
    assert!(told.starts_with("bad: "), "{told}");
    drop((never, hangs));
    assert!(key(&world).await.starts_with("good: "));
}

/// Three commits of which nothing was said, since GitHub has been away for two hours, in which each attempt failed and the next waited longer.
async fn left_alone(world: &World, github: &GitHub) -> [Push; 3] {
    let pushes = [1, 2, 3].map(|n| github.push(SLUG, &format!("topic-{n}"), [("app.rb", &*format!("puts {n}\n"))]));
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    for lane in [Lane::Git, Lane::Checks, Lane::Checks, Lane::Checks] {
        let app = world.app.app().clone();
        assert!(tokio::task::spawn_blocking(move || runner::run_next(&app, lane, "test", None)).await.unwrap().unwrap(), "{lane}");
    }
    github.away(true);
    for seconds in [0, 20, 90, 600, 2_400, 4_000] {
        advance(world, github, seconds).await;
    }
    pushes
}

#[tokio::test]
async fn what_waited_while_github_was_away_is_said_soon_after_it_is_back() {
    let (world, github) = side(|_| {}).await;
    let pushes = left_alone(&world, &github).await;
    let due = |world: &World| {
        let waiting = world.app.work(WorkState::Ready).into_iter().filter(|item| item.lane == Lane::Outbound);
        waiting.map(|item| item.due_at.since(world.app.now()).as_secs()).collect::<Vec<u64>>()
    };
    assert!(due(&world).iter().any(|wait| *wait > 300), "{:?}", due(&world));
    let outbound = |world: &World| {
        let waiting = world.app.work(WorkState::Ready).into_iter().filter(|item| item.lane == Lane::Outbound);
        waiting.map(|item| (item.id, item)).collect::<std::collections::BTreeMap<_, _>>()
    };
    let before = outbound(&world);
    github.away(false);
    // Whatever is first to find GitHub back.
    let first = Duration::from_secs(due(&world).into_iter().min().unwrap() + 1);
    world.app.advance(first);
    github.advance(first);
    let app = world.app.app().clone();
    assert!(tokio::task::spawn_blocking(move || runner::run_next(&app, Lane::Outbound, "test", None)).await.unwrap().unwrap());
    assert!(due(&world).iter().all(|wait| *wait <= 10), "{:?}", due(&world));
    let far = |id: &WorkId| before[id].due_at.since(world.app.now()) > Duration::from_secs(10);
    let hurried: Vec<_> = outbound(&world).into_iter().filter(|(id, _)| far(id)).collect();
    assert!(!hurried.is_empty());
    for (id, item) in hurried {
        assert_eq!(item.attempts, before[&id].attempts - 1, "what failed since GitHub was away does not count");
    }
    world.app.settle().await;
    advance(&world, &github, 11).await;
    for push in &pushes {
        assert_eq!(github.statuses(SLUG, &push.sha), [CLEAN]);
    }
}

#[tokio::test]
async fn a_delivery_tells_that_github_is_worth_asking_again() {
    let (world, github) = side(|_| {}).await;
    let pushes = left_alone(&world, &github).await;
    github.away(false);
    advance(&world, &github, 16).await;
    assert!(github.statuses(SLUG, &pushes[0].sha).is_empty(), "it would be left alone for minutes yet");
    let next = github.push(SLUG, "main", [("app.rb", "puts 4\n")]);
    assert_eq!(github.deliver(&next.delivery), 202);
    for _ in 0..3 {
        advance(&world, &github, 11).await;
    }
    for sha in pushes.iter().chain([&next]).map(|push| &push.sha) {
        assert_eq!(github.statuses(SLUG, sha).last().map(String::as_str), Some(CLEAN), "half a minute later all is said");
    }
}

#[tokio::test]
async fn what_failed_before_a_restart_goes_on_as_soon_as_github_is_there() {
    let (mut world, github) = side(|_| {}).await;
    let pushes = left_alone(&world, &github).await;
    world.app.crash();
    world.follow();
    github.away(false);
    let next = github.push(SLUG, "main", [("app.rb", "puts 4\n")]);
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    for _ in 0..2 {
        advance(&world, &github, 11).await;
    }
    for sha in pushes.iter().chain([&next]).map(|push| &push.sha) {
        assert_eq!(github.statuses(SLUG, sha).last().map(String::as_str), Some(CLEAN));
    }
}

#[tokio::test]
async fn a_key_that_was_revoked_is_told_and_what_was_to_be_said_waits_for_another() {
    let (world, github) = side(|_| {}).await;
    github.revoke_key(true);
    github.revoke_tokens();
    let push = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    assert_eq!(github.deliver(&push.delivery), 202, "what is signed with the webhook's secret is taken");
    world.app.settle().await;
    assert!(key(&world).await.starts_with("bad: GitHub refuses it (401)"));
    let repo = world.admin.get("/api/v1/repos/acme/app").await.expect(200).value();
    assert!(repo["sync_error"].as_str().unwrap().starts_with("GitHub refuses it (401)"), "{}", repo["sync_error"]);

    github.revoke_key(false);
    for _ in 0..4 {
        advance(&world, &github, 100).await;
    }
    world.app.tick().await;
    assert_eq!(github.statuses(SLUG, &push.sha), [CLEAN]);
    assert!(key(&world).await.starts_with("good: "));
}

#[tokio::test]
async fn whatever_is_no_answer_of_githubs_interface_is_told_as_such() {
    let (world, github) = side(|_| {}).await;
    let stranger = GitHub::start();
    let ask = || github.next(Door::Interface);
    ask().answers_html(200);
    assert_eq!(key(&world).await, "bad: GitHub's answer cannot be read: it is a page for people");
    ask().answers_body(200, "[1]");
    assert_eq!(key(&world).await, "bad: GitHub's answer cannot be read: it is not what its documentation says");
    ask().redirects(&format!("{}/api/v3/app", stranger.url()));
    assert!(key(&world).await.starts_with("bad: GitHub sends us to another place"));
    ask().answers_html(502);
    assert_eq!(key(&world).await, "bad: GitHub failed (502)");
    assert_eq!((stranger.asked(), key(&world).await), (Vec::new(), "good: GitHub takes what is signed with it".to_owned()));
}

#[tokio::test]
async fn a_token_that_cannot_be_made_is_made_later_and_holds_up_no_other_installation() {
    let (world, github) = side(|_| {}).await;
    let globex = github.install("globex");
    github.repo("globex/tool");
    let theirs = github.push("globex/tool", "main", [GATED]);
    github.suspend(INSTALLATION, true);
    github.next(Door::Tokens).answers_html(200);
    world.admin.post("/api/v1/repos", json!({"github": "globex/tool"})).await.expect(503).refused("github_unavailable");
    world.admin.post("/api/v1/repos", json!({"github": "globex/tool"})).await.expect(201);
    let ours = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    assert_eq!(github.deliver(&ours.delivery), 202);
    world.app.settle().await;
    assert!(github.statuses("globex/tool", &theirs.sha)[0].starts_with("success plumbline"));
    assert_eq!((github.statuses(SLUG, &ours.sha), globex), (Vec::new(), INSTALLATION + 1));
    github.suspend(INSTALLATION, false);
    advance(&world, &github, 200).await;
    world.app.tick().await;
    assert_eq!(github.statuses(SLUG, &ours.sha), [CLEAN]);
}

#[tokio::test]
async fn a_verdict_that_github_would_not_take_for_a_moment_is_said_soon_however_much_happens_in_it() {
    let (world, github) = side(|_| {}).await;
    let push = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    github.next(Door::Statuses).answers(503);
    assert_eq!(github.deliver(&push.delivery), 202);
    world.app.settle().await;
    // Each of these is news, and has what waits tried at once: in vain.
    for _ in 0..5 {
        github.next(Door::Statuses).answers(503);
        world.admin.own("POST", &format!("/api/v1/repos/acme/app/commits/{}/checks", push.sha)).await.expect(202);
        world.app.settle().await;
    }
    assert_eq!(github.statuses(SLUG, &push.sha), [""; 0]);
    advance(&world, &github, 13).await;
    assert_eq!(github.statuses(SLUG, &push.sha).last().map(String::as_str), Some(CLEAN));
}

#[tokio::test]
async fn a_push_that_could_not_be_fetched_while_github_was_away_is_fetched_as_soon_as_it_is_back() {
    let (world, github) = side(|_| {}).await;
    let push = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    github.away(true);
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    for seconds in [0, 15, 30] {
        advance(&world, &github, seconds).await;
    }
    github.away(false);
    for _ in 0..7 {
        advance(&world, &github, 10).await;
    }
    assert_eq!(github.statuses(SLUG, &push.sha).last().map(String::as_str), Some(CLEAN));
}

#[tokio::test]
async fn what_github_says_of_a_repository_is_taken_over_though_nobody_told_of_it() {
    let (world, github) = side(|_| {}).await;
    github.describe(SLUG, false, true, "what it is for by now");
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    world.app.settle().await;
    let seen = world.admin.get("/api/v1/repos/acme/app").await.expect(200).value();
    assert_eq!([&seen["private"], &seen["archived"], &seen["description"]], [&json!(false), &json!(true), &json!("what it is for by now")]);
}

#[tokio::test]
async fn a_repository_that_is_gone_on_github_is_hidden_though_nobody_told_of_it() {
    let (world, github) = side(|_| {}).await;
    github.loses(SLUG);
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    world.app.settle().await;
    let seen = world.admin.get("/api/v1/repos/acme/app").await.expect(200).value();
    assert_ne!(seen["sync_error"], json!(null), "one look is none");
    advance(&world, &github, 61).await;
    world.admin.get("/api/v1/repos/acme/app").await.expect(404);
    let hidden = world.admin.get("/api/v1/admin/repos/hidden").await.expect(200).value();
    assert_eq!((&hidden["items"][0]["name"], hidden["items"].as_array().unwrap().len()), (&json!("app"), 1), "{hidden}");
    assert_eq!((world.app.work(WorkState::Ready).len(), world.app.work(WorkState::Dead).len()), (0, 0));
}

#[tokio::test]
async fn a_number_that_github_does_not_know_for_a_moment_hides_nothing() {
    let (world, github) = side(|_| {}).await;
    github.next(Door::Interface).answers(404);
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    world.app.settle().await;
    assert_ne!(world.admin.get("/api/v1/repos/acme/app").await.expect(200).value()["sync_error"], json!(null));
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    world.app.settle().await;
    assert_eq!(world.admin.get("/api/v1/repos/acme/app").await.expect(200).value()["sync_error"], json!(null));
}

#[tokio::test]
async fn a_repository_that_moved_to_another_installation_is_followed_there_though_nobody_told_of_it() {
    let (world, github) = side(|_| {}).await;
    let octo = github.install("octo");
    github.transfers(SLUG, "octo/app", octo);
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    world.app.settle().await;
    advance(&world, &github, 15).await;
    let moved = world.admin.get("/api/v1/repos/octo/app").await.expect(200).value();
    assert_eq!(moved["sync_error"], json!(null));
    assert_eq!(world.admin.get("/api/v1/repos/acme/app").await.expect(308).header("location"), Some("/api/v1/repos/octo/app"));
    let push = github.push("octo/app", "main", [("app.rb", "puts 2\n")]);
    world.admin.own("POST", "/api/v1/repos/octo/app/sync").await.expect(202);
    world.app.settle().await;
    assert_eq!(github.statuses("octo/app", &push.sha).last().map(String::as_str), Some(CLEAN));
}

#[tokio::test]
async fn an_answer_that_is_older_than_what_a_delivery_said_takes_nothing_back() {
    let (world, github) = side(|_| {}).await;
    // GitHub answers as it was before.
    github.describe(SLUG, false, false, "what it was for");
    advance(&world, &github, 60).await;
    let id = github.id(SLUG);
    let said = json!({"action": "privatized", "installation": {"id": INSTALLATION}, "sender": {"id": 1, "login": "acme"}, "repository": {
        "id": id, "full_name": SLUG, "private": true, "archived": false, "description": "what it is for", "default_branch": "main",
        "updated_at": world.app.now().to_string(), "pushed_at": "2026-01-31T12:00:00Z"}});
    assert_eq!(github.deliver(&crate::support::github::Delivery::signed("repository", 9, &said)), 202);
    world.app.settle().await;
    let seen = world.admin.get("/api/v1/repos/acme/app").await.expect(200).value();
    assert_eq!([&seen["private"], &seen["description"]], [&json!(true), &json!("what it is for")]);
}

#[tokio::test]
async fn an_app_that_was_removed_though_nobody_told_of_it_shows_nothing_of_what_it_was_let_at() {
    let (world, github) = side(|_| {}).await;
    github.uninstall(INSTALLATION);
    world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    world.app.settle().await;
    advance(&world, &github, 61).await;
    world.admin.get("/api/v1/repos/acme/app").await.expect(404);
    let hidden = world.admin.get("/api/v1/admin/repos/hidden").await.expect(200).value();
    assert_eq!(hidden["items"][0]["why"], json!("installation_removed"), "{hidden}");
}
