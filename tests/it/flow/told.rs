//! What GitHub tells of people, repositories and runs, delivery by delivery, and what each changes.

use std::time::Duration;

use plumbline::base::id::{Id, RepoId};
use plumbline::base::name::CommitSha;
use plumbline::domain::accounts::{Scope, TokenKind};
use plumbline::domain::dora::Deployment;
use plumbline::domain::repos::{Commit, PushedHead};
use plumbline::domain::settings::AddRepos;
use plumbline::engine::store::Scan;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::github::{Delivery, Door, GitHub, INSTALLATION};
use crate::support::world::{World, text};

const SLUG: &str = "acme/app";
const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nchecks: [{plugin: hygiene}]\n");

/// An appliance where `acme/app` was added, and the GitHub that it is on.
struct Side {
    world: World,
    github: GitHub,
    id: u64,
    sha: String,
}

impl Side {
    async fn new() -> Side {
        let github = GitHub::start();
        let id = github.repo(SLUG);
        let sha = github.push(SLUG, "main", [GATED]).sha;
        let world = World::of(TestApp::with(|config| github.configure_sign_in(config))).await;
        world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
        world.app.settle().await;
        Side { world, github, id, sha }
    }

    async fn sign_in(&self, person: u64) -> Client {
        self.github.signs_in(person, &self.world.app).await
    }

    /// Delivers an event with these parts beside those that each has, and does what follows.
    async fn told(&self, number: u64, event: &str, parts: Value) {
        self.sent(number, event, parts).await;
        self.world.app.settle().await;
    }

    /// Delivers an event with these parts beside those that each has.
    async fn sent(&self, number: u64, event: &str, parts: Value) {
        let mut payload = json!({
            "installation": {"id": INSTALLATION}, "sender": {"id": 1, "login": "acme"},
            "organization": {"id": 1, "login": "acme"},
        });
        payload.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        let Delivery { event, guid, signature, body } = Delivery::signed(event, number, &payload);
        let client = self.world.app.anonymous().with("content-type", "application/json").with("x-hub-signature-256", &signature);
        let client = client.with("x-github-delivery", &guid).with("x-github-event", &event);
        client.send("POST", "/hooks/github", Some(&body)).await.expect(202);
    }

    /// The repository as an event describes it that says this of it, a minute later each time.
    fn described(&self, minutes: u32, parts: Value) -> Value {
        let mut repo = json!({
            "id": self.id, "full_name": SLUG, "private": true, "archived": false, "description": "what acme/app is for",
            "default_branch": "main", "updated_at": format!("2026-01-31T12:{minutes:02}:00Z"), "pushed_at": "2026-01-31T12:00:00Z",
        });
        repo.as_object_mut().unwrap().extend(parts.as_object().unwrap().clone());
        repo
    }

    async fn see(&self) -> Value {
        self.world.admin.get("/api/v1/repos/acme/app").await.expect(200).value()
    }

    /// Who is held back.
    async fn held_back(&self) -> Vec<String> {
        let users = self.world.admin.get("/api/v1/admin/users").await.expect(200).value();
        let held = users["items"].as_array().unwrap().iter().filter(|user| user["held_back"] == true);
        held.map(|user| text(&user["login"]).to_owned()).collect()
    }

    async fn members(&self) -> Vec<String> {
        let list = self.world.admin.get("/api/v1/repos/acme/app/members").await.expect(200).value();
        list["items"].as_array().unwrap().iter().map(|one| format!("{} {}", text(&one["login"]), text(&one["role"]))).collect()
    }

    /// How often the checks of the commit were asked for.
    async fn asked_at(&self) -> Value {
        self.world.admin.get(&format!("/api/v1/repos/acme/app/commits/{}/checks", self.sha)).await.expect(200).value()["requested_at"]
            .clone()
    }
}

