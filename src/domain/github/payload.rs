//! What GitHub's deliveries say, as far as it is of use here: typed, tolerant of whatever else they hold.
//!
//! GitHub adds to its payloads as it likes, so fields that are not named here are passed over. Those that are named are what something
//! follows from, and their absence is an error that says where. Nothing here knows what follows.
//!
//! Names stay text: whoever acts on one parses it, and says of one that is not good that it is not.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};

use crate::base::text::clip;
use crate::base::time::Timestamp;

/// The most repositories that one delivery is read to name; GitHub sends a few hundred at most.
pub const REPOSITORIES: usize = 10_000;
/// How much of a complaint about a payload is kept.
const COMPLAINT_BYTES: usize = 300;

/// A payload that is not of the shape that its event has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload is not that of `{event}`: at `{place}`: {why}")]
pub struct Malformed {
    /// What the delivery is about.
    pub event: String,
    /// Where in it.
    pub place: String,
    /// What is wrong.
    pub why: String,
}

/// What every payload may have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Common {
    /// What happened.
    #[serde(default)]
    pub action: Option<String>,
    /// Where.
    #[serde(default)]
    pub repository: Option<Repo>,
    /// Through which installation of the App.
    #[serde(default)]
    pub installation: Option<Installation>,
}

/// A repository, as payloads describe it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repo {
    /// GitHub's number for it.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// Whether it is private.
    #[serde(default)]
    pub private: bool,
    /// Whether it is closed to changes.
    #[serde(default)]
    pub archived: bool,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its default branch.
    #[serde(default)]
    pub default_branch: Option<String>,
    /// When what is said of it was last changed; not there in a short description.
    #[serde(default, deserialize_with = "instant")]
    pub updated_at: Option<Timestamp>,
    /// When somebody last pushed to it.
    #[serde(default, deserialize_with = "instant")]
    pub pushed_at: Option<Timestamp>,
}

/// An installation of the App. Elsewhere than in events of its own it is its number alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Installation {
    /// GitHub's number for it.
    pub id: u64,
    /// Where it is installed.
    #[serde(default)]
    pub account: Option<Account>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "instant")]
    pub updated_at: Option<Timestamp>,
    /// Since when it is suspended.
    #[serde(default, deserialize_with = "instant")]
    pub suspended_at: Option<Timestamp>,
}

/// A person or an organization.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name.
    pub login: String,
}

/// A repository in a list: its number and its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RepoRef {
    /// GitHub's number for it.
    pub id: u64,
    /// `owner/name`.
    #[serde(default)]
    pub full_name: String,
}

/// A push: where a branch or tag was, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Push {
    /// The whole reference, such as `refs/heads/main`.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Where it was; zeros if it was nowhere.
    pub before: String,
    /// Where it is; zeros if it is gone.
    pub after: String,
    /// Whether it is gone.
    #[serde(default)]
    pub deleted: bool,
    /// Whether what was there is no longer in its history.
    #[serde(default)]
    pub forced: bool,
}

/// A branch or tag that came or went.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Reference {
    /// Its name, without what stands before it.
    #[serde(rename = "ref")]
    pub name: String,
    /// `branch` or `tag`.
    pub ref_type: String,
}

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pull {
    /// Its number in its repository.
    pub number: u64,
    /// What it is called.
    #[serde(default)]
    pub title: String,
    /// Who opened it; nobody any more once their account was deleted.
    #[serde(default)]
    pub user: Option<Account>,
    /// `open` or `closed`.
    #[serde(default)]
    pub state: String,
    /// Where it is to go to.
    pub base: PullSide,
    /// Where it comes from.
    pub head: PullSide,
    /// Whether it was merged, where that is said.
    #[serde(default)]
    pub merged: Option<bool>,
    /// Whether it is still being written.
    #[serde(default)]
    pub draft: bool,
    /// When it was opened.
    #[serde(default, deserialize_with = "instant")]
    pub created_at: Option<Timestamp>,
    /// When it was last changed.
    #[serde(default, deserialize_with = "instant")]
    pub updated_at: Option<Timestamp>,
    /// When it was closed.
    #[serde(default, deserialize_with = "instant")]
    pub closed_at: Option<Timestamp>,
    /// When it was merged.
    #[serde(default, deserialize_with = "instant")]
    pub merged_at: Option<Timestamp>,
}

