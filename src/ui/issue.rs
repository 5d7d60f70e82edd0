//! An issue: what it says, where it stands now, its life, and what is like it.

use askama::Template;

use super::frame::{Frame, Place, Tab};
use super::issues::{IssueRow, term};
use super::marks::Stand;
use super::{href, words};
use crate::domain::checks::catalogue;
use crate::domain::issues::issue::IssueState;
use crate::http::issues::{IssueView, TurnView};

/// An issue.
#[derive(Debug, Template)]
#[template(path = "repo/issue.html", config = ".askama.toml")]
pub struct IssuePage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The issue, with its excerpt at the commit where it was last seen.
    pub row: IssueRow,
    /// Its life, oldest first.
    pub history: Vec<TurnView>,
    /// What the rule is about and how to mend it, where the plugin says so.
    pub explanation: Option<String>,
    /// Other open issues of the same rule in the repository.
    pub alike: Vec<IssueRow>,
    /// How many of those there are.
    pub alike_total: u64,
}

impl IssuePage {
    fn tab(&self) -> Tab {
        Tab::Issues
    }

    fn stand(&self) -> Stand {
        match self.row.issue.state {
            IssueState::Fixed => Stand::True,
            IssueState::Open => Stand::Fails,
            IssueState::Ignored => Stand::Quiet,
        }
    }

    fn stand_of(&self, turn: &TurnView) -> Stand {
        match turn.what.as_str() {
            "fixed" => Stand::True,
            "first_seen" | "reopened" | "unignored" => Stand::Fails,
            _ => Stand::Quiet,
        }
    }

    fn says(&self, turn: &TurnView) -> String {
        match turn.what.as_str() {
            "first_seen" => "First seen".to_owned(),
            "moved" => "Moved".to_owned(),
            "fixed" => "Fixed".to_owned(),
            "reopened" => "Back again".to_owned(),
            "ignored" => "Ignored".to_owned(),
            "unignored" => "No longer ignored".to_owned(),
            other => words::title(other),
        }
    }

    fn alike_href(&self) -> String {
        href::search(&alike_query(&self.place.query(), &self.row.issue))
    }

    /// Where the tool's authors explain the rule.
    fn rule_explained(&self) -> Option<String> {
        catalogue::find(&self.row.issue.source)?.link(&self.row.issue.rule)
    }

    fn rule_href(&self) -> String {
        href::search(&format!("{} {}", term("source", &self.row.issue.source), term("rule", &self.row.issue.rule)))
    }
}

/// The query for the open issues of the same rule; `within` narrows it, with a space at its end.
pub fn alike_query(within: &str, issue: &IssueView) -> String {
    format!("{within}state:open {} {}", term("source", &issue.source), term("rule", &issue.rule))
}
