//! `invalid-json`, `invalid-yaml`, `invalid-toml`, `invalid-xml`: files that no parser of their format reads.
//!
//! A file is asked about by its name, and speaks at most once: of the first place where a parser stops. Not judged are data among tests
//! (often wrong on purpose), templates, what is too large for the format, and encodings other than UTF-8. A file that fails and holds the
//! signs of a template engine is a template, whatever its name. Every parser here takes time and memory in proportion to the bytes, does
//! not recurse without a bound, and expands neither aliases nor entities.

mod json;
mod toml;
mod xml;
mod yaml;

use crate::base::text::clip;
use crate::domain::issues::finding::{Finding, Kind, Severity};

use super::super::subject::Subject;
use super::{finding, span_at};

/// Why a text is not of its format.
#[derive(Debug)]
struct Fault {
    /// The byte where it shows.
    offset: usize,
    /// In the parser's words.
    why: String,
}

/// Speaks of a file that is not of its format.
pub fn judge(subject: &Subject<'_>, content: &[u8]) -> Option<Finding> {
    if subject.is_template() || subject.is_in_tests() {
        return None;
    }
    let (rule, format, read): (_, _, fn(&Subject<'_>, &str) -> Option<Fault>) = match () {
        () if json::is(subject) => ("invalid-json", "JSON", json::judge),
        () if yaml::is(subject) => ("invalid-yaml", "YAML", yaml::judge),
        () if toml::is(subject) => ("invalid-toml", "TOML", toml::judge),
        () if xml::is(subject) => ("invalid-xml", "XML", xml::judge),
        () => return None,
    };
    let text = std::str::from_utf8(content).ok()?;
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    if body.trim().is_empty() {
        return None;
    }
    let fault = read(subject, body)?;
    let span = span_at(body.as_bytes(), fault.offset.min(body.len().saturating_sub(1)));
    let message = format!("Not valid {format}: {}", clip(&fault.why, 200));
    Some(finding(subject.path, rule, Kind::Bug, Severity::Major, Some(span), message))
}

/// Whether a text holds the signs of a template engine. `${{` does not count: in workflow files it stands in sound YAML.
fn looks_templated(text: &str) -> bool {
    ["{%", "<%", "{#", "<#", "[[ ", "<?php", "<?="].iter().any(|sign| text.contains(sign))
        || memchr::memmem::find_iter(text.as_bytes(), "{{").any(|at| at == 0 || text.as_bytes()[at - 1] != b'$')
}

/// Whether a placeholder such as `@name@`, `${name}` or `%name%` stands at this byte.
fn is_placeholder(text: &str, offset: usize) -> bool {
    matches!(text.as_bytes().get(offset), Some(b'$' | b'@' | b'%' | b'#'))
}
