use std::fs;
use std::ops::Bound;

use super::*;

const FIELDS: &[Field] = &[
    Field { name: "text", kind: Kind::Text },
    Field { name: "color", kind: Kind::Keyword { fold: true } },
    Field { name: "group", kind: Kind::Label },
    Field { name: "path", kind: Kind::Column },
    Field { name: "size", kind: Kind::Number },
];

fn entry(key: u128, text: &str, color: &str, size: i64) -> Operation {
    let text_of = |text: &str| Value::Text(text.to_owned());
    let values = vec![
        ("text", text_of(text)),
        ("color", text_of(color)),
        ("group", text_of(if key.is_multiple_of(2) { "even" } else { "odd" })),
        ("path", Value::Text(format!("a/{key}.txt"))),
        ("size", Value::Number(size)),
    ];
    Operation::Put(Entry { key, values })
}

fn search(query: Query) -> Search {
    Search { query, order: Order::By(&[("size", Direction::Ascending)]), limit: 10, after: None, facets: vec![] }
}

fn term(field: &'static str, value: &str) -> Query {
    Query::Term { field, value: value.to_owned() }
}

fn keys(index: &FullText, query: Query) -> Vec<u128> {
    index.search(&search(query)).unwrap().keys
}

fn colors() -> [Operation; 3] {
    [entry(1, "fooBar baz", "Red", 30), entry(2, "foo baz", "red", 20), entry(3, "quux", "Blue", 10)]
}

#[test]
fn an_entry_is_found_from_its_commit_on_and_not_after_it_is_removed() {
    let index = FullText::in_memory(FIELDS);
    index.apply(colors(), 1).unwrap();
    assert_eq!(keys(&index, term("text", "bar")), [1]);
    index.apply([Operation::Remove(1), entry(2, "bar", "red", 20)], 2).unwrap();
    assert_eq!(keys(&index, term("text", "bar")), [2]);
    index.apply([Operation::RemoveAll { field: "group", value: "odd".to_owned() }], 3).unwrap();
    assert_eq!(keys(&index, Query::All), [2]);
    assert_eq!(index.watermark().unwrap(), Some(3.into()));
}

#[test]
fn within_a_batch_the_last_word_on_a_key_holds() {
    let index = FullText::in_memory(FIELDS);
    index.apply([entry(1, "first", "red", 1), entry(1, "second", "red", 1), entry(2, "x", "red", 2), Operation::Remove(2)], 1).unwrap();
    assert_eq!(keys(&index, Query::All), [1]);
    assert_eq!(keys(&index, term("text", "first")), []);
}

#[test]
fn conditions_combine() {
    let index = FullText::in_memory(FIELDS);
    index.apply(colors(), 1).unwrap();
    let phrase = |words: &[&str], is_open| Query::Phrase { field: "text", words: words.iter().map(ToString::to_string).collect(), is_open };
    assert_eq!(keys(&index, phrase(&["bar", "baz"], false)), [1]);
    assert_eq!(keys(&index, phrase(&["foo", "ba"], true)), [2, 1]);
    assert_eq!(keys(&index, Query::Prefix { field: "text", value: "qu".to_owned() }), [3]);
    assert_eq!(keys(&index, term("color", "RED")), [2, 1]);
    assert_eq!(keys(&index, term("path", "a/3.txt")), [3]);
    assert_eq!(keys(&index, Query::Glob { field: "color", glob: Glob::keyword("*e*").unwrap() }), [3, 2, 1]);
    assert_eq!(keys(&index, Query::Not(Box::new(term("color", "red")))), [3]);
    assert_eq!(keys(&index, Query::And(vec![Query::Not(Box::new(term("text", "quux"))), Query::Not(Box::new(term("text", "bar")))])), [2]);
    assert_eq!(keys(&index, Query::Or(vec![])), []);
    assert_eq!(keys(&index, Query::And(vec![])), [3, 2, 1]);
    assert_eq!(keys(&index, Query::Range { field: "size", from: Bound::Excluded(10), to: Bound::Included(20) }), [2]);
    assert_eq!(keys(&index, Query::OneOf { field: "group", values: vec!["even".to_owned()] }), [2]);
}

