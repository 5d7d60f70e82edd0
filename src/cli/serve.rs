//! `plumbline serve`: the appliance. Builds it, starts HTTP, the workers and the ticker, and stops them in order.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use tokio::net::TcpListener;

use super::{Error, Result, progress};
use crate::app::config::{Config, LogFormat, LogLevel, listen_address};
use crate::app::runner::Runner;
use crate::app::ticker::Ticker;
use crate::app::{App, StartError};
use crate::base::event::Actor;
use crate::base::id::Ids;
use crate::base::name::RepoSlug;
use crate::base::time::Clock;
use crate::domain::accounts::{self, InstanceRole, Plain};
use crate::domain::repos::{self, BadgeKey, NewRepository, RepoSource, Repository};
use crate::engine::git::Source;
use crate::{http, ui};

/// How long a stop waits for requests that are under way.
const DRAIN: Duration = Duration::from_secs(10);
/// How long a stop waits for work that is under way, requests being done.
const SETTLE: Duration = Duration::from_secs(5);
/// The login of the first administrator.
const FIRST_LOGIN: &str = "admin";

/// What `plumbline serve` is asked.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The address to serve at; port 0 takes a free one
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    listen: Option<SocketAddr>,
    /// A second address, for badges and health alone
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    public_listen: Option<SocketAddr>,
    /// A repository to add, fetch and check: a path or an http(s) address; may be repeated
    #[arg(long = "repo", value_name = "PATH_OR_URL")]
    repos: Vec<Source>,
    /// Prints the configuration and ends
    #[arg(long)]
    print_config: bool,
}

impl Args {
    /// The flags that are keys of the configuration.
    pub(super) fn flags(&self) -> std::collections::BTreeMap<&'static str, String> {
        let flags = [("listen", self.listen), ("public_listen", self.public_listen)];
        flags.into_iter().filter_map(|(key, value)| Some((key, value?.to_string()))).collect()
    }
}

/// Serves until told to stop.
pub fn run(args: &Args, config: Config) -> Result<ExitCode> {
    if args.print_config {
        super::say(&config.print());
        return Ok(ExitCode::SUCCESS);
    }
    super::owner::become_owner(&config.data_dir)?;
    log_to_stderr(&config);
    allow_open_files(config.limits.connections);
    close_memory();
    let sources = args.repos.iter().map(|repo| source(repo, &config.data_dir)).collect::<Result<Vec<_>>>()?;
    let app = App::open(config, Clock::System, Ids::system()).map_err(|error| match error {
        StartError::Store(error) => Error::because("cannot open the store", error),
        other => Error::because("cannot start", other),
    })?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::because("cannot start the async runtime", error))?;
    runtime.block_on(serve(app, sources))?;
    // Connections that outlast the drain are dropped with it.
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok(ExitCode::SUCCESS)
}

/// How many files the process may have open besides its connections.
const FILES_BESIDES: u64 = 200;

/// Takes all the open files that the host grants: each connection is one, and the store must not go short for them.
fn allow_open_files(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::warn!("the limit of open files cannot be raised: {error}");
    }
    if let Some(most) = maximum.filter(|most| *most < connections as u64 + FILES_BESIDES) {
        tracing::warn!("this process may have {most} files open, too few for {connections} connections; lower `limits.connections`");
    }
}

/// Keeps what is in memory, where keys and secrets are, out of dumps and from the user's other processes. What is started from here has
/// a memory of its own, to which this does not pass.
fn close_memory() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    // One byte: at zero, the kernel still hands a dump to a program that collects them.
    let none = Rlimit { current: Some(1), maximum: Some(1) };
    let closed = setrlimit(Resource::Core, none).and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable));
    if let Err(error) = closed {
        tracing::warn!("the memory of this process cannot be closed to others: {error}");
    }
}

