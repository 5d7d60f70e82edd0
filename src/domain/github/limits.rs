//! How much GitHub may be asked: what it has said of that, and what we make of its silence.
//!
//! Each installation has a budget of its own, as GitHub counts them. While it says to wait, nothing is asked on that installation's
//! behalf. What is left when little is left is for the most urgent: a status is worth more than a list that can be read later. Where
//! GitHub fails again and again it is left alone for a while, and then asked once; where it delivers something meanwhile, sooner.
//!
//! Source: GitHub's documentation of rate limits of its REST interface and of good practices for integrators.

use std::collections::HashMap;
use std::time::Duration;

use super::{Error, Lane, Result};
use crate::base::time::Timestamp;

/// How long to wait where GitHub says that it was too much, and not for how long: a minute at least.
const UNSAID: Duration = Duration::from_secs(60);
/// The longest that a wait is taken for meant.
const LONGEST: Duration = Duration::from_secs(6 * 3_600);
/// The part of a budget, of so many, that is kept for what is urgent.
const RESERVE: u64 = 5;
/// How many failures in a row have GitHub left alone.
const FAILURES: u32 = 5;
/// For how long at first; twice as long each time after that.
const ALONE: Duration = Duration::from_secs(15);
/// How often that is doubled.
const DOUBLED: u32 = 5;
/// How long the one that is asked after that may take before another is.
const PROBE: Duration = Duration::from_secs(60);
/// The most installations whose budgets are known at a time.
const KNOWN: usize = 10_000;

/// What is known of one budget.
#[derive(Debug, Clone, Default)]
struct Budget {
    /// Nothing is asked before this.
    blocked_until: Option<Timestamp>,
    /// How often it was too much in a row, without GitHub saying for how long.
    unsaid: u32,
    /// What is left, of how much, until when.
    left: Option<(u64, u64, Timestamp)>,
}

impl Budget {
    /// Until when nothing may be asked of it in a lane, if it is so.
    fn closed_until(&self, lane: Lane, now: Timestamp) -> Option<Timestamp> {
        let is_low = |(left, limit, until): &(u64, u64, Timestamp)| lane == Lane::Syncs && now < *until && left * RESERVE < *limit;
        let blocked = self.blocked_until.filter(|until| now < *until);
        blocked.or_else(|| self.left.filter(is_low).map(|(_, _, until)| until))
    }
}

/// All budgets, and whether GitHub answers at all.
#[derive(Debug, Default)]
pub(super) struct Limits {
    budgets: HashMap<Option<u64>, Budget>,
    failures: u32,
    /// Whether it was left alone, and has not been found back since.
    was_away: bool,
    /// Whether it was found back, and nobody has taken note.
    is_back: bool,
    alone_until: Option<Timestamp>,
    /// When it last failed.
    failed_at: Timestamp,
    /// Whether one finds out at this moment.
    is_tried: bool,
}

/// What an answer says of its budget.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    /// The status.
    pub status: u16,
    /// Whether the answer itself says that it was too much.
    pub is_too_much: bool,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// `X-RateLimit-Remaining`.
    pub remaining: Option<u64>,
    /// `X-RateLimit-Limit`.
    pub limit: Option<u64>,
    /// `X-RateLimit-Reset`, in seconds since 1970.
    pub reset: Option<u64>,
}

impl Limits {
    /// Those of somebody who has not asked for a while: the first answer tells that GitHub is there.
    pub fn after_a_pause() -> Limits {
        Limits { was_away: true, ..Limits::default() }
    }

    /// Whether an installation, or the App itself, may ask now.
    pub fn ask(&mut self, whose: Option<u64>, lane: Lane, now: Timestamp) -> Result<()> {
        if let Some(until) = self.alone_until.filter(|until| now < *until) {
            return Err(Error::Away { until });
        }
        // Who may not ask finds nothing out.
        if let Some(until) = self.budgets.get(&whose).and_then(|budget| budget.closed_until(lane, now)) {
            return Err(Error::RateLimited { until });
        }
        if self.alone_until.is_some() {
            // This one finds out; the others wait for it.
            (self.alone_until, self.is_tried) = (Some(now + PROBE), true);
        }
        Ok(())
    }

