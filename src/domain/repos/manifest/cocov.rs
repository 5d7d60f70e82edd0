//! `.cocov.yaml`, version `0.1.alpha`, said in our words.
//!
//! It follows what Cocov documents where Cocov did otherwise: `dir/` leaves out everything below, default variables are merged one by
//! one, a key that is left empty is as one that is not written, and `coverage.min_percent` is a percentage. Whatever else was an error
//! there is one here, with its place.

use super::field::Field;
use super::glob::Dialect;
use super::node::{Fault, Node, Place};
use super::plumbline::{self, Defaults};
use super::{CheckSpec, CoverageGate, GithubReport, IssuesGate, Manifest, ManifestName, Network, Runs, value};

/// The one version of the format there is.
const VERSION: &str = "0.1.alpha";

/// Decodes the document; `None` is an empty file.
pub fn decode(root: Option<&Node>) -> Result<Manifest, Fault> {
    let Some(root) = root else {
        return Err(Fault::at(Place::START, format!("the file is empty; expected `version: {VERSION}`")));
    };
    let root = Field::root(root);
    let keys = root.mapping(&["version", "coverage", "exclude_paths", "defaults", "checks"])?;
    let version = keys.written("version").ok_or_else(|| root.fault(format!("expected `version: {VERSION}`, found no version")))?;
    version.parsed(&format!("`{VERSION}`"), |text| (text == VERSION).then_some(()))?;
    let defaults = keys.get("defaults").map(|field| defaults(&field)).transpose()?.unwrap_or_default();
    Ok(Manifest {
        name: ManifestName::Cocov,
        exclude: keys.get("exclude_paths").map(|field| field.globs(Dialect::Cocov)).transpose()?.unwrap_or_default(),
        coverage: keys.get("coverage").map(|field| coverage(&field)).transpose()?.unwrap_or_default(),
        issues: IssuesGate::default(),
        github: GithubReport::default(),
        checks: keys.get("checks").map(|field| plumbline::checks(&field, &defaults, check)).transpose()?,
    })
}

fn coverage(field: &Field<'_>) -> Result<CoverageGate, Fault> {
    let min = field.mapping(&["min_percent"])?.get("min_percent").map(plumbline::percent).transpose()?;
    Ok(CoverageGate { project_min: min, ..CoverageGate::default() })
}

fn defaults(field: &Field<'_>) -> Result<Defaults, Fault> {
    let Some(checks) = field.mapping(&["checks"])?.get("checks") else { return Ok(Defaults::default()) };
    let keys = checks.mapping(&["envs", "mounts"])?;
    Ok(Defaults {
        env: keys.get("envs").map(|field| plumbline::env(&field)).transpose()?.unwrap_or_default(),
        mounts: keys.get("mounts").map(|field| plumbline::mounts(&field)).transpose()?.unwrap_or_default(),
        timeout: None,
    })
}

fn check(field: &Field<'_>, defaults: &Defaults) -> Result<CheckSpec, Fault> {
    let keys = field.mapping(&["plugin", "envs", "mounts"])?;
    let plugin = keys.written("plugin").ok_or_else(|| field.fault("expected `plugin`, found none"))?;
    let image = plugin.text("an image")?;
    let name = value::image_name(image);
    if !value::is_image(image) || !value::is_check_name(name) {
        return Err(plugin.expected("an image such as `cocov/rubocop:v0.1`"));
    }
    let env = keys.get("envs").map(|field| plumbline::env(&field)).transpose()?.unwrap_or_default();
    let mounts = keys.get("mounts").map(|field| plumbline::mounts(&field)).transpose()?.unwrap_or_default();
    Ok(CheckSpec {
        name: name.to_owned(),
        runs: Runs::Image(image.to_owned()),
        paths: None,
        env: plumbline::merge_env(env, defaults),
        mounts: plumbline::merge_mounts(mounts, defaults),
        credentials: None,
        cache: Vec::new(),
        network: Network::None,
        timeout: None,
        memory: None,
    })
}
