//! Server-sent events: what a check says while it runs, and hints that something has changed.
//!
//! A hint names what to read again and never carries the change itself, so that nothing reaches a caller past the permits. A listener
//! that falls behind is told to read everything again.

use std::convert::Infallible;
use std::io::Read;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::error::ApiError;
use super::extract::{Params, Permit};
use super::repos::repo_and_commit;
use crate::app::App;
use crate::app::live::LOG_BYTES;
use crate::base::event::{Event, Recorded};
use crate::base::id::RepoId;
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
    if accepts_events(&headers)
        && !check.state.is_finished()
        && let Some((file, grown)) = app.live.follow(attempt, check.id).map_err(ApiError::internal)?
    {
        return Ok(tail(app, file, grown));
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
fn tail(app: App, file: std::fs::File, grown: watch::Receiver<u64>) -> Response {
    struct Tail {
        app: App,
        file: std::fs::File,
        grown: watch::Receiver<u64>,
        /// The beginning of a character whose end is not written yet.
        rest: Vec<u8>,
        is_last: bool,
        has_ended: bool,
    }
    let start = Tail { app, file, grown, rest: Vec::new(), is_last: false, has_ended: false };
    let events = stream::unfold(start, |mut tail| async move {
        loop {
            if tail.has_ended {
                return None;
            }
            let mut bytes = std::mem::take(&mut tail.rest);
            // What cannot be read is not waited for: the kept log has it.
            let read = (&tail.file).take(STEP).read_to_end(&mut bytes).unwrap_or(0);
            if read > 0 {
                tail.rest = bytes.split_off(whole(&bytes));
                let event = SseEvent::default().data(String::from_utf8_lossy(&bytes));
                return Some((Ok::<_, Infallible>(event), tail));
            }
            tail.rest = bytes;
            if tail.is_last {
                tail.has_ended = true;
                return Some((Ok(SseEvent::default().event("end").data("end")), tail));
            }
            let stopping = tail.app.stopping();
            let goes_on = tokio::select! {
                changed = tail.grown.changed() => changed.is_ok(),
                () = stopping => false,
            };
            // What was written between the last look and the end is read once more.
            tail.is_last = !goes_on;
        }
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

/// How many of the bytes are whole characters, if what follows them could be the beginning of another.
fn whole(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
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
        Event::RepositoryChanged { repo } => ("repository_changed", *repo, None),
        Event::BranchMoved { repo, head, .. } => ("branch_moved", *repo, Some(*head)),
        Event::BranchDeleted { repo, .. } => ("branch_deleted", *repo, None),
        Event::CheckSetRequested { repo, sha, .. } => ("check_set_requested", *repo, Some(*sha)),
        Event::CheckSetStarted { repo, sha } => ("check_set_started", *repo, Some(*sha)),
        Event::CheckChanged { repo, sha } => ("check_changed", *repo, Some(*sha)),
        Event::CheckSetCompleted { repo, sha, .. } => ("check_set_completed", *repo, Some(*sha)),
        Event::CheckSetCanceled { repo, sha, .. } => ("check_set_canceled", *repo, Some(*sha)),
        Event::SyncRequested { .. }
        | Event::SyncDue { .. }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_cut_in_two_waits_for_its_other_half() {
        assert_eq!(whole("vier Köche".as_bytes()), "vier Köche".len());
        assert_eq!(whole(&"vier Kö".as_bytes()[..7]), 6);
        // What can never become a character does not hold up the rest.
        assert_eq!(whole(b"a\xffb"), 3);
    }
}
