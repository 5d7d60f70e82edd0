//! What changed: files between two trees, and lines between two contents.
//!
//! Both work on anything that is a [`Tree`], so a commit compares with a working directory as with another commit. A file that went away
//! and one that came are the same file, renamed, where their content is the same or at least half of it is: as git does it, within a
//! budget of pairs and bytes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;

use gix::diff::blob::sources::byte_lines;
use gix::diff::blob::{Algorithm, Diff, InternedInput};

use super::Result;
use super::tree::{FileKind, Tree, TreeFile};
use crate::base::name::TreePath;

/// A zero byte among this many first bytes makes a file binary, as in git.
const BINARY: usize = 8_000;

/// How many files of one content are looked at for one that has the right name.
const TWINS: usize = 64;
/// How many lines are compared in all while renames are searched for.
const STEPS: usize = 50_000_000;

/// Lines that were replaced by others: half-open ranges counted from 0, either of which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunk {
    /// The lines before.
    pub before: Range<u32>,
    /// The lines after.
    pub after: Range<u32>,
}

/// The lines that differ, ascending; what lies between two hunks is the same in both.
///
/// Where a content is binary, or both have more than `cap` bytes together, one hunk replaces everything.
pub fn line_hunks(before: &[u8], after: &[u8], cap: usize) -> Vec<Hunk> {
    if before == after {
        return Vec::new();
    }
    if before.len() + after.len() > cap || is_binary(before) || is_binary(after) {
        return vec![Hunk { before: 0..count_lines(before), after: 0..count_lines(after) }];
    }
    let input = InternedInput::new(byte_lines(before), byte_lines(after));
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    diff.hunks().map(|hunk| Hunk { before: hunk.before, after: hunk.after }).collect()
}

/// Where a line of the old content stands in the new one; nothing if it was replaced.
pub fn line_after(hunks: &[Hunk], line: u32) -> Option<u32> {
    shifted(hunks, line, |hunk| (&hunk.before, &hunk.after))
}

/// Where a line of the new content stood in the old one; nothing if it is new.
pub fn line_before(hunks: &[Hunk], line: u32) -> Option<u32> {
    shifted(hunks, line, |hunk| (&hunk.after, &hunk.before))
}

fn shifted(hunks: &[Hunk], line: u32, sides: impl Fn(&Hunk) -> (&Range<u32>, &Range<u32>)) -> Option<u32> {
    let next = hunks.partition_point(|hunk| sides(hunk).0.end <= line);
    if hunks.get(next).is_some_and(|hunk| sides(hunk).0.contains(&line)) {
        return None;
    }
    match next.checked_sub(1).and_then(|last| hunks.get(last)) {
        None => Some(line),
        Some(last) => {
            let (from, to) = sides(last);
            Some(to.end + (line - from.end))
        }
    }
}

fn is_binary(content: &[u8]) -> bool {
    memchr::memchr(0, &content[..content.len().min(BINARY)]).is_some()
}

fn count_lines(content: &[u8]) -> u32 {
    let ends = memchr::memchr_iter(b'\n', content).count();
    let open = content.last().is_some_and(|last| *last != b'\n');
    u32::try_from(ends + usize::from(open)).unwrap_or(u32::MAX)
}

/// A path that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where the file is now; where it was, if it was deleted.
    pub path: TreePath,
    /// The file before; at another path if it was renamed. None if it was added.
    pub before: Option<TreeFile>,
    /// The file after. None if it was deleted.
    pub after: Option<TreeFile>,
}

impl Change {
    /// Where the file was before, if that was another path.
    pub fn renamed_from(&self) -> Option<&TreePath> {
        self.before.as_ref().map(|file| &file.path).filter(|path| **path != self.path)
    }
}

/// How far the search for renames goes.
#[derive(Debug, Clone)]
pub struct RenameLimits {
    /// The most pairs of files whose contents are compared; past it only files of one name are: 250,000.
    pub pairs: usize,
    /// The largest file whose content is compared, in bytes: 1 MiB.
    pub file_bytes: u64,
    /// How many bytes are read in all: 64 MiB.
    pub total_bytes: u64,
    /// How much of the larger file must stand in the other, in percent: 50.
    pub similarity: u64,
}

impl Default for RenameLimits {
    fn default() -> RenameLimits {
        RenameLimits { pairs: 250_000, file_bytes: 1 << 20, total_bytes: 64 << 20, similarity: 50 }
    }
}

