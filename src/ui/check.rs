//! A check: how it ended in one sentence, the line from asking to ending, how its process ran, and what it said.

use askama::Template;

use super::escape::Html;
use super::frame::{Frame, Place, Tab};
use super::marks::Stand;
use super::{ansi, href, words};
use crate::base::name::CommitSha;
use crate::base::text;
use crate::base::time::Timestamp;
use crate::domain::checks::{CheckState, builtin};
use crate::http::checks::{CheckView, ExecutionView};
use crate::http::repos::{CommitView, RepoView};

/// A check at a commit.
#[derive(Debug, Template)]
#[template(path = "repo/check.html", config = ".askama.toml")]
pub struct CheckPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The repository.
    pub repo: RepoView,
    /// The commit.
    pub commit: CommitView,
    /// How it is named.
    pub name: String,
    /// It; `None` while the set it belongs to was asked for again and has not begun.
    pub check: Option<CheckView>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// Whether the set it belongs to is at work.
    pub is_set_live: bool,
    /// What its process may use; empty for one that has none.
    pub bounds: Vec<(&'static str, String)>,
    /// What it said.
    pub log: LogText,
}

/// The end of what a check said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogText {
    /// The text.
    pub text: String,
    /// How many bytes before it are left out.
    pub left_out: u64,
}

impl LogText {
    /// The last lines of a log, of so many bytes at most. What is not text in it is replaced.
    pub fn end_of(log: &[u8], most: usize) -> LogText {
        let from = log.len().saturating_sub(most);
        // A line that is cut is left out, unless it is the only one.
        let start = match log[from..].iter().position(|byte| *byte == b'\n') {
            Some(line_end) if from > 0 && from + line_end + 1 < log.len() => from + line_end + 1,
            _ => from,
        };
        LogText { text: String::from_utf8_lossy(&log[start..]).into_owned(), left_out: start as u64 }
    }
}

impl CheckPage {
    fn tab(&self) -> Tab {
        Tab::Commits
    }

    fn state(&self) -> CheckState {
        self.check.as_ref().map_or(CheckState::Waiting, |check| check.state)
    }

    fn stand(&self) -> Stand {
        Stand::from(self.state())
    }

    fn is_live(&self) -> bool {
        !self.state().is_finished()
    }

    /// How it stands, in one sentence.
    fn headline(&self) -> String {
        let name = &self.name;
        let check = self.check.as_ref();
        match self.state() {
            CheckState::Waiting => match check.and_then(|check| check.waits_for.as_deref()) {
                Some(what) => format!("`{name}` waits for {}", words::plain(what)),
                None => format!("`{name}` waits for its turn"),
            },
            CheckState::Running => format!("`{name}` is running"),
            CheckState::Succeeded => match check.and_then(|check| check.issues) {
                Some(0) | None => format!("`{name}` found nothing"),
                Some(issues) => format!("`{name}` found {}", words::count(issues, "issue")),
            },
            CheckState::Failed => match check.and_then(|check| check.exit_code) {
                Some(code) => format!("`{name}` says no: it ended with {code}"),
                None => format!("`{name}` says no"),
            },
            CheckState::Errored => format!("`{name}` could not be carried out"),
            CheckState::TimedOut => format!("`{name}` took longer than it may"),
            CheckState::Canceled => format!("`{name}` was canceled"),
            CheckState::NotConfigured => format!("`{name}` is not configured"),
        }
    }

    fn execution(&self) -> Option<&ExecutionView> {
        self.check.as_ref()?.execution.as_ref()
    }

    /// Whether it is a program of others, and what it said of the same files before was kept instead of running it.
    fn is_kept(&self) -> bool {
        self.check.as_ref().is_some_and(|check| {
            check.state == CheckState::Succeeded && check.execution.is_none() && builtin::find(&check.plugin).is_none()
        })
    }

    /// The commit at which it ran, if not at this.
    fn kept_from(&self) -> Option<&CommitSha> {
        self.execution()?.kept_from.as_ref()
    }

    /// Whether its process ran without anything between it and the host.
    fn is_unisolated(&self) -> bool {
        self.execution().is_some_and(|execution| execution.tier == UNISOLATED)
    }

    fn issues(&self) -> u64 {
        self.check.as_ref().and_then(|check| check.issues).unwrap_or(0)
    }

    /// The commit's page with the issues of this check alone.
    fn issues_href(&self) -> String {
        format!("{}#issues", href::with(&href::commit(&self.place.repo, &self.commit.sha), "source", &self.name))
    }

    fn log_href(&self) -> String {
        let named = self.check.as_ref().map_or_else(|| self.name.clone(), |check| check.id.to_string());
        href::log(&self.place.repo, &self.commit.sha, &named)
    }

    fn may_rerun(&self) -> bool {
        self.repo.can.contains(&"rerun") && !self.is_set_live
    }

    fn rerun_href(&self) -> String {
        href::with(&href::rerun(&self.place.repo, &self.commit.sha), "check", &self.name)
    }

    fn painted(&self) -> Html {
        ansi::paint(&self.log.text)
    }

    /// How many of the records that could not be used are not named.
    fn dropped_unnamed(&self) -> u64 {
        self.execution().map_or(0, |execution| execution.dropped_count.saturating_sub(execution.dropped.len() as u64))
    }

    /// The bounds that this host keeps less well, as they are listed.
    fn weaker(&self) -> String {
        self.execution().map(|execution| text::capital(&execution.weaker_limits.join(", "))).unwrap_or_default()
    }
}

/// The tier in which nothing keeps a process apart from the host.
pub const UNISOLATED: &str = "trusted";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_begins_with_a_whole_line() {
        let end = |log: &str, most| LogText::end_of(log.as_bytes(), most);
        assert_eq!(end("one\ntwo\nthree\n", 100), LogText { text: "one\ntwo\nthree\n".to_owned(), left_out: 0 });
        assert_eq!(end("one\ntwo\nthree\n", 8), LogText { text: "three\n".to_owned(), left_out: 8 });
        assert_eq!(end("aaaaaaaa\n", 4), LogText { text: "aaa\n".to_owned(), left_out: 5 }, "a line that never ends is cut");
        assert_eq!(end("", 4), LogText::default());
    }
}
