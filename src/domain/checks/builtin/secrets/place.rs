//! What a file's path says of the secrets in it: whether they can be real, and how values are written there.

use super::super::hygiene::subject::Subject;

/// How a value stands in a file of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// In quotes: what stands without is an expression.
    Quoted,
    /// To the end of the line, with or without quotes.
    Line,
    /// To the next space, with or without quotes.
    Shell,
    /// Between tags, or in quotes.
    Markup,
    /// Behind a space, as in `.netrc`.
    Spaced,
}

/// How much is said of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Everything.
    Open,
    /// Tests and documentation: tokens whose form leaves no doubt, and no mere likelihood.
    Example,
    /// Fixtures: tokens whose checksum is right.
    Specimen,
}

/// Whether nothing in such a file is judged: written by tools, for tools.
pub fn is_left_out(subject: &Subject<'_>) -> bool {
    subject.is_foreign() || subject.is_generated() || subject.is_lock()
}

/// How much is said of such a file.
pub fn of(subject: &Subject<'_>) -> Place {
    if subject.is_specimen() || subject.is_template() {
        return Place::Specimen;
    }
    let name = subject.name();
    let stem = name.split('.').next().unwrap_or(name);
    let is_test = subject.is_in_tests()
        || subject.folders().any(|folder| matches!(folder, "spec" | "specs" | "cypress" | "playwright" | "integration"))
        || stem.starts_with("test_")
        || ["_test", "_tests", "_spec", "-test", "-spec"].iter().any(|end| stem.ends_with(end))
        || name.contains(".test.")
        || name.contains(".spec.")
        || matches!(stem, "tests" | "test" | "conftest")
        || java_test(subject);
    let is_prose = matches!(subject.extension(), "md" | "mdx" | "markdown" | "rst" | "adoc" | "asciidoc" | "ipynb" | "tex" | "po")
        || subject.folders().any(|folder| matches!(folder, "docs" | "doc" | "documentation" | "example" | "examples" | "samples" | "demo"));
    let is_sample = subject.has_word(&["example", "sample", "dist"]);
    if is_test || is_prose || is_sample { Place::Example } else { Place::Open }
}

/// Whether the name ends as the names of test classes do: `LoginTest.java`, `UserServiceTests.cs`.
fn java_test(subject: &Subject<'_>) -> bool {
    let name = subject.path.file_name();
    let stem = name.split(|byte| *byte == b'.').next().unwrap_or(name);
    matches!(subject.extension(), "java" | "kt" | "cs" | "scala" | "groovy" | "swift" | "php")
        && [&b"Test"[..], b"Tests", b"Spec", b"IT"].iter().any(|end| stem.ends_with(end))
}

/// How values stand in such a file.
pub fn writing(subject: &Subject<'_>) -> Writing {
    let (name, extension) = (subject.name(), subject.extension());
    match extension {
        _ if matches!(name, ".netrc" | "_netrc") => Writing::Spaced,
        _ if name == ".env" || name.starts_with(".env.") || name.ends_with(".env") => Writing::Line,
        "xml" | "html" | "config" | "csproj" | "plist" | "xaml" | "props" => Writing::Markup,
        "sh" | "bash" | "zsh" | "ksh" | "fish" | "ps1" | "bat" | "cmd" | "mk" => Writing::Shell,
        _ if matches!(name, "dockerfile" | "containerfile" | "makefile" | "jenkinsfile" | "procfile")
            || name.starts_with("dockerfile.") =>
        {
            Writing::Shell
        }
        "yml" | "yaml" | "ini" | "cfg" | "conf" | "cnf" | "properties" | "env" | "npmrc" | "pypirc" | "s3cfg" | "service"
        | "credentials" => Writing::Line,
        _ if matches!(name, "credentials" | ".npmrc" | ".pypirc" | ".s3cfg" | ".boto" | ".my.cnf" | ".yarnrc") => Writing::Line,
        _ => Writing::Quoted,
    }
}
