//! Asking GitHub: one request, one answer, and all that must be kept on the way.
//!
//! A [`Hub`] is what all who ask share: the tokens of installations, each made by one while the others wait for it; what was answered
//! before, so that what has not changed costs nothing; and how much may be asked (`limits`). A [`Client`] is the hub on
//! behalf of who we are at this moment.
//!
//! A token is shown to GitHub's own interface and to nobody else: redirects are followed beneath its address alone. It stands in a
//! header, never in an address. What is refused is told with GitHub's own sentence, cut short; bodies are not repeated.

use std::collections::{HashMap, VecDeque};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::app_auth::statement;
use super::last_seen::LastSeen;
use super::limits::{Limits, Said};
use super::setup::Begun;
use super::sync::Seen;
use super::{Configured, Error, Identity, Result};
use crate::base::secret::Secret;
use crate::base::text::{clip, quiet};
use crate::base::time::{Clock, Timestamp};
use crate::engine::outbound::{self, Request, Response};

/// How long one exchange may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// How long one may that people wait for: GitHub itself ends what takes it longer than ten seconds, and others wait for their turn.
const URGENT: Duration = Duration::from_secs(12);
/// The most bytes of an answer.
const ANSWER: u64 = 8 << 20;
/// How many redirects are followed, beneath GitHub's own address.
const REDIRECTS: usize = 3;
/// The most pages of a list.
const PAGES: usize = 200;
/// How long a token must still be good to be used.
const STILL_GOOD: Duration = Duration::from_secs(300);
/// The most installations whose tokens are held at a time.
const TOKENS: usize = 10_000;
/// The most answers that are kept, the most bytes of one, and of all: a page of a hundred repositories has some hundred KiB.
const KEPT: usize = 500;
const KEPT_BYTES: usize = 1 << 20;
const KEPT_BYTES_IN_ALL: usize = 16 << 20;
/// How much of what GitHub says of a refusal is told.
const SAID: usize = 300;
/// The version of the interface that we speak.
const VERSION: &str = "2022-11-28";

/// On whose behalf something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum As {
    /// The App itself.
    App,
    /// One of its installations.
    Installation(u64),
}

impl As {
    fn installation(self) -> Option<u64> {
        match self {
            As::App => None,
            As::Installation(id) => Some(id),
        }
    }
}

/// How urgent a question is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// What people wait for.
    Statuses,
    /// What can be read later.
    Syncs,
}

/// Where the App's key comes from.
pub trait Keys: Sync {
    /// The App's private key.
    fn private_key(&self) -> Result<Secret<String>>;
}

/// What all who ask GitHub share.
#[derive(Debug)]
pub struct Hub {
    outbound: outbound::Client,
    clock: Clock,
    tokens: Mutex<HashMap<u64, Slot>>,
    kept: Mutex<Kept>,
    limits: Mutex<Limits>,
    begun: Begun,
    skew: Mutex<Option<Skew>>,
    seen: LastSeen,
    deadline: Duration,
}

/// How GitHub's clock stood to ours when it last answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skew {
    /// As far as can be told, they say the same.
    None,
    /// Ours is ahead of it by this.
    Ahead(Duration),
    /// Ours is behind it by this.
    Behind(Duration),
}

impl Skew {
    /// What a `Date` tells that was written between two instants of our clock. It has whole seconds, rounded down.
    fn of(date: Timestamp, asked_at: Timestamp, answered_at: Timestamp) -> Skew {
        let latest = date + Duration::from_secs(1);
        if latest < asked_at {
            Skew::Ahead(asked_at.since(latest))
        } else if answered_at < date {
            Skew::Behind(date.since(answered_at))
        } else {
            Skew::None
        }
    }
}

/// The place of an installation's token: whoever holds it and finds none that is good makes one.
type Slot = Arc<Mutex<Option<Token>>>;

/// A token of an installation.
#[derive(Debug, Clone)]
struct Token {
    text: Secret<String>,
    expires_at: Timestamp,
}

/// A token as GitHub hands it out.
#[derive(Deserialize)]
struct Made {
    token: Secret<String>,
    expires_at: Timestamp,
}

/// Answers that are kept, with what tells whether they still hold.
#[derive(Debug, Default)]
struct Kept {
    answers: HashMap<(As, String), (String, Page)>,
    order: VecDeque<(As, String)>,
    bytes: usize,
}

