//! The configuration: typed, built once, every key documented here.
//!
//! Defaults, then a file, then the environment, then flags; the later wins. A key that is not known is an error that names the nearest
//! one that is. [`KEYS`] is the list: the README's table is held against it by a test, and `serve --print-config` prints by it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::admission;
use crate::base::network::Network;
use crate::base::secret::Secret;
use crate::base::text::nearest;
use crate::domain::accounts::SessionLimits;
use crate::domain::admin::Intervals;
use crate::domain::checks::catalogue;
use crate::domain::github::{self, Given};
use crate::domain::repos::manifest::MAX_TIMEOUT;
use crate::domain::settings::{AddRepos, STATUS_CONTEXT, Settings, organizations, status_context};
use crate::engine::sandbox::Tier;
use crate::engine::{git, outbound};
use crate::words;

mod keys;
mod values;

pub use keys::{KEYS, Key};
pub use values::listen_address;
use values::{DAY, audience, base, count, host_memory, issuer, long_span, memory, number, pace, path, socket, span, span_text, url};

words! {
    /// How the log is written.
    pub enum LogFormat: "log format" {
        /// For people.
        Text = "text",
        /// For programs: one JSON object a line.
        Json = "json",
    }
}

words! {
    /// How much is logged.
    pub enum LogLevel: "log level" {
        /// What failed.
        Error = "error",
        /// What may need somebody.
        Warn = "warn",
        /// What happened.
        Info = "info",
        /// How it happened.
        Debug = "debug",
    }
}

/// What others may cost us at the rim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections at a time.
    pub connections: usize,
    /// The most streams of events at a time.
    pub streams: usize,
    /// The most streams of events at a time for one caller.
    pub streams_per_caller: usize,
    /// The most requests a minute from one address.
    pub requests_per_address: u32,
    /// The most requests a minute of one caller.
    pub requests_per_caller: u32,
    /// How long the head of a request may take, and how long a connection is kept for a next one.
    pub head_timeout: Duration,
    /// How long the next part of a body may take.
    pub body_timeout: Duration,
    /// How long a body that is held in memory may take in all.
    pub whole_body_timeout: Duration,
    /// How long a client may leave unread what it was answered.
    pub write_timeout: Duration,
    /// How often whoever listens to a stream is looked up again.
    pub look_again: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 1_000,
            streams: 400,
            streams_per_caller: 20,
            requests_per_address: 3_000,
            requests_per_caller: 6_000,
            head_timeout: Duration::from_secs(20),
            body_timeout: Duration::from_secs(15),
            whole_body_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            look_again: Duration::from_secs(5),
        }
    }
}

/// Who signs the tokens of GitHub's own automation.
const GITHUB_ACTIONS: &str = "https://token.actions.githubusercontent.com";
/// The most issuers whose tokens are taken.
const MOST_ISSUERS: usize = 16;

/// Where the vault's keys are, in the data directory, unless something else is said.
const KEY_FILE: &str = "vault.key";

