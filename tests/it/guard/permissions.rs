//! Who may do what: every route with every kind of caller, asked over the wire and printed as one table.
//!
//! A cell says how far a caller comes: `ok` (past the permit: done, or refused for another reason than who asks), `401`, `403`, `404`
//! (hidden: as if it were not there). A changed cell is a changed permission, and shows in review.

use std::fmt::Write as _;

use plumbline::base::event::Actor;
use plumbline::base::id::RepoId;
use plumbline::base::time::Timestamp;
use plumbline::domain::accounts::Permission;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole, Scope, TokenKind, User};
use plumbline::http::routes;
use serde_json::json;

use crate::support::client::Client;
use crate::support::deliveries;
use crate::support::issuer::{Issuer, fetched_from};
use crate::support::world::{Repo, World, text};

/// A way to be somebody.
struct Who {
    name: &'static str,
    client: Client,
}

/// The callers, from nobody to whoever may do all.
async fn callers(world: &World, issuer: &Issuer, repo: RepoId, other: RepoId) -> Vec<Who> {
    let app = &world.app;
    let mut callers = vec![Who { name: "anonymous", client: app.anonymous() }];
    let mut add = |name, client| callers.push(Who { name, client });
    let anyone = app.anonymous();
    let admin = app.user("boss", InstanceRole::Admin);
    let scopes = |kind: TokenKind, scopes: &[Scope]| anyone.bearer(&app.token(kind, scopes, None, &[], None));
    let personal = |scopes: &[Scope], repos: &[RepoId], ends: Option<Timestamp>| {
        anyone.bearer(&app.token(TokenKind::Personal, scopes, Some(admin), repos, ends))
    };
    let every = [Scope::RepoRead, Scope::RepoWrite, Scope::SecretsWrite, Scope::Admin];

    add("expired", personal(&every, &[], Some(app.now())));
    let revoked = app.token(TokenKind::Personal, &every, Some(admin), &[], None);
    app.app()
        .write_now(&Actor::System, |tx, now| {
            // The newest is the one just made.
            let tokens = accounts::list_tokens(tx, None, plumbline::base::page::Limit::MAX)?;
            accounts::revoke_token(tx, tokens.items.last().unwrap().id, now)
        })
        .unwrap();
    add("revoked", anyone.bearer(&revoked));
    let gone = app.user("gone", InstanceRole::Admin);
    let disabled = app.sign_in(gone).await;
    let of_disabled = app.token(TokenKind::Personal, &every, Some(gone), &[], None);
    app.app()
        .write_now(&Actor::System, move |tx, now| {
            let user = accounts::get_user(tx, gone)?;
            tx.put(&User { disabled_at: Some(now), ..user })?;
            Ok::<_, accounts::Error>(())
        })
        .unwrap();
    add("disabled", disabled);
    add("disabled, token", anyone.bearer(&of_disabled));
    add("upload", anyone.bearer(&app.token(TokenKind::Upload, &[Scope::ReportsWrite], None, &[repo], None)));
    add("webhook key", scopes(TokenKind::WebhookKey, &[Scope::DeploymentsWrite]));
    add("worker", scopes(TokenKind::Worker, &[]));
    add("member", app.sign_in(app.user("member", InstanceRole::Member)).await);
    for (name, role) in [
        ("read", RepoRole::Read),
        ("triage", RepoRole::Triage),
        ("write", RepoRole::Write),
        ("maintain", RepoRole::Maintain),
        ("repo admin", RepoRole::Admin),
    ] {
        let user = app.user(&format!("the-{}", role), InstanceRole::Member);
        app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, repo, user, role)).unwrap();
        add(name, app.sign_in(user).await);
    }
    add("service, no scope", scopes(TokenKind::Service, &[]));
    add("service, repo:read", scopes(TokenKind::Service, &[Scope::RepoRead]));
    add("service, delivery:read", scopes(TokenKind::Service, &[Scope::DeliveryRead]));
    add("service, repo:write", scopes(TokenKind::Service, &[Scope::RepoWrite]));
    add("service, secrets:write", scopes(TokenKind::Service, &[Scope::SecretsWrite]));
    add(
        "service, repo:write, this repo",
        anyone.bearer(&app.token(TokenKind::Service, &[Scope::RepoRead, Scope::RepoWrite], None, &[repo], None)),
    );
    add("service, repo:write and admin", scopes(TokenKind::Service, &[Scope::RepoWrite, Scope::Admin]));
    add("service, admin", scopes(TokenKind::Service, &[Scope::Admin]));
    add("service, other repo", anyone.bearer(&app.token(TokenKind::Service, &every, None, &[other], None)));
    add("admin's, no scope", personal(&[], &[], None));
    add("admin's, repo:read", personal(&[Scope::RepoRead], &[], None));
    add("admin's, other repo", personal(&every, &[other], None));
    add("admin", app.sign_in(admin).await);
    add("workload", anyone.bearer(&issuer.token(app.now())));
    let mut foreign = issuer.draft(app.now());
    foreign.claims["repository"] = json!("acme/other");
    add("workload, other repo", anyone.bearer(&issuer.sign(&foreign)));
    callers
}

