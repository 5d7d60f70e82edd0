//! What of GitHub works, and what mends what does not.
//!
//! Half of it is asked there: whether what we sign is taken, what the App may, who lets it in, where it delivers to and how its last
//! delivery fared. That last is the only proof that the public address is one: nobody inside can tell how it looks from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::app::App;
use crate::app::health::Grade;
use crate::base::page::{Cursor, Limit};
use crate::base::text::{clip, count, duration, span};
use crate::base::time::Timestamp;
use crate::domain::github::client::{As, Lane, Skew};
use crate::domain::github::deliveries::{self, Healing, Tried};
use crate::domain::github::setup::{EVENTS, PERMISSIONS};
use crate::domain::github::sync::{self, Installation};
use crate::domain::github::{self, Client, Identity};
use crate::domain::hooks;
use crate::domain::repos::Repository;
use crate::engine::store::Scan;

/// By how much our clock may be wrong: GitHub refuses a statement that is dated a minute ahead.
const SKEW: Duration = Duration::from_secs(30);
/// What nothing works without: a commit is read, and its status is said.
const ESSENTIAL: &[&str] = &["contents", "metadata", "statuses"];
/// How many that lack something are named.
const NAMED: usize = 5;
/// How much of what GitHub says of a delivery is told.
const STATUS_BYTES: usize = 200;

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What.
    pub name: &'static str,
    /// How it stands.
    pub grade: Grade,
    /// In a sentence.
    pub says: String,
    /// What mends it.
    pub advice: Option<String>,
}

impl Looked {
    fn good(name: &'static str, says: impl Into<String>) -> Looked {
        Looked { name, grade: Grade::Good, says: says.into(), advice: None }
    }

    fn other(name: &'static str, grade: Grade, says: impl Into<String>, advice: impl Into<String>) -> Looked {
        Looked { name, grade, says: says.into(), advice: Some(advice.into()) }
    }
}

/// All that is known.
#[derive(Debug, Clone)]
pub struct Look {
    /// Who we are, if we are anybody.
    pub identity: Option<Identity>,
    /// The App's page on GitHub.
    pub page: Option<String>,
    /// Who lets it in; nothing where GitHub could not be asked.
    pub installations: Option<Vec<Installation>>,
    /// What was looked at.
    pub checks: Vec<Looked>,
}

/// The App as GitHub describes it.
#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    events: Vec<String>,
}

/// Where the App delivers to, as GitHub has it.
#[derive(Deserialize)]
struct HookConfig {
    #[serde(default)]
    url: Option<String>,
}

/// Looks. It asks GitHub, and blocks.
pub fn look(app: &App) -> github::Result<Look> {
    let mut look = Look { identity: None, page: None, installations: None, checks: vec![public_url(app)] };
    let client = match app.github() {
        Ok(client) => client,
        Err(github::Error::NotSetUp) => return Ok(look),
        Err(error) => return Err(error),
    };
    look.identity = Some(client.identity().clone());
    look.checks.push(webhook(app));
    let described: github::Result<Described> = client.get(As::App, Lane::Statuses, "/app");
    look.checks.push(key(&described));
    // What was refused tells the time as well.
    look.checks.extend(app.hub.skew().map(clock));
    let Ok(described) = described else {
        look.checks.push(unseen(app)?);
        return Ok(look);
    };
    look.checks.push(permissions(&described));
    look.checks.push(events(&described));
    match sync::installations(&client) {
        Ok(all) => {
            look.checks.push(installed(&all));
            look.checks.extend(accepted(&all));
            look.installations = Some(all);
        }
        Err(error) => look.checks.push(Looked::other("installations", Grade::Bad, error.to_string(), "look again in a while")),
    }
    let arrivals = arrivals(app, &client)?;
    look.checks.extend(hook_address(app, &client, arrivals.grade == Grade::Good));
    look.checks.push(arrivals);
    look.checks.extend(missed(app)?);
    look.checks.extend(compared(app)?);
    look.page = Some(described.html_url).filter(|page| page.starts_with(&client.identity().url));
    Ok(look)
}

/// Where deliveries of this instance's App are to go.
pub fn hook_url(app: &App) -> String {
    format!("{}/hooks/github", app.public_url())
}

