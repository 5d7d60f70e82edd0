//! Deliveries at the door of the real binary: how long one takes until it is kept, beside how long a bare commit takes on the same disk in
//! the same run; and what ten thousand of them at once cost in memory, until the last is interpreted.
//!
//! With `--test` or `PLUMBLINE_BENCH_SMOKE=1` few are sent, and nothing is asserted about time.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use plumbline::app::App;
use plumbline::base::event::{Actor, Upkeep};
use plumbline::base::id::Ids;
use plumbline::base::time::Clock;
use plumbline::domain::accounts::{self, NewToken, Plain, Scope, TokenKind};
use plumbline::domain::admin::Recurrence;
use plumbline::domain::github::signature;
use plumbline::domain::hooks::{self, Source};

mod support;

use support::{Dice, Table, is_smoke, median, ms};

const SECRET: &str = "marigold";
/// How many are sent a second.
const PACE: u32 = 200;
/// How many connections send them.
const SENDERS: u32 = 8;

/// The real binary, serving.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(data: &Path, secret: &Path) -> Served {
        let env = [("PLUMBLINE_GITHUB_WEBHOOK_SECRET_FILE", secret.display().to_string())];
        let (child, address) = support::serve(env!("CARGO_BIN_EXE_plumbline"), data, &env);
        Served { child, address }
    }

    /// What it holds in memory, in bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    fn get(&self, path: &str, token: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n", self.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A push as GitHub sends it, of about eight thousand bytes.
fn payload(n: u32) -> String {
    let commit = "{\"id\": \"6dcb09b5b57875f334f61aebed695e2e4193db5e\", \"message\": \"Fix all the bugs\", \"added\": [\"file1.txt\"]}";
    let commits = vec![commit; 70].join(",");
    format!(
        "{{\"ref\": \"refs/heads/b{n}\", \"before\": \"0\", \"after\": \"1\", \"repository\": {{\"id\": {n}, \"full_name\": \"acme/r{n}\", \
         \"updated_at\": \"2026-01-31T12:00:00Z\", \"pushed_at\": 1769860800}}, \"commits\": [{commits}]}}"
    )
}

/// Sends a delivery on a connection that is kept; says whether it is kept.
fn send(stream: &mut TcpStream, address: &str, guid: &str, body: &str) -> bool {
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nx-github-event: push\r\nx-github-delivery: {guid}\r\n\
         {}: {}\r\ncontent-length: {}\r\n\r\n{body}",
        signature::HEADER,
        signature::sign(body.as_bytes(), SECRET),
        body.len()
    );
    if stream.write_all(head.as_bytes()).is_err() {
        return false;
    }
    // The answer's body is short, and comes with its head or right after it.
    let (mut read, mut answer) = ([0; 4_096], Vec::new());
    while !answer.ends_with(b"}") {
        match stream.read(&mut read) {
            Ok(0) | Err(_) => return false,
            Ok(n) => answer.extend_from_slice(&read[..n]),
        }
    }
    answer.starts_with(b"HTTP/1.1 202")
}

/// Does something at the pace for a while, from each of some threads; answers how long each took and what was done.
fn paced(count: u32, pace: Option<u32>, act: impl Fn(u32, &mut Option<TcpStream>) -> bool + Sync) -> Vec<(Duration, u32)> {
    let began = Instant::now();
    let mut times = std::thread::scope(|scope| {
        let act = &act;
        let senders = (0..SENDERS).map(|sender| {
            scope.spawn(move || {
                let (mut stream, mut times) = (None, Vec::new());
                for n in (sender..count).step_by(SENDERS as usize) {
                    if let Some(pace) = pace {
                        let due = began + Duration::from_secs(1) * n / pace;
                        std::thread::sleep(due.saturating_duration_since(Instant::now()));
                    }
                    let at = Instant::now();
                    if !act(n, &mut stream) {
                        break;
                    }
                    times.push((at.elapsed(), n));
                }
                times
            })
        });
        let senders: Vec<_> = senders.collect();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
    });
    times.sort_unstable();
    times
}

fn p99(times: &[(Duration, u32)]) -> Duration {
    times[(times.len() * 99).div_ceil(100) - 1].0
}

