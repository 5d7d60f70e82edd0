//! `plumbline user`: accounts, from the host.

use std::io::{BufRead, Read};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Error, Result, admin, say};
use crate::app::config::Config;
use crate::domain::accounts;

/// The longest line that is read for a password.
const LINE_BYTES: u64 = 4 << 10;

/// What `plumbline user` is asked.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Gives somebody an account
    Create {
        /// What they sign in as
        #[arg(long, value_parser = accounts::parse_login)]
        login: String,
        /// Lets them administer the instance
        #[arg(long)]
        admin: bool,
        /// Reads their first password from the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Lists everybody who has an account
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Makes a sign-in link that works once, for 30 minutes
    Link {
        /// Whom it signs in
        #[arg(value_parser = accounts::parse_login)]
        login: String,
    },
    /// Makes a link by which somebody sets a new password, once, within 30 minutes
    ResetPassword {
        /// Who
        #[arg(value_parser = accounts::parse_login)]
        login: String,
    },
    /// Takes somebody's access away: their sessions, tokens and links end at once
    Disable {
        /// Who
        #[arg(value_parser = accounts::parse_login)]
        login: String,
    },
    /// Lets somebody in again who was disabled
    Enable {
        /// Who
        #[arg(value_parser = accounts::parse_login)]
        login: String,
    },
}

/// Carries out one of them.
pub fn run(command: &Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::Create { login, admin, password_stdin } => {
            let role = if *admin { "admin" } else { "member" };
            let mut body = json!({"login": login, "role": role});
            if *password_stdin {
                body["password"] = password()?.into();
            }
            let user = admin::ask(config, "POST", "/api/v1/admin/users", Some(&body))?;
            let login = user["login"].as_str().unwrap_or(login);
            let how = format!("; `plumbline user link {login}` makes a link that signs them in");
            say(&format!("{login} has an account{}\n", if *password_stdin { " and can sign in" } else { &how }));
        }
        Command::List { json } => {
            let users = all(config, "/api/v1/admin/users")?;
            if *json {
                say(&format!("{:#}\n", Value::Array(users)));
                return Ok(ExitCode::SUCCESS);
            }
            for user in users {
                let text = |key: &str| user[key].as_str().unwrap_or("").to_owned();
                let seen = user["last_seen_at"].as_str().map_or_else(|| "never signed in".to_owned(), |at| format!("last seen {at}"));
                let disabled = if user["disabled"] == true { ", disabled" } else { "" };
                say(&format!("{:<24} {:<8} {seen}{disabled}\n", text("login"), text("role")));
            }
        }
        Command::Link { login } => {
            let link = admin::ask(config, "POST", "/api/v1/admin/links", Some(&json!({"login": login})))?;
            say(&format!("{}\n", link["url"].as_str().unwrap_or("")));
        }
        Command::ResetPassword { login } => {
            let path = format!("/api/v1/admin/users/{}/reset-password", id_of(config, login)?);
            let link = admin::ask(config, "POST", &path, None)?;
            say(&format!("{}\n", link["url"].as_str().unwrap_or("")));
        }
        Command::Disable { login } => set_disabled(config, login, true)?,
        Command::Enable { login } => set_disabled(config, login, false)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn set_disabled(config: &Config, login: &str, disabled: bool) -> Result<()> {
    let path = format!("/api/v1/admin/users/{}", id_of(config, login)?);
    let user = admin::ask(config, "PATCH", &path, Some(&json!({"disabled": disabled})))?;
    let login = user["login"].as_str().unwrap_or(login);
    say(&if disabled {
        format!("{login} is disabled: their sessions, tokens and links have ended\n")
    } else {
        format!("{login} may come in again; `plumbline user link {login}` makes a link that signs them in\n")
    });
    Ok(())
}

/// The id of whoever signs in by this, in any case.
fn id_of(config: &Config, login: &str) -> Result<String> {
    let users = all(config, "/api/v1/admin/users")?;
    let found = users.iter().find(|user| user["login"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(login)));
    let id = found.and_then(|user| user["id"].as_str());
    id.map(str::to_owned).ok_or_else(|| Error::new(format!("no user `{login}` is known; `plumbline user list` names those who are")))
}

/// The first line of the standard input: no password stands in a list of processes or in a shell's history.
fn password() -> Result<String> {
    let mut line = String::new();
    let read = std::io::stdin().lock().take(LINE_BYTES).read_line(&mut line);
    read.map_err(|error| Error::because("cannot read the password from the standard input", error))?;
    let password = line.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(Error::wrong_usage("the standard input has no password; give it as its first line"));
    }
    Ok(password.to_owned())
}

/// Every item of a list, page after page.
pub(super) fn all(config: &Config, path: &str) -> Result<Vec<Value>> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    loop {
        let joint = if path.contains('?') { '&' } else { '?' };
        let page = admin::ask(config, "GET", &format!("{path}{joint}limit=200&cursor={cursor}"), None)?;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(items),
        }
    }
}
