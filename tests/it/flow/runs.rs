//! What can come between in a run of checks: a check that fails in itself, one that finds too much, one that could not look, somebody
//! who looks at the wrong moment or calls it off.

use std::time::{Duration, Instant};

use plumbline::base::event::Event;
use plumbline::base::id::RepoId;
use plumbline::base::name::CommitSha;
use plumbline::base::work::Lane;
use plumbline::domain::checks::builtin::MAX_PER_CHECK;
use plumbline::domain::checks::{self, CheckState};
use plumbline::domain::issues;
use plumbline::engine::queue::WorkState;
use serde_json::json;

use crate::support::app::NOON;
use crate::support::raw::{FILE, RawRepo};
use crate::support::steps::{self, Held};
use crate::support::world::{Repo, World, text};

const CONFLICT: &str = "puts 1\n<<<<<<< HEAD\nputs 2\n=======\nputs 3\n>>>>>>> topic\n";
const CODE: &str = "def one\n  1\nend\n\ndef two\n  2\nend\n\ndef three\n  3\nend\n";

fn manifest(checks: &str) -> String {
    format!("version: 1\nissues: {{fail_on: new}}\nchecks: [{checks}]\n")
}

async fn run_again(repo: &Repo<'_>, sha: &str) {
    repo.world.admin.own("POST", &repo.commit(sha, "/checks")).await.expect(202);
}

#[tokio::test]
async fn a_check_that_panics_is_errored_and_the_others_go_on() {
    let world = World::new().await;
    let two = manifest("{name: first, plugin: hygiene}, {name: second, plugin: hygiene}");
    let repo = world.repo("app", [(".plumbline.yaml", &two), ("a.json", "{\n")]).await;
    assert_eq!(repo.places(&repo.first, "open").await, ["a.json:1 invalid-json"; 2]);

    run_again(&repo, &repo.first).await;
    let mut has_failed = false;
    let work = steps::perform(world.app.app(), Lane::Checks, move |step| {
        if step == "plugin" && !has_failed {
            has_failed = true;
            panic!("a number too many");
        }
    });
    assert!(work.join().unwrap());
    world.app.settle().await;
    // They go side by side: whichever came to it first.
    let name = match repo.checks(&repo.first).await.as_str() {
        "errored: first errored, second succeeded" => "first",
        "errored: first succeeded, second errored" => "second",
        other => panic!("{other}"),
    };
    let broken = repo.see(&format!("/commits/{}/checks/{name}", repo.first)).await;
    assert_eq!(broken["error"]["code"], json!("plugin_crashed"));
    assert!(text(&broken["error"]["message"]).contains("`hygiene`") && text(&broken["error"]["message"]).contains("a number too many"));
    assert_eq!(repo.places(&repo.first, "open").await, ["a.json:1 invalid-json"; 2], "what was known before stands");

    // What the panic left unjudged is judged by the next run.
    let next = repo.push([("b.rb", "puts 1\n")]).await;
    assert_eq!(repo.checks(&next).await, "succeeded: first succeeded, second succeeded");
    let log = world.admin.get(&repo.commit(&next, &format!("/checks/{name}/log"))).await.expect(200).text();
    assert!(log.contains("3 files judged, 0 files unchanged"), "{log}");
}

#[tokio::test]
async fn as_many_checks_go_at_once_as_there_are_processors_and_one_more() {
    let world = World::new().await;
    let names = ["a", "b", "c", "d", "e"];
    let five = manifest(&names.map(|name| format!("{{name: {name}, plugin: hygiene}}")).join(", "));
    let repo = world.repo("app", [(".plumbline.yaml", &five), ("a.json", "{\n")]).await;
    run_again(&repo, &repo.first).await;
    let (app, id, sha) = (world.app.app().clone(), text(&repo.see("").await["id"]).parse().unwrap(), repo.first.parse().unwrap());
    let (told, running) = std::sync::mpsc::channel();
    let work = steps::perform(world.app.app(), Lane::Checks, move |step| {
        if step == "plugin" {
            let set = app.read_now(|tx, _| checks::find(tx, id, sha)).unwrap();
            let _ = told.send(set.checks.iter().filter(|check| check.state == CheckState::Running).count());
        }
    });
    assert!(work.join().unwrap());
    assert!(running.iter().max().unwrap() <= (plumbline::app::admission::usual() + 1).min(names.len()));
    world.app.settle().await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: a succeeded, b succeeded, c succeeded, d succeeded, e succeeded");
}

