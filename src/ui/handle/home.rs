//! Home: the repositories, and what is running.

use axum::extract::State;
use axum::response::Response;

use super::adding::MayAdd;
use super::{Asked, RUNNING_COUNTED, render};
use crate::app::App;
use crate::base::page::Limit;
use crate::domain::{checks, repos};
use crate::http::error::ApiError;
use crate::http::extract::{Paging, Query};
use crate::http::repos::{ListQuery, commit_view, visible};
use crate::http::trends::recent;
use crate::ui::chart::Point;
use crate::ui::home::{HomePage, RepoRow, RunningRow};

/// How far back a spark line goes.
const SPARK_SPAN: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3_600);
/// How many commits it looks at: as many as it has room for.
const SPARK_COMMITS: usize = 60;
/// How many running sets are listed.
const RUNNING_SHOWN: usize = 5;

/// `GET /`.
pub async fn show(State(app): State<App>, asked: Asked, Query(query): Query<ListQuery>) -> Result<Response, ApiError> {
    let cursor = Paging { cursor: query.cursor, ..Paging::default() }.read()?.cursor;
    let (permit, q, configured) = (asked.permit.clone(), query.q.clone(), app.config.github.clone());
    let (page, heads, running, add) = app
        .read(move |tx, now| -> Result<_, ApiError> {
            // The list is the same whether a page or a form asks for it.
            let permit = permit.to_read();
            let page = visible(tx, &permit, q.as_deref(), cursor, Limit::default())?;
            let mut heads = Vec::with_capacity(page.items.len());
            for repo in &page.items {
                let repository = repos::get(tx, repo.id)?;
                let head = repos::default_branch(tx, &repository)?.map(|branch| branch.head);
                let commit = head.map(|head| repos::commit(tx, repo.id, head)).transpose()?.flatten();
                let trend = match head {
                    Some(head) => recent(tx, repo.id, head, now - SPARK_SPAN, SPARK_COMMITS)?,
                    None => Vec::new(),
                };
                heads.push((commit.map(|commit| commit_view(tx, &commit)).transpose()?, trend));
            }
            let mut running = Vec::new();
            for set in checks::under_way(tx, RUNNING_COUNTED)? {
                if running.len() == RUNNING_SHOWN {
                    break;
                }
                if permit.caller.role_in(tx, set.repo)?.is_none() {
                    continue;
                }
                let Ok(repo) = repos::get(tx, set.repo) else { continue };
                let done = set.checks.iter().filter(|check| check.state.is_finished()).count() as u64;
                let total = set.checks.len() as u64;
                running.push(RunningRow { repo: repo.slug, sha: set.sha, started_at: set.started_at, done, total });
            }
            let add = MayAdd::of(tx, &permit, &configured)?.map(MayAdd::form);
            Ok((page, heads, running, add))
        })
        .await?;
    let mut rows = Vec::with_capacity(page.items.len());
    for (repo, (head, trend)) in page.items.into_iter().zip(heads) {
        let trend = trend.into_iter().map(|point| Point { at: point.at, value: point.value, sha: Some(point.sha) }).collect();
        rows.push(RepoRow { repo, head, trend });
    }
    render(&HomePage { frame: asked.frame(&app).await?, query: query.q.unwrap_or_default(), repos: rows, next: page.next, running, add })
}
