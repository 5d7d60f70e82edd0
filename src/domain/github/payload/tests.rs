use serde_json::{Value, json};

use super::*;

fn read_it(event: &str, body: &Value) -> Result<Payload, Malformed> {
    parse(event, body.to_string().as_bytes())
}

fn repository() -> Value {
    json!({"id": 7, "full_name": "acme/app", "private": true, "updated_at": "2026-01-31T12:00:00Z", "pushed_at": 1_769_860_800, "forks": 3})
}

#[test]
fn an_instant_is_read_as_text_and_in_seconds() {
    let read = read_it("push", &json!({"ref": "refs/heads/main", "before": "0", "after": "1", "repository": repository()})).unwrap();
    let repo = read.common.repository.unwrap();
    assert_eq!(repo.updated_at, repo.pushed_at);
    assert!(repo.private && !repo.archived);
}

#[test]
fn what_is_missing_is_named_with_its_place() {
    let error = read_it("pull_request", &json!({"pull_request": {"number": 1, "base": {"ref": "main", "sha": "1"}}})).unwrap_err();
    assert_eq!((error.place.as_str(), error.why.contains("head")), ("pull_request", true), "{error}");
    let error = read_it("repository", &json!({"action": "renamed", "repository": {"id": "seven"}})).unwrap_err();
    assert_eq!(error.place, "repository.id", "{error}");
    assert!(read_it("repository", &json!({"action": "renamed"})).is_err());
}

#[test]
fn an_event_that_is_not_known_is_read_whatever_it_holds() {
    let read = read_it("star", &json!({"action": "created", "repository": repository()})).unwrap();
    assert_eq!((read.action(), &read.kind), ("created", &Kind::Unknown));
    let read = read_it("sponsorship", &json!({"action": 5, "repository": "none"})).unwrap();
    assert_eq!((read.action(), &read.kind), ("", &Kind::Unknown));
}

#[test]
fn only_an_object_is_a_payload() {
    assert_eq!(is_json_object(b" {\"a\": [1, {}]} "), Ok(()));
    for bad in [&b""[..], b"[]", b"1", b"{", b"{}{}", b"payload=%7B%7D", b"{\"a\": \xff}", b"{\"a\": \"\xff\"}"] {
        assert!(is_json_object(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    let _ = is_json_object(format!("{{\"a\":{deep}}}").as_bytes());
    let _ = parse("push", format!("{{\"a\":{deep}}}").as_bytes());
}

#[test]
fn a_long_list_of_repositories_is_cut() {
    let many: Vec<Value> = (0..REPOSITORIES + 5).map(|id| json!({"id": id})).collect();
    let read = read_it("installation_repositories", &json!({"installation": {"id": 1}, "repositories_removed": many})).unwrap();
    assert!(matches!(read.kind, Kind::InstallationRepositories { removed, .. } if removed.len() == REPOSITORIES));
}
