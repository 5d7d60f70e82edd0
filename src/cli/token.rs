//! `plumbline token`: tokens for programs, from the host.

use std::process::ExitCode;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use serde_json::{Value, json};

use super::user::all;
use super::{Error, Result, admin, say};
use crate::app::config::Config;
use crate::base::name::RepoSlug;
use crate::base::time::{Clock, Timestamp};
use crate::domain::accounts::{self, Scope};

/// What `plumbline token` is asked.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Makes a token and prints its text, which is shown this once
    Create {
        /// Its kind
        #[arg(long, value_parser = ["personal", "service", "upload", "webhook-key", "worker"])]
        kind: String,
        /// What people call it
        #[arg(long, value_parser = accounts::parse_token_name)]
        name: String,
        /// What it may be used for; may be repeated or hold a comma list
        #[arg(long = "scope", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(Scope::ALL.iter().map(|scope| scope.as_str())))]
        scopes: Vec<String>,
        /// A repository it is for, as OWNER/NAME; may be repeated; all unless said
        #[arg(long = "repo", value_name = "O/N")]
        repos: Vec<RepoSlug>,
        /// The user a personal token acts as
        #[arg(long, value_parser = accounts::parse_login)]
        user: Option<String>,
        /// When it ends, such as 30d or 12h; never unless said
        #[arg(long, value_name = "SPAN", value_parser = span)]
        expires: Option<Duration>,
    },
    /// Lists every token
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Ends a token at once
    Revoke {
        /// Its id or name
        #[arg(value_parser = NonEmptyStringValueParser::new())]
        token: String,
    },
}

/// Carries out one of them.
pub fn run(command: Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::Create { kind, name, scopes, repos, user, expires } => {
            let expires_at = expires.map(|span| (Clock::System.now() + span).to_string());
            let repos = if repos.is_empty() { Value::Null } else { json!(repos) };
            let body = json!({
                "kind": kind.replace('-', "_"), "name": name, "scopes": scopes, "repos": repos, "user": user, "expires_at": expires_at,
            });
            let token = admin::ask(config, "POST", "/api/v1/admin/tokens", Some(&body))?;
            say(&format!("{}\n", token["token"].as_str().unwrap_or("")));
        }
        Command::List { json } => {
            let tokens = all(config, "/api/v1/admin/tokens")?;
            if json {
                say(&format!("{:#}\n", Value::Array(tokens)));
                return Ok(ExitCode::SUCCESS);
            }
            let now = Clock::System.now();
            for token in tokens {
                let text = |key: &str| token[key].as_str().unwrap_or("").to_owned();
                let is_over = |end: &str| end.parse::<Timestamp>().is_ok_and(|end| end <= now);
                let state = match (token["revoked_at"].is_null(), token["expires_at"].as_str()) {
                    (false, _) => "revoked",
                    (true, Some(end)) if is_over(end) => "expired",
                    (true, _) => "good",
                };
                say(&format!("{} {:<11} {:<8} {}\n", text("id"), text("kind"), state, text("name")));
            }
        }
        Command::Revoke { token } => {
            let known = all(config, "/api/v1/admin/tokens")?;
            let id_of = |one: &Value| one["id"].as_str().unwrap_or("").to_owned();
            // An id means one token, whatever others are named.
            let meant: Vec<String> = match known.iter().find(|one| one["id"] == token) {
                Some(one) => vec![id_of(one)],
                None => known.iter().filter(|one| one["name"] == token && one["revoked_at"].is_null()).map(id_of).collect(),
            };
            let id = match meant.as_slice() {
                [one] => one,
                [] => return Err(Error::new(format!("no token `{token}` is known; `plumbline token list` names those that are"))),
                several => {
                    return Err(Error::new(format!("several tokens are named `{token}`; give the id of one: {}", several.join(", "))));
                }
            };
            admin::ask(config, "DELETE", &format!("/api/v1/admin/tokens/{id}"), None)?;
            say(&format!("{token} is revoked\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A span of time such as `12h` or `30d`, at most ten years.
fn span(text: &str) -> std::result::Result<Duration, String> {
    let wrong = || "not a span such as 12h or 30d, of at most ten years".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let hours = match unit {
        "h" => Some(number),
        "d" => number.checked_mul(24),
        _ => None,
    };
    hours.filter(|hours| (1..=87_600).contains(hours)).map(|hours| Duration::from_secs(hours * 3_600)).ok_or_else(wrong)
}
