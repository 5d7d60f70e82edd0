//! The settings of the instance that an administrator changes while it runs.
//!
//! They are few: what makes sense to change without a restart, and without access to the host. A key that the configuration also has is
//! decided there: what a file, the environment or a flag says holds, and cannot be changed here. What is not set anywhere is the default.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::event::{Changed, Event};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Record, WriteTx};
use crate::words;

/// How long events are kept unless it is set.
pub const EVENTS_KEPT_DAYS: u32 = 90;
/// The shortest age at which the trail may be let go.
pub const AUDIT_KEPT_DAYS_LEAST: u32 = 30;
/// The longest that anything is said to be kept.
pub const DAYS_MOST: u32 = 36_500;
/// How often repositories may be looked at, in seconds.
pub const POLL_SECONDS: std::ops::RangeInclusive<u32> = 1..=86_400;

/// Under which name it is said on GitHub how a commit's gate stands, unless it is set.
pub const STATUS_CONTEXT: &str = "plumbline";
/// The longest such name.
pub const STATUS_CONTEXT_CHARS: usize = 100;

/// Takes a name under which something is said of commits on GitHub: characters that anybody can type and tell apart.
pub fn status_context(text: &str) -> Result<String, String> {
    let is_name = (1..=STATUS_CONTEXT_CHARS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    let wrong = || format!("not a name of 1 to {STATUS_CONTEXT_CHARS} printable ASCII characters, without a space before or after it");
    if is_name { Ok(text.to_owned()) } else { Err(wrong()) }
}

words! {
    /// How repositories of GitHub's come to be here.
    #[derive(Default)]
    pub enum AddRepos: "way of adding repositories" {
        /// Somebody adds each.
        #[default]
        ByHand = "by_hand",
        /// Whatever the App is let at is added when GitHub says so.
        Automatically = "automatically",
    }
}

/// The most organizations that are named.
pub const ORGANIZATIONS: usize = 100;

/// Takes the names of organizations on GitHub, which are the same in capitals and in small letters.
pub fn organizations(names: &[String]) -> Result<Vec<String>, String> {
    let is_one =
        |name: &String| (1..=100).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match names.iter().find(|name| !is_one(name)) {
        _ if names.len() > ORGANIZATIONS => Err(format!("a list of more than {ORGANIZATIONS}")),
        None => Ok(names.to_vec()),
        Some(bad) => Err(format!("not a list of organizations' names on GitHub: `{}`", clip(bad, 80))),
    }
}

/// What is set; `None` is the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Tools that run, where they are installed, in repositories whose manifest names no checks.
    pub default_tools: Option<Vec<String>>,
    /// How often repositories are asked for new commits, in seconds.
    pub poll_interval_s: Option<u32>,
    /// For how many days events are kept, which pages and the feed tell of.
    pub events_kept_days: Option<u32>,
    /// After how many days entries of the trail are let go; never unless it is set.
    pub audit_kept_days: Option<u32>,
    /// Under which name it is said on GitHub how a commit's gate stands.
    pub status_context: Option<String>,
    /// What is done about repositories that the App is let at on GitHub.
    pub add_repos: Option<AddRepos>,
    /// The organizations whose repositories are added when GitHub says so, whatever is done about others.
    pub add_repos_of: Option<Vec<String>>,
}

impl Record for Settings {
    const TABLE: &'static str = "settings";
    const VERSION: u16 = 1;
    type Key = ();

    fn key(&self) {}
}

impl Settings {
    /// How long events are kept.
    pub fn events_kept(&self) -> Duration {
        days(self.events_kept_days.unwrap_or(EVENTS_KEPT_DAYS))
    }

    /// After how long entries of the trail are let go, if ever.
    pub fn audit_kept(&self) -> Option<Duration> {
        self.audit_kept_days.map(days)
    }

    /// What is otherwise than before, in words.
    fn changes(&self, before: &Settings) -> Vec<Changed> {
        let words = |list: &Option<Vec<String>>| list.as_ref().map(|list| list.join(" "));
        [
            Changed::of("default_tools", words(&before.default_tools), words(&self.default_tools)),
            Changed::of("poll_interval_s", before.poll_interval_s, self.poll_interval_s),
            Changed::of("events_kept_days", before.events_kept_days, self.events_kept_days),
            Changed::of("audit_kept_days", before.audit_kept_days, self.audit_kept_days),
            Changed::of("status_context", before.status_context.as_ref(), self.status_context.as_ref()),
            Changed::of("add_repos", before.add_repos, self.add_repos),
            Changed::of("add_repos_of", words(&before.add_repos_of), words(&self.add_repos_of)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

fn days(days: u32) -> Duration {
    Duration::from_secs(u64::from(days) * 24 * 3_600)
}

/// What is set now.
pub fn load(tx: &ReadTx) -> store::Result<Settings> {
    Ok(tx.get::<Settings>(&())?.unwrap_or_default())
}

/// Changes what is set. The values are judged where they come in.
pub fn change(tx: &mut WriteTx, change: impl FnOnce(&mut Settings), now: Timestamp) -> store::Result<Settings> {
    let before = load(tx)?;
    let mut settings = before.clone();
    change(&mut settings);
    let changes = settings.changes(&before);
    if !changes.is_empty() {
        tx.put(&settings)?;
        tx.record(Event::SettingsChanged { changes }, now)?;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_organization_is_called_as_github_lets_it_be_called() {
        let list = |names: &[&str]| organizations(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(list(&["acme", "Octo-Org", "emu_acme"]).unwrap().len(), 3);
        for bad in ["", "acme/app", "a b", "\u{e4}cme", &"x".repeat(101)] {
            assert!(list(&["acme", bad]).is_err(), "{bad:?}");
        }
        assert!(list(&["acme"; ORGANIZATIONS + 1]).is_err());
    }

    #[test]
    fn a_status_is_said_under_a_name_that_anybody_can_type() {
        for good in ["plumbline", "acme / health", "a", &"x".repeat(100)] {
            assert_eq!(status_context(good).as_deref(), Ok(good));
        }
        for bad in ["", " ", " a", "a ", "a\nb", "a\u{7f}", "pl\u{fc}mb", "a\u{202e}b", &"x".repeat(101)] {
            assert!(status_context(bad).is_err(), "{bad:?}");
        }
    }
}
