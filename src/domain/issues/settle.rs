//! Telling the issues' own rows what a commit did to them.
//!
//! A standing is switched to in one row; afterwards the issues that it changed are written, some at a time. That is repeated after a
//! crash without harm: each step looks at the row as it is and does what is left to do.
//!
//! States follow the latest analysed commit of the default branch: what is gone there is fixed, what stands there again is reopened. A
//! commit elsewhere adds what was never seen before, and fixes and reopens only what its own branch brought. A branch that is deleted
//! takes with it what it alone had.

use std::collections::BTreeSet;

use super::issue::{Issue, IssueState, Sighting, Turn, TurnKind};
use super::standing::{Standee, Standing, turnover};
use super::{Result, put_changed};
use crate::base::id::{IssueId, RepoId};
use crate::base::name::TreePath;
use crate::engine::store::{ReadTx, WriteTx};

/// The most issues that one closure settles; each is three rows.
pub const ISSUES_PER_WRITE: usize = 100;

/// Where a commit is, as far as the states of issues go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// The latest analysed one of the default branch: how issues stand is how they stand there.
    Default,
    /// One that a later analysed one of the default branch came after: what was fixed since is not open again.
    Past,
    /// Elsewhere.
    Topic,
}

/// One thing to tell an issue.
#[derive(Debug, Clone)]
pub enum Step {
    /// It stands here and not in the base.
    Added {
        /// As what.
        standee: Box<Standee>,
        /// Whether that makes it new: not at the first analysed commit.
        is_new: bool,
        /// Where the commit is.
        on: Line,
    },
    /// It stands here and in the base, and its place or wording changed.
    Changed {
        /// As what.
        standee: Box<Standee>,
        /// Where the base has it.
        from: TreePath,
    },
    /// It stands here as in the base, for which it was new: it is so no longer.
    Known {
        /// Which.
        issue: IssueId,
    },
    /// It stood before and is gone.
    Gone {
        /// Which.
        issue: IssueId,
    },
}

/// The commits that a settlement looks at.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// What stands at the commit.
    pub standing: &'a Standing,
    /// What stands at its base.
    pub base: Option<&'a Standing>,
    /// What stood at the base of the base: what the base has besides was new there.
    pub base_of_base: Option<&'a Standing>,
    /// What stood at its branch's head before, if that is another commit than the base.
    pub before: Option<&'a Standing>,
    /// What stands at the default branch's head, if that is another commit.
    pub default: Option<&'a Standing>,
    /// Where it is. The latest analysed commit of the default branch is its head, or one that was pushed over before it was checked.
    pub on: Line,
}

/// What is to be told to which issue.
pub fn plan(tx: &ReadTx, commits: &Circumstances<'_>) -> Result<Vec<Step>> {
    let against_base = turnover(tx, commits.base, commits.standing)?;
    let mut steps = Vec::new();
    let is_new = commits.base.is_some();
    steps.extend(against_base.added.into_iter().map(|standee| Step::Added { standee: Box::new(standee), is_new, on: commits.on }));
    if commits.on == Line::Default {
        if let (Some(base), Some(before)) = (commits.base, commits.base_of_base) {
            let gone: BTreeSet<IssueId> = against_base.gone.iter().map(|standee| standee.occurrence.issue).collect();
            let were_new = turnover(tx, Some(before), base)?.added.into_iter().map(|standee| standee.occurrence.issue);
            steps.extend(were_new.filter(|issue| !gone.contains(issue)).map(|issue| Step::Known { issue }));
        }
        steps.extend(against_base.changed.into_iter().map(|(from, standee)| Step::Changed { standee: Box::new(standee), from }));
        steps.extend(against_base.gone.into_iter().map(|standee| Step::Gone { issue: standee.occurrence.issue }));
    }
    if let Some(before) = commits.before {
        let against_before = turnover(tx, Some(before), commits.standing)?;
        if commits.on == Line::Default {
            // The commits it had were pushed over: what they alone had is gone with them, and the rest is where it is here.
            steps.extend(against_before.gone.into_iter().map(|standee| Step::Gone { issue: standee.occurrence.issue }));
            steps.extend(against_before.changed.into_iter().map(|(from, standee)| Step::Changed { standee: Box::new(standee), from }));
            return Ok(steps);
        }
        // What stood at the branch's last head and is neither here nor on the default branch was brought and fixed by the branch.
        let gone = against_before.gone;
        let elsewhere: BTreeSet<IssueId> = match commits.default {
            // Of what the branch's last head had, the default branch lacks what `added` names; all else it has.
            Some(default) => turnover(tx, Some(default), before)?.added.into_iter().map(|standee| standee.occurrence.issue).collect(),
            None => gone.iter().map(|standee| standee.occurrence.issue).collect(),
        };
        steps.extend(
            gone.into_iter()
                .map(|standee| standee.occurrence.issue)
                .filter(|issue| elsewhere.contains(issue))
                .map(|issue| Step::Gone { issue }),
        );
    }
    Ok(steps)
}

