//! Pages that say what went wrong: the thing, the reason, the mend, and the request's id to quote.

use askama::Template;

use super::frame::Frame;
use super::{href, words};
use crate::http::code::Code;

/// An error.
#[derive(Debug, Template)]
#[template(path = "error.html", config = ".askama.toml")]
pub struct ErrorPage {
    /// The request.
    pub frame: Frame,
    /// The HTTP status.
    pub status: u16,
    /// The code of the API's error table.
    pub code: String,
    /// What was wrong and what to do: the API's message.
    pub message: String,
    /// The request's id.
    pub request_id: String,
}

impl ErrorPage {
    /// Whether it is GitHub that could not do what was asked.
    fn is_githubs(&self) -> bool {
        self.code == Code::GithubUnavailable.as_str()
    }

    fn headline(&self) -> &'static str {
        match self.status {
            400 | 422 => "That request could not be read",
            401 => "Sign in to see this page",
            403 => "You may not do that",
            404 => "Nothing is here",
            405 => "That cannot be done here",
            409 => "That does not fit how things stand",
            413 => "That is too large",
            429 => "Too many requests",
            503 if self.is_githubs() => "GitHub does not answer as it should",
            503 => "Not ready yet",
            500.. => "Something failed on our side",
            _ => "That did not work",
        }
    }

    fn mend(&self) -> &'static str {
        match self.status {
            401 => "Sign in, then come back.",
            403 => "Ask an administrator for the permission, or go back to the page you came from and try again from there.",
            404 => "The address may be mistyped, the thing deleted, or you may not be allowed to see it.",
            429 => "Wait a moment, then try again.",
            503 if self.is_githubs() => "Read this page again in a minute.",
            503 => "The server is starting or stopping. Try again in a few seconds.",
            500.. => "Try again. If it fails again, look for the request id in the server's log, or give it to whoever runs this server.",
            _ => "Go back and try again.",
        }
    }
}
