//! `plumbline user`: accounts, from the host.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Result, admin, say};
use crate::app::config::Config;
use crate::domain::accounts;

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
}

/// Carries out one of them.
pub fn run(command: &Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::Create { login, admin } => {
            let role = if *admin { "admin" } else { "member" };
            let user = admin::ask(config, "POST", "/api/v1/admin/users", Some(&json!({"login": login, "role": role})))?;
            let login = user["login"].as_str().unwrap_or(login);
            say(&format!("{login} has an account; `plumbline user link {login}` makes a link that signs them in\n"));
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
                say(&format!("{:<24} {:<8} {seen}\n", text("login"), text("role")));
            }
        }
        Command::Link { login } => {
            let link = admin::ask(config, "POST", "/api/v1/admin/links", Some(&json!({"login": login})))?;
            say(&format!("{}\n", link["url"].as_str().unwrap_or("")));
        }
    }
    Ok(ExitCode::SUCCESS)
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
