//! Judging by an image: a plugin that was made for Cocov.
//!
//! Its contract is kept as Cocov's worker kept it: the user, the environment, the folder that it works in, the file of records that it
//! leaves, and that only one that ends with 0 is believed. What that worker gave it beside is not: it has no network, and of the file system
//! it can write no more than it needs. Paths are the same every time, where Cocov made them anew: so a message that names one is the same
//! message at the next commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::believe::{Program, Reads};
use super::in_sandbox::{Said, execution, unstarted};
use super::judge::{Judge, Told, Untold};
use super::{Progress, Stop};
use crate::app::live::LiveLog;
use crate::base::event::Actor;
use crate::domain::checks::catalogue::From;
use crate::domain::checks::plan::Planned;
use crate::domain::checks::{self, CheckError, ErrorCode};
use crate::domain::issues::format::Format;
use crate::domain::repos::manifest::Network;
use crate::engine::git::tree::TreeFile;
use crate::engine::sandbox::oci::{Image, Oci, Plugin, Reference};
use crate::engine::sandbox::{self, How, Limits, Tier, Value};
use crate::engine::store;

/// Where it works.
const WORK: &str = "/work/tree";
/// The file that it writes its records into.
const OUTPUT: &str = "/tmp/cocov-output";
/// Where it sees the tree.
const ROOTS: [&str; 1] = [WORK];

/// An image that is here, and who runs it.
pub(super) struct Pinned {
    pub image: Image,
    oci: Arc<Oci>,
}

