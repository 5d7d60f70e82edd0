//! `plumbline keys`, as somebody types it on the server, with the server running and without.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::base::event::Actor;
use plumbline::base::id::Ids;
use plumbline::base::secret::Secret;
use plumbline::base::time::Clock;
use plumbline::domain::secrets::{self, Scope};

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn plumbline(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plumbline")).args(arguments).arg("--data").arg(data).output().unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn open(data: &Path) -> App {
    App::open(Config::in_directory(data), Clock::System, Ids::system()).unwrap()
}

fn set(data: &Path) {
    let app = open(data);
    let vault = std::sync::Arc::clone(&app.vault);
    let write = app.write_now(&Actor::System, move |tx, now| {
        secrets::set(tx, &vault, Scope::Instance, &"TOKEN".parse().unwrap(), &Secret::new("marigold".to_owned()), now)
    });
    write.unwrap();
}

fn value(data: &Path) -> Result<String, secrets::Error> {
    let app = open(data);
    plumbline::app::runner::settle(&app).unwrap();
    app.read_now(|tx, _| {
        let row = secrets::all_secrets(tx, None, 1)?.remove(0);
        Ok(secrets::open(&app.vault, &row)?.expose().clone())
    })
}

#[test]
fn keys_are_rotated_from_the_command_line_and_every_secret_stays() {
    let data = tempfile::tempdir().unwrap();
    set(data.path());
    let before = std::fs::read_to_string(data.path().join("vault.key")).unwrap();
    let told = said(&plumbline(data.path(), &["keys", "rotate"]));
    assert!(told.contains("the vault's key is age1") && told.contains("1 value to be sealed to it"), "{told}");
    assert_eq!(value(data.path()).unwrap(), "marigold");
    let after = std::fs::read_to_string(data.path().join("vault.key")).unwrap();
    let secret_of = |text: &str| text.lines().find(|line| line.starts_with("AGE-SECRET-KEY")).unwrap().to_owned();
    assert!(!after.contains(&secret_of(&before)), "the old key is gone");
    assert_eq!(after.matches("AGE-SECRET-KEY").count(), 1);
    let json: serde_json::Value = serde_json::from_str(&said(&plumbline(data.path(), &["keys", "rotate", "--json"]))).unwrap();
    assert_eq!(json["keys"].as_array().unwrap().len(), 2);
}

#[test]
fn a_key_file_that_is_lost_is_given_up_by_name_and_what_is_lost_with_it_is_told() {
    let data = tempfile::tempdir().unwrap();
    set(data.path());
    std::fs::remove_file(data.path().join("vault.key")).unwrap();
    let refused = plumbline(data.path(), &["keys", "rotate"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(!data.path().join("vault.key").exists(), "a rotation gives nothing up");
    let told = said(&plumbline(data.path(), &["keys", "regenerate-missing"]));
    assert!(
        told.contains("the key file was lost and is begun anew") && told.contains("set the secret `TOKEN` of the instance anew"),
        "{told}"
    );
    assert!(matches!(value(data.path()), Err(secrets::Error::Vault(_))));
    set(data.path());
    assert_eq!(value(data.path()).unwrap(), "marigold");
}

#[test]
fn a_key_file_that_only_cannot_be_used_just_now_loses_nothing() {
    let data = tempfile::tempdir().unwrap();
    set(data.path());
    let file = data.path().join("vault.key");
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    for arguments in [&["keys", "regenerate-missing"][..], &["keys", "rotate"], &["keys", "regenerate", "--yes"]] {
        let refused = plumbline(data.path(), arguments);
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        // There is no SSH key to be made anew, and so nothing to refuse.
        assert!(refused.status.code() == Some(1) && told.contains("key file") || arguments[1] == "regenerate", "{arguments:?}: {told}");
        assert!(!String::from_utf8_lossy(&refused.stdout).contains("TOKEN"), "nothing is called lost");
    }
    mode(0o600);
    assert_eq!(value(data.path()).unwrap(), "marigold");
}

#[test]
fn making_every_key_anew_takes_a_word_more() {
    let data = tempfile::tempdir().unwrap();
    drop(open(data.path()));
    assert_eq!(plumbline(data.path(), &["keys", "regenerate"]).status.code(), Some(2));
    assert_eq!(said(&plumbline(data.path(), &["keys", "regenerate", "--yes"])), "0 SSH keys made anew\n");
}
