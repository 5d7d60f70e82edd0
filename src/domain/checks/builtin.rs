//! Checks that are part of the binary: pure functions of a tree, which need nothing on the host.
//!
//! A [`Builtin`] speaks in two voices. [`Builtin::file`] judges one file by its path, kind, size and bytes alone, so that what it says can
//! be kept under (plugin, version, path, blob) and a commit that changes ten files asks for ten. [`Builtin::tree`] says what only the
//! tree as a whole knows, and is asked for every commit.
//!
//! [`run`] has both voices speak, of the files it is given and of the tree, and is the only one that does: what is kept from one commit to
//! the next, who is told how far it is and what becomes of the findings is decided by whoever calls it.

mod about;
pub mod complexity;
pub mod duplication;
pub mod hygiene;
pub mod large;
pub mod licenses;
pub mod origin;
pub mod secrets;
pub mod subject;
pub mod todo;
pub mod tokens;

use std::collections::HashSet;

use crate::base::name::TreePath;
use crate::base::text;
use crate::base::time::Timestamp;
use crate::domain::issues::finding::{Finding, Kind, Severity};
use crate::engine::git;
use crate::engine::git::tree::{Tree, TreeFile};

pub use about::about;

/// The most findings in one file; one more says that there were more.
pub const MAX_PER_FILE: usize = 50;
/// The most findings of one check at one commit; what is found beyond them is left out.
pub const MAX_PER_CHECK: usize = 10_000;
/// The rule of the finding that stands for those left out.
pub const TOO_MANY: &str = "too-many-findings";

/// What must be known of a file before it can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// Nothing: there is nothing to say of such a file.
    Nothing,
    /// Its path, kind and size alone.
    Size,
    /// The first bytes of its content as well, `bytes` at most, however long it is.
    Head {
        /// How many.
        bytes: u64,
    },
    /// Its content as well, which has at most `cap` bytes.
    Content {
        /// The file's size when it was asked about.
        cap: u64,
    },
}

/// A check that is part of the binary: a pure function of a tree.
pub trait Builtin: Sync {
    /// How it is called in a manifest.
    fn name(&self) -> &'static str;

    /// Raised whenever the same file could be judged differently; part of the key under which results are reused.
    fn version(&self) -> u32;

    /// Whether what its findings cover must not be shown where lines are quoted: then their spans cover it exactly.
    fn conceals(&self) -> bool {
        false
    }

    /// What it wants to know of such a file, decided from path, kind and size alone.
    fn wants(&self, file: &TreeFile, size: u64) -> Wants;

    /// What one file says by itself: the same for the same path, kind and bytes. `content` is what was wanted of it: all, its head, or
    /// nothing.
    fn file(&self, file: &TreeFile, size: u64, content: &[u8]) -> Vec<Finding>;

    /// What only the tree as a whole says: paths that collide, links that lead nowhere. Once `cancel` says so, the answer no longer
    /// matters and comes soon. It fails for what may succeed a while later alone; else it names what it could not read, and goes on.
    fn tree(&self, tree: &dyn Tree, cancel: &dyn Fn() -> bool) -> git::Result<OfTree>;

    /// Whether it is told when the lines were written of which its files speak. That is no part of a file, so it is added to what the file
    /// says, by whoever holds the history.
    fn wants_dates(&self) -> bool {
        false
    }

    /// What a file said, with the moment at which its line was written. The moment stays what it is for as long as the line stands.
    fn dated(&self, finding: Finding, _written: Timestamp) -> Finding {
        finding
    }
}

/// What a tree as a whole says.
#[derive(Debug, Default)]
pub struct OfTree {
    /// What is wrong, in any order.
    pub findings: Vec<Finding>,
    /// What had to be read and could not be, and why.
    pub unread: Vec<(TreePath, git::Error)>,
}

/// The built-in check of this name.
pub fn find(name: &str) -> Option<&'static dyn Builtin> {
    all().iter().copied().find(|builtin| builtin.name() == name)
}

/// Every built-in check there is.
pub fn all() -> &'static [&'static dyn Builtin] {
    &[
        &hygiene::Hygiene,
        &secrets::Secrets,
        &duplication::Duplication,
        &complexity::Complexity,
        &todo::Todo,
        &large::Large,
        &licenses::Licenses,
    ]
}

