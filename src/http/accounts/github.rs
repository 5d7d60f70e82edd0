//! Signing in through GitHub, linking an account there, and taking it away again.
//!
//! A browser sets out with a cookie of its own for the trip and comes back with GitHub's answer (`app/abroad.rs` says when that counts).
//! Whoever is not signed in signs in. Two accounts are linked from one's own account's page, by whoever shows once more who they are: a link
//! is a way in for good, and a browser that was left alone is not enough for it. Nothing is asked of GitHub before the answer was found to
//! be to this browser's own question.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::UserView;
use super::signin::{Cookies, Entrance, prove};
use crate::app::App;
use crate::app::abroad::{Errand, Trip};
use crate::base::id::UserId;
use crate::base::network;
use crate::domain::accounts::{self, Caller, Hashed, Plain, Profile};
use crate::domain::github::oauth::{self, Admitted, Door, Fault, LetIn, Visitor};
use crate::domain::github::{self, sync};
use crate::http::auth::{self, Transport};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Params, Permit};

/// Where a browser sets out.
pub const SET_OUT: &str = "/auth/github";
/// Where somebody who had an account linked goes on.
const OWN_PAGE: &str = "/account";
/// The longest path to go to afterwards.
const NEXT_BYTES: usize = 2_000;

/// A browser that is sent away, and the cookie it takes along.
#[derive(Debug)]
pub struct Departure {
    /// Where to.
    pub location: String,
    /// What it takes along; `None` where it is only sent to our own proper address.
    pub cookie: Option<HeaderValue>,
}

/// A browser that came back.
#[derive(Debug)]
pub struct Arrival {
    /// Where to go on.
    pub next: String,
    /// The cookies of whoever has signed in; `None` where an account was linked.
    pub cookies: Option<Cookies>,
    /// The trip's cookie, removed.
    pub removed: HeaderValue,
}

/// GitHub's answer, as it stands in the address that the browser comes back with.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// Prints none of it.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[an answer of GitHub]")
    }
}

/// Whether people can sign in through GitHub.
pub async fn is_open(app: &App) -> Result<bool, ApiError> {
    let configured = app.config.github.clone();
    app.read(move |tx, _| oauth::has_door(tx, &configured)).await.map_err(beneath)
}

async fn door(app: &App) -> Result<Door, ApiError> {
    let handle = app.clone();
    let door = app.read(move |tx, _| oauth::door(tx, &handle.vault, &handle.config.github, &handle.public_url())).await.map_err(beneath)?;
    door.ok_or_else(|| ApiError::new(Code::NotFound, "signing in through GitHub is not set up here"))
}

/// A path of our own to go to afterwards; the first page for whatever is none.
pub fn own_path(next: Option<&str>) -> String {
    let is_own = |next: &&str| {
        next.len() <= NEXT_BYTES
            && next.starts_with('/')
            && !next[1..].starts_with(['/', '\\'])
            && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
            && !next.starts_with("/auth/")
    };
    next.filter(is_own).unwrap_or("/").to_owned()
}

/// A path as a value in a query.
fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    path.bytes().fold(String::new(), |out, byte| {
        if is_plain(byte) { out + char::from(byte).encode_utf8(&mut [0; 4]) } else { out + &format!("%{byte:02X}") }
    })
}

/// Counts a step of the trip to the address it comes from.
fn count(app: &App, permit: &Permit) -> Result<String, ApiError> {
    let address = permit.address().unwrap_or_default();
    let source = address.parse().map_or(address, |address| network::neighbourhood(address).to_string());
    app.abroad
        .count(&source, app.clock.now())
        .map_err(|wait| ApiError::too_soon(wait, "too many tries to sign in through GitHub come from your address; wait a moment"))?;
    Ok(source)
}

