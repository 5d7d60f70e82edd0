//! How the instance fares, over REST: what is looked at, how well each is, and how to mend it.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::app::health::{self, Found, Grade};
use crate::app::schema::SCHEMA;
use crate::base::time::Timestamp;
use crate::base::work::Lane;
use crate::domain::admin::LaneDepth;
use crate::http::error::ApiError;
use crate::http::extract::Permit;

/// How the instance fares.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AdminHealthView {
    /// The worst grade of all that was looked at.
    pub status: Grade,
    /// The release.
    pub version: &'static str,
    /// The commit it was built from, where the build knew it.
    pub commit: Option<&'static str>,
    /// The schema of its store.
    pub schema: u32,
    /// When the process began.
    pub started_at: Timestamp,
    /// The size of the store's file; null in memory.
    pub store_bytes: Option<u64>,
    /// How much room is left on the disk that holds the data.
    pub free_bytes: Option<u64>,
    /// The work, by lane.
    pub lanes: Vec<LaneView>,
    /// The number and hash of the trail's latest entry: whoever notes them can tell later whether it was changed.
    pub audit_head: Option<AuditHeadView>,
    /// What was looked at.
    pub checks: Vec<LookedAtView>,
}

/// The work of a lane.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LaneView {
    /// Whose threads do it.
    pub lane: Lane,
    /// How much waits.
    pub ready: u64,
    /// How much is being carried out.
    pub leased: u64,
    /// How much was given up.
    pub dead: u64,
    /// Since when the longest waiting has been due.
    pub due_since: Option<Timestamp>,
}

/// The latest entry of the trail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuditHeadView {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: String,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LookedAtView {
    /// What.
    pub name: String,
    /// How well it is.
    pub grade: Grade,
    /// What was found.
    pub says: String,
    /// How to mend it.
    pub advice: Option<String>,
}

impl From<LaneDepth> for LaneView {
    fn from(depth: LaneDepth) -> LaneView {
        let LaneDepth { lane, ready, leased, dead, due_since } = depth;
        LaneView { lane, ready, leased, dead, due_since }
    }
}

impl From<Found> for LookedAtView {
    fn from(found: Found) -> LookedAtView {
        let Found { name, grade, says, advice } = found;
        LookedAtView { name, grade, says, advice }
    }
}

/// `GET /api/v1/admin/health`.
pub async fn find(State(app): State<App>, permit: Permit) -> Result<Json<AdminHealthView>, ApiError> {
    Ok(Json(view(&app, &permit).await?))
}

/// How the instance fares now.
pub async fn view(app: &App, permit: &Permit) -> Result<AdminHealthView, ApiError> {
    let (permit, handle) = (permit.clone(), app.clone());
    app.read(move |tx, _| permit.instance(tx)).await?;
    let survey = app.survey().await?;
    let health = app.blocking(move || health::look(&handle, &survey)).await??;
    Ok(AdminHealthView {
        status: health.checks.iter().map(|found| found.grade).max().unwrap_or(Grade::Good),
        version: env!("CARGO_PKG_VERSION"),
        commit: option_env!("PLUMBLINE_COMMIT"),
        schema: SCHEMA,
        started_at: app.started_at,
        store_bytes: health.store_bytes,
        free_bytes: health.free_bytes,
        lanes: health.lanes.into_iter().map(LaneView::from).collect(),
        audit_head: health.audit_head.map(|(number, hash)| AuditHeadView { number, hash: hash.to_string() }),
        checks: health.checks.into_iter().map(LookedAtView::from).collect(),
    })
}
