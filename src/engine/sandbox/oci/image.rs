//! What a reference means: an image, and from its first use on the same one.
//!
//! The registry answers a name and a tag with whatever its owner put there last. What is run is therefore asked for by the digest that
//! the name had when it was first used here, which our caller keeps: [`Image::pinned`]. An image that no registry knows, since it was made
//! on this host, has no such digest; its own id stands for it. Once pinned, another image is an error and never a surprise.
//!
//! The daemon may have images that are nobody's business who writes a manifest. So what it has is used only if it was pinned before, or if its
//! name begins with `localhost/`, as of those that were made or brought here by hand; all else is asked of its registry, who says whether
//! we may have it.

use bollard::auth::DockerCredentials;
use bollard::models::ImageInspect;
use bollard::query_parameters::{CreateImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::StreamExt;
use std::time::{Duration, Instant};

use super::{Oci, said};
use crate::base::secret::Secret;
use crate::engine::sandbox::{Error, Result};

/// How long an image may take to be fetched.
const PULL: Duration = Duration::from_secs(900);
/// How often we look whether anybody still wants it.
const LOOK: Duration = Duration::from_millis(100);
/// The largest image that is run.
const IMAGE_BYTES: i64 = 16 << 30;
/// What a pinned image is called here, with its digest for a tag: so it is not taken for one that nobody needs.
const KEPT: &str = "localhost/plumbline/pinned";
/// How a digest begins.
const SHA256: &str = "sha256:";

/// The name of an image, as a manifest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// With its registry.
    name: String,
    /// `None` where a digest says all.
    tag: Option<String>,
    digest: Option<String>,
}

/// Who we are to a registry that does not give its images to everybody.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The name of the user.
    pub username: String,
    /// Its password, or a token in its place.
    pub password: Secret<String>,
}

/// An image that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// What the daemon calls it: the digest of what it is made of.
    pub id: String,
    /// What it is asked for by from now on: name and digest, or the id of one that was made here.
    pub pinned: String,
    /// Whether it had to be fetched.
    pub was_pulled: bool,
}

impl Image {
    /// Its digest.
    pub fn digest(&self) -> &str {
        digest_of(&self.pinned)
    }
}

impl std::str::FromStr for Reference {
    type Err = String;

    /// Reads it as Docker does: a name without a registry is one of Docker's own.
    fn from_str(text: &str) -> std::result::Result<Reference, String> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) if is_digest(digest) => (rest, Some(digest.to_owned())),
            Some(_) => return Err("its digest is not `sha256:` and 64 hexadecimal digits".to_owned()),
            None => (text, None),
        };
        let (path, tag) = match rest.rsplit_once(':') {
            Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| tag.is_empty() || tag.len() > 128 || !tag.bytes().all(is_word)) {
            return Err("its tag is none".to_owned());
        }
        let name = normal(path);
        let is_part = |part: &str| !part.is_empty() && part.bytes().all(|byte| is_word(byte) && !byte.is_ascii_uppercase());
        let is_registry = |part: &str| !part.is_empty() && part.bytes().all(|byte| is_word(byte) || byte == b':');
        let parts = name.split_once('/');
        if name.len() > 255 || !parts.is_some_and(|(registry, path)| is_registry(registry) && path.split('/').all(is_part)) {
            return Err("its name is none".to_owned());
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned())).filter(|_| digest.is_none());
        Ok(Reference { name, tag, digest })
    }
}

impl Reference {
    /// Whether it names an image that no registry has.
    fn is_made_here(&self) -> bool {
        self.name.starts_with("localhost/")
    }
}

