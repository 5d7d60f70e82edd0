//! The administration: how the instance fares, what it holds, who is signed in, what waits, what was done, what is set.
//!
//! Plain tables, one action a row. What the pages show is what the API answers.

use askama::Template;

use super::frame::{AdminTab, Frame};
use super::marks::Stand;
use super::{href, words};
use crate::app::health::Grade;
use crate::base::event::Changed;
use crate::base::work::Lane;
use crate::domain::audit::{Action, ActorKind, Line};
use crate::domain::repos::Withdrawal;
use crate::engine::queue::WorkState;
use crate::http::admin::audit::AuditQuery;
use crate::http::admin::health::AdminHealthView;
use crate::http::admin::hidden::HiddenRepoView;
use crate::http::admin::repos::RepoUsageView;
use crate::http::admin::sessions::AnySessionView;
use crate::http::admin::settings::SettingsView;
use crate::http::admin::work::WorkView;

/// How the instance fares.
#[derive(Debug, Template)]
#[template(path = "admin/health.html", config = ".askama.toml")]
pub struct HealthPage {
    /// The request.
    pub frame: Frame,
    /// What was found.
    pub view: AdminHealthView,
}

impl HealthPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Health
    }

    fn headline(&self) -> &'static str {
        match self.view.status {
            Grade::Good => "Everything works",
            Grade::Weaker => "Everything works, and something could be better",
            Grade::Bad => "Something does not work",
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

/// Every repository and the room it takes.
#[derive(Debug, Template)]
#[template(path = "admin/repos.html", config = ".askama.toml")]
pub struct ReposPage {
    /// The request.
    pub frame: Frame,
    /// The repositories of this page.
    pub repos: Vec<RepoUsageView>,
    /// Those that are hidden, and go before long.
    pub hidden: Vec<HiddenRepoView>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl ReposPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Repositories
    }

    fn why(&self, hidden: &HiddenRepoView) -> &'static str {
        match hidden.why {
            Withdrawal::Deleted => "deleted on GitHub",
            Withdrawal::AccessRemoved => "the App is not let at it any more",
            Withdrawal::InstallationRemoved => "the App was removed there",
        }
    }

    fn settings(&self, repo: &RepoUsageView) -> String {
        format!("/r/{}/{}/settings", repo.owner, repo.name)
    }

    fn used(&self, repo: &RepoUsageView, kind: &str) -> String {
        words::bytes(repo.used_bytes.get(kind).copied().unwrap_or(0))
    }
}

/// Every browser that is signed in.
#[derive(Debug, Template)]
#[template(path = "admin/sessions.html", config = ".askama.toml")]
pub struct SessionsPage {
    /// The request.
    pub frame: Frame,
    /// The sessions of this page.
    pub sessions: Vec<AnySessionView>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl SessionsPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Sessions
    }
}

/// The work queue.
#[derive(Debug, Template)]
#[template(path = "admin/work.html", config = ".askama.toml")]
pub struct WorkPage {
    /// The request.
    pub frame: Frame,
    /// In which state.
    pub state: WorkState,
    /// Of which lane alone.
    pub lane: Option<Lane>,
    /// How much there is in each state.
    pub counts: [u64; 3],
    /// The work of this page.
    pub items: Vec<WorkView>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl WorkPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Work
    }

    /// The states with how much is in each, what needs somebody first.
    fn states(&self) -> [(WorkState, u64); 3] {
        let [ready, leased, dead] = self.counts;
        [(WorkState::Dead, dead), (WorkState::Leased, leased), (WorkState::Ready, ready)]
    }

    fn at(&self, state: &WorkState) -> String {
        let at = format!("/admin/work?state={state}");
        self.lane.map_or(at.clone(), |lane| href::with(&at, "lane", lane.as_str()))
    }

    fn in_all_lanes(&self) -> String {
        format!("/admin/work?state={}", self.state)
    }

    fn state_word(&self, state: &WorkState) -> &'static str {
        match state {
            WorkState::Ready => "Waiting",
            WorkState::Leased => "Being carried out",
            WorkState::Dead => "Given up",
        }
    }

    fn none(&self) -> &'static str {
        match self.state {
            WorkState::Ready => "Nothing waits.",
            WorkState::Leased => "Nothing is being carried out.",
            WorkState::Dead => "Nothing was given up.",
        }
    }

    fn is_dead(&self) -> bool {
        self.state == WorkState::Dead
    }

    fn short<'a>(&self, sha: &'a str) -> &'a str {
        sha.get(..7).unwrap_or(sha)
    }
}

