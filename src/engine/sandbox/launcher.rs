//! The first process of a sandbox: our own binary, which makes the last preparations from inside, starts the tool, and cleans up after it.
//!
//! It reads its orders from the socket that is its stdin, writes the tree, bounds itself, and starts the tool from a thread that has
//! given up all it can give up. Then it waits, as the first process of a namespace does: every orphan becomes its child. A second thread
//! looks whether there is room left for files, and whether we are still there; a third hands on connections to the proxy. When the tool
//! has ended all others are killed, the files that were asked for are read, and the launcher ends.
//!
//! A tool cannot reach it: as the first process of a namespace it takes no signal from inside, it is not dumpable, so that neither its
//! memory nor its descriptors can be opened, and its descriptors close when it starts anything.

use std::ffi::OsStr;
use std::io::{BufReader, IoSlice, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags, StatVfs};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::{Pid, Resource, WaitOptions};

use super::wire::{self, Bounds, Ended, Failure, Lack, Landlock, Order, Orders, Place, Report};
use super::{REFUSED, mounts, process};

mod calls;
mod confine;
mod tree;

use tree::{Tree, Unwritten};

/// The hidden subcommand that bubblewrap starts.
pub const VERB: &str = "sandbox-launcher";
/// How much of the socket is read at once.
const BUFFERED: usize = 256 << 10;
/// How often it is looked whether there is room, and whether we are still there.
const LOOK: Duration = Duration::from_millis(25);
/// How often the processes that are left are killed before the rest is left to the end of the namespace.
const ROUNDS: u32 = 200;
/// What every tool finds in its environment, if the command does not say otherwise.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// What holds the directory of secrets.
const RUN: &str = "/run";
/// Where memory is shared by name: a file system of its own.
const SHARED: &str = "/dev/shm";
/// How far these processes stand back behind the server when there is not enough processor time for all.
const NICE: i32 = 10;
/// How often in a row taking a connection may fail, and how long is waited before it is tried again.
const ACCEPTS: u32 = 100;
const ACCEPT_AGAIN: Duration = Duration::from_millis(20);
/// How much likelier than others the kernel ends these processes when the host has no memory left.
const FIRST_TO_GO: &str = "500";

/// Does what it is told, as the first process of a sandbox. Its stdin is a socket to us, or it ends at once.
pub fn launch() -> ExitCode {
    let Ok(socket) = std::io::stdin().as_fd().try_clone_to_owned() else { return ExitCode::FAILURE };
    let Ok(socket) = rustix::net::sockopt::socket_type(&socket).map(|_| UnixStream::from(socket)) else {
        let _ = writeln!(std::io::stderr(), "plumbline: `{VERB}` is started by plumbline itself, not by hand");
        return ExitCode::from(2);
    };
    // What was open in whoever started us is open here; from here it goes no further.
    close_fds::set_fds_cloexec(3, &[]);
    let Ok(reading) = socket.try_clone() else { return ExitCode::FAILURE };
    let to = Arc::new(Teller(Mutex::new(socket)));
    match run(BufReader::with_capacity(BUFFERED, reading), &to) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            to.tell(&Report::Failed(failure));
            ExitCode::FAILURE
        }
    }
}

/// The socket, written to by several threads.
struct Teller(Mutex<UnixStream>);

impl Teller {
    /// Sends a report. Should nobody be there, it does not matter any more what is said.
    fn tell(&self, report: &Report) {
        if let Ok(frame) = wire::frame(report) {
            let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&frame);
        }
    }

    /// Sends a report and an open file along with it.
    fn hand_over(&self, report: &Report, fd: BorrowedFd<'_>) {
        let Ok(frame) = wire::frame(report) else { return };
        let fds = [fd];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if control.push(SendAncillaryMessage::ScmRights(&fds)) {
            let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let sent = rustix::net::sendmsg(socket.as_fd(), &[IoSlice::new(&frame)], &mut control, SendFlags::NOSIGNAL);
            // The descriptor went with the first byte.
            if let Ok(sent) = sent {
                let _ = socket.write_all(frame.get(sent..).unwrap_or_default());
            }
        }
    }
}

fn sandbox(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::Sandbox(format!("cannot {what}: {error}"))
}

/// Where things are.
struct Places {
    work: PathBuf,
    home: PathBuf,
    tmp: PathBuf,
}

