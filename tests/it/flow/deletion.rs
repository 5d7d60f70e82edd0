//! A repository is deleted while work on it goes on. Wherever that happens, the work ends without a word and nothing remains.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use plumbline::app::repeat::{Repeat, Tally};
use plumbline::app::{App, runner, schema};
use plumbline::base::event::Actor;
use plumbline::base::id::RepoId;
use plumbline::base::name::RepoSlug;
use plumbline::base::page::Limit;
use plumbline::base::work::Lane;
use plumbline::domain::accounts::{Browser, Email, Identity, Link, Membership, PasswordRow, Roster, SecondFactor, Session, Token, User};
use plumbline::domain::admin::Recurrence;
use plumbline::domain::audit::Entry;
use plumbline::domain::checks::{self, ApprovedHead, CheckSet, ImagePin, TrustedManifest};
use plumbline::domain::dora::Deployment;
use plumbline::domain::github::GithubApp;
use plumbline::domain::github::deliveries::Healing;
use plumbline::domain::hooks::{Delivery, DeliveryBody};
use plumbline::domain::issues::{Chunk, Issue, Node, Revision, Standing};
use plumbline::domain::pulls::{Listed, Pull};
use plumbline::domain::repos::{self, BadgeKey, Branch, Commit, FormerName, NewRepository, PushedHead, RepoSource, Repository, Withdrawn};
use plumbline::domain::search::{Question, Scope, Sort, parse};
use plumbline::domain::secrets::{Kept, NamedSecret, SshKey, VaultKey};
use plumbline::domain::settings::Settings;
use plumbline::domain::statuses::{PostedComment, PostedReport, PostedStatus};
use plumbline::engine::queue::{self, Served, Verdict, WorkItem, WorkState};
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::store::{ReadTx, Record, Scan};

use crate::support::app::TestApp;
use crate::support::repo::TestRepo;
use crate::support::steps;

fn add(app: &App, name: &str, path: &Path) -> RepoId {
    let (slug, remote) = (RepoSlug::local(name).unwrap(), path.display().to_string());
    let new = move |tx: &mut _, now| {
        repos::add(
            tx,
            NewRepository {
                slug: slug.clone(),
                source: RepoSource::Local,
                remote: remote.clone(),
                is_trusted: true,
                badge_key: BadgeKey::random(),
                owner: None,
            },
            now,
        )
    };
    app.write_now(&Actor::System, new).unwrap().id
}

fn delete(app: &App, name: &str) {
    let slug = RepoSlug::local(name).unwrap();
    app.write_now(&Actor::System, move |tx, now| repos::delete(tx, &slug, &slug.to_string(), now)).unwrap();
}

/// The tables that have a row which names the repository. The journal, which says for a while what
/// happened to it, and the trail, which says for good who did it, are not asked.
fn tables_that_name(app: &App, id: RepoId) -> Vec<&'static str> {
    fn named<T: Record>(tx: &ReadTx, id: RepoId) -> Option<&'static str> {
        let rows = tx.find(&Scan::<T>::all(), usize::MAX).unwrap();
        rows.iter().any(|row| format!("{row:?}").contains(&id.to_string())).then_some(T::TABLE)
    }
    macro_rules! all {
        ($($record:ident),+) => {{
            let mut tables = vec![Journaled::TABLE, Entry::TABLE];
            tables.extend([$($record::TABLE),+]);
            let known = schema::schema().tables;
            assert!(known.iter().all(|known| tables.iter().any(|table| known.name().starts_with(table))), "a table is not looked at");
            app.read_now(|tx, _| Ok::<_, plumbline::engine::store::Error>([$(named::<$record>(tx, id)),+])).unwrap()
        }};
    }
    let named = all![
        WorkItem,
        Recurrence,
        User,
        Session,
        PasswordRow,
        SecondFactor,
        Browser,
        Link,
        Token,
        Membership,
        Repository,
        Branch,
        Commit,
        CheckSet,
        Issue,
        Revision,
        Standing,
        Node,
        Chunk,
        Repeat,
        Tally,
        ImagePin,
        Served,
        TrustedManifest,
        VaultKey,
        NamedSecret,
        SshKey,
        Settings,
        Delivery,
        DeliveryBody,
        FormerName,
        PushedHead,
        Withdrawn,
        Identity,
        Email,
        Roster,
        Kept,
        GithubApp,
        Healing,
        PostedStatus,
        PostedReport,
        PostedComment,
        ApprovedHead,
        Pull,
        Listed,
        Deployment
    ];
    named.into_iter().flatten().collect()
}

