//! Git: bare mirrors of repositories, and everything that is read from them.
//!
//! The one idea: a repository is data. Objects are read by name from an object database, never through a working directory of ours, and
//! neither a process, a hook, a filter, a submodule nor the repository's own configuration has a say. A [`mirror::Mirror`] is filled by
//! a fetch (from a path, or over HTTP by way of [`outbound`]) and then read: revisions, commits, trees, blobs,
//! history, differences, blame. A working directory stands behind the same [`tree::Tree`] trait as a commit.
//!
//! Whatever comes from a repository is hostile: sizes, depths, counts and times have names in [`Limits`], names of objects are computed
//! here from the bytes that came, and what cannot be read is an [`Error`] that says what to do, never a panic.
//!
//! Not here: checking out, pushing, merging, the `ssh` transport, and any word of the product.

mod aside;
pub mod blame;
pub mod commit;
pub mod diff;
pub mod fetch;
pub mod history;
mod host;
mod inflate;
mod intake;
pub mod kept;
pub mod layout;
pub mod memory;
pub mod mirror;
mod objects;
mod packs;
pub mod pull;
mod refs;
mod sieve;
pub mod source;
mod transport;
pub mod tree;
mod whole;
pub mod worktree;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use commit::{CommitInfo, CommitTree, Signature};
pub use fetch::{Asked, Fetched};
pub use intake::Progress;
pub use layout::Trust;
pub use mirror::Mirror;
pub use source::{Credentials, InvalidSource, Source};

use crate::base::name::{CommitSha, TreePath};
use crate::engine::outbound;

/// How much of a repository is taken, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest object that is loaded, in bytes: 512 MiB. A larger file passes through in a stream and is kept, but not read.
    pub object_bytes: u64,
    /// The most bytes that the files larger than that have together, in one fetch: 64 GiB.
    pub large_bytes: u64,
    /// The largest pack that one fetch takes, in bytes: 4 GiB.
    pub pack_bytes: u64,
    /// The most objects that one fetch takes: 20 million.
    pub objects: usize,
    /// The most entries of a tree, its directories' entries included: 200,000.
    pub tree_entries: usize,
    /// How many directories a directory may lie below; what is deeper is refused and the rest is read: 128.
    pub tree_depth: usize,
    /// The most bytes that the paths of one tree have together: 64 MiB.
    pub path_bytes: usize,
    /// The most commits that one walk through history looks at: 1 million.
    pub history: usize,
    /// The most references that are read from a repository: 100,000.
    pub refs: usize,
    /// The most bytes of a commit's message that are kept: 64 KiB.
    pub message_bytes: usize,
    /// How long a fetch may take: half an hour.
    pub fetch_time: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            object_bytes: 512 << 20,
            large_bytes: 64 << 30,
            pack_bytes: 4 << 30,
            objects: 20_000_000,
            tree_entries: 200_000,
            tree_depth: 128,
            path_bytes: 64 << 20,
            history: 1_000_000,
            refs: 100_000,
            message_bytes: 64 << 10,
            fetch_time: Duration::from_secs(30 * 60),
        }
    }
}

