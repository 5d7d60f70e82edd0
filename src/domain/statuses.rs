//! The verdict on a commit: whether the gate holds, and a sentence that says why.
//!
//! The gate is a pure function of what was counted and what the manifest asks for. It has no state and reads nothing; whoever has the
//! counts can ask it.

use crate::base::event::Verdict;
use crate::base::text::count;

use super::issues::Counts;
use super::issues::finding::Severity;
use super::issues::standing::BySeverity;
use super::repos::manifest::{FailOn, IssuesGate, Manifest};

mod comment;
mod outbox;
mod report;

pub use comment::{Addresses, Comment, LISTED, PostedComment, comment, posted_comment, record_comment};
pub use outbox::{PostedReport, PostedStatus, Said, compose, erase, name_of, posted, posted_report, record_posted, record_report, refused};
pub use report::report;

/// Where the gate gets its question from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The repository has no manifest: everything is shown and nothing is gated.
    Nothing,
    /// Of issues, this.
    Issues(IssuesGate),
}

impl Asked {
    /// What a manifest asks; nothing where there is none.
    pub fn by(manifest: Option<&Manifest>) -> Asked {
        manifest.map_or(Asked::Nothing, |manifest| Asked::Issues(manifest.issues))
    }
}

/// A verdict with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// How the gate stands.
    pub verdict: Verdict,
    /// Why, in a sentence without its full stop.
    pub sentence: String,
}

/// Judges a commit that was analysed. `is_baseline` says that there was nothing to hold it against.
pub fn gate(counts: &Counts, asked: Asked, is_baseline: bool) -> Judgement {
    let found = || {
        if is_baseline {
            format!("{} at the first analysed commit: this is the baseline", count(counts.open, "open issue"))
        } else {
            changes(counts)
        }
    };
    let Asked::Issues(gate) = asked else {
        let sentence = format!("{}; nothing is gated without a manifest", found());
        return Judgement { verdict: Verdict::Success, sentence };
    };
    let (counted, noun) = match gate.fail_on {
        FailOn::None => {
            return Judgement { verdict: Verdict::Success, sentence: format!("{}; issues gate nothing here", found()) };
        }
        FailOn::New => (&counts.new_by_severity, "new issue"),
        FailOn::Any => (&counts.open_by_severity, "open issue"),
    };
    weigh(counted, gate.min_severity, noun, found)
}

/// Judges all that stands at a commit, for who has nothing to hold it against: every issue counts as a new one would.
pub fn gate_all(counts: &Counts, asked: Asked) -> Judgement {
    let found = || if counts.open == 0 { "no issues".to_owned() } else { count(counts.open, "issue") };
    let why_not = match asked {
        Asked::Nothing => "nothing is gated without a manifest",
        Asked::Issues(IssuesGate { fail_on: FailOn::None, .. }) => "issues gate nothing here",
        Asked::Issues(gate) => return weigh(&counts.open_by_severity, gate.min_severity, "issue", found),
    };
    Judgement { verdict: Verdict::Success, sentence: format!("{}; {why_not}", found()) }
}

/// Whether any of what counts is grave enough; `otherwise` says it where there is nothing.
fn weigh(counted: &BySeverity, least: Severity, noun: &str, otherwise: impl Fn() -> String) -> Judgement {
    let failing: u64 = counted[least as usize..].iter().sum();
    let above = match least {
        Severity::Info => String::new(),
        severity => format!(" of severity {severity} or above"),
    };
    if failing > 0 {
        return Judgement { verdict: Verdict::Failure, sentence: format!("{}{above}", count(failing, noun)) };
    }
    let sentence = match counted.iter().sum() {
        0 => otherwise(),
        below => format!("{}, below severity {least}", count(below, noun)),
    };
    Judgement { verdict: Verdict::Success, sentence }
}

