//! Fetching, from paths and from hosts.

use std::io::Read;
use std::time::{Duration, Instant};

use super::fixture::{FILE, Fixture, pack_of};
use super::server::{Reply, Server, packfile, serve};
use super::tree::Tree;
use super::*;
use crate::base::secret::Secret;

fn branches(fetched: &Fetched) -> Vec<(String, CommitSha)> {
    fetched.branches.iter().map(|(name, sha)| (name.to_string(), *sha)).collect()
}

/// A mirror's path in a directory of its own.
fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m \"ö\".git");
    (dir, path)
}

fn whole(mirror: &Path, commit: ObjectId) -> Vec<(String, String)> {
    let tree = Mirror::open(mirror, Limits::default()).unwrap().tree(sha(commit)).unwrap();
    let read = |file: &tree::TreeFile| String::from_utf8(tree.read(file, 1 << 20).unwrap()).unwrap();
    tree.files().iter().map(|file| (file.path.to_string(), read(file))).collect()
}

/// The same things hold wherever a repository is fetched from.
fn fetches_new_changed_and_deleted_branches(from: impl Fn(&Fixture) -> (String, Option<Server>)) {
    let fixture = Fixture::bare();
    let first = fixture.push("main", &[("a", "1\n"), ("d/b", "2\n")]);
    let gone = fixture.push("feature/gone", &[("g", "g\n")]);
    let (address, _server) = from(&fixture);
    let (_dir, mirror) = place();
    let fetched = fetch(&mirror, &address, Limits::default()).unwrap();
    assert_eq!(fetched.default_branch.as_ref().unwrap().as_str(), "main");
    assert_eq!(branches(&fetched), [("feature/gone".to_owned(), sha(gone)), ("main".to_owned(), sha(first))]);
    assert_eq!(whole(&mirror, first), [("a".into(), "1\n".into()), ("d/b".into(), "2\n".into())]);

    fixture.pack();
    let second = fixture.push("main", &[("a", "changed\n"), ("d/b", "2\n")]);
    std::fs::remove_dir_all(fixture.git.join("refs/heads/feature")).unwrap();
    std::fs::write(fixture.git.join("HEAD"), "ref: refs/heads/next\n").unwrap();
    let fetched = fetch(&mirror, &address, Limits::default()).unwrap();
    assert_eq!(fetched.default_branch.as_ref().unwrap().as_str(), "next", "a default branch without a commit is taken over");
    assert_eq!(branches(&fetched), [("main".to_owned(), sha(second))]);
    assert_eq!(whole(&mirror, second)[0].1, "changed\n");
    let opened = Mirror::open(&mirror, Limits::default()).unwrap();
    assert_eq!(branches(&Fetched { branches: opened.branches().unwrap(), ..fetched }), [("main".to_owned(), sha(second))]);
    assert!(opened.has(sha(gone)).unwrap(), "objects stay when their branch goes");

    let again = fetch(&mirror, &address, Limits::default()).unwrap();
    assert_eq!(branches(&again), [("main".to_owned(), sha(second))]);
    let packs = std::fs::read_dir(mirror.join("objects/pack"))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().unwrap() == "pack");
    assert_eq!(packs.count(), 2, "nothing new brings no pack");
}

#[test]
fn a_repository_on_this_machine_is_fetched_and_fetched_again() {
    fetches_new_changed_and_deleted_branches(|fixture| (fixture.git.display().to_string(), None));
}

#[test]
fn a_file_url_is_fetched_like_the_path_it_names() {
    fetches_new_changed_and_deleted_branches(|fixture| (format!("file://{}", fixture.git.display()), None));
}

#[test]
fn a_repository_behind_http_is_fetched_and_fetched_again() {
    fetches_new_changed_and_deleted_branches(|fixture| {
        let server = Server::git(&fixture.git);
        (server.url(), Some(server))
    });
}

#[test]
fn an_empty_repository_is_fetched_with_the_branch_it_will_have() {
    let fixture = Fixture::bare();
    let server = Server::git(&fixture.git);
    for address in [fixture.git.display().to_string(), server.url()] {
        let (_dir, mirror) = place();
        let fetched = fetch(&mirror, &address, Limits::default()).unwrap();
        assert_eq!(fetched.default_branch.unwrap().as_str(), "main");
        assert_eq!(fetched.branches, []);
    }
}

