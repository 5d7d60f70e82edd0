//! The page of whoever is signed in: who they are, where they are signed in, and their tokens.

use askama::Template;

use super::frame::Frame;
use super::{href, words};
use crate::base::id::{SessionId, TokenId};
use crate::base::time::Timestamp;

/// One's own account.
#[derive(Debug, Template)]
#[template(path = "account.html", config = ".askama.toml")]
pub struct AccountPage {
    /// The request; its viewer is who the page is about.
    pub frame: Frame,
    /// Where they are signed in, latest first.
    pub sessions: Vec<SessionRow>,
    /// Their tokens, latest first.
    pub tokens: Vec<TokenRow>,
}

impl AccountPage {
    /// What makes a token for whoever looks at the page.
    fn token_command(&self) -> String {
        let login = self.frame.viewer.as_ref().map_or("LOGIN", |viewer| viewer.login.as_str());
        format!("plumbline token create --kind personal --user {login} --name NAME --scope repo:read")
    }
}

/// A browser that is signed in.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub is_current: bool,
    /// What the browser called itself when it signed in.
    pub agent: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Option<Timestamp>,
}

/// An access token.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// Its id.
    pub id: TokenId,
    /// What it is called.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// Until when; `None` is for good.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
}

impl SessionRow {
    fn agent_name(&self) -> String {
        agent_name(self.agent.as_deref().unwrap_or_default())
    }
}

/// The browser and its system in two words, as far as it says them.
pub fn agent_name(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| known.iter().find(|(part, _)| agent.contains(part)).map(|(_, name)| *name);
    let browser = first(&[("Firefox/", "Firefox"), ("Edg/", "Edge"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl")]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "a browser".to_owned(),
    }
}
