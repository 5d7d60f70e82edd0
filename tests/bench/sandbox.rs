//! How long it takes to start a program in the sandbox: half of all starts under 50 ms, ninety-nine of a hundred under 250 ms.
//!
//! `cargo bench --bench sandbox` starts `/bin/true` again and again, from the first call to the answer, which includes the end of all
//! processes; then the same over a tree of a thousand files. With `--test` or `PLUMBLINE_BENCH_SMOKE=1` it runs briefly and asserts
//! nothing about time. Where there is no sandbox it says so.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::path::Path;
use std::time::{Duration, Instant};

use plumbline::base::name::TreePath;
use plumbline::engine::sandbox::{Command, File, How, Kind, Limits, Sandbox, Settings};

mod support;

/// How many starts are measured.
const STARTS: usize = 300;
/// How many files the tree has, each of this many bytes.
const FILES: usize = 1000;
const FILE_BYTES: usize = 4096;

/// How long each of so many starts took, the shortest first.
fn starts(sandbox: &Sandbox, count: usize, files: &[File]) -> Vec<Duration> {
    let command = Command { argv: vec!["/bin/true".into()], ..Command::default() };
    let start = |_| {
        let began = Instant::now();
        let outcome = sandbox.run(&command, &Limits::default(), &mut files.iter().cloned().map(Ok), &|| false, &mut ()).unwrap();
        assert_eq!(outcome.how, How::Exited(0));
        began.elapsed()
    };
    // The first reads programs from the disk.
    start(0);
    let mut times: Vec<Duration> = (0..count).map(start).collect();
    times.sort();
    times
}

fn main() {
    let sandbox = match Sandbox::new(Path::new(env!("CARGO_BIN_EXE_plumbline")), Settings::default()) {
        Ok(sandbox) => sandbox,
        Err(error) => return println!("skipped: {error}"),
    };
    let count = if support::is_smoke() { 5 } else { STARTS };
    let mut table = support::Table::new();
    let times = starts(&sandbox, count, &[]);
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    table.time("a start, half of them", at(50), Duration::from_millis(50));
    table.time("a start, ninety-nine of a hundred", at(99), Duration::from_millis(250));
    table.tell("a start, the quickest", &support::ms(times[0]));
    table.tell("cgroups", &sandbox.cgroups().words());
    let files: Vec<File> = (0..FILES)
        .map(|n| File { path: TreePath::new(format!("dir{}/file{n}", n % 50)), kind: Kind::Regular, bytes: vec![b'x'; FILE_BYTES] })
        .collect();
    let times = starts(&sandbox, count.min(50), &files);
    table.tell("a start over a tree of 1,000 files, half of them", &support::ms(times[times.len() / 2]));
    table.finish();
}
