use super::*;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::format::{self, Bounds, Format, Ground, Reading};
use crate::domain::repos::manifest::{self, ManifestName, OutputFormat, Runs};
use crate::engine::git::memory::MemoryTree;
use crate::engine::git::tree::FileKind;

#[test]
fn the_schema_names_our_words() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let issue = &schema["$defs"]["issue"]["properties"];
    assert_eq!(issue["kind"]["enum"], serde_json::json!(Kind::ALL));
    assert_eq!(issue["severity"]["enum"], serde_json::json!(Severity::ALL));
    assert_eq!(schema["properties"]["scope"]["properties"]["paths"]["maxItems"], MAX_SCOPE);
    let bounds = Bounds::default();
    assert_eq!(issue["rule"]["maxLength"], bounds.name);
    assert_eq!(issue["fingerprint"]["maxLength"], bounds.name);
    assert_eq!(issue["message"]["maxLength"], bounds.message);
}

#[test]
fn the_schema_describes_every_field() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let lists = [
        &schema["properties"],
        &schema["properties"]["tool"]["properties"],
        &schema["properties"]["scope"]["properties"],
        &schema["$defs"]["issue"]["properties"],
    ];
    for (name, field) in lists.into_iter().flat_map(|list| list.as_object().unwrap()) {
        assert!(field["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
    }
}

/// An example, read over a tree with the files that it names.
fn example(input: &str) -> Reading {
    let files = [("app/report.py", "import os\n\ndef report(name):\n    print(name)\n"), ("README.md", "report\n")];
    let tree = MemoryTree::new(files.map(|(path, content)| (path, FileKind::Regular, content)));
    format::read(Format::Plumbline, input.as_bytes(), &Ground::new(&tree), &Bounds::default()).unwrap()
}

#[test]
fn the_examples_are_read_whole() {
    for (input, rules, suppressed) in
        [(EXAMPLE, vec!["no-print", "shell-injection", "no-title"], 0), (EXAMPLE_LINES, vec!["no-print", "no-title"], 1)]
    {
        let read = example(input);
        assert_eq!(read.findings.iter().map(|read| read.finding.rule.as_str()).collect::<Vec<_>>(), rules);
        assert_eq!(read.findings.iter().filter(|read| read.suppressed.is_some()).count(), suppressed);
        assert_eq!((read.dropped, read.broken), (Vec::new(), None));
        assert_eq!(read.tools[0].name, "house-rules");
    }
}

#[test]
fn the_example_of_a_manifest_has_a_check_that_writes_it() {
    let manifest = manifest::parse(ManifestName::Plumbline, EXAMPLE_MANIFEST.as_bytes()).unwrap();
    let checks = manifest.checks.unwrap();
    assert!(matches!(&checks[0].runs, Runs::Command { output: OutputFormat::Plumbline, .. }), "{checks:?}");
}
