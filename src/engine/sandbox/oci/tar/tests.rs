use proptest::prelude::*;

use super::*;

fn file(path: &[u8], kind: Kind, bytes: &[u8]) -> File {
    File { path: TreePath::new(path), kind, bytes: bytes.to_vec() }
}

/// An entry of an archive: name, kind, mode, and content or target.
type Entry = (Vec<u8>, char, u64, Vec<u8>);

/// What an archive holds.
fn read(archive: &[u8]) -> Vec<Entry> {
    let (mut entries, mut rest, mut long) = (Vec::new(), archive, BTreeMap::new());
    while let Some((header, after)) = rest.split_first_chunk::<BLOCK>() {
        if header == &[0; BLOCK] {
            assert!(rest.len() >= 2 * BLOCK && rest.iter().all(|byte| *byte == 0), "two blocks of nothing are the end");
            return entries;
        }
        assert_eq!(octal(&header[148..156]), Some(u64::from(sum(header))));
        assert_eq!((octal(&header[108..116]), octal(&header[116..124])), (Some(1000), Some(1000)));
        let size = usize::try_from(octal(&header[124..136]).unwrap()).unwrap();
        let content = after[..size].to_vec();
        rest = &after[size.next_multiple_of(BLOCK)..];
        let short = |at: usize| header[at..at + NAME_BYTES].split(|byte| *byte == 0).next().unwrap().to_vec();
        let kind = header[156];
        if matches!(kind, b'L' | b'K') {
            long.insert(kind, content.strip_suffix(b"\0").unwrap().to_vec());
            continue;
        }
        let name = long.remove(&b'L').unwrap_or_else(|| short(0));
        let target = long.remove(&b'K').unwrap_or_else(|| short(157));
        let content = if kind == b'2' { target } else { content };
        entries.push((name, char::from(kind), octal(&header[100..108]).unwrap(), content));
    }
    panic!("it breaks off");
}

fn written(files: &[File]) -> (Vec<Entry>, Vec<String>) {
    let mut writer = Writer::new("top");
    let refused = files.iter().filter_map(|file| writer.add(file).err()).collect();
    (read(&writer.finish()), refused)
}

#[test]
fn a_tree_is_written_with_its_folders_kinds_and_links() {
    let long = [b"d/".repeat(60), b"\xff\xfe".to_vec()].concat();
    let target = b"../".repeat(50);
    let (entries, refused) = written(&[
        file(b"a", Kind::Regular, b"one"),
        file(b"b/c", Kind::Executable, &[7; BLOCK]),
        file(b"b/l", Kind::Symlink, &target),
        file(&long, Kind::Regular, b""),
    ]);
    assert_eq!(refused, Vec::<String>::new());
    let entry = |name: &[u8], kind, mode, content: &[u8]| (name.to_vec(), kind, mode, content.to_vec());
    assert_eq!(entries[0], entry(b"top", '5', 0o755, b""));
    assert_eq!(entries[1], entry(b"top/a", '0', 0o644, b"one"));
    assert_eq!(entries[2], entry(b"top/b", '5', 0o755, b""));
    assert_eq!(entries[3], entry(b"top/b/c", '0', 0o755, &[7; BLOCK]));
    assert_eq!(entries[4], entry(b"top/b/l", '2', 0o777, &target));
    assert_eq!(entries.len(), 5 + 60 + 1);
    assert_eq!(entries.last().unwrap().0, [b"top/".to_vec(), long].concat());
}

#[test]
fn no_path_leads_out_of_the_tree_or_through_a_link_or_over_what_is_there() {
    let bad: [&[u8]; 9] = [b"", b"/etc/passwd", b"../x", b"a/../b", b"a//b", b"./a", b"a/", b"a\0b", &[b'x'; 256]];
    for path in bad {
        let (entries, refused) = written(&[file(path, Kind::Regular, b"x")]);
        assert_eq!((entries.len(), refused.len()), (1, 1), "{}", path.escape_ascii());
    }
    let (entries, refused) = written(&[
        file(b"l", Kind::Symlink, b"/etc"),
        file(b"l/passwd", Kind::Regular, b"x"),
        file(b"d/f", Kind::Regular, b"x"),
        file(b"d", Kind::Symlink, b"/etc"),
        file(b"d/f", Kind::Regular, b"y"),
        file(b"e", Kind::Symlink, b""),
        file(b"f", Kind::Symlink, b"a\0b"),
    ]);
    assert_eq!(entries.len(), 4, "the top, the link, and a folder with one file");
    assert_eq!(refused.len(), 5);
    assert_eq!(refused[0], "`l`, which it should be in, is no folder");
}

#[test]
fn the_one_file_of_an_archive_is_read_and_nothing_else() {
    let mut writer = Writer::new("top");
    let name = [b'n'; 200];
    writer.header(&name, b'0', 0o644, 3, b"");
    writer.body(b"abc");
    let archive = writer.finish();
    let file = &archive[BLOCK..];
    assert_eq!(plain_file(file, 3), Ok(b"abc".to_vec()), "the header of its long name is passed over");
    assert_eq!(plain_file(file, 2).unwrap_err(), "it is larger than 2 B");
    assert_eq!(plain_file(&archive, 3).unwrap_err(), "it is a folder");
    let mut writer = Writer::new("top");
    writer.add(&self::file(b"l", Kind::Symlink, b"/etc/shadow")).unwrap();
    assert_eq!(plain_file(&writer.finish()[BLOCK..], 3).unwrap_err(), "it is a link");
    let mut damaged = file.to_vec();
    damaged[0] ^= 1;
    assert_eq!(plain_file(&damaged, 3).unwrap_err(), "the archive with it is damaged");
    for end in 0..4 * BLOCK {
        assert!(plain_file(&file[..end.min(3 * BLOCK + 2)], 3).is_err());
    }
}

#[test]
fn a_secret_is_its_owners_alone() {
    assert_eq!(read(&secret("key", b"hunter2")), [(b"key".to_vec(), '0', 0o400, b"hunter2".to_vec())]);
}

proptest! {
    #[test]
    fn rubbish_is_no_archive_and_nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(plain_file(&bytes, 100).is_err());
    }

    #[test]
    fn whatever_is_written_can_be_read(
        files in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..6), proptest::collection::vec(any::<u8>(), 0..600)), 0..20),
    ) {
        let files: Vec<File> = files.iter().map(|(path, bytes)| file(path, Kind::Regular, bytes)).collect();
        let (entries, refused) = written(&files);
        prop_assert!(entries.iter().filter(|entry| entry.1 == '0').count() + refused.len() == files.len());
    }
}
