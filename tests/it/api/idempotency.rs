//! A write that is sent again with its `Idempotency-Key` is carried out once, and answered as before.

use std::time::Duration;

use plumbline::app::repeat::{REQUESTS_PER_CALLER, Repeat, Tally};
use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole, Scope, TokenKind};
use plumbline::engine::store::{self, Scan};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::world::{World, text};

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
async fn a_refusal_is_repeated_if_it_says_what_stood_in_the_way_and_judged_anew_if_it_is_of_the_request_or_the_caller() {
    let app = TestApp::start();
    let admin = program(&app).with("idempotency-key", "k");
    for _ in 0..2 {
        let bad = admin.post(USERS, json!({"login": "-", "role": "king"})).await.expect(400);
        assert_eq!(bad.header("idempotent-replayed"), None);
    }
    app.user("ann", InstanceRole::Member);
    let taken = admin.post(USERS, json!({"login": "ann"})).await.expect(409);
    let again = admin.post(USERS, json!({"login": "ann"})).await.expect(409);
    let said = |answer: &Answer| (answer.refused("already_exists"), answer.value()["details"].clone());
    assert_eq!(said(&taken), said(&again));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_ne!(taken.header("x-request-id"), again.header("x-request-id"));

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

// Refusals were kept whatever their size, and repeated what was sent: twenty requests of somebody who may nothing took 70 MB for a day.
#[tokio::test]
async fn whoever_may_not_do_what_they_ask_for_has_nothing_kept_and_is_answered_in_few_words() {
    let app = TestApp::start();
    let reader = app.anonymous().bearer(&app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], None));
    let long = "x".repeat(900_000);
    for (n, body) in
        [json!({&long: 1}), json!({"url": &long}), json!(&long), json!({"url": "https://x", "name": &long})].into_iter().enumerate()
    {
        let refused = reader.with("idempotency-key", &n.to_string()).post("/api/v1/repos", body).await;
        assert!((400..500).contains(&refused.status), "{}", refused.status);
        assert!(refused.body.len() < 10_000, "{n}: {}", refused.body.len());
    }
    let kept =
        app.app().read_now(|tx, _| Ok::<_, store::Error>((tx.find(&Scan::<Repeat>::all(), 10)?, tx.find(&Scan::<Tally>::all(), 10)?)));
    assert_eq!(kept.unwrap(), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_caller_who_used_up_the_keys_of_a_day_is_told_before_anything_is_done() {
    let app = TestApp::start();
    let keyed = program(&app).with("idempotency-key", "k");
    keyed.post(USERS, json!({"login": "ada"})).await.expect(201);
    app.app()
        .write_now(&Actor::System, |tx, _| {
            let tally = tx.first(&Scan::<Tally>::all())?.unwrap();
            assert!((tally.requests, tally.bytes > 0) == (1, true), "{tally:?}");
            tx.put(&Tally { requests: REQUESTS_PER_CALLER, ..tally })
        })
        .unwrap();
    keyed.post(USERS, json!({"login": "ada"})).await.expect(201);
    let full = keyed.with("idempotency-key", "l").post(USERS, json!({"login": "eve"})).await.expect(429);
    assert!(full.refused("rate_limited").contains("10,000 keys"));
    assert_eq!(how_many(&keyed, USERS).await, 1);
    program(&app).with("idempotency-key", "l").post(USERS, json!({"login": "eve"})).await.expect(201);
}

#[tokio::test]
async fn an_answer_is_not_repeated_to_whoever_lost_the_right_to_it() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let ada = world.app.user("ada", InstanceRole::Member);
    let app = world.app.app();
    let grant = |role: RepoRole| app.write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, ada, role)).unwrap();
    grant(RepoRole::Maintain);
    let browser = world.app.sign_in(ada).await.with("idempotency-key", "k");
    let path = "/api/v1/repos/local/app";
    let change = async || browser.json("PATCH", path, json!({"description": "ours"})).await;
    change().await.expect(200);
    assert_eq!(change().await.expect(200).header("idempotent-replayed"), Some("true"));
    grant(RepoRole::Read);
    change().await.expect(403).refused("forbidden");
    app.write_now(&Actor::System, move |tx, _| tx.remove::<accounts::Membership>(&(id, ada)).map(drop)).unwrap();
    change().await.expect(404).refused("repo_not_found");
    browser.json("PATCH", path, json!({"description": "theirs"})).await.expect(404).refused("repo_not_found");
    // Whoever deleted it is told so again, and nobody else.
    grant(RepoRole::Admin);
    let delete = async || browser.json("DELETE", path, json!({"confirm": "local/app"})).await;
    delete().await.expect(204);
    world.app.settle().await;
    assert_eq!(delete().await.expect(204).header("idempotent-replayed"), Some("true"));
    change().await.expect(404).refused("repo_not_found");
    // On the instance: an administrator's secret is not for who is none any more.
    let eve = world.app.user("eve", InstanceRole::Admin);
    let browser = world.app.sign_in(eve).await.with("idempotency-key", "k");
    let make = async || browser.post(TOKENS, json!({"name": "ci", "scopes": ["repo:read"]})).await;
    make().await.expect(201);
    app.write_now(&Actor::System, move |tx, _| {
        let user = accounts::get_user(tx, eve)?;
        Ok::<_, accounts::Error>(tx.put(&accounts::User { role: InstanceRole::Member, ..user })?)
    })
    .unwrap();
    make().await.expect(403).refused("forbidden");
}
