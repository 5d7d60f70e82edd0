//! GitHub, from a push to what is said there of it.

use std::time::Duration;

use plumbline::app::runner;
use plumbline::base::time::Timestamp;
use plumbline::base::work::Lane;
use plumbline::domain::accounts::InstanceRole;
use plumbline::domain::github::deliveries::{self, Bounds};
use plumbline::domain::secrets;
use plumbline::domain::settings::AddRepos;
use plumbline::engine::queue::WorkState;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::github::{Delivery, Door, GitHub, INSTALLATION, Push};
use crate::support::world::{World, text};

const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nissues: {fail_on: new}\n");
const SLUG: &str = "acme/app";

/// An appliance that is the App of a GitHub where `acme/app` has a commit, and was added.
struct Side {
    world: World,
    github: GitHub,
    first: Push,
}

impl Side {
    async fn with<const N: usize>(files: [(&str, &str); N]) -> Side {
        let github = GitHub::start();
        github.repo(SLUG);
        let first = github.push(SLUG, "main", files);
        let world = World::of(TestApp::with(|config| github.configure(config))).await;
        world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
        let side = Side { world, github, first };
        side.world.app.settle().await;
        side
    }

    /// Has the appliance look, as a delivery does.
    async fn look(&self) {
        self.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
        self.world.app.settle().await;
    }

    async fn advance(&self, span: Duration) {
        self.world.app.advance(span);
        self.github.advance(span);
        self.world.app.settle().await;
    }

    /// Has the appliance look, and say what it says before a check begins.
    async fn look_and_say(&self) {
        self.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
        for lane in [Lane::Git, Lane::Outbound] {
            let app = self.world.app.app().clone();
            let performed = tokio::task::spawn_blocking(move || runner::run_next(&app, lane, "test", None)).await.unwrap().unwrap();
            assert!(performed, "{lane}");
        }
    }

    fn said(&self, sha: &str) -> Vec<String> {
        self.github.statuses(SLUG, sha)
    }
}

const PENDING: &str = "pending plumbline the checks are under way";
const BASELINE: &str = "success plumbline 0 open issues at the first analysed commit: this is the baseline";
const CLEAN: &str = "success plumbline no new issues";

#[tokio::test]
async fn what_the_app_is_let_at_is_added_by_itself_only_where_that_is_configured_or_set() {
    use AddRepos::{Automatically, ByHand};
    // What is configured, what is set on the page, and whether that is taken.
    let cases = [(Some(ByHand), None, 404), (Some(Automatically), None, 200), (None, None, 404), (None, Some(Automatically), 200)];
    for (how, set, expected) in cases {
        let github = GitHub::start();
        let id = github.repo(SLUG);
        github.push(SLUG, "main", [GATED]);
        github.repo("acme/unlisted");
        let world = World::of(TestApp::with(|config| (github.configure(config), config.github.add_repos = how).0)).await;
        if let Some(set) = set {
            world.admin.form("/admin/settings", &format!("add_repos={set}")).await.expect(303);
            let settings = world.admin.get("/api/v1/admin/settings").await.expect(200).value();
            assert_eq!(settings["add_repos"], json!({"value": "automatically", "default": "by_hand", "is_set": true, "decided_by": null}));
            let page = world.admin.get("/admin/settings").await.expect(200).text();
            assert!(page.contains("<option value=\"automatically\" selected>"), "{page}");
            world.admin.json("PATCH", "/api/v1/admin/settings", json!({"add_repos": "sometimes"})).await.refused("invalid_body");
        }
        let listed = json!({
            "action": "added", "installation": {"id": INSTALLATION, "account": {"id": 1, "login": "acme"}},
            "repositories_added": [{"id": id, "full_name": "acme/what-it-was-called"}, {"id": 4_711, "full_name": "acme/gone"}],
        });
        let Delivery { event, guid, signature, body } = Delivery::signed("installation_repositories", 1, &listed);
        let client = world.app.anonymous().with("content-type", "application/json").with("x-hub-signature-256", &signature);
        let client = client.with("x-github-delivery", &guid).with("x-github-event", &event);
        client.send("POST", "/hooks/github", Some(&body)).await.expect(202);
        world.app.settle().await;
        world.admin.get("/api/v1/repos/acme/app").await.expect(expected);
        world.admin.get("/api/v1/repos/acme/unlisted").await.expect(404);
    }
}

