//! Secrets and keys for SSH, set and listed; a value goes in and never comes out.

use plumbline::base::event::Actor;
use plumbline::base::name::RepoSlug;
use plumbline::domain::accounts::{self, Hashed, InstanceRole, RepoRole, Scope, TokenKind};
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use plumbline::http::host;
use plumbline::ui;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::repo::TestRepo;
use crate::support::world::{Repo, World, text};

const VALUE: &str = "marigold-and-narcissus";

async fn put(client: &Client, path: &str, value: &str) -> crate::support::client::Answer {
    client.json("PUT", path, json!({"value": value})).await
}

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| format!("{} {}", text(&item["scope"]), text(&item["name"]))).collect()
}

/// Somebody with this role in a repository.
async fn with_role(world: &World, repo: &Repo<'_>, role: RepoRole) -> Client {
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let user = world.app.user(&format!("the-{role}"), InstanceRole::Member);
    world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, user, role)).unwrap();
    world.app.sign_in(user).await
}

/// Asks as a command on the server's own machine does.
async fn on_host(app: &TestApp, method: &str, path: &str, body: Option<Value>) -> Value {
    let (status, bytes) = host::ask(ui::router(app.app()), method, path, body.as_ref()).await.unwrap();
    assert!((200..300).contains(&status), "{method} {path}: {status} {}", String::from_utf8_lossy(&bytes));
    serde_json::from_slice(&bytes).unwrap()
}

#[tokio::test]
async fn a_secret_is_set_listed_set_anew_and_removed_and_its_value_is_never_told() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    for (of, scope) in [("/api/v1", "instance"), (repo.path("").as_str(), "repository")] {
        let (list, one) = (format!("{of}/secrets"), format!("{of}/secrets/DEPLOY_TOKEN"));
        let made = put(&world.admin, &one, VALUE).await.expect(201);
        let seen = made.value();
        assert_eq!(
            (&seen["name"], &seen["scope"], &seen["version"], &seen["changed_by"], &seen["last_used"]),
            (&json!("DEPLOY_TOKEN"), &json!(scope), &json!(1), &json!("root"), &Value::Null)
        );
        let anew = put(&world.admin, &format!("{of}/secrets/deploy_token"), "other value").await.expect(200);
        assert_eq!((&anew.value()["version"], &anew.value()["created_at"]), (&json!(2), &seen["created_at"]));
        let listed = world.admin.get(&list).await.expect(200);
        for answer in [&made, &anew, &listed] {
            assert!(!answer.text().contains(VALUE) && !answer.text().contains("other value"), "{}", answer.text());
        }
        assert!(names(&listed.value()).contains(&format!("{scope} deploy_token")));
        world.admin.own("DELETE", &one).await.expect(204);
        world.admin.own("DELETE", &one).await.expect(404).refused("secret_not_found");
        world.admin.own("GET", &one).await.expect(405);
        assert_eq!(world.admin.get(&list).await.expect(200).value()["items"], json!([]));
    }
}

