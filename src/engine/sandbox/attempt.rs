//! One run, watched from outside: what is sent, what is heard, and the end of it.
//!
//! One thread does it all but for the [joining](Joining) of a cgroup, by waiting for whatever comes first: a word of the launcher, bytes of
//! an output, the next look at the clock and at the counts. Nothing in here waits for the sandbox without a bound. The cause that comes
//! first is how the run ended; what happens to a tree of processes that is being killed is no news.

use std::collections::VecDeque;
use std::io::{IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::cgroup::Group;
use super::joining::Joining;
use super::memory::Memory;
use super::output::{Outputs, To};
use super::proxy::Proxy;
use super::scratch::{self, Scratch};
use super::wire::{self, Bounds, Ended, Failure, Lack, Landlock, Order, Orders, Place, Report};
use super::{
    Command, Error, File, How, Kept, Limit, Limits, Network, Outcome, Output, Result, Sandbox, Tier, Unread, Value, known, mounts, native,
    process, trusted,
};
use crate::base::mask::Mask;
use crate::base::name::TreePath;

/// How long the tree may take on its way.
const SENDING: Duration = Duration::from_secs(600);
/// How long the launcher may take to send the files that were asked for.
const GATHERING: Duration = Duration::from_secs(60);
/// How long what ends by itself may take for it before it is killed.
const DYING: Duration = Duration::from_secs(2);
/// How long the first process is kept, where no namespace ends the others, for what does not go.
const ORPHANED: Duration = Duration::from_secs(10);
/// How long the kernel may take to give back what all of it held: a file system of many files goes one by one.
const TAKING_DOWN: Duration = Duration::from_secs(60);
/// How often the clock, the counts, and whether it is still wanted are looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How often all processes are looked at where no cgroup counts them.
const WATCH: Duration = Duration::from_millis(100);
/// How many bytes of small files are sent at once.
const SENT: usize = 256 << 10;
/// How many bytes of an output are read at once.
const READ: usize = 64 << 10;
/// What the launcher itself needs beside a tool, in processes and threads.
pub(super) const OWN_TASKS: u32 = 8;
/// How much of what bubblewrap says is told on.
const SAID: usize = 500;

/// Runs a command.
pub(super) fn run(
    sandbox: &Sandbox,
    number: u32,
    command: &Command,
    limits: &Limits,
    files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>,
    cancel: &dyn Fn() -> bool,
    out: &mut dyn Output,
) -> Result<Outcome> {
    if scratch::is_ending() {
        return Err(Error::Lost { why: "this process is about to end".into() });
    }
    let values = known(command.env.values(), command.secret_files.iter().map(|(_, secret)| secret))?;
    let settings = &sandbox.settings;
    let is_native = settings.tier == Tier::Native;
    let user = if is_native { native::user(settings, number) } else { None };
    let beyond = |path: &String| !is_native && path.starts_with('/');
    if let Some((path, _)) = command.secret_files.iter().find(|(path, _)| beyond(path)) {
        let why = format!("nothing keeps it apart from the host, where a secret cannot be put at `{path}`; beneath `~/` it can");
        return Err(Error::BadCommand { why });
    }
    let roots = mounts::judged(&command.roots, user, &settings.hidden)?;
    let directory = if is_native { None } else { Some(trusted::directory(settings)?) };
    let (ours, theirs) = UnixStream::pair().map_err(Error::host("make a socket"))?;
    // With each message comes the number of the process that sent it, as we see it; the kernel sees to that.
    rustix::net::sockopt::set_socket_passcred(&ours, true).map_err(|error| Error::host("ask for credentials")(error.into()))?;
    ours.set_nonblocking(true).map_err(Error::host("prepare a socket"))?;
    let group = sandbox.cgroups.group(&Limits { processes: limits.processes.saturating_add(OWN_TASKS), ..limits.clone() });
    let mut child = match &directory {
        None => native::start(settings, &sandbox.launcher, user, &roots, limits, theirs.into())?,
        Some(_) => trusted::start(&sandbox.launcher, theirs.into())?,
    };
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    // Programs open `/dev/stdout` too, as another user than the one who made the pipe.
    for pipe in [stdout.as_ref().map(AsFd::as_fd), stderr.as_ref().map(AsFd::as_fd)].into_iter().flatten() {
        rustix::fs::fchmod(pipe, rustix::fs::Mode::from(0o666)).map_err(|error| Error::host("open a pipe")(error.into()))?;
    }
    let proxy = match &command.network {
        Network::Allow(hosts) if is_native => Some(Proxy::new(hosts, &settings.allow_hosts)),
        _ => None,
    };
    let orders = orders(command, limits, &roots, directory.as_ref(), &group, proxy.is_some());
    let outcome = std::thread::scope(|scope| {
        let mut attempt = Attempt {
            tier: settings.tier,
            limits,
            cancel,
            group: &group,
            joining: Some(Joining::begin(scope, &group, &child)),
            child,
            first: None,
            socket: Some(ours),
            stdout,
            stderr,
            proxy,
            arrived: Vec::new(),
            handed: VecDeque::new(),
            deadline: Instant::now() + settings.coming_up,
            coming_up: settings.coming_up,
            next_watch: Instant::now(),
            heard: Heard { files: command.outputs.iter().map(|path| Gathered::new(path)).collect(), ..Heard::default() },
            outputs: Outputs::new(limits, values, out),
            stop: None,
            late: None,
            memory: Memory::default(),
            peak_watched: None,
        };
        let result = attempt.go(&orders, files);
        attempt.finish(result, command)
    });
    // Before what is left in it could write to a directory that is being removed.
    drop(group);
    drop(directory);
    outcome
}

fn orders(command: &Command, limits: &Limits, roots: &[PathBuf], directory: Option<&Scratch>, group: &Group, is_connected: bool) -> Orders {
    let plain = |value: &Value| match value {
        Value::Plain(value) => value.as_bytes().to_vec(),
        Value::Secret(value) => value.expose().as_bytes().to_vec(),
    };
    let secret_files = command.secret_files.iter().map(|(path, secret)| (path.clone(), secret.expose().as_bytes().to_vec()));
    Orders {
        argv: command.argv.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
        env: command.env.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        directory: command.directory.clone(),
        secret_files: secret_files.collect(),
        outputs: command.outputs.clone(),
        output_file_bytes: limits.output_file_bytes,
        roots: roots.iter().map(|root| root.as_os_str().as_bytes().to_vec()).collect(),
        is_connected,
        place: directory.map_or(Place::Sandbox, |directory| Place::Host(directory.path().as_os_str().as_bytes().to_vec())),
        bounds: Bounds {
            cpu_seconds: limits.cpu_seconds(),
            file_size: limits.file_size,
            processes: directory.is_none().then(|| most_tasks(limits, group.counts().processes)),
            data: (!group.counts().held).then_some(limits.memory),
            names: limits.names,
            may_share: group.counts().held,
        },
    }
}

/// How many tasks a user may have within the namespace. (On the host our own would be among them.) Twice as many where a cgroup counts
/// too, since that one tells us when its bound is reached, and should be the first.
fn most_tasks(limits: &Limits, is_counted: bool) -> u64 {
    u64::from(limits.processes.saturating_add(OWN_TASKS)) << u8::from(is_counted)
}

/// What the launcher has said.
#[derive(Default)]
struct Heard {
    failure: Option<Failure>,
    started: Option<Started>,
    ended: Option<(Instant, Ended, u64)>,
    files: Vec<Gathered>,
    is_done: bool,
}

/// A program that runs.
struct Started {
    at: Instant,
    landlock: Landlock,
    refused: Vec<(Vec<u8>, String)>,
}

/// A file that is being read back.
struct Gathered {
    path: String,
    bytes: Vec<u8>,
    result: Option<std::result::Result<(), String>>,
}

impl Gathered {
    fn new(path: &str) -> Gathered {
        Gathered { path: path.to_owned(), bytes: Vec::new(), result: None }
    }

    fn finish(self, mask: &Mask) -> (String, std::result::Result<Vec<u8>, String>) {
        let result = self.result.unwrap_or_else(|| Err("the run ended before it was read".into())).map(|()| mask.bytes(self.bytes));
        (self.path, result)
    }
}

struct Attempt<'a> {
    tier: Tier,
    limits: &'a Limits,
    cancel: &'a dyn Fn() -> bool,
    group: &'a Group,
    /// Until the sandbox is in its cgroup.
    joining: Option<Joining<'a>>,
    /// Bubblewrap, or the launcher.
    child: Child,
    /// The launcher: its number, and a descriptor that stands for it alone.
    first: Option<(Pid, OwnedFd)>,
    /// `None` once the other side is gone.
    socket: Option<UnixStream>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    proxy: Option<Proxy>,
    arrived: Vec<u8>,
    handed: VecDeque<OwnedFd>,
    /// When what is waited for is late: the sandbox, the tree, the program, what it wrote.
    deadline: Instant,
    coming_up: Duration,
    next_watch: Instant,
    heard: Heard,
    outputs: Outputs<'a>,
    /// Why we end it: the first cause.
    stop: Option<How>,
    /// What of ours did not come in time: no fault of the program's.
    late: Option<&'static str>,
    memory: Memory,
    peak_watched: Option<u64>,
}

