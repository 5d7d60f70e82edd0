//! What of a file is compared: its tokens without comments, and without the lines that say what it imports.
//!
//! Two files that use the same things begin with the same lines, and nobody can help that. White space is no token, so that code which
//! was indented or wrapped anew is the same code.

use super::super::tokens::language::Imports;
use super::super::tokens::{Kind, Language, Lexer, Token, newlines};
use super::prints::hash;

/// The most tokens in which a `require` makes a line an import.
const REQUIRE_WITHIN: usize = 12;

/// Words whose statement ends with its line, even if a bracket is open: what the bracket holds is code.
const ONE_LINE: [&[u8]; 6] = [b"mod", b"extern", b"namespace", b"module", b"package", b"unit"];

/// What a token is, as far as its run's weight depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A name or keyword.
    Word,
    /// A number or string.
    Literal,
    /// A bracket that opens.
    Opens,
    /// A bracket that closes.
    Closes,
    /// Anything else.
    Mark,
    /// The end of a region.
    Break,
}

/// Where on its line a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Between others.
    Within,
    /// The first.
    First,
    /// The last.
    Last,
    /// Alone.
    Both,
}

/// A token that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Equal for the same text.
    pub hash: u32,
    /// The line of its first byte.
    pub line: u32,
    /// The line of its last.
    pub line_end: u32,
    /// What it is.
    pub role: Role,
    /// Where on its line it is.
    pub edge: Edge,
}

impl Piece {
    /// What ends a region.
    pub const BREAK: Piece = Piece { hash: 0, line: 0, line_end: 0, role: Role::Break, edge: Edge::Within };

    /// Whether it is the first of its line.
    pub fn is_first(&self) -> bool {
        matches!(self.edge, Edge::First | Edge::Both)
    }

    /// Whether it is the last of its line.
    pub fn is_last(&self) -> bool {
        matches!(self.edge, Edge::Last | Edge::Both)
    }

    fn of(content: &[u8], token: Token, edge: Edge) -> Piece {
        let role = match token.kind {
            Kind::Word => Role::Word,
            Kind::Number | Kind::Text => Role::Literal,
            Kind::Comment | Kind::Mark => match content[token.start] {
                b'(' | b'[' | b'{' => Role::Opens,
                b')' | b']' | b'}' => Role::Closes,
                _ => Role::Mark,
            },
        };
        let line_end = token.line + if token.kind == Kind::Text { newlines(text(content, token)) } else { 0 };
        Piece { hash: hash(content, token), line: token.line, line_end, role, edge }
    }
}

/// The tokens of a text that are compared.
pub fn compared(language: &'static Language, content: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(content.len() / 5);
    let mut line: Vec<Token> = Vec::new();
    // How many brackets an import has left open.
    let mut open = 0_u32;
    let mut lexer = Lexer::new(language, content);
    loop {
        let token = lexer.token();
        if token.is_some_and(|token| token.kind == Kind::Comment) {
            continue;
        }
        if let Some(last) = line.last()
            && token.is_none_or(|token| token.line != last.line)
        {
            open = close(language, content, &line, open, &mut pieces);
            line.clear();
        }
        match token {
            Some(token) => line.push(token),
            None => return pieces,
        }
    }
}

/// Takes the tokens of a line over, unless it is an import's. Answers how many brackets of an import are open after it.
fn close(language: &Language, content: &[u8], line: &[Token], open: u32, pieces: &mut Vec<Piece>) -> u32 {
    let goes_on = open > 0;
    if goes_on || is_import(language, content, line) {
        let is_one_line = !goes_on && line.iter().any(|token| ONE_LINE.contains(&text(content, *token)));
        return if is_one_line { 0 } else { left_open(content, line, open) };
    }
    let last = line.len() - 1;
    pieces.extend(line.iter().enumerate().map(|(at, token)| {
        let edge = match (at == 0, at == last) {
            (true, true) => Edge::Both,
            (true, false) => Edge::First,
            (false, true) => Edge::Last,
            (false, false) => Edge::Within,
        };
        Piece::of(content, *token, edge)
    }));
    0
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
            // Nearly all end at the first byte.
            let mut words_like = words.iter().filter(|word| word.as_bytes().first() == at(first).first());
            let begins = words_like.any(|word| match word.split_once(' ') {
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
    line.first().is_some_and(|first| matches!(text(content, *first), b"const" | b"var" | b"let" | b"local"))
        && words.contains(&"require")
        && line.iter().take(REQUIRE_WITHIN).any(|token| text(content, *token) == b"require")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::name::TreePath;

    /// The lines that are compared.
    fn left(path: &str, content: &str) -> String {
        let language = Language::of(&TreePath::new(path)).unwrap();
        let pieces = compared(language, content.as_bytes());
        let lines = content.lines().zip(1..);
        let kept: Vec<&str> = lines.filter(|(_, line)| pieces.iter().any(|piece| piece.line == *line)).map(|(text, _)| text).collect();
        kept.join(" ")
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
