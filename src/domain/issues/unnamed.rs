//! Nodes and chunks that no standing names: what an attempt staged and did not come to name, and what only an earlier analysis of a
//! commit named.
//!
//! Found by mark, in three passes over a repository's rows: the standings mark their nodes, the marked nodes mark their chunks, and what
//! is not marked is unnamed. The marks are a filter of a fixed size, so that a sweep takes no more memory the more there is; a row that
//! it mistakes for marked stays until a sweep with another salt.
//!
//! The marks hold as long as no attempt is at work on the repository. That is for the caller to see to, in the transaction that removes.

use super::issue::BY_FINGERPRINT;
use super::standing::{Chunk, ContentId, Node, Standing};
use crate::base::id::{Id, RepoId};
use crate::base::page::{Cursor, Limit};
use crate::base::seen::Seen;
use crate::engine::store::{ReadTx, Record, Result, Scan, WriteTx};

/// What is named in a repository, as far as it was looked at.
#[derive(Debug)]
pub struct Marks {
    nodes: Seen,
    chunks: Seen,
}

impl Marks {
    /// None yet.
    pub fn salted(salt: u64) -> Marks {
        Marks { nodes: Seen::salted(salt), chunks: Seen::salted(salt) }
    }
}

fn key(id: ContentId) -> u128 {
    u128::from_be_bytes(id)
}

/// Where a pass goes on, if there is more.
pub type Next = Option<Cursor>;

/// The first pass: a page of standings marks its nodes.
pub fn mark(tx: &ReadTx, repo: RepoId, marks: &mut Marks, after: Option<&Cursor>) -> Result<Next> {
    let page = tx.page(&Scan::<Standing>::prefix(repo).after(after), Limit::MAX)?;
    for (_, node) in page.items.iter().flat_map(|standing| &standing.nodes) {
        marks.nodes.insert(key(*node));
    }
    Ok(page.next)
}

/// The second: a page of nodes; those that are marked mark their chunks, the others are answered.
pub fn nodes(tx: &ReadTx, repo: RepoId, marks: &mut Marks, after: Option<&Cursor>) -> Result<(Vec<ContentId>, Next)> {
    let page = tx.page(&Scan::<Node>::prefix(repo).after(after), Limit::MAX)?;
    let mut unnamed = Vec::new();
    for node in page.items {
        if marks.nodes.may_have(key(node.id)) {
            for chunk in &node.chunks {
                marks.chunks.insert(key(chunk.chunk));
            }
        } else {
            unnamed.push(node.id);
        }
    }
    Ok((unnamed, page.next))
}

/// The third: a page of chunks; those that are not marked are answered.
pub fn chunks(tx: &ReadTx, repo: RepoId, marks: &Marks, after: Option<&Cursor>) -> Result<(Vec<ContentId>, Next)> {
    let page = tx.page(&Scan::<Chunk>::prefix(repo).after(after), Limit::MAX)?;
    let unnamed = page.items.iter().map(|chunk| chunk.id).filter(|id| !marks.chunks.may_have(key(*id))).collect();
    Ok((unnamed, page.next))
}

/// Removes rows of a page.
pub fn remove<T: Record<Key = (RepoId, ContentId)>>(tx: &mut WriteTx, repo: RepoId, unnamed: &[ContentId]) -> Result<()> {
    for id in unnamed {
        tx.remove::<T>(&(repo, *id))?;
    }
    Ok(())
}

/// The next repository after `after` that any node, chunk or issue belongs to, whether it is known or was deleted.
pub fn next_repository(tx: &ReadTx, after: Option<RepoId>) -> Result<Option<RepoId>> {
    let from = match after {
        None => 0,
        Some(after) => match after.as_u128().checked_add(1) {
            Some(from) => from,
            None => return Ok(None),
        },
    };
    let from = (RepoId::from_u128(from), [0; 16]);
    let node = tx.first(&Scan::<Node>::from_key(&from))?.map(|node| node.repo);
    let chunk = tx.first(&Scan::<Chunk>::from_key(&from))?.map(|chunk| chunk.repo);
    let issue = tx.first(&BY_FINGERPRINT.from(&from))?.map(|issue| issue.repo);
    Ok([node, chunk, issue].into_iter().flatten().min())
}
