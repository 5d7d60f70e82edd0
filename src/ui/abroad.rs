//! What is said when somebody was not signed in through GitHub: why, and what to do about it.

use askama::Template;

use super::frame::Frame;
use super::{href, words};
use crate::http::code::Code;

/// Nobody came in by GitHub.
#[derive(Debug, Template)]
#[template(path = "abroad.html", config = ".askama.toml")]
pub struct GithubFaultPage {
    /// The request.
    pub frame: Frame,
    /// What it is.
    pub code: Code,
    /// Why, in a sentence.
    pub message: String,
}

impl GithubFaultPage {
    fn headline(&self) -> &'static str {
        match self.code {
            Code::StateInvalid => "This answer is not to your question",
            Code::GithubDenied => "GitHub did not say who you are",
            Code::NotLetIn => "You are not let in here",
            Code::UserDisabled => "Your account is closed",
            Code::IdentityTaken => "These two accounts cannot be linked",
            Code::CrossSite => "Another site sent you here",
            Code::RateLimited => "A moment, please",
            _ => "GitHub cannot be asked right now",
        }
    }

    /// What the first button says, if another try is of use.
    fn again(&self) -> Option<&'static str> {
        match self.code {
            Code::UserDisabled | Code::IdentityTaken | Code::CrossSite => None,
            Code::NotLetIn => Some("Ask GitHub again"),
            _ => Some("Begin anew"),
        }
    }
}
