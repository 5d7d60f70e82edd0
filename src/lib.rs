//! Plumbline.

pub mod app;
pub mod base;
pub mod domain;
pub mod engine;
pub mod http;
