//! What stands around every page: the bar with the mark, where you are, the search field, what is running and who you are; the tabs of a
//! repository; the footer.
//!
//! A [`Frame`] is what a handler knows of the request alone; a [`Place`] is where in which repository the page is. From the two the
//! templates `base.html` and `repo/frame.html` make everything that pages share.

use std::time::Instant;

use super::href;
use crate::base::name::{BranchName, CommitSha, RepoSlug};
use crate::base::time::Timestamp;

/// How many checks that ran without isolation are named.
const UNISOLATED_NAMED: usize = 5;

/// What every page needs of the request it answers.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Who asks; `None` before they sign in.
    pub viewer: Option<Viewer>,
    /// How many check sets are waiting or running, of those that the viewer may see.
    pub running: u64,
    /// Whether what checks run here, now, is not kept apart from the host.
    pub is_unisolated: bool,
    /// The present instant, which ages are counted from.
    pub now: Timestamp,
    /// When the request began; the footer says how long the page took.
    pub started: Instant,
}

/// Who looks at a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The name they sign in by.
    pub login: String,
    /// The name they are called by.
    pub name: String,
    /// Whether they administer the instance.
    pub is_admin: bool,
}

impl Frame {
    /// The version of this build.
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// How long the page took so far; asked for at its end.
    pub fn took(&self) -> String {
        let spent = self.started.elapsed();
        match spent.as_millis() {
            0 => "under 1 ms".to_owned(),
            ms => super::words::duration(u64::try_from(ms).unwrap_or(u64::MAX)),
        }
    }

    /// Whether the viewer administers the instance.
    pub fn is_admin(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.is_admin)
    }
}

/// The tabs of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// Head, chart, latest commits.
    Overview,
    /// Commits, and a commit.
    Commits,
    /// Pull requests, and one.
    Pulls,
    /// Directories and files.
    Files,
    /// Issues, and an issue.
    Issues,
    /// The manifest, to be written and tried.
    Manifest,
    /// What is set, for whoever looks after it.
    Settings,
}

/// The tabs of the administration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdminTab {
    /// How the instance fares.
    Health,
    /// Everybody who has an account.
    Users,
    /// Every token.
    Tokens,
    /// The secrets of the instance.
    Secrets,
    /// Every repository and the room it takes.
    Repositories,
    /// Who the instance is on GitHub.
    Github,
    /// Every browser that is signed in.
    Sessions,
    /// The work queue.
    Work,
    /// What others told us.
    Deliveries,
    /// The trail.
    Audit,
    /// What is set.
    Settings,
}

impl AdminTab {
    /// All of them, as they stand side by side.
    pub const ALL: [AdminTab; 11] = [
        AdminTab::Health,
        AdminTab::Users,
        AdminTab::Tokens,
        AdminTab::Secrets,
        AdminTab::Repositories,
        AdminTab::Github,
        AdminTab::Sessions,
        AdminTab::Work,
        AdminTab::Deliveries,
        AdminTab::Audit,
        AdminTab::Settings,
    ];

    /// What it is called.
    pub fn word(&self) -> &'static str {
        match self {
            AdminTab::Health => "Health",
            AdminTab::Users => "Users",
            AdminTab::Tokens => "Tokens",
            AdminTab::Secrets => "Secrets",
            AdminTab::Repositories => "Repositories",
            AdminTab::Github => "GitHub",
            AdminTab::Sessions => "Sessions",
            AdminTab::Work => "Work",
            AdminTab::Deliveries => "Deliveries",
            AdminTab::Audit => "Audit",
            AdminTab::Settings => "Settings",
        }
    }

    /// Where it leads.
    pub fn href(&self) -> &'static str {
        match self {
            AdminTab::Health => href::ADMIN,
            AdminTab::Users => href::USERS,
            AdminTab::Tokens => href::ADMIN_TOKENS,
            AdminTab::Secrets => href::SECRETS,
            AdminTab::Repositories => "/admin/repos",
            AdminTab::Github => "/admin/github",
            AdminTab::Sessions => "/admin/sessions",
            AdminTab::Work => "/admin/work",
            AdminTab::Deliveries => href::DELIVERIES,
            AdminTab::Audit => "/admin/audit",
            AdminTab::Settings => "/admin/settings",
        }
    }
}

/// Where in which repository a page is.
#[derive(Debug, Clone)]
pub struct Place {
    /// The repository.
    pub repo: RepoSlug,
    /// The branch that is looked at; `None` where there is no branch, or where the page is about a commit that heads none.
    pub branch: Option<BranchName>,
    /// The branches to choose from, the default branch first. A long list may be cut.
    pub branches: Vec<BranchName>,
    /// The commit the page is about, if it is about one.
    pub commit: Option<CommitSha>,
    /// Whether the repository can have pull requests: it is GitHub's.
    pub has_pulls: bool,
    /// Whether the viewer looks after the repository, and so finds its settings.
    pub has_settings: bool,
    /// Whether the viewer may list the repository's secrets.
    pub has_secrets: bool,
    /// The commit whose files the tab shows: the page's own, else the branch's head; `None` while there is none.
    pub files_at: Option<CommitSha>,
    /// The checks at that commit that ran without isolation, by name.
    pub unisolated: Vec<String>,
}

impl Place {
    /// What the search field holds to begin with, so that a search stays in the repository.
    pub fn query(&self) -> String {
        format!("repo:{} ", self.repo)
    }

    /// Whether there may be more branches than can be chosen from.
    pub fn is_cut(&self) -> bool {
        self.branches.len() >= crate::base::page::Limit::MAX.get()
    }

    /// The first of the checks that ran without isolation, and how many more there are.
    pub fn unisolated(&self) -> (&[String], usize) {
        let named = &self.unisolated[..self.unisolated.len().min(UNISOLATED_NAMED)];
        (named, self.unisolated.len() - named.len())
    }

    /// Whether this branch is the one that is looked at.
    pub fn is_at(&self, branch: &BranchName) -> bool {
        self.branch.as_ref() == Some(branch)
    }

    /// What the branch menu is called.
    pub fn branch_label(&self) -> &str {
        self.branch.as_ref().map_or("branches", BranchName::as_str)
    }
}
