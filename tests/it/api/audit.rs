//! The trail: what is in it, what stays out, how it is asked, and that it can be verified by others.

use std::time::Duration;

use plumbline::app::rewrap;
use plumbline::base::event::Actor;
use plumbline::base::page::Limit;
use plumbline::domain::accounts::{self, InstanceRole, Scope, TokenKind};
use plumbline::domain::audit::{self, Filter, Line, Verifier};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

/// `actor action subject` of all entries that a query finds, latest first.
async fn told(client: &Client, query: &str) -> Vec<String> {
    let page = client.get(&format!("/api/v1/admin/audit?limit=200&{query}")).await.expect(200).value();
    let line = |entry: &Value| {
        let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let actor = if entry["actor"]["name"].is_null() { part(&entry["actor"]["kind"]) } else { part(&entry["actor"]["name"]) };
        let code = entry["code"].as_str().map_or_else(String::new, |code| format!(" refused {code}"));
        format!("{actor} {} {}{code}", part(&entry["action"]), part(&entry["subject"]["name"]))
    };
    page["items"].as_array().unwrap().iter().map(line).collect()
}

/// Every entry, as an export has it.
async fn exported(client: &Client, query: &str) -> Vec<String> {
    let answer = client.get(&format!("/api/v1/admin/audit.jsonl{query}")).await.expect(200);
    // The answer comes in chunks.
    let text = answer.text();
    text.lines().filter(|line| line.starts_with('{')).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_people_do_stands_in_the_trail_and_what_the_appliance_does_stays_out() {
    let world = World::new().await;
    let git = TestRepo::new();
    git.commit([("a.rb", "puts 1\n")]);
    world.add("app", git.path()).await;
    let admin = &world.admin;
    admin.json("PATCH", "/api/v1/repos/local/app", json!({"description": "an app", "private": false})).await.expect(200);
    admin.own("POST", "/api/v1/repos/local/app/badge-key").await.expect(200);
    world.sync("app").await;
    git.commit([("b.rb", "puts 2\n")]);
    world.app.advance(Duration::from_secs(3_600));
    world.app.tick().await;
    admin.post("/api/v1/admin/users", json!({"login": "grace"})).await.expect(201);
    let made = admin.post("/api/v1/admin/tokens", json!({"name": "ci", "scopes": ["repo:read"]})).await.expect(201).value();
    admin.own("DELETE", &format!("/api/v1/admin/tokens/{}", text(&made["id"]))).await.expect(204);
    admin.json("PATCH", "/api/v1/admin/settings", json!({"events_kept_days": 30})).await.expect(200);
    admin.json("PATCH", "/api/v1/admin/settings", json!({"events_kept_days": 30})).await.expect(200);
    admin.json("DELETE", "/api/v1/repos/local/app", json!({"confirm": "local/app"})).await.expect(204);
    world.app.settle().await;
    assert_eq!(
        told(admin, "").await,
        [
            "root repository_deleted local/app",
            "root settings_changed -",
            "root token_revoked ci",
            "root token_created ci",
            "root user_created grace",
            "root sync_requested local/app",
            "root badge_key_rotated local/app",
            "root repository_changed local/app",
            "root repository_added local/app",
            "root signed_in root",
            "system link_made root",
            "system user_created root",
        ]
    );
    let changed = admin.get("/api/v1/admin/audit?what=repository_changed").await.expect(200).value();
    let entry = &changed["items"][0];
    assert_eq!(
        entry["changes"],
        json!([{"field": "private", "before": "true", "after": "false"}, {"field": "description", "before": null, "after": "an app"}])
    );
    assert_eq!(
        (&entry["actor"]["address"], &entry["outcome"], &entry["at"]),
        (&json!("127.0.0.1"), &json!("done"), &json!("2026-01-31T12:00:00Z"))
    );
    let secret = text(&made["token"]);
    assert!(!exported(admin, "").await.join("\n").contains(&secret[8..20]), "no part of a token is in it");
}

#[tokio::test]
async fn what_is_changed_of_people_members_and_secrets_is_told_with_what_was_before() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let admin = &world.admin;
    let grace = world.app.user("grace", InstanceRole::Member);
    let of_grace = format!("/api/v1/admin/users/{grace}");
    let members = repo.path("/members/grace");
    admin.json("PUT", &members, json!({"role": "read"})).await.expect(200);
    admin.json("PUT", &members, json!({"role": "write"})).await.expect(200);
    admin.own("DELETE", &members).await.expect(204);
    let before = told(admin, "").await.len();
    admin.json("PATCH", &of_grace, json!({"role": "admin"})).await.expect(200);
    world.app.set_password(grace, "seven grey herons wade").await;
    let invited = admin.post("/api/v1/admin/invitations", json!({"note": "Barbara", "role": "member"})).await.expect(201).value();
    admin.own("DELETE", &format!("/api/v1/admin/invitations/{}", text(&invited["id"]))).await.expect(204);
    admin.json("PATCH", &of_grace, json!({"disabled": true})).await.expect(200);
    admin.own("DELETE", &of_grace).await.expect(204);
    let body = json!({"kind": "service", "name": "ci", "scopes": ["repo:read", "admin"], "repos": ["local/app"]});
    let token = admin.post("/api/v1/admin/tokens", body).await.expect(201).value();
    let rotated = admin.post(&format!("/api/v1/admin/tokens/{}/rotate", text(&token["id"])), json!({})).await.expect(200).value();
    admin.json("PUT", "/api/v1/secrets/NPM", json!({"value": "marigold by the wall"})).await.expect(201);
    admin.own("DELETE", "/api/v1/secrets/NPM").await.expect(204);
    admin.json("PUT", &repo.path("/secrets/NPM"), json!({"value": "marigold by the wall"})).await.expect(201);
    let key = admin.post(&repo.path("/keys"), json!({"generate": "ed25519", "name": "deploy"})).await.expect(201).value();
    admin.own("DELETE", &repo.path(&format!("/keys/{}", text(&key["id"])))).await.expect(204);
    rewrap::rotate(world.app.app(), &Actor::Host).await.unwrap();
    world.app.settle().await;
    let after = told(admin, "").await;
    assert_eq!(
        after[..after.len() - before],
        [
            "host vault_rotated -",
            "root key_removed deploy of local/app",
            "root key_added deploy of local/app",
            "root secret_set NPM of local/app",
            "root secret_removed NPM",
            "root secret_set NPM",
            "root token_rotated ci",
            "root token_created ci",
            "root user_deleted grace",
            "root user_changed grace",
            "root link_revoked Barbara",
            "root link_made Barbara",
            "system password_set grace",
            "root user_changed grace",
        ]
    );
    let changes = async |what: &str| {
        let page = admin.get(&format!("/api/v1/admin/audit?what={what}")).await.expect(200).value();
        let items = page["items"].as_array().unwrap();
        let each = |change: &Value| format!("{}: {} -> {}", text(&change["field"]), change["before"], change["after"]);
        items.iter().flat_map(|entry| entry["changes"].as_array().unwrap().iter().map(each)).collect::<Vec<_>>()
    };
    assert_eq!(changes("members_changed").await, ["grace: \"write\" -> null", "grace: \"read\" -> \"write\"", "grace: null -> \"read\""]);
    assert_eq!(changes("user_changed").await, ["enabled: \"true\" -> \"false\"", "role: \"member\" -> \"admin\""]);
    assert_eq!(
        changes("token_created").await,
        ["kind: null -> \"service\"", "scopes: null -> \"repo:read admin\"", "repositories: null -> \"local/app\""]
    );
    let lines = exported(admin, "").await.join("\n");
    for secret in ["marigold", &text(&token["token"])[8..20], &text(&rotated["token"])[8..20], "herons"] {
        assert!(!lines.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_names_the_account_that_was_tried_and_nothing_that_is_none() {
    let world = World::new().await;
    let ada = world.app.user("ada", InstanceRole::Member);
    world.app.set_password(ada, "seven grey herons wade").await;
    let stranger = world.app.anonymous();
    for login in ["ADA", "correct horse battery"] {
        stranger.post("/api/v1/login", json!({"login": login, "password": "a wrong one, surely"})).await.expect(401);
    }
    stranger.with("accept", "text/html").form("/sign-in", "login=ada&password=wrong&totp=").await.expect(422);
    assert_eq!(
        told(&world.admin, "outcome=refused").await,
        [
            "ADA request /sign-in refused sign_in_refused",
            "anonymous request /api/v1/login refused sign_in_refused",
            "ADA request /api/v1/login refused sign_in_refused",
        ]
        .map(|line| line.replace("ADA", "ada"))
    );
    assert_eq!(told(&world.admin, "who=ada&outcome=refused").await.len(), 2);
    let page = world.admin.page("/admin/audit?outcome=refused").await.expect(200).text();
    assert!(page.contains("somebody as ada") && !page.contains("battery"), "{page}");
}

#[tokio::test]
async fn an_entry_and_what_it_tells_of_are_one_write() {
    let world = World::new().await;
    let head = || world.app.app().read_now(|tx, _| audit::head(tx)).unwrap().unwrap().number;
    let before = head();
    // The verb fails after it has recorded a fact: neither is there.
    let failed = world.app.app().write_now(&Actor::Host, |tx, now| {
        accounts::create_user(tx, "grace", InstanceRole::Member, now)?;
        Err::<(), _>(accounts::Error::RepositoryMissing)
    });
    failed.unwrap_err();
    assert_eq!(head(), before);
    world.app.app().write_now(&Actor::Host, |tx, now| accounts::create_user(tx, "grace", InstanceRole::Member, now)).unwrap();
    assert_eq!(told(&world.admin, "who=x").await, Vec::<String>::new());
    assert_eq!((head(), told(&world.admin, "").await[0].as_str()), (before + 1, "host user_created grace"));
}

#[tokio::test]
async fn whoever_was_not_let_do_something_stands_in_the_trail() {
    let world = World::new().await;
    let app = &world.app;
    let eve = app.sign_in(app.user("eve", InstanceRole::Member)).await;
    eve.get("/api/v1/admin/users").await.expect(403);
    eve.page("/admin").await.expect(403);
    eve.with("origin", "https://evil.example").send("POST", "/api/v1/logout", None).await.expect(403);
    let token = app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], None);
    app.anonymous().bearer(&token).json("DELETE", "/api/v1/admin/tokens/tok_00000000000000000000000000", json!({})).await.expect(403);
    app.anonymous().bearer("plb_pat_nonsense").get("/api/v1/me").await.expect(401);
    app.anonymous().with("cookie", "plumbline_session=stolen").get("/api/v1/me").await.expect(401);
    let link = app.link(app.user("ada", InstanceRole::Member));
    app.anonymous().own("POST", &format!("/link/{link}")).await.expect(303);
    app.anonymous().own("POST", &format!("/link/{link}")).await.expect(410);
    // How everybody begins, and what everybody mistypes.
    app.anonymous().page("/").await.expect(401);
    app.anonymous().get("/api/v1/me").await.expect(401);
    eve.get("/api/v1/repos/local/nope").await.expect(404);
    // Who would change what they may not see, and who shows what was good once, are somebody.
    eve.json("PUT", "/api/v1/repos/local/nope/secrets/TOKEN", json!({"value": "marigold"})).await.expect(404);
    let ended = app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], Some(app.now()));
    app.anonymous().bearer(&ended).get("/api/v1/me").await.expect(401);
    assert_eq!(
        told(&world.admin, "outcome=refused").await,
        [
            "service of a test request /api/v1/me refused unauthenticated",
            "eve request /api/v1/repos/local/nope/secrets/… refused repo_not_found",
            "anonymous request /link/… refused link_spent",
            "anonymous request /api/v1/me refused unauthenticated",
            "anonymous request /api/v1/me refused unauthenticated",
            "service of a test request /api/v1/admin/tokens/tok_00000000000000000000000000 refused forbidden",
            "eve request /api/v1/logout refused cross_site",
            "eve request /admin refused forbidden",
            "eve request /api/v1/admin/users refused forbidden",
        ]
    );
    let refused = world.admin.get("/api/v1/admin/audit?outcome=refused&who=eve").await.expect(200).value();
    assert_eq!(refused["items"][0]["subject"]["id"], json!("PUT /api/v1/repos/{owner}/{name}/secrets/{secret}"));
    let lines = exported(&world.admin, "").await.join("\n");
    assert!(!lines.contains(&link) && !lines.contains("stolen") && !lines.contains("nonsense"));
}