/// How many issues of the repository the search index holds.
fn indexed(app: &App, id: RepoId) -> u64 {
    app.index.open().unwrap();
    let (query, scope) = (parse("").unwrap(), Scope::Repos(vec![id]));
    let question = Question { query: &query, scope: &scope, sort: Sort::Newest, limit: Limit::MAX, after: None, now: app.clock.now() };
    app.index.search(&question).unwrap().total
}

#[track_caller]
fn nothing_remains(app: &App, id: RepoId, when: &str) {
    assert_eq!(tables_that_name(app, id), [""; 0], "{when}");
    assert!(!app.mirror_dir(id).exists(), "its mirror is there; {when}");
    assert_eq!(std::fs::read_dir(app.config.data_dir.join("live")).unwrap().count(), 0, "a log is there; {when}");
    assert_eq!(indexed(app, id), 0, "{when}");
}

#[test]
fn what_its_images_meant_and_which_manifests_it_trusted_goes_with_a_deleted_repository() {
    let world = TestApp::start();
    let app = world.app();
    let git = TestRepo::new();
    git.commit([(".plumbline.yaml", "version: 1\nchecks: [{plugin: hygiene}]\n")]);
    let id = add(app, "app", git.path());
    runner::settle(app).unwrap();
    app.write_now(&Actor::System, move |tx, now| checks::pin_image(tx, id, "acme/lint:v1", "acme/lint@sha256:1", now)).unwrap();
    assert!(["image_pins", "trusted_manifests"].iter().all(|table| tables_that_name(app, id).contains(table)));
    delete(app, "app");
    runner::settle(app).unwrap();
    nothing_remains(app, id, "it was deleted");
}

#[test]
fn the_logs_of_a_deleted_repository_go_with_it_but_for_those_that_another_has_as_well() {
    let world = TestApp::start();
    let app = world.app();
    let git = TestRepo::new();
    git.commit([("a.json", "{\n")]);
    let (first, second) = (add(app, "first", git.path()), add(app, "second", git.path()));
    runner::settle(app).unwrap();
    let logs = |id| app.read_now(move |tx, _| checks::logs_of(tx, id, 10)).unwrap();
    let (of_first, of_second) = (logs(first), logs(second));
    assert!(!of_first.is_empty() && !of_second.is_empty());
    delete(app, "first");
    runner::settle(app).unwrap();
    nothing_remains(app, first, "deleted at rest");
    for log in of_first.union(&of_second) {
        assert_eq!(app.blobs.get(*log, 1 << 20).is_ok(), of_second.contains(log));
    }
}

