//! Cookies are for our own pages alone. What headers every answer has is checked by the client on every answer of every test.

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn a_request_from_another_site_changes_nothing() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let host = admin.address.to_string();
    let body = json!({"login": "eve"}).to_string();
    let post = async |client: crate::support::client::Client| {
        client.with("content-type", "application/json").send("POST", "/api/v1/admin/users", Some(body.as_bytes())).await
    };
    let foreign = [
        ("sec-fetch-site", "cross-site".to_owned()),
        ("sec-fetch-site", "same-site".to_owned()),
        ("sec-fetch-site", "none".to_owned()),
        ("origin", "https://evil.example".to_owned()),
        ("origin", "null".to_owned()),
        ("origin", format!("http://{host}.evil.example")),
        ("origin", "http://127.0.0.1:1".to_owned()),
        // A cookie without either header is of no browser we know.
        ("accept", "*/*".to_owned()),
    ];
    for (name, value) in foreign {
        post(admin.with(name, &value)).await.expect(403).refused("cross_site");
    }
    admin.with("origin", "https://evil.example").send("POST", "/api/v1/logout", None).await.expect(403).refused("cross_site");
    admin
        .with("origin", "https://evil.example")
        .send("DELETE", "/api/v1/me/sessions/ses_00000000000000000000000000", None)
        .await
        .expect(403);
    admin.with("origin", "https://evil.example").get("/api/v1/me").await.expect(200);
    assert_eq!(admin.get("/api/v1/admin/users").await.expect(200).value()["items"].as_array().unwrap().len(), 1);

    post(admin.with("origin", &format!("http://{host}"))).await.expect(201);
}

#[tokio::test]
async fn a_token_needs_no_origin_and_wins_over_a_cookie() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let ada = app.user("ada", InstanceRole::Member);
    let token = app.token(TokenKind::Personal, &[Scope::RepoRead], Some(ada), &[], None);
    let both = admin.bearer(&token);
    assert_eq!(both.get("/api/v1/me").await.expect(200).value()["user"]["login"], json!("ada"));
    both.with("sec-fetch-site", "cross-site").send("POST", "/api/v1/logout", None).await.expect(204);
    // A token that is no good is not passed over in favour of the cookie.
    for bad in ["", "nonsense", &token[..50], &format!("{token}x")] {
        admin.bearer(bad).get("/api/v1/me").await.expect(401).refused("unauthenticated");
    }
    admin.with("authorization", "Digest username=root").get("/api/v1/me").await.expect(401);
    // A proxy's own password is none of ours.
    admin.with("authorization", "Basic cm9vdDpyb290").get("/api/v1/me").await.expect(200);
    app.anonymous().with("authorization", "Basic cm9vdDpyb290").get("/livez").await.expect(200);
    app.anonymous().with("authorization", "Basic cm9vdDpyb290").get("/api/v1/me").await.expect(401);
    admin.get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_cookie_that_means_nothing_is_nobody() {
    let app = TestApp::start();
    for cookie in ["plumbline_session=", "plumbline_session=nonsense", "__Host-plumbline=x", "=; ;;", "a=b"] {
        let browser = app.anonymous().with("cookie", cookie);
        browser.get("/livez").await.expect(200);
        browser.get("/api/v1/me").await.expect(401).refused("unauthenticated");
        assert!(browser.page("/").await.expect(401).text().contains("Sign in"));
    }
}

#[tokio::test]
async fn only_assets_of_ours_may_be_kept() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let page = admin.page("/").await.expect(200);
    assert_eq!(page.header("cache-control"), Some("private, no-cache"));
    let asset = page.text().split("href=\"/assets/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let asset = app.anonymous().get(&format!("/assets/{asset}")).await.expect(200);
    assert!(asset.header("cache-control").unwrap().contains("immutable"), "{:?}", asset.headers);
    for path in ["/assets/../Cargo.toml", "/assets/%2e%2e/Cargo.toml", "/assets//etc/passwd", "/assets/nope.css"] {
        app.anonymous().get(path).await.expect(404);
    }
}
