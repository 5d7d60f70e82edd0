//! The manifest to be written: its text, what is wrong with it and where, and what it would run.
//!
//! Nothing is kept here. A manifest is a file of the repository, and whoever is content with it commits it there.

use askama::Template;

use super::commit::ManifestFault;
use super::frame::{Frame, Place, Tab};
use super::marks::Stand;
use super::{href, words};
use crate::base::text::clip;
use crate::domain::repos::manifest::ManifestName;
use crate::http::checks::dry_run::{DryCheckView, DryRunView};

/// The fewest and the most lines that the field shows at once.
const FIELD_LINES: (usize, usize) = (16, 40);
/// The longest line that is shown with its fault.
const LINE_BYTES: usize = 300;

/// A manifest to be written.
#[derive(Debug, Template)]
#[template(path = "repo/manifest.html", config = ".askama.toml")]
pub struct ManifestPage {
    /// The request.
    pub frame: Frame,
    /// Where it is.
    pub place: Place,
    /// The text.
    pub text: String,
    /// As which file it is read.
    pub file: ManifestName,
    /// Where the text comes from.
    pub origin: Origin,
    /// What came of checking it.
    pub outcome: DryRunView,
}

/// Where the text of a manifest comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is what the default branch has.
    Committed,
    /// What the default branch has is too large to be shown, or cannot be read; this is made anew.
    Unreadable,
    /// The default branch has none; it is made from the tree.
    Starter,
    /// Somebody has typed it.
    Typed,
}

impl ManifestPage {
    fn tab(&self) -> Tab {
        Tab::Manifest
    }

    /// Lines of the field.
    fn rows(&self) -> usize {
        (self.text.lines().count() + 2).clamp(FIELD_LINES.0, FIELD_LINES.1)
    }

    /// The text as it stands in the field, from which a browser takes the first line feed away.
    fn field(&self) -> String {
        format!("\n{}", self.text)
    }

    /// What is wrong, as it is shown at its place.
    fn fault(&self) -> Option<ManifestFault> {
        let error = self.outcome.error.as_ref()?;
        let line = self.text.lines().nth((error.line as usize).saturating_sub(1));
        Some(ManifestFault {
            path: self.file.path(),
            message: error.message.clone(),
            line: Some(error.line),
            column: Some(error.column),
            text: line.map(|line| clip(line, LINE_BYTES).into_owned()),
        })
    }

    fn stand(&self) -> Stand {
        match self.outcome.valid {
            false => Stand::Fails,
            true if self.stuck() > 0 => Stand::Unsure,
            true => Stand::True,
        }
    }

    /// How many checks cannot run here.
    fn stuck(&self) -> usize {
        self.outcome.checks.iter().filter(|check| !check.can_run).count()
    }

    /// What came of it, in one sentence.
    fn verdict(&self) -> String {
        let checks = self.outcome.checks.len();
        match (self.outcome.valid, self.stuck()) {
            (false, _) => "It cannot be read".to_owned(),
            (true, _) if checks == 0 => "It names no checks".to_owned(),
            (true, 0) => format!("{} would run", words::count(checks, "check")),
            (true, stuck) if stuck == checks => "It can be read, and none of its checks can run here".to_owned(),
            (true, stuck) => format!("{} of {} would run", checks - stuck, words::count(checks, "check")),
        }
    }

    fn check_stand(&self, check: &DryCheckView) -> Stand {
        match (check.can_run, check.files) {
            (false, _) => Stand::Unsure,
            (true, 0) => Stand::Quiet,
            (true, _) => Stand::True,
        }
    }
}
