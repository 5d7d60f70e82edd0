//! XML: whether tags are closed, nested and written as they must be. HTML is never judged.
//!
//! Entities are not looked up and declarations of a document type not read. A file that declares entities is passed over, since what they
//! stand for is part of it; so is one that declares another encoding than UTF-8, and one that does not begin with `<`, whatever its name.

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};

use super::{Fault, looks_templated};
use crate::domain::checks::builtin::subject::Subject;

/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 10_000;
/// The attributes of one tag that are compared with each other.
const MAX_ATTRIBUTES: usize = 64;

/// Extensions of XML.
const EXTENSIONS: [&str; 38] = [
    "xml",
    "svg",
    "xhtml",
    "plist",
    "entitlements",
    "csproj",
    "vbproj",
    "fsproj",
    "vcxproj",
    "props",
    "targets",
    "proj",
    "nuspec",
    "resx",
    "xaml",
    "xsd",
    "xsl",
    "xslt",
    "wsdl",
    "pom",
    "rss",
    "atom",
    "kml",
    "gpx",
    "storyboard",
    "xib",
    "fxml",
    "iml",
    "qrc",
    "jrxml",
    "xmi",
    "bpmn",
    "dmn",
    "drawio",
    "xlf",
    "xliff",
    "wxs",
    "ditamap",
];

/// Whether it is judged as XML.
pub fn is(subject: &Subject<'_>) -> bool {
    EXTENSIONS.contains(&subject.extension()) || matches!(subject.name(), "web.config" | "app.config" | "nuget.config" | "packages.config")
}

/// Where it stops being XML.
pub fn judge(_: &Subject<'_>, text: &str) -> Option<Fault> {
    if !text.trim_start().starts_with('<') || text.contains("<!ENTITY") || !is_utf8_by_its_own_word(text) {
        return None;
    }
    let fault = first_fault(text)?;
    let held_back = looks_templated(text) || ["${", "#if", "#foreach", "@{"].iter().any(|sign| text.contains(sign));
    (!held_back).then_some(fault)
}

fn is_utf8_by_its_own_word(text: &str) -> bool {
    let Some(declaration) = text.strip_prefix("<?xml").and_then(|rest| rest.split_once("?>")).map(|(declaration, _)| declaration) else {
        return true;
    };
    let Some((_, encoding)) = declaration.split_once("encoding") else { return true };
    let encoding = encoding.trim_start_matches([' ', '\t', '\r', '\n', '=', '"', '\'']).to_ascii_lowercase();
    ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| encoding.starts_with(known))
}

fn first_fault(text: &str) -> Option<Fault> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<usize> = Vec::new();
    loop {
        let before = offset(reader.buffer_position());
        match reader.read_event() {
            Ok(Event::Start(tag)) => {
                if let Some(why) = attribute_fault(&tag) {
                    return Some(Fault { offset: before, why });
                }
                open.push(before);
                if open.len() > MAX_DEPTH {
                    return None;
                }
            }
            Ok(Event::Empty(tag)) => {
                if let Some(why) = attribute_fault(&tag) {
                    return Some(Fault { offset: before, why });
                }
            }
            Ok(Event::End(_)) => {
                open.pop();
            }
            Ok(Event::Eof) => {
                let offset = open.pop()?;
                let name: String =
                    text[offset..].chars().skip(1).take_while(|c| !c.is_whitespace() && !"/>".contains(*c)).take(60).collect();
                return Some(Fault { offset, why: format!("`<{name}>` is never closed") });
            }
            Ok(_) => {}
            Err(error) => {
                let said = match &error {
                    Error::Syntax(_) => true,
                    Error::IllFormed(fault) => is_telling(fault),
                    _ => false,
                };
                return said.then(|| Fault { offset: offset(reader.error_position()), why: words(&error) });
            }
        }
    }
}

fn words(error: &Error) -> String {
    let words = error.to_string();
    let words = words.strip_prefix("syntax error: ").or_else(|| words.strip_prefix("ill-formed document: ")).unwrap_or(&words);
    words.to_owned()
}

/// Whether every parser would say so; a declaration that is merely odd is read by most.
fn is_telling(fault: &IllFormedError) -> bool {
    !matches!(fault, IllFormedError::MissingDeclVersion(_) | IllFormedError::UnknownVersion | IllFormedError::MissingDoctypeName)
}

fn attribute_fault(tag: &BytesStart<'_>) -> Option<String> {
    let error = tag.attributes().take(MAX_ATTRIBUTES).find_map(Result::err)?;
    let words = error.to_string();
    Some(words.split_once(": ").map_or(words.as_str(), |(_, why)| why).to_owned())
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
