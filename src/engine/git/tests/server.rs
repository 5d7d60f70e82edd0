//! A host that serves repositories over HTTP as git does (protocol version 2), or answers whatever a test wants.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use gix::hash::{Kind as Hash, ObjectId};
use gix::objs::{FindExt, Kind};

use super::fixture::pack_of;

/// What a host was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What a host answers.
pub enum Reply {
    /// Status, headers and body.
    Http(u16, Vec<(String, String)>, Vec<u8>),
    /// Nothing, while the connection stays open.
    Hang,
    /// These bytes, and then nothing while the connection stays open.
    Stall(Vec<u8>),
    /// The first bytes, and then the second ones again and again, for as long as somebody takes them.
    Endless(Vec<u8>, Vec<u8>),
}

/// A host on 127.0.0.1 that lives as long as this value.
pub struct Server {
    pub port: u16,
    pub asked: Arc<Mutex<Vec<Asked>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A host that answers by this function.
    pub fn new(answer: impl Fn(&Asked) -> Reply + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (record, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(mut stream) = stream else { continue };
                let Some(request) = read(&mut stream) else { continue };
                record.lock().unwrap().push(request.clone());
                match answer(&request) {
                    Reply::Http(status, headers, body) => {
                        let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
                        for (name, value) in headers {
                            head.push_str(&format!("{name}: {value}\r\n"));
                        }
                        let _ = stream.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| stream.write_all(&body));
                    }
                    Reply::Stall(bytes) => {
                        let _ = stream.write_all(&bytes);
                        held.push(stream);
                    }
                    Reply::Endless(head, again) => {
                        let mut went = stream.write_all(&head);
                        while went.is_ok() && !stopped.load(Ordering::SeqCst) {
                            went = stream.write_all(&again);
                        }
                    }
                    Reply::Hang => held.push(stream),
                }
            }
        });
        Server { port, asked, stop, thread: Some(thread) }
    }

    /// A host that serves the bare repository at this path.
    pub fn git(repo: &Path) -> Server {
        let repo = repo.to_owned();
        Server::new(move |asked| serve(&repo, asked))
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/acme/app.git", self.port)
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.thread.take().unwrap().join();
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let path = words.nth(1)?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { path, headers, body })
}

/// Answers as git's own host does.
pub fn serve(repo: &Path, asked: &Asked) -> Reply {
    let typed = |kind: &str, body| Reply::Http(200, vec![("content-type".into(), format!("application/x-git-upload-pack-{kind}"))], body);
    if asked.path.ends_with("/info/refs?service=git-upload-pack") {
        let mut body = Vec::new();
        for text in ["version 2\n", "agent=test/1\n", "ls-refs=unborn\n", "fetch=\n", "object-format=sha1\n"] {
            line(&mut body, text.as_bytes());
        }
        body.extend(b"0000");
        return typed("advertisement", body);
    }
    if asked.path.ends_with("/git-upload-pack") {
        let lines = lines(&asked.body);
        let ids = |word: &str| -> Vec<ObjectId> {
            lines.iter().filter_map(|line| line.strip_prefix(word)).map(|id| id.trim().parse().unwrap()).collect()
        };
        if lines.iter().any(|line| line == "command=ls-refs") {
            return typed("result", list(repo));
        }
        let objects = repo.join("objects");
        let had = reachable(&objects, &ids("have ")).unwrap();
        // Git's own host ends in the midst of its answer where something is missing.
        let Some(new) = reachable(&objects, &ids("want ")) else {
            let mut body = Vec::new();
            line(&mut body, b"packfile\n");
            line(&mut body, b"\x03aborting due to possible repository corruption on the remote side.\n");
            body.extend(b"0000");
            return typed("result", body);
        };
        let new = new.into_iter().filter(|id| !had.contains(id)).collect();
        return typed("result", packfile(&pack_of(&objects, new)));
    }
    Reply::Http(404, Vec::new(), b"no".to_vec())
}

/// The answer that carries a pack.
pub fn packfile(pack: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    line(&mut body, b"packfile\n");
    line(&mut body, b"\x02hello\n");
    for chunk in pack.chunks(60_000) {
        line(&mut body, &[b"\x01", chunk].concat());
    }
    body.extend(b"0000");
    body
}

fn list(repo: &Path) -> Vec<u8> {
    let mut body = Vec::new();
    let head = std::fs::read_to_string(repo.join("HEAD")).unwrap();
    let target = head.trim().strip_prefix("ref: ").unwrap().to_owned();
    let mut found = Vec::new();
    branches(&repo.join("refs/heads"), "refs/heads", &mut found);
    found.sort();
    match found.iter().find(|(name, _)| *name == target) {
        Some((_, id)) => line(&mut body, format!("{id} HEAD symref-target:{target}\n").as_bytes()),
        None => line(&mut body, format!("unborn HEAD symref-target:{target}\n").as_bytes()),
    }
    for (name, id) in found {
        line(&mut body, format!("{id} {name}\n").as_bytes());
    }
    body.extend(b"0000");
    body
}

fn branches(dir: &Path, name: &str, out: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let name = format!("{name}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            branches(&path, &name, out);
        } else {
            out.push((name, std::fs::read_to_string(path).unwrap().trim().to_owned()));
        }
    }
}

/// All that these name; nothing where some of it is missing.
fn reachable(objects: &Path, from: &[ObjectId]) -> Option<HashSet<ObjectId>> {
    let store = gix::odb::Store::at_opts(objects.to_owned(), Hash::Sha1, &mut std::iter::empty(), Default::default()).unwrap();
    let handle = Arc::new(store).to_cache_arc();
    let (mut seen, mut todo) = (HashSet::new(), from.to_vec());
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        let mut buffer = Vec::new();
        let object = handle.find(&id, &mut buffer).ok()?;
        match object.kind {
            Kind::Commit => {
                let commit = gix::objs::CommitRef::from_bytes(object.data, Hash::Sha1).unwrap();
                todo.push(commit.tree());
                todo.extend(commit.parents());
            }
            Kind::Tree => {
                let entries = gix::objs::TreeRefIter::from_bytes(object.data, Hash::Sha1);
                todo.extend(entries.map(|entry| entry.unwrap().oid.to_owned()));
            }
            Kind::Blob | Kind::Tag => {}
        }
    }
    Some(seen)
}

/// Adds a line as git packs it: its length in four digits, then its bytes.
pub fn line(out: &mut Vec<u8>, data: &[u8]) {
    out.extend(format!("{:04x}", data.len() + 4).into_bytes());
    out.extend_from_slice(data);
}

fn lines(mut body: &[u8]) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(length) = body.get(..4).and_then(|digits| usize::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).ok()) {
        if length < 4 {
            body = &body[4..];
            continue;
        }
        out.push(String::from_utf8_lossy(&body[4..length]).trim_end().to_owned());
        body = &body[length..];
    }
    out
}