/// A body and where the next one is.
#[derive(Debug, Clone)]
struct Page {
    body: Arc<Vec<u8>>,
    next: Option<String>,
}

/// What was read of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Whether there are more that are wanted.
    pub is_cut: bool,
}

/// What GitHub says of a refusal.
#[derive(Deserialize)]
struct Sorry {
    message: String,
}

impl Hub {
    /// A hub for the GitHub that is configured, whose hosts are asked whatever their address is: the operator has named them.
    pub fn new(configured: &Configured, outbound: &outbound::Client, clock: Clock) -> outbound::Result<Hub> {
        let mut outbound = outbound.clone();
        for url in [&configured.url, &configured.api_url].into_iter().flatten() {
            outbound = outbound.allowing_url(url)?;
        }
        Ok(Hub {
            outbound,
            clock,
            tokens: Mutex::default(),
            kept: Mutex::default(),
            // Whether it was away when the process before this one ended is not known.
            limits: Mutex::new(Limits::after_a_pause()),
            begun: Begun::default(),
            skew: Mutex::default(),
            seen: LastSeen::default(),
            deadline: configured.deadline.unwrap_or(DEADLINE),
        })
    }

    /// How GitHub's clock stood to ours when it last answered, if it has answered since the process began.
    pub fn skew(&self) -> Option<Skew> {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What GitHub's clock says now, as far as can be told from ours.
    pub fn their_now(&self) -> Timestamp {
        let now = self.clock.now();
        match self.skew() {
            None | Some(Skew::None) => now,
            Some(Skew::Ahead(by)) => now - by,
            Some(Skew::Behind(by)) => now + by,
        }
    }

    /// Whether GitHub answers again after it was left alone, since this was last asked.
    pub fn take_back(&self) -> bool {
        self.limits().take_back()
    }

    /// Takes note that GitHub told something by itself, in a delivery.
    pub fn told(&self) {
        self.limits().told();
    }

    /// How long one exchange may take.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Takes note of what an answer says of GitHub's clock.
    fn heard_at(&self, head: &Head, asked_at: Timestamp, answered_at: Timestamp) {
        if let Some(date) = head.header("date").and_then(Timestamp::of_http_date) {
            *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = Some(Skew::of(date, asked_at, answered_at));
        }
    }

    /// What asks GitHub's hosts.
    pub fn outbound(&self) -> &outbound::Client {
        &self.outbound
    }

    /// The set-ups that were begun.
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// A client for who we are.
    pub fn client<'a>(&'a self, identity: Identity, keys: &'a dyn Keys) -> Client<'a> {
        Client { hub: self, identity, keys }
    }

    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, installation: u64) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens.len() >= TOKENS && !tokens.contains_key(&installation) {
            tokens.clear();
        }
        Arc::clone(tokens.entry(installation).or_default())
    }
}

impl Kept {
    fn keep(&mut self, key: (As, String), etag: String, page: Page) {
        if page.body.len() > KEPT_BYTES {
            return;
        }
        self.bytes += page.body.len();
        match self.answers.insert(key.clone(), (etag, page)) {
            Some((_, before)) => self.bytes -= before.body.len(),
            None => self.order.push_back(key),
        }
        while self.order.len() > KEPT || self.bytes > KEPT_BYTES_IN_ALL {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, page)) = self.answers.remove(&oldest) {
                self.bytes -= page.body.len();
            }
        }
    }
}

/// The hub on behalf of who we are.
#[derive(Clone)]
pub struct Client<'a> {
    hub: &'a Hub,
    identity: Identity,
    keys: &'a dyn Keys,
}