/// The configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where everything is kept.
    pub data_dir: PathBuf,
    /// Where pages and API are served.
    pub listen: SocketAddr,
    /// A second address, for what strangers may ask alone.
    pub public_listen: Option<SocketAddr>,
    /// How people reach it, without a slash at the end; `None` is the address listened on.
    pub public_url: Option<String>,
    /// Whether people on other machines may sign in over plain http.
    pub insecure_http: bool,
    /// How long people stay signed in.
    pub sessions: SessionLimits,
    /// The networks of the proxies in front.
    pub trusted_proxies: Vec<Network>,
    /// Where measures are served to whoever asks.
    pub metrics_listen: Option<SocketAddr>,
    /// Folders beneath which repositories may be added by path.
    pub local_roots: Vec<PathBuf>,
    /// How often repositories are asked for new commits.
    pub poll_interval: Duration,
    /// How much of a repository is taken, and for how long. Not a key.
    pub git: git::Limits,
    /// The least that keeps a check's process apart from the host.
    pub min_tier: Tier,
    /// Where a daemon listens that runs images.
    pub oci_socket: Option<PathBuf>,
    /// How many processes of checks run at once.
    pub parallel: usize,
    /// How many bytes of memory they are promised together.
    pub memory: u64,
    /// How long a check may take at most, whatever its manifest says.
    pub max_timeout: Duration,
    /// Tools that run where no manifest says what to run, if they are installed.
    pub default_tools: Vec<String>,
    /// Our own binary, which sandboxes begin with. Not a key.
    pub launcher: PathBuf,
    /// Where tools are looked for: the `PATH` of the environment. Not a key.
    pub search_path: OsString,
    /// The file with the keys of the vault.
    pub vault_key_file: PathBuf,
    /// Hosts that are spoken to although their address is private.
    pub allow_hosts: Vec<String>,
    /// Certificates of the authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Whose tokens say which repository a run of a forge's automation is of.
    pub oidc_issuers: Vec<String>,
    /// An audience that such tokens may have, beside the address by which people reach the instance.
    pub oidc_audience: Option<String>,
    /// What is said of the App on GitHub.
    pub github: github::Configured,
    /// What others may cost us at the rim.
    pub limits: Limits,
    /// How much is logged.
    pub log: LogLevel,
    /// How it is written.
    pub log_format: LogFormat,
    /// Where each key that is set was set. Not a key.
    pub places: Places,
}

/// Where each key that is set was set: a file, the environment or a flag. Two configurations that are the same but for that are the same.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<&'static str, String>);

impl Places {
    /// Where a key was set, if it was.
    pub fn of(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Places) -> bool {
        true
    }
}

impl Eq for Places {}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("cannot read the configuration `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration `{}` is not TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        message: String,
    },
    /// There is no such key.
    #[error("{place} has a key `{key}` that is not known{}", .meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default())]
    UnknownKey {
        /// The file or environment.
        place: String,
        /// The key.
        key: String,
        /// The nearest one there is.
        meant: Option<&'static str>,
    },
    /// A value is not what its key takes.
    #[error("{place}: `{key}` is {why}")]
    Value {
        /// The file or environment.
        place: String,
        /// The key.
        key: &'static str,
        /// What was expected.
        why: String,
    },
    /// There is no place for the data.
    #[error("there is no home directory to keep data in; name a place with --data")]
    NoHome,
}

/// Where values come from, read before anything is decided.
#[derive(Debug, Default)]
pub struct Sources {
    /// `--config`.
    pub file: Option<PathBuf>,
    /// `--data`, which also says where a configuration may lie.
    pub data: Option<PathBuf>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Flags, by key.
    pub flags: BTreeMap<&'static str, String>,
}

/// Values by key, each with the place it came from.
type Values = BTreeMap<&'static str, (String, Vec<String>)>;

impl Config {
    /// Builds the configuration from all its sources.
    pub fn build(sources: &Sources) -> Result<Config, Error> {
        let from_env = environment(&sources.env)?;
        let (data_dir, default_dir) = (named_dir(sources, &from_env), data_home(&sources.env));
        let mut values = match find_file(sources, data_dir.as_deref().or(default_dir.as_deref())) {
            Some(path) => file(&path)?,
            None => Values::new(),
        };
        values.extend(from_env);
        for (key, value) in &sources.flags {
            values.insert(key, (format!("--{}", key.replace(['_', '.'], "-")), vec![value.clone()]));
        }
        let data_dir = match data_dir {
            Some(dir) => dir,
            None => match values.get("data_dir").and_then(|(_, dir)| dir.first()) {
                Some(dir) => PathBuf::from(dir),
                None => default_dir.ok_or(Error::NoHome)?,
            },
        };
        let data_dir = std::path::absolute(&data_dir).map_err(|source| Error::Unreadable { path: data_dir, source })?;
        let search_path = sources.env.get("PATH").map(OsString::from).unwrap_or_default();
        Ok(Config { search_path, ..Config::of(data_dir, &values)? })
    }

