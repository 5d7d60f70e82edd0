//! JSON as it comes from strangers: walked once from front to back, in bounded memory, record by record.
//!
//! [`walk`] is told which values of a document are of interest, as [`Pattern`]s, and hands each over as a small tree the moment it has been
//! read; everything else is skipped unseen. So what came before a document breaks off is not lost, and a document's size is never that of
//! a tree in memory. A record that is too deep or too large is handed over as the reason, and the walk goes on behind it.
//!
//! [`prepare`] takes away what would end a walk although the document goes on: a byte order mark, UTF-16 (what one shell writes for `>`),
//! bytes that are no UTF-8, halves of surrogate pairs, `NaN`, `Infinity`, and numbers that no machine holds.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::draft::Drafts;

/// The most values in one record.
pub const MAX_NODES: usize = 20_000;
/// The most bytes of text in one record.
pub const MAX_RECORD_TEXT: usize = 1 << 20;
/// The most bytes of one text; what is longer is cut.
const MAX_TEXT: usize = 16 << 10;

/// A value of a record.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Nothing, or nothing that is of interest.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number, a whole one beyond 64 bits among them.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// Names and values.
    Map(Vec<(String, Node)>),
}

static NOTHING: Node = Node::Null;

impl Node {
    /// The value of this name: the last one where it is written twice, nothing where there is none.
    pub fn get(&self, name: &str) -> &Node {
        match self {
            Node::Map(entries) => entries.iter().rev().find(|(known, _)| known == name).map_or(&NOTHING, |(_, value)| value),
            _ => &NOTHING,
        }
    }

    /// The value at the end of a path of names.
    pub fn at(&self, path: &[&str]) -> &Node {
        path.iter().fold(self, |node, name| node.get(name))
    }

    /// The text, if it is one and not empty.
    pub fn text(&self) -> Option<&str> {
        match self {
            Node::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The text, or the number as text: what writers of identifiers disagree about.
    pub fn word(&self) -> Option<Cow<'_, str>> {
        match self {
            Node::Int(number) => Some(Cow::Owned(number.to_string())),
            _ => self.text().map(Cow::Borrowed),
        }
    }

    /// The elements, if it is a list.
    pub fn list(&self) -> &[Node] {
        match self {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The names and values, if it is a map.
    pub fn entries(&self) -> &[(String, Node)] {
        match self {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        matches!(self, Node::Null)
    }

    /// The number of a place in a list.
    pub fn index(&self) -> Option<usize> {
        match self {
            Node::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A line, a column or a count, which some writers put in quotes; `None` if it is not written. An error says what stands there.
    pub fn number(&self) -> Result<Option<i64>, String> {
        let refused =
            |shown: &dyn fmt::Display| Err(format!("`{}` is not a number of a line", crate::base::text::clip(&shown.to_string(), 40)));
        match self {
            Node::Null => Ok(None),
            Node::Int(number) => Ok(Some(*number)),
            #[expect(clippy::cast_possible_truncation, reason = "the range was looked at")]
            Node::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Ok(Some(*number as i64)),
            Node::Float(number) => refused(number),
            // What is left of `NaN` and its like.
            Node::Text(text) if text.is_empty() => Err("says where it is by what is no number".to_owned()),
            Node::Text(text) => text.trim().parse().map(Some).or_else(|_| refused(text)),
            Node::Bool(word) => refused(word),
            Node::List(_) => refused(&"[…]"),
            Node::Map(_) => refused(&"{…}"),
        }
    }
}

/// Why a record is not handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMuch {
    /// Its values lie too deep in each other.
    Deep,
    /// It has too many values, or too much text.
    Large,
}

impl fmt::Display for TooMuch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TooMuch::Deep => f.write_str("is nested too deeply"),
            TooMuch::Large => f.write_str("is too large"),
        }
    }
}

/// What is left of a record's allowance.
struct Budget<'s> {
    nodes: usize,
    text: usize,
    /// Names whose values are not read.
    skip: &'s [&'s str],
    /// Whether what is too deep is left empty, and the record is none the worse.
    is_outline: bool,
    over: Option<TooMuch>,
}

