//! Checks over REST. The example for every other handler: take, permit, one verb, view.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::error::ApiError;
use super::extract::{Params, Permit};
use super::repos::repo_and_commit;
use crate::app::App;
use crate::base::event::{StatusContext, Verdict};
use crate::base::id::CheckId;
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::domain::checks::{self, Check, CheckError, CheckSet, CheckState, Execution};
use crate::domain::repos::{self, Repository};
use crate::domain::{settings, statuses};
use crate::engine::store::{self, ReadTx};

pub mod dry_run;

/// All checks at a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckSetView {
    /// How far they are.
    pub state: CheckState,
    /// When they were asked for.
    pub requested_at: Timestamp,
    /// When the first began.
    pub started_at: Option<Timestamp>,
    /// When the last ended.
    pub finished_at: Option<Timestamp>,
    /// From the one to the other.
    pub duration_ms: Option<u64>,
    /// Why we could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CheckErrorView>,
    /// One by one.
    pub checks: Vec<CheckView>,
}

/// One check at a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckView {
    /// Its id.
    pub id: CheckId,
    /// Its name, unique within the set.
    pub name: String,
    /// What runs it.
    pub plugin: String,
    /// How far it is.
    pub state: CheckState,
    /// How many issues it found; null before its output was read.
    pub issues: Option<u64>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// What its command ended with; null for a built-in one.
    pub exit_code: Option<i32>,
    /// What it waits for, if that is more than its turn: `approval`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<String>,
    /// Why we could not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CheckErrorView>,
    /// How its process ran; left out for one that is part of the binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution: Option<ExecutionView>,
}

/// How the process of a check ran.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ExecutionView {
    /// What was started, without the files it was given.
    pub command: String,
    /// The tool's version, if it says so.
    pub version: Option<String>,
    /// How it was kept apart from the host: `native`, `oci` or `trusted`.
    pub tier: String,
    /// The bounds that this host keeps less well than it could.
    pub weaker_limits: Vec<String>,
    /// How long it took.
    pub wall_ms: u64,
    /// How much processor time it used.
    pub cpu_ms: u64,
    /// How many bytes of memory it used at most; null where nobody counts.
    pub peak_memory_bytes: Option<u64>,
    /// How many records of its output were looked at.
    pub read: u64,
    /// How many of them could not be used.
    pub dropped_count: u64,
    /// The first of those, and why.
    pub dropped: Vec<DroppedView>,
    /// The commit of the same files at which it ran, where its results are kept from there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_from: Option<CommitSha>,
}

/// A record of a tool's output that could not be used.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DroppedView {
    /// A path, or what else it can be known by.
    pub what: String,
    /// What is wrong with it.
    pub why: String,
}

impl From<Execution> for ExecutionView {
    fn from(of: Execution) -> ExecutionView {
        ExecutionView {
            command: of.command,
            version: of.version,
            tier: of.tier,
            weaker_limits: of.weaker,
            wall_ms: of.wall_ms,
            cpu_ms: of.cpu_ms,
            peak_memory_bytes: of.peak_memory,
            read: of.read,
            dropped_count: of.dropped_count,
            dropped: of.dropped.into_iter().map(|(what, why)| DroppedView { what, why }).collect(),
            kept_from: of.kept_from,
        }
    }
}

/// Why a check could not tell: a code of the contract and a sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CheckErrorView {
    /// The code.
    pub code: String,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// What is said of a commit: the gate, and the contexts it is made of.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StatusView {
    /// How the gate stands.
    pub verdict: Verdict,
    /// One by one.
    pub contexts: Vec<ContextView>,
}

/// One line of a commit's status.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContextView {
    /// Its name.
    pub context: String,
    /// How it stands.
    pub state: Verdict,
    /// Why, in a sentence.
    pub description: String,
    /// The page that explains it.
    pub target_url: String,
    /// Why GitHub would not take it, where it would not; null where it did, or was not asked.
    pub refused: Option<String>,
}

impl From<CheckError> for CheckErrorView {
    fn from(error: CheckError) -> CheckErrorView {
        CheckErrorView { code: error.code.to_string(), message: error.message }
    }
}

