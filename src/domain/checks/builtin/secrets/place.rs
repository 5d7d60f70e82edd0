//! What a file's path says of the secrets in it: whether they can be real, and how values are written there.

use super::super::subject::Subject;

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
    /// What a build made of the team's own work, or may have: tokens whose form nothing else has.
    Built,
    /// Fixtures, and what is written by tools or by others: tokens whose checksum is right.
    Specimen,
}

/// How much is said of such a file.
pub fn of(subject: &Subject<'_>) -> Place {
    if subject.is_specimen() || subject.is_template() || subject.is_lock() || !subject.is_perhaps_own() {
        return Place::Specimen;
    }
    if subject.is_foreign() {
        return Place::Built;
    }
    if subject.is_generated() {
        return Place::Specimen;
    }
    let is_distributed = subject.name().split(|c: char| !c.is_alphanumeric()).any(|word| word == "dist");
    if subject.is_test() || subject.is_prose() || subject.is_example() || is_distributed { Place::Example } else { Place::Open }
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
