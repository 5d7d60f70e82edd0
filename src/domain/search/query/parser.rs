//! From text to tree, by recursive descent over the query's characters.

use super::{Ast, DEPTH_MAX, FieldName, Filter, QUERY_MAX_CHARS, QueryInvalid, TERMS_MAX};
use crate::base::text::{clip, nearest};
use crate::engine::fulltext::wholes;

const UNOPENED: &str = "this `)` closes no `(`; put text that holds one in quotes";
const UNCLOSED: &str = "this `(` is never closed; put text that holds one in quotes";
const LONELY_OR: &str = "`OR` needs something on both sides; to look for the word itself, write it small";

/// Reads a query.
pub fn parse(query: &str) -> Result<Ast, QueryInvalid> {
    let chars: Vec<char> = query.chars().take(QUERY_MAX_CHARS + 1).collect();
    if chars.len() > QUERY_MAX_CHARS {
        let message = format!("the query is too long: it may have {QUERY_MAX_CHARS} characters");
        return Err(QueryInvalid { position: QUERY_MAX_CHARS, message });
    }
    let mut parser = Parser { chars: &chars, at: 0, terms: 0 };
    parser.skip_space();
    if parser.at == chars.len() {
        return Ok(Ast::All);
    }
    let ast = parser.any(0)?;
    match parser.peek() {
        None => Ok(ast),
        Some(_) => Err(parser.wrong(parser.at, UNOPENED)),
    }
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
    terms: usize,
}

type Parsed<T> = Result<T, QueryInvalid>;