#[tokio::test]
async fn what_was_missed_in_hours_is_asked_for_in_one_go_and_what_was_not_read_counts_as_missing() {
    let side = Side::with([GATED]).await;
    let miss = |range: std::ops::Range<u32>| {
        for n in range {
            let delivery = Delivery { guid: format!("{n:08x}-cc78-11e3-81ab-4c9367dc0958"), ..side.first.delivery.clone() };
            side.github.tried(&delivery, 502);
        }
    };
    miss(0..700);
    let app = side.world.app.app().clone();
    let heal = move |pages: usize, again: usize| {
        let bounds = Bounds { pages, again };
        deliveries::heal(&app.github().unwrap(), Timestamp::EPOCH, app.clock.now(), bounds, || true).unwrap()
    };
    let (cut, some, rest) = tokio::task::spawn_blocking(move || (heal(3, 10), heal(1_000, 10), heal(1_000, 10_000))).await.unwrap();
    assert_eq!((cut.is_cut, cut.again, cut.is_whole()), (true, 10, false), "of 700 tries 300 were read");
    assert_eq!((some.is_cut, some.missed, some.is_whole()), (false, 690, false));
    assert_eq!((rest.missed, rest.again, rest.is_whole()), (680, 680, true));
    miss(1_000..1_400);
    side.world.app.advance(Duration::from_secs(120));
    side.github.advance(Duration::from_secs(120));
    side.world.app.tick().await;
    side.world.app.settle().await;
    let last = side.world.app.app().read_now(|tx, _| deliveries::last(tx)).unwrap().unwrap();
    // It is looked from the first of them on until they have arrived.
    assert_eq!((last.again, last.known_until), (400, Some(last.asked_at - Duration::from_secs(120))));
    side.advance(Duration::from_secs(120)).await;
    side.world.app.tick().await;
    let last = side.world.app.app().read_now(|tx, _| deliveries::last(tx)).unwrap().unwrap();
    assert_eq!((last.missed, last.known_until), (0, Some(last.asked_at)));
}

#[tokio::test]
async fn what_was_missed_is_asked_for_as_soon_as_github_lets_it_be_and_not_only_when_its_turn_comes() {
    let side = Side::with([GATED]).await;
    side.world.app.tick().await;
    side.world.app.settle().await;
    side.github.tried(&side.first.delivery, 502);
    side.github.next(Door::Deliveries).rate_limited_for(30);
    side.advance(Duration::from_secs(120)).await;
    side.world.app.tick().await;
    side.world.app.settle().await;
    let last = || side.world.app.app().read_now(|tx, _| deliveries::last(tx)).unwrap().unwrap();
    assert!(last().error.is_some_and(|why| why.contains("takes no more questions")), "{:?}", last());
    side.advance(Duration::from_secs(29)).await;
    assert!(last().error.is_some());
    side.advance(Duration::from_secs(11)).await;
    assert_eq!((last().error, last().again), (None, 1), "the clock has not turned since");

    // Where nothing comes of going on, it is left to the clock.
    side.github.tried(&Delivery { guid: "0b989ba4-cc78-11e3-81ab-4c9367dc0958".to_owned(), ..side.first.delivery.clone() }, 502);
    side.github.next(Door::Deliveries).rate_limited_for(30);
    side.github.next(Door::Deliveries).rate_limited_for(30);
    side.advance(Duration::from_secs(120)).await;
    side.world.app.tick().await;
    side.advance(Duration::from_secs(40)).await;
    let stuck = last().asked_at;
    assert!(last().error.is_some());
    side.advance(Duration::from_secs(60)).await;
    assert_eq!(last().asked_at, stuck);
    side.advance(Duration::from_secs(60)).await;
    side.world.app.tick().await;
    assert_eq!((last().error, last().again), (None, 1));
}

