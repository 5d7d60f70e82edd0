//! Repositories, their branches and commits.
//!
//! A [`Repository`] is a name and where to fetch it from; what git knows of it lives in a bare mirror. Rows are kept for what the mirror
//! cannot say: when a commit was first seen here, which branch pointed where at the last fetch, and what went wrong since.
//!
//! A fetch is carried out outside of any transaction and recorded in steps: the commits it brought, some at a time; then what became of
//! the branches, some at a time, the default one first; then that it went well. So a branch never names a commit that is not registered,
//! and the default branch is never one that is gone. Between the steps a reader may see some branches as this fetch found them and others
//! as the last one did; `synced_at` says that all are. A fetch that is recorded once more from the start changes nothing twice.
//!
//! Deleting hides a repository at once, since its row and name go in the same transaction; what hangs on it is erased in the background,
//! some rows at a time, and its mirror with it.

use std::collections::BTreeMap;

use crate::base::event::{Changed, Event};
use crate::base::id::{RepoId, UserId};
use crate::base::name::{BranchName, CommitSha, InvalidName, RepoSlug};
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::base::work::Work;
use crate::engine::git::CommitInfo;
use crate::engine::queue;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::key::RowKey;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};
use crate::words;

use super::accounts::workload::Workload;
use super::accounts::{self, RepoRole};

mod badge;
pub mod manifest;
mod mirror;
mod pushed;
mod record;
mod slugs;

pub use badge::BadgeKey;
pub use mirror::{
    AsOf, Facts, Followed, FormerName, WITHDRAWN_FOR, Withdrawal, Withdrawn, admit, end_withdrawn, follow, formerly, is_gone,
    list_withdrawn, looked_at, of_installation, so_at, tie, withdraw, withdrawn,
};
pub use pushed::{PUSHED_PER_FETCH, PushedHead, expire_pushed, forget_pushed, note_pushed, pushed_heads, refuse_pushed};
pub use record::{Author, Branch, Commit, RepoSource, Repository, SyncError};
pub use slugs::Slugs;

words! {
    /// Whose manifests somebody has to approve before what they start is started.
    pub enum ApprovalFor: "whom approval is asked for" {
        /// Those of forks alone: whoever may push to the repository may say what is run.
        Forks = "forks",
        /// Those of every branch but the default one as well.
        Branches = "branches",
    }
}

words! {
    /// Where a repository comes from, in a word.
    pub enum SourceKind: "source of a repository" {
        /// GitHub, through the App.
        Github = "github",
        /// A URL that is polled.
        Git = "git",
        /// A path on the appliance's host.
        Local = "local",
    }
}

/// What can fail with repositories.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A name does not have the form of one.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// There is no such repository.
    #[error("no repository `{repo}` is known here, or you may not see it")]
    NotFound {
        /// What was looked for.
        repo: String,
    },
    /// GitHub's repository of this number was added before.
    #[error("this repository of GitHub was added before")]
    GithubTaken,
    /// The name is taken. Local repositories share one space of names, so whoever may add one learns that a name is not free; that is
    /// all they learn, whether they may see what has it or not.
    #[error("the name `{slug}` is not free; give another")]
    SlugTaken {
        /// The name.
        slug: RepoSlug,
    },
    /// The description is too long.
    #[error("a description has at most {DESCRIPTION_CHARS} characters; this one has {chars}")]
    DescriptionTooLong {
        /// How many it has.
        chars: usize,
    },
    /// There is no such branch.
    #[error("`{repo}` has no branch `{branch}`")]
    BranchNotFound {
        /// The repository.
        repo: RepoSlug,
        /// What was looked for.
        branch: String,
    },
    /// There is no such commit.
    #[error("`{repo}` has no commit `{rev}`; give a branch, or at least seven digits of a commit's name")]
    CommitNotFound {
        /// The repository.
        repo: RepoSlug,
        /// What was looked for.
        rev: String,
    },
    /// The confirmation does not name the repository.
    #[error("to delete `{slug}`, confirm with its full name")]
    NotConfirmed {
        /// The repository.
        slug: RepoSlug,
    },
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// The most commits of one branch that a fetch registers: what is older can be read from the mirror.
pub const COMMITS_PER_BRANCH: usize = 250;

/// A repository that is to be added.
#[derive(Debug, Clone)]
pub struct NewRepository {
    /// Its name here.
    pub slug: RepoSlug,
    /// Where it comes from.
    pub source: RepoSource,
    /// The path or URL to fetch.
    pub remote: String,
    /// Whether its host may be asked although the guard would refuse its address.
    pub is_trusted: bool,
    /// What opens its badges.
    pub badge_key: BadgeKey,
    /// Whose it is, if a person adds it: they get the role admin.
    pub owner: Option<UserId>,
}