impl CheckView {
    /// The check as it stands at `now`.
    pub fn of(check: Check, now: Timestamp) -> CheckView {
        CheckView {
            id: check.id,
            name: check.name,
            plugin: check.plugin,
            state: check.state,
            issues: check.issues,
            started_at: check.started_at,
            finished_at: check.finished_at,
            duration_ms: check.started_at.map(|began| check.finished_at.unwrap_or(now).millis_since(began)),
            exit_code: check.exit_code,
            waits_for: check.waits_for.map(|what| what.to_string()),
            error: check.error.map(CheckErrorView::from),
            execution: check.execution.map(ExecutionView::from),
        }
    }
}

impl CheckSetView {
    /// Whether what could be run has been, and the rest waits for approval.
    pub fn is_held(&self) -> bool {
        self.state == CheckState::Waiting && self.checks.iter().any(|check| check.waits_for.is_some())
    }

    /// The set as it stands at `now`.
    pub fn of(set: CheckSet, now: Timestamp) -> CheckSetView {
        CheckSetView {
            state: set.state,
            requested_at: set.requested_at,
            started_at: set.started_at,
            finished_at: set.finished_at,
            duration_ms: set.started_at.map(|began| set.finished_at.unwrap_or(now).millis_since(began)),
            error: set.error.map(CheckErrorView::from),
            checks: set.checks.into_iter().map(|check| CheckView::of(check, now)).collect(),
        }
    }
}

/// `GET …/checks`.
pub async fn find(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<CheckSetView>, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let view = app.read(move |tx, now| checks::find(tx, repo.id, commit.sha).map(|set| CheckSetView::of(set, now))).await?;
    Ok(Json(view))
}

/// `POST …/checks`.
pub async fn run(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<CheckSetView>), ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let actor = permit.actor();
    let view = app
        .write(&actor, move |tx, now| -> Result<_, ApiError> {
            permit.same_repo(tx, &repo)?;
            repos::register(tx, &commit)?;
            Ok(CheckSetView::of(checks::request(tx, repo.id, commit.sha, now)?, now))
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// `DELETE …/checks`.
pub async fn cancel(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<CheckSetView>), ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let actor = permit.actor();
    let view = app
        .write(&actor, move |tx, now| -> Result<_, ApiError> {
            permit.same_repo(tx, &repo)?;
            Ok(CheckSetView::of(checks::cancel(tx, repo.id, commit.sha, now)?, now))
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// `POST …/checks/approve`.
pub async fn approve(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<CheckSetView>), ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let actor = permit.actor();
    let view = app
        .write(&actor, move |tx, now| -> Result<_, ApiError> {
            permit.same_repo(tx, &repo)?;
            Ok(CheckSetView::of(checks::approve(tx, repo.id, commit.sha, None, now)?, now))
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// `GET …/checks/{check}`.
pub async fn find_one(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<CheckView>, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let named = params.text("check");
    let view = app
        .read(move |tx, now| {
            let set = checks::find(tx, repo.id, commit.sha)?;
            checks::find_check(&set, &named).map(|check| CheckView::of(check.clone(), now))
        })
        .await?;
    Ok(Json(view))
}

/// What is said of a commit whose checks stand like this.
pub fn status_view(app: &App, tx: &ReadTx, repo: &Repository, set: &CheckSet) -> store::Result<StatusView> {
    let settings = settings::load(tx)?;
    let posted = statuses::posted(tx, repo.id, set.sha, StatusContext::Gate)?;
    let context = ContextView {
        context: app.config.status_context(&settings).to_owned(),
        state: set.verdict,
        description: set.sentence.clone(),
        target_url: format!("{}/r/{}/commits/{}", app.public_url(), repo.slug, set.sha),
        refused: posted.and_then(|posted| posted.refused),
    };
    Ok(StatusView { verdict: set.verdict, contexts: vec![context] })
}

/// `GET …/status`.
pub async fn status(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<StatusView>, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let handle = app.clone();
    let view = app
        .read(move |tx, _| -> Result<StatusView, ApiError> {
            let set = checks::find(tx, repo.id, commit.sha)?;
            Ok(status_view(&handle, tx, &repo, &set)?)
        })
        .await?;
    Ok(Json(view))
}
