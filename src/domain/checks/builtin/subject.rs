//! What a path says of a file: whether it is the team's own work, meant to be right, and of what sort.
//!
//! Names are conventions and conventions have exceptions; every list here errs towards silence.

use crate::base::name::TreePath;

/// Folders of what others wrote and tools put there.
const FOREIGN: [&str; 27] = [
    "node_modules",
    "bower_components",
    "jspm_packages",
    "vendor",
    "vendored",
    "_vendor",
    "third_party",
    "third-party",
    "thirdparty",
    "3rdparty",
    "3rd_party",
    "3rd-party",
    "external",
    "externals",
    "extern",
    "deps",
    "godeps",
    "pods",
    "carthage",
    "elm-stuff",
    "site-packages",
    "dist-packages",
    ".venv",
    "venv",
    "dist",
    ".yarn",
    ".git",
];

/// Those of them that may hold the team's own work as well.
const PERHAPS_OWN: [&str; 5] = ["dist", "deps", "external", "externals", "extern"];

/// Folders of what is kept to be wrong, odd, or exactly as it is.
const SPECIMENS: [&str; 30] = [
    "fixture",
    "fixtures",
    "testdata",
    "testfiles",
    "testcases",
    "testcase",
    "snapshot",
    "snapshots",
    "golden",
    "goldens",
    "corpus",
    "corpora",
    "cassettes",
    "recordings",
    "mocks",
    "fuzz",
    "fuzzing",
    "fuzzer",
    "fuzzers",
    "conformance",
    "invalid",
    "malformed",
    "bad",
    "broken",
    "corrupt",
    "corrupted",
    "fail",
    "failing",
    "negative",
    "crashes",
];

/// Folders of tests: their code is as good as any, their data may be wrong on purpose.
const TESTS: [&str; 6] = ["test", "tests", "__tests__", "testing", "e2e", "qa"];

/// Folders of tests, where they lie outside of what is tested.
const TESTS_OUTSIDE: [&str; 5] = ["spec", "specs", "cypress", "playwright", "integration"];

/// Folders of what shows how something is used.
const EXAMPLES: [&str; 5] = ["example", "examples", "sample", "samples", "demo"];

/// Folders with which the name of a package begins in languages that write it as folders: `com/example/shop` is no example.
const PACKAGES: [&str; 6] = ["com", "org", "net", "io", "edu", "gov"];
/// So many folders, from the root of the tree, are asked for words that mean something else further below.
const OUTER: usize = 3;

/// Extensions of languages that name a class of tests by its last word, whatever is before it.
const CLASSES: [&str; 7] = ["java", "kt", "cs", "scala", "groovy", "swift", "php"];

/// Ends of names of what a tool writes.
const GENERATED: [&str; 11] =
    [".pb.go", ".pb.cc", ".pb.h", "_pb2.py", "_pb2_grpc.py", "_pb.js", "_pb.d.ts", ".g.dart", ".g.cs", ".designer.cs", ".freezed.dart"];

/// Words in a file's name that say it is wrong on purpose.
const WRONG: [&str; 16] = [
    "invalid",
    "malformed",
    "bad",
    "broken",
    "corrupt",
    "corrupted",
    "wrong",
    "fail",
    "failing",
    "failure",
    "incorrect",
    "illegal",
    "garbage",
    "truncated",
    "unparsable",
    "unparseable",
];

/// Extensions of templates of other files.
const TEMPLATES: [&str; 14] =
    ["tmpl", "tpl", "template", "j2", "jinja", "jinja2", "erb", "ejs", "hbs", "mustache", "liquid", "in", "dist", "mako"];

/// Names of files that a package manager writes, full of hashes.
const LOCKS: [&str; 12] = [
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "go.sum",
    "go.work.sum",
    "packages.lock.json",
    "project.assets.json",
    "cargo-checksum.json",
    ".cargo-checksum.json",
    "deno.lock",
    "bun.lock",
    "gradle.lockfile",
];

