//! From findings to occurrences: which issue each finding is, and the chunks and nodes that say so.
//!
//! What is given is the difference to the commit that identities are taken from: the files that changed, what is now found in them, and
//! what stood in them. Files that did not change keep their chunks, unread. So the work is proportional to the change.

use std::collections::{BTreeMap, BTreeSet};

use super::conceal::Veil;
use super::finding::Finding;
use super::standing::{self, CHUNK_OCCURRENCES, Chunk, ChunkRef, Node, Occurrence};
use super::track::{self, FileChange, Fingerprint, Known, LineIndex, Place};
use crate::base::id::{IssueId, RepoId};
use crate::base::name::TreePath;

/// A finding with what tracking and people look at: the lines around it.
#[derive(Debug, Clone)]
pub struct Located {
    /// The plugin or tool.
    pub source: String,
    /// Whether only the tree as a whole says it.
    pub of_tree: bool,
    /// What it says.
    pub finding: Finding,
    /// What tracking compares.
    pub place: Place,
    /// The first line, trimmed, without what is concealed.
    pub excerpt: Option<String>,
    /// Whether what its span covers must not be shown.
    pub conceals: bool,
}

/// A file as findings are looked up in it.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Its lines.
    pub lines: &'a LineIndex<'a>,
    /// What must not be shown of them.
    pub veil: &'a Veil,
}

impl Located {
    /// Looks up the lines of a finding in its file; `None` if the file was not or could not be read.
    pub fn new(source: &str, of_tree: bool, finding: Finding, file: Option<File<'_>>) -> Located {
        let place = Place::of(source, &finding, file.map(|file| file.lines));
        let quote = |line: u32| file?.lines.excerpt(line, file?.veil);
        let excerpt = place.line().and_then(quote).filter(|excerpt| !excerpt.is_empty());
        Located { source: source.to_owned(), of_tree, finding, place, excerpt, conceals: false }
    }

    /// The same as one that conceals what it covers.
    pub fn concealing(source: &str, of_tree: bool, finding: Finding, file: Option<File<'_>>) -> Located {
        let own = finding.span;
        let with_own = file.map(|file| {
            let mut veil = file.veil.clone();
            veil.extend(own);
            (file.lines, veil)
        });
        let file = with_own.as_ref().map(|(lines, veil)| File { lines, veil });
        Located { conceals: true, ..Located::new(source, of_tree, finding, file) }
    }
}

/// Everything the decision looks at.
pub struct Evidence<'a> {
    /// What is found now in files that changed, and what the tree as a whole says.
    pub found: Vec<Located>,
    /// What stood in those files, and what the tree as a whole said.
    pub known: Vec<Known>,
    /// The files that changed.
    pub changes: &'a [FileChange<'a>],
    /// The chunks of files that did not change.
    pub kept: Vec<ChunkRef>,
    /// How many buckets the base has.
    pub bits: Option<u8>,
}

/// Which findings are which: the identities that the diff tells, and for the others what to ask the past for.
pub struct Identified {
    found: Vec<Located>,
    issues: Vec<Option<IssueId>>,
    fingerprints: Vec<Fingerprint>,
    kept: Vec<ChunkRef>,
    bits: Option<u8>,
}

/// The rows of a standing, but for the standing itself.
pub struct Rows {
    /// The chunks that are new.
    pub chunks: Vec<Chunk>,
    /// All nodes by bucket.
    pub nodes: BTreeMap<u16, Node>,
    /// How many buckets.
    pub bits: u8,
}

/// Compares findings with what stood there.
pub fn identify(evidence: Evidence<'_>) -> Identified {
    let Evidence { mut found, known, changes, kept, bits } = evidence;
    // One order whatever order a tool spoke in, so that the same findings make the same chunks.
    found.sort_by(|a, b| (&a.finding, &a.source, a.of_tree).cmp(&(&b.finding, &b.source, b.of_tree)));
    let places: Vec<Place> = found.iter().map(|located| located.place.clone()).collect();
    let tracked = track::track(&known, &places, changes);
    let fingerprints = track::fingerprints(&places);
    Identified { issues: tracked.head.into_iter().map(|known| known.map(|known| known.issue)).collect(), found, fingerprints, kept, bits }
}

impl Identified {
    /// The fingerprints of findings that the diff does not know: they are new, or come back.
    pub fn unknown(&self) -> impl Iterator<Item = Fingerprint> + '_ {
        self.issues.iter().zip(&self.fingerprints).filter(|(issue, _)| issue.is_none()).map(|(_, fingerprint)| *fingerprint)
    }

    /// Settles the identities: what `past` knows by fingerprint comes back, what it does not is given an id by `mint`.
    pub fn settle(self, repo: RepoId, mut past: impl FnMut(Fingerprint) -> Option<IssueId>, mut mint: impl FnMut() -> IssueId) -> Rows {
        let mut taken: BTreeSet<IssueId> = self.issues.iter().flatten().copied().collect();
        let mut groups: BTreeMap<(TreePath, String, bool), Vec<Occurrence>> = BTreeMap::new();
        for ((located, issue), fingerprint) in self.found.into_iter().zip(self.issues).zip(self.fingerprints) {
            let issue = issue.or_else(|| past(fingerprint).filter(|issue| !taken.contains(issue))).unwrap_or_else(&mut mint);
            taken.insert(issue);
            let Located { source, of_tree, finding, place, excerpt, conceals } = located;
            groups.entry((finding.path, source, of_tree)).or_default().push(Occurrence {
                issue,
                fingerprint,
                rule: finding.rule,
                kind: finding.kind,
                severity: finding.severity,
                message: finding.message,
                span: finding.span,
                excerpt,
                conceals,
                text: place.text,
                block: place.block,
                hint: place.hint,
            });
        }
        let mut chunks = Vec::new();
        let mut refs = self.kept;
        for ((path, source, of_tree), occurrences) in groups {
            for (part, occurrences) in (0..).zip(occurrences.chunks(CHUNK_OCCURRENCES)) {
                let chunk = Chunk::new(repo, path.clone(), source.clone(), occurrences.to_vec());
                let held = u16::try_from(occurrences.len()).expect("a chunk has at most as many as one may have");
                refs.push(ChunkRef { path: path.clone(), source: source.clone(), of_tree, part, occurrences: held, chunk: chunk.id });
                chunks.push(chunk);
            }
        }
        let (bits, nodes) = standing::nodes(repo, refs, self.bits);
        Rows { chunks, nodes, bits }
    }
}
