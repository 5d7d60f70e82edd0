//! How many requests may come: from one address, and of one caller.
//!
//! Both are generous, so that nobody who works meets them, and both are counted before what a request costs: the address before anybody
//! is looked up, the caller before the route is reached. A credential that is refused counts as much as twenty requests, so
//! that guessing ends sooner than asking; a delivery whose signature is refused counts as one, since nobody guesses those. What is refused here is answered 429 with the time to wait, and costs neither a read nor a
//! write.
//!
//! Requests from this machine itself are not counted by address ([`network::source`]).

use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::auth::Address;
use super::code::Code;
use super::error::{ApiError, Failed};
use crate::app::App;
use crate::base::network;
use crate::domain::accounts::Caller;

/// As how many requests one counts whose credential is refused.
const BAD_CREDENTIAL: u32 = 20;

/// Counts a request to the address it comes from.
pub async fn per_address(State(app): State<App>, request: Request, next: Next) -> Response {
    let source = request.extensions().get::<Address>().and_then(|address| network::source(address.0.as_deref()?));
    let Some(source) = source else { return next.run(request).await };
    // What signs all it sends is known by that: it costs nothing here as long as its signatures are good.
    let is_delivery = request.uri().path() == super::hooks::GITHUB;
    let now = app.clock.now();
    let taken = if is_delivery { app.rates.by_address().may(&source, now) } else { app.rates.by_address().take(&source, 1, now) };
    if let Err(wait) = taken {
        return too_many("from your address", wait).into_response();
    }
    let shows_something = request.headers().contains_key(axum::http::header::AUTHORIZATION) || request.headers().contains_key("x-api-key");
    let response = next.run(request).await;
    let refused = response.extensions().get::<Failed>().map(|Failed(error)| error.code);
    // Nobody guesses a signature, and from the addresses of whoever delivers come strangers' deliveries as well.
    let cost = match refused {
        Some(Code::SignatureInvalid) => 1,
        Some(Code::Unauthenticated) if shows_something => BAD_CREDENTIAL - 1,
        _ => 0,
    };
    if cost > 0 {
        app.rates.by_address().charge(&source, cost, app.clock.now());
    }
    response
}

/// Counts a request to whoever makes it.
pub async fn per_caller(State(app): State<App>, request: Request, next: Next) -> Response {
    let whose = match request.extensions().get::<Caller>() {
        Some(caller @ (Caller::User { .. } | Caller::Token { .. } | Caller::Workload { .. })) => caller.whose(),
        Some(Caller::Host | Caller::Anonymous) | None => return next.run(request).await,
    };
    let taken = app.rates.by_caller().take(&whose, 1, app.clock.now());
    match taken {
        Ok(()) => next.run(request).await,
        Err(wait) => too_many("with your account or token", wait).into_response(),
    }
}

fn too_many(of: &str, wait: Duration) -> ApiError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    ApiError::too_soon(wait, format!("too many requests come {of}; the next is answered in {seconds} s"))
}
