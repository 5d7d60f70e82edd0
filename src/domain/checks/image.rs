//! What the name of an image meant when it was first run, which is what it means from then on.
//!
//! Whoever owns a name may put another image behind it, and it would run on the code of everybody who names it. So the first meaning
//! stays; a newer image is taken by naming it: another tag, or its digest.
//!
//! It is the meaning for one repository. An image that is not for everybody was fetched in the name of one that may have it; another that
//! names it has to ask for itself.

use serde::{Deserialize, Serialize};

use crate::base::id::RepoId;
use crate::base::time::Timestamp;
use crate::engine::store::{self, ReadTx, Record, WriteTx};

/// What the name of an image means to a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePin {
    /// The repository.
    pub repo: RepoId,
    /// The name, with registry and tag.
    pub reference: String,
    /// What is asked for in its place: the name with a digest, or the id of an image that was made on this host.
    pub pinned: String,
    /// When it was first run.
    pub pinned_at: Timestamp,
}

impl Record for ImagePin {
    const TABLE: &'static str = "image_pins";
    const VERSION: u16 = 1;
    type Key = (RepoId, String);

    fn key(&self) -> (RepoId, String) {
        (self.repo, self.reference.clone())
    }
}

/// What a name means to a repository, if it was run for it before.
pub fn image_pin(tx: &ReadTx, repo: RepoId, reference: &str) -> store::Result<Option<ImagePin>> {
    tx.get::<ImagePin>(&(repo, reference.to_owned()))
}

/// Keeps what a name was found to mean, and answers what it means: what was kept first.
pub fn pin_image(tx: &mut WriteTx, repo: RepoId, reference: &str, pinned: &str, now: Timestamp) -> store::Result<ImagePin> {
    if let Some(pin) = image_pin(tx, repo, reference)? {
        return Ok(pin);
    }
    let pin = ImagePin { repo, reference: reference.to_owned(), pinned: pinned.to_owned(), pinned_at: now };
    tx.put(&pin)?;
    Ok(pin)
}
