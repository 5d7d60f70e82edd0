//! Every page in every state, rendered: escaped, well-formed, nothing inline, nothing from elsewhere.
//!
//! With `PLUMBLINE_GALLERY=DIR` the pages are written there, with their assets, to be looked at in a browser.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use askama::Template;
use serde_json::json;

use super::abroad::GithubFaultPage;
use super::account::{AccountPage, GithubPart, Outcome, Part, SessionRow};
use super::adding::{AddForm, AddPage, Offer, OnGithub};
use super::chart::Point;
use super::check::{CheckPage, LogText};
use super::commit::{Base, CommitPage, IssueFilter, IssueList, Manifest, ManifestFault};
use super::compare::{ComparePage, Difference, Found as Compared};
use super::docs::findings::{Described, IssuesFormatPage};
use super::docs::{Docs, DocsPage};
use super::error::ErrorPage;
use super::escape::Markup;
use super::file::{Content, EntryKind, FilePage, TreeEntry, TreePage};
use super::frame::{Frame, Place, Viewer};
use super::home::{HomePage, RepoRow, RunningRow};
use super::issue::IssuePage;
use super::issues::{Found, IssueRow, IssuesPage, QueryFault, Rebuilding, Results};
use super::manifest::{ManifestPage, Origin};
use super::people::{TokensPage, UsersPage};
use super::plugins::PluginsPage;
use super::repo::{BranchesPage, CommitsPage, RepoPage, RuleRow};
use super::secrets::{InstanceSecretsPage, Refused, RepoSecretsPage};
use super::settings::{Members, SettingsPage};
use super::signin::{Leads, LinkFaultPage, LinkPage, Reason, SignInPage};
use super::source::{self, Source};
use crate::base::event::Verdict;
use crate::base::id::{Id, Ids};
use crate::base::name::{CommitSha, RepoSlug, TreePath};
use crate::base::page::{Cursor, Page};
use crate::base::time::Timestamp;
use crate::domain::accounts::{InstanceRole, LinkFault, MembershipSource, RepoRole, TokenKind};
use crate::domain::checks::CheckState;
use crate::domain::checks::catalogue::Fetches;
use crate::domain::issues::finding::{Kind, Severity};
use crate::domain::issues::issue::IssueState;
use crate::domain::repos::manifest::{FailOn, ManifestName};
use crate::domain::repos::{ApprovalFor, SourceKind};
use crate::http::accounts::UserView;
use crate::http::accounts::people::InvitationView;
use crate::http::checks::dry_run::{DryCheckView, DryRunView, GateView, ManifestErrorView};
use crate::http::checks::{CheckErrorView, CheckSetView, CheckView, ContextView, DroppedView, ExecutionView, StatusView};
use crate::http::github::GithubRepoView;
use crate::http::issues::{IgnoredView, IssueView, SightingView, TurnView};
use crate::http::plugins::{LimitView, PluginState, PluginView, PluginsView, SandboxView};
use crate::http::repos::members::MemberView;
use crate::http::repos::{AuthorView, BranchView, CommitView, IssueCountsView, RepoView};
use crate::http::secrets::keys::KeyView;
use crate::http::secrets::{SecretView, UseView};
use crate::http::usage::UsageView;

mod admin;
mod checker;
mod checks;
mod pages;
mod people;
mod pulls;
mod secrets;

/// What pages show: words as people write them, or words as an attacker would.
pub(super) struct World {
    text: fn(&'static str) -> String,
    ids: Ids,
}

const HOSTILE: &str = "\"><script>alert('x')</script>\u{202e}\u{0}\u{1b}[2J' onload=\"`{{7}}&lt;";

impl World {
    fn kind() -> World {
        World { text: str::to_owned, ids: Ids::seeded(7) }
    }

    fn hostile() -> World {
        World { text: |text| format!("{HOSTILE}{text}{HOSTILE}"), ids: Ids::seeded(7) }
    }

    fn say(&self, text: &'static str) -> String {
        (self.text)(text)
    }

    fn id<I: Id>(&self) -> I {
        self.ids.next(now())
    }

    fn frame(&self) -> Frame {
        let viewer = Viewer { login: self.say("ada"), name: self.say("Ada Lovelace"), is_admin: true };
        Frame { viewer: Some(viewer), running: 2, is_unisolated: false, now: now(), started: Instant::now() }
    }

    fn outside(&self) -> Frame {
        Frame { viewer: None, running: 0, ..self.frame() }
    }

    fn place(&self) -> Place {
        let branches = ["main", "release/2.4", "fix/a-very-long-branch-name-that-somebody-typed-in-a-hurry", "ä<b>\"&'"];
        Place {
            repo: slug(),
            branch: "main".parse().ok(),
            branches: branches.iter().filter_map(|name| name.parse().ok()).collect(),
            commit: None,
            has_pulls: true,
            has_settings: true,
            has_secrets: true,
            files_at: Some(sha(1)),
            unisolated: Vec::new(),
        }
    }

