//! Which fields the entries of an index have, and how tantivy keeps each.

use tantivy::schema::{BytesOptions, Field as Handle, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, TokenizerManager};
use tantivy::{TantivyDocument, Term};

use super::words::{FoldTokenizer, WordTokenizer};
use super::{Entry, Value};

/// The name of the word tokenizer. Its number goes up when `words` changes what a word is: an index made by another is then rebuilt.
const WORDS: &str = "words.1";
/// The name of the tokenizer of folded keywords.
const FOLD: &str = "fold.1";
const RAW: &str = "raw";

pub(super) const KEY: &str = "_key";
pub(super) const KEY_HIGH: &str = "_key_high";
pub(super) const KEY_LOW: &str = "_key_low";

/// How a field is kept, and so what may be asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Words with their positions: terms, phrases, prefixes.
    Text,
    /// One text, looked for as a whole or by a glob, and counted. `fold`: without regard to case.
    Keyword {
        /// Whether upper and lower case are one.
        fold: bool,
    },
    /// One text of very many different ones, looked for as a whole or by a glob in a column: no term dictionary beside it.
    Column,
    /// One text, looked for as a whole alone.
    Label,
    /// A number, asked for by range and sorted by.
    Number,
}

/// A field of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// How it is kept.
    pub kind: Kind,
}

/// The fields as tantivy knows them.
#[derive(Clone)]
pub(super) struct Layout {
    pub schema: Schema,
    fields: Vec<(Field, Handle)>,
    key: Handle,
    key_high: Handle,
    key_low: Handle,
}

impl Layout {
    pub fn new(fields: &[Field]) -> Layout {
        let indexed =
            |tokenizer: &str, option| TextFieldIndexing::default().set_tokenizer(tokenizer).set_fieldnorms(false).set_index_option(option);
        let text = |tokenizer: &str, option| TextOptions::default().set_indexing_options(indexed(tokenizer, option));
        let mut schema = Schema::builder();
        let key = schema.add_bytes_field(KEY, BytesOptions::default().set_indexed());
        let key_high = schema.add_u64_field(KEY_HIGH, NumericOptions::default().set_fast());
        let key_low = schema.add_u64_field(KEY_LOW, NumericOptions::default().set_fast());
        let mut handle = |field: &Field| match field.kind {
            Kind::Text => schema.add_text_field(field.name, text(WORDS, IndexRecordOption::WithFreqsAndPositions)),
            Kind::Keyword { fold: true } => schema.add_text_field(field.name, text(FOLD, IndexRecordOption::Basic).set_fast(RAW)),
            Kind::Keyword { fold: false } => schema.add_text_field(field.name, text(RAW, IndexRecordOption::Basic).set_fast(RAW)),
            Kind::Column => schema.add_text_field(field.name, TextOptions::default().set_fast(RAW)),
            Kind::Label => schema.add_text_field(field.name, text(RAW, IndexRecordOption::Basic)),
            Kind::Number => schema.add_i64_field(field.name, NumericOptions::default().set_fast()),
        };
        let fields = fields.iter().map(|field| (*field, handle(field))).collect();
        Layout { schema: schema.build(), fields, key, key_high, key_low }
    }

    /// The tokenizers that the schema names.
    pub fn tokenizers() -> TokenizerManager {
        let tokenizers = TokenizerManager::default();
        tokenizers.register(WORDS, TextAnalyzer::builder(WordTokenizer::default()).build());
        tokenizers.register(FOLD, TextAnalyzer::builder(FoldTokenizer).build());
        tokenizers
    }

    /// The field of that name, if the index has it.
    pub fn field(&self, name: &str) -> Option<(Field, Handle)> {
        self.fields.iter().find(|(field, _)| field.name == name).copied()
    }

    /// The term that stands for an entry's key alone.
    pub fn key_term(&self, key: u128) -> Term {
        Term::from_field_bytes(self.key, &key.to_be_bytes())
    }

    /// An entry as tantivy takes it. What the index has no field for is left out.
    pub fn document(&self, entry: &Entry) -> TantivyDocument {
        let mut document = TantivyDocument::default();
        document.add_bytes(self.key, &entry.key.to_be_bytes());
        document.add_u64(self.key_high, (entry.key >> 64) as u64);
        document.add_u64(self.key_low, entry.key as u64);
        for (name, value) in &entry.values {
            let Some((_, handle)) = self.field(name) else { continue };
            match value {
                Value::Text(text) => document.add_text(handle, text),
                Value::Number(number) => document.add_i64(handle, *number),
            }
        }
        document
    }
}
