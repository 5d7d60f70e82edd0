//! From the hundreds of scopes that syntax definitions know to the dozen classes that the stylesheet colours.

use syntect::parsing::Scope;

/// What a scope begins with, and the class it gets. The first that fits wins, so the narrower stands first.
const TABLE: &[(&str, &str)] = &[
    ("comment", "c"),
    ("constant.character.escape", "e"),
    ("constant.other.placeholder", "e"),
    ("string.regexp", "e"),
    ("string", "s"),
    ("constant.numeric", "m"),
    ("constant", "m"),
    ("keyword.operator.word", "k"),
    ("keyword.operator.logical.python", "k"),
    ("keyword.operator", "o"),
    ("keyword", "k"),
    ("storage.type.primitive", "t"),
    ("storage", "k"),
    ("entity.name.function", "f"),
    ("entity.name.macro", "f"),
    ("support.function", "f"),
    ("support.macro", "f"),
    ("variable.function", "f"),
    ("entity.name.tag", "k"),
    ("entity.name.section", "h"),
    ("entity.name", "t"),
    ("entity.other.inherited-class", "t"),
    ("entity.other.attribute-name", "a"),
    ("support.type.property-name", "a"),
    ("support.type", "t"),
    ("support.class", "t"),
    ("support.constant", "m"),
    ("variable.language", "k"),
    ("variable.annotation", "a"),
    ("meta.annotation", "a"),
    ("markup.heading", "h"),
    ("markup.bold", "h"),
    ("markup.raw", "s"),
    ("markup.inserted", "i"),
    ("markup.deleted", "d"),
];

/// Scopes that begin code within a string: what is outside them does not colour what is inside.
const BORDERS: &[&str] = &["meta.interpolation", "meta.embedded", "source"];

/// The table, with its scopes in the form they are compared in.
pub(super) struct Classes {
    table: Vec<(Scope, &'static str)>,
    borders: Vec<Scope>,
}

impl Classes {
    pub(super) fn new() -> Classes {
        Classes {
            table: TABLE.iter().filter_map(|(scope, class)| Some((Scope::new(scope).ok()?, *class))).collect(),
            borders: BORDERS.iter().filter_map(|scope| Scope::new(scope).ok()).collect(),
        }
    }

    /// The class of text within these scopes: that of the innermost one which has any.
    pub(super) fn of(&self, scopes: &[Scope]) -> Option<&'static str> {
        for scope in scopes.iter().rev() {
            if let Some((_, class)) = self.table.iter().find(|(prefix, _)| prefix.is_prefix_of(*scope)) {
                return Some(class);
            }
            if self.borders.iter().any(|border| border.is_prefix_of(*scope)) {
                return None;
            }
        }
        None
    }
}
