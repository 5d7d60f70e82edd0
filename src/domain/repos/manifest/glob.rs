//! Lists of path patterns, in the manner of `.gitignore`.
//!
//! A pattern with a slash at its beginning or within is anchored at the root of the repository; any other matches at every depth. What
//! matches a folder matches all below it, and `dir/` matches folders alone. `*` and `?` stop at a slash, `**` does not, `{a,b}` is either.
//! A pattern that begins with `!` takes back what patterns before it have matched; the last pattern that matches decides.
//!
//! One thing differs from git: `!vendor/ours/` after `vendor/` does bring `vendor/ours/` back. Git cannot, since it does not look into a
//! folder that it ignores; here nothing is saved by not looking.

use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

use crate::base::name::TreePath;

/// The most patterns in one list.
pub const MAX_PATTERNS: usize = 200;
/// The most bytes in one pattern.
pub const MAX_PATTERN_BYTES: usize = 256;

/// Why something is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    #[error("expected a pattern, found an empty one")]
    Empty,
    #[error("a pattern has at most {MAX_PATTERN_BYTES} bytes, this one {0}")]
    TooLong(usize),
    #[error("a list has at most {MAX_PATTERNS} patterns")]
    TooMany,
    #[error("`{0}` takes back what patterns before it have matched, and there is none before it")]
    NothingToTakeBack(String),
    #[error("`{pattern}` is not a pattern: {why}")]
    Syntax { pattern: String, why: String },
}

/// Whose rules a list of patterns follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Those of `.gitignore`.
    Gitignore,
    /// Those of Cocov: every pattern is anchored at the root, and `!` is a character like any other.
    Cocov,
}

/// A list of patterns. Two lists are equal if they are written alike.
#[derive(Clone, Default)]
pub struct Globs {
    patterns: Vec<String>,
    set: GlobSet,
    /// For each glob of the set, whether it matches or takes back; globs stand in the order of the patterns.
    includes: Vec<bool>,
}

impl Globs {
    /// Reads a list; an error comes with the place in the list of the pattern it speaks of.
    pub fn new<S: AsRef<str>>(patterns: &[S], dialect: Dialect) -> Result<Globs, (usize, InvalidGlob)> {
        if patterns.len() > MAX_PATTERNS {
            return Err((MAX_PATTERNS, InvalidGlob::TooMany));
        }
        let mut globs = Globs::default();
        let mut set = GlobSetBuilder::new();
        for (at, pattern) in patterns.iter().enumerate() {
            let pattern = pattern.as_ref();
            let (include, forms) = expand(pattern, dialect).map_err(|error| (at, error))?;
            if !include && globs.patterns.is_empty() {
                return Err((at, InvalidGlob::NothingToTakeBack(pattern.to_owned())));
            }
            for form in forms {
                let glob = GlobBuilder::new(&form).literal_separator(true).backslash_escape(true).build();
                set.add(glob.map_err(|error| (at, syntax(pattern, &error)))?);
                globs.includes.push(include);
            }
            globs.patterns.push(pattern.to_owned());
        }
        globs.set = set.build().map_err(|error| (0, syntax(&patterns.first().map_or("", |first| first.as_ref()).to_owned(), &error)))?;
        Ok(globs)
    }

    /// Whether the last pattern that speaks of this path matches it.
    pub fn matches(&self, path: &TreePath) -> bool {
        let hits = self.set.matches_candidate(&Candidate::from_bytes(path.as_bytes()));
        hits.into_iter().max().is_some_and(|last| self.includes[last])
    }

    /// Whether there is no pattern, so that nothing matches.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The patterns as they are written.
    pub fn patterns(&self) -> &[String] {
        &self.patterns
    }
}

fn syntax(pattern: &str, error: &globset::Error) -> InvalidGlob {
    InvalidGlob::Syntax { pattern: pattern.to_owned(), why: error.kind().to_string() }
}

