//! Pull requests, from a delivery to a verdict: those of a repository's own branches, and those of forks, which nobody here has vouched for.

use plumbline::base::event::{Actor, Event, Upkeep};
use plumbline::base::work::{Lane, Work};
use plumbline::domain::accounts;
use plumbline::domain::accounts::{InstanceRole, Profile, RepoRole};
use plumbline::engine::queue::WorkState;
use plumbline::engine::store::WriteTx;
use serde_json::{Value, json};

use super::programs::need;
use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::github::{Delivery, Door, GitHub, Pulled};
use crate::support::steps::{self, Held};
use crate::support::world::{World, text};

const SLUG: &str = "acme/app";
const MANIFEST: &str = ".plumbline.yaml";
/// What is built in alone, and a gate.
const GATED: (&str, &str) = (MANIFEST, "version: 1\nissues: {fail_on: new}\nchecks: [{plugin: hygiene}]\n");
/// The same, with a comment beneath each pull request.
const SPOKEN: (&str, &str) = (MANIFEST, "version: 1\ngithub: {comment: true}\nchecks: [{plugin: hygiene}]\n");
/// What is built in, a command, and one that is shown a secret.
const HOUSE: &str = "version: 1\nchecks:\n- plugin: hygiene\n- {name: house, run: 'true', output: gnu}\n- {name: deep, run: 'cat /run/secrets/key >&2', output: gnu, mounts: [{source: 'secrets:KEY', destination: '/run/secrets/key'}]}\n";
const BROKEN: (&str, &str) = ("config.json", "{\"a\": }\n");
const FINE: (&str, &str) = ("b.txt", "fine\n");

/// An appliance that is the App of a GitHub where `acme/app` has a commit, and was added.
struct Side {
    world: World,
    github: GitHub,
}

impl Side {
    async fn with(first: (&str, &str)) -> Side {
        let github = GitHub::start();
        github.repo(SLUG);
        github.push(SLUG, "main", [first, ("a.txt", "fine\n")]);
        let world = World::of(TestApp::with(|config| github.configure(config))).await;
        world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
        let side = Side { world, github };
        side.world.app.settle().await;
        side
    }

    /// Sends a delivery, and does what follows. Answers what is said of it.
    async fn deliver(&self, delivery: &Delivery) -> String {
        let id = self.send(delivery).await;
        self.world.app.settle().await;
        let found = self.world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
        format!("{}: {}", text(&found["state"]), found["outcome"].as_str().unwrap_or("-"))
    }

    async fn send(&self, delivery: &Delivery) -> String {
        let client = self.world.app.anonymous().with("content-type", "application/json").with("x-hub-signature-256", &delivery.signature);
        let client = client.with("x-github-delivery", &delivery.guid).with("x-github-event", &delivery.event);
        let taken = client.send("POST", "/hooks/github", Some(&delivery.body)).await.expect(202).value();
        text(&taken["delivery"]).to_owned()
    }

    /// Does what follows from a pull request that changed.
    async fn hear(&self, pulled: &Pulled) -> String {
        let said = self.deliver(&pulled.delivery).await;
        assert!(said.starts_with("processed: "), "{said}");
        pulled.sha.clone()
    }

    /// Pushes to a branch and does what follows.
    async fn push<const N: usize>(&self, branch: &str, files: [(&str, &str); N]) -> String {
        let push = self.github.push(SLUG, branch, files);
        // People find `main` first, whatever was pushed last.
        self.github.stays_at_main(SLUG);
        self.deliver(&push.delivery).await;
        push.sha
    }

    async fn see(&self, rest: &str) -> Value {
        self.world.admin.get(&format!("/api/v1/repos/{SLUG}{rest}")).await.expect(200).value()
    }

    async fn pull(&self, number: u64) -> Value {
        self.see(&format!("/pulls/{number}")).await
    }

    /// `state: check state, check state` of a commit's checks.
    async fn checks(&self, sha: &str) -> String {
        let set = self.see(&format!("/commits/{sha}/checks")).await;
        let one = |check: &Value| format!("{} {}", text(&check["name"]), text(&check["state"]));
        let checks: Vec<String> = set["checks"].as_array().unwrap().iter().map(one).collect();
        format!("{}: {}", text(&set["state"]), checks.join(", "))
    }

    /// `verdict: why` of a commit.
    async fn verdict(&self, sha: &str) -> String {
        let status = self.see(&format!("/commits/{sha}/status")).await;
        format!("{}: {}", text(&status["verdict"]), text(&status["contexts"][0]["description"]))
    }

