//! Searching issues over REST.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{Asked, Format, Paging, Permit, Query};
use super::faults::Faults;
use super::issues::{FacetsView, IssueView, issue_view};
use super::page::List;
use crate::app::{App, indexing};
use crate::base::page::{Cursor, Limit, Page};
use crate::domain::issues;
use crate::domain::repos;
use crate::domain::search::{self, FieldName, QueryInvalid, Question, Scope, Sort, parse};
use crate::engine::fulltext;
use crate::engine::store::ReadTx;

/// What is looked for.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct SearchQuery {
    /// The query: words, `"phrase"`, `pre*`, `repo: path: kind: severity: rule: source: state: author: age:`, `-`, `OR`, parentheses.
    pub q: Option<String>,
    /// `newest`, `oldest`, `severity` or `relevance`.
    pub sort: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FoundView {
    /// The issues.
    pub items: Vec<IssueView>,
    /// Where the next page begins; null at the end.
    #[schema(value_type = Option<String>)]
    pub next: Option<Cursor>,
    /// How many there are in all pages.
    pub total: u64,
    /// For each facet, how many of the found have each of its words.
    pub facets: FacetsView,
}

impl SearchQuery {
    /// The order and the page that it asks for; every part that is bad is named.
    fn read(&self) -> Result<(Sort, Asked), ApiError> {
        let mut faults = Faults::default();
        let sort = match self.sort.as_deref().filter(|sort| !sort.is_empty()) {
            Some(sort) => faults.take(sort.parse().map_err(|error| ApiError::field(Code::InvalidParameter, "sort", error))),
            None => None,
        };
        let paging = Paging { limit: self.limit.clone(), cursor: self.cursor.clone(), format: self.format.clone() };
        let asked = paging.read_with(&mut faults);
        faults.none_or_error()?;
        Ok((sort.unwrap_or(Sort::Newest), asked))
    }
}

/// `GET /api/v1/search/issues`.
pub async fn issues(State(app): State<App>, permit: Permit, Query(query): Query<SearchQuery>) -> Result<Response, ApiError> {
    let (_, Asked { format, .. }) = query.read()?;
    let view = find(&app, &permit, &query).await?;
    match format {
        Format::Json => Ok(Json(view).into_response()),
        Format::Csv => Ok(List::of(Page { items: view.items, next: view.next }, format)?.into_response()),
    }
}

/// Searches what the caller may see.
pub async fn find(app: &App, permit: &Permit, query: &SearchQuery) -> Result<FoundView, ApiError> {
    let ast = parse(query.q.as_deref().unwrap_or(""))?;
    if ast.asks_for(FieldName::Branch) {
        return Err(no_branches(query.q.as_deref().unwrap_or("")).into());
    }
    let (sort, Asked { limit, cursor, .. }) = query.read()?;
    let (handle, permit, typed) = (app.clone(), permit.clone(), query.q.clone().unwrap_or_default());
    app.blocking(move || -> Result<FoundView, ApiError> {
        let scope = handle.read_now(|tx, _| -> Result<Scope, ApiError> {
            permit.instance(tx)?;
            scope(tx, &permit)
        })?;
        // What is not found while the index lacks something may be there all the same.
        if let Some(building) = indexing::building::<ApiError>(&handle)? {
            return Err(ApiError::of(Code::IndexRebuilding).with(json!({"percent": building.percent()})));
        }
        let question = Question { query: &ast, scope: &scope, sort, limit, after: cursor.as_ref(), now: handle.clock.now() };
        let found = handle.index.search(&question).map_err(|error| unanswered(error, &typed))?;
        handle.read_now(|tx, _| {
            let mut slugs = repos::Slugs::default();
            let mut items = Vec::with_capacity(found.ids.len());
            for id in &found.ids {
                // The store is the truth: what it no longer has was not found.
                let issue = match issues::get(tx, *id) {
                    Ok(issue) => issue,
                    Err(issues::Error::NotFound { .. }) => continue,
                    Err(error) => return Err(error.into()),
                };
                items.extend(slugs.of(tx, issue.repo)?.map(|slug| issue_view(slug, &issue)));
            }
            let facets = found.facets.iter().map(|(facet, counts)| ((*facet).to_owned(), counts.iter().cloned().collect())).collect();
            Ok(FoundView { items, next: found.next, total: found.total, facets })
        })
    })
    .await?
}

/// What stands on a branch is known of its commits and not of the issues: better no answer than that nothing is there.
fn no_branches(typed: &str) -> QueryInvalid {
    let position = typed.find("branch:").map_or(0, |at| typed[..at].chars().count());
    let message = "issues are not searched by branch; open the branch's latest commit and filter the issues that stand there".to_owned();
    QueryInvalid { position, message }
}

/// Why a search has no answer. What asks for too much is a query to be written otherwise.
fn unanswered(error: search::Error, typed: &str) -> ApiError {
    let position = match &error {
        search::Error::Index(fulltext::Error::TooBroad { prefix }) => {
            let (typed, prefix) = (typed.to_lowercase(), prefix.to_lowercase());
            typed.find(&prefix).map_or(0, |at| typed[..at].chars().count())
        }
        search::Error::Index(fulltext::Error::TooSlow) => 0,
        _ => return error.into(),
    };
    ApiError::new(Code::QueryInvalid, error.to_string()).with(json!({"position": position, "message": error.to_string()}))
}

/// Where a caller may search: everywhere, or in the repositories that they may see.
fn scope(tx: &ReadTx, permit: &Permit) -> Result<Scope, ApiError> {
    if permit.caller.sees_everything() {
        return Ok(Scope::All);
    }
    let (mut allowed, mut cursor) = (Vec::new(), None);
    loop {
        let page = repos::list(tx, cursor.as_ref(), Limit::MAX)?;
        for repo in &page.items {
            if permit.caller.role_in(tx, repo.id)?.is_some() {
                allowed.push(repo.id);
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(Scope::Repos(allowed)),
        }
    }
}
