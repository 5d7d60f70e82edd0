//! The reference of the REST API: our own `OpenAPI` document as a page that loads nothing from elsewhere.
//!
//! [`Docs::read`] takes the document as JSON and keeps what a reader needs: operations by tag, with what they take and answer, and the
//! schemas they name. It asks nothing of the document: what is missing or has another shape is left out.

use std::collections::BTreeMap;

use askama::Template;
use serde_json::Value;

use super::frame::Frame;
use super::{href, words};

pub mod findings;

/// How deep a schema is described in one line.
const MAX_DEPTH: usize = 6;
/// The methods that a path can have, in the order they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The reference.
#[derive(Debug, Template)]
#[template(path = "docs.html", config = ".askama.toml")]
pub struct DocsPage {
    /// The request.
    pub frame: Frame,
    /// What it describes.
    pub docs: Docs,
}

/// An `OpenAPI` document, as a reader needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Docs {
    /// Its title.
    pub title: String,
    /// The version of what it describes.
    pub version: String,
    /// What it says first.
    pub description: String,
    /// Its operations, by tag.
    pub groups: Vec<Group>,
    /// The schemas that they name.
    pub schemas: Vec<Schema>,
}

/// The operations of one tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// The tag.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// Its operations, by path.
    pub operations: Vec<Operation>,
}

/// A method of a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Operation {
    /// Its place on the page.
    pub anchor: String,
    /// In capitals.
    pub method: String,
    /// With its parameters in braces.
    pub path: String,
    /// What it does, in a line.
    pub summary: String,
    /// What more there is to say.
    pub description: String,
    /// What the caller needs, from `x-permission`.
    pub permission: Option<String>,
    /// What it takes in path and query.
    pub parameters: Vec<Field>,
    /// What its body is.
    pub body: Option<Kind>,
    /// What it answers, by status.
    pub responses: Vec<Response>,
}

/// One answer of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: String,
    /// What it means.
    pub description: String,
    /// What its body is.
    pub body: Option<Kind>,
}

/// A named value: a parameter, or a field of a schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Where it stands, for a parameter: `path`, `query`, `header`.
    pub place: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it means.
    pub description: String,
}

/// What a value is, in a line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kind {
    /// In words: `array of Issue`.
    pub text: String,
    /// The schema it leads to.
    pub schema: Option<String>,
}

/// A named schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Its fields, for an object.
    pub fields: Vec<Field>,
    /// Its words, for an enumeration.
    pub words: Vec<String>,
    /// What it is otherwise.
    pub kind: String,
}

