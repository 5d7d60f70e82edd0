//! One check over one tree: what is judged anew, what is kept, and what was known of it.
//!
//! A file whose path and content are those of the base, judged by the same version with the same settings, keeps its chunks unread. What
//! only the tree as a whole says is asked for every time.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::{Manner, Progress, Stop, succeeded, summary, version_of};
use crate::app::{App, CancelToken};
use crate::base::name::TreePath;
use crate::domain::checks::builtin::{self, Builtin};
use crate::domain::checks::plan::Planned;
use crate::domain::checks::{CheckError, CheckSet, CheckState, Outcome};
use crate::domain::issues::finding::Finding;
use crate::domain::issues::identify::Located;
use crate::domain::issues::standing::{ChunkRef, Standing, load};
use crate::domain::issues::track::{Known, LineIndex};
use crate::domain::repos::manifest::Globs;
use crate::engine::git::diff::{Change, Hunk, line_hunks};
use crate::engine::git::tree::{FileKind, Tree, TreeFile};

/// The largest file whose lines are compared or quoted.
const LINES_BYTES: u64 = 8 << 20;
/// How many files are judged between two looks at whether to stop, and two tellings of how far it is.
const STRIDE: usize = 64;
/// How many paths that are no paths are told of in a log.
const REFUSED_TOLD: usize = 50;

/// All that a check's judgement looks at.
pub(super) struct Judge<'a> {
    pub app: &'a App,
    pub set: &'a CheckSet,
    pub tree: &'a Arc<dyn Tree>,
    /// The tree that identities are taken from.
    pub before: Option<&'a Arc<dyn Tree>>,
    pub changes: &'a [Change],
    /// The chunks that stood there.
    pub known: &'a [ChunkRef],
    pub identity: Option<&'a Standing>,
    pub exclude: Option<&'a Globs>,
    pub manner: &'a Manner,
    pub cancel: &'a CancelToken,
}

/// What one check says, and what it said before of the same files.
pub(super) struct Judged {
    pub found: Vec<Located>,
    pub known: Vec<Known>,
    pub kept: Vec<ChunkRef>,
}

