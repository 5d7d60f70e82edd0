//! The findings as SARIF 2.1.0: the server's own results, one run for each check, with how each check ended and, with a base, whether a
//! finding was there.

use std::io::{Result, Write};
use std::os::unix::ffi::OsStrExt;

use serde_json::{Value, json};

use super::json::write_quietly;
use super::report::{Found, Report};
use super::source::Source;
use crate::domain::checks::CheckError;
use crate::http::sarif::{OURSELVES, SCHEMA, Speaker, encoded, result, rules, tool};

/// Writes the document.
pub fn write(out: &mut dyn Write, report: &Report, source: &Source) -> Result<()> {
    let root = match &source.root {
        Some(root) => json!({ "uri": format!("file://{}/", encoded(root.as_os_str().as_bytes()).trim_end_matches('/')) }),
        None => json!({ "description": { "text": "The root of the repository" } }),
    };
    let run = |speaker: Speaker<'_>, found: Vec<&Found>, error: Option<&CheckError>| {
        let name = speaker.name;
        let rules = rules(found.iter().map(|found| &found.standee));
        let result = |found: &&Found| {
            let mut result = result(&found.standee, &rules);
            if report.is_compared {
                result["baselineState"] = if found.is_new { "new" } else { "unchanged" }.into();
            }
            result
        };
        json!({
            "tool": tool(speaker, &rules),
            "automationDetails": { "id": format!("plumbline/{name}/") },
            "columnKind": "unicodeCodePoints",
            "originalUriBaseIds": { "SRCROOT": root },
            "invocations": [invocation(report, error)],
            "results": found.iter().map(result).collect::<Vec<_>>(),
        })
    };
    let mut runs: Vec<Value> = Vec::new();
    for check in &report.set.checks {
        let found = report.issues.iter().filter(|found| found.standee.source == check.name).collect();
        runs.push(run(Speaker::of(check), found, check.error.as_ref()));
    }
    if let Some(error) = &report.set.error {
        runs.push(run(Speaker::named(OURSELVES), Vec::new(), Some(error)));
    }
    write_quietly(out, &json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": runs }))
}

/// How a check ended: a tool that could not tell must not be taken for one that found nothing, nor one that did not read for one that did.
fn invocation(report: &Report, error: Option<&CheckError>) -> Value {
    let mut notifications: Vec<Value> = error
        .iter()
        .map(|error| json!({ "level": "error", "message": { "text": error.message }, "descriptor": { "id": error.code.as_str() } }))
        .collect();
    notifications.extend(report.left_out.iter().map(|(path, why)| {
        let place = json!({ "uri": encoded(path.as_bytes()), "uriBaseId": "SRCROOT" });
        json!({
            "level": "warning",
            "message": { "text": format!("The path was not read: {why}") },
            "descriptor": { "id": "path-not-read" },
            "locations": [{ "physicalLocation": { "artifactLocation": place } }],
        })
    }));
    let mut invocation = json!({ "executionSuccessful": error.is_none() });
    if !notifications.is_empty() {
        invocation["toolExecutionNotifications"] = notifications.into();
    }
    invocation
}