fn run(mut from: impl Read, to: &Arc<Teller>) -> Result<(), Failure> {
    let _ = std::fs::write("/proc/self/oom_score_adj", FIRST_TO_GO);
    // Leaves the processors to others first, as all does that it starts. Where a cgroup shares them out this adds little.
    let _ = rustix::process::nice(NICE);
    to.tell(&Report::Ready);
    let Ok(Order::Begin(orders)) = wire::read(&mut from, wire::ORDER_BYTES) else {
        return Err(sandbox("read the orders", "they are none"));
    };
    let is_sandbox = orders.place == Place::Sandbox;
    if is_sandbox {
        // Where the kernel makes a group of each session, as it is on desktops, it is the group's niceness that counts. Outside of a
        // sandbox the session is that of whoever started us.
        let _ = std::fs::write("/proc/self/autogroup", NICE.to_string());
    }
    let places = prepare(&orders.place)?;
    let mut work = Tree::at(&places.work).map_err(|error| sandbox("open the directory of the tree", error))?;
    let refused = receive(&mut from, &mut work)?;
    let mut home = Tree::at(&places.home).map_err(|error| sandbox("open the home directory", error))?;
    let run = is_sandbox.then(|| Tree::at(Path::new(RUN))).transpose();
    let mut run = run.map_err(|error| sandbox("open the directory of what runs", error))?;
    for (path, secret) in &orders.secret_files {
        let written = match (path.strip_prefix(RUN), &mut run) {
            (Some(within), Some(run)) => run.write_secret(within.trim_start_matches('/'), secret),
            _ => home.write_secret(path, secret),
        };
        written.map_err(|error| match error {
            Unwritten::NoRoom => Failure::NoRoom,
            Unwritten::Refused(why) => sandbox("write a secret", why),
            Unwritten::Source(why) => sandbox("write a secret", why),
        })?;
    }
    let proxy = if orders.is_connected && is_sandbox { Some(listen(to)?) } else { None };
    let room = Arc::new(Room::of(&work, &orders.bounds).map_err(|error| sandbox("watch itself", error))?);
    watch(to, &room, is_sandbox)?;
    if is_sandbox {
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
            .map_err(|error| sandbox("close its own memory", error))?;
    } else {
        // Orphans of the tool come to us, as they do to the first process of a namespace.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(|error| sandbox("take in orphans", error))?;
    }
    confine::limit(&orders.bounds).map_err(|error| sandbox("set limits", error))?;
    if is_sandbox && orders.bounds.may_share {
        // What is in them is told apart from memory there.
        room.file_systems().for_each(|files| to.hand_over(&Report::Room, files));
    }
    let (landlock, tool) = start(&orders, &places, proxy)?;
    to.tell(&Report::Started { landlock, refused });
    let how = wait_for(tool)?;
    // What is still there has no business any more, and must not write while we read.
    end_others(is_sandbox);
    // Between two looks of the thread that watches.
    let lack = if is_sandbox { room.lack() } else { None };
    let lack = lack.or_else(|| has_cut_off(&orders.place, &room).then_some(Lack::Size));
    if let Some(lack) = lack {
        to.tell(&Report::Full(lack));
    }
    to.tell(&Report::Ended { how, cpu_ms: used() });
    send_outputs(to, &work, &orders);
    to.tell(&Report::Done);
    Ok(())
}

/// Makes the directories, and in a sandbox what programs look for in `/etc`.
fn prepare(place: &Place) -> Result<Places, Failure> {
    let told = |error| sandbox("prepare the directories", error);
    let Place::Host(root) = place else {
        let user = mounts::USER;
        for (path, content) in [
            ("/etc/passwd", format!("x:x:{user}:{user}::{}:/bin/sh\n", mounts::HOME)),
            ("/etc/group", format!("x:x:{user}:\n")),
            ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
            ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n".to_owned()),
        ] {
            std::fs::write(path, content).map_err(told)?;
        }
        return Ok(Places { work: mounts::WORK.into(), home: mounts::HOME.into(), tmp: mounts::TMP.into() });
    };
    let root = Path::new(OsStr::from_bytes(root));
    let places = Places { work: root.join("work"), home: root.join("home"), tmp: root.join("tmp") };
    for dir in [&places.work, &places.home, &places.tmp] {
        std::fs::create_dir(dir).map_err(told)?;
    }
    Ok(places)
}

/// Writes the files as they come, and answers which could not be.
fn receive(from: &mut impl Read, work: &mut Tree) -> Result<Vec<(Vec<u8>, String)>, Failure> {
    let mut refused = Vec::new();
    loop {
        match wire::read(from, wire::ORDER_BYTES).map_err(|error| sandbox("read the tree", error))? {
            Order::File { path, kind, len } => match work.write(&path, kind, len, from) {
                Ok(()) => {}
                Err(Unwritten::Refused(why)) if refused.len() < REFUSED => refused.push((path, why)),
                Err(Unwritten::Refused(_)) => {}
                Err(Unwritten::NoRoom) => return Err(Failure::NoRoom),
                Err(Unwritten::Source(error)) => return Err(sandbox("read the tree", error)),
            },
            Order::Go => return Ok(refused),
            Order::Begin(_) => return Err(sandbox("read the tree", "the orders came twice")),
        }
    }
}

