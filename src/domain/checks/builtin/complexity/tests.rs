use super::*;
use crate::base::name::TreePath;
use crate::domain::checks::builtin::tests::all_of;
use crate::engine::git::memory::MemoryTree;

/// The functions of a text: `name score`.
fn scores(path: &str, content: &str) -> Vec<String> {
    let grammar = Grammar::of(&TreePath::new(path)).unwrap();
    let tree = parse(grammar, content.as_bytes()).unwrap();
    let functions = score::functions(grammar, &tree, content.as_bytes());
    functions.iter().map(|function| format!("{} {}", function.name.as_deref().unwrap_or("?"), function.score())).collect()
}

#[test]
fn each_language_is_measured_by_the_same_rules() {
    // A loop 1, in it a condition 2, its alternatives 1 and 1, a row of operators 1.
    for (path, content) in [
        ("a.rs", "fn f() { for x in y { if a && b && c { } else if d { } else { } } }"),
        ("a.py", "def f():\n  for x in y:\n    if a and b and c:\n      p()\n    elif d:\n      p()\n    else:\n      p()\n"),
        ("a.js", "function f() { for (;;) { if (a && b && c) { } else if (d) { } else { } } }"),
        ("a.ts", "const f = <T>(x: T): T => { while (x) { if (a && b && c) { } else if (d) { } else { } } }"),
        ("a.go", "package a\nfunc f() { for { if a && b && c { } else if d { } else { } } }"),
        ("a.java", "class A { void f() { for (int x : y) { if (a && b && c) { } else if (d) { } else { } } } }"),
    ] {
        assert_eq!(scores(path, content), ["f 6"], "{path}");
    }
}

#[test]
fn a_row_of_operators_costs_once_and_each_change_once_more() {
    for (condition, score) in [
        ("a && b && c", 1),
        ("a && b || c", 2),
        ("a && b && c || d || e && f", 3),
        ("a || b && c || d", 3),
        ("a && !(b && c)", 2),
        ("a && (b && c)", 1),
        ("a == b", 0),
    ] {
        let content = format!("fn f() -> bool {{ {condition} }}");
        let expected: Vec<String> = if score == 0 { Vec::new() } else { vec![format!("f {score}")] };
        assert_eq!(scores("a.rs", &content), expected, "{condition}");
    }
}

#[test]
fn choices_handlers_jumps_and_calls_of_itself_are_counted() {
    assert_eq!(scores("a.rs", "fn f(n: u8) { 'a: loop { match n { 0 => break 'a, 1 => break, _ => f(n - 1) } } }"), ["f 5"]);
    assert_eq!(scores("a.py", "def f(x):\n  try:\n    g()\n  except A:\n    return 1 if x else 2\n"), ["f 3"]);
    assert_eq!(scores("a.java", "class A { int f() { try { g(); } catch (B b) { switch (c) { default: } } return this.f(); } }"), ["f 4"]);
    assert_eq!(scores("a.go", "package a\nfunc f() { for { select { } }; goto x; x: }"), ["f 4"]);
}

#[test]
fn a_call_of_something_else_with_the_same_name_is_none_of_itself() {
    assert_eq!(scores("a.rs", "fn len(&self) -> usize { if self.x { self.items.len() } else { inner::len() } }"), ["len 2"]);
}

#[test]
fn a_function_within_another_counts_one_level_deeper() {
    assert_eq!(scores("a.rs", "fn f() { if a { } g(|x| if x { }); }"), ["f 3"]);
    assert_eq!(scores("a.js", "function f() { if (a) { } const g = () => { if (b) { } } }"), ["f 3"]);
}

#[test]
fn a_function_that_only_holds_others_leaves_each_its_own() {
    assert_eq!(scores("a.py", "def deco(f):\n  def inner(x):\n    if x:\n      f()\n  return inner\n"), ["inner 1"]);
    assert_eq!(scores("a.js", "describe(() => { it(() => { if (a) { } }); it(() => { for (;;) { } }) })"), ["? 1", "? 1"]);
}

/// A function of so many conditions, each within the one before.
fn nested(depth: usize) -> String {
    format!("fn deep() {{\n{}{}}}\n", "if a {\n".repeat(depth), "}\n".repeat(depth))
}

#[test]
fn the_message_says_what_contributes_most_and_where() {
    let tree = MemoryTree::new([("a.rs", FileKind::Regular, nested(6)), ("b.rs", FileKind::Regular, nested(5))]);
    let findings = all_of(&Complexity, &tree);
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].span, Some(Span { line_end: 14, ..Span::line(1) }));
    let expected = "`deep` has a cognitive complexity of 21 of 15 allowed, 6 points too many; \
                    most comes from nested conditions and loops at lines 5, 6 and 7";
    assert_eq!(findings[0].message, expected);
}

#[test]
fn a_function_that_the_grammar_cannot_read_is_passed_over() {
    let broken = nested(8).replacen("if a {", "if ) ( {", 1);
    let tree = MemoryTree::new([("a.rs", FileKind::Regular, broken)]);
    assert!(all_of(&Complexity, &tree).is_empty());
}

#[test]
fn what_others_wrote_is_not_measured() {
    let tree = MemoryTree::new([("vendor/a.rs", FileKind::Regular, nested(9)), ("a.rb", FileKind::Regular, nested(9))]);
    assert!(all_of(&Complexity, &tree).is_empty());
}

#[test]
fn nesting_without_end_is_judged_in_bounded_time_and_stack() {
    let judge = || {
        for unit in
            ["(", "{", "if a {", "[", "a && ", "fn f() {", "\"", "'", "lambda: ", "if a:\n ", "x => ", "<a>", "`${", "!", "r#\"", "/*"]
        {
            for path in ["a.rs", "a.py", "a.ts", "a.jsx", "a.go", "a.java"] {
                let content = unit.repeat(8_000 / unit.len());
                let tree = MemoryTree::new([(path, FileKind::Regular, content)]);
                all_of(&Complexity, &tree);
            }
        }
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(judge).unwrap().join().unwrap();
}

/// The time of the walk alone over a text, whose parsing has a bound of its own.
fn walked(path: &str, content: &str) -> Duration {
    let grammar = Grammar::of(&TreePath::new(path)).unwrap();
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&grammar.language).unwrap();
    let tree = parser.parse(content, None).unwrap();
    let started = Instant::now();
    score::functions(grammar, &tree, content.as_bytes());
    started.elapsed()
}

#[test]
fn functions_within_functions_without_end_are_walked_in_a_time_that_grows_with_their_number() {
    let arrows = format!("{}x", "x=>".repeat(300_000));
    assert!(arrows.len() as u64 <= MAX_FILE);
    assert!(walked("a.js", &arrows) < Duration::from_secs(5), "{:?}", walked("a.js", &arrows));
    let holders = format!("{}{}{}", "(()=>{".repeat(2_000), "(()=>{if(a){}});".repeat(20_000), "});".repeat(2_000));
    assert!(walked("a.js", &holders) < Duration::from_secs(5), "{:?}", walked("a.js", &holders));
    let judged = || all_of(&Complexity, &MemoryTree::new([("a.js", FileKind::Regular, arrows.clone())]));
    let started = Instant::now();
    judged();
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn a_function_in_more_others_than_are_kept_apart_is_part_of_the_innermost() {
    let depth = 100;
    let content = format!("{}if (a) {{}}{}", "function f() { ".repeat(depth), "}".repeat(depth));
    assert_eq!(scores("a.js", &content).len(), 1);
    let beyond = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    assert!(scores("a.js", &format!("function f() {{ if (a) {{}} return {beyond}; }}")).len() <= 1);
}
