//! The one sandbox of the appliance, made when it is first needed, and what is known of the tools that run in it.
//!
//! Whether there is one depends on the host and may change while we run: it is looked for anew as long as there is none. So are tools; a
//! version is asked for once and kept for as long as the program is the same file.

mod survey;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::config::{Config, MinTier};
use super::tools::{self, Located, Missing};
use crate::domain::checks::catalogue::{Tool, Version};
use crate::domain::checks::{CheckError, ErrorCode};
use crate::engine::sandbox::oci::Oci;
use crate::engine::sandbox::{Command, Limits, Sandbox, Settings, Tier};
use crate::engine::store::blob::BlobHash;

pub use survey::{Keeping, Survey};

/// How long a tool may take to say its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(20);

/// The sandbox, and what is known of tools.
#[derive(Debug)]
pub struct Sandboxes {
    launcher: PathBuf,
    min_tier: MinTier,
    search_path: OsString,
    allow_hosts: Vec<String>,
    oci_socket: Option<PathBuf>,
    /// Who we are among those that use the same daemon.
    instance: String,
    made: Mutex<Option<Arc<Sandbox>>>,
    connected: Mutex<Option<Arc<Oci>>>,
    versions: Mutex<HashMap<Program, Option<Version>>>,
    surveyed: Mutex<Option<survey::Dated>>,
}

/// A program as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Program {
    path: PathBuf,
    size: u64,
    modified_ns: (i64, i64),
}

/// What is found of a tool on this host.
#[derive(Debug, Clone)]
pub enum Seen {
    /// It can be run.
    Ready(Ready),
    /// It is there, in a version that is too old.
    Outdated(Ready),
    /// It is not there, or something that it needs.
    Missing(Missing),
    /// It is there and cannot be started.
    Unusable(Located, CheckError),
}

/// A tool that can be run here.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Where it is.
    pub located: Located,
    /// Its version, if it says so.
    pub version: Option<Version>,
    /// What changes whenever the program does.
    pub mark: String,
}

impl Sandboxes {
    /// None yet.
    pub fn new(config: &Config) -> Sandboxes {
        Sandboxes {
            launcher: config.launcher.clone(),
            min_tier: config.min_tier,
            search_path: config.search_path.clone(),
            allow_hosts: config.allow_hosts.clone(),
            oci_socket: config.oci_socket.clone(),
            instance: BlobHash::of(config.data_dir.as_os_str().as_encoded_bytes()).to_string(),
            made: Mutex::default(),
            connected: Mutex::default(),
            versions: Mutex::default(),
            surveyed: Mutex::default(),
        }
    }

    /// The sandbox: the best that this host gives, unless that is less than it must be.
    pub fn get(&self) -> Result<Arc<Sandbox>, CheckError> {
        if self.min_tier == MinTier::Oci {
            let message = "It is no image, and `sandbox.min_tier` is `oci`: nothing else may run here.".to_owned();
            return Err(CheckError { code: ErrorCode::SandboxUnavailable, message });
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sandbox) = &*made {
            return Ok(Arc::clone(sandbox));
        }
        let settings = Settings { allow_hosts: self.allow_hosts.clone(), ..Settings::default() };
        let sandbox = Sandbox::new(&self.launcher, settings.clone()).or_else(|error| match self.min_tier {
            MinTier::Native | MinTier::Oci => Err(error),
            MinTier::Trusted => {
                tracing::warn!("checks run without isolation, since `sandbox.min_tier` is `trusted` and there is no better: {error}");
                Sandbox::new(&self.launcher, Settings { tier: Tier::Trusted, ..settings })
            }
        });
        match sandbox {
            Ok(sandbox) => Ok(Arc::clone(made.insert(Arc::new(sandbox)))),
            Err(error) => Err(CheckError {
                code: ErrorCode::SandboxUnavailable,
                message: format!("Nothing here can run a process in isolation: {error}. On Debian: `apt-get install bubblewrap`."),
            }),
        }
    }

