//! Deployments over REST.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::code::Code;
use super::error::ApiError;
use super::extract::{Asked, Paging, Permit, Query};
use super::faults::Faults;
use super::page::List;
use crate::app::App;
use crate::base::name::{CommitSha, RepoSlug};
use crate::base::page::{ListMark, Page};
use crate::base::time::Timestamp;
use crate::domain::dora::{self, Deployment, DeploymentSource, DeploymentState};
use crate::domain::repos;

/// A deployment.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DeploymentView {
    /// The repository whose commit it is, as `owner/name`.
    pub repo: RepoSlug,
    /// Who tells of it.
    pub source: DeploymentSource,
    /// What its source calls it.
    pub run: String,
    /// What is run, by its name there.
    pub workflow: String,
    /// Where it goes to; null where its source does not say.
    pub environment: Option<String>,
    /// The branch, tag or commit that was asked for.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The commit.
    pub sha: CommitSha,
    /// Who began it, by their name there; null once their account was deleted.
    pub actor: Option<String>,
    /// How it stands.
    pub state: DeploymentState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; null while it goes on.
    pub finished_at: Option<Timestamp>,
    /// Its page there; null where there is none.
    pub url: Option<String>,
}

/// Which deployments are wanted.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
pub struct DeploymentsQuery {
    /// Of this repository alone, as `owner/name`.
    pub repo: Option<String>,
    /// `github_deployments`, or `github_actions`: runs of workflows, of which not all deploy. All unless said.
    pub source: Option<String>,
    /// `pending`, `success`, `failure` or `canceled`; all unless said.
    pub state: Option<String>,
    /// How many at a time.
    pub limit: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// `json` or `csv`.
    pub format: Option<String>,
}

fn view(slug: &RepoSlug, one: Deployment) -> DeploymentView {
    DeploymentView {
        repo: slug.clone(),
        source: one.source,
        run: one.run,
        workflow: one.workflow,
        environment: one.environment,
        reference: one.reference,
        sha: one.sha,
        actor: one.actor,
        state: one.state,
        started_at: one.started_at,
        finished_at: one.finished_at,
        url: one.url,
    }
}

/// Reads a value that may be left out or empty.
fn word<T: std::str::FromStr<Err: std::fmt::Display>>(field: &'static str, text: Option<&str>) -> Result<Option<T>, ApiError> {
    let read = |text: &str| text.parse().map_err(|error| ApiError::field(Code::InvalidParameter, field, error));
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

/// `GET /api/v1/deployments`.
pub async fn list(State(app): State<App>, permit: Permit, Query(query): Query<DeploymentsQuery>) -> Result<List<DeploymentView>, ApiError> {
    let mut faults = Faults::default();
    let slug = faults.take(word::<RepoSlug>("repo", query.repo.as_deref())).flatten();
    let source = faults.take(word::<DeploymentSource>("source", query.source.as_deref())).flatten();
    let state = faults.take(word::<DeploymentState>("state", query.state.as_deref())).flatten();
    let Asked { limit, cursor, format } = Paging { limit: query.limit, cursor: query.cursor, format: query.format }.read_with(&mut faults);
    faults.none_or_error()?;
    let page = app
        .read(move |tx, _| -> Result<_, ApiError> {
            permit.instance(tx)?;
            let repo = slug.map(|slug| permit.repo(tx, &slug)).transpose()?;
            let of = |words: Option<&'static str>| words.unwrap_or("all");
            let list = ListMark::of("deployments").by(repo.as_ref().map_or("all".to_owned(), |repo| repo.id.to_string()));
            let list = list.by(of(source.map(DeploymentSource::as_str))).by(of(state.map(DeploymentState::as_str)));
            let cursor = cursor.map(|cursor| cursor.unmarked(list)).transpose()?;
            // By repository what it is called, where the caller may see it.
            let mut seen = BTreeMap::new();
            let page = dora::list(tx, repo.map(|repo| repo.id), cursor.as_ref(), limit, |one| -> Result<bool, ApiError> {
                if source.is_some_and(|source| source != one.source) || state.is_some_and(|state| state != one.state) {
                    return Ok(false);
                }
                if let Entry::Vacant(unknown) = seen.entry(one.repo) {
                    // One that is hidden has no name here.
                    unknown.insert(match permit.caller.role_in(tx, one.repo)? {
                        Some(_) => match repos::get(tx, one.repo) {
                            Ok(repo) => Some(repo.slug),
                            Err(repos::Error::NotFound { .. }) => None,
                            Err(error) => return Err(error.into()),
                        },
                        None => None,
                    });
                }
                Ok(seen[&one.repo].is_some())
            })?;
            let items = page.items.into_iter().filter_map(|one| Some(view(seen[&one.repo].as_ref()?, one))).collect();
            Ok(Page { items, next: page.next }.marked(list))
        })
        .await?;
    List::of(page, format)
}
