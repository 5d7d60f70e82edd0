//! Reading a commit's issues: filters, order, pages, and the counts beside them.

use std::collections::{BTreeMap, HashSet};

use globset::GlobMatcher;

use super::finding::{Kind, Severity};
use super::issue::{Issue, IssueState, Sighting};
use super::standing::{Chunk, ChunkRef, Standee, Standing, chunk_refs, load, turnover};
use super::{Error, Result};
use crate::base::id::{IssueId, RepoId};
use crate::base::name::{CommitSha, TreePath};
use crate::base::page::{Cursor, Limit};
use crate::domain::repos::Commit;
use crate::engine::store::ReadTx;
use crate::words;

words! {
    /// How an issue stands at a commit.
    pub enum StateFilter: "state" {
        /// There, and not in the base.
        New = "new",
        /// There, the new ones included.
        Open = "open",
        /// There, and in the base as well.
        Known = "known",
        /// In the base, and not there.
        Fixed = "fixed",
        /// There, and somebody said why that is all right.
        Ignored = "ignored",
    }
}

words! {
    /// In which order issues are listed.
    pub enum Sort: "order" {
        /// New ones first, then by file and line.
        Default = "default",
        /// The gravest first.
        Severity = "severity",
        /// By file and line.
        Path = "path",
        /// By source and rule.
        Rule = "rule",
    }
}

/// Which issues are wanted; an empty list does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By how they stand; empty is all that are there.
    pub states: Vec<StateFilter>,
    /// By kind.
    pub kinds: Vec<Kind>,
    /// By severity.
    pub severities: Vec<Severity>,
    /// By plugin or tool.
    pub sources: Vec<String>,
    /// By file.
    pub path: Option<GlobMatcher>,
    /// By words that stand in message, rule or path, all of them.
    pub words: Vec<String>,
}

/// An issue at a commit.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Where and what it is.
    pub standee: Standee,
    /// How it stands.
    pub state: IssueState,
    /// Whether it is there and not in the base.
    pub is_new: bool,
    /// Where it was first seen.
    pub first_seen: Sighting,
    /// Who wrote the commit it was first seen in.
    pub author: Option<String>,
}

/// A page of a commit's issues.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The issues of the page.
    pub items: Vec<Listed>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
    /// How many there are in all pages.
    pub total: u64,
    /// For each facet, how many issues have each of its words, with every filter but its own.
    pub facets: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

struct Entry {
    standee: Standee,
    state: IssueState,
    is_new: bool,
}

/// The issues of a commit as they were read: every list of them, and every count, is taken from here, and nothing is read again but
/// the rows of the issues that a page shows.
pub struct AtCommit {
    entries: Vec<Entry>,
    here: Here,
}

/// What an issue without a row of its own is known by: between switch and settlement, a new issue has none. It was first seen where and
/// when its commit was analysed.
pub(super) struct Here {
    seen: Sighting,
    author: Option<String>,
}

impl Here {
    pub(super) fn of(tx: &ReadTx, standing: &Standing) -> Result<Here> {
        let author = tx.get::<Commit>(&(standing.repo, standing.sha))?.map(|commit| commit.author.name);
        Ok(Here { seen: Sighting { sha: standing.sha, at: standing.at }, author })
    }
}

impl AtCommit {
    /// Reads all that stands at a commit, and what its base had besides.
    pub fn read(tx: &ReadTx, standing: &Standing) -> Result<AtCommit> {
        let (new, gone) = turns(tx, standing)?;
        let mut entries = entries(load(tx, standing.repo, &chunk_refs(tx, standing)?)?, &new);
        entries.extend(gone.into_iter().map(|standee| Entry { standee, state: IssueState::Fixed, is_new: false }));
        Ok(AtCommit { entries, here: Here::of(tx, standing)? })
    }

    /// The commit.
    pub fn sha(&self) -> CommitSha {
        self.here.seen.sha
    }

