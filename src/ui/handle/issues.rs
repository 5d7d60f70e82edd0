//! The search for issues, and an issue.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::commit::excerpts;
use super::{Asked, place, render};
use crate::app::App;
use crate::base::id::IssueId;
use crate::domain::issues::{self, IssueState};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Params, Query};
use crate::http::issues::life;
use crate::http::search::{FoundView, SearchQuery, find};
use crate::ui::issue::{IssuePage, alike_query};
use crate::ui::issues::{Found, IssueRow, IssuesPage, QueryFault, Rebuilding, Results};

/// How many issues of the same rule are shown beside one.
const ALIKE: &str = "10";

/// `GET /issues`.
pub async fn search(State(app): State<App>, asked: Asked, Query(query): Query<SearchQuery>) -> Result<Response, ApiError> {
    let typed = query.q.clone().unwrap_or_default();
    let (found, status) = match find(&app, &asked.permit, &query).await {
        Ok(FoundView { items, next, total, facets }) => {
            let rows = located(&app, items).await?;
            (Found::Results(Results { rows, total, facets, next }), StatusCode::OK)
        }
        Err(error) if error.code == Code::QueryInvalid => {
            // The error counts characters, the page bytes.
            let at = error.details.as_ref().and_then(|details| details["position"].as_u64()).unwrap_or(0);
            let position = typed.char_indices().nth(usize::try_from(at).unwrap_or(usize::MAX)).map_or(typed.len(), |(byte, _)| byte);
            let message = error.details.as_ref().and_then(|details| details["message"].as_str()).unwrap_or(&error.message).to_owned();
            (Found::Fault(QueryFault { message, position }), StatusCode::UNPROCESSABLE_ENTITY)
        }
        Err(error) if error.code == Code::IndexRebuilding => {
            let percent = error.details.as_ref().and_then(|details| details["percent"].as_u64());
            (Found::Rebuilding(Rebuilding { percent }), StatusCode::SERVICE_UNAVAILABLE)
        }
        Err(error) => return Err(error),
    };
    let mut response = render(&IssuesPage { frame: asked.frame(&app).await?, query: typed, found })?;
    *response.status_mut() = status;
    Ok(response)
}

/// Issues with the commit at which their path and lines are right: the default branch's head for what is open there.
async fn located(app: &App, items: Vec<crate::http::issues::IssueView>) -> Result<Vec<IssueRow>, ApiError> {
    app.read(move |tx, _| -> Result<_, ApiError> {
        let mut rows = Vec::with_capacity(items.len());
        for view in items {
            match issues::get(tx, view.id) {
                Ok(issue) => rows.push(IssueRow::new(view, Some(issue.last_seen.sha))),
                // It went between the search and this look.
                Err(issues::Error::NotFound { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(rows)
    })
    .await
}

/// `GET /issues/{id}`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: IssueId = params.get("id")?;
    let (repo, view) = life(&app, &asked.permit, id).await?;
    let frame = asked.frame(&app).await?;
    let (named, caller) = (repo.clone(), asked.permit.caller.clone());
    let (at, place) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            // Also what is fixed is shown as it was: the commit that fixed it has other lines there.
            Ok((issues::get(tx, id)?.last_seen.sha, place(tx, &caller, &named, None, None)?))
        })
        .await?;
    let query = SearchQuery {
        q: Some(alike_query(&format!("repo:{} ", repo.slug), &view.issue)),
        limit: Some(ALIKE.to_owned()),
        ..SearchQuery::default()
    };
    // The index may be behind or away: the issue itself is shown all the same.
    let (alike, alike_total) = match find(&app, &asked.permit, &query).await {
        Ok(found) => {
            // The issue itself is among the open ones, or it is not open.
            let itself = u64::from(view.issue.state == IssueState::Open);
            let others = found.items.into_iter().filter(|other| other.id != id).collect();
            (located(&app, others).await?, found.total.saturating_sub(itself))
        }
        Err(_) => (Vec::new(), 0),
    };
    let (handle, repo_id) = (app.clone(), repo.id);
    let issue = view.issue;
    let row = app
        .blocking(move || {
            let mut rows = [IssueRow::new(issue, Some(at))];
            // An excerpt that cannot be read is left out.
            if let Ok(tree) = handle.mirror(repo_id).and_then(|mirror| mirror.tree(at)) {
                excerpts(&handle, repo_id, at, &tree, &mut rows);
            }
            let [row] = rows;
            row
        })
        .await?;
    render(&IssuePage { frame, place, row, history: view.history, explanation: None, alike, alike_total })
}