    /// The configuration for one run of checks in a terminal, which keeps its data in a folder of its own. A file that nobody named and
    /// that is not this person's to read, such as the service's, is left out, and answered.
    pub fn for_checks(sources: &Sources, data_dir: &Path) -> Result<(Config, Option<Error>), Error> {
        let from_env = environment(&sources.env)?;
        let dir = named_dir(sources, &from_env).or_else(|| data_home(&sources.env));
        let (mut values, unread) = match find_file(sources, dir.as_deref()).map(|path| file(&path)) {
            Some(Err(error @ Error::Unreadable { .. })) if sources.file.is_none() => (Values::new(), Some(error)),
            Some(values) => (values?, None),
            None => (Values::new(), None),
        };
        values.extend(from_env);
        let search_path = sources.env.get("PATH").map(OsString::from).unwrap_or_default();
        Ok((Config { search_path, ..Config::of(data_dir.to_owned(), &values)? }, unread))
    }

    /// The configuration that these values make.
    fn of(data_dir: PathBuf, values: &Values) -> Result<Config, Error> {
        let key_file = |text: &str| std::path::absolute(text).map_err(|_| "not the path of a file".to_owned());
        Ok(Config {
            vault_key_file: parse(values, "vault.key_file", key_file)?.unwrap_or_else(|| data_dir.join(KEY_FILE)),
            data_dir,
            listen: parse(values, "listen", listen_address)?.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7867))),
            public_listen: parse(values, "public_listen", listen_address)?,
            public_url: parse(values, "public_url", url)?,
            insecure_http: parse(values, "insecure_http", |text| text.parse().map_err(|_| "not `true` or `false`".to_owned()))?
                .unwrap_or(false),
            sessions: SessionLimits {
                idle: parse(values, "sessions.idle", long_span)?.unwrap_or(Duration::from_secs(DAY / 2)),
                lifetime: parse(values, "sessions.lifetime", long_span)?.unwrap_or(Duration::from_secs(7 * DAY)),
            },
            trusted_proxies: networks(values)?,
            metrics_listen: parse(values, "metrics_listen", listen_address)?,
            local_roots: list(values, "repos.local_roots").into_iter().map(PathBuf::from).collect(),
            poll_interval: parse(values, "repos.poll_interval", span)?.unwrap_or(Duration::from_secs(60)),
            git: git::Limits::default(),
            min_tier: parse(values, "sandbox.min_tier", |text| {
                text.parse().map_err(|error: crate::base::word::UnknownWord| error.to_string())
            })?
            .unwrap_or(Tier::Native),
            oci_socket: parse(values, "sandbox.oci_socket", socket)?,
            parallel: parse(values, "sandbox.parallel", count)?.unwrap_or_else(admission::usual),
            memory: parse(values, "sandbox.memory", memory)?.unwrap_or_else(|| (host_memory() / 4 * 3) >> 20 << 20),
            max_timeout: parse(values, "sandbox.max_timeout", span)?.unwrap_or(MAX_TIMEOUT),
            default_tools: tools(values)?,
            launcher: std::env::current_exe().unwrap_or_default(),
            search_path: OsString::new(),
            allow_hosts: list(values, "outbound.allow_hosts"),
            ca_file: parse(values, "outbound.ca_file", |text| Ok(PathBuf::from(text)))?,
            oidc_issuers: issuers(values)?,
            oidc_audience: parse(values, "oidc.audience", audience)?,
            github: github::Configured {
                url: parse(values, "github.url", url)?,
                api_url: parse(values, "github.api_url", base)?,
                app_id: parse(values, "github.app_id", number)?,
                private_key: given(values, "github.app_private_key", "github.app_private_key_file")?,
                webhook_secret: given(values, "github.webhook_secret", "github.webhook_secret_file")?,
                client_id: parse(values, "github.client_id", |text| Ok(text.to_owned()))?,
                client_secret: given(values, "github.client_secret", "github.client_secret_file")?,
                orgs: orgs(values, "github.orgs")?.unwrap_or_default(),
                outside_collaborators: parse(values, "github.outside_collaborators", |text| {
                    text.parse().map_err(|_| "not `true` or `false`".to_owned())
                })?
                .unwrap_or(false),
                add_repos: parse(values, "github.add_repos", |text| {
                    text.parse().map_err(|_| "not `by_hand` or `automatically`".to_owned())
                })?,
                add_repos_of: orgs(values, "github.add_repos_of")?,
                status_context: parse(values, "github.status_context", status_context)?,
                deadline: None,
            },
            limits: Limits {
                connections: parse(values, "limits.connections", count)?.unwrap_or(Limits::default().connections),
                streams: parse(values, "limits.streams", count)?.unwrap_or(Limits::default().streams),
                streams_per_caller: parse(values, "limits.streams_per_caller", count)?.unwrap_or(Limits::default().streams_per_caller),
                requests_per_address: parse(values, "limits.requests_per_address", pace)?.unwrap_or(Limits::default().requests_per_address),
                requests_per_caller: parse(values, "limits.requests_per_caller", pace)?.unwrap_or(Limits::default().requests_per_caller),
                ..Limits::default()
            },
            log: parse(values, "log", |text| text.parse().map_err(|error: crate::base::word::UnknownWord| error.to_string()))?
                .unwrap_or(LogLevel::Info),
            log_format: parse(values, "log_format", |text| {
                text.parse().map_err(|error: crate::base::word::UnknownWord| error.to_string())
            })?
            .unwrap_or(LogFormat::Text),
            places: Places(values.iter().map(|(key, (place, _))| (*key, place.clone())).collect()),
        })
    }

    /// The configuration of an appliance in `data_dir`, all else by default: no file is read, wherever one may lie.
    pub fn in_directory(data_dir: &Path) -> Config {
        let values = Config::of(data_dir.to_owned(), &Values::new());
        values.unwrap_or_else(|error| unreachable!("defaults are values their keys take: {error}"))
    }

    /// How requests to other machines are made.
    pub fn outbound(&self) -> outbound::Config {
        outbound::Config { allow_hosts: self.allow_hosts.clone(), ca_file: self.ca_file.clone(), ..outbound::Config::default() }
    }

    /// How often upkeep is done.
    pub fn intervals(&self) -> Intervals {
        let day = Duration::from_secs(DAY);
        Intervals { poll: self.poll_interval, expire: Duration::from_secs(3_600), sweep: day, heal: Duration::from_secs(120), people: day }
    }

    /// How often repositories are asked for new commits: as the configuration says where it does, else as it is set.
    pub fn poll_interval(&self, settings: &Settings) -> Duration {
        match settings.poll_interval_s {
            Some(seconds) if self.places.of("repos.poll_interval").is_none() => Duration::from_secs(seconds.into()),
            _ => self.poll_interval,
        }
    }

    /// Tools that run where no manifest says what to run: as the configuration says where it does, else as it is set.
    pub fn default_tools(&self, settings: &Settings) -> Vec<String> {
        match &settings.default_tools {
            Some(tools) if self.places.of("checks.default_tools").is_none() => tools.clone(),
            _ => self.default_tools.clone(),
        }
    }

    /// What is done about repositories that the App is let at: as the configuration says where it does, else as it is set.
    pub fn add_repos(&self, settings: &Settings) -> AddRepos {
        self.github.add_repos.or(settings.add_repos).unwrap_or_default()
    }

    /// The organizations whose repositories are added when GitHub says so, whatever is done about others: as the configuration says where it
    /// does, else as it is set.
    pub fn add_repos_of<'a>(&'a self, settings: &'a Settings) -> &'a [String] {
        self.github.add_repos_of.as_ref().or(settings.add_repos_of.as_ref()).map_or(&[], Vec::as_slice)
    }

    /// Whether a repository of this owner is added when GitHub says that the App is let at it.
    pub fn adds_of(&self, settings: &Settings, owner: &str) -> bool {
        let is_named = || self.add_repos_of(settings).iter().any(|name| name.eq_ignore_ascii_case(owner));
        self.add_repos(settings) == AddRepos::Automatically || is_named()
    }

    /// Under which name it is said on GitHub how a commit's gate stands: as the configuration says where it does, else as it is set.
    pub fn status_context<'a>(&'a self, settings: &'a Settings) -> &'a str {
        self.github.status_context.as_deref().or(settings.status_context.as_deref()).unwrap_or(STATUS_CONTEXT)
    }

    /// The result, as it would stand in a file.
    pub fn print(&self) -> String {
        let quoted = |values: &mut dyn Iterator<Item = String>| values.map(|value| format!("{value:?}")).collect::<Vec<_>>().join(", ");
        let optional = |key: &str, value: Option<String>| match value {
            Some(value) => format!("{key} = {value:?}\n"),
            None => format!("# {key} is not set\n"),
        };
        let mut out = String::new();
        out += &format!("data_dir = {:?}\n", self.data_dir.display().to_string());
        out += &format!("listen = \"{}\"\n", self.listen);
        out += &optional("public_listen", self.public_listen.map(|address| address.to_string()));
        out += &optional("public_url", self.public_url.clone());
        out += &format!("insecure_http = {}\n", self.insecure_http);
        out += &format!("trusted_proxies = [{}]\n", quoted(&mut self.trusted_proxies.iter().map(ToString::to_string)));
        out += &optional("metrics_listen", self.metrics_listen.map(|address| address.to_string()));
        out += &format!("log = \"{}\"\nlog_format = \"{}\"\n", self.log, self.log_format);
        let SessionLimits { idle, lifetime } = self.sessions;
        out += &format!("\n[sessions]\nidle = \"{}\"\nlifetime = \"{}\"\n", span_text(idle), span_text(lifetime));
        out += &format!("\n[repos]\nlocal_roots = [{}]\n", quoted(&mut self.local_roots.iter().map(|root| root.display().to_string())));
        out += &format!("poll_interval = \"{}\"\n", span_text(self.poll_interval));
        out += &format!("\n[sandbox]\nmin_tier = \"{}\"\n", self.min_tier);
        out += &optional("oci_socket", self.oci_socket.as_ref().map(|path| path.display().to_string()));
        out += &format!("parallel = {}\n", self.parallel);
        out += &format!("memory = \"{}MiB\"\n", self.memory >> 20);
        out += &format!("max_timeout = \"{}\"\n", span_text(self.max_timeout));
        out += &format!("\n[checks]\ndefault_tools = [{}]\n", quoted(&mut self.default_tools.iter().cloned()));
        out += &format!("\n[vault]\nkey_file = {:?}\n", self.vault_key_file.display().to_string());
        out += &format!("\n[outbound]\nallow_hosts = [{}]\n", quoted(&mut self.allow_hosts.iter().cloned()));
        out += &optional("ca_file", self.ca_file.as_ref().map(|path| path.display().to_string()));
        out += &format!("\n[oidc]\nissuers = [{}]\n", quoted(&mut self.oidc_issuers.iter().cloned()));
        out += &optional("audience", self.oidc_audience.clone());
        let github::Configured { url, api_url, app_id, private_key, webhook_secret, client_id, client_secret, .. } = &self.github;
        let secret = |key: &str, given: &Option<Given>| match given {
            Some(Given::Text(_)) => format!("{key} = \"[hidden]\"\n"),
            Some(Given::File(path)) => format!("{key}_file = {:?}\n", path.display().to_string()),
            None => format!("# {key}_file is not set\n"),
        };
        out += &format!("\n[github]\n{}{}", optional("url", url.clone()), optional("api_url", api_url.clone()));
        out += &app_id.map_or_else(|| optional("app_id", None), |id| format!("app_id = {id}\n"));
        out += &secret("app_private_key", private_key);
        out += &secret("webhook_secret", webhook_secret);
        out += &optional("client_id", client_id.clone());
        out += &secret("client_secret", client_secret);
        out += &format!("orgs = [{}]\n", quoted(&mut self.github.orgs.iter().cloned()));
        out += &format!("outside_collaborators = {}\n", self.github.outside_collaborators);
        out += &optional("add_repos", self.github.add_repos.map(|how| how.to_string()));
        out += &match &self.github.add_repos_of {
            Some(names) => format!("add_repos_of = [{}]\n", quoted(&mut names.iter().cloned())),
            None => optional("add_repos_of", None),
        };
        out += &optional("status_context", self.github.status_context.clone());
        let Limits { connections, streams, streams_per_caller, requests_per_address, requests_per_caller, .. } = self.limits;
        out += &format!("\n[limits]\nconnections = {connections}\nstreams = {streams}\nstreams_per_caller = {streams_per_caller}\n");
        out += &format!("requests_per_address = {requests_per_address}\nrequests_per_caller = {requests_per_caller}\n");
        out
    }
}

