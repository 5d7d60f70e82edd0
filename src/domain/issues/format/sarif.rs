//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).
//!
//! A document is walked twice. First what results refer to: tools, their rules and extensions, artifacts, base ids (see `run`); a writer may
//! put them behind the results. Then the results, one by one.
//!
//! A result that is no failure (`kind`), or that stands only in the baseline (`baselineState: absent`), is none of ours. Level, message and
//! tags come from the rule where the result leaves them out; the rule is found by index, by id, by the part of a hierarchical id before its
//! slash, in the driver or in an extension. The first location that names a file counts.
//!
//! Not read: code flows, related locations, fixes, taxonomies, external property files, regions given by offsets alone (which speak of the
//! file), and overrides of the rules' configuration by invocations.

mod run;

use std::borrow::Cow;

use super::columns::{Columns, Region, Unit};
use super::draft::{Draft, Drafts};
use super::json::{self, Node, Pattern, Route, Step};
use super::paths::Written;
use super::word;
use crate::domain::issues::finding::{Kind, Severity};
use run::{Rule, Run};

const RESULTS: Pattern = &[Step::Key("runs"), Step::Each, Step::Key("results"), Step::Each];

/// What nobody looks at in a result, and what may be large.
const SKIPPED: &[&str] =
    &["codeFlows", "threadFlows", "relatedLocations", "stacks", "graphs", "graphTraversals", "fixes", "attachments", "webRequest"];

/// Mark of identity that GitHub's uploader makes; others come in the order of their names.
const PREFERRED: &str = "primaryLocationLineHash";

/// Reads a document.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let runs = run::heads(input, drafts);
    let route = Route { patterns: &[RESULTS], skip: SKIPPED, depth: drafts.bounds.depth };
    let nobody = Run::default();
    let walked = json::walk(input, route, &mut |_, places, node| match node {
        Ok(node) => result(&node, places.first().and_then(|run| runs.get(*run)).unwrap_or(&nobody), drafts),
        Err(why) => drafts.too_much(why),
    });
    if walked.reached[0] < 2 {
        return Err(walked.broken.map_or_else(|| "it has no list `runs`".to_owned(), |error| error.to_string()));
    }
    if let Some(error) = walked.broken {
        drafts.broken(error);
    }
    Ok(())
}

fn result(node: &Node, run: &Run, drafts: &mut Drafts<'_>) {
    let is_failure = node.get("kind").text().is_none_or(|kind| kind == "fail");
    if !is_failure || node.get("baselineState").text() == Some("absent") {
        return drafts.skip();
    }
    let rule = run.rule(node);
    let id = rule_id(node, rule);
    let message = message(node.get("message"), rule, run);
    let message = message.as_deref().or(rule.and_then(|rule| rule.text.as_deref())).unwrap_or(&id);
    let (path, region) = match place(node, run) {
        Ok(place) => place,
        Err(why) => return drafts.drop(if message.is_empty() { "a result" } else { message }, &why),
    };
    let by = drafts.ground.columns.unwrap_or(Columns { unit: run.unit.unwrap_or(Unit::Utf16), first: 1, end_is_behind: true });
    let region = area(region, by);
    let fingerprint = fingerprint(node);
    drafts.add_at(
        region,
        Draft {
            rule: &id,
            message,
            path,
            kind: kind(node, rule),
            severity: Some(severity(node, rule)),
            fingerprint: fingerprint.as_deref(),
            suppressed: suppression(node.get("suppressions")),
            tool: run.tool,
            ..Draft::default()
        },
    );
}

/// The rule's id: that of the rule itself, so that all results of one rule have one.
fn rule_id<'a>(node: &'a Node, rule: Option<&'a Rule>) -> Cow<'a, str> {
    let own = node.get("ruleId").text().or_else(|| node.at(&["rule", "id"]).text());
    let known = rule.map(|rule| rule.id.as_str()).filter(|id| !id.is_empty());
    match (known, own) {
        (Some(id), _) | (None, Some(id)) => Cow::Borrowed(id),
        (None, None) => Cow::Borrowed("unnamed"),
    }
}

fn message<'a>(node: &'a Node, rule: Option<&Rule>, run: &Run) -> Option<Cow<'a, str>> {
    let arguments = node.get("arguments").list();
    if let Some(text) = node.get("text").text().or_else(|| node.get("markdown").text()) {
        let form = if arguments.is_empty() { Form::Plain } else { Form::Template };
        return Some(filled(text, arguments, form));
    }
    let id = node.get("id").text()?;
    let text = rule.and_then(|rule| rule.message(id)).or_else(|| run.message(id))?;
    Some(Cow::Owned(filled(text, arguments, Form::Template).into_owned()))
}

/// What the braces of a message are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Braces. The standard asks that they be doubled even where nothing is to be filled in, and hardly a tool does so.
    Plain,
    /// Places to be filled in, and doubled where they are braces.
    Template,
}

