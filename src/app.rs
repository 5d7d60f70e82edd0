//! The handle and the wheels: one value through which everything is reached, and what drives the work.
//!
//! [`App`] is a cheaply cloned handle over a struct of documented fields; nothing is global. It is the one bridge between the async rim
//! and the plain inside: [`App::write`] hands a verb to the store's writer thread and awaits its answer, [`App::read`] runs on a thread
//! that may block. What a verb recorded is followed here, in the same transaction, by what [`reactions`] says.
//!
//! Committed events are broadcast: pages that are open hear of them, workers wake, attempts that were canceled are told.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::sync::broadcast;

use crate::base::event::{Actor, Event, Recorded};
use crate::base::id::{AttemptId, Ids, RepoId};
use crate::base::time::{Clock, Timestamp};
use crate::domain::github::Hub;
use crate::domain::search::SearchIndex;
use crate::domain::secrets;
use crate::engine::git::{self, Mirror};
use crate::engine::outbound;
use crate::engine::queue;
use crate::engine::store::{self, Blobs, ReadTx, Store, WriteTx};
use crate::engine::vault::Vault;

pub mod abroad;
pub mod adding;
pub mod admission;
pub mod check;
pub mod config;
pub mod deliveries;
pub mod github;
pub mod guesses;
pub mod health;
pub mod indexing;
pub mod issuers;
pub mod live;
pub mod measures;
pub mod passwords;
pub mod people;
pub mod presses;
pub mod pulls;
pub mod rates;
pub mod reactions;
pub mod receiving;
pub mod regenerate;
pub mod repeat;
pub mod rewrap;
pub mod runner;
pub mod sandboxes;
pub mod schema;
pub mod streams;
pub mod sweep;
pub mod sync;
pub mod ticker;
pub mod tools;
pub mod trail;
pub mod upkeep;
pub mod usage;

use config::Config;
use live::LiveLogs;
use repeat::Behalf;

/// How many events a slow listener may fall behind before it is told to read everything anew.
const EVENTS_KEPT: usize = 1_024;

/// The handle: clone it freely.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What the handle holds.
pub struct Inner {
    /// The configuration, built once.
    pub config: Config,
    /// The only source of now.
    pub clock: Clock,
    /// Everything that is a row.
    pub store: Store,
    /// Everything that is too large for one.
    pub blobs: Blobs,
    /// What is searched; derived from the store.
    pub index: SearchIndex,
    /// What seals and opens secrets. Shared, since verbs take it along to where they are carried out.
    pub vault: Arc<Vault>,
    /// Requests to other machines.
    pub outbound: outbound::Client,
    /// What all who ask GitHub share.
    pub hub: Hub,
    /// What waits until GitHub is back.
    pub away: runner::Away,
    /// The logs of what is running.
    pub live: LiveLogs,
    /// Whose turn it is to exchange the vault's key.
    pub rotating: Arc<tokio::sync::Mutex<()>>,
    /// Who is about to name rows that nothing names yet.
    pub staging: sweep::Staging,
    /// Where programs of others run.
    pub sandboxes: sandboxes::Sandboxes,
    /// How many of those programs run at once.
    pub admission: admission::Admission,
    /// How many checks judge in this process at once.
    pub judging: admission::Admission,
    /// The streams of events that are open.
    pub streams: streams::Streams,
    /// The requests with an idempotency key that are being carried out.
    pub under_way: repeat::UnderWay,
    /// Where passwords are hashed.
    pub passwords: passwords::Passwords,
    /// The tries at passwords that were wrong.
    pub guesses: guesses::Guesses,
    /// The browsers that were sent to GitHub.
    pub abroad: abroad::Abroad,
    /// How many requests there were of late, by address and by caller.
    pub rates: rates::RequestRates,
    /// How many refusals have entries in the trail of late.
    pub refusals: trail::Refusals,
    /// A proxy in front that `trusted_proxies` does not name, once one was seen.
    pub unnamed_proxy: OnceLock<IpAddr>,
    /// Whose tokens say of which repository a workload is, and their keys.
    pub issuers: issuers::Issuers,
    /// Room for large deliveries.
    pub receiving: receiving::Receiving,
    /// When the process began.
    pub started_at: Timestamp,
    /// What is counted for `/metrics`.
    pub measures: Arc<measures::Measures>,
    /// Where the mirrors are.
    pub mirrors: PathBuf,
    /// Rouses workers.
    pub wake: runner::Wake,
    events: broadcast::Sender<Recorded>,
    cancels: Arc<Cancels>,
    stop: tokio::sync::watch::Sender<bool>,
    /// What is only known once the appliance listens: where people reach it, and the folders that flags named.
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    public_url: Option<String>,
    roots: Vec<PathBuf>,
}

