//! Full-text search over [`tantivy`]: an index in a directory, or in memory, of entries with named fields.
//!
//! The one idea: an index is derived. Whoever owns the truth feeds it batches, each with a *watermark* that is committed with it; when the
//! index is missing, damaged or made by another version, [`FullText::open`] moves it aside, answers [`Opened::Fresh`], and the owner feeds
//! everything again. So nothing here repairs anything, and no error here is worse than a rebuild.
//!
//! Nothing is loaded before the first use, and [`FullText::rest_if_idle`] lets go of it: the reader's maps, and the writer with its buffer
//! and its threads. Entries themselves are not stored; a hit is a key.
//!
//! What it deliberately does not do: no product word, no stemming, no ranking by guesses, no query language ([`Query`] is a tree). A search
//! never waits for a write.

mod collect;
mod files;
mod glob;
mod layout;
mod query;
mod scan;
mod steady;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::query::EnableScoring;
use tantivy::{Index, IndexReader, IndexWriter, ReloadPolicy, TantivyError, Term};

pub use collect::{FACET_VALUES_MAX, Facet, Place};
pub use glob::{Glob, TooLong};
pub use layout::{Field, Kind};
pub use query::{EXPANSIONS_MAX, Query};
pub use words::{WORD_MAX_CHARS, Words, fold, wholes};

use crate::base::seen::Seen;
use collect::Collect;
use layout::Layout;
use query::Translator;

/// The writer's buffer: the least that tantivy takes for its one thread.
const WRITER_HEAP: usize = 15_000_000;

/// How long a query may look through texts before it is given up.
pub const QUERY_TIME_MAX: Duration = Duration::from_secs(5);

/// The share of replaced entries in a segment above which it is written anew.
const REPLACED_SHARE_MAX: f32 = 0.3;

/// Why an index could not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Its files are not what they were: open it again, and feed it anew.
    #[error("the search index is damaged and will be rebuilt: {reason}")]
    Damaged {
        /// What was found.
        reason: String,
    },
    /// Another process writes it.
    #[error("the search index is being written by another process; stop it and try again")]
    Locked,
    /// The system refused a file.
    #[error("cannot read or write the search index{}", .path.as_ref().map(|path| format!(" in `{}`", path.display())).unwrap_or_default())]
    Io {
        /// Where, if it is known.
        path: Option<PathBuf>,
        /// What the system said.
        source: Arc<std::io::Error>,
    },
    /// A batch could not be committed; the index is as it was before it.
    #[error("cannot write the search index (is the disk full?): {reason}")]
    Write {
        /// What was said.
        reason: String,
    },
    /// The last word of a phrase is too short to stand for whole words.
    #[error("more than {EXPANSIONS_MAX} words begin with `{prefix}`; write more of it")]
    TooBroad {
        /// The beginning.
        prefix: String,
    },
    /// The query takes too long.
    #[error("the query was given up after {} s; narrow it", QUERY_TIME_MAX.as_secs())]
    TooSlow,
    /// The index has no such field, or its kind cannot be asked this.
    #[error("the search index has no field `{field}` that can be asked this")]
    Field {
        /// The field.
        field: &'static str,
    },
}

/// The result of asking or feeding an index.
pub type Result<T> = std::result::Result<T, Error>;

impl From<TantivyError> for Error {
    fn from(error: TantivyError) -> Error {
        files::classify(error)
    }
}

/// How far an index was fed, committed with each batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermark {
    /// Up to where.
    pub fed: u64,
    /// From where on it holds all that it should: an index that is fed from the start lacks something until it is there.
    pub whole_at: u64,
}

impl Watermark {
    /// Whether it holds all that it should.
    pub fn is_whole(self) -> bool {
        self.fed >= self.whole_at
    }
}

/// That of an index which lacks nothing.
impl From<u64> for Watermark {
    fn from(fed: u64) -> Watermark {
        Watermark { fed, whole_at: 0 }
    }
}

/// What was found where the index should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// An index, fed up to here.
    Kept {
        /// The watermark of its last batch; `None` if it was never fed.
        watermark: Option<Watermark>,
    },
    /// None that can be used: this one is empty and wants to be fed from the start.
    Fresh {
        /// Why.
        reason: String,
    },
}

