//! What follows from what: the one exhaustive match from event to work.
//!
//! A pure function. Whether there is still something to do is decided by the work when it runs. A test prints the whole table as one
//! snapshot: the product's behaviour on a page.

#![warn(clippy::wildcard_enum_match_arm)]

use std::time::Duration;

use crate::base::event::{Event, StatusContext, Upkeep};
use crate::base::time::Timestamp;
use crate::base::work::Work;

/// How long what nobody waits for lets what somebody waits for go first. After that it goes by its age like all else, so that it is never
/// put off for good.
const HEAD_START: Duration = Duration::from_secs(3_600);

/// Work that follows, and when its turn comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followup {
    /// What is to be done.
    pub work: Work,
    /// Which turn it has.
    pub turn: Turn,
}

/// Which turn work has among that of its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// By its age.
    ByAge,
    /// Before what came by the clock: somebody pushed, and waits.
    First,
    /// Not before this long after the event.
    After(Duration),
}

impl Followup {
    /// From when on it is due, for the order in which work is taken.
    pub fn due_at(&self, now: Timestamp) -> Timestamp {
        match self.turn {
            Turn::ByAge => now,
            Turn::First => now - HEAD_START,
            Turn::After(wait) => now + wait,
        }
    }
}

/// How long after a pull request was closed it is looked which of its issues are gone: until then what it was merged into is fetched, and
/// its checks are under way, for which that look waits.
const MERGED: Duration = Duration::from_secs(5 * 60);

fn now(work: Work) -> Vec<Followup> {
    vec![Followup { work, turn: Turn::ByAge }]
}

fn first(work: Work) -> Vec<Followup> {
    vec![Followup { work, turn: Turn::First }]
}

/// What follows from an event.
pub fn follow(event: &Event) -> Vec<Followup> {
    match event {
        Event::RepositoryAdded { repo } | Event::SyncRequested { repo } | Event::SyncDue { repo } => {
            first(Work::SyncRepository { repo: *repo })
        }
        Event::PollDue { repo } => now(Work::SyncRepository { repo: *repo }),
        Event::RepositoryReturned { repo } => [first(Work::SyncRepository { repo: *repo }), now(Work::ListPulls { repo: *repo })].concat(),
        Event::RepositoryDeleted { repo, .. } => now(Work::EraseRepository { repo: *repo }),
        Event::UserDeleted { user, .. } => now(Work::EraseUser { user: *user }),
        Event::DeliveryReceived { delivery } | Event::DeliveryReplayed { delivery } => now(Work::InterpretDelivery { delivery: *delivery }),
        Event::CheckSetRequested { repo, sha, attempt } | Event::HeadReturned { repo, sha, attempt } => {
            now(Work::RunCheckSet { repo: *repo, sha: *sha, attempt: *attempt })
        }
        Event::StatusDue { repo, sha, is_over } => {
            let mut follows = now(Work::PostStatus { repo: *repo, sha: *sha, context: StatusContext::Gate });
            if *is_over {
                follows.extend(now(Work::PostReport { repo: *repo, sha: *sha }));
            }
            follows
        }
        Event::PullsDue { repo } => now(Work::ListPulls { repo: *repo }),
        Event::PullChanged { repo, number } => first(Work::FollowPull { repo: *repo, number: *number }),
        Event::ApprovalAsked { repo, sha, by } => now(Work::ApproveFor { repo: *repo, sha: *sha, by: *by }),
        Event::ReposListed { delivery } => now(Work::AddListed { delivery: *delivery }),
        Event::HealingPaused { wait } => vec![Followup { work: Work::HealDeliveries, turn: Turn::After(*wait) }],
        Event::CommentDue { repo, number } => now(Work::PostComment { repo: *repo, number: *number }),
        Event::BranchDeleted { repo, head, .. } => now(Work::CloseBranch { repo: *repo, head: *head }),
        // That it was merged is told before the merge can be fetched, and what was merged is not gone.
        Event::PullClosed { repo, head, .. } => {
            vec![Followup { work: Work::CloseBranch { repo: *repo, head: *head }, turn: Turn::After(MERGED) }]
        }
        Event::IssuesChanged => now(Work::IndexIssues),
        Event::VaultRotated => now(Work::Rewrap),
        Event::RolesDue { repo } => now(Work::MirrorRoles { repo: *repo }),
        Event::PersonDue { user } | Event::ResyncRequested { user: Some(user) } => now(Work::SyncPerson { user: *user }),
        Event::PeopleDue | Event::ResyncRequested { user: None } => now(Work::SyncPeople),
        Event::WorkDied { was, .. } | Event::WorkDiscarded { was, .. } => given_up(was),
        Event::Due { upkeep } => now(match upkeep {
            Upkeep::Poll => Work::PollRepositories,
            Upkeep::Expire => Work::Expire,
            Upkeep::Sweep => Work::Sweep,
            Upkeep::Heal => Work::HealDeliveries,
            Upkeep::People => Work::SyncPeople,
        }),
        // Facts that pages and the feed tell of, and that nothing follows from.
        Event::RepositoryChanged { .. }
        | Event::IndexRebuilt
        | Event::BranchMoved { .. }
        | Event::CheckSetStarted { .. }
        | Event::CheckChanged { .. }
        | Event::CheckSetCompleted { .. }
        | Event::CheckSetHeld { .. }
        | Event::ManifestApproved { .. }
        | Event::CheckSetCanceled { .. }
        | Event::UserCreated { .. }
        | Event::SignedIn { .. }
        | Event::SignedOut { .. }
        | Event::TokenCreated { .. }
        | Event::TokenRevoked { .. }
        | Event::SecretSet { .. }
        | Event::SecretRemoved { .. }
        | Event::KeyAdded { .. }
        | Event::KeyRemoved { .. }
        | Event::UserChanged { .. }
        | Event::SignInChanged { .. }
        | Event::LinkMade { .. }
        | Event::LinkRevoked { .. }
        | Event::MembersChanged { .. }
        | Event::TokenRotated { .. }
        | Event::BadgeKeyRotated { .. }
        | Event::WorkRetried { .. }
        | Event::SettingsChanged { .. }
        | Event::CommandEntered { .. }
        | Event::GithubAppSet { .. }
        | Event::RepositoryWithdrawn { .. } => Vec::new(),
    }
}

/// What follows when work was given up: whatever waits for it must hear of it.
fn given_up(was: &Work) -> Vec<Followup> {
    match was {
        Work::RunCheckSet { repo, sha, attempt } => now(Work::AbandonCheckSet { repo: *repo, sha: *sha, attempt: *attempt }),
        Work::SyncRepository { .. }
        | Work::AbandonCheckSet { .. }
        | Work::IndexIssues
        | Work::EraseRepository { .. }
        | Work::EraseUser { .. }
        | Work::InterpretDelivery { .. }
        | Work::PollRepositories
        | Work::Expire
        | Work::Sweep
        | Work::Rewrap
        | Work::CloseBranch { .. }
        | Work::PostStatus { .. }
        | Work::PostReport { .. }
        | Work::HealDeliveries
        | Work::MirrorRoles { .. }
        | Work::SyncPeople
        | Work::SyncPerson { .. }
        | Work::ListPulls { .. }
        | Work::FollowPull { .. }
        | Work::PostComment { .. }
        | Work::ApproveFor { .. }
        | Work::AddListed { .. } => Vec::new(),
    }
}
