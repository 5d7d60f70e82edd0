//! Pull requests: what GitHub says of them, and the commit that each is held against.
//!
//! A [`Pull`] is a row of words of GitHub's: where it comes from, where it is to go to, whether it is still open. Each of them comes with
//! the time it was so, and older words never win over newer ones ([`AsOf`]), so that deliveries may come in any order, twice, or
//! late. What is found by looking is not believed but known, and is ours to write: the head that a fetch found, and the merge base, which
//! the head is held against ([`looked_at`]).
//!
//! A pull request from a fork brings commits that nobody here has vouched for. Whether a commit is one of those is
//! asked each time, of the branches ([`has_forks`] says whether it need be asked at all): a merge makes it ours. What a branch has once led
//! to stays ours, and is marked as such where it is registered.

use crate::base::event::Event;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha};
use crate::base::page::{Cursor, Limit, Page};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};
use crate::words;

use super::github::payload;
use super::repos::{AsOf, Repository};

mod record;

pub use record::{Asked, Head, Listed, Person, Pull};

words! {
    /// How a pull request stands.
    pub enum PullState: "state of a pull request" {
        /// It can be merged.
        Open = "open",
        /// It was closed and not merged.
        Closed = "closed",
        /// It was merged.
        Merged = "merged",
    }
}

/// How many open pull requests of one repository are followed; GitHub knows few that have more.
pub const OPEN: usize = 2_000;
/// How many pull requests with one head are looked at.
const OF_HEAD: usize = 50;
/// How much is kept of a title.
const TITLE_BYTES: usize = 1_000;
/// How much is kept of a name.
const NAME_BYTES: usize = 255;

/// What can fail with pull requests.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no such pull request.
    #[error("no pull request #{number} is known here")]
    NotFound {
        /// What was looked for.
        number: u64,
    },
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// What of a pull request's words is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the {side} of pull request #{number} is no {what}: {why}")]
pub struct Unnamed {
    /// The pull request.
    pub number: u64,
    /// `base` or `head`.
    pub side: &'static str,
    /// `branch` or `commit`.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}

/// What became of what GitHub says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was taken over.
    Changed,
    /// It was so already.
    Same,
    /// Something newer is known.
    Older,
}

/// Reads what GitHub says of a pull request; `at` stands for an instant that it does not say.
pub fn read(repo: RepoId, said: &payload::Pull, as_of: AsOf, at: Timestamp) -> std::result::Result<Pull, Unnamed> {
    let number = said.number;
    let sha = |side: &'static str, text: &str| {
        text.parse::<CommitSha>().map_err(|error| Unnamed { number, side, what: "commit", why: error.to_string() })
    };
    let base = said.base.branch.parse::<BranchName>();
    let base = base.map_err(|error| Unnamed { number, side: "base", what: "branch", why: error.to_string() })?;
    let id = |side: &payload::PullSide| side.repo.as_ref().map(|repo| repo.id);
    let short = |text: &str| clip(text, NAME_BYTES).into_owned();
    let is_merged = said.merged == Some(true) || said.merged_at.is_some();
    Ok(Pull {
        repo,
        number,
        title: clip(&said.title, TITLE_BYTES).into_owned(),
        author: said.user.as_ref().map(|user| Person { id: user.id, login: short(&user.login) }),
        state: match said.state.as_str() {
            _ if is_merged => PullState::Merged,
            "closed" => PullState::Closed,
            _ => PullState::Open,
        },
        is_draft: said.draft,
        base,
        base_sha: sha("base", &said.base.sha)?,
        head: Head {
            branch: short(&said.head.branch),
            sha: sha("head", &said.head.sha)?,
            repo: said.head.repo.as_ref().map(|repo| short(&repo.full_name)),
            // Whose branch is nobody's any more was a fork's: a repository's own are there as long as it is.
            is_fork: id(&said.head).is_none() || id(&said.head) != id(&said.base),
        },
        merge_base: None,
        created_at: said.created_at.unwrap_or(at),
        updated_at: as_of.changed_at,
        closed_at: said.closed_at,
        merged_at: said.merged_at,
        as_of,
        asked: None,
    })
}

/// Takes over what GitHub says of a pull request, unless something newer is known.
pub fn record(tx: &mut WriteTx, said: Pull, now: Timestamp) -> Result<Recorded> {
    let before = tx.get::<Pull>(&(said.repo, said.number))?;
    let Some(before) = before else {
        let (repo, number) = (said.repo, said.number);
        tx.put(&said)?;
        tx.record(Event::PullChanged { repo, number }, now)?;
        return Ok(Recorded::Changed);
    };
    if before.as_of >= said.as_of {
        return Ok(Recorded::Older);
    }
    let stands = before.head.sha == said.head.sha && before.base == said.base;
    let goes_on = before.is_open() && said.is_open();
    let after = Pull { merge_base: before.merge_base.filter(|_| stands), asked: before.asked.clone().filter(|_| goes_on), ..said };
    tx.put(&after)?;
    if (Pull { as_of: after.as_of, updated_at: after.updated_at, ..before }) == after {
        return Ok(Recorded::Same);
    }
    tx.record(Event::PullChanged { repo: after.repo, number: after.number }, now)?;
    if !after.is_open() {
        tx.record(Event::PullClosed { repo: after.repo, number: after.number, head: after.head.sha }, now)?;
    }
    Ok(Recorded::Changed)
}

/// Notes that a pull request cannot be seen on GitHub any more: it is closed, whatever it was.
pub fn lose(tx: &mut WriteTx, repo: RepoId, number: u64, as_of: AsOf, now: Timestamp) -> Result<()> {
    let mut pull = find(tx, repo, number)?;
    if !pull.is_open() || pull.as_of > as_of {
        return Ok(());
    }
    (pull.state, pull.closed_at, pull.as_of) = (PullState::Closed, Some(now), as_of);
    tx.put(&pull)?;
    tx.record(Event::PullChanged { repo, number }, now)?;
    Ok(tx.record(Event::PullClosed { repo, number, head: pull.head.sha }, now)?)
}

