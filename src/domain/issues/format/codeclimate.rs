//! Code Climate's issues (<https://github.com/codeclimate/platform/blob/master/spec/analyzers/SPEC.md>): one after the other, each followed by
//! NUL, or a list, as GitLab takes them.
//!
//! A place is lines, or positions with columns that count characters from 1, their end included; a position may be an offset into the file,
//! which speaks of the file as a whole.

use super::columns::{Columns, Region};
use super::draft::{Draft, Drafts};
use super::json::{self, Node, Pattern, Route, Step};
use super::paths::Written;
use super::word;

const ISSUES: Pattern = &[Step::Each];
const SKIPPED: &[&str] = &["content", "trace", "other_locations", "remediation_points"];

/// Reads a document.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    if !input.trim_ascii_start().starts_with(b"[") {
        return json::sequence(input, SKIPPED, drafts, issue);
    }
    let route = Route { patterns: &[ISSUES], skip: SKIPPED, depth: drafts.bounds.depth };
    let walked = json::walk(input, route, &mut |_, _, node| match node {
        Ok(node) => issue(&node, drafts),
        Err(why) => drafts.too_much(why),
    });
    if let Some(error) = walked.broken {
        drafts.broken(error);
    }
    Ok(())
}

fn issue(node: &Node, drafts: &mut Drafts<'_>) {
    // Engines write measurements into the same stream.
    if node.get("type").text().is_some_and(|kind| !kind.eq_ignore_ascii_case("issue")) {
        return drafts.skip();
    }
    let location = node.get("location");
    let path = location.get("path").text().unwrap_or_default();
    let (lines, positions) = (location.get("lines"), location.get("positions"));
    let position = |end: &str, what: &str| positions.at(&[end, what]).clone();
    let pick = |lines: &Node, end: &str| if lines.is_null() { position(end, "line") } else { lines.clone() };
    // Some write a mere number for both ends.
    let begin = if lines.number().is_ok_and(|line| line.is_some()) { lines } else { lines.get("begin") };
    let (start, end) = (pick(begin, "begin"), pick(lines.get("end"), "end"));
    let columns = [position("begin", "column"), position("end", "column")];
    let by = drafts.ground.columns.unwrap_or(Columns::PLAIN);
    let region = Region::read([&start, &end], [&columns[0], &columns[1]], by);
    let categories = node.get("categories").list();
    drafts.add_at(
        region,
        Draft {
            rule: node.get("check_name").text().unwrap_or("issue"),
            message: node.get("description").text().unwrap_or_default(),
            path: Written::path(path),
            kind: categories.iter().find_map(|category| word::kind(category.text()?)),
            severity: node.get("severity").text().and_then(word::severity),
            fingerprint: node.get("fingerprint").text(),
            ..Draft::default()
        },
    );
}
