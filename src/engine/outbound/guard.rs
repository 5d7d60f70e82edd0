//! Which addresses are spoken to: those of the public internet, and what the operator has named.
//!
//! The idea is to name what is allowed where that is short (of IPv6, the global unicast range) and to look through every form that
//! carries an IPv4 address inside. Sources: the IANA special-purpose address registries (RFC 6890), and the metadata addresses of clouds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Error, Result};

/// The hosts that are spoken to whatever their address is.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Vec<String>,
}

impl Guard {
    /// A guard that lets these hosts through, each `host` or `host:port`.
    pub fn new(allow: &[String]) -> Guard {
        Guard { allow: allow.iter().map(|host| host.trim().to_ascii_lowercase()).filter(|host| !host.is_empty()).collect() }
    }

    /// This guard, which lets one more host through, at this port alone.
    pub fn and(&self, host: &str, port: u16) -> Guard {
        let mut allow = self.allow.clone();
        allow.push(format!("{}:{port}", host.trim_end_matches('.').to_ascii_lowercase()));
        Guard { allow }
    }

    /// Whether the operator has named this host, with this port or with any.
    pub fn allows(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let with_port = format!("{host}:{port}");
        self.allow.iter().any(|allowed| *allowed == host || *allowed == with_port)
    }

    /// Judges all the addresses a host was found at: one that is refused refuses the host, since its owner chose them.
    pub fn check(&self, host: &str, port: u16, addresses: &[SocketAddr]) -> Result<()> {
        if self.allows(host, port) {
            return Ok(());
        }
        for address in addresses {
            if let Some(why) = refusal(address.ip()) {
                return Err(Error::Refused { host: host.to_owned(), address: address.ip(), why });
            }
        }
        Ok(())
    }
}

/// Why an address is not spoken to, if it is not.
pub fn refusal(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => refusal_v4(address),
        IpAddr::V6(address) => refusal_v6(address),
    }
}

fn refusal_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, d] = address.octets();
    Some(match (a, b, c, d) {
        (0, ..) => "an address of this machine",
        (127, ..) => "a loopback address",
        (10, ..) | (172, 16..=31, ..) | (192, 168, ..) => "a private address",
        (100, 64..=127, ..) => "an address behind a provider's translation",
        (169, 254, ..) => "a link-local address, where clouds keep their metadata",
        (168, 63, 129, 16) => "a cloud's metadata address",
        (192, 0, 0, _) | (192, 88, 99, _) => "an address of a protocol",
        (192, 0, 2, _) | (198, 51, 100, _) | (203, 0, 113, _) => "an address of examples",
        (198, 18..=19, ..) => "an address of benchmarks",
        (224..=239, ..) => "a multicast address",
        (240..=255, ..) => "a reserved address",
        _ => return None,
    })
}

fn refusal_v6(address: Ipv6Addr) -> Option<&'static str> {
    let parts = address.segments();
    let inner = || {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match parts {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some("an address of this machine"),
        [0, 0, 0, 0, 0, 0, 0, 1] => Some("a loopback address"),
        // Mapped, and translated by NAT64: what counts is the address inside.
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => refusal_v4(inner()),
        [0xfe80..=0xfebf, ..] => Some("a link-local address"),
        [0xfc00..=0xfdff, ..] => Some("a private address"),
        [0xff00..=0xffff, ..] => Some("a multicast address"),
        [0x2001, 0..=0x1ff, ..] => Some("an address of a protocol"),
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Some("an address of examples"),
        [0x2002, ..] => Some("a 6to4 address"),
        [0x2000..=0x3fff, ..] => None,
        _ => Some("a reserved address"),
    }
}