#[tokio::test]
async fn a_role_changes_with_the_person_the_team_or_the_repository_that_it_comes_from() {
    let side = Side::new().await;
    let octocat = side.github.member("octocat");
    let browser = side.sign_in(octocat).await;
    let who = json!({"id": octocat, "login": "octocat"});
    let team = json!({"id": 7, "slug": "crew", "name": "Crew"});
    let repo = side.described(0, json!({}));
    let events = [
        ("member", "write", json!({"action": "added", "member": who, "repository": repo})),
        ("member", "admin", json!({"action": "edited", "member": who, "repository": repo})),
        ("membership", "triage", json!({"action": "added", "scope": "team", "member": who, "team": team})),
        ("team", "maintain", json!({"action": "edited", "team": team, "repository": repo})),
        ("team_add", "read", json!({"team": team, "repository": repo})),
    ];
    for (number, (event, role, parts)) in events.into_iter().enumerate() {
        side.github.gives(octocat, SLUG, Some(role));
        side.told(number as u64 + 1, event, parts).await;
        assert_eq!(side.members().await, [format!("octocat {role}")], "after `{event}`");
    }
    side.github.gives(octocat, SLUG, None);
    side.told(9, "member", json!({"action": "removed", "member": who, "repository": repo})).await;
    assert_eq!(side.members().await, [""; 0]);
    browser.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn whoever_leaves_or_takes_back_that_we_know_them_is_signed_out_by_the_delivery_that_says_so() {
    let side = Side::new().await;
    let (one, other) = (side.github.member("one"), side.github.member("other"));
    let (by_one, by_other) = (side.sign_in(one).await, side.sign_in(other).await);
    side.told(1, "github_app_authorization", json!({"action": "revoked", "sender": {"id": one, "login": "one"}})).await;
    by_one.get("/api/v1/me").await.expect(401);
    by_other.get("/api/v1/me").await.expect(200);
    side.github.belongs(other, "acme", None);
    let left = json!({"user": {"id": other, "login": "other"}, "role": "member", "state": "active"});
    side.told(2, "organization", json!({"action": "member_removed", "membership": left})).await;
    by_other.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn whoever_left_has_no_good_token_while_github_cannot_be_asked_and_has_it_again_if_they_had_not() {
    let side = Side::new().await;
    let (one, other) = (side.github.member("one"), side.github.member("other"));
    let (mut programs, mut browsers) = (Vec::new(), Vec::new());
    for who in [one, other] {
        let browser = side.sign_in(who).await;
        browser.json("PUT", "/api/v1/me/password", json!({"password": "seven grey herons wade"})).await.expect(204);
        let token = browser.post("/api/v1/me/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
        programs.push(side.world.app.anonymous().bearer(text(&token["token"])));
        browsers.push(browser);
    }
    // Where they were seen is known from here on.
    side.world.admin.own("POST", "/api/v1/admin/resync").await.expect(202);
    side.world.app.settle().await;
    let left = |who: u64, org: &str| {
        let membership = json!({"user": {"id": who, "login": "one"}, "role": "member", "state": "active"});
        json!({"action": "member_removed", "membership": membership, "organization": {"id": 1, "login": org}})
    };
    side.told(1, "organization", left(one, "elsewhere")).await;
    browsers[0].get("/api/v1/me").await.expect(200);

    side.github.away(true);
    side.github.belongs(one, "acme", None);
    side.told(2, "organization", left(one, "Acme")).await;
    side.told(3, "organization", left(other, "acme")).await;
    for program in &programs {
        let refused = program.get("/api/v1/me").await.expect(401).value();
        assert!(text(&refused["message"]).contains("once GitHub has confirmed that they are still let in"), "{refused}");
    }
    let password = json!({"login": "other", "password": "seven grey herons wade"});
    side.world.app.anonymous().post("/api/v1/login", password.clone()).await.expect(401);
    assert_eq!(side.held_back().await, ["one", "other"]);
    side.github.away(false);
    for waits in [15, 90] {
        side.world.app.advance(Duration::from_secs(waits));
        side.github.advance(Duration::from_secs(waits));
        side.world.app.settle().await;
    }
    let refused = programs[0].get("/api/v1/me").await.expect(401).value();
    assert!(text(&refused["message"]).contains("was revoked"), "{refused}");
    programs[1].get("/api/v1/me").await.expect(200);
    side.world.app.anonymous().post("/api/v1/login", password).await.expect(200);
    assert_eq!(side.held_back().await, [""; 0]);
}

#[tokio::test]
async fn whoever_left_stays_held_back_where_their_organization_cannot_be_asked_until_an_administrator_lets_them_in() {
    let side = Side::new().await;
    let one = side.github.member("one");
    let browser = side.sign_in(one).await;
    let token = browser.post("/api/v1/me/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    let program = side.world.app.anonymous().bearer(text(&token["token"]));
    side.github.suspend(INSTALLATION, true);
    // Who has which role there cannot be asked either.
    side.world.app.expect_dead(2);
    let membership = json!({"user": {"id": one, "login": "one"}, "role": "member", "state": "active"});
    side.told(1, "organization", json!({"action": "member_removed", "membership": membership})).await;
    side.world.admin.own("POST", "/api/v1/admin/resync").await.expect(202);
    side.world.app.settle().await;
    program.get("/api/v1/me").await.expect(401);
    assert_eq!(side.held_back().await, ["one"]);
    let page = side.world.admin.page("/admin/users").await.expect(200).text();
    assert!(page.contains("tokens held back") && page.contains("Let in again"), "{page}");

    let users = side.world.admin.get("/api/v1/admin/users?q=one").await.expect(200).value();
    let user = format!("/api/v1/admin/users/{}", text(&users["items"][0]["id"]));
    side.world.admin.json("PATCH", &user, json!({"disabled": false})).await.expect(200);
    program.get("/api/v1/me").await.expect(200);
    assert_eq!(side.held_back().await, [""; 0]);
}

#[tokio::test]
async fn a_head_that_was_forced_away_before_it_was_fetched_is_registered_and_is_not_checked() {
    let side = Side::new().await;
    let push = |sha: &str| {
        let zeros = "0".repeat(40);
        json!({"ref": "refs/heads/topic", "before": zeros, "after": sha, "repository": side.described(0, json!({}))})
    };
    side.github.begins(SLUG, "topic", "main");
    let below = side.github.push(SLUG, "topic", [("a.rb", "puts 1\n")]).sha;
    let left = side.github.push(SLUG, "topic", [("a.rb", "puts 2\n")]).sha;
    side.github.drops(SLUG, "topic");
    side.github.begins(SLUG, "topic", "main");
    let head = side.github.push(SLUG, "topic", [("a.rb", "puts 3\n")]).sha;
    // One that GitHub has no more is no reason to take over nothing.
    let gone = "a".repeat(40);
    let deliveries = [&left, &gone, &head].map(|sha| push(sha));
    for (number, delivery) in deliveries.into_iter().enumerate() {
        side.sent(number as u64 + 1, "push", delivery).await;
    }
    side.world.app.settle().await;
    let app = side.world.app.app();
    let registered = |sha: &str| {
        let sha: CommitSha = sha.parse().unwrap();
        let commits = app.read_now(|tx, _| tx.find(&Scan::<Commit>::all(), 100)).unwrap();
        commits.into_iter().find(|commit| commit.sha == sha).map(|commit| commit.was_on_branch)
    };
    assert_eq!([&left, &below, &head, &gone].map(|sha| registered(sha)), [Some(true), Some(true), Some(true), None]);
    let checks = |sha: &str| format!("/api/v1/repos/acme/app/commits/{sha}/checks");
    side.world.admin.get(&checks(&left)).await.expect(404);
    side.world.admin.get(&checks(&head)).await.expect(200);
    let waiting = || app.read_now(|tx, _| tx.find(&Scan::<PushedHead>::all(), 10)).unwrap().into_iter().map(|head| head.sha.to_string());
    assert_eq!(waiting().collect::<Vec<_>>(), std::slice::from_ref(&gone), "GitHub may have it in a moment");
    side.world.app.advance(Duration::from_secs(6 * 60));
    side.github.advance(Duration::from_secs(6 * 60));
    side.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    side.world.app.settle().await;
    assert_eq!(waiting().collect::<Vec<_>>(), [""; 0], "it is given up");
}

#[tokio::test]
async fn what_is_said_of_a_repository_is_kept_current() {
    let side = Side::new().await;
    let steps = [
        ("edited", json!({"description": "what it is for now"}), "description", json!("what it is for now")),
        ("archived", json!({"archived": true}), "archived", json!(true)),
        ("unarchived", json!({"archived": false}), "archived", json!(false)),
        ("publicized", json!({"private": false}), "private", json!(false)),
        ("privatized", json!({"private": true}), "private", json!(true)),
    ];
    for (number, (action, parts, field, expected)) in steps.into_iter().enumerate() {
        let repo = side.described(number as u32 + 1, parts);
        side.github.describe(SLUG, repo["private"] == true, repo["archived"] == true, text(&repo["description"]));
        side.told(number as u64 + 1, "repository", json!({"action": action, "repository": repo})).await;
        assert_eq!(side.see().await[field], expected, "after `{action}`");
    }
}

#[tokio::test]
async fn a_repository_that_is_made_is_added_where_that_is_to_be_done_by_itself() {
    for (how, expected) in [(AddRepos::ByHand, 404), (AddRepos::Automatically, 200)] {
        let side = Side::new().await;
        side.world.admin.json("PATCH", "/api/v1/admin/settings", json!({"add_repos": how})).await.expect(200);
        let id = side.github.repo("acme/made");
        let repo = json!({"id": id, "full_name": "acme/made", "private": true, "updated_at": "2026-01-31T12:00:00Z"});
        side.told(1, "repository", json!({"action": "created", "repository": repo})).await;
        side.world.admin.get("/api/v1/repos/acme/made").await.expect(expected);
    }
}

#[tokio::test]
async fn the_button_on_github_that_runs_checks_again_runs_them_again() {
    let side = Side::new().await;
    let mut before = side.asked_at().await;
    let at = json!({"id": 5, "head_sha": side.sha});
    for (number, event) in [(1, "check_run"), (2, "check_suite")] {
        side.world.app.advance(Duration::from_secs(60));
        side.github.advance(Duration::from_secs(60));
        let repo = side.described(0, json!({}));
        side.told(number * 10, event, json!({"action": "created", event: at, "repository": repo})).await;
        assert_eq!(side.asked_at().await, before, "that there is one asks for nothing");
        side.told(number, event, json!({"action": "rerequested", event: at, "repository": repo})).await;
        let after = side.asked_at().await;
        assert_ne!(after, before, "`{event}`");
        before = after;
    }
    let pending = side.github.statuses(SLUG, &side.sha).iter().filter(|said| said.starts_with("pending")).count();
    assert_eq!(side.github.runs(SLUG, &side.sha).len(), 3, "each attempt has a run of its own; {pending} were pending");
}

#[tokio::test]
async fn what_github_would_not_take_is_said_once_more_is_permitted() {
    let side = Side::new().await;
    side.github.next(Door::Statuses).answers(404);
    let push = side.github.push(SLUG, "main", [("a.txt", "a\n")]);
    side.told(
        1,
        "push",
        json!({"ref": "refs/heads/main", "before": side.sha, "after": push.sha, "repository": side.described(1, json!({}))}),
    )
    .await;
    assert!(side.github.statuses(SLUG, &push.sha).is_empty());
    let installation = json!({"id": INSTALLATION, "account": {"id": 1, "login": "acme"}});
    side.told(2, "installation", json!({"action": "new_permissions_accepted", "installation": installation})).await;
    assert_eq!(side.github.statuses(SLUG, &push.sha).last().map(String::as_str), Some("success plumbline no new issues"));
}

#[tokio::test]
async fn a_delivery_whose_repository_cannot_be_fetched_says_why() {
    let side = Side::new().await;
    side.github.suspend(INSTALLATION, true);
    let push = side.github.push(SLUG, "main", [("a.txt", "a\n")]);
    side.told(
        1,
        "push",
        json!({"ref": "refs/heads/main", "before": side.sha, "after": push.sha, "repository": side.described(1, json!({}))}),
    )
    .await;
    let list = side.world.admin.get("/api/v1/admin/deliveries").await.expect(200).value();
    let id = text(&list["items"][0]["id"]);
    let delivery = side.world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
    assert_eq!(delivery["sync_error"], "GitHub refuses it (403): This installation has been suspended");
    let page = side.world.admin.page(&format!("/admin/deliveries/{id}")).await.expect(200).text();
    assert!(page.contains("What it tells of cannot be fetched now:") && page.contains("This installation has been suspended"), "{page}");
}

#[tokio::test]
async fn whoever_takes_a_name_that_was_left_brings_nothing_in_under_it() {
    let side = Side::new().await;
    side.github.rename(SLUG, "newco/app");
    let theirs = side.github.repo(SLUG);
    assert_ne!(theirs, side.id);
    let push = side.github.push(SLUG, "main", [("evil.sh", "cat /run/secrets/key\n")]);
    // Nothing told of it: it is time to look, as it is every few minutes.
    side.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    side.world.app.settle().await;
    side.world.admin.get(&format!("/api/v1/repos/newco/app/commits/{}", push.sha)).await.expect(404);
    let ours = side.world.admin.get("/api/v1/repos/newco/app").await.expect(200).value();
    assert_eq!((&ours["owner"], &ours["sync_error"]), (&json!("newco"), &Value::Null), "it is known by what it is called now");
    side.world.admin.get(&format!("/api/v1/repos/newco/app/commits/{}", side.sha)).await.expect(200);
    // What is told of the other one is not about ours.
    let repo = json!({"id": theirs, "full_name": SLUG, "private": false, "updated_at": "2026-01-31T12:30:00Z"});
    side.told(1, "push", json!({"ref": "refs/heads/main", "before": side.sha, "after": push.sha, "repository": repo})).await;
    side.world.admin.get(&format!("/api/v1/repos/newco/app/commits/{}", push.sha)).await.expect(404);
}

#[tokio::test]
async fn an_access_that_ended_before_a_repository_was_added_hides_nothing() {
    let side = Side::new().await;
    let removed = |at: &str| {
        let installation = json!({"id": INSTALLATION, "account": {"id": 1, "login": "acme"}, "updated_at": at});
        json!({"action": "removed", "installation": installation, "repositories_removed": [{"id": side.id, "full_name": SLUG}]})
    };
    side.told(1, "installation_repositories", removed("2026-01-31T11:50:00Z")).await;
    side.see().await;
    side.told(2, "installation_repositories", removed("2026-01-31T12:10:00Z")).await;
    side.world.admin.get("/api/v1/repos/acme/app").await.expect(404);
}

#[tokio::test]
async fn a_delivery_that_has_repositories_added_says_so() {
    let side = Side::new().await;
    side.world.admin.json("PATCH", "/api/v1/admin/settings", json!({"add_repos": "automatically"})).await.expect(200);
    let id = side.github.repo("acme/listed");
    let added = json!({"action": "added", "repositories_added": [{"id": id, "full_name": "acme/listed"}]});
    side.told(1, "installation_repositories", added).await;
    let list = side.world.admin.get("/api/v1/admin/deliveries").await.expect(200).value();
    let last = &list["items"][0];
    assert_eq!((text(&last["state"]), text(&last["outcome"])), ("processed", "what the App is let at is added, where it is not here yet"));
    let taken = side.world.admin.post("/api/v1/repos", json!({"github": "acme/listed"})).await.refused("already_exists");
    assert!(!taken.contains("another"), "{taken}");
}

#[tokio::test]
async fn the_repositories_of_an_organization_that_is_named_are_added_and_no_others() {
    let side = Side::new().await;
    let other = json!({"value": ["octo"], "default": [], "is_set": true, "decided_by": null});
    let both = json!({"value": ["octo", "Acme"], "default": [], "is_set": true, "decided_by": null});
    for (number, (names, set, slug, expected)) in
        [("octo", other, "acme/two", 404), ("octo++Acme", both, "acme/three", 200)].into_iter().enumerate()
    {
        side.world.admin.form("/admin/settings", &format!("add_repos=&add_repos_of={names}")).await.expect(303);
        assert_eq!(side.world.admin.get("/api/v1/admin/settings").await.expect(200).value()["add_repos_of"], set);
        let id = side.github.repo(slug);
        let added = json!({"action": "added", "repositories_added": [{"id": id, "full_name": slug}]});
        side.told(number as u64 + 1, "installation_repositories", added).await;
        side.world.admin.get(&format!("/api/v1/repos/{slug}")).await.expect(expected);
    }
    side.world.admin.json("PATCH", "/api/v1/admin/settings", json!({"add_repos_of": ["no such/name"]})).await.refused("invalid_body");
}

#[tokio::test]
async fn a_deployment_is_kept_as_what_github_says_of_it_last() {
    let side = Side::new().await;
    let repo = || json!({"id": side.id, "full_name": SLUG});
    let deployment = || {
        json!({"id": 41, "sha": side.sha, "ref": "v1.2", "task": "deploy", "environment": "production",
               "creator": {"id": 5, "login": "ada"}, "created_at": "2026-01-31T11:00:00Z"})
    };
    let status = |id: u64, state: &str, at: &str| {
        json!({"repository": repo(), "action": "created", "deployment": deployment(),
               "deployment_status": {"id": id, "state": state, "created_at": at, "log_url": "https://github.example/log", "target_url": ""}})
    };
    // What comes late says nothing new.
    side.told(1, "deployment_status", status(12, "success", "2026-01-31T11:05:00Z")).await;
    side.told(2, "deployment_status", status(11, "in_progress", "2026-01-31T11:01:00Z")).await;
    side.told(3, "deployment", json!({"repository": repo(), "action": "created", "deployment": deployment()})).await;
    side.told(4, "deployment_status", status(13, "inactive", "2026-01-31T11:30:00Z")).await;
    let run = |id: u64, event: &str| {
        json!({"repository": repo(), "action": "completed", "workflow": {}, "workflow_run": {
            "id": id, "workflow_id": 5, "name": "release", "head_sha": side.sha, "head_branch": "main", "event": event, "status": "completed",
            "conclusion": "failure", "run_attempt": 1, "run_started_at": "2026-01-31T11:10:00Z", "updated_at": "2026-01-31T11:12:00Z"}})
    };
    side.told(5, "workflow_run", run(88, "push")).await;
    side.told(6, "workflow_run", run(89, "pull_request")).await;
    let list = side.world.admin.get("/api/v1/deployments").await.expect(200).value();
    let all: Vec<_> = list["items"].as_array().unwrap().iter().collect();
    assert_eq!(all.len(), 2, "{list:#}");
    assert_eq!([&all[0]["source"], &all[0]["state"], &all[0]["workflow"]], ["github_actions", "failure", "release"]);
    let one = json!({
        "repo": SLUG, "source": "github_deployments", "run": "41", "workflow": "deploy", "environment": "production", "ref": "v1.2",
        "sha": side.sha, "actor": "ada", "state": "success", "started_at": "2026-01-31T11:00:00Z", "finished_at": "2026-01-31T11:05:00Z",
        "url": "https://github.example/log",
    });
    assert_eq!(*all[1], one);
    let of = |query: &str| format!("/api/v1/deployments?repo={SLUG}&{query}");
    let narrowed = side.world.admin.get(&of("source=github_deployments&state=success")).await.expect(200).value();
    assert_eq!(narrowed["items"], json!([one]));
    let refused = side.world.admin.get(&of("state=sideways")).await.expect(400).value();
    assert_eq!(refused["details"]["fields"][0]["field"], "state", "{refused}");
}

#[tokio::test]
async fn deployments_are_seen_by_whoever_sees_their_repository() {
    let side = Side::new().await;
    let told = json!({"repository": {"id": side.id, "full_name": SLUG}, "action": "created", "deployment": {
        "id": 41, "sha": side.sha, "ref": "main", "task": "deploy", "environment": "production", "created_at": "2026-01-31T11:00:00Z"}});
    side.told(1, "deployment", told).await;
    let number = side.github.member("grace");
    let grace = side.sign_in(number).await;
    let runs = async |client: &Client| client.get("/api/v1/deployments").await.expect(200).value()["items"].as_array().unwrap().len();
    assert_eq!(runs(&grace).await, 0);
    grace.get("/api/v1/deployments?repo=acme/app").await.expect(404);
    side.github.gives(number, SLUG, Some("read"));
    let who = json!({"id": number, "login": "grace"});
    side.told(2, "member", json!({"action": "added", "member": who, "repository": side.described(0, json!({}))})).await;
    assert_eq!(runs(&grace).await, 1);
    // A token for one repository is shown that one's.
    let (id, other) = (text(&side.see().await["id"]).parse().unwrap(), RepoId::from_u128(9));
    for (repo, seen) in [(id, 1), (other, 0)] {
        let token = side.world.app.token(TokenKind::Service, &[Scope::DeliveryRead], None, &[repo], None);
        assert_eq!(runs(&side.world.app.anonymous().bearer(&token)).await, seen);
    }
    side.world.app.anonymous().get("/api/v1/deployments").await.expect(401);
    side.world.admin.json("DELETE", "/api/v1/repos/acme/app", json!({"confirm": SLUG})).await.expect(204);
    side.world.app.settle().await;
    let left = side.world.app.app().read_now(|tx, _| tx.find(&Scan::<Deployment>::all(), 1)).unwrap();
    assert_eq!(left, []);
}
