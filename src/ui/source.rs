//! Source code as lines of markup: highlighted where that is quick, plain where it is not, always escaped.
//!
//! The syntax definitions come from elsewhere and run on text that anybody may have written, so they are not trusted with a request's
//! time or with its memory. One thread owns them: it loads them when the first file is asked for, forgets them when nobody has asked for a
//! while or a file would bring one language too many, and works on one file at a time against a deadline. Whoever asks waits a little
//! longer than that deadline and then takes the plain text. A file that manages to hold the thread up makes other files plain for a
//! moment, and nothing else.
//!
//! Tokens get one of a dozen classes of ours (`source/scopes.rs`), coloured by the stylesheet; no theme of anybody else's is used.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::escape::Markup;
use crate::base::name::TreePath;
use crate::domain::issues::Veil;

mod scopes;
mod syntaxes;

/// The largest file that is highlighted, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most lines that are highlighted.
pub const MAX_LINES: usize = 20_000;
/// The longest line, in bytes, that a highlighted file may hold.
pub const MAX_LINE: usize = 2_000;
/// How long highlighting one file may take; the lines left then stay plain.
pub const DEADLINE: Duration = Duration::from_millis(600);
/// How much longer than the deadline somebody waits for the thread to look up.
const GRACE: Duration = Duration::from_millis(150);
/// How many languages are kept compiled, and how many a file may mix before the rest of it stays plain. One takes some 5 to 15 MiB, most
/// of it automata, and what was taken once is seldom given back to the system, only used again; so this bounds what highlighting costs for
/// good. Loading the definitions anew takes two milliseconds, so all are forgotten together.
const MOST_LANGUAGES: usize = 3;
/// How long the syntax definitions are kept for the next file.
const KEEP: Duration = Duration::from_secs(60);
/// How many files may wait for their turn.
const QUEUE: usize = 16;

/// A file as lines of markup.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// Line after line, each without its end.
    pub lines: Vec<Markup>,
    /// The numbers of lines that an excerpt leaves out.
    hidden: BTreeSet<u32>,
}

/// Some lines of a file around those that something is said of.
#[derive(Debug, Clone)]
pub struct Excerpt {
    /// Line after line, each with its number.
    pub lines: Vec<ExcerptLine>,
}

/// One line of an excerpt.
#[derive(Debug, Clone)]
pub struct ExcerptLine {
    /// Its number in the file, from 1.
    pub number: u32,
    /// What it says.
    pub code: Markup,
    /// Whether it is one of the lines that are spoken of.
    pub is_marked: bool,
}

impl Source {
    /// The text without colours.
    pub fn plain(text: &str) -> Source {
        Source { lines: lines(text).map(Markup::escaped).collect(), hidden: BTreeSet::new() }
    }

    /// The text without colours, and without what is concealed.
    pub fn concealed(text: &str, veil: &Veil) -> Source {
        let mut hidden = BTreeSet::new();
        // A byte order mark is not part of the first line.
        let line = |(number, line): (u32, &str)| match veil.line(number, line.as_bytes()) {
            Some(shown) => Markup::escaped(&String::from_utf8_lossy(&shown.text)),
            None => {
                hidden.insert(number);
                Markup::escaped("")
            }
        };
        let lines = (1..).zip(lines(text.strip_prefix('\u{feff}').unwrap_or(text))).map(line).collect();
        Source { lines, hidden }
    }

    /// The lines from `start` to `end`, with `around` more on both sides; `None` where the file has no such line.
    pub fn excerpt(&self, start: u32, end: u32, around: u32) -> Option<Excerpt> {
        const MOST: u32 = 40;
        let end = end.clamp(start, start.saturating_add(MOST));
        if start == 0 || start as usize > self.lines.len() {
            return None;
        }
        let from = start.saturating_sub(around).max(1);
        let lines = (from..=end.saturating_add(around))
            .map_while(|number| {
                let code = self.lines.get(number as usize - 1)?;
                Some(ExcerptLine { number, code: code.clone(), is_marked: (start..=end).contains(&number) })
            })
            .filter(|line| !self.hidden.contains(&line.number))
            .collect();
        Some(Excerpt { lines })
    }
}

/// The text of a file, unless it is not text: it holds a NUL early on, as git decides it. Bytes that are not UTF-8 are replaced.
pub fn text(bytes: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let head = &bytes[..bytes.len().min(8_000)];
    if memchr::memchr(0, head).is_some() { None } else { Some(String::from_utf8_lossy(bytes)) }
}

/// The lines of a text, without line ends; a last line end begins no further line.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
}

fn is_within_bounds(text: &str) -> bool {
    text.len() <= MAX_BYTES && text.lines().enumerate().all(|(at, line)| at < MAX_LINES && line.len() <= MAX_LINE)
}

/// The thread that highlights; it ends when this is dropped.
#[derive(Debug)]
pub struct Highlighter {
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Job {
    path: TreePath,
    text: String,
    deadline: Instant,
    answer: SyncSender<Source>,
}

impl Highlighter {
    /// Starts the thread. It takes memory once the first file is asked for.
    pub fn start() -> Highlighter {
        let (jobs, queue) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("highlight".to_owned()).spawn(move || work(&queue)).ok();
        Highlighter { jobs: Some(jobs), thread }
    }

    /// The text of the file at `path`, highlighted as far as its size and the time allow. Blocks for less than a second.
    pub fn highlight(&self, path: &TreePath, text: &str) -> Source {
        let Some(jobs) = self.jobs.as_ref().filter(|_| is_within_bounds(text)) else {
            return Source::plain(text);
        };
        let (answer, answered) = sync_channel(1);
        let job = Job { path: path.clone(), text: text.to_owned(), deadline: Instant::now() + DEADLINE, answer };
        if jobs.try_send(job).is_err() {
            return Source::plain(text);
        }
        answered.recv_timeout(DEADLINE + GRACE).unwrap_or_else(|_| Source::plain(text))
    }
}

impl Drop for Highlighter {
    fn drop(&mut self) {
        // Closing the queue ends the thread once it has looked up from its file.
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The text highlighted without regard to time, for tests of what it looks like.
#[cfg(test)]
pub(super) fn patiently(path: &TreePath, text: &str) -> Source {
    syntaxes::Syntaxes::load().highlight(path, text, Instant::now() + Duration::from_secs(600))
}

fn work(queue: &Receiver<Job>) {
    let mut loaded: Option<syntaxes::Syntaxes> = None;
    loop {
        let job = match queue.recv_timeout(KEEP) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                loaded = None;
                match queue.recv() {
                    Ok(job) => job,
                    Err(_) => return,
                }
            }
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let Job { path, text, deadline, answer } = job;
        if Instant::now() >= deadline {
            continue;
        }
        // A definition that panics costs this file its colours, and the definitions are loaded afresh.
        let taken = loaded.take();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut syntaxes = taken.filter(|syntaxes| !syntaxes.is_full_for(&path, &text)).unwrap_or_else(syntaxes::Syntaxes::load);
            let source = syntaxes.highlight(&path, &text, deadline);
            (syntaxes, source)
        }));
        let source = match done {
            Ok((syntaxes, source)) => {
                loaded = Some(syntaxes);
                source
            }
            Err(_) => Source::plain(&text),
        };
        // Whoever asked may have gone on with the plain text.
        let _ = answer.try_send(source);
    }
}

#[cfg(test)]
mod tests;
