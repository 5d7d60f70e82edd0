//! Order-preserving keys: values as bytes that compare as the values do.
//!
//! Integers are big-endian with the sign flipped, texts and byte strings are escaped and ended by two zero bytes so that a shorter one
//! sorts first, a tuple is its parts one after the other. Every encoding ends where it ends by itself, so the encoding of a tuple's
//! first parts is a prefix of the tuple's: a range over a prefix is a range over bytes.

use crate::base::id::{self, Id};
use crate::base::name::{BlobId, BranchName, CommitSha, RepoSlug, TreePath};
use crate::base::time::Timestamp;

/// A value that can be a key, or a part of one.
pub trait RowKey: Sized {
    /// Appends the encoding.
    fn encode(&self, out: &mut Vec<u8>);

    /// Takes one encoding off the front; `None` if there is none.
    fn decode(from: &mut &[u8]) -> Option<Self>;

    /// What the bytes look like; part of an index's name, so that an index of another shape is rebuilt.
    fn shape() -> String;

    /// The encoding alone.
    fn to_key(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.encode(&mut out);
        out
    }
}

/// A key whose encodings begin with those of `P`.
pub trait StartsWith<P: RowKey>: RowKey {}

fn take<'a>(from: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, rest) = from.split_at_checked(n)?;
    *from = rest;
    Some(head)
}

macro_rules! integer_keys {
    ($($unsigned:ident)+; $($signed:ident as $twin:ident)+) => {
        $(impl RowKey for $unsigned {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                Some($unsigned::from_be_bytes(take(from, size_of::<$unsigned>())?.try_into().ok()?))
            }

            fn shape() -> String {
                stringify!($unsigned).to_owned()
            }
        })+
        $(impl RowKey for $signed {
            fn encode(&self, out: &mut Vec<u8>) {
                ((*self as $twin) ^ (1 << ($twin::BITS - 1))).encode(out);
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                Some((<$twin>::decode(from)? ^ (1 << ($twin::BITS - 1))) as $signed)
            }

            fn shape() -> String {
                stringify!($signed).to_owned()
            }
        })+
    };
}

integer_keys! { u8 u16 u32 u64 u128; i64 as u64 }

impl RowKey for () {
    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(_: &mut &[u8]) -> Option<()> {
        Some(())
    }

    fn shape() -> String {
        "()".to_owned()
    }
}

impl RowKey for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(from: &mut &[u8]) -> Option<bool> {
        match take(from, 1)? {
            [0] => Some(false),
            [1] => Some(true),
            _ => None,
        }
    }

    fn shape() -> String {
        "bool".to_owned()
    }
}

impl<const N: usize> RowKey for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        take(from, N)?.try_into().ok()
    }

    fn shape() -> String {
        format!("[{N}]")
    }
}

impl RowKey for Vec<u8> {
    /// 00 becomes 00 FF; the end is 00 00, which sorts before both 00 FF and every other byte.
    fn encode(&self, out: &mut Vec<u8>) {
        for byte in self {
            out.push(*byte);
            if *byte == 0 {
                out.push(0xff);
            }
        }
        out.extend_from_slice(&[0, 0]);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        let mut bytes = Vec::new();
        loop {
            match take(from, 1)? {
                [0] => match take(from, 1)? {
                    [0] => return Some(bytes),
                    [0xff] => bytes.push(0),
                    _ => return None,
                },
                other => bytes.extend_from_slice(other),
            }
        }
    }

    fn shape() -> String {
        "bytes".to_owned()
    }
}

impl RowKey for String {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_bytes().to_vec().encode(out);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        String::from_utf8(Vec::decode(from)?).ok()
    }

    fn shape() -> String {
        "text".to_owned()
    }
}

impl<T: RowKey> RowKey for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        if let Some(value) = self {
            value.encode(out);
        }
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        if bool::decode(from)? { T::decode(from).map(Some) } else { Some(None) }
    }

    fn shape() -> String {
        format!("{}?", T::shape())
    }
}

impl RowKey for Timestamp {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_millis().encode(out);
    }

    fn decode(from: &mut &[u8]) -> Option<Self> {
        i64::decode(from).map(Timestamp::from_millis)
    }

    fn shape() -> String {
        "time".to_owned()
    }
}

/// Keys that are stored as another key.
macro_rules! keys_as {
    ($($name:ident as $twin:ty: $to:expr, $from:expr;)+) => {$(
        impl RowKey for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                let to: fn(&$name) -> $twin = $to;
                to(self).encode(out);
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                let back: fn($twin) -> Option<$name> = $from;
                back(<$twin>::decode(from)?)
            }

            fn shape() -> String {
                <$twin>::shape()
            }
        }
    )+};
}

