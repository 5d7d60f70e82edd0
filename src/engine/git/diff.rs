//! What differs between two versions of a file.

use std::ops::Range;

/// A run of lines that was replaced by another. Lines count from 0, the end is excluded; lines outside hunks are unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The lines before; empty where lines were only added.
    pub before: Range<u32>,
    /// The lines after; empty where lines were only removed.
    pub after: Range<u32>,
}