fn log_to_stderr(config: &Config) {
    use tracing_subscriber::filter::LevelFilter;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::util::SubscriberInitExt;
    use tracing_subscriber::{Layer, fmt};

    let level = match config.log {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    // Others' libraries are heard from warnings on; ours as configured.
    let filter = tracing_subscriber::filter::Targets::new().with_default(LevelFilter::WARN.min(level)).with_target("plumbline", level);
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let layer = match config.log_format {
        LogFormat::Text => fmt::layer().with_writer(std::io::stderr).with_ansi(is_terminal).with_target(false).boxed(),
        LogFormat::Json => fmt::layer().json().with_writer(std::io::stderr).boxed(),
    };
    // A second start in one process, as tests make it, keeps the first.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
}

/// What `--repo` names, with a path made absolute so that it stays true. The appliance's own data is no repository of anybody's.
fn source(repo: &Source, data: &Path) -> Result<Source> {
    match repo {
        Source::Path(path) => {
            let real =
                path.canonicalize().map_err(|error| Error::because(format!("--repo `{}` cannot be found", path.display()), error))?;
            if data.canonicalize().is_ok_and(|data| real.starts_with(data)) {
                return Err(Error::new(format!("--repo `{}` is in the appliance's own data: name a repository elsewhere", real.display())));
            }
            Ok(Source::Path(real))
        }
        Source::Http(url) => Ok(Source::Http(url.clone())),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        let mend = if error.kind() == std::io::ErrorKind::AddrInUse {
            "; another process has it: stop that, or name another with --listen"
        } else {
            ""
        };
        Error::because(format!("cannot listen on {address}{mend}"), error)
    })
}

/// The host's own socket, which its owner alone may open.
fn bind_host(app: &App) -> Result<tokio::net::UnixListener> {
    use std::os::unix::fs::PermissionsExt;

    let path = app.config.data_dir.join("admin.sock");
    let failed = |error| Error::because(format!("cannot listen at `{}`", path.display()), error);
    // One that an earlier process left: the store's lock says that none is alive.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = tokio::net::UnixListener::bind(&path).map_err(failed)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

async fn serve(app: App, sources: Vec<Source>) -> Result<()> {
    let listener = bind(app.config.listen).await?;
    let address = listener.local_addr().map_err(|error| Error::because("the listener has no address", error))?;
    app.listens_at(address);
    let mut servers = tokio::task::JoinSet::new();
    if let Some(public) = app.config.public_listen {
        let listener = bind(public).await?;
        servers.spawn(http::serve(app.clone(), http::public_router(&app), listener));
    }
    if let Some(address) = app.config.metrics_listen {
        let listener = bind(address).await?;
        servers.spawn(http::serve(app.clone(), http::metrics_router(&app), listener));
    }
    servers.spawn(http::host::serve(app.clone(), ui::router(&app), bind_host(&app)?));
    super::say(&format!("listening on http://{address}\n"));
    servers.spawn(http::serve(app.clone(), ui::router(&app), listener));

    let runner = Runner::start(&app).map_err(|error| Error::because("cannot start the workers", error))?;
    let ticker = Ticker::start(&app).await.map_err(|error| Error::because("cannot start the ticker", error))?;
    // Once all are greeted, that branch is done with, and what ends it is one of the others. Signals are heard in this one place.
    // They are heard before anybody is greeted, who may say at once that it is to stop.
    let outcome = tokio::select! {
        biased;
        () = told_to_stop() => Ok(()),
        Err(error) = attend(&app, sources) => Err(error),
        () = app.stopping() => Ok(()),
        Some(ended) = servers.join_next() => ended_early(ended),
    };
    app.stop();
    // Nobody is to find a socket that nobody serves.
    let _ = std::fs::remove_file(app.config.data_dir.join("admin.sock"));
    ticker.stop().await;
    // What is under way is finished; a client that does not read is not waited for for ever.
    let drained = tokio::time::timeout(DRAIN, async { while servers.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("some requests were still under way after {} s and were dropped", DRAIN.as_secs());
    }
    // A fetch may wait for a host that does not answer, for half an hour. What is not finished begins anew at the next start.
    let held = runner.held();
    match tokio::time::timeout(SETTLE, tokio::task::spawn_blocking(move || runner.stop())).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => tracing::error!("a worker could not be stopped"),
        Err(_) => {
            tracing::warn!("some work was still under way after {} s; it begins anew at the next start", SETTLE.as_secs());
            let _ = tokio::task::spawn_blocking(move || held.release(&app)).await;
        }
    }
    outcome
}

fn ended_early(ended: std::result::Result<std::io::Result<()>, tokio::task::JoinError>) -> Result<()> {
    match ended {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Error::because("the server stopped", error)),
        Err(error) => Err(Error::because("the server stopped", error)),
    }
}