    /// A member of the appliance with a role in the repository.
    async fn member(&self, login: &str, role: RepoRole) -> Client {
        let repo = self.see("").await["id"].as_str().unwrap().parse().unwrap();
        let user = self.world.app.user(login, InstanceRole::Member);
        let grant = move |tx: &mut WriteTx, _| accounts::grant(tx, repo, user, role);
        self.world.app.app().write_now(&Actor::System, grant).unwrap();
        self.world.app.sign_in(user).await
    }

    /// The pull requests whose heads the mirror keeps.
    async fn kept(&self) -> Vec<u64> {
        let repo = text(&self.see("").await["id"]).parse().unwrap();
        self.world.app.app().mirror(repo).unwrap().pulls().unwrap()
    }

    /// Lets the time go by after which it is looked what of a closed pull request is gone.
    async fn wait_for_merges(&self) {
        self.world.app.advance(std::time::Duration::from_secs(5 * 60));
        self.world.app.settle().await;
    }

    /// Lets the time go by in which a head is looked for that GitHub has told of and does not have yet.
    async fn wait_for_heads(&self) {
        for _ in 0..4 {
            self.world.app.advance(std::time::Duration::from_secs(6));
            self.world.app.settle().await;
        }
    }

    fn approve(sha: &str) -> String {
        format!("/api/v1/repos/{SLUG}/commits/{sha}/checks/approve")
    }
}

#[tokio::test]
async fn a_pull_request_is_held_against_where_it_left_the_branch_that_it_is_to_go_to() {
    let side = Side::with(GATED).await;
    // The branch `next` has an issue of its own, which `main` has not.
    let next = side.push("next", [BROKEN]).await;
    side.github.begins(SLUG, "topic", "next");
    let topic = side.push("topic", [("c.json", "{]\n")]).await;
    assert_eq!(side.verdict(&topic).await, "failure: 2 new issues of severity minor or above", "against `main`");
    let opened = side.github.opens(SLUG, "topic", "next", "One more");
    side.hear(&opened).await;
    assert_eq!(side.verdict(&topic).await, "failure: 1 new issue of severity minor or above", "against `next`");
    let pull = side.pull(1).await;
    assert_eq!((text(&pull["merge_base"]), text(&pull["base"]["branch"])), (next.as_str(), "next"));
    assert_eq!((&pull["issues"], &pull["head"]["is_fork"]), (&json!({"new": 1, "fixed": 0}), &json!(false)));
    assert_eq!((text(&pull["verdict"]), text(&pull["check_set"]), text(&pull["author"])), ("failure", "failed", "grace"));
    assert_eq!(text(&pull["url"]), format!("{}/acme/app/pull/1", side.github.url()));
    // What is pushed to the branch is held against the same.
    let mended = side.push("topic", [("c.json", "{}\n")]).await;
    side.hear(&side.github.moves(SLUG, 1)).await;
    assert_eq!(side.verdict(&mended).await, "success: no new issues");
    assert_eq!(side.pull(1).await["head"]["sha"], json!(mended));
    // Another base is another question.
    side.hear(&side.github.edits(SLUG, 1, None, Some("main"))).await;
    assert_eq!(side.verdict(&mended).await, "failure: 1 new issue of severity minor or above");
    let page = side.world.admin.page(&format!("/r/acme/app/commits/{mended}")).await.expect(200).text();
    assert!(page.contains("#1 One more"), "{page}");
}

#[tokio::test]
async fn one_that_is_opened_while_its_head_is_checked_is_held_against_where_it_is_to_go_to_from_the_first_word() {
    let side = Side::with(GATED).await;
    side.push("next", [BROKEN]).await;
    side.github.begins(SLUG, "topic", "next");
    // Against `main` it has two new issues, which must not be said.
    let push = side.github.push(SLUG, "topic", [("c.json", "{]\n")]);
    side.github.stays_at_main(SLUG);
    side.send(&push.delivery).await;
    side.world.app.settle_but(Lane::Checks).await;
    let held = Held::before(side.world.app.app(), Lane::Checks, "plugin", 1);
    let opened = side.github.opens(SLUG, "topic", "next", "One more");
    side.send(&opened.delivery).await;
    side.world.app.settle_but(Lane::Checks).await;
    held.go_on();
    // What is said is said before anything else goes on.
    while steps::perform(side.world.app.app(), Lane::Outbound, |_| ()).join().unwrap() {}
    side.world.app.settle().await;
    let said = ["pending plumbline the checks are under way", "failure plumbline 1 new issue of severity minor or above"];
    assert_eq!(side.github.statuses(SLUG, &push.sha), said);
    assert_eq!(side.pull(1).await["issues"], json!({"new": 1, "fixed": 0}));
}