/// What a deleted branch took with it: what stood at its last head, never on the default branch, and stands at no other head.
pub fn plan_farewell(tx: &ReadTx, head: &Standing, others: &[Standing]) -> Result<Vec<Step>> {
    let mut left: BTreeSet<IssueId> = turnover(tx, None, head)?.added.into_iter().map(|standee| standee.occurrence.issue).collect();
    for other in others {
        if left.is_empty() {
            break;
        }
        let lacking: BTreeSet<IssueId> =
            turnover(tx, Some(other), head)?.added.into_iter().map(|standee| standee.occurrence.issue).collect();
        left.retain(|issue| lacking.contains(issue));
    }
    let mut steps = Vec::new();
    for issue in left {
        if tx.get::<Issue>(&issue)?.is_some_and(|issue| !issue.was_on_default && issue.state != IssueState::Fixed) {
            steps.push(Step::Gone { issue });
        }
    }
    Ok(steps)
}

/// Tells some issues, at most [`ISSUES_PER_WRITE`] at a time.
pub fn apply(tx: &mut WriteTx, repo: RepoId, seen: Sighting, author: Option<&str>, steps: &[Step]) -> Result<()> {
    let mut changed = Vec::new();
    for step in steps {
        let issue = match step {
            Step::Added { standee, is_new, on } => added(tx, repo, seen, author, standee, *is_new, *on)?,
            Step::Changed { standee, from } => {
                tx.get::<Issue>(&standee.occurrence.issue)?.and_then(|issue| moved(issue, seen, standee, from))
            }
            Step::Known { issue } => tx.get::<Issue>(issue)?.filter(|issue| issue.is_new).map(|mut issue| {
                issue.is_new = false;
                issue
            }),
            Step::Gone { issue } => tx.get::<Issue>(issue)?.filter(|issue| issue.state != IssueState::Fixed).map(|mut issue| {
                issue.state = IssueState::Fixed;
                issue.is_new = false;
                issue.turn(Turn { kind: TurnKind::Fixed, seen, from: None });
                issue
            }),
        };
        changed.extend(issue);
    }
    put_changed(tx, changed, seen.at)
}

fn added(
    tx: &ReadTx,
    repo: RepoId,
    seen: Sighting,
    author: Option<&str>,
    standee: &Standee,
    is_new: bool,
    on: Line,
) -> Result<Option<Issue>> {
    let occurrence = &standee.occurrence;
    let Some(mut issue) = tx.get::<Issue>(&occurrence.issue)? else {
        return Ok(Some(Issue {
            id: occurrence.issue,
            repo,
            source: standee.source.clone(),
            rule: occurrence.rule.clone(),
            kind: occurrence.kind,
            severity: occurrence.severity,
            message: occurrence.message.clone(),
            path: standee.path.clone(),
            span: occurrence.span,
            excerpt: occurrence.excerpt.clone(),
            fingerprint: occurrence.fingerprint,
            state: IssueState::Open,
            is_new,
            was_on_default: on != Line::Topic,
            first_seen: seen,
            last_seen: seen,
            author: author.map(str::to_owned),
            turns: vec![Turn { kind: TurnKind::FirstSeen, seen, from: None }],
            revision: 0,
        }));
    };
    let is_back = match on {
        Line::Default => true,
        Line::Past => false,
        // A branch speaks only for what it brought itself.
        Line::Topic => !issue.was_on_default,
    };
    if issue.state != IssueState::Fixed || !is_back {
        if issue.was_on_default || on == Line::Topic {
            return Ok(None);
        }
        issue.was_on_default = true;
        return Ok(Some(issue));
    }
    issue.was_on_default |= on != Line::Topic;
    issue.state = IssueState::Open;
    issue.is_new = is_new;
    issue.turn(Turn { kind: TurnKind::Reopened, seen, from: None });
    place(&mut issue, standee, seen);
    Ok(Some(issue))
}

fn moved(mut issue: Issue, seen: Sighting, standee: &Standee, from: &TreePath) -> Option<Issue> {
    let before = issue.clone();
    if *from != standee.path && issue.path != standee.path {
        issue.turn(Turn { kind: TurnKind::Moved, seen, from: Some(from.clone()) });
    }
    issue.is_new = false;
    place(&mut issue, standee, before.last_seen);
    if issue == before {
        return None;
    }
    issue.last_seen = seen;
    Some(issue)
}

/// Writes down where an issue was last seen, and what was said of it.
fn place(issue: &mut Issue, standee: &Standee, seen: Sighting) {
    let occurrence = &standee.occurrence;
    issue.last_seen = seen;
    issue.path = standee.path.clone();
    issue.span = occurrence.span;
    issue.excerpt.clone_from(&occurrence.excerpt);
    issue.message.clone_from(&occurrence.message);
    issue.kind = occurrence.kind;
    issue.severity = occurrence.severity;
    issue.fingerprint = occurrence.fingerprint;
}
