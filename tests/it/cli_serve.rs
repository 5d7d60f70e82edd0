//! `plumbline serve` as a process: what its flags allow, and that it ends soon, whenever it is told to.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::json;

use crate::support::client::Client;
use crate::support::repo::TestRepo;

/// Longer than a stop may take, with what it waits for.
const SOON: Duration = Duration::from_secs(30);

/// A server that has said a line with `until` in it, and all it said.
#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn serving(data: &Path, repo: Option<&str>, allowed: &str, until: &str) -> (Child, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(["serve", "--listen", ":0", "--data"]).arg(data).env("PLUMBLINE_OUTBOUND_ALLOW_HOSTS", allowed);
    command.args(repo.iter().flat_map(|repo| ["--repo", *repo]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut said = Vec::new();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let is_there = lines.inspect(|line| said.push(line.clone())).any(|line| line.contains(until));
    assert!(is_there, "it ended without `{until}`: {said:?}");
    (child, said)
}

/// Sends a signal, and answers the exit code if it ends soon.
fn ends(mut child: Child, signal: rustix::process::Signal) -> Option<i32> {
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, signal).unwrap();
    let (done, ended) = mpsc::channel();
    let waits = std::thread::spawn(move || done.send(child.wait().unwrap().code()));
    let code = ended.recv_timeout(SOON).ok().flatten();
    if code.is_none() {
        let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
    }
    waits.join().unwrap().unwrap();
    code
}

/// Two places once heard the signal, and which of them acted on it was a matter of luck: half of all stops never ended.
#[test]
fn a_signal_ends_it_every_time() {
    for n in 0..8 {
        let data = tempfile::tempdir().unwrap();
        let signal = if n % 2 == 0 { rustix::process::Signal::TERM } else { rustix::process::Signal::INT };
        let (child, _) = serving(data.path(), None, "", "sign in as admin");
        assert_eq!(ends(child, signal), Some(0), "start {n}");
    }
}

#[test]
fn a_remote_that_never_answers_does_not_keep_it_alive() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = host.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let (child, _) = serving(data.path(), Some(&format!("http://{address}/repo.git")), &address, "listening on");
    // It has connected, has asked, and waits.
    let (mut asked, _) = host.accept().unwrap();
    std::io::Read::read_exact(&mut asked, &mut [0; 3]).unwrap();
    assert_eq!(ends(child, rustix::process::Signal::TERM), Some(0));
}

#[tokio::test]
async fn repositories_are_added_beneath_what_repo_names_and_nowhere_else() {
    let repo = TestRepo::new();
    repo.commit([("a.rb", "puts 1\n")]);
    let (data, outside) = (repo.path().join("data"), TestRepo::new());
    outside.commit([("b.rb", "puts 2\n")]);
    let inside = repo.path().join("vendor/inside");
    std::fs::create_dir_all(&inside).unwrap();
    std::os::unix::fs::symlink(outside.path(), repo.path().join("vendor/out")).unwrap();
    let (child, said) = serving(&data, Some(repo.path().to_str().unwrap()), "", "sign in as admin");
    let after = |text: &str| said.iter().find_map(|line| line.split_once(text)).unwrap().1.to_owned();
    let address = after("listening on http://");
    let spent = Client::new(address.parse().unwrap()).own("POST", &format!("/link/{}", after("/link/"))).await.expect(303);
    let admin = Client::new(address.parse().unwrap()).with("cookie", spent.header("set-cookie").unwrap().split(';').next().unwrap());

    let add = async |path: &Path, name: &str| admin.post("/api/v1/repos", json!({"path": path, "name": name})).await;
    let not_beneath = "is not beneath a folder of `repos.local_roots`";
    add(&inside, "inside").await.expect(201);
    assert!(add(outside.path(), "outside").await.refused("source_refused").contains(not_beneath));
    assert!(add(&repo.path().join("vendor/out"), "link").await.refused("source_refused").contains(not_beneath), "a link is seen through");
    assert!(add(&repo.path().join("vendor/../.."), "up").await.refused("source_refused").contains(not_beneath));
    for own in [data.clone(), data.join("repos")] {
        assert!(add(&own, "own").await.refused("source_refused").contains("the appliance's own data"));
    }
    assert_eq!(ends(child, rustix::process::Signal::TERM), Some(0));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn repo_does_not_name_the_appliances_own_data() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("repos")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(["serve", "--listen", ":0", "--data"]).arg(data.path()).arg("--repo").arg(data.path().join("repos"));
    let ended = command.output().unwrap();
    assert_eq!(ended.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&ended.stderr).contains("is in the appliance's own data"), "{ended:?}");
}
