//! A commit: the verdict in one sentence, the line of what led to it, and its issues.
//!
//! The plumb line runs from the verdict down through pushed, fetched, the manifest, each check and the comparison to the gate: read from
//! above it explains the verdict, read as time it is what happened.

use askama::Template;

use super::frame::{Frame, Place, Tab};
use super::issues::IssueRow;
use super::marks::Stand;
use super::{href, words};
use crate::base::name::{BranchName, CommitSha, TreePath};
use crate::base::page::Cursor;
use crate::base::time::Timestamp;
use crate::domain::checks::CheckState;
use crate::domain::issues::finding::{Kind, Severity};
use crate::http::checks::{CheckErrorView, CheckSetView, CheckView, ContextView, StatusView};
use crate::http::issues::FacetsView;
use crate::http::repos::{CommitView, RepoView};

/// How many issues that were there before stay unfolded beside new ones.
const FOLD_ABOVE: usize = 10;

/// How many of the branches that a commit heads are named.
const HEADS_NAMED: usize = 5;

/// A commit.
#[derive(Debug, Template)]
#[template(path = "repo/commit.html", config = ".askama.toml")]
pub struct CommitPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// Whether somebody wanted to approve it and nothing waited any more.
    pub came_late: bool,
    /// The repository.
    pub repo: RepoView,
    /// The commit.
    pub commit: CommitView,
    /// What is said of it; `None` where nothing was asked.
    pub status: Option<StatusView>,
    /// Its checks; `None` where none were asked for.
    pub set: Option<CheckSetView>,
    /// When it was fetched.
    pub fetched_at: Option<Timestamp>,
    /// The open pull requests whose head it is, by number and title.
    pub pulls: Vec<(u64, String)>,
    /// What the manifest is like.
    pub manifest: Manifest,
    /// What its issues are compared with.
    pub base: Base,
    /// What the issues below were narrowed by.
    pub filter: IssueFilter,
    /// The sources that the filter offers, with their counts: the `source` facet of its issues.
    pub facets: FacetsView,
    /// Not there in the base.
    pub new: IssueList,
    /// There before.
    pub open: IssueList,
    /// There before, and no longer.
    pub fixed: IssueList,
    /// There, and ignored.
    pub ignored: IssueList,
}

/// What a commit's manifest is like.
#[derive(Debug, Clone)]
pub enum Manifest {
    /// Not read yet.
    Unread,
    /// There is none: the built-in checks run, nothing is gated.
    Missing,
    /// Read, from the file of this name.
    Found(String),
    /// It cannot be read.
    Invalid(ManifestFault),
}

/// Where and why a manifest cannot be read.
#[derive(Debug, Clone)]
pub struct ManifestFault {
    /// The file.
    pub path: TreePath,
    /// What is wrong and what to do.
    pub message: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1, in characters.
    pub column: Option<u32>,
    /// What that line says.
    pub text: Option<String>,
}

/// What a commit's issues are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Not compared yet.
    Unknown,
    /// Nothing: it is the first commit that was looked at, and what it has is open and not new.
    Baseline,
    /// This commit.
    Commit(CommitSha),
}

/// Some issues of a commit that stand alike.
#[derive(Debug, Clone, Default)]
pub struct IssueList {
    /// Them, ascending by path and line.
    pub rows: Vec<IssueRow>,
    /// How many there are in all, the filter applied.
    pub total: u64,
    /// Where the list goes on.
    pub next: Option<Cursor>,
}

/// What a commit's issues are narrowed by, as the address has it; empty is no limit.
#[derive(Debug, Clone, Default)]
pub struct IssueFilter {
    /// `new`, `open`, `fixed` or `ignored`.
    pub state: String,
    /// A kind.
    pub kind: String,
    /// A severity.
    pub severity: String,
    /// A source.
    pub source: String,
    /// A glob.
    pub path: String,
    /// Words.
    pub q: String,
}

impl IssueFilter {
    /// Whether it narrows anything.
    pub fn is_set(&self) -> bool {
        [&self.state, &self.kind, &self.severity, &self.source, &self.path, &self.q].iter().any(|part| !part.is_empty())
    }

