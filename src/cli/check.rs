//! `plumbline check`: the checks of a working tree or commit, in the terminal, without a server.
//!
//! The same verbs as the server's, over the engine in memory: a repository is added, checks are asked for, the work is claimed and
//! carried out in this very thread. So what fails here fails there. What a server knows besides is its history; here a base stands for
//! it, analysed first, and without one all that is found is judged.
//!
//! Nothing is written into the repository and no socket is opened. The few files that a run makes lie in a scratch directory, which
//! goes when the command ends, however it ends.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::NonEmptyStringValueParser;

use super::{Error, Result};
use crate::app::App;
use crate::app::check::{self, Manner, Trees as _};
use crate::app::config::{Config, Sources};
use crate::app::runner::{Attempt, Failure};
use crate::base::event::{Actor, Verdict};
use crate::base::id::Ids;
use crate::base::name::CommitSha;
use crate::base::text::quiet;
use crate::base::time::Clock;
use crate::base::work::Lane;
use crate::domain::checks::catalogue::{self, Tool, Wake};
use crate::domain::checks::{self, CheckSet};
use crate::domain::issues;
use crate::domain::repos::{self, BadgeKey, NewRepository, RepoSource, Repository};
use crate::engine::queue;

mod excerpt;
mod json;
mod meter;
mod report;
mod sarif;
mod scratch;
mod source;
pub(super) mod style;
mod text;

use meter::Meter;
use report::Report;
use scratch::Scratch;
use source::Source;
use style::Style;

/// What `plumbline check` is asked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exits with 0 if the gate holds, 1 if it fails or cannot tell, 2 on wrong usage.")]
pub struct Args {
    /// A working directory, a bare repository, or a plain folder. Of a file or directory within a repository, the whole repository is
    /// read, its manifest holds, and the findings beneath the path alone count
    #[arg(value_name = "PATH", default_value = ".", hide_default_value = true)]
    path: PathBuf,
    /// Checks this commit instead of the files as they are: a branch, a tag, a sha, HEAD~2
    #[arg(long, value_name = "REV", value_parser = NonEmptyStringValueParser::new())]
    rev: Option<String>,
    /// Judges what is new against this commit, or against where the history left it; without it, all that is found
    #[arg(long, value_name = "REV", value_parser = NonEmptyStringValueParser::new())]
    base: Option<String>,
    /// How the findings are written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Judges every file anew, those that are as in the base included
    #[arg(long)]
    no_reuse: bool,
}

/// How the findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For programs: one document.
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
}