/// An entry: a key of its own and values for some fields; a field may have several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: u128,
    /// The values.
    pub values: Vec<(&'static str, Value)>,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// For every kind but numbers.
    Text(String),
    /// For numbers.
    Number(i64),
}

/// A change to an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Takes the place of the entry with the key, if there is one.
    Put(Entry),
    /// Takes the entry with the key away.
    Remove(u128),
    /// Takes every entry away whose keyword is this one.
    RemoveAll {
        /// The field; one kept as [`Kind::Label`], or a keyword that keeps its case.
        field: &'static str,
        /// The keyword.
        value: String,
    },
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The smallest first.
    Ascending,
    /// The largest first.
    Descending,
}

/// The order of hits. What is equal in it is ordered by key, in the direction of the last field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The best match first. One page alone: scores move with every batch, so there is no place to go on from.
    Score,
    /// By at most two numbers.
    By(&'static [(&'static str, Direction)]),
}

impl Order {
    fn fields(self) -> &'static [(&'static str, Direction)] {
        match self {
            Order::Score => &[],
            Order::By(fields) => &fields[..fields.len().min(2)],
        }
    }

    fn last_direction(self) -> Direction {
        self.fields().last().map_or(Direction::Descending, |(_, direction)| *direction)
    }
}

/// A question to an index.
#[derive(Debug, Clone)]
pub struct Search {
    /// What is looked for.
    pub query: Query,
    /// The order of the hits.
    pub order: Order,
    /// How many are answered at most.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Place>,
    /// The keyword fields to count.
    pub facets: Vec<&'static str>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hits {
    /// The keys of this page, in order.
    pub keys: Vec<u128>,
    /// How many there are in all.
    pub total: u64,
    /// How often keywords occur in all hits.
    pub facets: Vec<Facet>,
    /// Where the next page begins, if there is more.
    pub next: Option<Place>,
}

/// An index. All its functions may be called from several threads.
pub struct FullText {
    /// Where it is; `None` in memory.
    directory: Option<PathBuf>,
    layout: Layout,
    state: Mutex<State>,
    /// Locked throughout a batch, and before `state` where both are.
    writing: Mutex<Writing>,
}

#[derive(Default)]
struct Writing {
    writer: Option<IndexWriter>,
    /// What an index that began empty here was fed, from its making to the first rest; `None` where that is not known. To look each
    /// key up in every segment, to replace what is not there, takes a third of the time of a rebuild.
    seen: Option<Seen>,
}

struct State {
    index: Option<Index>,
    reader: Option<IndexReader>,
    damage: Option<String>,
    /// Whether every checksum was compared since the process began.
    is_verified: bool,
    last_used: Instant,
}

impl FullText {
    /// The index in a directory. Nothing is read or written yet.
    pub fn in_directory(directory: impl Into<PathBuf>, fields: &[Field]) -> FullText {
        FullText::new(Some(directory.into()), fields)
    }

    /// An empty index in memory.
    pub fn in_memory(fields: &[Field]) -> FullText {
        FullText::new(None, fields)
    }

    fn new(directory: Option<PathBuf>, fields: &[Field]) -> FullText {
        let state = State { index: None, reader: None, damage: None, is_verified: false, last_used: Instant::now() };
        let seen = directory.is_none().then(Seen::default);
        let writing = Mutex::new(Writing { writer: None, seen });
        FullText { directory, layout: Layout::new(fields), state: Mutex::new(state), writing }
    }

    /// Looks at what is there. What cannot be used, or showed damage since, is moved aside and an empty index put in its place.
    pub fn open(&self) -> Result<Opened> {
        let mut writing = lock(&self.writing);
        let mut state = lock(&self.state);
        let found = match state.damage.take() {
            Some(reason) => Err(Error::Damaged { reason }),
            // What was loaded may have been taken away since.
            None => self.load(&mut state).and_then(|index| files::watermark(&index)),
        };
        match found {
            Ok(watermark) => Ok(Opened::Kept { watermark }),
            Err(Error::Damaged { reason }) => {
                state.reader = None;
                state.index = None;
                state.damage = None;
                *writing = Writing::default();
                if let Some(directory) = &self.directory {
                    files::move_aside(directory)?;
                }
                state.index = Some(files::create(self.directory.as_deref(), &self.layout)?);
                writing.seen = Some(Seen::default());
                Ok(Opened::Fresh { reason })
            }
            Err(other) => Err(other),
        }
    }

