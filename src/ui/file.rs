//! The files of a commit: directories to walk through, and a file with its issues at their lines.

use askama::Template;

use super::frame::{Frame, Place, Tab};
use super::source::Source;
use super::{href, words};
use crate::base::name::{CommitSha, TreePath};
use crate::base::text::is_hostile;
use crate::http::issues::IssueView;

/// A directory at a commit.
#[derive(Debug, Template)]
#[template(path = "repo/tree.html", config = ".askama.toml")]
pub struct TreePage {
    /// The request.
    pub frame: Frame,
    /// Where it is; its commit is the one whose tree is shown.
    pub place: Place,
    /// The commit.
    pub sha: CommitSha,
    /// The directory; `None` is the root.
    pub path: Option<TreePath>,
    /// What is in it, directories first, then by name.
    pub entries: Vec<TreeEntry>,
    /// How many entries were left out, for a directory too long to show.
    pub left_out: u64,
}

/// One entry of a directory.
#[derive(Debug, Clone)]
pub struct TreeEntry {
    /// Its whole path.
    pub path: TreePath,
    /// What it is.
    pub kind: EntryKind,
    /// How large, for a file.
    pub size: Option<u64>,
    /// How many open issues are in it, or beneath it; `None` before the commit was analysed.
    pub issues: Option<u64>,
}

/// What an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A file, executable or not.
    File,
    /// A symbolic link.
    Symlink,
    /// A commit of another repository.
    Submodule,
}

/// A file at a commit.
#[derive(Debug, Template)]
#[template(path = "repo/file.html", config = ".askama.toml")]
pub struct FilePage {
    /// The request.
    pub frame: Frame,
    /// Where it is; its commit is the one whose file is shown.
    pub place: Place,
    /// The commit.
    pub sha: CommitSha,
    /// The file.
    pub path: TreePath,
    /// How large it is, in bytes.
    pub size: u64,
    /// What it holds.
    pub content: Content,
    /// Its issues at the commit, those that are fixed left out.
    pub issues: Vec<IssueView>,
}

/// What a file holds, as far as a page can show it.
#[derive(Debug)]
pub enum Content {
    /// Lines of text.
    Text(Source),
    /// Bytes that are no text.
    Binary,
    /// More than is shown: at most this many bytes are.
    TooLarge(u64),
    /// The path that a symbolic link names. It is not followed.
    Symlink(String),
    /// The commit that a submodule names.
    Submodule,
    /// The commit has no such file.
    Absent,
}

/// One line and what is said of it.
#[derive(Debug)]
struct Line<'a> {
    number: u32,
    code: &'a super::escape::Markup,
    is_marked: bool,
    notes: Vec<&'a IssueView>,
}

/// A step on the way to a path.
#[derive(Debug)]
struct Step {
    name: String,
    href: String,
}

fn name_of(path: &TreePath) -> String {
    TreePath::new(path.file_name()).shown()
}