/// Listens on the sandbox's own loopback and hands each connection to us. Answers the port.
fn listen(to: &Arc<Teller>) -> Result<u16, Failure> {
    let told = |error| sandbox("listen for the proxy", error);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(told)?;
    let port = listener.local_addr().map_err(told)?.port();
    let to = Arc::clone(to);
    let thread = std::thread::Builder::new().name("proxy".into()).spawn(move || {
        // Too many files are open for a while, or whoever called is gone: neither is the end of it.
        let mut failed = 0;
        while failed < ACCEPTS {
            match listener.accept() {
                Ok((connection, _)) => {
                    to.hand_over(&Report::Connection, connection.as_fd());
                    failed = 0;
                }
                Err(_) => {
                    failed += 1;
                    process::pause(ACCEPT_AGAIN);
                }
            }
        }
    });
    thread.map(|_| port).map_err(told)
}

/// Looks all the time whether there is room left for files, which is told once, and whether we are still there, without whom it ends.
fn watch(to: &Arc<Teller>, room: &Arc<Room>, is_sandbox: bool) -> Result<(), Failure> {
    let told = |error| sandbox("watch itself", error);
    let (to, room) = (Arc::clone(to), Arc::clone(room));
    let socket = to.0.lock().unwrap_or_else(PoisonError::into_inner).try_clone().map_err(told)?;
    let thread = std::thread::Builder::new().name("watch".into()).spawn(move || {
        let mut is_told = !is_sandbox;
        let look = Timespec::try_from(LOOK).unwrap_or_default();
        loop {
            let mut polled = [PollFd::new(&socket, PollFlags::empty())];
            let _ = rustix::event::poll(&mut polled, Some(&look));
            if polled[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) {
                end_others(is_sandbox);
                std::process::exit(1);
            }
            if !is_told && let Some(lack) = room.lack() {
                to.tell(&Report::Full(lack));
                is_told = true;
            }
        }
    });
    thread.map(|_| ()).map_err(told)
}

/// The file systems that a tool can write to.
struct Room {
    work: OwnedFd,
    /// Not everywhere.
    shared: Option<OwnedFd>,
    names: u64,
}

impl Room {
    fn of(work: &Tree, bounds: &Bounds) -> std::io::Result<Room> {
        let shared = rustix::fs::open(SHARED, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY, Mode::empty()).ok();
        Ok(Room { work: work.top().try_clone()?, shared, names: bounds.names })
    }

    fn file_systems(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(&self.work).chain(&self.shared).map(AsFd::as_fd)
    }

    /// What there is none left of, if anything. A file system in memory takes as many names as half of the host's memory holds;
    /// its size bounds what is in the files, and nothing else does the files themselves.
    fn lack(&self) -> Option<Lack> {
        let has_too_many = |room: &StatVfs| room.f_files.saturating_sub(room.f_ffree) > self.names;
        let shared = self.shared.as_ref().and_then(|shared| rustix::fs::fstatvfs(shared).ok());
        match rustix::fs::fstatvfs(&self.work) {
            Ok(room) if room.f_bavail == 0 => Some(Lack::Bytes),
            Ok(room) if room.f_favail == 0 && room.f_files > 0 || has_too_many(&room) => Some(Lack::Names),
            _ => shared.is_some_and(|room| has_too_many(&room)).then_some(Lack::Names),
        }
    }
}

/// Whether some file was to become larger than one may be. The kernel cuts it off, and tells the process that wrote it alone: of that others
/// may say nothing, or something else. What is left is a file of that very size, which is a byte more than a file may have, so that nobody
/// makes one by intent. Not seen is one that was removed, or that was to be longer without being written.
fn has_cut_off(place: &Place, room: &Room) -> bool {
    let Some(size) = rustix::process::getrlimit(Resource::Fsize).current else { return false };
    let tops = match place {
        // The file system of the whole sandbox.
        Place::Sandbox => [Some(Path::new("/")), room.shared.is_some().then_some(Path::new(SHARED))],
        Place::Host(root) => [Some(Path::new(OsStr::from_bytes(root))), None],
    };
    let is_large = |top: &BorrowedFd<'_>| {
        // Mostly nothing has to be looked for: all files together are smaller.
        rustix::fs::fstatvfs(top).is_ok_and(|room| room.f_blocks.saturating_sub(room.f_bfree).saturating_mul(room.f_frsize) >= size)
    };
    let mut both = room.file_systems().zip(tops.into_iter().flatten());
    both.any(|(files, top)| is_large(&files) && Tree::at(top).is_ok_and(|tree| tree::has_file_of(tree.top(), size)))
}

