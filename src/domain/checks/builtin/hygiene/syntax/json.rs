//! JSON, one document or one a line.
//!
//! By convention many `.json` files take comments and trailing commas (those of compilers, editors and linters): they are not judged, and no
//! file that holds a comment is, since nobody writes one by accident. Nor is a `.json` file with one document after the other, which
//! exports and bulk loads are.

use serde::de::IgnoredAny;

use super::{Fault, is_placeholder, looks_templated};
use crate::domain::checks::builtin::subject::Subject;

/// Names, without `.json`, of files whose readers take more than JSON.
const LENIENT: [&str; 27] = [
    "jsconfig",
    "tslint",
    "jshint",
    "babel.config",
    "devcontainer",
    "devcontainer-feature",
    "devcontainer-lock",
    "typedoc",
    "turbo",
    "nx",
    "angular",
    "deno",
    "wrangler",
    "biome",
    "biome.config",
    "rush",
    "global",
    "omnisharp",
    "cspell",
    "tsdoc",
    "host",
    "local.settings",
    "language-configuration",
    "launchsettings",
    "renovate",
    "vercel",
    "launch",
];

/// Beginnings of such names.
const LENIENT_BEGINNINGS: [&str; 9] =
    ["tsconfig", ".eslintrc", ".babelrc", ".swcrc", ".jshintrc", ".markdownlint", "api-extractor", "appsettings", "azuredeploy"];

/// Folders of such files.
const LENIENT_FOLDERS: [&str; 6] = [".vscode", ".devcontainer", ".zed", "common", "tsconfig", "themes"];

/// Whether it is judged as JSON.
pub fn is(subject: &Subject<'_>) -> bool {
    let name = subject.name();
    let named =
        matches!(subject.extension(), "json" | "webmanifest" | "geojson" | "topojson" | "jsonld" | "ipynb" | "avsc" | "jsonl" | "ndjson")
            || matches!(name, "composer.lock" | "pipfile.lock" | "flake.lock");
    let stem = name.strip_suffix(".json").unwrap_or(name);
    named
        && !LENIENT.contains(&stem)
        && !LENIENT_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        && !name.ends_with("-color-theme.json")
        && !subject.folders().any(|folder| LENIENT_FOLDERS.contains(&folder))
}

/// Where it stops being JSON.
pub fn judge(subject: &Subject<'_>, text: &str) -> Option<Fault> {
    if matches!(subject.extension(), "jsonl" | "ndjson") { lines(text) } else { document(text) }
}

fn document(text: &str) -> Option<Fault> {
    let error = read(text)?;
    let fault = fault(text, 0, &error);
    let held_back = has_comment(text) || looks_templated(text) || is_placeholder(text, fault.offset) || is_stream(text);
    (!held_back).then_some(fault)
}

/// One document a line; empty lines count for nothing.
fn lines(text: &str) -> Option<Fault> {
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim().is_empty()
            && let Some(error) = read(line)
        {
            // A file of documents over several lines each is another convention.
            return (!is_stream(text) && !has_comment(text)).then(|| fault(line, begin, &error));
        }
        begin += line.len();
    }
    None
}

fn read(text: &str) -> Option<serde_json::Error> {
    serde_json::from_str::<IgnoredAny>(text).err()
}

fn is_stream(text: &str) -> bool {
    serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|value| value.is_ok())
}

fn fault(text: &str, begin: usize, error: &serde_json::Error) -> Fault {
    let line_start = match error.line().saturating_sub(1) {
        0 => 0,
        before => memchr::memchr_iter(b'\n', text.as_bytes()).nth(before - 1).map_or(0, |newline| newline + 1),
    };
    let at = line_start + error.column().saturating_sub(1);
    let closing = text.as_bytes().get(at).filter(|byte| matches!(byte, b'}' | b']'));
    let why = match closing {
        Some(closing) if text[..at].trim_end().ends_with(',') => format!("a comma stands before the closing `{}`", char::from(*closing)),
        _ => {
            let words = error.to_string();
            words.rsplit_once(" at line ").map_or(words.as_str(), |(why, _)| why).to_owned()
        }
    };
    Fault { offset: begin + at, why }
}

/// Whether `//`, `/*` or a line that begins with `#` stands outside of strings.
fn has_comment(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(next) = memchr::memchr3(b'"', b'/', b'#', &bytes[at..]).map(|found| at + found) {
        match bytes[next] {
            b'/' if matches!(bytes.get(next + 1), Some(b'/' | b'*')) => return true,
            b'#' if begins_line(&text[..next]) => return true,
            b'"' => {
                at = end_of_string(bytes, next + 1);
                continue;
            }
            _ => {}
        }
        at = next + 1;
    }
    false
}

/// Whether what follows `before` is the first of its line.
fn begins_line(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '\t']);
    before.is_empty() || before.ends_with('\n')
}

/// Behind the closing quote, or at the end of the line, so that a lost quote does not hide the rest.
fn end_of_string(bytes: &[u8], mut at: usize) -> usize {
    while let Some(next) = memchr::memchr3(b'"', b'\\', b'\n', &bytes[at.min(bytes.len())..]).map(|found| at + found) {
        match bytes[next] {
            b'\\' => at = next + 2,
            _ => return next + 1,
        }
    }
    bytes.len()
}