/// The trail.
#[derive(Debug, Template)]
#[template(path = "admin/audit.html", config = ".askama.toml")]
pub struct AuditPage {
    /// The request.
    pub frame: Frame,
    /// What was asked for.
    pub query: AuditQuery,
    /// What was wrong with it.
    pub fault: Option<String>,
    /// The entries of this page, latest first.
    pub entries: Vec<Line>,
    /// Where the next page is.
    pub next: Option<String>,
}

impl AuditPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Audit
    }

    fn value(&self, name: &str) -> &str {
        let query = &self.query;
        let value = match name {
            "who" => &query.who,
            "what" => &query.what,
            "outcome" => &query.outcome,
            "from" => &query.from,
            _ => &query.to,
        };
        value.as_deref().unwrap_or("")
    }

    fn who(&self, entry: &Line) -> String {
        let actor = &entry.actor;
        match (&actor.name, &actor.user) {
            (Some(name), Some(user)) => format!("{name} ({user})"),
            (Some(name), None) if actor.kind == ActorKind::Anonymous => format!("somebody as {name}"),
            (Some(name), None) => name.clone(),
            (None, _) => match actor.kind.as_str() {
                "anonymous" => "somebody".to_owned(),
                "host" => "the host".to_owned(),
                "system" => "the appliance".to_owned(),
                _ => actor.id.clone().unwrap_or_default(),
            },
        }
    }

    fn what(&self, entry: &Line) -> String {
        let route = entry.subject.as_ref().and_then(|subject| subject.id.as_deref()).filter(|_| entry.code.is_some());
        let method = route.and_then(|route| route.split(' ').next());
        method.map_or_else(|| told(entry.action).to_owned(), |method| format!("asked to {method}"))
    }

    /// To what it was done, where that is not said already.
    fn to<'a>(&self, entry: &'a Line) -> Option<&'a str> {
        let name = entry.subject.as_ref()?.name.as_deref()?;
        let is_own = matches!(entry.action, Action::SignedIn | Action::SignedOut) && entry.actor.name.as_deref() == Some(name);
        (!is_own).then_some(name)
    }

    fn change(&self, change: &Changed) -> String {
        match (&change.before, &change.after) {
            (None, Some(after)) => format!("{}: {after}", change.field),
            (before, after) => {
                let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "not set".to_owned());
                format!("{}: {} → {}", change.field, side(before), side(after))
            }
        }
    }

    fn hash<'a>(&self, entry: &'a Line) -> &'a str {
        entry.hash.as_deref().unwrap_or("")
    }

    fn short<'a>(&self, entry: &'a Line) -> &'a str {
        self.hash(entry).get(..7).unwrap_or("")
    }
}

/// What was done, between whoever did it and what they did it to.
fn told(action: Action) -> &'static str {
    match action {
        Action::UserCreated => "made an account for",
        Action::UserChanged => "changed the account of",
        Action::UserDeleted => "deleted the account of",
        Action::PasswordSet => "set the password of",
        Action::TotpSet => "set up codes for",
        Action::TotpRemoved => "took away the codes of",
        Action::LinkMade => "made a link for",
        Action::LinkRevoked => "called back a link for",
        Action::SignedIn => "signed in",
        Action::SignedOut => "signed out",
        Action::TokenCreated => "made the token",
        Action::TokenRotated => "rotated the token",
        Action::TokenRevoked => "ended the token",
        Action::RepositoryAdded => "added",
        Action::RepositoryChanged => "changed",
        Action::MembersChanged => "changed the members of",
        Action::BadgeKeyRotated => "gave another badge key to",
        Action::RepositoryDeleted => "deleted",
        Action::SyncRequested => "had fetched",
        Action::ChecksRequested => "had checks run in",
        Action::ChecksCanceled => "canceled checks in",
        Action::ManifestApproved => "approved of a manifest in",
        Action::SecretSet => "set the secret",
        Action::SecretRemoved => "removed the secret",
        Action::KeyAdded => "gave a pair to the key",
        Action::KeyRemoved => "removed the key",
        Action::VaultRotated => "gave the vault another key",
        Action::WorkRetried => "had tried again",
        Action::WorkDiscarded => "discarded",
        Action::SettingsChanged => "changed settings",
        Action::CommandEntered => "entered",
        Action::TrailShortened => "let go of what was old in the trail",
        Action::DeliveryReplayed => "had interpreted once more",
        Action::RepositoryWithdrawn => "hid",
        Action::RepositoryReturned => "brought back",
        Action::Request => "asked",
        Action::GithubAppSet => "set up the App on GitHub",
        Action::GithubLinked => "linked an account on GitHub to",
        Action::GithubUnlinked => "took away the link to GitHub of",
        Action::ResyncRequested => "had taken over from GitHub",
    }
}

