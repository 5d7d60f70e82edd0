//! `secrets`: what lets somebody in and should not stand in a repository.
//!
//! | rule | says |
//! |---|---|
//! | `github-token`, `stripe-key`, … | a token whose issuer gave it a form of its own (`formats`) |
//! | `aws-secret-key` `discord-token` `telegram-token` `mailchimp-key` `jwt` | a token whose form takes a look around it |
//! | `private-key` `google-service-account` `age-secret-key` | a private key; one that takes a passphrase matters less |
//! | `password-in-url` `webhook-url` `azure-shared-access` | a URL that lets in whoever has it |
//! | `hardcoded-password` `hardcoded-secret` `authorization-header` | a value that looks real, assigned to a name that says what it is |
//!
//! One pass over the bytes looks for a few hundred keywords at once; what stands around each is read by hand, a bounded way to either
//! side. So the time is linear in the file, whatever is in it.
//!
//! How sure we are decides where we speak. A checksum that is right is no accident: that is said of any file. A form that is right and
//! a body that looks rolled is said of all but fixtures. What only looks likely is not said of tests, documentation and examples, which
//! are full of passwords that open nothing. Of lock files, bundles, and what others wrote a right checksum alone is said; of what a build
//! made, where the team's own secrets end up, what has a form that nothing else has as well.
//!
//! **No message holds a secret.** It names the kind, and the beginning that all of the kind share. The span of a finding covers the secret
//! exactly, so that whoever shows the line can cover it; [`hidden`] gives those places for any file that is quoted.

mod assigned;
mod checksum;
mod fake;
mod format;
mod formats;
mod jwt;
mod key;
mod name;
mod place;
mod randomness;
mod url;

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::base::name::TreePath;
use crate::base::text::{char_lengths, clip};
use crate::domain::issues::finding::{Finding, Kind, Severity, Span};
use crate::engine::git;
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

use super::hygiene::size::is_binary_name;
use super::subject::Subject;
use super::{Builtin, OfTree, Wants};
use format::{Alphabet, Piece, Proof};
use formats::FORMATS;
use name::Promise;
use place::{Place, Writing};

const BOM: &[u8] = b"\xef\xbb\xbf";
/// The largest file that is looked through.
pub const MAX_FILE: u64 = 4 << 20;
/// A line that is longer was not written by a person: names in it are not asked for their values.
const LONG_LINE: usize = 8 << 10;
/// The most that is found in one file before the search ends.
const MOST: usize = 1_000;
/// So many bytes at the beginning tell text from binary.
const SNIFFED: usize = 8_000;
/// So far behind the id of an access key its secret is looked for.
const NEAR: usize = 300;

/// So far before a key stands that it is that of a service account.
const ACCOUNT: usize = 4 << 10;

/// The built-in check `secrets`.
#[derive(Debug, Clone, Copy)]
pub struct Secrets;

impl Builtin for Secrets {
    fn name(&self) -> &'static str {
        "secrets"
    }

    fn version(&self) -> u32 {
        3
    }

    fn conceals(&self) -> bool {
        true
    }

    fn wants(&self, file: &TreeFile, size: u64) -> Wants {
        let is_file = matches!(file.kind, FileKind::Regular | FileKind::Executable);
        if is_file && is_looked_through(&Subject::of(&file.path), size) { Wants::Content { cap: size } } else { Wants::Nothing }
    }

    fn file(&self, file: &TreeFile, _: u64, content: &[u8]) -> Vec<Finding> {
        let mut cursor = Cursor::new(content);
        distinct(search(&file.path, content)).into_iter().map(|found| found.said_of(file, &mut cursor)).collect()
    }

    fn tree(&self, _: &dyn Tree, _: &dyn Fn() -> bool) -> git::Result<OfTree> {
        Ok(OfTree::default())
    }
}

/// Whether a file of this name and size can hold what is looked for.
fn is_looked_through(subject: &Subject<'_>, size: u64) -> bool {
    // `.key` is a name of binary files too, and of the very files that are looked for.
    let is_text = subject.extension() == "key" || !is_binary_name(subject);
    (8..=MAX_FILE).contains(&size) && is_text
}

/// All that is found in a file, in any order; places may overlap.
fn search(path: &TreePath, content: &[u8]) -> Vec<Found> {
    if memchr::memchr(0, &content[..content.len().min(SNIFFED)]).is_some() {
        return Vec::new();
    }
    let subject = Subject::of(path);
    let mut search = Search {
        text: content,
        place: place::of(&subject),
        writing: place::writing(&subject),
        found: Vec::new(),
        line: 0..0,
        named_until: 0,
    };
    search.run();
    search.found
}

