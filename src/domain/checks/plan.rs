//! From the manifest to what is run: a pure step.

use std::collections::BTreeMap;
use std::time::Duration;

use super::builtin::{self, Builtin};
use super::catalogue::{self, Tool};
use super::{CheckError, ErrorCode, WaitsFor};
use crate::base::name::TreePath;
use crate::base::text;
use crate::domain::issues::format::{self, Format};
use crate::domain::repos::manifest::{CheckSpec, Globs, Manifest, Network, Runs};
use crate::domain::secrets::{Known, SecretRef};
use crate::engine::sandbox::SECRETS;
use crate::engine::store::blob::BlobHash;

/// A check that is to be run.
#[derive(Clone)]
pub struct Planned {
    /// Its name, unique within the set.
    pub name: String,
    /// What runs it, as people call it.
    pub plugin: String,
    /// What runs it; or why nothing can.
    pub runner: Result<Runner, CheckError>,
    /// The files it looks at; `None` is all.
    pub paths: Option<Globs>,
    /// What a process of it is given.
    pub process: Process,
    /// What it waits for, if that is more than its turn.
    pub waits_for: Option<WaitsFor>,
    /// Whether its manifest asks that folders be kept between runs, which nobody does yet.
    pub asks_for_cache: bool,
}

/// What runs a check.
#[derive(Clone)]
pub enum Runner {
    /// A part of this binary.
    Builtin(&'static dyn Builtin),
    /// A tool of the catalogue.
    Tool(&'static Tool),
    /// A command of the repository's own.
    Command {
        /// What the shell is given.
        run: String,
        /// What it writes to its standard output.
        output: Format,
    },
    /// An image that follows Cocov's plugin contract, by its name.
    Image(String),
}

/// What the process of a check is given. Means nothing for one that is part of the binary.
#[derive(Debug, Clone, Default)]
pub struct Process {
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Whom it may speak to.
    pub network: Network,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How many bytes of memory it may use.
    pub memory: Option<u64>,
    /// The secrets that it sees as files.
    pub secrets: Vec<Mounted>,
    /// The secret that its image is fetched with, which it does not see.
    pub credentials: Option<SecretRef>,
}

impl Process {
    /// Whether some secret is used for it.
    pub fn takes_secrets(&self) -> bool {
        !self.secrets.is_empty() || self.credentials.is_some()
    }
}

/// A secret and where a process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Which, and which of its values.
    pub secret: SecretRef,
    /// Where: absolute, or below `~/`.
    pub destination: String,
}

impl Planned {
    fn new(name: &str, plugin: &str, runner: Result<Runner, CheckError>) -> Planned {
        Planned {
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            runner,
            paths: None,
            process: Process::default(),
            waits_for: None,
            asks_for_cache: false,
        }
    }

    /// Whether it starts a process, which is shown files of the tree.
    pub fn starts_process(&self) -> bool {
        matches!(self.runner, Ok(Runner::Tool(_) | Runner::Command { .. } | Runner::Image(_)))
    }

    /// Whether it is the very same check: what runs, over which files, and all that is given to it.
    pub fn is_same(&self, other: &Planned) -> bool {
        let Process { env, network, timeout, memory, secrets, credentials } = &self.process;
        let theirs = &other.process;
        self.name == other.name
            && self.plugin == other.plugin
            && self.version(None, "") == other.version(None, "")
            && (env, network, timeout, memory) == (&theirs.env, &theirs.network, &theirs.timeout, &theirs.memory)
            && (secrets, credentials) == (&theirs.secrets, &theirs.credentials)
    }

    /// Whether what its findings cover must not be shown where lines are quoted.
    pub fn conceals(&self) -> bool {
        match &self.runner {
            Ok(Runner::Builtin(builtin)) => builtin.conceals(),
            Ok(Runner::Tool(tool)) => tool.conceals,
            Ok(Runner::Command { .. } | Runner::Image(_)) | Err(_) => false,
        }
    }

