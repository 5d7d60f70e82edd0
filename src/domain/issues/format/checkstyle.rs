//! Checkstyle's XML: files, and in each the errors found there.
//!
//! It is read event by event. A document that declares a type is refused, since that is where entities come from and no linter writes one;
//! entities other than XML's own are left as they are written. What a column counts is not said anywhere, and Checkstyle itself takes a tab
//! for eight: columns are taken where all ways to count agree.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use super::columns::{Columns, Region};
use super::draft::{Draft, Drafts};
use super::json::Node;
use super::paths::Written;
use super::word;
use crate::base::text::clip;

/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 64;
/// The attributes of one tag that are looked at.
const MAX_ATTRIBUTES: usize = 32;
/// The most bytes of one attribute that are kept.
const MAX_TEXT: usize = 16 << 10;
/// The rule of what is said without one.
const UNNAMED: &str = "checkstyle";

/// Reads a document.
pub fn read(input: &[u8], drafts: &mut Drafts<'_>) -> Result<(), String> {
    let text = std::str::from_utf8(input).map_err(|error| error.to_string())?;
    let mut reader = Reader::from_str(text);
    let mut file = String::new();
    let mut depth = 0_usize;
    let mut is_checkstyle = false;
    let mut broken = None;
    loop {
        match reader.read_event() {
            Ok(Event::DocType(_)) => return Err("it declares a document type, which is refused".to_owned()),
            Ok(Event::Start(tag)) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    broken = Some(format!("it is nested more than {MAX_DEPTH} deep"));
                    break;
                }
                if depth == 1 {
                    is_checkstyle = is(&tag, "checkstyle");
                    if !is_checkstyle {
                        break;
                    }
                }
                element(&tag, &mut file, drafts);
            }
            Ok(Event::Empty(tag)) if depth > 0 => element(&tag, &mut file, drafts),
            Ok(Event::Empty(tag)) => is_checkstyle |= is(&tag, "checkstyle"),
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => {
                broken = (depth > 0).then(|| "it ends before its last element does".to_owned());
                break;
            }
            Ok(_) => {}
            Err(error) => {
                broken = Some(error.to_string());
                break;
            }
        }
    }
    match broken {
        _ if !is_checkstyle => Err(broken.unwrap_or_else(|| "it has no element `checkstyle`".to_owned())),
        Some(why) => {
            drafts.broken(why);
            Ok(())
        }
        None => Ok(()),
    }
}

fn is(tag: &BytesStart<'_>, name: &str) -> bool {
    tag.local_name().as_ref() == name
}

fn element(tag: &BytesStart<'_>, file: &mut String, drafts: &mut Drafts<'_>) {
    if is(tag, "file") {
        *file = attributes(tag).into_iter().find(|(name, _)| name == "name").map(|(_, value)| value).unwrap_or_default();
    } else if is(tag, "error") {
        error(&attributes(tag), file, drafts);
    }
}

/// A tag's attributes. One that cannot be read is passed over: the others may be enough.
fn attributes(tag: &BytesStart<'_>) -> Vec<(String, String)> {
    let mut attributes = tag.attributes();
    let attributes = attributes.with_checks(false).take(MAX_ATTRIBUTES).filter_map(Result::ok);
    let read = attributes.map(|attribute| {
        let raw: &str = &attribute.value;
        let value = unescape(raw).map_or_else(|_| raw.to_owned(), |value| value.into_owned());
        (attribute.key.local_name().as_ref().to_owned(), clip(&value, MAX_TEXT).into_owned())
    });
    read.collect()
}

fn error(attributes: &[(String, String)], file: &str, drafts: &mut Drafts<'_>) {
    let value = |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).unwrap_or_default();
    let severity = value("severity");
    if severity == "ignore" {
        return drafts.skip();
    }
    let number = |name: &str| match value(name) {
        "" => Node::Null,
        text => Node::Text(text.to_owned()),
    };
    let by = drafts.ground.columns.unwrap_or(Columns::UNKNOWN);
    let region = Region::read([&number("line"), &Node::Null], [&number("column"), &Node::Null], by);
    drafts.add_at(
        region,
        Draft {
            rule: Some(value("source")).filter(|source| !source.is_empty()).unwrap_or(UNNAMED),
            message: value("message"),
            path: Written::path(file),
            severity: word::severity(severity),
            ..Draft::default()
        },
    );
}
