//! The capabilities: the product, one noun each.

/// Findings and their identity.
pub mod issues {
    pub mod finding;
}
pub mod search;
