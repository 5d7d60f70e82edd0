//! Search over many issues: how fast they are indexed, how long a query takes, and what the open index weighs.
//!
//! `search [COUNT] [DIRECTORY]`: the index of so many issues, of 100,000 unless said, is made in the directory, unless it holds one
//! already; so a second run measures a process that has only opened it. With `--test` or `PLUMBLINE_BENCH_SMOKE=1` there are a thousand.
//! It reports, and holds nothing against a bound.
#![expect(clippy::unwrap_used, reason = "a benchmark ends where something fails")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use plumbline::base::id::{Id, IssueId, RepoId};
use plumbline::base::name::TreePath;
use plumbline::base::page::Limit;
use plumbline::base::text::thousands;
use plumbline::base::time::Timestamp;
use plumbline::domain::issues::IssueState;
use plumbline::domain::issues::finding::{Kind, Severity};
use plumbline::domain::search::{Change, Document, Question, Scope, SearchIndex, Sort, parse};

const VERBS: &[&str] = &["unused", "missing", "duplicate", "undefined", "deprecated", "unreachable", "redundant", "insecure", "implicit"];
const NOUNS: &[&str] = &["variable", "import", "argument", "function", "parameter", "method", "return", "statement", "string", "loop"];
const OWNERS: &[&str] = &["user", "order", "cfg", "tmp", "http", "repo"];
const THINGS: &[&str] = &["id", "name", "list", "ctx"];
const BATCH: u64 = 10_000;
const DAY_MS: i64 = 86_400_000;
const START: i64 = 1_700_000_000_000;

const QUERIES: &[&str] = &[
    "unused",
    "unused variable",
    "\"unused variable\"",
    "user_id7",
    "cfg",
    "undef*",
    "kind:security severity:>=critical",
    "repo:acme/app7 missing",
    "path:src/mod12/",
    "path:**/file_12.py",
    "path:src/*/file_1*.py bug",
    "rule:rule-7 -import",
    "(missing OR unused) function age:<30d",
    "state:new author:dev7",
    "-unused",
    "",
];

/// `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }
}

fn document(number: u64, dice: &mut Dice) -> Document {
    let at = START + (number as i64 / 500) * 3_600_000;
    let name = format!("{}_{}{}", dice.pick(OWNERS), dice.pick(THINGS), dice.roll(200));
    let repo = number % 200;
    Document {
        issue: IssueId::from_u128((at as u128) << 80 | u128::from(number) << 64 | dice.roll(usize::MAX) as u128),
        repo: RepoId::from_u128(u128::from(repo)),
        slug: format!("acme/app{repo}"),
        rule: format!("rule-{}", 1 + dice.roll(400)),
        kind: dice.pick(Kind::ALL),
        severity: dice.pick(Severity::ALL),
        source: format!("tool{}", dice.roll(12)),
        state: dice.pick(&[IssueState::Open, IssueState::Open, IssueState::Open, IssueState::Fixed, IssueState::Ignored]),
        is_new: dice.roll(10) == 0,
        author: Some(format!("dev{}", dice.roll(40))),
        branches: vec!["main".to_owned()],
        path: TreePath::new(format!("src/mod{}/file_{}.py", dice.roll(501), dice.roll(3_001))),
        message: format!("{} {} '{name}' in {} {}", dice.pick(VERBS), dice.pick(NOUNS), dice.pick(NOUNS), dice.pick(NOUNS)),
        line_text: Some(format!("    {name} = {}({name}, {})", dice.pick(THINGS), dice.roll(1_000))),
        first_seen_at: Timestamp::from_millis(at),
    }
}

fn resident(what: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("RssAnon") || line.starts_with("VmHWM"));
    println!("memory {what}: {}", lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", "));
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let is_smoke = std::env::args().any(|arg| arg == "--test") || std::env::var_os("PLUMBLINE_BENCH_SMOKE").is_some();
    let count: u64 = arguments.next().map_or(if is_smoke { 1_000 } else { 100_000 }, |count| count.parse().unwrap());
    let kept = arguments.next().map(PathBuf::from);
    let directory = kept.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("plumbline-bench-{}", std::process::id())));

    resident("at the start");
    let index = SearchIndex::in_directory(&directory);
    index.open().unwrap();
    let from = index.watermark().unwrap().map_or(0, |mark| mark.fed);
    // An index that was kept may hold more.
    let count = count.max(from);
    println!("{} issues", thousands(count));
    if from < count {
        let mut dice = Dice(3);
        let began = Instant::now();
        for start in (from..count).step_by(BATCH as usize) {
            let end = (start + BATCH).min(count);
            index.apply((start..end).map(|number| Change::Put(Box::new(document(number, &mut dice)))), end).unwrap();
        }
        println!("indexing: {:.0} documents/s", (count - from) as f64 / began.elapsed().as_secs_f64());
        resident("after indexing");
        index.rest_if_idle(Duration::ZERO);
        resident("at rest");
    }

    let now = Timestamp::from_millis(START + (count as i64 / 500) * 3_600_000 + DAY_MS);
    let ask = |text: &str| {
        let question =
            Question { query: &parse(text).unwrap(), scope: &Scope::All, sort: Sort::Newest, limit: Limit::default(), after: None, now };
        let began = Instant::now();
        let found = index.search(&question).unwrap();
        (began.elapsed(), found.total)
    };
    ask("unused");
    resident("after the first query");
    let mut all = Vec::new();
    for text in QUERIES {
        let mut times: Vec<Duration> = (0..15).map(|_| ask(text).0).collect();
        times.sort();
        println!("{:>9.2?} p50 {:>9.2?} max {:>8} found  {text}", times[7], times[14], ask(text).1);
        all.extend(times);
    }
    all.sort();
    println!("queries: p50 {:.2?}, p95 {:.2?}", all[all.len() / 2], all[all.len() * 95 / 100]);
    resident("after all queries");
    if kept.is_none() {
        drop(index);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
