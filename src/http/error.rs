//! What an endpoint answers when it fails: a code for programs, a sentence for people, the request's id; never what is beneath.
//!
//! Every error of the product becomes an [`ApiError`] here, by exhaustive matches: a new variant asks its question at compile time. What
//! is ours to mend is logged once, here, with the request's id, and not sent.

#![warn(clippy::wildcard_enum_match_arm)]

use std::borrow::Cow;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::code::Code;
use crate::app::passwords;
use crate::base::text::clip;
use crate::domain::{accounts, checks, hooks, issues, pulls, repos, search, secrets};
use crate::engine::{fulltext, git, queue, store, vault};

/// The detail that says after how many seconds to try again.
const RETRY_AFTER: &str = "retry_after_s";
/// The longest sentence of an error.
const MESSAGE_BYTES: usize = 4 << 10;
/// The longest name of a field that an error repeats.
const FIELD_BYTES: usize = 80;
/// The longest sentence about one field.
const WHY_BYTES: usize = 1 << 10;

/// A failure on its way out.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The word of the contract.
    pub code: Code,
    /// What was wrong and what to do.
    pub message: Cow<'static, str>,
    /// What programs may want to know besides.
    pub details: Option<Value>,
    /// What is beneath: logged, never sent.
    pub cause: Option<String>,
    /// After how long it is worth another try, where that is known.
    pub retry_after: Option<Duration>,
    /// The login of the account that somebody tried to get into: for the trail, never sent.
    pub wanted: Option<Box<str>>,
}

/// The body of an error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorView {
    /// A word that programs may rely on.
    pub code: &'static str,
    /// What was wrong and what to do, for people; it may change.
    pub message: String,
    /// What to quote when asking for help.
    pub request_id: String,
    /// What programs may want to know besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl ApiError {
    /// An error with a sentence, which is clipped: it may repeat what was sent.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> ApiError {
        let message = match message.into() {
            long if long.len() > MESSAGE_BYTES => Cow::Owned(clip(&long, MESSAGE_BYTES).into_owned()),
            message => message,
        };
        ApiError { code, message, details: None, cause: None, retry_after: None, wanted: None }
    }

    /// An error whose sentence is the code's own.
    pub fn of(code: Code) -> ApiError {
        ApiError::new(code, code.meaning())
    }

    /// An error of whoever is too quick: when to try again.
    pub fn too_soon(wait: Duration, message: impl Into<Cow<'static, str>>) -> ApiError {
        let wait = Duration::from_secs(u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX).max(1));
        ApiError::new(Code::RateLimited, message).with(json!({RETRY_AFTER: wait.as_secs()})).after(wait)
    }

    /// The error with details.
    pub fn with(mut self, details: Value) -> ApiError {
        self.details = Some(details);
        self
    }

    /// The error, which is worth another try after this long.
    pub fn after(mut self, wait: Duration) -> ApiError {
        self.retry_after = Some(wait);
        self
    }

    /// The error of whoever tried to get into this account.
    pub fn wanting(mut self, login: &str) -> ApiError {
        self.wanted = Some(login.into());
        self
    }

    /// What `Retry-After` says of it, in seconds.
    pub fn retry_after(&self) -> Option<u64> {
        let is_busy = matches!(self.code.status(), StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        let usual = if self.code == Code::IdempotencyRunning { Some(1) } else { is_busy.then_some(5) };
        self.retry_after.map(|wait| wait.as_secs()).or(usual)
    }

    /// An error about one field of the path, query or body.
    pub fn field(code: Code, field: &str, why: impl std::fmt::Display) -> ApiError {
        let why = why.to_string();
        let (field, why) = (clip(field, FIELD_BYTES), clip(&why, WHY_BYTES));
        ApiError::new(code, format!("`{field}`: {why}")).with(json!({"fields": [{"field": field, "message": why}]}))
    }

    /// What it says of fields, each with its reason.
    pub fn fields(&self) -> &[Value] {
        self.details.as_ref().and_then(|details| details["fields"].as_array()).map_or(&[], Vec::as_slice)
    }

    /// A failure on our side.
    pub fn internal(cause: impl std::fmt::Display) -> ApiError {
        ApiError { cause: Some(cause.to_string()), ..ApiError::new(Code::Internal, "something failed on our side; quote the request id") }
    }
}

/// Put on a response so that the outermost layer can add the request's id to the body, and pages can show the error their own way.
#[derive(Debug, Clone)]
pub struct Failed(pub ApiError);

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), ()).into_response();
        response.extensions_mut().insert(Failed(self));
        response
    }
}

