//! Rows, indexes, scans and pages.

use super::*;
use crate::base::page::{Cursor, Limit};
use crate::engine::store::key::RowKey;

on_both_engines! {
    a_row_reads_back_until_it_is_removed
    a_row_is_found_by_each_of_its_indexes
    a_changed_row_leaves_its_old_places_in_every_index
    a_removed_row_leaves_every_index
    a_prefix_finds_what_begins_with_it_and_nothing_else
    exactly_finds_one_key_alone
    a_reversed_scan_is_the_same_rows_last_first
    pages_show_every_row_once_though_rows_come_and_go
    a_cursor_of_another_list_leads_nowhere_else
    counting_stops_at_the_cap
    removing_a_scan_takes_at_most_the_limit
    ids_ascend
}

fn a_row_reads_back_until_it_is_removed(store: &Opened) {
    put(store, [note(1, "ada")]);
    assert_eq!(store.read().unwrap().get::<Note>(&1).unwrap(), Some(note(1, "ada")));
    assert!(write(store, |tx| tx.remove::<Note>(&1)));
    assert!(!write(store, |tx| tx.remove::<Note>(&1)));
    let tx = store.read().unwrap();
    assert_eq!(tx.get::<Note>(&1).unwrap(), None);
    assert!(!tx.has::<Note>(&1).unwrap());
}

fn a_row_is_found_by_each_of_its_indexes(store: &Opened) {
    put(store, [Note { due: Some(-5), tags: vec![3, 1, 3], ..note(7, "ada") }, note(8, "bob")]);
    assert_eq!(found(store, &BY_OWNER.all()), [7, 8]);
    assert_eq!(found(store, &BY_DUE.all()), [7], "a row without a key there is not in the index");
    assert_eq!(found(store, &BY_TAG.all()), [7, 7], "once under each of its keys");
    assert_eq!(found(store, &BY_TAG.exactly(&3)), [7]);
    assert_verified(store);
}

fn a_changed_row_leaves_its_old_places_in_every_index(store: &Opened) {
    put(store, [Note { due: Some(1), tags: vec![1, 2], ..note(1, "ada") }]);
    put(store, [Note { due: None, tags: vec![2, 3], ..note(1, "bob") }]);
    assert_eq!(found(store, &BY_OWNER.prefix("ada".to_owned())), [0_u32; 0]);
    assert_eq!(found(store, &BY_OWNER.prefix("bob".to_owned())), [1]);
    assert_eq!(found(store, &BY_DUE.all()), [0_u32; 0]);
    assert_eq!([1, 2, 3].map(|tag| found(store, &BY_TAG.exactly(&tag)).len()), [0, 1, 1]);
    assert_verified(store);
    // And within one verb, there and back again.
    write(store, |tx| {
        tx.put(&Note { due: Some(9), tags: vec![9], ..note(1, "cyd") })?;
        tx.put(&Note { due: None, tags: vec![2, 3], ..note(1, "bob") })
    });
    assert_eq!(found(store, &BY_OWNER.all()), [1]);
    assert_verified(store);
}

fn a_removed_row_leaves_every_index(store: &Opened) {
    put(store, [Note { due: Some(1), tags: vec![1, 2], ..note(1, "ada") }]);
    write(store, |tx| tx.remove::<Note>(&1));
    for scan in [BY_OWNER.all(), BY_DUE.all(), BY_TAG.all()] {
        assert_eq!(found(store, &scan), [0_u32; 0]);
    }
    assert_verified(store);
}

fn a_prefix_finds_what_begins_with_it_and_nothing_else(store: &Opened) {
    put(store, [note(1, "ad"), note(2, "ada"), note(3, "ada"), note(4, "adaa"), note(5, "ada\0"), note(6, "")]);
    assert_eq!(found(store, &BY_OWNER.prefix("ada".to_owned())), [2, 3]);
    assert_eq!(found(store, &BY_OWNER.prefix(String::new())), [6]);
    assert_eq!(found(store, &Scan::from_key(&4)), [4, 5, 6]);
}

fn exactly_finds_one_key_alone(store: &Opened) {
    put(store, [Note { rank: -1, ..note(1, "ada") }, Note { rank: 1, ..note(2, "ada") }, Note { rank: 1, ..note(3, "ada") }]);
    assert_eq!(found(store, &BY_OWNER.exactly(&("ada".to_owned(), 1))), [2, 3]);
    assert_eq!(found(store, &BY_OWNER.exactly(&("ada".to_owned(), 0))), [0_u32; 0]);
}

