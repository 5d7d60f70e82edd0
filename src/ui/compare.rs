//! Two commits held against each other: what the one has and the other has not.

use askama::Template;

use super::commit::IssueList;
use super::frame::{Frame, Place, Tab};
use super::{href, words};
use crate::base::name::CommitSha;
use crate::base::page::Cursor;
use crate::http::repos::CommitView;

/// A comparison, or the form that asks for one.
#[derive(Debug, Template)]
#[template(path = "repo/compare.html", config = ".askama.toml")]
pub struct ComparePage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// What is held against, as it was named; empty where nothing was.
    pub base: String,
    /// What is looked at, as it was named.
    pub head: String,
    /// What came of it; `None` before two commits are named.
    pub found: Option<Found>,
}

/// What came of a comparison.
#[derive(Debug)]
pub enum Found {
    /// What they differ in.
    Difference(Box<Difference>),
    /// One of them was not looked at yet.
    Unlooked {
        /// Which.
        sha: CommitSha,
        /// What is said of it.
        why: String,
    },
}

/// What two commits differ in.
#[derive(Debug)]
pub struct Difference {
    /// The commit that is held against.
    pub base: CommitView,
    /// The commit that is looked at.
    pub head: CommitView,
    /// What the head has and the base has not.
    pub new: IssueList,
    /// What the base has and the head has not.
    pub fixed: IssueList,
}

impl ComparePage {
    fn tab(&self) -> Tab {
        Tab::Commits
    }

    fn headline(&self) -> String {
        match &self.found {
            None => "Compare two commits".to_owned(),
            Some(Found::Unlooked { .. }) => "These two cannot be compared yet".to_owned(),
            Some(Found::Difference(difference)) => match (difference.new.total, difference.fixed.total) {
                (0, 0) => "No difference in issues".to_owned(),
                (new, 0) => words::count(new, "new issue"),
                (0, fixed) => format!("{} fixed", words::count(fixed, "issue")),
                (new, fixed) => format!("{}, {} fixed", words::count(new, "new issue"), words::thousands(fixed)),
            },
        }
    }

    /// The same two the other way round.
    fn swapped(&self) -> String {
        href::compare(&self.place.repo, &self.head, &self.base)
    }

    fn more_href(&self, key: &str, cursor: &Cursor) -> String {
        href::with(&href::compare(&self.place.repo, &self.base, &self.head), key, &cursor.to_string())
    }
}
