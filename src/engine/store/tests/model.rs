//! The store against a plain map: random verbs, some of which fail, in random batches, and every way to look.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::base::page::Limit;

#[derive(Debug, Clone)]
enum Change {
    Put(Note),
    Remove(u32),
    RemoveOwner(String, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    Refused,
    Panicked,
}

type Model = BTreeMap<u32, Note>;

fn some_note() -> impl Strategy<Value = Note> {
    let owner = prop::sample::select(vec!["", "a", "a\0", "ab", "b"]);
    (0_u32..24, owner, -2_i64..3, prop::option::of(-1_i64..4), prop::collection::vec(0_u8..4, 0..3), ".{0,12}")
        .prop_map(|(id, owner, rank, due, tags, body)| Note { id, owner: owner.to_owned(), rank, due, tags, body })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => some_note().prop_map(Change::Put),
        2 => (0_u32..24).prop_map(Change::Remove),
        1 => (prop::sample::select(vec!["a", "ab"]), 0_usize..4).prop_map(|(owner, limit)| Change::RemoveOwner(owner.to_owned(), limit)),
    ]
}

fn verb() -> impl Strategy<Value = (Vec<Change>, End)> {
    let end = prop_oneof![4 => Just(End::Well), 1 => Just(End::Refused), 1 => Just(End::Panicked)];
    (prop::collection::vec(change(), 0..6), end)
}

fn apply(tx: &mut WriteTx, change: &Change) -> Result<()> {
    match change {
        Change::Put(note) => tx.put(note),
        Change::Remove(id) => tx.remove::<Note>(id).map(drop),
        Change::RemoveOwner(owner, limit) => tx.remove_all(&BY_OWNER.prefix(owner.clone()), *limit).map(drop),
    }
}

fn apply_to_model(model: &mut Model, change: &Change) {
    match change {
        Change::Put(note) => drop(model.insert(note.id, note.clone())),
        Change::Remove(id) => drop(model.remove(id)),
        Change::RemoveOwner(owner, limit) => {
            let owned = |note: &Note| (note.owner == *owner).then_some((note.owner.clone(), note.rank));
            for id in index_of(model, owned).into_iter().take(*limit) {
                model.remove(&id);
            }
        }
    }
}

/// The rows in the order of an index of `key`.
fn index_of<K: Ord>(model: &Model, key: impl Fn(&Note) -> Option<K>) -> Vec<u32> {
    let mut entries: Vec<(K, u32)> = model.values().filter_map(|note| Some((key(note)?, note.id))).collect();
    entries.sort();
    entries.into_iter().map(|(_, id)| id).collect()
}

fn paged(tx: &ReadTx, scan: &Scan<Note>, limit: usize) -> Vec<u32> {
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = tx.page(&scan.clone().after(cursor.as_ref()), Limit::new(limit)).unwrap();
        seen.extend(ids(&page.items));
        cursor = page.next;
        if cursor.is_none() {
            return seen;
        }
    }
}

fn assert_looks_like(tx: &ReadTx, model: &Model, limit: usize) {
    assert_eq!(tx.find(&Scan::<Note>::all(), 1_000).unwrap(), model.values().cloned().collect::<Vec<_>>());
    let mut tagged: Vec<(u8, u32)> = model.values().flat_map(|note| note.tags.iter().map(|tag| (*tag, note.id))).collect();
    tagged.sort_unstable();
    tagged.dedup();
    let scans: [(Scan<Note>, Vec<u32>); 5] = [
        (Scan::all(), model.keys().copied().collect()),
        (BY_OWNER.all(), index_of(model, |note| Some((note.owner.clone(), note.rank)))),
        (BY_OWNER.prefix("a".to_owned()), index_of(model, |note| (note.owner == "a").then_some(note.rank))),
        (BY_DUE.all(), index_of(model, |note| note.due)),
        (BY_TAG.all(), tagged.iter().map(|(_, id)| *id).collect()),
    ];
    for (scan, expected) in scans {
        assert_eq!(paged(tx, &scan, limit), expected);
        let reversed: Vec<u32> = expected.into_iter().rev().collect();
        assert_eq!(paged(tx, &scan.reversed(), limit), reversed);
    }
    for tag in 0..4 {
        assert_eq!(tx.count(&BY_TAG.exactly(&tag), 1_000).unwrap(), tagged.iter().filter(|(t, _)| *t == tag).count());
    }
}

fn run(store: &Opened, batches: &[Vec<(Vec<Change>, End)>], limit: usize) {
    let mut model = Model::new();
    for batch in batches {
        let before = model.clone();
        let reader = store.read().unwrap();
        let verbs = batch.iter().map(|(changes, end)| -> BoxedVerb<()> {
            let mut within = model.clone();
            changes.iter().for_each(|change| apply_to_model(&mut within, change));
            if *end == End::Well {
                model.clone_from(&within);
            }
            let (changes, end) = (changes.clone(), *end);
            Box::new(move |tx| {
                changes.iter().try_for_each(|change| apply(tx, change))?;
                assert_looks_like(tx, &within, limit);
                match end {
                    End::Well => Ok(()),
                    End::Refused => Err(Failure::Refused),
                    End::Panicked => panic_quietly("a bug"),
                }
            })
        });
        let answers = in_one_batch(store, verbs.collect());
        for (answer, (_, end)) in answers.iter().zip(batch) {
            match (answer, end) {
                (Ok(()), End::Well) | (Err(Failure::Refused), End::Refused) => {}
                (Err(Failure::Store(Error::Panicked { message })), End::Panicked) if message == "a bug" => {}
                other => panic!("{other:?}"),
            }
        }
        assert_looks_like(&reader, &before, limit);
        assert_looks_like(&store.read().unwrap(), &model, limit);
    }
    assert_verified(store);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_behave_as_a_plain_map(
        batches in prop::collection::vec(prop::collection::vec(verb(), 1..5), 1..6),
        limit in 1_usize..8,
    ) {
        run(&in_memory(), &batches, limit);
        run(&on_redb_in_memory(), &batches, limit);
    }
}