impl Client<'_> {
    /// Who we are.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the App can see, as it was read less than `within` ago or is read by `look`.
    pub(super) fn seen(&self, within: Duration, look: impl FnOnce() -> Result<Vec<Seen>>) -> Result<Arc<Vec<Seen>>> {
        self.hub.seen.get(self.identity.app_id, within, || self.hub.clock.now(), look)
    }

    /// Reads a thing.
    pub fn get<T: DeserializeOwned>(&self, who: As, lane: Lane, path: &str) -> Result<T> {
        read(&self.page(who, lane, self.url(path))?.body)
    }

    /// Reads a list to its end. Where the list stands in a field of each page, `field` names it.
    pub fn list<T: DeserializeOwned>(&self, who: As, lane: Lane, path: &str, field: Option<&str>) -> Result<Vec<T>> {
        self.list_while(who, lane, path, field, |_| true)
    }

    /// Reads a list page by page, as long as all items of a page are wanted. One that is cut short is told of in the log.
    pub fn list_while<T: DeserializeOwned>(
        &self,
        who: As,
        lane: Lane,
        path: &str,
        field: Option<&str>,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>> {
        let Listed { items, is_cut } = self.list_pages(who, lane, path, field, is_wanted, PAGES)?;
        if is_cut {
            tracing::warn!("GitHub's list at `{path}` has more than {PAGES} pages; the rest of it is not read");
        }
        Ok(items)
    }

    /// Reads at most `pages` pages of a list, as long as all items of a page are wanted, and says whether there are more.
    pub fn list_pages<T: DeserializeOwned>(
        &self,
        who: As,
        lane: Lane,
        path: &str,
        field: Option<&str>,
        is_wanted: impl Fn(&T) -> bool,
        pages: usize,
    ) -> Result<Listed<T>> {
        let mut all = Vec::new();
        let mut next = Some(self.url(path));
        for _ in 0..pages {
            let Some(url) = next.take() else { break };
            let page = self.page(who, lane, url)?;
            let items = match field {
                None => read::<Vec<T>>(&page.body)?,
                Some(field) => {
                    let mut whole: serde_json::Map<String, serde_json::Value> = read(&page.body)?;
                    let list = whole.remove(field).ok_or(Error::Unreadable { why: "the list is missing" })?;
                    serde_json::from_value(list).map_err(|_| Error::Unreadable { why: OTHERWISE })?
                }
            };
            next = page.next.filter(|_| items.iter().all(&is_wanted));
            all.extend(items);
        }
        Ok(Listed { items: all, is_cut: next.is_some() })
    }

    /// Reads a list to its end, or until `most` are read.
    pub fn list_upto<T: DeserializeOwned>(&self, who: As, lane: Lane, path: &str, most: usize) -> Result<Vec<T>> {
        let read = std::cell::Cell::new(0);
        let is_wanted = |_: &T| {
            read.set(read.get() + 1);
            read.get() < most
        };
        let mut all = self.list_while(who, lane, path, None, is_wanted)?;
        all.truncate(most);
        Ok(all)
    }

    /// Makes or changes a thing.
    pub fn send<T: DeserializeOwned>(&self, who: As, lane: Lane, method: &str, path: &str, body: &serde_json::Value) -> Result<T> {
        self.send_bytes(who, lane, method, path, &Zeroizing::new(body.to_string().into_bytes()))
    }

    /// The same with a body that is JSON already, such as one with a secret in it, which is to be nowhere else.
    pub fn send_bytes<T: DeserializeOwned>(&self, who: As, lane: Lane, method: &str, path: &str, body: &Zeroizing<Vec<u8>>) -> Result<T> {
        let (_, answer) = self.ask(who, lane, method, &self.url(path), &[], body)?;
        read(&answer)
    }

    /// A token for an installation that is good for some minutes at least.
    pub fn token(&self, installation: u64) -> Result<Secret<String>> {
        let slot = self.hub.slot(installation);
        let mut held = slot.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.hub.clock.now();
        if let Some(token) = held.as_ref().filter(|token| token.expires_at.since(now) > STILL_GOOD) {
            return Ok(token.text.clone());
        }
        let path = format!("/app/installations/{installation}/access_tokens");
        let made: Made = self.send(As::App, Lane::Statuses, "POST", &path, &serde_json::json!({}))?;
        *held = Some(Token { text: made.token.clone(), expires_at: made.expires_at });
        Ok(made.token)
    }

    /// Lets go of an installation's token: GitHub takes it no more.
    pub fn forget_token(&self, installation: u64) {
        let slot = self.hub.slot(installation);
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.identity.api_url)
    }

    /// Whether an address is one of GitHub's interface.
    fn is_ours(&self, url: &str) -> bool {
        url.strip_prefix(&self.identity.api_url).is_some_and(|rest| rest.starts_with('/'))
    }

    fn page(&self, who: As, lane: Lane, url: String) -> Result<Page> {
        let key = (who, url);
        let known = self.hub.kept().answers.get(&key).cloned();
        let if_none_match = known.iter().map(|(etag, _)| ("if-none-match", etag.as_str())).collect::<Vec<_>>();
        let (head, body) = self.ask(who, lane, "GET", &key.1, &if_none_match, &[])?;
        if head.status == 304 {
            let (_, page) = known.ok_or(Error::Unreadable { why: "it says that nothing has changed, and was not asked that" })?;
            return Ok(page);
        }
        let next = head.header("link").and_then(next_of).filter(|next| self.is_ours(next)).map(str::to_owned);
        let page = Page { body: Arc::new(body.to_vec()), next };
        if let Some(etag) = head.header("etag") {
            self.hub.kept().keep(key, etag.to_owned(), page.clone());
        }
        Ok(page)
    }

    /// Asks, with a token that is made anew if it turns out not to be good any more.
    fn ask(
        &self,
        who: As,
        lane: Lane,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(Head, Zeroizing<Vec<u8>>)> {
        match (self.exchange(who, lane, method, url, headers, body), who) {
            (Err(Error::Refused { status: 401, .. }), As::Installation(installation)) => {
                self.forget_token(installation);
                self.exchange(who, lane, method, url, headers, body)
            }
            (other, _) => other,
        }
    }

    fn exchange(
        &self,
        who: As,
        lane: Lane,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(Head, Zeroizing<Vec<u8>>)> {
        let shown = match who {
            As::App => statement(self.identity.app_id, &self.keys.private_key()?, self.hub.clock.now())?,
            As::Installation(id) => self.token(id)?,
        };
        let shown = Secret::new(format!("Bearer {}", shown.expose()));
        // Last of all: making a token asks for itself.
        self.hub.limits().ask(who.installation(), lane, self.hub.clock.now())?;
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            let (head, answer) = self.once(who, lane, method, &url, headers, &shown, body)?;
            if !matches!(head.status, 301 | 302 | 307 | 308) {
                return judge(head, answer);
            }
            let to = head.header("location").unwrap_or("");
            let to = if to.starts_with('/') && !to.starts_with("//") { self.url(to) } else { to.to_owned() };
            if !self.is_ours(&to) {
                return Err(Error::Elsewhere);
            }
            url = to;
        }
        Err(Error::Elsewhere)
    }

    /// One request and its answer, of which note is taken.
    #[expect(clippy::too_many_arguments, reason = "all of them are of one request")]
    fn once(
        &self,
        who: As,
        lane: Lane,
        method: &str,
        url: &str,
        headers: &[(&str, &str)],
        shown: &Secret<String>,
        body: &[u8],
    ) -> Result<(Head, Zeroizing<Vec<u8>>)> {
        let mut all = vec![("accept", "application/vnd.github+json"), ("x-github-api-version", VERSION)];
        all.extend(headers);
        if !body.is_empty() {
            all.push(("content-type", "application/json"));
        }
        let request = Request {
            method,
            url,
            headers: &all,
            secret_headers: &[("authorization", shown)],
            body,
            deadline: match lane {
                Lane::Statuses => self.hub.deadline.min(URGENT),
                Lane::Syncs => self.hub.deadline,
            },
            cap: ANSWER,
        };
        let asked_at = self.hub.clock.now();
        let answer = self.hub.outbound.send(&request).and_then(taken);
        let spread = getrandom::u64().unwrap_or(0);
        let now = self.hub.clock.now();
        let mut limits = self.hub.limits();
        limits.fared(answer.as_ref().is_ok_and(|(head, _)| head.status < 500), spread, now);
        let (head, body) = answer?;
        self.hub.heard_at(&head, asked_at, now);
        limits.heard(who.installation(), &said(&head, &body), spread, now)?;
        // A refusal may be that of somebody between us.
        if head.status < 400 {
            limits.served();
        }
        Ok((head, body))
    }
}

