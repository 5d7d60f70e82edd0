//! What DORA's measures are taken of: deployments, whoever tells of them.
//!
//! A [`Deployment`] is named by its repository, its source and what that source calls it. What is told of one comes in pieces, late, twice and
//! in any order; each piece says as of when it was so ([`Moment`]), and the latest holds ([`record()`]).
//!
//! GitHub tells of two kinds. A *deployment* is an object of its own, with statuses that follow each other. A *run of a workflow* may deploy or
//! do anything else; which of them deploy is not known here, so they are kept by a source of their own and told apart by whoever
//! reads them. Runs for a pull request deploy nothing that counts and are not kept.

use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::key::RowKey;
use crate::engine::store::{self, ReadTx, Record, Scan, WriteTx};
use crate::words;

use super::github::payload;

mod record;

pub use record::{Deployment, Moment};

words! {
    /// Who tells of a deployment.
    pub enum DeploymentSource: "source of deployments" {
        /// GitHub, of a deployment that was made there.
        GithubDeployments = "github_deployments",
        /// GitHub, of a run of a workflow, which may deploy or not.
        GithubActions = "github_actions",
    }
}

words! {
    /// How a deployment stands.
    pub enum DeploymentState: "state of a deployment" {
        /// It was asked for, or goes on.
        Pending = "pending",
        /// What was to be deployed is.
        Success = "success",
        /// It is not.
        Failure = "failure",
        /// It was called off, or nothing was to be done.
        Canceled = "canceled",
    }
}

impl DeploymentState {
    /// Whether nothing more is to come.
    pub fn is_over(self) -> bool {
        self != DeploymentState::Pending
    }
}

/// How much is kept of a name.
const NAME_BYTES: usize = 255;
/// The longest address that is kept.
const URL_BYTES: usize = 2_000;
/// About how many deployments are looked at for one page.
const LOOKED_AT: usize = 5_000;

/// What came of what was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It is new, or stands otherwise now.
    Changed,
    /// Something newer is known.
    Older,
}

/// Why something that was told is no deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// Its commit is not the name of one.
    #[error("what it deploys is no commit: {0}")]
    Commit(String),
    /// Its state is one that nobody has told us of.
    #[error("`{0}` is no state of a deployment that is known here")]
    State(String),
    /// It says that another took its place, which says nothing of itself.
    #[error("a later deployment took its place; how it ended stands")]
    Inactive,
    /// It ran for a pull request.
    #[error("it ran for a pull request, and deploys nothing that counts")]
    OfPull,
}

/// Reads what GitHub says of a deployment, or of one and its status; `so_at` says when something was so of which GitHub says
/// this instant, or none.
pub fn of_deployment(
    repo: RepoId,
    said: &payload::Deployment,
    status: Option<&payload::DeploymentStatus>,
    so_at: impl Fn(Option<Timestamp>) -> Timestamp,
) -> Result<Deployment, Untold> {
    let started_at = so_at(said.created_at);
    let (state, as_of) = match status {
        None => (DeploymentState::Pending, Moment { attempt: 1, at: started_at, step: 0 }),
        Some(status) => {
            let state = match status.state.as_str() {
                "pending" | "queued" | "in_progress" | "waiting" => DeploymentState::Pending,
                "success" => DeploymentState::Success,
                "failure" | "error" => DeploymentState::Failure,
                "inactive" => return Err(Untold::Inactive),
                other => return Err(Untold::State(short(other))),
            };
            (state, Moment { attempt: 1, at: so_at(status.created_at), step: status.id })
        }
    };
    let urls = status.map(|status| [&status.log_url, &status.target_url]).into_iter().flatten();
    Ok(Deployment {
        repo,
        source: DeploymentSource::GithubDeployments,
        run: said.id.to_string(),
        workflow: short(&said.task),
        environment: named(said.environment.as_deref()),
        reference: named(said.reference.as_deref()),
        sha: commit(&said.sha)?,
        actor: said.creator.as_ref().map(|creator| short(&creator.login)),
        state,
        started_at,
        finished_at: state.is_over().then_some(as_of.at.max(started_at)),
        url: urls.flatten().find_map(|url| address(url)),
        as_of,
    })
}

