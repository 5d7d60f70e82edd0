use std::sync::Arc;

use super::*;
use crate::base::id::Ids;
use crate::engine::store::{Schema, Store, TableSpec};

fn store() -> Store {
    let schema = Schema { number: 1, tables: vec![TableSpec::of::<Entry>(), TableSpec::of::<Checkpoint>()], migrations: &[] };
    Store::in_memory(schema, Ids::seeded(1), Box::new(|_| {})).unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn deed(n: u64) -> Deed {
    let who = Who { name: Some(if n.is_multiple_of(2) { "Ada" } else { "eve" }.to_owned()), ..Who::of(ActorKind::User) };
    let action = if n.is_multiple_of(3) { Action::TokenCreated } else { Action::SignedIn };
    let outcome = if n.is_multiple_of(5) { Outcome::Refused { code: "forbidden".to_owned() } } else { Outcome::Done };
    Deed { actor: who, action, subject: None, outcome, changes: Vec::new(), unrecorded: 0 }
}

/// A trail of so many entries, one each second.
fn filled(entries: u64) -> Store {
    let store = store();
    for n in 1..=entries {
        store.write(move |tx| record(tx, deed(n), at(n as i64 * 1_000))).unwrap();
    }
    store
}

fn lines(store: &Store) -> Vec<String> {
    let tx = store.read().unwrap();
    let beginning = checkpoint(&tx).unwrap().map(|checkpoint| checkpoint_line(&checkpoint));
    let entries = from_number(&tx, 0, 10_000).unwrap();
    beginning.into_iter().chain(entries.iter().map(|entry| Line::of(entry).text())).collect()
}

fn verify(lines: &[String]) -> Result<Option<Verified>, Fault> {
    let mut verifier = Verifier::default();
    for line in lines {
        verifier.take(line)?;
    }
    Ok(verifier.verified())
}

fn numbers(page: &Page<Entry>) -> Vec<u64> {
    page.items.iter().map(|entry| entry.number).collect()
}

#[test]
fn an_entry_is_hashed_in_a_form_that_others_can_make() {
    let store = store();
    let full = Deed {
        actor: Who {
            kind: ActorKind::Token,
            id: Some("tok_1".to_owned()),
            name: Some("ci \"x\"\u{1b}ä".to_owned()),
            user: Some("ada".to_owned()),
            address: Some("192.0.2.7".to_owned()),
        },
        action: Action::RepositoryChanged,
        subject: Some(Subject { kind: SubjectKind::Repository, id: Some("repo_1".to_owned()), name: Some("local/app".to_owned()) }),
        outcome: Outcome::Refused { code: "forbidden".to_owned() },
        changes: vec![Changed { field: "private".to_owned(), before: Some("true".to_owned()), after: None }],
        unrecorded: 3,
    };
    store.write(move |tx| record(tx, full.clone(), at(1_000))).unwrap();
    let line = lines(&store).remove(0);
    let body = "{\"number\":1,\"at\":\"1970-01-01T00:00:01Z\",\"actor\":{\"kind\":\"token\",\"id\":\"tok_1\",\"name\":\"ci \\\"x\\\"\\u001bä\",\
                \"user\":\"ada\",\"address\":\"192.0.2.7\"},\"action\":\"repository_changed\",\"subject\":{\"kind\":\"repository\",\
                \"id\":\"repo_1\",\"name\":\"local/app\"},\"outcome\":\"refused\",\"code\":\"forbidden\",\"changes\":[{\"field\":\"private\",\
                \"before\":\"true\",\"after\":null}],\"unrecorded\":3,\
                \"prev\":\"0000000000000000000000000000000000000000000000000000000000000000\"}";
    assert_eq!(line, format!("{},\"hash\":\"{}\"}}", &body[..body.len() - 1], Digest::of(body.as_bytes())));
}

#[test]
fn any_byte_of_a_trail_that_is_changed_is_found_at_its_entry() {
    let whole = lines(&filled(4));
    assert_eq!(verify(&whole).unwrap().unwrap().entries, 4);
    for (n, line) in whole.iter().enumerate() {
        for place in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[place] = if bytes[place] == b'1' { b'2' } else { b'1' };
            let mut bent = whole.clone();
            bent[n] = String::from_utf8(bytes).unwrap();
            if bent[n] == *line {
                continue;
            }
            let fault = verify(&bent).unwrap_err();
            assert_eq!(fault.line, n as u64 + 1, "byte {place} of line {n}: {fault}");
        }
    }
}

#[test]
fn an_entry_that_is_taken_out_put_in_or_moved_is_found() {
    let whole = lines(&filled(5));
    let fault = |lines: Vec<String>| verify(&lines).unwrap_err();
    let without: Vec<String> = whole.iter().enumerate().filter(|(n, _)| *n != 2).map(|(_, line)| line.clone()).collect();
    assert_eq!(fault(without), Fault { line: 3, number: Some(4), kind: FaultKind::OutOfOrder { expected: 3 } });
    let mut moved = whole.clone();
    moved.swap(1, 2);
    assert_eq!((fault(moved).line, whole.len()), (2, 5));
    // One that was made anew, as whoever can write the store would, is not what the next one follows.
    let mut forged = whole.clone();
    let mut entry: Line = serde_json::from_str(&whole[2]).unwrap();
    entry.actor.name = Some("nobody".to_owned());
    entry.hash = Some(entry.digest().to_string());
    forged[2] = entry.text();
    assert!(matches!(fault(forged), Fault { line: 4, number: Some(4), kind: FaultKind::Unchained { .. } }));
    assert_eq!(fault(vec!["{}".to_owned()]).kind, FaultKind::NotAnEntry);
    assert_eq!(fault(vec![String::new()]).to_string(), "line 1 is not an entry of a trail");
}

