//! Repositories, branches, commits and their files over REST.

use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{self, Asked, JsonBody, Paging, Params, Permit, Query};
use super::faults::Faults;
use super::page::List;
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha, RepoSlug};
use crate::base::page::{Cursor, Limit, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::{Caller, Permission, Resource};
use crate::domain::checks::{self, CheckState};
use crate::domain::issues;
use crate::domain::repos::{self, Branch, Commit, NewRepository, RepoSource, Repository};
use crate::engine::git::history::Order;
use crate::engine::git::{self, Source};
use crate::engine::store::ReadTx;

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
    pub source: RepoSource,
    /// What it is for, in its owner's words.
    pub description: Option<String>,
    /// Its default branch; null while it has no commit.
    pub default_branch: Option<BranchName>,
    /// Whether only its members may see it.
    pub private: bool,
    /// Whether it is closed to changes.
    pub archived: bool,
    /// Open issues at the default branch's last analysed commit; null before there is one.
    pub issues_open: Option<u64>,
    /// Coverage there, in percent; null where there is none.
    pub coverage_percent: Option<f64>,
    /// How the gate stands there; null before a commit was looked at.
    pub gate: Option<Verdict>,
    /// What went wrong with the last fetch, and what to do; null when it went well.
    pub sync_error: Option<String>,
    /// When it was last fetched.
    pub synced_at: Option<Timestamp>,
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

/// Who wrote a commit.
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

/// Which commits are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct CommitsQuery {
    /// The branch; the default one unless said.
    pub branch: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

/// A repository to be added.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRepoBody {
    /// What to fetch: an http(s) address.
    pub url: Option<String>,
    /// What to fetch: a path on the appliance's host, for administrators, beneath `repos.local_roots`.
    pub path: Option<String>,
    /// What it is called here; made from the address unless said.
    pub name: Option<String>,
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
        issues_open = issues::standing(tx, repo.id, head)?.map(|standing| standing.counts.open);
        gate = checks::look(tx, repo.id, head)?.map(|set| set.verdict);
    }
    Ok(RepoView {
        id: repo.id,
        owner: repo.slug.owner().to_owned(),
        name: repo.slug.name().to_owned(),
        source: repo.source,
        description: repo.description.clone(),
        default_branch: repo.default_branch.clone(),
        private: repo.is_private,
        archived: repo.is_archived,
        issues_open,
        coverage_percent: None,
        gate,
        sync_error: repo.sync_error.clone(),
        synced_at: repo.synced_at,
        can: caller.can(tx, repo.id)?,
    })
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
        author: AuthorView { name: commit.author.name.clone(), email: commit.author.email.clone(), user: None },
        authored_at: commit.authored_at,
        parents: commit.parents.clone(),
        branches: repos::branches_at(tx, repo, sha)?,
        gate: set.as_ref().map(|set| set.verdict),
        issues: counts.map(|counts| IssueCountsView { open: counts.open, new: counts.new, fixed: counts.fixed, ignored: 0 }),
        coverage: None,
        check_set: set.map(|set| set.state),
    })
}

/// A commit's row; one that was never registered is read from the mirror.
pub async fn load_commit(app: &App, repo: &Repository, sha: CommitSha) -> Result<Commit, ApiError> {
    let id = repo.id;
    if let Some(commit) = app.read(move |tx, _| repos::commit(tx, id, sha)).await? {
        return Ok(commit);
    }
    let handle = app.clone();
    let info = app.blocking(move || handle.mirror(id)?.commit(sha)).await?;
    match info {
        Ok(info) => Ok(Commit::new(id, &info, app.clock.now())),
        Err(git::Error::UnknownRevision { .. }) => {
            Err(repos::Error::CommitNotFound { repo: repo.slug.clone(), rev: sha.to_string() }.into())
        }
        Err(error) => Err(error.into()),
    }
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
pub fn visible(
    tx: &ReadTx,
    permit: &Permit,
    q: Option<&str>,
    mut cursor: Option<Cursor>,
    limit: Limit,
) -> Result<Page<RepoView>, ApiError> {
    permit.instance(tx)?;
    let q = q.unwrap_or("").to_lowercase();
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
            return Ok(Page { items, next: cursor });
        }
    }
}

