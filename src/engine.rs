//! The engines: one mechanism each, and no word of the product.

pub mod git;
pub mod outbound;
