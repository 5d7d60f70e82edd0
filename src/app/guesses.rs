//! Guesses at passwords, slowed down.
//!
//! Who guesses is told from who forgot by how often: the first few wrong tries cost nothing, each further one doubles the wait. What is
//! counted together is what one guesser has in common: a login from one address; an address, whatever the logins; and a login from
//! anywhere, gently and much later, against many addresses at once. A browser that somebody has signed in with before is counted by
//! itself alone: whatever others do to that login, and whoever shares its address, its owner gets in.
//!
//! Tries from this machine itself have no address in common: they are those of a proxy in front that is not named in `trusted_proxies`,
//! and whoever is behind it would wait for all the others.
//!
//! A try counts before it is judged, so that a thousand at the same moment are a thousand; one that was right takes its count back. All
//! of it is in memory: a restart forgives, and a flood of names pushes out those that were tried least.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::base::network;
use crate::base::time::Timestamp;
use crate::domain::accounts::Hashed;

/// How long a row of wrong tries is remembered after the last.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);
/// After how long one wrong try is forgiven while others come: where many share an address, some mistype all day.
const FORGIVEN_EACH: Duration = Duration::from_secs(15 * 60);
/// How many rows are remembered.
const ROWS: usize = 20_000;

/// How a row of wrong tries is slowed down.
#[derive(Debug, Clone, Copy)]
struct Terms {
    /// How many are free.
    free: u32,
    /// The longest wait.
    longest: Duration,
}

/// What tries have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Row {
    /// A login from an address.
    Pair(String, String),
    /// An address.
    Address(String),
    /// A login.
    Login(String),
    /// A browser that is known for the login.
    Browser(String, Hashed),
    /// A session or token, whose person shows their password once more.
    SignedIn(String),
}

