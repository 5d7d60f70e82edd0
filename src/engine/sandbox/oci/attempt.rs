//! One run of an image: what goes in, the watch, what comes out.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bollard::container::LogOutput;
use bollard::errors::Error as Refusal;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, DownloadFromContainerOptionsBuilder, InspectContainerOptions,
    StartContainerOptions, UploadToContainerOptionsBuilder, WaitContainerOptions,
};
use futures_util::StreamExt;
use hyper::body::Bytes;
use tokio::sync::mpsc;

use super::{HOME, Image, LABEL, No, Oci, PROCESS, Plugin, TIER, random, said, tar};
use crate::base::mask::learned::Values;
use crate::base::name::TreePath;
use crate::engine::sandbox::output::{Outputs, To};
use crate::engine::sandbox::{
    COMMAND_BYTES, Error, File, How, Landlock, Limit, Limits, Outcome, Output, REFUSED, Result, Unread, Value, known,
};

/// How often we look whether anybody still wants it, and at the clock.
const LOOK: Duration = Duration::from_millis(25);
/// How long the tree may take on its way.
const SENDING: Duration = Duration::from_secs(600);
/// How long what was written may still take to reach us once the program has ended.
const DRAINING: Duration = Duration::from_secs(5);
/// How long the file that comes out may take.
const GATHERING: Duration = Duration::from_secs(60);
/// How many bytes of the tree are sent at once.
const SENT: usize = 256 << 10;
/// How many such pieces wait.
const WAITING: usize = 4;
/// What a shell says of a signal: its number and this.
const SIGNAL: i64 = 128;
/// The signals of a process that used too much processor time, first and last, and of one whose file grew too large.
const SIGXCPU: i32 = libc::SIGXCPU;
const SIGKILL: i32 = libc::SIGKILL;
const SIGXFSZ: i32 = libc::SIGXFSZ;

/// A container that is gone when this is.
struct Container<'a> {
    oci: &'a Oci,
    /// Its name.
    name: String,
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        self.oci.remove(&self.name);
    }
}

/// Runs an image.
pub(super) fn run(
    oci: &Oci,
    image: &Image,
    plugin: &Plugin,
    limits: &Limits,
    files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>,
    cancel: &dyn Fn() -> bool,
    out: &mut dyn Output,
) -> Result<Outcome> {
    let plugin = checked(plugin)?;
    let values = known(plugin.env.values(), plugin.secret_files.iter().map(|(_, secret)| secret))?;
    let mask = values.mask().clone();
    // A daemon that refuses says what it was asked for, the environment too.
    unmasked(oci, image, &plugin, limits, files, cancel, Watched::new(limits, values, out)).map_err(|error| error.masked(&mask))
}

fn unmasked(
    oci: &Oci,
    image: &Image,
    plugin: &Plugin,
    limits: &Limits,
    files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>,
    cancel: &dyn Fn() -> bool,
    mut done: Watched<'_>,
) -> Result<Outcome> {
    let volumes = volumes(plugin)?;
    let labels = [(LABEL.to_owned(), oci.instance.clone()), (PROCESS.to_owned(), oci.process.clone())].into();
    let body = oci.has.container(&image.id, &labels, environment(plugin), &volumes, limits);
    // Named by us, so that it can be removed even if we do not hear that it was made.
    let container = Container { oci, name: format!("plumbline-{}", random()?) };
    let options = CreateContainerOptionsBuilder::default().name(&container.name).build();
    match oci.ask_long("make a container", oci.docker.create_container(Some(options), body)) {
        Ok(_) => {}
        Err(no) if no.is_missing() => return Err(Error::Image { reference: image.pinned.clone(), why: no.why }),
        Err(no) if no.status.is_some() => return Err(Error::Start { why: no.why }),
        Err(no) => return Err(no.into()),
    }
    for volume in &volumes {
        // What the image has there keeps its owner, and so may the volume itself.
        let mode = if volume == "/tmp" { 0o1777 } else { 0o755 };
        container.put(volume, tar::folder(mode))?;
    }
    for (path, secret) in &plugin.secret_files {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        container.put(folder, tar::secret(name, secret.expose().as_bytes()))?;
    }
    let mut refused = Vec::new();
    match container.send(&plugin.tree, limits, files, cancel, &mut refused)? {
        Some(how) => done.how = how,
        None => container.watch(image, limits, cancel, &mut done)?,
    }
    let output = match done.how {
        How::Exited(_) => container.take(&plugin.output, limits.output_file_bytes),
        _ => Err("it was ended before".to_owned()),
    };
    drop(container);
    let (stdout, stderr, mask) = done.outputs.finish();
    let output = output.map(|bytes| mask.bytes(bytes)).map_err(|why| mask.text(&why));
    Ok(Outcome {
        how: done.how,
        stdout,
        stderr,
        files: vec![(plugin.output.clone(), output)],
        refused,
        asked: Vec::new(),
        wall_ms: u64::try_from(done.wall.as_millis()).unwrap_or(u64::MAX),
        cpu_ms: 0,
        peak_memory: None,
        tier: TIER,
        landlock: Landlock::Missing,
        mask,
        limits_in_force: oci.limits_in_force(),
    })
}