    fn at_commit(&self) -> Place {
        Place { commit: Some(sha(1)), ..self.place() }
    }

    fn repo(&self, owner: &str, name: &str, open: u64, gate: Option<Verdict>) -> RepoView {
        RepoView {
            id: self.id(),
            owner: owner.to_owned(),
            name: name.to_owned(),
            source: SourceKind::Local,
            description: Some(self.say("The public API and its workers")),
            default_branch: "main".parse().ok(),
            private: false,
            archived: false,
            issues_open: Some(open),
            coverage_percent: None,
            gate,
            sync_error: None,
            synced_at: Some(before(40)),
            approval_for: ApprovalFor::Forks,
            instance_secrets: true,
            tools: vec!["ruff".to_owned()],
            can: vec!["read", "rerun", "sync", "approve", "settings"],
        }
    }

    fn commit(&self, seed: u8, message: &'static str, hours: u64, gate: Option<Verdict>, counts: [u64; 3]) -> CommitView {
        CommitView {
            sha: sha(seed),
            short: sha(seed).short(),
            message: self.say(message),
            author: AuthorView { name: self.say("Ada Lovelace"), email: self.say("ada@example.org"), user: None },
            committer: AuthorView { name: self.say("Grace Hopper"), email: self.say("grace@example.org"), user: None },
            authored_at: before(hours * 3_600),
            parents: vec![sha(seed + 1)],
            branches: if seed == 1 { vec!["main".parse().unwrap()] } else { Vec::new() },
            gate,
            issues: gate.map(|_| IssueCountsView { open: counts[0], new: counts[1], fixed: counts[2], ignored: 1 }),
            coverage: None,
            check_set: gate.map(|_| CheckState::Succeeded),
        }
    }

    fn commits(&self) -> Vec<CommitView> {
        let mut commits = vec![
            self.commit(1, "Refuse an upload whose report names no file\n\nSuch a report was taken as empty, and the page then said that nothing is covered.", 2, Some(Verdict::Failure), [14, 2, 3]),
            self.commit(2, "Stream reports to the blob store instead of holding them", 26, Some(Verdict::Success), [15, 0, 1]),
            self.commit(3, "Bump the lock file", 49, Some(Verdict::Error), [16, 0, 0]),
            self.commit(4, "Read the whole of a truncated frame before giving up on it, since the peer may still be sending and the rest is on its way", 72, None, [0; 3]),
            self.commit(5, "", 24 * 45, Some(Verdict::Success), [1204, 0, 0]),
        ];
        commits[3].check_set = Some(CheckState::Running);
        commits
    }

    fn trend(&self, values: &[u64]) -> Vec<Point> {
        let days = values.len() as u64;
        values
            .iter()
            .zip(0_u64..)
            .map(|(value, day)| Point { at: before((days - day) * 86_400 * 90 / days), value: *value as f64, sha: Some(sha(day as u8)) })
            .collect()
    }

    fn issue(&self, rule: &'static str, message: &'static str, path: &str, line: Option<u32>, severity: Severity) -> IssueView {
        IssueView {
            id: self.id(),
            repo: slug().to_string(),
            source: self.say("hygiene"),
            rule: self.say(rule),
            kind: Kind::Bug,
            severity,
            message: self.say(message),
            path: TreePath::new(if self.is_hostile() { format!("{path}{HOSTILE}") } else { path.to_owned() }),
            line_start: line,
            line_end: line.map(|line| line + u32::from(line % 2 == 1)),
            column_start: None,
            state: IssueState::Open,
            is_new: false,
            first_seen: SightingView { sha: sha(9), at: before(86_400 * 12) },
            author: Some(self.say("Grace Hopper")),
            ignored: None,
            snippet: line.map(|_| self.say("    let report = parse(&body).unwrap_or_default();")),
        }
    }

    fn is_hostile(&self) -> bool {
        !self.say("").is_empty()
    }

    fn source(&self) -> Source {
        let hostile = if self.is_hostile() { HOSTILE } else { "" };
        source::patiently(&TreePath::new("src/upload.rs"), &format!("{CODE}{hostile}"))
    }

    fn issues(&self) -> Vec<IssueView> {
        vec![
            self.issue(
                "conflict_marker",
                "A conflict marker was left in the file: `<<<<<<< HEAD`",
                "src/upload.rs",
                Some(7),
                Severity::Blocker,
            ),
            self.issue(
                "swallowed_error",
                "The error is dropped here, and an empty report takes its place. Pass it on with `?`, or say why it may be lost",
                "src/upload.rs",
                Some(12),
                Severity::Major,
            ),
            self.issue(
                "mixed_line_endings",
                "Lines end in two ways: 14 with CRLF, 212 with LF",
                "docs/a/rather/deep/folder/of/the/handbook/chapter-04-uploads.md",
                None,
                Severity::Minor,
            ),
            self.issue(
                "large_binary",
                "A binary of 18.2 MiB; keep it outside the repository or in LFS",
                "assets/demo.mov",
                None,
                Severity::Info,
            ),
            self.issue("invalid_json", "Not JSON: expected `,` or `}` at line 31", "fixtures/report.json", Some(31), Severity::Critical),
        ]
    }