/// An answer without its body.
pub(super) struct Head {
    status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// An answer with all of its body.
pub(super) fn taken(answer: Response) -> outbound::Result<(Head, Zeroizing<Vec<u8>>)> {
    let Response { status, headers, mut body } = answer;
    let mut bytes = Zeroizing::new(Vec::new());
    let host = body.host().to_owned();
    body.read_to_end(&mut bytes)
        .map_err(|error| outbound::Body::error(error).unwrap_or_else(|error| outbound::Error::Protocol { host, why: error.to_string() }))?;
    Ok((Head { status, headers }, bytes))
}

/// What an answer says of how much may be asked.
fn said(head: &Head, body: &[u8]) -> Said {
    let number = |name| head.header(name).and_then(|value| value.trim().parse().ok());
    Said {
        status: head.status,
        is_too_much: head.status == 403 && sorry(body).is_some_and(|message| message.to_ascii_lowercase().contains("rate limit")),
        retry_after: number("retry-after"),
        remaining: number("x-ratelimit-remaining"),
        limit: number("x-ratelimit-limit"),
        reset: number("x-ratelimit-reset"),
    }
}

/// Takes nothing but an answer that means what it should.
pub(super) fn judge(head: Head, body: Zeroizing<Vec<u8>>) -> Result<(Head, Zeroizing<Vec<u8>>)> {
    match head.status {
        200..=299 | 304 => Ok((head, body)),
        // What is not GitHub's own answer, but a page of somebody between us, says nothing of what was asked.
        status @ 400..=499 if !body.is_empty() && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() => {
            Err(Error::Failed { status })
        }
        status @ 400..=499 => {
            let message = sorry(&body).map_or_else(|| "without a word".to_owned(), |message| quiet(&clip(message.trim(), SAID)));
            Err(Error::Refused { status, message })
        }
        status => Err(Error::Failed { status }),
    }
}

/// GitHub's own sentence, where there is one.
fn sorry(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Sorry>(body).ok().map(|sorry| sorry.message)
}

const OTHERWISE: &str = "it is not what its documentation says";

/// Reads a body. What cannot be read is not repeated.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // What was deleted or accepted may be answered without a body.
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|_| Error::Unreadable {
        why: if body.trim_ascii_start().starts_with(b"<") { "it is a page for people" } else { OTHERWISE },
    })
}

