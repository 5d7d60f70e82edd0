//! Telling the issues' own rows what a commit did to them, after its results are in place.
//!
//! It may end anywhere and begin anew: each step looks at its row as it is and does what is left to do.

use super::{Run, Stop, Trees};
use crate::base::name::CommitSha;
use crate::domain::issues::settle::{self, Circumstances, Line};
use crate::domain::issues::{self, Sighting};
use crate::domain::{checks, repos};
use crate::engine::{git, queue};

/// What is told: where and when the issues were seen, who wrote the commit, and the steps, or as many of them as one transaction takes.
type Told = (Sighting, Option<String>, Vec<settle::Step>);

impl Run<'_> {
    /// Tells the issues what the commit did to them, some at a time, and ends the claim.
    pub(super) fn tell(&self) -> Result<(), Stop> {
        let repo = self.set.repo;
        let mut last: Option<Told> = None;
        if let Some((seen, author, steps)) = self.steps()? {
            for some in steps.chunks(settle::ISSUES_PER_WRITE) {
                self.goes_on()?;
                let told = (seen, author.clone(), some.to_vec());
                let Some((seen, author, some)) = last.replace(told) else { continue };
                self.write(move |tx, _| Ok(settle::apply(tx, repo, seen, author.as_deref(), &some)?))?;
            }
        }
        // Each commit waits for the disk; so the last of it and the end are written at once.
        let (claim, of) = (self.attempt.claim.clone(), self.set.clone());
        self.write(move |tx, now| {
            if let Some((seen, author, some)) = &last {
                settle::apply(tx, repo, *seen, author.as_deref(), some)?;
            }
            match checks::mark_settled(tx, &of) {
                // It was asked for once more: the attempt that has the place tells what it finds.
                Ok(()) | Err(checks::Error::Superseded) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(queue::finish(tx, &claim, now)?)
        })
    }

    /// What is to be told, as whom and by whom; `None` where nothing stands.
    fn steps(&self) -> Result<Option<Told>, Stop> {
        let (repo, sha) = (self.set.repo, self.set.sha);
        let default_head = self.trees.default_head();
        let later = match default_head {
            Some(head) if head != sha => later(head, sha, self.trees)?,
            _ => None,
        };
        self.app.read_now(|tx, _| {
            let Some(standing) = issues::standing(tx, repo, sha)? else { return Ok(None) };
            let look = |sha: Option<CommitSha>| match sha {
                Some(sha) => issues::standing(tx, repo, sha),
                None => Ok(None),
            };
            let base = look(standing.base)?;
            let base_of_base = look(base.as_ref().and_then(|base| base.base))?;
            let is_past = match &later {
                Some(later) => later.iter().try_fold(false, |is, sha| Ok::<_, Stop>(is || issues::standing(tx, repo, *sha)?.is_some()))?,
                None => false,
            };
            let is_default_head = default_head == Some(sha) || later.is_some() && !is_past;
            let before = match repos::branches_at(tx, repo, sha)?.first() {
                Some(name) => look(repos::branch(tx, self.repository, name)?.previous)?,
                None => None,
            };
            let before = before.filter(|before| base.as_ref().is_none_or(|base| base.sha != before.sha));
            let default = look(default_head.filter(|head| *head != sha))?;
            let circumstances = Circumstances {
                standing: &standing,
                base: base.as_ref(),
                base_of_base: base_of_base.as_ref(),
                before: before.as_ref(),
                default: default.as_ref(),
                on: match (is_default_head, is_past) {
                    (true, _) => Line::Default,
                    (false, true) => Line::Past,
                    (false, false) => Line::Topic,
                },
            };
            let author = repos::commit(tx, repo, sha)?.map(|commit| commit.author.name);
            Ok(Some((Sighting { sha, at: standing.at }, author, settle::plan(tx, &circumstances)?)))
        })
    }
}

/// The commits of the default branch after this one, which is one of them; `None` if it is not.
fn later(head: CommitSha, sha: CommitSha, trees: &dyn Trees) -> git::Result<Option<Vec<CommitSha>>> {
    let mut later = vec![head];
    for one in trees.ancestors(head) {
        let one = one?;
        if one == sha {
            return Ok(Some(later));
        }
        later.push(one);
    }
    Ok(None)
}
