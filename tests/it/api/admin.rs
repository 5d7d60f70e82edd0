//! The administration: what waits, what is kept, who is signed in, what is set, how it fares.

use std::time::Duration;

use plumbline::base::event::{Actor, Upkeep};
use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use plumbline::domain::admin;
use plumbline::engine::queue::{self, Verdict, WorkState};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

/// Has the work that waits in the lane of fetching be given up.
fn give_up(app: &TestApp) {
    app.app()
        .write_now(&Actor::System, |tx, now| {
            let claim = queue::claim(tx, plumbline::base::work::Lane::Git, "test", now)?.expect("there is work");
            queue::fail(tx, &claim, Verdict::GiveUp, "no luck <b>today</b>", now).map(drop).map_err(|error| match error {
                queue::Error::Store(error) => error,
                other => panic!("{other}"),
            })
        })
        .unwrap();
}

async fn ids(world: &World, state: &str) -> Vec<Value> {
    world.admin.get(&format!("/api/v1/admin/work?state={state}")).await.expect(200).value()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn work_that_was_given_up_is_seen_retried_and_discarded() {
    let world = World::new().await;
    let git = TestRepo::new();
    git.commit([("a.rb", "puts 1\n")]);
    world.register("app", git.path()).await;
    let waits = ids(&world, "ready").await;
    assert_eq!((waits.len(), &waits[0]["work"], &waits[0]["repo"]), (1, &json!("sync_repository"), &json!("local/app")));
    give_up(&world.app);
    let dead = ids(&world, "dead").await;
    assert_eq!((dead.len(), &dead[0]["error"], &dead[0]["attempts"]), (1, &json!("no luck <b>today</b>"), &json!(1)));
    assert!(ids(&world, "ready").await.is_empty());
    let health = world.admin.get("/api/v1/admin/health").await.expect(200).value();
    let lane = health["lanes"].as_array().unwrap().iter().find(|lane| lane["lane"] == json!("git")).unwrap();
    assert_eq!((&lane["dead"], &health["checks"][1]["grade"]), (&json!(1), &json!("weaker")));
    let page = world.admin.page("/admin/work").await.expect(200).text();
    assert!(page.contains("Sync repository") && page.contains("No luck &lt;b&gt;today&lt;/b&gt;."), "{page}");

    let id = text(&dead[0]["id"]).to_owned();
    let retried = world.admin.own("POST", &format!("/api/v1/admin/work/{id}/retry")).await.expect(202).value();
    assert_eq!((&retried["state"], &retried["attempts"]), (&json!("ready"), &json!(0)));
    world.admin.own("POST", &format!("/api/v1/admin/work/{id}/retry")).await.expect(404).refused("work_not_found");
    give_up(&world.app);
    let id = text(&ids(&world, "dead").await[0]["id"]).to_owned();
    world.admin.own("POST", &format!("/api/v1/admin/work/{id}/discard")).await.expect(204);
    assert!(ids(&world, "dead").await.is_empty());

    world.sync("app").await;
    world.admin.own("POST", "/api/v1/repos/local/app/sync").await.expect(202);
    let id = text(&ids(&world, "ready").await[0]["id"]).to_owned();
    world.admin.own("POST", &format!("/api/v1/admin/work/{id}/retry")).await.expect(409).refused("wrong_state");
    world.admin.own("POST", &format!("/admin/work/{id}/discard")).await.expect(303);
    assert!(ids(&world, "ready").await.is_empty());
    for bad in ["state=odd", "lane=odd", "limit=0", "cursor=zz"] {
        world.admin.get(&format!("/api/v1/admin/work?{bad}")).await.expect(400).refused("invalid_parameter");
    }
}

#[tokio::test]
async fn checks_whose_work_is_discarded_do_not_wait_for_ever() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let sha = repo.first.clone();
    world.admin.own("POST", &repo.commit(&sha, "/checks")).await.expect(202);
    let waits = ids(&world, "ready").await;
    assert_eq!((waits.len(), &waits[0]["sha"]), (1, &json!(sha)));
    world.admin.own("POST", &format!("/api/v1/admin/work/{}/discard", text(&waits[0]["id"]))).await.expect(204);
    world.app.settle().await;
    let set = repo.see(&format!("/commits/{sha}/checks")).await;
    assert_eq!((&set["state"], &set["error"]["code"]), (&json!("errored"), &json!("lost")), "{set}");
}

