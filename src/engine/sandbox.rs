//! Programs of others, run so that they can do nothing but compute: the only place that starts a process.
//!
//! Whoever runs a tool over a repository runs what its author wants to be run: a linter loads plugins, a build runs scripts. So the tool
//! sees a file system that is its own, no network, no process but its own, and has nothing to win: no secret that is not meant for it, no
//! right, no time beyond its bounds.
//!
//! # How a run goes
//!
//! [`Sandbox::run`] starts bubblewrap with an empty environment (as a user of its own, if we are root), which makes the namespaces and
//! mounts (`mounts`) and starts our own binary in them as the first process: the [launcher]. It says that it is there; we see to it that
//! it is in a cgroup (`cgroup`), and send it what is to be run and the files of the tree, each as a path and bytes. So nothing is ever
//! checked out on the host, and no secret stands in an argument list. The launcher writes the tree on a file system in memory, bounds
//! itself, starts the tool under Landlock and seccomp, reads back what the tool wrote, and ends: with the first process of a namespace all
//! others end.
//!
//! We watch all the while (`attempt`): the clock, the counts of the cgroup, what is written. At a limit the whole tree of processes dies.
//!
//! # Secrets
//!
//! What a command is given as a secret does not come out again: a [mask](crate::base::mask) over all of its secrets stands before whatever
//! is kept, heard or read back of a run, so nobody who shows it has to think of that. What cannot be masked is not run.
//!
//! # Layers
//!
//! Namespaces hide; seccomp keeps the kernel's rarer doors shut, so that a hole behind one of them is out of reach; Landlock says the same
//! about files and signals once more, in other code; the user of its own is what remains if all of that fails. Each is
//! tested by an escape suite, `tests/it/guard/sandbox.rs`.
//!
//! # Network
//!
//! There is none. Where a command [declares](Network) whom it speaks to, the launcher listens on the sandbox's own loopback and hands
//! each connection to us over the socket we share; our `proxy` reads whom it wants to reach, lets through what was declared and
//! [`outbound`](super::outbound)'s guard does not refuse, and notes all that was asked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::mask::Mask;
use crate::base::mask::learned::Values;
use crate::base::name::TreePath;
use crate::base::secret::Secret;
use crate::words;

mod attempt;
mod cgroup;
mod joining;
pub mod launcher;
mod limits;
mod memory;
mod mounts;
mod native;
pub mod oci;
mod output;
pub mod probe;
mod process;
mod proxy;
mod scratch;
mod trusted;
mod wire;

pub use cgroup::Cgroups;
pub use limits::{Counts, Keeper, Limit, Limits};
pub use mounts::overlap;
pub use output::{Kept, Output};
pub use proxy::Asked;
pub use scratch::leave_nothing;
pub use wire::Landlock;

words! {
    /// How well a run is kept apart from the host.
    pub enum Tier: "tier" {
        /// Not at all: for repositories whose authors may do all that we may. Only if the operator says so.
        Trusted = "trusted",
        /// By bubblewrap and the kernel.
        Native = "native",
        /// In a container, by a daemon that runs images: see [`oci`]. Tools and commands run nowhere where nothing less may be.
        Oci = "oci",
    }
}

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How runs are kept apart.
    pub tier: Tier,
    /// Where bubblewrap is.
    pub bubblewrap: PathBuf,
    /// The first of [`UIDS`] users, which nobody else uses, that runs take place as when we are root.
    pub first_uid: u32,
    /// Where our files for runs are: a copy of the binary if others cannot reach it, and the trees of the tier `trusted`.
    pub scratch: PathBuf,
    /// Whether cgroups are looked for. Not doing so is for tests of what takes their place.
    pub use_cgroups: bool,
    /// Hosts that the proxy connects to whatever their address is, if a command declares them.
    pub allow_hosts: Vec<String>,
    /// How long a sandbox may take to come up: 20 seconds.
    pub coming_up: Duration,
    /// Directories of ours: no tool is shown one, nor what holds it, nor what is in it.
    pub hidden: Vec<PathBuf>,
}

/// How many users runs are spread over. Runs at the same time see nothing of each other even as the same user; this is one wall more.
pub const UIDS: u32 = 64;
/// The first of them: a range that neither Debian nor systemd gives to anybody.
const FIRST_UID: u32 = 60_600;

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            tier: Tier::Native,
            bubblewrap: PathBuf::from("/usr/bin/bwrap"),
            first_uid: FIRST_UID,
            scratch: std::env::temp_dir(),
            use_cgroups: true,
            allow_hosts: Vec::new(),
            coming_up: Duration::from_secs(20),
            hidden: Vec::new(),
        }
    }
}