/// A path, in lower case and in its parts.
#[derive(Debug)]
pub struct Subject<'a> {
    pub path: &'a TreePath,
    /// The whole, in lower case; what is not UTF-8 is replaced.
    lower: String,
}

impl<'a> Subject<'a> {
    pub fn of(path: &'a TreePath) -> Subject<'a> {
        Subject { path, lower: String::from_utf8_lossy(path.as_bytes()).to_lowercase() }
    }

    /// The whole path in lower case.
    pub fn lower(&self) -> &str {
        &self.lower
    }

    /// The file's name in lower case.
    pub fn name(&self) -> &str {
        self.lower.rsplit('/').next().unwrap_or(&self.lower)
    }

    /// What follows the last dot of the name, in lower case; empty if there is none.
    pub fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The names of the folders above, in lower case.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.lower.rsplit_once('/').map_or("", |(folders, _)| folders).split('/').filter(|folder| !folder.is_empty())
    }

    /// Whether it was written elsewhere and copied in.
    pub fn is_foreign(&self) -> bool {
        self.folders().any(|folder| FOREIGN.contains(&folder))
    }

    /// Whether it lies where a build puts what it made of the team's own work, or where the team may keep work of its own under a name that
    /// speaks of others'.
    pub fn is_perhaps_own(&self) -> bool {
        self.folders().all(|folder| !FOREIGN.contains(&folder) || PERHAPS_OWN.contains(&folder))
    }

    /// Whether it is kept to be wrong, odd, or exactly as it is.
    pub fn is_specimen(&self) -> bool {
        self.folders().any(|folder| SPECIMENS.contains(&folder) || words(folder).any(|word| SPECIMENS.contains(&word)))
            || words(self.name()).any(|word| WRONG.contains(&word))
            || matches!(self.extension(), "snap" | "golden" | "orig" | "rej" | "patch" | "diff")
    }

    /// Whether it lies among tests.
    pub fn is_in_tests(&self) -> bool {
        self.folders().any(|folder| TESTS.contains(&folder) || folder.ends_with("-tests") || folder.ends_with("_tests"))
    }

    /// The outermost folders, up to where the name of a package begins.
    fn outer_folders(&self) -> impl Iterator<Item = &str> {
        self.folders().take_while(|folder| !PACKAGES.contains(folder)).take(OUTER)
    }

    /// Whether it is a test, or lies among tests: by its folders, or by its name as the languages have it.
    pub fn is_test(&self) -> bool {
        let name = self.name();
        let stem = name.split('.').next().unwrap_or(name);
        self.is_in_tests()
            || self.outer_folders().any(|folder| TESTS_OUTSIDE.contains(&folder))
            || matches!(stem, "test" | "tests" | "conftest")
            || stem.starts_with("test_")
            || ["_test", "_tests", "_spec", "-test", "-spec"].iter().any(|end| stem.ends_with(end))
            || [".test.", ".spec."].iter().any(|part| name.contains(part))
            || self.is_test_class()
    }

    /// Whether the name ends as those of test classes do: `LoginTest.java`, `UserServiceTests.cs`, `loginIT.kt`. The case of its own letters
    /// tells `FooTest` from `latest`, and `LoginIT` from `UNIT`.
    fn is_test_class(&self) -> bool {
        let stem = self.path.file_name().split(|byte| *byte == b'.').next().unwrap_or_default();
        let is_of_classes = CLASSES.contains(&self.extension());
        let ends = |end: &str, may_be_shouted: bool| {
            stem.strip_suffix(end.as_bytes()).is_some_and(|rest| may_be_shouted || rest.last().is_some_and(u8::is_ascii_lowercase))
        };
        ["Test", "Tests", "Spec"].into_iter().any(|end| ends(end, is_of_classes)) || ends("IT", false)
    }

