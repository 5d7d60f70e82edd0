use std::cell::Cell;

use crate::base::name::TreePath;
use crate::domain::issues::finding::Span;
use crate::engine::git::memory::MemoryTree;
use crate::engine::git::tree::FileKind;

use super::*;

/// Says one thing a line, and nothing of the tree.
struct Chatty;

impl Builtin for Chatty {
    fn name(&self) -> &'static str {
        "chatty"
    }

    fn version(&self) -> u32 {
        1
    }

    fn wants(&self, _: &TreeFile, size: u64) -> Wants {
        if size == 0 { Wants::Nothing } else { Wants::Content { cap: size } }
    }

    fn file(&self, file: &TreeFile, _: u64, content: &[u8]) -> Vec<Finding> {
        let lines = u32::try_from(content.split(|byte| *byte == b'\n').count()).unwrap();
        (1..=lines).map(|line| finding(&file.path, line)).collect()
    }

    fn tree(&self, _: &dyn Tree, _: &dyn Fn() -> bool) -> git::Result<OfTree> {
        Ok(OfTree::default())
    }
}

fn finding(path: &TreePath, line: u32) -> Finding {
    let (kind, severity) = (Kind::Style, Severity::Minor);
    Finding {
        rule: "line".into(),
        message: "m".into(),
        path: path.clone(),
        span: Some(Span::line(line)),
        kind,
        severity,
        fingerprint: None,
    }
}

#[test]
fn every_builtin_is_found_by_its_name() {
    for builtin in all() {
        assert_eq!(find(builtin.name()).map(Builtin::name), Some(builtin.name()));
    }
    assert!(find("hygiene").is_some() && find("nothing").is_none());
}

/// All that a check says of a tree, by path and place.
pub(super) fn all_of(plugin: &dyn Builtin, tree: &dyn Tree) -> Vec<Finding> {
    let Said { mut of_files, of_tree, .. } = over(plugin, tree, &|| false, &mut |_| {}).unwrap();
    of_files.extend(of_tree);
    of_files.sort_by(|a, b| (&a.path, a.span, &a.rule).cmp(&(&b.path, b.span, &b.rule)));
    of_files
}

fn over(plugin: &dyn Builtin, tree: &dyn Tree, cancel: &dyn Fn() -> bool, progress: &mut dyn FnMut(usize)) -> Result<Said, Error> {
    let files: Vec<&TreeFile> = tree.files().iter().collect();
    run(plugin, tree, &files, MAX_PER_CHECK, cancel, progress)
}

#[test]
fn one_file_cannot_drown_the_rest() {
    let tree = MemoryTree::new([("a", FileKind::Regular, "\n".repeat(500)), ("b", FileKind::Regular, "x".to_owned())]);
    let findings = all_of(&Chatty, &tree);
    assert_eq!(findings.len(), MAX_PER_FILE + 1 + 1);
    let more = &findings[MAX_PER_FILE];
    assert_eq!((more.rule.as_str(), more.message.as_str()), (TOO_MANY, "451 further findings from here on are left out"));
    assert_eq!(more.span, Some(Span::line(51)));
    assert_eq!(findings.last().unwrap().path, TreePath::new("b"));
}

#[test]
fn a_run_ends_when_it_has_said_enough() {
    let files = (0..400).map(|n| (format!("{n:04}"), FileKind::Regular, "\n".repeat(60)));
    let said = over(&Chatty, &MemoryTree::new(files), &|| false, &mut |_| {}).unwrap();
    assert_eq!((said.of_files.len(), said.is_cut), (MAX_PER_CHECK, true));
    assert!(said.judged < 200, "{} files were judged", said.judged);
}

#[test]
fn as_much_as_is_taken_is_not_too_much() {
    let tree = MemoryTree::new([("a", FileKind::Regular, "\n"), ("b", FileKind::Regular, "x")]);
    let files: Vec<&TreeFile> = tree.files().iter().collect();
    for (most, kept, is_cut) in [(3, 3, false), (2, 2, true), (0, 0, true)] {
        let said = run(&Chatty, &tree, &files, most, &|| false, &mut |_| {}).unwrap();
        assert_eq!((said.of_files.len(), said.is_cut), (kept, is_cut));
    }
}

#[test]
fn a_canceled_run_stops_and_says_so() {
    let tree = MemoryTree::new((0..100).map(|n| (format!("{n}"), FileKind::Regular, "x")));
    let (asked, seen) = (Cell::new(0), Cell::new(0));
    let cancel = || {
        asked.set(asked.get() + 1);
        asked.get() > 10
    };
    let outcome = over(&Chatty, &tree, &cancel, &mut |done| seen.set(done));
    assert!(matches!(outcome, Err(Error::Canceled { plugin: "chatty" })));
    assert_eq!(seen.get(), 9);
}

#[test]
fn progress_ends_at_the_whole() {
    let tree = MemoryTree::new([("a", FileKind::Regular, "x"), ("b", FileKind::Regular, "y")]);
    let mut heard = Vec::new();
    over(&Chatty, &tree, &|| false, &mut |done| heard.push(done)).unwrap();
    assert_eq!(heard, [0, 1, 2]);
}
