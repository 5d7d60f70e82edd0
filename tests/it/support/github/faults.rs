//! What goes wrong, once each: set before it is asked.

use std::sync::mpsc::{Receiver, Sender, channel};

use plumbline::base::time::Timestamp;

use super::GitHub;

/// Where something is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// The making of tokens.
    Tokens,
    /// Statuses of commits, written.
    Statuses,
    /// Runs of checks, written.
    Runs,
    /// Comments, written.
    Comments,
    /// The exchange of a code for somebody's token.
    SignIn,
    /// What is told of deliveries.
    Deliveries,
    /// Everything else of the interface.
    Interface,
    /// Git.
    Git,
}

/// What is answered instead.
#[derive(Debug)]
pub enum Fault {
    /// This, and nothing is done.
    Answers(u16, Vec<(String, String)>, String),
    /// It is done, and the answer is lost.
    DoesAndFails,
    /// Nothing, until the test says so.
    Waits(Waits),
}

/// The fake's side of an answer that a test delays.
#[derive(Debug)]
pub struct Waits {
    reached: Sender<()>,
    go: Receiver<()>,
}

impl Waits {
    /// Waits for the test's word; answers whether the question is to be answered after all.
    pub(super) fn wait(&self) -> bool {
        let _ = self.reached.send(());
        self.go.recv().is_ok()
    }
}

/// An answer that the test delays: as long as this value lives, unless it is let go before.
pub struct Delayed {
    reached: Receiver<()>,
    go: Sender<()>,
}

impl Delayed {
    /// Waits until the question has come.
    pub fn reached(&self) {
        self.reached.recv().unwrap();
    }

    /// Has it answered.
    pub fn let_go(self) {
        self.go.send(()).unwrap();
    }
}

/// Says what the next answer is.
pub struct Next<'a> {
    pub(super) github: &'a GitHub,
    pub(super) door: Door,
}

impl Next<'_> {
    /// A status with a sentence.
    pub fn answers(self, status: u16) {
        self.fails(Fault::Answers(status, Vec::new(), r#"{"message":"not this time"}"#.to_owned()));
    }

    /// This.
    pub fn answers_body(self, status: u16, body: &str) {
        self.fails(Fault::Answers(status, Vec::new(), body.to_owned()));
    }

    /// A page for people.
    pub fn answers_html(self, status: u16) {
        self.fails(Fault::Answers(status, Vec::new(), "<!DOCTYPE html><title>Unicorn!</title>".to_owned()));
    }

    /// Another place.
    pub fn redirects(self, to: &str) {
        self.fails(Fault::Answers(307, vec![("location".to_owned(), to.to_owned())], String::new()));
    }

    /// That it was too much, and for how many seconds.
    pub fn rate_limited_for(self, seconds: u64) {
        let message = r#"{"message":"You have exceeded a secondary rate limit."}"#;
        self.fails(Fault::Answers(403, vec![("retry-after".to_owned(), seconds.to_string())], message.to_owned()));
    }

    /// That all is spent until then.
    pub fn rate_limited_until(self, until: Timestamp) {
        let seconds = (until.as_millis() / 1_000).to_string();
        let headers = [("x-ratelimit-limit", "5000"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", seconds.as_str())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        self.fails(Fault::Answers(403, headers, r#"{"message":"API rate limit exceeded for installation."}"#.to_owned()));
    }

    /// What is asked is done, and 502 answered.
    pub fn does_and_fails(self) {
        self.fails(Fault::DoesAndFails);
    }

    /// Nothing for as long as the test likes; if it never says so, nothing at all.
    pub fn delayed(self) -> Delayed {
        let ((reach, reached), (go, gone)) = (channel(), channel());
        self.fails(Fault::Waits(Waits { reached: reach, go: gone }));
        Delayed { reached, go }
    }

    fn fails(self, fault: Fault) {
        self.github.state().faults.push((self.door, fault));
    }
}
