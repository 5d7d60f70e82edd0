//! Repositories.

pub mod manifest;

use crate::words;

words! {
    /// Where a repository comes from.
    pub enum RepoSource: "source of a repository" {
        /// GitHub, through the App.
        Github = "github",
        /// A URL that is polled.
        Git = "git",
        /// A path on the appliance's host.
        Local = "local",
    }
}
