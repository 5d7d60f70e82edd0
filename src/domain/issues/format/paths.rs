//! From what a tool calls a file to a path of the tree.
//!
//! Tools write absolute paths of the machine they ran on, URIs, `./`, backslashes, and paths relative to a base that stands elsewhere. Each
//! reading of what is written is tried in turn, and only what is in the tree is a path: nothing is ever opened to find out.
//!
//! An absolute path loses the folder in which the tree was seen; where nobody knows that, any beginning whose rest is in the tree, the
//! shortest that will do. A relative path is never guessed at: `util.py` may be any of many.

use std::cell::Cell;

use super::Ground;
use crate::base::name::TreePath;

/// The most bytes of a path that is looked at.
const MAX_PATH: usize = 4_096;
/// The most beginnings of an absolute path that are tried.
const MAX_BEGINNINGS: usize = 48;
/// How often the tree is asked for all paths of a document together; a second's work or two.
pub const MAX_LOOKUPS: u64 = 4_000_000;

/// What a tool calls a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written<'a> {
    /// As it is written.
    pub text: &'a [u8],
    /// Whether it is a URI, so that `%20` is a space.
    pub is_uri: bool,
    /// What it is relative to, if that stands elsewhere.
    pub base: Option<&'a str>,
}

impl<'a> Written<'a> {
    /// A plain path.
    pub fn path(text: &'a str) -> Written<'a> {
        Written { text: text.as_bytes(), is_uri: false, base: None }
    }
}

/// Why it is no path of the tree, in order of how much it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum No {
    Missing,
    Folder,
    Climbs,
    Unasked,
}

/// The path of the tree that is meant, or a sentence without its subject. `left` is how often the tree may still be asked.
pub fn resolve(ground: &Ground<'_>, left: &Cell<u64>, written: Written<'_>) -> Result<TreePath, &'static str> {
    if written.text.is_empty() {
        return Err("names no file");
    }
    if written.text.len() > MAX_PATH || written.base.is_some_and(|base| base.len() > MAX_PATH) {
        return Err("has a path that is longer than any");
    }
    let mut worst = No::Missing;
    for form in forms(written) {
        match place(ground, left, &form) {
            Ok(path) => return Ok(path),
            Err(no) => worst = worst.max(no),
        }
    }
    Err(match worst {
        No::Missing => "is not in the commit's tree",
        No::Folder => "is a folder",
        No::Climbs => "leads out of the repository",
        No::Unasked => "comes after more paths than are looked up",
    })
}

/// Every way to read what is written, the likeliest first.
fn forms(written: Written<'_>) -> Vec<Vec<u8>> {
    let mut forms: Vec<Vec<u8>> = Vec::new();
    let mut add = |form: Vec<u8>| {
        if !forms.contains(&form) {
            forms.push(form);
        }
    };
    let decode = |text: &[u8]| match std::str::from_utf8(text) {
        Ok(text) => TreePath::from_wire(text).as_bytes().to_vec(),
        Err(_) => text.to_vec(),
    };
    if let Some(base) = written.base {
        let mut joined = base.trim_end_matches('/').as_bytes().to_vec();
        joined.push(b'/');
        joined.extend_from_slice(written.text);
        add(decode(&joined));
    }
    let is_uri = written.is_uri || written.text.starts_with(b"file:");
    if is_uri {
        add(decode(written.text));
    }
    add(written.text.to_vec());
    if written.text.contains(&b'\\') {
        add(written.text.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect());
    }
    forms
}

/// A form as the names that lead to the file, and whether it is absolute.
fn names(form: &[u8]) -> Option<(bool, Vec<&[u8]>)> {
    let rest = match form.strip_prefix(b"file:") {
        // What stands between two slashes and the next is a host.
        Some(rest) => rest.strip_prefix(b"//").map_or(rest, |rest| &rest[memchr::memchr(b'/', rest).unwrap_or(rest.len())..]),
        None => form,
    };
    let is_drive = matches!(rest, [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic());
    let is_absolute = rest.starts_with(b"/") || is_drive;
    let mut names = Vec::new();
    for name in rest.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if names.pop().is_none() && !is_absolute => return None,
            b".." => {}
            name => names.push(name),
        }
    }
    Some((is_absolute, names))
}

fn place(ground: &Ground<'_>, left: &Cell<u64>, form: &[u8]) -> Result<TreePath, No> {
    let (is_absolute, names) = names(form).ok_or(No::Climbs)?;
    if !is_absolute {
        return find(ground, left, &names);
    }
    for root in ground.roots {
        let root: Vec<&[u8]> = root.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
        if let Some(rest) = names.strip_prefix(root.as_slice()) {
            return find(ground, left, rest);
        }
    }
    // Where the root is known, a mere name at the end of a foreign path is most likely another file of that name.
    let least = if ground.roots.is_empty() { 1 } else { 2 };
    let beginnings = 0..=names.len().saturating_sub(least).min(MAX_BEGINNINGS);
    let mut worst = No::Missing;
    for beginning in beginnings {
        match find(ground, left, &names[beginning..]) {
            Err(No::Unasked) => worst = No::Unasked,
            Err(_) => {}
            found => return found,
        }
    }
    Err(worst)
}

