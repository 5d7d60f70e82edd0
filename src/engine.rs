//! The engines: one mechanism each, and no word of the product.

pub mod fulltext;
pub mod git;
pub mod queue;
pub mod store;
