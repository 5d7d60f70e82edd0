//! How much a client may ask, and from where a request is believed to come.

use std::time::Duration;

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::world::text;

/// An appliance behind a proxy on this machine.
fn behind_a_proxy(per_address: u32, per_caller: u32) -> TestApp {
    TestApp::with(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        config.limits.requests_per_address = per_address;
        config.limits.requests_per_caller = per_caller;
    })
}

#[tokio::test]
async fn an_address_that_asks_too_much_waits_and_others_do_not() {
    let app = behind_a_proxy(60, 6_000);
    let of = |address: &str| app.anonymous().with("x-forwarded-for", address);
    for _ in 0..60 {
        of("192.0.2.7").get("/livez").await.expect(200);
    }
    let refused = of("192.0.2.7").get("/livez").await.expect(429);
    assert!(refused.refused("rate_limited").contains("from your address"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let shown = of("192.0.2.7").page("/sign-in").await.expect(429);
    assert!(shown.text().contains("Too many requests") && shown.text().contains("from your address"), "{}", shown.text());
    assert_eq!(shown.header("retry-after"), Some("1"));
    of("192.0.2.8").get("/livez").await.expect(200);
    // Whatever it writes itself before what the proxy saw.
    of("203.0.113.1, 192.0.2.7").get("/livez").await.expect(429);
    app.advance(Duration::from_secs(1));
    of("192.0.2.7").get("/livez").await.expect(200);
    of("192.0.2.7").get("/livez").await.expect(429);
    // A household is one, however many addresses it has.
    for n in 0..60 {
        of(&format!("2001:db8:1:2::{n:x}")).get("/livez").await.expect(200);
    }
    of("2001:db8:1:2:ffff::1").get("/livez").await.expect(429);
    of("2001:db8:1:3::1").get("/livez").await.expect(200);
    // This machine itself is its owner's.
    for _ in 0..100 {
        app.anonymous().get("/livez").await.expect(200);
    }
}

#[tokio::test]
async fn guessing_tokens_ends_sooner_than_asking() {
    let app = behind_a_proxy(60, 6_000);
    let guess = app.anonymous().with("x-forwarded-for", "192.0.2.7").bearer("plb_pat_0000000000000000000000000000000000000000000000000");
    let mut guessed = 0;
    while guess.get("/api/v1/me").await.status == 401 {
        guessed += 1;
    }
    assert_eq!(guessed, 3, "each counts as much as twenty requests");
}

#[tokio::test]
async fn a_delivery_whose_signature_is_refused_counts_as_one_request() {
    let app = behind_a_proxy(60, 6_000);
    let client = app.anonymous().with("x-forwarded-for", "192.0.2.7").with("content-type", "application/json");
    let client = client.with("x-hub-signature-256", &format!("sha256={}", "0".repeat(64))).with("x-github-event", "push");
    let mut refused = 0;
    while client.with("x-github-delivery", &refused.to_string()).send("POST", "/hooks/github", Some(b"{}")).await.status == 401 {
        refused += 1;
    }
    assert_eq!(refused, 60, "from where GitHub delivers come strangers' deliveries as well");
}

#[tokio::test]
async fn a_caller_who_asks_too_much_waits_wherever_they_are() {
    let app = behind_a_proxy(6_000, 30);
    let ada = app.user("ada", InstanceRole::Member);
    let token = app.token(TokenKind::Personal, &[Scope::RepoRead], Some(ada), &[], None);
    for n in 0..30 {
        app.anonymous().bearer(&token).with("x-forwarded-for", &format!("192.0.2.{n}")).get("/api/v1/me").await.expect(200);
    }
    let other = app.token(TokenKind::Personal, &[Scope::RepoRead], Some(ada), &[], None);
    let refused = app.anonymous().bearer(&other).get("/api/v1/me").await.expect(429);
    assert!(refused.refused("rate_limited").contains("with your account or token"));
    assert_eq!(refused.header("retry-after"), Some("2"));
    let service = app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], None);
    app.anonymous().bearer(&service).get("/api/v1/me").await.expect(200);
    app.anonymous().get("/livez").await.expect(200);
}

#[tokio::test]
async fn only_a_proxy_that_is_named_says_where_a_request_comes_from() {
    let told = async |app: &TestApp, headers: &[(&str, &str)]| {
        let user = app.user(&format!("user{}", headers.len()), InstanceRole::Admin);
        let client = headers.iter().fold(app.anonymous(), |client, (name, value)| client.with(name, value));
        let spent = client.own("POST", &format!("/link/{}", app.link(user))).await.expect(303);
        let browser = client.with("cookie", spent.header("set-cookie").unwrap().split(';').next().unwrap());
        let session = browser.get("/api/v1/me/sessions").await.expect(200).value()["items"][0]["address"].clone();
        let entry =
            browser.get("/api/v1/admin/audit?what=signed_in&limit=1").await.expect(200).value()["items"][0]["actor"]["address"].clone();
        assert_eq!(session, entry);
        text(&session).to_owned()
    };
    let open = TestApp::start();
    assert_eq!(told(&open, &[("x-forwarded-for", "192.0.2.7")]).await, "127.0.0.1");
    let behind = behind_a_proxy(6_000, 6_000);
    assert_eq!(told(&behind, &[("x-forwarded-for", "203.0.113.9, 192.0.2.7")]).await, "192.0.2.7");
    assert_eq!(told(&behind, &[("forwarded", "for=\"[2001:db8::7]:99\""), ("accept", "*/*")]).await, "2001:db8::7");
    // Two that disagree: one was handed on as it came, and nobody here knows which.
    assert_eq!(told(&behind, &[("forwarded", "for=1.2.3.4"), ("x-forwarded-for", "192.0.2.7"), ("accept", "*/*")]).await, "127.0.0.1");
}

#[tokio::test]
async fn the_address_for_measures_serves_measures_and_nothing_else() {
    let app = TestApp::start();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut open = app.anonymous();
    open.address = listener.local_addr().unwrap();
    let served = tokio::spawn(plumbline::http::serve(app.app().clone(), plumbline::http::metrics_router(app.app()), listener));
    assert!(open.get("/metrics").await.expect(200).text().contains("plumbline_build_info{version="));
    for (method, path) in [("GET", "/"), ("GET", "/api/v1/admin/users"), ("GET", "/livez"), ("POST", "/metrics")] {
        let answer = open.json(method, path, json!({})).await;
        assert!(matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.status);
    }
    app.app().stop();
    served.await.unwrap().unwrap();
}