fn data_home(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let dir = |name: &str| env.get(name).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    dir("XDG_DATA_HOME").or_else(|| dir("HOME").map(|home| home.join(".local/share"))).map(|base| base.join("plumbline"))
}

/// The data directory that a flag or the environment names.
fn named_dir(sources: &Sources, from_env: &Values) -> Option<PathBuf> {
    let from_env = || from_env.get("data_dir").and_then(|(_, dir)| dir.first()).map(PathBuf::from);
    sources.data.clone().or_else(from_env)
}

fn find_file(sources: &Sources, data_dir: Option<&Path>) -> Option<PathBuf> {
    if sources.file.is_some() {
        return sources.file.clone();
    }
    let in_data = data_dir.map(|dir| dir.join("plumbline.toml"));
    in_data.into_iter().chain([PathBuf::from("/etc/plumbline/plumbline.toml")]).find(|path| path.is_file())
}

fn known(name: &str) -> Option<&'static str> {
    KEYS.iter().map(|key| key.name).find(|key| *key == name)
}

fn file(path: &Path) -> Result<Values, Error> {
    let unreadable = |source| Error::Unreadable { path: path.to_owned(), source };
    let mut text = String::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(FILE_BYTES + 1).read_to_string(&mut text)).map_err(unreadable)?;
    if read as u64 > FILE_BYTES {
        return Err(Error::Syntax { path: path.to_owned(), message: "it is larger than a configuration is".to_owned() });
    }
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or(""));
        let (line, column) = (before.matches('\n').count() + 1, before.chars().rev().take_while(|c| *c != '\n').count() + 1);
        Error::Syntax { path: path.to_owned(), message: format!("line {line}, column {column}: {}", error.message()) }
    })?;
    let place = format!("`{}`", path.display());
    let mut values = Values::new();
    flatten(&place, "", &table, &mut values)?;
    Ok(values)
}

