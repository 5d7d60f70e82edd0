//! What is set for a repository: what it is for, who sees its badges, who has which role, and how much room it takes.

use askama::Template;

use super::frame::{Frame, Place, Tab};
use super::{href, words};
use crate::base::name::BranchName;
use crate::domain::accounts::RepoRole;
use crate::domain::repos::{ApprovalFor, DESCRIPTION_CHARS};
use crate::http::repos::RepoView;
use crate::http::repos::members::MemberView;
use crate::http::usage::UsageView;

/// A tool that can be switched on for a repository.
#[derive(Debug, Clone)]
pub struct ToolChoice {
    /// Its name.
    pub name: &'static str,
    /// How people call it.
    pub title: &'static str,
    /// Whether it is switched on for this repository.
    pub is_on: bool,
    /// Whether it runs in every repository of the instance.
    pub is_everywhere: bool,
    /// Whether this host has it.
    pub is_here: bool,
}

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
    /// The tools that can be switched on.
    pub tools: Vec<ToolChoice>,
    /// How much room it takes.
    pub usage: UsageView,
    /// What was entered and refused, and why.
    pub refused: Option<(String, String)>,
    /// Who has which role, for whoever may say so.
    pub members: Option<Members>,
    /// An upload token that was just made, shown this once.
    pub upload_token: Option<String>,
}

/// Who has which role in the repository.
#[derive(Debug, Clone)]
pub struct Members {
    /// They.
    pub rows: Vec<MemberView>,
    /// Whether there are more than are shown.
    pub is_cut: bool,
    /// Whether roles are given here, and not taken over from GitHub.
    pub are_given_here: bool,
    /// The login that was entered and refused, and why.
    pub refused: Option<(String, String)>,
}

impl Members {
    /// The login that was entered.
    fn entered(&self) -> &str {
        self.refused.as_ref().map_or("", |(login, _)| login)
    }
}

impl SettingsPage {
    fn tab(&self) -> Tab {
        Tab::Settings
    }

    fn asks_branches(&self) -> bool {
        self.repo.approval_for == ApprovalFor::Branches
    }

    fn default_branch(&self) -> &str {
        self.repo.default_branch.as_ref().map_or("the default one", BranchName::as_str)
    }

    fn roles(&self) -> &'static [RepoRole] {
        RepoRole::ALL
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
