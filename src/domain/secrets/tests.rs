use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::base::id::Ids;
use crate::base::name::{CommitSha, RepoSlug};
use crate::domain::repos::{self, BadgeKey, NewRepository, RepoSource};
use crate::engine::store::journal::Journaled;
use crate::engine::store::{Schema, Store, TableSpec};

/// A store and its vault, whose key file is in a directory that outlives both.
struct House {
    store: Arc<Store>,
    vault: Arc<Vault>,
}

impl House {
    fn new() -> House {
        let store = store();
        for number in [1, 2] {
            store.write(move |tx| known_repository(tx, number)).unwrap();
        }
        House { store, vault: Arc::new(Vault::fleeting()) }
    }

    fn write<T: Send + 'static>(&self, verb: impl Fn(&mut WriteTx, &Vault) -> Result<T> + Send + 'static) -> Result<T> {
        let vault = Arc::clone(&self.vault);
        self.store.write(move |tx| verb(tx, &vault))
    }

    fn set(&self, scope: Scope, name: &str, value: &str) -> Result<NamedSecret> {
        let (name, value) = (named(name), secret(value));
        self.write(move |tx, vault| Ok(set(tx, vault, scope, &name, &value, at(1))?.0))
    }

    fn meant(&self, repo: RepoId, name: &str) -> Option<String> {
        let found = meant(&self.store.read().unwrap(), repo, &named(name)).unwrap()?;
        Some(self.open(&found).unwrap())
    }

    fn open(&self, row: &NamedSecret) -> Result<String> {
        Ok(open(&self.vault, row)?.expose().clone())
    }
}

fn store() -> Arc<Store> {
    let tables = vec![
        TableSpec::of::<Journaled>(),
        TableSpec::of::<VaultKey>(),
        TableSpec::of::<NamedSecret>(),
        TableSpec::of::<SshKey>(),
        TableSpec::of::<Kept>(),
        TableSpec::of::<Repository>(),
    ];
    Arc::new(Store::in_memory(Schema { number: 1, tables, migrations: &[] }, Ids::seeded(1), Box::new(|_| {})).unwrap())
}

