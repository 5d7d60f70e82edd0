//! The line that says how far a run is: on a terminal, on standard error, and gone afterwards.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::base::text::{clip, quiet};

/// How often the line changes at most: a terminal that is far away is not flooded.
const PACE: Duration = Duration::from_millis(50);
/// How many bytes of a line there are at most, so that it does not wrap.
const LINE: usize = 70;

/// A line on a terminal, or nothing.
pub struct Meter {
    is_shown: bool,
    last: Mutex<Option<Instant>>,
}

impl Meter {
    /// The line on standard error, if that is a terminal which can take it back.
    pub fn on_stderr() -> Meter {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        Meter { is_shown: std::io::stderr().is_terminal() && !is_dumb, last: Mutex::new(None) }
    }

    /// Says how far it is.
    pub fn say(&self, what: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_shown || last.is_some_and(|last| last.elapsed() < PACE) {
            return;
        }
        *last = Some(Instant::now());
        // A progress line that cannot be written is no reason to stop.
        let _ = write!(std::io::stderr(), "\r{}\x1b[K", clip(&quiet(what), LINE));
    }

    /// Takes the line back.
    pub fn erase(&self) {
        if self.last.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