    /// Whether it shows how something is used, or what a file of this name may hold: by a word of its name, or of an outermost folder's.
    pub fn is_example(&self) -> bool {
        let is_one = |text: &str| words(text).any(|word| EXAMPLES.contains(&word));
        is_one(self.name()) || self.outer_folders().any(is_one)
    }

    /// Whether it is there to be read by people: by its kind, or by an outermost folder.
    pub fn is_prose(&self) -> bool {
        matches!(self.extension(), "md" | "mdx" | "markdown" | "rst" | "adoc" | "asciidoc" | "ipynb" | "tex" | "po")
            || self.outer_folders().any(|folder| matches!(folder, "docs" | "doc" | "documentation"))
    }

    /// Whether its path says that another file is made from it.
    pub fn is_template(&self) -> bool {
        self.lower.contains("{{") || self.name().split('.').skip(1).any(|extension| TEMPLATES.contains(&extension))
    }

    /// Whether it is written by a tool for tools.
    pub fn is_generated(&self) -> bool {
        let name = self.name();
        name.contains(".min.")
            || name.contains("-min.")
            || name.contains(".bundle.")
            || name.split('.').any(|part| part.ends_with("generated"))
            || name.ends_with(".map")
            || GENERATED.iter().any(|end| name.ends_with(end))
    }

    /// Whether a package manager wrote it, to find the same again.
    pub fn is_lock(&self) -> bool {
        self.extension() == "lock" || LOCKS.contains(&self.name())
    }

    /// Whether any part of the path holds one of these words.
    pub fn has_word(&self, wanted: &[&str]) -> bool {
        words(&self.lower).any(|word| wanted.contains(&word))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(path: &str, question: impl Fn(&Subject<'_>) -> bool) -> bool {
        question(&Subject::of(&TreePath::new(path)))
    }

    #[test]
    fn a_name_alone_does_not_make_a_specimen() {
        for path in [".github/workflows/test.yml", "locales/errors.json", "spec/openapi.yaml", "src/badge.json", "Testing.md"] {
            assert!(!is(path, |subject| subject.is_specimen() || subject.is_in_tests()), "{path}");
        }
    }

    #[test]
    fn a_test_is_known_by_its_place_and_by_the_case_of_its_name() {
        for path in [
            "tests/a.rs",
            "src/a/tests.rs",
            "a_test.go",
            "FooTest.java",
            "IOTest.java",
            "LoginIT.java",
            "a.spec.ts",
            "test_a.py",
            "conftest.py",
            "spec/a.rb",
            "web/cypress/a.js",
            "integration/a.py",
        ] {
            assert!(is(path, |subject| subject.is_test()), "{path}");
        }
        for path in ["src/a.rs", "latest.py", "src/contest.go", "UNIT.java", "src/main/java/com/acme/integration/Stripe.java", "Testing.md"]
        {
            assert!(!is(path, |subject| subject.is_test()), "{path}");
        }
    }

    #[test]
    fn an_example_is_known_by_its_name_and_its_outermost_folders_and_not_by_a_package() {
        for path in ["examples/a.py", "crates/web/examples/a.rs", "config.example.yml", ".env.sample", "my-sample-app/a.js", "demo/a.js"] {
            assert!(is(path, |subject| subject.is_example()), "{path}");
        }
        for path in
            ["src/main/java/com/example/demo/Config.java", "com/example/a.py", "lib/org/example/a.kt", "a/b/c/example/d.py", "src/a.py"]
        {
            assert!(!is(path, |subject| subject.is_example()), "{path}");
        }
    }

    #[test]
    fn what_is_wrong_on_purpose_is_known_by_its_place() {
        for path in ["test/fixtures/a.json", "a/__fixtures__/b.yml", "lib/test-fixtures/x.toml", "x/invalid/a", "bad-utf8.json", "a.snap"] {
            assert!(is(path, |subject| subject.is_specimen()), "{path}");
        }
    }
}
