//! Repositories over REST: the views of them, of branches and commits; listing, finding, fetching and deleting them.
//!
//! What is read of their history is in [`history`], how one is added in [`create`], and what people say of one in [`settings`].

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use super::extract::{self, Asked, JsonBody, Paging, Params, Permit, Query};
use super::page::List;
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha};
use crate::base::page::{Cursor, Limit, ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::{self, Caller};
use crate::domain::checks::{self, CheckState};
use crate::domain::issues;
use crate::domain::repos::{self, ApprovalFor, Author, Commit, Repository, SourceKind};
use crate::engine::store::ReadTx;

pub mod create;
pub mod history;
pub mod members;
pub mod settings;

pub use history::load_commit;

/// A repository.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RepoView {
    /// Its id.
    pub id: RepoId,
    /// The part of its name before the slash.
    pub owner: String,
    /// The part of its name after the slash.
    pub name: String,
    /// Where it comes from.
    pub source: SourceKind,
    /// What it is for, in its owner's words.
    pub description: Option<String>,
    /// Its default branch; null while it has no commit.
    pub default_branch: Option<BranchName>,
    /// Whether its badges need its badge key. Nothing else of a repository is open to whoever is not signed in, be it private or not.
    pub private: bool,
    /// Whether it is closed to changes.
    pub archived: bool,
    /// Open issues at the default branch's last analysed commit; null before there is one.
    pub issues_open: Option<u64>,
    /// Coverage there, in percent; null where there is none.
    pub coverage_percent: Option<f64>,
    /// How the gate stands there; null before a commit was looked at.
    pub gate: Option<Verdict>,
    /// What went wrong with the last fetch; null when it went well. Administrators read all of it, others what kind of failure it was.
    pub sync_error: Option<String>,
    /// When it was last fetched.
    pub synced_at: Option<Timestamp>,
    /// Whose manifests somebody has to approve before what they start is started.
    pub approval_for: ApprovalFor,
    /// Whether its checks may be given the secrets of the instance.
    pub instance_secrets: bool,
    /// The tools that run where no manifest says what to run, beside those that run so in every repository.
    pub tools: Vec<String>,
    /// What the caller may do with it.
    pub can: Vec<&'static str>,
}

/// A branch and its head.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BranchView {
    /// Its name.
    pub name: BranchName,
    /// The commit it points at.
    pub head: CommitView,
    /// Whether it is the default branch.
    pub is_default: bool,
    /// Open issues at its head; null before it was analysed.
    pub issues_open: Option<u64>,
    /// Coverage at its head, in percent; null where there is none.
    pub coverage_percent: Option<f64>,
}

/// A commit, with what is known of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommitView {
    /// Its full name.
    pub sha: CommitSha,
    /// The first seven digits.
    pub short: String,
    /// The whole message.
    pub message: String,
    /// Who wrote it.
    pub author: AuthorView,
    /// Who recorded it in git.
    pub committer: AuthorView,
    /// When it was written.
    pub authored_at: Timestamp,
    /// The commits it follows.
    pub parents: Vec<CommitSha>,
    /// The branches whose head it is.
    pub branches: Vec<BranchName>,
    /// How the gate stands; null where nothing was ever asked of it.
    pub gate: Option<Verdict>,
    /// How many issues; null before it was analysed.
    pub issues: Option<IssueCountsView>,
    /// Its coverage; null where there is none.
    pub coverage: Option<CoverageView>,
    /// How far its checks are; null where none were asked for.
    pub check_set: Option<CheckState>,
}

/// Who wrote a commit, or recorded it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct AuthorView {
    /// The name in the commit.
    pub name: String,
    /// The address in the commit.
    pub email: String,
    /// The login of the account it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// How many issues a commit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueCountsView {
    /// There and not ignored, the new ones included.
    pub open: u64,
    /// There, and not in the base.
    pub new: u64,
    /// In the base, and not there.
    pub fixed: u64,
    /// There and ignored.
    pub ignored: u64,
}

/// The coverage of a commit in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CoverageView {
    /// Percent of the lines that can be covered.
    pub percent: Option<f64>,
    /// Percent of those the commit added.
    pub patch_percent: Option<f64>,
    /// Lines covered.
    pub covered: u64,
    /// Lines that can be.
    pub total: u64,
}

/// Which repositories are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct ListQuery {
    /// A part of the name.
    pub q: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

/// The confirmation of a deletion.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteBody {
    /// The full name of what is to be deleted.
    pub confirm: String,
}

/// The repository as a caller sees it.
pub fn repo_view(tx: &ReadTx, caller: &Caller, repo: Repository) -> Result<RepoView, ApiError> {
    let head = repos::default_branch(tx, &repo)?.map(|branch| branch.head);
    let (mut issues_open, mut gate) = (None, None);
    if let Some(head) = head {
        issues_open = issues::latest(tx, repo.id, head)?.map(|standing| standing.counts.open);
        gate = checks::look(tx, repo.id, head)?.map(|set| set.verdict);
    }
    Ok(RepoView {
        id: repo.id,
        owner: repo.slug.owner().to_owned(),
        name: repo.slug.name().to_owned(),
        source: repo.source.kind(),
        description: repo.description.clone(),
        default_branch: repo.default_branch.clone(),
        private: repo.is_private,
        archived: repo.is_archived,
        issues_open,
        coverage_percent: None,
        gate,
        sync_error: repo.sync_error.as_ref().map(|error| if caller.is_admin() { error.message.clone() } else { error.public.clone() }),
        synced_at: repo.synced_at,
        approval_for: repo.approval_for,
        instance_secrets: repo.has_instance_secrets,
        tools: repo.tools.clone(),
        can: caller.can(tx, repo.id)?,
    })
}

