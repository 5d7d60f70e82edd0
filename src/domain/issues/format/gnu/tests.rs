use super::*;

fn said(text: &str) -> (Option<Severity>, Option<&str>, &str) {
    let said = Said::of(text);
    (said.severity, said.rule, said.message)
}

#[test]
fn every_dialect_is_taken_apart() {
    let (info, minor, major) = (Some(Severity::Info), Some(Severity::Minor), Some(Severity::Major));
    let cases = [
        ("warning: unused variable [-Wunused-variable]", (minor, Some("-Wunused-variable"), "unused variable")),
        ("error: bad [-Werror=format]", (major, Some("format"), "bad")),
        ("fatal error: x.h: No such file", (Some(Severity::Blocker), None, "x.h: No such file")),
        ("error: Bad type (got \"str\")  [return-value]", (major, Some("return-value"), "Bad type (got \"str\")")),
        ("note: Double quote to prevent globbing. [SC2086]", (info, Some("SC2086"), "Double quote to prevent globbing.")),
        ("E501 line too long (93 > 88)", (None, Some("E501"), "line too long (93 > 88)")),
        ("F401 [*] `os` imported but unused", (None, Some("F401"), "`os` imported but unused")),
        ("C0114: Missing docstring (missing-module-docstring)", (info, Some("C0114"), "Missing docstring (missing-module-docstring)")),
        ("DL3006 warning: Always tag", (minor, Some("DL3006"), "Always tag")),
        ("[error] too many spaces (colons)", (major, Some("colons"), "too many spaces")),
        ("Unknown property \"colr\" (property-no-unknown) [error]", (major, Some("property-no-unknown"), "Unknown property \"colr\"")),
        ("C: [Correctable] Style/StringLiterals: Prefer single.", (info, Some("Style/StringLiterals"), "Prefer single.")),
        ("F: Lint/Syntax: unexpected token", (Some(Severity::Blocker), Some("Lint/Syntax"), "unexpected token")),
        ("W: Lint/UselessAssignment: Useless.", (minor, Some("Lint/UselessAssignment"), "Useless.")),
        ("error MD018/no-missing-space-atx No space [Context: \"#T\"]", (major, Some("MD018"), "No space [Context: \"#T\"]")),
        ("unexpected key \"nme\" for step [syntax-check]", (None, Some("syntax-check"), "unexpected key \"nme\" for step")),
        ("expected one thing (got another)", (None, None, "expected one thing (got another)")),
        ("too few arguments (expected)", (None, None, "too few arguments (expected)")),
        ("[error]", (major, None, "")),
        ("", (None, None, "")),
    ];
    for (text, expected) in cases {
        assert_eq!(said(text), expected, "{text}");
    }
}

#[test]
fn every_way_to_write_a_place_is_read() {
    let of = |text: &str| place(text.as_bytes()).map(|(lines, columns, rest)| (lines, columns, String::from_utf8_lossy(rest).into_owned()));
    let cases = [
        ("12: m", [Some(12), None], [None, None], ": m"),
        ("12:3: m", [Some(12), None], [Some(3), None], ": m"),
        ("12:3 m", [Some(12), None], [Some(3), None], " m"),
        ("12 m", [Some(12), None], [None, None], " m"),
        ("12:3:14:5: m", [Some(12), Some(14)], [Some(3), Some(5)], ": m"),
        ("12:3-5: m", [Some(12), None], [Some(3), Some(5)], ": m"),
        ("12:3-14:5: m", [Some(12), Some(14)], [Some(3), Some(5)], ": m"),
        ("12-14: m", [Some(12), Some(14)], [None, None], ": m"),
        ("12.3-14.5: m", [Some(12), Some(14)], [Some(3), Some(5)], ": m"),
        ("12.3: m", [Some(12), None], [Some(3), None], ": m"),
    ];
    for (text, lines, columns, rest) in cases {
        assert_eq!(of(text), Some((lines, columns, rest.to_owned())), "{text}");
    }
    for none in ["x: m", "12x: m", "99999999999999999999: m", ""] {
        assert_eq!(of(none), None, "{none}");
    }
}
