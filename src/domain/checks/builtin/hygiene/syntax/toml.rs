//! TOML 1.1, which takes all of TOML 1.0.

use super::{Fault, is_placeholder, looks_templated};
use crate::domain::checks::builtin::subject::Subject;

/// The largest file that is parsed.
const MAX_BYTES: usize = 2 << 20;

/// Whether it is judged as TOML.
pub fn is(subject: &Subject<'_>) -> bool {
    subject.extension() == "toml" || matches!(subject.name(), "cargo.lock" | "poetry.lock" | "uv.lock" | "pipfile" | "gopkg.lock")
}

/// Where it stops being TOML.
pub fn judge(_: &Subject<'_>, text: &str) -> Option<Fault> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let error = ::toml::de::DeTable::parse(text).err()?;
    let why = error.message().lines().next().unwrap_or("cannot be read").to_owned();
    let offset = error.span().map_or(0, |span| span.start);
    // The parser's own limit of depth is not the file's fault.
    let held_back = why.contains("recurs") || looks_templated(text) || is_placeholder(text, offset);
    (!held_back).then_some(Fault { offset, why })
}
