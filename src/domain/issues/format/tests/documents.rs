//! Each format as its writers write it.

use super::*;

#[test]
fn sarif_is_read_with_its_rules_suppressions_and_fingerprints() {
    let read = reading(
        Format::Sarif,
        r#"{"version": "2.1.0", "runs": [{
        "automationDetails": {"id": "nightly/7"},
        "results": [
            {"ruleId": "R1", "ruleIndex": 0, "message": {"text": "first"}, "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": "src/a.py"}, "region": {"startLine": 2, "startColumn": 7, "endColumn": 9}}}],
             "fingerprints": {"a": "requires login"}, "partialFingerprints": {"z": "1", "primaryLocationLineHash": "abc:1"}},
            {"rule": {"index": 1}, "message": {"id": "say", "arguments": ["this"]}, "locations": [{"physicalLocation": {
                "artifactLocation": {"index": 0}}}], "suppressions": [{"kind": "inSource", "justification": "known"}]},
            {"ruleId": "R1/sub", "level": "note", "message": {"text": "by its parent"}, "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": "b%20c.py", "uriBaseId": "SRC"}, "region": {"startLine": 1}}}],
             "suppressions": [{"kind": "external", "status": "rejected"}]},
            {"rule": {"id": "X1", "toolComponent": {"index": 0}}, "message": {"text": "extended"}, "locations": [
                {"logicalLocations": [{"name": "f"}]},
                {"physicalLocation": {"artifactLocation": {"uri": "file:///ci/README.md"}, "region": {"charOffset": 3}}}]},
            {"kind": "pass", "message": {"text": "fine"}},
            {"baselineState": "absent", "message": {"text": "gone"}},
            {"ruleId": "R1", "message": {"text": "nowhere"}, "locations": [{"logicalLocations": [{"fullyQualifiedName": "a::b"}]}]}
        ],
        "tool": {"driver": {"name": "T", "semanticVersion": "1.2", "rules": [
            {"id": "R1", "defaultConfiguration": {"level": "error"}, "properties": {"tags": ["correctness", "x"]}},
            {"id": "R2", "messageStrings": {"say": {"text": "say {0}"}}, "properties": {"security-severity": "9.8"}}]},
            "extensions": [{"name": "E", "rules": [{"id": "X1", "properties": {"tags": ["performance"]}}]}]},
        "artifacts": [{"location": {"uri": "src/a.py"}}],
        "originalUriBaseIds": {"ROOT": {"uri": "file:///ci/"}, "SRC": {"uri": "src/", "uriBaseId": "ROOT"}}
        }]}"#,
    );
    assert_eq!(
        told(&read),
        [
            "src/a.py 2:6-2:7 major bug R1: first #primaryLocationLineHash:abc:1",
            "src/a.py blocker security R2: say this (known)",
            "src/b c.py 1-1 info bug R1: by its parent",
            "README.md minor performance X1: extended",
        ]
    );
    assert_eq!(dropped(&read), ["nowhere names no file, only `a::b` ×1"]);
    assert_eq!((read.read, read.category.as_deref()), (7, Some("nightly")));
    assert_eq!(read.tool(), Some(&Tool { name: "T".to_owned(), version: Some("1.2".to_owned()) }));
}

