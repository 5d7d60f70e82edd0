//! The client: one request, one answer, nothing in between that decides by itself.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::Uri;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::time::Duration as Span;
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use super::guard::Guard;
use super::{Config, Error, Result};
use crate::base::secret::Secret;

/// The most bytes of an answer's headers.
const HEADERS: usize = 64 << 10;
/// The largest file of certificates.
const AUTHORITIES: u64 = 16 << 20;

/// What asks other machines. Cheaply cloned; connections are shared and used again.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    guard: Arc<Guard>,
}

/// What is asked of another machine.
#[derive(Debug)]
pub struct Request<'a> {
    /// `GET`, `POST` and so on.
    pub method: &'a str,
    /// The address, without a user or a password in it.
    pub url: &'a str,
    /// Headers.
    pub headers: &'a [(&'a str, &'a str)],
    /// Headers whose values are secret.
    pub secret_headers: &'a [(&'a str, &'a Secret<String>)],
    /// What is sent along.
    pub body: &'a [u8],
    /// How long all of it may take, reading the answer included.
    pub deadline: Duration,
    /// The most bytes of the answer's body.
    pub cap: u64,
}

/// What another machine answered.
#[derive(Debug)]
pub struct Response {
    /// The status: any, since what it means is the caller's to say.
    pub status: u16,
    /// The headers in the order they came, names in lower case; values that are not text are left out.
    pub headers: Vec<(String, String)>,
    /// The body, to be read.
    pub body: Body,
}

impl Response {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The body of an answer. Reading ends with an error at the deadline, and where there is more than was asked for; the error holds an
/// [`Error`], which [`Body::error`] brings back.
pub struct Body {
    reader: ureq::BodyReader<'static>,
    host: String,
    cap: u64,
    left: u64,
}

impl Body {
    /// The error of ours that is inside an error of reading.
    pub fn error(error: std::io::Error) -> std::result::Result<Error, std::io::Error> {
        error.downcast::<Error>()
    }

    /// The host that answers.
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        // One byte more than is left tells an answer that ends here from one that goes on.
        let room = usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(&mut buffer[..room]).map_err(|e| {
            let error = if e.get_ref().is_some_and(|inner| inner.is::<ureq::Error>()) {
                let inner = e.into_inner().and_then(|inner| inner.downcast::<ureq::Error>().ok());
                inner.map_or(Error::Protocol { host: self.host.clone(), why: "the answer broke off".into() }, |inner| {
                    told(&self.host, *inner)
                })
            } else {
                told(&self.host, ureq::Error::Io(e))
            };
            std::io::Error::other(error)
        })?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(std::io::Error::other(Error::TooLarge { host: self.host.clone(), cap: self.cap })),
        }
        Ok(read)
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("host", &self.host).field("left", &self.left).finish_non_exhaustive()
    }
}

