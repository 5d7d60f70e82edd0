//! Files too large to be loaded: they hinder nobody, and are not read.

use gix::objs::Kind;

use super::fixture::{FILE, Fixture, pack_of};
use super::server::{Reply, Server, packfile, serve};
use super::tree::Tree;
use super::*;
use crate::base::name::TreePath;

/// A file that is too large under [`limits`], and does not compress.
const LARGE: usize = 150_000;

fn limits() -> Limits {
    Limits { object_bytes: 100_000, ..Limits::default() }
}

fn noise() -> Vec<u8> {
    let mut noise = vec![0; LARGE];
    getrandom::fill(&mut noise).unwrap();
    noise
}

/// The small file is read, and the large one is there with its size.
fn is_whole_but_for_the_large_file(mirror: &Path, commit: ObjectId) {
    let tree = Mirror::open(mirror, limits()).unwrap().tree(sha(commit)).unwrap();
    assert_eq!(tree.read(tree.find(&TreePath::new("small")).unwrap(), 99).unwrap(), b"1\n");
    let large = tree.find(&TreePath::new("large")).unwrap();
    assert_eq!(tree.size(large).unwrap(), LARGE as u64);
    let error = tree.read(large, 1 << 30).unwrap_err();
    assert_eq!(error.to_string(), "`large` has 150000 bytes, more than the 100000 that are read");
    assert_eq!(tree.head(large, 1_000).unwrap().len(), 1_000, "its beginning can be read all the same");
    assert_eq!(tree.head(tree.find(&TreePath::new("small")).unwrap(), 1).unwrap(), b"1");
}

#[test]
fn a_file_too_large_to_be_loaded_is_kept_unread_and_all_else_is_fetched() {
    let fixture = Fixture::bare();
    let noise = noise();
    let tree = |more: &str| {
        fixture.raw_tree(&[
            (FILE, b"large", fixture.blob(&noise)),
            (FILE, b"more", fixture.blob(more)),
            (FILE, b"small", fixture.blob("1\n")),
        ])
    };
    let first = fixture.commit(tree("a"), &[], "x");
    fixture.branch("main", first);
    let server = Server::git(&fixture.git);
    let path = fixture.git.display().to_string();
    let addresses = [path.clone(), format!("file://{path}"), server.url()];
    let mirrors: Vec<tempfile::TempDir> = addresses.iter().map(|_| tempfile::tempdir().unwrap()).collect();
    let fetch_all = |commit| {
        for (address, mirror) in addresses.iter().zip(&mirrors) {
            let mirror = mirror.path().join("m.git");
            fetch(&mirror, address, limits()).unwrap();
            is_whole_but_for_the_large_file(&mirror, commit);
        }
    };
    fetch_all(first);
    let second = fixture.commit(tree("b"), &[first], "x");
    fixture.branch("main", second);
    fetch_all(second);
    fixture.pack();
    let late = tempfile::tempdir().unwrap();
    fetch(late.path(), &path, limits()).unwrap();
    is_whole_but_for_the_large_file(late.path(), first);
    // Its bytes are here for whoever may load more.
    let mirror = Mirror::open(late.path(), Limits::default()).unwrap();
    let tree = mirror.tree(sha(second)).unwrap();
    assert_eq!(tree.read(&tree.files()[0], 1 << 30).unwrap(), noise);
    assert_eq!(tree.head(&tree.files()[0], 99).unwrap(), noise[..99]);
}

#[test]
fn large_files_that_are_too_much_together_are_refused() {
    let fixture = Fixture::bare();
    fixture.branch("main", fixture.commit(fixture.raw_tree(&[(FILE, b"large", fixture.blob(noise()))]), &[], "x"));
    let server = Server::git(&fixture.git);
    for address in [fixture.git.display().to_string(), server.url()] {
        let mirror = tempfile::tempdir().unwrap();
        let error = fetch(mirror.path(), &address, Limits { large_bytes: 149_999, ..limits() }).unwrap_err();
        assert!(matches!(error, Error::TooMany { limit: 149_999, .. }), "{error}");
    }
}

/// A pack made entry by entry.
struct Made {
    bytes: Vec<u8>,
    count: u32,
}