/// How it went, and what it wrote on its way through the mask.
struct Watched<'a> {
    how: How,
    wall: Duration,
    outputs: Outputs<'a>,
}

impl<'a> Watched<'a> {
    fn new(limits: &Limits, values: Values, out: &'a mut dyn Output) -> Watched<'a> {
        Watched { how: How::Canceled, wall: Duration::ZERO, outputs: Outputs::new(limits, values, out) }
    }

    fn hear(&mut self, piece: &LogOutput) {
        match piece {
            LogOutput::StdErr { message } => self.outputs.push(To::Stderr, message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => self.outputs.push(To::Stdout, message),
            LogOutput::StdIn { .. } => {}
        }
    }
}

impl Container<'_> {
    /// Unpacks an archive in a folder.
    fn put(&self, folder: &str, archive: Vec<u8>) -> Result<()> {
        let options = UploadToContainerOptionsBuilder::default().path(folder).build();
        let sent = self.oci.docker.upload_to_container(&self.name, Some(options), bollard::body_full(archive.into()));
        match self.oci.ask("take files into a container", sent) {
            Ok(()) => Ok(()),
            Err(no) if no.is_missing() => Err(Error::BadCommand { why: format!("the image has no folder `{folder}`") }),
            Err(no) => Err(no.into()),
        }
    }

    /// Sends the tree. If that ends the run, says how.
    fn send(
        &self,
        tree: &str,
        limits: &Limits,
        files: &mut dyn Iterator<Item = std::result::Result<File, Unread>>,
        cancel: &dyn Fn() -> bool,
        refused: &mut Vec<(TreePath, String)>,
    ) -> Result<Option<How>> {
        let began = Instant::now();
        let (folder, name) = parent(tree)?;
        let (sender, receiver) = mpsc::channel::<Bytes>(WAITING);
        let pieces = futures_util::stream::unfold(receiver, async |mut receiver| receiver.recv().await.map(|piece| (piece, receiver)));
        let options = UploadToContainerOptionsBuilder::default().path(folder).build();
        let (docker, container) = (self.oci.docker.clone(), self.name.clone());
        let upload = async move { docker.upload_to_container(&container, Some(options), bollard::body_stream(pieces)).await };
        let mut upload = Some(self.oci.runtime.as_ref().expect("it is taken away only when all is dropped").spawn(upload));
        let late = || Error::Daemon { socket: self.oci.socket.clone(), doing: "take the tree", why: "it takes too long".to_owned() };
        // Whether it was taken; where the other side is gone, why is heard below.
        let give = |piece: Bytes| -> Result<Option<bool>> {
            loop {
                if cancel() {
                    return Ok(None);
                }
                if began.elapsed() > SENDING {
                    return Err(late());
                }
                match self.oci.wait(async { tokio::time::timeout(LOOK, sender.reserve()).await }) {
                    Ok(Ok(room)) => {
                        room.send(piece);
                        return Ok(Some(true));
                    }
                    Ok(Err(_)) => return Ok(Some(false)),
                    Err(_) => {}
                }
            }
        };
        let mut writer = tar::Writer::new(name);
        let mut waiting = VecDeque::new();
        let mut is_taken = true;
        let how = 'sending: {
            for file in &mut *files {
                let file = file.map_err(Error::Tree)?;
                let added = if file.bytes.len() as u64 > limits.file_size {
                    Err(format!("it is larger than {}", crate::base::text::bytes(limits.file_size)))
                } else {
                    writer.add(&file)
                };
                if let Err(why) = added
                    && refused.len() < REFUSED
                {
                    refused.push((file.path, why));
                }
                if writer.content > limits.tmpfs_bytes {
                    break 'sending Some(How::Limit(Limit::Disk));
                }
                if writer.len() >= SENT {
                    waiting.extend(pieces_of(writer.take()));
                }
                while let (true, Some(piece)) = (is_taken, waiting.pop_front()) {
                    match give(piece)? {
                        Some(taken) => is_taken = taken,
                        None => break 'sending Some(How::Canceled),
                    }
                }
                if !is_taken {
                    break;
                }
            }
            for piece in pieces_of(writer.finish()) {
                match give(piece)? {
                    Some(true) => {}
                    Some(false) => break,
                    None => break 'sending Some(How::Canceled),
                }
            }
            None
        };
        drop(sender);
        if how.is_some() {
            return Ok(how);
        }
        loop {
            let Some(task) = upload.as_mut() else { return Ok(None) };
            if cancel() {
                return Ok(Some(How::Canceled));
            }
            if began.elapsed() > SENDING {
                return Err(late());
            }
            match self.oci.wait(async { tokio::time::timeout(LOOK, task).await }) {
                Err(_) => {}
                Ok(Ok(Ok(()))) => upload = None,
                Ok(Ok(Err(error))) => return Err(self.no("take the tree", said(&error))),
                Ok(Err(_)) => return Err(self.no("take the tree", "it was broken off".to_owned())),
            }
        }
    }