    /// The watermark of the last batch, if there was one.
    pub fn watermark(&self) -> Result<Option<Watermark>> {
        let index = self.load(&mut lock(&self.state))?;
        files::watermark(&index)
    }

    /// Commits a batch and its watermark together: after an error, or a crash, the index is as it was before.
    pub fn apply(&self, batch: impl IntoIterator<Item = Operation>, watermark: impl Into<Watermark>) -> Result<()> {
        let watermark = watermark.into();
        let mut writing = lock(&self.writing);
        let index = self.load(&mut lock(&self.state))?;
        let written = guarded(|| {
            let Writing { writer, seen } = &mut *writing;
            let writer = match writer {
                Some(writer) => writer,
                None => writer.insert(create_writer(&index)?),
            };
            for operation in batch {
                self.perform(writer, seen.as_mut(), operation)?;
            }
            let mut commit = writer.prepare_commit()?;
            commit.set_payload(&format!("{} {}", watermark.fed, watermark.whole_at));
            commit.commit()?;
            Ok(())
        });
        if let Err(error) = written {
            // What the writer holds of the batch goes with it.
            let _ = guarded(|| {
                *writing = Writing::default();
                Ok(())
            });
            return Err(match error {
                Error::Locked | Error::Field { .. } => error,
                other => Error::Write { reason: chain(&other) },
            });
        }
        let mut state = lock(&self.state);
        state.last_used = Instant::now();
        let reloaded = state.reader.as_ref().map_or(Ok(()), |reader| guarded(|| Ok(reader.reload()?)));
        noted(&mut state, reloaded)
    }

    fn perform(&self, writer: &IndexWriter, seen: Option<&mut Seen>, operation: Operation) -> Result<()> {
        match operation {
            Operation::Put(entry) => {
                if seen.is_none_or(|seen| seen.insert(entry.key)) {
                    writer.delete_term(self.layout.key_term(entry.key));
                }
                writer.add_document(self.layout.document(&entry))?;
            }
            Operation::Remove(key) => {
                writer.delete_term(self.layout.key_term(key));
            }
            Operation::RemoveAll { field, value } => {
                let Some((Field { kind: Kind::Label | Kind::Keyword { fold: false }, .. }, handle)) = self.layout.field(field) else {
                    return Err(Error::Field { field });
                };
                writer.delete_term(Term::from_field_text(handle, &value));
            }
        }
        Ok(())
    }

    /// Answers a question from the last committed batch.
    pub fn search(&self, search: &Search) -> Result<Hits> {
        let reader = {
            let mut state = lock(&self.state);
            state.last_used = Instant::now();
            let index = self.load(&mut state)?;
            match &state.reader {
                Some(reader) => reader.clone(),
                None => {
                    let opened = guarded(|| Ok(open_reader(&index)?));
                    let reader = noted(&mut state, opened)?;
                    state.reader.insert(reader).clone()
                }
            }
        };
        let found = guarded(|| self.ask(&reader, search));
        match found {
            Err(Error::Damaged { .. }) => noted(&mut lock(&self.state), found),
            _ => found,
        }
    }

