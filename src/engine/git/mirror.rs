//! A repository to read: a bare mirror of ours, or somebody's repository on this machine that is only looked at.
//!
//! Both are an object database and a set of references. A mirror is made by us, filled by `fetch` alone, and holds branches and nothing
//! else; a repository that is only looked at is never written to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::hash::ObjectId;
use gix::objs::Kind;

use super::commit::{self, CommitInfo, CommitTree};
use super::layout::{Layout, Trust};
use super::objects::Objects;
use super::refs::{self, Head, Refs};
use super::{Error, Limits, Result};
use crate::base::name::{BlobId, BranchName, CommitSha};
use crate::base::text::clip;

/// The fewest digits that stand for a commit.
const SHORTEST: usize = 7;
/// How many commits are named when a revision could be several.
const CANDIDATES: usize = 8;
/// The farthest that `~` and `^` go back.
const STEPS: usize = 100_000;

/// A repository to read.
pub struct Mirror {
    pub(super) layout: Layout,
    pub(super) objects: Arc<Objects>,
}

impl Mirror {
    /// Opens the bare mirror in `dir`, which is made if it is missing.
    pub fn open(dir: &Path, limits: Limits) -> Result<Mirror> {
        if !dir.join("HEAD").exists() {
            create(dir)?;
        }
        let layout = Layout { git_dir: dir.to_owned(), common_dir: dir.to_owned(), work_dir: None };
        Mirror::with(layout, limits)
    }

    /// Opens the bare mirror in `dir` to read it. One that was never made has nothing to read yet, and is not made by looking.
    pub fn open_existing(dir: &Path, limits: Limits) -> Result<Mirror> {
        if dir.join("HEAD").exists() { Mirror::open(dir, limits) } else { Err(Error::NoCommits { rev: "HEAD".to_owned() }) }
    }

    /// Opens somebody's repository to look at it: a working directory with `.git`, or a bare one. Nothing is written, and its
    /// configuration is not read.
    pub fn open_readonly(path: &Path, limits: Limits, trust: Trust) -> Result<Mirror> {
        Mirror::with(Layout::at(path, trust)?, limits)
    }

    pub(super) fn with(layout: Layout, limits: Limits) -> Result<Mirror> {
        let objects = Objects::open(&layout.objects(), &limits)?;
        objects.load_shallow(&layout.common_dir.join("shallow"))?;
        Ok(Mirror { layout, objects: Arc::new(objects) })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.layout.git_dir
    }

