//! Searching issues.

use serde_json::{Value, json};

use crate::support::world::World;

#[tokio::test]
async fn search_speaks_the_core_of_its_language() {
    let world = World::new().await;
    let conflict = "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> x\n";
    let app = world.repo("app", [("src/a.json", "{\n"), ("b.rb", conflict)]).await;
    world.repo("lib", [("c.json", "[\n")]).await;
    for (query, total) in [
        ("", 3),
        ("json", 2),
        ("JSON", 2),
        ("repo:local/app", 2),
        ("-repo:local/app", 1),
        ("rule:conflict-marker", 1),
        ("path:src/", 1),
        ("path:**/*.json", 2),
        ("json%20OR%20conflict", 3),
        ("json%20-path:src/", 1),
        ("(json)%20repo:local/app", 1),
        ("state:open", 3),
        ("state:fixed", 0),
        ("source:hygiene", 3),
        ("nothingsuch", 0),
    ] {
        assert_eq!(app.found(query).await, total, "{query}");
    }
    let found = world.admin.get("/api/v1/search/issues?q=&limit=2").await.expect(200).value();
    let next = found["next"].as_str().unwrap();
    let rest = world.admin.get(&format!("/api/v1/search/issues?q=&limit=2&cursor={next}")).await.expect(200).value();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    assert_eq!(found["facets"]["source"]["hygiene"], json!(3), "{}", found["facets"]);
    let csv = world.admin.get("/api/v1/search/issues?q=json&format=csv").await.expect(200).text();
    assert_eq!(csv.lines().count(), 3);
    world.admin.page("/issues?q=json").await.expect(200);
}

#[tokio::test]
async fn a_query_that_does_not_parse_says_where() {
    let world = World::new().await;
    for (query, position) in [("(json", 0), ("kind:nonsense", 5), ("json%20%22open", 5), ("a%20%29", 2)] {
        let answer = world.admin.get(&format!("/api/v1/search/issues?q={query}")).await.expect(422);
        answer.refused("query_invalid");
        assert_eq!(answer.value()["details"]["position"], json!(position), "{query}: {}", answer.text());
    }
    let page = world.admin.page("/issues?q=%28").await.expect(422).text();
    assert!(page.contains("</html>") && page.contains("is never closed"), "{page}");
    world.admin.get("/api/v1/search/issues?sort=sideways").await.expect(400).refused("invalid_parameter");
    world.admin.get("/api/v1/search/issues?cursor=zz").await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn an_index_that_is_lost_is_built_anew() {
    let mut world = World::new().await;
    world.repo("app", [("a.json", "{\n")]).await;
    world.app.crash_and(|data| std::fs::remove_dir_all(data.join("index")).unwrap());
    world.follow();
    // It is not said that there is nothing; and that it was asked for is what has it built.
    world.admin.get("/api/v1/search/issues?q=json").await.expect(503).refused("index_rebuilding");
    world.app.settle().await;
    assert_eq!(world.admin.get("/api/v1/search/issues?q=json").await.expect(200).value()["total"], json!(1));
}
