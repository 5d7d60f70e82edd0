//! What a manifest would run, found out without running it.
//!
//! The plan is made as for a run, each check is asked which files of the tree it would look at, and this host whether it has what the check
//! needs. Nothing is read but the list of files, nothing is started but tools that are asked for their version, nothing is written.

use std::collections::HashMap;

use super::agenda::besides;
use super::{Manner, in_sandbox};
use crate::app::App;
use crate::domain::checks::CheckError;
use crate::domain::checks::catalogue::Wake;
use crate::domain::checks::plan::{Planned, Runner, plan};
use crate::domain::repos::Repository;
use crate::domain::repos::manifest::{Globs, Manifest};
use crate::domain::secrets::Known;
use crate::engine::git::tree::{FileKind, TreeFile};

/// A check that would run.
#[derive(Debug, Clone)]
pub struct Dry {
    /// Its name.
    pub name: String,
    /// What runs it, as people call it.
    pub plugin: String,
    /// How many files it would look at.
    pub files: u64,
    /// Why it could not tell; `None` if it can run here.
    pub error: Option<CheckError>,
}

/// The checks that a commit with this manifest and these files would have, where these secrets are known.
pub fn dry_run(app: &App, repository: &Repository, manifest: Option<&Manifest>, files: &[TreeFile], known: &Known) -> Vec<Dry> {
    let exclude = manifest.map(|manifest| &manifest.exclude);
    // Many checks look at the same files: they are counted once.
    let mut counted: HashMap<String, u64> = HashMap::new();
    let check = |planned: Planned| {
        let (files, error) = match &planned.runner {
            Err(error) => (0, Some(error.clone())),
            Ok(Runner::Tool(tool)) => match tool.wake(files, |path| planned.speaks_of(exclude, path)) {
                Wake::Sleeps => (0, app.sandboxes.here(tool).err()),
                Wake::Lacks(what) => (0, Some(in_sandbox::lacks(tool, &what))),
                Wake::Wakes { files, .. } => (files.len() as u64, app.sandboxes.ready(tool).err()),
            },
            Ok(Runner::Builtin(_)) => (count(&mut counted, &planned, exclude, files), None),
            Ok(Runner::Command { .. }) => (count(&mut counted, &planned, exclude, files), app.sandboxes.get().err()),
            // Whether it is there is not looked at: that might have it fetched.
            Ok(Runner::Image(_)) => (count(&mut counted, &planned, exclude, files), app.sandboxes.oci().err()),
        };
        Dry { name: planned.name, plugin: planned.plugin, files, error }
    };
    plan(manifest, &besides(app, repository, &Manner::default(), manifest, files), known).into_iter().map(check).collect()
}

/// How many files a check looks at that finds its way in the tree itself.
fn count(counted: &mut HashMap<String, u64>, planned: &Planned, exclude: Option<&Globs>, files: &[TreeFile]) -> u64 {
    let is_looked_at = |file: &&TreeFile| file.kind != FileKind::Submodule && planned.speaks_of(exclude, &file.path);
    *counted.entry(format!("{:?}", planned.paths)).or_insert_with(|| files.iter().filter(is_looked_at).count() as u64)
}