impl Client {
    /// A client after this configuration.
    pub fn new(config: &Config) -> Result<Client> {
        let guard = Arc::new(Guard::new(&config.allow_hosts));
        let mut tls = TlsConfig::builder();
        if let Some(path) = &config.ca_file {
            let fail = |why: String| Error::Authorities { path: path.clone(), why };
            let mut pem = Vec::new();
            let file = std::fs::File::open(path).map_err(|e| fail(e.to_string()))?;
            file.take(AUTHORITIES).read_to_end(&mut pem).map_err(|e| fail(e.to_string()))?;
            let mut certificates = Vec::new();
            for item in parse_pem(&pem) {
                if let PemItem::Certificate(certificate) = item.map_err(|e| fail(e.to_string()))? {
                    certificates.push(certificate);
                }
            }
            if certificates.is_empty() {
                return Err(fail("there is no certificate in it".to_owned()));
            }
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
        }
        let settings = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The environment has no say in where requests go.
            .proxy(None)
            .tls_config(tls.build())
            .user_agent(concat!("plumbline/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .max_response_header_size(HEADERS)
            .timeout_resolve(Some(config.connect_timeout))
            .timeout_connect(Some(config.connect_timeout))
            .timeout_per_read(Some(config.idle_timeout))
            .timeout_per_write(Some(config.idle_timeout))
            .build();
        Ok(Client { agent: agent(settings, &guard), guard })
    }

    /// Whether the operator has named this host.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        self.guard.allows(host, port)
    }

    /// A client of the same configuration with connections of its own, which [`Client::close`] ends.
    pub fn apart(&self) -> Client {
        Client { agent: agent(self.agent.config().clone(), &self.guard), guard: Arc::clone(&self.guard) }
    }

    /// Ends the requests that are under way, whichever thread waits for them, and makes no more. Resolving a name and connecting end at
    /// their own timeout.
    pub fn close(&self) {
        self.agent.clone().shutdown();
    }

    /// A client that lets one more host through, at this port alone. Its connections are its own: no other client comes by them.
    pub fn allowing(&self, host: &str, port: u16) -> Client {
        let guard = Arc::new(self.guard.and(host, port));
        Client { agent: agent(self.agent.config().clone(), &guard), guard }
    }

    /// A client that lets the host of an address through, at its port alone.
    pub fn allowing_url(&self, url: &str) -> Result<Client> {
        let uri: Uri = url.parse().map_err(|_| Error::BadUrl { why: "it is not a URL" })?;
        let host = checked(&uri)?;
        Ok(self.allowing(&host, port_of(&uri)))
    }

    /// Judges where an address leads, and asks nothing of it.
    pub fn judge(&self, url: &str) -> Result<()> {
        let uri: Uri = url.parse().map_err(|_| Error::BadUrl { why: "it is not a URL" })?;
        let host = checked(&uri)?;
        let config = self.agent.config();
        let within = config.timeouts().resolve.map_or(Span::NotHappening, Span::from);
        let timeout = NextTimeout { after: within, reason: ureq::Timeout::Resolve, ..NextTimeout::default() };
        let resolver = Guarded { guard: Arc::clone(&self.guard), inner: DefaultResolver::default() };
        resolver.resolve(&uri, config, timeout).map(|_| ()).map_err(|e| told(&host, e))
    }

    /// Asks, and answers once the headers have come.
    pub fn send(&self, request: &Request<'_>) -> Result<Response> {
        let uri: Uri = request.url.parse().map_err(|_| Error::BadUrl { why: "it is not a URL" })?;
        let host = checked(&uri)?;
        let begun = Instant::now();
        let mut builder = ureq::http::Request::builder().method(request.method).uri(uri);
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        for (name, value) in request.secret_headers {
            let mut value = ureq::http::HeaderValue::from_str(value.expose()).map_err(|_| Error::Protocol {
                host: host.clone(),
                why: "a secret header has a character that headers cannot hold".into(),
            })?;
            value.set_sensitive(true);
            builder = builder.header(*name, value);
        }
        let malformed = |_| Error::Protocol { host: host.clone(), why: "a header or the method cannot be sent".into() };
        let left = request.deadline.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        let answer = if request.body.is_empty() && request.method != "POST" {
            let asked = builder.body(()).map_err(malformed)?;
            self.agent.run(self.agent.configure_request(asked).timeout_global(Some(left)).build())
        } else {
            let asked = builder.body(request.body).map_err(malformed)?;
            self.agent.run(self.agent.configure_request(asked).timeout_global(Some(left)).build())
        };
        let (parts, body) = answer.map_err(|e| told(&host, e))?.into_parts();
        let headers = parts.headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        Ok(Response {
            status: parts.status.as_u16(),
            headers: headers.collect(),
            body: Body { reader: body.into_reader(), host, cap: request.cap, left: request.cap },
        })
    }
}

fn agent(settings: ureq::config::Config, guard: &Arc<Guard>) -> ureq::Agent {
    let resolver = Guarded { guard: Arc::clone(guard), inner: DefaultResolver::default() };
    ureq::Agent::with_parts(settings, DefaultConnector::default(), resolver)
}

/// Looks whether a text is an address that can be asked at all, wherever it leads.
pub fn parse(url: &str) -> Result<()> {
    let uri: Uri = url.parse().map_err(|_| Error::BadUrl { why: "it is not a URL" })?;
    checked(&uri).map(drop)
}

/// The host of an address that can be asked.
fn checked(uri: &Uri) -> Result<String> {
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(Error::BadUrl { why: "it begins with neither http:// nor https://" });
    }
    let Some(authority) = uri.authority() else { return Err(Error::BadUrl { why: "it names no host" }) };
    if authority.as_str().contains('@') {
        return Err(Error::BadUrl { why: "it holds a user or a password; give credentials apart" });
    }
    if authority.host().is_empty() {
        return Err(Error::BadUrl { why: "it names no host" });
    }
    Ok(authority.host().to_owned())
}

