//! `Idempotency-Key`: a write that is sent again with the same key is answered what was answered before.
//!
//! A key belongs to one credential (a session or a token), method and path. The same key with the same query and body answers the first
//! answer; with others it is a conflict. Kept for a day is what a request that was carried out was answered, and of refusals those that
//! say what stood in its way then (409, 410). Any other refusal, which is of the request itself, of whoever asks or of the moment, is of
//! nothing that was carried out: such a request may be sent again under its key, corrected or not, and is judged anew. So nothing is kept
//! for whoever may not do what they ask for, and what is kept for others is bounded: each answer here, all of a caller's in
//! [`app::repeat`](crate::app::repeat).
//!
//! Whether the caller may is decided again before an answer is repeated, as the route's line in the table says and on the repository that
//! the path names: a right that was lost in between takes its answers with it.
//!
//! An answer may hold a secret that is shown once, such as a token's text, and repeating the answer must repeat it. So every answer is
//! sealed under a key that is made of the caller's own credential and the idempotency key, neither of which is stored: a stolen store
//! opens none, and no route has to say that it answers secrets. What was asked is kept as a digest under the same credential, so that a
//! short secret in a body cannot be guessed from it.
//!
//! Callers without a credential, which are nobody and the host itself, could neither be told apart nor be kept secrets for: their key is
//! passed over.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, Limited};
use ring::aead;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::auth::{self, Credential};
use super::code::Code;
use super::error::{ApiError, Failed};
use super::extract::{self, Params, Permit};
use crate::app::App;
use crate::app::repeat::{self, Once};
use crate::base::event::Actor;
use crate::base::text::thousands;
use crate::domain::accounts::Permission;
use crate::domain::repos;
use crate::engine::store;

/// The header that names a request.
pub const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The longest key.
const KEY_BYTES: usize = 255;
/// The largest answer that is kept. Of a request that was carried out and answered with a larger one, it is known that it was carried
/// out; of a refusal that is larger, nothing is.
const ANSWER_BYTES: usize = 256 << 10;
/// The same with its headers, sealed.
const KEPT_BYTES: usize = ANSWER_BYTES + (8 << 10);
/// The headers that belong to an answer and not to its way.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::SET_COOKIE];

/// An answer as it is kept, before it is sealed.
#[derive(Debug, Serialize, Deserialize)]
enum Kept {
    /// It was done.
    Done { status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8> },
    /// It was refused. Details are JSON, as text.
    Refused { code: String, message: String, details: Option<String> },
}

/// Carries out a write that has a key once, and repeats its answer.
pub async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    if !auth::is_unsafe(request.method()) || !request.uri().path().starts_with("/api/v1/") {
        return next.run(request).await;
    }
    let key = match key(request.headers()) {
        Ok(Some(key)) => key,
        Ok(None) => return next.run(request).await,
        Err(error) => return error.into_response(),
    };
    match request.extensions().get::<Credential>().cloned() {
        Some(credential) => carry_out(app, &key, &credential, request, next).await.unwrap_or_else(ApiError::into_response),
        None => next.run(request).await,
    }
}

/// The key of a request: 1 to 255 visible ASCII characters.
fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut given = headers.get_all(KEY).iter();
    let Some(value) = given.next() else { return Ok(None) };
    let is_good = (1..=KEY_BYTES).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic) && given.next().is_none();
    match value.to_str() {
        Ok(key) if is_good => Ok(Some(key.to_owned())),
        _ => {
            Err(ApiError::field(Code::InvalidParameter, "Idempotency-Key", "a key is 1 to 255 visible ASCII characters, and there is one"))
        }
    }
}

async fn carry_out(app: App, key: &str, credential: &Credential, request: Request, next: Next) -> Result<Response, ApiError> {
    let (mut parts, body) = request.into_parts();
    let body = extract::whole(&app, body).await?;
    let seal = Seal::of(credential, key, &parts.method, parts.uri.path());
    let permit = Permit::from_request_parts(&mut parts, &()).await?;
    let once = Once { whose: whose(&permit), request: seal.request(), asked: seal.asked(parts.uri.query(), &body) };
    // Before it is looked up: whoever finds nothing is then alone with it.
    let Some(begun) = app.under_way.begin(&once) else { return Err(ApiError::of(Code::IdempotencyRunning)) };
    let request = Request::from_parts(parts, Body::from(body));
    // A task of its own: a caller who goes away before the answer is the very one who will ask again. The server ends after whatever has
    // begun.
    let task = tokio::spawn(async move {
        let response = answer(&app, &seal, once, permit, request, next).await;
        drop(begun);
        response
    });
    task.await.map_err(ApiError::internal)?
}