    /// Whether a path is one that it looks at.
    pub fn speaks_of(&self, exclude: Option<&Globs>, path: &TreePath) -> bool {
        !exclude.is_some_and(|exclude| exclude.matches(path)) && self.paths.as_ref().is_none_or(|paths| paths.matches(path))
    }

    /// What tells whether an earlier result of the check still holds for a file that did not change: what judges, how what it writes is
    /// read and understood, and the settings that bear on it. `found` is what is known of a tool on this host: its version, and the content
    /// of its settings, which may be long; of an image, its digest.
    pub fn version(&self, exclude: Option<&Globs>, found: &str) -> String {
        let runner = match &self.runner {
            Ok(Runner::Builtin(builtin)) => format!("{}@{}", builtin.name(), builtin.version()),
            Ok(Runner::Tool(tool)) => format!("{}@{} {} {}", tool.name, BlobHash::of(found.as_bytes()), tool.digest, format::VERSION),
            Ok(Runner::Command { .. }) => format!("command {}", format::VERSION),
            Ok(Runner::Image(_)) => format!("image@{found} {}", format::VERSION),
            Err(error) => error.code.to_string(),
        };
        let command = match &self.runner {
            Ok(Runner::Command { run, output }) => Some((run, output)),
            _ => None,
        };
        let conceals = self.conceals();
        let Process { env, network, secrets, .. } = &self.process;
        // With another value of a secret the same program may find something else.
        let settings = format!("{:?} {exclude:?} {command:?} {env:?} {network:?} {secrets:?} {conceals}", self.paths);
        format!("{runner} {}", BlobHash::of(settings.as_bytes()))
    }
}

/// The names of the secrets that the checks of a manifest ask for.
pub fn wanted_secrets(manifest: Option<&Manifest>) -> impl Iterator<Item = &str> {
    let specs = manifest.and_then(|manifest| manifest.checks.as_deref()).unwrap_or_default();
    specs.iter().flat_map(|spec| spec.mounts.iter().map(|mount| &mount.secret).chain(&spec.credentials)).map(String::as_str)
}

/// The checks of a commit with this manifest; without one, or with one that does not speak of checks, every built-in one that is on by
/// default, and the tools of `besides`. Empty where the manifest names none. `known` are the secrets that the repository has.
pub fn plan(manifest: Option<&Manifest>, besides: &[&'static Tool], known: &Known) -> Vec<Planned> {
    match manifest.and_then(|manifest| manifest.checks.as_ref()) {
        Some(specs) => specs.iter().map(|spec| planned(spec, known)).collect(),
        None => {
            let builtins =
                builtin::by_default().iter().map(|builtin| Planned::new(builtin.name(), builtin.name(), Ok(Runner::Builtin(*builtin))));
            builtins.chain(besides.iter().map(|tool| Planned::new(&tool.name, &tool.name, Ok(Runner::Tool(tool))))).collect()
        }
    }
}

/// What is run of a fork's commit that nobody approved: `head` is what its own manifest plans, `base` what that of the branch plans that it
/// is to go to. What both have alike and is shown no secret goes; whatever else starts a process waits for approval. What the base has, a
/// fork neither takes away nor, where it is part of the binary, turns elsewhere.
pub fn of_fork(head: Vec<Planned>, base: Vec<Planned>) -> Vec<Planned> {
    let waiting = |one: Planned| Planned { waits_for: Some(WaitsFor::Approval), ..one };
    let hush = |one: Planned| if !one.process.takes_secrets() || !one.starts_process() { one } else { waiting(one) };
    let (mut own, mut planned) = (head, Vec::new());
    for based in base {
        let at = own.iter().position(|one| one.name == based.name);
        match at.map(|at| own.remove(at)) {
            Some(changed) if !changed.is_same(&based) && (changed.starts_process() || based.starts_process()) => {
                planned.push(waiting(changed));
            }
            _ => planned.push(hush(based)),
        }
    }
    planned.extend(own.into_iter().map(|one| if one.starts_process() { waiting(one) } else { one }));
    planned
}

fn planned(spec: &CheckSpec, known: &Known) -> Planned {
    let (plugin, runner) = match &spec.runs {
        Runs::Plugin(plugin) => (plugin.clone(), named(plugin)),
        Runs::Image(image) => (format!("docker://{image}"), Ok(Runner::Image(image.clone()))),
        Runs::Command { run, output } => (run.clone(), Ok(Runner::Command { run: run.clone(), output: (*output).into() })),
    };
    let mut planned = Planned::new(&spec.name, &plugin, runner);
    planned.paths.clone_from(&spec.paths);
    let (env, network) = (spec.env.clone(), spec.network.clone());
    planned.process = Process { env, network, timeout: spec.timeout, memory: spec.memory, ..Process::default() };
    // What is part of the binary has no process that could see a file.
    if planned.starts_process() {
        planned.asks_for_cache = !spec.cache.is_empty();
        let is_image = matches!(spec.runs, Runs::Image(_));
        let mounts = spec.mounts.iter().map(|mount| match known.find(&mount.secret) {
            Some(_) if !is_image && place_in_sandbox(&mount.destination).is_none() => Err(misplaced(&spec.name, &mount.destination)),
            Some(secret) => Ok(Mounted { secret, destination: mount.destination.clone() }),
            None => Err(secret_unknown(&spec.name, &mount.secret)),
        });
        let credentials = spec.credentials.as_ref().map(|name| known.find(name).ok_or_else(|| secret_unknown(&spec.name, name)));
        match (mounts.collect(), credentials.transpose()) {
            (Ok(secrets), Ok(credentials)) => (planned.process.secrets, planned.process.credentials) = (secrets, credentials),
            (Err(error), _) | (_, Err(error)) => planned.runner = Err(error),
        }
    }
    planned
}

fn named(plugin: &str) -> Result<Runner, CheckError> {
    let builtin = builtin::find(plugin).map(Runner::Builtin);
    builtin.or_else(|| catalogue::find(plugin).map(Runner::Tool)).ok_or_else(|| unknown(plugin))
}

fn unknown(plugin: &str) -> CheckError {
    let builtins = builtin::all().iter().map(|builtin| builtin.name());
    let names = builtins.chain(catalogue::all().iter().map(|tool| tool.name.as_str())).collect::<Vec<_>>();
    let message = match text::nearest(plugin, names.iter().copied()) {
        Some(name) => format!("No plugin is named `{plugin}`. Did you mean `{name}`?"),
        None => format!("No plugin is named `{plugin}`; there are: {}.", names.join(", ")),
    };
    CheckError { code: ErrorCode::PluginUnknown, message }
}

/// Where a program in a sandbox sees a secret that a manifest would have at `destination`: from its home directory on, or where secrets are
/// looked for. Elsewhere there is none for it.
pub fn place_in_sandbox(destination: &str) -> Option<&str> {
    destination.strip_prefix("~/").or_else(|| destination.starts_with(SECRETS).then_some(destination))
}

fn misplaced(name: &str, destination: &str) -> CheckError {
    CheckError {
        code: ErrorCode::ManifestInvalid,
        message: format!(
            "`{name}` would see a secret at `{destination}`, and a program sees them beneath `~/` and `{SECRETS}` alone; name a place there."
        ),
    }
}

fn secret_unknown(name: &str, secret: &str) -> CheckError {
    CheckError {
        code: ErrorCode::SecretUnknown,
        message: format!(
            "`{name}` asks for the secret `{secret}`, and none of that name is known here; set it for the repository or the instance, or take it out of the manifest."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::repos::manifest::{ManifestName, parse};

    fn of(manifest: &str) -> Vec<String> {
        let manifest = parse(ManifestName::Plumbline, manifest.as_bytes()).unwrap();
        let says = |planned: Planned| match planned.runner {
            Ok(Runner::Builtin(builtin)) => format!("{} runs {}", planned.name, builtin.name()),
            Ok(Runner::Tool(tool)) => format!("{} runs {}", planned.name, tool.title),
            Ok(Runner::Command { run, output }) => format!("{} runs `{run}` for {output}", planned.name),
            Ok(Runner::Image(image)) => format!("{} runs the image {image}", planned.name),
            Err(error) => format!("{}: {}", planned.name, error.code),
        };
        plan(Some(&manifest), &[], &Known::default()).into_iter().map(says).collect()
    }

    #[test]
    fn without_a_manifest_the_checks_run_that_are_quick_and_quiet() {
        let names: Vec<String> = plan(None, &[], &Known::default()).into_iter().map(|planned| planned.name).collect();
        assert_eq!(names, builtin::by_default().iter().map(|builtin| builtin.name()).collect::<Vec<_>>());
        for name in ["hygiene", "secrets"] {
            assert!(names.iter().any(|planned| planned == name), "{name}");
        }
        for name in ["large", "licenses"] {
            assert!(!names.iter().any(|planned| planned == name), "{name}");
        }
        assert_eq!(of("version: 1\nissues: {fail_on: any}\n").len(), names.len());
    }

    /// What is run of a fork's commit: with `?` what waits, with `!` what is given a secret.
    fn of_a_fork(head: &str, base: &str) -> String {
        let known = Known::supposed(["KEY"]);
        let of = |checks: &str| {
            let text = format!("version: 1\nchecks: [{checks}]\n");
            plan(Some(&parse(ManifestName::Plumbline, text.as_bytes()).unwrap()), &[], &known)
        };
        let says = |one: Planned| {
            let runs = match &one.runner {
                Ok(Runner::Command { run, .. }) => format!("{}={run}", one.name),
                _ => one.name.clone(),
            };
            format!("{runs}{}{}", if one.waits_for.is_some() { "?" } else { "" }, if one.process.secrets.is_empty() { "" } else { "!" })
        };
        of_fork(of(head), of(base)).into_iter().map(says).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn of_a_fork_runs_what_its_base_has_alike_and_the_rest_waits() {
        let (a, b) = ("{name: a, run: ./a, output: gnu}", "{name: b, run: ./b, output: gnu}");
        assert_eq!(of_a_fork(a, a), "a=./a");
        assert_eq!(of_a_fork("{name: a, run: ./evil, output: gnu}", a), "a=./evil?");
        for given in ["env: {A: b}", "network: forge", "timeout: 1h", "memory: 2GiB", "paths: [x]"] {
            assert_eq!(of_a_fork(&format!("{{name: a, run: ./a, output: gnu, {given}}}"), a), "a=./a?", "{given}");
        }
        assert_eq!(of_a_fork(&format!("{a}, {b}"), a), "a=./a b=./b?");
        assert_eq!(of_a_fork("{plugin: ruff}, {plugin: todo}", ""), "ruff? todo");
    }

    #[test]
    fn a_fork_is_shown_no_secret_and_takes_no_check_away() {
        let secret = "{name: a, run: ./a, output: gnu, mounts: [{source: 'secrets:KEY', destination: ~/.key}]}";
        assert_eq!(of_a_fork(secret, secret), "a=./a?!");
        assert_eq!(of_a_fork(secret, "{name: a, run: ./a, output: gnu}"), "a=./a?!");
        assert_eq!(of_a_fork("", secret), "a=./a?!", "it is there, and waits");
        let image = "{name: i, plugin: 'docker://reg.example/i:1', credentials: 'secrets:KEY'}";
        assert_eq!(of_a_fork(image, image), "i?", "what is fetched with a secret as well");
        assert_eq!(of_a_fork("{name: i, plugin: 'docker://reg.example/i:1'}", image), "i?");
        assert_eq!(of_a_fork("", "{plugin: hygiene}, {name: a, run: ./a, output: gnu}"), "hygiene a=./a");
        assert_eq!(of_a_fork("{plugin: hygiene, paths: [nothing]}", "{plugin: hygiene}"), "hygiene");
        assert_eq!(of_a_fork("{name: hygiene, run: ./a, output: gnu}", "{plugin: hygiene}"), "hygiene=./a?");
    }

    #[test]
    fn every_built_in_check_runs_where_it_is_named() {
        for builtin in builtin::all() {
            assert_eq!(of(&format!("version: 1\nchecks: [{{plugin: {0}}}]\n", builtin.name())), [format!("{0} runs {0}", builtin.name())]);
        }
    }

    #[test]
    fn a_manifest_that_names_no_checks_plans_none() {
        assert!(of("version: 1\nchecks: []\n").is_empty());
    }

    #[test]
    fn what_cannot_be_run_says_why_and_leaves_the_others_alone() {
        let manifest = "version: 1\nchecks:\n- plugin: hygeine\n- plugin: hygiene\n- name: own\n  run: ./lint\n  output: sarif\n- plugin: ruff\n- plugin: docker://acme/lint:v1\n- name: secretive\n  run: ./lint\n  output: gnu\n  mounts: [{source: \"secrets:KEY\", destination: \"~/.key\"}]\n";
        let planned = [
            "hygeine: plugin_unknown",
            "hygiene runs hygiene",
            "own runs `./lint` for sarif",
            "ruff runs Ruff",
            "lint runs the image acme/lint:v1",
            "secretive: secret_unknown",
        ];
        assert_eq!(of(manifest), planned);
        let manifest = parse(ManifestName::Plumbline, manifest.as_bytes()).unwrap();
        let typo = plan(Some(&manifest), &[], &Known::default()).remove(0).runner.err().unwrap();
        assert!(typo.message.ends_with("Did you mean `hygiene`?"), "{}", typo.message);
    }

    #[test]
    fn an_earlier_result_holds_only_for_the_same_tool_with_the_same_settings() {
        let of = |manifest: &str, found: &str| {
            let manifest = parse(ManifestName::Plumbline, manifest.as_bytes()).unwrap();
            plan(Some(&manifest), &[], &Known::default()).remove(0).version(Some(&manifest.exclude), found)
        };
        let plain = "version: 1\nchecks: [{plugin: ruff}]\n";
        assert_eq!(of(plain, "1.0"), of(plain, "1.0"));
        let others = [
            (plain, "1.1"),
            ("version: 1\nchecks: [{plugin: ruff, env: {A: b}}]\n", "1.0"),
            ("version: 1\nchecks: [{plugin: ruff, paths: [\"src/\"]}]\n", "1.0"),
            ("version: 1\nexclude: [\"a/\"]\nchecks: [{plugin: ruff}]\n", "1.0"),
        ];
        for (manifest, found) in others {
            assert_ne!(of(manifest, found), of(plain, "1.0"), "{manifest} {found}");
        }
    }

    #[test]
    fn an_earlier_result_holds_only_as_long_as_it_would_be_read_and_understood_alike() {
        let of = |entry: &str| {
            let tool: &'static Tool = Box::leak(Box::new(catalogue::read(entry.as_bytes()).unwrap()));
            Planned::new("ruff", "ruff", Ok(Runner::Tool(tool))).version(None, "1.0")
        };
        let entry = include_str!("../../../data/checks/ruff.toml");
        assert_eq!(of(entry), of(entry));
        assert_ne!(of(entry), of(&entry.replace("severity = \"minor\"", "severity = \"info\"")), "a rule means something else");
        assert_ne!(of(entry), of(&entry.replace("\"--quiet\", ", "")), "it is called otherwise");
        let manifest = parse(ManifestName::Plumbline, b"version: 1\nchecks: [{name: own, run: ./lint, output: gnu}]\n").unwrap();
        for planned in [plan(Some(&manifest), &[], &Known::default()).remove(0), Planned::new("ruff", "ruff", named("ruff"))] {
            let words = planned.version(None, "");
            assert!(words.split(' ').any(|word| word == format::VERSION.to_string()), "{words}");
        }
        let long = "a path and its blob ".repeat(10_000);
        assert!(Planned::new("ruff", "ruff", named("ruff")).version(None, &long).len() < 300, "a key is short");
    }
}
