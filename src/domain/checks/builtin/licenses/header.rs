//! The line of a source file that says its license in SPDX's words.

use spdx::{Expression, ParseMode};

use crate::base::text::clip;

/// Extensions of source code that has headers where a project has any.
pub const SOURCES: [&str; 44] = [
    "rs", "go", "py", "pyi", "rb", "js", "jsx", "ts", "tsx", "mjs", "cjs", "java", "kt", "kts", "scala", "swift", "c", "h", "cc", "cpp",
    "cxx", "hpp", "hh", "m", "mm", "cs", "vb", "fs", "php", "pl", "pm", "lua", "r", "jl", "dart", "ex", "exs", "erl", "hs", "ml", "zig",
    "nim", "sh", "bash",
];

/// The longest expression that is read.
const LONGEST: usize = 200;
/// A file of fewer bytes is empty but for an import or two.
const STUB: usize = 200;

const MARK: &[u8] = b"SPDX-License-Identifier:";

/// What a header says.
#[derive(Debug)]
pub struct Header {
    /// The line it stands in, from 1.
    pub line: u32,
    /// The expression; or why it is none.
    pub expression: Result<Expression, String>,
}

/// The header in the beginning of a file. It stands in a comment of its own: code that looks for headers names them too.
pub fn find(head: &[u8]) -> Option<Header> {
    for (line, number) in head.split(|byte| *byte == b'\n').zip(1_u32..) {
        let Some(at) = memchr::memmem::find(line, MARK) else { continue };
        if !line[..at].iter().all(|byte| byte.is_ascii_whitespace() || b"/*#-;%<!'(\"{".contains(byte)) {
            continue;
        }
        let text = String::from_utf8_lossy(&line[at + MARK.len()..]);
        let text = text.trim().trim_end_matches("*/").trim_end_matches("-->").trim_end_matches("*)").trim_end_matches("\"\"\"").trim();
        return Some(Header { line: number, expression: parse(text) });
    }
    None
}

/// Whether it is too short to be worth a header.
pub fn is_stub(head: &[u8]) -> bool {
    head.trim_ascii().len() < STUB
}

/// Reads an expression, or says why it is none.
pub fn parse(text: &str) -> Result<Expression, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > LONGEST {
        return Err(format!("it is longer than {LONGEST} characters"));
    }
    // Old names such as `GPL-2.0+` are in millions of files and mean what they say.
    let mode = ParseMode { allow_deprecated: true, allow_postfix_plus_on_gpl: true, ..ParseMode::STRICT };
    Expression::parse_mode(text, mode).map_err(|error| {
        let shown = clip(text, 60);
        let meant = spdx::imprecise_license_id(text).map(|(id, _)| format!("; did you mean `{}`?", id.name)).unwrap_or_default();
        format!("`{shown}`: {}{meant}", error.reason)
    })
}
