//! Two commits held against each other, over REST.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{self, Asked, Paging, Params, Permit, Query};
use super::faults::Faults;
use super::issues::{IssueView, listed_view};
use super::repos::{CommitView, CoverageView, commit_view, load_commit};
use crate::app::App;
use crate::base::name::CommitSha;
use crate::base::page::{Cursor, Limit, ListMark};
use crate::domain::issues::compare::{self, Comparison};
use crate::domain::issues::issue::IssueState;
use crate::domain::issues::{self, Standing};
use crate::domain::repos::{self, Commit, Repository};
use crate::engine::store::ReadTx;

/// What two commits differ in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CompareView {
    /// The commit that is held against.
    pub base: CommitView,
    /// The commit that is looked at.
    pub head: CommitView,
    /// What differs in their issues.
    pub issues: DifferencesView,
    /// What differs in their coverage; null where it is not measured.
    pub coverage: Option<CoverageView>,
}

/// What two commits differ in by their issues.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DifferencesView {
    /// What the head has and the base has not.
    pub new: DifferenceView,
    /// What the base has and the head has not, as it stands at the base.
    pub fixed: DifferenceView,
}

/// A page of the issues that one commit has and the other has not.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct DifferenceView {
    /// The issues, by file and line.
    pub items: Vec<IssueView>,
    /// Where the next page begins; null at the end.
    #[schema(value_type = Option<String>)]
    pub next: Option<Cursor>,
    /// How many there are in all pages.
    pub total: u64,
}

/// Which part of the lists is wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct CompareQuery {
    /// How many of each list at a time.
    pub limit: Option<String>,
    /// Where the page before of the new ones ended.
    pub new_cursor: Option<String>,
    /// Where the page before of the fixed ones ended.
    pub fixed_cursor: Option<String>,
}

/// Two commits of a repository.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The repository.
    pub repo: Repository,
    /// The commit that is held against.
    pub base: Commit,
    /// The commit that is looked at.
    pub head: Commit,
}

impl CompareQuery {
    fn paging(&self, cursor: &Option<String>, faults: &mut Faults) -> (Limit, Option<Cursor>) {
        let Asked { limit, cursor, .. } = Paging { limit: self.limit.clone(), cursor: cursor.clone(), format: None }.read_with(faults);
        (limit, cursor)
    }
}

/// The two commits that a path names as `base...head`: each by a branch, or by at least seven digits of its name.
pub async fn pair(app: &App, permit: &Permit, params: &Params) -> Result<Pair, ApiError> {
    let (slug, asks) = (params.slug()?, permit.clone());
    let repo = app.read(move |tx, _| asks.repo(tx, &slug)).await?;
    let both = params.text("basehead");
    // No branch holds two dots in a row.
    let (base, head) = both.split_once("...").filter(|(base, head)| !base.is_empty() && !head.is_empty()).ok_or_else(|| {
        ApiError::field(
            Code::InvalidParameter,
            "basehead",
            "name two commits as `base...head`, each by a branch or by seven digits of its name or more",
        )
    })?;
    let (base, head) = (named(app, &repo, base).await?, named(app, &repo, head).await?);
    Ok(Pair { repo, base, head })
}

async fn named(app: &App, repo: &Repository, rev: &str) -> Result<Commit, ApiError> {
    let (at, branch) = (repo.clone(), rev.parse());
    let head = app
        .read(move |tx, _| -> Result<Option<CommitSha>, ApiError> {
            let Ok(branch) = branch else { return Ok(None) };
            match repos::branch(tx, &at, &branch) {
                Ok(branch) => Ok(Some(branch.head)),
                Err(repos::Error::BranchNotFound { .. }) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await?;
    let sha = match head {
        Some(head) => head,
        None => extract::commit(app, repo, rev).await?,
    };
    load_commit(app, repo, sha).await
}

/// Holds two commits against each other.
pub async fn view(app: &App, pair: Pair, query: &CompareQuery) -> Result<CompareView, ApiError> {
    let mut faults = Faults::default();
    let (of_new, of_fixed) = (query.paging(&query.new_cursor, &mut faults), query.paging(&query.fixed_cursor, &mut faults));
    faults.none_or_error()?;
    app.read(move |tx, _| -> Result<CompareView, ApiError> {
        let Pair { repo, base, head } = &pair;
        let (before, after) = (standing(tx, base)?, standing(tx, head)?);
        let Comparison { new, fixed } = compare::compare(tx, &before, &after)?;
        let side =
            |side: Vec<_>, state: IssueState, standing, (limit, cursor): (Limit, Option<Cursor>)| -> Result<DifferenceView, ApiError> {
                let total = side.len() as u64;
                let list = ListMark::of("differences").by(state).by(repo.id).by(base.sha).by(head.sha);
                let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
                let (items, next) = compare::page(tx, standing, side, state, cursor.as_ref(), limit)?;
                let next = next.map(|next| next.marked(list));
                let items = items.into_iter().map(|listed| listed_view(repo, listed)).collect();
                Ok(DifferenceView { items, next, total })
            };
        Ok(CompareView {
            base: commit_view(tx, base)?,
            head: commit_view(tx, head)?,
            issues: DifferencesView {
                new: side(new, IssueState::Open, &after, of_new)?,
                fixed: side(fixed, IssueState::Fixed, &before, of_fixed)?,
            },
            coverage: None,
        })
    })
    .await
}

fn standing(tx: &ReadTx, commit: &Commit) -> Result<Standing, ApiError> {
    issues::standing(tx, commit.repo, commit.sha)?.ok_or_else(|| {
        let why = format!(
            "the commit `{}` has no finished checks to compare; run its checks, and ask again once they have ended",
            commit.sha.short()
        );
        ApiError::new(Code::NotComparable, why).with(json!({"sha": commit.sha}))
    })
}

/// `GET …/compare/{basehead}`.
pub async fn find(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(query): Query<CompareQuery>,
) -> Result<Json<CompareView>, ApiError> {
    let pair = pair(&app, &permit, &params).await?;
    Ok(Json(view(&app, pair, &query).await?))
}