    /// Takes note of an answer; an error where it says that it was too much.
    pub fn heard(&mut self, whose: Option<u64>, said: &Said, spread: u64, now: Timestamp) -> Result<()> {
        if self.budgets.len() >= KNOWN && !self.budgets.contains_key(&whose) {
            self.budgets.clear();
        }
        let budget = self.budgets.entry(whose).or_default();
        let reset = said.reset.and_then(|seconds| i64::try_from(seconds).ok()).map(Timestamp::from_seconds);
        if let (Some(left), Some(limit), Some(reset)) = (said.remaining, said.limit, reset) {
            budget.left = Some((left, limit, reset.min(now + LONGEST)));
        }
        let is_spent = said.remaining == Some(0);
        let is_too_much = said.status == 429 || said.status == 403 && (is_spent || said.retry_after.is_some() || said.is_too_much);
        if !is_too_much {
            budget.unsaid = 0;
            return Ok(());
        }
        let wait = match (said.retry_after, reset) {
            (Some(seconds), _) => Duration::from_secs(seconds),
            (None, Some(reset)) if is_spent => reset.since(now),
            _ => {
                budget.unsaid += 1;
                UNSAID * (1 << (budget.unsaid - 1).min(DOUBLED))
            }
        };
        let until = now + spread_out(wait.clamp(Duration::from_secs(1), LONGEST), spread);
        budget.blocked_until = Some(until);
        Err(Error::RateLimited { until })
    }

    /// Takes note that GitHub answered as one should, or failed. What was too much is an answer.
    pub fn fared(&mut self, well: bool, spread: u64, now: Timestamp) {
        let was_tried = std::mem::take(&mut self.is_tried);
        if well {
            self.failures = 0;
            self.alone_until = None;
            return;
        }
        self.is_back = false;
        // What was under way when it was left alone tells nothing new.
        if !was_tried && self.alone_until.is_some_and(|until| now < until) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES {
            let times = (self.failures - FAILURES).min(DOUBLED);
            (self.alone_until, self.failed_at) = (Some(now + spread_out(ALONE * (1 << times), spread)), now);
            self.was_away = true;
        }
    }

    /// Takes note that GitHub told something by itself: it is worth asking again, as soon as it was left alone for a moment.
    pub fn told(&mut self) {
        if !self.is_tried {
            self.alone_until = self.alone_until.map(|until| until.min(self.failed_at + ALONE));
        }
    }

    /// Takes note of an answer that was of use: the first after GitHub was left alone tells that it is back.
    pub fn served(&mut self) {
        self.is_back |= std::mem::take(&mut self.was_away);
    }

    /// Whether it is back, since this was last asked.
    pub fn take_back(&mut self) -> bool {
        std::mem::take(&mut self.is_back)
    }
}

