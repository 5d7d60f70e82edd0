//! Figures over time over REST: at the analysed commits of a branch.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{Params, Permit, Query};
use super::faults::Faults;
use super::repos::history::branch_of;
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::base::time::{Period, Timestamp};
use crate::domain::repos::{self, Repository};
use crate::domain::{checks, issues};
use crate::engine::git;
use crate::engine::store::ReadTx;
use crate::words;

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
    /// `hour`, `day`, `week` (from Monday) or `month`, in UTC: the last figure of each alone. Every figure unless said.
    pub bucket: Option<String>,
}

/// A figure over time.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct TrendView {
    /// The figure at each analysed commit, oldest first.
    pub points: Vec<PointView>,
    /// Whether the history is so long that points before these were not looked for.
    pub truncated: bool,
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
const TREND_COMMITS: usize = 20_000;
/// For how long a trend walks its branch's history.
const TREND_TIME: Duration = Duration::from_secs(5);
/// So many commits in a row from before its first instant end a trend: clocks differ between people, and one that was behind does not.
const EARLIER_COMMITS: usize = 100;
/// How many commits' figures are read at a time.
const READ_AT_ONCE: usize = 500;
/// How far back a trend goes unless told.
const TREND_SPAN: Duration = Duration::from_secs(90 * 24 * 3_600);

/// `GET /api/v1/repos/{owner}/{name}/trends`.
pub async fn trends(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(query): Query<TrendQuery>,
) -> Result<Json<TrendView>, ApiError> {
    let slug = params.slug()?;
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let mut faults = Faults::default();
    let to = faults.take(given("to", &query.to)).flatten().unwrap_or_else(|| app.clock.now());
    let from = faults.take(given("from", &query.from)).flatten().unwrap_or_else(|| to - TREND_SPAN);
    let metric = faults.take(given("metric", &query.metric)).flatten().unwrap_or(Metric::Issues);
    let bucket: Option<Period> = faults.take(given("bucket", &query.bucket)).flatten();
    faults.none_or_error()?;
    let mut view = match branch_of(&app, &repo, query.branch.as_deref()).await? {
        Some(branch) => trend(&app, &repo, branch.head, metric, from, to).await?,
        None => TrendView::default(),
    };
    if let Some(period) = bucket {
        view.points = last_of_each(period, &view.points);
    }
    Ok(Json(view))
}

/// A part of the query, if it is given.
fn given<T: FromStr<Err: std::fmt::Display>>(name: &str, text: &Option<String>) -> Result<Option<T>, ApiError> {
    let text = text.as_deref().filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|error| ApiError::field(Code::InvalidParameter, name, error))).transpose()
}

/// The last point of each period that has any; points are in the order of their history, in which later ones may have an earlier time.
fn last_of_each(period: Period, points: &[PointView]) -> Vec<PointView> {
    let last: BTreeMap<Timestamp, &PointView> = points.iter().map(|point| (point.at.start_of(period), point)).collect();
    last.into_values().cloned().collect()
}

words! {
    /// A figure that is followed over time.
    pub enum Metric: "metric" {
        /// Open issues.
        Issues = "issues",
        /// Whether the gate holds.
        Gate = "gate",
        /// Percent covered.
        Coverage = "coverage",
    }
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
) -> Result<TrendView, ApiError> {
    let (handle, id) = (app.clone(), repo.id);
    app.blocking(move || -> Result<TrendView, ApiError> {
        let mirror = handle.mirror(id)?;
        let history = mirror.first_parents(head).map(|info| info.map(|info| (info.sha, info.committed_at)));
        let Walked { mut commits, is_cut } = walk(history, from, to)?;
        commits.reverse();
        let mut points = Vec::new();
        for some in commits.chunks(READ_AT_ONCE) {
            points.extend(handle.read_now(|tx, _| figures(tx, id, metric, some))?);
        }
        Ok(TrendView { points, truncated: is_cut })
    })
    .await?
}

/// A figure at those of some commits that were analysed.
fn figures(tx: &ReadTx, repo: RepoId, metric: Metric, commits: &[(CommitSha, Timestamp)]) -> Result<Vec<PointView>, ApiError> {
    let mut points = Vec::new();
    for (sha, at) in commits {
        let value = match metric {
            Metric::Issues => issues::standing(tx, repo, *sha)?.map(|standing| standing.counts.open as f64),
            Metric::Gate => checks::look(tx, repo, *sha)?
                .filter(|set| set.state.is_finished())
                .map(|set| f64::from(u8::from(set.verdict == Verdict::Success))),
            Metric::Coverage => None,
        };
        points.extend(value.map(|value| PointView { at: *at, value, sha: *sha }));
    }
    Ok(points)
}

