//! The manifest: what a repository says of its own checks, coverage and gate, in `.plumbline.yaml` or Cocov's `.cocov.yaml`.
//!
//! It is read strictly. An unknown key, a wrong type, a key written twice, a value out of bounds or broken YAML is one [`Invalid`] that
//! names line, column, key and what was expected, and the nearest known key where a hand has slipped. Nothing is guessed and nothing is
//! passed over in silence: a gate that somebody believes to be set is set.
//!
//! Bytes become a small tree of values with their places (`node`), the tree is decoded field by field (`field`), by the rules of
//! the file's kind (`plumbline`, `cocov`), into the same [`Manifest`]. Defaults are merged here, so that a [`CheckSpec`] is complete.
//!
//! What this does not know: which plugins and secrets exist, what limits the instance sets, whether the author may be trusted. A value
//! that is not written is `None` or the documented default, and the planner decides.

mod cocov;
mod field;
pub mod glob;
mod node;
mod plumbline;
mod value;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::name::TreePath;
use crate::base::severity::Severity;
use crate::words;

pub use glob::Globs;
pub use node::{MAX_BYTES, MAX_DEPTH, MAX_VALUES};
pub use value::{CacheKey, HostPort, KeyPart, MAX_MEMORY, MAX_TIMEOUT, MIN_MEMORY, MIN_TIMEOUT, Percent};

/// The most checks in one manifest.
pub const MAX_CHECKS: usize = 100;
/// The most annotations a manifest may ask for.
pub const MAX_ANNOTATIONS: u32 = 1_000;
/// How many annotations there are where a manifest does not say.
pub const DEFAULT_ANNOTATIONS: u32 = 50;
/// The most uploads a manifest may wait for.
pub const MAX_WAIT_FOR: u32 = 100;

words! {
    /// The files a manifest may be, in the order in which they are looked for.
    pub enum ManifestName: "name of a manifest" {
        /// Ours.
        Plumbline = ".plumbline.yaml",
        /// Cocov's.
        Cocov = ".cocov.yaml",
    }
}

impl ManifestName {
    /// Where it lies: at the root.
    pub fn path(self) -> TreePath {
        TreePath::new(self.as_str())
    }
}

/// What is wrong with a manifest, and where. There is one, the first, however much is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` line {line}, column {column}{}: {message}", .key.as_ref().map(|key| format!(", `{key}`")).unwrap_or_default())]
pub struct Invalid {
    /// The file.
    pub file: ManifestName,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// The path of keys to the value: `checks[1].timeout`.
    pub key: Option<String>,
    /// What was expected and what was found.
    pub message: String,
}

/// A repository's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The file it was read from.
    pub name: ManifestName,
    /// What issues and coverage leave out.
    pub exclude: Globs,
    /// What is asked of coverage.
    pub coverage: CoverageGate,
    /// What is asked of issues.
    pub issues: IssuesGate,
    /// What is said on GitHub.
    pub github: GithubReport,
    /// The checks, complete with their defaults; `None` if the manifest does not speak of checks.
    pub checks: Option<Vec<CheckSpec>>,
}

/// What is asked of coverage. What is `None` is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CoverageGate {
    /// The least for the project.
    pub project_min: Option<Percent>,
    /// The most by which the project may fall behind its base.
    pub project_max_drop: Option<Percent>,
    /// The least for the lines that a change touches.
    pub patch_min: Option<Percent>,
    /// Parts of the project that report on their own, by name.
    pub flags: BTreeMap<String, FlagSpec>,
    /// How paths in reports become paths in the tree.
    pub fixes: Vec<PathFix>,
    /// How many uploads are awaited before there is a verdict.
    pub wait_for: Option<u32>,
}

/// A part of the project with coverage of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagSpec {
    /// Its files; `None` is all.
    pub paths: Option<Globs>,
    /// Whether the last report stands in where a commit brings none.
    pub carryforward: bool,
}

