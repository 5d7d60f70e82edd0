//! Others' words for how much something matters and of what sort it is.

use crate::domain::issues::finding::{Kind, Severity};

/// The severity that a word stands for, in whatever case.
pub fn severity(word: &str) -> Option<Severity> {
    Some(match word.to_ascii_lowercase().as_str() {
        "blocker" | "fatal" | "fatal error" => Severity::Blocker,
        "critical" | "high" => Severity::Critical,
        "error" | "major" | "medium" => Severity::Major,
        "warning" | "warn" | "minor" | "low" => Severity::Minor,
        "info" | "information" | "informational" | "note" | "notice" | "hint" | "help" | "style" | "convention" | "refactor" | "none" => {
            Severity::Info
        }
        _ => return None,
    })
}

/// The kind that a word stands for: a tag, a category, a quality or a type, in whatever case. `external/cwe/cwe-79` is one of security's.
pub fn kind(word: &str) -> Option<Kind> {
    let word = word.to_ascii_lowercase();
    if word.starts_with("external/cwe") || word.starts_with("cwe-") {
        return Some(Kind::Security);
    }
    Some(match word.as_str() {
        "security" | "vulnerability" | "security_hotspot" | "secret" => Kind::Security,
        "bug" | "bugs" | "bug risk" | "correctness" | "reliability" | "error-prone" | "suspicious" => Kind::Bug,
        "performance" | "perf" | "efficiency" => Kind::Performance,
        "style" | "formatting" | "whitespace" => Kind::Style,
        "complexity" => Kind::Complexity,
        "duplication" => Kind::Duplication,
        "convention" | "naming" => Kind::Convention,
        "quality" | "maintainability" | "code_smell" | "readability" | "clarity" | "compatibility" => Kind::Quality,
        _ => return None,
    })
}

/// The severity of a score from 0 to 10, as GitHub divides it.
pub fn of_score(score: f64) -> Option<Severity> {
    Some(match score {
        9.0..=10.0 => Severity::Blocker,
        7.0..9.0 => Severity::Critical,
        4.0..7.0 => Severity::Major,
        0.0..4.0 => Severity::Minor,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_words_stand_for_themselves() {
        for word in Severity::ALL {
            assert_eq!(severity(word.as_str()), Some(*word));
        }
        for word in Kind::ALL {
            assert_eq!(kind(word.as_str()), Some(*word));
        }
    }

    #[test]
    fn a_score_that_is_none_says_nothing() {
        assert_eq!(
            [of_score(9.8), of_score(7.0), of_score(6.9), of_score(0.0)].map(Option::unwrap),
            [Severity::Blocker, Severity::Critical, Severity::Major, Severity::Minor]
        );
        assert_eq!([of_score(f64::NAN), of_score(-1.0), of_score(11.0)], [None; 3]);
    }
}