/// A path of the table with its parameters filled in.
fn fill(path: &str, repo: &Repo<'_>, issue: &str) -> String {
    let id = match path {
        _ if path.starts_with("/api/v1/issues/") => issue,
        _ if path.contains("/users/") => "usr_00000000000000000000000000",
        _ if path.contains("/invitations/") => "lnk_00000000000000000000000000",
        _ if path.contains("/sessions/") => "ses_00000000000000000000000000",
        _ if path.contains("/keys/") => "key_00000000000000000000000000",
        _ if path.contains("/deliveries/") => "dlv_00000000000000000000000000",
        _ if path.contains("/work/") => "wrk_00000000000000000000000000",
        _ => "tok_00000000000000000000000000",
    };
    path.replace("{owner}", "local")
        .replace("{name}", repo.name)
        .replace("{sha}", &repo.first)
        .replace("{branch}", "main")
        .replace("{basehead}", "main...main")
        .replace("{badge}", "gate.svg")
        .replace("{check}", "hygiene")
        .replace("{secret}", "TOKEN")
        .replace("{number}", "3")
        .replace("{login}", "nobody-at-all")
        .replace("{*path}", if path.contains("/tree/") { "lib" } else { "lib/a.json" })
        .replace("{id}", id)
}

#[tokio::test]
async fn every_route_lets_in_whom_it_should() {
    let issuer = Issuer::new();
    let world = World::of(issuer.app()).await;
    let repo = world.repo("app", [("lib/a.json", "{\n")]).await;
    let other = world.repo("other", [("a.rb", "puts 1\n")]).await;
    let id = |repo: &serde_json::Value| text(&repo["id"]).parse::<RepoId>().unwrap();
    let (id_of_repo, id_of_other) = (id(&repo.see("").await), id(&other.see("").await));
    deliveries::pull(&world.app, id_of_repo, 3, "A patch");
    let issue = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    let callers = callers(&world, &issuer, id_of_repo, id_of_other).await;

    let routes = routes::table();
    let mut table = String::new();
    for (n, who) in callers.iter().enumerate() {
        writeln!(table, "{n:>2} {}", who.name).unwrap();
    }
    let header: String = (0..callers.len()).map(|n| format!("{n:>4}")).collect();
    writeln!(table, "\n{:86}{header}", "").unwrap();
    // Signing out ends sessions that the lines after it need: it is asked last.
    let ends =
        |route: &&routes::Route| route.path == "/api/v1/logout" || route.path == "/api/v1/me/sessions" && route.method.as_str() == "DELETE";
    let (mut last, others): (Vec<_>, Vec<_>) = routes.iter().partition(ends);
    last.sort_by_key(|route| route.path.len());
    for route in others.into_iter().chain(last) {
        let path = fill(route.path, &repo, &issue);
        let mut line = format!("{:6} {:66} {:11} ", route.method.as_str(), route.path, route.permission.as_str());
        for who in &callers {
            // For as long as a workload asks, the repositories are those of its forge; nothing else could fetch them from there.
            let is_workload = who.name.starts_with("workload");
            let places = [(id_of_repo, "acme/app"), (id_of_other, "acme/other")];
            let before = places.map(|(id, place)| is_workload.then(|| (id, issuer.adopt(&world.app, id, place))));
            let cell = cell(&who.client, route, &path, None).await;
            for (id, remote) in before.into_iter().flatten() {
                fetched_from(&world.app, id, &remote);
            }
            if route.permission == Permission::Public && !["expired", "revoked", "disabled, token"].contains(&who.name) {
                assert_eq!(cell, "ok", "{} is public, to {}", route.path, who.name);
            }
            write!(line, "{cell:>4}").unwrap();
        }
        writeln!(table, "{line}").unwrap();
        if route.path == "/api/v1/repos" && route.method == "POST" {
            // What others may fetch as well is for more people than what lies on the host; nothing is beneath this name.
            let mut line = format!("{:6} {:66} {:11} ", "POST", "/api/v1/repos by a URL", route.permission.as_str());
            for who in &callers {
                let body = json!({"url": "https://1.1.1.1/acme/app.git", "name": "not a name"});
                write!(line, "{:>4}", cell(&who.client, route, &path, Some(body)).await).unwrap();
            }
            writeln!(table, "{line}").unwrap();
        }
        world.app.settle().await;
    }
    insta::assert_snapshot!("routes_and_callers", table);
}

