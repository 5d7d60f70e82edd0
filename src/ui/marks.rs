//! The signs that stand beside words: how something stands, and how much an issue matters.
//!
//! A sign never speaks by colour alone: each stand has a shape of its own (● true, ▲ fails, ◆ unsure, ◐ running, ○ waiting) and a word
//! for whoever does not see it. They are drawn, not typed, so that they are the same in every font.

use askama::filters::Safe;

use super::escape::Html;
use crate::base::event::Verdict;
use crate::domain::checks::CheckState;
use crate::domain::issues::finding::Severity;
use crate::domain::issues::issue::IssueState;

/// How a thing stands, as far as a sign can say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It holds.
    True,
    /// It fails.
    Fails,
    /// We cannot tell.
    Unsure,
    /// It is at work.
    Running,
    /// Its turn has not come.
    Waiting,
    /// Nothing is known, or nothing was asked.
    Quiet,
}

impl Stand {
    /// The name of its class.
    pub fn class(self) -> &'static str {
        match self {
            Stand::True => "is-true",
            Stand::Fails => "is-fails",
            Stand::Unsure => "is-unsure",
            Stand::Running => "is-running",
            Stand::Waiting => "is-waiting",
            Stand::Quiet => "is-quiet",
        }
    }

    /// What is said of a gate that stands so.
    pub fn word(self) -> &'static str {
        match self {
            Stand::True => "holds",
            Stand::Fails => "fails",
            Stand::Unsure => "cannot tell",
            Stand::Running => "running",
            Stand::Waiting => "waiting",
            Stand::Quiet => "not checked",
        }
    }

    /// How a gate stands, given how far its checks are: while they run it is running, whatever it said before.
    pub fn of_gate(gate: &Option<Verdict>, set: &Option<CheckState>) -> Stand {
        match (set, gate) {
            (Some(CheckState::Running), _) => Stand::Running,
            // What waits for approval cannot mend what the others found.
            (Some(CheckState::Waiting), Some(Verdict::Failure)) => Stand::Fails,
            (Some(CheckState::Waiting), _) => Stand::Waiting,
            (Some(CheckState::Canceled), _) => Stand::Quiet,
            (_, Some(verdict)) => Stand::from(*verdict),
            (_, None) => Stand::Quiet,
        }
    }

    fn shape(self) -> &'static str {
        match self {
            Stand::True => r#"<circle cx="8" cy="8" r="5.5" fill="currentColor"/>"#,
            Stand::Fails => {
                r#"<path d="M8 2 14.4 13.4H1.6z" fill="currentColor" stroke="currentColor" stroke-width="1" stroke-linejoin="round"/>"#
            }
            Stand::Unsure => r#"<path d="M8 1.6 14.4 8 8 14.4 1.6 8z" fill="currentColor"/>"#,
            Stand::Running => {
                r#"<circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="1.6"/><path class="turns" d="M8 2.8a5.2 5.2 0 0 1 0 10.4z" fill="currentColor"/>"#
            }
            Stand::Waiting => r#"<circle cx="8" cy="8" r="5.2" fill="none" stroke="currentColor" stroke-width="1.6"/>"#,
            Stand::Quiet => r#"<path d="M4 8h8" stroke="currentColor" stroke-width="1.6" stroke-linecap="round"/>"#,
        }
    }
}

impl From<Verdict> for Stand {
    fn from(verdict: Verdict) -> Stand {
        match verdict {
            Verdict::Success => Stand::True,
            Verdict::Failure => Stand::Fails,
            Verdict::Error => Stand::Unsure,
            Verdict::Pending => Stand::Running,
        }
    }
}

impl From<CheckState> for Stand {
    fn from(state: CheckState) -> Stand {
        match state {
            CheckState::Succeeded => Stand::True,
            CheckState::Failed => Stand::Fails,
            CheckState::Errored | CheckState::TimedOut => Stand::Unsure,
            CheckState::Running => Stand::Running,
            CheckState::Waiting => Stand::Waiting,
            CheckState::Canceled | CheckState::NotConfigured => Stand::Quiet,
        }
    }
}

