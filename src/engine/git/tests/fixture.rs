//! Repositories made object by object, well formed or not, without the git program.

use std::path::{Path, PathBuf};

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Kind, Write};
use gix_pack::data::output;
use tempfile::TempDir;

/// Mode, name or path, and object of something in a tree.
pub type Entry<'a> = (&'a str, &'a [u8], ObjectId);

/// A bare repository, or one with a working directory around it, that a test fills.
pub struct Fixture {
    pub dir: TempDir,
    pub git: PathBuf,
    loose: gix::odb::loose::Store,
    clock: std::cell::Cell<i64>,
}

pub const FILE: &str = "100644";
pub const EXECUTABLE: &str = "100755";
pub const LINK: &str = "120000";
pub const TREE: &str = "40000";
pub const SUBMODULE: &str = "160000";

impl Fixture {
    /// An empty bare repository whose `HEAD` names `main`.
    pub fn bare() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join("repo.git");
        Fixture::at(dir, git)
    }

    /// An empty working directory with `.git`.
    pub fn worktree() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        Fixture::at(dir, git)
    }

    fn at(dir: TempDir, git: PathBuf) -> Fixture {
        for part in ["objects/pack", "objects/info", "refs/heads", "info"] {
            std::fs::create_dir_all(git.join(part)).unwrap();
        }
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let loose = gix::odb::loose::Store::at(git.join("objects"), Hash::Sha1);
        Fixture { dir, git, loose, clock: std::cell::Cell::new(1_700_000_000) }
    }

    pub fn object(&self, kind: Kind, bytes: &[u8]) -> ObjectId {
        self.loose.write_buf(kind, bytes).unwrap()
    }

    pub fn blob(&self, content: impl AsRef<[u8]>) -> ObjectId {
        self.object(Kind::Blob, content.as_ref())
    }

    /// A tree of exactly these entries, in this order, whatever they are called.
    pub fn raw_tree(&self, entries: &[Entry<'_>]) -> ObjectId {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(mode.as_bytes());
            bytes.push(b' ');
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_slice());
        }
        self.object(Kind::Tree, &bytes)
    }

    /// A tree of these files by path, with the directories they need.
    pub fn tree(&self, files: &[(&str, &str)]) -> ObjectId {
        let files: Vec<Entry<'_>> = files.iter().map(|(path, content)| (FILE, path.as_bytes(), self.blob(content))).collect();
        self.tree_of(&files)
    }

    /// A tree of these paths, with the directories they need.
    pub fn tree_of(&self, files: &[Entry<'_>]) -> ObjectId {
        let mut here: Vec<(&str, Vec<u8>, ObjectId)> = Vec::new();
        let mut below: std::collections::BTreeMap<Vec<u8>, Vec<Entry<'_>>> = Default::default();
        for (mode, path, id) in files {
            match path.iter().position(|byte| *byte == b'/') {
                None => here.push((mode, path.to_vec(), *id)),
                Some(slash) => below.entry(path[..slash].to_vec()).or_default().push((mode, &path[slash + 1..], *id)),
            }
        }
        for (name, files) in below {
            here.push((TREE, name, self.tree_of(&files)));
        }
        // Git orders a directory as if its name ended with a slash.
        here.sort_by_key(|(mode, name, _)| if *mode == TREE { [name, &b"/"[..]].concat() } else { name.clone() });
        let entries: Vec<Entry<'_>> = here.iter().map(|(mode, name, id)| (*mode, name.as_slice(), *id)).collect();
        self.raw_tree(&entries)
    }

    /// A commit of a tree, a minute after the last one.
    pub fn commit(&self, tree: ObjectId, parents: &[ObjectId], message: &str) -> ObjectId {
        self.clock.set(self.clock.get() + 60);
        self.commit_at(tree, parents, message, self.clock.get())
    }

    pub fn commit_at(&self, tree: ObjectId, parents: &[ObjectId], message: &str, at: i64) -> ObjectId {
        let mut text = format!("tree {tree}\n");
        for parent in parents {
            text.push_str(&format!("parent {parent}\n"));
        }
        text.push_str(&format!(
            "author Ada Lovelace <ada@example.org> {at} +0100\ncommitter Ada Lovelace <ada@example.org> {at} +0100\n\n{message}"
        ));
        self.object(Kind::Commit, text.as_bytes())
    }

    /// A commit of these files on a branch, after what the branch has.
    pub fn push(&self, branch: &str, files: &[(&str, &str)]) -> ObjectId {
        let parent = std::fs::read_to_string(self.git.join("refs/heads").join(branch)).ok();
        let parents: Vec<ObjectId> = parent.iter().map(|id| id.trim().parse().unwrap()).collect();
        let commit = self.commit(self.tree(files), &parents, &format!("commit on {branch}\n"));
        self.branch(branch, commit);
        commit
    }

    pub fn branch(&self, name: &str, id: ObjectId) {
        let path = self.git.join("refs/heads").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{id}\n")).unwrap();
    }

    /// Puts all loose objects into one pack, as deltas where git would not make any either: whole.
    pub fn pack(&self) -> PathBuf {
        let ids: Vec<ObjectId> = self.loose.iter().map(|id| id.unwrap()).collect();
        let bytes = pack_of(&self.git.join("objects"), ids.clone());
        let to = self.git.join("objects/pack");
        let written = gix_pack::Bundle::write_to_directory(
            &mut &bytes[..],
            Some(&to),
            &mut gix::progress::Discard,
            &false.into(),
            None::<gix::odb::HandleArc>,
            Hash::Sha1,
            gix_pack::bundle::write::Options::default(),
        )
        .unwrap();
        for id in ids {
            std::fs::remove_file(self.loose_path(id)).unwrap();
        }
        std::fs::remove_file(written.keep_path.unwrap()).unwrap();
        written.data_path.unwrap()
    }

    pub fn loose_path(&self, id: ObjectId) -> PathBuf {
        let hex = id.to_string();
        self.git.join("objects").join(&hex[..2]).join(&hex[2..])
    }
}

/// A pack of these objects.
pub fn pack_of(objects: &Path, ids: Vec<ObjectId>) -> Vec<u8> {
    let store = gix::odb::Store::at_opts(objects.to_owned(), Hash::Sha1, &mut std::iter::empty(), Default::default()).unwrap();
    let mut handle = std::sync::Arc::new(store).to_cache_arc();
    handle.prevent_pack_unload();
    let discard = gix::progress::Discard;
    let expansion = output::count::objects::ObjectExpansion::AsIs;
    let mut input = ids.into_iter().map(Ok);
    let (counts, _) = output::count::objects_unthreaded(&handle, &mut input, &discard, &false.into(), expansion).unwrap();
    let count = counts.len() as u32;
    let entries = output::entry::iter_from_counts(counts, handle, Box::new(discard), Default::default()).unwrap();
    let mut bytes = Vec::new();
    let ordered = gix::parallel::InOrderIter::from(entries);
    for step in output::bytes::FromEntriesIter::new(ordered, &mut bytes, count, gix_pack::data::Version::V2, Hash::Sha1) {
        step.unwrap();
    }
    bytes
}
