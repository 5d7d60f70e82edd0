//! What holds whatever the input: injective, deterministic, bounded.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::world::issue;
use super::*;

/// Places with so few values each that collisions of every kind are common.
fn places() -> impl Strategy<Value = Vec<Place>> {
    let place = (0_u8..3, 0_u32..12, 0_u8..2, 0_u8..2, 0_u8..4, 0_u8..4, prop::option::of(0_u8..3), 0_u32..3);
    let place = place.prop_map(|(path, line, source, rule, message, text, hint, column)| {
        let mark = |kind: &str, value: u8| Mark::of(format!("{kind}{value}").as_bytes());
        // Three texts, one of them blank, in a file that repeats them.
        let content: String = (0..14).map(|row| ["a\n", "b\n", "\n", "b\n"][(row + usize::from(text)) % 4]).collect();
        Place {
            path: TreePath::new(format!("{path}.py")),
            span: (line > 0).then(|| Span { column_start: (column > 0).then_some(column), ..Span::line(line) }),
            source: format!("tool{source}"),
            rule: format!("rule{rule}"),
            message: mark("message", message),
            shape: mark("shape", message / 2),
            text: LineIndex::of(content.as_bytes()).mark(line),
            block: LineIndex::of(content.as_bytes()).block(line),
            hint: hint.map(|hint| mark("hint", hint)),
        }
    });
    prop::collection::vec(place, 0..40)
}

/// Changes of the files of [`places`], sensible or not.
fn changes() -> impl Strategy<Value = Vec<(Option<TreePath>, Option<TreePath>, Vec<Hunk>)>> {
    let path = || prop::option::of((0_u8..3).prop_map(|path| TreePath::new(format!("{path}.py"))));
    let hunk = (0_u32..12, 0_u32..4, 0_u32..12, 0_u32..4);
    let hunk = hunk.prop_map(|(from, lines, to, more)| Hunk { before: from..from + lines, after: to..to + more });
    prop::collection::vec((path(), path(), prop::collection::vec(hunk, 0..3)), 0..4)
}

fn borrowed(changes: &[(Option<TreePath>, Option<TreePath>, Vec<Hunk>)]) -> Vec<FileChange<'_>> {
    changes.iter().map(|(before, after, hunks)| FileChange { before: before.as_ref(), after: after.as_ref(), hunks }).collect()
}

fn known(places: Vec<Place>, ids: impl Iterator<Item = u128>) -> Vec<Known> {
    places.into_iter().zip(ids).map(|(place, id)| Known { place, issue: issue(id) }).collect()
}

proptest! {
    #[test]
    fn no_identity_is_given_twice_and_none_across_rules(base in places(), head in places(), changes in changes(), ids in prop::collection::vec(1_u128..30, 40)) {
        // Some issues are named twice.
        let base = known(base, ids.into_iter());
        let tracked = track(&base, &head, &borrowed(&changes));
        let given: Vec<IssueId> = tracked.head.iter().flatten().map(|found| found.issue).collect();
        let distinct: BTreeSet<IssueId> = given.iter().copied().collect();
        prop_assert_eq!(distinct.len(), given.len());
        let all: BTreeSet<IssueId> = base.iter().map(|known| known.issue).collect();
        let gone: BTreeSet<IssueId> = tracked.gone.iter().copied().collect();
        prop_assert!(distinct.is_disjoint(&gone));
        prop_assert_eq!(&distinct | &gone, all);
        for (place, found) in head.iter().zip(&tracked.head) {
            let Some(found) = found else { continue };
            let same = |known: &Known| known.issue == found.issue && (&known.place.source, &known.place.rule) == (&place.source, &place.rule);
            prop_assert!(base.iter().any(same));
        }
    }

    #[test]
    fn the_order_of_the_input_decides_nothing(
        (base, mixed_base) in places().prop_map(|places| known(places, 1..)).prop_flat_map(|base| (Just(base.clone()), Just(base).prop_shuffle())),
        (head, mixed_head) in places().prop_flat_map(|head| (Just(head.clone()), Just(head).prop_shuffle())),
        (changes, mixed_changes) in changes().prop_flat_map(|changes| (Just(changes.clone()), Just(changes).prop_shuffle())),
    ) {
        let assigned = |head: &[Place], tracked: &Tracked| {
            let mut all: Vec<_> = head.iter().cloned().zip(tracked.head.iter().copied()).collect();
            all.sort();
            all
        };
        let one = track(&base, &head, &borrowed(&changes));
        let other = track(&mixed_base, &mixed_head, &borrowed(&mixed_changes));
        prop_assert_eq!(assigned(&head, &one), assigned(&mixed_head, &other));
        prop_assert_eq!(one.gone, other.gone);
    }

    #[test]
    fn a_commit_that_changes_nothing_keeps_every_issue(base in places().prop_map(|places| known(places, 1..))) {
        let head: Vec<Place> = base.iter().map(|known| known.place.clone()).collect();
        let tracked = track(&base, &head, &[]);
        prop_assert!(tracked.gone.is_empty());
        for (known, found) in base.iter().zip(&tracked.head) {
            let found = found.unwrap();
            let twin = base.iter().find(|other| other.issue == found.issue).unwrap();
            prop_assert_eq!(&twin.place, &known.place);
        }
    }

    #[test]
    fn files_that_did_not_change_may_be_left_out(base in places().prop_map(|places| known(places, 1..)), head in places(), changes in changes()) {
        let touched = |path: &TreePath| changes.iter().any(|(before, after, _)| [before, after].into_iter().flatten().any(|named| named == path));
        let few_base: Vec<Known> = base.iter().filter(|known| touched(&known.place.path)).cloned().collect();
        let few_head: Vec<Place> = head.iter().filter(|place| touched(&place.path)).cloned().collect();
        let all = track(&base, &head, &borrowed(&changes));
        let few = track(&few_base, &few_head, &borrowed(&changes));
        let of_touched: Vec<_> = head.iter().zip(&all.head).filter(|(place, _)| touched(&place.path)).map(|(_, found)| *found).collect();
        prop_assert_eq!(of_touched, few.head);
    }
}

