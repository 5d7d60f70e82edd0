//! Input that is wrong, and input that is made to exhaust.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Generous, since builds without optimization run here too and machines are shared.
const SOON: Duration = Duration::from_secs(20);

fn attempt(format: Format, input: &[u8], bounds: &Bounds) -> Result<Reading, Unreadable> {
    let tree = tree();
    read(format, input, &Ground::new(&tree), bounds)
}

#[test]
fn what_is_no_such_document_is_unreadable_and_says_why() {
    let why = |format, input: &str| attempt(format, input.as_bytes(), &Bounds::default()).unwrap_err().to_string();
    assert_eq!(why(Format::Sarif, " \n"), "is empty, and a document in the format `sarif` never is");
    assert_eq!(why(Format::Sarif, "{}"), "is no document in the format `sarif`: it has no list `runs`");
    assert_eq!(why(Format::Eslint, "{}"), "is no document in the format `eslint`: it is no list of files");
    assert!(why(Format::Sarif, "Segmentation fault").starts_with("is no document in the format `sarif`: expected value at line 1"));
    assert!(why(Format::Rdjsonl, "oops\n").contains("line 1 is no JSON"));
    assert!(why(Format::Cocov, "oops").contains("record 1 is no JSON"));
    assert!(why(Format::Checkstyle, "<html/>").contains("no element `checkstyle`"));
    let bomb = "<!DOCTYPE a [<!ENTITY l \"lol\">]><checkstyle>&l;</checkstyle>";
    assert!(why(Format::Checkstyle, bomb).contains("refused"));
    let bounds = Bounds { input: 3, ..Bounds::default() };
    assert_eq!(attempt(Format::Gnu, b"abcd", &bounds).unwrap_err().to_string(), "is 4 B, and at most 3 B are read");
}

#[test]
fn a_document_that_breaks_off_gives_what_came_before_and_says_so() {
    let whole = r#"{"issues": [{"rule": "r", "message": "m", "path": "README.md"}, {"rule": "r", "message": "n", "path": "README.md"}]}"#;
    let read = reading(Format::Plumbline, &whole[..whole.len() - 5]);
    assert_eq!(told(&read), ["README.md minor quality r: m"]);
    assert!(read.broken.unwrap().starts_with("EOF while parsing"));
}

#[test]
fn what_eslint_would_not_write_is_dropped_and_named() {
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let input = format!(
        r#"[[[]], {{"x": 1}}, {deep}, null, {{"filePath": "src/a.py", "messages": {{"a": []}}}},
        {{"filePath": "README.md", "messages": [3, [], {{}}, {{"ruleId": "r", "message": "m", "line": 1}}, {{"message": "File ignored."}}]}},
        {{"source": "src/a.py", "warnings": []}}]"#
    );
    let read = reading(Format::Eslint, &input);
    assert_eq!(told(&read), ["README.md 1-1 minor quality r: m"]);
    assert_eq!(
        dropped(&read),
        [
            "file 1 is no record of a file ×1",
            "file 2 has no list `messages` ×1",
            "file 3 is no record of a file ×1",
            "file 4 is no record of a file ×1",
            "src/a.py has no list `messages` ×1",
            "README.md has a message that is no record ×2",
            "README.md has a finding without a message ×1",
        ]
    );
    assert_eq!((read.read, dropped(&reading(Format::Eslint, "[[[]]]"))), (10, vec!["file 1 is no record of a file ×1".to_owned()]));
}

