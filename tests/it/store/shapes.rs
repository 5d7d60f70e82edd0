//! The encoding of every record, frozen: postcard is positional, so a changed struct is another format, and old rows would be misread.
//!
//! A record is one line in [`SAMPLES`]; every record of the schema has one. After raising a `VERSION`, or with a new record, run with `PLUMBLINE_UPDATE_SHAPES=1` once.

use std::path::PathBuf;

use plumbline::app::repeat::{Repeat, Tally};
use plumbline::app::schema::schema;
use plumbline::base::event::{Actor, Changed, Event, Recorded, StatusContext, Upkeep, Verdict};
use plumbline::base::id::{
    AttemptId, CheckId, DeliveryId, Id, IssueId, KeyId, LinkId, RepoId, SecretId, SessionId, TokenId, UserId, WorkId,
};
use plumbline::base::name::{BlobId, CommitSha, RepoSlug, TreePath};
use plumbline::base::time::Timestamp;
use plumbline::base::work::{Lane, Work};
use plumbline::domain::accounts::{
    Browser, Email, Hashed, Identity, InstanceRole, Left, Link, LinkPurpose, Maker, Membership, MembershipSource, PasswordRow, Previous,
    Provider, RepoRole, Roster, Scope as TokenScope, SecondFactor, Session, Source, Token, TokenKind, User,
};
use plumbline::domain::admin::Recurrence;
use plumbline::domain::audit::{Action, ActorKind, Checkpoint, Digest, Entry, Outcome, Subject, SubjectKind, Who};
use plumbline::domain::checks::{
    ApprovedHead, Check, CheckError, CheckSet, CheckState, ErrorCode, Execution, ImagePin, TrustedManifest, WaitsFor,
};
use plumbline::domain::dora::{Deployment, DeploymentSource, DeploymentState, Moment};
use plumbline::domain::github::GithubApp;
use plumbline::domain::github::deliveries::Healing;
use plumbline::domain::hooks::{self, Content, Delivery, DeliveryBody, DeliveryState};
use plumbline::domain::issues::standing::{ChunkRef, Occurrence, SourceVersion};
use plumbline::domain::issues::track::{Fingerprint, Mark};
use plumbline::domain::issues::{
    Chunk, Counts, Issue, IssueState, Kind, Node, Revision, Severity, Sighting, Span, Standing, Turn, TurnKind,
};
use plumbline::domain::pulls::{Asked, Head, Listed, Person, Pull, PullState};
use plumbline::domain::repos::{
    ApprovalFor, AsOf, Author, BadgeKey, Branch, Commit, FormerName, PushedHead, RepoSource, Repository, SyncError, Withdrawal, Withdrawn,
};
use plumbline::domain::secrets::{Kept, KeyState, NamedSecret, Purpose, Scope, SshKey, Use, VaultKey};
use plumbline::domain::settings::{AddRepos, Settings};
use plumbline::domain::statuses::{PostedComment, PostedReport, PostedStatus, Said};
use plumbline::engine::queue::{Lease, Served, WorkItem, WorkState};
use plumbline::engine::store::Record;
use plumbline::engine::store::blob::BlobHash;
use plumbline::engine::store::journal::Journaled;
use plumbline::engine::vault::{Recipient, Sealed};
use serde_json::json;

