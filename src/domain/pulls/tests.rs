use super::*;
use crate::base::id::{Id, Ids};
use crate::domain::repos::tie;
use crate::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use crate::engine::store::journal::Journaled;
use crate::engine::store::{Schema, Store, TableSpec};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn said(number: u64, second: i64, change: impl FnOnce(&mut serde_json::Value)) -> Pull {
    let mut json = serde_json::json!({
        "number": number, "title": "A title", "state": "open", "user": {"id": 9, "login": "ada"}, "draft": false,
        "base": {"ref": "main", "sha": "1".repeat(40), "repo": {"id": 7, "full_name": "acme/app"}},
        "head": {"ref": "topic", "sha": "2".repeat(40), "repo": {"id": 7, "full_name": "acme/app"}},
    });
    change(&mut json);
    let said: payload::Pull = serde_json::from_value(json).unwrap();
    let as_of = AsOf { changed_at: at(second), pushed_at: None, tie: tie(&second.to_string()) };
    read(RepoId::from_u128(1), &said, as_of, at(second)).unwrap()
}

fn store() -> Store {
    let tables = vec![TableSpec::of::<Pull>(), TableSpec::of::<Repository>(), TableSpec::of::<Journaled>()];
    Store::in_memory(Schema { number: 1, tables, migrations: &[] }, Ids::seeded(1), Box::new(|_| {})).unwrap()
}

#[test]
fn older_words_never_win_over_newer_ones() {
    let pull = store()
        .write(|tx| -> Result<Pull> {
            let closed = said(3, 5, |json| json["state"] = "closed".into());
            assert_eq!(record(tx, closed.clone(), at(9))?, Recorded::Changed);
            assert_eq!(record(tx, said(3, 4, |_| {}), at(9))?, Recorded::Older);
            assert_eq!(record(tx, closed, at(9))?, Recorded::Older, "the same delivery once more");
            find(tx, RepoId::from_u128(1), 3)
        })
        .unwrap();
    assert_eq!(pull.state, PullState::Closed);
}

#[test]
fn a_pull_request_is_a_forks_if_its_branch_is_in_another_repository_or_in_none_any_more() {
    assert!(!said(1, 1, |_| {}).head.is_fork);
    assert!(said(1, 1, |json| json["head"]["repo"]["id"] = 8.into()).head.is_fork);
    let orphan = said(1, 1, |json| json["head"]["repo"] = serde_json::Value::Null);
    assert_eq!((orphan.head.is_fork, orphan.head.repo), (true, None));
}

#[test]
fn one_that_was_merged_is_not_merely_closed() {
    let merged = said(1, 1, |json| (json["state"], json["merged_at"]) = ("closed".into(), "2026-01-31T12:00:00Z".into()));
    assert_eq!(merged.state, PullState::Merged);
}

#[test]
fn the_one_that_goes_to_the_default_branch_says_what_a_shared_head_is_held_against() {
    let numbers = store()
        .write(|tx| -> Result<Vec<u64>> {
            let new = NewRepository {
                slug: "acme/app".parse().unwrap(),
                source: RepoSource::GitHub { id: 7, installation: 1 },
                remote: "https://github.example/acme/app.git".to_owned(),
                is_trusted: false,
                badge_key: BadgeKey::from_bytes([7; 16]),
                owner: None,
            };
            let repository = repos::add(tx, new, at(1)).unwrap();
            for (number, base) in [(4, "next"), (5, "main"), (6, "main")] {
                record(tx, Pull { repo: repository.id, ..said(number, 1, |json| json["base"]["ref"] = base.into()) }, at(9))?;
            }
            let mut numbers = vec![];
            for default in ["main", "elsewhere"] {
                let repository = Repository { default_branch: Some(default.parse().unwrap()), ..repository.clone() };
                numbers.extend(foremost(tx, &repository, "2".repeat(40).parse().unwrap())?.map(|pull| pull.number));
            }
            Ok(numbers)
        })
        .unwrap();
    assert_eq!(numbers, [5, 4]);
}

#[test]
fn a_head_that_moves_is_looked_at_anew() {
    store()
        .write(|tx| -> Result<()> {
            let repo = RepoId::from_u128(1);
            let pull = said(3, 1, |_| {});
            record(tx, pull.clone(), at(9))?;
            let base = CommitSha::from_bytes([0x11; 20]);
            looked_at(tx, &pull, pull.head.sha, Some(base))?;
            record(tx, said(3, 2, |json| json["title"] = "Another".into()), at(9))?;
            assert_eq!(find(tx, repo, 3)?.merge_base, Some(base), "another title changes nothing of that");
            record(tx, said(3, 3, |json| json["head"]["sha"] = "3".repeat(40).into()), at(9))?;
            assert_eq!(find(tx, repo, 3)?.merge_base, None);
            // Whoever looked at what it was before says nothing of what it is.
            looked_at(tx, &pull, pull.head.sha, Some(base))?;
            assert_eq!(find(tx, repo, 3)?.merge_base, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn names_that_are_none_are_told_of() {
    let json = serde_json::json!({"number": 1, "base": {"ref": "a..b", "sha": "1"}, "head": {"ref": "x", "sha": "2"}});
    let said: payload::Pull = serde_json::from_value(json).unwrap();
    let as_of = AsOf { changed_at: at(1), pushed_at: None, tie: [0; 16] };
    let error = read(RepoId::from_u128(1), &said, as_of, at(1)).unwrap_err().to_string();
    assert!(error.starts_with("the base of pull request #1 is no branch: "), "{error}");
}
