//! What `serve --repo` tells while it fetches and checks for the first time: one line on a terminal, a few in a pipe.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use super::{Error, Result};
use crate::app::App;
use crate::base::event::Event;
use crate::base::name::CommitSha;
use crate::base::text::{clip, span};
use crate::base::time::Timestamp;
use crate::domain::checks::{self, CheckSet};
use crate::domain::repos::{self, Repository};

/// How often the line is drawn anew while nothing is heard.
const REDRAW: Duration = Duration::from_millis(500);

struct Line {
    is_terminal: bool,
    last: String,
}

impl Line {
    fn show(&mut self, text: String) {
        if self.is_terminal && text != self.last {
            // Carriage return, the line, and nothing left of the one before.
            let _ = write!(std::io::stderr(), "\r\x1b[2K{}", clip(&text, 100));
            let _ = std::io::stderr().flush();
            self.last = text;
        }
    }

    fn done(&mut self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
            let _ = std::io::stderr().flush();
        }
    }
}

/// Waits until a repository is fetched, not before `asked_at`, and its default branch's head is checked; answers the sentence and page
/// of that commit.
pub(super) async fn follow(app: &App, repo: &Repository, asked_at: Timestamp) -> Result<Vec<String>> {
    let mut heard = app.listen();
    let mut line = Line { is_terminal: std::io::stderr().is_terminal(), last: String::new() };
    loop {
        let (id, slug) = (repo.id, repo.slug.clone());
        let state = app
            .read(move |tx, _| -> Result<_> {
                let failed = |error: repos::Error| Error::because("cannot read the repository", error);
                let repository = repos::get(tx, id).map_err(failed)?;
                let head = repos::default_branch(tx, &repository).map_err(failed)?.map(|branch| branch.head);
                let set = match head {
                    Some(head) => checks::look(tx, id, head).map_err(|error| Error::because("cannot read the checks", error))?,
                    None => None,
                };
                Ok((repository, set))
            })
            .await?;
        let (repository, set) = state;
        let is_fetched = repository.synced_at.is_some_and(|at| at >= asked_at);
        match (is_fetched, &repository.sync_error, set) {
            (_, Some(why), _) => {
                line.done();
                return Err(Error::new(format!("cannot fetch {slug}: {}", why.message)));
            }
            (false, None, _) => line.show(format!("{slug}: fetching {}", repository.remote)),
            (true, None, None) => {
                line.done();
                let soon = span(app.config.poll_interval);
                return Ok(vec![format!(
                    "{slug} has no branch with a commit yet: commit something on a branch, and it is looked at again within {soon}"
                )]);
            }
            (true, None, Some(set)) if set.state.is_finished() => {
                line.done();
                return Ok(vec![format!("{slug} {}: {}", set.sha.short(), set.sentence), page(app, repo, set.sha)]);
            }
            (true, None, Some(set)) => line.show(doing(&slug.to_string(), &set)),
        }
        // Whatever is heard, or a moment; then look again.
        let _ = tokio::time::timeout(REDRAW, async {
            while let Ok(recorded) = heard.recv().await {
                if matches!(recorded.event, Event::CheckSetCompleted { .. } | Event::CheckChanged { .. } | Event::BranchMoved { .. }) {
                    break;
                }
            }
        })
        .await;
    }
}

fn doing(slug: &str, set: &CheckSet) -> String {
    let done = set.checks.iter().filter(|check| check.state.is_finished()).count();
    match set.checks.iter().find(|check| check.state == checks::CheckState::Running) {
        Some(check) => format!("{slug} {}: check {} of {}, {}", set.sha.short(), done + 1, set.checks.len(), check.name),
        None => format!("{slug} {}: {}", set.sha.short(), set.sentence),
    }
}

fn page(app: &App, repo: &Repository, sha: CommitSha) -> String {
    format!("{}/r/{}/commits/{sha}", app.public_url(), repo.slug)
}

impl From<crate::engine::store::Error> for Error {
    fn from(error: crate::engine::store::Error) -> Error {
        Error::because("the store failed", error)
    }
}
