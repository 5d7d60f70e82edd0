//! Repositories that git would not make: trees of any entries, branches that point anywhere.

use std::path::{Path, PathBuf};

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Kind, Write as _};
use tempfile::TempDir;

pub const FILE: &str = "100644";
pub const LINK: &str = "120000";
pub const TREE: &str = "40000";

/// A bare repository that is written object by object.
pub struct RawRepo {
    dir: TempDir,
    clock: std::cell::Cell<i64>,
}

impl RawRepo {
    pub fn new() -> RawRepo {
        let dir = tempfile::tempdir().unwrap();
        for part in ["objects/pack", "objects/info", "refs/heads", "info"] {
            std::fs::create_dir_all(dir.path().join(part)).unwrap();
        }
        std::fs::write(dir.path().join("HEAD"), "ref: refs/heads/main\n").unwrap();
        RawRepo { dir, clock: std::cell::Cell::new(1_700_000_000) }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn object(&self, kind: Kind, bytes: &[u8]) -> ObjectId {
        gix::odb::loose::Store::at(self.path().join("objects"), Hash::Sha1).write_buf(kind, bytes).unwrap()
    }

    pub fn blob(&self, content: impl AsRef<[u8]>) -> ObjectId {
        self.object(Kind::Blob, content.as_ref())
    }

    /// A tree of exactly these entries, in this order.
    pub fn tree(&self, entries: &[(&str, &[u8], ObjectId)]) -> ObjectId {
        let mut bytes = Vec::new();
        for (mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode} ").as_bytes());
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(id.as_slice());
        }
        self.object(Kind::Tree, &bytes)
    }

    pub fn commit(&self, tree: ObjectId, parents: &[ObjectId]) -> ObjectId {
        self.commit_saying(tree, parents, "change files\n")
    }

    pub fn commit_saying(&self, tree: ObjectId, parents: &[ObjectId], message: &str) -> ObjectId {
        self.clock.set(self.clock.get() + 60);
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let who = format!("Ada Lovelace <ada@example.org> {} +0100", self.clock.get());
        self.object(Kind::Commit, format!("tree {tree}\n{parents}author {who}\ncommitter {who}\n\n{message}").as_bytes())
    }

    pub fn point(&self, branch: &str, id: ObjectId) {
        let path = self.path().join("refs/heads").join(branch);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{id}\n")).unwrap();
    }

    /// A commit of exactly these entries on `main`, without a parent.
    pub fn push(&self, entries: &[(&str, &[u8], ObjectId)]) -> String {
        let commit = self.commit(self.tree(entries), &[]);
        self.point("main", commit);
        commit.to_string()
    }

    pub fn loose(&self, id: ObjectId) -> PathBuf {
        let hex = id.to_string();
        self.path().join("objects").join(&hex[..2]).join(&hex[2..])
    }
}
