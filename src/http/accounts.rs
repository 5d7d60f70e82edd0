//! Sessions over REST, and who one is.
//!
//! Signing in and passwords are in [`signin`], the codes beside them in [`factor`], whoever else has an account in [`people`], tokens in
//! [`tokens`], and another secret for one in [`rotate`].

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::auth::Transport;
use super::code::Code;
use super::error::ApiError;
use super::extract::{Asked, JsonBody, Paging, Params, Permit, Query};
use super::page::List;
use crate::app::App;
use crate::base::id::{RepoId, SessionId, UserId};
use crate::base::name::CommitSha;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::workload::Workload;
use crate::domain::accounts::{self, Caller, InstanceRole, Plain, Session, Source, User};
use crate::domain::repos;
use crate::engine::store::ReadTx;
use crate::words;

pub mod factor;
pub mod github;
pub mod people;
pub mod rotate;
pub mod signin;
pub mod tokens;

pub use tokens::{CreatedTokenView, NewTokenBody, TokenView, make_token, token_view};

/// A person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserView {
    /// Their id.
    pub id: UserId,
    /// What they sign in as.
    pub login: String,
    /// What they are called.
    pub name: String,
    /// Their picture.
    pub avatar_url: Option<String>,
    /// What they are on the instance.
    pub role: InstanceRole,
    /// Where their account comes from.
    pub sources: Vec<Source>,
    /// Whether their access was taken away.
    pub disabled: bool,
    /// Whether their tokens are held back: GitHub told that they left an organization, and could not be asked since.
    pub held_back: bool,
    /// When they were last seen.
    pub last_seen_at: Option<Timestamp>,
}

impl From<User> for UserView {
    fn from(user: User) -> UserView {
        UserView {
            id: user.id,
            login: user.login,
            name: user.name,
            avatar_url: user.avatar_url,
            role: user.role,
            sources: user.sources,
            disabled: user.disabled_at.is_some(),
            held_back: user.held_at.is_some(),
            last_seen_at: user.last_seen_at,
        }
    }
}

words! {
    /// What kind of caller one is.
    pub enum CallerKind: "kind of caller" {
        /// A person in a browser.
        User = "user",
        /// A program with a token.
        Token = "token",
        /// A run of a forge's automation, with a token of that forge.
        Workload = "workload",
        /// Whoever owns the data directory, at the host.
        Host = "host",
    }
}

/// A run of a forge's automation, as its token says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkloadView {
    /// Who has signed the token.
    pub issuer: String,
    /// The repository it runs for, as the forge names it.
    pub repository: String,
    /// What that repository is called here, for each time that it was added: those it may hand reports in for.
    pub repos: Vec<String>,
    /// The branch, tag or pull request it runs for.
    #[serde(rename = "ref")]
    pub git_ref: Option<String>,
    /// The commit it runs for.
    pub sha: Option<CommitSha>,
    /// The file that says what runs.
    pub workflow: Option<String>,
    /// What set it off.
    pub event: Option<String>,
    /// The number of the run.
    pub run_id: Option<String>,
    /// Which attempt at the run it is.
    pub run_attempt: Option<u64>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

/// Who you are.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MeView {
    /// What kind of caller.
    pub kind: CallerKind,
    /// The person; null for a token that acts for itself.
    pub user: Option<UserView>,
    /// The token that was sent, if one was.
    pub token: Option<TokenView>,
    /// The run that asks, if it is one of a forge's automation.
    pub workload: Option<WorkloadView>,
    /// Whether you may administer the instance.
    pub admin: bool,
    /// Whether you have a password; false for a token that acts for itself.
    pub password: bool,
    /// Whether you are asked for a code beside it.
    pub totp: bool,
    /// How many recovery codes you have left, if you are asked for codes.
    pub recovery_codes_left: Option<usize>,
    /// The login of your account on GitHub, if one is linked.
    pub github: Option<String>,
}

/// A browser that is signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    pub id: SessionId,
    /// What it is, in a few words: the browser and its system.
    pub device: String,
    /// Where it was when it signed in.
    pub address: Option<String>,
    /// When it signed in.
    pub created_at: Timestamp,
    /// When it was last seen, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// Whom a one-time link is for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLinkBody {
    /// What they sign in as.
    pub login: String,
}

/// A one-time link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LinkView {
    /// Where it leads: a page with one button, which signs in and spends it.
    pub url: String,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// `GET /api/v1/me`.
pub async fn me(State(app): State<App>, permit: Permit) -> Result<Json<MeView>, ApiError> {
    let view = app
        .read(move |tx, _| -> Result<MeView, ApiError> {
            permit.instance(tx)?;
            let token = match &permit.caller {
                Caller::Token { token, .. } => Some(token_view(tx, token.clone())?),
                Caller::Host | Caller::User { .. } | Caller::Anonymous | Caller::Workload { .. } => None,
            };
            me_view(tx, &permit.caller, token)
        })
        .await?;
    Ok(Json(view))
}

