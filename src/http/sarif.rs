//! Findings as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code scanning and editors
//! read it: a run for each source, a rule for each rule.
//!
//! Columns count code points there as here, and their end lies one further. Paths are relative to `SRCROOT`, each of their bytes that is
//! not plain in a URI percent-encoded. Results carry our fingerprint. The terminal writes the same, with more said around it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::issues::finding::{Severity, Span};
use crate::domain::issues::standing::Standee;

/// Where the format is defined for programs.
pub const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The rules that speak, each with its place in the list.
pub type Rules<'a> = BTreeMap<&'a str, usize>;

/// The document of these findings.
pub fn document(standees: &[Standee]) -> Value {
    let mut sources: BTreeMap<&str, Vec<&Standee>> = BTreeMap::new();
    for standee in standees {
        sources.entry(&standee.source).or_default().push(standee);
    }
    let run = |(source, standees): (&str, Vec<&Standee>)| {
        let rules = rules(standees.iter().copied());
        json!({
            "tool": tool(source, &rules),
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

/// What speaks in a run.
pub fn tool(name: &str, rules: &Rules<'_>) -> Value {
    json!({ "driver": {
        "name": name,
        "fullName": format!("Plumbline {name}"),
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.keys().map(|rule| json!({ "id": rule })).collect::<Vec<_>>(),
    } })
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
    fn an_end_column_lies_one_further() {
        let span = Span { line_start: 3, line_end: 4, column_start: Some(2), column_end: Some(7) };
        assert_eq!(region(span), json!({ "startLine": 3, "endLine": 4, "startColumn": 2, "endColumn": 8 }));
        assert_eq!(region(Span::line(1)), json!({ "startLine": 1, "endLine": 1 }));
    }
}
