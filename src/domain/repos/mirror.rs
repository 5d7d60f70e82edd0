//! What GitHub says of a repository, taken over: its name, whether it is private or archived, what it is for, whether we may see it.
//!
//! Each word comes with the time it was so ([`AsOf`]), and the newest wins, in whatever order they arrive. A repository that is renamed
//! keeps its id and all that hangs on it; its former name leads to it until another has that name.
//!
//! A repository that is gone on GitHub, or that we are not let at any more, is [`Withdrawn`]: its row moves to a table that nothing
//! reads but this module, so that it is in no list and under no name from that moment on. It is deleted for good after
//! [`WITHDRAWN_FOR`]; if we are let at it again before, the row moves back and nothing was lost.

use serde::{Deserialize, Serialize};

use super::record::{self, RepoSource, Repository};
use super::{DESCRIPTION_CHARS, Error, Result, differences, find_by_github, get};
use crate::base::event::Event;
use crate::base::id::RepoId;
use crate::base::name::RepoSlug;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, WriteTx};
use crate::words;

/// How long a repository that was withdrawn can come back.
pub const WITHDRAWN_FOR: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3_600);
/// By how much GitHub's clock is believed to be ahead of ours.
const AHEAD: std::time::Duration = std::time::Duration::from_secs(24 * 3_600);
/// The most former names that lead to a repository.
const FORMER_NAMES: usize = 20;

/// When something that GitHub says was so. The parts decide in their order: its words have seconds, and in one of them much may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AsOf {
    /// When what it is about was last changed, by GitHub's clock.
    pub changed_at: Timestamp,
    /// When somebody last pushed.
    pub pushed_at: Option<Timestamp>,
    /// What tells two of one second apart: the same for one delivery however often it comes.
    pub tie: [u8; 16],
}

impl AsOf {
    /// As of when GitHub was looked at, by its clock.
    pub fn looked_at(at: Timestamp) -> AsOf {
        AsOf { changed_at: at, pushed_at: None, tie: [0; 16] }
    }
}

/// When it was so what GitHub says was so at this instant, or does not say when. What is said to be of a far future would be newer than all
/// that is said after it; so it is of the time when it was heard.
pub fn so_at(said: Option<Timestamp>, heard_at: Timestamp) -> Timestamp {
    said.filter(|said| *said <= heard_at + AHEAD).unwrap_or(heard_at)
}

/// What tells deliveries of one second apart, from their names. GitHub names them by UUIDs that hold the time to the hundred nanoseconds
/// (RFC 9562, 5.1); of other names no more is asked than that all agree which of two is later.
pub fn tie(guid: &str) -> [u8; 16] {
    let digits: String = guid.chars().filter(|c| *c != '-').collect();
    let bits = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32 && guid.len() == 36);
    match bits.map(u128::to_be_bytes) {
        Some([l0, l1, l2, l3, m0, m1, h0, h1, rest @ ..]) if h0 >> 4 == 1 => {
            let mut tie = [0; 16];
            tie[..8].copy_from_slice(&[h0, h1, m0, m1, l0, l1, l2, l3]);
            tie[8..].copy_from_slice(&rest);
            tie
        }
        _ => {
            let mut tie = BlobHash::of(guid.as_bytes()).prefix().to_be_bytes();
            // Before all that hold a time.
            tie[0] &= 0x0f;
            tie
        }
    }
}

/// What GitHub says of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What it is called.
    pub slug: RepoSlug,
    /// Whether it is private.
    pub is_private: bool,
    /// Whether it is closed to changes.
    pub is_archived: bool,
    /// What it is for.
    pub description: Option<String>,
    /// Through which installation we are let at it, where that is said.
    pub installation: Option<u64>,
}

/// What became of what GitHub says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// It was taken over.
    Changed,
    /// It was so already.
    Same,
    /// Something newer is known.
    Older,
    /// All but the name was: another repository has it, as of something newer.
    NameTaken,
}

