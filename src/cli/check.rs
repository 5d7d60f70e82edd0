//! `plumbline check`: the checks of a working tree or commit, in the terminal.

use std::process::ExitCode;

/// What `plumbline check` is asked.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the checks and says what they found.
pub fn run(_: Args) -> super::Result<ExitCode> {
    Err(super::Error::new("not yet"))
}
