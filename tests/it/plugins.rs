//! Tools of the catalogue on a sample with known shortcomings: what they wrote, and what they write.
//!
//! `tests/fixtures/plugins/NAME/output` is what a tool at a known version wrote of `tests/fixtures/plugins/sample`, seen at `/src`; what we
//! read there is a snapshot. Where `LINTERS` names the folders that `.ci/tools` fills, the same tools are found and run by their
//! entries in the catalogue and must say the same; `PLUMBLINE_REQUIRE=tools` makes it a failure that they are not there.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use plumbline::app::tools;
use plumbline::base::name::TreePath;
use plumbline::domain::checks::catalogue::{self, From, Tool, Version, Wake};
use plumbline::domain::issues::finding::Span;
use plumbline::domain::issues::format::{self, Bounds, Ground};
use plumbline::engine::git::memory::MemoryTree;
use plumbline::engine::git::tree::{FileKind, Tree};

use crate::support::app::TestApp;
use crate::support::repo::TestRepo;
use crate::support::world::World;
use crate::support::{skipped, temporary};

/// The tools that `.ci/tools` installs.
const INSTALLED: [&str; 12] = [
    "actionlint",
    "bandit",
    "biome",
    "clippy",
    "eslint",
    "hadolint",
    "markdownlint",
    "mypy",
    "ruff",
    "shellcheck",
    "stylelint",
    "yamllint",
];
/// Tools that were recorded once: one is too large to be installed for a test, two come with languages that nothing else here needs.
const ONCE: [&str; 3] = ["gitleaks", "rubocop", "semgrep"];

/// Where the sample was when what they wrote was recorded.
const SEEN_AT: &str = "/src";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plugins")
}

/// The files of the sample, from its root.
fn sample() -> Vec<(String, Vec<u8>)> {
    let root = fixtures().join("sample");
    let mut waiting = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.push((path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()));
        }
    }
    files
}

fn tree() -> MemoryTree {
    MemoryTree::new(sample().into_iter().map(|(path, content)| (path, FileKind::Regular, content)))
}

/// What is read of a tool's output, one finding a line, and what of it could not be used.
fn told(tool: &Tool, output: &[u8], root: &str) -> String {
    let tree = tree();
    let roots = [root];
    let ground = Ground { roots: &roots, columns: tool.columns, ..Ground::new(&tree) };
    let reading = format::read(tool.output, output, &ground, &Bounds::default()).unwrap_or_else(|error| panic!("{}: {error}", tool.name));
    let mut lines: Vec<String> = Vec::new();
    for mut read in reading.findings {
        tool.adjust(&mut read.finding);
        let finding = &read.finding;
        let number = |number: Option<u32>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        let place = finding.span.map_or_else(String::new, |Span { line_start, line_end, column_start, column_end }| {
            format!(" {line_start}:{}-{line_end}:{}", number(column_start), number(column_end))
        });
        let message = finding.message.replace('\n', " / ");
        lines.push(format!("{}{place} {} {} {}: {message}", finding.path.shown(), finding.severity, finding.kind, finding.rule));
    }
    lines.sort();
    lines.extend(reading.dropped.iter().map(|dropped| format!("dropped: {} {}", dropped.what, dropped.why)));
    lines.extend(reading.broken.map(|why| format!("broken: {why}")));
    lines.join("\n")
}

#[test]
fn what_real_tools_wrote_is_read_as_what_they_found() {
    for name in INSTALLED.into_iter().chain(ONCE) {
        let tool = catalogue::find(name).unwrap();
        let output = std::fs::read(fixtures().join(name).join("output")).unwrap();
        insta::assert_snapshot!(name, told(tool, &output, SEEN_AT));
    }
}

#[test]
fn what_real_tools_say_of_their_version_is_understood_and_new_enough() {
    for name in INSTALLED.into_iter().chain(ONCE) {
        let said = std::fs::read_to_string(fixtures().join(name).join("version")).unwrap();
        let version = Version::find_in(&said).unwrap_or_else(|| panic!("{name}: no version in {said:?}"));
        assert!(catalogue::find(name).unwrap().takes(&version), "{name} {version}");
    }
}