fn public_url(app: &App) -> Looked {
    let url = app.public_url();
    if url.starts_with("https://") {
        return Looked::good("public address", format!("people and GitHub are sent to `{url}`"));
    }
    let advice = "say with `public_url` how it is reached from outside; GitHub delivers to what it can reach";
    Looked::other("public address", Grade::Weaker, format!("`{url}` is not encrypted, and perhaps not reachable"), advice)
}

fn webhook(app: &App) -> Looked {
    let name = "webhook secret";
    match app.read_now(|tx, now| github::webhook_secrets(tx, &app.vault, &app.config.github, now)) {
        Ok(secrets) if secrets.is_empty() => {
            Looked::other(name, Grade::Bad, "there is none, so that no delivery is taken", "set `github.webhook_secret_file`")
        }
        Ok(secrets) => Looked::good(name, format!("deliveries are held against {}", count(secrets.len() as u64, "secret"))),
        Err(error) => Looked::other(name, Grade::Bad, error.to_string(), "make it readable, or set the App up anew"),
    }
}

fn key(described: &github::Result<Described>) -> Looked {
    let Err(error) = described else { return Looked::good("key", "GitHub takes what is signed with it") };
    let advice = match error {
        github::Error::Refused { status: 401, .. } => {
            "look at the clock; if it is right, the key was revoked or is another App's: make a new one in the App's settings on GitHub and \
             name its file with `github.app_private_key_file`"
        }
        github::Error::Refused { .. } => "look at `github.app_id`: the App may have been deleted, or suspended",
        github::Error::Elsewhere | github::Error::Unreadable { .. } => {
            "look at `github.url` and `github.api_url`: what answers there is not GitHub"
        }
        github::Error::Outbound(_) => "let this machine reach GitHub, and look at `github.url` and `github.api_url`",
        github::Error::RateLimited { .. } | github::Error::Away { .. } | github::Error::Busy | github::Error::Failed { .. } => {
            "look again in a while"
        }
        github::Error::BadKey { .. }
        | github::Error::FileUnreadable { .. }
        | github::Error::FileUnusable { .. }
        | github::Error::NotSetUp
        | github::Error::Secrets(_)
        | github::Error::Store(_) => "name a good key with `github.app_private_key_file`, or set the App up anew",
    };
    Looked::other("key", Grade::Bad, error.to_string(), advice)
}

fn clock(skew: Skew) -> Looked {
    let (by, how) = match skew {
        Skew::None => return Looked::good("clock", "this machine's and GitHub's say the same"),
        Skew::Ahead(by) => (by, "ahead of"),
        Skew::Behind(by) => (by, "behind"),
    };
    let says = format!("this machine's is {} {how} GitHub's", duration(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)));
    if by <= SKEW {
        return Looked::good("clock", says);
    }
    let advice = "have it set by the network (`timedatectl set-ntp true`): GitHub refuses an App whose clock is wrong by a minute";
    Looked::other("clock", Grade::Bad, says, advice)
}

/// How much of a permission it is.
fn rank(level: &str) -> usize {
    ["read", "write", "admin"].iter().position(|known| *known == level).map_or(0, |at| at + 1)
}

/// What is used and not granted.
fn lacking(granted: &BTreeMap<String, String>) -> Vec<(&'static str, &'static str)> {
    let lacks = |(name, level): &&(&str, &str)| granted.get(*name).map_or(0, |has| rank(has)) < rank(level);
    PERMISSIONS.iter().filter(lacks).copied().collect()
}

fn grade_of(lacking: &[(&str, &str)]) -> Grade {
    if lacking.iter().any(|(name, _)| ESSENTIAL.contains(name)) { Grade::Bad } else { Grade::Weaker }
}

fn written(lacking: &[(&str, &str)]) -> String {
    lacking.iter().map(|(name, level)| format!("`{name}: {level}`")).collect::<Vec<_>>().join(", ")
}

fn permissions(described: &Described) -> Looked {
    let lacking = lacking(&described.permissions);
    if lacking.is_empty() {
        return Looked::good("permissions", "the App has all that are used");
    }
    let advice = "grant them in the App's settings on GitHub, and have each installation accept them";
    Looked::other("permissions", grade_of(&lacking), format!("the App lacks {}", written(&lacking)), advice)
}

