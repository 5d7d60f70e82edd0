//! Who asks: from a cookie or a bearer token to a [`Caller`], and the same-origin rule for browsers.
//!
//! A bearer token wins over a cookie and needs no origin, since no browser sends one by itself. A request that changes something and
//! carries no token must come from our own pages.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::code::Code;
use super::error::{ApiError, Failed};
use super::extract::Looked;
use super::trail::By;
use crate::app::App;
use crate::app::abroad::TRIP;
use crate::app::config::Config;
use crate::app::issuers;
use crate::base::event::Actor;
use crate::base::secret::Secret;
use crate::domain::accounts::{self, Caller, Cookie, Hashed, workload};

/// The session's cookie where the connection is encrypted: bound to the host, to its root, and to https.
pub const SECURE_COOKIE: &str = "__Host-plumbline";
/// The session's cookie over plain http.
pub const PLAIN_COOKIE: &str = "plumbline_session";

/// How a browser reached us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Encrypted, by the proxy in front.
    Secure,
    /// Plain, within this machine, or where the administrator allows it.
    Trusted,
    /// Plain, over a network: nobody should sign in here.
    Plain,
}

impl Transport {
    /// How the request with these headers came.
    pub fn of(config: &Config, headers: &HeaderMap) -> Transport {
        let host = host(headers);
        if config.public_url.as_deref().and_then(|url| url.strip_prefix("https://")).is_some_and(|public| public == host) {
            return Transport::Secure;
        }
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).map_or(host, |(name, _)| name);
        if config.insecure_http || matches!(name, "localhost" | "127.0.0.1" | "[::1]") { Transport::Trusted } else { Transport::Plain }
    }

    /// The cookie of a session over this transport.
    pub fn cookie(self) -> &'static str {
        match self {
            Transport::Secure => SECURE_COOKIE,
            Transport::Trusted | Transport::Plain => PLAIN_COOKIE,
        }
    }

    /// The cookie that a browser is known by over this transport, whoever is signed in.
    pub fn browser_cookie(self) -> &'static str {
        match self {
            Transport::Secure => "__Host-plumbline-browser",
            Transport::Trusted | Transport::Plain => "plumbline_browser",
        }
    }

    /// The header that sets a session's cookie for as long as sessions live; with no value, the one that removes it.
    pub fn set_cookie(self, value: Option<&str>, lifetime: Duration) -> String {
        self.set(self.cookie(), value, lifetime)
    }

    /// The header that sets the cookie that a browser is known by.
    pub fn set_browser_cookie(self, value: &str) -> String {
        self.set(self.browser_cookie(), Some(value), accounts::BROWSER_KNOWN)
    }

    /// The cookie of a browser that was sent to GitHub.
    pub fn trip_cookie(self) -> &'static str {
        match self {
            Transport::Secure => "__Host-plumbline-github",
            Transport::Trusted | Transport::Plain => "plumbline_github",
        }
    }

    /// The header that sets the cookie of a browser that is sent to GitHub; with no value, the one that removes it.
    pub fn set_trip_cookie(self, value: Option<&str>) -> String {
        self.set(self.trip_cookie(), value, TRIP)
    }

    fn set(self, name: &str, value: Option<&str>, lifetime: Duration) -> String {
        let secure = if self == Transport::Secure { "; Secure" } else { "" };
        let age = if value.is_some() { lifetime.as_secs() } else { 0 };
        format!("{name}={}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", value.unwrap_or(""))
    }
}

/// The host that a request names, with its port.
pub fn host(headers: &HeaderMap) -> &str {
    headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("")
}

/// Where the request came from, as [`proxies`](super::proxies) finds out.
#[derive(Debug, Clone)]
pub struct Address(pub Option<String>);

/// What a caller showed to be let in: a token's text, or what a session's cookie carries.
#[derive(Debug, Clone)]
pub struct Credential(Arc<Secret<String>>);

impl Credential {
    /// A credential of this text.
    pub fn new(text: impl Into<String>) -> Credential {
        Credential(Arc::new(Secret::new(text.into())))
    }

