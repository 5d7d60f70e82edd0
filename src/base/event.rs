//! What has happened, in the past tense: the facts that verbs record beside what they change.
//!
//! A fact carries ids, and the words that choose its consequences; everything else is looked up when the consequence runs. What follows
//! from each fact is one match in `app/reactions.rs`. Stored as postcard: variants are only ever appended.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::id::{AttemptId, DeliveryId, KeyId, LinkId, RepoId, SecretId, TokenId, UserId, WorkId};
use super::name::{BranchName, CommitSha, RepoSlug};
use super::text::clip;
use super::time::Timestamp;
use super::work::Work;
use crate::words;

/// A fact of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A repository was added.
    RepositoryAdded {
        /// The repository.
        repo: RepoId,
    },
    /// Somebody asked to fetch a repository now: a person, or a program in their name.
    SyncRequested {
        /// The repository.
        repo: RepoId,
    },
    /// A repository was deleted: hidden at once, its rows and files go in the background.
    RepositoryDeleted {
        /// The repository.
        repo: RepoId,
        /// What it was called, since its row is gone when somebody reads this.
        slug: RepoSlug,
    },
    /// A fetch found a branch at another commit than before.
    BranchMoved {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
        /// Its new head, registered and present in the mirror.
        head: CommitSha,
    },
    /// A fetch found a branch gone.
    BranchDeleted {
        /// The repository.
        repo: RepoId,
        /// The branch.
        branch: BranchName,
        /// The commit it pointed at.
        head: CommitSha,
    },
    /// The checks of a commit are to run: by a push, or because somebody asked.
    CheckSetRequested {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// The attempt that was opened.
        attempt: AttemptId,
    },
    /// The checks of a commit began.
    CheckSetStarted {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
    },
    /// The checks of a commit ended and their results are in place.
    CheckSetCompleted {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// How the gate stands.
        verdict: Verdict,
    },
    /// A check of a commit began or ended.
    CheckChanged {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
    },
    /// The checks of a commit were canceled.
    CheckSetCanceled {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// The attempt that is to stop.
        attempt: AttemptId,
    },
    /// Issues have changed since the search index was told.
    IssuesChanged,
    /// A person was given an account.
    UserCreated {
        /// The person.
        user: UserId,
    },
    /// A person signed in.
    SignedIn {
        /// The person.
        user: UserId,
        /// By what.
        by: WayIn,
    },
    /// A person signed out.
    SignedOut {
        /// The person.
        user: UserId,
    },
    /// A token was made.
    TokenCreated {
        /// The token.
        token: TokenId,
    },
    /// A token was revoked.
    TokenRevoked {
        /// The token.
        token: TokenId,
    },
    /// Durable work was given up.
    WorkDied {
        /// The item.
        work: WorkId,
        /// What was to be done.
        was: Work,
    },
    /// A recurring piece of upkeep is due.
    Due {
        /// Which.
        upkeep: Upkeep,
    },
    /// A repository is to be looked at: somebody pushed to it, or may have.
    SyncDue {
        /// The repository.
        repo: RepoId,
    },
    /// What is said of a repository was changed.
    RepositoryChanged {
        /// The repository.
        repo: RepoId,
        /// What, and how.
        changes: Vec<Changed>,
    },
    /// The search index, which lacked something, can be asked again.
    IndexRebuilt,
    /// A branch came back to a commit whose checks have ended: its issues are to be told once more how they stand.
    HeadReturned {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// The attempt that has its place.
        attempt: AttemptId,
    },
    /// What could be run of a commit's checks has been; the rest waits for approval.
    CheckSetHeld {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// How the gate stands by what was run.
        verdict: Verdict,
    },
    /// Somebody approved what a commit's manifest starts.
    ManifestApproved {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// What they are called on GitHub, where they did it there and are nobody here.
        by: Option<String>,
    },
    /// A secret was set, or set anew.
    SecretSet {
        /// Whose it is; `None` is the instance's.
        repo: Option<RepoId>,
        /// The secret.
        secret: SecretId,
    },
    /// A secret was removed.
    SecretRemoved {
        /// Whose it was; `None` is the instance's.
        repo: Option<RepoId>,
        /// The secret.
        secret: SecretId,
        /// What it was called, since its row is gone when somebody reads this.
        name: String,
    },
    /// A repository was given a key for SSH, or another one in its place.
    KeyAdded {
        /// The repository.
        repo: RepoId,
        /// The key.
        key: KeyId,
    },
    /// A key for SSH was removed.
    KeyRemoved {
        /// The repository.
        repo: RepoId,
        /// The key.
        key: KeyId,
        /// What it was called.
        name: String,
    },
    /// The vault has another key: what is sealed to earlier ones is to be wrapped anew.
    VaultRotated,
    /// What a person is on the instance was changed, or their access was taken away or given back.
    UserChanged {
        /// The person.
        user: UserId,
        /// What is otherwise than before.
        changes: Vec<Changed>,
    },
    /// A person's account was deleted: they are nobody at once, their rows go in the background.
    UserDeleted {
        /// The person.
        user: UserId,
        /// What they signed in as, since their row is gone when somebody reads this.
        login: String,
    },
    /// By what a person signs in was changed: their password, or the codes beside it.
    SignInChanged {
        /// The person.
        user: UserId,
        /// Which, and what became of it.
        change: SignInChange,
    },
    /// A one-time link was made: to sign in, to set a password, to come for the first time.
    LinkMade {
        /// The link.
        link: LinkId,
    },
    /// A one-time link was called back.
    LinkRevoked {
        /// The link.
        link: LinkId,
    },
    /// Who has which role in a repository was changed.
    MembersChanged {
        /// The repository.
        repo: RepoId,
        /// Whose role, by their login, and what it was and is.
        changes: Vec<Changed>,
    },
    /// A token was given another secret.
    TokenRotated {
        /// The token.
        token: TokenId,
    },
    /// A repository was given another badge key.
    BadgeKeyRotated {
        /// The repository.
        repo: RepoId,
    },
    /// Work that was given up was asked for once more.
    WorkRetried {
        /// The item.
        work: WorkId,
        /// What is to be done.
        was: Work,
    },
    /// Work was taken out of the queue.
    WorkDiscarded {
        /// The item.
        work: WorkId,
        /// What was to be done.
        was: Work,
    },
    /// Settings of the instance were changed.
    SettingsChanged {
        /// Which, and how.
        changes: Vec<Changed>,
    },
    /// A line was entered at the host's console.
    CommandEntered {
        /// The line, without what may be a secret.
        line: String,
    },
    /// How a commit stands is to be said on GitHub, where its repository is.
    StatusDue {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// Whether its checks have ended.
        is_over: bool,
    },
    /// The instance became an App on GitHub.
    GithubAppSet {
        /// GitHub's number for it.
        app: u64,
        /// Its name in addresses.
        slug: String,
    },
    /// Who has which role in a repository on GitHub may be otherwise than before.
    RolesDue {
        /// The repository.
        repo: RepoId,
    },
    /// Somebody may not be among those any more who are let in.
    PersonDue {
        /// The person.
        user: UserId,
    },
    /// Anybody may not be.
    PeopleDue,
    /// Somebody asked for people to be taken over from GitHub now.
    ResyncRequested {
        /// Whom; `None` is everybody.
        user: Option<UserId>,
    },
    /// A delivery came in, and is kept.
    DeliveryReceived {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Somebody had a delivery interpreted once more.
    DeliveryReplayed {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// A repository is hidden, since GitHub does not let us at it any more; it is deleted after a while.
    RepositoryWithdrawn {
        /// The repository.
        repo: RepoId,
        /// What it is called.
        slug: RepoSlug,
        /// Why, in a word.
        why: String,
    },
    /// A repository that was hidden is there again.
    RepositoryReturned {
        /// The repository.
        repo: RepoId,
    },
    /// Something of a pull request is otherwise than before, or what it is held against may be.
    PullChanged {
        /// The repository it is to go to.
        repo: RepoId,
        /// Its number there.
        number: u64,
    },
    /// A pull request was closed, merged or not.
    PullClosed {
        /// The repository it was to go to.
        repo: RepoId,
        /// Its number there.
        number: u64,
        /// The commit it ended at.
        head: CommitSha,
    },
    /// GitHub is to be asked which pull requests of a repository are open.
    PullsDue {
        /// The repository.
        repo: RepoId,
    },
    /// Somebody pressed on GitHub what approves a commit's checks, and whether they may is to be asked there.
    ApprovalAsked {
        /// The repository.
        repo: RepoId,
        /// The commit.
        sha: CommitSha,
        /// GitHub's number for whoever pressed it.
        by: u64,
    },
    /// A repository's turn to be looked at has come; nobody says that there is anything new.
    PollDue {
        /// The repository.
        repo: RepoId,
    },
    /// GitHub lists repositories that the App is let at from now on.
    ReposListed {
        /// The delivery that lists them.
        delivery: DeliveryId,
    },
    /// Beneath a pull request is to be said how it stands.
    CommentDue {
        /// The repository it is to go to.
        repo: RepoId,
        /// Its number there.
        number: u64,
    },
    /// GitHub lets no more be asked for of what it could not deliver, for a while.
    HealingPaused {
        /// For how long.
        wait: Duration,
    },
}

/// A value that somebody changed, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changed {
    /// What it is called.
    pub field: String,
    /// What it was; null if it was not set.
    pub before: Option<String>,
    /// What it is now; null if it is not set any more.
    pub after: Option<String>,
}