#[test]
fn a_bad_record_costs_itself_alone() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let read = reading(
        Format::Plumbline,
        &format!(
            r#"{{"issues": [3, null, {{}}, {deep}, {{"rule": "r", "message": "m"}}, {{"rule": "r", "path": "README.md"}}, {{"message": "m", "path": "README.md"}},
            {{"rule": "r", "message": "m", "path": "README.md", "line_start": NaN}}, {{"rule": "r", "message": "m", "path": "README.md", "line_start": -2}},
            {{"rule": "r", "message": "m", "path": "README.md", "line_start": 99999999999999999999}}, {{"rule": "r", "message": "m", "path": "README.md", "line_start": 77}},
            {{"rule": "r", "message": "m", "path": "../../etc/passwd"}}, {{"rule": "r", "message": "m", "path": "/etc/passwd"}}, {{"rule": "r", "message": "m", "path": 5}},
            {{"rule": "r", "message": "\ud800 good", "path": "README.md", "line_start": 1, "line_end": 0}}]}}"#
        ),
    );
    assert_eq!(told(&read), ["README.md 1-1 minor quality r: \u{fffd} good"]);
    assert_eq!(read.read, 15);
    let said = dropped(&read).join("\n");
    for sentence in [
        "a record is nested too deeply ×1",
        "names no file ×",
        "README.md has a finding without a message ×1",
        "README.md names no rule ×1",
        "README.md says where it is by what is no number ×1",
        "README.md is about line -2, which no file has ×1",
        "README.md `100000000000000000000` is not a number of a line ×1",
        "README.md is about line 77, and the file has 1 ×1",
        "../../etc/passwd leads out of the repository ×1",
        "/etc/passwd is not in the commit's tree ×1",
    ] {
        assert!(said.contains(sentence), "{sentence}\n\n{said}");
    }
}

#[test]
fn what_is_too_much_is_counted_and_no_more() {
    let bounds = Bounds { findings: 3, dropped: 2, message: 10, name: 5, ..Bounds::default() };
    let mut input = String::new();
    for n in 0..10 {
        input += &format!("{{\"rule\": \"a-long-rule\", \"message\": \"message number {n}\", \"path\": \"README.md\"}}\n");
        input += &format!("{{\"rule\": \"r\", \"message\": \"m\", \"path\": \"gone/{n}\"}}\n");
    }
    let read = attempt(Format::Plumbline, input.as_bytes(), &bounds).unwrap();
    assert_eq!(told(&read), ["README.md minor quality a-…: message…"], "cut alike, they are one");
    assert_eq!((read.read, read.dropped.len(), read.dropped_more), (20, 2, 15));
    let bounds = Bounds { text: 60, ..Bounds::default() };
    assert_eq!(attempt(Format::Plumbline, input.as_bytes(), &bounds).unwrap().findings.len(), 1);
}

#[test]
fn a_message_commands_no_terminal_and_turns_no_text() {
    let read = reading(Format::Gnu, "README.md:1:1: error: a\u{1b}[31m\u{202e}b\u{0}c\r\n");
    assert_eq!(told(&read), ["README.md 1:1-1 major quality error: a[31mbc"]);
}

#[test]
fn what_is_made_to_exhaust_is_read_in_bounded_time_and_stack() {
    let unit = 1 << 16;
    let laughs = (0..20).map(|level| format!("<!ENTITY l{level} \"{}\">", "&l;".repeat(10))).collect::<String>();
    let inputs = [
        "[".repeat(4 * unit),
        "{\"a\":".repeat(unit),
        "{\"issues\":".repeat(unit),
        "{\"runs\":[".repeat(unit),
        format!("{{\"issues\":[{}", "[".repeat(4 * unit)),
        format!("{{\"issues\":[{}", "{\"path\":\"".repeat(unit)),
        "[\n".repeat(2 * unit),
        "{\"a\n".repeat(unit),
        "{}\0".repeat(unit),
        "1 ".repeat(unit),
        "\"\\ud800\"".repeat(unit),
        "1e999,".repeat(unit),
        "-".repeat(4 * unit),
        "9".repeat(4 * unit),
        format!("{{\"issues\": [{{\"path\": \"{}\"}}]}}", "a/".repeat(unit)),
        "a:1:".repeat(unit),
        "a:1: x\n".repeat(unit / 4),
        ":1".repeat(2 * unit),
        "README.md:1:1: [a] [b] (c) [d]\n".repeat(unit / 16),
        format!("<!DOCTYPE a [{laughs}]><checkstyle>&l19;</checkstyle>"),
        format!("<checkstyle>{}", "<a>".repeat(unit)),
        format!("<checkstyle><file {}/>", (0..20_000).map(|n| format!("a{n}='' ")).collect::<String>()),
        format!("<checkstyle {}", "a".repeat(4 * unit)),
        "<!".repeat(unit),
    ];
    let tried = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for input in inputs {
            for format in Format::ALL {
                let started = Instant::now();
                let read = attempt(*format, input.as_bytes(), &Bounds::default());
                let head: String = input.chars().take(20).collect();
                assert!(started.elapsed() < SOON, "{format} took {:?} for {head}", started.elapsed());
                assert!(read.map_or(true, |read| read.dropped.len() <= 100 && read.findings.len() <= 100_000), "{format}");
            }
        }
    });
    tried.unwrap().join().unwrap();
}