/// A beginning of paths in reports, and what it is in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathFix {
    /// In the report; empty puts `after` before every path.
    pub before: String,
    /// In the tree.
    pub after: String,
}

words! {
    /// Which issues fail the gate.
    pub enum FailOn: "rule for issues" {
        /// Those that the base does not have.
        New = "new",
        /// Any at all.
        Any = "any",
        /// None: issues are shown and gate nothing.
        None = "none",
    }
}

/// What is asked of issues.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IssuesGate {
    /// Which issues fail the gate.
    pub fail_on: FailOn,
    /// The least severity that does.
    pub min_severity: Severity,
}

impl Default for IssuesGate {
    fn default() -> IssuesGate {
        IssuesGate { fail_on: FailOn::New, min_severity: Severity::Minor }
    }
}

/// What is said on GitHub besides the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GithubReport {
    /// Whether each pull request gets a comment.
    pub comment: bool,
    /// The most annotations; none at 0.
    pub annotations: u32,
}

impl Default for GithubReport {
    fn default() -> GithubReport {
        GithubReport { comment: false, annotations: DEFAULT_ANNOTATIONS }
    }
}

/// One check, its defaults merged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckSpec {
    /// Unique within the manifest: letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// What runs.
    pub runs: Runs,
    /// The files it looks at; `None` is all.
    pub paths: Option<Globs>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// The secrets it sees as files.
    pub mounts: Vec<Mount>,
    /// The secret that its image is fetched with.
    pub credentials: Option<String>,
    /// What is kept from run to run.
    pub cache: Vec<CacheSpec>,
    /// Whom it may speak to.
    pub network: Network,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How many bytes of memory it may use.
    pub memory: Option<u64>,
}

/// What a check runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Runs {
    /// A plugin that is built in or stands in the catalogue.
    Plugin(String),
    /// An image that follows Cocov's plugin contract, without `docker://`.
    Image(String),
    /// A command line.
    Command {
        /// What the shell is given.
        run: String,
        /// What it writes.
        output: OutputFormat,
    },
}

words! {
    /// The formats in which a command may report.
    pub enum OutputFormat: "output format" {
        /// SARIF 2.1.0.
        Sarif = "sarif",
        /// Sonar's generic issues.
        Sonar = "sonar",
        /// Reviewdog's diagnostics, one document.
        Rdjson = "rdjson",
        /// Reviewdog's diagnostics, one a line.
        Rdjsonl = "rdjsonl",
        /// Checkstyle's XML.
        Checkstyle = "checkstyle",
        /// Code Climate's issues.
        Codeclimate = "codeclimate",
        /// `ESLint`'s JSON.
        Eslint = "eslint",
        /// `file:line:column: message`.
        Gnu = "gnu",
        /// Ours.
        Plumbline = "plumbline",
    }
}

/// A secret that a check sees as a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The secret's name.
    pub secret: String,
    /// Where: absolute, or below `~/`; never with `..`.
    pub destination: String,
}

/// Something that is kept from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSpec {
    /// Under which key.
    pub key: CacheKey,
    /// The folder: relative to the checkout, or below `~/`; never with `..`.
    pub path: String,
}

/// Whom a check may speak to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Network {
    /// Nobody.
    #[default]
    None,
    /// The forge that the repository comes from.
    Forge,
    /// These and nobody else.
    Allow(Vec<HostPort>),
}

/// Reads a manifest.
pub fn parse(name: ManifestName, bytes: &[u8]) -> Result<Manifest, Invalid> {
    let manifest = node::read(bytes).and_then(|root| match name {
        ManifestName::Plumbline => plumbline::decode(root.as_ref()),
        ManifestName::Cocov => cocov::decode(root.as_ref()),
    });
    manifest.map_err(|fault| Invalid { file: name, line: fault.at.line, column: fault.at.column, key: fault.key, message: fault.message })
}

#[cfg(test)]
mod tests;
