//! The appliance as tests have it: the real one on a free port, over a directory of its own, with a clock that stands still and no
//! threads that work behind the test's back.
//!
//! Work is done in the test's own turn by [`TestApp::settle`]. At the end, nothing may be left to do, given up or at odds with itself.

use std::cell::Cell;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use plumbline::app::config::Config;
use plumbline::app::{App, runner, ticker};
use plumbline::base::event::Actor;
use plumbline::base::id::{Ids, RepoId, UserId};
use plumbline::base::page::Limit;
use plumbline::base::time::{Clock, Timestamp};
use plumbline::base::work::Lane;
use plumbline::domain::accounts::{self, InstanceRole, NewToken, Plain, Scope, SessionLimits, TokenKind};
use plumbline::engine::queue::{self, WorkItem, WorkState};
use plumbline::{http, ui};
use tempfile::TempDir;

use super::client::Client;

/// When every test begins.
pub const NOON: &str = "2026-01-31T12:00:00Z";

/// The appliance, served.
pub struct TestApp {
    served: Option<Served>,
    dir: TempDir,
    config: Config,
    clock: Clock,
    dead: Cell<usize>,
}

/// What runs: the handle, and the thread that answers requests.
struct Served {
    app: App,
    address: SocketAddr,
    thread: std::thread::JoinHandle<()>,
}

impl Served {
    fn start(app: App) -> Served {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        app.listens_at(address);
        let served = app.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                http::serve(served.clone(), ui::router(&served), listener).await.unwrap();
            });
        });
        Served { app, address, thread }
    }

    /// Stops answering and lets go of the store.
    fn stop(self) {
        self.app.stop();
        // A thread that panicked has said so.
        let _ = self.thread.join();
    }
}

impl TestApp {
    /// An appliance in a new directory, all by default, that may add repositories beneath the directory for temporary files.
    pub fn start() -> TestApp {
        TestApp::with(|_| {})
    }

    /// An appliance that is configured otherwise.
    pub fn with(change: impl FnOnce(&mut Config)) -> TestApp {
        let dir = super::temporary();
        let mut config = Config::in_directory(&dir.path().join("data"));
        config.launcher = env!("CARGO_BIN_EXE_plumbline").into();
        // Days pass in many a test that is about something else.
        config.sessions = SessionLimits { idle: Duration::from_secs(7 * 86_400), lifetime: Duration::from_secs(30 * 86_400) };
        config.local_roots = vec![std::env::temp_dir(), dir.path().to_owned()];
        change(&mut config);
        let clock = Clock::manual(NOON.parse().unwrap());
        let mut app = TestApp { served: None, dir, config, clock, dead: Cell::new(0) };
        app.open(1);
        app
    }

    fn open(&mut self, seed: u64) {
        let app = App::open(self.config.clone(), self.clock.clone(), Ids::seeded(seed)).unwrap();
        self.served = Some(Served::start(app));
    }

    /// Ends the process as a crash would, as far as the store can tell: whatever was claimed stays claimed. Then starts it again.
    pub fn crash(&mut self) {
        self.crash_and(|_| {});
    }

    /// As [`TestApp::crash`], with something done to the data directory in between.
    pub fn crash_and(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.served.take().unwrap().stop();
        meanwhile(&self.config.data_dir);
        self.open(2);
    }

    /// The handle.
    pub fn app(&self) -> &App {
        &self.served.as_ref().unwrap().app
    }

