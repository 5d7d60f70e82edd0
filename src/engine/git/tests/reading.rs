//! Revisions, commits, trees, history, blame.

use super::fixture::{EXECUTABLE, FILE, Fixture, LINK, SUBMODULE, TREE};
use super::tree::{FileKind, Tree};
use super::*;
use crate::base::name::TreePath;
use crate::engine::git::history::Order;

#[test]
fn a_path_that_is_no_repository_is_said_to_be_none() {
    let dir = tempfile::tempdir().unwrap();
    let error = Mirror::open_readonly(dir.path(), Limits::default(), Trust::Ours).unwrap_err();
    assert!(matches!(error, Error::NotARepository { .. }), "{error}");
    assert!(error.to_string().contains("is not a git repository: give the directory that holds `.git`"));
}

#[test]
fn an_empty_repository_has_no_commit_and_says_so() {
    let fixture = Fixture::bare();
    let mirror = open(&fixture.git);
    assert_eq!(mirror.branches().unwrap(), []);
    assert_eq!(mirror.default_branch().unwrap().unwrap().as_str(), "main");
    for rev in ["HEAD", "main"] {
        assert_eq!(mirror.resolve(rev).unwrap_err().to_string(), "`main` has no commit yet: commit something first");
    }
}

#[test]
fn a_head_that_names_a_branch_without_commits_is_no_obstacle_to_other_branches() {
    let fixture = Fixture::bare();
    let commit = fixture.push("work", &[("a", "1")]);
    let mirror = open(&fixture.git);
    assert!(matches!(mirror.resolve("HEAD"), Err(Error::NoCommits { .. })));
    assert_eq!(mirror.resolve("work").unwrap(), sha(commit));
}

#[test]
fn revisions_are_branches_names_of_commits_and_steps_from_them() {
    let fixture = Fixture::bare();
    let first = fixture.push("main", &[("a", "1")]);
    let second = fixture.push("main", &[("a", "2")]);
    let third = fixture.push("main", &[("a", "3")]);
    let tag = format!("object {third}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nv1");
    let tag = fixture.object(gix::objs::Kind::Tag, tag.as_bytes());
    std::fs::create_dir_all(fixture.git.join("refs/tags")).unwrap();
    std::fs::write(fixture.git.join("refs/tags/v1"), format!("{tag}\n")).unwrap();
    let mirror = open(&fixture.git);
    let full = second.to_string();
    for (rev, commit) in [
        ("HEAD", third),
        ("main", third),
        ("refs/heads/main", third),
        ("v1", third),
        ("HEAD~1", second),
        ("HEAD^", second),
        ("main~2", first),
    ] {
        assert_eq!(mirror.resolve(rev).unwrap(), sha(commit), "{rev}");
    }
    assert_eq!(mirror.resolve(&full).unwrap(), sha(second));
    assert_eq!(mirror.resolve(&full[..7]).unwrap(), sha(second));
    for rev in [
        "",
        "nope",
        &full[..6],
        "HEAD~9",
        "HEAD^2",
        "HEAD~",
        "HEAD~99999999999999999999",
        "../x",
        "main:a",
        "HEAD@{1}",
        "\0",
        "~",
        "ééééééé",
    ] {
        let found = mirror.resolve(rev);
        assert!(matches!(found, Err(Error::UnknownRevision { .. })) || rev == "HEAD~", "{rev}: {found:?}");
    }
    let blob = fixture.blob("1");
    assert!(mirror.resolve(&blob.to_string()).is_err(), "a blob is no commit");
}

#[test]
fn digits_that_begin_several_commits_are_ambiguous_and_the_candidates_are_named() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1")]);
    // Two commits with one beginning are rare; two names of one beginning are not, for what looks names up in packs.
    let mut seen = std::collections::HashMap::new();
    let (one, other) = (0..)
        .find_map(|n| {
            let text = format!("tree {tree}\nauthor A <a@b> {n} +0000\ncommitter A <a@b> {n} +0000\n\nx");
            let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Commit, text.as_bytes()).unwrap();
            let other = seen.insert(id.to_string()[..7].to_owned(), text.clone())?;
            Some((other, text))
        })
        .unwrap();
    let mut ids: Vec<_> = [one, other].iter().map(|text| sha(fixture.object(gix::objs::Kind::Commit, text.as_bytes()))).collect();
    ids.sort();
    match open(&fixture.git).resolve(&ids[0].short()).unwrap_err() {
        Error::AmbiguousRevision { candidates, .. } => assert_eq!(candidates, ids),
        other => panic!("{other}"),
    }
}