    fn rows(&self, with_excerpt: bool) -> Vec<IssueRow> {
        let source = self.source();
        self.issues()
            .into_iter()
            .map(|issue| {
                let excerpt = issue.line_start.filter(|line| with_excerpt && *line < 20).and_then(|line| source.excerpt(line, line + 1, 2));
                IssueRow { excerpt, ..IssueRow::new(issue, Some(sha(1))) }
            })
            .collect()
    }

    fn list(&self, rows: Vec<IssueRow>) -> IssueList {
        let total = rows.len() as u64;
        IssueList { rows, total, next: None }
    }

    fn check(&self, name: &'static str, state: CheckState, issues: Option<u64>, ms: Option<u64>) -> CheckView {
        CheckView {
            id: self.id(),
            name: self.say(name),
            plugin: self.say(name),
            state,
            issues,
            started_at: ms.map(|_| before(60)),
            finished_at: ms.filter(|_| state.is_finished()).map(|ms| before(60) + Duration::from_millis(ms)),
            duration_ms: ms,
            exit_code: None,
            waits_for: None,
            error: None,
            execution: None,
        }
    }

    fn set(&self, state: CheckState, checks: Vec<CheckView>) -> CheckSetView {
        CheckSetView {
            state,
            requested_at: before(64),
            started_at: Some(before(60)),
            finished_at: None,
            duration_ms: Some(41_200),
            error: None,
            checks,
        }
    }

    fn status(&self, verdict: Verdict, sentence: &'static str) -> StatusView {
        let context = |name, state, text| ContextView {
            context: self.say(name),
            state,
            description: self.say(text),
            target_url: String::new(),
            refused: None,
        };
        StatusView { verdict, contexts: vec![context("plumbline", verdict, sentence)] }
    }
}

const CODE: &str = r#"//! Uploads: what a CI hands in.

use std::io::Read;

/// The largest report that is read, in bytes.
const MAX: u64 = 64 << 20;
<<<<<<< HEAD

/// Reads a report, whatever its format.
pub fn read(body: impl Read, format: Option<&str>) -> Result<Report, Error> {
    let mut bytes = Vec::new();
    body.take(MAX).read_to_end(&mut bytes).unwrap_or_default();
    match format {
        Some("lcov") => lcov::parse(&bytes), // the one that everybody sends
        Some(other) => Err(Error::Format { name: other.to_owned(), known: &["lcov", "cobertura", "jacoco", "clover", "simplecov", "golang"] }),
        None => detect(&bytes).ok_or(Error::Unknown)?.parse(&bytes),
    }
}
"#;

fn slug() -> RepoSlug {
    "acme/api".parse().unwrap()
}

fn sha(seed: u8) -> CommitSha {
    CommitSha::from_bytes(std::array::from_fn(|at| seed.wrapping_mul(73).wrapping_add(at as u8).wrapping_mul(41)))
}

fn now() -> Timestamp {
    "2026-03-14T15:09:26Z".parse().unwrap()
}

fn before(seconds: u64) -> Timestamp {
    now() - Duration::from_secs(seconds)
}

#[test]
fn every_page_in_every_state_is_well_formed_and_loads_nothing_from_elsewhere() {
    let pages = pages::all(&World::kind());
    for (name, html) in &pages {
        checker::check(name, html);
    }
    if let Some(folder) = std::env::var_os("PLUMBLINE_GALLERY") {
        let folder = std::path::Path::new(&folder);
        for (name, html) in &pages {
            std::fs::write(folder.join(format!("{name}.html")), html).unwrap();
        }
        for name in super::assets::names() {
            let path = folder.join(super::assets::url(&name).trim_start_matches('/'));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, super::assets::get(&name).unwrap().bytes).unwrap();
        }
    }
}

#[test]
fn a_page_without_a_commit_says_when_the_repository_is_looked_at_again() {
    let pages: BTreeMap<String, String> = pages::all(&World::kind()).into_iter().collect();
    for name in ["repo-empty", "commits-empty", "branches-empty"] {
        assert!(pages[name].contains("it is looked at again within 5 minutes"), "{name}");
    }
}

#[test]
fn whatever_people_write_is_shown_and_never_obeyed() {
    for (name, html) in pages::all(&World::hostile()) {
        checker::check(&name, &html);
        assert!(!html.contains("<script>") && !html.contains("onload=\""), "{name} obeys what somebody wrote");
        for unseen in ['\u{202e}', '\u{0}', '\u{1b}'] {
            assert!(!html.contains(unseen), "{name} lets {unseen:?} act");
        }
    }
}
