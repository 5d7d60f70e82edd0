//! What tools write, read as findings: the formats of the trade, and our own.
//!
//! [`read`] is a pure function from bytes and a tree to a [`Reading`]. It errs on no side in silence: a record that cannot be used is
//! dropped with a sentence that says why, and costs the others nothing; a document that breaks off gives what came before and says so; only
//! what is no such document at all is [`Unreadable`]. Every bound is in [`Bounds`] or a constant beside the thing it bounds.
//!
//! Three things are the same for all formats, and so are done in one place after the records have been read. *Paths* are what stands in
//! the tree or nothing: see `paths`. *Lines* are held against the file: one below 1 or beyond the end is dropped, an end before its start is
//! that start. *Columns* are turned from their unit into characters by the line itself: see `columns`. A finding that is there twice in
//! every particular is there once.
//!
//! # Severities and kinds
//!
//! | written | is |
//! |---|---|
//! | `blocker` `fatal`, the `F` of `RuboCop` and pylint | blocker |
//! | `critical` `high` | critical |
//! | `error` `major` `medium`, `ESLint`'s 2, rdjson's 1, the `E` of `RuboCop` and pylint | major |
//! | `warning` `warn` `minor` `low`, `ESLint`'s 1, rdjson's 2, the `W` of `RuboCop` and pylint | minor |
//! | `info` `note` `notice` `hint` `help` `style` `convention` `refactor` `none`, rdjson's 3, the `C`, `R` and `I` of `RuboCop` and pylint | info |
//! | `security-severity` of SARIF: 9, 7, 4 and more; below | blocker, critical, major; minor |
//! | nothing, or another word | minor; in SARIF what the rule says, else `warning` |
//!
//! Kinds are taken from Code Climate's categories, Sonar's types and qualities, and SARIF's tags (`security` and `external/cwe/…`,
//! `correctness`, `performance`, and their like); where nothing is said a finding is of kind `quality`. What a format cannot say a
//! tool's entry in the catalogue may.
//!
//! It does not know where the bytes came from, how the tool ended, or what is done with findings that their author suppressed.

mod cargo;
mod checkstyle;
mod cocov;
mod codeclimate;
mod columns;
mod draft;
mod eslint;
mod gnu;
mod json;
mod paths;
pub mod plumbline;
mod rdjson;
mod sarif;
mod sonar;
#[cfg(test)]
mod tests;
mod word;

use super::finding::Finding;
use crate::base::mask::Mask;
use crate::base::text;
use crate::domain::repos::manifest::OutputFormat;
use crate::engine::git::tree::Tree;
use crate::words;

pub use columns::{Columns, Unit};
pub use draft::Dropped;
pub use json::{MAX_NODES, MAX_RECORD_TEXT};

/// Raised whenever the same output could be read otherwise; part of the key under which results are reused.
pub const VERSION: u32 = 3;

words! {
    /// The formats that are read.
    pub enum Format: "format of findings" {
        /// SARIF 2.1.0.
        Sarif = "sarif",
        /// Sonar's generic issues, both forms.
        Sonar = "sonar",
        /// Reviewdog's diagnostics, one document.
        Rdjson = "rdjson",
        /// Reviewdog's diagnostics, one a line.
        Rdjsonl = "rdjsonl",
        /// Checkstyle's XML.
        Checkstyle = "checkstyle",
        /// Code Climate's issues, as a list or one after the other.
        Codeclimate = "codeclimate",
        /// `ESLint`'s JSON.
        Eslint = "eslint",
        /// `file:line:column: message`.
        Gnu = "gnu",
        /// Ours.
        Plumbline = "plumbline",
        /// Cocov's records, each followed by NUL.
        Cocov = "cocov",
        /// The messages of cargo and its compilers, one a line.
        Cargo = "cargo",
    }
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Format {
        match format {
            OutputFormat::Sarif => Format::Sarif,
            OutputFormat::Sonar => Format::Sonar,
            OutputFormat::Rdjson => Format::Rdjson,
            OutputFormat::Rdjsonl => Format::Rdjsonl,
            OutputFormat::Checkstyle => Format::Checkstyle,
            OutputFormat::Codeclimate => Format::Codeclimate,
            OutputFormat::Eslint => Format::Eslint,
            OutputFormat::Gnu => Format::Gnu,
            OutputFormat::Plumbline => Format::Plumbline,
        }
    }
}

/// How much is taken of what strangers write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of input; what is larger is not read at all.
    pub input: usize,
    /// How deep the values of a record may lie in each other.
    pub depth: usize,
    /// Findings; those beyond are counted as dropped.
    pub findings: usize,
    /// Bytes of one message; a longer one is cut.
    pub message: usize,
    /// Bytes of a rule's name or a fingerprint; a longer one is cut.
    pub name: usize,
    /// Bytes of all texts of all findings together; findings beyond are dropped.
    pub text: usize,
    /// Kinds of dropped records that are told one by one; the others are counted.
    pub dropped: usize,
    /// Bytes of files that are read to look up their lines; of files beyond lines are taken as they are written, without columns.
    pub lines: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds { input: 64 << 20, depth: 64, findings: 100_000, message: 2_000, name: 200, text: 64 << 20, dropped: 100, lines: 512 << 20 }
    }
}

