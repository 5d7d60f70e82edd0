//! Checks that start a process: commands of the repository's own and tools of the catalogue, each in a sandbox.
//!
//! Skipped, and said so, where there is no sandbox; `PLUMBLINE_REQUIRE=sandbox` makes that a failure.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use plumbline::base::event::Event;
use plumbline::base::work::Lane;
use plumbline::engine::sandbox::Tier;
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::steps;
use crate::support::world::{Repo, World, text};

macro_rules! need {
    () => {
        if let Err(missing) = crate::guard::sandbox::native() {
            return crate::support::skipped("sandbox", missing);
        }
    };
}
pub(crate) use need;

fn manifest(checks: &str) -> String {
    format!("version: 1\nissues: {{fail_on: new}}\nchecks:\n{checks}")
}

async fn check(repo: &Repo<'_>, sha: &str, name: &str) -> Value {
    repo.see(&format!("/commits/{sha}/checks/{name}")).await
}

async fn log(world: &World, repo: &Repo<'_>, sha: &str, name: &str) -> String {
    world.admin.get(&repo.commit(sha, &format!("/checks/{name}/log"))).await.expect(200).text()
}

#[tokio::test]
async fn a_command_of_the_repository_judges_the_tree_and_its_issues_gate() {
    need!();
    let world = World::new().await;
    let lint = "- name: house\n  run: 'grep -rn TABOO --include=*.txt . | sed \"s/:[^:]*TABOO.*/:1: error: taboo [no-taboo]/\"; echo looked >&2'\n  output: gnu\n";
    let repo = world.repo("app", [(".plumbline.yaml", &manifest(lint)), ("a.txt", "fine\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: house succeeded");
    assert!(log(&world, &repo, &repo.first, "house").await.contains("looked"), "what it says on stderr is its log");

    let broken = repo.push([("a.txt", "fine\nTABOO\n")]).await;
    assert_eq!(repo.places(&broken, "new").await, ["a.txt:2 no-taboo"]);
    assert!(repo.verdict(&broken).await.starts_with("failure: 1 new issue"));
    let moved = repo.push([("a.txt", "one more\nfine\nTABOO\n")]).await;
    assert_eq!(repo.places(&moved, "new").await, [""; 0], "it is the issue it was");
    let seen = check(&repo, &moved, "house").await;
    assert_eq!((&seen["state"], &seen["exit_code"], &seen["execution"]["tier"]), (&json!("succeeded"), &json!(0), &json!("native")));
}

#[tokio::test]
async fn a_command_that_ends_badly_without_a_finding_says_no_and_the_gate_with_it() {
    need!();
    let world = World::new().await;
    let repo =
        world.repo("app", [(".plumbline.yaml", &manifest("- name: tests\n  run: 'echo broken >&2; exit 3'\n  output: gnu\n"))]).await;
    assert_eq!(repo.checks(&repo.first).await, "failed: tests failed");
    assert!(repo.verdict(&repo.first).await.starts_with("failure: 1 check failed"), "{}", repo.verdict(&repo.first).await);
    let seen = check(&repo, &repo.first, "tests").await;
    assert_eq!((&seen["exit_code"], &seen["error"]["code"]), (&json!(3), &json!("command_failed")));
    assert!(text(&seen["error"]["message"]).contains("ended with 3"));
}

#[tokio::test]
async fn the_wait_for_a_processor_is_no_part_of_how_long_a_check_took() {
    need!();
    let world = World::new().await;
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("- {name: quick, run: 'true', output: gnu}\n"))]).await;
    world.admin.own("POST", &repo.commit(&repo.first, "/checks")).await.expect(202);
    let app = world.app.app().clone();
    let others: Vec<_> = (0..app.config.parallel).map(|_| app.admission.enter(0, &|| false).unwrap()).collect();
    let work = steps::perform(&app, Lane::Checks, |_| ());
    while app.admission.waiting() == 0 {
        std::thread::yield_now();
    }
    world.app.advance(Duration::from_secs(10));
    drop(others);
    assert!(work.join().unwrap());
    world.app.settle().await;
    let seen = check(&repo, &repo.first, "quick").await;
    assert_eq!((&seen["state"], &seen["duration_ms"]), (&json!("succeeded"), &json!(0)), "the clock stood still while it ran");
    let ran = plumbline::base::text::duration(seen["execution"]["wall_ms"].as_u64().unwrap());
    let log = log(&world, &repo, &repo.first, "quick").await;
    assert!(log.contains(&format!("0 findings in {ran}\n")), "{ran}: {log}");
}

