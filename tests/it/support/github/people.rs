//! People on GitHub: who they are, where they belong, and how they let GitHub tell us so (OAuth with PKCE, as GitHub has it).

use std::collections::{BTreeMap, HashMap};

use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::url::{Url, form_urlencoded};
use plumbline::app::config::Config;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::app::TestApp;
use crate::support::client::Client;

use super::git::plain;
use super::interface::{Asked, good, list, no};
use super::{GitHub, State};

/// The App's client id.
pub const CLIENT_ID: &str = "Iv23.plumbline";
/// The client's secret.
pub const CLIENT_SECRET: &str = "the client's secret";

/// Everybody, and what they have let be told.
#[derive(Default)]
pub struct People {
    /// By number.
    accounts: BTreeMap<u64, Account>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, u64>,
    made: usize,
    /// Organizations that show nobody who has not gone through their own sign-in.
    guarded: Vec<String>,
}

struct Account {
    login: String,
    name: String,
    emails: Vec<(String, bool)>,
    /// By organization: `active` or `pending`.
    orgs: BTreeMap<String, &'static str>,
    /// By repository.
    roles: BTreeMap<String, String>,
}

struct Code {
    account: u64,
    client_id: String,
    redirect_uri: String,
    challenge: String,
}

impl GitHub {
    /// Lets people sign in to an appliance through this GitHub, besides what [`GitHub::configure`] does.
    pub fn configure_sign_in(&self, config: &mut Config) {
        self.configure(config);
        let path = config.data_dir.parent().unwrap().join("github/client");
        std::fs::write(&path, format!("{CLIENT_SECRET}\n")).unwrap();
        config.github.client_id = Some(CLIENT_ID.to_owned());
        config.github.client_secret = Some(plumbline::domain::github::Given::File(path));
    }

    /// Somebody new, who belongs nowhere. Answers their number.
    pub fn person(&self, login: &str) -> u64 {
        let mut state = self.state();
        let id = 9_000 + state.people.accounts.len() as u64;
        let emails = vec![(format!("{login}@acme.example"), true), (format!("{login}@unverified.example"), false)];
        let account =
            Account { login: login.to_owned(), name: format!("{login} of GitHub"), emails, orgs: BTreeMap::new(), roles: BTreeMap::new() };
        state.people.accounts.insert(id, account);
        id
    }

    /// Somebody new who is a member of `acme`.
    pub fn member(&self, login: &str) -> u64 {
        let id = self.person(login);
        self.belongs(id, "acme", Some("active"));
        id
    }

    /// Makes somebody a member of an organization, or invites them (`pending`), or has them leave.
    pub fn belongs(&self, id: u64, org: &str, how: Option<&'static str>) {
        let mut state = self.state();
        let account = state.people.accounts.get_mut(&id).unwrap();
        match how {
            Some(how) => account.orgs.insert(org.to_owned(), how),
            None => account.orgs.remove(org),
        };
    }

    /// Has an organization show its members to nobody who has not gone through its own sign-in.
    pub fn guard(&self, org: &str) {
        self.state().people.guarded.push(org.to_owned());
    }

    /// Gives somebody a role in a repository, or takes it.
    pub fn gives(&self, id: u64, slug: &str, role: Option<&str>) {
        let mut state = self.state();
        let account = state.people.accounts.get_mut(&id).unwrap();
        match role {
            Some(role) => account.roles.insert(slug.to_owned(), role.to_owned()),
            None => account.roles.remove(slug),
        };
    }

    /// Has somebody be called otherwise.
    pub fn renames(&self, id: u64, login: &str) {
        self.state().people.accounts.get_mut(&id).unwrap().login = login.to_owned();
    }

