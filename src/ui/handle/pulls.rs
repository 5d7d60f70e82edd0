//! Pull requests: a list of them, and one.

use axum::extract::State;
use axum::response::Response;

use super::commit::rows;
use super::{Asked, place, render};
use crate::app::App;
use crate::base::page::Limit;
use crate::domain::issues::list::AtCommit;
use crate::domain::{checks, issues, pulls};
use crate::http::checks::CheckSetView;
use crate::http::error::ApiError;
use crate::http::extract::{Paging, Params, Query};
use crate::http::issues::{ListQuery, page};
use crate::http::pulls::{PullsQuery, github_url, pull_view, pull_views};
use crate::ui::commit::IssueList;
use crate::ui::pulls::{PullPage, PullsPage};

/// How many pull requests a page lists.
const LISTED: usize = 50;
/// How many issues of each kind a page shows.
const SHOWN: &str = "50";

/// `GET /r/{owner}/{name}/pulls`.
pub async fn list(State(app): State<App>, asked: Asked, params: Params, Query(query): Query<PullsQuery>) -> Result<Response, ApiError> {
    let (slug, state, permit) = (params.slug()?, query.state()?, asked.permit.clone());
    let cursor = Paging { cursor: query.cursor, ..Paging::default() }.read()?.cursor;
    let (frame, handle) = (asked.frame(&app).await?, app.clone());
    let page = app
        .read(move |tx, _| -> Result<PullsPage, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let github = github_url(&handle, tx)?;
            let page = pull_views(tx, &permit.caller, &repo, &github, state, cursor.as_ref(), Limit::new(LISTED))?;
            Ok(PullsPage { frame, place: place(tx, &permit.caller, &repo, None, None)?, state, pulls: page.items, next: page.next })
        })
        .await?;
    render(&page)
}

/// `GET /r/{owner}/{name}/pulls/{number}`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (slug, number, permit) = (params.slug()?, params.get::<u64>("number")?, asked.permit.clone());
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let (id, at) = (repo.id, repo.clone());
    let wanted = |state: &str| {
        let (state, sort, limit) = (Some(state.to_owned()), Some("path".to_owned()), Some(SHOWN.to_owned()));
        ListQuery { state, sort, limit, ..ListQuery::default() }.wanted()
    };
    let (wants_new, wants_fixed) = (wanted("new")?, wanted("fixed")?);
    let (pull, set, lists) = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let pull = pulls::find(tx, id, number)?;
            let set = checks::look(tx, id, pull.head.sha)?;
            let lists = match issues::standing(tx, id, pull.head.sha)? {
                None => None,
                Some(standing) => {
                    let issues = AtCommit::read(tx, &standing)?;
                    Some((standing.base, page(tx, &at, &issues, &wants_new)?, page(tx, &at, &issues, &wants_fixed)?))
                }
            };
            Ok((pull, set, lists))
        })
        .await?;
    let sha = pull.head.sha;
    let (mut against, mut new, mut fixed) = (None, IssueList::default(), IssueList::default());
    if let Some((base, brings, takes)) = lists {
        new = rows(&app, &repo, sha, brings).await?;
        // What is fixed stands where it was before.
        fixed = rows(&app, &repo, base.unwrap_or(sha), takes).await?;
        against = base;
    }
    let (frame, handle, permit) = (asked.frame(&app).await?, app.clone(), asked.permit.clone());
    let page = app
        .read(move |tx, now| -> Result<PullPage, ApiError> {
            let sentence = set.as_ref().map(|set| set.sentence.clone());
            Ok(PullPage {
                frame,
                place: place(tx, &permit.caller, &repo, None, None)?,
                pull: pull_view(tx, &permit.caller, &repo, &github_url(&handle, tx)?, pull)?,
                sentence,
                set: set.map(|set| CheckSetView::of(set, now)),
                against,
                new,
                fixed,
            })
        })
        .await?;
    render(&page)
}
