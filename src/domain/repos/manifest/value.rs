//! The small values of a manifest: percent, durations, sizes, hosts, names, places of files. Each reads text and answers `None` for what
//! it is not; who asked knows the words for that.

use std::time::Duration;

/// The shortest a check may be allowed.
pub const MIN_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest a check may be allowed.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(6 * 60 * 60);
/// The least memory a check may be allowed, in bytes.
pub const MIN_MEMORY: u64 = 16 << 20;
/// The most memory a check may be allowed, in bytes.
pub const MAX_MEMORY: u64 = 64 << 30;
/// The most characters in a name.
const MAX_NAME: usize = 100;
/// The most characters in a path.
const MAX_PATH: usize = 1_024;

/// A share from 0 to 100 percent, exact to a hundredth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent {
    hundredths: u16,
}

impl Percent {
    /// Hundredths of a percent, 0 to 10,000, as [`Ratio::hundredths`](crate::base::percent::Ratio::hundredths) counts them.
    pub fn hundredths(self) -> u64 {
        u64::from(self.hundredths)
    }

    /// Reads `80`, `0.5` or `99.99`.
    pub(super) fn read(text: &str) -> Option<Percent> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole, 3) || !digits(fraction, 2) {
            return None;
        }
        let scale = if fraction.len() == 1 { 10 } else { 1 };
        let hundredths = whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(fraction.parse::<u16>().ok()? * scale)?;
        (hundredths <= 10_000).then_some(Percent { hundredths })
    }
}

impl std::fmt::Display for Percent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.hundredths / 100, self.hundredths % 100) {
            (whole, 0) => write!(f, "{whole}%"),
            (whole, rest) if rest % 10 == 0 => write!(f, "{whole}.{}%", rest / 10),
            (whole, rest) => write!(f, "{whole}.{rest:02}%"),
        }
    }
}

/// A host and a port that a check may reach.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostPort {
    /// A name in lower case, or an IPv4 address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl HostPort {
    pub(super) fn read(text: &str) -> Option<HostPort> {
        let (host, port) = text.rsplit_once(':')?;
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let port = Some(port).filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok().filter(|port| *port > 0)?;
        (host.len() <= 253 && host.split('.').all(label)).then(|| HostPort { host: host.to_ascii_lowercase(), port })
    }
}

/// The key of a cache: text, and the hashes of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheKey {
    /// In their order; never empty.
    pub parts: Vec<KeyPart>,
}

/// A part of a cache's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPart {
    /// As it stands.
    Text(String),
    /// The hash of the file at this path.
    HashOf(String),
}

impl CacheKey {
    /// Reads `gems-{{ hash 'Gemfile.lock' }}`.
    pub(super) fn read(text: &str) -> Option<CacheKey> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (call, behind) = after.split_once("}}")?;
            if !before.is_empty() {
                parts.push(KeyPart::Text(before.to_owned()));
            }
            let argument = call.trim().strip_prefix("hash")?;
            let argument = argument.strip_prefix(char::is_whitespace)?.trim();
            let unquoted = ['\'', '"'].iter().find_map(|quote| argument.strip_prefix(*quote)?.strip_suffix(*quote))?;
            parts.push(KeyPart::HashOf(Some(unquoted).filter(|path| is_inner_path(path))?.to_owned()));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(KeyPart::Text(rest.to_owned()));
        }
        let sound = !text.trim().is_empty() && text.len() <= MAX_PATH && !rest.contains("}}") && !text.contains(char::is_control);
        sound.then_some(CacheKey { parts })
    }
}

/// Reads `10m`, `90s`, `1h30m`, within the bounds.
pub fn timeout(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    let mut rest = text;
    let mut last_unit = u64::MAX;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let unit = match after.chars().next()? {
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if unit >= last_unit {
            return None;
        }
        last_unit = unit;
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = &after[1..];
    }
    let duration = Duration::from_secs(seconds);
    (MIN_TIMEOUT..=MAX_TIMEOUT).contains(&duration).then_some(duration)
}

/// Reads `512MiB`, `1GiB`, within the bounds.
pub fn memory(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "KiB" => 1_u64 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| (MIN_MEMORY..=MAX_MEMORY).contains(bytes))
}

/// Whether it can be a check's name. What looks like a check's id cannot, since both stand in the same place of a path.
pub fn is_check_name(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(character)
        && !text.bytes().all(|byte| byte == b'.')
        && !text.starts_with("chk_")
}

/// Whether it can name an image: registry, path, tag, digest.
pub fn is_image(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@');
    (1..=255).contains(&text.len())
        && text.bytes().all(character)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("//")
}

/// What an image is called: the last part of its path, without tag and digest.
pub fn image_name(image: &str) -> &str {
    let last = image.rsplit('/').find(|part| !part.is_empty()).unwrap_or(image);
    last.split(['@', ':']).next().unwrap_or(last)
}

/// Whether it can name an environment variable or a secret.
pub fn is_env_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// Whether it names a file below a folder, without leaving it.
pub fn is_inner_path(text: &str) -> bool {
    (1..=MAX_PATH).contains(&text.len())
        && !text.contains(|c: char| c.is_control() || c == '\\')
        && text.strip_suffix('/').unwrap_or(text).split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether it is a place for a mount: absolute, or below `~/`.
pub fn is_destination(text: &str) -> bool {
    !text.ends_with('/') && text.strip_prefix("~/").or_else(|| text.strip_prefix('/')).is_some_and(is_inner_path)
}
