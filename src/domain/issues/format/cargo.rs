//! The messages of cargo and of the compilers that it runs, one a line: what `cargo clippy --message-format json` writes.
//!
//! A diagnostic speaks where its primary span is; one that lies in a macro of elsewhere, where the macro is called. What has neither a
//! place nor a rule (`2 warnings emitted`) is no finding. Columns count characters from 1, the end behind what is meant.

use super::columns::{Columns, Region, Unit};
use super::draft::{Draft, Drafts};
use super::json::{self, Node};
use super::paths::Written;
use super::word;
use crate::domain::issues::finding::Kind;

const SKIPPED: &[&str] = &["rendered", "children", "explanation", "text", "target", "features", "filenames", "profile", "env"];

const COLUMNS: Columns = Columns { unit: Unit::Characters, first: 1, end_is_behind: true };

/// The rule of an error that has no code, such as one of syntax.
const ERROR: &str = "compile-error";
/// The rule of a warning that has none.
const WARNING: &str = "compile-warning";
/// How far a macro is followed to where it is called.
const MAX_EXPANSIONS: usize = 32;

/// Reads the messages.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    json::lines(input, SKIPPED, drafts, |node, drafts| match node.get("reason").text() {
        Some("compiler-message") => diagnostic(node.get("message"), drafts),
        // The compiler by itself writes the same without cargo's envelope.
        None if !node.get("level").is_null() => diagnostic(node, drafts),
        _ => drafts.skip(),
    })
}

fn diagnostic(node: &Node, drafts: &mut Drafts<'_>) {
    let spans = node.get("spans").list();
    let primary = spans.iter().find(|span| *span.get("is_primary") == Node::Bool(true)).or(spans.first());
    let level = node.get("level").text().unwrap_or_default();
    let (Some(span), true) = (primary, matches!(level, "error" | "warning" | "error: internal compiler error")) else {
        return drafts.skip();
    };
    let span = within_tree(span, drafts);
    let part = |name| span.get(name);
    let path = part("file_name").text().unwrap_or_default();
    let by = drafts.ground.columns.unwrap_or(COLUMNS);
    let region = Region::read([part("line_start"), part("line_end")], [part("column_start"), part("column_end")], by);
    let region = match region {
        Ok(region) => region,
        Err(why) => return drafts.drop(path, &why),
    };
    let is_error = level != "warning";
    let code = node.at(&["code", "code"]).text();
    drafts.add(Draft {
        rule: code.unwrap_or(if is_error { ERROR } else { WARNING }),
        message: node.get("message").text().unwrap_or_default(),
        path: Written::path(path),
        region,
        kind: (is_error && code.is_none_or(|code| code.starts_with('E'))).then_some(Kind::Bug),
        severity: word::severity(if is_error { "error" } else { "warning" }),
        ..Draft::default()
    });
}

/// The span, or the nearest place in the tree from which what it lies in is called.
fn within_tree<'a>(span: &'a Node, drafts: &Drafts<'_>) -> &'a Node {
    let mut at = span;
    for _ in 0..MAX_EXPANSIONS {
        let path = at.get("file_name").text().unwrap_or_default();
        if drafts.resolve(Written::path(path)).is_ok() {
            return at;
        }
        match at.at(&["expansion", "span"]) {
            Node::Null => break,
            call => at = call,
        }
    }
    span
}