keys_as! {
    CommitSha as [u8; 20]: |sha| *sha.as_bytes(), |bytes| Some(CommitSha::from_bytes(bytes));
    BlobId as [u8; 20]: |blob| *blob.as_bytes(), |bytes| Some(BlobId::from_bytes(bytes));
    TreePath as Vec<u8>: |path| path.as_bytes().to_vec(), |bytes| Some(TreePath::new(bytes));
    BranchName as String: |branch| branch.as_str().to_owned(), |text| text.parse().ok();
    RepoSlug as String: |slug| slug.to_string(), |text| text.parse().ok();
}

macro_rules! id_keys {
    ($($name:ident)+) => {$(
        impl RowKey for id::$name {
            fn encode(&self, out: &mut Vec<u8>) {
                self.as_u128().encode(out);
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                u128::decode(from).map(Id::from_u128)
            }

            fn shape() -> String {
                "id".to_owned()
            }
        }
    )+};
}

id_keys! { RepoId IssueId CheckId AttemptId UserId SessionId TokenId LinkId WorkId SecretId KeyId DeliveryId }

macro_rules! tuple_keys {
    ($($part:ident $at:tt),+) => {
        impl<$($part: RowKey),+> RowKey for ($($part,)+) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$at.encode(out);)+
            }

            fn decode(from: &mut &[u8]) -> Option<Self> {
                Some(($($part::decode(from)?,)+))
            }

            fn shape() -> String {
                [$($part::shape()),+].join(",")
            }
        }
    };
}

tuple_keys!(A 0, B 1);
tuple_keys!(A 0, B 1, C 2);
tuple_keys!(A 0, B 1, C 2, D 3);

impl<A: RowKey, B: RowKey> StartsWith<A> for (A, B) {}
impl<A: RowKey, B: RowKey, C: RowKey> StartsWith<A> for (A, B, C) {}
impl<A: RowKey, B: RowKey, C: RowKey> StartsWith<(A, B)> for (A, B, C) {}
impl<A: RowKey, B: RowKey, C: RowKey, D: RowKey> StartsWith<A> for (A, B, C, D) {}
impl<A: RowKey, B: RowKey, C: RowKey, D: RowKey> StartsWith<(A, B)> for (A, B, C, D) {}
impl<A: RowKey, B: RowKey, C: RowKey, D: RowKey> StartsWith<(A, B, C)> for (A, B, C, D) {}

/// The smallest key above every key that begins with `prefix`; `None` if there is none.
pub(super) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let keep = prefix.iter().rposition(|byte| *byte < 0xff)?;
    let mut end = prefix[..=keep].to_vec();
    end[keep] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts and byte strings with many zeros and high bytes, where an encoding goes wrong first.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xff), any::<u8>()], 0..6)
    }

    type Mixed = (i64, Vec<u8>, Option<u16>, bool);

    fn mixed() -> impl Strategy<Value = Mixed> {
        (prop_oneof![Just(i64::MIN), Just(-1), Just(0), Just(i64::MAX), any::<i64>()], bytes(), any::<Option<u16>>(), any::<bool>())
    }

    proptest! {
        #[test]
        fn keys_compare_as_their_values_do(a in mixed(), b in mixed()) {
            prop_assert_eq!(a.to_key().cmp(&b.to_key()), a.cmp(&b));
        }

        #[test]
        fn a_key_reads_back_and_leaves_what_follows_it(value in mixed(), rest in bytes()) {
            let mut encoded = value.to_key();
            encoded.extend_from_slice(&rest);
            let mut from = encoded.as_slice();
            prop_assert_eq!(Mixed::decode(&mut from), Some(value));
            prop_assert_eq!(from, rest.as_slice());
        }

        #[test]
        fn the_first_parts_of_a_tuple_are_a_prefix_of_it(a in bytes(), b in bytes(), other in bytes()) {
            let prefix = a.to_key();
            prop_assert!((a.clone(), b.clone()).to_key().starts_with(&prefix));
            prop_assert_eq!((other.clone(), b).to_key().starts_with(&prefix), other == a);
        }

        #[test]
        fn the_successor_is_above_all_that_begins_with_the_prefix(prefix in bytes(), rest in bytes(), other in bytes()) {
            let within = [prefix.clone(), rest].concat();
            match successor(&prefix) {
                Some(end) => {
                    prop_assert!(within < end);
                    // Whatever lies between the two begins with the prefix.
                    prop_assert!(!(other >= prefix && other < end) || other.starts_with(&prefix));
                }
                None => prop_assert!(prefix.iter().all(|byte| *byte == 0xff)),
            }
        }

        #[test]
        fn rubbish_is_no_key_and_no_panic(rubbish in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Mixed::decode(&mut rubbish.as_slice());
            let _ = <(RepoSlug, BranchName)>::decode(&mut rubbish.as_slice());
        }
    }
}
