//! Repositories of which a part is damaged: what is whole is fetched.

use super::fixture::{FILE, Fixture, TREE, pack_of};
use super::server::{Reply, Server, packfile, serve};
use super::tree::Tree;
use super::*;

fn heads(fetched: &Fetched) -> Vec<(&str, CommitSha)> {
    fetched.branches.iter().map(|(name, sha)| (name.as_str(), *sha)).collect()
}

fn skipped(fetched: &Fetched) -> Vec<&str> {
    fetched.skipped.iter().map(|(name, _)| name.as_str()).collect()
}

/// Reads every file of a commit.
fn read(mirror: &Mirror, commit: ObjectId) -> Vec<Vec<u8>> {
    let tree = mirror.tree(sha(commit)).unwrap();
    tree.files().iter().map(|file| tree.read(file, 1 << 20).unwrap()).collect()
}

/// The same things hold wherever a repository is fetched from.
fn takes_what_is_whole(from: impl Fn(&Fixture) -> (String, Option<Server>)) {
    let fixture = Fixture::bare();
    let root = fixture.push("main", &[("a", "1\n")]);
    for name in ["b/old", "e/old"] {
        fixture.branch(name, root);
    }
    let (address, _server) = from(&fixture);
    let mirror = tempfile::tempdir().unwrap();
    fetch(mirror.path(), &address, Limits::default()).unwrap();

    // A directory that a damaged branch and a sound one share, and one that only a damaged one has.
    let shared = fixture.tree(&[("x/y", "shared\n"), ("z", "shared too\n")]);
    let lost = fixture.blob("lost\n");
    let below = fixture.raw_tree(&[(FILE, b"lost", lost)]);
    let broken = fixture.commit(fixture.raw_tree(&[(TREE, b"a", shared), (TREE, b"b", below), (FILE, b"c", lost)]), &[root], "broken");
    let above = fixture.commit(fixture.raw_tree(&[(TREE, b"a", shared)]), &[broken], "above the broken one");
    let alike = fixture.commit(fixture.raw_tree(&[(TREE, b"b", below)]), &[root], "the same is missing");
    let sound = fixture.commit(fixture.raw_tree(&[(TREE, b"a", shared), (FILE, b"n", fixture.blob("new\n"))]), &[root], "sound");
    std::fs::remove_file(fixture.loose_path(lost)).unwrap();
    for (name, id) in [("a/new", broken), ("b/old", above), ("c/new", alike), ("d/new", sound), ("main", sound)] {
        fixture.branch(name, id);
    }
    for round in ["at once", "again, with nothing new"] {
        let fetched = fetch(mirror.path(), &address, Limits::default()).expect(round);
        let expected = [("b/old", sha(root)), ("d/new", sha(sound)), ("e/old", sha(root)), ("main", sha(sound))];
        assert_eq!(heads(&fetched), expected, "{round}: {:?}", fetched.skipped);
        assert_eq!(skipped(&fetched), ["a/new", "b/old", "c/new"], "{round}");
        let opened = Mirror::open(mirror.path(), Limits::default()).unwrap();
        assert_eq!(read(&opened, sound).len(), 3, "{round}");
        for id in [broken, above, alike] {
            assert!(!opened.has(sha(id)).unwrap(), "{round}: nothing is kept of what is not whole");
        }
    }
    fixture.blob("lost\n");
    let fetched = fetch(mirror.path(), &address, Limits::default()).unwrap();
    assert_eq!(skipped(&fetched), [""; 0]);
    let opened = Mirror::open(mirror.path(), Limits::default()).unwrap();
    assert_eq!(heads(&fetched).iter().find(|(name, _)| *name == "b/old").unwrap().1, sha(above));
    assert_eq!((read(&opened, broken).len(), read(&opened, above).len(), read(&opened, alike).len()), (4, 2, 1));
}

#[test]
fn a_damaged_branch_of_a_repository_on_this_machine_holds_up_no_other() {
    takes_what_is_whole(|fixture| (fixture.git.display().to_string(), None));
}

#[test]
fn a_damaged_branch_behind_a_file_url_holds_up_no_other() {
    takes_what_is_whole(|fixture| (format!("file://{}", fixture.git.display()), None));
}

#[test]
fn a_damaged_branch_behind_http_holds_up_no_other() {
    takes_what_is_whole(|fixture| {
        let server = Server::git(&fixture.git);
        (server.url(), Some(server))
    });
}

