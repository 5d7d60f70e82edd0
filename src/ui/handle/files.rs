//! The files of a commit.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;

use super::{Asked, place, render};
use crate::app::App;
use crate::base::name::TreePath;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::extract::Params;
use crate::http::files::{SHOWN_BYTES, source};
use crate::http::repos::repo_and_commit;
use crate::ui::file::{Content, EntryKind, FilePage, TreeEntry, TreePage};
use crate::ui::source::{Highlighter, Source};

/// How many entries of a folder are shown.
const ENTRIES: usize = 5_000;

/// `GET …/tree[/{path}]`.
pub async fn folder(State(app): State<App>, asked: Asked, params: Params) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let sha = commit.sha;
    let view = crate::http::files::folder(&app, &repo, sha, &params.path()).await?;
    let path = Some(params.path()).filter(|path| !path.as_bytes().is_empty());
    let left_out = view.entries.len().saturating_sub(ENTRIES) as u64;
    let entries = view.entries.into_iter().take(ENTRIES).map(|entry| TreeEntry {
        path: TreePath::from_wire(&entry.path),
        kind: match entry.kind {
            "folder" => EntryKind::Directory,
            "symlink" => EntryKind::Symlink,
            "submodule" => EntryKind::Submodule,
            _ => EntryKind::File,
        },
        size: entry.size_bytes,
        issues: view.analysed.then_some(entry.issues),
    });
    let entries = entries.collect();
    let frame = asked.frame(&app).await?;
    let caller = asked.permit.caller.clone();
    let place = app.read(move |tx, _| place(tx, &caller, &repo, None, Some(sha))).await?;
    render(&TreePage { frame, place, sha, path, entries, left_out })
}

/// `GET …/files/{path}`.
pub async fn file(
    State(app): State<App>,
    asked: Asked,
    params: Params,
    Extension(highlighter): Extension<Arc<Highlighter>>,
) -> Result<Response, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &asked.permit, &params).await?;
    let (sha, path) = (commit.sha, params.path());
    let (size, content, issues) = match source(&app, &repo, sha, &path).await {
        Ok(view) => {
            let text = view.text.unwrap_or_default();
            let content = match view.not_shown {
                Some("binary") => Content::Binary,
                Some("too_large") => Content::TooLarge(SHOWN_BYTES),
                Some("submodule") => Content::Submodule,
                Some("symlink") => Content::Symlink(text),
                _ => {
                    let named = path.clone();
                    Content::Text(app.blocking(move || -> Source { highlighter.highlight(&named, &text) }).await?)
                }
            };
            (view.size_bytes, content, view.issues)
        }
        Err(error) if error.code == Code::FileNotFound => (0, Content::Absent, Vec::new()),
        Err(error) => return Err(error),
    };
    let frame = asked.frame(&app).await?;
    let is_absent = matches!(content, Content::Absent);
    let caller = asked.permit.caller.clone();
    let place = app.read(move |tx, _| place(tx, &caller, &repo, None, Some(sha))).await?;
    let mut response = render(&FilePage { frame, place, sha, path, size, content, issues })?;
    if is_absent {
        *response.status_mut() = axum::http::StatusCode::NOT_FOUND;
    }
    Ok(response)
}
