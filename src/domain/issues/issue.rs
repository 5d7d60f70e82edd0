//! What an issue is: the identity of a finding across commits.

use crate::words;

words! {
    /// How an issue stands.
    pub enum IssueState: "state of an issue" {
        /// It is there.
        Open = "open",
        /// It is gone.
        Fixed = "fixed",
        /// It is there, and somebody said why that is all right.
        Ignored = "ignored",
    }
}
