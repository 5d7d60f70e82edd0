//! Pull requests: a list of them, and one: its verdict, what led to it, what it brings and takes away.

use askama::Template;

use super::commit::IssueList;
use super::frame::{Frame, Place, Tab};
use super::marks::Stand;
use super::{href, words};
use crate::base::name::CommitSha;
use crate::base::page::Cursor;
use crate::domain::pulls::PullState;
use crate::http::checks::{CheckErrorView, CheckSetView, CheckView};
use crate::http::pulls::PullView;

/// The pull requests of a repository that stand alike.
#[derive(Debug, Template)]
#[template(path = "repo/pulls.html", config = ".askama.toml")]
pub struct PullsPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// How those stand that are listed; `None` is all.
    pub state: Option<PullState>,
    /// Them, those that changed last first.
    pub pulls: Vec<PullView>,
    /// Where the list goes on.
    pub next: Option<Cursor>,
}

/// A pull request.
#[derive(Debug, Template)]
#[template(path = "repo/pull.html", config = ".askama.toml")]
pub struct PullPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The pull request.
    pub pull: PullView,
    /// Why the gate stands as it does; `None` where nothing was asked.
    pub sentence: Option<String>,
    /// The checks of its head; `None` where none were asked for.
    pub set: Option<CheckSetView>,
    /// What its issues were held against, which may be older than where it left its base.
    pub against: Option<CommitSha>,
    /// Not there in that.
    pub new: IssueList,
    /// There, and no longer.
    pub fixed: IssueList,
}

impl PullsPage {
    fn tab(&self) -> Tab {
        Tab::Pulls
    }

    fn headline(&self) -> &'static str {
        match self.state {
            Some(PullState::Open) => "Pull requests",
            Some(PullState::Closed) => "Pull requests that were closed",
            Some(PullState::Merged) => "Pull requests that were merged",
            None => "All pull requests",
        }
    }

    fn states(&self) -> [(&'static str, String, bool); 4] {
        let of = |word, state: Option<PullState>| (word, href::pulls(&self.place.repo, state), self.state == state);
        [of("Open", Some(PullState::Open)), of("Merged", Some(PullState::Merged)), of("Closed", Some(PullState::Closed)), of("All", None)]
    }

    fn next_href(&self) -> Option<String> {
        let list = href::pulls(&self.place.repo, self.state);
        self.next.as_ref().map(|cursor| href::with(&list, "cursor", &cursor.to_string()))
    }
}

impl PullPage {
    fn tab(&self) -> Tab {
        Tab::Pulls
    }

    fn stand(&self) -> Stand {
        Stand::of_gate(&self.pull.verdict, &self.pull.check_set)
    }

    fn is_open(&self) -> bool {
        self.pull.state == PullState::Open
    }

    /// Whether what could be run has been, and the rest waits for approval.
    fn is_held(&self) -> bool {
        self.set.as_ref().is_some_and(CheckSetView::is_held)
    }

    fn is_live(&self) -> bool {
        self.pull.check_set.is_some_and(|state| !state.is_finished()) && !self.is_held()
    }

    /// The verdict in one sentence.
    fn headline(&self) -> String {
        match &self.sentence {
            Some(sentence) if !self.is_live() => crate::base::text::capital(sentence),
            Some(_) => super::repo::standing(&self.pull.verdict, &self.pull.check_set).to_owned(),
            None if !self.is_open() => "It was closed before it was checked".to_owned(),
            None => "Its commits are being fetched".to_owned(),
        }
    }

    fn may(&self, word: &str) -> bool {
        self.pull.can.contains(&word)
    }

    fn may_approve(&self) -> bool {
        self.may("approve") && self.is_held()
    }

    fn may_rerun(&self) -> bool {
        self.may("rerun") && self.set.is_some() && !self.is_live()
    }

    fn check_says(&self, check: &CheckView) -> String {
        super::commit::check_says(check)
    }

    fn fault(&self) -> Option<&CheckErrorView> {
        self.set.as_ref()?.error.as_ref()
    }

    /// Where its branch is, in words.
    fn source(&self) -> String {
        match (&self.pull.head.repo, self.pull.head.is_fork) {
            (Some(repo), true) => format!("{repo}:{}", self.pull.head.branch),
            (None, _) => format!("{} of a fork that was deleted", self.pull.head.branch),
            (Some(_), false) => self.pull.head.branch.clone(),
        }
    }

    fn state_word(&self) -> &'static str {
        match (self.pull.state, self.pull.draft) {
            (PullState::Open, true) => "draft",
            (PullState::Open, false) => "open",
            (PullState::Closed, _) => "closed",
            (PullState::Merged, _) => "merged",
        }
    }
}