#[tokio::test]
async fn a_repository_lists_its_own_and_those_of_the_instance() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    for name in ["ONE", "TWO", "THREE"] {
        put(&world.admin, &format!("/api/v1/secrets/{name}"), VALUE).await.expect(201);
    }
    put(&world.admin, &repo.path("/secrets/two"), VALUE).await.expect(201);
    let all = ["repository two", "instance ONE", "instance THREE", "instance TWO"];
    let listed = repo.see("/secrets").await;
    assert_eq!(names(&listed), all);
    let overridden: Vec<bool> = listed["items"].as_array().unwrap().iter().map(|item| item["overridden"].as_bool().unwrap()).collect();
    assert_eq!(overridden, [false, false, false, true]);
    let (mut seen, mut path) = (Vec::new(), "/secrets?limit=3".to_owned());
    loop {
        let page = repo.see(&path).await;
        seen.extend(names(&page));
        match page["next"].as_str() {
            Some(next) => path = format!("/secrets?limit=3&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let csv = world.admin.get(&repo.path("/secrets?format=csv")).await.expect(200).text();
    assert!(csv.contains("two") && !csv.contains(VALUE));
    let foreign = world.admin.get("/api/v1/secrets?limit=1").await.expect(200).value();
    world.admin.get(&repo.path(&format!("/secrets?cursor={}", text(&foreign["next"])))).await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn what_becomes_of_a_name_is_answered_while_it_is_typed() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    put(&world.admin, "/api/v1/secrets/SHARED", VALUE).await.expect(201);
    put(&world.admin, &repo.path("/secrets/OWN"), VALUE).await.expect(201);
    for (name, state) in [("NEW", "free"), ("shared", "overrides"), ("own", "taken"), ("2fa", "invalid"), ("a%20b", "invalid")] {
        let answer = repo.see(&format!("/secret-names/{name}")).await;
        assert_eq!(answer["state"], json!(state), "{name}");
        assert!(text(&answer["message"]).ends_with('.'), "{answer}");
    }
    let of_instance = async |name: &str| world.admin.get(&format!("/api/v1/secret-names/{name}")).await;
    assert_eq!(of_instance("SHARED").await.expect(200).value()["state"], json!("taken"));
    assert_eq!(of_instance("OWN").await.expect(200).value()["state"], json!("free"));
}

#[tokio::test]
async fn a_value_or_name_that_cannot_be_is_refused_and_not_repeated() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let one = repo.path("/secrets/TOKEN");
    let short = put(&world.admin, &one, "12345").await.expect(400);
    assert!(short.refused("invalid_body").contains("at least 6 characters"));
    assert_eq!(short.value()["details"]["fields"][0]["field"], json!("value"));
    assert!(!short.text().contains("12345"));
    let long = put(&world.admin, &one, &"x".repeat((64 << 10) + 1)).await.expect(400);
    assert!(long.refused("invalid_body").contains("65,536"));
    put(&world.admin, &one, &"x".repeat(5 << 20)).await.expect(413).refused("body_too_large");
    for body in [json!({"value": 123_456_789}), json!({"value": ["marigold"]}), json!({"value": {"marigold": 1}})] {
        let refused = world.admin.json("PUT", &one, body).await.expect(400);
        refused.refused("invalid_body");
        assert!(!refused.text().contains("123456789") && !refused.text().contains("marigold"), "{}", refused.text());
    }
    world.admin.json("PUT", &one, json!({})).await.expect(400).refused("invalid_body");
    world.admin.json("PUT", &one, json!({"value": VALUE, "name": "x"})).await.expect(400).refused("invalid_body");
    for name in ["2fa", "a-b", "a%20b", "a%0ab", "a%1b%5b2J", &"x".repeat(101)] {
        let refused = put(&world.admin, &repo.path(&format!("/secrets/{name}")), VALUE).await.expect(400);
        assert!(refused.refused("invalid_parameter").contains("letters, digits"), "{name}");
        world.admin.own("DELETE", &repo.path(&format!("/secrets/{name}"))).await.expect(404).refused("secret_not_found");
    }
    assert_eq!(repo.see("/secrets").await["items"], json!([]), "nothing is half-done");
}

#[tokio::test]
async fn whoever_writes_lists_and_whoever_maintains_sets() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    put(&world.admin, "/api/v1/secrets/SHARED", VALUE).await.expect(201);
    let list = repo.path("/secrets");
    for (role, may_list, may_set) in
        [(RepoRole::Read, false, false), (RepoRole::Triage, false, false), (RepoRole::Write, true, false), (RepoRole::Maintain, true, true)]
    {
        let client = with_role(&world, &repo, role).await;
        let can = client.get(&repo.path("")).await.expect(200).value()["can"].clone();
        let can = can.as_array().unwrap();
        assert_eq!((can.contains(&json!("secrets_list")), can.contains(&json!("secrets"))), (may_list, may_set), "{role}");
        client.get(&list).await.expect(if may_list { 200 } else { 403 });
        client.get(&repo.path("/keys")).await.expect(if may_list { 200 } else { 403 });
        client.get(&repo.path("/secret-names/X")).await.expect(if may_list { 200 } else { 403 });
        put(&client, &repo.path("/secrets/TOKEN"), VALUE).await.expect(if may_set { 201 } else { 403 });
        client.own("DELETE", &repo.path("/secrets/TOKEN")).await.expect(if may_set { 204 } else { 403 });
        put(&client, "/api/v1/secrets/TOKEN", VALUE).await.expect(403);
        client.get("/api/v1/secrets").await.expect(403);
        // Whether there is a secret is told by a dry run to those alone who may list them.
        let manifest =
            "version: 1\nchecks:\n- {name: x, run: 'true', output: gnu, mounts: [{source: 'secrets:NOPE', destination: '~/x'}]}\n";
        let dry = client.post(&repo.path("/manifest/dry-run"), json!({"manifest": manifest})).await.expect(200).value();
        assert_eq!(dry["checks"][0]["error"]["code"] == json!("secret_unknown"), may_list, "{role}: {dry}");
    }
}

