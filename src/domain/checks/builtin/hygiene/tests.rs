use proptest::prelude::*;

use crate::domain::checks::builtin;
use crate::domain::checks::builtin::tests::all_of;
use crate::engine::git::memory::MemoryTree;

use super::*;

mod hostile;

const BOM: &str = "\u{feff}";

/// What is said of a tree of plain files: `path:line:column rule`.
fn said(files: &[(&str, &str)]) -> Vec<String> {
    places(&MemoryTree::new(files.iter().map(|(path, content)| (*path, FileKind::Regular, *content))))
}

/// What is said of a tree of links and, where the target is empty, files.
fn said_of_links(files: &[(&str, &str)]) -> Vec<String> {
    let kind = |target: &str| if target.is_empty() { FileKind::Regular } else { FileKind::Symlink };
    places(&MemoryTree::new(files.iter().map(|(path, target)| (*path, kind(target), *target))))
}

fn places(tree: &MemoryTree) -> Vec<String> {
    let findings = all_of(&Hygiene, tree);
    let place = |span: Option<Span>| match span {
        None => String::new(),
        Some(Span { line_start, column_start: None, .. }) => format!(":{line_start}"),
        Some(Span { line_start, column_start: Some(column), .. }) => format!(":{line_start}:{column}"),
    };
    findings.iter().map(|finding| format!("{}{} {}", finding.path, place(finding.span), finding.rule)).collect()
}

fn message(path: &str, content: &str) -> String {
    let tree = MemoryTree::new([(path, FileKind::Regular, content)]);
    all_of(&Hygiene, &tree).remove(0).message
}

/// Nothing is said of any of these.
fn quiet(files: &[(&str, &str)]) {
    for file in files {
        assert_eq!(said(&[*file]), Vec::<String>::new(), "{}: {:?}", file.0, file.1);
    }
}

const CONFLICT: &str = "a\n<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> topic\nb\n";

#[test]
fn a_committed_conflict_is_found_where_it_begins() {
    assert_eq!(said(&[("src/a.rs", CONFLICT)]), ["src/a.rs:2:1 conflict-marker"]);
    assert_eq!(said(&[("a.py", &CONFLICT.replace('\n', "\r\n"))]), ["a.py:2:1 conflict-marker"]);
    let with_base = "<<<<<<< ours\n1\n||||||| base\n2\n=======\n3\n>>>>>>> theirs\n";
    assert_eq!(said(&[("README.md", with_base)]), ["README.md:1:1 conflict-marker"]);
    assert_eq!(said(&[("a.c", &CONFLICT.repeat(2))]), ["a.c:2:1 conflict-marker", "a.c:9:1 conflict-marker"]);
    assert!(message("a.c", CONFLICT).contains("to line 6"));
}

#[test]
fn a_conflict_in_a_format_is_said_once() {
    assert_eq!(said(&[("package.json", &format!("{{\n{CONFLICT}}}"))]), ["package.json:3:1 conflict-marker"]);
}

#[test]
fn what_only_resembles_a_conflict_is_none() {
    quiet(&[
        ("a.rst", "Title\n=======\n\n>>>>>>> quoted\n"),
        ("a.md", "<<<<<<< HEAD\n\nTitle\n========\n>>>>>>> x\n"),
        ("a.md", &format!("How it looks:\n\n```\n{CONFLICT}```\n")),
        ("docs/resolving-merge-conflicts.txt", CONFLICT),
        ("src/merge/driver.rs", CONFLICT),
        ("tests/fixtures/a.rs", CONFLICT),
        ("a.patch", CONFLICT),
        ("a.rs", "    <<<<<<< HEAD\n    =======\n    >>>>>>> x\n"),
        ("a.rs", ">>>>>>> x\n=======\n<<<<<<< HEAD\n"),
        ("a.rs", "<<<<<<< HEAD\n=======\n"),
        ("a.rs", "<<<<<<<< HEAD\n=======\n>>>>>>>> x\n"),
        ("vendor/lib/a.rs", CONFLICT),
    ]);
    assert_eq!(said(&[("a.md", &format!("```\ncode\n```\n{CONFLICT}"))]), ["a.md:5:1 conflict-marker"], "behind a fenced block");
}