    /// The text. The call is the place a reviewer looks at.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// The request carries a session's cookie that means nothing (any more).
#[derive(Debug, Clone, Copy)]
pub struct Lapsed;

/// Finds out who asks, and puts the [`Caller`] on the request.
pub async fn identify(State(app): State<App>, mut request: Request, next: Next) -> Result<Response, ApiError> {
    request.extensions_mut().insert(Looked { at: app.clock.now(), limits: app.config.sessions });
    // Put there by the door itself: the host's own socket, or a command that opened the store.
    if matches!(request.extensions().get::<Caller>(), Some(Caller::Host)) {
        let mut response = next.run(request).await;
        response.extensions_mut().insert(By(Actor::Host));
        // To whoever owns the host nothing is to be hidden of what is wrong with it.
        if let Some(Failed(error)) = response.extensions_mut().get_mut::<Failed>()
            && error.code == Code::VaultUnavailable
            && let Some(cause) = &error.cause
        {
            error.message = cause.clone().into();
        }
        return Ok(response);
    }
    let address = request.extensions().get::<Address>().and_then(|address| address.0.clone());
    let headers = request.headers();
    let bearer = bearer(headers);
    let cookie = cookie(headers, Transport::of(&app.config, headers).cookie());
    if bearer.is_none() && is_unsafe(request.method()) && !is_same_origin(&app.config, headers) {
        let why = "this request came from another site; send it from our own pages, or with a bearer token";
        let mut refused = ApiError::new(Code::CrossSite, why).into_response();
        // Whoever's browser was made to send it is who the trail should name.
        if let Some(Caller::User { user, .. }) = match &cookie {
            Some(text) => caller_of_cookie(&app, Hashed::of(text), agent(headers), address.clone()).await?,
            None => None,
        } {
            refused.extensions_mut().insert(By(Actor::User { user: user.id, address }));
        }
        return Ok(refused);
    }
    let (caller, credential) = match (bearer, cookie) {
        (Some(text), _) => {
            let secret = accounts::recognise(&text);
            let caller = match secret {
                Some(secret) => caller_of_token(&app, secret, address.clone()).await?,
                None if workload::looks_like_one(&text) => caller_of_workload(&app, &text).await?,
                None => None,
            };
            let Some(caller) = caller else {
                let known = match secret {
                    Some(secret) => app.read(move |tx, now| accounts::untaken(tx, secret, now)).await?,
                    None => None,
                };
                let why = match known {
                    Some(untaken) if untaken.is_held => HELD,
                    Some(_) | None => "the token is not one of ours, has expired or was revoked",
                };
                let mut refused = ApiError::new(Code::Unauthenticated, why).into_response();
                // One that was good once says where it leaked.
                if let Some(untaken) = known {
                    refused.extensions_mut().insert(By(Actor::Token { token: untaken.id, address }));
                }
                return Ok(refused);
            };
            (caller, Some(text))
        }
        (None, Some(text)) => match caller_of_cookie(&app, Hashed::of(&text), agent(headers), address.clone()).await? {
            Some(caller) => (caller, Some(text)),
            None => {
                request.extensions_mut().insert(Lapsed);
                (Caller::Anonymous, None)
            }
        },
        (None, None) => (Caller::Anonymous, None),
    };
    let by = By(caller.actor(address));
    let has_lapsed = request.extensions().get::<Lapsed>().copied();
    request.extensions_mut().insert(caller);
    if let Some(text) = credential {
        request.extensions_mut().insert(Credential::new(text));
    }
    let mut response = next.run(request).await;
    response.extensions_mut().insert(by);
    if let Some(lapsed) = has_lapsed {
        response.extensions_mut().insert(lapsed);
    }
    Ok(response)
}

/// What is said of a token whose person is held back.
const HELD: &str = "GitHub told that whoever has this token left an organization; it works again once GitHub has confirmed that they are \
                    still let in: try again in a few minutes, or sign in by GitHub";

async fn caller_of_token(app: &App, secret: Hashed, address: Option<String>) -> Result<Option<Caller>, ApiError> {
    let found = app.read(move |tx, now| accounts::caller_of_token(tx, secret, now)).await?;
    let Some((caller, is_stale)) = found else { return Ok(None) };
    if is_stale {
        seen(app, &caller, address).await;
    }
    Ok(Some(caller))
}

/// The workload that a token of its forge is of. Why one is refused stands in the log alone.
async fn caller_of_workload(app: &App, text: &str) -> Result<Option<Caller>, ApiError> {
    match app.workload_of(text).await {
        Ok(caller) => Ok(Some(caller)),
        Err(issuers::Error::Refused(fault)) => {
            tracing::info!("the token of a workload was refused: {fault}");
            Ok(None)
        }
        Err(issuers::Error::Unavailable { wait }) => Err(ApiError::of(Code::IssuerUnavailable).after(wait)),
        Err(issuers::Error::Repos(error)) => Err(error.into()),
    }
}

async fn caller_of_cookie(app: &App, secret: Hashed, agent: String, address: Option<String>) -> Result<Option<Caller>, ApiError> {
    let limits = app.config.sessions;
    match app.read(move |tx, now| accounts::caller_of_session(tx, secret, &agent, limits, now)).await? {
        Cookie::Good(caller, is_stale) => {
            if is_stale {
                seen(app, &caller, address).await;
            }
            Ok(Some(*caller))
        }
        // Whoever carried it there has it no more, and whoever had it signs in anew.
        Cookie::Carried(session) => {
            tracing::warn!(session.id = %session, "a session's cookie came from another browser than it was given to; the session is ended");
            app.write(&Actor::Anonymous { address }, move |tx, now| accounts::sign_out(tx, session, now)).await?;
            Ok(None)
        }
        Cookie::Void => Ok(None),
    }
}

/// Writes down that a caller was seen, at most once a minute. That it cannot be written is no reason to turn somebody away.
async fn seen(app: &App, caller: &Caller, address: Option<String>) {
    let actor: Actor = caller.actor(address);
    let caller = caller.clone();
    if let Err(error) = app.write(&actor, move |tx, now| accounts::mark_seen(tx, &caller, now)).await {
        tracing::warn!("a caller's last use could not be written down: {error}");
    }
}

/// What a browser calls itself.
pub fn agent(headers: &HeaderMap) -> String {
    headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("").to_owned()
}

/// `Authorization: Bearer …`, `Authorization: token …` or `X-Api-Key: …`.
fn bearer(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // A header that is there and cannot be read is a bad token, not a missing one.
        let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
        let is_ours = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("token");
        // A proxy in front that asks for a password hands it on: it was meant for the proxy. A browser sends it by itself, so such a
        // request keeps to the rule of origins.
        if !scheme.eq_ignore_ascii_case("basic") {
            return Some(if is_ours { token.trim().to_owned() } else { String::new() });
        }
    }
    headers.get("x-api-key").map(|value| value.to_str().unwrap_or_default().to_owned())
}

/// The value of a cookie.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value.to_owned())
}

/// Whether a request with this method may change something.
pub fn is_unsafe(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_same_origin(config: &Config, headers: &HeaderMap) -> bool {
    // Whoever says it twice says nothing that could be relied on.
    if headers.contains_key("sec-fetch-site") {
        return headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin");
    }
    if headers.get_all(header::ORIGIN).iter().count() > 1 {
        return false;
    }
    if let Some(origin) = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok()) {
        let host = host(headers);
        // Where we are reached by https, a page of the same name that came by http is somebody else's.
        if Transport::of(config, headers) == Transport::Secure {
            return config.public_url.as_deref() == Some(origin);
        }
        return origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) == Some(host) && !host.is_empty();
    }
    // Neither header: no browser of today. What carries no cookie either has nothing that could be abused.
    headers.get(header::COOKIE).is_none()
}
