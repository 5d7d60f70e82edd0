//! Administration from the host: the trail, the work, the console; over the running server and over the store itself.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::base::event::Actor;
use plumbline::base::id::{Id, Ids, RepoId};
use plumbline::base::time::Clock;
use plumbline::base::work::{Lane, Work};
use plumbline::domain::accounts::{self, InstanceRole};
use plumbline::domain::audit;
use plumbline::engine::queue::{self, Verdict};
use plumbline::{http, ui};
use serde_json::Value;

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn plumbline(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(arguments).arg("--data").arg(data).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Whoever ends before it has read all is not waited for.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn open(data: &Path) -> App {
    App::open(Config::in_directory(data), Clock::System, Ids::system()).unwrap()
}

/// A data directory with somebody in it, and work that was given up.
fn begun() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let app = open(data.path());
    app.write_now(&Actor::Host, |tx, now| accounts::create_user(tx, "ada", InstanceRole::Admin, now)).unwrap();
    app.write_now(&Actor::System, |tx, now| -> queue::Result<()> {
        queue::push(tx, Work::SyncRepository { repo: RepoId::from_u128(1) }, now, now)?;
        let claim = queue::claim(tx, Lane::Git, "test", now)?.unwrap();
        queue::fail(tx, &claim, Verdict::GiveUp, "no luck\u{1b}[2J", now).map(drop)
    })
    .unwrap();
    data
}

/// Serves the socket of a data directory's owner while something is done.
fn served<T>(data: &Path, act: impl FnOnce() -> T) -> T {
    let app = open(data);
    let socket = std::os::unix::net::UnixListener::bind(data.join("admin.sock")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let handle = app.clone();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::UnixListener::from_std(socket).unwrap();
            http::host::serve(handle.clone(), ui::router(&handle), listener).await.unwrap();
        });
    });
    let done = act();
    app.stop();
    thread.join().unwrap();
    std::fs::remove_file(data.join("admin.sock")).unwrap();
    done
}

/// What each of several users of the door does, with and without a server.
fn both(data: &Path, act: impl Fn(&str)) {
    act("the store itself");
    served(data, || act("the running server"));
}

#[test]
fn the_trail_is_verified_and_exported_and_what_was_changed_is_found() {
    let data = begun();
    both(data.path(), |how| {
        let verified = plumbline(data.path(), &["audit", "verify"], "");
        assert!(verified.status.success() && out(&verified).contains("from 1 to 1, unbroken"), "{how}: {verified:?}");
        let head = out(&verified).trim().rsplit(' ').next().unwrap().to_owned();
        let again = plumbline(data.path(), &["audit", "verify", "--head", &head], "");
        assert!(again.status.success(), "{how}: {again:?}");
        let other = plumbline(data.path(), &["audit", "verify", "--head", &"0".repeat(64)], "");
        assert!(other.status.code() == Some(1) && err(&other).contains("no entry bears the hash"), "{how}: {other:?}");
        let exported = plumbline(data.path(), &["audit", "export"], "");
        let line = out(&exported);
        assert!(exported.status.success() && line.lines().count() == 1 && line.contains("\"user_created\""), "{how}: {exported:?}");
        let nothing = plumbline(data.path(), &["audit", "export", "--to", "2020-01-01"], "");
        assert!(nothing.status.success() && out(&nothing).is_empty(), "{how}: {nothing:?}");
        let wrong = plumbline(data.path(), &["audit", "export", "--from", "never"], "");
        assert!(wrong.status.code() == Some(2) && out(&wrong).is_empty(), "{how}: {wrong:?}");

        let file = data.path().join("export.jsonl");
        std::fs::write(&file, &line).unwrap();
        let of_file = plumbline(data.path(), &["audit", "verify", file.to_str().unwrap()], "");
        assert!(of_file.status.success(), "{how}: {of_file:?}");
        std::fs::write(&file, line.replace("ada", "eve")).unwrap();
        let of_file = plumbline(data.path(), &["audit", "verify", file.to_str().unwrap()], "");
        assert!(of_file.status.code() == Some(1) && err(&of_file).contains("entry 1 was changed"), "{how}: {of_file:?}");
        std::fs::remove_file(file).unwrap();
    });
    let app = open(data.path());
    let mut entry = app.read_now(|tx, _| audit::head(tx)).unwrap().unwrap();
    entry.action = audit::Action::SignedIn;
    app.write_now(&Actor::System, move |tx, _| tx.put(&entry)).unwrap();
    drop(app);
    let broken = plumbline(data.path(), &["audit", "verify"], "");
    assert!(broken.status.code() == Some(1) && err(&broken).contains("the trail is broken: entry 1 was changed"), "{broken:?}");
}

