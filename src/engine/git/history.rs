//! History: which commits led to which.
//!
//! Commits are visited newest first by the time they were recorded, as git does. Each walk has a budget of commits it looks at
//! ([`Limits::history`](super::Limits::history)) and says so when it is used up.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::commit::{self, CommitInfo};
use super::mirror::Mirror;
use super::{Error, Result};
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;

/// In which order a log lists commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From each commit to the one it was made on: the history of a branch.
    FirstParent,
    /// All ancestors, newest first.
    Time,
}

/// How many further commits are looked at after the last interesting one, since clocks differ between people.
const SLOP: usize = 16;

/// By how much the clocks of people who build on each other's commits differ at most, as far as it is looked for one.
const SKEW: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);

const OURS: u8 = 1;
const THEIRS: u8 = 2;
const BOTH: u8 = OURS | THEIRS;

impl Mirror {
    /// At most `limit` commits from `from` on, newest first; `after` goes on behind the last commit of an earlier answer.
    pub fn log(&self, from: CommitSha, order: Order, limit: usize, after: Option<CommitSha>) -> Result<Vec<CommitInfo>> {
        match order {
            Order::FirstParent => {
                let start = match after {
                    None => Some(from),
                    Some(last) => self.commit(last)?.parents.first().copied(),
                };
                start.map_or_else(|| Ok(Vec::new()), |start| self.first_parents(start).take(limit).collect())
            }
            Order::Time => {
                let mut walk = Walk::new(self);
                walk.push(from, OURS)?;
                let mut out = Vec::new();
                let mut begun = after.is_none();
                while out.len() < limit
                    && let Some((sha, _)) = walk.next()?
                {
                    if begun {
                        out.push(self.commit(sha)?);
                    } else {
                        begun = Some(sha) == after;
                    }
                }
                Ok(out)
            }
        }
    }

    /// A commit, the one it was made on, and so on to the first.
    pub fn first_parents(&self, from: CommitSha) -> impl Iterator<Item = Result<CommitInfo>> + '_ {
        let mut next = Some(from);
        let mut budget = self.limits().history;
        std::iter::from_fn(move || {
            let sha = next.take()?;
            if budget == 0 {
                return Some(Err(self.too_long(from)));
            }
            budget -= 1;
            let commit = self.commit(sha);
            if let Ok(commit) = &commit {
                next = commit.parents.first().copied();
            }
            Some(commit)
        })
    }

    /// A best common ancestor of two commits, the same for the same two; none where their histories never meet.
    pub fn merge_base(&self, a: CommitSha, b: CommitSha) -> Result<Option<CommitSha>> {
        if a == b {
            return self.commit(a).map(|commit| Some(commit.sha));
        }
        let mut walk = Walk::new(self);
        walk.push(a, OURS)?;
        walk.push(b, THEIRS)?;
        let mut best: Vec<CommitSha> = Vec::new();
        let mut slop = SLOP;
        while let Some((sha, flags)) = walk.next()? {
            let mut met = std::mem::take(&mut walk.met);
            if flags & BOTH == BOTH && flags & STALE == 0 {
                met.push(sha);
            }
            for sha in met {
                best.push(sha);
                let parents = walk.seen[&sha].parents.clone();
                walk.paint(&parents, BOTH | STALE)?;
            }
            // Once all that waits is an ancestor of a base, only a wrong clock can bring another one.
            let all_stale = walk.waiting[..usize::from(STALE)].iter().all(|count| *count == 0);
            if !best.is_empty() && all_stale {
                slop -= 1;
                if slop == 0 {
                    break;
                }
            }
        }
        best.retain(|sha| walk.flags(*sha) & STALE == 0);
        Ok(best.into_iter().max_by_key(|sha| (walk.at(*sha), Reverse(*sha))))
    }

    /// Whether a commit is one of these or led to one, as far as the `most` newest commits of their history tell. That it did is certain; of
    /// one that lies farther back, or whose clock was wrong, it is not said.
    pub fn leads_to(&self, sha: CommitSha, tips: &[CommitSha], most: usize) -> Result<bool> {
        if tips.contains(&sha) {
            return Ok(true);
        }
        let (_, at) = commit::links(&self.objects, sha)?;
        let mut walk = Walk::new(self);
        for tip in tips {
            walk.push(*tip, OURS)?;
        }
        let mut left = most;
        while left > 0
            && let Some((found, _)) = walk.next()?
        {
            if found == sha {
                return Ok(true);
            }
            // What is older by far did not come of it, unless a clock was wrong; then it is not said either.
            if walk.at(found) + SKEW < at {
                break;
            }
            left -= 1;
        }
        Ok(false)
    }

    /// Whether `old` is `new` or one of its ancestors.
    pub fn is_ancestor(&self, old: CommitSha, new: CommitSha) -> Result<bool> {
        Ok(self.merge_base(old, new)? == Some(old))
    }

    /// The commits that led to one of `new` and to none of `known`, newest first, at most `limit`; and whether there are more, or more of
    /// history would have had to be looked at than one walk does. Of `known`, what is not here is passed over.
    pub fn commits_beyond(&self, new: &[CommitSha], known: &[CommitSha], limit: usize) -> Result<(Vec<CommitInfo>, bool)> {
        let mut walk = Walk::new(self);
        let mut out: Vec<CommitSha> = Vec::new();
        let is_cut = match walk.beyond(new, known, limit, &mut out) {
            Ok(is_cut) => is_cut,
            Err(Error::TooMany { .. }) => true,
            Err(error) => return Err(error),
        };
        // A wrong clock can have shown as new what is known.
        out.retain(|sha| walk.flags(*sha) & THEIRS == 0);
        Ok((out.into_iter().map(|sha| self.commit(sha)).collect::<Result<_>>()?, is_cut))
    }

    /// The commits that `new` has and `old` does not, newest first; all of `new`'s where there is no `old`. It is an error if they are
    /// more than `limit`.
    pub fn commits_between(&self, old: Option<CommitSha>, new: CommitSha, limit: usize) -> Result<Vec<CommitInfo>> {
        let mut walk = Walk::new(self);
        walk.push(new, OURS)?;
        if let Some(old) = old {
            walk.push(old, THEIRS)?;
        }
        let mut out = Vec::new();
        let mut slop = SLOP;
        while let Some((sha, flags)) = walk.next()? {
            if flags & THEIRS == 0 {
                out.push(sha);
                if out.len() > limit && old.is_none() {
                    break;
                }
            } else if walk.waiting[usize::from(OURS)] == 0 {
                slop -= 1;
                if slop == 0 {
                    break;
                }
            }
        }
        // A commit can turn out to be known to `old` after it was listed, where clocks were wrong.
        out.retain(|sha| walk.flags(*sha) & THEIRS == 0);
        if out.len() > limit {
            return Err(Error::TooMany { what: format!("the history to {new}"), of: "new commits", limit: limit as u64 });
        }
        out.into_iter().map(|sha| self.commit(sha)).collect()
    }

    fn too_long(&self, from: CommitSha) -> Error {
        Error::TooMany { what: format!("the history of {from}"), of: "commits", limit: self.limits().history as u64 }
    }
}

