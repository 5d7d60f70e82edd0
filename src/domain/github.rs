//! GitHub's side: the App we are there, what it may be asked, and what we say of commits.
//!
//! An appliance is one App on one GitHub. Who that App is comes from one of two places. The set-up page has GitHub make it and keeps what
//! it is told: a [`GithubApp`] in the store, its secrets in the vault. Or somebody made it by hand and names it in the configuration
//! ([`Configured`]); what stands there wins, key by key.
//!
//! Secrets are opened for one use and are in memory no longer. None is ever in an address, an argument list, a log or an error.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::base::event::{Changed, Event};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::settings::AddRepos;
use crate::engine::outbound;
use crate::engine::store::{self, ReadTx, WriteTx};
use crate::engine::vault::Vault;

use super::secrets::{self, Kept, Purpose};

mod app_auth;
pub mod check_run;
pub mod client;
pub mod deliveries;
mod last_seen;
mod limits;
pub mod oauth;
pub mod payload;
pub mod people;
pub mod pulls;
mod record;
pub mod setup;
pub mod signature;
pub mod status;
pub mod sync;

pub use app_auth::check_key;
pub use client::{As, Client, Hub, Keys, Lane, Skew};
pub use record::GithubApp;

/// GitHub's own address, where no other is named.
pub const GITHUB: &str = "https://github.com";
/// Where its programs' interface is.
pub const GITHUB_API: &str = "https://api.github.com";
/// The largest file that a secret is read from.
const SECRET_FILE_BYTES: u64 = 64 << 10;
/// The most lines of the file with webhook secrets that are read: the present one and the one before.
const WEBHOOK_SECRETS: usize = 2;

/// A secret of the App as the configuration has it.
#[derive(Debug, Clone)]
pub enum Given {
    /// It stands there itself.
    Text(Secret<String>),
    /// This file has it, and is read at each use.
    File(PathBuf),
}

impl PartialEq for Given {
    fn eq(&self, other: &Given) -> bool {
        match (self, other) {
            (Given::Text(one), Given::Text(other)) => one.expose() == other.expose(),
            (Given::File(one), Given::File(other)) => one == other,
            (Given::Text(_), Given::File(_)) | (Given::File(_), Given::Text(_)) => false,
        }
    }
}

impl Eq for Given {}

/// The keys of the configuration that name the files.
const PRIVATE_KEY: &str = "github.app_private_key_file";
const WEBHOOK_SECRET: &str = "github.webhook_secret_file";
const CLIENT_SECRET: &str = "github.client_secret_file";

/// What the configuration says of the App. Every part may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configured {
    /// Where people find GitHub, for an Enterprise Server.
    pub url: Option<String>,
    /// Where programs do.
    pub api_url: Option<String>,
    /// GitHub's number for the App.
    pub app_id: Option<u64>,
    /// The App's private key (PEM).
    pub private_key: Option<Given>,
    /// What deliveries are signed with: one secret a line, the present one first.
    pub webhook_secret: Option<Given>,
    /// The App's client id, which people sign in through.
    pub client_id: Option<String>,
    /// The client's secret.
    pub client_secret: Option<Given>,
    /// The organizations whose members are let in; none named are all where the App is.
    pub orgs: Vec<String>,
    /// Whether those are let in who work in one of their repositories and are no members.
    pub outside_collaborators: bool,
    /// What is done about repositories that the App is let at, where that is decided.
    pub add_repos: Option<AddRepos>,
    /// The organizations whose repositories are added in any case, where that is decided.
    pub add_repos_of: Option<Vec<String>>,
    /// Under which name it is said how a commit's gate stands, where that is decided.
    pub status_context: Option<String>,
    /// How long GitHub may take for an answer, where it is not the usual. Not a key.
    pub deadline: Option<std::time::Duration>,
}