/// Where a list goes on (RFC 8288).
fn next_of(links: &str) -> Option<&str> {
    links.split(',').find_map(|link| {
        let (url, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        rest.split(';').any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next")).then_some(url)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_where_its_header_says() {
        let links = r#"<https://api.github.com/x?page=1>; rel="prev", <https://api.github.com/x?page=3>; rel="next", <https://api.github.com/x?page=9>; rel="last""#;
        assert_eq!(next_of(links), Some("https://api.github.com/x?page=3"));
        for none in ["", "<x>", "rel=\"next\"", "<https://api.github.com/x>; rel=\"last\"", "<<<>>>,,;"] {
            assert_eq!(next_of(none), None, "{none}");
        }
    }

    #[test]
    fn a_clock_is_wrong_by_what_neither_the_way_nor_the_rounding_explains() {
        let at = Timestamp::from_millis;
        let date = Timestamp::of_http_date("Sat, 31 Jan 2026 12:00:00 GMT").unwrap();
        let noon = date.as_millis();
        for (asked, answered, skew) in [
            (0, 200, Skew::None),
            (900, 990, Skew::None),
            (-29_000, 10, Skew::None),
            (31_500, 32_000, Skew::Ahead(Duration::from_millis(30_500))),
            (-61_000, -60_000, Skew::Behind(Duration::from_secs(60))),
        ] {
            assert_eq!(Skew::of(date, at(noon + asked), at(noon + answered)), skew, "{asked} {answered}");
        }
        for bad in ["", "yesterday", "2026-01-31T12:00:00Z", "Sat, 31 Jan 2026 12:00:00 +0200", "Sat, 31 Feb 2026 12:00:00 GMT"] {
            assert_eq!(Timestamp::of_http_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_was_kept_longest_goes_first() {
        let mut kept = Kept::default();
        let page = |n: usize| Page { body: Arc::new(vec![0; n]), next: None };
        for n in 0..KEPT + 5 {
            kept.keep((As::App, n.to_string()), "a".to_owned(), page(1));
            kept.keep((As::App, "large".to_owned()), "a".to_owned(), page(KEPT_BYTES + 1));
        }
        assert_eq!((kept.answers.len(), kept.order.len()), (KEPT, KEPT));
        assert!(!kept.answers.contains_key(&(As::App, "4".to_owned())) && kept.answers.contains_key(&(As::App, "5".to_owned())));
    }
}
