//! What goes wrong, once each: set before it is asked.

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
    /// Everything else of the interface.
    Interface,
    /// Git.
    Git,
}

/// What is answered instead.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This, and nothing is done.
    Answers(u16, Vec<(String, String)>, String),
    /// It is done, and the answer is lost.
    DoesAndFails,
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

    fn fails(self, fault: Fault) {
        self.github.state().faults.push((self.door, fault));
    }
}
