//! `.plumbline.yaml`, key by key.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::text;

use super::field::{Field, Mapping};
use super::glob::Dialect;
use super::node::{Fault, Node, Place};
use super::value::{self, CacheKey, HostPort, Percent};
use super::{
    CacheSpec, CheckSpec, CoverageGate, FlagSpec, GithubReport, IssuesGate, MAX_ANNOTATIONS, MAX_CHECKS, MAX_WAIT_FOR, Manifest,
    ManifestName, Mount, Network, PathFix, Runs,
};

const ROOT: [&str; 7] = ["version", "exclude", "coverage", "issues", "github", "defaults", "checks"];
const CHECK: [&str; 12] =
    ["name", "plugin", "run", "output", "paths", "env", "mounts", "credentials", "cache", "network", "timeout", "memory"];

/// What every check gets that does not say otherwise.
#[derive(Default)]
pub struct Defaults {
    pub env: BTreeMap<String, String>,
    pub mounts: Vec<Mount>,
    pub timeout: Option<Duration>,
}

/// Decodes the document; `None` is an empty file.
pub fn decode(root: Option<&Node>) -> Result<Manifest, Fault> {
    let Some(root) = root else {
        return Err(Fault::at(Place::START, "the file is empty; expected `version: 1`"));
    };
    let root = Field::root(root);
    let keys = root.mapping(&ROOT)?;
    let version = keys.written("version").ok_or_else(|| root.fault("expected `version: 1`, found no version"))?;
    version.number("1, the version of this file's form", |text| (text == "1").then_some(()))?;
    let defaults = keys.get("defaults").map(|field| defaults(&field)).transpose()?.unwrap_or_default();
    Ok(Manifest {
        name: ManifestName::Plumbline,
        exclude: keys.get("exclude").map(|field| field.globs(Dialect::Gitignore)).transpose()?.unwrap_or_default(),
        coverage: keys.get("coverage").map(|field| coverage(&field)).transpose()?.unwrap_or_default(),
        issues: keys.get("issues").map(|field| issues(&field)).transpose()?.unwrap_or_default(),
        github: keys.get("github").map(|field| github(&field)).transpose()?.unwrap_or_default(),
        checks: keys.get("checks").map(|field| checks(&field, &defaults, check)).transpose()?,
    })
}

fn coverage(field: &Field<'_>) -> Result<CoverageGate, Fault> {
    let keys = field.mapping(&["project", "patch", "flags", "fixes", "wait_for"])?;
    let project = keys.get("project").map(|field| field.mapping(&["min", "max_drop"])).transpose()?;
    let patch = keys.get("patch").map(|field| field.mapping(&["min"])).transpose()?;
    let part = |mapping: &Option<Mapping<'_>>, name: &str| mapping.as_ref().and_then(|mapping| mapping.get(name)).map(percent).transpose();
    Ok(CoverageGate {
        project_min: part(&project, "min")?,
        project_max_drop: part(&project, "max_drop")?,
        patch_min: part(&patch, "min")?,
        flags: keys.get("flags").map(|field| flags(&field)).transpose()?.unwrap_or_default(),
        fixes: keys.get("fixes").map(|field| fixes(&field)).transpose()?.unwrap_or_default(),
        wait_for: keys.get("wait_for").map(|field| field.integer(1, MAX_WAIT_FOR)).transpose()?,
    })
}

/// A share in percent.
pub fn percent(field: Field<'_>) -> Result<Percent, Fault> {
    field.number("a percentage from 0 to 100 with at most two decimals", Percent::read)
}

fn flags(field: &Field<'_>) -> Result<BTreeMap<String, FlagSpec>, Fault> {
    let mut flags = BTreeMap::new();
    for (name, field) in field.open_mapping("a mapping of flags by name")?.entries() {
        if !value::is_check_name(&name.name) {
            return Err(Fault { at: name.at, ..field.fault("a flag's name has 1 to 100 letters, digits, `-`, `_` and `.`") });
        }
        let keys = field.mapping(&["paths", "carryforward"])?;
        let paths = keys.get("paths").map(|field| field.globs(Dialect::Gitignore)).transpose()?;
        let carryforward = keys.get("carryforward").map(|field| field.boolean()).transpose()?.unwrap_or(false);
        flags.insert(name.name.clone(), FlagSpec { paths, carryforward });
    }
    Ok(flags)
}

