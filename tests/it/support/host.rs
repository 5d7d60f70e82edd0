//! A host on this machine that answers every request alike, and counts them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A host. It ends with the test's process: it outlives who asks it.
pub struct Host {
    pub address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Host {
    /// A host that answers each request with these bytes and closes.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Host {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut stream = stream.unwrap();
                let mut read = [0; 4_096];
                let _ = stream.read(&mut read);
                let _ = stream.write_all(&answer);
            }
        });
        Host { address, asked }
    }

    /// A host where there is nothing.
    pub fn empty() -> Host {
        Host::answering(*b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
    }

    /// A host that sends everybody elsewhere.
    pub fn redirecting(to: &str) -> Host {
        Host::answering(format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"))
    }

    /// The address of a repository there.
    pub fn url(&self) -> String {
        format!("http://{}/app.git", self.address)
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
