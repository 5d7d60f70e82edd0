//! Pull requests on GitHub: which are open, how one of them stands, and what we say beneath it.

use serde::Deserialize;

use super::client::{As, Client, Lane};
use super::payload::Pull;
use super::{Error, Result};
use crate::base::name::RepoSlug;

/// How many GitHub gives at a time: people write up to 65,536 characters in each, and a page has to stay below what is taken of an answer.
const PER_PAGE: usize = 25;
/// The most comments of a pull request that are looked through for ours.
const COMMENTS: usize = 3_000;

/// The pull requests of a repository that are open, those that changed last first; no more pages than hold `most`.
pub fn open(client: &Client<'_>, installation: u64, slug: &RepoSlug, most: usize) -> Result<Vec<Pull>> {
    let path = format!("/repos/{slug}/pulls?state=open&sort=updated&direction=desc&per_page={PER_PAGE}");
    client.list_upto(As::Installation(installation), Lane::Syncs, &path, most)
}

/// A pull request; `None` if there is none of this number, or we are not shown it.
pub fn one(client: &Client<'_>, installation: u64, slug: &RepoSlug, number: u64) -> Result<Option<Pull>> {
    match client.get(As::Installation(installation), Lane::Syncs, &format!("/repos/{slug}/pulls/{number}")) {
        Ok(pull) => Ok(Some(pull)),
        Err(Error::Refused { status: 404 | 410, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A comment beneath a pull request.
#[derive(Debug, Clone, Deserialize)]
pub struct Comment {
    /// GitHub's number for it.
    pub id: u64,
    /// What it says.
    #[serde(default)]
    pub body: Option<String>,
    /// The App that wrote it, if one did.
    #[serde(default)]
    performed_via_github_app: Option<Author>,
}

#[derive(Debug, Clone, Deserialize)]
struct Author {
    id: u64,
}

/// Our comment beneath a pull request that holds this mark, if there is one. Whoever else writes the mark is not us.
pub fn comment(client: &Client<'_>, installation: u64, slug: &RepoSlug, number: u64, mark: &str) -> Result<Option<Comment>> {
    let path = format!("/repos/{slug}/issues/{number}/comments?per_page={PER_PAGE}");
    let us = client.identity().app_id;
    let is_ours = |comment: &Comment| {
        comment.performed_via_github_app.as_ref().is_some_and(|app| app.id == us)
            && comment.body.as_deref().is_some_and(|body| body.contains(mark))
    };
    let all: Vec<Comment> = client.list_upto(As::Installation(installation), Lane::Statuses, &path, COMMENTS)?;
    Ok(all.into_iter().find(is_ours))
}

/// Writes a comment beneath a pull request; answers its number.
pub fn write_comment(client: &Client<'_>, installation: u64, slug: &RepoSlug, number: u64, body: &str) -> Result<u64> {
    let path = format!("/repos/{slug}/issues/{number}/comments");
    let body = serde_json::json!({"body": body});
    Ok(client.send::<Comment>(As::Installation(installation), Lane::Statuses, "POST", &path, &body)?.id)
}

/// Writes a comment anew. Says whether it is still there.
pub fn edit_comment(client: &Client<'_>, installation: u64, slug: &RepoSlug, comment: u64, body: &str) -> Result<bool> {
    let path = format!("/repos/{slug}/issues/comments/{comment}");
    let body = serde_json::json!({"body": body});
    match client.send::<Comment>(As::Installation(installation), Lane::Statuses, "PATCH", &path, &body) {
        Ok(_) => Ok(true),
        Err(Error::Refused { status: 404 | 410, .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
