//! Everybody who has an account, and who is asked to come: the administrators' side, over REST.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::signin::new_password;
use super::{LinkView, UserView};
use crate::app::App;
use crate::base::id::{LinkId, UserId};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, InstanceRole, Link, LinkPurpose, Plain, User, UserChange};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, JsonBody, Paging, Params, Permit, Query};
use crate::http::page::List;

/// What a new user is to be.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUserBody {
    /// What they sign in as.
    #[serde(deserialize_with = "login")]
    pub login: String,
    /// What they are on the instance; `member` unless said.
    pub role: Option<InstanceRole>,
    /// Their first password; without one they come by a link.
    pub password: Option<String>,
}

/// Prints no password.
impl std::fmt::Debug for NewUserBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewUserBody").field("login", &self.login).field("role", &self.role).finish_non_exhaustive()
    }
}

fn login<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    accounts::parse_login(&text).map_err(serde::de::Error::custom)
}

/// What is to be changed of a user; what is left out stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChangeBody {
    /// What they are on the instance.
    pub role: Option<InstanceRole>,
    /// Whether their access is taken away: every session, token and link of theirs ends at once and for good.
    pub disabled: Option<bool>,
}

/// Who is to come.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationBody {
    /// What they will be on the instance; `member` unless said.
    pub role: Option<InstanceRole>,
    /// Whom it is for, in your words; at most 100 characters.
    pub note: Option<String>,
}

/// An invitation, without its link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct InvitationView {
    /// Its id.
    pub id: LinkId,
    /// What they will be on the instance.
    pub role: InstanceRole,
    /// Whom it is for.
    pub note: String,
    /// The login of whoever made it; null for the host, and for somebody who is gone.
    pub made_by: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When somebody came by it.
    pub accepted_at: Option<Timestamp>,
    /// When it was called back.
    pub revoked_at: Option<Timestamp>,
}

/// An invitation that was just made, with its link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CreatedInvitationView {
    /// Where it leads: shown this once.
    pub url: String,
    /// The invitation.
    #[serde(flatten)]
    pub view: InvitationView,
}

/// Which users are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct UsersQuery {
    /// A part of the login or name.
    pub q: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

/// A page of everybody who has an account.
pub fn users(tx: &ReadTx, permit: &Permit, q: &str, cursor: Option<Cursor>, limit: Limit) -> Result<Page<UserView>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("users").by(q);
    let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
    Ok(accounts::list_users(tx, q, cursor.as_ref(), limit)?.marked(list).map(UserView::from))
}

/// `GET /api/v1/admin/users`.
pub async fn list(State(app): State<App>, permit: Permit, Query(query): Query<UsersQuery>) -> Result<List<UserView>, ApiError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor, format: query.format };
    let Asked { limit, cursor, format } = paging.read()?;
    let q = query.q.unwrap_or_default();
    let page = app.read(move |tx, _| users(tx, &permit, &q, cursor, limit)).await?;
    List::of(page, format)
}

/// `POST /api/v1/admin/users`.
pub async fn create(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<NewUserBody>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    // Before anything slow is done for them.
    let asks = permit.clone();
    app.read(move |tx, _| asks.instance(tx)).await?;
    if body.password.is_some() {
        permit.in_person()?;
    }
    let hash = match body.password {
        Some(text) => Some(app.hash_password(new_password(text, &body.login)?).await?),
        None => None,
    };
    let (login, role) = (body.login, body.role.unwrap_or(InstanceRole::Member));
    let user = app
        .write(&permit.actor(), move |tx, now| -> Result<User, ApiError> {
            permit.instance(tx)?;
            let user = accounts::create_user(tx, &login, role, now)?;
            if let Some(hash) = &hash {
                accounts::set_password(tx, user.id, hash, None, now)?;
            }
            Ok(user)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}

/// Changes what a person is.
pub async fn change(app: &App, permit: Permit, id: UserId, change: UserChange) -> Result<User, ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<User, ApiError> {
        permit.instance(tx)?;
        Ok(accounts::change_user(tx, id, change, now)?)
    })
    .await
}

/// `PATCH /api/v1/admin/users/{id}`.
pub async fn update(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<UserChangeBody>,
) -> Result<Json<UserView>, ApiError> {
    let wanted = UserChange { role: body.role, is_disabled: body.disabled };
    Ok(Json(change(&app, permit, params.get("id")?, wanted).await?.into()))
}

/// Takes a person's account away.
pub async fn remove(app: &App, permit: Permit, id: UserId) -> Result<(), ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(accounts::delete_user(tx, id, now)?)
    })
    .await
}

/// `DELETE /api/v1/admin/users/{id}`.
pub async fn delete(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    remove(&app, permit, params.get("id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends every session of a person.
pub async fn sign_out(app: &App, permit: Permit, id: UserId) -> Result<(), ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        accounts::get_user(tx, id)?;
        accounts::sign_out_all(tx, id, None, now)?;
        Ok(())
    })
    .await
}