/// A value of the environment.
#[derive(Debug, Clone)]
pub enum Value {
    /// For everybody to see.
    Plain(String),
    /// A secret.
    Secret(Secret<String>),
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Plain(value.to_owned())
    }
}

/// Whom a command speaks to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Network {
    /// Nobody.
    #[default]
    None,
    /// These hosts at these ports, by way of the proxy.
    Allow(Vec<(String, u16)>),
}

/// What is run.
#[derive(Debug, Clone, Default)]
pub struct Command {
    /// The program and its arguments. A program without a slash is looked for in the `PATH` of the environment.
    pub argv: Vec<String>,
    /// The environment, beside what every run has: `PATH`, `HOME`, `TMPDIR`, `LANG`, `TZ`.
    pub env: BTreeMap<String, Value>,
    /// Where it is started, from the top of the tree; empty for the top.
    pub directory: String,
    /// Directories and files of the host, beside `/usr`, that it may read at the same place.
    pub roots: Vec<PathBuf>,
    /// Whom it speaks to.
    pub network: Network,
    /// Files that are read back when it has ended, from the top of the tree.
    pub outputs: Vec<String>,
    /// Files with secrets, from its home directory or beneath [`SECRETS`]; it alone can read them.
    pub secret_files: Vec<(String, Secret<String>)>,
}

/// What a path of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A file.
    Regular,
    /// A file with its executable bit.
    Executable,
    /// A symbolic link; its bytes are its target.
    Symlink,
}

/// A file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Where it is, from the top of the tree.
    pub path: TreePath,
    /// What it is.
    pub kind: Kind,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Why a file of the tree could not be had, in the words of whoever reads the tree.
pub type Unread = Box<dyn std::error::Error + Send + Sync>;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum How {
    /// The program ended with this code.
    Exited(i32),
    /// A signal ended it.
    Signaled(i32),
    /// We ended it: its time was over.
    TimedOut,
    /// We ended it: nobody wants it any more.
    Canceled,
    /// It reached this bound.
    Limit(Limit),
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended.
    pub how: How,
    /// What it wrote to stdout.
    pub stdout: Kept,
    /// What it wrote to stderr.
    pub stderr: Kept,
    /// The files that were asked for, in that order; or why one was not read.
    pub files: Vec<(String, std::result::Result<Vec<u8>, String>)>,
    /// Paths of the tree that could not be written, each with the reason; at most [`REFUSED`].
    pub refused: Vec<(TreePath, String)>,
    /// What it asked the proxy for.
    pub asked: Vec<Asked>,
    /// How long it took.
    pub wall_ms: u64,
    /// How much processor time it used; 0 in the tier `oci`, where it is not counted.
    pub cpu_ms: u64,
    /// How much memory it used at most, its files included; if that was counted.
    pub peak_memory: Option<u64>,
    /// How it was kept apart.
    pub tier: Tier,
    /// What Landlock gave.
    pub landlock: Landlock,
    /// Each bound and what kept it.
    pub limits_in_force: Vec<(Limit, Keeper)>,
    /// What masks its secrets, those it registered itself among them: for what is read out of what it wrote.
    pub mask: Mask,
}

/// How many paths that could not be written are told of.
pub const REFUSED: usize = 100;

