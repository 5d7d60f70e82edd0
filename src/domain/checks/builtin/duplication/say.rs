//! From places to findings: which lines, where else, and by what they are known again.

use std::collections::HashMap;

use super::places::Place;
use crate::base::text::{count, thousands};
use crate::domain::checks::builtin::TOO_MANY;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git::tree::TreeFile;

/// The most findings of a tree; beyond them the shortest are left out.
pub const MAX_FINDINGS: usize = 1_000;
/// How many other places are named.
const NAMED: usize = 2;
/// So many lines in two places are more than a nuisance.
const MAJOR: u32 = 60;

/// The findings of these places, and one for what was left out.
pub fn findings(files: &[&TreeFile], mut places: Vec<Place>, left_out: &[&TreeFile]) -> Vec<Finding> {
    places.sort_by(|a, b| b.tokens.cmp(&a.tokens).then((a.file, a.line_start).cmp(&(b.file, b.line_start))));
    let rest = places.split_off(places.len().min(MAX_FINDINGS));
    places.sort_by_key(|place| (place.file, place.line_start));
    // Of equal runs each has a number, so that each has a mark of its own.
    let mut seen: HashMap<u64, usize> = HashMap::new();
    let mut findings: Vec<Finding> = places
        .iter()
        .map(|place| {
            let nth = seen.entry(place.hash).or_default();
            *nth += 1;
            finding(files, place, *nth)
        })
        .collect();
    findings.extend(rest.first().map(|place| {
        let message = format!("{} that are shorter, here and elsewhere, are left out", count(rest.len() as u64, "further repetition"));
        note(files[place.file], TOO_MANY, message)
    }));
    findings.extend(left_out.first().map(|file| {
        let message = format!(
            "The tree is too large to be compared as a whole: this file and {} after it were not; exclude what need not be",
            count(left_out.len() as u64 - 1, "other")
        );
        note(file, "not-compared", message)
    }));
    findings
}

fn finding(files: &[&TreeFile], place: &Place, nth: usize) -> Finding {
    let lines = place.line_end - place.line_start + 1;
    Finding {
        rule: "duplicate".to_owned(),
        message: format!("{} lines also {}", thousands(u64::from(lines)), elsewhere(files, place)),
        path: files[place.file].path.clone(),
        span: Some(Span { line_end: place.line_end, ..Span::line(place.line_start) }),
        kind: Kind::Duplication,
        severity: if lines >= MAJOR { Severity::Major } else { Severity::Minor },
        fingerprint: Some(format!("{:016x}-{nth}", place.hash)),
    }
}

/// The other places: those in other files first.
fn elsewhere(files: &[&TreeFile], place: &Place) -> String {
    let mut others = place.others.clone();
    others.sort_by_key(|(file, line)| (*file == place.file, *file, *line));
    let name = |(file, line): &(usize, u32)| {
        if *file == place.file { format!("at line {line}") } else { format!("in `{}` line {line}", files[*file].path) }
    };
    let mut named: Vec<String> = others.iter().take(NAMED).map(name).collect();
    if others.len() > NAMED {
        named.push(format!("at {}", count((others.len() - NAMED) as u64, "more place")));
    }
    let last = named.pop().unwrap_or_default();
    if named.is_empty() { last } else { format!("{} and {last}", named.join(", ")) }
}

fn note(file: &TreeFile, rule: &str, message: String) -> Finding {
    let (kind, severity) = (Kind::Duplication, Severity::Info);
    Finding { rule: rule.to_owned(), message, path: file.path.clone(), span: None, kind, severity, fingerprint: None }
}