#[test]
fn findings_that_jump_between_files_read_each_file_once() {
    let content = "é line\n".repeat(100_000);
    let tree = MemoryTree::new([("a", FileKind::Regular, content.clone()), ("b", FileKind::Regular, content)]);
    let input: String = (0..20_000).map(|n| format!("{}:{}:3: error: m{n}\n", if n % 2 == 0 { "a" } else { "b" }, n + 1)).collect();
    let started = Instant::now();
    let ground = Ground { columns: Some(Columns::PLAIN), ..Ground::new(&tree) };
    let read = read(Format::Gnu, input.as_bytes(), &ground, &Bounds::default()).unwrap();
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    assert_eq!(read.findings.len(), 20_000);
    assert_eq!(read.findings[19_999].finding.span.unwrap().column_start, Some(3));
    let beyond: String = (0..20_000).map(|n| format!("a:{}: error: m\n", 200_000 + n)).collect();
    let started = Instant::now();
    assert!(super::super::read(Format::Gnu, beyond.as_bytes(), &Ground::new(&tree), &Bounds::default()).unwrap().findings.is_empty());
    assert!(started.elapsed() < SOON, "{:?}", started.elapsed());
    let bounds = Bounds { lines: 1_000, ..Bounds::default() };
    let read = super::super::read(Format::Gnu, input.as_bytes(), &Ground::new(&tree), &bounds).unwrap();
    assert!(read.findings.iter().all(|read| read.finding.span.unwrap().column_start.is_none()));
}

/// Documents from which the generator takes pieces, so that what it makes gets past the first bytes.
const PIECES: &[&str] = &[
    "{\"runs\":[{\"results\":[",
    "{\"issues\":[",
    "{\"diagnostics\":[",
    "[{\"filePath\":\"README.md\",\"messages\":[",
    "{\"ruleId\":\"r\",",
    "\"message\":{\"text\":\"m\"},",
    "\"message\":\"m\",",
    "\"path\":\"README.md\"",
    "\"line_start\":",
    "-1",
    "1e400",
    "NaN",
    "\"\\udc00\"",
    "}",
    "]",
    ",",
    "<checkstyle>",
    "<file name='README.md'>",
    "<error line='1' message='&#0;&lt;'/>",
    "</",
    "README.md:1:2: ",
    "[error]",
    "(x)",
    "\0",
    "\n",
    "\u{feff}",
    "{\"reason\":\"compiler-message\",\"message\":{\"level\":\"error\",",
    "\"spans\":[{\"file_name\":\"src/a.py\",\"line_start\":2,\"column_start\":5}]}}",
    "\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":\"%2e/README.md\"}}}]",
];

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for format in Format::ALL {
            let _read = attempt(*format, &bytes, &Bounds::default());
        }
    }

    #[test]
    fn no_pieces_of_documents_make_a_reader_panic_or_say_what_cannot_be(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let input = pieces.concat();
        for format in Format::ALL {
            let Ok(read) = attempt(*format, input.as_bytes(), &Bounds::default()) else { continue };
            prop_assert!(read.findings.len() as u64 <= read.read);
            for Read { finding, .. } in &read.findings {
                prop_assert!(!finding.rule.is_empty() && !finding.message.is_empty());
                if let Some(span) = finding.span {
                    prop_assert!(1 <= span.line_start && span.line_start <= span.line_end && span.line_end <= 4);
                    prop_assert!(span.column_start.is_none_or(|column| column > 0));
                }
            }
        }
    }
}