/// What can fail when git is read or fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is larger than the reader takes.
    #[error("`{path}` has {size} bytes, more than the {cap} that are read")]
    TooLarge {
        /// The file.
        path: TreePath,
        /// Its size in bytes.
        size: u64,
        /// How many bytes are read.
        cap: u64,
    },
    /// An object is larger than what is loaded.
    #[error("the {kind} {id} has {size} bytes, more than the {cap} that are read")]
    ObjectTooLarge {
        /// What it is.
        kind: &'static str,
        /// Its name.
        id: String,
        /// Its size in bytes.
        size: u64,
        /// How many bytes are read.
        cap: u64,
    },
    /// A path is no repository.
    #[error("`{}` is not a git repository: give the directory that holds `.git`, or a bare repository", path.display())]
    NotARepository {
        /// The path.
        path: PathBuf,
    },
    /// A repository is of a kind that is not read.
    #[error("cannot read the repository `{}`: {why}", path.display())]
    Unsupported {
        /// The path.
        path: PathBuf,
        /// What it has that is not read.
        why: &'static str,
    },
    /// A repository belongs to somebody else.
    #[error(
        "`{}` belongs to user {owner} and this process runs as user {ours}: run it as that user, or give the directory \
         to user {ours} (chown)",
        path.display()
    )]
    OtherOwner {
        /// What belongs to somebody else.
        path: PathBuf,
        /// The owner's number.
        owner: u32,
        /// Our own number.
        ours: u32,
    },
    /// There is nothing to read yet.
    #[error("`{rev}` has no commit yet: commit something first")]
    NoCommits {
        /// The branch that was asked for.
        rev: String,
    },
    /// A revision names nothing.
    #[error("no commit is known as `{rev}`: give a branch, or at least seven digits of a commit's name")]
    UnknownRevision {
        /// What was asked for.
        rev: String,
    },
    /// A revision names several commits.
    #[error("`{rev}` is the beginning of several commits ({}): give more digits", candidates.iter().map(CommitSha::to_string).collect::<Vec<_>>().join(", "))]
    AmbiguousRevision {
        /// What was asked for.
        rev: String,
        /// What it could be; at most eight are listed.
        candidates: Vec<CommitSha>,
    },
    /// There is more than is taken.
    #[error("{what} has more than {limit} {of}, the most that is read")]
    TooMany {
        /// What is too large.
        what: String,
        /// What there is too much of.
        of: &'static str,
        /// How much is taken.
        limit: u64,
    },
    /// An object is missing or is not what it should be.
    #[error("{what} is damaged: {why}")]
    Corrupt {
        /// What is damaged.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another fetch of the same mirror goes on.
    #[error("the mirror `{}` is being fetched already", path.display())]
    Busy {
        /// The mirror.
        path: PathBuf,
    },
    /// The fetch was called off.
    #[error("the fetch was canceled")]
    Canceled,
    /// The fetch took too long.
    #[error("the fetch did not end within {}", crate::base::text::duration(limit.as_millis().try_into().unwrap_or(u64::MAX)))]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
    /// The host wants to know who asks.
    #[error("`{host}` {}", if *refused { "does not take these credentials: give others" } else { "asks for credentials, and there are none for it" })]
    AuthenticationRequired {
        /// The host.
        host: String,
        /// Whether credentials were given.
        refused: bool,
    },
    /// Credentials would be seen by everybody on the way.
    #[error("credentials are not sent to `{host}` over http://: use https://, or allow the host in the configuration")]
    PlainCredentials {
        /// The host.
        host: String,
    },
    /// The host has no such repository, or does not show it to us.
    #[error("`{host}` answers {status}: there is no repository at this address, or it may not be seen with these credentials")]
    NotThere {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The host says that the repository is elsewhere.
    #[error("`{host}` points to {to}, and redirects to elsewhere are not followed: give the repository's own address")]
    Redirected {
        /// The host.
        host: String,
        /// Where it points to.
        to: String,
    },
    /// The host answers with an error.
    #[error("`{host}` answers with the HTTP status {status}")]
    Status {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
    /// The host does not speak git as we do.
    #[error("`{host}` does not answer as git does: {why}")]
    Protocol {
        /// The host.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// The request itself failed.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// The file system failed.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Whether the same request may succeed a while later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Io { source, .. } => {
                use std::io::ErrorKind::{
                    AlreadyExists, InvalidData, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
                    UnexpectedEof, Unsupported,
                };
                // What a file system does not name, such as a disk that fails or descriptors that have run out, may pass.
                !matches!(
                    source.kind(),
                    AlreadyExists
                        | InvalidData
                        | InvalidInput
                        | IsADirectory
                        | NotADirectory
                        | NotFound
                        | PermissionDenied
                        | ReadOnlyFilesystem
                        | UnexpectedEof
                        | Unsupported
                )
            }
            Error::Outbound(e) => e.is_transient(),
            Error::Status { status, .. } => *status == 429 || *status >= 500,
            Error::Busy { .. } | Error::TimedOut { .. } => true,
            Error::Canceled
            | Error::AuthenticationRequired { .. }
            | Error::PlainCredentials { .. }
            | Error::NotThere { .. }
            | Error::Redirected { .. }
            | Error::Protocol { .. }
            | Error::TooLarge { .. }
            | Error::ObjectTooLarge { .. }
            | Error::NotARepository { .. }
            | Error::Unsupported { .. }
            | Error::OtherOwner { .. }
            | Error::NoCommits { .. }
            | Error::UnknownRevision { .. }
            | Error::AmbiguousRevision { .. }
            | Error::TooMany { .. }
            | Error::Corrupt { .. } => false,
        }
    }

    fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.to_owned();
        move |source| Error::Io { doing, path, source }
    }

    /// What failed, in words for people who need not know where it is fetched from: no address, no path, nothing that the other side said.
    pub fn public(&self) -> Cow<'static, str> {
        match self {
            // These name objects and files of the repository alone.
            Error::TooLarge { .. } | Error::ObjectTooLarge { .. } | Error::UnknownRevision { .. } | Error::AmbiguousRevision { .. } => {
                self.to_string().into()
            }
            Error::Canceled | Error::TimedOut { .. } => self.to_string().into(),
            Error::NotARepository { .. } => "there is no git repository at its path".into(),
            Error::Unsupported { why, .. } => format!("the repository cannot be read: {why}").into(),
            Error::OtherOwner { .. } => "the repository belongs to another user of the appliance's host".into(),
            Error::NoCommits { .. } => "the repository has no commit yet".into(),
            Error::TooMany { of, limit, .. } => format!("the repository has more than {limit} {of}, the most that is read").into(),
            Error::Corrupt { .. } => "the repository, or what was sent of it, is damaged".into(),
            Error::Busy { .. } => "the repository is being fetched already".into(),
            Error::AuthenticationRequired { refused: true, .. } => "its host does not take the credentials".into(),
            Error::AuthenticationRequired { refused: false, .. } => "its host asks for credentials".into(),
            Error::PlainCredentials { .. } => "credentials are not sent over http://".into(),
            Error::NotThere { .. } => "its host has no repository there, or does not show it".into(),
            Error::Redirected { .. } => "its host redirects to elsewhere, which is not followed".into(),
            Error::Status { status, .. } => format!("its host answers with the HTTP status {status}").into(),
            Error::Protocol { .. } => "its host does not answer as git does".into(),
            Error::Outbound(error) => error.public().into(),
            Error::Io { doing, .. } => format!("the appliance could not {doing} a file").into(),
        }
    }

    /// What failed while objects were written beneath `dir`: the disk, or what was to be written.
    fn written(dir: &Path, what: &str, error: &gix::Error) -> Error {
        match error.downcast_any_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(kind @ (std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::ReadOnlyFilesystem)) => {
                Error::io("write", dir)(kind.into())
            }
            _ => Error::corrupt(what, error),
        }
    }

    fn corrupt(what: impl Into<String>, why: impl std::fmt::Display) -> Error {
        Error::Corrupt { what: what.into(), why: crate::base::text::clip(&why.to_string(), 300).into_owned() }
    }
}

#[cfg(test)]
mod tests;