    /// Starts it and stays with it until it has ended, or has to.
    fn watch(&self, image: &Image, limits: &Limits, cancel: &dyn Fn() -> bool, done: &mut Watched<'_>) -> Result<()> {
        let oci = self.oci;
        let options = AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build();
        // Before it starts, so that nothing it writes is missed.
        // Podman readies it at that, and says there already if it cannot be started.
        let unstarted = |no: No| match no.status {
            Some(_) => Error::Program { program: image.pinned.clone(), why: no.why },
            None => no.into(),
        };
        let mut written =
            oci.ask("let us hear a container", oci.docker.attach_container(&self.name, Some(options))).map_err(unstarted)?.output;
        oci.ask("start a container", oci.docker.start_container(&self.name, None::<StartContainerOptions>)).map_err(unstarted)?;
        let began = Instant::now();
        let mut end = Box::pin(oci.docker.wait_container(&self.name, None::<WaitContainerOptions>));
        let mut code = None;
        let mut is_open = true;
        let mut ended_at = None;
        done.how = loop {
            if cancel() {
                break How::Canceled;
            }
            if code.is_none() && began.elapsed() > limits.wall {
                break How::TimedOut;
            }
            if let (Some(code), Some(ended_at)) = (code, ended_at)
                && (!is_open || Instant::now() > ended_at)
            {
                break self.how(code, done.wall, limits)?;
            }
            let next = async {
                tokio::select! {
                    piece = written.next(), if is_open => Next::Written(piece),
                    ended = end.next(), if code.is_none() => Next::Ended(ended),
                }
            };
            match oci.wait(async { tokio::time::timeout(LOOK, next).await }) {
                Err(_) => {}
                Ok(Next::Written(Some(Ok(piece)))) => {
                    done.hear(&piece);
                    if done.outputs.are_over() {
                        break How::Limit(Limit::Output);
                    }
                }
                Ok(Next::Written(_)) => is_open = false,
                Ok(Next::Ended(ended)) => {
                    code = Some(match ended {
                        Some(Ok(ended)) => ended.status_code,
                        // So bollard says of every code but zero.
                        Some(Err(Refusal::DockerContainerWaitError { code, .. })) => code,
                        Some(Err(error)) => return Err(Error::Lost { why: said(&error) }),
                        None => return Err(Error::Lost { why: "the daemon does not say how it ended".to_owned() }),
                    });
                    done.wall = began.elapsed();
                    ended_at = Some(Instant::now() + DRAINING);
                }
            }
        };
        if code.is_none() {
            done.wall = began.elapsed();
        }
        Ok(())
    }

    /// What an exit code means.
    fn how(&self, code: i64, wall: Duration, limits: &Limits) -> Result<How> {
        let state =
            self.oci.ask("say how a container ended", self.oci.docker.inspect_container(&self.name, None::<InspectContainerOptions>))?;
        let is_out_of_memory = state.state.and_then(|state| state.oom_killed) == Some(true);
        // What each processor could have done in that time.
        let could_use = wall.saturating_mul(self.oci.has.processors);
        Ok(meaning(code, is_out_of_memory, could_use >= limits.cpu))
    }