#[test]
fn a_commit_is_read_with_who_when_and_why() {
    let fixture = Fixture::bare();
    let first = fixture.push("main", &[("a", "1")]);
    let second = fixture.commit_at(fixture.tree(&[]), &[first], "Subject\n\nBody\n", 1_700_000_000);
    let info = open(&fixture.git).commit(sha(second)).unwrap();
    assert_eq!((info.parents.as_slice(), info.summary(), info.message.as_str()), (&[sha(first)][..], "Subject", "Subject\n\nBody\n"));
    assert_eq!((info.author.name.as_str(), info.author.email.as_str()), ("Ada Lovelace", "ada@example.org"));
    assert_eq!(info.committed_at.to_string(), "2023-11-14T22:13:20Z");
}

#[test]
fn a_commit_with_rubbish_for_names_and_times_is_still_a_commit() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1")]);
    let text =
        [format!("tree {tree}\nauthor ").as_bytes(), b"\xff\xfe no mail at all\ncommitter <> 99999999999999999999 +9999\n\n\xff"].concat();
    let commit = fixture.object(gix::objs::Kind::Commit, &text);
    let info = open(&fixture.git).commit(sha(commit)).unwrap();
    assert_eq!(info.message, "\u{fffd}");
}

#[test]
fn a_tree_lists_every_kind_of_file_in_the_order_of_paths() {
    let fixture = Fixture::bare();
    let (a, link) = (fixture.blob("hello"), fixture.blob("../../etc/passwd"));
    let tree = fixture.tree_of(&[
        (FILE, b"b.txt", a),
        (EXECUTABLE, b"b/run", a),
        (LINK, b"b/link", link),
        (SUBMODULE, b"vendor", fixture.commit(a, &[], "x")),
        (FILE, b"caf\xe9", a),
    ]);
    let mirror = open(&fixture.git);
    let tree = mirror.tree(sha(fixture.commit(tree, &[], "x"))).unwrap();
    assert_eq!(paths(&tree), ["b.txt", "b/link", "b/run", "caf%E9", "vendor"]);
    let kinds: Vec<_> = tree.files().iter().map(|file| file.kind).collect();
    use FileKind::{Executable, Regular, Submodule, Symlink};
    assert_eq!(kinds, [Regular, Symlink, Executable, Regular, Submodule]);
    let file = tree.find(&TreePath::new("b.txt")).unwrap();
    assert_eq!((tree.size(file).unwrap(), tree.read(file, 5).unwrap()), (5, b"hello".to_vec()));
    assert!(matches!(tree.read(file, 4), Err(Error::TooLarge { size: 5, cap: 4, .. })));
    let link = tree.find(&TreePath::new("b/link")).unwrap();
    assert_eq!(tree.read(link, 99).unwrap(), b"../../etc/passwd", "a link's content is its target; nobody follows it");
    let submodule = tree.find(&TreePath::new("vendor")).unwrap();
    assert_eq!((tree.size(submodule).unwrap(), tree.read(submodule, 0).unwrap()), (0, vec![]));
}

#[test]
fn names_that_could_leave_their_place_are_refused_and_the_rest_is_read() {
    let fixture = Fixture::bare();
    let blob = fixture.blob("x");
    let hooks = fixture.tree(&[("hooks/post-checkout", "rm -rf /")]);
    let bad: [&[u8]; 13] = [
        b".",
        b"..",
        b".git",
        b".GIT",
        b".Git",
        b"git~1",
        b".git ",
        b".git.",
        b".git::$INDEX_ALLOCATION",
        b"a/b",
        b"../x",
        b"/etc",
        ".g\u{200c}it".as_bytes(),
    ];
    let mut entries: Vec<_> = bad.iter().map(|name| (FILE, *name, blob)).collect();
    entries.push((TREE, b".git", hooks));
    entries.push((FILE, b"", blob));
    entries.push((FILE, b"good", blob));
    entries.push((FILE, b".gitignore", blob));
    let commit = fixture.commit(fixture.raw_tree(&entries), &[], "x");
    let tree = open(&fixture.git).tree(sha(commit)).unwrap();
    assert_eq!(paths(&tree), [".gitignore", "good"]);
    assert_eq!(tree.refused().len(), bad.len() + 2);
    assert!(tree.refused().iter().any(|(path, why)| path.as_bytes() == b".." && why.contains("are no names")));
}

