//! The way out of a sandbox, where one was declared: connections to these hosts at these ports, and a note of all that was asked.
//!
//! It speaks what every program's proxy settings speak: `CONNECT` for encrypted connections, which are passed on as they are, and `GET`
//! or `HEAD` of a whole address for the others. What was declared is compared as it is written; then the name is looked up, once, and the
//! addresses go before the same guard as our own requests', so that nobody's name leads into our own network. There is no name service
//! inside the sandbox: names are only ever looked up here.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::outbound::guard::Guard;

/// The most bytes of a request's head.
const HEAD: usize = 16 << 10;
/// How long a head may take, and a connection to be made.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may say nothing.
const IDLE: Duration = Duration::from_secs(120);
/// The most connections at once, and in one run.
const AT_ONCE: usize = 64;
const IN_ALL: usize = 10_000;
/// How long is waited for what serves connections once they are cut. Only a name service that does not answer holds one up for longer.
const ENDING: Duration = Duration::from_secs(2);
/// How many different askings that were refused are noted. Of those that were let through, of which there are as many as are declared, all are.
const NOTED: usize = 1000;

/// Something that a tool asked the proxy for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The host, as it was written.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `None` if it was let through, else why not.
    pub refused: Option<String>,
    /// How often.
    pub times: u64,
}

/// The proxy of one run. Dropped, it cuts all connections.
#[derive(Debug)]
pub(super) struct Proxy {
    shared: Arc<Shared>,
    served: usize,
}

#[derive(Debug)]
struct Shared {
    allowed: Vec<(String, u16)>,
    guard: Guard,
    state: Mutex<State>,
    /// Told when a connection is served to its end.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    asked: Vec<Asked>,
    /// Both ends of what is open, by a number.
    open: std::collections::BTreeMap<usize, Vec<TcpStream>>,
    is_over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, host: &str, port: u16, refused: Option<String>) {
        let mut state = self.state();
        let host = crate::base::text::clip(host, 255).into_owned();
        let is_same = |one: &&mut Asked| (&one.host, one.port, &one.refused) == (&host, port, &refused);
        if let Some(known) = state.asked.iter_mut().find(is_same) {
            known.times += 1;
        } else if refused.is_none() || state.asked.len() < NOTED {
            state.asked.push(Asked { host, port, refused, times: 1 });
        }
    }

    /// Cuts all connections, and lets none be made any more.
    fn cut(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.open.values().flatten().for_each(cut);
    }

    /// Remembers an end of a connection, so that it can be cut. `false` if all is over.
    fn holds(&self, number: usize, end: &TcpStream) -> bool {
        let Ok(end) = end.try_clone() else { return false };
        let mut state = self.state();
        if state.is_over {
            return false;
        }
        state.open.entry(number).or_default().push(end);
        true
    }
}

impl Proxy {
    pub(super) fn new(allowed: &[(String, u16)], allow_hosts: &[String]) -> Proxy {
        let allowed = allowed.iter().map(|(host, port)| (plain(host), *port)).collect();
        let guard = Guard::new(allow_hosts);
        Proxy { shared: Arc::new(Shared { allowed, guard, state: Mutex::default(), ended: Condvar::new() }), served: 0 }
    }

    /// Serves a connection from inside, on a thread of its own.
    pub(super) fn serve(&mut self, inside: TcpStream) {
        self.served += 1;
        let (shared, number) = (Arc::clone(&self.shared), self.served);
        if number > IN_ALL || shared.state().open.len() >= AT_ONCE || !shared.holds(number, &inside) {
            return;
        }
        let served = Served { shared, number };
        // Should there be no thread, what it was to do is dropped, and the connection with it.
        let thread = std::thread::Builder::new().name("sandbox-proxy".into()).spawn(move || {
            let _ = serve(&served.shared, number, inside);
        });
        if let Err(error) = thread {
            tracing::warn!("a connection of a sandbox is not served: {error}");
        }
    }

    /// Cuts all connections, waits for what serves them to end, and answers what was asked.
    pub(super) fn finish(self) -> Vec<Asked> {
        self.shared.cut();
        let until = Instant::now() + ENDING;
        let mut state = self.shared.state();
        while !state.open.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!("{} of a sandbox's connections are still being made; each ends once its name is found", state.open.len());
                break;
            }
            state = self.shared.ended.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::take(&mut state.asked)
    }
}

/// A connection that is served. Dropped, it is cut.
struct Served {
    shared: Arc<Shared>,
    number: usize,
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(ends) = state.open.remove(&self.number) {
            ends.iter().for_each(cut);
        }
        self.shared.ended.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.cut();
    }
}

fn cut(end: &TcpStream) {
    let _ = end.shutdown(Shutdown::Both);
}

/// A host as it is compared: names do not differ by case or by a last dot.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