/// The answer that is kept, or else the one that carrying it out brings.
async fn answer(app: &App, seal: &Seal, once: Once, permit: Permit, request: Request, next: Next) -> Result<Response, ApiError> {
    let look = move |tx: &store::ReadTx, now| Ok::<_, store::Error>((repeat::find(tx, &once, now)?, repeat::has_room(tx, &once)?));
    let (found, has_room) = app.read(look).await?;
    let (mut parts, body) = request.into_parts();
    if let Some(found) = found {
        still_may(app, permit, &mut parts).await?;
        if found.asked != once.asked {
            return Err(ApiError::of(Code::IdempotencyConflict));
        }
        let kept = found.answer.and_then(|answer| seal.open(&answer));
        return kept.and_then(replay).ok_or_else(|| ApiError::of(Code::IdempotencyUnanswered));
    }
    if !has_room {
        let most = thousands(repeat::REQUESTS_PER_CALLER);
        let why = format!("you used {most} keys within a day, and no more are remembered; send the request without one, or later");
        return Err(ApiError::new(Code::RateLimited, why));
    }
    parts.extensions.insert(once);
    Ok(keep(app, seal, once, next.run(Request::from_parts(parts, body)).await).await)
}

/// Whom a request is counted to.
fn whose(permit: &Permit) -> [u8; 32] {
    Sha256::new_with_prefix(b"plumbline idempotency caller 1").chain_update(permit.caller.whose()).finalize().into()
}

/// Decides what was decided before the request was carried out, once more. Of a repository that its deletion took away nothing is left to
/// decide on, nor to be told: that answer is empty.
async fn still_may(app: &App, permit: Permit, parts: &mut Parts) -> Result<(), ApiError> {
    if !parts.extensions.get::<MatchedPath>().is_some_and(|path| names_repo(path.as_str())) {
        return app.read(move |tx, _| permit.instance(tx)).await;
    }
    let slug = Params::from_request_parts(parts, &()).await?.slug()?;
    app.read(move |tx, _| match repos::find(tx, &slug) {
        Err(repos::Error::NotFound { .. }) if permit.permission == Permission::RepoDelete => Ok(()),
        _ => permit.repo(tx, &slug).map(drop),
    })
    .await
}

fn names_repo(path: &str) -> bool {
    path.contains("/{owner}/{name}")
}

/// Keeps an answer, if it is one to keep, and hands it on.
async fn keep(app: &App, seal: &Seal, once: Once, response: Response) -> Response {
    let status = response.status();
    if !(status.is_success() || status.is_redirection() || matches!(status, StatusCode::CONFLICT | StatusCode::GONE)) {
        return response;
    }
    let (kept, response) = match response.extensions().get::<Failed>() {
        Some(Failed(error)) => {
            let details = error.details.as_ref().map(ToString::to_string);
            (Kept::Refused { code: error.code.as_str().to_owned(), message: error.message.to_string(), details }, response)
        }
        None => {
            if response.body().size_hint().upper().is_none_or(|length| length > ANSWER_BYTES as u64) {
                return response;
            }
            let (parts, body) = response.into_parts();
            let body: Bytes = match Limited::new(body, ANSWER_BYTES).collect().await {
                Ok(collected) => collected.to_bytes(),
                Err(error) => return ApiError::internal(format!("the answer to a write cannot be kept: {error}")).into_response(),
            };
            let kept_header = |name: &HeaderName, value: &HeaderValue| (name.as_str().to_owned(), value.as_bytes().to_vec());
            let headers = parts.headers.iter().filter(|(name, _)| KEPT_HEADERS.contains(name));
            let headers = headers.map(|(name, value)| kept_header(name, value)).collect();
            (Kept::Done { status: status.as_u16(), headers, body: body.to_vec() }, Response::from_parts(parts, Body::from(body)))
        }
    };
    let Some(sealed) = seal.seal(&kept).filter(|sealed| sealed.len() <= KEPT_BYTES) else { return response };
    // What is written is written: that its answer cannot be kept is no reason to withhold it. A repeat hears that it was carried out.
    if let Err(error) = app.write(&Actor::System, move |tx, now| repeat::answered(tx, &once, sealed.clone(), now)).await {
        tracing::warn!("the answer to a request with a key could not be kept: {error}");
    }
    response
}