#[tokio::test]
async fn one_that_was_judged_before_where_it_left_its_base_is_judged_again_once_that_is() {
    let side = Side::with(GATED).await;
    side.push("main", [BROKEN]).await;
    // What mends it is still being judged when somebody has brought it back.
    let mended = side.github.push(SLUG, "main", [("config.json", "{}\n")]);
    side.send(&mended.delivery).await;
    side.world.app.settle_but(Lane::Checks).await;
    let held = Held::before(side.world.app.app(), Lane::Checks, "plugin", 1);
    side.github.begins(SLUG, "topic", "main");
    let broken = side.github.push(SLUG, "topic", [BROKEN]);
    side.github.stays_at_main(SLUG);
    side.send(&broken.delivery).await;
    side.send(&side.github.opens(SLUG, "topic", "main", "One more").delivery).await;
    side.world.app.settle().await;
    held.go_on();
    side.world.app.settle().await;
    assert_eq!(side.verdict(&broken.sha).await, "failure: 1 new issue of severity minor or above");
    assert_eq!(
        side.github.statuses(SLUG, &broken.sha).last().map(String::as_str),
        Some("failure plumbline 1 new issue of severity minor or above")
    );
}

#[tokio::test]
async fn the_default_branch_is_held_against_what_it_was_be_it_to_go_elsewhere_or_not() {
    let side = Side::with(GATED).await;
    side.push("release", [FINE]).await;
    let first = side.push("main", [BROKEN]).await;
    let head = side.push("main", [("d.txt", "fine\n")]).await;
    assert_eq!(side.verdict(&head).await, "success: no new issues");
    side.hear(&side.github.opens(SLUG, "main", "release", "A release")).await;
    assert_eq!(side.verdict(&head).await, "success: no new issues");
    let pull = side.pull(1).await;
    assert_eq!((&pull["issues"]["new"], text(&pull["state"])), (&json!(0), "open"));
    assert_ne!(pull["merge_base"], json!(first));
}

#[tokio::test]
async fn a_pull_request_of_a_fork_is_fetched_and_checked() {
    let side = Side::with(GATED).await;
    let sha = side.hear(&side.github.forks(SLUG, "main", [BROKEN])).await;
    assert_eq!(side.verdict(&sha).await, "failure: 1 new issue of severity minor or above");
    let pull = side.pull(1).await;
    assert_eq!((&pull["head"]["is_fork"], text(&pull["head"]["repo"])), (&json!(true), "mallory/app"));
    assert_eq!(side.github.statuses(SLUG, &sha), ["failure plumbline 1 new issue of severity minor or above"]);
    let mended = side.hear(&side.github.pushes(SLUG, 1, [("config.json", "{}\n")])).await;
    assert_eq!(side.verdict(&mended).await, "success: no new issues");
    let branches = side.see("/branches").await;
    assert_eq!(branches["items"].as_array().unwrap().len(), 1, "it is in no branch here");
    // Merged: it is among the closed ones, and nothing is kept of it once the sweep came by.
    assert_eq!(side.kept().await, [1]);
    side.hear(&side.github.closes(SLUG, 1, true)).await;
    let sweep = |tx: &mut WriteTx, now| tx.record(Event::Due { upkeep: Upkeep::Sweep }, now);
    side.world.app.app().write_now(&Actor::System, sweep).unwrap();
    side.world.app.settle().await;
    assert_eq!(side.kept().await, [0; 0]);
    assert_eq!(text(&side.pull(1).await["state"]), "merged");
    assert_eq!(side.see("/pulls").await["items"], json!([]));
    assert_eq!(side.see("/pulls?state=merged").await["items"][0]["number"], json!(1));
    side.world.admin.get("/api/v1/repos/acme/app/pulls?state=ajar").await.expect(400).refused("invalid_parameter");
    side.world.admin.get("/api/v1/repos/acme/app/pulls/7").await.expect(404).refused("pull_not_found");
    side.wait_for_merges().await;
}

