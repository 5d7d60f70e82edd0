//! What the appliance itself costs in a run of checks: a repository of 2,000 files, 800 of them with findings, on a real disk.
//!
//! Three runs are told apart: the first, which judges every file; the same commit once more; and a commit that changes ten files. Each is
//! measured from the claim to the finished claim. *Own share* is all of it but the plugin's own computing; what the plugin reads from git
//! is the appliance's. With `--test` or `PLUMBLINE_BENCH_SMOKE=1` it runs briefly and asserts nothing about time.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should say so where it stands")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use plumbline::app::{App, runner};
use plumbline::base::event::Actor;
use plumbline::base::id::{Ids, RepoId};
use plumbline::base::name::{CommitSha, RepoSlug};
use plumbline::base::text::thousands;
use plumbline::base::time::Clock;
use plumbline::base::work::Lane;
use plumbline::domain::issues::{Chunk, Issue, Node, Standing};
use plumbline::domain::repos::{BadgeKey, NewRepository, RepoSource};
use plumbline::domain::{checks, repos};
use plumbline::engine::store::{ReadTx, Record, Scan, Statistics};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

mod support;

use support::{Dice, Repo, Table, median, ms};

/// How long the spans of each name lasted, what they called left out.
#[derive(Clone, Default)]
struct Spent(Arc<Mutex<BTreeMap<&'static str, Duration>>>);

thread_local! {
    /// The spans that are entered on this thread: since when, and how much of it was spent in spans within.
    static ENTERED: RefCell<Vec<(Instant, Duration)>> = const { RefCell::new(Vec::new()) };
}

impl<S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>> Layer<S> for Spent {
    fn on_enter(&self, _: &tracing::span::Id, _: Context<'_, S>) {
        ENTERED.with_borrow_mut(|entered| entered.push((Instant::now(), Duration::ZERO)));
    }

    fn on_exit(&self, id: &tracing::span::Id, context: Context<'_, S>) {
        let Some((began, within)) = ENTERED.with_borrow_mut(Vec::pop) else { return };
        let took = began.elapsed();
        ENTERED.with_borrow_mut(|entered| entered.last_mut().into_iter().for_each(|(_, within)| *within += took));
        if let Some(span) = context.span(id) {
            *self.0.lock().unwrap().entry(span.name()).or_default() += took.saturating_sub(within);
        }
    }
}

impl Spent {
    fn take(&self) -> BTreeMap<&'static str, Duration> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

const WORDS: &[&str] = &["reader", "total", "index", "value", "entry", "cursor", "limit", "state", "window", "packet", "offset", "handle"];

/// Some five kilobytes of a file of this kind.
fn content(extension: &str, is_faulty: bool, dice: &mut Dice) -> String {
    let mut text = String::new();
    let mut line = 0;
    let open = match extension {
        "json" => "{\n  \"first\": 1",
        _ => "",
    };
    text.push_str(open);
    while text.len() < 5_000 {
        line += 1;
        let (a, b, n) = (dice.pick(WORDS), dice.pick(WORDS), dice.roll(10_000));
        match extension {
            "rs" => text.push_str(&format!("    let {a}_{line} = {b}.checked_add({n}).unwrap_or_default();\n")),
            "py" => text.push_str(&format!("    {a}_{line} = {b}.get(\"{a}\", {n})  # of the {b}\n")),
            "ts" => text.push_str(&format!("export const {a}{line}: number = {b}({n});\n")),
            "json" => text.push_str(&format!(",\n  \"{a}_{line}\": {{ \"{b}\": [{n}, true, null] }}")),
            "yaml" => text.push_str(&format!("{a}_{line}:\n  {b}: {n}\n  name: \"{a} {b}\"\n")),
            _ => text.push_str(&format!("The {a} of the {b} is {n} at most.\n\n")),
        }
    }
    match (extension, is_faulty) {
        ("json", false) => text.push_str("\n}\n"),
        // A comma too many.
        ("json", true) => text.push_str(",\n}\n"),
        ("yaml", true) => text.push_str("broken: [1, 2\nafter: }\n"),
        (_, true) => text.push_str("<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> topic\n"),
        _ => {}
    }
    text
}

fn files(count: usize) -> BTreeMap<String, String> {
    let mut dice = Dice(7);
    (0..count)
        .map(|n| {
            let extension = ["rs", "py", "ts", "rs", "json", "py", "yaml", "ts", "md", "rs"][n % 10];
            let path = format!("src/area{:02}/part{:02}/file_{n}.{extension}", n % 23, n % 7);
            (path, content(extension, n % 5 < 2, &mut dice))
        })
        .collect()
}

/// How many bytes there are of the rows that say what stands at commits, and of issues.
fn stored(tx: &ReadTx) -> u64 {
    fn of<T: Record>(tx: &ReadTx) -> u64 {
        let rows = tx.find(&Scan::<T>::all(), usize::MAX).unwrap();
        rows.iter().map(|row| postcard::to_stdvec(row).unwrap().len() as u64 + 32).sum()
    }
    of::<Chunk>(tx) + of::<Node>(tx) + of::<Standing>(tx) + of::<Issue>(tx)
}

/// One run of checks as it was measured.
struct Run {
    total: Duration,
    own: Duration,
    spent: BTreeMap<&'static str, Duration>,
    before: Statistics,
    after: Statistics,
    stored: u64,
}

struct World {
    app: App,
    repo: RepoId,
    spent: Spent,
}

impl World {
    fn sync(&self) {
        while runner::run_next(&self.app, Lane::Git, "bench", None).unwrap() {}
    }

    fn head(&self) -> CommitSha {
        let repo = self.repo;
        self.app.read_now(|tx, _| repos::default_branch(tx, &repos::get(tx, repo)?)).unwrap().unwrap().head
    }

    fn run(&self) -> Run {
        let stored_before = self.app.read_now(|tx, _| Ok::<_, repos::Error>(stored(tx))).unwrap();
        let before = self.app.store.statistics();
        self.spent.take();
        let began = Instant::now();
        assert!(runner::run_next(&self.app, Lane::Checks, "bench", None).unwrap(), "there is a set to run");
        let total = began.elapsed();
        let spent = self.spent.take();
        let after = self.app.store.statistics();
        let (repo, sha) = (self.repo, self.head());
        let set = self.app.read_now(|tx, _| checks::find(tx, repo, sha)).unwrap();
        assert!(set.state.is_finished() && set.is_settled && set.error.is_none(), "{set:?}");
        let stored = self.app.read_now(|tx, _| Ok::<_, repos::Error>(stored(tx))).unwrap() - stored_before;
        let own = total - spent.get("plugin").copied().unwrap_or_default();
        Run { total, own, spent, before, after, stored }
    }
}

/// The longest time that a closure held the writer while so many branches were recorded, each with a commit of its own whose check is
/// asked for: those that come to a repository once it is known.
fn recording(dir: &std::path::Path, branches: usize) -> Duration {
    let mut source = Repo::new(dir.join("branches.git"));
    source.commit(&files(1));
    let app = App::open(support::config(&dir.join("branches")), Clock::System, Ids::system()).unwrap();
    let (slug, remote, badge_key) = (RepoSlug::local("branches").unwrap(), source.git.display().to_string(), BadgeKey::random());
    let new = NewRepository { slug, source: RepoSource::Local, remote, is_trusted: false, badge_key, owner: None };
    let repo = app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap().id;
    let world = World { app, repo, spent: Spent::default() };
    world.sync();
    for number in 0..branches {
        source.branch(&format!("topic-{number:05}"));
    }
    world.app.write_now(&Actor::System, move |tx, now| repos::request_sync(tx, repo, now)).unwrap();
    let began = Instant::now();
    world.sync();
    let known = world.app.read_now(|tx, _| repos::all_branches(tx, repo)).unwrap().len();
    assert_eq!(known, branches + 1, "every branch is recorded");
    println!("{branches} new branches fetched and recorded in {}", ms(began.elapsed()));
    world.app.store.statistics().longest_verb
}

/// What a plain write of a page that is to survive a power cut costs on this disk.
fn fdatasync(dir: &std::path::Path) -> Duration {
    let mut file = std::fs::File::create(dir.join("probe")).unwrap();
    file.write_all(&vec![0; 1 << 20]).unwrap();
    file.sync_all().unwrap();
    median(
        (0..50_u8)
            .map(|n| {
                let began = Instant::now();
                std::os::unix::fs::FileExt::write_all_at(&file, &[n; 4096], u64::from(n) * 4096).unwrap();
                file.sync_data().unwrap();
                began.elapsed()
            })
            .collect(),
    )
}

fn told(what: &str, runs: &[Run]) -> (Duration, Duration) {
    let of = |name: &str| median(runs.iter().map(|run| run.spent.get(name).copied().unwrap_or_default()).collect());
    let (total, own) = (median(runs.iter().map(|run| run.total).collect()), median(runs.iter().map(|run| run.own).collect()));
    let last = runs.last().unwrap();
    println!(
        "{what}: {} in all, own share {}: plugin {}, git {}, identities {}, store read {}, store written {} (of it commits {}), blobs {}; \
         {} commits, {} verbs, {} rows, {} bytes handed to the engine",
        ms(total),
        ms(own),
        ms(of("plugin")),
        ms(of("git")),
        ms(of("identify")),
        ms(of("read")),
        ms(of("write")),
        ms(of("commit")),
        ms(of("blob")),
        last.after.commits - last.before.commits,
        last.after.verbs - last.before.verbs,
        last.after.rows - last.before.rows,
        last.after.bytes - last.before.bytes,
    );
    (total, own)
}

fn main() {
    // With the one that is there, as many branches as are taken of a repository.
    let (count, rounds, branches) = if support::is_smoke() { (40, 1, 100) } else { (2_000, 9, 9_999) };
    let spent = Spent::default();
    let filter = tracing_subscriber::filter::Targets::new().with_target("plumbline", tracing::Level::TRACE);
    tracing_subscriber::registry().with(spent.clone().with_filter(filter)).init();

    let dir = support::folder();
    println!("a page and fdatasync on this disk: {}", ms(fdatasync(dir.path())));
    let mut files = files(count);
    // What is measured is the appliance: the plugin that costs least, alone.
    files.insert(".plumbline.yaml".to_owned(), "version: 1\nissues: {fail_on: none}\nchecks: [{plugin: hygiene}]\n".to_owned());
    let mut source = Repo::new(dir.path().join("source.git"));
    source.commit(&files);
    let app = App::open(support::config(&dir.path().join("data")), Clock::System, Ids::system()).unwrap();
    let remote = source.git.display().to_string();
    let slug = RepoSlug::local("measured").unwrap();
    let badge_key = BadgeKey::random();
    let new = NewRepository { slug, source: RepoSource::Local, remote, is_trusted: false, badge_key, owner: None };
    let repo = app.write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now)).unwrap().id;
    let world = World { app, repo, spent };
    world.sync();

    let first = world.run();
    told("first run", std::slice::from_ref(&first));
    let mut again = Vec::new();
    let mut ten = Vec::new();
    let paths: Vec<String> = files.keys().filter(|path| path.starts_with("src/")).cloned().collect();
    let cpu_before = support::cpu();
    for round in 0..rounds {
        let sha = world.head();
        world.app.write_now(&Actor::System, move |tx, now| checks::request(tx, repo, sha, now)).unwrap();
        again.push(world.run());

        for n in 0..10 {
            let path = &paths[(round * 131 + n * 17) % paths.len()];
            let content = files.get_mut(path).unwrap();
            let at = content.find('\n').map_or(0, |at| at + 1);
            if path.ends_with("json") {
                content.insert_str(at, &format!("  \"added_{round}\": {n},\n"));
            } else {
                content.insert_str(at, &format!("added_{round}: {n}\n"));
            }
        }
        source.commit(&files);
        world.app.write_now(&Actor::System, move |tx, now| repos::request_sync(tx, repo, now)).unwrap();
        world.sync();
        ten.push(world.run());
    }
    let cpu = (support::cpu() - cpu_before) / u32::try_from(rounds).unwrap();
    let (_, again_own) = told("the same commit again", &again);
    let (_, ten_own) = told("ten files changed", &ten);
    println!("processor time of a round (run again, making a commit, fetch, run): {}", ms(cpu));

    let counts = world.app.read_now(|tx, _| Ok::<_, repos::Error>(tx.count(&Scan::<Issue>::all(), usize::MAX)?)).unwrap();
    println!("{count} files, {counts} issues");
    let bound = Duration::from_millis(250);
    let mut table = Table::new();
    table.tell("Own share of the first run, every one of 2,000 files judged", &ms(first.own));
    table.time("Own share of a run of checks, 2,000 files, warm: the same commit again", again_own, bound);
    table.time("Own share of a run of checks, 2,000 files, warm: ten files changed", ten_own, bound);
    let stored = median(ten.iter().map(|run| run.stored).collect());
    let handed = median(ten.iter().map(|run| run.after.bytes - run.before.bytes).collect());
    let kib = |bytes: u64| format!("{} KiB", bytes.div_ceil(1024));
    table.bound("Rows that a commit stores which changes ten of 2,000 files", &kib(stored), "kilobytes: under 64 KiB", stored < 64 << 10);
    table.bound(
        "The same with events, work and index entries, rewritten rows counted each time",
        &kib(handed),
        "under 128 KiB",
        handed < 128 << 10,
    );
    let longest = world.app.store.statistics().longest_verb;
    let held = Duration::from_millis(20);
    table.time("Longest time a closure held the writer, all runs", longest, held);
    let recorded = format!("Recording {} new branches: longest closure", thousands(branches as u64));
    table.time(&recorded, recording(dir.path(), branches), held);
    table.finish();
}
