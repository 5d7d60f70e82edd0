//! `plumbline console`: the emergency door, for whoever owns the data directory.
//!
//! It reads a command a line and carries out the same verbs as the command line does, by the same requests: through the running server,
//! or over the store itself when none runs. Each line stands in the trail before it is carried out; one that cannot be written there is
//! not carried out. On a terminal it prompts; in a pipe it says nothing of its own, goes on after a command that failed, and ends with 1
//! if one did.

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use super::{Error, Result, admin, audit, complain, keys, say, token, user, work};
use crate::app::config::Config;
use crate::base::name::RepoSlug;
use crate::base::text::quiet;

/// The longest line that is read.
const LINE_BYTES: u64 = 64 << 10;

/// A line of the console.
#[derive(Debug, Parser)]
#[command(name = "", no_binary_name = true, disable_help_flag = true, disable_version_flag = true, max_term_width = 100)]
#[command(help_template = "{subcommands}\n\nA command after `help` says more of it. A line that begins with # says nothing.\n")]
struct Line {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Accounts, and links that sign somebody in
    #[command(subcommand, alias = "users")]
    User(user::Command),
    /// Tokens for programs
    #[command(subcommand, alias = "tokens")]
    Token(token::Command),
    /// The vault's key and the keys for SSH
    #[command(subcommand)]
    Keys(keys::Command),
    /// What waits, is being carried out or was given up
    #[command(subcommand)]
    Work(work::Command),
    /// The trail
    #[command(subcommand)]
    Audit(audit::Command),
    /// Repositories: list, fetch, delete
    #[command(subcommand, alias = "repos")]
    Repo(Repo),
    /// What is set while the server runs
    #[command(subcommand)]
    Settings(Settings),
    /// How the instance fares
    Health,
    /// Leaves the console
    #[command(alias = "exit")]
    Quit,
}

#[derive(Debug, Subcommand)]
enum Repo {
    /// Lists every repository
    List,
    /// Fetches one now
    Sync {
        /// Its name, as OWNER/NAME
        repo: RepoSlug,
    },
    /// Deletes one and all that hangs on it
    Delete {
        /// Its name, as OWNER/NAME
        repo: RepoSlug,
        /// The same name once more
        #[arg(long)]
        confirm: String,
    },
}

#[derive(Debug, Subcommand)]
enum Settings {
    /// Shows them, and what the configuration says
    Show,
    /// Changes one; a value in JSON, or null for the default
    Set {
        /// Its name
        name: String,
        /// Its value
        value: String,
    },
}

/// What comes after a line.
enum Next {
    Line,
    End,
}

/// Reads lines and carries them out until there are no more.
pub fn run(config: &Config) -> Result<ExitCode> {
    // Whose directory it is, and that there is one, is found out before the first line.
    admin::ask(config, "GET", "/api/v1/version", None)?;
    let is_terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if is_terminal {
        say(&format!("plumbline {} over `{}`; `help` lists the commands\n", env!("CARGO_PKG_VERSION"), config.data_dir.display()));
    }
    let mut is_well = true;
    loop {
        if is_terminal {
            say("> ");
        }
        // Not held in between: a command may read a line of its own.
        let Some(line) = next_line(&mut std::io::stdin().lock())? else { break };
        match carry_out(config, &line) {
            Ok(Next::Line) => {}
            Ok(Next::End) => break,
            Err(error) => {
                is_well = false;
                complain(&error);
            }
        }
    }
    Ok(if is_well || is_terminal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The next line, without its end; `None` at the end of the input.
fn next_line(input: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = Vec::new();
    let failed = |error| Error::because("the next line cannot be read", error);
    if input.take(LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == LINE_BYTES {
        return Err(Error::new("a line is longer than any command"));
    }
    Ok(Some(String::from_utf8_lossy(&line).trim().to_owned()))
}

fn carry_out(config: &Config, line: &str) -> Result<Next> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(Next::Line);
    }
    let words = words(line)?;
    let line_of_verb = match Line::try_parse_from(&words) {
        Ok(line) => line,
        Err(error) if error.exit_code() == 0 => {
            say(&error.to_string());
            return Ok(Next::Line);
        }
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            return Err(Error::wrong_usage(format!("{first}; `help` lists the commands")));
        }
    };
    if matches!(line_of_verb.verb, Verb::Quit) {
        return Ok(Next::End);
    }
    admin::ask(config, "POST", "/api/v1/admin/console", Some(&json!({ "line": line })))?;
    let code = match line_of_verb.verb {
        Verb::User(command) => user::run(&command, config)?,
        Verb::Token(command) => token::run(command, config)?,
        Verb::Keys(command) => keys::run(&command, config)?,
        Verb::Work(command) => work::run(&command, config)?,
        Verb::Audit(command) => audit::run(&command, config)?,
        Verb::Repo(command) => repo(&command, config)?,
        Verb::Settings(command) => settings(&command, config)?,
        Verb::Health => health(config)?,
        Verb::Quit => ExitCode::SUCCESS,
    };
    // What each of them says of a failure it says as an error.
    let _ = code;
    Ok(Next::Line)
}