    fn parameters(&self) -> [(&'static str, &str); 5] {
        [("kind", &self.kind), ("severity", &self.severity), ("source", &self.source), ("path", &self.path), ("q", &self.q)]
    }
}

/// The issues of one file, which stand side by side in a list.
#[derive(Debug)]
pub struct FileGroup<'a> {
    /// The file.
    pub path: &'a TreePath,
    /// Its issues.
    pub rows: &'a [IssueRow],
}

impl FileGroup<'_> {
    /// The file where its issues stand.
    pub(super) fn href(&self) -> String {
        self.rows.first().map_or_else(String::new, IssueRow::file_href)
    }
}

impl IssueList {
    /// Neighbours of the same file, together.
    pub fn groups(&self) -> Vec<FileGroup<'_>> {
        self.rows.chunk_by(|a, b| a.issue.path == b.issue.path).map(|rows| FileGroup { path: &rows[0].issue.path, rows }).collect()
    }
}

/// How a check stands, in words.
pub(super) fn check_says(check: &CheckView) -> String {
    let state = words::plain(check.state.as_str());
    match (check.state, check.issues) {
        (CheckState::Succeeded | CheckState::Failed, Some(0)) => "no issues".to_owned(),
        (CheckState::Succeeded | CheckState::Failed, Some(issues)) => words::count(issues, "issue"),
        (CheckState::Waiting, _) => match &check.waits_for {
            Some(what) => format!("waiting for {}", words::plain(what)),
            None => state,
        },
        (CheckState::Failed, None) => match check.exit_code {
            Some(code) => format!("failed with exit code {code}"),
            None => state,
        },
        _ => state,
    }
}

impl CommitPage {
    fn tab(&self) -> Tab {
        Tab::Commits
    }

    fn set_state(&self) -> Option<CheckState> {
        self.set.as_ref().map(|set| set.state)
    }

    fn stand(&self) -> Stand {
        Stand::of_gate(&self.status.as_ref().map(|status| status.verdict), &self.set_state())
    }

    fn is_live(&self) -> bool {
        self.set_state().is_some_and(|state| !state.is_finished()) && !self.is_held()
    }

    /// Whether what could be run has been, and the rest waits for approval.
    fn is_held(&self) -> bool {
        self.set.as_ref().is_some_and(CheckSetView::is_held)
    }

    fn done(&self) -> usize {
        self.set.as_ref().map_or(0, |set| set.checks.iter().filter(|check| check.state.is_finished()).count())
    }

    /// The verdict in one sentence.
    fn headline(&self) -> String {
        if let Manifest::Invalid(fault) = &self.manifest {
            return match fault.line {
                Some(line) => format!("The manifest cannot be read: line {line} of {}", fault.path),
                None => format!("The manifest cannot be read: {}", fault.path),
            };
        }
        let verdict = self.status.as_ref().map(|status| status.verdict);
        if self.is_live() {
            return match &self.set {
                Some(set) if !set.checks.is_empty() && set.state == CheckState::Running => {
                    format!("Checking: {} of {} done", self.done(), words::count(set.checks.len() as u64, "check"))
                }
                _ => super::repo::standing(&verdict, &self.set_state()).to_owned(),
            };
        }
        if self.set_state() == Some(CheckState::Canceled) {
            return "The checks were canceled".to_owned();
        }
        let context = self.status.as_ref().and_then(|status| {
            let speaks = |context: &&ContextView| context.state == status.verdict && !context.description.is_empty();
            status.contexts.iter().find(speaks)
        });
        context.map_or_else(
            || super::repo::standing(&verdict, &self.set_state()).to_owned(),
            |context| crate::base::text::capital(&context.description),
        )
    }

    fn may(&self, word: &str) -> bool {
        self.repo.can.contains(&word)
    }

    fn may_rerun(&self) -> bool {
        self.may("rerun") && !self.is_live()
    }

    fn may_approve(&self) -> bool {
        self.may("approve") && self.is_held()
    }

    fn may_cancel(&self) -> bool {
        self.may("rerun") && self.is_live()
    }

    fn check_says(&self, check: &CheckView) -> String {
        check_says(check)
    }

    /// Whether a check has a log to unfold.
    fn has_log(&self, check: &CheckView) -> bool {
        !matches!(check.state, CheckState::Waiting | CheckState::NotConfigured)
    }

