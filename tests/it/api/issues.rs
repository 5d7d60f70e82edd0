//! Issues of a commit, one issue's life, SARIF.

use plumbline::domain::accounts::InstanceRole;
use serde_json::json;

use crate::support::world::{World, text};

#[tokio::test]
async fn issues_are_filtered_sorted_and_counted() {
    let world = World::new().await;
    let conflict = "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> x\n";
    let repo = world.repo("app", [("a/a.json", "{\n"), ("b.json", "[\n")]).await;
    let sha = repo.push([("b.json", "[]\n"), ("c.rb", conflict), ("d.yaml", "a: [\n")]).await;
    let list = async |query: &str| repo.see(&format!("/commits/{sha}/issues?{query}")).await;
    let paths = async |query: &str| -> Vec<String> {
        list(query).await["items"].as_array().unwrap().iter().map(|issue| text(&issue["path"]).to_owned()).collect()
    };
    assert_eq!(paths("").await, ["c.rb", "d.yaml", "a/a.json"], "new ones first");
    assert_eq!(paths("state=new").await, ["c.rb", "d.yaml"]);
    assert_eq!(paths("state=fixed").await, ["b.json"]);
    assert_eq!(paths("state=known").await, ["a/a.json"]);
    assert_eq!(paths("state=new,fixed").await.len(), 3);
    assert_eq!(paths("path=a/*").await, ["a/a.json"]);
    assert_eq!(paths("path=**/*.json").await, ["a/a.json"]);
    assert_eq!(paths("path=*.json").await, [""; 0], "a star stays within its folder");
    assert_eq!(paths("source=hygiene&sort=path").await, ["a/a.json", "c.rb", "d.yaml"]);
    assert_eq!(paths("source=other").await, [""; 0]);
    assert_eq!(paths("q=conflict").await, ["c.rb"]);
    let whole = list("limit=1").await;
    assert_eq!((&whole["total"], whole["items"].as_array().unwrap().len()), (&json!(3), 1));
    assert_eq!(whole["facets"]["source"], json!({"hygiene": 3}));
    let next = list(&format!("limit=5&cursor={}", text(&whole["next"]))).await;
    assert_eq!(next["items"].as_array().unwrap().len(), 2);
    for bad in ["state=gone", "kind=x", "severity=high", "sort=up", "path=[", "limit=-1", "cursor=!", "format=pdf"] {
        world.admin.get(&repo.commit(&sha, &format!("/issues?{bad}"))).await.expect(400).refused("invalid_parameter");
    }
    assert_eq!(paths(&format!("q={}", "conflict+".repeat(20))).await, ["c.rb"]);
    let refused = world.admin.get(&repo.commit(&sha, &format!("/issues?q={}", "conflict+".repeat(21)))).await.expect(400);
    assert_eq!(refused.value()["details"]["fields"][0]["field"], json!("q"), "no word is dropped in silence: {}", refused.text());
    let csv = world.admin.get(&repo.commit(&sha, "/issues?format=csv")).await.expect(200).text();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.lines().next().unwrap().contains("first_seen.sha"));
}

#[tokio::test]
async fn an_issue_tells_its_life() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let id = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    let fixed = repo.push([("a.json", "{}\n")]).await;
    let issue = world.admin.get(&format!("/api/v1/issues/{id}")).await.expect(200).value();
    assert_eq!((&issue["state"], &issue["repo"], &issue["author"]), (&json!("fixed"), &json!("local/app"), &json!("Ada Lovelace")));
    assert_eq!(issue["first_seen"], json!({"sha": repo.first, "at": "2026-01-31T12:00:00Z"}));
    assert_eq!(
        (&issue["history"][0]["what"], &issue["history"][1]["what"], &issue["history"][1]["sha"]),
        (&json!("first_seen"), &json!("fixed"), &json!(fixed))
    );
    let page = world.admin.page(&format!("/issues/{id}")).await.expect(200).text();
    assert!(page.contains("invalid-json"));
    let stranger = world.app.sign_in(world.app.user("eve", InstanceRole::Member)).await;
    stranger.get(&format!("/api/v1/issues/{id}")).await.expect(404).refused("issue_not_found");
    stranger.page(&format!("/issues/{id}")).await.expect(404);
    world.admin.get("/api/v1/issues/iss_00000000000000000000000000").await.expect(404).refused("issue_not_found");
    world.admin.get("/api/v1/issues/7").await.expect(400).refused("invalid_parameter");
    world.admin.get(&format!("/api/v1/issues/{}", id.replace("iss_", "chk_"))).await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn sarif_has_the_shape_that_its_readers_ask_for() {
    let world = World::new().await;
    let repo = world.repo("app", [("a b/ü.json", "{\n")]).await;
    let answer = world.admin.get(&repo.commit(&repo.first, "/issues.sarif")).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/sarif+json"));
    let sarif = answer.value();
    assert_eq!(sarif["version"], json!("2.1.0"));
    let run = &sarif["runs"][0];
    assert_eq!(run["tool"]["driver"]["name"], json!("hygiene"));
    let result = &run["results"][0];
    assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&json!("invalid-json"), &json!(0)));
    assert!(matches!(text(&result["level"]), "note" | "warning" | "error"));
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], json!("a%20b/%C3%BC.json"));
    assert!(place["region"]["startLine"].as_u64().unwrap() >= 1);
    assert_eq!(text(&result["partialFingerprints"]["plumbline/v1"]).len(), 32);
}
