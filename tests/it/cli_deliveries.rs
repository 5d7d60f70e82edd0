//! Deliveries to a process that is killed: what was answered is there afterwards, and is interpreted once it runs again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use plumbline::app::config::Config;
use plumbline::app::{App, runner};
use plumbline::base::id::Ids;
use plumbline::base::page::Limit;
use plumbline::base::time::Clock;
use plumbline::domain::github::signature;
use plumbline::domain::hooks::{self, DeliveryState, Source};
use plumbline::engine::queue::{self, WorkState};

use crate::support::Random;

const SECRET: &str = "marigold";
/// How many send at once.
const SENDERS: usize = 4;

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn serve(data: &Path, secret: &Path) -> (Child, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(["serve", "--listen", ":0", "--data"]).arg(data).env("PLUMBLINE_GITHUB_WEBHOOK_SECRET_FILE", secret);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let address = lines.find_map(|line| line.split_once("listening on http://").map(|(_, address)| address.to_owned())).unwrap();
    (child, address)
}

/// Sends a delivery; says whether it was answered that it is kept.
fn send(address: &str, guid: &str) -> bool {
    let body = format!("{{\"zen\": \"{}\"}}", "Half measures are as bad as nothing at all. ".repeat(40));
    let head = format!(
        "POST /hooks/github HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\nx-github-event: ping\r\n\
         x-github-delivery: {guid}\r\n{}: {}\r\ncontent-length: {}\r\n\r\n",
        signature::HEADER,
        signature::sign(body.as_bytes(), SECRET),
        body.len()
    );
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(format!("{head}{body}").as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    asked.is_ok() && answer.starts_with("HTTP/1.1 202")
}

#[test]
fn what_was_answered_survives_a_kill_at_any_moment() {
    let mut random = Random::new(5);
    let dir = tempfile::tempdir().unwrap();
    let (data, secret) = (dir.path().join("data"), dir.path().join("secret"));
    std::fs::write(&secret, SECRET).unwrap();
    let mut kept: Vec<String> = Vec::new();
    for round in 0..4 {
        let (mut child, address) = serve(&data, &secret);
        let (answered, last) = (AtomicUsize::new(0), 10 + usize::try_from(random.below(150)).unwrap());
        let taken = std::thread::scope(|scope| {
            let send_until_killed = |sender: usize| {
                let names = (0..).map(move |n| format!("{round}-{sender}-{n}"));
                let is_taken = |guid: &String| {
                    let is_taken = send(&address, guid);
                    answered.fetch_add(usize::from(is_taken), Ordering::SeqCst);
                    is_taken
                };
                names.take_while(is_taken).collect::<Vec<_>>()
            };
            let senders: Vec<_> = (0..SENDERS).map(|sender| scope.spawn(move || send_until_killed(sender))).collect();
            while answered.load(Ordering::SeqCst) < last {
                std::thread::yield_now();
            }
            child.kill().unwrap();
            child.wait().unwrap();
            senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(taken.len() >= last);
        kept.extend(taken);
    }
    let app = App::open(Config::in_directory(&data), Clock::System, Ids::system()).unwrap();
    runner::settle(&app).unwrap();
    for guid in &kept {
        let found = app.read_now(|tx, _| hooks::find(tx, Source::Github, guid)).unwrap();
        let found = found.unwrap_or_else(|| panic!("{guid} of {} was answered and is lost", kept.len()));
        assert_eq!((found.state, found.tries), (DeliveryState::Processed, 1), "{found:?}");
    }
    let waiting = app.read_now(|tx, _| queue::list(tx, WorkState::Ready, None, Limit::MAX)).unwrap().items;
    assert!(waiting.is_empty(), "{waiting:?}");
}
