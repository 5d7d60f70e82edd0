//! What tests act on and look at.

pub mod repo;
