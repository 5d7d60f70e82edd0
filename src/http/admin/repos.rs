//! Every repository with the room it takes, over REST.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::{App, usage};
use crate::base::id::RepoId;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::repos::{self, SourceKind};
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Permit, Query};
use crate::http::page::List;

/// The most repositories that one page measures: each is looked at on the disk.
const MEASURED: usize = 50;

/// A repository and the room it takes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RepoUsageView {
    /// Its id.
    pub id: RepoId,
    /// Whose it is.
    pub owner: String,
    /// What it is called.
    pub name: String,
    /// Where it comes from.
    pub source: SourceKind,
    /// The path or address it is fetched from.
    pub remote: String,
    /// How many have a role in it of their own.
    pub members: usize,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last fetched well.
    pub synced_at: Option<Timestamp>,
    /// Why it cannot be fetched.
    pub sync_error: Option<String>,
    /// By kind: `mirror`, `logs` and `rows`.
    pub used_bytes: BTreeMap<&'static str, u64>,
    /// All of it.
    pub total_bytes: u64,
}

/// A page of them, by name.
pub async fn page(app: &App, permit: &Permit, after: Option<Cursor>, limit: Limit) -> Result<Page<RepoUsageView>, ApiError> {
    let (permit, handle) = (permit.clone(), app.clone());
    let limit = Limit::new(limit.get().min(MEASURED));
    app.blocking(move || {
        let list = ListMark::of("admin repositories");
        let after = after.map(|after| after.unmarked(list)).transpose()?;
        let (page, members) = handle.read_now(|tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            let page = repos::list(tx, after.as_ref(), limit)?;
            let members =
                page.items.iter().map(|repo| crate::domain::accounts::count_members(tx, repo.id)).collect::<Result<Vec<_>, _>>()?;
            Ok((page, members))
        })?;
        let mut items = Vec::with_capacity(page.items.len());
        for (repo, members) in page.items.into_iter().zip(members) {
            let used_bytes = usage::measure(&handle, repo.id)?;
            items.push(RepoUsageView {
                id: repo.id,
                owner: repo.slug.owner().to_owned(),
                name: repo.slug.name().to_owned(),
                source: repo.source.kind(),
                remote: repo.remote,
                members,
                created_at: repo.created_at,
                synced_at: repo.synced_at,
                sync_error: repo.sync_error.map(|error| error.message),
                total_bytes: used_bytes.values().sum(),
                used_bytes,
            });
        }
        Ok(Page { items, next: page.next }.marked(list))
    })
    .await?
}

/// `GET /api/v1/admin/repos`.
pub async fn list(State(app): State<App>, permit: Permit, Query(paging): Query<Paging>) -> Result<List<RepoUsageView>, ApiError> {
    let Asked { limit, cursor, format } = paging.read()?;
    List::of(page(&app, &permit, cursor, limit).await?, format)
}
