//! Every list is a list: bounded, paged, whole, and a table on request.

use std::collections::BTreeSet;

use plumbline::base::event::Actor;
use plumbline::base::id::{Id, RepoId};
use plumbline::base::work::{Lane, Work};
use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use plumbline::engine::queue::{self, Verdict};
use plumbline::http::openapi;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::deliveries;
use crate::support::github::GitHub;
use crate::support::world::{World, text};

/// Has so much work be given up.
fn give_up(app: &TestApp, count: u8) {
    app.app()
        .write_now(&Actor::System, move |tx, now| -> queue::Result<()> {
            for n in 0..count {
                queue::push(tx, Work::SyncRepository { repo: RepoId::from_u128(n.into()) }, now, now)?;
                let claim = queue::claim(tx, Lane::Git, "test", now)?.expect("it was pushed");
                queue::fail(tx, &claim, Verdict::GiveUp, "no luck", now)?;
            }
            Ok(())
        })
        .unwrap();
    app.expect_dead(count.into());
}

#[tokio::test]
async fn every_list_of_the_table_keeps_its_promises() {
    let github = GitHub::start();
    github.repo("acme/one");
    github.repo("acme/two");
    let world = World::of(TestApp::with(|config| github.configure(config))).await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.json", "{\n"), ("c.json", "{\n")]).await;
    repo.git.switch("one");
    repo.git.switch("main");
    let second = repo.push([("d.json", "{\n")]).await;
    world.repo("other", [("a.rb", "puts 1\n")]).await;
    let app = &world.app;
    let user = app.user("ada", InstanceRole::Admin);
    let ada = app.sign_in(user).await;
    app.sign_in(user).await;
    app.sign_in(user).await;
    for _ in 0..3 {
        app.token(TokenKind::Personal, &[Scope::RepoRead], Some(user), &[], None);
    }
    for name in ["ONE", "TWO"] {
        for of in ["/api/v1", "/api/v1/repos/local/app"] {
            ada.json("PUT", &format!("{of}/secrets/{name}"), json!({"value": "marigold"})).await.expect(201);
        }
        ada.post("/api/v1/repos/local/app/keys", json!({"generate": "ed25519"})).await.expect(201);
    }
    for _ in 0..2 {
        ada.post("/api/v1/admin/invitations", json!({})).await.expect(201);
    }
    ada.json("PUT", &repo.path("/members/ada"), json!({"role": "read"})).await.expect(200);
    give_up(app, 3);
    deliveries::two_of_each(app);
    let id: RepoId = text(&repo.see("").await["id"]).parse().unwrap();
    for number in 1..4 {
        deliveries::pull(app, id, number, "A patch");
        deliveries::deployment(app, id, number);
    }
    app.settle().await;
    let document = openapi::build(None);
    let (mut walked, mut cursors) = (BTreeSet::new(), Vec::new());
    for (path, methods) in document["paths"].as_object().unwrap() {
        let operation = &methods["get"];
        let has = |name: &str| operation["parameters"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == name));
        let is_list = answers_items(&document, operation);
        assert_eq!([has("cursor"), has("format")], [is_list; 2], "{path}");
        // An answer with several lists has a cursor for each, and one limit.
        assert!(has("limit") || !is_list, "{path}");
        if !is_list {
            continue;
        }
        walked.insert(path.clone());
        let path = path.replace("{owner}", "local").replace("{name}", "app").replace("{sha}", &second);
        let refused = ada.get(&format!("{path}?limit=many&cursor=zz&format=xml")).await.expect(400);
        refused.refused("invalid_parameter");
        let named: Vec<Value> =
            refused.value()["details"]["fields"].as_array().unwrap().iter().map(|field| field["field"].clone()).collect();
        assert_eq!(named, [json!("limit"), json!("cursor"), json!("format")], "{path}");

        let all = ada.get(&format!("{path}?limit=100000")).await.expect(200).value();
        let all = all["items"].as_array().unwrap();
        assert!(all.len() >= 2, "{path} has {} items, too few to have pages", all.len());
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = ada.get(&format!("{path}?limit=1&cursor={cursor}")).await.expect(200).value();
            let items = page["items"].as_array().unwrap();
            assert_eq!(items.len(), 1, "{path}");
            seen.extend(items.clone());
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(&seen, all, "{path}: page after page is the same as all at once");
        cursors.push((path.clone(), cursor));
        let table = ada.get(&format!("{path}?format=csv&limit=200")).await.expect(200);
        assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8"), "{path}");
        assert!(table.text().lines().count() > all.len(), "{path}");
    }
    assert!(walked.contains("/api/v1/me/sessions") && walked.len() >= 9, "{walked:?}");
    for (path, _) in cursors.iter().filter(|(path, _)| path != "/api/v1/search/issues") {
        for (other, cursor) in cursors.iter().filter(|(other, _)| other != path) {
            let refused = ada.get(&format!("{path}?cursor={cursor}")).await.expect(400);
            assert_eq!(refused.value()["details"]["fields"][0]["field"], json!("cursor"), "{path} takes a cursor of {other}");
        }
    }
}

/// A place in one list was once taken for one in another, and something or other was answered.
#[tokio::test]
async fn a_cursor_is_taken_by_the_list_alone_that_answered_it() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.json", "{\n")]).await;
    let second = repo.push([("c.json", "{\n"), ("d.json", "{\n")]).await;
    repo.git.switch("side");
    repo.push([("e.json", "{\n")]).await;
    let next = async |path: &str| text(&world.admin.get(path).await.expect(200).value()["next"]).to_owned();
    let (first, second) = (repo.commit(&repo.first, "/issues?limit=1"), repo.commit(&second, "/issues?limit=1"));
    let (main, side) = (repo.path("/commits?limit=1&branch=main"), repo.path("/commits?limit=1&branch=side"));
    for (of, taken) in [
        (first.clone(), second.clone()),
        (second.clone(), format!("{second}&state=new")),
        (second.clone(), format!("{second}&sort=rule")),
        (format!("{second}&state=new"), format!("{second}&state=new&kind=bug")),
        (main.clone(), side),
    ] {
        let cursor = next(&of).await;
        world.admin.get(&format!("{of}&cursor={cursor}")).await.expect(200);
        let refused = world.admin.get(&format!("{taken}&cursor={cursor}")).await.expect(400);
        assert_eq!(refused.value()["details"]["fields"][0]["field"], json!("cursor"), "{taken}");
    }
    let page = main.replace("/api/v1/repos/", "/r/").replace("branch=main", "branch=side");
    world.admin.page(&format!("{page}&cursor={}", next(&main).await)).await.expect(400);
}

/// Whether a route answers something with items.
fn answers_items(document: &Value, operation: &Value) -> bool {
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    let named = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
    let schema = named.map_or(schema, |name| &document["components"]["schemas"][name]);
    schema["properties"]["items"].is_object()
}

#[tokio::test]
async fn every_bad_part_of_a_query_is_named() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let fields = async |path: String| {
        let refused = world.admin.get(&path).await.expect(400);
        let fields = refused.value()["details"]["fields"].clone();
        fields.as_array().unwrap().iter().map(|field| text(&field["field"]).to_owned()).collect::<Vec<_>>().join(" ")
    };
    let issues = repo.commit(&repo.first, "/issues?state=lost&kind=style,odd&severity=x&path=%5B&sort=up&limit=-1&format=pdf");
    assert_eq!(fields(issues).await, "state kind severity path sort limit format");
    assert_eq!(fields("/api/v1/search/issues?sort=up&limit=x&cursor=x&format=x".to_owned()).await, "sort limit cursor format");
    assert_eq!(fields(repo.path("/trends?metric=speed&from=x&to=y&bucket=year")).await, "to from metric bucket");
    assert_eq!(fields("/api/v1/repos?limit=0".to_owned()).await, "limit");
    assert_eq!(fields("/api/v1/repos?limit=1&limit=2".to_owned()).await, "limit");
}

