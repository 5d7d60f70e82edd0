//! Signing in: the page with its form, the one-time link, and what is said when a link cannot be used.
//!
//! A link is opened by mail scanners and previews as well as by people; so the page spends nothing, and the button does.

use askama::Template;

use super::frame::Frame;
use super::{href, words};
use crate::base::time::Timestamp;
use crate::domain::accounts::{LEAST_CHARS, LinkFault};

/// How to sign in.
#[derive(Debug, Template)]
#[template(path = "signin.html", config = ".askama.toml")]
pub struct SignInPage {
    /// The request.
    pub frame: Frame,
    /// Why somebody is here.
    pub reason: Reason,
    /// Whether anybody has a password: else a link is the way in.
    pub has_passwords: bool,
    /// Whether GitHub is a way in.
    pub by_github: bool,
    /// The login that was entered.
    pub login: String,
    /// Why it was refused.
    pub fault: Option<String>,
}

/// Why somebody is at the sign-in page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// They came by themselves.
    Asked,
    /// The page they wanted needs an account.
    Needed,
    /// Their session has ended.
    Ended,
    /// They signed out.
    SignedOut,
    /// They set a new password.
    PasswordSet,
    /// The server is reached over plain http from elsewhere, where a session's cookie could be read by others.
    PlainHttp,
}

/// A one-time link, before its button is pressed.
#[derive(Debug, Template)]
#[template(path = "link.html", config = ".askama.toml")]
pub struct LinkPage {
    /// The request.
    pub frame: Frame,
    /// What the link does.
    pub leads: Leads,
    /// Until when the link can be used.
    pub expires_at: Timestamp,
    /// The login that was entered.
    pub login: String,
    /// The field that was refused, and why.
    pub fault: Option<(String, String)>,
}

/// What a one-time link does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// Signs somebody in.
    In {
        /// Whom.
        login: String,
        /// Whether they administer the instance.
        is_admin: bool,
    },
    /// Has somebody set a password.
    Password {
        /// Whose.
        login: String,
    },
    /// Gives somebody an account.
    Account {
        /// Whether they will administer the instance.
        is_admin: bool,
    },
}

/// A one-time link that cannot be used.
#[derive(Debug, Template)]
#[template(path = "link_fault.html", config = ".askama.toml")]
pub struct LinkFaultPage {
    /// The request.
    pub frame: Frame,
    /// Why.
    pub fault: LinkFault,
}

impl SignInPage {
    fn headline(&self) -> &'static str {
        match self.reason {
            Reason::Asked => "Sign in",
            Reason::Needed => "Sign in to see this page",
            Reason::Ended => "Your session has ended",
            Reason::SignedOut => "You are signed out",
            Reason::PasswordSet => "Your password is set",
            Reason::PlainHttp => "Signing in does not work over plain http",
        }
    }
}

impl LinkPage {
    fn headline(&self) -> String {
        match &self.leads {
            Leads::In { login, .. } => format!("Sign in as {login}"),
            Leads::Password { login } => format!("Set a password for {login}"),
            Leads::Account { .. } => "You are invited".to_owned(),
        }
    }

    /// Why a field was refused.
    fn refused(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|(refused, _)| refused == field).map(|(_, why)| why.as_str())
    }
}

impl LinkFaultPage {
    fn headline(&self) -> &'static str {
        match self.fault {
            LinkFault::Spent => "This link was used already",
            LinkFault::Expired => "This link has expired",
            LinkFault::Revoked => "This link was called back",
            LinkFault::Unknown => "This link is not known here",
        }
    }

    fn why(&self) -> &'static str {
        match self.fault {
            LinkFault::Spent => "A link works once. If it was not you who used it, ask an administrator to end your sessions.",
            LinkFault::Expired => "A link to sign in or to set a password works for thirty minutes, an invitation for seven days.",
            LinkFault::Revoked => "A newer link took its place, or an administrator withdrew it.",
            LinkFault::Unknown => "It may have been cut short when it was copied, or it is too old to be remembered.",
        }
    }
}