fn flatten(place: &str, prefix: &str, table: &toml::Table, values: &mut Values) -> Result<(), Error> {
    for (key, value) in table {
        let name = format!("{prefix}{key}");
        if let toml::Value::Table(inner) = value
            && KEYS.iter().any(|key| key.name.starts_with(&format!("{name}.")))
        {
            flatten(place, &format!("{name}."), inner, values)?;
            continue;
        }
        let Some(key) = known(&name) else {
            let meant = nearest(&name, KEYS.iter().map(|key| key.name));
            return Err(Error::UnknownKey { place: place.to_owned(), key: name, meant });
        };
        let wrong = |why: &str| Error::Value { place: place.to_owned(), key, why: why.to_owned() };
        let text = |value: &toml::Value| match value {
            toml::Value::String(text) => Ok(text.clone()),
            toml::Value::Integer(number) => Ok(number.to_string()),
            toml::Value::Boolean(flag) => Ok(flag.to_string()),
            _ => Err(wrong("not a text, a number, or true or false")),
        };
        let value = match value {
            toml::Value::Array(items) if LISTS.contains(&key) => items.iter().map(text).collect::<Result<_, _>>()?,
            _ if LISTS.contains(&key) => return Err(wrong("not a list: write [\"…\"]")),
            other => vec![text(other)?],
        };
        values.insert(key, (place.to_owned(), value));
    }
    Ok(())
}

