//! Where the trees of commits come from, and which commits a run is held against.

use std::sync::Arc;

use super::Stop;
use crate::app::App;
use crate::app::runner::Failure;
use crate::base::id::RepoId;
use crate::base::name::{BranchName, CommitSha, TreePath};
use crate::base::time::Timestamp;
use crate::domain::checks::CheckSet;
use crate::domain::issues::{self, Standing};
use crate::domain::pulls::{self, Pull};
use crate::domain::repos::manifest::{Manifest, ManifestName};
use crate::domain::repos::{self, Repository};
use crate::engine::git::tree::{Tree, TreeFile};
use crate::engine::git::{self, Mirror};
use crate::engine::queue::Verdict;
use crate::engine::store::ReadTx;

/// How far back an analysed ancestor is looked for.
const ANCESTORS: usize = 2_000;
/// The largest manifest that is read at all; the reader has a smaller limit of its own and says so.
pub const MANIFEST_BYTES: u64 = 16 << 20;

/// Where the trees and ancestors of commits come from: a mirror, or a working directory and the repository around it.
pub trait Trees: Send + Sync {
    /// The tree of a commit.
    fn tree(&self, sha: CommitSha) -> git::Result<Arc<dyn Tree>>;

    /// The commits before this one, each the first parent of the one before; itself left out. They are read as they are asked for: the
    /// one that is looked for is most often the first.
    fn ancestors(&self, sha: CommitSha) -> Box<dyn Iterator<Item = git::Result<CommitSha>> + '_>;

    /// The best common ancestor.
    fn merge_base(&self, a: CommitSha, b: CommitSha) -> git::Result<Option<CommitSha>>;

    /// The default branch's head, if there is one.
    fn default_head(&self) -> Option<CommitSha>;

    /// The head of the branch that a commit is held against, which is where its pull request is to go to; nothing says more than that it is
    /// held against the default branch.
    fn held_against(&self) -> Option<CommitSha> {
        None
    }

    /// What is known of a commit that is known through a fork alone; `None` for one that is ours.
    fn foreign(&self) -> Option<Foreign> {
        None
    }

    /// Where the open pull requests of the commit are to go to.
    fn goes_to(&self) -> &[BranchName] {
        &[]
    }

    /// When a line of a file was written as it stands in a commit; `None` where no history is at hand that says so.
    fn written(&self, _sha: CommitSha, _path: &TreePath, _line: u32) -> Option<Timestamp> {
        None
    }
}

/// A commit that somebody brought who may write nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreign {
    /// The head of the branch it is to go to, which says what it must hold to; `None` where no branch is known.
    pub base: Option<CommitSha>,
}

/// The trees of a mirror.
pub(in crate::app) struct Mirrored {
    pub mirror: Mirror,
    pub default_head: Option<CommitSha>,
    pub held_against: Option<CommitSha>,
    pub foreign: Option<Foreign>,
    pub goes_to: Vec<BranchName>,
}

/// How many commits of the branches' history are looked through for one that may be a fork's. One that lies farther back is taken for a
/// fork's, which costs no more than an approval.
const REACH: usize = 50_000;

/// What is known of where a commit belongs.
pub(super) struct Known {
    default_head: Option<CommitSha>,
    pull: Option<Pull>,
    held_against: Option<CommitSha>,
    /// The heads of the branches that a commit is looked for in which may be a fork's; `None` where it cannot be one.
    heads: Option<Vec<CommitSha>>,
    goes_to: Vec<BranchName>,
}

/// Looks where a commit belongs.
pub(super) fn known(tx: &ReadTx, repository: &Repository, sha: CommitSha) -> Result<Known, Failure> {
    let id = repository.id;
    let pull = pulls::foremost(tx, repository, sha)?;
    let default_head = repos::default_branch(tx, repository)?.map(|branch| branch.head);
    // What the default branch brings is held against what it was, be it to go elsewhere or not: it is what others are held against.
    let pull = pull.filter(|_| default_head != Some(sha));
    let held_against = pull.as_ref().map(|pull| base_head(tx, repository, pull)).transpose()?.flatten();
    // Where no fork ever asked for anything, and of what a branch leads to or led to, nothing is anybody else's.
    let was_taken_in = || -> Result<bool, Failure> { Ok(repos::commit(tx, id, sha)?.is_some_and(|commit| commit.was_on_branch)) };
    let is_ours = !pulls::has_forks(tx, id)? || !repos::branches_at(tx, id, sha)?.is_empty() || was_taken_in()?;
    let heads = if is_ours { None } else { Some(repos::all_branches(tx, id)?.into_iter().map(|branch| branch.head).collect()) };
    Ok(Known { default_head, pull, held_against, heads, goes_to: pulls::bases_of(tx, id, sha)? })
}

