//! Who somebody is on GitHub: the OAuth dance of a browser, and the few questions that are asked with what comes of it.
//!
//! The browser is sent to GitHub with a state and the hash of a verifier (PKCE, RFC 7636); it comes back with a code, which is worth a
//! token only together with our secret and that verifier. The token is asked who its person is, which addresses are verified and whether
//! they are one of those that are let in; then it is let go of. None is kept.
//!
//! The crate `oauth2` knows the protocol and is lent our own HTTP client. What GitHub does its own way stands in `as_the_standard_says`: it
//! answers refusals with 200.

use std::io::Read;
use std::time::Duration;

use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicRequestTokenError};
use oauth2::http::{Response as HttpResponse, StatusCode};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, TokenUrl,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{Configured, client_secret, places};
use crate::base::secret::Secret;
use crate::base::text::clip;
use crate::domain::accounts::Profile;
use crate::engine::outbound::{self, Body, Request, Response};
use crate::engine::store::ReadTx;
use crate::engine::vault::Vault;

/// What we ask to be told: who it is, their addresses, their organizations. An App has this by its permissions and hears nothing of it.
const SCOPES: [&str; 3] = ["read:user", "user:email", "read:org"];
/// How long one exchange may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// The most bytes of an answer.
const ANSWER_BYTES: u64 = 2 << 20;
/// The most organizations that are asked of.
const ORGS: usize = 50;
/// The most pages of repositories that are looked through for an outside collaborator's.
const PAGES: usize = 10;
/// How many things GitHub puts on a page at most.
const PER_PAGE: usize = 100;
/// How much of what GitHub says of a refusal is told.
const SAID_BYTES: usize = 200;

/// Where people sign in through GitHub, and as whom we ask for it.
#[derive(Debug, Clone)]
pub struct Door {
    client_id: String,
    client_secret: Secret<String>,
    /// Where people find GitHub.
    pub url: String,
    api_url: String,
    redirect_url: String,
}

/// Why nobody came of a visit to GitHub.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// GitHub cannot be asked.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// GitHub fails.
    #[error("GitHub failed ({status}) when it was asked {what}")]
    Failed {
        /// The status.
        status: u16,
        /// What it was asked.
        what: &'static str,
    },
    /// What came cannot be read.
    #[error("GitHub's answer cannot be read when it was asked {what}")]
    Unreadable {
        /// What it was asked.
        what: &'static str,
    },
    /// The code is worth nothing: it was used, is old, or is not for this browser.
    #[error("GitHub takes the code for nothing (any more)")]
    CodeRefused,
    /// GitHub does not take us for whom we say we are.
    #[error(
        "GitHub does not take our client id, secret or address: {said}; look at `github.client_id`, `github.client_secret_file` and `public_url`"
    )]
    NotUs {
        /// What it says.
        said: String,
    },
    /// An address of the configuration is none.
    #[error("`github.url` or `public_url` is not an address to sign in through")]
    BadUrl,
}

/// A result of asking who somebody is.
pub type Result<T> = std::result::Result<T, Fault>;

/// Who is let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LetIn {
    /// The organizations (and, where the App was put there, people) whose members are.
    pub orgs: Vec<String>,
    /// Whether those are who work in a repository of theirs and are no members.
    pub outside_collaborators: bool,
}

/// Somebody on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// Who.
    pub profile: Profile,
    /// Whether they are among those that are let in.
    pub admitted: Admitted,
}

/// Whether somebody is among those that are let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admitted {
    /// They are.
    Yes,
    /// GitHub says that they are not.
    No,
    /// GitHub does not tell: an organization lets nobody see who has not gone through its own sign-in (SAML), or does not let us ask.
    Unsaid,
}

/// The door, if the configuration or the set-up has made one: a client id and its secret. It may read a file.
pub fn door(tx: &ReadTx, vault: &Vault, configured: &Configured, public_url: &str) -> super::Result<Option<Door>> {
    let app = super::app(tx)?;
    let (url, api_url) = places(configured, app.as_ref());
    let Some(client_id) = client_id(configured, app.as_ref()) else { return Ok(None) };
    let Some(client_secret) = client_secret(tx, vault, configured)? else { return Ok(None) };
    Ok(Some(Door { client_id, client_secret, url, api_url, redirect_url: format!("{public_url}{CALLBACK}") }))
}

/// Whether there is a door, as far as can be told without opening anything.
pub fn has_door(tx: &ReadTx, configured: &Configured) -> super::Result<bool> {
    Ok(client_id(configured, super::app(tx)?.as_ref()).is_some())
}

/// Where GitHub sends browsers back to, beneath our own address.
pub const CALLBACK: &str = "/auth/github/callback";

