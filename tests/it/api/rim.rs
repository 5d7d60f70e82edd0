//! What a client may cost: its connection, its time, its streams; and what is not HTTP as it should be.

use std::time::Duration;

use futures_util::FutureExt;
use plumbline::app::repeat::Repeat;
use plumbline::base::event::Actor;
use plumbline::domain::accounts::{self, InstanceRole, Membership, RepoRole, Scope, TokenKind};
use plumbline::engine::store::Scan;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::world::{World, text};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);
/// Shorter than anybody would configure.
const SOON: Duration = Duration::from_millis(50);

/// What comes back on a connection by which this is sent, until it is closed.
async fn exchange(client: &Client, sent: &str) -> String {
    let mut stream = TcpStream::connect(client.address).await.unwrap();
    stream.write_all(sent.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // What was sent and not read may reset the connection after the answer.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("the connection is ended");
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn five_hundred_that_say_nothing_keep_nobody_else_waiting() {
    let app = TestApp::with(|config| config.limits.connections = 40);
    let admin = app.admin().await;
    let mut silent = Vec::new();
    for n in 0..500 {
        let mut stream = TcpStream::connect(admin.address).await.unwrap();
        if n % 2 == 0 {
            stream.write_all(b"GET /api/v1/me HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        }
        silent.push(stream);
        if n % 50 == 0 {
            admin.get("/api/v1/me").await.expect(200);
        }
    }
    admin.get("/api/v1/me").await.expect(200);
    // Those that came first made room.
    let read = tokio::time::timeout(PATIENCE, silent[1].read(&mut [0; 10])).await.expect("it was ended");
    assert!(read.is_err() || read.is_ok_and(|read| read == 0));
}

#[tokio::test]
async fn whoever_is_under_way_is_not_sent_off_for_others() {
    let app = TestApp::with(|config| config.limits.connections = 2);
    let admin = app.admin().await;
    let mut heard = admin.events("/api/v1/events").await;
    for _ in 0..5 {
        TcpStream::connect(admin.address).await.unwrap();
        admin.get("/api/v1/me").await.expect(200);
    }
    let world = World { app, admin };
    world.repo("app", [("a.rb", "puts 1\n")]).await;
    assert!(heard.next().await.unwrap().contains("repository_added"));
}

#[tokio::test]
async fn a_head_and_a_body_must_come_in_time() {
    let app = TestApp::with(|config| {
        config.limits.head_timeout = SOON;
        config.limits.body_timeout = SOON;
    });
    let admin = app.admin().await;
    assert_eq!(exchange(&admin, "GET /livez HTTP/1.1\r\nhost: x\r\n").await, "");
    // Between requests as before the first.
    let kept = exchange(&admin, "GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(kept.starts_with("HTTP/1.1 200"), "{kept}");
    let token = app.token(TokenKind::Service, &[Scope::Admin], None, &[], None);
    let post =
        format!("POST /api/v1/admin/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    for (keyed, key) in [("", ""), ("with a key", "idempotency-key: k\r\n")] {
        let late = exchange(&admin, &format!("{post}{key}content-length: 30\r\n\r\n{{\"login\": ")).await;
        assert!(late.starts_with("HTTP/1.1 408") && late.contains("\"request_timeout\""), "{keyed}: {late}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_in_is_not_waited_for_to_its_end() {
    let app = TestApp::with(|config| config.limits.whole_body_timeout = SOON);
    let token = app.token(TokenKind::Service, &[Scope::Admin], None, &[], None);
    let head =
        format!("POST /api/v1/admin/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    let late = exchange(&app.anonymous(), &format!("{head}content-length: 30\r\n\r\n{{")).await;
    assert!(late.starts_with("HTTP/1.1 408"), "{late}");
}

#[tokio::test]
async fn a_body_that_is_said_to_be_too_large_is_refused_before_it_comes() {
    let app = TestApp::start();
    let token = app.token(TokenKind::Service, &[Scope::Admin], None, &[], None);
    let head =
        format!("POST /api/v1/admin/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n");
    let refused = exchange(&app.anonymous(), &format!("{head}content-length: 1048577\r\nconnection: close\r\n\r\n")).await;
    assert!(refused.starts_with("HTTP/1.1 413") && refused.contains("\"body_too_large\""), "{refused}");
}

#[tokio::test]
async fn a_request_names_one_host_and_has_a_head_of_a_size() {
    let app = TestApp::start();
    let client = app.anonymous();
    let status = async |request: &str| exchange(&client, request).await.split(' ').nth(1).unwrap_or("none").to_owned();
    assert_eq!(status("GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n").await, "400");
    assert_eq!(status("GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\nconnection: close\r\n\r\n").await, "400");
    assert_eq!(status("GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await, "200");
    assert_eq!(status("GET /livez HTTP/1.0\r\n\r\n").await, "200");
    let refused = exchange(&client, "GET /livez HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert!(refused.contains("\"code\":\"bad_request\"") && refused.contains("x-request-id"), "{refused}");
    let long = format!("GET /livez HTTP/1.1\r\nhost: a\r\nx-long: {}\r\n\r\n", "x".repeat(64 << 10));
    assert_eq!(status(&long).await, "431");
    let many = format!("GET /livez HTTP/1.1\r\nhost: a\r\n{}\r\n", "x-many: 1\r\n".repeat(200));
    assert_eq!(status(&many).await, "431");
}

#[tokio::test]
async fn each_may_listen_to_some_streams_and_no_more() {
    let app = TestApp::with(|config| config.limits.streams_per_caller = 2);
    let admin = app.admin().await;
    let one = admin.events("/api/v1/events").await;
    let _two = admin.events("/api/v1/events").await;
    let refused = admin.get("/api/v1/events").await.expect(429);
    refused.refused("rate_limited");
    assert_eq!(refused.header("retry-after"), Some("5"));
    // Another person is not kept out by that, and one who stops may begin again.
    let _eve = app.sign_in(app.user("eve", InstanceRole::Member)).await.events("/api/v1/events").await;
    drop(one);
    let begin_again = async { while admin.head_of_stream("/api/v1/events").await == 429 {} };
    tokio::time::timeout(PATIENCE, begin_again).await.expect("a closed stream is noticed");
}

#[tokio::test]
async fn a_stream_ends_with_the_access_of_whoever_listens() {
    let app = TestApp::with(|config| config.limits.look_again = SOON);
    let ada = app.user("ada", InstanceRole::Admin);
    let browser = app.sign_in(ada).await;
    let mut in_browser = browser.events("/api/v1/events").await;
    browser.own("POST", "/api/v1/logout").await.expect(204);
    assert_eq!(in_browser.next().await, None);

    let browser = app.sign_in(ada).await;
    let made = browser.post("/api/v1/me/tokens", serde_json::json!({"name": "t", "scopes": ["repo:read"]})).await.expect(201).value();
    let mut by_token = app.anonymous().bearer(text(&made["token"])).events("/api/v1/events").await;
    browser.own("DELETE", &format!("/api/v1/me/tokens/{}", text(&made["id"]))).await.expect(204);
    assert_eq!(by_token.next().await, None);

    // No event tells of these: the clock does, and a person who is shut out.
    let ends = Some(app.now() + Duration::from_secs(60));
    let mut short =
        app.anonymous().bearer(&app.token(TokenKind::Service, &[Scope::RepoRead], None, &[], ends)).events("/api/v1/events").await;
    app.advance(Duration::from_secs(60));
    assert_eq!(short.next().await, None);
    let mut shut_out = browser.events("/api/v1/events").await;
    app.app()
        .write_now(&Actor::System, move |tx, now| {
            let user = accounts::get_user(tx, ada)?;
            Ok::<_, accounts::Error>(tx.put(&accounts::User { disabled_at: Some(now), ..user })?)
        })
        .unwrap();
    assert_eq!(shut_out.next().await, None);
}

#[tokio::test]
async fn a_log_is_not_followed_by_whoever_may_not_see_the_repository_any_more() {
    let world = World::of(TestApp::with(|config| config.limits.look_again = SOON)).await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let id = text(&repo.see("").await["id"]).parse().unwrap();
    let user = world.app.user("ada", InstanceRole::Member);
    let app = world.app.app();
    app.write_now(&Actor::System, move |tx, _| accounts::grant(tx, id, user, RepoRole::Read)).unwrap();
    let ada = world.app.sign_in(user).await;
    let sha = repo.first.parse().unwrap();
    let set = app
        .write_now(&Actor::System, move |tx, now| {
            let set = plumbline::domain::checks::request(tx, id, sha, now)?;
            let planned = plumbline::domain::checks::plan::plan(None, &[], &Default::default());
            let set = plumbline::domain::checks::start(tx, &set, &planned, plumbline::domain::checks::Vouched::default(), now)?;
            plumbline::domain::checks::start_check(tx, &set, "hygiene", now)?;
            Ok::<_, plumbline::domain::checks::Error>(set)
        })
        .unwrap();
    let mut log = app.live.begin(set.attempt, set.checks[0].id).unwrap();
    log.line("one");
    let mut tail = ada.events(&repo.commit(&repo.first, "/checks/hygiene/log")).await;
    assert_eq!(tail.next().await.as_deref(), Some("data: one\ndata: "));
    app.write_now(&Actor::System, move |tx, _| tx.remove::<Membership>(&(id, user))).unwrap();
    assert_eq!(tail.next().await, None);
    log.line("two");
    drop(log);
    world.app.settle().await;
}

/// Asks for something on a connection that is kept, and reads the first bytes of what comes.
async fn ask(address: std::net::SocketAddr, path: &str) -> (TcpStream, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    let mut begin = vec![0; 1_000];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut begin)).await.expect("it is answered").unwrap_or(0);
    begin.truncate(read);
    (stream, begin)
}

#[tokio::test]
async fn a_newcomer_sends_one_away_and_no_more() {
    let app = TestApp::with(|config| config.limits.connections = 10);
    let client = app.anonymous();
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.push(TcpStream::connect(client.address).await.unwrap());
    }
    let (_newcomer, heard) = ask(client.address, "/livez").await;
    assert!(heard.starts_with(b"HTTP/1.1 200"));
    let mut alive = 0;
    for stream in &mut silent {
        // Whoever was sent away may hear of it at either.
        let sent = stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut [0; 10])).await.expect("it is answered or ended");
        alive += usize::from(sent.is_ok() && read.is_ok_and(|read| read > 0));
    }
    assert_eq!(alive, 9);
}

/// An appliance that serves only this, and what ends when it has.
async fn serving(app: &plumbline::app::App, router: axum::Router) -> (std::net::SocketAddr, tokio::task::JoinHandle<std::io::Result<()>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(plumbline::http::serve(app.clone(), router, listener)))
}

// hyper lets go of a body when its last part is in a buffer of its own, long before the client has it.
#[tokio::test]
async fn a_large_answer_is_sent_to_its_end_however_many_come_meanwhile() {
    const LARGE: usize = 64 << 20;
    let app = TestApp::with(|config| config.limits.connections = 2);
    let large = axum::routing::get(|| async { vec![b'x'; LARGE] });
    let router = axum::Router::new().route("/large", large).route("/small", axum::routing::get(|| async { "here" }));
    let (address, served) = serving(app.app(), router).await;
    let (mut slow, begin) = ask(address, "/large").await;
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(ask(address, "/small").await.1.starts_with(b"HTTP/1.1 200"), "whoever came meanwhile is heard");
    let head = begin.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    let mut left = LARGE - (begin.len() - head);
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let read = tokio::time::timeout(PATIENCE, slow.read(&mut buffer)).await.expect("the answer goes on");
        let read = read.unwrap_or_else(|error| panic!("{left} bytes are missing: {error}"));
        assert!(read > 0, "{left} bytes are missing");
        left -= read;
    }
    // It has its answer: it is the next to go.
    silent.push(TcpStream::connect(address).await.unwrap());
    let (_newcomer, heard) = ask(address, "/small").await;
    assert!(heard.starts_with(b"HTTP/1.1 200"));
    app.app().stop();
    drop((slow, silent));
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_end_waits_for_a_request_with_a_key_whose_client_is_gone() {
    let app = TestApp::start();
    let token = app.token(TokenKind::Service, &[Scope::Admin], None, &[], None);
    let (address, mut served) = serving(app.app(), plumbline::ui::router(app.app())).await;
    // That it was used is written down, and not again for a while.
    app.anonymous().bearer(&token).get("/api/v1/me").await.expect(200);
    // The store's one writer is kept waiting.
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (wait, handle) = (std::sync::Mutex::new(wait), app.app().clone());
    let (begun, writing) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        handle.write_now(&Actor::System, move |_, _| {
            let _ = begun.send(());
            let _ = wait.lock().unwrap().recv();
            Ok::<_, plumbline::engine::store::Error>(())
        })
    });
    writing.recv().unwrap();
    let body = r#"{"login": "ada"}"#;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("POST /api/v1/admin/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nidempotency-key: k\r\n");
    let head = format!("{head}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    let is_under_way = async {
        while app.app().under_way.ended().now_or_never().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, is_under_way).await.expect("it begins");
    drop(stream);
    app.app().stop();
    assert!(tokio::time::timeout(SOON, &mut served).await.is_err(), "the end does not wait");
    go_on.send(()).unwrap();
    tokio::time::timeout(PATIENCE, served).await.expect("it ends").unwrap().unwrap();
    writer.join().unwrap().unwrap();
    let kept = app.app().read_now(|tx, _| tx.find(&Scan::<Repeat>::all(), 10)).unwrap();
    assert!(kept.len() == 1 && kept[0].answer.is_some(), "{kept:?}");
}