    /// The issues that a filter lets through.
    pub fn list(&self, tx: &ReadTx, filter: &Filter, sort: Sort, after: Option<&Cursor>, limit: Limit) -> Result<Listing> {
        let mut entries: Vec<&Entry> = self.entries.iter().filter(|entry| filter.admits(entry, None)).collect();
        entries.sort_by(|a, b| sort.key(a).cmp(&sort.key(b)).then_with(|| a.standee.occurrence.issue.cmp(&b.standee.occurrence.issue)));

        let total = entries.len() as u64;
        // A standing is what it is: a place in its list is stable.
        let from = after
            .and_then(|cursor| <[u8; 8]>::try_from(cursor.as_bytes()).ok())
            .map_or(0, |bytes| usize::try_from(u64::from_be_bytes(bytes)).unwrap_or(usize::MAX));
        let to = from.saturating_add(limit.get());
        let next = (to < entries.len()).then(|| Cursor::new((to as u64).to_be_bytes()));
        let shown = entries.into_iter().skip(from).take(limit.get());
        let items = shown.map(|entry| listed(tx, entry.standee.clone(), entry.state, entry.is_new, &self.here)).collect::<Result<_>>()?;
        Ok(Listing { items, next, total, facets: facets(&self.entries, filter) })
    }
}

/// An issue that stands somewhere, with what its own row knows of it.
pub(super) fn listed(tx: &ReadTx, standee: Standee, state: IssueState, is_new: bool, here: &Here) -> Result<Listed> {
    let (first_seen, author) = match tx.get::<Issue>(&standee.occurrence.issue)? {
        Some(issue) => (issue.first_seen, issue.author),
        None => (here.seen, here.author.clone()),
    };
    Ok(Listed { standee, state, is_new, first_seen, author })
}

