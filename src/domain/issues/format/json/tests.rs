use super::*;

const ITEMS: Pattern = &[Step::Key("items"), Step::Each];

fn walked(input: &str) -> (Vec<Result<Node, TooMuch>>, Walked) {
    let mut seen = Vec::new();
    let walked = walk(input.as_bytes(), Route { patterns: &[ITEMS], skip: &["skipped"], depth: 4 }, &mut |_, _, node| seen.push(node));
    (seen, walked)
}

#[test]
fn what_came_before_a_document_breaks_off_is_handed_over() {
    let (seen, walked) = walked(r#"{"other": [1, {"a": 2}], "items": [1, "two", {"thr"#);
    assert_eq!(seen, [Ok(Node::Int(1)), Ok(Node::Text("two".to_owned()))]);
    assert!(walked.broken.unwrap().is_eof());
    assert_eq!(walked.reached, [2]);
}

#[test]
fn a_record_that_is_too_deep_or_too_large_costs_itself_alone() {
    let large = format!("[{}]", vec!["0"; MAX_NODES + 1].join(","));
    let (seen, walked) = walked(&format!(r#"{{"items": [[[[[[1]]]]], {large}, 7]}}"#));
    assert_eq!(seen, [Err(TooMuch::Deep), Err(TooMuch::Large), Ok(Node::Int(7))]);
    assert!(walked.broken.is_none());
}

#[test]
fn names_that_nobody_looks_at_cost_nothing() {
    let (seen, _) = walked(r#"{"items": [{"skipped": [[[[[[[[]]]]]]]], "a": 1}]}"#);
    assert_eq!(seen, [Ok(Node::Map(vec![("a".to_owned(), Node::Int(1))]))]);
}

#[test]
fn a_document_of_another_kind_is_walked_to_its_end() {
    for (input, reached) in [("[]", 0), ("3", 0), (r#"{"items": {"a": 1}}"#, 1), (r#"{"items": null}"#, 1), (r#"{"items": []}"#, 2)] {
        let (seen, walked) = walked(input);
        assert_eq!((seen.len(), walked.reached[0], walked.broken.is_none()), (0, reached, true), "{input}");
    }
}

#[test]
fn what_json_does_not_have_is_mended_in_its_place() {
    let mended = |text: &str| String::from_utf8(prepare(text.as_bytes()).into_owned()).unwrap();
    assert_eq!(mended(r#"{"a": NaN, "b": -Infinity, "c": 1e999, "d": -1e5}"#), r#"{"a": "" , "b": ""       , "c": ""   , "d": -1e5}"#);
    assert_eq!(
        mended(r#"["NaN", "\\ud800", "\ud800", "\ud83d\ude00", "\ude00"]"#),
        r#"["NaN", "\\ud800", "\ufffd", "\ud83d\ude00", "\ufffd"]"#
    );
    assert_eq!(mended("[\"a\\"), "[\"a\\");
    assert_eq!(&*prepare(b"[\"caf\xe9\"]"), b"[\"caf?\"]");
    assert_eq!(&*prepare(b"\xef\xbb\xbf[]"), b"[]");
    assert_eq!(&*prepare(b"\xff\xfe[\0\"\0\xe9\0\"\0]\0"), "[\"é\"]".as_bytes());
    assert!(matches!(prepare("[\"é\", 1, \"\\n\"]".as_bytes()), Cow::Borrowed(_)));
}

#[test]
fn numbers_are_whole_or_said_to_be_none() {
    let number = |json: &str| record(json.as_bytes(), &[], 4).unwrap().unwrap().number();
    assert_eq!([number("3"), number("3.0"), number("\" 3 \""), number("-3")], [Ok(Some(3)), Ok(Some(3)), Ok(Some(3)), Ok(Some(-3))]);
    assert_eq!(number("null"), Ok(None));
    for bad in ["3.5", "1e300", "\"\"", "\"x\"", "true", "[]", "{}", "18446744073709551615"] {
        assert!(number(bad).is_err(), "{bad}");
    }
}
