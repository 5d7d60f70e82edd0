//! Pitfalls by name, and what holds for any input.

mod histories;
mod promises;
mod world;

use self::world::{carried, carried_with, commit, passes};
use super::*;

const BODY: &str = "def a():\n    one()\n    two()\n    three()\n    four()\n    five()\n    six()\n";

#[test]
fn a_line_that_others_push_down_keeps_its_issue() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "m")]);
    let head = commit(&[("a.py", &format!("import x\n\n{BODY}"))], &[("a.py", 5, "r", "m")]);
    assert_eq!(passes(&base, &head), [Some(Pass::Mapped)]);
}

#[test]
fn a_renamed_file_keeps_its_issues_though_lines_of_it_changed() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "m"), ("a.py", 0, "r", "whole file"), ("a.py", 5, "r", "`x` unused")]);
    let changed = BODY.replace("four()", "for_()");
    let head =
        commit(&[("b/c.py", &changed)], &[("b/c.py", 3, "r", "m"), ("b/c.py", 0, "r", "whole file"), ("b/c.py", 5, "r", "`y` unused")]);
    assert_eq!(carried_with(&base, &head, &[("a.py", "b/c.py")]), [Some(1), Some(2), Some(3)]);
}

/// A file whose line endings were turned is one hunk; with two lines more at its top, the first of two equal lines stood where the second
/// was, and took its issue.
#[test]
fn equal_lines_that_are_pushed_down_together_do_not_take_each_others_place() {
    let old = "def a():\r\n    if b:\r\n        return c()\r\n\r\n    return c()\r\n";
    let new = "import d\nimport e\ndef a():\n    if b:\n        return c()\n\n    return c()\n";
    let base = commit(&[("a.py", old)], &[("a.py", 3, "r", "m"), ("a.py", 5, "r", "m")]);
    let head = commit(&[("a.py", new)], &[("a.py", 5, "r", "m"), ("a.py", 7, "r", "m")]);
    assert_eq!(carried(&base, &head), [Some(1), Some(2)]);
}

#[test]
fn another_rule_or_another_tool_is_another_issue() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r1", "m"), ("a.py", 0, "r1", "m")]);
    let head = commit(&[("a.py", BODY)], &[("a.py", 3, "r2", "m"), ("a.py", 0, "r2", "m")]);
    assert_eq!(carried(&base, &head), [None, None]);
    let mut other_tool = base.places();
    other_tool.iter_mut().for_each(|place| place.source = "other".to_owned());
    assert_eq!(track(&base.known(), &other_tool, &[]).head, [None, None]);
}

#[test]
fn a_fixed_issue_is_gone_and_an_added_one_is_new() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "`two` is bad")]);
    let head = commit(&[("a.py", &BODY.replace("    two()\n", "").replace("six", "seven"))], &[("a.py", 6, "r", "`seven` is bad")]);
    let tracked = world::tracked(&base, &head, &[]);
    assert_eq!((tracked.head, tracked.gone), (vec![None], vec![world::issue(1)]));
}

#[test]
fn of_two_findings_on_one_line_each_keeps_its_identity() {
    let mut base =
        commit(&[("a.py", BODY)], &[("a.py", 2, "secret", "token"), ("a.py", 2, "secret", "token"), ("a.py", 2, "secret", "key")]);
    base.at_columns(&[5, 40, 70]);
    let mut head = commit(&[("a.py", &format!("x\n{BODY}"))], &[("a.py", 3, "secret", "key"), ("a.py", 3, "secret", "token")]);
    head.at_columns(&[70, 40]);
    let tracked = world::tracked(&base, &head, &[]);
    assert_eq!(world::numbers(&tracked), [Some(3), Some(2)]);
    assert_eq!(tracked.gone, [world::issue(1)]);
}

#[test]
fn a_third_finding_on_a_line_with_two_is_the_only_new_one() {
    let findings = [("a.py", 2, "secret", "token"); 3];
    let base = commit(&[("a.py", BODY)], &findings[..2]);
    let head = commit(&[("a.py", BODY)], &findings);
    assert_eq!(carried(&base, &head), [Some(1), Some(2), None]);
}

