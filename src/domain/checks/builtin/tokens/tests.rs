use proptest::prelude::*;

use crate::base::name::TreePath;

use super::*;

/// The tokens of a text, marks left out: `line kind text`.
fn read(path: &str, content: &str) -> Vec<String> {
    let language = Language::of(&TreePath::new(path)).unwrap();
    Lexer::new(language, content.as_bytes())
        .filter(|token| token.kind != Kind::Mark)
        .map(|token| format!("{} {:?} {}", token.line, token.kind, &content[token.start..token.end]))
        .collect()
}

fn of(kind: Kind, path: &str, content: &str) -> Vec<String> {
    let language = Language::of(&TreePath::new(path)).unwrap();
    Lexer::new(language, content.as_bytes())
        .filter(|token| token.kind == kind)
        .map(|token| content[token.start..token.end].to_owned())
        .collect()
}

#[test]
fn words_numbers_strings_and_comments_are_told_apart() {
    let said = read("a.go", "x := 0x1f + 1.5e3 // the sum\n/* of\nboth */ name = `a\nb` + \"c\\\"d\"\n");
    let expected = [
        "1 Word x",
        "1 Number 0x1f",
        "1 Number 1.5e3",
        "1 Comment // the sum",
        "2 Comment /* of\nboth */",
        "3 Word name",
        "3 Text `a\nb`",
        "4 Text \"c\\\"d\"",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_comment_sign_in_a_string_begins_no_comment() {
    for (path, content) in [
        ("a.py", "x = '# no' + \"# no\" + '''\n# no\n'''\n"),
        ("a.js", "x = '// no' + `// ${`// no`} // no` + a / b / c\n"),
        ("a.js", "x = /[/]\\/ \\/\\/ '\"/g.test('// no')\nreturn /'/ \n"),
        ("a.rs", "fn f<'a>(x: &'a str) { ('\"', '\\'', r#\"// \" no\"#, b'\\\\', \"// \n no\") }"),
        ("a.cpp", "auto x = R\"x(// no )\" )x\"; char c = '\"';"),
        ("a.cs", "var x = @\"C:\\\"; var y = \"// no\";"),
        ("a.sh", "echo $# ${x#y} a#b '# no'\n"),
        ("a.clj", "(str \\\" \"; no\")"),
        ("a.php", "#[Attribute]\n$x = 'a\n// no';"),
    ] {
        assert_eq!(of(Kind::Comment, path, content), Vec::<String>::new(), "{path}: {content}");
    }
}

#[test]
fn comments_are_read_as_each_language_writes_them() {
    for (path, content, comment) in [
        ("a.rs", "x /* a /* b */ c */ y", "/* a /* b */ c */"),
        ("a.c", "x /* a /* b */ y", "/* a /* b */"),
        ("a.rb", "x\n=begin\na\n=end\ny", "=begin\na\n=end"),
        ("a.pm", "x;\n=head1 NAME\n\nit's\n\n=cut\ny", "=head1 NAME\n\nit's\n\n=cut"),
        ("a.lua", "x --[[ a\nb ]] y", "--[[ a\nb ]]"),
        ("a.sql", "select 1 -- a", "-- a"),
        ("a.hs", "x {- a -} y", "{- a -}"),
        ("a.vue", "<b> <!-- a --> </b>", "<!-- a -->"),
        ("Dockerfile", "RUN x # a", "# a"),
        ("a.vb", "x = 1 ' a", "' a"),
        ("a.erl", "x. % a", "% a"),
        ("a.yaml", "x: http://y#z # a", "# a"),
    ] {
        assert_eq!(of(Kind::Comment, path, content), [comment], "{path}");
    }
}

#[test]
fn a_quote_that_is_never_closed_costs_its_line_alone() {
    assert_eq!(of(Kind::Word, "a.py", "it's odd\nfine"), ["it", "s", "odd", "fine"]);
    assert_eq!(of(Kind::Word, "a.js", "a = b /'\nfine"), ["a", "b", "fine"]);
}

#[test]
fn the_time_is_linear_whatever_stands_there() {
    for unit in ["\"\\", "'\\", "`${", "/*", "r#", "R\"(", "/[", "'''", "\\\"'", "<!--", "(/'"] {
        for path in ["a.rs", "a.js", "a.py", "a.cpp", "a.lua", "a.vue", "a.sh"] {
            let content = unit.repeat(100_000);
            let language = Language::of(&TreePath::new(path)).unwrap();
            assert!(Lexer::new(language, content.as_bytes()).count() > 0);
        }
    }
}

#[test]
fn what_is_not_in_the_table_has_no_language() {
    for path in ["a.bin", "LICENSE", "a", "a.", ".x", "a.json", "a.csv", "a.svg"] {
        assert_eq!(Language::of(&TreePath::new(path)), None, "{path}");
    }
}

proptest! {
    #[test]
    fn every_byte_is_in_one_token_or_is_space(
        content in proptest::collection::vec(prop_oneof![any::<u8>(), proptest::sample::select(b"\"'`/*#-\\\nr${}[]()=<!>@x1 ".to_vec())], 0..300),
        path in proptest::sample::select(vec!["a.rs", "a.js", "a.py", "a.cpp", "a.cs", "a.lua", "a.php", "a.rb", "a.hs", "a.clj", "a.sh", "a.tex"]),
    ) {
        let (mut at, mut line) = (0, 1);
        for token in Lexer::new(Language::of(&TreePath::new(path)).unwrap(), &content) {
            prop_assert!(token.start < token.end && token.end <= content.len());
            prop_assert!(content[at..token.start].iter().all(u8::is_ascii_whitespace));
            line += newlines(&content[at..token.start]);
            prop_assert_eq!(token.line, line);
            line += newlines(&content[token.start..token.end]);
            at = token.end;
        }
        prop_assert!(content[at..].iter().all(u8::is_ascii_whitespace));
    }
}

#[test]
fn a_byte_is_part_of_a_word_or_not_wherever_it_stands() {
    for byte in 0..=u8::MAX {
        for before in 0..20 {
            let text = [&vec![b'a'; before][..], &[byte], b" and more of it"].concat();
            let expected = if is_word(byte) { before + 1 } else { before };
            assert_eq!(word_length(&text), expected, "{byte} after {before}");
            assert_eq!(word_length(&text[..=before]), expected, "{byte} at the end, after {before}");
        }
    }
}
