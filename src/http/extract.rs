//! What handlers are handed: the permit, and the parts of a request, parsed at the door.
//!
//! A [`Permit`] joins who asks with what the route asks for. It is decided on a resource, inside the transaction that reads or changes
//! it; a handler cannot ask for another permission than its line in the table names.

use std::num::NonZeroU64;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::auth::Address;
use super::code::Code;
use super::error::ApiError;
use super::faults::{self, Faults};
use super::server::BodyLate;
use crate::app::App;
use crate::app::repeat::{Behalf, Once};
use crate::base::id::{IssueId, RepoId};
use crate::base::name::{CommitSha, RepoSlug, TreePath};
use crate::base::page::{Cursor, Limit};
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, Caller, Permission, Refusal, Resource, SessionLimits};
use crate::domain::issues::{self, Issue};
use crate::domain::repos::{self, Repository};
use crate::engine::store::ReadTx;

/// The largest JSON body that is read.
const BODY_BYTES: u64 = 1 << 20;

/// Who asks, and what the route asks for.
#[derive(Debug, Clone)]
pub struct Permit {
    /// Who asks.
    pub caller: Caller,
    /// What the route's line in the table names.
    pub permission: Permission,
    address: Option<String>,
    once: Option<Once>,
    /// By what sessions are judged once more, and as of when.
    looked: Looked,
}

/// When a request's caller was looked up, and how long sessions live.
#[derive(Debug, Clone, Copy)]
pub struct Looked {
    /// When.
    pub at: Timestamp,
    /// How long sessions live.
    pub limits: SessionLimits,
}

impl Permit {
    /// On whose behalf something is written.
    pub fn actor(&self) -> Behalf {
        Behalf { actor: self.caller.actor(self.address.clone()), once: self.once }
    }

    /// From where.
    pub fn address(&self) -> Option<String> {
        self.address.clone()
    }

    /// The repository of this name, if the caller may do with it what the route is for. One that the caller may not see is not found.
    pub fn repo(&self, tx: &ReadTx, slug: &RepoSlug) -> Result<Repository, ApiError> {
        if matches!(self.caller, Caller::Anonymous) && self.permission != Permission::Public {
            return Err(Refusal::Unauthenticated.into());
        }
        let repo = repos::find(tx, slug)?;
        if self.is_hidden(tx, repo.id)? {
            return Err(repos::Error::NotFound { repo: slug.to_string() }.into());
        }
        Ok(repo)
    }

