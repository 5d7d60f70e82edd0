//! One check over one tree: what is judged anew, what is kept, and what was known of it.
//!
//! A file whose path and content are those of the base, judged by the same version with the same settings, keeps its chunks unread. What
//! only the tree as a whole says is asked for every time. A check that could not be carried out, or not wholly, leaves what stood in the
//! base where it stands now, and nothing of it is taken for judged by the next run.
//!
//! Who judges is decided in one place, [`Judge::check`]: it hands over the files and is told what was found. All around that (the log,
//! what is kept, the bounds, how it ended) is the same for every check.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::in_image::Pinned;
use super::in_process::{LINES_BYTES, lines_of};
use super::{Run, Stop};
use crate::app::live::LiveLog;
use crate::app::sandboxes::Ready;
use crate::base::name::{CommitSha, TreePath};
use crate::base::text::{count, duration};
use crate::domain::checks::builtin::{Builtin, MAX_PER_CHECK};
use crate::domain::checks::catalogue::{On, Tool, Wake};
use crate::domain::checks::plan::{Planned, Runner};
use crate::domain::checks::{self, CheckError, CheckState, ErrorCode, Execution, Outcome};
use crate::domain::issues::format::Format;
use crate::domain::issues::identify::Located;
use crate::domain::issues::standing::{
    Chunk, ChunkRef, ContentId, MOST_AT_A_COMMIT, SourceVersion, Standing, chunk_refs, load, of_tree, tree_name,
};
use crate::domain::issues::track::{Known, line_after};
use crate::domain::repos::manifest::{Globs, Manifest};
use crate::engine::git::diff::{Change, Hunk, RenameLimits, diff_trees, line_hunks};
use crate::engine::git::tree::{FileKind, Tree, TreeFile};
use crate::engine::{git, store};

/// How many commits of the same files are looked at for what was found in them.
const TWINS: usize = 8;
/// How many paths that are no paths are told of in a log.
const REFUSED_TOLD: usize = 50;

/// All that a check's judgement looks at.
pub(super) struct Judge<'a> {
    pub run: &'a Run<'a>,
    pub tree: &'a Arc<dyn Tree>,
    /// The tree that identities are taken from.
    before: Option<Arc<dyn Tree>>,
    changes: Vec<Change>,
    /// The chunks that stood there.
    known: Vec<ChunkRef>,
    identity: Option<&'a Standing>,
    /// What stands at other commits of the very same files.
    twins: Vec<Standing>,
    exclude: Option<&'a Globs>,
}

/// What whoever judges says of the files it was given.
pub(super) struct Told {
    pub found: Vec<Located>,
    /// How many files were judged.
    pub judged: usize,
    /// How many of those to be judged were not.
    pub unjudged: usize,
    /// Files that could not be read, and why.
    pub unread: Vec<(TreePath, git::Error)>,
    /// Whether there was more to find than is taken.
    pub is_cut: bool,
    /// Whether it stopped before it had looked at all: what it does not speak of, it did not judge.
    pub has_stopped: bool,
    /// How its process ran, if it had one.
    pub execution: Option<Execution>,
}

impl Told {
    /// There was nothing to look at.
    pub fn nothing() -> Told {
        Told { found: Vec::new(), judged: 0, unjudged: 0, unread: Vec::new(), is_cut: false, has_stopped: false, execution: None }
    }
}

/// Why whoever judges has nothing to say that could be believed.
pub(super) struct Untold {
    /// Errored, timed out, or failed.
    pub state: CheckState,
    pub error: CheckError,
    /// How its process ran, if it had one.
    pub execution: Option<Execution>,
}

impl Untold {
    /// We could not tell.
    pub fn errored(error: CheckError) -> Untold {
        Untold { state: CheckState::Errored, error, execution: None }
    }
}

/// Who judges, as this host has it, and what tells whether its earlier results hold.
struct Judging {
    who: Result<Who, CheckError>,
    version: String,
    /// Whether what it says of a file depends on that file alone, and on its settings.
    is_by_file: bool,
}

