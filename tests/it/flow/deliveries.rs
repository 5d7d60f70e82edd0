//! What follows from what GitHub tells us: in any order, any number of times, with the same end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plumbline::app::runner;
use plumbline::base::event::{Actor, Event};
use plumbline::base::id::{Ids, RepoId};
use plumbline::base::name::{BranchName, CommitSha};
use plumbline::base::time::Timestamp;
use plumbline::base::work::{Lane, Work};
use plumbline::domain::accounts::{InstanceRole, Profile, RepoRole};
use plumbline::domain::github::payload;
use plumbline::domain::hooks::Outcome;
use plumbline::domain::hooks::github::{Applied, Sent, apply};
use plumbline::domain::pulls;
use plumbline::domain::repos::{self, BadgeKey, BranchChange, NewRepository, RepoSource};
use plumbline::engine::queue::{self, WorkState};
use plumbline::engine::store::{Store, WriteTx};
use plumbline::{app::schema::schema, domain::accounts};
use serde_json::{Value, json};

use crate::support::deliveries::{self, Sender, add, described};
use crate::support::world::{World, text};

const SOON: &str = "2026-01-31T12:00:01Z";
const LATER: &str = "2026-01-31T12:00:02Z";
const LAST: &str = "2026-01-31T12:00:03Z";

fn repository(action: &str, repo: Value) -> Value {
    json!({"action": action, "repository": repo, "installation": {"id": 301}, "sender": {"id": 9, "login": "ada"}})
}

/// The names of the repositories that an administrator sees.
async fn names(world: &World) -> Vec<String> {
    let list = world.admin.get("/api/v1/repos").await.expect(200).value();
    let name = |repo: &Value| format!("{}/{}", text(&repo["owner"]), text(&repo["name"]));
    list["items"].as_array().unwrap().iter().map(name).collect()
}

async fn outcome(world: &World, id: &str) -> String {
    let found = world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
    format!("{}: {}", text(&found["state"]), found["outcome"].as_str().unwrap_or("-"))
}

/// Interprets what came, and lets fetches that cannot succeed be: there is no GitHub here.
async fn settle(world: &World) {
    world.app.settle().await;
    let fetches = world.app.work(WorkState::Ready).into_iter().filter(|item| matches!(item.work, Work::SyncRepository { .. }));
    for fetch in fetches.map(|item| item.id) {
        world.app.app().write_now(&Actor::System, move |tx, _| queue::discard(tx, fetch)).unwrap();
    }
}

#[tokio::test]
async fn a_renamed_repository_keeps_what_it_has_and_its_old_name_leads_to_it() {
    let world = deliveries::world();
    let (sender, id) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    let member = world.app.user("grace", InstanceRole::Member);
    let grant = move |tx: &mut WriteTx, _| accounts::grant(tx, id, member, RepoRole::Read);
    world.app.app().write_now(&Actor::System, grant).unwrap();
    sender.send("repository", &repository("renamed", described(7, "acme/application", SOON))).await;
    settle(&world).await;
    assert_eq!(names(&world).await, ["acme/application"]);
    let moved = world.admin.get("/api/v1/repos/acme/app/branches?limit=5").await.expect(308);
    assert_eq!(moved.header("location"), Some("/api/v1/repos/acme/application/branches?limit=5"));
    let page = world.admin.page("/r/acme/app").await.expect(308);
    assert_eq!(page.header("location"), Some("/r/acme/application"));
    assert_eq!(world.app.sign_in(member).await.page("/r/acme/app").await.expect(308).header("location"), Some("/r/acme/application"));
    // Pages elsewhere show its badge by its old name; one that is nobody's is everybody's.
    let kept = async |name: &str| {
        world.admin.get(&format!("/badges/{name}/gate.svg")).await.expect(200).header("cache-control").map(str::to_owned)
    };
    assert_eq!(kept("acme/app").await, kept("acme/application").await);
    assert_ne!(kept("acme/app").await, kept("acme/none").await);
    // Whoever may not see it learns nothing.
    let stranger = world.app.sign_in(world.app.user("eve", InstanceRole::Member)).await;
    stranger.get("/api/v1/repos/acme/app").await.expect(404).refused("repo_not_found");
    // A transfer is the same, and comes through another installation.
    let mut transferred = repository("transferred", described(7, "umbrella/application", LATER));
    transferred["installation"]["id"] = json!(302);
    sender.send("repository", &transferred).await;
    settle(&world).await;
    let moved = world.admin.get("/api/v1/repos/acme/app").await.expect(308);
    assert_eq!(moved.header("location"), Some("/api/v1/repos/umbrella/application"));
    let source = world.app.app().read_now(|tx, _| repos::get(tx, id)).unwrap().source;
    assert_eq!(source, RepoSource::GitHub { id: 7, installation: 302 });
    // A name belongs to whoever has it now.
    add(&world.app, "acme/app", 8, 301);
    world.admin.get("/api/v1/repos/acme/app").await.expect(200);
    settle(&world).await;
}

