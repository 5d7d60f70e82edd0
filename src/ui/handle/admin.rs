//! The pages of the administration.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value};

use super::{Asked, render, see};
use crate::app::App;
use crate::base::id::{SessionId, WorkId};
use crate::base::page::{Cursor, Limit, Page};
use crate::domain::{accounts, admin};
use crate::engine::queue::WorkState;
use crate::http;
use crate::http::admin::audit::AuditQuery;
use crate::http::admin::settings::SettingsChangeBody;
use crate::http::admin::work::WorkQuery;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Form, Paging, Params, Query};
use crate::http::faults;
use crate::ui::admin::{AdminSettingsPage, AuditPage, HealthPage, ReposPage, SessionsPage, WorkPage};
use crate::ui::href;

/// The address of the next page, if there is one.
fn next(path: &str, next: Option<&Cursor>) -> Option<String> {
    next.map(|next| href::with(path, "cursor", &next.to_string()))
}

/// `GET /admin`.
pub async fn health(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let view = http::admin::health::view(&app, &asked.permit).await?;
    render(&HealthPage { frame: asked.frame(&app).await?, view })
}

/// `GET /admin/repos`.
pub async fn repos(State(app): State<App>, asked: Asked, Query(paging): Query<Paging>) -> Result<Response, ApiError> {
    let Page { items, next: more } = http::admin::repos::page(&app, &asked.permit, paging.read()?.cursor, Limit::default()).await?;
    let permit = asked.permit.clone();
    let hidden = app.read(move |tx, _| http::admin::hidden::page(tx, &permit, None, Limit::MAX)).await?.items;
    render(&ReposPage { frame: asked.frame(&app).await?, repos: items, hidden, next: next("/admin/repos", more.as_ref()) })
}

/// `GET /admin/sessions`.
pub async fn sessions(State(app): State<App>, asked: Asked, Query(paging): Query<Paging>) -> Result<Response, ApiError> {
    let (permit, cursor) = (asked.permit.clone(), paging.read()?.cursor);
    let page = app.read(move |tx, _| http::admin::sessions::page(tx, &permit, cursor, Limit::new(50))).await?;
    render(&SessionsPage { frame: asked.frame(&app).await?, sessions: page.items, next: next("/admin/sessions", page.next.as_ref()) })
}

/// `POST /admin/sessions/{id}/end`.
pub async fn end_session(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: SessionId = params.get("id")?;
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        Ok(accounts::end_session(tx, id, now)?)
    })
    .await?;
    see("/admin/sessions")
}

/// `GET /admin/work`.
pub async fn work(State(app): State<App>, asked: Asked, Query(query): Query<WorkQuery>) -> Result<Response, ApiError> {
    let (state, lane, http::extract::Asked { cursor, .. }) = query.read()?;
    let permit = asked.permit.clone();
    let (page, depths) = app
        .read(move |tx, now| -> Result<_, ApiError> {
            let page = http::admin::work::page(tx, &permit, (state, lane), cursor, Limit::new(50))?;
            Ok((page, admin::work_depth(tx, now)?))
        })
        .await?;
    let sum = |of: fn(&admin::LaneDepth) -> u64| depths.iter().filter(|depth| lane.is_none_or(|lane| depth.lane == lane)).map(of).sum();
    let path = format!("/admin/work?state={state}");
    let path = lane.map_or(path.clone(), |lane| href::with(&path, "lane", lane.as_str()));
    render(&WorkPage {
        frame: asked.frame(&app).await?,
        state,
        lane,
        counts: [sum(|depth| depth.ready), sum(|depth| depth.leased), sum(|depth| depth.dead)],
        items: page.items,
        next: next(&path, page.next.as_ref()),
    })
}

/// `POST /admin/work/{id}/retry`.
pub async fn retry_work(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: WorkId = params.get("id")?;
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asked.permit.instance(tx)?;
        admin::retry_work(tx, id, now)?;
        Ok(())
    })
    .await?;
    see("/admin/work")
}