#[tokio::test]
async fn whatever_a_program_does_is_told_in_a_sentence_and_stops_nothing_else() {
    need!();
    let world = World::new().await;
    let checks = "- {name: hangs, run: 'sleep 1000', output: gnu, timeout: 1s}\n\
        - {name: garbage, run: 'echo no json', output: sarif}\n\
        - {name: silent, run: 'true', output: sarif}\n\
        - {name: killed, run: 'kill -9 $$', output: gnu}\n\
        - {name: hungry, run: 'x=xxxxxxxxxxxxxxxx; while true; do x=\"$x$x\"; done', output: gnu, memory: 64MiB}\n\
        - {name: chatty, run: 'yes no line at all', output: gnu, timeout: 1m}\n\
        - {name: nonesuch, plugin: nonesuch}\n\
        - {name: pictured, plugin: 'docker://acme/lint:v1'}\n\
        - {name: secretive, run: 'true', output: gnu, mounts: [{source: 'secrets:KEY', destination: '~/.key'}]}\n\
        - {plugin: hygiene}\n";
    let repo = world.repo("app", [(".plumbline.yaml", &manifest(checks)), ("a.json", "{\n")]).await;
    let set = repo.see(&format!("/commits/{}/checks", repo.first)).await;
    let said: Vec<String> = set["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| format!("{} {} {}", text(&check["name"]), text(&check["state"]), check["error"]["code"].as_str().unwrap_or("-")))
        .collect();
    let expected = [
        "hangs timed_out timed_out",
        "garbage errored output_invalid",
        "silent errored output_invalid",
        "killed errored plugin_crashed",
        "hungry errored limit_memory",
        "chatty errored limit_output",
        "nonesuch errored plugin_unknown",
        "pictured errored sandbox_unavailable",
        "secretive errored secret_unknown",
        "hygiene succeeded -",
    ];
    assert_eq!(said, expected, "{set:#}");
    for check in set["checks"].as_array().unwrap().iter().filter(|check| check["error"].is_object()) {
        let message = text(&check["error"]["message"]);
        assert!(message.ends_with(['.', '?']) && message.len() > 20, "{message}");
    }
    assert_eq!(repo.places(&repo.first, "open").await, ["a.json:1 invalid-json"]);
}

/// A tool that reads as ruff does, wherever it is looked for first.
pub fn false_ruff(dir: &std::path::Path, version: &str) {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'ruff {version}'; exit 0; fi\n\
         while [ \"$1\" != -- ]; do shift; done; shift\n\
         echo \"asked about $#: $*\" >&2\n\
         sep=; printf '{{\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":{{\"name\":\"ruff\"}}}},\"results\":['\n\
         for file; do if grep -q bad \"$file\"; then printf '%s{{\"ruleId\":\"F401\",\"message\":{{\"text\":\"bad\"}},\"locations\":[{{\"physicalLocation\":{{\"artifactLocation\":{{\"uri\":\"%s\"}},\"region\":{{\"startLine\":1}}}}}}]}}' \"$sep\" \"$file\"; sep=,; fi; done\n\
         printf ']}}]}}'\n"
    );
    let path = dir.join("ruff");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_tool_of_the_catalogue_needs_no_configuration_and_is_asked_about_what_changed_alone() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    false_ruff(bin.path(), "0.9.1");
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let repo = world
        .repo("app", [(".plumbline.yaml", &manifest("- plugin: ruff\n")), ("a.py", "bad\n"), ("b.py", "1\n"), ("c.txt", "bad\n")])
        .await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: ruff succeeded");
    assert_eq!(repo.places(&repo.first, "open").await, ["a.py:1 F401"]);
    assert!(log(&world, &repo, &repo.first, "ruff").await.contains("asked about 2: ./a.py ./b.py"));
    assert!(log(&world, &repo, &repo.first, "ruff").await.contains("2 files judged, 0 files unchanged, 1 finding"), "of four files");
    let seen = check(&repo, &repo.first, "ruff").await;
    assert_eq!((&seen["execution"]["version"], &seen["plugin"]), (&json!("0.9.1"), &json!("ruff")));
    let issue = repo.issues(&repo.first, "open").await.remove(0);
    assert_eq!((&issue["kind"], &issue["severity"]), (&json!("bug"), &json!("minor")), "the catalogue knows what a rule means");

    let next = repo.push([("b.py", "bad\n")]).await;
    assert_eq!(repo.places(&next, "new").await, ["b.py:1 F401"]);
    assert!(log(&world, &repo, &next, "ruff").await.contains("asked about 1: ./b.py"), "the other file did not change");
    let settings = repo.push([("ruff.toml", "line-length = 100\n")]).await;
    assert!(log(&world, &repo, &settings, "ruff").await.contains("asked about 2"), "other settings, other findings");
    let text_alone = repo.push([("c.txt", "good\n")]).await;
    assert!(!log(&world, &repo, &text_alone, "ruff").await.contains("asked"), "nothing that it looks at changed");
    assert_eq!(repo.places(&text_alone, "open").await, ["a.py:1 F401", "b.py:1 F401"]);
    let page = world.admin.page(&format!("/r/local/app/commits/{next}")).await.expect(200).text();
    assert!(page.contains("ruff"));
    let page = world.admin.page(&format!("/issues/{}", text(&issue["id"]))).await.expect(200).text();
    assert!(page.contains("what it means") && page.contains("F401\" rel=\"noreferrer\""), "{page}");
}

#[tokio::test]
async fn a_tool_that_is_missing_or_too_old_says_what_mends_it() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    false_ruff(bin.path(), "0.0.1");
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("- plugin: ruff\n- plugin: bandit\n")), ("a.py", "1\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "errored: ruff errored, bandit errored");
    let old = check(&repo, &repo.first, "ruff").await;
    assert_eq!(old["error"]["code"], json!("plugin_outdated"));
    assert!(text(&old["error"]["message"]).contains("0.0.1") && text(&old["error"]["message"]).contains("pip install"), "{old:#}");
    let missing = check(&repo, &repo.first, "bandit").await;
    assert_eq!(missing["error"]["code"], json!("plugin_missing"));
    assert!(text(&missing["error"]["message"]).contains("pip install 'bandit[toml]'"), "{missing:#}");
}

#[tokio::test]
async fn without_isolation_what_starts_a_process_is_errored_and_the_rest_runs() {
    let world = World::of(TestApp::with(|config| config.launcher = "/nonexistent/plumbline".into())).await;
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("- {name: own, run: 'true', output: gnu}\n- plugin: hygiene\n"))]).await;
    assert_eq!(repo.checks(&repo.first).await, "errored: own errored, hygiene succeeded");
    assert_eq!(check(&repo, &repo.first, "own").await["error"]["code"], json!("sandbox_unavailable"));
}

