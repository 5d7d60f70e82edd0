//! A tree made by hand: for tests, and for content that came by another door than git.
//!
//! Its files carry the names that git would give their content, so that what is kept by blob is found again whichever way the bytes came.
//! It holds everything in memory and is meant for little.

use std::collections::BTreeMap;

use crate::base::name::{BlobId, TreePath};

use super::tree::{FileKind, Listing, Tree, TreeFile};
use super::{Error, Result};

/// A tree whose files and contents are values.
#[derive(Debug, Clone, Default)]
pub struct MemoryTree {
    listing: Listing,
    /// The content of each file, in the same order.
    contents: Vec<Vec<u8>>,
}

impl MemoryTree {
    /// The tree of these files. Of two with the same path the later stays. A submodule has no content, and what is made to collide under
    /// SHA-1 is left empty, since git has no name for it.
    pub fn new<P: Into<Vec<u8>>, B: Into<Vec<u8>>>(files: impl IntoIterator<Item = (P, FileKind, B)>) -> MemoryTree {
        let by_path: BTreeMap<TreePath, (FileKind, Vec<u8>)> = files
            .into_iter()
            .map(|(path, kind, bytes)| {
                let content = if kind == FileKind::Submodule { Vec::new() } else { bytes.into() };
                (TreePath::new(path), (kind, content))
            })
            .collect();
        let empty = blob_id(&[]).expect("nothing collides with nothing");
        let mut tree = MemoryTree::default();
        for (path, (kind, content)) in by_path {
            let (blob, content) = blob_id(&content).map_or((empty, Vec::new()), |blob| (blob, content));
            tree.listing.files.push(TreeFile { path, kind, blob });
            tree.contents.push(content);
        }
        tree
    }

    fn bytes(&self, file: &TreeFile) -> &[u8] {
        match self.files().binary_search_by(|known| known.path.cmp(&file.path)) {
            Ok(at) => &self.contents[at],
            Err(_) => &[],
        }
    }
}

impl Tree for MemoryTree {
    fn listing(&self) -> &Listing {
        &self.listing
    }

    fn content_size(&self, file: &TreeFile) -> Result<u64> {
        Ok(self.bytes(file).len() as u64)
    }

    fn content(&self, file: &TreeFile, cap: u64) -> Result<Vec<u8>> {
        let content = self.bytes(file);
        let size = content.len() as u64;
        if size > cap {
            return Err(Error::TooLarge { path: file.path.clone(), size, cap });
        }
        Ok(content.to_vec())
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> Result<Vec<u8>> {
        let content = self.bytes(file);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(content[..content.len().min(most)].to_vec())
    }
}

/// The name git gives this content; `None` for a collision attack.
fn blob_id(content: &[u8]) -> Option<BlobId> {
    let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, content).ok()?;
    Some(BlobId::from_bytes(id.as_bytes().try_into().expect("a SHA-1 has twenty bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_named_as_git_names_it() {
        let tree = MemoryTree::new([("hello.txt", FileKind::Regular, "hello\n")]);
        assert_eq!(tree.files()[0].blob.to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn files_stand_in_the_order_of_their_paths_and_the_later_of_two_stays() {
        let tree = MemoryTree::new([("b", FileKind::Regular, "1"), ("a", FileKind::Symlink, "b"), ("b", FileKind::Regular, "22")]);
        assert_eq!(tree.files().iter().map(|file| file.path.to_string()).collect::<Vec<_>>(), ["a", "b"]);
        let file = tree.find(&TreePath::new("b")).unwrap();
        assert_eq!(tree.read(file, 2).unwrap(), b"22");
    }

    #[test]
    fn a_head_is_as_long_as_was_asked_for_or_as_the_content() {
        let tree = MemoryTree::new([("a", FileKind::Regular, "123"), ("s", FileKind::Submodule, "")]);
        let heads = [0, 2, 3, u64::MAX].map(|most| tree.head(&tree.files()[0], most).unwrap());
        assert_eq!(heads, [&b""[..], b"12", b"123", b"123"]);
        assert_eq!(tree.head(&tree.files()[1], 9).unwrap(), b"");
    }

    #[test]
    fn more_than_the_reader_takes_is_an_error() {
        let tree = MemoryTree::new([("a", FileKind::Regular, "123")]);
        let Err(Error::TooLarge { size, cap, .. }) = tree.read(&tree.files()[0], 2) else { panic!("the cap was ignored") };
        assert_eq!((size, cap), (3, 2));
    }
}