/// `no new issues`, `no new issues, 3 fixed`, `2 new issues, 1 fixed`.
fn changes(counts: &Counts) -> String {
    let new = if counts.new == 0 { "no new issues".to_owned() } else { count(counts.new, "new issue") };
    match counts.fixed {
        0 => new,
        fixed => format!("{new}, {} fixed", crate::base::text::thousands(fixed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::{AttemptId, Id, RepoId};
    use crate::base::name::CommitSha;
    use crate::base::time::Timestamp;
    use crate::domain::checks;

    /// A set of checks whose sentence is longer than anything that may be said.
    pub(super) fn wordy() -> checks::CheckSet {
        checks::CheckSet {
            repo: RepoId::from_u128(1),
            sha: CommitSha::from_bytes([1; 20]),
            attempt: AttemptId::from_u128(2),
            state: checks::CheckState::Failed,
            requested_at: Timestamp::EPOCH,
            started_at: None,
            finished_at: None,
            error: None,
            checks: Vec::new(),
            verdict: Verdict::Failure,
            sentence: "@".repeat(200_000),
            is_settled: true,
            unapproved: None,
            is_foreign: true,
            goes_to: Vec::new(),
        }
    }

    fn counts(new: &[(Severity, u64)], open: &[(Severity, u64)], fixed: u64) -> Counts {
        let mut counts = Counts { fixed, ..Counts::default() };
        for (severity, n) in new {
            counts.new_by_severity[*severity as usize] += n;
            counts.new += n;
        }
        for (severity, n) in new.iter().chain(open) {
            counts.open_by_severity[*severity as usize] += n;
            counts.open += n;
        }
        counts
    }

    fn said(counts: &Counts, asked: Asked, is_baseline: bool) -> String {
        let judgement = gate(counts, asked, is_baseline);
        format!("{}: {}", judgement.verdict, judgement.sentence)
    }

    fn asks(fail_on: FailOn, min_severity: Severity) -> Asked {
        Asked::Issues(IssuesGate { fail_on, min_severity })
    }

    #[test]
    fn new_issues_fail_the_gate_from_the_severity_it_names() {
        let two = counts(&[(Severity::Major, 2), (Severity::Info, 1)], &[(Severity::Blocker, 7)], 0);
        assert_eq!(said(&two, asks(FailOn::New, Severity::Minor), false), "failure: 2 new issues of severity minor or above");
        assert_eq!(said(&two, asks(FailOn::New, Severity::Info), false), "failure: 3 new issues");
        assert_eq!(said(&two, asks(FailOn::New, Severity::Critical), false), "success: 3 new issues, below severity critical");
    }

    #[test]
    fn any_open_issue_fails_a_gate_that_asks_for_none_at_all() {
        let old = counts(&[], &[(Severity::Major, 1)], 4);
        assert_eq!(said(&old, asks(FailOn::Any, Severity::Minor), false), "failure: 1 open issue of severity minor or above");
        assert_eq!(said(&old, asks(FailOn::New, Severity::Minor), false), "success: no new issues, 4 fixed");
        assert_eq!(said(&old, asks(FailOn::None, Severity::Minor), false), "success: no new issues, 4 fixed; issues gate nothing here");
    }

    #[test]
    fn nothing_is_gated_without_a_manifest() {
        let bad = counts(&[(Severity::Blocker, 9)], &[], 0);
        assert_eq!(said(&bad, Asked::Nothing, false), "success: 9 new issues; nothing is gated without a manifest");
    }

    #[test]
    fn where_all_is_judged_every_issue_counts_as_new() {
        let said = |counts: &Counts, asked| {
            let judgement = gate_all(counts, asked);
            format!("{}: {}", judgement.verdict, judgement.sentence)
        };
        let old = counts(&[], &[(Severity::Major, 2), (Severity::Info, 1)], 0);
        assert_eq!(said(&old, asks(FailOn::New, Severity::Minor)), "failure: 2 issues of severity minor or above");
        assert_eq!(said(&old, asks(FailOn::Any, Severity::Critical)), "success: 3 issues, below severity critical");
        assert_eq!(said(&old, asks(FailOn::None, Severity::Minor)), "success: 3 issues; issues gate nothing here");
        assert_eq!(said(&old, Asked::Nothing), "success: 3 issues; nothing is gated without a manifest");
        assert_eq!(said(&Counts::default(), asks(FailOn::New, Severity::Minor)), "success: no issues");
    }

    #[test]
    fn the_first_analysed_commit_is_the_baseline() {
        let first = counts(&[], &[(Severity::Major, 1_204)], 0);
        let sentence = said(&first, asks(FailOn::New, Severity::Minor), true);
        assert_eq!(sentence, "success: 1,204 open issues at the first analysed commit: this is the baseline");
    }
}