/// Sends a browser to GitHub.
pub async fn set_out(app: &App, permit: &Permit, headers: &HeaderMap, next: Option<&str>, is_here: bool) -> Result<Departure, ApiError> {
    let door = door(app).await?;
    let (public, next) = (app.public_url(), own_path(next));
    // GitHub sends it back to our proper address, where a cookie that was set at another is not.
    if !is_here && public.split_once("://").is_some_and(|(_, host)| host != auth::host(headers)) {
        let next = encoded(&next);
        return Ok(Departure { location: format!("{public}{SET_OUT}?here=1&next={next}"), cookie: None });
    }
    Entrance::of(app, permit, headers)?;
    // Whoever is signed in already need not go anywhere.
    if matches!(permit.caller, Caller::User { .. }) {
        return Ok(Departure { location: next, cookie: None });
    }
    depart(app, permit, headers, &door, Errand::SignIn, next)
}

/// Sends a browser to GitHub whose person has shown once more who they are, to have the two accounts linked.
pub async fn link(app: &App, permit: &Permit, headers: &HeaderMap, body: ProofBody) -> Result<Departure, ApiError> {
    let Caller::User { user, session } = permit.caller.clone() else {
        return Err(ApiError::new(Code::Forbidden, "an account is linked by its person, in a browser that is signed in"));
    };
    let door = door(app).await?;
    let public = app.public_url();
    if public.split_once("://").is_some_and(|(_, host)| host != auth::host(headers)) {
        let why = format!("GitHub sends you back to `{public}`, where this browser is not signed in; link the account from there");
        return Err(ApiError::new(Code::WrongState, why));
    }
    prove(app, permit, body.password).await?;
    depart(app, permit, headers, &door, Errand::Link { user: user.id, session: session.id }, OWN_PAGE.to_owned())
}

fn depart(app: &App, permit: &Permit, headers: &HeaderMap, door: &Door, errand: Errand, next: String) -> Result<Departure, ApiError> {
    let source = count(app, permit)?;
    let (cookie, state) = (Plain::session(), Plain::session());
    let location = door.address(state.expose(), cookie.expose()).map_err(unavailable)?;
    let trip = Trip { state: state.hashed(), errand, next, source, begun_at: app.clock.now() };
    app.abroad.begin(cookie.hashed(), trip);
    let transport = Transport::of(&app.config, headers);
    let cookie = HeaderValue::from_str(&transport.set_trip_cookie(Some(cookie.expose()))).map_err(ApiError::internal)?;
    Ok(Departure { location, cookie: Some(cookie) })
}

/// Takes GitHub's answer from a browser that comes back.
pub async fn come_back(app: &App, permit: &Permit, headers: &HeaderMap, answer: Answer) -> Result<Arrival, ApiError> {
    let door = door(app).await?;
    let entrance = Entrance::of(app, permit, headers)?;
    count(app, permit)?;
    let transport = Transport::of(&app.config, headers);
    let foreign = || {
        let why =
            "this is no answer to a question that this browser asked within the last ten minutes, or it was given already; begin anew";
        ApiError::new(Code::StateInvalid, why)
    };
    let cookie = auth::cookie(headers, transport.trip_cookie()).filter(|cookie| !cookie.is_empty()).ok_or_else(foreign)?;
    if answer.iss.as_deref().is_some_and(|issuer| !door.is_issuer(issuer)) {
        return Err(foreign());
    }
    let state = Hashed::of(answer.state.as_deref().ok_or_else(foreign)?);
    let trip = app.abroad.end(Hashed::of(&cookie), state, app.clock.now()).ok_or_else(foreign)?;
    if let Some(error) = answer.error {
        return Err(said_no(&error));
    }
    let code = answer.code.filter(|code| !code.is_empty()).ok_or_else(foreign)?;
    let visitor = ask(app, door, code, cookie).await?;
    let removed = HeaderValue::from_str(&transport.set_trip_cookie(None)).map_err(ApiError::internal)?;
    let profile = admit(app, permit, visitor).await?;
    let cookies = match trip.errand {
        Errand::SignIn => Some(sign_in(app, permit, &entrance, profile).await?),
        Errand::Link { user, session } => {
            let is_same = matches!(&permit.caller, Caller::User { user: now, session: of } if now.id == user && of.id == session);
            if !is_same {
                return Err(foreign());
            }
            let asks = permit.clone();
            app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
                // They may have been shut out, or have ended the session, while GitHub was asked.
                match asks.caller_now(tx)? {
                    Caller::User { session: now, .. } if now.id == session => {}
                    _ => return Err(accounts::Refusal::Unauthenticated.into()),
                }
                Ok(accounts::link_github(tx, user, &profile, now)?)
            })
            .await?;
            None
        }
    };
    Ok(Arrival { next: trip.next, cookies, removed })
}

