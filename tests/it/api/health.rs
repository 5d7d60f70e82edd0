//! Health, version, and what every path answers.

use serde_json::json;

use crate::support::app::TestApp;

#[tokio::test]
async fn health_and_version_are_open_to_everybody() {
    let app = TestApp::start();
    let anyone = app.anonymous();
    assert_eq!(anyone.get("/livez").await.expect(200).value(), json!({"status": "ok", "checks": {"process": "ok"}}));
    assert_eq!(anyone.get("/readyz").await.expect(200).value(), json!({"status": "ok", "checks": {"store": "ok"}}));
    let version = anyone.get("/api/v1/version").await.expect(200).value();
    assert_eq!((&version["version"], &version["schema"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(1)));
}

#[tokio::test]
async fn what_is_not_there_is_an_error_like_all_others() {
    let app = TestApp::start();
    let anyone = app.anonymous();
    for path in ["/api/v1/nothing", "/nothing", "/api/v2/repos", "/api/v1/repos/one", "/api/v1/repos/a/b/c/d/e/f"] {
        let message = anyone.get(path).await.expect(404).refused("not_found");
        assert!(message.contains(path), "{message}");
    }
    let page = anyone.page("/nothing").await.expect(404);
    assert!(page.header("content-type").unwrap().starts_with("text/html") && page.text().contains(page.header("x-request-id").unwrap()));
    // Programs get JSON whatever they say they take.
    anyone.page("/api/v1/nothing").await.expect(404).refused("not_found");
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_refused_with_those_it_does() {
    let app = TestApp::start();
    let admin = app.admin().await;
    let answer = admin.own("PUT", "/api/v1/repos").await.expect(405);
    answer.refused("method_not_allowed");
    let allowed = answer.header("allow").unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    admin.own("DELETE", "/livez").await.expect(405).refused("method_not_allowed");
}

#[tokio::test]
async fn an_answer_that_has_not_changed_is_not_sent_again() {
    let app = TestApp::start();
    let admin = app.admin().await;
    for path in ["/api/v1/repos", "/api/v1/version", "/api/openapi.json", "/livez"] {
        let first = admin.get(path).await.expect(200);
        let tag = first.header("etag").unwrap().to_owned();
        for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}")] {
            let again = admin.with("if-none-match", &known).get(path).await.expect(304);
            assert!(again.body.is_empty() && again.header("etag") == Some(&tag), "{path}");
        }
        let other = admin.with("if-none-match", "\"other\"").get(path).await.expect(200);
        assert_eq!(other.body, first.body);
        let head = admin.send("HEAD", path, None).await.expect(200);
        assert_eq!(head.header("etag"), Some(tag.as_str()), "{path}");
    }
    let errors = admin.get("/api/v1/nothing").await.expect(404);
    assert_eq!(errors.header("etag"), None);
}
