//! YAML as a small tree in which every value knows its place.
//!
//! The manifest is decoded from this tree by hand and not by derive, because its errors are a surface: each names line, column, key and
//! what was expected, and a derive knows these only in part. All bounds on hostile YAML are kept here: bytes, depth, and the number of
//! values with every alias counted at its full size, so that what comes out is small however little it took to write.
//!
//! What a manifest has no use for is refused by name: a second document, tags, merge keys, keys that are not text.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_saphyr::granit_parser::{self, ErrorKind, Event, Marker, Parser, ScalarStyle, Tag};

/// The most bytes a manifest may have.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most levels lists and mappings may be nested.
pub const MAX_DEPTH: usize = 16;
/// The most values a manifest may hold, an alias counted as all that it stands for.
pub const MAX_VALUES: usize = 20_000;

/// So many bytes of text count as one value more.
const TEXT_PER_VALUE: usize = 32;

/// Where a value begins: line and column from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The beginning of the file.
    pub const START: Place = Place { line: 1, column: 1 };

    fn of(marker: &Marker) -> Place {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place { line: number(marker.line()).max(1), column: number(marker.col()).saturating_add(1) }
    }
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub at: Place,
    /// The path of keys to the value in question.
    pub key: Option<String>,
    pub message: String,
}

impl Fault {
    /// A fault of the text as a whole, of no key in particular.
    pub fn at(at: Place, message: impl Into<String>) -> Fault {
        Fault { at, key: None, message: message.into() }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub struct Node {
    pub at: Place,
    pub value: Value,
    /// How many values it is, itself and all below; long text counts for several.
    weight: usize,
}

/// What a value is, before anything is expected of it.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing written, or `null`.
    Null,
    /// Text as it is written, and whether it stands in quotes or in a block.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    /// In the order of the file; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Debug, Clone)]
pub struct Key {
    pub at: Place,
    pub name: String,
}

impl Node {
    /// What it is, for messages.
    pub fn noun(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar { text, .. } => format!("`{}`", crate::base::text::clip(text.trim_end(), 60)),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }
}

/// A list or mapping that has not ended.
struct Open {
    at: Place,
    anchor: usize,
    weight: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, seen: BTreeMap<String, Place>, key: Option<Key> },
}

/// Reads the one document of a manifest; `None` if there is nothing but comments.
pub fn read(bytes: &[u8]) -> Result<Option<Node>, Fault> {
    if bytes.len() > MAX_BYTES {
        let limit = crate::base::text::bytes(MAX_BYTES as u64);
        return Err(Fault::at(Place::START, format!("the file has {} bytes; expected at most {limit}", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        disallow_directives: true,
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    };
    let mut reader = Reader::default();
    for step in Parser::new_from_str_with_options(text, options) {
        let (event, span) = step.map_err(|error| Fault::at(Place::of(error.marker()), explain(error.kind(), &error.to_string())))?;
        reader.take(event, Place::of(&span.start))?;
    }
    Ok(reader.root)
}

fn not_utf8(bytes: &[u8], at: usize) -> Fault {
    let before = &bytes[..at];
    let line_start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
    let line = memchr::memchr_iter(b'\n', before).count() + 1;
    let column = String::from_utf8_lossy(&before[line_start..]).chars().count() + 1;
    let place = Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) };
    Fault::at(place, format!("byte 0x{:02x} is not UTF-8; expected UTF-8 text", bytes[at]))
}

/// The scanner's words, and ours where a person is helped by more.
fn explain(kind: &ErrorKind, words: &str) -> String {
    match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInPlainScalar => {
            "a tab cannot indent YAML; expected spaces".to_owned()
        }
        ErrorKind::RecursionLimitExceeded => too_deep(),
        ErrorKind::UnknownAnchor => "this alias names no anchor above it; expected `&name` before `*name`".to_owned(),
        ErrorKind::DirectiveDisallowed => "a manifest takes no `%` directive".to_owned(),
        _ => {
            // The scanner's text ends in its own account of the place, which ours already gives.
            let words = words.split(" at char ").next().unwrap_or(words).trim();
            format!("not YAML: {}", words.trim_end_matches([',', '.', ':']))
        }
    }
}

fn too_deep() -> String {
    format!("nested too deeply; expected at most {MAX_DEPTH} levels")
}

/// Builds the tree from the parser's events. It is a loop over a stack of its own, so that depth costs no stack of ours.
#[derive(Default)]
struct Reader {
    root: Option<Node>,
    documents: usize,
    open: Vec<Open>,
    anchored: BTreeMap<usize, Node>,
    values: usize,
}

impl Reader {
    fn take(&mut self, event: Event<'_>, at: Place) -> Result<(), Fault> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Fault::at(at, "a second document begins here; expected one"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let quoted = style != ScalarStyle::Plain || is_text_tag(tag.as_deref(), at)?;
                let weight = 1 + text.len() / TEXT_PER_VALUE;
                let null = !quoted && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if null { Value::Null } else { Value::Scalar { text: text.into_owned(), quoted } };
                self.place(Node { at, value, weight }, weight, anchor, !quoted)?;
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(at, anchor, tag.as_deref(), Content::List(Vec::new()))?,
            Event::MappingStart(_, anchor, tag) => {
                let content = Content::Map { entries: Vec::new(), seen: BTreeMap::new(), key: None };
                self.begin(at, anchor, tag.as_deref(), content)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(done) = self.open.pop() {
                    let value = match done.content {
                        Content::List(items) => Value::List(items),
                        Content::Map { entries, .. } => Value::Map(entries),
                    };
                    self.place(Node { at: done.at, value, weight: done.weight }, 1, done.anchor, false)?;
                }
            }
            Event::Alias(target) => {
                let Some(weight) = self.anchored.get(&target).map(|node| node.weight) else {
                    return Err(Fault::at(at, "this alias stands within the value it names"));
                };
                self.count(weight, at)?;
                let node = Node { at, ..self.anchored[&target].clone() };
                self.put(node, false)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, at: Place, anchor: usize, tag: Option<&Tag>, content: Content) -> Result<(), Fault> {
        is_text_tag(tag, at)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(Fault::at(at, too_deep()));
        }
        if let Some(Open { content: Content::Map { key: None, .. }, .. }) = self.open.last() {
            return Err(Fault::at(at, "a list or mapping stands where a key is expected; expected text"));
        }
        self.open.push(Open { at, anchor, weight: 1, content });
        Ok(())
    }

