//! Everybody's sessions over REST.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::id::{SessionId, UserId};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, Caller};
use crate::engine::store::ReadTx;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Params, Permit, Query};
use crate::http::page::List;

/// A browser in which somebody is signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AnySessionView {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// What they sign in as; null for somebody who is gone.
    pub login: Option<String>,
    /// What the browser calls itself.
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

/// A page of them, oldest first.
pub fn page(tx: &ReadTx, permit: &Permit, after: Option<Cursor>, limit: Limit) -> Result<Page<AnySessionView>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("admin sessions");
    let after = after.map(|after| after.unmarked(list)).transpose()?;
    let current = match &permit.caller {
        Caller::User { session, .. } => Some(session.id),
        Caller::Host | Caller::Token { .. } | Caller::Anonymous | Caller::Workload { .. } => None,
    };
    let page = accounts::list_all_sessions(tx, after.as_ref(), limit)?;
    let mut items = Vec::with_capacity(page.items.len());
    for session in page.items {
        let login = match accounts::get_user(tx, session.user) {
            Ok(user) => Some(user.login),
            Err(accounts::Error::UserNotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        items.push(AnySessionView {
            is_current: current == Some(session.id),
            id: session.id,
            user: session.user,
            login,
            device: session.device,
            address: session.address,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            expires_at: session.expires_at,
        });
    }
    Ok(Page { items, next: page.next }.marked(list))
}

/// `GET /api/v1/admin/sessions`.
pub async fn list(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<AnySessionView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    List::of(app.read(move |tx, _| page(tx, &permit, cursor, limit)).await?, format)
}

/// `DELETE /api/v1/admin/sessions/{id}`.
pub async fn delete(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let id: SessionId = params.get("id")?;
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(accounts::end_session(tx, id, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
