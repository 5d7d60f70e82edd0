//! The trail: who did what, to what, from where, and whether it was done.
//!
//! It is only ever added to. Every [`Entry`] holds the hash of the one before it and its own, so that none can be changed, taken out or put
//! in between without breaking the chain at that place; [`Verifier`] finds the first place where it breaks, and [`Line`] says in what form an
//! entry is hashed, so that others can do the same with an export and a dozen lines of any language. Whoever can write the store could
//! forge the chain anew from some place on: that shows against an export that was taken away before, or against the hash of a single
//! entry that somebody noted.
//!
//! An entry is written in the transaction that does what it tells of, so there is none without the other. What was refused has an entry
//! of its own, in a transaction of its own, and of those only so many that a stranger cannot fill the disk (`app/trail.rs`). What the
//! appliance does by itself (fetching, checking, forgetting) stays out. No entry holds a secret, the text of a token or a body.
//!
//! Nothing is ever removed but what is older than an age that an administrator has set; what remains then begins at a [`Checkpoint`] that
//! holds the last hash of what went, and an entry of the trail itself says so.

use crate::base::page::{Cursor, Limit, Page};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::key::RowKey;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};

mod line;
mod record;
#[cfg(test)]
mod tests;

pub use line::{Fault, FaultKind, Line, LineActor, LineSubject, Verified, Verifier, checkpoint_line};
pub use record::{Action, ActorKind, Checkpoint, Digest, Entry, Outcome, Subject, SubjectKind, Who};

use crate::base::event::Changed;

/// The longest name or address that an entry repeats, in bytes.
const NAME_BYTES: usize = 200;
/// The longest value before or after a change.
const VALUE_BYTES: usize = 200;
/// The most changes that one entry tells of, beside how many more there were.
const CHANGES: usize = 20;
/// The most entries that one page of a narrowed list looks at: what is rare is found over several pages, each soon.
const LOOKED_AT: usize = 2_000;

/// Something that was done or refused, before it has its place in the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Who did it.
    pub actor: Who,
    /// What.
    pub action: Action,
    /// To what.
    pub subject: Option<Subject>,
    /// Whether it was done.
    pub outcome: Outcome,
    /// What was otherwise before, where that helps.
    pub changes: Vec<Changed>,
    /// How many refusals had no entry since the last one that has.
    pub unrecorded: u64,
}

/// Adds an entry at the end of the trail.
pub fn record(tx: &mut WriteTx, deed: Deed, now: Timestamp) -> store::Result<Entry> {
    let (number, prev) = match tx.first(&Scan::<Entry>::all().reversed())? {
        Some(last) => (last.number + 1, last.hash),
        None => (1, Digest::ZERO),
    };
    let Deed { actor, action, subject, outcome, changes, unrecorded } = deed;
    let mut entry = Entry {
        number,
        at: now,
        actor: actor.clipped(NAME_BYTES),
        action,
        subject: subject.map(|subject| subject.clipped(NAME_BYTES)),
        outcome,
        changes: told(changes),
        unrecorded,
        prev,
        hash: Digest::ZERO,
    };
    entry.hash = Line::of(&entry).digest();
    tx.put(&entry)?;
    Ok(entry)
}

/// As many changes as an entry has room for; the last says how many more there were.
fn told(mut changes: Vec<Changed>) -> Vec<Changed> {
    let left_out = changes.len().saturating_sub(CHANGES);
    if left_out > 0 {
        changes.truncate(CHANGES);
        changes.push(Changed { field: "…".to_owned(), before: None, after: Some(format!("and {left_out} more")) });
    }
    changes.into_iter().map(clipped).collect()
}

fn clipped(change: Changed) -> Changed {
    let short = |value: Option<String>| value.map(|value| clip(&value, VALUE_BYTES).into_owned());
    Changed { field: clip(&change.field, NAME_BYTES).into_owned(), before: short(change.before), after: short(change.after) }
}

/// What of the trail is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A login, an id or an address: of whoever did it, or of the person that a token acts as.
    pub who: Option<String>,
    /// What was done.
    pub action: Option<Action>,
    /// Whether only what was done, or only what was refused, is meant.
    pub is_refused: Option<bool>,
    /// From when on.
    pub from: Option<Timestamp>,
    /// Until when, that instant included.
    pub to: Option<Timestamp>,
}

impl Filter {
    fn takes(&self, entry: &Entry) -> bool {
        self.who.as_ref().is_none_or(|who| record::names(entry).contains(&who.to_lowercase()))
            && self.action.is_none_or(|action| entry.action == action)
            && self.is_refused.is_none_or(|refused| matches!(entry.outcome, Outcome::Refused { .. }) == refused)
            && self.from.is_none_or(|from| entry.at >= from)
    }

