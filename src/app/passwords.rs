//! Hashing passwords beside the requests that wait for it.
//!
//! A hash takes 19 MiB and some ten milliseconds of a processor, for anybody who asks. So a few are computed at a time, a few more wait
//! their turn, and whoever comes then is told to come again: guessing cannot use up the machine.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::App;
use crate::base::secret::Secret;
use crate::domain::accounts::{Password, PasswordHash};
use crate::engine::store;

/// How many hashes are computed at a time.
const AT_A_TIME: usize = 2;
/// How many may wait for their turn.
const WAITING: usize = 64;

/// Where hashes are computed.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords { turns: Arc::new(Semaphore::new(AT_A_TIME)), places: Arc::new(Semaphore::new(AT_A_TIME + WAITING)) }
    }
}

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many wait.
    #[error("too many passwords are being looked at; try again in a moment")]
    Busy,
    /// It failed.
    #[error(transparent)]
    Failed(#[from] store::Error),
}

impl App {
    /// The hash of a new password.
    pub async fn hash_password(&self, password: Password) -> Result<PasswordHash, Error> {
        self.slowly(move || password.hash()).await
    }

    /// Whether a text is the password that has this hash; with no hash, it takes as long to say no.
    pub async fn is_password(&self, hash: Option<PasswordHash>, text: Secret<String>) -> Result<bool, Error> {
        self.slowly(move || match &hash {
            Some(hash) => hash.is_of(text.expose()),
            None => PasswordHash::of_nobody().is_of(text.expose()),
        })
        .await
    }

    async fn slowly<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let place = Arc::clone(&self.passwords.places).try_acquire_owned().map_err(|_| Error::Busy)?;
        let turn = Arc::clone(&self.passwords.turns).acquire_owned().await.map_err(|_| Error::Busy)?;
        // The work goes on when whoever asked has gone away, and so do both.
        let work = move || {
            let _held = (place, turn);
            work()
        };
        Ok(self.blocking(work).await?)
    }
}
