//! A token as it is shown: taken apart, held against a key, and then believed.
//!
//! The form is that of RFC 7519, and of that the least: a compact JWS, three parts of base 64 between two dots. Of the header, `alg` and
//! `kid` are read; `alg` is one of two and has to fit the key, so that no token chooses how it is verified. What the header says beside
//! that is not followed, and what it says must be understood (`crit`) is not.

use std::time::Duration;

use serde_json::Value;

use super::json::{Object, unbase64};
use super::keys::{KEY_ID_BYTES, Keys};
use super::{Fault, Workload};
use crate::base::name::CommitSha;
use crate::base::time::Timestamp;

/// The longest token that is read; those of GitHub have about two thousand bytes.
pub const TOKEN_BYTES: usize = 16 << 10;
/// How far two clocks may be apart.
pub const LEEWAY: Duration = Duration::from_secs(60);
/// The longest that a token may live: what lives longer is not for one run.
const LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// The longest text of a claim.
const CLAIM_BYTES: usize = 1_000;

/// A way to sign that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    /// RSA (PKCS #1 v1.5) over SHA-256.
    Rs256,
    /// ECDSA on P-256 over SHA-256.
    Es256,
}

impl Algorithm {
    /// What headers and keys call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Es256 => "ES256",
        }
    }
}

/// Whether a text has the form of such a token: none of ours has a dot in it.
pub fn looks_like_one(text: &str) -> bool {
    let is_part = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    text.split('.').count() == 3 && text.split('.').all(is_part)
}

/// A token that was read and is not believed yet.
#[derive(Debug)]
pub struct Shown {
    algorithm: Algorithm,
    key_id: String,
    claims: Object,
    issuer: String,
    message: String,
    signature: Vec<u8>,
}