/// Runs the checks and says what they found.
pub fn run(args: Args, sources: &Sources) -> Result<ExitCode> {
    let meter = Meter::on_stderr();
    meter.say("reading the files");
    let source = Source::open(&args.path, args.rev.as_deref(), args.base.as_deref());
    meter.erase();
    let source = source?;
    let scratch = Scratch::new()?;
    let (config, unread) =
        Config::for_checks(sources, scratch.path()).map_err(|error| Error::because("the configuration cannot be used", error))?;
    if let Some(unread) = unread {
        say_aside(&format!("{unread}, so the defaults hold"));
    }
    let report = analyse(&source, config, !args.no_reuse, &meter);
    meter.erase();
    let (report, others) = report?;
    report.note.iter().chain(&report.left_out()).chain(&others).for_each(|note| say_aside(note));

    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let written = match args.format {
        Format::Text => text::write(&mut out, &report, &source, &Style::of_stdout()),
        Format::Json => json::write(&mut out, &report, &source),
        Format::Sarif => sarif::write(&mut out, &report, &source),
    };
    match written.and_then(|()| out.flush()) {
        // Whoever read has read enough.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
        other => other.map_err(|error| Error::because("cannot write the findings", error))?,
    }
    Ok(if report.set.verdict == Verdict::Success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says something beside the findings.
fn say_aside(note: &str) {
    // Nobody may be reading.
    let _ = writeln!(std::io::stderr(), "plumbline: {}", quiet(note));
}

/// Runs the checks of the base, if there is one, then those of the head against it. Answers what they said, and what could have been said
/// besides.
fn analyse(source: &Source, config: Config, reuses: bool, meter: &Meter) -> Result<(Report, Vec<String>)> {
    let app = App::in_memory(config, Clock::System, Ids::system()).map_err(|error| Error::because("cannot prepare the checks", error))?;
    unisolated(&app).into_iter().for_each(say_aside);
    let remote = source.slug.to_string();
    // Its first fetch is asked for as everywhere, and nobody is there to make it.
    let badge_key = BadgeKey::random();
    let new = NewRepository { slug: source.slug.clone(), source: RepoSource::Local, remote, is_trusted: false, badge_key, owner: None };
    let repository = app
        .write_now(&Actor::System, move |tx, now| repos::add(tx, new.clone(), now))
        .map_err(|error| Error::because("cannot prepare the checks", error))?;

    let mut manner = Manner { reuses, judges_all: true, beneath: source.beneath.clone(), tries_tools: true };
    let mut note = None;
    if let Some(base) = &source.base {
        let set = perform(&app, &repository, source, base.sha, &manner, meter)?;
        let id = repository.id;
        let sha = base.sha;
        manner.judges_all = app.read_now(|tx, _| issues::standing(tx, id, sha)).map_err(unreadable)?.is_none();
        if manner.judges_all {
            note = Some(format!("nothing is known of the base {}, all that is found is judged: {}", base.sha.short(), set.sentence));
        }
    }
    let set = perform(&app, &repository, source, source.head, &manner, meter)?;
    let others = others(&app, source, &manner);
    Ok((Report::read(&app, source, set, note).map_err(unreadable)?, others))
}

/// What of the tools that would have something to look at is not run, and what has it run; nothing where a manifest says what runs.
fn others(app: &App, source: &Source, manner: &Manner) -> Vec<String> {
    let manifest = source.tree(source.head).ok().and_then(|tree| check::read_manifest(&*tree).ok()?.ok());
    if manifest.is_none_or(|manifest| manifest.is_some_and(|manifest| manifest.checks.is_some())) {
        return Vec::new();
    }
    let (mut missing, mut unnamed, mut stuck) = (Vec::new(), Vec::new(), Vec::<(String, Vec<&str>)>::new());
    let wakes = |tool: &&Tool| matches!(tool.wake(source.tree.files(), |path| manner.speaks_of(path)), Wake::Wakes { .. });
    for tool in catalogue::all().iter().filter(|tool| tool.needs_no_settings() || tool.needs_settings()).filter(wakes) {
        if app.sandboxes.locate(tool).is_err() {
            missing.push(format!("{} (`{}`)", tool.name, tool.install));
        } else if !tool.needs_no_settings() {
            unnamed.push(tool.name.as_str());
        } else if let Err(error) = app.sandboxes.ready(tool) {
            // Where nothing can be run at all, that is said once.
            match stuck.iter_mut().find(|(why, _)| *why == error.message) {
                Some((_, tools)) => tools.push(&tool.name),
                None => stuck.push((error.message, vec![&tool.name])),
            }
        }
    }
    let mut said = Vec::new();
    if !missing.is_empty() {
        said.push(format!("more could be said by {}", missing.join(", ")));
    }
    if let [first, more @ ..] = unnamed.as_slice() {
        let (stand, them) = if more.is_empty() {
            ("is here and finds in the tree what it needs", "it")
        } else {
            ("are here and find in the tree what they need", "them")
        };
        said.push(format!("{} {stand}; a manifest that names {them} has {them} run (`- plugin: {first}`)", unnamed.join(", ")));
    }
    said.extend(stuck.into_iter().map(|(why, tools)| format!("not run: {}. {why}", tools.join(", "))));
    said
}

/// What is to be said before anything runs where nothing keeps what runs from the host. Whether that is so is looked at where the
/// configuration allows it alone.
fn unisolated(app: &App) -> Option<&'static str> {
    app.sandboxes.is_unisolated().then_some(
        "WITHOUT ISOLATION: whatever the checks start can do on this host what you can, since `sandbox.min_tier` is `trusted` and no sandbox \
         comes up here; `plumbline doctor` says why",
    )
}

fn unreadable(error: issues::Error) -> Error {
    Error::because("cannot read what the checks found", error)
}

/// Runs the checks of one tree to their end.
fn perform(app: &App, repository: &Repository, source: &Source, sha: CommitSha, manner: &Manner, meter: &Meter) -> Result<CheckSet> {
    let id = repository.id;
    let done = || -> std::result::Result<CheckSet, Failure> {
        let set = app.write_now(&Actor::System, move |tx, now| checks::request(tx, id, sha, now))?;
        let claim = app.write_now(&Actor::System, |tx, now| queue::claim(tx, Lane::Checks, "terminal", now))?;
        let Some(claim) = claim else {
            return Err(Failure { message: "the clock was set back".to_owned(), verdict: queue::Verdict::GiveUp });
        };
        let attempt = Attempt { claim, cancel: app.cancel_token(id, Some(set.attempt)) };
        check::run(app, &attempt, set, repository, source, manner, &|progress| {
            meter.say(&format!("{}: {} of {} files", progress.check, progress.done, progress.total));
        })?;
        Ok(app.read_now(|tx, _| checks::find(tx, id, sha))?)
    };
    done().map_err(|failure| Error::because("the checks could not be carried out", failure))
}
