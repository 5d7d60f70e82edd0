//! Deliveries: what others tell us has happened, kept before it is believed and interpreted afterwards.
//!
//! Receiving and interpreting are two steps with a commit between. A delivery that was answered is durable and nothing of it was looked
//! at; whatever follows is the work of [`github::apply`], which reads what is kept, and may be repeated. A sender names each delivery, and
//! sends one again under its name when it is not sure: the second is the first, with no effect.
//!
//! Order is never that of arrival. What a delivery says of branches is no more than a reason to look, since git knows the truth; what it
//! says of a repository carries its own time, and older words never win over newer ones
//! ([`repos::AsOf`]).
//!
//! Deliveries are kept for [`KEPT`], far longer than any sender repeats one, and can be read and replayed meanwhile.

use std::time::Duration;

use crate::base::event::Event;
use crate::base::id::DeliveryId;
use crate::base::page::{Cursor, Limit, Page};
use crate::base::text::clip;
use crate::base::time::Timestamp;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{self, ReadTx, Scan, WriteTx};

use super::{accounts, checks, pulls, repos};

mod delivery;
pub mod github;

pub use delivery::{Content, Delivery, DeliveryBody, DeliveryState, Source};

/// How long a delivery is kept: GitHub sends one again for three days at most.
pub const KEPT: Duration = Duration::from_secs(14 * 24 * 3_600);
/// The largest body that stands in a row; a larger one is a blob.
pub const INLINE_BYTES: usize = 64 << 10;
/// The longest name of a delivery that is taken.
pub const GUID_BYTES: usize = 100;
/// The longest word for what a delivery is about that is taken.
pub const EVENT_BYTES: usize = 64;
/// How much is kept of what came of a delivery, and of each name in it.
pub const OUTCOME_BYTES: usize = 1_000;
/// How much is kept of a name that a delivery says.
const NAME_BYTES: usize = 210;

/// What can fail with deliveries.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// What follows from a delivery failed with repositories.
    #[error(transparent)]
    Repos(repos::Error),
    /// What follows from a delivery failed with checks.
    #[error(transparent)]
    Checks(checks::Error),
    /// What follows from a delivery failed with pull requests.
    #[error(transparent)]
    Pulls(pulls::Error),
    /// What follows from a delivery failed with people.
    #[error(transparent)]
    Accounts(accounts::Error),
    /// There is no such delivery.
    #[error("no delivery {id} is kept here (any more)")]
    NotFound {
        /// What was looked for.
        id: DeliveryId,
    },
    /// The delivery waits already.
    #[error("delivery {id} waits to be interpreted already")]
    Waits {
        /// Which.
        id: DeliveryId,
    },
}

impl From<accounts::Error> for Error {
    fn from(error: accounts::Error) -> Error {
        match error {
            accounts::Error::Store(error) => Error::Store(error),
            error => Error::Accounts(error),
        }
    }
}

impl From<pulls::Error> for Error {
    fn from(error: pulls::Error) -> Error {
        match error {
            pulls::Error::Store(error) => Error::Store(error),
            error @ pulls::Error::NotFound { .. } => Error::Pulls(error),
        }
    }
}

impl From<repos::Error> for Error {
    fn from(error: repos::Error) -> Error {
        match error {
            repos::Error::Store(error) => Error::Store(error),
            error => Error::Repos(error),
        }
    }
}

impl From<checks::Error> for Error {
    fn from(error: checks::Error) -> Error {
        match error {
            checks::Error::Store(error) => Error::Store(error),
            error => Error::Checks(error),
        }
    }
}

/// A result of this capability.
pub type Result<T> = std::result::Result<T, Error>;

/// A delivery at the door, its signature verified.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Who sent it.
    pub source: Source,
    /// Its sender's name for it.
    pub guid: String,
    /// What it is about.
    pub event: String,
    /// How many bytes its body has.
    pub bytes: u64,
    /// The body.
    pub content: Content,
}

/// What comes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What it says was done, or was known already.
    Processed(String),
    /// Nothing here follows from it, and why.
    Ignored(String),
    /// It could not be interpreted, and why.
    Failed(String),
}

impl Outcome {
    /// The state that a delivery has by it.
    pub fn state(&self) -> DeliveryState {
        match self {
            Outcome::Processed(_) => DeliveryState::Processed,
            Outcome::Ignored(_) => DeliveryState::Ignored,
            Outcome::Failed(_) => DeliveryState::Failed,
        }
    }

    /// What is said of it.
    pub fn says(&self) -> &str {
        match self {
            Outcome::Processed(says) | Outcome::Ignored(says) | Outcome::Failed(says) => says,
        }
    }
}

/// Keeps a delivery and has it interpreted; one that is known by its name is answered as it was, without effect.
pub fn receive(tx: &mut WriteTx, arrived: &Arrived, now: Timestamp) -> Result<DeliveryId> {
    if let Some(known) = find(tx, arrived.source, &arrived.guid)? {
        return Ok(known.id);
    }
    let id: DeliveryId = tx.new_id(now);
    tx.put(&Delivery {
        id,
        source: arrived.source,
        guid: arrived.guid.clone(),
        event: arrived.event.clone(),
        action: None,
        repo: None,
        installation: None,
        bytes: arrived.bytes,
        received_at: now,
        state: DeliveryState::Received,
        outcome: None,
        tries: 0,
        interpreted_at: None,
    })?;
    tx.put(&DeliveryBody { delivery: id, content: arrived.content.clone() })?;
    tx.record(Event::DeliveryReceived { delivery: id }, now)?;
    Ok(id)
}

