//! What the appliance does for itself: polling, expiry, and erasing what a deleted person leaves. Sweeping is in [`sweep`](super::sweep), the search index in
//! [`indexing`](super::indexing).

use std::time::Duration;

use super::App;
use super::repeat;
use super::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::UserId;
use crate::domain::{accounts, repos};
use crate::engine::store::journal;

/// How long events are kept.
const EVENTS_KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// How many rows one closure forgets.
const FORGOTTEN_PER_WRITE: usize = 200;
/// The same of requests that may be repeated, each of which may come with an answer of 256 KiB.
const REPEATS_PER_WRITE: usize = 32;

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

/// Forgets links, sessions, requests that may be repeated, and events that are past their time.
pub fn expire(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    let sessions = app.config.sessions;
    while app.write_now(&Actor::System, move |tx, now| accounts::expire(tx, sessions, FORGOTTEN_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| repeat::expire(tx, REPEATS_PER_WRITE, now))? > 0 {}
    while app.write_now(&Actor::System, |tx, now| journal::expire(tx, now - EVENTS_KEPT, FORGOTTEN_PER_WRITE))? > 0 {}
    attempt.done(app)
}

/// Erases what a deleted person leaves: their ways in, and their roles. What they made stays.
pub fn erase_user(app: &App, attempt: &Attempt, user: UserId) -> Result<(), Failure> {
    while app.write_now(&Actor::System, move |tx, _| accounts::erase_user(tx, user, FORGOTTEN_PER_WRITE))? > 0 {}
    attempt.done(app)
}
