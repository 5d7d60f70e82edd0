//! How pages say numbers, instants, names and sentences, each in one place.
//!
//! Words that need no markup are text and escaped by the template that shows them; the others answer [`Html`].

use std::borrow::Cow;
use std::fmt::Write as _;

use askama::filters::Safe;

use super::escape::{Html, escape};
use crate::base::name::CommitSha;
use crate::base::text;
use crate::base::time::Timestamp;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A whole number, however a template happens to hold it.
pub trait Number {
    /// The number.
    fn get(self) -> u64;
}

macro_rules! number {
    ($($kind:ty)+) => {$(
        impl Number for $kind {
            fn get(self) -> u64 {
                self as u64
            }
        }

        impl Number for &$kind {
            fn get(self) -> u64 {
                *self as u64
            }
        }

        impl Number for &&$kind {
            fn get(self) -> u64 {
                **self as u64
            }
        }
    )+};
}

number! { u64 usize }

/// A count with its noun: `1 issue`, `1,204 issues`.
pub fn count(n: impl Number, noun: &str) -> String {
    text::count(n.get(), noun)
}

/// A number with a comma between each three digits.
pub fn thousands(n: impl Number) -> String {
    text::thousands(n.get())
}

/// A duration as people read it: `4.2 s`, `3 min 12 s`.
pub fn duration(ms: impl Number) -> String {
    text::duration(ms.get())
}

/// A size as people read it: `3.4 KiB`.
pub fn bytes(n: impl Number) -> String {
    text::bytes(n.get())
}

/// How long ago an instant was: `2 h ago`, with the instant itself for whoever points at it. What lies a month back is a date.
pub fn ago(at: &Timestamp, now: &Timestamp) -> Html {
    let text = match elapsed(now.millis_since(*at)) {
        _ if at > now => ahead(at.millis_since(*now)),
        Some(span) => format!("{span} ago"),
        None if now.millis_since(*at) < MINUTE => "just now".to_owned(),
        None => date(at),
    };
    timed(*at, &text)
}

/// How long ago an instant was, for a column of a table: `2 h`.
pub fn age(at: &Timestamp, now: &Timestamp) -> Html {
    let text = match elapsed(now.millis_since(*at)) {
        Some(span) => span,
        None if now.millis_since(*at) < MINUTE => "now".to_owned(),
        None => date(at),
    };
    timed(*at, &text)
}

