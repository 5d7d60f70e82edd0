//! `duplication`: code that stands in two places, each of which is told of the other.
//!
//! | rule | says |
//! |---|---|
//! | `duplicate` | these lines stand elsewhere as well, token for token |
//! | `not-compared` | the tree is too large to be compared as a whole |
//!
//! Alike are two runs of [`MIN_TOKENS`] tokens or more over [`MIN_LINES`] lines or more that differ in white space and comments at most.
//! Names and values count: what differs in them has been thought about, and telling of it is right too seldom.
//!
//! The one idea is two passes. The first makes [prints](prints::of) of every file; what no print is shared of is in no long run, and that
//! is nearly everything. The second looks at the rest token by token and finds every repetition in [linear time](suffixes). The tokens of
//! a tree of some size are kept between the two, those of a larger one read anew. Prints are a pure function of path and bytes, so that
//! whoever keeps them by blob spares the first pass.
//!
//! It is quiet about what nobody would mend: [what is not written by hand](scope), [imports](stream), tables of values and rows of equal
//! lines ([places]). Code that moves is one place before and after. A finding's fingerprint is made of the tokens alone, so that it is
//! known again wherever they go.

pub mod places;
pub mod prints;
mod say;
pub mod scope;
pub mod stream;
pub mod suffixes;

use super::{Builtin, OfTree, Wants};
use crate::domain::issues::finding::Finding;
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::tokens::Language;
use places::Corpus;
use prints::{GRAM, Print, WINDOW};
use stream::Piece;

/// The fewest tokens that are worth a word.
pub const MIN_TOKENS: usize = 70;
/// The fewest lines of code that are.
pub const MIN_LINES: usize = 8;
/// How many times as much it takes between two tests.
pub const TESTS_FACTOR: usize = 2;
/// The most prints of a tree: those of some six million lines.
pub const MAX_PRINTS: usize = 4 << 20;
/// How many tokens are kept from the first look to the second, sixteen bytes each: those of a quarter of a million lines.
pub const MAX_KEPT: usize = 2 << 20;
/// The most tokens that are compared one by one: a million lines of which every one has its like.
pub const MAX_COMPARED: usize = 6 << 20;

/// The built-in check `duplication`.
#[derive(Debug, Clone, Copy)]
pub struct Duplication;

impl Builtin for Duplication {
    fn name(&self) -> &'static str {
        "duplication"
    }

    fn version(&self) -> u32 {
        2
    }

    fn wants(&self, _: &TreeFile, _: u64) -> Wants {
        Wants::Nothing
    }

    fn file(&self, _: &TreeFile, _: u64, _: &[u8]) -> Vec<Finding> {
        Vec::new()
    }

    fn tree(&self, tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<OfTree> {
        let findings = compare(tree, Limits { prints: MAX_PRINTS, kept: MAX_KEPT, tokens: MAX_COMPARED }, cancel)?;
        Ok(OfTree { findings, unread: Vec::new() })
    }
}

/// How much is compared at most.
#[derive(Debug, Clone, Copy)]
struct Limits {
    prints: usize,
    kept: usize,
    tokens: usize,
}

/// A file after the first look.
struct Printed<'a> {
    file: &'a TreeFile,
    prints: Vec<Print>,
    tests_from: u32,
    /// Its tokens, unless too many are kept.
    pieces: Option<Vec<Piece>>,
}

/// Compares all files of a tree.
fn compare(tree: &dyn Tree, limits: Limits, cancel: &dyn Fn() -> bool) -> git::Result<Vec<Finding>> {
    let mut printed: Vec<Printed<'_>> = Vec::new();
    let (mut held, mut kept, mut left_out) = (0, 0, Vec::new());
    for file in tree.files() {
        if cancel() {
            return Ok(Vec::new());
        }
        let Some((language, content)) = source(tree, file)? else { continue };
        let pieces = stream::compared(language, &content);
        let prints = prints::of(&pieces);
        if held + prints.len() > limits.prints {
            left_out.push(file);
        } else if !prints.is_empty() {
            held += prints.len();
            let pieces = Some(pieces).filter(|pieces| kept + pieces.len() <= limits.kept);
            kept += pieces.as_ref().map_or(0, Vec::len);
            printed.push(Printed { file, prints, tests_from: scope::tests_from(&file.path, &content), pieces });
        }
    }
    let shared = shared(&printed);
    let mut corpus = Corpus::default();
    let mut files: Vec<&TreeFile> = Vec::new();
    for Printed { file, prints, tests_from, pieces } in &printed {
        if cancel() {
            return Ok(Vec::new());
        }
        let spans = spans(prints, &shared);
        if spans.is_empty() {
            continue;
        }
        let read = match pieces {
            Some(_) => None,
            None => source(tree, file)?.map(|(language, content)| stream::compared(language, &content)),
        };
        let Some(pieces) = pieces.as_ref().or(read.as_ref()) else { continue };
        let wanted: usize = spans.iter().map(|(begin, end)| end - begin + 1).sum();
        if corpus.tokens() + wanted > limits.tokens {
            left_out.push(file);
            continue;
        }
        let number = corpus.begin(*tests_from);
        files.push(file);
        for (begin, end) in spans {
            if let Some(run) = pieces.get(begin..end.min(pieces.len())).filter(|run| !run.is_empty()) {
                corpus.add(number, run);
            }
        }
    }
    drop((printed, shared));
    let are_apart = |a: usize, b: usize| !scope::are_twins(&files[a].path, &files[b].path);
    let places = corpus.places(&are_apart, cancel);
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(say::findings(&files, places, &left_out))
}

/// The language and content of a file that is compared. One that cannot be read now is waited for, one that never can is left out.
fn source(tree: &dyn Tree, file: &TreeFile) -> git::Result<Option<(&'static Language, Vec<u8>)>> {
    if !matches!(file.kind, FileKind::Regular | FileKind::Executable) || Language::of(&file.path).is_none() {
        return Ok(None);
    }
    let read = || {
        let Some(language) = scope::language(&file.path, tree.size(file)?) else { return Ok(None) };
        Ok(Some((language, tree.read(file, scope::MAX_FILE)?)))
    };
    match read() {
        Ok(Some((language, content))) if scope::is_by_hand(&content) => Ok(Some((language, content))),
        Err(error) if git::Error::is_transient(&error) => Err(error),
        _ => Ok(None),
    }
}

/// The hashes of prints that there are several of, ascending.
fn shared(printed: &[Printed<'_>]) -> Vec<u64> {
    let mut hashes: Vec<u64> = printed.iter().flat_map(|printed| printed.prints.iter().map(|print| print.hash)).collect();
    hashes.sort_unstable();
    let mut shared: Vec<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    shared.dedup();
    shared
}

/// The tokens around shared prints, as far as a run may go that has no other print.
fn spans(prints: &[Print], shared: &[u64]) -> Vec<(usize, usize)> {
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for print in prints.iter().filter(|print| shared.binary_search(&print.hash).is_ok()) {
        let at = print.at as usize;
        let (begin, end) = (at.saturating_sub(WINDOW), at + GRAM + WINDOW);
        match spans.last_mut() {
            Some(last) if begin <= last.1 => last.1 = end,
            _ => spans.push((begin, end)),
        }
    }
    spans
}

#[cfg(test)]
mod tests;
