//! A commit: its verdict, what led to it, its issues.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::{Asked, place, render, see};
use crate::app::App;
use crate::app::check::read_manifest;
use crate::base::id::RepoId;
use crate::base::name::{CommitSha, TreePath};
use crate::domain::checks::builtin::secrets::hidden;
use crate::domain::checks::{self, CheckSet};
use crate::domain::issues::list::AtCommit;
use crate::domain::issues::standing::concealed;
use crate::domain::issues::{self, Veil};
use crate::domain::pulls;
use crate::domain::repos::manifest::ManifestName;
use crate::domain::repos::{self, Repository};
use crate::engine::git::tree::Tree;
use crate::http::checks::{CheckSetView, status_view};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::{Params, Query};
use crate::http::issues::{FacetsView, IssuesView, ListQuery, page};
use crate::http::repos::{commit_view, repo_and_commit, repo_view};
use crate::ui::commit::{Base, CommitPage, IssueFilter, IssueList, Manifest, ManifestFault};
use crate::ui::href;
use crate::ui::issues::IssueRow;
use crate::ui::source::Source;

/// How issues can stand at a commit, each with a list of its own.
const STATES: [&str; 4] = ["new", "open", "fixed", "ignored"];
/// How many issues of each state a page shows.
const SHOWN: &str = "50";
/// How many lines around an issue its excerpt shows.
const AROUND: u32 = 2;
/// The largest file that excerpts are taken from.
const EXCERPT_BYTES: u64 = 1 << 20;
/// How many files excerpts are taken from on one page.
const EXCERPT_FILES: usize = 40;
/// The largest manifest whose line is shown.
const MANIFEST_BYTES: u64 = 1 << 20;

/// What the issues are narrowed by.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub struct Narrowed {
    state: String,
    kind: String,
    severity: String,
    source: String,
    path: String,
    q: String,
    cursor: Option<String>,
    /// Whether somebody comes from a button that had nothing to do any more.
    late: bool,
}

/// The page that a form was sent from.
#[derive(Debug, Default, Deserialize)]
pub struct From {
    /// That of this check; else the commit's.
    check: Option<String>,
}

/// What the page shows of the commit's issues, and of the file that asks for checks.
struct Found {
    set: Option<CheckSet>,
    base: Base,
    manifest: Manifest,
    lists: [IssueList; 4],
    facets: FacetsView,
}

/// `GET /r/{owner}/{name}/commits/{sha}`.
pub async fn show(State(app): State<App>, asked: Asked, params: Params, Query(narrowed): Query<Narrowed>) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let sha = commit.sha;
    let found = find(&app, &repo, sha, &narrowed).await?;
    let frame = asked.frame(&app).await?;
    let handle = app.clone();
    let caller = asked.permit.caller.clone();
    let page = app
        .read(move |tx, now| -> Result<CommitPage, ApiError> {
            let Found { set, base, manifest, lists: [new, open, fixed, ignored], facets } = found;
            Ok(CommitPage {
                frame,
                came_late: narrowed.late,
                place: place(tx, &caller, &repo, None, Some(sha))?,
                commit: commit_view(tx, &commit)?,
                status: set.as_ref().map(|set| status_view(&handle, tx, &repo, set)).transpose()?,
                repo: repo_view(tx, &caller, repo)?,
                fetched_at: Some(commit.registered_at),
                pulls: pulls::of_head(tx, commit.repo, sha)?.into_iter().map(|pull| (pull.number, pull.title)).collect(),
                base,
                set: set.map(|set| CheckSetView::of(set, now)),
                manifest,
                filter: IssueFilter {
                    state: narrowed.state,
                    kind: narrowed.kind,
                    severity: narrowed.severity,
                    source: narrowed.source,
                    path: narrowed.path,
                    q: narrowed.q,
                },
                facets,
                new,
                open,
                fixed,
                ignored,
            })
        })
        .await?;
    render(&page)
}