/// The built-in checks that run where no manifest says which: those that are quick, and quiet where nothing is wrong.
pub fn by_default() -> &'static [&'static dyn Builtin] {
    &[&hygiene::Hygiene, &secrets::Secrets, &duplication::Duplication]
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was told to stop.
    #[error("the check `{plugin}` was canceled")]
    Canceled {
        /// The plugin.
        plugin: &'static str,
    },
    /// The tree could not be read.
    #[error("the check `{plugin}` cannot read the tree")]
    Tree {
        /// The plugin.
        plugin: &'static str,
        /// What failed.
        source: git::Error,
    },
}

/// What a run says.
#[derive(Debug, Default)]
pub struct Said {
    /// What the files say by themselves, in the order in which they were judged.
    pub of_files: Vec<Finding>,
    /// What only the tree as a whole says.
    pub of_tree: Vec<Finding>,
    /// How many files were judged.
    pub judged: usize,
    /// Files and links that could not be read, each once, and why. Such a file is not among the judged.
    pub unread: Vec<(TreePath, git::Error)>,
    /// Whether there was more to find than is taken.
    pub is_cut: bool,
}

/// Runs a built-in check: judges these files of the tree in this order, then the tree, and takes at most so many findings. `progress`
/// hears how many files are done. A file that cannot be read is told of, and no reason to say nothing
/// of the others; what may succeed a while later is one.
pub fn run(
    plugin: &dyn Builtin,
    tree: &dyn Tree,
    files: &[&TreeFile],
    most: usize,
    cancel: &dyn Fn() -> bool,
    progress: &mut dyn FnMut(usize),
) -> Result<Said, Error> {
    let name = plugin.name();
    let failed = |source| Error::Tree { plugin: name, source };
    let mut said = Said::default();
    for file in files {
        if cancel() {
            return Err(Error::Canceled { plugin: name });
        }
        // What a hostile tree could bring beyond is not even looked for.
        if said.of_files.len() > most {
            break;
        }
        progress(said.judged);
        match tracing::trace_span!("plugin").in_scope(|| judge(plugin, tree, file)) {
            Ok(findings) => {
                said.of_files.extend(bounded(findings));
                said.judged += 1;
            }
            Err(error) if error.is_transient() => return Err(failed(error)),
            Err(error) => said.unread.push((file.path.clone(), error)),
        }
    }
    progress(said.judged);
    let OfTree { findings, unread } = tracing::trace_span!("plugin").in_scope(|| plugin.tree(tree, cancel)).map_err(failed)?;
    if cancel() {
        return Err(Error::Canceled { plugin: name });
    }
    said.of_tree = findings;
    let told: HashSet<TreePath> = said.unread.iter().map(|(path, _)| path.clone()).collect();
    said.unread.extend(unread.into_iter().filter(|(path, _)| !told.contains(path)));
    said.is_cut = said.of_files.len() + said.of_tree.len() > most;
    said.of_files.truncate(most);
    said.of_tree.sort_by(|a, b| (&a.path, a).cmp(&(&b.path, b)));
    said.of_tree.truncate(most - said.of_files.len());
    Ok(said)
}

/// Judges one file of a tree. A file that grows while it is looked at, as files of a working directory may, is passed over.
fn judge(plugin: &dyn Builtin, tree: &dyn Tree, file: &TreeFile) -> git::Result<Vec<Finding>> {
    let size = tree.size(file)?;
    let content = match plugin.wants(file, size) {
        Wants::Nothing => return Ok(Vec::new()),
        Wants::Size => Vec::new(),
        Wants::Head { bytes } => match tree.head(file, bytes) {
            Err(git::Error::TooLarge { .. }) => return Ok(Vec::new()),
            read => read?,
        },
        Wants::Content { cap } => match tree.read(file, cap) {
            Err(git::Error::TooLarge { .. }) => return Ok(Vec::new()),
            read => read?,
        },
    };
    Ok(plugin.file(file, size, &content))
}

/// The first findings of a file by place, and one more that counts the rest.
fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| (&a.path, a.span, &a.rule, &a.message).cmp(&(&b.path, b.span, &b.rule, &b.message)));
    if findings.len() <= MAX_PER_FILE {
        return findings;
    }
    let rest = findings.split_off(MAX_PER_FILE);
    findings.extend(rest.first().map(|first| Finding {
        rule: TOO_MANY.to_owned(),
        message: format!("{} from here on are left out", text::count(rest.len() as u64, "further finding")),
        path: first.path.clone(),
        span: first.span,
        kind: Kind::Quality,
        severity: Severity::Info,
        fingerprint: None,
    }));
    findings
}

#[cfg(test)]
mod tests;
