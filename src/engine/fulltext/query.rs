//! What an index is asked: a tree of conditions over named fields, and its translation.

use std::ops::Bound;
use std::time::Instant;

use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, Occur, PhrasePrefixQuery, PhraseQuery, RangeQuery, TermQuery, TermSetQuery};
use tantivy::schema::{Field as Handle, IndexRecordOption};
use tantivy::{Searcher, Term};

use super::glob::Glob;
use super::layout::{Kind, Layout};
use super::scan::ScanQuery;
use super::steady::Steady;
use super::{Error, Result, words};

/// The words that the last, unfinished word of a phrase may stand for. A phrase that needs more is refused, never answered by half.
pub const EXPANSIONS_MAX: u32 = 2_000;

/// A condition on an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// Every entry.
    All,
    /// The field holds this word, or is this keyword.
    Term {
        /// The field.
        field: &'static str,
        /// The word or keyword.
        value: String,
    },
    /// The field is one of these keywords.
    OneOf {
        /// The field.
        field: &'static str,
        /// The keywords.
        values: Vec<String>,
    },
    /// The field holds these words one after the other.
    Phrase {
        /// The field.
        field: &'static str,
        /// The words.
        words: Vec<String>,
        /// Whether the last is the beginning of a word alone.
        is_open: bool,
    },
    /// The field holds a word that begins so.
    Prefix {
        /// The field.
        field: &'static str,
        /// The beginning.
        value: String,
    },
    /// The keyword matches a pattern.
    Glob {
        /// The field.
        field: &'static str,
        /// The pattern; folded if the field is.
        glob: Glob,
    },
    /// The number lies between.
    Range {
        /// The field.
        field: &'static str,
        /// The lower end.
        from: Bound<i64>,
        /// The upper end.
        to: Bound<i64>,
    },
    /// All of these; every entry if there are none.
    And(Vec<Query>),
    /// Any of these; no entry if there are none.
    Or(Vec<Query>),
    /// What the condition does not hold for.
    Not(Box<Query>),
}

/// Translates queries for one state of an index.
pub(super) struct Translator<'a> {
    pub layout: &'a Layout,
    pub searcher: &'a Searcher,
    pub deadline: Instant,
}

type Translated = Box<dyn tantivy::query::Query>;

impl Translator<'_> {
    pub fn translate(&self, query: &Query) -> Result<Translated> {
        Ok(match query {
            Query::All => Box::new(AllQuery),
            Query::Term { field, value } => self.term(field, value)?,
            Query::OneOf { field, values } => {
                let handle = self.handle(field, |kind| matches!(kind, Kind::Keyword { .. } | Kind::Label))?.1;
                Box::new(TermSetQuery::new(values.iter().map(|value| Term::from_field_text(handle, &self.folded(field, value)))))
            }
            Query::Phrase { field, words, is_open } => self.phrase(field, words, *is_open)?,
            Query::Prefix { field, value } => {
                let handle = self.text(field)?;
                // No word holds the last character there is, so that this is where the words with the prefix end.
                let end = format!("{value}{}", char::MAX);
                let bound = |text: &str| Term::from_field_text(handle, text);
                Box::new(RangeQuery::new(Bound::Included(bound(value)), Bound::Excluded(bound(&end))))
            }
            Query::Glob { field, glob } => {
                let (kind, _) = self.handle(field, |kind| matches!(kind, Kind::Keyword { .. } | Kind::Column))?;
                let fold = kind == Kind::Keyword { fold: true };
                Box::new(ScanQuery { field, glob: glob.clone(), fold, deadline: self.deadline })
            }
            Query::Range { field, from, to } => {
                let handle = self.handle(field, |kind| kind == Kind::Number)?.1;
                if matches!((from, to), (Bound::Unbounded, Bound::Unbounded)) {
                    return Ok(Box::new(AllQuery));
                }
                let bound = |bound: &Bound<i64>| bound.as_ref().map(|value| Term::from_field_i64(handle, *value));
                Box::new(RangeQuery::new(bound(from), bound(to)))
            }
            Query::And(all) => self.all(all)?,
            Query::Or(any) if any.is_empty() => Box::new(EmptyQuery),
            Query::Or(any) => {
                let clauses = any.iter().map(|query| Ok((Occur::Should, self.translate(query)?))).collect::<Result<Vec<_>>>()?;
                Box::new(BooleanQuery::new(clauses))
            }
            Query::Not(_) => self.all(std::slice::from_ref(query))?,
        })
    }

    /// A conjunction. One of exclusions alone excludes from everything.
    fn all(&self, all: &[Query]) -> Result<Translated> {
        let mut clauses = Vec::with_capacity(all.len() + 1);
        for query in all {
            clauses.push(match query {
                Query::Not(excluded) => (Occur::MustNot, Box::new(Steady(self.translate(excluded)?)) as Translated),
                wanted => (Occur::Must, self.translate(wanted)?),
            });
        }
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            clauses.push((Occur::Must, Box::new(AllQuery)));
        }
        Ok(Box::new(BooleanQuery::new(clauses)))
    }

    fn term(&self, field: &'static str, value: &str) -> Result<Translated> {
        let (kind, handle) = self.handle(field, |kind| kind != Kind::Number)?;
        if kind == Kind::Column {
            let glob = Glob::exactly(value);
            return Ok(Box::new(ScanQuery { field, glob, fold: false, deadline: self.deadline }));
        }
        let term = Term::from_field_text(handle, &self.folded(field, value));
        Ok(Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)))
    }

    fn phrase(&self, field: &'static str, words: &[String], is_open: bool) -> Result<Translated> {
        match words {
            [] => return Ok(Box::new(EmptyQuery)),
            [word] if is_open => return self.translate(&Query::Prefix { field, value: word.clone() }),
            [word] => return self.term(field, word),
            _ => {}
        }
        let handle = self.text(field)?;
        let terms = words.iter().map(|word| Term::from_field_text(handle, word)).collect();
        if !is_open {
            return Ok(Box::new(PhraseQuery::new(terms)));
        }
        self.count_expansions(handle, &words[words.len() - 1])?;
        let mut phrase = PhrasePrefixQuery::new(terms);
        phrase.set_max_expansions(EXPANSIONS_MAX);
        Ok(Box::new(phrase))
    }

    /// Refuses a beginning of too many words.
    fn count_expansions(&self, handle: Handle, prefix: &str) -> Result<()> {
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(handle)?;
            let end = format!("{prefix}{}", char::MAX);
            let mut words = index.terms().range().ge(prefix).lt(end).into_stream().map_err(tantivy::TantivyError::from)?;
            let mut count = 0;
            while words.advance() {
                count += 1;
                if count > EXPANSIONS_MAX {
                    return Err(Error::TooBroad { prefix: prefix.to_owned() });
                }
            }
        }
        Ok(())
    }

    fn folded(&self, field: &str, value: &str) -> String {
        match self.layout.field(field) {
            Some((field, _)) if field.kind == (Kind::Keyword { fold: true }) => words::fold(value),
            _ => value.to_owned(),
        }
    }

    fn text(&self, field: &'static str) -> Result<Handle> {
        self.handle(field, |kind| kind == Kind::Text).map(|(_, handle)| handle)
    }

    /// The field, if it is of a kind that can be asked this.
    fn handle(&self, field: &'static str, can: impl Fn(Kind) -> bool) -> Result<(Kind, Handle)> {
        match self.layout.field(field) {
            Some((found, handle)) if can(found.kind) => Ok((found.kind, handle)),
            _ => Err(Error::Field { field }),
        }
    }
}
