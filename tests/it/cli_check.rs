//! `plumbline check`, by the real binary.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use insta::assert_snapshot;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::raw::{FILE, LINK, RawRepo};
use crate::support::repo::TestRepo;

mod concealment;
mod formats;
mod sources;
mod terminal;

const MANIFEST: (&str, &str) = (".plumbline.yaml", "version: 1\nchecks: [{plugin: hygiene}]\n");
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
fn wrong_usage_is_told_from_failure() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [&["--format", "xml"][..], &["--frob"], &["a", "b"], &["--rev"]] {
        let ran = check(dir.path(), wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{wrong:?}");
    }
    assert_eq!(check(dir.path(), &["--help"]).code, 0);
}

/// A damaged file once counted as judged: what stood in it was called fixed, and the gate held.
#[test]
fn a_file_that_cannot_be_read_leaves_its_issues_open_and_the_gate_unsure() {
    let repo = TestRepo::new();
    let manifest = "version: 1\nissues: {fail_on: new}\nchecks:\n  - plugin: hygiene\n";
    repo.commit([(".plumbline.yaml", manifest), ("src/a.rs", CONFLICT), ("b.json", COMMA)]);
    let changed = format!("{CONFLICT}// more\n");
    repo.commit([("src/a.rs", &changed)]);
    let blob = repo.blob(&changed);
    let object = repo.path().join(".git/objects").join(&blob[..2]).join(&blob[2..]);
    let bytes = std::fs::read(&object).unwrap();
    std::fs::remove_file(&object).unwrap();
    std::fs::write(&object, &bytes[..bytes.len() / 2]).unwrap();
    let ran = check(repo.path(), &["--rev", "HEAD", "--base", "HEAD~1", "--format", "json"]);
    let said = ran.json();
    assert_eq!(ran.code, 1, "{said:#}");
    assert_eq!(said["check_set"]["checks"][0]["state"], "errored", "{said:#}");
    assert_eq!(said["check_set"]["checks"][0]["error"]["code"], "fetch_failed", "{said:#}");
    assert!(said.to_string().contains("src/a.rs` cannot be read"), "{said:#}");
    assert_eq!((&said["counts"]["open"], &said["counts"]["fixed"]), (&2.into(), &0.into()), "{said:#}");
}