/// Reads what stands at the commit, once, and its tree, once; all lists are taken from these.
async fn find(app: &App, repo: &Repository, sha: CommitSha, narrowed: &Narrowed) -> Result<Found, ApiError> {
    let mut wanted = Vec::with_capacity(STATES.len());
    for state in STATES {
        let is_shown = narrowed.state.is_empty() || narrowed.state == state;
        wanted.push((is_shown, query(narrowed, state).wanted()?));
    }
    let (handle, repo) = (app.clone(), repo.clone());
    app.blocking(move || -> Result<Found, ApiError> {
        let (mut views, mut facets) = (Vec::new(), FacetsView::new());
        let (set, standing) = handle.read_now(|tx, _| -> Result<_, ApiError> {
            let (set, standing) = (checks::look(tx, repo.id, sha)?, issues::standing(tx, repo.id, sha)?);
            if let Some(standing) = &standing {
                let issues = AtCommit::read(tx, standing)?;
                for (is_shown, wanted) in &wanted {
                    let mut view = page(tx, &repo, &issues, wanted)?;
                    if *is_shown {
                        merge(&mut facets, &view.facets);
                    } else {
                        // Its number stands beside its name all the same.
                        (view.items, view.next) = (Vec::new(), None);
                    }
                    views.push(view);
                }
            }
            Ok((set, standing))
        })?;
        let mirror = handle.mirror(repo.id);
        let tree = |at: CommitSha| mirror.as_ref().ok().and_then(|mirror| mirror.tree(at).ok());
        let here = tree(sha);
        let mut lists = <[IssueList; 4]>::default();
        for ((list, state), view) in lists.iter_mut().zip(STATES).zip(views) {
            // What this commit fixed stands where it was before.
            let before = standing.as_ref().and_then(|standing| standing.base).filter(|_| state == "fixed");
            let mut rows: Vec<IssueRow> = view.items.into_iter().map(|issue| IssueRow::new(issue, Some(before.unwrap_or(sha)))).collect();
            match before.filter(|_| !rows.is_empty()) {
                // Without an excerpt an issue is shown all the same.
                Some(before) => tree(before).iter().for_each(|tree| excerpts(&handle, repo.id, before, tree, &mut rows)),
                None if before.is_none() => here.iter().for_each(|tree| excerpts(&handle, repo.id, sha, tree, &mut rows)),
                None => {}
            }
            *list = IssueList { rows, total: view.total, next: view.next };
        }
        let base = match &standing {
            None => Base::Unknown,
            Some(standing) => standing.base.map_or(Base::Baseline, Base::Commit),
        };
        Ok(Found { set, base, manifest: here.map_or(Manifest::Unread, |tree| manifest(&tree)), lists, facets })
    })
    .await?
}

/// Adds the counts of another state.
fn merge(facets: &mut FacetsView, others: &FacetsView) {
    for (facet, words) in others {
        let known = facets.entry(facet.clone()).or_default();
        for (word, count) in words {
            *known.entry(word.clone()).or_default() += count;
        }
    }
}

fn query(narrowed: &Narrowed, state: &str) -> ListQuery {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    ListQuery {
        // The page shows new ones apart, so that what it calls open was there before.
        state: Some(if state == "open" { "known".to_owned() } else { state.to_owned() }),
        kind: some(&narrowed.kind),
        severity: some(&narrowed.severity),
        source: some(&narrowed.source),
        path: some(&narrowed.path),
        q: some(&narrowed.q),
        sort: Some("path".to_owned()),
        limit: Some(SHOWN.to_owned()),
        cursor: if narrowed.state == state { narrowed.cursor.clone() } else { None },
        format: None,
    }
}

/// A page of issues with their excerpts, read from the tree of the commit at which they stand.
pub(super) async fn rows(app: &App, repo: &Repository, at: CommitSha, view: IssuesView) -> Result<IssueList, ApiError> {
    let (handle, id) = (app.clone(), repo.id);
    app.blocking(move || {
        let mut rows: Vec<IssueRow> = view.items.into_iter().map(|issue| IssueRow::new(issue, Some(at))).collect();
        // Without an excerpt an issue is shown all the same.
        let tree = if rows.is_empty() { None } else { handle.mirror(id).ok().and_then(|mirror| mirror.tree(at).ok()) };
        tree.iter().for_each(|tree| excerpts(&handle, id, at, tree, &mut rows));
        Ok(IssueList { rows, total: view.total, next: view.next })
    })
    .await?
}

