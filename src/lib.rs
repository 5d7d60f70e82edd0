//! Plumbline.

// The words! and id! macros are declared there.
pub mod base;

pub mod engine;

pub mod domain;

pub mod app;

pub mod cli;
pub mod http;
pub mod ui;

pub use cli::run;
