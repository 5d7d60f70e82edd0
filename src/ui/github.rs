//! The page where the instance becomes an App on GitHub, and where it is seen what of that works.

use askama::Template;

use super::frame::{AdminTab, Frame};
use super::marks::Stand;
use super::words;
use crate::app::health::Grade;
use crate::domain::github::setup::Installable;
use crate::http::admin::github::GithubAdminView;

/// GitHub.
#[derive(Debug, Template)]
#[template(path = "admin/github.html", config = ".askama.toml")]
pub struct GithubPage {
    /// The request.
    pub frame: Frame,
    /// Who the instance is there.
    pub view: GithubAdminView,
    /// The form that has GitHub make the App, where there is none.
    pub make: Option<MakeForm>,
    /// What GitHub was just asked to send again.
    pub sent_again: Option<String>,
}

/// What a browser brings GitHub.
#[derive(Debug, Clone)]
pub struct MakeForm {
    /// Whose the App is to be; empty for whoever is signed in there.
    pub owner: String,
    /// Whether that is no name of an organization.
    pub is_misnamed: bool,
    /// Who may install it.
    pub installable: Installable,
    /// Whether others than its owner may be let: not before it is said whose members sign in here.
    pub may_be_public: bool,
    /// Where it is brought.
    pub door: String,
    /// What.
    pub manifest: String,
}

impl GithubPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Github
    }

    fn headline(&self) -> &'static str {
        let worst = self.view.checks.iter().map(|check| check.grade).max();
        match (self.view.app_id, worst) {
            (None, _) => "GitHub is not set up",
            (Some(_), Some(Grade::Bad)) => "Something does not work with GitHub",
            (Some(_), Some(Grade::Weaker)) => "GitHub works, and something could be better",
            (Some(_), Some(Grade::Good) | None) => "GitHub works",
        }
    }

    fn stand(&self, grade: &Grade) -> Stand {
        match grade {
            Grade::Good => Stand::True,
            Grade::Weaker => Stand::Unsure,
            Grade::Bad => Stand::Fails,
        }
    }
}