impl Judge<'_> {
    /// Has the image here that is meant by a name, and keeps what it means.
    pub(super) fn image(&self, name: &str, planned: &Planned, log: &mut LiveLog) -> Result<Result<Pinned, CheckError>, Stop> {
        let app = self.run.app;
        let invalid = |message| Ok(Err(CheckError { code: ErrorCode::ManifestInvalid, message }));
        let reference: Reference = match name.parse() {
            Ok(reference) => reference,
            Err(why) => return invalid(format!("`docker://{name}` names no image: {why}.")),
        };
        let oci = match app.sandboxes.oci() {
            Ok(oci) => oci,
            Err(error) => return Ok(Err(error)),
        };
        if planned.process.network != Network::None {
            return invalid(format!(
                "`{}` asks for a network, and an image is given none; take `network` out of the manifest.",
                planned.name
            ));
        }
        let (repo, key) = (self.run.set.repo, reference.to_string());
        let known = app.read_now(|tx, _| checks::image_pin(tx, repo, &key))?.map(|pin| pin.pinned);
        if known.is_none() {
            log.line(&format!("{key} is run for the first time in this repository"));
        }
        let credentials = match self.credentials(planned)? {
            Ok(credentials) => credentials,
            Err(error) => return Ok(Err(error)),
        };
        let cancel = || self.run.attempt.cancel.is_tripped();
        let get = |pinned: Option<&str>| oci.image(&reference, pinned, credentials.as_ref(), &cancel);
        let mut found = get(known.as_deref());
        if let (None, Ok(Some(image))) = (&known, &found) {
            let (name, pinned) = (key.clone(), image.pinned.clone());
            let pin = move |tx: &mut store::WriteTx, now| -> Result<_, store::Error> { checks::pin_image(tx, repo, &name, &pinned, now) };
            let kept = app.write_now(&Actor::System, pin)?;
            if kept.pinned != image.pinned {
                // Somebody else was quicker, and the name had another meaning then.
                found = get(Some(&kept.pinned));
            }
        }
        match found {
            Ok(Some(image)) => {
                let how = if image.was_pulled { "fetched" } else { "here already" };
                log.line(&format!("{key} is {} ({how})", image.digest()));
                Ok(Ok(Pinned { image, oci }))
            }
            Ok(None) => Err(Stop::Unwanted),
            Err(error) => Ok(Err(unstarted(&error))),
        }
    }

    /// Has an image judge the tree.
    pub(super) fn by_image(
        &self,
        pinned: &Pinned,
        planned: &Planned,
        files: &[&TreeFile],
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, Untold>, Stop> {
        let (_pass, limits) = self.let_in(planned)?;
        let given = match self.given(planned)? {
            Ok(given) => given,
            Err(error) => return Ok(Err(Untold::errored(error))),
        };
        let secret_files = given.anywhere();
        let plugin = Plugin { env: self.contract(planned), tree: WORK.to_owned(), output: OUTPUT.to_owned(), secret_files };
        let mut told = self.image_ran(pinned, &plugin, &limits, planned, files, most, log)?;
        given.hide(&mut told);
        Ok(told)
    }

    #[expect(clippy::too_many_arguments, reason = "each of them bears on it, and they have nothing else in common")]
    fn image_ran(
        &self,
        Pinned { image, oci }: &Pinned,
        plugin: &Plugin,
        limits: &Limits,
        planned: &Planned,
        files: &[&TreeFile],
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, Untold>, Stop> {
        let reads = Reads { program: Program::Image, format: Format::Cocov, from: From::File, columns: None, roots: &ROOTS };
        let mut ran = execution(&planned.plugin, Some(image.digest().to_owned()), Tier::Oci, &oci.limits_in_force());
        log.line(&format!("{} at {}, tier {}", planned.plugin, self.run.set.sha.short(), ran.tier));
        self.run.goes_on()?;
        (self.run.progress)(Progress { check: &planned.name, done: 0, total: files.len() });
        let outcome = match self.over_tree(log, None, Said::Both, |files, cancel, out| oci.run(image, plugin, limits, files, cancel, out)) {
            Ok(outcome) => outcome,
            Err(error) if error.is_transient() && !self.run.attempt.is_last() => return Err(Stop::Failed(error.into())),
            Err(error @ sandbox::Error::Program { .. }) => {
                return Ok(Err(Untold::errored(CheckError { code: ErrorCode::PluginCrashed, ..unstarted(&error) })));
            }
            Err(error) => return Ok(Err(Untold::errored(unstarted(&error)))),
        };
        ran.wall_ms = outcome.wall_ms;
        ran.exit_code = match outcome.how {
            How::Exited(code) => Some(code),
            _ => None,
        };
        let reading = match self.believed(&reads, &outcome, limits, &mut ran, log) {
            Ok(reading) => reading,
            Err(None) => return Err(Stop::Unwanted),
            Err(Some((state, error))) => return Ok(Err(Untold { state, error, execution: Some(ran) })),
        };
        (self.run.progress)(Progress { check: &planned.name, done: files.len(), total: files.len() });
        let was_cut = reading.is_cut;
        let findings = reading.findings.into_iter().filter(|read| read.suppressed.is_none()).map(|read| read.finding).collect();
        let taken = self.taken(findings, reads.program, planned, files.len(), None, most, ran)?;
        Ok(taken.map(|told| Told { is_cut: told.is_cut || was_cut, ..told }))
    }

    /// The environment of Cocov's contract over that of the manifest, which cannot change it.
    fn contract(&self, planned: &Planned) -> BTreeMap<String, Value> {
        let own = [
            ("COCOV_WORKDIR", WORK.to_owned()),
            ("COCOV_OUTPUT_FILE", OUTPUT.to_owned()),
            ("COCOV_REPO_NAME", self.run.repository.slug.name().to_owned()),
            ("COCOV_COMMIT_SHA", self.run.set.sha.to_string()),
            ("COCOV_JOB_IDENTIFIER", self.run.set.attempt.to_string()),
        ];
        let declared = planned.process.env.iter().map(|(name, value)| (name.clone(), Value::Plain(value.clone())));
        declared.chain(own.map(|(name, value)| (name.to_owned(), Value::Plain(value)))).collect()
    }
}