#[test]
fn sarifs_rules_keep_their_places_where_one_of_them_is_not_taken() {
    let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
    let rules = format!(
        r#"[{{"id": "R0", "properties": {{"x": {deep}}}}}, {{"id": "R1"}}, {{"id": "R2", "defaultConfiguration": {{"level": "error"}}}}]"#
    );
    let result = |reference: &str| {
        format!(
            r#"{{{reference}, "message": {{"text": "m"}}, "locations": [{{"physicalLocation": {{"artifactLocation": {{"uri": "README.md"}}}}}}]}}"#
        )
    };
    let results =
        [r#""ruleIndex": 1"#, r#""rule": {"index": 2}"#, r#""rule": {"index": 1, "toolComponent": {"index": 0}}"#].map(result).join(", ");
    let read = reading(
        Format::Sarif,
        &format!(
            r#"{{"runs": [{{"tool": {{"driver": {{"rules": {rules}}}, "extensions": [{{"rules": {rules}}}]}}, "results": [{results}, {}]}}]}}"#,
            result(r#""ruleIndex": 0"#)
        ),
    );
    // The second and the last but one are the same rule of two components, and so the same finding.
    assert_eq!(told(&read), ["README.md minor quality R1: m", "README.md major quality R2: m", "README.md minor quality unnamed: m"]);
}

#[test]
fn a_mark_that_is_empty_makes_no_two_results_one() {
    let read = reading(
        Format::Sarif,
        r#"{"runs": [{"results": [{"message": {"text": "m"}, "partialFingerprints": {"author": "", "commitSha": ""},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": "README.md"}}}]}]}]}"#,
    );
    assert_eq!(told(&read), ["README.md minor quality unnamed: m"]);
}

#[test]
fn sarif_counts_columns_as_each_of_its_runs_says() {
    let run = |kind: &str, column: u32| {
        format!(
            r#"{{"columnKind": {kind}, "results": [{{"message": {{"text": "m{column}"}}, "locations": [{{"physicalLocation":
            {{"artifactLocation": {{"uri": "src/a.py"}}, "region": {{"startLine": 2, "startColumn": {column}}}}}}}]}}]}}"#
        )
    };
    let document = [run("null", 7), run("\"unicodeCodePoints\"", 6), run("\"utf16CodeUnits\"", 8)].join(",");
    let read = reading(Format::Sarif, &format!(r#"{{"runs": [{document}]}}"#));
    let columns: Vec<Option<u32>> = read.findings.iter().map(|read| read.finding.span.unwrap().column_start).collect();
    assert_eq!(columns, [Some(6), Some(6), Some(7)]);
}

#[test]
fn what_we_write_as_sarif_is_read_as_it_was() {
    let read = reading(
        Format::Sarif,
        r#"{"runs": [{"tool": {"driver": {"name": "secrets", "rules": [{"id": "key"}]}}, "columnKind": "unicodeCodePoints", "results": [
        {"ruleId": "key", "ruleIndex": 0, "level": "error", "message": {"text": "m"}, "locations": [{"physicalLocation": {
         "artifactLocation": {"uri": "src/b%20c.py", "uriBaseId": "SRCROOT"}, "region": {"startLine": 1, "endLine": 1, "startColumn": 1, "endColumn": 6}}}],
         "properties": {"kind": "security", "severity": "blocker"}}]}]}"#,
    );
    assert_eq!(told(&read), ["src/b c.py 1:1-1:5 blocker security key: m"]);
}

#[test]
fn both_forms_of_sonars_issues_are_read() {
    let old = r#"{"issues": [
        {"engineId": "e", "ruleId": "r1", "type": "VULNERABILITY", "severity": "CRITICAL",
         "primaryLocation": {"message": "m", "filePath": "src/a.py", "textRange": {"startLine": 2, "endLine": 2, "startColumn": 6, "endColumn": 8}}},
        {"engineId": "e", "ruleId": "r2", "type": "CODE_SMELL", "severity": "INFO", "primaryLocation": {"message": "n", "filePath": "./README.md"}}]}"#;
    let read = reading(Format::Sonar, old);
    assert_eq!(told(&read), ["src/a.py 2:6-2:7 critical security r1: m", "README.md info quality r2: n"]);
    assert_eq!(read.tool().unwrap().name, "e");
    let new = r#"{"issues": [{"ruleId": "r1", "primaryLocation": {"message": "m", "filePath": "src/a.py", "textRange": {"startLine": 1}}}],
        "rules": [{"id": "r1", "name": "n", "engineId": "e", "impacts": [
            {"softwareQuality": "MAINTAINABILITY", "severity": "LOW"}, {"softwareQuality": "RELIABILITY", "severity": "HIGH"}]}]}"#;
    assert_eq!(told(&reading(Format::Sonar, new)), ["src/a.py 1-1 critical bug r1: m"]);
}