fn client_id(configured: &Configured, app: Option<&super::GithubApp>) -> Option<String> {
    // A client of one App does not go with the secret of another.
    let app = app.filter(|app| configured.app_id.is_none_or(|id| id == app.app_id));
    configured.client_id.clone().or_else(|| app.map(|app| app.client_id.clone())).filter(|id| !id.is_empty())
}

/// The verifier that goes with what a browser's cookie carries. It is in no store and in no address.
fn verifier(cookie: &str) -> PkceCodeVerifier {
    let digest = Sha256::new().chain_update(b"plumbline: verifier\0").chain_update(cookie).finalize();
    PkceCodeVerifier::new(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl Door {
    fn client(&self) -> Result<Client> {
        let bad = |_| Fault::BadUrl;
        Ok(BasicClient::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.client_secret.expose().clone()))
            .set_auth_type(AuthType::RequestBody)
            .set_auth_uri(AuthUrl::new(format!("{}/login/oauth/authorize", self.url)).map_err(bad)?)
            .set_token_uri(TokenUrl::new(format!("{}/login/oauth/access_token", self.url)).map_err(bad)?)
            .set_redirect_uri(RedirectUrl::new(self.redirect_url.clone()).map_err(bad)?))
    }

    /// Where a browser is sent.
    pub fn address(&self, state: &str, cookie: &str) -> Result<String> {
        let state = state.to_owned();
        let (url, _) = self
            .client()?
            .authorize_url(move || CsrfToken::new(state))
            .add_scopes(SCOPES.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier(cookie)))
            .add_extra_param("allow_signup", "false")
            .url();
        Ok(url.into())
    }

    /// Whether an answer that names who gives it (RFC 9207) comes from this GitHub.
    pub fn is_issuer(&self, issuer: &str) -> bool {
        issuer.strip_prefix(self.url.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Exchanges a code for a token.
    fn exchange(&self, http: &outbound::Client, code: String, cookie: &str) -> Result<Secret<String>> {
        let lent = |request: HttpRequest| carry(http, request);
        let answer = self.client()?.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(verifier(cookie)).request(&lent);
        match answer {
            Ok(token) => Ok(Secret::new(token.access_token().secret().clone())),
            Err(error) => Err(fault_of(error)),
        }
    }

    /// Exchanges a code for a token, and asks whose it is and whether they are let in. It blocks.
    pub fn visitor(&self, http: &outbound::Client, code: String, cookie: &str, let_in: &LetIn) -> Result<Visitor> {
        let token = self.exchange(http, code, cookie)?;
        let ask = Ask { http, api_url: &self.api_url, authorization: Secret::new(format!("Bearer {}", token.expose())) };
        let person: Person = ask.must("/user", "who somebody is")?;
        let profile =
            Profile { subject: person.id, emails: ask.emails()?, name: person.name, avatar_url: person.avatar_url, login: person.login };
        let admitted = ask.admitted(&profile.login, let_in)?;
        Ok(Visitor { profile, admitted })
    }
}

/// Carries a request of the protocol over our own client.
fn carry(http: &outbound::Client, request: HttpRequest) -> std::result::Result<oauth2::HttpResponse, outbound::Error> {
    let headers: Vec<(&str, &str)> =
        request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
    let response = http.send(&Request {
        method: request.method().as_str(),
        url: &request.uri().to_string(),
        headers: &headers,
        secret_headers: &[],
        body: request.body(),
        deadline: DEADLINE,
        cap: ANSWER_BYTES,
    })?;
    let status = response.status;
    let body = whole(response)?;
    Ok(as_the_standard_says(status, body))
}

/// An answer of the token endpoint, with a refusal as the standard has it (RFC 6749, 5.2): GitHub's come with 200.
fn as_the_standard_says(status: u16, body: Vec<u8>) -> oauth2::HttpResponse {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "error")]
        _error: String,
    }
    let is_refusal = status == 200 && serde_json::from_slice::<Refusal>(&body).is_ok();
    let status = if is_refusal { StatusCode::BAD_REQUEST } else { StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY) };
    let mut response = HttpResponse::new(body);
    *response.status_mut() = status;
    // The crate reads JSON alone, and what it was sent as does not matter to us.
    response.headers_mut().insert(oauth2::http::header::CONTENT_TYPE, oauth2::http::HeaderValue::from_static("application/json"));
    response
}

