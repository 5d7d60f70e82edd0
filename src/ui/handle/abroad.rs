//! Signing in through GitHub: to there, and back.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::{Asked, render, see};
use crate::app::App;
use crate::http::accounts::github::{self, Answer, Departure};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Query;
use crate::http::trail::Refuses;
use crate::ui::abroad::GithubFaultPage;

/// What somebody sets out with.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    next: Option<String>,
    here: Option<String>,
}

/// `GET /auth/github`.
pub async fn set_out(State(app): State<App>, asked: Asked, headers: HeaderMap, Query(wanted): Query<Wanted>) -> Result<Response, ApiError> {
    match github::set_out(&app, &asked.permit, &headers, wanted.next.as_deref(), wanted.here.is_some()).await {
        Ok(departure) => send(departure),
        Err(error) => fault(&app, &asked, &headers, error).await,
    }
}

/// Sends a browser on its way.
pub fn send(Departure { location, cookie }: Departure) -> Result<Response, ApiError> {
    let mut response = see(&location)?;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().extend(cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// `GET /auth/github/callback`.
pub async fn come_back(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, ApiError> {
    match github::come_back(&app, &asked.permit, &headers, answer).await {
        Ok(arrival) => {
            let mut response = see(&arrival.next)?;
            github::put(&app, &arrival, response.headers_mut())?;
            Ok(response)
        }
        Err(error) => fault(&app, &asked, &headers, error).await,
    }
}

/// A browser is told on a page of its own what went wrong, with a way out; a program is told as ever.
async fn fault(app: &App, asked: &Asked, headers: &HeaderMap, error: ApiError) -> Result<Response, ApiError> {
    let wants_page = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|accept| accept.contains("text/html"));
    if !wants_page || matches!(error.code, Code::NotFound | Code::InsecureTransport | Code::Internal | Code::Unavailable) {
        return Err(error);
    }
    if let Some(cause) = &error.cause {
        tracing::error!(code = error.code.as_str(), "somebody was not signed in through GitHub: {cause}");
    }
    let (code, message) = (error.code, error.message.to_string());
    let mut response = render(&GithubFaultPage { frame: asked.frame(app).await?, code, message })?.into_response();
    *response.status_mut() = code.status();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(wait) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response.extensions_mut().insert(Refuses::from(&error));
    Ok(response)
}