#[tokio::test]
async fn what_a_fork_starts_waits_until_somebody_who_may_write_approves_that_commit() {
    need!();
    let side = Side::with((MANIFEST, HOUSE)).await;
    side.world.admin.json("PUT", "/api/v1/repos/acme/app/secrets/KEY", json!({"value": "marigold-secret"})).await.expect(201);
    side.world.app.settle().await;
    let sha = side.hear(&side.github.forks(SLUG, "main", [FINE])).await;
    assert_eq!(
        side.checks(&sha).await,
        "waiting: hygiene succeeded, house succeeded, deep waiting",
        "what the base has alike runs, but for what is shown a secret"
    );
    assert_eq!(side.verdict(&sha).await, "pending: 1 check waits for approval; no new issues");
    let run = &side.github.runs(SLUG, &sha)[0];
    assert_eq!((run.conclusion.as_str(), &*run.actions), ("action_required", &["approve".to_owned()][..]));

    let reader = side.member("reader", RepoRole::Read).await;
    reader.own("POST", &Side::approve(&sha)).await.expect(403);
    let page = reader.page("/r/acme/app/pulls/1").await.expect(200).text();
    assert!(page.contains("From a fork.") && !page.contains("Approve and run"), "{page}");
    assert_eq!(side.checks(&sha).await, "waiting: hygiene succeeded, house succeeded, deep waiting");

    let page = side.world.admin.page("/r/acme/app/pulls/1").await.expect(200).text();
    assert!(page.contains("Approve and run"), "{page}");
    let writer = side.member("writer", RepoRole::Write).await;
    writer.form(&format!("/r/acme/app/commits/{sha}/checks/approve"), "").await.expect(303);
    let late = side.world.admin.form(&format!("/r/acme/app/commits/{sha}/checks/approve"), "").await.expect(303);
    let page = side.world.admin.page(late.header("location").unwrap()).await.expect(200).text();
    assert!(
        page.contains("Nothing of this commit was waiting to be approved any more."),
        "whoever was slower is shown how it stands: {page}"
    );
    side.world.app.settle().await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, house succeeded, deep succeeded");
    assert_eq!(side.github.runs(SLUG, &sha).last().map(|run| run.conclusion.clone()).as_deref(), Some("success"));

    // One commit was approved; the next, with the same manifest, may run another program under the same name.
    let next = side.hear(&side.github.pushes(SLUG, 1, [("b.txt", "other\n")])).await;
    assert_eq!(side.checks(&next).await, "waiting: hygiene succeeded, house succeeded, deep waiting");
    side.world.admin.own("POST", &format!("/api/v1/repos/acme/app/commits/{next}/checks")).await.expect(202);
    side.world.app.settle().await;
    assert_eq!(side.checks(&next).await, "waiting: hygiene succeeded, house succeeded, deep waiting", "to ask again is not to approve");
    let earlier = side.hear(&side.github.pushes(SLUG, 1, [("b.txt", "third\n")])).await;
    assert_eq!(side.checks(&next).await.split(':').next(), Some("canceled"), "it was left behind");
    side.world.admin.own("POST", &format!("/api/v1/repos/acme/app/commits/{next}/checks")).await.expect(202);
    side.world.app.settle().await;
    assert!(
        side.checks(&next).await.ends_with("deep waiting"),
        "a commit that no pull request is at any more is a stranger's all the same"
    );
    assert!(side.checks(&earlier).await.ends_with("deep waiting"));
}

#[tokio::test]
async fn a_fork_has_nothing_said_where_the_branch_asks_for_nothing() {
    let side = Side::with(FINE).await;
    let sha = side.hear(&side.github.forks(SLUG, "main", [GATED, BROKEN])).await;
    assert_eq!(side.github.statuses(SLUG, &sha), [""; 0]);
    assert!(side.github.runs(SLUG, &sha).is_empty());
    // What it is to go to asks for something from now on.
    side.push("main", [GATED]).await;
    let next = side.hear(&side.github.forks(SLUG, "main", [BROKEN])).await;
    assert!(side.github.statuses(SLUG, &next).last().unwrap().starts_with("failure plumbline"), "{:?}", side.github.statuses(SLUG, &next));
}

#[tokio::test]
async fn a_check_that_a_fork_brings_or_changes_waits() {
    need!();
    let side = Side::with((MANIFEST, "version: 1\nchecks:\n- plugin: hygiene\n- {name: house, run: 'true', output: gnu}\n")).await;
    let changed =
        "version: 1\nchecks:\n- plugin: hygiene\n- {name: house, run: 'exit 0', output: gnu}\n- {name: own, run: 'true', output: gnu}\n";
    let sha = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, changed)])).await;
    assert_eq!(side.checks(&sha).await, "waiting: hygiene succeeded, house waiting, own waiting");
    side.world.admin.own("POST", &Side::approve(&sha)).await.expect(202);
    side.world.app.settle().await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, house succeeded, own succeeded");
    let wider = changed.replace("output: gnu}\n- {name: own", "output: gnu, network: forge}\n- {name: own");
    let next = side.hear(&side.github.pushes(SLUG, 1, [(MANIFEST, &wider)])).await;
    assert_eq!(side.checks(&next).await, "waiting: hygiene succeeded, house waiting, own waiting");
    // It is closed: nobody is to approve it any more.
    side.hear(&side.github.closes(SLUG, 1, false)).await;
    assert_eq!(side.checks(&next).await, "canceled: hygiene succeeded, house canceled, own canceled");
    side.hear(&side.github.reopens(SLUG, 1)).await;
    assert_eq!(side.checks(&next).await, "waiting: hygiene succeeded, house waiting, own waiting");
    side.wait_for_merges().await;
}