#[test]
fn a_forged_tree_out_of_order_or_with_a_path_twice_lists_each_path_once() {
    let fixture = Fixture::bare();
    let (one, two) = (fixture.blob("1"), fixture.blob("2"));
    let tree = fixture.raw_tree(&[(FILE, b"z", one), (FILE, b"a", one), (FILE, b"a", two)]);
    let tree = open(&fixture.git).tree(sha(fixture.commit(tree, &[], "x"))).unwrap();
    assert_eq!(paths(&tree), ["a", "z"]);
    assert_eq!(tree.read(&tree.files()[0], 9).unwrap(), b"1");
    assert_eq!(tree.refused().len(), 1);
}

#[test]
fn a_tree_of_a_hundred_thousand_files_is_listed_and_one_more_than_the_limit_is_refused() {
    let fixture = Fixture::bare();
    let blob = fixture.blob("x");
    let names: Vec<String> = (0..100_000).map(|n| format!("{n:06}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (FILE, name.as_bytes(), blob)).collect();
    let commit = sha(fixture.commit(fixture.raw_tree(&entries), &[], "x"));
    let begun = std::time::Instant::now();
    assert_eq!(open(&fixture.git).tree(commit).unwrap().files().len(), 100_000);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    let small = Limits { tree_entries: 99_999, ..Limits::default() };
    let error = Mirror::open_readonly(&fixture.git, small, Trust::Ours).unwrap().tree(commit).err().unwrap();
    assert!(error.to_string().ends_with("has more than 99999 entries, the most that is read"), "{error}");
}

#[test]
fn a_few_trees_that_unfold_to_billions_of_files_are_refused() {
    let fixture = Fixture::bare();
    let mut tree = fixture.tree(&[("a", "x")]);
    for _ in 0..30 {
        let names: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        let entries: Vec<_> = names.iter().map(|name| (TREE, name.as_bytes(), tree)).collect();
        tree = fixture.raw_tree(&entries);
    }
    let error = open(&fixture.git).tree(sha(fixture.commit(tree, &[], "x"))).err().unwrap();
    assert!(matches!(error, Error::TooMany { .. }), "{error}");
}

#[test]
fn directories_deeper_than_the_limit_are_refused_by_name_and_the_rest_is_read() {
    let fixture = Fixture::bare();
    let file = fixture.blob("x");
    let mut tree = fixture.raw_tree(&[(FILE, b"a", file)]);
    for _ in 0..1_000 {
        tree = fixture.raw_tree(&[(FILE, b"a", file), (TREE, b"d", tree)]);
    }
    let listed = open(&fixture.git).tree(sha(fixture.commit(tree, &[], "x"))).unwrap();
    assert_eq!(listed.files().len(), 129, "one in the top and one in each of 128 directories");
    let [(path, why)] = listed.refused() else { panic!("{:?}", listed.refused()) };
    assert_eq!((path.as_bytes().len(), why.as_str()), (129 * 2 - 1, "it is a directory below 128 others, the most that are followed"));
}

#[test]
fn objects_that_are_missing_or_of_another_kind_or_broken_are_named() {
    let fixture = Fixture::bare();
    let blob = fixture.blob("content of the file");
    let commit = fixture.commit(fixture.raw_tree(&[(FILE, b"a", blob), (TREE, b"d", blob)]), &[], "x");
    let error = open(&fixture.git).tree(sha(commit)).err().unwrap();
    assert!(error.to_string().contains("it is a blob"), "{error}");
    let tree = fixture.tree(&[("a", "content of the file")]);
    let commit = fixture.commit(tree, &[], "x");
    let listed = open(&fixture.git).tree(sha(commit)).unwrap();
    std::fs::write(fixture.loose_path(blob), b"rubbish").unwrap_or_else(|_| {
        std::fs::remove_file(fixture.loose_path(blob)).unwrap();
        std::fs::write(fixture.loose_path(blob), b"rubbish").unwrap();
    });
    assert!(matches!(listed.read(&listed.files()[0], 99), Err(Error::Corrupt { .. })));
    std::fs::remove_file(fixture.loose_path(blob)).unwrap();
    assert!(listed.read(&listed.files()[0], 99).unwrap_err().to_string().contains("missing"));
    std::fs::remove_file(fixture.loose_path(tree)).unwrap();
    assert!(matches!(open(&fixture.git).tree(sha(commit)), Err(Error::Corrupt { .. })));
}

#[test]
fn somebody_elses_repository_is_refused_with_what_to_do_and_read_when_that_is_allowed() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1")]);
    // Only root can give a directory away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(&fixture.git, Some(12_345), None).unwrap();
    let error = Mirror::open_readonly(&fixture.git, Limits::default(), Trust::Ours).unwrap_err();
    assert!(matches!(error, Error::OtherOwner { owner: 12_345, ours: 0, .. }), "{error}");
    assert!(error.to_string().contains("chown"));
    Mirror::open_readonly(&fixture.git, Limits::default(), Trust::Anybody).unwrap().resolve("main").unwrap();
}

#[test]
fn the_repositorys_own_configuration_is_not_obeyed_and_formats_we_cannot_read_are_refused() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1")]);
    std::fs::write(fixture.git.join("config"), "[core]\n\tfsmonitor = touch /tmp/owned\n[include]\n\tpath = /dev/zero\n").unwrap();
    open(&fixture.git).resolve("HEAD").unwrap();
    std::fs::write(fixture.git.join("config"), "[extensions]\n\tobjectFormat = sha256\n").unwrap();
    let error = Mirror::open_readonly(&fixture.git, Limits::default(), Trust::Ours).unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn references_that_name_each_other_in_a_circle_end() {
    let fixture = Fixture::bare();
    std::fs::write(fixture.git.join("refs/heads/a"), "ref: refs/heads/b\n").unwrap();
    std::fs::write(fixture.git.join("refs/heads/b"), "ref: refs/heads/a\n").unwrap();
    let mirror = open(&fixture.git);
    assert!(matches!(mirror.resolve("a"), Err(Error::Corrupt { .. })));
    assert_eq!(mirror.branches().unwrap(), []);
}

#[test]
fn history_is_listed_by_branch_or_by_time_in_pages() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1")]);
    let root = fixture.commit(tree, &[], "root");
    let side = fixture.commit(tree, &[root], "side");
    let main = fixture.commit(tree, &[root], "main");
    let merge = fixture.commit(tree, &[main, side], "merge");
    let mirror = open(&fixture.git);
    let log = |order, limit, after: Option<ObjectId>| -> Vec<String> {
        mirror.log(sha(merge), order, limit, after.map(sha)).unwrap().into_iter().map(|commit| commit.message).collect()
    };
    assert_eq!(log(Order::FirstParent, 9, None), ["merge", "main", "root"]);
    assert_eq!(log(Order::Time, 9, None), ["merge", "main", "side", "root"]);
    assert_eq!(log(Order::Time, 2, None), ["merge", "main"]);
    assert_eq!(log(Order::Time, 9, Some(main)), ["side", "root"]);
    assert_eq!(log(Order::FirstParent, 9, Some(main)), ["root"]);
    let small = Mirror::open_readonly(&fixture.git, Limits { history: 2, ..Limits::default() }, Trust::Ours).unwrap();
    assert!(matches!(small.log(sha(merge), Order::Time, 9, None), Err(Error::TooMany { .. })));
    assert!(matches!(small.log(sha(merge), Order::FirstParent, 9, None), Err(Error::TooMany { .. })));
}