    /// By what the entries are gone through.
    fn way(&self) -> Way {
        match (&self.who, self.action) {
            (Some(who), _) => Way::Name(who.to_lowercase()),
            (None, Some(action)) => Way::Action(action),
            (None, None) => Way::Time,
        }
    }
}

/// By what entries are gone through, latest first: all of them, or those alone that can be meant.
enum Way {
    Name(String),
    Action(Action),
    Time,
}

impl Way {
    fn scan(&self) -> Scan<Entry> {
        let scan = match self {
            Way::Name(name) => record::BY_NAME.prefix(name.clone()),
            Way::Action(action) => record::BY_ACTION.prefix(*action as u8),
            Way::Time => record::BY_TIME.all(),
        };
        scan.reversed()
    }

    /// The place of an entry on the way.
    fn place(&self, at: Timestamp, number: u64) -> Cursor {
        Cursor::new(match self {
            Way::Name(name) => (name.clone(), at, number).to_key(),
            Way::Action(action) => (*action as u8, at, number).to_key(),
            Way::Time => (at, number).to_key(),
        })
    }
}

/// A page of what is asked for, latest first. A page of a narrowed list may hold less than it could, and still have a next one.
pub fn list(tx: &ReadTx, filter: &Filter, after: Option<&Cursor>, limit: Limit) -> store::Result<Page<Entry>> {
    let way = filter.way();
    // The first page begins just after the last instant that is meant.
    let end = filter.to.map(|to| way.place(to, u64::MAX));
    let mut cursor = after.cloned().or(end);
    let (mut items, mut looked_at) = (Vec::new(), 0);
    loop {
        let page = tx.page(&way.scan().after(cursor.as_ref()), Limit::MAX)?;
        let is_last = page.next.is_none();
        let mut entries = page.items.into_iter();
        for entry in entries.by_ref() {
            if filter.from.is_some_and(|from| entry.at < from) {
                return Ok(Page { items, next: None });
            }
            looked_at += 1;
            cursor = Some(way.place(entry.at, entry.number));
            if filter.takes(&entry) {
                items.push(entry);
            }
            if items.len() == limit.get() || looked_at >= LOOKED_AT {
                let has_more = !is_last || entries.len() > 0;
                return Ok(Page { items, next: cursor.filter(|_| has_more) });
            }
        }
        if is_last {
            return Ok(Page { items, next: None });
        }
    }
}

/// The entries from a number on, oldest first, at most `limit`: what an export reads.
pub fn from_number(tx: &ReadTx, number: u64, limit: usize) -> store::Result<Vec<Entry>> {
    tx.find(&Scan::<Entry>::from_key(&number), limit)
}

/// The latest entry.
pub fn head(tx: &ReadTx) -> store::Result<Option<Entry>> {
    tx.first(&Scan::<Entry>::all().reversed())
}

/// Where the trail begins, if its beginning was let go.
pub fn checkpoint(tx: &ReadTx) -> store::Result<Option<Checkpoint>> {
    tx.get::<Checkpoint>(&())
}

/// Lets go of entries from before an instant, oldest first, at most `limit`; the latest entry always stays. Says whether there are more.
/// Once there are none, an entry seals that the trail was shortened, and up to where.
pub fn shorten(tx: &mut WriteTx, before: Timestamp, limit: usize, now: Timestamp) -> store::Result<bool> {
    let Some(head) = head(tx)? else { return Ok(false) };
    let oldest = tx.find(&Scan::<Entry>::all(), limit)?;
    let gone: Vec<Entry> = oldest.into_iter().take_while(|entry| entry.at < before && entry.number < head.number).collect();
    let Some(last) = gone.last() else {
        return seal(tx, now).map(|()| false);
    };
    tx.put(&Checkpoint { through: last.number, hash: last.hash, at: now, is_sealed: false })?;
    for entry in &gone {
        tx.remove::<Entry>(&entry.number)?;
    }
    Ok(true)
}

/// Says in the trail itself where it begins now, unless that stands there already.
fn seal(tx: &mut WriteTx, now: Timestamp) -> store::Result<()> {
    let Some(checkpoint) = checkpoint(tx)?.filter(|checkpoint| !checkpoint.is_sealed) else { return Ok(()) };
    let told = |field: &str, after: String| Changed { field: field.to_owned(), before: None, after: Some(after) };
    let deed = Deed {
        actor: Who::of(ActorKind::System),
        action: Action::TrailShortened,
        subject: None,
        outcome: Outcome::Done,
        changes: vec![told("through", checkpoint.through.to_string()), told("hash", checkpoint.hash.to_string())],
        unrecorded: 0,
    };
    record(tx, deed, now)?;
    tx.put(&Checkpoint { is_sealed: true, ..checkpoint })
}

/// The number of the first entry from an instant on; `None` if there is none.
pub fn first_since(tx: &ReadTx, from: Timestamp) -> store::Result<Option<u64>> {
    Ok(tx.first(&record::BY_TIME.from(&from))?.map(|entry| entry.number))
}
