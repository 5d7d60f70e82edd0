//! Server-sent events: what a check says while it runs, and hints that something has changed.
//!
//! A hint names what to read again and never carries the change itself, so that nothing reaches a caller past the permits. A listener
//! that falls behind is told to read everything again.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;

use super::error::ApiError;
use super::extract::{Params, Permit};
use super::repos::repo_and_commit;
use crate::app::App;
use crate::app::live::LOG_BYTES;
use crate::base::event::{Event, Recorded};
use crate::base::id::{AttemptId, CheckId, RepoId};
use crate::domain::accounts::{Permission, Resource};
use crate::domain::{checks, repos};

/// How often a silent stream says that it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How much of a log is read at a time.
const STEP: u64 = 64 << 10;

fn accepts_events(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/event-stream"))
}

/// `GET …/checks/{check}/log`.
pub async fn log(State(app): State<App>, permit: Permit, params: Params, headers: HeaderMap) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    let (id, sha, named) = (repo.id, commit.sha, params.text("check"));
    let (attempt, check) = app
        .read(move |tx, _| {
            let set = checks::find(tx, id, sha)?;
            checks::find_check(&set, &named).map(|check| (set.attempt, check.clone()))
        })
        .await?;
    if accepts_events(&headers) && !check.state.is_finished() {
        return Ok(tail(app, attempt, check.id));
    }
    let handle = app.clone();
    let bytes = app
        .blocking(move || -> Result<Vec<u8>, ApiError> {
            match check.log {
                Some(log) => Ok(handle.blobs.get(log, LOG_BYTES + STEP)?),
                None => Ok(handle.live.read(attempt, check.id, 0, LOG_BYTES).map_err(ApiError::internal)?.unwrap_or_default()),
            }
        })
        .await??;
    if accepts_events(&headers) {
        // It has ended: all of it, and the end.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let events = [SseEvent::default().data(text), SseEvent::default().event("end").data("end")];
        return Ok(Sse::new(stream::iter(events.map(Ok::<_, Infallible>))).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], bytes).into_response())
}

/// The log of a running check, from its beginning to its end.
fn tail(app: App, attempt: AttemptId, check: CheckId) -> Response {
    struct Tail {
        app: App,
        grown: Option<tokio::sync::watch::Receiver<u64>>,
        at: u64,
        has_ended: bool,
    }
    let grown = app.live.watch(attempt, check);
    let start = Tail { app, grown, at: 0, has_ended: false };
    let events = stream::unfold(start, move |mut tail| async move {
        loop {
            if tail.has_ended {
                return None;
            }
            let bytes = tail.app.live.read(attempt, check, tail.at, STEP).ok().flatten().unwrap_or_default();
            if !bytes.is_empty() {
                tail.at += bytes.len() as u64;
                let event = SseEvent::default().data(String::from_utf8_lossy(&bytes).into_owned());
                return Some((Ok::<_, Infallible>(event), tail));
            }
            let stopping = tail.app.stopping();
            let goes_on = match &mut tail.grown {
                Some(grown) => tokio::select! {
                    changed = grown.changed() => changed.is_ok(),
                    () = stopping => false,
                },
                None => false,
            };
            if !goes_on {
                tail.has_ended = true;
                return Some((Ok(SseEvent::default().event("end").data("end")), tail));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// `GET /api/v1/events`.
pub async fn events(State(app): State<App>, permit: Permit) -> Result<Response, ApiError> {
    let asks = permit.clone();
    app.read(move |tx, _| asks.instance(tx)).await?;
    let heard = app.listen();
    let events = stream::unfold((app, permit, heard), |(app, permit, mut heard)| async move {
        loop {
            let stopping = app.stopping();
            let hint = tokio::select! {
                heard = heard.recv() => match heard {
                    Ok(recorded) => hint(&app, &permit, &recorded).await,
                    Err(RecvError::Lagged(_)) => Some(json!({"type": "behind", "subject": "*"})),
                    Err(RecvError::Closed) => return None,
                },
                () = stopping => return None,
            };
            if let Some(hint) = hint {
                let event = SseEvent::default().data(hint.to_string());
                return Some((Ok::<_, Infallible>(event), (app, permit, heard)));
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// What a caller is told of an event, if they may be: its name, and the path of what to read again.
async fn hint(app: &App, permit: &Permit, recorded: &Recorded) -> Option<serde_json::Value> {
    let (kind, repo, sha) = match &recorded.event {
        Event::RepositoryAdded { repo } => ("repository_added", *repo, None),
        Event::BranchMoved { repo, head, .. } => ("branch_moved", *repo, Some(*head)),
        Event::BranchDeleted { repo, .. } => ("branch_deleted", *repo, None),
        Event::CheckSetRequested { repo, sha, .. } => ("check_set_requested", *repo, Some(*sha)),
        Event::CheckSetStarted { repo, sha } => ("check_set_started", *repo, Some(*sha)),
        Event::CheckChanged { repo, sha } => ("check_changed", *repo, Some(*sha)),
        Event::CheckSetCompleted { repo, sha, .. } => ("check_set_completed", *repo, Some(*sha)),
        Event::CheckSetCanceled { repo, sha, .. } => ("check_set_canceled", *repo, Some(*sha)),
        Event::SyncRequested { .. }
        | Event::RepositoryDeleted { .. }
        | Event::IssuesChanged
        | Event::UserCreated { .. }
        | Event::SignedIn { .. }
        | Event::SignedOut { .. }
        | Event::TokenCreated { .. }
        | Event::TokenRevoked { .. }
        | Event::WorkDied { .. }
        | Event::Due { .. } => return None,
    };
    let slug = seen(app, permit, repo).await?;
    let subject = match sha {
        Some(sha) => format!("{slug}/commits/{sha}"),
        None => slug,
    };
    Some(json!({"type": kind, "subject": subject, "at": recorded.at}))
}

async fn seen(app: &App, permit: &Permit, repo: RepoId) -> Option<String> {
    let caller = permit.caller.clone();
    app.read(move |tx, _| -> Result<_, ApiError> {
        caller.may(tx, Permission::RepoRead, Resource::Repository(repo))?;
        Ok(repos::get(tx, repo)?.slug.to_string())
    })
    .await
    .ok()
}