/// Takes over what GitHub says of a repository that it knows by this number, hidden or not; `None` if none was added.
pub fn follow(tx: &mut WriteTx, github: u64, facts: &Facts, as_of: AsOf, now: Timestamp) -> Result<Option<Followed>> {
    if let Some(before) = find_by_github(tx, github)? {
        if before.as_of.is_some_and(|known| known >= as_of) {
            return Ok(Some(Followed::Older));
        }
        let mut after = before.clone();
        tell(&mut after, facts, as_of);
        let has_name = after.slug == before.slug || make_way(tx, &after, as_of, now)?;
        if !has_name {
            after.slug = before.slug.clone();
        }
        place(tx, &before, &after, now)?;
        let changes = differences(&before, &after);
        let is_same = changes.is_empty();
        if !is_same {
            tx.record(Event::RepositoryChanged { repo: after.id, changes }, now)?;
        }
        return Ok(Some(if !has_name {
            Followed::NameTaken
        } else if is_same {
            Followed::Same
        } else {
            Followed::Changed
        }));
    }
    let Some(mut hidden) = withdrawn(tx, github)? else { return Ok(None) };
    if hidden.repo.as_of.is_some_and(|known| known >= as_of) {
        return Ok(Some(Followed::Older));
    }
    tell(&mut hidden.repo, facts, as_of);
    tx.put(&hidden)?;
    Ok(Some(Followed::Changed))
}

impl Facts {
    /// Whether a repository is seen through the installation that they name.
    pub fn are_through(&self, repo: &Repository) -> bool {
        matches!(repo.source, RepoSource::GitHub { installation, .. } if self.installation == Some(installation))
    }

    /// Whether they hold for a repository as it is known.
    pub fn are_of(&self, repo: &Repository) -> bool {
        let mut told = repo.clone();
        tell(&mut told, self, AsOf::looked_at(Timestamp::EPOCH));
        told.as_of = repo.as_of;
        told == *repo
    }
}

/// Takes over what GitHub says of a repository that it was asked for by its number: it holds against all that was said before.
pub fn looked_at(tx: &mut WriteTx, github: u64, facts: &Facts, now: Timestamp) -> Result<Option<Followed>> {
    let known = find_by_github(tx, github)?.and_then(|repo| repo.as_of);
    let newer = |known: AsOf| AsOf { changed_at: known.changed_at + std::time::Duration::from_millis(1), ..known };
    follow(tx, github, facts, known.map_or(AsOf::looked_at(now), newer), now)
}

fn tell(repo: &mut Repository, facts: &Facts, as_of: AsOf) {
    let Facts { slug, is_private, is_archived, description, installation } = facts;
    repo.remote = remote_of(&repo.remote, slug);
    repo.slug = slug.clone();
    repo.is_private = *is_private;
    repo.is_archived = *is_archived;
    let said = description.as_deref().map(str::trim).filter(|said| !said.is_empty());
    repo.description = said.map(|said| said.chars().take(DESCRIPTION_CHARS).collect());
    if let (RepoSource::GitHub { installation, .. }, Some(through)) = (&mut repo.source, installation) {
        *installation = *through;
    }
    repo.as_of = Some(as_of);
}

/// The address of a repository of GitHub's under this name, written as it was: it ends in owner and name, with `.git` or without. What they
/// were is not looked at, since a repository may go by its number here.
fn remote_of(remote: &str, slug: &RepoSlug) -> String {
    let ending = if remote.ends_with(".git") { ".git" } else { "" };
    match remote.rsplitn(3, '/').nth(2) {
        Some(host) => format!("{host}/{slug}{ending}"),
        None => remote.to_owned(),
    }
}

/// Writes a repository under its name, and lets the name that it had lead to it.
fn place(tx: &mut WriteTx, before: &Repository, after: &Repository, now: Timestamp) -> Result<()> {
    tx.put(after)?;
    if before.slug == after.slug {
        return Ok(());
    }
    let former = tx.find(&BY_REPO.exactly(&after.id), FORMER_NAMES)?;
    if let Some(oldest) = former.iter().min_by_key(|former| former.until).filter(|_| former.len() == FORMER_NAMES) {
        tx.remove::<FormerName>(&oldest.slug)?;
    }
    tx.put(&FormerName { slug: before.slug.clone(), repo: after.id, until: now })?;
    Ok(())
}

