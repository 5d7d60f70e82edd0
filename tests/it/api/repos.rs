//! Repositories, branches, commits and files.

use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

#[tokio::test]
async fn a_repository_is_added_found_synced_and_deleted() {
    let world = World::new().await;
    let git = TestRepo::new();
    let sha = git.commit([("a.rb", "puts 1\n")]);
    let added = world.register("app", git.path()).await;
    assert_eq!(
        (&added["owner"], &added["name"], &added["source"], &added["private"]),
        (&json!("local"), &json!("app"), &json!("local"), &json!(true))
    );
    let can =
        ["read", "ignore", "rerun", "sync", "approve", "secrets_list", "settings", "secrets", "upload_token", "rules", "members", "delete"];
    assert_eq!(added["can"], json!(can));
    assert_eq!((&added["default_branch"], &added["gate"], &added["synced_at"]), (&Value::Null, &Value::Null, &Value::Null));
    world.app.settle().await;
    let found = world.see("app", "").await;
    assert_eq!(
        (&found["default_branch"], &found["gate"], &found["synced_at"]),
        (&json!("main"), &json!("success"), &json!("2026-01-31T12:00:00Z"))
    );
    let synced = world.admin.own("POST", "/api/v1/repos/local/app/sync").await.expect(202).value();
    assert_eq!(synced["id"], added["id"]);
    world.app.settle().await;

    let twice = world.admin.post("/api/v1/repos", json!({"path": git.path(), "name": "app"})).await.expect(409);
    assert!(twice.refused("already_exists").contains("local/app"));
    let commit = world.see("app", &format!("/commits/{sha}")).await;
    assert_eq!(
        (&commit["short"], &commit["author"]["name"], &commit["message"]),
        (&json!(&sha[..7]), &json!("Ada Lovelace"), &json!("change files\n"))
    );
    assert_eq!((&commit["branches"], &commit["check_set"], &commit["coverage"]), (&json!(["main"]), &json!("succeeded"), &Value::Null));
    world.admin.json("DELETE", "/api/v1/repos/local/app", json!({"confirm": "local/app"})).await.expect(204);
    world.app.settle().await;
    world.admin.get("/api/v1/repos/local/app").await.expect(404).refused("repo_not_found");
}

#[tokio::test]
async fn a_body_that_is_not_what_is_taken_names_the_field() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let bad = [
        (json!({}), "invalid_body", "url"),
        (json!({"url": "https://example.org/a.git", "path": "/a"}), "invalid_body", "url"),
        (json!({"url": 7}), "invalid_body", ""),
        (json!({"uri": "https://example.org/a.git"}), "invalid_body", "uri"),
        (json!({"url": "https://example.org/a.git", "name": "///"}), "invalid_body", "name"),
        (json!({"url": "https://user:secret@example.org/a.git"}), "source_refused", "url"),
        (json!({"url": "ssh://example.org/a.git"}), "source_refused", "url"),
        (json!({"url": "ext::sh -c id"}), "source_refused", "url"),
        (json!({"url": "http://a b/"}), "source_refused", "url"),
        (json!([1]), "invalid_body", ""),
    ];
    for (body, code, field) in bad {
        let answer = admin.post("/api/v1/repos", body.clone()).await;
        let message = answer.refused(code);
        assert!(!message.contains("secret@") && !message.contains("user:secret"), "{message}");
        if !field.is_empty() {
            assert_eq!(answer.value()["details"]["fields"][0]["field"], json!(field), "{body}: {}", answer.text());
        }
    }
    let client = admin.with("sec-fetch-site", "same-origin");
    client.send("POST", "/api/v1/repos", Some(b"{}")).await.expect(415).refused("unsupported_media");
    let json = client.with("content-type", "application/json; charset=utf-8");
    json.send("POST", "/api/v1/repos", Some(b"{\"url\": ")).await.expect(400).refused("invalid_body");
    json.send("POST", "/api/v1/repos", Some(b"\xff\xfe")).await.expect(400).refused("invalid_body");
    let large = format!("{{\"url\": \"{}\"}}", "x".repeat(2 << 20));
    json.send("POST", "/api/v1/repos", Some(large.as_bytes())).await.expect(413).refused("body_too_large");
}

#[tokio::test]
async fn lists_come_in_pages_that_hold_every_row_once() {
    let world = World::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        let git = TestRepo::bare();
        world.add(name, git.path()).await;
    }
    let mut names = Vec::new();
    let mut path = "/api/v1/repos?limit=2".to_owned();
    loop {
        let page = world.admin.get(&path).await.expect(200).value();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|repo| text(&repo["name"]).to_owned()));
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/repos?limit=2&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    let found = world.admin.get("/api/v1/repos?q=C").await.expect(200).value();
    assert_eq!(found["items"].as_array().unwrap().len(), 5, "`local` has a c");
    let found = world.admin.get("/api/v1/repos?q=/c").await.expect(200).value();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);

    let csv = world.admin.get("/api/v1/repos?format=csv&limit=2").await.expect(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.text().lines().count(), 3, "{}", csv.text());
    for (query, field) in [("limit=x", "limit"), ("cursor=zz", "cursor"), ("cursor=00", "cursor"), ("format=xml", "format")] {
        let answer = world.admin.get(&format!("/api/v1/repos?{query}")).await.expect(400);
        answer.refused("invalid_parameter");
        assert_eq!(answer.value()["details"]["fields"][0]["field"], json!(field), "{}", answer.text());
    }
}

