//! A value together with the path of keys that leads to it, and what may be expected of it.
//!
//! Every question either has its answer or is the one [`Fault`] that the reader of a manifest sees, so all wording is here.

use std::str::FromStr;

use crate::base::text::{clip, nearest};
use crate::base::word::UnknownWord;

use super::Globs;
use super::glob::{Dialect, InvalidGlob};
use super::node::{Fault, Key, Node, Value};

/// A value and the path of keys to it.
#[derive(Debug, Clone)]
pub struct Field<'a> {
    pub node: &'a Node,
    /// Empty for the root.
    pub key: String,
}

/// A mapping whose keys are all known.
#[derive(Debug)]
pub struct Mapping<'a> {
    key: String,
    entries: &'a [(Key, Node)],
}

impl<'a> Field<'a> {
    /// The document itself.
    pub fn root(node: &'a Node) -> Field<'a> {
        Field { node, key: String::new() }
    }

    /// A fault of this value.
    pub fn fault(&self, message: impl Into<String>) -> Fault {
        Fault { at: self.node.at, key: Some(self.key.clone()).filter(|key| !key.is_empty()), message: message.into() }
    }

    /// The fault of being something else than `what`.
    pub fn expected(&self, what: &str) -> Fault {
        self.fault(format!("expected {what}, found {}", self.node.noun()))
    }

    fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// The mapping that it is; every key must be one of `known`.
    pub fn mapping(&self, known: &[&str]) -> Result<Mapping<'a>, Fault> {
        let mapping = self.open_mapping("a mapping")?;
        for (key, _) in mapping.entries {
            if !known.contains(&key.name.as_str()) {
                let name = clip(&key.name, 60);
                let message = match nearest(&key.name, known.iter().copied()).filter(|_| key.name.len() <= 60) {
                    Some(near) => format!("unknown key `{name}`; did you mean `{near}`?"),
                    None => format!("unknown key `{name}`; expected one of: {}", known.join(", ")),
                };
                return Err(Fault { at: key.at, key: Some(join(&self.key, &name)), message });
            }
        }
        Ok(mapping)
    }

    /// The mapping that it is, whatever its keys.
    pub fn open_mapping(&self, what: &str) -> Result<Mapping<'a>, Fault> {
        match &self.node.value {
            Value::Map(entries) => Ok(Mapping { key: self.key.clone(), entries }),
            _ => Err(self.expected(what)),
        }
    }

    /// The values of the list that it is.
    pub fn list(&self, what: &str) -> Result<Vec<Field<'a>>, Fault> {
        let Value::List(items) = &self.node.value else { return Err(self.expected(what)) };
        Ok(items.iter().enumerate().map(|(at, node)| Field { node, key: format!("{}[{at}]", self.key) }).collect())
    }

    /// The text that it is: not empty, and nothing that YAML takes for a number or a truth value.
    pub fn text(&self, what: &str) -> Result<&'a str, Fault> {
        let text = self.text_as_written(what)?;
        let Value::Scalar { quoted, .. } = self.node.value else { return Err(self.expected(what)) };
        if text.trim().is_empty() {
            return Err(self.fault(format!("expected {what}, found empty text")));
        }
        if !quoted && (matches!(text, "true" | "True" | "TRUE" | "false" | "False" | "FALSE") || text.parse::<f64>().is_ok()) {
            return Err(self.fault(format!("expected {what}, found {}; text that looks so stands in quotes", self.node.noun())));
        }
        Ok(text)
    }

    /// The text as it is written, be it a number, a truth value or empty.
    pub fn text_as_written(&self, what: &str) -> Result<&'a str, Fault> {
        match &self.node.value {
            Value::Scalar { text, .. } if text.contains('\0') => Err(self.fault("holds a NUL character, which no process can be given")),
            Value::Scalar { text, .. } => Ok(text),
            _ => Err(self.expected(what)),
        }
    }

    /// A value without quotes, for what is no text.
    fn plain(&self, what: &str) -> Result<&'a str, Fault> {
        match &self.node.value {
            Value::Scalar { text, quoted: false } => Ok(text),
            Value::Scalar { .. } => Err(self.fault(format!("expected {what} without quotes, found {}", self.node.noun()))),
            _ => Err(self.expected(what)),
        }
    }

    /// A truth value.
    pub fn boolean(&self) -> Result<bool, Fault> {
        match self.plain("true or false")? {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A whole number of at least `min` and at most `max`.
    pub fn integer(&self, min: u32, max: u32) -> Result<u32, Fault> {
        let what = format!("a whole number from {min} to {max}");
        let text = self.plain(&what)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        number.filter(|number| (min..=max).contains(number)).ok_or_else(|| self.expected(&what))
    }

    /// What `read` makes of the unquoted value, or else the fault that `what` was expected.
    pub fn number<T>(&self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
        read(self.plain(what)?).ok_or_else(|| self.expected(what))
    }

    /// What `read` makes of the text, or else the fault that `what` was expected.
    pub fn parsed<T>(&self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
        read(self.text_as_written(what)?).ok_or_else(|| self.expected(what))
    }

    /// A word of a closed set.
    pub fn word<T: FromStr<Err = UnknownWord>>(&self, what: &str) -> Result<T, Fault> {
        let text = self.text(what)?;
        text.parse().map_err(|unknown: UnknownWord| {
            let near = nearest(text, unknown.expected.split(", ")).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            self.fault(format!("expected one of {}, found {}{near}", unknown.expected, self.node.noun()))
        })
    }

    /// A list of path patterns.
    pub fn globs(&self, dialect: Dialect) -> Result<Globs, Fault> {
        let items = self.list("a list of path patterns")?;
        let patterns = items.iter().map(|item| item.text_as_written("a path pattern")).collect::<Result<Vec<&str>, Fault>>()?;
        Globs::new(&patterns, dialect).map_err(|(at, error): (usize, InvalidGlob)| items.get(at).unwrap_or(self).fault(error.to_string()))
    }
}

impl<'a> Mapping<'a> {
    /// The value under `name`. One that is left empty is as one that is not written: what remains when all below a key is commented out.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.written(name).filter(|field| !field.is_null())
    }

    /// The value under `name`, an empty one too.
    pub fn written(&self, name: &str) -> Option<Field<'a>> {
        let (key, node) = self.entries.iter().find(|(key, _)| key.name == name)?;
        Some(Field { node, key: join(&self.key, &key.name) })
    }

    /// All values with their keys.
    pub fn entries(&self) -> impl Iterator<Item = (&'a Key, Field<'a>)> {
        self.entries.iter().map(|(key, node)| (key, Field { node, key: join(&self.key, &clip(&key.name, 60)) }))
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