fn fixes(field: &Field<'_>) -> Result<Vec<PathFix>, Fault> {
    let read = |text: &str| {
        let (before, after) = text.split_once("::").filter(|(before, after)| before != after && !after.contains("::"))?;
        Some(PathFix { before: before.to_owned(), after: after.to_owned() })
    };
    field.list("a list such as [\"build/::src/\"]")?.iter().map(|item| item.parsed("`before::after`", read)).collect()
}

fn issues(field: &Field<'_>) -> Result<IssuesGate, Fault> {
    let keys = field.mapping(&["fail_on", "min_severity"])?;
    let default = IssuesGate::default();
    Ok(IssuesGate {
        fail_on: keys.get("fail_on").map(|field| field.word("which issues fail the gate")).transpose()?.unwrap_or(default.fail_on),
        min_severity: keys.get("min_severity").map(|field| field.word("a severity")).transpose()?.unwrap_or(default.min_severity),
    })
}

fn github(field: &Field<'_>) -> Result<GithubReport, Fault> {
    let keys = field.mapping(&["comment", "annotations"])?;
    let default = GithubReport::default();
    Ok(GithubReport {
        comment: keys.get("comment").map(|field| field.boolean()).transpose()?.unwrap_or(default.comment),
        annotations: keys.get("annotations").map(|field| field.integer(0, MAX_ANNOTATIONS)).transpose()?.unwrap_or(default.annotations),
    })
}

fn defaults(field: &Field<'_>) -> Result<Defaults, Fault> {
    let Some(checks) = field.mapping(&["checks"])?.get("checks") else { return Ok(Defaults::default()) };
    let keys = checks.mapping(&["env", "mounts", "timeout"])?;
    Ok(Defaults {
        env: keys.get("env").map(|field| env(&field)).transpose()?.unwrap_or_default(),
        mounts: keys.get("mounts").map(|field| mounts(&field)).transpose()?.unwrap_or_default(),
        timeout: keys.get("timeout").map(|field| timeout(&field)).transpose()?,
    })
}

