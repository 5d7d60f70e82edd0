//! The tier `oci`: plugins that come as images, run by a daemon that speaks Docker's API (Docker itself, or podman).
//!
//! # How a run goes
//!
//! A container is made of the image with nothing that it could reach: no network, no capability, no way to gain one, a root that cannot be
//! written, the user [`UID`]. It may write in a few volumes of its own ([`Plugin`] says which); into them goes the tree, as a
//! stream of an archive that is made as it is sent (`tar`), so that no folder of the host is ever shown to it. Then it is started, what it
//! writes is passed on, its end awaited, and the one file it was to write is taken out, again as an archive. Whatever happened, it
//! is killed and removed, with its volumes. What an earlier process left behind the next one [sweeps](Oci::sweep) away: every container
//! carries our [`LABEL`], and which process it is of.
//!
//! # Images
//!
//! A reference such as `acme/lint:v1` means what its owner says today. So what it meant the first time is kept (by our caller) and asked
//! for from then on: see `image`. The name we give to an image that is pinned keeps it from being taken for litter; of those names a bounded
//! number is kept (`kept`).
//!
//! It is the daemon that fetches, with its own eyes on the network. Which registry it is sent to goes before
//! [`outbound`](crate::engine::outbound)'s guard first: whoever writes a manifest would else have it ask whatever listens in our own network.
//! What the guard cannot see is a name that means another address a moment later, and where a registry sends the daemon on to; who does not
//! trust the names of strangers that far keeps the daemon's own network from what it should not reach.
//!
//! # Secrets
//!
//! As with every run, what it is given as a secret is masked in all that comes out of it.
//!
//! # Bounds
//!
//! Of them all, the clock and what is written to the streams are kept by us; the others by cgroups where the daemon has them, and else
//! by limits of each process: see `bounds`, which says what is in force. What a daemon keeps of volumes has no bound but that of each file.
//!
//! bollard is named in this module alone, and runs on a runtime of its own: everybody else is plain.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use bollard::errors::Error as Refusal;
use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::runtime::{Builder, Runtime};

use super::{Error, File, Keeper, Limit, Limits, Outcome, Output, Result, Tier, Unread, Value};
use crate::base::secret::Secret;
use crate::engine::outbound::guard::Guard;

mod attempt;
mod bounds;
mod image;
mod kept;
mod probe;
mod tar;

pub use image::{Credentials, Image, Reference};

/// The user that everything in a container is run as and belongs to: part of Cocov's contract.
pub const UID: u32 = 1000;
/// What every container of ours carries, with whose it is.
pub const LABEL: &str = "io.plumbline.instance";
/// What it carries besides: which of the processes of that instance made it.
pub const PROCESS: &str = "io.plumbline.process";
/// The home of that user: part of Cocov's contract.
pub const HOME: &str = "/home/cocov";

/// How long a daemon may take to say that it is there.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long a plain request may take.
const REQUEST: Duration = Duration::from_secs(60);
/// How long one may take that has the daemon copy an image.
const COPYING: Duration = Duration::from_secs(300);
/// How long any request may take, those included that carry a tree.
const LONGEST_REQUEST: Duration = Duration::from_secs(900);
/// How much of what the daemon says is told on.
const SAID: usize = 500;

/// What the operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Registries, as `host` or `host:port`, that images are fetched from whatever their address is.
    pub allow_hosts: Vec<String>,
    /// The largest image that is run: 16 GiB.
    pub image_bytes: u64,
    /// How many images are kept once they were run: 50.
    pub kept_images: usize,
    /// How many bytes they may take together: 64 GiB. What two of them share counts twice.
    pub kept_bytes: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { allow_hosts: Vec::new(), image_bytes: 16 << 30, kept_images: 50, kept_bytes: 64 << 30 }
    }
}

/// A daemon that runs images.
#[derive(Debug)]
pub struct Oci {
    /// There until this is dropped.
    runtime: Option<Runtime>,
    docker: Docker,
    socket: PathBuf,
    instance: String,
    /// What no other process is called.
    process: String,
    settings: Settings,
    guard: Guard,
    has: bounds::Has,
    /// Which images were run last.
    used: Mutex<kept::Used>,
    turns: image::Turns,
    /// Held by whoever fetches an image. A daemon that is told to take another away meanwhile may take a layer of both.
    fetching: RwLock<()>,
}

/// A plugin that is an image: what it is given.
#[derive(Debug, Clone, Default)]
pub struct Plugin {
    /// The environment, beside what the image declares.
    pub env: BTreeMap<String, Value>,
    /// The folder that the tree is put in. It may write in it, and in the folder it is in.
    pub tree: String,
    /// The file that is taken out when it has ended. It may write in the folder it is in.
    pub output: String,
    /// Files with secrets; `~` is [`HOME`]. It may write in the folders they are in.
    pub secret_files: Vec<(String, Secret<String>)>,
}