/// The largest file that is taken for a configuration.
const FILE_BYTES: u64 = 1 << 20;

/// The keys that hold several values.
const LISTS: [&str; 7] = [
    "repos.local_roots",
    "outbound.allow_hosts",
    "checks.default_tools",
    "trusted_proxies",
    "oidc.issuers",
    "github.orgs",
    "github.add_repos_of",
];

fn environment(env: &BTreeMap<String, String>) -> Result<Values, Error> {
    let mut values = Values::new();
    for (name, value) in env.iter().filter(|(name, _)| name.starts_with("PLUMBLINE_")) {
        let Some(key) = KEYS.iter().find(|key| key.env == name) else {
            // Variables that tests and tools of ours read are not configuration.
            let meant = nearest(name, KEYS.iter().map(|key| key.env));
            match meant {
                Some(meant) => {
                    return Err(Error::UnknownKey { place: "the environment".to_owned(), key: name.clone(), meant: Some(meant) });
                }
                None => continue,
            }
        };
        let list = LISTS.contains(&key.name);
        let value = if list {
            value.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        } else {
            vec![value.clone()]
        };
        values.insert(key.name, (format!("${name}"), value));
    }
    Ok(values)
}

fn parse<T>(values: &Values, key: &'static str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, Error> {
    let Some((place, value)) = values.get(key) else { return Ok(None) };
    let text = value.first().map_or("", String::as_str).trim();
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some).map_err(|why| Error::Value { place: place.clone(), key, why })
}

