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

    fn tree(&self, _: &dyn Tree, _: &dyn Fn() -> bool) -> git::Result<Vec<Finding>> {
        Ok(Vec::new())
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

#[test]
fn one_file_cannot_drown_the_rest() {
    let tree = MemoryTree::new([("a", FileKind::Regular, "\n".repeat(500)), ("b", FileKind::Regular, "x".to_owned())]);
    let findings = run(&Chatty, &tree, &|| false, &mut |_, _| {}).unwrap();
    assert_eq!(findings.len(), MAX_PER_FILE + 1 + 1);
    let more = &findings[MAX_PER_FILE];
    assert_eq!((more.rule.as_str(), more.message.as_str()), (TOO_MANY, "451 further findings from here on are left out"));
    assert_eq!(more.span, Some(Span::line(51)));
    assert_eq!(findings.last().unwrap().path, TreePath::new("b"));
}

#[test]
fn a_run_ends_when_it_has_said_enough() {
    let files = (0..400).map(|n| (format!("{n:04}"), FileKind::Regular, "\n".repeat(60)));
    let findings = run(&Chatty, &MemoryTree::new(files), &|| false, &mut |_, _| {}).unwrap();
    assert_eq!(findings.len(), MAX_PER_RUN + 1);
    assert_eq!(findings.last().unwrap().rule, TOO_MANY);
}

#[test]
fn a_canceled_run_stops_and_says_so() {
    let tree = MemoryTree::new((0..100).map(|n| (format!("{n}"), FileKind::Regular, "x")));
    let (asked, seen) = (Cell::new(0), Cell::new(0));
    let cancel = || {
        asked.set(asked.get() + 1);
        asked.get() > 10
    };
    let outcome = run(&Chatty, &tree, &cancel, &mut |done, _| seen.set(done));
    assert!(matches!(outcome, Err(Error::Canceled { plugin: "chatty" })));
    assert_eq!(seen.get(), 9);
}

#[test]
fn progress_ends_at_the_whole() {
    let tree = MemoryTree::new([("a", FileKind::Regular, "x"), ("b", FileKind::Regular, "y")]);
    let mut heard = Vec::new();
    run(&Chatty, &tree, &|| false, &mut |done, of| heard.push((done, of))).unwrap();
    assert_eq!(heard, [(0, 2), (1, 2), (2, 2)]);
}