#[test]
fn a_field_that_cannot_be_asked_so_is_named() {
    let index = FullText::in_memory(FIELDS);
    let failed = index.search(&search(Query::Glob { field: "text", glob: Glob::exactly("x") })).unwrap_err();
    assert!(matches!(failed, Error::Field { field: "text" }));
}

#[test]
fn keywords_are_counted_over_all_hits_and_not_the_page_alone() {
    let index = FullText::in_memory(FIELDS);
    index.apply(colors(), 1).unwrap();
    index.apply([entry(4, "x", "Blue", 5), Operation::Remove(1)], 2).unwrap();
    let hits = index.search(&Search { limit: 1, facets: vec!["color"], ..search(Query::All) }).unwrap();
    assert_eq!(hits.total, 3);
    assert_eq!(hits.facets, [("color", vec![("Blue".to_owned(), 2), ("red".to_owned(), 1)])]);
}

#[test]
fn pages_neither_repeat_nor_hide_what_others_add_in_between() {
    for (direction, first) in [(Direction::Descending, 99), (Direction::Ascending, -1)] {
        let order = Order::By(if first == 99 { &[("size", Direction::Descending)] } else { &[("size", Direction::Ascending)] });
        let index = FullText::in_memory(FIELDS);
        index.apply((1..=20).map(|key| entry(key, "x", "red", (key / 4) as i64)), 1).unwrap();
        let (mut seen, mut after, mut extra) = (Vec::new(), None, 1_000);
        loop {
            let page = index.search(&Search { order, limit: 3, after, ..search(term("text", "x")) }).unwrap();
            seen.extend(page.keys);
            after = page.next;
            if after.is_none() {
                break;
            }
            // Before all others, where the pages have been.
            extra += 1;
            index.apply([entry(extra, "x", "red", first)], 1).unwrap();
        }
        let mut expected: Vec<u128> = (1..=20).collect();
        if direction == Direction::Descending {
            expected.reverse();
        }
        assert_eq!(seen, expected);
    }
}

#[test]
fn the_best_match_comes_first() {
    let index = FullText::in_memory(FIELDS);
    index.apply([entry(1, "rare x x x", "red", 1), entry(2, "x", "red", 2), entry(3, "rare", "red", 3)], 1).unwrap();
    let query = Query::Or(vec![term("text", "rare"), term("text", "x")]);
    let hits = index.search(&Search { order: Order::Score, limit: 2, ..search(query) }).unwrap();
    assert_eq!((hits.keys[0], hits.total, hits.next), (1, 3, None));
}

#[test]
fn an_open_phrase_that_means_too_much_is_refused() {
    let index = FullText::in_memory(FIELDS);
    let words: String = (0..=EXPANSIONS_MAX).map(|n| format!("so w{n:x}q ")).collect();
    index.apply([entry(1, &words, "red", 1)], 1).unwrap();
    let open = |prefix: &str| Query::Phrase { field: "text", words: vec!["so".to_owned(), prefix.to_owned()], is_open: true };
    assert!(matches!(index.search(&search(open("w"))), Err(Error::TooBroad { .. })));
    assert_eq!(keys(&index, open("w1")), [1]);
}

fn kept() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("search");
    let index = FullText::in_directory(&directory, FIELDS);
    assert_eq!(index.open().unwrap(), Opened::Fresh { reason: "there is none yet".to_owned() });
    index.apply(colors(), 7).unwrap();
    assert!(index.rest_if_idle(Duration::ZERO));
    (root, directory)
}

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let (_root, directory) = kept();
    let index = FullText::in_directory(&directory, FIELDS);
    assert_eq!(index.open().unwrap(), Opened::Kept { watermark: Some(7.into()) });
    assert_eq!(keys(&index, term("text", "foo")), [2, 1]);
    index.verify().unwrap();
}