/// Reads what GitHub says of a run of a workflow; `so_at` as with [`of_deployment`].
pub fn of_workflow_run(
    repo: RepoId,
    said: &payload::WorkflowRun,
    so_at: impl Fn(Option<Timestamp>) -> Timestamp,
) -> Result<Deployment, Untold> {
    if said.event.starts_with("pull_request") || said.event == "merge_group" {
        return Err(Untold::OfPull);
    }
    let (state, step) = match (said.status.as_str(), said.conclusion.as_deref()) {
        ("completed", Some("success")) => (DeploymentState::Success, 2),
        ("completed", Some("failure" | "timed_out" | "startup_failure")) => (DeploymentState::Failure, 2),
        // It did nothing, or nothing that says whether anything was deployed.
        ("completed", Some("cancelled" | "skipped" | "neutral" | "stale" | "action_required")) => (DeploymentState::Canceled, 2),
        ("in_progress", _) => (DeploymentState::Pending, 1),
        ("queued" | "requested" | "waiting" | "pending", _) => (DeploymentState::Pending, 0),
        (_, Some(conclusion)) => return Err(Untold::State(short(conclusion))),
        (status, None) => return Err(Untold::State(short(status))),
    };
    let started_at = so_at(said.run_started_at.or(said.created_at));
    let as_of = Moment { attempt: said.run_attempt, at: so_at(said.updated_at), step };
    let workflow = named(said.name.as_deref()).or_else(|| named(said.path.as_deref()));
    Ok(Deployment {
        repo,
        source: DeploymentSource::GithubActions,
        run: said.id.to_string(),
        workflow: workflow.unwrap_or_else(|| said.workflow_id.to_string()),
        environment: None,
        reference: named(said.head_branch.as_deref()),
        sha: commit(&said.head_sha)?,
        actor: said.actor.as_ref().map(|actor| short(&actor.login)),
        state,
        started_at,
        finished_at: state.is_over().then_some(as_of.at.max(started_at)),
        url: said.html_url.as_deref().and_then(address),
        as_of,
    })
}

fn short(text: &str) -> String {
    clip(text, NAME_BYTES).into_owned()
}

fn named(text: Option<&str>) -> Option<String> {
    text.filter(|text| !text.is_empty()).map(short)
}

fn commit(text: &str) -> Result<CommitSha, Untold> {
    text.parse::<CommitSha>().map_err(|error| Untold::Commit(error.to_string()))
}

/// An address that a browser may be led to.
fn address(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    (is_web && url.len() <= URL_BYTES && !url.chars().any(char::is_control)).then(|| url.to_owned())
}

/// Takes over what was told of a deployment, unless something newer is known.
pub fn record(tx: &mut WriteTx, told: &Deployment) -> store::Result<Recorded> {
    if tx.get::<Deployment>(&told.key())?.is_some_and(|known| known.as_of >= told.as_of) {
        return Ok(Recorded::Older);
    }
    tx.put(told)?;
    Ok(Recorded::Changed)
}

/// A page of the deployments that are `wanted`, those that began last first: of one repository, or of all. One that looked at a great many in
/// vain ends before it is full, and says where to go on.
pub fn list<E: From<store::Error>>(
    tx: &ReadTx,
    repo: Option<RepoId>,
    after: Option<&Cursor>,
    limit: Limit,
    mut wanted: impl FnMut(&Deployment) -> Result<bool, E>,
) -> Result<Page<Deployment>, E> {
    let all = match repo {
        Some(repo) => record::BY_REPO.prefix(repo),
        None => record::BY_START.all(),
    };
    let all = all.reversed();
    let (mut items, mut next, mut looked) = (Vec::new(), after.cloned(), 0);
    loop {
        let page = tx.page(&all.clone().after(next.as_ref()), limit)?;
        looked += page.items.len();
        let is_last = page.next.is_none();
        let mut rows = page.items.into_iter().peekable();
        while let Some(one) = rows.next() {
            let here = place(&one, repo.is_some());
            if wanted(&one)? {
                items.push(one);
            }
            if items.len() == limit.get() {
                let is_more = !is_last || rows.peek().is_some();
                return Ok(Page { items, next: is_more.then_some(here) });
            }
        }
        next = page.next;
        if next.is_none() || looked >= LOOKED_AT {
            return Ok(Page { items, next });
        }
    }
}

/// Where a deployment stands in [`list`], for a page that ends with it.
fn place(one: &Deployment, is_of_repo: bool) -> Cursor {
    let order = if is_of_repo { (one.repo, one.started_at).to_key() } else { (one.started_at, one.repo).to_key() };
    Cursor::new([order, one.key().to_key()].concat())
}

/// About how many bytes a repository's deployments take, counted up to `cap` rows.
pub fn weigh(tx: &ReadTx, repo: RepoId, cap: usize) -> store::Result<u64> {
    tx.weigh(&Scan::<Deployment>::prefix(repo), cap)
}

/// Erases rows of a deleted repository, at most `limit`; answers how many, 0 once none are left.
pub fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> store::Result<usize> {
    tx.remove_all(&Scan::<Deployment>::prefix(repo), limit)
}

#[cfg(test)]
mod tests;
