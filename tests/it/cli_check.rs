//! `plumbline check`, by the real binary.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::repo::TestRepo;

const MANIFEST: (&str, &str) = (".plumbline.yaml", "version: 1\n");
const CONFLICT: &str = "fn main() {\n<<<<<<< HEAD\n    one();\n=======\n    two();\n>>>>>>> topic\n}\n";
const COMMA: &str = "{\n  \"name\": \"app\",\n}\n";

/// What a command did.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// The output without what differs from run to run: how long a check took.
    fn steady(&self) -> String {
        let line = |line: &str| match line.rsplit_once("  ") {
            Some((head, time)) if time.ends_with(" ms") || time.ends_with(" s") => format!("{}  TIME", head.trim_end()),
            _ => line.to_owned(),
        };
        self.stdout.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    fn last_line(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }
}

/// `plumbline check` in a directory, with nothing of this process's environment, and a place of its own for temporary files.
#[expect(clippy::disallowed_methods, reason = "these tests are about the process")]
fn command(dir: &Path, temporary: &Path, arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.current_dir(dir).arg("check").args(arguments).env_clear().env("TMPDIR", temporary).stdin(Stdio::null());
    command
}

/// Runs `plumbline check` to its end and holds it to what is true of every run: nothing is left behind.
fn check_with(dir: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Ran {
    let temporary = tempfile::tempdir().unwrap();
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    let output = command(dir, temporary.path(), &arguments).envs(env.iter().copied()).output().unwrap();
    assert_is_empty(&temporary);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn check(dir: &Path, arguments: &[&str]) -> Ran {
    check_with(dir, arguments, &[])
}

fn assert_is_empty(dir: &TempDir) {
    let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// A run that says nothing but why it failed.
fn refused(dir: &Path, arguments: &[&str]) -> String {
    let ran = check(dir, arguments);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    ran.stderr.trim_end().replace(&dir.display().to_string(), "DIR")
}

#[test]
fn findings_are_shown_with_their_lines_and_the_gate_fails() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("src/main.rs", CONFLICT), ("src/lib.rs", "\n"), ("package.json", COMMA)]);
    let ran = check(repo.path(), &[]);
    assert_snapshot!(ran.steady(), @r#"
    package.json  1 issue

      package.json:3:1  major  invalid-json
      Not valid JSON: a comma stands before the closing `}`
      2 │   "name": "app",
      3 │ }
        │ ^

    src/main.rs  1 issue

      src/main.rs:2:1  critical  conflict-marker
      A merge conflict was committed, from here to line 6; keep what is right and delete the markers
      1 │ fn main() {
      2 │ <<<<<<< HEAD
        │ ^^^^^^^^^^^^
      3 │     one();

    check    state      findings       time
    hygiene  succeeded         2  TIME

    2 issues: 1 critical, 1 major
    ▲ The gate fails: 2 issues of severity minor or above.
    "#);
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""));
}

#[test]
fn a_tree_without_findings_holds() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("src/main.rs", "fn main() {}\n")]);
    let ran = check(repo.path(), &[]);
    assert_snapshot!(ran.steady(), @"
    check    state      findings       time
    hygiene  succeeded         0  TIME

    ● The gate holds: no issues.
    ");
    assert_eq!(ran.code, 0);
}

#[test]
fn nothing_is_gated_without_a_manifest() {
    let repo = TestRepo::new();
    repo.commit([("package.json", COMMA)]);
    let ran = check(repo.path(), &[]);
    assert_snapshot!(ran.last_line(), @"● The gate holds: 1 issue; nothing is gated without a manifest.");
    assert_eq!(ran.code, 0);
}

