//! Input that is made to exhaust, and input that is made of anything.

use std::time::{Duration, Instant};

use super::*;

/// Generous, since builds without optimization run here too and machines are shared.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn what_is_made_to_exhaust_is_judged_in_linear_time() {
    let units = [
        "://",
        "a://b:",
        "eyJ",
        "eyJ.eyJ.",
        " eyJhbGciOiJIUzI1NiJ9.",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----MII",
        "PuTTY-User-Key-File-",
        "PuTTY-User-Key-File-Private-Lines:",
        "token=",
        "token = \"",
        "password:",
        "key-",
        " key.",
        "ghp_",
        " ghp_a",
        "sk-",
        " AKIA",
        "sig=sv=20",
        "&sig=",
        ":AA",
        "1:AA",
        "-us",
        "a-us",
        "token, ",
        "\"token\", ",
        "\"token\",\"value\"",
        "<key>",
        "key: &",
        "key\n",
        "- name: token\nvalue:",
        "Authorization: Bearer ",
        "\\n",
        "hooks.slack.com/services/T",
        " pypi-AgEIcHlwaS5vcmc",
        " glpat-",
        "key key",
        "password = \\",
        "key(",
    ];
    for unit in units {
        let content = unit.repeat((1 << 18) / unit.len());
        for path in ["a.rs", "a.yaml", "a.sh", "a.xml", ".netrc"] {
            let started = Instant::now();
            let findings = findings(path, &content);
            assert!(started.elapsed() < SOON, "{unit:?} took {:?} in {path}", started.elapsed());
            assert!(findings.len() <= builtin::MAX_PER_FILE + 1);
        }
    }
}

#[test]
fn a_file_full_of_secrets_does_not_fill_memory() {
    let mut dice = Dice(30);
    let content: String = (0..3_000).map(|_| format!("\"{}\"\n", dice.token(&FORMATS[0]))).collect();
    let file = TreeFile {
        path: crate::base::name::TreePath::new("a.txt"),
        kind: FileKind::Regular,
        blob: crate::base::name::BlobId::from_bytes([0; 20]),
    };
    assert_eq!(Secrets.file(&file, content.len() as u64, content.as_bytes()).len(), MOST);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_under_any_name_are_judged(
        name in prop::sample::select(vec!["a.rs", "a.yaml", "a.sh", "a.xml", ".netrc", ".env", "a.json", "tests/a.py"]),
        bytes in proptest::collection::vec(any::<u8>(), 1..300),
        parts in proptest::collection::vec(prop::sample::select(vec![
            "token", "password", "_key", "api", "=", ":", ":=", "\"", "'", "`", " ", "\n", "\\", "://", "@", "ghp_", "AKIA", "eyJ", ".", "-----BEGIN ",
            "PRIVATE KEY-----", "MIIE", "<", ">", "(", ",", "value", "- name: ", "é", "q8Zt3LmN0vXc7RbY", "Bearer ", "sig=", "&", "-us", ":AA", "1234567890",
        ]), 1..80),
    ) {
        for content in [bytes, parts.concat().into_bytes()] {
            let lines = content.split(|byte| *byte == b'\n').count();
            let tree = MemoryTree::new([(name, FileKind::Regular, content)]);
            for finding in all_of(&Secrets, &tree) {
                let span = finding.span.unwrap();
                prop_assert!(span.line_start >= 1 && span.line_end as usize <= lines && span.line_start <= span.line_end, "{finding:?}");
                prop_assert!(span.column_start.is_some_and(|column| column >= 1) && span.column_end.is_some());
            }
        }
    }
}