/// What findings are held against.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The tree that the tool looked at.
    pub tree: &'a dyn Tree,
    /// The folders in which the tool saw that tree, such as `/work`. Empty where nobody knows: then any beginning of an absolute path is
    /// taken off whose rest is in the tree.
    pub roots: &'a [&'a str],
    /// What the tool's columns count, where it differs from what its format says.
    pub columns: Option<Columns>,
    /// What the tool was given to keep to itself. It is looked for in what its words mean once they are read: a document has its own ways to
    /// write a letter, in which nobody who sees the bytes knows it again.
    pub mask: Option<&'a Mask>,
}

impl<'a> Ground<'a> {
    /// A tree of which nothing more is known.
    pub fn new(tree: &'a dyn Tree) -> Ground<'a> {
        Ground { tree, roots: &[], columns: None, mask: None }
    }
}

/// Who found something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its version, if it says so.
    pub version: Option<String>,
}

/// One finding, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// What it says.
    pub finding: Finding,
    /// Whether somebody has suppressed it where it was found, and the reason they gave; empty if they gave none.
    pub suppressed: Option<String>,
    /// Which of the [tools](Reading::tools) says it.
    pub tool: Option<usize>,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Reading {
    /// The findings, in the order in which they are written.
    pub findings: Vec<Read>,
    /// What could not be used, and why.
    pub dropped: Vec<Dropped>,
    /// How many further records could not be used.
    pub dropped_more: u64,
    /// Who speaks, in the order in which they appear.
    pub tools: Vec<Tool>,
    /// What the author calls this part of their analysis: an upload replaces the one before of the same tool and category.
    pub category: Option<String>,
    /// What the analysis looked at, if it says so: patterns of paths. Nothing else can be fixed by it.
    pub scope: Option<Vec<String>>,
    /// How many records were looked at.
    pub read: u64,
    /// Why the document breaks off, if it does: there may have been more.
    pub broken: Option<String>,
    /// Whether there were more findings than are taken.
    pub is_cut: bool,
}

impl Reading {
    /// Who speaks first.
    pub fn tool(&self) -> Option<&Tool> {
        self.tools.first()
    }
}

/// Why nothing could be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// There is nothing, where the format has a word for nothing.
    #[error("is empty, and a document in the format `{format}` never is")]
    Empty {
        /// The format.
        format: Format,
    },
    /// There is too much.
    #[error("is {}, and at most {} are read", text::bytes(*.size as u64), text::bytes(*.cap as u64))]
    TooLarge {
        /// How many bytes there are.
        size: usize,
        /// How many are read.
        cap: usize,
    },
    /// It is something else.
    #[error("is no document in the format `{format}`: {why}")]
    Foreign {
        /// The format.
        format: Format,
        /// What was looked for, or where it stops being one.
        why: String,
    },
}

/// Reads what a tool wrote.
pub fn read(format: Format, input: &[u8], ground: &Ground<'_>, bounds: &Bounds) -> Result<Reading, Unreadable> {
    if input.len() > bounds.input {
        return Err(Unreadable::TooLarge { size: input.len(), cap: bounds.input });
    }
    let may_be_empty =
        matches!(format, Format::Gnu | Format::Rdjsonl | Format::Cocov | Format::Cargo | Format::Codeclimate | Format::Plumbline);
    if !may_be_empty && input.trim_ascii().is_empty() {
        return Err(Unreadable::Empty { format });
    }
    let mut drafts = draft::Drafts::new(ground, bounds);
    let read = match format {
        Format::Gnu => {
            gnu::read(input, &mut drafts);
            Ok(())
        }
        Format::Checkstyle => checkstyle::read(&json::prepare_text(input), &mut drafts),
        Format::Sarif => sarif::read(&json::prepare(input), &mut drafts),
        Format::Sonar => sonar::read(&json::prepare(input), &mut drafts),
        Format::Rdjson => rdjson::read(&json::prepare(input), &mut drafts),
        Format::Rdjsonl => rdjson::read_lines(&json::prepare(input), &mut drafts),
        Format::Codeclimate => codeclimate::read(&json::prepare(input), &mut drafts),
        Format::Eslint => eslint::read(&json::prepare(input), &mut drafts),
        Format::Plumbline => plumbline::read(&json::prepare(input), &mut drafts),
        Format::Cocov => cocov::read(&json::prepare(input), &mut drafts),
        Format::Cargo => cargo::read(&json::prepare(input), &mut drafts),
    };
    read.map_err(|why| Unreadable::Foreign { format, why })?;
    Ok(drafts.settle())
}
