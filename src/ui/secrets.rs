//! Secrets and keys: what there is, what used it, and the forms that set them. A value is in no page, not even one that was refused.

use askama::Template;

use super::frame::{AdminTab, Frame, Place, Tab};
use super::{href, words};
use crate::domain::secrets::KEY_NAME_CHARS;
use crate::http::secrets::SecretView;
use crate::http::secrets::keys::KeyView;

/// What was entered and refused, without its value.
#[derive(Debug, Clone)]
pub struct Refused {
    /// What it was to be called.
    pub name: String,
    /// Why not, in a sentence.
    pub why: String,
}

/// The secrets of the instance.
#[derive(Debug, Template)]
#[template(path = "admin/secrets.html", config = ".askama.toml")]
pub struct InstanceSecretsPage {
    /// The request.
    pub frame: Frame,
    /// The secrets, by name.
    pub secrets: Vec<SecretView>,
    /// What is wrong with the vault.
    pub fault: Option<String>,
    /// What was entered and refused.
    pub refused: Option<Refused>,
}

impl InstanceSecretsPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Secrets
    }
}

/// The secrets and keys of a repository.
#[derive(Debug, Template)]
#[template(path = "repo/secrets.html", config = ".askama.toml")]
pub struct RepoSecretsPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// Its own secrets and those of the instance.
    pub secrets: Vec<SecretView>,
    /// Its keys.
    pub keys: Vec<KeyView>,
    /// Whether the viewer may set and remove them.
    pub may_set: bool,
    /// A secret that was entered and refused.
    pub secret_refused: Option<Refused>,
    /// A key that was entered and refused.
    pub key_refused: Option<Refused>,
}

impl RepoSecretsPage {
    fn tab(&self) -> Tab {
        Tab::Settings
    }

    fn own(&self) -> Vec<&SecretView> {
        self.secrets.iter().filter(|secret| secret.scope == "repository").collect()
    }

    fn inherited(&self) -> Vec<&SecretView> {
        self.secrets.iter().filter(|secret| secret.scope == "instance").collect()
    }
}