/// Asks GitHub who came.
async fn ask(app: &App, door: Door, code: String, cookie: String) -> Result<Visitor, ApiError> {
    let busy = || ApiError::too_soon(std::time::Duration::from_secs(2), "many sign in through GitHub at this moment; try again");
    let _leave = app.abroad.ask().ok_or_else(busy)?;
    let handle = app.clone();
    app.blocking(move || -> Result<Visitor, ApiError> {
        let let_in = who_is_let_in(&handle).map_err(beneath)?;
        door.visitor(handle.hub.outbound(), code, &cookie, &let_in).map_err(unavailable)
    })
    .await?
}

/// Who is let in: the organizations that the configuration names, else all where the App is.
fn who_is_let_in(app: &App) -> github::Result<LetIn> {
    let github::Configured { orgs, outside_collaborators, .. } = &app.config.github;
    let orgs = match app.github() {
        _ if !orgs.is_empty() => orgs.clone(),
        Ok(client) => sync::installations(&client)?.into_iter().map(|one| one.account.login).collect(),
        Err(github::Error::NotSetUp) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(LetIn { orgs, outside_collaborators: *outside_collaborators })
}

/// Lets nobody further who is not one of those that are let in. Who has an account here and is none of them any more loses their access.
async fn admit(app: &App, permit: &Permit, visitor: Visitor) -> Result<Profile, ApiError> {
    let Visitor { profile, admitted } = visitor;
    let subject = profile.subject;
    match admitted {
        Admitted::Yes => return Ok(profile),
        Admitted::No => {
            app.write(&permit.actor(), move |tx, now| accounts::leave_github(tx, subject, now)).await?;
        }
        // GitHub does not tell by whom it was asked now; as the App we may learn more.
        Admitted::Unsaid => app.write(&permit.actor(), move |tx, now| accounts::person_changed(tx, subject, now)).await?,
    }
    let why = format!(
        "GitHub says that you are `{}`, who is not a member of an organization that is served here; if you were invited to one, accept that \
         first, and if it has a sign-in of its own, go through that",
        crate::base::text::clip(&profile.login, 80)
    );
    Err(ApiError::new(Code::NotLetIn, why).wanting(&profile.login.to_lowercase()))
}

async fn sign_in(app: &App, permit: &Permit, entrance: &Entrance, profile: Profile) -> Result<Cookies, ApiError> {
    let subject = profile.subject;
    let known = app.read(move |tx, _| accounts::github_identity(tx, subject)).await?.map(|identity| identity.user);
    let (new, cookies) = entrance.begin(app, known).await?;
    let login = profile.login.to_lowercase();
    app.write(&permit.actor(), move |tx, now| accounts::sign_in_by_github(tx, &profile, &new, now))
        .await
        .map_err(|error| ApiError::from(error).wanting(&login))?;
    Ok(cookies)
}

fn said_no(error: &str) -> ApiError {
    match error {
        "access_denied" => ApiError::new(Code::GithubDenied, "you did not let GitHub tell who you are, so nobody is signed in"),
        _ => away(format!("GitHub refuses to sign anybody in: {}", crate::base::text::clip(error, 80))),
    }
}

/// To whoever is at the door nothing is told of what is beneath.
fn away(cause: impl std::fmt::Display) -> ApiError {
    ApiError::new(Code::GithubUnavailable, "GitHub cannot be asked right now, or not by us; the server's log says what is wrong")
        .because(cause)
}

fn beneath(error: github::Error) -> ApiError {
    match error {
        github::Error::Store(error) => error.into(),
        other => away(other),
    }
}

fn unavailable(fault: Fault) -> ApiError {
    match fault {
        Fault::CodeRefused => ApiError::new(Code::GithubDenied, "what GitHub gave your browser is worth nothing any more; begin anew"),
        other => away(other),
    }
}

/// What shows that it is its person who adds a way in or takes one away.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProofBody {
    /// Your password.
    pub password: Option<String>,
}

