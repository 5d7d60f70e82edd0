//! The search for issues: a query, its facets, its results.
//!
//! Facets are links that add a term to the query or take it out, so the query says the whole truth and an address can be shared.

use askama::Template;

use super::frame::Frame;
use super::source::Excerpt;
use super::{href, words};
use crate::base::name::{CommitSha, RepoSlug};
use crate::base::page::Cursor;
use crate::domain::issues::finding::Severity;
use crate::http::issues::{FacetsView, IssueView};

/// How many words of a facet are shown.
const MOST_WORDS: usize = 8;

/// An issue in a list.
#[derive(Debug, Clone)]
pub struct IssueRow {
    /// The issue.
    pub issue: IssueView,
    /// The commit at whose tree its path and lines are right; `None` where that is not known.
    pub at: Option<CommitSha>,
    /// Its place in the code; without one the view's snippet is shown.
    pub excerpt: Option<Excerpt>,
}

/// The search.
#[derive(Debug, Template)]
#[template(path = "issues.html", config = ".askama.toml")]
pub struct IssuesPage {
    /// The request.
    pub frame: Frame,
    /// What was asked, as it was typed.
    pub query: String,
    /// What came of it.
    pub found: Found,
}

/// What came of a query.
#[derive(Debug)]
pub enum Found {
    /// Issues, perhaps none.
    Results(Results),
    /// It does not parse.
    Fault(QueryFault),
    /// The index is being built; results come when it is done.
    Rebuilding(Rebuilding),
}

/// Issues that were found.
#[derive(Debug, Default)]
pub struct Results {
    /// A page of them.
    pub rows: Vec<IssueRow>,
    /// How many there are.
    pub total: u64,
    /// How many have each word.
    pub facets: FacetsView,
    /// Where the list goes on.
    pub next: Option<Cursor>,
}

/// Why a query does not parse.
#[derive(Debug, Clone)]
pub struct QueryFault {
    /// What is wrong and what to do.
    pub message: String,
    /// Where in the query, in bytes.
    pub position: usize,
}

/// How far the index is.
#[derive(Debug, Clone, Copy)]
pub struct Rebuilding {
    /// How much of it is done, in percent; `None` where nobody knows.
    pub percent: Option<u64>,
}

/// One facet as the page shows it.
#[derive(Debug)]
struct Facet {
    name: String,
    words: Vec<FacetWord>,
    more: usize,
}

#[derive(Debug)]
struct FacetWord {
    word: String,
    count: u64,
    href: String,
    is_on: bool,
}

impl IssueRow {
    /// A row without an excerpt.
    pub fn new(issue: IssueView, at: Option<CommitSha>) -> IssueRow {
        IssueRow { issue, at, excerpt: None }
    }

    /// The line it stands at in its file, or the issue's own page where no commit is known.
    pub(super) fn place_href(&self) -> String {
        match (self.issue.repo.parse::<RepoSlug>(), self.at) {
            (Ok(slug), Some(sha)) => href::line(&slug, &sha, &self.issue.path, &self.issue.line_start),
            _ => href::issue(&self.issue.id),
        }
    }

    /// Its file, or the issue's own page where no commit is known.
    pub(super) fn file_href(&self) -> String {
        match (self.issue.repo.parse::<RepoSlug>(), self.at) {
            (Ok(slug), Some(sha)) => href::file(&slug, &sha, &self.issue.path),
            _ => href::issue(&self.issue.id),
        }
    }

    /// `src/main.rs:12`.
    pub(super) fn place(&self) -> String {
        match self.issue.line_start {
            Some(line) => format!("{}:{line}", self.issue.path.shown()),
            None => self.issue.path.shown(),
        }
    }

    pub(super) fn line(&self) -> String {
        match (self.issue.line_start, self.issue.line_end) {
            (Some(start), Some(end)) if end > start => format!("lines {start}–{end}"),
            (Some(start), _) => format!("line {start}"),
            (None, _) => "whole file".to_owned(),
        }
    }
}

impl IssuesPage {
    fn facets(&self) -> Vec<Facet> {
        let Found::Results(results) = &self.found else {
            return Vec::new();
        };
        let order = |name: &str| ["state", "severity", "kind", "source", "rule", "repo", "author"].iter().position(|known| *known == name);
        let mut facets: Vec<_> = results.facets.iter().filter(|(_, words)| !words.is_empty()).collect();
        facets.sort_by_key(|(name, _)| order(name).unwrap_or(usize::MAX));
        facets
            .into_iter()
            .map(|(name, counts)| self.facet(name, counts.iter().map(|(word, count)| (word.as_str(), *count)).collect()))
            .collect()
    }