/// A kept answer, on its way once more.
fn replay(kept: Kept) -> Option<Response> {
    let mut response = match kept {
        Kept::Done { status, headers, body } => {
            let mut response = (StatusCode::from_u16(status).ok()?, Body::from(body)).into_response();
            for (name, value) in headers {
                response.headers_mut().append(HeaderName::try_from(name).ok()?, HeaderValue::from_bytes(&value).ok()?);
            }
            response
        }
        Kept::Refused { code, message, details } => {
            let code = *Code::ALL.iter().find(|known| known.as_str() == code)?;
            let error = ApiError::new(code, message);
            let details = details.and_then(|details| serde_json::from_str(&details).ok());
            details.into_iter().fold(error, ApiError::with).into_response()
        }
    };
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Some(response)
}

/// What a request's digests and seal are made of: the caller's credential, the key, the method and the path.
struct Seal(Sha256);

impl Seal {
    fn of(credential: &Credential, key: &str, method: &axum::http::Method, path: &str) -> Seal {
        let mut hash = Sha256::new_with_prefix(b"plumbline idempotency 1");
        for part in [credential.expose(), key, method.as_str(), path] {
            // With its length before it, no part can pass for the end of another.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Seal(hash)
    }

    fn digest(&self, purpose: &str, rest: &[&[u8]]) -> [u8; 32] {
        let mut hash = self.0.clone();
        hash.update(purpose.as_bytes());
        for part in rest {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn request(&self) -> [u8; 32] {
        self.digest("request", &[])
    }

    fn asked(&self, query: Option<&str>, body: &[u8]) -> [u8; 32] {
        self.digest("asked", &[query.unwrap_or("").as_bytes(), body])
    }

    fn cipher(&self) -> Option<aead::LessSafeKey> {
        aead::UnboundKey::new(&aead::CHACHA20_POLY1305, &self.digest("answer", &[])).ok().map(aead::LessSafeKey::new)
    }

    /// The answer as it is stored: a nonce of its own, then what it seals.
    fn seal(&self, kept: &Kept) -> Option<Vec<u8>> {
        let mut nonce = [0; aead::NONCE_LEN];
        getrandom::fill(&mut nonce).expect("the operating system gives randomness");
        let mut text = postcard::to_stdvec(kept).ok()?;
        let cipher = self.cipher()?;
        cipher.seal_in_place_append_tag(aead::Nonce::assume_unique_for_key(nonce), aead::Aad::empty(), &mut text).ok()?;
        Some([nonce.as_slice(), &text].concat())
    }

    fn open(&self, sealed: &[u8]) -> Option<Kept> {
        let (nonce, text) = sealed.split_first_chunk::<{ aead::NONCE_LEN }>()?;
        let mut text = text.to_vec();
        let cipher = self.cipher()?;
        let open = cipher.open_in_place(aead::Nonce::assume_unique_for_key(*nonce), aead::Aad::empty(), &mut text).ok()?;
        postcard::from_bytes(open).ok()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    #[test]
    fn only_whoever_asked_opens_the_answer() {
        let seal = |credential: &str, key: &str, path: &str| Seal::of(&Credential::new(credential), key, &Method::POST, path);
        let own = seal("plb_pat_1", "k", "/a");
        let kept = Kept::Refused { code: "forbidden".to_owned(), message: "no".to_owned(), details: None };
        let sealed = own.seal(&kept).unwrap();
        assert!(own.open(&sealed).is_some());
        // The last has the same characters, cut elsewhere.
        let others =
            [seal("plb_pat_2", "k", "/a"), seal("plb_pat_1", "l", "/a"), seal("plb_pat_1", "k", "/b"), seal("plb_pat_", "1k", "/a")];
        for other in others {
            assert!(other.open(&sealed).is_none());
            assert_ne!(other.request(), own.request());
        }
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 1;
            assert!(own.open(&bent).is_none(), "byte {at}");
        }
        assert_ne!(own.seal(&kept).unwrap(), sealed, "no two seals are alike");
    }

    #[test]
    fn what_is_decided_on_a_repository_names_it_in_its_path() {
        for route in crate::http::routes::table().into_iter().filter(|route| auth::is_unsafe(&route.method)) {
            assert_eq!(route.permission.is_of_instance(), !names_repo(route.path), "{} {}", route.method, route.path);
        }
    }

    #[test]
    fn a_key_is_visible_and_of_a_length() {
        let headers = |value: &str| HeaderMap::from_iter([(KEY, HeaderValue::from_str(value).unwrap())]);
        assert!(matches!(key(&HeaderMap::new()), Ok(None)));
        assert!(key(&headers(&"x".repeat(KEY_BYTES))).is_ok_and(|key| key.is_some()));
        for bad in ["", "a b", "caf\u{e9}", &"x".repeat(KEY_BYTES + 1)] {
            assert!(key(&headers(bad)).is_err(), "{bad}");
        }
        let mut twice = headers("a");
        twice.append(KEY, HeaderValue::from_static("b"));
        assert!(key(&twice).is_err());
    }
}