impl std::ops::Deref for App {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// Why the appliance cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is data of a store that is not there.
    #[error(
        "`{}` is missing or empty, but `{}` holds data that belongs to it; put a backup of the file in its place, or name another data directory with --data to begin anew",
        path.display(), beside.display()
    )]
    Lost {
        /// The store.
        path: PathBuf,
        /// What is there without it.
        beside: PathBuf,
    },
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Outbound(#[from] outbound::Error),
    /// A folder cannot be made.
    #[error("cannot make `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl App {
    /// Opens the appliance over its data directory: creates what is missing, brings the store to this binary's schema, and takes back
    /// the work that an earlier process was at.
    pub fn open(config: Config, clock: Clock, ids: Ids) -> Result<App, StartError> {
        let data = config.data_dir.clone();
        make_private(&data)?;
        make_private(&data.join("live"))?;
        make_private(&data.join("repos"))?;
        make_private(&data.join("index"))?;
        let path = data.join("store.redb");
        refuse_lost_store(&data, &path)?;
        let blobs = Blobs::open(&data.join("blobs"))?;
        let index = SearchIndex::in_directory(data.join("index"));
        let key_file = config.vault_key_file.clone();
        let open = |listener| Store::open(&path, schema::schema(), ids, listener);
        let app = App::build_with(config, clock, blobs, index, open, |store| open_vault(store, key_file))?;
        app.recover()?;
        Ok(app)
    }

    /// An appliance whose rows live in memory, over a directory for the rest that the caller removes: for one run of checks in a terminal.
    pub fn in_memory(config: Config, clock: Clock, ids: Ids) -> Result<App, StartError> {
        let data = config.data_dir.clone();
        make_private(&data.join("live"))?;
        let blobs = Blobs::fleeting(&data.join("blobs"))?;
        App::build(config, clock, blobs, SearchIndex::in_memory(), |listener| Store::in_memory(schema::schema(), ids, listener))
    }

    /// An appliance over any store, such as one on a disk that fails; the key of its vault is in memory alone.
    pub fn build(
        config: Config,
        clock: Clock,
        blobs: Blobs,
        index: SearchIndex,
        open: impl FnOnce(store::Listener) -> store::Result<Store>,
    ) -> Result<App, StartError> {
        App::build_with(config, clock, blobs, index, open, |_| Ok(Vault::fleeting()))
    }

    fn build_with(
        config: Config,
        clock: Clock,
        blobs: Blobs,
        index: SearchIndex,
        open: impl FnOnce(store::Listener) -> store::Result<Store>,
        vault: impl FnOnce(&Store) -> Result<Vault, store::Error>,
    ) -> Result<App, StartError> {
        let (events, _) = broadcast::channel(EVENTS_KEPT);
        let cancels = Arc::new(Cancels::default());
        let measures = Arc::new(measures::Measures::default());
        let (told, canceled, counted) = (events.clone(), Arc::clone(&cancels), Arc::clone(&measures));
        let store = open(Box::new(move |recorded| {
            for event in recorded {
                counted.hear(&event.event);
                match &event.event {
                    Event::CheckSetCanceled { attempt, .. } => canceled.trip(|_, of| of == Some(*attempt)),
                    Event::RepositoryDeleted { repo, .. } | Event::RepositoryWithdrawn { repo, .. } => canceled.trip(|of, _| of == *repo),
                    _ => {}
                }
                // Nobody may be listening.
                let _ = told.send(event.clone());
            }
        }))?;
        let vault = Arc::new(vault(&store)?);
        let outbound = outbound::Client::new(&config.outbound())?;
        let hub = Hub::new(&config.github, &outbound, clock.clone())?;
        let live = LiveLogs::in_directory(config.data_dir.join("live"));
        let mirrors = config.data_dir.join("repos");
        let wake = runner::Wake::default();
        let (stop, _) = tokio::sync::watch::channel(false);
        let found = Mutex::default();
        let staging = sweep::Staging::default();
        let sandboxes = sandboxes::Sandboxes::new(&config);
        let admission = admission::Admission::new(config.parallel, config.memory);
        let judging = admission::Admission::new(admission::usual(), u64::MAX);
        let (streams, under_way) = (streams::Streams::default(), repeat::UnderWay::default());
        let (passwords, guesses) = (passwords::Passwords::default(), guesses::Guesses::default());
        let (rates, refusals) = (rates::RequestRates::new(&config.limits), trail::Refusals::default());
        let issuers = issuers::Issuers::new(&config.oidc_issuers);
        let receiving = receiving::Receiving::default();
        let started_at = clock.now();
        Ok(App(Arc::new(Inner {
            config,
            clock,
            store,
            blobs,
            index,
            vault,
            outbound,
            away: runner::Away::default(),
            hub,
            live,
            rotating: Arc::default(),
            staging,
            sandboxes,
            admission,
            judging,
            streams,
            under_way,
            passwords,
            guesses,
            abroad: abroad::Abroad::default(),
            rates,
            refusals,
            unnamed_proxy: OnceLock::new(),
            issuers,
            receiving,
            started_at,
            measures,
            mirrors,
            wake,
            events,
            cancels,
            stop,
            found,
        })))
    }

    /// Takes back the work of an earlier process, and clears away what it left half-written.
    fn recover(&self) -> Result<(), StartError> {
        const AT_A_TIME: usize = 200;
        while self.write_now(&Actor::System, |tx, now| queue::recover(tx, AT_A_TIME, now))? == AT_A_TIME {}
        self.live.sweep();
        self.sandboxes.sweep();
        Ok(())
    }

    /// Carries out a verb and returns once what it wrote, what it recorded and what follows from that are durable.
    pub fn write_now<T, E>(&self, actor: &Actor, verb: impl Fn(&mut WriteTx, Timestamp) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        let out = tracing::trace_span!("write").in_scope(|| self.store.write(followed(self.clock.clone(), actor.into(), verb)));
        self.wake.rouse();
        out
    }

    /// [`App::write_now`] for async callers. If it is on behalf of a request that is to be carried out once, that it was is part of what
    /// is written.
    pub async fn write<T, E>(
        &self,
        behalf: impl Into<Behalf>,
        verb: impl Fn(&mut WriteTx, Timestamp) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let app = self.clone();
        self.store.submit(followed(self.clock.clone(), behalf.into(), verb), move |result| {
            app.wake.rouse();
            // Whoever is answered may close the store at once, and finds nobody here who still holds it.
            drop(app);
            // A caller that went away does not undo what was written.
            let _ = answer.send(result);
        });
        answered.await.unwrap_or_else(|_| Err(E::from(store::Error::Stopped)))
    }

    /// Reads one moment of the store.
    pub fn read_now<T, E: From<store::Error>>(&self, read: impl FnOnce(&ReadTx, Timestamp) -> Result<T, E>) -> Result<T, E> {
        let _span = tracing::trace_span!("read").entered();
        read(&self.store.read()?, self.clock.now())
    }

    /// [`App::read_now`] for async callers, on a thread that may block.
    pub async fn read<T, E>(&self, read: impl FnOnce(&ReadTx, Timestamp) -> Result<T, E> + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<store::Error> + Send + 'static,
    {
        let app = self.clone();
        self.blocking(move || app.read_now(read)).await?
    }

    /// Runs what blocks (git, files, search) on a thread that may; a panic there is an error here.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, store::Error> {
        tokio::task::spawn_blocking(work).await.map_err(|error| store::Error::Panicked { message: error.to_string() })
    }

    /// What is committed from now on.
    pub fn listen(&self) -> broadcast::Receiver<Recorded> {
        self.events.subscribe()
    }

    /// The mirror of a repository, to read; there is none before the first fetch, and none once the repository was deleted.
    pub fn mirror(&self, repo: RepoId) -> git::Result<Mirror> {
        Mirror::open_existing(&self.mirror_dir(repo), self.config.git.clone())
    }

    /// The mirror of a repository, to fetch into; made if it is not there.
    pub fn mirror_to_fill(&self, repo: RepoId) -> git::Result<Mirror> {
        Mirror::open(&self.mirror_dir(repo), self.config.git.clone())
    }

    /// Where the mirror of a repository is.
    pub fn mirror_dir(&self, repo: RepoId) -> PathBuf {
        self.mirrors.join(format!("{repo}.git"))
    }

    /// Where people reach the appliance, without a slash at the end.
    pub fn public_url(&self) -> String {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).public_url.clone();
        self.config.public_url.clone().or(found).unwrap_or_else(|| format!("http://{}", self.config.listen))
    }

    /// Says at which address it listens, which is where people reach it unless the configuration says otherwise.
    pub fn listens_at(&self, address: std::net::SocketAddr) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).public_url = Some(format!("http://{address}"));
    }

    /// The folders beneath which repositories may be added by path.
    pub fn local_roots(&self) -> Vec<PathBuf> {
        let mut roots = self.config.local_roots.clone();
        roots.extend(self.found.lock().unwrap_or_else(PoisonError::into_inner).roots.iter().cloned());
        roots
    }

    /// Adds a folder beneath which repositories may be added by path, for as long as the process runs.
    pub fn allow_root(&self, root: PathBuf) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).roots.push(root);
    }

    /// Asks for the search index to be fed.
    pub fn request_indexing(&self) -> store::Result<()> {
        self.write_now(&Actor::System, |tx, now| tx.record(Event::IssuesChanged, now))
    }

    /// Tells whatever waits on the appliance that it stops.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the appliance stops.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut stop = self.stop.subscribe();
        async move {
            // The sender lives as long as the appliance; that it is gone means the same.
            let _ = stop.wait_for(|stopped| *stopped).await;
        }
    }

    /// A token that is tripped when the repository is deleted or, where it is for an attempt at its checks, when that is canceled.
    pub fn cancel_token(&self, repo: RepoId, attempt: Option<AttemptId>) -> CancelToken {
        self.cancels.token(repo, attempt)
    }
}

