//! Judging by a program of others: a tool of the catalogue, or a command of the repository's own, in a sandbox.
//!
//! The program sees the tree, or as much of it as bears on what it says, written from memory, and is asked about the files that are to be judged. Whether what it writes is
//! believed, and how it is read, is said in [`super::believe`].
//!
//! A tool that is given files is asked only about those that changed. One that finds its way in the tree, as every command does, may look
//! anywhere: what it said holds for the very same tree alone.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::believe::{Program, Reads, said_no, timed_out};
use super::judge::{Judge, Told, Untold};
use super::{Progress, Stop};
use crate::app::admission::Pass;
use crate::app::config::Config;
use crate::app::live::LiveLog;
use crate::app::sandboxes::Ready;
use crate::app::tools::Located as Place;
use crate::base::name::TreePath;
use crate::base::text::{capital, clip, count, quiet, thousands};
use crate::domain::checks::catalogue::{From, On, Tool, Wake};
use crate::domain::checks::plan::{Planned, Process};
use crate::domain::checks::{self, CheckError, CheckState, ErrorCode, Execution};
use crate::domain::issues::finding::Finding;
use crate::domain::issues::format::Format;
use crate::domain::repos::manifest::Network as Wanted;
use crate::engine::git::Source;
use crate::engine::git::tree::{FileKind, TreeFile};
use crate::engine::sandbox::{self, Asked, Command, File, How, Keeper, Kind, Limit, Limits, Network, Outcome, Sandbox, Tier, Value};

/// Where a tool sees the tree.
const ROOTS: [&str; 1] = ["/work"];
/// The file that a tool writes into which writes a file.
const OUTPUT: &str = ".plumbline-output";
/// A file that is larger is not shown to a tool.
const FILE_BYTES: u64 = 64 << 20;
/// How many dropped records a log and a page name.
pub const DROPPED_TOLD: usize = 50;
/// The longest line of a tool's that a log repeats.
pub(super) const LINE_BYTES: usize = 4 << 10;
/// The port of a forge.
const FORGE_PORT: u16 = 443;

/// What is to be started, and how it is read.
struct Start<'a> {
    commands: Vec<Command>,
    /// The files that it is shown; `None` is the whole tree.
    shown: Option<HashSet<&'a TreePath>>,
    /// As a person would type it.
    typed: String,
    version: Option<String>,
    reads: Reads,
}

/// Says in the log whom a program asked for: what was let through first, so that no noise hides it.
fn tell_asked(asked: &[Asked], log: &mut LiveLog) {
    let (through, refused): (Vec<&Asked>, Vec<&Asked>) = asked.iter().partition(|one| one.refused.is_none());
    for one in through.iter().chain(refused.iter().take(DROPPED_TOLD)) {
        let how = one.refused.as_deref().unwrap_or("let through");
        let times = if one.times > 1 { format!(", {} times", thousands(one.times)) } else { String::new() };
        log.line(&quiet(&format!("network: {}:{}: {how}{times}", one.host, one.port)));
    }
    if let Some(further @ 1..) = refused.len().checked_sub(DROPPED_TOLD) {
        log.line(&format!("network: {further} or more others were refused"));
    }
}

