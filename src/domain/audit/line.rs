//! An entry as one line of JSON: the form in which it is hashed, exported and verified.
//!
//! The fields stand in the order of [`Line`], without blanks; what is absent is left out; the last is `hash`. The hash of an entry is the
//! SHA-256, in hexadecimal, of its line without that field: of the bytes before `,"hash":"`, and a closing brace. The line holds the hash
//! of the entry before it as `prev` (sixty-four zeros before the first), so the hashes are a chain. A trail whose beginning was let go
//! is exported after a line `{"checkpoint":{"number":…,"hash":…,"at":…}}`: the first entry follows that number and names that hash.
//!
//! To verify: for each line, cut `,"hash":"<64 digits>"}` off its end and add `}`; its SHA-256 is the hash that was cut off; its `prev` is
//! the hash of the line before, and its `number` one above that line's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::record::{Action, ActorKind, Checkpoint, Digest, Entry, Outcome, SubjectKind};
use crate::base::event::Changed;
use crate::base::time::Timestamp;

/// What stands between an entry and its hash.
const BEFORE_HASH: &str = ",\"hash\":\"";

/// An entry of the trail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Line {
    /// Its place: from 1, without gaps.
    pub number: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: LineActor,
    /// What was done; `request` for what was refused.
    pub action: Action,
    /// To what.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<LineSubject>,
    /// `done` or `refused`.
    pub outcome: String,
    /// By which code of the API it was refused.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub code: Option<String>,
    /// What was otherwise before.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub changes: Vec<Changed>,
    /// How many refusals had no entry of their own since the last one that has.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub unrecorded: u64,
    /// The hash of the entry before.
    pub prev: String,
    /// The hash of this one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hash: Option<String>,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditActor)]
pub struct LineActor {
    /// What kind of somebody.
    pub kind: ActorKind,
    /// The id of the person or token; of a workload, the number of its run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// The login of the person, or what the token was called, at that time; of a workload, its repository with its host.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The login of the person that the token acts as.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<String>,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<String>,
}

/// What it was done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditSubject)]
pub struct LineSubject {
    /// What kind of thing.
    pub kind: SubjectKind,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    /// What it was called at that time.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Line {
    /// The line of an entry.
    pub fn of(entry: &Entry) -> Line {
        let actor = entry.actor.clone();
        let (outcome, code) = match &entry.outcome {
            Outcome::Done => ("done", None),
            Outcome::Refused { code } => ("refused", Some(code.clone())),
        };
        let subject = entry.subject.clone();
        Line {
            number: entry.number,
            at: entry.at,
            actor: LineActor { kind: actor.kind, id: actor.id, name: actor.name, user: actor.user, address: actor.address },
            action: entry.action,
            subject: subject.map(|subject| LineSubject { kind: subject.kind, id: subject.id, name: subject.name }),
            outcome: outcome.to_owned(),
            code,
            changes: entry.changes.clone(),
            unrecorded: entry.unrecorded,
            prev: entry.prev.to_string(),
            hash: Some(entry.hash.to_string()),
        }
    }

    /// The hash that the entry must have.
    pub fn digest(&self) -> Digest {
        Digest::of(Line { hash: None, ..self.clone() }.text().as_bytes())
    }

    /// The line, without an end.
    pub fn text(&self) -> String {
        serde_json::to_string(self).expect("texts, numbers and words can be written as JSON")
    }
}

/// The line that says where an export begins whose beginning was let go.
pub fn checkpoint_line(checkpoint: &Checkpoint) -> String {
    let Checkpoint { through, hash, at, .. } = checkpoint;
    format!("{{\"checkpoint\":{{\"number\":{through},\"hash\":\"{hash}\",\"at\":\"{at}\"}}}}")
}

/// The first place at which a trail is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} {kind}", match .number { Some(number) => format!("entry {number}"), None => format!("line {}", .line) })]
pub struct Fault {
    /// Which line, from 1.
    pub line: u64,
    /// The number of its entry, where it has one.
    pub number: Option<u64>,
    /// What is wrong with it.
    pub kind: FaultKind,
}

/// What is wrong at the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// It is not an entry.
    #[error("is not an entry of a trail")]
    NotAnEntry,
    /// Its content is not the one that was hashed.
    #[error("was changed: its content does not have the hash that it bears")]
    Changed,
    /// It does not follow the entry before.
    #[error("does not follow the one before it, which has the hash {expected}: something was changed, taken out or put in between")]
    Unchained {
        /// The hash of the entry before.
        expected: Digest,
    },
    /// Its number is not the next.
    #[error("stands where entry {expected} should: entries are missing, or stand twice")]
    OutOfOrder {
        /// The number that was next.
        expected: u64,
    },
}