/// `POST /admin/work/{id}/discard`.
pub async fn discard_work(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let id: WorkId = params.get("id")?;
    let state = app
        .write(&asked.permit.actor(), move |tx, now| -> Result<WorkState, ApiError> {
            asked.permit.instance(tx)?;
            Ok(admin::discard_work(tx, id, now)?.state)
        })
        .await?;
    see(&format!("/admin/work?state={state}"))
}

/// `GET /admin/audit`.
pub async fn audit(State(app): State<App>, asked: Asked, Query(query): Query<AuditQuery>) -> Result<Response, ApiError> {
    let frame = asked.frame(&app).await?;
    let (filter, cursor) = match query.read() {
        Ok((filter, http::extract::Asked { cursor, .. })) => (filter, cursor),
        Err(error) => {
            // Whoever may not see the trail is told that, and not what is wrong with what they ask of it.
            app.read(move |tx, _| asked.permit.instance(tx)).await?;
            let page = AuditPage { frame, query, fault: Some(error.message.into_owned()), entries: Vec::new(), next: None };
            let mut response = render(&page)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            return Ok(response);
        }
    };
    let page = app.read(move |tx, _| http::admin::audit::page(tx, &asked.permit, &filter, cursor, Limit::new(50))).await?;
    let parts = [("who", &query.who), ("what", &query.what), ("outcome", &query.outcome), ("from", &query.from), ("to", &query.to)];
    let meant = parts.into_iter().filter_map(|(name, value)| Some((name, value.as_deref().filter(|value| !value.is_empty())?)));
    let path = meant.fold("/admin/audit".to_owned(), |path, (name, value)| href::with(&path, name, value));
    let next = next(&path, page.next.as_ref());
    render(&AuditPage { frame, query, fault: None, entries: page.items, next })
}

/// `GET /admin/settings`.
pub async fn settings(State(app): State<App>, asked: Asked) -> Result<Response, ApiError> {
    let view = http::admin::settings::view(&app, &asked.permit).await?;
    render(&AdminSettingsPage { frame: asked.frame(&app).await?, view, entered: Vec::new(), fault: None })
}

/// What the form sends, as the body that the API takes: an empty field is the default.
fn body(entered: &[(String, String)]) -> Map<String, Value> {
    let value = |name: &str, text: &str| match text {
        "" => Value::Null,
        text if ["default_tools", "add_repos_of"].contains(&name) => text.split_whitespace().map(str::to_owned).collect::<Vec<_>>().into(),
        text if ["status_context", "add_repos"].contains(&name) => Value::from(text),
        text => text.parse::<u64>().map_or_else(|_| Value::from(text), Value::from),
    };
    entered.iter().map(|(name, text)| (name.clone(), value(name, text.trim()))).collect()
}

/// `POST /admin/settings`.
pub async fn change_settings(
    State(app): State<App>,
    asked: Asked,
    Form(entered): Form<Vec<(String, String)>>,
) -> Result<Response, ApiError> {
    let bytes = Value::Object(body(&entered)).to_string().into_bytes();
    let read = serde_json::from_slice(&bytes).map_err(|error| faults::of_body::<SettingsChangeBody>(&bytes, &error));
    let changed = match read {
        Ok(body) => http::admin::settings::apply(&app, &asked.permit, body).await,
        Err(error) => Err(error),
    };
    match changed {
        Ok(_) => see("/admin/settings"),
        Err(error) if matches!(error.code, Code::InvalidBody | Code::SetByConfiguration) => {
            let view = http::admin::settings::view(&app, &asked.permit).await?;
            let page = AdminSettingsPage { frame: asked.frame(&app).await?, view, entered, fault: Some(error.message.into_owned()) };
            let mut response = render(&page)?;
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(error) => Err(error),
    }
}
