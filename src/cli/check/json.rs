//! The findings as one JSON document, in the words of the REST API.
//!
//! An issue here has no id and no history: both belong to a server. What recognises it from run to run is its fingerprint.

use std::collections::BTreeMap;
use std::io::{Result, Write};

use serde::Serialize;

use super::report::Report;
use super::source::Source;
use crate::base::event::Verdict;
use crate::base::name::{CommitSha, TreePath};
use crate::base::text::is_hostile;
use crate::domain::checks::{Check, CheckError, CheckSet};
use crate::domain::issues::standing::{BySeverity, Standee};
use crate::domain::issues::track::Fingerprint;
use crate::domain::issues::{IssueState, Kind, Severity};
use crate::http::checks::{CheckErrorView, CheckSetView, CheckView, ExecutionView};
use crate::http::repos::IssueCountsView;

/// The whole document.
#[derive(Serialize)]
struct Document<'a> {
    /// The commit that was checked; null for files as they are.
    commit: Option<CommitSha>,
    /// The commit it was held against; null where all that is found is judged.
    base: Option<CommitSha>,
    verdict: Verdict,
    sentence: &'a str,
    check_set: CheckSetView,
    /// What is there.
    issues: Vec<Issue<'a>>,
    /// What the base has and is not there.
    fixed: Vec<Issue<'a>>,
    counts: Counts,
    /// What was not read.
    left_out: Vec<LeftOut<'a>>,
}

#[derive(Serialize)]
struct LeftOut<'a> {
    path: &'a TreePath,
    message: &'a str,
}

#[derive(Serialize)]
struct Counts {
    #[serde(flatten)]
    counts: IssueCountsView,
    open_by_severity: BTreeMap<Severity, u64>,
    new_by_severity: BTreeMap<Severity, u64>,
}

#[derive(Serialize)]
struct Issue<'a> {
    fingerprint: Fingerprint,
    source: &'a str,
    rule: &'a str,
    kind: Kind,
    severity: Severity,
    message: &'a str,
    path: &'a TreePath,
    line_start: Option<u32>,
    line_end: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_start: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column_end: Option<u32>,
    state: IssueState,
    is_new: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    snippet: Option<&'a str>,
}

impl<'a> Issue<'a> {
    fn of(standee: &'a Standee, state: IssueState, is_new: bool) -> Issue<'a> {
        let occurrence = &standee.occurrence;
        Issue {
            fingerprint: occurrence.fingerprint,
            source: &standee.source,
            rule: &occurrence.rule,
            kind: occurrence.kind,
            severity: occurrence.severity,
            message: &occurrence.message,
            path: &standee.path,
            line_start: occurrence.span.map(|span| span.line_start),
            line_end: occurrence.span.map(|span| span.line_end),
            column_start: occurrence.span.and_then(|span| span.column_start),
            column_end: occurrence.span.and_then(|span| span.column_end),
            state,
            is_new,
            snippet: occurrence.excerpt.as_deref(),
        }
    }
}

/// Writes the document.
pub fn write(out: &mut dyn Write, report: &Report, source: &Source) -> Result<()> {
    let counts = &report.counts;
    let document = Document {
        commit: source.commit,
        base: source.base.as_ref().filter(|_| report.is_compared).map(|base| base.sha),
        verdict: report.set.verdict,
        sentence: &report.set.sentence,
        check_set: check_set(&report.set),
        issues: report.issues.iter().map(|found| Issue::of(&found.standee, IssueState::Open, found.is_new)).collect(),
        fixed: report.fixed.iter().map(|standee| Issue::of(standee, IssueState::Fixed, false)).collect(),
        counts: Counts {
            counts: IssueCountsView { open: counts.open, new: counts.new, fixed: counts.fixed, ignored: 0 },
            open_by_severity: by_severity(&counts.open_by_severity),
            new_by_severity: by_severity(&counts.new_by_severity),
        },
        left_out: report.left_out.iter().map(|(path, message)| LeftOut { path, message }).collect(),
    };
    write_quietly(out, &document)
}

/// Writes a value as JSON that is safe to look at on a terminal: what is more than text is written as its number.
pub fn write_quietly(out: &mut dyn Write, value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)?;
    let mut safe = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        // Outside of its strings a document has line feeds alone; within them those are escaped already.
        if c != '\n' && is_hostile(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    out.write_all(safe.as_bytes())
}

fn by_severity(counts: &BySeverity) -> BTreeMap<Severity, u64> {
    Severity::ALL.iter().map(|severity| (*severity, counts[*severity as usize])).collect()
}

fn check_set(set: &CheckSet) -> CheckSetView {
    CheckSetView {
        state: set.state,
        requested_at: set.requested_at,
        started_at: set.started_at,
        finished_at: set.finished_at,
        duration_ms: set.started_at.zip(set.finished_at).map(|(from, to)| to.millis_since(from)),
        error: set.error.as_ref().map(error),
        checks: set.checks.iter().map(check).collect(),
    }
}

fn check(check: &Check) -> CheckView {
    CheckView {
        id: check.id,
        name: check.name.clone(),
        plugin: check.plugin.clone(),
        state: check.state,
        issues: check.issues,
        started_at: check.started_at,
        finished_at: check.finished_at,
        duration_ms: check.started_at.zip(check.finished_at).map(|(from, to)| to.millis_since(from)),
        exit_code: check.exit_code,
        waits_for: None,
        error: check.error.as_ref().map(error),
        execution: check.execution.clone().map(ExecutionView::from),
    }
}

fn error(error: &CheckError) -> CheckErrorView {
    CheckErrorView { code: error.code.to_string(), message: error.message.clone() }
}