/// One side of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PullSide {
    /// The branch.
    #[serde(rename = "ref")]
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// Whose branch it is; nobody's any more once a fork was deleted.
    #[serde(default)]
    pub repo: Option<RepoRef>,
}

/// A commit that something is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AtCommit {
    /// GitHub's number for it.
    pub id: u64,
    /// The commit.
    pub head_sha: String,
}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// GitHub's number for it.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// The branch, tag or commit that was asked for.
    #[serde(rename = "ref", default)]
    pub reference: Option<String>,
    /// What is to be done; `deploy` unless somebody says otherwise.
    #[serde(default)]
    pub task: String,
    /// Where it goes to.
    #[serde(default)]
    pub environment: Option<String>,
    /// Who asked for it; nobody any more once their account was deleted.
    #[serde(default)]
    pub creator: Option<Account>,
    /// When it was asked for.
    #[serde(default, deserialize_with = "instant")]
    pub created_at: Option<Timestamp>,
}

/// How a deployment goes on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeploymentStatus {
    /// GitHub's number for it: a later one has a greater one.
    pub id: u64,
    /// `pending`, `queued`, `in_progress`, `success`, `failure`, `error` or `inactive`.
    pub state: String,
    /// When it was said.
    #[serde(default, deserialize_with = "instant")]
    pub created_at: Option<Timestamp>,
    /// Where its output can be read.
    #[serde(default)]
    pub log_url: Option<String>,
    /// The older word for the same.
    #[serde(default)]
    pub target_url: Option<String>,
}

/// A run of a workflow of GitHub Actions.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct WorkflowRun {
    /// GitHub's number for it: the same when it is run again.
    pub id: u64,
    /// GitHub's number for the workflow.
    #[serde(default)]
    pub workflow_id: u64,
    /// What the workflow is called.
    #[serde(default)]
    pub name: Option<String>,
    /// Its file.
    #[serde(default)]
    pub path: Option<String>,
    /// The commit.
    pub head_sha: String,
    /// The branch or tag.
    #[serde(default)]
    pub head_branch: Option<String>,
    /// What began it, such as `push`.
    #[serde(default)]
    pub event: String,
    /// `requested`, `queued`, `in_progress` or `completed`, among others.
    #[serde(default)]
    pub status: String,
    /// How it ended, once it did.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// Which time it is run, from one.
    #[serde(default = "first")]
    pub run_attempt: u32,
    /// When it was asked for.
    #[serde(default, deserialize_with = "instant")]
    pub created_at: Option<Timestamp>,
    /// When this attempt began.
    #[serde(default, deserialize_with = "instant")]
    pub run_started_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(default, deserialize_with = "instant")]
    pub updated_at: Option<Timestamp>,
    /// Its page.
    #[serde(default)]
    pub html_url: Option<String>,
    /// Who began it; nobody any more once their account was deleted.
    #[serde(default)]
    pub actor: Option<Account>,
}

fn first() -> u32 {
    1
}

/// A button at a run of checks that somebody pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pressed {
    /// Our name for the button.
    pub identifier: String,
    /// Who pressed it.
    pub by: Account,
}

/// A team.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Team {
    /// GitHub's number for it.
    pub id: u64,
    /// Its name in addresses; not there once it was deleted.
    #[serde(default)]
    pub slug: Option<String>,
}

