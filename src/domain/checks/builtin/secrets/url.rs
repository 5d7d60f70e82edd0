//! Passwords in URLs, and URLs that are passwords themselves.

use std::ops::Range;

use super::fake;
use super::format::Alphabet::{Base62, Digit, Upper, Url};
use super::format::Piece::{Run, Text};
use super::format::{Alphabet, Piece, read};
use super::randomness::{Sorts, is_key, is_password, wordiness};

/// The longest user and password in a URL.
const USERINFO: usize = 256;
/// The longest name of a scheme.
const SCHEME: usize = 24;

/// What a URL gives away.
#[derive(Debug)]
pub enum Leak {
    /// The password for a host.
    Password(Range<usize>),
    /// The address alone lets anybody in.
    Webhook(Range<usize>, &'static str),
}

/// Addresses that let in whoever knows them: where they begin, what follows, whose they are.
const WEBHOOKS: [(&str, &[Piece], &str); 4] = [
    ("hooks.slack.com/services/", &[Run(Upper, 8, 14), Text("/"), Run(Upper, 8, 14), Text("/"), Run(Base62, 20, 32)], "Slack"),
    (
        "hooks.slack.com/workflows/",
        &[Run(Upper, 8, 14), Text("/"), Run(Upper, 8, 14), Text("/"), Run(Digit, 15, 20), Text("/"), Run(Base62, 20, 32)],
        "Slack",
    ),
    ("discord.com/api/webhooks/", &[Run(Digit, 17, 20), Text("/"), Run(Url, 60, 80)], "Discord"),
    ("discordapp.com/api/webhooks/", &[Run(Digit, 17, 20), Text("/"), Run(Url, 60, 80)], "Discord"),
];

/// Passwords that stand for one.
const STOCK: [&str; 22] = [
    "pass", "pwd", "user", "username", "root", "postgres", "mysql", "mongo", "redis", "rabbitmq", "guest", "docker", "token", "key", "foo",
    "bar", "baz", "abc", "abc123", "db", "dev", "local",
];

/// What the URL gives away whose `://` stands at `at`.
pub fn judge(text: &[u8], at: usize) -> Option<Leak> {
    let begin = at + 3;
    let rest = &text[begin..];
    for (beginning, pieces, whose) in WEBHOOKS {
        if rest.starts_with(beginning.as_bytes()) {
            let secret = begin + beginning.len();
            let end = read(pieces, text, secret)?;
            return (!fake::is_fake(&text[secret..end])).then_some(Leak::Webhook(secret..end, whose));
        }
    }
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"/?#\"'`<>\\".contains(byte) || !byte.is_ascii();
    let authority = rest.iter().take(USERINFO).take_while(|byte| !ends(byte)).count();
    let user_end = memchr::memrchr(b'@', &rest[..authority])?;
    let colon = memchr::memchr(b':', &rest[..user_end]);
    let host = &rest[user_end + 1..authority];
    let password = colon.map_or(0, |colon| colon + 1)..user_end;
    let secret = &rest[password.clone()];
    let user = colon.map_or(&b""[..], |colon| &rest[..colon]);
    let scheme =
        text[..at].iter().rev().take(SCHEME).take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')).count();
    let is_real = scheme > 0
        && host.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'[')
        && (colon.is_some() || secret.len() >= 20 && is_key(secret))
        && is_secret(secret, user, host);
    is_real.then_some(Leak::Password(begin + password.start..begin + password.end))
}

fn is_secret(secret: &[u8], user: &[u8], host: &[u8]) -> bool {
    let lower = secret.to_ascii_lowercase();
    let stock = STOCK.iter().any(|stock| lower == stock.as_bytes());
    if secret.len() < 6 || stock || secret.eq_ignore_ascii_case(user) || fake::is_fake(secret) || !secret.iter().all(u8::is_ascii_graphic) {
        return false;
    }
    // Interpolation, and a pattern that describes URLs.
    if secret.iter().any(|byte| b"{}()[]$<>*|".contains(byte)) {
        return false;
    }
    let looks_real = secret.len() >= 8 && (is_password(secret) || is_key(secret));
    let sorts = Sorts::of(secret);
    looks_real || !is_near(host) && sorts.count() >= 2 && (sorts.digit || sorts.other) && wordiness(secret) < 0.8
}

/// Whether a host is this machine, one of a private network, or one of examples.
fn is_near(host: &[u8]) -> bool {
    let name = host.split(|byte| *byte == b':').next().unwrap_or(host);
    let near_ends = [&b"example.com"[..], b"example.org", b"example.net", b".local", b".test", b".example", b".invalid", b".internal"];
    !name.contains(&b'.') || name.starts_with(b"127.") || name.starts_with(b"0.0") || near_ends.iter().any(|end| name.ends_with(end))
}

/// The signature of a shared access URL of Azure, whose `sig=` stands at `at`.
pub fn shared_access(text: &[u8], at: usize) -> Option<Range<usize>> {
    let begin = at + 4;
    let is_of_url = at > 0 && matches!(text[at - 1], b'&' | b'?');
    let length = text[begin..].iter().take(80).take_while(|byte| Alphabet::Base64.has(**byte) || **byte == b'%').count();
    let around = &text[at.saturating_sub(400)..(begin + 400).min(text.len())];
    let is_one = is_of_url && (43..=64).contains(&length) && memchr::memmem::find(around, b"sv=20").is_some();
    let signature = begin..begin + length;
    (is_one && !fake::is_fake(&text[signature.clone()])).then_some(signature)
}
