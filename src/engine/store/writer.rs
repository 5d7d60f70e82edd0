//! The writer thread: many writers, one commit.
//!
//! Verbs queue up; the thread takes all that wait, runs each over the same moment in a layer of its own, commits once, and only then
//! answers them. What is acknowledged is therefore durable, and the cost of a commit is shared by all who wait for it.
//!
//! A verb that fails or panics loses its own layer and nothing else. If the commit fails, every verb of the batch is told so; whether
//! the disk kept the batch all the same is then open, as with any commit whose answer is lost, but it kept all of it or nothing.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::tx::{Overlay, Snapshot, WriteTx};
use super::{Error, Result};
use crate::base::event::Recorded;
use crate::base::id::Ids;

/// The most verbs that one commit carries.
const BATCH_VERBS: usize = 512;
/// The longest that verbs run before they are committed, so that those who came first do not wait for ever more. In the unit tests a
/// batch ends by count alone, so that a test can say which verbs one holds.
const BATCH_TIME: Duration = if cfg!(test) { Duration::MAX } else { Duration::from_millis(20) };
/// A verb that takes longer than this is told of: it holds everyone up.
const SLOW_VERB: Duration = Duration::from_millis(20);

/// What the store has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Commits that were made durable.
    pub commits: u64,
    /// Verbs that were carried out, those included whose layer was dropped.
    pub verbs: u64,
    /// Rows that commits wrote or removed, index entries included.
    pub rows: u64,
    /// The bytes of those rows, keys and values.
    pub bytes: u64,
    /// Rows that readers looked for or were given, index entries included; those of verbs are left out.
    pub rows_read: u64,
    /// The longest time that one verb held the writer.
    pub longest_verb: Duration,
    /// The most rows that one verb wrote or removed, index entries included.
    pub largest_verb: u64,
}

/// The counts behind [`Statistics`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    verbs: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    rows_read: Arc<AtomicU64>,
    longest_verb: AtomicU64,
    largest_verb: AtomicU64,
}

impl Counters {
    fn ran(&self, took: Duration, rows: u64) {
        self.largest_verb.fetch_max(rows, Ordering::Relaxed);
        self.verbs.fetch_add(1, Ordering::Relaxed);
        self.longest_verb.fetch_max(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn committed(&self, changes: &Overlay) {
        let (rows, bytes) = changes.weight();
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Statistics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Statistics {
            commits: read(&self.commits),
            verbs: read(&self.verbs),
            rows: read(&self.rows),
            bytes: read(&self.bytes),
            rows_read: read(&self.rows_read),
            longest_verb: Duration::from_nanos(read(&self.longest_verb)),
            largest_verb: read(&self.largest_verb),
        }
    }
}

/// What the writer needs of an engine.
pub(super) trait Engine: Send + Sync + 'static {
    fn snapshot(&self) -> Result<Snapshot>;
    fn apply(&self, changes: &Overlay) -> Result<()>;
}

/// Hears what was committed, in order, after each commit.
pub(super) type Listener = Box<dyn Fn(&[Recorded]) + Send + Sync>;

/// A verb that waits, and the way to answer whoever waits for it.
trait Job: Send {
    /// Runs the verb; says whether what it wrote is to be kept.
    fn run(&mut self, tx: &mut WriteTx, counters: &Counters) -> bool;

    /// Answers, with the verb's own result or with why the batch could not be committed.
    fn answer(self: Box<Self>, committed: &Result<()>);
}

struct Verb<T, E, V, A> {
    verb: V,
    answer: A,
    result: Option<std::result::Result<T, E>>,
}

impl<T, E, V, A> Job for Verb<T, E, V, A>
where
    V: Fn(&mut WriteTx) -> std::result::Result<T, E> + Send,
    A: FnOnce(std::result::Result<T, E>) + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut WriteTx, counters: &Counters) -> bool {
        let began = Instant::now();
        let verb = &self.verb;
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| verb(tx))).unwrap_or_else(|panic| {
            let message = panic_message(panic.as_ref());
            tracing::error!(panic = %message, "a verb panicked; what it wrote was dropped");
            Err(E::from(Error::Panicked { message }))
        });
        let took = began.elapsed();
        counters.ran(took, tx.rows());
        if took > SLOW_VERB {
            tracing::warn!(took_ms = took.as_millis(), verb = std::any::type_name::<V>(), "a verb held the writer for {took:?}");
        }
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn answer(self: Box<Self>, committed: &Result<()>) {
        let result = match committed {
            Ok(()) => self.result.expect("a verb is answered after it ran"),
            Err(error) => Err(E::from(error.clone())),
        };
        (self.answer)(result);
    }
}