#[tokio::test]
async fn where_images_alone_may_run_no_command_does() {
    let world = World::of(TestApp::with(|config| config.min_tier = Tier::Oci)).await;
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("- {name: own, run: 'true', output: gnu}\n- plugin: hygiene\n"))]).await;
    assert_eq!(repo.checks(&repo.first).await, "errored: own errored, hygiene succeeded");
    assert!(text(&check(&repo, &repo.first, "own").await["error"]["message"]).contains("sandbox.min_tier"));
}

#[tokio::test]
async fn a_program_that_runs_is_gone_soon_after_its_checks_are_canceled() {
    need!();
    let world = World::new().await;
    let git = crate::support::repo::TestRepo::new();
    let checks = manifest("- {name: slow, run: 'echo begun >&2; sleep 1000 & sleep 1000', output: gnu}\n");
    let sha = git.commit([(".plumbline.yaml", checks)]);
    world.register("app", git.path()).await;
    let run = |lane| {
        let app = world.app.app().clone();
        tokio::task::spawn_blocking(move || plumbline::app::runner::run_next(&app, lane, "test", None).unwrap())
    };
    assert!(run(Lane::Git).await.unwrap());
    let mut heard = world.app.app().listen();
    let work = run(Lane::Checks);
    while !matches!(heard.recv().await.unwrap().event, Event::CheckSetStarted { .. }) {}
    let began = std::time::Instant::now();
    world.admin.own("DELETE", &format!("/api/v1/repos/local/app/commits/{sha}/checks")).await.expect(202);
    assert!(work.await.unwrap());
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "it took {:?}", began.elapsed());
    let set = world.see("app", &format!("/commits/{sha}/checks")).await;
    assert_eq!((&set["state"], &set["checks"][0]["state"]), (&json!("canceled"), &json!("canceled")));
    world.app.settle().await;
}

