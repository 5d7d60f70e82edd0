//! What a terminal is shown, and how a run ends whose reader or user has had enough.

use super::*;

#[test]
fn colour_is_there_where_it_is_asked_for_and_nowhere_else() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("package.json", COMMA)]);
    let coloured = check_with(repo.path(), &[], &[("CLICOLOR_FORCE", "1")]);
    assert!(coloured.stdout.contains("\x1b[31mmajor\x1b[0m"), "{}", coloured.stdout);
    assert!(coloured.last_line().starts_with("\x1b[1;31m▲ The gate fails\x1b[0m: "), "{}", coloured.last_line());
    assert!(!check(repo.path(), &[]).stdout.contains('\x1b'));
    assert!(!check_with(repo.path(), &[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).stdout.contains('\x1b'));
    assert!(!check_with(repo.path(), &["--format", "json"], &[("CLICOLOR_FORCE", "1")]).stdout.contains('\x1b'));
}

#[test]
fn nothing_in_a_repository_commands_the_terminal() {
    let repo = TestRepo::new();
    let path = "evil\u{1b}[31m\u{202e}\u{9b}1m\n.json";
    let content = "{\n  \"\u{1b}]0;title\u{7}\u{202e}\u{9b}2J\": 1,\n}\n";
    repo.commit([MANIFEST, (path, content), ("odd\u{1b}[2J.rs", CONFLICT)]);
    for arguments in [&[][..], &["--format", "json"], &["--format", "sarif"], &["--rev", "HEAD"], &["--base", "HEAD"]] {
        let ran = check(repo.path(), arguments);
        let hostile: Vec<char> = ran.stdout.chars().filter(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}').collect();
        assert!(hostile.is_empty(), "{arguments:?}: {hostile:?}");
    }
    let shown = check(repo.path(), &[]).steady();
    let (evil, odd) = shown.split_once("\n\nodd").unwrap();
    assert!(odd.starts_with("\\x1b[2J.rs  1 issue\n"), "{odd}");
    assert_snapshot!(evil, @r#"
    evil\x1b[31m\u{202e}\u{9b}1m\x0a.json  1 issue

      evil\x1b[31m\u{202e}\u{9b}1m\x0a.json:2:3  major  invalid-json
      Not valid JSON: control character (\u0000-\u001F) found while parsing a string
      1 │ {
      2 │   "\x1b]0;title\x07\u{202e}\u{9b}2J": 1,
        │   ^
      3 │ }
    "#);
    let document = check(repo.path(), &["--format", "json"]).json();
    assert_eq!(document["issues"][0]["path"], "evil%1B[31m\u{202e}%C2%9B1m%0A.json");
}

#[test]
fn hostile_words_of_the_command_line_and_the_manifest_are_quiet_too() {
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 1\n\"\\e[31mx\": 1\n# \u{1b}[31m\n")]);
    let ran = check(repo.path(), &[]);
    assert!(!ran.stdout.contains('\x1b'), "{}", ran.stdout);
    let ran = check(repo.path(), &["--rev", "\u{1b}[31m"]);
    assert!(!ran.stderr.contains('\x1b'), "{:?}", ran.stderr);
}

#[test]
fn names_that_are_not_utf_8_are_written_out() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(OsStr::from_bytes(b"caf\xe9.json")), COMMA).unwrap();
    assert!(check(dir.path(), &[]).stdout.contains("  caf\\xe9.json:3:1"));
    assert_eq!(check(dir.path(), &["--format", "json"]).json()["issues"][0]["path"], "caf%E9.json");
    let sarif = check(dir.path(), &["--format", "sarif"]).json();
    assert_eq!(sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "caf%E9.json");
}

/// A repository with more findings than a pipe holds.
fn with_many(files: usize) -> TestRepo {
    let repo = TestRepo::new();
    repo.commit([MANIFEST]);
    (0..files).for_each(|n| repo.write(&format!("{n:04}.json"), COMMA));
    repo
}

#[test]
fn a_long_list_is_cut_and_says_so() {
    let repo = with_many(203);
    let ran = check(repo.path(), &[]);
    assert_eq!(ran.stdout.matches("  major  ").count(), 200);
    assert!(ran.stdout.contains("\n3 further issues are not shown; --format json has all.\n"));
    assert!(ran.stdout.contains("\n203 issues: 203 major\n"));
    assert_eq!(check(repo.path(), &["--format", "json"]).json()["issues"].as_array().unwrap().len(), 203);
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() {
    let repo = with_many(400);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = command(repo.path(), temporary.path(), &["--format".as_ref(), "json".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
    assert_is_empty(&temporary);
}

#[test]
fn a_signal_ends_it_and_takes_its_directory_along() {
    let repo = with_many(400);
    let temporary = tempfile::tempdir().unwrap();
    let mut command = command(repo.path(), temporary.path(), &["--format".as_ref(), "json".as_ref()]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    // It writes, and cannot go on before we read on.
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 1);
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert_is_empty(&temporary);
}

#[test]
fn a_signal_while_a_program_runs_takes_along_what_it_runs_in() {
    if let Err(missing) = crate::guard::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let repo = TestRepo::new();
    repo.commit([(".plumbline.yaml", "version: 1\nchecks: [{name: slow, run: 'echo begun >&2; sleep 1000', output: gnu}]\n")]);
    let temporary = tempfile::tempdir().unwrap();
    let mut child = command(repo.path(), temporary.path(), &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let id = rustix::process::Pid::from_child(&child);
    // Its log grows when the program has begun.
    let has_begun = || {
        let logs = std::fs::read_dir(temporary.path()).unwrap().flatten().flat_map(|entry| std::fs::read_dir(entry.path().join("live")));
        let logs: Vec<_> = logs.flatten().flatten().map(|log| std::fs::read_to_string(log.path()).unwrap_or_default()).collect();
        logs.iter().any(|log| log.lines().any(|line| line == "begun"))
    };
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !has_begun() && std::time::Instant::now() < until && child.try_wait().unwrap().is_none() {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_is_empty(&temporary);
}
