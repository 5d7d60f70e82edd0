//! What of a file is compared: its tokens without comments, and without the lines that say what it imports.
//!
//! Two files that use the same things begin with the same lines, and nobody can help that. White space is no token, so that code which
//! was indented or wrapped anew is the same code.

use super::super::tokens::language::Imports;
use super::super::tokens::{Kind, Language, Lexer, Token};

/// The most tokens in which a `require` makes a line an import.
const REQUIRE_WITHIN: usize = 12;

/// Words whose statement ends with its line, even if a bracket is open: what the bracket holds is code.
const ONE_LINE: [&[u8]; 6] = [b"mod", b"extern", b"namespace", b"module", b"package", b"unit"];

/// The tokens of a text that are compared.
pub fn compared(language: &'static Language, content: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(content.len() / 5);
    let mut line = Vec::new();
    // How many brackets an import has left open.
    let mut open = 0_u32;
    let mut lexer = Lexer::new(language, content).filter(|token| token.kind != Kind::Comment).peekable();
    while let Some(first) = lexer.peek().copied() {
        line.clear();
        while let Some(token) = lexer.next_if(|token| token.line == first.line) {
            line.push(token);
        }
        let goes_on = open > 0;
        if goes_on || is_import(language, content, &line) {
            let is_one_line = !goes_on && line.iter().any(|token| ONE_LINE.contains(&text(content, *token)));
            open = if is_one_line { 0 } else { left_open(content, &line, open) };
        } else {
            tokens.extend_from_slice(&line);
        }
    }
    tokens
}

fn text(content: &[u8], token: Token) -> &[u8] {
    &content[token.start..token.end]
}

/// How many brackets are open after a line. A bracket that is closed and was not opened is none of ours.
fn left_open(content: &[u8], line: &[Token], before: u32) -> u32 {
    line.iter().fold(before, |open, token| match text(content, *token) {
        b"(" | b"{" | b"[" => open.saturating_add(1),
        b")" | b"}" | b"]" => open.saturating_sub(1),
        _ => open,
    })
}

fn is_import(language: &Language, content: &[u8], line: &[Token]) -> bool {
    let at = |n: usize| line.get(n).map_or(&b""[..], |token| text(content, *token));
    match language.imports {
        Imports::Hash(words) => {
            at(0) == b"#" && words.iter().any(|word| word.as_bytes() == at(1)) || at(0) == b"using" && at(1) == b"namespace"
        }
        Imports::Words(words) => {
            let first = usize::from(at(0) == b"pub");
            // `pub(crate)`.
            let first = if first == 1 && at(1) == b"(" {
                line.iter().position(|token| text(content, *token) == b")").map_or(1, |at| at + 1)
            } else {
                first
            };
            let begins = words.iter().any(|word| match word.split_once(' ') {
                Some((one, two)) => at(first) == one.as_bytes() && at(first + 1) == two.as_bytes(),
                None => at(first) == word.as_bytes(),
            });
            // `using (…)` is a statement, and so is `import(…)`; `use = 1` and `from: x` are something else.
            let is_code =
                matches!(at(first + 1), b"=" | b":" | b"." | b",") || at(first + 1) == b"(" && !matches!(at(0), b"import" | b"require");
            begins && !is_code || is_required(content, line, words)
        }
    }
}

/// `const name = require("…")`.
fn is_required(content: &[u8], line: &[Token], words: &[&str]) -> bool {
    words.contains(&"require")
        && line.first().is_some_and(|first| matches!(text(content, *first), b"const" | b"var" | b"let" | b"local"))
        && line.iter().take(REQUIRE_WITHIN).any(|token| text(content, *token) == b"require")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::TreePath;

    fn left(path: &str, content: &str) -> String {
        let language = Language::of(&TreePath::new(path)).unwrap();
        let tokens = compared(language, content.as_bytes());
        tokens.iter().map(|token| &content[token.start..token.end]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn imports_and_comments_are_no_part_of_what_is_compared() {
        for (path, content) in [
            ("a.rs", "// x\npub(crate) use a::{\n  b,\n  c,\n};\nmod x;\nuse d;\nlet y"),
            ("a.go", "package a\nimport (\n  \"b\"\n)\nlet y"),
            ("a.py", "from a import (\n  b,\n)\nimport c\nlet y"),
            ("a.ts", "import {\n a,\n} from 'b'\nexport * from 'c'\nconst d = require('e')\nlet y"),
            ("a.c", "#include <a.h>\n#ifndef X\nlet y"),
            ("a.java", "package a.b;\nimport c.D;\nlet y"),
        ] {
            assert_eq!(left(path, content), "let y", "{path}");
        }
    }

    #[test]
    fn what_only_looks_like_an_import_is_compared() {
        for (path, content) in [
            ("a.rs", "mod tests { fn f ( ) { } }"),
            ("a.cs", "using ( var x = y ( ) ) { }"),
            ("a.ts", "export const x = 1"),
            ("a.c", "# warning x"),
        ] {
            let expected = if path == "a.rs" { "" } else { content };
            assert_eq!(left(path, content), expected, "{path}");
        }
        assert_eq!(left("a.rs", "mod tests {\nfn f"), "fn f");
    }
}
