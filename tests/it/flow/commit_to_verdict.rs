//! The main job: a commit goes in; checks run; issues and a verdict come out. The example for every other flow.

use plumbline::app::runner;
use plumbline::base::event::{Actor, Event};
use plumbline::base::work::Lane;
use plumbline::engine::queue;
use plumbline::engine::store::Scan;
use plumbline::engine::store::journal::Journaled;
use serde_json::json;

use crate::support::repo::TestRepo;
use crate::support::world::{Repo, World, by_default, text};

const CONFLICT: &str = "puts 1\n<<<<<<< HEAD\nputs 2\n=======\nputs 3\n>>>>>>> topic\n";
const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nissues: {fail_on: new}\n");

#[tokio::test]
async fn a_commit_goes_in_and_issues_and_a_verdict_come_out() {
    let world = World::new().await;
    let repo = world.repo("app", [("app.rb", CONFLICT), ("README.md", "# App\n")]).await;

    assert_eq!(repo.checks(&repo.first).await, by_default("succeeded"));
    assert_eq!(repo.places(&repo.first, "open").await, ["app.rb:2 conflict-marker"]);
    assert_eq!(repo.places(&repo.first, "new").await, [""; 0], "the first commit is the baseline");
    let baseline = "success: 1 open issue at the first analysed commit: this is the baseline; nothing is gated without a manifest";
    assert_eq!(repo.verdict(&repo.first).await, baseline);

    let seen = repo.see("").await;
    assert_eq!((&seen["issues_open"], &seen["gate"], &seen["default_branch"]), (&json!(1), &json!("success"), &json!("main")));
    let log = world.admin.get(&repo.commit(&repo.first, "/checks/hygiene/log")).await.expect(200).text();
    assert!(log.contains("2 files judged, 0 files unchanged, 1 finding"), "{log}");
    assert_eq!(repo.found("conflict").await, 1);
    let page = world.admin.page(&format!("/r/local/app/commits/{}", repo.first)).await.expect(200).text();
    assert!(page.contains("app.rb") && page.contains("this is the baseline"));
}

#[tokio::test]
async fn the_gate_fails_on_a_new_issue_until_it_is_fixed_and_what_comes_back_is_the_same_issue() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("app.rb", "puts 1\n")]).await;
    assert_eq!(repo.verdict(&repo.first).await, "success: 0 open issues at the first analysed commit: this is the baseline");

    let broken = repo.push([("config.json", "{\"a\": }\n")]).await;
    assert_eq!(repo.verdict(&broken).await, "failure: 1 new issue of severity minor or above");
    assert_eq!(repo.checks(&broken).await, by_default("failed"));
    assert_eq!(repo.places(&broken, "new").await, ["config.json:1 invalid-json"]);
    let id = text(&repo.issues(&broken, "new").await[0]["id"]).to_owned();

    let mended = repo.push([("config.json", "{\"a\": 1}\n")]).await;
    assert_eq!(repo.verdict(&mended).await, "success: no new issues, 1 fixed");
    assert_eq!(repo.places(&mended, "fixed").await, ["config.json:1 invalid-json"]);
    assert_eq!(repo.found("state:fixed").await, 1);

    let again = repo.push([("config.json", "{\"a\": }\n")]).await;
    assert_eq!(repo.verdict(&again).await, "failure: 1 new issue of severity minor or above");
    assert_eq!(text(&repo.issues(&again, "new").await[0]["id"]), id, "it is the issue it was");
    assert_eq!(repo.life(&id).await, ["first_seen", "fixed", "reopened"]);
    assert_eq!(repo.found("state:open").await, 1);
}

