//! Workloads: runs of a forge's own automation, which show by a token of the forge whose run they are.
//!
//! A job on GitHub Actions can ask for a JSON Web Token that GitHub has signed and that says from which repository, commit and run it
//! comes (`OpenID` Connect). Whoever takes such a token needs no secret of ours in the job, so none can leak there. What is believed is
//! little: an issuer that the configuration names, a key that this issuer publishes, an audience that is this instance, an hour that is
//! now. Then the token's word counts for one thing: which repository it is.
//!
//! [`Shown::read`] takes a text apart and believes nothing, [`Shown::verify`] holds it against the issuer's [`Keys`]. Both are pure: where
//! keys come from is the business of `app/issuers.rs`, and which repository here is meant that of [`of_workload`]. Every reason to refuse
//! is a [`Fault`], for the log alone: whoever showed the token is told that it is not good, and no more.
//!
//! [`of_workload`]: crate::domain::repos::of_workload

use crate::base::name::CommitSha;
use crate::base::time::Timestamp;

mod json;
mod keys;
mod shown;
#[cfg(test)]
mod tests;

pub use keys::{KEYS_BYTES, Keys};
pub use shown::{LEEWAY, Shown, TOKEN_BYTES, looks_like_one};

/// A run of a forge's automation, as its token has said and its issuer has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Who says so.
    pub issuer: String,
    /// What it is to its issuer.
    pub subject: String,
    /// The repository it runs for, as `owner/name`.
    pub repository: String,
    /// The number by which the forge knows that repository through renames.
    pub repository_id: u64,
    /// The number by which the forge knows the repository's owner.
    pub owner_id: u64,
    /// The branch, tag or pull request it runs for.
    pub git_ref: Option<String>,
    /// The commit it runs for.
    pub sha: Option<CommitSha>,
    /// The file that says what runs.
    pub workflow: Option<String>,
    /// What set it off.
    pub event: Option<String>,
    /// The number of the run.
    pub run: Option<u64>,
    /// Which attempt at the run it is.
    pub attempt: Option<u64>,
    /// When the token ends.
    pub expires_at: Timestamp,
}

impl Workload {
    /// The host whose repositories the issuer speaks of, with its port where it has one. GitHub signs by a host of its own, an enterprise's
    /// server by itself.
    pub fn forge(&self) -> &str {
        forge_of(&self.issuer)
    }

    /// Whether its token still counts.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.expires_at + LEEWAY
    }

    /// What is the same for all runs of one repository.
    pub fn whose(&self) -> String {
        format!("{}#{}", self.issuer, self.repository_id)
    }

    /// The run and its attempt, where the token says so.
    pub fn run_name(&self) -> Option<String> {
        let run = self.run?;
        Some(self.attempt.map_or(run.to_string(), |attempt| format!("{run}/{attempt}")))
    }
}

/// The forge of an issuer.
fn forge_of(issuer: &str) -> &str {
    let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
    let host = rest.split('/').next().unwrap_or(rest);
    match host.strip_prefix("token.actions.") {
        Some("githubusercontent.com") => "github.com",
        // A company's own corner of GitHub.
        Some(own) if own.ends_with(".ghe.com") => own,
        _ => host,
    }
}

/// Why a token is not believed. None of these repeats what the token says but for the name of a repository that its issuer has signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is longer than such tokens are.
    #[error("it has more than {TOKEN_BYTES} bytes")]
    TooLong,
    /// A part of it is not as the form asks.
    #[error("its {part} is {why}")]
    Malformed {
        /// Which part.
        part: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is signed in a way that is not taken.
    #[error("it is not signed by RS256 or ES256")]
    Algorithm,
    /// It comes from somebody whom the configuration does not name.
    #[error("its issuer is not one of `oidc.issuers`")]
    IssuerUnknown,
    /// Its issuer has no key of that name.
    #[error("its issuer publishes no key by the id that it names")]
    KeyUnknown,
    /// The key of that name is of another kind.
    #[error("the key that it names is not one for the algorithm that it names")]
    KeyOther,
    /// The signature is not by that key.
    #[error("its signature does not fit its issuer's key")]
    Signature,
    /// It is meant for somebody else.
    #[error("its audience is another one; ask for one with the audience `public_url` or `oidc.audience`, whichever is set")]
    Audience,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is from the future, or not good yet")]
    Early,
    /// A claim is not what such a claim is.
    #[error("its claim `{claim}` is {why}")]
    Claim {
        /// Which claim.
        claim: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing here is of that repository.
    #[error("no repository here is fetched from https://{forge}/{repository}")]
    RepositoryUnknown {
        /// The host of the repository.
        forge: String,
        /// Its name there.
        repository: String,
    },
}