#[test]
fn the_merge_base_is_the_newest_common_ancestor_whatever_the_clocks_say() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1")]);
    let root = fixture.commit(tree, &[], "root");
    let fork = fixture.commit(tree, &[root], "fork");
    let ours = fixture.commit(tree, &[fork], "ours");
    let theirs = fixture.commit_at(tree, &[fork], "theirs, by a clock that is years behind", 1_000);
    let alone = fixture.commit(tree, &[], "alone");
    let mirror = open(&fixture.git);
    let base = |a, b| mirror.merge_base(sha(a), sha(b)).unwrap();
    assert_eq!(base(ours, theirs), Some(sha(fork)));
    assert_eq!(base(theirs, ours), Some(sha(fork)));
    assert_eq!(base(root, ours), Some(sha(root)));
    assert_eq!(base(ours, ours), Some(sha(ours)));
    assert_eq!(base(ours, alone), None);
    assert!(mirror.is_ancestor(sha(root), sha(theirs)).unwrap());
    assert!(!mirror.is_ancestor(sha(ours), sha(theirs)).unwrap());
    // A side that was merged has the merged commit as base, not what lies below it.
    let merge = fixture.commit(tree, &[ours, theirs], "merge");
    assert_eq!(base(merge, theirs), Some(sha(theirs)));
    assert!(mirror.merge_base(sha(tree), sha(ours)).is_err(), "a tree has no history");
}

