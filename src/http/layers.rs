//! What every request passes: an id, a log line, limits, headers, and the shape of errors.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::body::{Body, HttpBody};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use super::code::Code;
use super::error::{self, ApiError, Failed};
use crate::app::App;
use crate::base::id::RequestId;

/// The largest answer that is held in memory to be given an `ETag`.
const ETAG_BYTES: usize = 8 << 20;

/// The id of a request.
#[derive(Debug, Clone, Copy)]
pub struct Id(pub RequestId);

/// Put on a response that failed: how a page shows it, under the request's id. Without it, errors are JSON.
#[derive(Clone)]
pub struct ErrorPage(pub Arc<ShowError>);

/// Makes a page of an error and the request's id.
pub type ShowError = dyn Fn(&ApiError, &str) -> Response + Send + Sync;

/// The headers by which a refusal says something besides.
const BESIDES: [HeaderName; 3] = [header::ALLOW, header::SET_COOKIE, super::repeat::REPLAYED];

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything but scripts and styles of our own is refused; nothing may frame us. No page has anything inline, neither script nor style, so
/// there is nothing that a nonce could let through: the policy is the stricter one without any, and an answer stays the same for its `ETag`.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The same for a page whose form leads to one other place as well.
pub fn policy_with_form_to(url: &str) -> String {
    CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {url}"))
}

/// The outermost layer: id, panics, errors, headers, the access log.
pub async fn outermost(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id: RequestId = app.store.ids().next(app.clock.now());
    request.extensions_mut().insert(Id(id));
    let (method, path) = (request.method().clone(), told(&request));
    let answered = futures_util::FutureExt::catch_unwind(AssertUnwindSafe(next.run(request))).await;
    let mut response = answered.unwrap_or_else(|_| ApiError::internal("a handler panicked").into_response());
    let page = response.extensions_mut().remove::<ErrorPage>();
    if let Some(Failed(failed)) = response.extensions_mut().remove::<Failed>() {
        if let Some(cause) = &failed.cause {
            tracing::error!(request.id = %id, code = failed.code.as_str(), "{method} {path} failed: {cause}");
        }
        let kept: Vec<(HeaderName, HeaderValue)> = response.headers().iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        response = match page {
            Some(ErrorPage(render)) => render(&failed, &id.to_string()),
            None => error::render(&failed, &id.to_string()),
        };
        if let Some(seconds) = failed.retry_after() {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        // A refusal may have had something to say besides, such as what the method may be.
        for (name, value) in kept.into_iter().filter(|(name, _)| BESIDES.contains(name)) {
            response.headers_mut().append(name, value);
        }
    }
    headers(&app, &mut response, id);
    let status = response.status();
    let took = began.elapsed();
    app.measures.answered(status.as_u16(), took);
    let took_ms = took.as_millis();
    tracing::debug!(request.id = %id, status = status.as_u16(), took_ms, "{method} {path} {}", status.as_u16());
    response
}

/// Refuses a request of HTTP/1.1 that does not name one host (RFC 9112, 3.2): what it means for us and what a proxy before us took it to
/// mean could differ.
pub async fn addressed(request: Request, next: Next) -> Result<Response, ApiError> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let is_good = match (hosts.next(), hosts.next()) {
        (None, None) => request.version() < Version::HTTP_11,
        (Some(host), None) => host.as_bytes().iter().all(u8::is_ascii_graphic),
        (_, Some(_)) => false,
    };
    if !is_good {
        return Err(ApiError::new(Code::BadRequest, "a request of HTTP/1.1 has one header `Host`"));
    }
    Ok(next.run(request).await)
}

/// The path as it may be told: without the secret of a one-time link, which whoever reads it could spend; and where the name of a secret
/// belongs, some enter its value.
pub fn told(request: &Request) -> String {
    let path = request.uri().path();
    let matched = request.extensions().get::<MatchedPath>();
    match path.rsplit_once('/') {
        Some((before, _)) if matched.is_some_and(|matched| matched.as_str().ends_with("/{secret}")) => format!("{before}/…"),
        _ if path.starts_with("/link/") => "/link/…".to_owned(),
        _ => path.to_owned(),
    }
}

fn headers(app: &App, response: &mut Response, id: RequestId) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID, value);
    }
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    if app.config.public_url.as_deref().is_some_and(|url| url.starts_with("https://")) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000; includeSubDomains"));
    }
}

/// Gives answers that can be polled an `ETag`, and says "as before" to whoever has it.
pub async fn etag(request: Request, next: Next) -> Response {
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    let is_stream = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if !is_get || is_stream || response.status() != StatusCode::OK || response.headers().contains_key(header::ETAG) {
        return response;
    }
    // What is too large to be held goes out as it is.
    if response.body().size_hint().upper().is_none_or(|length| length > ETAG_BYTES as u64) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = http_body_util::Limited::new(body, ETAG_BYTES).collect().await else {
        return ApiError::internal("an answer is larger than it may be").into_response();
    };
    let bytes = collected.to_bytes();
    let digest = Sha256::digest(&bytes);
    let tag = digest[..12].iter().fold(String::from("\""), |tag, byte| format!("{tag}{byte:02x}")) + "\"";
    let Ok(value) = HeaderValue::from_str(&tag) else { return Response::from_parts(parts, Body::from(bytes)) };
    let is_known =
        known.and_then(|known| known.to_str().ok().map(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag)));
    parts.headers.insert(header::ETAG, value);
    if is_known == Some(true) {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(bytes))
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    async fn answer(length: usize) -> Response {
        let router = axum::Router::new()
            .route("/", axum::routing::get(move || async move { vec![b'x'; length] }))
            .layer(axum::middleware::from_fn(etag));
        router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn an_answer_too_large_for_an_etag_is_sent_without_one() {
        assert!(answer(10).await.headers().contains_key(header::ETAG));
        let large = answer(ETAG_BYTES + 1).await;
        assert_eq!(large.status(), StatusCode::OK);
        assert!(!large.headers().contains_key(header::ETAG));
        assert_eq!(large.into_body().collect().await.unwrap().to_bytes().len(), ETAG_BYTES + 1);
    }

    #[tokio::test]
    async fn neither_a_one_time_link_nor_what_is_entered_for_the_name_of_a_secret_is_logged() {
        let router = axum::Router::new().fallback(told_back).route("/api/v1/secrets/{secret}", axum::routing::any(told_back));
        async fn told_back(request: Request) -> String {
            told(&request)
        }
        for (path, logged) in [("/link/aster", "/link/…"), ("/api/v1/secrets/aster", "/api/v1/secrets/…"), ("/r/local/app", "/r/local/app")]
        {
            let answer = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), logged);
        }
    }
}
