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
/// How long the running server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const ANSWER_BYTES: u64 = 16 << 20;

/// Sends a request and answers the body; a failure's own message is the error.
pub(super) fn ask(config: &Config, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    super::owner::become_owner(&config.data_dir)?;
    let started = Instant::now();
    loop {
        if let Ok(stream) = UnixStream::connect(config.data_dir.join("admin.sock")) {
            return through_socket(stream, method, path, body);
        }
        refuse_no_data(config)?;
        match App::open(config.clone(), Clock::System, Ids::system()) {
            Ok(app) => return in_process(&app, method, path, body),
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

fn in_process(app: &App, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::because("cannot start the async runtime", error))?;
    let (status, bytes) = runtime
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
