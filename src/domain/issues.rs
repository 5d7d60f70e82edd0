//! Issues.

pub mod finding;
pub mod issue;
