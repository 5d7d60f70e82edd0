//! Pull requests over REST.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::checks::CheckSetView;
use super::error::ApiError;
use super::extract::{Asked, Paging, Params, Permit, Query};
use super::faults::Faults;
use super::page::List;
use super::repos::CoverageView;
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::name::{BranchName, CommitSha};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::Caller;
use crate::domain::checks::{self, CheckState};
use crate::domain::pulls::{self, Pull, PullState};
use crate::domain::repos::Repository;
use crate::domain::{github, issues};
use crate::engine::store::ReadTx;

/// A pull request, with what is known of its head.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PullView {
    /// Its number in the repository.
    pub number: u64,
    /// What it is called.
    pub title: String,
    /// Who opened it, by their name on GitHub; null once their account was deleted there.
    pub author: Option<String>,
    /// How it stands.
    pub state: PullState,
    /// Whether it is still being written.
    pub draft: bool,
    /// Where it is to go to.
    pub base: PullBaseView,
    /// Where it comes from.
    pub head: PullHeadView,
    /// The commit that its head is held against; null until it was looked at.
    pub merge_base: Option<CommitSha>,
    /// How the gate stands at its head; null where nothing was asked of it yet.
    pub verdict: Option<Verdict>,
    /// How far the checks of its head are; null where none were asked for yet.
    pub check_set: Option<CheckState>,
    /// What its head brings; null before it was analysed.
    pub issues: Option<PullIssuesView>,
    /// The coverage of its head; null where there is none.
    pub coverage: Option<CoverageView>,
    /// Its page on GitHub.
    pub url: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was merged.
    pub merged_at: Option<Timestamp>,
    /// What the caller may do in the repository.
    pub can: Vec<&'static str>,
}

/// A pull request, with its checks.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PullDetailView {
    /// The pull request.
    #[serde(flatten)]
    pub pull: PullView,
    /// The checks of its head; null where none were asked for yet.
    pub checks: Option<CheckSetView>,
}

/// Where a pull request is to go to.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PullBaseView {
    /// The branch.
    pub branch: BranchName,
    /// Where GitHub says it was.
    pub sha: CommitSha,
}

/// Where a pull request comes from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PullHeadView {
    /// The branch.
    pub branch: String,
    /// The commit.
    pub sha: CommitSha,
    /// The repository it is in, as `owner/name`; null once that was deleted.
    pub repo: Option<String>,
    /// Whether that is another repository than the one it is to go to.
    pub is_fork: bool,
}

/// How many issues a pull request brings and takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PullIssuesView {
    /// At its head, and not where it left the branch it is to go to.
    pub new: u64,
    /// There, and not at its head.
    pub fixed: u64,
}

/// Which pull requests are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct PullsQuery {
    /// `open`, `closed`, `merged`, or `all`; `open` unless said.
    pub state: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

impl PullsQuery {
    /// The state that is asked for; `None` is all.
    pub fn state(&self) -> Result<Option<PullState>, ApiError> {
        match self.state.as_deref().unwrap_or("") {
            "" => Ok(Some(PullState::Open)),
            "all" => Ok(None),
            word => {
                let unknown = |error: crate::base::word::UnknownWord| {
                    ApiError::field(super::code::Code::InvalidParameter, "state", format!("{error}, all"))
                };
                word.parse().map(Some).map_err(unknown)
            }
        }
    }
}

/// What is known of a pull request; `github` is where people find GitHub.
pub fn pull_view(tx: &ReadTx, caller: &Caller, repo: &Repository, github: &str, pull: Pull) -> Result<PullView, ApiError> {
    let set = checks::look(tx, repo.id, pull.head.sha)?;
    let counts = issues::standing(tx, repo.id, pull.head.sha)?.map(|standing| standing.counts);
    Ok(PullView {
        number: pull.number,
        title: pull.title,
        author: pull.author.map(|author| author.login),
        state: pull.state,
        draft: pull.is_draft,
        base: PullBaseView { branch: pull.base, sha: pull.base_sha },
        head: PullHeadView { branch: pull.head.branch, sha: pull.head.sha, repo: pull.head.repo, is_fork: pull.head.is_fork },
        merge_base: pull.merge_base,
        verdict: set.as_ref().map(|set| set.verdict),
        check_set: set.as_ref().map(|set| set.state),
        issues: counts.map(|counts| PullIssuesView { new: counts.new, fixed: counts.fixed }),
        coverage: None,
        url: format!("{github}/{}/pull/{}", repo.slug, pull.number),
        created_at: pull.created_at,
        updated_at: pull.updated_at,
        merged_at: pull.merged_at,
        can: caller.can(tx, repo.id)?,
    })
}

/// Where people find GitHub.
pub fn github_url(app: &App, tx: &ReadTx) -> Result<String, ApiError> {
    Ok(github::places(&app.config.github, github::app(tx)?.as_ref()).0)
}

/// A page of a repository's pull requests.
pub fn pull_views(
    tx: &ReadTx,
    caller: &Caller,
    repo: &Repository,
    github: &str,
    state: Option<PullState>,
    cursor: Option<&Cursor>,
    limit: Limit,
) -> Result<Page<PullView>, ApiError> {
    let list = ListMark::of("pulls").by(repo.id).by(state.map_or("all", PullState::as_str));
    let cursor = cursor.map(|cursor| cursor.clone().unmarked(list)).transpose()?;
    let page = pulls::list(tx, repo.id, state, cursor.as_ref(), limit)?;
    let items = page.items.into_iter().map(|pull| pull_view(tx, caller, repo, github, pull)).collect::<Result<_, _>>()?;
    Ok(Page { items, next: page.next }.marked(list))
}

/// `GET …/pulls`.
pub async fn list(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(query): Query<PullsQuery>,
) -> Result<List<PullView>, ApiError> {
    let (slug, mut faults) = (params.slug()?, Faults::default());
    let state = faults.take(query.state());
    let Asked { limit, cursor, format } = Paging { limit: query.limit, cursor: query.cursor, format: query.format }.read_with(&mut faults);
    faults.none_or_error()?;
    let state = state.flatten();
    let handle = app.clone();
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            pull_views(tx, &permit.caller, &repo, &github_url(&handle, tx)?, state, cursor.as_ref(), limit)
        })
        .await?;
    List::of(page, format)
}

/// `GET …/pulls/{number}`.
pub async fn find(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<PullDetailView>, ApiError> {
    let (slug, number) = (params.slug()?, params.get::<u64>("number")?);
    let handle = app.clone();
    let view = app
        .read(move |tx, now| -> Result<PullDetailView, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let pull = pulls::find(tx, repo.id, number)?;
            let checks = checks::look(tx, repo.id, pull.head.sha)?.map(|set| CheckSetView::of(set, now));
            Ok(PullDetailView { pull: pull_view(tx, &permit.caller, &repo, &github_url(&handle, tx)?, pull)?, checks })
        })
        .await?;
    Ok(Json(view))
}