#[tokio::test]
async fn an_issue_keeps_its_identity_through_shifted_lines_and_a_new_name_of_its_file() {
    let world = World::new().await;
    let code = "def one\n  1\nend\n\ndef two\n  2\nend\n";
    let repo = world.repo("app", [GATED, ("lib/a.rb", &format!("{code}{CONFLICT}"))]).await;
    let before = repo.issues(&repo.first, "open").await.remove(0);
    assert_eq!((text(&before["path"]), before["line_start"].as_u64()), ("lib/a.rb", Some(9)));

    let shifted = repo.push([("lib/a.rb", &format!("# Two lines\n# more\n{code}{CONFLICT}"))]).await;
    assert_eq!(repo.verdict(&shifted).await, "success: no new issues");
    let after = repo.issues(&shifted, "open").await.remove(0);
    assert_eq!((&after["id"], after["line_start"].as_u64()), (&before["id"], Some(11)));

    repo.git.remove(&["lib/a.rb"]);
    // One commit that renames: the removal above is its parent and is not a head that is looked at.
    let gone = repo.git.commit([("lib/b.rb", format!("# Two lines\n# more\n{code}{CONFLICT}"))]);
    repo.sync().await;
    assert_eq!(repo.verdict(&gone).await, "success: no new issues");
    let renamed = repo.issues(&gone, "open").await.remove(0);
    assert_eq!((&renamed["id"], text(&renamed["path"])), (&before["id"], "lib/b.rb"));
    assert_eq!(repo.life(text(&before["id"])).await, ["first_seen", "moved"]);
}

#[tokio::test]
async fn a_branch_is_held_against_where_it_left_the_default_branch() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("app.rb", "puts 1\n")]).await;

    repo.switch("topic");
    let one = repo.push([("a.json", "{\n")]).await;
    assert_eq!(repo.verdict(&one).await, "failure: 1 new issue of severity minor or above", "a new branch is looked at");
    let two = repo.push([("b.json", "{\n")]).await;
    assert_eq!(
        repo.verdict(&two).await,
        "failure: 2 new issues of severity minor or above",
        "what the branch brought stays new, however many commits it has"
    );

    repo.switch("main");
    let main = repo.push([("c.json", "[\n")]).await;
    assert_eq!(repo.places(&main, "new").await, ["c.json:1 invalid-json"], "the branch's issues are not the default branch's");
    repo.switch("topic");
    let three = repo.remove(&["a.json"]).await;
    assert_eq!(repo.places(&three, "new").await, ["b.json:1 invalid-json"]);
    assert_eq!(repo.see("").await["issues_open"], json!(1));
    let branches = repo.see("/branches").await;
    let names: Vec<(&str, bool)> =
        branches["items"].as_array().unwrap().iter().map(|branch| (text(&branch["name"]), branch["is_default"] == json!(true))).collect();
    assert_eq!(names, [("main", true), ("topic", false)]);
}

#[tokio::test]
async fn a_forced_push_is_held_against_the_nearest_analysed_commit_it_still_has() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("app.rb", "puts 1\n")]).await;
    repo.switch("aside");
    repo.switch("main");
    let dropped = repo.push([("a.json", "{\n")]).await;
    assert_eq!(repo.verdict(&dropped).await, "failure: 1 new issue of severity minor or above");

    repo.switch("aside");
    let forced = repo.git.commit([("b.rb", "puts 2\n")]);
    repo.switch("main");
    let heads = repo.git.path().join(".git/refs/heads");
    std::fs::write(heads.join("main"), format!("{forced}\n")).unwrap();
    std::fs::remove_file(heads.join("aside")).unwrap();
    repo.sync().await;

    assert_eq!(repo.see("/branches/main").await["head"]["sha"], json!(forced));
    assert_eq!(repo.verdict(&forced).await, "success: no new issues");
    assert_eq!(repo.see("").await["issues_open"], json!(0));
    assert_eq!(
        repo.verdict(&dropped).await,
        "failure: 1 new issue of severity minor or above",
        "what was said of the commit that was dropped still stands"
    );
}