impl Judge<'_> {
    /// What is known of a tool on this host that bears on what it finds: its program, and the content of its settings in the tree.
    pub(super) fn found_of(&self, tool: &Tool, ready: &Ready) -> String {
        let mut found = format!("{} {}", ready.version.as_ref().map(ToString::to_string).unwrap_or_default(), ready.mark);
        for file in self.tree.files().iter().filter(|file| tool.settings.matches(&file.path) || tool.is_required(&file.path)) {
            found += &format!(" {}={}", file.path, file.blob);
        }
        found
    }

    /// Has a tool judge these files.
    pub(super) fn by_tool(
        &self,
        tool: &'static Tool,
        ready: &Ready,
        planned: &Planned,
        files: &[&TreeFile],
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, Untold>, Stop> {
        let wanted: HashSet<&TreePath> = files.iter().map(|file| &file.path).collect();
        let (woken, settings) = match tool.wake(self.tree.files(), |path| self.speaks_of(planned, path)) {
            Wake::Sleeps => {
                log.line(&format!("There is no file that {} looks at.", tool.title));
                return Ok(Ok(Told::nothing()));
            }
            Wake::Lacks(what) => return Ok(Err(Untold::errored(lacks(tool, &what)))),
            Wake::Wakes { files, settings } => (files, settings),
        };
        let woken: Vec<&TreePath> = match tool.on {
            On::Files => woken.into_iter().filter(|path| wanted.contains(path) && std::str::from_utf8(path.as_bytes()).is_ok()).collect(),
            On::Tree => woken,
        };
        if woken.is_empty() || files.is_empty() {
            return Ok(Ok(Told::nothing()));
        }
        let output = Path::new(OUTPUT);
        let commands = tool.commands(&ready.located.executable, &woken, &settings, output);
        let mut env = environment(&ready.located, tool);
        env.extend(planned.process.env.iter().map(|(name, value)| (name.clone(), Value::Plain(value.clone()))));
        let network = self.network(&planned.process.network, log);
        let command = |words: Vec<OsString>| Command {
            argv: words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            env: env.clone(),
            directory: String::new(),
            roots: ready.located.roots.clone(),
            network: network.clone(),
            outputs: if tool.from == From::File { vec![OUTPUT.to_owned()] } else { Vec::new() },
            secret_files: Vec::new(),
        };
        let start = Start {
            commands: commands.into_iter().map(command).collect(),
            shown: tool.shown(self.tree.files(), &woken),
            typed: tool.typed(),
            version: ready.version.as_ref().map(ToString::to_string),
            reads: Reads { program: Program::Tool(tool), format: tool.output, from: tool.from, columns: tool.columns, roots: &ROOTS },
        };
        let only = (tool.on == On::Files).then_some(&wanted);
        self.started(start, planned, woken.len(), only, most, log)
    }

    /// Has a command of the repository's own judge the tree.
    pub(super) fn by_command(
        &self,
        run: &str,
        output: Format,
        planned: &Planned,
        files: &[&TreeFile],
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, Untold>, Stop> {
        let env = planned.process.env.iter().map(|(name, value)| (name.clone(), Value::Plain(value.clone()))).collect();
        let command = Command {
            argv: ["/bin/sh", "-c", run].map(str::to_owned).to_vec(),
            env,
            network: self.network(&planned.process.network, log),
            ..Command::default()
        };
        let start = Start {
            commands: vec![command],
            shown: None,
            typed: run.to_owned(),
            version: None,
            reads: Reads { program: Program::Command, format: output, from: From::Stdout, columns: None, roots: &ROOTS },
        };
        self.started(start, planned, files.len(), None, most, log)
    }

    /// Whom a process may speak to.
    fn network(&self, wanted: &Wanted, log: &mut LiveLog) -> Network {
        match wanted {
            Wanted::None => Network::None,
            Wanted::Allow(hosts) => Network::Allow(hosts.iter().map(|host| (host.host.clone(), host.port)).collect()),
            Wanted::Forge => {
                match self.run.repository.remote.parse() {
                    Ok(Source::Http(address)) => Network::Allow(vec![host_of(&address)]),
                    Ok(Source::Path(_)) | Err(_) => {
                        log.line("`network: forge` in its manifest gives it no network: this repository is a folder here, and comes from no host.");
                        Network::None
                    }
                }
            }
        }
    }

    /// Waits until there is room for a program of this check; answers the right to run, and how much it may use. One that had to wait begins
    /// once it is let in.
    pub(super) fn let_in(&self, planned: &Planned) -> Result<(Pass<'_>, Limits), Stop> {
        let limits = limits(&self.run.app.config, &planned.process);
        let is_unwanted = || self.run.attempt.cancel.is_tripped();
        let pass = self.run.app.admission.enter(limits.memory, &is_unwanted).ok_or(Stop::Unwanted)?;
        if pass.has_waited() {
            let (of, name) = (self.run.set.clone(), planned.name.clone());
            self.run.write(move |tx, now| Ok(checks::start_check(tx, &of, &name, now)?))?;
        }
        Ok((pass, limits))
    }

    /// Lets a program in, gives it its secrets, and keeps them out of what comes of it.
    fn started(
        &self,
        mut start: Start<'_>,
        planned: &Planned,
        judged: usize,
        only: Option<&HashSet<&TreePath>>,
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, Untold>, Stop> {
        let sandbox = match self.run.app.sandboxes.get() {
            Ok(sandbox) => sandbox,
            Err(error) => return Ok(Err(Untold::errored(error))),
        };
        let (pass, limits) = self.let_in(planned)?;
        let given = match self.given(planned)? {
            Ok(given) => given,
            Err(error) => return Ok(Err(Untold::errored(error))),
        };
        let secret_files = given.in_sandbox();
        start.commands.iter_mut().for_each(|command| command.secret_files.clone_from(&secret_files));
        let mut told = self.carried_out(&sandbox, pass, limits, &start, planned, judged, only, most, log)?;
        given.hide(&mut told);
        Ok(told)
    }

    #[expect(clippy::too_many_arguments, reason = "each of them bears on it, and they have nothing else in common")]
    fn carried_out(
        &self,
        sandbox: &Sandbox,
        pass: Pass<'_>,
        mut limits: Limits,
        start: &Start<'_>,
        planned: &Planned,
        judged: usize,
        only: Option<&HashSet<&TreePath>>,
        most: usize,
        log: &mut LiveLog,
    ) -> Result<Result<Told, Untold>, Stop> {
        let mut ran = execution(&start.typed, start.version.clone(), sandbox.tier(), &sandbox.limits_in_force());
        let version = start.version.as_ref().map(|version| format!(" version {version}")).unwrap_or_default();
        log.line(&format!("{}{version} at {}, tier {}", start.typed, self.run.set.sha.short(), ran.tier));
        if let Some(shown) = &start.shown {
            let all = count(self.tree.files().len() as u64, "file");
            log.line(&format!("It is shown {} of {all}: those it is asked about, and those that may hold its settings.", shown.len()));
        }
        if start.reads.from == From::Stderr {
            limits.stderr_bytes = limits.stdout_bytes;
        }
        let (mut findings, mut said_why, mut has_stopped, mut was_cut) = (Vec::new(), false, false, false);
        for (at, command) in start.commands.iter().enumerate() {
            self.run.goes_on()?;
            let Some(left) = left(&limits, &ran) else {
                let (state, error) = timed_out(start.reads.program.name(), &limits);
                return Ok(Err(Untold { state, error, execution: Some(ran) }));
            };
            (self.run.progress)(Progress { check: &planned.name, done: judged * at / start.commands.len(), total: judged });
            let outcome = match self.once(sandbox, command, start.shown.as_ref(), &left, log) {
                Ok(outcome) => outcome,
                Err(error) if error.is_transient() && !self.run.attempt.is_last() => return Err(Stop::Failed(error.into())),
                Err(error) => return Ok(Err(Untold::errored(unstarted(&error)))),
            };
            ran.wall_ms += outcome.wall_ms;
            ran.cpu_ms += outcome.cpu_ms;
            ran.peak_memory = ran.peak_memory.max(outcome.peak_memory);
            ran.exit_code = match outcome.how {
                How::Exited(code) => Some(ran.exit_code.filter(|before| *before != 0).unwrap_or(code)),
                _ => None,
            };
            tell_asked(&outcome.asked, log);
            match self.believed(&start.reads, &outcome, &limits, &mut ran, log) {
                Ok(reading) => {
                    if let (Program::Tool(tool), How::Exited(code)) = (start.reads.program, outcome.how) {
                        has_stopped |= tool.has_stopped(code);
                    }
                    was_cut |= reading.is_cut;
                    said_why |= !reading.findings.is_empty();
                    findings.extend(reading.findings.into_iter().filter(|read| read.suppressed.is_none()).map(|read| read.finding));
                }
                Err(None) => return Err(Stop::Unwanted),
                Err(Some((state, error))) => return Ok(Err(Untold { state, error, execution: Some(ran) })),
            }
        }
        // What is left is to look through what they said.
        drop(pass);
        (self.run.progress)(Progress { check: &planned.name, done: judged, total: judged });
        if matches!(start.reads.program, Program::Command) && !said_why && ran.exit_code != Some(0) {
            return Ok(Err(Untold { state: CheckState::Failed, error: said_no(&ran), execution: Some(ran) }));
        }
        let taken = self.taken(findings, start.reads.program, planned, judged, only, most, ran)?;
        Ok(taken.map(|told| Told { has_stopped, is_cut: told.is_cut || was_cut, ..told }))
    }

    /// What of the findings is spoken of, and where it is.
    #[expect(clippy::too_many_arguments, reason = "each of them bears on it, and they have nothing else in common")]
    pub(super) fn taken(
        &self,
        mut findings: Vec<Finding>,
        program: Program,
        planned: &Planned,
        judged: usize,
        only: Option<&HashSet<&TreePath>>,
        most: usize,
        ran: Execution,
    ) -> Result<Result<Told, Untold>, Stop> {
        findings.retain(|finding| self.speaks_of(planned, &finding.path) && only.is_none_or(|only| only.contains(&finding.path)));
        for finding in &mut findings {
            if let Program::Tool(tool) = program {
                tool.adjust(finding);
            }
        }
        findings.sort_by(|a, b| (&a.path, a).cmp(&(&b.path, b)));
        let is_cut = findings.len() > most;
        findings.truncate(most);
        let found = self.locate(planned, false, findings)?;
        Ok(Ok(Told { found, judged, unjudged: 0, unread: Vec::new(), is_cut, has_stopped: false, execution: Some(ran) }))
    }

    /// Runs one command over what it is shown.
    fn once(
        &self,
        sandbox: &Sandbox,
        command: &Command,
        shown: Option<&HashSet<&TreePath>>,
        limits: &Limits,
        log: &mut LiveLog,
    ) -> sandbox::Result<Outcome> {
        self.over_tree(log, shown, Said::Stderr, |files, cancel, out| sandbox.run(command, limits, files, cancel, out))
    }

    /// Runs something over the tree, or these files of it, and tells the log what it says and what it was not shown.
    pub(super) fn over_tree(
        &self,
        log: &mut LiveLog,
        shown: Option<&HashSet<&TreePath>>,
        said: Said,
        run: impl FnOnce(&mut Files<'_>, &dyn Fn() -> bool, &mut Lines<'_>) -> sandbox::Result<Outcome>,
    ) -> sandbox::Result<Outcome> {
        let mut left_out = Vec::new();
        let shown = self.tree.files().iter().filter(|file| shown.is_none_or(|shown| shown.contains(&file.path)));
        let mut files = shown.filter_map(|file| {
            let kind = match file.kind {
                FileKind::Regular => Kind::Regular,
                FileKind::Executable => Kind::Executable,
                FileKind::Symlink => Kind::Symlink,
                FileKind::Submodule => return None,
            };
            match self.tree.read(file, FILE_BYTES) {
                Ok(bytes) => Some(Ok(File { path: file.path.clone(), kind, bytes })),
                Err(error) if error.is_transient() => Some(Err(error.into())),
                Err(error) => {
                    left_out.push(format!("`{}` is not shown to it: {error}", file.path));
                    None
                }
            }
        });
        let cancel = || self.run.attempt.cancel.is_tripped();
        let mut lines = Lines { log, said, rest: Vec::new() };
        let outcome = run(&mut files, &cancel, &mut lines);
        drop(files);
        lines.end();
        for line in left_out.iter().take(DROPPED_TOLD) {
            log.line(line);
        }
        let outcome = outcome?;
        for (path, why) in outcome.refused.iter().take(DROPPED_TOLD) {
            log.line(&format!("`{path}` is not shown to it: {why}"));
        }
        Ok(outcome)
    }
}

/// What a tool finds in its environment beside what every run has.
pub fn environment(place: &Place, tool: &Tool) -> BTreeMap<String, Value> {
    let mut env: BTreeMap<String, Value> = tool.env.iter().map(|(name, value)| (name.clone(), Value::Plain(value.clone()))).collect();
    if let Ok(path) = std::env::join_paths(&place.path)
        && let Ok(path) = path.into_string()
    {
        env.insert("PATH".to_owned(), Value::Plain(path));
    }
    env
}

/// Whom an address of a repository is asked of.
fn host_of(address: &str) -> (String, u16) {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name.to_owned(), port.parse().unwrap_or(FORGE_PORT)),
        _ => (host.to_owned(), FORGE_PORT),
    }
}

