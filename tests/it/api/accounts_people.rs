//! Everybody who has an account: invited, changed, disabled, deleted, and never the last administrator.

use std::time::Duration;

use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole, Scope, TokenKind};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::world::{World, text};

const PASSWORD: &str = "seven grey herons wade";

fn path_of(url: &Value) -> String {
    format!("/link/{}", text(url).split("/link/").nth(1).unwrap())
}

async fn user(admin: &Client, login: &str) -> String {
    text(&admin.post("/api/v1/admin/users", json!({"login": login})).await.expect(201).value()["id"]).to_owned()
}

fn at(id: &str) -> String {
    format!("/api/v1/admin/users/{id}")
}

#[tokio::test]
async fn an_invitation_is_for_once_and_whoever_follows_it_chooses_login_and_password() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let made = admin.post("/api/v1/admin/invitations", json!({"note": " the new colleague "})).await.expect(201).value();
    assert_eq!(
        (&made["role"], &made["note"], &made["made_by"], &made["accepted_at"]),
        (&json!("member"), &json!("the new colleague"), &json!("root"), &Value::Null)
    );
    let link = path_of(&made["url"]);
    let browser = app.anonymous().with("accept", "text/html");
    for _ in 0..2 {
        let page = browser.page(&link).await.expect(200).text();
        assert!(page.contains("You are invited") && page.contains("autocomplete=\"new-password\""), "{page}");
    }
    for (form, why) in [
        ("login=root&password=seven+grey+herons+wade", "There is a user `root` already"),
        ("login=a+b&password=seven+grey+herons+wade", "is not a login"),
        ("login=grace&password=short", "at least 12 characters"),
        ("login=grace&password=grace+grace+hopper", "does not hold the login"),
        ("", "login"),
    ] {
        let page = browser.form(&link, form).await.expect(422).text();
        let why = why.replace('`', "");
        let said = page.replace("<code>", "").replace("</code>", "");
        assert!(said.contains(&why), "{form}: {said}");
    }
    let come = browser.form(&link, "login=Grace&password=seven+grey+herons+wade").await.expect(303);
    let grace = app.anonymous().with("cookie", &come.cookies());
    assert_eq!(grace.get("/api/v1/me").await.expect(200).value()["user"]["login"], json!("Grace"));
    for method in ["GET", "POST"] {
        assert!(browser.own(method, &link).await.expect(410).text().contains("This link was used already"), "{method}");
    }
    app.anonymous().post("/api/v1/login", json!({"login": "grace", "password": PASSWORD})).await.expect(200);
    let listed = admin.get("/api/v1/admin/invitations").await.expect(200);
    assert!(listed.value()["items"][0]["accepted_at"].is_string());
    assert!(!listed.text().contains(link.trim_start_matches("/link/")));
}

#[tokio::test]
async fn an_invitation_is_called_back_and_ends_after_a_week() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let invite = async || admin.post("/api/v1/admin/invitations", json!({"role": "admin"})).await.expect(201).value();
    let (one, other) = (invite().await, invite().await);
    let path = format!("/api/v1/admin/invitations/{}", text(&one["id"]));
    for _ in 0..2 {
        admin.own("DELETE", &path).await.expect(204);
    }
    let browser = app.anonymous().with("accept", "text/html");
    let form = "login=grace&password=seven+grey+herons+wade";
    assert!(browser.form(&path_of(&one["url"]), form).await.expect(410).text().contains("This link was called back"));
    app.advance(Duration::from_secs(7 * 24 * 3_600));
    assert!(browser.form(&path_of(&other["url"]), form).await.expect(410).text().contains("This link has expired"));
    let admin = app.sign_in(app.user("second", InstanceRole::Admin)).await;
    admin.own("DELETE", "/api/v1/admin/invitations/lnk_00000000000000000000000000").await.expect(404).refused("invitation_not_found");
    admin.post("/api/v1/admin/invitations", json!({"note": "a\u{1b}[2Jb"})).await.expect(400).refused("invalid_body");
    admin.post("/api/v1/admin/invitations", json!({"note": "x".repeat(101), "role": "king"})).await.expect(400);
    // A link that signs somebody in is none of them.
    app.link(app.user("ada", InstanceRole::Member));
    assert_eq!(admin.get("/api/v1/admin/invitations").await.expect(200).value()["items"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_reset_link_sets_a_password_once_and_ends_every_session() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let id = user(&admin, "ada").await;
    let ada = app.sign_in(id.parse().unwrap()).await;
    let reset = async || path_of(&admin.own("POST", &format!("{}/reset-password", at(&id))).await.expect(201).value()["url"]);
    let (older, link) = (reset().await, reset().await);
    let browser = app.anonymous().with("accept", "text/html");
    assert!(browser.page(&older).await.expect(410).text().contains("This link was called back"));
    assert!(browser.page(&link).await.expect(200).text().contains("Set a password for ada"));
    assert!(browser.form(&link, "password=password1234").await.expect(422).text().contains("among the first that are tried"));
    let set = browser.form(&link, "password=seven+grey+herons+wade").await.expect(303);
    assert_eq!(set.header("location"), Some("/sign-in?reason=password_set"));
    assert!(set.header("set-cookie").unwrap().contains("Max-Age=0"), "nobody is signed in by it");
    assert!(browser.page("/sign-in?reason=password_set").await.text().contains("Your password is set"));
    ada.get("/api/v1/me").await.expect(401);
    browser.form(&link, "password=nine+brown+owls+listen").await.expect(410);
    app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD})).await.expect(200);
    // A link of one purpose is of no use for another.
    let late = reset().await;
    app.advance(Duration::from_secs(30 * 60));
    browser.form(&late, "password=seven+grey+herons+wade").await.expect(410);
    admin.own("POST", &format!("{}/reset-password", at("usr_00000000000000000000000000"))).await.expect(404).refused("user_not_found");
}