/// A link that could not be read once cost the check all that it had found.
#[test]
fn a_link_that_cannot_be_read_leaves_its_issue_open_and_all_else_judged() {
    let repo = RawRepo::new();
    let (here, gone) = (repo.blob("nowhere"), repo.blob("elsewhere"));
    let manifest = (FILE, &b".plumbline.yaml"[..], repo.blob("version: 1\nissues: {fail_on: new}\nchecks:\n  - plugin: hygiene\n"));
    let base = repo.commit(repo.tree(&[manifest, (LINK, b"docs", here), (LINK, b"other", here)]), &[]);
    let broken = (FILE, &b"b.json"[..], repo.blob(COMMA));
    let head = repo.commit(repo.tree(&[manifest, broken, (LINK, b"docs", gone), (LINK, b"other", here)]), &[base]);
    repo.point("main", head);
    std::fs::remove_file(repo.loose(gone)).unwrap();
    let ran = check(repo.path(), &["--rev", &head.to_string(), "--base", &base.to_string(), "--format", "json"]);
    let said = ran.json();
    assert_eq!((ran.code, &said["check_set"]["checks"][0]["state"]), (1, &json!("errored")), "{said:#}");
    assert!(said.to_string().contains("`docs` cannot be read"), "{said:#}");
    assert_eq!([&said["counts"]["open"], &said["counts"]["new"], &said["counts"]["fixed"]], [3, 1, 0], "{said:#}");
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
fn tools_that_could_say_more_are_named_with_what_installs_them_where_no_manifest_says_what_runs() {
    let repo = TestRepo::new();
    repo.commit([("run.sh", "#!/bin/sh\necho $1\n"), ("a.rs", "fn main() {}\n")]);
    let said = check_with(repo.path(), &[], &[("PATH", "/nowhere")]).stderr;
    assert!(
        said.contains("more could be said by") && said.contains("shellcheck (`") && !said.contains("ruff") && !said.contains("clippy"),
        "{said}"
    );
    repo.commit([(".plumbline.yaml", "version: 1\nchecks: [{plugin: hygiene}]\n")]);
    assert!(!check_with(repo.path(), &[], &[("PATH", "/nowhere")]).stderr.contains("more could be said"));
}

/// A folder with a program of this name that says this version.
fn bin_with(name: &str, version: &str) -> TempDir {
    let open = || std::fs::Permissions::from_mode(0o755);
    let bin = tempfile::Builder::new().permissions(open()).tempdir().unwrap();
    let program = bin.path().join(name);
    std::fs::write(&program, format!("#!/bin/sh\necho '{name} {version}'\n")).unwrap();
    std::fs::set_permissions(program, open()).unwrap();
    bin
}

#[test]
fn a_tool_whose_settings_are_in_the_tree_is_named_whether_it_is_here_or_not() {
    let repo = TestRepo::new();
    let eslint = [("eslint.config.mjs", "export default [];\n"), ("a.mjs", "export const a = 1;\n")];
    repo.commit(eslint.into_iter().chain([("Cargo.toml", "[package]\nname = \"a\"\n"), ("src/lib.rs", "\n")]));
    let bin = bin_with("eslint", "v9.9.9");
    let said = check_with(repo.path(), &[], &[("PATH", bin.path().to_str().unwrap())]).stderr;
    assert!(said.contains("clippy (`rustup component add clippy`)"), "{said}");
    assert!(
        said.contains("eslint is here and finds in the tree what it needs")
            && said.contains("(`- plugin: eslint`)")
            && !said.contains("eslint (`"),
        "{said}"
    );
    assert!(check_with(repo.path(), &[], &[("PATH", "/nowhere")]).stderr.contains("eslint (`npm install --global eslint`)"));
}

#[test]
fn a_tool_that_would_run_and_is_too_old_is_named_with_what_mends_that() {
    if let Err(missing) = crate::guard::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let repo = TestRepo::new();
    repo.commit([("a.py", "print(1)\n")]);
    let bin = bin_with("ruff", "0.0.1");
    let path = format!("{}:/usr/bin:/bin", bin.path().display());
    let said = check_with(repo.path(), &[], &[("PATH", &path)]).stderr;
    assert!(said.contains("not run: ruff. `ruff` is here in version 0.0.1") && said.contains("`pip install --upgrade ruff`"), "{said}");
}

/// Runs `plumbline check` where the host's bubblewrap is a program that cannot come up, without isolation. `None` if we may not pretend so:
/// root may. One who is root in a namespace of users alone could not become the user that bubblewrap is started as.
fn check_without_bubblewrap(repo: &Path, path: &str) -> Option<(String, String)> {
    let fake = tempfile::tempdir().unwrap();
    let bubblewrap = fake.path().join("bwrap");
    std::fs::write(&bubblewrap, "#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2; exit 1\n").unwrap();
    std::fs::set_permissions(&bubblewrap, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!("mount --bind '{}' /usr/bin/bwrap && echo mounted && exec \"$0\" check", bubblewrap.display());
    let arguments = ["--mount", "/bin/sh", "-c", &script, env!("CARGO_BIN_EXE_plumbline")];
    #[expect(clippy::disallowed_methods, reason = "these tests are about the process")]
    let mut command = Command::new("unshare");
    command.args(arguments).current_dir(repo).env_clear().env("PATH", path).env("PLUMBLINE_SANDBOX_MIN_TIER", "trusted");
    let output = command.output().ok()?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let stdout = stdout.strip_prefix("mounted\n")?.to_owned();
    Some((stdout, String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn without_isolation_that_is_said_before_anything_runs_and_only_what_is_to_run_is_started() {
    let repo = TestRepo::new();
    let bin = bin_with("ruff", "9.9.9");
    let trace = bin.path().join("started");
    let script = format!("#!/bin/sh\necho started >> '{}'\necho 'ruff 9.9.9'\n", trace.display());
    std::fs::write(bin.path().join("ruff"), script).unwrap();
    std::fs::set_permissions(bin.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let path = format!("{}:/usr/bin:/bin:/usr/sbin:/sbin", bin.path().display());
    repo.commit([("a.py", "print(1)\n"), MANIFEST]);
    let Some((stdout, stderr)) = check_without_bubblewrap(repo.path(), &path) else {
        return crate::support::skipped("sandbox", "nothing can be mounted here");
    };
    assert!(stderr.starts_with("plumbline: WITHOUT ISOLATION: "), "{stderr}{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!trace.exists(), "a tool that is not to run was asked for its version");
    repo.commit([(".plumbline.yaml", "version: 1\nchecks: [{plugin: ruff}]\n")]);
    check_without_bubblewrap(repo.path(), &path).unwrap();
    assert!(trace.exists(), "one that is to run was not");
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
      plugin_unknown: No plugin is named `hygeine`. Did you mean `hygiene`?

    ◆ The gate cannot tell: 1 check could not be carried out; no issues.
    ");
    assert_eq!(ran.code, 1);
}

#[test]
fn the_instances_configuration_holds_in_the_terminal_as_well() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 1\nchecks:\n- {name: own, run: 'true', output: gnu}\n")]);
    let by_environment = check_with(repo.path(), &[], &[("PLUMBLINE_SANDBOX_MIN_TIER", "oci")]);
    assert!(by_environment.stdout.contains("`sandbox.min_tier` is `oci`"), "{}", by_environment.stdout);
    let config = tempfile::tempdir().unwrap();
    let file = config.path().join("own.toml");
    std::fs::write(&file, "[sandbox]\nmin_tier = \"oci\"\n").unwrap();
    let by_file = check(repo.path(), &["--config", file.to_str().unwrap()]);
    assert!(by_file.stdout.contains("`sandbox.min_tier` is `oci`"), "{}{}", by_file.stdout, by_file.stderr);
    let in_data = check_with(repo.path(), &[], &[("PLUMBLINE_DATA_DIR", config.path().to_str().unwrap())]);
    assert!(!in_data.stdout.contains("min_tier"), "{}", in_data.stdout);
    let wrong = check_with(repo.path(), &[], &[("PLUMBLINE_SANDBOX_MIN_TEER", "oci")]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (1, ""));
    assert!(wrong.stderr.contains("did you mean `PLUMBLINE_SANDBOX_MIN_TIER`"), "{}", wrong.stderr);
}