#[tokio::test]
async fn a_fork_cannot_switch_the_gate_off() {
    let side = Side::with(GATED).await;
    let lenient = [
        "version: 1\nissues: {fail_on: none}\nchecks: [{plugin: hygiene}]\n",
        "version: 1\nexclude: ['**']\nchecks: [{plugin: hygiene}]\n",
        "version: 1\nchecks: []\n",
        "version: 1\nchecks: [{plugin: hygiene, paths: ['nothing/']}]\n",
        "version: 1\nchecks: [{name: hygiene, plugin: todo}]\n",
    ];
    for manifest in lenient {
        let sha = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, manifest), BROKEN])).await;
        assert_eq!(side.verdict(&sha).await, "failure: 1 new issue of severity minor or above", "{manifest}");
    }
}

#[tokio::test]
async fn what_a_branch_asks_little_of_is_no_better_for_another() {
    let side = Side::with(GATED).await;
    side.push("lax", [(MANIFEST, "version: 1\nissues: {fail_on: none}\nchecks: [{plugin: hygiene}]\n")]).await;
    side.github.stays_at_main(SLUG);
    let sha = side.hear(&side.github.forks(SLUG, "lax", [BROKEN])).await;
    assert!(side.verdict(&sha).await.starts_with("success: "), "{}", side.verdict(&sha).await);
    side.hear(&side.github.asks_another(SLUG, 1, "main")).await;
    let verdict = side.verdict(&sha).await;
    assert!(verdict.starts_with("error: ") && side.github.statuses(SLUG, &sha).last().unwrap().starts_with("error plumbline"), "{verdict}");
    let why = side.see(&format!("/commits/{sha}/checks")).await["error"]["message"].clone();
    assert!(text(&why).contains("A fork asks `lax` and `main` to take this commit"), "{why}");
    side.hear(&side.github.closes(SLUG, 1, false)).await;
    assert_eq!(side.verdict(&sha).await, "failure: 1 new issue of severity minor or above", "`main` alone is asked");
    side.hear(&side.github.edits(SLUG, 2, None, Some("lax"))).await;
    assert!(side.verdict(&sha).await.starts_with("success: "), "{}", side.verdict(&sha).await);
    side.hear(&side.github.edits(SLUG, 2, None, Some("main"))).await;
    assert_eq!(side.verdict(&sha).await, "failure: 1 new issue of severity minor or above");
    side.wait_for_merges().await;
}

#[tokio::test]
async fn approving_what_a_fork_brings_takes_nothing_away_that_the_base_has() {
    need!();
    let side = Side::with(GATED).await;
    let own = "version: 1\nissues: {fail_on: none}\nchecks: [{name: own, run: 'true', output: gnu}]\n";
    let sha = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, own), BROKEN])).await;
    assert_eq!(side.checks(&sha).await, "waiting: hygiene succeeded, own waiting");
    side.world.admin.own("POST", &Side::approve(&sha)).await.expect(202);
    side.world.app.settle().await;
    assert_eq!(side.checks(&sha).await, "failed: hygiene succeeded, own succeeded");
    assert_eq!(side.verdict(&sha).await, "failure: 1 new issue of severity minor or above");
}

#[tokio::test]
async fn what_github_would_not_take_is_said_once_we_are_let_at_it_again() {
    let side = Side::with(GATED).await;
    let push = side.github.push(SLUG, "topic", [BROKEN]);
    side.github.stays_at_main(SLUG);
    side.github.next(Door::Statuses).answers(404);
    side.deliver(&push.delivery).await;
    assert_eq!(side.github.statuses(SLUG, &push.sha), [""; 0], "GitHub takes nothing");
    let said = side.deliver(&side.github.lets_in_again(SLUG)).await;
    assert!(said.starts_with("processed: "), "{said}");
    assert_eq!(side.github.statuses(SLUG, &push.sha), ["failure plumbline 1 new issue of severity minor or above"]);
}