#[tokio::test]
async fn checks_that_run_again_find_the_same_issues() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.json", "[\n")]).await;
    let before = repo.issues(&repo.first, "open").await;
    world.admin.own("POST", &repo.commit(&repo.first, "/checks")).await.expect(202);
    world.app.settle().await;
    assert_eq!(repo.checks(&repo.first).await, by_default("succeeded"));
    assert_eq!(repo.issues(&repo.first, "open").await, before);
    assert_eq!(repo.places(&repo.first, "new").await, [""; 0], "a baseline stays one");
    assert_eq!(repo.life(text(&before[0]["id"])).await, ["first_seen"]);

    let second = repo.push([("b.json", "[]\n"), ("c.json", "{\n")]).await;
    let (verdict, issues) = (repo.verdict(&second).await, repo.issues(&second, "new,fixed").await);
    assert_eq!(verdict, "success: 1 new issue, 1 fixed; nothing is gated without a manifest");
    world.admin.own("POST", &repo.commit(&second, "/checks")).await.expect(202);
    world.app.settle().await;
    assert_eq!((repo.verdict(&second).await, repo.issues(&second, "new,fixed").await), (verdict, issues), "against the base it had");
}

#[tokio::test]
async fn checks_that_are_canceled_while_they_wait_never_begin() {
    let world = World::new().await;
    let (repo, sha) = waiting(&world).await;
    assert_eq!(repo.checks(&sha).await, "waiting: ");
    world.admin.own("POST", &repo.commit(&sha, "/checks")).await.expect(409).refused("already_running");

    let canceled = world.admin.own("DELETE", &repo.commit(&sha, "/checks")).await.expect(202).value();
    assert_eq!(canceled["state"], json!("canceled"));
    world.app.settle().await;
    assert_eq!(repo.verdict(&sha).await, "error: the checks were canceled");
    world.admin.get(&repo.commit(&sha, "/issues")).await.expect(404).refused("not_analysed");
    world.admin.own("DELETE", &repo.commit(&sha, "/checks")).await.expect(409).refused("not_running");

    world.admin.own("POST", &repo.commit(&sha, "/checks")).await.expect(202);
    world.app.settle().await;
    assert_eq!(repo.checks(&sha).await, by_default("succeeded"));
}

#[tokio::test]
async fn what_a_crash_interrupts_is_done_once_after_it() {
    let mut world = World::new().await;
    let (git, sha) = {
        let (repo, sha) = waiting(&world).await;
        (repo.git, sha)
    };
    // A worker has taken the checks and is at them when the process ends.
    let claim = world.app.app().write_now(&Actor::System, |tx, now| queue::claim(tx, Lane::Checks, "before the crash", now)).unwrap();
    assert!(claim.is_some());
    world.app.crash();
    world.follow();

    world.app.settle().await;
    let repo = Repo { world: &world, name: "app", git, first: sha.clone() };
    assert_eq!(repo.checks(&sha).await, by_default("succeeded"));
    let journal = world.app.app().read_now(|tx, _| tx.find(&Scan::<Journaled>::all(), 1_000)).unwrap();
    let ended = journal.iter().filter(|entry| matches!(entry.0.event, Event::CheckSetCompleted { .. })).count();
    assert_eq!(ended, 1);
    assert_eq!(repo.places(&sha, "open").await, ["a.json:1 invalid-json"]);
}

/// A repository whose first commit is fetched and whose checks wait.
async fn waiting(world: &World) -> (Repo<'_>, String) {
    let git = TestRepo::new();
    let sha = git.commit([("a.json", "{\n")]);
    world.register("app", git.path()).await;
    let app = world.app.app().clone();
    assert!(tokio::task::spawn_blocking(move || runner::run_next(&app, Lane::Git, "test", None)).await.unwrap().unwrap());
    (Repo { world, name: "app", git, first: sha.clone() }, sha)
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_says_where_and_nothing_is_called_fixed() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let sha = repo.push([(".plumbline.yaml", "version: 1\nisues: {fail_on: new}\n")]).await;
    let set = repo.see(&format!("/commits/{sha}/checks")).await;
    assert_eq!((&set["state"], &set["error"]["code"]), (&json!("errored"), &json!("manifest_invalid")));
    let message = text(&set["error"]["message"]);
    assert!(message.starts_with("`.plumbline.yaml` line 2, column 1, `isues`") && message.contains("`issues`"), "{message}");
    assert!(repo.verdict(&sha).await.starts_with("error: "));
    assert_eq!(repo.found("state:fixed").await, 0);

    let mended = repo.push([GATED]).await;
    assert_eq!(repo.verdict(&mended).await, "success: no new issues", "the commit before, which nobody could judge, is passed over");
}

