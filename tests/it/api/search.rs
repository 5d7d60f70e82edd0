//! Searching issues.

use plumbline::base::event::Event;
use plumbline::base::id::{Id, IssueId};
use plumbline::domain::issues;
use plumbline::domain::search::{Change, Document};
use plumbline::engine::fulltext::Watermark;
use serde_json::{Value, json};

use crate::support::world::{World, text};

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
    // It is not said that there is nothing, however often one asks; and that it was asked for is what has it built.
    for _ in 0..2 {
        world.admin.get("/api/v1/search/issues?q=json").await.expect(503).refused("index_rebuilding");
    }
    let page = world.admin.page("/issues?q=json").await.expect(503).text();
    assert!(page.contains("The index is being built") && page.contains("0 % of the issues"), "{page}");
    world.app.settle().await;
    assert_eq!(world.admin.get("/api/v1/search/issues?q=json").await.expect(200).value()["total"], json!(1));
}

#[tokio::test]
async fn an_index_that_is_half_built_is_not_asked_even_by_the_next_process() {
    let mut world = World::new().await;
    world.repo("app", [("a.json", "{\n")]).await;
    let app = world.app.app().clone();
    // As a process leaves it that was killed between two batches.
    app.index.apply([], Watermark { fed: 0, whole_at: 1 }).unwrap();
    drop(app);
    world.app.crash();
    world.follow();
    let refused = world.admin.get("/api/v1/search/issues?q=json").await.expect(503);
    refused.refused("index_rebuilding");
    assert_eq!(refused.value()["details"]["percent"], json!(0));
    let mut hints = world.app.app().listen();
    world.app.app().request_indexing().unwrap();
    world.app.settle().await;
    assert_eq!(world.admin.get("/api/v1/search/issues?q=json").await.expect(200).value()["total"], json!(1));
    let heard: Vec<Event> = std::iter::from_fn(|| hints.try_recv().ok()).map(|recorded| recorded.event).collect();
    assert!(heard.contains(&Event::IndexRebuilt), "whoever waits on the page is told: {heard:?}");
}

#[tokio::test]
async fn a_query_that_asks_too_much_is_told_apart_from_an_index_that_cannot_answer() {
    let world = World::new().await;
    let refused = world.admin.get("/api/v1/search/issues?q=kind:bug%20branch:main").await.expect(422);
    refused.refused("query_invalid");
    assert_eq!(refused.value()["details"]["position"], json!(9), "no answer is better than a wrong one");
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let many: String = (0..2_100).map(|n| format!("so wide{n} ")).collect();
    let issue = repo.issues(&repo.first, "open").await.remove(0);
    let id = text(&issue["id"]).parse().unwrap();
    let app = world.app.app();
    let mark = app.index.watermark().unwrap().unwrap();
    let stored = app.read_now(|tx, _| issues::get(tx, id)).unwrap();
    let document = |number: u128, words: &str| {
        Change::Put(Box::new(Document {
            issue: IssueId::from_u128(number),
            repo: stored.repo,
            slug: "local/app".to_owned(),
            rule: "rule".to_owned(),
            kind: stored.kind,
            severity: stored.severity,
            source: "tool".to_owned(),
            state: stored.state,
            is_new: false,
            author: None,
            branches: Vec::new(),
            path: stored.path.clone(),
            message: words.to_owned(),
            line_text: None,
            first_seen_at: stored.first_seen.at,
        }))
    };
    let words: Vec<&str> = many.split_whitespace().collect();
    app.index.apply(words.chunks(200).zip(1..).map(|(some, number)| document(number, &some.join(" "))), mark).unwrap();
    let refused = world.admin.get("/api/v1/search/issues?q=-json%20so-wide*").await.expect(422);
    refused.refused("query_invalid");
    assert!(text(&refused.value()["message"]).contains("more than 2000 words begin with `wide`"), "{}", refused.text());
    assert_eq!(refused.value()["details"]["position"], json!(9));
}
