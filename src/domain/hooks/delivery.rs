//! A delivery as it is stored: what is said of it in one row, what it says in another.
//!
//! The two are apart since the one is listed, and changes as the delivery is interpreted; the other is written once and read seldom.

use serde::{Deserialize, Serialize};

use crate::base::id::DeliveryId;
use crate::base::time::Timestamp;
use crate::engine::store::blob::BlobHash;
use crate::engine::store::{AnyIndex, Index, Record};
use crate::words;

words! {
    /// Who sends deliveries.
    pub enum Source: "source of deliveries" {
        /// GitHub, to the App.
        Github = "github",
    }
}

words! {
    /// How a delivery stands.
    pub enum DeliveryState: "state of a delivery" {
        /// It is kept, and waits to be interpreted.
        Received = "received",
        /// What it says was done, or was known already.
        Processed = "processed",
        /// Nothing here follows from it.
        Ignored = "ignored",
        /// It could not be interpreted.
        Failed = "failed",
    }
}

/// A delivery that came in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id here.
    pub id: DeliveryId,
    /// Who sent it.
    pub source: Source,
    /// Its sender's name for it, the same each time it is sent.
    pub guid: String,
    /// What it is about, in its sender's word.
    pub event: String,
    /// What happened, in its sender's word; known once it was interpreted.
    pub action: Option<String>,
    /// The repository it names, as `owner/name`; known once it was interpreted.
    pub repo: Option<String>,
    /// The installation of the App that it names.
    pub installation: Option<u64>,
    /// How many bytes its body has.
    pub bytes: u64,
    /// When it came for the first time.
    pub received_at: Timestamp,
    /// How it stands.
    pub state: DeliveryState,
    /// What came of it, or why nothing did.
    pub outcome: Option<String>,
    /// How often it was interpreted.
    pub tries: u32,
    /// When it was last interpreted.
    pub interpreted_at: Option<Timestamp>,
}

impl Record for Delivery {
    const TABLE: &'static str = "deliveries";
    const VERSION: u16 = 1;
    type Key = DeliveryId;

    fn key(&self) -> DeliveryId {
        self.id
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_GUID, &BY_STATE, &BY_EVENT]
    }
}

/// Deliveries by their sender's name for them.
pub(super) const BY_GUID: Index<Delivery, (u8, String)> = Index::on("by_guid", |delivery| (delivery.source as u8, delivery.guid.clone()));
/// Deliveries by how they stand.
pub(super) const BY_STATE: Index<Delivery, u8> = Index::on("by_state", |delivery| delivery.state as u8);
/// Deliveries by what they are about.
pub(super) const BY_EVENT: Index<Delivery, String> = Index::on("by_event", |delivery| delivery.event.clone());

/// The bytes that were signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryBody {
    /// Whose they are.
    pub delivery: DeliveryId,
    /// Where they are.
    pub content: Content,
}

/// Where the bytes of a body are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// In the row: a blob costs three syncs more.
    Inline(Vec<u8>),
    /// In a blob.
    Blob(BlobHash),
}

impl Record for DeliveryBody {
    const TABLE: &'static str = "delivery_bodies";
    const VERSION: u16 = 1;
    type Key = DeliveryId;

    fn key(&self) -> DeliveryId {
        self.delivery
    }

    fn indexes() -> &'static [&'static dyn AnyIndex<Self>] {
        &[&BY_BLOB]
    }
}

/// The bodies that are blobs.
pub(super) const BY_BLOB: Index<DeliveryBody, u8> = Index::some("by_blob", |body| matches!(body.content, Content::Blob(_)).then_some(0));