/// Waits for SIGTERM or SIGINT.
async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::warn!("signals cannot be heard; only a kill will stop this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("stopping");
}

/// Greets whoever started it, and adds what it was started with.
async fn attend(app: &App, sources: Vec<Source>) -> Result<()> {
    // A first fetch may take as long as its host likes: whoever waits for it can sign in meanwhile.
    if let Some(link) = first_link(app).await? {
        super::say(&format!("sign in as {FIRST_LOGIN} (once, within 30 minutes): {link}\n"));
    }
    for source in sources {
        // Before it is asked for: the fetch may be over before anybody looks.
        let asked_at = app.clock.now();
        let repo = register(app, &source).await?;
        match progress::follow(app, &repo, asked_at).await {
            Ok(lines) => lines.iter().for_each(|line| super::say(&format!("{line}\n"))),
            // It may be there again in a minute: the others are served meanwhile, and the next poll looks.
            Err(error) => super::complain(&error),
        }
    }
    Ok(())
}

/// Makes the first administrator, and a link that signs them in; `None` once somebody has signed in.
async fn first_link(app: &App) -> Result<Option<String>> {
    let plain = Plain::session();
    let secret = plain.hashed();
    let is_open = app
        .write(&Actor::Host, move |tx, now| -> accounts::Result<bool> {
            let user = if accounts::is_fresh(tx)? {
                accounts::create_user(tx, FIRST_LOGIN, InstanceRole::Admin, now)?
            } else {
                match accounts::find_user(tx, FIRST_LOGIN) {
                    // Nobody used the link of an earlier start.
                    Ok(user) if user.last_seen_at.is_none() => user,
                    _ => return Ok(false),
                }
            };
            accounts::open_link(tx, user.id, secret, now)?;
            Ok(true)
        })
        .await
        .map_err(|error| Error::because("cannot make the first administrator", error))?;
    Ok(is_open.then(|| format!("{}/link/{}", app.public_url(), plain.expose())))
}

/// Adds what `--repo` names, unless it is known already; either way it is fetched now.
async fn register(app: &App, source: &Source) -> Result<Repository> {
    let (kind, remote) = match source {
        Source::Path(path) => (RepoSource::Local, path.display().to_string()),
        Source::Http(url) => (RepoSource::Git, url.clone()),
    };
    if let Source::Path(path) = source {
        app.allow_root(path.clone());
    }
    let wanted = http::repos::create::name_of(&remote);
    let slug = RepoSlug::local(&wanted).map_err(|error| Error::because(format!("`{remote}` gives no name for a repository"), error))?;
    // Who starts the process may have it ask any host.
    let is_trusted =
        http::repos::create::is_guarded(app, source).await.map_err(|error| Error::because("cannot look the host up", error))?;
    let badge_key = BadgeKey::random();
    app.write(&Actor::Host, move |tx, now| -> repos::Result<Repository> {
        if let Some(known) = repos::find_by_remote(tx, &remote)? {
            repos::request_sync(tx, known.id, now)?;
            return Ok(known);
        }
        // Another folder of the same name gets a number.
        let mut free = slug.clone();
        for n in 2.. {
            match repos::find(tx, &free) {
                Err(repos::Error::NotFound { .. }) => break,
                Ok(_) => free = RepoSlug::local(&format!("{}-{n}", slug.name()))?,
                Err(error) => return Err(error),
            }
        }
        let (remote, badge_key) = (remote.clone(), badge_key.clone());
        repos::add(tx, NewRepository { slug: free, source: kind, remote, is_trusted, badge_key, owner: None }, now)
    })
    .await
    .map_err(|error| Error::because("cannot add the repository", error))
}