    /// The issue of this id and its repository, if the caller may do with that what the route is for. What the caller may not see is not
    /// found, nor is what is left of a repository that is gone.
    pub fn issue(&self, tx: &ReadTx, id: IssueId) -> Result<(Repository, Issue), ApiError> {
        let issue = issues::get(tx, id)?;
        if self.is_hidden(tx, issue.repo)? {
            return Err(issues::Error::NotFound { id }.into());
        }
        match repos::get(tx, issue.repo) {
            Ok(repo) => Ok((repo, issue)),
            Err(repos::Error::NotFound { .. }) => Err(issues::Error::NotFound { id }.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whoever asks, as they are in this transaction: between their request's first byte and its last they may have been shut out, or have
    /// become less.
    pub fn caller_now(&self, tx: &ReadTx) -> Result<Caller, ApiError> {
        let caller = accounts::caller_again(tx, &self.caller, self.looked.limits, self.looked.at)?;
        Ok(caller.ok_or(Refusal::Unauthenticated)?)
    }

    /// Whether the caller is not to learn that this repository is there; who may see it and may not do this is refused.
    fn is_hidden(&self, tx: &ReadTx, repo: RepoId) -> Result<bool, ApiError> {
        match self.caller_now(tx)?.may(tx, self.permission, Resource::Repository(repo)) {
            Ok(()) => Ok(false),
            Err(accounts::Error::Refused(Refusal::Hidden)) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Decides once more, where what was read before is about to be changed: on the repository that was found then, not on another that
    /// has its name by now.
    pub fn same_repo(&self, tx: &ReadTx, found: &Repository) -> Result<(), ApiError> {
        if self.repo(tx, &found.slug)?.id == found.id {
            return Ok(());
        }
        Err(repos::Error::NotFound { repo: found.slug.to_string() }.into())
    }

    /// A repository that is named within a request about something else: one that the caller may see.
    pub fn repo_of_own(&self, tx: &ReadTx, slug: &RepoSlug) -> Result<Repository, ApiError> {
        self.to_read().repo(tx, slug)
    }

    /// The same caller's permit to read: for what a form's answer shows besides.
    pub fn to_read(&self) -> Permit {
        Permit { permission: Permission::RepoRead, ..self.clone() }
    }

    /// Refuses a token what makes a way in for people: it would outlive the token, and open more than the token does. A person does that in
    /// a browser, or on the server itself.
    pub fn in_person(&self) -> Result<(), ApiError> {
        match &self.caller {
            Caller::User { .. } | Caller::Host => Ok(()),
            Caller::Token { .. } | Caller::Anonymous | Caller::Workload { .. } => {
                let why = "what lets people in is made by an administrator in a browser that is signed in, or on the server itself";
                Err(ApiError::new(Code::Forbidden, why))
            }
        }
    }

    /// Decides on the instance as a whole.
    pub fn instance(&self, tx: &ReadTx) -> Result<(), ApiError> {
        Ok(self.caller_now(tx)?.may(tx, self.permission, Resource::Instance)?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Permit {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Permit, ApiError> {
        let missing = || ApiError::internal("a route was reached around the table or the layers");
        let permission = *parts.extensions.get::<Permission>().ok_or_else(missing)?;
        let caller = parts.extensions.get::<Caller>().ok_or_else(missing)?.clone();
        if permission != Permission::Public && matches!(caller, Caller::Anonymous) {
            return Err(Refusal::Unauthenticated.into());
        }
        // What is about no repository is decided before the body is read: it says nothing to whoever may not, and costs nothing.
        if permission.is_of_instance() {
            caller.may_on_instance(permission)?;
        }
        let address = parts.extensions.get::<Address>().and_then(|address| address.0.clone());
        let once = parts.extensions.get::<Once>().copied();
        let looked = *parts.extensions.get::<Looked>().ok_or_else(missing)?;
        Ok(Permit { caller, permission, address, once, looked })
    }
}

/// The parts of a path, by the names in the route's own path.
#[derive(Debug, Clone)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    /// Reads the raw path: a file's name need not be UTF-8 once its `%XX` are decoded, and a branch may hold a slash as `%2F`.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, ApiError> {
        let matched = parts.extensions.get::<MatchedPath>().ok_or_else(|| ApiError::internal("a route was reached around the table"))?;
        let mut raw = parts.uri.path().split('/');
        let mut params = Vec::new();
        for pattern in matched.as_str().split('/') {
            let Some(name) = pattern.strip_prefix('{').and_then(|name| name.strip_suffix('}')) else {
                raw.next();
                continue;
            };
            match name.strip_prefix('*') {
                Some(name) => params.push((name.to_owned(), raw.by_ref().collect::<Vec<_>>().join("/"))),
                None => params.push((name.to_owned(), raw.next().unwrap_or("").to_owned())),
            }
        }
        Ok(Params(params))
    }
}

impl Params {
    /// A part as bytes, its `%XX` decoded.
    fn bytes(&self, name: &str) -> TreePath {
        TreePath::from_wire(self.0.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value.as_str()))
    }

    /// A part as text; what is not UTF-8 in it is replaced, and so names nothing.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.bytes(name).as_bytes()).into_owned()
    }

    /// The path of a file or folder, without slashes around it; empty is the root.
    pub fn path(&self) -> TreePath {
        let path = self.bytes("path");
        let trimmed = path.as_bytes().strip_suffix(b"/").unwrap_or(path.as_bytes());
        TreePath::new(trimmed)
    }

    /// A part of some form.
    pub fn get<T: std::str::FromStr<Err: std::fmt::Display>>(&self, name: &str) -> Result<T, ApiError> {
        self.text(name).parse().map_err(|error| ApiError::field(Code::InvalidParameter, name, error))
    }

    /// The repository of `{owner}/{name}`; a text that is no name is the name of nothing.
    pub fn slug(&self) -> Result<RepoSlug, ApiError> {
        RepoSlug::new(&self.text("owner"), &self.text("name"))
            .map_err(|_| repos::Error::NotFound { repo: format!("{}/{}", self.text("owner"), self.text("name")) }.into())
    }
}

/// A commit as it is named in a path: by its full name, or by its first seven digits or more.
pub async fn commit(app: &App, repo: &Repository, named: &str) -> Result<CommitSha, ApiError> {
    if let Ok(sha) = named.parse::<CommitSha>() {
        return Ok(sha);
    }
    let missing =
        || ApiError::from(repos::Error::CommitNotFound { repo: repo.slug.clone(), rev: crate::base::text::clip(named, 80).into_owned() });
    if !(7..40).contains(&named.len()) || !named.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(missing());
    }
    let (app, id, named) = (app.clone(), repo.id, named.to_ascii_lowercase());
    let handle = app.clone();
    match handle.blocking(move || app.mirror(id)?.resolve(&named)).await? {
        Ok(sha) => Ok(sha),
        Err(crate::engine::git::Error::UnknownRevision { .. } | crate::engine::git::Error::NoCommits { .. }) => Err(missing()),
        Err(error) => Err(error.into()),
    }
}

/// The query of a URL: values are parsed strictly; a key that is not known is passed over.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Query<T>, ApiError> {
        axum::extract::Query::<T>::from_request_parts(parts, state).await.map(|axum::extract::Query(query)| Query(query)).map_err(|error| {
            // Values are read as text, so this is a part that stands there twice. serde names it in backticks.
            let text = error.body_text();
            match text.split('`').nth(1) {
                Some(field) => ApiError::field(Code::InvalidParameter, field, &text),
                None => ApiError::new(Code::InvalidParameter, text),
            }
        })
    }
}

/// Reads a body that is held in memory, within the size that most have and its time.
pub async fn whole(app: &App, body: Body) -> Result<Bytes, ApiError> {
    within(app, body, BODY_BYTES).await
}

/// Reads a body that is held in memory, of at most so many bytes, within its time.
pub async fn within(app: &App, body: Body, most: u64) -> Result<Bytes, ApiError> {
    let too_large = || ApiError::new(Code::BodyTooLarge, format!("the body is larger than {}", crate::base::text::bytes(most)));
    // Whoever says beforehand that it is too large is not waited for.
    if body.size_hint().lower() > most {
        return Err(too_large());
    }
    let collected = tokio::time::timeout(
        app.config.limits.whole_body_timeout,
        Limited::new(body, usize::try_from(most).unwrap_or(usize::MAX)).collect(),
    );
    let error = match collected.await {
        Ok(Ok(collected)) => return Ok(collected.to_bytes()),
        Ok(Err(error)) => error,
        Err(_) => return Err(ApiError::of(Code::RequestTimeout)),
    };
    if error.is::<LengthLimitError>() {
        return Err(too_large());
    }
    let mut causes = std::iter::successors(Some(&*error as &(dyn std::error::Error + 'static)), |error| error.source());
    if causes.any(|cause| cause.is::<BodyLate>()) {
        return Err(ApiError::of(Code::RequestTimeout));
    }
    Err(ApiError::new(Code::BadRequest, format!("the body could not be read to its end: {error}")))
}

/// Reads a body that says of itself that it is JSON.
pub async fn json(app: &App, request: Request) -> Result<Bytes, ApiError> {
    let is_json = request
        .headers()
        .get(axum::http::header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json")));
    if !is_json {
        return Err(ApiError::of(Code::UnsupportedMedia));
    }
    whole(app, request.into_body()).await
}

/// A body of JSON.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + ToSchema> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<JsonBody<T>, ApiError> {
        let bytes = json(app, request).await?;
        serde_json::from_slice(&bytes).map(JsonBody).map_err(|error| faults::of_body::<T>(&bytes, &error))
    }
}

/// A form of one of our pages.
#[derive(Debug, Clone)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Form<T>, ApiError> {
        let (parts, body) = request.into_parts();
        let body = whole(app, body).await?;
        axum::extract::Form::<T>::from_request(Request::from_parts(parts, Body::from(body)), app)
            .await
            .map(|axum::extract::Form(form)| Form(form))
            .map_err(|error| ApiError::new(Code::InvalidBody, error.body_text()))
    }
}

/// `?limit=` and `?cursor=`, as every list takes them.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct Paging {
    /// How many at a time: 25; more than 200 is taken as 200.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json`, or `csv` for the same rows as a table.
    pub format: Option<String>,
}