fn serve(shared: &Shared, number: usize, mut inside: TcpStream) -> io::Result<()> {
    inside.set_read_timeout(Some(PATIENCE))?;
    inside.set_write_timeout(Some(IDLE))?;
    let (head, rest) = match head(&mut inside)? {
        Some(read) => read,
        None => return answer(&mut inside, "431 Request Header Fields Too Large", "the request's head is too long"),
    };
    let asked = match Request::parse(&head) {
        Ok(asked) => asked,
        Err(why) => return answer(&mut inside, "400 Bad Request", why),
    };
    let outside = match reach(shared, asked.host(), asked.port()) {
        Ok(outside) => outside,
        Err(why) => {
            shared.note(asked.host(), asked.port(), Some(why.clone()));
            return answer(&mut inside, "403 Forbidden", &why);
        }
    };
    shared.note(asked.host(), asked.port(), None);
    if !shared.holds(number, &outside) {
        return Ok(());
    }
    inside.set_read_timeout(Some(IDLE))?;
    outside.set_read_timeout(Some(IDLE))?;
    outside.set_write_timeout(Some(IDLE))?;
    match asked {
        Request::Connect { .. } => {
            inside.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            (&outside).write_all(&rest)?;
            both_ways(&inside, &outside)
        }
        Request::Plain { head, .. } => {
            (&outside).write_all(head.as_bytes())?;
            io::copy(&mut &outside, &mut inside).map(|_| ())
        }
    }
}

/// Reads to the end of a request's head; `None` if it is too long. What follows it comes too.
fn head(from: &mut impl Read) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = memchr::memmem::find(&read, b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            return Ok(Some((read, rest)));
        }
        if read.len() >= HEAD {
            return Ok(None);
        }
        match from.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => read.extend_from_slice(&buffer[..n]),
        }
    }
}

/// A request to a proxy.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    /// A connection that we do not look into.
    Connect { host: String, port: u16 },
    /// A request that is passed on with this head.
    Plain { host: String, port: u16, head: String },
}

impl Request {
    fn host(&self) -> &str {
        match self {
            Request::Connect { host, .. } | Request::Plain { host, .. } => host,
        }
    }

    fn port(&self) -> u16 {
        match self {
            Request::Connect { port, .. } | Request::Plain { port, .. } => *port,
        }
    }

    fn parse(head: &[u8]) -> Result<Request, &'static str> {
        let head = std::str::from_utf8(head).map_err(|_| "the request is no text")?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err("the request's first line is not one of HTTP/1.1");
        };
        if target.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("the address has a control character");
        }
        match method {
            "CONNECT" => {
                let (host, port) = place(target).ok_or("the address is not a host and a port")?;
                Ok(Request::Connect { host, port: port.ok_or("the address has no port")? })
            }
            "GET" | "HEAD" => {
                let rest = target.strip_prefix("http://").ok_or("the address does not begin with `http://`")?;
                let (place_text, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
                let (host, port) = place(place_text).ok_or("the address has no host")?;
                let slash = if path.starts_with('/') { "" } else { "/" };
                // The host is the one that was judged, whatever the headers say; one request is one connection.
                let mut head = format!("{method} {slash}{path} HTTP/1.1\r\nHost: {place_text}\r\nConnection: close\r\n");
                for line in lines {
                    let (name, value) = line.split_once(':').ok_or("a header has no name")?;
                    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
                        return Err("a header's name is none");
                    }
                    if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
                        return Err("a header's value is none");
                    }
                    let is_ours = ["host", "connection", "keep-alive", "te", "upgrade", "content-length", "transfer-encoding"]
                        .iter()
                        .any(|ours| name.eq_ignore_ascii_case(ours));
                    if !is_ours && !name.to_ascii_lowercase().starts_with("proxy-") {
                        head += &format!("{line}\r\n");
                    }
                }
                Ok(Request::Plain { host, port: port.unwrap_or(80), head: head + "\r\n" })
            }
            _ => Err("the method is not passed on: use an encrypted connection"),
        }
    }
}

/// `host:port`, with an IPv6 address in brackets; without a user.
fn place(text: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?)
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte));
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    if !is_host || !is_port {
        return None;
    }
    let port = if port.is_empty() { None } else { Some(port.parse().ok().filter(|port| *port > 0)?) };
    Some((plain(host), port))
}

/// Connects to a host that was declared, at an address that was judged.
fn reach(shared: &Shared, host: &str, port: u16) -> Result<TcpStream, String> {
    if !shared.allowed.iter().any(|(allowed, at)| *allowed == host && *at == port) {
        return Err(format!("`{host}:{port}` is not among what this check declares"));
    }
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs().map_err(|_| format!("`{host}` cannot be found"))?.collect();
    shared.guard.check(host, port, &addresses).map_err(|error| error.to_string())?;
    let mut why = format!("`{host}` cannot be found");
    for address in addresses {
        if shared.state().is_over {
            break;
        }
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(outside) => return Ok(outside),
            Err(error) => why = format!("the connection to `{host}` failed: {error}"),
        }
    }
    Err(why)
}

fn both_ways(inside: &TcpStream, outside: &TcpStream) -> io::Result<()> {
    std::thread::scope(|scope| {
        let there = std::thread::Builder::new().name("sandbox-proxy".into()).spawn_scoped(scope, move || {
            let _ = io::copy(&mut &*inside, &mut &*outside);
            let _ = outside.shutdown(Shutdown::Write);
        });
        there?;
        let _ = io::copy(&mut &*outside, &mut &*inside);
        let _ = inside.shutdown(Shutdown::Write);
        Ok(())
    })
}

fn answer(to: &mut impl Write, status: &str, why: &str) -> io::Result<()> {
    let body = format!("plumbline: {why}\n");
    let len = body.len();
    write!(to, "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}")
}

#[cfg(test)]
mod tests;