#[test]
fn reviewdogs_diagnostics_are_read_as_a_document_and_line_by_line() {
    let one = r#"{"message": "m", "location": {"path": "src/a.py", "range": {"start": {"line": 2, "column": 13}, "end": {"line": 2, "column": 15}}}, "severity": "ERROR", "code": {"value": "C1"}}"#;
    let two = r#"{"message": "n", "location": {"path": "README.md"}, "source": {"name": "other"}}"#;
    let read = reading(Format::Rdjson, &format!(r#"{{"diagnostics": [{one}, {two}], "source": {{"name": "lint"}}, "severity": 3}}"#));
    assert_eq!(told(&read), ["src/a.py 2:6-2:7 major quality C1: m", "README.md info quality other: n"]);
    assert_eq!(read.findings.iter().map(|read| read.tool).collect::<Vec<_>>(), [Some(0), Some(1)]);
    let read = reading(Format::Rdjsonl, &format!("{one}\n\nnot json\n{two}\n"));
    assert_eq!(told(&read), ["src/a.py 2:6-2:7 major quality C1: m", "README.md minor quality other: n"]);
    assert_eq!(dropped(&read), ["line 3 is no JSON ×1"]);
}

#[test]
fn checkstyles_errors_are_read_with_their_entities() {
    let read = reading(
        Format::Checkstyle,
        "<?xml version='1.0'?><checkstyle version='4.3'><file name='/ci/src/a.py'>\
         <error line='2' column='6' severity='error' message='a &lt; b &#38; &quot;c&quot; &unknown;' source='x.Y'/>\
         <error line='0' severity='ignore' message='no' source='z'/></file><file name='README.md'><error severity='info' message='m'></error></file></checkstyle>",
    );
    assert_eq!(
        told(&read),
        ["src/a.py 2-2 major quality x.Y: a &lt; b &#38; &quot;c&quot; &unknown;", "README.md info quality checkstyle: m"]
    );
    let read = reading(Format::Checkstyle, "<checkstyle><file name='README.md'><error line='1' message='a &lt; &#98;' source='s'/></file>");
    assert_eq!(told(&read), ["README.md 1-1 minor quality s: a < b"]);
    assert_eq!(read.broken.as_deref(), Some("it ends before its last element does"));
}

#[test]
fn code_climates_issues_are_read_as_a_stream_and_as_a_list() {
    let one = r#"{"type": "issue", "check_name": "c", "description": "d", "categories": ["Bug Risk"], "severity": "critical", "fingerprint": "f",
        "location": {"path": "src/a.py", "lines": {"begin": 2, "end": 3}}}"#;
    let two = r#"{"check_name": "c2", "description": "e", "location": {"path": "src/a.py", "positions": {"begin": {"line": 2, "column": 6}, "end": {"line": 2, "column": 7}}}}"#;
    let expected = ["src/a.py 2-3 critical bug c: d #f", "src/a.py 2:6-2:7 minor quality c2: e"];
    assert_eq!(told(&reading(Format::Codeclimate, &format!("[{one}, {two}]"))), expected);
    assert_eq!(told(&reading(Format::Codeclimate, &format!("{one}\0\n{two}\0"))), expected);
    assert_eq!(told(&reading(Format::Codeclimate, &format!("{one} {two} {{\"type\": \"measurement\"}}\n"))), expected);
    assert!(told(&reading(Format::Codeclimate, "")).is_empty());
}

#[test]
fn eslints_messages_are_read_and_what_it_passed_over_is_not() {
    let read = reading(
        Format::Eslint,
        r#"[{"messages": [
            {"ruleId": "eqeqeq", "severity": 2, "message": "m", "line": 2, "column": 7, "endLine": 2, "endColumn": 9},
            {"ruleId": null, "fatal": true, "severity": 2, "message": "Parsing error: x", "line": 1, "column": 1},
            {"ruleId": null, "severity": 1, "message": "Unused eslint-disable directive.", "line": 3, "column": 1},
            {"ruleId": null, "fatal": false, "severity": 1, "message": "File ignored."}],
          "suppressedMessages": [{"ruleId": "no-undef", "severity": 1, "message": "n", "line": 1, "column": 1, "suppressions": [{"kind": "directive", "justification": "global"}]}],
          "source": "one\ntwo", "filePath": "/home/me/project/src/a.py"}]"#,
    );
    assert_eq!(
        told(&read),
        [
            "src/a.py 2:6-2:7 major quality eqeqeq: m",
            "src/a.py 1:1-1 major bug parse-error: Parsing error: x",
            "src/a.py 3:1-3 minor quality eslint: Unused eslint-disable directive.",
            "src/a.py 1:1-1 minor quality no-undef: n (global)",
        ]
    );
}