#[tokio::test]
async fn a_manifest_that_names_no_checks_gets_none() {
    let world = World::new().await;
    let repo = world.repo("app", [(".plumbline.yaml", "version: 1\nchecks: []\n"), ("a.json", "{\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "not_configured: ");
    assert_eq!(repo.verdict(&repo.first).await, "success: the manifest names no checks");
}

#[tokio::test]
async fn an_unknown_plugin_leaves_the_other_checks_alone_and_calls_nothing_fixed() {
    let world = World::new().await;
    let repo = world.repo("app", [(".plumbline.yaml", "version: 1\nchecks: [{plugin: hygiene}]\n"), ("a.json", "{\n")]).await;
    let typo = repo.push([(".plumbline.yaml", "version: 1\nchecks: [{plugin: hygeine}]\n")]).await;
    assert_eq!(repo.checks(&typo).await, "errored: hygeine errored");
    assert_eq!(repo.places(&typo, "fixed").await, [""; 0], "nobody looked");

    let both = repo.push([(".plumbline.yaml", "version: 1\nchecks: [{plugin: nonesuch}, {plugin: hygiene}]\n"), ("b.json", "{\n")]).await;
    assert_eq!(repo.checks(&both).await, "errored: nonesuch errored, hygiene succeeded");
    assert_eq!(repo.verdict(&both).await, "failure: 1 new issue of severity minor or above", "a gate that fails anyway is said to fail");
    let check = repo.see(&format!("/commits/{both}/checks/nonesuch")).await;
    assert_eq!(check["error"]["code"], json!("plugin_unknown"));
    assert_eq!(repo.places(&both, "new").await, ["b.json:1 invalid-json"], "what a slip of the hand hid for a commit is not new after it");

    let dropped = repo.push([(".plumbline.yaml", "version: 1\nchecks: [{name: other, plugin: hygiene}]\n")]).await;
    assert_eq!(
        repo.places(&dropped, "fixed").await,
        ["a.json:1 invalid-json", "b.json:1 invalid-json"],
        "a check that was taken out takes its issues along"
    );
}

#[tokio::test]
async fn a_branch_reopens_what_it_brought_itself_and_nothing_else() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("a.json", "{\n")]).await;
    let of_main = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    repo.push([("a.json", "{}\n")]).await;

    repo.switch("topic");
    let both = repo.push([("a.json", "{\n"), ("b.json", "[\n")]).await;
    assert_eq!(repo.places(&both, "new").await, ["a.json:1 invalid-json", "b.json:1 invalid-json"]);
    assert_eq!(repo.life(&of_main).await, ["first_seen", "fixed"], "on the default branch it is fixed");
    let found = repo.issues(&both, "new").await;
    let of_topic = text(&found[1]["id"]).to_owned();
    assert_eq!(text(&found[0]["id"]), of_main, "it is the issue it was all the same");
    repo.push([("b.json", "[]\n")]).await;
    repo.push([("b.json", "[\n")]).await;
    assert_eq!(repo.life(&of_topic).await, ["first_seen", "fixed", "reopened"]);

    repo.switch("main");
    repo.push([("a.json", "{\n")]).await;
    assert_eq!(repo.life(&of_main).await, ["first_seen", "fixed", "reopened"]);
}