#[test]
fn nothing_is_touched_before_the_first_use() {
    let root = tempfile::tempdir().unwrap();
    let index = FullText::in_directory(root.path().join("search"), FIELDS);
    assert!(!index.rest_if_idle(Duration::ZERO));
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_rested_index_answers_and_is_fed_as_before() {
    let (_root, directory) = kept();
    let index = FullText::in_directory(&directory, FIELDS);
    assert_eq!(keys(&index, term("text", "quux")), [3]);
    assert!(!index.rest_if_idle(Duration::from_secs(3_600)));
    assert!(index.rest_if_idle(Duration::ZERO));
    index.apply([entry(4, "quux", "red", 50)], 8).unwrap();
    assert_eq!(keys(&index, term("text", "quux")), [3, 4]);
}

/// It was an error for ever: nothing had been found that could be called damaged.
#[test]
fn a_file_in_the_place_of_the_index_is_moved_aside() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("search");
    fs::write(&directory, "a file").unwrap();
    let index = FullText::in_directory(&directory, FIELDS);
    assert!(matches!(index.search(&search(Query::All)), Err(Error::Damaged { .. })));
    let Opened::Fresh { reason } = index.open().unwrap() else { panic!("a file is no index") };
    assert!(reason.starts_with("it cannot be entered"), "{reason}");
    assert_eq!(fs::read(directory.with_extension("damaged")).unwrap(), b"a file");
    index.apply(colors(), 9).unwrap();
    assert_eq!(keys(&index, term("text", "quux")), [3]);
}

/// Feeds after whatever `spoil` did to the files, and expects a fresh index that works, the old one beside it.
fn spoiled(spoil: impl Fn(&std::path::Path)) -> String {
    let (_root, directory) = kept();
    spoil(&directory);
    let index = FullText::in_directory(&directory, FIELDS);
    let asked = index.search(&search(Query::All)).unwrap_err();
    assert!(matches!(asked, Error::Damaged { .. }), "{asked}");
    let Opened::Fresh { reason } = index.open().unwrap() else { panic!("damage was not seen") };
    assert!(directory.with_extension("damaged").exists());
    assert_eq!(index.watermark().unwrap(), None);
    index.apply(colors(), 9).unwrap();
    assert_eq!(keys(&index, term("text", "quux")), [3]);
    reason
}