/// An ancestor of a commit that is already known as common: no better base can come from it.
const STALE: u8 = 4;

/// A walk over ancestors, newest first, each commit once, with the flags of whoever reaches it.
struct Walk<'a> {
    mirror: &'a Mirror,
    queue: BinaryHeap<(Timestamp, Reverse<usize>, CommitSha)>,
    seen: HashMap<CommitSha, Seen>,
    start: Option<CommitSha>,
    /// How many waiting commits carry each combination of flags.
    waiting: [usize; 8],
    /// The commits that turned out to be common after they were visited, which wrong clocks bring about.
    met: Vec<CommitSha>,
}

struct Seen {
    flags: u8,
    waits: bool,
    at: Timestamp,
    parents: Box<[CommitSha]>,
}

impl<'a> Walk<'a> {
    fn new(mirror: &'a Mirror) -> Walk<'a> {
        Walk { mirror, queue: BinaryHeap::new(), seen: HashMap::new(), start: None, waiting: [0; 8], met: Vec::new() }
    }

    fn push(&mut self, sha: CommitSha, flags: u8) -> Result<()> {
        if !self.mirror.has(sha)? {
            return Err(Error::UnknownRevision { rev: sha.to_string() });
        }
        self.start.get_or_insert(sha);
        self.paint(&[sha], flags)
    }

    fn flags(&self, sha: CommitSha) -> u8 {
        self.seen.get(&sha).map_or(0, |seen| seen.flags)
    }

    fn at(&self, sha: CommitSha) -> Timestamp {
        self.seen.get(&sha).map_or(Timestamp::EPOCH, |seen| seen.at)
    }

    /// Adds flags to commits, and to what was already reached from them.
    fn paint(&mut self, from: &[CommitSha], flags: u8) -> Result<()> {
        let mut todo: Vec<CommitSha> = from.to_vec();
        while let Some(sha) = todo.pop() {
            if let Some(seen) = self.seen.get_mut(&sha) {
                let all = seen.flags | flags;
                if all == seen.flags {
                    continue;
                }
                if seen.waits {
                    self.waiting[usize::from(seen.flags)] -= 1;
                    self.waiting[usize::from(all)] += 1;
                } else {
                    todo.extend_from_slice(&seen.parents);
                    if all == BOTH {
                        self.met.push(sha);
                    }
                }
                seen.flags = all;
                continue;
            }
            if self.seen.len() >= self.mirror.limits().history {
                return Err(self.mirror.too_long(self.start.unwrap_or(sha)));
            }
            let (parents, at) = commit::links(&self.mirror.objects, sha)?;
            self.queue.push((at, Reverse(self.seen.len()), sha));
            self.waiting[usize::from(flags)] += 1;
            self.seen.insert(sha, Seen { flags, waits: true, at, parents: parents.into() });
        }
        Ok(())
    }

    /// Collects what led to one of `new` and to none of `known`; says whether there is more.
    fn beyond(&mut self, new: &[CommitSha], known: &[CommitSha], limit: usize, out: &mut Vec<CommitSha>) -> Result<bool> {
        for sha in new {
            self.push(*sha, OURS)?;
        }
        for sha in known {
            if self.mirror.has(*sha)? {
                self.push(*sha, THEIRS)?;
            }
        }
        let mut slop = SLOP;
        while let Some((sha, flags)) = self.next()? {
            if flags & THEIRS == 0 {
                if out.len() == limit {
                    return Ok(true);
                }
                out.push(sha);
            } else if self.waiting[usize::from(OURS)] == 0 {
                slop -= 1;
                if slop == 0 {
                    break;
                }
            }
        }
        Ok(false)
    }

    /// The newest waiting commit and its flags; its parents wait from now on.
    fn next(&mut self) -> Result<Option<(CommitSha, u8)>> {
        let Some((_, _, sha)) = self.queue.pop() else { return Ok(None) };
        let seen = self.seen.get_mut(&sha).expect("what waits has been seen");
        seen.waits = false;
        let (parents, flags) = (seen.parents.clone(), seen.flags);
        self.waiting[usize::from(flags)] -= 1;
        self.paint(&parents, flags)?;
        Ok(Some((sha, flags)))
    }
}