#[tokio::test]
async fn a_commit_that_its_branch_has_left_behind_before_its_turn_gives_up_its_place() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "1\n")]).await;
    let sync = |world: &World| {
        let app = world.app.app().clone();
        tokio::task::spawn_blocking(move || plumbline::app::runner::run_next(&app, Lane::Git, "test", None))
    };
    let mut heads = Vec::new();
    for n in 2..5 {
        heads.push(repo.git.commit([("a.rb", format!("{n}\n"))]));
        world.admin.own("POST", "/api/v1/repos/local/app/sync").await.expect(202);
        assert!(sync(&world).await.unwrap().unwrap());
    }
    repo.switch("other");
    world.app.settle().await;
    for left in &heads[..2] {
        assert!(repo.checks(left).await.starts_with("canceled"), "{}", repo.checks(left).await);
        assert!(repo.verdict(left).await.contains("the branch went on to"), "{}", repo.verdict(left).await);
    }
    assert!(repo.checks(&heads[2]).await.starts_with("succeeded"));
    run_again(&repo, &heads[0]).await;
    world.app.settle().await;
    assert!(repo.checks(&heads[0]).await.starts_with("succeeded"), "whoever wants it asks for it");
}

#[tokio::test]
async fn an_issue_whose_file_is_renamed_stays_open_at_its_new_place_while_nobody_can_look() {
    let world = World::new().await;
    let (good, code) = (manifest("{plugin: hygiene}"), format!("{CODE}{CONFLICT}"));
    let repo = world.repo("app", [(".plumbline.yaml", &good), ("lib/a.rb", &code)]).await;
    let before = repo.issues(&repo.first, "open").await.remove(0);
    assert_eq!(before["line_start"], json!(13));

    // One commit renames the file, puts two lines above and misspells what runs the check, once under its name and once under another.
    let mut path = "lib/a.rb".to_owned();
    for (nth, typo) in ["{name: hygiene, plugin: hygeine}", "{plugin: hygeine}"].into_iter().enumerate() {
        let to = format!("lib/b{nth}.rb");
        repo.git.remove(&[&path]);
        let above = "# Two lines\n# more\n".repeat(nth + 1);
        let sha = repo.git.commit([(to.clone(), format!("{above}{CODE}{CONFLICT}")), (".plumbline.yaml".to_owned(), manifest(typo))]);
        repo.sync().await;
        assert!(repo.checks(&sha).await.starts_with("errored: "));
        assert_eq!(repo.places(&sha, "fixed").await, [""; 0], "nobody looked");
        let after = repo.issues(&sha, "open").await.remove(0);
        assert_eq!((&after["id"], text(&after["path"]), &after["line_start"]), (&before["id"], to.as_str(), &json!(15 + 2 * nth)));
        path = to;
    }
    let mended = repo.git.commit([(".plumbline.yaml", good.as_str())]);
    repo.sync().await;
    assert_eq!(repo.verdict(&mended).await, "success: no new issues");
    let after = repo.issues(&mended, "open").await;
    assert_eq!((after.len(), &after[0]["id"], &after[0]["line_start"]), (1, &before["id"], &json!(17)));
    assert_eq!(repo.life(text(&before["id"])).await, ["first_seen", "moved", "moved"]);

    // A file that is gone takes its issues along, whoever looks.
    repo.git.remove(&[&path]);
    let gone = repo.git.commit([(".plumbline.yaml", manifest("{plugin: hygeine}"))]);
    repo.sync().await;
    assert_eq!(repo.places(&gone, "fixed").await.len(), 1);
}

#[tokio::test]
async fn a_commit_holds_so_many_findings_of_a_check_however_they_came_and_says_that_there_are_more() {
    let world = World::new().await;
    let many = CONFLICT.repeat(50);
    let repo = world.repo("app", [(".plumbline.yaml", "version: 1\nissues: {fail_on: new}\n")]).await;
    let some = |from: usize, to: usize| (from..to).map(|n| (format!("f{n:03}.rb"), many.clone())).collect::<Vec<_>>();
    let first = repo.git.commit(some(100, 250));
    repo.sync().await;
    assert_eq!(counts(&repo, &first).await, (7_500, 0));

    // Each increment is below what one run may find; together they are above what a commit may hold.
    let second = repo.git.commit(some(0, 100));
    repo.sync().await;
    assert_eq!(counts(&repo, &second).await, (MAX_PER_CHECK as u64, 0), "nothing that stood is called fixed");
    let check = world.see("app", &format!("/commits/{second}/checks/hygiene")).await;
    assert_eq!((&check["state"], &check["error"]["code"], &check["issues"]), (&json!("errored"), &json!("limit_output"), &json!(10_000)));
    let message = text(&check["error"]["message"]);
    assert!(message.starts_with("It found more than 10,000 issues") && message.contains("not judged"), "{message}");
    assert!(world.verdict("app", &second).await.starts_with("failure: 2,500 new issues"));
    let page = world.admin.page(&format!("/r/local/app/commits/{second}")).await.expect(200).text();
    assert!(page.contains("It found more than 10,000 issues") && page.contains("limit_output"));

    // What was left out unjudged is judged once there is room.
    let gone: Vec<String> = (100..200).map(|n| format!("f{n:03}.rb")).collect();
    let third = repo.git.remove(&gone.iter().map(String::as_str).collect::<Vec<_>>());
    repo.sync().await;
    assert_eq!(counts(&repo, &third).await, (7_500, 5_000));
    assert_eq!(world.see("app", &format!("/commits/{third}/checks")).await["checks"][0]["state"], json!("succeeded"));
}

