//! Tokens over REST: what they look like, which there are, and the making and ending of them.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use super::names_of;
use crate::app::App;
use crate::base::id::{RepoId, TokenId, UserId};
use crate::base::name::RepoSlug;
use crate::base::page::{ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, Caller, Maker, NewToken, Plain, Scope, Token, TokenKind};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Params, Permit, Query};
use crate::http::faults::Faults;
use crate::http::page::List;
use crate::http::parts::{self, Parts};

/// A token, without its text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TokenView {
    /// Its id.
    pub id: TokenId,
    /// Its kind.
    pub kind: TokenKind,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// The repositories it is for; left out for all that its owner may see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repos: Option<Vec<String>>,
    /// Whom a personal one acts as.
    pub user: Option<String>,
    /// Who made it: a login, a token by its name, or null for the command line on the server itself.
    pub made_by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Until when the text that it had before counts as well.
    pub overlaps_until: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was ended by hand.
    pub revoked_at: Option<Timestamp>,
}

impl TokenView {
    /// Whether it still counts.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whether the text that it had before counts as well.
    pub fn overlaps(&self, now: Timestamp) -> Option<Timestamp> {
        self.overlaps_until.filter(|end| now < *end)
    }

    /// What it may do.
    pub fn scope_words(&self) -> String {
        self.scopes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// A token that was just made, with its text.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreatedTokenView {
    /// The text: shown this once.
    pub token: String,
    /// The token.
    #[serde(flatten)]
    pub view: TokenView,
}

/// What a new token is to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenBody {
    /// Its kind; `personal` unless said.
    pub kind: Option<TokenKind>,
    /// What people call it: 1 to 100 characters.
    #[serde(deserialize_with = "token_name")]
    pub name: String,
    /// What it may be used for.
    #[serde(deserialize_with = "parts::list")]
    pub scopes: Vec<Scope>,
    /// The repositories it is for, as `owner/name`; all unless said.
    #[serde(default, deserialize_with = "parts::list_or_null")]
    pub repos: Option<Vec<RepoSlug>>,
    /// The login of the person a personal token acts as; on the server itself alone, elsewhere it is whoever asks.
    pub user: Option<String>,
    /// When it ends; never unless said.
    pub expires_at: Option<Timestamp>,
}

fn token_name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    accounts::parse_token_name(&text).map_err(serde::de::Error::custom)
}

/// A token as it is shown.
pub fn token_view(tx: &ReadTx, token: Token) -> Result<TokenView, ApiError> {
    let names = names_of(tx, &token.repos)?;
    let login = |user: UserId| -> Result<String, ApiError> {
        match accounts::get_user(tx, user) {
            Ok(user) => Ok(user.login),
            Err(accounts::Error::UserNotFound { .. }) => Ok("somebody who is gone".to_owned()),
            Err(error) => Err(error.into()),
        }
    };
    let made_by = match token.made_by {
        Maker::Host => None,
        Maker::User(user) => Some(login(user)?),
        Maker::Token(by) => Some(match accounts::get_token(tx, by) {
            Ok(by) => format!("the token {}", by.name),
            Err(accounts::Error::TokenNotFound { .. }) => "a token that is gone".to_owned(),
            Err(error) => return Err(error.into()),
        }),
    };
    Ok(TokenView {
        id: token.id,
        kind: token.kind,
        name: token.name,
        scopes: token.scopes,
        repos: (!token.repos.is_empty()).then_some(names),
        user: token.user.map(login).transpose()?,
        made_by,
        created_at: token.created_at,
        expires_at: token.expires_at,
        overlaps_until: token.previous.map(|previous| previous.ends_at),
        last_used_at: token.last_used_at,
        revoked_at: token.revoked_at,
    })
}

fn token_views(tx: &ReadTx, page: Page<Token>) -> Result<Page<TokenView>, ApiError> {
    let items = page.items.into_iter().map(|token| token_view(tx, token)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// `GET /api/v1/me/tokens`.
pub async fn list_own_tokens(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<TokenView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let user = permit.caller.user().map(|user| user.id);
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            match user {
                Some(user) => {
                    let list = ListMark::of("tokens").by(user);
                    let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
                    Ok(token_views(tx, accounts::list_tokens_of(tx, user, cursor.as_ref(), limit)?)?.marked(list))
                }
                None => Ok(Page { items: Vec::new(), next: None }),
            }
        })
        .await?;
    List::of(page, format)
}

/// `GET /api/v1/admin/tokens`.
pub async fn list_tokens(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<TokenView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            let list = ListMark::of("tokens");
            let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
            Ok(token_views(tx, accounts::list_tokens(tx, cursor.as_ref(), limit)?)?.marked(list))
        })
        .await?;
    List::of(page, format)
}