#[test]
fn the_manifest_says_what_the_gate_asks() {
    let repo = TestRepo::new();
    repo.commit([("package.json", COMMA)]);
    let mut said = Vec::new();
    for issues in ["{min_severity: critical}", "{fail_on: none}", "{fail_on: any}"] {
        repo.write(".plumbline.yaml", format!("version: 1\nissues: {issues}\n"));
        let ran = check(repo.path(), &[]);
        said.push(format!("{} {}", ran.code, ran.last_line()));
    }
    repo.write(".plumbline.yaml", "version: 1\nchecks: []\n");
    let ran = check(repo.path(), &[]);
    said.push(format!("{} {}", ran.code, ran.last_line()));
    assert_snapshot!(said.join("\n"), @"
    0 ● The gate holds: 1 issue, below severity critical.
    0 ● The gate holds: 1 issue; issues gate nothing here.
    1 ▲ The gate fails: 1 issue of severity minor or above.
    0 ● The gate holds: the manifest names no checks.
    ");
}

#[test]
fn with_a_base_only_what_is_new_is_judged() {
    let repo = TestRepo::new();
    let base = repo.commit([MANIFEST, ("old.json", COMMA), ("mended.json", COMMA)]);
    repo.commit([("mended.json", "{}\n"), ("src/main.rs", CONFLICT)]);
    let ran = check(repo.path(), &["--base", "HEAD~1"]);
    assert_snapshot!(ran.steady().replace(&base[..7], "BASE"), @"
    src/main.rs  1 issue

      src/main.rs:2:1  critical  conflict-marker  new
      A merge conflict was committed, from here to line 6; keep what is right and delete the markers
      1 │ fn main() {
      2 │ <<<<<<< HEAD
        │ ^^^^^^^^^^^^
      3 │     one();

    check    state      findings       time
    hygiene  succeeded         2  TIME

    2 issues: 1 critical, 1 major
    1 new issue: 1 critical; 1 fixed; held against HEAD~1 (BASE)
    ▲ The gate fails: 1 new issue of severity minor or above.
    ");
    assert_eq!(ran.code, 1);

    let document = check(repo.path(), &["--base", &base, "--rev", "HEAD", "--format", "json"]).json();
    let paths = |of: &str| {
        document[of].as_array().unwrap().iter().map(|issue| (issue["path"].clone(), issue["is_new"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(paths("issues"), [(json!("old.json"), json!(false)), (json!("src/main.rs"), json!(true))]);
    assert_eq!(paths("fixed"), [(json!("mended.json"), json!(false))]);
    assert_eq!(document["base"], json!(base));
    let counts = &document["counts"];
    assert_eq!([&counts["open"], &counts["new"], &counts["fixed"]], [2, 1, 1]);
}

#[test]
fn what_the_base_has_as_well_does_not_fail_the_gate() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("old.json", COMMA)]);
    repo.write("moved/old.json", COMMA);
    std::fs::remove_file(repo.path().join("old.json")).unwrap();
    let ran = check(repo.path(), &["--base", "HEAD"]);
    assert_snapshot!(ran.last_line(), @"● The gate holds: no new issues.");
    assert_eq!(ran.code, 0);

    repo.write(".plumbline.yaml", "version: 1\nissues: {fail_on: any}\n");
    let ran = check(repo.path(), &["--base", "HEAD"]);
    assert!(ran.stdout.contains("moved/old.json:3:1"), "{}", ran.stdout);
    assert_eq!(ran.code, 1);
}

#[test]
fn a_branch_is_held_against_where_it_left_the_base() {
    let repo = TestRepo::new();
    let fork = repo.commit([MANIFEST, ("old.json", COMMA)]);
    repo.switch("topic");
    repo.commit([("topic.txt", "topic\n")]);
    repo.switch("main");
    repo.commit([("old.json", "{}\n")]);
    repo.switch("topic");
    let ran = check(repo.path(), &["--base", "main"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("0 new issues; 0 fixed; held against {}, where main was left", &fork[..7])), "{}", ran.stdout);
}

#[test]
fn a_commit_held_against_itself_has_nothing_new() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("old.json", COMMA)]);
    let ran = check(repo.path(), &["--rev", "main", "--base", "main"]);
    assert!(ran.stdout.contains("0 new issues; 0 fixed"), "{}", ran.stdout);
    assert_eq!(ran.code, 0);
}

#[test]
fn a_base_that_was_not_analysed_is_told_of_and_all_is_judged() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 2\n"), ("old.json", COMMA)]);
    repo.write(".plumbline.yaml", "version: 1\n");
    let ran = check(repo.path(), &["--base", "HEAD"]);
    assert!(ran.stderr.contains("all that is found is judged: `.plumbline.yaml` line 1"), "{}", ran.stderr);
    assert_snapshot!(ran.last_line(), @"▲ The gate fails: 1 issue of severity minor or above.");
    assert_eq!(ran.code, 1);
}

#[test]
fn results_are_the_same_whether_they_are_reused_or_not() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("a.json", COMMA), ("b.json", COMMA)]);
    repo.commit([("b.json", "{\n\n  \"name\": \"app\",\n}\n"), ("c.json", COMMA)]);
    let of = |arguments: &[&str]| {
        let mut document = check(repo.path(), &[&["--base", "HEAD~1", "--format", "json"], arguments].concat()).json();
        document["check_set"] = Value::Null;
        document
    };
    let reused = of(&[]);
    assert_eq!(reused, of(&["--no-reuse"]));
    assert_eq!([&reused["counts"]["open"], &reused["counts"]["new"]], [3, 1]);
}

