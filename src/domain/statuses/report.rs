//! What is said on GitHub beside a commit's lines: the new issues, the gravest first, and a summary of the checks.
//!
//! What others wrote stands in it (names, messages, paths): in Markdown nothing of it is more than text. What is left out for want of
//! room is counted and linked.

use std::fmt::Write as _;

use crate::base::event::Verdict;
use crate::base::text::{clip, count, thousands};
use crate::domain::checks::{CheckSet, CheckState};
use crate::domain::github::check_run::{Button, Note, Report};
use crate::domain::issues::Severity;
use crate::domain::issues::list::{Listed, Listing};

/// The button that approves what a set waits for.
const APPROVE: Button = Button { label: "Approve", description: "Runs what waits for approval.", identifier: "approve" };

/// What the run is called on GitHub, after the name of the gate's status.
const NAME: &str = "issues";
/// The most bytes of the summary; GitHub takes 65,535 characters.
const SUMMARY_BYTES: usize = 60_000;
/// The most checks that the summary lists.
const CHECKS: usize = 100;
/// The most bytes of a note's message, and of its title.
const MESSAGE_BYTES: usize = 4 << 10;
const TITLE_BYTES: usize = 200;

/// What is to be said of a set that has ended, or that waits for approval; `new` lists the new issues, the gravest first, as many as are to
/// have a note; `gate` is the name of the gate's status.
pub fn report(set: &CheckSet, new: Option<&Listing>, gate: &str, url: String) -> Report {
    let conclusion = match (set.state, set.verdict) {
        _ if set.is_held() => "action_required",
        (CheckState::Canceled, _) => "cancelled",
        (_, Verdict::Success) => "success",
        (_, Verdict::Failure | Verdict::Error | Verdict::Pending) => "failure",
    };
    let notes: Vec<Note> = new.into_iter().flat_map(|new| &new.items).filter_map(note).collect();
    let stop = if set.sentence.ends_with(['.', '?', '!']) { "" } else { "." };
    let mut summary = format!("{}{stop}\n", plain(&set.sentence));
    if !set.checks.is_empty() {
        summary.push_str("\n| check | state | issues |\n|---|---|---|\n");
    }
    for check in set.checks.iter().take(CHECKS) {
        let found = check.issues.map_or_else(String::new, |issues| issues.to_string());
        // Writing to a text does not fail.
        let _ = writeln!(summary, "| {} | {} | {found} |", plain(&check.name), check.state);
    }
    let left_out = new.map_or(0, |new| new.total).saturating_sub(notes.len() as u64);
    let more = match left_out {
        0 => String::new(),
        // The sentence counts those that the gate looks at.
        _ if notes.is_empty() => format!("\n\n{} of any severity, without a note here.", count(left_out, "new issue")),
        _ => {
            let all = count(left_out + notes.len() as u64, "new issue");
            format!("\n\nOf {all} of any severity the {} gravest have a note at their line.", thousands(notes.len() as u64))
        }
    };
    let summary = format!("{}{more}\n\n[All of it]({url})\n", clip(summary.trim_end(), SUMMARY_BYTES));
    let title = clip(&set.sentence, TITLE_BYTES).into_owned();
    // What it says once it has ended stands in a run of its own.
    let external_id = if set.is_held() { format!("{}-held", set.attempt) } else { set.attempt.to_string() };
    let button = set.is_held().then_some(&APPROVE);
    Report { name: format!("{gate} {NAME}"), external_id, conclusion, title, summary, url, notes, button }
}

/// The note of an issue; none where its file's name is no text.
fn note(listed: &Listed) -> Option<Note> {
    let occurrence = &listed.standee.occurrence;
    let path = std::str::from_utf8(listed.standee.path.as_bytes()).ok()?.to_owned();
    let (start_line, end_line) = occurrence.span.map_or((1, 1), |span| (span.line_start.max(1), span.line_end.max(1)));
    let columns = occurrence.span.filter(|_| start_line == end_line);
    let start_column = columns.and_then(|span| span.column_start);
    let end_column = columns.and_then(|span| span.column_end).filter(|end| start_column.is_some_and(|start| start <= *end));
    let message = Some(clip(&occurrence.message, MESSAGE_BYTES).into_owned()).filter(|message| !message.trim().is_empty());
    Some(Note {
        path,
        start_line,
        end_line: end_line.max(start_line),
        start_column,
        end_column,
        annotation_level: match occurrence.severity {
            Severity::Info => "notice",
            Severity::Minor | Severity::Major => "warning",
            Severity::Critical | Severity::Blocker => "failure",
        },
        title: clip(&format!("{}: {}", listed.standee.source, occurrence.rule), TITLE_BYTES).into_owned(),
        message: message.unwrap_or_else(|| occurrence.rule.clone()),
    })
}

/// A text of others' in Markdown, as nothing but text on one line. `@` is kept from calling people.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '|' | '>' | '!' | '~' | '&' => out.extend(['\\', c]),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_fits_and_says_what_is_left_out_however_much_there_is_to_say() {
        let new = Listing { items: Vec::new(), next: None, total: 1_204, facets: Default::default() };
        let report = report(
            &crate::domain::statuses::tests::wordy(),
            Some(&new),
            "plumbline",
            "https://plumbline.example/r/acme/app/commits/1".to_owned(),
        );
        assert!(report.summary.len() < 65_535, "{}", report.summary.len());
        let end =
            "\n\n1,204 new issues of any severity, without a note here.\n\n[All of it](https://plumbline.example/r/acme/app/commits/1)\n";
        assert!(report.summary.ends_with(end), "{}", &report.summary[report.summary.len() - 300..]);
        assert!(report.title.len() <= TITLE_BYTES);
    }

    #[test]
    fn what_others_wrote_is_nothing_but_text() {
        let hostile = "a|b\n# c [x](javascript:1) <img> @team `d` **e** ![i](u)";
        let shown = plain(hostile);
        assert_eq!(shown, "a\\|b \\# c \\[x\\]\\(javascript:1\\) &lt;img\\> &#64;team \\`d\\` \\*\\*e\\*\\* \\!\\[i\\]\\(u\\)");
    }
}
