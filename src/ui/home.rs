//! Home: all repositories, one row each, and what is running now.

use askama::Template;

use super::adding::AddForm;
use super::chart::Point;
use super::frame::Frame;
use super::marks::Stand;
use super::{href, words};
use crate::base::name::{CommitSha, RepoSlug};
use crate::base::page::Cursor;
use crate::base::time::Timestamp;
use crate::http::repos::{CommitView, RepoView};

/// The list of repositories.
#[derive(Debug, Template)]
#[template(path = "home.html", config = ".askama.toml")]
pub struct HomePage {
    /// The request.
    pub frame: Frame,
    /// What the list was narrowed by; empty is all.
    pub query: String,
    /// The repositories, in the order they are shown in.
    pub repos: Vec<RepoRow>,
    /// Where the list goes on.
    pub next: Option<Cursor>,
    /// What is waiting or running now; the frame's count may say more than are listed.
    pub running: Vec<RunningRow>,
    /// The form that adds a repository, for whoever may: shown while there is none, and a way to its page after that.
    pub add: Option<AddForm>,
}

/// One repository of the list.
#[derive(Debug, Clone)]
pub struct RepoRow {
    /// The repository.
    pub repo: RepoView,
    /// The head of its default branch; `None` while it has no commit.
    pub head: Option<CommitView>,
    /// Open issues on the default branch of late, in order of time.
    pub trend: Vec<Point>,
}

/// A set of checks that waits or runs.
#[derive(Debug, Clone)]
pub struct RunningRow {
    /// Where.
    pub repo: RepoSlug,
    /// At which commit.
    pub sha: CommitSha,
    /// When it began; `None` while it waits.
    pub started_at: Option<Timestamp>,
    /// How many of its checks are done.
    pub done: u64,
    /// How many there are; 0 while that is not known.
    pub total: u64,
}

impl RepoRow {
    fn slug(&self) -> String {
        format!("{}/{}", self.repo.owner, self.repo.name)
    }

    fn href(&self) -> String {
        format!("/r/{}", self.slug())
    }

    fn stand(&self) -> Stand {
        Stand::of_gate(&self.repo.gate, &self.head.as_ref().and_then(|head| head.check_set))
    }

    fn spark_label(&self) -> String {
        match (self.trend.first(), self.trend.last()) {
            (Some(first), Some(last)) if self.trend.len() > 1 => {
                format!("Open issues: {} on {}, now {}", first.value, words::date(&first.at), last.value)
            }
            _ => "Open issues over time".to_owned(),
        }
    }
}

impl RunningRow {
    fn doing(&self) -> String {
        match (self.started_at, self.total) {
            (None, _) => "waiting for its turn".to_owned(),
            (Some(_), 0) => "reading the commit".to_owned(),
            (Some(_), total) => format!("{} of {} done", self.done, words::count(total, "check")),
        }
    }
}

impl HomePage {
    fn next_href(&self) -> Option<String> {
        let home = if self.query.is_empty() { href::HOME.to_owned() } else { href::with(href::HOME, "q", &self.query) };
        self.next.as_ref().map(|cursor| href::with(&home, "cursor", &cursor.to_string()))
    }
}