#[tokio::test]
async fn a_token_needs_the_scope_for_secrets() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let client = |scopes: &[Scope]| world.app.anonymous().bearer(&world.app.token(TokenKind::Service, scopes, None, &[], None));
    let (without, with) = (client(&[Scope::RepoRead, Scope::RepoWrite]), client(&[Scope::SecretsWrite]));
    put(&without, &repo.path("/secrets/TOKEN"), VALUE).await.expect(403).refused("forbidden");
    let made = put(&with, &repo.path("/secrets/TOKEN"), VALUE).await.expect(201).value();
    assert_eq!(made["changed_by"], Value::Null, "no person did it");
    put(&with, "/api/v1/secrets/TOKEN", VALUE).await.expect(201);
}

#[tokio::test]
async fn a_secret_goes_with_its_repository() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    put(&world.admin, &repo.path("/secrets/TOKEN"), VALUE).await.expect(201);
    world.admin.post(&repo.path("/keys"), json!({"generate": "ed25519"})).await.expect(201);
    world.admin.json("DELETE", &repo.path(""), json!({"confirm": "local/app"})).await.expect(204);
    world.app.settle().await;
    let left = world.app.app().read_now(|tx, _| {
        let secrets = plumbline::domain::secrets::all_secrets(tx, None, 10)?.len();
        Ok::<_, plumbline::domain::secrets::Error>((secrets, plumbline::domain::secrets::all_keys(tx, None, 10)?.len()))
    });
    assert_eq!(left.unwrap(), (0, 0));
}

#[tokio::test]
async fn a_key_is_made_listed_and_removed_and_its_private_half_is_never_told() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let made = world.admin.post(&repo.path("/keys"), json!({"generate": "ed25519", "name": "the forge"})).await.expect(201);
    let key = made.value();
    assert!(text(&key["public_key"]).starts_with("ssh-ed25519 AAAA") && text(&key["public_key"]).ends_with(" the-forge"));
    assert!(text(&key["fingerprint"]).starts_with("SHA256:"));
    assert_eq!((&key["generated"], &key["name"], &key["changed_by"]), (&json!(true), &json!("the forge"), &json!("root")));
    let listed = world.admin.get(&repo.path("/keys")).await.expect(200);
    assert_eq!(listed.value()["items"], json!([key]));
    for answer in [&made, &listed] {
        assert!(!answer.text().contains("PRIVATE"));
    }
    let one = repo.path(&format!("/keys/{}", text(&key["id"])));
    let other = world.repo("other", [("a.rb", "puts 1\n")]).await;
    world.admin.own("DELETE", &one.replace("/app/", "/other/")).await.expect(404).refused("key_not_found");
    world.admin.own("DELETE", &one).await.expect(204);
    world.admin.own("DELETE", &one).await.expect(404).refused("key_not_found");
    world.admin.own("DELETE", &other.path("/keys/nonsense")).await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn a_key_is_given_with_its_passphrase_once() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let keys = repo.path("/keys");
    let locked = include_str!("../../fixtures/keys/locked").to_owned();
    let give = async |body: Value| world.admin.post(&keys, body).await;
    give(json!({"private_key": locked})).await.expect(422).refused("passphrase_needed");
    let wrong = give(json!({"private_key": locked, "passphrase": "crocus"})).await.expect(422);
    assert_eq!(wrong.refused("passphrase_wrong"), "this passphrase does not open the key");
    assert!(!wrong.text().contains("crocus"));
    let key = give(json!({"private_key": locked, "passphrase": "tulip bulb"})).await.expect(201).value();
    assert_eq!(
        (&key["fingerprint"], &key["generated"], &key["name"]),
        (&json!(include_str!("../../fixtures/keys/locked.fingerprint").trim()), &json!(false), &json!("deploy"))
    );
    give(json!({"private_key": locked, "passphrase": "tulip bulb"})).await.expect(409).refused("already_exists");
    for (body, code) in
        [(json!({"private_key": "hello"}), "key_invalid"), (json!({"private_key": text(&key["public_key"])}), "key_invalid")]
    {
        give(body).await.expect(422).refused(code);
    }
    let both = json!({"private_key": locked, "generate": "ed25519"});
    for body in [json!({}), both, json!({"generate": "rsa"}), json!({"generate": "ed25519", "name": "a\u{1b}b"}), json!({"private_key": 5})]
    {
        give(body).await.expect(400).refused("invalid_body");
    }
}