#[tokio::test]
async fn a_list_of_work_comes_in_pages_whatever_it_is_narrowed_to() {
    let world = World::new().await;
    for n in 0..7 {
        let git = TestRepo::new();
        git.commit([("a.rb", "puts 1\n")]);
        world.register(&format!("app{n}"), git.path()).await;
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.admin.get(&format!("/api/v1/admin/work?state=ready&lane=git&limit=3&cursor={cursor}")).await.expect(200).value();
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["repo"]).to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, (0..7).map(|n| format!("local/app{n}")).collect::<Vec<_>>());
    assert!(ids(&world, "ready&lane=upkeep").await.is_empty());
    let items = world.app.work(WorkState::Ready).iter().map(|item| item.id).collect::<Vec<_>>();
    for id in items {
        world.admin.own("POST", &format!("/api/v1/admin/work/{id}/discard")).await.expect(204);
    }
}

#[tokio::test]
async fn an_administrator_sees_every_repository_with_its_room_and_every_session() {
    let world = World::new().await;
    world.repo("app", [("a.rb", "puts 1\n")]).await;
    let repos = world.admin.get("/api/v1/admin/repos").await.expect(200).value();
    let repo = &repos["items"][0];
    assert_eq!((&repo["name"], &repo["members"]), (&json!("app"), &json!(1)));
    assert!(repo["used_bytes"]["mirror"].as_u64().unwrap() > 0 && repo["total_bytes"].as_u64() >= repo["used_bytes"]["mirror"].as_u64());

    let ada = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    let sessions = world.admin.get("/api/v1/admin/sessions").await.expect(200).value();
    let of = |login: &str| sessions["items"].as_array().unwrap().iter().find(|session| session["login"] == json!(login)).unwrap().clone();
    assert_eq!((&of("root")["is_current"], &of("ada")["is_current"]), (&json!(true), &json!(false)));
    let path = format!("/api/v1/admin/sessions/{}", text(&of("ada")["id"]));
    ada.own("DELETE", &path).await.expect(403).refused("forbidden");
    world.admin.own("DELETE", &path).await.expect(204);
    ada.get("/api/v1/me").await.expect(401).refused("unauthenticated");
    world.admin.own("DELETE", &path).await.expect(404).refused("session_not_found");
}

#[tokio::test]
async fn settings_change_while_it_runs_and_go_back_to_their_defaults() {
    let world = World::new().await;
    let path = "/api/v1/admin/settings";
    let before = world.admin.get(path).await.expect(200).value();
    assert_eq!(before["poll_interval_s"], json!({"value": 60, "default": 60, "is_set": false, "decided_by": null}));
    assert_eq!(before["audit_kept_days"]["value"], Value::Null);
    let changed = json!({"poll_interval_s": 7, "audit_kept_days": 365, "default_tools": ["ruff"]});
    let after = world.admin.json("PATCH", path, changed).await.expect(200).value();
    assert_eq!((&after["poll_interval_s"]["value"], &after["default_tools"]["value"]), (&json!(7), &json!(["ruff"])));
    let plugins = world.admin.get("/api/v1/plugins").await.expect(200).value();
    let ruff = plugins["plugins"].as_array().unwrap().iter().find(|plugin| plugin["name"] == json!("ruff")).unwrap().clone();
    assert_eq!(ruff["runs_by_default"], json!(true));
    // A new interval counts from now, not from when the one before would have ended.
    world.app.tick().await;
    let due = world.app.app().read_now(|tx, _| tx.get::<admin::Recurrence>(&(Upkeep::Poll as u8))).unwrap().unwrap();
    assert_eq!(due.due_at, world.app.now() + Duration::from_secs(7));

    let back = world.admin.json("PATCH", path, json!({"poll_interval_s": null})).await.expect(200).value();
    assert_eq!((&back["poll_interval_s"]["is_set"], &back["audit_kept_days"]["value"]), (&json!(false), &json!(365)));
    let bad = json!({"poll_interval_s": 0, "audit_kept_days": 29, "events_kept_days": "soon", "default_tools": ["rubbish"], "colour": 1});
    let refused = world.admin.json("PATCH", path, bad).await.expect(400);
    let fields: Vec<String> =
        refused.value()["details"]["fields"].as_array().unwrap().iter().map(|field| text(&field["field"]).to_owned()).collect();
    assert_eq!(fields, ["audit_kept_days", "colour", "default_tools", "events_kept_days", "poll_interval_s"]);

    let form =
        world.admin.form("/admin/settings", "default_tools=ruff++shellcheck&poll_interval_s=&events_kept_days=30&audit_kept_days=").await;
    form.expect(303);
    let set = world.admin.get(path).await.expect(200).value();
    assert_eq!((&set["default_tools"]["value"], &set["events_kept_days"]["value"]), (&json!(["ruff", "shellcheck"]), &json!(30)));
    let refused = world.admin.form("/admin/settings", "audit_kept_days=3").await.expect(422).text();
    assert!(refused.contains("not a number from 30 to 36500") && refused.contains("value=\"3\""), "{refused}");
}