/// A list as it is asked for, read.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How many at a time.
    pub limit: Limit,
    /// Where to begin.
    pub cursor: Option<Cursor>,
    /// In which form.
    pub format: Format,
}

/// The form of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// A table.
    Csv,
}

impl Paging {
    /// All of it; every part that is bad is named.
    pub fn read(&self) -> Result<Asked, ApiError> {
        let mut faults = Faults::default();
        let asked = self.read_with(&mut faults);
        faults.none_or_error()?;
        Ok(asked)
    }

    /// All of it, where more is read besides: what is bad is noted, and stands by its default.
    pub fn read_with(&self, faults: &mut Faults) -> Asked {
        Asked {
            limit: faults.take(self.limit()).unwrap_or_default(),
            cursor: faults.take(self.cursor()).flatten(),
            format: faults.take(self.format()).unwrap_or(Format::Json),
        }
    }

    fn format(&self) -> Result<Format, ApiError> {
        match self.format.as_deref() {
            None | Some("" | "json") => Ok(Format::Json),
            Some("csv") => Ok(Format::Csv),
            Some(_) => Err(ApiError::field(Code::InvalidParameter, "format", "not `json` or `csv`")),
        }
    }

    /// How many at a time.
    fn limit(&self) -> Result<Limit, ApiError> {
        match self.limit.as_deref() {
            None | Some("") => Ok(Limit::default()),
            Some(text) => {
                let why = "not a number from 1 on; more than 200 is taken as 200";
                let n: NonZeroU64 = text.parse().map_err(|_| ApiError::field(Code::InvalidParameter, "limit", why))?;
                Ok(Limit::new(usize::try_from(n.get()).unwrap_or(usize::MAX)))
            }
        }
    }

    /// Where to begin.
    fn cursor(&self) -> Result<Option<Cursor>, ApiError> {
        match self.cursor.as_deref() {
            None | Some("") => Ok(None),
            Some(text) => Ok(Some(text.parse()?)),
        }
    }
}