#[tokio::test]
async fn a_stranger_who_is_refused_without_end_leaves_some_entries_and_a_count() {
    let world = World::new().await;
    let eve = world.app.sign_in(world.app.user("eve", InstanceRole::Member)).await;
    for _ in 0..50 {
        eve.get("/api/v1/admin/users").await.expect(403);
    }
    assert_eq!(told(&world.admin, "who=eve&what=request").await.len(), 20);
    world.app.advance(Duration::from_secs(60));
    eve.get("/api/v1/admin/users").await.expect(403);
    let latest = world.admin.get("/api/v1/admin/audit?what=request&limit=1").await.expect(200).value();
    assert_eq!(latest["items"][0]["unrecorded"], json!(30));
}

#[tokio::test]
async fn an_export_is_verified_by_whoever_has_it() {
    let mut world = World::new().await;
    for n in 0..450 {
        world.app.user(&format!("user{n}"), InstanceRole::Member);
        if n == 200 {
            world.app.advance(Duration::from_secs(24 * 3_600));
        }
    }
    let lines = exported(&world.admin, "").await;
    let mut verifier = Verifier::default();
    for line in &lines {
        verifier.take(line).unwrap();
    }
    let verified = verifier.verified().unwrap();
    assert!(verified.is_whole && verified.entries > 450, "{verified:?}");
    let day = exported(&world.admin, "?from=2026-02-01&to=2026-02-01").await;
    assert!(!day.is_empty() && day.len() < lines.len() && lines.ends_with(&day), "{}", day.len());
    world.admin.get("/api/v1/admin/audit.jsonl?from=never").await.expect(400).refused("invalid_parameter");

    // One who can write the store changes an entry: it is found where it is.
    let entry = world.app.app().read_now(|tx, _| audit::from_number(tx, 100, 1)).unwrap().remove(0);
    let mut forged = entry.clone();
    forged.actor.name = Some("somebody else".to_owned());
    world.app.app().write_now(&Actor::System, move |tx, _| tx.put(&forged)).unwrap();
    let mut verifier = Verifier::default();
    let fault = exported(&world.admin, "").await.iter().find_map(|line| verifier.take(line).err()).unwrap();
    assert_eq!((fault.number, fault.line), (Some(100), 100), "{fault}");
    world.app.app().write_now(&Actor::System, move |tx, _| tx.put(&entry)).unwrap();

    // It survives a crash, and goes on from where it was.
    world.app.crash();
    world.follow();
    world.app.user("late", InstanceRole::Member);
    let mut verifier = Verifier::default();
    exported(&world.admin, "").await.iter().for_each(|line| verifier.take(line).unwrap());
    assert!(verifier.verified().unwrap().entries > verified.entries);
}