#[tokio::test]
async fn whoever_is_disabled_is_nobody_at_once_and_what_ended_stays_ended() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let id = user(&admin, "ada").await;
    let ada = id.parse().unwrap();
    app.set_password(ada, PASSWORD).await;
    let browser = app.sign_in(ada).await;
    let program = app.anonymous().bearer(&app.token(TokenKind::Personal, &[Scope::RepoRead], Some(ada), &[], None));
    let link = format!("/link/{}", app.link(ada));
    let patched = admin.json("PATCH", &at(&id), json!({"disabled": true})).await.expect(200).value();
    assert_eq!(patched["disabled"], json!(true));
    let shut_out = async || {
        browser.get("/api/v1/me").await.expect(401);
        program.get("/api/v1/me").await.expect(401);
        app.anonymous().own("POST", &link).await.expect(410);
    };
    shut_out().await;
    app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD})).await.expect(401);
    admin.json("PATCH", &at(&id), json!({"disabled": false})).await.expect(200);
    shut_out().await;
    app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD})).await.expect(200);
    admin.json("PATCH", &at(&id), json!({"disabled": "yes", "role": "king", "name": "x"})).await.expect(400).refused("invalid_body");
}

#[tokio::test]
async fn what_somebody_made_stays_when_they_are_deleted() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let repo_id = text(&repo.see("").await["id"]).parse().unwrap();
    let id = user(&world.admin, "ada").await;
    let ada = id.parse().unwrap();
    world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, repo_id, ada, RepoRole::Admin)).unwrap();
    world.app.set_password(ada, PASSWORD).await;
    let browser = world.app.sign_in(ada).await;
    let program = world.app.anonymous().bearer(&world.app.token(TokenKind::Personal, &[Scope::RepoRead], Some(ada), &[], None));
    browser.get(&repo.path("")).await.expect(200);
    program.get(&repo.path("")).await.expect(200);

    world.admin.own("DELETE", &at(&id)).await.expect(204);
    browser.get("/api/v1/me").await.expect(401);
    program.get("/api/v1/me").await.expect(401);
    world.app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD})).await.expect(401);
    world.admin.own("DELETE", &at(&id)).await.expect(404).refused("user_not_found");
    world.app.settle().await;
    repo.see("").await;
    assert_eq!(repo.see("/members").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.admin.get("/api/v1/admin/tokens").await.expect(200).value()["items"], json!([]));
    // The login is free, and whoever takes it has nothing of the other's.
    let again = user(&world.admin, "ada").await;
    assert_ne!(again, id);
    let browser = world.app.sign_in(again.parse().unwrap()).await;
    browser.get(&repo.path("")).await.expect(404);
    world.app.anonymous().post("/api/v1/login", json!({"login": "ada", "password": PASSWORD})).await.expect(401);
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let me = text(&admin.get("/api/v1/me").await.expect(200).value()["user"]["id"]).to_owned();
    for body in [json!({"role": "member"}), json!({"disabled": true}), json!({"role": "member", "disabled": true})] {
        admin.json("PATCH", &at(&me), body).await.expect(409).refused("last_admin");
    }
    admin.own("DELETE", &at(&me)).await.expect(409).refused("last_admin");
    // One who is shut out does not count.
    let other = user(&admin, "grace").await;
    admin.json("PATCH", &at(&other), json!({"role": "admin", "disabled": true})).await.expect(200);
    admin.own("DELETE", &at(&me)).await.expect(409).refused("last_admin");
    admin.json("PATCH", &at(&other), json!({"disabled": false})).await.expect(200);
    admin.json("PATCH", &at(&me), json!({"role": "member"})).await.expect(200);
    admin.json("PATCH", &at(&me), json!({"role": "admin"})).await.expect(403).refused("forbidden");
}

