//! What is to be done: the durable intentions that the queue keeps until they are carried out.
//!
//! Imperative, and ids only: fresh state is read when the work runs, so an item that waited for a day does the right thing. A closed
//! enum, since we own all kinds; carrying one out is one match in `app/runner.rs`. Stored as postcard: variants are only ever appended.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::StatusContext;
use super::id::{AttemptId, DeliveryId, RepoId, UserId};
use super::name::CommitSha;
use crate::words;

/// A durable intention.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Fetch a repository and register what is new.
    SyncRepository {
        /// The repository.
        repo: RepoId,
    },
    /// Run the checks of a commit.
    RunCheckSet {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// The attempt that was asked for; another one has replaced it if the set names another.
        attempt: AttemptId,
    },
    /// End the checks of a commit whose work was given up.
    AbandonCheckSet {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// The attempt that was given up.
        attempt: AttemptId,
    },
    /// Bring the search index up to the issues that have changed.
    IndexIssues,
    /// Remove a deleted repository's rows and files.
    EraseRepository {
        /// The repository.
        repo: RepoId,
    },
    /// Ask for a sync of every repository that is polled.
    PollRepositories,
    /// Forget what is past its time.
    Expire,
    /// Remove what nothing names: blobs, staged rows, mirrors.
    Sweep,
    /// Close the issues that a deleted branch alone had.
    CloseBranch {
        /// The repository.
        repo: RepoId,
        /// The commit the branch pointed at.
        head: CommitSha,
    },
    /// Wrap what is sealed to earlier keys of the vault to the present one, and let go of those that nothing is sealed to any more.
    Rewrap,
    /// Remove a deleted person's rows.
    EraseUser {
        /// The person.
        user: UserId,
    },
    /// Find out what a delivery says, and do what follows from it.
    InterpretDelivery {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Say on GitHub how a commit stands.
    PostStatus {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// Under which name.
        context: StatusContext,
    },
    /// Put on GitHub what was found beside a commit's lines.
    PostReport {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
    },
    /// Ask GitHub for what it could not deliver.
    HealDeliveries,
    /// Take over from GitHub who has which role in a repository.
    MirrorRoles {
        /// The repository.
        repo: RepoId,
    },
    /// Take over from GitHub who is let in, and have the roles in every repository taken over.
    SyncPeople,
    /// Ask GitHub whether somebody is still let in.
    SyncPerson {
        /// The person.
        user: UserId,
    },
    /// Ask GitHub which pull requests of a repository are open.
    ListPulls {
        /// The repository.
        repo: RepoId,
    },
    /// Fetch a pull request's head, find what it is held against, and have it checked.
    FollowPull {
        /// The repository it is to go to.
        repo: RepoId,
        /// Its number there.
        number: u64,
    },
    /// Say beneath a pull request how it stands.
    PostComment {
        /// The repository it is to go to.
        repo: RepoId,
        /// Its number there.
        number: u64,
    },
    /// Add the repositories that a delivery lists.
    AddListed {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Ask GitHub whether somebody may approve what a commit starts, and approve it if so.
    ApproveFor {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// GitHub's number for whoever asks for it.
        by: u64,
    },
}

words! {
    /// Kinds of work that have threads of their own, so that a slow one cannot delay another.
    pub enum Lane: "lane" {
        /// Deliveries that came in.
        Hooks = "hooks",
        /// Fetching.
        Git = "git",
        /// Running checks.
        Checks = "checks",
        /// Telling others.
        Outbound = "outbound",
        /// Indexing, expiry, erasure.
        Upkeep = "upkeep",
        /// Asking others, for which neither a fetch nor a status waits.
        Inquiries = "inquiries",
    }
}

impl Lane {
    /// Whether repositories take turns in it, however much one of them has waiting.
    pub fn takes_turns(self) -> bool {
        self == Lane::Checks
    }
}

impl Work {
    /// Its name in lists and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Work::SyncRepository { .. } => "sync_repository",
            Work::RunCheckSet { .. } => "run_check_set",
            Work::AbandonCheckSet { .. } => "abandon_check_set",
            Work::IndexIssues => "index_issues",
            Work::EraseRepository { .. } => "erase_repository",
            Work::PollRepositories => "poll_repositories",
            Work::Expire => "expire",
            Work::Sweep => "sweep",
            Work::CloseBranch { .. } => "close_branch",
            Work::Rewrap => "rewrap",
            Work::EraseUser { .. } => "erase_user",
            Work::InterpretDelivery { .. } => "interpret_delivery",
            Work::PostStatus { .. } => "post_status",
            Work::PostReport { .. } => "post_report",
            Work::HealDeliveries => "heal_deliveries",
            Work::MirrorRoles { .. } => "mirror_roles",
            Work::SyncPeople => "sync_people",
            Work::SyncPerson { .. } => "sync_person",
            Work::ListPulls { .. } => "list_pulls",
            Work::FollowPull { .. } => "follow_pull",
            Work::PostComment { .. } => "post_comment",
            Work::ApproveFor { .. } => "approve_for",
            Work::AddListed { .. } => "add_listed",
        }
    }

    /// Whose threads carry it out.
    pub fn lane(&self) -> Lane {
        match self {
            Work::SyncRepository { .. } | Work::FollowPull { .. } => Lane::Git,
            Work::MirrorRoles { .. } | Work::SyncPeople | Work::SyncPerson { .. } | Work::ListPulls { .. } | Work::AddListed { .. } => {
                Lane::Inquiries
            }
            Work::InterpretDelivery { .. } => Lane::Hooks,
            Work::RunCheckSet { .. } | Work::AbandonCheckSet { .. } => Lane::Checks,
            Work::IndexIssues
            | Work::EraseRepository { .. }
            | Work::PollRepositories
            | Work::Expire
            | Work::Sweep
            | Work::Rewrap
            | Work::CloseBranch { .. }
            | Work::EraseUser { .. } => Lane::Upkeep,
            Work::PostStatus { .. }
            | Work::PostReport { .. }
            | Work::HealDeliveries
            | Work::PostComment { .. }
            | Work::ApproveFor { .. } => Lane::Outbound,
        }
    }

    /// The repository it is about.
    pub fn repo(&self) -> Option<RepoId> {
        match self {
            Work::SyncRepository { repo }
            | Work::RunCheckSet { repo, .. }
            | Work::AbandonCheckSet { repo, .. }
            | Work::EraseRepository { repo }
            | Work::CloseBranch { repo, .. }
            | Work::PostStatus { repo, .. }
            | Work::PostReport { repo, .. }
            | Work::MirrorRoles { repo }
            | Work::ListPulls { repo }
            | Work::FollowPull { repo, .. }
            | Work::PostComment { repo, .. }
            | Work::ApproveFor { repo, .. } => Some(*repo),
            Work::IndexIssues
            | Work::PollRepositories
            | Work::Expire
            | Work::Sweep
            | Work::Rewrap
            | Work::EraseUser { .. }
            | Work::HealDeliveries
            | Work::InterpretDelivery { .. }
            | Work::SyncPeople
            | Work::AddListed { .. }
            | Work::SyncPerson { .. } => None,
        }
    }

    /// The commit it is about.
    pub fn sha(&self) -> Option<CommitSha> {
        match self {
            Work::RunCheckSet { sha, .. }
            | Work::AbandonCheckSet { sha, .. }
            | Work::PostStatus { sha, .. }
            | Work::PostReport { sha, .. }
            | Work::ApproveFor { sha, .. } => Some(*sha),
            Work::CloseBranch { head, .. } => Some(*head),
            Work::SyncRepository { .. }
            | Work::EraseRepository { .. }
            | Work::IndexIssues
            | Work::PollRepositories
            | Work::Expire
            | Work::Sweep
            | Work::Rewrap
            | Work::EraseUser { .. }
            | Work::HealDeliveries
            | Work::InterpretDelivery { .. }
            | Work::AddListed { .. }
            | Work::MirrorRoles { .. }
            | Work::SyncPeople
            | Work::SyncPerson { .. }
            | Work::ListPulls { .. }
            | Work::FollowPull { .. }
            | Work::PostComment { .. } => None,
        }
    }

    /// How often it is tried before it is given up.
    pub fn attempt_limit(&self) -> u32 {
        match self {
            // A check set that twice took the process with it will do so again.
            Work::RunCheckSet { .. } => 3,
            Work::PollRepositories | Work::Expire | Work::Sweep | Work::HealDeliveries => 2,
            Work::SyncRepository { .. }
            | Work::AbandonCheckSet { .. }
            | Work::IndexIssues
            | Work::Rewrap
            | Work::ListPulls { .. }
            | Work::ApproveFor { .. }
            | Work::AddListed { .. } => 8,
            // It fails by the store, which can be mended, or by a fault of ours, which is shown where the delivery is.
            Work::InterpretDelivery { .. } => 5,
            // Each answer of GitHub's to ask later is one; with the longest waits this is a fortnight.
            Work::PostStatus { .. } | Work::PostReport { .. } | Work::PostComment { .. } => 2_000,
            // Who has left is to be shut out, however long GitHub is away.
            Work::MirrorRoles { .. } | Work::SyncPeople | Work::SyncPerson { .. } => 60,
            // Each look at checks that are under way is one.
            Work::CloseBranch { .. } | Work::FollowPull { .. } => 200,
            // Deletion is a promise.
            Work::EraseRepository { .. } | Work::EraseUser { .. } => 1_000,
        }
    }

    /// The longest that it waits after a failure that may pass, if that is less than the schedule's: somebody has pushed and waits for what
    /// is said of that, and asking is cheap. News of such work has it begin its waits anew.
    pub fn longest_wait(&self) -> Option<Duration> {
        match self {
            Work::PostStatus { .. } | Work::PostReport { .. } | Work::PostComment { .. } => Some(Duration::from_secs(10 * 60)),
            Work::SyncRepository { .. } => Some(Duration::from_secs(2 * 60)),
            _ => None,
        }
    }

    /// How long one attempt may go without a heartbeat before another thread takes over.
    pub fn lease(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// What makes two items one: a push of work whose key waits already changes nothing, and one whose key is being carried out has it
    /// carried out once more.
    pub fn unique_key(&self) -> Option<String> {
        match self {
            Work::SyncRepository { repo } | Work::EraseRepository { repo } => Some(format!("{}:{repo}", self.name())),
            // One per attempt: a later attempt must not be swallowed by an earlier one that is still ending.
            Work::RunCheckSet { attempt, .. } | Work::AbandonCheckSet { attempt, .. } => Some(format!("{}:{attempt}", self.name())),
            Work::PostStatus { repo, sha, context } => Some(format!("{}:{repo}:{sha}:{context}", self.name())),
            Work::ApproveFor { repo, sha, by } => Some(format!("{}:{repo}:{sha}:{by}", self.name())),
            Work::PostReport { repo, sha } => Some(format!("{}:{repo}:{sha}", self.name())),
            Work::CloseBranch { repo, head } => Some(format!("{}:{repo}:{head}", self.name())),
            Work::IndexIssues
            | Work::PollRepositories
            | Work::Expire
            | Work::Sweep
            | Work::Rewrap
            | Work::HealDeliveries
            | Work::SyncPeople => Some(self.name().to_owned()),
            Work::EraseUser { user } | Work::SyncPerson { user } => Some(format!("{}:{user}", self.name())),
            Work::MirrorRoles { repo } | Work::ListPulls { repo } => Some(format!("{}:{repo}", self.name())),
            Work::FollowPull { repo, number } | Work::PostComment { repo, number } => Some(format!("{}:{repo}:{number}", self.name())),
            Work::InterpretDelivery { delivery } | Work::AddListed { delivery } => Some(format!("{}:{delivery}", self.name())),
        }
    }
}
