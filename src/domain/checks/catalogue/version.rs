//! Versions of tools, found in whatever they say of themselves.

use std::fmt;

/// The most numbers of a version that are looked at.
const MAX_PARTS: usize = 6;

/// A version: numbers with dots between them. What follows them is not compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Without zeros at the end, so that `1.2` and `1.2.0` are equal.
    parts: Vec<u32>,
}

impl Version {
    /// The first version in a text: two or more numbers with dots, not in the middle of a word; a `v` may stand before it.
    pub fn find_in(text: &str) -> Option<Version> {
        let bytes = text.as_bytes();
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
        let mut at = 0;
        while let Some(start) = bytes.get(at..)?.iter().position(u8::is_ascii_digit).map(|found| at + found) {
            let length = bytes[start..].iter().take_while(|byte| is_part(byte)).count();
            let before = text[..start].strip_suffix('v').unwrap_or(&text[..start]);
            let is_whole = !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '_'));
            if let Some(version) = Version::of(&text[start..start + length]).filter(|_| is_whole) {
                return Some(version);
            }
            at = start + length;
        }
        None
    }

    /// Reads a version that stands alone.
    pub fn of(text: &str) -> Option<Version> {
        let parts = text.trim_end_matches('.').split('.').take(MAX_PARTS);
        let mut parts = parts.map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>().filter(|parts| parts.len() > 1)?;
        while parts.last() == Some(&0) {
            parts.pop();
        }
        Some(Version { parts })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |at: usize| self.parts.get(at).copied().unwrap_or(0);
        write!(f, "{}.{}", part(0), part(1))?;
        self.parts.iter().skip(2).try_for_each(|part| write!(f, ".{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_in_what_tools_say_of_themselves() {
        let cases = [
            ("ruff 0.17.6\n", "0.17.6"),
            ("bandit 1.9.4\n  python version = 3.11.7 (main)", "1.9.4"),
            ("mypy 2.4.1 (compiled: yes)", "2.4.1"),
            ("v10.15.0\n", "10.15"),
            ("Version: 2.6.8", "2.6.8"),
            ("ShellCheck - shell script analysis tool\nversion: 0.11.0\nlicense: GNU General Public License, version 3", "0.11"),
            ("Haskell Dockerfile Linter 2.15.1", "2.15.1"),
            ("clippy 0.1.95 (59807616e1 2026-04-14)", "0.1.95"),
            ("golangci-lint has version v2.1.6-rc.1 built with go1.24.2", "2.1.6"),
            ("2024 edition, build 7, 1.2.", "1.2"),
        ];
        for (text, expected) in cases {
            assert_eq!(Version::find_in(text).map(|version| version.to_string()).as_deref(), Some(expected), "{text}");
        }
        for none in ["", "no version", "version 3", "go1.24", "99999999999.1", "...", "é1é"] {
            assert_eq!(Version::find_in(none), None, "{none}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let version = |text| Version::of(text).unwrap();
        assert!(version("0.9.9") < version("0.10") && version("1.2.0") == version("1.2") && version("2.0") > version("1.99.99"));
    }
}
