//! Where a repository comes from: what a person wrote, read once and strictly.
//!
//! Git itself takes many more forms, some of which start programs (`ext::`) or read options (`-o…`): what is not a path of this machine
//! or an address of HTTP is refused, with the reason.

use std::path::{Path, PathBuf};

use super::Error;
use super::transport::Place;
use crate::base::secret::Secret;
use crate::base::text::clip;
use crate::engine::outbound;

/// The longest address that is taken.
const LONGEST: usize = 4_096;

/// A place that can be fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A repository on this machine.
    Path(PathBuf),
    /// A repository behind HTTP; the address holds no user and no password.
    Http(String),
}

/// A text that is no place to fetch from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot fetch from `{input}`: {why}")]
pub struct InvalidSource {
    /// What was given, without what may be a secret.
    pub input: String,
    /// What is wrong with it, and what to do.
    pub why: &'static str,
}

impl std::str::FromStr for Source {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Source, InvalidSource> {
        let text = text.trim();
        let refuse = |why| Err(InvalidSource { input: clip(&without_user(text), 120).into_owned(), why });
        if text.is_empty() || text.len() > LONGEST || text.chars().any(char::is_control) {
            return refuse("give a path or an address of at most 4,096 characters");
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
            return match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" if authority.is_empty() => refuse("it names no host"),
                "http" | "https" if authority.contains('@') => refuse("it holds a user or a password: give credentials apart"),
                "http" | "https" if rest.contains(['?', '#']) => refuse("a repository's address has no `?` and no `#`"),
                scheme @ ("http" | "https") => {
                    let url = format!("{scheme}://{}", rest.trim_end_matches('/'));
                    match unusable(&url) {
                        Some(why) => refuse(why),
                        None => Ok(Source::Http(url)),
                    }
                }
                "file" if authority.is_empty() || authority == "localhost" => {
                    let path = &rest[authority.len()..];
                    if path.is_empty() { refuse("it names no path") } else { Ok(Source::Path(unescaped(path))) }
                }
                "file" => refuse("it names another machine"),
                "ssh" | "git+ssh" | "ssh+git" => refuse("fetching over ssh is not there yet: give its https:// address"),
                "git" => refuse("the git protocol cannot be trusted: give its https:// address"),
                _ => refuse("give a path, or an address that begins with https://, http:// or file://"),
            };
        }
        if text.split_once("::").is_some_and(|(helper, _)| helper.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            return refuse("programs that fetch are not started: give a path or an https:// address");
        }
        // `git@host:path`: a colon before any slash, as git reads it.
        if let Some((host, _)) = text.split_once(':')
            && !host.is_empty()
            && !host.contains('/')
            && !Path::new(text).exists()
        {
            return refuse("fetching over ssh is not there yet: give its https:// address");
        }
        Ok(Source::Path(PathBuf::from(text)))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Path(path) => path.display().fmt(f),
            Source::Http(url) => f.write_str(url),
        }
    }
}

/// What is shown to a host so that it answers: the value of an `Authorization` header.
#[derive(Debug, Clone)]
pub struct Credentials(Secret<String>);

impl Credentials {
    /// Credentials whose header value, such as `Basic …` or `Bearer …`, is this.
    pub fn header(value: Secret<String>) -> Credentials {
        Credentials(value)
    }

    pub(super) fn value(&self) -> &Secret<String> {
        &self.0
    }
}

/// Why an address cannot be asked, if it cannot: each of those who read it on the way has to take it.
fn unusable(url: &str) -> Option<&'static str> {
    if url.contains(char::is_whitespace) {
        return Some("an address has no spaces: write `%20` where its path has one");
    }
    match Place::of(url) {
        Err(Error::Outbound(outbound::Error::BadUrl { why })) => return Some(why),
        Err(_) => return Some("it is not a URL"),
        Ok(_) => {}
    }
    (outbound::parse(url).is_err() || gix::Url::try_from(url).is_err()).then_some("it is not a URL")
}

/// The text with everything before the host's `@` left out.
fn without_user(text: &str) -> std::borrow::Cow<'_, str> {
    let (scheme, rest) = text.split_once("://").map_or(("", text), |(scheme, rest)| (scheme, rest));
    let end = rest.find('/').unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) if scheme.is_empty() => rest[at + 1..].into(),
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]).into(),
        None => text.into(),
    }
}

/// A path as URLs write it: `%XX` stands for a byte.
fn unescaped(path: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    PathBuf::from(std::ffi::OsString::from_vec(crate::base::name::TreePath::from_wire(path).as_bytes().to_vec()))
}
