//! What `secrets` and the other built-in checks cost, and how good `secrets` is, beside detect-secrets over the same files.
//!
//! A repository of about 100,000 lines in a dozen formats is written to disk ([`corpus`]); where its secrets are is known. Both read it
//! from there. Time is processor time, ours and the peer's, since machines are shared. The peer is looked for where
//! `PLUMBLINE_DETECT_SECRETS` says, else among the tools of the cache; if it is missing, its rows say so. With `--test` or
//! `PLUMBLINE_BENCH_SMOKE=1` it runs briefly and asserts nothing.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use plumbline::domain::checks::builtin::{self, Builtin, MAX_PER_CHECK};
use plumbline::engine::git::Limits;
use plumbline::engine::git::layout::Trust;
use plumbline::engine::git::tree::{Tree, TreeFile};
use plumbline::engine::git::worktree::Directory;

#[path = "secrets/corpus.rs"]
mod corpus;
mod support;
#[path = "secrets/token.rs"]
mod token;

use corpus::Corpus;
use support::{Table, ms};

/// Lines that somebody says hold a secret.
type Lines = BTreeSet<(String, u32)>;

fn run(check: &dyn Builtin, tree: &Directory) -> Lines {
    let files: Vec<&TreeFile> = tree.files().iter().collect();
    let said = builtin::run(check, tree, &files, MAX_PER_CHECK, &|| false, &mut |_| {}).unwrap();
    assert!(!said.is_cut && said.unread.is_empty());
    let findings = said.of_files.into_iter().chain(said.of_tree);
    findings.map(|finding| (finding.path.to_string(), finding.span.map_or(1, |span| span.line_start))).collect()
}

/// What it costs on average to do this so many times.
fn cost<T>(times: u32, mut what: impl FnMut() -> T) -> (Duration, T) {
    let before = support::cpu();
    let mut last = what();
    for _ in 1..times {
        last = what();
    }
    ((support::cpu() - before) / times, last)
}

/// Where the peer is.
fn peer() -> Option<PathBuf> {
    let named = std::env::var_os("PLUMBLINE_DETECT_SECRETS").map(PathBuf::from);
    let cache = std::env::var_os("PLUMBLINE_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/plumbline")));
    named.or_else(|| Some(cache?.join("tools/detect-secrets/bin/detect-secrets"))).filter(|path| path.exists())
}

/// The processor time of all children that have ended.
fn children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    Duration::from_millis(fields[13..15].iter().map(|field| field.parse::<u64>().unwrap() * 10).sum())
}

#[expect(clippy::disallowed_methods, reason = "the peer is a program of its own")]
fn run_peer(program: &Path, folder: &Path) -> (Duration, Lines) {
    let before = children();
    let output = std::process::Command::new(program).args(["scan", "--all-files", "."]).current_dir(folder).output().unwrap();
    let took = children() - before;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut lines = Lines::new();
    for (path, found) in report["results"].as_object().unwrap() {
        for one in found.as_array().unwrap() {
            lines.insert((path.trim_start_matches("./").to_owned(), u32::try_from(one["line_number"].as_u64().unwrap()).unwrap()));
        }
    }
    (took, lines)
}

/// How much of what is said is true, and how much of what is true is said.
struct Quality {
    precision: f64,
    recall: f64,
}

fn quality(truth: &Lines, said: &Lines) -> Quality {
    let right = said.intersection(truth).count() as f64;
    Quality { precision: right / (said.len() as f64).max(1.0), recall: right / truth.len() as f64 }
}

fn missed(corpus: &Corpus, said: &Lines) -> String {
    let mut by_kind: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (path, line, kind) in &corpus.truth {
        let (missed, all) = by_kind.entry(kind).or_default();
        *all += 1;
        *missed += usize::from(!said.contains(&(path.clone(), *line)));
    }
    let kinds: Vec<String> =
        by_kind.into_iter().filter(|(_, (missed, _))| *missed > 0).map(|(kind, (missed, all))| format!("{kind} {missed}/{all}")).collect();
    if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") }
}

fn main() {
    let (count, times) = if support::is_smoke() { (120, 1) } else { (1_060, 10) };
    let dir = support::folder();
    let corpus = corpus::write(dir.path(), count, 20);
    let truth: Lines = corpus.truth.iter().map(|(path, line, _)| (path.clone(), *line)).collect();
    println!("{} files, {} lines, {} secrets, {} lines that look like some", corpus.files, corpus.lines, truth.len(), corpus.decoys);
    let tree = Directory::open(dir.path(), Limits::default(), Trust::Ours).unwrap();
    let mut table = Table::new();

    let secrets = builtin::find("secrets").unwrap();
    let (ours, said) = cost(times, || run(secrets, &tree));
    let (all, _) = cost(times, || builtin::all().iter().map(|check| run(*check, &tree).len()).sum::<usize>());
    table.time("Processor time of all built-in checks over 100,000 lines", all, Duration::from_millis(1_500));
    table.tell("Processor time of `secrets` alone", &ms(ours));
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let we = quality(&truth, &said);
    for (path, line) in said.difference(&truth).take(20) {
        println!("false alarm: {path}:{line}");
    }
    table.tell("Missed by `secrets`", &missed(&corpus, &said));
    let Some(program) = peer() else {
        table.tell("Precision and recall of `secrets`", &format!("{}, {}", percent(we.precision), percent(we.recall)));
        table.tell("detect-secrets", "SKIPPED: it is not installed (`PLUMBLINE_DETECT_SECRETS` says where it is)");
        return table.finish();
    };
    let (theirs, their_lines) = run_peer(&program, dir.path());
    let they = quality(&truth, &their_lines);
    table.tell("Missed by detect-secrets", &missed(&corpus, &their_lines));
    table.tell("Processor time of detect-secrets", &ms(theirs));
    let ratio = theirs.as_secs_f64() / ours.as_secs_f64().max(0.001);
    table.bound("How many times faster `secrets` is", &format!("{ratio:.0}"), "at least 20", ratio >= 20.0);
    let bound = |share: f64| format!("at least {}, detect-secrets'", percent(share));
    table.bound("Precision of `secrets`", &percent(we.precision), &bound(they.precision), we.precision >= they.precision);
    table.bound("Recall of `secrets`", &percent(we.recall), &bound(they.recall), we.recall >= they.recall);
    table.finish();
}
