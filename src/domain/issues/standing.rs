//! What stands at a commit: immutable chunks of occurrences, shared by all commits that have them.
//!
//! A chunk holds what one source says of one file, under the hash of its content. A node holds the names of some chunks, those whose
//! paths fall into one bucket; a [`Standing`], one row a commit, holds the names of the nodes. A commit that changes ten files of two
//! thousand writes ten chunks and at most ten nodes, and shares the rest with its base. The difference of two commits is found by
//! comparing names.
//!
//! The number of buckets is a power of two that grows with the number of chunks, so that a node stays small; a standing that follows
//! another keeps the other's number as long as it is not far off, since buckets of another number share nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::finding::{Finding, Kind, Severity, Span};
use super::identify::Located;
use super::track::{Block, Fingerprint, Known, Mark, Place};
use crate::base::id::{IssueId, RepoId};
use crate::base::name::{CommitSha, TreePath};
use crate::base::time::Timestamp;
use crate::engine::git::tree::TreeFile;
use crate::engine::store::{AnyIndex, Index, ReadTx, Record, Result, Scan, WriteTx};

/// The name of a chunk or node: the first half of the SHA-256 of its content.
pub type ContentId = [u8; 16];

/// The most occurrences of one chunk; a file with more has several.
pub const CHUNK_OCCURRENCES: usize = 200;
/// The most occurrences that all checks together may leave at a commit. Each has a smaller bound of its own.
pub const MOST_AT_A_COMMIT: usize = 100_000;
/// How many chunks a node holds on the whole.
const NODE_CHUNKS: usize = 32;
/// The most buckets, as a power of two.
const BITS_MAX: u8 = 12;

/// A finding at a commit, with its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Which issue it is.
    pub issue: IssueId,
    /// By what it is recognised when it comes back.
    pub fingerprint: Fingerprint,
    /// The rule that speaks.
    pub rule: String,
    /// What sort of shortcoming.
    pub kind: Kind,
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The lines; `None` is the whole file.
    pub span: Option<Span>,
    /// The first line, trimmed, without what is concealed.
    pub excerpt: Option<String>,
    /// Whether what its span covers must not be shown.
    pub conceals: bool,
    /// The first line's content, for tracking.
    pub text: Option<Mark>,
    /// That line with those around it, for tracking.
    pub block: Option<Block>,
    /// The tool's own fingerprint, for tracking.
    pub hint: Option<Mark>,
}

/// What one source says of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The repository.
    pub repo: RepoId,
    /// Its name.
    pub id: ContentId,
    /// The file.
    pub path: TreePath,
    /// The plugin or tool.
    pub source: String,
    /// What it found there.
    pub occurrences: Vec<Occurrence>,
}

impl Chunk {
    /// The chunk of this content, under its name.
    pub fn new(repo: RepoId, path: TreePath, source: String, occurrences: Vec<Occurrence>) -> Chunk {
        let content = postcard::to_stdvec(&(&path, &source, &occurrences)).expect("plain values in memory can always be encoded");
        Chunk { repo, id: name_of(&content), path, source, occurrences }
    }

    /// The places that must not be shown.
    pub fn concealed(&self) -> impl Iterator<Item = Span> + '_ {
        self.occurrences.iter().filter(|occurrence| occurrence.conceals).filter_map(|occurrence| occurrence.span)
    }

    /// Its occurrences as tracking sees them.
    pub fn known(&self) -> impl Iterator<Item = Known> + '_ {
        self.occurrences.iter().map(|occurrence| Known { place: self.place(occurrence), issue: occurrence.issue })
    }

    /// Its occurrences as if they were found now, whichever issues they were.
    pub fn found(&self, of_tree: bool) -> impl Iterator<Item = Located> + '_ {
        self.occurrences.iter().map(move |occurrence| Located {
            source: self.source.clone(),
            of_tree,
            finding: Finding {
                rule: occurrence.rule.clone(),
                message: occurrence.message.clone(),
                path: self.path.clone(),
                span: occurrence.span,
                kind: occurrence.kind,
                severity: occurrence.severity,
                // The place has its mark.
                fingerprint: None,
            },
            place: self.place(occurrence),
            excerpt: occurrence.excerpt.clone(),
            conceals: occurrence.conceals,
        })
    }

    fn place(&self, occurrence: &Occurrence) -> Place {
        Place {
            path: self.path.clone(),
            span: occurrence.span,
            source: self.source.clone(),
            rule: occurrence.rule.clone(),
            message: Mark::of(occurrence.message.as_bytes()),
            shape: Mark::of(super::track::shape::shape(&occurrence.message).as_bytes()),
            text: occurrence.text,
            block: occurrence.block.clone(),
            hint: occurrence.hint,
        }
    }
}

fn name_of(content: &[u8]) -> ContentId {
    let digest = Sha256::digest(content);
    std::array::from_fn(|at| digest[at])
}

impl Record for Chunk {
    const TABLE: &'static str = "chunks";
    const VERSION: u16 = 1;
    type Key = (RepoId, ContentId);

    fn key(&self) -> (RepoId, ContentId) {
        (self.repo, self.id)
    }
}