fn main() {
    let dir = support::folder();
    let (data, secret) = (dir.path().join("data"), dir.path().join("secret"));
    std::fs::write(&secret, SECRET).unwrap();
    let mut table = Table::new();
    let count = if is_smoke() { PACE } else { PACE * 60 };

    let bare = App::open(support::config(&dir.path().join("bare")), Clock::System, Ids::system()).unwrap();
    let commits = paced(count / 2, Some(PACE), |_, _| {
        bare.write_now(&Actor::System, |tx, now| tx.put(&Recurrence { upkeep: Upkeep::Poll, due_at: now })).is_ok()
    });
    drop(bare);

    let token = {
        let app = App::open(support::config(&data), Clock::System, Ids::system()).unwrap();
        let plain = Plain::token(TokenKind::Service);
        let hashed = plain.hashed();
        let new = NewToken {
            kind: TokenKind::Service,
            name: "bench".to_owned(),
            scopes: vec![Scope::Admin],
            user: None,
            repos: Vec::new(),
            expires_at: None,
        };
        app.write_now(&Actor::System, move |tx, now| accounts::create_token(tx, new.clone(), hashed, now)).unwrap();
        plain.expose().to_owned()
    };
    let served = Served::start(&data, &secret);
    let idle = served.memory();
    let deliver = |batch: &'static str| {
        let address = &served.address;
        move |n: u32, stream: &mut Option<TcpStream>| {
            let stream = stream.get_or_insert_with(|| TcpStream::connect(address).unwrap());
            stream.set_nodelay(true).unwrap();
            send(stream, address, &format!("{batch}-{n}"), &payload(n))
        }
    };
    // What is done once is done.
    paced(SENDERS * 4, None, deliver("warm"));
    let kept = paced(count, Some(PACE), deliver("paced"));
    assert_eq!(kept.len(), count as usize, "every delivery is answered");
    table.tell("bare commit, median", &ms(median(commits.iter().map(|(time, _)| *time).collect())));
    table.tell("bare commit, 99th of 100", &ms(p99(&commits)));
    table.tell("delivery kept, median", &ms(median(kept.iter().map(|(time, _)| *time).collect())));
    let ratio = p99(&kept).as_secs_f64() / p99(&commits).as_secs_f64();
    let figure = format!("delivery kept at {PACE} a second, 99th of 100");
    table.bound(&figure, &format!("{}, {ratio:.2} times the commit's", ms(p99(&kept))), "at most 3 times", ratio <= 3.0);

    // A burst: as fast as they go, and then until the last of them is interpreted.
    let burst = if is_smoke() { 500 } else { 10_000 };
    let (began, is_sent) = (Instant::now(), AtomicBool::new(false));
    let (sent, mut most) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut most = idle;
            while !is_sent.load(Ordering::Relaxed) {
                most = most.max(served.memory());
                std::thread::sleep(Duration::from_millis(10));
            }
            most
        });
        let sent = paced(burst, None, deliver("burst"));
        is_sent.store(true, Ordering::Relaxed);
        (sent, watching.join().unwrap())
    });
    assert_eq!(sent.len(), burst as usize, "every delivery of the burst is answered");
    let taken = began.elapsed();
    loop {
        most = most.max(served.memory());
        let waiting = served.get("/api/v1/admin/deliveries?state=received&limit=1", &token);
        assert!(waiting.starts_with("HTTP/1.1 200"), "{waiting}");
        if waiting.contains("\"items\":[]") {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "the burst does not drain");
        std::thread::sleep(Duration::from_millis(50));
    }
    table.tell(&format!("{burst} deliveries at once: all kept after"), &ms(taken));
    table.tell("the last of them interpreted after", &ms(began.elapsed()));
    let grown = most.saturating_sub(idle) >> 20;
    table.bound("memory meanwhile, over that before the first delivery", &format!("{grown} MiB"), "at most 100 MiB", grown <= 100);

    // Killed at random while they come at that pace: what was answered is there, each time.
    served.kill();
    let (kills, mut dice, mut answered, mut lost) = (if is_smoke() { 1 } else { 5 }, Dice(7), 0, 0);
    for kill in 0..kills {
        let served = Served::start(&data, &secret);
        let after = Duration::from_millis(200 + dice.roll(1_800) as u64);
        let name = |n: u32| format!("killed-{kill}-{n}");
        let kept = std::thread::scope(|scope| {
            let address = &served.address;
            let sending = scope.spawn(move || {
                paced(PACE * 3, Some(PACE), |n, stream| {
                    let Some(stream) = stream.take().or_else(|| TcpStream::connect(address).ok()).map(|new| stream.insert(new)) else {
                        return false;
                    };
                    stream.set_nodelay(true).is_ok() && send(stream, address, &name(n), &payload(n))
                })
            });
            std::thread::sleep(after);
            rustix::process::kill_process(rustix::process::Pid::from_child(&served.child), rustix::process::Signal::KILL).unwrap();
            sending.join().unwrap()
        });
        served.kill();
        let app = App::open(support::config(&data), Clock::System, Ids::system()).unwrap();
        let is_lost = |n: u32| app.read_now(|tx, _| hooks::find(tx, Source::Github, &name(n))).unwrap().is_none();
        answered += kept.len();
        lost += kept.iter().filter(|(_, n)| is_lost(*n)).count();
    }
    table.bound(&format!("of {answered} answered before {kills} kills at random, lost"), &lost.to_string(), "none", lost == 0);
    table.finish();
}