#[tokio::test]
async fn a_push_is_pending_at_once_and_then_has_its_verdict() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    assert_eq!(side.said(&side.first.sha), [BASELINE]);

    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.look_and_say().await;
    assert_eq!(side.said(&push.sha), [PENDING]);
    side.world.app.settle().await;
    assert_eq!(side.said(&push.sha), [PENDING, CLEAN]);
    let url = format!("{}/r/acme/app/commits/{}", side.world.app.app().public_url(), push.sha);
    assert!(side.github.all_statuses(SLUG, &push.sha).iter().all(|status| status.target_url == url), "{url}");

    let broken = side.github.push(SLUG, "topic", [("config.json", "{\"a\": }\n")]);
    side.look().await;
    assert_eq!(side.said(&broken.sha), ["failure plumbline 1 new issue of severity minor or above"]);
    assert_eq!(side.github.tokens_made(), 1, "one token serves all of it");
}

#[tokio::test]
async fn checks_that_are_run_again_are_pending_again() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    side.world.admin.own("POST", &format!("/api/v1/repos/acme/app/commits/{}/checks", side.first.sha)).await.expect(202);
    let app = side.world.app.app().clone();
    tokio::task::spawn_blocking(move || runner::run_next(&app, Lane::Outbound, "test", None)).await.unwrap().unwrap();
    side.world.app.settle().await;
    assert_eq!(side.said(&side.first.sha), [BASELINE, PENDING, BASELINE]);
}

#[tokio::test]
async fn nothing_is_said_of_a_commit_without_a_manifest() {
    let side = Side::with([("app.rb", "puts 1\n")]).await;
    assert_eq!(side.said(&side.first.sha), [""; 0]);
    assert!(!side.github.asked().iter().any(|asked| asked.contains("/statuses")));
    let gated = side.github.push(SLUG, "main", [GATED]);
    side.look().await;
    assert_eq!(side.said(&gated.sha), [CLEAN]);
}

#[tokio::test]
async fn what_github_fails_to_take_is_said_later_and_the_latest_is_what_is_said() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.next(Door::Statuses).answers(502);
    side.look_and_say().await;
    assert_eq!(side.said(&push.sha), [""; 0]);
    side.world.app.settle().await;
    assert_eq!(side.said(&push.sha), [CLEAN]);

    let next = side.github.push(SLUG, "main", [("app.rb", "puts 3\n")]);
    side.github.next(Door::Statuses).answers(500);
    side.look().await;
    assert_eq!(side.said(&next.sha), [""; 0]);
    side.advance(Duration::from_secs(15)).await;
    assert_eq!(side.said(&next.sha), [CLEAN]);
}

#[tokio::test]
async fn a_repository_that_was_renamed_is_found_by_where_its_old_name_leads() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    side.github.rename(SLUG, "acme/application");
    let push = side.github.push("acme/application", "main", [("app.rb", "puts 2\n")]);
    side.look().await;
    assert_eq!(side.github.statuses("acme/application", &push.sha), [CLEAN]);
}

#[tokio::test]
async fn a_push_is_delivered_as_github_signs_it() {
    let side = Side::with([GATED]).await;
    let Push { sha, delivery } = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!((&body["after"], &body["before"]), (&json!(sha), &json!(side.first.sha)));
    assert_eq!((delivery.event.as_str(), delivery.guid.len(), delivery.signature.len()), ("push", 36, 71));
}

#[tokio::test]
async fn while_github_says_to_wait_it_is_not_asked() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.next(Door::Statuses).rate_limited_for(600);
    side.look().await;
    side.github.asked();
    for _ in 0..5 {
        side.advance(Duration::from_secs(119)).await;
        let other = side.github.push(SLUG, "main", [("app.rb", "puts 3\n")]);
        side.look().await;
        assert_eq!(side.said(&other.sha), [""; 0]);
    }
    assert!(!side.github.asked().iter().any(|asked| asked.contains("/api/v3")), "nothing is asked of the interface meanwhile");
    side.advance(Duration::from_secs(70)).await;
    assert_eq!(side.said(&push.sha), [CLEAN]);

    let until = side.world.app.now() + Duration::from_secs(3_000);
    let spent = side.github.push(SLUG, "main", [("app.rb", "puts 4\n")]);
    side.github.next(Door::Statuses).rate_limited_until(until);
    side.look().await;
    side.advance(Duration::from_secs(2_999)).await;
    assert_eq!(side.said(&spent.sha), [""; 0]);
    side.advance(Duration::from_secs(310)).await;
    assert_eq!(side.said(&spent.sha), [CLEAN]);
}