impl Docs {
    /// Reads an `OpenAPI` document.
    pub fn read(document: &Value) -> Docs {
        let mut groups: Vec<Group> = items(&document["tags"])
            .map(|tag| Group { name: text(&tag["name"]), description: text(&tag["description"]), operations: Vec::new() })
            .collect();
        for (path, methods) in pairs(&document["paths"]) {
            for method in METHODS {
                let Some(operation) = methods.get(method) else { continue };
                let tag = items(&operation["tags"]).next().map_or_else(|| "other".to_owned(), text);
                let read = Operation::read(method, path, operation, &methods["parameters"]);
                match groups.iter_mut().find(|group| group.name == tag) {
                    Some(group) => group.operations.push(read),
                    None => groups.push(Group { name: tag, description: String::new(), operations: vec![read] }),
                }
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        Docs {
            title: text(&document["info"]["title"]),
            version: text(&document["info"]["version"]),
            description: text(&document["info"]["description"]),
            groups,
            schemas: pairs(&document["components"]["schemas"]).map(|(name, schema)| Schema::read(name, schema)).collect(),
        }
    }
}

impl Operation {
    fn read(method: &str, path: &str, operation: &Value, shared: &Value) -> Operation {
        Operation {
            anchor: anchor(&format!("{method}-{path}")),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(&operation["summary"]),
            description: text(&operation["description"]),
            permission: operation["x-permission"].as_str().map(str::to_owned),
            parameters: items(shared).chain(items(&operation["parameters"])).map(Field::parameter).collect(),
            body: content(&operation["requestBody"]["content"]),
            responses: pairs(&operation["responses"])
                .map(|(status, answer)| Response {
                    status: status.to_owned(),
                    description: text(&answer["description"]),
                    body: content(&answer["content"]),
                })
                .collect(),
        }
    }
}

impl Field {
    fn parameter(parameter: &Value) -> Field {
        Field {
            name: text(&parameter["name"]),
            place: text(&parameter["in"]),
            kind: kind(&parameter["schema"], 0),
            is_required: parameter["required"].as_bool().unwrap_or(false),
            description: text(&parameter["description"]),
        }
    }
}

impl Schema {
    fn read(name: &str, schema: &Value) -> Schema {
        let mut properties: BTreeMap<usize, Vec<Field>> = BTreeMap::new();
        let parts = std::iter::once(schema).chain(items(&schema["allOf"]));
        for (order, part) in parts.enumerate() {
            let is_required = |field: &str| items(&part["required"]).any(|name| name == field);
            properties.entry(order).or_default().extend(pairs(&part["properties"]).map(|(name, field)| Field {
                name: name.to_owned(),
                place: String::new(),
                kind: kind(field, 0),
                is_required: is_required(name),
                description: text(&field["description"]),
            }));
        }
        let fields: Vec<Field> = properties.into_values().flatten().collect();
        let words: Vec<String> = items(&schema["enum"]).map(text).collect();
        let kind = if fields.is_empty() && words.is_empty() { kind(schema, 0).text } else { String::new() };
        Schema { name: name.to_owned(), description: text(&schema["description"]), fields, words, kind }
    }
}

/// What the first content of a body is, with its media type where that is not JSON.
fn content(content: &Value) -> Option<Kind> {
    let (media, body) = pairs(content).next()?;
    let mut kind = kind(&body["schema"], 0);
    if media != "application/json" {
        kind.text = if kind.text.is_empty() { media.to_owned() } else { format!("{} ({media})", kind.text) };
    }
    Some(kind)
}

/// What a schema describes, in a line.
fn kind(schema: &Value, depth: usize) -> Kind {
    if depth > MAX_DEPTH {
        return Kind { text: "…".to_owned(), schema: None };
    }
    if let Some(name) = schema["$ref"].as_str().and_then(|target| target.rsplit('/').next()) {
        return Kind { text: name.to_owned(), schema: Some(name.to_owned()) };
    }
    for (word, joint) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        let parts: Vec<Kind> = items(&schema[word]).map(|part| kind(part, depth + 1)).collect();
        if !parts.is_empty() {
            let text = parts.iter().map(|part| part.text.as_str()).collect::<Vec<_>>().join(joint);
            return Kind { text, schema: parts.into_iter().find_map(|part| part.schema) };
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        many => items(many).filter_map(Value::as_str).collect(),
    };
    let mut found = None;
    let said: Vec<String> = types
        .iter()
        .map(|name| match *name {
            "array" => {
                let inner = kind(&schema["items"], depth + 1);
                found = found.take().or(inner.schema);
                if inner.text.is_empty() { "array".to_owned() } else { format!("array of {}", inner.text) }
            }
            "object" if schema["additionalProperties"].is_object() => {
                let inner = kind(&schema["additionalProperties"], depth + 1);
                found = found.take().or(inner.schema);
                format!("map to {}", inner.text)
            }
            other => match schema["format"].as_str() {
                Some(format) if other != "null" => format!("{other} ({format})"),
                _ => other.to_owned(),
            },
        })
        .collect();
    let words: Vec<String> = items(&schema["enum"]).map(text).collect();
    let text = if words.is_empty() { said.join(" or ") } else { words.join(" | ") };
    Kind { text, schema: found }
}

/// The place of a name on the page: letters, digits and hyphens.
fn anchor(name: &str) -> String {
    let dashed: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(_) | Value::Object(_) => String::new(),
        other => other.to_string(),
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn pairs(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_operation_says_what_it_takes_and_answers() {
        let docs = Docs::read(&json!({
            "info": {"title": "T", "version": "1"},
            "paths": {"/a/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
                "post": {
                    "tags": ["things"], "summary": "Makes one", "x-permission": "repo:write",
                    "requestBody": {"content": {"application/json": {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Thing"}}}}},
                    "responses": {"201": {"description": "Made", "content": {"text/csv": {}}}}
                }
            }},
            "components": {"schemas": {"Thing": {
                "type": "object", "required": ["at"],
                "properties": {"at": {"type": ["string", "null"], "format": "date-time"}, "of": {"oneOf": [{"type": "null"}, {"$ref": "#/x/Other"}]}}
            }}}
        }));
        let operation = &docs.groups[0].operations[0];
        assert_eq!((operation.method.as_str(), operation.anchor.as_str()), ("POST", "post-a-id"));
        assert_eq!(operation.permission.as_deref(), Some("repo:write"));
        assert_eq!(operation.parameters[0].name, "id");
        assert_eq!(operation.body, Some(Kind { text: "array of Thing".into(), schema: Some("Thing".into()) }));
        assert_eq!(operation.responses[0].body.as_ref().unwrap().text, "text/csv");
        let fields: Vec<_> = docs.schemas[0].fields.iter().map(|field| (field.kind.text.as_str(), field.is_required)).collect();
        assert_eq!(fields, [("string (date-time) or null", true), ("null or Other", false)]);
    }

    #[test]
    fn a_document_of_any_shape_is_read() {
        let mut deep = json!({"type": "string"});
        for _ in 0..60 {
            deep = json!({"type": "array", "items": deep});
        }
        for document in [
            json!(null),
            json!([1]),
            json!({"paths": 3, "tags": "x", "components": []}),
            json!({"paths": {"/a": {"get": 7, "post": {"tags": [3], "parameters": {}, "responses": []}}}}),
            json!({"components": {"schemas": {"A": deep, "B": null, "C": {"properties": {"x": null}}}}}),
        ] {
            Docs::read(&document);
        }
    }
}
