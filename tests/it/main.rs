//! Tests from outside: one binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and helpers are part of tests")]

mod cli_check;
mod support;
