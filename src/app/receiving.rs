//! The door of deliveries: how many large bodies are held in memory at once, and how often it is told that some were refused.
//!
//! A body is read whole before its signature can be verified, so strangers can have us hold it. Small ones, which nearly all deliveries
//! are, are bounded by the number of connections. Large ones take turns, and whoever has no turn in time is told to come back: a sender of
//! deliveries does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::time::Timestamp;

/// A body larger than this takes a turn.
pub const LARGE_BYTES: u64 = 256 << 10;
/// How many large bodies are held at once.
const AT_ONCE: usize = 3;
/// How long one waits for its turn: less than a sender waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the log tells that deliveries are refused: anybody can send any number of those.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The turns, and what was refused.
#[derive(Debug)]
pub struct Receiving {
    turns: Arc<Semaphore>,
    /// When the log last told, and how many were refused since.
    refused: Mutex<(Option<Timestamp>, u64)>,
}

impl Default for Receiving {
    fn default() -> Receiving {
        Receiving { turns: Arc::new(Semaphore::new(AT_ONCE)), refused: Mutex::default() }
    }
}

impl Receiving {
    /// A turn for a body of at least so many bytes; `None` if none came in time.
    pub async fn turn(&self, bytes: u64) -> Option<Turn> {
        if bytes <= LARGE_BYTES {
            return Some(Turn { _permit: None });
        }
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await.ok()?.ok()?;
        Some(Turn { _permit: Some(permit) })
    }

    /// Notes that a delivery is refused. Answers how many were since that was last told, if it is to be told now.
    pub fn refuses(&self, now: Timestamp) -> Option<u64> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let (told, count) = &mut *refused;
        *count += 1;
        if told.is_some_and(|at| now.since(at) < TOLD_EVERY) {
            return None;
        }
        *told = Some(now);
        Some(std::mem::take(count))
    }
}

/// Lasts until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: Option<OwnedSemaphorePermit>,
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn what_is_refused_is_told_once_a_minute_with_how_many_there_were() {
        let receiving = Receiving::default();
        let told: Vec<Option<u64>> = [0, 1, 59, 60, 61].map(|second| receiving.refuses(Timestamp::from_seconds(second))).into();
        assert_eq!(told, [Some(1), None, None, Some(3), None]);
    }

    #[tokio::test]
    async fn large_bodies_take_turns_and_small_ones_do_not_wait_for_them() {
        let receiving = Receiving::default();
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.push(receiving.turn(LARGE_BYTES + 1).await.unwrap());
        }
        assert!(receiving.turn(LARGE_BYTES).await.is_some());
        assert!(receiving.turn(LARGE_BYTES + 1).now_or_never().is_none());
        turns.pop();
        assert!(receiving.turn(LARGE_BYTES + 1).await.is_some());
    }
}