/// The error as JSON, under the request's id.
pub fn render(error: &ApiError, request_id: &str) -> Response {
    let body = ErrorView {
        code: error.code.as_str(),
        message: error.message.to_string(),
        request_id: request_id.to_owned(),
        details: error.details.clone(),
    };
    let mut response = (error.code.status(), Json(body)).into_response();
    if error.code.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(axum::http::header::WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
    }
    response
}

impl From<store::Error> for ApiError {
    fn from(error: store::Error) -> ApiError {
        match &error {
            store::Error::Full => {
                ApiError::new(Code::Unavailable, "the disk is full: nothing can be written until there is room").because(error)
            }
            store::Error::Io { .. } | store::Error::Engine { .. } | store::Error::StillRead { .. } | store::Error::Stopped => {
                ApiError::of(Code::Unavailable).because(error)
            }
            store::Error::BlobMissing { .. } => ApiError::new(Code::NotFound, "what was stored there is gone").because(error),
            store::Error::Locked { .. }
            | store::Error::Newer { .. }
            | store::Error::Damaged { .. }
            | store::Error::UnknownTable { .. }
            | store::Error::Migration { .. }
            | store::Error::Encode { .. }
            | store::Error::Decode { .. }
            | store::Error::DanglingIndex { .. }
            | store::Error::Panicked { .. }
            | store::Error::BlobDamaged { .. }
            | store::Error::BlobTooLarge { .. } => ApiError::internal(error),
        }
    }
}

impl ApiError {
    /// The error with what it came of, for the log alone.
    pub fn because(mut self, cause: impl std::fmt::Display) -> ApiError {
        self.cause = Some(cause.to_string());
        self
    }
}

impl From<accounts::Refusal> for ApiError {
    fn from(refusal: accounts::Refusal) -> ApiError {
        let code = match refusal {
            accounts::Refusal::Unauthenticated => Code::Unauthenticated,
            accounts::Refusal::Hidden => Code::NotFound,
            accounts::Refusal::Forbidden { .. } => Code::Forbidden,
        };
        ApiError::new(code, refusal.to_string())
    }
}

impl From<accounts::Error> for ApiError {
    fn from(error: accounts::Error) -> ApiError {
        let message = error.to_string();
        match error {
            accounts::Error::Store(error) => error.into(),
            accounts::Error::Refused(refusal) => refusal.into(),
            accounts::Error::InvalidLogin(_) => ApiError::field(Code::InvalidBody, "login", message),
            accounts::Error::LoginTaken { .. } => ApiError::new(Code::AlreadyExists, message),
            accounts::Error::UserNotFound { .. } => ApiError::new(Code::UserNotFound, message),
            accounts::Error::TokenNotFound { .. } => ApiError::new(Code::TokenNotFound, message),
            accounts::Error::SessionNotFound { .. } => ApiError::new(Code::SessionNotFound, message),
            accounts::Error::LinkUseless { .. } => ApiError::new(Code::LinkSpent, message),
            accounts::Error::ScopeNotAllowed { .. } => ApiError::field(Code::InvalidBody, "scopes", message),
            accounts::Error::RepositoryMissing | accounts::Error::TooManyRepositories => {
                ApiError::field(Code::InvalidBody, "repos", message)
            }
            accounts::Error::UserMissing => ApiError::field(Code::InvalidBody, "user", message),
            accounts::Error::EndIsPast { .. } => ApiError::field(Code::InvalidBody, "expires_at", message),
            accounts::Error::OverlapTooLong { .. } => ApiError::field(Code::InvalidBody, "overlap_hours", message),
            accounts::Error::InvalidNote(_) => ApiError::field(Code::InvalidBody, "note", message),
            accounts::Error::PasswordRefused(_) => ApiError::field(Code::InvalidBody, "password", message),
            accounts::Error::PasswordWrong => ApiError::new(Code::PasswordWrong, message),
            accounts::Error::InvitationNotFound { .. } => ApiError::new(Code::InvitationNotFound, message),
            accounts::Error::SignInRefused => ApiError::new(Code::SignInRefused, message),
            accounts::Error::CodeMissing => ApiError::new(Code::TotpRequired, message),
            accounts::Error::CodeWrong => ApiError::new(Code::TotpInvalid, message),
            accounts::Error::FactorThere => ApiError::new(Code::AlreadyExists, message),
            accounts::Error::FactorMissing => ApiError::new(Code::NotFound, message),
            accounts::Error::UserDisabled => ApiError::new(Code::UserDisabled, message),
            accounts::Error::IdentityTaken { .. } | accounts::Error::IdentityThere { .. } => ApiError::new(Code::IdentityTaken, message),
            accounts::Error::IdentityMissing => ApiError::new(Code::NotFound, message),
            accounts::Error::IdentityNeeded | accounts::Error::LastWayIn => ApiError::new(Code::LastWayIn, message),
            accounts::Error::LastAdmin { .. } => ApiError::new(Code::LastAdmin, message),
            accounts::Error::MemberNotFound { .. } => ApiError::new(Code::UserNotFound, message),
            accounts::Error::TokenEnded { .. } => ApiError::new(Code::TokenEnded, message),
            accounts::Error::TooManyTokens => ApiError::new(Code::TooMany, message),
        }
    }
}

