//! The work that waits, is being carried out or was given up, over REST.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::base::id::WorkId;
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::base::work::Lane;
use crate::domain::{admin, repos};
use crate::engine::queue::{self, WorkItem, WorkState};
use crate::engine::store::ReadTx;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Params, Permit, Query};
use crate::http::faults::Faults;
use crate::http::page::List;

/// The most items that one page of a narrowed list looks at.
const LOOKED_AT: usize = 2_000;

/// A piece of work.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkView {
    /// Its id.
    pub id: WorkId,
    /// What is to be done.
    pub work: String,
    /// The repository it is about, as `owner/name`.
    pub repo: Option<String>,
    /// The commit it is about.
    pub sha: Option<String>,
    /// Whose threads do it.
    pub lane: Lane,
    /// How it stands.
    pub state: WorkState,
    /// How often it was begun.
    pub attempts: u32,
    /// How often it is begun before it is given up.
    pub attempt_limit: u32,
    /// What the last attempt failed with.
    pub error: Option<String>,
    /// When it was asked for.
    pub enqueued_at: Timestamp,
    /// When it may be begun.
    pub due_at: Timestamp,
    /// Which thread carries it out.
    pub holder: Option<String>,
    /// When another one takes over, unless it is heard of before.
    pub lease_ends_at: Option<Timestamp>,
}

/// Which work is asked for.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct WorkQuery {
    /// `ready`, `leased` or `dead`; `dead` unless said.
    pub state: Option<String>,
    /// Only what is of this lane.
    pub lane: Option<String>,
    /// How many at a time: 25; more than 200 is taken as 200.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json`, or `csv` for the same rows as a table.
    pub format: Option<String>,
}

impl WorkQuery {
    /// All of it; every part that is bad is named.
    pub fn read(&self) -> Result<(WorkState, Option<Lane>, Asked), ApiError> {
        let mut faults = Faults::default();
        let paging = Paging { limit: self.limit.clone(), cursor: self.cursor.clone(), format: self.format.clone() };
        let asked = paging.read_with(&mut faults);
        let named = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let wrong = |name: &str, error: crate::base::word::UnknownWord| ApiError::field(Code::InvalidParameter, name, error);
        let state = named(&self.state).map(|text| text.parse().map_err(|error| wrong("state", error)));
        let lane = named(&self.lane).map(|text| text.parse().map_err(|error| wrong("lane", error)));
        let state = state.and_then(|state| faults.take(state)).unwrap_or(WorkState::Dead);
        let lane = lane.and_then(|lane| faults.take(lane));
        faults.none_or_error()?;
        Ok((state, lane, asked))
    }
}

fn view(tx: &ReadTx, item: WorkItem) -> Result<WorkView, ApiError> {
    let repo = match item.work.repo().map(|repo| repos::get(tx, repo)) {
        Some(Ok(repo)) => Some(repo.slug.to_string()),
        None | Some(Err(repos::Error::NotFound { .. })) => None,
        Some(Err(error)) => return Err(error.into()),
    };
    Ok(WorkView {
        id: item.id,
        repo,
        sha: item.work.sha().map(|sha| sha.to_string()),
        lane: item.lane,
        state: item.state,
        attempts: item.attempts,
        attempt_limit: item.work.attempt_limit(),
        work: item.work.name().to_owned(),
        error: item.last_error,
        enqueued_at: item.enqueued_at,
        due_at: item.due_at,
        lease_ends_at: item.lease.as_ref().map(|lease| lease.expires_at),
        holder: item.lease.map(|lease| lease.holder),
    })
}

/// A page of the work in a state, oldest first.
pub fn page(
    tx: &ReadTx,
    permit: &Permit,
    (state, lane): (WorkState, Option<Lane>),
    after: Option<Cursor>,
    limit: Limit,
) -> Result<Page<WorkView>, ApiError> {
    permit.instance(tx)?;
    let list = ListMark::of("work").by(state).by(lane.map_or("", Lane::as_str));
    let mut cursor = after.map(|after| after.unmarked(list)).transpose()?;
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        // No more than there is room for: a page that is full ends where the one beneath it does.
        let page = queue::list(tx, state, cursor.as_ref(), Limit::new(limit.get() - items.len()))?;
        looked_at += page.items.len();
        for item in page.items.into_iter().filter(|item| lane.is_none_or(|lane| item.lane == lane)) {
            items.push(view(tx, item)?);
        }
        cursor = page.next;
        if cursor.is_none() || items.len() == limit.get() || looked_at >= LOOKED_AT {
            return Ok(Page { items, next: cursor }.marked(list));
        }
    }
}

/// `GET /api/v1/admin/work`.
pub async fn list(State(app): State<App>, permit: Permit, Query(query): Query<WorkQuery>) -> Result<List<WorkView>, ApiError> {
    let (state, lane, Asked { limit, cursor, format }) = query.read()?;
    let page = app.read(move |tx, _| page(tx, &permit, (state, lane), cursor, limit)).await?;
    List::of(page, format)
}

/// `POST /api/v1/admin/work/{id}/retry`: answers the work as it waits now.
pub async fn retry(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<WorkView>), ApiError> {
    let id: WorkId = params.get("id")?;
    let view = app
        .write(&permit.actor(), move |tx, now| -> Result<WorkView, ApiError> {
            permit.instance(tx)?;
            let item = admin::retry_work(tx, id, now)?;
            view(tx, item)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// `POST /api/v1/admin/work/{id}/discard`.
pub async fn discard(State(app): State<App>, permit: Permit, params: Params) -> Result<StatusCode, ApiError> {
    let id: WorkId = params.get("id")?;
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        admin::discard_work(tx, id, now)?;
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