fn find(ground: &Ground<'_>, left: &Cell<u64>, names: &[&[u8]]) -> Result<TreePath, No> {
    left.set(left.get().checked_sub(1).ok_or(No::Unasked)?);
    if names.is_empty() {
        return Err(No::Folder);
    }
    let path = TreePath::new(names.join(&b'/'));
    if ground.tree.find(&path).is_some() {
        return Ok(path);
    }
    let mut inside = path.as_bytes().to_vec();
    inside.push(b'/');
    let files = ground.tree.files();
    let next = files.partition_point(|file| file.path.as_bytes() < inside.as_slice());
    Err(if files.get(next).is_some_and(|file| file.path.as_bytes().starts_with(&inside)) { No::Folder } else { No::Missing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::git::memory::MemoryTree;
    use crate::engine::git::tree::FileKind;

    fn tree() -> MemoryTree {
        let paths = ["a.py", "src/a.py", "src/b c.py", "src/100%.txt", "win\\odd.c", "src/deep/x.rs", "C/x.rs"];
        MemoryTree::new(paths.map(|path| (path, FileKind::Regular, "x\n")))
    }

    fn path(text: &str, roots: &[&str]) -> Result<String, &'static str> {
        let tree = tree();
        let written = Written { is_uri: text.starts_with("uri:"), text: text.trim_start_matches("uri:").as_bytes(), base: None };
        resolve(&Ground { roots, ..Ground::new(&tree) }, &Cell::new(MAX_LOOKUPS), written).map(|path| path.shown())
    }

    #[test]
    fn every_way_to_write_a_path_leads_to_the_file() {
        let ways = [
            "src/a.py",
            "./src/a.py",
            "src//./a.py",
            "src/deep/../a.py",
            "/work/src/a.py",
            "file:///work/src/a.py",
            "file:/work/src/a.py",
            "file://host/work/src/a.py",
            "src\\a.py",
            "C:\\ci\\src\\a.py",
            "file:///C:/ci/src/a.py",
            "/home/me/project/src/a.py",
            "uri:src/%61.py",
        ];
        for way in ways {
            assert_eq!(path(way, &[]).as_deref(), Ok("src/a.py"), "{way}");
        }
        assert_eq!(path("uri:src/b%20c.py", &[]).as_deref(), Ok("src/b c.py"));
        assert_eq!(path("uri:src/100%.txt", &[]).as_deref(), Ok("src/100%.txt"));
        assert_eq!(path("src/100%.txt", &[]).as_deref(), Ok("src/100%.txt"));
        assert_eq!(path("win\\odd.c", &[]).as_deref(), Ok("win\\odd.c"));
    }

    #[test]
    fn what_is_not_in_the_tree_is_said_to_be_nowhere() {
        for way in ["b.py", "deep/x.rs", "https://example.com/a.py", "uri:data:text/plain,a.py", "src/a.py/x", "/usr/lib/python3/os.py"] {
            assert_eq!(path(way, &[]), Err("is not in the commit's tree"), "{way}");
        }
        assert_eq!(path("src/", &[]), Err("is a folder"));
        assert_eq!(path(".", &[]), Err("is a folder"));
        for way in ["../a.py", "src/../../a.py", "uri:%2e%2e/a.py", "..\\a.py"] {
            assert_eq!(path(way, &[]), Err("leads out of the repository"), "{way}");
        }
        assert_eq!(path("", &[]), Err("names no file"));
        assert_eq!(path(&"a/".repeat(4_000), &[]), Err("has a path that is longer than any"));
    }

    #[test]
    fn where_the_root_is_known_a_mere_name_elsewhere_is_another_file() {
        assert_eq!(path("/work/a.py", &["/work"]).as_deref(), Ok("a.py"));
        assert_eq!(path("/usr/lib/a.py", &["/work"]), Err("is not in the commit's tree"));
        assert_eq!(path("/usr/lib/a.py", &[]).as_deref(), Ok("a.py"));
        assert_eq!(path("/mnt/copy/src/a.py", &["/work"]).as_deref(), Ok("src/a.py"));
        assert_eq!(path("/work/elsewhere/src/a.py", &["/work"]), Err("is not in the commit's tree"));
    }

    #[test]
    fn a_base_is_put_before_what_is_relative_to_it() {
        let tree = tree();
        let joined = |base, text: &'static str| {
            let written = Written { text: text.as_bytes(), is_uri: true, base: Some(base) };
            resolve(&Ground::new(&tree), &Cell::new(MAX_LOOKUPS), written).map(|path| path.shown())
        };
        assert_eq!(joined("file:///ci/build/src/", "a.py").as_deref(), Ok("src/a.py"));
        assert_eq!(joined("file:///ci/build/", "src/b%20c.py").as_deref(), Ok("src/b c.py"));
        assert_eq!(joined("file:///other/", "src/a.py").as_deref(), Ok("src/a.py"));
    }

    #[test]
    fn the_tree_is_asked_so_often_and_no_more() {
        let (tree, left) = (tree(), Cell::new(3));
        let ask = |text| resolve(&Ground::new(&tree), &left, Written::path(text)).map(|path| path.shown());
        assert_eq!(ask("/x/y/z/gone.py"), Err("comes after more paths than are looked up"));
        assert_eq!((ask("src/a.py"), left.get()), (Err("comes after more paths than are looked up"), 0));
    }
}
