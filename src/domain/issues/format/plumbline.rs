//! Our own format: `{"issues": […]}` with what is known of the analysis around it, or one issue a line.
//!
//! [`SCHEMA`] describes it for editors and other programs. Names are those of the API; what is not known is passed over, so that a newer
//! writer and an older reader get along. A line of an analysis written line by line may hold the `tool`, `category` and `scope` instead of
//! an issue; it speaks of the lines after it.

use super::columns::{Columns, Region};
use super::draft::{Draft, Drafts};
use super::json::{self, Node, Pattern, Route, Step};
use super::paths::Written;

/// The format as a JSON schema.
pub const SCHEMA: &str = include_str!("../../../../data/issues.schema.json");
/// A document in it.
pub const EXAMPLE: &str = include_str!("../../../../data/issues.example.json");
/// The same issue by issue, one a line.
pub const EXAMPLE_LINES: &str = include_str!("../../../../data/issues.example.jsonl");
/// A manifest with a check that writes it.
pub const EXAMPLE_MANIFEST: &str = include_str!("../../../../data/issues.example.yaml");

const ISSUES: Pattern = &[Step::Key("issues"), Step::Each];
/// The same way and a step beyond, where nothing is: it tells whether there is a list and reads none of it.
const ISSUES_AT_ALL: Pattern = &[Step::Key("issues"), Step::Each, Step::Key("")];
const TOOL: Pattern = &[Step::Key("tool")];
const CATEGORY: Pattern = &[Step::Key("category")];
const SCOPE: Pattern = &[Step::Key("scope")];

/// The most patterns that a scope may have.
pub const MAX_SCOPE: usize = 200;

/// Reads a document, or lines.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let depth = drafts.bounds.depth;
    let mut tool = None;
    let mut heads = Vec::new();
    let route = Route { patterns: &[TOOL, CATEGORY, SCOPE, ISSUES_AT_ALL], skip: &[], depth };
    let is_document = json::walk(input, route, &mut |pattern, _, node| match node {
        Ok(node) if pattern < 3 => heads.push((pattern, node)),
        _ => {}
    });
    if is_document.reached[3] < 2 {
        return read_lines(input, drafts);
    }
    for (pattern, node) in heads {
        head(pattern, &node, &mut tool, drafts);
    }
    let walked = json::walk(input, Route { patterns: &[ISSUES], skip: &[], depth }, &mut |_, _, node| match node {
        Ok(node) => issue(&node, tool, drafts),
        Err(why) => drafts.too_much(why),
    });
    if let Some(error) = walked.broken {
        drafts.broken(error);
    }
    Ok(())
}

fn read_lines(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let mut tool = None;
    let read = json::lines(input, &[], drafts, |node, drafts| {
        let heads = [node.get("tool"), node.get("category"), node.get("scope")];
        for (pattern, node) in heads.into_iter().enumerate().filter(|(_, node)| !node.is_null()) {
            head(pattern, node, &mut tool, drafts);
        }
        if node.get("message").is_null() && heads.iter().any(|node| !node.is_null()) {
            drafts.skip();
        } else {
            issue(node, tool, drafts);
        }
    });
    read.map_err(|why| format!("it has no list `issues`, and {why}"))
}

fn head(pattern: usize, node: &Node, tool: &mut Option<usize>, drafts: &mut Drafts<'_>) {
    match pattern {
        0 => *tool = node.get("name").text().and_then(|name| drafts.tool(name, node.get("version").text())),
        1 => drafts.category(node.text().unwrap_or_default()),
        _ => {
            let patterns = node.get("paths").list().iter().filter_map(Node::text).take(MAX_SCOPE);
            let patterns: Vec<String> = patterns.map(str::to_owned).collect();
            if !patterns.is_empty() {
                drafts.scope(patterns);
            }
        }
    }
}

fn issue(node: &Node, tool: Option<usize>, drafts: &mut Drafts<'_>) {
    let part = |name| node.get(name);
    let path = part("path").text().unwrap_or_default();
    let by = drafts.ground.columns.unwrap_or(Columns::PLAIN);
    let region = Region::read([part("line_start"), part("line_end")], [part("column_start"), part("column_end")], by);
    // A word that is misspelt must not pass for the default.
    let (kind, severity) = match (word(part("kind")), word(part("severity"))) {
        (Ok(kind), Ok(severity)) => (kind, severity),
        (Err(why), _) | (_, Err(why)) => return drafts.drop(path, &why),
    };
    drafts.add_at(
        region,
        Draft {
            rule: part("rule").text().unwrap_or_default(),
            message: part("message").text().unwrap_or_default(),
            path: Written::path(path),
            kind,
            severity,
            fingerprint: part("fingerprint").text(),
            suppressed: match part("suppressed") {
                Node::Bool(true) => Some(""),
                node => node.text(),
            },
            tool,
            ..Draft::default()
        },
    );
}

/// A word of ours, or what is wrong with it.
fn word<T: std::str::FromStr<Err = crate::base::word::UnknownWord>>(node: &Node) -> Result<Option<T>, String> {
    match node {
        Node::Null => Ok(None),
        node => node
            .text()
            .unwrap_or_default()
            .parse()
            .map(Some)
            .map_err(|unknown: crate::base::word::UnknownWord| format!("has a word that is none of ours: {unknown}")),
    }
}

#[cfg(test)]
mod tests;
