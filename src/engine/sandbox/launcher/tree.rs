//! Writing a tree, and reading back from it, beneath one directory and through no link.
//!
//! The paths are those of a hostile repository, and when it is read back the tree is a hostile program's. So each directory on the way is
//! opened by its own name, from the one above it, and a link is an error; files are made and never opened to be overwritten.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::super::Kind;

/// The deepest path.
const DEPTH: usize = 128;
/// The most files and directories that one is looked for among.
const SOUGHT: usize = 1 << 18;
/// How a directory is opened on the way.
const STEP: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);
/// How much is copied at once.
const COPIED: usize = 16 << 10;

/// Why a file could not be written.
#[derive(Debug)]
pub(super) enum Unwritten {
    /// It alone: its path cannot be.
    Refused(String),
    /// There is no room for it.
    NoRoom,
    /// The bytes that should be in it do not come.
    Source(io::Error),
}

impl From<Errno> for Unwritten {
    fn from(errno: Errno) -> Unwritten {
        match errno {
            Errno::NOSPC | Errno::DQUOT | Errno::FBIG => Unwritten::NoRoom,
            Errno::EXIST => Unwritten::Refused("there is something at its place already".into()),
            Errno::LOOP | Errno::NOTDIR => Unwritten::Refused("its path leads through something that is no directory".into()),
            other => Unwritten::Refused(io::Error::from(other).to_string()),
        }
    }
}

/// A directory that files are written beneath.
pub(super) struct Tree {
    top: OwnedFd,
    /// The directory that was written to last: in a tree in order it is mostly the next one too.
    last: Option<(Vec<u8>, OwnedFd)>,
}

impl Tree {
    pub(super) fn at(path: &std::path::Path) -> io::Result<Tree> {
        Ok(Tree { top: rustix::fs::open(path, STEP, Mode::empty())?, last: None })
    }

    /// The directory itself.
    pub(super) fn top(&self) -> &OwnedFd {
        &self.top
    }

    /// Writes a file whose `len` bytes come from `from`. Whatever happens, all of them are read.
    pub(super) fn write(&mut self, path: &[u8], kind: Kind, len: u64, from: &mut impl Read) -> Result<(), Unwritten> {
        let mut content = from.take(len);
        let written = self.place(path, kind, &mut content);
        match io::copy(&mut content, &mut io::sink()) {
            Ok(_) if content.limit() == 0 => written,
            Ok(_) => Err(Unwritten::Source(io::ErrorKind::UnexpectedEof.into())),
            Err(error) => Err(Unwritten::Source(error)),
        }
    }

    fn place(&mut self, path: &[u8], kind: Kind, content: &mut impl Read) -> Result<(), Unwritten> {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        let is_odd = |part: &&[u8]| matches!(*part, b"" | b"." | b"..") || part.contains(&0);
        if parts.len() > DEPTH || parts.iter().any(is_odd) {
            return Err(Unwritten::Refused("it is no path beneath a directory".into()));
        }
        let Some((name, above)) = parts.split_last() else { return Err(Unwritten::Refused("it is empty".into())) };
        let within = path[..path.len() - name.len()].to_vec();
        if self.last.as_ref().is_none_or(|(last, _)| *last != within) {
            let dir = self.enter(above)?;
            self.last = Some((within, dir));
        }
        let Some((_, dir)) = &self.last else { return Err(Unwritten::Refused("it has no directory".into())) };
        match kind {
            Kind::Regular => fill(dir, name, 0o644, content),
            Kind::Executable => fill(dir, name, 0o755, content),
            Kind::Symlink => {
                let mut target = Vec::new();
                content.read_to_end(&mut target).map_err(Unwritten::Source)?;
                Ok(rustix::fs::symlinkat(target.as_slice(), dir, *name)?)
            }
        }
    }

