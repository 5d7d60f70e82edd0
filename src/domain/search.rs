//! What is searchable, and how it is asked: issues, by the words in their message, rule, path and line of code, and by what they are.
//!
//! A query is a text ([`parse`]) that becomes a tree ([`Ast`]), and the tree means one thing, said twice: [`matches()`] holds it against one
//! document, and [`SearchIndex`] translates it for the full-text engine. A property test says that both find the same. The index is
//! derived from the store and never asked for truth: it answers ids, newest first unless told otherwise.
//!
//! What it deliberately does not do: it does not decide who may see what (a [`Scope`] is handed in), nor when to index.

mod document;
mod evaluate;
mod index;
mod query;

pub use document::{Document, LINE_MAX_BYTES, MESSAGE_MAX_BYTES};
pub use evaluate::matches;
pub use index::{Change, Error, Facets, Found, IDLE, Question, Scope, SearchIndex, Sort};
pub use query::{Age, Ast, Comparison, FieldName, Filter, Pattern, QueryInvalid, StateFilter, Unit, parse};
