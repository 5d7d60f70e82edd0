//! Server-sent events: logs that grow, and hints for those who may see what they are about.

use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole};
use serde_json::{Value, json};

use crate::support::client::Events;
use crate::support::world::{World, text};

/// The next hint: what happened, and to what.
async fn hint(events: &mut Events) -> String {
    let event = events.next().await.expect("the stream goes on");
    let hint: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
    format!("{} {}", text(&hint["type"]), text(&hint["subject"]))
}

#[tokio::test]
async fn hints_are_for_those_who_may_see_the_repository() {
    let world = World::new().await;
    let hidden = world.repo("hidden", [("a.rb", "puts 1\n")]).await;
    // Each check has hints of its own: one is enough here.
    let one = "version: 1\nchecks: [{plugin: hygiene}]\n";
    let shown = world.repo("shown", [(".plumbline.yaml", one), ("a.rb", "puts 1\n")]).await;
    let user = world.app.user("ada", InstanceRole::Member);
    let repo = text(&shown.see("").await["id"]).parse().unwrap();
    world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, repo, user, RepoRole::Read)).unwrap();
    let ada = world.app.sign_in(user).await;

    let mut heard = ada.events("/api/v1/events").await;
    let mut all = world.admin.events("/api/v1/events").await;
    let first = hidden.push([("b.rb", "puts 2\n")]).await;
    let second = shown.push([("b.rb", "puts 2\n")]).await;
    assert_eq!(hint(&mut all).await, format!("branch_moved local/hidden/commits/{first}"));
    let told = ["branch_moved", "check_set_requested", "check_set_started", "check_changed", "check_changed", "check_set_completed"];
    for kind in told {
        assert_eq!(hint(&mut heard).await, format!("{kind} local/shown/commits/{second}"));
    }
    world.app.anonymous().with("accept", "text/event-stream").get("/api/v1/events").await.expect(401).refused("unauthenticated");
}

#[tokio::test]
async fn a_log_is_followed_while_it_grows_and_told_whole_once_it_has_ended() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let path = repo.commit(&repo.first, "/checks/hygiene/log");
    let mut ended = world.admin.events(&path).await;
    let whole = ended.next().await.unwrap();
    assert!(whole.starts_with("data: hygiene version 2 at "), "{whole}");
    assert_eq!(ended.next().await.as_deref(), Some("event: end\ndata: end"));
    assert_eq!(ended.next().await, None);

    // A check at work: begun by hand, so that the test says when it speaks.
    let app = world.app.app();
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let sha = repo.first.parse().unwrap();
    let set = app
        .write_now(&Actor::System, move |tx, now| {
            let set = plumbline::domain::checks::request(tx, id, sha, now)?;
            let planned = plumbline::domain::checks::plan::plan(None, &[], &Default::default());
            let set = plumbline::domain::checks::start(tx, &set, &planned, plumbline::domain::checks::Vouched::default(), now)?;
            plumbline::domain::checks::start_check(tx, &set, "hygiene", now)?;
            Ok::<_, plumbline::domain::checks::Error>(set)
        })
        .unwrap();
    let mut log = app.live.begin(set.attempt, set.checks[0].id).unwrap();
    log.line("one");
    let mut tail = world.admin.events(&path).await;
    assert_eq!(tail.next().await.as_deref(), Some("data: one\ndata: "));
    assert_eq!(world.admin.get(&path).await.expect(200).text(), "one\n");
    log.line("two");
    assert_eq!(tail.next().await.as_deref(), Some("data: two\ndata: "));
    drop(log);
    assert_eq!(tail.next().await.as_deref(), Some("event: end\ndata: end"));
    assert_eq!(tail.next().await, None);
    world.app.settle().await;
    assert_eq!(repo.see(&format!("/commits/{}/checks", repo.first)).await["state"], json!("succeeded"));
}
