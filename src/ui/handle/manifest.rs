//! The manifest to be written and tried.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, place, render};
use crate::app::App;
use crate::base::name::{CommitSha, RepoSlug};
use crate::domain::checks::starter::starter;
use crate::domain::repos::Repository;
use crate::domain::repos::manifest::{MAX_BYTES, ManifestName};
use crate::engine::git::tree::Tree;
use crate::http::checks::dry_run::{head, plan};
use crate::http::error::ApiError;
use crate::http::extract::{Form, Params};
use crate::ui::manifest::{ManifestPage, Origin};

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    manifest: String,
    file: String,
}

/// A manifest to be shown.
struct Text {
    text: String,
    file: ManifestName,
    origin: Origin,
}

/// `GET /r/{owner}/{name}/manifest`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    page(&app, &asked, params.slug()?, None).await
}

/// `POST /r/{owner}/{name}/manifest`.
pub async fn check(State(app): State<App>, asked: Asked, params: Params, Form(typed): Form<Typed>) -> Result<Response, ApiError> {
    // A browser ends each line of a form as HTTP does.
    let text = typed.manifest.replace("\r\n", "\n");
    let typed = Text { text, file: typed.file.parse().unwrap_or(ManifestName::Plumbline), origin: Origin::Typed };
    page(&app, &asked, params.slug()?, Some(typed)).await
}

async fn page(app: &App, asked: &Asked, slug: RepoSlug, typed: Option<Text>) -> Result<Response, ApiError> {
    let permit = asked.permit.clone();
    let repo = app.read(move |tx, _| permit.repo(tx, &slug)).await?;
    let sha = head(app, &repo).await?;
    let Text { text, file, origin } = match typed {
        Some(typed) => typed,
        None => begin(app, &repo, sha).await?,
    };
    let outcome = plan(app, &asked.permit.caller, &repo, sha, file, text.clone()).await?;
    let frame = asked.frame(app).await?;
    let caller = asked.permit.caller.clone();
    let place = app.read(move |tx, _| place(tx, &caller, &repo, None, None)).await?;
    render(&ManifestPage { frame, place, text, file, origin, outcome })
}

/// What somebody begins with: the manifest that is there, or one made from what is there.
async fn begin(app: &App, repo: &Repository, sha: Option<CommitSha>) -> Result<Text, ApiError> {
    let (handle, id) = (app.clone(), repo.id);
    let found = app.blocking(move || -> Result<_, ApiError> {
        let Some(tree) = sha.map(|sha| handle.mirror(id)?.tree(sha)).transpose()? else { return Ok((Err(Origin::Starter), Vec::new())) };
        let manifest = ManifestName::ALL.iter().find_map(|name| Some((*name, tree.find(&name.path())?)));
        let read = match manifest {
            Some((name, file)) => match tree.read(file, MAX_BYTES as u64).map(String::from_utf8) {
                Ok(Ok(text)) => Ok(Text { text, file: name, origin: Origin::Committed }),
                Err(error) if error.is_transient() => return Err(error.into()),
                Ok(Err(_)) | Err(_) => Err(Origin::Unreadable),
            },
            None => Err(Origin::Starter),
        };
        Ok((read, tree.files().to_vec()))
    });
    let (read, files) = found.await??;
    let origin = match read {
        Ok(text) => return Ok(text),
        Err(origin) => origin,
    };
    let survey = app.survey().await?;
    let can_run = |name: &str| survey.tools.iter().any(|(tool, seen)| tool.name == name && seen.can_run());
    Ok(Text { text: starter(&files, &|tool| can_run(&tool.name)), file: ManifestName::Plumbline, origin })
}