/// A verb, and after it what follows from the events it recorded: work, and what the trail says of them.
fn followed<T, E: From<store::Error>>(
    clock: Clock,
    behalf: Behalf,
    verb: impl Fn(&mut WriteTx, Timestamp) -> Result<T, E> + Send + 'static,
) -> impl Fn(&mut WriteTx) -> Result<T, E> + Send + 'static {
    move |tx| {
        let now = clock.now();
        tx.act_for(behalf.actor.clone());
        let out = verb(tx, now)?;
        if let Some(once) = &behalf.once {
            repeat::carried_out(tx, once, now)?;
        }
        let mut followed = 0;
        // What is pushed may itself record: the queue tells of work that was given up.
        while let Some(recorded) = tx.recorded_events().get(followed).cloned() {
            followed += 1;
            for next in reactions::follow(&recorded.event) {
                let due_at = next.due_at(now);
                queue::push(tx, next.work, due_at, now)?;
            }
            trail::follow(tx, &recorded, now)?;
        }
        Ok(out)
    }
}

/// Opens the vault of a store. A key file that is not as it should be is told of, and is no reason not to start: what needs no secret goes
/// on.
fn open_vault(store: &Store, key_file: PathBuf) -> Result<Vault, store::Error> {
    let present = secrets::present(&store.read()?)?;
    let vault = Vault::at(key_file, present);
    if let Some(fault) = vault.fault() {
        tracing::error!("no secret can be set or opened: {fault}");
    }
    Ok(vault)
}

