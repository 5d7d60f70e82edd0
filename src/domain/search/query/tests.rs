use proptest::prelude::*;

use super::*;

fn refused(query: &str) -> (usize, String) {
    let invalid = parse(query).expect_err(query);
    (invalid.position, invalid.message)
}

fn canonical(query: &str) -> String {
    parse(query).unwrap_or_else(|invalid| panic!("{query}: {invalid}")).to_string()
}

#[test]
fn words_side_by_side_bind_tighter_than_or() {
    assert_eq!(canonical("a b OR c d"), "a b OR c d");
    assert_eq!(canonical("a (b OR c) d"), "a (b OR c) d");
    assert_eq!(canonical("(a b) OR (c)"), "a b OR c");
    assert_eq!(canonical("((a)) (b (c))"), "a b c");
    assert_eq!(parse("a b OR c").unwrap(), Ast::or(vec![Ast::and(vec![word("a"), word("b")]), word("c")]));
}

fn word(text: &str) -> Ast {
    Ast::Words { words: vec![text.to_owned()], is_open: false }
}

#[test]
fn a_query_has_one_canonical_form() {
    for (query, expected) in [
        ("", ""),
        ("  \t ", ""),
        ("FooBar", "foobar"),
        ("no-unused-vars", "\"no unused vars\""),
        ("\"Foo, bar!\"", "\"foo bar\""),
        ("\"one\"", "one"),
        ("pre*", "pre*"),
        ("no-unu*", "no-unu*"),
        ("-a", "-a"),
        ("--a", "a"),
        ("-(a b)", "-(a b)"),
        ("-(-a)", "a"),
        ("-\"a b\"", "-\"a b\""),
        ("-kind:bug", "-kind:bug"),
        ("SEVERITY:Major,critical,major", "severity:major,critical"),
        ("severity:>=major", "severity:major,critical,blocker"),
        ("severity:<minor", "severity:info"),
        ("state:new,open", "state:new,open"),
        ("path:\"a b/*.c\",src/", "path:\"a b/*.c\",src/"),
        ("path:\"src/*.rs\"", "path:src/*.rs"),
        ("rule:\"a\\\"b\\\\ \"", "rule:\"a\\\"b\\\\ \""),
        ("age:<7d,>=30w", "age:<7d,>=30w"),
        ("a\"b c\"d", "a \"b c\" d"),
        ("12:30", "\"12 30\""),
        ("or", "or"),
        ("ORDER", "order"),
    ] {
        assert_eq!(canonical(query), expected, "{query}");
    }
}

#[test]
fn a_query_that_cannot_be_read_says_where() {
    for (query, position) in [
        ("a)", 1),
        (")", 0),
        ("é (a", 2),
        ("(", 0),
        ("a ()", 2),
        ("OR a", 0),
        ("a OR", 2),
        ("a OR OR b", 5),
        ("(a OR )", 3),
        ("a OR )", 5),
        ("-OR", 1),
        ("- a", 0),
        ("a -", 2),
        ("-)", 0),
        ("a \"b", 2),
        ("\"\"", 0),
        ("a ->", 3),
        ("f*o", 1),
        ("*", 0),
        ("-*", 1),
        ("foo-*", 4),
        ("a kind:", 7),
        ("kind:bug,", 9),
        ("kind:bug,bgu", 9),
        ("severity:>blocker", 9),
        ("state:closed", 6),
        ("age:7d", 4),
        ("age:<7y", 4),
        ("age:<99999999999d", 4),
        ("a pth:x", 2),
        ("path:\"x", 5),
    ] {
        assert_eq!(refused(query).0, position, "{query}: {}", refused(query).1);
    }
}

#[test]
fn what_is_not_known_is_answered_with_what_is() {
    assert!(refused("pth:x").1.contains("did you mean `path:`"));
    assert!(refused("zebra:x").1.contains("repo, path, kind"));
    assert!(refused("kind:bog").1.contains("did you mean `bug`"));
    assert!(refused("kind:zebra").1.contains("style, performance, security"));
    assert!(refused("severity:>=zebra").1.contains("info, minor, major"));
    assert!(refused("state:closed").1.contains("new, open, fixed, ignored"));
}

