//! Reviewdog's diagnostics (<https://github.com/reviewdog/reviewdog/tree/master/proto/rdf>): one document, or one diagnostic a line.
//!
//! Columns count bytes from 1 and the end lies behind what is meant; some tools that write the format count otherwise. Severities are
//! words or, as in the protocol's definition, numbers.

use super::columns::{Columns, Region, Unit};
use super::draft::{Draft, Drafts};
use super::json::{self, Node, Pattern, Route, Step};
use super::paths::Written;
use super::word;
use crate::domain::issues::finding::Severity;

const DIAGNOSTICS: Pattern = &[Step::Key("diagnostics"), Step::Each];
const SOURCE: Pattern = &[Step::Key("source")];
const SEVERITY: Pattern = &[Step::Key("severity")];

const SKIPPED: &[&str] = &["suggestions", "original_output", "originalOutput", "related_locations", "relatedLocations", "images"];

const COLUMNS: Columns = Columns { unit: Unit::Bytes, first: 1, end_is_behind: true };

/// What a document says of all its diagnostics.
#[derive(Debug, Default)]
struct Overall {
    severity: Option<Severity>,
    tool: Option<usize>,
}

/// Reads a document.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let depth = drafts.bounds.depth;
    let mut overall = Overall::default();
    json::walk(input, Route { patterns: &[SOURCE, SEVERITY], skip: &[], depth }, &mut |pattern, _, node| match (pattern, node) {
        (0, Ok(node)) => overall.tool = node.get("name").text().and_then(|name| drafts.tool(name, None)),
        (_, Ok(node)) => overall.severity = severity(&node),
        _ => {}
    });
    let walked = json::walk(input, Route { patterns: &[DIAGNOSTICS], skip: SKIPPED, depth }, &mut |_, _, node| match node {
        Ok(node) => diagnostic(&node, &overall, drafts),
        Err(why) => drafts.too_much(why),
    });
    if walked.reached[0] < 2 {
        return Err(walked.broken.map_or_else(|| "it has no list `diagnostics`".to_owned(), |error| error.to_string()));
    }
    if let Some(error) = walked.broken {
        drafts.broken(error);
    }
    Ok(())
}

/// Reads a diagnostic of each line.
pub fn read_lines(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    json::lines(input, SKIPPED, drafts, |node, drafts| diagnostic(node, &Overall::default(), drafts))
}

fn diagnostic(node: &Node, overall: &Overall, drafts: &mut Drafts<'_>) {
    let location = node.get("location");
    let path = location.get("path").text().unwrap_or_default();
    let at = |end: &str, what: &str| location.at(&["range", end, what]).clone();
    let lines = [at("start", "line"), at("end", "line")];
    let columns = [at("start", "column"), at("end", "column")];
    let by = drafts.ground.columns.unwrap_or(COLUMNS);
    let region = Region::read([&lines[0], &lines[1]], [&columns[0], &columns[1]], by);
    let source = node.at(&["source", "name"]).text();
    let tool = source.and_then(|name| drafts.tool(name, None)).or(overall.tool);
    let code = node.get("code");
    let rule = code.get("value").word().or_else(|| code.word()).unwrap_or_else(|| source.unwrap_or("diagnostic").into());
    drafts.add_at(
        region,
        Draft {
            rule: &rule,
            message: node.get("message").text().unwrap_or_default(),
            path: Written::path(path),
            severity: severity(node.get("severity")).or(overall.severity),
            tool,
            ..Draft::default()
        },
    );
}

fn severity(node: &Node) -> Option<Severity> {
    match node {
        Node::Int(1) => Some(Severity::Major),
        Node::Int(2) => Some(Severity::Minor),
        Node::Int(3) => Some(Severity::Info),
        node => node.text().and_then(word::severity),
    }
}
