//! A repository that a test makes: objects and references written as git has them, without git.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{Kind, Write as _};
use tempfile::TempDir;

/// The files of a commit by path.
type Files = BTreeMap<String, Vec<u8>>;

/// A repository with a working directory, or a bare one, in a directory of its own that goes with it.
pub struct TestRepo {
    dir: TempDir,
    git: PathBuf,
    is_bare: bool,
    state: RefCell<State>,
}

/// What the repository has, so that nothing needs to be read back.
struct State {
    branch: String,
    branches: BTreeMap<String, (String, Files)>,
    /// What each commit has.
    history: BTreeMap<String, Files>,
    clock: i64,
    /// What the next commits say, and who says it.
    message: String,
    author: String,
}

impl TestRepo {
    /// An empty repository with a working directory; its branch `main` has no commit yet.
    pub fn new() -> TestRepo {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().join(".git");
        TestRepo::make(dir, git, false)
    }

    /// An empty bare repository; its branch `main` has no commit yet.
    pub fn bare() -> TestRepo {
        let dir = tempfile::tempdir().unwrap();
        let git = dir.path().to_owned();
        TestRepo::make(dir, git, true)
    }

    fn make(dir: TempDir, git: PathBuf, is_bare: bool) -> TestRepo {
        for part in ["objects/pack", "objects/info", "refs/heads", "info"] {
            std::fs::create_dir_all(git.join(part)).unwrap();
        }
        std::fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        let state = State {
            branch: "main".to_owned(),
            branches: BTreeMap::new(),
            history: BTreeMap::new(),
            clock: 1_700_000_000,
            message: "change files".to_owned(),
            author: "Ada Lovelace".to_owned(),
        };
        TestRepo { dir, git, is_bare, state: RefCell::new(state) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Commits these files over those of the branch, which moves to the commit, in the working directory as well. Answers its name.
    pub fn commit<P: Into<String>, B: AsRef<[u8]>>(&self, files: impl IntoIterator<Item = (P, B)>) -> String {
        let mut all = self.files();
        all.extend(files.into_iter().map(|(path, content)| (path.into(), content.as_ref().to_vec())));
        self.commit_all(all)
    }

    /// Has the commits that follow say this, and be somebody's.
    pub fn speak(&self, author: &str, message: &str) {
        let mut state = self.state.borrow_mut();
        author.clone_into(&mut state.author);
        message.clone_into(&mut state.message);
    }

    /// Commits the removal of these files.
    pub fn remove(&self, paths: &[&str]) -> String {
        let mut all = self.files();
        all.retain(|path, _| !paths.contains(&path.as_str()));
        self.commit_all(all)
    }

    /// Goes to a branch, which begins here if it is not there; the working directory follows.
    pub fn switch(&self, branch: &str) {
        let mut state = self.state.borrow_mut();
        if let Some(here) = state.branches.get(&state.branch).cloned() {
            let (head, files) = state.branches.entry(branch.to_owned()).or_insert(here).clone();
            self.point(branch, &head);
            self.check_out(&files);
        }
        std::fs::write(self.git.join("HEAD"), format!("ref: refs/heads/{branch}\n")).unwrap();
        branch.clone_into(&mut state.branch);
    }

    /// Has the present branch point at a commit again that it had.
    pub fn reset(&self, sha: &str) {
        let mut state = self.state.borrow_mut();
        let files = state.history.get(sha).expect("the commit was made here").clone();
        self.point(&state.branch, sha);
        self.check_out(&files);
        let branch = state.branch.clone();
        state.branches.insert(branch, (sha.to_owned(), files));
    }

    /// Deletes a branch that is not the present one.
    pub fn delete_branch(&self, branch: &str) {
        let mut state = self.state.borrow_mut();
        assert_ne!(state.branch, branch, "the present branch stays");
        state.branches.remove(branch);
        std::fs::remove_file(self.git.join("refs/heads").join(branch)).unwrap();
    }

    /// Writes a file into the working directory and nowhere else.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn files(&self) -> Files {
        let state = self.state.borrow();
        state.branches.get(&state.branch).map(|(_, files)| files.clone()).unwrap_or_default()
    }

    fn commit_all(&self, files: Files) -> String {
        let mut state = self.state.borrow_mut();
        state.clock += 60;
        let entries: Vec<(&str, ObjectId)> =
            files.iter().map(|(path, content)| (path.as_str(), self.object(Kind::Blob, content))).collect();
        let parent = state.branches.get(&state.branch).map(|(head, _)| format!("parent {head}\n")).unwrap_or_default();
        let who = format!("{} <ada@example.org> {} +0100", state.author, state.clock);
        let text = format!("tree {}\n{parent}author {who}\ncommitter {who}\n\n{}\n", self.tree(&entries), state.message);
        let sha = self.object(Kind::Commit, text.as_bytes()).to_string();
        self.point(&state.branch, &sha);
        self.check_out(&files);
        let branch = state.branch.clone();
        state.history.insert(sha.clone(), files.clone());
        state.branches.insert(branch, (sha.clone(), files));
        sha
    }

    /// The name of a content that was committed.
    pub fn blob(&self, content: &str) -> String {
        self.object(Kind::Blob, content.as_bytes()).to_string()
    }

    fn object(&self, kind: Kind, bytes: &[u8]) -> ObjectId {
        gix::odb::loose::Store::at(self.git.join("objects"), Hash::Sha1).write_buf(kind, bytes).unwrap()
    }

    /// The tree of these paths, ascending, with the directories they need.
    fn tree(&self, files: &[(&str, ObjectId)]) -> ObjectId {
        let first = |path: &str| path.split_once('/').map(|(dir, _)| dir.to_owned());
        let mut entries: Vec<(String, &str, String, ObjectId)> = Vec::new();
        for group in files.chunk_by(|(a, _), (b, _)| first(a).is_some() && first(a) == first(b)) {
            let (path, id) = group[0];
            match first(path) {
                None => entries.push((path.to_owned(), "100644", path.to_owned(), id)),
                Some(dir) => {
                    let below: Vec<_> = group.iter().map(|(path, id)| (&path[dir.len() + 1..], *id)).collect();
                    // Git orders a directory as if its name ended with a slash.
                    entries.push((format!("{dir}/"), "40000", dir, self.tree(&below)));
                }
            }
        }
        entries.sort();
        let mut bytes = Vec::new();
        for (_, mode, name, id) in entries {
            bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
            bytes.extend_from_slice(id.as_slice());
        }
        self.object(Kind::Tree, &bytes)
    }

    fn point(&self, branch: &str, sha: &str) {
        let path = self.git.join("refs/heads").join(branch);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{sha}\n")).unwrap();
    }

    /// Makes the working directory hold these files and no others.
    fn check_out(&self, files: &Files) {
        if self.is_bare {
            return;
        }
        for entry in std::fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| *path != self.git) {
            if entry.is_dir() && !entry.is_symlink() {
                std::fs::remove_dir_all(entry).unwrap();
            } else {
                std::fs::remove_file(entry).unwrap();
            }
        }
        for (path, content) in files {
            self.write(path, content);
        }
    }
}
