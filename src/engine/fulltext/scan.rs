//! A pattern over a column of texts: first over the column's dictionary, where each text stands once, then over the entries' numbers.
//!
//! A column costs less than a term dictionary with its lists of entries, and a pattern that matches half of all paths is as quick as one
//! that matches few: no list of entries is read for each.

use std::io;
use std::time::Instant;

use tantivy::columnar::{Column, StrColumn};
use tantivy::query::{ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{BitSet, DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError};

use super::glob::Glob;
use super::words;

/// How many texts are looked at between two looks at the clock.
const TEXTS_BETWEEN_LOOKS: u32 = 4_096;

/// What a scan that took too long says; `Error::from` knows it again.
pub(super) const TOO_SLOW: &str = "the time for this query is over";

/// A pattern over a column of texts.
#[derive(Debug, Clone)]
pub(super) struct ScanQuery {
    pub field: &'static str,
    pub glob: Glob,
    pub fold: bool,
    pub deadline: Instant,
}

impl Query for ScanQuery {
    fn weight(&self, _: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(ScanWeight(self.clone())))
    }
}

struct ScanWeight(ScanQuery);

impl Weight for ScanWeight {
    fn scorer(&self, reader: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let Some(texts) = reader.fast_fields().str(self.0.field)? else { return Ok(Box::new(EmptyScorer)) };
        let (wanted, count) = self.wanted(&texts)?;
        if count == 0 {
            return Ok(Box::new(EmptyScorer));
        }
        let share = count as u64 * u64::from(reader.max_doc()) / (texts.num_terms() as u64).max(1);
        let mut scan = Scan { numbers: texts.ords().clone(), wanted, doc: 0, max_doc: reader.max_doc(), share: share as u32 };
        scan.settle();
        Ok(Box::new(ConstScorer::new(scan, boost)))
    }

    fn explain(&self, _: &SegmentReader, _: DocId) -> tantivy::Result<Explanation> {
        Ok(Explanation::new("a pattern over a column", 1.0))
    }
}

impl ScanWeight {
    /// The numbers of the texts that match, and how many they are.
    fn wanted(&self, texts: &StrColumn) -> io::Result<(BitSet, usize)> {
        let ScanQuery { glob, fold, deadline, .. } = &self.0;
        let mut wanted = BitSet::with_max_value(u32::try_from(texts.num_terms()).map_err(io::Error::other)?);
        // Case is gone in the pattern, not in the column: there the beginning says nothing.
        if let (Some(text), false) = (glob.literal(), fold) {
            if let Some(number) = texts.dictionary().term_ord(text)? {
                wanted.insert(number as u32);
            }
            return Ok((wanted.clone(), wanted.len()));
        }
        let prefix = if *fold { &[] } else { glob.prefix() };
        let mut stream = texts.dictionary().prefix_range(prefix).into_stream()?;
        let mut until_look = TEXTS_BETWEEN_LOOKS;
        while stream.advance() {
            let matches = if *fold {
                glob.matches(words::fold(&String::from_utf8_lossy(stream.key())).as_bytes())
            } else {
                glob.matches(stream.key())
            };
            if matches {
                wanted.insert(stream.term_ord() as u32);
            }
            until_look -= 1;
            if until_look == 0 {
                until_look = TEXTS_BETWEEN_LOOKS;
                if Instant::now() > *deadline {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, TOO_SLOW));
                }
            }
        }
        let count = wanted.len();
        Ok((wanted, count))
    }
}

/// The entries whose text is wanted, one after the other.
struct Scan {
    numbers: Column<u64>,
    wanted: BitSet,
    doc: DocId,
    max_doc: DocId,
    /// About how many will come.
    share: u32,
}

impl Scan {
    /// Moves on from where it stands to an entry that is wanted.
    fn settle(&mut self) -> DocId {
        while self.doc < self.max_doc {
            if self.numbers.values_for_doc(self.doc).any(|number| self.wanted.contains(number as u32)) {
                return self.doc;
            }
            self.doc += 1;
        }
        self.doc = TERMINATED;
        TERMINATED
    }
}

impl DocSet for Scan {
    fn advance(&mut self) -> DocId {
        if self.doc != TERMINATED {
            self.doc += 1;
        }
        self.settle()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        if target > self.doc {
            self.doc = target;
        }
        self.settle()
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.share
    }

    fn cost(&self) -> u64 {
        u64::from(self.max_doc)
    }
}

/// Whether this is the error of a scan that took too long.
pub(super) fn is_too_slow(error: &TantivyError) -> bool {
    matches!(error, TantivyError::IoError(error) if error.kind() == io::ErrorKind::TimedOut)
}
