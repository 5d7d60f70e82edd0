//! What a reference means: an image, and from its first use on the same one.
//!
//! The registry answers a name and a tag with whatever its owner put there last. What is run is therefore asked for by the digest that
//! the name had when it was first used here, which our caller keeps: [`Image::pinned`]. An image that no registry knows, since it was made
//! on this host, has no such digest; its own id stands for it. Once pinned, another image is an error and never a surprise.
//!
//! The daemon may have images that are nobody's business who writes a manifest. So what it has is used only if it was pinned before, or if its
//! name begins with `localhost/`, as of those that were made or brought here by hand; all else is asked of its registry, who says whether
//! we may have it. What was pinned for one repository is nothing to another, and the names that we give are nobody's to name.

use bollard::auth::DockerCredentials;
use bollard::models::{CreateImageInfo, ImageInspect};
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt;
use std::collections::{BTreeSet, HashMap};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::kept::OURS;
use super::{Oci, said};
use crate::base::secret::Secret;
use crate::base::text;
use crate::engine::outbound;
use crate::engine::outbound::guard::Guard;
use crate::engine::sandbox::{Error, Result, process};

/// How long an image may take to be fetched.
const PULL: Duration = Duration::from_secs(900);
/// How often we look whether anybody still wants it.
const LOOK: Duration = Duration::from_millis(100);
/// The most layers that an image may have.
const LAYERS: usize = 1_000;
/// The registry that a name without one means. Where that is, no manifest says.
const DOCKERS: &str = "docker.io";
/// The port of a registry that names none.
const REGISTRY_PORT: u16 = 443;
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
    /// Whether it has a name of ours.
    is_kept: bool,
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
        if name.starts_with(OURS) {
            return Err(format!("names that begin with `{OURS}` are given by us alone"));
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
        Some(_) => format!("{DOCKERS}/{name}"),
        None => format!("{DOCKERS}/library/{name}"),
    }
}

pub(super) fn digest_of(pinned: &str) -> &str {
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

/// Whether an image has the very name that it was found by.
fn is_named(reference: &Reference, found: &ImageInspect) -> bool {
    let tags = found.repo_tags.iter().flatten().filter_map(|known| known.rsplit_once(':'));
    let digests = found.repo_digests.iter().flatten().filter_map(|known| known.split_once('@'));
    tags.chain(digests).any(|(name, _)| normal(name) == reference.name)
}

/// Whether a daemon may be sent to the registry of a name; or why not.
fn judge(guard: &Guard, name: &str) -> std::result::Result<(), String> {
    let registry = name.split_once('/').map_or(name, |(registry, _)| registry);
    if registry == DOCKERS {
        return Ok(());
    }
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("`{registry}` is no host with a port"))?),
        None => (registry, REGISTRY_PORT),
    };
    if guard.allows(host, port) {
        return Ok(());
    }
    let addresses = (host, port).to_socket_addrs().map_err(|_| format!("its registry `{host}` cannot be found"))?;
    guard.check(host, port, &addresses.collect::<Vec<SocketAddr>>()).map_err(|error| match error {
        outbound::Error::Refused { host, address, why } => {
            format!("its registry `{host}` is at {address}, {why}; nothing is fetched from there unless `outbound.allow_hosts` names it")
        }
        other => other.to_string(),
    })
}

/// How large the layers are that are being fetched, by what the daemon says of each.
#[derive(Debug, Default)]
struct Reported {
    layers: HashMap<String, u64>,
    bytes: u64,
}

impl Reported {
    /// Hears what the daemon says; answers why it has to stop, if it has to.
    fn heard(&mut self, said: &CreateImageInfo, most: u64) -> Option<String> {
        let (layer, progress) = (said.id.as_ref()?, said.progress_detail.as_ref()?);
        let size = progress.total.max(progress.current).and_then(|size| u64::try_from(size).ok())?;
        let known = self.layers.entry(layer.clone()).or_default();
        self.bytes = self.bytes.saturating_add(size.saturating_sub(*known));
        *known = size.max(*known);
        if self.layers.len() > LAYERS {
            return Some("it has more layers than an image may have".to_owned());
        }
        (self.bytes > most).then(|| too_large(most))
    }
}

fn too_large(most: u64) -> String {
    format!("it is larger than {}, the most that an image may be", text::bytes(most))
}

/// Names that are being looked for: each by one run at a time.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<BTreeSet<String>>);

/// The turn of whoever looks for a name.
struct Turn<'a> {
    turns: &'a Turns,
    name: String,
}