/// How much the processes of a check may use: what its manifest says, and no more than this instance gives. Processor time is what all
/// processors together give in the time that it may take.
pub fn limits(config: &Config, process: &Process) -> Limits {
    let default = Limits::default();
    let wall = process.timeout.unwrap_or(default.wall).min(config.max_timeout);
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let cpu = wall.saturating_mul(u32::try_from(processors).unwrap_or(u32::MAX).max(2));
    Limits { wall, cpu, memory: process.memory.unwrap_or(default.memory).min(config.memory), ..default }
}

/// What is left of some bounds after a part of a run.
fn left(limits: &Limits, ran: &Execution) -> Option<Limits> {
    let wall = limits.wall.checked_sub(Duration::from_millis(ran.wall_ms)).filter(|wall| !wall.is_zero())?;
    let cpu = limits.cpu.saturating_sub(Duration::from_millis(ran.cpu_ms)).max(Duration::from_secs(1));
    Some(Limits { wall, cpu, ..limits.clone() })
}

/// How a process will have run of which nothing is known yet.
pub(super) fn execution(typed: &str, version: Option<String>, tier: Tier, limits: &[(Limit, Keeper)]) -> Execution {
    let weaker = limits.iter().filter(|(limit, keeper)| keeper.is_weaker_for(*limit)).map(|(limit, _)| limit.words().to_owned());
    Execution {
        command: clip(typed, 1_000).into_owned(),
        version,
        tier: tier.to_string(),
        weaker: weaker.collect(),
        exit_code: None,
        wall_ms: 0,
        cpu_ms: 0,
        peak_memory: None,
        read: 0,
        dropped: Vec::new(),
        dropped_count: 0,
        kept_from: None,
    }
}

