//! The appliance with a million issues, unless told another number: how soon it is ready, what it weighs at rest and with the search index open, how long a search
//! over HTTP takes, and how soon it is ready again after it was killed.
//!
//! `appliance [COUNT] [DIRECTORY]`: the data directory is filled through the verbs of the product, unless the directory given holds one
//! already; then the real binary is started over it. With `--test` or `PLUMBLINE_BENCH_SMOKE=1` it holds few issues and asserts nothing.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use plumbline::app::{App, runner};
use plumbline::base::event::Actor;
use plumbline::base::id::{Id, Ids, IssueId, RepoId};
use plumbline::base::name::{CommitSha, RepoSlug, TreePath};
use plumbline::base::text::thousands;
use plumbline::base::time::{Clock, Timestamp};
use plumbline::domain::accounts::{self, InstanceRole, NewToken, Plain, Scope, TokenKind};
use plumbline::domain::issues::finding::{Kind, Severity, Span};
use plumbline::domain::issues::settle::{self, Line, Step};
use plumbline::domain::issues::standing::{Occurrence, Standee};
use plumbline::domain::issues::track::Fingerprint;
use plumbline::domain::issues::{self, Issue, Sighting};
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use plumbline::engine::store::Scan;

mod support;

use support::{Dice, Table, median, ms};

const REPOS: u64 = 200;
const VERBS: &[&str] = &["unused", "missing", "duplicate", "undefined", "deprecated", "unreachable", "redundant", "insecure", "implicit"];
const NOUNS: &[&str] = &["variable", "import", "argument", "function", "parameter", "method", "return", "statement", "string", "loop"];
const OWNERS: &[&str] = &["user", "order", "cfg", "tmp", "http", "repo"];
const THINGS: &[&str] = &["id", "name", "list", "ctx"];
const QUERIES: &[&str] =
    &["unused", "unused+variable", "kind:security+severity:critical", "path:src/mod12/", "rule:rule-7+-import", "cfg", ""];
/// How many issues one verb tells: more than the product tells at once, since nobody else waits here.
const TOLD_AT_ONCE: u64 = 5_000;
const START: i64 = 1_700_000_000_000;

fn step(number: u64, dice: &mut Dice) -> Step {
    let name = format!("{}_{}{}", dice.pick(OWNERS), dice.pick(THINGS), dice.roll(200));
    let at = u128::from(number / 500 * 3_600_000) + START as u128;
    let fingerprint = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes();
    let occurrence = Occurrence {
        issue: IssueId::from_u128(at << 80 | u128::from(number) << 40 | dice.roll(1 << 32) as u128),
        fingerprint: Fingerprint::from_bytes(fingerprint),
        rule: format!("rule-{}", 1 + dice.roll(400)),
        kind: dice.pick(Kind::ALL),
        severity: dice.pick(Severity::ALL),
        message: format!("{} {} '{name}' in {} {}", dice.pick(VERBS), dice.pick(NOUNS), dice.pick(NOUNS), dice.pick(NOUNS)),
        span: Some(Span::line(1 + u32::try_from(dice.roll(3_000)).unwrap())),
        excerpt: Some(format!("{name} = {}({name}, {})", dice.pick(THINGS), dice.roll(1_000))),
        conceals: false,
        text: None,
        block: None,
        hint: None,
    };
    let path = TreePath::new(format!("src/mod{}/file_{}.py", dice.roll(501), dice.roll(3_001)));
    Step::Added {
        standee: Box::new(Standee { path, source: format!("tool{}", number % 12), occurrence }),
        is_new: number.is_multiple_of(10),
        on: Line::Default,
    }
}

/// Fills the data directory with so many issues, and the index with them.
fn fill(data: &Path, count: u64, token: &Plain) {
    let app = App::open(support::config(data), Clock::System, Ids::system()).unwrap();
    let secret = token.hashed();
    app.write_now(&Actor::System, move |tx, now| -> accounts::Result<()> {
        let user = accounts::create_user(tx, "measured", InstanceRole::Admin, now)?.id;
        let new = NewToken {
            kind: TokenKind::Personal,
            name: "bench".to_owned(),
            scopes: vec![Scope::RepoRead],
            user: Some(user),
            repos: Vec::new(),
            expires_at: None,
        };
        accounts::create_token(tx, new, secret, now).map(drop)
    })
    .unwrap();
    let repos: Vec<RepoId> = (0..REPOS)
        .map(|number| {
            let slug = RepoSlug::local(&format!("app{number}")).unwrap();
            let remote = format!("/nowhere/app{number}");
            let badge_key = BadgeKey::random();
            let new = NewRepository { slug, source: RepoSource::Local, remote, is_trusted: false, badge_key, owner: None };
            app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap().id
        })
        .collect();
    // The fetches fail, as there is nothing to fetch; what they leave is told on the repositories' pages.
    runner::settle(&app).unwrap();

    let began = Instant::now();
    for start in (0..count).step_by(TOLD_AT_ONCE as usize) {
        let repo = repos[(start / TOLD_AT_ONCE % REPOS) as usize];
        let seen = Sighting { sha: CommitSha::from_bytes([7; 20]), at: Timestamp::from_millis(START) };
        app.write_now(&Actor::System, move |tx, _| -> issues::Result<()> {
            let mut dice = Dice(start);
            let steps: Vec<Step> = (start..(start + TOLD_AT_ONCE).min(count)).map(|number| step(number, &mut dice)).collect();
            settle::apply(tx, repo, seen, Some("Ada Lovelace"), &steps)
        })
        .unwrap();
    }
    println!("{count} issues stored in {:.1?}", began.elapsed());
    let began = Instant::now();
    runner::settle(&app).unwrap();
    println!("and indexed in {:.1?}", began.elapsed());
}

