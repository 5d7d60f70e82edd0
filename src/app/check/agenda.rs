//! What of a commit is to run: what its manifest asks for, or what the host has where none does; what of that waits until somebody
//! approves it; and what the commit must hold to.
//!
//! Of a commit that a fork brings, the branch that it is to go to says what it must hold to and what may run at once.

use super::trees::{Foreign, manifest_file, read_manifest};
use super::{Manner, Run, Stop, could_not_tell};
use crate::app::App;
use crate::base::event::Verdict;
use crate::base::name::{BlobId, CommitSha};
use crate::domain::checks::catalogue::{self, Tool, Wake};
use crate::domain::checks::plan::{Planned, of_fork, plan, wanted_secrets};
use crate::domain::checks::{self, CheckError, CheckState, Conclusion, ErrorCode, Vouched, WaitsFor};
use crate::domain::repos::manifest::Manifest;
use crate::domain::repos::{ApprovalFor, Repository};
use crate::domain::{secrets, settings};
use crate::engine::git::tree::{Tree, TreeFile};
use crate::engine::sandbox::Tier;

/// What stands for the manifest of a commit that has none: the name of the empty content. That there is none is a decision like any other,
/// since the tools that are switched on run then; the default branch makes it, or somebody approves it.
const NO_MANIFEST: BlobId = BlobId::from_bytes([
    0xe6, 0x9d, 0xe2, 0x9b, 0xb2, 0xd1, 0xd6, 0x43, 0x4b, 0x8b, 0x29, 0xae, 0x77, 0x5a, 0xd8, 0xc2, 0xe4, 0x8c, 0x53, 0x91,
]);

/// What of a commit is to run.
pub(super) struct Agenda {
    pub planned: Vec<Planned>,
    /// What the commit must hold to: its own manifest, or that of the branch which a fork's is to go to.
    pub ruling: Option<Manifest>,
    pub vouched: Vouched,
    /// The content of the commit's own manifest.
    pub manifest: BlobId,
}

/// The tools that run where no manifest says what to run: those that the configuration or the repository's settings name, or all that
/// this host has. Where it says so there are none, and none is asked for its version.
pub(super) fn besides(
    app: &App,
    repository: &Repository,
    manner: &Manner,
    manifest: Option<&Manifest>,
    files: &[TreeFile],
) -> Vec<&'static Tool> {
    if manifest.is_some_and(|manifest| manifest.checks.is_some()) {
        return Vec::new();
    }
    let settings = app.read_now(|tx, _| settings::load(tx)).unwrap_or_else(|error| {
        tracing::warn!("the settings cannot be read, and the defaults hold: {error}");
        settings::Settings::default()
    });
    let named = app.config.default_tools(&settings);
    let is_named = |tool: &Tool| named.contains(&tool.name) || repository.tools.contains(&tool.name);
    let is_asked = |tool: &Tool| manner.tries_tools && tool.needs_no_settings() || is_named(tool);
    // One that nothing wakes is not run, so it need not say its version.
    let sleeps = |tool: &Tool| matches!(tool.wake(files, |path| manner.speaks_of(path)), Wake::Sleeps);
    let can_run = |tool: &Tool| if sleeps(tool) { app.sandboxes.locate(tool).is_ok() } else { app.sandboxes.ready(tool).is_ok() };
    catalogue::all().iter().filter(|tool| is_asked(tool) && can_run(tool)).collect()
}

