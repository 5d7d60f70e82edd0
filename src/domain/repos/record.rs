//! Repositories, branches and commits as they are stored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::mirror::AsOf;
use super::{ApprovalFor, BadgeKey, SourceKind};
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha, RepoSlug};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::git::{CommitInfo, Signature};
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{AnyIndex, Index, Record};

/// Where a repository comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepoSource {
    /// GitHub, through the App.
    GitHub {
        /// GitHub's number for it, the same through renames and transfers.
        id: u64,
        /// The installation of the App that lets us at it.
        installation: u64,
    },
    /// A URL that is polled.
    Git,
    /// A path on the appliance's host.
    Local,
}

impl RepoSource {
    /// The word for it.
    pub fn kind(self) -> SourceKind {
        match self {
            RepoSource::GitHub { .. } => SourceKind::Github,
            RepoSource::Git => SourceKind::Git,
            RepoSource::Local => SourceKind::Local,
        }
    }

    /// GitHub's number for it, if it is GitHub's.
    pub fn github(self) -> Option<u64> {
        match self {
            RepoSource::GitHub { id, .. } => Some(id),
            RepoSource::Git | RepoSource::Local => None,
        }
    }
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Its id, the same through renames.
    pub id: RepoId,
    /// What it is called.
    pub slug: RepoSlug,
    /// Where it comes from.
    pub source: RepoSource,
    /// The path or URL that is fetched; it carries no credentials.
    pub remote: String,
    /// Whether its host may be asked although the guard would refuse its address: an administrator has added it. This goes for that
    /// host and port alone.
    pub is_trusted: bool,
    /// What it is for, in its owner's words.
    pub description: Option<String>,
    /// The branch its HEAD names, once there is one.
    pub default_branch: Option<BranchName>,
    /// Whether its badges need [`Repository::badge_key`]. Nothing else of it is open to strangers either way.
    pub is_private: bool,
    /// What opens the badges of a private repository, and nothing else.
    pub badge_key: BadgeKey,
    /// Whether it is closed to changes.
    pub is_archived: bool,
    /// Whose manifests have to be approved before what they start is started.
    pub approval_for: ApprovalFor,
    /// Whether its checks may be given the secrets of the instance. One that somebody adds who does not run the instance has none until an
    /// administrator says so: whoever pushes there decides what its checks do.
    pub has_instance_secrets: bool,
    /// The tools of the catalogue that run where no manifest says what to run, beside those that run in every repository.
    pub tools: Vec<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last fetched without failure.
    pub synced_at: Option<Timestamp>,
    /// Why the last fetch failed; none if it went well.
    pub sync_error: Option<SyncError>,
    /// Whether the default branch is one that we took for it: HEAD names none that has a commit.
    pub has_guessed_default: bool,
    /// Stands for the branches that the last fetch did not take, and why: they are told of when that changes.
    pub skipped: Option<BlobHash>,
    /// As of when what GitHub says of it was taken over.
    pub as_of: Option<AsOf>,
    /// As of when we are known to be let at it, or not to be.
    pub access_as_of: Option<AsOf>,
}

impl Repository {
    /// Whether it is looked at from time to time: nobody tells us of its pushes, or what tells us may be lost.
    pub fn is_polled(&self) -> bool {
        !self.is_archived
    }

    /// Whether its turn has come. GitHub tells of pushes; what it could not tell, or we could not hear, is found once nothing was heard
    /// of a repository for a while. Only what its branches point at is asked for then, which counts against no limit of GitHub's.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let is_quiet = || self.synced_at.is_none_or(|at| now.since(at) >= UNHEARD);
        self.is_polled() && (self.source.github().is_none() || is_quiet())
    }
}

/// For how long nothing is heard of a repository of GitHub's before it is looked at.
const UNHEARD: Duration = Duration::from_secs(150);

/// Why a fetch failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncError {
    /// What kind of failure it was, in words for everybody: without an address, and without a path of the host's.
    pub public: String,
    /// All that is known, for administrators.
    pub message: String,
}

impl Record for Repository {
    const TABLE: &'static str = "repositories";
    const VERSION: u16 = 1;
    type Key = RepoId;

    fn key(&self) -> RepoId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_SLUG, &BY_REMOTE, &BY_FORGE, &BY_GITHUB, &BY_INSTALLATION]
    }
}