/// The port of an address, said or meant.
fn port_of(uri: &Uri) -> u16 {
    uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 })
}

/// Our own words for what ureq says.
fn told(host: &str, error: ureq::Error) -> Error {
    let host = host.to_owned();
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(inner) => Error::Protocol { host, why: inner.to_string() },
        },
        ureq::Error::HostNotFound => Error::Unresolved { host },
        ureq::Error::Timeout(which) => Error::Timeout {
            host,
            doing: match which {
                ureq::Timeout::Resolve => "resolve",
                ureq::Timeout::Connect => "accept the connection",
                ureq::Timeout::SendRequest | ureq::Timeout::SendBody | ureq::Timeout::PerWrite => "take the request",
                ureq::Timeout::RecvResponse | ureq::Timeout::PerRead => "answer",
                _ => "finish answering",
            },
        },
        ureq::Error::Io(source) => match source.downcast::<Error>() {
            Ok(ours) => ours,
            Err(source) => match source.kind() {
                std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock => Error::Timeout { host, doing: "answer" },
                // What the name service says comes as an error without a kind.
                _ if source.to_string().contains("lookup address information") => Error::Unresolved { host },
                _ => Error::Connection { host, source },
            },
        },
        ureq::Error::ConnectionFailed => Error::Connection { host, source: std::io::Error::other("no address of it took the connection") },
        ureq::Error::Tls(why) => Error::Tls { host, why: why.to_owned() },
        ureq::Error::Rustls(why) => Error::Tls { host, why: why.to_string() },
        ureq::Error::BadUri(_) => Error::BadUrl { why: "it is not a URL" },
        other => Error::Protocol { host, why: other.to_string() },
    }
}

/// Resolves names and judges what they resolve to. Connections are made to the answer and to nothing else.
#[derive(Debug)]
struct Guarded<R = DefaultResolver> {
    guard: Arc<Guard>,
    inner: R,
}

impl<R: Resolver> Resolver for Guarded<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = self.inner.resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or("");
        self.guard.check(host, port_of(uri), &addresses).map_err(|e| ureq::Error::Other(Box::new(e)))?;
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Mutex;

    use super::*;

    /// A name service that answers otherwise each time, as somebody has it who wants to be asked once more.
    #[derive(Debug)]
    struct Fickle(Mutex<Vec<SocketAddr>>);

    impl Resolver for Fickle {
        fn resolve(&self, _: &Uri, _: &ureq::config::Config, _: NextTimeout) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
            let mut found = self.empty();
            found.push(self.0.lock().unwrap().pop().expect("it is asked so often and no more"));
            Ok(found)
        }
    }

    #[test]
    fn a_name_that_leads_elsewhere_the_next_time_is_judged_each_time_and_spoken_to_as_it_was_judged() {
        let answers = ["169.254.169.254:80", "1.1.1.1:80"].map(|address| address.parse().unwrap());
        let guarded = Guarded { guard: Arc::new(Guard::new(&[])), inner: Fickle(Mutex::new(answers.to_vec())) };
        let look = || {
            let timeout = NextTimeout { after: Span::NotHappening, reason: ureq::Timeout::Resolve, ..NextTimeout::default() };
            guarded.resolve(&"http://rebinding.example/".parse().unwrap(), &ureq::config::Config::default(), timeout)
        };
        // What is connected to is this answer: one look, which was judged.
        assert_eq!(look().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>(), ["1.1.1.1:80"]);
        let refused = told("rebinding.example", look().unwrap_err());
        assert!(matches!(refused, Error::Refused { .. }), "{refused}");
    }
}
