//! What GitHub could not deliver: asked for again.
//!
//! GitHub tells an App how each delivery of the last days went. Those that did not arrive, since we were away or failed, are asked for
//! again, the oldest first, one after the other for as long as GitHub lets us: after hours away the gap closes in one go. One that fails
//! again is asked for after ever longer waits, and what has failed several times, or is no delivery at all, is left alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::client::{As, Client, Lane, Listed};
use super::{Error, Result};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Record, WriteTx};

/// How much is done at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How many pages of tries are read.
    pub pages: usize,
    /// How many deliveries are asked for again.
    pub again: usize,
}

impl Default for Bounds {
    /// More than hours away leave: what GitHub lets an App ask comes to its end before.
    fn default() -> Bounds {
        Bounds { pages: 1_000, again: 10_000 }
    }
}

/// How often one is tried, as far as is seen.
const TRIES: usize = 5;
/// How much of an error is kept.
const ERROR_BYTES: usize = 500;

/// How it went when GitHub was last asked for what it could not deliver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healing {
    /// When it was last asked.
    pub asked_at: Timestamp,
    /// Until when all that was sent is known to have arrived or to have been asked for again.
    pub known_until: Option<Timestamp>,
    /// How many had not arrived.
    pub missed: u64,
    /// How many were asked for again.
    pub again: u64,
    /// Why it could not be asked.
    pub error: Option<String>,
}

impl Record for Healing {
    const TABLE: &'static str = "healings";
    const VERSION: u16 = 1;
    type Key = ();

    fn key(&self) {}
}

/// How it went last, if it was ever asked.
pub fn last(tx: &ReadTx) -> store::Result<Option<Healing>> {
    tx.get::<Healing>(&())
}

/// Writes down how it went.
pub fn record(tx: &mut WriteTx, healing: Healing) -> store::Result<()> {
    let error = healing.error.as_deref().map(|error| clip(error, ERROR_BYTES).into_owned());
    tx.put(&Healing { error, ..healing })
}

/// A try at a delivery, as GitHub tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tried {
    /// GitHub's number for the try.
    pub id: u64,
    /// GitHub's name for the delivery, the same each time it is tried.
    pub guid: String,
    /// When.
    pub delivered_at: Timestamp,
    /// How it went, in GitHub's words.
    #[serde(default)]
    pub status: String,
    /// What was answered; 0 or nothing where nothing was.
    #[serde(default)]
    pub status_code: Option<u16>,
    /// What it is about.
    #[serde(default)]
    pub event: String,
}

/// The latest tries, newest first.
pub fn tried(client: &Client<'_>) -> Result<Vec<Tried>> {
    client.get(As::App, Lane::Syncs, "/app/hook/deliveries?per_page=100")
}

/// Asks for a delivery again.
pub fn again(client: &Client<'_>, id: u64) -> Result<()> {
    let path = format!("/app/hook/deliveries/{id}/attempts");
    client.send::<serde::de::IgnoredAny>(As::App, Lane::Syncs, "POST", &path, &serde_json::json!({}))?;
    Ok(())
}

/// What came of asking again.
#[derive(Debug, Default)]
pub struct Healed {
    /// How many deliveries had not arrived, as far as was read.
    pub missed: u64,
    /// How many of them were asked for again.
    pub again: u64,
    /// How many of them have failed again a short while ago, and wait.
    pub later: u64,
    /// When the oldest of them was first sent.
    pub oldest: Option<Timestamp>,
    /// Whether GitHub's list was longer than what was read of it.
    pub is_cut: bool,
    /// Why it was not gone on.
    pub stopped: Option<Error>,
}

impl Healed {
    /// Whether all that was sent has arrived, was asked for again, or waits to be.
    pub fn is_whole(&self) -> bool {
        !self.is_cut && self.stopped.is_none() && self.again + self.later == self.missed
    }
}

/// Asks again for what was sent since then and did not arrive, for as long as `goes_on`. What was asked for when GitHub has us wait is told
/// all the same.
pub fn heal(client: &Client<'_>, since: Timestamp, now: Timestamp, bounds: Bounds, goes_on: impl Fn() -> bool) -> Result<Healed> {
    // Newest first.
    let (path, is_wanted) = ("/app/hook/deliveries?per_page=100", |one: &Tried| one.delivered_at >= since);
    let Listed { items: mut tries, is_cut } = client.list_pages(As::App, Lane::Syncs, path, None, is_wanted, bounds.pages)?;
    tries.retain(is_wanted);
    let Missed { due, later, oldest } = missed(tries, now);
    let mut healed = Healed { missed: due.len() as u64 + later, later, oldest, is_cut, ..Healed::default() };
    for id in due.into_iter().take(bounds.again).take_while(|_| goes_on()) {
        match again(client, id) {
            Ok(()) => healed.again += 1,
            // It is no longer kept there; whatever else is missed is asked for.
            Err(Error::Refused { status: 404 | 422, .. }) => healed.again += 1,
            Err(error) => {
                healed.stopped = Some(error);
                break;
            }
        }
    }
    Ok(healed)
}

