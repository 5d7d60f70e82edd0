//! The files of an index: made, loaded, judged, moved aside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::directory::MmapDirectory;
use tantivy::directory::error::{LockError, OpenDirectoryError, OpenReadError, OpenWriteError};
use tantivy::{Index, TantivyError};

use super::layout::Layout;
use super::{Error, Result, Watermark, scan};

const META: &str = "meta.json";

/// An empty index.
pub(super) fn create(directory: Option<&Path>, layout: &Layout) -> Result<Index> {
    let builder = Index::builder().schema(layout.schema.clone()).tokenizers(Layout::tokenizers());
    let Some(directory) = directory else { return Ok(builder.create_in_ram()?) };
    fs::create_dir_all(directory).map_err(|source| io_error(directory, source))?;
    Ok(builder.create_in_dir(directory)?)
}

/// The index in a directory; what is not one of this layout is damaged.
pub(super) fn load(directory: &Path, layout: &Layout) -> Result<Index> {
    let damaged = |reason: &str| Err(Error::Damaged { reason: reason.to_owned() });
    match directory.join(META).try_exists() {
        Ok(true) => {}
        Ok(false) => return damaged("there is none yet"),
        Err(source) if is_in_the_way(&source) => return Err(Error::Damaged { reason: format!("it cannot be entered: {source}") }),
        Err(source) => return Err(io_error(directory, source)),
    }
    let mut index = Index::open(MmapDirectory::open(directory).map_err(TantivyError::from)?)?;
    if index.schema() != layout.schema {
        return damaged("it was made for other fields, by another version");
    }
    index.set_tokenizers(Layout::tokenizers());
    watermark(&index)?;
    Ok(index)
}

/// The watermark in the payload of the last commit.
pub(super) fn watermark(index: &Index) -> Result<Option<Watermark>> {
    let Some(payload) = index.load_metas()?.payload else { return Ok(None) };
    let read = |payload: &str| {
        let (fed, whole_at) = payload.split_once(' ')?;
        Some(Watermark { fed: fed.parse().ok()?, whole_at: whole_at.parse().ok()? })
    };
    read(&payload).map(Some).ok_or_else(|| Error::Damaged { reason: "its watermark is not two numbers".to_owned() })
}

/// Compares every file with its checksum.
pub(super) fn verify(index: &Index) -> Result<()> {
    let bad = index.validate_checksum()?;
    match bad.iter().min() {
        None => Ok(()),
        Some(first) => Err(Error::Damaged { reason: format!("the checksum of `{}` is wrong", first.display()) }),
    }
}

/// Renames a directory that holds anything, so that what is wrong with it can still be looked at; one from an earlier time is removed.
pub(super) fn move_aside(directory: &Path) -> Result<()> {
    let is_empty = match fs::read_dir(directory) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) if is_in_the_way(&error) => false,
        Err(source) => return Err(io_error(directory, source)),
    };
    if is_empty {
        return Ok(());
    }
    let mut name = directory.as_os_str().to_owned();
    name.push(".damaged");
    let aside = PathBuf::from(name);
    let removed = match fs::symlink_metadata(&aside) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(&aside),
        Ok(_) => fs::remove_file(&aside),
        Err(_) => Ok(()),
    };
    removed.and_then(|()| fs::rename(directory, &aside)).map_err(|source| io_error(&aside, source))
}

/// Whether what has the name cannot be used and can be moved aside: a file, or somebody else's directory.
fn is_in_the_way(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied)
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io { path: Some(path.to_owned()), source: Arc::new(source) }
}

/// What a tantivy error means for us. What the system refused is told apart from what was read and made no sense.
pub(super) fn classify(error: TantivyError) -> Error {
    if scan::is_too_slow(&error) {
        return Error::TooSlow;
    }
    let reason = error.to_string();
    let io = |path: Option<PathBuf>, source: Arc<io::Error>| match source.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            Error::Damaged { reason: reason.clone() }
        }
        // Of its own files, which somebody else has made.
        io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied => Error::Damaged { reason: reason.clone() },
        _ => Error::Io { path, source },
    };
    match error {
        TantivyError::LockFailure(LockError::LockBusy, _) => Error::Locked,
        TantivyError::LockFailure(LockError::IoError(source), _) | TantivyError::IoError(source) => io(None, source),
        TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath })
        | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, filepath }) => io(Some(filepath), io_error),
        TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, directory_path }) => io(Some(directory_path), io_error),
        _ => Error::Damaged { reason },
    }
}
