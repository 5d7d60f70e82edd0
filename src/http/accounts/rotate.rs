//! Another secret for a token that stays what it is, over REST.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{CreatedTokenView, TokenView, token_view};
use crate::app::App;
use crate::base::id::TokenId;
use crate::base::name::RepoSlug;
use crate::domain::accounts::{self, Caller, OVERLAP_HOURS, Plain, Token};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Params, Permit};
use crate::http::faults::Faults;

/// How long the old secret counts beside the new one unless said.
pub const OVERLAP: u64 = 24;

/// How a token is to be given another secret.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateBody {
    /// For how many hours the old text counts beside the new one: 24 unless said, at most 168; 0 ends it at once.
    pub overlap_hours: Option<u64>,
}

/// Whose token it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Whoever asks.
    Own,
    /// Anybody.
    Any,
}

/// Gives a token another secret; answers its text.
pub async fn rotate(app: &App, permit: Permit, id: TokenId, of: Of, hours: u64) -> Result<CreatedTokenView, ApiError> {
    // What the text begins with is the token's kind, which does not change.
    let asks = permit.clone();
    let kind = app.read(move |tx, _| -> Result<_, ApiError> { Ok(find(tx, &asks, id, of)?.kind) }).await?;
    let plain = Plain::token(kind);
    let secret = plain.hashed();
    // What is more than the most is refused where that is known.
    let overlap = Duration::from_secs(hours.min(OVERLAP_HOURS + 1) * 3_600);
    let view = app
        .write(&permit.actor(), move |tx, now| -> Result<TokenView, ApiError> {
            let token = find(tx, &permit, id, of)?;
            within(&permit, &token)?;
            let token = accounts::rotate_token(tx, id, secret, overlap, now)?;
            token_view(tx, token)
        })
        .await?;
    Ok(CreatedTokenView { token: plain.expose().to_owned(), view })
}

fn find(tx: &ReadTx, permit: &Permit, id: TokenId, of: Of) -> Result<Token, ApiError> {
    permit.instance(tx)?;
    Ok(match of {
        Of::Own => accounts::get_own_token(tx, permit.caller.user().map(|user| user.id), id)?,
        Of::Any => {
            let token = accounts::get_token(tx, id)?;
            // Whoever holds the new text acts as its person: nobody is handed that of another.
            if token.user.is_some() && token.user != permit.caller.user().map(|user| user.id) {
                return Err(ApiError::new(Code::Forbidden, "a personal token is given another secret by its person; you may revoke it"));
            }
            token
        }
    })
}

/// Refuses a token to have one that may do more than itself.
fn within(permit: &Permit, wanted: &Token) -> Result<(), ApiError> {
    let Caller::Token { token, .. } = &permit.caller else { return Ok(()) };
    if token.id == wanted.id {
        // Of a token that was rotated, whoever has the text of before is not to have the next one as well.
        return match token.secret == wanted.secret {
            true => Ok(()),
            false => Err(ApiError::new(Code::Forbidden, "this is the token's text of before; rotate it with the present one")),
        };
    }
    let mut beyond = Faults::default();
    token.exceeded_by(&wanted.as_new()).into_iter().for_each(|(field, why)| beyond.note(ApiError::field(Code::Forbidden, field, why)));
    beyond.none_or_error()
}

/// `POST /api/v1/me/tokens/{id}/rotate`.
pub async fn own(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<RotateBody>,
) -> Result<Json<CreatedTokenView>, ApiError> {
    Ok(Json(rotate(&app, permit, params.get("id")?, Of::Own, body.overlap_hours.unwrap_or(OVERLAP)).await?))
}

/// `POST /api/v1/admin/tokens/{id}/rotate`.
pub async fn any(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<RotateBody>,
) -> Result<Json<CreatedTokenView>, ApiError> {
    Ok(Json(rotate(&app, permit, params.get("id")?, Of::Any, body.overlap_hours.unwrap_or(OVERLAP)).await?))
}

/// Gives a repository another upload token; answers its text.
pub async fn renew(app: &App, permit: Permit, slug: RepoSlug) -> Result<CreatedTokenView, ApiError> {
    let plain = Plain::token(accounts::TokenKind::Upload);
    let secret = plain.hashed();
    let view = app
        .write(&permit.actor(), move |tx, now| -> Result<TokenView, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let token = accounts::renew_upload_token(tx, repo.id, secret, now)?;
            // Should this be refused, nothing of it is written.
            within(&permit, &token)?;
            token_view(tx, token)
        })
        .await?;
    Ok(CreatedTokenView { token: plain.expose().to_owned(), view })
}

/// `POST /api/v1/repos/{owner}/{name}/upload-token`.
pub async fn renew_upload_token(
    State(app): State<App>,
    permit: Permit,
    params: Params,
) -> Result<(StatusCode, Json<CreatedTokenView>), ApiError> {
    Ok((StatusCode::CREATED, Json(renew(&app, permit, params.slug()?).await?)))
}
