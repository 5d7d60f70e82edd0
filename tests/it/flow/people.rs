//! People as GitHub has them: roles that are taken over, and whoever leaves.

use std::time::Duration;

use plumbline::base::event::Actor;
use plumbline::domain::accounts;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::github::{Door, GitHub};
use crate::support::world::{World, text};

const SLUG: &str = "acme/app";

/// An appliance where `acme/app` was added, and the GitHub that it is on.
struct Side {
    world: World,
    github: GitHub,
}

impl Side {
    async fn new() -> Side {
        let github = GitHub::start();
        github.repo(SLUG);
        github.push(SLUG, "main", [("app.rb", "puts 1\n")]);
        let world = World::of(TestApp::with(|config| github.configure_sign_in(config))).await;
        world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
        let side = Side { world, github };
        side.world.app.settle().await;
        side
    }

    async fn sign_in(&self, person: u64) -> Client {
        self.github.signs_in(person, &self.world.app).await
    }

    /// Has everybody looked at.
    async fn resync(&self) {
        self.world.admin.own("POST", "/api/v1/admin/resync").await.expect(202);
        self.world.app.settle().await;
    }

    async fn members(&self) -> Vec<String> {
        let list = self.world.admin.get("/api/v1/repos/acme/app/members").await.expect(200).value();
        let line = |one: &Value| format!("{} {} {}", text(&one["login"]), text(&one["role"]), text(&one["source"]));
        list["items"].as_array().unwrap().iter().map(line).collect()
    }

    async fn user(&self, login: &str) -> Value {
        let list = self.world.admin.get(&format!("/api/v1/admin/users?q={login}")).await.expect(200).value();
        list["items"][0].clone()
    }
}

#[tokio::test]
async fn whoever_signs_in_for_the_first_time_has_the_roles_that_they_have_on_github() {
    let side = Side::new().await;
    let (writer, reader) = (side.github.member("writer"), side.github.member("reader"));
    side.github.gives(writer, SLUG, Some("write"));
    side.resync().await;
    assert_eq!(side.members().await, Vec::<String>::new());

    let asked = side.github.asked().len();
    assert!(asked > 0);
    let browser = side.sign_in(writer).await;
    let repo = browser.get("/api/v1/repos/acme/app").await.expect(200).value();
    assert!(repo["can"].as_array().unwrap().contains(&json!("rerun")) && !repo["can"].as_array().unwrap().contains(&json!("settings")));
    assert_eq!(side.members().await, ["writer write github"]);
    side.sign_in(reader).await.get("/api/v1/repos/acme/app").await.expect(404);

    // A role is GitHub's to change.
    let refused = side.world.admin.json("PUT", "/api/v1/repos/acme/app/members/reader", json!({"role": "read"})).await.expect(409);
    assert_eq!(refused.value()["code"], "role_mirrored");
    side.github.gives(writer, SLUG, Some("maintain"));
    side.github.gives(reader, SLUG, Some("triage"));
    side.resync().await;
    assert_eq!(side.members().await, ["writer maintain github", "reader triage github"]);
    side.github.gives(writer, SLUG, None);
    side.resync().await;
    assert_eq!(side.members().await, ["reader triage github"]);
    browser.get("/api/v1/repos/acme/app").await.expect(404);
}

#[tokio::test]
async fn a_role_that_changed_is_taken_over_when_a_delivery_says_so() {
    let side = Side::new().await;
    let octocat = side.github.member("octocat");
    side.sign_in(octocat).await;
    side.github.gives(octocat, SLUG, Some("admin"));
    let app = side.world.app.app();
    app.write_now(&Actor::System, |tx, now| -> accounts::Result<()> {
        let repo = tx.first(&plumbline::engine::store::Scan::<plumbline::domain::repos::Repository>::all())?.unwrap();
        accounts::roles_changed(tx, repo.id, now)
    })
    .unwrap();
    side.world.app.settle().await;
    assert_eq!(side.members().await, ["octocat admin github"]);
}