#[test]
fn a_commit_that_came_in_by_one_mirror_is_seen_by_another_that_was_open_before() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1\n")]);
    let (_dir, mirror) = place();
    let path = fixture.git.display().to_string();
    fetch(&mirror, &path, Limits::default()).unwrap();
    let reader = Mirror::open(&mirror, Limits::default()).unwrap();
    reader.resolve("main").unwrap();
    let second = fixture.push("main", &[("a", "2\n")]);
    fetch(&mirror, &path, Limits::default()).unwrap();
    assert_eq!(reader.resolve("main").unwrap(), sha(second));
    reader.tree(sha(second)).unwrap();
}

#[test]
fn branches_whose_names_or_targets_are_not_taken_are_reported() {
    let fixture = Fixture::bare();
    let commit = fixture.push("main", &[("a", "1\n")]);
    fixture.branch("-option", commit);
    fixture.branch("blob", fixture.blob("x"));
    let (_dir, mirror) = place();
    let fetched = fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap();
    assert_eq!(branches(&fetched), [("main".to_owned(), sha(commit))]);
    let skipped: Vec<&str> = fetched.skipped.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(skipped, ["-option", "blob"], "{:?}", fetched.skipped);
}

#[test]
fn a_shallow_repository_is_fetched_as_far_as_it_goes() {
    let fixture = Fixture::bare();
    let root = fixture.push("main", &[("a", "1")]);
    let tip = fixture.push("main", &[("a", "2")]);
    std::fs::remove_file(fixture.loose_path(root)).unwrap();
    std::fs::write(fixture.git.join("shallow"), format!("{tip}\n")).unwrap();
    let (_dir, mirror) = place();
    fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap();
    let opened = Mirror::open(&mirror, Limits::default()).unwrap();
    assert_eq!(opened.commit(sha(tip)).unwrap().parents, []);
}

#[test]
fn a_local_repository_with_something_missing_is_refused_and_the_mirror_stays_as_it_was() {
    let fixture = Fixture::bare();
    let first = fixture.push("main", &[("a", "1\n")]);
    let (_dir, mirror) = place();
    fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap();
    fixture.push("main", &[("a", "2\n")]);
    std::fs::remove_file(fixture.loose_path(fixture.blob("2\n"))).unwrap();
    let error = fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert_eq!(Mirror::open(&mirror, Limits::default()).unwrap().resolve("main").unwrap(), sha(first));
}

#[test]
fn a_local_index_that_gives_an_object_another_name_is_found_out() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "honest\n")]);
    // A loose object whose bytes are those of another one: it is found under the wrong name.
    let (honest, other) = (fixture.blob("honest\n"), fixture.blob("forged\n"));
    std::fs::remove_file(fixture.loose_path(honest)).unwrap();
    std::fs::copy(fixture.loose_path(other), fixture.loose_path(honest)).unwrap();
    let (_dir, mirror) = place();
    let error = fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(matches!(Mirror::open(&mirror, Limits::default()).unwrap().resolve("main"), Err(Error::NoCommits { .. })));
}

/// A host that answers a fetch with these bytes in place of its pack.
fn liar(fixture: &Fixture, pack: Vec<u8>) -> Server {
    let repo = fixture.git.clone();
    Server::new(move |asked| {
        if asked.body.windows(13).any(|window| window == b"command=fetch") {
            let kind = ("content-type".to_owned(), "application/x-git-upload-pack-result".to_owned());
            return Reply::Http(200, vec![kind], packfile(&pack));
        }
        serve(&repo, asked)
    })
}