/// Prints none of it.
impl std::fmt::Debug for ProofBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[a password]")
    }
}

/// Takes the link to GitHub from whoever asks, in a browser.
pub async fn unlink(app: &App, permit: &Permit, body: ProofBody) -> Result<(), ApiError> {
    let Caller::User { user, .. } = permit.caller.clone() else {
        return Err(ApiError::new(Code::Forbidden, "a way in is taken away by its person, in a browser that is signed in"));
    };
    prove(app, permit, body.password).await?;
    let permit = permit.clone();
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(accounts::unlink_github(tx, user.id, now)?)
    })
    .await
}

/// `DELETE /api/v1/me/github`.
pub async fn delete(State(app): State<App>, permit: Permit, JsonBody(body): JsonBody<ProofBody>) -> Result<StatusCode, ApiError> {
    unlink(&app, &permit, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a browser is to go on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DepartureView {
    /// An address on GitHub, to be opened in this very browser.
    pub location: String,
}

/// `POST /api/v1/me/github`.
pub async fn create(
    State(app): State<App>,
    permit: Permit,
    headers: HeaderMap,
    JsonBody(body): JsonBody<ProofBody>,
) -> Result<(HeaderMap, Json<DepartureView>), ApiError> {
    let Departure { location, cookie } = link(&app, &permit, &headers, body).await?;
    let mut out = HeaderMap::new();
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    out.extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok((out, Json(DepartureView { location })))
}

/// Work that goes on.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ResyncView {
    /// What it is called in the queue.
    pub work: &'static str,
}

/// Has everybody, and the roles in every repository, taken over from GitHub.
pub async fn resync_all(app: &App, permit: Permit) -> Result<(), ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(accounts::request_resync(tx, now)?)
    })
    .await
}

/// `POST /api/v1/admin/resync`.
pub async fn resync(State(app): State<App>, permit: Permit) -> Result<(StatusCode, Json<ResyncView>), ApiError> {
    resync_all(&app, permit).await?;
    Ok((StatusCode::ACCEPTED, Json(ResyncView { work: crate::base::work::Work::SyncPeople.name() })))
}

/// Has one person taken over from GitHub.
pub async fn sync_one(app: &App, permit: Permit, id: UserId) -> Result<UserView, ApiError> {
    app.write(&permit.actor(), move |tx, now| -> Result<UserView, ApiError> {
        permit.instance(tx)?;
        Ok(accounts::request_user_sync(tx, id, now)?.into())
    })
    .await
}

/// `POST /api/v1/admin/users/{id}/sync`.
pub async fn sync(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<UserView>), ApiError> {
    Ok((StatusCode::ACCEPTED, Json(sync_one(&app, permit, params.get("id")?).await?)))
}

/// Puts what an arrival brings on an answer.
pub fn put(app: &App, arrival: &Arrival, headers: &mut HeaderMap) -> Result<(), ApiError> {
    if let Some(cookies) = &arrival.cookies {
        cookies.put(app, headers)?;
    }
    headers.append(header::SET_COOKIE, arrival.removed.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_our_own_are_gone_to_afterwards() {
        for own in ["/", "/r/acme/app?tab=issues", "/account#tokens"] {
            assert_eq!(own_path(Some(own)), own);
        }
        let long = format!("/{}", "a".repeat(NEXT_BYTES));
        let foreign = [
            "",
            "account",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/\t/evil.example",
            "/a\r\nset-cookie: a=b",
            "/a\\b",
            "javascript:alert(1)",
            "/auth/github",
            &long,
        ];
        for other in foreign {
            assert_eq!(own_path(Some(other)), "/", "{other:?}");
        }
        assert_eq!(own_path(None), "/");
    }
}