impl Turns {
    fn take(&self, name: &str) -> Option<Turn<'_>> {
        let is_ours = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        is_ours.then(|| Turn { turns: self, name: name.to_owned() })
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
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
        // Two that fetch the same would take its name from each other.
        let _turn = loop {
            match self.turns.take(&wanted) {
                Some(turn) => break turn,
                None if cancel() => return Ok(None),
                None => process::pause(LOOK),
            }
        };
        let is_made_here = reference.is_made_here() || is_digest(&wanted);
        let here = (pinned.is_some() || is_made_here).then(|| (wanted.clone(), false));
        // By our own name first: it is what an image that ran before still has.
        for (name, is_ours) in pinned.map(|pinned| (self.kept(pinned), true)).into_iter().chain(here) {
            let Some(found) = self.inspect(&name)? else { continue };
            // Nobody gives names of ours but we.
            if is_ours || pinned.map_or_else(|| is_named(reference, &found), |pinned| is_meant(pinned, &found)) {
                return self.taken(reference, pinned, found, false).map(Some);
            }
        }
        if is_made_here {
            return Err(unavailable("there is none of that name on this host, and no registry to ask for it".to_owned()));
        }
        judge(&self.guard, &wanted).map_err(&unavailable)?;
        let was_here = self.inspect(&wanted)?.is_some();
        let fetched = match self.pull(&wanted, credentials, cancel) {
            Ok(None) => return Ok(None),
            Ok(Some(())) => match self.inspect(&wanted)? {
                Some(found) if pinned.is_none_or(|pinned| is_meant(pinned, &found)) => self.taken(reference, pinned, found, true),
                _ => Err(unavailable("it was fetched, and is not here".to_owned())),
            },
            Err(error) => Err(error),
        };
        // What holds it from here on is the name of ours; one that is refused is held by nothing.
        if !was_here && fetched.as_ref().map_or(true, |image| image.is_kept) {
            self.unname(&wanted);
        }
        fetched.map(Some)
    }

    fn taken(&self, reference: &Reference, pinned: Option<&str>, found: ImageInspect, was_pulled: bool) -> Result<Image> {
        let unavailable = |why: String| Error::Image { reference: reference.to_string(), why };
        let most = self.settings.image_bytes;
        if found.size.and_then(|size| u64::try_from(size).ok()).is_some_and(|size| size > most) {
            return Err(unavailable(too_large(most)));
        }
        let unsaid = || unavailable("the daemon does not say what it is".to_owned());
        let pinned = match pinned {
            Some(pinned) => pinned.to_owned(),
            None => pin(reference, &found).ok_or_else(unsaid)?,
        };
        let id = found.id.filter(|id| is_digest(id)).ok_or_else(unsaid)?;
        let is_kept = self.keep(&id, &pinned);
        Ok(Image { id, pinned, was_pulled, is_kept })
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
        let _fetching = self.fetching.read().unwrap_or_else(PoisonError::into_inner);
        let began = Instant::now();
        let credentials = credentials.map(|known| DockerCredentials {
            username: Some(known.username.clone()),
            password: Some(known.password.expose().clone()),
            serveraddress: name.split_once('/').map(|(registry, _)| registry.to_owned()),
            ..DockerCredentials::default()
        });
        let unavailable = |why: String| Error::Image { reference: name.to_owned(), why };
        let options = CreateImageOptionsBuilder::default().from_image(name).build();
        let mut reported = Reported::default();
        let mut told = Box::pin(self.docker.create_image(Some(options), None, credentials));
        loop {
            if cancel() {
                return Ok(None);
            }
            if began.elapsed() > PULL {
                return Err(unavailable("it takes too long to be fetched".to_owned()));
            }
            match self.wait(async { tokio::time::timeout(LOOK, told.next()).await }) {
                Err(_) => {}
                Ok(Some(Ok(said))) => {
                    // Not heard any more, the daemon stops.
                    if let Some(why) = reported.heard(&said, self.settings.image_bytes) {
                        return Err(unavailable(why));
                    }
                }
                Ok(Some(Err(error))) => return Err(unavailable(said(&error))),
                Ok(None) => return Ok(Some(())),
            }
        }
    }
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
    fn a_name_of_ours_is_not_for_manifests() {
        for text in
            ["localhost/plumbline/pinned", "localhost/plumbline/pinned/me:sha256-1", &format!("localhost/plumbline/x@{}", digest('a'))]
        {
            assert!(text.parse::<Reference>().unwrap_err().contains("by us alone"), "{text}");
        }
        assert!("localhost/plumbline-test/one".parse::<Reference>().is_ok());
    }

    #[test]
    fn a_registry_in_our_own_network_is_not_asked_unless_the_operator_says_so() {
        let guard = Guard::new(&["127.0.0.1:5000".to_owned()]);
        for name in ["169.254.169.254/x", "10.0.0.5:5000/x", "127.0.0.1:9200/x", "localhost:5000/x", "0x7f.1/x", "2130706433:80/x"] {
            let why = judge(&guard, name).unwrap_err();
            assert!(why.contains("`outbound.allow_hosts`"), "{name}: {why}");
        }
        for name in ["127.0.0.1:5000/x", "1.1.1.1/x", "docker.io/library/x"] {
            assert_eq!(judge(&guard, name), Ok(()), "{name}");
        }
        for name in ["1.1.1.1:/x", "1.1.1.1:99999/x", "a:b:1/x", "registry.invalid/x"] {
            assert!(judge(&guard, name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_image_is_too_large_as_soon_as_its_layers_are_said_to_be() {
        let mut reported = Reported::default();
        let mut heard = |layer: &str, current, total| {
            let progress = bollard::models::ProgressDetail { current, total };
            reported
                .heard(&CreateImageInfo { id: Some(layer.to_owned()), progress_detail: Some(progress), ..CreateImageInfo::default() }, 100)
        };
        assert_eq!(heard("a", Some(1), Some(60)), None);
        assert_eq!(heard("a", Some(60), Some(60)), None, "said twice, it is there once");
        assert_eq!(heard("b", Some(40), None), None);
        assert_eq!(heard("b", Some(-5), Some(-1)), None);
        assert!(heard("b", Some(41), None).unwrap().contains("larger than"));
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
        assert!(is_named(&reference, &docker) && !is_named(&"acme/other".parse().unwrap(), &docker));
    }
}