#[tokio::test]
async fn what_is_said_to_be_of_a_far_future_is_not_newer_than_all_that_follows() {
    let world = deliveries::world();
    let (sender, _) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    for (name, at) in [("acme/one", "9999-12-31T23:59:59Z"), ("acme/two", LATER), ("acme/three", LAST)] {
        world.app.advance(Duration::from_secs(60));
        let at = if name == "acme/three" { world.app.now().to_string() } else { at.to_owned() };
        sender.send("repository", &repository("renamed", described(7, name, &at))).await;
        settle(&world).await;
    }
    assert_eq!(names(&world).await, ["acme/three"]);
}

#[tokio::test]
async fn a_repository_that_is_made_public_is_public_whichever_of_the_two_deliveries_comes() {
    let world = deliveries::world();
    let (sender, _) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    let mut public = described(7, "acme/app", LATER);
    public["private"] = json!(false);
    let id = sender.send("public", &json!({"repository": public, "installation": {"id": 301}})).await;
    settle(&world).await;
    assert_eq!(outcome(&world, &id).await, "processed: what GitHub says was taken over");
    assert_eq!(world.admin.get("/api/v1/repos/acme/app").await.expect(200).value()["private"], json!(false));
}

#[tokio::test]
async fn two_repositories_that_exchange_names_end_with_them_in_any_order() {
    for is_reversed in [false, true] {
        let world = deliveries::world();
        let sender = Sender::to(&world.app);
        let (first, second) = (add(&world.app, "acme/a", 7, 301), add(&world.app, "acme/b", 8, 301));
        let mut steps = vec![
            repository("renamed", described(7, "acme/c", SOON)),
            repository("renamed", described(8, "acme/a", LATER)),
            repository("renamed", described(7, "acme/b", LAST)),
        ];
        if is_reversed {
            steps.reverse();
        }
        for step in &steps {
            sender.send("repository", step).await;
            settle(&world).await;
        }
        let name = |id| world.app.app().read_now(move |tx, _| repos::get(tx, id)).unwrap().slug.to_string();
        assert_eq!((name(first), name(second)), ("acme/b".to_owned(), "acme/a".to_owned()), "reversed: {is_reversed}");
    }
}

#[tokio::test]
async fn a_repository_that_github_deleted_is_hidden_at_once_and_goes_after_a_while() {
    let world = deliveries::world();
    let (sender, id) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    let removal = sender.send("repository", &repository("deleted", described(7, "acme/app", SOON))).await;
    settle(&world).await;
    assert_eq!(names(&world).await, [""; 0]);
    assert_eq!(outcome(&world, &removal).await, "processed: `acme/app` is hidden, and will be deleted in 7 days");
    world.admin.get("/api/v1/repos/acme/app").await.expect(404);
    let hidden = world.admin.get("/api/v1/admin/repos/hidden").await.expect(200).value();
    assert_eq!((&hidden["items"][0]["why"], &hidden["items"][0]["deleted_at"]), (&json!("deleted"), &json!("2026-02-07T12:00:00Z")));
    assert!(world.admin.page("/admin/repos").await.expect(200).text().contains("acme/app"));
    let late = sender.send("push", &pushed("refs/heads/main", described(7, "acme/app", LAST))).await;
    settle(&world).await;
    assert_eq!(outcome(&world, &late).await, "ignored: `acme/app` is hidden here, and will be deleted");
    world.app.advance(Duration::from_secs(6 * 24 * 3_600));
    world.app.tick().await;
    assert!(!world.app.app().read_now(move |tx, _| repos::is_gone(tx, id)).unwrap());
    world.app.advance(Duration::from_secs(25 * 3_600));
    world.app.tick().await;
    settle(&world).await;
    assert!(world.app.app().read_now(move |tx, _| repos::is_gone(tx, id)).unwrap());
    assert_eq!(world.admin.get("/api/v1/admin/repos/hidden").await.expect(200).value()["items"], json!([]));
}

