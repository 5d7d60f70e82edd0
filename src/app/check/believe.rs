//! Whether what a program of others wrote is believed, and how it is read.
//!
//! How it ended decides: one that crashed found nothing, whatever it wrote; one that ended as if it had found something, and said nothing,
//! did not come so far.

use super::in_sandbox::{DROPPED_TOLD, LINE_BYTES};
use super::judge::Judge;
use crate::app::live::LiveLog;
use crate::base::text::{bytes, capital, clip, duration, quiet};
use crate::domain::checks::catalogue::{From, Tool};
use crate::domain::checks::{CheckError, CheckState, ErrorCode, Execution};
use crate::domain::issues::format::{self, Bounds, Columns, Format, Ground, Reading};
use crate::engine::sandbox::{How, Limit, Limits, Outcome};

/// How what a program wrote is read.
pub(super) struct Reads {
    pub program: Program,
    pub format: Format,
    pub from: From,
    pub columns: Option<Columns>,
    /// Where it sees the tree.
    pub roots: &'static [&'static str],
}

/// What kind of program it is, which says what its end means.
#[derive(Clone, Copy)]
pub(super) enum Program {
    /// A tool of the catalogue, which says what it may end with.
    Tool(&'static Tool),
    /// A command of the repository's own: one that ends badly says no.
    Command,
    /// An image: one that ends badly has failed.
    Image,
}

impl Program {
    pub fn name(self) -> &'static str {
        match self {
            Program::Tool(tool) => &tool.name,
            Program::Command => "the command",
            Program::Image => "the image",
        }
    }

    /// The same at the beginning of a sentence: a tool is called what it is called.
    fn subject(self) -> String {
        match self {
            Program::Tool(tool) => tool.name.clone(),
            Program::Command | Program::Image => capital(self.name()),
        }
    }

    /// Whether something is wrong with itself if it ends so.
    fn has_crashed(self, code: i32) -> bool {
        match self {
            Program::Tool(tool) => !tool.is_fine(code),
            Program::Command => false,
            Program::Image => code != 0,
        }
    }
}

impl Judge<'_> {
    /// What a run says, if how it ended lets it be believed. `None` is that nobody wants it any more. What is read of it passes a mask over
    /// what the program was given once more.
    pub(super) fn believed(
        &self,
        reads: &Reads,
        outcome: &Outcome,
        limits: &Limits,
        ran: &mut Execution,
        log: &mut LiveLog,
    ) -> Result<Reading, Option<(CheckState, CheckError)>> {
        let errored = |code, message| Some((CheckState::Errored, CheckError { code, message }));
        let name = reads.program.name();
        let subject = reads.program.subject();
        let code = match outcome.how {
            How::Exited(code) => code,
            How::Canceled => return Err(None),
            How::TimedOut => return Err(Some(timed_out(name, limits))),
            How::Limit(limit) => return Err(errored(code_of(limit), reached(name, limit, limits))),
            How::Signaled(signal) => {
                let what =
                    "It crashed, and found nothing that could be believed: run it by hand over this commit, or try it in another version";
                let message = format!("{subject} was ended by signal {signal}{}. {what}.", last_words(outcome));
                return Err(errored(ErrorCode::PluginCrashed, message));
            }
        };
        if reads.program.has_crashed(code) {
            return Err(errored(ErrorCode::PluginCrashed, format!("{subject} ended with {code}{}.", last_words(outcome))));
        }
        let written = match reads.from {
            From::Stdout => outcome.stdout.whole().ok_or_else(|| outcome.stdout.total()),
            From::Stderr => outcome.stderr.whole().ok_or_else(|| outcome.stderr.total()),
            From::File => match outcome.files.first() {
                Some((_, Ok(bytes))) => Ok(bytes.as_slice()),
                Some((_, Err(why))) => {
                    return Err(errored(ErrorCode::OutputInvalid, format!("What {name} should have written is not there: {why}.")));
                }
                None => Ok(&[][..]),
            },
        };
        let written = written.map_err(|total| {
            errored(
                ErrorCode::LimitOutput,
                format!("{subject} wrote {}, and at most {} are taken.", bytes(total), bytes(limits.stdout_bytes as u64)),
            )
        })?;
        let ground = Ground { tree: &**self.tree, roots: reads.roots, columns: reads.columns, mask: Some(&outcome.mask) };
        let reading = match format::read(reads.format, written, &ground, &Bounds::default()) {
            Ok(reading) => reading,
            // A command that failed and wrote something else says no; there is nothing of it to read.
            Err(_) if matches!(reads.program, Program::Command) && code != 0 => {
                return Err(Some((CheckState::Failed, said_no(&Execution { exit_code: Some(code), ..ran.clone() }))));
            }
            Err(error) => {
                log.line(&quiet(&clip(&outcome.mask.text(&String::from_utf8_lossy(written)), LINE_BYTES)));
                return Err(errored(ErrorCode::OutputInvalid, format!("What {name} wrote {error}.")));
            }
        };
        ran.read += reading.read;
        ran.dropped_count += reading.dropped.iter().map(|dropped| dropped.times).sum::<u64>() + reading.dropped_more;
        for dropped in &reading.dropped {
            if ran.dropped.len() < DROPPED_TOLD {
                log.line(&outcome.mask.text(&quiet(&format!("dropped: {}: {}", dropped.what, dropped.why))));
                ran.dropped.push((clip(&dropped.what, 300).into_owned(), clip(&dropped.why, 300).into_owned()));
            }
        }
        // Its end says that there is something, and there is nothing: it did not come so far.
        if let Program::Tool(tool) = reads.program
            && !tool.is_explained(code, reading.read)
        {
            return Err(errored(ErrorCode::PluginCrashed, format!("{name} ended with {code} and said nothing{}.", last_words(outcome))));
        }
        match &reading.broken {
            Some(why) => Err(errored(ErrorCode::OutputInvalid, format!("What {name} wrote breaks off: {why}."))),
            None => Ok(reading),
        }
    }
}