impl Budget<'_> {
    fn spend(&mut self, text: usize) -> bool {
        if self.over.is_none() && (self.nodes == 0 || self.text < text) {
            self.over = Some(TooMuch::Large);
        }
        if self.over.is_none() {
            self.nodes -= 1;
            self.text -= text;
        }
        self.over.is_none()
    }

    /// What stands for a value that is not gone into: `empty` in an outline.
    fn beyond(&self, empty: Node) -> Node {
        if self.is_outline && self.over.is_none() { empty } else { Node::Null }
    }
}

/// Reads one record.
struct Record<'b, 's> {
    budget: &'b mut Budget<'s>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Record<'_, '_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        if self.budget.over.is_some() {
            return deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Node::Null);
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Record<'_, '_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(if self.budget.spend(0) { Node::Bool(value) } else { Node::Null })
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(if self.budget.spend(0) { Node::Int(value) } else { Node::Null })
    }

    #[expect(clippy::cast_precision_loss, reason = "what is beyond an `i64` is told of and not counted with")]
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(if self.budget.spend(0) { i64::try_from(value).map_or(Node::Float(value as f64), Node::Int) } else { Node::Null })
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(if self.budget.spend(0) { Node::Float(value) } else { Node::Null })
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        let kept = crate::base::text::clip(value, MAX_TEXT);
        Ok(if self.budget.spend(kept.len()) { Node::Text(kept.into_owned()) } else { Node::Null })
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        let Some(depth) = self.enter() else {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(self.budget.beyond(Node::List(Vec::new())));
        };
        while let Some(item) = items.next_element_seed(Record { budget: self.budget, depth })? {
            // What is over the allowance is read to its end, and kept no more.
            if self.budget.over.is_none() {
                list.push(item);
            }
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        let Some(depth) = self.enter() else {
            while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(self.budget.beyond(Node::Map(Vec::new())));
        };
        while let Some(name) = entries.next_key::<Cow<'de, str>>()? {
            if self.budget.skip.contains(&&*name) || !self.budget.spend(name.len()) {
                entries.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = entries.next_value_seed(Record { budget: self.budget, depth })?;
            map.push((name.into_owned(), value));
        }
        Ok(Node::Map(map))
    }
}

impl Record<'_, '_> {
    /// One level down; `None` if that is too deep or too much.
    fn enter(&mut self) -> Option<usize> {
        if self.depth == 0 && !self.budget.is_outline && self.budget.over.is_none() {
            self.budget.over = Some(TooMuch::Deep);
        }
        let may = self.budget.spend(0);
        self.depth.checked_sub(1).filter(|_| may)
    }
}

/// One step into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Into the value of this name.
    Key(&'static str),
    /// Into each element of a list.
    Each,
}

/// The way to the values that are of interest.
pub type Pattern = &'static [Step];

/// How a walk is to be done.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// What is of interest. None may lead through the end of another.
    pub patterns: &'a [Pattern],
    /// Names within records whose values are not read.
    pub skip: &'a [&'a str],
    /// How deep the values of a record may lie in each other.
    pub depth: usize,
}

/// How a walk went.
#[derive(Debug)]
pub struct Walked {
    /// For each pattern, how many of its steps led somewhere.
    pub reached: Vec<usize>,
    /// Why the document breaks off, if it does.
    pub broken: Option<serde_json::Error>,
}

/// Who is handed what a walk comes by: which pattern, the numbers of the list elements on the way, and the record.
pub type Visit<'v> = dyn FnMut(usize, &[usize], Result<Node, TooMuch>) + 'v;

struct Walker<'a, 'v> {
    route: Route<'a>,
    visit: &'a mut Visit<'v>,
    places: Vec<usize>,
    reached: Vec<usize>,
    is_outline: bool,
}

/// Walks a document and hands over what the patterns lead to.
pub fn walk(input: &[u8], route: Route<'_>, visit: &mut Visit<'_>) -> Walked {
    tour(input, route, false, visit)
}

/// The same, handing over no more than the outline of each value: what lies deeper than the route's depth is an empty list or map.
pub fn outline(input: &[u8], route: Route<'_>, visit: &mut Visit<'_>) -> Walked {
    tour(input, route, true, visit)
}

fn tour(input: &[u8], route: Route<'_>, is_outline: bool, visit: &mut Visit<'_>) -> Walked {
    let mut walker = Walker { route, visit, places: Vec::new(), reached: vec![0; route.patterns.len()], is_outline };
    let mut document = serde_json::Deserializer::from_slice(input);
    let live = (0..route.patterns.len()).collect();
    let read = Within { walker: &mut walker, live, level: 0 }.deserialize(&mut document).and_then(|()| document.end());
    Walked { reached: walker.reached, broken: read.err() }
}

