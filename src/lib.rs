//! Plumbline.

pub mod base;
pub mod engine;
