//! Becoming an App on GitHub with one button.
//!
//! GitHub makes an App from a manifest that a browser brings it, and sends the browser back with a code that stands for all the App's
//! secrets for an hour. The exchange is bound to who began it: what comes back bears a word that was made for them, and is taken once.
//!
//! Source: GitHub's documentation, "Registering a GitHub App from a manifest".

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::client::{As, Client, Hub, Lane, judge, read, taken};
use super::{AppSecrets, Error, GithubApp, Result};
use crate::base::id::UserId;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::outbound::Request;

/// What the App may do, and to what end: `(permission, level)`.
pub const PERMISSIONS: &[(&str, &str)] = &[
    ("actions", "read"),
    ("checks", "write"),
    ("contents", "read"),
    ("deployments", "read"),
    ("emails", "read"),
    ("members", "read"),
    ("metadata", "read"),
    ("pull_requests", "write"),
    ("statuses", "write"),
];

/// What GitHub delivers. What it delivers to every App besides is not asked for.
pub const EVENTS: &[&str] = &[
    "check_run",
    "check_suite",
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "member",
    "membership",
    "organization",
    "public",
    "pull_request",
    "pull_request_review",
    "push",
    "repository",
    "team",
    "team_add",
    "workflow_run",
];

/// The most characters that GitHub takes in an App's name.
const NAME_CHARS: usize = 34;
/// How long GitHub keeps a code.
const CODE_GOOD_FOR: Duration = Duration::from_secs(3_600);
/// The most set-ups that are under way at a time.
const MOST_BEGUN: usize = 200;
/// The most bytes of a code.
const CODE_BYTES: usize = 200;
/// The most bytes of what GitHub answers.
const ANSWER: u64 = 256 << 10;

/// Who may install the App.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Installable {
    /// Whoever owns it.
    #[default]
    ByOwner,
    /// Every account on GitHub, so that several organizations are served.
    ByAnybody,
}

/// The manifest of the App for an appliance that people reach at this address.
pub fn manifest(public_url: &str, installable: Installable) -> Value {
    let host = public_url.split("://").nth(1).unwrap_or(public_url);
    let name: String = format!("Plumbline {}", host.replace([':', '/'], " ")).chars().take(NAME_CHARS).collect();
    let permissions: serde_json::Map<String, Value> = PERMISSIONS.iter().map(|(name, level)| ((*name).to_owned(), json!(level))).collect();
    json!({
        "name": name.trim(),
        "url": public_url,
        "description": "Code health on every push and pull request.",
        "hook_attributes": {"url": format!("{public_url}/hooks/github"), "active": true},
        "redirect_url": format!("{public_url}/admin/github/made"),
        "callback_urls": [format!("{public_url}/auth/github/callback")],
        "setup_url": format!("{public_url}/admin/github"),
        "public": installable == Installable::ByAnybody,
        "default_permissions": permissions,
        "default_events": EVENTS,
    })
}

/// Where a browser brings the manifest: to an organization's settings, or to those of whoever is signed in there.
pub fn door(url: &str, organization: Option<&str>, state: &str) -> String {
    match organization {
        Some(organization) => format!("{url}/organizations/{organization}/settings/apps/new?state={state}"),
        None => format!("{url}/settings/apps/new?state={state}"),
    }
}

/// Takes the name of an organization: letters, digits and hyphens.
pub fn organization(text: &str) -> Option<String> {
    let text = text.trim();
    let is_name = (1..=39).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_name.then(|| text.to_owned())
}

/// The set-ups that somebody began and GitHub has not sent back. In memory alone: whoever is caught by a restart begins once more.
#[derive(Debug, Default)]
pub struct Begun(Mutex<HashMap<String, (UserId, Timestamp)>>);

impl Begun {
    /// Begins one; answers the word that comes back with it. A page that reads itself again goes on with the one that it began.
    pub fn begin(&self, user: UserId, now: Timestamp) -> String {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((word, _)) = begun.iter().find(|(_, (of, at))| *of == user && now.since(*at) < CODE_GOOD_FOR / 2) {
            return word.clone();
        }
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes).expect("the operating system gives randomness");
        let word: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        begun.retain(|_, (_, at)| now.since(*at) < CODE_GOOD_FOR);
        if begun.len() >= MOST_BEGUN {
            begun.clear();
        }
        begun.insert(word.clone(), (user, now));
        word
    }

    /// Whether this word was made for them of late; it is taken once.
    pub fn redeem(&self, word: &str, user: UserId, now: Timestamp) -> bool {
        let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_theirs = begun.get(word).is_some_and(|(of, at)| *of == user && now.since(*at) < CODE_GOOD_FOR);
        if is_theirs {
            begun.remove(word);
        }
        is_theirs
    }

    /// Lets a word that was taken be taken once more: what it was taken for came to nothing, through no fault of theirs.
    pub fn give_back(&self, word: &str, user: UserId, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(word.to_owned(), (user, now));
    }
}

