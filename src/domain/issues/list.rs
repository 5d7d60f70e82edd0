//! Reading a commit's issues: filters, order, pages, and the counts beside them.

use std::collections::{BTreeMap, HashSet};

use globset::GlobMatcher;

use super::finding::{Kind, Severity};
use super::issue::{Issue, IssueState};
use super::standing::{Standee, Standing, chunk_refs, load, turnover};
use super::{Error, Result};
use crate::base::id::{IssueId, RepoId};
use crate::base::name::{CommitSha, TreePath};
use crate::base::page::{Cursor, Limit};
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
    /// Its own row; `None` for the moment between switch and settlement.
    pub issue: Option<Issue>,
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

/// A page of a commit's issues that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// How many.
    pub limit: Limit,
}

/// The issues of a commit that a filter lets through.
pub fn list(tx: &ReadTx, repo: RepoId, sha: CommitSha, wanted: &Wanted) -> Result<Listing> {
    let mut listings = lists(tx, repo, sha, std::slice::from_ref(wanted))?;
    Ok(listings.remove(0))
}

/// Several lists of the same commit, whose issues are read once.
pub fn lists(tx: &ReadTx, repo: RepoId, sha: CommitSha, wanted: &[Wanted]) -> Result<Vec<Listing>> {
    let standing = super::standing(tx, repo, sha)?.ok_or(Error::NotAnalysed { sha })?;
    let entries = entries(tx, &standing)?;
    wanted.iter().map(|wanted| page(tx, &entries, wanted)).collect()
}

fn page(tx: &ReadTx, all: &[Entry], Wanted { filter, sort, after, limit }: &Wanted) -> Result<Listing> {
    let facets = facets(all, filter);
    let mut entries: Vec<&Entry> = all.iter().filter(|entry| filter.admits(entry, None)).collect();
    entries.sort_by(|a, b| sort.key(a).cmp(&sort.key(b)).then_with(|| a.standee.occurrence.issue.cmp(&b.standee.occurrence.issue)));

    let total = entries.len() as u64;
    // A standing is what it is: a place in its list is stable.
    let from = after
        .as_ref()
        .and_then(|cursor| <[u8; 8]>::try_from(cursor.as_bytes()).ok())
        .map_or(0, |bytes| usize::try_from(u64::from_be_bytes(bytes)).unwrap_or(usize::MAX));
    let to = from.saturating_add(limit.get());
    let next = (to < entries.len()).then(|| Cursor::new((to as u64).to_be_bytes()));
    let mut items = Vec::with_capacity(limit.get());
    for Entry { standee, state, is_new } in entries.into_iter().skip(from).take(limit.get()) {
        let issue = tx.get::<Issue>(&standee.occurrence.issue)?;
        items.push(Listed { standee: standee.clone(), state: *state, is_new: *is_new, issue });
    }
    Ok(Listing { items, next, total, facets })
}

/// Everything that stands at a commit, by file and line.
pub fn all(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Vec<Standee>> {
    let standing = super::standing(tx, repo, sha)?.ok_or(Error::NotAnalysed { sha })?;
    let mut entries = entries(tx, &standing)?;
    entries.retain(|entry| entry.state == IssueState::Open);
    entries.sort_by(|a, b| Sort::Path.key(a).cmp(&Sort::Path.key(b)));
    Ok(entries.into_iter().map(|entry| entry.standee).collect())
}

/// The issues in one file of a commit, by line; none where the commit was not analysed.
pub fn of_path(tx: &ReadTx, repo: RepoId, sha: CommitSha, path: &TreePath) -> Result<Vec<Listed>> {
    let Some(standing) = super::standing(tx, repo, sha)? else { return Ok(Vec::new()) };
    let mut entries = entries(tx, &standing)?;
    entries.retain(|entry| entry.state == IssueState::Open && entry.standee.path == *path);
    entries.sort_by(|a, b| Sort::Path.key(a).cmp(&Sort::Path.key(b)));
    let mut listed = Vec::with_capacity(entries.len());
    for Entry { standee, state, is_new } in entries {
        let issue = tx.get::<Issue>(&standee.occurrence.issue)?;
        listed.push(Listed { standee, state, is_new, issue });
    }
    Ok(listed)
}

/// How many issues each file of a commit has; `None` where it was not analysed.
pub fn counts_by_path(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Option<BTreeMap<TreePath, u64>>> {
    let mut counts = BTreeMap::new();
    let Some(standing) = super::standing(tx, repo, sha)? else { return Ok(None) };
    for chunk in load(tx, repo, &chunk_refs(tx, &standing)?)? {
        *counts.entry(chunk.path).or_default() += chunk.occurrences.len() as u64;
    }
    Ok(Some(counts))
}

/// All that stands at a commit, and what its base had besides.
fn entries(tx: &ReadTx, standing: &Standing) -> Result<Vec<Entry>> {
    let base = match standing.base {
        Some(sha) => super::standing(tx, standing.repo, sha)?,
        None => None,
    };
    let (new, gone) = match &base {
        Some(base) => {
            let turnover = turnover(tx, Some(base), standing)?;
            (turnover.added.into_iter().map(|standee| standee.occurrence.issue).collect::<HashSet<IssueId>>(), turnover.gone)
        }
        None => (HashSet::new(), Vec::new()),
    };
    let mut entries = Vec::new();
    for chunk in load(tx, standing.repo, &chunk_refs(tx, standing)?)? {
        for occurrence in chunk.occurrences {
            let is_new = new.contains(&occurrence.issue);
            let standee = Standee { path: chunk.path.clone(), source: chunk.source.clone(), occurrence };
            entries.push(Entry { standee, state: IssueState::Open, is_new });
        }
    }
    entries.extend(gone.into_iter().map(|standee| Entry { standee, state: IssueState::Fixed, is_new: false }));
    Ok(entries)
}

impl Sort {
    fn key(self, entry: &Entry) -> (u8, &str, &[u8], u32) {
        let occurrence = &entry.standee.occurrence;
        let line = occurrence.span.map_or(0, |span| span.line_start);
        let rank = match self {
            Sort::Default => u8::from(!entry.is_new) + u8::from(entry.state == IssueState::Fixed),
            Sort::Severity => u8::MAX - occurrence.severity as u8,
            Sort::Path | Sort::Rule => 0,
        };
        let rule = if self == Sort::Rule { occurrence.rule.as_str() } else { "" };
        (rank, rule, entry.standee.path.as_bytes(), line)
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