/// What a walk through a history found.
#[derive(Debug, PartialEq, Eq)]
struct Walked {
    /// The commits between the two instants, newest first.
    commits: Vec<(CommitSha, Timestamp)>,
    /// Whether it ended before the first instant was reached.
    is_cut: bool,
}

/// Walks a history, newest first, back to an instant, within bounds.
fn walk(history: impl Iterator<Item = git::Result<(CommitSha, Timestamp)>>, from: Timestamp, to: Timestamp) -> git::Result<Walked> {
    let (began, mut commits, mut earlier) = (Instant::now(), Vec::new(), 0);
    for (visited, commit) in history.enumerate() {
        if visited == TREND_COMMITS || began.elapsed() > TREND_TIME {
            return Ok(Walked { commits, is_cut: true });
        }
        let (sha, at) = commit?;
        earlier = if at < from { earlier + 1 } else { 0 };
        if earlier == EARLIER_COMMITS {
            break;
        }
        if at >= from && at <= to {
            commits.push((sha, at));
        }
    }
    Ok(Walked { commits, is_cut: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_period_the_last_figure_of_its_history_stands() {
        let point = |at: &str, value| PointView { at: at.parse().unwrap(), value, sha: CommitSha::from_bytes([1; 20]) };
        // Sunday, then Monday, then back in January by somebody whose clock was behind.
        let points = [
            point("2026-02-01T22:00:00Z", 1.0),
            point("2026-02-01T23:59:59Z", 2.0),
            point("2026-02-02T00:00:00Z", 3.0),
            point("2026-01-31T12:00:00Z", 4.0),
            point("2026-02-02T00:59:00Z", 5.0),
        ];
        let values = |period| last_of_each(period, &points).iter().map(|point| point.value).collect::<Vec<_>>();
        assert_eq!(values(Period::Hour), [4.0, 1.0, 2.0, 5.0]);
        assert_eq!(values(Period::Day), [4.0, 2.0, 5.0]);
        assert_eq!(values(Period::Week), [4.0, 5.0]);
        assert_eq!(values(Period::Month), [4.0, 5.0]);
    }

    /// A history of one commit a minute back from an instant, in minutes.
    fn minutes(last: i64) -> impl Iterator<Item = git::Result<(CommitSha, Timestamp)>> {
        (0..=last).rev().map(|minute| Ok((CommitSha::from_bytes([minute as u8; 20]), Timestamp::from_millis(minute * 60_000))))
    }

    /// The first 500 commits were once all that was looked at, whatever was asked for.
    #[test]
    fn a_walk_goes_back_to_the_first_instant_and_says_where_it_could_not() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let walked = walk(minutes(3_000), at(0), at(2_999)).unwrap();
        assert_eq!((walked.commits.len(), walked.is_cut), (3_000, false));
        assert_eq!(walked.commits.last().map(|(_, at)| *at), Some(at(0)));
        let most = i64::try_from(TREND_COMMITS).unwrap();
        let walked = walk(minutes(most - 1), at(0), at(most)).unwrap();
        assert_eq!((walked.commits.len(), walked.is_cut), (TREND_COMMITS, false));
        let walked = walk(minutes(most), at(0), at(most)).unwrap();
        assert_eq!((walked.commits.len(), walked.is_cut), (TREND_COMMITS, true));
        let walked = walk(minutes(10 * most), at(10 * most - 50), at(10 * most)).unwrap();
        assert_eq!((walked.commits.len(), walked.is_cut), (51, false), "it ends soon after the first instant");
    }

    #[test]
    fn a_clock_that_was_behind_does_not_end_a_walk() {
        let at = |minute: i64| Timestamp::from_millis(minute * 60_000);
        let behind = (0..40).map(|_| Ok((CommitSha::from_bytes([0; 20]), at(1))));
        let walked = walk(minutes(100).take(50).chain(behind).chain(minutes(50)), at(30), at(100)).unwrap();
        assert_eq!((walked.commits.len(), walked.is_cut), (71, false));
    }
}
