//! Tests from outside: one binary, so that it links once.

mod cli_check;
mod support;