#[test]
fn broken_json_is_found_at_its_place() {
    assert_eq!(said(&[("a.json", "{\n  \"ä\": 1,\n}\n")]), ["a.json:3:1 invalid-json"]);
    assert_eq!(said(&[("a.json", "{\"ä\" 1}")]), ["a.json:1:6 invalid-json"], "columns count characters");
    assert_eq!(said(&[("a.json", "{\"a\": 1}\n}\n")]), ["a.json:2:1 invalid-json"]);
    assert_eq!(said(&[("a.json", "[1, 2")]), ["a.json:1:5 invalid-json"]);
    assert_eq!(said(&[("a.geojson", "{'a': 1}")]), ["a.geojson:1:2 invalid-json"]);
    assert_eq!(said(&[("a.jsonl", "{\"a\":1}\n\n{\"b\":}\n{}\n")]), ["a.jsonl:3:6 invalid-json"]);
    assert!(message("a.json", "{\"a\": 1,}").starts_with("Not valid JSON: a comma stands before the closing `}`"));
}

#[test]
fn json_that_a_tolerant_reader_is_meant_for_is_not_judged() {
    quiet(&[
        ("tsconfig.build.json", "{\"a\": 1,}"),
        (".vscode/settings.json", "{\"a\": 1,}"),
        (".eslintrc.json", "{\"a\": 1,}"),
        ("devcontainer.json", "{\"a\": 1,}"),
        ("a.json", "// why\n{\"a\": 1,}"),
        ("a.json", "{\"a\": \"http://x\", /* why */ \"b\": 2,}"),
        ("a.json5", "{a: 1}"),
        ("a.jsonc", "{a: 1}"),
        ("a.code-workspace", "{a: 1}"),
        ("export.json", "{\"a\":1}\n{\"a\":2}\n"),
        ("template.json", "{\"a\": {{ value }} }"),
        ("a.json", "{% if x %}{}{% endif %}"),
        ("a.json", "{\"port\": ${PORT}}"),
        ("a.json.j2", "{"),
        ("{{cookiecutter.name}}/a.json", "{"),
        ("empty.json", ""),
        ("blank.json", "\n"),
        ("test/fixtures/a.json", "{"),
        ("tests/a.json", "{"),
        ("invalid-utf8.json", "{"),
        ("node_modules/x/a.json", "{"),
        ("big.json", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    ]);
}

#[test]
fn a_string_that_looks_like_a_comment_does_not_excuse_a_file() {
    assert_eq!(said(&[("a.json", "{\"a\": \"http://x\", \"b\": 2,}")]).len(), 1);
    assert_eq!(said(&[("a.json", "{\"a\": \"\\\"// no\", \"b\": 2,}")]).len(), 1);
}

#[test]
fn broken_yaml_is_found_at_its_place() {
    assert_eq!(said(&[("a.yml", "a: [1, 2\nb: 3\n")]).len(), 1);
    assert_eq!(
        said(&[(".github/workflows/test.yml", "on: push\njobs:\n\tbuild: ${{ x }}\n")]),
        [".github/workflows/test.yml:3:2 invalid-yaml"]
    );
    assert_eq!(said(&[("a.yaml", "a: b: c\n")]), ["a.yaml:1:5 invalid-yaml"]);
    assert_eq!(said(&[("a.yaml", "ä: 1\nb: \"x\n")]).len(), 1);
}

#[test]
fn yaml_that_some_parser_takes_is_taken() {
    quiet(&[
        ("a.yaml", "a: 1\na: 2\n"),
        ("a.yaml", "base: &b {x: 1}\nc:\n  <<: *b\n---\n- !Ref Thing\n- !vault |\n  secret\n...\n"),
        ("a.yaml", "Fn: !Sub '${A}-b'\nGet: !GetAtt A.Arn\nx: !!python/name:a.b ''\n"),
        ("chart/templates/x.yaml", "{{- if .Values.on }}\na: {{ .Values.a }}\n{{- end }}\n"),
        ("play.yml", "- debug: msg={{ x }}\n  when: {% y %}\n"),
        ("a.yaml", "version: @VERSION@\n"),
        ("a.yaml", "- x\n- y\n\n# comment\n"),
        ("a.yaml", "key: value with: \"colon\" inside? no\n".replace(": \"", ":\"").as_str()),
        ("a.yaml", "%YAML 1.2\n---\na: |\n\ttabs in a block are text\n".replace("\n\t", "\n  \t").as_str()),
        ("a.yaml", "# nothing\n"),
    ]);
}

#[test]
fn broken_toml_is_found_at_its_place() {
    assert_eq!(said(&[("Cargo.toml", "[package]\nname = \n")]).len(), 1);
    assert_eq!(said(&[("a.toml", "a = 1\na = 2\n")]), ["a.toml:2:1 invalid-toml"]);
    quiet(&[("a.toml", "a = 1979-05-27\n[[b]]\nc = {d = 1}\n"), ("a.toml", "a = {{ b }}\n"), ("a.toml", "a = @b@\n")]);
}

#[test]
fn what_nests_deeper_than_our_parsers_go_is_not_called_broken() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(2_000), close.repeat(2_000));
    let (list, toml) = (deep("[", "]"), format!("a = {}\n", deep("[", "]")));
    quiet(&[("a.json", &list), ("a.yaml", &list), ("a.toml", &toml), ("a.xml", &deep("<a>", "</a>"))]);
}

