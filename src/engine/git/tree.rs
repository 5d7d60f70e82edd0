//! A tree of files to read: what checks look at, be it a commit in a mirror, a working directory, or a list made by a test.
//!
//! Whoever holds a [`Tree`] can list files and read bytes, and nothing else: there is no path into the host's file system here, no link
//! is followed, and every reading says how much it is willing to take.

use crate::base::name::{BlobId, TreePath};

/// What a path of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A file.
    Regular,
    /// A file with its executable bit.
    Executable,
    /// A symbolic link; its content is its target.
    Symlink,
    /// A commit of another repository. It has no content here.
    Submodule,
}

/// A path of a tree and the name of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFile {
    /// Where it is.
    pub path: TreePath,
    /// What it is.
    pub kind: FileKind,
    /// Its content's name in git: the same name is the same bytes.
    pub blob: BlobId,
}

/// What is in a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Every file, ascending by the bytes of its path, each path once.
    pub files: Vec<TreeFile>,
    /// The paths that are not among the files, such as those that would lead elsewhere, each with the reason.
    pub refused: Vec<(TreePath, String)>,
}

/// Files by path, to be read one by one.
pub trait Tree: Send + Sync {
    /// What is in it.
    fn listing(&self) -> &Listing;

    /// The length of a content, without reading it. Not asked of a submodule, which has none.
    fn content_size(&self, file: &TreeFile) -> super::Result<u64>;

    /// A content of at most `cap` bytes; else [`super::Error::TooLarge`]. Not asked of a submodule, which has none.
    fn content(&self, file: &TreeFile, cap: u64) -> super::Result<Vec<u8>>;

    /// The first bytes of a content, `most` at most, however long it is. Not asked of a submodule, which has none.
    fn content_head(&self, file: &TreeFile, most: u64) -> super::Result<Vec<u8>>;

    /// Every file, ascending by the bytes of its path, each path once.
    fn files(&self) -> &[TreeFile] {
        &self.listing().files
    }

    /// The paths that are not among the files, such as those that would lead elsewhere, each with the reason.
    fn refused(&self) -> &[(TreePath, String)] {
        &self.listing().refused
    }

    /// The content's length in bytes, without reading it; 0 for a submodule.
    fn size(&self, file: &TreeFile) -> super::Result<u64> {
        if file.kind == FileKind::Submodule { Ok(0) } else { self.content_size(file) }
    }

    /// The content, if it is at most `cap` bytes; else [`super::Error::TooLarge`]. A submodule's is empty.
    fn read(&self, file: &TreeFile, cap: u64) -> super::Result<Vec<u8>> {
        if file.kind == FileKind::Submodule { Ok(Vec::new()) } else { self.content(file, cap) }
    }

    /// The first bytes of the content, `most` at most, however long it is. A submodule has none.
    fn head(&self, file: &TreeFile, most: u64) -> super::Result<Vec<u8>> {
        if file.kind == FileKind::Submodule { Ok(Vec::new()) } else { self.content_head(file, most) }
    }

    /// The file at `path`.
    fn find(&self, path: &TreePath) -> Option<&TreeFile> {
        let files = self.files();
        files.binary_search_by(|file| file.path.cmp(path)).ok().map(|at| &files[at])
    }
}