/// Decodes each check by `read`, and refuses two of one name.
pub fn checks(
    field: &Field<'_>,
    defaults: &Defaults,
    read: fn(&Field<'_>, &Defaults) -> Result<CheckSpec, Fault>,
) -> Result<Vec<CheckSpec>, Fault> {
    let items = field.list("a list of checks")?;
    if let Some(excess) = items.get(MAX_CHECKS) {
        return Err(excess.fault(format!("more than {MAX_CHECKS} checks")));
    }
    let mut checks = Vec::with_capacity(items.len());
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for item in &items {
        let spec = read(item, defaults)?;
        if let Some(Place { line, column }) = places.insert(spec.name.clone(), item.node.at) {
            let message = format!("a second check named `{}`; the first stands at line {line}, column {column}", spec.name);
            return Err(item.fault(format!("{message}; expected a `name` of its own")));
        }
        checks.push(spec);
    }
    Ok(checks)
}

fn check(field: &Field<'_>, defaults: &Defaults) -> Result<CheckSpec, Fault> {
    let keys = field.mapping(&CHECK)?;
    let runs = runs(field, &keys)?;
    let own_env = keys.get("env").map(|field| env(&field)).transpose()?.unwrap_or_default();
    let own_mounts = keys.get("mounts").map(|field| mounts(&field)).transpose()?.unwrap_or_default();
    let timeout = keys.get("timeout").map(|field| timeout(&field)).transpose()?;
    let credentials = keys.get("credentials").map(|field| credentials(&field, &runs)).transpose()?;
    Ok(CheckSpec {
        name: name(field, &keys, &runs)?,
        runs,
        paths: keys.get("paths").map(|field| field.globs(Dialect::Gitignore)).transpose()?,
        env: merge_env(own_env, defaults),
        mounts: merge_mounts(own_mounts, defaults),
        credentials,
        cache: keys.get("cache").map(|field| cache(&field)).transpose()?.unwrap_or_default(),
        network: keys.get("network").map(|field| network(&field)).transpose()?.unwrap_or_default(),
        timeout: timeout.or(defaults.timeout),
        memory: keys.get("memory").map(|field| memory(&field)).transpose()?,
    })
}

fn runs(field: &Field<'_>, keys: &Mapping<'_>) -> Result<Runs, Fault> {
    match (keys.get("plugin"), keys.get("run"), keys.get("output")) {
        (Some(_), Some(run), _) => Err(run.fault("expected either `plugin` or `run`, found both")),
        (None, None, _) => Err(field.fault("expected `plugin` or `run`, found neither")),
        (Some(_), None, Some(output)) => Err(output.fault("`output` belongs to `run`; a plugin's output is known")),
        (None, Some(run), None) => Err(run.fault("expected `output` beside `run`: the format that the command writes")),
        (None, Some(run), Some(output)) => {
            Ok(Runs::Command { run: run.text("a command line")?.to_owned(), output: output.word("an output format")? })
        }
        (Some(plugin), None, None) => {
            let text = plugin.text("a plugin")?;
            if let Some(image) = text.strip_prefix("docker://") {
                return if value::is_image(image) { Ok(Runs::Image(image.to_owned())) } else { Err(plugin.expected("an image")) };
            }
            if value::is_check_name(text) {
                return Ok(Runs::Plugin(text.to_owned()));
            }
            let hint = if value::is_image(text) { format!("; an image is written `docker://{text}`") } else { String::new() };
            Err(plugin.fault(format!("expected the name of a plugin, found {}{hint}", plugin.node.noun())))
        }
    }
}

fn name(field: &Field<'_>, keys: &Mapping<'_>, runs: &Runs) -> Result<String, Fault> {
    const FORM: &str = "a name of 1 to 100 letters, digits, `-`, `_` and `.`";
    if let Some(name) = keys.get("name") {
        return name.text(FORM).and_then(|text| if value::is_check_name(text) { Ok(text.to_owned()) } else { Err(name.expected(FORM)) });
    }
    let default = match runs {
        Runs::Plugin(plugin) => plugin.as_str(),
        Runs::Image(image) => value::image_name(image),
        Runs::Command { .. } => return Err(field.fault("expected `name` beside `run`, found none")),
    };
    if value::is_check_name(default) { Ok(default.to_owned()) } else { Err(field.fault(format!("expected `name`: {FORM}"))) }
}

/// Environment variables. Their values are text as it is written: `1.10` stays `1.10` and `no` stays `no`.
pub fn env(field: &Field<'_>) -> Result<BTreeMap<String, String>, Fault> {
    let mut env = BTreeMap::new();
    for (name, field) in field.open_mapping("a mapping of environment variables")?.entries() {
        if !value::is_env_name(&name.name) {
            return Err(Fault { at: name.at, ..field.fault("a variable's name holds letters, digits and `_`, and begins with no digit") });
        }
        env.insert(name.name.clone(), field.text_as_written("text (\"\" for none)")?.to_owned());
    }
    Ok(env)
}

/// The secret that an image is fetched with.
fn credentials(field: &Field<'_>, runs: &Runs) -> Result<String, Fault> {
    match runs {
        Runs::Image(_) => field.parsed(SECRET, secret),
        Runs::Plugin(_) | Runs::Command { .. } => Err(field.fault("`credentials` are what an image is fetched with, and this is none")),
    }
}

/// How a secret is named.
const SECRET: &str = "`secrets:` and the name of a secret";

fn secret(text: &str) -> Option<String> {
    text.strip_prefix("secrets:").filter(|name| value::is_env_name(name)).map(str::to_owned)
}

/// Mounts, each with a destination of its own.
pub fn mounts(field: &Field<'_>) -> Result<Vec<Mount>, Fault> {
    let mut mounts = Vec::new();
    let mut places: BTreeMap<String, Place> = BTreeMap::new();
    for item in field.list("a list of mounts")? {
        let keys = item.mapping(&["source", "destination"])?;
        let source = keys.written("source").ok_or_else(|| item.fault("expected `source`, found none"))?;
        let destination = keys.written("destination").ok_or_else(|| item.fault("expected `destination`, found none"))?;
        let place = |text: &str| value::is_destination(text).then(|| text.to_owned());
        let mount = Mount {
            secret: source.parsed(SECRET, secret)?,
            destination: destination.parsed("an absolute path, or one that begins with `~/`, without `..`", place)?,
        };
        if let Some(Place { line, column }) = places.insert(mount.destination.clone(), destination.node.at) {
            return Err(destination.fault(format!("a second mount at this destination; the first stands at line {line}, column {column}")));
        }
        mounts.push(mount);
    }
    Ok(mounts)
}

/// The check's own variables, and of the defaults those that it does not set.
pub fn merge_env(own: BTreeMap<String, String>, defaults: &Defaults) -> BTreeMap<String, String> {
    let mut env = defaults.env.clone();
    env.extend(own);
    env
}

/// The check's own mounts, and of the defaults those whose destination it does not use.
pub fn merge_mounts(mut own: Vec<Mount>, defaults: &Defaults) -> Vec<Mount> {
    for mount in &defaults.mounts {
        if !own.iter().any(|known| known.destination == mount.destination) {
            own.push(mount.clone());
        }
    }
    own
}

fn cache(field: &Field<'_>) -> Result<Vec<CacheSpec>, Fault> {
    let mut cache = Vec::new();
    for item in field.list("a list of caches")? {
        let keys = item.mapping(&["key", "path"])?;
        let key = keys.written("key").ok_or_else(|| item.fault("expected `key`, found none"))?;
        let path = keys.written("path").ok_or_else(|| item.fault("expected `path`, found none"))?;
        let folder = |text: &str| value::is_inner_path(text.strip_prefix("~/").unwrap_or(text)).then(|| text.to_owned());
        cache.push(CacheSpec {
            key: key.parsed("text with `{{ hash 'file' }}` where a file's content counts", CacheKey::read)?,
            path: path.parsed("a folder within the repository or below `~/`, without `..`", folder)?,
        });
    }
    Ok(cache)
}

fn network(field: &Field<'_>) -> Result<Network, Fault> {
    const FORMS: &str = "`none`, `forge` or `allow: [\"host:port\"]`";
    if let Ok(word) = field.text(FORMS) {
        return match word {
            "none" => Ok(Network::None),
            "forge" => Ok(Network::Forge),
            _ => Err(field.expected(FORMS)),
        };
    }
    field.open_mapping(FORMS)?;
    let Some(allow) = field.mapping(&["allow"])?.get("allow") else { return Err(field.expected(FORMS)) };
    let hosts = allow.list("a list such as [\"packages.example.com:443\"]")?;
    Ok(Network::Allow(
        hosts
            .iter()
            .map(|host| host.parsed("a host and its port, such as `packages.example.com:443`", HostPort::read))
            .collect::<Result<_, _>>()?,
    ))
}

fn timeout(field: &Field<'_>) -> Result<Duration, Fault> {
    field.parsed("a duration from 1s to 6h, such as `90s`, `10m` or `1h30m`", value::timeout)
}

fn memory(field: &Field<'_>) -> Result<u64, Fault> {
    let what = format!("a size from {} to {}, such as `512MiB` or `1GiB`", text::bytes(value::MIN_MEMORY), text::bytes(value::MAX_MEMORY));
    field.parsed(&what, value::memory)
}