fn person_view(tx: &ReadTx, person: &Author) -> Result<AuthorView, ApiError> {
    let user = accounts::user_of_email(tx, &person.email)?.map(|user| user.login);
    Ok(AuthorView { name: person.name.clone(), email: person.email.clone(), user })
}

/// What git says of a commit, with what is known of it here.
pub fn commit_view(tx: &ReadTx, commit: &Commit) -> Result<CommitView, ApiError> {
    let (repo, sha) = (commit.repo, commit.sha);
    let set = checks::look(tx, repo, sha)?;
    let counts = issues::standing(tx, repo, sha)?.map(|standing| standing.counts);
    Ok(CommitView {
        sha,
        short: sha.short(),
        message: commit.message.clone(),
        author: person_view(tx, &commit.author)?,
        committer: person_view(tx, &commit.committer)?,
        authored_at: commit.authored_at,
        parents: commit.parents.clone(),
        branches: repos::branches_at(tx, repo, sha)?,
        gate: set.as_ref().map(|set| set.verdict),
        issues: counts.map(|counts| IssueCountsView { open: counts.open, new: counts.new, fixed: counts.fixed, ignored: 0 }),
        coverage: None,
        check_set: set.map(|set| set.state),
    })
}

/// The repository and commit that a path names, if the caller may do with the repository what the route is for.
pub async fn repo_and_commit(app: &App, permit: &Permit, params: &Params) -> Result<(Repository, Commit), ApiError> {
    let (slug, asks) = (params.slug()?, permit.clone());
    let repo = app.read(move |tx, _| asks.repo(tx, &slug)).await?;
    let sha = extract::commit(app, &repo, &params.text("sha")).await?;
    let commit = load_commit(app, &repo, sha).await?;
    Ok((repo, commit))
}

/// `GET /api/v1/repos`.
pub async fn list(State(app): State<App>, permit: Permit, Query(query): Query<ListQuery>) -> Result<List<RepoView>, ApiError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor, format: query.format };
    let Asked { limit, cursor, format } = paging.read()?;
    let page = app.read(move |tx, _| visible(tx, &permit, query.q.as_deref(), cursor, limit)).await?;
    List::of(page, format)
}

/// A page of the repositories that a caller may see.
pub fn visible(tx: &ReadTx, permit: &Permit, q: Option<&str>, cursor: Option<Cursor>, limit: Limit) -> Result<Page<RepoView>, ApiError> {
    permit.instance(tx)?;
    let q = q.unwrap_or("").to_lowercase();
    let list = ListMark::of("repositories").by(&q);
    let mut cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
    let mut items = Vec::new();
    loop {
        // What the caller may not see is skipped, so that a page is full before there is a next one.
        let page = repos::list(tx, cursor.as_ref(), limit)?;
        let (total, mut taken) = (page.items.len(), 0);
        let mut place = None;
        for repo in page.items {
            if items.len() == limit.get() {
                break;
            }
            taken += 1;
            place = Some(repos::place(&repo));
            if permit.caller.role_in(tx, repo.id)?.is_some() && repo.slug.to_string().to_lowercase().contains(&q) {
                items.push(repo_view(tx, &permit.caller, repo)?);
            }
        }
        cursor = if taken < total { place } else { page.next };
        if items.len() == limit.get() || cursor.is_none() {
            return Ok(Page { items, next: cursor }.marked(list));
        }
    }
}

/// `GET /api/v1/repos/{owner}/{name}`.
pub async fn find(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<RepoView>, ApiError> {
    let slug = params.slug()?;
    let view = app
        .read(move |tx, _| {
            let repo = permit.repo(tx, &slug)?;
            repo_view(tx, &permit.caller, repo)
        })
        .await?;
    Ok(Json(view))
}

/// `DELETE /api/v1/repos/{owner}/{name}`.
pub async fn delete(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<DeleteBody>,
) -> Result<StatusCode, ApiError> {
    let slug = params.slug()?;
    let actor = permit.actor();
    app.write(&actor, move |tx, now| -> Result<(), ApiError> {
        permit.repo(tx, &slug)?;
        Ok(repos::delete(tx, &slug, &body.confirm, now)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/v1/repos/{owner}/{name}/sync`.
pub async fn sync(State(app): State<App>, permit: Permit, params: Params) -> Result<(StatusCode, Json<RepoView>), ApiError> {
    let slug = params.slug()?;
    let actor = permit.actor();
    let view = app
        .write(&actor, move |tx, now| -> Result<RepoView, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            repos::request_sync(tx, repo.id, now)?;
            repo_view(tx, &permit.caller, repo)
        })
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}
