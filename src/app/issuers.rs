//! The issuers whose tokens are believed, and the keys that they publish.
//!
//! Keys are fetched when a token asks for them: the issuer's discovery document first, which has to name the issuer itself and a list of
//! keys on the same host, then the list. They are used again for as long as the issuer says, within bounds, and looked up anew when a
//! token names a key that is not among them: at most once a minute, since anybody can make up a name. There is one fetch at a time for an
//! issuer; whoever comes meanwhile waits for it as a task and holds no thread.
//!
//! An issuer that does not answer is no reason to turn its workloads away: the keys that it had last are good for a day. After that, and
//! where there never were any, the answer is that it cannot be asked right now.

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;

use super::App;
use crate::base::time::Timestamp;
use crate::domain::accounts::Caller;
use crate::domain::accounts::workload::{Fault, KEYS_BYTES, Keys, Shown};
use crate::domain::repos;
use crate::engine::{outbound, store};

/// How long keys are used at least before they are asked for again.
const LEAST_AGE: Duration = Duration::from_secs(5 * 60);
/// How long they are used without asking where the issuer does not say.
const USUAL_AGE: Duration = Duration::from_secs(3_600);
/// How long they are used at most: whether asking again fails or the issuer says so.
const MOST_AGE: Duration = Duration::from_secs(24 * 3_600);
/// How often an issuer is asked at most.
const PAUSE: Duration = Duration::from_secs(60);
/// The largest discovery document that is read.
const DISCOVERY_BYTES: u64 = 64 << 10;
/// How long an answer of the issuer may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why somebody who shows a workload's token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The token is not good.
    #[error(transparent)]
    Refused(Fault),
    /// Nobody can tell: there are no keys to hold it against.
    #[error("the keys of the token's issuer cannot be had right now")]
    Unavailable {
        /// When it is worth another try.
        wait: Duration,
    },
    /// Which repository it is cannot be looked up.
    #[error(transparent)]
    Repos(repos::Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        Error::Refused(fault)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        Error::Repos(error.into())
    }
}

impl From<repos::Error> for Error {
    fn from(error: repos::Error) -> Error {
        Error::Repos(error)
    }
}

/// The issuers that the configuration names.
pub struct Issuers(Vec<Arc<Issuer>>);

/// One of them.
struct Issuer {
    url: String,
    known: Mutex<Known>,
    /// Held for as long as it is being asked.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// What is known of an issuer's keys.
#[derive(Default)]
struct Known {
    keys: Option<Fetched>,
    asked_at: Option<Timestamp>,
}

/// Keys, and when they came.
struct Fetched {
    keys: Arc<Keys>,
    at: Timestamp,
    /// How long they are used before they are asked for again.
    age: Duration,
}

/// What is to be done for a token that names a key.
enum Look {
    /// To hold it against these.
    Use(Arc<Keys>),
    /// To ask the issuer.
    Ask,
    /// To say that nobody can tell.
    Unavailable(Duration),
}

/// How long ago something was. Of a clock that was set back that is not known: then it is too long ago.
fn since(then: Timestamp, now: Timestamp) -> Duration {
    if now < then { Duration::MAX } else { now.since(then) }
}

impl Known {
    /// The keys that came last, if they are good for a day and this one is among them.
    fn last(&self, key: &str, now: Timestamp) -> Option<Arc<Keys>> {
        let good = self.keys.as_ref().filter(|fetched| since(fetched.at, now) < MOST_AGE);
        good.filter(|fetched| fetched.keys.has(key)).map(|fetched| Arc::clone(&fetched.keys))
    }