/// What GitHub hands out for a code.
#[derive(Deserialize)]
struct Made {
    id: u64,
    slug: String,
    name: String,
    client_id: String,
    client_secret: Secret<String>,
    #[serde(default)]
    webhook_secret: Option<Secret<String>>,
    pem: Secret<String>,
    html_url: String,
}

/// Whether it can be a code of GitHub's at all.
pub fn is_code(code: &str) -> bool {
    (1..=CODE_BYTES).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Exchanges a code for the App that GitHub made. It blocks.
pub fn exchange(hub: &Hub, url: &str, api_url: &str, code: &str, now: Timestamp) -> Result<(GithubApp, AppSecrets)> {
    if !is_code(code) {
        return Err(Error::Refused { status: 404, message: "that is no code of GitHub's".to_owned() });
    }
    let address = format!("{api_url}/app-manifests/{code}/conversions");
    let request = Request {
        method: "POST",
        url: &address,
        headers: &[("accept", "application/vnd.github+json")],
        secret_headers: &[],
        body: b"",
        deadline: hub.deadline(),
        cap: ANSWER,
    };
    let (head, body) = taken(hub.outbound().send(&request)?)?;
    let (_, body) = judge(head, body)?;
    let made: Made = read(&body)?;
    super::check_key(&made.pem)?;
    let webhook_secret = made.webhook_secret.ok_or(Error::Unreadable { why: "the App has no webhook secret" })?;
    let app = GithubApp {
        app_id: made.id,
        slug: made.slug,
        name: made.name,
        client_id: made.client_id,
        url: url.to_owned(),
        api_url: api_url.to_owned(),
        page: made.html_url,
        made_at: now,
    };
    Ok((app, AppSecrets { private_key: made.pem, webhook_secret, client_secret: made.client_secret }))
}

/// Has GitHub sign the App's deliveries with this from now on. It is of letters, digits, `-` and `_`.
pub fn sign_with(client: &Client<'_>, secret: &Secret<String>) -> Result<()> {
    let body = Zeroizing::new([&b"{\"secret\":\""[..], secret.expose().as_bytes(), b"\"}"].concat());
    client.send_bytes::<IgnoredAny>(As::App, Lane::Statuses, "PATCH", "/app/hook/config", &body).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::Id;

    #[test]
    fn the_app_asks_for_what_is_used_and_has_a_name_that_github_takes() {
        let manifest = manifest("https://plumbline.a-rather-long-name.example.com:8443", Installable::ByOwner);
        assert_eq!(manifest["name"], "Plumbline plumbline.a-rather-long-");
        assert_eq!(manifest["hook_attributes"]["url"], "https://plumbline.a-rather-long-name.example.com:8443/hooks/github");
        assert_eq!(manifest["default_permissions"]["statuses"], "write");
        assert_eq!(manifest["public"], false);
        assert_eq!(super::manifest("https://p.example", Installable::ByAnybody)["public"], true);
        assert!(PERMISSIONS.is_sorted() && EVENTS.is_sorted());
    }

    #[test]
    fn what_comes_back_is_taken_once_from_whoever_began_it() {
        let (begun, now) = (Begun::default(), Timestamp::from_seconds(1_000));
        let (ada, eve) = (UserId::from_u128(1), UserId::from_u128(2));
        let word = begun.begin(ada, now);
        assert!(!begun.redeem(&word, eve, now) && !begun.redeem("", ada, now));
        assert!(begun.redeem(&word, ada, now) && !begun.redeem(&word, ada, now));
        let late = begun.begin(ada, now);
        assert!(!begun.redeem(&late, ada, now + CODE_GOOD_FOR));
    }

    #[test]
    fn a_page_that_is_read_again_goes_on_with_what_it_began_while_that_is_good_for_long_enough() {
        let (begun, now, ada) = (Begun::default(), Timestamp::from_seconds(1_000), UserId::from_u128(1));
        let word = begun.begin(ada, now);
        assert_eq!(begun.begin(ada, now + CODE_GOOD_FOR / 4), word);
        assert_ne!(begun.begin(UserId::from_u128(2), now), word);
        assert_ne!(begun.begin(ada, now + CODE_GOOD_FOR / 2), word);
        assert!(begun.redeem(&word, ada, now + CODE_GOOD_FOR / 2));
    }

    #[test]
    fn an_organization_is_a_name_and_nothing_that_leads_elsewhere() {
        assert_eq!(organization(" acme-1 ").as_deref(), Some("acme-1"));
        for bad in ["", "a/b", "../x", "a b", "a?b", &"a".repeat(40)] {
            assert_eq!(organization(bad), None, "{bad}");
        }
        assert_eq!(door("https://github.com", Some("acme"), "1"), "https://github.com/organizations/acme/settings/apps/new?state=1");
    }
}
