//! Judging by a check that is part of the binary: in this process, over the tree, file by file.
//!
//! Such a check is a pure function, so all that can go wrong with it is a tree that cannot be read, and a mistake of ours: a panic costs
//! the one check its result, and is told where people look.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::judge::{Judge, Told};
use super::{Progress, Stop};
use crate::app::live::LiveLog;
use crate::app::runner;
use crate::base::mask::Mask;
use crate::base::text::clip;
use crate::domain::checks::builtin::{self, Builtin, Said, secrets};
use crate::domain::checks::plan::Planned;
use crate::domain::checks::{CheckError, ErrorCode};
use crate::domain::issues::Veil;
use crate::domain::issues::finding::Finding;
use crate::domain::issues::identify::{File, Located};
use crate::domain::issues::track::LineIndex;
use crate::engine::git;
use crate::engine::git::tree::{Tree, TreeFile};

/// The largest file whose lines are compared or quoted.
pub(super) const LINES_BYTES: u64 = 8 << 20;
/// How many files that cannot be read are told of in a log.
const UNREAD_TOLD: usize = 50;
/// How many findings of a run are dated.
const DATED: usize = 500;
/// How long that may take.
const DATING: Duration = Duration::from_secs(10);
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
        let Some(_pass) = self.run.app.judging.enter(0, &cancel) else { return Err(Stop::Unwanted) };
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
        let Said { of_files, of_tree, judged, mut unread, is_cut } = said;
        unread.retain(|(path, _)| self.speaks_of(planned, path));
        for (path, why) in unread.iter().take(UNREAD_TOLD) {
            log.line(&format!("`{path}` cannot be read: {why}"));
        }
        if unread.len() > UNREAD_TOLD {
            log.line(&format!("{} further files cannot be read", unread.len() - UNREAD_TOLD));
        }
        let of_tree: Vec<Finding> = of_tree.into_iter().filter(|finding| self.speaks_of(planned, &finding.path)).collect();
        let of_files = if builtin.wants_dates() { self.date(builtin, of_files)? } else { of_files };
        let mut found = self.locate(planned, false, of_files)?;
        found.extend(self.locate(planned, true, of_tree)?);
        Ok(Ok(Told { found, judged, unjudged: files.len() - judged, unread, is_cut, has_stopped: false, execution: None }))
    }

    /// Adds to what files say when their lines were written, as far as that is soon known: a line may be as old as the repository.
    fn date(&self, builtin: &dyn Builtin, findings: Vec<Finding>) -> Result<Vec<Finding>, Stop> {
        let began = Instant::now();
        let dated = |(nth, finding): (usize, Finding)| {
            self.run.goes_on()?;
            let line = finding.span.map(|span| span.line_start).filter(|_| nth < DATED && began.elapsed() < DATING);
            let written = line.and_then(|line| self.run.trees.written(self.run.set.sha, &finding.path, line));
            Ok(match written {
                Some(written) => builtin.dated(finding, written),
                None => finding,
            })
        };
        findings.into_iter().enumerate().map(dated).collect()
    }

    /// Looks up the lines of what files say. Few files have findings: reading those a second time costs less than keeping the content of
    /// all.
    ///
    /// Whoever speaks, and whether or not the check for secrets runs, no secret of the file gets into what is kept of a line, nor does one
    /// that a tool repeats in what it says.
    pub(super) fn locate(&self, planned: &Planned, of_tree: bool, findings: Vec<Finding>) -> Result<Vec<Located>, Stop> {
        let mut found = Vec::with_capacity(findings.len());
        let located = if planned.conceals() { Located::concealing } else { Located::new };
        for of_file in findings.chunk_by(|a, b| a.path == b.path) {
            self.run.goes_on()?;
            // What the tree says of a path as such is not to be found in its lines.
            let has_lines = !of_tree || of_file.iter().any(|finding| finding.span.is_some());
            let file = self.tree.find(&of_file[0].path).filter(|_| has_lines);
            let content = match file {
                Some(file) => lines_of(&**self.tree, file)?,
                None => Vec::new(),
            };
            let lines = LineIndex::of(&content);
            let hidden = secrets::hidden(&of_file[0].path, &content);
            let veil = Veil::over(hidden.iter().map(|hidden| hidden.span));
            let texts = hidden.iter().filter_map(|hidden| std::str::from_utf8(&content[hidden.bytes.clone()]).ok());
            let mask = Mask::plain(texts);
            for finding in of_file {
                let file = (!of_tree || finding.span.is_some()).then_some(File { lines: &lines, veil: &veil });
                let finding = Finding { message: mask.text(&finding.message), ..finding.clone() };
                found.push(located(&planned.name, of_tree, finding, file));
            }
        }
        Ok(found)
    }
}

/// A file's content to look for lines in: empty for one too large to be looked through, or damaged.
pub(super) fn lines_of(tree: &dyn Tree, file: &TreeFile) -> Result<Vec<u8>, git::Error> {
    match tree.read(file, LINES_BYTES) {
        Err(error) if error.is_transient() => Err(error),
        read => Ok(read.unwrap_or_default()),
    }
}

fn crashed(builtin: &dyn Builtin, said: &str) -> CheckError {
    let message = format!("`{}` failed in itself, which is a fault of Plumbline: {}", builtin.name(), clip(said, 300));
    CheckError { code: ErrorCode::PluginCrashed, message }
}
