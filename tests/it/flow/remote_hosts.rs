//! Hosts that repositories are fetched from, and what they may do to us: hang, lie, point elsewhere. Each says so where somebody looks,
//! and other repositories go on.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::app::runner::Runner;
use plumbline::base::event::Actor;
use plumbline::base::id::Ids;
use plumbline::base::name::RepoSlug;
use plumbline::base::page::Limit;
use plumbline::base::time::Clock;
use plumbline::domain::accounts::{self, InstanceRole, RepoRole};
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use plumbline::engine::queue::{self, WorkState};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::repo::TestRepo;
use crate::support::server::{Asked, Reply, Server, packfile, serve};
use crate::support::world::{World, by_default, text};

/// How long a fetch may take here.
const PATIENCE: Duration = Duration::from_millis(500);

/// A world that speaks to hosts on this machine, and is not patient with them.
async fn world() -> World {
    let app = TestApp::with(|config| {
        config.allow_hosts = vec!["127.0.0.1".to_owned()];
        config.git.fetch_time = PATIENCE;
    });
    World::of(app).await
}

/// Adds what a host serves and has it fetched; answers what administrators read of the failure.
async fn add(world: &World, name: &str, server: &Server) -> Value {
    world.admin.post("/api/v1/repos", json!({"url": server.url(), "name": name})).await.expect(201);
    world.app.settle().await;
    world.admin.page(&format!("/r/local/{name}")).await.expect(200);
    world.see(name, "").await["sync_error"].clone()
}