    /// Takes a value that is complete: under its anchor, and into what is open.
    fn place(&mut self, node: Node, own_weight: usize, anchor: usize, plain: bool) -> Result<(), Fault> {
        self.count(own_weight, node.at)?;
        if anchor != 0 {
            self.count(node.weight, node.at)?;
            self.anchored.insert(anchor, node.clone());
        }
        self.put(node, plain)
    }

    fn count(&mut self, more: usize, at: Place) -> Result<(), Fault> {
        self.values = self.values.saturating_add(more);
        if self.values > MAX_VALUES {
            return Err(Fault::at(at, format!("more than {MAX_VALUES} values, what aliases stand for included")));
        }
        Ok(())
    }

    fn put(&mut self, node: Node, plain: bool) -> Result<(), Fault> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        parent.weight = parent.weight.saturating_add(node.weight);
        match &mut parent.content {
            Content::List(items) => items.push(node),
            Content::Map { entries, seen, key } => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(self::key(node, plain, seen)?),
            },
        }
        Ok(())
    }
}

/// Whether a tag says that the value is text; any other tag is refused.
fn is_text_tag(tag: Option<&Tag>, at: Place) -> Result<bool, Fault> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(true),
        Some(tag) => Err(Fault::at(at, format!("a manifest takes no tag such as `{}`", crate::base::text::clip(&tag.original(), 40)))),
    }
}

fn key(node: Node, plain: bool, seen: &mut BTreeMap<String, Place>) -> Result<Key, Fault> {
    let Node { at, value: Value::Scalar { text: name, .. }, .. } = node else {
        return Err(Fault::at(node.at, format!("{} stands where a key is expected; expected text", node.noun())));
    };
    if plain && name == "<<" {
        return Err(Fault::at(at, "a manifest takes no merge key `<<`; what checks share goes under `defaults`"));
    }
    match seen.entry(name.clone()) {
        Entry::Vacant(slot) => slot.insert(at),
        Entry::Occupied(first) => {
            let Place { line, column } = *first.get();
            let shown = crate::base::text::clip(&name, 60);
            let message = format!("`{shown}` is written twice in one mapping; it first stands at line {line}, column {column}");
            return Err(Fault { at, key: Some(shown.into_owned()), message });
        }
    };
    Ok(Key { at, name })
}
