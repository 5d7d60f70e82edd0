//! Signing in over REST and on pages, and one's own password.
//!
//! The order matters. First whether the try may be made at all ([`guesses`](crate::app::guesses)), which counts it; then the password,
//! slowly and outside of any transaction, against a hash of nobody's where there is none; then the code, only for whom the password was
//! right; and last the one transaction that decides and begins the session. For a login that nobody has, the same is done.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{MeView, me_view};
use crate::app::App;
use crate::app::guesses::Guess;
use crate::base::id::{SessionId, UserId};
use crate::base::secret::Secret;
use crate::domain::accounts::totp::{self, TotpSecret};
use crate::domain::accounts::{
    self, Caller, Hashed, NewSession, Password, PasswordFault, PasswordHash, Plain, Proof, SecondFactor, Session, Shown,
};
use crate::http::auth::{self, Transport};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Permit};

/// What it takes to sign in.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInBody {
    /// What you sign in as.
    pub login: String,
    /// Your password.
    pub password: String,
    /// The six digits that your authenticator shows, or a recovery code; where they are asked for.
    pub totp: Option<String>,
}

/// Prints none of it.
impl std::fmt::Debug for SignInBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[a sign-in]")
    }
}

/// A new password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPasswordBody {
    /// The present one, if you have one.
    pub current: Option<String>,
    /// The new one: at least 12 characters.
    pub password: String,
}

/// Prints none of it.
impl std::fmt::Debug for NewPasswordBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[a new password]")
    }
}

/// A browser at the door.
#[derive(Debug, Clone)]
pub struct Entrance {
    transport: Transport,
    agent: String,
    address: Option<String>,
    /// The session it has, which a new one replaces.
    replaces: Option<SessionId>,
    /// What it is known by.
    browser: Option<String>,
}

/// The cookies of somebody who has come in.
#[derive(Debug, Clone)]
pub struct Cookies {
    session: Plain,
    browser: Secret<String>,
    transport: Transport,
}

impl Entrance {
    /// The browser that sent a request. Over plain http from elsewhere there is no door.
    pub fn of(app: &App, permit: &Permit, headers: &HeaderMap) -> Result<Entrance, ApiError> {
        let transport = Transport::of(&app.config, headers);
        if transport == Transport::Plain {
            let why = "sign in over https, or on the server's machine by http://127.0.0.1: over plain http, others could read your password on its way";
            return Err(ApiError::new(Code::InsecureTransport, why));
        }
        let replaces = match &permit.caller {
            Caller::User { session, .. } => Some(session.id),
            Caller::Host | Caller::Token { .. } | Caller::Anonymous | Caller::Workload { .. } => None,
        };
        let browser = auth::cookie(headers, transport.browser_cookie()).filter(|text| !text.is_empty());
        Ok(Entrance { transport, agent: auth::agent(headers), address: permit.address(), replaces, browser })
    }

    /// Whether somebody has signed in with the browser before.
    async fn is_known(&self, app: &App, user: Option<UserId>) -> Result<bool, ApiError> {
        let (Some(text), Some(user)) = (&self.browser, user) else { return Ok(false) };
        let secret = Hashed::of(text);
        Ok(app.read(move |tx, now| accounts::is_known_browser(tx, user, secret, now)).await?)
    }

    /// The session that is to begin for `user`, and the cookies that it comes with.
    pub async fn begin(&self, app: &App, user: Option<UserId>) -> Result<(NewSession, Cookies), ApiError> {
        let browser = match &self.browser {
            Some(text) if self.is_known(app, user).await? => text.clone(),
            _ => Plain::session().expose().to_owned(),
        };
        let session = Plain::session();
        let new = NewSession {
            secret: session.hashed(),
            browser: Some(Hashed::of(&browser)),
            replaces: self.replaces,
            agent: self.agent.clone(),
            address: self.address.clone(),
            limits: app.config.sessions,
        };
        Ok((new, Cookies { session, browser: Secret::new(browser), transport: self.transport }))
    }
}