#[test]
fn lines_of_compilers_are_read_and_what_is_around_them_is_not() {
    let read = reading(
        Format::Gnu,
        "In file included from src/x.h:3:\n\
         src/a.py:2:6: warning: odd [-Wodd]\n  ab cd\n  ^~~\nsrc/a.py:2:6: note: see here\n\
         hadolint:README.md:1: DL1 info: not a code\nC:\\ci\\src\\a.py:1: error: windows\n10:20:30 INFO started\n\
         src/gone.py:4: error: generated\nsrc/gone.py:5: error: generated as well\n/ci/src/b c.py:1:1: spaced\nFound 3 errors.\n",
    );
    assert_eq!(
        told(&read),
        [
            "src/a.py 2-2 minor quality -Wodd: odd",
            "README.md 1-1 minor quality warning: DL1 info: not a code",
            "src/a.py 1-1 major quality error: windows",
            "src/b c.py 1:1-1 minor quality warning: spaced",
        ]
    );
    assert_eq!(dropped(&read), ["src/gone.py is not in the commit's tree ×2"]);
}

#[test]
fn columns_that_everybody_counts_alike_are_taken_and_others_where_the_tool_says_what_it_counts() {
    let files = [("a.c", "int a;\n"), ("b.c", "\tint b;\n"), ("c.c", "/* é */ int c;\n")];
    let tree = MemoryTree::new(files.map(|(path, content)| (path, FileKind::Regular, content)));
    let gnu = files.map(|(path, _)| format!("{path}:1:5: error: m\n")).concat();
    let errors = files.map(|(path, _)| format!("<file name='{path}'><error line='1' column='5' message='m'/></file>")).concat();
    let checkstyle = format!("<checkstyle>{errors}</checkstyle>");
    for (format, input) in [(Format::Gnu, gnu), (Format::Checkstyle, checkstyle)] {
        let columns = |ground: Ground<'_>| {
            let read = read(format, input.as_bytes(), &ground, &Bounds::default()).unwrap();
            read.findings.iter().map(|read| read.finding.span.unwrap().column_start).collect::<Vec<_>>()
        };
        assert_eq!(columns(Ground::new(&tree)), [Some(5), None, None], "{format}");
        let bytes = Some(Columns { unit: Unit::Bytes, first: 1, end_is_behind: true });
        assert_eq!(columns(Ground { columns: bytes, ..Ground::new(&tree) }), [Some(5), Some(5), Some(5)], "{format}");
    }
}

#[test]
fn cocovs_records_are_read_and_an_empty_file_is_no_issue() {
    let input = "{\"kind\":\"style\",\"file\":\"src/a.py\",\"line_start\":2,\"line_end\":3,\"message\":\"m\",\"uid\":\"u\"}\0\
                 {\"file\":\"README.md\",\"line_start\":0,\"line_end\":0,\"message\":\"whole\",\"uid\":\"v\"}\0";
    let read = reading(Format::Cocov, input);
    assert_eq!(told(&read), ["src/a.py 2-3 minor style style: m #u", "README.md minor quality quality: whole #v"]);
    assert_eq!(reading(Format::Cocov, "").read, 0);
}

