//! `plumbline work`: what waits, is being carried out or was given up, from the host.

use std::process::ExitCode;

use serde_json::Value;

use super::user::all;
use super::{Result, admin, say};
use crate::app::config::Config;
use crate::base::id::WorkId;
use crate::base::text::quiet;

/// What `plumbline work` is asked.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Lists work in a state
    List {
        /// How it stands
        #[arg(long, default_value = "dead", value_parser = ["ready", "leased", "dead"])]
        state: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Gives work that was given up another set of attempts
    Retry {
        /// Its id
        id: WorkId,
    },
    /// Takes work that nobody carries out from the queue
    Discard {
        /// Its id
        id: WorkId,
    },
}

/// Carries out one of them.
pub fn run(command: &Command, config: &Config) -> Result<ExitCode> {
    match command {
        Command::List { state, json } => {
            let work = all(config, &format!("/api/v1/admin/work?state={state}"))?;
            if *json {
                say(&format!("{:#}\n", Value::Array(work)));
                return Ok(ExitCode::SUCCESS);
            }
            for item in work {
                let text = |key: &str| item[key].as_str().unwrap_or("").to_owned();
                let about = format!("{} {}", text("work"), text("repo"));
                say(&format!("{} {:<8} {about:<40} {}\n", text("id"), text("lane"), quiet(&text("error"))));
            }
        }
        Command::Retry { id } => {
            admin::ask(config, "POST", &format!("/api/v1/admin/work/{id}/retry"), None)?;
            say(&format!("{id} is tried again\n"));
        }
        Command::Discard { id } => {
            admin::ask(config, "POST", &format!("/api/v1/admin/work/{id}/discard"), None)?;
            say(&format!("{id} is discarded\n"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
