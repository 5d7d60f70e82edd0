//! The capabilities: the product's nouns.

pub mod issues;
