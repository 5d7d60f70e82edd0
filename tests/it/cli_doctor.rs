//! `plumbline doctor`: the real binary looks at this host, or at one where nothing is.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::skipped;

fn doctor(data: &Path, arguments: &[&str], path: &str) -> Output {
    doctor_with(data, arguments, &[("PATH", path)])
}

#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn doctor_with(data: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumbline"));
    command.arg("doctor").args(arguments).arg("--data").arg(data).env_clear().envs(env.iter().copied()).output().unwrap()
}

fn graded(document: &Value, part: &str, name: &str) -> String {
    let lines = document[part].as_array().unwrap();
    let line = lines.iter().find(|line| line["name"] == name).unwrap_or_else(|| panic!("{part} has no {name}: {document:#}"));
    line["grade"].as_str().unwrap().to_owned()
}

#[test]
fn a_host_on_which_checks_are_isolated_is_told_so_within_three_seconds() {
    if let Err(missing) = crate::guard::sandbox::native() {
        return skipped("sandbox", missing);
    }
    let data = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = doctor(data.path(), &["--json"], "/nowhere");
    let took = began.elapsed();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{document:#}");
    for name in ["start", "files", "system", "processes", "network", "rights", "system calls"] {
        assert_eq!(graded(&document, "sandbox", name), "good", "{document:#}");
    }
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    assert_eq!(graded(&document, "tools", "ruff"), "absent");
    let text = String::from_utf8(doctor(data.path(), &[], "/nowhere").stdout).unwrap();
    assert!(text.contains("pip install ruff") && text.lines().last().unwrap().starts_with("Everything works"), "{text}");
    assert!(!text.contains("◆") || text.ends_with("could be better (◆).\n"), "{text}");
    assert!(text.contains("a run is over in ") && !text.contains(" 0 ms"), "{text}");
}

#[test]
fn a_data_directory_that_is_none_is_told_with_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let output = doctor(&file, &[], "/nowhere");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("is no directory") && text.contains("--data"), "{text}");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_told_also_before_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (at, program) = (folder.path().display(), env!("CARGO_BIN_EXE_plumbline"));
    for data in [format!("{at}"), format!("{at}/not/there")] {
        // In a mount namespace of its own, in which the folder is a file system that may only be read.
        let script = format!("mount -t tmpfs -o ro none '{at}' && exec '{program}' doctor --json --data '{data}'");
        let arguments = ["--mount", "--map-root-user", "/bin/sh", "-c", &script];
        #[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
        let output = Command::new("unshare").args(arguments).env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").output();
        let Ok(output) = output else { return skipped("sandbox", "there is no `unshare`") };
        let Ok(document) = serde_json::from_slice::<Value>(&output.stdout) else {
            return skipped("sandbox", &format!("nothing can be mounted here: {}", String::from_utf8_lossy(&output.stderr)));
        };
        assert_eq!((output.status.code(), graded(&document, "data", "directory")), (Some(1), "bad".to_owned()), "{document:#}");
    }
}

/// What it says of a host where images alone run, by the daemon at this socket.
fn of_images(socket: &str) -> (Option<i32>, Value) {
    let data = tempfile::tempdir().unwrap();
    let env = [("PATH", "/nowhere"), ("PLUMBLINE_SANDBOX_MIN_TIER", "oci"), ("PLUMBLINE_SANDBOX_OCI_SOCKET", socket)];
    let output = doctor_with(data.path(), &["--json"], &env);
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "it changes nothing");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_host_where_images_alone_run_is_told_how_well_the_daemon_keeps_them() {
    let socket = match crate::support::daemon::socket() {
        Ok(socket) => socket,
        Err(missing) => return skipped("oci", &missing),
    };
    let (code, document) = of_images(socket.to_str().unwrap());
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!((graded(&document, "sandbox", "tier"), graded(&document, "images", "daemon")), ("absent".to_owned(), "good".to_owned()));
    let limits: Vec<&str> = document["images"].as_array().unwrap().iter().filter_map(|line| line["says"].as_str()).collect();
    for kept in ["processor time is kept by", "memory is kept by", "output is kept by reading along"] {
        assert!(limits.iter().any(|says| says.contains(kept)), "{kept}: {document:#}");
    }
}

#[test]
fn a_daemon_that_does_not_answer_is_told_with_the_key_that_names_it() {
    let (code, document) = of_images("/nowhere/socket");
    assert_eq!((code, graded(&document, "images", "daemon").as_str()), (Some(1), "bad"), "{document:#}");
    assert!(document["images"][0]["says"].as_str().unwrap().contains("`sandbox.oci_socket`"), "{document:#}");
}

#[test]
fn a_key_file_that_others_may_read_is_told_with_what_mends_it() {
    let data = tempfile::tempdir().unwrap();
    let report = || serde_json::from_slice::<Value>(&doctor(data.path(), &["--json"], "/nowhere").stdout).unwrap();
    assert_eq!(graded(&report(), "data", "key file"), "absent");
    let config = plumbline::app::config::Config::in_directory(data.path());
    drop(plumbline::app::App::open(config, plumbline::base::time::Clock::System, plumbline::base::id::Ids::system()).unwrap());
    assert_eq!(graded(&report(), "data", "key file"), "good");
    let file = data.path().join("vault.key");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let text = String::from_utf8(doctor(data.path(), &[], "/nowhere").stdout).unwrap();
    assert!(text.contains("open to others (its mode is 0640)") && text.contains("chmod 600"), "{text}");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(graded(&report(), "data", "key file"), "bad");
}