/// The answer was lost, or the process ended before it wrote down what it had said.
#[tokio::test]
async fn what_github_has_taken_is_not_said_twice() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.next(Door::Statuses).does_and_fails();
    side.look().await;
    assert_eq!(side.said(&push.sha), [CLEAN]);
    side.advance(Duration::from_secs(15)).await;
    assert_eq!(side.said(&push.sha), [CLEAN]);
    assert!(side.world.app.work(WorkState::Ready).is_empty());
}

#[tokio::test]
async fn what_was_to_be_said_survives_the_end_of_the_process() {
    let mut side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.next(Door::Statuses).answers(503);
    side.look_and_say().await;
    side.world.app.crash();
    side.world.follow();
    side.world.app.settle().await;
    side.advance(Duration::from_secs(15)).await;
    assert_eq!(side.said(&push.sha), [CLEAN]);
}

#[tokio::test]
async fn of_a_commit_that_github_knows_no_more_nothing_is_said_and_that_is_settled() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let gone = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.forget(SLUG, &gone.sha);
    side.look().await;
    assert!(side.world.app.work(WorkState::Ready).is_empty(), "it is not tried again");
    let path = format!("acme/app/commits/{}", gone.sha);
    let status = side.world.admin.get(&format!("/api/v1/repos/{path}/status")).await.expect(200).value();
    let why = text(&status["contexts"][0]["refused"]).to_owned();
    assert!(why.contains("422"), "{status}");
    let page = side.world.admin.page(&format!("/r/{path}")).await.expect(200).text();
    assert!(page.contains("GitHub did not take the status"), "{page}");
    let next = side.github.push(SLUG, "main", [("app.rb", "puts 3\n")]);
    side.look().await;
    assert_eq!((side.said(&gone.sha), side.said(&next.sha)), (Vec::new(), vec![CLEAN.to_owned()]));
}

#[tokio::test]
async fn a_token_is_made_anew_before_it_ends_and_when_it_is_taken_no_more() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    for (n, step) in [(1, 3_000), (2, 400)] {
        side.advance(Duration::from_secs(step)).await;
        let push = side.github.push(SLUG, "main", [("app.rb", format!("puts 1{n}\n").as_str())]);
        side.look().await;
        assert_eq!((side.said(&push.sha), side.github.tokens_made()), (vec![CLEAN.to_owned()], n), "after {step} s");
    }
    side.github.revoke_tokens();
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 5\n")]);
    side.look().await;
    assert_eq!((side.said(&push.sha), side.github.tokens_made()), (vec![CLEAN.to_owned()], 3));
}

#[tokio::test]
async fn an_installation_that_is_suspended_is_told_of_and_holds_up_nothing() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    side.github.suspend(INSTALLATION, true);
    side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.look().await;
    let error = side.world.admin.get("/api/v1/repos/acme/app").await.expect(200).value()["sync_error"].clone();
    assert_eq!(error, json!("GitHub refuses it (403): This installation has been suspended"));
    // It may be suspended in the very moment after it was listed.
    side.github.next(Door::Tokens).answers_body(403, r#"{"message":"This installation has been suspended"}"#);
    side.github.suspend(INSTALLATION, false);
    let refused = side.world.admin.get("/api/v1/github/repos").await;
    assert!(refused.status >= 400 && refused.text().contains("This installation has been suspended"), "{}", refused.text());
    side.look().await;
    assert_eq!(side.world.admin.get("/api/v1/repos/acme/app").await.expect(200).value()["sync_error"], json!(null));
}

