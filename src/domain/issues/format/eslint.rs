//! `ESLint`'s JSON, and stylelint's, which is built alike: a list of files with what is said of each.
//!
//! Columns count UTF-16 units from 1, the end behind what is meant. What `ESLint` says without naming a rule is that a file cannot be parsed
//! (`fatal`), that a comment switches off what is not there, or that a file was passed over, which is nobody's shortcoming.

use super::columns::{Columns, Region, Unit};
use super::draft::{Draft, Drafts};
use super::json::{self, Node, Pattern, Route, Step};
use super::paths::Written;
use super::word;
use crate::domain::issues::finding::{Kind, Severity};

use Step::{Each, Key};

const FILES: Pattern = &[Each];
const FILE_PATH: Pattern = &[Each, Key("filePath")];
const SOURCE: Pattern = &[Each, Key("source")];
const MESSAGES: Pattern = &[Each, Key("messages"), Each];
const SUPPRESSED: Pattern = &[Each, Key("suppressedMessages"), Each];
const WARNINGS: Pattern = &[Each, Key("warnings"), Each];

const SKIPPED: &[&str] = &["suggestions", "fix"];
/// What a file has of which one is there.
const LISTS: [&str; 3] = ["messages", "suppressedMessages", "warnings"];

/// The most files whose names are kept.
const MAX_FILES: usize = 200_000;
/// The rule of what is said without one.
const UNNAMED: &str = "eslint";
/// The rule of a file that cannot be parsed.
const FATAL: &str = "parse-error";

const COLUMNS: Columns = Columns { unit: Unit::Utf16, first: 1, end_is_behind: true };

/// Reads a document.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let depth = drafts.bounds.depth;
    let files = files(input, depth);
    drop_others(input, &files, drafts);
    let route = Route { patterns: &[MESSAGES, SUPPRESSED, WARNINGS], skip: SKIPPED, depth };
    let walked = json::walk(input, route, &mut |_, places, node| match node {
        Ok(node) => {
            let file = places.first().and_then(|file| files.get(*file)).map_or("", String::as_str);
            message(&node, file, drafts);
        }
        Err(why) => drafts.too_much(why),
    });
    if walked.reached[0] < 1 {
        return Err(walked.broken.map_or_else(|| "it is no list of files".to_owned(), |error| error.to_string()));
    }
    if let Some(error) = walked.broken {
        drafts.broken(error);
    }
    Ok(())
}

/// The name of each file. Stylelint's `source` is one; `ESLint`'s is the file's text.
fn files(input: &[u8], depth: usize) -> Vec<String> {
    let mut files: Vec<(String, bool)> = Vec::new();
    json::walk(input, Route { patterns: &[FILE_PATH, SOURCE], skip: &[], depth }, &mut |pattern, places, node| {
        let (Ok(Node::Text(name)), Some(place)) = (node, places.first().copied().filter(|place| *place < MAX_FILES)) else { return };
        if files.len() <= place {
            files.resize(place + 1, (String::new(), false));
        }
        let is_path = pattern == 0;
        if (is_path || !files[place].1) && !name.contains('\n') {
            files[place] = (name, is_path);
        }
    });
    files.into_iter().map(|(name, _)| name).collect()
}

/// Drops what is no file, or holds no messages.
fn drop_others(input: &[u8], files: &[String], drafts: &mut Drafts<'_>) {
    json::outline(input, Route { patterns: &[FILES], skip: &["source"], depth: 1 }, &mut |_, places, node| {
        let place = places.first().copied().unwrap_or_default();
        let fault = match &node {
            Ok(file @ Node::Map(_)) if LISTS.iter().any(|list| matches!(file.get(list), Node::List(_))) => return,
            Ok(Node::Map(_)) => "has no list `messages`".to_owned(),
            Ok(_) => "is no record of a file".to_owned(),
            Err(why) => why.to_string(),
        };
        match files.get(place).filter(|name| !name.is_empty()) {
            Some(name) => drafts.drop(name, &fault),
            None => drafts.drop(&format!("file {}", place + 1), &fault),
        }
    });
}

fn message(node: &Node, file: &str, drafts: &mut Drafts<'_>) {
    if !matches!(node, Node::Map(_)) {
        return drafts.drop(file, "has a message that is no record");
    }
    let rule = node.get("ruleId").text().or_else(|| node.get("rule").text());
    let is_fatal = *node.get("fatal") == Node::Bool(true);
    let text = node.get("message").text().or_else(|| node.get("text").text()).unwrap_or_default();
    if rule.is_none() && !is_fatal && node.get("line").is_null() && !text.is_empty() {
        return drafts.skip();
    }
    let part = |name| node.get(name);
    let by = drafts.ground.columns.unwrap_or(COLUMNS);
    let region = Region::read([part("line"), part("endLine")], [part("column"), part("endColumn")], by);
    // Stylelint ends its text with the rule's name.
    let suffix = rule.map(|rule| format!(" ({rule})")).unwrap_or_default();
    let suppressions = node.get("suppressions").list();
    drafts.add_at(
        region,
        Draft {
            rule: rule.unwrap_or(if is_fatal { FATAL } else { UNNAMED }),
            message: text.strip_suffix(&suffix).unwrap_or(text),
            path: Written::path(file),
            kind: is_fatal.then_some(Kind::Bug),
            severity: severity(node.get("severity")),
            suppressed: suppressions.first().map(|one| one.get("justification").text().unwrap_or_default()),
            ..Draft::default()
        },
    );
}

fn severity(node: &Node) -> Option<Severity> {
    match node {
        Node::Int(2) => Some(Severity::Major),
        Node::Int(1) => Some(Severity::Minor),
        Node::Int(0) => Some(Severity::Info),
        node => node.text().and_then(word::severity),
    }
}