/// How far a caller comes.
async fn cell(client: &Client, route: &routes::Route, path: &str, given: Option<serde_json::Value>) -> &'static str {
    // Bodies that are well formed and do nothing, so that it is the permit that answers.
    let body = match (route.method.as_str(), route.path) {
        _ if given.is_some() => given,
        ("POST", "/api/v1/repos") => Some(json!({"path": "/nowhere/at/all"})),
        ("PATCH", "/api/v1/repos/{owner}/{name}") => Some(json!({})),
        ("DELETE", "/api/v1/repos/{owner}/{name}") => Some(json!({"confirm": "not/this"})),
        ("POST", "/api/v1/me/tokens") => Some(json!({"name": "t", "kind": "upload", "scopes": []})),
        ("POST", "/api/v1/admin/tokens") => Some(json!({"name": "t", "kind": "upload", "scopes": [], "repos": []})),
        ("POST", "/api/v1/admin/links") => Some(json!({"login": "nobody"})),
        ("POST", "/api/v1/repos/{owner}/{name}/manifest/dry-run") => Some(json!({"manifest": "version: 1"})),
        ("POST", "/api/v1/admin/users") => Some(json!({"login": "root"})),
        ("POST", "/api/v1/admin/keys/regenerate") => Some(json!({"missing_only": true})),
        ("POST", "/api/v1/repos/{owner}/{name}/keys") => Some(json!({"private_key": "none"})),
        // The one field makes the body good, and nothing that it names is there.
        ("POST", "/api/v1/login") => return cell_of_login(client).await,
        ("PUT", "/api/v1/me/password") => Some(json!({"password": "short"})),
        ("POST", "/api/v1/me/totp") => Some(json!({"code": "000000"})),
        ("DELETE", "/api/v1/me/totp") => Some(json!({"code": "000000"})),
        ("POST", path) if path.ends_with("/rotate") => Some(json!({})),
        ("PATCH", "/api/v1/admin/users/{id}" | "/api/v1/admin/settings") => Some(json!({})),
        ("POST", "/api/v1/admin/console") => Some(json!({"line": "health"})),
        ("POST", "/api/v1/admin/invitations") => Some(json!({"note": "x".repeat(101)})),
        ("PUT", "/api/v1/repos/{owner}/{name}/members/{login}") => Some(json!({"role": "read"})),
        ("PUT", _) => Some(json!({"value": "short"})),
        _ => None,
    };
    let answer = match body {
        Some(body) => client.json(route.method.as_str(), path, body).await,
        None if route.path == "/api/v1/events" => {
            // A stream has no end: that it begins is the answer.
            let head = client.with("accept", "text/event-stream").head_of_stream(path).await;
            return match head {
                200 => "ok",
                401 => "401",
                403 => "403",
                _ => "404",
            };
        }
        // Of all sessions, the one that asks goes on for the line after.
        None if route.path == "/api/v1/me/sessions" => client.own(route.method.as_str(), &format!("{path}?keep=current")).await,
        None => client.own(route.method.as_str(), path).await,
    };
    let code =
        if answer.status >= 400 && answer.header("content-type") == Some("application/json") { answer.code() } else { String::new() };
    match (answer.status, code.as_str()) {
        // A delivery is let in by its signature, whoever brings it.
        (401, "signature_invalid") => "ok",
        (401, _) => "401",
        (403, "forbidden") => "403",
        (403, _) => "site",
        // The ids in these paths are of nothing; whoever is told so came past the permit.
        (
            404,
            "session_not_found"
            | "token_not_found"
            | "secret_not_found"
            | "key_not_found"
            | "user_not_found"
            | "invitation_not_found"
            | "work_not_found"
            | "delivery_not_found",
        ) => "ok",
        (404, "not_found") if route.path == "/api/v1/me/totp" => "ok",
        (404, _) => "404",
        (500.., _) => "500",
        _ => "ok",
    }
}

