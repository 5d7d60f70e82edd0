//! The one sandbox of the appliance, made when it is first needed, and what is known of the tools that run in it.
//!
//! Whether there is one depends on the host and may change while we run: it is tried out, and looked for anew as long as there is none. So is
//! the daemon that runs images. Why there is none holds for a moment, so that not each of many checks waits for it. So are tools; a
//! version is asked for once and kept for as long as the program is the same file.

mod survey;

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::config::Config;
use super::tools::{self, Located, Missing};
use crate::base::text::capital;
use crate::domain::checks::catalogue::{Tool, Version};
use crate::domain::checks::{CheckError, ErrorCode};
use crate::engine::sandbox::oci::{self, Oci};
use crate::engine::sandbox::probe;
use crate::engine::sandbox::{self, Command, How, Limits, Sandbox, Settings, Tier};

pub use survey::{Keeping, Survey};

/// How long a tool may take to say its version.
const VERSION_PATIENCE: Duration = Duration::from_secs(20);

/// How long it holds that a tool did not come to say its version: it is run without that meanwhile.
const UNSAID_FOR: Duration = Duration::from_secs(10 * 60);
/// How long it holds why there is no sandbox, or no daemon.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// How long it is done without isolation before it is looked whether the host allows it by now.
const MAKESHIFT_FOR: Duration = Duration::from_secs(60);
/// The file in the data directory with what we are called among those that use the same daemon.
const INSTANCE: &str = "instance";
/// What we are called where we look and make nothing.
const ONLOOKER: &str = "onlooker";