/// What can fail with the App.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A secret can neither be kept nor opened.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
    /// As many ask for the same as may.
    #[error("many ask GitHub for this at once; ask again in a moment")]
    Busy,
    /// There is no App.
    #[error("this instance is no App on GitHub yet; set it up, or name one in the configuration (`github.app_id`)")]
    NotSetUp,
    /// A file that the configuration names cannot be read.
    #[error("cannot read `{}`, which `{key}` names: {source}", path.display())]
    FileUnreadable {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file that the configuration names holds nothing of use.
    #[error("`{}`, which `{key}` names, {why}", path.display())]
    FileUnusable {
        /// The key of the configuration.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The App's key is none.
    #[error("the App's private key cannot be used: {why}")]
    BadKey {
        /// What is wrong with it.
        why: &'static str,
    },
    /// GitHub cannot be asked.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// It was too much for now.
    #[error("GitHub takes no more questions for now; it is asked again after {until}")]
    RateLimited {
        /// Nothing is asked before this.
        until: Timestamp,
    },
    /// GitHub fails, and is left alone for a while.
    #[error("GitHub has failed again and again; it is asked again after {until}")]
    Away {
        /// Nothing is asked before this.
        until: Timestamp,
    },
    /// GitHub says no.
    #[error("GitHub refuses it ({status}): {message}")]
    Refused {
        /// The status.
        status: u16,
        /// Its own sentence.
        message: String,
    },
    /// GitHub fails.
    #[error("GitHub failed ({status})")]
    Failed {
        /// The status.
        status: u16,
    },
    /// What came cannot be read.
    #[error("GitHub's answer cannot be read: {why}")]
    Unreadable {
        /// Why.
        why: &'static str,
    },
    /// It sends us somewhere else, where our credentials do not go.
    #[error("GitHub sends us to another place, and what is shown to it is shown to nobody else; look at `github.api_url`")]
    Elsewhere,
}

/// When something that failed is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// Some time later.
    Later,
    /// Not before this.
    After(Timestamp),
    /// It would fail again.
    Never,
}

impl Error {
    /// When it is worth another try.
    pub fn again(&self) -> Again {
        match self {
            Error::RateLimited { until } | Error::Away { until } => Again::After(*until),
            // Of us it may be known again: a key that was revoked is exchanged, an App that was removed is put back.
            Error::Refused { status: 401 | 408 | 425, .. } => Again::Later,
            Error::Refused { .. } => Again::Never,
            Error::Store(_)
            | Error::Secrets(_)
            | Error::NotSetUp
            | Error::Unreadable { .. }
            | Error::FileUnreadable { .. }
            | Error::FileUnusable { .. }
            | Error::BadKey { .. }
            | Error::Outbound(_)
            | Error::Busy
            | Error::Failed { .. }
            | Error::Elsewhere => Again::Later,
        }
    }
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// Who we are on GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// GitHub's number for the App.
    pub app_id: u64,
    /// The App's name in addresses, where it is known.
    pub slug: Option<String>,
    /// The App's client id, where it is known.
    pub client_id: Option<String>,
    /// Where people find GitHub, without a slash at the end.
    pub url: String,
    /// Where programs do, without a slash at the end.
    pub api_url: String,
}

/// The App's secrets, as GitHub gives them when it makes one.
#[derive(Debug, Clone)]
pub struct AppSecrets {
    /// The private key (PEM).
    pub private_key: Secret<String>,
    /// What deliveries are signed with.
    pub webhook_secret: Secret<String>,
    /// The client's secret.
    pub client_secret: Secret<String>,
}

/// Writes down which App we are; one that was there before is no longer.
pub fn set_app(tx: &mut WriteTx, vault: &Vault, app: &GithubApp, secrets: &AppSecrets, now: Timestamp) -> Result<()> {
    secrets::keep(tx, vault, Purpose::GithubPrivateKey, &secrets.private_key, now)?;
    secrets::keep(tx, vault, Purpose::GithubWebhookSecret, &secrets.webhook_secret, now)?;
    secrets::keep(tx, vault, Purpose::GithubClientSecret, &secrets.client_secret, now)?;
    secrets::let_go(tx, Purpose::GithubWebhookSecretNext)?;
    secrets::let_go(tx, Purpose::GithubWebhookSecretBefore)?;
    tx.put(app)?;
    Ok(tx.record(Event::GithubAppSet { app: app.app_id, slug: app.slug.clone() }, now)?)
}