/// Deletes a repository before every step of the first work of a lane, one after the other. `erases` says whether the erasure ends before
/// the work goes on, or begins when it has ended.
fn deleted_before_every_step_of(lane: Lane, erases: bool) -> usize {
    let world = TestApp::start();
    let app = world.app();
    let git = TestRepo::new();
    git.commit([("a.json", "{\n"), ("b.json", "[\n"), ("c.rb", "<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> topic\n")]);
    for nth in 1.. {
        let name = format!("app{nth}");
        let id = add(app, &name, git.path());
        if lane == Lane::Checks {
            assert!(runner::run_next(app, Lane::Git, "test", None).unwrap());
        }
        let (seen, is_deleted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (handle, counted, deleted) = (app.clone(), Arc::clone(&seen), Arc::clone(&is_deleted));
        let doomed = name.clone();
        let work = steps::perform(app, lane, move |_| {
            if counted.fetch_add(1, Ordering::SeqCst) + 1 == nth {
                delete(&handle, &doomed);
                deleted.store(true, Ordering::SeqCst);
                while erases && runner::run_next(&handle, Lane::Upkeep, "test", None).unwrap() {}
            }
        });
        // Where the erasure came before the claim, there was nothing left to do.
        assert!(work.join().unwrap() || nth == 1);
        if !is_deleted.load(Ordering::SeqCst) {
            runner::settle(app).unwrap();
            assert!(tables_that_name(app, id).len() >= 6 && app.mirror_dir(id).exists() && indexed(app, id) == 3, "else nothing is shown");
            return nth - 1;
        }
        runner::settle(app).unwrap();
        nothing_remains(app, id, &format!("deleted before step {nth} of {}", seen.load(Ordering::SeqCst)));
    }
    unreachable!("work has an end")
}

#[test]
fn a_repository_that_is_deleted_while_its_checks_run_leaves_nothing() {
    let steps = deleted_before_every_step_of(Lane::Checks, true);
    assert!(steps > 20, "{steps} steps are too few to be true");
}

#[test]
fn a_repository_that_is_deleted_while_its_checks_run_is_erased_after_them_as_well() {
    deleted_before_every_step_of(Lane::Checks, false);
}

#[test]
fn a_repository_that_is_deleted_while_it_is_fetched_leaves_nothing() {
    let steps = deleted_before_every_step_of(Lane::Git, true);
    assert!(steps > 5, "{steps} steps are too few to be true");
}

#[test]
fn work_that_waits_for_its_next_attempt_goes_with_its_repository() {
    let world = TestApp::start();
    let app = world.app();
    let git = TestRepo::new();
    git.commit([("a.json", "{\n")]);
    let id = add(app, "app", git.path());
    assert!(runner::run_next(app, Lane::Git, "test", None).unwrap());
    // The checks are given up, and a fetch is to be tried again in an hour.
    for (lane, verdict) in [(Lane::Checks, Verdict::GiveUp), (Lane::Git, Verdict::RetryAfter(Duration::from_secs(3_600)))] {
        app.write_now(&Actor::System, move |tx, now| {
            if lane == Lane::Git {
                repos::request_sync(tx, id, now).unwrap();
            }
            Ok::<_, queue::Error>(())
        })
        .unwrap();
        app.write_now(&Actor::System, move |tx, now| {
            let claim = queue::claim(tx, lane, "a worker", now)?.expect("there is work");
            queue::fail(tx, &claim, verdict, "it fell over", now)
        })
        .unwrap();
    }
    assert_eq!((world.work(WorkState::Dead).len(), world.work(WorkState::Ready).len()), (1, 2));
    delete(app, "app");
    runner::settle(app).unwrap();
    nothing_remains(app, id, "with work that rests");
}

#[tokio::test]
async fn looking_at_a_repository_that_has_no_mirror_makes_none() {
    let world = crate::support::world::World::new().await;
    let git = TestRepo::new();
    let sha = git.commit([("a.json", "{\n")]);
    let added = world.register("app", git.path()).await;
    let id: RepoId = added["id"].as_str().unwrap().parse().unwrap();
    for path in [format!("/commits/{}", &sha[..8]), format!("/commits/{sha}"), format!("/commits/{sha}/tree")] {
        world.admin.get(&format!("/api/v1/repos/local/app{path}")).await.expect(404).refused("commit_not_found");
    }
    world.admin.get("/api/v1/repos/local/app/trends").await.expect(200);
    world.admin.page("/r/local/app").await.expect(200);
    assert!(!world.app.app().mirror_dir(id).exists());
    world.app.settle().await;
    assert!(world.app.app().mirror_dir(id).exists());
}
