//! Where a repository on this machine keeps its things, found without reading its configuration.
//!
//! A path can be a working directory with `.git` in it, a bare repository, or a linked worktree whose `.git` is a file that names
//! another place. Each directory that is followed, alternates included, must belong to us, or the caller has said that it need not: git
//! does the same (`safe.directory`), since whoever owns a repository decides what it says.

use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Error, Result};

/// The most bytes of a file that only names another place.
const POINTER: u64 = 4 << 10;
/// The most bytes of a configuration that are searched for a format we cannot read.
const CONFIG: u64 = 256 << 10;
/// How many directories are climbed in search of a repository's top.
const CLIMB: usize = 64;

/// Whose repositories are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trust {
    /// Only those of the user this process runs as; root makes no exception.
    #[default]
    Ours,
    /// Anybody's.
    Anybody,
}

/// The directories of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Where `HEAD` is.
    pub git_dir: PathBuf,
    /// Where objects and branches are; another place than `git_dir` for a linked worktree.
    pub common_dir: PathBuf,
    /// The working directory, if it has one.
    pub work_dir: Option<PathBuf>,
}

impl Layout {
    /// The repository at exactly this path.
    pub fn at(path: &Path, trust: Trust) -> Result<Layout> {
        let found = find(path)?.ok_or_else(|| Error::NotARepository { path: path.to_owned() })?;
        found.check(trust)?;
        Ok(found)
    }

    /// The repository that `path` lies in, if it lies in one.
    pub fn around(path: &Path, trust: Trust) -> Result<Option<Layout>> {
        let path = path.canonicalize().map_err(Error::io("open", path))?;
        for place in path.ancestors().take(CLIMB) {
            if let Some(found) = find(place)? {
                found.check(trust)?;
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Where the objects are.
    pub fn objects(&self) -> PathBuf {
        self.common_dir.join("objects")
    }

    fn check(&self, trust: Trust) -> Result<()> {
        let alternates = gix::odb::alternate::resolve(self.objects(), &self.common_dir)
            .map_err(|e| Error::corrupt(self.objects().join("info/alternates").display().to_string(), e))?;
        if trust == Trust::Ours {
            let ours = rustix::process::geteuid().as_raw();
            let objects = self.objects();
            let places = [&self.git_dir, &self.common_dir, &objects].into_iter().chain(&self.work_dir).chain(&alternates);
            for place in places {
                let owner = std::fs::metadata(place).map_err(Error::io("open", place))?.uid();
                if owner != ours {
                    return Err(Error::OtherOwner { path: place.clone(), owner, ours });
                }
            }
        }
        if self.common_dir.join("reftable").is_dir() {
            return Err(Error::Unsupported { path: self.git_dir.clone(), why: "its references are kept in the reftable format" });
        }
        // The two settings that change how bytes are to be read; nothing is obeyed, only refused.
        let config = small_file(&self.common_dir.join("config"), CONFIG)?.unwrap_or_default();
        let config = String::from_utf8_lossy(&config).to_ascii_lowercase();
        let sets = |name: &str, value: &str| {
            config.lines().filter_map(|line| line.split_once('=')).any(|(key, to)| key.trim() == name && to.trim().starts_with(value))
        };
        if sets("objectformat", "sha256") {
            return Err(Error::Unsupported { path: self.git_dir.clone(), why: "its objects are named by SHA-256" });
        }
        Ok(())
    }
}

fn find(path: &Path) -> Result<Option<Layout>> {
    let dot_git = path.join(".git");
    match std::fs::symlink_metadata(&dot_git) {
        Ok(meta) if meta.is_file() => {
            let text = small_file(&dot_git, POINTER)?.unwrap_or_default();
            let Some(target) = text.strip_prefix(b"gitdir:").map(<[u8]>::trim_ascii).filter(|target| !target.is_empty()) else {
                return Err(Error::corrupt(dot_git.display().to_string(), "it does not say `gitdir:`"));
            };
            let git_dir = path.join(Path::new(std::ffi::OsStr::from_bytes(target)));
            if !looks_like_git(&git_dir)? {
                return Err(Error::NotARepository { path: git_dir });
            }
            return Ok(Some(Layout { common_dir: common(&git_dir)?, git_dir, work_dir: Some(path.to_owned()) }));
        }
        Ok(_) if looks_like_git(&dot_git)? => {
            return Ok(Some(Layout { common_dir: common(&dot_git)?, git_dir: dot_git, work_dir: Some(path.to_owned()) }));
        }
        Ok(_) => {}
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {}
        Err(e) => return Err(Error::io("open", &dot_git)(e)),
    }
    if looks_like_git(path)? {
        return Ok(Some(Layout { common_dir: common(path)?, git_dir: path.to_owned(), work_dir: None }));
    }
    Ok(None)
}

fn looks_like_git(dir: &Path) -> Result<bool> {
    let head = dir.join("HEAD");
    match std::fs::symlink_metadata(&head) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Ok(false),
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => return Err(Error::io("open", &head)(e)),
        Err(_) => return Ok(false),
    }
    let common = common(dir)?;
    Ok(common.join("objects").is_dir() && common.join("refs").is_dir())
}

fn common(git_dir: &Path) -> Result<PathBuf> {
    Ok(match small_file(&git_dir.join("commondir"), POINTER)? {
        Some(text) => git_dir.join(Path::new(std::ffi::OsStr::from_bytes(text.trim_ascii()))),
        None => git_dir.to_owned(),
    })
}

/// The bytes of a regular file, or nothing where there is none; it is an error if it has more than `cap`.
pub(super) fn small_file(path: &Path, cap: u64) -> Result<Option<Vec<u8>>> {
    // A pipe in the place of a file must not block us.
    let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => return Ok(None),
        Err(e) => return Err(Error::io("open", path)(e)),
    };
    let meta = file.metadata().map_err(Error::io("read", path))?;
    if !meta.is_file() {
        return Err(Error::corrupt(path.display().to_string(), "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(cap + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > cap {
        return Err(Error::TooMany { what: format!("`{}`", path.display()), of: "bytes", limit: cap });
    }
    Ok(Some(bytes))
}
