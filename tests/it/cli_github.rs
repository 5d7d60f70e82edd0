//! `plumbline github` as a process: the way to the set-up page, and what of an App that was made by hand works.

use std::path::Path;
use std::process::{Command, Output};

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::base::event::Actor;
use plumbline::base::id::Ids;
use plumbline::base::time::Clock;
use plumbline::domain::accounts::{self, InstanceRole};
use serde_json::Value;

use crate::support::github::{APP_ID, GitHub, KEY, WEBHOOK_SECRET};

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn setup(data: &Path, arguments: &[&str], env: &[(&str, String)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.args(["github", "setup", "--data"]).arg(data).args(arguments);
    command.envs(env.iter().map(|(name, value)| (*name, value))).output().unwrap()
}

fn said(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(if code == 0 || output.stderr.is_empty() { output.stdout.clone() } else { output.stderr.clone() }).unwrap()
}

/// A data directory with these administrators.
fn data(admins: &'static [&str]) -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let app = App::open(Config::in_directory(data.path()), Clock::System, Ids::system()).unwrap();
    for login in admins {
        app.write_now(&Actor::System, move |tx, now| accounts::create_user(tx, login, InstanceRole::Admin, now)).unwrap();
    }
    data
}

#[test]
fn without_an_app_it_prints_a_link_to_the_page_that_makes_one() {
    let nobody = data(&[]);
    assert!(said(&setup(nobody.path(), &[], &[]), 1).contains("there is no administrator yet"));
    let one = data(&["ada"]);
    let text = said(&setup(one.path(), &[], &[]), 0);
    let link = text.split_whitespace().find(|word| word.contains("/link/")).unwrap_or_else(|| panic!("{text}"));
    assert!(link.starts_with("http://127.0.0.1:7867/link/") && link.ends_with("?next=/admin/github"), "{link}");
    assert!(text.contains("no App at https://github.com yet") && text.contains("plumbline serve"), "{text}");
    let seen: Value = serde_json::from_str(&said(&setup(one.path(), &["--json"], &[]), 0)).unwrap();
    assert!(seen["app_id"].is_null() && seen["link"].as_str().unwrap().contains("/link/"), "{seen}");

    let several = data(&["ada", "grace"]);
    assert!(said(&setup(several.path(), &[], &[]), 2).contains("--login (`ada`, `grace`)"));
    assert!(said(&setup(several.path(), &["--login", "grace"], &[]), 0).contains("/link/"));
    assert!(said(&setup(several.path(), &["--login", "eve"], &[]), 1).contains("eve"));
}

#[test]
fn an_app_that_was_made_by_hand_is_named_in_the_configuration_and_ends_with_1_once_something_is_red() {
    let data = data(&["ada"]);
    let github = GitHub::start_at(Clock::System.now());
    github.hook("http://127.0.0.1:7867/hooks/github");
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(files.path().join(name), text).unwrap();
        files.path().join(name).display().to_string()
    };
    let env = [
        ("PLUMBLINE_GITHUB_URL", github.url()),
        ("PLUMBLINE_GITHUB_APP_ID", APP_ID.to_string()),
        ("PLUMBLINE_GITHUB_APP_PRIVATE_KEY_FILE", file("app.pem", KEY)),
        ("PLUMBLINE_GITHUB_WEBHOOK_SECRET_FILE", file("webhook", WEBHOOK_SECRET)),
    ];
    let text = said(&setup(data.path(), &[], &env), 0);
    assert!(text.starts_with(&format!("App {APP_ID} at {}\n", github.url())), "{text}");
    assert!(text.contains("● key             GitHub takes what is signed with it") && text.contains("● clock "), "{text}");
    assert!(text.contains("◆ permissions     the App lacks `checks: write`") && text.ends_with("\nNothing is red.\n"), "{text}");
    assert!(!text.contains("/link/"), "nobody needs to sign in: {text}");

    github.revoke_key(true);
    let seen: Value = serde_json::from_str(&said(&setup(data.path(), &["--json"], &env), 1)).unwrap();
    let key = seen["checks"].as_array().unwrap().iter().find(|check| check["name"] == "key").unwrap();
    assert_eq!((&key["grade"], &seen["link"]), (&Value::from("bad"), &Value::Null));
    let text = said(&setup(data.path(), &[], &env), 1);
    assert!(text.contains("▲ key             GitHub refuses it (401)"), "{text}");
}
