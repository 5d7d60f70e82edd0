//! How often something may happen: so many times at once, and then one by one.
//!
//! For each source one instant is kept: when it would be at rest again if it did nothing more. Each time costs a step; a source whose rest
//! would lie further ahead than it may has to wait. What is kept is bounded however many sources there are: in two halves, of which the
//! older goes when the younger is full. A source that is forgotten with it begins afresh.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::config::Limits;
use crate::base::time::Timestamp;

/// So many at once, and one more after each span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many at once.
    pub at_once: u32,
    /// After how long there is room for one more.
    pub each: Duration,
}

impl Pace {
    /// That many within a minute, all of them at once if need be.
    pub fn per_minute(count: u32) -> Pace {
        Pace { at_once: count.max(1), each: Duration::from_secs(60) / count.max(1) }
    }

    fn step(self) -> i64 {
        i64::try_from(self.each.as_micros()).unwrap_or(i64::MAX / 4)
    }

    fn room(self) -> i64 {
        self.step().saturating_mul(i64::from(self.at_once))
    }
}

/// The most sources in each half of what is kept.
const SOURCES: usize = 20_000;

/// How often each source did something of late.
#[derive(Debug)]
pub struct Rates {
    pace: Pace,
    /// When each would be at rest, in microseconds.
    young: HashMap<Box<str>, i64>,
    old: HashMap<Box<str>, i64>,
}

impl Rates {
    /// Nobody has done anything yet.
    pub fn new(pace: Pace) -> Rates {
        Rates { pace, young: HashMap::new(), old: HashMap::new() }
    }

    /// Lets a source do something that counts as much as `cost`; or says how long it is to wait.
    pub fn take(&mut self, source: &str, cost: u32, now: Timestamp) -> Result<(), Duration> {
        let now = micros(now);
        let rest = self.rest_of(source, now);
        let next = rest.saturating_add(self.pace.step().saturating_mul(i64::from(cost)));
        let beyond = next - now - self.pace.room();
        if beyond > 0 {
            self.keep(source, rest);
            return Err(Duration::from_micros(beyond.unsigned_abs()));
        }
        self.keep(source, next);
        Ok(())
    }

    /// Whether a source may do something that counts once, which is not counted; or how long it is to wait.
    pub fn may(&mut self, source: &str, now: Timestamp) -> Result<(), Duration> {
        let now = micros(now);
        let rest = self.rest_of(source, now);
        self.keep(source, rest);
        let beyond = rest.saturating_add(self.pace.step()) - now - self.pace.room();
        if beyond > 0 { Err(Duration::from_micros(beyond.unsigned_abs())) } else { Ok(()) }
    }

    /// Counts something that a source has done already, as far as there is room for it.
    pub fn charge(&mut self, source: &str, cost: u32, now: Timestamp) {
        let now = micros(now);
        let next = self.rest_of(source, now).saturating_add(self.pace.step().saturating_mul(i64::from(cost)));
        self.keep(source, next.min(now + self.pace.room()));
    }

    /// When a source would be at rest. One that a clock which was set back left far ahead has to wait no longer than any other.
    fn rest_of(&mut self, source: &str, now: i64) -> i64 {
        let known = self.young.get(source).copied().or_else(|| self.old.remove(source));
        known.unwrap_or(now).clamp(now, now.saturating_add(self.pace.room()))
    }

    fn keep(&mut self, source: &str, rest: i64) {
        if let Some(known) = self.young.get_mut(source) {
            *known = rest;
            return;
        }
        if self.young.len() >= SOURCES {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(source.into(), rest);
    }

    /// How many sources are known.
    pub fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// Whether no source is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many requests there were of late.
#[derive(Debug)]
pub struct RequestRates {
    by_address: Mutex<Rates>,
    by_caller: Mutex<Rates>,
}

impl RequestRates {
    /// None yet.
    pub fn new(limits: &Limits) -> RequestRates {
        RequestRates {
            by_address: Mutex::new(Rates::new(Pace::per_minute(limits.requests_per_address))),
            by_caller: Mutex::new(Rates::new(Pace::per_minute(limits.requests_per_caller))),
        }
    }

    /// Of each address.
    pub fn by_address(&self) -> MutexGuard<'_, Rates> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of each person, and of each token that acts for itself.
    pub fn by_caller(&self) -> MutexGuard<'_, Rates> {
        self.by_caller.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(at: Timestamp) -> i64 {
    at.as_millis().saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + ms)
    }

    #[test]
    fn so_many_at_once_and_then_one_by_one() {
        let mut rates = Rates::new(Pace::per_minute(60));
        assert_eq!((0..100).filter(|_| rates.take("a", 1, at(0)).is_ok()).count(), 60);
        assert_eq!(rates.take("a", 1, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(rates.take("a", 1, at(999)), Err(Duration::from_millis(1)));
        assert_eq!(rates.take("a", 1, at(1_000)), Ok(()));
        assert!(rates.take("a", 1, at(1_000)).is_err() && rates.take("b", 1, at(1_000)).is_ok());
        // After a rest all of it is there again, and no more than that.
        assert_eq!((0..100).filter(|_| rates.take("a", 1, at(10_000_000)).is_ok()).count(), 60);
    }

    #[test]
    fn what_costs_more_counts_more_and_is_never_owed_beyond_the_room() {
        let mut rates = Rates::new(Pace::per_minute(60));
        rates.charge("a", 40, at(0));
        assert_eq!((0..100).filter(|_| rates.take("a", 1, at(0)).is_ok()).count(), 20);
        rates.charge("a", 1_000, at(0));
        assert_eq!(rates.take("a", 1, at(0)), Err(Duration::from_secs(1)));
        assert!(rates.take("a", 61, at(10_000_000)).is_err(), "more than all of it is never let through");
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_waiting_longer_than_the_room() {
        let mut rates = Rates::new(Pace::per_minute(60));
        (0..60).for_each(|_| rates.take("a", 1, at(3_600_000)).unwrap());
        assert!(rates.take("a", 1, at(0)).is_err());
        assert_eq!(rates.take("a", 1, at(1_000)), Ok(()));
    }

    #[test]
    fn however_many_sources_there_are_what_is_kept_is_bounded() {
        let mut rates = Rates::new(Pace::per_minute(60));
        rates.charge("first", 60, at(0));
        for n in 0..SOURCES {
            rates.take(&n.to_string(), 1, at(0)).unwrap();
        }
        assert!(rates.take("first", 1, at(0)).is_err(), "one half is not forgotten");
        for n in 0..SOURCES * 5 {
            rates.take(&format!("other {n}"), 1, at(0)).unwrap();
        }
        assert!(rates.len() <= 2 * SOURCES);
    }
}
