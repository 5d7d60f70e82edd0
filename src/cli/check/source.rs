//! What is checked: a path on this machine, as a tree to judge and the history around it.
//!
//! The files of a working directory are a commit like any other to the checks. Its name is made of its content and of a word of ours, so
//! that it is never that of a commit of git's.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::app::check::Trees;
use crate::base::name::{CommitSha, RepoSlug, TreePath};
use crate::cli::{Error, Result};
use crate::engine::git::layout::Layout;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};
use crate::engine::git::worktree::Directory;
use crate::engine::git::{self, Limits, Mirror, Trust};

/// The commit that is compared with.
#[derive(Debug, Clone)]
pub struct Base {
    /// Its name.
    pub sha: CommitSha,
    /// What was asked for.
    pub rev: String,
    /// Whether it is where the history left what was asked for, and not that itself.
    pub is_fork: bool,
}

/// What is checked.
pub struct Source {
    /// What the repository is called.
    pub slug: RepoSlug,
    /// What is judged.
    pub tree: Arc<dyn Tree>,
    /// Under which name.
    pub head: CommitSha,
    /// The commit it is; `None` for files as they are.
    pub commit: Option<CommitSha>,
    /// What it is held against.
    pub base: Option<Base>,
    /// The file or directory that is spoken of; `None` is all.
    pub beneath: Option<TreePath>,
    /// The directory that its paths are relative to, if it has one.
    pub root: Option<PathBuf>,
    /// The path as it was given.
    given: PathBuf,
    repository: Option<Mirror>,
}

/// Where a path leads.
struct Place {
    layout: Option<Layout>,
    root: Option<PathBuf>,
    beneath: Option<TreePath>,
}

impl Place {
    fn find(path: &Path) -> Result<Place> {
        let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::new(format!("there is no `{}`; give a directory, a repository or a file", path.display()))
            }
            _ => Error::because(format!("cannot open `{}`", path.display()), error),
        })?;
        let canonical =
            |path: &Path| path.canonicalize().map_err(|error| Error::because(format!("cannot open `{}`", path.display()), error));
        // The name of a file stays as it is: it may be a link, which is then what is asked about.
        let (dir, place) = match (meta.is_dir(), path.file_name()) {
            (false, Some(name)) => {
                let dir = canonical(path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
                let place = dir.join(name);
                (dir, place)
            }
            _ => (canonical(path)?, canonical(path)?),
        };
        let layout = Layout::around(&dir, Trust::Ours).map_err(told)?;
        let root = match &layout {
            Some(layout) => layout.work_dir.clone(),
            None if meta.is_dir() => Some(dir),
            None => {
                return Err(Error::new(format!("`{}` is a file outside of any repository: give the directory it lies in", path.display())));
            }
        };
        let beneath = root.as_ref().and_then(|root| place.strip_prefix(root).ok()).map(|rest| rest.as_os_str().as_bytes());
        let beneath = beneath.filter(|rest| !rest.is_empty()).map(TreePath::new);
        Ok(Place { layout, root, beneath })
    }

    fn repository(&self) -> Result<Option<Mirror>> {
        let Some(layout) = &self.layout else { return Ok(None) };
        let path = layout.work_dir.as_ref().unwrap_or(&layout.git_dir);
        Mirror::open_readonly(path, Limits::default(), Trust::Ours).map(Some).map_err(told)
    }
}

/// A failure of git, whose message says all.
fn told(error: git::Error) -> Error {
    match error {
        git::Error::Io { doing, path, source } => Error::because(format!("cannot {doing} `{}`", path.display()), source),
        other => Error::new(other.to_string()),
    }
}

impl Source {
    /// Finds what is to be checked: the commit `rev`, or the files as they are where none is asked for; of a bare repository its `HEAD`.
    pub fn open(path: &Path, rev: Option<&str>, base: Option<&str>) -> Result<Source> {
        let place = Place::find(path)?;
        let repository = place.repository()?;
        let no_repository = |flag: &str| Error::new(format!("`{}` is in no git repository, so {flag} names nothing there", path.display()));
        let rev = rev.or(place.root.is_none().then_some("HEAD"));
        let (tree, commit, at): (Arc<dyn Tree>, _, _) = match (rev, &place.root) {
            (None, Some(root)) => {
                let directory = Directory::open(root, Limits::default(), Trust::Ours).map_err(told)?;
                let at = if base.is_some() { directory.head().map_err(told)? } else { None };
                (Arc::new(directory), None, at)
            }
            (rev, _) => {
                let repository = repository.as_ref().ok_or_else(|| no_repository("--rev"))?;
                let commit = repository.resolve(rev.unwrap_or("HEAD")).map_err(told)?;
                (Arc::new(repository.tree(commit).map_err(told)?), Some(commit), Some(commit))
            }
        };
        let base = match base {
            Some(rev) => Some(find_base(repository.as_ref().ok_or_else(|| no_repository("--base"))?, rev, at, commit)?),
            None => None,
        };
        let head = match commit {
            Some(commit) if base.as_ref().is_none_or(|base| base.sha != commit) => commit,
            _ => name_of(tree.files()),
        };
        let name = place.root.as_deref().or(place.layout.as_ref().map(|layout| layout.git_dir.as_path())).and_then(Path::file_name);
        let slug = RepoSlug::local(&name.unwrap_or_default().to_string_lossy()).or_else(|_| RepoSlug::local("repository"));
        let source = Source {
            slug: slug.map_err(|error| Error::because("cannot name the repository", error))?,
            tree,
            head,
            commit,
            base,
            beneath: place.beneath,
            root: place.root,
            given: path.to_owned(),
            repository,
        };
        source.require_files()?;
        Ok(source)
    }