/// Adds the lines around each issue that stands in the tree of a commit, without what is concealed there. Where nobody knows what that
/// is, there are none.
pub(super) fn excerpts(app: &App, repo: RepoId, at: CommitSha, tree: &dyn Tree, rows: &mut [IssueRow]) {
    let paths: BTreeSet<TreePath> = rows.iter().map(|row| row.issue.path.clone()).collect();
    let concealed = app.read_now(|tx, _| -> issues::Result<_> {
        let Some(standing) = issues::standing(tx, repo, at)? else { return Ok(None) };
        Ok(Some(concealed(tx, &standing, &paths)?))
    });
    let Ok(Some(concealed)) = concealed else { return };
    let mut read = 0;
    for group in rows.chunk_by_mut(|a, b| a.issue.path == b.issue.path) {
        if read == EXCERPT_FILES {
            break;
        }
        let Some(file) = tree.find(&group[0].issue.path) else { continue };
        let Ok(content) = tree.read(file, EXCERPT_BYTES) else { continue };
        let Some(text) = crate::ui::source::text(&content) else { continue };
        read += 1;
        let path = &group[0].issue.path;
        let mut veil = Veil::over(hidden(path, &content).into_iter().map(|hidden| hidden.span));
        veil.extend(concealed.get(path).into_iter().flatten().copied());
        let source = Source::concealed(&text, &veil);
        for row in group {
            row.excerpt = row.issue.line_start.and_then(|start| source.excerpt(start, row.issue.line_end.unwrap_or(start), AROUND));
        }
    }
}

/// What the manifest of a tree is like.
fn manifest(tree: &dyn Tree) -> Manifest {
    let Some(name) = ManifestName::ALL.iter().find(|name| tree.find(&name.path()).is_some()) else { return Manifest::Missing };
    let message = match read_manifest(tree) {
        Ok(Ok(_)) => return Manifest::Found(name.to_string()),
        Ok(Err(message)) => message,
        Err(_) => return Manifest::Unread,
    };
    let content = tree.find(&name.path()).and_then(|file| tree.read(file, MANIFEST_BYTES).ok()).unwrap_or_default();
    let place = repos::manifest::parse(*name, &content).err();
    let line = place.as_ref().map(|invalid| invalid.line);
    let veil = Veil::over(hidden(&name.path(), &content).into_iter().map(|hidden| hidden.span));
    let text = line.and_then(|line| {
        let text = String::from_utf8_lossy(&content);
        let text = veil.line(line, text.lines().nth((line as usize).saturating_sub(1))?.as_bytes())?;
        Some(crate::base::text::clip(&String::from_utf8_lossy(&text.text), 300).into_owned())
    });
    Manifest::Invalid(ManifestFault { path: name.path(), message, line, column: place.map(|invalid| invalid.column), text })
}

/// `POST …/checks`.
pub async fn run(State(app): State<App>, asked: Asked, params: Params, Query(from): Query<From>) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let to = match &from.check {
        Some(check) => href::check(&repo.slug, &commit.sha, check),
        None => href::commit(&repo.slug, &commit.sha),
    };
    let permit = asked.permit.clone();
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.same_repo(tx, &repo)?;
        repos::register(tx, &commit)?;
        checks::request(tx, repo.id, commit.sha, now)?;
        Ok(())
    })
    .await?;
    see(&to)
}

/// `POST …/checks/approve`.
pub async fn approve(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let to = href::commit(&repo.slug, &commit.sha);
    let permit = asked.permit.clone();
    let approved = app
        .write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
            permit.same_repo(tx, &repo)?;
            checks::approve(tx, repo.id, commit.sha, None, now)?;
            Ok(())
        })
        .await;
    match approved {
        // Somebody else was quicker, or the pull request went on: the commit's page shows how it stands.
        Err(error) if error.code == Code::NotWaiting => see(&href::with(&to, "late", "true")),
        other => other.and_then(|()| see(&to)),
    }
}

/// `POST …/checks/cancel`.
pub async fn cancel(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let to = href::commit(&repo.slug, &commit.sha);
    let permit = asked.permit.clone();
    app.write(&asked.permit.actor(), move |tx, now| -> Result<(), ApiError> {
        permit.same_repo(tx, &repo)?;
        checks::cancel(tx, repo.id, commit.sha, now)?;
        Ok(())
    })
    .await?;
    see(&to)
}
