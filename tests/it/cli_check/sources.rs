//! What is checked: files as they are, commits, parts, folders; and what is refused.

use super::*;

#[test]
fn an_older_commit_is_checked_as_it_was() {
    let repo = TestRepo::new();
    let old = repo.commit([MANIFEST, ("package.json", COMMA)]);
    let new = repo.commit([("package.json", "{}\n")]);
    let document = |rev: &str| check(repo.path(), &["--rev", rev, "--format", "json"]).json();
    assert_eq!((&document("HEAD~1")["commit"], &document("HEAD~1")["verdict"]), (&json!(old), &json!("failure")));
    assert_eq!((&document("main")["commit"], &document(&new[..7])["verdict"]), (&json!(new), &json!("success")));
    // The excerpt is of the commit as well, and not of the file that lies there now.
    assert!(check(repo.path(), &["--rev", &old]).stdout.contains("2 │   \"name\": \"app\","));
}

#[test]
fn files_count_as_they_lie_there_but_for_those_that_git_ignores() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, (".gitignore", "/out\n"), ("tracked.json", "{}\n")]);
    repo.write("tracked.json", COMMA);
    repo.write("untracked.json", COMMA);
    repo.write("out/ignored.json", COMMA);
    let document = check(repo.path(), &["--format", "json"]).json();
    let paths: Vec<&Value> = document["issues"].as_array().unwrap().iter().map(|issue| &issue["path"]).collect();
    assert_eq!(paths, ["tracked.json", "untracked.json"]);
    assert_eq!(document["commit"], Value::Null);
}

#[test]
fn of_a_part_of_the_repository_its_findings_alone_count() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("a/one.json", COMMA), ("ab/two.json", COMMA), ("b/fine.json", "{}\n")]);
    let ran = check(repo.path(), &["a"]);
    assert!(ran.stdout.contains("  a/one.json:3:1") && !ran.stdout.contains("two.json"), "{}", ran.stdout);
    assert_eq!(ran.code, 1);
    assert_eq!(check(repo.path(), &["b/"]).code, 0);
    assert_eq!(check(repo.path(), &["b/fine.json"]).code, 0);

    // Paths are shown from where the command was given, and written from the top.
    let inside = check(&repo.path().join("a"), &[]);
    assert!(inside.stdout.contains("  one.json:3:1"), "{}", inside.stdout);
    let above = check(&repo.path().join("b"), &["../ab/two.json"]);
    assert!(above.stdout.contains("  ../ab/two.json:3:1"), "{}", above.stdout);
    let document = check(&repo.path().join("a"), &["--format", "json", "--base", "HEAD", "."]).json();
    assert_eq!(document["issues"].as_array().unwrap().iter().map(|issue| &issue["path"]).collect::<Vec<_>>(), ["a/one.json"]);
    assert_eq!(document["counts"]["fixed"], 0);
}

#[test]
fn a_plain_folder_is_checked_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("package.json"), COMMA).unwrap();
    let ran = check(dir.path(), &[]);
    assert!(ran.stdout.contains("package.json:3:1"), "{}", ran.stdout);
    assert_eq!(ran.code, 0);
    let refusals =
        [refused(dir.path(), &["--rev", "HEAD"]), refused(dir.path(), &["--base", "HEAD"]), refused(dir.path(), &["package.json"])];
    assert_snapshot!(refusals.join("\n"), @"
    plumbline: `.` is in no git repository, so --rev names nothing there
    plumbline: `.` is in no git repository, so --base names nothing there
    plumbline: `package.json` is a file outside of any repository: give the directory it lies in
    ");
}

#[test]
fn of_a_bare_repository_the_head_is_checked() {
    let repo = TestRepo::bare();
    let sha = repo.commit([MANIFEST, ("package.json", COMMA)]);
    let ran = check(Path::new("/"), &[repo.path().to_str().unwrap()]);
    assert!(ran.stdout.contains("  package.json:3:1  major"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, 1);
    assert_eq!(check(repo.path(), &["--format", "json"]).json()["commit"], json!(sha));
}

#[test]
fn a_repository_without_a_commit_has_files_and_no_revisions() {
    let repo = TestRepo::new();
    repo.write("package.json", COMMA);
    assert!(check(repo.path(), &[]).stdout.contains("package.json:3:1"));
    let refusals = [refused(repo.path(), &["--rev", "HEAD"]), refused(repo.path(), &["--base", "main"])];
    assert_snapshot!(refusals.join("\n"), @"
    plumbline: `main` has no commit yet: commit something first
    plumbline: `main` has no commit yet: commit something first
    ");
}

#[test]
fn what_cannot_be_checked_is_refused_with_what_to_do() {
    let repo = TestRepo::new();
    repo.commit([MANIFEST, (".gitignore", "/out\n")]);
    repo.write("out/ignored.json", COMMA);
    let refusals = [
        refused(repo.path(), &["nowhere"]),
        refused(repo.path(), &["--rev", "nowhere"]),
        refused(repo.path(), &["--base", "1234567"]),
        refused(repo.path(), &["out"]),
        refused(repo.path(), &["out/ignored.json", "--rev", "HEAD"])
            .replace(&check(repo.path(), &["--rev", "HEAD", "--format", "json"]).json()["commit"].as_str().unwrap()[..7], "HEAD"),
    ];
    assert_snapshot!(refusals.join("\n"), @"
    plumbline: there is no `nowhere`; give a directory, a repository or a file
    plumbline: no commit is known as `nowhere`: give a branch, or at least seven digits of a commit's name
    plumbline: no commit is known as `1234567`: give a branch, or at least seven digits of a commit's name
    plumbline: nothing at `out` is checked: git ignores it, or it is empty
    plumbline: nothing at `out/ignored.json` is checked: commit HEAD has no such path
    ");
}

#[test]
fn somebody_elses_repository_is_refused() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: only root can give a directory to somebody else");
        return;
    }
    let repo = TestRepo::new();
    repo.commit([MANIFEST]);
    std::os::unix::fs::chown(repo.path().join(".git"), Some(12_345), None).unwrap();
    assert!(refused(repo.path(), &[]).contains("belongs to user 12345"), "{}", refused(repo.path(), &[]));
}

#[test]
fn nothing_is_written_into_the_repository() {
    fn listing(dir: &Path, into: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()) {
            let meta = entry.metadata().unwrap();
            into.push(format!("{:?} {} {:?}", entry.path(), meta.len(), meta.modified().unwrap()));
            if meta.is_dir() {
                listing(&entry.path(), into);
            }
        }
        into.sort();
    }
    let repo = TestRepo::new();
    repo.commit([MANIFEST, ("package.json", COMMA)]);
    repo.remove(&["package.json"]);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    listing(repo.path(), &mut before);
    for arguments in [&[][..], &["--base", "HEAD~1"], &["--rev", "HEAD~1"]] {
        check(repo.path(), arguments);
    }
    listing(repo.path(), &mut after);
    assert_eq!(before, after);
}
