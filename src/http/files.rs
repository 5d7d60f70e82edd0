//! The folders and files of a commit over REST, with the issues in them.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::code::Code;
use super::error::ApiError;
use super::extract::{Params, Permit};
use super::issues::IssueView;
use super::repos::repo_and_commit;
use crate::app::App;
use crate::base::name::{CommitSha, TreePath};
use crate::domain::issues;
use crate::domain::repos::Repository;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

/// A folder of a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TreeView {
    /// The folder; empty is the root.
    pub path: String,
    /// What is in it: folders first, then files, by name.
    pub entries: Vec<EntryView>,
    /// Whether the commit was analysed, so that the counts of issues mean something.
    pub analysed: bool,
}

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EntryView {
    /// Its name within the folder.
    pub name: String,
    /// Its whole path.
    pub path: String,
    /// `folder`, `file`, `executable`, `symlink` or `submodule`.
    pub kind: &'static str,
    /// A file's length; null for a folder.
    pub size_bytes: Option<u64>,
    /// How many open issues it holds.
    pub issues: u64,
}

/// A file of a commit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FileView {
    /// Its path.
    pub path: TreePath,
    /// Its length.
    pub size_bytes: u64,
    /// Its text, of a link where it leads, with what is not UTF-8 replaced; null for one that is binary or too large to show.
    pub text: Option<String>,
    /// Why there is no text: `binary`, `too_large`, `symlink` or `submodule`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_shown: Option<&'static str>,
    /// Its open issues, by line.
    pub issues: Vec<IssueView>,
}

/// `GET …/tree[/{path}]`.
pub async fn tree(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<TreeView>, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    Ok(Json(folder(&app, &repo, commit.sha, &params.path()).await?))
}

/// What is in a folder of a commit.
pub async fn folder(app: &App, repo: &Repository, sha: CommitSha, path: &TreePath) -> Result<TreeView, ApiError> {
    let (handle, repo, path) = (app.clone(), repo.clone(), path.clone());
    app.blocking(move || -> Result<TreeView, ApiError> {
        let tree = handle.mirror(repo.id)?.tree(sha)?;
        let counts = handle.read_now(|tx, _| -> Result<_, ApiError> { Ok(issues::list::counts_by_path(tx, repo.id, sha)?) })?;
        let analysed = counts.is_some();
        let counts = counts.unwrap_or_default();
        let is_root = path.as_bytes().is_empty();
        let prefix = if is_root { Vec::new() } else { [path.as_bytes(), b"/"].concat() };
        let mut entries: Vec<EntryView> = Vec::new();
        for file in tree.files().iter().filter(|file| file.path.as_bytes().starts_with(&prefix)) {
            let rest = &file.path.as_bytes()[prefix.len()..];
            let (name, kind) = match rest.iter().position(|byte| *byte == b'/') {
                Some(slash) => (&rest[..slash], "folder"),
                None => (rest, kind_of(file)),
            };
            let issues = counts.get(&file.path).copied().unwrap_or(0);
            let name = TreePath::new(name);
            match entries.last_mut().filter(|last| kind == "folder" && last.kind == "folder" && last.name == name.to_string()) {
                Some(folder) => folder.issues += issues,
                None => {
                    let whole = TreePath::new([prefix.as_slice(), name.as_bytes()].concat());
                    let size_bytes = if kind == "folder" { None } else { Some(tree.size(file)?) };
                    entries.push(EntryView { name: name.to_string(), path: whole.to_string(), kind, size_bytes, issues });
                }
            }
        }
        if entries.is_empty() && !is_root {
            return Err(ApiError::new(Code::FileNotFound, format!("commit `{}` has no folder `{path}`", sha.short())));
        }
        entries.sort_by(|a, b| (a.kind != "folder", &a.name).cmp(&(b.kind != "folder", &b.name)));
        Ok(TreeView { path: path.to_string(), entries, analysed })
    })
    .await?
}

fn kind_of(file: &TreeFile) -> &'static str {
    match file.kind {
        FileKind::Regular => "file",
        FileKind::Executable => "executable",
        FileKind::Symlink => "symlink",
        FileKind::Submodule => "submodule",
    }
}

/// The largest file that is shown.
pub const SHOWN_BYTES: u64 = 1 << 20;

/// `GET …/files/{path}`.
pub async fn file(State(app): State<App>, permit: Permit, params: Params) -> Result<Json<FileView>, ApiError> {
    let (repo, commit) = repo_and_commit(&app, &permit, &params).await?;
    Ok(Json(source(&app, &repo, commit.sha, &params.path()).await?))
}

/// A file of a commit with its issues.
pub async fn source(app: &App, repo: &Repository, sha: CommitSha, path: &TreePath) -> Result<FileView, ApiError> {
    let (handle, repo, path) = (app.clone(), repo.clone(), path.clone());
    app.blocking(move || -> Result<FileView, ApiError> {
        let tree = handle.mirror(repo.id)?.tree(sha)?;
        let missing = || ApiError::new(Code::FileNotFound, format!("commit `{}` has no file `{path}`", sha.short()));
        let file = tree.find(&path).ok_or_else(missing)?;
        let size_bytes = tree.size(file)?;
        let (text, not_shown) = match file.kind {
            FileKind::Submodule => (None, Some("submodule")),
            _ if size_bytes > SHOWN_BYTES => (None, Some("too_large")),
            FileKind::Symlink => (Some(lossy(tree.read(file, SHOWN_BYTES)?)), Some("symlink")),
            FileKind::Regular | FileKind::Executable => match tree.read(file, SHOWN_BYTES)? {
                content if memchr::memchr(0, &content).is_some() => (None, Some("binary")),
                content => (Some(lossy(content)), None),
            },
        };
        let issues = handle.read_now(|tx, _| -> Result<_, ApiError> {
            let listed = issues::list::of_path(tx, repo.id, sha, &path)?;
            Ok(listed.into_iter().map(|listed| super::issues::listed_view(&repo, listed)).collect::<Vec<_>>())
        })?;
        Ok(FileView { path, size_bytes, text, not_shown, issues })
    })
    .await?
}

/// Bytes as text; what is not UTF-8 is replaced.
fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
