//! How much room a repository takes, by kind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::App;
use crate::base::id::RepoId;
use crate::domain::{checks, dora, issues, pulls, repos};
use crate::engine::store;

/// The most rows of a table, sets of checks, or files of a mirror that are counted: what is beyond is left out.
const COUNTED: usize = 100_000;

/// What a repository takes, in bytes by kind: `mirror` (git's objects), `logs` (what checks said) and `rows` (all else, about).
pub fn measure(app: &App, repo: RepoId) -> store::Result<BTreeMap<&'static str, u64>> {
    let (rows, logs) = app.read_now(|tx, _| -> store::Result<_> {
        let rows = repos::weigh(tx, repo, COUNTED)?
            + pulls::weigh(tx, repo, COUNTED)?
            + checks::weigh(tx, repo, COUNTED)?
            + dora::weigh(tx, repo, COUNTED)?
            + issues::weigh(tx, repo, COUNTED)?;
        Ok((rows, checks::logs_of(tx, repo, COUNTED)?))
    })?;
    let mut bytes = 0;
    for log in logs {
        match app.blobs.size(log) {
            Ok(size) => bytes += size,
            // It went with the set that named it.
            Err(store::Error::BlobMissing { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(BTreeMap::from([("mirror", files(app.mirrors.join(format!("{repo}.git")))), ("logs", bytes), ("rows", rows)]))
}

/// The bytes of a folder's files. What goes while one looks, as it does while packs are combined, is not counted.
fn files(folder: PathBuf) -> u64 {
    let (mut bytes, mut seen, mut waiting) = (0, 0, vec![folder]);
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            seen += 1;
            match entry.metadata() {
                Ok(meta) if meta.is_dir() && seen < COUNTED => waiting.push(entry.path()),
                Ok(meta) => bytes += meta.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
