//! From a push on GitHub to what is said there of it, by the real binary and over HTTP: how soon the commit is `pending`, and how much of
//! the way to its verdict is ours. The other side is a GitHub of a few answers in this process, with git's own host program beside it.
//!
//! The mirror is warm: the repository of two thousand files was fetched and checked before, and each push changes one of them. Ours is
//! all but the time in which a check ran. With `--test` or `PLUMBLINE_BENCH_SMOKE=1` there are few pushes and few files, and nothing is
//! asserted about time.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode};
use plumbline::app::App;
use plumbline::base::event::Actor;
use plumbline::base::id::Ids;
use plumbline::base::time::{Clock, Timestamp};
use plumbline::domain::accounts::{self, NewToken, Plain, Scope, TokenKind};
use plumbline::domain::github::signature;
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use serde_json::{Value, json};

#[path = "../it/support/github/git.rs"]
#[expect(dead_code, reason = "the tests ask more of it")]
mod git;
mod support;

use support::{Repo, Table, is_smoke, median, ms};

const SECRET: &str = "marigold";
const KEY: &str = include_str!("../fixtures/github/app.pem");
const REPO: u64 = 1_000;
const INSTALLATION: u64 = 42;
/// How long a status may take until something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A status as it came, and when.
struct Said {
    sha: String,
    state: String,
    at: Instant,
}

/// A GitHub that knows one repository, and tells of each status that it is sent.
#[derive(Clone)]
struct Fake {
    repo: PathBuf,
    said: Sender<Said>,
}

impl Fake {
    fn start(repo: &Path) -> (SocketAddr, Receiver<Said>) {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (said, heard) = channel();
        let router = Router::new().fallback(answer).with_state(Fake { repo: repo.to_owned(), said });
        // It ends with the process.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(tokio::net::TcpListener::from_std(listener).unwrap(), router).await.unwrap() });
        });
        (address, heard)
    }
}

async fn answer(State(fake): State<Fake>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let at = Instant::now();
    let body = axum::body::to_bytes(body, 32 << 20).await.unwrap();
    let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or("").to_owned());
    if let Some(rest) = path.strip_prefix("/acme/app.git/") {
        let (repo, rest, method) = (fake.repo.clone(), rest.to_owned(), parts.method.to_string());
        return tokio::task::spawn_blocking(move || git::serve(&repo, &method, &rest, &query, &parts.headers, &body)).await.unwrap();
    }
    let value = if path.ends_with("/access_tokens") {
        json!({"token": "ghs_0", "expires_at": Clock::System.now() + Duration::from_secs(3_600)})
    } else if path.ends_with(&format!("/repositories/{REPO}")) {
        json!({"id": REPO, "full_name": "acme/app", "private": true})
    } else if let Some((_, sha)) = path.split_once("/statuses/") {
        let status: Value = serde_json::from_slice(&body).unwrap();
        let said = Said { sha: sha.to_owned(), state: status["state"].as_str().unwrap().to_owned(), at };
        // Nobody listens once all is measured.
        let _ = fake.said.send(said);
        json!({"id": 1})
    } else if parts.method == "GET" && path.ends_with("/check-runs") {
        json!({"total_count": 0, "check_runs": []})
    } else if path.ends_with("/check-runs") {
        json!({"id": 1, "external_id": null, "output": {"annotations_count": 0}})
    } else {
        json!([])
    };
    let status = if parts.method == "GET" { StatusCode::OK } else { StatusCode::CREATED };
    git::plain(status, value.to_string())
}

