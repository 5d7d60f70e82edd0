//! Large things beside the database: files named by the SHA-256 of their content.
//!
//! A blob is written to a temporary file, synced, renamed into place and its folder synced; only then may a row name it. So a row never
//! names a blob that is not there. The other way round, a blob that no row names is left by a crash and swept: by mark, and only if it
//! is older than a grace that covers the time between writing a blob and committing its row.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Error, Result};
use crate::base::name::InvalidName;
use crate::base::time::Timestamp;

/// The SHA-256 of a blob's content: its name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    /// The name of this content.
    pub fn of(content: &[u8]) -> BlobHash {
        BlobHash(Sha256::digest(content).into())
    }

    /// Its first half: enough to tell one from another where a mistake does no harm.
    pub fn prefix(self) -> u128 {
        u128::from_be_bytes(std::array::from_fn(|at| self.0[at]))
    }
}

impl std::fmt::Display for BlobHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for BlobHash {
    type Err = InvalidName;

    fn from_str(input: &str) -> std::result::Result<BlobHash, InvalidName> {
        let refuse =
            || InvalidName { input: crate::base::text::clip(input, 80).into_owned(), what: "blob", why: "it has 64 hexadecimal digits" };
        if input.len() != 64 || !input.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&input[at..at + 2], 16).map_err(|_| refuse())?;
        }
        Ok(BlobHash(bytes))
    }
}

/// The folder of blobs.
#[derive(Debug)]
pub struct Blobs {
    dir: PathBuf,
    /// Whether what is stored is to survive a power cut; syncing is nearly all that storing costs.
    is_durable: bool,
    /// Tells temporary files of one process apart.
    written: AtomicU64,
    /// Held while a file is renamed into place, and from a sweep's look at a file to its removal: else a sweep that has seen an old file
    /// would remove the fresh one that replaced it.
    placing: Mutex<()>,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs that stayed.
    pub kept: u64,
    /// Blobs and abandoned temporary files that went.
    pub removed: u64,
    /// The bytes of what went.
    pub bytes: u64,
}

impl Blobs {
    /// Opens the folder, creating it if it is not there; its owner alone may enter it.
    pub fn open(dir: &Path) -> Result<Blobs> {
        // All folders are made and synced now: a put then needs to sync but the one folder it renames into.
        make_dir(dir)?;
        let within = std::iter::once("part".to_owned()).chain((0..=u8::MAX).map(|digits| format!("{digits:02x}")));
        within.map(|name| dir.join(name)).filter(|folder| !folder.is_dir()).try_for_each(|folder| make_one(&folder))?;
        sync_dir(dir)?;
        above(dir).map_or(Ok(()), sync_dir)?;
        Ok(Blobs { dir: dir.to_owned(), is_durable: true, written: AtomicU64::new(0), placing: Mutex::default() })
    }

    /// A folder for a process that leaves nothing behind: nothing is synced.
    pub fn fleeting(dir: &Path) -> Result<Blobs> {
        make_one(&dir.join("part"))?;
        Ok(Blobs { dir: dir.to_owned(), is_durable: false, written: AtomicU64::new(0), placing: Mutex::default() })
    }

    /// Stores `content`; once this returns it survives a power cut, unless the folder is a fleeting one.
    pub fn put(&self, content: &[u8]) -> Result<BlobHash> {
        self.copy(&mut &content[..], content.len() as u64)
    }

    /// Stores all that `content` gives, at most `cap` bytes; as durable as with [`Blobs::put`].
    pub fn copy(&self, content: &mut dyn Read, cap: u64) -> Result<BlobHash> {
        let _span = tracing::trace_span!("blob").entered();
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let part = self.dir.join("part").join(format!("{}-{number}", std::process::id()));
        let outcome = self.write_part(&part, content, cap);
        if outcome.is_err() {
            // Whatever could be written of it is of no use; a sweep takes what cannot be removed now.
            let _ = fs::remove_file(&part);
        }
        outcome
    }