#[test]
fn real_tools_are_found_and_say_what_the_fixtures_do() {
    let Some(folders) = std::env::var_os("LINTERS") else {
        return skipped("tools", "`LINTERS` names no folders of them; `.ci/tools` installs them and prints it");
    };
    let mut path = folders;
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let is_recorded = std::env::var_os("PLUMBLINE_RECORD").is_some();
    let place = temporary();
    let root = std::fs::canonicalize(place.path()).unwrap().join("sample");
    for (path, content) in sample() {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    for name in INSTALLED {
        let tool = catalogue::find(name).unwrap();
        let located = tools::locate(tool, &path, &[]).unwrap_or_else(|missing| panic!("{missing}"));
        println!("{name}: {located:?}");
        let version = run(&located, &tool.version, tool, &root, From::Stdout);
        let output = found(&located, tool, &root);
        if is_recorded {
            let folder = fixtures().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            let output = String::from_utf8(output.clone()).unwrap().replace(root.to_str().unwrap(), SEEN_AT);
            let output = output.replace(root.parent().unwrap().to_str().unwrap(), "/elsewhere");
            std::fs::write(folder.join("output"), output).unwrap();
            std::fs::write(folder.join("version"), &version).unwrap();
        }
        let recorded = std::fs::read(fixtures().join(name).join("output")).unwrap();
        assert_eq!(told(tool, &output, root.to_str().unwrap()), told(tool, &recorded, SEEN_AT), "{name}, found as {located:?}");
    }
}

/// What a tool of `.ci/tools` says of such files, and the code with which it ends.
fn said_of(name: &str, path: &std::ffi::OsStr, files: &[(&str, &str)]) -> (i32, String) {
    let tool = catalogue::find(name).unwrap();
    let located = tools::locate(tool, path, &[]).unwrap_or_else(|missing| panic!("{missing}"));
    let place = temporary();
    let root = std::fs::canonicalize(place.path()).unwrap().join("tree");
    for (path, content) in files {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let tree = MemoryTree::new(files.iter().map(|(path, content)| (*path, FileKind::Regular, *content)));
    let Wake::Wakes { files, settings } = tool.wake(tree.files(), |_| true) else { panic!("`{name}` has nothing to do") };
    let commands = tool.commands(&located.executable, &files, &settings, &root.with_file_name("found"));
    let ended = start(&located, &commands[0][1..], tool, &root);
    let code = ended.status.code().unwrap();
    let output = match tool.from {
        From::Stdout => ended.stdout,
        From::Stderr => ended.stderr,
        From::File => std::fs::read(root.with_file_name("found")).unwrap_or_default(),
    };
    let roots = [root.to_str().unwrap()];
    let ground = Ground { roots: &roots, columns: tool.columns, ..Ground::new(&tree) };
    let reading = format::read(tool.output, &output, &ground, &Bounds::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(tool.is_explained(code, reading.read), "`{name}` ended with {code} after {} records", reading.read);
    let rules: Vec<&str> = reading.findings.iter().map(|read| read.finding.rule.as_str()).collect();
    (code, rules.join(" "))
}

#[test]
fn real_tools_obey_the_settings_they_are_told_of_and_end_as_their_entries_say() {
    let Some(mut path) = std::env::var_os("LINTERS") else {
        return skipped("tools", "`LINTERS` names no folders of them; `.ci/tools` installs them and prints it");
    };
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let said = |name: &str, files: &[(&str, &str)]| said_of(name, &path, files);
    let python = ("a.py", "assert True\n");
    assert_eq!(said("bandit", &[python]), (1, "B101".to_owned()));
    assert_eq!(said("bandit", &[python, (".bandit", "[bandit]\nskips = B101\n")]), (0, String::new()));
    assert_eq!(said("bandit", &[python, ("pyproject.toml", "[tool.bandit]\nskips = [\"B101\"]\n")]), (0, String::new()));
    assert_eq!(said("bandit", &[python, ("pyproject.toml", "[project]\nname = \"a\"\n")]), (1, "B101".to_owned()));
    let workflow = (".github/workflows/ci.yml", "on: push\njobs:\n  a:\n    runs-on: ours\n    steps:\n      - run: make\n");
    assert_eq!(said("actionlint", &[workflow]), (1, "runner-label".to_owned()));
    let labels = (".github/actionlint.yaml", "self-hosted-runner:\n  labels: [ours]\n");
    assert_eq!(said("actionlint", &[workflow, labels]), (0, String::new()));
    assert_eq!(said("actionlint", &[(".github/workflows/ci.yml", "on: [push\n")]), (1, "syntax-check".to_owned()));
    assert_eq!(said("mypy", &[("a.py", "def f(:\n")]).0, 2, "a file that cannot be parsed is a finding");
    let style = ("a.css", "a { color: #ffg }\n");
    // What Node warns of goes to the same place as what is found.
    let warns = "process.emitWarning('old'); module.exports = {rules: {'color-no-invalid-hex': true}};";
    assert_eq!(said("stylelint", &[style, ("stylelint.config.cjs", warns)]), (2, "color-no-invalid-hex".to_owned()));
    assert_eq!(said("stylelint", &[style, ("stylelint.config.cjs", warns), (".stylelintignore", "*.css\n")]), (0, String::new()));
}

/// The tools of [`INSTALLED`] that need nothing built before, in the sandbox of the appliance.
const SANDBOXED: [&str; 11] =
    ["actionlint", "bandit", "biome", "eslint", "hadolint", "markdownlint", "mypy", "ruff", "shellcheck", "stylelint", "yamllint"];

#[tokio::test]
async fn real_tools_find_in_the_sandbox_what_they_find_outside() {
    let Some(mut path) = std::env::var_os("LINTERS") else {
        return skipped("tools", "`LINTERS` names no folders of them; `.ci/tools` installs them and prints it");
    };
    if let Err(missing) = crate::guard::sandbox::native() {
        return skipped("sandbox", missing);
    }
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let world = World::of(TestApp::with(move |config| config.search_path = path.clone())).await;
    let git = TestRepo::new();
    let checks: String = SANDBOXED.iter().map(|name| format!("- plugin: {name}\n")).collect();
    let manifest = format!("version: 1\nexclude: [\"/.plumbline.yaml\"]\nchecks:\n{checks}");
    let sha = git.commit(sample().into_iter().chain([(".plumbline.yaml".to_owned(), manifest.into_bytes())]));
    world.add("sample", git.path()).await;
    let set = world.see("sample", &format!("/commits/{sha}/checks")).await;
    for name in SANDBOXED {
        let check = set["checks"].as_array().unwrap().iter().find(|check| check["name"] == name).unwrap();
        assert_eq!(check["state"], "succeeded", "{check:#}");
        let tool = catalogue::find(name).unwrap();
        let output = std::fs::read(fixtures().join(name).join("output")).unwrap();
        let outside = told(tool, &output, SEEN_AT).lines().filter(|line| !line.starts_with("dropped")).count();
        assert_eq!(check["issues"].as_u64(), Some(outside as u64), "{name}");
        assert!(check["execution"]["version"].is_string(), "{check:#}");
    }
}

/// What a tool finds in the sample, called as its entry says.
fn found(located: &tools::Located, tool: &Tool, root: &Path) -> Vec<u8> {
    let tree = tree();
    let Wake::Wakes { files, settings } = tool.wake(tree.files(), |_| true) else {
        panic!("`{}` has nothing to do in the sample", tool.name)
    };
    let files: Vec<&TreePath> = files;
    let commands = tool.commands(&located.executable, &files, &settings, &root.with_file_name("found"));
    commands.iter().flat_map(|command| run(located, &command[1..], tool, root, tool.from)).collect()
}

/// Runs a tool at the root of the sample, in an environment where it finds what was located and nothing else.
#[expect(clippy::disallowed_methods, reason = "the tests' harness may start a process")]
fn start(located: &tools::Located, arguments: &[impl Clone + Into<OsString>], tool: &Tool, root: &Path) -> std::process::Output {
    let mut command = Command::new(&located.executable);
    let arguments = arguments.iter().map(|argument| Into::<OsString>::into(argument.clone()));
    command.args(arguments).current_dir(root).env_clear().stdin(Stdio::null());
    command.env("PATH", std::env::join_paths(&located.path).unwrap()).env("HOME", root.with_file_name("home")).envs(&tool.env);
    command.env("CARGO_TARGET_DIR", root.with_file_name("target"));
    command.output().unwrap_or_else(|error| panic!("{located:?}: {error}"))
}

/// The same, and what it wrote where its findings are.
fn run(located: &tools::Located, arguments: &[impl Clone + Into<OsString>], tool: &Tool, root: &Path, from: From) -> Vec<u8> {
    let ended = start(located, arguments, tool, root);
    let (said, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    let is_fine = ended.status.code().is_some_and(|code| tool.is_fine(code));
    assert!(is_fine, "`{}` ended with {}\n{said}\n{error}", tool.name, ended.status);
    match from {
        From::Stdout => ended.stdout,
        From::Stderr => ended.stderr,
        From::File => std::fs::read(root.with_file_name("found")).unwrap(),
    }
}
