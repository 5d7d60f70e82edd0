//! Where a request comes from: its peer's address, or what a proxy that is trusted says of it.
//!
//! A proxy adds the address that it saw at the end of `X-Forwarded-For`, or as `for=` at the end of `Forwarded` (RFC 7239); whatever stands
//! before was sent to it and may be anybody's invention. So the list is read from its end, and only for as long as whoever added the
//! entry is trusted: the first address that is of no trusted proxy is where the request comes from. What cannot be read ends the walk at
//! the last proxy that could be.
//!
//! A proxy that writes one of the two headers and hands the other on as it came would let anybody name any address in that one: where
//! both are there and disagree, neither is believed, and the request comes from the proxy.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, header};
use axum::middleware::Next;
use axum::response::Response;

use super::auth::Address;
use crate::app::App;
use crate::base::network::{self, Network};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The most proxies that are seen through.
const HOPS: usize = 16;

/// Puts the [`Address`] on the request. What comes through the host's own socket has none.
pub async fn origin(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| network::plain(peer.ip()));
    if let Some(peer) = peer
        && is_near(peer)
        && !is_trusted(peer, &app.config.trusted_proxies)
        && (request.headers().contains_key(FORWARDED_FOR) || request.headers().contains_key(header::FORWARDED))
    {
        // The first will do; health tells of it as well.
        if app.unnamed_proxy.set(peer).is_ok() {
            tracing::warn!(
                "requests come through {peer}, which is not known to be a proxy, so that limits and the trail cannot tell its clients apart: name \
                 it in `trusted_proxies`"
            );
        }
    }
    let address = peer.map(|peer| of(peer, request.headers(), &app.config.trusted_proxies));
    request.extensions_mut().insert(Address(address.map(|address| address.to_string())));
    next.run(request).await
}

/// Whether an address is of this machine or of a network of its owner's: one from which only a proxy sends on what others asked.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local(),
    }
}

/// The address that a request of this peer comes from.
fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let walked = |list: Vec<Option<IpAddr>>| (!list.is_empty()).then(|| walk(peer, list, trusted));
    match (walked(forwarded_for(headers)), walked(forwarded(headers))) {
        (Some(one), Some(other)) if one != other => peer,
        (Some(address), _) | (None, Some(address)) => address,
        (None, None) => peer,
    }
}

fn is_trusted(address: IpAddr, trusted: &[Network]) -> bool {
    trusted.iter().any(|network| network.contains(address))
}

/// Follows the list from its end for as long as it was added to by somebody who is trusted.
fn walk(peer: IpAddr, list: Vec<Option<IpAddr>>, trusted: &[Network]) -> IpAddr {
    let mut from = peer;
    for hop in list.into_iter().rev().take(HOPS) {
        let Some(address) = hop else { break };
        from = address;
        if !is_trusted(from, trusted) {
            break;
        }
    }
    from
}

/// Every part of a header that may be there several times, in the order it grew.
fn parts(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter();
    values.flat_map(|value| value.to_str().unwrap_or("?").split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>()).collect()
}

fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    parts(headers, &FORWARDED_FOR).iter().map(|part| address(part)).collect()
}

fn forwarded(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let of_hop = |hop: &String| {
        let pairs = hop.split(';').filter_map(|pair| pair.trim().split_once('='));
        let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
        // A hop that names two names none.
        match (named.next(), named.next()) {
            (Some((_, value)), None) => address(value.trim().trim_matches('"')),
            _ => None,
        }
    };
    parts(headers, &header::FORWARDED).iter().map(of_hop).collect()
}

/// An address, with or without a port; one of IPv6 may stand in brackets.
fn address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(network::plain(address));
    }
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return Some(network::plain(socket.ip()));
    }
    text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok().map(network::plain)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"].map(|network| network.parse().unwrap());
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        of(peer.parse().unwrap(), &map, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_what_it_added() {
        const XFF: &str = "x-forwarded-for";
        let cases = [
            ("203.0.113.9", vec![(XFF, "1.2.3.4")], "203.0.113.9"),
            ("127.0.0.1", vec![], "127.0.0.1"),
            ("127.0.0.1", vec![(XFF, "1.2.3.4")], "1.2.3.4"),
            // What the client wrote itself stands before what the proxy saw.
            ("127.0.0.1", vec![(XFF, "9.9.9.9, 1.2.3.4")], "1.2.3.4"),
            ("127.0.0.1", vec![(XFF, "9.9.9.9"), (XFF, "1.2.3.4")], "1.2.3.4"),
            ("127.0.0.1", vec![(XFF, "9.9.9.9, 1.2.3.4, 10.1.1.1")], "1.2.3.4"),
            ("127.0.0.1", vec![(XFF, "127.0.0.1, 10.1.1.1")], "127.0.0.1"),
            ("127.0.0.1", vec![(XFF, "1.2.3.4, unknown")], "127.0.0.1"),
            ("127.0.0.1", vec![(XFF, "1.2.3.4, , 10.1.1.1")], "10.1.1.1"),
            ("127.0.0.1", vec![(XFF, "")], "127.0.0.1"),
            ("127.0.0.1", vec![(XFF, "1.2.3.4:5678")], "1.2.3.4"),
            ("127.0.0.1", vec![(XFF, "[2606::1]:5678")], "2606::1"),
            ("127.0.0.1", vec![(XFF, "[2606::1]")], "2606::1"),
            ("127.0.0.1", vec![(XFF, "::ffff:1.2.3.4")], "1.2.3.4"),
            ("127.0.0.1", vec![(XFF, "<script>")], "127.0.0.1"),
            ("2001:db8::1", vec![("forwarded", "for=9.9.9.9, for=\"[2606::1]:4711\";proto=https;by=10.0.0.1")], "2606::1"),
            ("127.0.0.1", vec![("forwarded", "For=1.2.3.4")], "1.2.3.4"),
            ("127.0.0.1", vec![("forwarded", "for=_hidden")], "127.0.0.1"),
            ("127.0.0.1", vec![("forwarded", "for=1.2.3.4;for=5.6.7.8")], "127.0.0.1"),
            ("127.0.0.1", vec![("forwarded", "proto=https")], "127.0.0.1"),
            ("127.0.0.1", vec![("forwarded", "for=1.2.3.4"), (XFF, "1.2.3.4")], "1.2.3.4"),
            // One of the two was handed on as it came: which, nobody here can know.
            ("127.0.0.1", vec![("forwarded", "for=9.9.9.9"), (XFF, "1.2.3.4")], "127.0.0.1"),
        ];
        for (peer, headers, expected) in cases {
            assert_eq!(seen(peer, &headers), expected, "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_list_without_end_is_walked_so_far() {
        let list = vec!["10.1.1.1"; 10_000].join(",");
        assert_eq!(seen("127.0.0.1", &[("x-forwarded-for", &format!("1.2.3.4,{list}"))]), "10.1.1.1");
    }
}
