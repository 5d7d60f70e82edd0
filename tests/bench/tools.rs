//! What it costs to run eight tools in the sandbox rather than by hand: at most a tenth more wall time.
//!
//! The sample of the tests, many times over, is linted by the same tools twice in each round: as plain processes over a checkout, as many
//! at a time as there are processors, and as one set of checks of the appliance, from the claim to the verdict. Where `LINTERS`
//! names no tools, or there is no sandbox, it says so. With `--test` or `PLUMBLINE_BENCH_SMOKE=1` it runs briefly and asserts nothing
//! about time.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use plumbline::app::{App, runner, tools};
use plumbline::base::event::Actor;
use plumbline::base::id::Ids;
use plumbline::base::name::{RepoSlug, TreePath};
use plumbline::base::time::Clock;
use plumbline::base::work::Lane;
use plumbline::domain::checks::catalogue::{self, Wake};
use plumbline::domain::checks::{self, CheckState};
use plumbline::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use plumbline::engine::git::memory::MemoryTree;
use plumbline::engine::git::tree::{FileKind, Tree};

mod support;

use support::{Repo, Table, is_smoke, median, ms};

const TOOLS: [&str; 8] = ["bandit", "eslint", "hadolint", "markdownlint", "mypy", "ruff", "shellcheck", "yamllint"];
/// How often the sample is there.
const COPIES: usize = 40;
const ROUNDS: usize = 11;

fn sample(copies: usize) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plugins/sample");
    let (mut waiting, mut files) = (vec![root.clone()], BTreeMap::new());
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.insert(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(&path).unwrap());
        }
    }
    let more: Vec<_> = files.clone().into_iter().filter(|(path, _)| !path.starts_with("eslint")).collect();
    for copy in 1..copies {
        files.extend(more.iter().map(|(path, content)| (format!("copy{copy}/{path}"), content.clone())));
    }
    files
}

/// The tools by hand.
#[expect(clippy::disallowed_methods, reason = "what is measured are the tools as processes of their own")]
fn by_hand(root: &Path, tree: &MemoryTree, path: &OsString) -> Duration {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                while let Some(name) = TOOLS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let tool = catalogue::find(name).unwrap();
                    let located = tools::locate(tool, path, &[]).unwrap();
                    let Wake::Wakes { files, settings } = tool.wake(tree.files(), |_| true) else { panic!("{name} has nothing to do") };
                    let files: Vec<&TreePath> = files;
                    for command in tool.commands(&located.executable, &files, &settings, Path::new("found")) {
                        let mut process = Command::new(&command[0]);
                        process.args(&command[1..]).current_dir(root).env_clear().envs(&tool.env);
                        process.env("PATH", std::env::join_paths(&located.path).unwrap()).env("HOME", root);
                        process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).output().unwrap();
                    }
                }
            });
        }
    });
    began.elapsed()
}

fn main() {
    let Some(mut path) = std::env::var_os("LINTERS") else {
        return println!("skipped: `LINTERS` names no folders with tools; `.ci/tools` installs them and prints it");
    };
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut files = sample(if is_smoke() { 1 } else { COPIES });
    let checks: String = TOOLS.iter().map(|name| format!("- plugin: {name}\n")).collect();
    files.insert(".plumbline.yaml".to_owned(), format!("version: 1\nissues: {{fail_on: none}}\nchecks:\n{checks}"));
    let place = support::folder();
    let checkout = place.path().join("checkout");
    let mut repo = Repo::new(place.path().join("source.git"));
    repo.commit(&files);
    let mut config = support::config(&place.path().join("data"));
    config.launcher = PathBuf::from(env!("CARGO_BIN_EXE_plumbline"));
    config.search_path.clone_from(&path);
    let app = App::open(config, Clock::System, Ids::system()).unwrap();
    if let Err(error) = app.sandboxes.get() {
        return println!("skipped: {}", error.message);
    }
    let remote = repo.git.display().to_string();
    let slug = RepoSlug::local("app").unwrap();
    let badge_key = BadgeKey::random();
    let new = NewRepository { slug, source: RepoSource::Local, remote, is_trusted: false, badge_key, owner: None };
    let id = app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap().id;
    // Versions are asked for once, and programs read from the disk.
    runner::settle(&app).unwrap();

    let (mut hand, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..if is_smoke() { 1 } else { ROUNDS } {
        // Every file changes, so that every tool has to look at all of them.
        files.iter_mut().filter(|(path, _)| !path.starts_with('.')).for_each(|(_, content)| content.push('\n'));
        for (name, content) in &files {
            let at = checkout.join(name);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, content).unwrap();
        }
        let tree = MemoryTree::new(files.iter().map(|(name, content)| (name.clone(), FileKind::Regular, content.clone())));
        hand.push(by_hand(&checkout, &tree, &path));
        repo.commit(&files);
        app.write_now(&Actor::System, move |tx, now| repos::request_sync(tx, id, now)).unwrap();
        assert!(runner::run_next(&app, Lane::Git, "bench", None).unwrap());
        let began = Instant::now();
        assert!(runner::run_next(&app, Lane::Checks, "bench", None).unwrap());
        ours.push(began.elapsed());
        let sha = app.read_now(|tx, _| repos::default_branch(tx, &repos::get(tx, id)?)).unwrap().expect("it was fetched").head;
        let set = app.read_now(|tx, _| checks::find(tx, id, sha)).unwrap();
        for check in &set.checks {
            assert_eq!(check.state, CheckState::Succeeded, "{}: {:?}", check.name, check.error);
        }
    }
    let (hand, ours) = (median(hand), median(ours));
    let ratio = ours.as_secs_f64() / hand.as_secs_f64();
    let mut table = Table::new();
    table.tell("eight tools by hand", &ms(hand));
    table.tell("eight tools as one set of checks", &ms(ours));
    table.bound("the second by the first", &format!("{ratio:.2}"), "at most 1.10", ratio <= 1.10);
    table.finish();
}