/// Everything that stands at a commit, by file and line.
pub fn all(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Vec<Standee>> {
    let standing = super::standing(tx, repo, sha)?.ok_or(Error::NotAnalysed { sha })?;
    let mut entries = entries(load(tx, repo, &chunk_refs(tx, &standing)?)?, &HashSet::new());
    entries.sort_by(|a, b| Sort::Path.key(a).cmp(&Sort::Path.key(b)));
    Ok(entries.into_iter().map(|entry| entry.standee).collect())
}

/// The issues in one file of a commit, by line; none where the commit was not analysed.
pub fn of_path(tx: &ReadTx, repo: RepoId, sha: CommitSha, path: &TreePath) -> Result<Vec<Listed>> {
    let Some(standing) = super::standing(tx, repo, sha)? else { return Ok(Vec::new()) };
    let refs: Vec<ChunkRef> = chunk_refs(tx, &standing)?.into_iter().filter(|chunk| chunk.path == *path).collect();
    if refs.is_empty() {
        return Ok(Vec::new());
    }
    let (new, _) = turns(tx, &standing)?;
    let mut entries = entries(load(tx, repo, &refs)?, &new);
    entries.sort_by(|a, b| Sort::Path.key(a).cmp(&Sort::Path.key(b)));
    let here = Here::of(tx, &standing)?;
    entries.into_iter().map(|entry| listed(tx, entry.standee, entry.state, entry.is_new, &here)).collect()
}

/// How many issues each file of a commit has; `None` where it was not analysed.
pub fn counts_by_path(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Option<BTreeMap<TreePath, u64>>> {
    let mut counts = BTreeMap::new();
    let Some(standing) = super::standing(tx, repo, sha)? else { return Ok(None) };
    for chunk in chunk_refs(tx, &standing)? {
        *counts.entry(chunk.path).or_default() += u64::from(chunk.occurrences);
    }
    Ok(Some(counts))
}

/// The issues that the base of a commit does not have, and those that it alone has.
fn turns(tx: &ReadTx, standing: &Standing) -> Result<(HashSet<IssueId>, Vec<Standee>)> {
    let base = match standing.base {
        Some(sha) => super::standing(tx, standing.repo, sha)?,
        None => None,
    };
    let Some(base) = base else { return Ok((HashSet::new(), Vec::new())) };
    let turnover = turnover(tx, Some(&base), standing)?;
    Ok((turnover.added.into_iter().map(|standee| standee.occurrence.issue).collect(), turnover.gone))
}

fn entries(chunks: Vec<Chunk>, new: &HashSet<IssueId>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for chunk in chunks {
        for occurrence in chunk.occurrences {
            let is_new = new.contains(&occurrence.issue);
            let standee = Standee { path: chunk.path.clone(), source: chunk.source.clone(), occurrence };
            entries.push(Entry { standee, state: IssueState::Open, is_new });
        }
    }
    entries
}

impl Sort {
    fn key(self, entry: &Entry) -> (u8, &str, &str, &[u8], u32) {
        let occurrence = &entry.standee.occurrence;
        let line = occurrence.span.map_or(0, |span| span.line_start);
        let rank = match self {
            Sort::Default => u8::from(!entry.is_new) + u8::from(entry.state == IssueState::Fixed),
            Sort::Severity => u8::MAX - occurrence.severity as u8,
            Sort::Path | Sort::Rule => 0,
        };
        let (source, rule) = if self == Sort::Rule { (entry.standee.source.as_str(), occurrence.rule.as_str()) } else { ("", "") };
        (rank, source, rule, entry.standee.path.as_bytes(), line)
    }
}

const FACETS: [&str; 4] = ["state", "kind", "severity", "source"];

fn facets(entries: &[Entry], filter: &Filter) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
    let mut facets = BTreeMap::new();
    for facet in FACETS {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for entry in entries.iter().filter(|entry| filter.admits(entry, Some(facet))) {
            let occurrence = &entry.standee.occurrence;
            let mut count = |word: &str| *counts.entry(word.to_owned()).or_default() += 1;
            match facet {
                "kind" => count(occurrence.kind.as_str()),
                "severity" => count(occurrence.severity.as_str()),
                "source" => count(&entry.standee.source),
                _ => {
                    count(entry.state.as_str());
                    if entry.is_new {
                        count(StateFilter::New.as_str());
                    }
                }
            }
        }
        facets.insert(facet, counts);
    }
    facets
}

impl Filter {
    /// Whether an issue is let through, with one facet's own filter left aside.
    fn admits(&self, entry: &Entry, aside: Option<&str>) -> bool {
        let occurrence = &entry.standee.occurrence;
        let any = |facet: &str, is_empty: bool, holds: bool| aside == Some(facet) || is_empty || holds;
        let by_state = || {
            if self.states.is_empty() {
                return entry.state != IssueState::Fixed;
            }
            self.states.iter().any(|state| match state {
                StateFilter::New => entry.is_new,
                StateFilter::Open => entry.state == IssueState::Open,
                StateFilter::Known => entry.state == IssueState::Open && !entry.is_new,
                StateFilter::Fixed => entry.state == IssueState::Fixed,
                StateFilter::Ignored => entry.state == IssueState::Ignored,
            })
        };
        any("state", false, by_state())
            && any("kind", self.kinds.is_empty(), self.kinds.contains(&occurrence.kind))
            && any("severity", self.severities.is_empty(), self.severities.contains(&occurrence.severity))
            && any("source", self.sources.is_empty(), self.sources.contains(&entry.standee.source))
            && self.path.as_ref().is_none_or(|glob| glob.is_match(entry.standee.path.to_string()))
            && (self.words.is_empty() || self.is_worded_like(entry))
    }

    fn is_worded_like(&self, entry: &Entry) -> bool {
        let occurrence = &entry.standee.occurrence;
        let texts = [occurrence.message.to_lowercase(), occurrence.rule.to_lowercase(), entry.standee.path.to_string().to_lowercase()];
        self.words.iter().all(|word| texts.iter().any(|text| text.contains(&word.to_lowercase())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Span;
    use super::super::standing::Occurrence;
    use super::super::track::Fingerprint;
    use super::*;
    use crate::base::id::Id;

    fn entry(source: &str, rule: &str, path: &str, line: u32) -> Entry {
        let occurrence = Occurrence {
            issue: IssueId::from_u128(1),
            fingerprint: Fingerprint::from_bytes([0; 16]),
            rule: rule.to_owned(),
            kind: Kind::Bug,
            severity: Severity::Minor,
            message: String::new(),
            span: Some(Span::line(line)),
            excerpt: None,
            conceals: false,
            text: None,
            block: None,
            hint: None,
        };
        let standee = Standee { path: TreePath::new(path), source: source.to_owned(), occurrence };
        Entry { standee, state: IssueState::Open, is_new: false }
    }

    #[test]
    fn by_rule_two_tools_that_share_a_name_for_one_stand_apart() {
        let mut entries = [
            entry("b", "unused", "a.rs", 1),
            entry("a", "unused", "b.rs", 1),
            entry("a", "missing", "c.rs", 1),
            entry("a", "unused", "a.rs", 9),
        ];
        let mut said = |sort: Sort| {
            entries.sort_by(|a, b| sort.key(a).cmp(&sort.key(b)));
            entries.each_ref().map(|entry| format!("{} {} {}", entry.standee.source, entry.standee.occurrence.rule, entry.standee.path))
        };
        assert_eq!(said(Sort::Rule), ["a missing c.rs", "a unused a.rs", "a unused b.rs", "b unused a.rs"]);
        assert_eq!(said(Sort::Path), ["b unused a.rs", "a unused a.rs", "a unused b.rs", "a missing c.rs"]);
    }
}