#[test]
fn an_older_commit_is_checked_as_it_was() {
    let repo = TestRepo::new();
    let old = repo.commit([MANIFEST, ("package.json", COMMA)]);
    let new = repo.commit([("package.json", "{}\n")]);
    let document = |rev: &str| check(repo.path(), &["--rev", rev, "--format", "json"]).json();
    assert_eq!((&document("HEAD~1")["commit"], &document("HEAD~1")["verdict"]), (&json!(old), &json!("failure")));
    assert_eq!((&document("main")["commit"], &document(&new[..7])["verdict"]), (&json!(new), &json!("success")));
    // The excerpt is of the commit as well, and not of the file that lies there now.
    assert!(check(repo.path(), &["--rev", &old]).stdout.contains("2 │   \"name\": \"app\","));
}

#[test]
fn files_count_as_they_lie_there_but_for_those_that_git_ignores() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, (".gitignore", "/out\n"), ("tracked.json", "{}\n")]);
    repo.write("tracked.json", COMMA);
    repo.write("untracked.json", COMMA);
    repo.write("out/ignored.json", COMMA);
    let document = check(repo.path(), &["--format", "json"]).json();
    let paths: Vec<&Value> = document["issues"].as_array().unwrap().iter().map(|issue| &issue["path"]).collect();
    assert_eq!(paths, ["tracked.json", "untracked.json"]);
    assert_eq!(document["commit"], Value::Null);
}

#[test]
fn of_a_part_of_the_repository_its_findings_alone_count() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("a/one.json", COMMA), ("ab/two.json", COMMA), ("b/fine.json", "{}\n")]);
    let ran = check(repo.path(), &["a"]);
    assert!(ran.stdout.contains("  a/one.json:3:1") && !ran.stdout.contains("two.json"), "{}", ran.stdout);
    assert_eq!(ran.code, 1);
    assert_eq!(check(repo.path(), &["b/"]).code, 0);
    assert_eq!(check(repo.path(), &["b/fine.json"]).code, 0);

    // Paths are shown from where the command was given, and written from the top.
    let inside = check(&repo.path().join("a"), &[]);
    assert!(inside.stdout.contains("  one.json:3:1"), "{}", inside.stdout);
    let above = check(&repo.path().join("b"), &["../ab/two.json"]);
    assert!(above.stdout.contains("  ../ab/two.json:3:1"), "{}", above.stdout);
    let document = check(&repo.path().join("a"), &["--format", "json", "--base", "HEAD", "."]).json();
    assert_eq!(document["issues"].as_array().unwrap().iter().map(|issue| &issue["path"]).collect::<Vec<_>>(), ["a/one.json"]);
    assert_eq!(document["counts"]["fixed"], 0);
}

#[test]
fn a_plain_folder_is_checked_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("package.json"), COMMA).unwrap();
    let ran = check(dir.path(), &[]);
    assert!(ran.stdout.contains("package.json:3:1"), "{}", ran.stdout);
    assert_eq!(ran.code, 0);
    let refusals =
        [refused(dir.path(), &["--rev", "HEAD"]), refused(dir.path(), &["--base", "HEAD"]), refused(dir.path(), &["package.json"])];
    assert_snapshot!(refusals.join("\n"), @"
    plumbline: `.` is in no git repository, so --rev names nothing there
    plumbline: `.` is in no git repository, so --base names nothing there
    plumbline: `package.json` is a file outside of any repository: give the directory it lies in
    ");
}

#[test]
fn of_a_bare_repository_the_head_is_checked() {
    let repo = TestRepo::bare();
    let sha = repo.commit([MANIFEST, ("package.json", COMMA)]);
    let ran = check(Path::new("/"), &[repo.path().to_str().unwrap()]);
    assert!(ran.stdout.contains("  package.json:3:1  major"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, 1);
    assert_eq!(check(repo.path(), &["--format", "json"]).json()["commit"], json!(sha));
}

#[test]
fn a_repository_without_a_commit_has_files_and_no_revisions() {
    let repo = TestRepo::new();
    repo.write("package.json", COMMA);
    assert!(check(repo.path(), &[]).stdout.contains("package.json:3:1"));
    let refusals = [refused(repo.path(), &["--rev", "HEAD"]), refused(repo.path(), &["--base", "main"])];
    assert_snapshot!(refusals.join("\n"), @"
    plumbline: `main` has no commit yet: commit something first
    plumbline: `main` has no commit yet: commit something first
    ");
}

#[test]
fn what_cannot_be_checked_is_refused_with_what_to_do() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, (".gitignore", "/out\n")]);
    repo.write("out/ignored.json", COMMA);
    let refusals = [
        refused(repo.path(), &["nowhere"]),
        refused(repo.path(), &["--rev", "nowhere"]),
        refused(repo.path(), &["--base", "1234567"]),
        refused(repo.path(), &["out"]),
        refused(repo.path(), &["out/ignored.json", "--rev", "HEAD"])
            .replace(&check(repo.path(), &["--rev", "HEAD", "--format", "json"]).json()["commit"].as_str().unwrap()[..7], "HEAD"),
    ];
    assert_snapshot!(refusals.join("\n"), @"
    plumbline: there is no `nowhere`; give a directory, a repository or a file
    plumbline: no commit is known as `nowhere`: give a branch, or at least seven digits of a commit's name
    plumbline: no commit is known as `1234567`: give a branch, or at least seven digits of a commit's name
    plumbline: nothing at `out` is checked: git ignores it, or it is empty
    plumbline: nothing at `out/ignored.json` is checked: commit HEAD has no such path
    ");
}

