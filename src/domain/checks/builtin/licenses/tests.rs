use proptest::prelude::*;

use crate::domain::checks::builtin::tests::all_of;
use crate::engine::git::memory::MemoryTree;

use super::*;

const MIT: &str = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy of this\nsoftware …\n\nThe above copyright notice and this permission notice shall be included in all copies\n";
const APACHE: &str = "Apache License\nVersion 2.0, January 2004\nhttp://www.apache.org/licenses/\n";
const GPL: &str = "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n";

/// What stands in a header, cut in two so that this file has none.
fn header(expression: &str) -> String {
    format!("// SPDX-License-{}: {expression}\nfn main() {{}}\n", "Identifier")
}

fn said(files: &[(&str, &str)]) -> Vec<String> {
    let tree = MemoryTree::new(files.iter().map(|(path, content)| (*path, FileKind::Regular, *content)));
    let place = |span: Option<Span>| span.map_or(String::new(), |span| format!(":{}", span.line_start));
    all_of(&Licenses, &tree).iter().map(|finding| format!("{}{} {}", finding.path, place(finding.span), finding.rule)).collect()
}

fn quiet(files: &[(&str, &str)]) {
    assert_eq!(said(files), Vec::<String>::new(), "{files:?}");
}

#[test]
fn source_code_without_a_license_is_said_once_where_people_look_first() {
    assert_eq!(said(&[("src/a.rs", "fn a() {}"), ("src/b.rs", ""), ("README.md", ""), ("a.txt", "")]), ["README.md missing-license"]);
    assert_eq!(said(&[("src/a.rs", "fn a() {}")]), ["src/a.rs missing-license"]);
    for license in ["LICENSE", "LICENSE.md", "LICENCE.txt", "COPYING", "LICENSE-MIT", "UNLICENSE", "LICENSES/MIT.txt"] {
        quiet(&[("src/a.rs", "fn a() {}"), (license, MIT)]);
    }
    quiet(&[("notes.txt", "no code here")]);
    quiet(&[("package.json", "{\"license\": \"UNLICENSED\"}"), ("a.js", "let a;")]);
}

#[test]
fn what_is_only_called_after_licenses_is_no_text_of_one() {
    for other in
        ["license-checker.json", "license.yml", "licenses/index.ts", "licenses/page.vue", "licenses/list.json", "src/licenses/mod.rs"]
    {
        let found = said(&[("README.md", ""), ("src/a.rs", "fn a() {}"), (other, "{\"production\": true}")]);
        assert_eq!(found, ["README.md missing-license"], "{other}");
        assert_eq!(
            said(&[("LICENSE", MIT), (other, "{}"), ("a.rs", &header("GPL-3.0-only"))]),
            ["a.rs:1 license-conflict"],
            "{other} makes nothing unclear"
        );
    }
    quiet(&[
        ("src/a.rs", "fn a() {}"),
        ("LICENSES/GPL-3.0-only.txt", ""),
        ("LICENSES/Apache-2.0", APACHE),
        ("a.rs", &header("Apache-2.0")),
    ]);
}

#[test]
fn a_header_that_spdx_does_not_know_is_found_at_its_line() {
    for (expression, rules) in [
        ("MIT", 0),
        ("MIT OR Apache-2.0", 0),
        ("GPL-2.0+ WITH Classpath-exception-2.0", 0),
        ("GPL-2.0", 0),
        ("LicenseRef-Acme", 0),
        ("Apache 2", 1),
        ("MIT/Apache-2.0", 1),
        ("MIT OR", 1),
        ("", 1),
        ("(MIT", 1),
        ("The license of Acme", 1),
    ] {
        let content = format!("\n{}", header(expression));
        let found = said(&[("LICENSE", "our own words"), ("a.rs", &content)]);
        assert_eq!(found, vec!["a.rs:2 invalid-spdx"; rules], "{expression}");
    }
    let message = Licenses.file(&file("a.rs"), 0, header("Apache 2").as_bytes()).remove(0).message;
    assert!(message.contains("did you mean `Apache-2.0`?"), "{message}");
}

fn file(path: &str) -> TreeFile {
    TreeFile { path: TreePath::new(path), kind: FileKind::Regular, blob: crate::base::name::BlobId::from_bytes([0; 20]) }
}

#[test]
fn code_that_names_headers_has_none() {
    let mark = format!("SPDX-License-{}", "Identifier:");
    quiet(&[("LICENSE", MIT), ("a.rs", &format!("let mark = \"{mark} nonsense\";\n")), ("docs/a.md", &format!("{mark} nonsense"))]);
}

#[test]
fn a_header_that_contradicts_the_license_is_found() {
    assert_eq!(said(&[("LICENSE", MIT), ("a.rs", &header("GPL-3.0-only"))]), ["a.rs:1 license-conflict"]);
    assert_eq!(said(&[("LICENSE", MIT), ("a.rs", &header("MIT AND GPL-3.0-only"))]), ["a.rs:1 license-conflict"]);
    quiet(&[("LICENSE", MIT), ("a.rs", &header("MIT OR GPL-3.0-only"))]);
    quiet(&[("LICENSE", GPL), ("a.rs", &header("GPL-3.0-or-later")), ("b.rs", &header("GPL-3.0"))]);
    quiet(&[("LICENSE-MIT", MIT), ("LICENSE-APACHE", APACHE), ("a.rs", &header("Apache-2.0"))]);
    quiet(&[("LICENSE", "our own words"), ("a.rs", &header("MIT"))]);
    quiet(&[("LICENSES/MIT.txt", MIT), ("LICENSES/GPL-3.0-only.txt", ""), ("a.rs", &header("GPL-3.0-only"))]);
    quiet(&[("LICENSE", MIT), ("vendor/a.rs", &header("GPL-3.0-only"))]);
}

