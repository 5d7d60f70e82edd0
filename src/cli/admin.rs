//! Speaking to the appliance from its own host: to the running server through its socket, or to the store itself when none runs.
//!
//! Either way it is the same request to the same API; there is no second way to change anything. Who may open the socket or the store
//! owns the data directory, and that is the permission.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Error, Result};
use crate::app::config::Config;
use crate::app::{App, StartError};
use crate::base::id::Ids;
use crate::base::time::Clock;
use crate::engine::store;
use crate::{http, ui};

/// How long a store that is locked without a socket is waited for: a server that is starting or stopping.
const LOCKED_FOR: Duration = Duration::from_secs(5);
/// How long the running server may take to answer: it may ask GitHub meanwhile, which may take its time.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// The largest answer that is held.
const ANSWER_BYTES: u64 = 16 << 20;
/// The largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;

/// The way to the appliance: the running server, or the store itself.
enum Door {
    Server(UnixStream),
    Store(Box<App>),
}

/// Whether a server runs over this data.
pub(super) fn is_served(config: &Config) -> bool {
    UnixStream::connect(config.data_dir.join("admin.sock")).is_ok()
}

/// Sends a request and answers the body; a failure's own message is the error.
pub(super) fn ask(config: &Config, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    match open(config)? {
        Door::Server(stream) => through_socket(stream, method, path, body),
        Door::Store(app) => in_process(&app, method, path, body),
    }
}

/// What takes the pieces of an answer as they come.
pub(super) type Take<'a> = dyn FnMut(&[u8]) -> Result<()> + 'a;

/// Asks for something that is too large to be held, and hands on its pieces as they come.
pub(super) fn stream(config: &Config, path: &str, take: &mut Take<'_>) -> Result<()> {
    match open(config)? {
        Door::Server(stream) => pieces_through_socket(stream, path, take),
        Door::Store(app) => {
            let mut outcome = Ok(());
            let mut pieces = |bytes: &[u8]| {
                outcome = take(bytes);
                outcome.is_ok()
            };
            let asked = runtime()?.block_on(http::host::pieces(ui::router(&app), path, &mut pieces));
            let (status, refusal) = asked.map_err(|error| Error::because("the request could not be carried out", error))?;
            outcome.and(self::outcome(status, &refusal).map(drop))
        }
    }
}

fn open(config: &Config) -> Result<Door> {
    super::owner::become_owner(&config.data_dir)?;
    let started = Instant::now();
    loop {
        if let Ok(stream) = UnixStream::connect(config.data_dir.join("admin.sock")) {
            return Ok(Door::Server(stream));
        }
        refuse_no_data(config)?;
        match App::open(config.clone(), Clock::System, Ids::system()) {
            Ok(app) => return Ok(Door::Store(Box::new(app))),
            Err(StartError::Store(store::Error::Locked { .. })) if started.elapsed() < LOCKED_FOR => {
                std::thread::park_timeout(Duration::from_millis(100));
            }
            Err(error) => return Err(Error::because("cannot open the store, and no server answers at its socket", error)),
        }
    }
}

/// Refuses a directory that holds nothing of an appliance: most likely its name is mistyped, and one that was begun there would answer as
/// if all were well. Where only the store is gone, opening it says so.
fn refuse_no_data(config: &Config) -> Result<()> {
    let dir = &config.data_dir;
    // What cannot be looked at is told of by opening it.
    let is_there = |name: &str| dir.join(name).try_exists().unwrap_or(true);
    if is_there("store.redb") || is_there("blobs") {
        return Ok(());
    }
    Err(Error::new(format!(
        "there is no appliance's data in `{}`: name its directory with --data, or begin one there with `plumbline serve`",
        dir.display()
    )))
}

fn through_socket(mut stream: UnixStream, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let failed = |error| Error::because("the running server did not answer", error);
    let body = body.map(Value::to_string).unwrap_or_default();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES).read_to_end(&mut answer).map_err(failed)?;
    let text = String::from_utf8_lossy(&answer);
    let malformed = || Error::new("the running server answered something that is not HTTP");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(malformed)?;
    let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    outcome(status, body.as_bytes())
}

/// As HTTP/1.0, so that the answer comes as it is and ends with the connection.
fn pieces_through_socket(mut stream: UnixStream, path: &str, take: &mut Take<'_>) -> Result<()> {
    let failed = |error| Error::because("the running server did not answer", error);
    let malformed = || Error::new("the running server answered something that is not HTTP");
    stream.set_read_timeout(Some(ANSWER_WITHIN)).map_err(failed)?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").as_bytes()).map_err(failed)?;
    let (mut head, mut piece) = (Vec::new(), vec![0; 64 << 10]);
    let end = loop {
        let read = stream.read(&mut piece).map_err(failed)?;
        head.extend_from_slice(&piece[..read]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if read == 0 || head.len() > HEAD_BYTES {
            return Err(malformed());
        }
    };
    let rest = head.split_off(end + 4);
    let text = String::from_utf8_lossy(&head);
    let status: u16 = text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
    if status != 200 {
        let mut refusal = rest;
        stream.take(ANSWER_BYTES).read_to_end(&mut refusal).map_err(failed)?;
        return outcome(status, &refusal).map(drop);
    }
    take(&rest)?;
    loop {
        match stream.read(&mut piece).map_err(failed)? {
            0 => return Ok(()),
            read => take(&piece[..read])?,
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::because("cannot start the async runtime", error))
}

fn in_process(app: &App, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let (status, bytes) = runtime()?
        .block_on(http::host::ask(ui::router(app), method, path, body))
        .map_err(|error| Error::because("the request could not be carried out", error))?;
    outcome(status, &bytes)
}

fn outcome(status: u16, body: &[u8]) -> Result<Value> {
    let value: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    if (200..300).contains(&status) {
        return Ok(value);
    }
    let message = value["message"].as_str().map_or_else(|| format!("the server answered {status}"), str::to_owned);
    // What is not as the endpoint takes it is what the options said.
    Err(if status == 400 { Error::wrong_usage(message) } else { Error::new(message) })
}
