//! Signing in: the page that says how, the one-time link with its one button, and what is said when a link cannot be used.
//!
//! A link is opened by mail scanners and previews as well as by people; so the page spends nothing, and the button does.

use askama::Template;

use super::frame::Frame;
use super::words;
use crate::base::time::Timestamp;
use crate::domain::accounts::LinkFault;

/// How to sign in.
#[derive(Debug, Template)]
#[template(path = "signin.html", config = ".askama.toml")]
pub struct SignInPage {
    /// The request.
    pub frame: Frame,
    /// Why somebody is here.
    pub reason: Reason,
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
    /// The server is reached over plain http from elsewhere, where a session's cookie could be read by others.
    PlainHttp,
}

/// A one-time link, before its button is pressed.
#[derive(Debug, Template)]
#[template(path = "link.html", config = ".askama.toml")]
pub struct LinkPage {
    /// The request.
    pub frame: Frame,
    /// Who will be signed in.
    pub login: String,
    /// Whether they administer the instance.
    pub is_admin: bool,
    /// Until when the link can be used.
    pub expires_at: Timestamp,
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
            Reason::PlainHttp => "Signing in does not work over plain http",
        }
    }
}

impl LinkFaultPage {
    fn headline(&self) -> &'static str {
        match self.fault {
            LinkFault::Spent => "This link was used already",
            LinkFault::Expired => "This link has expired",
            LinkFault::Unknown => "This link is not known here",
        }
    }

    fn why(&self) -> &'static str {
        match self.fault {
            LinkFault::Spent => "A sign-in link works once. If it was not you who used it, ask an administrator to end your sessions.",
            LinkFault::Expired => "A sign-in link works for thirty minutes.",
            LinkFault::Unknown => "It may have been cut short when it was copied, or it is too old to be remembered.",
        }
    }
}
