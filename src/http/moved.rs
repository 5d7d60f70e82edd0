//! Names that repositories had: whoever may see one is led to what it is called now, from the API as from its pages.
//!
//! Only a repository that was not found is looked up so: a name that another has by now is that one's. Whoever may not see what had the
//! name is answered as if it had never been.

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::code::Code;
use super::error::{ApiError, Failed};
use crate::app::App;
use crate::base::name::RepoSlug;
use crate::domain::accounts::{self, Caller, Permission, Resource};
use crate::domain::repos;
use crate::engine::store::ReadTx;

/// Leads from a former name to the present one.
pub async fn lead(State(app): State<App>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let (uri, matched) = (request.uri().clone(), request.extensions().get::<MatchedPath>().cloned());
    let response = next.run(request).await;
    let is_missing = response.extensions().get::<Failed>().is_some_and(|Failed(error)| error.code == Code::RepoNotFound);
    let (true, Some(caller), Some(matched)) = (is_missing, caller, matched) else { return response };
    let Some(named) = named(&uri, matched.as_str()) else { return response };
    let found = app.read(move |tx, _| present(tx, &caller, &named)).await;
    match found.map(|slug| slug.and_then(|slug| renamed(&uri, matched.as_str(), &slug))) {
        Ok(Some(location)) => (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, location)]).into_response(),
        Ok(None) => response,
        Err(error) => error.into_response(),
    }
}

/// What a repository is called now that had this name, if the caller may see it.
fn present(tx: &ReadTx, caller: &Caller, named: &RepoSlug) -> Result<Option<RepoSlug>, ApiError> {
    let Some(repo) = repos::formerly(tx, named)? else { return Ok(None) };
    match caller.may(tx, Permission::RepoRead, Resource::Repository(repo.id)) {
        Ok(()) => Ok(Some(repo.slug)),
        Err(accounts::Error::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The parts of a path beside those of its route.
fn parts<'a>(path: &'a str, route: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    path.split('/').zip(route.split('/').chain(std::iter::repeat("")))
}

/// The repository that a path names.
fn named(uri: &Uri, route: &str) -> Option<RepoSlug> {
    let part = |name| parts(uri.path(), route).find(|(_, pattern)| *pattern == name).map(|(part, _)| part);
    RepoSlug::new(part("{owner}")?, part("{name}")?).ok()
}

/// The same address of the repository under another name.
fn renamed(uri: &Uri, route: &str, slug: &RepoSlug) -> Option<HeaderValue> {
    let part = |(part, pattern)| match pattern {
        "{owner}" => slug.owner(),
        "{name}" => slug.name(),
        _ => part,
    };
    let path = parts(uri.path(), route).map(part).collect::<Vec<_>>().join("/");
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    HeaderValue::from_str(&format!("{path}{query}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_all_but_the_name() {
        let slug = RepoSlug::new("acme", "new").unwrap();
        let of = |uri: &str, route| {
            let uri: Uri = uri.parse().unwrap();
            let named = named(&uri, route).map(|named| named.to_string());
            (named, renamed(&uri, route, &slug).unwrap().to_str().unwrap().to_owned())
        };
        let (named, location) = of("/r/old/old/commits/old/tree/old%2Fa/old?branch=old", "/r/{owner}/{name}/commits/{sha}/tree/{*path}");
        assert_eq!(named.as_deref(), Some("old/old"));
        assert_eq!(location, "/r/acme/new/commits/old/tree/old%2Fa/old?branch=old");
        assert_eq!(of("/api/v1/repos/o/old", "/api/v1/repos/{owner}/{name}").1, "/api/v1/repos/acme/new");
        assert_eq!(of("/issues", "/issues").0, None);
    }
}
