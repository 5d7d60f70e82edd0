//! A check: how it ended, how it ran, what it said.

use axum::extract::State;
use axum::response::Response;

use super::{Asked, place, render};
use crate::app::App;
use crate::app::check::{limits, read_manifest};
use crate::base::text;
use crate::domain::checks::plan::plan;
use crate::domain::checks::{self, Check, CheckSet};
use crate::domain::repos::Repository;
use crate::domain::secrets::Known;
use crate::engine::sandbox::{Limit, Limits};
use crate::http::checks::CheckView;
use crate::http::error::ApiError;
use crate::http::extract::Params;
use crate::http::live::said;
use crate::http::repos::{commit_view, repo_and_commit, repo_view};
use crate::ui::check::{CheckPage, LogText};

/// How much of the end of a log a page shows.
const LOG_SHOWN: usize = 256 << 10;

/// `GET /r/{owner}/{name}/commits/{sha}/checks/{check}`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let (id, sha, named) = (repo.id, commit.sha, params.text("check"));
    let (set, check) = app
        .read(move |tx, _| -> Result<(CheckSet, Result<Check, String>), ApiError> {
            let set = checks::find(tx, id, sha)?;
            let check = match checks::find_check(&set, &named) {
                Ok(check) => Ok(check.clone()),
                // One that was asked for again has no checks before it begins.
                Err(checks::Error::CheckNotFound { .. }) if !set.state.is_finished() && set.checks.is_empty() => Err(named),
                Err(error) => return Err(error.into()),
            };
            Ok((set, check))
        })
        .await?;
    let (log, bounds) = match &check {
        Ok(check) => beneath(&app, &repo, &set, check.clone()).await?,
        Err(_) => (LogText::default(), Vec::new()),
    };
    let frame = asked.frame(&app).await?;
    let caller = asked.permit.caller.clone();
    let page = app
        .read(move |tx, now| -> Result<CheckPage, ApiError> {
            let (name, check) = match check {
                Ok(check) => (check.name.clone(), Some(CheckView::of(check, now))),
                Err(name) => (text::clip(&name, 100).into_owned(), None),
            };
            Ok(CheckPage {
                frame,
                place: place(tx, &caller, &repo, None, Some(sha))?,
                commit: commit_view(tx, &commit)?,
                repo: repo_view(tx, &caller, repo)?,
                name,
                check,
                requested_at: set.requested_at,
                is_set_live: !set.state.is_finished(),
                bounds,
                log,
            })
        })
        .await?;
    render(&page)
}

/// What is not in the store's rows: what the check said, and the bounds that the manifest gives it.
async fn beneath(app: &App, repo: &Repository, set: &CheckSet, check: Check) -> Result<(LogText, Vec<(&'static str, String)>), ApiError> {
    let (handle, id, sha, attempt) = (app.clone(), repo.id, set.sha, set.attempt);
    app.blocking(move || -> Result<_, ApiError> {
        let log = LogText::end_of(&said(&handle, attempt, &check)?, LOG_SHOWN);
        if check.execution.is_none() {
            return Ok((log, Vec::new()));
        }
        // A manifest that cannot be read any more gives no other bounds than the usual ones.
        let manifest = handle.mirror(id).and_then(|mirror| mirror.tree(sha)).and_then(|tree| read_manifest(&tree));
        let manifest = manifest.ok().and_then(Result::ok).flatten();
        let planned = plan(manifest.as_ref(), &[], &Known::default()).into_iter().find(|planned| planned.name == check.name);
        let limits = limits(&handle.config, &planned.map(|planned| planned.process).unwrap_or_default());
        Ok((log, bounds(&limits)))
    })
    .await?
}

fn bounds(limits: &Limits) -> Vec<(&'static str, String)> {
    let wall = u64::try_from(limits.wall.as_millis()).unwrap_or(u64::MAX);
    let others = Limit::ALL.iter().map(|limit| (limit.words(), limits.of(*limit)));
    std::iter::once(("time", text::duration(wall))).chain(others).collect()
}