/// The files that were added, modified, deleted or renamed between two trees, by path.
pub fn diff_trees(base: &dyn Tree, head: &dyn Tree, limits: &RenameLimits) -> Result<Vec<Change>> {
    let mut out = Vec::new();
    let (mut deleted, mut added) = (Vec::new(), Vec::new());
    let (mut olds, mut news) = (base.files().iter().peekable(), head.files().iter().peekable());
    loop {
        let order = match (olds.peek(), news.peek()) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(old), Some(new)) => old.path.cmp(&new.path),
        };
        match order {
            std::cmp::Ordering::Less => deleted.extend(olds.next()),
            std::cmp::Ordering::Greater => added.extend(news.next()),
            std::cmp::Ordering::Equal => {
                if let (Some(old), Some(new)) = (olds.next(), news.next())
                    && old != new
                {
                    out.push(Change { path: new.path.clone(), before: Some(old.clone()), after: Some(new.clone()) });
                }
            }
        }
    }
    let renames = Renames { base, head, limits, left: limits.total_bytes }.find(&mut deleted, &mut added)?;
    let whole = |file: &TreeFile| Some(file.clone());
    out.extend(renames.iter().map(|(old, new)| Change { path: new.path.clone(), before: whole(old), after: whole(new) }));
    out.extend(deleted.iter().map(|old| Change { path: old.path.clone(), before: whole(old), after: None }));
    out.extend(added.iter().map(|new| Change { path: new.path.clone(), before: None, after: whole(new) }));
    // A path can be deleted and be the new place of another file's content no more than once: the order is total.
    out.sort_by(|a, b| a.path.cmp(&b.path).then(a.after.is_some().cmp(&b.after.is_some())));
    Ok(out)
}

struct Renames<'a> {
    base: &'a dyn Tree,
    head: &'a dyn Tree,
    limits: &'a RenameLimits,
    /// How many bytes may still be read.
    left: u64,
}

/// A content as the sorted hashes of its lines, each with the line's length.
struct Lines {
    hashes: Vec<(u64, u32)>,
    bytes: u64,
}

impl Renames<'_> {
    /// Takes the pairs that are one file out of both lists.
    fn find<'t>(mut self, deleted: &mut Vec<&'t TreeFile>, added: &mut Vec<&'t TreeFile>) -> Result<Vec<(&'t TreeFile, &'t TreeFile)>> {
        let mut pairs = exact(deleted, added);
        let similar = self.similar(deleted, added)?;
        let mut gone = (vec![false; deleted.len()], vec![false; added.len()]);
        for (old, new) in similar {
            (gone.0[old], gone.1[new]) = (true, true);
            pairs.push((deleted[old], added[new]));
        }
        let mut at = gone.0.iter();
        deleted.retain(|_| at.next() == Some(&false));
        let mut at = gone.1.iter();
        added.retain(|_| at.next() == Some(&false));
        Ok(pairs)
    }

    /// Pairs whose contents are alike, the most alike first, each file once.
    fn similar(&mut self, deleted: &[&TreeFile], added: &[&TreeFile]) -> Result<Vec<(usize, usize)>> {
        let few = deleted.len().saturating_mul(added.len()) <= self.limits.pairs;
        let mut candidates = Vec::new();
        if few {
            candidates.extend((0..deleted.len()).flat_map(|old| (0..added.len()).map(move |new| (old, new))));
        } else {
            let mut by_name: HashMap<&[u8], Vec<usize>> = HashMap::new();
            for (at, file) in added.iter().enumerate() {
                by_name.entry(file.path.file_name()).or_default().push(at);
            }
            let same_name = |old: usize| by_name.get(deleted[old].path.file_name()).into_iter().flatten().map(move |new| (old, *new));
            candidates.extend((0..deleted.len()).flat_map(same_name).take(self.limits.pairs));
        }
        candidates.retain(|(old, new)| (deleted[*old].kind == FileKind::Symlink) == (added[*new].kind == FileKind::Symlink));
        let mut sizes = (HashMap::new(), HashMap::new());
        let mut lines = (HashMap::new(), HashMap::new());
        let mut found = Vec::new();
        let mut steps = STEPS;
        for (old, new) in candidates {
            let (base, head) = (self.base, self.head);
            let Some(a) = size(&mut sizes.0, base, deleted, old, self.limits.file_bytes)? else { continue };
            let Some(b) = size(&mut sizes.1, head, added, new, self.limits.file_bytes)? else { continue };
            if a.min(b) * 100 < a.max(b) * self.limits.similarity {
                continue;
            }
            self.load(&mut lines.0, base, deleted[old], old)?;
            self.load(&mut lines.1, head, added[new], new)?;
            if let (Some(Some(a)), Some(Some(b))) = (lines.0.get(&old), lines.1.get(&new)) {
                let cost = a.hashes.len() + b.hashes.len();
                if cost > steps {
                    break;
                }
                steps -= cost;
                let score = similarity(a, b);
                if score >= self.limits.similarity {
                    let same_name = deleted[old].path.file_name() == added[new].path.file_name();
                    found.push((score, same_name, old, new));
                }
            }
        }
        found.sort_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then((a.2, a.3).cmp(&(b.2, b.3))));
        let mut used = (vec![false; deleted.len()], vec![false; added.len()]);
        found.retain(|(_, _, old, new)| {
            let free = !used.0[*old] && !used.1[*new];
            if free {
                (used.0[*old], used.1[*new]) = (true, true);
            }
            free
        });
        Ok(found.into_iter().map(|(_, _, old, new)| (old, new)).collect())
    }

    fn load(&mut self, known: &mut HashMap<usize, Option<Lines>>, tree: &dyn Tree, file: &TreeFile, at: usize) -> Result<()> {
        if known.contains_key(&at) {
            return Ok(());
        }
        let mut lines = None;
        if self.left >= self.limits.file_bytes {
            let content = tree.read(file, self.limits.file_bytes)?;
            self.left = self.left.saturating_sub(content.len() as u64);
            lines = (!is_binary(&content)).then(|| hashed(&content));
        }
        known.insert(at, lines);
        Ok(())
    }
}