impl Oci {
    /// Connects to the daemon that listens at a socket, on behalf of an `instance`: lower-case letters and digits.
    pub fn connect(socket: &Path, instance: &str, settings: Settings) -> Result<Oci> {
        let cannot = |why: String| Error::Daemon { socket: socket.to_owned(), doing: "answer", why };
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("oci").enable_io().enable_time().build();
        let runtime = runtime.map_err(Error::host("start a runtime"))?;
        let path = socket.to_str().ok_or_else(|| cannot("its path is not UTF-8".to_owned()))?;
        let docker =
            Docker::connect_with_unix(path, LONGEST_REQUEST.as_secs(), API_DEFAULT_VERSION).map_err(|error| cannot(said(&error)))?;
        let mut oci = Oci {
            runtime: Some(runtime),
            docker,
            socket: socket.to_owned(),
            instance: instance.to_owned(),
            process: random()?,
            guard: Guard::new(&settings.allow_hosts),
            settings,
            has: bounds::Has::default(),
            used: Mutex::default(),
            turns: image::Turns::default(),
            fetching: RwLock::default(),
        };
        oci.docker = oci.ask_within(CONNECTING, "answer", oci.docker.clone().negotiate_version())?;
        oci.has = bounds::Has::said(&oci.ask_within(CONNECTING, "say what it can do", oci.docker.info())?);
        Ok(oci)
    }

    /// What keeps each bound here.
    pub fn limits_in_force(&self) -> Vec<(Limit, Keeper)> {
        self.has.keepers()
    }

    /// Runs an image over the files of a tree, and answers when its container is gone.
    pub fn run(
        &self,
        image: &Image,
        plugin: &Plugin,
        limits: &Limits,
        files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>,
        cancel: &dyn Fn() -> bool,
        out: &mut dyn Output,
    ) -> Result<Outcome> {
        attempt::run(self, image, plugin, limits, files, cancel, out)
    }

    /// Removes containers that earlier processes of this instance left: nobody waits for them any more. There must be no other process of
    /// it that is alive.
    pub fn sweep(&self) -> Result<()> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{LABEL}={}", self.instance)])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let left = self.ask("list its containers", self.docker.list_containers(Some(options)))?;
        let is_own = |labels: &Option<HashMap<String, String>>| {
            labels.as_ref().and_then(|labels| labels.get(PROCESS)).is_some_and(|process| *process == self.process)
        };
        for id in left.into_iter().filter(|container| !is_own(&container.labels)).filter_map(|container| container.id) {
            tracing::info!("a container of ours was left behind and is removed");
            self.remove(&id);
        }
        Ok(())
    }

    /// Ends a container at once and removes it, with its volumes.
    fn remove(&self, id: &str) {
        let kill = bollard::query_parameters::KillContainerOptionsBuilder::default().signal("SIGKILL").build();
        // It may have ended by itself; and a removal by force alone would first ask it nicely.
        let _ = self.ask("kill a container", self.docker.kill_container(id, Some(kill)));
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        if let Err(error) = self.ask("remove a container", self.docker.remove_container(id, Some(options)))
            && !error.is_missing()
        {
            tracing::warn!("a container stays behind: {}", error.why);
        }
    }

    fn used(&self) -> std::sync::MutexGuard<'_, kept::Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a future on the runtime of its own.
    fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it is taken away only when all is dropped").block_on(future)
    }

    /// Waits for the answer to a request.
    fn ask<T>(&self, doing: &'static str, request: impl Future<Output = std::result::Result<T, Refusal>>) -> std::result::Result<T, No> {
        self.ask_within(REQUEST, doing, request)
    }

    /// Waits for the answer to a request that has the daemon copy an image.
    fn ask_long<T>(
        &self,
        doing: &'static str,
        request: impl Future<Output = std::result::Result<T, Refusal>>,
    ) -> std::result::Result<T, No> {
        self.ask_within(COPYING, doing, request)
    }

    fn ask_within<T>(
        &self,
        patience: Duration,
        doing: &'static str,
        request: impl Future<Output = std::result::Result<T, Refusal>>,
    ) -> std::result::Result<T, No> {
        let no = |status, why| No { socket: self.socket.clone(), doing, status, why };
        match self.wait(async { tokio::time::timeout(patience, request).await }) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(no(status(&error), said(&error))),
            Err(_) => Err(no(None, "it does not answer".to_owned())),
        }
    }
}

impl Drop for Oci {
    fn drop(&mut self) {
        // Waiting for its threads is not allowed where another runtime runs, and nobody needs it.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A word that nobody else comes upon.
fn random() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::host("have randomness")(std::io::Error::other(error.to_string())))?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}

/// The daemon does not do what it was asked.
#[derive(Debug)]
struct No {
    socket: PathBuf,
    doing: &'static str,
    /// `None` where there was no answer, or none that is one.
    status: Option<u16>,
    why: String,
}

impl No {
    /// Whether what was spoken of is not there.
    fn is_missing(&self) -> bool {
        self.status == Some(404)
    }
}

impl From<No> for Error {
    fn from(no: No) -> Error {
        Error::Daemon { socket: no.socket, doing: no.doing, why: no.why }
    }
}

fn status(error: &Refusal) -> Option<u16> {
    match error {
        Refusal::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// What an error says, on one line, and why if it keeps that for itself.
fn said(error: &Refusal) -> String {
    let mut text = match error {
        Refusal::DockerResponseServerError { message, .. } => message.clone(),
        Refusal::DockerStreamError { error } => error.clone(),
        other => other.to_string(),
    };
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    crate::base::text::clip(&crate::base::text::quiet(&text), SAID).into_owned()
}

/// The tier of these runs.
const TIER: Tier = Tier::Oci;