    /// Refuses a path within a repository where nothing is: to find nothing there would look like praise.
    fn require_files(&self) -> Result<()> {
        let manner = crate::app::check::Manner { beneath: self.beneath.clone(), ..Default::default() };
        if self.beneath.is_none() || self.tree.files().iter().any(|file| manner.speaks_of(&file.path)) {
            return Ok(());
        }
        let why = match self.commit {
            Some(commit) => format!("commit {} has no such path", commit.short()),
            None => "git ignores it, or it is empty".to_owned(),
        };
        Err(Error::new(format!("nothing at `{}` is checked: {why}", self.given.display())))
    }

    /// A path as it is seen from where the command was given, so that a terminal can follow it.
    pub fn shown(&self, path: &TreePath) -> Vec<u8> {
        let within = match &self.beneath {
            Some(top) => path.as_bytes().strip_prefix(top.as_bytes()).unwrap_or(path.as_bytes()),
            None => path.as_bytes(),
        };
        let within = within.strip_prefix(b"/").unwrap_or(within);
        let given = self.given.as_os_str().as_bytes();
        let given = given.strip_suffix(b"/").unwrap_or(given);
        match (given, within) {
            (given, b"") => given.to_vec(),
            (b"." | b"", within) if self.given != Path::new("/") => within.to_vec(),
            _ if self.root.is_none() => within.to_vec(),
            (given, within) => [given, b"/", within].concat(),
        }
    }
}

/// The commit that is compared with: where the history left `rev`, as a branch is held against where it left another.
fn find_base(repository: &Mirror, rev: &str, at: Option<CommitSha>, head: Option<CommitSha>) -> Result<Base> {
    let named = repository.resolve(rev).map_err(told)?;
    let fork = match at {
        Some(at) => repository.merge_base(at, named).map_err(told)?,
        None => None,
    };
    // Where the head is itself an ancestor of the base, there is nothing but the base to compare with.
    let fork = fork.filter(|fork| *fork != named && Some(*fork) != head);
    Ok(Base { sha: fork.unwrap_or(named), rev: rev.to_owned(), is_fork: fork.is_some() })
}

/// A name for files as they are.
fn name_of(files: &[TreeFile]) -> CommitSha {
    let mut hash = Sha256::new();
    hash.update(b"plumbline working tree\0");
    for file in files {
        let kind = match file.kind {
            FileKind::Regular => 0,
            FileKind::Executable => 1,
            FileKind::Symlink => 2,
            FileKind::Submodule => 3_u8,
        };
        hash.update([kind]);
        hash.update((file.path.as_bytes().len() as u64).to_be_bytes());
        hash.update(file.path.as_bytes());
        hash.update(file.blob.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    CommitSha::from_bytes(std::array::from_fn(|at| digest[at]))
}

impl Trees for Source {
    fn tree(&self, sha: CommitSha) -> git::Result<Arc<dyn Tree>> {
        if sha == self.head {
            return Ok(Arc::clone(&self.tree));
        }
        match &self.repository {
            Some(repository) => Ok(Arc::new(repository.tree(sha)?)),
            None => Err(git::Error::UnknownRevision { rev: sha.to_string() }),
        }
    }

    /// The base is all that is known to lie before.
    fn ancestors(&self, sha: CommitSha) -> Box<dyn Iterator<Item = git::Result<CommitSha>> + '_> {
        Box::new(self.base.iter().filter(move |_| sha == self.head).map(|base| Ok(base.sha)))
    }

    fn merge_base(&self, _: CommitSha, _: CommitSha) -> git::Result<Option<CommitSha>> {
        Ok(None)
    }

    fn default_head(&self) -> Option<CommitSha> {
        None
    }
}
