//! Findings as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code scanning and editors
//! read it: a run for each source, a rule for each rule.
//!
//! Columns count code points there as here, and their end lies one further. Paths are relative to `SRCROOT`, each of their bytes that is
//! not plain in a URI percent-encoded. Results carry our fingerprint. The terminal writes the same, with more said around it.
//!
//! The version of a run's tool is the tool's own, where its run said it; what is built in is as old as we are, and of a command nobody
//! knows. A rule leads to where its tool explains it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::checks::{Check, CheckSet, builtin, catalogue};
use crate::domain::issues::finding::{Severity, Span};
use crate::domain::issues::standing::Standee;

/// Where the format is defined for programs.
pub const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What speaks where no check does.
pub const OURSELVES: &str = "plumbline";

/// The rules that speak, each with its place in the list.
pub type Rules<'a> = BTreeMap<&'a str, usize>;

/// The document of these findings, and of the checks that found them where they are known.
pub fn document(standees: &[Standee], checks: Option<&CheckSet>) -> Value {
    let mut sources: BTreeMap<&str, Vec<&Standee>> = BTreeMap::new();
    for standee in standees {
        sources.entry(&standee.source).or_default().push(standee);
    }
    let run = |(source, standees): (&str, Vec<&Standee>)| {
        let rules = rules(standees.iter().copied());
        let check = checks.and_then(|set| set.checks.iter().find(|check| check.name == source));
        json!({
            "tool": tool(check.map_or(Speaker::named(source), Speaker::of), &rules),
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": { "description": { "text": "The root of the repository" } } },
            "results": standees.iter().map(|standee| result(standee, &rules)).collect::<Vec<_>>(),
        })
    };
    json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": sources.into_iter().map(run).collect::<Vec<_>>() })
}

/// The rules of some findings.
pub fn rules<'a>(standees: impl Iterator<Item = &'a Standee>) -> Rules<'a> {
    let mut rules: Rules<'a> = standees.map(|standee| (standee.occurrence.rule.as_str(), 0)).collect();
    for (at, place) in rules.values_mut().enumerate() {
        *place = at;
    }
    rules
}

/// Who speaks in a run.
#[derive(Debug, Clone, Copy)]
pub struct Speaker<'a> {
    /// What the check is called, or what stands in its place.
    pub name: &'a str,
    /// What runs it, as a manifest names it.
    pub plugin: &'a str,
    /// The version that its run said, if one did.
    pub version: Option<&'a str>,
}

impl<'a> Speaker<'a> {
    /// One of which nothing but its name is known.
    pub fn named(name: &'a str) -> Speaker<'a> {
        Speaker { name, plugin: name, version: None }
    }

    /// A check.
    pub fn of(check: &'a Check) -> Speaker<'a> {
        let version = check.execution.as_ref().and_then(|ran| ran.version.as_deref());
        Speaker { name: &check.name, plugin: &check.plugin, version }
    }
}

/// What speaks in a run, and its rules.
pub fn tool(speaker: Speaker<'_>, rules: &Rules<'_>) -> Value {
    let Speaker { name, plugin, version } = speaker;
    let known = catalogue::find(plugin);
    let is_ours = name == OURSELVES || builtin::find(plugin).is_some();
    let rule = |id: &str| match known.and_then(|tool| tool.link(id)) {
        Some(link) => json!({ "id": id, "helpUri": link }),
        None => json!({ "id": id }),
    };
    let mut driver = json!({
        "name": name,
        "fullName": format!("Plumbline {name}"),
        "rules": rules.keys().map(|id| rule(id)).collect::<Vec<_>>(),
    });
    if let Some(version) = version.or(is_ours.then_some(env!("CARGO_PKG_VERSION"))) {
        driver["version"] = version.into();
    }
    if let Some(tool) = known {
        driver["informationUri"] = tool.homepage.as_str().into();
    }
    json!({ "driver": driver })
}

/// One finding.
pub fn result(standee: &Standee, rules: &Rules<'_>) -> Value {
    let occurrence = &standee.occurrence;
    let mut place = json!({ "artifactLocation": { "uri": encoded(standee.path.as_bytes()), "uriBaseId": "SRCROOT" } });
    if let Some(span) = occurrence.span {
        place["region"] = region(span);
    }
    json!({
        "ruleId": occurrence.rule,
        "ruleIndex": rules.get(occurrence.rule.as_str()),
        "level": level(occurrence.severity),
        "message": { "text": occurrence.message },
        "locations": [{ "physicalLocation": place }],
        "partialFingerprints": { "plumbline/v1": occurrence.fingerprint },
        "properties": { "kind": occurrence.kind, "severity": occurrence.severity },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Minor => "warning",
        Severity::Major | Severity::Critical | Severity::Blocker => "error",
    }
}

fn region(span: Span) -> Value {
    let mut region = json!({ "startLine": span.line_start, "endLine": span.line_end });
    if let Some(column) = span.column_start {
        region["startColumn"] = column.into();
    }
    if let Some(column) = span.column_end {
        region["endColumn"] = column.saturating_add(1).into();
    }
    region
}

/// A path as part of a URI.
pub fn encoded(path: &[u8]) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(char::from(*byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_byte_by_byte() {
        assert_eq!(encoded("a b/ü:#?%.rs".as_bytes()), "a%20b/%C3%BC%3A%23%3F%25.rs");
        assert_eq!(encoded(b"caf\xe9"), "caf%E9");
    }

    #[test]
    fn a_tool_says_its_own_version_and_leads_to_what_explains_its_rules() {
        let rules: Rules<'_> = [("F401", 0)].into();
        let said = |speaker| tool(speaker, &rules)["driver"].clone();
        let ruff = said(Speaker { name: "python", plugin: "ruff", version: Some("0.9.1") });
        assert_eq!((&ruff["version"], &ruff["informationUri"]), (&json!("0.9.1"), &json!("https://docs.astral.sh/ruff/")));
        assert_eq!(ruff["rules"][0], json!({ "id": "F401", "helpUri": "https://docs.astral.sh/ruff/rules/F401" }));
        // Nobody knows the version of one that has not said it, nor what explains the rules of a command.
        assert_eq!(said(Speaker::named("ruff")).get("version"), None);
        let own = said(Speaker { plugin: "./script/lint", ..Speaker::named("own") });
        assert_eq!((own.get("version"), own["rules"][0].get("helpUri")), (None, None));
        assert_eq!(said(Speaker::named("hygiene"))["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn an_end_column_lies_one_further() {
        let span = Span { line_start: 3, line_end: 4, column_start: Some(2), column_end: Some(7) };
        assert_eq!(region(span), json!({ "startLine": 3, "endLine": 4, "startColumn": 2, "endColumn": 8 }));
        assert_eq!(region(Span::line(1)), json!({ "startLine": 1, "endLine": 1 }));
    }
}
