//! What this host can run, and what a manifest would.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::world::{World, text};

/// A program of this name that says its version and nothing else.
fn program(folder: &Path, name: &str, version: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\necho '{name} {version}'\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// An appliance that finds tools in this folder alone.
async fn world(folder: &Path) -> World {
    let path = folder.to_owned();
    World::of(TestApp::with(move |config| config.search_path = path.into())).await
}

fn plugin<'a>(view: &'a Value, name: &str) -> &'a Value {
    view["plugins"].as_array().unwrap().iter().find(|plugin| plugin["name"] == name).unwrap()
}

#[tokio::test]
async fn every_plugin_is_told_of_as_this_host_has_it_and_places_to_administrators_alone() {
    if let Err(missing) = crate::guard::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let bin = folder();
    program(bin.path(), "ruff", "0.17.6");
    program(bin.path(), "shellcheck", "0.0.1");
    let world = world(bin.path()).await;
    let view = world.admin.get("/api/v1/plugins").await.expect(200).value();
    let states = ["hygiene", "ruff", "shellcheck", "bandit"].map(|name| text(&plugin(&view, name)["state"]).to_owned());
    assert_eq!(states, ["built_in", "found", "outdated", "missing"]);
    assert_eq!(plugin(&view, "ruff")["version"], json!("0.17.6"));
    assert_eq!(plugin(&view, "ruff")["path"], json!(bin.path().join("ruff")));
    assert!(text(&plugin(&view, "shellcheck")["message"]).contains("0.0.1"), "{view:#}");
    assert!(text(&plugin(&view, "shellcheck")["message"]).contains("bring it up to date, such as by `apt-get install"), "{view:#}");
    assert_eq!(plugin(&view, "bandit")["how_to_install"], json!("pip install 'bandit[toml]'"));
    assert_eq!((&plugin(&view, "eslint")["needs_settings"], &plugin(&view, "hygiene")["runs_by_default"]), (&json!(true), &json!(true)));
    assert_eq!(view["sandbox"]["tier"], json!("native"));
    assert_eq!(view["sandbox"]["limits"].as_array().unwrap().len(), 7);

    let member = world.app.sign_in(world.app.user("member", InstanceRole::Member)).await;
    let seen = member.get("/api/v1/plugins").await.expect(200).value();
    assert_eq!((&plugin(&seen, "ruff")["path"], &seen["sandbox"]["cgroups"]), (&Value::Null, &Value::Null));
    assert_eq!(plugin(&seen, "ruff")["state"], json!("found"));
    assert!(!seen.to_string().contains(bin.path().to_str().unwrap()), "a place on the host is nobody else's business");

    let page = member.page("/plugins").await.expect(200).text();
    assert!(page.contains("Ruff") && page.contains("pip install") && page.contains("Tier native"), "{page}");
    assert!(!page.contains(bin.path().to_str().unwrap()));
    assert!(world.admin.page("/plugins").await.expect(200).text().contains(bin.path().to_str().unwrap()));
}

#[tokio::test]
async fn where_nothing_can_be_isolated_it_is_said_once_and_what_is_built_in_can_run() {
    let bin = folder();
    program(bin.path(), "ruff", "0.17.6");
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| {
        config.search_path = path.into();
        config.launcher = "/nonexistent/plumbline".into();
    }))
    .await;
    let view = world.admin.get("/api/v1/plugins").await.expect(200).value();
    assert_eq!((&view["sandbox"]["tier"], &view["sandbox"]["limits"]), (&Value::Null, &json!([])));
    assert_eq!(view["sandbox"]["error"]["code"], json!("sandbox_unavailable"));
    assert_eq!((&plugin(&view, "ruff")["state"], &plugin(&view, "secrets")["state"]), (&json!("unusable"), &json!("built_in")));
    let page = world.admin.page("/plugins").await.expect(200).text();
    assert_eq!(page.matches("sandbox_unavailable").count(), 1, "{page}");
}