impl Attempt<'_> {
    /// Sends what is to be run, and watches until it has ended or has to.
    fn go(&mut self, orders: &Orders, files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>) -> Result<()> {
        while self.first.is_none() && self.goes_on() {
            self.turn(false)?;
        }
        self.deadline = Instant::now() + SENDING;
        if self.goes_on() {
            self.send_all(orders, files)?;
        }
        if self.heard.started.is_none() {
            self.deadline = Instant::now() + self.coming_up;
        }
        while self.goes_on() && !self.heard.is_done {
            self.turn(false)?;
        }
        Ok(())
    }

    fn goes_on(&self) -> bool {
        self.stop.is_none() && self.late.is_none() && self.socket.is_some() && self.heard.failure.is_none()
    }

    fn send_all(&mut self, orders: &Orders, files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>) -> Result<()> {
        let frame = |order: &Order| wire::frame(order).map_err(|error| Error::BadCommand { why: error.to_string() });
        let begin = wire::frame(&BeginRef::Begin(orders)).map_err(|error| Error::BadCommand { why: error.to_string() })?;
        let mut waiting = begin;
        for file in files {
            let File { path, kind, bytes } = file.map_err(Error::Tree)?;
            let head = frame(&Order::File { path: path.as_bytes().to_vec(), kind, len: bytes.len() as u64 })?;
            waiting.extend_from_slice(&head);
            if waiting.len() + bytes.len() <= SENT {
                waiting.extend_from_slice(&bytes);
                continue;
            }
            // What is written before it arrives is charged to us: let that be little.
            self.arrive()?;
            self.send(&std::mem::take(&mut waiting))?;
            self.send(&bytes)?;
            if !self.goes_on() {
                return Ok(());
            }
        }
        self.send(&waiting)?;
        self.arrive()?;
        self.send(&frame(&Order::Go)?)
    }

    /// Waits until the sandbox is in its cgroup. If it does not come so far it may be gone already, and have said why: that is heard first.
    fn arrive(&mut self) -> Result<()> {
        let Some(Err(error)) = self.joining.take().map(Joining::arrive) else { return Ok(()) };
        let until = Instant::now() + DYING;
        while self.goes_on() && Instant::now() < until {
            self.turn(false)?;
        }
        if self.goes_on() { Err(error) } else { Ok(()) }
    }

    /// Sends bytes, as long as it goes on.
    fn send(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() && self.goes_on() {
            let Some(socket) = &mut self.socket else { break };
            match socket.write(bytes) {
                Ok(sent) => bytes = &bytes[sent..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => self.turn(true)?,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // The launcher is gone. What it said before is still to be heard.
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Waits for what comes first, and deals with it.
    fn turn(&mut self, may_send: bool) -> Result<()> {
        let mut polled = Vec::with_capacity(3);
        let wanted = if may_send { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let socket = self.socket.as_ref().map(|socket| (socket.as_fd(), wanted));
        let pipes = [self.stdout.as_ref().map(AsFd::as_fd), self.stderr.as_ref().map(AsFd::as_fd)];
        let all = [socket, pipes[0].map(|pipe| (pipe, PollFlags::IN)), pipes[1].map(|pipe| (pipe, PollFlags::IN))];
        polled.extend(all.iter().flatten().map(|(fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)));
        let look = Timespec::try_from(LOOK).unwrap_or_default();
        match rustix::event::poll(&mut polled, Some(&look)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::host("wait for the sandbox")(error.into())),
        }
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        let mut results = polled.iter().map(|one| one.revents().intersects(readable));
        let [from_socket, from_stdout, from_stderr] = all.map(|one| one.is_some() && results.next().unwrap_or(false));
        drop(polled);
        if from_stdout {
            self.hear(To::Stdout);
        }
        if from_stderr {
            self.hear(To::Stderr);
        }
        if from_socket {
            self.receive()?;
        }
        self.look();
        Ok(())
    }

    /// Reads some of an output.
    fn hear(&mut self, from: To) {
        let mut buffer = vec![0; READ];
        let read = match (from, &mut self.stdout, &mut self.stderr) {
            (To::Stdout, Some(pipe), _) => pipe.read(&mut buffer),
            (To::Stderr, _, Some(pipe)) => pipe.read(&mut buffer),
            _ => return,
        };
        match (read, from) {
            (Err(error), _) if error.kind() == std::io::ErrorKind::Interrupted => {}
            (Ok(0) | Err(_), To::Stdout) => self.stdout = None,
            (Ok(0) | Err(_), To::Stderr) => self.stderr = None,
            (Ok(read), _) => self.outputs.push(from, &buffer[..read]),
        }
        if self.outputs.are_over() {
            self.stop.get_or_insert(How::Limit(Limit::Output));
        }
    }

    /// Reads what the launcher says, with the descriptors and the number that come along.
    fn receive(&mut self) -> Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        let mut buffer = vec![0; READ];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4), ScmCredentials(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        let read = match rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut buffer)], &mut control, flags) {
            Ok(message) => message.bytes,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => return Ok(()),
            Err(_) => 0,
        };
        let mut sender = None;
        for message in control.drain() {
            match message {
                RecvAncillaryMessage::ScmRights(fds) => self.handed.extend(fds),
                RecvAncillaryMessage::ScmCredentials(credentials) => sender = Some(credentials.pid),
                _ => {}
            }
        }
        if read == 0 {
            self.socket = None;
            return Ok(());
        }
        self.arrived.extend_from_slice(&buffer[..read]);
        while let Some(report) = wire::take(&mut self.arrived).map_err(|why| Error::Lost { why: why.to_owned() })? {
            self.report(report, sender)?;
        }
        Ok(())
    }

    fn report(&mut self, report: Report, sender: Option<Pid>) -> Result<()> {
        match report {
            Report::Ready if self.first.is_none() => {
                let pid = sender.ok_or_else(|| Error::Lost { why: "the launcher has no number here".into() })?;
                let handle = rustix::process::pidfd_open(pid, PidfdFlags::empty());
                let handle = handle.map_err(|error| Error::host("take hold of the launcher")(error.into()))?;
                if let Some(joining) = &mut self.joining {
                    joining.name(pid);
                }
                self.first = Some((pid, handle));
            }
            Report::Failed(failure) => self.heard.failure = Some(failure),
            Report::Started { landlock, refused } => {
                let at = Instant::now();
                self.heard.started = Some(Started { at, landlock, refused });
                self.deadline = at + self.limits.wall;
            }
            Report::Full(lack) => drop(self.stop.get_or_insert(How::Limit(limit_of(lack)))),
            Report::Room => self.memory.files.extend(self.handed.pop_front()),
            Report::Connection => {
                if let (Some(fd), Some(proxy)) = (self.handed.pop_front(), &mut self.proxy) {
                    proxy.serve(TcpStream::from(fd));
                }
            }
            Report::Ended { how, cpu_ms } => {
                self.heard.ended = Some((Instant::now(), how, cpu_ms));
                self.deadline = Instant::now() + GATHERING;
            }
            Report::Piece { file, bytes } => {
                if let Some(gathered) = self.heard.files.get_mut(file as usize)
                    && (gathered.bytes.len() + bytes.len()) as u64 <= self.limits.output_file_bytes
                {
                    gathered.bytes.extend_from_slice(&bytes);
                }
            }
            Report::Read { file, result } => {
                if let Some(gathered) = self.heard.files.get_mut(file as usize) {
                    gathered.result = Some(result);
                }
            }
            Report::Done => self.heard.is_done = true,
            Report::Ready => return Err(Error::Lost { why: "the launcher came up twice".into() }),
        }
        Ok(())
    }

    /// Looks at the clock, at what was counted, and whether the run is still wanted.
    fn look(&mut self) {
        if self.stop.is_some() || self.late.is_some() || self.heard.is_done {
            return;
        }
        let now = Instant::now();
        let how = if (self.cancel)() {
            Some(How::Canceled)
        } else if now >= self.deadline {
            self.late = self.what_is_late();
            self.late.is_none().then_some(How::TimedOut)
        } else if self.heard.started.is_some() && self.heard.ended.is_none() && now >= self.next_watch {
            self.next_watch = now + if self.group.counts().all() { LOOK } else { WATCH };
            self.over_a_bound().map(How::Limit)
        } else {
            None
        };
        self.stop = how;
    }

    /// What is waited for, unless it is the program itself, whose time is its own.
    fn what_is_late(&self) -> Option<&'static str> {
        match (&self.first, &self.heard.started, &self.heard.ended) {
            (None, ..) => Some("it did not come up in time"),
            (_, None, _) => Some("its tree did not arrive and its program did not start in time"),
            (_, Some(_), None) => None,
            (_, Some(_), Some(_)) => Some("what its program wrote could not be read back in time"),
        }
    }

    /// The bound that all processes together have reached.
    fn over_a_bound(&mut self) -> Option<Limit> {
        let counted = self.group.counted();
        if counted.is_out_of_memory {
            return Some(Limit::Memory);
        }
        if counted.is_out_of_processes {
            return Some(Limit::Processes);
        }
        if counted.cpu.is_some_and(|cpu| cpu > self.limits.cpu) {
            return Some(Limit::Cpu);
        }
        let counts = self.group.counts();
        if counts.held && self.memory.is_over(self.group, &counted, self.limits.memory) {
            return Some(Limit::Memory);
        }
        let (pid, _) = self.first.as_ref().filter(|_| !counts.all())?;
        let usage = process::usage(*pid);
        self.peak_watched = self.peak_watched.max(Some(usage.memory));
        if !counts.held && usage.memory > self.limits.memory {
            return Some(Limit::Memory);
        }
        if !counts.processes && usage.tasks >= u64::from(self.limits.processes) {
            return Some(Limit::Processes);
        }
        (!counts.cpu && Duration::from_millis(usage.cpu_ms) > self.limits.cpu).then_some(Limit::Cpu)
    }

    /// Ends everything that may still be there, hears the last of what it wrote, and answers whether all of it is gone.
    fn end(&mut self) -> bool {
        let began = Instant::now();
        let is_orderly = self.heard.is_done && self.stop.is_none();
        loop {
            if !is_orderly || began.elapsed() >= DYING {
                self.kill(began.elapsed() < ORPHANED);
            }
            let is_gone = self.child.try_wait().is_ok_and(|status| status.is_some());
            if is_gone && self.stdout.is_none() && self.stderr.is_none() {
                return true;
            }
            if began.elapsed() >= TAKING_DOWN {
                return false;
            }
            self.drain();
        }
    }

    /// Ends all of it. Where no namespace does that, the first process goes last: it takes in the orphans of the others, among which they
    /// are found; `in_order` is whether it is waited for that none is left.
    fn kill(&mut self, in_order: bool) {
        if self.first.is_none()
            && let Ok(None) = self.child.try_wait()
            && let Some(pid) = process::pid_of(&self.child)
        {
            process::end_coming_up(pid);
        }
        self.group.kill();
        if let Some((pid, handle)) = &self.first {
            if self.tier == Tier::Trusted && !process::end_beneath(*pid) && in_order {
                return;
            }
            // With the first process of a namespace the kernel ends all others.
            let _ = rustix::process::pidfd_send_signal(handle, Signal::KILL);
        }
        let _ = self.child.kill();
    }

    /// Reads what is left in the pipes, for a moment.
    fn drain(&mut self) {
        let before = self.socket.take();
        if self.stdout.is_none() && self.stderr.is_none() {
            process::pause(Duration::from_millis(1));
        } else {
            let _ = self.turn(false);
        }
        // What the launcher says now is no news, but that it cannot is how others learn that we are gone: it stays open to the end.
        self.socket = before;
    }

    fn finish(mut self, result: Result<()>, command: &Command) -> Result<Outcome> {
        // What happened before its end alone decides how it ended.
        let (decided, late) = (self.stop, self.late);
        self.memory.files.clear();
        let is_gone = self.end();
        let (stdout, stderr, mask) = self.outputs.finish();
        let counted = self.group.counted();
        if !is_gone {
            process::wait_beside(self.child);
        }
        result?;
        if !is_gone {
            return Err(Error::Lost { why: "not all of its processes could be ended within a minute".to_owned() });
        }
        if let Some(why) = late {
            return Err(Error::Lost { why: why.to_owned() });
        }
        let now = Instant::now();
        let how = match (decided, self.heard.failure.take(), self.heard.ended) {
            (Some(how), _, _) => how,
            (None, Some(Failure::NoRoom), _) => How::Limit(Limit::Disk),
            (None, Some(Failure::Program(why)), _) => {
                return Err(Error::Program { program: command.argv.first().cloned().unwrap_or_default(), why });
            }
            (None, Some(Failure::Sandbox(why)), _) => return Err(Error::Start { why }),
            (None, None, _) if counted.is_out_of_memory => How::Limit(Limit::Memory),
            (None, None, _) if counted.is_out_of_processes => How::Limit(Limit::Processes),
            (None, None, Some((_, ended, _))) if self.heard.is_done => how_of(ended),
            (None, None, _) => return Err(lost(&stderr, self.heard.started.is_some())),
        };
        let Started { at: began, landlock, refused } =
            self.heard.started.unwrap_or(Started { at: now, landlock: Landlock::Missing, refused: Vec::new() });
        let (ended, cpu_ms) = self.heard.ended.map_or((now, 0), |(at, _, cpu_ms)| (at, cpu_ms));
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let mut asked = self.proxy.map(Proxy::finish).unwrap_or_default();
        for one in &mut asked {
            one.host = mask.text(&one.host);
        }
        Ok(Outcome {
            how,
            stdout,
            stderr,
            files: self.heard.files.into_iter().map(|file| file.finish(&mask)).collect(),
            refused: refused.into_iter().map(|(path, why)| (TreePath::new(path), why)).collect(),
            asked,
            wall_ms: millis(ended.saturating_duration_since(began)),
            cpu_ms: counted.cpu.map_or(cpu_ms, millis),
            peak_memory: counted.peak_memory.or(self.peak_watched),
            tier: self.tier,
            landlock,
            mask,
            limits_in_force: self.group.counts().keepers(self.tier == Tier::Native),
        })
    }
}

