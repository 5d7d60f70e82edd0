use super::*;

#[test]
fn placeholders_are_filled_and_links_are_plain() {
    let arguments = [Node::Text("a".to_owned()), Node::Int(7)];
    let cases = [
        ("plain", "plain"),
        ("{0} and {1}, {{0}}, {2}, {x", "a and 7, {0}, {2}, {x"),
        (
            "this [value](1) of [that](23), not [here](https://example.com) nor a[0](x)",
            "this value of that, not [here](https://example.com) nor a[0](x)",
        ),
        ("[]({}", "[]({}"),
    ];
    for (text, expected) in cases {
        assert_eq!(filled(text, &arguments, Form::Template), expected, "{text}");
    }
}

#[test]
fn braces_of_a_message_that_nothing_is_filled_into_stay_as_they_are() {
    for text in ["an empty block {}", "the template {{ name }} is not escaped", "use f\"{{{0}}}\"", "{0}"] {
        assert_eq!(filled(text, &[], Form::Plain), text);
    }
    assert_eq!(filled("{{ [value](1) }}", &[], Form::Plain), "{{ value }}");
    let said = |text: &str| {
        let node = json::record(text.as_bytes(), &[], 9).unwrap().unwrap();
        message(&node, None, &Run::default()).map(Cow::into_owned)
    };
    assert_eq!(said(r#"{"text": "{{ a }}"}"#).as_deref(), Some("{{ a }}"));
    assert_eq!(said(r#"{"text": "{{ {0} }}", "arguments": ["a"]}"#).as_deref(), Some("{ a }"));
}

#[test]
fn a_message_of_brackets_is_read_in_a_time_that_grows_with_its_length() {
    let million = 1 << 20;
    let arguments = [Node::Text("a".to_owned())];
    for text in ["[".repeat(million), "[a](".repeat(million / 4), "{".repeat(million) + "](", "{1".repeat(million / 2) + "](1)"] {
        let started = std::time::Instant::now();
        assert!(!filled(&text, &arguments, Form::Template).is_empty());
        assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?} for {}", started.elapsed(), &text[..4]);
    }
    let far = "[".repeat(million) + "](1)";
    let started = std::time::Instant::now();
    assert!(filled(&far, &arguments, Form::Plain).len() < far.len());
    assert!(started.elapsed() < std::time::Duration::from_secs(5), "{:?}", started.elapsed());
}
