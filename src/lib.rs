//! Plumbline.

pub mod base;
pub mod domain;
pub mod engine;