fn events(described: &Described) -> Looked {
    let missing: Vec<String> =
        EVENTS.iter().filter(|event| !described.events.iter().any(|has| has == *event)).map(|event| format!("`{event}`")).collect();
    if missing.is_empty() {
        return Looked::good("events", "GitHub delivers all that are used");
    }
    let is_deaf = ["`push`", "`pull_request`"].iter().any(|event| missing.iter().any(|one| one == event));
    let says = format!("GitHub does not deliver {}", missing.join(", "));
    Looked::other("events", if is_deaf { Grade::Bad } else { Grade::Weaker }, says, "choose them in the App's settings on GitHub")
}

fn installed(installations: &[Installation]) -> Looked {
    let name = "installations";
    let suspended = installations.iter().filter(|one| one.suspended_at.is_some()).count();
    match (installations.len(), suspended) {
        (0, _) => Looked::other(name, Grade::Weaker, "nobody lets the App in yet", "install it where the repositories are"),
        (all, 0) => Looked::good(name, format!("the App is let in by {}", count(all as u64, "account"))),
        (all, _) => {
            let says = format!("of {}, {suspended} suspended", count(all as u64, "installation"));
            Looked::other(name, Grade::Weaker, says, "whoever suspended them can take that back on GitHub")
        }
    }
}

/// Who lets the App in with less than it asks for: a permission that it was given later waits until somebody there accepts it.
fn accepted(installations: &[Installation]) -> Option<Looked> {
    let lacks = |one: &Installation| Some((one.account.login.clone(), lacking(one.permissions.as_ref()?)));
    let mut behind: Vec<_> = installations.iter().filter_map(lacks).filter(|(_, lacking)| !lacking.is_empty()).collect();
    let grade = behind.iter().map(|(_, lacking)| grade_of(lacking)).max()?;
    let more = behind.len().saturating_sub(NAMED);
    behind.truncate(NAMED);
    let mut says: Vec<String> = behind.iter().map(|(login, lacking)| format!("`{login}` has not accepted {}", written(lacking))).collect();
    if more > 0 {
        says.push(format!("and {} more have not accepted all", count(more as u64, "account")));
    }
    let advice = "an owner there accepts them in the installation's settings on GitHub";
    Some(Looked::other("accepted permissions", grade, says.join("; "), advice))
}

/// Whether GitHub delivers to where we are: at the public address, or at another by which it arrives. A GitHub that does not tell is not
/// asked further.
fn hook_address(app: &App, client: &Client<'_>, arrives: bool) -> Option<Looked> {
    let name = "webhook address";
    let config: HookConfig = client.get(As::App, Lane::Syncs, "/app/hook/config").ok()?;
    let ours = hook_url(app);
    Some(match config.url.filter(|url| !url.is_empty()) {
        Some(url) if url == ours || arrives => Looked::good(name, format!("GitHub delivers to `{}`", clip(&url, STATUS_BYTES))),
        Some(url) => {
            let advice = format!(
                "set it to `{ours}` in the App's settings on GitHub, or `public_url` to where people and GitHub reach this instance"
            );
            Looked::other(
                name,
                Grade::Bad,
                format!("GitHub delivers to `{}`, and this instance is elsewhere", clip(&url, STATUS_BYTES)),
                advice,
            )
        }
        None => {
            Looked::other(name, Grade::Bad, "the App has none", format!("set it to `{ours}` in the App's settings on GitHub, and active"))
        }
    })
}

/// Whether what GitHub sends arrives, as it tells itself; as far as it does not, whether anything has come.
fn arrivals(app: &App, client: &Client<'_>) -> github::Result<Looked> {
    match deliveries::tried(client) {
        Ok(tried) if !tried.is_empty() => Ok(arrived(&tried[0], &hook_url(app))),
        Ok(_) | Err(_) => unseen(app),
    }
}

