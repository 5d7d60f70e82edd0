//! Where deliveries come in: the bytes as they were signed, and nothing done with them but to keep them.
//!
//! The order is all there is to it. A request without the form of a signature is refused before its body is read; a body is verified
//! before anything of it is parsed; what is verified and is no delivery all the same is refused with what is wrong; the rest is answered
//! once it is durable. What a delivery means is found out later, by [`app::deliveries`](crate::app::deliveries).

use axum::Json;
use axum::body::{Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::code::Code;
use super::error::ApiError;
use super::extract;
use crate::app::App;
use crate::app::deliveries::BODY_BYTES;
use crate::base::event::Actor;
use crate::base::id::DeliveryId;
use crate::base::text::thousands;
use crate::domain::github::signature::{self, Signature};
use crate::domain::github::{self, payload};
use crate::domain::hooks::{self, Arrived, Content, EVENT_BYTES, GUID_BYTES, INLINE_BYTES, Source};

/// Where GitHub's deliveries go.
pub const GITHUB: &str = "/hooks/github";

/// A delivery that was taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeliveryTakenView {
    /// The delivery, the same each time it is sent.
    pub delivery: DeliveryId,
}

/// `POST /hooks/github`.
pub async fn github(State(app): State<App>, request: Request) -> Result<(StatusCode, Json<DeliveryTakenView>), ApiError> {
    let (parts, body) = request.into_parts();
    let refused = || ApiError::of(Code::SignatureInvalid);
    let mut given = parts.headers.get_all(signature::HEADER).iter();
    // Of two, others on the way may have looked at the one that is not looked at here.
    let (Some(signed), None) = (given.next(), given.next()) else { return Err(refused()) };
    let signed = signed.to_str().ok().and_then(Signature::parse).ok_or_else(refused)?;
    // A body that does not say how large it is may be as large as any.
    let size = body.size_hint().upper().unwrap_or(BODY_BYTES);
    let Some(_turn) = app.receiving.turn(size).await else {
        return Err(ApiError::new(Code::Unavailable, "too many large deliveries come at once; send this one again"));
    };
    let body = extract::within(&app, body, BODY_BYTES).await?;
    let (handle, verified) = (app.clone(), body.clone());
    let verify = move || -> Result<bool, ApiError> {
        let secrets =
            handle.read_now(|tx, now| github::webhook_secrets(tx, &handle.vault, &handle.config.github, now)).map_err(unverifiable)?;
        if secrets.is_empty() {
            tracing::debug!("a delivery is refused, since there is no webhook secret that it could be signed with");
        }
        Ok(signed.is_of(&verified, &secrets))
    };
    if !app.blocking(verify).await?? {
        tell_refused(&app, &parts.headers);
        return Err(refused());
    }
    app.hub.told();
    let arrived = read(&app, &parts.headers, body).await?;
    let delivery = app.write(&Actor::System, move |tx, now| hooks::receive(tx, &arrived, now)).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryTakenView { delivery })))
}

/// Says in the log that a delivery is refused whose signature is well formed: whoever has set another secret on GitHub than here wonders
/// why nothing comes.
fn tell_refused(app: &App, headers: &HeaderMap) {
    let Some(count) = app.receiving.refuses(app.clock.now()) else { return };
    let named = |name, most| word(headers, name, most).ok().filter(|word| !word.contains('`')).unwrap_or_else(|| "-".to_owned());
    let (event, guid) = (named("x-github-event", EVENT_BYTES), named("x-github-delivery", GUID_BYTES));
    tracing::warn!(
        delivery.event = %event,
        delivery.guid = %guid,
        "deliveries were refused, {} since that was last told: the last says to be `{event}` `{guid}`, and no secret that is known here has signed it",
        thousands(count),
    );
}

/// Why the secrets that deliveries are signed with cannot be had.
fn unverifiable(error: github::Error) -> ApiError {
    match error {
        github::Error::Store(error) => error.into(),
        github::Error::Secrets(error) => error.into(),
        // Such as a file that cannot be read; which, is no stranger's business.
        other => {
            let message = "the webhook's secret cannot be read right now; the server's log and the App's page say why";
            ApiError { cause: Some(other.to_string()), ..ApiError::new(Code::VaultUnavailable, message) }
        }
    }
}

/// What a request that is signed rightly brings.
async fn read(app: &App, headers: &HeaderMap, body: Bytes) -> Result<Arrived, ApiError> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("");
    if !kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")) {
        return Err(ApiError::new(
            Code::UnsupportedMedia,
            "deliveries are JSON: choose the content type `application/json` for the webhook",
        ));
    }
    let guid = word(headers, "x-github-delivery", GUID_BYTES)?;
    let event = word(headers, "x-github-event", EVENT_BYTES)?;
    let bytes = body.len() as u64;
    let handle = app.clone();
    let keep = move || -> Result<Content, ApiError> {
        payload::is_json_object(&body).map_err(|why| ApiError::new(Code::InvalidBody, format!("the body is no JSON object: {why}")))?;
        if body.len() <= INLINE_BYTES { Ok(Content::Inline(body.to_vec())) } else { Ok(Content::Blob(handle.blobs.put(&body)?)) }
    };
    let content = app.blocking(keep).await??;
    Ok(Arrived { source: Source::Github, guid, event, bytes, content })
}

/// A header that is a word: visible ASCII, and not too long.
fn word(headers: &HeaderMap, name: &str, most: usize) -> Result<String, ApiError> {
    let mut given = headers.get_all(name).iter();
    match (given.next().and_then(|value| value.to_str().ok()), given.next()) {
        (Some(word), None) if (1..=most).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(word.to_owned()),
        _ => {
            Err(ApiError::field(Code::InvalidParameter, name, format!("there is one such header, of 1 to {most} visible ASCII characters")))
        }
    }
}