/// The repositories that a new token is for. One that the caller may not see is said to be unknown, like one that is not there.
fn repos_of_token(tx: &ReadTx, permit: &Permit, named: &BTreeSet<RepoSlug>, faults: &mut Faults) -> Result<Vec<RepoId>, ApiError> {
    let mut ids = Vec::new();
    for slug in named {
        match permit.repo_of_own(tx, slug) {
            Ok(repo) => ids.push(repo.id),
            Err(error) if error.code == Code::RepoNotFound => {
                faults.note(ApiError::field(Code::InvalidBody, "repos", format!("no repository `{slug}` is known")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(ids)
}

/// Makes a token of this kind; its text is answered this once.
pub async fn make_token(
    app: App,
    permit: Permit,
    parts: Parts<NewTokenBody>,
    kind: TokenKind,
) -> Result<(StatusCode, Json<CreatedTokenView>), ApiError> {
    let is_of_another_kind = parts.field("kind").is_some_and(|asked: TokenKind| asked != kind);
    let plain = Plain::token(kind);
    let secret = plain.hashed();
    let actor = permit.actor();
    let view = app
        .write(&actor, move |tx, now| -> Result<TokenView, ApiError> {
            permit.instance(tx)?;
            let mut faults = Faults::default();
            let name = faults.take(parts.whole.clone()).map_or_else(String::new, |body| body.name);
            let named: BTreeSet<RepoSlug> = parts.each("repos").into_iter().collect();
            let repos = repos_of_token(tx, &permit, &named, &mut faults)?;
            if parts.field::<Vec<serde_json::Value>>("repos").is_some_and(|list| list.is_empty()) {
                faults.note(ApiError::field(Code::InvalidBody, "repos", "it names none; leave it out for all repositories"));
            }
            let is_short = repos.len() < named.len();
            let user = match (&permit.caller, parts.field::<String>("user")) {
                (Caller::Host, Some(login)) => Some(accounts::find_user(tx, &login)?.id),
                (_, Some(_)) => {
                    return Err(ApiError::field(Code::Forbidden, "user", "a token for another person is made on the server itself"));
                }
                (caller, None) => caller.user().map(|user| user.id),
            };
            let asked: Vec<Scope> = parts.each("scopes");
            let scopes = Scope::ALL.iter().filter(|scope| asked.contains(scope)).copied().collect();
            let new = NewToken { kind, name, scopes, user, repos, expires_at: parts.field("expires_at") };
            if is_of_another_kind {
                let why = "your own tokens are personal ones; an administrator makes the others";
                faults.note(ApiError::field(Code::InvalidBody, "kind", why));
            }
            let is_past = new.expires_at.filter(|end| *end <= now).map(|end| accounts::Error::EndIsPast { end });
            for error in new.faults().into_iter().chain(is_past) {
                // Whoever named one that is not known has named one.
                if !(is_short && matches!(error, accounts::Error::RepositoryMissing)) {
                    faults.note(error.into());
                }
            }
            faults.none_or_error()?;
            if let Caller::Token { token, .. } = &permit.caller {
                let mut beyond = Faults::default();
                token.exceeded_by(&new).into_iter().for_each(|(field, why)| beyond.note(ApiError::field(Code::Forbidden, field, why)));
                beyond.none_or_error()?;
            }
            let token = accounts::create_token(tx, new, secret, now)?;
            token_view(tx, token)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(CreatedTokenView { token: plain.expose().to_owned(), view })))
}

/// `POST /api/v1/me/tokens`.
pub async fn create_own_token(
    State(app): State<App>,
    permit: Permit,
    parts: Parts<NewTokenBody>,
) -> Result<(StatusCode, Json<CreatedTokenView>), ApiError> {
    make_token(app, permit, parts, TokenKind::Personal).await
}

/// `POST /api/v1/admin/tokens`.
pub async fn create_token(
    State(app): State<App>,
    permit: Permit,
    parts: Parts<NewTokenBody>,
) -> Result<(StatusCode, Json<CreatedTokenView>), ApiError> {
    let kind = parts.field("kind").unwrap_or(TokenKind::Service);
    make_token(app, permit, parts, kind).await
}

/// `DELETE /api/v1/me/tokens/{id}`.
pub async fn delete_own_token(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let id: TokenId = params.get("id")?;
    let user = permit.caller.user().map(|user| user.id);
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        accounts::revoke_own_token(tx, user, id, now)?;
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /api/v1/admin/tokens/{id}`.
pub async fn delete_token(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let id: TokenId = params.get("id")?;
    let actor = permit.actor();
    app.write(&actor, move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        accounts::revoke_token(tx, id, now)?;
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