    /// The daemon that runs images, if there is to be one.
    pub fn oci(&self) -> Result<Arc<Oci>, CheckError> {
        let unavailable = |message| CheckError { code: ErrorCode::SandboxUnavailable, message };
        let Some(socket) = &self.oci_socket else {
            return Err(unavailable(
                "It is an image, and nothing here runs one: name the socket of podman or Docker by `sandbox.oci_socket` in the configuration."
                    .to_owned(),
            ));
        };
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(oci) = &*connected {
            return Ok(Arc::clone(oci));
        }
        match Oci::connect(socket, &self.instance) {
            Ok(oci) => Ok(Arc::clone(connected.insert(Arc::new(oci)))),
            Err(error) => {
                Err(unavailable(format!("Nothing here can run an image: {error}; see `sandbox.oci_socket` in the configuration.")))
            }
        }
    }

    /// Where a tool is on this host.
    pub fn locate(&self, tool: &Tool) -> Result<Located, Missing> {
        tools::locate(tool, &self.search_path)
    }

    /// A tool that can be run, its version known; or why it cannot.
    pub fn ready(&self, tool: &Tool) -> Result<Ready, CheckError> {
        self.see(tool).ready(tool)
    }

    /// Looks for a tool, and asks it for its version.
    pub fn see(&self, tool: &Tool) -> Seen {
        match self.locate(tool) {
            Ok(located) => self.ask_once(tool, &located).unwrap_or_else(|error| Seen::Unusable(located, error)),
            Err(missing) => Seen::Missing(missing),
        }
    }

    /// What is known of a tool that is there; it is asked for its version unless that is known of the same file.
    fn ask_once(&self, tool: &Tool, located: &Located) -> Result<Seen, CheckError> {
        let sandbox = self.get()?;
        let program = program(located);
        let mark = format!("{} {:?}", program.size, program.modified_ns);
        let known = self.versions.lock().unwrap_or_else(PoisonError::into_inner).get(&program).cloned();
        let version = match known {
            Some(version) => version,
            None => {
                let version = ask(&sandbox, tool, located)?;
                self.versions.lock().unwrap_or_else(PoisonError::into_inner).insert(program, version.clone());
                version
            }
        };
        let is_outdated = version.as_ref().is_some_and(|version| !tool.takes(version));
        let ready = Ready { located: located.clone(), version, mark };
        Ok(if is_outdated { Seen::Outdated(ready) } else { Seen::Ready(ready) })
    }
}

impl Seen {
    /// Whether it can be run.
    pub fn can_run(&self) -> bool {
        matches!(self, Seen::Ready(_))
    }

    /// The tool, if it can be run; or why it cannot.
    pub fn ready(self, tool: &Tool) -> Result<Ready, CheckError> {
        match self {
            Seen::Ready(ready) => Ok(ready),
            Seen::Outdated(ready) => {
                let version = ready.version.as_ref().map(ToString::to_string).unwrap_or_default();
                let (name, least, install) = (&tool.name, &tool.least, &tool.install);
                let message = format!("`{name}` is here in version {version}, and {least} or later is needed; `{install}`.");
                Err(CheckError { code: ErrorCode::PluginOutdated, message })
            }
            Seen::Missing(missing) => Err(CheckError { code: ErrorCode::PluginMissing, message: format!("{missing}.") }),
            Seen::Unusable(_, error) => Err(error),
        }
    }
}

fn program(located: &Located) -> Program {
    let path = located.executable.clone();
    let (size, modified_ns) = std::fs::metadata(&path).map_or((0, (0, 0)), |meta| (meta.len(), (meta.mtime(), meta.mtime_nsec())));
    Program { path, size, modified_ns }
}

/// What a tool says of its version, run as it will be. One that says nothing of use is taken as it is; one that cannot be run is not.
fn ask(sandbox: &Sandbox, tool: &Tool, located: &Located) -> Result<Option<Version>, CheckError> {
    let mut argv = vec![located.executable.to_string_lossy().into_owned()];
    argv.extend(tool.version.iter().cloned());
    let command = Command { argv, env: super::check::environment(located, tool), roots: located.roots.clone(), ..Command::default() };
    let limits = Limits { wall: VERSION_PATIENCE, ..Limits::default() };
    match sandbox.run(&command, &limits, &mut std::iter::empty(), &|| false, &mut ()) {
        Ok(outcome) => Ok(Version::find_in(&outcome.stdout.text()).or_else(|| Version::find_in(&outcome.stderr.text()))),
        Err(error) if error.is_transient() => {
            tracing::warn!("`{}` cannot be asked for its version: {error}", tool.name);
            Ok(None)
        }
        Err(error) => Err(super::check::unstarted(&error)),
    }
}
