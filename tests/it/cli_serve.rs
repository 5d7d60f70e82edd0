//! `plumbline serve` as a process: what its flags allow, and that it ends soon, whenever it is told to.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::base::id::Ids;
use plumbline::base::time::Clock;
use plumbline::base::work::Work;
use plumbline::engine::queue::{WorkItem, WorkState};
use plumbline::engine::store::Scan;
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
    // Whoever started it can sign in before the remote has said anything.
    let (child, _) = serving(data.path(), Some(&format!("http://{address}/repo.git")), &address, "sign in as admin");
    // It has connected, has asked, and waits.
    let (mut asked, _) = host.accept().unwrap();
    std::io::Read::read_exact(&mut asked, &mut [0; 3]).unwrap();
    assert_eq!(ends(child, rustix::process::Signal::TERM), Some(0));

    // The fetch waits for the next start, and none of its attempts is used up.
    let app = App::open(Config::in_directory(data.path()), Clock::System, Ids::system()).unwrap();
    let fetches: Vec<WorkItem> = app.read_now(|tx, _| tx.find(&Scan::all(), 10)).unwrap();
    let fetches: Vec<_> = fetches.iter().filter(|item| matches!(item.work, Work::SyncRepository { .. })).collect();
    assert_eq!(fetches.iter().map(|item| (item.state, item.attempts, item.leases)).collect::<Vec<_>>(), [(WorkState::Ready, 0, 1)]);
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
    let (child, said) = serving(&data, Some(repo.path().to_str().unwrap()), "", "/commits/");
    let after = |text: &str| said.iter().find_map(|line| line.split_once(text)).unwrap().1.to_owned();
    let address = after("listening on http://");
    let spent = Client::new(address.parse().unwrap()).own("POST", &format!("/link/{}", after("/link/"))).await.expect(303);
    let admin = Client::new(address.parse().unwrap()).with("cookie", spent.header("set-cookie").unwrap().split(';').next().unwrap());

    let add = async |path: &Path, name: &str| admin.post("/api/v1/repos", json!({"path": path, "name": name})).await;
    let not_beneath = "is not beneath a folder of `repos.local_roots`";
    add(&inside, "inside").await.expect(201);
    assert!(add(outside.path(), "outside").await.refused("source_refused").contains(not_beneath));
    assert!(add(&repo.path().join("vendor/out"), "link").await.refused("source_refused").contains(not_beneath), "a link is seen through");
    // Above the repository that was named lies the data directory as well as everything else.
    for own in [data.clone(), data.join("repos"), repo.path().join("vendor/../..")] {
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

/// What a start over this data directory says on stderr before it ends, and its exit code.
#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn refusal(data: &Path) -> (String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).env("RUST_BACKTRACE", "1");
    let ended = command.stdin(Stdio::null()).output().unwrap();
    (String::from_utf8(ended.stderr).unwrap(), ended.status.code())
}

#[test]
fn a_store_that_cannot_be_used_is_named_once_with_what_to_do() {
    let data = tempfile::tempdir().unwrap();
    drop(App::open(Config::in_directory(data.path()), Clock::System, Ids::system()).unwrap());
    let store = data.path().join("store.redb");
    let whole = std::fs::read(&store).unwrap();
    let mut turned = whole.clone();
    // Beyond the header, so that what is read first makes no sense.
    turned[4_096..].iter_mut().for_each(|byte| *byte ^= 0x5a);
    for bytes in [&turned, &whole[..whole.len() / 3].to_vec(), &vec![7; 5_000]] {
        std::fs::write(&store, bytes).unwrap();
        let (said, code) = refusal(data.path());
        assert_eq!(code, Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.starts_with(&format!("plumbline: cannot open the store: `{}` is damaged", store.display())), "{said}");
        assert!(said.ends_with("put a backup of the file in its place\n"), "{said}");
    }
}

/// A first start would greet with an empty appliance, and the first sweep would remove what was left of the old one.
#[test]
fn an_empty_store_beside_old_data_is_refused_and_one_beside_none_is_begun() {
    let data = tempfile::tempdir().unwrap();
    let open = || App::open(Config::in_directory(data.path()), Clock::System, Ids::system());
    let blob = open().unwrap().blobs.put(b"a log").unwrap().to_string();
    let store = data.path().join("store.redb");
    for make_lost in [|store: &Path| std::fs::write(store, ""), |store: &Path| std::fs::remove_file(store)] {
        make_lost(&store).unwrap();
        let (said, code) = refusal(data.path());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("store.redb` is missing or empty, but `") && said.contains("put a backup"), "{said}");
    }
    std::fs::remove_file(data.path().join("blobs").join(&blob[..2]).join(&blob)).unwrap();
    std::fs::write(&store, "").unwrap();
    open().unwrap();
}

/// Root's files in a data directory of another would lock its owner out.
#[test]
#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn root_works_on_the_data_of_another_as_that_user() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can become another user");
        return;
    }
    let owner = 64_998;
    let data = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(data.path(), Some(owner), Some(owner)).unwrap();
    let (child, _) = serving(data.path(), None, "", "sign in as admin");
    assert_eq!(ends(child, rustix::process::Signal::TERM), Some(0));
    let listed = Command::new(env!("CARGO_BIN_EXE_plumbline")).args(["user", "list", "--data"]).arg(data.path()).output().unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let mut folders = vec![data.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let meta = std::os::unix::fs::MetadataExt::uid(&entry.metadata().unwrap());
            assert_eq!(meta, owner, "{}", entry.path().display());
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
        }
    }
}

#[test]
fn what_is_in_memory_is_dumped_nowhere_and_shown_to_nobody() {
    let data = tempfile::tempdir().unwrap();
    let (child, _) = serving(data.path(), None, "", "sign in as admin");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["1", "1"], "{core}");
    // What may be looked into belongs to whoever runs it; what may not, to root.
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{}/environ", child.id())).unwrap());
    assert_eq!(owner, 0);
    assert_eq!(ends(child, rustix::process::Signal::TERM), Some(0));
}