/// `POST /api/v1/repos`.
pub async fn create(
    State(app): State<App>,
    permit: Permit,
    JsonBody(body): JsonBody<NewRepoBody>,
) -> Result<(StatusCode, Json<RepoView>), ApiError> {
    let view = add(&app, permit, body).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Adds a repository that somebody asks for.
pub async fn add(app: &App, permit: Permit, body: NewRepoBody) -> Result<RepoView, ApiError> {
    let mut faults = Faults::default();
    let (field, given) = match (&body.url, &body.path) {
        (Some(url), None) => ("url", url.clone()),
        (None, Some(path)) => ("path", path.clone()),
        _ => {
            faults.note(ApiError::field(Code::InvalidBody, "url", "give either `url` or `path`"));
            ("url", String::new())
        }
    };
    let named = |text: &str| RepoSlug::local(text).map_err(|error| ApiError::field(Code::InvalidBody, "name", error));
    let slug = faults.take(body.name.as_deref().map(named).transpose()).flatten();
    faults.none_or_error()?;
    let source: Source = given.parse().map_err(|error| ApiError::field(Code::SourceRefused, field, error))?;
    let is_path = matches!(source, Source::Path(_));
    // Said before anything of the host's files is: who may not add by path learns nothing of them.
    let asks = permit.clone();
    app.read(move |tx, _| -> Result<(), ApiError> {
        asks.instance(tx)?;
        if is_path {
            asks.caller.may(tx, Permission::RepoCreateLocal, Resource::Instance)?;
        }
        Ok(())
    })
    .await?;
    let (kind, remote) = match &source {
        Source::Path(path) => (RepoSource::Local, local_path(app, path)?.display().to_string()),
        Source::Http(url) => (RepoSource::Git, url.clone()),
    };
    let slug = match slug {
        Some(slug) => slug,
        None => named(&name_of(&remote))?,
    };
    let actor = permit.actor();
    app.write(&actor, move |tx, now| -> Result<RepoView, ApiError> {
        permit.instance(tx)?;
        let owner = permit.caller.user().map(|user| user.id);
        let new = NewRepository { slug: slug.clone(), source: kind, remote: remote.clone(), owner };
        let repo = repos::add(tx, new, now)?;
        repo_view(tx, &permit.caller, repo)
    })
    .await
}

/// What a repository is called after its path or address.
pub fn name_of(remote: &str) -> String {
    let last = remote.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or(remote);
    last.strip_suffix(".git").filter(|name| !name.is_empty()).unwrap_or(last).to_owned()
}

/// A path that may be added: beneath a root that the administrator named, and not in our own data.
fn local_path(app: &App, path: &Path) -> Result<PathBuf, ApiError> {
    let refuse = |why: String| ApiError::field(Code::SourceRefused, "path", why);
    let real = path.canonicalize().map_err(|error| refuse(format!("`{}` cannot be found: {error}", path.display())))?;
    let data = app.config.data_dir.canonicalize().unwrap_or_else(|_| app.config.data_dir.clone());
    if real.starts_with(&data) || data.starts_with(&real) && data != real && real.parent().is_none() {
        return Err(refuse("that is the appliance's own data".to_owned()));
    }
    let roots: Vec<PathBuf> = app.local_roots().into_iter().filter_map(|root| root.canonicalize().ok()).collect();
    if !roots.iter().any(|root| real.starts_with(root)) {
        return Err(refuse(format!(
            "`{}` is not beneath a folder of `repos.local_roots`; add its folder there and start again",
            real.display()
        )));
    }
    Ok(real)
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

/// A branch with its head; `None` in the moment before its head is registered.
fn branch_view(tx: &ReadTx, repo: &Repository, branch: Branch) -> Result<Option<BranchView>, ApiError> {
    let Some(commit) = repos::commit(tx, repo.id, branch.head)? else { return Ok(None) };
    let head = commit_view(tx, &commit)?;
    Ok(Some(BranchView {
        is_default: repo.default_branch.as_ref() == Some(&branch.name),
        issues_open: head.issues.map(|issues| issues.open),
        coverage_percent: None,
        name: branch.name,
        head,
    }))
}

/// `GET /api/v1/repos/{owner}/{name}/branches`.
pub async fn branches(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(paging): Query<Paging>,
) -> Result<List<BranchView>, ApiError> {
    let (slug, Asked { limit, cursor, format }) = (params.slug()?, paging.read()?);
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            branch_views(tx, &repo, cursor.as_ref(), limit)
        })
        .await?;
    List::of(page, format)
}

