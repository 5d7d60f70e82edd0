//! Wrong usage ends with 2, whichever option of whichever command is wrong, and says which.

use std::path::Path;
use std::process::{Command, Output};

use plumbline::app::App;
use plumbline::app::config::Config;
use plumbline::base::id::Ids;
use plumbline::base::time::Clock;

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn plumbline(data: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_plumbline")).args(arguments).arg("--data").arg(data).output().unwrap()
}

#[test]
fn a_bad_value_of_any_option_is_wrong_usage() {
    let data = tempfile::tempdir().unwrap();
    drop(App::open(Config::in_directory(data.path()), Clock::System, Ids::system()).unwrap());
    let long = "x".repeat(101);
    let create = ["token", "create", "--kind", "service", "--name", "ci"];
    let with = |more: &[&'static str]| [create.as_slice(), more].concat();
    let usages: Vec<(Vec<&str>, &str)> = vec![
        (with(&["--expires", "soon"]), "--expires"),
        (with(&["--expires", "0d"]), "--expires"),
        (with(&["--expires", "999999999999999999999d"]), "--expires"),
        (with(&["--scope", "all"]), "--scope"),
        (with(&["--repo", "nameless"]), "--repo"),
        (with(&["--user", "a b"]), "--user"),
        (vec!["token", "create", "--kind", "odd", "--name", "ci"], "--kind"),
        (vec!["token", "create", "--kind", "service", "--name", &long], "--name"),
        (vec!["token", "create", "--kind", "service", "--name", " "], "--name"),
        (vec!["token", "revoke", ""], "TOKEN"),
        (vec!["user", "create", "--login", "a b"], "--login"),
        (vec!["user", "link", "a b"], "LOGIN"),
        (vec!["github", "setup", "--login", "a b"], "--login"),
        (vec!["serve", "--listen", "nowhere"], "--listen"),
        (vec!["serve", "--public-listen", "1.2.3.4.5:6"], "--public-listen"),
        (vec!["serve", "--repo", "ssh://example.org/a.git"], "--repo"),
        (vec!["check", "--rev", ""], "--rev"),
        (vec!["check", "--base", ""], "--base"),
        (vec!["check", "--format", "xml"], "--format"),
        // What goes together is known where the token is made.
        (vec!["token", "create", "--kind", "upload", "--name", "ci", "--scope", "reports:write"], "repository"),
        (vec!["token", "create", "--kind", "worker", "--name", "ci", "--scope", "admin"], "admin"),
        (vec!["token", "create", "--kind", "personal", "--name", "ci"], "user"),
    ];
    for (arguments, named) in usages {
        let output = plumbline(data.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(named) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
    let failed = plumbline(data.path(), &["token", "revoke", "nothing"]);
    assert_eq!(failed.status.code(), Some(1), "what is well said and not there is a failure");
}

#[test]
fn administration_begins_no_data_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mistyped = folder.path().join("mistyped");
    for data in [mistyped.as_path(), folder.path()] {
        for arguments in [["token", "list"].as_slice(), &["user", "list"], &["user", "create", "--login", "ada"]] {
            let output = plumbline(data, arguments);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
            for named in [&format!("`{}`", data.display()), "--data", "plumbline serve"] {
                assert!(said.contains(named), "{arguments:?}: {said}");
            }
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made");
}