    fn facet(&self, name: &str, mut counts: Vec<(&str, u64)>) -> Facet {
        let rank = |word: &str| word.parse::<Severity>().ok();
        counts.sort_by(|(a, n), (b, m)| if name == "severity" { rank(b).cmp(&rank(a)) } else { m.cmp(n).then(a.cmp(b)) });
        let more = counts.len().saturating_sub(MOST_WORDS);
        let words = counts
            .into_iter()
            .take(MOST_WORDS)
            .map(|(word, count)| {
                let term = term(name, word);
                let is_on = terms(&self.query).any(|present| present == term);
                FacetWord { word: word.to_owned(), count, href: href::search(&toggled(&self.query, &term)), is_on }
            })
            .collect();
        Facet { name: name.to_owned(), words, more }
    }

    fn next_href(&self) -> Option<String> {
        let Found::Results(Results { next: Some(cursor), .. }) = &self.found else {
            return None;
        };
        Some(href::with(&href::search(&self.query), "cursor", &cursor.to_string()))
    }
}

impl QueryFault {
    /// The query in three parts: before the fault, the character at it, and after.
    fn parts(&self, query: &str) -> (String, String, String) {
        let mut at = self.position.min(query.len());
        while !query.is_char_boundary(at) {
            at -= 1;
        }
        let mut rest = query[at..].chars();
        let here = rest.next().map_or_else(|| " ".to_owned(), String::from);
        (query[..at].to_owned(), here, rest.collect())
    }
}

/// A term of the query language: `rule:no-var`, quoted where the word needs it. In quotes a backslash makes a quote or a backslash part
/// of the word.
pub(super) fn term(field: &str, word: &str) -> String {
    let is_plain = !word.is_empty() && !word.chars().any(|c| c.is_whitespace() || "\"(),".contains(c));
    if is_plain { format!("{field}:{word}") } else { format!("{field}:\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// The query's terms, split at white space that stands outside quotes.
fn terms(query: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    query
        .split(move |c: char| {
            is_quoted ^= c == '"' && !is_escaped;
            is_escaped = c == '\\' && is_quoted && !is_escaped;
            c.is_whitespace() && !is_quoted
        })
        .filter(|term| !term.is_empty())
}

/// The query with the term added, or without it where it was there.
fn toggled(query: &str, term: &str) -> String {
    let kept: Vec<&str> = terms(query).filter(|present| *present != term).collect();
    if kept.len() < terms(query).count() { kept.join(" ") } else { format!("{} {term}", query.trim()).trim().to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::search::{Ast, FieldName, Filter, Pattern, parse};

    #[test]
    fn a_facet_adds_its_term_and_takes_it_out_again() {
        let term = term("rule", "no var");
        assert_eq!(toggled("  a \"b  c\" ", &term), "a \"b  c\" rule:\"no var\"");
        assert_eq!(toggled("a rule:\"no var\" b", &term), "a b");
        assert_eq!(toggled("", "kind:bug"), "kind:bug");
        assert_eq!(toggled("kind:bugs", "kind:bug"), "kind:bugs kind:bug");
    }

    #[test]
    fn the_place_of_a_fault_falls_between_characters() {
        let fault = |position| QueryFault { message: String::new(), position };
        assert_eq!(fault(2).parts("aé(b"), ("a".into(), "é".into(), "(b".into()));
        assert_eq!(fault(99).parts("ab"), ("ab".into(), " ".into(), String::new()));
    }

    proptest! {
        #[test]
        fn a_term_is_read_as_its_word_and_taken_out_whole(word in "[ab ,()\"\\\\:<*-]{1,6}|[^\u{0}]{1,20}", query in "([a-c]|\"a\\\\\"b\" ){0,3}") {
            let term = term("rule", &word);
            let read = parse(&term).map_err(|invalid| TestCaseError::fail(format!("{term}: {invalid}")))?;
            prop_assert_eq!(read, Ast::Filter(Filter::Rule(vec![Pattern::new(FieldName::Rule, &word).unwrap()])));
            let with = toggled(&query, &term);
            prop_assert!(terms(&with).any(|present| present == term), "{}", with);
            prop_assert_eq!(toggled(&with, &term), terms(&query).collect::<Vec<_>>().join(" "));
        }
    }
}
