//! `SonarQube`'s generic issues, the form before 10.3 and the one since.
//!
//! In the older each issue has its engine, type and severity; in the newer those are the rule's, which stands in a list of its own and says
//! what it does to which quality. Columns count UTF-16 units from 0, the end behind what is meant.

use std::collections::HashMap;

use super::columns::{Columns, Region, Unit};
use super::draft::{Draft, Drafts};
use super::json::{self, Node, Pattern, Route, Step};
use super::paths::Written;
use super::word;
use crate::base::text::clip;
use crate::domain::issues::finding::{Kind, Severity};

const RULES: Pattern = &[Step::Key("rules"), Step::Each];
const ISSUES: Pattern = &[Step::Key("issues"), Step::Each];

/// The most rules that are kept.
const MAX_RULES: usize = 50_000;

const COLUMNS: Columns = Columns { unit: Unit::Utf16, first: 0, end_is_behind: true };

#[derive(Debug, Default)]
struct Rule {
    engine: Option<String>,
    name: Option<String>,
    kind: Option<Kind>,
    severity: Option<Severity>,
}

/// Reads a document.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let depth = drafts.bounds.depth;
    let mut rules = HashMap::new();
    json::walk(input, Route { patterns: &[RULES], skip: &["description"], depth }, &mut |_, _, node| {
        if let Ok(node) = node
            && let Some(id) = node.get("id").text()
            && rules.len() < MAX_RULES
        {
            rules.insert(clip(id, 200).into_owned(), rule(&node));
        }
    });
    let walked = json::walk(input, Route { patterns: &[ISSUES], skip: &["secondaryLocations"], depth }, &mut |_, _, node| match node {
        Ok(node) => issue(&node, &rules, drafts),
        Err(why) => drafts.too_much(why),
    });
    if walked.reached[0] < 2 {
        return Err(walked.broken.map_or_else(|| "it has no list `issues`".to_owned(), |error| error.to_string()));
    }
    if let Some(error) = walked.broken {
        drafts.broken(error);
    }
    Ok(())
}

fn rule(node: &Node) -> Rule {
    // A rule that does something to several qualities is of the kind of the one it does most to.
    let impacts = node.get("impacts").list().iter().filter_map(|one| Some((word::severity(one.get("severity").text()?)?, quality(one))));
    let worst = impacts.max_by_key(|(severity, _)| *severity);
    Rule {
        engine: node.get("engineId").text().map(|engine| clip(engine, 200).into_owned()),
        name: node.get("name").text().map(|name| clip(name, 500).into_owned()),
        kind: node.get("type").text().and_then(word::kind).or(worst.and_then(|(_, kind)| kind)),
        severity: worst.map(|(severity, _)| severity).or(node.get("severity").text().and_then(word::severity)),
    }
}

fn quality(impact: &Node) -> Option<Kind> {
    impact.get("softwareQuality").text().and_then(word::kind)
}

fn issue(node: &Node, rules: &HashMap<String, Rule>, drafts: &mut Drafts<'_>) {
    let nothing = Rule::default();
    let id = node.get("ruleId").text().unwrap_or_default();
    let rule = rules.get(id).unwrap_or(&nothing);
    let location = node.get("primaryLocation");
    let range = location.get("textRange");
    let part = |name| range.get(name);
    let by = drafts.ground.columns.unwrap_or(COLUMNS);
    let path = location.get("filePath").text().unwrap_or_default();
    let region = Region::read([part("startLine"), part("endLine")], [part("startColumn"), part("endColumn")], by);
    let engine = node.get("engineId").text().or(rule.engine.as_deref()).unwrap_or_default();
    let tool = drafts.tool(engine, None);
    drafts.add_at(
        region,
        Draft {
            rule: id,
            message: location.get("message").text().or(rule.name.as_deref()).unwrap_or_default(),
            path: Written::path(path),
            kind: node.get("type").text().and_then(word::kind).or(rule.kind),
            severity: node.get("severity").text().and_then(word::severity).or(rule.severity),
            tool,
            ..Draft::default()
        },
    );
}