/// Who a caller is.
fn me_view(tx: &ReadTx, caller: &Caller, token: Option<TokenView>) -> Result<MeView, ApiError> {
    let user = caller.user().cloned();
    let (password, recovery_codes_left, github) = match &user {
        Some(user) => {
            let identity = accounts::github_identity_of(tx, user.id)?;
            (
                accounts::password_of(tx, user.id)?.is_some(),
                accounts::recovery_codes_left(tx, user.id)?,
                identity.map(|identity| identity.login),
            )
        }
        None => (false, None, None),
    };
    let (kind, workload) = match caller {
        Caller::Workload { workload, repos } => (CallerKind::Workload, Some(workload_view(tx, workload, repos)?)),
        Caller::Token { .. } => (CallerKind::Token, None),
        Caller::Host => (CallerKind::Host, None),
        Caller::User { .. } | Caller::Anonymous => (CallerKind::User, None),
    };
    let (user, admin, totp) = (user.map(UserView::from), caller.is_admin(), recovery_codes_left.is_some());
    Ok(MeView { kind, user, token, workload, admin, password, totp, recovery_codes_left, github })
}

fn workload_view(tx: &ReadTx, workload: &Workload, repos: &[RepoId]) -> Result<WorkloadView, ApiError> {
    Ok(WorkloadView {
        issuer: workload.issuer.clone(),
        repository: workload.repository.clone(),
        repos: names_of(tx, repos)?,
        git_ref: workload.git_ref.clone(),
        sha: workload.sha,
        workflow: workload.workflow.clone(),
        event: workload.event.clone(),
        run_id: workload.run.map(|run| run.to_string()),
        run_attempt: workload.attempt,
        expires_at: workload.expires_at,
    })
}

/// What repositories are called, those that were deleted excepted.
fn names_of(tx: &ReadTx, repos: &[RepoId]) -> Result<Vec<String>, ApiError> {
    let mut names = Vec::new();
    for repo in repos {
        match repos::get(tx, *repo) {
            Ok(repo) => names.push(repo.slug.to_string()),
            Err(repos::Error::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(names)
}

/// `POST /api/v1/logout`.
pub async fn logout(State(app): State<App>, permit: Permit, headers: HeaderMap) -> Result<(StatusCode, HeaderMap), ApiError> {
    let transport = Transport::of(&app.config, &headers);
    if let Caller::User { session, .. } = &permit.caller {
        let id = session.id;
        app.write(&permit.actor(), move |tx, now| accounts::sign_out(tx, id, now)).await?;
    }
    let mut out = HeaderMap::new();
    let cookie = HeaderValue::from_str(&transport.set_cookie(None, app.config.sessions.lifetime)).map_err(ApiError::internal)?;
    out.insert(header::SET_COOKIE, cookie);
    Ok((StatusCode::NO_CONTENT, out))
}

fn session_view(session: Session, current: Option<SessionId>) -> SessionView {
    SessionView {
        is_current: current == Some(session.id),
        id: session.id,
        device: session.device,
        address: session.address,
        created_at: session.created_at,
        last_seen_at: session.last_seen_at,
        expires_at: session.expires_at,
    }
}

/// The sessions of whoever asks, oldest first.
pub fn own_sessions(tx: &ReadTx, permit: &Permit, after: Option<&Cursor>, limit: Limit) -> Result<Page<SessionView>, ApiError> {
    permit.instance(tx)?;
    let Some(user) = permit.caller.user().map(|user| user.id) else { return Ok(Page { items: Vec::new(), next: None }) };
    let current = match &permit.caller {
        Caller::User { session, .. } => Some(session.id),
        Caller::Host | Caller::Token { .. } | Caller::Anonymous | Caller::Workload { .. } => None,
    };
    let list = ListMark::of("sessions").by(user);
    let after = after.map(|after| after.clone().unmarked(list)).transpose()?;
    Ok(accounts::list_sessions(tx, user, after.as_ref(), limit)?.map(|session| session_view(session, current)).marked(list))
}

/// `GET /api/v1/me/sessions`.
pub async fn list_sessions(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<SessionView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let page = app.read(move |tx, _| own_sessions(tx, &permit, cursor.as_ref(), limit)).await?;
    List::of(page, format)
}

/// `DELETE /api/v1/me/sessions/{id}`.
pub async fn delete_session(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let id: SessionId = params.get("id")?;
    let user = permit.caller.user().map(|user| user.id);
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(accounts::sign_out_own(tx, user, id, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which sessions are to be ended.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct SignOutQuery {
    /// `current` keeps the one that asks.
    pub keep: Option<String>,
}

/// `DELETE /api/v1/me/sessions`.
pub async fn delete_sessions(State(app): State<App>, permit: Permit, Query(query): Query<SignOutQuery>) -> Result<StatusCode, ApiError> {
    let keep = match (query.keep.as_deref(), &permit.caller) {
        (None | Some(""), _) => None,
        (Some("current"), Caller::User { session, .. }) => Some(session.id),
        (Some("current"), Caller::Token { .. } | Caller::Host | Caller::Anonymous | Caller::Workload { .. }) => None,
        (Some(_), _) => return Err(ApiError::field(Code::InvalidParameter, "keep", "not `current`")),
    };
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        if let Some(user) = permit.caller.user() {
            accounts::sign_out_all(tx, user.id, keep, now)?;
        }
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/admin/links`.
pub async fn create_link(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<NewLinkBody>,
) -> Result<(StatusCode, Json<LinkView>), ApiError> {
    let plain = Plain::session();
    let secret = plain.hashed();
    let actor = permit.actor();
    let link = app
        .write(&actor, move |tx, now| -> Result<_, ApiError> {
            permit.instance(tx)?;
            let user = accounts::find_user(tx, &body.login)?;
            Ok(accounts::open_link(tx, user.id, secret, now)?)
        })
        .await?;
    Ok((StatusCode::CREATED, Json(LinkView { url: people::url(&app, &plain), expires_at: link.expires_at })))
}
