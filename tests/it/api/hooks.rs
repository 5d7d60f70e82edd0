//! Deliveries at the door: which are taken, which are refused and why, and that one is one however often it is sent.

use plumbline::domain::github::signature;
use plumbline::http::{self};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::deliveries::{self, BEFORE, HOOK, SECRET, Sender};
use crate::support::world::{World, text};

fn ping() -> Value {
    json!({"zen": "Speak like a human.", "hook_id": 1})
}

/// `event: state: outcome` of every delivery, latest first.
async fn listed(world: &World, query: &str) -> Vec<String> {
    let list = world.admin.get(&format!("/api/v1/admin/deliveries?{query}")).await.expect(200).value();
    let line = |item: &Value| format!("{}: {}: {}", text(&item["event"]), text(&item["state"]), item["outcome"].as_str().unwrap_or("-"));
    list["items"].as_array().unwrap().iter().map(line).collect()
}

#[tokio::test]
async fn a_signed_delivery_is_kept_and_then_interpreted() {
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let id = sender.send("ping", &ping()).await;
    assert!(id.starts_with("dlv_"), "{id}");
    assert_eq!(listed(&world, "").await, ["ping: received: -"]);
    world.app.settle().await;
    assert_eq!(listed(&world, "state=processed").await, ["ping: processed: GitHub reaches this instance, and its secret is ours"]);
    let whole = world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
    assert_eq!((&whole["payload"]["zen"], &whole["tries"]), (&json!("Speak like a human."), &json!(1)));
}

#[tokio::test]
async fn either_secret_signs_and_nothing_else_does() {
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let body = ping().to_string();
    let good = signature::sign(body.as_bytes(), SECRET);
    let send = async |signature: Option<&str>, body: &str| {
        let client = sender.signed(&sender.guid(), "ping");
        let client = signature.map_or(client.clone(), |signature| client.with(signature::HEADER, signature));
        client.send("POST", HOOK, Some(body.as_bytes())).await
    };
    for secret in [SECRET, BEFORE] {
        send(Some(&signature::sign(body.as_bytes(), secret)), &body).await.expect(202);
    }
    let truncated = &good[..good.len() - 2];
    let of_another = signature::sign(b"{}", SECRET);
    let by_another = signature::sign(body.as_bytes(), "another secret");
    for bad in
        [None, Some(""), Some(truncated), Some(&*of_another), Some(&*by_another), Some("sha1=aa"), Some(&*good.replace("sha256", "sha512"))]
    {
        send(bad, &body).await.expect(401).refused("signature_invalid");
    }
    send(Some(&good), &format!("{body} ")).await.expect(401);
    for other in [&good, "sha256=00"] {
        let twice = sender.signed(&sender.guid(), "ping").with(signature::HEADER, &good).also(signature::HEADER, other);
        twice.send("POST", HOOK, Some(body.as_bytes())).await.expect(401).refused("signature_invalid");
    }
    world.app.settle().await;
    assert_eq!(listed(&world, "").await.len(), 2);
    let refused = world.admin.get("/api/v1/admin/audit?outcome=refused").await.expect(200).value();
    assert_eq!(refused["items"][0]["code"], "signature_invalid");
}

#[tokio::test]
async fn without_a_secret_nothing_is_taken() {
    let app = TestApp::start();
    for secret in ["", SECRET] {
        let body = ping().to_string();
        let client = Sender::to(&app).signed("g-1", "ping").with(signature::HEADER, &signature::sign(body.as_bytes(), secret));
        client.send("POST", HOOK, Some(body.as_bytes())).await.expect(401).refused("signature_invalid");
    }
}

#[tokio::test]
async fn a_secret_file_that_is_missing_refuses_everything_and_names_no_file() {
    let app = deliveries::app_with(|config| {
        config.github.webhook_secret = Some(plumbline::domain::github::Given::File("/nowhere/secret".into()));
    });
    let answer = Sender::to(&app).raw("g-1", "ping", b"{}").await.expect(503);
    assert!(!answer.text().contains("nowhere"), "{}", answer.text());
}

#[tokio::test]
async fn the_same_delivery_again_is_the_same_and_has_no_effect() {
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let first = sender.send_as("72d3162e-cc78-11e3-81ab-4c9367dc0958", "ping", &ping()).await;
    world.app.settle().await;
    for n in 0..100 {
        let again = sender.send_as("72d3162e-cc78-11e3-81ab-4c9367dc0958", "push", &json!({"n": n})).await;
        assert_eq!(again, first);
    }
    // Still a while before it is forgotten.
    world.app.advance(std::time::Duration::from_secs(73 * 3_600));
    world.app.tick().await;
    assert_eq!(sender.send_as("72d3162e-cc78-11e3-81ab-4c9367dc0958", "ping", &ping()).await, first);
    world.app.settle().await;
    assert_eq!(listed(&world, "").await.len(), 1);
    world.app.advance(std::time::Duration::from_secs(15 * 24 * 3_600));
    world.app.tick().await;
    world.app.tick().await;
    assert_eq!(listed(&world, "").await.len(), 0);
}