fn files_with(directory: &std::path::Path, extension: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn an_index_that_is_taken_away_while_it_is_in_use_is_begun_anew() {
    let take: [fn(&std::path::Path); 3] = [
        |directory| fs::remove_dir_all(directory).unwrap(),
        |directory| {
            fs::remove_dir_all(directory).unwrap();
            fs::write(directory, "a file").unwrap();
        },
        |directory| fs::write(directory.join("meta.json"), b"").unwrap(),
    ];
    for take in take {
        let (_root, directory) = kept();
        let index = FullText::in_directory(&directory, FIELDS);
        assert_eq!(keys(&index, term("text", "quux")), [3]);
        take(&directory);
        assert!(matches!(index.open().unwrap(), Opened::Fresh { .. }));
        index.apply(colors(), 9).unwrap();
        assert_eq!(keys(&index, term("text", "quux")), [3]);
        assert_eq!(index.open().unwrap(), Opened::Kept { watermark: Some(9.into()) });
    }
}

#[test]
fn an_index_that_lost_or_garbled_a_file_is_begun_anew() {
    spoiled(|directory| fs::remove_file(directory.join("meta.json")).unwrap());
    spoiled(|directory| fs::write(directory.join("meta.json"), b"{").unwrap());
    spoiled(|directory| fs::write(directory.join("meta.json"), b"\xff\xfe").unwrap());
    spoiled(|directory| fs::write(directory.join(".managed.json"), b"[[").unwrap());
    for extension in ["idx", "term", "pos", "fast", "store"] {
        spoiled(|directory| fs::remove_file(&files_with(directory, extension)[0]).unwrap());
        spoiled(|directory| fs::write(&files_with(directory, extension)[0], b"short").unwrap());
        spoiled(|directory| fs::write(&files_with(directory, extension)[0], b"").unwrap());
    }
    spoiled(|directory| {
        let meta = fs::read_to_string(directory.join("meta.json")).unwrap();
        fs::write(directory.join("meta.json"), meta.replace("\"payload\": \"7 0\"", "\"payload\": \"seven\"")).unwrap();
    });
}

#[test]
fn an_index_of_another_version_is_begun_anew() {
    let other: &[Field] = &FIELDS[..3];
    let (_root, directory) = kept();
    let index = FullText::in_directory(&directory, other);
    assert!(matches!(index.open().unwrap(), Opened::Fresh { reason } if reason.contains("another version")));
    let newer = spoiled(|directory| {
        for path in files_with(directory, "idx") {
            let bytes = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let at = text.rfind("\"index_format_version\":").expect("the foot of the file names its format");
            let mut bytes = bytes;
            let from_end = text.len() - at - "\"index_format_version\":".len();
            let place = bytes.len() - from_end;
            bytes[place] = b'9';
            fs::write(&path, bytes).unwrap();
        }
    });
    assert!(!newer.is_empty());
}

#[test]
fn a_bit_that_turned_is_found_by_its_checksum() {
    let (_root, directory) = kept();
    let path = &files_with(&directory, "pos")[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 0x40;
    fs::write(path, bytes).unwrap();
    let index = FullText::in_directory(&directory, FIELDS);
    assert!(matches!(index.verify(), Err(Error::Damaged { .. })));
    assert!(matches!(index.search(&search(Query::All)), Err(Error::Damaged { .. })));
    assert!(matches!(index.open().unwrap(), Opened::Fresh { .. }));
}

#[test]
fn turned_bits_never_end_the_process() {
    let (_root, directory) = kept();
    for extension in ["idx", "term", "pos", "fast"] {
        let path = &files_with(&directory, extension)[0];
        let whole = fs::read(path).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x11;
            fs::write(path, &bytes).unwrap();
            let index = FullText::in_directory(&directory, FIELDS);
            for query in [term("text", "foo"), term("color", "red"), Query::Prefix { field: "text", value: "q".to_owned() }] {
                let _ = index.search(&Search { facets: vec!["color"], ..search(query) });
            }
        }
        fs::write(path, &whole).unwrap();
    }
}

#[test]
fn an_entry_is_replaced_whether_or_not_the_index_began_here() {
    let (_root, directory) = kept();
    for _ in 0..2 {
        let index = FullText::in_directory(&directory, FIELDS);
        for text in ["once", "twice"] {
            index.apply([entry(1, text, "red", 1)], 8).unwrap();
            assert_eq!(keys(&index, Query::All).len(), 3);
        }
        index.rest_if_idle(Duration::ZERO);
    }
}

#[test]
fn a_second_writer_is_told_and_a_dead_one_is_not_waited_for() {
    let (_root, directory) = kept();
    // The lock file that a killed process leaves behind holds no lock.
    fs::write(directory.join(".tantivy-writer.lock"), b"").unwrap();
    let first = FullText::in_directory(&directory, FIELDS);
    first.apply([entry(4, "x", "red", 1)], 8).unwrap();
    let second = FullText::in_directory(&directory, FIELDS);
    assert!(matches!(second.apply([entry(5, "x", "red", 1)], 9), Err(Error::Locked)));
    first.rest_if_idle(Duration::ZERO);
    second.apply([entry(5, "x", "red", 1)], 9).unwrap();
}

#[test]
fn a_batch_that_cannot_be_written_changes_nothing_and_can_be_repeated() {
    let (_root, directory) = kept();
    let index = FullText::in_directory(&directory, FIELDS);
    let panics = std::iter::once_with(|| panic!("the caller's own fault"));
    assert!(matches!(index.apply([entry(4, "x", "red", 1)].into_iter().chain(panics), 8), Err(Error::Write { .. })));
    assert_eq!(index.watermark().unwrap(), Some(7.into()));
    assert_eq!(keys(&index, Query::All).len(), 3);
    index.apply([entry(4, "x", "red", 1)], 8).unwrap();
    assert_eq!(keys(&index, Query::All).len(), 4);
}