impl From<passwords::Error> for ApiError {
    fn from(error: passwords::Error) -> ApiError {
        match error {
            passwords::Error::Busy => ApiError::too_soon(std::time::Duration::from_secs(1), error.to_string()),
            passwords::Error::Failed(error) => error.into(),
        }
    }
}

impl From<repos::Error> for ApiError {
    fn from(error: repos::Error) -> ApiError {
        let message = error.to_string();
        match error {
            repos::Error::Store(error) => error.into(),
            repos::Error::InvalidName(_) => ApiError::field(Code::InvalidParameter, "name", message),
            repos::Error::NotFound { .. } => ApiError::new(Code::RepoNotFound, message),
            repos::Error::SlugTaken { .. } | repos::Error::GithubTaken => ApiError::new(Code::AlreadyExists, message),
            repos::Error::DescriptionTooLong { .. } => ApiError::field(Code::InvalidBody, "description", message),
            repos::Error::BranchNotFound { .. } => ApiError::new(Code::BranchNotFound, message),
            repos::Error::CommitNotFound { .. } => ApiError::new(Code::CommitNotFound, message),
            repos::Error::NotConfirmed { .. } => ApiError::field(Code::NotConfirmed, "confirm", message),
        }
    }
}

impl From<secrets::Error> for ApiError {
    fn from(error: secrets::Error) -> ApiError {
        let message = error.to_string();
        match error {
            secrets::Error::Store(error) => error.into(),
            secrets::Error::Vault(error) => error.into(),
            secrets::Error::InvalidName(_) => ApiError::field(Code::InvalidParameter, "secret", message),
            secrets::Error::TooShort | secrets::Error::TooLong => ApiError::field(Code::InvalidBody, "value", message),
            secrets::Error::TooMany { .. } => ApiError::new(Code::TooMany, message),
            secrets::Error::NotFound { .. } => ApiError::new(Code::SecretNotFound, message),
            secrets::Error::KeyNotFound { .. } => ApiError::new(Code::KeyNotFound, message),
            secrets::Error::KeyTaken { .. } => ApiError::new(Code::AlreadyExists, message),
            secrets::Error::Unusable(why) => {
                let code = match why {
                    secrets::Unusable::PassphraseNeeded => Code::PassphraseNeeded,
                    secrets::Unusable::PassphraseWrong => Code::PassphraseWrong,
                    secrets::Unusable::NoKey
                    | secrets::Unusable::TooLong
                    | secrets::Unusable::Public
                    | secrets::Unusable::TooDear
                    | secrets::Unusable::OtherPassphrase
                    | secrets::Unusable::Kind { .. }
                    | secrets::Unusable::Mismatched => Code::KeyInvalid,
                };
                ApiError::new(code, message)
            }
        }
    }
}

impl From<vault::Error> for ApiError {
    fn from(error: vault::Error) -> ApiError {
        ApiError::of(Code::VaultUnavailable).because(error)
    }
}

impl From<checks::Error> for ApiError {
    fn from(error: checks::Error) -> ApiError {
        let message = error.to_string();
        match error {
            checks::Error::Store(error) => error.into(),
            checks::Error::NotFound { .. } => ApiError::new(Code::ChecksNotFound, message),
            checks::Error::CheckNotFound { .. } => ApiError::new(Code::CheckNotFound, message),
            checks::Error::AlreadyRunning { .. } => ApiError::new(Code::AlreadyRunning, message),
            checks::Error::NotRunning { .. } => ApiError::new(Code::NotRunning, message),
            checks::Error::NotWaiting { .. } => ApiError::new(Code::NotWaiting, message),
            checks::Error::Superseded => ApiError::internal(message),
        }
    }
}

