//! Judging by a check that is part of the binary: in this process, over the tree, file by file.
//!
//! Such a check is a pure function, so all that can go wrong with it is a tree that cannot be read, and a mistake of ours: a panic costs
//! the one check its result, and is told where people look.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::judge::{Judge, Told};
use super::{Progress, Stop};
use crate::app::live::LiveLog;
use crate::app::runner;
use crate::base::text::clip;
use crate::domain::checks::builtin::{self, Builtin, Said};
use crate::domain::checks::plan::Planned;
use crate::domain::checks::{CheckError, ErrorCode};
use crate::domain::issues::finding::Finding;
use crate::domain::issues::identify::Located;
use crate::domain::issues::track::LineIndex;
use crate::engine::git::tree::TreeFile;

/// The largest file whose lines are compared or quoted.
pub(super) const LINES_BYTES: u64 = 8 << 20;
/// How many files are judged between two tellings of how far it is.
const STRIDE: usize = 64;

impl Judge<'_> {
    /// Judges these files and the tree; or says why we cannot tell.
    pub(super) fn in_process(
        &self,
        builtin: &dyn Builtin,
        planned: &Planned,
        files: &[&TreeFile],
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, CheckError>, Stop> {
        log.line(&format!("{} version {} at {}", builtin.name(), builtin.version(), self.run.set.sha.short()));
        let cancel = || self.run.attempt.cancel.is_tripped();
        let mut progress = |done: usize| {
            if done.is_multiple_of(STRIDE) || done == files.len() {
                (self.run.progress)(Progress { check: &planned.name, done, total: files.len() });
            }
        };
        let judged = catch_unwind(AssertUnwindSafe(|| builtin::run(builtin, &**self.tree, files, most, &cancel, &mut progress)));
        let said = match judged {
            Ok(Ok(said)) => said,
            Ok(Err(builtin::Error::Canceled { .. })) => return Err(Stop::Unwanted),
            Ok(Err(builtin::Error::Tree { source, .. })) => return Err(source.into()),
            Err(panic) => return Ok(Err(crashed(builtin, &runner::said(&*panic)))),
        };
        for (path, why) in &said.unread {
            log.line(&format!("`{path}` is left out: {why}"));
        }
        if said.unread_count > said.unread.len() {
            log.line(&format!("{} further files are left out", said.unread_count - said.unread.len()));
        }
        let Said { of_files, of_tree, judged, is_cut, .. } = said;
        let mut found = self.locate(&planned.name, of_files)?;
        found.extend(
            of_tree
                .into_iter()
                .filter(|finding| self.speaks_of(planned, &finding.path))
                .map(|finding| Located::new(&planned.name, true, finding, None)),
        );
        Ok(Ok(Told { found, judged, is_cut }))
    }

    /// Looks up the lines of what files say. Few files have findings: reading those a second time costs less than keeping the content of
    /// all.
    fn locate(&self, source: &str, findings: Vec<Finding>) -> Result<Vec<Located>, Stop> {
        let mut found = Vec::with_capacity(findings.len());
        for of_file in findings.chunk_by(|a, b| a.path == b.path) {
            self.run.goes_on()?;
            let file = self.tree.find(&of_file[0].path);
            let content = file.and_then(|file| self.tree.read(file, LINES_BYTES).ok()).unwrap_or_default();
            let lines = LineIndex::of(&content);
            found.extend(of_file.iter().map(|finding| Located::new(source, false, finding.clone(), Some(&lines))));
        }
        Ok(found)
    }
}

fn crashed(builtin: &dyn Builtin, said: &str) -> CheckError {
    let message = format!("`{}` failed in itself, which is a fault of Plumbline: {}", builtin.name(), clip(said, 300));
    CheckError { code: ErrorCode::PluginCrashed, message }
}
