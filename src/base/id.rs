//! Identifiers: 128 bits in the layout of a version 7 UUID (RFC 9562, 5.7), so that the order of keys is the order of time.
//!
//! Each kind of thing has a type and a prefix of its own; the text form is the prefix, `_`, and 26 digits of Crockford's base 32
//! (`iss_01j9…`). As a key an id is its sixteen big-endian bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::time::Timestamp;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A text that is not an id of the kind that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not an id of the form {prefix}_ and 26 letters and digits")]
pub struct InvalidId {
    /// What was given.
    pub input: String,
    /// The prefix that ids of the kind have.
    pub prefix: &'static str,
}

/// An identifier type: a prefix and 128 bits.
pub trait Id: Copy {
    /// What its text begins with, before `_`.
    const PREFIX: &'static str;

    /// The id of these bits.
    fn from_u128(bits: u128) -> Self;

    /// The bits of the id.
    fn as_u128(self) -> u128;
}

/// Writes an id's text form.
pub fn encode(prefix: &str, bits: u128) -> String {
    let mut text = String::with_capacity(prefix.len() + 27);
    text.push_str(prefix);
    text.push('_');
    for place in (0..26).rev() {
        text.push(char::from(DIGITS[(bits >> (place * 5)) as usize & 31]));
    }
    text
}

/// Reads an id's text form.
pub fn decode(prefix: &'static str, input: &str) -> Result<u128, InvalidId> {
    let invalid = || InvalidId { input: super::text::clip(input, 60).into_owned(), prefix };
    let digits = input.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or_else(invalid)?;
    // 26 digits hold 130 bits: the first may use three of its five alone.
    if digits.len() != 26 || !matches!(digits.as_bytes()[0], b'0'..=b'7') {
        return Err(invalid());
    }
    digits.bytes().try_fold(0_u128, |bits, byte| {
        let value = DIGITS.iter().position(|digit| *digit == byte).ok_or_else(invalid)?;
        Ok(bits << 5 | value as u128)
    })
}

/// Declares identifier types: `id! { /// doc \n IssueId "iss" }`.
#[macro_export]
macro_rules! id {
    ($($(#[$meta:meta])* $name:ident $prefix:literal)+) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $crate::base::id::Id for $name {
            const PREFIX: &'static str = $prefix;

            fn from_u128(bits: u128) -> Self {
                $name(bits)
            }

            fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&$crate::base::id::encode($prefix, self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::base::id::InvalidId;

            fn from_str(input: &str) -> Result<Self, Self::Err> {
                $crate::base::id::decode($prefix, input).map($name)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.to_be_bytes().serialize(serializer) }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    <[u8; 16]>::deserialize(deserializer).map(|bytes| $name(u128::from_be_bytes(bytes)))
                }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-hjkmnp-tv-z]{26}$")))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )+};
}

id! {
    /// A repository known here.
    RepoId "repo"
    /// The identity of a finding across commits.
    IssueId "iss"
    /// One check at one commit.
    CheckId "chk"
    /// One run of a set of checks.
    AttemptId "att"
    /// A person.
    UserId "usr"
    /// A browser that is signed in.
    SessionId "ses"
    /// An access token.
    TokenId "tok"
    /// A one-time sign-in link.
    LinkId "lnk"
    /// A piece of durable work.
    WorkId "wrk"
    /// A named secret.
    SecretId "sec"
    /// A key for SSH.
    KeyId "key"
    /// One HTTP request.
    RequestId "req"
    /// A delivery that came in.
    DeliveryId "dlv"
}

/// Makes ids: the time from the caller, the rest from randomness, in order even within one millisecond.
#[derive(Debug)]
pub struct Ids {
    source: Source,
    /// The last millisecond an id was made in (48 bits), and a counter within it (16 bits).
    last: AtomicU64,
}

#[derive(Debug)]
enum Source {
    System,
    /// A seeded sequence (`SplitMix64`), so that a test run can be repeated.
    Seeded(AtomicU64),
}

impl Ids {
    /// Ids whose randomness comes from the operating system.
    pub fn system() -> Ids {
        Ids { source: Source::System, last: AtomicU64::new(0) }
    }

    /// Ids that are the same in every run with the same seed and the same times.
    pub fn seeded(seed: u64) -> Ids {
        Ids { source: Source::Seeded(AtomicU64::new(seed)), last: AtomicU64::new(0) }
    }

    /// Makes the next id. Ids made by one `Ids` ascend, even where the clock steps back.
    pub fn next<I: Id>(&self, now: Timestamp) -> I {
        let stamp = (u64::try_from(now.as_millis()).unwrap_or(0) & 0xffff_ffff_ffff) << 16;
        let tick = self
            .last
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(stamp.max(last + 1)))
            .map(|last| stamp.max(last + 1))
            .expect("the update always answers Some");
        I::from_u128(layout(tick >> 16, (tick & 0xffff) as u16, self.random()))
    }

    fn random(&self) -> u64 {
        match &self.source {
            Source::System => getrandom::u64().expect("the operating system gives randomness"),
            Source::Seeded(state) => {
                let mut z = state.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst).wrapping_add(0x9e37_79b9_7f4a_7c15);
                z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                z ^ (z >> 31)
            }
        }
    }
}

/// 48 bits of milliseconds, version 7, 12 bits of counter, variant 2, 4 further bits of counter, 58 random bits.
fn layout(ms: u64, counter: u16, random: u64) -> u128 {
    let counter = u128::from(counter);
    u128::from(ms & 0xffff_ffff_ffff) << 80 | 7 << 76 | (counter >> 4) << 64 | 0b10 << 62 | (counter & 0xf) << 58 | u128::from(random >> 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_order_and_key_order_are_time_order() {
        let ids = Ids::seeded(7);
        let made: Vec<IssueId> = (0..70_000).map(|i| ids.next(Timestamp::from_millis(1_700_000_000_000 + i / 10_000))).collect();
        assert!(made.is_sorted());
        assert!(made.iter().map(ToString::to_string).is_sorted());
    }

    #[test]
    fn ids_ascend_though_the_clock_steps_back() {
        let ids = Ids::seeded(7);
        let first: IssueId = ids.next(Timestamp::from_millis(2_000));
        let second: IssueId = ids.next(Timestamp::from_millis(1_000));
        assert!(first < second);
    }

    #[test]
    fn the_layout_is_that_of_a_version_7_uuid() {
        let id: IssueId = Ids::seeded(1).next(Timestamp::from_millis(0x0123_4567_89ab));
        assert_eq!(id.as_u128() >> 80, 0x0123_4567_89ab);
        assert_eq!(id.as_u128() >> 76 & 0xf, 7);
        assert_eq!(id.as_u128() >> 62 & 0b11, 0b10);
    }

    #[test]
    fn an_id_reads_back_and_another_kind_is_refused() {
        let id: IssueId = Ids::seeded(3).next(Timestamp::from_millis(5));
        assert_eq!(id.to_string().parse::<IssueId>(), Ok(id));
        assert!(id.to_string().parse::<RepoId>().is_err());
        for bad in ["", "iss_", "iss_u0000000000000000000000000", "iss_80000000000000000000000000", "iss_é000000000000000000000000"] {
            assert!(bad.parse::<IssueId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn json_has_text_and_postcard_sixteen_bytes() {
        let id = IssueId::from_u128(u128::MAX);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"iss_7zzzzzzzzzzzzzzzzzzzzzzzzz\"");
        assert_eq!(postcard::to_stdvec(&id).unwrap(), vec![0xff; 16]);
        assert_eq!(postcard::from_bytes::<IssueId>(&[0xff; 16]).unwrap(), id);
    }
}
