//! The index of issues: fed with documents, asked with queries.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::PathBuf;
use std::time::Duration;

use super::document::{
    AUTHOR, BRANCH, Document, FIELDS, FIRST_SEEN, KIND, NEW, PATH, REPO, REPO_ID, RULE, SEVERITY, SOURCE, STATE, TEXT, WEIGHT,
};
use super::query::{Age, Ast, Comparison, Filter, Pattern, StateFilter};
use crate::base::id::{Id, IssueId, RepoId};
use crate::base::page::{Cursor, InvalidCursor, Limit};
use crate::base::time::Timestamp;
use crate::domain::issues::IssueState;
use crate::engine::fulltext::{self, Direction, FullText, Opened, Operation, Order, Place, Query, Search, Watermark};
use crate::words;

/// How long the index stays loaded after the last question.
pub const IDLE: Duration = Duration::from_secs(300);

/// Why a search has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index cannot answer.
    #[error(transparent)]
    Index(#[from] fulltext::Error),
    /// The cursor is not one of this search.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
}

/// What happened to an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It is there, or is otherwise than it was.
    Put(Box<Document>),
    /// It is gone.
    Remove(IssueId),
    /// Its repository is gone, and every issue with it.
    RemoveRepo(RepoId),
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// In every repository.
    All,
    /// In these alone.
    Repos(Vec<RepoId>),
}

words! {
    /// The order of what is found.
    pub enum Sort: "order" {
        /// What was first seen last.
        Newest = "newest",
        /// What was first seen first.
        Oldest = "oldest",
        /// The most severe, and of these the newest.
        Severity = "severity",
        /// The best match. The first page alone: scores move with every change.
        Relevance = "relevance",
    }
}

/// A search.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// What is looked for.
    pub query: &'a Ast,
    /// Where.
    pub scope: &'a Scope,
    /// In which order.
    pub sort: Sort,
    /// How many at a time.
    pub limit: Limit,
    /// Where the page before ended.
    pub after: Option<&'a Cursor>,
    /// The present, which ages are counted from.
    pub now: Timestamp,
}

/// How often each word or name occurs in all that was found, by field, the most frequent first.
pub type Facets = BTreeMap<&'static str, Vec<(String, u64)>>;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The issues of this page.
    pub ids: Vec<IssueId>,
    /// How many there are in all.
    pub total: u64,
    /// By `repo`, `kind`, `severity`, `rule`, `source` and `state`; `new` counts under `open` as well.
    pub facets: Facets,
    /// Where the next page begins.
    pub next: Option<Cursor>,
}

/// The index of issues.
pub struct SearchIndex {
    index: FullText,
}

impl SearchIndex {
    /// The index in a directory. Nothing is read or written yet.
    pub fn in_directory(directory: impl Into<PathBuf>) -> SearchIndex {
        SearchIndex { index: FullText::in_directory(directory, FIELDS) }
    }

    /// An empty index in memory.
    pub fn in_memory() -> SearchIndex {
        SearchIndex { index: FullText::in_memory(FIELDS) }
    }

    /// Looks at what is there, and begins anew where it cannot be used: then everything has to be fed again.
    pub fn open(&self) -> Result<Opened, Error> {
        Ok(self.index.open()?)
    }

    /// The revision up to which issues were fed, and the one at which it lacks none; `None` if it was never fed.
    pub fn watermark(&self) -> Result<Option<Watermark>, Error> {
        Ok(self.index.watermark()?)
    }

    /// Feeds changes, in order, up to a revision. All of them are found afterwards, or none and the error says why.
    pub fn apply(&self, batch: impl IntoIterator<Item = Change>, watermark: impl Into<Watermark>) -> Result<(), Error> {
        let operations = batch.into_iter().map(|change| match change {
            Change::Put(document) => Operation::Put(document.entry()),
            Change::Remove(issue) => Operation::Remove(issue.as_u128()),
            Change::RemoveRepo(repo) => Operation::RemoveAll { field: REPO_ID, value: repo.to_string() },
        });
        Ok(self.index.apply(operations, watermark)?)
    }

    /// Looks for issues.
    pub fn search(&self, question: &Question<'_>) -> Result<Found, Error> {
        let wanted = translate(question.query, question.now);
        let query = match question.scope {
            Scope::All => wanted,
            Scope::Repos(repos) => {
                let allowed = Query::OneOf { field: REPO_ID, values: repos.iter().map(ToString::to_string).collect() };
                Query::And(vec![wanted, allowed])
            }
        };
        let search = Search {
            query,
            order: order(question.sort),
            limit: question.limit.get(),
            after: question.after.map(|cursor| place(question.sort, cursor)).transpose()?,
            facets: vec![REPO, KIND, SEVERITY, RULE, SOURCE, STATE],
        };
        let hits = self.index.search(&search)?;
        Ok(Found {
            ids: hits.keys.into_iter().map(IssueId::from_u128).collect(),
            total: hits.total,
            facets: hits.facets.into_iter().collect(),
            next: hits.next.map(|place| cursor(question.sort, place)),
        })
    }