    /// Opens the directory of these names, and makes what is not there.
    fn enter(&self, names: &[&[u8]]) -> Result<OwnedFd, Unwritten> {
        let mut dir = self.top.try_clone().map_err(Unwritten::Source)?;
        for name in names {
            match rustix::fs::mkdirat(&dir, *name, Mode::from(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            dir = rustix::fs::openat(&dir, *name, STEP, Mode::empty())?;
        }
        Ok(dir)
    }

    /// Writes a file that its owner alone can read.
    pub(super) fn write_secret(&mut self, path: &str, secret: &[u8]) -> Result<(), Unwritten> {
        self.write(path.as_bytes(), Kind::Regular, secret.len() as u64, &mut &*secret)?;
        let name = path.rsplit('/').next().unwrap_or(path);
        if let Some((_, dir)) = &self.last {
            rustix::fs::chmodat(dir, name, Mode::from(0o400), AtFlags::empty())?;
        }
        Ok(())
    }
}

fn fill(dir: impl AsFd, name: &[u8], mode: u32, content: &mut impl Read) -> Result<(), Unwritten> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(rustix::fs::openat(dir, name, flags, Mode::from(mode))?);
    let mut buffer = [0; COPIED];
    loop {
        let read = content.read(&mut buffer).map_err(Unwritten::Source)?;
        if read == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..read]).map_err(|error| match Errno::from_io_error(&error) {
            Some(errno) => errno.into(),
            None => Unwritten::Source(error),
        })?;
    }
}

/// Opens a file of a program's making: a plain file, with one name, reached through directories alone, of at most `most` bytes.
pub(super) fn open_output(top: impl AsFd, path: &str, most: u64) -> Result<(std::fs::File, u64), String> {
    // Without waiting: a pipe would wait for somebody to write, a lock for somebody to let go.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let told = |errno: Errno| match errno {
        Errno::NOENT => "it was not written".to_owned(),
        Errno::LOOP => "it is a link, or behind one".to_owned(),
        Errno::XDEV => "it lies elsewhere".to_owned(),
        Errno::NXIO => "it is not a plain file".to_owned(),
        errno => io::Error::from(errno).to_string(),
    };
    let file = rustix::fs::openat2(top, path, flags, Mode::empty(), beneath).map_err(told)?;
    let found = rustix::fs::fstat(&file).map_err(told)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
        return Err("it is not a plain file".into());
    }
    if found.st_nlink != 1 {
        return Err("it has several names".into());
    }
    let size = u64::try_from(found.st_size).unwrap_or(u64::MAX);
    if size > most {
        return Err(format!("it is larger than {most} bytes"));
    }
    Ok((std::fs::File::from(file), size))
}

