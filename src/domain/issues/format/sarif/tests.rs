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
        assert_eq!(filled(text, &arguments), expected, "{text}");
    }
}
