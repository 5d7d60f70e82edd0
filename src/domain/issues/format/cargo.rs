//! The messages of cargo and of the compilers that it runs, one a line: what `cargo clippy --message-format json` writes.
//!
//! A diagnostic speaks where its primary span is; one that lies in a macro of elsewhere, where the macro is called. What has neither a
//! place nor a rule (`2 warnings emitted`) is no finding. Columns count characters from 1, the end behind what is meant.
//!
//! A build that failed although no error lies in the tree did not look at all of it: a dependency does not compile, nothing can be linked.
//! What was found before is no result then, and the document counts as broken off, by the first error that says why.

use super::columns::{Columns, Region, Unit};
use super::draft::{Draft, Drafts};
use super::json::{self, Node};
use super::paths::Written;
use super::word;
use crate::base::text::clip;
use crate::domain::issues::finding::Kind;

const SKIPPED: &[&str] = &["rendered", "children", "explanation", "text", "target", "features", "filenames", "profile", "env"];

const COLUMNS: Columns = Columns { unit: Unit::Characters, first: 1, end_is_behind: true };

/// The rule of an error that has no code, such as one of syntax.
const ERROR: &str = "compile-error";
/// The rule of a warning that has none.
const WARNING: &str = "compile-warning";
/// So many bytes of why a build failed are told.
const QUOTED: usize = 160;
/// How far a macro is followed to where it is called.
const MAX_EXPANSIONS: usize = 32;

/// Reads the messages.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let mut build = Build::default();
    json::lines(input, SKIPPED, drafts, |node, drafts| match node.get("reason").text() {
        Some("compiler-message") => build.note(diagnostic(node.get("message"), drafts)),
        // The compiler by itself writes the same without cargo's envelope.
        None if !node.get("level").is_null() => build.note(diagnostic(node, drafts)),
        Some("build-finished") => build.has_failed |= *node.get("success") == Node::Bool(false),
        // What was built is nobody's shortcoming.
        Some(_) => {}
        None => drafts.skip(),
    })?;
    if build.has_failed && !build.has_error {
        drafts.broken(match build.elsewhere {
            Some(why) => format!("the build failed: {why}"),
            None => "the build failed, and no error says why".to_owned(),
        });
    }
    Ok(())
}

/// How a build went.
#[derive(Debug, Default)]
struct Build {
    has_failed: bool,
    /// Whether an error lies in the tree.
    has_error: bool,
    /// What the first error says that does not.
    elsewhere: Option<String>,
}

/// What a diagnostic means for the build.
enum Means {
    /// It goes on.
    Nothing,
    /// It fails for what is in the tree.
    Error,
    /// It fails for something else, in these words.
    Elsewhere(String),
}

impl Build {
    fn note(&mut self, means: Means) {
        match means {
            Means::Nothing => {}
            Means::Error => self.has_error = true,
            Means::Elsewhere(why) => self.elsewhere = self.elsewhere.take().or(Some(why)),
        }
    }
}

fn diagnostic(node: &Node, drafts: &mut Drafts<'_>) -> Means {
    let spans = node.get("spans").list();
    let primary = spans.iter().find(|span| *span.get("is_primary") == Node::Bool(true)).or(spans.first());
    let level = node.get("level").text().unwrap_or_default();
    let is_error = level.starts_with("error");
    let message = node.get("message").text().unwrap_or_default();
    let elsewhere = || if is_error { Means::Elsewhere(clip(message, QUOTED).into_owned()) } else { Means::Nothing };
    let (Some(span), true) = (primary, matches!(level, "error" | "warning" | "error: internal compiler error")) else {
        drafts.skip();
        return elsewhere();
    };
    let span = within_tree(span, drafts);
    let part = |name| span.get(name);
    let path = part("file_name").text().unwrap_or_default();
    let by = drafts.ground.columns.unwrap_or(COLUMNS);
    let region = Region::read([part("line_start"), part("line_end")], [part("column_start"), part("column_end")], by);
    let is_in_tree = region.is_ok() && drafts.resolve(Written::path(path)).is_ok();
    let code = node.at(&["code", "code"]).text();
    drafts.add_at(
        region,
        Draft {
            rule: code.unwrap_or(if is_error { ERROR } else { WARNING }),
            message,
            path: Written::path(path),
            kind: (is_error && code.is_none_or(|code| code.starts_with('E'))).then_some(Kind::Bug),
            severity: word::severity(if is_error { "error" } else { "warning" }),
            ..Draft::default()
        },
    );
    if is_error && is_in_tree { Means::Error } else { elsewhere() }
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