/// Makes sure that a repository may have its name. On GitHub no two have one name at once: who has it here as of something older has
/// another by now, which we have not heard of yet, and goes by its number until then. Says whether the name is free now.
fn make_way(tx: &mut WriteTx, repo: &Repository, as_of: AsOf, now: Timestamp) -> Result<bool> {
    let Some(holder) = tx.first(&record::BY_SLUG.exactly(&repo.slug))?.filter(|holder| holder.id != repo.id) else { return Ok(true) };
    let Some(number) = holder.source.github().filter(|_| holder.as_of.is_none_or(|known| known < as_of)) else { return Ok(false) };
    let slug = by_number(&holder.slug, number)?;
    let renamed = Repository { slug, ..holder.clone() };
    tx.put(&renamed)?;
    tx.record(Event::RepositoryChanged { repo: holder.id, changes: differences(&holder, &renamed) }, now)?;
    Ok(true)
}

/// What a repository goes by while another has its name.
fn by_number(slug: &RepoSlug, number: u64) -> Result<RepoSlug> {
    let suffix = format!("-{number}");
    let kept: String = slug.name().chars().take(100 - suffix.len()).collect();
    Ok(RepoSlug::new(slug.owner(), &format!("{kept}{suffix}"))?)
}

/// A name that a repository had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormerName {
    /// The name.
    pub slug: RepoSlug,
    /// Which repository.
    pub repo: RepoId,
    /// Until when.
    pub until: Timestamp,
}

impl Record for FormerName {
    const TABLE: &'static str = "former_names";
    const VERSION: u16 = 1;
    type Key = RepoSlug;

    fn key(&self) -> RepoSlug {
        self.slug.clone()
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_REPO]
    }
}

/// Former names by whose they were.
pub(super) const BY_REPO: Index<FormerName, RepoId> = Index::on("by_repo", |former| former.repo);

