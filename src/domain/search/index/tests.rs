use proptest::prelude::*;

use super::super::{matches, parse, query::tests::asts};
use super::*;
use crate::base::name::TreePath;
use crate::domain::issues::IssueState;
use crate::domain::issues::finding::{Kind, Severity};

const NOW: Timestamp = Timestamp::EPOCH;
const DAY: Duration = Duration::from_secs(86_400);

fn document(number: u128) -> Document {
    Document {
        issue: IssueId::from_u128(number),
        repo: RepoId::from_u128(1),
        slug: "acme/app".to_owned(),
        rule: "no-unused".to_owned(),
        kind: Kind::Style,
        severity: Severity::Minor,
        source: "eslint".to_owned(),
        state: IssueState::Open,
        is_new: false,
        author: None,
        branches: vec!["main".to_owned()],
        path: TreePath::new("src/a.rs"),
        message: "fooBar is never read".to_owned(),
        line_text: Some("let foo_bar = 1;".to_owned()),
        first_seen_at: NOW,
    }
}

fn put(document: Document) -> Change {
    Change::Put(Box::new(document))
}

fn fed(documents: impl IntoIterator<Item = Document>) -> SearchIndex {
    let index = SearchIndex::in_memory();
    index.apply(documents.into_iter().map(put), 1).unwrap();
    index
}

fn ask(index: &SearchIndex, query: &str, scope: &Scope, sort: Sort) -> Found {
    let query = parse(query).unwrap();
    index.search(&Question { query: &query, scope, sort, limit: Limit::MAX, after: None, now: NOW }).unwrap()
}

fn numbers(index: &SearchIndex, query: &str) -> Vec<u128> {
    ask(index, query, &Scope::All, Sort::Oldest).ids.into_iter().map(Id::as_u128).collect()
}

#[test]
fn words_are_looked_for_in_message_rule_path_and_line() {
    let index = fed([document(1)]);
    for found in ["bar", "FOOBAR", "foo_bar", "unused", "no-unused", "src/a.rs", "\"never read\"", "let", "rea*", "\"bar is\""] {
        assert_eq!(numbers(&index, found), [1], "{found}");
    }
    for missed in ["\"read no\"", "eslint", "oba", "acme", "reads"] {
        assert_eq!(numbers(&index, missed), [], "{missed}");
    }
}

#[test]
fn what_is_new_is_open_as_well() {
    let new = Document { is_new: true, ..document(2) };
    let fixed = Document { is_new: true, state: IssueState::Fixed, ..document(3) };
    let index = fed([document(1), new, fixed]);
    assert_eq!(numbers(&index, "state:new"), [2]);
    assert_eq!(numbers(&index, "state:open"), [1, 2]);
    let state = |word: &str, count| (word.to_owned(), count);
    assert_eq!(ask(&index, "", &Scope::All, Sort::Newest).facets["state"], [state("open", 2), state("fixed", 1), state("new", 1)]);
}

#[test]
fn a_repository_is_named_with_its_owner_or_without() {
    let index = fed([document(1), Document { slug: "Other/App".to_owned(), ..document(2) }]);
    assert_eq!(numbers(&index, "repo:app"), [1, 2]);
    assert_eq!(numbers(&index, "repo:other/app"), [2]);
    assert_eq!(numbers(&index, "repo:acme/*"), [1]);
    assert_eq!(numbers(&index, "repo:ap"), []);
}

#[test]
fn a_scope_hides_what_lies_outside_from_hits_total_and_facets() {
    let secret = Document { repo: RepoId::from_u128(2), slug: "acme/secret".to_owned(), ..document(2) };
    let index = fed([document(1), secret]);
    let found = ask(&index, "", &Scope::Repos(vec![RepoId::from_u128(1)]), Sort::Newest);
    assert_eq!((found.ids, found.total), (vec![IssueId::from_u128(1)], 1));
    assert_eq!(found.facets["repo"], [("acme/app".to_owned(), 1)]);
    assert_eq!(ask(&index, "", &Scope::Repos(vec![]), Sort::Newest).total, 0);
    assert_eq!(ask(&index, "-nothing OR repo:secret", &Scope::Repos(vec![RepoId::from_u128(1)]), Sort::Newest).total, 1);
}

#[test]
fn a_repository_is_taken_away_with_all_its_issues() {
    let index = fed([document(1), Document { repo: RepoId::from_u128(2), ..document(2) }]);
    index.apply([Change::RemoveRepo(RepoId::from_u128(1)), Change::Remove(IssueId::from_u128(9))], 2).unwrap();
    assert_eq!(numbers(&index, ""), [2]);
    assert_eq!(index.watermark().unwrap(), Some(2.into()));
}

#[test]
fn each_order_is_what_its_name_says() {
    let of = |number, severity, days| Document { severity, first_seen_at: NOW + DAY * days, ..document(number) };
    let index = fed([of(1, Severity::Info, 5), of(2, Severity::Blocker, 1), of(3, Severity::Blocker, 2), of(4, Severity::Info, 5)]);
    let ids = |sort| ask(&index, "", &Scope::All, sort).ids.into_iter().map(Id::as_u128).collect::<Vec<_>>();
    assert_eq!(ids(Sort::Newest), [4, 1, 3, 2]);
    assert_eq!(ids(Sort::Oldest), [2, 3, 1, 4]);
    assert_eq!(ids(Sort::Severity), [3, 2, 4, 1]);
}