/// A chunk by name, and what one must know of it without reading it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChunkRef {
    /// The file.
    pub path: TreePath,
    /// The plugin or tool.
    pub source: String,
    /// Whether it is of what only the tree as a whole says, which is judged anew at each commit.
    pub of_tree: bool,
    /// Which of several, where a file has more occurrences than fit one.
    pub part: u16,
    /// How many occurrences it holds.
    pub occurrences: u16,
    /// Its name.
    pub chunk: ContentId,
}

/// The chunks of one bucket, by path and source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The repository.
    pub repo: RepoId,
    /// Its name.
    pub id: ContentId,
    /// The chunks, ascending.
    pub chunks: Vec<ChunkRef>,
}

impl Record for Node {
    const TABLE: &'static str = "nodes";
    const VERSION: u16 = 1;
    type Key = (RepoId, ContentId);

    fn key(&self) -> (RepoId, ContentId) {
        (self.repo, self.id)
    }
}

/// How many, by severity from the least.
pub type BySeverity = [u64; Severity::ALL.len()];

/// How many issues a commit has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// There, the new ones included.
    pub open: u64,
    /// There, and not in the base.
    pub new: u64,
    /// In the base, and not there.
    pub fixed: u64,
    /// Those there by severity.
    pub open_by_severity: BySeverity,
    /// The new ones by severity.
    pub new_by_severity: BySeverity,
}

/// A plugin and its version: what was judged by another version is judged anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceVersion {
    /// The plugin.
    pub source: String,
    /// Its version, with whatever of its settings bears on the result.
    pub version: String,
}

/// What stands at a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The repository.
    pub repo: RepoId,
    /// The commit.
    pub sha: CommitSha,
    /// The name of the commit's files, all of them: see [`tree_name`].
    pub tree: ContentId,
    /// The commit it is held against; `None` at the first analysed one, where nothing is new.
    pub base: Option<CommitSha>,
    /// What looked at it.
    pub sources: Vec<SourceVersion>,
    /// How many buckets, as a power of two.
    pub bits: u8,
    /// The nodes by bucket; empty buckets are left out.
    pub nodes: Vec<(u16, ContentId)>,
    /// How many issues.
    pub counts: Counts,
    /// When it was analysed.
    pub at: Timestamp,
}

impl Record for Standing {
    const TABLE: &'static str = "standings";
    const VERSION: u16 = 1;
    type Key = (RepoId, CommitSha);

    fn key(&self) -> (RepoId, CommitSha) {
        (self.repo, self.sha)
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_TREE]
    }
}

/// Standings by the files of their commits.
const BY_TREE: Index<Standing, (RepoId, ContentId)> = Index::on("by_tree", |standing| (standing.repo, standing.tree));

