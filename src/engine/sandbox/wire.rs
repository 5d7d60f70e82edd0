//! What we and the launcher say to each other, over one socket that is the launcher's stdin.
//!
//! Each message is its length in four bytes, little-endian, and then itself in postcard. We send [`Order`]s: first what is to be run, then
//! the files, each followed by its bytes, then the word to start. The launcher sends [`Report`]s. Both come from the same binary, so the
//! shapes have no versions.

use std::io::Read;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The largest message of the launcher, which sends files in pieces.
pub(super) const REPORT_BYTES: usize = 128 << 10;
/// The largest piece of a file.
pub(super) const PIECE_BYTES: usize = 64 << 10;
/// The largest message to the launcher.
pub(super) const ORDER_BYTES: usize = 32 << 20;

/// What the launcher is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// What is to be run. Comes first.
    Begin(Box<Orders>),
    /// A file of the tree; this many bytes of its content follow.
    File { path: Vec<u8>, kind: super::Kind, len: u64 },
    /// There are no more files: start.
    Go,
}

/// What is to be run, and how.
#[derive(Serialize, Deserialize)]
pub(super) struct Orders {
    pub argv: Vec<Vec<u8>>,
    pub env: Vec<(String, Vec<u8>)>,
    /// Where it is started, beneath the tree.
    pub directory: String,
    /// Files with secrets, beneath the home directory.
    pub secret_files: Vec<(String, Vec<u8>)>,
    /// Files that are read back, beneath the tree.
    pub outputs: Vec<String>,
    pub output_file_bytes: u64,
    /// What may be read besides the system.
    pub roots: Vec<Vec<u8>>,
    /// Whether connections are made for it.
    pub is_connected: bool,
    pub place: Place,
    pub bounds: Bounds,
}

/// Secrets are among it.
impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders").field("outputs", &self.outputs).field("place", &self.place).finish_non_exhaustive()
    }
}

/// Where the launcher is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// The first process of a namespace of its own, over a file system of its own.
    Sandbox,
    /// On the host, with a directory that is to be used.
    Host(Vec<u8>),
}

/// The limits of each single process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Bounds {
    pub cpu_seconds: u64,
    pub file_size: u64,
    /// Not given where the user is not one of our own, whose processes would be counted too.
    pub processes: Option<u64>,
    /// Private memory, where no cgroup counts it.
    pub data: Option<u64>,
    /// How many names there may be on a file system of the sandbox's own.
    pub names: u64,
    /// Whether memory may be shared by name without a file: not where nothing counts it.
    pub may_share: bool,
}

/// What the launcher says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// It is there and waits. Sent with its credentials, which tell us its process.
    Ready,
    /// It cannot go on.
    Failed(Failure),
    /// The program runs; some of the files could not be written.
    Started { landlock: Landlock, refused: Vec<(Vec<u8>, String)> },
    /// A file system of the sandbox's own. It comes along.
    Room,
    /// There is no room for files any more.
    Full(Lack),
    /// Something inside wants to speak to the proxy: its connection comes along.
    Connection,
    /// The program ended.
    Ended { how: Ended, cpu_ms: u64 },
    /// A piece of an output file.
    Piece { file: u32, bytes: Vec<u8> },
    /// An output file was read, or why not.
    Read { file: u32, result: Result<(), String> },
    /// That was all.
    Done,
}

/// What there is no more of for files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Lack {
    /// Bytes for all of them together.
    Bytes,
    /// Names.
    Names,
    /// Bytes for one of them.
    Size,
}

/// Why the launcher cannot go on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Failure {
    /// The program cannot be started.
    Program(String),
    /// There is no room for the tree.
    NoRoom,
    /// Something of the sandbox itself does not work.
    Sandbox(String),
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Ended {
    Exited(i32),
    Signaled(i32),
}

/// How much of what we ask Landlock for the kernel gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Landlock {
    /// All of it.
    Full,
    /// A part of it: an older kernel.
    Partial,
    /// Nothing: the kernel does not have it, or it is not turned on.
    Missing,
}

/// A message with its length before it. It may hold secrets.
pub(super) fn frame(message: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, postcard::Error> {
    let body = Zeroizing::new(postcard::to_stdvec(message)?);
    let len = u32::try_from(body.len()).ok().filter(|len| *len as usize <= ORDER_BYTES).ok_or(postcard::Error::SerializeBufferFull)?;
    let mut frame = Zeroizing::new(Vec::with_capacity(body.len() + 4));
    frame.extend_from_slice(&len.to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// Reads one message of at most `cap` bytes.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read, cap: usize) -> std::io::Result<T> {
    let mut len = [0; 4];
    from.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len) as usize;
    if len > cap {
        return Err(std::io::Error::other("a message is too long"));
    }
    let mut body = Zeroizing::new(vec![0; len]);
    from.read_exact(&mut body)?;
    postcard::from_bytes(&body).map_err(std::io::Error::other)
}

/// Takes the first whole message off what has arrived so far.
pub(super) fn take(arrived: &mut Vec<u8>) -> Result<Option<Report>, &'static str> {
    let Some(len) = arrived.first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_le_bytes(*len) as usize;
    if len > REPORT_BYTES {
        return Err("a message is too long");
    }
    let Some(body) = arrived.get(4..4 + len) else { return Ok(None) };
    let report = postcard::from_bytes(body).map_err(|_| "a message cannot be read")?;
    arrived.drain(..4 + len);
    Ok(Some(report))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_all_of_it_is_there() {
        let sent = frame(&Report::Piece { file: 1, bytes: vec![7; 300] }).unwrap();
        let mut arrived = Vec::new();
        for (at, byte) in sent.iter().enumerate() {
            assert_eq!(take(&mut arrived), Ok(None), "after {at} bytes");
            arrived.push(*byte);
        }
        assert_eq!(take(&mut arrived), Ok(Some(Report::Piece { file: 1, bytes: vec![7; 300] })));
        assert_eq!(arrived, b"");
    }

    #[test]
    fn a_message_of_any_length_and_content_is_taken_or_refused() {
        assert!(take(&mut u32::MAX.to_le_bytes().to_vec()).is_err());
        assert!(take(&mut vec![2, 0, 0, 0, 0xff, 0xff]).is_err());
    }

    #[test]
    fn what_is_read_has_a_bound() {
        let sent = frame(&Order::File { path: vec![b'x'; 100], kind: super::super::Kind::Regular, len: 3 }).unwrap();
        assert!(read::<Order>(&mut &sent[..], 50).is_err());
        assert!(matches!(read::<Order>(&mut &sent[..], 200), Ok(Order::File { len: 3, .. })));
    }

    #[test]
    fn orders_do_not_print_their_secrets() {
        let orders = Orders {
            argv: vec![],
            env: vec![("TOKEN".into(), b"hunter2".to_vec())],
            directory: String::new(),
            secret_files: vec![("key".into(), b"hunter2".to_vec())],
            outputs: vec![],
            output_file_bytes: 0,
            roots: vec![],
            is_connected: false,
            place: Place::Sandbox,
            bounds: Bounds { cpu_seconds: 1, file_size: 1, processes: None, data: None, names: 1, may_share: false },
        };
        assert!(!format!("{orders:?}").contains("hunter2"));
    }
}