#[test]
fn a_pack_that_lies_is_refused_and_leaves_the_mirror_as_it_was() {
    let fixture = Fixture::bare();
    let commit = fixture.push("main", &[("a", "1\n")]);
    let tree = fixture.tree(&[("a", "1\n")]);
    let blob = fixture.blob("1\n");
    let other = fixture.blob("something else");
    let objects = fixture.git.join("objects");
    let honest = pack_of(&objects, vec![commit, tree, blob]);
    let mut flipped = honest.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x10;
    let mut more = honest.clone();
    more[11] = 9;
    let mut billions = honest.clone();
    billions[8..12].copy_from_slice(&u32::MAX.to_be_bytes());
    let packs = [
        ("cut short", honest[..honest.len() - 25].to_vec()),
        ("cut to its head", honest[..12].to_vec()),
        ("nothing", Vec::new()),
        ("rubbish", b"PACKrubbish and more rubbish, and no end of it".to_vec()),
        ("a flipped bit", flipped),
        ("more objects than it has", more),
        ("billions of objects", billions),
        ("the blob left out", pack_of(&objects, vec![commit, tree])),
        ("another blob in its place", pack_of(&objects, vec![commit, tree, other])),
        ("the commit left out", pack_of(&objects, vec![tree, blob])),
    ];
    for (lie, pack) in packs {
        let server = liar(&fixture, pack);
        let (_dir, mirror) = place();
        let error = fetch(&mirror, &server.url(), Limits::default()).expect_err(lie);
        assert!(matches!(error, Error::Corrupt { .. } | Error::Protocol { .. } | Error::TooMany { .. }), "{lie}: {error}");
        let opened = Mirror::open(&mirror, Limits::default()).unwrap();
        assert!(!opened.has(sha(commit)).unwrap(), "{lie}");
        // The same mirror fetches well afterwards.
        let server = Server::git(&fixture.git);
        fetch(&mirror, &server.url(), Limits::default()).expect(lie);
        assert_eq!(opened.resolve("main").unwrap(), sha(commit), "{lie}");
    }
}

#[test]
fn a_pack_larger_than_the_limit_is_refused() {
    let fixture = Fixture::bare();
    let mut noise = vec![0; 200_000];
    getrandom::fill(&mut noise).unwrap();
    let commit = fixture.commit(fixture.raw_tree(&[(FILE, b"noise", fixture.blob(&noise))]), &[], "x");
    fixture.branch("main", commit);
    let server = Server::git(&fixture.git);
    for address in [server.url(), fixture.git.display().to_string()] {
        let (_dir, mirror) = place();
        let error = fetch(&mirror, &address, Limits { pack_bytes: 100_000, ..Limits::default() }).unwrap_err();
        assert!(!error.is_transient(), "{error}");
    }
}

/// A host that answers this command with a beginning and then with a line that comes again and again.
fn endless(fixture: &Fixture, command: &'static str, head: &[u8], again: &[u8]) -> Server {
    let (repo, head) = (fixture.git.clone(), head.to_vec());
    let mut lines = Vec::new();
    server::line(&mut lines, again);
    Server::new(move |asked| {
        if !String::from_utf8_lossy(&asked.body).contains(command) {
            return serve(&repo, asked);
        }
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-result\r\n\r\n".to_vec();
        answer.extend(&head);
        Reply::Endless(answer, lines.clone())
    })
}

#[test]
fn a_host_whose_lists_never_end_is_left_once_it_said_too_much() {
    let fixture = Fixture::bare();
    let commit = fixture.push("main", &[("a", "1\n")]);
    let reference = format!("{commit} refs/heads/{}\n", "x".repeat(60_000));
    let mut shallow_info = Vec::new();
    server::line(&mut shallow_info, b"shallow-info\n");
    let mut acknowledgments = Vec::new();
    server::line(&mut acknowledgments, b"acknowledgments\n");
    let cases = [
        ("references", endless(&fixture, "command=ls-refs", b"", reference.as_bytes()), transport::LISTING),
        ("shallow", endless(&fixture, "command=fetch", &shallow_info, format!("shallow {commit}\n").as_bytes()), transport::PREAMBLE),
        ("acknowledged", endless(&fixture, "command=fetch", &acknowledgments, format!("ACK {commit}\n").as_bytes()), transport::PREAMBLE),
    ];
    for (case, server, most) in cases {
        let (_dir, mirror) = place();
        let error = fetch(&mirror, &server.url(), Limits::default()).expect_err(case);
        assert!(matches!(&error, Error::Outbound(outbound::Error::TooLarge { cap, .. }) if *cap == most), "{case}: {error}");
        assert!(!error.is_transient(), "{case}");
        assert!(error.to_string().contains(&most.to_string()), "{case}: {error}");
    }
}

