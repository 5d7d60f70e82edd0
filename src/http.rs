//! The REST API.

pub mod checks;
pub mod issues;
pub mod repos;