/// The sandbox, and what is known of tools.
#[derive(Debug)]
pub struct Sandboxes {
    launcher: PathBuf,
    min_tier: Tier,
    search_path: OsString,
    settings: Settings,
    images: oci::Settings,
    oci_socket: Option<PathBuf>,
    data_dir: PathBuf,
    /// Whether the data directory is ours alone, and with it what its earlier processes left at the daemon.
    is_owner: bool,
    made: Mutex<Known<Sandbox>>,
    connected: Mutex<Known<Oci>>,
    instance: Mutex<Option<String>>,
    versions: Mutex<HashMap<Program, Said>>,
    surveyed: Mutex<Option<survey::Dated>>,
    /// Whose turn it is to look, among those who would wait on threads that others need.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// Something that was looked for.
#[derive(Debug, Default)]
enum Known<T> {
    #[default]
    Nothing,
    There(Arc<T>),
    /// It is less than what was looked for, and does until that is there.
    Makeshift(Instant, Arc<T>),
    Failed(Instant, CheckError),
}

impl<T> Known<T> {
    /// What holds now of what is known.
    fn now(&self) -> Option<Result<Arc<T>, CheckError>> {
        match self {
            Known::There(there) => Some(Ok(Arc::clone(there))),
            Known::Makeshift(at, there) if at.elapsed() < MAKESHIFT_FOR => Some(Ok(Arc::clone(there))),
            Known::Failed(at, error) if at.elapsed() < FAILED_FOR => Some(Err(error.clone())),
            Known::Makeshift(..) | Known::Failed(..) | Known::Nothing => None,
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unavailable(message: String) -> CheckError {
    CheckError { code: ErrorCode::SandboxUnavailable, message }
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
    /// None yet. The data directory is ours alone.
    pub fn new(config: &Config) -> Sandboxes {
        let settings = Settings {
            allow_hosts: config.allow_hosts.clone(),
            hidden: vec![config.data_dir.clone(), config.vault_key_file.clone()],
            ..Settings::default()
        };
        Sandboxes {
            launcher: config.launcher.clone(),
            min_tier: config.min_tier,
            search_path: config.search_path.clone(),
            settings,
            images: oci::Settings { allow_hosts: config.allow_hosts.clone(), ..oci::Settings::default() },
            oci_socket: config.oci_socket.clone(),
            data_dir: config.data_dir.clone(),
            is_owner: true,
            made: Mutex::default(),
            connected: Mutex::default(),
            instance: Mutex::default(),
            versions: Mutex::default(),
            surveyed: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// The same for somebody who looks, beside a process that may be at work.
    pub fn seen_by_onlooker(config: &Config) -> Sandboxes {
        Sandboxes { is_owner: false, ..Sandboxes::new(config) }
    }

    /// Removes what earlier processes left of their sandboxes.
    pub fn sweep_host(&self) {
        sandbox::sweep(&self.settings);
    }

    /// Removes what earlier processes left of their sandboxes, and what one of this data directory left at the daemon that runs images.
    pub fn sweep(&self) {
        self.sweep_host();
        // Where nothing may be isolated, pages say from the first whether that is so.
        if self.is_owner {
            self.is_unisolated();
        }
        let has_earlier = self.oci_socket.is_some() && self.data_dir.join(INSTANCE).exists();
        if has_earlier && let Err(error) = self.oci() {
            tracing::warn!("what an earlier process may have left is not looked for: {}", error.message);
        }
    }

    /// The sandbox: the best that this host gives, unless that is less than it must be.
    pub fn get(&self) -> Result<Arc<Sandbox>, CheckError> {
        if self.min_tier == Tier::Oci {
            return Err(unavailable("It is no image, and `sandbox.min_tier` is `oci`: nothing else may run here.".to_owned()));
        }
        // One at a time looks, and the others wait for what it finds.
        let mut made = lock(&self.made);
        if let Some(known) = made.now() {
            return known;
        }
        match self.make(&made) {
            Ok(found) => {
                *made = found;
                made.now().unwrap_or_else(|| Err(unavailable("Nothing here can run a process in isolation.".to_owned())))
            }
            Err(error) => {
                let advice = capital(probe::advice(&error));
                let error = unavailable(format!("Nothing here can run a process in isolation: {}. {advice}.", with_cause(&error)));
                *made = Known::Failed(Instant::now(), error.clone());
                Err(error)
            }
        }
    }

    /// Whether processes run without isolation. Where that is not allowed nothing is looked for.
    pub fn is_unisolated(&self) -> bool {
        self.min_tier == Tier::Trusted && self.get().is_ok_and(|sandbox| sandbox.tier() == Tier::Trusted)
    }

    /// The same as it was when it was last looked; nothing is waited for.
    pub fn was_unisolated(&self) -> bool {
        self.min_tier == Tier::Trusted && self.made.try_lock().is_ok_and(|made| matches!(*made, Known::Makeshift(..)))
    }

    /// Looks for the best that this host gives. `before` is what it gave when it was last looked.
    fn make(&self, before: &Known<Sandbox>) -> sandbox::Result<Known<Sandbox>> {
        let native = Sandbox::new(&self.launcher, self.settings.clone());
        let native = native.and_then(|sandbox| probe::trial(&sandbox).map(|()| sandbox));
        match (native, before) {
            (Ok(sandbox), _) => {
                if matches!(before, Known::Makeshift(..)) {
                    tracing::info!("checks run in isolation from now on: this host allows it by now");
                }
                Ok(Known::There(Arc::new(sandbox)))
            }
            (Err(_), Known::Makeshift(_, trusted)) => Ok(Known::Makeshift(Instant::now(), Arc::clone(trusted))),
            // What may pass by itself is no reason to do without isolation.
            (Err(error), _) if self.min_tier == Tier::Trusted && !error.is_transient() => {
                tracing::warn!("checks run without isolation, since `sandbox.min_tier` is `trusted` and there is no better: {error}");
                let trusted = Sandbox::new(&self.launcher, Settings { tier: Tier::Trusted, ..self.settings.clone() })?;
                Ok(Known::Makeshift(Instant::now(), Arc::new(trusted)))
            }
            (Err(error), _) => Err(error),
        }
    }

    /// The daemon that runs images, if there is to be one.
    pub fn oci(&self) -> Result<Arc<Oci>, CheckError> {
        let Some(socket) = &self.oci_socket else {
            return Err(unavailable(
                "It is an image, and nothing here runs one: name the socket of podman or Docker by `sandbox.oci_socket` in the configuration."
                    .to_owned(),
            ));
        };
        if let Some(known) = lock(&self.connected).now() {
            return known;
        }
        // Nothing is held while the daemon is asked, which may take its time.
        let connected = self.instance().and_then(|instance| Oci::connect(socket, &instance, self.images.clone()));
        let mut known = lock(&self.connected);
        if let Known::There(oci) = &*known {
            // Somebody else was quicker.
            return Ok(Arc::clone(oci));
        }
        let oci = match connected {
            Ok(oci) => Arc::new(oci),
            Err(error) => {
                let why = with_cause(&error);
                let error = unavailable(format!("Nothing here can run an image: {why}; see `sandbox.oci_socket` in the configuration."));
                *known = Known::Failed(Instant::now(), error.clone());
                return Err(error);
            }
        };
        *known = Known::There(Arc::clone(&oci));
        drop(known);
        if self.is_owner
            && let Err(error) = oci.sweep()
        {
            tracing::warn!("what an earlier process may have left is not removed: {error}");
        }
        Ok(oci)
    }

    /// Who we are among those that use the same daemon: the same for as long as there is the data directory, wherever it lies.
    fn instance(&self) -> sandbox::Result<String> {
        let mut instance = lock(&self.instance);
        if let Some(known) = &*instance {
            return Ok(known.clone());
        }
        let path = self.data_dir.join(INSTANCE);
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let written = written.trim();
        let is_one = written.len() == 32 && written.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let name = match (is_one, self.is_owner) {
            (true, _) => written.to_owned(),
            (false, false) => ONLOOKER.to_owned(),
            (false, true) => {
                let told = |source| sandbox::Error::Host { doing: "keep a name for ourselves in the data directory", source };
                let mut random = [0; 16];
                getrandom::fill(&mut random).map_err(|error| told(std::io::Error::other(error)))?;
                let name = format!("{:032x}", u128::from_be_bytes(random));
                let unfinished = path.with_extension("new");
                std::fs::write(&unfinished, format!("{name}\n")).and_then(|()| std::fs::rename(&unfinished, &path)).map_err(told)?;
                name
            }
        };
        Ok(instance.insert(name).clone())
    }

    /// Where a tool is on this host.
    pub fn locate(&self, tool: &Tool) -> Result<Located, Missing> {
        tools::locate(tool, &self.search_path, &self.settings.hidden)
    }

    /// Whether a tool is here, whatever its version.
    pub fn here(&self, tool: &Tool) -> Result<(), CheckError> {
        self.locate(tool).map(drop).map_err(|missing| absent(&missing))
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
        let known = lock(&self.versions).get(&program).and_then(|said| said.now(Instant::now()));
        let version = match known {
            Some(version) => version,
            None => {
                let answer = ask(&sandbox, tool, located)?;
                let version = answer.version.clone();
                lock(&self.versions).insert(program, Said { at: Instant::now(), answer });
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
                let (name, least, renewal) = (&tool.name, &tool.least, tool.renewal());
                let message = format!(
                    "`{name}` is here in version {version}, and {least} or later is needed: bring it up to date, such as by `{renewal}`."
                );
                Err(CheckError { code: ErrorCode::PluginOutdated, message })
            }
            Seen::Missing(missing) => Err(absent(&missing)),
            Seen::Unusable(_, error) => Err(error),
        }
    }
}

fn absent(missing: &Missing) -> CheckError {
    CheckError { code: ErrorCode::PluginMissing, message: format!("{missing}.") }
}

fn program(located: &Located) -> Program {
    let path = located.executable.clone();
    let (size, modified_ns) = std::fs::metadata(&path).map_or((0, (0, 0)), |meta| (meta.len(), (meta.mtime(), meta.mtime_nsec())));
    Program { path, size, modified_ns }
}

/// What a tool has said of its version, and when.
#[derive(Debug)]
struct Said {
    at: Instant,
    answer: Answer,
}

impl Said {
    /// What holds of it now: for as long as the program is the same, or for a while if it did not come to say it.
    fn now(&self, now: Instant) -> Option<Option<Version>> {
        let holds = self.answer.is_final || now.saturating_duration_since(self.at) < UNSAID_FOR;
        holds.then(|| self.answer.version.clone())
    }
}

/// What a tool says of its version.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    version: Option<Version>,
    /// Whether the same program would say the same again.
    is_final: bool,
}

/// What a tool says of its version, run as it will be. One that says nothing of use is taken as it is; one that cannot be run is not.
fn ask(sandbox: &Sandbox, tool: &Tool, located: &Located) -> Result<Answer, CheckError> {
    let mut argv = vec![located.executable.to_string_lossy().into_owned()];
    argv.extend(tool.version.iter().cloned());
    let command = Command { argv, env: super::check::environment(located, tool), roots: located.roots.clone(), ..Command::default() };
    let limits = Limits { wall: VERSION_PATIENCE, ..Limits::default() };
    match sandbox.run(&command, &limits, &mut std::iter::empty(), &|| false, &mut ()) {
        Ok(outcome) => Ok(answer(outcome.how, &outcome.stdout.text(), &outcome.stderr.text())),
        Err(error) if error.is_transient() => {
            tracing::warn!("`{}` cannot be asked for its version: {error}", tool.name);
            Ok(Answer { version: None, is_final: false })
        }
        Err(error) => Err(super::check::unstarted(&error)),
    }
}

/// What it means that it ended so and wrote this. One that was ended before it said anything may say it another time.
fn answer(how: How, stdout: &str, stderr: &str) -> Answer {
    let version = Version::find_in(stdout).or_else(|| Version::find_in(stderr));
    Answer { is_final: version.is_some() || matches!(how, How::Exited(_)), version }
}

/// An error and what is behind it.
fn with_cause(error: &sandbox::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
