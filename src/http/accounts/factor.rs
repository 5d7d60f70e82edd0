//! The codes beside one's password, over REST: set up, confirmed, removed.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::signin;
use crate::app::App;
use crate::base::id::UserId;
use crate::domain::accounts::totp::{RecoveryCode, TotpSecret};
use crate::domain::accounts::{self, Caller, Hashed, SecondFactor, Shown};
use crate::domain::secrets;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{JsonBody, Permit};

/// Answers that hold a secret are kept by nobody on their way.
const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// A step of the set-up: without a code it is begun, with one it is confirmed.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpBody {
    /// Your password, to begin; if you have one.
    pub password: Option<String>,
    /// The six digits that the app shows, to confirm that it has the secret.
    pub code: Option<String>,
}

/// A code, so that whoever found a browser alone cannot do it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CodeBody {
    /// The six digits that the app shows, or a recovery code.
    pub code: String,
}

/// A set-up that was begun. It counts when it was confirmed with a code.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TotpView {
    /// The secret, to be typed into an app.
    pub secret: String,
    /// The same as an address that apps read.
    pub uri: String,
    /// That address as a picture: SVG.
    pub qr_svg: String,
}

/// A set-up that is confirmed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RecoveryView {
    /// Codes that stand in for the app, each once. Shown this once.
    pub recovery_codes: Vec<String>,
}

/// Whoever asks, in a browser.
fn person(permit: &Permit) -> Result<(UserId, String), ApiError> {
    match &permit.caller {
        Caller::User { user, .. } => Ok((user.id, user.login.clone())),
        Caller::Host | Caller::Token { .. } | Caller::Anonymous | Caller::Workload { .. } => {
            Err(ApiError::new(Code::Forbidden, "codes are set up by their person, in a browser that is signed in"))
        }
    }
}

/// Begins a set-up.
pub async fn begin(app: &App, permit: &Permit, password: Option<String>) -> Result<TotpView, ApiError> {
    let (user, login) = person(permit)?;
    signin::prove(app, permit, password).await?;
    let secret = TotpSecret::random();
    let (asks, vault, plain) = (permit.clone(), Arc::clone(&app.vault), secret.clone());
    let session = permit.caller.session();
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asks.instance(tx)?;
        let sealed = secrets::seal(tx, &vault, SecondFactor::binding_of(user, now), plain.expose(), now)?;
        Ok(accounts::begin_factor(tx, user, session, sealed, now)?)
    })
    .await?;
    view(app, &secret, &login)
}

/// How long a set-up may take.
const SET_UP: Duration = Duration::from_secs(15 * 60);

/// Whether this is a set-up that goes on: in the browser where the password was shown for it, and not for long. Its secret is for nobody
/// else who is signed in as the same person.
fn is_under_way(app: &App, permit: &Permit, factor: &SecondFactor) -> bool {
    factor.confirmed_at.is_none() && factor.begun_in == permit.caller.session() && app.clock.now().since(factor.begun_at) < SET_UP
}

fn view(app: &App, secret: &TotpSecret, login: &str) -> Result<TotpView, ApiError> {
    let url = app.public_url();
    let uri = secret.uri(url.split_once("://").map_or(url.as_str(), |(_, host)| host), login);
    Ok(TotpView { secret: secret.base32(), qr_svg: picture(&uri)?, uri })
}

/// The set-up that was begun and waits for its first code: a page shows it again when that was mistyped.
pub async fn begun(app: &App, permit: &Permit) -> Result<Option<TotpView>, ApiError> {
    let (user, login) = person(permit)?;
    let factor = app.read(move |tx, _| accounts::factor_of(tx, user)).await?;
    let Some(factor) = factor.filter(|factor| is_under_way(app, permit, factor)) else { return Ok(None) };
    let secret = signin::open(app, factor).await?;
    view(app, &secret, &login).map(Some)
}