/// One sample of each record.
const SAMPLES: &[fn() -> Shape] = &[
    || shape(&journaled()),
    || shape(&work_item()),
    || shape(&Served { lane: Lane::Checks, repo: Some(repo()), number: 300 }),
    || shape(&Recurrence { upkeep: Upkeep::Sweep, due_at: at(1) }),
    || shape(&Repeat { request: [1; 32], asked: [2; 32], whose: [6; 32], answer: Some(vec![3, 4]), expires_at: at(5) }),
    || shape(&Tally { whose: [1; 32], requests: 2, bytes: 3 }),
    || shape(&user()),
    || shape(&session()),
    || shape(&link()),
    || shape(&token()),
    || shape(&Membership { repo: repo(), user: UserId::from_u128(2), role: RepoRole::Maintain, source: MembershipSource::Github }),
    || shape(&repository()),
    || shape(&branch()),
    || shape(&commit()),
    || shape(&check_set()),
    || shape(&issue()),
    // Its number is private: what JSON has of it is the number alone.
    || shape(&serde_json::from_value::<Revision>(json!(300)).unwrap()),
    || shape(&standing()),
    || shape(&node()),
    || shape(&Chunk { repo: repo(), id: [3; 16], path: path(), source: "hygiene".to_owned(), occurrences: vec![occurrence()] }),
    || shape(&ImagePin { repo: repo(), reference: "acme/lint:v1".to_owned(), pinned: "acme/lint@sha256:1".to_owned(), pinned_at: at(1) }),
    || shape(&TrustedManifest { repo: repo(), manifest: BlobId::from_bytes([8; 20]), sha: sha(1), at: at(2) }),
    || shape(&ApprovedHead { repo: repo(), sha: sha(1), at: at(2) }),
    || shape(&VaultKey { recipient: Recipient::named("age1x"), state: KeyState::Retiring, known_since: at(1) }),
    || shape(&secret()),
    || shape(&ssh_key()),
    || shape(&PasswordRow::sample(UserId::from_u128(1), at(2))),
    || {
        shape(&SecondFactor {
            user: UserId::from_u128(1),
            sealed: sealed(),
            begun_at: at(4),
            begun_in: Some(SessionId::from_u128(9)),
            confirmed_at: Some(at(5)),
            last_step: 600,
            recovery: vec![Hashed::of("code")],
        })
    },
    || shape(&Browser { secret: Hashed::of("browser"), user: UserId::from_u128(1), signed_in_at: at(2) }),
    || shape(&audit_entry()),
    || shape(&Checkpoint { through: 300, hash: Digest::of(b"hash"), at: at(1), is_sealed: true }),
    || {
        shape(&Settings {
            default_tools: Some(vec!["ruff".to_owned()]),
            poll_interval_s: Some(300),
            events_kept_days: Some(301),
            audit_kept_days: Some(302),
            status_context: Some("acme/health".to_owned()),
            add_repos: Some(AddRepos::Automatically),
            add_repos_of: Some(vec!["acme".to_owned()]),
        })
    },
    || shape(&Kept { purpose: Purpose::GithubWebhookSecret, version: 300, sealed: sealed(), changed_at: at(1) }),
    || {
        shape(&GithubApp {
            app_id: 300,
            slug: "plumbline-acme".to_owned(),
            name: "Plumbline of Acme".to_owned(),
            client_id: "Iv1.0".to_owned(),
            url: "https://git.example".to_owned(),
            api_url: "https://git.example/api/v3".to_owned(),
            page: "https://git.example/apps/plumbline-acme".to_owned(),
            made_at: at(1),
        })
    },
    || {
        shape(&PostedStatus {
            repo: repo(),
            sha: sha(1),
            context: StatusContext::Gate,
            name: "plumbline".to_owned(),
            said: Said { verdict: Verdict::Failure, sentence: "2 new issues".to_owned(), url: "https://p.example/r/a".to_owned() },
            at: at(2),
            refused: Some("no commit found".to_owned()),
        })
    },
    || {
        shape(&PostedReport {
            repo: repo(),
            sha: sha(1),
            attempt: AttemptId::from_u128(3),
            is_held: true,
            at: at(2),
            refused: Some("resource not accessible".to_owned()),
        })
    },
    || {
        shape(&PostedComment {
            repo: repo(),
            number: 300,
            comment: Some(301),
            body: BlobHash::of(b"body"),
            result: BlobHash::of(b"result"),
            at: at(2),
            refused: Some("not found".to_owned()),
        })
    },
    || shape(&pull()),
    || shape(&Listed { repo: repo(), at: at(1) }),
    || {
        shape(&Deployment {
            repo: repo(),
            source: DeploymentSource::GithubActions,
            run: "300".to_owned(),
            workflow: "release".to_owned(),
            environment: Some("production".to_owned()),
            reference: Some("main".to_owned()),
            sha: sha(2),
            actor: Some("ada".to_owned()),
            state: DeploymentState::Failure,
            started_at: at(1),
            finished_at: Some(at(2)),
            url: Some("https://github.example/runs/300".to_owned()),
            as_of: Moment { attempt: 2, at: at(2), step: 300 },
        })
    },
    || shape(&Healing { asked_at: at(1), known_until: Some(at(2)), missed: 300, again: 301, error: Some("no".to_owned()) }),
    || {
        shape(&Identity {
            provider: Provider::Github,
            subject: 300,
            user: UserId::from_u128(1),
            login: "octocat".to_owned(),
            linked_at: at(1),
            seen_at: at(2),
            left: Some(Left { at: at(3), has_closed: true }),
            places: vec!["acme".to_owned()],
        })
    },
    || shape(&Email { address: "ada@acme.example".to_owned(), user: UserId::from_u128(1), verified_at: at(1) }),
    || shape(&Roster { repo: repo(), people: vec![(300, RepoRole::Write)], taken_at: at(1) }),
    || shape(&delivery()),
    || shape(&DeliveryBody { delivery: DeliveryId::from_u128(1), content: Content::Inline(vec![1, 2]) }),
    || shape(&FormerName { slug: RepoSlug::new("acme", "old").unwrap(), repo: repo(), until: at(1) }),
    || shape(&PushedHead { repo: repo(), sha: sha(1), at: at(1), is_refused: true }),
    || shape(&Withdrawn { repo: repository(), why: Withdrawal::AccessRemoved, at: at(1), ends_at: at(2) }),
];

