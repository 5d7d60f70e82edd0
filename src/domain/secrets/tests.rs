use std::collections::BTreeSet;

use super::*;
use crate::app::schema;
use crate::base::id::{Id, Ids};
use crate::base::name::CommitSha;
use crate::engine::store::Store;

fn store() -> Store {
    Store::in_memory(schema::schema(), Ids::seeded(1), Box::new(|_| {})).unwrap()
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

const REPO: fn() -> RepoId = || RepoId::from_u128(9);