/// What a check says that took longer than it may.
pub(super) fn timed_out(name: &str, limits: &Limits) -> (CheckState, CheckError) {
    let most = duration(u64::try_from(limits.wall.as_millis()).unwrap_or(u64::MAX));
    let message = format!("{} took longer than {most}, the most it may; `timeout` in the manifest gives it more.", capital(name));
    (CheckState::TimedOut, CheckError { code: ErrorCode::TimedOut, message })
}

fn code_of(limit: Limit) -> ErrorCode {
    match limit {
        Limit::Cpu => ErrorCode::LimitCpu,
        Limit::Memory => ErrorCode::LimitMemory,
        Limit::Processes => ErrorCode::LimitProcesses,
        Limit::FileSize | Limit::Disk | Limit::Names => ErrorCode::LimitDisk,
        Limit::Output => ErrorCode::LimitOutput,
    }
}

fn reached(name: &str, limit: Limit, limits: &Limits) -> String {
    let at_once = if limit == Limit::Processes { " at once" } else { "" };
    let more = match limit {
        Limit::Memory => "; `memory` in the manifest gives it more",
        Limit::Cpu => "; `timeout` in the manifest gives it more",
        Limit::Processes | Limit::FileSize | Limit::Disk | Limit::Names | Limit::Output => "",
    };
    // A file is one of several.
    let whose = if limit == Limit::FileSize { "" } else { "its " };
    format!("{} reached the bound of {whose}{}, {}{at_once}{more}.", capital(name), limit.words(), limits.of(limit))
}

/// What a command says that ended badly without a finding.
pub(super) fn said_no(ran: &Execution) -> CheckError {
    let how = ran.exit_code.map_or_else(|| "no code".to_owned(), |code| code.to_string());
    // Where no cgroup counts, a program that asks for too much is refused, and says so in its own way or not at all.
    let is_refused = ran.weaker.iter().any(|limit| limit == Limit::Memory.words());
    let hint = if is_refused { " It may have been refused memory, which is bounded process by process on this host." } else { "" };
    CheckError {
        code: ErrorCode::CommandFailed,
        message: format!("`{}` ended with {how}, and no finding says why.{hint}", clip(&ran.command, 200)),
    }
}

/// The last line that a program wrote, as the end of a sentence: to stderr, or where it said nothing there, to stdout.
fn last_words(outcome: &Outcome) -> String {
    let last = |said: String| said.lines().rev().map(str::trim).find(|line| !line.is_empty()).map(str::to_owned);
    let last = last(outcome.stderr.text()).or_else(|| last(outcome.stdout.text()));
    last.map(|line| format!(": {}", quiet(&clip(&line, 300)).trim_end_matches('.'))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::check::in_sandbox::execution;
    use crate::engine::sandbox::{Keeper, Tier};

    #[test]
    fn where_memory_is_bounded_process_by_process_a_bare_code_is_told_with_that() {
        let told = |watched: &[Limit]| {
            let limits: Vec<(Limit, Keeper)> = watched.iter().map(|limit| (*limit, Keeper::Watch)).collect();
            said_no(&Execution { exit_code: Some(12), ..execution("./lint", None, Tier::Native, &limits) }).message
        };
        assert_eq!(told(&[Limit::Cpu]), "`./lint` ended with 12, and no finding says why.");
        assert!(told(&[Limit::Memory]).ends_with("refused memory, which is bounded process by process on this host."));
    }

    #[test]
    fn a_bound_of_processes_is_told_in_words_that_fit_its_number() {
        let told = |processes| reached("semgrep", Limit::Processes, &Limits { processes, ..Limits::default() });
        assert_eq!(told(512), "Semgrep reached the bound of its processes and threads, 512 at once.");
        assert_eq!(told(1), "Semgrep reached the bound of its processes and threads, 1 at once.");
    }

    #[test]
    fn what_there_was_no_more_of_for_files_is_told() {
        let told = |limit| reached("the command", limit, &Limits::default());
        assert_eq!(told(Limit::FileSize), "The command reached the bound of the size of one file, 1.0 GiB.");
        assert_eq!(told(Limit::Disk), "The command reached the bound of its room for files, 2.0 GiB.");
        assert_eq!(told(Limit::Names), "The command reached the bound of its number of files, folders and links, 1,048,576.");
    }
}
