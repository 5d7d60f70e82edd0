//! The page of whoever is signed in: who they are, by what they sign in, where they are signed in, and their tokens.

use askama::Template;

use super::escape::Markup;
use super::frame::Frame;
use super::{href, words};
use crate::base::id::SessionId;
use crate::base::time::Timestamp;
use crate::domain::accounts::{LEAST_CHARS, TokenKind};
use crate::http::accounts::TokenView;
use crate::http::code::Code;

/// One's own account.
#[derive(Debug, Template)]
#[template(path = "account.html", config = ".askama.toml")]
pub struct AccountPage {
    /// The request; its viewer is who the page is about.
    pub frame: Frame,
    /// Whether they have a password.
    pub has_password: bool,
    /// How many recovery codes are left, if codes are asked for beside it.
    pub recovery_codes_left: Option<usize>,
    /// Their account on GitHub.
    pub github: GithubPart,
    /// Where they are signed in, latest first.
    pub sessions: Vec<SessionRow>,
    /// Their tokens, latest first.
    pub tokens: Vec<TokenView>,
    /// What came of the form that was sent.
    pub outcome: Outcome,
}

/// How somebody's account stands with GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubPart {
    /// Nobody signs in through GitHub here.
    Closed,
    /// It is not linked.
    Open,
    /// It is linked.
    Linked {
        /// What it is called there.
        login: String,
        /// Whether it can be taken away again: not where the account came by it, nor where there is no other way in.
        is_free: bool,
    },
}

/// What came of a form.
#[derive(Debug, Clone, Default)]
pub enum Outcome {
    /// None was sent.
    #[default]
    None,
    /// It was refused: which part of the page it is on, and why.
    Refused(Part, Code, String),
    /// The password is set.
    PasswordSet,
    /// A set-up of codes was begun: the picture and the secret, shown this once.
    TotpBegun {
        /// The picture.
        picture: Markup,
        /// What it holds, to be typed.
        secret: String,
        /// Why the code that was entered is not the one.
        fault: Option<String>,
    },
    /// It is confirmed: the recovery codes, shown this once.
    TotpConfirmed(Vec<String>),
    /// A token has a new text, shown this once.
    Token {
        /// What it is called.
        name: String,
        /// The text.
        text: String,
    },
}

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The password.
    Password,
    /// The codes.
    Totp,
    /// The tokens.
    Tokens,
    /// The account on GitHub.
    Github,
}

impl AccountPage {
    /// Why what was sent from a part was refused.
    fn refused(&self, part: Part) -> Option<&str> {
        match &self.outcome {
            Outcome::Refused(of, _, why) if *of == part => Some(why),
            _ => None,
        }
    }

    /// One's own tokens are of one kind.
    fn kinds(&self) -> &'static [TokenKind] {
        &[]
    }
}

/// A browser that is signed in.
#[derive(Debug, Clone)]
pub struct SessionRow {
    /// Its id.
    pub id: SessionId,
    /// Whether it is the one that asks.
    pub is_current: bool,
    /// What the browser is.
    pub device: String,
    /// Where it came from.
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last seen.
    pub last_seen_at: Option<Timestamp>,
}