/// How many issues of a commit are open and fixed.
async fn counts(repo: &Repo<'_>, sha: &str) -> (u64, u64) {
    let commit = repo.see(&format!("/commits/{sha}")).await;
    (commit["issues"]["open"].as_u64().unwrap(), commit["issues"]["fixed"].as_u64().unwrap())
}

#[tokio::test]
async fn an_issue_was_first_seen_when_its_commit_was_analysed_even_before_it_is_told_so() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let id: RepoId = text(&repo.see("").await["id"]).parse().unwrap();
    let sha = repo.git.commit([("a.json", "{\n")]);
    world.admin.own("POST", &repo.path("/sync")).await.expect(202);
    let app = world.app.app().clone();
    assert!(steps::perform(&app, Lane::Git, |_| {}).join().unwrap());
    let named: CommitSha = sha.parse().unwrap();
    let handle = app.clone();
    let telling = Held::at(&app, Lane::Checks, move |step| {
        step == "write" && handle.read_now(|tx, _| issues::standing(tx, id, named)).unwrap().is_some()
    });
    let early = repo.issues(&sha, "new").await.remove(0);
    world.admin.get(&format!("/api/v1/issues/{}", text(&early["id"]))).await.expect(404);
    assert_eq!(early["first_seen"], json!({"sha": sha, "at": NOON}));
    world.app.advance(Duration::from_secs(60));
    telling.go_on();
    world.app.settle().await;
    assert_eq!(repo.issues(&sha, "new").await, [early], "it is told as it was shown");
}

#[tokio::test]
async fn a_run_over_a_hundred_thousand_files_ends_soon_wherever_it_is_canceled() {
    const SOON: Duration = Duration::from_secs(1);
    let world = World::new().await;
    let git = RawRepo::new();
    let (good, bad) = (git.blob("{\"a\": 1}\n"), git.blob("{\n"));
    let names: Vec<String> = (0..100_000).map(|n| format!("f{n:06}.json")).collect();
    let files = |bad_ones: usize| -> Vec<_> {
        names.iter().enumerate().map(|(n, name)| (FILE, name.as_bytes(), if n < bad_ones { bad } else { good })).collect()
    };
    let sha = git.push(&files(5_000));
    world.register("app", git.path()).await;
    let app = world.app.app().clone();
    assert!(steps::perform(&app, Lane::Git, |_| {}).join().unwrap());
    let checks = format!("/api/v1/repos/local/app/commits/{sha}/checks");
    for (step, nth) in
        [("read", 2), ("write", 2), ("plugin", 1), ("plugin", 30_000), ("plugin", 100_001), ("identify", 1), ("identify", 2), ("write", 5)]
    {
        let held = Held::before(&app, Lane::Checks, step, nth);
        let canceled = world.admin.own("DELETE", &checks).await.expect(202).value();
        assert_eq!(canceled["state"], json!("canceled"));
        let begun = Instant::now();
        held.go_on();
        assert!(begun.elapsed() < SOON, "canceled before {step} {nth}, it went on for {:?}", begun.elapsed());
        for state in [WorkState::Ready, WorkState::Leased, WorkState::Dead] {
            assert!(world.app.work(state).is_empty(), "work is left after it was canceled before {step} {nth}");
        }
        assert_eq!(world.see("app", &format!("/commits/{sha}/checks")).await["state"], json!("canceled"));
        world.admin.own("POST", &checks).await.expect(202);
    }
    world.admin.own("DELETE", &checks).await.expect(202);
    world.app.settle().await;
}

