//! Instants and the one place that reads the wall clock.
//!
//! A [`Timestamp`] is UTC in milliseconds. In JSON it is RFC 3339 with `Z`; in postcard an integer. Verbs receive `now` as an argument;
//! only [`Clock`] knows what time it is, and a test turns its hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An instant: milliseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Timestamp(i64);

/// A text that is not an RFC 3339 instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not an instant such as 2026-01-31T12:00:00Z")]
pub struct InvalidTimestamp {
    /// What was given.
    pub input: String,
}

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Timestamp = Timestamp(0);

    /// The instant that many milliseconds after the Unix epoch, kept within the years that RFC 3339 can write.
    pub fn from_millis(ms: i64) -> Timestamp {
        // 0000-01-01T00:00:00Z and 9999-12-30T00:00:00Z
        Timestamp(ms.clamp(-62_167_219_200_000, 253_402_128_000_000))
    }

    /// The instant that many seconds after the Unix epoch.
    pub fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds.saturating_mul(1_000))
    }

    /// The instant of a `Date` header (RFC 9110, 5.6.7), in the form that servers send: whole seconds.
    pub fn of_http_date(text: &str) -> Option<Timestamp> {
        let instant = jiff::fmt::rfc2822::parse(text.trim()).ok().filter(|_| text.trim().ends_with("GMT"))?;
        Some(Timestamp::from_millis(instant.timestamp().as_millisecond()))
    }

    /// Milliseconds since the Unix epoch.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was, zero if it is not earlier.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Milliseconds from `earlier` to this instant, zero if it is not earlier.
    pub fn millis_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

crate::words! {
    /// A stretch of the calendar, in UTC.
    pub enum Period: "period" {
        /// An hour.
        Hour = "hour",
        /// A day.
        Day = "day",
        /// A week, from Monday.
        Week = "week",
        /// A month.
        Month = "month",
    }
}

impl Timestamp {
    /// The beginning of the period that holds this instant.
    pub fn start_of(self, period: Period) -> Timestamp {
        const HOUR: i64 = 3_600_000;
        const DAY: i64 = 24 * HOUR;
        let back_to = |span: i64, offset: i64| Timestamp::from_millis((self.0 - offset).div_euclid(span) * span + offset);
        match period {
            Period::Hour => back_to(HOUR, 0),
            Period::Day => back_to(DAY, 0),
            // The epoch was a Thursday.
            Period::Week => back_to(7 * DAY, -3 * DAY),
            Period::Month => {
                let instant = jiff::Timestamp::from_millisecond(self.0).expect("a Timestamp is kept within the years jiff knows");
                let day = i64::from(jiff::tz::Offset::UTC.to_datetime(instant).day());
                Timestamp::from_millis(self.start_of(Period::Day).0 - (day - 1) * DAY)
            }
        }
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::ops::Sub<Duration> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Duration) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let instant = jiff::Timestamp::from_millisecond(self.0).expect("a Timestamp is kept within the years jiff knows");
        // Whole seconds read better; a fraction stands only where there is one.
        if self.0 % 1_000 == 0 { write!(f, "{instant:.0}") } else { write!(f, "{instant:.3}") }
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::str::FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(input: &str) -> Result<Timestamp, InvalidTimestamp> {
        if let Ok(instant) = input.parse::<jiff::Timestamp>() {
            return Ok(Timestamp::from_millis(instant.as_millisecond()));
        }
        // An instant of the first or last days that RFC 3339 can write is one as well: it is kept within ours.
        let pieces = jiff::fmt::temporal::Pieces::parse(input).ok().filter(|pieces| pieces.time().is_some() && pieces.offset().is_some());
        let year = pieces.map(|pieces| pieces.date().year());
        match year {
            Some(0) => Ok(Timestamp::from_millis(i64::MIN)),
            Some(9999) => Ok(Timestamp::from_millis(i64::MAX)),
            _ => Err(InvalidTimestamp { input: super::text::clip(input, 60).into_owned() }),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
            text.parse().map_err(serde::de::Error::custom)
        } else {
            i64::deserialize(deserializer).map(Timestamp::from_millis)
        }
    }
}

impl utoipa::PartialSchema for Timestamp {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime)))
            .into()
    }
}

impl utoipa::ToSchema for Timestamp {}

/// The only source of the present.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A hand that tests turn.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until it is advanced.
    pub fn manual(start: Timestamp) -> Clock {
        Clock::Manual(Arc::new(AtomicI64::new(start.as_millis())))
    }

    /// The present instant.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Clock::System => Timestamp::from_millis(jiff::Timestamp::now().as_millisecond()),
            Clock::Manual(hand) => Timestamp::from_millis(hand.load(Ordering::SeqCst)),
        }
    }

    /// Turns a manual clock's hand forward; the machine's clock cannot be turned.
    pub fn advance(&self, span: Duration) {
        match self {
            Clock::System => {}
            Clock::Manual(hand) => {
                hand.fetch_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_last_instants_that_can_be_written_are_instants() {
        for (text, kept) in [
            ("9999-12-31T23:59:59Z", "9999-12-30T00:00:00Z"),
            ("9999-12-31T23:59:59-12:00", "9999-12-30T00:00:00Z"),
            ("0000-01-01T00:00:00+12:00", "0000-01-01T00:00:00Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().map(|instant| instant.to_string()).as_deref(), Ok(kept), "{text}");
        }
        for bad in ["9999-12-31", "9999-12-31T23:59:59", "9999-12-32T00:00:00Z", "10000-01-01T00:00:00Z", "9999"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instant_reads_back_as_it_was_written() {
        for text in ["2026-01-31T12:00:00Z", "1969-12-31T23:59:59.250Z", "0000-01-01T00:00:00Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!("2026-01-31T13:00:00+01:00".parse::<Timestamp>().unwrap().to_string(), "2026-01-31T12:00:00Z");
    }

    #[test]
    fn an_absurd_instant_is_kept_within_what_can_be_written() {
        for ms in [i64::MIN, i64::MAX] {
            let instant = Timestamp::from_millis(ms);
            assert_eq!(instant.to_string().parse::<Timestamp>().unwrap(), instant);
        }
        assert_eq!(Timestamp::from_millis(i64::MAX) + Duration::MAX, Timestamp::from_millis(i64::MAX));
    }

    #[test]
    fn json_has_rfc_3339_and_postcard_an_integer() {
        let instant = Timestamp::from_millis(1_500);
        assert_eq!(serde_json::to_string(&instant).unwrap(), "\"1970-01-01T00:00:01.500Z\"");
        assert_eq!(postcard::to_stdvec(&instant).unwrap(), postcard::to_stdvec(&1_500_i64).unwrap());
    }

    #[test]
    fn a_manual_clock_moves_only_when_it_is_turned() {
        let clock = Clock::manual(Timestamp::EPOCH);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::from_millis(2_000));
    }
}
