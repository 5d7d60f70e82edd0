//! What a program wrote: kept whole up to a bound, and beyond it the beginning and the end, with the cut marked.

use std::collections::VecDeque;

use super::Limits;
use crate::base::mask::{Mask, Stream};

/// Hears what is written while it is written.
pub trait Output {
    /// Bytes of stdout, in the order they were written.
    fn stdout(&mut self, bytes: &[u8]);
    /// Bytes of stderr, in the order they were written.
    fn stderr(&mut self, bytes: &[u8]);
}

/// Nobody listens.
impl Output for () {
    fn stdout(&mut self, _: &[u8]) {}
    fn stderr(&mut self, _: &[u8]) {}
}

/// What was written to a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    head: Vec<u8>,
    tail: Vec<u8>,
    total: u64,
}

impl Kept {
    /// All of it, if all of it was kept.
    pub fn whole(&self) -> Option<&[u8]> {
        (!self.is_cut()).then_some(&self.head)
    }

    /// Whether something in the middle is missing.
    pub fn is_cut(&self) -> bool {
        self.missing() > 0
    }

    /// How many bytes were written.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many bytes are missing.
    pub fn missing(&self) -> u64 {
        self.total - (self.head.len() + self.tail.len()) as u64
    }

    /// It as text: what is not UTF-8 is replaced, and where something is missing a line says how much.
    pub fn text(&self) -> String {
        let head = String::from_utf8_lossy(&self.head);
        if !self.is_cut() {
            return head.into_owned();
        }
        let count = crate::base::text::count(self.missing(), "byte");
        format!("{}\n[… {count} left out …]\n{}", head.trim_end_matches('\u{fffd}'), String::from_utf8_lossy(&self.tail))
    }
}

/// Keeps a stream while it is read.
#[derive(Debug)]
pub(super) struct Keeping {
    cap: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Keeping {
    /// Keeps all of it up to `cap` bytes, else half of that from its beginning and half from its end.
    pub(super) fn new(cap: usize) -> Keeping {
        Keeping { cap, head: Vec::new(), tail: VecDeque::new(), total: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let was_whole = self.total <= self.cap as u64;
        self.total += bytes.len() as u64;
        if self.total <= self.cap as u64 {
            self.head.extend_from_slice(bytes);
            return;
        }
        let (head, tail) = (self.cap / 2, self.cap - self.cap / 2);
        if was_whole {
            // Together they are longer than both parts, so no byte belongs to both.
            let old = std::mem::take(&mut self.head);
            self.head = old.iter().chain(bytes).copied().take(head).collect();
            self.tail = old.into_iter().skip(head).collect();
        }
        let last = &bytes[bytes.len().saturating_sub(tail)..];
        let too_many = (self.tail.len() + last.len()).saturating_sub(tail);
        self.tail.drain(..too_many.min(self.tail.len()));
        self.tail.extend(last);
    }

    pub(super) fn finish(self) -> Kept {
        Kept { head: self.head, tail: self.tail.into(), total: self.total }
    }
}

/// One of the two that a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum To {
    Stdout,
    Stderr,
}

/// Both outputs of a run on their way: through the mask, to whoever listens, and into what is kept.
pub(super) struct Outputs<'a> {
    stdout: Masked,
    stderr: Masked,
    /// How many bytes were written, as they were written, and how many may be.
    written: u64,
    most: u64,
    out: &'a mut dyn Output,
}

struct Masked {
    stream: Stream,
    keeping: Keeping,
}