#[tokio::test]
async fn what_is_shown_to_github_is_shown_to_nobody_else() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let stranger = GitHub::start();
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.next(Door::Statuses).redirects(&format!("{}/api/v3/repos/acme/app/statuses/{}", stranger.url(), push.sha));
    side.look().await;
    assert_eq!(stranger.asked(), [""; 0]);
    side.github.next(Door::Statuses).answers_html(200);
    side.advance(Duration::from_secs(15)).await;
    side.advance(Duration::from_secs(80)).await;
    assert_eq!(side.said(&push.sha), [CLEAN], "it goes on once GitHub answers as it should");
    let store = std::fs::read(side.world.app.data_dir().join("store.redb")).unwrap();
    assert!(!store.windows(4).any(|window| window == b"ghs_"), "no token is kept");
}

#[tokio::test]
async fn a_token_is_made_by_one_while_the_others_wait_for_it() {
    let side = Side::with([GATED]).await;
    side.github.revoke_tokens();
    let app = side.world.app.app();
    app.github().unwrap().forget_token(INSTALLATION);
    let tokens: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
        let ask = || app.github().unwrap().token(INSTALLATION).unwrap().expose().clone();
        let asking: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        asking.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!((tokens.len(), side.github.tokens_made()), (1, 2));
}

#[tokio::test]
async fn what_the_app_can_see_is_listed_to_its_end_and_found_by_a_part_of_its_name() {
    let side = Side::with([GATED]).await;
    for n in 0..120 {
        side.github.repo(&format!("acme/Lib-{n:03}"));
    }
    side.github.install("globex");
    side.github.repo("globex/tool");
    let all = side.world.admin.get("/api/v1/github/repos?limit=200").await.expect(200).value();
    let names: Vec<&str> = all["items"].as_array().unwrap().iter().map(|repo| text(&repo["name"])).collect();
    assert_eq!((names.len(), names[0], names[1], names[121]), (122, "app", "Lib-000", "tool"));
    assert_eq!((&all["items"][0]["added"], &all["items"][1]["added"], &all["next"]), (&json!(true), &json!(false), &json!(null)));

    let first = side.world.admin.get("/api/v1/github/repos?q=lib-0&limit=60").await.expect(200).value();
    let next = format!("/api/v1/github/repos?q=lib-0&limit=60&cursor={}", text(&first["next"]));
    let second = side.world.admin.get(&next).await.expect(200).value();
    let (one, two) = (first["items"].as_array().unwrap(), second["items"].as_array().unwrap());
    assert_eq!((one.len(), two.len(), text(&two[0]["name"]), &second["next"]), (60, 40, "Lib-060", &json!(null)));

    let member = side.world.app.sign_in(side.world.app.user("ada", InstanceRole::Member)).await;
    member.get("/api/v1/github/repos").await.refused("forbidden");
    member.post("/api/v1/repos", json!({"github": "acme/Lib-000"})).await.refused("forbidden");
}

#[tokio::test]
async fn a_repository_is_added_once_by_the_name_that_github_has_for_it() {
    let side = Side::with([GATED]).await;
    let add = |name: &'static str| side.world.admin.post("/api/v1/repos", json!({"github": name}));
    add(SLUG).await.refused("already_exists");
    let why = add("acme/nothing").await.refused("source_refused");
    assert!(why.contains("the App sees no repository `acme/nothing`"), "{why}");
    add("nothing").await.refused("invalid_body");
    add("../..").await.refused("invalid_body");
    let both = side.world.admin.post("/api/v1/repos", json!({"github": SLUG, "url": "https://github.com/acme/app"})).await;
    both.refused("invalid_body");
    let repo = side.world.admin.get("/api/v1/repos/acme/app").await.expect(200).value();
    assert_eq!((&repo["source"], &repo["description"]), (&json!("github"), &json!("what acme/app is for")));

    let nobody = World::new().await;
    nobody.admin.post("/api/v1/repos", json!({"github": SLUG})).await.refused("github_not_set_up");
    nobody.admin.get("/api/v1/github/repos").await.refused("github_not_set_up");
}