/// What was verified so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// How many entries.
    pub entries: u64,
    /// The number of the first.
    pub first: u64,
    /// The number and hash of the last.
    pub last: (u64, Digest),
    /// Whether the first is where the trail begins: nothing before it, or what was let go by a checkpoint that an entry seals.
    pub is_whole: bool,
}

/// Goes through a trail line by line.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    lines: u64,
    entries: u64,
    first: Option<u64>,
    last: Option<(u64, Digest)>,
    /// Whether the first entry is the first that there ever was.
    is_first: bool,
    /// Where the trail begins by its own word, and whether an entry of it says the same.
    checkpoint: Option<((u64, Digest), bool)>,
    /// Whether an entry with the hash that somebody noted was seen.
    sought: Option<(Digest, bool)>,
}

#[derive(Deserialize)]
struct Chained {
    number: u64,
    prev: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    changes: Vec<Changed>,
}

impl Chained {
    /// What was let go by its word, if it is of an entry that seals that.
    fn seals(&self) -> Option<(u64, Digest)> {
        let said = |field: &str| self.changes.iter().find(|change| change.field == field)?.after.as_deref();
        if self.action != Action::TrailShortened.as_str() {
            return None;
        }
        Some((said("through")?.parse().ok()?, Digest::parse(said("hash")?)?))
    }
}

#[derive(Deserialize)]
struct Beginning {
    checkpoint: BeginsAt,
}

#[derive(Deserialize)]
struct BeginsAt {
    number: u64,
    hash: String,
}

impl Verifier {
    /// One that also looks for the entry with this hash.
    pub fn seeking(hash: Option<Digest>) -> Verifier {
        Verifier { sought: hash.map(|hash| (hash, false)), ..Verifier::default() }
    }

    /// Takes the next line, without its end.
    pub fn take(&mut self, line: &str) -> Result<(), Fault> {
        self.lines += 1;
        let fault = |number, kind| Fault { line: self.lines, number, kind };
        if self.lines == 1
            && let Ok(Beginning { checkpoint }) = serde_json::from_str(line)
        {
            let hash = Digest::parse(&checkpoint.hash).ok_or_else(|| fault(None, FaultKind::NotAnEntry))?;
            self.last = Some((checkpoint.number, hash));
            self.checkpoint = Some(((checkpoint.number, hash), false));
            return Ok(());
        }
        let (body, hash) = split(line).ok_or_else(|| fault(None, FaultKind::NotAnEntry))?;
        let chained: Chained = serde_json::from_str(&body).map_err(|_| fault(None, FaultKind::NotAnEntry))?;
        let number = chained.number;
        if Digest::of(body.as_bytes()) != hash {
            return Err(fault(Some(number), FaultKind::Changed));
        }
        let prev = Digest::parse(&chained.prev).ok_or_else(|| fault(Some(number), FaultKind::NotAnEntry))?;
        if let Some((before, expected)) = self.last {
            if before.checked_add(1) != Some(number) {
                return Err(fault(Some(number), FaultKind::OutOfOrder { expected: before.saturating_add(1) }));
            }
            if prev != expected {
                return Err(fault(Some(number), FaultKind::Unchained { expected }));
            }
        } else if number == 1 {
            if prev != Digest::ZERO {
                return Err(fault(Some(number), FaultKind::Unchained { expected: Digest::ZERO }));
            }
            self.is_first = true;
        }
        if let Some((place, is_sealed)) = &mut self.checkpoint {
            *is_sealed |= chained.seals() == Some(*place);
        }
        self.first = self.first.or(Some(number));
        self.last = Some((number, hash));
        self.entries += 1;
        if let Some((sought, found)) = &mut self.sought {
            *found |= *sought == hash;
        }
        Ok(())
    }

    /// What was verified; `None` where there was no entry.
    pub fn verified(&self) -> Option<Verified> {
        let (first, last) = (self.first?, self.last?);
        let is_whole = self.is_first || self.checkpoint.is_some_and(|(_, is_sealed)| is_sealed);
        Some(Verified { entries: self.entries, first, last, is_whole })
    }

    /// Whether the hash that was sought is missing.
    pub fn misses(&self) -> bool {
        self.sought.is_some_and(|(_, found)| !found)
    }
}

/// What was hashed of a line, and the hash that it bears.
fn split(line: &str) -> Option<(String, Digest)> {
    let at = line.rfind(BEFORE_HASH)?;
    let hash = Digest::parse(line[at + BEFORE_HASH.len()..].strip_suffix("\"}")?)?;
    Some((format!("{}}}", &line[..at]), hash))
}
