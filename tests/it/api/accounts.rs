//! Signing in, sessions, tokens and people.

use std::time::Duration;

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::text;

#[tokio::test]
async fn a_link_leads_on_to_a_page_of_ours_and_nowhere_else() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Admin);
    for (next, to) in [
        ("/admin/github", "/admin/github"),
        ("/r/acme/app?a=b", "/r/acme/app?a=b"),
        ("//evil.example", "/"),
        ("/%5Cevil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
    ] {
        let path = format!("/link/{}?next={next}", app.link(user));
        assert_eq!(app.anonymous().own("POST", &path).await.expect(303).header("location"), Some(to), "{next}");
    }
}

#[tokio::test]
async fn a_one_time_link_signs_in_once_and_looking_does_not_spend_it() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Member);
    let path = format!("/link/{}", app.link(user));
    let browser = app.anonymous();
    for _ in 0..2 {
        assert!(browser.page(&path).await.expect(200).text().contains("Sign in as ada"));
    }
    let spent = browser.own("POST", &path).await.expect(303);
    let cookie = spent.header("set-cookie").unwrap();
    assert!(cookie.starts_with("plumbline_session=") && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{cookie}");
    for method in ["GET", "POST"] {
        assert!(browser.with("accept", "text/html").own(method, &path).await.expect(410).text().contains("This link was used already"));
    }
    assert!(browser.own("POST", "/link/nonsense").await.expect(410).text().contains("This link is not known here"));

    let late = format!("/link/{}", app.link(user));
    app.advance(Duration::from_secs(30 * 60));
    for _ in 0..2 {
        assert!(browser.own("POST", &late).await.expect(410).text().contains("This link has expired"));
        assert!(browser.own("POST", &path).await.expect(410).text().contains("This link was used already"));
        app.tick().await;
    }
    app.advance(Duration::from_secs(31 * 24 * 3_600));
    app.tick().await;
    assert!(browser.own("POST", &path).await.expect(410).text().contains("This link is not known here"));
}

#[tokio::test]
async fn the_sign_in_page_says_why_one_is_there() {
    let app = TestApp::start();
    let browser = app.sign_in(app.user("ada", InstanceRole::Member)).await;
    let out = browser.own("POST", "/sign-out").await.expect(303);
    assert_eq!(out.header("clear-site-data"), Some("\"cache\", \"storage\""));
    let to = out.header("location").unwrap();
    assert!(app.anonymous().page(to).await.expect(200).text().contains("You are signed out"));
    assert!(app.anonymous().page("/sign-in").await.expect(200).text().contains("<h1>Sign in</h1>"));
    assert!(app.anonymous().page("/account").await.expect(401).text().contains("Sign in to see this page"));
    // The cookie is the one of before.
    for (page, status) in [("/account", 401), ("/sign-in", 200)] {
        assert!(browser.page(page).await.expect(status).text().contains("Your session has ended"), "{page}");
    }
}

