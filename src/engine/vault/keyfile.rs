//! The file with the vault's keys: age identities, one a line, the newest last, for its owner alone.
//!
//! It is what `age-keygen` writes and `age --identity` reads. It is never changed in place: a new one is written beside it, made durable,
//! and given its name; so there is a whole file at any moment, whatever ends the process.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use zeroize::Zeroizing;

use super::{Error, Recipient, Result};

/// The largest file that is taken for one.
const FILE_BYTES: u64 = 64 << 10;
/// The mode of one that we write.
const OWNERS_ALONE: u32 = 0o600;
/// What others may do with a file.
const OTHERS: u32 = 0o077;

/// Where the keys are.
#[derive(Debug)]
pub(super) struct KeyFile(PathBuf);

impl KeyFile {
    /// The file at this path; where that is a link, the file that it leads to: what is written goes there, and the link stays.
    pub(super) fn at(path: PathBuf) -> KeyFile {
        KeyFile(std::fs::canonicalize(&path).unwrap_or(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The keys in it: at least one.
    pub(super) fn read(&self) -> Result<Vec<Identity>> {
        let unreadable = |why: std::io::Error| match why.kind() {
            ErrorKind::NotFound => Error::Missing { path: self.0.clone() },
            _ => Error::Unreadable { path: self.0.clone(), why: Arc::new(why) },
        };
        // Without waiting, should it be a pipe.
        let flags = rustix::fs::OFlags::NONBLOCK.bits();
        let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(&self.0).map_err(unreadable)?;
        let meta = file.metadata().map_err(unreadable)?;
        if !meta.is_file() {
            return Err(self.malformed("it is no file"));
        }
        let mode = meta.permissions().mode() & 0o7777;
        if mode & OTHERS != 0 {
            return Err(Error::Open { path: self.0.clone(), mode });
        }
        let mut text = Zeroizing::new(String::new());
        match file.take(FILE_BYTES + 1).read_to_string(&mut text) {
            Ok(read) if read as u64 > FILE_BYTES => return Err(self.malformed("it is larger than a file of keys is")),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::InvalidData => return Err(self.malformed("it is no text")),
            Err(error) => return Err(unreadable(error)),
        }
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines().map(str::trim)) {
            if !line.is_empty() && !line.starts_with('#') {
                keys.push(line.parse().map_err(|_| self.malformed(&format!("line {number} is no key of age")))?);
            }
        }
        if keys.is_empty() { Err(self.malformed("there is no key in it")) } else { Ok(keys) }
    }

    fn malformed(&self, why: &str) -> Error {
        Error::Malformed { path: self.0.clone(), why: why.to_owned() }
    }

    /// Writes these keys in the place of those that are there.
    pub(super) fn write<'a>(&self, keys: impl Iterator<Item = &'a Identity>) -> Result<()> {
        let mut text = Zeroizing::new(String::from(
            "# The keys of Plumbline's vault, the newest last. Whoever has them and the store can read every secret:\n\
             # keep a copy of this file, and not where the copies of the store are.\n",
        ));
        for key in keys {
            text.push_str("# public key: ");
            text.push_str(Recipient::of(key).as_str());
            text.push('\n');
            text.push_str(key.to_string().expose_secret());
            text.push('\n');
        }
        self.replace(text.as_bytes()).map_err(|why| Error::Unwritten { path: self.0.clone(), why: Arc::new(why) })
    }

    fn replace(&self, content: &[u8]) -> std::io::Result<()> {
        let (dir, beside) = (self.directory(), self.beside("new"));
        // One that an earlier process had no time to rename.
        match std::fs::remove_file(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(OWNERS_ALONE).open(&beside)?;
        // Whatever the mask of the process takes away.
        file.set_permissions(std::fs::Permissions::from_mode(OWNERS_ALONE))?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&beside, &self.0)?;
        File::open(dir)?.sync_all()
    }

    /// Gives a file that is there another name beside its own, the first one that is free: it is there until another is written in its place,
    /// whatever ends the process between. What is no file can have one name only, and loses its own.
    pub(super) fn put_aside(&self) -> Result<()> {
        let failed = |why| Error::Unwritten { path: self.0.clone(), why: Arc::new(why) };
        for number in 1..1_000 {
            let aside = self.beside(&format!("lost-{number}"));
            if std::fs::symlink_metadata(&aside).is_ok() {
                continue;
            }
            let is_file = std::fs::symlink_metadata(&self.0).is_ok_and(|meta| meta.is_file());
            let named = if is_file { std::fs::hard_link(&self.0, &aside) } else { std::fs::rename(&self.0, &aside) };
            return match named {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                named => named.and_then(|()| File::open(self.directory())?.sync_all()).map_err(failed),
            };
        }
        Err(failed(ErrorKind::AlreadyExists.into()))
    }

    fn directory(&self) -> &Path {
        self.0.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.0.file_name().unwrap_or_default().to_owned();
        name.push(".");
        name.push(ending);
        self.directory().join(name)
    }
}