impl Made {
    fn new() -> Made {
        Made { bytes: gix_pack::data::header::encode(gix_pack::data::Version::V2, 0).to_vec(), count: 0 }
    }

    /// Appends an entry that says to have `size` bytes, and answers where it begins.
    fn entry(&mut self, header: gix_pack::data::entry::Header, size: usize, content: &[u8]) -> u64 {
        use std::io::Write;
        let begun = self.bytes.len() as u64;
        header.write_to(size as u64, &mut self.bytes).unwrap();
        let mut deflated = gix::zlib::stream::deflate::Write::new(Vec::new(), gix::zlib::Compression::BEST_SPEED);
        deflated.write_all(content).unwrap();
        deflated.flush().unwrap();
        self.bytes.extend(deflated.into_inner());
        self.count += 1;
        begun
    }

    /// Appends an entry whose compressed form is given.
    fn raw(&mut self, header: gix_pack::data::entry::Header, size: usize, compressed: &[u8]) {
        header.write_to(size as u64, &mut self.bytes).unwrap();
        self.bytes.extend_from_slice(compressed);
        self.count += 1;
    }

    fn whole(&mut self, kind: Kind, content: &[u8]) -> u64 {
        use gix_pack::data::entry::Header;
        let header = match kind {
            Kind::Tree => Header::Tree,
            Kind::Blob => Header::Blob,
            Kind::Commit => Header::Commit,
            Kind::Tag => Header::Tag,
        };
        self.entry(header, content.len(), content)
    }

    /// Appends a delta to what begins at `base` and has `from` bytes, which becomes `content`.
    fn delta(&mut self, base: u64, from: usize, content: &[u8]) -> u64 {
        let delta = [length(from), length(content.len()), vec![content.len() as u8], content.to_vec()].concat();
        let base_distance = self.bytes.len() as u64 - base;
        self.entry(gix_pack::data::entry::Header::OfsDelta { base_distance }, delta.len(), &delta)
    }

    fn end(mut self) -> Vec<u8> {
        self.bytes[8..12].copy_from_slice(&self.count.to_be_bytes());
        let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
        hasher.update(&self.bytes);
        self.bytes.extend(hasher.try_finalize().unwrap().as_slice());
        self.bytes
    }
}

