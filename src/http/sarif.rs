//! Findings as SARIF 2.1.0 (OASIS), as GitHub's code scanning and editors read it: a run for each source, a rule for each rule.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::name::TreePath;
use crate::domain::issues::finding::Severity;
use crate::domain::issues::standing::Standee;

/// The document of these findings.
pub fn document(standees: &[Standee]) -> Value {
    let mut runs: BTreeMap<&str, Vec<&Standee>> = BTreeMap::new();
    for standee in standees {
        runs.entry(&standee.source).or_default().push(standee);
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs.into_iter().map(|(source, standees)| run(source, &standees)).collect::<Vec<_>>(),
    })
}

fn run(source: &str, standees: &[&Standee]) -> Value {
    let mut rules: Vec<&str> = standees.iter().map(|standee| standee.occurrence.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = standees.iter().map(|standee| result(standee, &rules)).collect();
    json!({
        "tool": {"driver": {
            "name": source,
            "rules": rules.iter().map(|rule| json!({"id": rule})).collect::<Vec<_>>(),
        }},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The root of the repository"}}},
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

fn result(standee: &Standee, rules: &[&str]) -> Value {
    let occurrence = &standee.occurrence;
    let mut location = json!({"artifactLocation": {"uri": uri(&standee.path), "uriBaseId": "SRCROOT"}});
    if let Some(span) = occurrence.span {
        let mut region = json!({"startLine": span.line_start, "endLine": span.line_end});
        if let Some(column) = span.column_start {
            region["startColumn"] = json!(column);
        }
        if let Some(column) = span.column_end {
            // SARIF's end is the column after the last.
            region["endColumn"] = json!(column.saturating_add(1));
        }
        location["region"] = region;
    }
    json!({
        "ruleId": occurrence.rule,
        "ruleIndex": rules.iter().position(|rule| *rule == occurrence.rule),
        "level": level(occurrence.severity),
        "message": {"text": occurrence.message},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"plumbline/v1": occurrence.fingerprint.to_string()},
        "properties": {"kind": occurrence.kind, "severity": occurrence.severity},
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Minor => "warning",
        Severity::Major | Severity::Critical | Severity::Blocker => "error",
    }
}

/// A path as a relative URI (RFC 3986): what is not unreserved is escaped, byte by byte.
fn uri(path: &TreePath) -> String {
    path.as_bytes().iter().fold(String::new(), |mut uri, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(*byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
        uri
    })
}