fn fault_of(error: BasicRequestTokenError<outbound::Error>) -> Fault {
    const WHAT: &str = "for a token";
    match error {
        BasicRequestTokenError::Request(error) => error.into(),
        BasicRequestTokenError::ServerResponse(refusal) => match refusal.error() {
            BasicErrorResponseType::InvalidGrant => Fault::CodeRefused,
            BasicErrorResponseType::Extension(word) if word == "bad_verification_code" => Fault::CodeRefused,
            word => Fault::NotUs { said: clip(word.as_ref(), SAID_BYTES).into_owned() },
        },
        BasicRequestTokenError::Parse(..) | BasicRequestTokenError::Other(_) => Fault::Unreadable { what: WHAT },
    }
}

/// The body of an answer.
fn whole(mut response: Response) -> std::result::Result<Vec<u8>, outbound::Error> {
    let mut body = Vec::new();
    let host = response.body.host().to_owned();
    match response.body.read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(error) => Err(Body::error(error).unwrap_or_else(|source| outbound::Error::Connection { host, source })),
    }
}

/// What GitHub says of a person.
#[derive(Deserialize)]
struct Person {
    id: u64,
    login: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    avatar_url: Option<String>,
}

/// What it says of an address.
#[derive(Deserialize)]
struct Address {
    email: String,
    verified: bool,
}

/// What it says of somebody in an organization.
#[derive(Deserialize)]
struct Standing {
    state: String,
}

/// What it says of a repository.
#[derive(Deserialize)]
struct Owned {
    owner: Owner,
}

/// Whose a repository is.
#[derive(Deserialize)]
struct Owner {
    login: String,
}

/// Questions on behalf of whoever signs in.
struct Ask<'a> {
    http: &'a outbound::Client,
    api_url: &'a str,
    authorization: Secret<String>,
}

impl Ask<'_> {
    /// An answer, or the status that there was none with.
    fn get<T: DeserializeOwned>(&self, path: &str, what: &'static str) -> Result<std::result::Result<T, u16>> {
        let response = self.http.send(&Request {
            method: "GET",
            url: &format!("{}{path}", self.api_url),
            headers: &[("accept", "application/vnd.github+json"), ("x-github-api-version", "2022-11-28")],
            secret_headers: &[("authorization", &self.authorization)],
            body: &[],
            deadline: DEADLINE,
            cap: ANSWER_BYTES,
        })?;
        match response.status {
            200 => serde_json::from_slice(&whole(response)?).map(Ok).map_err(|_| Fault::Unreadable { what }),
            // Who may not be told is told nothing: no addresses, no membership.
            status @ (403 | 404) => Ok(Err(status)),
            status => Err(Fault::Failed { status, what }),
        }
    }

    fn must<T: DeserializeOwned>(&self, path: &str, what: &'static str) -> Result<T> {
        self.get(path, what)?.map_err(|status| Fault::Failed { status, what })
    }

    /// The addresses that GitHub has verified; `None` if it does not tell us.
    fn emails(&self) -> Result<Option<Vec<String>>> {
        let told = self.get::<Vec<Address>>(&format!("/user/emails?per_page={PER_PAGE}"), "for addresses")?;
        Ok(told.ok().map(|all| all.into_iter().filter(|one| one.verified).map(|one| one.email).collect()))
    }

    /// Whether they are among those that are let in. Who was invited and has not come is no member, nor is who may not be seen.
    fn admitted(&self, login: &str, let_in: &LetIn) -> Result<Admitted> {
        // Where nobody is served nobody can have left either.
        let mut otherwise = if let_in.orgs.is_empty() { Admitted::Unsaid } else { Admitted::No };
        for org in let_in.orgs.iter().take(ORGS) {
            if org.eq_ignore_ascii_case(login) {
                return Ok(Admitted::Yes);
            }
            match self.get::<Standing>(&format!("/user/memberships/orgs/{org}"), "for a membership")? {
                Ok(standing) if standing.state == "active" => return Ok(Admitted::Yes),
                Ok(_) | Err(404) => {}
                Err(_) => otherwise = Admitted::Unsaid,
            }
        }
        if !let_in.outside_collaborators {
            return Ok(otherwise);
        }
        match self.works_for(&let_in.orgs)? {
            Some(true) => Ok(Admitted::Yes),
            Some(false) => Ok(otherwise),
            None => Ok(Admitted::Unsaid),
        }
    }

    /// Whether they work in a repository of one of these organizations; `None` where that cannot be told.
    fn works_for(&self, orgs: &[String]) -> Result<Option<bool>> {
        for page in 1..=PAGES {
            let path = format!("/user/repos?affiliation=collaborator&per_page={PER_PAGE}&page={page}");
            let Ok(repos) = self.get::<Vec<Owned>>(&path, "for repositories")? else { return Ok(None) };
            if repos.iter().any(|repo| orgs.iter().any(|org| org.eq_ignore_ascii_case(&repo.owner.login))) {
                return Ok(Some(true));
            }
            if repos.len() < PER_PAGE {
                return Ok(Some(false));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
