//! A client that speaks HTTP/1.1 as plainly as can be, and holds every answer against what all answers must have.

use std::net::SocketAddr;
use std::time::Duration;

use plumbline::http::code::Code;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long an answer may take, so that a test that hangs says where.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every header that an answer may have: another is a decision, and is made here.
const HEADERS: &[&str] = &[
    "allow",
    "cache-control",
    "clear-site-data",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "cross-origin-opener-policy",
    "date",
    "etag",
    "idempotent-replayed",
    "location",
    "permissions-policy",
    "referrer-policy",
    "retry-after",
    "set-cookie",
    "strict-transport-security",
    "transfer-encoding",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
    "x-request-id",
];

/// The headers that every answer has, and what is in them.
const FIXED: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
];

/// Somebody who asks.
#[derive(Debug, Clone)]
pub struct Client {
    pub address: SocketAddr,
    headers: Vec<(String, String)>,
    /// From which of the machine's own addresses it comes.
    from: std::net::Ipv4Addr,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    asked: String,
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client { address, headers: vec![("host".to_owned(), address.to_string())], from: std::net::Ipv4Addr::LOCALHOST }
    }

    /// The same from another address, such as 127.0.0.2.
    pub fn from(&self, last: u8) -> Client {
        Client { from: std::net::Ipv4Addr::new(127, 0, 0, last), ..self.clone() }
    }

    /// The same, with a header on every request; it replaces one of its name.
    pub fn with(&self, name: &str, value: &str) -> Client {
        let mut other = self.clone();
        other.headers.retain(|(known, _)| known != name);
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same, with a header besides those that it has, of whatever name.
    pub fn also(&self, name: &str, value: &str) -> Client {
        let mut other = self.clone();
        other.headers.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same, with a token.
    pub fn bearer(&self, token: &str) -> Client {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// What it sends with every request under this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    /// As a browser asks for a page.
    pub async fn page(&self, path: &str) -> Answer {
        self.with("accept", "text/html,*/*;q=0.8").send("GET", path, None).await
    }

    /// From a page of our own: what a form or script there sends.
    pub async fn own(&self, method: &str, path: &str) -> Answer {
        self.with("sec-fetch-site", "same-origin").send(method, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.json("POST", path, body).await
    }

    /// Sends JSON as a script on a page of our own, or a program, does.
    pub async fn json(&self, method: &str, path: &str, body: Value) -> Answer {
        let client = self.with("sec-fetch-site", "same-origin").with("content-type", "application/json");
        client.send(method, path, Some(body.to_string().as_bytes())).await
    }

    /// Sends a form of a page of our own.
    pub async fn form(&self, path: &str, body: &str) -> Answer {
        let client = self.with("sec-fetch-site", "same-origin").with("content-type", "application/x-www-form-urlencoded");
        client.send("POST", path, Some(body.as_bytes())).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        let asked = format!("{method} {path}");
        let exchange = async {
            let mut stream = self.begin(method, path, "HTTP/1.1", body).await;
            let mut bytes = Vec::new();
            // Whoever refuses a body may close before it was sent whole.
            let read = stream.read_to_end(&mut bytes).await;
            assert!(read.is_ok() || !bytes.is_empty(), "{asked}: {read:?}");
            bytes
        };
        let bytes = tokio::time::timeout(PATIENCE, exchange).await.unwrap_or_else(|_| panic!("{asked} was not answered"));
        let answer = Answer::parse(asked, &bytes, method == "HEAD");
        answer.is_as_all_are();
        answer
    }

    /// The status that a stream begins with; it is closed again.
    pub async fn head_of_stream(&self, path: &str) -> u16 {
        let stream = self.begin("GET", path, "HTTP/1.0", None).await;
        let head = Events { stream, read: Vec::new() }.until(b"\r\n").await.expect("an answer begins");
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    async fn begin(&self, method: &str, path: &str, version: &str, body: Option<&[u8]>) -> TcpStream {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((self.from, 0).into()).unwrap();
        let mut stream: TcpStream = socket.connect(self.address).await.unwrap();
        let mut head = format!("{method} {path} {version}\r\nconnection: close\r\n");
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if let Some(body) = body {
            head += &format!("content-length: {}\r\n", body.len());
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        // An answer may come before the body has gone.
        let _ = stream.write_all(body.unwrap_or_default()).await;
        stream
    }

    /// Opens a stream of events. As HTTP/1.0, so that it comes without chunks.
    pub async fn events(&self, path: &str) -> Events {
        let stream = self.with("accept", "text/event-stream").begin("GET", path, "HTTP/1.0", None).await;
        let mut events = Events { stream, read: Vec::new() };
        let head = events.until(b"\r\n\r\n").await.expect("an answer begins");
        assert!(head.starts_with("HTTP/1.0 200") && head.contains("content-type: text/event-stream"), "{head}");
        events
    }
}

/// A stream of events.
pub struct Events {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Events {
    /// The next event, without its comments; `None` once the stream has ended.
    pub async fn next(&mut self) -> Option<String> {
        loop {
            let event = self.until(b"\n\n").await?;
            let lines: Vec<&str> = event.lines().filter(|line| !line.is_empty() && !line.starts_with(':')).collect();
            if !lines.is_empty() {
                return Some(lines.join("\n"));
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end) {
                let rest = self.read.split_off(at + end.len());
                return Some(String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap());
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await.expect("the stream goes on or ends");
            if read.unwrap() == 0 {
                return None;
            }
        }
    }
}

impl Answer {
    fn parse(asked: String, bytes: &[u8], is_head: bool) -> Answer {
        let end = bytes
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("{asked}: no head in {} bytes", bytes.len()));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap()).collect();
        let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec(), asked };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = unchunked(&answer.body);
        }
        if is_head {
            assert!(answer.body.is_empty(), "{}: HEAD is answered without a body", answer.asked);
        }
        answer
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The cookies that it sets, as a browser sends them back.
    pub fn cookies(&self) -> String {
        let set = self.headers.iter().filter(|(name, _)| name == "set-cookie");
        set.map(|(_, value)| value.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error} in {}", self.asked, self.text()))
    }

    /// The word of the error, or nothing.
    pub fn code(&self) -> String {
        self.value()["code"].as_str().unwrap_or("").to_owned()
    }

    #[track_caller]
    pub fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}: {}", self.asked, self.text());
        self
    }

    /// Refused, with this word; answers the sentence.
    #[track_caller]
    pub fn refused(&self, code: &str) -> String {
        assert_eq!(self.code(), code, "{}: {} {}", self.asked, self.status, self.text());
        self.value()["message"].as_str().unwrap().to_owned()
    }

    /// What holds for every answer whatsoever.
    fn is_as_all_are(&self) {
        for (name, _) in &self.headers {
            assert!(HEADERS.contains(&name.as_str()), "{}: a header `{name}` that is not on the list", self.asked);
        }
        for (name, value) in FIXED {
            // The pages that have a form to GitHub say so, and no other does.
            let to_github = value.replace("form-action 'self'", "form-action 'self' http");
            let said = self.header(name).unwrap_or_default();
            let is_setup = (self.asked.contains(" /admin/github") || self.asked.contains(" /account"))
                && said.starts_with(to_github.split("; base-uri").next().unwrap());
            assert!(said == *value || is_setup, "{}: {name}: {said}", self.asked);
        }
        let id = self.header("x-request-id").unwrap_or_default();
        assert!(id.starts_with("req_") && id.len() == 30, "{}: request id `{id}`", self.asked);
        assert!(self.header("cache-control").is_some(), "{}: says nothing of caching", self.asked);
        let kind = self.header("content-type").unwrap_or_default();
        if self.status < 400 || self.body.is_empty() {
            return;
        }
        if kind.starts_with("text/html") {
            return assert!(self.text().contains("</html>"), "{}: a page that is not whole", self.asked);
        }
        assert_eq!(kind, "application/json", "{}: an error is JSON", self.asked);
        let body = self.value();
        if body.get("checks").is_some() {
            // Health says what it found.
            return;
        }
        let code = Code::ALL.iter().find(|code| body["code"] == code.as_str());
        let code = code.unwrap_or_else(|| panic!("{}: {body} has no code of the table", self.asked));
        assert_eq!(code.status().as_u16(), self.status, "{}: {body}", self.asked);
        assert_eq!(body["request_id"], id, "{}", self.asked);
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{}: {body}", self.asked);
        for key in body.as_object().unwrap().keys() {
            assert!(matches!(key.as_str(), "code" | "message" | "request_id" | "details"), "{}: `{key}` in {body}", self.asked);
        }
        assert_eq!(self.status == 401, self.header("www-authenticate").is_some(), "{}", self.asked);
    }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&bytes[end + 2..end + 2 + length]);
        bytes = &bytes[end + 4 + length..];
    }
}