/// The pack that comes is in order as a pack, and one of the two branches is not whole in it.
#[test]
fn a_host_that_leaves_out_what_a_branch_names_loses_that_branch_and_nothing_of_it_is_kept() {
    let fixture = Fixture::bare();
    let sound = fixture.push("main", &[("a", "1\n")]);
    let broken = fixture.push("topic", &[("b", "left out\n")]);
    let (repo, out) = (fixture.git.clone(), fixture.blob("left out\n"));
    let whole = vec![sound, fixture.tree(&[("a", "1\n")]), fixture.blob("1\n"), broken, fixture.tree(&[("b", "left out\n")])];
    assert!(!whole.contains(&out));
    let sound_only = whole[..3].to_vec();
    let server = Server::new(move |asked| {
        if !asked.body.windows(13).any(|window| window == b"command=fetch") {
            return serve(&repo, asked);
        }
        let wants_broken = asked.body.windows(40).any(|window| window == broken.to_string().as_bytes());
        let ids = if wants_broken { whole.clone() } else { sound_only.clone() };
        let kind = ("content-type".to_owned(), "application/x-git-upload-pack-result".to_owned());
        Reply::Http(200, vec![kind], packfile(&pack_of(&repo.join("objects"), ids)))
    });
    let mirror = tempfile::tempdir().unwrap();
    let fetched = fetch(mirror.path(), &server.url(), Limits::default()).unwrap();
    assert_eq!((heads(&fetched), skipped(&fetched)), (vec![("main", sha(sound))], vec!["topic"]));
    assert!(!Mirror::open(mirror.path(), Limits::default()).unwrap().has(sha(broken)).unwrap());
}

#[test]
fn a_content_that_cannot_be_read_or_has_another_name_costs_the_branches_that_hold_it() {
    for damage in ["cut", "forged"] {
        let fixture = Fixture::bare();
        let sound = fixture.push("main", &[("a", "1\n")]);
        let text = "a longer text that is compressed, and then cut in two\n".repeat(100);
        fixture.push("topic", &[("b", &text)]);
        let (path, other) = (fixture.loose_path(fixture.blob(&text)), fixture.loose_path(fixture.blob("another\n")));
        let bytes = std::fs::read(if damage == "cut" { &path } else { &other }).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, if damage == "cut" { &bytes[..bytes.len() / 2] } else { &bytes[..] }).unwrap();
        let mirror = tempfile::tempdir().unwrap();
        let fetched = fetch(mirror.path(), fixture.git.to_str().unwrap(), Limits::default()).expect(damage);
        assert_eq!((heads(&fetched), skipped(&fetched)), (vec![("main", sha(sound))], vec!["topic"]), "{damage}");
        let why = &fetched.skipped[0].1;
        assert!(why.contains("damaged"), "{damage}: {why}");
    }
}

#[test]
fn a_branch_whose_commit_is_missing_or_is_none_holds_up_no_other() {
    let fixture = Fixture::bare();
    let sound = fixture.push("main", &[("a", "1\n")]);
    fixture.branch("gone", "1".repeat(40).parse().unwrap());
    fixture.branch("file", fixture.blob("1\n"));
    let server = Server::git(&fixture.git);
    for address in [fixture.git.display().to_string(), server.url()] {
        let mirror = tempfile::tempdir().unwrap();
        let fetched = fetch(mirror.path(), &address, Limits::default()).expect(&address);
        assert_eq!(heads(&fetched), [("main", sha(sound))], "{address}");
        let mut names = skipped(&fetched);
        names.sort();
        assert_eq!(names, ["file", "gone"], "{address}");
    }
}

#[test]
fn a_commit_is_taken_with_a_message_of_many_megabytes_and_is_left_out_where_its_head_alone_is_as_long() {
    let fixture = Fixture::bare();
    let tree = fixture.tree(&[("a", "1\n")]);
    let message = format!("summary\n\n{}", "\u{20ac}\u{e9}x".repeat(1 << 20));
    let huge = fixture.commit(tree, &[], &message);
    let tip = fixture.commit(tree, &[huge], "above\n");
    fixture.branch("main", tip);
    let parents = format!("parent {huge}\n").repeat(100_000);
    let long_head = fixture
        .object(gix::objs::Kind::Commit, format!("tree {tree}\n{parents}author x <x> 1 +0000\ncommitter x <x> 1 +0000\n\nm\n").as_bytes());
    fixture.branch("wide", long_head);
    let server = Server::git(&fixture.git);
    for address in [fixture.git.display().to_string(), server.url()] {
        let mirror = tempfile::tempdir().unwrap();
        let fetched = fetch(mirror.path(), &address, Limits::default()).expect(&address);
        assert_eq!((heads(&fetched), skipped(&fetched)), (vec![("main", sha(tip))], vec!["wide"]), "{address}");
        let log = Mirror::open(mirror.path(), Limits::default()).unwrap().log(sha(tip), history::Order::Time, 9, None).unwrap();
        let kept = &log[1].message;
        let clipped = kept.strip_suffix('…').unwrap();
        assert!(message.starts_with(clipped) && ((64 << 10) - 8..=64 << 10).contains(&kept.len()), "{} bytes", kept.len());
    }
}