#[tokio::test]
async fn every_bad_field_of_a_body_is_named() {
    let world = World::new().await;
    let refused = async |path: &str, body: Value| {
        let refused = world.admin.post(path, body).await.expect(400);
        refused.refused("invalid_body");
        let fields = refused.value()["details"]["fields"].clone();
        fields.as_array().unwrap().iter().map(|field| text(&field["field"]).to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(refused("/api/v1/me/tokens", json!({})).await, "name scopes");
    let token = json!({"name": " ", "kind": "x", "scopes": "admin", "repos": ["a/b", "c"], "expires_at": "soon", "colour": 1});
    assert_eq!(refused("/api/v1/me/tokens", token).await, "colour expires_at kind name repos scopes repos");
    let upload = json!({"name": "t", "kind": "upload", "scopes": ["admin", "reports:write", "repo:read"]});
    assert_eq!(refused("/api/v1/admin/tokens", upload).await, "scopes scopes repos");
    assert_eq!(refused("/api/v1/admin/users", json!({"login": "-", "role": "king"})).await, "login role");
    assert_eq!(refused("/api/v1/repos", json!({"name": "///"})).await, "url name");
    assert_eq!(refused("/api/v1/repos", json!({"url": 1, "path": 2, "name": 3, "nmae": "x"})).await, "name nmae path url");
}

#[tokio::test]
async fn a_field_that_cannot_be_read_hides_none_that_names_what_cannot_be() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let refused = async |method: &str, path: &str, body: Value| {
        let client = world.admin.with("content-type", "application/json").with("sec-fetch-site", "same-origin");
        let answer = client.send(method, path, Some(body.to_string().as_bytes())).await;
        assert!([400, 422].contains(&answer.status), "{}", answer.text());
        let fields = answer.value()["details"]["fields"].clone();
        let named = fields.as_array().unwrap().iter().map(|field| text(&field["field"]).to_owned()).collect::<Vec<_>>().join(" ");
        (named, answer.text())
    };
    let tokens = "/api/v1/admin/tokens";
    let bad =
        json!({"name": "", "scopes": ["repo:read"], "kind": "service", "repos": ["local/nothere"], "expires_at": "2001-01-01T00:00:00Z"});
    assert_eq!(refused("POST", tokens, bad).await.0, "name repos expires_at");
    let unknown = json!({"name": "t", "scopes": [], "repos": ["local/app", "local/nothere", "local/neither"]});
    assert_eq!(refused("POST", tokens, unknown).await.0, "repos repos");
    let upload = json!({"name": "t", "scopes": ["reports:write"], "kind": "upload", "repos": ["local/nothere"]});
    assert_eq!(refused("POST", tokens, upload).await.0, "repos");
    let (named, said) = refused("POST", tokens, json!({"name": "t", "scopes": ["bogus", "repo:read", "worse"]})).await;
    assert_eq!(named, "scopes");
    assert!(said.contains("bogus") && said.contains("worse"), "{said}");
    let many: Vec<String> = (0..1_000).map(|n| format!("bad{n}")).collect();
    let said = refused("POST", tokens, json!({"name": "t", "scopes": many})).await.1;
    assert!(said.contains("1000 parts are bad"), "{said}");

    let change = json!({"description": "x".repeat(351), "private": "yes"});
    assert_eq!(refused("PATCH", &repo.path(""), change).await.0, "description private");
    assert_eq!(refused("POST", "/api/v1/repos", json!({"path": "relative", "name": "../x"})).await.0, "name path");
    assert_eq!(refused("POST", "/api/v1/repos", json!({"url": "ssh://h/a", "name": 7, "nmae": 1})).await.0, "name nmae url");
    assert_eq!(refused("POST", "/api/v1/repos", json!({"url": 7, "name": "../x"})).await.0, "url name");
}

#[tokio::test]
async fn who_may_not_see_a_repository_does_not_learn_of_it_by_naming_it_for_a_token() {
    let world = World::new().await;
    world.repo("app", [("a.json", "{\n")]).await;
    let eve = world.app.sign_in(world.app.user("eve", InstanceRole::Member)).await;
    let said = async |name: &str| {
        let body = json!({"name": "t", "scopes": [], "repos": [format!("local/{name}")]});
        eve.post("/api/v1/me/tokens", body).await.expect(400).value()["message"].to_string().replace(name, "…")
    };
    assert_eq!(said("app").await, said("nothere").await);
}
