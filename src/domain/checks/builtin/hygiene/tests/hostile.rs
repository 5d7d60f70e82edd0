//! Input that is made to exhaust, and input that is made of anything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;

/// Generous, since builds without optimization run here too and machines are shared.
const SOON: Duration = Duration::from_secs(5);

fn xml_laughs() -> String {
    let mut text = "<!DOCTYPE a [<!ENTITY l0 \"lol\">".to_owned();
    for level in 1..20 {
        text.push_str(&format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)));
    }
    text + "]><a>&l19;</a>"
}

fn yaml_laughs() -> String {
    let mut text = "l0: &l0 [x]\n".to_owned();
    for level in 1..40 {
        text.push_str(&format!("l{level}: &l{level} [{}]\n", vec![format!("*l{}", level - 1); 10].join(",")));
    }
    text
}

#[test]
fn what_is_made_to_exhaust_is_judged_in_bounded_time_and_stack() {
    // Each is so long that anything quadratic in it would not end in time.
    let unit = 1 << 17;
    let inputs = [
        ("lists.json", "[".repeat(4 * unit)),
        ("objects.json", "{\"a\":".repeat(15_000)),
        ("string.json", format!("\"{}", "\\\"".repeat(2 * unit - 1))),
        ("slashes.json", "/".repeat(4 * unit)),
        ("quotes.json", "\"".repeat(4 * unit)),
        ("lines.jsonl", "{}\n".repeat(unit)),
        ("unclosed.jsonl", "[\n".repeat(unit)),
        ("lists.yaml", "[".repeat(unit)),
        ("dashes.yaml", "- ".repeat(unit / 2)),
        ("nested.yaml", (0..400).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect()),
        ("line.yaml", "a".repeat(unit)),
        ("keys.yaml", "a: ".repeat(unit / 3)),
        ("anchors.yaml", "- &a x\n".repeat(unit / 7)),
        ("laughs.yaml", yaml_laughs()),
        ("questions.yaml", "? ".repeat(unit / 2)),
        ("flow.yaml", format!("[{}]", "{a: [b, c]}, ".repeat(9_000))),
        ("lists.toml", format!("a = {}", "[".repeat(2 * unit - 4))),
        ("tables.toml", format!("[{}a]", "a.".repeat(unit - 2))),
        ("inline.toml", format!("a = {}", "{a = ".repeat(50_000))),
        ("many.toml", (0..15_000).map(|n| format!("[t{n}]\n")).collect()),
        ("dotted.toml", (0..15_000).map(|n| format!("a.b.c{n} = 1\n")).collect()),
        ("elements.xml", "<a>".repeat(unit)),
        ("attributes.xml", format!("<a {}/>", (0..40_000).map(|n| format!("a{n}='' ")).collect::<String>())),
        ("open.xml", format!("<{}", "a".repeat(4 * unit - 1))),
        ("bangs.xml", "<!".repeat(2 * unit)),
        ("laughs.xml", xml_laughs()),
        ("markers.rs", "<<<<<<< a\n=======\n".repeat(25_000)),
        ("markers.md", "```\n<<<<<<< a\n".repeat(25_000)),
        ("line.rs", "x".repeat(4 * unit)),
    ];
    // Half the stack of a thread of ours, in builds whose frames are large.
    let judged = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
        for (path, content) in inputs {
            assert!(content.len() as u64 <= MAX_TEXT, "{path} would not be looked at");
            let tree = MemoryTree::new([(path, FileKind::Regular, content)]);
            let started = Instant::now();
            let findings = all_of(&Hygiene, &tree);
            assert!(started.elapsed() < SOON, "{path} took {:?}", started.elapsed());
            assert!(findings.len() <= builtin::MAX_PER_FILE + 1, "{path} is spoken of too often");
            assert!(findings.iter().all(|finding| finding.message.len() < 400), "{path} is answered at length");
        }
    });
    judged.unwrap().join().unwrap();
}

#[test]
fn ten_megabytes_of_brackets_are_not_parsed() {
    let tree = MemoryTree::new([("a.json", FileKind::Regular, vec![b'['; 10 << 20])]);
    assert_eq!(Hygiene.wants(&tree.files()[0], 10 << 20), Wants::Head { bytes: SNIFFED as u64 });
}

