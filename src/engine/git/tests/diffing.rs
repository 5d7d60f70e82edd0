//! Lines and files that differ.

use proptest::prelude::*;

use super::fixture::{EXECUTABLE, FILE, Fixture};
use super::*;
use crate::engine::git::diff::{Change, Hunk, RenameLimits, diff_trees, line_after, line_before, line_hunks};

const CAP: usize = 1 << 20;

fn hunk(before: std::ops::Range<u32>, after: std::ops::Range<u32>) -> Hunk {
    Hunk { before, after }
}

#[test]
fn hunks_are_the_lines_that_differ() {
    assert_eq!(line_hunks(b"a\nb\nc\n", b"a\nb\nc\n", CAP), []);
    assert_eq!(line_hunks(b"a\nb\nc\n", b"a\nX\nc\n", CAP), [hunk(1..2, 1..2)]);
    assert_eq!(line_hunks(b"a\nc\n", b"a\nb\nc\n", CAP), [hunk(1..1, 1..2)]);
    assert_eq!(line_hunks(b"", b"a\nb", CAP), [hunk(0..0, 0..2)]);
    assert_eq!(line_hunks(b"a\nb\n", b"", CAP), [hunk(0..2, 0..0)]);
}

#[test]
fn binary_and_huge_contents_are_replaced_whole() {
    assert_eq!(line_hunks(b"a\nb\n\0", b"a\nc\n", CAP), [hunk(0..3, 0..2)]);
    assert_eq!(line_hunks(b"a\nb\n", b"a\nc\n", 7), [hunk(0..2, 0..2)]);
}

#[test]
fn a_line_is_found_again_on_the_other_side() {
    let hunks = line_hunks(b"1\n2\n3\n4\n5\n", b"0\n1\n2\nX\n5\n", CAP);
    let after: Vec<_> = (0..5).map(|line| line_after(&hunks, line)).collect();
    assert_eq!(after, [Some(1), Some(2), None, None, Some(4)]);
    let before: Vec<_> = (0..5).map(|line| line_before(&hunks, line)).collect();
    assert_eq!(before, [None, Some(0), Some(1), None, Some(4)]);
}

proptest! {
    #[test]
    fn what_lies_between_hunks_is_the_same_on_both_sides(a in "[abc\n]{0,60}", b in "[abc\n]{0,60}") {
        let hunks = line_hunks(a.as_bytes(), b.as_bytes(), CAP);
        let (old, new): (Vec<_>, Vec<_>) = (a.split_inclusive('\n').collect(), b.split_inclusive('\n').collect());
        let mut mapped = Vec::new();
        for (line, text) in old.iter().enumerate() {
            if let Some(after) = line_after(&hunks, line as u32) {
                prop_assert_eq!(*text, new[after as usize]);
                prop_assert_eq!(line_before(&hunks, after), Some(line as u32));
                mapped.push(after);
            }
        }
        prop_assert!(mapped.is_sorted());
        let removed: u32 = hunks.iter().map(|hunk| hunk.before.end - hunk.before.start).sum();
        prop_assert_eq!(mapped.len() + removed as usize, old.len());
    }
}

fn changes(base: &[(&str, &str)], head: &[(&str, &str)]) -> Vec<String> {
    let fixture = Fixture::bare();
    let (base, head) = (fixture.commit(fixture.tree(base), &[], "x"), fixture.commit(fixture.tree(head), &[], "y"));
    let mirror = open(&fixture.git);
    let (base, head) = (mirror.tree(sha(base)).unwrap(), mirror.tree(sha(head)).unwrap());
    diff_trees(&base, &head, &RenameLimits::default()).unwrap().iter().map(told).collect()
}

fn told(change: &Change) -> String {
    match (&change.before, &change.after, change.renamed_from()) {
        (_, _, Some(from)) => format!("{from} -> {}", change.path),
        (None, _, None) => format!("+ {}", change.path),
        (_, None, None) => format!("- {}", change.path),
        _ => format!("* {}", change.path),
    }
}

#[test]
fn files_are_added_modified_and_deleted() {
    let (base, head) = ([("a", "1"), ("b", "2"), ("d/c", "3")], [("a", "1"), ("b", "two"), ("d/e", "something else entirely")]);
    assert_eq!(changes(&base, &head), ["* b", "- d/c", "+ d/e"]);
    assert_eq!(changes(&base, &base), Vec::<String>::new());
}

#[test]
fn a_file_that_moved_unchanged_is_a_rename_and_the_one_of_its_name_comes_first() {
    assert_eq!(changes(&[("a/x.rs", "same\n")], &[("b/x.rs", "same\n")]), ["a/x.rs -> b/x.rs"]);
    let (base, head) = ([("a/x", "same\n"), ("a/y", "same\n")], [("b/y", "same\n"), ("b/z", "same\n")]);
    assert_eq!(changes(&base, &head), ["a/y -> b/y", "a/x -> b/z"]);
    assert_eq!(changes(&[("a", "s\n")], &[("b", "s\n"), ("c", "s\n")]), ["a -> b", "+ c"], "a file moves to one place");
}

#[test]
fn a_file_of_which_half_stayed_is_a_rename_and_one_of_which_less_stayed_is_not() {
    let lines = |range: std::ops::Range<u32>| range.map(|n| format!("line number {n:03}\n")).collect::<String>();
    assert_eq!(changes(&[("a", &lines(0..10))], &[("b", &lines(5..15))]), ["a -> b"]);
    assert_eq!(changes(&[("a", &lines(0..10))], &[("b", &lines(6..16))]), ["- a", "+ b"]);
    let (base, head) = ([("a", lines(0..10)), ("b", lines(20..30))], [("c", lines(21..30)), ("d", lines(1..10))]);
    let base: Vec<_> = base.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let head: Vec<_> = head.iter().map(|(path, text)| (*path, text.as_str())).collect();
    assert_eq!(changes(&base, &head), ["b -> c", "a -> d"]);
}

#[test]
fn a_changed_mode_is_a_change_and_a_file_that_became_a_directory_is_two() {
    let fixture = Fixture::bare();
    let blob = fixture.blob("x");
    let mirror = open(&fixture.git);
    let tree = |mode| mirror.tree(sha(fixture.commit(fixture.tree_of(&[(mode, b"run", blob)]), &[], "x"))).unwrap();
    let found = diff_trees(&tree(FILE), &tree(EXECUTABLE), &RenameLimits::default()).unwrap();
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), ["* run"]);
    assert_eq!(changes(&[("a", "1")], &[("a/b", "2")]), ["- a", "+ a/b"]);
}

#[test]
fn ten_thousand_moved_files_of_one_content_are_paired_soon() {
    let fixture = Fixture::bare();
    let blob = fixture.blob("same\n");
    let mirror = open(&fixture.git);
    let tree = |dir: &str| {
        let names: Vec<String> = (0..10_000).map(|n| format!("{dir}/{n:05}")).collect();
        let files: Vec<_> = names.iter().map(|name| (FILE, name.as_bytes(), blob)).collect();
        mirror.tree(sha(fixture.commit(fixture.tree_of(&files), &[], "x"))).unwrap()
    };
    let begun = std::time::Instant::now();
    let found = diff_trees(&tree("a"), &tree("b"), &RenameLimits::default()).unwrap();
    assert_eq!(found.len(), 10_000);
    assert_eq!(told(&found[77]), "a/00077 -> b/00077");
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
}