#[tokio::test]
async fn what_a_push_with_force_left_behind_is_gone_and_the_rest_is_where_it_is_now() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("k.rb", CONFLICT)]).await;
    let id = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    repo.git.remove(&["k.rb"]);
    let pushed = repo.git.commit([("moved.rb", CONFLICT), ("f.json", "[\n")]);
    repo.sync().await;
    assert_eq!(repo.places(&pushed, "open").await, ["f.json:1 invalid-json", "moved.rb:2 conflict-marker"]);
    assert_eq!(repo.found("state:open").await, 2);

    repo.git.reset(&repo.first);
    repo.sync().await;
    assert_eq!(repo.found("state:open").await, 1);
    assert_eq!(repo.found("state:open%20path:k.rb").await, 1, "it is back where it was");
    assert_eq!(repo.see("").await["issues_open"], json!(1));
    let seen = world.admin.get(&format!("/api/v1/issues/{id}")).await.expect(200).value();
    assert_eq!((&seen["path"], &seen["state"]), (&json!("k.rb"), &json!("open")));

    let other = repo.push([("other.rb", "1\n")]).await;
    assert_eq!(repo.places(&other, "open").await, ["k.rb:2 conflict-marker"]);
    assert_eq!(repo.found("state:open").await, 1);
}

#[tokio::test]
async fn a_branch_that_is_deleted_takes_with_it_what_it_alone_had() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("a.json", "{\n")]).await;
    repo.switch("topic");
    repo.push([("b.json", "[\n")]).await;
    repo.switch("stacked");
    repo.push([("c.json", "[\n")]).await;
    repo.switch("lonely");
    let lonely = repo.push([("d.json", "[\n")]).await;
    let of_lonely = repo.issues(&lonely, "new").await;
    let of_lonely = of_lonely.iter().find(|issue| text(&issue["path"]) == "d.json").unwrap();
    assert_eq!(repo.found("state:open").await, 4);

    repo.switch("main");
    repo.git.delete_branch("topic");
    repo.sync().await;
    assert_eq!(repo.found("state:open").await, 4, "what it had stands on others");

    repo.git.delete_branch("lonely");
    repo.sync().await;
    assert_eq!(repo.found("state:open").await, 3);
    assert_eq!(repo.life(text(&of_lonely["id"])).await, ["first_seen", "fixed"]);

    repo.git.delete_branch("stacked");
    repo.sync().await;
    assert_eq!(repo.found("state:open").await, 1, "the default branch's own is untouched");
}

#[tokio::test]
async fn a_commit_that_is_run_again_reopens_nothing_that_was_fixed_since() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("app.rb", "puts 1\n")]).await;
    let broken = repo.push([("config.json", "{\"a\": }\n")]).await;
    let id = text(&repo.issues(&broken, "new").await[0]["id"]).to_owned();
    repo.push([("config.json", "{\"a\": 1}\n")]).await;
    world.admin.own("POST", &repo.commit(&broken, "/checks")).await.expect(202);
    world.app.settle().await;
    assert_eq!(repo.life(&id).await, ["first_seen", "fixed"]);
    assert_eq!(repo.found("state:fixed").await, 1);
}

#[tokio::test]
async fn what_a_commit_fixed_is_fixed_though_another_was_pushed_before_its_checks_ran() {
    let world = World::new().await;
    let repo = world.repo("app", [GATED, ("config.json", "{\"a\": }\n")]).await;
    let id = text(&repo.issues(&repo.first, "open").await[0]["id"]).to_owned();
    let git = |world: &World| {
        let app = world.app.app().clone();
        tokio::task::spawn_blocking(move || runner::run_next(&app, Lane::Git, "test", None))
    };
    repo.git.commit([("config.json", "{\"a\": 1}\n")]);
    world.admin.own("POST", "/api/v1/repos/local/app/sync").await.expect(202);
    assert!(git(&world).await.unwrap().unwrap());
    repo.git.commit([("other.rb", "1\n")]);
    world.admin.own("POST", "/api/v1/repos/local/app/sync").await.expect(202);
    assert!(git(&world).await.unwrap().unwrap());
    world.app.settle().await;
    assert_eq!(repo.life(&id).await, ["first_seen", "fixed"]);
}