/// A record's name with its version, and the encoding of its sample.
struct Shape {
    name: String,
    hex: String,
}

fn shape<T: Record + PartialEq>(sample: &T) -> Shape {
    let bytes = postcard::to_stdvec(sample).unwrap();
    assert_eq!(&postcard::from_bytes::<T>(&bytes).unwrap(), sample, "a sample reads back");
    Shape { name: format!("{}@{}", T::TABLE, T::VERSION), hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() }
}

/// Every field has a value of its own, every option is there: else two fields could change places unseen.
fn journaled() -> Journaled {
    let actor = Actor::User { user: UserId::from_u128(0x0102), address: Some("192.0.2.7".to_owned()) };
    Journaled(Recorded { number: 300, at: Timestamp::from_millis(1_000), actor, event: Event::SyncDue { repo: repo() } })
}

fn work_item() -> WorkItem {
    WorkItem {
        id: WorkId::from_u128(0x0304),
        work: Work::EraseRepository { repo: RepoId::from_u128(0x0506) },
        lane: Lane::Upkeep,
        state: WorkState::Leased,
        is_again: true,
        has_failed: true,
        attempts: 7,
        due_at: Timestamp::from_millis(2_000),
        unique: Some("key".to_owned()),
        lease: Some(Lease { holder: "boot 1".to_owned(), expires_at: Timestamp::from_millis(3_000), number: 8 }),
        leases: 9,
        again: Some(Timestamp::from_millis(4_000)),
        is_canceled: true,
        last_error: Some("no luck".to_owned()),
        enqueued_at: Timestamp::from_millis(5_000),
    }
}