/// The trees of a repository's mirror, for a commit of it.
pub(super) fn mirrored(app: &App, repository: &Repository, sha: CommitSha) -> Result<Mirrored, Failure> {
    opened(app, repository.id, sha, app.read_now(|tx, _| known(tx, repository, sha))?)
}

/// The same, once it is known where the commit belongs.
pub(super) fn opened(app: &App, id: RepoId, sha: CommitSha, known: Known) -> Result<Mirrored, Failure> {
    let Known { default_head, pull, held_against, heads, goes_to } = known;
    let mirror = app.mirror(id)?;
    let has = |sha: &CommitSha| mirror.has(*sha).unwrap_or(false);
    // What cannot be told is taken for a fork's.
    let is_foreign =
        heads.is_some_and(|heads| !mirror.leads_to(sha, &heads.into_iter().filter(has).collect::<Vec<_>>(), REACH).unwrap_or(false));
    let held_against = held_against.filter(has);
    let base = held_against.filter(|_| pull.is_some_and(|pull| pull.head.is_fork)).or(default_head);
    let foreign = is_foreign.then_some(Foreign { base });
    Ok(Mirrored { mirror, default_head, held_against, foreign, goes_to })
}

/// Where the branch is that a pull request is to go to: as it was fetched last, else as GitHub said.
pub(in crate::app) fn base_head(tx: &ReadTx, repository: &Repository, pull: &Pull) -> Result<Option<CommitSha>, Failure> {
    match repos::branch(tx, repository, &pull.base) {
        Ok(branch) => Ok(Some(branch.head)),
        Err(repos::Error::BranchNotFound { .. }) => Ok(Some(pull.base_sha)),
        Err(error) => Err(error.into()),
    }
}

impl Trees for Mirrored {
    fn tree(&self, sha: CommitSha) -> git::Result<Arc<dyn Tree>> {
        Ok(Arc::new(self.mirror.tree(sha)?))
    }

    fn ancestors(&self, sha: CommitSha) -> Box<dyn Iterator<Item = git::Result<CommitSha>> + '_> {
        Box::new(self.mirror.first_parents(sha).skip(1).take(ANCESTORS).map(|commit| commit.map(|commit| commit.sha)))
    }

    fn merge_base(&self, a: CommitSha, b: CommitSha) -> git::Result<Option<CommitSha>> {
        self.mirror.merge_base(a, b)
    }

    fn default_head(&self) -> Option<CommitSha> {
        self.default_head
    }

    fn held_against(&self) -> Option<CommitSha> {
        self.held_against
    }

    fn foreign(&self) -> Option<Foreign> {
        self.foreign
    }

    fn goes_to(&self) -> &[BranchName] {
        &self.goes_to
    }

    fn written(&self, sha: CommitSha, path: &TreePath, line: u32) -> Option<Timestamp> {
        Some(self.mirror.blame(sha, path, line).ok()??.commit.authored_at)
    }
}

/// The file at the root of a tree that is its manifest, if there is one.
pub(super) fn manifest_file(tree: &dyn Tree) -> Option<(ManifestName, &TreeFile)> {
    ManifestName::ALL.iter().find_map(|name| Some((*name, tree.find(&name.path())?)))
}

/// Whether a tree has a manifest, be it a good one or not.
pub(in crate::app) fn has_manifest(tree: &dyn Tree) -> bool {
    manifest_file(tree).is_some()
}

/// The manifest at the root of a tree, if there is one; or what is wrong with it. An error is what may be otherwise a while later.
pub fn read_manifest(tree: &dyn Tree) -> git::Result<Result<Option<Manifest>, String>> {
    let Some((name, file)) = manifest_file(tree) else { return Ok(Ok(None)) };
    match tree.read(file, MANIFEST_BYTES) {
        Err(error) if error.is_transient() => Err(error),
        Err(error) => Ok(Err(format!("`{name}` cannot be read: {error}"))),
        Ok(bytes) => Ok(repos::manifest::parse(name, &bytes).map(Some).map_err(|invalid| invalid.to_string())),
    }
}