/// Repositories by name.
pub(super) const BY_SLUG: Index<Repository, RepoSlug> = Index::on("by_slug", |repo| repo.slug.clone());
/// Repositories by what is fetched.
pub(super) const BY_REMOTE: Index<Repository, String> = Index::on("by_remote", |repo| repo.remote.clone());
/// Repositories of GitHub by its number.
pub(super) const BY_GITHUB: Index<Repository, u64> = Index::some("by_github", |repo| repo.source.github());
/// Repositories of GitHub by the installation that lets us at them.
pub(super) const BY_INSTALLATION: Index<Repository, u64> = Index::some("by_installation", |repo| match repo.source {
    RepoSource::GitHub { installation, .. } => Some(installation),
    RepoSource::Git | RepoSource::Local => None,
});

/// Repositories by their place on a forge, for those that are fetched from one.
pub(super) const BY_FORGE: Index<Repository, String> = Index::some("by_forge", |repo| forge_place(&repo.remote));

/// Where on a forge a repository is that is fetched from this URL: `host/owner/name` in lower case, since forges do not tell names apart
/// by case. Only what is fetched through an encrypted connection is known to be what the forge means by the name.
pub(super) fn forge_place(remote: &str) -> Option<String> {
    let rest = remote.split_at_checked("https://".len()).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("https://"))?.1;
    let mut parts = rest.trim_end_matches('/').split('/');
    let (host, owner, name) = (parts.next()?, parts.next()?, parts.next()?);
    let name = name.strip_suffix(".git").unwrap_or(name);
    let is_plain = |part: &str| !part.is_empty() && !part.contains(['@', '?', '#', '%', '\\']);
    if parts.next().is_some() || ![host, owner, name].into_iter().all(is_plain) {
        return None;
    }
    let host = host.strip_suffix(":443").unwrap_or(host);
    Some(format!("{host}/{owner}/{name}").to_lowercase())
}

/// A branch, as the last fetch found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch {
    /// Its repository.
    pub repo: RepoId,
    /// Its name.
    pub name: BranchName,
    /// The commit it points at.
    pub head: CommitSha,
    /// The commit it pointed at before it last moved.
    pub previous: Option<CommitSha>,
    /// When that was seen.
    pub moved_at: Timestamp,
}

impl Record for Branch {
    const TABLE: &'static str = "branches";
    const VERSION: u16 = 1;
    type Key = (RepoId, BranchName);

    fn key(&self) -> (RepoId, BranchName) {
        (self.repo, self.name.clone())
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_HEAD]
    }
}

/// Branches by the commit they point at.
pub(super) const BY_HEAD: Index<Branch, (RepoId, CommitSha, BranchName)> =
    Index::on("by_head", |branch| (branch.repo, branch.head, branch.name.clone()));

/// Who wrote a commit, in the commit's own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// The name.
    pub name: String,
    /// The mail address.
    pub email: String,
}

/// A commit, as it was when it was first seen here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its repository.
    pub repo: RepoId,
    /// Its name.
    pub sha: CommitSha,
    /// Who wrote it.
    pub author: Author,
    /// Who recorded it in git: somebody else where it was merged or applied for its author.
    pub committer: Author,
    /// When it was written.
    pub authored_at: Timestamp,
    /// When it was recorded in git.
    pub committed_at: Timestamp,
    /// Its message.
    pub message: String,
    /// The commits it follows.
    pub parents: Vec<CommitSha>,
    /// When it came here.
    pub registered_at: Timestamp,
    /// Whether a branch of the repository has led to it: somebody who may write there has taken it in, and what runs for it is their own.
    /// It stays so when the branch is gone.
    pub was_on_branch: bool,
}

/// How much of a commit's message is kept in its row.
const MESSAGE_BYTES: usize = 8 << 10;
/// How much of a name or address is kept.
const NAME_BYTES: usize = 200;
/// How many parents are kept; git itself seldom makes more than two.
const PARENTS: usize = 64;

impl Author {
    fn of(who: &Signature) -> Author {
        Author { name: clip(&who.name, NAME_BYTES).into_owned(), email: clip(&who.email, NAME_BYTES).into_owned() }
    }
}

impl Commit {
    /// The row of a commit that git described.
    pub fn new(repo: RepoId, info: &CommitInfo, now: Timestamp) -> Commit {
        Commit {
            repo,
            sha: info.sha,
            author: Author::of(&info.author),
            committer: Author::of(&info.committer),
            authored_at: info.authored_at,
            committed_at: info.committed_at,
            message: clip(&info.message, MESSAGE_BYTES).into_owned(),
            parents: info.parents.iter().take(PARENTS).copied().collect(),
            registered_at: now,
            was_on_branch: false,
        }
    }
}

impl Record for Commit {
    const TABLE: &'static str = "commits";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }
}