/// A name for all files of a tree, which another tree has only if it is the same.
pub fn tree_name(files: &[TreeFile]) -> ContentId {
    let mut hash = Sha256::new();
    for file in files {
        hash.update((file.path.as_bytes().len() as u64).to_be_bytes());
        hash.update(file.path.as_bytes());
        hash.update([file.kind as u8]);
        hash.update(file.blob.as_bytes());
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}

/// What stands at commits of these files, at most `limit`.
pub fn of_tree(tx: &ReadTx, repo: RepoId, tree: ContentId, limit: usize) -> Result<Vec<Standing>> {
    tx.find(&BY_TREE.exactly(&(repo, tree)), limit)
}

/// The nodes that hold these chunks, in as many buckets as `like` has if that is not far off.
pub fn nodes(repo: RepoId, chunks: Vec<ChunkRef>, like: Option<u8>) -> (u8, BTreeMap<u16, Node>) {
    let bits = bits_for(chunks.len(), like);
    let mut buckets: BTreeMap<u16, Vec<ChunkRef>> = BTreeMap::new();
    for chunk in chunks {
        buckets.entry(bucket(&chunk.path, bits)).or_default().push(chunk);
    }
    let node = |mut chunks: Vec<ChunkRef>| {
        chunks.sort();
        let content = postcard::to_stdvec(&chunks).expect("plain values in memory can always be encoded");
        Node { repo, id: name_of(&content), chunks }
    };
    (bits, buckets.into_iter().map(|(at, chunks)| (at, node(chunks))).collect())
}

fn bits_for(chunks: usize, like: Option<u8>) -> u8 {
    let wanted = (0..BITS_MAX).find(|bits| chunks <= NODE_CHUNKS << bits).unwrap_or(BITS_MAX);
    match like {
        // Within a factor of four either way a node is still of a good size, and everything stays shared.
        Some(like) if like.abs_diff(wanted) <= 2 => like,
        _ => wanted,
    }
}

fn bucket(path: &TreePath, bits: u8) -> u16 {
    let digest = Sha256::digest(path.as_bytes());
    u16::from_be_bytes([digest[0], digest[1]]) & ((1_u32 << bits) - 1) as u16
}

/// The chunks of a standing.
pub fn chunk_refs(tx: &ReadTx, standing: &Standing) -> Result<Vec<ChunkRef>> {
    let mut refs = Vec::new();
    for (_, node) in &standing.nodes {
        refs.extend(tx.get::<Node>(&(standing.repo, *node))?.map(|node| node.chunks).unwrap_or_default());
    }
    Ok(refs)
}

/// The chunks that only one of two standings has: those of the first alone, those of the second alone.
pub fn difference(tx: &ReadTx, a: &Standing, b: &Standing) -> Result<(Vec<ChunkRef>, Vec<ChunkRef>)> {
    let only = |these: &Standing, those: &Standing| -> Result<BTreeSet<ChunkRef>> {
        let shared: BTreeSet<ContentId> = those.nodes.iter().map(|(_, node)| *node).collect();
        let mut refs = BTreeSet::new();
        for (_, node) in these.nodes.iter().filter(|(_, node)| !shared.contains(node)) {
            refs.extend(tx.get::<Node>(&(these.repo, *node))?.map(|node| node.chunks).unwrap_or_default());
        }
        Ok(refs)
    };
    let (of_a, of_b) = (only(a, b)?, only(b, a)?);
    Ok((of_a.difference(&of_b).cloned().collect(), of_b.difference(&of_a).cloned().collect()))
}

/// The chunks of these names.
pub fn load(tx: &ReadTx, repo: RepoId, refs: &[ChunkRef]) -> Result<Vec<Chunk>> {
    let mut chunks = Vec::with_capacity(refs.len());
    for chunk in refs {
        chunks.extend(tx.get::<Chunk>(&(repo, chunk.chunk))?);
    }
    Ok(chunks)
}

/// What is concealed at a commit in these files, by file.
pub fn concealed(tx: &ReadTx, standing: &Standing, paths: &BTreeSet<TreePath>) -> Result<BTreeMap<TreePath, Vec<Span>>> {
    let mut refs = chunk_refs(tx, standing)?;
    refs.retain(|chunk| paths.contains(&chunk.path));
    let mut concealed: BTreeMap<TreePath, Vec<Span>> = BTreeMap::new();
    for chunk in load(tx, standing.repo, &refs)? {
        let spans: Vec<Span> = chunk.concealed().collect();
        if !spans.is_empty() {
            concealed.entry(chunk.path).or_default().extend(spans);
        }
    }
    Ok(concealed)
}

/// An occurrence with the file and source it belongs to.
#[derive(Debug, Clone)]
pub struct Standee {
    /// The file.
    pub path: TreePath,
    /// The plugin or tool.
    pub source: String,
    /// The finding.
    pub occurrence: Occurrence,
}

/// What two standings differ in, by identity.
#[derive(Debug, Clone, Default)]
pub struct Turnover {
    /// Issues of the second that the first does not have.
    pub added: Vec<Standee>,
    /// Issues of the first that the second does not have.
    pub gone: Vec<Standee>,
    /// Issues of both whose occurrence is another one, as the second has it, with the file the first has it in.
    pub changed: Vec<(TreePath, Standee)>,
    /// How many occurrences each has in chunks that the other lacks, by severity: of the first, of the second.
    pub unshared: (BySeverity, BySeverity),
}

/// Compares two standings by the identities in them; `None` before stands for nothing at all.
pub fn turnover(tx: &ReadTx, before: Option<&Standing>, after: &Standing) -> Result<Turnover> {
    let (old, new) = match before {
        Some(before) => difference(tx, before, after)?,
        None => (Vec::new(), chunk_refs(tx, after)?),
    };
    let spread = |chunks: Vec<Chunk>| -> Vec<Standee> {
        chunks
            .into_iter()
            .flat_map(|chunk| {
                let Chunk { path, source, occurrences, .. } = chunk;
                occurrences.into_iter().map(move |occurrence| Standee { path: path.clone(), source: source.clone(), occurrence })
            })
            .collect()
    };
    let mut turnover = Turnover::default();
    let mut gone = HashMap::new();
    for standee in spread(load(tx, after.repo, &old)?) {
        turnover.unshared.0[standee.occurrence.severity as usize] += 1;
        gone.insert(standee.occurrence.issue, standee);
    }
    for standee in spread(load(tx, after.repo, &new)?) {
        turnover.unshared.1[standee.occurrence.severity as usize] += 1;
        match gone.remove(&standee.occurrence.issue) {
            None => turnover.added.push(standee),
            Some(was) if was.path != standee.path || was.occurrence != standee.occurrence => turnover.changed.push((was.path, standee)),
            Some(_) => {}
        }
    }
    turnover.gone = gone.into_values().collect();
    turnover.gone.sort_by_key(|standee| standee.occurrence.issue);
    Ok(turnover)
}

/// Removes rows of a deleted repository, at most `limit`; answers how many.
pub(super) fn erase(tx: &mut WriteTx, repo: RepoId, limit: usize) -> Result<usize> {
    let mut erased = tx.remove_all(&Scan::<Standing>::prefix(repo), limit)?;
    erased += tx.remove_all(&Scan::<Node>::prefix(repo), limit - erased)?;
    erased += tx.remove_all(&Scan::<Chunk>::prefix(repo), limit - erased)?;
    Ok(erased)
}
