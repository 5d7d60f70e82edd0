//! `plumbline user` as a process: accounts with passwords that stand in no list of processes, and access taken away and given back.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::base::id::Ids;
use plumbline::base::time::Clock;
use plumbline::domain::accounts;

const PASSWORD: &str = "seven grey herons wade";

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn user(data: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.arg("user").args(arguments).arg("--data").arg(data);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // One that reads nothing may be gone.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn an_account_is_made_with_a_password_from_the_standard_input_and_its_access_is_taken_away_and_given_back() {
    let data = tempfile::tempdir().unwrap();
    let open = || App::open(Config::in_directory(data.path()), Clock::System, Ids::system()).unwrap();
    drop(open());
    for (input, code, why) in
        [("short\n", 2, "at least 12 characters"), ("password1234\n", 2, "first that are tried"), ("\n", 2, "no password")]
    {
        let refused = user(data.path(), &["create", "--login", "ada", "--password-stdin"], input);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(why) && !stderr.contains("password1234"), "{stderr}");
    }
    let made = user(data.path(), &["create", "--login", "ada", "--admin", "--password-stdin"], &format!("{PASSWORD}\r\nmore\n"));
    assert_eq!(said(&made), "ada has an account and can sign in\n");
    let hash = open().read_now(|tx, _| accounts::password_of(tx, accounts::find_user(tx, "ada")?.id)).unwrap().unwrap();
    assert!(hash.is_of(PASSWORD));

    let last = user(data.path(), &["disable", "ada"], "");
    assert_eq!(last.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&last.stderr).contains("`ada` is the last administrator"), "{last:?}");
    said(&user(data.path(), &["create", "--login", "grace"], ""));
    assert!(said(&user(data.path(), &["disable", "GRACE"], "")).starts_with("grace is disabled"));
    assert!(said(&user(data.path(), &["list"], "")).contains("never signed in, disabled"));
    assert!(said(&user(data.path(), &["enable", "grace"], "")).starts_with("grace may come in again"));
    assert!(said(&user(data.path(), &["reset-password", "grace"], "")).contains("/link/"));
    let unknown = user(data.path(), &["reset-password", "nobody"], "");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no user `nobody` is known"), "{unknown:?}");
}