#[test]
fn our_own_form_is_read_as_a_document_and_line_by_line() {
    let one = r#"{"rule": "r", "message": "m", "path": "src/a.py", "line_start": 2, "column_start": 6, "column_end": 7, "kind": "bug", "severity": "critical", "fingerprint": "f"}"#;
    let two = r#"{"rule": "s", "message": "n", "path": "README.md", "suppressed": true}"#;
    let odd = r#"{"rule": "s", "message": "n", "path": "README.md", "severity": "hihg"}"#;
    let expected = ["src/a.py 2:6-2:7 critical bug r: m #f", "README.md minor quality s: n ()"];
    let document = format!(
        r#"{{"issues": [{one}, {two}, {odd}], "scope": {{"paths": ["src/"]}}, "category": "c", "tool": {{"name": "t", "version": "1"}}}}"#
    );
    let read = reading(Format::Plumbline, &document);
    assert_eq!(told(&read), expected);
    assert_eq!((read.category.as_deref(), read.scope.as_deref()), (Some("c"), Some(&["src/".to_owned()][..])));
    assert!(dropped(&read)[0].contains("`hihg` is not a severity"), "{:?}", read.dropped);
    let read = reading(Format::Plumbline, &format!("{{\"tool\": {{\"name\": \"t\"}}}}\n{one}\n{two}\n"));
    assert_eq!(told(&read), expected);
    assert_eq!(read.findings[0].tool, Some(0));
    assert!(told(&reading(Format::Plumbline, "")).is_empty());
}

#[test]
fn a_build_that_fails_without_an_error_in_the_tree_is_no_result() {
    let message = |level: &str, message: &str, file: Option<&str>| {
        let spans = file
            .map_or_else(String::new, |file| format!(r#"{{"file_name": "{file}", "line_start": 1, "line_end": 1, "is_primary": true}}"#));
        format!(
            r#"{{"reason": "compiler-message", "message": {{"message": "{message}", "level": "{level}", "code": null, "spans": [{spans}]}}}}"#
        )
    };
    let artifact = r#"{"reason": "compiler-artifact", "filenames": []}"#;
    let finished = |success: bool| format!(r#"{{"reason": "build-finished", "success": {success}}}"#);
    let read = |lines: &[String]| reading(Format::Cargo, &lines.join("\n"));
    let warned = message("warning", "odd", Some("src/a.py"));
    let broken = |lines: &[String]| read(lines).broken;
    assert_eq!(broken(&[warned.clone(), finished(true)]), None);
    assert_eq!(broken(&[warned.clone(), message("error", "wrong", Some("src/a.py")), finished(false)]), None);
    assert_eq!(broken(&[artifact.to_owned(), warned.clone(), finished(false)]).as_deref(), Some("the build failed, and no error says why"));
    let linking = [warned.clone(), message("error", "linking with `cc` failed", None), message("error", "aborting", None), finished(false)];
    assert_eq!(broken(&linking).as_deref(), Some("the build failed: linking with `cc` failed"));
    let elsewhere = [message("error", "not for this one", Some("/root/.cargo/registry/src/x/lib.rs")), finished(false)];
    assert_eq!(broken(&elsewhere).as_deref(), Some("the build failed: not for this one"));
    assert_eq!(read(&[artifact.to_owned(), finished(true)]).read, 0, "what is built is no record");
}

#[test]
fn compilers_speak_where_a_macro_is_called() {
    let line = |span: &str| {
        format!(
            r#"{{"reason": "compiler-message", "message": {{"message": "m", "level": "warning", "code": {{"code": "clippy::x"}}, "spans": [{span}]}}}}"#
        )
    };
    let here = r#"{"file_name": "src/a.py", "line_start": 2, "line_end": 2, "column_start": 6, "column_end": 8, "is_primary": true}"#;
    let there = format!(
        r#"{{"file_name": "/rustc/std/macros.rs", "line_start": 9, "line_end": 9, "is_primary": true, "expansion": {{"span": {here}}}}}"#
    );
    let summary =
        r#"{"reason": "compiler-message", "message": {"message": "1 warning emitted", "level": "warning", "code": null, "spans": []}}"#;
    let input = format!("{}\n{}\n{summary}\n{{\"reason\": \"build-finished\", \"success\": true}}\n", line(here), line(&there));
    let read = reading(Format::Cargo, &input);
    // The same twice, as a library and its tests are compiled, is said once.
    assert_eq!(told(&read), ["src/a.py 2:6-2:7 minor quality clippy::x: m"]);
}