/// A page of a repository's branches.
pub fn branch_views(tx: &ReadTx, repo: &Repository, cursor: Option<&Cursor>, limit: Limit) -> Result<Page<BranchView>, ApiError> {
    let page = repos::branches(tx, repo.id, cursor, limit)?;
    let mut items = Vec::with_capacity(page.items.len());
    for branch in page.items {
        items.extend(branch_view(tx, repo, branch)?);
    }
    Ok(Page { items, next: page.next })
}

/// `GET /api/v1/repos/{owner}/{name}/branches/{branch}`.
pub async fn branch(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<BranchView>, ApiError> {
    let (slug, named) = (params.slug()?, params.text("branch"));
    let view = app
        .read(move |tx, _| -> Result<BranchView, ApiError> {
            let repo = permit.repo(tx, &slug)?;
            let missing = || ApiError::from(repos::Error::BranchNotFound { repo: repo.slug.clone(), branch: named.clone() });
            let name: BranchName = named.parse().map_err(|_| missing())?;
            let branch = repos::branch(tx, &repo, &name)?;
            branch_view(tx, &repo, branch)?.ok_or_else(missing)
        })
        .await?;
    Ok(Json(view))
}

/// The branch that a query names, or the default one; `None` where there is none yet.
pub async fn branch_of(app: &App, repo: &Repository, named: Option<&str>) -> Result<Option<Branch>, ApiError> {
    let (repo, named) = (repo.clone(), named.filter(|name| !name.is_empty()).map(str::to_owned));
    app.read(move |tx, _| -> Result<_, ApiError> {
        match named {
            None => Ok(repos::default_branch(tx, &repo)?),
            Some(named) => {
                let missing = || repos::Error::BranchNotFound { repo: repo.slug.clone(), branch: named.clone() };
                Ok(Some(repos::branch(tx, &repo, &named.parse().map_err(|_| missing())?)?))
            }
        }
    })
    .await
}

/// `GET /api/v1/repos/{owner}/{name}/commits`.
pub async fn commits(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    Query(query): Query<CommitsQuery>,
) -> Result<List<CommitView>, ApiError> {
    let paging = Paging { limit: query.limit, cursor: query.cursor, format: query.format };
    let (slug, Asked { limit, cursor, format }) = (params.slug()?, paging.read()?);
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let branch = branch_of(&app, &repo, query.branch.as_deref()).await?;
    let page = match branch {
        Some(branch) => log(&app, &repo, branch.head, cursor, limit).await?,
        None => Page { items: Vec::new(), next: None },
    };
    List::of(page, format)
}

/// A page of the commits from `head` on, newest first.
pub async fn log(
    app: &App,
    repo: &Repository,
    head: CommitSha,
    cursor: Option<Cursor>,
    limit: Limit,
) -> Result<Page<CommitView>, ApiError> {
    let after = match cursor {
        Some(cursor) => {
            let bytes: [u8; 20] = cursor.as_bytes().try_into().map_err(|_| crate::base::page::InvalidCursor)?;
            Some(CommitSha::from_bytes(bytes))
        }
        None => None,
    };
    let (handle, id) = (app.clone(), repo.id);
    app.blocking(move || -> Result<Page<CommitView>, ApiError> {
        let mut infos = handle.mirror(id)?.log(head, Order::FirstParent, limit.get() + 1, after)?;
        let has_more = infos.len() > limit.get();
        infos.truncate(limit.get());
        let next = infos.last().filter(|_| has_more).map(|last| Cursor::new(last.sha.as_bytes().to_vec()));
        handle.read_now(|tx, now| {
            let items = infos.iter().map(|info| commit_view(tx, &Commit::new(id, info, now))).collect::<Result<_, _>>()?;
            Ok(Page { items, next })
        })
    })
    .await?
}

/// `GET /api/v1/repos/{owner}/{name}/commits/{sha}`.
pub async fn commit(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<CommitView>, ApiError> {
    let (_, commit) = repo_and_commit(&app, &permit, &params).await?;
    Ok(Json(app.read(move |tx, _| commit_view(tx, &commit)).await?))
}