impl Judge<'_> {
    /// Runs one check.
    pub(super) fn check(&self, planned: &Planned, progress: &dyn Fn(Progress<'_>)) -> Result<(Judged, Outcome), Stop> {
        let began = std::time::Instant::now();
        let id = self.set.checks.iter().find(|check| check.name == planned.name).map(|check| check.id);
        let id = id.expect("a set that has begun has a check for each that was planned");
        let mut log = self.app.live.begin(self.set.attempt, id).map_err(crate::engine::store::Error::from)?;
        let builtin = match &planned.runner {
            Ok(builtin) => *builtin,
            Err(error) => {
                log.line(&error.message);
                return Ok((self.as_before(planned)?, self.errored(error.clone(), &mut log)?));
            }
        };
        log.line(&format!("{} version {} at {}", builtin.name(), builtin.version(), self.set.sha.short()));
        let refused = self.tree.refused();
        for (path, why) in refused.iter().take(REFUSED_TOLD) {
            log.line(&format!("`{path}` is left out: {why}"));
        }
        if refused.len() > REFUSED_TOLD {
            log.line(&format!("{} further paths are left out", refused.len() - REFUSED_TOLD));
        }
        let reuse = self.is_reusable(planned);
        let changed: HashSet<&TreePath> = self
            .changes
            .iter()
            .flat_map(|change| [change.before.as_ref(), change.after.as_ref()])
            .flatten()
            .map(|file| &file.path)
            .collect();
        let mut files: Vec<&TreeFile> = self.tree.files().iter().filter(|file| self.looks_at(planned, file)).collect();
        let all = files.len();
        files.retain(|file| !reuse || changed.contains(&file.path));

        let mut found = Vec::new();
        for (done, file) in files.iter().enumerate() {
            // The findings of one run are kept in memory; what a hostile tree could bring beyond is not even looked for.
            if found.len() > builtin::MAX_PER_RUN {
                log.line(&format!("{} of {} files judged; there are too many findings to go on", done, files.len()));
                break;
            }
            if done % STRIDE == 0 {
                if self.cancel.is_tripped() {
                    return Err(Stop::Canceled);
                }
                progress(Progress { check: &planned.name, done, total: files.len() });
            }
            match self.file(builtin, &planned.name, file, &mut found) {
                Ok(()) => {}
                Err(error) if error.is_transient() => return Err(error.into()),
                // One file that cannot be read is told of, and no reason to say nothing of the others.
                Err(error) => log.line(&format!("`{}` is left out: {error}", file.path)),
            }
        }
        progress(Progress { check: &planned.name, done: files.len(), total: files.len() });
        let cancel = || self.cancel.is_tripped();
        for finding in tracing::trace_span!("plugin").in_scope(|| builtin.tree(&**self.tree, &cancel))? {
            if self.speaks_of(planned, &finding.path) {
                found.push(Located::new(&planned.name, true, finding, None));
            }
        }
        if self.cancel.is_tripped() {
            return Err(Stop::Canceled);
        }
        if found.len() > builtin::MAX_PER_RUN {
            found.sort_by(|a, b| (&a.finding.path, &a.finding).cmp(&(&b.finding.path, &b.finding)));
            log.line(&format!("{} findings; the first {} are kept", found.len(), builtin::MAX_PER_RUN));
            found.truncate(builtin::MAX_PER_RUN);
        }
        let (kept, known) = self.past(planned, reuse, &changed)?;
        let reused = all - files.len();
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        log.line(&summary(files.len(), reused, found.len() as u64, took_ms));
        let issues = found.len() as u64 + kept.iter().map(|chunk| u64::from(chunk.occurrences)).sum::<u64>();
        let log = self.app.blobs.put(&log.content().map_err(crate::engine::store::Error::from)?)?;
        Ok((Judged { found, known, kept }, succeeded(issues, Some(log))))
    }

    /// Whether the base's results of this check hold for files that did not change.
    fn is_reusable(&self, planned: &Planned) -> bool {
        let version = version_of(planned, self.exclude);
        self.manner.reuses
            && self.before.is_some()
            && self
                .identity
                .is_some_and(|identity| identity.sources.iter().any(|source| source.source == planned.name && source.version == version))
    }

    fn speaks_of(&self, planned: &Planned, path: &TreePath) -> bool {
        self.manner.speaks_of(path)
            && !self.exclude.is_some_and(|exclude| exclude.matches(path))
            && planned.paths.as_ref().is_none_or(|paths| paths.matches(path))
    }

    fn looks_at(&self, planned: &Planned, file: &TreeFile) -> bool {
        file.kind != FileKind::Submodule && self.speaks_of(planned, &file.path)
    }

    fn file(&self, builtin: &dyn Builtin, source: &str, file: &TreeFile, found: &mut Vec<Located>) -> crate::engine::git::Result<()> {
        let findings: Vec<Finding> = tracing::trace_span!("plugin").in_scope(|| {
            Ok::<_, crate::engine::git::Error>(builtin::bounded(builtin::judge(builtin, &**self.tree, file)?, builtin::MAX_PER_FILE))
        })?;
        if findings.is_empty() {
            return Ok(());
        }
        // Few files have findings: reading those a second time costs less than keeping every file's content for all.
        let content = self.tree.read(file, LINES_BYTES).unwrap_or_default();
        let lines = LineIndex::of(&content);
        found.extend(findings.into_iter().map(|finding| Located::new(source, false, finding, Some(&lines))));
        Ok(())
    }

    /// What the base says of this check's files: the chunks that are kept, and the occurrences that are compared.
    fn past(&self, planned: &Planned, reuse: bool, changed: &HashSet<&TreePath>) -> Result<(Vec<ChunkRef>, Vec<Known>), Stop> {
        let own = self.known.iter().filter(|chunk| chunk.source == planned.name);
        let (kept, compared): (Vec<ChunkRef>, Vec<ChunkRef>) =
            own.cloned().partition(|chunk| reuse && !chunk.of_tree && !changed.contains(&chunk.path));
        let repo = self.set.repo;
        let chunks = self.app.read_now(|tx, _| load(tx, repo, &compared))?;
        Ok((kept, chunks.iter().flat_map(|chunk| chunk.known().collect::<Vec<_>>()).collect()))
    }

    /// What the base says, for a check that could not be carried out: nothing is called fixed by a check that did not look.
    fn as_before(&self, planned: &Planned) -> Result<Judged, Stop> {
        let kept =
            self.known.iter().filter(|chunk| chunk.source == planned.name && self.tree.find(&chunk.path).is_some()).cloned().collect();
        Ok(Judged { found: Vec::new(), known: Vec::new(), kept })
    }

    /// What the base says of checks that are no longer planned. While a check of the plan cannot be carried out, it may be one of them
    /// under a name that a hand has slipped in: until it can, nothing of theirs is called fixed.
    pub(super) fn of_the_unplanned(&self, planned: &[Planned]) -> Judged {
        let is_unplanned = |chunk: &&ChunkRef| !planned.iter().any(|one| one.name == chunk.source);
        let kept = self.known.iter().filter(is_unplanned).filter(|chunk| self.tree.find(&chunk.path).is_some()).cloned().collect();
        Judged { found: Vec::new(), known: Vec::new(), kept }
    }

    fn errored(&self, error: CheckError, log: &mut crate::app::live::LiveLog) -> Result<Outcome, Stop> {
        let log = self.app.blobs.put(&log.content().map_err(crate::engine::store::Error::from)?)?;
        Ok(Outcome { state: CheckState::Errored, issues: None, error: Some(error), log: Some(log) })
    }

    /// The lines that differ, of each changed file that has or had a finding.
    pub(super) fn hunks(&self, judged: &[Judged]) -> Result<BTreeMap<usize, Vec<Hunk>>, Stop> {
        let speaks: HashSet<&TreePath> = judged
            .iter()
            .flat_map(|one| one.found.iter().map(|located| &located.place.path).chain(one.known.iter().map(|known| &known.place.path)))
            .collect();
        let mut hunks = BTreeMap::new();
        for (at, change) in self.changes.iter().enumerate() {
            let (Some(before), Some(after), Some(tree)) = (&change.before, &change.after, self.before) else { continue };
            if !speaks.contains(&before.path) && !speaks.contains(&after.path) {
                continue;
            }
            // What cannot be read is compared as if every line differed.
            let old = tree.read(before, LINES_BYTES).unwrap_or_default();
            let new = self.tree.read(after, LINES_BYTES).unwrap_or_default();
            hunks.insert(at, line_hunks(&old, &new, usize::try_from(LINES_BYTES).unwrap_or(usize::MAX)));
        }
        Ok(hunks)
    }
}

impl From<std::io::Error> for crate::engine::store::Error {
    fn from(source: std::io::Error) -> Self {
        crate::engine::store::Error::Io { what: "cannot write the log of a check".to_owned(), why: Arc::new(source) }
    }
}
