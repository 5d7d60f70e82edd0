use super::*;
use crate::base::id::{Id, Ids};
use crate::domain::accounts::{Email, Membership, RepoRole, Roster, mirror_repo, user_of_email};
use crate::engine::store::journal::Journaled;
use crate::engine::store::{Schema, Store, TableSpec};

fn store() -> Store {
    let tables = vec![
        TableSpec::of::<Journaled>(),
        TableSpec::of::<User>(),
        TableSpec::of::<Identity>(),
        TableSpec::of::<Email>(),
        TableSpec::of::<Roster>(),
        TableSpec::of::<Membership>(),
    ];
    Store::in_memory(Schema { number: 1, tables, migrations: &[] }, Ids::seeded(1), Box::new(|_| {})).unwrap()
}

fn profile(subject: u64, login: &str) -> Profile {
    Profile { subject, login: login.to_owned(), name: None, avatar_url: None, emails: Some(vec!["one@acme.example".to_owned()]) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

#[test]
fn a_login_is_made_of_whatever_somebody_is_called_elsewhere() {
    let store = store();
    store
        .write(|tx| {
            for taken in ["ada", "Ada-2", "x-emu_acme"] {
                user::create_user(tx, taken, InstanceRole::Member, at(1))?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    let tx = store.read().unwrap();
    let login = |login: &str| free_login(&tx, &profile(7, login)).unwrap();
    assert_eq!((login("ADA"), login("grace")), ("ADA-3".to_owned(), "grace".to_owned()));
    assert_eq!(login("x-emu_acme"), "x-emu_acme-2");
    assert_eq!((login("--"), login("\u{202e}äö"), login("-_.a")), ("github-7".to_owned(), "github-7".to_owned(), "a".to_owned()));
    assert_eq!(login(&"a".repeat(300)), "a".repeat(LOGIN_BYTES));
    assert_eq!(login(&format!("{}-b", "a".repeat(LOGIN_BYTES - 1))), "a".repeat(LOGIN_BYTES - 1));
    assert_eq!((login("System"), login("joan-."), login("g.")), ("System-2".to_owned(), "joan".to_owned(), "g".to_owned()));
}

#[test]
fn an_address_is_whose_it_was_verified_for_last() {
    let store = store();
    let whose = || {
        let tx = store.read().unwrap();
        user_of_email(&tx, "ONE@acme.example").unwrap().map(|user| user.login)
    };
    store
        .write(|tx| {
            for (subject, login) in [(1, "ada"), (2, "grace")] {
                let user = user::create_user(tx, login, InstanceRole::Member, at(1))?;
                link_github(tx, user.id, &profile(subject, login), at(2))?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(whose().as_deref(), Some("grace"));
    store
        .write(|tx| {
            let grace = user::find_user(tx, "grace")?;
            link_github(tx, grace.id, &Profile { emails: Some(Vec::new()), ..profile(2, "grace") }, at(3))
        })
        .unwrap();
    assert_eq!(whose(), None);
}

#[test]
fn what_is_no_picture_is_not_kept_as_one() {
    assert!(is_picture("https://avatars.example/u/1?v=4"));
    for other in [
        "javascript:alert(1)",
        "//a.example/b",
        "https://a.example/\"onload",
        "https://a.example/ b",
        &format!("https://{}", "a".repeat(600)),
    ] {
        assert!(!is_picture(other), "{other}");
    }
}

#[test]
fn of_two_roles_the_greater_counts_and_one_who_left_has_none() {
    let store = store();
    let repo = crate::base::id::RepoId::from_u128(1);
    let (role, gone) = store
        .write(move |tx| {
            let user = user::create_user(tx, "ada", InstanceRole::Member, at(1))?;
            link_github(tx, user.id, &profile(1, "ada"), at(1))?;
            mirror_repo(tx, repo, vec![(1, RepoRole::Read), (9, RepoRole::Admin), (1, RepoRole::Write)], at(2))?;
            let role = tx.get::<Membership>(&(repo, user.id))?.map(|membership| membership.role);
            let identity = github_identity(tx, 1)?.expect("it was linked");
            tx.put(&Identity { left: Some(Left { at: at(3), has_closed: false }), ..identity })?;
            mirror_repo(tx, repo, vec![(1, RepoRole::Write)], at(4))?;
            Ok::<_, Error>((role, tx.get::<Membership>(&(repo, user.id))?))
        })
        .unwrap();
    assert_eq!((role, gone), (Some(RepoRole::Write), None));
}
