//! The App on GitHub as it is stored.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::engine::store::Record;

/// The App that GitHub made for this instance. Its secrets are in the vault, each for its purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubApp {
    /// GitHub's number for it.
    pub app_id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// What it is called.
    pub name: String,
    /// Its client id, which people sign in through.
    pub client_id: String,
    /// Where people find the GitHub that it is on, without a slash at the end.
    pub url: String,
    /// Where programs do.
    pub api_url: String,
    /// Its page there.
    pub page: String,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Record for GithubApp {
    const TABLE: &'static str = "github_app";
    const VERSION: u16 = 1;
    type Key = ();

    fn key(&self) {}
}
