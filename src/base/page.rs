//! Pages of a list: how many at a time, and where the next begins.

use serde::Serialize;

/// How many items a page may hold: 1 to 200, 25 unless said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(usize);

impl Limit {
    /// The most that one page holds.
    pub const MAX: Limit = Limit(200);

    /// The limit nearest to `n` that a page may have.
    pub fn new(n: usize) -> Limit {
        Limit(n.clamp(1, Limit::MAX.0))
    }

    /// The number.
    pub fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Limit {
        Limit(25)
    }
}

/// Where a page ended: opaque outside, the last row's place inside. Its text is hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

/// Which list a cursor is of, and what that was narrowed to: the place where one list ended is none in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListMark(u32);

impl ListMark {
    /// The mark of the whole list of this name.
    pub fn of(list: &str) -> ListMark {
        ListMark(0).by(list)
    }

    /// The mark of the same list, narrowed to this.
    pub fn by(self, part: impl std::fmt::Display) -> ListMark {
        let part = part.to_string();
        // The length goes before it, so that two parts are not one.
        let mut sum = crc32fast::Hasher::new_with_initial(self.0);
        sum.update(&(part.len() as u64).to_be_bytes());
        sum.update(part.as_bytes());
        ListMark(sum.finalize())
    }
}

/// A text that no page was ended with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one that a page of this list answered; leave it out to begin at the start")]
pub struct InvalidCursor;

impl Cursor {
    /// The cursor of this place.
    pub fn new(place: impl Into<Vec<u8>>) -> Cursor {
        Cursor(place.into())
    }

    /// The cursor as it leaves, with the mark of the list that it is of.
    pub fn marked(mut self, list: ListMark) -> Cursor {
        self.0.extend_from_slice(&list.0.to_be_bytes());
        self
    }

    /// The cursor as it comes back, without its mark: refused where that is another list's.
    pub fn unmarked(mut self, list: ListMark) -> Result<Cursor, InvalidCursor> {
        let place = self.0.strip_suffix(&list.0.to_be_bytes()).filter(|place| !place.is_empty()).ok_or(InvalidCursor)?.len();
        self.0.truncate(place);
        Ok(self)
    }

    /// The place it stands for.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(input: &str) -> Result<Cursor, InvalidCursor> {
        if input.is_empty() || input.len() > 2_048 || !input.len().is_multiple_of(2) || !input.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(InvalidCursor);
        }
        let byte = |at: usize| u8::from_str_radix(&input[at..at + 2], 16).map_err(|_| InvalidCursor);
        (0..input.len()).step_by(2).map(byte).collect::<Result<Vec<u8>, _>>().map(Cursor)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Some items of a list, and where the next begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The same page, whose cursor bears the mark of its list.
    pub fn marked(self, list: ListMark) -> Page<T> {
        Page { items: self.items, next: self.next.map(|next| next.marked(list)) }
    }

    /// The same page of other things.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_kept_within_its_bounds() {
        assert_eq!([0, 1, 25, 200, 100_000].map(|n| Limit::new(n).get()), [1, 1, 25, 200, 200]);
    }

    #[test]
    fn a_cursor_is_read_by_its_own_list_alone() {
        let list = ListMark::of("branches").by("a");
        let cursor = Cursor::new(vec![1, 2]);
        assert_eq!(cursor.clone().marked(list).unmarked(list), Ok(cursor.clone()));
        for other in [ListMark::of("branches"), ListMark::of("branches").by("b"), list.by(""), ListMark::of("branchesa"), ListMark::of("a")]
        {
            assert_eq!(cursor.clone().marked(list).unmarked(other), Err(InvalidCursor), "{other:?}");
        }
        assert_ne!(ListMark::of("a").by("bc"), ListMark::of("a").by("b").by("c"));
        assert_eq!(cursor.unmarked(list), Err(InvalidCursor));
    }

    #[test]
    fn a_cursor_reads_back_and_rubbish_does_not() {
        let cursor = Cursor::new(vec![0, 255, 7]);
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "0", "zz", "éé", "+1"] {
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
        }
    }
}