    fn look(&self, key: &str, now: Timestamp) -> Look {
        let waited = self.asked_at.map_or(Duration::MAX, |at| since(at, now));
        let good = self.keys.as_ref().filter(|fetched| since(fetched.at, now) < MOST_AGE);
        match good {
            Some(fetched) if fetched.keys.has(key) && since(fetched.at, now) < fetched.age => Look::Use(Arc::clone(&fetched.keys)),
            _ if waited >= PAUSE => Look::Ask,
            // Among these is the key that cannot be asked about again yet, or there is none by that name.
            Some(fetched) => Look::Use(Arc::clone(&fetched.keys)),
            None => Look::Unavailable(PAUSE.saturating_sub(waited)),
        }
    }
}

impl Issuers {
    /// Those at these addresses. Nobody is asked before a token is shown.
    pub fn new(urls: &[String]) -> Issuers {
        let issuer = |url: &String| Issuer { url: url.clone(), known: Mutex::default(), turn: Arc::default() };
        Issuers(urls.iter().map(|url| Arc::new(issuer(url))).collect())
    }
}

impl Issuer {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keys to hold a token against that names one of them.
    async fn keys(self: &Arc<Self>, app: &App, key: &str) -> Result<Arc<Keys>, Error> {
        if let Some(keys) = self.at_hand(key, app.clock.now())? {
            return Ok(keys);
        }
        let turn = match Arc::clone(&self.turn).try_lock_owned() {
            Ok(turn) => turn,
            Err(_) => {
                // Whoever has the key already is not kept waiting by an issuer that is slow.
                if let Some(keys) = self.known().last(key, app.clock.now()) {
                    return Ok(keys);
                }
                Arc::clone(&self.turn).lock_owned().await
            }
        };
        // Somebody else may have asked meanwhile.
        if let Some(keys) = self.at_hand(key, app.clock.now())? {
            return Ok(keys);
        }
        let (handle, issuer) = (app.clone(), Arc::clone(self));
        // The turn goes along and what came is kept there: whoever waited for it may be gone by then.
        let asked = move || {
            issuer.ask(&handle);
            drop(turn);
        };
        app.blocking(asked).await?;
        self.at_hand(key, app.clock.now())?.ok_or(Error::Unavailable { wait: PAUSE })
    }

    /// The keys that are at hand, if none are to be asked for.
    fn at_hand(&self, key: &str, now: Timestamp) -> Result<Option<Arc<Keys>>, Error> {
        match self.known().look(key, now) {
            Look::Use(keys) => Ok(Some(keys)),
            Look::Ask => Ok(None),
            Look::Unavailable(wait) => Err(Error::Unavailable { wait }),
        }
    }

