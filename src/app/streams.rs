//! The streams of events that are open: counted in all and for each caller, since each keeps a connection for as long as it likes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::config::Limits;

/// How many streams are open, by who listens.
#[derive(Debug, Clone, Default)]
pub struct Streams(Arc<Mutex<HashMap<String, usize>>>);

/// A stream is open for as long as this lives.
#[derive(Debug)]
pub struct Open {
    streams: Streams,
    who: String,
}

impl Streams {
    /// Opens a stream for somebody; `None` if they, or all together, have as many as there may be.
    pub fn open(&self, who: &str, limits: &Limits) -> Option<Open> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(who).copied().unwrap_or(0);
        if own >= limits.streams_per_caller || open.values().sum::<usize>() >= limits.streams {
            return None;
        }
        open.insert(who.to_owned(), own + 1);
        Some(Open { streams: self.clone(), who: who.to_owned() })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.who);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_may_open_some_and_all_together_not_many_more() {
        let limits = Limits { streams: 3, streams_per_caller: 2, ..Limits::default() };
        let streams = Streams::default();
        let ada = [streams.open("ada", &limits).unwrap(), streams.open("ada", &limits).unwrap()];
        assert!(streams.open("ada", &limits).is_none());
        let eve = streams.open("eve", &limits).unwrap();
        assert!(streams.open("eve", &limits).is_none(), "all together have three");
        drop(ada);
        assert_eq!(streams.count(), 1);
        let _more = streams.open("eve", &limits).unwrap();
        drop(eve);
        assert_eq!(streams.count(), 1);
    }
}