#[tokio::test]
async fn whoever_leaves_loses_sessions_tokens_and_roles_at_once_and_has_them_not_back_by_a_password() {
    let side = Side::new().await;
    let octocat = side.github.member("octocat");
    side.github.gives(octocat, SLUG, Some("write"));
    side.resync().await;
    let browser = side.sign_in(octocat).await;
    let token = browser.post("/api/v1/me/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    let program = side.world.app.anonymous().bearer(text(&token["token"]));
    program.get("/api/v1/repos/acme/app").await.expect(200);
    let password = json!({"login": "octocat", "password": "seven grey herons wade"});
    browser.json("PUT", "/api/v1/me/password", json!({"password": "seven grey herons wade"})).await.expect(204);
    side.world.app.anonymous().post("/api/v1/login", password.clone()).await.expect(200);

    side.github.belongs(octocat, "acme", None);
    let app = side.world.app.app();
    app.write_now(&Actor::System, move |tx, now| accounts::person_changed(tx, octocat, now)).unwrap();
    side.world.app.settle().await;
    browser.get("/api/v1/me").await.expect(401);
    program.get("/api/v1/repos/acme/app").await.expect(401);
    side.world.app.anonymous().post("/api/v1/login", password).await.expect(401);
    assert_eq!(side.members().await, Vec::<String>::new());
    assert_eq!(side.user("octocat").await["disabled"], true);
    // A roster that still has them gives nothing.
    side.resync().await;
    assert_eq!(side.members().await, Vec::<String>::new());

    // Who comes back is let in again, with the roles they have; the old ways in are over.
    side.github.belongs(octocat, "acme", Some("active"));
    let again = side.sign_in(octocat).await;
    again.get("/api/v1/repos/acme/app").await.expect(200);
    program.get("/api/v1/repos/acme/app").await.expect(401);
    assert_eq!(side.user("octocat").await["disabled"], false);
}

#[tokio::test]
async fn a_daily_look_notices_who_left_and_signing_in_does() {
    let side = Side::new().await;
    let (first, second) = (side.github.member("first"), side.github.member("second"));
    let (one, two) = (side.sign_in(first).await, side.sign_in(second).await);
    side.github.belongs(first, "acme", None);
    side.world.app.advance(Duration::from_secs(24 * 3_600));
    side.github.advance(Duration::from_secs(24 * 3_600));
    side.world.app.tick().await;
    side.world.app.settle().await;
    one.get("/api/v1/me").await.expect(401);
    two.get("/api/v1/me").await.expect(200);

    side.github.belongs(second, "acme", None);
    let sent = side.world.app.anonymous().get("/auth/github").await.expect(303);
    let back = side.github.says_yes(second, sent.header("location").unwrap());
    side.world.app.anonymous().with("cookie", &sent.cookies()).get(&back).await.expect(403);
    two.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn an_organization_that_cannot_be_asked_shuts_nobody_out_and_keeps_nobody_of_another_in() {
    let github = GitHub::start();
    let beta = github.install("beta");
    let orgs = ["acme", "beta", "gone"].map(str::to_owned).to_vec();
    let world = World::of(TestApp::with(|config| (github.configure_sign_in(config), config.github.orgs = orgs).0)).await;
    let side = Side { world, github };
    let (of_acme, of_beta, of_both) = (side.github.member("first"), side.github.person("second"), side.github.member("third"));
    side.github.belongs(of_beta, "beta", Some("active"));
    side.github.belongs(of_both, "beta", Some("active"));
    let (first, second, third) = (side.sign_in(of_acme).await, side.sign_in(of_beta).await, side.sign_in(of_both).await);
    side.resync().await;
    side.github.suspend(beta, true);
    // They are still there; and whoever left `acme` alone has left.
    for person in [of_acme, of_both] {
        side.github.belongs(person, "acme", None);
    }
    side.resync().await;
    first.get("/api/v1/me").await.expect(401);
    second.get("/api/v1/me").await.expect(200);
    third.get("/api/v1/me").await.expect(200);
    side.github.suspend(beta, false);
    side.github.belongs(of_both, "beta", None);
    side.resync().await;
    second.get("/api/v1/me").await.expect(200);
    third.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn whoever_administers_a_repository_on_github_adds_it_and_nobody_else_learns_of_it() {
    let side = Side::new().await;
    side.github.repo("acme/second");
    side.github.push("acme/second", "main", [("app.rb", "puts 1\n")]);
    let (owner, writer) = (side.github.member("owner"), side.github.member("writer"));
    side.github.gives(owner, "acme/second", Some("admin"));
    side.github.gives(writer, "acme/second", Some("maintain"));
    let (by_writer, by_owner) = (side.sign_in(writer).await, side.sign_in(owner).await);
    let add = |name: &str| json!({"github": name});
    let refused = by_writer.post("/api/v1/repos", add("acme/second")).await.refused("source_refused");
    let unknown = by_writer.post("/api/v1/repos", add("acme/nothing")).await.refused("source_refused");
    assert_eq!(refused.replace("acme/second", "acme/nothing"), unknown, "what is not theirs is as if it were not there");
    let added = by_owner.post("/api/v1/repos", add("acme/second")).await.expect(201).value();
    assert!(added["can"].as_array().unwrap().contains(&json!("settings")), "{added}");
    side.world.app.settle().await;
    // Whoever has no account there adds nothing, and sees nothing to add.
    let ada = side.world.app.sign_in(side.world.app.user("ada", accounts::InstanceRole::Member)).await;
    ada.post("/api/v1/repos", add("acme/second")).await.refused("forbidden");
    ada.get("/api/v1/github/repos").await.refused("forbidden");
}

#[tokio::test]
async fn of_what_the_app_can_see_one_is_shown_what_one_administers() {
    let side = Side::new().await;
    let owner = side.github.member("owner");
    for n in 0..70 {
        side.github.repo(&format!("acme/lib-{n:02}"));
    }
    for name in ["acme/lib-03", "acme/lib-65"] {
        side.github.gives(owner, name, Some("admin"));
    }
    side.github.gives(owner, "acme/lib-04", Some("maintain"));
    let by_owner = side.sign_in(owner).await;
    let (mut names, mut pages, mut at) = (Vec::new(), 0, "/api/v1/github/repos?q=LIB".to_owned());
    loop {
        let page = by_owner.get(&at).await.expect(200).value();
        names.extend(page["items"].as_array().unwrap().iter().map(|repo| repo["name"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        at = format!("/api/v1/github/repos?q=LIB&cursor={next}");
    }
    assert_eq!((names, pages), (vec!["lib-03".to_owned(), "lib-65".to_owned()], 3), "GitHub is asked of some at a time");
    assert_eq!(by_owner.get("/api/v1/github/repos?q=lib-65").await.expect(200).value()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_github_that_does_not_answer_locks_nobody_out() {
    let side = Side::new().await;
    let octocat = side.github.member("octocat");
    let browser = side.sign_in(octocat).await;
    side.github.next(Door::Interface).answers(500);
    side.resync().await;
    browser.get("/api/v1/me").await.expect(200);
    // A list that came out short is not believed by itself: the one who is missing is asked after.
    side.github
        .next(Door::Interface)
        .answers_body(200, &json!([{"id": 42, "account": {"login": "acme"}, "suspended_at": null}]).to_string());
    side.github.next(Door::Interface).answers_body(200, "[]");
    side.world.app.advance(Duration::from_secs(3_600));
    side.github.advance(Duration::from_secs(3_600));
    side.world.app.settle().await;
    browser.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_person_whose_organization_cannot_be_seen_is_refused_and_not_shut_out() {
    let side = Side::new().await;
    let octocat = side.github.member("octocat");
    let browser = side.sign_in(octocat).await;
    side.github.guard("acme");
    let sent = side.world.app.anonymous().get("/auth/github").await.expect(303);
    let back = side.github.says_yes(octocat, sent.header("location").unwrap());
    side.world.app.anonymous().with("cookie", &sent.cookies()).get(&back).await.expect(403);
    side.world.app.settle().await;
    browser.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_local_account_that_was_linked_stays_when_its_person_leaves_github() {
    let side = Side::new().await;
    let app = &side.world.app;
    let user = app.user("ada", accounts::InstanceRole::Member);
    app.set_password(user, "seven grey herons wade").await;
    let ada = app.sign_in(user).await;
    let octocat = side.github.member("octocat");
    let sent = ada.post("/api/v1/me/github", json!({"password": "seven grey herons wade"})).await.expect(200);
    let back = side.github.says_yes(octocat, text(&sent.value()["location"]));
    ada.with("cookie", &format!("{}; {}", ada.header("cookie").unwrap(), sent.cookies())).get(&back).await.expect(303);

    side.github.belongs(octocat, "acme", None);
    side.world.admin.own("POST", &format!("/api/v1/admin/users/{user}/sync")).await.expect(202);
    app.settle().await;
    ada.get("/api/v1/me").await.expect(401);
    assert_eq!(side.user("ada").await["disabled"], false);
    let login = json!({"login": "ada", "password": "seven grey herons wade"});
    app.anonymous().post("/api/v1/login", login).await.expect(200);
}

#[tokio::test]
async fn syncing_is_for_administrators_and_for_those_who_have_an_account_there() {
    let side = Side::new().await;
    let octocat = side.github.member("octocat");
    let browser = side.sign_in(octocat).await;
    browser.own("POST", "/api/v1/admin/resync").await.expect(403);
    let ada = side.world.app.user("ada", accounts::InstanceRole::Member);
    side.world.admin.own("POST", &format!("/api/v1/admin/users/{ada}/sync")).await.expect(404);
    let id = text(&side.user("octocat").await["id"]).to_owned();
    browser.own("POST", &format!("/api/v1/admin/users/{id}/sync")).await.expect(403);
}
