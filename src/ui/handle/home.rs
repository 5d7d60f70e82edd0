//! Home: the repositories, and adding one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, RUNNING_COUNTED, render, see};
use crate::app::App;
use crate::base::name::RepoSlug;
use crate::base::page::Limit;
use crate::domain::accounts::{self, Permission, Resource};
use crate::domain::{checks, github, repos};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Paging, Query};
use crate::http::repos::create::NewRepoBody;
use crate::http::repos::{ListQuery, commit_view, visible};
use crate::http::trends::recent;
use crate::ui::chart::Point;
use crate::ui::home::{AddForm, HomePage, RepoRow, RunningRow};

/// How far back a spark line goes.
const SPARK_SPAN: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3_600);
/// How many commits it looks at: as many as it has room for.
const SPARK_COMMITS: usize = 60;
/// How many running sets are listed.
const RUNNING_SHOWN: usize = 5;

/// `GET /`.
pub async fn show(State(app): State<App>, asked: Asked, Query(query): Query<ListQuery>) -> Result<Response, ApiError> {
    render(&page(&app, &asked, query, AddForm::default()).await?)
}

async fn page(app: &App, asked: &Asked, query: ListQuery, form: AddForm) -> Result<HomePage, ApiError> {
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
            let is_app = github::identity(tx, &configured)?.is_some();
            let may = |permission| permit.caller.may(tx, permission, Resource::Instance).is_ok();
            let user = permit.caller.user().map(|user| user.id);
            let is_on_github = user.map(|user| accounts::github_identity_of(tx, user)).transpose()?.flatten().is_some();
            let add = may(Permission::RepoCreate).then(|| AddForm {
                takes_paths: may(Permission::RepoCreateLocal),
                takes_github: is_app && (is_on_github || may(Permission::RepoCreateLocal)),
                ..form
            });
            Ok((page, heads, running, add))
        })
        .await?;
    let mut rows = Vec::with_capacity(page.items.len());
    for (repo, (head, trend)) in page.items.into_iter().zip(heads) {
        let trend = trend.into_iter().map(|point| Point { at: point.at, value: point.value, sha: Some(point.sha) }).collect();
        rows.push(RepoRow { repo, head, trend });
    }
    Ok(HomePage { frame: asked.frame(app).await?, query: query.q.unwrap_or_default(), repos: rows, next: page.next, running, add })
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub struct Entered {
    repo: String,
}

/// `POST /repos`.
pub async fn add(State(app): State<App>, asked: Asked, Form(entered): Form<Entered>) -> Result<Response, ApiError> {
    let text = entered.repo.trim().to_owned();
    let is_url = text.contains("://") && !text.starts_with("file://");
    let body = if is_url {
        NewRepoBody { url: Some(text.clone()), ..NewRepoBody::default() }
    } else if !text.starts_with(['.', '/']) && text.parse::<RepoSlug>().is_ok() {
        NewRepoBody { github: Some(text.clone()), ..NewRepoBody::default() }
    } else {
        NewRepoBody { path: Some(text.clone()), ..NewRepoBody::default() }
    };
    match crate::http::repos::create::add(&app, asked.permit.clone(), body).await {
        Ok(repo) => see(&format!("/r/{}/{}", repo.owner, repo.name)),
        // What was entered can be mended here; everything else is a page of its own.
        Err(error)
            if matches!(
                error.code,
                Code::SourceRefused
                    | Code::InvalidBody
                    | Code::AlreadyExists
                    | Code::Forbidden
                    | Code::GithubNotSetUp
                    | Code::GithubUnavailable
            ) =>
        {
            // The API names the key of the body; here there is one field.
            let message = ["`path`: ", "`url`: ", "`name`: ", "`github`: "]
                .iter()
                .find_map(|key| error.message.strip_prefix(key))
                .unwrap_or(&error.message);
            let form = AddForm { entered: text, takes_paths: false, takes_github: false, error: Some(crate::ui::words::sentence(message)) };
            let mut response = render(&page(&app, &asked, ListQuery::default(), form).await?)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}