impl Parser<'_> {
    /// Alternatives, up to the end or a `)`.
    fn any(&mut self, depth: usize) -> Parsed<Ast> {
        let mut items = vec![self.all(depth)?];
        while self.at_or() {
            self.at += 2;
            items.push(self.all(depth)?);
        }
        Ok(Ast::or(items))
    }

    /// What stands side by side, up to the end, a `)` or an `OR`.
    fn all(&mut self, depth: usize) -> Parsed<Ast> {
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if self.peek().is_none_or(|c| c == ')') || self.at_or() {
                break;
            }
            items.push(self.item(depth)?);
        }
        if items.is_empty() {
            return Err(self.nothing_here(depth));
        }
        Ok(Ast::and(items))
    }

    /// A word, phrase, field or group, and the dashes before it.
    fn item(&mut self, depth: usize) -> Parsed<Ast> {
        let start = self.at;
        while self.peek() == Some('-') {
            self.at += 1;
        }
        let is_negated = (self.at - start) % 2 == 1;
        let item = match self.peek() {
            None | Some(')') => return Err(self.wrong(start, "`-` needs something after it that is not wanted")),
            Some(c) if c.is_whitespace() => return Err(self.wrong(start, "`-` needs something right after it that is not wanted")),
            Some('(') => self.group(depth)?,
            Some('"') => self.phrase()?,
            Some(_) if self.at_or() => {
                return Err(self.wrong(self.at, "`OR` cannot be negated; to look for the word itself, write it small"));
            }
            Some(_) => self.field_or_word()?,
        };
        Ok(if is_negated { Ast::not(item) } else { item })
    }

    fn group(&mut self, depth: usize) -> Parsed<Ast> {
        let start = self.at;
        if depth == DEPTH_MAX {
            return Err(self.wrong(start, format!("parentheses may nest {DEPTH_MAX} deep")));
        }
        self.at += 1;
        let ast = self.any(depth + 1)?;
        if self.peek() != Some(')') {
            return Err(self.wrong(start, UNCLOSED));
        }
        self.at += 1;
        Ok(ast)
    }

    fn phrase(&mut self) -> Parsed<Ast> {
        let start = self.at;
        let text = self.quoted()?;
        self.words(start, &text, false)
    }

    fn field_or_word(&mut self) -> Parsed<Ast> {
        let start = self.at;
        let name: String = self.chars[start..].iter().take_while(|c| c.is_ascii_alphabetic() || **c == '_').collect();
        if !name.is_empty() && self.chars.get(start + name.len()) == Some(&':') {
            return self.field(start, &name);
        }
        let text = self.bare(&['"', '(', ')']);
        let Some(star) = text.chars().position(|c| c == '*') else { return self.words(start, &text, false) };
        if star + 1 < self.at - start {
            return Err(self.wrong(start + star, "`*` stands at the end of a word alone; put text that holds one in quotes"));
        }
        let word = &text[..text.len() - 1];
        if word.chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '_') {
            return Err(self.wrong(start + star, "`*` needs the beginning of a word right before it"));
        }
        self.words(start, word, true)
    }

    fn words(&mut self, start: usize, text: &str, is_open: bool) -> Parsed<Ast> {
        let words = wholes(text);
        if words.is_empty() {
            return Err(self.wrong(start, format!("`{}` holds no letter or digit to look for", clip(text, 40))));
        }
        self.count(start, words.len())?;
        Ok(Ast::Words { words, is_open })
    }

    fn field(&mut self, start: usize, name: &str) -> Parsed<Ast> {
        let Ok(field) = name.to_ascii_lowercase().parse::<FieldName>() else {
            let known = FieldName::ALL.iter().map(|field| field.as_str());
            let advice = match nearest(&name.to_ascii_lowercase(), known.clone()) {
                Some(meant) => format!("did you mean `{meant}:`?"),
                None => format!("there are {}", known.collect::<Vec<_>>().join(", ")),
            };
            return Err(
                self.wrong(start, format!("there is no field `{}`; {advice} Put text that holds a colon in quotes", clip(name, 40)))
            );
        };
        self.at += name.len() + 1;
        let mut values = Vec::new();
        loop {
            let position = self.at;
            let value = if self.peek() == Some('"') { self.quoted()? } else { self.bare(&['"', '(', ')', ',']) };
            if value.is_empty() {
                return Err(self.wrong(position, format!("`{field}:` needs a value right after it")));
            }
            self.count(position, 1)?;
            values.push((position, value));
            if self.peek() != Some(',') {
                break;
            }
            self.at += 1;
        }
        Filter::read(field, &values).map(Ast::Filter).map_err(|(position, message)| QueryInvalid { position, message })
    }

    /// Text in quotes; a backslash makes a quote or a backslash part of it.
    fn quoted(&mut self) -> Parsed<String> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let Some(c) = self.peek() else { return Err(self.wrong(start, "this quote is never closed")) };
            self.at += 1;
            match c {
                '"' => return Ok(text),
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                other => text.push(other),
            }
        }
    }

    /// Text up to white space or one of these.
    fn bare(&mut self, ends: &[char]) -> String {
        let text: String = self.chars[self.at..].iter().take_while(|c| !c.is_whitespace() && !ends.contains(c)).collect();
        self.at += text.chars().count();
        text
    }

    fn count(&mut self, position: usize, more: usize) -> Parsed<()> {
        self.terms += more;
        if self.terms > TERMS_MAX {
            return Err(self.wrong(position, format!("the query has too many words and values: it may have {TERMS_MAX}")));
        }
        Ok(())
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    /// Whether the word `OR` stands here.
    fn at_or(&self) -> bool {
        let ends = |c: &char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
        self.chars[self.at..].starts_with(&['O', 'R']) && self.chars.get(self.at + 2).is_none_or(ends)
    }

    /// What is wrong where a side of `OR`, or what parentheses hold, is missing.
    fn nothing_here(&self, depth: usize) -> QueryInvalid {
        let before = self.chars[..self.at].iter().rposition(|c| !c.is_whitespace());
        let opened = before.filter(|at| self.chars[*at] == '(');
        match (self.peek(), opened) {
            (Some(')'), _) if depth == 0 => self.wrong(self.at, UNOPENED),
            (Some(')'), Some(open)) => self.wrong(open, "there is nothing between these parentheses"),
            (None, Some(open)) => self.wrong(open, UNCLOSED),
            (Some(')') | None, _) => self.wrong(before.map_or(0, |at| at.saturating_sub(1)), LONELY_OR),
            (Some(_), _) => self.wrong(self.at, LONELY_OR),
        }
    }

    fn wrong(&self, position: usize, message: impl Into<String>) -> QueryInvalid {
        QueryInvalid { position, message: message.into() }
    }
}