#[test]
fn somebody_elses_repository_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a directory to somebody else");
        return;
    }
    let repo = TestRepo::new();
    repo.commit([MANIFEST]);
    std::os::unix::fs::chown(repo.path().join(".git"), Some(12_345), None).unwrap();
    assert!(refused(repo.path(), &[]).contains("belongs to user 12345"), "{}", refused(repo.path(), &[]));
}

#[test]
fn wrong_usage_is_told_from_failure() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [&["--format", "xml"][..], &["--frob"], &["a", "b"], &["--rev"]] {
        let ran = check(dir.path(), wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong:?}");
    }
    assert_eq!(check(dir.path(), &["--help"]).code, 0);
}

#[test]
fn an_invalid_manifest_is_shown_where_it_is_wrong() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 1\nissues:\n  fail_on: nwe\n"), ("package.json", COMMA)]);
    let ran = check(repo.path(), &[]);
    assert_snapshot!(ran.steady(), @"
    .plumbline.yaml:3:12
      2 │ issues:
      3 │   fail_on: nwe
        │            ^

    ◆ The gate cannot tell: `.plumbline.yaml` line 3, column 12, `issues.fail_on`: expected one of new, any, none, found `nwe`.
    ");
    assert_eq!(ran.code, 1);
    let document = check(repo.path(), &["--format", "json"]).json();
    assert_eq!((&document["verdict"], &document["check_set"]["error"]["code"]), (&json!("error"), &json!("manifest_invalid")));
}

#[test]
fn a_check_that_cannot_be_carried_out_leaves_the_gate_unsure() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 1\nchecks:\n- plugin: hygiene\n- plugin: hygeine\n")]);
    let ran = check(repo.path(), &[]);
    assert_snapshot!(ran.steady(), @"
    check    state      findings       time
    hygiene  succeeded         0  TIME
    hygeine  errored           –  TIME
      plugin_unknown: No plugin is named `hygeine`; there are: hygiene. Did you mean `hygiene`?

    ◆ The gate cannot tell: 1 check could not be carried out; no issues.
    ");
    assert_eq!(ran.code, 1);
}

#[test]
fn json_has_the_words_of_the_api() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("src/main.rs", CONFLICT)]);
    let mut document = check(repo.path(), &["--format", "json"]).json();
    let set = &mut document["check_set"];
    for instant in ["started_at", "finished_at"] {
        assert!(set[instant].take().as_str().unwrap().ends_with('Z'));
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
            "id": null,
            "issues": 1,
            "name": "hygiene",
            "plugin": "hygiene",
            "state": "succeeded"
          }
        ],
        "duration_ms": null,
        "finished_at": null,
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
fn colour_is_there_where_it_is_asked_for_and_nowhere_else() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("package.json", COMMA)]);
    let coloured = check_with(repo.path(), &[], &[("CLICOLOR_FORCE", "1")]);
    assert!(coloured.stdout.contains("\x1b[31mmajor\x1b[0m"), "{}", coloured.stdout);
    assert!(coloured.last_line().starts_with("\x1b[1;31m▲ The gate fails\x1b[0m: "), "{}", coloured.last_line());
    assert!(!check(repo.path(), &[]).stdout.contains('\x1b'));
    assert!(!check_with(repo.path(), &[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).stdout.contains('\x1b'));
    assert!(!check_with(repo.path(), &["--format", "json"], &[("CLICOLOR_FORCE", "1")]).stdout.contains('\x1b'));
}