#[test]
fn work_that_was_given_up_is_listed_retried_and_discarded() {
    let data = begun();
    both(data.path(), |how| {
        let listed = plumbline(data.path(), &["work", "list"], "");
        let line = out(&listed);
        assert!(line.contains("sync_repository") && line.contains("no luck\\x1b[2J"), "{how}: {listed:?}");
        let listed: Value = serde_json::from_slice(&plumbline(data.path(), &["work", "list", "--json"], "").stdout).unwrap();
        assert_eq!(listed.as_array().unwrap().len(), 1, "{how}");
        let unknown = plumbline(data.path(), &["work", "retry", "wrk_00000000000000000000000000"], "");
        assert!(unknown.status.code() == Some(1) && err(&unknown).contains("no work wrk_"), "{how}: {unknown:?}");
        assert_eq!(plumbline(data.path(), &["work", "retry", "rubbish"], "").status.code(), Some(2), "{how}");
    });
    let id = out(&plumbline(data.path(), &["work", "list"], "")).split(' ').next().unwrap().to_owned();
    assert!(plumbline(data.path(), &["work", "retry", &id], "").status.success());
    let ready = out(&plumbline(data.path(), &["work", "list", "--state", "ready"], ""));
    let id = ready.split(' ').next().unwrap();
    assert!(plumbline(data.path(), &["work", "discard", id], "").status.success());
    assert_eq!(out(&plumbline(data.path(), &["work", "list", "--state", "ready"], "")), "");
}

#[test]
fn the_console_does_what_the_command_line_does_and_says_so_in_the_trail() {
    let data = begun();
    let script = "# a comment\n\nuser create --login grace\nuser create --login grace\ntoken create --kind service --name \"my ci\" --scope repo:read\n\
                  token revoke plb_svc_secret\nsettings set audit_kept_days 365\nwork list\nnonsense\nuser list\nquit\nuser list\n";
    let console = plumbline(data.path(), &["console"], script);
    let (said, complained) = (out(&console), err(&console));
    // One command failed, one is none: the others were carried out all the same.
    assert_eq!(console.status.code(), Some(1), "{console:?}");
    assert!(complained.contains("there is a user `grace` already") && complained.contains("`help` lists the commands"), "{complained}");
    assert_eq!(said.lines().filter(|line| line.contains("admin") || line.starts_with("grace  ")).count(), 2, "{said}");
    assert!(said.contains("plb_svc_") && said.contains("audit_kept_days      365"), "{said}");
    assert!(!said.contains("> "), "it does not prompt in a pipe: {said}");
    let trail = out(&plumbline(data.path(), &["audit", "export"], ""));
    let lines: Vec<Value> = trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            format!(
                "{} {} {}",
                line["actor"]["kind"].as_str().unwrap(),
                line["action"].as_str().unwrap(),
                line["subject"]["name"].as_str().unwrap_or("-")
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "host user_created ada",
            "host command_entered user create --login grace",
            "host user_created grace",
            "host command_entered user create --login grace",
            "host command_entered token create --kind service --name \"my ci\" --scope repo:read",
            "host token_created my ci",
            "host command_entered token revoke …",
            "host command_entered settings set audit_kept_days 365",
            "host settings_changed -",
            "host command_entered work list",
            "host command_entered user list",
        ]
    );
    assert!(plumbline(data.path(), &["audit", "verify"], "").status.success());
    served(data.path(), || {
        let console = plumbline(data.path(), &["console"], "users list\nhealth\nhelp\n");
        assert!(console.status.success() && out(&console).contains("grace") && out(&console).contains("sandbox"), "{console:?}");
        assert!(out(&console).contains("Leaves the console"), "{console:?}");
    });
}

#[test]
fn the_door_is_its_owners_and_leads_nowhere_where_there_is_nothing() {
    let nowhere = tempfile::tempdir().unwrap();
    for arguments in [["console"].as_slice(), &["audit", "verify"], &["work", "list"]] {
        let output = plumbline(nowhere.path(), arguments, "user list\n");
        assert!(output.status.code() == Some(1) && err(&output).contains("there is no appliance's data"), "{arguments:?}: {output:?}");
    }
    assert_eq!(std::fs::read_dir(nowhere.path()).unwrap().count(), 0);
}