/// A secret in a file, for whoever quotes the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Where it is.
    pub span: Span,
    /// The same in bytes.
    pub bytes: Range<usize>,
}

/// The secrets of a file, whether or not the check runs there and however many of them it would tell of. Where there are more than are
/// looked for, all that follows is taken for one.
pub fn hidden(path: &TreePath, content: &[u8]) -> Vec<Hidden> {
    if !is_looked_through(&Subject::of(path), content.len() as u64) {
        return Vec::new();
    }
    let mut places: Vec<Range<usize>> = search(path, content).into_iter().map(|found| found.place).collect();
    let is_cut = places.len() >= MOST;
    let last = places.iter().map(|place| place.end).max().unwrap_or(0);
    if is_cut && last < content.len() {
        places.push(last..content.len());
    }
    places.sort_by_key(|place| (place.start, place.end));
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match merged.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => merged.push(place),
        }
    }
    let mut cursor = Cursor::new(content);
    merged.into_iter().map(|bytes| Hidden { span: cursor.span(&bytes), bytes }).collect()
}

/// What a keyword may be the beginning of.
#[derive(Debug, Clone, Copy)]
enum Anchor {
    Format(usize),
    Url,
    SharedAccess,
    Pem,
    Putty,
    Jwt,
    Telegram,
    Mailchimp,
    Name,
}

/// Keywords of names; what the whole name says is decided when it is read.
const NAMES: [&str; 9] = ["passw", "pwd", "passphrase", "secret", "token", "credential", "key", "authorization", "bearer"];
/// Short ones, which are common within other words.
const SHORT_NAMES: [&str; 2] = ["pass", "pw"];

static ANCHORS: LazyLock<(AhoCorasick, Vec<Anchor>)> = LazyLock::new(|| {
    let mut words: Vec<(&str, Anchor)> = vec![
        ("://", Anchor::Url),
        ("sig=", Anchor::SharedAccess),
        ("-----BEGIN ", Anchor::Pem),
        (key::PUTTY, Anchor::Putty),
        ("eyJ", Anchor::Jwt),
        (":AA", Anchor::Telegram),
        ("-us", Anchor::Mailchimp),
    ];
    words.extend(FORMATS.iter().enumerate().map(|(at, format)| (format.prefix, Anchor::Format(at))));
    words.extend(NAMES.iter().chain(&SHORT_NAMES).map(|name| (*name, Anchor::Name)));
    let finder = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words.iter().map(|(word, _)| word))
        .expect("the keywords are few and short");
    (finder, words.into_iter().map(|(_, anchor)| anchor).collect())
});

/// How sure we are of what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Surety {
    Likely,
    Formed,
    /// Its form is one that nothing else has by chance, in however many megabytes.
    Distinct,
    Checked,
}

/// A secret and its place.
#[derive(Debug)]
struct Found {
    place: Range<usize>,
    rule: &'static str,
    severity: Severity,
    message: String,
}

struct Search<'a> {
    text: &'a [u8],
    place: Place,
    writing: Writing,
    found: Vec<Found>,
    /// The line that was looked at last.
    line: Range<usize>,
    /// Up to here names have been read.
    named_until: usize,
}

