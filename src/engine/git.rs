//! Git.
pub mod diff;
pub mod tree;

/// What can fail when git is read or fetched.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is larger than the reader takes.
    #[error("`{path}` has {size} bytes, more than the {cap} that are read")]
    TooLarge { path: crate::base::name::TreePath, size: u64, cap: u64 },
}
/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;