impl Run<'_> {
    /// What is to run, and what of it waits for somebody; or how the set ends since nothing can run, which for a fork's is begun for that.
    pub(super) fn agenda(&mut self, tree: &dyn Tree) -> Result<Result<Agenda, Conclusion>, Stop> {
        let invalid = |message| Ok(Err(could_not_tell(CheckError { code: ErrorCode::ManifestInvalid, message })));
        let manifest = match read_manifest(tree)? {
            Ok(manifest) => manifest,
            Err(message) => return invalid(message),
        };
        let besides = |manifest| besides(self.app, self.repository, self.manner, manifest, tree.files());
        let planned = plan(manifest.as_ref(), &besides(manifest.as_ref()), &self.secrets_of(manifest.as_ref())?);
        let file = manifest_file(tree).map_or(NO_MANIFEST, |(_, file)| file.blob);
        let foreign = self.trees.foreign();
        let vouched = Vouched { unapproved: None, is_foreign: foreign.is_some(), goes_to: self.trees.goes_to().to_vec() };
        let agenda = match foreign {
            None => {
                let mut planned = planned;
                let unapproved = self.unapproved(file, &planned)?;
                if unapproved.is_some() {
                    planned.iter_mut().filter(|one| one.starts_process()).for_each(|one| one.waits_for = Some(WaitsFor::Approval));
                }
                Agenda { planned, ruling: manifest, vouched: Vouched { unapproved, ..vouched }, manifest: file }
            }
            Some(Foreign { base }) => {
                let ruling = match self.ruling(base)? {
                    Ok(ruling) => ruling,
                    Err(message) => {
                        self.begin(&[], &[], vouched, NO_MANIFEST)?;
                        return invalid(message);
                    }
                };
                // What was approved is what was shown: what the base has runs as well, whatever the fork's manifest says of it.
                let mut planned = of_fork(planned, plan(ruling.as_ref(), &besides(ruling.as_ref()), &self.secrets_of(ruling.as_ref())?));
                if self.is_approved()? {
                    planned.iter_mut().for_each(|one| one.waits_for = None);
                } else {
                    self.keep_from_host(&mut planned);
                }
                let unapproved = Some(file).filter(|_| planned.iter().any(|one| one.waits_for.is_some()));
                Agenda { planned, ruling, vouched: Vouched { unapproved, ..vouched }, manifest: file }
            }
        };
        if agenda.planned.is_empty() {
            let sentence = "the manifest names no checks".to_owned();
            let (state, verdict) = (CheckState::NotConfigured, Verdict::Success);
            return Ok(Err(Conclusion { state, verdict, sentence, error: None, is_settled: true }));
        }
        Ok(Ok(agenda))
    }

    /// Which of the secrets that a manifest asks for there are.
    fn secrets_of(&self, manifest: Option<&Manifest>) -> Result<secrets::Known, Stop> {
        Ok(self.app.read_now(|tx, _| secrets::known(tx, self.set.repo, wanted_secrets(manifest)))?)
    }

    /// The manifest that says what a fork's commit must hold to: that of the branch it is to go to. Or what is wrong with it. One commit has
    /// one verdict: where two branches might ask different things of it, neither says it for the other.
    fn ruling(&self, base: Option<CommitSha>) -> Result<Result<Option<Manifest>, String>, Stop> {
        if let [one, other, ..] = self.trees.goes_to() {
            return Ok(Err(format!(
                "A fork asks `{one}` and `{other}` to take this commit, and what one asks of it may not be what the other does; close all of \
                 its pull requests but one."
            )));
        }
        let Some(base) = base else { return Ok(Ok(None)) };
        let read = read_manifest(&*self.trees.tree(base)?)?;
        Ok(read
            .map_err(|why| format!("What a fork must hold to stands in the branch that it is to go to, and cannot be read there: {why}")))
    }

    fn is_approved(&self) -> Result<bool, Stop> {
        let (repo, sha) = (self.set.repo, self.set.sha);
        Ok(self.app.read_now(move |tx, _| checks::is_approved(tx, repo, sha))?)
    }

    /// Has all that starts a process wait where nothing keeps a process from the host: it is shown a stranger's files.
    fn keep_from_host(&self, planned: &mut [Planned]) {
        let mut programs = planned.iter_mut().filter(|one| one.starts_process()).peekable();
        if programs.peek().is_some() && self.app.sandboxes.get().is_ok_and(|sandbox| sandbox.tier() == Tier::Trusted) {
            programs.for_each(|one| one.waits_for = Some(WaitsFor::Approval));
        }
    }

    /// The commit's manifest, if it is to be approved before what it starts is started.
    fn unapproved(&self, manifest: BlobId, planned: &[Planned]) -> Result<Option<BlobId>, Stop> {
        let is_asked_for = match self.repository.approval_for {
            ApprovalFor::Forks => false,
            ApprovalFor::Branches => !self.is_named_default(),
        };
        if !is_asked_for || !planned.iter().any(Planned::starts_process) {
            return Ok(None);
        }
        let repo = self.set.repo;
        let is_trusted = self.app.read_now(move |tx, _| checks::is_trusted(tx, repo, manifest))?;
        Ok(Some(manifest).filter(|_| !is_trusted))
    }
}