#[tokio::test]
async fn an_administrator_ends_the_sessions_and_codes_of_others() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let id = user(&admin, "ada").await;
    let browser = app.sign_in(id.parse().unwrap()).await;
    browser.post("/api/v1/me/totp", json!({})).await.expect(201);
    admin.own("POST", &format!("{}/revoke-sessions", at(&id))).await.expect(204);
    browser.get("/api/v1/me").await.expect(401);
    for _ in 0..2 {
        admin.own("DELETE", &format!("{}/totp", at(&id))).await.expect(204);
    }
    for rest in ["/revoke-sessions", "/reset-password"] {
        let path = format!("{}{rest}", at("usr_00000000000000000000000000"));
        admin.own("POST", &path).await.expect(404).refused("user_not_found");
        admin.own("POST", &path.replace("usr_", "tok_")).await.expect(400).refused("invalid_parameter");
    }
}

#[tokio::test]
async fn people_are_found_by_a_part_of_their_login_page_after_page() {
    let app = TestApp::start();
    let admin = app.admin().await;
    for n in 0..7 {
        app.user(&format!("{}{n}", if n % 2 == 0 { "even" } else { "odd" }), InstanceRole::Member);
    }
    let (mut path, mut found) = ("/api/v1/admin/users?q=EVEN&limit=2".to_owned(), Vec::new());
    loop {
        let page = admin.get(&path).await.expect(200).value();
        found.extend(page["items"].as_array().unwrap().iter().map(|user| text(&user["login"]).to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/admin/users?q=EVEN&limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, ["even0", "even2", "even4", "even6"]);
    assert_eq!(admin.get("/api/v1/admin/users?q=%1b").await.expect(200).value()["items"], json!([]));
    admin.get(&path.replace("EVEN", "odd")).await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn the_page_of_users_does_what_its_buttons_say() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let page = admin.with("accept", "text/html");
    let invited = page.form("/admin/invitations", "note=%3Cb%3Egrace&admin=true").await.expect(200);
    assert_eq!(invited.header("cache-control"), Some("no-store"));
    let html = invited.text();
    assert!(
        html.contains("/link/") && html.contains("&lt;b&gt;grace") && html.contains("called back") == html.contains(">called back"),
        "{html}"
    );
    let id = user(&admin, "ada").await;
    let act = async |form: &str| page.form(&format!("/admin/users/{id}"), form).await;
    let state = async || {
        let user = admin.get("/api/v1/admin/users?q=ada").await.expect(200).value()["items"][0].clone();
        format!("{} {}", text(&user["role"]), user["disabled"])
    };
    let mut states = Vec::new();
    for button in ["make_admin", "make_member", "disable", "enable", "sign_out"] {
        act(&format!("act={button}")).await.expect(303);
        states.push(state().await);
    }
    assert_eq!(states, ["admin false", "member false", "member true", "member false", "member false"]);
    assert!(act("act=reset").await.expect(200).text().contains("/link/"));
    act("act=destroy").await.expect(422);
    assert!(act("act=delete&confirm=root").await.expect(422).text().contains("enter their login"));
    act("act=delete&confirm=ada").await.expect(303);
    assert_eq!(admin.get("/api/v1/admin/users?q=ada").await.expect(200).value()["items"], json!([]));
    app.settle().await;
    let me = text(&admin.get("/api/v1/me").await.expect(200).value()["user"]["id"]).to_owned();
    let refused = page.form(&format!("/admin/users/{me}"), "act=delete&confirm=root").await.expect(422).text();
    assert!(refused.contains("is the last administrator"), "{refused}");
}