/// What a panic said.
pub(super) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

/// The way to the writer thread; the thread ends when it is dropped.
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<thread::JoinHandle<()>>,
    counters: Arc<Counters>,
}

impl Writer {
    pub(super) fn start(engine: Arc<dyn Engine>, ids: Arc<Ids>, listener: Listener) -> Result<Writer> {
        let (jobs, waiting) = mpsc::channel();
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        let thread = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || serve(&*engine, &ids, &listener, &waiting, &counted))
            .map_err(|source| Error::io("cannot start the writer thread", source))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(thread), counters })
    }

    /// What was done so far.
    pub(super) fn statistics(&self) -> Statistics {
        self.counters.read()
    }

    /// What counts the rows that readers read.
    pub(super) fn rows_read(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.counters.rows_read)
    }

    /// Queues a verb; `answer` is called on the writer thread, after the commit.
    pub(super) fn submit<T, E, V, A>(&self, verb: V, answer: A)
    where
        V: Fn(&mut WriteTx) -> std::result::Result<T, E> + Send + 'static,
        A: FnOnce(std::result::Result<T, E>) + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let job = Box::new(Verb { verb, answer, result: None });
        let jobs = self.jobs.as_ref().expect("the sender is taken only when the writer is dropped");
        if let Err(mpsc::SendError(job)) = jobs.send(job) {
            job.answer(&Err(Error::Stopped));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // An answer that held the last handle drops it here, on the writer's own thread, which cannot wait for itself.
        let own = |thread: &thread::JoinHandle<()>| thread.thread().id() == thread::current().id();
        if let Some(thread) = self.thread.take().filter(|thread| !own(thread)) {
            // A panic there was logged where it happened; the store is going away either way.
            let _ = thread.join();
        }
    }
}

fn serve(engine: &dyn Engine, ids: &Arc<Ids>, listener: &Listener, waiting: &mpsc::Receiver<Box<dyn Job>>, counters: &Counters) {
    while let Ok(first) = waiting.recv() {
        let mut ran = Vec::new();
        let (committed, recorded) = batch(engine, ids, first, waiting, counters, &mut ran);
        if let Err(error) = &committed {
            tracing::error!(error = %error, verbs = ran.len(), "a commit failed; its verbs are told so");
        } else if !recorded.is_empty() {
            // What is committed is committed, whatever becomes of those who hear of it.
            let _ = guarded("a listener", || {
                listener(&recorded);
                Ok(())
            });
        }
        for job in ran {
            let _ = guarded("an answer", || {
                job.answer(&committed);
                Ok(())
            });
        }
    }
}

/// Keeps a panic from ending the writer thread: everyone who writes depends on it.
fn guarded<T>(what: &str, act: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let message = panic_message(panic.as_ref());
        tracing::error!(panic = %message, "{what} panicked on the writer thread");
        Err(Error::Panicked { message })
    })
}

/// Runs the verbs that wait and commits them together.
fn batch(
    engine: &dyn Engine,
    ids: &Arc<Ids>,
    first: Box<dyn Job>,
    waiting: &mpsc::Receiver<Box<dyn Job>>,
    counters: &Counters,
    ran: &mut Vec<Box<dyn Job>>,
) -> (Result<()>, Vec<Recorded>) {
    let began = Instant::now();
    let mut recorded = Vec::new();
    let mut tx = match guarded("the engine", || engine.snapshot()) {
        Ok(snapshot) => WriteTx::new(snapshot, Arc::clone(ids)),
        Err(error) => {
            ran.push(first);
            return (Err(error), recorded);
        }
    };
    let mut next = Some(first);
    while let Some(mut job) = next {
        if job.run(&mut tx, counters) {
            recorded.append(&mut tx.settle());
        } else {
            tx.discard();
        }
        ran.push(job);
        next = if ran.len() < BATCH_VERBS && began.elapsed() < BATCH_TIME { waiting.try_recv().ok() } else { None };
    }
    let changes = tx.into_settled();
    if changes.is_empty() {
        return (Ok(()), recorded);
    }
    let committed = tracing::trace_span!("commit").in_scope(|| guarded("the engine", || engine.apply(&changes)));
    if committed.is_ok() {
        counters.committed(&changes);
    }
    (committed, recorded)
}
