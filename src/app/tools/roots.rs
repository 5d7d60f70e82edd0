//! The smallest folder that a file needs around it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use super::SYSTEM;
use crate::engine::sandbox::overlap;

/// Folders in which one finds libraries beside `bin`.
const LIBRARIES: [&str; 4] = ["lib", "lib64", "libexec", "share"];
/// What lies in somebody's home.
const OF_A_HOME: [&str; 6] = [".ssh", ".gnupg", ".bashrc", ".profile", ".zshrc", ".config"];
/// Folders that are made like a prefix and hold more than programs.
const NO_PREFIX: [&str; 2] = [".local", ".cargo"];
/// How far a virtual environment may be one of another.
const MAX_BASES: usize = 4;
/// The largest `pyvenv.cfg` that is read.
const MAX_CONFIG: u64 = 64 << 10;

/// Folders and files that must be seen.
#[derive(Debug, Default)]
pub struct Roots {
    all: BTreeSet<PathBuf>,
    /// Folders that are ours: what holds one, or lies in one, is never seen as a whole.
    hidden: Vec<PathBuf>,
}

impl Roots {
    /// None yet.
    pub fn apart_from(hidden: &[PathBuf]) -> Roots {
        let real = hidden.iter().filter_map(|path| std::fs::canonicalize(path).ok());
        Roots { all: BTreeSet::new(), hidden: hidden.iter().cloned().chain(real).collect() }
    }

    /// The folder that is seen as a whole for a file: the outermost `node_modules`, or a prefix.
    fn around(&self, file: &Path) -> Option<Around> {
        let around = node_modules(file).map(Around::Modules).or_else(|| prefix(file).map(|prefix| Around::Prefix(prefix.to_path_buf())));
        around.filter(|(Around::Modules(folder) | Around::Prefix(folder))| !self.hidden.iter().any(|ours| overlap(ours, folder)))
    }

    /// Whether a file lies in a folder that is seen as a whole.
    pub fn has_around(&self, file: &Path) -> bool {
        self.around(file).is_some()
    }

    /// Adds what a file needs.
    pub fn add(&mut self, file: &Path) {
        if is_system(file) {
            return;
        }
        if file.starts_with("/nix/store") {
            self.all.insert(PathBuf::from("/nix/store"));
            return;
        }
        match self.around(file) {
            Some(Around::Modules(modules)) => drop(self.all.insert(modules)),
            Some(Around::Prefix(prefix)) => self.add_prefix(&prefix, MAX_BASES),
            None => self.add_alone(file),
        }
    }

    fn add_alone(&mut self, file: &Path) {
        self.all.insert(file.to_path_buf());
        // What pip installs for one user lies beside `bin`.
        let local = file.parent().and_then(Path::parent).filter(|above| above.file_name() == Some(OsStr::new(".local")));
        self.all.extend(local.map(|local| local.join("lib")).filter(|libraries| libraries.is_dir()));
    }

    /// Adds a prefix and, if it is a virtual environment, the one it is made from.
    fn add_prefix(&mut self, prefix: &Path, left: usize) {
        self.all.insert(prefix.to_path_buf());
        let base = base_of(prefix).and_then(|bin| Some(bin.parent()?.to_path_buf()));
        if let (Some(base), Some(left)) = (base.filter(|base| !is_system(base) && !is_home(base)), left.checked_sub(1)) {
            self.add_prefix(&base, left);
        }
    }

    /// All of them, none within another.
    pub fn into_sorted(self) -> Vec<PathBuf> {
        let all = self.all;
        let is_outermost = |path: &PathBuf| !path.ancestors().skip(1).any(|above| all.contains(above));
        all.iter().filter(|path| is_outermost(path)).cloned().collect()
    }
}

/// Whether every sandbox shows it.
pub fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|folder| path.starts_with(folder))
}

/// A folder that is seen as a whole.
enum Around {
    Modules(PathBuf),
    Prefix(PathBuf),
}

/// The outermost `node_modules` around a file.
fn node_modules(file: &Path) -> Option<PathBuf> {
    let outermost = file.ancestors().skip(1).filter(|above| above.file_name() == Some(OsStr::new("node_modules"))).last()?;
    Some(outermost.to_path_buf())
}

/// The prefix in whose `bin` a file is: a virtual environment, or a folder with libraries that is nobody's home.
fn prefix(file: &Path) -> Option<&Path> {
    let bin = file.parent().filter(|folder| folder.file_name() == Some(OsStr::new("bin")))?;
    let prefix = bin.parent()?;
    let is_deep = prefix.components().filter(|part| matches!(part, Component::Normal(_))).count() > 1;
    let is_one = prefix.join("pyvenv.cfg").is_file() || LIBRARIES.iter().any(|name| prefix.join(name).is_dir());
    (is_deep && is_one && !is_home(prefix)).then_some(prefix)
}

/// Whether a folder may hold what is nobody's business.
fn is_home(folder: &Path) -> bool {
    let is_named = folder.file_name().is_none_or(|name| NO_PREFIX.iter().any(|no| name == *no));
    let is_known = folder.parent().is_none_or(|above| above == Path::new("/home")) || folder == Path::new("/root");
    is_named || is_known || OF_A_HOME.iter().any(|name| folder.join(name).exists())
}

/// The `bin` of the interpreter that a virtual environment was made with.
fn base_of(prefix: &Path) -> Option<PathBuf> {
    let config = prefix.join("pyvenv.cfg");
    if std::fs::metadata(&config).ok()?.len() > MAX_CONFIG {
        return None;
    }
    let text = std::fs::read_to_string(config).ok()?;
    let home = text.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "home")?.1;
    Some(PathBuf::from(home.trim())).filter(|home| home.is_absolute())
}

/// Where a link leads, its `..` taken away by name.
pub fn joined(link: &Path, target: &Path) -> PathBuf {
    let mut path = PathBuf::new();
    for part in link.parent().unwrap_or(Path::new("/")).join(target).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::CurDir => {}
            part => path.push(part),
        }
    }
    path
}
