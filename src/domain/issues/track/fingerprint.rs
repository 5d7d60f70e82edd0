//! What recognises an issue that comes back after it was fixed.
//!
//! Between two commits [`track`](super::track) compares places. An issue that is gone has no place any more; what remains of it is its
//! fingerprint, the hash of what a shift or a new indentation leaves alone: source, rule, path, the line's content, the message's shape,
//! and which of several equals it is, in the order of the file. It is made by us of what we see, never taken from a tool, and it is
//! weaker than matching: it knows nothing of renames and of lines edited, and is asked only about findings that matching left over.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::{Mark, Place};
use crate::base::text::clip;

/// Sixteen bytes by which a finding is recognised when it comes back. Its text form is 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 16]);

/// A text that is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{input}` is not a fingerprint: it has 32 hexadecimal digits")]
pub struct InvalidFingerprint {
    /// What was given.
    pub input: String,
}

impl Fingerprint {
    /// The fingerprint of these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Fingerprint {
        Fingerprint(bytes)
    }

    /// Its sixteen bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// Hashes what stays of a place. The parts of changing length carry it, so that none can run into the next.
    fn of(place: &Place, ordinal: u64) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update(b"plumbline issue 1\0");
        for part in [place.source.as_bytes(), place.rule.as_bytes(), place.path.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        // A mark is never zero, so zero says that there is none.
        for number in [u64::from(place.line().is_some()), place.text.map_or(0, Mark::get), place.shape.get(), ordinal] {
            hash.update(number.to_be_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        Fingerprint(std::array::from_fn(|at| digest[at]))
    }
}

/// The fingerprint of each place, in the order given. The places are all of one commit, or at least all of the files they are in:
/// equals are numbered among them, whatever their order, so no two places have the same fingerprint.
pub fn fingerprints(places: &[Place]) -> Vec<Fingerprint> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    order.sort_by_key(|at| &places[*at]);
    let mut seen = HashMap::new();
    let mut out = vec![Fingerprint([0; 16]); places.len()];
    for at in order {
        let place = &places[at];
        let equals = (&place.source, &place.rule, &place.path, place.line().is_some(), place.text, place.shape);
        let count = seen.entry(equals).or_insert(0_u64);
        out[at] = Fingerprint::of(place, *count);
        *count += 1;
    }
    out
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(input: &str) -> Result<Fingerprint, InvalidFingerprint> {
        let digits_alone = input.len() == 32 && input.bytes().all(|byte| byte.is_ascii_hexdigit());
        let bits = u128::from_str_radix(input, 16).ok().filter(|_| digits_alone);
        bits.map(|bits| Fingerprint(bits.to_be_bytes())).ok_or_else(|| InvalidFingerprint { input: clip(input, 60).into_owned() })
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { self.0.serialize(serializer) }
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Fingerprint, D::Error> {
        if deserializer.is_human_readable() {
            std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(deserializer).map(Fingerprint)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::lines::LineIndex;
    use super::*;
    use crate::base::name::TreePath;
    use crate::domain::issues::finding::{Finding, Kind, Severity, Span};

    /// The fingerprints of the findings `(line, message)` of one rule in one file.
    fn of(path: &str, content: &str, findings: &[(u32, &str)]) -> Vec<Fingerprint> {
        let index = LineIndex::of(content.as_bytes());
        let place = |(line, message): &(u32, &str)| {
            let finding = Finding {
                rule: "r1".to_owned(),
                message: (*message).to_owned(),
                path: TreePath::new(path),
                span: (*line > 0).then(|| Span::line(*line)),
                kind: Kind::Style,
                severity: Severity::Minor,
                fingerprint: None,
            };
            Place::of("tool", &finding, Some(&index))
        };
        fingerprints(&findings.iter().map(place).collect::<Vec<_>>())
    }

    #[test]
    fn a_fingerprint_outlives_shifts_indentation_and_other_numbers() {
        let before = of("a.py", "x = 1\ny = 2\n", &[(2, "too long (93 > 88)")]);
        assert_eq!(before, of("a.py", "\n\nif x:\r\n    y = 2\r\n", &[(4, "too long (95 > 88)")]));
        assert_ne!(before, of("a.py", "x = 1\ny = 3\n", &[(2, "too long (93 > 88)")]));
        assert_ne!(before, of("b.py", "x = 1\ny = 2\n", &[(2, "too long (93 > 88)")]));
        assert_ne!(before, of("a.py", "x = 1\ny = 2\n", &[(2, "too wide (93 > 88)")]));
        assert_ne!(before, of("a.py", "x = 1\ny = 2\n", &[(0, "too long (93 > 88)")]));
    }

    #[test]
    fn equals_are_numbered_in_the_order_of_the_file() {
        let made = of("a.py", "x\ny\nx\n", &[(3, "m"), (1, "m"), (2, "m"), (0, "m"), (1, "m")]);
        let turned = of("a.py", "x\ny\nx\n", &[(0, "m"), (1, "m"), (1, "m"), (2, "m"), (3, "m")]);
        assert_eq!((made[0], made[1], made[2], made[3]), (turned[4], turned[1], turned[3], turned[0]));
        assert_eq!(made.iter().collect::<std::collections::HashSet<_>>().len(), 5);
    }

    #[test]
    fn a_fingerprint_is_the_same_in_every_version() {
        let made = of("src/a.rs", "fn main() {}\n", &[(1, "function `main` is empty")]);
        assert_eq!(made[0].to_string(), "cd427778c0cb83b31ca135af6450d606");
    }

    #[test]
    fn a_fingerprint_reads_back_and_nothing_else_is_taken() {
        let made = of("a.py", "x\n", &[(1, "m")])[0];
        assert_eq!(made.to_string().parse(), Ok(made));
        assert_eq!(serde_json::from_str::<Fingerprint>(&serde_json::to_string(&made).unwrap()).unwrap(), made);
        assert_eq!(postcard::to_stdvec(&made).unwrap(), made.as_bytes());
        assert_eq!(postcard::from_bytes::<Fingerprint>(made.as_bytes()).unwrap(), made);
        for bad in ["", "00", "+0000000000000000000000000000000", "g0000000000000000000000000000000", "é000000000000000000000000000000"] {
            assert!(bad.parse::<Fingerprint>().is_err(), "{bad}");
        }
    }
}