#[test]
fn a_pack_larger_than_what_may_come_before_it_is_taken() {
    let fixture = Fixture::bare();
    let mut noise = vec![0; 5 << 20];
    getrandom::fill(&mut noise).unwrap();
    let commit = fixture.commit(fixture.raw_tree(&[(FILE, b"noise", fixture.blob(&noise))]), &[], "x");
    fixture.branch("main", commit);
    let server = Server::git(&fixture.git);
    let (_dir, mirror) = place();
    let fetched = fetch(&mirror, &server.url(), Limits::default()).unwrap();
    assert_eq!(branches(&fetched), [("main".to_owned(), sha(commit))]);
}

#[test]
fn a_host_that_hangs_is_left_at_the_deadline() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1\n")]);
    let limits = || Limits { fetch_time: Duration::from_secs(1), ..Limits::default() };
    let repo = fixture.git.clone();
    let stalls = move |asked: &server::Asked| {
        if !asked.body.windows(13).any(|window| window == b"command=fetch") {
            return serve(&repo, asked);
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-git-upload-pack-result\r\ncontent-length: 9999\r\n\r\n000dpackfile\n";
        Reply::Stall(head.as_bytes().to_vec())
    };
    for server in [Server::new(|_| Reply::Hang), Server::new(stalls)] {
        let (_dir, mirror) = place();
        let begun = Instant::now();
        let error = fetch(&mirror, &server.url(), limits()).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert!(matches!(error, Error::TimedOut { .. } | Error::Outbound(outbound::Error::Timeout { .. })), "{error}");
        assert!(error.is_transient());
    }
}

#[test]
fn a_fetch_that_is_canceled_ends() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1\n")]);
    let client = Client::new(&Config::default()).unwrap();
    let cancel = AtomicBool::new(true);
    let asked = Asked { credentials: None, outbound: &client, is_trusted: false, trust: Trust::Ours, cancel: &cancel, progress: &|_| {} };
    let (_dir, mirror) = place();
    let source = fixture.git.to_str().unwrap().parse().unwrap();
    let error = Mirror::open(&mirror, Limits::default()).unwrap().fetch(&source, &asked).unwrap_err();
    assert!(matches!(error, Error::Canceled), "{error}");
}

/// A host that redirects all questions to another address and then serves.
fn redirecting(fixture: &Fixture, to: impl Fn(&str) -> String + Send + 'static) -> Server {
    let repo = fixture.git.clone();
    Server::new(move |asked| match asked.path.strip_prefix("/acme/app.git") {
        Some(tail) => Reply::Http(301, vec![("location".into(), to(tail))], Vec::new()),
        None => serve(&repo, asked),
    })
}

#[test]
fn a_redirect_on_the_same_host_is_followed_for_the_whole_fetch() {
    let fixture = Fixture::bare();
    let commit = fixture.push("main", &[("a", "1\n")]);
    let server = redirecting(&fixture, |tail| format!("/new/home.git{tail}"));
    let (_dir, mirror) = place();
    let fetched = fetch(&mirror, &server.url(), Limits::default()).unwrap();
    assert_eq!(branches(&fetched), [("main".to_owned(), sha(commit))]);
    assert!(server.asked.lock().unwrap().iter().skip(1).all(|asked| asked.path.starts_with("/new/home.git/")));
}

#[test]
fn a_redirect_to_another_host_or_in_a_circle_is_refused_and_credentials_stay() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1\n")]);
    let other = Server::git(&fixture.git);
    let (port, by_name) = (other.port, other.host());
    type To = Box<dyn Fn(&str) -> String + Send>;
    let cases: [(&str, To); 5] = [
        ("another port", Box::new(move |tail| format!("http://127.0.0.1:{port}/new/home.git{tail}"))),
        ("another name", Box::new(move |tail| format!("http://localhost:{port}/new/home.git{tail}"))),
        ("no scheme", Box::new(move |tail| format!("//{by_name}/new/home.git{tail}"))),
        ("a circle", Box::new(|tail| format!("/acme/app.git{tail}"))),
        ("another page", Box::new(|_| "/login".to_owned())),
    ];
    let credentials = Credentials::header(Secret::new("Basic c2VjcmV0".to_owned()));
    for (case, to) in cases {
        let server = redirecting(&fixture, to);
        let (_dir, mirror) = place();
        let error = fetch_as(&mirror, &server.url(), Limits::default(), Some(&credentials)).expect_err(case);
        assert!(matches!(error, Error::Redirected { .. }), "{case}: {error}");
    }
    assert!(other.asked.lock().unwrap().is_empty(), "nobody asked the other host");
}