/// What did not arrive.
#[derive(Debug, PartialEq, Eq)]
struct Missed {
    /// The latest try of each delivery whose turn has come, the oldest first.
    due: Vec<u64>,
    /// How many have failed again a short while ago.
    later: u64,
    /// When the oldest of all of them was first sent.
    oldest: Option<Timestamp>,
}

/// How long after its latest try a delivery is asked for that was tried so often: what keeps it from arriving is not mended in minutes.
const WAITS: [Duration; TRIES - 1] = [Duration::ZERO, Duration::from_secs(100), Duration::from_secs(10 * 60), Duration::from_secs(60 * 60)];

fn missed(tries: Vec<Tried>, now: Timestamp) -> Missed {
    let mut by_guid: BTreeMap<String, Vec<Tried>> = BTreeMap::new();
    for one in tries {
        by_guid.entry(one.guid.clone()).or_default().push(one);
    }
    let is_over = |one: &Tried| match one.status_code {
        Some(200..=299) => true,
        // What is no delivery, or is too large, will be so again. All else may be otherwise the next time: a secret is mended, and what
        // stands before us answers for us while we are away.
        Some(400 | 413 | 415 | 422) => true,
        Some(_) | None => false,
    };
    let lost = by_guid.into_values().filter(|tries| tries.len() < TRIES && !tries.iter().any(is_over));
    let lost: Vec<Vec<Tried>> = lost.collect();
    let oldest = lost.iter().flatten().map(|one| one.delivered_at).min();
    let latest = lost.into_iter().filter_map(|tries| Some((tries.len(), tries.into_iter().max_by_key(|one| (one.delivered_at, one.id))?)));
    let (mut due, waiting): (Vec<_>, Vec<_>) = latest.partition(|(tried, one)| now.since(one.delivered_at) >= WAITS[tried - 1]);
    due.sort_by_key(|(_, one)| (one.delivered_at, one.id));
    Missed { due: due.into_iter().map(|(_, one)| one.id).collect(), later: waiting.len() as u64, oldest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(id: u64, guid: &str, at: i64, status: u16) -> Tried {
        let (guid, delivered_at) = (guid.to_owned(), Timestamp::from_seconds(at));
        Tried { id, guid, delivered_at, status: String::new(), status_code: Some(status), event: "push".to_owned() }
    }

    #[test]
    fn what_did_not_arrive_is_asked_for_and_nothing_else_is() {
        let due = |tries| missed(tries, Timestamp::from_seconds(100_000));
        let tries = vec![
            one(9, "arrived at last", 50, 202),
            one(8, "late", 40, 503),
            one(7, "under another secret", 39, 401),
            one(6, "arrived at last", 30, 502),
            one(5, "early", 20, 0),
            one(4, "too soon", 10, 429),
            one(3, "no delivery", 9, 400),
            one(2, "while a proxy stood there", 8, 404),
        ];
        assert_eq!(due(tries), Missed { due: vec![2, 4, 5, 7, 8], later: 0, oldest: Some(Timestamp::from_seconds(8)) });
        let hopeless = (0..5).map(|n| one(n, "hopeless", 10, 500)).collect();
        assert_eq!(due(hopeless).due, [0_u64; 0]);
        assert_eq!(due(vec![one(2, "a", 5, 500), one(1, "a", 3, 500)]).due, [2], "the latest try stands for the delivery");
    }

    #[test]
    fn what_fails_again_is_asked_for_after_ever_longer_waits() {
        for (tried, wait) in [(1, 0), (2, 100), (3, 600), (4, 3_600)] {
            let tries = || (0..tried).map(|n| one(n, "a", 1_000, 500)).collect();
            let at = |after: i64| missed(tries(), Timestamp::from_seconds(1_000 + after));
            let oldest = Some(Timestamp::from_seconds(1_000));
            assert_eq!(at(wait), Missed { due: vec![tried - 1], later: 0, oldest });
            if wait > 0 {
                assert_eq!(at(wait - 1), Missed { due: Vec::new(), later: 1, oldest });
            }
        }
    }
}