#[tokio::test]
async fn what_the_app_is_let_at_again_is_back_as_it_was() {
    let world = deliveries::world();
    let (sender, id) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    let other = add(&world.app, "acme/other", 8, 301);
    let installation = |at: &str| json!({"id": 301, "account": {"id": 1, "login": "acme"}, "updated_at": at});
    let gone =
        json!({"action": "removed", "installation": installation(SOON), "repositories_removed": [{"id": 7, "full_name": "acme/app"}]});
    let back = json!({"action": "added", "installation": installation(LATER), "repositories_added": [{"id": 7}, {"id": 99}]});
    sender.send("installation_repositories", &gone).await;
    settle(&world).await;
    assert_eq!(names(&world).await, ["acme/other"]);
    sender
        .send(
            "repository",
            &repository("publicized", {
                let mut repo = described(7, "acme/app", LAST);
                repo["private"] = json!(false);
                repo
            }),
        )
        .await;
    sender.send("installation_repositories", &back).await;
    // It was taken away earlier than it was given back, however late we hear of it.
    sender.send("installation_repositories", &gone).await;
    settle(&world).await;
    assert_eq!(names(&world).await, ["acme/app", "acme/other"]);
    assert!(!world.app.app().read_now(move |tx, _| repos::get(tx, id)).unwrap().is_private);
    let ended = sender.send("installation", &json!({"action": "deleted", "installation": installation(LAST), "repositories": []})).await;
    settle(&world).await;
    assert_eq!(names(&world).await, [""; 0]);
    assert!(outcome(&world, &ended).await.starts_with("processed: the App was removed there"));
    assert!(!world.app.app().read_now(move |tx, _| repos::is_gone(tx, other)).unwrap());
}

#[tokio::test]
async fn a_push_is_fetched_before_what_came_by_the_clock_and_waited_longer() {
    let world = deliveries::world();
    let (sender, app) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    let quiet = add(&world.app, "acme/quiet", 8, 301);
    settle(&world).await;
    let handle = world.app.app();
    handle.write_now(&Actor::System, move |tx, now| tx.record(Event::PollDue { repo: quiet }, now)).unwrap();
    world.app.advance(Duration::from_secs(60));
    sender.send("push", &pushed("refs/heads/main", described(7, "acme/app", LAST))).await;
    let hooks = handle.clone();
    tokio::task::spawn_blocking(move || runner::run_next(&hooks, Lane::Hooks, "test", None)).await.unwrap().unwrap();
    let take = || handle.write_now(&Actor::System, |tx, now| queue::claim(tx, Lane::Git, "test", now)).unwrap();
    let claims = [take().unwrap(), take().unwrap()];
    let taken = claims.each_ref().map(|claim| claim.work.clone());
    assert_eq!(taken, [Work::SyncRepository { repo: app }, Work::SyncRepository { repo: quiet }]);
    // What waits for nobody but GitHub's answer holds up no fetch.
    handle.write_now(&Actor::System, move |tx, now| accounts::roles_changed(tx, app, now)).unwrap();
    assert_eq!(take(), None);
    for claim in claims {
        handle.write_now(&Actor::System, move |tx, now| queue::finish(tx, &claim, now)).unwrap();
    }
    settle(&world).await;
}

#[tokio::test]
async fn deliveries_that_wait_are_interpreted_together_and_a_bad_one_among_them_by_itself() {
    let world = deliveries::world();
    let (sender, id) = (Sender::to(&world.app), add(&world.app, "acme/app", 7, 301));
    settle(&world).await;
    let mut sent = Vec::new();
    for n in 0..8 {
        let renamed = repository("renamed", described(7, &format!("acme/app-{n}"), SOON));
        let payload = if n == 4 { json!({"action": "renamed"}) } else { renamed };
        sent.push(sender.send("repository", &payload).await);
    }
    let (hooks, before) = (world.app.app().clone(), world.app.work(WorkState::Ready).len());
    tokio::task::spawn_blocking(move || runner::run_next(&hooks, Lane::Hooks, "test", None)).await.unwrap().unwrap();
    let waits = world.app.work(WorkState::Ready).iter().filter(|item| matches!(item.work, Work::InterpretDelivery { .. })).count();
    assert_eq!((before, waits), (8, 0));
    for (n, id) in sent.iter().enumerate() {
        let outcome = outcome(&world, id).await;
        assert!(outcome.starts_with(if n == 4 { "failed: " } else { "processed: " }), "{n}: {outcome}");
    }
    settle(&world).await;
    let slug = world.app.app().read_now(move |tx, _| repos::get(tx, id)).unwrap().slug;
    assert_eq!(slug.to_string(), "acme/app-7", "in the order in which they came");
}

