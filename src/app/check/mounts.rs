//! The secrets that a check's program sees as files, and the one that its image is fetched with.
//!
//! They are opened when the program is about to run, handed to its sandbox, and gone with it. That it was given them is written down
//! before. Whatever comes of the run passes a mask over their values once more: the sandbox masks what a program writes, and here are the
//! lines of the repository that a finding points at, where somebody may have committed one.

use super::Stop;
use super::judge::{Judge, Told, Untold};
use crate::base::event::Actor;
use crate::base::id::SecretId;
use crate::base::mask::Mask;
use crate::base::secret::Secret;
use crate::domain::checks::plan::{Planned, place_in_sandbox};
use crate::domain::checks::{CheckError, ErrorCode};
use crate::domain::secrets::{self, Use};
use crate::engine::sandbox::oci::Credentials;

/// What a program is given.
#[derive(Default)]
pub(super) struct Given {
    /// The destinations as the manifest has them, and the values.
    files: Vec<(String, Secret<String>)>,
    mask: Mask,
}

impl Judge<'_> {
    /// Opens the secrets that a check asks for, and writes down that it uses them.
    pub(super) fn given(&self, planned: &Planned) -> Result<Result<Given, CheckError>, Stop> {
        let mounted = &planned.process.secrets;
        if mounted.is_empty() {
            return Ok(Ok(Given::default()));
        }
        let ids: Vec<SecretId> = mounted.iter().map(|mount| mount.secret.id).collect();
        let values = match self.opened(planned, &ids)? {
            Ok(values) => values,
            Err(error) => return Ok(Err(error)),
        };
        let files: Vec<(String, Secret<String>)> = mounted.iter().map(|mount| mount.destination.clone()).zip(values).collect();
        let mask = match Mask::new(files.iter().map(|(_, value)| value)) {
            Ok(mask) => mask,
            Err(refused) => {
                let message = format!("`{}` cannot be given its secrets: {refused}.", planned.name);
                return Ok(Err(CheckError { code: ErrorCode::ManifestInvalid, message }));
            }
        };
        Ok(Ok(Given { files, mask }))
    }

    /// Opens what the image of a check is fetched with: the name of a user and a password or token, with a colon between.
    pub(super) fn credentials(&self, planned: &Planned) -> Result<Result<Option<Credentials>, CheckError>, Stop> {
        let Some(secret) = &planned.process.credentials else { return Ok(Ok(None)) };
        let mut values = match self.opened(planned, &[secret.id])? {
            Ok(values) => values,
            Err(error) => return Ok(Err(error)),
        };
        let value = values.pop();
        let parts = value.as_ref().and_then(|value| value.expose().trim_end_matches(['\r', '\n']).split_once(':'));
        Ok(match parts.filter(|(username, password)| !username.is_empty() && !password.is_empty()) {
            Some((username, password)) => {
                Ok(Some(Credentials { username: username.to_owned(), password: Secret::new(password.to_owned()) }))
            }
            None => {
                let message = format!(
                    "`{}` fetches its image with a secret that is not `user:password`; set it so, a token as the password.",
                    planned.name
                );
                Err(CheckError { code: ErrorCode::ManifestInvalid, message })
            }
        })
    }

    /// Opens secrets for a check, in their order, and writes down that it uses them.
    fn opened(&self, planned: &Planned, ids: &[SecretId]) -> Result<Result<Vec<Secret<String>>, CheckError>, Stop> {
        let app = self.run.app;
        let rows = app.read_now(|tx, _| -> secrets::Result<Vec<_>> { ids.iter().map(|id| secrets::get(tx, *id)).collect() })?;
        let mut values = Vec::new();
        for row in &rows {
            let Some(row) = row else {
                let message = format!("A secret that `{}` asks for was removed while its checks began; run them again.", planned.name);
                return Ok(Err(CheckError { code: ErrorCode::SecretUnknown, message }));
            };
            match secrets::open(&app.vault, row) {
                Ok(value) => values.push(value),
                Err(secrets::Error::Vault(error)) => {
                    tracing::error!(check = planned.name, "the secret `{}` cannot be opened: {error}", row.name);
                    let message =
                        format!("`{}` asks for the secret `{}`, and it cannot be opened: {}.", planned.name, row.name, error.public());
                    return Ok(Err(CheckError { code: ErrorCode::SecretUnreadable, message }));
                }
                Err(error) => return Err(error.into()),
            }
        }
        let ids = ids.to_vec();
        let (repo, sha, check) = (self.run.set.repo, self.run.set.sha, planned.name.clone());
        app.write_now(&Actor::System, move |tx, now| secrets::mark_used(tx, &ids, &Use { at: now, repo, sha, check: check.clone() }))?;
        Ok(Ok(values))
    }
}

impl Given {
    /// The files as an image is given them, which may be anywhere.
    pub(super) fn anywhere(&self) -> Vec<(String, Secret<String>)> {
        self.files.clone()
    }

    /// The files as a sandbox is given them: the plan has none that it has no place for.
    pub(super) fn in_sandbox(&self) -> Vec<(String, Secret<String>)> {
        let placed = |(destination, value): &(String, Secret<String>)| Some((place_in_sandbox(destination)?.to_owned(), value.clone()));
        self.files.iter().filter_map(placed).collect()
    }

    /// Takes the values out of what came of a run.
    pub(super) fn hide(&self, told: &mut Result<Told, Untold>) {
        if self.files.is_empty() {
            return;
        }
        let text = |text: &mut String| *text = self.mask.text(text);
        let execution = match told {
            Ok(told) => {
                for located in &mut told.found {
                    text(&mut located.finding.message);
                    text(&mut located.finding.rule);
                    located.finding.fingerprint.iter_mut().for_each(text);
                    located.excerpt.iter_mut().for_each(text);
                }
                &mut told.execution
            }
            Err(untold) => {
                text(&mut untold.error.message);
                &mut untold.execution
            }
        };
        for (what, why) in execution.iter_mut().flat_map(|execution| &mut execution.dropped) {
            text(what);
            text(why);
        }
    }
}