/// Adds a repository; its first fetch follows.
pub fn add(tx: &mut WriteTx, new: NewRepository, now: Timestamp) -> Result<Repository> {
    if let RepoSource::GitHub { id, .. } = new.source
        && find_by_github(tx, id)?.is_some()
    {
        return Err(Error::GithubTaken);
    }
    if tx.first(&record::BY_SLUG.exactly(&new.slug))?.is_some() {
        return Err(Error::SlugTaken { slug: new.slug });
    }
    // One that is hidden comes back with all that hangs on it.
    if let RepoSource::GitHub { id, .. } = new.source
        && let Some(hidden) = withdrawn(tx, id)?
    {
        return mirror::bring_back(tx, Repository { source: new.source, ..hidden.repo }, now);
    }
    let repo = Repository {
        id: tx.new_id(now),
        slug: new.slug,
        source: new.source,
        remote: new.remote,
        is_trusted: new.is_trusted,
        description: None,
        default_branch: None,
        is_private: true,
        badge_key: new.badge_key,
        is_archived: false,
        approval_for: ApprovalFor::Forks,
        has_instance_secrets: accounts::is_by_admin(tx)?,
        tools: Vec::new(),
        created_at: now,
        synced_at: None,
        sync_error: None,
        has_guessed_default: false,
        skipped: None,
        as_of: None,
        access_as_of: None,
    };
    tx.put(&repo)?;
    if let Some(owner) = new.owner {
        accounts::grant(tx, repo.id, owner, RepoRole::Admin)?;
    }
    tx.record(Event::RepositoryAdded { repo: repo.id }, now)?;
    Ok(repo)
}

/// What is to be changed of a repository; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Whether its badges need the key.
    pub is_private: Option<bool>,
    /// What it is for; `Some(None)` says nothing of it any more.
    pub description: Option<Option<String>>,
    /// Whose manifests have to be approved.
    pub approval_for: Option<ApprovalFor>,
    /// The tools that run where no manifest says what to run.
    pub tools: Option<Vec<String>>,
    /// Whether its checks may be given the secrets of the instance: an administrator's to say.
    pub has_instance_secrets: Option<bool>,
}

/// The most characters of a description.
pub const DESCRIPTION_CHARS: usize = 350;

/// Changes what people say of a repository.
pub fn change(tx: &mut WriteTx, repo: RepoId, change: &Change, now: Timestamp) -> Result<Repository> {
    let before = get(tx, repo)?;
    let mut repository = before.clone();
    if let Some(is_private) = change.is_private {
        repository.is_private = is_private;
    }
    if let Some(description) = &change.description {
        repository.description = parse_description(description.as_deref().unwrap_or(""))?;
    }
    if let Some(approval_for) = change.approval_for {
        repository.approval_for = approval_for;
    }
    if let Some(tools) = &change.tools {
        repository.tools.clone_from(tools);
    }
    if let Some(has) = change.has_instance_secrets {
        repository.has_instance_secrets = has;
    }
    if repository != before {
        tx.put(&repository)?;
        tx.record(Event::RepositoryChanged { repo, changes: differences(&before, &repository) }, now)?;
    }
    Ok(repository)
}

/// Takes over what GitHub says of a repository of its own.
pub fn mirror(tx: &mut WriteTx, repo: RepoId, description: Option<&str>, is_private: bool, is_archived: bool) -> Result<Repository> {
    let mut repository = get(tx, repo)?;
    let said: String = description.unwrap_or("").trim().chars().take(DESCRIPTION_CHARS).collect();
    repository.description = (!said.is_empty()).then_some(said);
    repository.is_private = is_private;
    repository.is_archived = is_archived;
    tx.put(&repository)?;
    Ok(repository)
}

