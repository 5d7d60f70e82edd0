//! What the appliance does for itself: polling, expiry, and erasing what a deleted person leaves. Sweeping is in [`sweep`](super::sweep),
//! the search index in [`indexing`](super::indexing).

use super::App;
use super::repeat;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::UserId;
use crate::domain::{accounts, audit, hooks, repos, settings};
use crate::engine::store::journal;

/// How many rows one closure forgets.
const FORGOTTEN_PER_WRITE: usize = 200;
/// The same of requests that may be repeated, each of which may come with an answer of 256 KiB.
const REPEATS_PER_WRITE: usize = 32;
/// The same of the trail, whose entries stand in several indexes.
const ENTRIES_PER_WRITE: usize = 60;

/// Asks for a sync of every repository that does not tell us of its pushes.
pub fn poll(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let from = after.clone();
        after = app.write_now(&Actor::System, move |tx, now| repos::poll(tx, from.as_ref(), now))?;
        if after.is_none() {
            return attempt.done(app);
        }
    }
}

/// Forgets links, sessions, requests that may be repeated, heads that could not be fetched, and events that are past their time; of the
/// trail, what is older than an age that somebody has set.
pub fn expire(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    let sessions = app.config.sessions;
    while app.write_now(&Actor::System, move |tx, now| accounts::expire(tx, sessions, FORGOTTEN_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| repeat::expire(tx, REPEATS_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| hooks::expire(tx, FORGOTTEN_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| repos::end_withdrawn(tx, FORGOTTEN_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| repos::expire_pushed(tx, FORGOTTEN_PER_WRITE, now))? > 0 {}
    let settings = app.read_now(|tx, _| settings::load(tx))?;
    let events_kept = settings.events_kept();
    while app.write_now(&Actor::System, move |tx, now| journal::expire(tx, now - events_kept, FORGOTTEN_PER_WRITE))? > 0 {}
    if let Some(kept) = settings.audit_kept() {
        while app.write_now(&Actor::System, move |tx, now| audit::shorten(tx, now - kept, ENTRIES_PER_WRITE, now))? {}
    }
    attempt.done(app)
}

/// Erases what a deleted person leaves: their ways in, and their roles. What they made stays.
pub fn erase_user(app: &App, attempt: &Attempt, user: UserId) -> Result<(), Failure> {
    while app.write_now(&Actor::System, move |tx, _| accounts::erase_user(tx, user, FORGOTTEN_PER_WRITE))? > 0 {}
    attempt.done(app)
}