impl<'a> Outputs<'a> {
    pub(super) fn new(limits: &Limits, mask: &Mask, out: &'a mut dyn Output) -> Outputs<'a> {
        let masked = |cap| Masked { stream: mask.stream(), keeping: Keeping::new(cap) };
        let (stdout, stderr) = (masked(limits.stdout_bytes), masked(limits.stderr_bytes));
        Outputs { stdout, stderr, written: 0, most: limits.output_bytes, out }
    }

    /// Takes what was written.
    pub(super) fn push(&mut self, to: To, bytes: &[u8]) {
        self.written = self.written.saturating_add(bytes.len() as u64);
        let masked = self.of(to).stream.push(bytes);
        self.take(to, &masked);
    }

    /// Whether more was written than may be.
    pub(super) fn are_over(&self) -> bool {
        self.written > self.most
    }

    /// Gives what the mask held back: there is no more to come. Answers what was kept.
    pub(super) fn finish(mut self) -> (Kept, Kept) {
        for to in [To::Stdout, To::Stderr] {
            let rest = self.of(to).stream.finish();
            self.take(to, &rest);
        }
        (self.stdout.keeping.finish(), self.stderr.keeping.finish())
    }

    fn of(&mut self, to: To) -> &mut Masked {
        match to {
            To::Stdout => &mut self.stdout,
            To::Stderr => &mut self.stderr,
        }
    }

    fn take(&mut self, to: To, masked: &[u8]) {
        if masked.is_empty() {
            return;
        }
        self.of(to).keeping.push(masked);
        match to {
            To::Stdout => self.out.stdout(masked),
            To::Stderr => self.out.stderr(masked),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Hears all, and which of both it was.
    #[derive(Default)]
    struct Heard(Vec<(To, Vec<u8>)>);

    impl Output for Heard {
        fn stdout(&mut self, bytes: &[u8]) {
            self.0.push((To::Stdout, bytes.to_vec()));
        }

        fn stderr(&mut self, bytes: &[u8]) {
            self.0.push((To::Stderr, bytes.to_vec()));
        }
    }

    #[test]
    fn what_is_heard_and_kept_of_both_outputs_is_masked_and_what_is_counted_is_what_was_written() {
        let secret = crate::base::secret::Secret::new("correct-horse-battery".to_owned());
        let mask = Mask::new(std::iter::once(&secret)).unwrap();
        let limits = Limits { output_bytes: 60, ..Limits::default() };
        let mut heard = Heard::default();
        let mut outputs = Outputs::new(&limits, &mask, &mut heard);
        outputs.push(To::Stdout, b"out correct-horse-");
        outputs.push(To::Stderr, b"err correct-horse");
        outputs.push(To::Stdout, b"battery");
        assert!(!outputs.are_over());
        outputs.push(To::Stdout, &[b'.'; 40]);
        assert!(outputs.are_over());
        let (stdout, stderr) = outputs.finish();
        assert!(stdout.text().starts_with("out ") && stdout.text().ends_with("...."));
        assert_eq!(stderr.text(), "err correct-horse", "what looked like the beginning of a secret comes in the end");
        assert!(!stdout.text().contains("horse"), "{}", stdout.text());
        for (to, kept) in [(To::Stdout, stdout), (To::Stderr, stderr)] {
            let all: Vec<u8> = heard.0.iter().filter(|(of, _)| *of == to).flat_map(|(_, bytes)| bytes.clone()).collect();
            assert_eq!(kept.whole(), Some(&all[..]), "{to:?}");
        }
    }

    fn kept(cap: usize, parts: &[&[u8]]) -> Kept {
        let mut keeping = Keeping::new(cap);
        parts.iter().for_each(|part| keeping.push(part));
        keeping.finish()
    }

    #[test]
    fn what_fits_is_whole() {
        assert_eq!(kept(8, &[b"abcd", b"efgh"]).whole(), Some(&b"abcdefgh"[..]));
    }

    #[test]
    fn of_what_does_not_fit_the_beginning_and_the_end_are_kept_and_the_cut_is_marked() {
        let kept = kept(8, &[b"abcd", b"efghij", b"kl"]);
        assert_eq!(kept.whole(), None);
        assert_eq!(kept.text(), "abcd\n[… 4 bytes left out …]\nijkl");
    }

    proptest! {
        #[test]
        fn however_it_is_cut_into_parts_the_same_is_kept(
            bytes in proptest::collection::vec(any::<u8>(), 0..200), cap in 0usize..64, step in 1usize..70,
        ) {
            let parts: Vec<&[u8]> = bytes.chunks(step).collect();
            let kept = kept(cap, &parts);
            prop_assert_eq!(kept.total(), bytes.len() as u64);
            if bytes.len() <= cap {
                prop_assert_eq!(kept.whole(), Some(&bytes[..]));
            } else {
                prop_assert_eq!(&kept.head[..], &bytes[..cap / 2]);
                prop_assert_eq!(&kept.tail[..], &bytes[bytes.len() - (cap - cap / 2)..]);
            }
        }
    }
}
