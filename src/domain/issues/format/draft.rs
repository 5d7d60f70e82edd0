//! Findings while a document is read, and what is done to all of them at its end.
//!
//! A format's reader hands over [`Draft`]s; paths and sizes are seen to at once, lines and columns at the end, file by file, so that no file
//! is read twice however a document jumps between them.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::HashMap;

use super::columns::{Lines, Region};
use super::json::TooMuch;
use super::paths::{self, Written};
use super::{Bounds, Ground, Read, Reading, Tool};
use crate::base::name::TreePath;
use crate::base::text::{clip, is_hostile, quiet};
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git::tree::FileKind;

/// The largest file whose lines are looked up.
const LINES_BYTES: u64 = 8 << 20;
/// The most tools that speak in one document.
const MAX_TOOLS: usize = 100;
/// So many bytes of what was dropped are quoted.
const QUOTED: usize = 120;

/// What could not be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// A path, or what else the record can be known by.
    pub what: String,
    /// What is wrong with it: a sentence whose subject it is.
    pub why: String,
    /// How many records it is true of.
    pub times: u64,
}

/// A finding as a format's reader has it.
#[derive(Debug, Clone, Default)]
pub struct Draft<'a> {
    /// Which rule speaks; where nobody says, the reader has a word for it.
    pub rule: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// The file.
    pub path: Written<'a>,
    /// The place in it.
    pub region: Option<Region>,
    /// What sort of shortcoming, if that is said.
    pub kind: Option<Kind>,
    /// How much it matters, if that is said.
    pub severity: Option<Severity>,
    /// The tool's own mark of identity.
    pub fingerprint: Option<&'a str>,
    /// Why it is suppressed, if it is.
    pub suppressed: Option<&'a str>,
    /// Which of the tools says it.
    pub tool: Option<usize>,
}

/// What has been read so far.
pub struct Drafts<'a> {
    pub ground: &'a Ground<'a>,
    pub bounds: &'a Bounds,
    reading: Reading,
    /// The place of each finding, in the same order.
    regions: Vec<Option<Region>>,
    /// Where each kind of dropped record stands in the list.
    dropped: HashMap<(String, String), usize>,
    text: usize,
    /// How often the tree may still be asked for a path.
    lookups: Cell<u64>,
}

