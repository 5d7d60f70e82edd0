//! GitHub's pages for people, as far as the set-up leads through them: an App is made of a manifest, and let in by an organization.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use oauth2::url::form_urlencoded;
use serde_json::{Value, json};

use super::git::plain;
use super::interface::{Asked, no};
use super::{Delivery, INSTALLATION, Installation, State};

/// What the pages know while a browser goes through them.
#[derive(Default)]
pub struct Site {
    /// The manifest that a browser brought, its state, and whose the App is to be.
    proposed: Option<(Value, String, String)>,
    /// Where a browser is sent once the App was let in.
    setup_url: String,
}

/// Answers a page; `None` for what is none.
pub(super) fn page(state: &mut State, asked: &Asked) -> Option<Response<Body>> {
    let parts: Vec<&str> = asked.path.split('/').skip(1).collect();
    match (asked.method.as_str(), parts.as_slice()) {
        ("POST", ["settings", "apps", "new"]) => Some(propose(state, asked, "ada")),
        ("POST", ["organizations", owner, "settings", "apps", "new"]) => Some(propose(state, asked, owner)),
        ("POST", ["settings", "apps", "create"]) => Some(create(state)),
        ("GET", ["apps", "plumbline-acme", "installations", "new"]) => Some(shown(
            "Install Plumbline",
            "<form method=\"post\" action=\"/apps/plumbline-acme/installations\"><button>Install</button></form>",
        )),
        ("POST", ["apps", "plumbline-acme", "installations"]) => Some(install(state)),
        _ => None,
    }
}

fn shown(title: &str, html: &str) -> Response<Body> {
    let head = format!("<!doctype html><html lang=en><link rel=icon href=\"data:,\"><title>{title}</title>");
    let mut answer = plain(StatusCode::OK, format!("{head}<h1>{title}</h1>{html}"));
    answer.headers_mut().insert("content-type", "text/html; charset=utf-8".parse().unwrap());
    answer
}

fn sent_to(url: &str) -> Response<Body> {
    let mut answer = plain(StatusCode::FOUND, String::new());
    answer.headers_mut().insert("location", url.parse().unwrap());
    answer
}

fn propose(state: &mut State, asked: &Asked, owner: &str) -> Response<Body> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let manifest = fields.iter().find(|(name, _)| name == "manifest").and_then(|(_, text)| serde_json::from_str::<Value>(text).ok());
    let Some(manifest) = manifest else { return no(400, "the manifest is no JSON") };
    let word = form_urlencoded::parse(asked.query.as_bytes()).find(|(name, _)| name == "state").map(|(_, word)| word.into_owned());
    let html = format!(
        "<p>{} for {owner}</p><form method=\"post\" action=\"/settings/apps/create\"><button>Create GitHub App</button></form>",
        manifest["name"].as_str().unwrap_or("")
    );
    state.site.proposed = Some((manifest, word.unwrap_or_default(), owner.to_owned()));
    shown("Create GitHub App", &html)
}

fn create(state: &mut State) -> Response<Body> {
    let Some((manifest, word, _)) = state.site.proposed.clone() else { return no(404, "Not Found") };
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    state.hook = Some(text(&manifest["hook_attributes"]["url"]));
    state.site.setup_url = text(&manifest["setup_url"]);
    // Nobody there knows yet what it is signed with.
    ping(state);
    let code = format!("code{}", state.codes.len());
    let back = format!("{}?code={code}&state={word}", text(&manifest["redirect_url"]));
    state.codes.insert(code, manifest);
    sent_to(&back)
}

/// Sends the ping that an App has once it is made; answers the status.
pub(super) fn ping(state: &mut State) -> u16 {
    state.deliveries += 1;
    let delivery =
        Delivery::signed("ping", state.deliveries, &json!({"zen": "Speak like a human.", "hook_id": 1, "hook": {"type": "App"}}));
    state.deliver(&delivery)
}

fn install(state: &mut State) -> Response<Body> {
    let Some((_, _, owner)) = state.site.proposed.clone() else { return no(404, "Not Found") };
    let id = INSTALLATION + state.installations.len() as u64;
    state.installations.insert(id, Installation { account: owner.clone(), is_suspended: false, permissions: None });
    state.deliveries += 1;
    let payload = json!({
        "action": "created", "repositories": [], "sender": {"login": "ada", "id": 12},
        "installation": {"id": id, "account": {"login": owner, "id": 11, "type": "Organization"}, "updated_at": state.now},
    });
    let delivery = Delivery::signed("installation", state.deliveries, &payload);
    state.deliver(&delivery);
    let to = format!("{}?installation_id={id}&setup_action=install", state.site.setup_url);
    sent_to(&to)
}