fn timed(at: Timestamp, text: &str) -> Html {
    Safe(format!(r#"<time datetime="{at}" title="{}">{text}</time>"#, instant(at)))
}

/// `5 min`, `2 h`, `12 days`; nothing below a minute and past thirty days.
fn elapsed(ms: u64) -> Option<String> {
    Some(match ms {
        MINUTE..HOUR => format!("{} min", ms / MINUTE),
        HOUR..DAY => format!("{} h", ms / HOUR),
        DAY.. if ms < 30 * DAY => count(ms / DAY, "day"),
        _ => return None,
    })
}

fn ahead(ms: u64) -> String {
    match ms {
        0..MINUTE => "just now".to_owned(),
        MINUTE..HOUR => format!("in {} min", ms / MINUTE),
        HOUR..DAY => format!("in {} h", ms / HOUR),
        _ => format!("in {}", count(ms / DAY, "day")),
    }
}

/// A day as people write it: `31 Jan 2026`.
pub fn date(at: &Timestamp) -> String {
    let text = at.to_string();
    let mut parts = text.get(..10).unwrap_or_default().split('-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else {
        return text;
    };
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = month.parse::<usize>().ok().and_then(|month| MONTHS.get(month.wrapping_sub(1))).copied().unwrap_or(month);
    format!("{} {month} {year}", day.trim_start_matches('0'))
}

/// An instant in full: `2026-01-31 12:00:00 UTC`.
pub fn instant(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// The longest subject that is shown whole, in bytes.
const SUBJECT: usize = 200;

/// The first line of a commit's message, cut where it is far longer than a line.
pub fn subject(message: &str) -> Cow<'_, str> {
    text::clip(first_line(message), SUBJECT)
}

/// What a commit's message says besides its subject: what follows the first line, or all of it where that was cut.
pub fn body(message: &str) -> &str {
    if first_line(message).len() > SUBJECT {
        return message.trim();
    }
    message.trim_start().split_once('\n').map_or("", |(_, rest)| rest.trim())
}

fn first_line(message: &str) -> &str {
    message.trim_start().lines().next().unwrap_or_default().trim_end()
}

/// The longest name of what runs a check that stands beside others, in bytes.
const BRIEF: usize = 60;

/// What runs a check, beside its name: a command of many lines by the first of them.
pub fn brief(plugin: &str) -> Cow<'_, str> {
    let first = first_line(plugin);
    if first.len() < plugin.trim().len() && first.len() <= BRIEF { Cow::Owned(format!("{first} …")) } else { text::clip(first, BRIEF) }
}

/// The first seven digits of a commit's name.
pub fn sha(sha: &CommitSha) -> String {
    sha.short()
}

/// Percent with two decimals, rounded down; the views round already.
pub fn percent(value: &f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    // A step of a hundredth's billionth mends what binary fractions take off numbers such as 87.41.
    format!("{:.2} %", (value * 100.0 + 1e-7).floor() / 100.0)
}

/// A count of an optional thing: a dash where nothing was counted yet.
pub fn maybe(n: &Option<u64>) -> String {
    n.map_or_else(|| "–".to_owned(), thousands)
}

/// A sentence in which `` `backticks` `` set code apart.
pub fn prose(text: impl AsRef<str>) -> Html {
    let text = text.as_ref();
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(open) = rest.find('`') {
        let Some(len) = rest[open + 1..].find('`').filter(|len| *len > 0) else { break };
        out.push_str(&escape(&rest[..open]));
        let _ = write!(out, "<code>{}</code>", escape(&rest[open + 1..open + 1 + len]));
        rest = &rest[open + len + 2..];
    }
    out.push_str(&escape(rest));
    Safe(out)
}

/// A command and a button that copies it; the button appears where scripts run.
pub fn copy(command: impl AsRef<str>) -> Html {
    let command = escape(command.as_ref());
    Safe(format!(r#"<span class="copy"><code>{command}</code><button type="button" data-copy="{command}" hidden>Copy</button></span>"#))
}

/// What a state or a kind is called in a sentence: `timed_out` is `timed out`.
pub fn plain(word: &str) -> String {
    word.replace('_', " ")
}

/// The same with a capital first letter.
pub fn title(word: &str) -> String {
    text::capital(&plain(word))
}

/// A message as a sentence among others: a capital at its beginning, unless a name in backquotes stands there, and a full stop.
pub fn sentence(message: &str) -> String {
    let mut text = text::capital(message);
    if !text.ends_with(['.', '?', '!', ':', '…']) {
        text.push('.');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn before(ms: u64) -> Timestamp {
        NOW - std::time::Duration::from_millis(ms)
    }

    #[test]
    fn an_age_grows_from_now_to_a_date() {
        let said = |ms| {
            let html = ago(&before(ms), &NOW).0;
            html[html.find('>').unwrap() + 1..html.rfind('<').unwrap()].to_owned()
        };
        assert_eq!(
            [0, 59_000, MINUTE, 3 * HOUR, DAY, 29 * DAY, 31 * DAY].map(said),
            ["just now", "just now", "1 min ago", "3 h ago", "1 day ago", "29 days ago", "1 Dec 1969"]
        );
        assert!(ago(&(NOW + std::time::Duration::from_secs(7_200)), &NOW).0.contains(">in 2 h<"));
    }

    #[test]
    fn an_age_carries_its_instant() {
        assert_eq!(age(&before(MINUTE), &NOW).0, r#"<time datetime="1969-12-31T23:59:00Z" title="1969-12-31 23:59:00 UTC">1 min</time>"#);
    }

    #[test]
    fn percent_never_says_more_than_there_is() {
        assert_eq!(
            [87.41, 99.999, 100.0, 0.0, 29.29].map(|value| percent(&value)),
            ["87.41 %", "99.99 %", "100.00 %", "0.00 %", "29.29 %"]
        );
        assert_eq!(percent(&f64::NAN), "–");
    }

    #[test]
    fn backticks_set_code_apart_and_everything_is_escaped() {
        assert_eq!(prose("Run `a <b>` & see").0, "Run <code>a &lt;b&gt;</code> &amp; see");
        assert_eq!(prose("a ` lone one, ``").0, "a <code> lone one, </code>`");
        assert_eq!(prose("one ` only").0, "one ` only");
    }

    #[test]
    fn a_first_line_that_goes_on_is_cut_and_nothing_of_it_is_lost() {
        let long = format!("{}\n\nBecause.\n", "é".repeat(1_000));
        assert!(subject(&long).len() <= SUBJECT && subject(&long).ends_with('…'));
        assert_eq!(body(&long), long.trim());
    }

    #[test]
    fn a_command_of_many_lines_is_known_by_its_first() {
        assert_eq!((brief("ruff").as_ref(), brief("./lint\n").as_ref(), brief("set -e\n./lint").as_ref()), ("ruff", "./lint", "set -e …"));
        assert!(brief(&"é".repeat(100)).len() <= BRIEF);
    }

    #[test]
    fn a_message_has_a_subject_and_a_body() {
        assert_eq!((subject("Fix it\n\nBecause.\n").as_ref(), body("Fix it\n\nBecause.\n")), ("Fix it", "Because."));
        assert_eq!((subject("").as_ref(), body("")), ("", ""));
    }
}