impl Cookies {
    /// Puts them on an answer.
    pub fn put(&self, app: &App, headers: &mut HeaderMap) -> Result<(), ApiError> {
        let session = self.transport.set_cookie(Some(self.session.expose()), app.config.sessions.lifetime);
        let browser = self.transport.set_browser_cookie(self.browser.expose());
        for cookie in [session, browser] {
            headers.append(header::SET_COOKIE, HeaderValue::from_str(&cookie).map_err(ApiError::internal)?);
        }
        Ok(())
    }
}

/// Signs somebody in.
pub async fn sign_in(app: &App, permit: &Permit, entrance: &Entrance, body: SignInBody) -> Result<(Session, Cookies), ApiError> {
    let SignInBody { login, password, totp } = body;
    let password = Secret::new(password);
    let wanted = login.clone();
    let (user, hash) = app
        .read(move |tx, _| -> accounts::Result<(Option<UserId>, Option<PasswordHash>)> {
            let user = match accounts::find_user(tx, &wanted) {
                Ok(user) => user,
                Err(accounts::Error::UserNotFound { .. }) => return Ok((None, None)),
                Err(error) => return Err(error),
            };
            Ok((Some(user.id), accounts::password_of(tx, user.id)?))
        })
        .await?;
    let is_known = entrance.is_known(app, user).await?;
    let known = entrance.browser.as_deref().filter(|_| is_known).map(Hashed::of);
    let guess = app.guesses.begin(&login, entrance.address.as_deref(), known, app.clock.now()).map_err(|wait| {
        ApiError::too_soon(wait, "too many wrong tries; wait a moment, or use a browser that you have signed in with before")
    })?;
    let judging = async {
        let is_right = app.is_password(hash.clone(), password).await?;
        let matched = hash.filter(|_| is_right);
        let shown = match (user, &matched) {
            (Some(user), Some(_)) => look_at_code(app, user, totp.as_deref()).await?,
            _ => Shown::Nothing,
        };
        let (new, cookies) = entrance.begin(app, user).await?;
        let proof = Proof { user, password: matched, shown };
        match app.write(&permit.actor(), move |tx, now| accounts::sign_in(tx, &proof, &new, now)).await {
            Err(accounts::Error::Store(error)) => Err(ApiError::from(error)),
            signed_in => Ok((signed_in, cookies)),
        }
    };
    let (guess, (signed_in, cookies)) = judged(guess, judging).await?;
    if matches!(signed_in, Err(accounts::Error::CodeMissing)) {
        guess.was_half_right();
        return Err(ApiError::from(accounts::Error::CodeMissing).wanting(&login.to_lowercase()));
    }
    let session = signed_in.map_err(|error| {
        let error = ApiError::from(error);
        // What nobody signs in as may be a password that was entered in the wrong field.
        if user.is_some() { error.wanting(&login.to_lowercase()) } else { error }
    })?;
    guess.was_right();
    Ok((session, cookies))
}

/// Has a try judged. Where that fails for a reason that is none of the try's own, it is as if it had not come.
pub async fn judged<T>(guess: Guess, judging: impl Future<Output = Result<T, ApiError>>) -> Result<(Guess, T), ApiError> {
    match judging.await {
        Ok(found) => Ok((guess, found)),
        Err(error) => {
            guess.was_not_judged();
            Err(error)
        }
    }
}

/// What a code that somebody shows is.
pub async fn look_at_code(app: &App, user: UserId, code: Option<&str>) -> Result<Shown, ApiError> {
    let Some(code) = code.map(str::trim).filter(|code| !code.is_empty()) else { return Ok(Shown::Nothing) };
    if let Some(hash) = totp::hash_of_recovery(code) {
        return Ok(Shown::Recovery(hash));
    }
    let Some(factor) = app.read(move |tx, _| accounts::factor_of(tx, user)).await? else { return Ok(Shown::Rubbish) };
    let secret = open(app, factor).await?;
    Ok(secret.step_of(code, app.clock.now()).map_or(Shown::Rubbish, Shown::Code))
}