/// A wait, longer by up to a tenth: what waited together does not come back together.
fn spread_out(wait: Duration, spread: u64) -> Duration {
    wait + wait / 10 * u32::try_from(spread % 1_000).expect("below 1,000") / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn until(result: Result<()>) -> i64 {
        match result {
            Err(Error::RateLimited { until } | Error::Away { until }) => until.as_millis() / 1_000,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_github_says_to_wait_is_waited_for_that_installation_and_no_other() {
        let mut limits = Limits::default();
        let said = Said { status: 403, retry_after: Some(120), ..Said::default() };
        assert_eq!(until(limits.heard(Some(1), &said, 0, at(1_000))), 1_120);
        assert_eq!(until(limits.ask(Some(1), Lane::Statuses, at(1_119))), 1_120);
        limits.ask(Some(2), Lane::Syncs, at(1_001)).unwrap();
        limits.ask(Some(1), Lane::Syncs, at(1_120)).unwrap();
        let spent = Said { status: 403, remaining: Some(0), limit: Some(5_000), reset: Some(4_000), ..Said::default() };
        assert_eq!(until(limits.heard(Some(1), &spent, 0, at(1_200))), 4_000);
        // A wait of years is not believed.
        let mad = Said { status: 429, retry_after: Some(u64::MAX), ..Said::default() };
        assert_eq!(until(limits.heard(Some(3), &mad, 999, at(0))), 6 * 3_600 + 2_157);
    }

    #[test]
    fn where_it_is_not_said_for_how_long_the_wait_grows_from_a_minute() {
        let mut limits = Limits::default();
        let said = Said { status: 403, is_too_much: true, ..Said::default() };
        let waits: Vec<i64> = (0..8).map(|_| until(limits.heard(Some(1), &said, 0, at(0)))).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 1_920, 1_920]);
        limits.heard(Some(1), &Said { status: 200, ..Said::default() }, 0, at(0)).unwrap();
        assert_eq!(until(limits.heard(Some(1), &said, 0, at(0))), 60);
    }

    #[test]
    fn a_refusal_is_not_a_limit() {
        let mut limits = Limits::default();
        let said = Said { status: 403, remaining: Some(10), limit: Some(5_000), reset: Some(9_000), ..Said::default() };
        limits.heard(Some(1), &said, 0, at(0)).unwrap();
    }

    #[test]
    fn what_little_is_left_is_kept_for_statuses() {
        let mut limits = Limits::default();
        let said = Said { status: 200, remaining: Some(999), limit: Some(5_000), reset: Some(9_000), ..Said::default() };
        limits.heard(Some(1), &said, 0, at(6_000)).unwrap();
        assert_eq!(until(limits.ask(Some(1), Lane::Syncs, at(6_001))), 9_000);
        limits.ask(Some(1), Lane::Statuses, at(6_001)).unwrap();
        limits.ask(Some(1), Lane::Syncs, at(9_000)).unwrap();
    }

    #[test]
    fn who_fails_again_and_again_is_left_alone_and_then_asked_once() {
        let mut limits = Limits::default();
        for _ in 0..4 {
            limits.fared(false, 0, at(0));
            limits.ask(None, Lane::Statuses, at(0)).unwrap();
        }
        limits.fared(false, 0, at(0));
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(14))), 15);
        limits.ask(Some(1), Lane::Statuses, at(15)).unwrap();
        assert_eq!(until(limits.ask(Some(2), Lane::Statuses, at(16))), 75);
        limits.fared(false, 0, at(16));
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(17))), 46);
        limits.fared(true, 0, at(50));
        assert!(!limits.take_back(), "a refusal may be that of somebody between us");
        limits.served();
        assert!(limits.take_back());
        limits.served();
        assert!(!limits.take_back(), "it has been for a while");
        limits.ask(None, Lane::Statuses, at(50)).unwrap();
    }

    #[test]
    fn what_github_tells_by_itself_has_it_asked_sooner_and_no_oftener_than_at_first() {
        let mut limits = Limits::default();
        limits.told();
        limits.ask(None, Lane::Statuses, at(0)).unwrap();
        for _ in 0..12 {
            limits.fared(false, 0, at(100));
        }
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(100))), 115, "what failed in one moment failed once");
        for at_last in [115, 145, 205] {
            limits.ask(None, Lane::Statuses, at(at_last)).unwrap();
            limits.fared(false, 0, at(at_last));
        }
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(205))), 325);
        limits.told();
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(219))), 220);
        limits.ask(None, Lane::Statuses, at(220)).unwrap();
        limits.told();
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(221))), 280, "one finds out at a time");
        limits.fared(false, 0, at(222));
        limits.told();
        assert_eq!(until(limits.ask(None, Lane::Statuses, at(223))), 237);
    }

    #[test]
    fn whoever_may_not_ask_does_not_find_out_whether_github_is_back() {
        let mut limits = Limits::default();
        let said = Said { status: 403, retry_after: Some(1_800), ..Said::default() };
        limits.heard(Some(1), &said, 0, at(0)).unwrap_err();
        for _ in 0..5 {
            limits.fared(false, 0, at(0));
        }
        assert_eq!(until(limits.ask(Some(1), Lane::Statuses, at(15))), 1_800);
        limits.ask(Some(2), Lane::Statuses, at(15)).unwrap();
    }
}