/// A sign-in that is refused comes as far as anybody does; only a bad token does not come that far.
async fn cell_of_login(client: &Client) -> &'static str {
    let answer = client.json("POST", "/api/v1/login", json!({"login": "nobody-at-all", "password": "a"})).await;
    match (answer.status, answer.code().as_str()) {
        (401, "sign_in_refused") | (429, "rate_limited") => "ok",
        (401, _) => "401",
        (403, "forbidden") => "403",
        (403, _) => "site",
        (404, _) => "404",
        _ => "500",
    }
}

#[tokio::test]
async fn whoever_may_not_see_a_repository_cannot_tell_it_from_none() {
    let world = World::new().await;
    let repo = world.repo("app", [("lib/a.json", "{\n")]).await;
    let issue = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    for route in routes::table().iter().filter(|route| route.path.contains("{owner}") && route.permission != Permission::Public) {
        let there = fill(route.path, &repo, &issue);
        let absent = there.replace("/local/app", "/local/nope");
        let body = match route.method.as_str() {
            "DELETE" if route.path.ends_with("{name}") => Some(json!({"confirm": "local/app"})),
            "PATCH" => Some(json!({"private": false})),
            "POST" if route.path.ends_with("/dry-run") => Some(json!({"manifest": "version: 1"})),
            "POST" if route.path.ends_with("/keys") => Some(json!({"generate": "ed25519"})),
            "PUT" if route.path.contains("/secrets/") => Some(json!({"value": "marigold"})),
            "PUT" if route.path.ends_with("/{login}") => Some(json!({"role": "read"})),
            _ => None,
        };
        let (seen, not) = if let Some(body) = body {
            let method = route.method.as_str();
            (member.json(method, &there, body.clone()).await, member.json(method, &absent, body).await)
        } else {
            (member.own(route.method.as_str(), &there).await, member.own(route.method.as_str(), &absent).await)
        };
        assert_eq!((seen.status, seen.code()), (404, "repo_not_found".to_owned()), "{}", route.path);
        assert_eq!(seen.refused("repo_not_found").replace("local/app", "local/nope"), not.refused("repo_not_found"), "{}", route.path);
    }
    let hidden = member.get(&format!("/api/v1/issues/{issue}")).await.expect(404).refused("issue_not_found");
    let absent = member.get("/api/v1/issues/iss_00000000000000000000000000").await.expect(404).refused("issue_not_found");
    assert_eq!(hidden.replace(&issue, "ID"), absent.replace("iss_00000000000000000000000000", "ID"));
    assert_eq!(member.get("/api/v1/repos").await.expect(200).value()["items"], json!([]));
    let found = member.get("/api/v1/search/issues?q=json").await.expect(200).value();
    assert_eq!((&found["total"], &found["items"]), (&json!(0), &json!([])));
    assert_eq!(found["facets"]["repo"].as_object().map_or(0, serde_json::Map::len), 0, "facets tell nothing either");
    for page in ["/r/local/app", "/r/local/app/commits", &format!("/r/local/app/commits/{}", repo.first), &format!("/issues/{issue}")] {
        let seen = member.page(page).await.expect(404).text();
        assert!(!seen.contains("a.json"), "{page}");
    }
}

#[tokio::test]
async fn a_token_makes_none_that_may_do_more_than_it() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.repo("other", [("a.rb", "puts 1\n")]).await;
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let end = "2026-02-01T00:00:00Z";
    let ends = || Some(end.parse().unwrap());
    let body = |scopes: &serde_json::Value, repos: serde_json::Value, expires_at: serde_json::Value| json!({"name": "more", "scopes": scopes, "repos": repos, "expires_at": expires_at});
    let read = json!(["repo:read"]);

    // One that is for some repositories administers nothing, whatever its scopes say.
    let narrow = world.app.anonymous().bearer(&world.app.token(TokenKind::Service, &[Scope::RepoRead, Scope::Admin], None, &[id], ends()));
    narrow.post("/api/v1/admin/tokens", body(&read, json!(["local/app"]), json!(end))).await.expect(403);

    let program = world.app.anonymous().bearer(&world.app.token(TokenKind::Service, &[Scope::RepoRead, Scope::Admin], None, &[], ends()));
    let make = async |body: serde_json::Value| program.post("/api/v1/admin/tokens", body).await;
    make(body(&json!(["repo:write"]), json!(null), json!(end))).await.expect(403);
    make(body(&read, json!(null), json!(null))).await.expect(403);
    make(body(&read, json!(null), json!("2026-02-01T00:00:01Z"))).await.expect(403);
    let made = make(body(&read, json!(["local/app"]), json!(end))).await.expect(201).value();
    assert_eq!(made["repos"], json!(["local/app"]));
}
