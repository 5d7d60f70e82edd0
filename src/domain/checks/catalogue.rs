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

use std::collections::{BTreeMap, HashSet};
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
use crate::engine::store::blob::BlobHash;
use crate::words;

pub use entry::{Invalid, read};
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
    /// What of the tree a tool is shown.
    pub enum Sees: "part of the tree" {
        /// All of it: what it says of a file may hang on others.
        Tree = "tree",
        /// The files it is given, and those that hold settings.
        Files = "files",
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
    /// Files of the tree from which it takes its settings, or may by way of others: when one of them changes, every file is judged anew.
    pub settings: Globs,
    /// Those of them that are its settings themselves.
    own_settings: Globs,
    /// Whether those may draw in others.
    has_imports: bool,
    /// What it is given.
    pub on: On,
    /// What it is shown.
    pub sees: Sees,
    /// Its arguments, with `{files}`, `{output}`, `{settings}` and `{given}` where those belong.
    command: Vec<String>,
    /// Settings that it reads only where it is told of them.
    given: Vec<Given>,
    /// The format in which it writes.
    pub output: Format,
    /// Where it writes.
    pub from: From,
    /// What its columns count, where that differs from what the format says.
    pub columns: Option<Columns>,
    /// Exit codes that are no failure.
    pub fine: Vec<i32>,
    /// Those of them that say that it may have stopped before it had looked at all.
    pub stopped: Vec<i32>,
    /// A hash of the entry as it is written: what is said by one may not hold for another.
    pub digest: BlobHash,
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

/// Settings that a tool reads only where it is told of them.
#[derive(Debug)]
struct Given {
    /// The files that may hold them, of which the first that is there counts.
    files: Vec<TreePath>,
    /// What it is told then, with `{file}` for that file.
    words: Vec<String>,
}

/// What was found of a tool's settings in a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The first thing found of what it needs: a file, or a folder.
    required: Option<TreePath>,
    /// Of each of those that it must be told of the file that holds them, if there is one.
    given: Vec<Option<TreePath>>,
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
        /// What was found of its settings.
        settings: Settings,
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
            .map(|file| read(&file.data).expect("a test reads every entry, and they are part of the binary"))
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
        let required = self.requires.iter().find_map(found);
        if required.is_none() && !self.requires.is_empty() {
            return Wake::Lacks(self.requires.iter().map(|(pattern, _)| pattern.trim_start_matches('/')).collect());
        }
        let is_there = |path: &&TreePath| files.iter().any(|file| file.path == **path && is_file(&file));
        let given = self.given.iter().map(|given| given.files.iter().find(is_there).cloned()).collect();
        Wake::Wakes { files: woken, settings: Settings { required, given } }
    }

    /// The files of a tree that it is shown when it is given these of them; `None` is all of them. Behind a link may be anything, and what
    /// settings that draw in others draw in, they alone know.
    pub fn shown<'a>(&self, files: &'a [TreeFile], given: &[&'a TreePath]) -> Option<HashSet<&'a TreePath>> {
        let settings = || files.iter().filter(|file| self.own_settings.matches(&file.path) || self.is_required(&file.path));
        let draws_in = self.has_imports && settings().next().is_some();
        if self.sees == Sees::Tree || draws_in || files.iter().any(|file| file.kind == FileKind::Symlink) {
            return None;
        }
        Some(given.iter().copied().chain(settings().map(|file| &file.path)).collect())
    }

    /// What is run, from the root of the tree: one command, or one for each batch of files. `output` is where a tool writes that writes into
    /// a file.
    pub fn commands(&self, executable: &Path, files: &[&TreePath], settings: &Settings, output: &Path) -> Vec<Vec<OsString>> {
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
                    "{settings}" => words.extend(settings.required.as_ref().map(within)),
                    "{given}" => words.extend(self.told_of(settings)),
                    word => words.push(word.into()),
                }
            }
            words
        };
        batches.into_iter().map(command).collect()
    }

    /// With which words it is told of the settings that were found.
    fn told_of(&self, found: &Settings) -> Vec<OsString> {
        let given = self.given.iter().zip(&found.given).filter_map(|(given, file)| Some((given, file.as_ref()?)));
        given.flat_map(|(given, file)| given.words.iter().map(|word| if word == "{file}" { within(file) } else { word.into() })).collect()
    }

    /// Whether a run may end with this code that looked at what it was given, and found something or not.
    pub fn is_fine(&self, exit_code: i32) -> bool {
        self.fine.contains(&exit_code)
    }

    /// Whether a run may have ended with this code after it wrote so many records. A code other than 0 says that there is something to
    /// say: mypy ends with 2 where it cannot parse a file and where it cannot read its own settings, and says only of the first in which
    /// file that is.
    pub fn is_explained(&self, exit_code: i32, read: u64) -> bool {
        self.is_fine(exit_code) && (exit_code == 0 || read > 0)
    }

    /// Whether a run that ended with this code may have stopped before it had looked at all: what it does not speak of was not judged.
    pub fn has_stopped(&self, exit_code: i32) -> bool {
        self.stopped.contains(&exit_code)
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
        let words = self.command.iter().filter(|word| !matches!(word.as_str(), "{files}" | "{given}" | "--"));
        std::iter::once(&self.executable).chain(words).cloned().collect::<Vec<_>>().join(" ")
    }

    /// A command with which a person brings an older one up to date. What installs a tool need not do that: pip, Homebrew and rustup are
    /// content with what is there, while npm, gem, go and apt-get bring the newest they know.
    pub fn renewal(&self) -> String {
        match self.install.split_once(' ') {
            Some(("pip", rest)) => format!("pip {}", rest.replacen("install ", "install --upgrade ", 1)),
            Some(("brew", rest)) => format!("brew {}", rest.replacen("install ", "upgrade ", 1)),
            Some(("rustup", _)) => "rustup update".to_owned(),
            _ => self.install.clone(),
        }
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
