//! Names that come from outside, parsed at the door and trusted past it.
//!
//! Git allows far more than we take: a slug, a branch and a path are limited in length, free of control characters, and cannot escape
//! the place they are joined to. A path within a tree stays bytes, since git promises no encoding.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::clip;

/// A name that does not have the form its kind asks for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a {what}: {why}")]
pub struct InvalidName {
    /// What was given.
    pub input: String,
    /// What kind of name was looked for.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

fn invalid(input: &str, what: &'static str, why: &'static str) -> InvalidName {
    InvalidName { input: clip(input, 80).into_owned(), what, why }
}

/// `owner/name`: how a repository is called in paths and pages.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepoSlug {
    owner: String,
    name: String,
}

impl RepoSlug {
    /// The owner of repositories that no forge owns.
    pub const LOCAL_OWNER: &'static str = "local";

    /// The slug of these two parts.
    pub fn new(owner: &str, name: &str) -> Result<RepoSlug, InvalidName> {
        let whole = || format!("{owner}/{name}");
        for part in [owner, name] {
            if part.is_empty() || part.len() > 100 {
                return Err(invalid(&whole(), "repository", "each part has 1 to 100 characters"));
            }
            if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
                return Err(invalid(&whole(), "repository", "its parts hold letters, digits, `-`, `_` and `.` alone"));
            }
            if part.bytes().all(|byte| byte == b'.') {
                return Err(invalid(&whole(), "repository", "a part cannot be dots alone"));
            }
        }
        Ok(RepoSlug { owner: owner.to_owned(), name: name.to_owned() })
    }

    /// The slug of a local repository, made from any text by replacing what a slug cannot hold.
    pub fn local(text: &str) -> Result<RepoSlug, InvalidName> {
        let mut name: String =
            text.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' }).take(100).collect();
        name = name.trim_matches(|c| c == '-' || c == '.').to_owned();
        RepoSlug::new(RepoSlug::LOCAL_OWNER, &name)
    }

    /// The part before the slash.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// The part after the slash.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for RepoSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl FromStr for RepoSlug {
    type Err = InvalidName;

    fn from_str(input: &str) -> Result<RepoSlug, InvalidName> {
        let (owner, name) = input.split_once('/').ok_or_else(|| invalid(input, "repository", "it has the form owner/name"))?;
        RepoSlug::new(owner, name)
    }
}

/// A branch, without `refs/heads/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchName(String);

impl BranchName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for BranchName {
    type Err = InvalidName;

    /// Follows `git check-ref-format --branch`, and takes at most 255 bytes.
    fn from_str(input: &str) -> Result<BranchName, InvalidName> {
        let refuse = |why| Err(invalid(input, "branch", why));
        if input.is_empty() || input.len() > 255 {
            return refuse("a branch has 1 to 255 bytes");
        }
        if input.chars().any(|c| c.is_control() || " ~^:?*[\\".contains(c)) {
            return refuse("a branch holds no space, control character or any of ~ ^ : ? * [ \\");
        }
        if input.starts_with('-') || input == "@" || input.contains("..") || input.contains("@{") || input.ends_with('.') {
            return refuse("a branch does not begin with `-`, end with `.`, or hold `..` or `@{`");
        }
        if input.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock")) {
            return refuse("no part of a branch is empty, begins with `.` or ends with `.lock`");
        }
        Ok(BranchName(input.to_owned()))
    }
}

