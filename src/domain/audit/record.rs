//! An entry of the trail as it is stored, the words in it, and by what entries are found.

use serde::{Deserialize, Serialize};

use crate::base::event::Changed;
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::{AnyIndex, Index, Record};
use crate::words;

words! {
    /// What was done. The words stand in exports: they are only ever added to, and never change what they mean.
    pub enum Action: "action" {
        /// A person was given an account.
        UserCreated = "user_created",
        /// What a person is on the instance was changed, or their access taken away or given back.
        UserChanged = "user_changed",
        /// A person's account was deleted.
        UserDeleted = "user_deleted",
        /// A password was set.
        PasswordSet = "password_set",
        /// Codes are asked for beside a password.
        TotpSet = "totp_set",
        /// Codes are asked for no more.
        TotpRemoved = "totp_removed",
        /// A one-time link was made: to sign in, to set a password, to come for the first time.
        LinkMade = "link_made",
        /// A one-time link was called back.
        LinkRevoked = "link_revoked",
        /// Somebody signed in.
        SignedIn = "signed_in",
        /// Somebody signed out, or was signed out.
        SignedOut = "signed_out",
        /// A token was made.
        TokenCreated = "token_created",
        /// A token was given another text.
        TokenRotated = "token_rotated",
        /// A token was ended.
        TokenRevoked = "token_revoked",
        /// A repository was added.
        RepositoryAdded = "repository_added",
        /// What is said of a repository was changed.
        RepositoryChanged = "repository_changed",
        /// Who has which role in a repository was changed.
        MembersChanged = "members_changed",
        /// A repository was given another badge key.
        BadgeKeyRotated = "badge_key_rotated",
        /// A repository was deleted.
        RepositoryDeleted = "repository_deleted",
        /// Somebody had a repository fetched.
        SyncRequested = "sync_requested",
        /// Somebody had the checks of a commit run.
        ChecksRequested = "checks_requested",
        /// Somebody canceled the checks of a commit.
        ChecksCanceled = "checks_canceled",
        /// Somebody let run what a commit's manifest starts.
        ManifestApproved = "manifest_approved",
        /// A secret was set.
        SecretSet = "secret_set",
        /// A secret was removed.
        SecretRemoved = "secret_removed",
        /// A repository was given a key for SSH, or another one in its place.
        KeyAdded = "key_added",
        /// A key for SSH was removed.
        KeyRemoved = "key_removed",
        /// The vault was given another key.
        VaultRotated = "vault_rotated",
        /// Work that was given up was asked for once more.
        WorkRetried = "work_retried",
        /// Work was taken out of the queue.
        WorkDiscarded = "work_discarded",
        /// Settings of the instance were changed.
        SettingsChanged = "settings_changed",
        /// A command was entered at the host's console.
        CommandEntered = "command_entered",
        /// What was old enough was let go of the trail.
        TrailShortened = "trail_shortened",
        /// A delivery was interpreted once more.
        DeliveryReplayed = "delivery_replayed",
        /// A repository was hidden, since GitHub does not let the appliance at it any more.
        RepositoryWithdrawn = "repository_withdrawn",
        /// A repository that was hidden came back.
        RepositoryReturned = "repository_returned",
        /// A request was refused.
        Request = "request",
        /// The instance became an App on GitHub.
        GithubAppSet = "github_app_set",
        /// An account on GitHub was linked to a person.
        GithubLinked = "github_linked",
        /// It was taken away again.
        GithubUnlinked = "github_unlinked",
        /// Somebody had people taken over from GitHub.
        ResyncRequested = "resync_requested",
    }
}

words! {
    /// What kind of somebody did it.
    pub enum ActorKind: "kind of actor" {
        /// The appliance itself.
        System = "system",
        /// Whoever owns the data directory, at the host.
        Host = "host",
        /// A person.
        User = "user",
        /// A program with a token.
        Token = "token",
        /// Nobody we know.
        Anonymous = "anonymous",
        /// A run of a forge's automation.
        Workload = "workload",
    }
}