/// How the latest of GitHub's tries went.
fn arrived(last: &Tried, hook_url: &str) -> Looked {
    let name = "deliveries";
    let Tried { event, delivered_at: at, .. } = last;
    let event = clip(event, hooks::EVENT_BYTES);
    let status = last.status_code.filter(|status| *status > 0);
    match status {
        Some(200..=299) => Looked::good(name, format!("GitHub reaches this instance: its last, `{event}` at {at}, arrived")),
        Some(401) => {
            let advice = "have it sent again; if it is refused again, the webhook's secret in the App's settings on GitHub is not the one known here \
                          (`github.webhook_secret_file`)";
            Looked::other(
                name,
                Grade::Bad,
                format!("GitHub's last, `{event}` at {at}, was signed with a secret that is not known here"),
                advice,
            )
        }
        Some(415) => {
            let advice = "choose the content type `application/json` for the webhook, in the App's settings on GitHub";
            Looked::other(name, Grade::Bad, format!("GitHub's last, `{event}` at {at}, was no JSON"), advice)
        }
        status => {
            let why = match (clip(last.status.trim(), STATUS_BYTES), status) {
                (said, Some(status)) if said.is_empty() => status.to_string(),
                (said, Some(status)) => format!("{status}: {said}"),
                (said, None) if said.is_empty() => "no answer".to_owned(),
                (said, None) => said.into_owned(),
            };
            let advice = format!(
                "let GitHub reach `{hook_url}`: through the firewall, through the proxy, by a name that is known outside and with a certificate \
                 that is good; and name that address in `public_url`"
            );
            Looked::other(name, Grade::Bad, format!("GitHub's last, `{event}` at {at}, did not arrive ({why})"), advice)
        }
    }
}

/// What has come, where GitHub does not tell how it fared.
fn unseen(app: &App) -> github::Result<Looked> {
    let last = app.read_now(|tx, _| hooks::latest(tx))?.map(|last| (last.event, last.received_at));
    let made_at = app.read_now(|tx, _| github::app(tx))?.map(|made| made.made_at).filter(|_| app.config.github.app_id.is_none());
    let last = last.filter(|(_, at)| made_at.is_none_or(|made_at| *at >= made_at));
    Ok(match (last, made_at) {
        (Some((event, at)), _) => Looked::good("deliveries", format!("the last that came was `{event}` at {at}")),
        (None, made_at) => {
            let since = made_at.map_or_else(|| "yet".to_owned(), |at| format!("since the App was made at {at}"));
            let advice = format!("see that GitHub can reach `{}`: the firewall, the proxy, `public_url`", hook_url(app));
            Looked::other("deliveries", Grade::Weaker, format!("none has come {since}"), advice)
        }
    })
}

/// How it went when GitHub was last asked for what it could not deliver, and since when it is not known that all has arrived.
fn missed(app: &App) -> github::Result<Option<Looked>> {
    let Some(last) = app.read_now(|tx, _| deliveries::last(tx))? else { return Ok(None) };
    Ok(Some(reconciled(last, app.config.intervals().heal, app.clock.now())))
}

fn reconciled(last: Healing, interval: Duration, now: Timestamp) -> Looked {
    let name = "missed deliveries";
    let millis = |gap: Duration| duration(u64::try_from(gap.as_millis()).unwrap_or(u64::MAX));
    let every = format!("GitHub is asked for them every {}", span(interval));
    let gap = match last.known_until {
        Some(until) if until == last.asked_at => format!("all that was sent until {until} has arrived or was sent again"),
        Some(until) => format!("of the last {} it is not known that all has arrived", millis(now.since(until))),
        None => "it was never known that all had arrived".to_owned(),
    };
    let at = last.asked_at;
    let counts = match (last.missed, last.again) {
        (0, _) => "there were none".to_owned(),
        (missed, again) => format!("{missed} had not arrived, {again} were sent again"),
    };
    match last.error {
        Some(error) => Looked::other(name, Grade::Weaker, format!("asked for at {at}, {counts}, and then in vain: {error}; {gap}"), every),
        None if last.known_until == Some(at) => Looked::good(name, format!("{every}, last at {at}: {counts}; {gap}")),
        None => Looked::other(name, Grade::Weaker, format!("asked for at {at}: {counts}; {gap}"), every),
    }
}

