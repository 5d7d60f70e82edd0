//! The document of the API says what the table says, and its references lead somewhere.

use std::collections::BTreeSet;

use plumbline::http::routes;
use serde_json::Value;

use crate::support::app::TestApp;

#[tokio::test]
async fn the_document_and_the_table_are_equal() {
    let app = TestApp::start();
    let document = app.anonymous().get("/api/openapi.json").await.expect(200).value();
    let described: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| methods.as_object().unwrap().keys().map(move |method| format!("{} {path}", method.to_uppercase())))
        .collect();
    let table: BTreeSet<String> =
        routes::table().iter().map(|route| format!("{} {}", route.method, route.path.replace("{*", "{"))).collect();
    assert_eq!(described, table);

    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in references {
        let name = reference.strip_prefix("#/components/schemas/").unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "`{reference}` leads nowhere");
    }
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let named = path.matches('{').count();
            let described = operation["parameters"].as_array().unwrap().iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(named, described, "{method} {path}");
            assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method} {path}");
        }
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[tokio::test]
async fn the_reference_page_is_open_and_loads_nothing_from_elsewhere() {
    let app = TestApp::start();
    let page = app.anonymous().page("/api/docs").await.expect(200).text();
    assert!(page.contains("/api/v1/repos/{owner}/{name}"));
    for attribute in ["src=\"http", "href=\"//", "src=\"//", "@import", "url(http"] {
        assert!(!page.contains(attribute), "{attribute}");
    }
}

#[tokio::test]
async fn the_native_format_has_a_schema_and_a_page_for_everybody() {
    let app = TestApp::start();
    let answer = app.anonymous().get("/api/v1/schemas/issues.json").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/schema+json"));
    assert!(answer.header("etag").is_some());
    let schema = answer.value();
    let page = app.anonymous().page("/api/docs/issues").await.expect(200).text();
    for name in schema["$defs"]["issue"]["properties"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("<code>{name}</code>")), "{name}");
    }
    assert!(page.contains("/api/v1/schemas/issues.json") && page.contains("output: plumbline"));
    assert!(app.anonymous().page("/api/docs").await.expect(200).text().contains("/api/docs/issues"));
}
