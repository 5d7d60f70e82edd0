//! YAML, as its event parser sees it: what all parsers refuse, and no more.
//!
//! No aliases are expanded, no tags interpreted, no keys compared: duplicate keys, custom tags (`!Ref`, `!vault`), merge keys and several
//! documents are all taken. What only a limit of this parser refuses, or parsers disagree about, is passed over.

use serde_saphyr::granit_parser::{self, ErrorKind, Parser};

use super::{Fault, looks_templated};
use crate::domain::checks::builtin::subject::Subject;

/// The largest file that is parsed.
const MAX_BYTES: usize = 1 << 20;

/// Whether it is judged as YAML.
pub fn is(subject: &Subject<'_>) -> bool {
    matches!(subject.extension(), "yaml" | "yml" | "cff") || subject.name() == ".clang-format"
}

/// Where it stops being YAML.
pub fn judge(subject: &Subject<'_>, text: &str) -> Option<Fault> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let options = granit_parser::options! { emit_comments: false };
    let error = Parser::new_from_str_with_options(text, options).find_map(Result::err)?;
    // GitHub reads its workflows as they are: no engine comes before.
    let is_workflow = subject.lower().starts_with(".github/");
    if !is_telling(error.kind()) || (!is_workflow && looks_templated(text)) {
        return None;
    }
    let offset =
        error.marker().byte_offset().unwrap_or_else(|| text.char_indices().nth(error.marker().index()).map_or(text.len(), |(at, _)| at));
    let words = error.to_string();
    let why = words.split(" at char ").next().unwrap_or(&words).trim().trim_end_matches([',', '.', ':']);
    Some(Fault { offset, why: why.to_owned() })
}

/// Whether every parser would say so.
fn is_telling(kind: &ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::RecursionLimitExceeded
            | ErrorKind::AnchorCountOverflow
            | ErrorKind::DirectiveByteLimitExceeded { .. }
            | ErrorKind::TooManyReservedDirectiveParams { .. }
            | ErrorKind::UnsupportedYamlMajorVersion
            | ErrorKind::YamlVersionTooLong
            | ErrorKind::UndeclaredTagHandle
            | ErrorKind::ExpectedTagBang
            | ErrorKind::InvalidGlobalTagCharacter
            | ErrorKind::InvalidTagTerminator
            | ErrorKind::InvalidTagEscape
            | ErrorKind::InvalidTagUtf8
            | ErrorKind::InvalidTagUtf8LeadingByte
            | ErrorKind::InvalidTagUtf8TrailingByte
            | ErrorKind::MissingTagUri
            | ErrorKind::BomInsideDocument
            | ErrorKind::MissingDocumentEndBeforeDirective
            | ErrorKind::CommentNotSeparated
            | ErrorKind::TabInPlainScalar
            | ErrorKind::UnexpectedCharacter { character: '@' | '%' | '`' }
    )
}