#[test]
fn turning_line_endings_changes_no_identity_though_lines_were_added_above() {
    let findings = [("a.py", 3, "r", "m"), ("a.py", 5, "r", "m"), ("a.py", 0, "r", "mixed")];
    let base = commit(&[("a.py", BODY)], &findings);
    let head = commit(&[("a.py", &BODY.replace('\n', "\r\n"))], &findings);
    assert_eq!(carried(&base, &head), [Some(1), Some(2), Some(3)]);
    let shifted = format!("import x\nimport y\n{BODY}").replace('\n', "\r\n");
    let head = commit(&[("a.py", &shifted)], &[("a.py", 5, "r", "m"), ("a.py", 7, "r", "m"), ("a.py", 0, "r", "mixed")]);
    assert_eq!(carried(&base, &head), [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_finding_of_a_whole_file_is_known_by_its_rule_path_and_message() {
    let base = commit(&[("a.py", BODY), ("b.py", BODY)], &[("a.py", 0, "size", "1200 lines (1000)"), ("b.py", 0, "size", "3 lines")]);
    let head = commit(
        &[("a.py", &format!("{BODY}more\n")), ("b.py", BODY)],
        &[("b.py", 0, "size", "3 lines"), ("a.py", 0, "size", "1201 lines (1000)"), ("a.py", 0, "size", "too deep")],
    );
    assert_eq!(carried(&base, &head), [Some(2), Some(1), None]);
}

#[test]
fn a_tool_that_words_its_messages_anew_creates_no_issue() {
    let base =
        commit(&[("a.py", BODY), ("b.py", BODY)], &[("a.py", 3, "r", "old"), ("a.py", 4, "r", "old"), ("b.py", 0, "r", "old words")]);
    let reworded = [("a.py", 3, "r", "New wording: bad"), ("a.py", 4, "r", "New wording: bad"), ("b.py", 0, "r", "new words")];
    let head = commit(&[("a.py", BODY), ("b.py", BODY)], &reworded);
    assert_eq!(carried(&base, &head), [Some(1), Some(2), Some(3)]);
    assert_eq!(passes(&base, &head), [Some(Pass::LineText); 3]);
    // Also where the same commit changed the file.
    let head = commit(&[("a.py", &format!("x\n{BODY}")), ("b.py", BODY)], &[("a.py", 4, "r", "New"), ("a.py", 5, "r", "New")]);
    assert_eq!(carried(&base, &head), [Some(1), Some(2)]);
}

#[test]
fn an_edited_line_keeps_its_issue_if_the_message_says_the_same() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "line too long (93 > 88)"), ("a.py", 5, "r", "`four` is bad")]);
    let edited = BODY.replace("two()", "two(1)\n    added()").replace("four", "for_");
    let head = commit(&[("a.py", &edited)], &[("a.py", 3, "r", "line too long (95 > 88)"), ("a.py", 6, "r", "`for_` is bad")]);
    assert_eq!(passes(&base, &head), [Some(Pass::LineMessage); 2]);
    let head = commit(&[("a.py", &edited)], &[("a.py", 3, "r", "something else"), ("a.py", 6, "r", "and another")]);
    assert_eq!(carried(&base, &head), [None, None]);
}

#[test]
fn an_edited_line_below_an_added_one_is_found_from_the_end_of_its_hunk() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "m")]);
    let head = commit(&[("a.py", &BODY.replace("    two()", "    added()\n    two(1)"))], &[("a.py", 4, "r", "m")]);
    assert_eq!(passes(&base, &head), [Some(Pass::LineMessage)]);
}

#[test]
fn a_finding_on_the_line_that_closed_the_gap_of_a_removed_one_is_new() {
    let base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "m")]);
    let head = commit(&[("a.py", &BODY.replace("    two()\n", ""))], &[("a.py", 3, "r", "m")]);
    assert_eq!(carried(&base, &head), [None]);
}