#[tokio::test]
async fn a_button_on_github_approves_for_those_who_may_write() {
    need!();
    let side = Side::with((MANIFEST, "version: 1\nchecks: [{plugin: hygiene}]\n")).await;
    let own = "version: 1\nchecks: [{plugin: hygiene}, {name: own, run: 'true', output: gnu}]\n";
    let sha = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, own)])).await;
    let held = "waiting: hygiene succeeded, own waiting";
    assert_eq!(side.checks(&sha).await, held);
    let (grace, eve) = (side.github.person("grace"), side.github.person("eve"));
    side.github.gives(grace, SLUG, Some("maintain"));
    side.github.gives(eve, SLUG, Some("triage"));
    let looked_into = side.deliver(&side.github.presses(SLUG, &sha, eve, "eve", "approve")).await;
    assert_eq!(looked_into, format!("processed: GitHub is asked whether `eve` may approve what {} starts", &sha[..7]));
    // Who they are tells their number, whatever they call themselves.
    side.deliver(&side.github.presses(SLUG, &sha, eve, "grace", "approve")).await;
    let refused = side.deliver(&side.github.presses(SLUG, &sha, grace, "grace", "merge")).await;
    assert_eq!(refused, "ignored: no button of ours is called so");
    assert_eq!(side.checks(&sha).await, held);
    side.github.next(Door::Interface).answers(502);
    let id = side.send(&side.github.presses(SLUG, &sha, eve, "eve", "approve")).await;
    side.world.app.settle().await;
    let waits = side.world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
    assert_eq!(text(&waits["state"]), "processed", "a GitHub that does not answer keeps no delivery waiting");
    let asks = |side: &Side| side.world.app.work(WorkState::Ready).iter().any(|item| matches!(item.work, Work::ApproveFor { .. }));
    assert!(asks(&side), "who may is asked once more");
    side.world.app.advance(std::time::Duration::from_secs(600));
    side.world.app.settle().await;
    assert!(!asks(&side));
    assert_eq!(side.checks(&sha).await, held);
    side.deliver(&side.github.presses(SLUG, &sha, grace, "grace", "approve")).await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, own succeeded");
    let again = side.deliver(&side.github.presses(SLUG, &sha, grace, "grace", "approve")).await;
    assert!(again.starts_with("ignored: no check of"), "{again}");
    let trail = side.world.admin.get("/api/v1/admin/audit?action=manifest_approved").await.expect(200).value();
    assert_eq!(trail["items"][0]["changes"][0]["after"], json!("grace on GitHub"), "{trail}");
}

#[tokio::test]
async fn one_comment_is_written_and_edited_over_many_pushes() {
    let side = Side::with(SPOKEN).await;
    side.github.says(SLUG, 1, "Please look at this");
    side.hear(&side.github.forks(SLUG, "main", [BROKEN])).await;
    let ours = |side: &Side| -> Vec<String> {
        side.github.comments(SLUG, 1).into_iter().filter(|body| body.contains("<!-- plumbline ")).collect()
    };
    let first = ours(&side);
    assert_eq!(first.len(), 1);
    assert!(
        first[0].contains("▲ The gate fails") && first[0].contains("**1 new issue**") && first[0].contains("config.json line 1"),
        "{first:?}"
    );
    for n in 0..3 {
        side.hear(&side.github.pushes(SLUG, 1, [("b.txt", format!("{n}\n").as_str())])).await;
    }
    let sha = side.hear(&side.github.pushes(SLUG, 1, [("config.json", "{}\n")])).await;
    let last = ours(&side);
    assert_eq!(last.len(), 1);
    assert!(last[0].contains("● The gate holds") && last[0].contains(&sha), "{last:?}");
    // What a person deleted is written again only if there is something else to tell.
    side.github.clears_comments(SLUG, 1);
    side.hear(&side.github.pushes(SLUG, 1, [FINE])).await;
    assert_eq!(ours(&side), [""; 0]);
    side.hear(&side.github.pushes(SLUG, 1, [BROKEN])).await;
    assert_eq!(ours(&side).len(), 1);
}

#[tokio::test]
async fn a_comment_whose_number_was_lost_is_found_again() {
    let side = Side::with(SPOKEN).await;
    side.github.next(Door::Comments).does_and_fails();
    side.hear(&side.github.forks(SLUG, "main", [BROKEN])).await;
    side.world.app.advance(std::time::Duration::from_secs(600));
    side.world.app.settle().await;
    side.hear(&side.github.pushes(SLUG, 1, [("config.json", "{}\n")])).await;
    let comments = side.github.comments(SLUG, 1);
    assert_eq!(comments.len(), 1, "{comments:?}");
    assert!(comments[0].contains("● The gate holds"), "{comments:?}");
}

#[tokio::test]
async fn nothing_is_commented_where_the_manifest_does_not_ask_for_it() {
    let side = Side::with(GATED).await;
    let asking = SPOKEN.1;
    side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, asking), BROKEN])).await;
    assert_eq!(side.github.comments(SLUG, 1), [""; 0], "a fork does not ask for the repository");
}

#[tokio::test]
async fn what_a_fork_writes_is_nothing_but_text() {
    let side = Side::with(SPOKEN).await;
    let path = "a](x) <img src=x> @team|b.json";
    let hostile = "<script>alert('x')</script> **bold** ![x](https://evil.example/x.png)";
    side.hear(&side.github.forks(SLUG, "main", [(path, "{]\n")])).await;
    side.hear(&side.github.edits(SLUG, 1, Some(hostile), None)).await;
    let comment = side.github.comments(SLUG, 1).remove(0);
    for bad in ["<img", "](x)", "@team"] {
        assert!(!comment.contains(bad), "{bad}: {comment}");
    }
    for page in ["/r/acme/app/pulls", "/r/acme/app/pulls/1"] {
        let page = side.world.admin.page(page).await.expect(200).text();
        assert!(page.contains("&lt;script&gt;") || page.contains("&#60;script&#62;"), "{page}");
        assert!(!page.contains("<script>alert"), "{page}");
    }
}

