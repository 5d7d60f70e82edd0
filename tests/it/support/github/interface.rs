//! GitHub's interface for programs, as far as the appliance speaks it, at `/api/v3`; and git beside it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State as Of};
use axum::http::{HeaderMap, Response, StatusCode};
use plumbline::domain::github::setup::EVENTS;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::git::{self, plain};
use super::{APP_ID, KEY, WEBHOOK_SECRET};
use super::{Door, Fault, Hosted, Run, State, Status, Token, Try, people, pulls, show, site};

/// How many requests an installation has an hour.
const BUDGET: u64 = 5_000;

type Shared = Arc<Mutex<State>>;

pub(super) async fn serve(
    state: Shared,
    address: SocketAddr,
    listener: std::net::TcpListener,
    stopped: tokio::sync::oneshot::Receiver<()>,
) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let router = Router::new().fallback(any).with_state((state, address));
    let served = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = stopped.await;
    });
    served.await.unwrap();
}

/// One request, as its parts.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    headers: HeaderMap,
    pub(super) body: Bytes,
    /// Where it came to.
    address: SocketAddr,
}

async fn any(Of((state, address)): Of<(Shared, SocketAddr)>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 32 << 20).await.unwrap();
    let query = parts.uri.query().unwrap_or("").to_owned();
    let asked = Asked { method: parts.method.to_string(), path: parts.uri.path().to_owned(), query, headers: parts.headers, body, address };
    tokio::task::spawn_blocking(move || {
        let mut answer = answer(&state, &asked);
        let now = jiff::Timestamp::from_millisecond(state.lock().unwrap().now.as_millis()).unwrap();
        state.lock().unwrap().unchanged += usize::from(answer.status() == StatusCode::NOT_MODIFIED);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap();
        answer.headers_mut().insert("date", date.parse().unwrap());
        answer
    })
    .await
    .unwrap()
}

