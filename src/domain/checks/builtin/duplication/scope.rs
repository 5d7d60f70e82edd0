//! What is compared at all: programs that somebody of the team wrote by hand.
//!
//! Left out is what nobody would mend: what others wrote, what a tool wrote, data, markup and prose, specimens kept as they are, and what
//! is too large or too dense to be read by people. Tests are compared, but may repeat themselves more freely: each says all that it
//! does ([`tests_from`]).

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::base::name::TreePath;

use super::super::origin;
use super::super::subject::Subject;
use super::super::tokens::language::Sort;
use super::super::tokens::{Language, newlines};

/// The largest file that is compared.
pub const MAX_FILE: u64 = 1 << 20;
/// A text with more bytes a line than this is not written by hand.
const DENSE: usize = 160;
/// A text with a line longer than this, tables aside, is not either.
const LONG_LINE: usize = 5_000;
/// In so many bytes at the beginning it is asked whether a file is text, and a compiler's.
const HEAD: usize = 2_048;

/// What compilers of JavaScript begin with, in lower case.
static COMPILED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("defineproperty(exports, \"__esmodule\""));

/// Ends of names of what describes other files.
const DECLARATIONS: [&str; 4] = [".d.ts", ".d.mts", ".d.cts", ".snap.rs"];

/// Folders of what a tool fills.
const FILLED: [&str; 17] = [
    "build",
    "out",
    "target",
    "obj",
    "generated",
    "gen",
    "__generated__",
    "coverage",
    "migrations",
    "locale",
    "locales",
    "static",
    "cjs",
    "esm",
    "umd",
    "libcjs",
    "libesm",
];

/// The language of a file that is compared; `None` for what is left out by its name and size.
pub fn language(path: &TreePath, size: u64) -> Option<&'static Language> {
    if size == 0 || size > MAX_FILE {
        return None;
    }
    let language = Language::of(path).filter(|language| matches!(language.sort, Sort::Code | Sort::Style))?;
    let subject = Subject::of(path);
    let name = subject.name();
    let is_left_out = subject.is_foreign()
        || subject.is_specimen()
        || subject.is_generated()
        || subject.is_template()
        || name.starts_with("jquery")
        || DECLARATIONS.iter().any(|end| name.ends_with(end))
        || subject.folders().any(|folder| FILLED.contains(&folder));
    (!is_left_out).then_some(language)
}

/// Whether a text was written by hand.
pub fn is_by_hand(content: &[u8]) -> bool {
    if memchr::memchr(0, &content[..content.len().min(HEAD)]).is_some() {
        return false;
    }
    let (mut lines, mut longest, mut before) = (1, 0, 0);
    for at in memchr::memchr_iter(b'\n', content) {
        lines += 1;
        longest = longest.max(at - before);
        before = at;
    }
    longest = longest.max(content.len() - before);
    if content.len() / lines > DENSE || longest > LONG_LINE {
        return false;
    }
    if COMPILED.find(&content[..content.len().min(HEAD)].to_ascii_lowercase()).is_some() {
        return false;
    }
    // Nobody is told of what is left out, so a hint is enough.
    origin::claim(content).is_none()
}

/// The line from which on a file is tests: the first of a file of tests, that of the module of tests in one of Rust, else none.
pub fn tests_from(path: &TreePath, content: &[u8]) -> u32 {
    if is_of_tests(path) {
        return 0;
    }
    let module = if path.as_bytes().ends_with(b".rs") { memchr::memmem::find(content, b"\n#[cfg(test)]\nmod ") } else { None };
    module.map_or(u32::MAX, |at| newlines(&content[..at]) + 2)
}

/// What is measured and what shows how something is used may repeat itself as tests do.
fn is_of_tests(path: &TreePath) -> bool {
    let subject = Subject::of(path);
    subject.is_test() || subject.is_example() || subject.folders().any(|folder| matches!(folder, "benches" | "bench"))
}

/// Whether two paths differ in their extension alone: what is compiled from a file, and its source.
pub fn are_twins(a: &TreePath, b: &TreePath) -> bool {
    fn stem(path: &TreePath) -> &[u8] {
        let bytes = path.as_bytes();
        let name = bytes.len() - path.file_name().len();
        &bytes[..memchr::memchr(b'.', &bytes[name..]).map_or(bytes.len(), |dot| name + dot)]
    }
    a != b && stem(a) == stem(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_would_mend_is_left_out() {
        for path in [
            "node_modules/a.js",
            "a.min.js",
            "package-lock.json",
            "a.svg",
            "a.csv",
            "b.yaml",
            "a.pb.go",
            "src/gen/a.go",
            "tests/fixtures/a.py",
            "a.md",
            "b.snap",
            "LICENSE",
        ] {
            assert_eq!(language(&TreePath::new(path), 100), None, "{path}");
        }
        assert!(language(&TreePath::new("src/a.rs"), MAX_FILE).is_some());
        assert_eq!(language(&TreePath::new("src/a.rs"), MAX_FILE + 1), None);
    }

    #[test]
    fn what_a_tool_wrote_is_known_by_its_first_comments_and_its_density() {
        assert!(!is_by_hand(b"// Code generated by protoc. DO NOT EDIT.\npackage a\n"));
        assert!(!is_by_hand(format!("var a={};", "x".repeat(400)).as_bytes()));
        assert!(is_by_hand(b"say(\"generated by hand\")\n"));
    }

    #[test]
    fn tests_are_known_by_their_place_and_name() {
        for path in ["tests/a.rs", "src/a/tests.rs", "a_test.go", "FooTest.java", "a.spec.ts", "test_a.py"] {
            assert_eq!(tests_from(&TreePath::new(path), b""), 0, "{path}");
        }
        for path in ["src/a.rs", "latest.py", "src/contest.go", "UNIT.java"] {
            assert_eq!(tests_from(&TreePath::new(path), b"fn a() {}\n#[cfg(test)]\nfn b() {}\n"), u32::MAX, "{path}");
        }
        assert_eq!(tests_from(&TreePath::new("a.rs"), b"fn a() {}\n\n#[cfg(test)]\nmod tests {\n"), 3);
    }

    #[test]
    fn twins_differ_in_their_extension_alone() {
        let is = |a: &str, b: &str| are_twins(&TreePath::new(a), &TreePath::new(b));
        assert!(is("a/b.js", "a/b.ts") && is("a/b.d.ts", "a/b.js"));
        assert!(!is("a/b.js", "a/c.js") && !is("a/b.js", "c/b.js") && !is("a/b.js", "a/b.js"));
    }
}