#[test]
fn a_block_that_moved_within_its_file_takes_its_issues_along() {
    let other = "def b():\n    b1()\n    b2()\n    b3()\n    b4()\n    b5()\n    b6()\n    b7()\n    b8()\n";
    let base = commit(&[("a.py", &format!("{BODY}{other}"))], &[("a.py", 2, "r", "m"), ("a.py", 6, "r", "m"), ("a.py", 12, "r", "m")]);
    let head = commit(&[("a.py", &format!("{other}{BODY}"))], &[("a.py", 5, "r", "m"), ("a.py", 11, "r", "m"), ("a.py", 15, "r", "m")]);
    assert_eq!(carried(&base, &head), [Some(3), Some(1), Some(2)]);
}

#[test]
fn of_equal_lines_that_moved_each_goes_by_its_surroundings() {
    // Two functions, each with the same bad line, change places, and are indented, so that no line is unchanged.
    let one = "def one():\n    first()\n    bad()\n    second()\n";
    let two = "def two():\n    bad()\n    third()\n    fourth()\n    fifth()\n";
    let base = commit(&[("a.py", &format!("{one}{two}"))], &[("a.py", 3, "r", "m"), ("a.py", 6, "r", "m")]);
    let indented: String = format!("{two}{one}").lines().map(|line| format!("  {line}\n")).collect();
    let head = commit(&[("a.py", &indented)], &[("a.py", 2, "r", "m"), ("a.py", 8, "r", "m")]);
    assert_eq!(carried(&base, &head), [Some(2), Some(1)]);
}

#[test]
fn a_function_that_moved_to_another_file_takes_its_issues_along() {
    let rest = "import os\n\ndef rest():\n    pass\n\n";
    let base = commit(&[("a.py", &format!("{rest}{BODY}")), ("b.py", "import sys\n")], &[("a.py", 7, "r", "m"), ("a.py", 11, "r", "m")]);
    let moved: String = BODY.lines().map(|line| format!("    {line}\n")).collect();
    let head = commit(
        &[("a.py", rest), ("b.py", &format!("import sys\n\nclass C:\n{moved}"))],
        &[("b.py", 5, "r", "m"), ("b.py", 9, "r", "m"), ("b.py", 1, "r", "m")],
    );
    assert_eq!(passes(&base, &head), [Some(Pass::Moved), Some(Pass::Moved), None]);
    assert_eq!(carried(&base, &head), [Some(1), Some(2), None]);
}

#[test]
fn two_lines_in_common_are_not_yet_a_move_to_another_file() {
    let base = commit(&[("a.py", "try:\n    x()\nexcept:\n    pass\n"), ("b.py", "b()\n")], &[("a.py", 3, "bare-except", "m")]);
    let head = commit(&[("a.py", "x()\n"), ("b.py", "b()\ntry:\n    y()\nexcept:\n    pass\n")], &[("b.py", 4, "bare-except", "m")]);
    assert_eq!(carried(&base, &head), [None]);
}

#[test]
fn a_finding_does_not_move_out_of_or_into_a_file_that_did_not_change() {
    let base = commit(&[("a.py", BODY), ("b.py", BODY)], &[("a.py", 4, "r", "m")]);
    let head = commit(&[("a.py", BODY), ("b.py", BODY)], &[("b.py", 4, "r", "m")]);
    assert_eq!(carried(&base, &head), [None]);
}

#[test]
fn of_a_copy_and_its_original_the_original_keeps_the_identity() {
    let base = commit(&[("a.py", &format!("start()\n{BODY}"))], &[("a.py", 4, "r", "m")]);
    // Above it, below it, and in another file.
    let above = commit(&[("a.py", &format!("{BODY}start()\n{BODY}"))], &[("a.py", 3, "r", "m"), ("a.py", 11, "r", "m")]);
    assert_eq!(carried(&base, &above), [None, Some(1)]);
    let below = commit(&[("a.py", &format!("start()\n{BODY}{BODY}"))], &[("a.py", 4, "r", "m"), ("a.py", 11, "r", "m")]);
    assert_eq!(carried(&base, &below), [Some(1), None]);
    let beside = [("a.py", &*format!("start()\n{BODY}")), ("0.py", &*format!("start()\n{BODY}"))];
    assert_eq!(carried(&base, &commit(&beside, &[("0.py", 4, "r", "m"), ("a.py", 4, "r", "m")])), [None, Some(1)]);
}

