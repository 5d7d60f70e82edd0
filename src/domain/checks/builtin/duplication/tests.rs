use crate::base::name::TreePath;
use crate::domain::checks::builtin::tests::all_of;
use crate::engine::git::memory::MemoryTree;

use super::*;

/// A function of some twelve lines that is like no other of another number.
fn function(n: usize) -> String {
    let mut text = format!("fn total_{n}(orders: &[Order], rate: u32) -> Result<Summary, Failure> {{\n");
    for line in 0..10 {
        text.push_str(&format!("    let part_{n}_{line} = orders.iter().map(|order| order.weight_{line} * rate).sum::<u32>();\n"));
    }
    text.push_str(&format!("    Ok(Summary::new(part_{n}_0, part_{n}_9))\n}}\n"));
    text
}

/// Lines that no other number has, so that something stands between.
fn filler(n: usize) -> String {
    (0..6).map(|line| format!("static NAME_{n}_{line}: Lazy<Regex> = Lazy::new(|| compile({n}, {line}, Mode::Strict));\n")).collect()
}

fn tree(files: &[(&str, String)]) -> MemoryTree {
    MemoryTree::new(files.iter().map(|(path, content)| (*path, FileKind::Regular, content.clone())))
}

/// What is said of these files: `path:first-last message`.
fn said(files: &[(&str, String)]) -> Vec<String> {
    let place = |finding: &Finding| finding.span.map_or(String::new(), |span| format!(":{}-{}", span.line_start, span.line_end));
    all_of(&Duplication, &tree(files)).iter().map(|finding| format!("{}{} {}", finding.path, place(finding), finding.message)).collect()
}

#[test]
fn each_of_two_places_names_the_other() {
    let files = [("src/a.rs", filler(1) + &function(0)), ("src/b.rs", function(0) + &filler(2))];
    assert_eq!(said(&files), ["src/a.rs:7-19 13 lines also in `src/b.rs` line 1", "src/b.rs:1-13 13 lines also in `src/a.rs` line 7"]);
}

#[test]
fn two_places_in_one_file_name_each_other() {
    let files = [("a.rs", function(0) + &filler(1) + &function(0))];
    assert_eq!(said(&files), ["a.rs:1-13 13 lines also at line 20", "a.rs:20-32 13 lines also at line 1"]);
}

#[test]
fn of_many_places_two_are_named_and_the_others_counted() {
    let names = ["a.rs", "b.rs", "c.rs", "d.rs", "e.rs"];
    let files: Vec<(&str, String)> = names.iter().enumerate().map(|(n, name)| (*name, filler(n) + &function(0))).collect();
    let said = said(&files);
    assert_eq!(said[0], "a.rs:7-19 13 lines also in `b.rs` line 7, in `c.rs` line 7 and at 2 more places");
    assert_eq!(said.len(), 5);
}

#[test]
fn what_is_indented_wrapped_or_commented_anew_is_the_same() {
    let anew: String = function(0).lines().map(|line| format!("\t{}  // {}\n\n", line.replace(", ", ",\n"), line.len())).collect();
    assert_eq!(said(&[("a.rs", function(0)), ("b.rs", anew)]).len(), 2);
}

#[test]
fn one_name_that_differs_throughout_makes_it_other_code() {
    let other = function(0).replace("orders", "invoices").replace("rate", "share");
    assert!(said(&[("a.rs", function(0)), ("b.rs", other)]).is_empty());
}

#[test]
fn code_that_moved_is_one_place() {
    assert!(said(&[("new.rs", function(0))]).is_empty());
}

#[test]
fn a_mark_of_identity_goes_where_the_code_goes() {
    let marks = |files: &[(&str, String)]| -> Vec<Option<String>> {
        all_of(&Duplication, &tree(files)).into_iter().map(|finding| finding.fingerprint).collect()
    };
    let before = marks(&[("a.rs", function(0)), ("b.rs", filler(1) + &function(0))]);
    let after = marks(&[("a.rs", filler(2) + &function(0)), ("x/moved.rs", function(0) + &filler(3))]);
    assert_eq!(before, after);
    assert!(before[0].is_some() && before[0] != before[1]);
}

#[test]
fn the_longest_run_is_told_of_and_what_is_within_it_is_not() {
    let both = function(0) + &function(1);
    let files = [("a.rs", both.clone() + &filler(1)), ("b.rs", filler(2) + &both), ("c.rs", filler(3) + &function(1))];
    let expected = [
        "a.rs:1-26 26 lines also in `b.rs` line 7",
        "b.rs:7-32 26 lines also in `a.rs` line 1",
        "c.rs:7-19 13 lines also in `a.rs` line 14 and in `b.rs` line 20",
    ];
    assert_eq!(said(&files), expected);
}

