//! `plumbline check` tells of secrets and shows none.

use super::check;
use crate::guard::concealment::{files, needles, token};
use crate::support::repo::TestRepo;

#[test]
fn no_format_shows_a_secret_of_a_line_that_it_quotes() {
    let repo = TestRepo::new();
    let files = files();
    repo.commit(files.each_ref().map(|(path, content)| (*path, content.as_str())));
    for format in ["text", "json", "sarif"] {
        let ran = check(repo.path(), &["--format", format]);
        for needle in needles() {
            assert!(!ran.stdout.contains(&needle) && !ran.stderr.contains(&needle), "{format} shows `{needle}`: {}", ran.stdout);
        }
        assert!(ran.stdout.contains("gitlab-token") && ran.stdout.contains("private-key"), "{}", ran.stdout);
    }
}

#[test]
fn what_is_covered_is_underlined_whatever_its_length() {
    let repo = TestRepo::new();
    let line = format!("auth('{}', 'staging')\n", token());
    repo.commit([("src/a.py", line.as_str())]);
    let ran = check(repo.path(), &[]);
    let shown: Vec<&str> = ran.stdout.lines().filter(|line| line.contains('│')).collect();
    assert_eq!(shown, ["  1 │ auth('••••••••', 'staging')", "    │       ^^^^^^^^"], "{}", ran.stdout);
}

#[test]
fn a_line_of_a_manifest_that_is_quoted_shows_no_secret() {
    let repo = TestRepo::new();
    let manifest = format!("version: 1\nchecks: [{{plugin: hygiene, env: {{TOKEN: {}}}, nonesuch: 1}}]\n", token());
    repo.commit([(".plumbline.yaml", manifest.as_str())]);
    let ran = check(repo.path(), &[]);
    assert!(ran.stdout.contains("TOKEN: ••••••••") && !ran.stdout.contains(&token()), "{}", ran.stdout);
}