/// The App that the set-up page made, if it made one.
pub fn app(tx: &ReadTx) -> Result<Option<GithubApp>> {
    Ok(tx.get::<GithubApp>(&())?)
}

/// Where GitHub is: as the configuration says, else as the App that was made has it, else GitHub's own.
pub fn places(configured: &Configured, app: Option<&GithubApp>) -> (String, String) {
    match (&configured.url, app) {
        (Some(url), _) => (url.clone(), configured.api_url.clone().unwrap_or_else(|| api_of(url))),
        (None, Some(app)) => (app.url.clone(), configured.api_url.clone().unwrap_or_else(|| app.api_url.clone())),
        (None, None) => (GITHUB.to_owned(), configured.api_url.clone().unwrap_or_else(|| GITHUB_API.to_owned())),
    }
}

/// Where programs find the GitHub that people find at this address.
pub fn api_of(url: &str) -> String {
    if url == GITHUB { GITHUB_API.to_owned() } else { format!("{url}/api/v3") }
}

/// Who we are, if we are anybody.
pub fn identity(tx: &ReadTx, configured: &Configured) -> Result<Option<Identity>> {
    let app = app(tx)?;
    let (url, api_url) = places(configured, app.as_ref());
    // What is known of one App is not to be said of another.
    let app = app.filter(|app| configured.app_id.is_none_or(|id| id == app.app_id));
    let Some(app_id) = configured.app_id.or(app.as_ref().map(|app| app.app_id)) else { return Ok(None) };
    let client_id = configured.client_id.clone().or_else(|| app.as_ref().map(|app| app.client_id.clone()));
    Ok(Some(Identity { app_id, slug: app.map(|app| app.slug), client_id, url, api_url }))
}

/// The App's private key. It may read a file.
pub fn private_key(tx: &ReadTx, vault: &Vault, configured: &Configured) -> Result<Secret<String>> {
    one(tx, vault, PRIVATE_KEY, configured.private_key.as_ref(), Purpose::GithubPrivateKey)?.ok_or(Error::NotSetUp)
}

/// The client's secret, if there is one. It may read a file.
pub fn client_secret(tx: &ReadTx, vault: &Vault, configured: &Configured) -> Result<Option<Secret<String>>> {
    one(tx, vault, CLIENT_SECRET, configured.client_secret.as_ref(), Purpose::GithubClientSecret)
}

/// For how long the secret before is taken after it was exchanged: what was on its way arrives, and what did not is sent again.
pub const SECRET_BEFORE_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Begins to exchange what GitHub signs with: the next secret, which is taken from now on. An exchange that did not come to its end goes on
/// with the secret that it began with: GitHub may have taken it.
pub fn begin_exchange(tx: &mut WriteTx, vault: &Vault, now: Timestamp) -> Result<Secret<String>> {
    if let Some(begun) = secrets::kept(tx, Purpose::GithubWebhookSecretNext)? {
        return Ok(secrets::open_kept(vault, &begun)?);
    }
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).expect("the operating system gives randomness");
    let next = Secret::new(URL_SAFE_NO_PAD.encode(*bytes));
    secrets::keep(tx, vault, Purpose::GithubWebhookSecretNext, &next, now)?;
    Ok(next)
}