/// What a check says whose tool finds no settings.
pub fn lacks(tool: &Tool, what: &[&str]) -> CheckError {
    CheckError {
        code: ErrorCode::ManifestInvalid,
        message: format!(
            "{} has nothing to say without its settings; add one of {}, or take `{}` out of the manifest.",
            tool.title,
            what.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            tool.name
        ),
    }
}

/// What a check says whose process cannot be started.
pub fn unstarted(error: &sandbox::Error) -> CheckError {
    let code = match error {
        sandbox::Error::NoBubblewrap { .. }
        | sandbox::Error::Start { .. }
        | sandbox::Error::Lost { .. }
        | sandbox::Error::Daemon { .. }
        | sandbox::Error::Host { .. } => ErrorCode::SandboxUnavailable,
        sandbox::Error::Image { .. } => ErrorCode::ImageUnavailable,
        sandbox::Error::BadCommand { .. } => ErrorCode::ManifestInvalid,
        sandbox::Error::BadRoot { .. } | sandbox::Error::Program { .. } => ErrorCode::PluginMissing,
        sandbox::Error::Tree(_) => ErrorCode::FetchFailed,
    };
    CheckError { code, message: format!("{}.", capital(&error.to_string())) }
}

/// The files of a tree, as a sandbox takes them.
pub(super) type Files<'a> = dyn Iterator<Item = Result<File, sandbox::Unread>> + 'a;

