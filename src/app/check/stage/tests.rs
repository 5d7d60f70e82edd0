//! What a run writes down, apart from what it finds.

use std::collections::BTreeMap;

use super::*;
use crate::base::id::{Id, Ids, RepoId};
use crate::base::name::{CommitSha, TreePath};
use crate::base::time::Timestamp;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::standing::{Chunk, ChunkRef, Occurrence, nodes};
use crate::domain::issues::track::Fingerprint;
use crate::engine::store::Store;
use proptest::prelude::*;

fn repo() -> RepoId {
    RepoId::from_u128(1)
}

/// Issues by file: its number, and how severe.
type Files = BTreeMap<u8, Vec<(u8, Severity)>>;

/// What stands at a commit with these issues, held against `base`; staged, but for its counts.
fn standing(store: &Store, number: u8, files: &Files, base: Option<&Standing>) -> Standing {
    let occurrence = |(issue, severity): &(u8, Severity)| Occurrence {
        issue: IssueId::from_u128(u128::from(*issue)),
        fingerprint: Fingerprint::from_bytes([*issue; 16]),
        rule: "rule".to_owned(),
        kind: Kind::Bug,
        severity: *severity,
        message: String::new(),
        span: None,
        excerpt: None,
        conceals: false,
        text: None,
        block: None,
        hint: None,
    };
    let chunks: Vec<Chunk> = files
        .iter()
        .map(|(file, issues)| {
            let path = TreePath::new(format!("file{file}"));
            Chunk::new(repo(), path, "tool".to_owned(), issues.iter().map(occurrence).collect())
        })
        .collect();
    let refs = chunks
        .iter()
        .map(|chunk| ChunkRef {
            path: chunk.path.clone(),
            source: chunk.source.clone(),
            of_tree: false,
            part: 0,
            occurrences: u16::try_from(chunk.occurrences.len()).unwrap(),
            chunk: chunk.id,
        })
        .collect();
    let (bits, nodes) = nodes(repo(), refs, base.map(|base| base.bits));
    let names = nodes.iter().map(|(bucket, node)| (*bucket, node.id)).collect();
    let rows: Vec<Staged> = chunks.into_iter().map(Staged::Chunk).chain(nodes.into_values().map(Staged::Node)).collect();
    store.write(move |tx| issues::stage(tx, &rows)).unwrap();
    Standing {
        repo: repo(),
        sha: CommitSha::from_bytes([number; 20]),
        tree: [number; 16],
        base: base.map(|base| base.sha),
        sources: Vec::new(),
        bits,
        nodes: names,
        counts: Counts::default(),
        at: Timestamp::EPOCH,
    }
}

/// The counts as the words say, from all that stands at both.
fn recount(before: Option<&Files>, after: &Files) -> Counts {
    let all = |files: &Files| -> BTreeMap<u8, Severity> { files.values().flatten().copied().collect() };
    let (before, after, is_based) = (before.map(all).unwrap_or_default(), all(after), before.is_some());
    let mut counts = Counts { fixed: before.keys().filter(|issue| !after.contains_key(issue)).count() as u64, ..Counts::default() };
    for (issue, severity) in &after {
        counts.open += 1;
        counts.open_by_severity[*severity as usize] += 1;
        if is_based && !before.contains_key(issue) {
            counts.new += 1;
            counts.new_by_severity[*severity as usize] += 1;
        }
    }
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn counts_taken_from_the_difference_are_those_of_a_recount(
        commits in prop::collection::vec(
            prop::collection::btree_map(0..60_u8, (0..12_u8, prop::sample::select(Severity::ALL)), 0..60),
            1..6,
        ),
    ) {
        let store = Store::in_memory(crate::app::schema::schema(), Ids::system(), Box::new(|_| {})).unwrap();
        let mut before: Option<(Standing, Files)> = None;
        for (number, issues) in (0..).zip(commits) {
            let mut files = Files::new();
            for (issue, (file, severity)) in issues {
                files.entry(file).or_default().push((issue, severity));
            }
            let base = before.as_ref().map(|(base, _)| base);
            let mut standing = standing(&store, number, &files, base);
            standing.counts = counts(&store.read().unwrap(), base, &standing).unwrap();
            prop_assert_eq!(standing.counts, recount(before.as_ref().map(|(_, files)| files), &files));
            before = Some((standing, files));
        }
    }
}