#[test]
fn a_package_with_a_license_of_its_own_speaks_for_itself() {
    quiet(&[("LICENSE", MIT), ("pkg/LICENSE", GPL), ("pkg/src/a.rs", &header("GPL-3.0-only"))]);
    assert_eq!(said(&[("LICENSE", MIT), ("pkg/LICENSE", GPL), ("pkg/a.rs", &header("MIT"))]), ["pkg/a.rs:1 license-conflict"]);
    quiet(&[("LICENSE", MIT), ("pkg/package.json", "{\"license\": \"Apache-2.0\"}"), ("pkg/a.js", &header("Apache-2.0"))]);
}

#[test]
fn a_manifest_that_contradicts_the_license_is_found_at_its_line() {
    for (path, content, line) in [
        ("package.json", "{\n  \"license\": \"GPL-3.0-only\"\n}", 2),
        ("Cargo.toml", "[package]\nname = \"a\"\nlicense = \"GPL-3.0-only\"\n", 3),
        ("Cargo.toml", "[workspace.package]\nlicense = \"GPL-3.0-only\"\n", 2),
        ("pyproject.toml", "[project]\nlicense = \"GPL-3.0-only\"\n", 2),
        ("pyproject.toml", "[tool.poetry]\nlicense = \"GPL-3.0-only\"\n", 2),
        ("composer.json", "{\"license\": [\"GPL-3.0-only\", \"LGPL-3.0-only\"]}", 1),
    ] {
        assert_eq!(said(&[("LICENSE", MIT), (path, content)]), [format!("{path}:{line} license-conflict")], "{content}");
        quiet(&[("LICENSE", MIT), (path, &content.replace("GPL-3.0-only", "MIT").replace("LMIT", "MIT"))]);
    }
    quiet(&[("LICENSE-MIT", MIT), ("LICENSE-APACHE", APACHE), ("Cargo.toml", "[package]\nlicense = \"MIT/Apache-2.0\"\n")]);
    quiet(&[
        ("LICENSE", MIT),
        ("package.json", "{"),
        ("Cargo.toml", "["),
        ("pyproject.toml", "[project]\nlicense = {file = \"LICENSE\"}\n"),
    ]);
}

#[test]
fn a_manifest_that_names_no_known_license_is_told_what_was_meant() {
    assert_eq!(said(&[("LICENSE", MIT), ("package.json", "{\"license\": \"Apache 2.0 license\"}")]), ["package.json:1 invalid-spdx"]);
    quiet(&[("LICENSE", MIT), ("pyproject.toml", "[project]\nlicense = {text = \"see our site\"}\n")]);
    quiet(&[("LICENSE", MIT), ("package.json", "{\"license\": \"SEE LICENSE IN LICENSE\"}")]);
}

#[test]
fn a_header_is_missed_only_where_nearly_all_have_one() {
    let (with, without) = (header("MIT"), "fn main() { println!(\"some work is done here\"); }\n".repeat(8));
    let count = |with_header: usize, bare: usize| {
        let mut files: Vec<(String, &str)> = vec![("LICENSE".to_owned(), MIT)];
        files.extend((0..with_header).map(|n| (format!("a{n}.rs"), &with[..])));
        files.extend((0..bare).map(|n| (format!("b{n}.rs"), &without[..])));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, content)| (&path[..], *content)).collect();
        said(&files).len()
    };
    assert_eq!([count(20, 2), count(20, 3), count(9, 1), count(0, 30), count(30, 0)], [2, 0, 0, 0, 0]);
}

#[test]
fn a_canceled_look_ends_soon_and_says_nothing() {
    let tree = MemoryTree::new((0..1_000).map(|n| (format!("a{n}.rs"), FileKind::Regular, "fn a() {}")));
    assert_eq!(Licenses.tree(&tree, &|| true).unwrap().findings.iter().filter(|finding| finding.rule != "missing-license").count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_any_place_is_judged(
        parts in proptest::collection::vec(prop::sample::select(vec!["MIT", " OR ", " AND ", " WITH ", "(", ")", "GPL-2.0", "+", "-only", "LicenseRef-", "é", ":", "/", " "]), 0..30),
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        let text = parts.concat();
        let manifest = format!("{{\"license\": {}}}", serde_json::to_string(&text).unwrap());
        let toml = format!("[package]\nlicense = {}\n", serde_json::to_string(&text).unwrap());
        said(&[("LICENSE", MIT), ("a.rs", &header(&text)), ("package.json", &manifest), ("Cargo.toml", &toml)]);
        let tree = MemoryTree::new(["LICENSE", "a.rs", "package.json", "Cargo.toml", "pyproject.toml"].map(|path| (path, FileKind::Regular, bytes.clone())));
        all_of(&Licenses, &tree);
    }

    #[test]
    fn brackets_without_end_are_read_in_bounded_stack(depth in 0_usize..300) {
        said(&[("LICENSE", MIT), ("a.rs", &header(&format!("{}MIT{}", "(".repeat(depth), ")".repeat(depth))))]);
    }
}