#[test]
fn broken_xml_is_found_at_its_place() {
    assert_eq!(said(&[("a.xml", "<a>\n  <b>\n</a>\n")]), ["a.xml:3:1 invalid-xml"]);
    assert_eq!(said(&[("a.svg", "<svg>\n  <g>\n")]), ["a.svg:2:3 invalid-xml"]);
    assert_eq!(said(&[("a.csproj", "<a x=\"1\" x=\"2\"/>")]), ["a.csproj:1:1 invalid-xml"]);
    assert_eq!(said(&[("a.plist", "<a><!-- lost </a>")]), ["a.plist:1:4 invalid-xml"]);
    assert_eq!(message("a.svg", "<svg>\n  <g id='x'>\n"), "Not valid XML: `<g>` is never closed");
}

#[test]
fn xml_that_some_reader_takes_is_taken() {
    quiet(&[
        ("a.html", "<p>one<p>two<br>"),
        ("a.xml", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a><b></a>"),
        ("a.svg", "<!DOCTYPE svg [<!ENTITY x \"<g>\">]><svg>&x;</svg>"),
        ("a.svg", "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\"><svg/>"),
        ("a.xml", "<a><![CDATA[<b>]]>&undefined;</a>"),
        ("a.xml", "<one/><two/>"),
        ("a.xml", "<a>{% if x %}<b>{% endif %}</a>"),
        ("a.props", "key=value"),
        ("a.xml", ""),
    ]);
}

#[test]
fn a_mark_is_found_where_it_breaks_something() {
    for (path, content) in
        [("run", "#!/bin/sh\n"), ("a.sh", "echo\n"), ("a.json", "{}"), ("a.php", "<?php\n"), ("Makefile", "all:\n"), (".gitignore", "x\n")]
    {
        assert_eq!(said(&[(path, &format!("{BOM}{content}"))]), [format!("{path}:1:1 byte-order-mark")]);
    }
    for path in ["a.cs", "a.ps1", "a.csv", "a.txt", "a.sln", "a.cpp", "a.resx", "a.md", "appsettings.json", "testdata/a.json"] {
        quiet(&[(path, &format!("{BOM}{}", if path.ends_with("json") { "{}" } else { "x\n" }))]);
    }
}

#[test]
fn line_endings_are_mixed_if_both_stand_in_earnest() {
    let mixed = |windows: usize, unix: usize| "a\r\n".repeat(windows) + &"b\n".repeat(unix);
    assert_eq!(said(&[("a.rs", &mixed(20, 5))]), ["a.rs:21 mixed-line-endings"]);
    assert_eq!(said(&[("a.md", &mixed(5, 45))]), ["a.md:1 mixed-line-endings"]);
    assert!(message("a.rs", &mixed(2_000, 500)).starts_with("2,000 lines end in CRLF and 500 in LF"));
    quiet(&[
        ("a.rs", &mixed(4, 20)),
        ("a.rs", &mixed(5, 46)),
        ("a.rs", &mixed(50, 0)),
        ("a.rs", &mixed(0, 50)),
        ("a.bat", &mixed(20, 20)),
        ("a.csv", &mixed(20, 20)),
        ("a.txt", &mixed(20, 20)),
        ("a.min.js", &mixed(20, 20)),
        ("a.snap", &mixed(20, 20)),
        ("tests/a.rs", &mixed(20, 20)),
        ("third_party/a.rs", &mixed(20, 20)),
    ]);
}

#[test]
fn paths_that_are_one_elsewhere_are_found() {
    assert_eq!(said(&[("README.md", "a"), ("a", "x"), ("readme.md", "b")]), ["readme.md case-collision"]);
    assert_eq!(said(&[("src/Caf\u{e9}", "a"), ("src/cafe\u{301}", "b")]).len(), 1);
    assert_eq!(said(&[("Docs", "a file"), ("docs/a", "b")]), ["Docs case-collision"]);
    assert_eq!(said(&[("vendor/A", "a"), ("vendor/a", "b")]), ["vendor/a case-collision"], "vendored files are checked out too");
    assert_eq!(said(&[("Docs/a", "a"), ("docs/b", "b")]), Vec::<String>::new());
    assert_eq!(said(&[("a/b/c", ""), ("a/b/d/e", ""), ("a/B", "")]), ["a/B case-collision"]);
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let good = [
        ("dir/file", ""),
        ("to-file", "dir/file"),
        ("to-dir", "dir"),
        ("through", "to-dir/file"),
        ("dir/up", "../dir/file"),
        ("dir/self", "."),
        ("slash", "dir/"),
        ("to-root", "dir/.."),
        ("null", "/dev/null"),
        ("system", "/usr/share/zoneinfo/UTC"),
        ("made", "target/release/app"),
        ("tests/broken", "nowhere"),
    ];
    assert_eq!(said_of_links(&good), Vec::<String>::new());
    for bad in ["nowhere", "dir/none", "dir/file/below", "../other/repo", "to-dir/none", "/home/me/file", "C:\\file", ""] {
        let mut tree: Vec<_> = good[..3].to_vec();
        tree.push(("link", bad));
        let expected: &[&str] = if bad.is_empty() { &[] } else { &["link dangling-symlink"] };
        assert_eq!(said_of_links(&tree), expected, "{bad}");
    }
}

#[test]
fn a_circle_of_links_is_said_once() {
    assert_eq!(said_of_links(&[("a", "b"), ("b", "c"), ("c", "a"), ("into", "b")]), ["a dangling-symlink"]);
    assert_eq!(said_of_links(&[("x/self", "self")]), ["x/self dangling-symlink"]);
}

/// A tree in which one content cannot be read.
struct Damaged {
    whole: MemoryTree,
    path: &'static str,
    why: fn() -> git::Error,
}

impl Tree for Damaged {
    fn listing(&self) -> &git::tree::Listing {
        self.whole.listing()
    }

    fn content_size(&self, file: &TreeFile) -> git::Result<u64> {
        self.whole.content_size(file)
    }

    fn content(&self, file: &TreeFile, cap: u64) -> git::Result<Vec<u8>> {
        if file.path.as_bytes() == self.path.as_bytes() { Err((self.why)()) } else { self.whole.content(file, cap) }
    }

    fn content_head(&self, file: &TreeFile, most: u64) -> git::Result<Vec<u8>> {
        if file.path.as_bytes() == self.path.as_bytes() { Err((self.why)()) } else { self.whole.content_head(file, most) }
    }
}

#[test]
fn a_link_that_cannot_be_read_is_named_and_the_others_are_judged() {
    let links = [("a", "nowhere"), ("b", "nowhere"), ("c", "b")];
    let whole = MemoryTree::new(links.map(|(path, target)| (path, FileKind::Symlink, target)));
    let mut tree = Damaged { whole, path: "b", why: || git::Error::Corrupt { what: "a blob".into(), why: "it is gone".into() } };
    let said = Hygiene.tree(&tree, &|| false).unwrap();
    assert_eq!(said.findings.iter().map(|finding| finding.path.to_string()).collect::<Vec<_>>(), ["a"], "of `c` nobody can tell");
    assert_eq!(said.unread.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>(), ["b"]);
    tree.why = || git::Error::Busy { path: "mirror".into() };
    assert!(Hygiene.tree(&tree, &|| false).is_err(), "what may pass is waited for");
}

#[test]
fn a_link_into_a_submodule_is_left_alone() {
    let tree = MemoryTree::new([("sub", FileKind::Submodule, ""), ("link", FileKind::Symlink, "sub/file")]);
    assert_eq!(places(&tree), Vec::<String>::new());
}

/// What is said of one file that claims this size and begins like this.
fn said_of_size(path: &str, size: u64, head: &[u8]) -> Vec<Finding> {
    let file = plain(path);
    match Hygiene.wants(&file, size) {
        Wants::Nothing => Vec::new(),
        _ => Hygiene.file(&file, size, head),
    }
}

fn plain(path: &str) -> TreeFile {
    TreeFile { path: TreePath::new(path), kind: FileKind::Regular, blob: crate::base::name::BlobId::from_bytes([0; 20]) }
}

#[test]
fn large_binaries_are_found_and_large_text_is_not() {
    let (large, binary) = (5 << 20, b"\x7fELF\0\0");
    let archive = b"PK\x03\x04\x9c\xfe\xed";
    for (path, size, content) in [("tools/app.zip", large, &archive[..]), ("server", large, binary), ("dump", 1 << 40, binary)] {
        let findings = said_of_size(path, size, content);
        assert_eq!(findings.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(), ["large-binary"], "{path}");
    }
    let message = &said_of_size("data/Model.ONNX", large, binary)[0].message;
    assert!(message.contains("5.0 MiB") && message.contains("`git lfs track \"*.ONNX\"`"), "{message}");
    for (path, size, content) in [
        ("data.csv", 1 << 40, &b"a,b"[..]),
        ("notes", large, b"words"),
        ("app.zip", large - 1, archive),
        ("vendor/app.zip", large, archive),
    ] {
        assert_eq!(said_of_size(path, size, content), Vec::new(), "{path}");
    }
    quiet(&[("app.zip", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99999999\n")]);
}

#[test]
fn a_name_does_not_make_a_large_file_binary_nor_text() {
    let large = 5 << 20;
    assert_eq!(said_of_size("zero.txt", large, &[0; 100]).len(), 1);
    let wide: Vec<u8> = "\u{feff}id;name".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (path, head) in [("mesh.obj", &b"v 1.0 2.0 3.0\n"[..]), ("table.dat", "caf\u{e9}".as_bytes()), ("export.csv", &wide)] {
        assert_eq!(said_of_size(path, large, head), Vec::new(), "{path}");
    }
    assert_eq!(said_of_size("cut.dat", large, &"\u{e9}".as_bytes()[..1]), Vec::new(), "a character that the end of the head cuts is none");
}

#[test]
fn of_a_large_file_the_head_alone_is_asked_for() {
    let head = Wants::Head { bytes: SNIFFED as u64 };
    for path in ["a.zip", "a", "a.csv", "fixtures/a.rs"] {
        assert_eq!(Hygiene.wants(&plain(path), 1 << 40), head, "{path}");
    }
    assert_eq!(Hygiene.wants(&plain("a.zip"), 100), Wants::Nothing);
    assert_eq!(Hygiene.wants(&plain("a.rs"), 100), Wants::Content { cap: 100 });
    assert_eq!(Hygiene.wants(&plain("fixtures/a.rs"), 100), Wants::Nothing);
    assert_eq!(Hygiene.wants(&TreeFile { kind: FileKind::Symlink, ..plain("a") }, 100), Wants::Nothing);
}

#[test]
fn text_in_other_encodings_is_not_judged() {
    let utf16: Vec<u8> = "\u{feff}{".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let latin1 = b"<a>caf\xe9".to_vec();
    assert_eq!(
        places(&MemoryTree::new([("a.json", FileKind::Regular, utf16), ("b.xml", FileKind::Regular, latin1)])),
        Vec::<String>::new()
    );
}
