//! Server-sent events: what a check says while it runs, and hints that something has changed.
//!
//! A hint names what to read again and never carries the change itself, so that nothing reaches a caller past the permits. A listener
//! that falls behind is told to read everything again.
//!
//! A stream lasts, and what its caller may can change meanwhile. So they are looked up again with each event that they would hear of,
//! with each that ends somebody's access, and every few seconds besides; for whoever may listen no more, it ends.

use std::convert::Infallible;
use std::io::Read;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use super::code::Code;
use super::error::ApiError;
use super::extract::{Params, Permit};
use super::repos::repo_and_commit;
use crate::app::App;
use crate::app::live::LOG_BYTES;
use crate::app::streams::Open;
use crate::base::event::{Event, Recorded};
use crate::base::id::{AttemptId, RepoId};
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, Permission, Resource};
use crate::domain::checks::{self, Check};
use crate::domain::repos;

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
        return Ok(tail(Watch::open(&app, &permit, Resource::Repository(id))?, file, grown));
    }
    let handle = app.clone();
    let bytes = app.blocking(move || said(&handle, attempt, &check)).await??;
    if accepts_events(&headers) {
        // It has ended: all of it, and the end.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let events = [SseEvent::default().data(text), SseEvent::default().event("end").data("end")];
        return Ok(Sse::new(stream::iter(events.map(Ok::<_, Infallible>))).into_response());
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], bytes).into_response())
}

/// What a check has said so far, or all of it once it has ended.
pub fn said(app: &App, attempt: AttemptId, check: &Check) -> Result<Vec<u8>, ApiError> {
    match check.log {
        Some(log) => Ok(app.blobs.get(log, LOG_BYTES + STEP)?),
        None => Ok(app.live.read(attempt, check.id, 0, LOG_BYTES).map_err(ApiError::internal)?.unwrap_or_default()),
    }
}

