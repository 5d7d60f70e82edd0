//! Closing the issues that a deleted branch alone had: no commit will ever fix them.
//!
//! Read, then write some at a time; each step looks at its row as it is, so that it may begin anew after a crash.

use std::time::Duration;

use crate::app::App;
use crate::app::runner::{Attempt, Failure};
use crate::base::event::Actor;
use crate::base::id::RepoId;
use crate::base::name::CommitSha;
use crate::domain::issues::{self, Sighting, settle};
use crate::domain::{checks, pulls, repos};
use crate::engine::queue::{self, Verdict};

/// How many other branches and open pull requests are asked whether they have an issue; of a repository with more, the default branch and the first of them.
const BRANCHES_ASKED: usize = 200;
/// How long checks that are under way are waited for.
const WAIT: Duration = Duration::from_secs(60);

/// Performs `Work::CloseBranch`, of a branch that was deleted or a pull request that was closed. Checks that are under way, of the branch's last head or of the default branch's, are waited for: what
/// was merged stands there.
pub fn close_branch(app: &App, attempt: &Attempt, repo: RepoId, head: CommitSha) -> Result<(), Failure> {
    let steps = app.read_now(|tx, now| -> Result<_, Failure> {
        let repository = match repos::get(tx, repo) {
            Ok(repository) => repository,
            Err(repos::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let default = repos::default_branch(tx, &repository)?.map(|branch| branch.head);
        for sha in default.into_iter().chain([head]) {
            if checks::look(tx, repo, sha)?.is_some_and(|set| set.is_under_way() || !set.is_settled) {
                let message = format!("the checks of `{sha}` are under way");
                return Err(Failure { message, verdict: Verdict::RetryAfter(WAIT) });
            }
        }
        // Another branch may be where it was.
        if !repos::branches_at(tx, repo, head)?.is_empty() || !pulls::of_head(tx, repo, head)?.is_empty() {
            return Ok(None);
        }
        let Some(standing) = issues::standing(tx, repo, head)? else { return Ok(None) };
        let heads = repos::all_branches(tx, repo)?.into_iter().map(|branch| branch.head);
        let heads = heads.chain(pulls::open(tx, repo)?.into_iter().map(|pull| pull.head.sha));
        let mut others = Vec::new();
        for sha in default.into_iter().chain(heads).take(BRANCHES_ASKED) {
            others.extend(issues::standing(tx, repo, sha)?);
        }
        Ok(Some((Sighting { sha: head, at: now }, settle::plan_farewell(tx, &standing, &others)?)))
    })?;
    let Some((seen, steps)) = steps else { return attempt.done(app) };
    for some in steps.chunks(settle::ISSUES_PER_WRITE) {
        let (claim, some) = (attempt.claim.clone(), some.to_vec());
        app.write_now(&Actor::System, move |tx, _| -> Result<(), Failure> {
            queue::check(tx, &claim)?;
            repos::get(tx, repo)?;
            Ok(settle::apply(tx, repo, seen, None, &some)?)
        })?;
    }
    attempt.done(app)
}