#[tokio::test]
async fn nothing_of_the_trail_goes_but_by_an_age_that_was_set() {
    let world = World::new().await;
    let count = || world.app.app().read_now(|tx, _| audit::list(tx, &Filter::default(), None, Limit::MAX)).unwrap().items.len();
    world.app.user("ada", InstanceRole::Member);
    let before = count();
    world.app.advance(Duration::from_secs(400 * 24 * 3_600));
    world.app.tick().await;
    assert_eq!(count(), before);
    let admin = world.app.sign_in(world.app.user("boss", InstanceRole::Admin)).await;
    admin.json("PATCH", "/api/v1/admin/settings", json!({"audit_kept_days": 365})).await.expect(200);
    world.app.advance(Duration::from_secs(3_600));
    world.app.tick().await;
    let lines = exported(&admin, "").await;
    assert!(lines[0].starts_with("{\"checkpoint\":{\"number\":"), "{}", lines[0]);
    assert!(lines.last().unwrap().contains("\"trail_shortened\""), "{lines:#?}");
    let mut verifier = Verifier::default();
    lines.iter().for_each(|line| verifier.take(line).unwrap());
    assert!(verifier.verified().unwrap().is_whole);
    world.app.advance(Duration::from_secs(3_600));
    world.app.tick().await;
    assert_eq!(exported(&admin, "").await.len(), lines.len(), "it says so once");
}