/// The delivery that its sender calls so.
pub fn find(tx: &ReadTx, source: Source, guid: &str) -> Result<Option<Delivery>> {
    Ok(tx.first(&delivery::BY_GUID.exactly(&(source as u8, guid.to_owned())))?)
}

/// The delivery with this id.
pub fn get(tx: &ReadTx, id: DeliveryId) -> Result<Delivery> {
    tx.get::<Delivery>(&id)?.ok_or(Error::NotFound { id })
}

/// The body of a delivery.
pub fn body(tx: &ReadTx, id: DeliveryId) -> Result<DeliveryBody> {
    tx.get::<DeliveryBody>(&id)?.ok_or(Error::NotFound { id })
}

/// The latest delivery, if one is kept.
pub fn latest(tx: &ReadTx) -> store::Result<Option<Delivery>> {
    tx.first(&Scan::<Delivery>::all().reversed())
}

/// Which deliveries are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those that stand so.
    pub state: Option<DeliveryState>,
    /// Only those that are about this.
    pub event: Option<String>,
}

/// Deliveries, latest first. Where both parts of a filter are given, a page may hold fewer than there is room for, and none.
pub fn list(tx: &ReadTx, filter: &Filter, after: Option<&Cursor>, limit: Limit) -> Result<Page<Delivery>> {
    let scan = match (filter.state, &filter.event) {
        (_, Some(event)) => delivery::BY_EVENT.exactly(event),
        (Some(state), None) => delivery::BY_STATE.exactly(&(state as u8)),
        (None, None) => Scan::<Delivery>::all(),
    };
    let mut page = tx.page(&scan.reversed().after(after), limit)?;
    page.items.retain(|delivery| filter.state.is_none_or(|state| delivery.state == state));
    Ok(page)
}

/// Has a delivery interpreted once more.
pub fn replay(tx: &mut WriteTx, id: DeliveryId, now: Timestamp) -> Result<Delivery> {
    let mut delivery = get(tx, id)?;
    if delivery.state == DeliveryState::Received {
        return Err(Error::Waits { id });
    }
    delivery.state = DeliveryState::Received;
    tx.put(&delivery)?;
    tx.record(Event::DeliveryReplayed { delivery: id }, now)?;
    Ok(delivery)
}

/// What a delivery was found to name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// What happened.
    pub action: Option<String>,
    /// The repository.
    pub repo: Option<String>,
    /// The installation of the App.
    pub installation: Option<u64>,
}

/// Writes down what came of a delivery.
pub fn conclude(tx: &mut WriteTx, id: DeliveryId, named: &Named, outcome: &Outcome, now: Timestamp) -> Result<Delivery> {
    let mut delivery = get(tx, id)?;
    let short = |text: &Option<String>| text.as_ref().map(|text| clip(text, NAME_BYTES).into_owned());
    delivery.action = short(&named.action);
    delivery.repo = short(&named.repo);
    delivery.installation = named.installation;
    delivery.state = outcome.state();
    delivery.outcome = Some(clip(outcome.says(), OUTCOME_BYTES).into_owned());
    delivery.tries = delivery.tries.saturating_add(1);
    delivery.interpreted_at = Some(now);
    tx.put(&delivery)?;
    Ok(delivery)
}

/// Writes down that a delivery could not be interpreted this time, and is tried again.
pub fn stumble(tx: &mut WriteTx, id: DeliveryId, why: &str, now: Timestamp) -> Result<()> {
    let mut delivery = get(tx, id)?;
    delivery.outcome = Some(clip(why, OUTCOME_BYTES).into_owned());
    delivery.tries = delivery.tries.saturating_add(1);
    delivery.interpreted_at = Some(now);
    Ok(tx.put(&delivery)?)
}

/// Forgets deliveries that are past their time, at most `limit`; answers how many. Their blobs are swept.
pub fn expire(tx: &mut WriteTx, limit: usize, now: Timestamp) -> Result<usize> {
    let mut forgotten = 0;
    let oldest = tx.find(&Scan::<Delivery>::all(), limit)?;
    let is_over = |delivery: &&Delivery| now.since(delivery.received_at) > KEPT;
    for delivery in oldest.iter().take_while(is_over) {
        tx.remove::<DeliveryBody>(&delivery.id)?;
        tx.remove::<Delivery>(&delivery.id)?;
        forgotten += 1;
    }
    Ok(forgotten)
}

/// The blobs that bodies name: a page of them, and where the next begins.
pub fn blobs(tx: &ReadTx, after: Option<&Cursor>) -> Result<(Vec<BlobHash>, Option<Cursor>)> {
    let page = tx.page(&delivery::BY_BLOB.all().after(after), Limit::MAX)?;
    let blob = |body: DeliveryBody| match body.content {
        Content::Blob(blob) => Some(blob),
        Content::Inline(_) => None,
    };
    Ok((page.items.into_iter().filter_map(blob).collect(), page.next))
}