/// The log of a running check, from its beginning to its end.
fn tail(watch: Watch, file: std::fs::File, grown: watch::Receiver<u64>) -> Response {
    struct Tail {
        watch: Watch,
        file: std::fs::File,
        grown: watch::Receiver<u64>,
        /// The beginning of a character whose end is not written yet.
        rest: Vec<u8>,
        is_last: bool,
        has_ended: bool,
    }
    let start = Tail { watch, file, grown, rest: Vec::new(), is_last: false, has_ended: false };
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
            let stopping = tail.watch.app.stopping();
            let goes_on = tokio::select! {
                changed = tail.grown.changed() => changed.is_ok(),
                () = stopping => false,
                woken = tail.watch.woken() => {
                    let Ok(woken) = woken else { return None };
                    if woken.may_end_access() && !tail.watch.is_still_allowed().await {
                        return None;
                    }
                    continue;
                }
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
    let events = stream::unfold(Watch::open(&app, &permit, Resource::Instance)?, |mut watch| async move {
        loop {
            let stopping = watch.app.stopping();
            let woken = tokio::select! {
                woken = watch.woken() => woken.ok()?,
                () = stopping => return None,
            };
            let about = woken.about();
            if (about.is_some() || woken.may_end_access()) && !watch.is_still_allowed().await {
                return None;
            }
            let hint = match (woken, about) {
                (Woken::Behind, _) => Some(json!({"type": "behind", "subject": "*"})),
                (Woken::Heard(recorded), Some(about)) => hint(&watch, about, recorded.at).await.ok()?,
                (Woken::Heard(_) | Woken::Again, _) => None,
            };
            if let Some(hint) = hint {
                let event = SseEvent::default().data(hint.to_string());
                return Some((Ok::<_, Infallible>(event), watch));
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// Somebody who listens, for as long as they may.
struct Watch {
    app: App,
    permit: Permit,
    on: Resource,
    heard: broadcast::Receiver<Recorded>,
    again: tokio::time::Interval,
    _open: Open,
}

/// Why somebody who listens is woken.
enum Woken {
    Heard(Recorded),
    /// They missed some of what happened.
    Behind,
    /// They were not looked up for a while.
    Again,
}

/// What a hint says: what happened, and to what.
type About = (&'static str, Subject);

/// What there is to read again.
#[derive(Debug, Clone, Copy)]
enum Subject {
    /// The search for issues.
    Search,
    /// What only administrators see.
    Instance,
    /// A repository, or a commit of it.
    Of(RepoId, Option<CommitSha>),
}

impl Watch {
    /// Begins to listen, unless too many do.
    fn open(app: &App, permit: &Permit, on: Resource) -> Result<Watch, ApiError> {
        let limits = &app.config.limits;
        let too_many = || ApiError::new(Code::RateLimited, "too many streams of events are open; close one, or try again later");
        let open = app.streams.open(&permit.caller.whose(), limits).ok_or_else(too_many)?;
        let again = tokio::time::interval_at(tokio::time::Instant::now() + limits.look_again, limits.look_again);
        Ok(Watch { app: app.clone(), permit: permit.clone(), on, heard: app.listen(), again, _open: open })
    }

    /// Waits for a reason to look; an error is the end.
    async fn woken(&mut self) -> Result<Woken, RecvError> {
        tokio::select! {
            heard = self.heard.recv() => match heard {
                Ok(recorded) => Ok(Woken::Heard(recorded)),
                Err(RecvError::Lagged(_)) => Ok(Woken::Behind),
                Err(RecvError::Closed) => Err(RecvError::Closed),
            },
            _ = self.again.tick() => Ok(Woken::Again),
        }
    }

    /// Looks up who listens and what they may. Where that cannot be read, they may not: whoever still may will connect again.
    async fn is_still_allowed(&mut self) -> bool {
        let (caller, permission, on) = (self.permit.caller.clone(), self.permit.permission, self.on);
        let sessions = self.app.config.sessions;
        let looked = self.app.read(move |tx, now| {
            let Some(caller) = accounts::caller_again(tx, &caller, sessions, now)? else { return Ok(None) };
            match caller.may(tx, permission, on) {
                Ok(()) => Ok(Some(caller)),
                Err(accounts::Error::Refused(_)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        match looked.await {
            Ok(Some(caller)) => {
                self.permit.caller = caller;
                true
            }
            Ok(None) => false,
            Err(error) => {
                tracing::error!("a stream of events is ended, since its caller cannot be looked up: {error}");
                false
            }
        }
    }
}

impl Woken {
    /// Whether somebody's access may have ended.
    fn may_end_access(&self) -> bool {
        match self {
            Woken::Again | Woken::Behind => true,
            Woken::Heard(recorded) => {
                matches!(
                    recorded.event,
                    Event::SignedOut { .. }
                        | Event::TokenRevoked { .. }
                        | Event::RepositoryDeleted { .. }
                        | Event::RepositoryWithdrawn { .. }
                        | Event::UserChanged { .. }
                        | Event::UserDeleted { .. }
                        | Event::MembersChanged { .. }
                )
            }
        }
    }

    /// What there is to say of it.
    fn about(&self) -> Option<About> {
        let Woken::Heard(recorded) = self else { return None };
        let of = Subject::Of;
        Some(match &recorded.event {
            Event::IndexRebuilt => ("index_rebuilt", Subject::Search),
            Event::GithubAppSet { .. } => ("github_app_set", Subject::Instance),
            Event::RepositoryAdded { repo } | Event::RepositoryReturned { repo } => ("repository_added", of(*repo, None)),
            Event::RepositoryChanged { repo, .. } | Event::BadgeKeyRotated { repo } => ("repository_changed", of(*repo, None)),
            Event::BranchMoved { repo, head, .. } => ("branch_moved", of(*repo, Some(*head))),
            Event::BranchDeleted { repo, .. } => ("branch_deleted", of(*repo, None)),
            Event::CheckSetRequested { repo, sha, .. } => ("check_set_requested", of(*repo, Some(*sha))),
            Event::CheckSetStarted { repo, sha } => ("check_set_started", of(*repo, Some(*sha))),
            Event::CheckChanged { repo, sha } => ("check_changed", of(*repo, Some(*sha))),
            Event::CheckSetCompleted { repo, sha, .. } => ("check_set_completed", of(*repo, Some(*sha))),
            Event::CheckSetHeld { repo, sha, .. } => ("check_set_held", of(*repo, Some(*sha))),
            Event::CheckSetCanceled { repo, sha, .. } => ("check_set_canceled", of(*repo, Some(*sha))),
            Event::PullChanged { repo, .. } | Event::PullClosed { repo, .. } => ("pull_changed", of(*repo, None)),
            Event::SyncRequested { .. }
            | Event::PullsDue { .. }
            | Event::CommentDue { .. }
            | Event::ReposListed { .. }
            | Event::HealingPaused { .. }
            | Event::ApprovalAsked { .. }
            | Event::HeadReturned { .. }
            | Event::ManifestApproved { .. }
            | Event::SyncDue { .. }
            | Event::PollDue { .. }
            | Event::RolesDue { .. }
            | Event::PersonDue { .. }
            | Event::PeopleDue
            | Event::ResyncRequested { .. }
            | Event::RepositoryDeleted { .. }
            | Event::IssuesChanged
            | Event::UserCreated { .. }
            | Event::SignedIn { .. }
            | Event::SignedOut { .. }
            | Event::TokenCreated { .. }
            | Event::TokenRevoked { .. }
            | Event::SecretSet { .. }
            | Event::SecretRemoved { .. }
            | Event::KeyAdded { .. }
            | Event::KeyRemoved { .. }
            | Event::VaultRotated
            | Event::UserChanged { .. }
            | Event::UserDeleted { .. }
            | Event::SignInChanged { .. }
            | Event::LinkMade { .. }
            | Event::LinkRevoked { .. }
            | Event::MembersChanged { .. }
            | Event::TokenRotated { .. }
            | Event::WorkDied { .. }
            | Event::WorkRetried { .. }
            | Event::WorkDiscarded { .. }
            | Event::SettingsChanged { .. }
            | Event::CommandEntered { .. }
            | Event::StatusDue { .. }
            | Event::DeliveryReceived { .. }
            | Event::DeliveryReplayed { .. }
            | Event::RepositoryWithdrawn { .. }
            | Event::Due { .. } => return None,
        })
    }
}

/// What a caller is told of an event, if they may be: its name, and the path of what to read again. What fails is logged, and is the
/// end of the stream.
async fn hint(watch: &Watch, (kind, subject): About, at: Timestamp) -> Result<Option<serde_json::Value>, ApiError> {
    let caller = watch.permit.caller.clone();
    let (repo, sha) = match subject {
        Subject::Search => return Ok(Some(json!({"type": kind, "subject": "issues", "at": at}))),
        Subject::Instance => {
            let is_for_them = watch.app.read(move |tx, _| match caller.may(tx, Permission::Admin, Resource::Instance) {
                Ok(()) => Ok(true),
                Err(accounts::Error::Refused(_)) => Ok(false),
                Err(error) => Err(ApiError::from(error)),
            });
            let is_for_them = is_for_them.await.inspect_err(|error| tracing::error!("a stream of events is ended: {:?}", error.cause))?;
            return Ok(is_for_them.then(|| json!({"type": kind, "subject": "admin", "at": at})));
        }
        Subject::Of(repo, sha) => (repo, sha),
    };
    let seen = watch.app.read(move |tx, _| -> Result<Option<String>, ApiError> {
        match caller.may(tx, Permission::RepoRead, Resource::Repository(repo)) {
            Ok(()) => {}
            Err(accounts::Error::Refused(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        match repos::get(tx, repo) {
            Ok(repo) => Ok(Some(repo.slug.to_string())),
            Err(repos::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    });
    let seen = seen.await.inspect_err(|error| tracing::error!("a stream of events is ended: {:?}", error.cause))?;
    Ok(seen.map(|slug| {
        let subject = sha.map_or_else(|| slug.clone(), |sha| format!("{slug}/commits/{sha}"));
        json!({"type": kind, "subject": subject, "at": at})
    }))
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