    /// Has somebody say yes on the page that a browser was sent to. Answers the path it comes back by.
    pub fn says_yes(&self, id: u64, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert!(location.starts_with(&format!("{}/login/oauth/authorize?", self.url())), "{location}");
        assert_eq!((&*asked["client_id"], &*asked["response_type"], &*asked["code_challenge_method"]), (CLIENT_ID, "code", "S256"));
        assert_eq!(asked["scope"], "read:user user:email read:org");
        let mut state = self.state();
        state.people.made += 1;
        let text = format!("{:020}", state.people.made);
        let code = Code {
            account: id,
            client_id: asked["client_id"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
            challenge: asked["code_challenge"].clone(),
        };
        state.people.codes.insert(text.clone(), code);
        let back = Url::parse_with_params(&asked["redirect_uri"], [("code", &*text), ("state", &*asked["state"])]).unwrap();
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    /// Has a person sign in to an appliance by the way through here.
    pub async fn signs_in(&self, person: u64, app: &TestApp) -> Client {
        let sent = app.anonymous().get("/auth/github").await.expect(303);
        let back = self.says_yes(person, sent.header("location").unwrap());
        let answer = app.anonymous().with("cookie", &sent.cookies()).get(&back).await.expect(303);
        app.anonymous().with("cookie", &answer.cookies())
    }

    /// Has somebody say no there.
    pub fn says_no(&self, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        format!("/auth/github/callback?error=access_denied&error_description=No&state={}", asked["state"])
    }
}

/// What was sent for a token.
pub(super) fn exchange(state: &mut State, asked: &Asked) -> Response<Body> {
    let sent: HashMap<String, String> = form_urlencoded::parse(&asked.body).into_owned().collect();
    let is = |name: &str, value: &str| sent.get(name).is_some_and(|sent| sent == value);
    // GitHub refuses with 200.
    let refuse = |error: &str| plain(StatusCode::OK, json!({"error": error, "error_description": "It is not right."}).to_string());
    if !is("client_id", CLIENT_ID) || !is("client_secret", CLIENT_SECRET) {
        return refuse("incorrect_client_credentials");
    }
    // Whatever comes of it, a code is worth nothing afterwards.
    let Some(code) = sent.get("code").and_then(|code| state.people.codes.remove(code)) else { return refuse("bad_verification_code") };
    if !is("redirect_uri", &code.redirect_uri) || !is("client_id", &code.client_id) {
        return refuse("redirect_uri_mismatch");
    }
    let verifier = sent.get("code_verifier").map_or("", String::as_str);
    if verifier.len() < 43 || URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) != code.challenge {
        return refuse("bad_verification_code");
    }
    state.people.made += 1;
    let token = format!("ghu_{:036}", state.people.made);
    state.people.tokens.insert(token.clone(), code.account);
    plain(StatusCode::OK, json!({"access_token": token, "token_type": "bearer", "scope": ""}).to_string())
}

fn shown(id: u64, account: &Account) -> Value {
    json!({
        "id": id, "login": account.login, "name": account.name, "type": "User",
        "avatar_url": format!("https://avatars.example/u/{id}?v=4"),
    })
}

/// What is asked with somebody's own token; `None` if it is not asked so.
pub(super) fn of_person(state: &State, authorization: &str, parts: &[&str], asked: &Asked) -> Option<Response<Body>> {
    let id = *state.people.tokens.get(authorization.strip_prefix("Bearer ")?)?;
    let account = &state.people.accounts[&id];
    Some(match parts {
        ["user"] => good(&shown(id, account), asked),
        ["user", "emails"] => {
            let view =
                |(email, verified): &(String, bool)| json!({"email": email, "verified": verified, "primary": false, "visibility": null});
            list(account.emails.iter().map(view).collect(), None, asked)
        }
        ["user", "memberships", "orgs", org] if state.people.guarded.iter().any(|one| one == org) => {
            no(403, "Resource protected by organization SAML enforcement.")
        }
        ["user", "memberships", "orgs", org] => match account.orgs.get(*org) {
            Some(how) => good(&json!({"state": how, "role": "member", "organization": {"login": org}, "user": shown(id, account)}), asked),
            None => no(404, "Not Found"),
        },
        ["user", "repos"] => {
            let outside = account.roles.keys().filter(|slug| slug.split_once('/').is_none_or(|(org, _)| !account.orgs.contains_key(org)));
            let view = |slug: &String| json!({"full_name": slug, "owner": {"login": slug.split('/').next().unwrap()}});
            list(outside.map(view).collect(), None, asked)
        }
        _ => no(404, "Not Found"),
    })
}

/// What is asked with an installation's token about people; `None` if it is about something else.
pub(super) fn of_installation(state: &State, account: &str, parts: &[&str], asked: &Asked) -> Option<Response<Body>> {
    let people = &state.people.accounts;
    let is_member = |one: &Account| one.orgs.get(account) == Some(&"active");
    let works_here = |one: &Account| one.roles.keys().any(|slug| slug.split('/').next() == Some(account));
    let all = |is: &dyn Fn(&Account) -> bool| {
        list(people.iter().filter(|(_, one)| is(one)).map(|(id, one)| shown(*id, one)).collect(), None, asked)
    };
    Some(match parts {
        ["orgs", org, "members"] if *org == account => all(&is_member),
        ["orgs", org, "outside_collaborators"] if *org == account => all(&|one| works_here(one) && !is_member(one)),
        ["orgs", org, "memberships", login] if *org == account => {
            match people
                .iter()
                .find(|(_, one)| one.login.eq_ignore_ascii_case(login))
                .and_then(|(id, one)| Some((id, one, one.orgs.get(*org)?)))
            {
                Some((id, one, how)) => good(&json!({"state": how, "user": shown(*id, one)}), asked),
                None => no(404, "Not Found"),
            }
        }
        ["orgs", ..] => no(403, "Resource not accessible by integration"),
        ["user", id] => match id.parse().ok().and_then(|id: u64| Some((id, people.get(&id)?))) {
            Some((id, one)) => good(&shown(id, one), asked),
            None => no(404, "Not Found"),
        },
        ["users", login] => match people.iter().find(|(_, one)| one.login.eq_ignore_ascii_case(login)) {
            Some((id, one)) => good(&shown(*id, one), asked),
            None => no(404, "Not Found"),
        },
        ["repos", owner, name, "collaborators", login, "permission"] if *owner == account => {
            let slug = format!("{owner}/{name}");
            match people.iter().find(|(_, one)| one.login.eq_ignore_ascii_case(login)) {
                Some((id, one)) => {
                    let role = one.roles.get(&slug).map_or("none", String::as_str);
                    let permission = if ["maintain", "push"].contains(&role) { "write" } else { role };
                    good(&json!({"permission": permission, "role_name": role, "user": shown(*id, one)}), asked)
                }
                None => no(404, "Not Found"),
            }
        }
        ["repos", owner, name, "collaborators"] if *owner == account => {
            let slug = format!("{owner}/{name}");
            let view = |id: &u64, one: &Account, role: &String| {
                let mut view = shown(*id, one);
                view["role_name"] = json!(role);
                view
            };
            let some = people.iter().filter_map(|(id, one)| Some(view(id, one, one.roles.get(&slug)?)));
            list(some.collect(), None, asked)
        }
        _ => return None,
    })
}
