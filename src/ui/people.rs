//! The administrators' pages of people and tokens: plain tables, one action a row, what is dangerous apart and spelled out.

use askama::Template;

use super::frame::{AdminTab, Frame};
use super::{href, words};
use crate::base::id::UserId;
use crate::domain::accounts::{InstanceRole, Source, TokenKind};
use crate::http::accounts::people::InvitationView;
use crate::http::accounts::{TokenView, UserView};

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
    pub tokens: Vec<TokenView>,
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
