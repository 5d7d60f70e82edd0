//! Figures over time over REST: at the analysed commits of a branch.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{Params, Permit, Query};
use super::repos::history::branch_of;
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::domain::repos::{self, Repository};
use crate::domain::{checks, issues};
use crate::engine::store::ReadTx;

/// Which figure over which time.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct TrendQuery {
    /// `issues` or `gate`; `coverage` has no points yet.
    pub metric: Option<String>,
    /// The branch; the default one unless said.
    pub branch: Option<String>,
    /// The first instant; 90 days ago unless said.
    pub from: Option<String>,
    /// The last instant; now unless said.
    pub to: Option<String>,
}

/// A figure over time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrendView {
    /// The figure at each analysed commit, oldest first.
    pub points: Vec<PointView>,
}

/// A figure at a commit.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PointView {
    /// When the commit was recorded.
    pub at: Timestamp,
    /// The figure; for the gate 1 is success and 0 is not.
    pub value: f64,
    /// The commit.
    pub sha: CommitSha,
}

/// How many commits of a branch a trend looks at.
const TREND_COMMITS: usize = 500;
/// How far back a trend goes unless told.
const TREND_SPAN: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3_600);

/// `GET /api/v1/repos/{owner}/{name}/trends`.
pub async fn trends(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(query): Query<TrendQuery>,
) -> Result<Json<TrendView>, ApiError> {
    let slug = params.slug()?;
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let instant = |name: &str, text: &Option<String>| -> Result<Option<Timestamp>, ApiError> {
        text.as_deref()
            .filter(|text| !text.is_empty())
            .map(|text| text.parse().map_err(|error| ApiError::field(Code::InvalidParameter, name, error)))
            .transpose()
    };
    let to = instant("to", &query.to)?.unwrap_or_else(|| app.clock.now());
    let from = instant("from", &query.from)?.unwrap_or_else(|| to - TREND_SPAN);
    let metric = match query.metric.as_deref() {
        None | Some("" | "issues") => Metric::Issues,
        Some("gate") => Metric::Gate,
        Some("coverage") => Metric::Coverage,
        Some(_) => return Err(ApiError::field(Code::InvalidParameter, "metric", "not one of: issues, coverage, gate")),
    };
    let points = match branch_of(&app, &repo, query.branch.as_deref()).await? {
        Some(branch) => trend(&app, &repo, branch.head, metric, from, to).await?,
        None => Vec::new(),
    };
    Ok(Json(TrendView { points }))
}

/// A figure that is followed over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// Open issues.
    Issues,
    /// Whether the gate holds.
    Gate,
    /// Percent covered.
    Coverage,
}

/// The open issues at the analysed ones of the latest commits of a branch since an instant, oldest first: as far as rows tell of its
/// history, so that it can be asked of many repositories at once.
pub fn recent(tx: &ReadTx, repo: RepoId, head: CommitSha, from: Timestamp, most: usize) -> Result<Vec<PointView>, ApiError> {
    let (mut points, mut next) = (Vec::new(), Some(head));
    for _ in 0..most {
        let Some(commit) = next.map(|sha| repos::commit(tx, repo, sha)).transpose()?.flatten() else { break };
        next = commit.parents.first().copied();
        if commit.committed_at < from {
            continue;
        }
        let standing = issues::standing(tx, repo, commit.sha)?;
        points.extend(standing.map(|standing| PointView { at: commit.committed_at, value: standing.counts.open as f64, sha: commit.sha }));
    }
    points.reverse();
    Ok(points)
}

/// A figure at the analysed commits of a branch's history, oldest first.
pub async fn trend(
    app: &App,
    repo: &Repository,
    head: CommitSha,
    metric: Metric,
    from: Timestamp,
    to: Timestamp,
) -> Result<Vec<PointView>, ApiError> {
    let (handle, id) = (app.clone(), repo.id);
    app.blocking(move || -> Result<Vec<PointView>, ApiError> {
        let mirror = handle.mirror(id)?;
        let mut points = Vec::new();
        for info in mirror.first_parents(head).take(TREND_COMMITS) {
            let info = info?;
            // Clocks differ between people: one that was behind does not end the walk.
            if info.committed_at < from || info.committed_at > to {
                continue;
            }
            let value = handle.read_now(|tx, _| -> Result<_, ApiError> {
                Ok(match metric {
                    Metric::Issues => issues::standing(tx, id, info.sha)?.map(|standing| standing.counts.open as f64),
                    Metric::Gate => checks::look(tx, id, info.sha)?
                        .filter(|set| set.state.is_finished())
                        .map(|set| f64::from(u8::from(set.verdict == Verdict::Success))),
                    Metric::Coverage => None,
                })
            })?;
            points.extend(value.map(|value| PointView { at: info.committed_at, value, sha: info.sha }));
        }
        points.reverse();
        Ok(points)
    })
    .await?
}
