//! Deliveries as GitHub sends them: signed, named, and as it likes.

use plumbline::app::config::Config;
use plumbline::base::event::Actor;
use plumbline::base::id::RepoId;
use plumbline::base::name::RepoSlug;
use plumbline::domain::accounts::{Scope, TokenKind};
use plumbline::domain::dora;
use plumbline::domain::github::signature;
use plumbline::domain::hooks::{self, Arrived, Content, Source};
use plumbline::domain::pulls;
use plumbline::domain::repos::{self, AsOf, BadgeKey, NewRepository, RepoSource, Withdrawal};
use plumbline::engine::store::WriteTx;
use serde_json::{Value, json};

use super::app::TestApp;
use super::client::{Answer, Client};
use super::world::World;

/// What deliveries are signed with.
pub const SECRET: &str = "It's a Secret to Everybody";
/// What they were signed with before.
pub const BEFORE: &str = "an older secret";
/// Where they go.
pub const HOOK: &str = "/hooks/github";

/// An appliance that knows both secrets.
pub fn app() -> TestApp {
    app_with(|_| {})
}

/// The same with an administrator whose access does not end with a week.
pub fn world() -> World {
    let app = app();
    let token = app.token(TokenKind::Service, &[Scope::RepoRead, Scope::Admin], None, &[], None);
    World { admin: app.anonymous().bearer(&token), app }
}

/// The same, configured otherwise.
pub fn app_with(change: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::with(|config| {
        let file = config.data_dir.parent().unwrap().join("webhook-secrets");
        std::fs::write(&file, format!("{SECRET}\n{BEFORE}\n")).unwrap();
        config.github.webhook_secret = Some(plumbline::domain::github::Given::File(file));
        change(config);
    })
}

/// Whoever sends deliveries.
pub struct Sender {
    client: Client,
    sent: std::cell::Cell<u32>,
}

impl Sender {
    pub fn to(app: &TestApp) -> Sender {
        Sender { client: app.anonymous(), sent: std::cell::Cell::new(0) }
    }

    /// A name for the next delivery: GitHub's are UUIDs that hold the time.
    pub fn guid(&self) -> String {
        self.sent.set(self.sent.get() + 1);
        format!("{:08x}-cc78-11e3-81ab-4c9367dc0958", self.sent.get())
    }

    /// Sends a payload under a new name; answers the delivery's id.
    pub async fn send(&self, event: &str, payload: &Value) -> String {
        self.send_as(&self.guid(), event, payload).await
    }

    pub async fn send_as(&self, guid: &str, event: &str, payload: &Value) -> String {
        let taken = self.raw(guid, event, payload.to_string().as_bytes()).await.expect(202).value();
        taken["delivery"].as_str().unwrap().to_owned()
    }

    /// Sends these bytes, signed as they are.
    pub async fn raw(&self, guid: &str, event: &str, body: &[u8]) -> Answer {
        self.signed(guid, event).with(signature::HEADER, &signature::sign(body, SECRET)).send("POST", HOOK, Some(body)).await
    }

    /// A client with the headers that GitHub sends, but for the signature.
    pub fn signed(&self, guid: &str, event: &str) -> Client {
        let client = self.client.with("content-type", "application/json").with("user-agent", "GitHub-Hookshot/044aadd");
        client.with("x-github-delivery", guid).with("x-github-event", event)
    }
}

/// Adds GitHub's repository of this number, without a fetch.
pub fn add(app: &TestApp, slug: &str, id: u64, installation: u64) -> RepoId {
    let slug: RepoSlug = slug.parse().unwrap();
    let new = NewRepository {
        remote: format!("https://github.example/{slug}.git"),
        slug,
        source: RepoSource::GitHub { id, installation },
        is_trusted: false,
        badge_key: BadgeKey::from_bytes([7; 16]),
        owner: None,
    };
    app.app().write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap().id
}

/// A pull request of a repository, of which nothing was fetched.
pub fn pull(app: &TestApp, repo: RepoId, number: u64, title: &str) {
    let said = serde_json::from_value(json!({
        "number": number, "title": title, "state": "open", "user": {"id": 31, "login": "grace"},
        "base": {"ref": "main", "sha": "1".repeat(40), "repo": {"id": 7, "full_name": "acme/app"}},
        "head": {"ref": "topic", "sha": "2".repeat(40), "repo": {"id": 8, "full_name": "mallory/app"}},
    }));
    let (said, now) = (said.unwrap(), app.now());
    let as_of = AsOf { changed_at: now, pushed_at: None, tie: repos::tie("a") };
    let pull = pulls::read(repo, &said, as_of, now).unwrap();
    app.app().write_now(&Actor::System, move |tx, now| pulls::record(tx, pull.clone(), now)).unwrap();
}

/// A deployment of a repository, as GitHub tells of it.
pub fn deployment(app: &TestApp, repo: RepoId, id: u64) {
    let said =
        serde_json::from_value(json!({"id": id, "sha": "1".repeat(40), "ref": "main", "task": "deploy", "environment": "production"}));
    let now = app.now();
    let told = dora::of_deployment(repo, &said.unwrap(), None, |_| now).unwrap();
    app.app().write_now(&Actor::System, move |tx, _| dora::record(tx, &told)).unwrap();
}

/// Two deliveries that came, and two repositories that are hidden.
pub fn two_of_each(app: &TestApp) {
    for n in 0..2 {
        let id = add(app, &format!("acme/hidden-{n}"), 700 + n, 301);
        let as_of = AsOf { changed_at: app.now(), pushed_at: None, tie: repos::tie("a") };
        let arrived = Arrived {
            source: Source::Github,
            guid: n.to_string(),
            event: "ping".to_owned(),
            bytes: 2,
            content: Content::Inline(b"{}".to_vec()),
        };
        let verb = move |tx: &mut WriteTx, now| -> hooks::Result<()> {
            repos::withdraw(tx, id, Withdrawal::Deleted, as_of, now)?;
            hooks::receive(tx, &arrived, now)?;
            Ok(())
        };
        app.app().write_now(&Actor::System, verb).unwrap();
    }
}

/// What payloads say of a repository.
pub fn described(id: u64, full_name: &str, at: &str) -> Value {
    json!({
        "id": id, "full_name": full_name, "name": full_name.split('/').next_back(), "private": true, "archived": false,
        "description": "an app", "default_branch": "main", "updated_at": at, "pushed_at": at, "forks_count": 3,
        "owner": {"id": 1, "login": full_name.split('/').next()},
    })
}
