//! Payloads as GitHub sends them: each example of each event, from GitHub itself and from its Enterprise Servers, is sent to an appliance.
//! None is refused, none is lost, and none that is understood here is found to have another shape.
//!
//! Skipped, and said so, where `PAYLOADS` does not name the folder that `.ci/payloads` fills; `PLUMBLINE_REQUIRE=payloads` makes that a
//! failure.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::deliveries::{self, Sender};
use crate::support::skipped;
use crate::support::world::text;

/// The files of examples beneath a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("`{}` cannot be read: {error}", folder.display()))
        .map(|entry| entry.unwrap().path().join("index.json"))
        .filter(|file| file.is_file())
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn every_example_is_taken_and_none_is_lost() {
    let Some(folder) = std::env::var_os("PAYLOADS") else { return skipped("payloads", "`PAYLOADS` names no folder of examples") };
    let world = deliveries::world();
    let sender = Sender::to(&world.app);
    let mut sent: BTreeMap<String, String> = BTreeMap::new();
    for file in files(Path::new(&folder)) {
        let events: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        for event in events.as_array().unwrap() {
            for example in event["examples"].as_array().unwrap() {
                let id = sender.send(text(&event["name"]), example).await;
                sent.insert(id, format!("{} {}", file.display(), text(&event["name"])));
            }
        }
    }
    assert!(sent.len() > 300, "only {} examples were found", sent.len());
    world.app.settle().await;
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for (id, name) in &sent {
        let found = world.admin.get(&format!("/api/v1/admin/deliveries/{id}")).await.expect(200).value();
        assert!(matches!(text(&found["state"]), "processed" | "ignored"), "{name}: {found:#}");
        assert!(found["payload"].is_object(), "{name}");
        *outcomes.entry(text(&found["state"]).to_owned()).or_default() += 1;
    }
    println!("{} examples: {outcomes:?}", sent.len());
}