/// Where a program speaks to people.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// On stderr: what it writes to stdout is its findings.
    Stderr,
    /// On both: its findings are elsewhere.
    Both,
}

/// Writes what a program says to people into the log, line by line.
pub(super) struct Lines<'a> {
    log: &'a mut LiveLog,
    said: Said,
    rest: Vec<u8>,
}

impl Lines<'_> {
    fn end(mut self) {
        if !self.rest.is_empty() {
            let rest = std::mem::take(&mut self.rest);
            self.log.line(&String::from_utf8_lossy(&rest));
        }
    }
}

impl sandbox::Output for Lines<'_> {
    fn stdout(&mut self, bytes: &[u8]) {
        if self.said == Said::Both {
            self.stderr(bytes);
        }
    }

    fn stderr(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' || self.rest.len() >= LINE_BYTES {
                let line = std::mem::take(&mut self.rest);
                self.log.line(&String::from_utf8_lossy(&line));
            }
            if *byte != b'\n' {
                self.rest.push(*byte);
            }
        }
    }
}

impl std::convert::From<sandbox::Error> for crate::app::runner::Failure {
    fn from(error: sandbox::Error) -> crate::app::runner::Failure {
        let verdict = if error.is_transient() { crate::engine::queue::Verdict::Retry } else { crate::engine::queue::Verdict::GiveUp };
        crate::app::runner::Failure { message: error.to_string(), verdict }
    }
}
