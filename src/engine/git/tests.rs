//! Tests of git, over repositories made by [`fixture`] and hosts made by [`server`].

mod diffing;
mod fetching;
pub mod fixture;
mod large;
mod parts;
mod reading;
pub mod server;
mod working;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::hash::ObjectId;

use super::*;
use crate::engine::outbound::{Client, Config};

fn sha(id: ObjectId) -> CommitSha {
    commit::sha(&id)
}

fn open(path: &Path) -> Mirror {
    Mirror::open_readonly(path, Limits::default(), Trust::Ours).unwrap()
}

fn paths(tree: &dyn tree::Tree) -> Vec<String> {
    tree.files().iter().map(|file| file.path.to_string()).collect()
}

/// Fetches into a mirror from what a person would write, with these limits.
fn fetch(mirror: &Path, from: &str, limits: Limits) -> Result<Fetched> {
    fetch_as(mirror, from, limits, None)
}

fn fetch_as(mirror: &Path, from: &str, limits: Limits, credentials: Option<&Credentials>) -> Result<Fetched> {
    let client = Client::new(&Config { allow_hosts: vec!["127.0.0.1".into()], ..Config::default() }).unwrap();
    let never = AtomicBool::new(false);
    let asked = Asked { credentials, outbound: &client, is_trusted: false, trust: Trust::Ours, cancel: &never, progress: &|_| {} };
    Mirror::open(mirror, limits)?.fetch(&from.parse().unwrap(), &asked)
}