impl Search<'_> {
    fn run(&mut self) {
        let (finder, anchors) = &*ANCHORS;
        for hit in finder.find_overlapping_iter(self.text) {
            if self.found.len() >= MOST {
                break;
            }
            match anchors[hit.pattern().as_usize()] {
                Anchor::Format(at) => self.format(at, hit.start()),
                Anchor::Url => self.url(hit.start()),
                Anchor::SharedAccess => {
                    let message = || "A URL holds a shared access signature of Azure".to_owned();
                    if let Some(place) = url::shared_access(self.text, hit.start()) {
                        self.push(place, "azure-shared-access", Surety::Likely, Severity::Major, message);
                    }
                }
                Anchor::Pem => self.key(key::pem(self.text, hit.start(), hit.end())),
                Anchor::Putty => self.key(key::putty(self.text, hit.start())),
                Anchor::Jwt => {
                    if let Some(place) = jwt::judge(self.text, hit.start()) {
                        self.push(place, "jwt", Surety::Likely, Severity::Major, || "This is a signed JSON Web Token (`eyJ…`)".to_owned());
                    }
                }
                Anchor::Telegram => {
                    let place = behind(self.text, hit.start(), Alphabet::Digit, 8, 10);
                    let place = place.zip(format::read(&[Piece::Text(":AA"), Piece::Run(Alphabet::Url, 33, 33)], self.text, hit.start()));
                    self.formed(place, "telegram-token", "a bot's token of Telegram");
                }
                Anchor::Mailchimp => {
                    let place = behind(self.text, hit.start(), Alphabet::Hex, 32, 32);
                    let place = place.zip(format::read(&[Piece::Text("-us"), Piece::Run(Alphabet::Digit, 1, 2)], self.text, hit.start()));
                    self.formed(place, "mailchimp-key", "an API key of Mailchimp");
                }
                Anchor::Name => self.named(hit.range()),
            }
        }
    }

    /// Keeps what was found, if it is said of files in such a place.
    fn push(&mut self, place: Range<usize>, rule: &'static str, surety: Surety, severity: Severity, what: impl FnOnce() -> String) {
        let asked = match self.place {
            Place::Open => Surety::Likely,
            Place::Example => Surety::Formed,
            Place::Built => Surety::Distinct,
            Place::Specimen => Surety::Checked,
        };
        if surety < asked {
            return;
        }
        let severity = if self.place == Place::Open { severity } else { severity.min(Severity::Major) };
        let message = format!("{}; revoke it, since history keeps it, and load it from the environment or a secret store", what());
        self.found.push(Found { place, rule, severity, message });
    }

    fn format(&mut self, at: usize, start: usize) {
        let format = &FORMATS[at];
        let Some(end) = format.read(self.text, start) else { return };
        let surety = match format.proof {
            Proof::Dice if format.is_distinct() => Surety::Distinct,
            Proof::Dice => Surety::Formed,
            Proof::Checksum | Proof::WholeChecksum => Surety::Checked,
        };
        // A name such as `AccountKey=` is no part of the secret.
        let begin = if format.prefix.ends_with('=') { start + format.prefix.len() } else { start };
        self.push(begin..end, format.rule, surety, format.severity, || format!("This is {} (`{}…`)", format.what, format.prefix));
        if format.rule == "aws-access-key" {
            self.aws_secret_near(end);
        }
    }

    /// Looks for forty characters of base 64 behind the id of an access key.
    fn aws_secret_near(&mut self, from: usize) {
        let near = &self.text[from..self.text.len().min(from + NEAR)];
        let mut at = 0;
        while at < near.len() {
            let length = near[at..].iter().take_while(|byte| Alphabet::Base64.has(**byte) && **byte != b'=').count();
            let secret = &near[at..at + length];
            let is_ended = from + at + length < self.text.len() || length < near.len();
            if length == 40 && is_ended && !secret.iter().all(u8::is_ascii_hexdigit) && randomness::is_key(secret) && !fake::is_fake(secret)
            {
                let place = from + at..from + at + length;
                self.push(place, "aws-secret-key", Surety::Formed, Severity::Critical, || "This is a secret access key of AWS".to_owned());
                return;
            }
            at += length.max(1);
        }
    }

    fn formed(&mut self, ends: Option<(usize, usize)>, rule: &'static str, what: &str) {
        let Some((begin, end)) = ends else { return };
        if !fake::is_fake(&self.text[begin..end]) {
            self.push(begin..end, rule, Surety::Formed, Severity::Critical, || format!("This is {what}"));
        }
    }

    fn url(&mut self, at: usize) {
        match url::judge(self.text, at) {
            Some(url::Leak::Password(place)) => {
                self.push(place, "password-in-url", Surety::Likely, Severity::Critical, || "A URL holds a password".to_owned());
            }
            Some(url::Leak::Webhook(place, whose)) => {
                let what = || format!("Whoever knows this URL of a webhook can post to {whose}");
                self.push(place, "webhook-url", Surety::Formed, Severity::Major, what);
            }
            None => {}
        }
    }

    fn key(&mut self, key: Option<key::Key>) {
        let Some(key::Key { place, what, is_encrypted }) = key else { return };
        let is_of_google = !is_encrypted
            && memchr::memmem::find(&self.text[place.start.saturating_sub(ACCOUNT)..place.start], b"\"service_account\"").is_some();
        let (rule, severity, rest) = match (is_of_google, is_encrypted) {
            (true, _) => ("google-service-account", Severity::Blocker, " of a service account of Google"),
            (false, true) => ("private-key", Severity::Minor, ", under a passphrase"),
            (false, false) => ("private-key", Severity::Critical, ""),
        };
        self.push(place, rule, Surety::Likely, severity, || format!("This is {what}{rest}"));
    }

    fn named(&mut self, hit: Range<usize>) {
        if hit.end <= self.named_until || matches!(self.place, Place::Built | Place::Specimen) {
            return;
        }
        self.move_line(hit.start);
        if self.line.len() > LONG_LINE {
            return;
        }
        let name = assigned::name_around(self.text, hit);
        self.named_until = name.end;
        let Some(assigned) = assigned::read(self.text, name, self.line.clone(), self.writing) else { return };
        let value = assigned.value.clone();
        let is_real = assigned.is_real(self.text);
        if is_real && assigned.is_aws_secret(self.text) {
            self.push(value, "aws-secret-key", Surety::Formed, Severity::Critical, || "This is a secret access key of AWS".to_owned());
        } else if is_real && assigned.is_discord_token(self.text) {
            self.push(value, "discord-token", Surety::Formed, Severity::Critical, || "This is a bot's token of Discord".to_owned());
        } else if is_real {
            let named = String::from_utf8_lossy(&self.text[assigned.name.clone()]).into_owned();
            let (rule, what) = match assigned.promise {
                Promise::Password => ("hardcoded-password", "a password that looks real"),
                Promise::Key => ("hardcoded-secret", "a secret that looks real"),
                Promise::Authorization => ("authorization-header", "credentials that look real"),
            };
            self.push(value, rule, Surety::Likely, Severity::Major, || format!("`{}` is given {what}", clip(&named, 60)));
        }
    }

    /// Moves to the line that `at` lies in. Keywords come in their order, so each byte is passed once.
    fn move_line(&mut self, at: usize) {
        if self.line.contains(&at) {
            return;
        }
        let from = self.line.end.min(at);
        let start = memchr::memrchr(b'\n', &self.text[from..at]).map_or(from, |newline| from + newline + 1);
        let end = memchr::memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |newline| at + newline);
        self.line = start..end;
    }
}