/// A secret, which stands in the configuration or in a file that it names.
fn given(values: &Values, key: &'static str, file: &'static str) -> Result<Option<Given>, Error> {
    let path = parse(values, file, path)?.map(Given::File);
    let text = parse(values, key, |text| Ok(Given::Text(Secret::new(text.to_owned()))))?;
    match (text, path, values.get(key)) {
        (Some(_), Some(_), Some((place, _))) => {
            Err(Error::Value { place: place.clone(), key, why: format!("set beside `{file}`; take one of the two away") })
        }
        (text, path, _) => Ok(path.or(text)),
    }
}

fn list(values: &Values, key: &'static str) -> Vec<String> {
    values.get(key).map(|(_, values)| values.clone()).unwrap_or_default()
}

fn networks(values: &Values) -> Result<Vec<Network>, Error> {
    let Some((place, texts)) = values.get("trusted_proxies") else { return Ok(Vec::new()) };
    let wrong = |why: String| Error::Value { place: place.clone(), key: "trusted_proxies", why };
    texts
        .iter()
        .map(|text| {
            text.parse::<Network>().map_err(|_| {
                wrong(format!("not a list of addresses and networks such as 127.0.0.1 or 10.0.0.0/8, for `{text}` is neither"))
            })
        })
        .collect()
}

/// Whose tokens are taken: GitHub's own unless something else is said, nobody's if an empty list is.
fn issuers(values: &Values) -> Result<Vec<String>, Error> {
    let Some((place, texts)) = values.get("oidc.issuers") else { return Ok(vec![GITHUB_ACTIONS.to_owned()]) };
    let wrong = |why: String| Error::Value { place: place.clone(), key: "oidc.issuers", why };
    if texts.len() > MOST_ISSUERS {
        return Err(wrong(format!("a list of more than {MOST_ISSUERS}")));
    }
    texts.iter().map(|text| issuer(text.trim()).map_err(wrong)).collect()
}

/// The organizations that a key names, where it is set.
fn orgs(values: &Values, key: &'static str) -> Result<Option<Vec<String>>, Error> {
    let Some((place, names)) = values.get(key) else { return Ok(None) };
    organizations(names).map(Some).map_err(|why| Error::Value { place: place.clone(), key, why })
}

/// The tools that run by default.
fn tools(values: &Values) -> Result<Vec<String>, Error> {
    let Some((place, names)) = values.get("checks.default_tools") else { return Ok(Vec::new()) };
    default_tools(names).map_err(|why| Error::Value { place: place.clone(), key: "checks.default_tools", why })
}

/// Takes the names of tools that are to run by default: those alone that have something to say without a repository's settings.
pub fn default_tools(names: &[String]) -> Result<Vec<String>, String> {
    catalogue::without_settings(names).map_err(|why| format!("not a list of tools that need no settings; {why}"))
}

#[cfg(test)]
mod tests;