/// The size of a file that is worth comparing.
fn size(known: &mut HashMap<usize, Option<u64>>, tree: &dyn Tree, files: &[&TreeFile], at: usize, cap: u64) -> Result<Option<u64>> {
    if let Some(size) = known.get(&at) {
        return Ok(*size);
    }
    let size = match files[at].kind {
        FileKind::Submodule => None,
        FileKind::Regular | FileKind::Executable | FileKind::Symlink => Some(tree.size(files[at])?).filter(|size| (1..=cap).contains(size)),
    };
    known.insert(at, size);
    Ok(size)
}

/// Takes out the pairs with one and the same content; where several could be, those of one file name, then the first.
fn exact<'t>(deleted: &mut Vec<&'t TreeFile>, added: &mut Vec<&'t TreeFile>) -> Vec<(&'t TreeFile, &'t TreeFile)> {
    let mut by_blob: HashMap<_, Vec<&TreeFile>> = HashMap::new();
    // Backwards, so that the first path is the last of its list, where it is taken from quickly.
    for file in deleted.iter().rev().filter(|file| file.kind != FileKind::Submodule) {
        by_blob.entry(file.blob).or_default().push(file);
    }
    let mut pairs = Vec::new();
    let mut rest = Vec::new();
    // Two passes, so that a file of the same name is not taken away by one that comes earlier.
    for same_name in [true, false] {
        for new in if same_name { std::mem::take(added) } else { std::mem::take(&mut rest) } {
            let olds = if new.kind == FileKind::Submodule { None } else { by_blob.get_mut(&new.blob) };
            let at = olds.as_ref().and_then(|olds| {
                let like = |old: &&TreeFile| !same_name || old.path.file_name() == new.path.file_name();
                olds.iter().rev().take(TWINS).position(like).map(|back| olds.len() - 1 - back)
            });
            match (olds, at) {
                (Some(olds), Some(at)) => pairs.push((olds.remove(at), new)),
                _ if same_name => rest.push(new),
                _ => added.push(new),
            }
        }
    }
    let taken: std::collections::HashSet<&TreePath> = pairs.iter().map(|(old, _)| &old.path).collect();
    deleted.retain(|old| !taken.contains(&old.path));
    pairs
}

fn hashed(content: &[u8]) -> Lines {
    let mut hashes: Vec<(u64, u32)> = byte_lines(content)
        .map(|line| {
            let mut hasher = DefaultHasher::new();
            hasher.write(line);
            (hasher.finish(), u32::try_from(line.len()).unwrap_or(u32::MAX))
        })
        .collect();
    hashes.sort_unstable();
    Lines { hashes, bytes: content.len() as u64 }
}

/// How many percent of the larger content stand in the other, by whole lines.
fn similarity(a: &Lines, b: &Lines) -> u64 {
    let (mut i, mut j, mut common) = (0, 0, 0_u64);
    while let (Some(x), Some(y)) = (a.hashes.get(i), b.hashes.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                common += u64::from(x.1);
                (i, j) = (i + 1, j + 1);
            }
        }
    }
    common * 100 / a.bytes.max(b.bytes).max(1)
}
