//! A GitHub with state: the test acts on it and looks at it, and the appliance asks it over HTTP as it asks the real one.
//!
//! Repositories are served by git's own host program. Whoever asks must show what GitHub asks to be shown: a statement that is signed with
//! the App's key, or a token that was made for an installation and is still good. Faults are set with plain calls ([`GitHub::next`]).

mod faults;
mod git;
mod hook;
mod interface;
mod payload;
mod people;
mod pulls;
mod show;
mod site;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use plumbline::app::config::Config;
use plumbline::base::time::Timestamp;
use plumbline::domain::github::setup::PERMISSIONS;
use serde_json::Value;

pub use faults::{Door, Fault};
pub use payload::Delivery;
pub use pulls::Pulled;

use super::app::NOON;
use super::repo::TestRepo;

/// GitHub's number for the App.
pub const APP_ID: u64 = 7;
/// The installation that sees the repositories of `acme`.
pub const INSTALLATION: u64 = 42;
/// What deliveries are signed with.
pub const WEBHOOK_SECRET: &str = "it's a secret to everybody";
/// The App's private key.
pub const KEY: &str = include_str!("../../fixtures/github/app.pem");

/// The fake. It ends with this value.
pub struct GitHub {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A status of a commit, as it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub context: String,
    pub state: String,
    pub description: String,
    pub target_url: String,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.state, self.context, self.description)
    }
}

/// A run of checks.
#[derive(Debug, Clone)]
pub struct Run {
    pub sha: String,
    pub external_id: String,
    pub conclusion: String,
    pub title: String,
    pub summary: String,
    pub annotations: Vec<Value>,
    /// The buttons that people are offered.
    pub actions: Vec<String>,
    /// How many requests brought them.
    pub sent: usize,
}

/// What it has.
struct State {
    now: Timestamp,
    /// By `owner/name`.
    repos: BTreeMap<String, Hosted>,
    /// Old names, and where they lead.
    moved: BTreeMap<String, String>,
    installations: BTreeMap<u64, Installation>,
    tokens: HashMap<String, Token>,
    made: usize,
    faults: Vec<(Door, Fault)>,
    /// Whether all that is asked is answered by 502.
    is_away: bool,
    /// `METHOD path` of all that came, in order.
    asked: Vec<String>,
    /// How often it was answered that nothing has changed.
    unchanged: usize,
    /// What each budget has left.
    left: HashMap<u64, u64>,
    deliveries: u64,
    /// Tries at deliveries, the latest last.
    tries: Vec<Try>,
    /// Where deliveries go, once that is known.
    hook: Option<String>,
    /// What it is told to sign with, where that is not what it was made with.
    hook_secret: Option<String>,
    /// What the App may.
    permissions: BTreeMap<String, String>,
    /// The App's key is one no more.
    is_key_revoked: bool,
    site: site::Site,
    /// Codes that were handed out, and the manifest of each.
    codes: HashMap<String, Value>,
    people: people::People,
}

/// A try at a delivery.
#[derive(Clone)]
struct Try {
    delivery: Delivery,
    at: Timestamp,
    /// What was answered.
    status: u16,
}

struct Hosted {
    id: u64,
    installation: u64,
    git: TestRepo,
    description: String,
    is_private: bool,
    is_archived: bool,
    /// When somebody last said something else of it.
    updated_at: Timestamp,
    statuses: Vec<(String, Status)>,
    runs: Vec<Run>,
    forgotten: Vec<String>,
    pulls: Vec<pulls::Pull>,
    comments: Vec<pulls::Comment>,
}

struct Installation {
    account: String,
    is_suspended: bool,
    /// What it has accepted, where that is other than what the App may.
    permissions: Option<BTreeMap<String, String>>,
}

struct Token {
    installation: u64,
    expires_at: Timestamp,
}

impl GitHub {
    /// A GitHub where `acme` has installed the App and has no repository yet.
    pub fn start() -> GitHub {
        GitHub::start_at(NOON.parse().unwrap())
    }

