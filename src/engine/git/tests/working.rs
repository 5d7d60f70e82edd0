//! Working directories.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::fixture::Fixture;
use super::tree::{FileKind, Tree};
use super::*;
use crate::base::name::TreePath;
use crate::engine::git::diff::{RenameLimits, diff_trees};
use crate::engine::git::worktree::Directory;

fn directory(path: &Path) -> Directory {
    Directory::open(path, Limits::default(), Trust::Ours).unwrap()
}

fn write(dir: &Path, path: &str, content: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, content).unwrap();
}

/// Writes an index that tracks these paths.
fn track(fixture: &Fixture, paths: &[(&str, gix::index::entry::Mode)]) {
    let mut state = gix::index::State::new(gix::hash::Kind::Sha1);
    for (path, mode) in paths {
        let flags = gix::index::entry::Flags::empty();
        state.dangerously_push_entry(Default::default(), fixture.blob("x"), flags, *mode, (*path).into());
    }
    state.sort_entries();
    let mut file = gix::index::File::from_state(state, fixture.git.join("index"));
    file.write(Default::default()).unwrap();
}

#[test]
fn a_folder_without_git_is_all_its_files() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "a.txt", "hello\n");
    write(dir.path(), "b/c.txt", "x");
    write(dir.path(), ".gitignore", "b\n");
    let found = directory(dir.path());
    assert_eq!(paths(&found), [".gitignore", "a.txt", "b/c.txt"]);
    let file = found.find(&TreePath::new("a.txt")).unwrap();
    assert_eq!(file.blob.to_string(), "ce013625030ba8dba906f756967f9e9ca394464a", "as `git hash-object` has it");
    assert_eq!((found.size(file).unwrap(), found.read(file, 6).unwrap()), (6, b"hello\n".to_vec()));
    assert!(matches!(found.read(file, 5), Err(Error::TooLarge { size: 6, cap: 5, .. })));
    assert!(found.repository().unwrap().is_none());
    assert_eq!(found.head().unwrap(), None);
}

#[test]
fn a_file_that_is_larger_than_any_check_reads_is_listed_without_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let huge = |name: &str, size: u64| std::fs::File::create(dir.path().join(name)).unwrap().set_len(size).unwrap();
    huge("a.bin", (256 << 20) + 1);
    huge("b.bin", (256 << 20) + 1);
    write(dir.path(), "c.txt", "hello\n");
    let found = directory(dir.path());
    let file = |path: &str| found.find(&TreePath::new(path)).unwrap();
    assert_ne!(file("a.bin").blob, file("b.bin").blob, "whoever reads them would find them alike");
    assert_eq!(found.size(file("a.bin")).unwrap(), (256 << 20) + 1);
    assert_eq!(file("a.bin").blob, directory(dir.path()).find(&TreePath::new("a.bin")).unwrap().blob, "the same file has the same name");
    huge("a.bin", (256 << 20) + 2);
    assert_ne!(file("a.bin").blob, directory(dir.path()).find(&TreePath::new("a.bin")).unwrap().blob);
    assert_eq!(file("c.txt").blob.to_string(), "ce013625030ba8dba906f756967f9e9ca394464a");
}

#[test]
fn a_repository_is_what_is_tracked_and_what_is_not_ignored() {
    let fixture = Fixture::worktree();
    let dir = fixture.dir.path();
    for path in [
        "kept.rs",
        "debug.log",
        "forced.log",
        "target/a.o",
        "target/kept.txt",
        "deep/x/y.tmp",
        "deep/x/important.tmp",
        "deep/z.rs",
        "private",
    ] {
        write(dir, path, path);
    }
    write(dir, ".gitignore", "*.log\n/target/\n");
    write(dir, "deep/.gitignore", "*.tmp\n!important.tmp\n");
    write(dir, ".git/info/exclude", "private\n");
    let file = gix::index::entry::Mode::FILE;
    track(&fixture, &[("forced.log", file), ("target/kept.txt", file), ("deleted.rs", file)]);
    let expected = [".gitignore", "deep/.gitignore", "deep/x/important.tmp", "deep/z.rs", "forced.log", "kept.rs", "target/kept.txt"];
    assert_eq!(paths(&directory(dir)), expected);
    let below = directory(&dir.join("deep/x"));
    assert_eq!(paths(&below), expected, "a directory within is the whole repository");
    assert_eq!(below.top(), dir.canonicalize().unwrap());
}

#[test]
fn submodules_are_named_and_repositories_inside_are_left_alone() {
    let fixture = Fixture::worktree();
    let dir = fixture.dir.path();
    write(dir, "vendor/lib/.git", "gitdir: elsewhere\n");
    write(dir, "vendor/lib/code.c", "x");
    write(dir, "clone/.git/HEAD", "ref: refs/heads/main\n");
    write(dir, "clone/code.c", "x");
    track(&fixture, &[("vendor/lib", gix::index::entry::Mode::COMMIT)]);
    let found = directory(dir);
    assert_eq!(paths(&found), ["vendor/lib"]);
    assert_eq!(found.files()[0].kind, FileKind::Submodule);
}