/// What is particular to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// GitHub tries whether we are there.
    Ping,
    /// A branch or tag moved.
    Push(Push),
    /// A branch or tag came.
    Create(Reference),
    /// A branch or tag went.
    Delete(Reference),
    /// What is said of a repository changed.
    Repository,
    /// The App was installed, removed, suspended; with the repositories it is for, where they are listed.
    Installation(Vec<RepoRef>),
    /// The App was let at repositories, or is no longer.
    InstallationRepositories {
        /// Those it is let at.
        added: Vec<RepoRef>,
        /// Those it is not let at any more.
        removed: Vec<RepoRef>,
    },
    /// Somebody wants checks of a commit to run again, or GitHub tells of them.
    CheckRun(AtCommit, Option<Pressed>),
    /// The same of all checks of a commit.
    CheckSuite(AtCommit),
    /// A pull request changed.
    PullRequest(Pull),
    /// Somebody reviewed one.
    PullRequestReview(Pull),
    /// Somebody came to work on a repository, or went.
    Member(Account),
    /// Somebody came into a team, or went.
    Membership(Account, Team),
    /// A team changed.
    Team(Team),
    /// A team was given a repository.
    TeamAdd(Team),
    /// An organization or its members changed; with whoever came or went.
    Organization(Account, Option<Account>),
    /// A deployment was asked for.
    Deployment(Deployment),
    /// It went on.
    DeploymentStatus(Deployment, DeploymentStatus),
    /// A run of a workflow began or ended.
    WorkflowRun(WorkflowRun),
    /// Somebody took back what they let the App do in their name.
    GithubAppAuthorization(Account),
    /// Nothing that we know.
    Unknown,
}

/// That somebody belongs to an organization; of one who is invited by mail it is not said who that is.
#[derive(Deserialize)]
struct Belonging {
    #[serde(default)]
    user: Option<Account>,
}

/// A button, by our name for it.
#[derive(Deserialize)]
struct Action {
    identifier: String,
}

/// A payload, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// What every payload may have.
    pub common: Common,
    /// What is particular to this one.
    pub kind: Kind,
}

impl Payload {
    /// What happened, or nothing.
    pub fn action(&self) -> &str {
        self.common.action.as_deref().unwrap_or("")
    }
}

/// Whether a body is JSON at all, and an object. Nothing of it is kept.
pub fn is_json_object(body: &[u8]) -> Result<(), String> {
    // What is passed over is not looked at by the reader.
    std::str::from_utf8(body).map_err(|error| error.to_string())?;
    serde_json::from_slice::<IgnoredAny>(body).map_err(|error| clip(&error.to_string(), COMPLAINT_BYTES).into_owned())?;
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => Ok(()),
        _ => Err("it is JSON, and not an object".to_owned()),
    }
}

/// Reads the payload of an event; one of an event that is not known here is read as far as all are the same.
pub fn parse(event: &str, body: &[u8]) -> Result<Payload, Malformed> {
    let common = match read::<Common>(event, body) {
        Ok(common) => common,
        // What is not known here may use the same words otherwise.
        Err(malformed) if is_known(event) => return Err(malformed),
        Err(_) => Common::default(),
    };
    Ok(Payload { common, kind: kind(event, body)? })
}

/// The events that are known here, by GitHub's words.
const KNOWN: &[&str] = &[
    "ping",
    "push",
    "create",
    "delete",
    "repository",
    "public",
    "installation",
    "installation_repositories",
    "check_run",
    "check_suite",
    "pull_request",
    "pull_request_review",
    "member",
    "membership",
    "team",
    "team_add",
    "organization",
    "deployment",
    "deployment_status",
    "workflow_run",
    "github_app_authorization",
];

fn is_known(event: &str) -> bool {
    KNOWN.contains(&event)
}

/// Declares a shape of which one field is of interest.
macro_rules! within {
    ($event:expr, $body:expr, { $($field:ident: $of:ty),+ }) => {{
        #[derive(Deserialize)]
        struct Within {
            $($field: $of),+
        }
        read::<Within>($event, $body)?
    }};
}