/// Reads one record that stands alone; the values of the names in `skip` are not read.
pub fn record(input: &[u8], skip: &[&str], depth: usize) -> serde_json::Result<Result<Node, TooMuch>> {
    let mut budget = Budget { nodes: MAX_NODES, text: MAX_RECORD_TEXT, skip, is_outline: false, over: None };
    let mut document = serde_json::Deserializer::from_slice(input);
    let node = Record { budget: &mut budget, depth }.deserialize(&mut document)?;
    document.end()?;
    Ok(budget.over.map_or(Ok(node), Err))
}

/// Reads a record of each line that is not blank. An error says that there is none.
pub fn lines(input: &[u8], skip: &[&str], drafts: &mut Drafts<'_>, mut take: impl FnMut(&Node, &mut Drafts<'_>)) -> Result<(), String> {
    let mut first_fault = None;
    let mut is_read = false;
    for (at, line) in input.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match record(line, skip, drafts.bounds.depth) {
            Ok(Ok(node)) => {
                is_read = true;
                take(&node, drafts);
            }
            Ok(Err(why)) => drafts.too_much(why),
            Err(error) => {
                let what = format!("line {}", at + 1);
                first_fault.get_or_insert_with(|| format!("{what} is no JSON: {error}"));
                drafts.drop(&what, "is no JSON");
            }
        }
    }
    first_fault.filter(|_| !is_read).map_or(Ok(()), Err)
}

/// Reads records that stand one after the other, with or without NUL between them. What is no JSON hides what follows it up to the next
/// NUL. An error says that there is no record.
pub fn sequence(input: &[u8], skip: &[&str], drafts: &mut Drafts<'_>, mut take: impl FnMut(&Node, &mut Drafts<'_>)) -> Result<(), String> {
    let mut first_fault = None;
    let (mut count, mut read) = (0_u64, 0_u64);
    for part in input.split(|byte| *byte == 0) {
        let mut documents = serde_json::Deserializer::from_slice(part).into_iter::<IgnoredAny>();
        let mut start = 0;
        while let Some(document) = documents.next() {
            count += 1;
            let end = documents.byte_offset();
            match document.and_then(|_| record(&part[start..end], skip, drafts.bounds.depth)) {
                Ok(Ok(node)) => {
                    read += 1;
                    take(&node, drafts);
                }
                Ok(Err(why)) => drafts.too_much(why),
                Err(error) => {
                    let what = format!("record {count}");
                    first_fault.get_or_insert_with(|| format!("{what} is no JSON: {error}"));
                    drafts.drop(&what, "is no JSON");
                    break;
                }
            }
            start = end;
        }
    }
    first_fault.filter(|_| read == 0).map_or(Ok(()), Err)
}

/// A value on the way to others.
struct Within<'w, 'a, 'v> {
    walker: &'w mut Walker<'a, 'v>,
    /// The patterns that led here.
    live: Vec<usize>,
    level: usize,
}

impl Within<'_, '_, '_> {
    /// The patterns that go on by this step.
    fn by(&mut self, is: impl Fn(Step) -> bool) -> Vec<usize> {
        let level = self.level;
        let patterns = self.walker.route.patterns;
        self.live.iter().copied().filter(|pattern| patterns[*pattern].get(level).is_some_and(|step| is(*step))).collect()
    }

    fn reach(&mut self, by: &[usize], level: usize) {
        for pattern in by {
            let reached = &mut self.walker.reached[*pattern];
            *reached = (*reached).max(level);
        }
    }
}

impl<'de> DeserializeSeed<'de> for Within<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Route { patterns, skip, depth } = self.walker.route;
        let is_outline = self.walker.is_outline;
        let Some(pattern) = self.live.iter().copied().find(|pattern| patterns[*pattern].len() == self.level) else {
            return deserializer.deserialize_any(self);
        };
        let mut budget = Budget { nodes: MAX_NODES, text: MAX_RECORD_TEXT, skip, is_outline, over: None };
        let node = Record { budget: &mut budget, depth }.deserialize(deserializer)?;
        (self.walker.visit)(pattern, &self.walker.places, budget.over.map_or(Ok(node), Err));
        Ok(())
    }
}

