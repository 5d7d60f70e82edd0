//! What programs read.

use super::*;

#[test]
fn json_has_the_words_of_the_api() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("src/main.rs", CONFLICT)]);
    let mut document = check(repo.path(), &["--format", "json"]).json();
    let set = &mut document["check_set"];
    for instant in ["requested_at", "started_at", "finished_at"] {
        assert!(set[instant].take().as_str().unwrap().ends_with('Z'));
    }
    for instant in ["started_at", "finished_at"] {
        assert!(set["checks"][0][instant].take().as_str().unwrap().ends_with('Z'));
    }
    assert!(set["duration_ms"].take().is_u64() && set["checks"][0]["duration_ms"].take().is_u64());
    assert!(set["checks"][0]["id"].take().as_str().unwrap().starts_with("chk_"));
    assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
    {
      "base": null,
      "check_set": {
        "checks": [
          {
            "duration_ms": null,
            "exit_code": null,
            "finished_at": null,
            "id": null,
            "issues": 1,
            "name": "hygiene",
            "plugin": "hygiene",
            "started_at": null,
            "state": "succeeded"
          }
        ],
        "duration_ms": null,
        "finished_at": null,
        "requested_at": null,
        "started_at": null,
        "state": "failed"
      },
      "commit": null,
      "counts": {
        "fixed": 0,
        "ignored": 0,
        "new": 1,
        "new_by_severity": {
          "blocker": 0,
          "critical": 1,
          "info": 0,
          "major": 0,
          "minor": 0
        },
        "open": 1,
        "open_by_severity": {
          "blocker": 0,
          "critical": 1,
          "info": 0,
          "major": 0,
          "minor": 0
        }
      },
      "fixed": [],
      "issues": [
        {
          "column_end": 12,
          "column_start": 1,
          "fingerprint": "3933363ad88114267e6e5003b02189d5",
          "is_new": true,
          "kind": "bug",
          "line_end": 2,
          "line_start": 2,
          "message": "A merge conflict was committed, from here to line 6; keep what is right and delete the markers",
          "path": "src/main.rs",
          "rule": "conflict-marker",
          "severity": "critical",
          "snippet": "<<<<<<< HEAD",
          "source": "hygiene",
          "state": "open"
        }
      ],
      "left_out": [],
      "sentence": "1 issue of severity minor or above",
      "verdict": "failure"
    }
    "#);
}

#[test]
fn sarif_has_a_run_for_each_check() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("old.json", COMMA)]);
    repo.write("a b/ü#.rs", CONFLICT);
    let mut document = check(repo.path(), &["--format", "sarif", "--base", "HEAD"]).json();
    assert_eq!(document["runs"].as_array().unwrap().len(), 1);
    let run = &mut document["runs"][0];
    let root = run["originalUriBaseIds"]["SRCROOT"]["uri"].take();
    assert_eq!(root, json!(format!("file://{}/", repo.path().canonicalize().unwrap().display())));
    assert_eq!(run["tool"]["driver"]["version"].take(), json!(env!("CARGO_PKG_VERSION")));
    assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
    {
      "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
      "runs": [
        {
          "automationDetails": {
            "id": "plumbline/hygiene/"
          },
          "columnKind": "unicodeCodePoints",
          "invocations": [
            {
              "executionSuccessful": true
            }
          ],
          "originalUriBaseIds": {
            "SRCROOT": {
              "uri": null
            }
          },
          "results": [
            {
              "baselineState": "new",
              "level": "error",
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "a%20b/%C3%BC%23.rs",
                      "uriBaseId": "SRCROOT"
                    },
                    "region": {
                      "endColumn": 13,
                      "endLine": 2,
                      "startColumn": 1,
                      "startLine": 2
                    }
                  }
                }
              ],
              "message": {
                "text": "A merge conflict was committed, from here to line 6; keep what is right and delete the markers"
              },
              "partialFingerprints": {
                "plumbline/v1": "fcf2ef47516ac337438b25a7c81e2e70"
              },
              "properties": {
                "kind": "bug",
                "severity": "critical"
              },
              "ruleId": "conflict-marker",
              "ruleIndex": 0
            },
            {
              "baselineState": "unchanged",
              "level": "error",
              "locations": [
                {
                  "physicalLocation": {
                    "artifactLocation": {
                      "uri": "old.json",
                      "uriBaseId": "SRCROOT"
                    },
                    "region": {
                      "endColumn": 2,
                      "endLine": 3,
                      "startColumn": 1,
                      "startLine": 3
                    }
                  }
                }
              ],
              "message": {
                "text": "Not valid JSON: a comma stands before the closing `}`"
              },
              "partialFingerprints": {
                "plumbline/v1": "34d90762bdb5847365f2c5e2b95b3628"
              },
              "properties": {
                "kind": "bug",
                "severity": "major"
              },
              "ruleId": "invalid-json",
              "ruleIndex": 1
            }
          ],
          "tool": {
            "driver": {
              "fullName": "Plumbline hygiene",
              "name": "hygiene",
              "rules": [
                {
                  "id": "conflict-marker"
                },
                {
                  "id": "invalid-json"
                }
              ],
              "version": null
            }
          }
        }
      ],
      "version": "2.1.0"
    }
    "#);
}

#[test]
fn a_check_that_cannot_tell_is_no_success_in_sarif() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 7\n")]);
    let document = check(repo.path(), &["--format", "sarif"]).json();
    assert_eq!(document["runs"][0]["invocations"][0]["executionSuccessful"], json!(false));
    let said = &document["runs"][0]["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!((&said["descriptor"]["id"], &said["level"]), (&json!("manifest_invalid"), &json!("error")));
}

#[test]
fn what_was_not_read_is_said_in_every_format() {
    let repo = TestRepo::new();
    let deep = format!("{}x.json", "d/".repeat(140));
    repo.commit([MANIFEST]);
    repo.write("a.rb", "puts 1\n");
    repo.write(&deep, COMMA);
    let top = "d/".repeat(128);
    let text = check(repo.path(), &[]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert!(text.stderr.lines().any(|line| line.contains(&top) && line.contains("was not read")), "{}", text.stderr);
    let json = check(repo.path(), &["--format", "json"]).json();
    assert!(json["left_out"][0]["path"].as_str().unwrap().starts_with(&top), "{json}");
    assert!(json["left_out"][0]["message"].as_str().unwrap().contains("128"), "{json}");
    let sarif = check(repo.path(), &["--format", "sarif"]).json();
    let told = &sarif["runs"][0]["invocations"][0];
    assert_eq!((&told["executionSuccessful"], &told["toolExecutionNotifications"][0]["level"]), (&json!(true), &json!("warning")));
}