fn answer(state: &Shared, asked: &Asked) -> Response<Body> {
    let door = match asked.path.strip_prefix("/api/v3") {
        None if asked.path.starts_with("/login/") => Door::SignIn,
        None => Door::Git,
        Some(path) if path.ends_with("/access_tokens") => Door::Tokens,
        Some(path) if path.contains("/statuses/") => Door::Statuses,
        Some(path) if path.contains("/check-runs") && asked.method != "GET" => Door::Runs,
        Some(path) if path.starts_with("/app/hook/deliveries") => Door::Deliveries,
        Some(path) if path.contains("/comments") && asked.method != "GET" => Door::Comments,
        Some(_) => Door::Interface,
    };
    let fault = {
        let mut state = state.lock().unwrap();
        state.asked.push(format!("{} {}", asked.method, asked.path));
        if state.is_away {
            return plain(StatusCode::BAD_GATEWAY, "<html>".to_owned());
        }
        let at = state.faults.iter().position(|(at, _)| *at == door);
        at.map(|at| state.faults.remove(at).1)
    };
    match fault {
        Some(Fault::Answers(status, headers, text)) => {
            let mut answer = plain(StatusCode::from_u16(status).unwrap(), text);
            for (name, value) in headers {
                answer.headers_mut().insert(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            answer
        }
        Some(Fault::DoesAndFails) => {
            reply(state, asked);
            plain(StatusCode::BAD_GATEWAY, "<html>".to_owned())
        }
        Some(Fault::Waits(waits)) => {
            if waits.wait() {
                return reply(state, asked);
            }
            plain(StatusCode::GATEWAY_TIMEOUT, String::new())
        }
        None => reply(state, asked),
    }
}

fn reply(state: &Shared, asked: &Asked) -> Response<Body> {
    match asked.path.strip_prefix("/api/v3") {
        Some(path) => interface(&mut state.lock().unwrap(), path, asked),
        None if !asked.path.contains(".git/")
            && let Some(page) = site::page(&mut state.lock().unwrap(), asked) =>
        {
            page
        }
        None if asked.path == "/login/oauth/access_token" => people::exchange(&mut state.lock().unwrap(), asked),
        None => fetch(state, asked),
    }
}

/// Git's questions. The state is let go of while git's own host answers.
fn fetch(state: &Shared, asked: &Asked) -> Response<Body> {
    let Some((slug, rest)) = asked.path.trim_start_matches('/').split_once(".git/") else { return no(404, "Not Found") };
    let repo = {
        let state = state.lock().unwrap();
        let whose = state.shown_by_git(&asked.header("authorization"));
        let Some(installation) = whose else { return no(401, "Bad credentials") };
        if let Some(to) = state.moved.get(slug) {
            return moved(
                301,
                &format!("http://{}/{to}.git/{rest}{}{}", asked.address, if asked.query.is_empty() { "" } else { "?" }, asked.query),
            );
        }
        let Some(hosted) = state.repos.get(slug).filter(|hosted| hosted.installation == installation) else { return no(404, "Not Found") };
        hosted.git.path().to_owned()
    };
    git::serve(&repo, &asked.method, rest, &asked.query, &asked.headers, &asked.body)
}

fn interface(state: &mut State, path: &str, asked: &Asked) -> Response<Body> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let shown = asked.header("authorization");
    let is_app = show::is_app(&shown, state.now) && !state.is_key_revoked;
    if let ("POST", ["app", "installations", id, "access_tokens"]) = (asked.method.as_str(), parts.as_slice()) {
        return if is_app { token(state, id) } else { no(401, "A JSON web token could not be decoded") };
    }
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["app-manifests", code, "conversions"]) => return convert(state, code, asked),
        ("GET", ["app", "hook", "deliveries"]) if is_app => {
            let all = state.tries.iter().enumerate().rev().map(|(id, Try { delivery, at, status })| {
                let word = if *status == 0 { "failed to connect to host" } else { "" };
                json!({
                    "id": id, "guid": delivery.guid, "delivered_at": at, "redelivery": false, "status": word, "status_code": status,
                    "event": delivery.event,
                })
            });
            return list(all.collect(), None, asked);
        }
        ("POST", ["app", "hook", "deliveries", id, "attempts"]) if is_app => {
            let Some(before) = id.parse().ok().and_then(|id: usize| state.tries.get(id).cloned()) else { return no(404, "Not Found") };
            match state.hook {
                Some(_) => drop(state.deliver(&before.delivery)),
                // Nobody has said where to: it is taken to arrive.
                None => state.tries.push(Try { at: state.now, status: 202, ..before }),
            }
            return plain(StatusCode::ACCEPTED, "{}".to_owned());
        }
        ("GET", ["app"]) if is_app => {
            let page = format!("http://{}/apps/plumbline-acme", asked.address);
            return good(&json!({"id": APP_ID, "html_url": page, "permissions": state.permissions, "events": EVENTS}), asked);
        }
        ("GET", ["app", "hook", "config"]) if is_app => {
            let Some(hook) = &state.hook else { return no(404, "Not Found") };
            return good(&json!({"url": hook, "content_type": "json", "insecure_ssl": "0", "secret": "********"}), asked);
        }
        ("PATCH", ["app", "hook", "config"]) if is_app => {
            let Ok(body) = serde_json::from_slice::<Value>(&asked.body) else { return no(400, "Problems parsing JSON") };
            state.hook_secret = body["secret"].as_str().map(str::to_owned);
            return good(&json!({"url": state.hook, "content_type": "json", "insecure_ssl": "0", "secret": "********"}), asked);
        }
        ("GET", ["app", "installations"]) if is_app => {
            let all = state.installations.iter().map(|(id, one)| {
                let suspended = one.is_suspended.then(|| state.now.to_string());
                json!({"id": id, "account": {"login": one.account}, "suspended_at": suspended, "permissions": one.permissions})
            });
            return list(all.collect(), None, asked);
        }
        ("GET", ["repos", owner, name, "installation"]) if is_app => {
            let found = state.repos.get(&format!("{owner}/{name}"));
            return found.map_or_else(|| no(404, "Not Found"), |hosted| good(&json!({"id": hosted.installation}), asked));
        }
        _ => {}
    }
    if let Some(answer) = people::of_person(state, &shown, &parts, asked) {
        return answer;
    }
    let Some(installation) = state.shown(&shown) else { return no(401, "Bad credentials") };
    let left = state.left.entry(installation).or_insert(BUDGET);
    *left = left.saturating_sub(1);
    let (left, reset) = (*left, (state.now + Duration::from_secs(3_600)).as_millis() / 1_000);
    let mut answer = of_installation(state, installation, &parts, asked);
    for (name, value) in
        [("x-ratelimit-limit", BUDGET.to_string()), ("x-ratelimit-remaining", left.to_string()), ("x-ratelimit-reset", reset.to_string())]
    {
        answer.headers_mut().insert(name, value.parse().unwrap());
    }
    answer
}