#[tokio::test]
async fn a_program_that_ran_over_the_very_same_files_on_another_branch_is_not_run_again() {
    need!();
    let world = World::new().await;
    let lint = manifest("- {name: house, run: 'echo ran >&2; echo a.txt:1: error: taboo [no-taboo]', output: gnu}\n");
    let repo = world.repo("app", [(".plumbline.yaml", &lint), ("a.txt", "fine\n")]).await;
    repo.switch("topic");
    repo.push([("b.txt", "one\n")]).await;
    let topic = repo.push([("b.txt", "two\n")]).await;
    // As when a branch is squashed into the default one.
    repo.switch("main");
    let squashed = repo.push([("b.txt", "two\n")]).await;
    assert_eq!(repo.checks(&squashed).await, "succeeded: house succeeded");
    let said = log(&world, &repo, &squashed, "house").await;
    assert!(!said.contains("ran") && said.contains(&topic[..7]), "{said}");
    let seen = check(&repo, &squashed, "house").await;
    assert_eq!((&seen["issues"], &seen["execution"]["kept_from"]), (&json!(1), &json!(topic)));
    let issue = |issues: Vec<Value>| text(&issues[0]["id"]).to_owned();
    assert_eq!(issue(repo.issues(&squashed, "open").await), issue(repo.issues(&repo.first, "open").await), "it is the issue it was");

    world.admin.own("POST", &repo.commit(&squashed, "/checks")).await.expect(202);
    world.app.settle().await;
    assert!(log(&world, &repo, &squashed, "house").await.contains("ran"), "whoever asks for it again sees it run");
    let other = repo.push([(".plumbline.yaml", &lint.replace("taboo [", "taboos [")), ("b.txt", "two\n")]).await;
    assert!(log(&world, &repo, &other, "house").await.contains("ran"), "with other settings it is another check");
}

#[tokio::test]
async fn a_tool_can_be_switched_on_for_one_repository_alone() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.txt", "fine\n")]).await;
    let wrong = world.admin.json("PATCH", &repo.path(""), json!({"tools": ["ruff", "rough"]})).await.expect(400).refused("invalid_body");
    assert!(wrong.contains("`rough` is none of: ") && wrong.contains("shellcheck"), "{wrong}");
    let changed = world.admin.json("PATCH", &repo.path(""), json!({"tools": ["shellcheck", "ruff", "ruff"]})).await.expect(200).value();
    assert_eq!(changed["tools"], json!(["ruff", "shellcheck"]));
    let page = world.admin.page("/r/local/app/settings").await.expect(200).text();
    assert!(
        page.contains("name=\"tool:ruff\" value=\"true\" checked") && page.contains("name=\"tool:yamllint\" value=\"true\">"),
        "{page}"
    );
    world.admin.form("/r/local/app/settings", "description=an+app&approval_for=branches&tool%3Ayamllint=true").await.expect(303);
    let seen = repo.see("").await;
    assert_eq!((&seen["tools"], &seen["approval_for"]), (&json!(["yamllint"]), &json!("branches")));
    world.admin.form("/r/local/app/settings", "description=an+app&tool%3Arough=true").await.expect(400);
}

