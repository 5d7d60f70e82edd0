//! How much an issue matters: a word that manifests, gates and issues share.

use crate::words;

words! {
    /// How much it matters, ascending.
    pub enum Severity: "severity" {
        /// Good to know.
        Info = "info",
        /// Mend it when you pass by.
        Minor = "minor",
        /// Mend it soon.
        Major = "major",
        /// Mend it now.
        Critical = "critical",
        /// Nothing goes out before it is mended.
        Blocker = "blocker",
    }
}