/// Writes down what was found by looking: where the head is, and what it is held against.
pub fn looked_at(tx: &mut WriteTx, of: &Pull, head: CommitSha, merge_base: Option<CommitSha>) -> Result<Pull> {
    let mut pull = find(tx, of.repo, of.number)?;
    // Something else was said meanwhile: whoever follows that looks again.
    if pull.head.sha == of.head.sha && pull.base == of.base && (pull.head.sha != head || pull.merge_base != merge_base) {
        (pull.head.sha, pull.merge_base) = (head, merge_base);
        tx.put(&pull)?;
    }
    Ok(pull)
}

/// Writes down what its checks were asked for.
pub fn mark_asked(tx: &mut WriteTx, repo: RepoId, number: u64, asked: Asked) -> Result<()> {
    let mut pull = find(tx, repo, number)?;
    pull.asked = Some(asked);
    Ok(tx.put(&pull)?)
}

/// Notes where the repository's own branches are by now, which a fetch has found: those of open pull requests have moved with them, and
/// what is held against them may be otherwise. `all` has every open one looked at.
pub fn branches_moved(tx: &mut WriteTx, repo: RepoId, moved: &[(BranchName, CommitSha)], all: bool, now: Timestamp) -> Result<()> {
    if moved.is_empty() && !all {
        return Ok(());
    }
    for mut pull in open(tx, repo)? {
        let own = moved.iter().find(|(branch, _)| !pull.head.is_fork && branch.as_str() == pull.head.branch);
        let is_of_base = moved.iter().any(|(branch, _)| *branch == pull.base);
        if own.is_none() && !is_of_base && !all {
            continue;
        }
        if let Some((_, head)) = own.filter(|(_, head)| *head != pull.head.sha) {
            (pull.head.sha, pull.merge_base) = (*head, None);
            tx.put(&pull)?;
        }
        tx.record(Event::PullChanged { repo, number: pull.number }, now)?;
    }
    Ok(())
}

/// The pull request of this number.
pub fn find(tx: &ReadTx, repo: RepoId, number: u64) -> Result<Pull> {
    tx.get::<Pull>(&(repo, number))?.ok_or(Error::NotFound { number })
}

/// A page of a repository's pull requests, those that changed last first; of those that stand so, if that is asked for.
pub fn list(tx: &ReadTx, repo: RepoId, state: Option<PullState>, after: Option<&Cursor>, limit: Limit) -> Result<Page<Pull>> {
    let scan = match state {
        Some(state) => record::BY_STATE.prefix((repo, state as u8)),
        None => record::BY_CHANGE.prefix(repo),
    };
    Ok(tx.page(&scan.reversed().after(after), limit)?)
}

/// All open pull requests of a repository, at most [`OPEN`].
pub fn open(tx: &ReadTx, repo: RepoId) -> Result<Vec<Pull>> {
    Ok(tx.find(&record::BY_STATE.prefix((repo, PullState::Open as u8)), OPEN)?)
}

/// The open pull requests whose head is this commit, by number.
pub fn of_head(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> store::Result<Vec<Pull>> {
    tx.find(&record::BY_HEAD.prefix((repo, sha)), OF_HEAD)
}

/// The open pull requests whose head is held against this commit, by number, at most [`OPEN`].
pub fn leaving(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> store::Result<Vec<Pull>> {
    tx.find(&record::BY_MERGE_BASE.prefix((repo, sha)), OPEN)
}

/// Where the open pull requests whose head is this commit are to go to, each once, by name.
pub fn bases_of(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> store::Result<Vec<BranchName>> {
    let mut bases: Vec<BranchName> = of_head(tx, repo, sha)?.into_iter().map(|pull| pull.base).collect();
    bases.sort();
    bases.dedup();
    Ok(bases)
}

/// Of the open pull requests whose head is this commit the one that says what it is held against: one that is to go to the default branch,
/// then the first.
pub fn foremost(tx: &ReadTx, repo: &Repository, sha: CommitSha) -> store::Result<Option<Pull>> {
    let all = of_head(tx, repo.id, sha)?;
    Ok(all.into_iter().min_by_key(|pull| (repo.default_branch.as_ref() != Some(&pull.base), pull.number)))
}

/// Whether a fork has ever asked this repository to take anything.
pub fn has_forks(tx: &ReadTx, repo: RepoId) -> store::Result<bool> {
    Ok(tx.first(&record::BY_FORK.exactly(&repo))?.is_some())
}

/// When GitHub was last asked which pull requests are open.
pub fn listed(tx: &ReadTx, repo: RepoId) -> Result<Option<Timestamp>> {
    Ok(tx.get::<Listed>(&repo)?.map(|listed| listed.at))
}

/// Writes down that it was asked.
pub fn mark_listed(tx: &mut WriteTx, repo: RepoId, now: Timestamp) -> Result<()> {
    Ok(tx.put(&Listed { repo, at: now })?)
}

/// About how many bytes a repository's pull requests take, counted up to `cap` rows.
pub fn weigh(tx: &ReadTx, repo: RepoId, cap: usize) -> store::Result<u64> {
    tx.weigh(&Scan::<Pull>::prefix(repo), cap)
}

/// Erases rows of a deleted repository, at most `limit`; answers how many, 0 once none are left.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let erased = tx.remove_all(&Scan::<Pull>::prefix(repo), limit)?;
    Ok(erased + usize::from(erased < limit && tx.remove::<Listed>(&repo)?))
}

#[cfg(test)]
mod tests;
