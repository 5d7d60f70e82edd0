//! Tokens: another text for one that stays what it is, of all kinds, and of the wrong kind.

use std::time::Duration;

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::world::{World, text};

const HOUR: Duration = Duration::from_secs(3_600);

async fn rotate(client: &Client, whose: &str, id: &Value, body: Value) -> crate::support::client::Answer {
    client.post(&format!("/api/v1/{whose}/tokens/{}/rotate", text(id)), body).await
}

#[tokio::test]
async fn a_rotated_token_has_two_texts_for_a_while_and_then_the_new_one() {
    let app = TestApp::start();
    let ada = app.sign_in(app.user("ada", InstanceRole::Member)).await;
    let made = ada.post("/api/v1/me/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    let rotated = rotate(&ada, "me", &made["id"], json!({"overlap_hours": 2})).await.expect(200).value();
    assert_eq!((&rotated["id"], &rotated["name"], &rotated["scopes"]), (&made["id"], &json!("ci"), &json!(["repo:read"])));
    let (old, new) = (app.anonymous().bearer(text(&made["token"])), app.anonymous().bearer(text(&rotated["token"])));
    let works = async |client: &Client| client.get("/api/v1/repos").await.status == 200;
    assert!(works(&old).await && works(&new).await);
    app.advance(2 * HOUR - Duration::from_secs(1));
    assert!(works(&old).await && works(&new).await);
    app.advance(Duration::from_secs(1));
    assert!(!works(&old).await && works(&new).await);

    // Of two rotations within the time, the second ends the first text.
    let second = rotate(&ada, "me", &made["id"], json!({})).await.expect(200).value();
    let third = rotate(&ada, "me", &made["id"], json!({})).await.expect(200).value();
    let by = |made: &Value| app.anonymous().bearer(text(&made["token"]));
    assert!(!works(&new).await && works(&by(&second)).await && works(&by(&third)).await);
    let at_once = rotate(&ada, "me", &made["id"], json!({"overlap_hours": 0})).await.expect(200).value();
    assert!(!works(&by(&third)).await && works(&by(&at_once)).await);
    rotate(&ada, "me", &made["id"], json!({"overlap_hours": 24})).await.expect(200);
    // Ending the token ends both.
    ada.own("DELETE", &format!("/api/v1/me/tokens/{}", text(&made["id"]))).await.expect(204);
    assert!(!works(&by(&at_once)).await);
    rotate(&ada, "me", &made["id"], json!({})).await.expect(409).refused("token_ended");
}

#[tokio::test]
async fn a_rotation_that_cannot_be_is_refused() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let ada = app.sign_in(app.user("ada", InstanceRole::Member)).await;
    let own = ada.post("/api/v1/me/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    let service = admin.post("/api/v1/admin/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    for hours in [json!(169), json!(u64::MAX), json!(-1), json!("2"), json!(1.5)] {
        rotate(&ada, "me", &own["id"], json!({"overlap_hours": hours})).await.expect(400).refused("invalid_body");
    }
    // Another's is not there; and nobody is handed the text of another's, not even an administrator.
    let eve = app.sign_in(app.user("eve", InstanceRole::Member)).await;
    rotate(&eve, "me", &own["id"], json!({})).await.expect(404).refused("token_not_found");
    rotate(&admin, "me", &own["id"], json!({})).await.expect(404).refused("token_not_found");
    rotate(&admin, "admin", &own["id"], json!({})).await.expect(403).refused("forbidden");
    rotate(&ada, "admin", &own["id"], json!({})).await.expect(403).refused("forbidden");
    rotate(&ada, "me", &service["id"], json!({})).await.expect(404);
    rotate(&admin, "admin", &service["id"], json!({})).await.expect(200);
    // A token gives none another text that may do more than itself; itself it may.
    let make = async |scopes: Value| admin.post("/api/v1/admin/tokens", json!({"name": "t", "scopes": scopes})).await.expect(201).value();
    let (wide, narrow) = (make(json!(["admin", "repo:read", "repo:write"])).await, make(json!(["admin"])).await);
    let by = app.anonymous().bearer(text(&narrow["token"]));
    rotate(&by, "admin", &wide["id"], json!({})).await.expect(403).refused("forbidden");
    rotate(&by, "admin", &narrow["id"], json!({"overlap_hours": 1})).await.expect(200);
}

#[tokio::test]
async fn last_use_is_written_at_most_once_a_minute() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let made = admin.post("/api/v1/admin/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    let program = app.anonymous().bearer(text(&made["token"]));
    let last = async || admin.get("/api/v1/admin/tokens").await.expect(200).value()["items"][0]["last_used_at"].clone();
    program.get("/api/v1/repos").await.expect(200);
    assert_eq!(last().await, json!("2026-01-31T12:00:00Z"));
    app.advance(Duration::from_secs(59));
    program.get("/api/v1/repos").await.expect(200);
    assert_eq!(last().await, json!("2026-01-31T12:00:00Z"));
    app.advance(Duration::from_secs(1));
    program.get("/api/v1/repos").await.expect(200);
    assert_eq!(last().await, json!("2026-01-31T12:01:00Z"));
}

#[tokio::test]
async fn a_token_of_the_wrong_kind_sees_nothing_and_a_torn_one_is_none() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let app = &world.app;
    for (kind, scopes) in [
        (TokenKind::Upload, &[Scope::ReportsWrite][..]),
        (TokenKind::WebhookKey, &[Scope::DeploymentsWrite, Scope::IncidentsWrite]),
        (TokenKind::Worker, &[]),
    ] {
        let client = app.anonymous().bearer(&app.token(kind, scopes, None, &[id], None));
        client.get("/api/v1/me").await.expect(200);
        client.get(&repo.path("")).await.expect(404).refused("repo_not_found");
        client.own("POST", &repo.path("/sync")).await.expect(404).refused("repo_not_found");
        client.get("/api/v1/admin/users").await.expect(403).refused("forbidden");
        client.post("/api/v1/me/tokens", json!({"name": "t", "scopes": []})).await.expect(403);
    }
    let whole = app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], None);
    let swapped = whole.replace("plb_svc_", "plb_pat_");
    for torn in [&whole[..whole.len() - 1], &whole[1..], &swapped, &format!("{whole}x"), "plb_svc_", "", "\u{e9}"] {
        app.anonymous().bearer(torn).get("/api/v1/me").await.expect(401).refused("unauthenticated");
    }
}