/// The sign of a stand, with its word.
pub fn mark(stand: Stand) -> Html {
    sign(stand, stand.word())
}

/// The sign of a stand beside a text that says the same: it is decoration.
pub fn silent(stand: Stand) -> Html {
    Safe(format!(r#"<svg class="mark {}" viewBox="0 0 16 16" aria-hidden="true">{}</svg>"#, stand.class(), stand.shape()))
}

/// The sign of a verdict.
pub fn verdict(verdict: &Verdict) -> Html {
    mark(Stand::from(*verdict))
}

/// The sign of a gate and its checks.
pub fn gate(gate: &Option<Verdict>, set: &Option<CheckState>) -> Html {
    mark(Stand::of_gate(gate, set))
}

/// The sign of a check, which says the check's own word.
pub fn check(state: &CheckState) -> Html {
    sign(Stand::from(*state), &super::words::plain(state.as_str()))
}

/// The sign of an issue's state: open, fixed or ignored, and new where it is.
pub fn issue(state: &IssueState, is_new: &bool) -> Html {
    let (class, word) = match state {
        IssueState::Open if *is_new => ("tag is-new", "new"),
        IssueState::Open => ("tag", "open"),
        IssueState::Fixed => ("tag is-fixed", "fixed"),
        IssueState::Ignored => ("tag is-ignored", "ignored"),
    };
    Safe(format!(r#"<span class="{class}">{word}</span>"#))
}

fn sign(stand: Stand, word: &str) -> Html {
    let word = super::escape::escape(word);
    Safe(format!(
        r#"<svg class="mark {}" viewBox="0 0 16 16" role="img" aria-label="{word}"><title>{word}</title>{}</svg>"#,
        stand.class(),
        stand.shape()
    ))
}

/// How much an issue matters: five bars, as many of them filled as the severity has rank, and its word.
pub fn severity(severity: &Severity) -> Html {
    let rank = Severity::ALL.iter().position(|word| word == severity).unwrap_or(0);
    let bars: String = (0..Severity::ALL.len())
        .map(|bar| {
            let height = 3 + bar * 2;
            let class = if bar <= rank { "on" } else { "off" };
            format!(r#"<rect class="{class}" x="{}" y="{}" width="2" height="{height}"/>"#, 1 + bar * 3, 13 - height)
        })
        .collect();
    Safe(format!(
        r#"<span class="severity s-{severity}"><svg viewBox="0 0 16 14" aria-hidden="true">{bars}</svg><span>{severity}</span></span>"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_stands_share_a_shape() {
        let all = [Stand::True, Stand::Fails, Stand::Unsure, Stand::Running, Stand::Waiting, Stand::Quiet];
        for (at, one) in all.iter().enumerate() {
            for other in &all[at + 1..] {
                assert_ne!(one.shape(), other.shape(), "{one:?} and {other:?}");
                assert_ne!(one.word(), other.word());
            }
        }
    }

    #[test]
    fn checks_that_run_again_outshine_the_old_verdict() {
        assert_eq!(Stand::of_gate(&Some(Verdict::Failure), &Some(CheckState::Running)), Stand::Running);
        assert_eq!(Stand::of_gate(&Some(Verdict::Failure), &Some(CheckState::Errored)), Stand::Fails);
        assert_eq!(Stand::of_gate(&Some(Verdict::Failure), &Some(CheckState::Waiting)), Stand::Fails);
        assert_eq!(Stand::of_gate(&Some(Verdict::Pending), &Some(CheckState::Waiting)), Stand::Waiting);
        assert_eq!(Stand::of_gate(&None, &None), Stand::Quiet);
    }

    #[test]
    fn severity_fills_as_many_bars_as_it_has_rank() {
        let filled = |word| severity(&word).0.matches(r#"class="on""#).count();
        assert_eq!(Severity::ALL.iter().copied().map(filled).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    }
}