#[tokio::test]
async fn new_issues_stand_at_their_lines_the_gravest_first_fifty_at_a_time_and_the_rest_is_linked() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let run = &side.github.runs(SLUG, &side.first.sha)[0];
    assert_eq!((run.conclusion.as_str(), run.annotations.len()), ("success", 0));

    // One file has fifty at most.
    let conflicts = "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n".repeat(46);
    let files = ["a.rb", "b.rb", "c.rb", "d.rb", "e.rb"].map(|path| (path, conflicts.as_str()));
    let asks = "version: 1\ngithub: {annotations: 200}\nissues: {fail_on: new}\n";
    side.github.push(SLUG, "topic", files);
    side.github.push(SLUG, "topic", [(".plumbline.yaml", asks)]);
    let broken = side.github.push(SLUG, "topic", [("b.json", "{\"a\": }\n")]);
    // The second of the requests is lost, and what it brought is not.
    side.github.next(Door::Runs).does_and_fails();
    side.look().await;
    side.advance(Duration::from_secs(15)).await;
    let runs = side.github.runs(SLUG, &broken.sha);
    assert_eq!((runs.len(), runs[0].conclusion.as_str(), runs[0].annotations.len(), runs[0].sent), (1, "failure", 200, 4));
    let level = |at: usize| text(&runs[0].annotations[at]["annotation_level"]).to_owned();
    assert_eq!((level(0), text(&runs[0].annotations[0]["path"])), ("failure".to_owned(), "a.rb"));
    let lines: std::collections::BTreeSet<(String, u64)> =
        runs[0].annotations.iter().map(|note| (text(&note["path"]).to_owned(), note["start_line"].as_u64().unwrap())).collect();
    assert_eq!(lines.len(), 200, "no note is there twice");
    assert!(runs[0].title.ends_with("new issues of severity minor or above"), "{}", runs[0].title);
    assert!(runs[0].summary.contains("| hygiene | succeeded | 231 |"), "{}", runs[0].summary);
    let rest = "Of 231 new issues of any severity the 200 gravest have a note at their line.";
    let link = format!("[All of it]({}/r/acme/app/commits/{})", side.world.app.app().public_url(), broken.sha);
    assert!(runs[0].summary.contains(rest) && runs[0].summary.contains(&link), "{}", runs[0].summary);
}

#[tokio::test]
async fn what_is_grave_comes_before_what_is_not_whatever_its_file_is_called() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let mild = "\u{feff}puts 1\r\nputs 2\n";
    let push = side.github.push(
        SLUG,
        "topic",
        [("a.rb", mild), ("m.json", "{\"a\": }\n"), ("z.rb", "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n")],
    );
    side.look_and_say().await;
    side.world.app.settle().await;
    let run = &side.github.runs(SLUG, &push.sha)[0];
    let levels: Vec<&str> = run.annotations.iter().map(|note| text(&note["annotation_level"])).collect();
    let rank = |level: &str| ["failure", "warning", "notice"].iter().position(|known| *known == level).unwrap();
    assert!(levels.is_sorted_by_key(|level| rank(level)), "{levels:?}");
    assert!(levels.first() != levels.last() && text(&run.annotations[0]["path"]) != "a.rb", "{levels:?}");
}

#[tokio::test]
async fn where_the_app_may_not_write_runs_the_status_is_said_all_the_same() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.github.next(Door::Runs).answers(403);
    side.look().await;
    assert_eq!((side.said(&push.sha), side.github.runs(SLUG, &push.sha).len()), (vec![CLEAN.to_owned()], 0));
    assert!(side.world.app.work(WorkState::Ready).is_empty(), "a refusal is settled");
}

/// What stands in an attribute of a page, as a browser reads it.
fn attribute<'a>(page: &'a str, before: &str) -> String {
    let rest: &'a str = page.split(before).nth(1).unwrap_or_else(|| panic!("{before} is not in {page}"));
    rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&quot;", "\"").replace("&#38;", "&").replace("&amp;", "&")
}