#[tokio::test]
async fn whoever_an_organization_let_go_is_looked_at_by_themselves() {
    let world = deliveries::world();
    let user = world.app.user("grace", InstanceRole::Member);
    let profile = Profile { subject: 31, login: "grace".to_owned(), name: None, avatar_url: None, emails: None };
    let link = move |tx: &mut WriteTx, now| accounts::link_github(tx, user, &profile, now);
    world.app.app().write_now(&Actor::System, link).unwrap();
    let gone = json!({
        "action": "member_removed", "organization": {"id": 1, "login": "acme"}, "installation": {"id": 301},
        "membership": {"state": "inactive", "role": "member", "user": {"id": 31, "login": "grace"}},
    });
    Sender::to(&world.app).send("organization", &gone).await;
    let hooks = world.app.app().clone();
    tokio::task::spawn_blocking(move || runner::run_next(&hooks, Lane::Hooks, "test", None)).await.unwrap().unwrap();
    let waits: Vec<Work> = world.app.work(WorkState::Ready).into_iter().map(|item| item.work).collect();
    assert!(waits.contains(&Work::SyncPerson { user }) && waits.contains(&Work::SyncPeople), "{waits:?}");
    settle(&world).await;
}

#[tokio::test]
async fn what_has_no_home_here_is_kept_with_the_reason() {
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let repo = || described(7, "acme/app", SOON);
    let sha = "a".repeat(40);
    let cases = [
        ("push", pushed("refs/heads/main", repo()), "ignored: `acme/app` (GitHub's number 7) was not added here"),
        ("push", pushed("refs/tags/v1", repo()), "ignored: no branch moved"),
        ("create", json!({"ref": "v1", "ref_type": "tag", "repository": repo()}), "ignored: it is no branch"),
        ("team_add", json!({"team": {"id": 1, "slug": "a"}, "repository": repo()}), "processed: GitHub is asked who belongs where"),
        (
            "check_run",
            json!({"action": "created", "check_run": {"id": 1, "head_sha": sha}, "repository": repo()}),
            "ignored: nobody asks for anything",
        ),
        (
            "installation",
            json!({"action": "suspend", "installation": {"id": 301}}),
            "processed: the installation is suspended: GitHub answers nothing about its repositories until that ends",
        ),
        (
            "repository",
            json!({"action": "renamed"}),
            "failed: the payload is not that of `repository`: at `.`: missing field `repository` at line 1 column 20",
        ),
        ("star", json!({"action": "created", "repository": repo()}), "ignored: nothing is known of events of this kind"),
    ];
    for (event, payload, expected) in cases {
        let id = sender.send(event, &payload).await;
        settle(&world).await;
        assert_eq!(outcome(&world, &id).await, expected, "{event}");
    }
}

fn pushed(reference: &str, repo: Value) -> Value {
    json!({"ref": reference, "before": "0".repeat(40), "after": "1".repeat(40), "repository": repo, "installation": {"id": 301}})
}