#[tokio::test]
async fn a_vault_whose_key_file_is_not_as_it_should_be_is_told_of_and_all_else_goes_on() {
    let mut world = World::new().await;
    let path = "/api/v1/secrets/TOKEN";
    put(&world.admin, path, VALUE).await.expect(201);
    let file = world.app.data_dir().join("vault.key");
    let kept = std::fs::read(&file).unwrap();
    world.app.crash_and(|data| std::fs::remove_file(data.join("vault.key")).unwrap());
    world.follow();
    let refused = put(&world.admin, path, "another value").await.expect(503);
    assert!(!refused.refused("vault_unavailable").contains("vault.key"), "no path of the host's");
    let vault = world.admin.get("/api/v1/admin/vault").await.expect(200).value();
    assert!(text(&vault["fault"]).contains("vault.key` is not there"), "{vault}");
    assert_eq!(world.admin.get("/api/v1/secrets").await.expect(200).value()["items"][0]["version"], json!(1));
    std::fs::write(&file, kept).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    put(&world.admin, path, "another value").await.expect(200);
    assert_eq!(world.admin.get("/api/v1/admin/vault").await.expect(200).value()["fault"], Value::Null);
}

#[tokio::test]
async fn the_vaults_key_is_exchanged_on_the_host_while_all_goes_on() {
    let mut world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    for n in 0..120 {
        put(&world.admin, &repo.path(&format!("/secrets/N{n}")), &format!("marigold {n}")).await.expect(201);
    }
    world.admin.post(&repo.path("/keys"), json!({"generate": "ed25519"})).await.expect(201);
    world.admin.own("POST", "/api/v1/admin/vault/rotate").await.expect(403).refused("forbidden");
    let before = world.admin.get("/api/v1/admin/vault").await.expect(200).value();
    let vault = on_host(&world.app, "POST", "/api/v1/admin/vault/rotate", None).await;
    let states: Vec<(&str, u64)> =
        vault["keys"].as_array().unwrap().iter().map(|key| (text(&key["state"]), key["sealed"].as_u64().unwrap())).collect();
    assert!(states.contains(&("retiring", 121)) && states.contains(&("present", 0)), "{states:?}");
    // Whoever sets one meanwhile is not kept waiting.
    put(&world.admin, &repo.path("/secrets/N0"), "narcissus").await.expect(200);
    world.app.settle().await;
    let after = world.admin.get("/api/v1/admin/vault").await.expect(200).value();
    let keys = after["keys"].as_array().unwrap();
    assert_eq!((keys.len(), &keys[0]["state"], &keys[0]["sealed"]), (1, &json!("present"), &json!(121)));
    let old = text(&before["keys"][0]["recipient"]).to_owned();
    assert_ne!(text(&keys[0]["recipient"]), old);
    assert!(!std::fs::read_to_string(world.app.data_dir().join("vault.key")).unwrap().contains(&old));
    world.app.crash();
    world.follow();
    let opened = world.app.app().read_now(|tx, _| {
        plumbline::domain::secrets::all_secrets(tx, None, 200)?
            .iter()
            .map(|row| plumbline::domain::secrets::open(&world.app.app().vault, row))
            .collect::<Result<Vec<_>, _>>()
    });
    let opened = opened.unwrap();
    assert_eq!((opened.len(), opened[0].expose().as_str()), (120, "narcissus"));
}

