//! The catalogue: what is known of the tools that others wrote, so that a manifest needs no more than `plugin: ruff`.
//!
//! An entry is a file in `data/checks`, and this reads it: which files wake the tool, how it is called, what it writes and where, which
//! exit codes are no failure, which version is too old, what it needs of the host and of the network, and what its rules mean in our words.
//! What each key is for stands in `entry`; a new tool is a new file and no code, as long as it writes a format that is read.
//!
//! Nothing here looks at a host or starts anything: where a tool is and what it takes to run it there is found out above.

mod entry;
mod rule;
mod version;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::LazyLock;

use rust_embed::RustEmbed;

use crate::base::name::TreePath;
use crate::domain::issues::finding::Finding;
use crate::domain::issues::format::{Columns, Format};
use crate::domain::repos::manifest::Globs;
use crate::engine::git::tree::{FileKind, TreeFile};
use crate::words;

pub use entry::Invalid;
use rule::{Link, Meaning};
pub use version::Version;

/// The most files that one command is given.
pub const BATCH_FILES: usize = 500;
/// The most bytes of file names that one command is given: a quarter of what Linux takes at the least.
pub const BATCH_BYTES: usize = 32 << 10;

words! {
    /// What a tool is given to look at.
    pub enum On: "way to give files" {
        /// The files that wake it, in batches.
        Files = "files",
        /// The whole tree, in which it finds its way.
        Tree = "tree",
    }
}

words! {
    /// Where a tool writes what it found.
    pub enum From: "place of output" {
        /// Its standard output.
        Stdout = "stdout",
        /// Its standard error.
        Stderr = "stderr",
        /// A file that its command names.
        File = "file",
    }
}

words! {
    /// What a tool fetches while it runs.
    pub enum Fetches: "need of a network" {
        /// Nothing.
        Nothing = "nothing",
        /// What the repository depends on, unless that is in it.
        Dependencies = "dependencies",
        /// A database of its own.
        Database = "database",
    }
}

/// A tool of the catalogue.
#[derive(Debug)]
pub struct Tool {
    /// How it is called in a manifest.
    pub name: String,
    /// How it is called by people.
    pub title: String,
    /// What it does, and what there is to know before it is asked for.
    pub about: String,
    /// Where it is at home.
    pub homepage: String,
    /// The program.
    pub executable: String,
    /// Programs that it starts, and that must be found as well.
    pub beside: Vec<String>,
    /// A command with which a person installs it.
    pub install: String,
    /// What is older is `plugin_outdated`.
    pub least: Version,
    /// The files that wake it.
    pub wakes: Globs,
    /// What must be in the tree before it has anything to say, each pattern by itself; empty if nothing must.
    requires: Vec<(String, Globs)>,
    /// Files of the tree from which it takes its settings: when one of them changes, every file is judged anew.
    pub settings: Globs,
    /// What it is given.
    pub on: On,
    /// Its arguments, with `{files}`, `{output}` and `{settings}` where those belong.
    command: Vec<String>,
    /// The format in which it writes.
    pub output: Format,
    /// Where it writes.
    pub from: From,
    /// What its columns count, where that differs from what the format says.
    pub columns: Option<Columns>,
    /// Exit codes that are no failure.
    pub fine: Vec<i32>,
    /// What it fetches.
    pub network: Fetches,
    /// Variables of its environment.
    pub env: BTreeMap<String, String>,
    /// Arguments with which it says its version.
    pub version: Vec<String>,
    /// Whether the lines it speaks of must not be shown where lines are quoted.
    pub conceals: bool,
    links: Vec<Link>,
    meanings: Vec<Meaning>,
}

/// Whether a tool has something to do in a tree.
#[derive(Debug, PartialEq, Eq)]
pub enum Wake<'a> {
    /// No file is of a kind that it looks at.
    Sleeps,
    /// There are files for it, and none of these, which it needs.
    Lacks(Vec<&'a str>),
    /// There is.
    Wakes {
        /// The files that it looks at, ascending.
        files: Vec<&'a TreePath>,
        /// The first thing found of what it needs: a file, or a folder.
        settings: Option<TreePath>,
    },
}

#[derive(RustEmbed)]
#[folder = "data/checks"]
struct Entries;

/// Every tool, by name.
pub fn all() -> &'static [Tool] {
    static ALL: LazyLock<Vec<Tool>> = LazyLock::new(|| {
        let mut tools: Vec<Tool> = Entries::iter()
            .filter_map(|name| Entries::get(&name))
            .map(|file| entry::read(&file.data).expect("a test reads every entry, and they are part of the binary"))
            .collect();
        tools.sort_by(|a, b| a.name.cmp(&b.name));
        tools
    });
    &ALL
}

/// The tool of this name.
pub fn find(name: &str) -> Option<&'static Tool> {
    all().iter().find(|tool| tool.name == name)
}

/// The tools that have something to say without a repository's settings: those that can be switched on for all of them.
pub fn able() -> impl Iterator<Item = &'static Tool> {
    all().iter().filter(|tool| tool.needs_no_settings())
}

