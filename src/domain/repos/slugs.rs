//! Names of repositories that are looked up for row after row: each is read once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Error, Result, get};
use crate::base::id::RepoId;
use crate::engine::store::ReadTx;

/// The names that were looked up in one moment of the store.
#[derive(Debug, Default)]
pub struct Slugs(HashMap<RepoId, Option<String>>);

impl Slugs {
    /// What a repository is called; `None` for one that was deleted, whose rows are about to go.
    pub fn of(&mut self, tx: &ReadTx, repo: RepoId) -> Result<Option<&str>> {
        let slug = match self.0.entry(repo) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(match get(tx, repo) {
                Ok(repo) => Some(repo.slug.to_string()),
                Err(Error::NotFound { .. }) => None,
                Err(error) => return Err(error),
            }),
        };
        Ok(slug.as_deref())
    }
}