#[test]
fn credentials_go_out_as_a_header_and_their_lack_is_told_from_their_refusal() {
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1\n")]);
    let repo = fixture.git.clone();
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some("Bearer right") => serve(&repo, asked),
        _ => Reply::Http(401, vec![("www-authenticate".into(), "Basic realm=\"x\"".into())], Vec::new()),
    });
    let with = |value: &str| Credentials::header(Secret::new(value.to_owned()));
    let try_with = |credentials: Option<Credentials>| {
        let (_dir, mirror) = place();
        fetch_as(&mirror, &server.url(), Limits::default(), credentials.as_ref())
    };
    assert!(matches!(try_with(None), Err(Error::AuthenticationRequired { refused: false, .. })));
    let wrong = try_with(Some(with("Bearer wrong"))).unwrap_err();
    assert!(matches!(wrong, Error::AuthenticationRequired { refused: true, .. }));
    assert!(!wrong.to_string().contains("Bearer"));
    try_with(Some(with("Bearer right"))).unwrap();
}

#[test]
fn hosts_that_have_no_repository_or_speak_something_else_are_told_apart() {
    let answer = |status, kind: &'static str, body: &'static [u8]| {
        let server = Server::new(move |_| Reply::Http(status, vec![("content-type".into(), kind.into())], body.to_vec()));
        let (_dir, mirror) = place();
        fetch(&mirror, &server.url(), Limits::default()).unwrap_err()
    };
    assert!(matches!(answer(404, "text/html", b""), Error::NotThere { status: 404, .. }));
    assert!(answer(503, "text/html", b"").is_transient());
    assert!(matches!(answer(200, "text/html", b"<html>"), Error::Protocol { .. }));
    let advertisement = "application/x-git-upload-pack-advertisement";
    assert!(matches!(answer(200, advertisement, b""), Error::Protocol { .. }));
    assert!(matches!(answer(200, advertisement, b"zzzzrubbish"), Error::Protocol { .. }));
    let old = b"001e# service=git-upload-pack\n0000003f9fceb02d0ae598e95dc970b74767f19372d61af8 refs/heads/main\n0000";
    assert!(matches!(answer(200, advertisement, old), Error::Protocol { .. }));
}

#[test]
fn an_address_inside_our_network_is_refused_unless_it_is_allowed() {
    let client = Client::new(&Config::default()).unwrap();
    let never = AtomicBool::new(false);
    let asked = Asked { credentials: None, outbound: &client, is_trusted: false, trust: Trust::Ours, cancel: &never, progress: &|_| {} };
    let (_dir, mirror) = place();
    let error = Mirror::open(&mirror, Limits::default()).unwrap().fetch(&"http://127.0.0.1:9/x".parse().unwrap(), &asked).unwrap_err();
    assert!(matches!(error, Error::Outbound(outbound::Error::Refused { .. })), "{error}");
}

#[test]
fn what_a_killed_fetch_left_behind_does_not_stand_in_the_way() {
    let fixture = Fixture::bare();
    let commit = fixture.push("main", &[("a", "1\n")]);
    let (_dir, mirror) = place();
    Mirror::open(&mirror, Limits::default()).unwrap();
    std::fs::create_dir_all(mirror.join("incoming/pack")).unwrap();
    std::fs::write(mirror.join("incoming/pack/tmp123"), b"half a pack").unwrap();
    std::fs::write(mirror.join("packed-refs.new"), b"half a li").unwrap();
    std::fs::write(mirror.join("lock"), b"").unwrap();
    std::fs::write(mirror.join("objects/pack/pack-1.pack"), b"a pack whose index was not written").unwrap();
    fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap();
    assert_eq!(Mirror::open(&mirror, Limits::default()).unwrap().resolve("HEAD").unwrap(), sha(commit));
}