    fn write_part(&self, part: &Path, content: &mut dyn Read, cap: u64) -> Result<BlobHash> {
        let failed = |source| Error::io(format!("cannot write `{}`", part.display()), source);
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part).map_err(failed)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        let mut length = 0_u64;
        loop {
            let n = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::io("cannot read what is to be stored", source)),
            };
            length += n as u64;
            if length > cap {
                return Err(Error::BlobTooLarge { cap });
            }
            hasher.update(&buffer[..n]);
            file.write_all(&buffer[..n]).map_err(failed)?;
        }
        let hash = BlobHash(hasher.finalize().into());
        let path = self.path(hash);
        // Always renamed into place, also over a blob that is there: its age is then that of the latest put, and a sweep whose grace
        // runs from that age cannot take it before the row that is about to name it commits.
        let folder = above(&path).expect("a blob's path has the folder of its first two digits");
        if self.is_durable {
            file.sync_all().map_err(failed)?;
        } else {
            make_one(folder)?;
        }
        {
            let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
            fs::rename(part, &path).map_err(failed)?;
        }
        if self.is_durable {
            sync_dir(folder)?;
        }
        Ok(hash)
    }

    /// Reads a whole blob of at most `cap` bytes and holds it against its name.
    pub fn get(&self, hash: BlobHash, cap: u64) -> Result<Vec<u8>> {
        let path = self.path(hash);
        let file = fs::File::open(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::BlobMissing { hash },
            _ => Error::io(format!("cannot open `{}`", path.display()), source),
        })?;
        let mut content = Vec::new();
        file.take(cap.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|source| Error::io(format!("cannot read `{}`", path.display()), source))?;
        if content.len() as u64 > cap {
            return Err(Error::BlobTooLarge { cap });
        }
        if BlobHash::of(&content) != hash {
            return Err(Error::BlobDamaged { hash });
        }
        Ok(content)
    }

    /// How many bytes a blob has.
    pub fn size(&self, hash: BlobHash) -> Result<u64> {
        let path = self.path(hash);
        fs::metadata(&path).map(|meta| meta.len()).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::BlobMissing { hash },
            _ => Error::io(format!("cannot look at `{}`", path.display()), source),
        })
    }

    /// Removes the blobs that `is_named` does not know and that were stored longer than `grace` before `now`, and temporary files as old.
    pub fn sweep(&self, now: Timestamp, grace: Duration, is_named: impl Fn(BlobHash) -> bool) -> Result<Swept> {
        let mut swept = Swept::default();
        for folder in list(&self.dir)? {
            if !folder.is_dir() {
                continue;
            }
            for file in list(&folder)? {
                let failed = |source| Error::io(format!("cannot sweep `{}`", file.display()), source);
                let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
                let meta = match fs::symlink_metadata(&file) {
                    Ok(meta) if !meta.is_file() => continue,
                    Ok(meta) => meta,
                    // It was renamed into place meanwhile.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(failed(error)),
                };
                let name = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<BlobHash>().ok());
                let stored_at = meta.modified().ok().and_then(since_epoch).unwrap_or(now);
                if name.is_some_and(&is_named) || now.since(stored_at) < grace {
                    swept.kept += u64::from(name.is_some());
                    continue;
                }
                fs::remove_file(&file).map_err(failed)?;
                swept.removed += 1;
                swept.bytes += meta.len();
            }
        }
        Ok(swept)
    }

    /// Removes one blob whose last name is gone, if `may` still says so once nobody can store it anew; says whether it did.
    pub fn forget(&self, hash: BlobHash, may: impl Fn() -> bool) -> Result<bool> {
        let path = self.path(hash);
        let _placing = self.placing.lock().unwrap_or_else(PoisonError::into_inner);
        if !may() {
            return Ok(false);
        }
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io(format!("cannot remove `{}`", path.display()), error)),
        }
    }

    fn path(&self, hash: BlobHash) -> PathBuf {
        let name = hash.to_string();
        self.dir.join(&name[..2]).join(name)
    }
}

fn since_epoch(time: std::time::SystemTime) -> Option<Timestamp> {
    let span = time.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::EPOCH + span)
}