/// Whether a pattern matches or takes back, and the globs it stands for.
fn expand(pattern: &str, dialect: Dialect) -> Result<(bool, Vec<String>), InvalidGlob> {
    if pattern.len() > MAX_PATTERN_BYTES {
        return Err(InvalidGlob::TooLong(pattern.len()));
    }
    let (include, body) = match pattern.strip_prefix('!') {
        Some(rest) if dialect == Dialect::Gitignore => (false, rest),
        _ => (true, pattern),
    };
    let folder_only = body.ends_with('/');
    let body = body.trim_end_matches('/');
    let anchored = dialect == Dialect::Cocov || body.contains('/');
    let body = body.trim_start_matches('/');
    if body.is_empty() {
        return Err(InvalidGlob::Empty);
    }
    let base = if anchored { body.to_owned() } else { format!("**/{body}") };
    let below = format!("{base}/**");
    Ok((include, if folder_only { vec![below] } else { vec![base, below] }))
}

impl PartialEq for Globs {
    fn eq(&self, other: &Globs) -> bool {
        self.patterns == other.patterns
    }
}

impl Eq for Globs {}

impl std::fmt::Debug for Globs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(&self.patterns).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], path: &str) -> bool {
        Globs::new(patterns, Dialect::Gitignore).unwrap().matches(&TreePath::new(path))
    }

    #[test]
    fn a_folder_is_all_below_it_at_every_depth() {
        for path in ["vendor/a.rb", "vendor/a/b/.c", "lib/vendor/x"] {
            assert!(matches(&["vendor/"], path), "{path}");
        }
        for path in ["vendor", "src/vendor", "vendored/a", "my-vendor/a"] {
            assert!(!matches(&["vendor/"], path), "{path}");
        }
    }

    #[test]
    fn a_slash_anchors_a_pattern_and_none_lets_it_float() {
        assert!(matches(&["*.min.js"], "a/b/x.min.js"));
        assert!(matches(&["/x"], "x") && !matches(&["/x"], "a/x"));
        assert!(matches(&["docs/*.md"], "docs/a.md") && !matches(&["docs/*.md"], "a/docs/a.md"));
        assert!(!matches(&["docs/*.md"], "docs/a/b.md"), "a star stops at a slash");
        assert!(matches(&["src/gen"], "src/gen/deep/x.rs"), "what matches a folder matches below");
    }

    #[test]
    fn two_stars_cross_slashes() {
        for path in ["x.min.js", "a/x.min.js", "a/b/c/x.min.js"] {
            assert!(matches(&["**/*.min.js"], path), "{path}");
        }
        assert!(matches(&["a/**/z"], "a/z") && matches(&["a/**/z"], "a/b/c/z") && !matches(&["a/**/z"], "b/a/z"));
        assert!(matches(&["src/**"], "src/a/b") && !matches(&["src/**"], "src"));
    }

    #[test]
    fn the_last_pattern_that_speaks_of_a_path_decides() {
        let patterns = ["vendor/", "!vendor/ours/", "*.lock"];
        assert!(matches(&patterns, "vendor/theirs/a"));
        assert!(!matches(&patterns, "vendor/ours/a"));
        assert!(matches(&patterns, "vendor/ours/a.lock"));
    }

    #[test]
    fn a_path_that_is_not_utf8_is_matched_by_its_bytes() {
        let globs = Globs::new(&["*.txt"], Dialect::Gitignore).unwrap();
        assert!(globs.matches(&TreePath::new(&b"a/caf\xe9.txt"[..])));
    }

    #[test]
    fn cocov_patterns_are_anchored_and_know_no_negation() {
        let globs = Globs::new(&["!x", "spec/", "*.rb"], Dialect::Cocov).unwrap();
        let matches = |path: &str| globs.matches(&TreePath::new(path));
        assert!(matches("!x") && matches("spec/a/b.txt") && matches("a.rb"));
        assert!(!matches("lib/a.rb") && !matches("lib/spec/a"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_place() {
        let refused = |patterns: &[&str]| Globs::new(patterns, Dialect::Gitignore).unwrap_err();
        assert_eq!(refused(&["a", ""]), (1, InvalidGlob::Empty));
        assert_eq!(refused(&["/"]).1, InvalidGlob::Empty);
        assert_eq!(refused(&["!a"]).0, 0);
        assert_eq!(refused(&["x", "[a"]).0, 1);
        assert_eq!(refused(&["x".repeat(257).as_str()]).1, InvalidGlob::TooLong(257));
        assert_eq!(refused(&["x"; 201]), (200, InvalidGlob::TooMany));
    }
}