    /// Takes a file out.
    fn take(&self, path: &str, most: u64) -> std::result::Result<Vec<u8>, String> {
        let options = DownloadFromContainerOptionsBuilder::default().path(path).build();
        let mut pieces = Box::pin(self.oci.docker.download_from_container(&self.name, Some(options)));
        let room = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(tar::PREAMBLE);
        let began = Instant::now();
        let mut archive = Vec::new();
        while archive.len() < room {
            match self.oci.wait(async { tokio::time::timeout(GATHERING, pieces.next()).await }) {
                Ok(Some(Ok(piece))) => archive.extend_from_slice(&piece),
                Ok(Some(Err(error))) if super::status(&error) == Some(404) => return Err("there is no such file".to_owned()),
                Ok(Some(Err(error))) => return Err(said(&error)),
                Ok(None) => break,
                Err(_) => return Err("it takes too long to be read".to_owned()),
            }
            if began.elapsed() > GATHERING {
                return Err("it takes too long to be read".to_owned());
            }
        }
        tar::plain_file(&archive, most)
    }

    fn no(&self, doing: &'static str, why: String) -> Error {
        Error::Daemon { socket: self.oci.socket.clone(), doing, why }
    }
}

/// What is heard of a container.
enum Next {
    Written(Option<std::result::Result<LogOutput, Refusal>>),
    Ended(Option<std::result::Result<bollard::models::ContainerWaitResponse, Refusal>>),
}

/// What an exit code means: a daemon tells of a signal as a shell does.
///
/// A container's first process is told nothing of its processor time but is killed at the end of it, as by nobody else but who lacks memory.
fn meaning(code: i64, is_out_of_memory: bool, is_long: bool) -> How {
    let signal = i32::try_from(code - SIGNAL).ok().filter(|signal| (1..=64).contains(signal));
    match (code, signal) {
        _ if is_out_of_memory && code != 0 => How::Limit(Limit::Memory),
        (_, Some(SIGXCPU)) => How::Limit(Limit::Cpu),
        (_, Some(SIGKILL)) if is_long => How::Limit(Limit::Cpu),
        (_, Some(SIGXFSZ)) => How::Limit(Limit::FileSize),
        (_, Some(signal)) => How::Signaled(signal),
        (code, None) => How::Exited(i32::try_from(code).unwrap_or(i32::MAX)),
    }
}

/// Bytes in pieces that are sent at once.
fn pieces_of(bytes: Vec<u8>) -> impl Iterator<Item = Bytes> {
    let all = Bytes::from(bytes);
    (0..all.len()).step_by(SENT).map(move |at| all.slice(at..all.len().min(at + SENT)))
}

/// The folder that a path is in, and its name there.
fn parent(path: &str) -> Result<(&str, &str)> {
    let refuse = || Error::BadCommand { why: format!("`{path}` is not in a folder that can be written") };
    match path.rsplit_once('/') {
        Some((folder, name)) if !folder.is_empty() => Ok((folder, name)),
        _ => Err(refuse()),
    }
}

/// A plugin whose paths are ones that can be: where secrets go is said by manifests.
fn checked(plugin: &Plugin) -> Result<Plugin> {
    let refuse = |why: String| Err(Error::BadCommand { why });
    let mut plugin = plugin.clone();
    for (path, _) in &mut plugin.secret_files {
        if let Some(rest) = path.strip_prefix("~/") {
            *path = format!("{HOME}/{rest}");
        }
    }
    for path in [&plugin.tree, &plugin.output].into_iter().chain(plugin.secret_files.iter().map(|(path, _)| path)) {
        let Some(rest) = path.strip_prefix('/') else { return refuse(format!("`{path}` does not begin with a slash")) };
        if path.len() > 4_000 || path.contains('\0') || rest.split('/').any(|part| matches!(part, "" | "." | "..") || part.len() > 100) {
            return refuse(format!("`{}` is no path", path.escape_debug()));
        }
        if ["proc", "sys", "dev"].contains(&rest.split('/').next().unwrap_or_default()) {
            return refuse(format!("`{path}` is the kernel's"));
        }
    }
    if let Some(name) = plugin.env.keys().find(|name| name.is_empty() || name.contains(['=', '\0'])) {
        return refuse(format!("`{}` cannot be the name of a variable", name.escape_debug()));
    }
    let values = plugin.env.iter().map(|(name, value)| name.len() + plain(value).len());
    let secrets = plugin.secret_files.iter().map(|(path, secret)| path.len() + secret.expose().len());
    if values.chain(secrets).sum::<usize>() > COMMAND_BYTES {
        return refuse(format!("its environment and secrets are larger than {COMMAND_BYTES} bytes"));
    }
    if plugin.env.values().any(|value| plain(value).contains('\0')) {
        return refuse("a byte of its environment is zero".to_owned());
    }
    Ok(plugin)
}