impl<'a> Drafts<'a> {
    pub fn new(ground: &'a Ground<'a>, bounds: &'a Bounds) -> Drafts<'a> {
        Drafts {
            ground,
            bounds,
            reading: Reading::default(),
            regions: Vec::new(),
            dropped: HashMap::new(),
            text: 0,
            lookups: Cell::new(paths::MAX_LOOKUPS),
        }
    }

    /// The place of a tool in the list of those that speak; the same name and version have one place.
    pub fn tool(&mut self, name: &str, version: Option<&str>) -> Option<usize> {
        let name = line(name, self.bounds.name);
        let tool = Tool { version: version.map(|version| line(version, self.bounds.name)).filter(|version| !version.is_empty()), name };
        let tools = &mut self.reading.tools;
        let known = tools.iter().position(|known| *known == tool);
        if known.is_none() && !tool.name.is_empty() && tools.len() < MAX_TOOLS {
            tools.push(tool);
            return Some(tools.len() - 1);
        }
        known
    }

    /// The path of the tree that is meant, or why there is none.
    pub fn resolve(&self, written: Written<'_>) -> Result<TreePath, &'static str> {
        paths::resolve(self.ground, &self.lookups, written)
    }

    /// What the author calls this part of their analysis.
    pub fn category(&mut self, category: &str) {
        let category = line(category, self.bounds.name);
        self.reading.category = Some(category).filter(|category| !category.is_empty());
    }

    /// What the analysis looked at.
    pub fn scope(&mut self, patterns: Vec<String>) {
        self.reading.scope = Some(patterns);
    }

    /// A text without what the tool was given to keep to itself. Before it is cut, or half of that would be left.
    fn masked<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.ground.mask.map_or(Cow::Borrowed(text), |mask| Cow::Owned(mask.text(text)))
    }

    /// Takes a finding, or says why not.
    pub fn add(&mut self, draft: Draft<'_>) {
        self.reading.read += 1;
        let rule = line(&self.masked(draft.rule), self.bounds.name);
        let message = prose(&self.masked(draft.message), self.bounds.message);
        let path = match self.resolve(draft.path) {
            Ok(path) => path,
            Err(why) if draft.path.text.is_empty() => return self.note(if message.is_empty() { &rule } else { &message }, why),
            Err(why) => return self.note(&String::from_utf8_lossy(draft.path.text), why),
        };
        let fingerprint = draft.fingerprint.map(|mark| clip(&self.masked(mark), self.bounds.name).into_owned());
        let suppressed = draft.suppressed.map(|reason| prose(&self.masked(reason), self.bounds.message));
        let length = [Some(&rule), Some(&message), fingerprint.as_ref(), suppressed.as_ref()].into_iter().flatten().map(String::len);
        let text = self.text + path.as_bytes().len() + length.sum::<usize>();
        if rule.is_empty() || message.is_empty() {
            return self.note(&path.shown(), if rule.is_empty() { "names no rule" } else { "has a finding without a message" });
        }
        if self.reading.findings.len() >= self.bounds.findings || text > self.bounds.text {
            self.reading.is_cut = true;
            return self.note("the document", "has more findings than are taken");
        }
        self.text = text;
        self.regions.push(draft.region);
        self.reading.findings.push(Read {
            finding: Finding {
                rule,
                message,
                path,
                span: None,
                kind: draft.kind.unwrap_or(Kind::Quality),
                severity: draft.severity.unwrap_or(Severity::Minor),
                fingerprint,
            },
            suppressed,
            tool: draft.tool,
        });
    }

    /// Takes a finding at this place; or passes over it, and says what is wrong with the place.
    pub fn add_at(&mut self, region: Result<Option<Region>, String>, draft: Draft<'_>) {
        match region {
            Ok(region) => self.add(Draft { region, ..draft }),
            Err(why) => self.drop(&String::from_utf8_lossy(draft.path.text), &why),
        }
    }

    /// Passes over a record, and says why.
    pub fn drop(&mut self, what: &str, why: &str) {
        self.reading.read += 1;
        self.note(what, why);
    }

    /// Passes over a record that is not handed over.
    pub fn too_much(&mut self, why: TooMuch) {
        self.drop("a record", &why.to_string());
    }

    /// Passes over a record of which there is nothing to say.
    pub fn skip(&mut self) {
        self.reading.read += 1;
    }

    /// Says that the document breaks off.
    pub fn broken(&mut self, why: impl std::fmt::Display) {
        self.reading.broken = Some(clip(&quiet(&self.masked(&why.to_string())), 2 * QUOTED).into_owned());
    }

    fn note(&mut self, what: &str, why: &str) {
        let what = clip(&quiet(clip(&self.masked(what), QUOTED).trim()), QUOTED).into_owned();
        let key = (what, self.masked(why).into_owned());
        if let Some(place) = self.dropped.get(&key) {
            self.reading.dropped[*place].times += 1;
        } else if self.reading.dropped.len() < self.bounds.dropped {
            let (what, why) = key.clone();
            self.dropped.insert(key, self.reading.dropped.len());
            self.reading.dropped.push(Dropped { what, why, times: 1 });
        } else {
            self.reading.dropped_more += 1;
        }
    }

    /// Holds every place against its file, and takes out what is not there or there twice.
    pub fn settle(mut self) -> Reading {
        let places = self.places();
        let mut kept = vec![true; places.len()];
        for (at, place) in places.into_iter().enumerate() {
            match place {
                Ok(span) => self.reading.findings[at].finding.span = span,
                Err(why) => {
                    kept[at] = false;
                    let path = self.reading.findings[at].finding.path.shown();
                    self.note(&path, &why);
                }
            }
        }
        self.drop_repeated(&mut kept);
        let mut kept = kept.into_iter();
        self.reading.findings.retain(|_| kept.next().unwrap_or(true));
        self.reading
    }

    /// The place of each finding, or why it is none.
    fn places(&self) -> Vec<Result<Option<Span>, String>> {
        let path = |at: usize| &self.reading.findings[at].finding.path;
        let mut order: Vec<usize> = (0..self.regions.len()).collect();
        order.sort_by_key(|at| path(*at));
        let mut places: Vec<Result<Option<Span>, String>> = vec![Ok(None); order.len()];
        let mut left = self.bounds.lines;
        for of_file in order.chunk_by(|a, b| path(*a) == path(*b)) {
            let regions = || of_file.iter().filter_map(|at| Some((*at, self.regions[*at]?)));
            if regions().next().is_none() {
                continue;
            }
            let content = self.content(path(of_file[0]), &mut left);
            let lines = content.as_deref().map(Lines::of);
            for (at, region) in regions() {
                places[at] = lines.as_ref().map_or_else(|| Ok(Some(region.unseen())), |lines| region.settle(lines));
            }
        }
        places
    }

    /// A file's content; `None` if it is too large, too much has been read, or it cannot be.
    fn content(&self, path: &TreePath, left: &mut u64) -> Option<Vec<u8>> {
        let tree = self.ground.tree;
        let file = tree.find(path)?;
        if !matches!(file.kind, FileKind::Regular | FileKind::Executable) {
            return Some(Vec::new());
        }
        let content = tree.read(file, LINES_BYTES.min(*left)).ok()?;
        *left -= content.len() as u64;
        Some(content)
    }

    /// Of findings that are equal in everything the first stays.
    fn drop_repeated(&self, kept: &mut [bool]) {
        let read = &self.reading.findings;
        let mut order: Vec<usize> = (0..read.len()).filter(|at| kept[*at]).collect();
        let key = |at: &usize| (&read[*at].finding, &read[*at].suppressed, read[*at].tool);
        order.sort_by(|a, b| key(a).cmp(&key(b)).then(Reverse(*b).cmp(&Reverse(*a))));
        for equal in order.chunk_by(|a, b| key(a) == key(b)) {
            for at in &equal[1..] {
                kept[*at] = false;
            }
        }
    }
}

/// One line of text, trimmed and cut.
fn line(text: &str, max: usize) -> String {
    let text: String = clip(text.trim(), max).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.trim().to_owned()
}

/// A message: trimmed, cut, its line endings those of Unix, without what commands a terminal or turns the direction of writing.
fn prose(text: &str, max: usize) -> String {
    let text = clip(text.trim(), max);
    if !text.chars().any(is_hostile) {
        return text.into_owned();
    }
    let keep = |c: &char| matches!(c, '\n' | '\t') || !is_hostile(*c);
    text.chars().filter(keep).collect::<String>().trim().to_owned()
}
