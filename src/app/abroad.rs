//! Browsers that were sent to GitHub and are expected back: what each was sent for, and by what it is known when it comes.
//!
//! A browser carries a cookie of its own for the trip; kept are the hashes of that and of the state that GitHub hands back. An answer counts
//! only in the browser that asked, with the state it was sent out with, once, and for ten minutes: so nobody can have another's browser
//! sign in as themselves, and an answer that was overheard is worth nothing elsewhere.
//!
//! All of it is in memory, bounded in all and for each address; a restart forgets it, and whoever was abroad begins anew.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::rates::{Pace, Rates};
use crate::base::id::{SessionId, UserId};
use crate::base::time::Timestamp;
use crate::domain::accounts::Hashed;

/// How long a browser is expected back.
pub const TRIP: Duration = Duration::from_secs(10 * 60);
/// The most trips at a time, and the most from one address, whose oldest makes room.
const TRIPS: usize = 20_000;
const TRIPS_PER_SOURCE: usize = 100;
/// How often one address may set out and come back.
const PACE: Pace = Pace { at_once: 40, each: Duration::from_secs(3) };
/// How many ask GitHub at once who they are; each holds a thread.
const ASKING: usize = 16;

/// What a browser was sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errand {
    /// Its person wants to sign in.
    SignIn,
    /// Its person, who is signed in, wants their account there linked to the one here.
    Link {
        /// Who.
        user: UserId,
        /// In which session.
        session: SessionId,
    },
}

/// A trip.
#[derive(Debug, Clone)]
pub struct Trip {
    /// The hash of the state that GitHub hands back.
    pub state: Hashed,
    /// What it is for.
    pub errand: Errand,
    /// Where to afterwards: a path of our own.
    pub next: String,
    /// From where it was begun.
    pub source: String,
    /// When.
    pub begun_at: Timestamp,
}

/// Those who are abroad.
#[derive(Debug)]
pub struct Abroad {
    trips: Mutex<HashMap<Hashed, Trip>>,
    rates: Mutex<Rates>,
    asking: Semaphore,
}

impl Default for Abroad {
    fn default() -> Abroad {
        Abroad { trips: Mutex::default(), rates: Mutex::new(Rates::new(PACE)), asking: Semaphore::new(ASKING) }
    }
}

impl Abroad {
    /// Counts that somebody sets out or comes back; or says how long they are to wait.
    pub fn count(&self, source: &str, now: Timestamp) -> Result<(), Duration> {
        self.rates.lock().unwrap_or_else(PoisonError::into_inner).take(source, 1, now)
    }

    /// Begins the trip of the browser whose cookie has this hash.
    pub fn begin(&self, cookie: Hashed, trip: Trip) {
        let mut trips = self.trips();
        trips.retain(|_, one| trip.begun_at.since(one.begun_at) < TRIP);
        let oldest = |trips: &HashMap<Hashed, Trip>, of: Option<&str>| {
            let some = trips.iter().filter(|(_, one)| of.is_none_or(|source| one.source == source));
            some.min_by_key(|(_, one)| one.begun_at).map(|(cookie, _)| *cookie)
        };
        if trips.values().filter(|one| one.source == trip.source).count() >= TRIPS_PER_SOURCE {
            oldest(&trips, Some(&trip.source)).map(|cookie| trips.remove(&cookie));
        }
        if trips.len() >= TRIPS {
            oldest(&trips, None).map(|cookie| trips.remove(&cookie));
        }
        trips.insert(cookie, trip);
    }

    /// Ends the trip of the browser whose cookie has this hash, if it comes back in time with the state that it was sent out with. One that
    /// comes with another state is still expected: whoever sent it with that one cannot end its trip.
    pub fn end(&self, cookie: Hashed, state: Hashed, now: Timestamp) -> Option<Trip> {
        let mut trips = self.trips();
        let is_it = trips.get(&cookie).is_some_and(|trip| trip.state == state && now.since(trip.begun_at) < TRIP);
        if is_it { trips.remove(&cookie) } else { None }
    }

    /// Leave to ask GitHub; `None` while too many do.
    pub fn ask(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.try_acquire().ok()
    }

    fn trips(&self) -> MutexGuard<'_, HashMap<Hashed, Trip>> {
        self.trips.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn trip(state: &str, source: &str, begun_at: Timestamp) -> Trip {
        Trip { state: Hashed::of(state), errand: Errand::SignIn, next: "/".to_owned(), source: source.to_owned(), begun_at }
    }

    #[test]
    fn an_answer_counts_once_in_its_browser_with_its_state_for_ten_minutes() {
        let abroad = Abroad::default();
        abroad.begin(Hashed::of("browser"), trip("state", "a", at(0)));
        abroad.begin(Hashed::of("other browser"), trip("other state", "a", at(0)));
        assert!(abroad.end(Hashed::of("stranger"), Hashed::of("state"), at(1)).is_none());
        assert!(abroad.end(Hashed::of("browser"), Hashed::of("other state"), at(1)).is_none());
        assert!(abroad.end(Hashed::of("browser"), Hashed::of("state"), at(599)).is_some());
        assert!(abroad.end(Hashed::of("browser"), Hashed::of("state"), at(599)).is_none(), "it is spent");
        assert!(abroad.end(Hashed::of("other browser"), Hashed::of("other state"), at(600)).is_none(), "it is late");
    }

    #[test]
    fn whoever_sets_out_again_and_again_pushes_out_nobody_else() {
        let abroad = Abroad::default();
        abroad.begin(Hashed::of("browser"), trip("state", "a", at(0)));
        for n in 0..2_000 {
            abroad.begin(Hashed::of(&n.to_string()), trip("state", "b", at(1)));
        }
        assert_eq!(abroad.trips().len(), 1 + TRIPS_PER_SOURCE);
        assert!(abroad.end(Hashed::of("browser"), Hashed::of("state"), at(2)).is_some());
    }
}