/// Takes names of tools that can be switched on, each once, in their order; or says which is none.
pub fn without_settings(names: &[String]) -> Result<Vec<String>, String> {
    if let Some(name) = names.iter().find(|name| !able().any(|tool| tool.name == **name)) {
        let known: Vec<&str> = able().map(|tool| tool.name.as_str()).collect();
        return Err(format!("`{}` is none of: {}", crate::base::text::clip(name, 80), known.join(", ")));
    }
    Ok(able().map(|tool| tool.name.clone()).filter(|name| names.contains(name)).collect())
}

impl Tool {
    /// Whether there is something for it to do among these files: all of the tree, so that what it needs is found.
    pub fn wake<'a>(&'a self, files: &'a [TreeFile], is_wanted: impl Fn(&TreePath) -> bool) -> Wake<'a> {
        let is_file = |file: &&TreeFile| matches!(file.kind, FileKind::Regular | FileKind::Executable);
        let woken = files.iter().filter(is_file).map(|file| &file.path).filter(|path| self.wakes.matches(path) && is_wanted(path));
        let woken: Vec<&TreePath> = woken.collect();
        if woken.is_empty() {
            return Wake::Sleeps;
        }
        let found = |(pattern, globs): &(String, Globs)| {
            let file = files.iter().find(|file| globs.matches(&file.path))?;
            let folder = pattern.strip_suffix('/').map(|folder| TreePath::new(folder.trim_start_matches('/')));
            Some(folder.unwrap_or_else(|| file.path.clone()))
        };
        let settings = self.requires.iter().find_map(found);
        if settings.is_none() && !self.requires.is_empty() {
            return Wake::Lacks(self.requires.iter().map(|(pattern, _)| pattern.trim_start_matches('/')).collect());
        }
        Wake::Wakes { files: woken, settings }
    }

    /// What is run, from the root of the tree: one command, or one for each batch of files. `output` is where a tool writes that writes into
    /// a file.
    pub fn commands(&self, executable: &Path, files: &[&TreePath], settings: Option<&TreePath>, output: &Path) -> Vec<Vec<OsString>> {
        let batches = match self.on {
            On::Tree => vec![&[][..]],
            On::Files => batches(files),
        };
        let command = |batch: &[&TreePath]| {
            let mut words = vec![executable.as_os_str().to_owned()];
            for word in &self.command {
                match word.as_str() {
                    "{files}" => words.extend(batch.iter().map(|path| within(path))),
                    "{output}" => words.push(output.as_os_str().to_owned()),
                    "{settings}" => words.extend(settings.map(within)),
                    word => words.push(word.into()),
                }
            }
            words
        };
        batches.into_iter().map(command).collect()
    }

    /// Whether a run that ended with this code looked at what it was given, and found something or not.
    pub fn is_fine(&self, exit_code: i32) -> bool {
        self.fine.contains(&exit_code)
    }

    /// Whether it has something to say of any repository: it needs no settings there, and fetches nothing.
    pub fn needs_no_settings(&self) -> bool {
        self.requires.is_empty() && self.network == Fetches::Nothing
    }

    /// Whether it has nothing to say before the repository holds settings for it.
    pub fn needs_settings(&self) -> bool {
        !self.requires.is_empty()
    }

    /// Whether a file is among what it needs before it has anything to say.
    pub fn is_required(&self, path: &TreePath) -> bool {
        self.requires.iter().any(|(_, globs)| globs.matches(path))
    }

    /// Its arguments as a person would type them, without the files.
    pub fn typed(&self) -> String {
        let words = self.command.iter().filter(|word| !matches!(word.as_str(), "{files}" | "--"));
        std::iter::once(&self.executable).chain(words).cloned().collect::<Vec<_>>().join(" ")
    }

    /// Whether this version is one that can be run.
    pub fn takes(&self, version: &Version) -> bool {
        *version >= self.least
    }

    /// Says of a finding what its rule means in our words, where that is known better than from what the tool wrote. One that conceals
    /// speaks of whole lines: nobody knows whether its columns are exact.
    pub fn adjust(&self, finding: &mut Finding) {
        if let Some(span) = finding.span.as_mut().filter(|_| self.conceals) {
            (span.column_start, span.column_end) = (None, None);
        }
        if let Some(meaning) = self.meanings.iter().find(|meaning| meaning.is_of(&finding.rule)) {
            finding.kind = meaning.kind.unwrap_or(finding.kind);
            finding.severity = meaning.severity.unwrap_or(finding.severity);
        }
    }

    /// Where a rule is explained.
    pub fn link(&self, rule: &str) -> Option<String> {
        self.links.iter().find(|link| link.is_of(rule)).map(|link| link.to(rule))
    }
}

/// A path as an argument: never one that could be taken for an option.
fn within(path: &TreePath) -> OsString {
    let mut argument = OsString::from("./");
    argument.push(OsStr::from_bytes(path.as_bytes()));
    argument
}

/// The files in their order, so many at a time as one command takes.
fn batches<'a, 'b>(files: &'b [&'a TreePath]) -> Vec<&'b [&'a TreePath]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, file) in files.iter().enumerate() {
        let length = file.as_bytes().len() + 3;
        if at > start && (at - start >= BATCH_FILES || bytes + length > BATCH_BYTES) {
            batches.push(&files[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += length;
    }
    if start < files.len() {
        batches.push(&files[start..]);
    }
    batches
}

#[cfg(test)]
mod tests;