#[tokio::test]
async fn deliveries_that_were_missed_are_made_up_for_by_asking() {
    let side = Side::with(GATED).await;
    let (opened, missed) = (side.github.forks(SLUG, "main", [BROKEN]), side.github.forks(SLUG, "main", [FINE]));
    side.hear(&opened).await;
    let _ = side.github.closes(SLUG, 1, false);
    side.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    side.world.app.settle().await;
    assert_eq!(text(&side.pull(1).await["state"]), "closed");
    assert_eq!(side.verdict(&missed.sha).await, "success: no new issues");
    // What comes late changes nothing of that.
    side.deliver(&opened.delivery).await;
    assert_eq!(text(&side.pull(1).await["state"]), "closed");
    side.wait_for_merges().await;
}

#[tokio::test]
async fn pull_requests_that_were_open_before_a_repository_was_added_are_found() {
    let github = GitHub::start();
    github.repo(SLUG);
    github.push(SLUG, "main", [GATED]);
    let sha = github.forks(SLUG, "main", [BROKEN]).sha;
    let world = World::of(TestApp::with(|config| github.configure(config))).await;
    world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
    world.app.settle().await;
    let side = Side { world, github };
    assert_eq!(side.verdict(&sha).await, "failure: 1 new issue of severity minor or above");
}

#[tokio::test]
async fn a_pull_request_whose_head_cannot_be_had_is_told_of_and_holds_nothing_up() {
    let side = Side::with(GATED).await;
    let gone = side.github.forks(SLUG, "main", [BROKEN]);
    side.github.drops_head(SLUG, 1);
    side.hear(&gone).await;
    let pull = side.pull(1).await;
    assert_eq!((&pull["merge_base"], &pull["check_set"]), (&Value::Null, &Value::Null));
    side.wait_for_heads().await;
    assert_eq!(side.world.app.work(WorkState::Ready).len(), 0, "nothing is tried for ever");
    side.world.admin.page("/r/acme/app/pulls/1").await.expect(200);
    let next = side.hear(&side.github.pushes(SLUG, 1, [FINE])).await;
    assert!(side.verdict(&next).await.starts_with("failure: "), "the branch that was lost is still in it");
    let spoiled = side.github.forks(SLUG, "main", [FINE]);
    side.github.spoils_head(SLUG, 2);
    side.hear(&spoiled).await;
    side.wait_for_heads().await;
    assert_eq!(side.pull(2).await["check_set"], Value::Null, "what is no commit is no head");
    assert_eq!(side.world.app.work(WorkState::Ready).len(), 0);
    // The fork goes; what was fetched of it is here.
    side.hear(&side.github.deletes_fork(SLUG, 1)).await;
    let pull = side.pull(1).await;
    assert_eq!((&pull["head"]["repo"], &pull["head"]["is_fork"]), (&Value::Null, &json!(true)));
    let page = side.world.admin.page("/r/acme/app/pulls/1").await.expect(200).text();
    assert!(page.contains("a fork that was deleted"), "{page}");
}

#[tokio::test]
async fn a_payload_of_another_shape_is_a_delivery_that_failed() {
    let side = Side::with(GATED).await;
    let pulled = side.github.forks(SLUG, "main", [FINE]);
    let mut payload: Value = serde_json::from_slice(&pulled.delivery.body).unwrap();
    payload["pull_request"]["base"]["ref"] = json!("a..b");
    let said = side.deliver(&Delivery::signed("pull_request", 900, &payload)).await;
    assert!(said.starts_with("failed: the base of pull request #1 is no branch: "), "{said}");
    payload["pull_request"]["number"] = json!("one");
    let said = side.deliver(&Delivery::signed("pull_request", 901, &payload)).await;
    assert!(said.starts_with("failed: the payload is not that of `pull_request`"), "{said}");
}

#[tokio::test]
async fn a_commit_of_a_fork_that_was_merged_is_ours_and_runs_as_ours_do() {
    need!();
    let side = Side::with((MANIFEST, "version: 1\nchecks: [{plugin: hygiene}]\n")).await;
    let own = "version: 1\nchecks: [{plugin: hygiene}, {name: own, run: 'true', output: gnu}]\n";
    let sha = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, own)])).await;
    assert_eq!(side.checks(&sha).await, "waiting: hygiene succeeded, own waiting");
    side.github.merges(SLUG, 1);
    side.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    side.world.app.settle().await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, own succeeded");
    side.hear(&side.github.closes(SLUG, 1, true)).await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, own succeeded");
    side.wait_for_merges().await;
}

