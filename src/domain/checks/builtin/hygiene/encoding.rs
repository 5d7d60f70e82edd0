//! `byte-order-mark` and `mixed-line-endings`.
//!
//! A byte order mark is spoken of where it breaks something: a script whose `#!` is no longer first, a language whose compiler or
//! interpreter stumbles, a format or a tool that takes the mark for part of the first key. Not where Windows' tools write it on purpose
//! and read it again (C#, C++, PowerShell, Visual Studio's files, CSV), nor where it merely is not needed.
//!
//! Line endings are mixed if each of the two stands at five lines or more and at a tenth of all lines or more: then no editor will mend
//! it by itself, and every diff is in danger. A stray `\r` is not worth a word. Asked of source code, prose and configuration alone.

use crate::base::text;
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};

use super::super::subject::Subject;
use super::finding;

const MARK: &[u8] = b"\xef\xbb\xbf";

/// Each convention stands at so many lines at least.
const LEAST_LINES: usize = 5;
/// And at one line in so many.
const ONE_IN: usize = 10;

/// Extensions of what a mark breaks.
const BROKEN_BY_MARK: [&str; 38] = [
    "sh",
    "bash",
    "zsh",
    "ksh",
    "fish",
    "bats",
    "py",
    "rb",
    "pl",
    "pm",
    "php",
    "phtml",
    "java",
    "go",
    "rs",
    "lua",
    "tcl",
    "awk",
    "sed",
    "json",
    "jsonl",
    "ndjson",
    "geojson",
    "webmanifest",
    "yaml",
    "yml",
    "toml",
    "env",
    "properties",
    "conf",
    "cfg",
    "service",
    "timer",
    "mk",
    "gitignore",
    "gitattributes",
    "desktop",
    "tf",
];

/// Names of what a mark breaks.
const BROKEN_BY_MARK_NAMES: [&str; 12] = [
    "makefile",
    "gnumakefile",
    "dockerfile",
    "containerfile",
    ".gitignore",
    ".gitattributes",
    ".gitmodules",
    ".dockerignore",
    ".editorconfig",
    ".npmrc",
    ".env",
    "requirements.txt",
];

/// Extensions of text that people edit.
const EDITED: [&str; 79] = [
    "rs",
    "go",
    "py",
    "pyi",
    "rb",
    "js",
    "jsx",
    "ts",
    "tsx",
    "mjs",
    "cjs",
    "java",
    "kt",
    "kts",
    "scala",
    "swift",
    "c",
    "h",
    "cc",
    "cpp",
    "cxx",
    "hpp",
    "hh",
    "m",
    "mm",
    "cs",
    "vb",
    "fs",
    "php",
    "pl",
    "pm",
    "lua",
    "r",
    "jl",
    "sh",
    "bash",
    "zsh",
    "fish",
    "yml",
    "yaml",
    "json",
    "toml",
    "ini",
    "cfg",
    "conf",
    "xml",
    "html",
    "htm",
    "css",
    "scss",
    "less",
    "sass",
    "vue",
    "svelte",
    "md",
    "markdown",
    "rst",
    "adoc",
    "sql",
    "proto",
    "graphql",
    "tf",
    "gradle",
    "groovy",
    "cmake",
    "mk",
    "ex",
    "exs",
    "erl",
    "hs",
    "ml",
    "clj",
    "dart",
    "nim",
    "zig",
    "ps1",
    "tcl",
    "properties",
    "dockerfile",
];

/// What is wrong with the bytes of a text.
pub fn judge(subject: &Subject<'_>, content: &[u8]) -> Vec<Finding> {
    mark(subject, content).into_iter().chain(endings(subject, content)).collect()
}

fn mark(subject: &Subject<'_>, content: &[u8]) -> Option<Finding> {
    let text = content.strip_prefix(MARK)?;
    let name = subject.name();
    let why = if text.starts_with(b"#!") {
        "the system does not see its `#!` line"
    } else if !breaks(subject, name) {
        return None;
    } else if name.ends_with(".php") || name.ends_with(".phtml") {
        "PHP sends it before any header"
    } else if subject.extension() == "java" {
        "javac refuses it"
    } else {
        "many readers take it for part of the first word"
    };
    let span = Span { column_start: Some(1), column_end: Some(1), ..Span::line(1) };
    let message = format!("The file begins with a UTF-8 byte order mark, and {why}; save it without");
    Some(finding(subject.path, "byte-order-mark", Kind::Bug, Severity::Minor, Some(span), message))
}

fn breaks(subject: &Subject<'_>, name: &str) -> bool {
    // .NET writes and reads its JSON with a mark.
    let dotnet =
        name.starts_with("appsettings") || matches!(name, "launchsettings.json" | "global.json" | "project.json" | "bundleconfig.json");
    let written_by_windows = dotnet || subject.folders().any(|folder| matches!(folder, ".vs" | ".vscode"));
    !written_by_windows && !subject.is_in_tests() && (BROKEN_BY_MARK.contains(&subject.extension()) || BROKEN_BY_MARK_NAMES.contains(&name))
}

fn endings(subject: &Subject<'_>, content: &[u8]) -> Option<Finding> {
    // Nearly every file ends here.
    memchr::memchr(b'\r', content)?;
    let edited = EDITED.contains(&subject.extension()) || matches!(subject.name(), "makefile" | "dockerfile" | "gemfile" | "rakefile");
    if !edited || subject.is_generated() || subject.is_in_tests() {
        return None;
    }
    let (mut windows, mut unix) = (0_usize, 0_usize);
    let (mut first_windows, mut first_unix) = (0, 0);
    for (at, line) in memchr::memchr_iter(b'\n', content).zip(1_u32..) {
        if at > 0 && content[at - 1] == b'\r' {
            windows += 1;
            first_windows = if windows == 1 { line } else { first_windows };
        } else {
            unix += 1;
            first_unix = if unix == 1 { line } else { first_unix };
        }
    }
    let fewer = windows.min(unix);
    if fewer < LEAST_LINES || fewer * ONE_IN < windows + unix {
        return None;
    }
    let (place, count) = (if windows <= unix { first_windows } else { first_unix }, |n: usize| text::thousands(n as u64));
    let (windows, unix) = (count(windows), count(unix));
    let message = format!("{windows} lines end in CRLF and {unix} in LF; make them one (`* text=auto` in .gitattributes keeps it so)");
    Some(finding(subject.path, "mixed-line-endings", Kind::Style, Severity::Minor, Some(Span::line(place)), message))
}