#[test]
fn links_and_paths_without_end_are_followed_in_bounded_time() {
    let mut files: Vec<(String, FileKind, String)> = Vec::new();
    // Each link is two of the one before: 2^5000 steps to the end.
    for n in 1..5_000 {
        files.push((format!("l{n:05}"), FileKind::Symlink, format!("l{0:05}/../l{0:05}", n - 1)));
    }
    files.push(("deep".to_owned(), FileKind::Symlink, "../".repeat(1_300)));
    files.push(("long".to_owned(), FileKind::Symlink, "a/".repeat(4_000)));
    files.push(("x/".repeat(2_000) + "y", FileKind::Regular, String::new()));
    let tree = MemoryTree::new(files);
    let started = Instant::now();
    all_of(&Hygiene, &tree);
    assert!(started.elapsed() < SOON, "took {:?}", started.elapsed());
}

/// A tree that counts how many bytes of it were read.
struct Counted {
    whole: MemoryTree,
    read: AtomicUsize,
}

impl Tree for Counted {
    fn listing(&self) -> &git::tree::Listing {
        self.whole.listing()
    }

    fn content_size(&self, file: &TreeFile) -> git::Result<u64> {
        self.whole.content_size(file)
    }

    fn content(&self, file: &TreeFile, cap: u64) -> git::Result<Vec<u8>> {
        let content = self.whole.content(file, cap)?;
        self.read.fetch_add(content.len(), Ordering::Relaxed);
        Ok(content)
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> git::Result<Vec<u8>> {
        let head = self.whole.content_head(file, most)?;
        self.read.fetch_add(head.len(), Ordering::Relaxed);
        Ok(head)
    }
}

#[test]
fn links_that_are_each_within_bounds_are_bounded_together() {
    // A long way on its own; and one that leads on to the next link, and so forty times as far as it is long.
    let alone = "a/../".repeat(818) + "a";
    let chained = |n: usize| format!("{}l{:05}", "a/../".repeat(38), n + 1);
    for target in [&(|_| alone.clone()) as &dyn Fn(usize) -> String, &chained] {
        let links = (0..20_000).map(|n| (format!("l{n:05}"), FileKind::Symlink, target(n)));
        let whole = MemoryTree::new(links.chain([("a/b".to_owned(), FileKind::Regular, String::new())]));
        let tree = Counted { whole, read: AtomicUsize::new(0) };
        let started = Instant::now();
        Hygiene.tree(&tree, &|| false).unwrap();
        assert!(started.elapsed() < SOON, "took {:?}", started.elapsed());
        assert!(tree.read.into_inner() <= 4 << 20, "more than the bound on all targets was read");
    }
}

#[test]
fn a_canceled_look_at_the_tree_ends_soon() {
    let tree = MemoryTree::new((0..10_000).map(|n| (format!("l{n}"), FileKind::Symlink, "nowhere")));
    assert_eq!(Hygiene.tree(&tree, &|| true).unwrap().findings, Vec::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_under_any_name_are_judged(
        name in prop::sample::select(vec!["a.json", "a.jsonl", "a.yaml", "a.toml", "a.xml", "a.rs", "a.md", ".github/a.yml", "Makefile"]),
        bytes in proptest::collection::vec(any::<u8>(), 1..400),
        text in "[\\[\\]{}:,&*!|>'\"%@`#?\\-=/ \\n\\r\\tab01~<]{0,300}",
    ) {
        for content in [bytes, text.clone().into_bytes(), format!("\u{feff}<a>{text}").into_bytes()] {
            let lines = content.split(|byte| *byte == b'\n').count();
            let tree = MemoryTree::new([(name, FileKind::Regular, content)]);
            for finding in all_of(&Hygiene, &tree) {
                let span = finding.span.unwrap();
                prop_assert!(span.line_start >= 1 && span.line_start as usize <= lines, "{finding:?}");
                prop_assert!(span.column_start.is_none_or(|column| column >= 1));
            }
        }
    }
}