/// What is said otherwise of a repository than before.
fn differences(before: &Repository, after: &Repository) -> Vec<Changed> {
    [
        Changed::of("name", Some(&before.slug), Some(&after.slug)),
        Changed::of("archived", Some(before.is_archived), Some(after.is_archived)),
        Changed::of("private", Some(before.is_private), Some(after.is_private)),
        Changed::of("description", before.description.as_ref(), after.description.as_ref()),
        Changed::of("approval_for", Some(before.approval_for), Some(after.approval_for)),
        Changed::of("tools", Some(before.tools.join(" ")), Some(after.tools.join(" "))),
        Changed::of("instance_secrets", Some(before.has_instance_secrets), Some(after.has_instance_secrets)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Takes what a repository is for, without blanks around it; blanks alone say nothing.
pub fn parse_description(input: &str) -> Result<Option<String>> {
    let said = input.trim();
    let chars = said.chars().count();
    if chars > DESCRIPTION_CHARS {
        return Err(Error::DescriptionTooLong { chars });
    }
    Ok((!said.is_empty()).then(|| said.to_owned()))
}

/// Gives a repository another badge key: badges that carry the one before say `unknown` from now on.
pub fn rotate_badge_key(tx: &mut WriteTx, repo: RepoId, key: &BadgeKey, now: Timestamp) -> Result<Repository> {
    let mut repository = get(tx, repo)?;
    repository.badge_key = key.clone();
    tx.put(&repository)?;
    tx.record(Event::BadgeKeyRotated { repo }, now)?;
    Ok(repository)
}

/// The repository of this name.
pub fn find(tx: &ReadTx, slug: &RepoSlug) -> Result<Repository> {
    tx.first(&record::BY_SLUG.exactly(slug))?.ok_or_else(|| Error::NotFound { repo: slug.to_string() })
}

/// The repository with this id.
pub fn get(tx: &ReadTx, id: RepoId) -> Result<Repository> {
    tx.get::<Repository>(&id)?.ok_or_else(|| Error::NotFound { repo: id.to_string() })
}

/// The repository that is fetched from `remote`, if one is.
pub fn find_by_remote(tx: &ReadTx, remote: &str) -> Result<Option<Repository>> {
    Ok(tx.first(&record::BY_REMOTE.exactly(&remote.to_owned()))?)
}

/// The most repositories that one workload speaks for: so often one may be added.
const WORKLOAD_REPOS: usize = 20;

/// The repositories here that are the one a workload runs for: those that are fetched, encrypted, from its name on its forge. One that comes
/// through GitHub's App keeps the number that GitHub knows it by, and is matched by that as well, so that whoever takes a name next speaks
/// for nothing that had it before.
pub fn of_workload(tx: &ReadTx, workload: &Workload) -> Result<Vec<RepoId>> {
    let place = format!("{}/{}", workload.forge(), workload.repository).to_lowercase();
    let found = tx.find(&record::BY_FORGE.exactly(&place), WORKLOAD_REPOS)?.into_iter();
    let is_same = |repo: &Repository| repo.source.github().is_none_or(|id| workload.repository_id == id);
    Ok(found.filter(is_same).map(|repo| repo.id).collect())
}

/// The repository that GitHub knows by this number, if it was added.
pub fn find_by_github(tx: &ReadTx, id: u64) -> Result<Option<Repository>> {
    Ok(tx.first(&record::BY_GITHUB.exactly(&id))?)
}

/// All repositories, by name.
pub fn list(tx: &ReadTx, after: Option<&Cursor>, limit: Limit) -> Result<Page<Repository>> {
    Ok(tx.page(&record::BY_SLUG.all().after(after), limit)?)
}

/// Where a repository stands in [`list`], for a page that ends with it.
pub fn place(repo: &Repository) -> Cursor {
    Cursor::new((repo.slug.clone(), repo.id).to_key())
}

/// Asks for a fetch now, and for the pull requests where there can be some; what went wrong with the last one is not said any more.
pub fn request_sync(tx: &mut WriteTx, repo: RepoId, now: Timestamp) -> Result<()> {
    let mut repository = get(tx, repo)?;
    if repository.sync_error.take().is_some() {
        tx.put(&repository)?;
    }
    tx.record(Event::SyncRequested { repo }, now)?;
    if repository.source.github().is_some() {
        tx.record(Event::PullsDue { repo }, now)?;
    }
    Ok(())
}

/// Asks for a fetch of every repository whose turn has come: one page of them. Answers where the next page begins.
pub fn poll(tx: &mut WriteTx, after: Option<&Cursor>, now: Timestamp) -> Result<Option<Cursor>> {
    let page = list(tx, after, Limit::MAX)?;
    for repo in page.items.iter().filter(|repo| repo.is_due(now)) {
        // One that waits after a failure comes when its wait is over.
        if !queue::is_going(tx, &Work::SyncRepository { repo: repo.id })? {
            tx.record(Event::PollDue { repo: repo.id }, now)?;
        }
    }
    Ok(page.next)
}

/// Registers commits that a fetch of the branches brought; at most a few hundred at a time. Those that are known already have been on a
/// branch from now on.
pub fn register_commits(tx: &mut WriteTx, repo: RepoId, commits: &[CommitInfo], now: Timestamp) -> Result<()> {
    get(tx, repo)?;
    for info in commits {
        match tx.get::<Commit>(&(repo, info.sha))? {
            Some(commit) if commit.was_on_branch => {}
            known => {
                let commit = known.unwrap_or_else(|| Commit::new(repo, info, now));
                tx.put(&Commit { was_on_branch: true, ..commit })?;
                tx.remove::<PushedHead>(&(repo, info.sha))?;
            }
        }
    }
    Ok(())
}

/// Registers commits that a pull request brings, those that are known already excepted; at most a few hundred at a time.
pub fn register_of_pull(tx: &mut WriteTx, repo: RepoId, commits: &[CommitInfo], now: Timestamp) -> Result<()> {
    get(tx, repo)?;
    commits.iter().try_for_each(|info| register(tx, &Commit::new(repo, info, now)))
}

/// Registers one commit, unless it is known already.
pub fn register(tx: &mut WriteTx, commit: &Commit) -> Result<()> {
    if !tx.has::<Commit>(&(commit.repo, commit.sha))? {
        tx.put(commit)?;
    }
    Ok(())
}

/// What a fetch found of a branch that is otherwise than at the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchChange {
    /// It points elsewhere, is new, or has become the default one.
    Moved {
        /// The branch.
        branch: BranchName,
        /// Its head.
        head: CommitSha,
        /// Whether the head is to be checked: always but for the branches beside the default one at the first fetch.
        is_checked: bool,
    },
    /// It is gone.
    Gone {
        /// The branch.
        branch: BranchName,
    },
}

impl BranchChange {
    /// The branch.
    pub fn branch(&self) -> &BranchName {
        match self {
            BranchChange::Moved { branch, .. } | BranchChange::Gone { branch } => branch,
        }
    }
}

/// Compares the branches that a fetch found with those that are known. What becomes of the default branch, the old and the new one,
/// stands first.
pub fn compare(
    repository: &Repository,
    known: &[Branch],
    default_branch: Option<&BranchName>,
    found: &[(BranchName, CommitSha)],
) -> Vec<BranchChange> {
    let is_first = repository.synced_at.is_none();
    let default_moved = repository.default_branch.as_ref() != default_branch;
    let mut known: BTreeMap<&BranchName, CommitSha> = known.iter().map(|branch| (&branch.name, branch.head)).collect();
    let mut changes = Vec::new();
    for (name, head) in found {
        let is_default = Some(name) == default_branch;
        // A branch that becomes the default one is looked at even though it did not move.
        if known.remove(name) != Some(*head) || is_default && default_moved {
            changes.push(BranchChange::Moved { branch: name.clone(), head: *head, is_checked: !is_first || is_default });
        }
    }
    changes.extend(known.into_keys().map(|name| BranchChange::Gone { branch: name.clone() }));
    let is_of_the_default =
        |change: &BranchChange| Some(change.branch()) == default_branch || Some(change.branch()) == repository.default_branch.as_ref();
    changes.sort_by_key(|change| !is_of_the_default(change));
    changes
}

/// Writes down what became of some branches. Their heads must be registered.
pub fn record_branches(tx: &mut WriteTx, repo: RepoId, changes: &[BranchChange], now: Timestamp) -> Result<()> {
    get(tx, repo)?;
    for change in changes {
        match change {
            BranchChange::Moved { branch, head, .. } => {
                let before = tx.get::<Branch>(&(repo, branch.clone()))?.map(|before| before.head);
                if before != Some(*head) {
                    tx.put(&Branch { repo, name: branch.clone(), head: *head, previous: before, moved_at: now })?;
                    tx.record(Event::BranchMoved { repo, branch: branch.clone(), head: *head }, now)?;
                }
            }
            BranchChange::Gone { branch } => {
                if let Some(before) = tx.get::<Branch>(&(repo, branch.clone()))? {
                    tx.remove::<Branch>(&(repo, branch.clone()))?;
                    tx.record(Event::BranchDeleted { repo, branch: branch.clone(), head: before.head }, now)?;
                }
            }
        }
    }
    Ok(())
}

/// Says which branch is the default one, and whether that is a guess. Call it in the transaction that records what became of that branch and the one before.
pub fn name_default(tx: &mut WriteTx, repo: RepoId, default_branch: Option<&BranchName>, is_guessed: bool) -> Result<()> {
    let mut repository = get(tx, repo)?;
    if repository.default_branch.as_ref() != default_branch || repository.has_guessed_default != is_guessed {
        repository.has_guessed_default = is_guessed;
        repository.default_branch = default_branch.cloned();
        tx.put(&repository)?;
    }
    Ok(())
}

/// Records that a fetch went well and all it found is written down. `skipped` stands for the branches that it did not take, if there
/// were any.
pub fn record_fetch(tx: &mut WriteTx, repo: RepoId, skipped: Option<BlobHash>, now: Timestamp) -> Result<()> {
    let mut repository = get(tx, repo)?;
    repository.synced_at = Some(now);
    repository.sync_error = None;
    repository.skipped = skipped;
    Ok(tx.put(&repository)?)
}

/// Records that a fetch failed, in words for people. Says whether that is news: the one before did not fail, or otherwise.
pub fn record_fetch_failure(tx: &mut WriteTx, repo: RepoId, why: &SyncError) -> Result<bool> {
    let mut repository = get(tx, repo)?;
    let clipped = |text: &str| crate::base::text::clip(text, 1_000).into_owned();
    let why = Some(SyncError { public: clipped(&why.public), message: clipped(&why.message) });
    let is_news = repository.sync_error != why;
    if is_news {
        repository.sync_error = why;
        tx.put(&repository)?;
    }
    Ok(is_news)
}

/// The most branches a repository is taken with.
pub const BRANCHES: usize = 10_000;

/// All branches of a repository, by name.
pub fn all_branches(tx: &ReadTx, repo: RepoId) -> Result<Vec<Branch>> {
    Ok(tx.find(&Scan::<Branch>::prefix(repo), BRANCHES)?)
}

/// A page of a repository's branches, by name.
pub fn branches(tx: &ReadTx, repo: RepoId, after: Option<&Cursor>, limit: Limit) -> Result<Page<Branch>> {
    Ok(tx.page(&Scan::<Branch>::prefix(repo).after(after), limit)?)
}

/// The branch of this name.
pub fn branch(tx: &ReadTx, repo: &Repository, name: &BranchName) -> Result<Branch> {
    tx.get::<Branch>(&(repo.id, name.clone()))?.ok_or_else(|| Error::BranchNotFound { repo: repo.slug.clone(), branch: name.to_string() })
}

/// The default branch, once there is one.
pub fn default_branch(tx: &ReadTx, repo: &Repository) -> Result<Option<Branch>> {
    match &repo.default_branch {
        Some(name) => Ok(tx.get::<Branch>(&(repo.id, name.clone()))?),
        None => Ok(None),
    }
}

/// The branches whose head is this commit; at most twenty.
pub fn branches_at(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Vec<BranchName>> {
    Ok(tx.find(&record::BY_HEAD.prefix((repo, sha)), 20)?.into_iter().map(|branch| branch.name).collect())
}

/// A registered commit.
pub fn commit(tx: &ReadTx, repo: RepoId, sha: CommitSha) -> Result<Option<Commit>> {
    Ok(tx.get::<Commit>(&(repo, sha))?)
}

/// Deletes a repository: gone from every list and name at once; what hangs on it follows.
pub fn delete(tx: &mut WriteTx, slug: &RepoSlug, confirm: &str, now: Timestamp) -> Result<()> {
    let repo = find(tx, slug)?;
    if confirm != slug.to_string() {
        return Err(Error::NotConfirmed { slug: slug.clone() });
    }
    tx.remove::<Repository>(&repo.id)?;
    Ok(tx.record(Event::RepositoryDeleted { repo: repo.id, slug: repo.slug }, now)?)
}

/// About how many bytes a repository's branches and commits take, each table counted up to `cap` rows.
pub fn weigh(tx: &ReadTx, repo: RepoId, cap: usize) -> store::Result<u64> {
    let pushed = tx.weigh(&Scan::<PushedHead>::prefix(repo), cap)?;
    Ok(pushed + tx.weigh(&Scan::<Branch>::prefix(repo), cap)? + tx.weigh(&Scan::<Commit>::prefix(repo), cap)?)
}

/// Erases rows of a deleted repository, at most `limit`; answers how many, 0 once none are left.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let mut erased = accounts::revoke_all(tx, repo, limit)?;
    erased += mirror::forget_names(tx, repo, limit.saturating_sub(erased))?;
    erased += tx.remove_all(&Scan::<Branch>::prefix(repo), limit.saturating_sub(erased))?;
    erased += tx.remove_all(&Scan::<Commit>::prefix(repo), limit.saturating_sub(erased))?;
    erased += tx.remove_all(&Scan::<PushedHead>::prefix(repo), limit.saturating_sub(erased))?;
    Ok(erased)
}
