//! Zlib streams, read piece by piece: for what is too large to be inflated at once, or may be.
//!
//! A stream ends where it says so and what follows stays unread, since objects of a pack lie one behind the other without their lengths.
//! Memory is one piece, whatever the stream unfolds to.

use std::io::{BufRead, Error, ErrorKind, Read, Result};

use gix::zlib::{Decompress, FlushDecompress, Status};

/// How much of a stream may come to nothing before it is taken for one that never goes on: blocks can be empty, and an honest stream has
/// a few bytes of them.
const IDLE: u64 = 64 << 10;

/// How far a stream has been read.
#[derive(Default)]
pub(super) struct Inflate {
    state: Decompress,
    ended: bool,
    /// How much was taken since something was given.
    idle: u64,
}

impl Inflate {
    /// Whether the stream is at its end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Inflates some of what comes next; nothing is left once the answer is 0.
    pub fn read(&mut self, from: &mut dyn BufRead, into: &mut [u8]) -> Result<usize> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        loop {
            let (taken, given) = (self.state.total_in(), self.state.total_out());
            let input = from.fill_buf()?;
            if input.is_empty() {
                return Err(Error::new(ErrorKind::UnexpectedEof, "it breaks off within an object"));
            }
            let status = self
                .state
                .decompress(input, into, FlushDecompress::None)
                .map_err(|_| Error::new(ErrorKind::InvalidData, "the compression of an object is broken"))?;
            let taken = self.state.total_in() - taken;
            let given = self.state.total_out() - given;
            // Both are at most the lengths of the slices that were given.
            from.consume(taken as usize);
            self.ended = status == Status::StreamEnd;
            if given > 0 || self.ended {
                self.idle = 0;
                return Ok(given as usize);
            }
            self.idle += taken;
            if taken == 0 || self.idle > IDLE {
                return Err(Error::new(ErrorKind::InvalidData, "the compression of an object does not go on"));
            }
        }
    }
}

/// One stream as what it unfolds to.
pub(super) struct Inflated<R> {
    from: R,
    inflate: Inflate,
}

impl<R: BufRead> Inflated<R> {
    pub fn new(from: R) -> Inflated<R> {
        Inflated { from, inflate: Inflate::default() }
    }
}

impl<R: BufRead> Read for Inflated<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        self.inflate.read(&mut self.from, into)
    }
}