/// The words of a line: blanks part them, unless they stand between quotes; a backslash takes the next character as it is.
fn words(line: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(Error::wrong_usage("a quote is not closed"));
    }
    words.extend(word);
    Ok(words)
}

fn repo(command: &Repo, config: &Config) -> Result<ExitCode> {
    match command {
        Repo::List => {
            for repo in user::all(config, "/api/v1/repos")? {
                let text = |key: &str| repo[key].as_str().unwrap_or("").to_owned();
                let error = repo["sync_error"].as_str().map_or_else(String::new, |error| format!("cannot be fetched: {}", quiet(error)));
                say(&format!("{:<40} {:<7} {error}\n", format!("{}/{}", text("owner"), text("name")), text("source")));
            }
        }
        Repo::Sync { repo } => {
            admin::ask(config, "POST", &format!("/api/v1/repos/{repo}/sync"), None)?;
            say(&format!("{repo} is fetched\n"));
        }
        Repo::Delete { repo, confirm } => {
            admin::ask(config, "DELETE", &format!("/api/v1/repos/{repo}"), Some(&json!({ "confirm": confirm })))?;
            say(&format!("{repo} is deleted\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(command: &Settings, config: &Config) -> Result<ExitCode> {
    let shown = match command {
        Settings::Show => admin::ask(config, "GET", "/api/v1/admin/settings", None)?,
        Settings::Set { name, value } => {
            let value: Value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
            admin::ask(config, "PATCH", "/api/v1/admin/settings", Some(&json!({ name: value })))?
        }
    };
    for (name, setting) in shown.as_object().into_iter().flatten().filter(|(_, setting)| setting.is_object()) {
        let by = match (&setting["decided_by"], setting["is_set"].as_bool()) {
            (Value::String(place), _) => format!("set by {place}"),
            (_, Some(true)) => "set here".to_owned(),
            _ => "default".to_owned(),
        };
        say(&format!("{name:<20} {:<20} {by}\n", setting["value"].to_string()));
    }
    Ok(ExitCode::SUCCESS)
}

fn health(config: &Config) -> Result<ExitCode> {
    let health = admin::ask(config, "GET", "/api/v1/admin/health", None)?;
    for check in health["checks"].as_array().into_iter().flatten() {
        let text = |key: &str| quiet(check[key].as_str().unwrap_or(""));
        say(&format!("{:<8} {:<7} {}\n", text("name"), text("grade"), text("says")));
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_falls_into_words_as_in_a_shell() {
        let of = |line: &str| words(line).unwrap();
        assert_eq!(of("user  list\t--json"), ["user", "list", "--json"]);
        assert_eq!(
            of(r#"token create --name "my 'laptop'" --scope repo:read"#),
            ["token", "create", "--name", "my 'laptop'", "--scope", "repo:read"]
        );
        assert_eq!(of(r#"a '' "b\"c" d\ e 'f\g'"#), ["a", "", "b\"c", "d e", "f\\g"]);
        assert!(words("a 'b").is_err());
    }

    #[test]
    fn every_command_that_the_door_has_is_a_line() {
        use clap::CommandFactory;
        Line::command().debug_assert();
        for line in
            ["users list", "token list", "work list --state ready", "repos list", "settings set audit_kept_days 365", "health", "quit"]
        {
            Line::try_parse_from(words(line).unwrap()).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn a_line_without_end_is_refused_and_what_follows_is_read() {
        let mut input = std::io::Cursor::new([vec![b'x'; LINE_BYTES as usize], b"\nuser list\n".to_vec()].concat());
        assert!(next_line(&mut input).is_err());
    }
}
