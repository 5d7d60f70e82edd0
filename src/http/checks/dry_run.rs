//! What a manifest would run, over REST: it is read, planned against the tree of a commit, and nothing is run or kept.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::CheckErrorView;
use crate::app::App;
use crate::app::check::{Dry, dry_run};
use crate::base::name::CommitSha;
use crate::base::severity::Severity;
use crate::domain::accounts::{self, Caller, Permission, Resource};
use crate::domain::checks::plan::wanted_secrets;
use crate::domain::repos::manifest::{FailOn, Invalid, IssuesGate, Manifest, ManifestName, parse};
use crate::domain::repos::{self, Repository};
use crate::domain::secrets::{self, Known};
use crate::engine::git::tree::Tree;
use crate::http::error::ApiError;
use crate::http::extract::{self, JsonBody, Params, Permit};

/// A manifest to be tried.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunBody {
    /// The text of the manifest.
    pub manifest: String,
    /// The commit whose files it is planned against; the default branch's head unless said.
    pub sha: Option<String>,
    /// As which file it is read: `.plumbline.yaml` unless said.
    pub file: Option<ManifestName>,
}

/// What a manifest would run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DryRunView {
    /// Whether it can be read.
    pub valid: bool,
    /// What is wrong with it, and where: the first thing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ManifestErrorView>,
    /// The commit whose files were looked at; null where there is none yet.
    pub sha: Option<CommitSha>,
    /// What would run.
    pub checks: Vec<DryCheckView>,
    /// What the gate would ask; null for a manifest that cannot be read.
    pub gate: Option<GateView>,
}

/// What is wrong with a manifest.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ManifestErrorView {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// The path of keys to the value: `checks[1].timeout`.
    pub key: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

/// A check that would run.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DryCheckView {
    /// Its name.
    pub name: String,
    /// What runs it.
    pub plugin: String,
    /// How many files it would look at.
    pub files: u64,
    /// Whether it can run here.
    pub can_run: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CheckErrorView>,
}

/// What the gate would ask of issues.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct GateView {
    /// Which issues fail it.
    pub fail_on: FailOn,
    /// The least severity that does.
    pub min_severity: Severity,
    /// The same in a sentence.
    pub sentence: String,
}

/// `POST /api/v1/repos/{owner}/{name}/manifest/dry-run`.
pub async fn create(
    State(app): State<App>,
    permit: Permit,
    params: Params,
    JsonBody(body): JsonBody<DryRunBody>,
) -> Result<Json<DryRunView>, ApiError> {
    let slug = params.slug()?;
    let caller = permit.caller.clone();
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let sha = match &body.sha {
        Some(named) => Some(extract::commit(&app, &repo, named).await?),
        None => head(&app, &repo).await?,
    };
    Ok(Json(plan(&app, &caller, &repo, sha, body.file.unwrap_or(ManifestName::Plumbline), body.manifest).await?))
}

/// The default branch's head, if there is one.
pub async fn head(app: &App, repo: &Repository) -> Result<Option<CommitSha>, ApiError> {
    let repo = repo.clone();
    app.read(move |tx, _| -> Result<_, ApiError> { Ok(repos::default_branch(tx, &repo)?.map(|branch| branch.head)) }).await
}

/// What a manifest would run at a commit of a repository. Whether there is a secret is told to those who may list them; to others, any
/// that is asked for seems to be there.
pub async fn plan(
    app: &App,
    caller: &Caller,
    repo: &Repository,
    sha: Option<CommitSha>,
    file: ManifestName,
    text: String,
) -> Result<DryRunView, ApiError> {
    let (handle, repo, caller) = (app.clone(), repo.clone(), caller.clone());
    app.blocking(move || -> Result<DryRunView, ApiError> {
        let manifest = match parse(file, text.as_bytes()) {
            Ok(manifest) => manifest,
            Err(invalid) => {
                return Ok(DryRunView { valid: false, error: Some(invalid.into()), sha, checks: Vec::new(), gate: None });
            }
        };
        let tree = sha.map(|sha| handle.mirror(repo.id)?.tree(sha)).transpose()?;
        let files = tree.as_ref().map_or(&[][..], |tree| tree.files());
        let known = handle.read_now(|tx, _| -> Result<Known, ApiError> {
            let wanted = wanted_secrets(Some(&manifest));
            match caller.may(tx, Permission::SecretsList, Resource::Repository(repo.id)) {
                Ok(()) => Ok(secrets::known(tx, repo.id, wanted)?),
                Err(accounts::Error::Refused(_)) => Ok(Known::supposed(wanted)),
                Err(error) => Err(error.into()),
            }
        })?;
        let checks = dry_run(&handle, &repo, Some(&manifest), files, &known).into_iter().map(DryCheckView::from).collect();
        Ok(DryRunView { valid: true, error: None, sha, checks, gate: Some(GateView::of(&manifest)) })
    })
    .await?
}

impl From<Invalid> for ManifestErrorView {
    fn from(invalid: Invalid) -> ManifestErrorView {
        ManifestErrorView { line: invalid.line, column: invalid.column, key: invalid.key, message: invalid.message }
    }
}

impl From<Dry> for DryCheckView {
    fn from(dry: Dry) -> DryCheckView {
        let error = dry.error.map(CheckErrorView::from);
        DryCheckView { name: dry.name, plugin: dry.plugin, files: dry.files, can_run: error.is_none(), error }
    }
}

impl GateView {
    fn of(manifest: &Manifest) -> GateView {
        let IssuesGate { fail_on, min_severity } = manifest.issues;
        let sentence = match fail_on {
            FailOn::None => "Issues are shown and gate nothing.".to_owned(),
            FailOn::New => format!("The gate fails on new issues of severity {min_severity} or above."),
            FailOn::Any => format!("The gate fails on any open issue of severity {min_severity} or above."),
        };
        GateView { fail_on, min_severity, sentence }
    }
}