    fn ask(&self, reader: &IndexReader, search: &Search) -> Result<Hits> {
        let searcher = reader.searcher();
        let translator = Translator { layout: &self.layout, searcher: &searcher, deadline: Instant::now() + QUERY_TIME_MAX };
        let query = translator.translate(&search.query)?;
        let collect = Collect { order: search.order, keep: search.limit + 1, after: search.after, facets: search.facets.clone() };
        let scoring = match search.order {
            Order::Score => EnableScoring::enabled_from_searcher(&searcher),
            Order::By(_) => EnableScoring::disabled_from_searcher(&searcher),
        };
        let executor = tantivy::Executor::single_thread();
        let found = searcher.search_with_executor(&query, &collect, &executor, scoring)?;
        let has_more = found.places.len() > search.limit && search.order != Order::Score;
        let page = &found.places[..found.places.len().min(search.limit)];
        Ok(Hits {
            keys: page.iter().map(|place| place.key(search.order)).collect(),
            total: found.total,
            facets: found.facets,
            next: page.last().copied().filter(|_| has_more),
        })
    }

    /// Reads every file and compares it with its checksum.
    pub fn verify(&self) -> Result<()> {
        let index = self.load(&mut lock(&self.state))?;
        let verified = guarded(|| files::verify(&index));
        noted(&mut lock(&self.state), verified)
    }

    /// Lets go of the reader and the writer if nothing was asked or fed for so long. Answers whether it did.
    pub fn rest_if_idle(&self, idle: Duration) -> bool {
        let Ok(mut writing) = self.writing.try_lock() else { return false };
        {
            let mut state = lock(&self.state);
            if state.last_used.elapsed() < idle || (state.reader.is_none() && writing.writer.is_none()) {
                return false;
            }
            state.reader = None;
            if self.directory.is_some() {
                state.index = None;
            }
        }
        writing.seen = None;
        if let Some(writer) = writing.writer.take()
            && let Err(error) = guarded(|| Ok(writer.wait_merging_threads()?))
        {
            // What was committed is safe; segments that were being merged stay apart.
            tracing::warn!(%error, "the search index could not finish merging its segments");
        }
        true
    }

    /// The index, loaded if it is not. Damage found is remembered until [`FullText::open`] is called.
    fn load(&self, state: &mut State) -> Result<Index> {
        if let Some(reason) = &state.damage {
            return Err(Error::Damaged { reason: reason.clone() });
        }
        if let Some(index) = &state.index {
            return Ok(index.clone());
        }
        let loaded = match &self.directory {
            // One in memory begins empty, and there is nothing to rebuild it for.
            None => files::create(None, &self.layout),
            Some(directory) => guarded(|| {
                let index = files::load(directory, &self.layout)?;
                // Opening its segments reads the head and foot of every file.
                open_reader(&index)?;
                // What lay on the disk since another run is read whole once: a turned bit could end the process further in.
                if !state.is_verified {
                    files::verify(&index)?;
                }
                Ok(index)
            }),
        };
        let index = noted(state, loaded)?;
        state.is_verified = true;
        state.index = Some(index.clone());
        Ok(index)
    }
}

fn open_reader(index: &Index) -> tantivy::Result<IndexReader> {
    index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(1).try_into()
}

fn create_writer(index: &Index) -> tantivy::Result<IndexWriter> {
    let options = IndexWriterOptions::builder().num_worker_threads(1).num_merge_threads(1).memory_budget_per_thread(WRITER_HEAP).build();
    let writer: IndexWriter = index.writer_with_options(options)?;
    let mut merging = LogMergePolicy::default();
    merging.set_del_docs_ratio_before_merge(REPLACED_SHARE_MAX);
    writer.set_merge_policy(Box::new(merging));
    Ok(writer)
}

/// Runs what may meet bytes that nobody wrote: tantivy then panics in places.
fn guarded<T>(act: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<&str>().map(ToString::to_string).or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Error::Damaged { reason: format!("its reader panicked: {}", said.unwrap_or_default()) })
    })
}

/// Remembers damage.
fn noted<T>(state: &mut State, result: Result<T>) -> Result<T> {
    if let Err(Error::Damaged { reason }) = &result {
        state.damage = Some(reason.clone());
        state.reader = None;
        state.index = None;
    }
    result
}

/// An error and its cause in one line.
fn chain(error: &Error) -> String {
    match error {
        Error::Io { source, .. } => format!("{error}: {source}"),
        Error::Damaged { reason } => reason.clone(),
        other => other.to_string(),
    }
}

/// No function here leaves what it locked half changed, so that a panic in one is none of the next one's concern.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