impl From<issues::Error> for ApiError {
    fn from(error: issues::Error) -> ApiError {
        let message = error.to_string();
        match error {
            issues::Error::Store(error) => error.into(),
            issues::Error::NotFound { .. } => ApiError::new(Code::IssueNotFound, message),
            issues::Error::NotAnalysed { .. } => ApiError::new(Code::NotAnalysed, message),
        }
    }
}

impl From<git::Error> for ApiError {
    fn from(error: git::Error) -> ApiError {
        let message = error.to_string();
        match error {
            git::Error::UnknownRevision { .. } | git::Error::NoCommits { .. } => ApiError::new(Code::CommitNotFound, message),
            git::Error::AmbiguousRevision { .. } => ApiError::new(Code::AmbiguousCommit, message),
            git::Error::Io { .. } => ApiError::internal(message),
            git::Error::Busy { .. } => ApiError::new(Code::Unavailable, message),
            git::Error::TooLarge { .. }
            | git::Error::ObjectTooLarge { .. }
            | git::Error::NotARepository { .. }
            | git::Error::Unsupported { .. }
            | git::Error::OtherOwner { .. }
            | git::Error::TooMany { .. }
            | git::Error::Corrupt { .. }
            | git::Error::Canceled
            | git::Error::TimedOut { .. }
            | git::Error::AuthenticationRequired { .. }
            | git::Error::PlainCredentials { .. }
            | git::Error::NotThere { .. }
            | git::Error::Redirected { .. }
            | git::Error::Status { .. }
            | git::Error::Protocol { .. }
            | git::Error::Outbound(_) => ApiError::new(Code::RepositoryUnreadable, error.public()).because(error),
        }
    }
}

impl From<pulls::Error> for ApiError {
    fn from(error: pulls::Error) -> ApiError {
        let message = error.to_string();
        match error {
            pulls::Error::Store(error) => error.into(),
            pulls::Error::NotFound { .. } => ApiError::new(Code::PullNotFound, message),
        }
    }
}

impl From<hooks::Error> for ApiError {
    fn from(error: hooks::Error) -> ApiError {
        let message = error.to_string();
        match error {
            hooks::Error::Store(error) => error.into(),
            hooks::Error::Repos(error) => error.into(),
            hooks::Error::Checks(error) => error.into(),
            hooks::Error::Accounts(error) => error.into(),
            hooks::Error::Pulls(error) => error.into(),
            hooks::Error::NotFound { .. } => ApiError::new(Code::DeliveryNotFound, message),
            hooks::Error::Waits { .. } => ApiError::new(Code::WrongState, message),
        }
    }
}

impl From<queue::Error> for ApiError {
    fn from(error: queue::Error) -> ApiError {
        let message = error.to_string();
        match error {
            queue::Error::Store(error) => error.into(),
            queue::Error::NotFound { .. } => ApiError::new(Code::WorkNotFound, message),
            queue::Error::WrongState { .. } => ApiError::new(Code::WrongState, message),
            queue::Error::Fenced { .. } => ApiError::internal(message),
        }
    }
}

impl From<search::Error> for ApiError {
    fn from(error: search::Error) -> ApiError {
        match error {
            search::Error::Cursor(error) => ApiError::field(Code::InvalidParameter, "cursor", error),
            search::Error::Index(error) => index_failed(&error),
        }
    }
}

fn index_failed(error: &fulltext::Error) -> ApiError {
    match error {
        // It is begun anew by whoever asks next.
        fulltext::Error::Damaged { .. } => ApiError::of(Code::IndexRebuilding).because(error),
        fulltext::Error::Locked | fulltext::Error::Io { .. } | fulltext::Error::Write { .. } => {
            ApiError::of(Code::Unavailable).because(error)
        }
        fulltext::Error::TooBroad { .. } | fulltext::Error::TooSlow => ApiError::new(Code::QueryInvalid, error.to_string()),
        fulltext::Error::Field { .. } => ApiError::internal(error),
    }
}

impl From<search::QueryInvalid> for ApiError {
    fn from(error: search::QueryInvalid) -> ApiError {
        ApiError::new(Code::QueryInvalid, error.to_string()).with(json!({"position": error.position, "message": error.message}))
    }
}

impl From<crate::base::page::InvalidCursor> for ApiError {
    fn from(error: crate::base::page::InvalidCursor) -> ApiError {
        ApiError::field(Code::InvalidParameter, "cursor", error)
    }
}