fn of_installation(state: &mut State, installation: u64, parts: &[&str], asked: &Asked) -> Response<Body> {
    if let ("GET", ["installation", "repositories"]) = (asked.method.as_str(), parts) {
        let of = state.repos.iter().filter(|(_, hosted)| hosted.installation == installation);
        return list(of.map(|(slug, hosted)| hosted.view(slug)).collect(), Some("repositories"), asked);
    }
    let account = state.installations[&installation].account.clone();
    if let Some(answer) = people::of_installation(state, &account, parts, asked) {
        return answer;
    }
    let by_number = |id: &str| state.repos.iter().find(|(_, hosted)| hosted.id.to_string() == id).map(|(slug, _)| slug.clone());
    let (slug, rest) = match parts {
        ["repos", owner, name, rest @ ..] => (format!("{owner}/{name}"), rest),
        ["repositories", id, rest @ ..] => (by_number(id).unwrap_or_default(), rest),
        _ => return no(404, "Not Found"),
    };
    if let Some(hosted) = state.moved.get(&slug).and_then(|to| state.repos.get(to)) {
        let to = format!("http://{}/api/v3/repositories/{}/{}", asked.address, hosted.id, rest.join("/"));
        return moved(if asked.method == "GET" { 301 } else { 307 }, &to);
    }
    let Some(hosted) = state.repos.get_mut(&slug).filter(|hosted| hosted.installation == installation) else {
        return no(404, "Not Found");
    };
    if let Some(answer) = pulls::of_repository(hosted, &slug, rest, asked) {
        return answer;
    }
    match (asked.method.as_str(), rest) {
        ("GET", []) => good(&hosted.view(&slug), asked),
        ("POST", ["statuses", sha]) => {
            let Ok(body) = serde_json::from_slice::<Value>(&asked.body) else { return no(400, "Problems parsing JSON") };
            let text = |name: &str| body[name].as_str().unwrap_or("").to_owned();
            let status =
                Status { context: text("context"), state: text("state"), description: text("description"), target_url: text("target_url") };
            if !hosted.has(sha) {
                return no(422, &format!("No commit found for SHA: {sha}"));
            }
            if !["pending", "success", "failure", "error"].contains(&status.state.as_str()) || status.description.chars().count() > 140 {
                return no(422, "Validation Failed");
            }
            hosted.statuses.push(((*sha).to_owned(), status));
            plain(StatusCode::CREATED, json!({"id": hosted.statuses.len()}).to_string())
        }
        ("GET", ["commits", sha, "statuses"]) => {
            let of = hosted.statuses.iter().rev().filter(|(of, _)| of == sha);
            let view = |status: &Status| json!({"context": status.context, "state": status.state, "description": status.description, "target_url": status.target_url});
            list(of.map(|(_, status)| view(status)).collect(), None, asked)
        }
        ("POST", ["check-runs"]) => run(hosted, None, &asked.body),
        ("PATCH", ["check-runs", id]) => run(hosted, id.parse().ok(), &asked.body),
        ("GET", ["commits", sha, "check-runs"]) => {
            let of = hosted.runs.iter().enumerate().filter(|(_, run)| run.sha == *sha);
            let view = |(id, run): (usize, &Run)| json!({"id": id, "external_id": run.external_id, "output": {"annotations_count": run.annotations.len()}});
            list(of.map(view).collect(), Some("check_runs"), asked)
        }
        _ => no(404, "Not Found"),
    }
}