#[test]
fn a_commit_that_led_to_none_of_the_tips_is_not_said_to_have_whatever_its_clock_says() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1")]);
    let root = fixture.commit(tree, &[], "root");
    let ours = fixture.commit(tree, &[root], "ours");
    let head = fixture.commit(tree, &[ours], "head");
    let strangers: Vec<_> =
        [1_000, 1_700_000_000, 4_000_000_000].into_iter().map(|at| fixture.commit_at(tree, &[ours], "a stranger's", at)).collect();
    let mirror = open(&fixture.git);
    let leads = |from, most| mirror.leads_to(sha(from), &[sha(root), sha(head)], most).unwrap();
    for known in [root, ours, head] {
        assert!(leads(known, 10));
    }
    for stranger in strangers {
        assert!(!leads(stranger, 10));
    }
    assert!(!leads(ours, 1), "what lies farther back than is looked is not said");
}

#[test]
fn commits_between_are_what_the_new_one_has_and_the_old_one_has_not() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1")]);
    let mut chain = vec![fixture.commit(tree, &[], "0")];
    for n in 1..40 {
        chain.push(fixture.commit(tree, &[chain[n - 1]], &n.to_string()));
    }
    let forced = fixture.commit(tree, &[chain[30]], "forced");
    let mirror = open(&fixture.git);
    let between = |old: Option<ObjectId>, new, limit| -> Result<Vec<String>> {
        Ok(mirror.commits_between(old.map(sha), sha(new), limit)?.into_iter().map(|commit| commit.message).collect())
    };
    assert_eq!(between(Some(chain[36]), chain[39], 9).unwrap(), ["39", "38", "37"]);
    assert_eq!(between(Some(chain[39]), forced, 9).unwrap(), ["forced"]);
    assert_eq!(between(Some(chain[39]), chain[30], 9).unwrap(), Vec::<String>::new());
    assert_eq!(between(None, chain[39], 40).unwrap().len(), 40);
    assert!(matches!(between(None, chain[39], 39), Err(Error::TooMany { .. })));
}

#[test]
fn a_shallow_repository_ends_where_it_says() {
    let fixture = Fixture::bare();
    let root = fixture.push("main", &[("a", "1")]);
    let tip = fixture.push("main", &[("a", "2")]);
    std::fs::remove_file(fixture.loose_path(root)).unwrap();
    std::fs::write(fixture.git.join("shallow"), format!("{tip}\n")).unwrap();
    let mirror = open(&fixture.git);
    assert_eq!(mirror.log(sha(tip), Order::Time, 9, None).unwrap().len(), 1);
    assert_eq!(mirror.commit(sha(tip)).unwrap().parents, []);
}

#[test]
fn blame_names_the_commit_that_wrote_a_line_through_changes_and_renames() {
    let fixture = Fixture::bare();
    let long = |first: &str| format!("{first}\nsecond line of the file\nthird line of the file\nfourth line of the file\n");
    let c1 = fixture.push("main", &[("old.rs", &long("first"))]);
    let c2 = fixture.push("main", &[("old.rs", &long("first, changed"))]);
    let c3 = fixture.push("main", &[("src/new.rs", &format!("// header\n{}", long("first, changed")))]);
    let c4 = fixture.push("main", &[("src/new.rs", &format!("// header\n{}", long("first, changed"))), ("other", "x")]);
    let mirror = open(&fixture.git);
    let blame = |line| {
        let found = mirror.blame(sha(c4), &TreePath::new("src/new.rs"), line).unwrap();
        found.map(|found| (found.commit.sha, found.path.to_string(), found.line))
    };
    assert_eq!(blame(1), Some((sha(c3), "src/new.rs".into(), 1)));
    assert_eq!(blame(2), Some((sha(c2), "old.rs".into(), 1)));
    assert_eq!(blame(3), Some((sha(c1), "old.rs".into(), 2)));
    for absent in [0, 6, u32::MAX] {
        assert_eq!(blame(absent), None);
    }
    assert_eq!(mirror.blame(sha(c4), &TreePath::new("nope"), 1).unwrap(), None);
}