#[test]
fn pages_follow_one_another_though_issues_come_in_between() {
    let index = fed((1..=60).map(|number| Document { first_seen_at: NOW + DAY * (number as u32 / 7), ..document(number) }));
    let (query, mut seen, mut after, mut number) = (Ast::All, Vec::new(), None, 1_000);
    loop {
        let question =
            Question { query: &query, scope: &Scope::All, sort: Sort::Newest, limit: Limit::new(7), after: after.as_ref(), now: NOW };
        let found = index.search(&question).unwrap();
        seen.extend(found.ids.into_iter().map(Id::as_u128));
        number += 1;
        index.apply([put(Document { first_seen_at: NOW + DAY * 100, ..document(number) })], 2).unwrap();
        after = found.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (1..=60).rev().collect::<Vec<u128>>());
}

#[test]
fn a_cursor_of_another_order_is_refused() {
    let index = fed((1..=3).map(document));
    let ask = |sort, after: Option<&Cursor>| {
        index.search(&Question { query: &Ast::All, scope: &Scope::All, sort, limit: Limit::new(1), after, now: NOW })
    };
    let next = ask(Sort::Newest, None).unwrap().next.unwrap();
    assert!(ask(Sort::Newest, Some(&next)).is_ok());
    assert!(matches!(ask(Sort::Oldest, Some(&next)), Err(Error::Cursor(_))));
    assert!(matches!(ask(Sort::Newest, Some(&Cursor::new(vec![0; 5]))), Err(Error::Cursor(_))));
}

#[test]
fn endless_texts_are_searched_as_far_as_they_count() {
    let endless = Document {
        message: format!("first {} last", "x ".repeat(100_000)),
        line_text: Some("y".repeat(100_000)),
        path: TreePath::new(vec![b'z'; 100_000]),
        ..document(1)
    };
    let index = fed([endless]);
    assert_eq!(numbers(&index, "first"), [1]);
    assert_eq!(numbers(&index, "last"), []);
    assert_eq!(numbers(&index, "path:z*"), [1]);
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let texts: &'static [&'static str] =
        &["foo bar", "fooBar baz", "FOO_BAR a", "baz foo", "no e501", "", "a a a", "src/a.rs foo", "foobar_baz rs"];
    let paths: &'static [&'static str] = &["src/a.rs", "src/b/a.rs", "a.rs", "lib/no.rs", "src/a b.rs", "SRC/A.rs"];
    let rules: &'static [&'static str] = &["E501", "no-unused", "a", "b/a", "*"];
    let names: &'static [&'static str] = &["main", "A", "a/b", "dev"];
    let pick = |from: &'static [&'static str]| proptest::sample::select(from).prop_map(str::to_owned);
    let what = (pick(texts), pick(rules), pick(paths), proptest::option::of(pick(texts)), pick(names));
    let who = (
        proptest::option::of(pick(names)),
        proptest::collection::vec(pick(names), 0..3),
        proptest::sample::select(&["acme/app", "Acme/APP", "b/a"][..]),
    );
    let how = (
        proptest::sample::select(&Kind::ALL[..4]),
        proptest::sample::select(Severity::ALL),
        proptest::sample::select(IssueState::ALL),
        any::<bool>(),
        -30_i64..3,
    );
    let one = (what, who, how).prop_map(|(what, who, how)| Document {
        message: what.0,
        rule: what.1,
        path: TreePath::new(what.2),
        line_text: what.3,
        source: what.4,
        author: who.0,
        branches: who.1,
        slug: who.2.to_owned(),
        kind: how.0,
        severity: how.1,
        state: how.2,
        is_new: how.3,
        // Whole half-days, so that ages meet their bounds.
        first_seen_at: Timestamp::from_millis(how.4 * 43_200_000),
        ..document(0)
    });
    proptest::collection::vec(one, 1..25).prop_map(|mut all| {
        all.iter_mut().enumerate().for_each(|(number, document)| document.issue = IssueId::from_u128(number as u128));
        all
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The heart: what a query finds in the index is what it means.
    #[test]
    fn the_index_finds_what_the_query_means(all in documents(), queries in proptest::collection::vec(asts(), 16), second in 0_usize..25) {
        let index = SearchIndex::in_memory();
        // In two batches, so that there are two segments, with some documents replaced: there is what is deleted.
        let (early, late) = all.split_at(second.min(all.len()));
        let stale = all.iter().take(all.len() / 2).map(|document| Document { message: "foo bar baz a no".to_owned(), ..document.clone() });
        index.apply(early.iter().cloned().chain(stale).map(put), 1).unwrap();
        index.apply(late.iter().chain(early).cloned().map(put), 2).unwrap();
        for query in queries {
            let question = Question { query: &query, scope: &Scope::All, sort: Sort::Newest, limit: Limit::MAX, after: None, now: NOW };
            let found = index.search(&question).unwrap();
            let mut ids = found.ids;
            ids.sort_unstable();
            let meant: Vec<IssueId> = all.iter().filter(|document| matches(&query, document, NOW)).map(|document| document.issue).collect();
            prop_assert_eq!(&ids, &meant, "{}", query);
            prop_assert_eq!(found.total, meant.len() as u64);
        }
    }
}