fn a_reversed_scan_is_the_same_rows_last_first(store: &Opened) {
    put(store, (0..20).map(|id| note(id, if id % 2 == 0 { "even" } else { "odd" })));
    for scan in [Scan::all(), BY_OWNER.all(), BY_OWNER.prefix("odd".to_owned()), Scan::from_key(&15)] {
        let mut forward = found(store, &scan);
        forward.reverse();
        assert_eq!(found(store, &scan.reversed()), forward);
    }
    assert_eq!(store.read().unwrap().first(&Scan::<Note>::all().reversed()).unwrap().unwrap().id, 19);
}

/// Walks a scan page by page, calling `between` after each page.
fn walk(store: &Opened, scan: &Scan<Note>, limit: usize, mut between: impl FnMut(usize)) -> Vec<u32> {
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = store.read().unwrap().page(&scan.clone().after(cursor.as_ref()), Limit::new(limit)).unwrap();
        assert!(page.items.len() <= limit);
        seen.extend(ids(&page.items));
        // The cursor travels as text.
        let Some(next) = page.next else { return seen };
        cursor = Some(next.to_string().parse::<Cursor>().unwrap());
        between(pages);
        pages += 1;
    }
}

fn pages_show_every_row_once_though_rows_come_and_go(store: &Opened) {
    for reversed in [false, true] {
        put(store, (0..30).map(|id| note(id * 10, "ada")));
        for (scan, limit) in [(Scan::all(), 1), (Scan::all(), 7), (BY_OWNER.prefix("ada".to_owned()), 10), (BY_OWNER.all(), 30)] {
            let scan = if reversed { scan.reversed() } else { scan };
            let seen = walk(store, &scan, limit, |page| {
                // One row before, one behind, wherever the page ended, and one of the new ones goes again.
                let id = u32::try_from(page % 30).unwrap() * 10;
                put(store, [note(id + 1, "ada"), note(295 - id, "ada"), note(id + 2, "zoe")]);
                write(store, move |tx| tx.remove::<Note>(&(id + 2)));
            });
            let mut once = seen.clone();
            once.sort_unstable();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "no row twice");
            assert!((0..30).all(|id| once.contains(&(id * 10))), "no row missed: {once:?}");
            assert!(if reversed { seen.is_sorted_by(|a, b| a > b) } else { seen.is_sorted() });
        }
        write(store, |tx| tx.remove_all(&Scan::<Note>::all(), 10_000));
    }
    assert_verified(store);
}

fn a_cursor_of_another_list_leads_nowhere_else(store: &Opened) {
    put(store, [note(1, "ada"), note(2, "bob"), note(3, "cyd")]);
    let bobs = BY_OWNER.prefix("bob".to_owned());
    for place in [vec![], vec![0], vec![0xff; 40], "ada".to_owned().to_key(), ("cyd".to_owned(), 3_i64).to_key()] {
        for scan in [bobs.clone(), bobs.clone().reversed()] {
            let seen = found(store, &scan.after(Some(&Cursor::new(place.clone()))));
            assert!(seen.is_empty() || seen == [2], "{place:?}: {seen:?}");
        }
    }
}

fn counting_stops_at_the_cap(store: &Opened) {
    put(store, (0..12).map(|id| note(id, "ada")));
    let tx = store.read().unwrap();
    assert_eq!([0, 5, 12, 100].map(|cap| tx.count(&BY_OWNER.all(), cap).unwrap()), [0, 5, 12, 12]);
}

fn removing_a_scan_takes_at_most_the_limit(store: &Opened) {
    put(store, (0..12).map(|id| note(id, "ada")));
    let gone = write(store, |tx| Ok([tx.remove_all(&BY_OWNER.all(), 5)?, tx.remove_all(&BY_OWNER.all(), 50)?]));
    assert_eq!(gone, [5, 7]);
    assert_verified(store);
}

fn ids_ascend(store: &Opened) {
    use crate::base::id::WorkId;
    let now = Timestamp::from_millis(1_000);
    let first: WorkId = write(store, move |tx| Ok(tx.new_id(now)));
    let second: WorkId = write(store, move |tx| Ok(tx.new_id(Timestamp::EPOCH)));
    assert!(first < second, "though the clock stepped back");
}
