//! The query language: words, `"phrases"`, `pre*`, `field:value,value`, `-` before what is not wanted, `OR`, parentheses.
//!
//! A query is parsed into a tree in one shape only (no conjunction directly in a conjunction, no negation of a negation), so that what
//! [`Ast`] prints is a canonical query that parses to the same tree. Every query that cannot be read says where and why.

mod filter;
mod parser;

use std::fmt;

pub use filter::{Age, Comparison, FieldName, Filter, Pattern, StateFilter, Unit};
pub use parser::parse;

/// The characters that a query may have.
pub const QUERY_MAX_CHARS: usize = 1_000;
/// How deep parentheses may nest.
pub const DEPTH_MAX: usize = 20;
/// How many words and values a query may have.
pub const TERMS_MAX: usize = 50;

/// A query that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} (at character {position} of the query)")]
pub struct QueryInvalid {
    /// Where: the number of characters before it.
    pub position: usize,
    /// What is wrong and what to do.
    pub message: String,
}

/// What a query means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ast {
    /// Everything: the empty query.
    All,
    /// These words one after the other, each found whole or by its parts.
    Words {
        /// The words, folded; at least one.
        words: Vec<String>,
        /// Whether the last is the beginning of a word alone.
        is_open: bool,
    },
    /// A field with one of some values.
    Filter(Filter),
    /// What is not so.
    Not(Box<Ast>),
    /// All of these, at least two.
    And(Vec<Ast>),
    /// One of these, at least two.
    Or(Vec<Ast>),
}

impl Ast {
    /// All of these.
    pub fn and(items: Vec<Ast>) -> Ast {
        Ast::join(items, Ast::And, |ast| if let Ast::And(inner) = ast { Ok(inner) } else { Err(ast) })
    }

    /// One of these.
    pub fn or(items: Vec<Ast>) -> Ast {
        Ast::join(items, Ast::Or, |ast| if let Ast::Or(inner) = ast { Ok(inner) } else { Err(ast) })
    }

    /// Whether a field is asked for anywhere in it.
    pub fn asks_for(&self, field: FieldName) -> bool {
        match self {
            Ast::All | Ast::Words { .. } => false,
            Ast::Filter(filter) => filter.field() == field,
            Ast::Not(inner) => inner.asks_for(field),
            Ast::And(items) | Ast::Or(items) => items.iter().any(|item| item.asks_for(field)),
        }
    }

    /// What is not so.
    #[expect(clippy::should_implement_trait, reason = "it makes a tree and is called as `Ast::not`, beside `and` and `or`")]
    pub fn not(item: Ast) -> Ast {
        match item {
            Ast::Not(inner) => *inner,
            other => Ast::Not(Box::new(other)),
        }
    }

    fn join(items: Vec<Ast>, whole: fn(Vec<Ast>) -> Ast, open: fn(Ast) -> Result<Vec<Ast>, Ast>) -> Ast {
        let mut flat = Vec::with_capacity(items.len());
        for item in items {
            match open(item) {
                Ok(inner) => flat.extend(inner),
                Err(other) => flat.push(other),
            }
        }
        match flat.len() {
            0 => Ast::All,
            1 => flat.remove(0),
            _ => whole(flat),
        }
    }
}

impl fmt::Display for Ast {
    /// The canonical query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ast::All => Ok(()),
            Ast::Words { words, is_open: true } => write!(f, "{}*", words.join("-")),
            Ast::Words { words, is_open: false } if words.len() == 1 => f.write_str(&words[0]),
            Ast::Words { words, is_open: false } => write!(f, "\"{}\"", words.join(" ")),
            Ast::Filter(filter) => write!(f, "{filter}"),
            Ast::Not(inner) => match **inner {
                Ast::And(_) | Ast::Or(_) => write!(f, "-({inner})"),
                _ => write!(f, "-{inner}"),
            },
            Ast::And(items) => separated(f, items, " ", |item| matches!(item, Ast::Or(_))),
            Ast::Or(items) => separated(f, items, " OR ", |_| false),
        }
    }
}

fn separated(f: &mut fmt::Formatter<'_>, items: &[Ast], separator: &str, in_parentheses: fn(&Ast) -> bool) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            f.write_str(separator)?;
        }
        if in_parentheses(item) { write!(f, "({item})")? } else { write!(f, "{item}")? }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
