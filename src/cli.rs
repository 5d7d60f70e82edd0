//! The command line: one verb a file.
//!
//! Every command answers `--help`, ends with 0 on success, 1 on failure and 2 on wrong usage, shows progress on a terminal and is quiet in
//! a pipe. What fails is said in one line that names what happened, to what, and what to do.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::config::{self, Config, Sources};
use crate::engine::sandbox;

mod admin;
pub mod audit;
pub mod check;
pub mod console;
pub mod doctor;
pub mod github;
pub mod keys;
mod owner;
mod progress;
pub mod serve;
pub mod token;
pub mod user;
pub mod work;

/// Code health, jobs and delivery measures for a team, in one self-hosted binary.
#[derive(Debug, Parser)]
#[command(name = "plumbline", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Where everything is kept
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the checks of a working tree or commit, in the terminal, without a server
    Check(check::Args),
    /// The appliance: pages, API, checks; prints a one-time link for the first administrator
    Serve(serve::Args),
    /// Accounts: create, list, disable, and links by which somebody comes in
    #[command(subcommand)]
    User(user::Command),
    /// Tokens for programs: create, list, revoke
    #[command(subcommand)]
    Token(token::Command),
    /// The vault's key and the keys for SSH: exchange them, make them anew
    #[command(subcommand)]
    Keys(keys::Command),
    /// What waits, is being carried out or was given up: list, retry, discard
    #[command(subcommand)]
    Work(work::Command),
    /// The trail of who did what: verify, export
    #[command(subcommand)]
    Audit(audit::Command),
    /// The emergency door: administration line by line, for whoever owns the data directory
    Console,
    /// The App on GitHub: set it up, and say what of it works
    #[command(subcommand)]
    Github(github::Command),
    /// Says what of this host does not work, or could be better, and how to mend it
    Doctor(doctor::Args),
    /// The first process of a sandbox, which plumbline starts itself
    #[command(name = sandbox::launcher::VERB, hide = true)]
    SandboxLauncher,
}

/// Why a command failed: a sentence for people, and what is beneath it.
#[derive(Debug)]
pub struct Error {
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    is_wrong_usage: bool,
}

impl Error {
    /// A failure that has no cause beneath it.
    pub fn new(message: impl Into<String>) -> Error {
        Error { message: message.into(), source: None, is_wrong_usage: false }
    }

    /// What was asked cannot be: a value of an option, or several that do not go together.
    pub fn wrong_usage(message: impl Into<String>) -> Error {
        Error { is_wrong_usage: true, ..Error::new(message) }
    }

    /// What the command ends with: 2 on wrong usage, else 1.
    pub fn exit_code(&self) -> ExitCode {
        if self.is_wrong_usage { ExitCode::from(2) } else { ExitCode::FAILURE }
    }

    /// A failure of something beneath.
    pub fn because(message: impl Into<String>, source: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error { message: message.into(), source: Some(Box::new(source)), is_wrong_usage: false }
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A result of a command.
pub type Result<T> = std::result::Result<T, Error>;

/// Carries out the command that these arguments name.
pub fn run(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<ExitCode> {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are asked for and go to stdout with 0; wrong usage goes to stderr with 2.
            let _ = error.print();
            return Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)));
        }
    };
    match cli.command {
        Command::Check(args) => check::run(args, &sources(cli.data, cli.config, BTreeMap::new())),
        Command::Serve(args) => {
            let flags = args.flags();
            serve::run(&args, configuration(cli.data, cli.config, flags)?)
        }
        Command::User(command) => user::run(&command, &configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::Keys(command) => keys::run(&command, &configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::Work(command) => work::run(&command, &configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::Audit(command) => audit::run(&command, &configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::Console => console::run(&configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::Doctor(args) => doctor::run(&args, &configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::Github(command) => github::run(&command, &configuration(cli.data, cli.config, BTreeMap::new())?),
        Command::SandboxLauncher => Ok(sandbox::launcher::launch()),
        Command::Token(command) => token::run(command, &configuration(cli.data, cli.config, BTreeMap::new())?),
    }
}

fn sources(data: Option<PathBuf>, file: Option<PathBuf>, flags: BTreeMap<&'static str, String>) -> Sources {
    let env = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect();
    Sources { file, data, env, flags }
}

/// Reads the configuration from all its sources.
fn configuration(data: Option<PathBuf>, file: Option<PathBuf>, flags: BTreeMap<&'static str, String>) -> Result<Config> {
    Config::build(&sources(data, file, flags)).map_err(|error: config::Error| Error::because("the configuration cannot be used", error))
}

/// Tells of a failure on stderr that is no reason to end.
fn complain(error: &Error) {
    use std::io::Write;

    let mut text = format!("plumbline: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    let _ = writeln!(std::io::stderr(), "{}", crate::base::text::quiet(&text));
}

/// Writes to stdout. A reader that went away has heard enough.
fn say(text: &str) {
    use std::io::Write;

    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