/// A run is made, or more is said of one.
fn run(hosted: &mut Hosted, id: Option<usize>, body: &[u8]) -> Response<Body> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return no(400, "Problems parsing JSON") };
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let notes = body["output"]["annotations"].as_array().cloned().unwrap_or_default();
    if notes.len() > 50 || text(&body["output"]["summary"]).chars().count() > 65_535 {
        return no(422, "Invalid request: too much at a time");
    }
    let id = id.unwrap_or(hosted.runs.len());
    if id == hosted.runs.len() {
        let sha = text(&body["head_sha"]);
        if !hosted.has(&sha) {
            return no(422, "No commit found for SHA");
        }
        let (external_id, annotations) = (text(&body["external_id"]), Vec::new());
        let (conclusion, title, summary) = (String::new(), String::new(), String::new());
        hosted.runs.push(Run { sha, external_id, conclusion, title, summary, annotations, actions: Vec::new(), sent: 0 });
    }
    let Some(run) = hosted.runs.get_mut(id) else { return no(404, "Not Found") };
    run.conclusion = text(&body["conclusion"]);
    run.actions = body["actions"].as_array().into_iter().flatten().map(|action| text(&action["identifier"])).collect();
    run.title = text(&body["output"]["title"]);
    run.summary = text(&body["output"]["summary"]);
    run.annotations.extend(notes);
    run.sent += 1;
    plain(
        StatusCode::CREATED,
        json!({"id": id, "external_id": run.external_id, "output": {"annotations_count": run.annotations.len()}}).to_string(),
    )
}

/// Hands out an App for a code, once.
fn convert(state: &mut State, code: &str, asked: &Asked) -> Response<Body> {
    let Some(manifest) = state.codes.remove(code) else { return no(404, "Not Found") };
    let made = json!({
        "id": APP_ID, "slug": "plumbline-acme", "name": manifest["name"], "client_id": "Iv1.0", "client_secret": "client-marigold",
        "webhook_secret": WEBHOOK_SECRET, "pem": KEY, "html_url": format!("http://{}/apps/plumbline-acme", asked.address),
    });
    plain(StatusCode::CREATED, made.to_string())
}

fn token(state: &mut State, id: &str) -> Response<Body> {
    let Some((id, one)) = id.parse().ok().and_then(|id: u64| Some((id, state.installations.get(&id)?))) else {
        return no(404, "Integration not found");
    };
    if one.is_suspended {
        return no(403, "This installation has been suspended");
    }
    state.made += 1;
    let text = format!("ghs_{:036}", state.made);
    let expires_at = state.now + Duration::from_secs(3_600);
    state.tokens.insert(text.clone(), Token { installation: id, expires_at });
    plain(StatusCode::CREATED, json!({"token": text, "expires_at": expires_at, "permissions": {"statuses": "write"}}).to_string())
}

impl Asked {
    pub(super) fn method(&self) -> &str {
        &self.method
    }

    fn header(&self, name: &str) -> String {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned()
    }

    fn number(&self, name: &str, otherwise: usize) -> usize {
        let found = self.query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        found.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }
}

fn moved(status: u16, to: &str) -> Response<Body> {
    let mut answer = plain(StatusCode::from_u16(status).unwrap(), String::new());
    answer.headers_mut().insert("location", to.parse().unwrap());
    answer
}

pub(super) fn no(status: u16, message: &str) -> Response<Body> {
    plain(StatusCode::from_u16(status).unwrap(), json!({"message": message}).to_string())
}

/// What is there, or that it has not changed.
pub(super) fn good(value: &Value, asked: &Asked) -> Response<Body> {
    let text = value.to_string();
    let etag = format!("\"{}\"", Sha256::digest(&text).iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>());
    let is_known = asked.header("if-none-match") == etag;
    let mut answer = if is_known { plain(StatusCode::NOT_MODIFIED, String::new()) } else { plain(StatusCode::OK, text) };
    answer.headers_mut().insert("etag", etag.parse().unwrap());
    answer
}

/// A page of a list, and where the next is.
pub(super) fn list(all: Vec<Value>, field: Option<&str>, asked: &Asked) -> Response<Body> {
    let (page, size) = (asked.number("page", 1), asked.number("per_page", 30).min(100));
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip((page - 1) * size).take(size).collect();
    let value = match field {
        None => json!(items),
        Some(field) => json!({"total_count": total, field: items}),
    };
    let mut answer = good(&value, asked);
    if page * size < total {
        let next = format!("<http://{}{}?per_page={size}&page={}>; rel=\"next\"", asked.address, asked.path, page + 1);
        answer.headers_mut().insert("link", next.parse().unwrap());
    }
    answer
}