#[tokio::test]
async fn a_session_is_listed_and_ended_and_its_cookie_is_of_no_use_afterwards() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Member);
    let (one, other) = (app.sign_in(user).await, app.sign_in(user).await);
    let sessions = one.get("/api/v1/me/sessions").await.expect(200).value();
    let sessions = sessions["items"].as_array().unwrap();
    assert_eq!(sessions.iter().filter(|session| session["is_current"] == json!(true)).count(), 1);
    assert_eq!((sessions.len(), &sessions[0]["address"]), (2, &json!("127.0.0.1")));
    let theirs = sessions.iter().find(|session| session["is_current"] == json!(false)).unwrap();
    one.own("DELETE", &format!("/api/v1/me/sessions/{}", text(&theirs["id"]))).await.expect(204);
    other.get("/api/v1/me").await.expect(401).refused("unauthenticated");
    one.own("DELETE", &format!("/api/v1/me/sessions/{}", text(&theirs["id"]))).await.expect(404).refused("session_not_found");

    let foreign = app.sign_in(app.user("eve", InstanceRole::Member)).await;
    let own = sessions.iter().find(|session| session["is_current"] == json!(true)).unwrap();
    foreign.own("DELETE", &format!("/api/v1/me/sessions/{}", text(&own["id"]))).await.expect(404).refused("session_not_found");
    let out = one.own("POST", "/api/v1/logout").await.expect(204);
    assert!(out.header("set-cookie").unwrap().contains("Max-Age=0"));
    one.get("/api/v1/me").await.expect(401);

    let idle = app.sign_in(user).await;
    app.advance(Duration::from_secs(14 * 24 * 3_600));
    idle.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn a_personal_token_is_shown_once_works_within_its_scopes_and_ends() {
    let app = TestApp::start();
    let ada = app.sign_in(app.user("ada", InstanceRole::Member)).await;
    let body = json!({"name": " laptop ", "scopes": ["repo:read"], "expires_at": "2026-02-01T00:00:00Z"});
    let made = ada.post("/api/v1/me/tokens", body).await.expect(201).value();
    assert_eq!(
        (&made["name"], &made["kind"], &made["repos"], &made["revoked_at"]),
        (&json!("laptop"), &json!("personal"), &Value::Null, &Value::Null)
    );
    let token = text(&made["token"]).to_owned();
    assert!(token.starts_with("plb_pat_") && token.len() == 57);
    let listed = ada.get("/api/v1/me/tokens").await.expect(200);
    assert!(!listed.text().contains(&token));

    let program = app.anonymous().bearer(&token);
    let me = program.get("/api/v1/me").await.expect(200).value();
    assert_eq!((&me["user"]["login"], &me["token"]["id"], &me["admin"]), (&json!("ada"), &made["id"], &json!(false)));
    for (name, value) in
        [("authorization", format!("token {token}")), ("authorization", format!("bearer {token}")), ("x-api-key", token.clone())]
    {
        app.anonymous().with(name, &value).get("/api/v1/me").await.expect(200);
    }
    program.get("/api/v1/repos").await.expect(200);
    program.post("/api/v1/repos", json!({"url": "https://example.org/a.git"})).await.expect(403).refused("forbidden");
    let more = program.post("/api/v1/me/tokens", json!({"name": "more", "scopes": ["admin"]})).await.expect(403);
    assert!(more.refused("forbidden").contains("a personal token with the scope admin"));

    ada.own("DELETE", &format!("/api/v1/me/tokens/{}", text(&made["id"]))).await.expect(204);
    program.get("/api/v1/me").await.expect(401).refused("unauthenticated");
    let short = text(
        &ada.post("/api/v1/me/tokens", json!({"name": "short", "scopes": [], "expires_at": "2026-01-31T12:00:01Z"}))
            .await
            .expect(201)
            .value()["token"],
    )
    .to_owned();
    app.anonymous().bearer(&short).get("/api/v1/me").await.expect(200);
    app.advance(Duration::from_secs(1));
    app.anonymous().bearer(&short).get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn ones_sessions_and_tokens_are_looked_after_in_a_browser_or_by_the_widest_token() {
    let app = TestApp::start();
    let user = app.user("ada", InstanceRole::Member);
    let browser = app.sign_in(user).await;
    let ends = Some(app.now() + Duration::from_secs(3_600));
    let by = |scopes: &[Scope]| app.anonymous().bearer(&app.token(TokenKind::Personal, scopes, Some(user), &[], ends));
    let narrow = by(&[Scope::RepoRead, Scope::RepoWrite, Scope::SecretsWrite, Scope::AutomationWrite]);
    let session = browser.get("/api/v1/me/sessions").await.expect(200).value()["items"][0]["id"].clone();
    let token = narrow.get("/api/v1/me").await.expect(200).value()["token"]["id"].clone();
    let new = json!({"name": "more", "scopes": ["repo:read"]});
    for path in ["/api/v1/me/sessions", "/api/v1/me/tokens"] {
        narrow.get(path).await.expect(403).refused("forbidden");
    }
    narrow.post("/api/v1/me/tokens", new.clone()).await.expect(403).refused("forbidden");
    narrow.own("DELETE", &format!("/api/v1/me/sessions/{}", text(&session))).await.expect(403).refused("forbidden");
    narrow.own("DELETE", &format!("/api/v1/me/tokens/{}", text(&token))).await.expect(403).refused("forbidden");
    browser.get("/api/v1/me").await.expect(200);
    narrow.with("accept", "text/html").own("POST", &format!("/account/tokens/{}/revoke", text(&token))).await.expect(403);

    // The widest makes none that is wider than itself in any way, and each is named.
    let wide = by(&[Scope::Admin]);
    let refused = wide.post("/api/v1/me/tokens", json!({"name": "more", "scopes": ["repo:read", "admin"]})).await.expect(403);
    let fields = refused.value()["details"]["fields"].clone();
    assert_eq!([&fields[0]["field"], &fields[1]["field"]], [&json!("scopes"), &json!("expires_at")], "{fields}");
    wide.post("/api/v1/me/tokens", json!({"name": "same", "scopes": ["admin"], "expires_at": ends})).await.expect(201);
    wide.own("DELETE", &format!("/api/v1/me/sessions/{}", text(&session))).await.expect(204);
    browser.get("/api/v1/me").await.expect(401);
}

#[tokio::test]
async fn a_token_that_cannot_be_is_refused_with_its_field() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let bad = [
        ("/api/v1/me/tokens", json!({"name": "", "scopes": []}), "name"),
        ("/api/v1/me/tokens", json!({"name": "x".repeat(101), "scopes": []}), "name"),
        ("/api/v1/me/tokens", json!({"name": "a", "kind": "service", "scopes": []}), "kind"),
        ("/api/v1/me/tokens", json!({"name": "a"}), "scopes"),
        ("/api/v1/admin/tokens", json!({"name": "a", "kind": "upload", "scopes": ["reports:write"]}), "repos"),
        ("/api/v1/admin/tokens", json!({"name": "a", "kind": "worker", "scopes": ["admin"]}), "scopes"),
    ];
    for (path, body, field) in bad {
        let answer = admin.post(path, body.clone()).await.expect(400);
        answer.refused("invalid_body");
        assert_eq!(answer.value()["details"]["fields"][0]["field"], json!(field), "{body}");
    }
    admin
        .post("/api/v1/admin/tokens", json!({"name": "a", "scopes": [], "repos": ["local/nope"]}))
        .await
        .expect(400)
        .refused("invalid_body");
    admin.post("/api/v1/me/tokens", json!({"name": "a", "scopes": ["repo:everything"]})).await.expect(400).refused("invalid_body");
}