/// Ends the exchange, once GitHub signs with the next secret: that is the present one, and the one before is taken for
/// [a while](SECRET_BEFORE_FOR).
pub fn end_exchange(tx: &mut WriteTx, vault: &Vault, now: Timestamp) -> Result<()> {
    let open = |tx: &ReadTx, purpose| -> Result<Option<Secret<String>>> {
        Ok(secrets::kept(tx, purpose)?.map(|kept| secrets::open_kept(vault, &kept)).transpose()?)
    };
    let Some(next) = open(tx, Purpose::GithubWebhookSecretNext)? else { return Ok(()) };
    if let Some(before) = open(tx, Purpose::GithubWebhookSecret)? {
        secrets::keep(tx, vault, Purpose::GithubWebhookSecretBefore, &before, now)?;
    }
    secrets::keep(tx, vault, Purpose::GithubWebhookSecret, &next, now)?;
    secrets::let_go(tx, Purpose::GithubWebhookSecretNext)?;
    let changes = Changed::of("github.webhook_secret", Some("one secret"), Some("another")).into_iter().collect();
    Ok(tx.record(Event::SettingsChanged { changes }, now)?)
}

/// What a delivery may be signed with: the present secret and, while it is being exchanged and for a while after, the next or the one
/// before. None at all means that no delivery is taken. It may read a file.
pub fn webhook_secrets(tx: &ReadTx, vault: &Vault, configured: &Configured, now: Timestamp) -> Result<Vec<Secret<String>>> {
    if let Some(given) = &configured.webhook_secret {
        let text = read(WEBHOOK_SECRET, given)?;
        let lines = text.expose().lines().map(str::trim).filter(|line| !line.is_empty());
        return Ok(lines.take(WEBHOOK_SECRETS).map(|line| Secret::new(line.to_owned())).collect());
    }
    let mut secrets = Vec::new();
    for purpose in [Purpose::GithubWebhookSecret, Purpose::GithubWebhookSecretNext, Purpose::GithubWebhookSecretBefore] {
        let is_over = |kept: &Kept| purpose == Purpose::GithubWebhookSecretBefore && now.since(kept.changed_at) >= SECRET_BEFORE_FOR;
        if let Some(kept) = secrets::kept(tx, purpose)?.filter(|kept| !is_over(kept)) {
            secrets.push(secrets::open_kept(vault, &kept)?);
        }
    }
    Ok(secrets)
}

/// Until when what GitHub signed deliveries with before is taken as well, if it is.
pub fn signed_before_until(tx: &ReadTx, configured: &Configured, now: Timestamp) -> Result<Option<Timestamp>> {
    if configured.webhook_secret.is_some() {
        return Ok(None);
    }
    let kept = secrets::kept(tx, Purpose::GithubWebhookSecretBefore)?;
    Ok(kept.map(|kept| kept.changed_at + SECRET_BEFORE_FOR).filter(|until| *until > now))
}

/// What git shows GitHub: the value of an `Authorization` header.
pub fn git_credentials(token: &Secret<String>) -> Secret<String> {
    let plain = zeroize::Zeroizing::new(format!("x-access-token:{}", token.expose()));
    Secret::new(format!("Basic {}", STANDARD.encode(plain.as_bytes())))
}

/// A secret, as the configuration has it, else from the vault.
fn one(tx: &ReadTx, vault: &Vault, key: &'static str, given: Option<&Given>, purpose: Purpose) -> Result<Option<Secret<String>>> {
    if let Some(given) = given {
        let text = read(key, given)?;
        return match (text.expose().trim(), given) {
            ("", Given::File(path)) => Err(Error::FileUnusable { key, path: path.clone(), why: "is empty" }),
            (some, _) => Ok(Some(Secret::new(some.to_owned()))),
        };
    }
    Ok(secrets::kept(tx, purpose)?.map(|kept| secrets::open_kept(vault, &kept)).transpose()?)
}

fn read(key: &'static str, given: &Given) -> Result<Secret<String>> {
    let path = match given {
        Given::Text(text) => return Ok(text.clone()),
        Given::File(path) => path,
    };
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(SECRET_FILE_BYTES + 1).read_to_string(&mut text));
    let text = Secret::new(text);
    read.map_err(|source| Error::FileUnreadable { key, path: path.clone(), source })?;
    if text.expose().len() as u64 > SECRET_FILE_BYTES {
        return Err(Error::FileUnusable { key, path: path.clone(), why: "is too large for a secret" });
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