fn list(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |source| Error::io(format!("cannot list `{}`", dir.display()), source);
    fs::read_dir(dir).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

/// The folder that a path names something in.
pub(super) fn above(path: &Path) -> Option<&Path> {
    path.parent().filter(|above| !above.as_os_str().is_empty())
}

/// Makes a folder and what leads to it, so that their names survive a power cut.
fn make_dir(dir: &Path) -> Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let Some(above) = above(dir) else { return make_one(dir) };
    make_dir(above)?;
    make_one(dir)?;
    sync_dir(above)
}

fn make_one(dir: &Path) -> Result<()> {
    // Recursive, which here means that one who makes it at the same time does no harm.
    let failed = |source| Error::io(format!("cannot make `{}`", dir.display()), source);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)
}

/// Has the names in a folder survive a power cut.
pub(super) fn sync_dir(dir: &Path) -> Result<()> {
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| Error::io(format!("cannot sync `{}`", dir.display()), source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&dir.path().join("blobs")).unwrap();
        (dir, blobs)
    }

    #[test]
    fn a_fleeting_folder_keeps_blobs_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::fleeting(&dir.path().join("blobs")).unwrap();
        let hash = blobs.put(b"content").unwrap();
        assert_eq!(blobs.get(hash, 100).unwrap(), b"content");
        assert_eq!(blobs.sweep(later(), Duration::from_secs(60), |_| false).unwrap().removed, 1);
    }

    fn later() -> Timestamp {
        crate::base::time::Clock::System.now() + Duration::from_secs(3_600)
    }

    #[test]
    fn what_is_stored_reads_back_under_its_name() {
        let (_dir, blobs) = blobs();
        let hash = blobs.put(b"content").unwrap();
        assert_eq!(hash, BlobHash::of(b"content"));
        assert_eq!(blobs.get(hash, 100).unwrap(), b"content");
        assert_eq!(hash.to_string().parse(), Ok(hash));
    }

    #[test]
    fn storing_the_same_twice_keeps_one() {
        let (_dir, blobs) = blobs();
        assert_eq!(blobs.put(b"same").unwrap(), blobs.put(b"same").unwrap());
        assert_eq!(blobs.sweep(later(), Duration::ZERO, |_| true).unwrap().kept, 1);
    }

    #[test]
    fn a_blob_over_the_cap_leaves_nothing_behind() {
        let (dir, blobs) = blobs();
        assert!(matches!(blobs.copy(&mut std::io::repeat(7), 1_000), Err(Error::BlobTooLarge { cap: 1_000 })));
        assert_eq!(list(&dir.path().join("blobs/part")).unwrap(), Vec::<PathBuf>::new());
        let hash = blobs.put(b"seven b").unwrap();
        assert!(matches!(blobs.get(hash, 6), Err(Error::BlobTooLarge { cap: 6 })));
    }

    #[test]
    fn a_damaged_blob_is_not_served() {
        let (_dir, blobs) = blobs();
        let hash = blobs.put(b"whole").unwrap();
        fs::write(blobs.path(hash), b"whole?").unwrap();
        assert!(matches!(blobs.get(hash, 100), Err(Error::BlobDamaged { .. })));
        fs::remove_file(blobs.path(hash)).unwrap();
        assert!(matches!(blobs.get(hash, 100), Err(Error::BlobMissing { .. })));
    }

    #[test]
    fn a_sweep_takes_what_nothing_names_once_it_is_old_enough() {
        let (dir, blobs) = blobs();
        let (kept, gone) = (blobs.put(b"kept").unwrap(), blobs.put(b"gone").unwrap());
        fs::write(dir.path().join("blobs/part/1-1"), b"torn").unwrap();
        let young = blobs.sweep(crate::base::time::Clock::System.now(), Duration::from_secs(60), |_| false).unwrap();
        assert_eq!(young.removed, 0);
        let swept = blobs.sweep(later(), Duration::from_secs(60), |hash| hash == kept).unwrap();
        assert_eq!(swept, Swept { kept: 1, removed: 2, bytes: 8 });
        assert!(blobs.get(kept, 100).is_ok());
        assert!(matches!(blobs.get(gone, 100), Err(Error::BlobMissing { .. })));
    }
}