/// The real binary, serving; killed when dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(data: &Path, env: &[(&str, String)]) -> Served {
        let (child, address) = support::serve(env!("CARGO_BIN_EXE_plumbline"), data, env);
        Served { child, address }
    }

    fn ask(&self, head: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(stream, "{head}host: {}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Delivers a push, and waits until it is kept.
    fn deliver(&self, n: usize, after: &str) {
        let body = json!({
            "ref": "refs/heads/main", "before": "0".repeat(40), "after": after, "commits": [],
            "repository": {"id": REPO, "name": "app", "full_name": "acme/app", "private": true, "owner": {"login": "acme", "id": 11}},
            "installation": {"id": INSTALLATION},
        });
        let body = body.to_string();
        let head = format!(
            "POST /hooks/github HTTP/1.1\r\ncontent-type: application/json\r\nx-github-event: push\r\nx-github-delivery: push-{n}\r\n{}: {}\r\n",
            signature::HEADER,
            signature::sign(body.as_bytes(), SECRET)
        );
        let answer = self.ask(&head, &body);
        assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    }

    /// For how long any check of a commit ran.
    fn checked(&self, sha: &str, token: &str) -> Duration {
        let head = format!("GET /api/v1/repos/acme/app/commits/{sha}/checks HTTP/1.1\r\nauthorization: Bearer {token}\r\n");
        let answer = self.ask(&head, "");
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let set: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        let at = |check: &Value, name: &str| check[name].as_str().unwrap().parse::<Timestamp>().unwrap();
        let mut spans: Vec<(Timestamp, Timestamp)> =
            set["checks"].as_array().unwrap().iter().map(|check| (at(check, "started_at"), at(check, "finished_at"))).collect();
        spans.sort_unstable();
        let (mut ran, mut until) = (Duration::ZERO, Timestamp::EPOCH);
        for (began, ended) in spans {
            ran += ended.since(began.max(until));
            until = until.max(ended);
        }
        ran
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until something is said of a commit.
fn said_of(heard: &Receiver<Said>, sha: &str) -> Said {
    loop {
        let said = heard.recv_timeout(PATIENCE).expect("GitHub is told in time");
        if said.sha == sha {
            return said;
        }
    }
}

/// Waits for the verdict of a commit, of which this was said first; answers when it came.
fn verdict(heard: &Receiver<Said>, first: Said) -> Instant {
    let mut said = first;
    while said.state == "pending" {
        said = said_of(heard, &said.sha);
    }
    said.at
}

fn head(repo: &Repo) -> String {
    std::fs::read_to_string(repo.git.join("refs/heads/main")).unwrap().trim().to_owned()
}

/// An appliance that knows the repository, and a token that may look at it.
fn fill(data: &Path, url: &str) -> String {
    let app = App::open(support::config(data), Clock::System, Ids::system()).unwrap();
    let new = NewRepository {
        slug: "acme/app".parse().unwrap(),
        source: RepoSource::GitHub { id: REPO, installation: INSTALLATION },
        remote: format!("{url}/acme/app"),
        is_trusted: false,
        badge_key: BadgeKey::random(),
        owner: None,
    };
    app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap();
    let plain = Plain::token(TokenKind::Service);
    let hashed = plain.hashed();
    let scopes = vec![Scope::RepoRead, Scope::Admin];
    let new = NewToken { kind: TokenKind::Service, name: "bench".to_owned(), scopes, user: None, repos: Vec::new(), expires_at: None };
    app.write_now(&Actor::System, move |tx, now| accounts::create_token(tx, new.clone(), hashed, now)).unwrap();
    plain.expose().to_owned()
}

fn main() {
    let (files, pushes) = if is_smoke() { (50, 3) } else { (2_000, 40) };
    let dir = support::folder();
    let mut repo = Repo::new(dir.path().join("app.git"));
    let mut tree: BTreeMap<String, String> =
        (0..files).map(|n| (format!("src/part{}/file{n}.py", n % 40), format!("def f{n}(x):\n    return x + {n}\n"))).collect();
    tree.insert(".plumbline.yaml".to_owned(), "version: 1\nissues: {fail_on: new}\n".to_owned());
    repo.commit(&tree);

    let (address, heard) = Fake::start(&repo.git);
    let url = format!("http://{address}");
    let data = dir.path().join("data");
    let token = fill(&data, &url);
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).display().to_string()
    };
    let env = [
        ("PLUMBLINE_GITHUB_URL", url),
        ("PLUMBLINE_GITHUB_APP_ID", "7".to_owned()),
        ("PLUMBLINE_GITHUB_APP_PRIVATE_KEY_FILE", file("app.pem", KEY)),
        ("PLUMBLINE_GITHUB_WEBHOOK_SECRET_FILE", file("webhook", SECRET)),
    ];
    let served = Served::start(&data, &env);
    verdict(&heard, said_of(&heard, &head(&repo)));

    let (mut pending, mut whole, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..pushes {
        tree.insert("src/part0/file0.py".to_owned(), format!("def f0(x):\n    return x - {n}\n"));
        repo.commit(&tree);
        let sha = head(&repo);
        let began = Instant::now();
        served.deliver(n, &sha);
        let first = said_of(&heard, &sha);
        // Where a check is quicker than a status, the verdict is the first that is said.
        pending.push(first.at - began);
        let all = verdict(&heard, first) - began;
        whole.push(all);
        ours.push(all.saturating_sub(served.checked(&sha, &token)));
    }
    let p95 = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[(times.len() * 95).div_ceil(100) - 1]
    };
    let mut table = Table::new();
    let of = format!("{pushes} pushes, {files} files");
    table.tell(&format!("from a push to `pending`, median of {of}"), &ms(median(pending.clone())));
    table.time("from a push to `pending`, 95th of 100", p95(pending), Duration::from_millis(300));
    table.tell("from a push to its verdict, median", &ms(median(whole)));
    table.tell("of which ours, median", &ms(median(ours.clone())));
    table.time("of which ours, 95th of 100", p95(ours), Duration::from_millis(500));
    table.finish();
}