/// Opens the secret of somebody's codes.
pub async fn open(app: &App, factor: SecondFactor) -> Result<TotpSecret, ApiError> {
    let vault = Arc::clone(&app.vault);
    let opened = app.blocking(move || vault.open(&factor.sealed, factor.binding())).await?.map_err(|error| {
        let why = "codes from an app cannot be checked right now; use a recovery code, or ask whoever runs the server";
        ApiError::new(Code::VaultUnavailable, why).because(error)
    })?;
    Ok(TotpSecret::new(opened.expose().clone()))
}

/// Takes a new password. What it cannot be is said of the field `password`.
pub fn new_password(text: String, login: &str) -> Result<Password, ApiError> {
    Password::new(text, login).map_err(|fault: PasswordFault| accounts::Error::from(fault).into())
}

/// `POST /api/v1/login`.
pub async fn create(
    State(app): State<App>,
    permit: Permit,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SignInBody>,
) -> Result<(StatusCode, HeaderMap, Json<MeView>), ApiError> {
    let entrance = Entrance::of(&app, &permit, &headers)?;
    let (session, cookies) = sign_in(&app, &permit, &entrance, body).await?;
    let view = app
        .read(move |tx, _| -> Result<MeView, ApiError> {
            let user = accounts::get_user(tx, session.user)?;
            me_view(tx, &Caller::User { user, session }, None)
        })
        .await?;
    let mut out = HeaderMap::new();
    cookies.put(&app, &mut out)?;
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok((StatusCode::OK, out, Json(view)))
}

/// Sets the password of whoever asks, in a browser: a token that could would be a way in for good.
pub async fn change(app: &App, permit: &Permit, body: NewPasswordBody) -> Result<(), ApiError> {
    let Caller::User { user, session } = permit.caller.clone() else {
        return Err(ApiError::new(Code::Forbidden, "a password is set by its person, in a browser that is signed in"));
    };
    let password = new_password(body.password, &user.login)?;
    let shown = prove(app, permit, body.current).await?;
    let hash = app.hash_password(password).await?;
    let permit = permit.clone();
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.instance(tx)?;
        Ok(accounts::change_password(tx, user.id, shown.as_ref(), &hash, session.id, now)?)
    })
    .await
}

/// Begins a try of whoever is signed in at something that they are to show once more.
pub fn signed_in_guess(app: &App, permit: &Permit) -> Result<Guess, ApiError> {
    let id = permit.caller.session().map_or_else(|| permit.caller.whose(), |session| session.to_string());
    let begun = app.guesses.begin_signed_in(id, app.clock.now());
    begun.map_err(|wait| ApiError::too_soon(wait, "too many wrong tries; wait a moment"))
}

/// For how long after a sign-in whoever has no password need not show anything more.
const FRESH: Duration = Duration::from_secs(60 * 60);

/// Has whoever asks, in a browser, show their password once more: a browser that was left alone is not enough. Tries are counted as those at
/// the door are. Whoever has none shows who they are by having signed in of late. Answers what the password was found to be right by.
pub async fn prove(app: &App, permit: &Permit, current: Option<String>) -> Result<Option<PasswordHash>, ApiError> {
    let Caller::User { user, session } = &permit.caller else {
        return Err(ApiError::new(Code::Forbidden, "this is done by its person, in a browser that is signed in"));
    };
    let id = user.id;
    let Some(hash) = app.read(move |tx, _| accounts::password_of(tx, id)).await? else {
        if app.clock.now().since(session.created_at) <= FRESH {
            return Ok(None);
        }
        return Err(ApiError::of(Code::SignInAgain));
    };
    let judging = async { Ok(app.is_password(Some(hash.clone()), Secret::new(current.unwrap_or_default())).await?) };
    let (guess, is_right) = judged(signed_in_guess(app, permit)?, judging).await?;
    if !is_right {
        return Err(accounts::Error::PasswordWrong.into());
    }
    guess.was_right();
    Ok(Some(hash))
}

/// `PUT /api/v1/me/password`.
pub async fn set_password(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<NewPasswordBody>,
) -> Result<StatusCode, ApiError> {
    change(&app, &permit, body).await?;
    Ok(StatusCode::NO_CONTENT)
}