#[tokio::test]
async fn keys_are_made_anew_and_after_a_loss_those_alone_that_are_lost() {
    let mut world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let (keys, own) = (repo.path("/keys"), repo.path("/secrets/OWN"));
    let made = world.admin.post(&keys, json!({"generate": "ed25519"})).await.expect(201).value();
    let given = json!({"private_key": include_str!("../../fixtures/keys/locked"), "passphrase": "tulip bulb", "name": "given"});
    world.admin.post(&keys, given).await.expect(201);
    put(&world.admin, &own, VALUE).await.expect(201);
    put(&world.admin, "/api/v1/secrets/SHARED", VALUE).await.expect(201);
    let path = "/api/v1/admin/keys/regenerate";
    let nothing = on_host(&world.app, "POST", path, Some(json!({"missing_only": true}))).await;
    assert_eq!(nothing, json!({"vault_key": null, "regenerated": [], "to_give": [], "to_set": [], "lost_codes": [], "lost_of_github": []}));
    let anew = on_host(&world.app, "POST", path, Some(json!({}))).await;
    let one = &anew["regenerated"][0];
    assert_eq!((&one["repo"], &one["id"], &one["version"]), (&json!("local/app"), &made["id"], &json!(2)));
    assert_ne!(one["fingerprint"], made["fingerprint"]);
    assert_eq!(anew["regenerated"].as_array().unwrap().len(), 1, "one that was given is not made");

    world.app.crash_and(|data| std::fs::remove_file(data.join("vault.key")).unwrap());
    world.follow();
    let lost = on_host(&world.app, "POST", path, Some(json!({"missing_only": true}))).await;
    assert!(text(&lost["vault_key"]).starts_with("age1"));
    assert_eq!((lost["regenerated"].as_array().unwrap().len(), &lost["to_give"][0]["name"]), (1, &json!("given")));
    assert_eq!(lost["to_set"], json!([{"repo": "local/app", "name": "OWN"}, {"repo": null, "name": "SHARED"}]));
    world.app.settle().await;
    put(&world.admin, &own, VALUE).await.expect(200);
    let again = on_host(&world.app, "POST", path, Some(json!({"missing_only": true}))).await;
    assert_eq!((&again["vault_key"], &again["regenerated"], again["to_set"].as_array().unwrap().len()), (&Value::Null, &json!([]), 1));
}

#[tokio::test]
async fn a_repository_that_a_member_adds_has_no_secrets_of_the_instance_until_an_administrator_says_so() {
    let world = World::new().await;
    put(&world.admin, "/api/v1/secrets/SHARED", VALUE).await.expect(201);
    let by_admin = world.repo("app", [("a.rb", "puts 1\n")]).await;
    assert_eq!(by_admin.see("/secrets").await["items"].as_array().unwrap().len(), 1);
    let ada = world.app.user("ada", InstanceRole::Member);
    let browser = world.app.sign_in(ada).await;
    let git = TestRepo::new();
    git.commit([("a.rb", "puts 1\n")]);
    let new = NewRepository {
        slug: RepoSlug::local("own").unwrap(),
        source: RepoSource::Local,
        remote: git.path().display().to_string(),
        is_trusted: true,
        badge_key: BadgeKey::from_bytes([7; 16]),
        owner: Some(ada),
    };
    let of_ada = Actor::User { user: ada, address: None };
    let own = new.clone();
    let id = world.app.app().write_now(&of_ada, move |tx, now| repos::add(tx, own.clone(), now)).unwrap().id;
    let path = "/api/v1/repos/local/own";
    assert_eq!(browser.get(path).await.expect(200).value()["instance_secrets"], json!(false));
    let items = async |client: &Client| client.get(&format!("{path}/secrets")).await.expect(200).value()["items"].as_array().unwrap().len();
    assert_eq!(items(&browser).await, 0);
    let meant = || {
        let name = "SHARED".parse().unwrap();
        world.app.app().read_now(|tx, _| plumbline::domain::secrets::meant(tx, id, &name)).unwrap()
    };
    assert!(meant().is_none(), "nor is a check given it");
    browser.json("PATCH", path, json!({"instance_secrets": true})).await.expect(403).refused("forbidden");
    world.admin.json("PATCH", path, json!({"instance_secrets": true})).await.expect(200);
    assert!(meant().is_some());
    assert_eq!(items(&browser).await, 1);
    // Neither has one that a token of an administrator adds that is not for that.
    let root = world.app.user("chief", InstanceRole::Admin);
    for (name, scopes, has) in [("narrow", &[Scope::RepoWrite][..], false), ("wide", &[Scope::RepoWrite, Scope::Admin], true)] {
        let token = world.app.token(TokenKind::Personal, scopes, Some(root), &[], None);
        let made = world.app.app().read_now(|tx, now| accounts::caller_of_token(tx, Hashed::of(&token), now)).unwrap().unwrap().0;
        let new = NewRepository { slug: RepoSlug::local(name).unwrap(), owner: None, ..new.clone() };
        let added = world.app.app().write_now(&made.actor(None), move |tx, now| repos::add(tx, new.clone(), now)).unwrap();
        assert_eq!(added.has_instance_secrets, has, "{name}");
    }
    world.app.settle().await;
}