#[tokio::test]
async fn the_app_is_made_with_one_button_and_works() {
    let github = GitHub::start();
    github.repo(SLUG);
    let push = github.push(SLUG, "main", [GATED]);
    let world = World::of(TestApp::with(|config| config.github.url = Some(github.url()))).await;
    let page = world.admin.page("/admin/github?owner=acme").await.expect(200).text();
    let door = attribute(&page, &format!("action=\"{}", github.url()));
    assert!(door.starts_with("/organizations/acme/settings/apps/new?state="), "{door}");
    let state = door.rsplit('=').next().unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&attribute(&page, "name=\"manifest\" value=\"")).unwrap();
    assert_eq!(manifest["redirect_url"], format!("{}/admin/github/made", world.app.app().public_url()));

    let code = github.make_app(&manifest);
    // Nobody else's browser is led to take somebody's App for ours.
    let eve = world.app.sign_in(world.app.user("eve", InstanceRole::Admin)).await;
    eve.page(&format!("/admin/github/made?code={code}&state={state}")).await.expect(400);
    world.admin.page(&format!("/admin/github/made?code={code}&state=0")).await.expect(400);
    let back = world.admin.page(&format!("/admin/github/made?code={code}&state={state}")).await.expect(303);
    assert_eq!(back.header("location"), Some("/admin/github"));
    world.admin.page(&format!("/admin/github/made?code={code}&state={state}")).await.expect(400);

    let seen = world.admin.get("/api/v1/admin/github").await.expect(200).value();
    assert_eq!((&seen["app_id"], &seen["installations"][0]["account"]), (&json!(7), &json!("acme")));
    let says: Vec<&str> = seen["checks"].as_array().unwrap().iter().map(|check| text(&check["says"])).collect();
    assert!(says.contains(&"the App lacks `checks: write`") && says.contains(&"GitHub takes what is signed with it"), "{says:?}");
    let page = world.admin.page("/admin/github").await.expect(200).text();
    assert!(page.contains("/apps/plumbline-acme/installations/new") && !page.contains("BEGIN RSA") && !page.contains("marigold"), "{page}");

    world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
    world.app.settle().await;
    assert_eq!(github.statuses(SLUG, &push.sha), [BASELINE]);
    let store = std::fs::read(world.app.data_dir().join("store.redb")).unwrap();
    let kept = |text: &str| store.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(!kept("BEGIN RSA") && !kept("client-marigold") && !kept("a secret to everybody"), "secrets are sealed in the store");
}

#[tokio::test]
async fn an_app_whose_key_github_did_not_hand_out_at_once_is_had_by_reading_the_page_again() {
    let github = GitHub::start();
    let world = World::of(TestApp::with(|config| config.github.url = Some(github.url()))).await;
    let page = world.admin.page("/admin/github?owner=acme").await.expect(200).text();
    let state = attribute(&page, &format!("action=\"{}", github.url())).rsplit('=').next().unwrap().to_owned();
    let manifest: serde_json::Value = serde_json::from_str(&attribute(&page, "name=\"manifest\" value=\"")).unwrap();
    let made = format!("/admin/github/made?code={}&state={state}", github.make_app(&manifest));
    for fault in [502, 503] {
        github.next(Door::Interface).answers(fault);
        let said = world.admin.page(&made).await.expect(503).text();
        assert!(said.contains("did not hand out its key") && said.contains("Read this page"), "{said}");
        assert!(!said.contains("starting or stopping"), "{said}");
    }
    world.admin.page(&made).await.expect(303);
    assert!(world.admin.page("/admin/github").await.expect(200).text().contains("App "));
    world.admin.page(&made).await.expect(400);
    world.app.settle().await;
}

