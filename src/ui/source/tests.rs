use super::*;
use crate::domain::issues::Span;

fn shown(path: &str, text: &str) -> Vec<String> {
    patiently(&TreePath::new(path), text).lines.into_iter().map(|line| line.as_str().to_owned()).collect()
}

#[test]
fn code_gets_classes_by_what_its_tokens_are() {
    let lines = shown("src/a.rs", "// why\nfn main() { let x: u8 = 1; f(\"a\\n\"); }\n");
    assert_eq!(lines[0], r#"<i class="c">// why</i>"#);
    for part in [r#"<i class="k">fn</i>"#, r#"<i class="f">main</i>"#, r#"<i class="m">1</i>"#, r#"<i class="e">\n</i>"#] {
        assert!(lines[1].contains(part), "{part} in {}", lines[1]);
    }
    assert_eq!(lines.len(), 2);
}

#[test]
fn the_languages_that_teams_write_are_known() {
    for (path, text) in [
        ("a.py", "def f(): pass"),
        ("a.ts", "const a: string = 'x'"),
        ("a.toml", "[a]\nb = 1"),
        ("Dockerfile", "FROM x"),
        ("a.go", "func f() {}"),
        ("a.yaml", "a: 1"),
        ("Makefile", "a: b\n\techo"),
        ("a.kt", "fun f() {}"),
        ("run", "#!/bin/sh\nif true; then :; fi"),
    ] {
        assert!(shown(path, text).concat().contains("<i class="), "{path}");
    }
}

#[test]
fn whatever_code_says_is_escaped() {
    for path in ["a.rs", "a.html", "a.js", "a.unknown", "a.md"] {
        let html = shown(path, "<script>alert('x')</script> \"&\u{202e}\u{0}").concat();
        let bare = html.replace("<i class=\"", "").replace("</i>", "");
        assert!(!bare.contains("<script") && !bare.contains('\'') && !bare.contains('\u{202e}') && !bare.contains('\0'), "{html}");
    }
}

#[test]
fn every_line_stays_a_line_of_its_own() {
    let text = "/* a\n b */\n\n`\n$\r\n\"open";
    for path in ["a.js", "a.rs", "a.txt", "a.py"] {
        let plain = Source::plain(text).lines.len();
        let lines = shown(path, text);
        assert_eq!((lines.len(), plain), (6, 6), "{path}");
        for line in lines {
            assert_eq!(line.matches("<i ").count(), line.matches("</i>").count());
            assert!(!line.contains('\n'));
        }
    }
}

#[test]
fn what_is_too_large_stays_plain() {
    let many = "let a = 1;\n".repeat(MAX_LINES + 1);
    let wide = format!("let a = \"{}\";", "x".repeat(MAX_LINE));
    let long = format!("{}\n", "// x").repeat(MAX_BYTES / 4);
    let highlighter = Highlighter::start();
    for text in [many, wide, long] {
        let source = highlighter.highlight(&TreePath::new("a.rs"), &text);
        assert_eq!(source.lines.len(), text.lines().count());
        assert!(source.lines.iter().all(|line| !line.as_str().contains("<i ")));
    }
}

#[test]
fn a_deadline_in_the_past_leaves_all_but_the_first_line_plain() {
    let source = syntaxes::Syntaxes::load().highlight(&TreePath::new("a.rs"), &"let a = 1;\n".repeat(9), Instant::now());
    let coloured = source.lines.iter().filter(|line| line.as_str().contains("<i ")).count();
    assert_eq!((coloured, source.lines.len()), (1, 9));
}

#[test]
fn rubbish_is_shown_and_soon() {
    // Openings that nothing closes, in syntaxes with much lookahead; the caller is answered in time whatever the definitions do.
    let highlighter = Highlighter::start();
    for path in ["a.js", "a.md", "a.cpp"] {
        for unit in ["(", "<a ", "\"\\", "a<"] {
            let line = unit.repeat(MAX_LINE / unit.len());
            let begun = Instant::now();
            let source = highlighter.highlight(&TreePath::new(path), &format!("{line}\n").repeat(20));
            assert_eq!(source.lines.len(), 20);
            assert!(begun.elapsed() < 10 * DEADLINE, "{path} {unit} took {:?}", begun.elapsed());
        }
    }
}

#[test]
fn an_excerpt_marks_its_lines_and_keeps_within_the_file() {
    let source = Source::plain("a\nb\nc\nd");
    let said = |start, end, around| {
        source.excerpt(start, end, around).map(|excerpt| {
            excerpt
                .lines
                .iter()
                .map(|line| format!("{}{}{}", line.number, line.code.as_str(), if line.is_marked { "!" } else { "" }))
                .collect::<Vec<_>>()
        })
    };
    assert_eq!(said(2, 3, 1).unwrap(), ["1a", "2b!", "3c!", "4d"]);
    assert_eq!(said(4, 900, 2).unwrap(), ["2b", "3c", "4d!"]);
    assert_eq!(said(4, 1, 0).unwrap(), ["4d!"]);
    assert!(said(5, 5, 1).is_none() && said(0, 0, 1).is_none());
}

#[test]
fn an_excerpt_leaves_out_what_lies_within_a_secret_and_covers_its_ends() {
    let span = |lines: (u32, u32), columns: (u32, u32)| Span {
        line_start: lines.0,
        line_end: lines.1,
        column_start: Some(columns.0),
        column_end: Some(columns.1),
    };
    let veil = Veil::over([span((1, 1), (1, 3)), span((2, 5), (4, 2))]);
    let source = Source::concealed("\u{feff}abc\nk: BEGIN\nx\ny\nzz<\nend", &veil);
    let shown: Vec<String> =
        source.excerpt(1, 6, 0).unwrap().lines.iter().map(|line| format!("{} {}", line.number, line.code.as_str())).collect();
    assert_eq!(shown, ["1 ••••••••", "2 k: ••••••••", "5 ••••••••&lt;", "6 end"]);
}

#[test]
fn bytes_with_a_nul_are_no_text() {
    assert!(text(b"a\0b").is_none());
    assert_eq!(text(b"caf\xe9").unwrap(), "caf\u{fffd}");
    assert_eq!(text(b"").unwrap(), "");
}

#[test]
fn a_file_that_mixes_very_many_languages_has_the_first_few_coloured() {
    let fences = ["rust", "python", "json", "go", "java", "css", "sql", "lua", "php", "ruby"];
    let text: String = fences.iter().map(|name| format!("```{name}\n\"text\"\n```\n\n")).collect();
    let mut syntaxes = syntaxes::Syntaxes::load();
    let source = syntaxes.highlight(&TreePath::new("a.md"), &text, Instant::now() + Duration::from_secs(600));
    assert!((2..=MOST_LANGUAGES + 1).contains(&syntaxes.languages()), "{} languages were compiled", syntaxes.languages());
    let coloured: Vec<bool> = source.lines.iter().map(|line| line.as_str().contains("<i ")).collect();
    assert!(coloured[1], "{:?}", source.lines[1]);
    assert!(!coloured[20..].contains(&true), "the rest is plain");
    assert!(syntaxes.is_full_for(&TreePath::new("a.pas"), "begin end") && !syntaxes.is_full_for(&TreePath::new("b.md"), ""));
}
