//! What a tool says of a place in a tree: rule, message, path, lines. It has no identity yet; `track` gives it one.

use serde::{Deserialize, Serialize};

pub use crate::base::severity::Severity;

use crate::base::name::TreePath;
use crate::words;

words! {
    /// What sort of shortcoming it is.
    pub enum Kind: "kind of issue" {
        /// How it is written.
        Style = "style",
        /// Slower than need be.
        Performance = "performance",
        /// Open to abuse.
        Security = "security",
        /// Wrong.
        Bug = "bug",
        /// Hard to follow.
        Complexity = "complexity",
        /// Written twice.
        Duplication = "duplication",
        /// Against an agreement.
        Convention = "convention",
        /// Worth tending to.
        Quality = "quality",
    }
}

/// Where in a file: lines and columns from 1, both ends included. Columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// The first line.
    pub line_start: u32,
    /// The last line, not before the first.
    pub line_end: u32,
    /// The first column of the first line, where it is known.
    pub column_start: Option<u32>,
    /// The last column of the last line, where it is known.
    pub column_end: Option<u32>,
}

impl Span {
    /// One whole line.
    pub fn line(line: u32) -> Span {
        Span { line_start: line, line_end: line, column_start: None, column_end: None }
    }
}

/// One thing a tool found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Which rule speaks, unique within its tool.
    pub rule: String,
    /// What is wrong and, where it fits in a sentence, what to do.
    pub message: String,
    /// The file.
    pub path: TreePath,
    /// The place in it; `None` speaks of the whole file.
    pub span: Option<Span>,
    /// What sort of shortcoming.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// The tool's own mark of identity, if it has one: a hint, never trusted.
    pub fingerprint: Option<String>,
}