#[tokio::test]
async fn a_tool_that_ends_as_if_it_had_found_something_and_says_nothing_has_crashed_and_nothing_is_called_fixed() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    false_ruff(bin.path(), "0.9.1");
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("- plugin: ruff\n")), ("a.py", "bad\n")]).await;
    assert_eq!(repo.places(&repo.first, "open").await, ["a.py:1 F401"]);
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'ruff 0.9.2'; exit 0; fi\necho 'no such plugin: flake9' >&2\nprintf '{\"version\":\"2.1.0\",\"runs\":[]}'\nexit 1\n";
    std::fs::write(bin.path().join("ruff"), script).unwrap();
    let next = repo.push([("a.py", "bad and worse\n")]).await;
    let seen = check(&repo, &next, "ruff").await;
    assert_eq!(seen["error"]["code"], json!("plugin_crashed"), "{seen:#}");
    assert_eq!(text(&seen["error"]["message"]), "ruff ended with 1 and said nothing: no such plugin: flake9.");
    assert_eq!(repo.places(&next, "open").await, ["a.py:1 F401"], "what was known before stands");

    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'ruff 0.9.3'; exit 0; fi\necho 'two modules of one name'\nexit 3\n";
    std::fs::write(bin.path().join("ruff"), script).unwrap();
    let next = repo.push([("a.py", "bad and worse still\n")]).await;
    let seen = check(&repo, &next, "ruff").await;
    assert_eq!(text(&seen["error"]["message"]), "ruff ended with 3: two modules of one name.", "it has said so on stdout alone");
}

#[tokio::test]
async fn a_tool_that_stops_at_what_it_cannot_parse_calls_nothing_fixed_in_files_that_it_did_not_come_to() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let script = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'mypy 1.11.0'; exit 0; fi\n\
                  for file in *.py; do if grep -q BROKEN $file; then echo \"$file:1:1:1:1: error: invalid syntax  [syntax]\"; exit 2; fi; done\n\
                  code=0; for file in *.py; do if grep -q WRONG $file; then echo \"$file:1:1:1:5: error: wrong  [arg-type]\"; code=1; fi; done\n\
                  exit $code\n";
    let path = bin.path().join("mypy");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let manifest = manifest("- plugin: mypy\n");
    let files = [(".plumbline.yaml", manifest.as_str()), ("a.py", "WRONG\n"), ("b.py", "WRONG\n"), ("c.py", "fine\n"), ("d.py", "WRONG\n")];
    let repo = world.repo("app", files).await;
    let first = ["a.py:1 arg-type", "b.py:1 arg-type", "d.py:1 arg-type"];
    assert_eq!(repo.places(&repo.first, "open").await, first);

    let broken = repo.push([("c.py", "BROKEN\n"), ("a.py", "\nWRONG\n")]).await;
    assert_eq!(repo.places(&broken, "new").await, ["c.py:1 syntax"]);
    assert_eq!(repo.places(&broken, "open").await, ["c.py:1 syntax", "a.py:2 arg-type", "b.py:1 arg-type", "d.py:1 arg-type"]);
    assert!(log(&world, &repo, &broken, "mypy").await.contains("It stopped early"));

    let mended = repo.push([("c.py", "fine\n"), ("a.py", "WRONG\n"), ("d.py", "fine\n")]).await;
    assert_eq!(repo.places(&mended, "new").await, [""; 0], "they are the issues they were");
    assert_eq!(repo.places(&mended, "open").await, ["a.py:1 arg-type", "b.py:1 arg-type"], "and what is fixed is fixed");
}

#[tokio::test]
async fn what_a_manifest_asks_for_in_vain_is_said_in_the_log() {
    need!();
    let world = World::new().await;
    let checks = "- {name: own, run: 'true', output: gnu, cache: [{path: vendor, key: a}]}\n- {name: other, run: 'true', output: gnu}\n";
    let repo = world.repo("app", [(".plumbline.yaml", manifest(checks).as_str())]).await;
    assert!(log(&world, &repo, &repo.first, "own").await.contains("`cache` in its manifest has no effect"));
    assert!(!log(&world, &repo, &repo.first, "other").await.contains("`cache`"));
}

