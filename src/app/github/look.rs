//! What of GitHub works, and what mends what does not.

use serde::Deserialize;

use crate::app::App;
use crate::app::health::Grade;
use crate::base::text::count;
use crate::domain::github::client::{As, Lane};
use crate::domain::github::deliveries;
use crate::domain::github::setup::{EVENTS, PERMISSIONS};
use crate::domain::github::sync::{self, Installation};
use crate::domain::github::{self, Client, Identity};

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub grade: Grade,
    /// In a sentence.
    pub says: String,
    /// What mends it.
    pub advice: Option<String>,
}

impl Looked {
    fn good(name: &'static str, says: impl Into<String>) -> Looked {
        Looked { name, grade: Grade::Good, says: says.into(), advice: None }
    }

    fn other(name: &'static str, grade: Grade, says: impl Into<String>, advice: impl Into<String>) -> Looked {
        Looked { name, grade, says: says.into(), advice: Some(advice.into()) }
    }
}

/// All that is known.
#[derive(Debug, Clone)]
pub struct Look {
    /// Who we are, if we are anybody.
    pub identity: Option<Identity>,
    /// The App's page on GitHub.
    pub page: Option<String>,
    /// Who lets it in.
    pub installations: Vec<Installation>,
    /// What was looked at.
    pub checks: Vec<Looked>,
}

/// The App as GitHub describes it.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    permissions: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    events: Vec<String>,
}

/// Looks. It asks GitHub, and blocks.
pub fn look(app: &App) -> github::Result<Look> {
    let mut look = Look { identity: None, page: None, installations: Vec::new(), checks: vec![public_url(app)] };
    let client = match app.github() {
        Ok(client) => client,
        Err(github::Error::NotSetUp) => return Ok(look),
        Err(error) => return Err(error),
    };
    look.identity = Some(client.identity().clone());
    look.checks.push(webhook(app));
    let described: Described = match client.get(As::App, Lane::Syncs, "/app") {
        Ok(described) => described,
        Err(error) => {
            let advice = "look at the key, at the App's number and, if both are right, at the clock of this machine";
            look.checks.push(Looked::other("key", Grade::Bad, error.to_string(), advice));
            return Ok(look);
        }
    };
    look.checks.push(Looked::good("key", "GitHub takes what is signed with it"));
    look.checks.push(permissions(&described));
    look.checks.push(events(&described));
    look.checks.push(installations(&client, &mut look.installations));
    look.checks.extend(missed(app)?);
    look.page = Some(described.html_url).filter(|page| page.starts_with(&client.identity().url));
    Ok(look)
}

fn public_url(app: &App) -> Looked {
    let url = app.public_url();
    if url.starts_with("https://") {
        return Looked::good("public address", format!("people and GitHub reach the appliance at `{url}`"));
    }
    let advice = "say with `public_url` how it is reached from outside; GitHub delivers to what it can reach";
    Looked::other("public address", Grade::Weaker, format!("`{url}` is not encrypted, and perhaps not reachable"), advice)
}

fn webhook(app: &App) -> Looked {
    let name = "webhook secret";
    match app.read_now(|tx, _| github::webhook_secrets(tx, &app.vault, &app.config.github)) {
        Ok(secrets) if secrets.is_empty() => {
            Looked::other(name, Grade::Bad, "there is none, so that no delivery is taken", "set `github.webhook_secret_file`")
        }
        Ok(secrets) => Looked::good(name, format!("deliveries are held against {}", count(secrets.len() as u64, "secret"))),
        Err(error) => Looked::other(name, Grade::Bad, error.to_string(), "make it readable, or set the App up anew"),
    }
}

fn permissions(described: &Described) -> Looked {
    let rank = |level: &str| ["read", "write", "admin"].iter().position(|known| *known == level).map_or(0, |at| at + 1);
    let lacks = |(name, level): &&(&str, &str)| described.permissions.get(*name).map_or(0, |has| rank(has)) < rank(level);
    let missing: Vec<String> = PERMISSIONS.iter().filter(lacks).map(|(name, level)| format!("`{name}: {level}`")).collect();
    if missing.is_empty() {
        return Looked::good("permissions", "the App has all that are used");
    }
    let advice = "grant them in the App's settings on GitHub, and have each installation accept them";
    Looked::other("permissions", Grade::Weaker, format!("the App lacks {}", missing.join(", ")), advice)
}

fn events(described: &Described) -> Looked {
    let missing: Vec<String> =
        EVENTS.iter().filter(|event| !described.events.iter().any(|has| has == *event)).map(|event| format!("`{event}`")).collect();
    if missing.is_empty() {
        return Looked::good("events", "GitHub delivers all that are used");
    }
    let says = format!("GitHub does not deliver {}", missing.join(", "));
    Looked::other("events", Grade::Weaker, says, "choose them in the App's settings on GitHub")
}

/// How it went when GitHub was last asked for what it could not deliver.
fn missed(app: &App) -> github::Result<Option<Looked>> {
    let name = "missed deliveries";
    let Some(last) = app.read_now(|tx, _| deliveries::last(tx))? else { return Ok(None) };
    let at = last.asked_at;
    Ok(Some(match last.error {
        Some(error) => {
            Looked::other(name, Grade::Weaker, format!("asked for at {at} in vain: {error}"), "it is asked again every two minutes")
        }
        None if last.missed == 0 => Looked::good(name, format!("asked for at {at}: there were none")),
        None => Looked::good(name, format!("asked for at {at}: {} had not arrived, {} were sent again", last.missed, last.again)),
    }))
}

fn installations(client: &Client<'_>, found: &mut Vec<Installation>) -> Looked {
    let name = "installations";
    match sync::installations(client) {
        Ok(all) => *found = all,
        Err(error) => return Looked::other(name, Grade::Bad, error.to_string(), "look again in a while"),
    }
    let suspended = found.iter().filter(|one| one.suspended_at.is_some()).count();
    match (found.len(), suspended) {
        (0, _) => Looked::other(name, Grade::Weaker, "nobody lets the App in yet", "install it where the repositories are"),
        (all, 0) => Looked::good(name, format!("the App is let in by {}", count(all as u64, "account"))),
        (all, _) => {
            let says = format!("of {}, {suspended} suspended", count(all as u64, "installation"));
            Looked::other(name, Grade::Weaker, says, "whoever suspended them can take that back on GitHub")
        }
    }
}
