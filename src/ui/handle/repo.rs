//! A repository and the commits of its branches.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, place, render, see};
use crate::app::App;
use crate::base::page::{Limit, Page};
use crate::domain::issues::standing::{chunk_refs, load};
use crate::domain::repos::Branch;
use crate::domain::{checks, issues, repos, settings};
use crate::engine::queue;
use crate::http::error::ApiError;
use crate::http::extract::{Paging, Params, Query};
use crate::http::repos::history::{branch_of, branch_view, branch_views, load_commit, log};
use crate::http::repos::{commit_view, repo_view};
use crate::http::trends::{Metric, TrendView, trend};
use crate::ui::chart::Point;
use crate::ui::href;
use crate::ui::repo::{BranchesPage, CommitsPage, RepoPage, RuleRow};

/// How far back the chart goes.
const CHART_SPAN: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3_600);
/// How many commits, branches and rules the overview shows.
const COMMITS_SHOWN: usize = 10;
const BRANCHES_SHOWN: usize = 10;
const RULES_SHOWN: usize = 8;
/// How many branches a page of them lists.
const BRANCHES_LISTED: usize = 100;

/// How often the repository is looked at.
async fn poll_interval(app: &App) -> Result<std::time::Duration, ApiError> {
    let settings = app.read(|tx, _| settings::load(tx)).await?;
    Ok(app.config.poll_interval(&settings))
}

/// Which branch is looked at.
#[derive(Debug, Default, Deserialize)]
pub struct At {
    branch: Option<String>,
    cursor: Option<String>,
}

/// `GET /r/{owner}/{name}`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params, Query(at): Query<At>) -> Result<Response, ApiError> {
    let (slug, permit) = (params.slug()?, asked.permit.clone());
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let branch = branch_of(&app, &repo, at.branch.as_deref()).await?;
    let head = branch.as_ref().map(|branch| branch.head);
    let mut commits = Page { items: Vec::new(), next: None };
    let (mut points, mut commit) = (TrendView::default(), None);
    if let Some(branch) = &branch {
        let (now, head) = (app.clock.now(), branch.head);
        commits = log(&app, &repo, branch, None, Limit::new(COMMITS_SHOWN)).await?;
        points = trend(&app, &repo, head, Metric::Issues, now - CHART_SPAN, now).await?;
        commit = Some(load_commit(&app, &repo, head).await?);
    }
    let frame = asked.frame(&app).await?;
    let (caller, poll_interval) = (asked.permit.caller.clone(), poll_interval(&app).await?);
    let page = app
        .read(move |tx, _| -> Result<RepoPage, ApiError> {
            let sentence = match head {
                Some(head) => checks::look(tx, repo.id, head)?.map(|set| set.sentence),
                None => None,
            };
            let page = branch_views(tx, &repo, None, Limit::new(BRANCHES_SHOWN))?;
            let (mut branches, has_more_branches) = (page.items, page.next.is_some());
            // Wherever its name stands among many, the default one is there, and first.
            if !branches.iter().any(|branch| branch.is_default)
                && let Some(default) = repos::default_branch(tx, &repo)?
            {
                branches.extend(branch_view(tx, &repo, default)?);
            }
            branches.sort_by_key(|branch| !branch.is_default);
            let is_fetching = queue::is_going(tx, &crate::base::work::Work::SyncRepository { repo: repo.id })?;
            Ok(RepoPage {
                frame,
                place: place(tx, &caller, &repo, branch.map(|branch: Branch| branch.name), None)?,
                rules: match head {
                    Some(head) => rules(tx, repo.id, head)?,
                    None => Vec::new(),
                },
                head: commit.map(|commit| commit_view(tx, &commit)).transpose()?,
                repo: repo_view(tx, &caller, repo)?,
                sentence,
                is_trend_cut: points.truncated,
                trend: points.points.into_iter().map(|point| Point { at: point.at, value: point.value, sha: Some(point.sha) }).collect(),
                coverage: Vec::new(),
                commits: commits.items,
                branches,
                has_more_branches,
                is_fetching,
                poll_interval,
            })
        })
        .await?;
    render(&page)
}

/// The rules with most open issues at a commit.
fn rules(
    tx: &crate::engine::store::ReadTx,
    repo: crate::base::id::RepoId,
    sha: crate::base::name::CommitSha,
) -> Result<Vec<RuleRow>, ApiError> {
    let Some(standing) = issues::standing(tx, repo, sha)? else { return Ok(Vec::new()) };
    let mut rules: BTreeMap<(String, String), RuleRow> = BTreeMap::new();
    for chunk in load(tx, repo, &chunk_refs(tx, &standing)?)? {
        for occurrence in chunk.occurrences {
            let key = (chunk.source.clone(), occurrence.rule.clone());
            let row = rules.entry(key).or_insert_with(|| RuleRow {
                source: chunk.source.clone(),
                rule: occurrence.rule.clone(),
                severity: occurrence.severity,
                open: 0,
            });
            row.open += 1;
            row.severity = row.severity.max(occurrence.severity);
        }
    }
    let mut rules: Vec<RuleRow> = rules.into_values().collect();
    rules.sort_by_key(|row| std::cmp::Reverse(row.open));
    rules.truncate(RULES_SHOWN);
    Ok(rules)
}

/// `POST /r/{owner}/{name}/sync`.
pub async fn sync(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let slug = params.slug()?;
    let (permit, named) = (asked.permit.clone(), slug.clone());
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        let repo = permit.repo(tx, &named)?;
        Ok(repos::request_sync(tx, repo.id, now)?)
    })
    .await?;
    see(&href::repo(&slug))
}

/// `GET /r/{owner}/{name}/commits`.
pub async fn commits(State(app): State<App>, asked: Asked, params: Params, Query(at): Query<At>) -> Result<Response, ApiError> {
    let (slug, permit) = (params.slug()?, asked.permit.clone());
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let branch = branch_of(&app, &repo, at.branch.as_deref()).await?;
    let cursor = Paging { cursor: at.cursor, ..Paging::default() }.read()?.cursor;
    let page = match &branch {
        Some(branch) => log(&app, &repo, branch, cursor, Limit::default()).await?,
        None => Page { items: Vec::new(), next: None },
    };
    let frame = asked.frame(&app).await?;
    let caller = asked.permit.caller.clone();
    let place = app.read(move |tx, _| place(tx, &caller, &repo, branch.map(|branch| branch.name), None)).await?;
    render(&CommitsPage { frame, place, commits: page.items, next: page.next, poll_interval: poll_interval(&app).await? })
}

/// `GET /r/{owner}/{name}/branches`.
pub async fn branches(State(app): State<App>, asked: Asked, params: Params, Query(at): Query<At>) -> Result<Response, ApiError> {
    let (slug, permit) = (params.slug()?, asked.permit.clone());
    let cursor = Paging { cursor: at.cursor, ..Paging::default() }.read()?.cursor;
    let frame = asked.frame(&app).await?;
    let poll_interval = poll_interval(&app).await?;
    let page = app
        .read(move |tx, _| -> Result<BranchesPage, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let page = branch_views(tx, &repo, cursor.as_ref(), Limit::new(BRANCHES_LISTED))?;
            let place = place(tx, &permit.caller, &repo, None, None)?;
            Ok(BranchesPage { frame, place, branches: page.items, next: page.next, poll_interval })
        })
        .await?;
    render(&page)
}