#[tokio::test]
async fn an_administrator_makes_people_and_tokens_and_ends_them() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let user = admin.post("/api/v1/admin/users", json!({"login": "Grace", "role": "admin"})).await.expect(201).value();
    assert_eq!((&user["login"], &user["role"], &user["disabled"]), (&json!("Grace"), &json!("admin"), &json!(false)));
    admin.post("/api/v1/admin/users", json!({"login": "grace"})).await.expect(409).refused("already_exists");
    for login in ["", "-x", "a b", "ü"] {
        admin.post("/api/v1/admin/users", json!({"login": login})).await.expect(400).refused("invalid_body");
    }
    let users = admin.get("/api/v1/admin/users").await.expect(200).value();
    assert_eq!(users["items"].as_array().unwrap().len(), 2);

    let made = admin.post("/api/v1/admin/tokens", json!({"name": "ci", "scopes": ["repo:read", "admin"]})).await.expect(201).value();
    assert_eq!(made["kind"], json!("service"));
    let ci = app.anonymous().bearer(text(&made["token"]));
    let me = ci.get("/api/v1/me").await.expect(200).value();
    assert_eq!((&me["user"], &me["admin"]), (&Value::Null, &json!(true)));
    assert_eq!(ci.get("/api/v1/admin/tokens").await.expect(200).value()["items"][0]["last_used_at"], json!("2026-01-31T12:00:00Z"));
    let path = format!("/api/v1/admin/tokens/{}", text(&made["id"]));
    admin.own("DELETE", &path).await.expect(204);
    admin.own("DELETE", &path).await.expect(204);
    ci.get("/api/v1/me").await.expect(401);
    admin.own("DELETE", "/api/v1/admin/tokens/tok_00000000000000000000000000").await.expect(404).refused("token_not_found");
    // A service token is not the administrator's own.
    admin.own("DELETE", &path.replace("/admin/", "/me/")).await.expect(404).refused("token_not_found");
}

#[tokio::test]
async fn nobody_signs_in_over_plain_http_from_another_machine() {
    let app = TestApp::start();
    let path = format!("/link/{}", app.link(app.user("ada", InstanceRole::Member)));
    let far = app.anonymous().with("host", "plumbline.example.org");
    let page = far.page(&path).await.expect(200).text();
    assert!(!page.contains("<form method=\"post\"><button"), "{page}");
    let posted = far.with("origin", "http://plumbline.example.org").send("POST", &path, None).await;
    assert_eq!(posted.header("set-cookie"), None);
    app.anonymous().own("POST", &path).await.expect(303);

    let secure = TestApp::with(|config| config.public_url = Some("https://plumbline.example.org".to_owned()));
    let path = format!("/link/{}", secure.link(secure.user("ada", InstanceRole::Member)));
    let near = secure.anonymous().with("host", "plumbline.example.org").with("origin", "https://plumbline.example.org");
    let spent = near.send("POST", &path, None).await.expect(303);
    let cookie = spent.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-plumbline=") && cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(spent.header("strict-transport-security"), Some("max-age=31536000; includeSubDomains"));
}