#[tokio::test]
async fn a_commit_of_our_own_stays_ours_when_its_branch_is_gone() {
    need!();
    let side = Side::with((MANIFEST, "version: 1\nchecks: [{plugin: hygiene}]\n")).await;
    let own = "version: 1\nchecks: [{plugin: hygiene}, {name: own, run: 'true', output: gnu}]\n";
    let sha = side.push("topic", [(MANIFEST, own)]).await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, own succeeded");
    let theirs = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, own)])).await;
    side.github.drops(SLUG, "topic");
    side.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
    side.world.app.settle().await;
    side.world.admin.get("/api/v1/repos/acme/app/branches/topic").await.expect(404);
    for sha in [&sha, &theirs] {
        side.world.admin.own("POST", &format!("/api/v1/repos/acme/app/commits/{sha}/checks")).await.expect(202);
    }
    side.world.app.settle().await;
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, own succeeded");
    assert_eq!(side.checks(&theirs).await, "waiting: hygiene succeeded, own waiting", "what is a fork's is judged as before");
}

#[tokio::test]
async fn pull_requests_stand_on_pages_that_explain_themselves() {
    let side = Side::with(GATED).await;
    let empty = side.world.admin.page("/r/acme/app/pulls").await.expect(200).text();
    assert!(empty.contains("No pull request is open"), "{empty}");
    let sha = side.hear(&side.github.forks(SLUG, "main", [BROKEN])).await;
    let list = side.world.admin.page("/r/acme/app/pulls").await.expect(200).text();
    assert!(list.contains("#1 A patch") && list.contains("/r/acme/app/pulls/1"), "{list}");
    let page = side.world.admin.page("/r/acme/app/pulls/1").await.expect(200).text();
    for part in ["1 new issue of severity minor or above", "mallory/app:patch-1", "From a fork.", &sha[..7], "config.json", "Gate: fails"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let stranger = side.world.app.sign_in(side.world.app.user("stranger", InstanceRole::Member)).await;
    stranger.page("/r/acme/app/pulls/1").await.expect(404);
    let known = side.world.admin.get("/api/v1/repos/acme/app/pulls/1").await.expect(200);
    let etag = known.header("etag").unwrap().to_owned();
    side.world.admin.with("if-none-match", &etag).get("/api/v1/repos/acme/app/pulls/1").await.expect(304);
}

#[tokio::test]
async fn whoever_is_known_here_approves_on_github_in_their_own_name_unless_they_are_shut_out() {
    need!();
    let side = Side::with((MANIFEST, "version: 1\nchecks: [{plugin: hygiene}]\n")).await;
    let own = "version: 1\nchecks: [{plugin: hygiene}, {name: own, run: 'true', output: gnu}]\n";
    let sha = side.hear(&side.github.forks(SLUG, "main", [(MANIFEST, own)])).await;
    let repo = text(&side.see("").await["id"]).parse().unwrap();
    let (ada, id) = (side.world.app.user("ada", InstanceRole::Member), side.github.person("ada"));
    // On GitHub she may do all there is; what counts is that her account here is closed.
    side.github.gives(id, SLUG, Some("admin"));
    let profile = Profile { subject: id, login: "ada".to_owned(), name: None, avatar_url: None, emails: None };
    let known = move |tx: &mut WriteTx, now| -> accounts::Result<()> {
        accounts::grant(tx, repo, ada, RepoRole::Write)?;
        accounts::link_github(tx, ada, &profile, now)
    };
    side.world.app.app().write_now(&Actor::System, known).unwrap();
    let disabled = json!({"disabled": true});
    side.world.admin.json("PATCH", &format!("/api/v1/admin/users/{ada}"), disabled).await.expect(200);
    let refused = side.deliver(&side.github.presses(SLUG, &sha, id, "ada", "approve")).await;
    assert!(refused.starts_with("ignored: `ada` may not"), "{refused}");
    side.world.admin.json("PATCH", &format!("/api/v1/admin/users/{ada}"), json!({"disabled": false})).await.expect(200);
    side.github.asked();
    let approved = side.deliver(&side.github.presses(SLUG, &sha, id, "ada", "approve")).await;
    assert!(approved.starts_with("processed: "), "{approved}");
    assert!(!side.github.asked().iter().any(|asked| asked.ends_with("/permission")), "she is known here");
    assert_eq!(side.checks(&sha).await, "succeeded: hygiene succeeded, own succeeded");
    let trail = side.world.admin.get("/api/v1/admin/audit?action=manifest_approved").await.expect(200).value();
    assert!(trail["items"][0]["actor"].to_string().contains("ada"), "{trail}");
}
