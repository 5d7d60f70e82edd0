//! The findings as SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>): one run for each check.
//!
//! Columns count code points there as here, and their end lies one further. Paths are relative to `SRCROOT`, each of their bytes that is
//! not plain in a URI percent-encoded. Results carry our fingerprint; with a base, also whether they were there.

use std::collections::BTreeMap;
use std::io::{Result, Write};
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::json::write_quietly;
use super::report::{Found, Report};
use super::source::Source;
use crate::domain::checks::CheckError;
use crate::domain::issues::{Severity, Span};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the document.
pub fn write(out: &mut dyn Write, report: &Report, source: &Source) -> Result<()> {
    let root = match &source.root {
        Some(root) => json!({ "uri": format!("file://{}/", encoded(root.as_os_str().as_bytes()).trim_end_matches('/')) }),
        None => json!({ "description": { "text": "The root of the repository" } }),
    };
    let run = |name: &str, found: Vec<&Found>, error: Option<&CheckError>| {
        let rules = rules(&found);
        json!({
            "tool": { "driver": {
                "name": name,
                "fullName": format!("Plumbline {name}"),
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.keys().map(|rule| json!({ "id": rule })).collect::<Vec<_>>(),
            }},
            "automationDetails": { "id": format!("plumbline/{name}/") },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": root },
            "invocations": [invocation(error)],
            "results": found.iter().map(|found| result(found, &rules, report.is_compared)).collect::<Vec<_>>(),
        })
    };
    let mut runs: Vec<Value> = Vec::new();
    for check in &report.set.checks {
        let found = report.issues.iter().filter(|found| found.standee.source == check.name).collect();
        runs.push(run(&check.name, found, check.error.as_ref()));
    }
    if let Some(error) = &report.set.error {
        runs.push(run("plumbline", Vec::new(), Some(error)));
    }
    write_quietly(out, &json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": runs }))
}

/// The rules that speak, each with its place in the list.
fn rules<'a>(found: &[&'a Found]) -> BTreeMap<&'a str, usize> {
    let mut rules: BTreeMap<&str, usize> = found.iter().map(|found| (found.standee.occurrence.rule.as_str(), 0)).collect();
    for (at, place) in rules.values_mut().enumerate() {
        *place = at;
    }
    rules
}

/// How a check ended: a tool that could not tell must not be taken for one that found nothing.
fn invocation(error: Option<&CheckError>) -> Value {
    match error {
        None => json!({ "executionSuccessful": true }),
        Some(error) => json!({
            "executionSuccessful": false,
            "toolExecutionNotifications": [{
                "level": "error",
                "message": { "text": error.message },
                "descriptor": { "id": error.code.as_str() },
            }],
        }),
    }
}

fn result(found: &Found, rules: &BTreeMap<&str, usize>, is_compared: bool) -> Value {
    let occurrence = &found.standee.occurrence;
    let mut place = json!({ "artifactLocation": { "uri": encoded(found.standee.path.as_bytes()), "uriBaseId": "SRCROOT" } });
    if let Some(span) = occurrence.span {
        place["region"] = region(span);
    }
    let mut result = json!({
        "ruleId": occurrence.rule,
        "ruleIndex": rules.get(occurrence.rule.as_str()),
        "level": level(occurrence.severity),
        "message": { "text": occurrence.message },
        "locations": [{ "physicalLocation": place }],
        "partialFingerprints": { "plumbline/v1": occurrence.fingerprint },
        "properties": { "kind": occurrence.kind, "severity": occurrence.severity },
    });
    if is_compared {
        result["baselineState"] = if found.is_new { "new" } else { "unchanged" }.into();
    }
    result
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
fn encoded(path: &[u8]) -> String {
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
