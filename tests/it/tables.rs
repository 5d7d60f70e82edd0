//! The lists that are the map, each printed as one snapshot: what follows from what, what can go wrong, what can be asked.

use std::fmt::Write as _;
use std::time::Duration;

use plumbline::app::reactions::Turn;
use plumbline::app::{reactions, runner};
use plumbline::base::event::{Event, SignInChange, StatusContext, Upkeep, Verdict, WayIn};
use plumbline::base::id::{AttemptId, DeliveryId, Id, KeyId, LinkId, RepoId, SecretId, TokenId, UserId, WorkId};
use plumbline::base::name::{CommitSha, RepoSlug};
use plumbline::base::work::Work;
use plumbline::http::code::Code;
use plumbline::http::routes;

fn repo() -> RepoId {
    RepoId::from_u128(1)
}

fn sha() -> CommitSha {
    CommitSha::from_bytes([7; 20])
}

fn attempt() -> AttemptId {
    AttemptId::from_u128(2)
}

/// The variant's name, which is what stands before its fields.
fn name(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// One of each kind of work.
fn works() -> Vec<Work> {
    let (repo, sha, attempt) = (repo(), sha(), attempt());
    vec![
        Work::SyncRepository { repo },
        Work::RunCheckSet { repo, sha, attempt },
        Work::AbandonCheckSet { repo, sha, attempt },
        Work::IndexIssues,
        Work::EraseRepository { repo },
        Work::PollRepositories,
        Work::Expire,
        Work::Sweep,
        Work::CloseBranch { repo, head: sha },
        Work::Rewrap,
        Work::EraseUser { user: UserId::from_u128(3) },
        Work::PostStatus { repo, sha, context: StatusContext::Gate },
        Work::InterpretDelivery { delivery: DeliveryId::from_u128(8) },
        Work::PostReport { repo, sha },
        Work::HealDeliveries,
        Work::MirrorRoles { repo },
        Work::SyncPeople,
        Work::SyncPerson { user: UserId::from_u128(3) },
        Work::ListPulls { repo },
        Work::FollowPull { repo, number: 9 },
        Work::PostComment { repo, number: 9 },
        Work::AddListed { delivery: DeliveryId::from_u128(8) },
        Work::ApproveFor { repo, sha, by: 9 },
    ]
}

/// One of each event, and of each word in one that chooses its consequences.
fn events() -> Vec<Event> {
    let (repo, sha, attempt, user, token) = (repo(), sha(), attempt(), UserId::from_u128(3), TokenId::from_u128(4));
    let (secret, key) = (SecretId::from_u128(6), KeyId::from_u128(7));
    let branch = || "main".parse().unwrap();
    let mut events = vec![
        Event::RepositoryAdded { repo },
        Event::SyncRequested { repo },
        Event::SyncDue { repo },
        Event::PollDue { repo },
        Event::RepositoryChanged { repo, changes: Vec::new() },
        Event::RepositoryDeleted { repo, slug: RepoSlug::local("app").unwrap() },
        Event::BranchMoved { repo, branch: branch(), head: sha },
        Event::BranchDeleted { repo, branch: branch(), head: sha },
        Event::CheckSetRequested { repo, sha, attempt },
        Event::CheckSetStarted { repo, sha },
        Event::CheckSetCompleted { repo, sha, verdict: Verdict::Success },
        Event::CheckChanged { repo, sha },
        Event::CheckSetCanceled { repo, sha, attempt },
        Event::IssuesChanged,
        Event::UserCreated { user },
        Event::SignedIn { user, by: WayIn::Password },
        Event::SignedOut { user },
        Event::TokenCreated { token },
        Event::TokenRevoked { token },
        Event::IndexRebuilt,
        Event::HeadReturned { repo, sha, attempt },
        Event::CheckSetHeld { repo, sha, verdict: Verdict::Pending },
        Event::ManifestApproved { repo, sha, by: None },
        Event::SecretSet { repo: Some(repo), secret },
        Event::SecretRemoved { repo: None, secret, name: String::new() },
        Event::KeyAdded { repo, key },
        Event::KeyRemoved { repo, key, name: String::new() },
        Event::VaultRotated,
        Event::UserChanged { user, changes: Vec::new() },
        Event::UserDeleted { user, login: "ada".to_owned() },
        Event::SignInChanged { user, change: SignInChange::PasswordSet },
        Event::LinkMade { link: LinkId::from_u128(6) },
        Event::LinkRevoked { link: LinkId::from_u128(6) },
        Event::MembersChanged { repo, changes: Vec::new() },
        Event::TokenRotated { token },
        Event::BadgeKeyRotated { repo },
        Event::SettingsChanged { changes: Vec::new() },
        Event::CommandEntered { line: String::new() },
        Event::StatusDue { repo, sha, is_over: true },
        Event::GithubAppSet { app: 7, slug: String::new() },
        Event::RolesDue { repo },
        Event::PersonDue { user },
        Event::PeopleDue,
        Event::ResyncRequested { user: None },
        Event::ResyncRequested { user: Some(user) },
        Event::DeliveryReceived { delivery: DeliveryId::from_u128(8) },
        Event::DeliveryReplayed { delivery: DeliveryId::from_u128(8) },
        Event::RepositoryWithdrawn { repo, slug: RepoSlug::local("app").unwrap(), why: "deleted".to_owned() },
        Event::RepositoryReturned { repo },
        Event::PullChanged { repo, number: 9 },
        Event::PullClosed { repo, number: 9, head: sha },
        Event::PullsDue { repo },
        Event::ReposListed { delivery: DeliveryId::from_u128(8) },
        Event::HealingPaused { wait: Duration::from_secs(60) },
        Event::ApprovalAsked { repo, sha, by: 9 },
        Event::CommentDue { repo, number: 9 },
    ];
    events.extend(works().into_iter().map(|was| Event::WorkDied { work: WorkId::from_u128(5), was }));
    events.extend(works().into_iter().map(|was| Event::WorkRetried { work: WorkId::from_u128(5), was }));
    events.extend(works().into_iter().map(|was| Event::WorkDiscarded { work: WorkId::from_u128(5), was }));
    events.extend(Upkeep::ALL.iter().map(|upkeep| Event::Due { upkeep: *upkeep }));
    // postcard numbers the variants: a new event is missed here until it is listed above.
    let numbers: std::collections::BTreeSet<u8> = events.iter().map(|event| postcard::to_stdvec(event).unwrap()[0]).collect();
    let next = *numbers.last().unwrap() + 1;
    assert_eq!(numbers.len(), usize::from(next), "an event is missing");
    let mut beyond = vec![next];
    beyond.extend([0; 200]);
    assert!(postcard::take_from_bytes::<Event>(&beyond).is_err(), "there is an event that this list does not have");
    events
}

#[test]
fn what_follows_from_what() {
    let mut table = String::new();
    for event in events() {
        let what = match &event {
            Event::WorkDied { was, .. } => format!("WorkDied({})", was.name()),
            Event::WorkDiscarded { was, .. } => format!("WorkDiscarded({})", was.name()),
            Event::WorkRetried { was, .. } => format!("WorkRetried({})", was.name()),
            Event::Due { upkeep } => format!("Due({upkeep})"),
            other => name(other),
        };
        let work: Vec<String> = reactions::follow(&event)
            .iter()
            .map(|next| {
                let turn = match next.turn {
                    Turn::ByAge => String::new(),
                    Turn::First => " first".to_owned(),
                    Turn::After(wait) => format!(" after {} s", wait.as_secs()),
                };
                format!("{}{turn} in {}, at most {} times", next.work.name(), next.work.lane(), next.work.attempt_limit())
            })
            .collect();
        writeln!(table, "{what:34} {}", if work.is_empty() { "-".to_owned() } else { work.join(", ") }).unwrap();
    }
    insta::assert_snapshot!("reactions", table);
}

#[test]
fn what_can_go_wrong() {
    let mut table = String::new();
    for code in Code::ALL {
        writeln!(table, "{:22} {}  {}", code.as_str(), code.status().as_u16(), code.meaning()).unwrap();
    }
    insta::assert_snapshot!("codes", table);
}

#[test]
fn what_can_be_asked() {
    let mut table = String::new();
    for route in routes::table() {
        let public = if route.is_public { "  also public" } else { "" };
        writeln!(table, "{:6} {:66} {}{public}", route.method.as_str(), route.path, route.permission.as_str()).unwrap();
    }
    insta::assert_snapshot!("routes", table);
}

#[test]
fn each_piece_of_work_has_a_key_that_others_do_not_share() {
    let keys: std::collections::BTreeSet<Option<String>> = works().iter().map(Work::unique_key).collect();
    assert_eq!(keys.len(), works().len());
    assert!(!keys.contains(&None));
}

#[test]
fn every_lane_that_work_goes_to_has_somebody_to_do_it() {
    for work in works() {
        assert!(runner::workers(work.lane()) > 0, "nobody does {}", work.name());
    }
}