#[test]
fn a_query_is_bounded_in_length_depth_and_terms() {
    assert_eq!(refused(&"a".repeat(QUERY_MAX_CHARS + 1)).0, QUERY_MAX_CHARS);
    assert!(parse(&"é".repeat(QUERY_MAX_CHARS)).is_ok());
    assert!(parse(&format!("{}a{}", "(".repeat(DEPTH_MAX), ")".repeat(DEPTH_MAX))).is_ok());
    assert_eq!(refused(&format!("{}a{}", "(".repeat(DEPTH_MAX + 1), ")".repeat(DEPTH_MAX + 1))).0, DEPTH_MAX);
    assert!(parse(&"a ".repeat(TERMS_MAX)).is_ok());
    assert_eq!(refused(&"a ".repeat(TERMS_MAX + 1)).0, TERMS_MAX * 2);
    assert!(parse(&format!("path:{}", "a*".repeat(200))).is_err());
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("src/".to_owned()),
        Just("**/a.rs".to_owned()),
        Just("src/*.rs".to_owned()),
        Just("src/a.rs".to_owned()),
        Just("*".to_owned()),
        Just("acme/app".to_owned()),
        Just("APP".to_owned()),
        Just("main".to_owned()),
        Just("e501".to_owned()),
        Just("no-*".to_owned()),
        "[a-bA-B/ ,()\"*\\\\-]{1,4}",
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    fn some<T: Clone + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = Vec<T>> {
        proptest::sample::subsequence(all, 1..=2)
    }
    let patterns = |field: FieldName| {
        proptest::collection::vec(value(), 1..3).prop_map(move |texts| {
            let mut patterns: Vec<Pattern> = Vec::new();
            for text in texts {
                let pattern = Pattern::new(field, &text).unwrap();
                if !patterns.contains(&pattern) {
                    patterns.push(pattern);
                }
            }
            patterns
        })
    };
    let age = (proptest::sample::select(Comparison::ALL), 0_u32..20, proptest::sample::select(&[Unit::Hour, Unit::Day][..]))
        .prop_map(|(comparison, count, unit)| Age { comparison, count, unit });
    prop_oneof![
        patterns(FieldName::Repo).prop_map(Filter::Repo),
        patterns(FieldName::Path).prop_map(Filter::Path),
        patterns(FieldName::Rule).prop_map(Filter::Rule),
        patterns(FieldName::Source).prop_map(Filter::Source),
        patterns(FieldName::Author).prop_map(Filter::Author),
        patterns(FieldName::Branch).prop_map(Filter::Branch),
        some(&crate::domain::issues::finding::Kind::ALL[..4]).prop_map(Filter::Kind),
        some(crate::domain::issues::finding::Severity::ALL).prop_map(Filter::Severity),
        some(StateFilter::ALL).prop_map(Filter::State),
        age.prop_map(|age| Filter::Age(vec![age])),
    ]
}

/// Any tree that a query can have, over few words, so that documents of few words are found by some.
pub(in crate::domain::search) fn asts() -> impl Strategy<Value = Ast> {
    let few = proptest::sample::select(&["foo", "bar", "baz", "a", "rs", "src", "foobar", "foo_bar", "no", "e", "501"][..]);
    let words = (proptest::collection::vec(few.prop_map(str::to_owned), 1..4), any::<bool>())
        .prop_map(|(words, is_open)| Ast::Words { words, is_open });
    let leaf = prop_oneof![3 => words, 2 => filter().prop_map(Ast::Filter)];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Ast::and),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Ast::or),
            inner.prop_map(Ast::not),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_within_it(query in any::<String>()) {
        if let Err(invalid) = parse(&query) {
            prop_assert!(invalid.position <= query.chars().count());
        }
    }

    #[test]
    fn any_row_of_signs_is_read_or_refused_within_it(query in "([ab ()\"*:,\\-\\\\]|OR|kind:|age:|path:){0,40}") {
        match parse(&query) {
            Ok(ast) => prop_assert_eq!(parse(&ast.to_string()).unwrap(), ast),
            Err(invalid) => prop_assert!(invalid.position <= query.chars().count()),
        }
    }

    #[test]
    fn what_a_tree_prints_is_read_as_the_same_tree(ast in asts()) {
        let printed = ast.to_string();
        match parse(&printed) {
            Ok(read) => prop_assert_eq!(read, ast),
            Err(invalid) => prop_assert!(printed.chars().count() > QUERY_MAX_CHARS || invalid.message.contains("too many"), "{}: {}", printed, invalid),
        }
    }
}