/// Why there was no run, or none whose end means anything.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bubblewrap is not there.
    #[error("`{}` cannot be run: install bubblewrap, or name it in the configuration", path.display())]
    NoBubblewrap {
        /// Where it should be.
        path: PathBuf,
    },
    /// What is asked for cannot be.
    #[error("the command cannot be run: {why}")]
    BadCommand {
        /// What is wrong with it.
        why: String,
    },
    /// A directory the tool needs cannot be shown to it.
    #[error("the tool's directory `{}` cannot be shown to it: {why}", path.display())]
    BadRoot {
        /// The directory.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// The program cannot be started.
    #[error("`{program}` cannot be started: {why}")]
    Program {
        /// The program.
        program: String,
        /// Why not.
        why: String,
    },
    /// A file of the tree cannot be had.
    #[error("the tree cannot be read")]
    Tree(#[source] Unread),
    /// The sandbox itself does not come up.
    #[error("the sandbox does not start: {why}")]
    Start {
        /// What bubblewrap or the launcher said.
        why: String,
    },
    /// The first process of the sandbox is gone, and no limit says why.
    #[error("the sandbox was lost: {why}")]
    Lost {
        /// What is known.
        why: String,
    },
    /// The daemon that runs images does not do what it should.
    #[error("the daemon at `{}` does not {doing}: {why}", socket.display())]
    Daemon {
        /// Where it listens.
        socket: PathBuf,
        /// What it was asked to do.
        doing: &'static str,
        /// What it said.
        why: String,
    },
    /// An image cannot be had.
    #[error("the image `{reference}` cannot be had: {why}")]
    Image {
        /// What was asked for.
        reference: String,
        /// Why it is not there.
        why: String,
    },
    /// Something of the host does not do what it should.
    #[error("cannot {doing}")]
    Host {
        /// What we tried.
        doing: &'static str,
        /// Why that failed.
        source: std::io::Error,
    },
}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(super) fn host(doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Host { doing, source }
    }

    /// The same without what a mask knows. What stands in it was said by programs that were told secrets.
    fn masked(self, mask: &Mask) -> Error {
        let text = |why: String| mask.text(&why);
        match self {
            Error::BadCommand { why } => Error::BadCommand { why: text(why) },
            Error::Program { program, why } => Error::Program { program, why: text(why) },
            Error::Start { why } => Error::Start { why: text(why) },
            Error::Lost { why } => Error::Lost { why: text(why) },
            Error::Daemon { socket, doing, why } => Error::Daemon { socket, doing, why: text(why) },
            Error::Image { reference, why } => Error::Image { reference, why: text(why) },
            other @ (Error::NoBubblewrap { .. } | Error::BadRoot { .. } | Error::Tree(_) | Error::Host { .. }) => other,
        }
    }

    /// Whether the same run may succeed a while later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Lost { .. } | Error::Host { .. } | Error::Daemon { .. } => true,
            Error::NoBubblewrap { .. }
            | Error::Image { .. }
            | Error::BadCommand { .. }
            | Error::BadRoot { .. }
            | Error::Program { .. }
            | Error::Tree(_)
            | Error::Start { .. } => false,
        }
    }
}

/// What runs programs of others.
#[derive(Debug)]
pub struct Sandbox {
    settings: Settings,
    launcher: native::Launcher,
    cgroups: Cgroups,
    /// Runs so far.
    count: AtomicU32,
}

/// Removes what earlier processes of this user left that were killed: directories, and cgroups with whatever is in them.
pub fn sweep(settings: &Settings) {
    scratch::sweep(&settings.scratch);
    if settings.use_cgroups {
        Cgroups::sweep();
    }
}

impl Sandbox {
    /// Looks at what this machine has. `launcher` is our own binary.
    pub fn new(launcher: &Path, settings: Settings) -> Result<Sandbox> {
        if settings.tier == Tier::Native && !settings.bubblewrap.is_file() {
            return Err(Error::NoBubblewrap { path: settings.bubblewrap });
        }
        if settings.tier == Tier::Native {
            mounts::check_hidden(&settings.hidden)?;
        }
        scratch::sweep(&settings.scratch);
        let launcher = native::Launcher::reachable(launcher, &settings)?;
        let cgroups = if settings.use_cgroups { Cgroups::find() } else { Cgroups::none("they are not looked for") };
        Ok(Sandbox { settings, launcher, cgroups, count: AtomicU32::new(0) })
    }

    /// How runs are kept apart.
    pub fn tier(&self) -> Tier {
        self.settings.tier
    }

    /// The cgroups that runs are counted by.
    pub fn cgroups(&self) -> &Cgroups {
        &self.cgroups
    }

    /// What keeps each bound on this machine.
    pub fn limits_in_force(&self) -> Vec<(Limit, Keeper)> {
        self.cgroups.counts().keepers(self.settings.tier == Tier::Native)
    }

    /// Runs a command over the files of a tree, and answers when no process of it is left.
    ///
    /// The thread that calls it has to stay: should it end, the sandbox ends too. `cancel` is asked every now and then.
    pub fn run(
        &self,
        command: &Command,
        limits: &Limits,
        files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>,
        cancel: &dyn Fn() -> bool,
        out: &mut dyn Output,
    ) -> Result<Outcome> {
        check(command)?;
        let number = self.count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        attempt::run(self, number, command, limits, files, cancel, out)
    }
}