enum Who {
    Builtin(&'static dyn Builtin),
    Tool(&'static Tool, Ready),
    /// A tool that nothing in the tree wakes: it is here, and more need not be known.
    Asleep(&'static Tool),
    Command(String, Format),
    Image(Pinned),
}

/// What one check says, and what it said before of the same files.
#[derive(Default)]
pub(super) struct Judged {
    pub found: Vec<Located>,
    pub known: Vec<Known>,
    /// Chunks of the base that stand.
    pub kept: Vec<ChunkRef>,
    /// Chunks that are among the kept, and not written yet.
    pub carried: Vec<Chunk>,
}

/// What the checks of a set say, ready to be identified, and how each ended.
pub(super) struct Ran {
    /// The name of the files that were judged.
    pub tree: ContentId,
    pub judged: Vec<Judged>,
    pub changes: Vec<Change>,
    /// The lines that differ in changed files that have or had findings, by the place of the change.
    pub hunks: BTreeMap<usize, Vec<Hunk>>,
    /// What judged all it had to.
    pub sources: Vec<SourceVersion>,
    /// How each check ended, in the order of the plan.
    pub outcomes: Vec<(String, Outcome)>,
    /// Which ended last. Its end is not written: it is, together with the end of the set.
    pub last: usize,
    /// How many found more than is kept.
    pub cut: u64,
}

impl Run<'_> {
    /// Runs every check of the plan.
    pub(super) fn judge(
        &self,
        planned: &[Planned],
        manifest: Option<&Manifest>,
        tree: &Arc<dyn Tree>,
        identity: Option<&Standing>,
    ) -> Result<Ran, Stop> {
        // A base whose objects are gone cannot be compared with: everything is judged, and known again by its fingerprint.
        let before = match identity.map(|identity| self.trees.tree(identity.sha)) {
            Some(Err(error)) if error.is_transient() => return Err(error.into()),
            tree => tree.and_then(Result::ok),
        };
        self.goes_on()?;
        let changes = match &before {
            Some(before) => diff_trees(&**before, &**tree, &RenameLimits::default())?,
            None => Vec::new(),
        };
        self.goes_on()?;
        let known = match identity {
            Some(identity) => self.app.read_now(|tx, _| chunk_refs(tx, identity))?,
            None => Vec::new(),
        };
        let exclude = manifest.map(|manifest| &manifest.exclude);
        let name = tree_name(tree.files());
        let twins = match self.manner.reuses {
            true => self.twins(name, identity)?,
            false => Vec::new(),
        };
        let judge = Judge { run: self, tree, before, changes, known, identity, twins, exclude };
        let (mut judged, mut sources, mut outcomes, mut cut) = (Vec::new(), Vec::new(), Vec::<(String, Outcome)>::new(), 0);
        let (ended, last) = self.abreast(&judge, planned, MOST_AT_A_COMMIT / planned.len().max(1))?;
        let mut room = MOST_AT_A_COMMIT;
        for (planned, (one, outcome, version)) in planned.iter().zip(ended) {
            room = room.saturating_sub(one.len());
            if outcome.state == CheckState::Succeeded {
                sources.push(SourceVersion { source: planned.name.clone(), version });
            }
            cut += u64::from(outcome.error.as_ref().is_some_and(|error| error.code == ErrorCode::LimitOutput));
            outcomes.push((planned.name.clone(), outcome));
            judged.push(one);
        }
        let is_error = |(_, outcome): &(String, Outcome)| matches!(outcome.state, CheckState::Errored | CheckState::TimedOut);
        if self.set.unapproved.is_some() || outcomes.iter().any(is_error) {
            // While a check of the plan cannot be carried out, what is no longer planned may be that check under a name that a hand has
            // slipped in: until it can, nothing of it is called fixed. The same goes for checks that wait for approval.
            let mut others = judge.carry(|chunk| !planned.iter().any(|one| one.name == chunk.source))?;
            others.truncate(room);
            judged.push(others);
        }
        judge.conceal(planned, &mut judged)?;
        let hunks = judge.hunks(&judged)?;
        Ok(Ran { tree: name, judged, changes: judge.changes, hunks, sources, outcomes, last, cut })
    }

    /// What stands at other commits of the very same files. Not asked for where the commit has results of its own: whoever has a program
    /// run again wants to see it run.
    fn twins(&self, name: ContentId, identity: Option<&Standing>) -> Result<Vec<Standing>, Stop> {
        if identity.is_some_and(|identity| identity.sha == self.set.sha) {
            return Ok(Vec::new());
        }
        let repo = self.set.repo;
        Ok(self.app.read_now(move |tx, _| of_tree(tx, repo, name, TWINS))?)
    }
}

impl Judged {
    /// How many findings there are.
    fn len(&self) -> usize {
        self.found.len() + self.kept.iter().map(|chunk| usize::from(chunk.occurrences)).sum::<usize>()
    }

    /// Lets go of chunks that are kept until there are at most so many findings in the others; says whether any went.
    fn truncate(&mut self, most: usize) -> bool {
        let mut held = 0;
        let all = self.kept.len();
        self.kept.retain(|chunk| {
            held += usize::from(chunk.occurrences);
            held <= most
        });
        let kept: HashSet<_> = self.kept.iter().map(|chunk| chunk.chunk).collect();
        self.carried.retain(|chunk| kept.contains(&chunk.id));
        self.kept.len() < all
    }
}

impl Judge<'_> {
    /// Runs one check, which may leave at most `room` findings.
    pub(super) fn check(&self, planned: &Planned, room: usize) -> Result<(Judged, Outcome, String), Stop> {
        let began = std::time::Instant::now();
        let (app, set) = (self.run.app, &self.run.set);
        let id = set.checks.iter().find(|check| check.name == planned.name).map(|check| check.id);
        let id = id.expect("a set that has begun has a check for each that was planned");
        let mut log = app.live.begin(set.attempt, id).map_err(unwritten)?;
        let refused = self.tree.refused();
        for (path, why) in refused.iter().take(REFUSED_TOLD) {
            log.line(&format!("`{path}` is left out: {why}"));
        }
        if refused.len() > REFUSED_TOLD {
            log.line(&format!("{} further paths are left out", refused.len() - REFUSED_TOLD));
        }
        if planned.asks_for_cache {
            log.line("`cache` in its manifest has no effect: nothing is kept between runs here.");
        }
        let judging = self.judging(planned, &mut log)?;
        let reuse = self.is_reusable(planned, &judging);
        let changed: HashSet<&TreePath> =
            self.changes.iter().flat_map(|change| [&change.before, &change.after]).flatten().map(|file| &file.path).collect();
        let mut past = self.past(planned, reuse, &changed)?;
        let most = room.min(MAX_PER_CHECK);
        let mut is_cut = past.truncate(most);

        let mut files: Vec<&TreeFile> = self.tree.files().iter().filter(|file| self.looks_at(planned, file)).collect();
        let all = files.len();
        files.retain(|file| !reuse || changed.contains(&file.path));
        // What stood is looked for first: where there is too much to take it all, what is left out is new.
        let spoken_of: HashSet<&TreePath> = past.known.iter().map(|known| &known.place.path).collect();
        files.sort_by_key(|file| !spoken_of.contains(&file.path));
        let most_found = most - past.len();
        let twin = if reuse { None } else { self.twin(planned, &judging) };
        let told = match &judging.who {
            Ok(Who::Tool(..) | Who::Command(..) | Who::Image(_)) if let Some(twin) = twin => {
                Ok(self.as_at(twin, planned, most_found, &mut log)?)
            }
            Ok(Who::Builtin(builtin)) => self.in_process(*builtin, planned, &files, most_found, &mut log)?.map_err(Untold::errored),
            Ok(Who::Tool(tool, ready)) => self.by_tool(tool, ready, planned, &files, most_found, &mut log)?,
            Ok(Who::Asleep(tool)) => {
                log.line(&format!("There is no file that {} looks at.", tool.title));
                Ok(Told::nothing())
            }
            // The very same tree, judged before: all of it stands.
            Ok(Who::Command(..) | Who::Image(_)) if reuse => Ok(Told::nothing()),
            Ok(Who::Command(run, output)) => self.by_command(run, *output, planned, &files, most_found, &mut log)?,
            Ok(Who::Image(pinned)) => self.by_image(pinned, planned, &files, most_found, &mut log)?,
            Err(error) => Err(Untold::errored(error.clone())),
        };
        let Told { found, judged, unjudged, unread, is_cut: more, has_stopped, execution } = match told {
            Ok(told) => told,
            Err(Untold { state, error, execution }) => {
                log.line(&error.message);
                let mut as_before = self.carry(|chunk| chunk.source == planned.name)?;
                as_before.truncate(most);
                let outcome = Outcome { execution, ..self.ended(state, None, Some(error), &mut log)? };
                return Ok((as_before, outcome, judging.version));
            }
        };
        is_cut |= more;
        past.found = found;
        let kept_from = twin.or(self.identity.filter(|_| reuse && planned.starts_process())).map(|standing| standing.sha);
        let execution = match (execution, kept_from) {
            (None, Some(sha)) => self.execution_at(sha, planned)?,
            (execution, _) => execution,
        };
        if !unread.is_empty() {
            self.keep_unread(planned, &unread, &mut past)?;
        }
        if has_stopped {
            log.line("It stopped early: what was known of files that it does not speak of stands.");
            self.keep_unspoken(planned, &mut past)?;
            let room = most.saturating_sub(past.found.len());
            is_cut |= past.truncate(room);
        }
        // Of a program, how long it ran: before it did it may have waited for its turn.
        let ran_ms = execution.as_ref().filter(|ran| ran.kept_from.is_none()).map(|ran| ran.wall_ms);
        let took_ms = ran_ms.unwrap_or_else(|| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        log.line(&summary(judged, all - files.len(), past.found.len(), took_ms));
        let issues = Some(past.len() as u64);
        let outcome = if is_cut {
            let error = too_many(most, unjudged);
            log.line(&error.message);
            self.ended(CheckState::Errored, issues, Some(error), &mut log)?
        } else if let Some((path, why)) = unread.first() {
            let error = unreadable(path, why, unread.len());
            log.line(&error.message);
            self.ended(CheckState::Errored, issues, Some(error), &mut log)?
        } else {
            self.ended(CheckState::Succeeded, issues, None, &mut log)?
        };
        Ok((past, Outcome { execution, ..outcome }, judging.version))
    }

    /// Looks who judges, as this host has it.
    fn judging(&self, planned: &Planned, log: &mut LiveLog) -> Result<Judging, Stop> {
        let who = match planned.runner.clone() {
            Ok(Runner::Builtin(builtin)) => Ok(Who::Builtin(builtin)),
            Ok(Runner::Tool(tool)) if matches!(tool.wake(self.tree.files(), |path| self.speaks_of(planned, path)), Wake::Sleeps) => {
                self.run.app.sandboxes.here(tool).map(|()| Who::Asleep(tool))
            }
            Ok(Runner::Tool(tool)) => self.run.app.sandboxes.ready(tool).map(|ready| Who::Tool(tool, ready)),
            Ok(Runner::Command { run, output }) => Ok(Who::Command(run, output)),
            Ok(Runner::Image(name)) => self.image(&name, planned, log)?.map(Who::Image),
            Err(error) => Err(error),
        };
        let (found, is_by_file) = match &who {
            Ok(Who::Image(pinned)) => (pinned.image.digest().to_owned(), false),
            Ok(Who::Tool(tool, ready)) => (self.found_of(tool, ready), tool.on == On::Files),
            Ok(Who::Asleep(_)) => ("asleep".to_owned(), false),
            Ok(Who::Command(..)) | Err(_) => (String::new(), false),
            Ok(Who::Builtin(_)) => (String::new(), true),
        };
        Ok(Judging { version: planned.version(self.exclude, &found), who, is_by_file })
    }

    /// Whether the base's results of this check hold for files that did not change.
    fn is_reusable(&self, planned: &Planned, judging: &Judging) -> bool {
        self.run.manner.reuses
            && self.before.is_some()
            && (judging.is_by_file || self.changes.is_empty())
            && self.identity.is_some_and(|identity| {
                // Whoever has a program run again wants to see it run.
                let is_again = identity.sha == self.run.set.sha && !matches!(judging.who, Ok(Who::Builtin(_)));
                !is_again && identity.sources.iter().any(|source| source.source == planned.name && source.version == judging.version)
            })
    }

    /// Another commit of the very same files, at which this check was carried out by the same program with the same settings.
    fn twin(&self, planned: &Planned, judging: &Judging) -> Option<&Standing> {
        let has_it = |twin: &&Standing| twin.sources.iter().any(|of| of.source == planned.name && of.version == judging.version);
        self.twins.iter().find(has_it)
    }

    /// What the check said of the very same files at another commit.
    fn as_at(&self, twin: &Standing, planned: &Planned, most: usize, log: &mut LiveLog) -> Result<Told, Stop> {
        log.line(&format!("The files are those of {}, where it has run: what it found there is taken over.", twin.sha.short()));
        let mut found = self.run.app.read_now(|tx, _| -> store::Result<Vec<Located>> {
            let mut found = Vec::new();
            for of in chunk_refs(tx, twin)?.iter().filter(|chunk| chunk.source == planned.name) {
                found.extend(load(tx, twin.repo, std::slice::from_ref(of))?.iter().flat_map(|chunk| chunk.found(of.of_tree)));
            }
            Ok(found)
        })?;
        let is_cut = found.len() > most;
        found.truncate(most);
        Ok(Told { found, is_cut, ..Told::nothing() })
    }

    /// How the process of a check ran at the commit whose results are kept.
    fn execution_at(&self, sha: CommitSha, planned: &Planned) -> Result<Option<Execution>, Stop> {
        let repo = self.run.set.repo;
        let set = self.run.app.read_now(move |tx, _| checks::look(tx, repo, sha))?;
        let check = set.and_then(|set| set.checks.into_iter().find(|check| check.name == planned.name));
        let execution = check.and_then(|check| check.execution);
        Ok(execution.map(|execution| Execution { kept_from: execution.kept_from.or(Some(sha)), ..execution }))
    }

    /// Whether a path is spoken of in this run, by this check.
    pub(super) fn speaks_of(&self, planned: &Planned, path: &TreePath) -> bool {
        self.run.manner.speaks_of(path) && planned.speaks_of(self.exclude, path)
    }

    fn looks_at(&self, planned: &Planned, file: &TreeFile) -> bool {
        file.kind != FileKind::Submodule && self.speaks_of(planned, &file.path)
    }

    /// What the base says of this check's files: the chunks that are kept, and the occurrences that are compared.
    fn past(&self, planned: &Planned, reuse: bool, changed: &HashSet<&TreePath>) -> Result<Judged, Stop> {
        if self.before.is_none() {
            return Ok(Judged::default());
        }
        let own = self.known.iter().filter(|chunk| chunk.source == planned.name);
        let (kept, compared): (Vec<ChunkRef>, Vec<ChunkRef>) =
            own.cloned().partition(|chunk| reuse && !chunk.of_tree && !changed.contains(&chunk.path));
        let repo = self.run.set.repo;
        let chunks = self.run.app.read_now(|tx, _| load(tx, repo, &compared))?;
        let known = chunks.iter().flat_map(|chunk| chunk.known().collect::<Vec<_>>()).collect();
        Ok(Judged { kept, known, ..Judged::default() })
    }

    /// What the base says of some sources, for checks that could not be carried out: nothing is called fixed by a check that did not
    /// look. It stands where its file and line are now; what was said of a file that is gone is gone with it.
    fn carry(&self, of: impl Fn(&ChunkRef) -> bool) -> Result<Judged, Stop> {
        let changes: HashMap<&TreePath, &Change> =
            self.changes.iter().filter_map(|change| Some((&change.before.as_ref()?.path, change))).collect();
        let mut all = Judged::default();
        for chunk in self.known.iter().filter(|chunk| of(chunk)) {
            match changes.get(&chunk.path) {
                None if self.tree.find(&chunk.path).is_some() => all.kept.push(chunk.clone()),
                None => {}
                Some(Change { before: Some(before), after: Some(after), .. }) => {
                    self.run.goes_on()?;
                    if let Some(moved) = self.moved(chunk, before, after)? {
                        all.kept.push(ChunkRef { path: moved.path.clone(), chunk: moved.id, ..chunk.clone() });
                        all.carried.push(moved);
                    }
                }
                Some(_) => {}
            }
        }
        Ok(all)
    }

    /// Keeps what the base says of files that could not be read: nobody looked whether it still holds. What the tree as a whole says of
    /// a file is said without reading it, but for a link.
    fn keep_unread(&self, planned: &Planned, unread: &[(TreePath, git::Error)], past: &mut Judged) -> Result<(), Stop> {
        let unread: HashSet<&TreePath> = unread.iter().map(|(path, _)| path).collect();
        // Where each stood in the base.
        let moved = self.changes.iter().filter_map(|change| Some((&change.after.as_ref()?.path, &change.before.as_ref()?.path)));
        let moved: HashMap<&TreePath, &TreePath> = moved.collect();
        let is_link = |path: &TreePath| self.tree.find(path).is_some_and(|file| file.kind == FileKind::Symlink);
        let stood: HashMap<&TreePath, bool> = unread.iter().map(|path| (*moved.get(path).unwrap_or(path), is_link(path))).collect();
        let already: HashSet<_> = past.kept.iter().map(|chunk| chunk.chunk).collect();
        let carried = self.carry(|chunk| {
            chunk.source == planned.name
                && stood.get(&chunk.path).is_some_and(|is_link| *is_link || !chunk.of_tree)
                && !already.contains(&chunk.chunk)
        })?;
        past.known.retain(|known| !stood.contains_key(&known.place.path));
        // Of a link that stands as it was, what is said now is a part of that.
        let of_tree: HashSet<&TreePath> = carried.kept.iter().filter(|chunk| chunk.of_tree).map(|chunk| &chunk.path).collect();
        past.found.retain(|located| !(located.of_tree && of_tree.contains(&located.finding.path)));
        past.kept.extend(carried.kept);
        past.carried.extend(carried.carried);
        Ok(())
    }

    /// Keeps what the base says of files that are not spoken of now, for a check that stopped before it had looked at all.
    fn keep_unspoken(&self, planned: &Planned, past: &mut Judged) -> Result<(), Stop> {
        let moved = self.changes.iter().filter_map(|change| Some((&change.after.as_ref()?.path, &change.before.as_ref()?.path)));
        let moved: HashMap<&TreePath, &TreePath> = moved.collect();
        let now = past.found.iter().map(|located| &located.finding.path);
        let spoken_of: HashSet<TreePath> = now.map(|path| (*moved.get(path).unwrap_or(&path)).clone()).collect();
        let already: HashSet<_> = past.kept.iter().map(|chunk| chunk.chunk).collect();
        let is_unspoken = |chunk: &ChunkRef| !spoken_of.contains(&chunk.path) && !already.contains(&chunk.chunk);
        let carried = self.carry(|chunk| chunk.source == planned.name && is_unspoken(chunk))?;
        past.known.retain(|known| spoken_of.contains(&known.place.path));
        past.kept.extend(carried.kept);
        past.carried.extend(carried.carried);
        Ok(())
    }

    /// A chunk as it stands in what has become of its file.
    fn moved(&self, chunk: &ChunkRef, before: &TreeFile, after: &TreeFile) -> Result<Option<Chunk>, Stop> {
        let repo = self.run.set.repo;
        let Some(mut found) = self.run.app.read_now(|tx, _| load(tx, repo, std::slice::from_ref(chunk)))?.pop() else { return Ok(None) };
        if before.blob != after.blob {
            let hunks = self.lines_between(before, after)?;
            for occurrence in &mut found.occurrences {
                let Some(span) = &mut occurrence.span else { continue };
                if occurrence.conceals {
                    // Nobody looked where in its line it is now.
                    (span.column_start, span.column_end) = (None, None);
                }
                let Some(line) = line_after(span.line_start, &hunks) else { continue };
                span.line_end = line.saturating_add(span.line_end.saturating_sub(span.line_start));
                span.line_start = line;
            }
        }
        Ok(Some(Chunk::new(repo, after.path.clone(), found.source, found.occurrences)))
    }

    fn ended(&self, state: CheckState, issues: Option<u64>, error: Option<CheckError>, log: &mut LiveLog) -> Result<Outcome, Stop> {
        let log = self.run.app.blobs.put(&log.content().map_err(unwritten)?)?;
        Ok(Outcome { state, issues, error, log: Some(log), execution: None })
    }

    /// The lines that differ, of each changed file that has or had a finding.
    fn hunks(&self, judged: &[Judged]) -> Result<BTreeMap<usize, Vec<Hunk>>, Stop> {
        let speaks: HashSet<&TreePath> = judged
            .iter()
            .flat_map(|one| one.found.iter().map(|located| &located.place.path).chain(one.known.iter().map(|known| &known.place.path)))
            .collect();
        let mut hunks = BTreeMap::new();
        for (at, change) in self.changes.iter().enumerate() {
            let (Some(before), Some(after)) = (&change.before, &change.after) else { continue };
            if speaks.contains(&before.path) || speaks.contains(&after.path) {
                self.run.goes_on()?;
                hunks.insert(at, self.lines_between(before, after)?);
            }
        }
        Ok(hunks)
    }

    /// The lines that differ between a file of the base and what has become of it. What is damaged, or too large to be looked through, is
    /// compared as if every line did.
    fn lines_between(&self, before: &TreeFile, after: &TreeFile) -> Result<Vec<Hunk>, Stop> {
        let old = match &self.before {
            Some(tree) => lines_of(&**tree, before)?,
            None => Vec::new(),
        };
        let new = lines_of(&**self.tree, after)?;
        Ok(line_hunks(&old, &new, usize::try_from(LINES_BYTES).unwrap_or(usize::MAX)))
    }
}

/// A sentence for the log of a check that ran.
fn summary(judged: usize, reused: usize, found: usize, took_ms: u64) -> String {
    format!(
        "{} judged, {} unchanged, {} in {}",
        count(judged as u64, "file"),
        count(reused as u64, "file"),
        count(found as u64, "finding"),
        duration(took_ms)
    )
}

fn unreadable(path: &TreePath, why: &git::Error, files: usize) -> CheckError {
    let others = match files - 1 {
        0 => String::new(),
        more => format!(" So it is with {} more; the log names them.", count(more as u64, "file")),
    };
    CheckError {
        code: ErrorCode::FetchFailed,
        message: format!(
            "`{path}` cannot be read: {why}.{others} What was known of it stands; sync the repository, and run the checks again."
        ),
    }
}

fn too_many(most: usize, unjudged: usize) -> CheckError {
    let not_judged = if unjudged == 0 { String::new() } else { format!(", with {} not judged", count(unjudged as u64, "file")) };
    CheckError {
        code: ErrorCode::LimitOutput,
        message: format!(
            "It found more than {}, the most that one check may leave here; what it found beyond is left out{not_judged}. Mend some, or \
             exclude files that need no check.",
            count(most as u64, "issue")
        ),
    }
}

fn unwritten(source: std::io::Error) -> store::Error {
    store::Error::Io { what: "cannot write the log of a check".to_owned(), why: Arc::new(source) }
}