/// The trees of a repository, and the commit whose manifest says what a commit must hold to: itself, or the head of the branch which a
/// fork's is to go to.
fn ruled(app: &App, repository: &Repository, sha: CommitSha) -> Result<Option<(Mirrored, CommitSha)>, Failure> {
    let trees = match mirrored(app, repository, sha) {
        Ok(trees) => trees,
        Err(failure) if failure.verdict == Verdict::GiveUp => return Ok(None),
        Err(failure) => return Err(failure),
    };
    Ok(trees.foreign.map_or(Some(sha), |foreign| foreign.base).map(|at| (trees, at)))
}

/// The commit whose manifest says what a commit must hold to, if there is one.
pub(in crate::app) fn ruling_commit(app: &App, repository: &Repository, sha: CommitSha) -> Result<Option<CommitSha>, Failure> {
    Ok(ruled(app, repository, sha)?.map(|(_, at)| at))
}

/// The manifest that says what a commit must hold to: its own, or that of the branch which a fork's is to go to. One that cannot be read
/// says nothing.
pub(in crate::app) fn ruling_manifest(app: &App, repository: &Repository, sha: CommitSha) -> Result<Option<Manifest>, Failure> {
    let Some((trees, at)) = ruled(app, repository, sha)? else { return Ok(None) };
    match trees.tree(at).and_then(|tree| read_manifest(&*tree)) {
        Ok(read) => Ok(read.ok().flatten()),
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The commit that results are held against, and the one that identities are taken from.
#[derive(Debug, Clone, Default)]
pub(super) struct Bases {
    /// What is not there is new; `None` makes it the baseline.
    pub compared: Option<Standing>,
    /// Which issue is which.
    pub identity: Option<Standing>,
}

impl Bases {
    /// The standing that identities are taken from.
    pub(super) fn identity(&self) -> Option<&Standing> {
        self.identity.as_ref().or(self.compared.as_ref())
    }
}

/// The standings that a commit's findings are held against and take their identities from.
pub(super) fn bases(app: &App, set: &CheckSet, trees: &dyn Trees) -> Result<Bases, Stop> {
    let (repo, sha) = (set.repo, set.sha);
    let standing = |sha: CommitSha| app.read_now(move |tx, _| issues::standing(tx, repo, sha));
    if let Some(own) = standing(sha)? {
        // Run again: the issues are those it had, against the same base unless a pull request has named one.
        let compared = match trees.held_against() {
            Some(_) => compared(app, repo, sha, trees)?,
            None => own.base.map(standing).transpose()?.flatten(),
        };
        return Ok(Bases { compared, identity: Some(own) });
    }
    Ok(Bases { identity: first_analysed(app, repo, sha, trees)?, compared: compared(app, repo, sha, trees)? })
}

/// The commit that one is judged against as things are.
pub(in crate::app) fn compared_with(app: &App, repo: RepoId, sha: CommitSha, trees: &dyn Trees) -> Result<Option<CommitSha>, Failure> {
    match compared(app, repo, sha, trees) {
        Ok(standing) => Ok(standing.map(|standing| standing.sha)),
        Err(Stop::Failed(failure)) => Err(failure),
        Err(Stop::Unwanted) => Ok(None),
    }
}

/// What a commit is held against: where it left the branch that it is to go to, however many commits it has had since; else what was
/// judged last before it.
fn compared(app: &App, repo: RepoId, sha: CommitSha, trees: &dyn Trees) -> Result<Option<Standing>, Stop> {
    let fork = match trees.held_against().or(trees.default_head()) {
        Some(head) if head != sha => trees.merge_base(sha, head)?.filter(|fork| *fork != sha),
        _ => None,
    };
    let Some(fork) = fork else { return first_analysed(app, repo, sha, trees) };
    match app.read_now(move |tx, _| issues::standing(tx, repo, fork))? {
        Some(standing) => Ok(Some(standing)),
        None => first_analysed(app, repo, fork, trees),
    }
}

/// What was judged last before a commit.
fn first_analysed(app: &App, repo: RepoId, from: CommitSha, trees: &dyn Trees) -> Result<Option<Standing>, Stop> {
    for sha in trees.ancestors(from) {
        let sha = sha?;
        if let Some(standing) = app.read_now(move |tx, _| issues::standing(tx, repo, sha))? {
            return Ok(Some(standing));
        }
    }
    Ok(None)
}