    /// Asks for the keys, and keeps them if they come.
    fn ask(&self, app: &App) {
        let fetched = fetch(&app.outbound, &self.url);
        let (mut known, now) = (self.known(), app.clock.now());
        known.asked_at = Some(now);
        match fetched {
            Ok((keys, age)) => known.keys = Some(Fetched { keys: Arc::new(keys), at: now, age }),
            Err(why) => tracing::warn!("the keys of the issuer `{}` could not be fetched: {why}", self.url),
        }
    }
}

/// Why an issuer's keys did not come.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    /// It cannot be asked.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// It broke off.
    #[error("the {document} could not be read: {source}")]
    Broken { document: &'static str, source: std::io::Error },
    /// It answers with something else.
    #[error("it answers {status} for its {document}")]
    Status { document: &'static str, status: u16 },
    /// What it answers is not what such a document is.
    #[error("its {document} {why}")]
    Document { document: &'static str, why: &'static str },
}

#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// An issuer's keys, and how long they may be used.
fn fetch(client: &outbound::Client, issuer: &str) -> Result<(Keys, Duration), FetchError> {
    let document = "discovery document";
    let (body, _) = get(client, &format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/')), document, DISCOVERY_BYTES)?;
    let wrong = |why| FetchError::Document { document, why };
    let discovery: Discovery = serde_json::from_slice(&body).map_err(|_| wrong("is not one"))?;
    if discovery.issuer != issuer {
        return Err(wrong("is that of another issuer"));
    }
    if !is_at_home(issuer, &discovery.jwks_uri) {
        return Err(wrong("names keys on another host, which are not asked for"));
    }
    let document = "list of keys";
    let (body, age) = get(client, &discovery.jwks_uri, document, KEYS_BYTES)?;
    let keys = Keys::read(&body).ok_or(FetchError::Document { document, why: "has none that can be used" })?;
    Ok((keys, age))
}

/// Whether an address is one of the issuer's own host.
fn is_at_home(issuer: &str, url: &str) -> bool {
    url.strip_prefix(origin(issuer)).is_some_and(|path| path.starts_with('/'))
}

/// Scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find('/').map_or(url.len(), |at| begin + at);
    &url[..end]
}

fn get(client: &outbound::Client, url: &str, document: &'static str, cap: u64) -> Result<(Vec<u8>, Duration), FetchError> {
    let request = outbound::Request {
        method: "GET",
        url,
        headers: &[("accept", "application/json")],
        secret_headers: &[],
        body: &[],
        deadline: DEADLINE,
        cap,
    };
    let mut response = client.send(&request)?;
    if response.status != 200 {
        return Err(FetchError::Status { document, status: response.status });
    }
    let age = age(response.header("cache-control"));
    let mut body = Vec::new();
    response.body.read_to_end(&mut body).map_err(|source| match outbound::Body::error(source) {
        Ok(error) => error.into(),
        Err(source) => FetchError::Broken { document, source },
    })?;
    Ok((body, age))
}

/// How long an answer with this header may be used, within bounds.
fn age(cache_control: Option<&str>) -> Duration {
    let said = cache_control.unwrap_or_default().split(',').find_map(|part| part.trim().strip_prefix("max-age=")?.parse().ok());
    said.map_or(USUAL_AGE, Duration::from_secs).clamp(LEAST_AGE, MOST_AGE)
}

impl App {
    /// The workload that a token is of, with the repositories here that it runs for.
    pub async fn workload_of(&self, text: &str) -> Result<Caller, Error> {
        let shown = Shown::read(text)?;
        let issuer = self.issuers.0.iter().find(|issuer| issuer.url == shown.issuer()).ok_or(Fault::IssuerUnknown)?;
        let keys = issuer.keys(self, shown.key_id()).await?;
        // The address that is listened on is no audience: `http://127.0.0.1:7867` is what many an instance is to itself.
        let audiences: Vec<String> = [&self.config.public_url, &self.config.oidc_audience].into_iter().flatten().cloned().collect();
        let workload = shown.verify(&keys, &audiences, self.clock.now())?;
        let asked = workload.clone();
        let repos = self.read(move |tx, _| repos::of_workload(tx, &asked)).await?;
        if repos.is_empty() {
            let forge = workload.forge().to_owned();
            return Err(Fault::RepositoryUnknown { forge, repository: workload.repository }.into());
        }
        Ok(Caller::Workload { workload: Box::new(workload), repos })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_used_for_as_long_as_the_issuer_says_within_bounds() {
        let seconds = |header: &str| age(Some(header)).as_secs();
        assert_eq!(seconds("public, max-age=900"), 900);
        assert_eq!((seconds("max-age=0"), seconds("max-age=99999999999")), (300, 86_400));
        assert_eq!((seconds("no-store"), seconds("max-age=-1"), age(None)), (3_600, 3_600, USUAL_AGE));
    }

    #[test]
    fn a_key_is_looked_up_anew_at_most_once_a_minute_and_after_a_clock_was_set_back() {
        let keys = br#"{"keys": [{"kty": "EC", "crv": "P-256", "kid": "one",
            "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "y": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;
        let then = Timestamp::from_seconds(1_000_000);
        let fetched = Fetched { keys: Arc::new(Keys::read(keys).unwrap()), at: then, age: USUAL_AGE };
        let known = Known { keys: Some(fetched), asked_at: Some(then) };
        let look = |key, now| match known.look(key, now) {
            Look::Use(_) => "use",
            Look::Ask => "ask",
            Look::Unavailable(_) => "unavailable",
        };
        let after = |seconds| then + Duration::from_secs(seconds);
        assert_eq!((look("one", after(59)), look("two", after(59))), ("use", "use"));
        assert_eq!((look("one", after(60)), look("two", after(60))), ("use", "ask"));
        assert_eq!((look("one", after(3_599)), look("one", after(3_600))), ("use", "ask"));
        assert_eq!(look("one", then - Duration::from_secs(1)), "ask");
        let down = Known { keys: None, asked_at: Some(then) };
        assert!(matches!(down.look("one", after(20)), Look::Unavailable(wait) if wait == Duration::from_secs(40)));
    }

    #[test]
    fn keys_are_at_home_on_the_issuers_own_host_alone() {
        assert_eq!(origin("https://issuer.example/_services/token"), "https://issuer.example");
        assert_eq!(origin("http://127.0.0.1:80"), "http://127.0.0.1:80");
        let is_at_home = |url| is_at_home("https://issuer.example/acme", url);
        assert!(is_at_home("https://issuer.example/keys"));
        for elsewhere in ["", "/keys", "http://issuer.example/keys", "https://issuer.example.evil/keys", "https://issuer.example@evil/keys"]
        {
            assert!(!is_at_home(elsewhere), "{elsewhere}");
        }
        for elsewhere in ["https://issuer.example:8443/keys", "https://evil/https://issuer.example/keys", "https://issuer.example\\@evil/"]
        {
            assert!(!is_at_home(elsewhere), "{elsewhere}");
        }
    }
}