/// Has a repository by this number, which is given the secrets of the instance.
fn known_repository(tx: &mut WriteTx, number: u128) -> repos::Result<()> {
    let new = NewRepository {
        slug: RepoSlug::local(&format!("app{number}")).unwrap(),
        source: RepoSource::Local,
        remote: format!("/srv/app{number}"),
        is_trusted: true,
        badge_key: BadgeKey::from_bytes([7; 16]),
        owner: None,
    };
    let added = repos::add(tx, new, at(1))?;
    tx.remove::<Repository>(&added.id)?;
    Ok(tx.put(&Repository { id: repo(number), ..added })?)
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn named(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn repo(number: u128) -> RepoId {
    RepoId::from_u128(number)
}

#[test]
fn the_narrower_scope_wins_and_names_are_the_same_in_any_case() {
    let house = House::new();
    house.set(Scope::Instance, "TOKEN", "of the instance").unwrap();
    assert_eq!(house.meant(repo(1), "token").as_deref(), Some("of the instance"));
    house.set(Scope::Repository(repo(1)), "Token", "of the repository").unwrap();
    assert_eq!(house.meant(repo(1), "TOKEN").as_deref(), Some("of the repository"));
    assert_eq!(house.meant(repo(2), "TOKEN").as_deref(), Some("of the instance"));
    assert_eq!(house.meant(repo(2), "OTHER"), None);
    let known = known(&house.store.read().unwrap(), repo(1), ["token", "OTHER", "no name"]).unwrap();
    assert!(known.find("TOKEN").is_some() && known.find("OTHER").is_none() && known.find("no name").is_none());
}

#[test]
fn a_secret_that_is_set_anew_is_the_same_one_with_another_value() {
    let house = House::new();
    let one = house.set(Scope::Instance, "TOKEN", "marigold").unwrap();
    let other = house.set(Scope::Instance, "token", "narcissus").unwrap();
    assert_eq!((one.id, one.version, other.id, other.version), (one.id, 1, one.id, 2));
    assert_eq!(house.open(&other).unwrap(), "narcissus");
    assert_eq!(list(&house.store.read().unwrap(), Scope::Instance).unwrap().len(), 1);
    // What was sealed as the first value is no second.
    assert!(matches!(house.open(&NamedSecret { sealed: one.sealed, ..other }), Err(Error::Vault(vault::Error::Altered))));
}

#[test]
fn two_rows_whose_values_changed_places_are_not_opened() {
    let house = House::new();
    let one = house.set(Scope::Repository(repo(1)), "DEPLOY", "marigold").unwrap();
    let other = house.set(Scope::Repository(repo(2)), "DEPLOY", "narcissus").unwrap();
    let (first, second) = (one.clone(), other.clone());
    house
        .write(move |tx, _| {
            tx.put(&NamedSecret { sealed: second.sealed.clone(), ..first.clone() })?;
            tx.put(&NamedSecret { sealed: first.sealed.clone(), ..second.clone() })?;
            Ok(())
        })
        .unwrap();
    for id in [one.id, other.id] {
        let row = get(&house.store.read().unwrap(), id).unwrap().unwrap();
        assert!(matches!(house.open(&row), Err(Error::Vault(vault::Error::Altered))));
    }
}

#[test]
fn a_value_is_neither_too_short_to_be_masked_nor_too_long() {
    let house = House::new();
    for short in ["", "12345", "   12345   ", "äöüäö"] {
        assert!(matches!(house.set(Scope::Instance, "T", short), Err(Error::TooShort)), "{short:?}");
    }
    for good in ["123456", " 123456 ", "äöüäöü"] {
        house.set(Scope::Instance, "T", good).unwrap();
    }
    house.set(Scope::Instance, "T", &"x".repeat(MOST_BYTES)).unwrap();
    assert!(matches!(house.set(Scope::Instance, "T", &"x".repeat(MOST_BYTES + 1)), Err(Error::TooLong)));
    assert!(crate::base::mask::Mask::new([&secret(&"x".repeat(MOST_BYTES))]).is_ok(), "what is kept can be masked");
}

#[test]
fn a_scope_holds_so_many_secrets_and_no_more() {
    let house = House::new();
    for n in 0..MOST_SECRETS {
        house.set(Scope::Repository(repo(1)), &format!("N{n}"), "marigold").unwrap();
    }
    assert!(matches!(house.set(Scope::Repository(repo(1)), "MORE", "marigold"), Err(Error::TooMany { .. })));
    house.set(Scope::Repository(repo(1)), "N0", "narcissus").unwrap();
    house.set(Scope::Repository(repo(2)), "MORE", "marigold").unwrap();
}

#[test]
fn what_becomes_of_a_name_is_said_while_it_is_typed() {
    let house = House::new();
    house.set(Scope::Instance, "TOKEN", "marigold").unwrap();
    house.set(Scope::Repository(repo(1)), "OWN", "marigold").unwrap();
    let state = |scope, text: &str| availability(&house.store.read().unwrap(), scope, text).unwrap().state;
    let own = Scope::Repository(repo(1));
    assert_eq!([state(own, "NEW"), state(own, "token"), state(own, "own")], [NameState::Free, NameState::Overrides, NameState::Taken]);
    assert_eq!([state(own, "2"), state(own, ""), state(Scope::Instance, "a b")], [NameState::Invalid; 3]);
    assert_eq!([state(Scope::Instance, "token"), state(Scope::Instance, "OWN")], [NameState::Taken, NameState::Free]);
}

#[test]
fn use_is_written_down_and_not_every_time() {
    let house = House::new();
    let id = house.set(Scope::Instance, "TOKEN", "marigold").unwrap().id;
    let used = |ms, check: &str| Use { at: at(ms), repo: repo(1), sha: CommitSha::from_bytes([7; 20]), check: check.to_owned() };
    let mark = |by: Use| house.write(move |tx, _| mark_used(tx, &[id], &by)).unwrap();
    let last = || get(&house.store.read().unwrap(), id).unwrap().unwrap().last_used.unwrap();
    mark(used(1_000, "house"));
    mark(used(2_000, "house"));
    assert_eq!(last(), used(1_000, "house"));
    mark(used(3_000, "other"));
    mark(used(70_000, "other"));
    assert_eq!(last(), used(70_000, "other"));
    house.set(Scope::Instance, "TOKEN", "narcissus").unwrap();
    assert_eq!(last(), used(70_000, "other"), "another value does not make that undone");
}

#[test]
fn what_a_repository_has_is_erased_with_it() {
    let house = House::new();
    house.set(Scope::Repository(repo(1)), "A", "marigold").unwrap();
    house.set(Scope::Repository(repo(2)), "B", "marigold").unwrap();
    house.set(Scope::Instance, "C", "marigold").unwrap();
    for of in [1, 2] {
        house.write(move |tx, vault| add_key(tx, vault, repo(of), "deploy", &key::generate(), at(1))).unwrap();
    }
    assert_eq!(house.write(|tx, _| erase(tx, repo(1), 1)).unwrap(), 1);
    while house.write(|tx, _| erase(tx, repo(1), 10)).unwrap() > 0 {}
    let tx = house.store.read().unwrap();
    assert_eq!([list(&tx, Scope::Repository(repo(1))).unwrap().len(), list_keys(&tx, repo(1)).unwrap().len()], [0, 0]);
    assert_eq!([list(&tx, Scope::Repository(repo(2))).unwrap().len(), list_keys(&tx, repo(2)).unwrap().len()], [1, 1]);
    assert_eq!(list(&tx, Scope::Instance).unwrap().len(), 1);
}

#[test]
fn a_key_is_a_repositorys_once_and_opens_as_what_it_is() {
    let house = House::new();
    let pair = key::generate();
    let given = pair.clone();
    let add = move |of| {
        let given = given.clone();
        house.write(move |tx, vault| add_key(tx, vault, repo(of), "deploy", &given, at(1))).map(|key| {
            let private = open_key(&house.vault, &key).unwrap();
            (key, private.expose().clone())
        })
    };
    let (row, private) = add(1).unwrap();
    assert_eq!((&row.public, &private), (&pair.public, pair.private.expose()));
    assert!(matches!(add(1), Err(Error::KeyTaken { .. })));
    assert!(add(2).is_ok(), "another repository may have it as well");
}

/// Keys are exchanged one step at a time; after each, everything is read by a process that begins anew.
#[test]
fn a_rotation_may_end_between_any_two_steps_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = store();
    let path = dir.path().join("vault.key");
    let again = || {
        let present = present(&store.read().unwrap()).unwrap();
        House { store: Arc::clone(&store), vault: Arc::new(Vault::at(path.clone(), present)) }
    };
    let house = again();
    let ids: Vec<SecretId> = (0..5).map(|n| house.set(Scope::Instance, &format!("N{n}"), &format!("marigold {n}")).unwrap().id).collect();
    let pair = key::generate();
    let private = pair.private.expose().clone();
    let ssh = house.write(move |tx, vault| add_key(tx, vault, repo(1), "deploy", &pair, at(1))).unwrap().id;
    let old = present(&store.read().unwrap()).unwrap().unwrap();

    let whole = |when: &str| {
        let house = again();
        assert!(house.vault.fault().is_none(), "{when}: {:?}", house.vault.fault());
        let tx = house.store.read().unwrap();
        for (n, id) in ids.iter().enumerate() {
            let row = get(&tx, *id).unwrap().unwrap();
            assert!(house.open(&row).unwrap().starts_with(&format!("marigold {n}")), "{when}");
        }
        let row = tx.get::<SshKey>(&ssh).unwrap().unwrap();
        assert_eq!(open_key(&house.vault, &row).unwrap().expose(), &private, "{when}");
        house
    };

    let new = whole("before").vault.add_key().unwrap();
    let house = whole("the file has both");
    assert_eq!(present(&house.store.read().unwrap()).unwrap(), Some(old.clone()));
    let (to, vault) = (new.clone(), Arc::clone(&house.vault));
    house.write(move |tx, _| rotate(tx, &vault, &to, at(2))).unwrap();
    // Whoever sets one meanwhile has it sealed to the new key.
    let house = whole("the new one is present");
    house.set(Scope::Instance, "N0", "marigold 0, anew").unwrap();
    assert_eq!(house.write(|tx, _| retire_unused(tx)).unwrap(), [], "the old one is needed");

    let mut wrapped = 0;
    loop {
        let house = whole("some are wrapped");
        let Some((to, some)) = stale(&house.store.read().unwrap(), &BTreeSet::new(), 2).unwrap() else { break };
        assert_eq!(to, new);
        for one in some {
            let sealed = house.vault.rewrap(&one.sealed, &to).unwrap();
            let (again, sealed) = (one.clone(), sealed);
            assert!(house.write(move |tx, _| rewrapped(tx, &again, &sealed)).unwrap());
            wrapped += 1;
        }
    }
    assert_eq!(wrapped, 5, "four secrets and a key");
    let house = whole("all are wrapped");
    assert_eq!(house.write(|tx, _| retire_unused(tx)).unwrap(), std::slice::from_ref(&old));
    let house = whole("the old one is retired");
    assert_eq!(house.write(|tx, _| retire_unused(tx)).unwrap(), std::slice::from_ref(&old), "until it is forgotten");
    house.vault.retire(std::slice::from_ref(&old)).unwrap();
    let house = whole("the old one left the file");
    assert!(!std::fs::read_to_string(&path).unwrap().contains(old.as_str()));
    house.write(move |tx, _| forget_retired(tx, std::slice::from_ref(&old))).unwrap();
    let house = whole("after");
    assert_eq!(keys(&house.store.read().unwrap()).unwrap().len(), 1);
}

#[test]
fn keys_are_exchanged_again_and_again_by_the_same_process() {
    let dir = tempfile::tempdir().unwrap();
    let house = House { store: store(), vault: Arc::new(Vault::at(dir.path().join("vault.key"), None)) };
    let id = house.set(Scope::Instance, "TOKEN", "marigold").unwrap().id;
    for _ in 0..3 {
        let (to, vault) = (house.vault.add_key().unwrap(), Arc::clone(&house.vault));
        // Whoever asked for it may be gone by now: the store and the vault agree all the same.
        house.write(move |tx, _| rotate(tx, &vault, &to, at(2))).unwrap();
        let (to, some) = stale(&house.store.read().unwrap(), &BTreeSet::new(), 2).unwrap().unwrap();
        let (one, sealed) = (some[0].clone(), house.vault.rewrap(&some[0].sealed, &to).unwrap());
        assert!(house.write(move |tx, _| rewrapped(tx, &one, &sealed)).unwrap());
        let gone = house.write(|tx, _| retire_unused(tx)).unwrap();
        house.vault.retire(&gone).unwrap();
        house.write(move |tx, _| forget_retired(tx, &gone)).unwrap();
    }
    let row = get(&house.store.read().unwrap(), id).unwrap().unwrap();
    assert_eq!(house.open(&row).unwrap(), "marigold");
}

#[test]
fn what_the_appliance_keeps_for_itself_goes_along_when_keys_are_exchanged() {
    let house = House::new();
    house.write(|tx, vault| keep(tx, vault, Purpose::GithubPrivateKey, &secret("a private key"), at(1))).unwrap();
    let old = present(&house.store.read().unwrap()).unwrap().unwrap();
    let new = house.vault.add_key().unwrap();
    let to = new.clone();
    house.write(move |tx, vault| rotate(tx, vault, &to, at(2))).unwrap();
    let (to, some) = stale(&house.store.read().unwrap(), &BTreeSet::new(), 10).unwrap().unwrap();
    assert_eq!((&to, some.len(), some[0].what), (&new, 1, What::Kept(Purpose::GithubPrivateKey)));
    let wrapped = house.vault.rewrap(&some[0].sealed, &to).unwrap();
    let one = some[0].clone();
    assert!(house.write(move |tx, _| rewrapped(tx, &one, &wrapped)).unwrap());
    assert_eq!(house.write(|tx, _| retire_unused(tx)).unwrap(), [old]);
    let row = kept(&house.store.read().unwrap(), Purpose::GithubPrivateKey).unwrap().unwrap();
    assert_eq!(open_kept(&house.vault, &row).unwrap().expose(), "a private key");
    assert_eq!(sealed_to(&house.store.read().unwrap(), &new, 10).unwrap(), 1);
}

#[test]
fn a_value_that_is_set_while_it_is_wrapped_stays_as_it_is_set() {
    let dir = tempfile::tempdir().unwrap();
    let house = House { store: store(), vault: Arc::new(Vault::at(dir.path().join("vault.key"), None)) };
    let id = house.set(Scope::Instance, "TOKEN", "marigold").unwrap().id;
    let new = house.vault.add_key().unwrap();
    let (to, vault) = (new.clone(), Arc::clone(&house.vault));
    house.write(move |tx, _| rotate(tx, &vault, &to, at(2))).unwrap();
    let (_, some) = stale(&house.store.read().unwrap(), &BTreeSet::new(), 2).unwrap().unwrap();
    let sealed = house.vault.rewrap(&some[0].sealed, &new).unwrap();
    house.set(Scope::Instance, "TOKEN", "narcissus").unwrap();
    let one = some[0].clone();
    assert!(!house.write(move |tx, _| rewrapped(tx, &one, &sealed)).unwrap());
    let row = get(&house.store.read().unwrap(), id).unwrap().unwrap();
    assert_eq!(house.open(&row).unwrap(), "narcissus");
    assert_eq!(stale(&house.store.read().unwrap(), &BTreeSet::new(), 2).unwrap().map(|(_, some)| some.len()), None);
}

#[test]
fn a_store_without_its_key_file_gives_away_no_value() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vault.key");
    let house = House { store: store(), vault: Arc::new(Vault::at(path.clone(), None)) };
    let row = house.set(Scope::Instance, "TOKEN", "marigold").unwrap();
    let present = present(&house.store.read().unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    let thief = |path: &Path| House { store: Arc::clone(&house.store), vault: Arc::new(Vault::at(path.to_owned(), present.clone())) };
    assert!(matches!(thief(&path).open(&row), Err(Error::Vault(vault::Error::Missing { .. }))));
    assert!(matches!(thief(&path).set(Scope::Instance, "OTHER", "narcissus"), Err(Error::Vault(vault::Error::Missing { .. }))));
    assert!(!path.exists(), "none is begun in the place of one that is lost");
}
