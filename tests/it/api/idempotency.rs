//! A write that is sent again with its `Idempotency-Key` is carried out once, and answered as before.

use std::time::Duration;

use plumbline::app::repeat::Repeat;
use plumbline::base::event::Actor;
use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use plumbline::engine::store::{self, Scan};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::world::text;

const USERS: &str = "/api/v1/admin/users";
const TOKENS: &str = "/api/v1/admin/tokens";

fn program(app: &TestApp) -> Client {
    app.anonymous().bearer(&app.token(TokenKind::Service, &[Scope::Admin, Scope::RepoRead], None, &[], None))
}

async fn how_many(client: &Client, path: &str) -> usize {
    client.get(&format!("{path}?limit=200")).await.expect(200).value()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_repeated_write_is_answered_as_before_secret_and_all_even_after_a_crash() {
    let mut app = TestApp::start();
    let plain = program(&app);
    let before = how_many(&plain, TOKENS).await;
    let keyed = plain.with("idempotency-key", "7c9e");
    let body = json!({"name": "ci", "scopes": ["repo:read"]});
    let first = keyed.post(TOKENS, body.clone()).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), None);
    for crashes in [false, true] {
        let mut keyed = keyed.clone();
        if crashes {
            app.crash();
            keyed.address = app.anonymous().address;
        }
        let again = keyed.post(TOKENS, body.clone()).await.expect(201);
        assert_eq!((again.body.clone(), again.header("idempotent-replayed")), (first.body.clone(), Some("true")));
        assert_eq!(again.header("content-type"), first.header("content-type"));
    }
    let mut plain = plain;
    plain.address = app.anonymous().address;
    assert_eq!(how_many(&plain, TOKENS).await, before + 1);
    app.anonymous().bearer(text(&first.value()["token"])).get("/api/v1/me").await.expect(200);
}

#[tokio::test]
async fn a_key_belongs_to_one_caller_path_and_body() {
    let app = TestApp::start();
    let (one, other) = (program(&app).with("idempotency-key", "k"), program(&app).with("idempotency-key", "k"));
    one.post(USERS, json!({"login": "ada"})).await.expect(201);
    let conflict = one.post(USERS, json!({"login": "eve"})).await.expect(409);
    assert!(conflict.refused("idempotency_conflict").contains("another"));
    one.post(&format!("{USERS}?x=1"), json!({"login": "ada"})).await.expect(409).refused("idempotency_conflict");
    other.post(USERS, json!({"login": "eve"})).await.expect(201);
    one.post(TOKENS, json!({"name": "t", "scopes": ["repo:read"]})).await.expect(201);
    // Reading has no use for a key, and nobody has none.
    one.get(USERS).await.expect(200);
    app.anonymous().with("idempotency-key", "k").post(USERS, json!({"login": "mallory"})).await.expect(401);
    assert_eq!(how_many(&one, USERS).await, 2);
    for bad in ["", "a b", &"x".repeat(256)] {
        let refused = one.with("idempotency-key", bad).post(USERS, json!({"login": "grace"})).await.expect(400);
        refused.refused("invalid_parameter");
        assert_eq!(refused.value()["details"]["fields"][0]["field"], json!("Idempotency-Key"));
    }
    one.with("idempotency-key", &"x".repeat(255)).post(USERS, json!({"login": "grace"})).await.expect(201);
}

#[tokio::test]
async fn a_refusal_is_repeated_unless_it_says_not_you() {
    let app = TestApp::start();
    let admin = program(&app).with("idempotency-key", "k");
    let bad = admin.post(USERS, json!({"login": "-", "role": "king"})).await.expect(400);
    let again = admin.post(USERS, json!({"login": "-", "role": "king"})).await.expect(400);
    assert_eq!(
        (bad.value()["details"].clone(), bad.value()["message"].clone()),
        (again.value()["details"].clone(), again.value()["message"].clone())
    );
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_ne!(bad.header("x-request-id"), again.header("x-request-id"));

    let ada = app.user("ada", InstanceRole::Member);
    let browser = app.sign_in(ada).await.with("idempotency-key", "k");
    browser.post(USERS, json!({"login": "eve"})).await.expect(403);
    app.app()
        .write_now(&Actor::System, move |tx, _| {
            let user = plumbline::domain::accounts::get_user(tx, ada)?;
            Ok::<_, plumbline::domain::accounts::Error>(tx.put(&plumbline::domain::accounts::User { role: InstanceRole::Admin, ..user })?)
        })
        .unwrap();
    browser.post(USERS, json!({"login": "eve"})).await.expect(201);
}

#[tokio::test]
async fn of_requests_at_the_same_time_one_is_carried_out() {
    let app = TestApp::start();
    let keyed = program(&app).with("idempotency-key", "k");
    let body = json!({"name": "ci", "scopes": ["repo:read"]});
    let before = how_many(&keyed, TOKENS).await;
    let asked = (0..20).map(|_| keyed.post(TOKENS, body.clone()));
    let answers = futures_util::future::join_all(asked).await;
    let mut made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.value()["id"].to_string()).collect();
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert!(answer.refused("idempotency_running").contains("being carried out"));
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    assert_eq!(how_many(&keyed, TOKENS).await, before + 1);
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_is_not_carried_out_again() {
    let app = TestApp::start();
    let keyed = program(&app).with("idempotency-key", "k");
    keyed.post(USERS, json!({"login": "ada"})).await.expect(201);
    // As if the process had ended between the commit and the keeping of the answer.
    app.app()
        .write_now(&Actor::System, |tx, _| {
            for repeat in tx.find(&Scan::<Repeat>::all(), 10)? {
                tx.put(&Repeat { answer: None, ..repeat })?;
            }
            Ok::<_, store::Error>(())
        })
        .unwrap();
    keyed.post(USERS, json!({"login": "ada"})).await.expect(409).refused("idempotency_unanswered");
    keyed.post(USERS, json!({"login": "eve"})).await.expect(409).refused("idempotency_conflict");
    assert_eq!(how_many(&keyed, USERS).await, 1);
}

#[tokio::test]
async fn a_request_is_forgotten_after_a_day() {
    let app = TestApp::start();
    let keyed = program(&app).with("idempotency-key", "k");
    keyed.post(USERS, json!({"login": "ada"})).await.expect(201);
    app.advance(Duration::from_secs(24 * 3_600 - 1));
    keyed.post(USERS, json!({"login": "ada"})).await.expect(201);
    app.advance(Duration::from_secs(1));
    app.tick().await;
    assert_eq!(app.app().read_now(|tx, _| tx.find(&Scan::<Repeat>::all(), 10)).unwrap(), []);
    keyed.post(USERS, json!({"login": "ada"})).await.expect(409).refused("already_exists");
}