impl Shown {
    /// Takes a token apart.
    pub fn read(text: &str) -> Result<Shown, Fault> {
        if text.len() > TOKEN_BYTES {
            return Err(Fault::TooLong);
        }
        let malformed = |part, why| Fault::Malformed { part, why };
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(malformed("form", "not three parts"));
        };
        let decoded = |part: &'static str, text| unbase64(text).ok_or(malformed(part, "not base 64 for URLs without padding"));
        let object = |part: &'static str, text| {
            let read = Object::read(&decoded(part, text)?);
            read.ok_or(malformed(part, "not an object of JSON, or says something twice"))
        };
        let header = object("header", header)?;
        let algorithm = match header.text("alg") {
            Some("RS256") => Algorithm::Rs256,
            Some("ES256") => Algorithm::Es256,
            _ => return Err(Fault::Algorithm),
        };
        if header.get("crit").is_some() {
            return Err(malformed("header", "one that asks for extensions"));
        }
        let is_token = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("JWT"));
        if !header.get("typ").is_none_or(is_token) {
            return Err(malformed("header", "that of something else"));
        }
        let key_id = header.text("kid").filter(|id| !id.is_empty() && id.len() <= KEY_ID_BYTES);
        let key_id = key_id.ok_or(malformed("header", "without the id of a key"))?.to_owned();
        let claims = object("body", claims)?;
        let issuer = claims.text("iss").ok_or(Fault::IssuerUnknown)?.to_owned();
        let signature = decoded("signature", signature)?;
        let message = text.rsplit_once('.').map_or(text, |(message, _)| message).to_owned();
        Ok(Shown { algorithm, key_id, claims, issuer, message, signature })
    }

    /// Who is to have made it. To be used to choose among those who are known, and for nothing else before [`Shown::verify`].
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// By which of its issuer's keys it is to be signed.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Believes it, if it is signed by the issuer's key, is for this instance, and counts now.
    pub fn verify(&self, keys: &Keys, audiences: &[String], now: Timestamp) -> Result<Workload, Fault> {
        let key = keys.get(&self.key_id).ok_or(Fault::KeyUnknown)?;
        if key.algorithm() != self.algorithm {
            return Err(Fault::KeyOther);
        }
        if !key.verifies(self.message.as_bytes(), &self.signature) {
            return Err(Fault::Signature);
        }
        if !self.is_for(audiences) {
            return Err(Fault::Audience);
        }
        let expires_at = self.hours(now)?;
        self.workload(expires_at)
    }

    /// Whether its audience is one of these, and nobody besides: what is also for others could be shown here by them.
    fn is_for(&self, audiences: &[String]) -> bool {
        let meant = match self.claims.get("aud") {
            Some(Value::Array(several)) if several.len() == 1 => several[0].as_str(),
            Some(one) => one.as_str(),
            None => None,
        };
        meant.is_some_and(|meant| audiences.iter().any(|audience| audience == meant))
    }

    /// When it ends, if it counts now.
    fn hours(&self, now: Timestamp) -> Result<Timestamp, Fault> {
        let wrong = |claim| Fault::Claim { claim, why: "not a whole number of seconds" };
        let instant = |claim: &'static str| match self.claims.get(claim) {
            None => Ok(None),
            Some(value) => value.as_i64().filter(|seconds| *seconds >= 0).map(|at| Some(Timestamp::from_seconds(at))).ok_or(wrong(claim)),
        };
        let missing = |claim| Fault::Claim { claim, why: "missing" };
        let ends_at = instant("exp")?.ok_or(missing("exp"))?;
        let made_at = instant("iat")?.ok_or(missing("iat"))?;
        let begins_at = instant("nbf")?;
        if now >= ends_at + LEEWAY {
            return Err(Fault::Expired);
        }
        if made_at > now + LEEWAY || begins_at.is_some_and(|begins_at| begins_at > now + LEEWAY) {
            return Err(Fault::Early);
        }
        if ends_at > made_at + LIFETIME {
            return Err(Fault::Claim { claim: "exp", why: "more than a day after `iat`" });
        }
        Ok(ends_at)
    }

    fn workload(&self, expires_at: Timestamp) -> Result<Workload, Fault> {
        let subject = self.said("sub")?.ok_or(Fault::Claim { claim: "sub", why: "missing" })?;
        let repository = self.said("repository")?.ok_or(Fault::Claim { claim: "repository", why: "missing" })?;
        let (owner, name) = repository.split_once('/').unwrap_or_default();
        if !is_name(owner) || !is_name(name) {
            return Err(Fault::Claim { claim: "repository", why: "not an owner and a name" });
        }
        if self.said("repository_owner")?.is_some_and(|said| said != owner) {
            return Err(Fault::Claim { claim: "repository_owner", why: "not the owner of its `repository`" });
        }
        let needed = |claim| self.number(claim)?.ok_or(Fault::Claim { claim, why: "missing" });
        let sha = self.said("sha")?.map(|sha| sha.parse::<CommitSha>().map_err(|_| Fault::Claim { claim: "sha", why: "not a commit" }));
        Ok(Workload {
            issuer: self.issuer.clone(),
            repository_id: needed("repository_id")?,
            owner_id: needed("repository_owner_id")?,
            git_ref: self.said("ref")?,
            sha: sha.transpose()?,
            workflow: self.said("workflow_ref")?,
            event: self.said("event_name")?,
            run: self.number("run_id")?,
            attempt: self.number("run_attempt")?,
            subject,
            repository,
            expires_at,
        })
    }

    /// A claim that is a text: not empty, not endless, and with nothing in it that steers a terminal.
    fn said(&self, claim: &'static str) -> Result<Option<String>, Fault> {
        let Some(value) = self.claims.get(claim) else { return Ok(None) };
        let text = value.as_str().ok_or(Fault::Claim { claim, why: "not a text" })?;
        let is_good = (1..=CLAIM_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
        if is_good { Ok(Some(text.to_owned())) } else { Err(Fault::Claim { claim, why: "empty, too long, or not one line" }) }
    }

    /// A claim that is a number, written as a text: so GitHub does it.
    fn number(&self, claim: &'static str) -> Result<Option<u64>, Fault> {
        let wrong = Fault::Claim { claim, why: "not a number" };
        match self.claims.get(claim) {
            None => Ok(None),
            Some(Value::String(digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map(Some).map_err(|_| wrong),
            Some(value) => value.as_u64().map(Some).ok_or(wrong),
        }
    }
}

/// Whether a text can be the name of an owner or of a repository on a forge.
fn is_name(text: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=100).contains(&text.len()) && text.bytes().all(is_good) && !matches!(text, "." | "..")
}