#[test]
fn nothing_in_a_repository_commands_the_terminal() {
    let repo = TestRepo::new();
    let path = "evil\u{1b}[31m\u{202e}\u{9b}1m\n.json";
    let content = "{\n  \"\u{1b}]0;title\u{7}\u{202e}\u{9b}2J\": 1,\n}\n";
    repo.commit([MANIFEST, (path, content), ("odd\u{1b}[2J.rs", CONFLICT)]);
    for arguments in [&[][..], &["--format", "json"], &["--format", "sarif"], &["--rev", "HEAD"], &["--base", "HEAD"]] {
        let ran = check(repo.path(), arguments);
        let hostile: Vec<char> = ran.stdout.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
        assert!(hostile.is_empty(), "{arguments:?}: {hostile:?}");
    }
    assert_snapshot!(check(repo.path(), &[]).steady(), @r#"
    evil\x1b[31m\u{202e}\u{9b}1m\x0a.json  1 issue

      evil\x1b[31m\u{202e}\u{9b}1m\x0a.json:2:3  major  invalid-json
      Not valid JSON: control character (\u0000-\u001F) found while parsing a string
      1 │ {
      2 │   "\x1b]0;title\x07\u{202e}\u{9b}2J": 1,
        │   ^
      3 │ }

    odd\x1b[2J.rs  1 issue

      odd\x1b[2J.rs:2:1  critical  conflict-marker
      A merge conflict was committed, from here to line 6; keep what is right and delete the markers
      1 │ fn main() {
      2 │ <<<<<<< HEAD
        │ ^^^^^^^^^^^^
      3 │     one();

    check    state      findings       time
    hygiene  succeeded         2  TIME

    2 issues: 1 critical, 1 major
    ▲ The gate fails: 2 issues of severity minor or above.
    "#);
    let document = check(repo.path(), &["--format", "json"]).json();
    assert_eq!(document["issues"][0]["path"], "evil%1B[31m\u{202e}%C2%9B1m%0A.json");
}

#[test]
fn hostile_words_of_the_command_line_and_the_manifest_are_quiet_too() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 1\n\"\\e[31mx\": 1\n# \u{1b}[31m\n")]);
    let ran = check(repo.path(), &[]);
    assert!(!ran.stdout.contains('\x1b'), "{}", ran.stdout);
    let ran = check(repo.path(), &["--rev", "\u{1b}[31m"]);
    assert!(!ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
}

#[test]
fn names_that_are_not_utf_8_are_written_out() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(OsStr::from_bytes(b"caf\xe9.json")), COMMA).unwrap();
    assert!(check(dir.path(), &[]).stdout.contains("  caf\\xe9.json:3:1"));
    assert_eq!(check(dir.path(), &["--format", "json"]).json()["issues"][0]["path"], "caf%E9.json");
    let sarif = check(dir.path(), &["--format", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "caf%E9.json");
}

/// A repository with more findings than a pipe holds.
fn with_many(files: usize) -> TestRepo {
    let repo = TestRepo::new();
    repo.commit([MANIFEST]);
    (0..files).for_each(|n| repo.write(&format!("{n:04}.json"), COMMA));
    repo
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let repo = with_many(203);
    let ran = check(repo.path(), &[]);
    assert_eq!(ran.stdout.matches("  major  ").count(), 200);
    assert!(ran.stdout.contains("\n3 further issues are not shown; --format json has all.\n"));
    assert!(ran.stdout.contains("\n203 issues: 203 major\n"));
    assert_eq!(check(repo.path(), &["--format", "json"]).json()["issues"].as_array().unwrap().len(), 203);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let repo = with_many(400);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = command(repo.path(), temporary.path(), &["--format".as_ref(), "json".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
    assert_is_empty(&temporary);
}

#[test]
fn a_signal_ends_it_and_takes_its_directory_along() {
    let repo = with_many(400);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = command(repo.path(), temporary.path(), &["--format".as_ref(), "json".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // It writes, and cannot go on before we read on.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1);
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_is_empty(&temporary);
}

#[test]
fn nothing_is_written_into_the_repository() {
    fn listing(dir: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
            let meta = entry.metadata().unwrap();
            into.push(format!("{:?} {} {:?}", entry.path(), meta.len(), meta.modified().unwrap()));
            if meta.is_dir() {
                listing(&entry.path(), into);
            }
        }
        into.sort();
    }
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("package.json", COMMA)]);
    repo.remove(&["package.json"]);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    listing(repo.path(), &mut before);
    for arguments in [&[][..], &["--base", "HEAD~1"], &["--rev", "HEAD~1"]] {
        check(repo.path(), arguments);
    }
    listing(repo.path(), &mut after);
    assert_eq!(before, after);
}
