//! Asking GitHub, every few minutes, for what it could not deliver.

use std::time::Duration;

use crate::app::App;
use crate::app::runner::{Attempt, Failure};
use crate::base::event::{Actor, Event};
use crate::domain::github::deliveries::{self, Bounds, Healed, Healing};
use crate::domain::github::{self, Again};
use crate::engine::queue;

/// How far back GitHub lets deliveries be asked for again.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3_600);
/// How much further back than the last time it is looked: what was sent then may not have been over.
const MARGIN: Duration = Duration::from_secs(600);

/// Performs `Work::HealDeliveries`. May be repeated: a delivery that comes twice has one effect. What fails is written down and tried
/// again when its turn comes, or as soon as GitHub lets us, from where it was known that all had arrived.
pub fn perform(app: &App, attempt: &Attempt) -> Result<(), Failure> {
    let client = match app.github() {
        Ok(client) => client,
        Err(github::Error::NotSetUp) => return attempt.done(app),
        Err(error) => return Err(super::failure(app, &error)),
    };
    let now = app.clock.now();
    let before = app.read_now(|tx, _| deliveries::last(tx))?;
    let known_until = before.as_ref().and_then(|before| before.known_until);
    let since = known_until.map_or(now - KEPT, |known| known - MARGIN).max(now - KEPT);
    let healed = deliveries::heal(&client, since, app.hub.their_now(), Bounds::default(), || !attempt.cancel.is_tripped());
    let paused = match &healed {
        Ok(healed) => healed.stopped.as_ref(),
        Err(error) => Some(error),
    };
    // It goes on as soon as it may, not when its turn comes; unless that was tried, and nothing came of it.
    let is_stuck = before.as_ref().is_some_and(|before| before.error.is_some()) && healed.as_ref().map_or(0, |healed| healed.again) == 0;
    let wait = paused.filter(|_| !is_stuck).and_then(|error| match error.again() {
        Again::After(until) => Some(until.since(app.clock.now())),
        Again::Later | Again::Never => None,
    });
    let healing = match healed {
        Ok(healed) => {
            let Healed { missed, again, is_cut, .. } = healed;
            if missed > 0 {
                tracing::info!("GitHub could not deliver {missed}, of which {again} were asked for again");
            }
            if is_cut {
                tracing::warn!("GitHub tells of more deliveries than are read at a time; what was sent earlier may be missing");
            }
            let error = healed.stopped.as_ref().map(ToString::to_string);
            // What was left for the next time is looked at again, and so is what has not arrived yet: how often it was tried is counted.
            let known_until = if healed.is_whole() { Some(healed.oldest.unwrap_or(now)) } else { known_until };
            Healing { asked_at: now, known_until, missed, again, error }
        }
        Err(error) => {
            tracing::warn!("GitHub cannot be asked for what it could not deliver: {error}");
            Healing { asked_at: now, known_until, missed: 0, again: 0, error: Some(error.to_string()) }
        }
    };
    let claim = attempt.claim.clone();
    app.write_now(&Actor::System, move |tx, now| -> Result<(), Failure> {
        queue::finish(tx, &claim, now)?;
        if let Some(wait) = wait {
            tx.record(Event::HealingPaused { wait }, now)?;
        }
        Ok(deliveries::record(tx, healing.clone())?)
    })
}
