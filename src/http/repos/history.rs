//! Branches and commits over REST.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{BranchView, CommitView, commit_view, repo_and_commit};
use crate::app::App;
use crate::base::name::{BranchName, CommitSha};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::domain::repos::{self, Branch, Commit, Repository};
use crate::engine::git;
use crate::engine::git::history::Order;
use crate::engine::store::ReadTx;
use crate::http::error::ApiError;
use crate::http::extract::{Asked, Paging, Params, Permit, Query};
use crate::http::page::List;

/// Which commits are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct CommitsQuery {
    /// The branch; the default one unless said.
    pub branch: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

/// A commit's row; one that was never registered is read from the mirror.
pub async fn load_commit(app: &App, repo: &Repository, sha: CommitSha) -> Result<Commit, ApiError> {
    let id = repo.id;
    if let Some(commit) = app.read(move |tx, _| repos::commit(tx, id, sha)).await? {
        return Ok(commit);
    }
    let handle = app.clone();
    let info = app.blocking(move || handle.mirror(id)?.commit(sha)).await?;
    match info {
        Ok(info) => Ok(Commit::new(id, &info, app.clock.now())),
        Err(git::Error::UnknownRevision { .. }) => {
            Err(repos::Error::CommitNotFound { repo: repo.slug.clone(), rev: sha.to_string() }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A branch with its head; `None` in the moment before its head is registered.
pub fn branch_view(tx: &ReadTx, repo: &Repository, branch: Branch) -> Result<Option<BranchView>, ApiError> {
    let Some(commit) = repos::commit(tx, repo.id, branch.head)? else { return Ok(None) };
    let head = commit_view(tx, &commit)?;
    Ok(Some(BranchView {
        is_default: repo.default_branch.as_ref() == Some(&branch.name),
        issues_open: head.issues.map(|issues| issues.open),
        coverage_percent: None,
        name: branch.name,
        head,
    }))
}

/// `GET /api/v1/repos/{owner}/{name}/branches`.
pub async fn branches(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(paging): Query<Paging>,
) -> Result<List<BranchView>, ApiError> {
    let (slug, Asked { limit, cursor, format }) = (params.slug()?, paging.read()?);
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            branch_views(tx, &repo, cursor.as_ref(), limit)
        })
        .await?;
    List::of(page, format)
}

/// A page of a repository's branches.
pub fn branch_views(tx: &ReadTx, repo: &Repository, cursor: Option<&Cursor>, limit: Limit) -> Result<Page<BranchView>, ApiError> {
    let list = ListMark::of("branches").by(repo.id);
    let cursor = cursor.map(|cursor| cursor.clone().unmarked(list)).transpose()?;
    let page = repos::branches(tx, repo.id, cursor.as_ref(), limit)?;
    let mut items = Vec::with_capacity(page.items.len());
    for branch in page.items {
        items.extend(branch_view(tx, repo, branch)?);
    }
    Ok(Page { items, next: page.next }.marked(list))
}

/// `GET /api/v1/repos/{owner}/{name}/branches/{branch}`.
pub async fn branch(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<BranchView>, ApiError> {
    let (slug, named) = (params.slug()?, params.text("branch"));
    let view = app
        .read(move |tx, _| -> Result<BranchView, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let missing = || ApiError::from(repos::Error::BranchNotFound { repo: repo.slug.clone(), branch: named.clone() });
            let name: BranchName = named.parse().map_err(|_| missing())?;
            let branch = repos::branch(tx, &repo, &name)?;
            branch_view(tx, &repo, branch)?.ok_or_else(missing)
        })
        .await?;
    Ok(Json(view))
}

/// The branch that a query names, or the default one; `None` where there is none yet.
pub async fn branch_of(app: &App, repo: &Repository, named: Option<&str>) -> Result<Option<Branch>, ApiError> {
    let (repo, named) = (repo.clone(), named.filter(|name| !name.is_empty()).map(str::to_owned));
    app.read(move |tx, _| -> Result<_, ApiError> {
        match named {
            None => Ok(repos::default_branch(tx, &repo)?),
            Some(named) => {
                let missing = || repos::Error::BranchNotFound { repo: repo.slug.clone(), branch: named.clone() };
                Ok(Some(repos::branch(tx, &repo, &named.parse().map_err(|_| missing())?)?))
            }
        }
    })
    .await
}

/// `GET /api/v1/repos/{owner}/{name}/commits`.
pub async fn commits(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(query): Query<CommitsQuery>,
) -> Result<List<CommitView>, ApiError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor, format: query.format };
    let (slug, Asked { limit, cursor, format }) = (params.slug()?, paging.read()?);
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let branch = branch_of(&app, &repo, query.branch.as_deref()).await?;
    let page = match branch {
        Some(branch) => log(&app, &repo, &branch, cursor, limit).await?,
        None => Page { items: Vec::new(), next: None },
    };
    List::of(page, format)
}

/// A page of the commits of a branch, newest first.
pub async fn log(
    app: &App,
    repo: &Repository,
    branch: &Branch,
    cursor: Option<Cursor>,
    limit: Limit,
) -> Result<Page<CommitView>, ApiError> {
    let (head, list) = (branch.head, ListMark::of("commits").by(repo.id).by(&branch.name));
    let after = match cursor {
        Some(cursor) => {
            let bytes: [u8; 20] = cursor.unmarked(list)?.as_bytes().try_into().map_err(|_| crate::base::page::InvalidCursor)?;
            Some(CommitSha::from_bytes(bytes))
        }
        None => None,
    };
    let (handle, id) = (app.clone(), repo.id);
    app.blocking(move || -> Result<Page<CommitView>, ApiError> {
        let mut infos = handle.mirror(id)?.log(head, Order::FirstParent, limit.get() + 1, after)?;
        let has_more = infos.len() > limit.get();
        infos.truncate(limit.get());
        let next = infos.last().filter(|_| has_more).map(|last| Cursor::new(last.sha.as_bytes().to_vec()));
        handle.read_now(|tx, now| {
            let items = infos.iter().map(|info| commit_view(tx, &Commit::new(id, info, now))).collect::<Result<_, _>>()?;
            Ok(Page { items, next }.marked(list))
        })
    })
    .await?
}

/// `GET /api/v1/repos/{owner}/{name}/commits/{sha}`.
pub async fn commit(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<CommitView>, ApiError> {
    let (_, commit) = repo_and_commit(&app, &permit, &params).await?;
    Ok(Json(app.read(move |tx, _| commit_view(tx, &commit)).await?))
}
