//! Where the trees of commits come from, and which commits a run is held against.

use std::sync::Arc;

use super::Stop;
use crate::app::App;
use crate::base::name::{CommitSha, TreePath};
use crate::base::time::Timestamp;
use crate::domain::checks::CheckSet;
use crate::domain::issues::{self, Standing};
use crate::domain::repos;
use crate::domain::repos::manifest::{Manifest, ManifestName};
use crate::engine::git::tree::{Tree, TreeFile};
use crate::engine::git::{self, Mirror};

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

    /// When a line of a file was written as it stands in a commit; `None` where no history is at hand that says so.
    fn written(&self, _sha: CommitSha, _path: &TreePath, _line: u32) -> Option<Timestamp> {
        None
    }
}

/// The trees of a mirror.
pub(super) struct Mirrored {
    pub mirror: Mirror,
    pub default_head: Option<CommitSha>,
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

/// The commit that results are held against, and the one that identities are taken from.
#[derive(Debug, Clone, Default)]
pub(super) struct Bases {
    /// What is not there is new; `None` makes it the baseline.
    pub compared: Option<Standing>,
    /// Which issue is which.
    identity: Option<Standing>,
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
        // Run again: against the same base, and the issues are those it had.
        let compared = own.base.map(standing).transpose()?.flatten();
        return Ok(Bases { compared, identity: Some(own) });
    }
    let first_analysed = |from: CommitSha| -> Result<Option<Standing>, Stop> {
        for sha in trees.ancestors(from) {
            if let Some(standing) = standing(sha?)? {
                return Ok(Some(standing));
            }
        }
        Ok(None)
    };
    let nearest = first_analysed(sha)?;
    let fork = match trees.default_head() {
        Some(head) if head != sha => trees.merge_base(sha, head)?.filter(|fork| *fork != sha),
        _ => None,
    };
    let Some(fork) = fork else { return Ok(Bases { compared: nearest.clone(), identity: nearest }) };
    // A branch is held against where it left the default branch, however many commits it has had since.
    let compared = match standing(fork)? {
        Some(standing) => Some(standing),
        None => first_analysed(fork)?,
    };
    Ok(Bases { identity: nearest, compared })
}