#[tokio::test]
async fn a_command_whose_findings_are_elsewhere_has_said_why_it_ends_badly() {
    need!();
    let world = World::new().await;
    let checks = "- {name: house, run: 'echo vendor/a.txt:1: error: taboo [no-taboo]; exit 1', output: gnu}\n";
    let excluded = format!("version: 1\nissues: {{fail_on: new}}\nexclude: [vendor/]\nchecks:\n{checks}");
    let repo = world.repo("app", [(".plumbline.yaml", &excluded), ("vendor/a.txt", "fine\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: house succeeded");
}

#[tokio::test]
async fn a_manifest_asks_for_no_more_than_the_instance_gives() {
    need!();
    let world = World::of(TestApp::with(|config| {
        (config.memory, config.max_timeout) = (64 << 20, std::time::Duration::from_secs(2));
    }))
    .await;
    let checks = "- {name: hungry, run: 'true', output: gnu, memory: 8GiB}\n- {name: slow, run: 'sleep 1000', output: gnu, timeout: 1h}\n";
    let repo = world.repo("app", [(".plumbline.yaml", manifest(checks).as_str())]).await;
    assert_eq!(repo.checks(&repo.first).await, "errored: hungry succeeded, slow timed_out");
    let page = world.admin.page(&format!("/r/local/app/commits/{}/checks/hungry", repo.first)).await.expect(200).text();
    assert!(page.contains("64 MiB") || page.contains("64.0 MiB"), "{page}");
    let seen = check(&repo, &repo.first, "slow").await;
    assert!(text(&seen["error"]["message"]).contains("longer than 2"), "{seen:#}");
}

#[tokio::test]
async fn a_tool_that_writes_more_findings_than_are_read_is_not_believed_to_have_said_all() {
    need!();
    let world = World::new().await;
    let checks = manifest("- {name: house, run: \"seq -f 'a.txt:%.0f: warning: x' 100010\", output: gnu}\n");
    let repo = world.repo("app", [(".plumbline.yaml", checks.as_str()), ("a.txt", "one\ntwo\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "errored: house errored");
    assert_eq!(check(&repo, &repo.first, "house").await["error"]["code"], json!("limit_output"));
}

#[tokio::test]
async fn a_tool_is_not_even_asked_for_its_version_where_no_file_wakes_it() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    false_ruff(bin.path(), "0.0.1");
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let repo = world.repo("app", [(".plumbline.yaml", &manifest("- plugin: ruff\n")), ("a.txt", "1\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: ruff succeeded", "or it would be known that it is too old");
    assert!(log(&world, &repo, &repo.first, "ruff").await.contains("There is no file that"));
    let awake = repo.push([("a.py", "1\n")]).await;
    assert_eq!(repo.checks(&awake).await, "errored: ruff errored");
    let asleep = repo.remove(&["a.py"]).await;
    assert_eq!(repo.checks(&asleep).await, "succeeded: ruff succeeded");
}

#[tokio::test]
async fn what_mends_a_tool_says_which_of_its_programs_is_not_there() {
    need!();
    let bin = tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap();
    let script = bin.path().join("ruff");
    std::fs::write(&script, "#!/nonexistent/interp\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = bin.path().to_owned();
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone().into())).await;
    let checks = manifest(
        "- plugin: ruff\n- {name: killed, run: 'kill -SEGV $$', output: gnu}\n- {name: asks, run: 'true', output: gnu, network: forge}\n",
    );
    let repo = world.repo("app", [(".plumbline.yaml", &checks), ("a.py", "1\n")]).await;
    let said = text(&check(&repo, &repo.first, "ruff").await["error"]["message"]).to_owned();
    assert!(said.contains("`ruff`") && said.contains("`/nonexistent/interp`") && said.contains("needs"), "{said}");
    let said = text(&check(&repo, &repo.first, "killed").await["error"]["message"]).to_owned();
    assert!(said.starts_with("The command was ended by signal 11") && said.contains("run it by hand"), "{said}");
    assert!(log(&world, &repo, &repo.first, "asks").await.contains("`network: forge`"));
}