/// A repository on GitHub over six events: what each says of it, and what its branches are after each.
struct History {
    events: Vec<(&'static str, Value)>,
    truths: Vec<(Heads, &'static str)>,
}

type Heads = BTreeMap<&'static str, u8>;

fn history() -> History {
    let at = |second: u8| format!("2026-01-31T12:00:0{second}Z");
    let said = |name: &str, second: u8, private: bool, pushed: u8| {
        let mut repo = described(7, name, &at(second));
        repo["private"] = json!(private);
        repo["pushed_at"] = json!(at(pushed));
        repo
    };
    let before = Heads::from([("main", 1), ("old", 1)]);
    let with = |heads: &Heads, name, head| {
        let mut heads = heads.clone();
        heads.insert(name, head);
        heads
    };
    let push = with(&before, "main", 2);
    let forced = with(&push, "feature", 3);
    let mut deleted = forced.clone();
    deleted.remove("old");
    History {
        events: vec![
            ("push", pushed("refs/heads/main", said("acme/app", 0, false, 1))),
            ("repository", repository("renamed", said("acme/application", 2, false, 1))),
            // Within the second of the one before: the names of deliveries tell which is later.
            ("repository", repository("privatized", said("acme/application", 2, true, 1))),
            ("push", pushed("refs/heads/feature", said("acme/application", 2, true, 4))),
            ("repository", repository("edited", said("acme/application", 5, true, 4))),
            (
                "delete",
                json!({"ref": "old", "ref_type": "branch", "repository": said("acme/application", 5, true, 6), "installation": {"id": 301}}),
            ),
        ],
        truths: vec![
            (push.clone(), "main"),
            (push.clone(), "main"),
            (push, "main"),
            (forced.clone(), "main"),
            (forced, "feature"),
            (deleted, "feature"),
        ],
    }
}

fn sha(n: u8) -> CommitSha {
    CommitSha::from_bytes([n; 20])
}

/// What a fetch finds is written down as a sync does it.
fn fetch(tx: &mut WriteTx, repo: RepoId, (heads, default): &(Heads, &'static str), now: Timestamp) {
    let default: BranchName = default.parse().unwrap();
    let found: Vec<(BranchName, CommitSha)> = heads.iter().map(|(name, head)| (name.parse().unwrap(), sha(*head))).collect();
    let (repository, known) = (repos::get(tx, repo).unwrap(), repos::all_branches(tx, repo).unwrap());
    let changes: Vec<BranchChange> = repos::compare(&repository, &known, Some(&default), &found);
    repos::name_default(tx, repo, Some(&default), false).unwrap();
    repos::record_branches(tx, repo, &changes, now).unwrap();
    repos::record_fetch(tx, repo, None, now).unwrap();
}

/// Everything there is to see of a repository in the end.
fn end(order: &[usize], history: &Arc<History>) -> String {
    let store = Store::in_memory(schema(), Ids::seeded(1), Box::new(|_| {})).unwrap();
    let now = Timestamp::from_seconds(1_000);
    let (order, history) = (order.to_vec(), Arc::clone(history));
    store
        .write(move |tx| -> Result<String, repos::Error> {
            let source = RepoSource::GitHub { id: 7, installation: 301 };
            let (slug, remote) = ("acme/app".parse()?, "https://github.example/acme/app.git".to_owned());
            let new = NewRepository { slug, source, remote, is_trusted: false, badge_key: BadgeKey::from_bytes([7; 16]), owner: None };
            let id = repos::add(tx, new, now)?.id;
            fetch(tx, id, &(Heads::from([("main", 1), ("old", 1)]), "main"), now);
            // GitHub knows at each moment what has happened until then.
            let mut latest = 0;
            for event in &order {
                latest = latest.max(*event);
                let (name, body) = &history.events[*event];
                let payload = payload::parse(name, body.to_string().as_bytes()).unwrap();
                let sent = Sent { guid: format!("{event:08x}-cc78-11e3-81ab-4c9367dc0958"), received_at: now, presser: None };
                let before = tx.recorded_events().len();
                assert!(matches!(apply(tx, &payload, &sent, now), Ok(Applied::Whole(_))));
                if tx.recorded_events()[before..].iter().any(|recorded| matches!(recorded.event, Event::SyncDue { .. })) {
                    fetch(tx, id, &history.truths[latest], now);
                }
            }
            let repo = repos::get(tx, id)?;
            let heads: Vec<String> =
                repos::all_branches(tx, id)?.iter().map(|branch| format!("{}@{}", branch.name, branch.head.short())).collect();
            let old = "acme/app".parse()?;
            let leads = repos::formerly(tx, &old)?.map(|repo| repo.slug.to_string());
            Ok(format!(
                "{} {} private={} default={:?} {heads:?} acme/app→{leads:?}",
                repo.slug, repo.remote, repo.is_private, repo.default_branch
            ))
        })
        .unwrap()
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for shorter in permutations(n - 1) {
        for at in 0..n {
            let mut longer = shorter.clone();
            longer.insert(at, n - 1);
            all.push(longer);
        }
    }
    all
}

#[test]
fn six_deliveries_end_in_the_same_state_in_each_of_their_720_orders() {
    let history = Arc::new(history());
    let expected = end(&[0, 1, 2, 3, 4, 5], &history);
    assert_eq!(
        expected,
        "acme/application https://github.example/acme/application.git private=true default=Some(feature) \
         [\"feature@0303030\", \"main@0202020\"] acme/app→Some(\"acme/application\")"
    );
    let orders = permutations(6);
    assert_eq!(orders.len(), 720);
    for (n, order) in orders.iter().enumerate() {
        // Some come twice, at once or much later.
        let mut order = order.clone();
        order.insert(n % 7, order[n % 6]);
        order.push(order[(n / 7) % 6]);
        assert_eq!(end(&order, &history), expected, "{order:?}");
    }
}

/// A pull request's life: the events, in the order in which they happened.
fn life() -> Vec<(&'static str, Value)> {
    let whole = json!({"id": 7, "full_name": "acme/app"});
    let event = |action: &str, second: &str, change: &dyn Fn(&mut Value)| {
        let mut pull = json!({
            "number": 3, "title": "A title", "state": "open", "draft": true, "merged": false, "user": {"id": 9, "login": "ada"},
            "base": {"ref": "main", "sha": "1".repeat(40), "repo": whole}, "head": {"ref": "topic", "sha": "2".repeat(40), "repo": whole},
            "created_at": "2026-01-31T12:00:00Z", "updated_at": second, "closed_at": null, "merged_at": null,
        });
        change(&mut pull);
        json!({"action": action, "number": 3, "pull_request": pull, "repository": whole, "installation": {"id": 301}})
    };
    let pushed = |pull: &mut Value| pull["head"]["sha"] = json!("3".repeat(40));
    let retitled = |pull: &mut Value| (pushed(pull), pull["title"] = json!("Another"), pull["base"]["ref"] = json!("next")).0;
    let ready = |pull: &mut Value| (retitled(pull), pull["draft"] = json!(false)).0;
    let closed = |pull: &mut Value| (ready(pull), pull["state"] = json!("closed"), pull["closed_at"] = json!(LATER)).0;
    let reviewed = |pull: &mut Value| {
        closed(pull);
        pull.as_object_mut().unwrap().remove("merged");
    };
    let reopened = |pull: &mut Value| (ready(pull), pull["head"]["repo"] = Value::Null).0;
    vec![
        ("pull_request", event("opened", "2026-01-31T12:00:00Z", &|_| {})),
        ("pull_request", event("synchronize", SOON, &pushed)),
        // Within one second: the names of deliveries tell which is later.
        ("pull_request", event("edited", SOON, &retitled)),
        ("pull_request", event("ready_for_review", SOON, &ready)),
        ("pull_request_review", event("submitted", LATER, &reviewed)),
        ("pull_request", event("reopened", LAST, &reopened)),
    ]
}

fn end_of_pull(order: &[usize], life: &Arc<Vec<(&'static str, Value)>>) -> String {
    let store = Store::in_memory(schema(), Ids::seeded(1), Box::new(|_| {})).unwrap();
    let (order, life, now) = (order.to_vec(), Arc::clone(life), Timestamp::from_seconds(1_000));
    store
        .write(move |tx| -> Result<String, repos::Error> {
            let source = RepoSource::GitHub { id: 7, installation: 301 };
            let (slug, remote) = ("acme/app".parse()?, "https://github.example/acme/app.git".to_owned());
            let new = NewRepository { slug, source, remote, is_trusted: false, badge_key: BadgeKey::from_bytes([7; 16]), owner: None };
            let id = repos::add(tx, new, now)?.id;
            for event in &order {
                let (name, body) = &life[*event];
                let payload = payload::parse(name, body.to_string().as_bytes()).unwrap();
                let sent = Sent { guid: format!("{event:08x}-cc78-11e3-81ab-4c9367dc0958"), received_at: now, presser: None };
                assert!(matches!(apply(tx, &payload, &sent, now), Ok(Applied::Whole(Outcome::Processed(_)))));
            }
            Ok(format!("{:?}", pulls::find(tx, id, 3).unwrap()))
        })
        .unwrap()
}

#[test]
fn the_life_of_a_pull_request_ends_in_the_same_state_in_each_of_the_720_orders_of_its_deliveries() {
    let life = Arc::new(life());
    let expected = end_of_pull(&[0, 1, 2, 3, 4, 5], &life);
    for part in ["title: \"Another\"", "state: Open", "is_draft: false", "repo: None", "is_fork: true", "sha: 3333333"] {
        assert!(expected.contains(part), "{part}: {expected}");
    }
    for (n, order) in permutations(6).iter().enumerate() {
        let mut order = order.clone();
        order.insert(n % 7, order[n % 6]);
        order.push(order[(n / 7) % 6]);
        assert_eq!(end_of_pull(&order, &life), expected, "{order:?}");
    }
}
