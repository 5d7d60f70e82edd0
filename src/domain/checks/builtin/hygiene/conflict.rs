//! `conflict-marker`: a merge that was committed with its conflicts.
//!
//! Said only of a whole conflict: a line of seven `<` with a label, then one of seven `=` alone, then one of seven `>` with a label, in
//! this order, at the beginning of lines. So a heading underlined with `=======` is none, nor is a marker in an indented or quoted text.
//! Held back from within fenced blocks of Markdown and `AsciiDoc`, which show what a conflict looks like, and from files whose path speaks
//! of merging, diffing and the like: they are about conflicts.

use crate::domain::issues::finding::{Finding, Kind, Severity, Span};

use super::super::subject::Subject;
use super::finding;

/// Words in paths of what is about conflicts.
const ABOUT: [&str; 14] = [
    "merge",
    "merges",
    "merging",
    "merger",
    "conflict",
    "conflicts",
    "conflicted",
    "rebase",
    "diff",
    "diffs",
    "diff3",
    "patch",
    "patches",
    "hunk",
];

/// How far a conflict has been read.
enum State {
    Outside,
    Ours { line: u32, width: u32 },
    Theirs { line: u32, width: u32 },
}

/// The conflicts in a file.
pub fn judge(subject: &Subject<'_>, content: &[u8]) -> Vec<Finding> {
    // Nearly every file ends here.
    if memchr::memmem::find(content, b"<<<<<<< ").is_none() || subject.has_word(&ABOUT) {
        return Vec::new();
    }
    let fences: &[&[u8]] = match subject.extension() {
        "md" | "mdx" | "markdown" | "qmd" | "rmd" => &[b"```", b"~~~"],
        "adoc" | "asciidoc" => &[b"----", b"...."],
        _ => &[],
    };
    let mut findings = Vec::new();
    let mut state = State::Outside;
    let mut fence: Option<&[u8]> = None;
    for (line, number) in content.split(|byte| *byte == b'\n').zip(1..) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if matches!(state, State::Outside) {
            let bare = line.trim_ascii_start();
            match fence {
                Some(open) if bare.starts_with(open) => fence = None,
                Some(_) => continue,
                None => fence = fences.iter().copied().find(|fence| bare.starts_with(fence)),
            }
        }
        state = match state {
            _ if is_marker(line, b'<') => State::Ours { line: number, width: width(line) },
            State::Ours { line: begin, width } if line == b"=======" => State::Theirs { line: begin, width },
            State::Theirs { line: begin, width } if is_marker(line, b'>') => {
                let span = Span { column_start: Some(1), column_end: Some(width), ..Span::line(begin) };
                let message =
                    format!("A merge conflict was committed, from here to line {number}; keep what is right and delete the markers");
                findings.push(finding(subject.path, "conflict-marker", Kind::Bug, Severity::Critical, Some(span), message));
                State::Outside
            }
            other => other,
        };
    }
    findings
}

/// Seven times the sign, a space, and a label.
fn is_marker(line: &[u8], sign: u8) -> bool {
    line.len() > 8 && line[..7].iter().all(|byte| *byte == sign) && line[7] == b' ' && line[8] != b' '
}

fn width(line: &[u8]) -> u32 {
    u32::try_from(String::from_utf8_lossy(line).chars().count()).unwrap_or(u32::MAX)
}
