//! How the instance fares: what it rests on, looked at from inside while it runs.
//!
//! What `plumbline doctor` finds of the host from outside (the sandbox, the tools) is here as it was last surveyed; beside it what only
//! the process itself knows: its store and the room that is left, its queue, its index, its vault, and who stands in front.

use std::time::Duration;

use super::sandboxes::Survey;
use super::{App, indexing};
use crate::base::text::{bytes, count, duration};
use crate::base::time::Timestamp;
use crate::domain::admin::{self, LaneDepth};
use crate::domain::audit::{self, Digest};
use crate::domain::secrets::{self, KeyState};
use crate::domain::{issues, search};
use crate::engine::store;
use crate::words;

words! {
    /// How well something is, the better first.
    pub enum Grade: "grade" {
        /// As it should be.
        Good = "good",
        /// It works, and could be better.
        Weaker = "weaker",
        /// It does not work.
        Bad = "bad",
    }
}

/// Below how much room the disk is nearly full, and below how much it is as good as full.
const LITTLE_ROOM: u64 = 1 << 30;
const NO_ROOM: u64 = 64 << 20;
/// For how long due work may wait before that is said.
const WAITS_LONG: Duration = Duration::from_secs(15 * 60);

/// One thing that was looked at.
#[derive(Debug, Clone)]
pub struct Found {
    /// What.
    pub name: String,
    /// How well it is.
    pub grade: Grade,
    /// What was found.
    pub says: String,
    /// How to mend it.
    pub advice: Option<String>,
}

/// How the instance fares.
#[derive(Debug, Clone)]
pub struct Health {
    /// The size of the store's file.
    pub store_bytes: Option<u64>,
    /// How much room is left beside it.
    pub free_bytes: Option<u64>,
    /// The work, by lane.
    pub lanes: Vec<LaneDepth>,
    /// The number and hash of the trail's latest entry.
    pub audit_head: Option<(u64, Digest)>,
    /// What was looked at.
    pub checks: Vec<Found>,
}