    fn log_href(&self, check: &CheckView) -> String {
        href::log(&self.place.repo, &self.commit.sha, &check.id.to_string())
    }

    fn comparison(&self) -> String {
        let Some(counts) = &self.commit.issues else {
            return "Not compared yet".to_owned();
        };
        match self.base {
            Base::Unknown => "Not compared yet".to_owned(),
            Base::Baseline => {
                format!("The first commit looked at: its {} are the baseline, none of them new", words::count(counts.open, "issue"))
            }
            Base::Commit(_) => {
                format!(
                    "{} new, {} fixed, {} open",
                    words::thousands(counts.new),
                    words::thousands(counts.fixed),
                    words::thousands(counts.open)
                )
            }
        }
    }

    /// The contexts that say something which the headline does not.
    fn contexts(&self) -> Vec<&ContextView> {
        let contexts = self.status.iter().flat_map(|status| &status.contexts);
        if self.is_live() || matches!(self.manifest, Manifest::Invalid(_)) {
            Vec::new()
        } else {
            contexts.filter(|context| crate::base::text::capital(&context.description) != self.headline()).collect()
        }
    }

    /// What went wrong with the set, where the line has not said it of the manifest already.
    fn fault_of_the_set(&self) -> Option<&CheckErrorView> {
        self.set.as_ref()?.error.as_ref().filter(|_| !matches!(self.manifest, Manifest::Invalid(_)))
    }

    fn is_compared(&self) -> bool {
        self.commit.issues.is_some() && self.base != Base::Unknown
    }

    fn shows(&self, state: &str) -> bool {
        self.filter.state.is_empty() || self.filter.state == state
    }

    fn folds_open(&self) -> bool {
        self.filter.state != "open" && self.new.total > 0 && self.open.rows.len() > FOLD_ABOVE
    }

    fn has_nothing(&self) -> bool {
        let lists = [("new", &self.new), ("open", &self.open), ("fixed", &self.fixed), ("ignored", &self.ignored)];
        lists.iter().all(|(state, list)| list.total == 0 || !self.shows(state))
    }

    fn href_of_state(&self, state: &str) -> String {
        let commit = href::commit(&self.place.repo, &self.commit.sha);
        let narrowed = self
            .filter
            .parameters()
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(commit, |address, (key, value)| href::with(&address, key, value));
        let address = if state.is_empty() { narrowed } else { href::with(&narrowed, "state", state) };
        format!("{address}#issues")
    }

    fn more_href(&self, state: &str, cursor: &Cursor) -> String {
        let address = self.href_of_state(state);
        let address = address.trim_end_matches("#issues");
        format!("{}#issues", href::with(address, "cursor", &cursor.to_string()))
    }

    /// The branches that it heads, as many as a line can name.
    fn heads(&self) -> &[BranchName] {
        &self.commit.branches[..self.commit.branches.len().min(HEADS_NAMED)]
    }

    fn default_branch(&self) -> &str {
        self.repo.default_branch.as_ref().map_or("", BranchName::as_str)
    }

    /// Where it is held against the default branch, if it is not its head.
    fn compare_href(&self) -> Option<String> {
        let default = self.repo.default_branch.as_ref().filter(|default| !self.commit.branches.contains(default))?;
        Some(href::compare(&self.place.repo, default.as_str(), &self.commit.sha.to_string()))
    }

    fn sources(&self) -> Vec<(&str, u64)> {
        self.facets.get("source").map(|words| words.iter().map(|(word, count)| (word.as_str(), *count)).collect()).unwrap_or_default()
    }
}

impl ManifestFault {
    /// The line in three parts: before the column, what stands at it, and after.
    pub(super) fn parts(&self) -> Option<(String, String, String)> {
        let text = self.text.as_ref()?;
        let column = self.column? as usize;
        let before: String = text.chars().take(column.saturating_sub(1)).collect();
        let rest: String = text.chars().skip(column.saturating_sub(1)).collect();
        // A whole word is easier to see than its first letter.
        let word = rest.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-')).unwrap_or(rest.len());
        let (at, after) = rest.split_at(word.max(rest.chars().next().map_or(0, char::len_utf8)));
        Some((before, if at.is_empty() { " ".to_owned() } else { at.to_owned() }, after.to_owned()))
    }
}