/// Three deaths of the process amid the telling once gave the work up for good: the issues that were not told yet were missing in every
/// search, while the commit had them all.
#[tokio::test]
async fn issues_are_told_to_the_end_however_often_that_breaks_off() {
    let world = World::new().await;
    let git = crate::support::repo::TestRepo::new();
    let files = (0..250).map(|n| (format!("data/{n}.json"), format!("{{\"n{n}\": \n")));
    let sha = git.commit(files);
    world.register("app", git.path()).await;
    assert!(steps::perform(world.app.app(), Lane::Git, |_| {}).join().unwrap());
    for _ in 0..3 {
        let mut untold = 0;
        let app = world.app.app().clone();
        let work = steps::perform(world.app.app(), Lane::Checks, move |step| {
            let is_told = app.read_now(|tx, _| tx.count(&plumbline::engine::store::Scan::<issues::Issue>::all(), 1)).unwrap() > 0;
            untold += usize::from(step == "write" && is_told);
            assert!(untold != 2, "the process dies");
        });
        assert!(work.join().unwrap());
        world.app.advance(Duration::from_secs(3_600));
    }
    world.app.expect_dead(1);
    world.app.settle().await;
    let repo = Repo { world: &world, name: "app", git, first: sha };
    assert_eq!(repo.found("state:open").await, 250);
    assert_eq!(repo.see("").await["issues_open"], json!(250));
}

/// What one commit brought was new in every search for ever.
#[tokio::test]
async fn what_was_new_is_so_no_longer_once_the_next_commit_has_it_too() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let bringing = repo.push([("a.json", "{\n"), ("b.json", "[\n")]).await;
    let id = text(&repo.issues(&bringing, "new").await[0]["id"]).to_owned();
    assert_eq!(repo.found("state:new").await, 2);
    let next = repo.push([("c.json", "{\"a\": \n")]).await;
    assert_eq!(repo.places(&next, "new").await, ["c.json:1 invalid-json"]);
    assert_eq!((repo.found("state:new").await, repo.found("state:open").await), (1, 3));
    let life = world.admin.get(&format!("/api/v1/issues/{id}")).await.expect(200).value();
    assert_eq!((&life["is_new"], &life["state"]), (&json!(false), &json!("open")));
}

#[tokio::test]
async fn programs_of_one_repository_that_take_long_do_not_keep_what_is_built_in_from_running_in_another() {
    if let Err(missing) = crate::guard::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let world = World::new().await;
    let slow = crate::support::repo::TestRepo::new();
    let programs = manifest("{name: slow, run: 'sleep 1000', output: gnu}, {name: too, run: 'sleep 1000', output: gnu}");
    let slow_sha = slow.commit([(".plumbline.yaml", programs)]);
    let quick = crate::support::repo::TestRepo::new();
    let mixed = manifest(
        "{name: x, run: 'sleep 1000', output: gnu}, {name: y, run: 'sleep 1000', output: gnu}, \
                          {name: z, run: 'sleep 1000', output: gnu}, {plugin: hygiene}",
    );
    let sha: CommitSha = quick.commit([(".plumbline.yaml", mixed), ("a.json", "{\n".to_owned())]).parse().unwrap();
    let mut heard = world.app.app().listen();
    let runner = plumbline::app::runner::Runner::start(world.app.app()).unwrap();
    world.register("slow", slow.path()).await;
    let has_begun = |event: &Event| matches!(event, Event::CheckSetStarted { .. });
    while !has_begun(&tokio::time::timeout(Duration::from_secs(30), heard.recv()).await.unwrap().unwrap().event) {}
    let repo: RepoId = text(&world.register("quick", quick.path()).await["id"]).parse().unwrap();
    let app = world.app.app().clone();
    let is_done = || {
        let set = app.read_now(|tx, _| checks::look(tx, repo, sha)).unwrap();
        let is_it = |check: &checks::Check| check.name == "hygiene" && check.state == CheckState::Succeeded;
        set.is_some_and(|set| set.checks.iter().any(is_it))
    };
    let until = Instant::now() + Duration::from_secs(20);
    while !is_done() {
        assert!(Instant::now() < until, "what is built in has waited for others' programs");
        let _ = tokio::time::timeout(Duration::from_millis(200), heard.recv()).await;
    }
    tokio::task::spawn_blocking(move || runner.stop()).await.unwrap();
    for (name, sha) in [("slow", slow_sha), ("quick", sha.to_string())] {
        world.admin.own("DELETE", &format!("/api/v1/repos/local/{name}/commits/{sha}/checks")).await.expect(202);
    }
    // What was put back at the stop waits for a moment.
    world.app.advance(Duration::from_secs(2));
    world.app.settle().await;
}