/// Starts the tool from a thread that has given up what the tool must not have.
fn start(orders: &Orders, places: &Places, proxy: Option<u16>) -> Result<(Landlock, Pid), Failure> {
    let roots: Vec<PathBuf> = orders.roots.iter().map(|root| PathBuf::from(OsStr::from_bytes(root))).collect();
    let is_sandbox = orders.place == Place::Sandbox;
    let Bounds { may_share, .. } = orders.bounds;
    let mut command = command(orders, places, proxy)?;
    let started = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let landlock = if is_sandbox {
                let landlock = confine::landlock(&roots).map_err(|error| sandbox("set Landlock's rules", error))?;
                confine::seccomp(may_share).map_err(|error| sandbox("set filters", error))?;
                landlock
            } else {
                Landlock::Missing
            };
            let child = command.spawn().map_err(|error| Failure::Program(error.to_string()))?;
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            pid.map(|pid| (landlock, pid)).ok_or_else(|| sandbox("start the program", "it has no number"))
        });
        thread.join()
    });
    started.unwrap_or_else(|_| Err(sandbox("start the program", "a thread of the launcher ended")))
}

#[expect(clippy::disallowed_methods, reason = "this is where the tool is started")]
fn command(orders: &Orders, places: &Places, proxy: Option<u16>) -> Result<std::process::Command, Failure> {
    let Some((program, arguments)) = orders.argv.split_first() else { return Err(Failure::Program("none is named".into())) };
    let mut command = std::process::Command::new(OsStr::from_bytes(program));
    command.args(arguments.iter().map(|argument| OsStr::from_bytes(argument)));
    command.env_clear().env("PATH", PATH).env("LANG", "C.UTF-8").env("TZ", "UTC").env("USER", "x");
    command.env("HOME", &places.home).env("TMPDIR", &places.tmp);
    if let Some(port) = proxy {
        let address = format!("http://127.0.0.1:{port}");
        for name in ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
            command.env(name, &address);
        }
        command.env("NO_PROXY", "localhost,127.0.0.1").env("no_proxy", "localhost,127.0.0.1");
    }
    command.envs(orders.env.iter().map(|(name, value)| (name, OsStr::from_bytes(value))));
    command.stdin(std::process::Stdio::null()).current_dir(places.work.join(&orders.directory));
    Ok(command)
}

/// Waits for the tool, and meanwhile for every orphan.
fn wait_for(tool: Pid) -> Result<Ended, Failure> {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == tool => {
                if let Some(code) = status.exit_status() {
                    return Ok(Ended::Exited(code));
                }
                if let Some(signal) = status.terminating_signal() {
                    return Ok(Ended::Signaled(signal));
                }
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(sandbox("wait for the program", error)),
        }
    }
}

/// Kills every other process: of the namespace, or of those beneath us.
fn end_others(is_sandbox: bool) {
    let own = rustix::process::getpid();
    for _ in 0..ROUNDS {
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
        let others: Vec<Pid> = if is_sandbox {
            let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
            let pids = entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?));
            pids.filter(|pid| *pid != own).collect()
        } else {
            process::end_beneath(own);
            process::beneath(own).into_iter().skip(1).collect()
        };
        if others.is_empty() {
            return;
        }
        if is_sandbox {
            for pid in others {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        process::pause(Duration::from_millis(1));
    }
}

/// The processor time of all that we waited for.
fn used() -> u64 {
    std::fs::read_to_string("/proc/self/stat").ok().and_then(|stat| process::cpu_ms(&stat, 13..15)).unwrap_or(0)
}

/// Sends the files that were asked for, in pieces.
fn send_outputs(to: &Teller, work: &Tree, orders: &Orders) {
    for (file, path) in (0u32..).zip(&orders.outputs) {
        let result = tree::open_output(work.top(), path, orders.output_file_bytes).and_then(|(content, size)| {
            // It may grow while it is read, should anybody be left to write.
            let mut content = content.take(size);
            let mut buffer = vec![0; wire::PIECE_BYTES];
            loop {
                match content.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(read) => to.tell(&Report::Piece { file, bytes: buffer[..read].to_vec() }),
                    Err(error) => return Err(error.to_string()),
                }
            }
        });
        to.tell(&Report::Read { file, result });
    }
}