/// What is set.
#[derive(Debug, Template)]
#[template(path = "admin/settings.html", config = ".askama.toml")]
pub struct AdminSettingsPage {
    /// The request.
    pub frame: Frame,
    /// What holds.
    pub view: SettingsView,
    /// What was entered and refused, by field, and why.
    pub entered: Vec<(String, String)>,
    /// Why it was refused.
    pub fault: Option<String>,
}

/// A field of the settings' form.
pub struct Field {
    name: &'static str,
    label: &'static str,
    about: &'static str,
    entered: String,
    default: String,
    decided_by: Option<String>,
    /// What it may be, with what that means, where it is one of few.
    choices: &'static [(&'static str, &'static str)],
}

/// What may be done about repositories that the App is let at.
const ADDED: [(&str, &str); 2] = [("by_hand", "one by one, by hand"), ("automatically", "by itself, as GitHub tells of them")];

impl Field {
    /// The choices with their meanings, and whether each is what is set; the default comes first and is the empty one.
    fn options(&self) -> Vec<(&'static str, String, bool)> {
        let default = self.choices.iter().filter(|(value, _)| *value == self.default);
        let default = default.map(|(_, meaning)| ("", format!("{meaning} (the default)"), self.entered.is_empty()));
        // What is set and is the default as well is not the same: it stays when the default changes.
        let others = self.choices.iter().filter(|(value, _)| *value != self.default || *value == self.entered);
        default.chain(others.map(|(value, meaning)| (*value, (*meaning).to_owned(), *value == self.entered))).collect()
    }
}

impl AdminSettingsPage {
    fn tab(&self) -> AdminTab {
        AdminTab::Settings
    }

    fn fields(&self) -> Vec<Field> {
        let SettingsView {
            default_tools, poll_interval_s, events_kept_days, audit_kept_days, status_context, add_repos, add_repos_of, ..
        } = &self.view;
        let never = |days: Option<u32>| days.map_or_else(|| "for ever".to_owned(), |days| days.to_string());
        let field = |name: &'static str, label, about, set: Option<String>, default: String, decided_by: &Option<String>| Field {
            name,
            label,
            about,
            entered: self.entered.iter().find(|(field, _)| field == name).map(|(_, text)| text.clone()).or(set).unwrap_or_default(),
            default: if default.is_empty() { "none".to_owned() } else { default },
            decided_by: decided_by.clone(),
            choices: &[],
        };
        let set = |is_set: bool, text: String| is_set.then_some(text);
        vec![
            field(
                "default_tools",
                "Tools that run without a manifest",
                "Names with blanks between them, such as `ruff shellcheck`: of the tools that need no settings in a repository.",
                set(default_tools.is_set, default_tools.value.join(" ")),
                default_tools.default.join(" "),
                &default_tools.decided_by,
            ),
            field(
                "poll_interval_s",
                "Seconds between two looks at a repository",
                "From 1 to 86400.",
                set(poll_interval_s.is_set, poll_interval_s.value.to_string()),
                poll_interval_s.default.to_string(),
                &poll_interval_s.decided_by,
            ),
            field(
                "events_kept_days",
                "Days that events are kept",
                "From 1 to 36500. Pages and the feed tell of events; the trail is another thing.",
                set(events_kept_days.is_set, events_kept_days.value.to_string()),
                events_kept_days.default.to_string(),
                &events_kept_days.decided_by,
            ),
            field(
                "audit_kept_days",
                "Days that the trail is kept",
                "From 30 to 36500. What is older is let go, and the trail says so itself; export it before.",
                set(audit_kept_days.is_set, never(audit_kept_days.value)),
                never(audit_kept_days.default),
                &audit_kept_days.decided_by,
            ),
            field(
                "status_context",
                "Name of the status on GitHub",
                "What branch protection asks for. Another name holds for what is said from then on; what was said under the old one stays there.",
                set(status_context.is_set, status_context.value.clone()),
                status_context.default.clone(),
                &status_context.decided_by,
            ),
            Field {
                choices: &ADDED,
                ..field(
                    "add_repos",
                    "Repositories that the App is let at on GitHub are added",
                    "It holds for those that GitHub tells of from then on.",
                    set(add_repos.is_set, add_repos.value.clone()),
                    add_repos.default.clone(),
                    &add_repos.decided_by,
                )
            },
            field(
                "add_repos_of",
                "Organizations whose repositories are added by themselves",
                "Names on GitHub with blanks between them. It holds for theirs, whatever is chosen above for all others.",
                set(add_repos_of.is_set, add_repos_of.value.join(" ")),
                add_repos_of.default.join(" "),
                &add_repos_of.decided_by,
            ),
        ]
    }
}