/// Confirms a set-up by its first code.
pub async fn confirm(app: &App, permit: &Permit, code: &str) -> Result<RecoveryView, ApiError> {
    let (user, _) = person(permit)?;
    let factor = app.read(move |tx, _| accounts::factor_of(tx, user)).await?.ok_or(accounts::Error::FactorMissing)?;
    if factor.confirmed_at.is_none() && !is_under_way(app, permit, &factor) {
        return Err(accounts::Error::FactorMissing.into());
    }
    let begun_at = factor.begun_at;
    let secret = signin::open(app, factor).await?;
    let step = secret.step_of(code, app.clock.now()).ok_or(accounts::Error::CodeWrong)?;
    let codes = RecoveryCode::ten();
    let hashes: Vec<Hashed> = codes.iter().map(RecoveryCode::hashed).collect();
    let asks = permit.clone();
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asks.instance(tx)?;
        Ok(accounts::confirm_factor(tx, user, begun_at, step, &hashes, now)?)
    })
    .await?;
    Ok(RecoveryView { recovery_codes: codes.iter().map(|code| code.expose().to_owned()).collect() })
}

/// Asks for no codes any more; whoever asks for that shows one. Wrong ones are counted as those at the door are.
pub async fn remove(app: &App, permit: &Permit, code: &str) -> Result<(), ApiError> {
    let (user, _) = person(permit)?;
    let guess = signin::signed_in_guess(app, permit)?;
    let (guess, shown) = signin::judged(guess, signin::look_at_code(app, user, Some(code))).await?;
    // Nothing was asked for, and so nothing is wrong but that.
    let shown = if matches!(shown, Shown::Nothing) { Shown::Rubbish } else { shown };
    let asks = permit.clone();
    app.write(&permit.actor(), move |tx, now| -> Result<(), ApiError> {
        asks.instance(tx)?;
        Ok(accounts::remove_factor(tx, user, shown, now)?)
    })
    .await?;
    guess.was_right();
    Ok(())
}

/// `POST /api/v1/me/totp`.
pub async fn create(State(app): State<App>, permit: Permit, JsonBody(body): JsonBody<TotpBody>) -> Result<Response, ApiError> {
    match body.code {
        None => Ok((StatusCode::CREATED, [NO_STORE], Json(begin(&app, &permit, body.password).await?)).into_response()),
        Some(code) => Ok((StatusCode::OK, [NO_STORE], Json(confirm(&app, &permit, &code).await?)).into_response()),
    }
}

/// `DELETE /api/v1/me/totp`.
pub async fn delete(State(app): State<App>, permit: Permit, JsonBody(body): JsonBody<CodeBody>) -> Result<StatusCode, ApiError> {
    remove(&app, &permit, &body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many modules of quiet are around a picture, as the standard asks.
const QUIET: usize = 4;

/// A text as a picture that phones read: dark on light in every theme, since many read no other.
fn picture(text: &str) -> Result<String, ApiError> {
    use std::fmt::Write as _;

    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(ApiError::internal)?;
    let (width, colors) = (code.width(), code.to_colors());
    let mut path = String::new();
    for (at, _) in colors.iter().enumerate().filter(|(_, color)| **color == Color::Dark) {
        let (x, y) = (at % width + QUIET, at / width + QUIET);
        write!(path, "M{x} {y}h1v1h-1z").expect("writing to a String succeeds");
    }
    let side = width + 2 * QUIET;
    Ok(format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {side} {side}" shape-rendering="crispEdges" role="img" aria-label="The secret as a QR code"><path fill="#fff" d="M0 0h{side}v{side}h-{side}z"/><path fill="#000" d="{path}"/></svg>"##
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_holds_nothing_but_its_squares() {
        let svg = picture("otpauth://totp/Plumbline%20localhost:ada?secret=MZXW6YTBOI&issuer=Plumbline").unwrap();
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>") && svg.len() < 100_000, "{}", svg.len());
        assert!(!svg.contains("otpauth") && !svg.contains("style") && svg.contains("#fff"));
    }
}
