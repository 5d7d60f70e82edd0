//! Git over HTTP: gix speaks the protocol, our own client carries it.
//!
//! What this adds to carrying: redirects are followed on the one host alone and only while asking for branches, credentials go out as a
//! header of ours and never to another host, and whatever fails keeps its own error beside the one that gix sees. What gix keeps in memory
//! until its end, which is all but a pack, is bounded while it is read.

use std::io::{BufRead, BufReader, Cursor, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gix::protocol::transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};

use super::source::Credentials;
use super::{Error, Result};
use crate::engine::outbound::{self, Client, Request, Response};

/// How many redirects are followed.
const REDIRECTS: usize = 5;
/// The most bytes of an answer that names branches.
pub(super) const LISTING: u64 = 64 << 20;
/// The most bytes of an answer to a question for objects that come before the pack: what is known of our commits, and where history ends.
pub(super) const PREAMBLE: u64 = 4 << 20;
/// The largest request we send: branches wanted and commits had.
const QUESTION: usize = 16 << 20;

/// Where the first error of a fetch is kept.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<Error>>>);

impl Failure {
    pub fn set(&self, error: Error) -> gix::Error {
        let text = error.to_string();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        gix::error::Message::new(text).into()
    }

    /// The error that was kept, or this one.
    pub fn or(&self, other: impl FnOnce() -> Error) -> Error {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(other)
    }
}

/// How many bytes of an answer are taken for now. Whoever asks sets it, since only the asker knows when a pack begins.
#[derive(Clone)]
pub(super) struct Allowance(Arc<AtomicU64>);

impl Allowance {
    /// Takes this many bytes from the beginning of an answer on.
    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Takes what the request itself allows.
    pub fn lift(&self) {
        self.set(u64::MAX);
    }
}

/// One side of a conversation with one host.
pub(super) struct Carrier {
    pub client: Client,
    pub credentials: Option<Credentials>,
    pub until: Instant,
    pub cap: u64,
    pub failure: Failure,
    pub allowance: Allowance,
    redirected: Option<String>,
}

impl Carrier {
    pub fn new(client: &Client, credentials: Option<&Credentials>, until: Instant, cap: u64) -> Carrier {
        Carrier {
            client: client.clone(),
            credentials: credentials.cloned(),
            until,
            cap,
            failure: Failure::default(),
            allowance: Allowance(Arc::new(AtomicU64::new(LISTING))),
            redirected: None,
        }
    }

    fn exchange(&self, method: &'static str, url: String, headers: Vec<(String, String)>) -> Exchange {
        Exchange {
            client: self.client.clone(),
            credentials: self.credentials.clone(),
            until: self.until,
            cap: if method == "GET" { LISTING } else { self.cap },
            method,
            url,
            headers,
            body: Vec::new(),
        }
    }
}

/// A request that has not been sent.
struct Exchange {
    client: Client,
    credentials: Option<Credentials>,
    until: Instant,
    cap: u64,
    method: &'static str,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Exchange {
    fn send(&self) -> Result<Response> {
        let place = Place::of(&self.url)?;
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut secret = Vec::new();
        if let Some(credentials) = &self.credentials {
            if place.scheme == "http" && !self.client.allows(&place.host, place.port) {
                return Err(Error::PlainCredentials { host: place.host });
            }
            secret.push(("authorization", credentials.value()));
        }
        let deadline = self.until.saturating_duration_since(Instant::now());
        if deadline == Duration::ZERO {
            return Err(outbound::Error::Timeout { host: place.host, doing: "answer" }.into());
        }
        let request = Request {
            method: self.method,
            url: &self.url,
            headers: &headers,
            secret_headers: &secret,
            body: &self.body,
            deadline,
            cap: self.cap,
        };
        Ok(self.client.send(&request)?)
    }

    /// Takes nothing but the answer that was asked for.
    fn judged(&self, answer: Response) -> Result<Response> {
        let host = Place::of(&self.url)?.host;
        match answer.status {
            200 => Ok(answer),
            401 => Err(Error::AuthenticationRequired { host, refused: self.credentials.is_some() }),
            403 | 404 | 410 => Err(Error::NotThere { host, status: answer.status }),
            300..=399 => Err(Error::Redirected { host, to: "another place".to_owned() }),
            status => Err(Error::Status { host, status }),
        }
    }
}