#[test]
fn a_tools_fingerprint_recognises_a_line_that_was_rewritten() {
    let mut base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "`two` is bad")]);
    base.findings[0].fingerprint = Some("function two".to_owned());
    let mut head = commit(&[("a.py", &BODY.replace("    two()", "    x()\n    y()\n    z()"))], &[("a.py", 4, "r", "quite different")]);
    assert_eq!(carried(&base, &head), [None]);
    head.findings[0].fingerprint = base.findings[0].fingerprint.clone();
    assert_eq!(passes(&base, &head), [Some(Pass::Hint)]);
    head.findings[0].rule = "other".to_owned();
    assert_eq!(carried(&base, &head), [None]);
}

#[test]
fn a_tools_fingerprint_made_of_line_numbers_misleads_nobody() {
    let mut base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "m"), ("a.py", 4, "r", "m")]);
    let mut head = commit(&[("a.py", &format!("x\n{BODY}"))], &[("a.py", 4, "r", "m"), ("a.py", 5, "r", "m")]);
    for commit in [&mut base, &mut head] {
        commit.findings.iter_mut().for_each(|finding| finding.fingerprint = finding.span.map(|span| format!("a.py:{}", span.line_start)));
    }
    assert_eq!(carried(&base, &head), [Some(1), Some(2)]);
}

#[test]
fn a_tools_fingerprint_that_several_share_decides_nothing() {
    let mut base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "one"), ("a.py", 5, "r", "two")]);
    let mut head =
        commit(&[("a.py", &BODY.replace("two", "x").replace("four", "y"))], &[("a.py", 3, "r", "three"), ("a.py", 5, "r", "four")]);
    for commit in [&mut base, &mut head] {
        commit.findings.iter_mut().for_each(|finding| finding.fingerprint = Some("r".to_owned()));
    }
    assert_eq!(carried(&base, &head), [None, None]);
}

#[test]
fn a_blank_line_is_known_by_its_surroundings_and_not_by_being_blank() {
    let base = commit(&[("a.py", "a\n \nb\nc\nd\ne\nf\ng\n\nh\n")], &[("a.py", 2, "W293", "white space")]);
    let elsewhere = commit(&[("a.py", "a\nb\nc\nd\ne\nf\ng\n\t\nh\n")], &[("a.py", 8, "W293", "white space")]);
    assert_eq!(carried(&base, &elsewhere), [None]);
    let turned = commit(&[("a.py", "x\r\na\r\n \r\nb\r\nc\r\nd\r\ne\r\nf\r\ng\r\n\r\nh\r\n")], &[("a.py", 3, "W293", "white space")]);
    assert_eq!(carried(&base, &turned), [Some(1)]);
}

#[test]
fn files_that_were_not_read_are_matched_by_line_and_message() {
    let mut base = commit(&[("a.py", BODY)], &[("a.py", 3, "r", "m"), ("a.py", 5, "r", "m")]).known();
    let mut head = commit(&[("a.py", BODY)], &[("a.py", 4, "r", "m"), ("a.py", 6, "r", "m")]).places();
    let places = base.iter_mut().map(|known| &mut known.place).chain(&mut head);
    places.for_each(|place| (place.text, place.block) = (None, None));
    let path = TreePath::new("a.py");
    let hunks = [Hunk { before: 0..0, after: 0..1 }, Hunk { before: 4..5, after: 5..6 }];
    let tracked = track(&base, &head, &[FileChange { before: Some(&path), after: Some(&path), hunks: &hunks }]);
    assert_eq!(world::numbers(&tracked), [Some(1), Some(2)]);
}

#[test]
fn paths_that_change_places_take_their_issues_along() {
    let other = BODY.replace("()", "(1)");
    let base = commit(&[("a.py", BODY), ("b.py", &other)], &[("a.py", 3, "r", "m"), ("b.py", 3, "r", "m")]);
    let head = commit(&[("a.py", &other), ("b.py", BODY)], &[("a.py", 3, "r", "m"), ("b.py", 3, "r", "m")]);
    assert_eq!(carried_with(&base, &head, &[("a.py", "b.py"), ("b.py", "a.py")]), [Some(2), Some(1)]);
}