#[test]
fn many_fetches_leave_few_packs_and_everything_in_them_also_for_those_who_read_meanwhile() {
    let fixture = Fixture::bare();
    let (_dir, mirror) = place();
    let reader = Mirror::open(&mirror, Limits::default()).unwrap();
    let mut commits = Vec::new();
    for n in 0..60 {
        commits.push(fixture.push("main", &[("a", &format!("{n}\n"))]));
        fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap();
        reader.tree(sha(commits[n / 2])).unwrap();
    }
    let files = || std::fs::read_dir(mirror.join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    assert!(files().filter(|path| path.extension().unwrap() == "idx").count() <= 40);
    assert!(files().all(|path| path.with_extension("pack").exists() && path.with_extension("idx").exists()));
    let fresh = Mirror::open(&mirror, Limits::default()).unwrap();
    for (n, commit) in commits.iter().enumerate() {
        for mirror in [&reader, &fresh] {
            let tree = mirror.tree(sha(*commit)).unwrap();
            assert_eq!(tree.read(&tree.files()[0], 9).unwrap(), format!("{n}\n").as_bytes());
        }
    }
}

#[test]
fn two_fetches_of_one_mirror_do_not_meet() {
    let fixture = Fixture::bare();
    let (_dir, mirror) = place();
    Mirror::open(&mirror, Limits::default()).unwrap();
    let lock = std::fs::File::create(mirror.join("lock")).unwrap();
    lock.lock().unwrap();
    let error = fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Busy { .. }) && error.is_transient());
    drop(lock);
    fetch(&mirror, fixture.git.to_str().unwrap(), Limits::default()).unwrap();
}

#[test]
fn a_place_is_a_path_or_an_http_address_and_nothing_that_starts_a_program() {
    for (text, path) in
        [("/srv/a", "/srv/a"), ("../a b", "../a b"), ("file:///srv/a%20b", "/srv/a b"), ("file://localhost/x", "/x"), (".", ".")]
    {
        assert_eq!(text.parse::<Source>(), Ok(Source::Path(path.into())), "{text}");
    }
    for (text, url) in [("https://example.org/a/b.git/", "https://example.org/a/b.git"), ("HTTP://h:80/x", "http://h:80/x")] {
        assert_eq!(text.parse::<Source>(), Ok(Source::Http(url.into())), "{text}");
    }
    for bad in [
        "",
        " ",
        "ext::sh -c touch% /tmp/owned",
        "fd::7",
        "ssh://git@github.com/a/b",
        "git@github.com:a/b.git",
        "ssh://-oProxyCommand=x/a",
        "-oProxyCommand=x:a",
        "git://example.org/a",
        "ftp://example.org/a",
        "https://",
        "https:///x",
        "http://u@/x",
        "file://host/x",
        "file://",
        "https://h/x?token=secret",
        "https://h/x#y",
        "http://a b/",
        "http://h/a b.git",
        "http://h:port/a",
        "http://h:99999/a",
        "http://h:/a",
        "http://[::1/a",
        "http://<host>/a",
        "http://h\\x/a",
        "a\0b",
        "/a\nb",
        "javascript://x",
        &"x".repeat(5_000),
    ] {
        assert!(bad.parse::<Source>().is_err(), "{bad}");
    }
    for secret in ["https://ada:secret@example.org/a", "ssh://ada:secret@example.org/a", "ada:secret@example.org:a"] {
        let error = secret.parse::<Source>().unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_body_longer_than_its_cap_is_not_read_to_its_end() {
    let server = Server::new(|_| Reply::Http(200, Vec::new(), vec![b'x'; 100]));
    let client = Client::new(&Config { allow_hosts: vec![server.host()], ..Config::default() }).unwrap();
    let url = format!("http://{}/secret?token=secret", server.host());
    let ask = |cap| {
        let request = outbound::Request {
            method: "GET",
            url: &url,
            headers: &[],
            secret_headers: &[],
            body: &[],
            deadline: Duration::from_secs(5),
            cap,
        };
        let mut answer = Vec::new();
        client.send(&request).unwrap().body.read_to_end(&mut answer).map(|_| answer.len())
    };
    assert_eq!(ask(100).unwrap(), 100);
    let error = outbound::Body::error(ask(99).unwrap_err()).unwrap();
    assert!(matches!(error, outbound::Error::TooLarge { cap: 99, .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}
