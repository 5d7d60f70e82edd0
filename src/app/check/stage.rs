//! From findings to what stands at a commit: identities are given, and rows are written where nobody sees them yet.
//!
//! A result of any size is written some rows at a time, so that nobody else waits for long; one row, written by whoever ends the set,
//! switches to it. Until then nothing names the rows, and an attempt that ends here has changed nothing.

use std::collections::HashSet;

use super::judge::{Judged, Ran};
use super::trees::Bases;
use super::{Run, Stop};
use crate::base::id::IssueId;
use crate::domain::checks;
use crate::domain::issues::identify::{Evidence, identify};
use crate::domain::issues::standing::turnover;
use crate::domain::issues::track::FileChange;
use crate::domain::issues::{self, Counts, Staged, Standing};
use crate::engine::store::ReadTx;

impl Run<'_> {
    /// Gives findings their identities and writes what stands at the commit, but for the row that switches to it.
    pub(super) fn stage(&self, bases: &Bases, ran: Ran) -> Result<Standing, Stop> {
        let (repo, identity) = (self.set.repo, bases.identity());
        let Ran { judged, changes, hunks, sources, tree, .. } = ran;
        let mut all = Judged::default();
        for one in judged {
            all.found.extend(one.found);
            all.known.extend(one.known);
            all.kept.extend(one.kept);
            all.carried.extend(one.carried);
        }
        let none = Vec::new();
        let changes: Vec<FileChange<'_>> = changes
            .iter()
            .enumerate()
            .map(|(at, change)| FileChange {
                before: change.before.as_ref().map(|file| &file.path),
                after: change.after.as_ref().map(|file| &file.path),
                hunks: hunks.get(&at).unwrap_or(&none),
            })
            .collect();
        let identifying = tracing::trace_span!("identify").entered();
        let bits = identity.map(|identity| identity.bits);
        let identified = identify(Evidence { found: all.found, known: all.known, changes: &changes, kept: all.kept, bits });
        let unknown: HashSet<_> = identified.unknown().collect();
        drop(identifying);
        self.goes_on()?;
        let past = self.app.read_now(|tx, _| issues::recall(tx, repo, unknown.into_iter()))?;
        let now = self.app.clock.now();
        let rows = tracing::trace_span!("identify").in_scope(|| {
            let mint = || self.app.store.ids().next::<IssueId>(now);
            identified.settle(repo, |fingerprint| past.get(fingerprint.as_bytes()).copied(), mint)
        });

        let shared: HashSet<_> = identity.map(|identity| identity.nodes.iter().map(|(_, node)| *node).collect()).unwrap_or_default();
        let nodes: Vec<(u16, [u8; 16])> = rows.nodes.iter().map(|(bucket, node)| (*bucket, node.id)).collect();
        let staged: Vec<Staged> = all
            .carried
            .into_iter()
            .chain(rows.chunks)
            .map(Staged::Chunk)
            .chain(rows.nodes.into_values().filter(|node| !shared.contains(&node.id)).map(Staged::Node))
            .collect();
        for some in batches(staged) {
            self.goes_on()?;
            let of = self.set.clone();
            self.write(move |tx, _| {
                checks::going(tx, &of)?;
                Ok(issues::stage(tx, &some)?)
            })?;
        }
        let mut standing = Standing {
            repo,
            sha: self.set.sha,
            tree,
            base: bases.compared.as_ref().map(|base| base.sha),
            sources,
            bits: rows.bits,
            nodes,
            counts: Counts::default(),
            at: now,
        };
        standing.counts = self.app.read_now(|tx, _| counts(tx, bases.compared.as_ref(), &standing))?;
        Ok(standing)
    }
}

/// Rows in batches that hold the writer up for a few milliseconds each: bounded in number and, as chunks differ, in occurrences.
fn batches(rows: Vec<Staged>) -> Vec<Vec<Staged>> {
    const WEIGHT: usize = 2_000;
    let mut batches = Vec::new();
    let (mut batch, mut weight) = (Vec::new(), 0);
    for row in rows {
        weight += match &row {
            Staged::Chunk(chunk) => chunk.occurrences.len(),
            Staged::Node(node) => node.chunks.len(),
        };
        batch.push(row);
        if weight >= WEIGHT || batch.len() >= issues::ROWS_PER_WRITE {
            batches.push(std::mem::take(&mut batch));
            weight = 0;
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Counts what stands at a commit, and how it differs from its base.
pub(super) fn counts(tx: &ReadTx, base: Option<&Standing>, standing: &Standing) -> issues::Result<Counts> {
    let turnover = turnover(tx, base, standing)?;
    let mut counts = Counts { fixed: turnover.gone.len() as u64, ..Counts::default() };
    if let Some(base) = base {
        (counts.open, counts.open_by_severity) = (base.counts.open, base.counts.open_by_severity);
        counts.new = turnover.added.len() as u64;
        for standee in &turnover.added {
            counts.new_by_severity[standee.occurrence.severity as usize] += 1;
        }
    }
    // What both have is counted in the base's; only what differs is looked at.
    let (before, after) = turnover.unshared;
    counts.open = (counts.open + after.iter().sum::<u64>()).saturating_sub(before.iter().sum());
    for (open, (before, after)) in counts.open_by_severity.iter_mut().zip(before.iter().zip(&after)) {
        *open = (*open + after).saturating_sub(*before);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests;