/// A path as a word that a shell takes for these bytes and nothing else: somebody else named it, and somebody here copies it.
fn for_shell(path: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+@%,=:".contains(byte);
    match std::str::from_utf8(path) {
        Ok(path) if path.bytes().all(|byte| is_plain(&byte)) => path.to_owned(),
        Ok(path) if !path.contains(is_hostile) => format!("'{}'", path.replace('\'', r"'\''")),
        _ => {
            let byte = |byte: &u8| if is_plain(byte) { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") };
            format!("$'{}'", path.iter().map(byte).collect::<String>())
        }
    }
}

/// The directories above a path, the outermost first.
fn above(place: &Place, sha: &CommitSha, path: &TreePath) -> Vec<Step> {
    let bytes = path.as_bytes();
    let slashes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes
        .map(|at| {
            let directory = TreePath::new(&bytes[..at]);
            Step { name: name_of(&directory), href: href::tree(&place.repo, sha, &Some(directory)) }
        })
        .collect()
}

impl TreePage {
    fn tab(&self) -> Tab {
        Tab::Files
    }

    fn title(&self) -> String {
        self.path.as_ref().map_or_else(|| self.place.repo.name().to_owned(), name_of)
    }

    fn above(&self) -> Vec<Step> {
        self.path.as_ref().map(|path| above(&self.place, &self.sha, path)).unwrap_or_default()
    }

    fn up(&self) -> Option<String> {
        let path = self.path.as_ref()?;
        let parent = path.as_bytes().iter().rposition(|byte| *byte == b'/').map(|at| TreePath::new(&path.as_bytes()[..at]));
        Some(href::tree(&self.place.repo, &self.sha, &parent))
    }

    fn has_counts(&self) -> bool {
        self.entries.iter().any(|entry| entry.issues.is_some())
    }

    fn entry_href(&self, entry: &TreeEntry) -> String {
        match entry.kind {
            EntryKind::Directory => href::tree(&self.place.repo, &self.sha, &Some(entry.path.clone())),
            _ => href::file(&self.place.repo, &self.sha, &entry.path),
        }
    }
}

impl TreeEntry {
    fn name(&self) -> String {
        name_of(&self.path)
    }

    fn kind_word(&self) -> &'static str {
        match self.kind {
            EntryKind::Directory => "directory",
            EntryKind::File => "file",
            EntryKind::Symlink => "link",
            EntryKind::Submodule => "submodule",
        }
    }
}

impl FilePage {
    fn tab(&self) -> Tab {
        Tab::Files
    }

    fn name(&self) -> String {
        name_of(&self.path)
    }

    fn above(&self) -> Vec<Step> {
        above(&self.place, &self.sha, &self.path)
    }

    fn is_absent(&self) -> bool {
        matches!(self.content, Content::Absent)
    }

    fn show_command(&self) -> String {
        format!("git show {}:{}", self.sha.short(), for_shell(self.path.as_bytes()))
    }

    fn summary(&self) -> String {
        let size = words::bytes(self.size);
        match &self.content {
            Content::Text(source) => format!("{}, {size}", words::count(source.lines.len() as u64, "line")),
            _ => size,
        }
    }

    /// Issues that speak of the whole file, or of a line that it does not have.
    fn of_the_file(&self) -> Vec<&IssueView> {
        let last = match &self.content {
            Content::Text(source) => source.lines.len() as u32,
            _ => 0,
        };
        self.issues.iter().filter(|issue| issue.line_start.is_none_or(|line| line == 0 || line > last)).collect()
    }

    fn lines<'a>(&'a self, source: &'a Source) -> Vec<Line<'a>> {
        let mut issues: Vec<&IssueView> = self.issues.iter().collect();
        issues.sort_by_key(|issue| (issue.line_end.max(issue.line_start), issue.line_start));
        let mut marked = vec![false; source.lines.len()];
        for issue in &issues {
            let (Some(start), Some(end)) = (issue.line_start, issue.line_end.or(issue.line_start)) else { continue };
            let from = (start as usize).saturating_sub(1).min(marked.len());
            let to = (end as usize).clamp(from, marked.len());
            marked[from..to].fill(true);
        }
        let numbered = (1_u32..).zip(source.lines.iter().zip(marked));
        let mut notes = issues.into_iter().filter(|issue| issue.line_start.is_some()).peekable();
        let last = source.lines.len() as u32;
        numbered
            .map(|(number, (code, is_marked))| {
                // A note stands beneath the last of its lines; one that ends past the file beneath the file's last.
                let ends_here = |issue: &&IssueView| {
                    let start = issue.line_start.unwrap_or(0);
                    (1..=last).contains(&start) && issue.line_end.unwrap_or(start).clamp(start, last) <= number
                };
                let mut here = Vec::new();
                while let Some(issue) = notes.peek() {
                    let is_elsewhere = issue.line_start.is_some_and(|start| start == 0 || start > last);
                    if is_elsewhere {
                        notes.next();
                    } else if ends_here(issue) {
                        here.extend(notes.next());
                    } else {
                        break;
                    }
                }
                Line { number, code, is_marked, notes: here }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