fn make_private(dir: &std::path::Path) -> Result<(), StartError> {
    use std::os::unix::fs::DirBuilderExt;

    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| StartError::Folder { path: dir.to_owned(), source })
}

/// Refuses to begin a new store where an old one was lost: everything would seem to be gone, and the first sweep would have it gone.
fn refuse_lost_store(data: &std::path::Path, path: &std::path::Path) -> Result<(), StartError> {
    if std::fs::symlink_metadata(path).is_ok_and(|meta| meta.len() > 0) {
        return Ok(());
    }
    let names = |dir: &std::path::Path| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    // The folders of blobs are made before the store is: one that was killed early has them, and nothing in them.
    let mirror = names(&data.join("repos")).find(|path| path.extension().is_some_and(|extension| extension == "git"));
    let blob = || {
        let folders = names(&data.join("blobs")).filter(|folder| !folder.ends_with("part"));
        folders.flat_map(|folder| names(&folder).collect::<Vec<_>>()).next()
    };
    match mirror.or_else(blob) {
        Some(beside) => Err(StartError::Lost { path: path.to_owned(), beside }),
        None => Ok(()),
    }
}

/// Says whether an attempt is to stop.
#[derive(Debug, Clone, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Whether it is to stop.
    pub fn is_tripped(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for an engine that looks at it.
    pub fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Tells it to stop.
    pub fn trip(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The tokens of what is at work, each with the repository and the attempt at its checks that it is about.
#[derive(Debug, Default)]
struct Cancels {
    tokens: Mutex<Vec<Handed>>,
}

/// A token that was handed out.
#[derive(Debug)]
struct Handed {
    repo: RepoId,
    attempt: Option<AttemptId>,
    flag: std::sync::Weak<AtomicBool>,
}

impl Cancels {
    fn token(&self, repo: RepoId, attempt: Option<AttemptId>) -> CancelToken {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.retain(|handed| handed.flag.strong_count() > 0);
        let token = CancelToken::default();
        tokens.push(Handed { repo, attempt, flag: Arc::downgrade(&token.0) });
        token
    }

    fn trip(&self, is_meant: impl Fn(RepoId, Option<AttemptId>) -> bool) {
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let meant = tokens.iter().filter(|handed| is_meant(handed.repo, handed.attempt));
        for flag in meant.filter_map(|handed| handed.flag.upgrade()) {
            flag.store(true, Ordering::Relaxed);
        }
    }
}