impl Http for Carrier {
    type Headers = Headers;
    type ResponseBody = Answer;
    type PostBody = Question;

    fn get(
        &mut self,
        url: &str,
        base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Headers, Answer>> {
        let mut exchange = self.exchange("GET", url.to_owned(), lines(headers));
        let tail = url.strip_prefix(base_url).unwrap_or("").to_owned();
        let answer = follow(&mut exchange, &tail).map_err(|e| self.failure.set(e))?;
        if exchange.url != url {
            self.redirected = exchange.url.strip_suffix(&tail).map(str::to_owned);
        }
        let (headers, body) = opened(answer, self.failure.clone(), self.allowance.clone());
        Ok(GetResponse { headers: Headers::Come(Cursor::new(headers)), body: Answer::Come(body) })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Headers, Answer, Question>> {
        let exchange = self.exchange("POST", url.to_owned(), lines(headers));
        let shared = Shared(Arc::new(Mutex::new(State::Asking(exchange))), self.failure.clone(), self.allowance.clone());
        Ok(PostResponse { post_body: Question(shared.clone()), headers: Headers::Due(shared.clone()), body: Answer::Due(shared) })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> gix::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        self.redirected.clone()
    }
}

/// Follows redirects that stay on the host, to the same question at another path.
fn follow(exchange: &mut Exchange, tail: &str) -> Result<Response> {
    for _ in 0..=REDIRECTS {
        let answer = exchange.send()?;
        if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return exchange.judged(answer);
        }
        let from = Place::of(&exchange.url)?;
        let location = answer.header("location").unwrap_or("");
        let next = if location.starts_with('/') && !location.starts_with("//") {
            format!("{}{location}", from.origin())
        } else {
            location.to_owned()
        };
        let elsewhere = |to: &str| Error::Redirected { host: from.host.clone(), to: to.to_owned() };
        let to = Place::of(&next).map_err(|_| elsewhere("an address that cannot be read"))?;
        let upgraded = from.scheme == "http" && from.port == 80 && to.scheme == "https" && to.port == 443;
        if to.host != from.host || (to.origin() != from.origin() && !upgraded) {
            return Err(elsewhere(&to.origin()));
        }
        if !next.ends_with(tail) {
            return Err(elsewhere("a page that is not this repository"));
        }
        exchange.url = next;
    }
    let host = Place::of(&exchange.url)?.host;
    Err(Error::Redirected { to: format!("{host}, again and again"), host })
}

/// The parts of an address that say which machine is meant.
pub(super) struct Place {
    pub scheme: &'static str,
    pub host: String,
    pub port: u16,
}

impl Place {
    pub fn of(url: &str) -> Result<Place> {
        let bad = |why| Error::from(outbound::Error::BadUrl { why });
        let (scheme, rest, port) = if let Some(rest) = url.strip_prefix("https://") {
            ("https", rest, 443)
        } else if let Some(rest) = url.strip_prefix("http://") {
            ("http", rest, 80)
        } else {
            return Err(bad("it begins with neither http:// nor https://"));
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
        if authority.contains(['@', '\\']) || authority.is_empty() {
            return Err(bad("it names no plain host"));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, digits)) if !digits.contains(']') => (host, digits.parse().map_err(|_| bad("its port is no number"))?),
            _ => (authority, port),
        };
        Ok(Place { scheme, host: host.to_ascii_lowercase(), port })
    }

    fn origin(&self) -> String {
        format!("{}://{}:{}", self.scheme, self.host, self.port)
    }
}

fn lines(headers: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<(String, String)> {
    let split = |line: &str| line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()));
    headers
        .into_iter()
        .filter_map(|line| split(line.as_ref()))
        // The client says who we are, and the credentials are ours to give.
        .filter(|(name, _)| name != "user-agent" && name != "authorization")
        .collect()
}

