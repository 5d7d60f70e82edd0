//! What a value of the configuration may be: amounts, spans, addresses.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::repos::manifest::MIN_MEMORY;

/// How many of something there may be.
pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|count| (1..=1_000_000).contains(count)).ok_or_else(|| "not a number from 1 to 1000000".to_owned())
}

/// How much memory, in the manner of a manifest.
pub(super) fn memory(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => 0_u64,
    };
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes >= MIN_MEMORY).ok_or_else(|| "not an amount of memory such as 512MiB or 6GiB, of at least 16MiB".to_owned())
}

/// How much memory this host has; where it does not say, what one check may use.
pub(super) fn host_memory() -> u64 {
    let said = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = said.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|total| total.trim().strip_suffix(" kB")).and_then(|kib| kib.trim().parse::<u64>().ok());
    kib.map_or_else(|| crate::engine::sandbox::Limits::default().memory, |kib| kib << 10)
}

/// How many of something there may be within a minute.
pub(super) fn pace(text: &str) -> Result<u32, String> {
    count(text).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// An address to listen on; a port alone means loopback.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let text = text.replace("localhost:", "127.0.0.1:");
    text.parse().map_err(|_| "not an address such as 127.0.0.1:7867 or [::1]:7867".to_owned())
}

pub(super) fn url(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '"', '<', '\\']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("not an address such as https://plumbline.example.com, without a path".to_owned()),
    }
}

/// Who signs tokens: an address whose connection is encrypted, or leads to this machine itself. Kept letter by letter, since tokens repeat
/// it so.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    let wrong = || "not an issuer such as https://token.actions.githubusercontent.com".to_owned();
    let is_here = |host: &str| {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        matches!(name, "127.0.0.1" | "localhost" | "[::1]")
    };
    let host_of = |rest: &str| rest.split('/').next().unwrap_or_default().to_owned();
    let host = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => host_of(rest),
        (_, Some(rest)) if is_here(&host_of(rest)) => host_of(rest),
        _ => return Err(wrong()),
    };
    let is_plain = !text.contains(['?', '#', '@', '"', '<', '\\']) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if host.is_empty() || !is_plain || text.len() > 500 { Err(wrong()) } else { Ok(text.to_owned()) }
}

/// What tokens that are meant for this instance have as their audience.
pub(super) fn audience(text: &str) -> Result<String, String> {
    let is_good = text.len() <= 500 && !text.chars().any(char::is_control);
    if is_good { Ok(text.to_owned()) } else { Err("not a text of one line".to_owned()) }
}

/// An address that others are beneath: it may have a path.
pub(super) fn base(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    match rest.map(|rest| rest.trim_end_matches('/')) {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#', '@', ' ', '"', '<', '\\']) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("not an address such as https://github.example.com/api/v3".to_owned()),
    }
}

/// A number that somebody else gave.
pub(super) fn number(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "not a number such as 12345".to_owned())
}

/// The path of a file, absolute whatever folder the server is started in later.
pub(super) fn path(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|_| "not the path of a file".to_owned())
}

/// The path of a socket, also where it is written as an address.
pub(super) fn socket(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text.strip_prefix("unix://").unwrap_or(text));
    if path.is_absolute() { Ok(path) } else { Err("not the path of a socket such as /run/podman/podman.sock".to_owned()) }
}

/// The seconds of a day.
pub(super) const DAY: u64 = 24 * 3_600;

/// A span of time such as `30m`, `12h`, `7d`; between five minutes and a year.
pub(super) fn long_span(text: &str) -> Result<Duration, String> {
    let wrong = || "not a span of time such as 30m, 12h or 7d, from five minutes to a year".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3_600),
        "d" => number.checked_mul(DAY),
        _ => None,
    };
    seconds.filter(|seconds| (300..=366 * DAY).contains(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

/// A span of time such as `30s`, `5m`, `1h`; between a second and a day.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    let wrong = || "not a span of time such as 30s, 5m or 1h, from one second to a day".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "s" | "" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3_600),
        "d" => number.checked_mul(DAY),
        _ => None,
    };
    seconds.filter(|seconds| (1..=86_400).contains(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

/// A span of time as it is written, in the largest unit that it is a whole number of.
pub(super) fn span_text(span: Duration) -> String {
    let seconds = span.as_secs();
    let units = [(DAY, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (unit, word) = units.into_iter().find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit)).unwrap_or((1, "s"));
    format!("{}{word}", seconds / unit)
}