/// The repository that had this name and has another now, if no other has it.
pub fn formerly(tx: &ReadTx, slug: &RepoSlug) -> Result<Option<Repository>> {
    let Some(former) = tx.get::<FormerName>(slug)? else { return Ok(None) };
    match get(tx, former.repo) {
        Ok(repo) => Ok(Some(repo)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

words! {
    /// Why a repository is hidden.
    pub enum Withdrawal: "reason for hiding a repository" {
        /// It was deleted on GitHub.
        Deleted = "deleted",
        /// The App is not let at it any more.
        AccessRemoved = "access_removed",
        /// The App was removed from where the repository is.
        InstallationRemoved = "installation_removed",
    }
}

/// A repository that is hidden, and deleted after a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The repository as it was, and as GitHub says it is since.
    pub repo: Repository,
    /// Why.
    pub why: Withdrawal,
    /// Since when.
    pub at: Timestamp,
    /// When it is deleted for good.
    pub ends_at: Timestamp,
}

impl Record for Withdrawn {
    const TABLE: &'static str = "withdrawn_repositories";
    const VERSION: u16 = 1;
    type Key = RepoId;

    fn key(&self) -> RepoId {
        self.repo.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&HIDDEN_BY_GITHUB, &HIDDEN_BY_END]
    }
}

/// Hidden repositories by GitHub's number.
const HIDDEN_BY_GITHUB: Index<Withdrawn, u64> = Index::some("by_github", |hidden| hidden.repo.source.github());
/// Hidden repositories by when they are deleted.
const HIDDEN_BY_END: Index<Withdrawn, Timestamp> = Index::on("by_end", |hidden| hidden.ends_at);

/// The hidden repository that GitHub knows by this number.
pub fn withdrawn(tx: &ReadTx, github: u64) -> Result<Option<Withdrawn>> {
    Ok(tx.first(&HIDDEN_BY_GITHUB.exactly(&github))?)
}

/// The hidden repositories, those that are deleted next first.
pub fn list_withdrawn(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<Withdrawn>> {
    Ok(tx.page(&HIDDEN_BY_END.all().after(after), limit)?)
}

/// Whether nothing is left of a repository: it is neither there nor hidden.
pub fn is_gone(tx: &ReadTx, repo: RepoId) -> Result<bool> {
    Ok(!tx.has::<Repository>(&repo)? && !tx.has::<Withdrawn>(&repo)?)
}

/// The repositories that we are let at through an installation, at most `limit`.
pub fn of_installation(tx: &ReadTx, installation: u64, limit: usize) -> Result<Vec<Repository>> {
    Ok(tx.find(&record::BY_INSTALLATION.exactly(&installation), limit)?)
}

/// Hides a repository, unless we are known to be let at it as of something newer. Says whether it is hidden now.
pub fn withdraw(tx: &mut WriteTx, repo: RepoId, why: Withdrawal, as_of: AsOf, now: Timestamp) -> Result<bool> {
    let mut repo = get(tx, repo)?;
    if repo.access_as_of.is_some_and(|known| known > as_of) {
        return Ok(false);
    }
    repo.access_as_of = Some(as_of);
    tx.remove::<Repository>(&repo.id)?;
    tx.record(Event::RepositoryWithdrawn { repo: repo.id, slug: repo.slug.clone(), why: why.to_string() }, now)?;
    tx.put(&Withdrawn { repo, why, at: now, ends_at: now + WITHDRAWN_FOR })?;
    Ok(true)
}

/// Notes that we are let at a repository, and shows it again if it is hidden as of something older. Says whether it is there; `None` if
/// there is no such repository.
pub fn admit(tx: &mut WriteTx, github: u64, installation: Option<u64>, as_of: AsOf, now: Timestamp) -> Result<Option<bool>> {
    if let Some(mut repo) = find_by_github(tx, github)? {
        if repo.access_as_of.is_none_or(|known| known < as_of) {
            repo.access_as_of = Some(as_of);
            set_installation(&mut repo, installation);
            tx.put(&repo)?;
        }
        return Ok(Some(true));
    }
    let Some(hidden) = withdrawn(tx, github)? else { return Ok(None) };
    if hidden.repo.access_as_of.is_some_and(|known| known >= as_of) {
        return Ok(Some(false));
    }
    let mut repo = hidden.repo;
    repo.access_as_of = Some(as_of);
    set_installation(&mut repo, installation);
    bring_back(tx, repo, now)?;
    Ok(Some(true))
}

fn set_installation(repo: &mut Repository, through: Option<u64>) {
    if let (RepoSource::GitHub { installation, .. }, Some(through)) = (&mut repo.source, through) {
        *installation = through;
    }
}

/// Puts a hidden repository back in its place, under its name if that is free.
pub(super) fn bring_back(tx: &mut WriteTx, mut repo: Repository, now: Timestamp) -> Result<Repository> {
    tx.remove::<Withdrawn>(&repo.id)?;
    let is_free = match repo.as_of {
        Some(as_of) => make_way(tx, &repo, as_of, now)?,
        None => tx.first(&record::BY_SLUG.exactly(&repo.slug))?.is_none(),
    };
    if let Some(number) = repo.source.github().filter(|_| !is_free) {
        repo.slug = by_number(&repo.slug, number)?;
    }
    tx.put(&repo)?;
    tx.record(Event::RepositoryReturned { repo: repo.id }, now)?;
    Ok(repo)
}

/// Deletes the hidden repositories whose time is over, at most `limit`; answers how many. What hangs on them follows.
pub fn end_withdrawn(tx: &mut WriteTx, limit: usize, now: Timestamp) -> Result<usize> {
    let over = tx.find(&HIDDEN_BY_END.up_to(&now), limit)?;
    for hidden in &over {
        tx.remove::<Withdrawn>(&hidden.repo.id)?;
        tx.record(Event::RepositoryDeleted { repo: hidden.repo.id, slug: hidden.repo.slug.clone() }, now)?;
    }
    Ok(over.len())
}

/// Forgets the former names of a repository, at most `limit`; answers how many.
pub(super) fn forget_names(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let former = tx.find(&BY_REPO.exactly(&repo), limit)?;
    for name in &former {
        tx.remove::<FormerName>(&name.slug)?;
    }
    Ok(former.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_that_of_the_new_name_however_it_was_written() {
        let renamed = |remote| remote_of(remote, &"umbrella/application".parse().unwrap());
        assert_eq!(renamed("https://github.example/acme/app.git"), "https://github.example/umbrella/application.git");
        assert_eq!(renamed("https://github.example/acme/app"), "https://github.example/umbrella/application");
        assert_eq!(renamed("https://github.example:8443/acme/app-7"), "https://github.example:8443/umbrella/application");
        assert_eq!(renamed("elsewhere"), "elsewhere");
    }
}
