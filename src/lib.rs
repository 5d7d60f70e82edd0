//! Plumbline.

pub mod base;
pub mod domain;
pub mod engine;
pub mod http;
pub mod ui;
