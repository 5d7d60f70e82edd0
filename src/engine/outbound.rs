//! Requests to other machines: the only place that opens an HTTP connection.
//!
//! Where a request goes is often said by someone we need not trust: a repository's address, a webhook's target. So each name is resolved
//! once, each address is judged by [`guard`], and the connection is made to the addresses that were judged; what points into our own
//! network is refused unless the operator has named the host. Redirects are never followed here, since another place is another decision.
//! Every request has a deadline, every answer a cap in bytes.
//!
//! Errors name the host and the reason; they never hold a path, a query or a header, where secrets live.

mod client;
pub mod guard;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

pub use client::{Body, Client, Request, Response, parse};

/// How requests are made.
#[derive(Debug, Clone)]
pub struct Config {
    /// Hosts, as `host` or `host:port`, that are spoken to whatever their address is.
    pub allow_hosts: Vec<String>,
    /// Certificates (PEM) of the authorities to trust, in place of the built-in ones.
    pub ca_file: Option<PathBuf>,
    /// How long resolving a name and connecting may take together: 10 seconds.
    pub connect_timeout: Duration,
    /// How long the other side may say nothing: 60 seconds.
    pub idle_timeout: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config { allow_hosts: Vec::new(), ca_file: None, connect_timeout: Duration::from_secs(10), idle_timeout: Duration::from_secs(60) }
    }
}

/// What can fail when another machine is asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be read. It is not repeated, since it may hold a secret.
    #[error("the address is not one that can be asked: {why}")]
    BadUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The host's address lies where requests do not go.
    #[error("`{host}` is at {address}, {why}: requests do not go there unless the host is allowed in the configuration")]
    Refused {
        /// The host that was named.
        host: String,
        /// Its address.
        address: IpAddr,
        /// What kind of address that is.
        why: &'static str,
    },
    /// The name is not known.
    #[error("`{host}` cannot be found: check its name and the name service")]
    Unresolved {
        /// The host that was named.
        host: String,
    },
    /// The other side took too long.
    #[error("`{host}` did not {doing} in time")]
    Timeout {
        /// The host.
        host: String,
        /// What it should have done.
        doing: &'static str,
    },
    /// The connection failed or broke.
    #[error("the connection to `{host}` failed: {source}")]
    Connection {
        /// The host.
        host: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The other side's certificate is not trusted, or there is no agreement about encryption.
    #[error("no trusted connection to `{host}`: {why}")]
    Tls {
        /// The host.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// The answer is not HTTP.
    #[error("`{host}` does not answer as HTTP asks: {why}")]
    Protocol {
        /// The host.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// The answer is larger than is taken.
    #[error("`{host}` answered with more than {cap} bytes, the most that is read")]
    TooLarge {
        /// The host.
        host: String,
        /// How many bytes are read.
        cap: u64,
    },
    /// The file with the authorities' certificates cannot be used.
    #[error("cannot use the certificates in `{}`: {why}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// What failed, in words that name no host and no address.
    pub fn public(&self) -> &'static str {
        match self {
            Error::BadUrl { .. } => "its address cannot be used",
            Error::Refused { .. } => "its address lies where requests do not go",
            Error::Unresolved { .. } => "its host cannot be found",
            Error::Timeout { .. } => "its host did not answer in time",
            Error::Connection { .. } => "the connection to its host failed",
            Error::Tls { .. } => "there is no trusted connection to its host",
            Error::Protocol { .. } => "its host does not answer as HTTP asks",
            Error::TooLarge { .. } => "its host answered with more than is read",
            Error::Authorities { .. } => "the appliance's certificates cannot be used",
        }
    }

    /// Whether the same request may succeed a while later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Unresolved { .. } | Error::Timeout { .. } | Error::Connection { .. } => true,
            Error::BadUrl { .. }
            | Error::Refused { .. }
            | Error::Tls { .. }
            | Error::Protocol { .. }
            | Error::TooLarge { .. }
            | Error::Authorities { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