impl Changed {
    /// A value that was changed; `None` if it is as it was.
    pub fn of(field: &str, before: Option<impl ToString>, after: Option<impl ToString>) -> Option<Changed> {
        let text = |value: Option<String>| value.map(|value| clip(&value, CHANGED_BYTES).into_owned());
        let (before, after) = (before.map(|value| value.to_string()), after.map(|value| value.to_string()));
        (before != after).then(|| Changed { field: field.to_owned(), before: text(before), after: text(after) })
    }
}

/// How much of a value that was changed is kept.
const CHANGED_BYTES: usize = 200;

impl Event {
    /// Whether the journal keeps it. That a turn of the clock has come is followed like any event and then over: nothing has changed by
    /// it, nobody did it, and with one a minute for each repository the facts between them would be hard to find. A delivery has a row of
    /// its own, which says more; that something is to be said somewhere stands beside what is said.
    pub fn is_kept(&self) -> bool {
        !matches!(
            self,
            Event::Due { .. }
                | Event::SyncDue { .. }
                | Event::PollDue { .. }
                | Event::DeliveryReceived { .. }
                | Event::StatusDue { .. }
                | Event::RolesDue { .. }
                | Event::PersonDue { .. }
                | Event::PeopleDue
                | Event::PullsDue { .. }
                | Event::CommentDue { .. }
                | Event::ReposListed { .. }
                | Event::HealingPaused { .. }
                | Event::ApprovalAsked { .. }
        )
    }
}