#[tokio::test]
async fn the_trail_is_asked_by_who_what_and_when_and_comes_in_pages() {
    let world = World::new().await;
    for n in 0..5 {
        world.admin.post("/api/v1/admin/users", json!({"login": format!("user{n}")})).await.expect(201);
        world.app.advance(Duration::from_secs(3_600));
    }
    let admin = &world.admin;
    assert_eq!(told(admin, "who=root&what=user_created").await.len(), 5);
    assert_eq!(
        told(admin, "who=127.0.0.1&what=user_created&from=2026-01-31T14:00:00Z&to=2026-01-31T15:00:00Z").await,
        ["root user_created user3", "root user_created user2"]
    );
    assert_eq!(told(admin, "who=ROOT&to=2026-01-30").await, Vec::<String>::new());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin.get(&format!("/api/v1/admin/audit?who=root&limit=2&cursor={cursor}")).await.expect(200).value();
        let entries: Vec<Line> = serde_json::from_value(page["items"].clone()).unwrap();
        assert!(entries.iter().all(|entry| entry.hash.as_deref() == Some(&entry.digest().to_string())), "each bears its hash");
        seen.extend(entries.iter().map(|entry| entry.number));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert!(seen.len() == 6 && seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    for bad in ["what=odd", "outcome=odd", "from=yesterday", "to=31.1.2026", "cursor=zz", "limit=0"] {
        admin.get(&format!("/api/v1/admin/audit?{bad}")).await.expect(400).refused("invalid_parameter");
    }
    let page = admin.page("/admin/audit?who=root&what=user_created").await.expect(200).text();
    assert!(page.contains("made an account for <q>user4</q>") && page.contains("selected>User created</option>"), "{page}");
    assert!(admin.page("/admin/audit?from=never").await.expect(422).text().contains("is not an instant"));
    let table = admin.get("/api/v1/admin/audit?format=csv&limit=1").await.expect(200).text();
    assert!(table.starts_with("action,actor.address,actor.id,actor.kind"), "{table}");
}