/// What can fail in looking at an index.
#[derive(Debug, thiserror::Error)]
enum Unseen {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Search(#[from] search::Error),
    #[error(transparent)]
    Issues(#[from] issues::Error),
}

fn found(name: &str, grade: Grade, says: impl Into<String>, advice: Option<&str>) -> Found {
    Found { name: name.to_owned(), grade, says: says.into(), advice: advice.map(str::to_owned) }
}

/// Looks at everything, the host as it was surveyed.
pub fn look(app: &App, survey: &Survey) -> store::Result<Health> {
    let (lanes, head, now) = app.read_now(|tx, now| Ok::<_, store::Error>((admin::work_depth(tx, now)?, audit::head(tx)?, now)))?;
    let store_bytes = std::fs::metadata(app.config.data_dir.join("store.redb")).ok().map(|meta| meta.len());
    let free_bytes = free_bytes(app);
    let mut checks = vec![room(store_bytes, free_bytes), work(&lanes, now), index(app), vault(app, &lanes)?];
    checks.extend(host(survey));
    checks.extend(proxy(app));
    Ok(Health { store_bytes, free_bytes, lanes, audit_head: head.map(|head| (head.number, head.hash)), checks })
}

/// How much room is left on the disk that holds the data.
pub fn free_bytes(app: &App) -> Option<u64> {
    let space = rustix::fs::statvfs(&app.config.data_dir).ok()?;
    Some(space.f_bavail.saturating_mul(space.f_frsize))
}

fn room(store_bytes: Option<u64>, free_bytes: Option<u64>) -> Found {
    let store = store_bytes.map_or_else(|| "in memory".to_owned(), bytes);
    match free_bytes {
        Some(free) if free < NO_ROOM => {
            let says = format!("{} are left on the disk; the store takes {store}", bytes(free));
            found("store", Grade::Bad, says, Some("make room on the disk that holds the data directory"))
        }
        Some(free) if free < LITTLE_ROOM => {
            let says = format!("only {} are left on the disk; the store takes {store}", bytes(free));
            found("store", Grade::Weaker, says, Some("make room on the disk that holds the data directory"))
        }
        Some(free) => found("store", Grade::Good, format!("takes {store}; {} are left on the disk", bytes(free)), None),
        None => found("store", Grade::Weaker, format!("takes {store}; how much room is left cannot be found out"), None),
    }
}

fn work(lanes: &[LaneDepth], now: Timestamp) -> Found {
    let sum = |of: fn(&LaneDepth) -> u64| lanes.iter().map(of).sum::<u64>();
    let (ready, leased, dead) = (sum(|lane| lane.ready), sum(|lane| lane.leased), sum(|lane| lane.dead));
    let waits = lanes.iter().filter_map(|lane| lane.due_since).min().map(|since| now.millis_since(since)).unwrap_or(0);
    let says = format!("{} waiting, {leased} being carried out, {dead} given up", count(ready, "item"));
    if dead > 0 {
        return found("work", Grade::Weaker, says, Some("look at what was given up, and retry or discard it"));
    }
    if waits > WAITS_LONG.as_millis() as u64 {
        let says = format!("{says}; the longest has been due for {}", duration(waits));
        return found("work", Grade::Weaker, says, Some("the host may be too slow for what is asked of it; see which lane waits"));
    }
    found("work", Grade::Good, says, None)
}

fn index(app: &App) -> Found {
    match indexing::building::<Unseen>(app) {
        Ok(None) => found("search", Grade::Good, "the index is whole", None),
        Ok(Some(building)) => {
            found("search", Grade::Weaker, format!("the index is being built: {} %", building.percent()), Some("it builds itself; wait"))
        }
        Err(error) => found("search", Grade::Weaker, error.to_string(), Some("the index is derived: it is built anew when it is asked")),
    }
}

/// Whether secrets can be sealed and opened.
fn vault(app: &App, lanes: &[LaneDepth]) -> store::Result<Found> {
    if let Some(error) = app.vault.fault() {
        let advice = "until then secrets can neither be set nor given to checks, and codes from an app cannot be checked";
        return Ok(found("vault", Grade::Bad, error.to_string(), Some(advice)));
    }
    let keys = app.read_now(|tx, _| secrets::keys(tx))?;
    let earlier = keys.iter().filter(|key| key.state != KeyState::Present).count();
    if earlier > 0 && lanes.iter().all(|lane| lane.ready + lane.leased == 0) {
        let says = format!("{} cannot be let go of: something is sealed to it that cannot be opened", count(earlier as u64, "earlier key"));
        return Ok(found("vault", Grade::Weaker, says, Some("`plumbline keys regenerate-missing` names what is to be set anew")));
    }
    Ok(found("vault", Grade::Good, "secrets can be sealed and opened", None))
}

/// Whether requests come through somebody who is not known to be a proxy.
fn proxy(app: &App) -> Option<Found> {
    let address = app.unnamed_proxy.get()?;
    let says =
        format!("requests come through {address}, which is not known to be a proxy: limits and the trail cannot tell its clients apart");
    Some(found(
        "proxy",
        Grade::Weaker,
        says,
        Some("name it in `trusted_proxies`, and have it write one of `X-Forwarded-For` and `Forwarded`"),
    ))
}

/// What the host has to run checks with.
fn host(survey: &Survey) -> Vec<Found> {
    let tools = survey.tools.iter().filter(|(_, seen)| seen.can_run()).count();
    let tier = match &survey.keeping {
        Ok(keeping) => {
            let weaker = keeping.limits.iter().filter(|(_, keeper)| keeper.is_weaker()).count();
            let says = format!("tier {}", keeping.tier);
            if weaker > 0 {
                let advice = "a service with cgroups of its own (`Delegate=yes`) keeps them strictly; `plumbline doctor` says which";
                found("sandbox", Grade::Weaker, format!("{says}; {} kept loosely", count(weaker as u64, "bound")), Some(advice))
            } else {
                found("sandbox", Grade::Good, says, None)
            }
        }
        Err(error) => found("sandbox", Grade::Weaker, error.message.clone(), Some("the built-in checks run without one")),
    };
    vec![tier, found("tools", Grade::Good, format!("{tools} of {} can run here", survey.tools.len()), None)]
}
