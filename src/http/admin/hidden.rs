//! The repositories that are hidden since GitHub does not let us at them any more, over REST: why, and until when they can come back.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::id::RepoId;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::repos::{self, Withdrawal, Withdrawn};
use crate::engine::store::ReadTx;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Permit, Query};
use crate::http::page::List;

/// A repository that is hidden.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HiddenRepoView {
    /// Its id.
    pub id: RepoId,
    /// Whose it is.
    pub owner: String,
    /// What it is called.
    pub name: String,
    /// Why it is hidden.
    pub why: Withdrawal,
    /// Since when.
    pub hidden_at: Timestamp,
    /// When it is deleted with all that hangs on it, unless it comes back before.
    pub deleted_at: Timestamp,
}

impl From<Withdrawn> for HiddenRepoView {
    fn from(hidden: Withdrawn) -> HiddenRepoView {
        let Withdrawn { repo, why, at, ends_at } = hidden;
        let (owner, name) = (repo.slug.owner().to_owned(), repo.slug.name().to_owned());
        HiddenRepoView { id: repo.id, owner, name, why, hidden_at: at, deleted_at: ends_at }
    }
}

/// A page of them, those that are deleted next first.
pub fn page(tx: &ReadTx, permit: &Permit, after: Option<Cursor>, limit: Limit) -> Result<Page<HiddenRepoView>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("hidden repositories");
    let after = after.map(|after| after.unmarked(list)).transpose()?;
    Ok(repos::list_withdrawn(tx, after.as_ref(), limit)?.map(HiddenRepoView::from).marked(list))
}

/// `GET /api/v1/admin/repos/hidden`.
pub async fn list(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<HiddenRepoView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    let page = app.read(move |tx, _| page(tx, &permit, cursor, limit)).await?;
    List::of(page, format)
}
