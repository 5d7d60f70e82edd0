use std::sync::Arc;

use super::*;
use crate::base::id::Ids;
use crate::domain::secrets::{Kept, VaultKey};
use crate::engine::store::journal::Journaled;
use crate::engine::store::{Schema, Store, TableSpec};

fn store() -> Store {
    let tables = vec![TableSpec::of::<Journaled>(), TableSpec::of::<VaultKey>(), TableSpec::of::<Kept>(), TableSpec::of::<GithubApp>()];
    Store::in_memory(Schema { number: 1, tables, migrations: &[] }, Ids::seeded(1), Box::new(|_| {})).unwrap()
}

fn made() -> GithubApp {
    GithubApp {
        app_id: 7,
        slug: "plumbline-acme".to_owned(),
        name: "Plumbline of Acme".to_owned(),
        client_id: "Iv1.0".to_owned(),
        url: "https://git.acme.example".to_owned(),
        api_url: "https://git.acme.example/api/v3".to_owned(),
        page: "https://git.acme.example/apps/plumbline-acme".to_owned(),
        made_at: Timestamp::from_millis(1),
    }
}

/// A store with an App that was made.
fn set_up() -> (Store, Arc<Vault>) {
    let (store, vault) = (store(), Arc::new(Vault::fleeting()));
    let own = Arc::clone(&vault);
    let secret = |text: &str| Secret::new(text.to_owned());
    let secrets = AppSecrets { private_key: secret("pem"), webhook_secret: secret("hook"), client_secret: secret("client") };
    store.write(move |tx| set_app(tx, &own, &made(), &secrets, Timestamp::from_millis(1))).unwrap();
    (store, vault)
}

fn texts(secrets: &[Secret<String>]) -> Vec<&str> {
    secrets.iter().map(|secret| secret.expose().as_str()).collect()
}

#[test]
fn who_nobody_set_up_is_nobody_and_has_no_secret_to_sign_with() {
    let (store, vault) = (store(), Vault::fleeting());
    let tx = store.read().unwrap();
    assert_eq!(identity(&tx, &Configured::default()).unwrap(), None);
    assert!(matches!(private_key(&tx, &vault, &Configured::default()), Err(Error::NotSetUp)));
    assert!(webhook_secrets(&tx, &vault, &Configured::default(), Timestamp::EPOCH).unwrap().is_empty());
}

#[test]
fn what_github_made_is_who_we_are() {
    let (store, vault) = set_up();
    let tx = store.read().unwrap();
    let who = identity(&tx, &Configured::default()).unwrap().unwrap();
    assert_eq!((who.app_id, who.slug.as_deref(), who.api_url.as_str()), (7, Some("plumbline-acme"), "https://git.acme.example/api/v3"));
    assert_eq!(private_key(&tx, &vault, &Configured::default()).unwrap().expose(), "pem");
    assert_eq!(client_secret(&tx, &vault, &Configured::default()).unwrap().unwrap().expose(), "client");
    assert_eq!(texts(&webhook_secrets(&tx, &vault, &Configured::default(), Timestamp::EPOCH).unwrap()), ["hook"]);
}

#[test]
fn what_the_configuration_says_wins_and_files_are_read_at_each_use() {
    let (store, vault) = set_up();
    let dir = tempfile::tempdir().unwrap();
    let (hook, key) = (dir.path().join("hook"), dir.path().join("key"));
    std::fs::write(&hook, "\n new \nold\nolder\n").unwrap();
    std::fs::write(&key, "").unwrap();
    let configured = Configured {
        app_id: Some(9),
        webhook_secret: Some(Given::File(hook.clone())),
        private_key: Some(Given::File(key.clone())),
        url: Some("https://github.acme.example".to_owned()),
        ..Configured::default()
    };
    let tx = store.read().unwrap();
    let who = identity(&tx, &configured).unwrap().unwrap();
    assert_eq!((who.app_id, who.slug), (9, None), "another App's name is not ours");
    assert_eq!((who.url.as_str(), who.api_url.as_str()), ("https://github.acme.example", "https://github.acme.example/api/v3"));
    assert_eq!(texts(&webhook_secrets(&tx, &vault, &configured, Timestamp::EPOCH).unwrap()), ["new", "old"]);
    std::fs::write(&hook, "newer\n").unwrap();
    assert_eq!(texts(&webhook_secrets(&tx, &vault, &configured, Timestamp::EPOCH).unwrap()), ["newer"]);
    let error = private_key(&tx, &vault, &configured).unwrap_err().to_string();
    assert!(error.contains("github.app_private_key_file") && error.ends_with("is empty"), "{error}");
    std::fs::remove_file(&key).unwrap();
    assert!(matches!(private_key(&tx, &vault, &configured), Err(Error::FileUnreadable { .. })));
}

#[test]
fn what_was_sealed_for_one_purpose_does_not_open_for_another() {
    let (store, vault) = set_up();
    let tx = store.read().unwrap();
    let kept = secrets::kept(&tx, Purpose::GithubClientSecret).unwrap().unwrap();
    assert!(secrets::open_kept(&vault, &secrets::Kept { purpose: Purpose::GithubWebhookSecret, ..kept }).is_err());
}