#[tokio::test]
async fn leave_to_write_is_neither_leave_to_settle_nor_to_delete() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let app = &world.app;
    let by = |scopes: &[Scope]| app.anonymous().bearer(&app.token(TokenKind::Service, scopes, None, &[], None));
    let writes = by(&[Scope::RepoRead, Scope::RepoWrite]);
    writes.own("POST", &repo.path("/sync")).await.expect(202);
    writes.json("PATCH", &repo.path(""), json!({"description": "x"})).await.expect(403).refused("forbidden");
    writes.own("POST", &repo.path("/badge-key")).await.expect(403).refused("forbidden");
    writes.own("POST", &repo.path("/upload-token")).await.expect(403).refused("forbidden");
    writes.json("PUT", &repo.path("/members/root"), json!({"role": "read"})).await.expect(403).refused("forbidden");
    writes.json("DELETE", &repo.path(""), json!({"confirm": "local/app"})).await.expect(403).refused("forbidden");
    assert_eq!(writes.get(&repo.path("")).await.expect(200).value()["can"], json!(["read", "rerun", "sync", "approve"]));
    let admin = by(&[Scope::RepoRead, Scope::RepoWrite, Scope::Admin]);
    admin.json("PATCH", &repo.path(""), json!({"description": "x"})).await.expect(200);
    world.app.settle().await;
}

#[tokio::test]
async fn a_person_has_at_most_a_hundred_tokens() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Member);
    let ada = app.sign_in(user).await;
    for _ in 0..100 {
        app.token(TokenKind::Personal, &[], Some(user), &[], None);
    }
    ada.post("/api/v1/me/tokens", json!({"name": "t", "scopes": []})).await.expect(409).refused("too_many");
    let first = ada.get("/api/v1/me/tokens").await.expect(200).value()["items"][0]["id"].clone();
    ada.own("DELETE", &format!("/api/v1/me/tokens/{}", text(&first))).await.expect(204);
    ada.post("/api/v1/me/tokens", json!({"name": "t", "scopes": []})).await.expect(201);
}