words! {
    /// What became of something that a person signs in by.
    pub enum SignInChange: "change of what somebody signs in by" {
        /// A password was set.
        PasswordSet = "password_set",
        /// Codes are asked for beside the password.
        TotpSet = "totp_set",
        /// They are asked for no more.
        TotpRemoved = "totp_removed",
        /// An account on GitHub was linked.
        GithubLinked = "github_linked",
        /// It was taken away again.
        GithubUnlinked = "github_unlinked",
    }
}

words! {
    /// By what somebody signed in.
    pub enum WayIn: "way in" {
        /// A password, and a code where one is asked for.
        Password = "password",
        /// A password and a recovery code, of which there is one less now.
        RecoveryCode = "recovery_code",
        /// A one-time link.
        Link = "link",
        /// GitHub, which said who they are.
        Github = "github",
    }
}

words! {
    /// How the gate stands: GitHub's four words for a commit status.
    pub enum Verdict: "verdict" {
        /// Not known yet.
        Pending = "pending",
        /// It holds.
        Success = "success",
        /// It fails.
        Failure = "failure",
        /// We cannot tell.
        Error = "error",
    }
}

words! {
    /// Under which name something is said of a commit on GitHub.
    pub enum StatusContext: "context of a status" {
        /// How the gate stands.
        Gate = "plumbline",
    }
}

words! {
    /// What recurs by the clock.
    pub enum Upkeep: "upkeep" {
        /// Look for new commits in the repositories.
        Poll = "poll",
        /// Forget what is past its time: sessions, links, old events.
        Expire = "expire",
        /// Remove what nothing names: blobs, staged rows, mirrors.
        Sweep = "sweep",
        /// Ask GitHub for what it could not deliver.
        Heal = "heal",
        /// Take over from GitHub who is let in and who has which role.
        People = "people",
    }
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The appliance itself.
    System,
    /// A person, in a browser or on the host.
    User {
        /// Who.
        user: UserId,
        /// From where, as the request's peer address; `None` on the host itself.
        address: Option<String>,
    },
    /// A program with a token.
    Token {
        /// Which token.
        token: TokenId,
        /// From where.
        address: Option<String>,
    },
    /// Nobody we know.
    Anonymous {
        /// From where.
        address: Option<String>,
    },
    /// Whoever owns the data directory, at the host.
    Host,
    /// A run of a forge's automation.
    Workload {
        /// The repository it ran for, with its host: `github.com/acme/app`.
        repository: String,
        /// The number of the run, and which attempt at it, where it said so.
        run: Option<String>,
        /// From where.
        address: Option<String>,
    },
}

/// A fact with its number, its instant and who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Its place in the journal, without gaps among those that are kept; of what is not kept, the place of the last fact before it.
    pub number: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// The fact.
    pub event: Event,
}