/// `POST /api/v1/admin/users/{id}/revoke-sessions`.
pub async fn revoke_sessions(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    sign_out(&app, permit, params.get("id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a person's codes away.
pub async fn drop_codes(app: &App, permit: Permit, id: UserId) -> Result<(), ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        of_others(&permit, id)?;
        Ok(accounts::drop_factor(tx, id, now)?)
    })
    .await
}

/// `DELETE /api/v1/admin/users/{id}/totp`.
pub async fn delete_totp(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    drop_codes(&app, permit, params.get("id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whether somebody may change by what others sign in. One's own is changed on one's own page, where the password or a code is asked for: a
/// browser that an administrator left alone is not enough.
fn of_others(permit: &Permit, id: UserId) -> Result<(), ApiError> {
    permit.in_person()?;
    if permit.caller.user().is_some_and(|user| user.id == id) {
        return Err(ApiError::new(Code::Forbidden, "your own password and codes are changed on the page of your account"));
    }
    Ok(())
}

/// Makes a link by which a person sets a new password.
pub async fn reset(app: &App, permit: Permit, id: UserId) -> Result<LinkView, ApiError> {
    let plain = Plain::session();
    let secret = plain.hashed();
    let made_by = permit.caller.user().map(|user| user.id);
    let link = app
        .write(&permit.actor(), move |tx, now| -> Result<Link, ApiError> {
            permit.instance(tx)?;
            of_others(&permit, id)?;
            Ok(accounts::open_reset(tx, id, secret, made_by, now)?)
        })
        .await?;
    Ok(LinkView { url: url(app, &plain), expires_at: link.expires_at })
}

/// `POST /api/v1/admin/users/{id}/reset-password`.
pub async fn reset_password(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<LinkView>), ApiError> {
    Ok((StatusCode::CREATED, Json(reset(&app, permit, params.get("id")?).await?)))
}

/// Where a one-time link leads.
pub(super) fn url(app: &App, plain: &Plain) -> String {
    format!("{}/link/{}", app.public_url(), plain.expose())
}

fn invitation_view(tx: &ReadTx, link: Link) -> Result<InvitationView, ApiError> {
    let LinkPurpose::Invitation { role, note } = link.purpose else {
        return Err(ApiError::internal("a link that is no invitation stands among them"));
    };
    let made_by = match link.made_by {
        Some(user) => match accounts::get_user(tx, user) {
            Ok(user) => Some(user.login),
            Err(accounts::Error::UserNotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        },
        None => None,
    };
    let Link { id, created_at, expires_at, spent_at, revoked_at, .. } = link;
    Ok(InvitationView { id, role, note, made_by, created_at, expires_at, accepted_at: spent_at, revoked_at })
}

/// A page of the invitations that are remembered, latest first.
pub fn invitations(tx: &ReadTx, permit: &Permit, cursor: Option<Cursor>, limit: Limit) -> Result<Page<InvitationView>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("invitations");
    let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
    let page = accounts::list_invitations(tx, cursor.as_ref(), limit)?.marked(list);
    let items = page.items.into_iter().map(|link| invitation_view(tx, link)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next })
}

/// `GET /api/v1/admin/invitations`.
pub async fn list_invitations(
    State(app): State<App>,
    permit: Permit,
    Query(paging): Query<Paging>,
) -> Result<List<InvitationView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let page = app.read(move |tx, _| invitations(tx, &permit, cursor, limit)).await?;
    List::of(page, format)
}

/// Invites somebody.
pub async fn invite(app: &App, permit: Permit, body: InvitationBody) -> Result<CreatedInvitationView, ApiError> {
    let plain = Plain::session();
    let secret = plain.hashed();
    let (role, note) = (body.role.unwrap_or(InstanceRole::Member), body.note.unwrap_or_default());
    let made_by = permit.caller.user().map(|user| user.id);
    let view = app
        .write(&permit.actor(), move |tx, now| -> Result<InvitationView, ApiError> {
            permit.instance(tx)?;
            permit.in_person()?;
            let link = accounts::invite(tx, role, &note, secret, made_by, now)?;
            invitation_view(tx, link)
        })
        .await?;
    Ok(CreatedInvitationView { url: url(app, &plain), view })
}

/// `POST /api/v1/admin/invitations`.
pub async fn create_invitation(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<InvitationBody>,
) -> Result<(StatusCode, Json<CreatedInvitationView>), ApiError> {
    Ok((StatusCode::CREATED, Json(invite(&app, permit, body).await?)))
}

/// Calls an invitation back.
pub async fn call_back(app: &App, permit: Permit, id: LinkId) -> Result<(), ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        accounts::revoke_invitation(tx, id, now)?;
        Ok(())
    })
    .await
}

/// `DELETE /api/v1/admin/invitations/{id}`.
pub async fn delete_invitation(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    call_back(&app, permit, params.get("id")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
