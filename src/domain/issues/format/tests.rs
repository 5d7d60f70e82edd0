//! What every format gives, and what no input may do.

mod documents;
mod hostile;

use super::*;
use crate::domain::issues::finding::Span;
use crate::engine::git::memory::MemoryTree;
use crate::engine::git::tree::FileKind;

/// Three files, one of them with a line of characters of one to four bytes.
fn tree() -> MemoryTree {
    let files = [("src/a.py", "one\nab日本𝒳cd\nthree\nfour\n"), ("src/b c.py", "x = 1\n"), ("README.md", "# Title\n")];
    MemoryTree::new(files.map(|(path, content)| (path, FileKind::Regular, content)))
}

fn reading(format: Format, input: &str) -> Reading {
    let tree = tree();
    read(format, input.as_bytes(), &Ground::new(&tree), &Bounds::default()).unwrap()
}

/// One finding a line: path, place, severity, kind, rule and message, and what else is known of it.
fn told(reading: &Reading) -> Vec<String> {
    let told = |read: &Read| {
        let Finding { rule, message, path, span, kind, severity, fingerprint } = &read.finding;
        let place = match span {
            None => String::new(),
            Some(Span { line_start, line_end, column_start, column_end }) => {
                let column = |column: &Option<u32>| column.map_or_else(String::new, |column| format!(":{column}"));
                format!(" {line_start}{}-{line_end}{}", column(column_start), column(column_end))
            }
        };
        let mark = fingerprint.as_ref().map_or_else(String::new, |mark| format!(" #{mark}"));
        let suppressed = read.suppressed.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        format!("{}{place} {severity} {kind} {rule}: {message}{mark}{suppressed}", path.shown())
    };
    reading.findings.iter().map(told).collect()
}

fn dropped(reading: &Reading) -> Vec<String> {
    reading.dropped.iter().map(|dropped| format!("{} {} ×{}", dropped.what, dropped.why, dropped.times)).collect()
}