impl<'de> Visitor<'de> for Within<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let live = self.by(|step| step == Step::Each);
        let level = self.level + 1;
        self.reach(&live, level);
        if live.is_empty() {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        self.walker.places.push(0);
        while items.next_element_seed(Within { walker: &mut *self.walker, live: live.clone(), level })?.is_some() {
            if let Some(place) = self.walker.places.last_mut() {
                *place += 1;
            }
        }
        self.walker.places.pop();
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<(), A::Error> {
        let level = self.level + 1;
        while let Some(name) = entries.next_key::<Cow<'de, str>>()? {
            let live = self.by(|step| matches!(step, Step::Key(key) if key == name));
            self.reach(&live, level);
            if live.is_empty() {
                entries.next_value::<IgnoredAny>()?;
            } else {
                entries.next_value_seed(Within { walker: &mut *self.walker, live, level })?;
            }
        }
        Ok(())
    }
}

/// The document without what would end a walk although it goes on. Byte for byte as long as before, except where it was UTF-16.
pub fn prepare(input: &[u8]) -> Cow<'_, [u8]> {
    let mut text = prepare_text(input);
    mend(&mut text);
    text
}

/// The text as UTF-8, without a byte order mark and with a question mark for each byte that is none.
pub fn prepare_text(input: &[u8]) -> Cow<'_, [u8]> {
    let mut text = match input {
        [0xff, 0xfe, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(from_utf16(rest, u16::from_be_bytes)),
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        _ => Cow::Borrowed(input),
    };
    replace_invalid(&mut text);
    text
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Vec<u8> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
}

/// Puts a question mark for each byte that is no UTF-8.
fn replace_invalid(text: &mut Cow<'_, [u8]>) {
    let mut at = 0;
    while let Err(error) = std::str::from_utf8(&text[at..]) {
        let start = at + error.valid_up_to();
        let end = error.error_len().map_or(text.len(), |length| start + length);
        text.to_mut()[start..end].fill(b'?');
        at = end;
    }
}

/// Replaces halves of surrogate pairs within texts, and outside of them what is no number, by what JSON has.
fn mend(text: &mut Cow<'_, [u8]>) {
    let mut at = 0;
    while at < text.len() {
        at = match text[at] {
            b'"' => mend_text(text, at + 1),
            b'-' | b'0'..=b'9' | b'N' | b'I' => mend_number(text, at),
            _ => at + 1,
        };
    }
}

/// Behind the text that begins at `at`.
fn mend_text(text: &mut Cow<'_, [u8]>, mut at: usize) -> usize {
    while let Some(next) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)).map(|found| at + found) {
        if text[next] == b'"' {
            return next + 1;
        }
        at = match surrogate(text, next) {
            None => next + 2,
            Some(0xd800..=0xdbff) if matches!(surrogate(text, next + 6), Some(0xdc00..=0xdfff)) => next + 12,
            Some(_) => {
                text.to_mut()[next..next + 6].copy_from_slice(b"\\ufffd");
                next + 6
            }
        };
    }
    text.len()
}

/// The surrogate that is escaped at `at`, if one is.
fn surrogate(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..=0xdfff).contains(&code).then_some(code)
}

/// Behind the number or word that begins at `at`; one that is no number becomes an empty text of the same length.
fn mend_number(text: &mut Cow<'_, [u8]>, at: usize) -> usize {
    let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let digits = text[at..].iter().take_while(is_part).count();
    let rest = &text[at + digits.min(1)..];
    let word = [&b"NaN"[..], b"Infinity"].into_iter().find(|word| digits <= 1 && rest.starts_with(word));
    let length = word.map_or(digits, |word| digits + word.len());
    let is_huge = || {
        let number = &text[at..at + digits];
        (digits > 300 || number.iter().any(|byte| matches!(byte, b'e' | b'E')))
            && std::str::from_utf8(number).ok().and_then(|number| number.parse::<f64>().ok()).is_some_and(f64::is_infinite)
    };
    if word.is_some() || is_huge() {
        let place = &mut text.to_mut()[at..at + length];
        place.fill(b' ');
        place[..2].fill(b'"');
    }
    at + length.max(1)
}

#[cfg(test)]
mod tests;