fn repo() -> RepoId {
    RepoId::from_u128(0x0506)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn sha(byte: u8) -> CommitSha {
    CommitSha::from_bytes([byte; 20])
}

fn path() -> TreePath {
    TreePath::new(b"a/\xff.rs".to_vec())
}

fn span() -> Span {
    Span { line_start: 1, line_end: 2, column_start: Some(3), column_end: Some(4) }
}

fn sealed() -> Sealed {
    Sealed { recipient: Recipient::named("age1x"), wrapped: vec![1, 2], nonce: [3; 12], text: vec![4] }
}

fn secret() -> NamedSecret {
    NamedSecret {
        id: SecretId::from_u128(1),
        scope: Scope::Repository(repo()),
        name: "TOKEN".parse().unwrap(),
        version: 300,
        sealed: sealed(),
        created_at: at(2),
        changed_at: at(3),
        changed_by: Some(UserId::from_u128(4)),
        last_used: Some(Use { at: at(5), repo: repo(), sha: sha(6), check: "house".to_owned() }),
    }
}

fn ssh_key() -> SshKey {
    SshKey {
        id: KeyId::from_u128(1),
        repo: repo(),
        name: "deploy".to_owned(),
        version: 2,
        public: "ssh-ed25519 A".to_owned(),
        fingerprint: "SHA256:x".to_owned(),
        was_made_here: true,
        sealed: sealed(),
        created_at: at(3),
        changed_at: at(4),
        changed_by: Some(UserId::from_u128(5)),
        last_used_at: Some(at(6)),
    }
}

fn user() -> User {
    User {
        id: UserId::from_u128(1),
        login: "ada".to_owned(),
        name: "Ada".to_owned(),
        role: InstanceRole::Admin,
        held_at: Some(at(5)),
        disabled_at: Some(at(2)),
        created_at: at(3),
        last_seen_at: Some(at(4)),
        sources: vec![Source::Local, Source::Github],
        avatar_url: Some("https://github.example/a.png".to_owned()),
    }
}

fn session() -> Session {
    Session {
        id: SessionId::from_u128(1),
        user: UserId::from_u128(2),
        secret: Hashed::of("session"),
        device: "browser".to_owned(),
        address: Some("192.0.2.7".to_owned()),
        created_at: at(3),
        last_seen_at: at(4),
        expires_at: at(5),
    }
}

fn link() -> Link {
    Link {
        id: LinkId::from_u128(1),
        purpose: LinkPurpose::Invitation { role: InstanceRole::Admin, note: "grace".to_owned() },
        secret: Hashed::of("link"),
        made_by: Some(UserId::from_u128(2)),
        created_at: at(3),
        expires_at: at(4),
        spent_at: Some(at(5)),
        revoked_at: Some(at(6)),
    }
}

fn token() -> Token {
    Token {
        id: TokenId::from_u128(1),
        kind: TokenKind::Service,
        name: "ci".to_owned(),
        secret: Hashed::of("token"),
        previous: Some(Previous { secret: Hashed::of("before"), ends_at: at(7) }),
        scopes: vec![TokenScope::RepoRead, TokenScope::Admin],
        user: Some(UserId::from_u128(2)),
        repos: vec![repo()],
        made_by: Maker::Token(TokenId::from_u128(8)),
        created_at: at(3),
        expires_at: Some(at(4)),
        last_used_at: Some(at(5)),
        revoked_at: Some(at(6)),
    }
}

fn pull() -> Pull {
    Pull {
        repo: repo(),
        number: 300,
        title: "A title".to_owned(),
        author: Some(Person { id: 301, login: "ada".to_owned() }),
        state: PullState::Merged,
        is_draft: true,
        base: "main".parse().unwrap(),
        base_sha: sha(1),
        head: Head { branch: "topic".to_owned(), sha: sha(2), repo: Some("eve/app".to_owned()), is_fork: true },
        merge_base: Some(sha(3)),
        created_at: at(1),
        updated_at: at(2),
        closed_at: Some(at(3)),
        merged_at: Some(at(4)),
        as_of: AsOf { changed_at: at(5), pushed_at: Some(at(6)), tie: [7; 16] },
        asked: Some(Asked { head: sha(4), base: "next".parse().unwrap() }),
    }
}

fn repository() -> Repository {
    Repository {
        id: repo(),
        slug: RepoSlug::new("acme", "app").unwrap(),
        source: RepoSource::GitHub { id: 300, installation: 301 },
        remote: "https://example.org/app.git".to_owned(),
        is_trusted: true,
        description: Some("an app".to_owned()),
        default_branch: Some("main".parse().unwrap()),
        is_private: true,
        badge_key: BadgeKey::from_bytes([7; 16]),
        is_archived: false,
        approval_for: ApprovalFor::Branches,
        has_instance_secrets: true,
        tools: vec!["ruff".to_owned()],
        created_at: at(1),
        synced_at: Some(at(2)),
        sync_error: Some(SyncError { public: "gone".to_owned(), message: "`example.org` is gone".to_owned() }),
        has_guessed_default: false,
        skipped: Some(BlobHash::of(b"skipped")),
        as_of: Some(as_of(4)),
        access_as_of: Some(as_of(5)),
    }
}

fn as_of(ms: i64) -> AsOf {
    AsOf { changed_at: at(ms), pushed_at: Some(at(300)), tie: [9; 16] }
}

fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId::from_u128(1),
        source: hooks::Source::Github,
        guid: "guid".to_owned(),
        event: "push".to_owned(),
        action: Some("created".to_owned()),
        repo: Some("acme/app".to_owned()),
        installation: Some(300),
        bytes: 301,
        received_at: at(2),
        state: DeliveryState::Ignored,
        outcome: Some("nothing follows".to_owned()),
        tries: 302,
        interpreted_at: Some(at(3)),
    }
}

