//! Whether and how colour is used, and how wide the lines are.

use std::io::IsTerminal;

use crate::base::event::Verdict;
use crate::domain::checks::CheckState;
use crate::domain::issues::Severity;

/// How wide lines are where no terminal says it.
const WIDTH: usize = 120;
/// The narrowest and the widest that a terminal is taken at its word.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=200;

/// How the text is set.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether there is colour. It never stands alone: a word or a sign says the same.
    pub has_colour: bool,
    /// How many cells a line has.
    pub width: usize,
}

/// What a piece of text is, and so how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    Path,
    Faint,
    Good,
    Bad,
    Grave,
    Unsure,
    Note,
}

impl Style {
    /// The style of standard output.
    pub fn of_stdout() -> Style {
        let stdout = std::io::stdout();
        let is_terminal = stdout.is_terminal();
        let width = rustix::termios::tcgetwinsize(&stdout).ok().filter(|_| is_terminal).map(|size| usize::from(size.ws_col));
        let width = width.filter(|width| *width > 0).map_or(WIDTH, |width| width.clamp(*WIDTHS.start(), *WIDTHS.end()));
        Style { has_colour: has_colour(is_terminal, |name| std::env::var(name).ok()), width }
    }

    /// The text in its ink.
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Path => "1",
            Ink::Faint => "2",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Grave => "1;31",
            Ink::Unsure => "33",
            Ink::Note => "36",
        };
        if self.has_colour && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// The ink of a severity.
pub fn of_severity(severity: Severity) -> Ink {
    match severity {
        Severity::Info => Ink::Note,
        Severity::Minor => Ink::Unsure,
        Severity::Major => Ink::Bad,
        Severity::Critical | Severity::Blocker => Ink::Grave,
    }
}

/// The ink of a state.
pub fn of_state(state: CheckState) -> Ink {
    match state {
        CheckState::Succeeded => Ink::Good,
        CheckState::Failed => Ink::Bad,
        CheckState::Errored | CheckState::TimedOut | CheckState::Canceled => Ink::Unsure,
        CheckState::Waiting | CheckState::Running | CheckState::NotConfigured => Ink::Faint,
    }
}

/// The sign, the word and the ink of a verdict.
pub fn of_verdict(verdict: Verdict) -> (&'static str, &'static str, Ink) {
    match verdict {
        Verdict::Success => ("●", "holds", Ink::Good),
        Verdict::Failure => ("▲", "fails", Ink::Grave),
        Verdict::Error | Verdict::Pending => ("◆", "cannot tell", Ink::Unsure),
    }
}

/// Whether there is colour: never where `NO_COLOR` is set, always where `CLICOLOR_FORCE` is, else on a terminal that knows how
/// (<https://no-color.org>, <https://bixense.com/clicolors>).
fn has_colour(is_terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if is_set("NO_COLOR").is_some() {
        return false;
    }
    if is_set("CLICOLOR_FORCE").is_some_and(|value| value != "0") {
        return true;
    }
    is_terminal && is_set("TERM").is_none_or(|term| term != "dumb") && is_set("CLICOLOR").is_none_or(|value| value != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour(is_terminal: bool, set: &[(&str, &str)]) -> bool {
        has_colour(is_terminal, |name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn colour_is_for_terminals_and_who_asks_for_it() {
        assert!(colour(true, &[]));
        assert!(!colour(false, &[]));
        assert!(colour(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(colour(true, &[("NO_COLOR", ""), ("TERM", "xterm")]));
    }

    #[test]
    fn colour_is_not_for_who_declines_it() {
        assert!(!colour(true, &[("NO_COLOR", "1")]));
        assert!(!colour(true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(!colour(true, &[("TERM", "dumb")]));
        assert!(!colour(true, &[("CLICOLOR", "0")]));
        assert!(!colour(false, &[("CLICOLOR_FORCE", "0")]));
    }
}