    pub(super) fn refs(&self) -> Result<Refs<'_>> {
        Refs::new(&self.layout, &self.objects)
    }

    /// The limits it was opened with.
    pub fn limits(&self) -> &Limits {
        self.objects.limits()
    }

    /// The branch that `HEAD` names, be there a commit on it or not.
    pub fn default_branch(&self) -> Result<Option<BranchName>> {
        Ok(match self.refs()?.head()? {
            Head::Branch(name) => name.as_bstr().to_string().strip_prefix("refs/heads/").and_then(|name| name.parse().ok()),
            Head::Detached(_) | Head::None => None,
        })
    }

    /// The branches and their commits, by name. A branch that points to something else than a commit is left out.
    pub fn branches(&self) -> Result<Vec<(BranchName, CommitSha)>> {
        let refs = self.refs()?;
        let mut out = Vec::new();
        for (name, id) in refs.branches()?.taken {
            let id = refs.peel(id)?;
            if self.is_commit(&id)? {
                out.push((name, commit::sha(&id)));
            }
        }
        Ok(out)
    }

    /// The commit that a text names: `HEAD`, a branch, a tag, a full reference, or at least seven digits of a commit's name; each may be
    /// followed by `~n` and `^n`.
    pub fn resolve(&self, rev: &str) -> Result<CommitSha> {
        let unknown = || Error::UnknownRevision { rev: clip(rev, 100).into_owned() };
        let end = rev.find(['~', '^']).unwrap_or(rev.len());
        let mut at = self.resolve_base(&rev[..end], rev)?;
        let mut steps = &rev[end..];
        while let Some(kind) = steps.chars().next() {
            let digits = steps[1..].bytes().take_while(u8::is_ascii_digit).count();
            let count: usize = if digits == 0 { 1 } else { steps[1..=digits].parse().map_err(|_| unknown())? };
            if count > STEPS {
                return Err(unknown());
            }
            steps = &steps[1 + digits..];
            at = match kind {
                '~' => (0..count).try_fold(at, |at, _| self.commit(at)?.parents.first().copied().ok_or_else(unknown))?,
                '^' if count == 0 => at,
                '^' => self.commit(at)?.parents.get(count - 1).copied().ok_or_else(unknown)?,
                _ => return Err(unknown()),
            };
        }
        Ok(at)
    }

    fn resolve_base(&self, name: &str, rev: &str) -> Result<CommitSha> {
        let unknown = || Error::UnknownRevision { rev: clip(rev, 100).into_owned() };
        let refs = self.refs()?;
        let commit = |id: ObjectId| -> Result<CommitSha> {
            let id = refs.peel(id)?;
            if self.is_commit(&id)? { Ok(commit::sha(&id)) } else { Err(unknown()) }
        };
        if name == "HEAD" {
            return match refs.head()? {
                Head::Detached(id) => commit(id),
                Head::Branch(branch) => {
                    let branch = branch.as_bstr().to_string();
                    let none = || Error::NoCommits { rev: branch.strip_prefix("refs/heads/").unwrap_or(&branch).to_owned() };
                    commit(refs.find(&branch)?.ok_or_else(none)?)
                }
                Head::None => Err(unknown()),
            };
        }
        if name.len() == 40
            && let Ok(id) = ObjectId::from_hex(name.as_bytes())
        {
            return commit(id);
        }
        let places: &[&str] = if name.starts_with("refs/") { &[""] } else { &["refs/heads/", "refs/tags/", "refs/remotes/"] };
        for place in places {
            if let Some(id) = refs.find(&format!("{place}{name}"))? {
                return commit(id);
            }
        }
        if (SHORTEST..40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return self.complete(name, rev);
        }
        // A branch that HEAD names and that has no commit is not unknown.
        if self.default_branch()?.is_some_and(|branch| branch.as_str() == name) {
            return Err(Error::NoCommits { rev: name.to_owned() });
        }
        Err(unknown())
    }

    /// The one commit whose name begins with these digits.
    fn complete(&self, digits: &str, rev: &str) -> Result<CommitSha> {
        let unknown = || Error::UnknownRevision { rev: clip(rev, 100).into_owned() };
        let prefix = gix::hash::Prefix::from_hex(digits).map_err(|_| unknown())?;
        let mut found = std::collections::HashSet::new();
        self.objects.with(|handle| handle.lookup_prefix(prefix, Some(&mut found))).map_err(|e| Error::corrupt("the object database", e))?;
        let mut commits = Vec::new();
        for id in found {
            if self.is_commit(&id)? {
                commits.push(commit::sha(&id));
            }
        }
        commits.sort();
        match commits.as_slice() {
            [] => Err(unknown()),
            [one] => Ok(*one),
            many => Err(Error::AmbiguousRevision { rev: rev.to_owned(), candidates: many.iter().take(CANDIDATES).copied().collect() }),
        }
    }

    fn is_commit(&self, id: &ObjectId) -> Result<bool> {
        Ok(matches!(self.objects.header(id)?, Some((Kind::Commit, _))))
    }

    /// Whether the commit is here.
    pub fn has(&self, commit: CommitSha) -> Result<bool> {
        self.is_commit(&commit::id(commit))
    }

    /// What a commit says about itself.
    pub fn commit(&self, commit: CommitSha) -> Result<CommitInfo> {
        if !self.has(commit)? {
            return Err(Error::UnknownRevision { rev: commit.to_string() });
        }
        commit::info(&self.objects, commit)
    }

    /// The files of a commit.
    pub fn tree(&self, commit: CommitSha) -> Result<CommitTree> {
        let info = self.commit(commit)?;
        CommitTree::list(Arc::clone(&self.objects), ObjectId::from_bytes_or_panic(&info.tree))
    }

    /// The content of that name, if it has at most `cap` bytes.
    pub fn blob(&self, blob: BlobId, cap: u64) -> Result<Vec<u8>> {
        self.objects.read(&ObjectId::from_bytes_or_panic(blob.as_bytes()), Kind::Blob, cap)
    }
}

impl std::fmt::Debug for Mirror {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mirror").field(&self.layout.git_dir).finish()
    }
}

/// Makes an empty bare repository. `HEAD` comes last: a directory without it is begun again.
fn create(dir: &Path) -> Result<()> {
    for part in ["objects/pack", "objects/info", "refs/heads"] {
        let path: PathBuf = dir.join(part);
        std::fs::create_dir_all(&path).map_err(Error::io("make", &path))?;
    }
    refs::write_whole(&dir.join("config"), b"[core]\n\trepositoryformatversion = 0\n\tbare = true\n")?;
    refs::write_whole(&dir.join("HEAD"), b"ref: refs/heads/main\n")?;
    refs::sync_dir(dir)
}