/// A length as deltas begin with it.
fn length(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// Fetches this pack from a host that says that it holds the fixture's branches.
fn fetch_pack(fixture: &Fixture, pack: Vec<u8>) -> (tempfile::TempDir, Result<Fetched>) {
    let repo = fixture.git.clone();
    let server = Server::new(move |asked| {
        if asked.body.windows(13).any(|window| window == b"command=fetch") {
            let kind = ("content-type".to_owned(), "application/x-git-upload-pack-result".to_owned());
            return Reply::Http(200, vec![kind], packfile(&pack));
        }
        serve(&repo, asked)
    });
    let mirror = tempfile::tempdir().unwrap();
    let fetched = fetch(mirror.path(), &server.url(), limits());
    (mirror, fetched)
}

/// Blocks of a compressed form may be empty: one of them alone could take as much memory as a whole pack may have bytes.
#[test]
fn an_object_that_unfolds_to_nothing_for_long_is_refused_before_it_is_held() {
    use gix_pack::data::entry::Header;
    for size in [10, LARGE] {
        let fixture = Fixture::bare();
        fixture.push("main", &[("small", "1\n")]);
        let mut pack = Made::new();
        pack.raw(Header::Blob, size, &[&[0x78, 0x01][..], &[0, 0, 0, 0xff, 0xff].repeat(200_000)].concat());
        let error = fetch_pack(&fixture, pack.end()).1.unwrap_err();
        assert!(error.to_string().contains("does not go on"), "{error}");
    }
}

#[test]
fn deltas_on_both_sides_of_a_large_file_still_find_their_bases() {
    let fixture = Fixture::bare();
    let noise = noise();
    let contents = [
        "the first base\n",
        "made from the first, across the large file\n",
        "the second base\n",
        "made from the second\n",
        "made from what was made\n",
    ];
    let names = ["a", "b", "c", "d", "e"];
    let blobs = contents.map(|content| fixture.blob(content));
    let mut entries: Vec<_> = names.iter().zip(blobs).map(|(name, blob)| (FILE, name.as_bytes(), blob)).collect();
    let (large, larger) = (fixture.blob(&noise), fixture.blob([&noise[..], b"and more"].concat()));
    entries.extend([(FILE, &b"large"[..], large), (FILE, b"larger", larger)]);
    let tree = fixture.raw_tree(&entries);
    let commit = fixture.commit(tree, &[], "x");
    fixture.branch("main", commit);

    let text = |n: usize| contents[n].as_bytes();
    let mut pack = Made::new();
    let first = pack.whole(Kind::Blob, text(0));
    pack.whole(Kind::Blob, &noise);
    let across = pack.delta(first, text(0).len(), text(1));
    let second = pack.whole(Kind::Blob, text(2));
    pack.delta(second, text(2).len(), text(3));
    pack.whole(Kind::Blob, &[&noise[..], b"and more"].concat());
    pack.delta(across, text(1).len(), text(4));
    let read = |id| std::fs::read(fixture.loose_path(id)).unwrap();
    for (kind, id) in [(Kind::Tree, tree), (Kind::Commit, commit)] {
        let mut object = Vec::new();
        std::io::Read::read_to_end(&mut inflate::Inflated::new(&read(id)[..]), &mut object).unwrap();
        let header = object.iter().position(|byte| *byte == 0).unwrap();
        pack.whole(kind, &object[header + 1..]);
    }
    let (mirror, fetched) = fetch_pack(&fixture, pack.end());
    fetched.unwrap();
    let tree = Mirror::open(mirror.path(), limits()).unwrap().tree(sha(commit)).unwrap();
    for (file, content) in tree.files().iter().zip(contents) {
        assert_eq!(tree.read(file, 99).unwrap(), content.as_bytes(), "{}", file.path);
    }
    assert_eq!(tree.files().iter().map(|file| tree.size(file).unwrap()).max(), Some(LARGE as u64 + 8));
}

#[test]
fn what_is_too_large_and_no_file_kept_whole_is_refused_by_its_limit_and_lies_about_size_are_found() {
    use gix_pack::data::entry::Header;
    let fixture = Fixture::bare();
    fixture.push("main", &[("a", "1\n")]);
    let noise = noise();
    let limit = "bytes, the most that is read";
    type Make = Box<dyn Fn(&mut Made) -> u64>;
    let cases: [(&str, Make, &str); 6] = [
        (
            "a commit",
            Box::new({
                let noise = noise.clone();
                move |pack: &mut Made| pack.whole(Kind::Commit, &noise)
            }),
            limit,
        ),
        (
            "a delta that unfolds",
            Box::new(|pack| {
                let base = pack.whole(Kind::Blob, b"base");
                let delta = [length(4), length(2_000_000_000), vec![1, b'x']].concat();
                let base_distance = pack.bytes.len() as u64 - base;
                pack.entry(Header::OfsDelta { base_distance }, delta.len(), &delta)
            }),
            limit,
        ),
        ("a large file cut short", Box::new(|pack| pack.entry(Header::Blob, LARGE, b"short")), "it is shorter than it says"),
        (
            "a large file that goes on",
            Box::new({
                let noise = noise.clone();
                move |pack: &mut Made| pack.entry(Header::Blob, LARGE - 1, &noise)
            }),
            "it is longer than it says",
        ),
        (
            "a small file that goes on",
            Box::new({
                let noise = noise.clone();
                move |pack: &mut Made| pack.entry(Header::Blob, 9, &noise)
            }),
            "an object is longer than it says",
        ),
        (
            "a base outside",
            Box::new(|pack| pack.entry(Header::OfsDelta { base_distance: 1 << 40 }, 9, b"123456789")),
            "a delta's base does not lie in it",
        ),
    ];
    for (case, make, expected) in cases {
        let mut pack = Made::new();
        make(&mut pack);
        let (_mirror, fetched) = fetch_pack(&fixture, pack.end());
        let error = fetched.expect_err(case).to_string();
        assert!(error.contains(expected), "{case}: {error}");
    }
    let honest = pack_of(&fixture.git.join("objects"), Vec::new());
    let (_mirror, fetched) = fetch_pack(&fixture, honest);
    assert!(fetched.is_err(), "what was promised did not come");
}
