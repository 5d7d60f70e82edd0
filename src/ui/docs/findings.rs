//! Our own format of findings, described from its schema: each field with what it holds, whether it must be there and what it means.
//!
//! [`Described::read`] takes a JSON schema, and what is missing or has another shape is left out. The sentences around the tables are the
//! page's; every number in them is that of the constant which the reader goes by.

use askama::Template;
use serde_json::Value;

use super::{items, kind, pairs, text};
use crate::app::check::DROPPED_TOLD;
use crate::base::text::{bytes, count, thousands};
use crate::domain::issues::format::plumbline::{EXAMPLE, EXAMPLE_LINES, EXAMPLE_MANIFEST, SCHEMA};
use crate::domain::issues::format::{Bounds, MAX_NODES, MAX_RECORD_TEXT};
use crate::http::schemas;
use crate::ui::frame::Frame;
use crate::ui::{href, words};

/// How deep objects in objects are told apart; what lies deeper is one field.
const MAX_DEPTH: usize = 4;

/// The description of our own format.
#[derive(Debug, Template)]
#[template(path = "findings.html", config = ".askama.toml")]
pub struct IssuesFormatPage {
    /// The request.
    pub frame: Frame,
    /// What it describes.
    pub format: Described,
}

/// A format, as a reader needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described {
    /// Its title.
    pub title: String,
    /// What it is.
    pub description: String,
    /// The objects that it is made of, the document first.
    pub parts: Vec<Part>,
}

/// One kind of object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its name: `issue`; empty for the document.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its fields, those that must be there first.
    pub fields: Vec<Row>,
}

/// One field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Its name, behind that of the object which it lies in: `tool.name`.
    pub name: String,
    /// What it holds: `integer`, `array of issue`; nothing where it is one of its words.
    pub kind: String,
    /// The words that it may be.
    pub words: Vec<String>,
    /// The object that it holds, if that is told of by itself.
    pub part: Option<String>,
    /// Whether it must be there, where what it lies in is.
    pub is_required: bool,
    /// What it is where it is not there.
    pub default: Option<String>,
    /// What it may be at least and at most, in words.
    pub bounds: Vec<String>,
    /// What it means.
    pub description: String,
}

impl Described {
    /// Our own format.
    pub fn ours() -> Described {
        Described::read(SCHEMA)
    }

    /// Reads the text of a JSON schema.
    pub fn read(source: &str) -> Described {
        let schema: Value = serde_json::from_str(source).unwrap_or_default();
        let document = Part { name: String::new(), description: String::new(), fields: fields(&schema, source) };
        let defined = pairs(&schema["$defs"]).map(|(name, part)| Part {
            name: name.to_owned(),
            description: text(&part["description"]),
            fields: fields(part, source),
        });
        Described {
            title: text(&schema["title"]),
            description: text(&schema["description"]),
            parts: std::iter::once(document).chain(defined).filter(|part| !part.fields.is_empty()).collect(),
        }
    }
}

fn fields(object: &Value, source: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    gather(object, source, "", 0, &mut rows);
    rows
}

/// Adds the fields of an object, those that must be there first, each followed by what lies in it. Otherwise they stand as whoever wrote
/// the schema put them, which a map of values does not tell: what comes first belongs together.
fn gather(object: &Value, source: &str, within: &str, depth: usize, rows: &mut Vec<Row>) {
    let is_required = |name: &str| items(&object["required"]).any(|one| one == name);
    let mut named: Vec<(&str, &Value)> = pairs(&object["properties"]).collect();
    named.sort_by_cached_key(|(name, _)| (!is_required(name), source.find(&format!("\"{name}\":"))));
    for (name, field) in named {
        let full = if within.is_empty() { name.to_owned() } else { format!("{within}.{name}") };
        rows.push(Row::read(full.clone(), field, is_required(name)));
        if depth < MAX_DEPTH {
            gather(field, source, &full, depth + 1, rows);
        }
    }
}

impl Row {
    fn read(name: String, field: &Value, is_required: bool) -> Row {
        let kind = kind(field, 0);
        let words: Vec<String> = items(&field["enum"]).map(text).collect();
        Row {
            name,
            kind: if words.is_empty() { kind.text } else { String::new() },
            words,
            part: kind.schema,
            is_required,
            default: Some(text(&field["default"])).filter(|word| !word.is_empty()),
            bounds: bounds(field),
            description: text(&field["description"]),
        }
    }
}

/// What a field may be at least and at most.
fn bounds(field: &Value) -> Vec<String> {
    let number = |word: &str| field[word].as_u64();
    [
        number("minimum").map(|least| format!("at least {}", thousands(least))),
        number("maximum").map(|most| format!("at most {}", thousands(most))),
        number("minLength").filter(|least| *least > 0).map(|least| match least {
            1 => "not empty".to_owned(),
            least => format!("at least {}", count(least, "character")),
        }),
        number("maxLength").map(|most| format!("at most {}", count(most, "character"))),
        number("minItems").map(|least| format!("at least {}", thousands(least))),
        number("maxItems").map(|most| format!("at most {}", thousands(most))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl IssuesFormatPage {
    /// How much is taken, a sentence each.
    fn limits(&self) -> Vec<String> {
        let most = Bounds::default();
        vec![
            format!(
                "A document has at most {}, and findings beyond {} are dropped.",
                bytes(most.input as u64),
                thousands(most.findings as u64)
            ),
            format!(
                "An issue has at most {} and {} of text, its values at most {} deep in each other.",
                count(MAX_NODES as u64, "value"),
                bytes(MAX_RECORD_TEXT as u64),
                most.depth
            ),
            format!(
                "A message is cut at {} bytes, the name of a rule and a fingerprint at {}; a character beyond ASCII has two to four.",
                thousands(most.message as u64),
                most.name
            ),
        ]
    }

    /// How many dropped records are told one by one.
    fn told(&self) -> usize {
        DROPPED_TOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn our_own_format_is_told_field_by_field() {
        let format = Described::ours();
        let names = |part: usize| format.parts[part].fields.iter().map(|row| row.name.as_str()).collect::<Vec<_>>();
        let top = names(0);
        assert_eq!(top[0], "issues");
        assert!(["tool", "tool.name", "scope.paths"].iter().all(|name| top.contains(name)), "{top:?}");
        assert_eq!(names(1)[..3], ["rule", "message", "path"]);
        assert_eq!(names(1)[3..5], ["line_start", "line_end"]);
        let row = |name: &str| format.parts[1].fields.iter().find(|row| row.name == name).unwrap();
        assert_eq!((row("line_start").kind.as_str(), row("line_start").bounds.join(", ")), ("integer", "at least 1".to_owned()));
        assert_eq!(row("rule").bounds, ["not empty", "at most 200 characters"]);
        assert_eq!((row("kind").words.len(), row("kind").default.as_deref()), (8, Some("quality")));
        assert!(row("path").is_required && !row("severity").is_required);
        assert_eq!(format.parts[0].fields[0].part.as_deref(), Some("issue"));
    }

    #[test]
    fn a_schema_of_any_shape_is_read() {
        let mut deep = json!({"type": "string"});
        for _ in 0..60 {
            deep = json!({"type": "object", "properties": {"x": deep}});
        }
        assert_eq!(Described::read("{"), Described::default());
        for schema in [json!(null), json!([1]), json!({"properties": 3, "$defs": []}), json!({"$defs": {"a": 7}, "required": {}}), deep] {
            assert!(Described::read(&schema.to_string()).parts.iter().all(|part| part.fields.len() <= MAX_DEPTH + 1));
        }
    }
}