impl std::fmt::Display for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)?;
        match (&self.digest, &self.tag) {
            (Some(digest), _) => write!(f, "@{digest}"),
            (None, Some(tag)) => write!(f, ":{tag}"),
            (None, None) => Ok(()),
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn is_digest(text: &str) -> bool {
    let hex = |hex: &str| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    text.strip_prefix(SHA256).is_some_and(hex)
}

/// A name with its registry.
fn normal(name: &str) -> String {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_owned(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

fn digest_of(pinned: &str) -> &str {
    pinned.split_once('@').map_or(pinned, |(_, digest)| digest)
}

/// What an image is pinned by that a reference was found to mean.
fn pin(reference: &Reference, found: &ImageInspect) -> Option<String> {
    if let Some(digest) = &reference.digest {
        return Some(format!("{}@{digest}", reference.name));
    }
    let named = found.repo_digests.iter().flatten().filter_map(|known| known.split_once('@'));
    let digest = named.filter(|(name, digest)| normal(name) == reference.name && is_digest(digest)).map(|(_, digest)| digest).next();
    match digest {
        Some(digest) => Some(format!("{}@{digest}", reference.name)),
        None => found.id.clone().filter(|id| is_digest(id)),
    }
}

/// Whether an image is the one that was pinned.
fn is_meant(pinned: &str, found: &ImageInspect) -> bool {
    let digest = digest_of(pinned);
    let digests = found.repo_digests.iter().flatten().filter_map(|known| known.split_once('@'));
    found.id.as_deref() == Some(digest) || digests.map(|(_, known)| known).any(|known| known == digest)
}

impl Oci {
    /// The image that a reference means, or meant when it was `pinned`; fetched if it is not here. `None` if nobody wants it any more.
    pub fn image(
        &self,
        reference: &Reference,
        pinned: Option<&str>,
        credentials: Option<&Credentials>,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Option<Image>> {
        let wanted = pinned.map_or_else(|| reference.to_string(), str::to_owned);
        let unavailable = |why: String| Error::Image { reference: wanted.clone(), why };
        let is_made_here = reference.is_made_here() || is_digest(&wanted);
        let here = (pinned.is_some() || is_made_here).then(|| wanted.clone());
        for name in here.into_iter().chain(pinned.map(kept)) {
            if let Some(found) = self.inspect(&name)?
                && pinned.is_none_or(|pinned| is_meant(pinned, &found))
            {
                return self.taken(reference, pinned, found, false).map(Some);
            }
        }
        if is_made_here {
            return Err(unavailable("there is none of that name on this host, and no registry to ask for it".to_owned()));
        }
        if self.pull(&wanted, credentials, cancel)?.is_none() {
            return Ok(None);
        }
        match self.inspect(&wanted)? {
            Some(found) if pinned.is_none_or(|pinned| is_meant(pinned, &found)) => self.taken(reference, pinned, found, true).map(Some),
            _ => Err(unavailable("it was fetched, and is not here".to_owned())),
        }
    }

    fn taken(&self, reference: &Reference, pinned: Option<&str>, found: ImageInspect, was_pulled: bool) -> Result<Image> {
        let unavailable = |why: &str| Error::Image { reference: reference.to_string(), why: why.to_owned() };
        if found.size.is_some_and(|size| size > IMAGE_BYTES) {
            return Err(unavailable("it is larger than an image may be"));
        }
        let pinned = match pinned {
            Some(pinned) => pinned.to_owned(),
            None => pin(reference, &found).ok_or_else(|| unavailable("the daemon does not say what it is"))?,
        };
        let id = found.id.filter(|id| is_digest(id)).ok_or_else(|| unavailable("the daemon does not say what it is"))?;
        let options = TagImageOptionsBuilder::default().repo(KEPT).tag(&tag(&pinned)).build();
        if let Err(no) = self.ask("name an image", self.docker.tag_image(&id, Some(options))) {
            tracing::debug!("`{pinned}` keeps no name of ours: {}", no.why);
        }
        Ok(Image { id, pinned, was_pulled })
    }

    fn inspect(&self, name: &str) -> Result<Option<ImageInspect>> {
        match self.ask("look for an image", self.docker.inspect_image(name)) {
            Ok(found) => Ok(Some(found)),
            Err(no) if no.is_missing() => Ok(None),
            Err(no) => Err(no.into()),
        }
    }

    /// Fetches an image. `None` if nobody wants it any more: then the daemon, whom nobody listens to, stops too.
    fn pull(&self, name: &str, credentials: Option<&Credentials>, cancel: &dyn Fn() -> bool) -> Result<Option<()>> {
        let began = Instant::now();
        let credentials = credentials.map(|known| DockerCredentials {
            username: Some(known.username.clone()),
            password: Some(known.password.expose().clone()),
            serveraddress: name.split_once('/').map(|(registry, _)| registry.to_owned()),
            ..DockerCredentials::default()
        });
        let unavailable = |why: String| Error::Image { reference: name.to_owned(), why };
        let options = CreateImageOptionsBuilder::default().from_image(name).build();
        let mut told = Box::pin(self.docker.create_image(Some(options), None, credentials));
        loop {
            if cancel() {
                return Ok(None);
            }
            if began.elapsed() > PULL {
                return Err(unavailable("it takes too long to be fetched".to_owned()));
            }
            match self.wait(async { tokio::time::timeout(LOOK, told.next()).await }) {
                Err(_) | Ok(Some(Ok(_))) => {}
                Ok(Some(Err(error))) => return Err(unavailable(said(&error))),
                Ok(None) => return Ok(Some(())),
            }
        }
    }
}

/// The name of ours that a pinned image has.
fn kept(pinned: &str) -> String {
    format!("{KEPT}:{}", tag(pinned))
}

/// Its tag.
fn tag(pinned: &str) -> String {
    digest_of(pinned).replace(':', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: char) -> String {
        format!("sha256:{}", letter.to_string().repeat(64))
    }

    fn read(text: &str) -> String {
        text.parse::<Reference>().map_or_else(|why| why, |reference| reference.to_string())
    }

    #[test]
    fn a_reference_says_which_registry_and_which_tag() {
        assert_eq!(read("lint"), "docker.io/library/lint:latest");
        assert_eq!(read("acme/lint:v1"), "docker.io/acme/lint:v1");
        assert_eq!(read("ghcr.io/acme/lint"), "ghcr.io/acme/lint:latest");
        assert_eq!(read("localhost:5000/lint:V1.0_x"), "localhost:5000/lint:V1.0_x");
        assert_eq!(read("localhost/lint"), "localhost/lint:latest");
        let a = digest('a');
        assert_eq!(read(&format!("acme/lint:v1@{a}")), format!("docker.io/acme/lint@{a}"), "a digest says more than a tag");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in ["", "/lint", "Acme/lint", "acme//lint", "acme/lint:", "lint@sha256:1", "a b", "acme/lint?x", "lint:a b", "ghcr.io/"] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_image_is_pinned_by_the_digest_its_name_has() {
        let reference: Reference = "acme/lint:v1".parse().unwrap();
        let of =
            |digests: &[String]| ImageInspect { id: Some(digest('1')), repo_digests: Some(digests.to_vec()), ..ImageInspect::default() };
        let other = format!("other/lint@{}", digest('b'));
        let docker = of(&[other.clone(), format!("acme/lint@{}", digest('a'))]);
        let podman = of(&[format!("docker.io/acme/lint@{}", digest('a'))]);
        let pinned = format!("docker.io/acme/lint@{}", digest('a'));
        assert_eq!(pin(&reference, &docker).as_ref(), Some(&pinned));
        assert_eq!(pin(&reference, &podman).as_ref(), Some(&pinned));
        assert_eq!(pin(&reference, &of(&[other])), Some(digest('1')), "one that was made here, by its id");
        assert_eq!(pin(&reference, &ImageInspect::default()), None);
        assert!(is_meant(&pinned, &docker) && is_meant(&digest('1'), &docker));
        assert!(!is_meant(&pinned, &of(&[])) && !is_meant(&digest('2'), &docker));
    }
}