fn branch() -> Branch {
    Branch { repo: repo(), name: "main".parse().unwrap(), head: sha(1), previous: Some(sha(2)), moved_at: at(3) }
}

fn commit() -> Commit {
    Commit {
        repo: repo(),
        sha: sha(1),
        author: Author { name: "Ada".to_owned(), email: "ada@example.org".to_owned() },
        committer: Author { name: "Bob".to_owned(), email: "bob@example.org".to_owned() },
        authored_at: at(2),
        committed_at: at(3),
        message: "change".to_owned(),
        parents: vec![sha(4), sha(5)],
        registered_at: at(6),
        was_on_branch: true,
    }
}

fn check_set() -> CheckSet {
    let error = |message: &str| Some(CheckError { code: ErrorCode::Lost, message: message.to_owned() });
    CheckSet {
        repo: repo(),
        sha: sha(1),
        attempt: AttemptId::from_u128(2),
        state: CheckState::Errored,
        requested_at: at(3),
        started_at: Some(at(4)),
        finished_at: Some(at(5)),
        error: error("of the set"),
        checks: vec![Check {
            id: CheckId::from_u128(6),
            name: "style".to_owned(),
            plugin: "hygiene".to_owned(),
            state: CheckState::TimedOut,
            waits_for: Some(WaitsFor::Approval),
            issues: Some(7),
            started_at: Some(at(8)),
            finished_at: Some(at(9)),
            exit_code: Some(-10),
            error: error("of the check"),
            log: Some(BlobHash::of(b"log")),
            execution: Some(Execution {
                command: "ruff check".to_owned(),
                version: Some("1.0".to_owned()),
                tier: "native".to_owned(),
                weaker: vec!["memory".to_owned()],
                exit_code: Some(1),
                wall_ms: 2,
                cpu_ms: 3,
                peak_memory: Some(4),
                read: 5,
                dropped: vec![("what".to_owned(), "why".to_owned())],
                dropped_count: 6,
                kept_from: Some(sha(7)),
            }),
        }],
        verdict: Verdict::Error,
        sentence: "why".to_owned(),
        is_settled: true,
        unapproved: Some(BlobId::from_bytes([8; 20])),
        is_foreign: true,
        goes_to: vec!["main".parse().unwrap()],
    }
}

fn issue() -> Issue {
    let turn = |kind, byte| Turn { kind, seen: Sighting { sha: sha(byte), at: at(byte.into()) }, from: Some(path()) };
    Issue {
        id: IssueId::from_u128(1),
        repo: repo(),
        source: "hygiene".to_owned(),
        rule: "rule".to_owned(),
        kind: Kind::Convention,
        severity: Severity::Critical,
        message: "message".to_owned(),
        path: path(),
        span: Some(span()),
        excerpt: Some("excerpt".to_owned()),
        fingerprint: Fingerprint::from_bytes([2; 16]),
        state: IssueState::Ignored,
        is_new: true,
        was_on_default: true,
        first_seen: Sighting { sha: sha(3), at: at(4) },
        last_seen: Sighting { sha: sha(5), at: at(6) },
        author: Some("Ada".to_owned()),
        turns: vec![turn(TurnKind::FirstSeen, 7), turn(TurnKind::Reopened, 8)],
        revision: 300,
    }
}