#[test]
fn imports_licenses_and_tables_are_nobodys_fault() {
    let license: String =
        (0..40).map(|n| format!("// Clause {n}: the software is provided as it is, without warranty of any kind.\n")).collect();
    let imports: String = (0..40).map(|n| format!("use crate::domain::part_{n}::{{First{n}, Second{n}, third_{n}}};\n")).collect();
    let table: String = (0..40).map(|n| format!("    (\"name {n}\", {n}, {}, \"value\"),\n", n * 7)).collect();
    let same: String = "        builder.push(Entry::default());\n".repeat(60);
    for shared in [license, imports, table, same] {
        assert_eq!(said(&[("a.rs", filler(1) + &shared), ("b.rs", filler(2) + &shared)]), Vec::<String>::new(), "{shared}");
    }
}

#[test]
fn what_nobody_writes_by_hand_is_not_compared() {
    for (a, b) in [("vendor/a.rs", "b.rs"), ("a.json", "b.json"), ("a.min.js", "b.min.js"), ("src/a.js", "src/a.ts"), ("a.md", "b.md")] {
        assert_eq!(said(&[(a, function(0)), (b, function(0))]), Vec::<String>::new(), "{a}");
    }
    let generated = format!("// Code generated by a tool. DO NOT EDIT.\n{}", function(0));
    assert!(said(&[("a.rs", generated.clone()), ("b.rs", generated)]).is_empty());
}

#[test]
fn tests_may_repeat_themselves_more_freely() {
    assert!(said(&[("tests/a.rs", function(0)), ("tests/b.rs", function(0))]).is_empty());
    assert_eq!(said(&[("tests/a.rs", function(0)), ("src/b.rs", function(0))]).len(), 2);
    let inner = |n: usize| format!("{}\n#[cfg(test)]\nmod tests {{\n{}}}\n", filler(n), function(0));
    assert!(said(&[("a.rs", inner(1)), ("b.rs", inner(2))]).is_empty());
    let long: String = (0..3).map(function).collect();
    assert_eq!(said(&[("tests/a.rs", long.clone()), ("tests/b.rs", long)]).len(), 2);
}

#[test]
fn what_a_run_begins_and_does_not_finish_is_left_off() {
    let open = |n: usize| format!("{}fn start(first: Kind, second: Kind) {{\n    begin_{n}();\n}}\n", function(0));
    assert_eq!(said(&[("a.rs", open(1)), ("b.rs", open(2))])[0], "a.rs:1-13 13 lines also in `b.rs` line 1");
}

#[test]
fn a_tree_that_is_too_large_says_what_was_left_out() {
    let files: Vec<(String, FileKind, String)> =
        (0..20).map(|n| (format!("{n:02}.rs"), FileKind::Regular, filler(n) + &function(0))).collect();
    let tree = MemoryTree::new(files);
    for limits in [Limits { prints: 60, kept: 0, tokens: usize::MAX }, Limits { prints: usize::MAX, kept: usize::MAX, tokens: 1_000 }] {
        let findings = compare(&tree, limits, &|| false).unwrap();
        let note = findings.iter().find(|finding| finding.rule == "not-compared").unwrap();
        assert!(note.message.contains("not; exclude") && note.path > TreePath::new("00.rs"), "{note:?}");
        assert!(findings.len() > 2 && findings.len() < 21);
    }
}

#[test]
fn it_says_the_same_however_much_is_kept_from_the_first_look_to_the_second() {
    let files: Vec<(String, FileKind, String)> =
        (0..6).map(|n| (format!("{n}.rs"), FileKind::Regular, filler(n) + &function(n / 2) + &filler(n + 10))).collect();
    let tree = MemoryTree::new(files);
    let with = |kept: usize| compare(&tree, Limits { prints: usize::MAX, kept, tokens: usize::MAX }, &|| false).unwrap();
    let all = with(usize::MAX);
    assert_eq!(all.len(), 6);
    for kept in [0, 500, 1_000] {
        assert_eq!(with(kept), all, "{kept} tokens");
    }
}

#[test]
fn a_canceled_comparison_says_nothing() {
    let files = tree(&[("a.rs", function(0)), ("b.rs", function(0))]);
    assert_eq!(Duplication.tree(&files, &|| true).unwrap().findings, Vec::new());
}

#[test]
fn rows_of_equal_lines_cost_no_more_than_any_other() {
    let rows = "    values.push(first(second, third)[0].field);\n".repeat(20_000);
    let files: Vec<(String, FileKind, String)> = (0..8).map(|n| (format!("{n}.rs"), FileKind::Regular, rows.clone())).collect();
    assert!(all_of(&Duplication, &MemoryTree::new(files)).is_empty());
}

#[test]
fn rubbish_is_compared_like_anything_else() {
    let rubbish: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 20) as u8).collect();
    let lines: Vec<u8> = rubbish.iter().enumerate().map(|(at, byte)| if at % 40 == 0 { b'\n' } else { *byte | 1 }).collect();
    for path in ["a.rs", "a.js", "a.py", "a.cpp", "a.lua"] {
        let files = MemoryTree::new([(path, FileKind::Regular, lines.clone()), ("b/c.rs", FileKind::Regular, lines.clone())]);
        all_of(&Duplication, &files);
    }
}