fn kind(event: &str, body: &[u8]) -> Result<Kind, Malformed> {
    Ok(match event {
        "ping" => Kind::Ping,
        "push" => Kind::Push(read(event, body)?),
        "create" => Kind::Create(read(event, body)?),
        "delete" => Kind::Delete(read(event, body)?),
        // The one is sent beside the other where a repository is made public.
        "repository" | "public" => {
            let IgnoredAny = within!(event, body, { repository: IgnoredAny }).repository;
            Kind::Repository
        }
        "installation" => Kind::Installation(bounded(listed(event, body)?.repositories)),
        "installation_repositories" => {
            let listed = listed(event, body)?;
            Kind::InstallationRepositories { added: bounded(listed.repositories_added), removed: bounded(listed.repositories_removed) }
        }
        "check_run" => {
            let within = within!(event, body, { check_run: AtCommit, requested_action: Option<Action>, sender: Option<Account> });
            let pressed = |action: Action, by| Pressed { identifier: clip(&action.identifier, COMPLAINT_BYTES).into_owned(), by };
            Kind::CheckRun(within.check_run, within.requested_action.zip(within.sender).map(|(action, by)| pressed(action, by)))
        }
        "check_suite" => Kind::CheckSuite(within!(event, body, { check_suite: AtCommit }).check_suite),
        "pull_request" => Kind::PullRequest(within!(event, body, { pull_request: Pull }).pull_request),
        "pull_request_review" => Kind::PullRequestReview(within!(event, body, { pull_request: Pull }).pull_request),
        "member" => Kind::Member(within!(event, body, { member: Account }).member),
        "membership" => {
            let within = within!(event, body, { member: Account, team: Team });
            Kind::Membership(within.member, within.team)
        }
        "team" => Kind::Team(within!(event, body, { team: Team }).team),
        "team_add" => Kind::TeamAdd(within!(event, body, { team: Team }).team),
        "organization" => {
            let within = within!(event, body, { organization: Account, membership: Option<Belonging> });
            Kind::Organization(within.organization, within.membership.and_then(|membership| membership.user))
        }
        "deployment" => Kind::Deployment(within!(event, body, { deployment: Deployment }).deployment),
        "deployment_status" => {
            let within = within!(event, body, { deployment: Deployment, deployment_status: DeploymentStatus });
            Kind::DeploymentStatus(within.deployment, within.deployment_status)
        }
        "workflow_run" => Kind::WorkflowRun(within!(event, body, { workflow_run: WorkflowRun }).workflow_run),
        "github_app_authorization" => Kind::GithubAppAuthorization(within!(event, body, { sender: Account }).sender),
        _ => Kind::Unknown,
    })
}

/// The repositories that an event of an installation lists.
#[derive(Deserialize)]
struct Listed {
    /// There always, and its number with it.
    #[serde(rename = "installation")]
    _installation: Installation,
    #[serde(default)]
    repositories: Option<Vec<RepoRef>>,
    #[serde(default)]
    repositories_added: Option<Vec<RepoRef>>,
    #[serde(default)]
    repositories_removed: Option<Vec<RepoRef>>,
}

fn listed(event: &str, body: &[u8]) -> Result<Listed, Malformed> {
    read(event, body)
}

fn bounded(repos: Option<Vec<RepoRef>>) -> Vec<RepoRef> {
    let mut repos = repos.unwrap_or_default();
    repos.truncate(REPOSITORIES);
    repos
}

fn read<T: DeserializeOwned>(event: &str, body: &[u8]) -> Result<T, Malformed> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let short = |text: String| clip(&text, COMPLAINT_BYTES).into_owned();
        Malformed { event: short(event.to_owned()), place: short(error.path().to_string()), why: short(error.inner().to_string()) }
    })
}

/// An instant: as text, or in seconds since the epoch, as `push` has it.
fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Seconds(i64),
        Text(String),
    }
    match Option::<Either>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Either::Seconds(seconds)) => Ok(Some(Timestamp::from_seconds(seconds))),
        Some(Either::Text(text)) => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

#[cfg(test)]
mod tests;
