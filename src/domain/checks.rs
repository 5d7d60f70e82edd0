//! Checks.

pub mod builtin;

use crate::words;

words! {
    /// How far a check, or a commit's set of checks, has come.
    pub enum CheckState: "state of a check" {
        /// Its turn has not come.
        Waiting = "waiting",
        /// It is at work.
        Running = "running",
        /// It ran and its output was read, whatever it found; for a set: nothing failed and the gate does not say no.
        Succeeded = "succeeded",
        /// It said no.
        Failed = "failed",
        /// We could not tell.
        Errored = "errored",
        /// Somebody stopped it.
        Canceled = "canceled",
        /// It took longer than it may.
        TimedOut = "timed_out",
        /// The manifest names no checks. Of a set alone.
        NotConfigured = "not_configured",
    }
}

impl CheckState {
    /// Whether nothing more will come of it.
    pub fn is_finished(self) -> bool {
        !matches!(self, CheckState::Waiting | CheckState::Running)
    }
}