/// What masks the secrets of an environment and of files in all that comes out of a run.
fn known<'a>(env: impl Iterator<Item = &'a Value>, files: impl Iterator<Item = &'a Secret<String>>) -> Result<Values> {
    let of_env = env.filter_map(|value| match value {
        Value::Plain(_) => None,
        Value::Secret(value) => Some(value),
    });
    Values::new(of_env.chain(files).cloned().collect()).map_err(|refused| Error::BadCommand { why: refused.to_string() })
}

/// Where programs look for secrets that are given to them as files, beside their home directory.
pub const SECRETS: &str = "/run/secrets/";

/// The most bytes of an environment and of all secret files together.
const COMMAND_BYTES: usize = 8 << 20;
/// The most files that are read back.
const OUTPUTS: usize = 1000;

/// Whether a command is one that can be: what is in it comes from manifests.
fn check(command: &Command) -> Result<()> {
    let refuse = |why: String| Err(Error::BadCommand { why });
    if command.argv.first().is_none_or(String::is_empty) {
        return refuse("it names no program".into());
    }
    if command.outputs.len() > OUTPUTS {
        return refuse(format!("it asks for more than {OUTPUTS} files"));
    }
    let inner = command.outputs.iter().map(String::as_str).chain(command.secret_files.iter().map(|(path, _)| {
        // Of what is not in the home directory, that the rest leads nowhere else.
        path.strip_prefix(SECRETS).unwrap_or(path)
    }));
    for path in inner.chain(Some(command.directory.as_str()).filter(|path| !path.is_empty())) {
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return refuse(format!("`{path}` is no path beneath a directory"));
        }
    }
    for (path, _) in &command.secret_files {
        let within = |other: &String| other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if command.secret_files.iter().any(|(other, _)| within(other)) {
            return refuse(format!("a secret's place lies within `{path}`, which is another's"));
        }
    }
    for name in command.env.keys() {
        if name.is_empty() || name.contains(['=', '\0']) {
            return refuse(format!("`{}` cannot be the name of a variable", name.escape_debug()));
        }
    }
    let values = command.env.values().map(|value| match value {
        Value::Plain(value) => value,
        Value::Secret(value) => value.expose(),
    });
    let all = command.argv.iter().chain(values).chain(command.secret_files.iter().map(|(path, _)| path)).chain(&command.outputs);
    if all.chain([&command.directory]).any(|text| text.contains('\0')) {
        return refuse("a byte of it is zero".into());
    }
    let size = |text: &String| text.len();
    let values = command.env.iter().map(|(name, value)| {
        let value = match value {
            Value::Plain(value) => value,
            Value::Secret(value) => value.expose(),
        };
        name.len() + value.len()
    });
    let secrets = command.secret_files.iter().map(|(path, secret)| path.len() + secret.expose().len());
    if command.argv.iter().map(size).chain(values).chain(secrets).sum::<usize>() > COMMAND_BYTES {
        return refuse(format!("its arguments, environment and secrets are larger than {COMMAND_BYTES} bytes"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(change: impl FnOnce(&mut Command)) -> Result<()> {
        let mut command = Command { argv: vec!["true".into()], ..Command::default() };
        change(&mut command);
        check(&command)
    }

    #[test]
    fn a_command_that_points_out_of_its_tree_is_refused() {
        assert!(command(|_| ()).is_ok());
        for path in ["../x", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "a\0b"] {
            assert!(command(|command| command.outputs = vec![path.into()]).is_err(), "{path}");
            assert!(command(|command| command.secret_files = vec![(path.into(), Secret::new("s".into()))]).is_err(), "{path}");
            assert!(command(|command| command.directory = path.into()).is_err(), "{path}");
        }
    }

    #[test]
    fn a_command_without_a_program_or_with_an_odd_environment_is_refused() {
        assert!(command(|command| command.argv = vec![]).is_err());
        assert!(command(|command| command.argv = vec![String::new()]).is_err());
        assert!(command(|command| command.argv.push("a\0b".into())).is_err());
        for name in ["", "A=B", "A\0"] {
            assert!(command(|command| drop(command.env.insert(name.into(), "x".into()))).is_err(), "{name:?}");
        }
        assert!(command(|command| drop(command.env.insert("A".into(), Value::Plain("x".repeat(COMMAND_BYTES))))).is_err());
    }

    #[test]
    fn a_secret_of_a_command_is_not_printed() {
        let mut command = Command { secret_files: vec![("key".into(), Secret::new("hunter2".into()))], ..Command::default() };
        command.env.insert("TOKEN".into(), Value::Secret(Secret::new("hunter2".into())));
        assert!(!format!("{command:?}").contains("hunter2"));
    }
}