/// A repository on this machine is checked, whatever hosts do.
async fn goes_on(world: &World) {
    let repo = world.repo("good", [("a.json", "{\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, by_default("succeeded"));
}

/// Deletes a repository whose fetch is waiting to be tried again.
async fn delete(world: &World, name: &str) {
    let slug = format!("local/{name}");
    world.admin.json("DELETE", &format!("/api/v1/repos/{slug}"), json!({"confirm": slug})).await.expect(204);
    world.app.advance(Duration::from_secs(3_600));
    world.app.settle().await;
}

fn asks_for_pack(asked: &Asked) -> bool {
    asked.body.windows(13).any(|window| window == b"command=fetch")
}

/// An answer that begins, and does not go on.
fn begun() -> Reply {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-result\r\ncontent-length: 9999\r\n\r\n000dpackfile\n";
    Reply::Stall(head.as_bytes().to_vec())
}

/// A repository with one commit, and the path of what a host would serve.
fn repository() -> (TestRepo, std::path::PathBuf, String) {
    let git = TestRepo::new();
    let sha = git.commit([("a.json", "{\n")]);
    let path = git.path().join(".git");
    (git, path, sha)
}

#[tokio::test]
async fn a_host_that_hangs_is_left_at_the_deadline_and_asked_again_later() {
    let world = world().await;
    let (_git, path, _) = repository();
    let servers =
        [Server::new(|_| Reply::Hang), Server::new(move |asked| if asks_for_pack(asked) { begun() } else { serve(&path, asked) })];
    for (name, server) in ["silent", "stalled"].into_iter().zip(&servers) {
        let begun = Instant::now();
        let error = add(&world, name, server).await;
        assert!(begun.elapsed() < PATIENCE * 8, "{name}: {:?}", begun.elapsed());
        assert_eq!(error, json!("the fetch did not end within 500 ms"), "{name}");
        let waiting = world.app.work(WorkState::Ready);
        assert!(waiting.len() == 1 && waiting[0].due_at > world.app.now(), "{waiting:#?}");
        delete(&world, name).await;
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn a_host_that_never_stops_talking_is_left_and_not_asked_again_by_itself() {
    let world = World::of(TestApp::with(|config| config.allow_hosts = vec!["127.0.0.1".to_owned()])).await;
    let (_git, path, sha) = repository();
    let server = Server::new(move |asked| {
        if !asks_for_pack(asked) {
            return serve(&path, asked);
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-result\r\n\r\n0011shallow-info\n";
        Reply::Endless(head.into(), format!("0035shallow {sha}\n").into_bytes().repeat(1_000))
    });
    let error = add(&world, "app", &server).await;
    assert_eq!(error, json!("`127.0.0.1` answered with more than 4194304 bytes, the most that is read"));
    let waiting = world.app.work(WorkState::Ready);
    assert!(waiting.is_empty(), "{waiting:#?}");
    goes_on(&world).await;
}

#[tokio::test]
async fn a_redirect_on_the_same_host_is_followed_and_the_repository_checked() {
    let world = world().await;
    let (_git, path, sha) = repository();
    let server = Server::new(move |asked| match asked.path.strip_prefix("/acme/app.git") {
        Some(tail) => Reply::Http(301, vec![("location".into(), format!("/new/home.git{tail}"))], Vec::new()),
        None => serve(&path, asked),
    });
    assert_eq!(add(&world, "app", &server).await, Value::Null);
    assert_eq!(world.see("app", &format!("/commits/{sha}/checks")).await["state"], json!("succeeded"));
}

#[tokio::test]
async fn a_host_that_points_elsewhere_or_speaks_something_else_is_not_believed() {
    let world = world().await;
    let answer = |status, name: &str, value: &str, body: &str| {
        let (header, body) = ((name.to_owned(), value.to_owned()), body.as_bytes().to_vec());
        Server::new(move |_| Reply::Http(status, vec![header.clone()], body.clone()))
    };
    let cases = [
        ("elsewhere", answer(302, "location", "http://169.254.169.254/latest", ""), "redirects to elsewhere are not followed"),
        ("page", answer(200, "content-type", "text/html", "<html"), "does not answer as git does"),
        ("absent", answer(404, "content-type", "text/html", ""), "there is no repository at this address"),
        ("locked", answer(401, "content-type", "text/html", ""), "asks for credentials"),
    ];
    for (name, server, why) in &cases {
        let error = add(&world, name, server).await;
        assert!(text(&error).contains(why), "{name}: {error}");
    }
    goes_on(&world).await;
}

#[tokio::test]
async fn a_pack_that_lies_is_said_to_be_damaged_and_nothing_of_it_is_taken() {
    let world = world().await;
    let (git, path, sha) = repository();
    let server = Server::new({
        let path = path.clone();
        move |asked| {
            let Reply::Http(status, headers, body) = serve(&path, asked) else { unreachable!("a repository is served") };
            if !asks_for_pack(asked) {
                return Reply::Http(status, headers, body);
            }
            let mut pack = body.windows(4).position(|window| window == b"PACK").map(|at| body[at..body.len() - 4].to_vec()).unwrap();
            let middle = pack.len() / 2;
            pack[middle] ^= 0x10;
            Reply::Http(status, headers, packfile(&pack))
        }
    });
    let error = add(&world, "app", &server).await;
    assert!(text(&error).starts_with("the pack that came is damaged: "), "{error}");
    assert_eq!(world.see("app", "/branches").await["items"], json!([]));
    world.admin.get(&format!("/api/v1/repos/local/app/commits/{sha}")).await.expect(404);
    world.add("same", git.path()).await;
    assert_eq!(world.see("same", &format!("/commits/{sha}/checks")).await["state"], json!("succeeded"));
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_asked_again_later() {
    let world = world().await;
    let server = Server::new(|_| Reply::Hang);
    let port = server.port;
    drop(server);
    let url = format!("http://127.0.0.1:{port}/app.git");
    world.admin.post("/api/v1/repos", json!({"url": url, "name": "app"})).await.expect(201);
    world.app.settle().await;
    let error = world.see("app", "").await["sync_error"].clone();
    assert!(text(&error).starts_with("the connection to `127.0.0.1` failed: "), "{error}");
    let waiting = world.app.work(WorkState::Ready);
    assert!(waiting.len() == 1 && waiting[0].due_at > world.app.now(), "{waiting:#?}");
    goes_on(&world).await;
    delete(&world, "app").await;
}

/// What resolved to which address, and which files the host has, is nothing for whoever may read a repository.
#[tokio::test]
async fn where_a_fetch_failed_is_told_to_administrators_and_what_kind_of_failure_it_was_to_all() {
    let world = world().await;
    let folder = world.app.scratch("no-repository");
    world.add("folder", &folder).await;
    world.admin.post("/api/v1/repos", json!({"url": "http://127.0.0.1:1/app.git", "name": "elsewhere"})).await.expect(201);
    // One that pointed into the world when a member added it, and does so no longer.
    let new = NewRepository {
        slug: RepoSlug::local("private").unwrap(),
        source: RepoSource::Git,
        remote: "https://10.1.2.3/app.git".to_owned(),
        is_trusted: false,
        badge_key: BadgeKey::random(),
        owner: None,
    };
    world.app.app().write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap();
    world.app.settle().await;
    let member = world.app.user("ada", InstanceRole::Member);
    let browser = world.app.sign_in(member).await;
    let cases = [
        ("folder", "there is no git repository at its path", folder.to_str().unwrap()),
        ("private", "its address lies where requests do not go", "10.1.2.3"),
        ("elsewhere", "the connection to its host failed", "127.0.0.1"),
    ];
    for (name, public, place) in cases {
        let repo = world.see(name, "").await;
        assert!(text(&repo["sync_error"]).contains(place), "{repo}");
        let id = text(&repo["id"]).parse().unwrap();
        world.app.app().write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, member, RepoRole::Read)).unwrap();
        let seen = browser.get(&format!("/api/v1/repos/local/{name}")).await.expect(200).value();
        assert_eq!(seen["sync_error"], json!(public), "{name}");
        for page in ["/".to_owned(), format!("/r/local/{name}")] {
            let page = browser.page(&page).await.expect(200).text();
            assert!(page.contains(&public[1..]) && !page.contains(place), "{name}: {page}");
        }
    }
    delete(&world, "elsewhere").await;
}

/// A host that has taken the connection, begun its answer and said no more held up the stop until its own timeout.
#[test]
fn a_stop_cancels_a_fetch_that_is_under_way_at_once_and_the_repository_is_not_blamed() {
    let (_git, path, _) = repository();
    let (asked_for_pack, is_fetching) = mpsc::channel();
    let server = Server::new(move |asked| {
        if !asks_for_pack(asked) {
            return serve(&path, asked);
        }
        asked_for_pack.send(()).unwrap();
        begun()
    });
    let dir = crate::support::temporary();
    let mut config = Config::in_directory(&dir.path().join("data"));
    config.allow_hosts = vec![server.host()];
    let app = App::open(config, Clock::System, Ids::system()).unwrap();
    let new = NewRepository {
        slug: RepoSlug::local("app").unwrap(),
        source: RepoSource::Git,
        remote: server.url(),
        is_trusted: false,
        badge_key: BadgeKey::random(),
        owner: None,
    };
    let id = app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap().id;
    let runner = Runner::start(&app).unwrap();
    is_fetching.recv_timeout(Duration::from_secs(30)).unwrap();

    let told = Instant::now();
    runner.stop();
    assert!(told.elapsed() < Duration::from_secs(3), "{:?}", told.elapsed());
    let repo = app.read_now(|tx, _| repos::get(tx, id)).unwrap();
    assert_eq!((repo.sync_error, repo.synced_at), (None, None));
    let waiting = app.read_now(|tx, _| queue::list(tx, WorkState::Ready, None, Limit::MAX)).unwrap().items;
    assert!(
        waiting.iter().any(|item| matches!(item.work, plumbline::base::work::Work::SyncRepository { repo } if repo == id)),
        "{waiting:#?}"
    );
    app.stop();
}