fn opened(answer: Response, failure: Failure, allowance: Allowance) -> (Vec<u8>, BufReader<Watched>) {
    let mut text = Vec::new();
    for (name, value) in &answer.headers {
        text.extend_from_slice(format!("{name}: {value}\n").as_bytes());
    }
    (text, BufReader::with_capacity(64 << 10, Watched { body: answer.body, failure, allowance, taken: 0 }))
}

/// A body whose errors are kept, and of which no more is taken than is allowed.
pub(super) struct Watched {
    body: outbound::Body,
    failure: Failure,
    allowance: Allowance,
    taken: u64,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.body.read(buffer).map_err(|e| match outbound::Body::error(e) {
            Ok(ours) => std::io::Error::other(self.failure.set(ours.into())),
            Err(other) => other,
        })?;
        self.taken += read as u64;
        let cap = self.allowance.0.load(Ordering::Relaxed);
        if self.taken > cap {
            let error = outbound::Error::TooLarge { host: self.body.host().to_owned(), cap };
            return Err(std::io::Error::other(self.failure.set(error.into())));
        }
        Ok(read)
    }
}

/// A request that is sent when its answer is first looked at.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<State>>, Failure, Allowance);

enum State {
    Asking(Exchange),
    Answered { headers: Option<Vec<u8>>, body: Option<BufReader<Watched>> },
    Failed,
}

impl Shared {
    fn answered<T>(&self, take: impl FnOnce(&mut Option<Vec<u8>>, &mut Option<BufReader<Watched>>) -> Option<T>) -> std::io::Result<T> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Asking(exchange) = &*state {
            *state = match exchange.send().and_then(|answer| exchange.judged(answer)) {
                Ok(answer) => {
                    let (headers, body) = opened(answer, self.1.clone(), self.2.clone());
                    State::Answered { headers: Some(headers), body: Some(body) }
                }
                Err(e) => {
                    let error = self.1.set(e);
                    *state = State::Failed;
                    return Err(std::io::Error::other(error));
                }
            };
        }
        let gone = || std::io::Error::other("the answer was taken already");
        match &mut *state {
            State::Answered { headers, body } => take(headers, body).ok_or_else(gone),
            State::Asking(_) | State::Failed => Err(gone()),
        }
    }
}

/// What is sent along with a request.
pub(super) struct Question(Shared);

impl std::io::Write for Question {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Asking(exchange) if exchange.body.len() + bytes.len() <= QUESTION => {
                exchange.body.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            State::Asking(_) => Err(std::io::Error::other("the question has grown too large")),
            State::Answered { .. } | State::Failed => Err(std::io::Error::other("the question was sent already")),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The headers of an answer, line by line.
pub(super) enum Headers {
    Due(Shared),
    Come(Cursor<Vec<u8>>),
}

impl Headers {
    fn come(&mut self) -> std::io::Result<&mut Cursor<Vec<u8>>> {
        if let Headers::Due(shared) = self {
            *self = Headers::Come(Cursor::new(shared.answered(|headers, _| headers.take())?));
        }
        match self {
            Headers::Come(text) => Ok(text),
            Headers::Due(_) => Err(std::io::Error::other("no answer came")),
        }
    }
}

/// The body of an answer.
pub(super) enum Answer {
    Due(Shared),
    Come(BufReader<Watched>),
}

impl Answer {
    fn come(&mut self) -> std::io::Result<&mut BufReader<Watched>> {
        if let Answer::Due(shared) = self {
            *self = Answer::Come(shared.answered(|_, body| body.take())?);
        }
        match self {
            Answer::Come(body) => Ok(body),
            Answer::Due(_) => Err(std::io::Error::other("no answer came")),
        }
    }
}

/// Reads by way of what has come.
macro_rules! read_through {
    ($($name:ident)+) => {$(
        impl Read for $name {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.come()?.read(buffer)
            }
        }

        impl BufRead for $name {
            fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
                self.come()?.fill_buf()
            }

            fn consume(&mut self, read: usize) {
                if let Ok(come) = self.come() {
                    come.consume(read);
                }
            }
        }
    )+};
}

read_through! { Headers Answer }
