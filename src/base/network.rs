//! Networks of addresses: `10.0.0.0/8`, `2001:db8::/32`, or a single address.

use std::net::{IpAddr, Ipv6Addr};

/// A network: all addresses that begin with the same bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    base: IpAddr,
    bits: u8,
}

/// A text that is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not an address or network such as 127.0.0.1, 10.0.0.0/8 or 2001:db8::/32")]
pub struct InvalidNetwork {
    /// What was given.
    pub input: String,
}

/// The address as it is meant: one of IPv4 that is written as one of IPv6 is the one of IPv4.
pub fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// What stands for all that one household or machine can easily have: of IPv6 the network of 64 bits.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match plain(address) {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

/// What requests or tries of an address are counted under; `None` for this machine itself: they are its owner's, or those of a proxy in
/// front that is not named in `trusted_proxies`, whose clients cannot be told apart, and one of them would lock out all the others.
pub fn source(address: &str) -> Option<String> {
    let address: IpAddr = address.parse().ok()?;
    (!plain(address).is_loopback()).then(|| neighbourhood(address).to_string())
}

impl Network {
    /// Whether an address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let shift = |width: u32| width - u32::from(self.bits);
        match (self.base, plain(address)) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(shift(32)).is_none_or(|differs| differs == 0)
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                (base.to_bits() ^ address.to_bits()).checked_shr(shift(128)).is_none_or(|differs| differs == 0)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl std::str::FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(input: &str) -> Result<Network, InvalidNetwork> {
        let invalid = || InvalidNetwork { input: super::text::clip(input, 80).into_owned() };
        let (address, bits) = match input.trim().split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| invalid())?)),
            None => (input.trim(), None),
        };
        let base: IpAddr = address.parse().map_err(|_| invalid())?;
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(width);
        if bits > width {
            return Err(invalid());
        }
        Ok(Network { base, bits })
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_what_begins_as_it_does() {
        let holds = |network: &str, address: &str| network.parse::<Network>().unwrap().contains(address.parse().unwrap());
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("10.0.0.0/8", "10.255.1.2") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"), "an address of IPv4 in the form of one of IPv6");
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "::1") && holds("::1/128", "::1") && !holds("::1/128", "::2"));
        assert!(holds("10.1.2.3/31", "10.1.2.2"), "bits beyond the mask mean nothing");
    }

    #[test]
    fn rubbish_is_no_network_and_a_network_reads_back() {
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0/8", "localhost", "10.0.0.0/8/8", "/8"] {
            assert!(bad.parse::<Network>().is_err(), "{bad}");
        }
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert_eq!(network.to_string().parse(), Ok(network));
    }

    #[test]
    fn this_machine_is_not_counted_and_a_household_is_one() {
        assert_eq!((source("127.0.0.1"), source("::1"), source("::ffff:127.0.0.2"), source("")), (None, None, None, None));
        assert_eq!(source("2001:db8:1:2:3:4:5:6"), source("2001:db8:1:2::1"));
        assert_eq!(source("192.0.2.7").as_deref(), Some("192.0.2.7"));
    }

    #[test]
    fn a_household_is_one_however_many_addresses_it_has() {
        let of = |address: &str| neighbourhood(address.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:ffff::9"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:3::1"), of("2001:db8:1:2::1"));
        assert_eq!((of("::ffff:192.0.2.7"), of("192.0.2.8")), ("192.0.2.7".to_owned(), "192.0.2.8".to_owned()));
    }
}