impl Row {
    fn terms(&self) -> Terms {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        match self {
            Row::Pair(..) => Terms { free: 5, longest: minutes(15) },
            Row::Address(_) => Terms { free: 20, longest: minutes(15) },
            // The owner may be elsewhere, with a new browser: they wait for half a minute, and have a one-time link besides.
            Row::Login(_) => Terms { free: 100, longest: Duration::from_secs(30) },
            Row::Browser(..) | Row::SignedIn(_) => Terms { free: 10, longest: minutes(15) },
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Count {
    wrong: u32,
    last: Timestamp,
}

impl Count {
    /// How many of the wrong tries still count.
    fn left(&self, now: Timestamp) -> u32 {
        let silent = now.since(self.last);
        if silent >= REMEMBERED {
            return 0;
        }
        let forgiven = silent.as_secs() / FORGIVEN_EACH.as_secs();
        self.wrong.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }

    /// How long the next try is to wait.
    fn wait(&self, terms: Terms, now: Timestamp) -> Duration {
        let Some(beyond) = self.wrong.checked_sub(terms.free) else { return Duration::ZERO };
        let delay = Duration::from_secs(1 << beyond.min(16)).min(terms.longest);
        delay.saturating_sub(now.since(self.last))
    }
}

/// The tries that were wrong, or are not judged yet.
#[derive(Debug, Clone, Default)]
pub struct Guesses(Arc<Mutex<HashMap<Row, Count>>>);

/// A try that is being judged; unless it is said to have been right, it was wrong.
#[derive(Debug)]
pub struct Guess {
    guesses: Guesses,
    rows: Vec<Row>,
}

impl Guesses {
    /// Begins a try, or says how long to wait.
    pub fn begin(&self, login: &str, address: Option<&str>, browser: Option<Hashed>, now: Timestamp) -> Result<Guess, Duration> {
        let login = crate::base::text::clip(&login.to_lowercase(), 40).into_owned();
        let rows = match (browser, address.and_then(network::source)) {
            (Some(browser), _) => vec![Row::Browser(login, browser)],
            (None, Some(address)) => vec![Row::Address(address.clone()), Row::Pair(login.clone(), address), Row::Login(login)],
            (None, None) => vec![Row::Login(login)],
        };
        self.begin_of(rows, now)
    }

    /// Begins a try of somebody who is signed in, by a session or token of this id; what strangers guess elsewhere is nothing to them.
    pub fn begin_signed_in(&self, id: String, now: Timestamp) -> Result<Guess, Duration> {
        self.begin_of(vec![Row::SignedIn(id)], now)
    }

    fn begin_of(&self, rows: Vec<Row>, now: Timestamp) -> Result<Guess, Duration> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = rows.iter().filter_map(|row| counts.get(row).map(|count| count.wait(row.terms(), now))).max().unwrap_or_default();
        if !wait.is_zero() {
            return Err(wait);
        }
        make_room(&mut counts, rows.len(), now);
        for row in &rows {
            let count = counts.entry(row.clone()).or_insert(Count { wrong: 0, last: now });
            let wrong = count.left(now).saturating_add(1);
            *count = Count { wrong, last: now };
        }
        Ok(Guess { guesses: self.clone(), rows })
    }
}

impl Guess {
    /// It was not judged: there is no room just now. It is as if it had not come.
    pub fn was_not_judged(self) {
        let mut counts = self.guesses.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &self.rows {
            if let Some(count) = counts.get_mut(row) {
                count.wrong = count.wrong.saturating_sub(1);
                // What costs nothing leaves nothing either: else many of these would push out what counts.
                if count.wrong == 0 {
                    counts.remove(row);
                }
            }
        }
    }

    /// The password was right, and a code is to be shown yet: a step of every sign-in with codes, for whoever shares the address or login.
    /// The login from here is left to count, so that codes are not guessed freely.
    pub fn was_half_right(self) {
        let mut counts = self.guesses.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in self.rows.iter().filter(|row| matches!(row, Row::Address(_) | Row::Login(_))) {
            if let Some(count) = counts.get_mut(row) {
                count.wrong = count.wrong.saturating_sub(1);
            }
        }
    }

    /// It was right: what this login did wrong from here is forgiven, and what others did is as before.
    pub fn was_right(self) {
        let mut counts = self.guesses.0.lock().unwrap_or_else(PoisonError::into_inner);
        for row in &self.rows {
            match row {
                Row::Pair(..) | Row::Browser(..) | Row::SignedIn(_) => {
                    counts.remove(row);
                }
                Row::Address(_) | Row::Login(_) => {
                    if let Some(count) = counts.get_mut(row) {
                        count.wrong = count.wrong.saturating_sub(1);
                    }
                }
            }
        }
    }
}

/// Drops what is past its time, and where that is not enough the half with the fewest wrong tries, of those the older: whoever is being
/// guessed at is not forgotten for a flood of names that are tried once each.
fn make_room(counts: &mut HashMap<Row, Count>, wanted: usize, now: Timestamp) {
    if counts.len() + wanted <= ROWS {
        return;
    }
    counts.retain(|_, count| now.since(count.last) < REMEMBERED);
    if counts.len() + wanted > ROWS {
        let weight = |count: &Count| (count.left(now), count.last);
        let mut weights: Vec<_> = counts.values().map(weight).collect();
        let (_, middle, _) = weights.select_nth_unstable(ROWS / 2);
        let middle = *middle;
        counts.retain(|_, count| weight(count) > middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    fn wrong(guesses: &Guesses, login: &str, address: &str, times: usize, now: Timestamp) -> usize {
        (0..times).take_while(|_| guesses.begin(login, Some(address), None, now).is_ok()).count()
    }

    #[test]
    fn a_few_tries_are_free_and_each_further_one_doubles_the_wait() {
        let guesses = Guesses::default();
        assert_eq!(wrong(&guesses, "ada", "192.0.2.1", 100, at(0)), 5);
        let mut waits = Vec::new();
        let mut now = at(0);
        for _ in 0..12 {
            let wait = guesses.begin("ADA", Some("192.0.2.1"), None, now).unwrap_err();
            waits.push(wait.as_secs());
            now = now + wait;
            drop(guesses.begin("ada", Some("192.0.2.1"), None, now).unwrap());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
    }

    #[test]
    fn the_owner_gets_in_elsewhere_and_with_a_known_browser() {
        let guesses = Guesses::default();
        wrong(&guesses, "ada", "192.0.2.1", 100, at(0));
        assert!(guesses.begin("ada", Some("192.0.2.1"), None, at(0)).is_err());
        guesses.begin("ada", Some("192.0.2.2"), None, at(0)).unwrap().was_right();
        guesses.begin("ada", Some("192.0.2.1"), Some(Hashed::of("browser")), at(0)).unwrap().was_right();
        // Being right in one place forgives nothing in another.
        assert!(guesses.begin("ada", Some("192.0.2.1"), None, at(0)).is_err());
    }

    #[test]
    fn an_address_that_tries_many_logins_waits_and_many_addresses_at_one_login_wait_a_little() {
        let guesses = Guesses::default();
        let tried = (0..100).take_while(|n| guesses.begin(&format!("user{n}"), Some("2001:db8::1"), None, at(0)).is_ok()).count();
        assert_eq!(tried, 20);
        assert!(guesses.begin("other", Some("2001:db8::ffff:1"), None, at(0)).is_err(), "the same network");
        let tried = (0..1_000).take_while(|n| guesses.begin("ada", Some(&format!("10.0.{}.{}", n / 250, n % 250)), None, at(0)).is_ok());
        assert_eq!(tried.count(), 100);
        assert!(guesses.begin("ada", Some("192.0.2.77"), None, at(0)).unwrap_err() <= Duration::from_secs(30));
    }

    #[test]
    fn tries_are_forgotten_after_an_hour_and_never_more_of_them_than_there_is_room_for() {
        let guesses = Guesses::default();
        assert_eq!(wrong(&guesses, "ada", "192.0.2.1", 100, at(0)), 5);
        assert_eq!(wrong(&guesses, "ada", "192.0.2.1", 100, at(3_601)), 5);
        for n in 0..(2 * ROWS) {
            let _ = guesses.begin(&format!("user{n}"), Some(&format!("address {n}")), None, at(4_000 + n as i64 / 100));
        }
        assert!(guesses.0.lock().unwrap().len() <= ROWS);
    }

    #[test]
    fn a_flood_of_names_does_not_make_whoever_is_guessed_at_forgotten() {
        let guesses = Guesses::default();
        let tried = (0..1_000).take_while(|_| guesses.begin("ada", None, None, at(0)).is_ok()).count();
        assert_eq!(tried, 100);
        for n in 0..(3 * ROWS) {
            let _ = guesses.begin(&format!("user{n}"), None, None, at(0));
        }
        assert!(guesses.begin("ada", None, None, at(0)).is_err());
        for n in 0..ROWS {
            if let Ok(guess) = guesses.begin(&format!("other{n}"), None, None, at(0)) {
                guess.was_not_judged();
            }
        }
        assert!(!guesses.0.lock().unwrap().contains_key(&Row::Login("other9".to_owned())), "what was not judged leaves nothing");
    }
}
