//! Where the tools of the [catalogue](crate::domain::checks::catalogue) are on this host, and what must be seen of the host to run them.
//!
//! A sandbox shows a process the system's own folders and nothing else. A tool that lies elsewhere, as what pip, npm, cargo, go and gem install
//! does, needs its *roots*: the folders, read-only, in which it, its interpreter and their libraries are. [`locate`] finds the program in
//! the search path, follows links and `#!` lines to the end, sees through the stand-ins of version managers, and names for each file on the
//! way the smallest folder that will do: a virtual environment, an interpreter's prefix, the outermost `node_modules`, or the file alone.
//!
//! A home folder is never a root, nor is a folder that holds more than programs (`~/.local`, `~/.cargo`): keys and tokens lie there. It
//! reads the file system and starts nothing; what it answers holds until something is installed.

mod roots;
mod shims;

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::domain::checks::catalogue::Tool;
use roots::Roots;

/// The folders that every sandbox shows.
pub const SYSTEM: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32"];

/// How many links are followed from one file.
const MAX_LINKS: usize = 16;
/// How many interpreters may stand behind each other.
const MAX_INTERPRETERS: usize = 4;
/// So many bytes of a file may be its `#!` line.
const MAX_SHEBANG: u64 = 512;

/// A tool on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The program to start.
    pub executable: PathBuf,
    /// Folders and files outside of [`SYSTEM`] that it needs, none within another, ascending.
    pub roots: Vec<PathBuf>,
    /// The search path with which it finds its interpreter and the programs beside it.
    pub path: Vec<PathBuf>,
}

/// A tool that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Missing {
    /// The program that it is started by.
    pub executable: String,
    /// The program that was not found: the tool's own, its interpreter, or one beside it.
    pub program: String,
    /// A command with which a person installs the tool.
    pub how_to_install: String,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Missing { executable, program, how_to_install } = self;
        if program == executable {
            write!(f, "`{program}` is not installed on this host, or not where it is looked for; `{how_to_install}` installs it")
        } else {
            write!(
                f,
                "`{executable}` is here and needs `{program}`, which is not, or not where it is looked for; install that, or mend it by \
                 `{how_to_install}`"
            )
        }
    }
}

/// Finds a tool by this search path. What is `hidden` is ours, and no folder that holds it or lies in it is a root as a whole.
pub fn locate(tool: &Tool, path_var: &OsStr, hidden: &[PathBuf]) -> Result<Located, Missing> {
    let missing = |program: String| Missing { executable: tool.executable.clone(), program, how_to_install: tool.install.clone() };
    // An entry that is not absolute depends on where a process happens to stand.
    let path = std::env::split_paths(path_var).filter(|folder| folder.is_absolute()).collect();
    let mut search = Search { path, roots: Roots::apart_from(hidden), folders: Vec::new() };
    let executable = search.program(&tool.executable, MAX_INTERPRETERS).map_err(missing)?;
    for program in &tool.beside {
        search.program(program, MAX_INTERPRETERS).map_err(missing)?;
    }
    let Search { roots, mut folders, .. } = search;
    folders.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from));
    let mut path: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if !path.contains(&folder) {
            path.push(folder);
        }
    }
    Ok(Located { executable, roots: roots.into_sorted(), path })
}

/// What has been found so far.
struct Search {
    path: Vec<PathBuf>,
    roots: Roots,
    /// Where the programs lie.
    folders: Vec<PathBuf>,
}

impl Search {
    /// Finds a program and all that it needs; answers its place, or the name of what is missing.
    fn program(&mut self, name: &str, interpreters: usize) -> Result<PathBuf, String> {
        let found = self.path.iter().map(|folder| folder.join(name)).find(|file| is_program(file)).ok_or_else(|| name.to_owned())?;
        let found = shims::behind(&found, name).ok_or_else(|| name.to_owned())?;
        self.file(&found, interpreters)
    }

    /// Sees to a program's file; answers the place from which it is to be started.
    fn file(&mut self, file: &Path, interpreters: usize) -> Result<PathBuf, String> {
        let shown = |path: &Path| path.display().to_string();
        self.folders.extend(file.parent().map(Path::to_path_buf));
        let mut at = file.to_path_buf();
        for _ in 0..MAX_LINKS {
            let Ok(target) = std::fs::read_link(&at) else { break };
            // A link within a folder that is seen leads on; one elsewhere need not be seen, since its end is started.
            if at != file || self.roots.has_around(&at) {
                self.roots.add(&at);
            }
            at = roots::joined(&at, &target);
        }
        let end = std::fs::canonicalize(file).map_err(|_| shown(file))?;
        self.roots.add(&end);
        self.interpreter(&end, interpreters)?;
        Ok(if roots::is_system(file) || self.roots.has_around(file) { file.to_path_buf() } else { end })
    }

    /// Finds what a script is run by.
    fn interpreter(&mut self, script: &Path, left: usize) -> Result<(), String> {
        let Some((program, argument)) = shebang(script) else { return Ok(()) };
        let Some(left) = left.checked_sub(1) else { return Err(program.display().to_string()) };
        if program.file_name() == Some(OsStr::new("env")) {
            return argument.map_or(Ok(()), |name| self.program(&name, left).map(drop));
        }
        self.file(&program, left).map(drop)
    }
}

/// Whether it is a file that somebody may start.
fn is_program(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The program of a `#!` line and, of what follows, the first word that is no option: what `env` is to find.
fn shebang(script: &Path) -> Option<(PathBuf, Option<String>)> {
    let mut head = Vec::new();
    std::fs::File::open(script).ok()?.take(MAX_SHEBANG).read_to_end(&mut head).ok()?;
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let program = PathBuf::from(OsStr::from_bytes(words.next()?));
    let is_name = |word: &&[u8]| !word.starts_with(b"-") && !word.contains(&b'=');
    let name = words.find(is_name).and_then(|word| std::str::from_utf8(word).ok());
    program.is_absolute().then(|| (program, name.map(str::to_owned)))
}

#[cfg(test)]
mod tests;
