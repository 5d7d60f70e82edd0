//! The host's own door: the same routes, asked by whoever owns the data directory.
//!
//! A command on the server speaks to the running process through a socket that its owner alone can open; where none runs, it opens the
//! store and asks the routes within its own process. Both are [`Caller::Host`], who may do everything.

use axum::body::Body;
use axum::http::Request;
use axum::{Extension, Router};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::net::UnixListener;
use tower::ServiceExt;

use crate::app::App;
use crate::domain::accounts::Caller;

/// A request that could not be made or whose answer broke off.
pub type Error = axum::Error;

/// Serves a router on the host's own socket until the appliance stops: whoever can open it owns the data directory.
pub async fn serve(app: App, router: Router, listener: UnixListener) -> std::io::Result<()> {
    let stopping = app.stopping();
    let router = router.layer(Extension(Caller::Host));
    axum::serve(listener, router.into_make_service()).with_graceful_shutdown(stopping).await
}

/// Asks a router within this process, and hands on the pieces of a good answer as they come, for as long as they are taken. Answers the
/// status, and the body of an answer that is not good.
pub async fn pieces(router: Router, path: &str, take: &mut dyn FnMut(&[u8]) -> bool) -> Result<(u16, Vec<u8>), Error> {
    let mut request = Request::builder().uri(path).header("host", "localhost").body(Body::empty()).map_err(Error::new)?;
    request.extensions_mut().insert(Caller::Host);
    let Ok(response) = router.oneshot(request).await;
    let (status, mut body) = (response.status(), response.into_body());
    if !status.is_success() {
        return Ok((status.as_u16(), body.collect().await?.to_bytes().to_vec()));
    }
    while let Some(frame) = body.frame().await {
        if frame?.data_ref().is_some_and(|piece| !take(piece)) {
            break;
        }
    }
    Ok((status.as_u16(), Vec::new()))
}

/// Asks a router within this process; answers the status and the body.
pub async fn ask(router: Router, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Vec<u8>), Error> {
    let request = Request::builder().method(method).uri(path).header("host", "localhost").header("content-type", "application/json");
    let mut request = request.body(Body::from(body.map(Value::to_string).unwrap_or_default())).map_err(Error::new)?;
    request.extensions_mut().insert(Caller::Host);
    let Ok(response) = router.oneshot(request).await;
    let status = response.status().as_u16();
    Ok((status, response.into_body().collect().await?.to_bytes().to_vec()))
}