fn standing() -> Standing {
    let by_severity = |first| [first, first + 1, first + 2, first + 3, first + 4];
    Standing {
        repo: repo(),
        sha: sha(1),
        tree: [6; 16],
        base: Some(sha(2)),
        sources: vec![SourceVersion { source: "hygiene".to_owned(), version: "1".to_owned() }],
        bits: 3,
        nodes: vec![(4, [5; 16])],
        counts: Counts { open: 6, new: 7, fixed: 8, open_by_severity: by_severity(10), new_by_severity: by_severity(20) },
        at: at(9),
    }
}

fn node() -> Node {
    let chunk = ChunkRef { path: path(), source: "hygiene".to_owned(), of_tree: true, part: 300, chunk: [4; 16], occurrences: 200 };
    Node { repo: repo(), id: [3; 16], chunks: vec![chunk] }
}

fn occurrence() -> Occurrence {
    Occurrence {
        issue: IssueId::from_u128(1),
        fingerprint: Fingerprint::from_bytes([2; 16]),
        rule: "rule".to_owned(),
        kind: Kind::Bug,
        severity: Severity::Major,
        message: "message".to_owned(),
        span: Some(span()),
        excerpt: Some("excerpt".to_owned()),
        conceals: true,
        text: Some(Mark::of(b"text")),
        block: Some(serde_json::from_value(json!([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, null])).unwrap()),
        hint: Some(Mark::of(b"hint")),
    }
}

fn audit_entry() -> Entry {
    let text = |text: &str| Some(text.to_owned());
    Entry {
        number: 300,
        at: at(1),
        actor: Who { kind: ActorKind::Token, id: text("tok_1"), name: text("ci"), user: text("ada"), address: text("192.0.2.7") },
        action: Action::RepositoryChanged,
        subject: Some(Subject { kind: SubjectKind::Repository, id: text("repo_1"), name: text("local/app") }),
        outcome: Outcome::Refused { code: "forbidden".to_owned() },
        changes: vec![Changed { field: "private".to_owned(), before: text("true"), after: text("false") }],
        unrecorded: 301,
        prev: Digest::of(b"prev"),
        hash: Digest::of(b"hash"),
    }
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", "shapes"].iter().collect()
}

#[test]
fn a_record_keeps_its_shape_while_it_keeps_its_version() {
    let is_update = std::env::var_os("PLUMBLINE_UPDATE_SHAPES").is_some();
    let mut changed = Vec::new();
    for Shape { name, hex } in SAMPLES.iter().map(|sample| sample()) {
        let path = folder().join(format!("{name}.hex"));
        if is_update {
            std::fs::write(&path, hex + "\n").unwrap();
            continue;
        }
        match std::fs::read_to_string(&path) {
            Ok(frozen) if frozen.trim() == hex => {}
            Ok(_) => changed.push(format!("shape of `{name}` changed: raise VERSION and add a migration")),
            Err(_) => changed.push(format!("shape of `{name}` is not frozen yet: run once with PLUMBLINE_UPDATE_SHAPES=1")),
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}

#[test]
fn every_record_of_the_schema_is_frozen_and_nothing_else() {
    let sampled: Vec<String> = SAMPLES.iter().map(|sample| sample().name).collect();
    let stored: Vec<String> = schema().tables.iter().map(|table| table.name()).collect();
    assert_eq!(sampled, stored, "a record needs a sample, in the order of the schema");
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let stem = name.strip_suffix(".hex").unwrap_or_default();
        assert!(sampled.iter().any(|known| known == stem), "`{name}` is the shape of no record");
    }
}