fn plain(value: &Value) -> &str {
    match value {
        Value::Plain(value) => value,
        Value::Secret(value) => value.expose(),
    }
}

fn environment(plugin: &Plugin) -> Vec<String> {
    plugin.env.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect()
}

/// The folders that can be written: those that something is put in or taken from, and the home; none within another.
fn volumes(plugin: &Plugin) -> Result<Vec<String>> {
    let mut folders = vec![HOME.to_owned()];
    for path in [&plugin.tree, &plugin.output].into_iter().chain(plugin.secret_files.iter().map(|(path, _)| path)) {
        folders.push(parent(path)?.0.to_owned());
    }
    folders.sort();
    folders.dedup();
    let is_within = |folder: &String, other: &String| folder.strip_prefix(other.as_str()).is_some_and(|rest| rest.starts_with('/'));
    Ok(folders.iter().filter(|folder| !folders.iter().any(|other| is_within(folder, other))).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    fn plugin(secrets: &[&str]) -> Plugin {
        let secret_files = secrets.iter().map(|path| ((*path).to_owned(), Secret::new("hunter2".to_owned()))).collect();
        Plugin { tree: "/work/tree".to_owned(), output: "/tmp/output".to_owned(), secret_files, ..Plugin::default() }
    }

    fn folders(secrets: &[&str]) -> Vec<String> {
        volumes(&checked(&plugin(secrets)).unwrap()).unwrap()
    }

    #[test]
    fn only_what_has_to_be_written_can_be() {
        assert_eq!(folders(&[]), ["/home/cocov", "/tmp", "/work"]);
        assert_eq!(folders(&["~/.netrc", "~/.ssh/key", "/etc/lint/key"]), ["/etc/lint", "/home/cocov", "/tmp", "/work"]);
    }

    #[test]
    fn a_secret_that_would_go_where_none_can_be_is_refused() {
        for path in ["key", "/a/../key", "/a//key", "/a/key/", "/proc/self/key", "/dev/key", "/a/k\0y", "~/../key", ""] {
            assert!(checked(&plugin(&[path])).is_err(), "{path:?}");
        }
        assert!(volumes(&checked(&plugin(&["/key"])).unwrap()).is_err(), "the top itself stays as it is");
    }

    #[test]
    fn a_variable_that_is_none_is_refused_and_a_secret_one_is_not_printed() {
        for name in ["", "A=B", "A\0"] {
            let plugin = Plugin { env: [(name.to_owned(), "x".into())].into(), ..plugin(&[]) };
            assert!(checked(&plugin).is_err(), "{name:?}");
        }
        let plugin = Plugin { env: [("A".to_owned(), Value::Secret(Secret::new("hunter2".to_owned())))].into(), ..plugin(&["~/.key"]) };
        assert!(!format!("{:?}", checked(&plugin).unwrap()).contains("hunter2"));
        assert_eq!(environment(&plugin), ["A=hunter2"]);
    }

    #[test]
    fn an_exit_code_says_how_it_ended() {
        assert_eq!(meaning(0, false, false), How::Exited(0));
        assert_eq!(meaning(3, false, false), How::Exited(3));
        assert_eq!(meaning(137, false, false), How::Signaled(9));
        assert_eq!(meaning(137, true, false), How::Limit(Limit::Memory));
        assert_eq!(meaning(137, false, true), How::Limit(Limit::Cpu), "killed, and not for want of memory");
        assert_eq!(meaning(152, false, false), How::Limit(Limit::Cpu));
        assert_eq!(meaning(153, false, false), How::Limit(Limit::FileSize));
        assert_eq!(meaning(255, false, false), How::Exited(255));
        assert_eq!(meaning(0, true, false), How::Exited(0), "a process of it, which it did without");
    }

    #[test]
    fn what_is_sent_is_whole_however_long_it_is() {
        for len in [0, 1, SENT, SENT + 1, 3 * SENT] {
            assert_eq!(pieces_of(vec![7; len]).map(|piece| piece.len()).sum::<usize>(), len);
        }
    }
}