/// The bound that is reached by whoever lacks this.
fn limit_of(lack: Lack) -> Limit {
    match lack {
        Lack::Bytes => Limit::Disk,
        Lack::Names => Limit::Names,
        Lack::Size => Limit::FileSize,
    }
}

/// How a program ended that ended by itself, or by a limit of its own process.
fn how_of(ended: Ended) -> How {
    match ended {
        Ended::Signaled(signal) if signal == Signal::XCPU.as_raw() => How::Limit(Limit::Cpu),
        Ended::Signaled(signal) if signal == Signal::XFSZ.as_raw() => How::Limit(Limit::FileSize),
        Ended::Signaled(signal) => How::Signaled(signal),
        Ended::Exited(code) => How::Exited(code),
    }
}

/// Why the first process is gone without a word.
fn lost(stderr: &Kept, has_started: bool) -> Error {
    let said = stderr.text();
    let said = crate::base::text::quiet(&crate::base::text::clip(said.trim(), SAID));
    if !has_started {
        let why = if said.is_empty() { "it ended without a word".to_owned() } else { said };
        return Error::Start { why };
    }
    Error::Lost { why: "its first process was killed".to_owned() }
}

/// [`Order::Begin`], borrowed: what is sent holds secrets, which need no further copy.
#[derive(serde::Serialize)]
enum BeginRef<'a> {
    Begin(&'a Orders),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borrowed_orders_are_sent_like_owned_ones() {
        let limits = Limits::default();
        let command = Command { argv: vec!["true".into()], ..Command::default() };
        let group = super::super::Cgroups::none("a test").group(&limits);
        let orders = orders(&command, &limits, &[], None, &group, false);
        let borrowed = wire::frame(&BeginRef::Begin(&orders)).unwrap();
        let owned = wire::frame(&Order::Begin(Box::new(orders))).unwrap();
        assert_eq!(borrowed, owned);
    }

    #[test]
    fn without_a_count_of_memory_each_process_is_bounded_and_none_is_shared() {
        let limits = Limits::default();
        let command = Command { argv: vec!["true".into()], ..Command::default() };
        let group = super::super::Cgroups::none("a test").group(&limits);
        let bounds = orders(&command, &limits, &[], None, &group, false).bounds;
        assert_eq!((bounds.data, bounds.may_share), (Some(limits.memory), false));
    }
}