#[test]
fn links_are_contents_and_never_followed_be_they_out_in_circles_or_swapped_in_later() {
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "secret", "secret");
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "d/secret", "mine");
    write(dir.path(), "plain", "plain");
    symlink(outside.path(), dir.path().join("out")).unwrap();
    symlink(".", dir.path().join("circle")).unwrap();
    symlink("a", dir.path().join("b")).unwrap();
    symlink("b", dir.path().join("a")).unwrap();
    let found = directory(dir.path());
    assert_eq!(paths(&found), ["a", "b", "circle", "d/secret", "out", "plain"]);
    let out = found.find(&TreePath::new("out")).unwrap();
    assert_eq!(out.kind, FileKind::Symlink);
    assert_eq!(found.read(out, 9_999).unwrap(), outside.path().to_str().unwrap().as_bytes());
    // The directory and the file are replaced by links after they were listed.
    std::fs::remove_dir_all(dir.path().join("d")).unwrap();
    symlink(outside.path(), dir.path().join("d")).unwrap();
    std::fs::remove_file(dir.path().join("plain")).unwrap();
    symlink(outside.path().join("secret"), dir.path().join("plain")).unwrap();
    for path in ["d/secret", "plain"] {
        let file = found.find(&TreePath::new(path)).unwrap();
        assert!(matches!(found.read(file, 9_999), Err(Error::Io { .. })), "{path}");
    }
}

#[test]
fn modes_odd_names_and_things_without_content_are_told_apart() {
    use std::os::unix::ffi::OsStrExt;
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "run", "x");
    std::fs::set_permissions(dir.path().join("run"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9")), "x").unwrap();
    write(dir.path(), ".GIT/config", "x");
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, dir.path().join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let found = directory(dir.path());
    assert_eq!(paths(&found), ["caf%E9", "run"]);
    assert_eq!(found.files()[1].kind, FileKind::Executable);
    assert_eq!(found.read(&found.files()[0], 1).unwrap(), b"x");
    assert_eq!(found.refused().len(), 1);
}

#[test]
fn a_file_of_a_gigabyte_is_named_in_a_stream_and_not_read_past_the_cap() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::File::create(dir.path().join("big")).unwrap().set_len(1 << 30).unwrap();
    let found = directory(dir.path());
    let file = &found.files()[0];
    assert_eq!(found.size(file).unwrap(), 1 << 30);
    assert!(matches!(found.read(file, 1 << 20), Err(Error::TooLarge { .. })));
}

#[test]
fn a_directory_compares_with_a_commit_of_its_repository() {
    let fixture = Fixture::worktree();
    let commit = fixture.push("main", &[("a", "1\n"), ("b", "2\n")]);
    write(fixture.dir.path(), "a", "1\n");
    write(fixture.dir.path(), "b", "changed\n");
    let found = directory(fixture.dir.path());
    assert_eq!(found.head().unwrap(), Some(sha(commit)));
    let repository = found.repository().unwrap().unwrap();
    let changes = diff_trees(&repository.tree(sha(commit)).unwrap(), &found, &RenameLimits::default()).unwrap();
    assert_eq!(changes.iter().map(|change| change.path.to_string()).collect::<Vec<_>>(), ["b"]);
}

#[test]
fn an_unborn_head_is_no_obstacle_and_a_bare_repository_has_nothing_to_list() {
    let fixture = Fixture::worktree();
    write(fixture.dir.path(), "a", "1\n");
    let found = directory(fixture.dir.path());
    assert_eq!((paths(&found), found.head().unwrap()), (vec!["a".to_owned()], None));
    let bare = Fixture::bare();
    let error = Directory::open(&bare.git, Limits::default(), Trust::Ours).err().unwrap();
    assert!(error.to_string().ends_with("it has no working directory"), "{error}");
}

#[test]
fn a_linked_worktree_is_read_with_the_repository_it_belongs_to() {
    let fixture = Fixture::worktree();
    let commit = fixture.push("side", &[("a", "1\n")]);
    let private = fixture.git.join("worktrees/w");
    std::fs::create_dir_all(&private).unwrap();
    std::fs::write(private.join("HEAD"), "ref: refs/heads/side\n").unwrap();
    std::fs::write(private.join("commondir"), "../..\n").unwrap();
    let linked = tempfile::tempdir().unwrap();
    write(linked.path(), ".git", &format!("gitdir: {}\n", private.display()));
    write(linked.path(), "a", "1\n");
    let found = directory(linked.path());
    assert_eq!((paths(&found), found.head().unwrap()), (vec!["a".to_owned()], Some(sha(commit))));
}

#[test]
fn more_files_than_the_limit_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..5 {
        write(dir.path(), &n.to_string(), "x");
    }
    let error = Directory::open(dir.path(), Limits { tree_entries: 4, ..Limits::default() }, Trust::Ours).err().unwrap();
    assert!(matches!(error, Error::TooMany { limit: 4, .. }), "{error}");
}

#[test]
fn directories_deeper_than_the_limit_are_refused_by_name_and_the_rest_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "d/d/a", "x");
    write(dir.path(), "d/d/d/a", "x");
    let found = Directory::open(dir.path(), Limits { tree_depth: 2, ..Limits::default() }, Trust::Ours).unwrap();
    assert_eq!(paths(&found), ["d/d/a"]);
    let why = "it is a directory below 2 others, the most that are followed".to_owned();
    assert_eq!(found.refused(), [(TreePath::new("d/d/d"), why)]);
}
