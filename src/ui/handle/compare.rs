//! Two commits held against each other.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::commit::rows;
use super::{Asked, place, render, see};
use crate::app::App;
use crate::http::code::Code;
use crate::http::compare::{CompareQuery, DifferenceView, pair, view};
use crate::http::error::ApiError;
use crate::http::extract::{Params, Query};
use crate::http::issues::{FacetsView, IssuesView};
use crate::ui::compare::{ComparePage, Difference, Found};
use crate::ui::href;

/// How many issues of each side a page shows.
const SHOWN: &str = "50";

/// Which commits are named in the form.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Named {
    base: String,
    head: String,
}

/// `GET /r/{owner}/{name}/compare`.
pub async fn choose(State(app): State<App>, asked: Asked, params: Params, Query(named): Query<Named>) -> Result<Response, ApiError> {
    let (slug, permit) = (params.slug()?, asked.permit.clone());
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let (base, head) = (named.base.trim().to_owned(), named.head.trim().to_owned());
    if !base.is_empty() && !head.is_empty() {
        return see(&href::compare(&repo.slug, &base, &head));
    }
    let base = if base.is_empty() { repo.default_branch.as_ref().map(ToString::to_string).unwrap_or_default() } else { base };
    let frame = asked.frame(&app).await?;
    let caller = asked.permit.caller.clone();
    let place = app.read(move |tx, _| place(tx, &caller, &repo, None, None)).await?;
    render(&ComparePage { frame, place, base, head, found: None })
}

/// `GET /r/{owner}/{name}/compare/{basehead}`.
pub async fn show(
    State(app): State<App>,
    asked: Asked,
    params: Params,
    Query(mut query): Query<CompareQuery>,
) -> Result<Response, ApiError> {
    query.limit = Some(SHOWN.to_owned());
    let pair = pair(&app, &asked.permit, &params).await?;
    let (repo, before, after) = (pair.repo.clone(), pair.base.sha, pair.head.sha);
    let basehead = params.text("basehead");
    let (base, head) = basehead.split_once("...").unwrap_or((&basehead, ""));
    let found = match view(&app, pair, &query).await {
        Ok(view) => {
            let new = rows(&app, &repo, after, listed(view.issues.new)).await?;
            let fixed = rows(&app, &repo, before, listed(view.issues.fixed)).await?;
            Found::Difference(Box::new(Difference { base: view.base, head: view.head, new, fixed }))
        }
        Err(error) if error.code == Code::NotComparable => {
            let named = error.details.as_ref().and_then(|details| details["sha"].as_str()?.parse().ok());
            Found::Unlooked { sha: named.unwrap_or(after), why: error.message.into_owned() }
        }
        Err(error) => return Err(error),
    };
    let frame = asked.frame(&app).await?;
    let caller = asked.permit.caller.clone();
    let place = app.read(move |tx, _| place(tx, &caller, &repo, None, None)).await?;
    let is_unlooked = matches!(found, Found::Unlooked { .. });
    let mut response = render(&ComparePage { frame, place, base: base.to_owned(), head: head.to_owned(), found: Some(found) })?;
    if is_unlooked {
        *response.status_mut() = StatusCode::CONFLICT;
    }
    Ok(response)
}

fn listed(side: DifferenceView) -> IssuesView {
    IssuesView { items: side.items, next: side.next, total: side.total, facets: FacetsView::new() }
}
