//! The engines: one mechanism each, and no word of the product.
//!
//! Among themselves they use little: `queue` the store, `git` the HTTP client, `sandbox` its guard.

pub mod fulltext;
pub mod git;
pub mod outbound;
pub mod queue;
pub mod sandbox;
pub mod store;
pub mod vault;
