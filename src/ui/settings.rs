//! What is set for a repository: what it is for, who sees its badges, and how much room it takes.

use askama::Template;

use super::frame::{Frame, Place, Tab};
use super::{href, words};
use crate::domain::repos::DESCRIPTION_CHARS;
use crate::http::repos::RepoView;
use crate::http::usage::UsageView;

/// The settings of a repository.
#[derive(Debug, Template)]
#[template(path = "repo/settings.html", config = ".askama.toml")]
pub struct SettingsPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The repository.
    pub repo: RepoView,
    /// Its badges in Markdown, each by its name.
    pub badges: Vec<(&'static str, String)>,
    /// How much room it takes.
    pub usage: UsageView,
    /// What was entered and refused, and why.
    pub refused: Option<(String, String)>,
}

impl SettingsPage {
    fn tab(&self) -> Tab {
        Tab::Settings
    }

    fn description(&self) -> &str {
        self.refused.as_ref().map_or_else(|| self.repo.description.as_deref().unwrap_or(""), |(entered, _)| entered)
    }

    /// The kinds of what it takes, in words.
    fn kinds(&self) -> Vec<(&'static str, u64)> {
        let word = |kind: &'static str| match kind {
            "mirror" => "Git objects",
            "logs" => "Logs of checks",
            "rows" => "Issues, commits and all else, about",
            other => other,
        };
        self.usage.used_bytes.iter().map(|(kind, bytes)| (word(kind), *bytes)).collect()
    }
}
