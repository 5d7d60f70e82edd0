//! Adding a repository: one of those that the App can see on GitHub, or one by its path or address.

use askama::Template;

use super::frame::Frame;
use super::{href, words};
use crate::base::name::RepoSlug;
use crate::base::page::Page;
use crate::http::github::GithubRepoView;

/// The page that adds a repository.
#[derive(Debug, Template)]
#[template(path = "add.html", config = ".askama.toml")]
pub struct AddPage {
    /// The request.
    pub frame: Frame,
    /// What can be added from GitHub.
    pub github: OnGithub,
    /// The form for all else.
    pub form: AddForm,
}

/// What of GitHub is offered to whoever looks.
#[derive(Debug)]
pub enum OnGithub {
    /// The instance is no App there.
    NotSetUp,
    /// Who looks is nobody there, as far as is known here.
    Unknown {
        /// Whether people can tell who they are there.
        may_link: bool,
    },
    /// What is shown has nothing to do with it.
    NotAsked,
    /// What can be added.
    Offered(Offer),
}

/// A list of what can be added.
#[derive(Debug)]
pub struct Offer {
    /// A part of the name that the list was narrowed by; empty is all.
    pub query: String,
    /// Where in the list the page begins.
    pub cursor: Option<String>,
    /// What was found, or why GitHub could not be asked.
    pub found: Result<Page<GithubRepoView>, String>,
    /// Whether it is all that the App can see, and so found without asking GitHub about each.
    pub is_quick: bool,
    /// What was just added.
    pub added: Option<RepoSlug>,
    /// Why what was chosen was not.
    pub fault: Option<String>,
}

/// The form that adds a repository.
#[derive(Debug, Clone, Default)]
pub struct AddForm {
    /// What was entered.
    pub entered: String,
    /// Whether a path on the server's machine may be entered as well.
    pub takes_paths: bool,
    /// Whether it takes the name of a repository on GitHub.
    pub takes_github: bool,
    /// Whether whoever looks can have the instance become an App on GitHub, which it is not.
    pub may_set_up: bool,
    /// Why it was refused.
    pub error: Option<String>,
}

/// The address of a place in the list.
pub fn place(query: &str, cursor: Option<&str>) -> String {
    let address = if query.is_empty() { href::ADD.to_owned() } else { href::with(href::ADD, "q", query) };
    cursor.map_or(address.clone(), |cursor| href::with(&address, "cursor", cursor))
}

impl Offer {
    fn name_of(&self, repo: &GithubRepoView) -> String {
        format!("{}/{}", repo.owner, repo.name)
    }

    fn next_href(&self, found: &Page<GithubRepoView>) -> Option<String> {
        found.next.as_ref().map(|next| place(&self.query, Some(&next.to_string())))
    }

    fn nothing(&self) -> &'static str {
        let goes_on = self.found.as_ref().is_ok_and(|found| found.next.is_some());
        match (self.is_quick, self.query.is_empty()) {
            (_, _) if self.cursor.is_some() && !goes_on => "There are no more.",
            (false, _) if goes_on => "None of those that were looked at here is yours to administer; there are more.",
            (true, true) => "The App can see no repository: nobody has let it in, or at none of theirs.",
            (false, true) => "The App can see no repository that you administer. Have it let in at yours, or ask for the role there.",
            (true, false) => "No repository that the App can see is called like that.",
            (false, false) => "No repository that you administer is called like that.",
        }
    }
}