    /// The same at another time.
    pub fn start_at(now: Timestamp) -> GitHub {
        let state = State {
            now,
            repos: BTreeMap::new(),
            moved: BTreeMap::new(),
            installations: BTreeMap::from([(
                INSTALLATION,
                Installation { account: "acme".to_owned(), is_suspended: false, permissions: None },
            )]),
            tokens: HashMap::new(),
            made: 0,
            faults: Vec::new(),
            is_away: false,
            asked: Vec::new(),
            unchanged: 0,
            left: HashMap::new(),
            deliveries: 0,
            codes: HashMap::new(),
            tries: Vec::new(),
            hook: None,
            hook_secret: None,
            permissions: usual_permissions(),
            is_key_revoked: false,
            site: site::Site::default(),
            people: people::People::default(),
        };
        let state = Arc::new(Mutex::new(state));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let shared = Arc::clone(&state);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(interface::serve(shared, address, listener, stopped));
        });
        GitHub { state, address, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Makes an appliance the App of this GitHub, as somebody does by hand.
    pub fn configure(&self, config: &mut Config) {
        let dir = config.data_dir.parent().unwrap().join("github");
        std::fs::create_dir_all(&dir).unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.join(name);
            std::fs::write(&path, text).unwrap();
            Some(plumbline::domain::github::Given::File(path))
        };
        config.github.url = Some(self.url());
        config.github.app_id = Some(APP_ID);
        config.github.private_key = file("app.pem", KEY);
        config.github.webhook_secret = file("webhook", WEBHOOK_SECRET);
    }

    /// Makes an App of the manifest that a browser brings, and hands out a code.
    pub fn make_app(&self, manifest: &Value) -> String {
        let mut state = self.state();
        let code = format!("code{}", state.codes.len());
        state.codes.insert(code.clone(), manifest.clone());
        code
    }

    /// Gives an organization a repository without a commit; answers GitHub's number for it.
    pub fn repo(&self, slug: &str) -> u64 {
        let mut state = self.state();
        let owner = slug.split('/').next().unwrap();
        let found = state.installations.iter().find(|(_, installation)| installation.account == owner).map(|(id, _)| *id);
        let installation = found.expect("its owner has installed the App");
        let id = 1_000 + state.repos.len() as u64;
        let hosted = Hosted {
            id,
            installation,
            git: TestRepo::bare(),
            description: format!("what {slug} is for"),
            is_private: true,
            is_archived: false,
            updated_at: Timestamp::EPOCH,
            statuses: Vec::new(),
            runs: Vec::new(),
            forgotten: Vec::new(),
            pulls: Vec::new(),
            comments: Vec::new(),
        };
        // Whoever takes a name that was left has it.
        state.moved.remove(slug);
        state.repos.insert(slug.to_owned(), hosted);
        id
    }

    /// Has an organization install the App.
    pub fn install(&self, account: &str) -> u64 {
        let mut state = self.state();
        let id = INSTALLATION + state.installations.len() as u64;
        state.installations.insert(id, Installation { account: account.to_owned(), is_suspended: false, permissions: None });
        id
    }

    /// Has it answer nothing as it should, or be back.
    pub fn away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    /// Suspends an installation, or takes that back.
    pub fn suspend(&self, installation: u64, is_suspended: bool) {
        let mut state = self.state();
        state.installations.get_mut(&installation).unwrap().is_suspended = is_suspended;
        if is_suspended {
            state.tokens.retain(|_, token| token.installation != installation);
        }
    }

    /// Pushes a commit with these files over those of the branch. Answers what GitHub delivers of it.
    pub fn push<const N: usize>(&self, slug: &str, branch: &str, files: [(&str, &str); N]) -> Push {
        let mut state = self.state();
        state.deliveries += 1;
        let number = state.deliveries;
        let hosted = state.repos.get_mut(slug).unwrap();
        hosted.git.switch(branch);
        let before = git::head(hosted.git.path(), branch);
        let after = hosted.git.commit(files);
        let payload = payload::push(slug, hosted.id, hosted.installation, branch, before.as_deref(), &after);
        Push { sha: after, delivery: Delivery::signed("push", number, &payload) }
    }

    /// Lets go of a commit, as after a push that was forced and a while.
    pub fn forget(&self, slug: &str, sha: &str) {
        self.state().repos.get_mut(slug).unwrap().forgotten.push(sha.to_owned());
    }

    /// Ends all tokens that were made.
    pub fn revoke_tokens(&self) {
        self.state().tokens.clear();
    }

    /// How many tokens were made.
    pub fn tokens_made(&self) -> usize {
        self.state().made
    }

    /// Renames a repository: its old name leads to the new one.
    pub fn rename(&self, slug: &str, to: &str) {
        let mut state = self.state();
        let hosted = state.repos.remove(slug).unwrap();
        state.moved.insert(slug.to_owned(), to.to_owned());
        state.repos.insert(to.to_owned(), hosted);
    }

    /// GitHub's number for a repository.
    pub fn id(&self, slug: &str) -> u64 {
        self.state().repos[slug].id
    }

    /// Gives a repository to another owner, through whose installation it is seen from then on. Nobody is told.
    pub fn transfers(&self, slug: &str, to: &str, installation: u64) {
        self.rename(slug, to);
        self.state().repos.get_mut(to).unwrap().installation = installation;
    }

    /// Has somebody delete a repository, of which nobody is told.
    pub fn loses(&self, slug: &str) {
        self.state().repos.remove(slug).unwrap();
    }

    /// Has somebody say other things of a repository, of which nobody is told.
    pub fn describe(&self, slug: &str, is_private: bool, is_archived: bool, description: &str) {
        let mut state = self.state();
        let now = state.now;
        let hosted = state.repos.get_mut(slug).unwrap();
        (hosted.is_private, hosted.is_archived, hosted.description) = (is_private, is_archived, description.to_owned());
        hosted.updated_at = now;
    }

    /// What a commit's statuses say, oldest first: `state context description`.
    pub fn statuses(&self, slug: &str, sha: &str) -> Vec<String> {
        self.all_statuses(slug, sha).iter().map(ToString::to_string).collect()
    }

    /// A commit's statuses, oldest first.
    pub fn all_statuses(&self, slug: &str, sha: &str) -> Vec<Status> {
        let state = self.state();
        state.repos[slug].statuses.iter().filter(|(of, _)| of == sha).map(|(_, status)| status.clone()).collect()
    }

    /// A commit's runs of checks.
    pub fn runs(&self, slug: &str, sha: &str) -> Vec<Run> {
        self.state().repos[slug].runs.iter().filter(|run| run.sha == sha).cloned().collect()
    }

    /// Writes down that a delivery was tried, and what was answered.
    pub fn tried(&self, delivery: &Delivery, status: u16) {
        let mut state = self.state();
        let at = state.now;
        state.tries.push(Try { delivery: delivery.clone(), at, status });
    }

    /// Has an organization let the App in no more.
    pub fn uninstall(&self, installation: u64) {
        let mut state = self.state();
        state.installations.remove(&installation);
        state.tokens.retain(|_, token| token.installation != installation);
    }

    /// Changes what the App may: `name: level`, or `none`.
    pub fn grant(&self, name: &str, level: &str) {
        self.state().permissions.insert(name.to_owned(), level.to_owned());
    }

    /// Says that an installation has not accepted more of a permission than this.
    pub fn accepts(&self, installation: u64, name: &str, level: &str) {
        let mut state = self.state();
        let mut permissions = state.permissions.clone();
        permissions.insert(name.to_owned(), level.to_owned());
        state.installations.get_mut(&installation).unwrap().permissions = Some(permissions);
    }

    /// Revokes the App's key, or takes that back.
    pub fn revoke_key(&self, is_revoked: bool) {
        self.state().is_key_revoked = is_revoked;
    }

    /// Turns its clock's hand forward.
    pub fn advance(&self, span: Duration) {
        let mut state = self.state();
        state.now = state.now + span;
    }

    /// What it was last told to sign with.
    pub fn hook_secret(&self) -> Option<String> {
        self.state().hook_secret.clone()
    }

    /// How often it was answered that nothing has changed since it was last asked.
    pub fn unchanged(&self) -> usize {
        self.state().unchanged
    }

    /// All that was asked since this was asked last: `METHOD path`.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }

    /// Says what the next answer at a door is.
    pub fn next(&self, door: Door) -> faults::Next<'_> {
        faults::Next { github: self, door }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// All that is used, but that runs of checks are read and not written.
fn usual_permissions() -> BTreeMap<String, String> {
    let all = PERMISSIONS.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned()));
    all.chain([("checks".to_owned(), "read".to_owned())]).collect()
}

impl Drop for GitHub {
    fn drop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
        let _ = self.thread.take().unwrap().join();
    }
}

/// A push, and what GitHub delivers of it.
pub struct Push {
    /// The new head.
    pub sha: String,
    /// The signed delivery.
    pub delivery: Delivery,
}

impl Hosted {
    /// As GitHub shows it.
    fn view(&self, slug: &str) -> Value {
        let (owner, name) = slug.split_once('/').unwrap();
        serde_json::json!({
            "id": self.id, "name": name, "full_name": slug, "private": self.is_private,
            "archived": self.is_archived, "updated_at": self.updated_at, "description": self.description, "owner": {"login": owner}, "default_branch": "main",
        })
    }

    fn has(&self, sha: &str) -> bool {
        !self.forgotten.iter().any(|gone| gone == sha) && git::has(self.git.path(), sha)
    }
}