words! {
    /// What kind of thing it was done to.
    pub enum SubjectKind: "kind of subject" {
        /// A person.
        User = "user",
        /// A token.
        Token = "token",
        /// A repository.
        Repository = "repository",
        /// A commit of a repository.
        Commit = "commit",
        /// A one-time link that is for nobody who has an account yet.
        Link = "link",
        /// A secret.
        Secret = "secret",
        /// A key for SSH.
        Key = "key",
        /// A piece of work in the queue.
        Work = "work",
        /// The instance.
        Instance = "instance",
        /// A line that was entered at the console.
        Command = "command",
        /// A route of the server.
        Route = "route",
        /// A delivery that came in.
        Delivery = "delivery",
    }
}

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest([u8; 32]);

impl Digest {
    /// What stands before the first entry.
    pub const ZERO: Digest = Digest([0; 32]);

    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Digest {
        use sha2::Digest as _;
        Digest(sha2::Sha256::digest(bytes).into())
    }

    /// Reads sixty-four hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Digest> {
        let is_good = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let byte = |at: usize| u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok();
        let mut bytes = [0; 32];
        for (at, into) in bytes.iter_mut().enumerate() {
            *into = byte(at).filter(|_| is_good)?;
        }
        Some(Digest(bytes))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// Who did it, in words that hold when they are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// The id of the person or token; of a workload, the number of its run.
    pub id: Option<String>,
    /// The login of the person, or what the token was called, at that time; of a workload, its repository with its host.
    pub name: Option<String>,
    /// The login of the person that the token acts as.
    pub user: Option<String>,
    /// From where.
    pub address: Option<String>,
}

impl Who {
    /// Somebody of whom no more is known than what they are.
    pub fn of(kind: ActorKind) -> Who {
        Who { kind, id: None, name: None, user: None, address: None }
    }

    pub(super) fn clipped(self, max: usize) -> Who {
        let short = |text: Option<String>| text.map(|text| clip(&text, max).into_owned());
        Who { kind: self.kind, id: short(self.id), name: short(self.name), user: short(self.user), address: short(self.address) }
    }
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Its id.
    pub id: Option<String>,
    /// What it was called at that time.
    pub name: Option<String>,
}

impl Subject {
    pub(super) fn clipped(self, max: usize) -> Subject {
        let short = |text: Option<String>| text.map(|text| clip(&text, max).into_owned());
        Subject { kind: self.kind, id: short(self.id), name: short(self.name) }
    }
}

/// Whether it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// It was.
    Done,
    /// It was not, by this code of the API.
    Refused {
        /// The code.
        code: String,
    },
}

/// An entry of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place: from 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Who,
    /// What.
    pub action: Action,
    /// To what.
    pub subject: Option<Subject>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// What was otherwise before.
    pub changes: Vec<Changed>,
    /// How many refusals had no entry since the last one that has.
    pub unrecorded: u64,
    /// The hash of the entry before.
    pub prev: Digest,
    /// The hash of this one.
    pub hash: Digest,
}

impl Record for Entry {
    const TABLE: &'static str = "audit";
    const VERSION: u16 = 1;
    type Key = u64;

    fn key(&self) -> u64 {
        self.number
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_TIME, &BY_ACTION, &BY_NAME]
    }
}

/// Entries by instant.
pub(super) const BY_TIME: Index<Entry, Timestamp> = Index::on("by_time", |entry| entry.at);
/// Entries by what was done.
pub(super) const BY_ACTION: Index<Entry, (u8, Timestamp)> = Index::on("by_action", |entry| (entry.action as u8, entry.at));
/// Entries by every name of whoever did it.
pub(super) const BY_NAME: Index<Entry, (String, Timestamp)> =
    Index::many("by_name", |entry| names(entry).into_iter().map(|name| (name, entry.at)).collect());

/// By what somebody who did it is looked for, in lower case.
pub(super) fn names(entry: &Entry) -> Vec<String> {
    let Who { id, name, user, address, .. } = &entry.actor;
    [id, name, user, address].into_iter().flatten().map(|name| name.to_lowercase()).collect()
}

/// Where the trail begins, once its beginning was let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The number of the last entry that went.
    pub through: u64,
    /// Its hash, which the first entry that is left names as the one before.
    pub hash: Digest,
    /// When it went.
    pub at: Timestamp,
    /// Whether the trail itself says so.
    pub is_sealed: bool,
}

impl Record for Checkpoint {
    const TABLE: &'static str = "audit_checkpoint";
    const VERSION: u16 = 1;
    type Key = ();

    fn key(&self) {}
}
