//! The administrators' pages of people and tokens: plain tables, one action a row, what is dangerous apart and spelled out.

use askama::Template;

use super::frame::{AdminTab, Frame};
use super::{href, words};
use crate::base::id::{TokenId, UserId};
use crate::base::time::Timestamp;
use crate::domain::accounts::{InstanceRole, Source, TokenKind};
use crate::http::accounts::UserView;
use crate::http::accounts::people::InvitationView;

/// Everybody who has an account, and who is asked to come.
#[derive(Debug, Template)]
#[template(path = "admin/users.html", config = ".askama.toml")]
pub struct UsersPage {
    /// The request.
    pub frame: Frame,
    /// What is looked for.
    pub q: String,
    /// Those who have it in their login or name.
    pub users: Vec<UserView>,
    /// Where more are.
    pub next: Option<String>,
    /// The latest invitations.
    pub invitations: Vec<InvitationView>,
    /// A link that was just made: what it is for, and where it leads.
    pub made: Option<(String, String)>,
    /// Why what was asked was refused.
    pub refused: Option<String>,
    /// Whoever looks.
    pub me: Option<UserId>,
    /// Whether people sign in through GitHub.
    pub by_github: bool,
}

impl UsersPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Users
    }

    /// How an invitation stands.
    fn state(&self, invitation: &InvitationView) -> &'static str {
        match (invitation.accepted_at, invitation.revoked_at) {
            (Some(_), _) => "accepted",
            (None, Some(_)) => "called back",
            (None, None) if invitation.expires_at <= self.frame.now => "expired",
            (None, None) => "open",
        }
    }

    fn is_me(&self, user: &UserView) -> bool {
        self.me == Some(user.id)
    }

    fn is_of_github(&self, user: &UserView) -> bool {
        user.sources.contains(&Source::Github)
    }

    fn is_admin(&self, user: &UserView) -> bool {
        user.role == InstanceRole::Admin
    }
}

/// Every token.
#[derive(Debug, Template)]
#[template(path = "admin/tokens.html", config = ".askama.toml")]
pub struct TokensPage {
    /// The request.
    pub frame: Frame,
    /// The tokens, oldest first.
    pub tokens: Vec<AnyTokenRow>,
    /// Where more are.
    pub next: Option<String>,
    /// A text that was just made: what it is, and the text.
    pub made: Option<(String, String)>,
    /// Why what was asked was refused.
    pub refused: Option<String>,
}

impl TokensPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Tokens
    }

    /// The kinds to choose from: personal ones are made by their person.
    fn kinds(&self) -> &'static [TokenKind] {
        &[TokenKind::Service, TokenKind::Upload, TokenKind::WebhookKey, TokenKind::Worker]
    }
}

/// A token of anybody or of the instance.
#[derive(Debug, Clone)]
pub struct AnyTokenRow {
    /// Its id.
    pub id: TokenId,
    /// Its kind.
    pub kind: TokenKind,
    /// What it is called.
    pub name: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// The repositories it is for; none for all.
    pub repos: Vec<String>,
    /// Until when; `None` is for good.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// Whether it still counts.
    pub is_good: bool,
}