    /// Where the appliance keeps everything.
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// A directory beside the data that goes with the test.
    pub fn scratch(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    /// Does what is due until nothing is.
    pub async fn settle(&self) {
        let app = self.app().clone();
        tokio::task::spawn_blocking(move || runner::settle(&app)).await.unwrap().unwrap();
    }

    /// Does all that is due but what is due in one lane.
    pub async fn settle_but(&self, lane: Lane) {
        let app = self.app().clone();
        let others = move || {
            let some =
                || Lane::ALL.iter().filter(|other| **other != lane).any(|other| runner::run_next(&app, *other, "test", None).unwrap());
            while some() {}
        };
        tokio::task::spawn_blocking(others).await.unwrap();
    }

    /// What the present instant is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Turns the clock's hand forward.
    pub fn advance(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Lets the ticker look once, as it does each second, and does what came of it.
    pub async fn tick(&self) {
        ticker::tick(self.app()).await.unwrap();
        self.settle().await;
    }

    /// Says that so many pieces of work will have been given up.
    pub fn expect_dead(&self, dead: usize) {
        self.dead.set(dead);
    }

    /// The work in a state.
    pub fn work(&self, state: WorkState) -> Vec<WorkItem> {
        self.app().read_now(|tx, _| queue::list(tx, state, None, Limit::MAX)).unwrap().items
    }

    /// A caller whom nobody knows.
    pub fn anonymous(&self) -> Client {
        Client::new(self.served.as_ref().unwrap().address)
    }

    /// Gives somebody an account.
    pub fn user(&self, login: &str, role: InstanceRole) -> UserId {
        let login = login.to_owned();
        self.app().write_now(&Actor::System, move |tx, now| accounts::create_user(tx, &login, role, now)).unwrap().id
    }

    /// The secret of a one-time link that signs somebody in.
    pub fn link(&self, user: UserId) -> String {
        let plain = Plain::session();
        let secret = plain.hashed();
        self.app().write_now(&Actor::System, move |tx, now| accounts::open_link(tx, user, secret, now)).unwrap();
        plain.expose().to_owned()
    }

    /// Gives somebody a password; it is hashed as everybody's are.
    pub async fn set_password(&self, user: UserId, text: &str) {
        let password = accounts::Password::new(text.to_owned(), "").unwrap();
        let hash = self.app().hash_password(password).await.unwrap();
        self.app().write_now(&Actor::System, move |tx, now| accounts::set_password(tx, user, &hash, None, now)).unwrap();
    }

    /// A browser that somebody has signed in with, through the one-time link as a person does.
    pub async fn sign_in(&self, user: UserId) -> Client {
        let path = format!("/link/{}", self.link(user));
        let browser = self.anonymous();
        let page = browser.page(&path).await.expect(200);
        assert!(page.text().contains("<form method=\"post\"><button"), "the link shows a button: {}", page.text());
        let spent = browser.own("POST", &path).await.expect(303);
        assert_eq!(spent.header("location"), Some("/"));
        browser.with("cookie", &spent.cookies())
    }

    /// An administrator in a browser.
    pub async fn admin(&self) -> Client {
        self.sign_in(self.user("root", InstanceRole::Admin)).await
    }

    /// The text of a new token.
    pub fn token(&self, kind: TokenKind, scopes: &[Scope], user: Option<UserId>, repos: &[RepoId], ends: Option<Timestamp>) -> String {
        let plain = Plain::token(kind);
        let secret = plain.hashed();
        let name = format!("{kind} of a test");
        let new = NewToken { kind, name, scopes: scopes.to_vec(), user, repos: repos.to_vec(), expires_at: ends };
        self.app().write_now(&Actor::System, move |tx, now| accounts::create_token(tx, new.clone(), secret, now)).unwrap();
        plain.expose().to_owned()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        let Some(served) = self.served.take() else { return };
        if std::thread::panicking() {
            return served.stop();
        }
        let (ready, leased, dead) =
            (self.work_of(&served, WorkState::Ready), self.work_of(&served, WorkState::Leased), self.work_of(&served, WorkState::Dead));
        let discrepancies = served.app.store.verify().unwrap();
        served.stop();
        assert!(ready.is_empty() && leased.is_empty(), "work is left: {ready:#?} {leased:#?}");
        assert_eq!(dead.len(), self.dead.get(), "work was given up: {dead:#?}");
        assert!(discrepancies.is_empty(), "indexes do not say what their rows say: {discrepancies:#?}");
    }
}

impl TestApp {
    fn work_of(&self, served: &Served, state: WorkState) -> Vec<WorkItem> {
        served.app.read_now(|tx, _| queue::list(tx, state, None, Limit::MAX)).unwrap().items
    }
}