/// A trend once looked at the latest 500 commits alone.
#[tokio::test]
async fn a_trend_goes_as_far_back_as_it_is_asked_to() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    for _ in 0..600 {
        repo.git.commit([("a.json", "{}\n")]);
    }
    repo.sync().await;
    let trend = repo.see("/trends?from=2023-01-01T00:00:00Z&bucket=hour").await;
    let values: Vec<&Value> = trend["points"].as_array().unwrap().iter().map(|point| &point["value"]).collect();
    assert_eq!((values, &trend["truncated"]), (vec![&json!(1.0), &json!(0.0)], &json!(false)), "{trend}");
}

#[tokio::test]
async fn commits_branches_and_trends_follow_a_branch() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let second = repo.push([("a.json", "{\n")]).await;
    let third = repo.push([("a.json", "{}\n")]).await;
    let one = repo.see("/commits?limit=1").await;
    assert_eq!(one["items"][0]["sha"], json!(third));
    let rest = repo.see(&format!("/commits?limit=5&cursor={}", text(&one["next"]))).await;
    let shas: Vec<&str> = rest["items"].as_array().unwrap().iter().map(|commit| text(&commit["sha"])).collect();
    assert_eq!((shas, &rest["next"]), (vec![second.as_str(), repo.first.as_str()], &Value::Null));
    assert_eq!(repo.see(&format!("/commits/{}", &second[..7])).await["sha"], json!(second));

    let trend = repo.see("/trends?from=2023-01-01T00:00:00Z").await;
    let values: Vec<f64> = trend["points"].as_array().unwrap().iter().map(|point| point["value"].as_f64().unwrap()).collect();
    assert_eq!(values, [0.0, 1.0, 0.0]);
    assert_eq!(repo.see("/trends?metric=gate&from=2023-01-01T00:00:00Z&to=2023-01-02T00:00:00Z").await["points"], json!([]));
    assert_eq!(repo.see("/trends?metric=coverage").await["points"], json!([]));
    let get = async |rest: &str| world.admin.get(&repo.path(rest)).await;
    get("/trends?metric=speed").await.expect(400).refused("invalid_parameter");
    let monthly = repo.see("/trends?from=2023-01-01T00:00:00Z&bucket=month").await;
    assert_eq!(monthly["points"].as_array().unwrap().len(), 1, "{monthly}");
    assert_eq!(monthly["points"].as_array().unwrap().last(), trend["points"].as_array().unwrap().last());
    get("/trends?bucket=year").await.expect(400).refused("invalid_parameter");
    get("/trends?from=yesterday").await.expect(400).refused("invalid_parameter");
    get("/commits?branch=nope").await.expect(404).refused("branch_not_found");
    get("/branches/no%20such").await.expect(404).refused("branch_not_found");
    get("/commits/abc").await.expect(404).refused("commit_not_found");
    get(&format!("/commits/{}", "0".repeat(40))).await.expect(404).refused("commit_not_found");
    get("/commits/0000000").await.expect(404).refused("commit_not_found");
    get(&format!("/commits?cursor={}", "0".repeat(40))).await.expect(400).refused("invalid_parameter");
    get("/commits?cursor=00").await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn folders_and_files_are_shown_with_their_issues() {
    let world = World::new().await;
    let repo = world.repo("app", [("src/a.json", "{\n"), ("src/deep/b.rb", "puts 1\n"), ("README.md", "# A\n")]).await;
    let git = repo.git.commit([("blob.bin", vec![0_u8, 1, 2])]);
    repo.sync().await;
    let tree = repo.see(&format!("/commits/{}/tree", repo.first)).await;
    let entries: Vec<String> = tree["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {} {} {}", text(&entry["kind"]), text(&entry["path"]), entry["size_bytes"], entry["issues"]))
        .collect();
    assert_eq!((entries, &tree["analysed"]), (vec!["folder src null 1".to_owned(), "file README.md 4 0".to_owned()], &json!(true)));
    let below = repo.see(&format!("/commits/{}/tree/src/", repo.first)).await;
    assert_eq!(below["entries"][0]["name"], json!("deep"));
    let file = repo.see(&format!("/commits/{}/files/src/a.json", repo.first)).await;
    assert_eq!((&file["text"], &file["issues"][0]["rule"]), (&json!("{\n"), &json!("invalid-json")));
    let binary = repo.see(&format!("/commits/{git}/files/blob.bin")).await;
    assert_eq!((&binary["text"], &binary["not_shown"]), (&Value::Null, &json!("binary")));
    for missing in ["files/src", "files/nope", "files/../README.md", "files/%2e%2e/README.md", "tree/README.md", "tree/nope"] {
        let path = format!("/commits/{}/{missing}", repo.first);
        world.admin.get(&repo.path(&path)).await.expect(404).refused("file_not_found");
    }
}
