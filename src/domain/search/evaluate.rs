//! What a query means, held against one document: the model that the index is measured by.

use super::document::{Document, keyword};
use super::query::{Age, Ast, Comparison, Filter, Pattern, StateFilter};
use crate::base::time::Timestamp;
use crate::domain::issues::IssueState;
use crate::engine::fulltext::{Words, fold};

/// Whether the document is what the query looks for.
pub fn matches(query: &Ast, document: &Document, now: Timestamp) -> bool {
    match query {
        Ast::All => true,
        Ast::Words { words, is_open } => document.texts().iter().any(|text| holds(text, words, *is_open)),
        Ast::Filter(filter) => passes(filter, document, now),
        Ast::Not(inner) => !matches(inner, document, now),
        Ast::And(items) => items.iter().all(|item| matches(item, document, now)),
        Ast::Or(items) => items.iter().any(|item| matches(item, document, now)),
    }
}

/// Whether the words stand in the text one after the other.
fn holds(text: &str, words: &[String], is_open: bool) -> bool {
    let mut runs: Vec<Vec<String>> = Vec::new();
    for (run, word) in Words::of(text).iter() {
        if run == runs.len() {
            runs.push(Vec::new());
        }
        if let Some(forms) = runs.last_mut() {
            forms.push(word.to_owned());
        }
    }
    let is_at = |place: usize| {
        words.iter().enumerate().all(|(at, word)| {
            let is_beginning = is_open && at + 1 == words.len();
            runs.get(place + at)
                .is_some_and(|forms| forms.iter().any(|form| if is_beginning { form.starts_with(word) } else { form == word }))
        })
    };
    (0..runs.len()).any(is_at)
}

fn passes(filter: &Filter, document: &Document, now: Timestamp) -> bool {
    let folded = |patterns: &[Pattern], text: &str| {
        let text = fold(&keyword(text));
        patterns.iter().any(|pattern| pattern.glob().matches(text.as_bytes()))
    };
    let exact = |patterns: &[Pattern], text: &str| patterns.iter().any(|pattern| pattern.glob().matches(text.as_bytes()));
    match filter {
        Filter::Repo(patterns) => folded(patterns, &document.slug),
        Filter::Path(patterns) => exact(patterns, &document.path_text()),
        Filter::Kind(kinds) => kinds.contains(&document.kind),
        Filter::Severity(severities) => severities.contains(&document.severity),
        Filter::Rule(patterns) => folded(patterns, &document.rule),
        Filter::Source(patterns) => folded(patterns, &document.source),
        Filter::State(states) => states.iter().any(|state| stands(*state, document)),
        Filter::Author(patterns) => document.author.as_ref().is_some_and(|author| folded(patterns, author)),
        Filter::Branch(patterns) => document.branches.iter().any(|branch| exact(patterns, &keyword(branch))),
        Filter::Age(ages) => ages.iter().any(|age| is_of_age(*age, document.first_seen_at, now)),
    }
}

fn stands(state: StateFilter, document: &Document) -> bool {
    match state {
        StateFilter::New => document.is_open_and_new(),
        StateFilter::Open => document.state == IssueState::Open,
        StateFilter::Fixed => document.state == IssueState::Fixed,
        StateFilter::Ignored => document.state == IssueState::Ignored,
    }
}

fn is_of_age(age: Age, first_seen_at: Timestamp, now: Timestamp) -> bool {
    let (seen, instant) = (first_seen_at.as_millis(), age.instant(now));
    match age.comparison {
        Comparison::Below => seen > instant,
        Comparison::AtMost => seen >= instant,
        Comparison::Above => seen < instant,
        Comparison::AtLeast => seen <= instant,
    }
}