#[tokio::test]
async fn what_the_configuration_says_is_shown_with_its_place_and_cannot_be_changed() {
    use plumbline::app::config::{Config, Sources};

    let folder = crate::support::temporary();
    let file = folder.path().join("plumbline.toml");
    std::fs::write(&file, "[repos]\npoll_interval = \"5m\"\n").unwrap();
    let env = [("PLUMBLINE_LIMITS_STREAMS".to_owned(), "300".to_owned())].into();
    let sources = Sources { file: Some(file.clone()), data: Some(folder.path().to_owned()), env, ..Sources::default() };
    let built = Config::build(&sources).unwrap();
    let world = World::of(TestApp::with(|config| {
        config.poll_interval = built.poll_interval;
        config.limits = built.limits;
        config.places = built.places.clone();
    }))
    .await;
    let settings = world.admin.get("/api/v1/admin/settings").await.expect(200).value();
    assert_eq!(settings["poll_interval_s"]["value"], json!(300));
    assert_eq!(settings["poll_interval_s"]["decided_by"], json!(file.display().to_string()));
    let key = |name: &str| settings["configuration"].as_array().unwrap().iter().find(|key| key["key"] == json!(name)).unwrap().clone();
    assert_eq!((&key("limits.streams")["value"], &key("limits.streams")["set_by"]), (&json!("300"), &json!("$PLUMBLINE_LIMITS_STREAMS")));
    assert_eq!((&key("log")["value"], &key("log")["set_by"]), (&json!("\"info\""), &Value::Null));
    let refused = world.admin.json("PATCH", "/api/v1/admin/settings", json!({"poll_interval_s": 7})).await.expect(409);
    assert!(refused.refused("set_by_configuration").contains("`repos.poll_interval` is set by"));
    world.admin.json("PATCH", "/api/v1/admin/settings", json!({"events_kept_days": 7})).await.expect(200);
}

#[tokio::test]
async fn measures_are_for_a_token_that_administers_and_name_nobody() {
    let world = World::new().await;
    world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.app.anonymous().get("/metrics").await.expect(401).refused("unauthenticated");
    let reads = world.app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], None);
    world.app.anonymous().bearer(&reads).get("/metrics").await.expect(403).refused("forbidden");
    let admin = world.app.token(TokenKind::Service, &[Scope::Admin], None, &[], None);
    let answer = world.app.anonymous().bearer(&admin).get("/metrics").await.expect(200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    let text = answer.text();
    for line in [
        "plumbline_check_sets_total{verdict=\"success\"} 1",
        "plumbline_work_items{lane=\"checks\",state=\"ready\"} 0",
        "# TYPE plumbline_http_request_seconds histogram",
    ] {
        assert!(text.lines().any(|found| found == line), "`{line}` is missing:\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && !text.contains("local") && !text.contains("root"), "{text}");
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    assert!(samples.clone().all(|line| line.rsplit(' ').next().unwrap().parse::<f64>().is_ok()), "{text}");
    assert!(samples.count() < 80, "no stranger makes more of them");
}

#[tokio::test]
async fn health_says_what_there_is_and_a_page_shows_it() {
    let world = World::new().await;
    let health = world.admin.get("/api/v1/admin/health").await.expect(200).value();
    let names: Vec<&str> = health["checks"].as_array().unwrap().iter().map(|check| text(&check["name"])).collect();
    assert_eq!(names, ["store", "work", "search", "vault", "sandbox", "tools"]);
    assert!(health["store_bytes"].as_u64().unwrap() > 0 && health["free_bytes"].as_u64().unwrap() > 0);
    assert_eq!((&health["schema"], &health["started_at"]), (&json!(1), &json!("2026-01-31T12:00:00Z")));
    let head = world.app.app().read_now(|tx, _| plumbline::domain::audit::head(tx)).unwrap().unwrap();
    assert_eq!(health["audit_head"], json!({"number": head.number, "hash": head.hash.to_string()}));
    let page = world.admin.page("/admin").await.expect(200).text();
    assert!(page.contains("<h2>Work</h2>") && page.contains("aria-current=\"page\">Health</a>"), "{page}");
    let ada = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    ada.page("/admin").await.expect(403);
    assert!(!ada.page("/").await.expect(200).text().contains("href=\"/admin\""));
}