/// A generated file: `count` lines alike, each with a finding alike.
fn giant(path: &str, count: u32, block: &Block) -> Vec<Place> {
    let place = |line| Place {
        path: TreePath::new(path),
        span: Some(Span::line(line)),
        source: "tool".to_owned(),
        rule: "rule".to_owned(),
        message: Mark::of(b"message"),
        shape: Mark::of(b"message"),
        text: Some(Mark::of(b"same")),
        block: Some(block.clone()),
        hint: Some(Mark::of(b"same")),
    };
    (1..=count).map(place).collect()
}

/// How long this thread has had a processor; where the system does not say, how long it is since `start`. Other work on the machine
/// does not count.
fn busy(start: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = stat.and_then(|stat| stat.split(' ').next()?.parse().ok());
    nanoseconds.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn within_a_second(base: &[Known], head: &[Place], changes: &[FileChange<'_>]) -> Tracked {
    let start = Instant::now();
    let before = busy(start);
    let tracked = track(base, head, changes);
    let took = busy(start).saturating_sub(before);
    assert!(took < Duration::from_secs(1), "took {took:?}");
    tracked
}

#[test]
fn a_giant_generated_file_is_matched_within_a_second() {
    const COUNT: u32 = 25_000;
    let content = b"same\n".repeat(11);
    let block = LineIndex::of(&content).block(6).unwrap();
    let (path, moved) = (TreePath::new("gen.js"), TreePath::new("gen2.js"));
    let base = known(giant("gen.js", COUNT, &block), 1..);
    let head = giant("gen.js", COUNT + 1, &block);
    // One line was put on top: each finding moves with its line.
    let hunks = [Hunk { before: 0..0, after: 0..1 }];
    let tracked = within_a_second(&base, &head, &[FileChange { before: Some(&path), after: Some(&path), hunks: &hunks }]);
    assert_eq!(tracked.head[0], None);
    assert_eq!(tracked.head[COUNT as usize].map(|found| found.issue), Some(issue(COUNT.into())));
    // The lines were not compared; and all findings are on one line now.
    let hunks = [Hunk { before: 0..COUNT, after: 0..COUNT + 1 }];
    let mut one_line = head.clone();
    one_line.iter_mut().for_each(|place| place.span = Some(Span::line(7)));
    for head in [&head, &one_line] {
        let tracked = within_a_second(&base, head, &[FileChange { before: Some(&path), after: Some(&path), hunks: &hunks }]);
        assert_eq!(tracked.head.iter().flatten().count(), COUNT as usize);
    }
    // Nothing is left that matches: every round looks at everything.
    let mut strange = head.clone();
    for (number, place) in strange.iter_mut().enumerate() {
        (place.text, place.message) = (Some(Mark::of(&number.to_be_bytes())), Mark::of(b"other"));
        (place.shape, place.block) = (Mark::of(b"other"), None);
    }
    let tracked = within_a_second(&base, &strange, &[FileChange { before: Some(&path), after: Some(&path), hunks: &hunks }]);
    assert_eq!(tracked.gone.len(), COUNT as usize);
    // It was removed, and its like was added.
    let head = giant("gen2.js", COUNT, &block);
    let removed = FileChange { before: Some(&path), after: None, hunks: &hunks };
    within_a_second(&base, &head, &[removed, FileChange { before: None, after: Some(&moved), hunks: &[] }]);
}

#[test]
fn pairs_are_compared_up_to_a_limit() {
    // Alike lines in blocks that all differ: without the limit each would be compared with each.
    const COUNT: u32 = 4_000;
    let base_content: String = (0..COUNT).map(|row| format!("same\nbase {row}\n")).collect();
    let head_content: String = (0..COUNT).map(|row| format!("same\nhead {row}\n")).collect();
    let (base_lines, head_lines) = (LineIndex::of(base_content.as_bytes()), LineIndex::of(head_content.as_bytes()));
    let path = TreePath::new("a.py");
    let on_lines = |lines: &LineIndex<'_>, message: &[u8]| -> Vec<Place> {
        let mut places = giant("a.py", COUNT, &lines.block(1).unwrap());
        for (place, line) in places.iter_mut().zip((1..).step_by(2)) {
            (place.span, place.text, place.block) = (Some(Span::line(line)), lines.mark(line), lines.block(line));
            (place.message, place.shape) = (Mark::of(message), Mark::of(message));
        }
        places
    };
    let base = known(on_lines(&base_lines, b"one"), 1..);
    let head = on_lines(&head_lines, b"other");
    let hunks = [Hunk { before: 0..2 * COUNT, after: 0..1 }];
    let tracked = within_a_second(&base, &head, &[FileChange { before: Some(&path), after: Some(&path), hunks: &hunks }]);
    assert!(tracked.head.iter().flatten().all(|found| found.pass != Pass::Block));
    assert_eq!(tracked.head.iter().flatten().count(), COUNT as usize);
}