#[test]
fn a_part_of_a_trail_is_verified_as_a_part() {
    let whole = lines(&filled(5));
    let part = verify(&whole[2..]).unwrap().unwrap();
    assert_eq!((part.first, part.last.0, part.entries, part.is_whole), (3, 5, 3, false));
    assert!(verify(&whole).unwrap().unwrap().is_whole);
    assert_eq!(verify(&[]).unwrap(), None);
    let noted = Digest::parse(serde_json::from_str::<Line>(&whole[1]).unwrap().hash.as_deref().unwrap());
    for (lines, misses) in [(&whole[..], false), (&whole[2..], true)] {
        let mut verifier = Verifier::seeking(noted);
        lines.iter().for_each(|line| verifier.take(line).unwrap());
        assert_eq!(verifier.misses(), misses);
    }
}

#[test]
fn what_is_asked_for_comes_latest_first_in_pages_that_end() {
    let store = filled(60);
    let tx = store.read().unwrap();
    let all = |filter: &Filter, limit: usize| {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let page = list(&tx, filter, cursor.as_ref(), Limit::new(limit)).unwrap();
            assert!(page.items.len() <= limit);
            found.extend(numbers(&page));
            cursor = page.next;
            if cursor.is_none() {
                return found;
            }
        }
    };
    let naive = |keep: &dyn Fn(u64) -> bool| (1..=60).rev().filter(|n| keep(*n)).collect::<Vec<u64>>();
    let some = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    let cases: Vec<(Filter, Vec<u64>)> = vec![
        (Filter::default(), naive(&|_| true)),
        (some(&|filter| filter.who = Some("ADA".to_owned())), naive(&|n| n.is_multiple_of(2))),
        (some(&|filter| filter.who = Some("nobody".to_owned())), naive(&|_| false)),
        (some(&|filter| filter.action = Some(Action::TokenCreated)), naive(&|n| n.is_multiple_of(3))),
        (some(&|filter| filter.is_refused = Some(true)), naive(&|n| n.is_multiple_of(5))),
        (
            some(&|filter| {
                filter.who = Some("eve".to_owned());
                filter.action = Some(Action::TokenCreated);
                filter.is_refused = Some(false);
            }),
            naive(&|n| !n.is_multiple_of(2) && n.is_multiple_of(3) && !n.is_multiple_of(5)),
        ),
        (
            some(&|filter| {
                filter.from = Some(at(10_000));
                filter.to = Some(at(20_000));
            }),
            naive(&|n| (10..=20).contains(&n)),
        ),
        (
            some(&|filter| {
                filter.who = Some("ada".to_owned());
                filter.to = Some(at(9_999));
            }),
            naive(&|n| n.is_multiple_of(2) && n < 10),
        ),
    ];
    for (filter, expected) in cases {
        for limit in [1, 7, 200] {
            assert_eq!(all(&filter, limit), expected, "{filter:?} by {limit}");
        }
    }
}

#[test]
fn what_is_let_go_leaves_a_sealed_checkpoint_and_the_chain_holds() {
    let store = filled(10);
    let shorten = |before: i64| {
        let mut rounds = 0;
        while store.write(move |tx| super::shorten(tx, at(before), 2, at(50_000))).unwrap() {
            rounds += 1;
        }
        rounds
    };
    assert_eq!(shorten(500), 0);
    assert_eq!(lines(&store).len(), 10, "nothing is old enough, and nothing is said");
    assert_eq!(shorten(6_500), 3);
    let left = lines(&store);
    // The line of where it begins, entries 7 to 10, and the one that seals it.
    assert_eq!(left.len(), 6);
    assert!(left[5].contains("\"trail_shortened\"") && left[5].contains("\"after\":\"6\""), "{}", left[5]);
    let verified = verify(&left).unwrap().unwrap();
    assert_eq!((verified.first, verified.last.0, verified.is_whole), (7, 11, true));
    assert_eq!(shorten(6_500), 0);
    assert_eq!(lines(&store).len(), 6, "it is sealed once");
    // Whatever its age, the latest stays: the next follows it.
    shorten(1_000_000);
    store.write(|tx| record(tx, deed(1), at(60_000))).unwrap();
    let verified = verify(&lines(&store)).unwrap().unwrap();
    assert!(verified.is_whole && verified.last.0 > 11);
    assert!(store.verify().unwrap().is_empty());
}

#[test]
fn what_an_entry_repeats_is_bounded() {
    let store = Arc::new(store());
    let long = || Some("é".repeat(10_000));
    let changes = (0..100).map(|_| Changed { field: long().unwrap(), before: long(), after: long() }).collect::<Vec<_>>();
    let deed = Deed {
        actor: Who { kind: ActorKind::User, id: long(), name: long(), user: long(), address: long() },
        subject: Some(Subject { kind: SubjectKind::Route, id: long(), name: long() }),
        changes,
        ..deed(1)
    };
    store.write(move |tx| record(tx, deed.clone(), at(1))).unwrap();
    let line = lines(&store).remove(0);
    assert!(line.len() < 16 << 10, "{}", line.len());
    assert!(line.contains("and 80 more"), "what is left out is counted");
    verify(&[line]).unwrap();
}
