//! From the manifest to what is run: a pure step.

use super::builtin::{self, Builtin};
use super::{CheckError, ErrorCode};
use crate::domain::repos::manifest::{CheckSpec, Globs, Manifest, Runs};
use crate::engine::store::blob::BlobHash;

/// A check that is to be run.
#[derive(Clone)]
pub struct Planned {
    /// Its name, unique within the set.
    pub name: String,
    /// What runs it, as people call it.
    pub plugin: String,
    /// What runs it; or why nothing can.
    pub runner: Result<&'static dyn Builtin, CheckError>,
    /// The files it looks at; `None` is all.
    pub paths: Option<Globs>,
}

impl Planned {
    /// What tells whether an earlier result of the check still holds for a file that did not change: what judges, and the settings that
    /// bear on it.
    pub fn version(&self, exclude: Option<&Globs>) -> String {
        let runner =
            self.runner.as_ref().map_or_else(|error| error.code.to_string(), |builtin| format!("{}@{}", builtin.name(), builtin.version()));
        let settings = format!("{:?} {exclude:?}", self.paths);
        format!("{runner} {}", BlobHash::of(settings.as_bytes()))
    }
}

/// The checks of a commit with this manifest; without one, or with one that does not speak of checks, every built-in one that is on by
/// default. Empty where the manifest names none.
pub fn plan(manifest: Option<&Manifest>) -> Vec<Planned> {
    match manifest.and_then(|manifest| manifest.checks.as_ref()) {
        Some(specs) => specs.iter().map(planned).collect(),
        None => builtin::by_default()
            .iter()
            .map(|builtin| Planned {
                name: builtin.name().to_owned(),
                plugin: builtin.name().to_owned(),
                runner: Ok(*builtin),
                paths: None,
            })
            .collect(),
    }
}

fn planned(spec: &CheckSpec) -> Planned {
    let (plugin, runner) = match &spec.runs {
        Runs::Plugin(plugin) => (plugin.clone(), builtin::find(plugin).ok_or_else(|| unknown(plugin))),
        Runs::Image(image) => (format!("docker://{image}"), Err(unavailable(&spec.name))),
        Runs::Command { run, .. } => (run.clone(), Err(unavailable(&spec.name))),
    };
    Planned { name: spec.name.clone(), plugin, runner, paths: spec.paths.clone() }
}

fn unknown(plugin: &str) -> CheckError {
    let names = builtin::all().iter().map(|builtin| builtin.name()).collect::<Vec<_>>();
    let meant =
        crate::base::text::nearest(plugin, names.iter().copied()).map(|name| format!(" Did you mean `{name}`?")).unwrap_or_default();
    CheckError {
        code: ErrorCode::PluginUnknown,
        message: format!("No plugin is named `{plugin}`; there are: {}.{meant}", names.join(", ")),
    }
}

fn unavailable(name: &str) -> CheckError {
    CheckError {
        code: ErrorCode::SandboxUnavailable,
        message: format!(
            "`{name}` starts a process, and this appliance runs built-in checks alone; take it out of the manifest, or run it elsewhere."
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
            Ok(builtin) => format!("{} runs {}", planned.name, builtin.name()),
            Err(error) => format!("{}: {}", planned.name, error.code),
        };
        plan(Some(&manifest)).into_iter().map(says).collect()
    }

    #[test]
    fn without_a_manifest_the_built_in_checks_run() {
        assert_eq!(plan(None).into_iter().map(|planned| planned.name).collect::<Vec<_>>(), ["hygiene", "duplication"]);
        assert_eq!(of("version: 1\nissues: {fail_on: any}\n"), ["hygiene runs hygiene", "duplication runs duplication"]);
    }

    #[test]
    fn a_manifest_that_names_no_checks_plans_none() {
        assert!(of("version: 1\nchecks: []\n").is_empty());
    }

    #[test]
    fn what_cannot_be_run_says_why_and_leaves_the_others_alone() {
        let manifest = "version: 1\nchecks:\n- plugin: hygeine\n- plugin: hygiene\n- name: own\n  run: ./lint\n  output: sarif\n";
        assert_eq!(of(manifest), ["hygeine: plugin_unknown", "hygiene runs hygiene", "own: sandbox_unavailable"]);
        let manifest = parse(ManifestName::Plumbline, manifest.as_bytes()).unwrap();
        let typo = plan(Some(&manifest)).remove(0).runner.err().unwrap();
        assert!(typo.message.ends_with("Did you mean `hygiene`?"), "{}", typo.message);
    }
}