/// The text with its `{0}` filled in, its doubled braces single, and its links to other locations plain. Nothing is looked at twice,
/// whatever the text is.
fn filled<'a>(text: &'a str, arguments: &[Node], form: Form) -> Cow<'a, str> {
    let has_braces = form == Form::Template && text.contains(['{', '}']);
    if !has_braces && !text.contains("](") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}', '[']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mark = &rest[..1];
        if mark == "[" {
            if let Some((words, length)) = link(rest) {
                out.push_str(words);
                rest = &rest[length..];
                continue;
            }
        } else if form == Form::Template {
            if rest[1..].starts_with(mark) {
                out.push_str(mark);
                rest = &rest[2..];
                continue;
            }
            if let Some((argument, length)) = number(&rest[1..], '}').filter(|_| mark == "{")
                && let Some(argument) = arguments.get(argument)
            {
                out.push_str(&argument.word().unwrap_or_default());
                rest = &rest[1 + length..];
                continue;
            }
        }
        out.push_str(mark);
        rest = &rest[1..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The words of a link such as `[words](2)`, which points to another location, and the length of all of it. It looks no further than to
/// the next bracket, since words hold none.
fn link(text: &str) -> Option<(&str, usize)> {
    let words = &text[1..][..text[1..].find(['[', ']'])?];
    let (_, length) = number(text[1 + words.len()..].strip_prefix("](")?, ')')?;
    Some((words, 1 + words.len() + 2 + length))
}

/// The most digits of a number in a message.
const MAX_DIGITS: usize = 9;

/// A number that ends here, and its length with its end.
fn number(text: &str, end: char) -> Option<(usize, usize)> {
    let length = text.bytes().take(MAX_DIGITS + 1).take_while(u8::is_ascii_digit).count();
    let number = text[..length].parse().ok()?;
    text[length..].starts_with(end).then_some((number, length + end.len_utf8()))
}

/// The file and the region of the first location that names a file.
fn place<'a>(node: &'a Node, run: &'a Run) -> Result<(Written<'a>, &'a Node), String> {
    let locations = node.get("locations").list();
    for location in locations {
        let physical = location.get("physicalLocation");
        if let Some(file) = run.file(physical.get("artifactLocation")) {
            return Ok((file, physical.get("region")));
        }
    }
    let logical = locations.iter().flat_map(|location| location.get("logicalLocations").list());
    let name = logical.filter_map(|logical| logical.get("fullyQualifiedName").text().or_else(|| logical.get("name").text())).next();
    Err(match name {
        Some(name) => format!("names no file, only `{}`", crate::base::text::clip(name, 80)),
        None => "names no file".to_owned(),
    })
}

fn area(region: &Node, by: Columns) -> Result<Option<Region>, String> {
    let line = |name| region.get(name);
    Region::read([line("startLine"), line("endLine")], [line("startColumn"), line("endColumn")], by)
}

fn fingerprint(node: &Node) -> Option<String> {
    let marks = ["fingerprints", "partialFingerprints"].into_iter().flat_map(|name| node.get(name).entries());
    // A sentence, such as semgrep's `requires login`, is the same for every result and marks none.
    let marks = marks.filter_map(|(name, mark)| Some((name.as_str(), mark.text().filter(|mark| !mark.contains(' '))?)));
    marks.min_by_key(|(name, _)| (*name != PREFERRED, *name)).map(|(name, mark)| format!("{name}:{mark}"))
}

/// Why it is suppressed: one suppression that was not refused is enough.
fn suppression(node: &Node) -> Option<&str> {
    let in_force = |one: &&Node| one.get("status").text().or_else(|| one.get("state").text()).is_none_or(|status| status == "accepted");
    node.list().iter().find(in_force).map(|one| one.get("justification").text().unwrap_or_default())
}

fn severity(node: &Node, rule: Option<&Rule>) -> Severity {
    let properties = node.get("properties");
    let own = properties.get("severity").text().and_then(|word| word.parse().ok());
    let score = run::score(properties.get("security-severity")).or(rule.and_then(|rule| rule.score)).and_then(word::of_score);
    let level = node.get("level").text().or(rule.and_then(|rule| rule.level.as_deref())).unwrap_or("warning");
    own.or(score).or_else(|| word::severity(level)).unwrap_or(Severity::Minor)
}

fn kind(node: &Node, rule: Option<&Rule>) -> Option<Kind> {
    let properties = node.get("properties");
    let own = properties.get("kind").text().and_then(|word| word.parse().ok());
    let is_scored = !properties.get("security-severity").is_null();
    own.or_else(|| run::kind_of_tags(properties.get("tags"))).or(is_scored.then_some(Kind::Security)).or(rule.and_then(|rule| rule.kind))
}

#[cfg(test)]
mod tests;