/// How many issues the data directory holds, whoever filled it.
fn stored(data: &Path) -> u64 {
    let app = App::open(support::config(data), Clock::System, Ids::system()).unwrap();
    app.read_now(|tx, _| Ok::<_, issues::Error>(tx.count(&Scan::<Issue>::all(), usize::MAX)?)).unwrap() as u64
}

/// The binary, serving; killed when dropped.
struct Served {
    child: Child,
    address: String,
    ready_after: Duration,
}

impl Served {
    fn start(data: &Path) -> Served {
        let began = Instant::now();
        let (child, address) = support::serve(env!("CARGO_BIN_EXE_plumbline"), data, &[]);
        let mut served = Served { child, address, ready_after: Duration::ZERO };
        while served.get("/readyz", "").0 != 200 {
            assert!(began.elapsed() < Duration::from_secs(30), "it does not become ready");
        }
        served.ready_after = began.elapsed();
        served
    }

    fn get(&self, path: &str, token: &str) -> (u16, String) {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return (0, String::new()) };
        let authorization = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{authorization}Connection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        (status, answer)
    }

    fn search(&self, query: &str, token: &str) -> Duration {
        let began = Instant::now();
        let (status, answer) = self.get(&format!("/api/v1/search/issues?q={query}"), token);
        assert_eq!(status, 200, "{answer}");
        began.elapsed()
    }

    /// What it has in memory: all, anonymous, of files; in KiB.
    fn memory(&self) -> Memory {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        Memory { all: of("VmRSS"), anonymous: of("RssAnon"), files: of("RssFile"), threads: of("Threads") }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Memory {
    all: u64,
    anonymous: u64,
    files: u64,
    threads: u64,
}

impl std::fmt::Display for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1024.0);
        write!(f, "{} ({} anonymous, {} of files)", mib(self.all), mib(self.anonymous), mib(self.files))
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let default = if support::is_smoke() { 1_000 } else { 1_000_000 };
    let count: u64 = arguments.next().map_or(default, |count| count.parse().unwrap());
    let kept = arguments.next().map(PathBuf::from);
    let (rounds, rest) = if support::is_smoke() { (1, Duration::ZERO) } else { (7, Duration::from_secs(3)) };
    let dir = support::folder();
    let data = kept.unwrap_or_else(|| dir.path().join("data"));
    let secret = data.join("bench-token");
    if !secret.exists() {
        let token = Plain::token(TokenKind::Personal);
        fill(&data, count, &token);
        std::fs::write(&secret, token.expose()).unwrap();
    }
    let token = std::fs::read_to_string(&secret).unwrap();
    let issues = format!("{} issues", thousands(stored(&data)));

    let (mut ready, mut killed, mut idle, mut open, mut after) = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut first, mut searches) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let served = Served::start(&data);
        ready.push(served.ready_after);
        std::thread::sleep(rest);
        idle.push(served.memory());
        first.push(served.search("unused", &token));
        open.push(served.memory());
        searches.extend((0..5).flat_map(|_| QUERIES).map(|query| served.search(query, &token)));
        std::thread::sleep(rest);
        after.push(served.memory());
        served.kill();
        let served = Served::start(&data);
        killed.push(served.ready_after);
        served.kill();
    }
    println!("threads: {}", idle[0].threads);
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_plumbline")).unwrap().len();
    let bound = Duration::from_millis(300);
    let mut table = Table::new();
    let mut memory = |figure: &str, of: Vec<Memory>, most: u64| {
        let of = median(of);
        table.bound(figure, &of.to_string(), &format!("under {most} MB"), of.all * 1024 < most * 1_000_000);
    };
    memory(&format!("Memory at rest, {issues}, before the first search"), idle, 40);
    memory("Memory after the first search", open, 80);
    memory("Memory after 35 searches", after, 80);
    table.time(&format!("From start to `/readyz`, {issues}"), median(ready), bound);
    table.time("From a start after `kill -9` to `/readyz`", median(killed), bound);
    table.tell("The first search over HTTP, which opens the index", &ms(median(first)));
    table.tell(&format!("A search over HTTP, {issues}, median"), &ms(median(searches)));
    table.bound("Release binary, stripped", &format!("{:.1} MB", size as f64 / 1e6), "under 40 MB", size < 40_000_000);
    table.finish();
}