/// Whether there is a plain file of just this size, on the same file system and not too deep.
pub(super) fn has_file_of(top: impl AsFd, size: u64) -> bool {
    let enter = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let mut way: Vec<Dir> = Dir::read_from(top).into_iter().collect();
    let mut sought = 0;
    loop {
        let depth = way.len();
        let Some(dir) = way.last_mut() else { return false };
        let Some(Ok(entry)) = dir.read() else {
            way.pop();
            continue;
        };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        sought += 1;
        if sought > SOUGHT {
            return false;
        }
        let Ok(fd) = dir.fd() else { continue };
        let found = match entry.file_type() {
            FileType::Directory => None,
            FileType::RegularFile | FileType::Unknown => rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW).ok(),
            _ => continue,
        };
        match found.map(|found| (FileType::from_raw_mode(found.st_mode), u64::try_from(found.st_size))) {
            Some((FileType::RegularFile, Ok(is))) if is == size => return true,
            None | Some((FileType::Directory, _)) if depth < DEPTH => {
                let inner = rustix::fs::openat2(fd, name, STEP, Mode::empty(), enter).and_then(Dir::new);
                way.extend(inner);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("work")).unwrap();
        let tree = Tree::at(&dir.path().join("work")).unwrap();
        (dir, tree)
    }

    fn put(tree: &mut Tree, path: &[u8], kind: Kind, bytes: &[u8]) -> Result<(), String> {
        tree.write(path, kind, bytes.len() as u64, &mut &*bytes).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_tree_is_written_with_its_kinds() {
        let (dir, mut tree) = tree();
        put(&mut tree, b"a/b/c.txt", Kind::Regular, b"text").unwrap();
        put(&mut tree, b"a/b/run", Kind::Executable, b"#!").unwrap();
        put(&mut tree, b"a/link", Kind::Symlink, b"b/c.txt").unwrap();
        put(&mut tree, b"caf\xe9", Kind::Regular, b"").unwrap();
        assert_eq!(std::fs::read(dir.path().join("work/a/link")).unwrap(), b"text");
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(dir.path().join("work/a/b/run")).unwrap().permissions().mode() & 0o111, 0o111);
    }

    #[test]
    fn no_path_leads_out_of_the_tree() {
        let (dir, mut tree) = tree();
        for path in ["../x", "a/../../x", "/x", "a//x", "", ".", "a/.", "a\0b", &"d/".repeat(200)] {
            assert!(put(&mut tree, path.as_bytes(), Kind::Regular, b"x").is_err(), "{path:?}");
        }
        let names = |dir: &std::path::Path| std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names(dir.path()), ["work"]);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_over_what_is_there() {
        let (dir, mut tree) = tree();
        let outside = dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("kept"), "kept").unwrap();
        put(&mut tree, b"out", Kind::Symlink, outside.to_str().unwrap().as_bytes()).unwrap();
        put(&mut tree, b"file", Kind::Symlink, outside.join("kept").to_str().unwrap().as_bytes()).unwrap();
        assert!(put(&mut tree, b"out/x", Kind::Regular, b"x").is_err());
        assert!(put(&mut tree, b"out/kept", Kind::Regular, b"x").is_err());
        assert!(put(&mut tree, b"file", Kind::Regular, b"x").is_err());
        assert!(put(&mut tree, b"out", Kind::Symlink, b"elsewhere").is_err());
        assert_eq!(std::fs::read(outside.join("kept")).unwrap(), b"kept");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    }

    #[test]
    fn the_bytes_of_a_file_that_is_refused_are_read_all_the_same() {
        let (_dir, mut tree) = tree();
        let mut from = &b"refusednext"[..];
        assert!(matches!(tree.write(b"..", Kind::Regular, 7, &mut from), Err(Unwritten::Refused(_))));
        assert_eq!(from, b"next");
        assert!(matches!(tree.write(b"cut", Kind::Regular, 9, &mut from), Err(Unwritten::Source(_))));
    }

    #[test]
    fn only_plain_files_with_one_name_are_read_back() {
        let (dir, mut tree) = tree();
        let work = dir.path().join("work");
        put(&mut tree, b"out/report", Kind::Regular, b"fine").unwrap();
        put(&mut tree, b"large", Kind::Regular, &[b'x'; 100]).unwrap();
        put(&mut tree, b"link", Kind::Symlink, b"out/report").unwrap();
        put(&mut tree, b"dir", Kind::Symlink, b"out").unwrap();
        std::fs::hard_link(work.join("large"), work.join("twice")).unwrap();
        rustix::fs::mknodat(tree.top(), "pipe", FileType::Fifo, Mode::from(0o644), 0).unwrap();
        let read = |path: &str| open_output(tree.top(), path, 64).map(|(_, size)| size);
        assert_eq!(read("out/report"), Ok(4));
        for (path, why) in [
            ("link", "link"),
            ("dir/report", "link"),
            ("pipe", "not a plain file"),
            ("out", "not a plain file"),
            ("gone", "not written"),
            ("twice", "several names"),
        ] {
            assert!(read(path).unwrap_err().contains(why), "{path}: {:?}", read(path));
        }
        std::fs::remove_file(work.join("twice")).unwrap();
        assert!(read("large").unwrap_err().contains("larger than 64 bytes"));
    }

    #[test]
    fn a_file_of_some_size_is_found_wherever_it_is_but_behind_no_link() {
        let (dir, mut tree) = tree();
        std::fs::write(dir.path().join("outside"), [b'x'; 7]).unwrap();
        put(&mut tree, b"link", Kind::Symlink, b"../outside").unwrap();
        put(&mut tree, b"up", Kind::Symlink, b"..").unwrap();
        put(&mut tree, b"a/b/other", Kind::Regular, &[b'x'; 8]).unwrap();
        assert!(!has_file_of(tree.top(), 7));
        put(&mut tree, b"a/b/c/it", Kind::Regular, &[b'x'; 7]).unwrap();
        put(&mut tree, b"z/other", Kind::Regular, b"").unwrap();
        assert!(has_file_of(tree.top(), 7));
    }

    #[test]
    fn a_secret_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, mut tree) = tree();
        tree.write_secret("keys/token", b"hunter2").unwrap();
        let file = dir.path().join("work/keys/token");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o400);
        assert_eq!(std::fs::read(file).unwrap(), b"hunter2");
    }
}
