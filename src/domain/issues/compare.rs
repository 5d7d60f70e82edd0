//! What two analysed commits of a repository differ in, whichever they are and however they are related.
//!
//! A difference of two standings by identity: an issue of the one that the other does not have. That is what *new* and *fixed* mean of a
//! commit and its own base as well; here the base is chosen.

use super::issue::IssueState;
use super::list::{Here, Listed, listed};
use super::standing::{Standee, turnover};
use super::{Result, Standing};
use crate::base::page::{Cursor, Limit};
use crate::engine::store::ReadTx;

/// What the second of two commits has that the first has not, and the other way round; each by file and line.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    /// There now, and not before.
    pub new: Vec<Standee>,
    /// There before, and not now.
    pub fixed: Vec<Standee>,
}

/// Holds one standing of a repository against another.
pub fn compare(tx: &ReadTx, base: &Standing, head: &Standing) -> Result<Comparison> {
    let turnover = turnover(tx, Some(base), head)?;
    let mut comparison = Comparison { new: turnover.added, fixed: turnover.gone };
    for side in [&mut comparison.new, &mut comparison.fixed] {
        side.sort_by(|a, b| place(a).cmp(&place(b)));
    }
    Ok(comparison)
}

fn place(standee: &Standee) -> (&[u8], u32, crate::base::id::IssueId) {
    let occurrence = &standee.occurrence;
    (standee.path.as_bytes(), occurrence.span.map_or(0, |span| span.line_start), occurrence.issue)
}

/// A page of one side of a comparison, which stands at `standing`, and where the next begins.
pub fn page(
    tx: &ReadTx,
    standing: &Standing,
    side: Vec<Standee>,
    state: IssueState,
    after: Option<&Cursor>,
    limit: Limit,
) -> Result<(Vec<Listed>, Option<Cursor>)> {
    let from = after
        .and_then(|cursor| <[u8; 8]>::try_from(cursor.as_bytes()).ok())
        .map_or(0, |bytes| usize::try_from(u64::from_be_bytes(bytes)).unwrap_or(usize::MAX));
    let to = from.saturating_add(limit.get());
    let next = (to < side.len()).then(|| Cursor::new((to as u64).to_be_bytes()));
    let here = Here::of(tx, standing)?;
    let shown = side.into_iter().skip(from).take(limit.get());
    let items = shown.map(|standee| listed(tx, standee, state, state == IssueState::Open, &here)).collect::<Result<_>>()?;
    Ok((items, next))
}
