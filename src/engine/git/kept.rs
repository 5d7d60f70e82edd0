//! A tree whose contents are read once, for those who read it several times.
//!
//! Each program that runs over a tree is shown all of it. What the first of them was shown is kept for the others, by the content's name,
//! up to a number of bytes in all; beyond that, contents are read again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::tree::{Listing, Tree, TreeFile};
use super::{Error, Result};
use crate::base::name::BlobId;

/// How many bytes are kept of one tree.
const KEPT_BYTES: usize = 64 << 20;
/// The largest content that is kept.
const CONTENT_BYTES: usize = 1 << 20;

/// A tree, and what was read of it.
pub struct Kept {
    tree: Arc<dyn Tree>,
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    by_name: HashMap<BlobId, Arc<[u8]>>,
    bytes: usize,
}

impl Kept {
    /// The tree, of which nothing was read yet.
    pub fn new(tree: Arc<dyn Tree>) -> Kept {
        Kept { tree, contents: Mutex::default() }
    }

    fn kept(&self, file: &TreeFile) -> Option<Arc<[u8]>> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).by_name.get(&file.blob).cloned()
    }

    fn keep(&self, file: &TreeFile, content: &[u8]) {
        if content.len() > CONTENT_BYTES {
            return;
        }
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        if contents.bytes + content.len() <= KEPT_BYTES && contents.by_name.insert(file.blob, content.into()).is_none() {
            contents.bytes += content.len();
        }
    }
}

impl Tree for Kept {
    fn listing(&self) -> &Listing {
        self.tree.listing()
    }

    fn content_size(&self, file: &TreeFile) -> Result<u64> {
        self.tree.content_size(file)
    }

    fn content(&self, file: &TreeFile, cap: u64) -> Result<Vec<u8>> {
        match self.kept(file) {
            Some(kept) if kept.len() as u64 > cap => Err(Error::TooLarge { path: file.path.clone(), size: kept.len() as u64, cap }),
            Some(kept) => Ok(kept.to_vec()),
            None => {
                let content = self.tree.content(file, cap)?;
                self.keep(file, &content);
                Ok(content)
            }
        }
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> Result<Vec<u8>> {
        match self.kept(file) {
            Some(kept) => Ok(kept[..kept.len().min(usize::try_from(most).unwrap_or(usize::MAX))].to_vec()),
            None => self.tree.content_head(file, most),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::engine::git::memory::MemoryTree;
    use crate::engine::git::tree::FileKind;

    /// A tree that counts how often it was read.
    struct Counted(MemoryTree, AtomicUsize);

    impl Tree for Counted {
        fn listing(&self) -> &Listing {
            self.0.listing()
        }

        fn content_size(&self, file: &TreeFile) -> Result<u64> {
            self.0.content_size(file)
        }

        fn content(&self, file: &TreeFile, cap: u64) -> Result<Vec<u8>> {
            self.1.fetch_add(1, Ordering::Relaxed);
            self.0.content(file, cap)
        }

        fn content_head(&self, file: &TreeFile, most: u64) -> Result<Vec<u8>> {
            self.0.content_head(file, most)
        }
    }

    fn counted(files: &[(&str, Vec<u8>)]) -> (Arc<Counted>, Kept) {
        let files = files.iter().map(|(path, content)| (*path, FileKind::Regular, content.clone()));
        let counted = Arc::new(Counted(MemoryTree::new(files), AtomicUsize::new(0)));
        (counted.clone(), Kept::new(counted))
    }

    #[test]
    fn what_was_read_once_is_not_read_again_under_any_path() {
        let (counted, kept) = counted(&[("a", b"same".to_vec()), ("b", b"same".to_vec()), ("c", b"other".to_vec())]);
        for _ in 0..3 {
            let read: Vec<Vec<u8>> = kept.files().iter().map(|file| kept.read(file, 100).unwrap()).collect();
            assert_eq!(read, [&b"same"[..], b"same", b"other"]);
        }
        assert_eq!(counted.1.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_kept_content_is_refused_to_whoever_takes_less_and_cut_for_whoever_wants_its_head() {
        let (_, kept) = counted(&[("a", b"content".to_vec())]);
        let file = &kept.files()[0];
        kept.read(file, 100).unwrap();
        assert!(matches!(kept.read(file, 6), Err(Error::TooLarge { size: 7, cap: 6, .. })));
        assert_eq!(kept.head(file, 3).unwrap(), b"con");
        assert_eq!(kept.head(file, 30).unwrap(), b"content");
    }

    #[test]
    fn a_large_content_is_read_each_time() {
        let (counted, kept) = counted(&[("a", vec![b'x'; CONTENT_BYTES + 1])]);
        let file = &kept.files()[0];
        kept.read(file, u64::MAX).unwrap();
        kept.read(file, u64::MAX).unwrap();
        assert_eq!(counted.1.load(Ordering::Relaxed), 2);
    }
}
