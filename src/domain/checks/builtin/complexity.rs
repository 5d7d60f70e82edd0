//! `complexity`: functions that are hard to follow, by the measure of cognitive complexity.
//!
//! The measure is Sonar's (G. Ann Campbell: *Cognitive Complexity: a new way of measuring understandability*, version 1.7). What
//! breaks the flow from top to bottom costs one: a condition and each of its alternatives, a loop, a switch, a catch, a jump to a label, a
//! row of equal boolean operators, a call of itself. What breaks it within another break costs one more for each. What the
//! [grammars](grammar) call these is a table; the [walk](score) is the same for all, and knows besides where each has its names and labels.
//!
//! A message says what contributes most and where, since a number alone helps nobody.
//!
//! Hostile text costs little: a file has a bound, parsing has a budget of steps and of time, and the tree is walked without recursion. A
//! function in whose text the grammar found an error is passed over.

pub mod grammar;
pub mod score;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::subject::Subject;
use super::{Builtin, OfTree, Wants};
use crate::base::text::count;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};
use grammar::Grammar;
use score::{Function, What};

/// The most that a function may have.
pub const ALLOWED: u32 = 15;
/// The largest file that is parsed.
pub const MAX_FILE: u64 = 1 << 20;
/// How many steps of parsing are taken whatever the length; a step is a hundred moves of the parser.
const STEPS: usize = 1_000;
/// And one more for so many bytes: some three times what ordinary text takes.
const BYTES_A_STEP: usize = 16;
/// How long parsing may take. Ordinary text of the largest size takes a tenth of it, but there is text at which each step takes as long as
/// all before it.
const PATIENCE: Duration = Duration::from_secs(1);
/// How many lines are named.
const NAMED: usize = 3;

/// The built-in check `complexity`.
#[derive(Debug, Clone, Copy)]
pub struct Complexity;

impl Builtin for Complexity {
    fn name(&self) -> &'static str {
        "complexity"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, file: &TreeFile, size: u64) -> Wants {
        let is_file = matches!(file.kind, FileKind::Regular | FileKind::Executable);
        if !is_file || size == 0 || size > MAX_FILE || Grammar::of(&file.path).is_none() {
            return Wants::Nothing;
        }
        let subject = Subject::of(&file.path);
        if subject.is_foreign() || subject.is_generated() || subject.is_specimen() { Wants::Nothing } else { Wants::Content { cap: size } }
    }

    fn file(&self, file: &TreeFile, _: u64, content: &[u8]) -> Vec<Finding> {
        let Some(grammar) = Grammar::of(&file.path) else { return Vec::new() };
        let functions = parse(grammar, content).map_or_else(Vec::new, |tree| score::functions(grammar, &tree, content));
        functions.iter().filter(|function| function.score() > ALLOWED).map(|function| finding(file, function)).collect()
    }

    fn tree(&self, _: &dyn Tree, _: &dyn Fn() -> bool) -> git::Result<OfTree> {
        Ok(OfTree::default())
    }
}

/// The syntax of a text, if it does not take too many steps.
pub fn parse(grammar: &Grammar, content: &[u8]) -> Option<tree_sitter::Tree> {
    let mut parser = tree_sitter::Parser::new();
    parser.set_language(&grammar.language).ok()?;
    let began = Instant::now();
    let mut left = STEPS + content.len() / BYTES_A_STEP;
    let mut step = |_: &tree_sitter::ParseState| {
        left = left.saturating_sub(1);
        if left == 0 || began.elapsed() > PATIENCE { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let options = tree_sitter::ParseOptions::new().progress_callback(&mut step);
    parser.parse_with_options(&mut |at, _| content.get(at..).unwrap_or_default(), None, Some(options))
}

fn finding(file: &TreeFile, function: &Function) -> Finding {
    let (what, lines) = most(function);
    let named = match &lines[..] {
        [] => String::new(),
        [line] => format!(" at line {line}"),
        [first @ .., last] => {
            format!(" at lines {} and {last}", first.iter().map(u32::to_string).collect::<Vec<_>>().join(", "))
        }
    };
    let name = function.name.as_ref().map_or_else(|| "A function without a name".to_owned(), |name| format!("`{name}`"));
    let over = count(u64::from(function.score() - ALLOWED), "point");
    let message = format!(
        "{name} has a cognitive complexity of {} of {ALLOWED} allowed, {over} too many; most comes from {what}{named}",
        function.score()
    );
    let severity = if function.score() > 2 * ALLOWED { Severity::Major } else { Severity::Minor };
    Finding {
        rule: "cognitive-complexity".to_owned(),
        message,
        path: file.path.clone(),
        span: Some(Span { line_end: function.line_end, ..Span::line(function.line) }),
        kind: Kind::Complexity,
        severity,
        fingerprint: function.name.clone(),
    }
}

/// What contributes most, and the lines at which it does, ascending.
fn most(function: &Function) -> (&'static str, Vec<u32>) {
    let sum = |what: What| function.parts.iter().filter(|part| part.what == what).map(|part| part.points).sum::<u32>();
    // Of equals the first in the order in which they are told.
    let what = What::ALL.into_iter().rev().max_by_key(|what| sum(*what)).unwrap_or(What::Nested);
    let mut parts: Vec<(u32, u32)> = function.parts.iter().filter(|part| part.what == what).map(|part| (part.points, part.line)).collect();
    parts.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut lines: Vec<u32> = parts.iter().take(NAMED).map(|(_, line)| *line).collect();
    lines.sort_unstable();
    lines.dedup();
    (what.shown(), lines)
}

#[cfg(test)]
mod tests;