/// As of when the branches here are GitHub's: whatever no delivery told of is found by a fetch, which each repository has in its turn.
fn compared(app: &App) -> github::Result<Option<Looked>> {
    let name = "branch heads";
    let (mut after, mut oldest, mut waiting, mut all) = (None, None::<Repository>, 0_u64, 0_u64);
    loop {
        let from: Option<Cursor> = after.take();
        let page = app.read_now(|tx, _| tx.page(&Scan::<Repository>::all().after(from.as_ref()), Limit::MAX))?;
        for repo in page.items.into_iter().filter(|repo| repo.source.github().is_some()) {
            all += 1;
            match (repo.synced_at, oldest.as_ref().and_then(|oldest| oldest.synced_at)) {
                (None, _) => waiting += 1,
                (Some(at), Some(before)) if before <= at => {}
                (Some(_), _) => oldest = Some(repo),
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let Some((oldest, at)) = oldest.and_then(|repo| repo.synced_at.map(|at| (repo.slug, at))) else {
        let says = format!("none of the {all} repositories of GitHub's was fetched yet");
        return Ok((all > 0).then(|| Looked::other(name, Grade::Weaker, says, "look again in a while")));
    };
    let says = format!("those of all repositories are GitHub's as of {at} or later; `{oldest}` was compared longest ago");
    Ok(Some(match waiting {
        0 => Looked::good(name, says),
        _ => Looked::other(name, Grade::Weaker, format!("{says}; {waiting} were never fetched"), "look again in a while"),
    }))
}

/// Has GitHub send its latest ping once more, or what it sent last if that is none; answers what that is. What is sent again bears its
/// old name, so that it has no second effect. It asks GitHub, and blocks.
pub fn send_again(app: &App) -> github::Result<Option<Tried>> {
    let client = app.github()?;
    let tried = deliveries::tried(&client)?;
    let Some(one) = tried.iter().find(|one| one.event == "ping").or(tried.first()) else { return Ok(None) };
    deliveries::again(&client, one.id)?;
    Ok(Some(one.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(status_code: Option<u16>, status: &str) -> Tried {
        let delivered_at = Timestamp::from_seconds(0);
        Tried { id: 1, guid: "g".to_owned(), delivered_at, status: status.to_owned(), status_code, event: "ping".to_owned() }
    }

    #[test]
    fn what_did_not_arrive_is_told_as_github_tells_it() {
        let says = |code, status| {
            let looked = arrived(&tried(code, status), "https://p.example/hooks/github");
            format!("{}: {}", looked.grade, looked.says)
        };
        assert_eq!(says(Some(202), "Accepted"), "good: GitHub reaches this instance: its last, `ping` at 1970-01-01T00:00:00Z, arrived");
        for (code, status, why) in [
            (Some(502), "failed to connect to host", "502: failed to connect to host"),
            (Some(0), "timed out", "timed out"),
            (None, "", "no answer"),
            (Some(503), " ", "503"),
        ] {
            assert!(says(code, status).starts_with("bad: ") && says(code, status).ends_with(&format!("did not arrive ({why})")), "{why}");
        }
        assert!(says(Some(415), "Unsupported").ends_with("was no JSON"));
        assert!(says(Some(401), "Unauthorized").contains("signed with a secret that is not known here"));
    }

    #[test]
    fn it_is_said_how_often_what_was_missed_is_asked_for_and_since_when_something_may_be_missing() {
        let at = Timestamp::from_seconds;
        let says = |healing: Healing| {
            let looked = reconciled(healing, Duration::from_secs(120), at(7_200));
            format!("{}: {}", looked.grade, looked.says)
        };
        let good = Healing { asked_at: at(7_100), known_until: Some(at(7_100)), missed: 0, again: 0, error: None };
        let told = says(good.clone());
        assert!(told.starts_with("good: GitHub is asked for them every 2 minutes, last at"), "{told}");
        assert!(told.contains("1970-01-01T01:58:20Z: there were none"), "{told}");
        let gap = says(Healing { known_until: Some(at(3_600)), missed: 9, again: 4, ..good.clone() });
        assert!(gap.starts_with("weaker: ") && gap.contains("9 had not arrived, 4 were sent again; of the last 1 h"), "{gap}");
        let never = says(Healing { known_until: None, error: Some("away".to_owned()), ..good });
        assert!(never.starts_with("weaker: ") && never.ends_with("in vain: away; it was never known that all had arrived"), "{never}");
    }

    #[test]
    fn a_clock_that_is_wrong_by_more_than_half_a_minute_is_said_to_be_so() {
        let seconds = Duration::from_secs;
        let grades: Vec<Grade> = [Skew::None, Skew::Ahead(seconds(30)), Skew::Behind(seconds(31)), Skew::Ahead(seconds(90))]
            .map(|skew| clock(skew).grade)
            .to_vec();
        assert_eq!(grades, [Grade::Good, Grade::Good, Grade::Bad, Grade::Bad]);
    }
}
