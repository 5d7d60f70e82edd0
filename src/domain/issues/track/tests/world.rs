//! Commits made by tests: files, findings, and the diff between two of them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::*;
use crate::base::id::Id;
use crate::domain::issues::finding::{Kind, Severity};

/// A commit's files and what was found in them.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub files: BTreeMap<TreePath, Vec<u8>>,
    pub findings: Vec<Finding>,
}

pub fn finding((path, line, rule, message): (&str, u32, &str, &str)) -> Finding {
    Finding {
        rule: rule.to_owned(),
        message: message.to_owned(),
        path: TreePath::new(path),
        span: (line > 0).then(|| Span::line(line)),
        kind: Kind::Bug,
        severity: Severity::Minor,
        fingerprint: None,
    }
}

/// A commit of `(path, content)` and `(path, line, rule, message)`; line 0 is the whole file.
pub fn commit(files: &[(&str, &str)], findings: &[(&str, u32, &str, &str)]) -> Commit {
    Commit {
        files: files.iter().map(|(path, content)| (TreePath::new(*path), content.as_bytes().to_vec())).collect(),
        findings: findings.iter().copied().map(finding).collect(),
    }
}

impl Commit {
    pub fn places(&self) -> Vec<Place> {
        let indexes: BTreeMap<_, _> = self.files.iter().map(|(path, content)| (path, LineIndex::of(content))).collect();
        self.findings.iter().map(|finding| Place::of("tool", finding, indexes.get(&finding.path))).collect()
    }

    /// The findings as issues 1, 2, 3 …
    pub fn known(&self) -> Vec<Known> {
        self.places().into_iter().zip(1..).map(|(place, number)| Known { place, issue: issue(number) }).collect()
    }

    pub fn at_columns(&mut self, columns: &[u32]) {
        for (finding, column) in self.findings.iter_mut().zip(columns) {
            finding.span.as_mut().unwrap().column_start = Some(*column);
        }
    }
}

pub fn issue(number: u128) -> IssueId {
    IssueId::from_u128(number)
}

/// What differs between two commits, as git would say it.
pub struct Diff(Vec<(Option<TreePath>, Option<TreePath>, Vec<Hunk>)>);

impl Diff {
    pub fn of(base: &Commit, head: &Commit, renames: &[(&str, &str)]) -> Diff {
        let mut changes = Vec::new();
        let renames: BTreeMap<TreePath, TreePath> = renames.iter().map(|(from, to)| (TreePath::new(*from), TreePath::new(*to))).collect();
        let targets: BTreeSet<&TreePath> = renames.values().collect();
        for (path, content) in &base.files {
            let after = renames.get(path).unwrap_or(path);
            match head.files.get(after).filter(|_| renames.contains_key(path) || !targets.contains(path)) {
                Some(new) if new != content || after != path => {
                    changes.push((Some(path.clone()), Some(after.clone()), hunks(&lines(content), &lines(new))));
                }
                Some(_) => {}
                None => changes.push((Some(path.clone()), None, hunks(&lines(content), &[]))),
            }
        }
        for (path, content) in &head.files {
            let kept = base.files.contains_key(path) && !renames.contains_key(path);
            if !kept && !targets.contains(path) {
                changes.push((None, Some(path.clone()), hunks(&[], &lines(content))));
            }
        }
        Diff(changes)
    }

    pub fn changes(&self) -> Vec<FileChange<'_>> {
        self.0.iter().map(|(before, after, hunks)| FileChange { before: before.as_ref(), after: after.as_ref(), hunks }).collect()
    }
}

fn lines(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The least hunks that turn one list of lines into the other: by a table of the longest common subsequence.
pub fn hunks(before: &[&[u8]], after: &[&[u8]]) -> Vec<Hunk> {
    let mut longest = vec![vec![0_u32; after.len() + 1]; before.len() + 1];
    for (i, one) in before.iter().enumerate().rev() {
        for (j, other) in after.iter().enumerate().rev() {
            longest[i][j] = if one == other { longest[i + 1][j + 1] + 1 } else { longest[i + 1][j].max(longest[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::<Hunk>::new());
    while i < before.len() || j < after.len() {
        if i < before.len() && j < after.len() && before[i] == after[j] {
            (i, j) = (i + 1, j + 1);
            continue;
        }
        let (from_i, from_j) = (i, j);
        while (i < before.len() || j < after.len()) && !(i < before.len() && j < after.len() && before[i] == after[j]) {
            if j == after.len() || (i < before.len() && longest[i + 1][j] >= longest[i][j + 1]) { i += 1 } else { j += 1 }
        }
        out.push(Hunk { before: from_i as u32..i as u32, after: from_j as u32..j as u32 });
    }
    out
}

pub fn tracked(base: &Commit, head: &Commit, renames: &[(&str, &str)]) -> Tracked {
    track(&base.known(), &head.places(), &Diff::of(base, head, renames).changes())
}

/// The number of the issue that each finding of the head commit is.
pub fn numbers(tracked: &Tracked) -> Vec<Option<u128>> {
    tracked.head.iter().map(|found| found.map(|found| found.issue.as_u128())).collect()
}

pub fn carried(base: &Commit, head: &Commit) -> Vec<Option<u128>> {
    carried_with(base, head, &[])
}

pub fn carried_with(base: &Commit, head: &Commit, renames: &[(&str, &str)]) -> Vec<Option<u128>> {
    numbers(&tracked(base, head, renames))
}

/// By which pass each finding of the head commit was recognised.
pub fn passes(base: &Commit, head: &Commit) -> Vec<Option<Pass>> {
    tracked(base, head, &[]).head.iter().map(|found| found.map(|found| found.pass)).collect()
}