#[tokio::test]
async fn what_is_signed_and_no_delivery_is_refused_with_what_is_wrong() {
    let app = deliveries::app();
    let sender = Sender::to(&app);
    for bad in [&b""[..], b"{", b"[]", b"payload=%7B%7D", b"{\"a\": \xff}", b"{} {}"] {
        sender.raw("g-1", "push", bad).await.expect(400).refused("invalid_body");
    }
    let signed = signature::sign(b"{}", SECRET);
    let client = sender.signed("g-1", "push").with(signature::HEADER, &signed);
    let form = client.with("content-type", "application/x-www-form-urlencoded").send("POST", HOOK, Some(b"{}")).await.expect(415);
    assert!(form.refused("unsupported_media").contains("application/json"));
    client.with("content-type", "application/json; charset=utf-8").send("POST", HOOK, Some(b"{}")).await.expect(202);
    for (name, bad) in
        [("x-github-delivery", ""), ("x-github-delivery", &*"g".repeat(101)), ("x-github-event", ""), ("x-github-event", &*"e".repeat(65))]
    {
        let refused = client.with(name, bad).send("POST", HOOK, Some(b"{}")).await.expect(400);
        assert!(refused.refused("invalid_parameter").contains(name));
    }
    client.send("GET", HOOK, None).await.expect(405);
    app.settle().await;
}

#[tokio::test]
async fn a_body_is_taken_up_to_its_bound_and_not_beyond() {
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let body = |bytes: usize| format!("{{\"zen\": \"{}\"}}", "x".repeat(bytes - 11));
    for bytes in [64 << 10, (64 << 10) + 1, 25 << 20] {
        let body = body(bytes);
        assert_eq!(body.len(), bytes);
        sender.raw(&sender.guid(), "ping", body.as_bytes()).await.expect(202);
    }
    sender.raw(&sender.guid(), "ping", body((25 << 20) + 1).as_bytes()).await.expect(413).refused("body_too_large");
    world.app.settle().await;
    assert_eq!(listed(&world, "state=processed").await.len(), 3);
    let list = world.admin.get("/api/v1/admin/deliveries").await.expect(200).value();
    let payload = async |at: usize| {
        let id = text(&list["items"][at]["id"]).to_owned();
        world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value()["payload"].clone()
    };
    assert_eq!(payload(0).await, Value::Null);
    assert_eq!(text(&payload(1).await["zen"]).len(), (64 << 10) + 1 - 11);
}

#[tokio::test]
async fn a_wrong_shape_is_told_on_the_delivery_and_can_be_replayed() {
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let id = sender.send("pull_request", &json!({"action": "opened", "pull_request": {"number": "one"}})).await;
    sender.send("thunderclap", &json!({"action": 5})).await;
    world.app.settle().await;
    assert_eq!(
        listed(&world, "").await,
        [
            "thunderclap: ignored: nothing is known of events of this kind",
            "pull_request: failed: the payload is not that of `pull_request`: at `pull_request.number`: invalid type: string \"one\", expected u64 at line 1 column 49"
        ]
    );
    assert_eq!(listed(&world, "event=pull_request&state=failed").await.len(), 1);
    let path = format!("/api/v1/admin/deliveries/{id}/replay");
    let replayed = world.admin.own("POST", &path).await.expect(202).value();
    assert_eq!(replayed["state"], "received");
    world.admin.own("POST", &path).await.expect(409).refused("wrong_state");
    world.app.settle().await;
    let found = world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
    assert_eq!((&found["state"], &found["tries"]), (&json!("failed"), &json!(2)));
    world.admin.get("/api/v1/admin/deliveries/dlv_00000000000000000000000000").await.expect(404).refused("delivery_not_found");
    world.admin.get("/api/v1/admin/deliveries?state=lost").await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn the_public_address_takes_deliveries_and_shows_none() {
    let app = deliveries::app();
    let router = http::public_router(app.app());
    let ask = async |method: &str, path: &str| http::host::ask(router.clone(), method, path, None).await.unwrap().0;
    assert_eq!(ask("POST", HOOK).await, 401);
    assert_eq!(ask("GET", "/api/v1/admin/deliveries").await, 404);
}