#[tokio::test]
async fn what_github_signs_with_is_exchanged_without_a_delivery_that_is_refused() {
    let github = GitHub::start();
    github.repo(SLUG);
    let world = World::of(TestApp::with(|config| config.github.url = Some(github.url()))).await;
    let page = world.admin.page("/admin/github?owner=acme").await.expect(200).text();
    let state = attribute(&page, &format!("action=\"{}", github.url())).rsplit('=').next().unwrap().to_owned();
    let manifest: serde_json::Value = serde_json::from_str(&attribute(&page, "name=\"manifest\" value=\"")).unwrap();
    let code = github.make_app(&manifest);
    world.admin.page(&format!("/admin/github/made?code={code}&state={state}")).await.expect(303);

    let ping = json!({"zen": "x", "hook_id": 1});
    let sent = async |delivery: Delivery| {
        let client = world.app.anonymous().with("content-type", "application/json").with("x-hub-signature-256", &delivery.signature);
        let client = client.with("x-github-delivery", &delivery.guid).with("x-github-event", "ping");
        client.send("POST", "/hooks/github", Some(&delivery.body)).await.status
    };
    let old = |number| Delivery::signed("ping", number, &ping);
    let new = |number| Delivery::signed_with(&github.hook_secret().unwrap(), "ping", number, &ping);
    assert_eq!(sent(old(1)).await, 202);
    // GitHub takes the new one, and its answer is lost: either may be what it signs with.
    github.next(Door::Interface).does_and_fails();
    world.admin.form("/admin/github/webhook-secret", "").await.expect(503);
    let first = github.hook_secret().unwrap();
    assert_eq!((sent(old(2)).await, sent(new(3)).await), (202, 202));
    world.admin.form("/admin/github/webhook-secret", "").await.expect(303);
    assert_eq!(github.hook_secret().unwrap(), first, "an exchange that did not end goes on with its secret");
    assert_eq!((sent(old(4)).await, sent(new(5)).await), (202, 202));
    let until = world.admin.get("/api/v1/admin/github").await.expect(200).value()["signed_before_until"].clone();
    assert_eq!(until, json!("2026-02-01T12:00:00Z"));
    assert!(world.admin.page("/admin/github").await.expect(200).text().contains("What it signed with before is taken as well"));
    world.app.advance(Duration::from_secs(24 * 3_600));
    github.advance(Duration::from_secs(24 * 3_600));
    assert_eq!((sent(old(6)).await, sent(new(7)).await), (401, 202), "a day later the one before is over");
    assert_eq!(world.admin.get("/api/v1/admin/github").await.expect(200).value()["signed_before_until"], json!(null));
    let trail = world.admin.get("/api/v1/admin/audit").await.expect(200).text();
    assert!(trail.contains("github.webhook_secret") && !trail.contains(&first), "{trail}");

    world.app.settle().await;
    let configured = World::of(TestApp::with(|config| github.configure(config))).await;
    configured.admin.own("POST", "/api/v1/admin/github/webhook-secret").await.expect(409).refused("set_by_configuration");
    let nobody = World::new().await;
    nobody.admin.own("POST", "/api/v1/admin/github/webhook-secret").await.refused("github_not_set_up");
    let known = nobody.app.app().read_now(|tx, _| secrets::kept(tx, secrets::Purpose::GithubWebhookSecretNext)).unwrap();
    assert_eq!(known, None, "nothing is begun that cannot end");
}

/// Deliveries are lost: while the appliance was away, or GitHub could not reach it.
#[tokio::test]
async fn a_push_that_nobody_tells_of_is_found_once_nothing_was_heard_for_a_while() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    side.world.app.tick().await;
    side.github.asked();
    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.advance(Duration::from_secs(100)).await;
    side.world.app.tick().await;
    assert_eq!(side.github.asked(), [""; 0], "a repository that was heard of is left alone");
    side.advance(Duration::from_secs(100)).await;
    side.world.app.tick().await;
    assert_eq!(side.said(&push.sha), [CLEAN]);
}

#[tokio::test]
async fn what_github_could_not_deliver_is_asked_for_again_once() {
    let side = Side::with([GATED]).await;
    side.world.app.tick().await;
    for n in 0..130 {
        let push = side.github.push(SLUG, &format!("topic-{n}"), [("app.rb", "puts 2\n")]);
        side.github.tried(&push.delivery, if n % 2 == 0 { 502 } else { 202 });
    }
    side.github.asked();
    let again = |asked: Vec<String>| asked.into_iter().filter(|asked| asked.ends_with("/attempts")).count();
    side.advance(Duration::from_secs(130)).await;
    side.world.app.tick().await;
    assert_eq!(again(side.github.asked()), 65);
    side.advance(Duration::from_secs(130)).await;
    side.world.app.tick().await;
    assert_eq!(again(side.github.asked()), 0);
    let seen = side.world.admin.get("/api/v1/admin/github").await.expect(200).value();
    let says: Vec<&str> = seen["checks"].as_array().unwrap().iter().map(|check| text(&check["says"])).collect();
    assert!(says.iter().any(|says| says.ends_with("`acme/app` was compared longest ago")), "{says:?}");
    assert!(says.iter().any(|says| says.contains("there were none; all that was sent until")), "{says:?}");
}
