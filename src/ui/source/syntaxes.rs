//! The syntax definitions at work: from a file's name to its definition, from its text to lines of spans.

use std::collections::HashSet;
use std::time::Instant;

use syntect::parsing::{ParseState, Scope, ScopeStack, ScopeStackOp, SyntaxReference, SyntaxSet};

use super::scopes::Classes;
use super::{MOST_LANGUAGES, Source, lines};
use crate::base::name::TreePath;
use crate::ui::escape::{Markup, escape};

/// All definitions, and the classes that their scopes become.
pub(super) struct Syntaxes {
    set: SyntaxSet,
    classes: Classes,
    /// What the scopes of a language's code begin with.
    roots: [Scope; 2],
    /// The languages that were met, and so compiled: those of files, and those that stand within others.
    used: HashSet<String>,
}

impl Syntaxes {
    pub(super) fn load() -> Syntaxes {
        let roots = ["source", "text"].map(|root| Scope::new(root).expect("a word is a scope"));
        Syntaxes { set: two_face::syntax::extra_newlines(), classes: Classes::new(), roots, used: HashSet::new() }
    }

    /// How many languages were compiled so far.
    #[cfg(test)]
    pub(super) fn languages(&self) -> usize {
        self.used.len()
    }

    /// Whether a file's language is one too many beside those that were met already.
    pub(super) fn is_full_for(&self, path: &TreePath, text: &str) -> bool {
        let language = self.find(path, text).map(|syntax| language_of(syntax.scope));
        language.is_some_and(|language| self.used.len() >= MOST_LANGUAGES && !self.used.contains(&language))
    }

    pub(super) fn highlight(&mut self, path: &TreePath, text: &str, deadline: Instant) -> Source {
        let Some(syntax) = self.find(path, text) else {
            return Source::plain(text);
        };
        let mut state = ParseState::new(syntax);
        let mut met = HashSet::from([language_of(syntax.scope)]);
        let mut stack = ScopeStack::new();
        let mut out = Vec::new();
        let mut lines = lines(text);
        let mut with_end = String::new();
        for line in lines.by_ref() {
            // The definitions expect the line's end.
            with_end.clear();
            with_end.push_str(line);
            with_end.push('\n');
            match self.line(&mut state, &mut stack, &with_end, &mut met) {
                Some(html) => out.push(html),
                None => {
                    out.push(Markup::escaped(line));
                    break;
                }
            }
            // A file may hold code of very many others, and each that is met takes memory.
            if Instant::now() >= deadline || met.len() > MOST_LANGUAGES {
                break;
            }
        }
        self.used.extend(met);
        out.extend(lines.map(Markup::escaped));
        Source { lines: out, ..Source::default() }
    }

    fn find(&self, path: &TreePath, text: &str) -> Option<&SyntaxReference> {
        let name = std::str::from_utf8(path.file_name()).ok();
        name.and_then(|name| self.set.find_syntax_by_extension(name))
            .or_else(|| path.extension().and_then(|extension| self.set.find_syntax_by_extension(extension)))
            .or_else(|| self.set.find_syntax_by_first_line(text.lines().next().unwrap_or_default()))
            .filter(|syntax| syntax.name != "Plain Text")
    }

    /// One line with its end; `None` where the definition fails on it.
    fn line(&self, state: &mut ParseState, stack: &mut ScopeStack, line: &str, met: &mut HashSet<String>) -> Option<Markup> {
        let ops = state.parse_line(line, &self.set).ok()?;
        let mut spans = Spans::default();
        let mut from = 0;
        for (at, op) in &ops {
            spans.push(line.get(from..*at)?, self.classes.of(stack.as_slice()));
            from = *at;
            if let ScopeStackOp::Push(scope) = op
                && self.roots.iter().any(|root| root.is_prefix_of(*scope))
            {
                met.insert(language_of(*scope));
            }
            stack.apply(op).ok()?;
        }
        spans.push(line.get(from..)?, self.classes.of(stack.as_slice()));
        Some(spans.finish())
    }
}

/// The language that a scope is of: `source.rust` of `source.rust.embedded`.
fn language_of(scope: Scope) -> String {
    scope.build_string().split('.').take(2).collect::<Vec<_>>().join(".")
}

/// Builds a line's markup, joining neighbours of one class.
#[derive(Default)]
struct Spans {
    out: String,
    run: String,
    class: Option<&'static str>,
}

impl Spans {
    fn push(&mut self, text: &str, class: Option<&'static str>) {
        let text = text.strip_suffix('\n').unwrap_or(text);
        if text.is_empty() {
            return;
        }
        // White space takes no colour, so it never parts two runs.
        if class != self.class && !text.bytes().all(|byte| byte == b' ') {
            self.flush();
            self.class = class;
        }
        self.run.push_str(text);
    }

    fn flush(&mut self) {
        let text = escape(self.run.trim_end_matches(' '));
        let space = " ".repeat(self.run.len() - self.run.trim_end_matches(' ').len());
        match self.class {
            Some(class) if !text.is_empty() => {
                self.out.push_str("<i class=\"");
                self.out.push_str(class);
                self.out.push_str("\">");
                self.out.push_str(&text);
                self.out.push_str("</i>");
            }
            _ => self.out.push_str(&text),
        }
        self.out.push_str(&space);
        self.run.clear();
    }

    fn finish(mut self) -> Markup {
        self.flush();
        Markup::made(self.out)
    }
}
