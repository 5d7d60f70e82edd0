//! A repository: how it stands, how its issues went, its latest commits, its branches and the rules that speak most.

use std::time::Duration;

use askama::Template;

use super::chart::{Point, Unit};
use super::escape::Html;
use super::frame::{Frame, Place, Tab};
use super::marks::Stand;
use super::{chart, href, words};
use crate::base::event::Verdict;
use crate::base::page::Cursor;
use crate::domain::checks::CheckState;
use crate::domain::issues::finding::Severity;
use crate::domain::repos::SourceKind;
use crate::http::repos::{BranchView, CommitView, RepoView};

/// A repository at one of its branches.
#[derive(Debug, Template)]
#[template(path = "repo/overview.html", config = ".askama.toml")]
pub struct RepoPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The repository.
    pub repo: RepoView,
    /// The head of the branch; `None` while there is no commit.
    pub head: Option<CommitView>,
    /// Why the gate stands as it does there, in a sentence.
    pub sentence: Option<String>,
    /// Open issues on the branch in the last ninety days, in order of time.
    pub trend: Vec<Point>,
    /// Whether there were too many commits in that time to look at all.
    pub is_trend_cut: bool,
    /// Coverage in the same time; empty where there is none.
    pub coverage: Vec<Point>,
    /// The latest commits of the branch, newest first.
    pub commits: Vec<CommitView>,
    /// Its branches, the default one first. A long list may be cut.
    pub branches: Vec<BranchView>,
    /// Whether there are more than these.
    pub has_more_branches: bool,
    /// The rules with most open issues at the head, most first.
    pub rules: Vec<RuleRow>,
    /// Whether it is being fetched now, or about to be.
    pub is_fetching: bool,
    /// How often it is asked for new commits.
    pub poll_interval: Duration,
}

/// A rule and how much it found.
#[derive(Debug, Clone)]
pub struct RuleRow {
    /// The plugin or tool.
    pub source: String,
    /// The rule.
    pub rule: String,
    /// How much its issues matter, at most.
    pub severity: Severity,
    /// How many are open.
    pub open: u64,
}

/// The commits of a branch.
#[derive(Debug, Template)]
#[template(path = "repo/commits.html", config = ".askama.toml")]
pub struct CommitsPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The commits, newest first.
    pub commits: Vec<CommitView>,
    /// Where the list goes on.
    pub next: Option<Cursor>,
    /// How often it is asked for new commits.
    pub poll_interval: Duration,
}

/// The branches of a repository.
#[derive(Debug, Template)]
#[template(path = "repo/branches.html", config = ".askama.toml")]
pub struct BranchesPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The branches, by name.
    pub branches: Vec<BranchView>,
    /// Where the list goes on.
    pub next: Option<Cursor>,
    /// How often it is asked for new commits.
    pub poll_interval: Duration,
}

impl RepoPage {
    fn tab(&self) -> Tab {
        Tab::Overview
    }

    fn stand(&self) -> Stand {
        self.head.as_ref().map_or(Stand::Quiet, |head| Stand::of_gate(&head.gate, &head.check_set))
    }

    fn headline(&self) -> String {
        let Some(head) = &self.head else {
            return "No commit yet".to_owned();
        };
        let stand = self.stand();
        match &self.sentence {
            Some(sentence) if matches!(stand, Stand::True | Stand::Fails | Stand::Unsure) => crate::base::text::capital(sentence),
            _ => standing(&head.gate, &head.check_set).to_owned(),
        }
    }

    fn may(&self, word: &str) -> bool {
        self.repo.can.contains(&word)
    }

    fn chart(&self) -> Html {
        let title = if self.is_trend_cut { "Open issues, latest commits of the last 90 days" } else { "Open issues, last 90 days" };
        chart::line(&self.trend, Unit::Issues, title, "chart-issues")
    }

    fn coverage_chart(&self) -> Html {
        chart::line(&self.coverage, Unit::Percent, "Coverage, last 90 days", "chart-coverage")
    }

    fn source(&self) -> &'static str {
        match self.repo.source {
            SourceKind::Github => "GitHub",
            SourceKind::Git => "a git remote",
            SourceKind::Local => "a path on this host",
        }
    }

    fn rule_href(&self, row: &RuleRow) -> String {
        href::search(&format!("{}state:open {}", self.place.query(), super::issues::term("rule", &row.rule)))
    }
}

impl BranchesPage {
    fn tab(&self) -> Tab {
        Tab::Overview
    }

    fn next_href(&self) -> Option<String> {
        self.next.as_ref().map(|cursor| href::with(&href::branches(&self.place.repo), "cursor", &cursor.to_string()))
    }

    /// Where a branch is held against the default one, once both were looked at.
    fn compare_href(&self, branch: &BranchView) -> Option<String> {
        let default = self.place.branches.first().filter(|_| !branch.is_default && branch.issues_open.is_some())?;
        Some(href::compare(&self.place.repo, default.as_str(), branch.name.as_str()))
    }
}

impl CommitsPage {
    fn tab(&self) -> Tab {
        Tab::Commits
    }

    fn next_href(&self) -> Option<String> {
        let list = href::commits(&self.place.repo, &self.place.branch);
        self.next.as_ref().map(|cursor| href::with(&list, "cursor", &cursor.to_string()))
    }
}

/// What is said of a gate that has no sentence of its own.
pub(super) fn standing(gate: &Option<Verdict>, set: &Option<CheckState>) -> &'static str {
    match Stand::of_gate(gate, set) {
        Stand::True => "The gate holds",
        Stand::Fails => "The gate fails",
        Stand::Unsure => "We cannot tell whether the gate holds",
        Stand::Running => "Checks are running",
        Stand::Waiting => "Checks are waiting for their turn",
        Stand::Quiet if *set == Some(CheckState::Canceled) => "The checks were canceled",
        Stand::Quiet if *set == Some(CheckState::NotConfigured) => "The manifest names no checks",
        Stand::Quiet => "Not checked",
    }
}