/// Declares a git object name of twenty bytes.
macro_rules! object_name {
    ($($(#[$meta:meta])* $name:ident $what:literal)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 20]);

        impl $name {
            /// The name of these bytes.
            pub const fn from_bytes(bytes: [u8; 20]) -> $name {
                $name(bytes)
            }

            /// Its twenty bytes.
            pub const fn as_bytes(&self) -> &[u8; 20] {
                &self.0
            }

            /// The first seven digits, as people write it.
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(7);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(input: &str) -> Result<$name, InvalidName> {
                if input.len() != 40 {
                    return Err(invalid(input, $what, "it has 40 hexadecimal digits"));
                }
                let mut bytes = [0; 20];
                for (byte, pair) in bytes.iter_mut().zip(input.as_bytes().chunks_exact(2)) {
                    let digit = |c: u8| char::from(c).to_digit(16);
                    let (Some(high), Some(low)) = (digit(pair[0]), digit(pair[1])) else {
                        return Err(invalid(input, $what, "it has 40 hexadecimal digits"));
                    };
                    *byte = (high << 4 | low) as u8;
                }
                Ok($name(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                if deserializer.is_human_readable() {
                    std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 20]>::deserialize(deserializer).map($name)
                }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some("^[0-9a-f]{40}$"))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

object_name! {
    /// The full name of a commit.
    CommitSha "commit"
    /// The full name of a file's content in git.
    BlobId "blob"
}

/// A path within a tree: bytes, `/` between its parts, not empty. On the wire what is not UTF-8 is written as `%XX`.
///
/// It can hold anything that a hostile tree holds, `..` and `.git` included: it is never joined to a path of ours.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(Vec<u8>);

impl TreePath {
    /// The path of these bytes, as git has them.
    pub fn new(bytes: impl Into<Vec<u8>>) -> TreePath {
        TreePath(bytes.into())
    }

    /// The bytes as git has them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The part after the last slash.
    pub fn file_name(&self) -> &[u8] {
        self.0.rsplit(|byte| *byte == b'/').next().unwrap_or(&self.0)
    }

    /// What follows the last dot of the file's name, if it is UTF-8.
    pub fn extension(&self) -> Option<&str> {
        let name = self.file_name();
        let dot = name.iter().rposition(|byte| *byte == b'.').filter(|dot| *dot > 0)?;
        std::str::from_utf8(&name[dot + 1..]).ok()
    }

    /// The path as a person knows it: only bytes that are not UTF-8 are written out, as `\xe9`. It cannot be read back; what a character
    /// does to the place where it is shown is for that place to see to.
    pub fn shown(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            out.push_str(chunk.valid());
            out.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        }
        out
    }

    /// Reads the wire form: `%XX` stands for a byte, every other character for itself.
    pub fn from_wire(text: &str) -> TreePath {
        let bytes = text.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while at < bytes.len() {
            let pair = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
            match pair.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                Some(byte) if bytes[at] == b'%' => {
                    out.push(byte);
                    at += 3;
                }
                _ => {
                    out.push(bytes[at]);
                    at += 1;
                }
            }
        }
        TreePath(out)
    }
}

impl fmt::Display for TreePath {
    /// The wire form: readable, and the same path when read back. Control characters and `%` are escaped as well.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c.is_control() || c == '%' {
                    let mut buffer = [0; 4];
                    c.encode_utf8(&mut buffer).bytes().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
                } else {
                    write!(f, "{c}")?;
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "%{byte:02X}"))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TreePath, D::Error> {
        if deserializer.is_human_readable() {
            std::borrow::Cow::<'de, str>::deserialize(deserializer).map(|text| TreePath::from_wire(&text))
        } else {
            Vec::<u8>::deserialize(deserializer).map(TreePath)
        }
    }
}

impl utoipa::PartialSchema for TreePath {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).into()
    }
}

impl utoipa::ToSchema for TreePath {}

/// Gives a text name its serde form, parsed on the way in.
macro_rules! text_name {
    ($($name:ident)+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::schema::Type::String).into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

text_name! { RepoSlug BranchName }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_cannot_leave_its_place() {
        for bad in ["", "acme", "acme/", "/app", "../app", "acme/..", "acme/a b", "acme/a/b", "acme/é", &format!("a/{}", "x".repeat(101))]
        {
            assert!(bad.parse::<RepoSlug>().is_err(), "{bad}");
        }
        assert_eq!("acme/app.js".parse::<RepoSlug>().unwrap().to_string(), "acme/app.js");
    }

    #[test]
    fn a_local_slug_is_made_from_any_folder_name() {
        assert_eq!(RepoSlug::local("my app (old)").unwrap().to_string(), "local/my-app--old");
        assert_eq!(RepoSlug::local(".dotfiles").unwrap().to_string(), "local/dotfiles");
        assert!(RepoSlug::local("...").is_err());
    }

    #[test]
    fn branches_are_what_git_takes_for_branches() {
        for good in ["main", "feature/x.y", "dependabot/npm_and_yarn/a-1.0", "äöü"] {
            assert!(good.parse::<BranchName>().is_ok(), "{good}");
        }
        for bad in ["", "-x", "a..b", "a b", "a/.b", "a.lock", "a//b", "/a", "a/", "@", "a@{b", "a\n", "a."] {
            assert!(bad.parse::<BranchName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_sha_has_forty_digits() {
        let sha: CommitSha = "9fceb02D0AE598E95DC970B74767F19372D61AF8".parse().unwrap();
        assert_eq!(sha.to_string(), "9fceb02d0ae598e95dc970b74767f19372d61af8");
        assert_eq!(sha.short(), "9fceb02");
        for bad in ["", "9fceb02", "zfceb02d0ae598e95dc970b74767f19372d61af8", "ééééééééééééééééééée"] {
            assert!(bad.parse::<CommitSha>().is_err(), "{bad}");
        }
    }

    #[test]
    fn any_bytes_survive_the_wire_form_of_a_path() {
        for bytes in [&b"src/main.rs"[..], b"a%20b", b"caf\xe9.txt", "café.txt".as_bytes(), b"a\nb", b"\xff\xfe", b"100%"] {
            let path = TreePath::new(bytes);
            assert_eq!(TreePath::from_wire(&path.to_string()), path);
        }
        assert_eq!(TreePath::new(b"caf\xe9.txt").to_string(), "caf%E9.txt");
    }

    #[test]
    fn a_path_is_shown_as_people_know_it_and_only_what_is_not_utf_8_is_written_out() {
        let shown = |bytes: &[u8]| TreePath::new(bytes).shown();
        assert_eq!(shown("100% café/%25.rs".as_bytes()), "100% café/%25.rs");
        assert_eq!(shown(b"caf\xe9/\xff\xfe.txt"), "caf\\xe9/\\xff\\xfe.txt");
    }

    #[test]
    fn an_extension_is_what_follows_the_last_dot() {
        assert_eq!(TreePath::new("a/b.tar.gz").extension(), Some("gz"));
        assert_eq!(TreePath::new("a.d/Makefile").extension(), None);
        assert_eq!(TreePath::new(".gitignore").extension(), None);
    }
}