#[tokio::test]
async fn a_manifest_is_tried_against_the_files_of_a_commit_and_nothing_comes_of_it() {
    let bin = folder();
    let world = world(bin.path()).await;
    let repo = world.repo("app", [("a.py", "1\n"), ("b.py", "1\n"), ("lib/c.json", "{}\n")]).await;
    let before = repo.checks(&repo.first).await;
    let manifest = "version: 1\nexclude: [b.py]\nissues: {fail_on: any, min_severity: major}\nchecks:\n\
        - plugin: hygiene\n- plugin: ruff\n- {name: few, plugin: hygiene, paths: [\"lib/\"]}\n- plugin: hygeine\n- plugin: eslint\n";
    let tried = world.admin.post(&repo.path("/manifest/dry-run"), json!({"manifest": manifest})).await.expect(200).value();
    assert_eq!((&tried["valid"], &tried["sha"], &tried["error"]), (&json!(true), &json!(repo.first), &Value::Null));
    let said: Vec<String> = tried["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| format!("{} {} {}", text(&check["name"]), check["files"], check["error"]["code"].as_str().unwrap_or("runs")))
        .collect();
    assert_eq!(said, ["hygiene 2 runs", "ruff 1 plugin_missing", "few 1 runs", "hygeine 0 plugin_unknown", "eslint 0 plugin_missing"]);
    assert_eq!(tried["checks"][1]["can_run"], json!(false));
    assert_eq!((&tried["gate"]["fail_on"], &tried["gate"]["min_severity"]), (&json!("any"), &json!("major")));
    assert_eq!(repo.checks(&repo.first).await, before);

    let next = repo.push([("d.py", "1\n")]).await;
    let at = async |sha: &str| {
        let body = json!({"manifest": "version: 1\nchecks: [{plugin: hygiene}]\n", "sha": sha});
        world.admin.post(&repo.path("/manifest/dry-run"), body).await
    };
    assert_eq!(at(&next[..8]).await.expect(200).value()["checks"][0]["files"], json!(4));
    assert_eq!(at(&repo.first).await.expect(200).value()["checks"][0]["files"], json!(3));
    at("0123456").await.expect(404).refused("commit_not_found");
}

#[tokio::test]
async fn what_is_wrong_with_a_manifest_is_told_with_its_place() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "1\n")]).await;
    let path = repo.path("/manifest/dry-run");
    let tried = world.admin.post(&path, json!({"manifest": "version: 1\nchecks:\n  - plugni: ruff\n"})).await.expect(200).value();
    assert_eq!((&tried["valid"], &tried["checks"], &tried["gate"]), (&json!(false), &json!([]), &Value::Null));
    assert_eq!((&tried["error"]["line"], &tried["error"]["column"]), (&json!(3), &json!(5)));
    assert!(text(&tried["error"]["message"]).contains("plugin"), "{tried:#}");
    let cocov = json!({"manifest": "plugins: 7\n", "file": ".cocov.yaml"});
    assert_eq!(world.admin.post(&path, cocov).await.expect(200).value()["valid"], json!(false));

    for body in [json!({}), json!({"manifest": 7}), json!({"manifest": "", "file": "other.yaml"}), json!({"manifest": "", "more": 1})] {
        world.admin.post(&path, body).await.expect(400).refused("invalid_body");
    }
    world.admin.post(&path, json!({"manifest": "x".repeat(2 << 20)})).await.expect(413).refused("body_too_large");
    world.admin.post("/api/v1/repos/local/nope/manifest/dry-run", json!({"manifest": ""})).await.expect(404).refused("repo_not_found");
}

#[tokio::test]
async fn the_page_of_the_manifest_begins_with_what_is_there_and_shows_a_fault_at_its_line() {
    let bin = folder();
    let world = world(bin.path()).await;
    let repo = world.repo("app", [("a.py", "1\n")]).await;
    let page = "/r/local/app/manifest";
    let starter = world.admin.page(page).await.expect(200).text();
    assert!(starter.contains("The default branch has none") && starter.contains("- plugin: hygiene"), "{starter}");
    assert!(starter.contains("# - plugin: ruff") && starter.contains("checks would run"), "{starter}");

    let form = "file=.plumbline.yaml&manifest=version%3A+1%0D%0Achecks%3A%0D%0A++-+plugni%3A+%3Cb%3E";
    let html = world.admin.form(page, form).await.expect(200).text();
    assert!(html.contains("It cannot be read") && html.contains("Line 3, column 5"), "{html}");
    assert!(html.contains("<mark class=\"spot\">plugni</mark>: &lt;b&gt;"), "{html}");
    assert!(!html.contains('\u{240d}') && !html.contains("<b>\n"), "the lines of a form end as those of a file do");

    repo.push([(".plumbline.yaml", "version: 1\nchecks: [{plugin: secrets}]\n")]).await;
    let committed = world.admin.page(page).await.expect(200).text();
    assert!(committed.contains("As the default branch has it") && committed.contains("1 check would run"), "{committed}");

    let reader = world.app.user("reader", InstanceRole::Member);
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let stranger = world.app.sign_in(reader).await;
    stranger.page(page).await.expect(404);
    world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, reader, RepoRole::Read)).unwrap();
    stranger.page(page).await.expect(200);
    assert_eq!(stranger.form(page, form).await.status, 200, "trying a manifest changes nothing");
}

#[tokio::test]
async fn a_repository_without_a_commit_has_a_manifest_to_begin_with() {
    let bin = folder();
    let world = world(bin.path()).await;
    let git = crate::support::repo::TestRepo::new();
    world.add("empty", git.path()).await;
    let html = world.admin.page("/r/local/empty/manifest").await.expect(200).text();
    assert!(html.contains("There is no commit yet") && html.contains("- plugin: secrets"), "{html}");
}