    /// Compares every file of the index with its checksum.
    pub fn verify(&self) -> Result<(), Error> {
        Ok(self.index.verify()?)
    }

    /// Lets go of memory, maps and threads if nothing was asked or fed for so long.
    pub fn rest_if_idle(&self, idle: Duration) -> bool {
        self.index.rest_if_idle(idle)
    }
}

fn order(sort: Sort) -> Order {
    match sort {
        Sort::Newest => Order::By(&[(FIRST_SEEN, Direction::Descending)]),
        Sort::Oldest => Order::By(&[(FIRST_SEEN, Direction::Ascending)]),
        Sort::Severity => Order::By(&[(WEIGHT, Direction::Descending), (FIRST_SEEN, Direction::Descending)]),
        Sort::Relevance => Order::Score,
    }
}

/// A cursor is the order that it belongs to and a place in it.
fn cursor(sort: Sort, place: Place) -> Cursor {
    let mut bytes = vec![sort as u8];
    place.0.iter().for_each(|part| bytes.extend(part.to_be_bytes()));
    Cursor::new(bytes)
}

fn place(sort: Sort, cursor: &Cursor) -> Result<Place, InvalidCursor> {
    let bytes = cursor.as_bytes();
    if bytes.len() != 33 || bytes[0] != sort as u8 {
        return Err(InvalidCursor);
    }
    let part = |at: usize| u64::from_be_bytes(bytes[1 + at * 8..9 + at * 8].try_into().expect("eight of 33 bytes"));
    Ok(Place([part(0), part(1), part(2), part(3)]))
}

/// The query as the engine takes it.
fn translate(query: &Ast, now: Timestamp) -> Query {
    match query {
        Ast::All => Query::All,
        Ast::Words { words, is_open } => Query::Phrase { field: TEXT, words: words.clone(), is_open: *is_open },
        Ast::Filter(filter) => translate_filter(filter, now),
        Ast::Not(inner) => Query::Not(Box::new(translate(inner, now))),
        Ast::And(items) => Query::And(items.iter().map(|item| translate(item, now)).collect()),
        Ast::Or(items) => Query::Or(items.iter().map(|item| translate(item, now)).collect()),
    }
}

fn translate_filter(filter: &Filter, now: Timestamp) -> Query {
    let term = |field, word: &str| Query::Term { field, value: word.to_owned() };
    match filter {
        Filter::Repo(patterns) => any_of(patterns, |pattern| keyword(REPO, pattern)),
        Filter::Path(patterns) => any_of(patterns, |pattern| Query::Glob { field: PATH, glob: pattern.glob().clone() }),
        Filter::Kind(kinds) => any_of(kinds, |kind| term(KIND, kind.as_str())),
        Filter::Severity(severities) => any_of(severities, |severity| term(SEVERITY, severity.as_str())),
        Filter::Rule(patterns) => any_of(patterns, |pattern| keyword(RULE, pattern)),
        Filter::Source(patterns) => any_of(patterns, |pattern| keyword(SOURCE, pattern)),
        Filter::State(states) => any_of(states, |state| term(STATE, state_word(*state))),
        Filter::Author(patterns) => any_of(patterns, |pattern| keyword(AUTHOR, pattern)),
        Filter::Branch(patterns) => any_of(patterns, |pattern| keyword(BRANCH, pattern)),
        Filter::Age(ages) => any_of(ages, |age| first_seen(*age, now)),
    }
}

fn any_of<T>(values: &[T], translate: impl FnMut(&T) -> Query) -> Query {
    Query::Or(values.iter().map(translate).collect())
}

/// A pattern without stars is a term, which is quicker.
fn keyword(field: &'static str, pattern: &Pattern) -> Query {
    match pattern.glob().literal().map(String::from_utf8_lossy) {
        Some(value) => Query::Term { field, value: value.into_owned() },
        None => Query::Glob { field, glob: pattern.glob().clone() },
    }
}

fn state_word(state: StateFilter) -> &'static str {
    match state {
        StateFilter::New => NEW,
        StateFilter::Open => IssueState::Open.as_str(),
        StateFilter::Fixed => IssueState::Fixed.as_str(),
        StateFilter::Ignored => IssueState::Ignored.as_str(),
    }
}

fn first_seen(age: Age, now: Timestamp) -> Query {
    let instant = age.instant(now);
    let (from, to) = match age.comparison {
        Comparison::Below => (Bound::Excluded(instant), Bound::Unbounded),
        Comparison::AtMost => (Bound::Included(instant), Bound::Unbounded),
        Comparison::Above => (Bound::Unbounded, Bound::Excluded(instant)),
        Comparison::AtLeast => (Bound::Unbounded, Bound::Included(instant)),
    };
    Query::Range { field: FIRST_SEEN, from, to }
}

#[cfg(test)]
mod tests;
