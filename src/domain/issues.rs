//! Issues: what tools find in a tree, and what makes it the same from commit to commit.

pub mod finding;
pub mod track;