#[tokio::test]
async fn the_account_page_makes_rotates_and_revokes() {
    let app = TestApp::start();
    let ada = app.sign_in(app.user("ada", InstanceRole::Member)).await;
    let page = ada.with("accept", "text/html");
    let made = page.form("/account/tokens", "name=laptop&scope=repo%3Aread&scope=issues%3Awrite&repos=&days=90").await.expect(200);
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let text_in = |html: &str| html[html.find("plb_pat_").unwrap()..][..57].to_owned();
    let first = text_in(&made.text());
    let token = ada.get("/api/v1/me/tokens").await.expect(200).value()["items"][0].clone();
    assert_eq!((&token["scopes"], &token["expires_at"]), (&json!(["repo:read", "issues:write"]), &json!("2026-05-01T12:00:00Z")));
    app.anonymous().bearer(&first).get("/api/v1/me").await.expect(200);
    assert!(page.form("/account/tokens", "name=&scope=repo%3Aread").await.expect(422).text().contains("1 to 100 characters"));
    assert!(page.form("/account/tokens", "name=a&scope=king").await.expect(422).text().contains("king"));
    let rotated = page.own("POST", &format!("/account/tokens/{}/rotate", text(&token["id"]))).await.expect(200).text();
    app.anonymous().bearer(&text_in(&rotated)).get("/api/v1/me").await.expect(200);
    page.own("POST", &format!("/account/tokens/{}/revoke", text(&token["id"]))).await.expect(303);
    app.anonymous().bearer(&first).get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn the_upload_token_of_a_repository_is_one_and_a_new_one_ends_it() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let other = world
        .admin
        .post("/api/v1/admin/tokens", json!({"name": "by hand", "kind": "upload", "scopes": ["reports:write"], "repos": ["local/app"]}));
    let by_hand = world.app.anonymous().bearer(text(&other.await.expect(201).value()["token"]));
    let renew = async || world.admin.own("POST", &repo.path("/upload-token")).await.expect(201).value();
    let first = renew().await;
    assert_eq!((&first["kind"], &first["scopes"], &first["repos"]), (&json!("upload"), &json!(["reports:write"]), &json!(["local/app"])));
    let by_first = world.app.anonymous().bearer(text(&first["token"]));
    by_first.get("/api/v1/me").await.expect(200);
    let second = renew().await;
    by_first.get("/api/v1/me").await.expect(401);
    by_hand.get("/api/v1/me").await.expect(200);
    world.app.anonymous().bearer(text(&second["token"])).get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn an_administrator_makes_a_token_for_a_program_on_the_page_of_tokens() {
    let world = World::new().await;
    world.repo("app", [("a.rb", "puts 1\n")]).await;
    let admin = world.admin.with("accept", "text/html");
    let form = "kind=service&name=ci&scope=repo%3Aread&scope=reports%3Awrite&repos=local%2Fapp&days=30";
    let page = admin.form("/admin/tokens", form).await.expect(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let page = page.text();
    let at = page.find("plb_svc_").expect("its text is shown this once");
    let program = world.app.anonymous().bearer(&page[at..at + 57]);
    assert_eq!(program.get("/api/v1/repos").await.expect(200).value()["items"].as_array().unwrap().len(), 1);
    assert!(!admin.page("/admin/tokens").await.expect(200).text().contains("plb_svc_"));
    for bad in ["kind=service&name=&scope=repo%3Aread", "kind=service&name=x&scope=nonsense", "kind=upload&name=x&scope=reports%3Awrite"] {
        assert!(admin.form("/admin/tokens", bad).await.expect(422).text().contains("role=\"alert\""), "{bad}");
    }
    admin.form("/admin/tokens", "kind=personal&name=x&scope=repo%3Aread").await.expect(400);
}