/// The beginning of so many characters before `end`, and no more of them before.
fn behind(text: &[u8], end: usize, alphabet: Alphabet, least: usize, most: usize) -> Option<usize> {
    let length = text[..end].iter().rev().take(most + 1).take_while(|byte| alphabet.has(**byte)).count();
    ((least..=most).contains(&length) && format::is_boundary_before(text, end - length)).then_some(end - length)
}

/// What was found, each place once: of two that overlap the one that was named more closely stays.
fn distinct(mut found: Vec<Found>) -> Vec<Found> {
    let is_loose =
        |found: &Found| matches!(found.rule, "hardcoded-password" | "hardcoded-secret" | "authorization-header" | "password-in-url");
    let mut kept: Vec<Found> = Vec::with_capacity(found.len());
    found.sort_by(|a, b| (a.place.start, is_loose(a), b.place.end).cmp(&(b.place.start, is_loose(b), a.place.end)));
    for found in found {
        match kept.last_mut() {
            Some(last) if found.place.start < last.place.end => {
                if is_loose(last) && !is_loose(&found) {
                    *last = found;
                }
            }
            _ => kept.push(found),
        }
    }
    kept
}

impl Found {
    fn said_of(self, file: &TreeFile, cursor: &mut Cursor<'_>) -> Finding {
        let span = cursor.span(&self.place);
        Finding {
            rule: self.rule.to_owned(),
            message: self.message,
            path: file.path.clone(),
            span: Some(span),
            kind: Kind::Security,
            severity: self.severity,
            fingerprint: None,
        }
    }
}

/// Counts lines and columns on the way through a text.
struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    column: u32,
}

impl<'a> Cursor<'a> {
    /// A byte order mark is not part of the first line.
    fn new(text: &'a [u8]) -> Cursor<'a> {
        Cursor { text, at: if text.starts_with(BOM) { BOM.len() } else { 0 }, line: 1, column: 1 }
    }

    /// A place that does not begin before the last ended.
    fn span(&mut self, place: &Range<usize>) -> Span {
        let (line_start, column_start) = self.to(place.start);
        let (line_end, column_end) = self.to(place.end.saturating_sub(1));
        Span { line_start, line_end, column_start: Some(column_start), column_end: Some(column_end) }
    }

    /// The line and column of the character that holds a byte, which is not before the last.
    fn to(&mut self, at: usize) -> (u32, u32) {
        while let Some(first) = self.text.get(self.at) {
            // No character is longer than the window.
            let window = &self.text[self.at..self.text.len().min(self.at + 4)];
            let length = if first.is_ascii() { 1 } else { char_lengths(window).next().unwrap_or(1) };
            if at < self.at + length {
                break;
            }
            (self.line, self.column) =
                if *first == b'\n' { (self.line.saturating_add(1), 1) } else { (self.line, self.column.saturating_add(1)) };
            self.at += length;
        }
        (self.line, self.column)
    }
}

#[cfg(test)]
mod tests;
