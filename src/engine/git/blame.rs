//! Which commit last changed a line.
//!
//! The line is followed back through history: to the first parent in which it stands unchanged, through renames, until a commit is found
//! none of whose parents has it. Only the one file is looked at, so that most commits cost a few small objects.

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::Kind;

use super::commit::CommitInfo;
use super::diff::{Change, RenameLimits, diff_trees, line_before, line_hunks};
use super::mirror::Mirror;
use super::tree::Tree;
use super::{Error, Result};
use crate::base::name::{CommitSha, TreePath};

/// The largest file whose lines are followed, in bytes.
const FILE: u64 = 4 << 20;
/// How often a file's former name is searched for: each search lists two trees.
const RENAMES: usize = 16;
/// The largest directory that is parsed, in bytes.
const DIRECTORY: u64 = 64 << 20;

/// Where a line comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The commit that wrote the line as it is.
    pub commit: CommitInfo,
    /// The file's path in that commit.
    pub path: TreePath,
    /// The line's number in that commit, counted from 1.
    pub line: u32,
}

impl Mirror {
    /// The commit that wrote the line, counted from 1, of the file at `path` as it stands in `from`; nothing where there is no such line.
    pub fn blame(&self, from: CommitSha, path: &TreePath, line: u32) -> Result<Option<Blame>> {
        let mut at = Place { commit: self.commit(from)?, path: path.clone(), line: line.wrapping_sub(1) };
        let Some(mut blob) = self.entry(&at.commit, path)? else { return Ok(None) };
        let mut content = self.content(&blob, path)?;
        if at.line >= u32::try_from(content.split_inclusive(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX) {
            return Ok(None);
        }
        let mut renames = RENAMES;
        'back: for _ in 0..self.limits().history {
            for parent in at.commit.parents.clone() {
                let parent = self.commit(parent)?;
                let mut former = at.path.clone();
                let mut entry = self.entry(&parent, &former)?;
                if entry.is_none() && renames > 0 {
                    renames -= 1;
                    if let Some(old) = self.former_path(&parent, &at)? {
                        former = old;
                        entry = self.entry(&parent, &former)?;
                    }
                }
                let Some(entry) = entry else { continue };
                if entry == blob {
                    at = Place { commit: parent, path: former, line: at.line };
                    continue 'back;
                }
                let before = self.content(&entry, &former)?;
                if let Some(line) = line_before(&line_hunks(&before, &content, 2 * FILE as usize), at.line) {
                    at = Place { commit: parent, path: former, line };
                    (blob, content) = (entry, before);
                    continue 'back;
                }
            }
            return Ok(Some(Blame { commit: at.commit, path: at.path, line: at.line + 1 }));
        }
        Err(Error::TooMany { what: format!("the history of `{path}`"), of: "commits", limit: self.limits().history as u64 })
    }

    /// The content's name at a path of a commit.
    fn entry(&self, commit: &CommitInfo, path: &TreePath) -> Result<Option<ObjectId>> {
        let mut tree = ObjectId::from_bytes_or_panic(&commit.tree);
        let mut parts = path.as_bytes().split(|byte| *byte == b'/').peekable();
        while let Some(part) = parts.next() {
            let data = self.objects.read(&tree, Kind::Tree, DIRECTORY)?;
            let mut found = None;
            for entry in gix::objs::TreeRefIter::from_bytes(&data, Hash::Sha1) {
                let entry = entry.map_err(|e| Error::corrupt(format!("the tree {tree}"), e))?;
                if entry.filename == part {
                    found = Some((entry.mode, entry.oid.to_owned()));
                    break;
                }
            }
            match (found, parts.peek()) {
                (Some((mode, id)), None) if mode.is_blob() => return Ok(Some(id)),
                (Some((mode, id)), Some(_)) if mode.is_tree() => tree = id,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn content(&self, blob: &ObjectId, path: &TreePath) -> Result<Vec<u8>> {
        self.objects.read(blob, Kind::Blob, FILE).map_err(|e| match e {
            Error::ObjectTooLarge { size, cap, .. } => Error::TooLarge { path: path.clone(), size, cap },
            other => other,
        })
    }

    /// What the file was called in the parent.
    fn former_path(&self, parent: &CommitInfo, at: &Place) -> Result<Option<TreePath>> {
        let (base, head) = (self.tree(parent.sha)?, self.tree(at.commit.sha)?);
        let changes = diff_trees(&base as &dyn Tree, &head as &dyn Tree, &RenameLimits::default())?;
        Ok(changes.iter().find(|change| change.path == at.path).and_then(Change::renamed_from).cloned())
    }
}

struct Place {
    commit: CommitInfo,
    path: TreePath,
    line: u32,
}
