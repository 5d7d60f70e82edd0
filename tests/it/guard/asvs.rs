//! The map from OWASP's ASVS 5.0.0, levels 1 and 2, to what keeps each item: every test that it names is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// How many items levels 1 and 2 have, by chapter.
const ITEMS: [(u8, usize); 17] = [
    (1, 27),
    (2, 11),
    (3, 19),
    (4, 10),
    (5, 9),
    (6, 35),
    (7, 18),
    (8, 7),
    (9, 7),
    (10, 29),
    (11, 14),
    (12, 9),
    (13, 13),
    (14, 9),
    (15, 13),
    (16, 16),
    (17, 7),
];

/// Where suites are that are run over several engines: their tests bear no mark of their own there.
const SUITES: [&str; 1] = ["/src/engine/store/tests/"];

/// How one item is kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// By these tests.
    #[serde(default)]
    tests: Vec<String>,
    /// By the way it is made, which no test can fail.
    by: Option<String>,
    /// It does not apply, and why.
    not: Option<String>,
    /// It applies and is not kept yet, or not wholly.
    open: Option<String>,
}

fn map() -> BTreeMap<String, Kept> {
    let text = include_str!("asvs.toml");
    toml::from_str(text).unwrap()
}

/// The names of all tests in a folder.
fn tests(folder: &Path, found: &mut Vec<String>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let is_suite = SUITES.iter().any(|suite| path.to_string_lossy().contains(suite));
            let text = std::fs::read_to_string(path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim_start) {
                let name = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next());
                if let Some(name) = name.filter(|_| is_test || is_suite) {
                    found.push(name.to_owned());
                }
                // Properties are tests without a mark of their own each.
                is_test = line.starts_with("#[test]") || line.starts_with("#[tokio::test") || (is_test && line.starts_with("#["));
            }
        }
    }
}

#[test]
fn every_test_that_the_map_names_is_in_the_tree() {
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    tests(&top.join("src"), &mut found);
    tests(&top.join("tests/it"), &mut found);
    let missing: Vec<String> = map()
        .iter()
        .flat_map(|(item, kept)| kept.tests.iter().map(move |name| (item, name)))
        .filter(|(_, name)| !found.contains(name))
        .map(|(item, name)| format!("{item}: {name}"))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_item_of_both_levels_is_mapped_in_one_way() {
    let map = map();
    let mut by_chapter = BTreeMap::new();
    for (item, kept) in &map {
        let parts: Vec<u8> = item.split('.').map(|part| part.parse().unwrap_or_else(|_| panic!("`{item}` is no item"))).collect();
        assert_eq!(parts.len(), 3, "`{item}` is no item");
        *by_chapter.entry(parts[0]).or_insert(0_usize) += 1;
        let said = [&kept.by, &kept.not, &kept.open].into_iter().flatten();
        assert!(said.clone().all(|sentence| sentence.len() > 12 && sentence.ends_with('.')), "{item} is kept by half a sentence");
        assert!(!kept.tests.is_empty() || said.count() > 0, "{item} is kept by nothing");
        assert!(kept.not.is_none() || (kept.tests.is_empty() && kept.open.is_none()), "{item} does not apply, and is kept");
    }
    assert_eq!(by_chapter.into_iter().collect::<Vec<_>>(), ITEMS);
    let tested = map.values().filter(|kept| !kept.tests.is_empty()).count();
    let open: Vec<&String> = map.iter().filter(|(_, kept)| kept.open.is_some()).map(|(item, _)| item).collect();
    println!("{} items: {tested} by tests, {} open: {open:?}", map.len(), open.len());
}
