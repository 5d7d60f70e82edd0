//! Secrets are shown once and kept nowhere: not in the store, not in what is logged, not in what is answered.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use plumbline::domain::accounts::{InstanceRole, Scope, TokenKind};
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::world::text;

/// What was logged in this process since it was installed.
#[derive(Clone, Default)]
pub(super) struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged in this process from the first call on, by the tests beside the one that asks as well: a server has threads of its own,
/// so there is one log for all.
pub(super) fn logged() -> Logged {
    static LOGGED: OnceLock<Logged> = OnceLock::new();
    let install = || {
        let logged = Logged::default();
        let writer = logged.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE);
        tracing::subscriber::set_global_default(log.with_writer(move || writer.clone()).finish()).unwrap();
        logged
    };
    LOGGED.get_or_init(install).clone()
}

impl Logged {
    /// All of it so far.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn no_secret_is_found_in_the_data_directory_or_the_log() {
    let logged = logged();
    let mut app = TestApp::start();
    let ada = app.user("ada", InstanceRole::Admin);
    let link = app.link(ada);
    let unspent = app.link(ada);
    let browser = app.anonymous();
    browser.page(&format!("/link/{link}")).await.expect(200);
    let spent = browser.own("POST", &format!("/link/{link}")).await.expect(303);
    let cookie = spent.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let session = cookie.split_once('=').unwrap().1.to_owned();
    let signed_in = browser.with("cookie", &cookie);
    // Its answer is kept to be repeated.
    let keyed = signed_in.with("idempotency-key", "once");
    let made = keyed.post("/api/v1/me/tokens", json!({"name": "a", "scopes": ["repo:read"]})).await.expect(201).value();
    let personal = text(&made["token"]).to_owned();
    let service = app.token(TokenKind::Service, &[Scope::Admin], None, &[], None);
    app.anonymous().bearer(&personal).get("/api/v1/me").await.expect(200);
    app.anonymous().bearer(&service).get("/api/v1/nothing").await.expect(404);
    app.anonymous().bearer(&format!("{personal}x")).get("/api/v1/me").await.expect(401);

    let secrets = [link, unspent, session, personal, service];
    for path in ["/api/v1/me", "/api/v1/me/tokens", "/api/v1/me/sessions", "/api/v1/admin/tokens", "/api/v1/admin/users", "/account"] {
        let answer = signed_in.get(path).await.expect(200).text();
        for secret in &secrets {
            assert!(!answer.contains(secret.as_str()), "{path} answers a secret");
        }
    }
    app.crash();
    let mut searched = 0;
    search(app.data_dir(), &mut |path, bytes| {
        searched += bytes.len();
        for secret in &secrets {
            assert!(!contains(bytes, secret.as_bytes()), "a secret stands in {}", path.display());
        }
    });
    assert!(searched > 10_000, "{searched} bytes were searched");
    let logged = logged.bytes();
    for (n, secret) in secrets.iter().enumerate() {
        assert!(!contains(&logged, secret.as_bytes()), "secret {n} was logged: {}", lines_with(&logged, secret));
    }
    assert!(contains(&logged, b"/api/v1/nothing"), "requests are logged at all");
}

fn lines_with(logged: &[u8], secret: &str) -> String {
    String::from_utf8_lossy(logged).lines().filter(|line| line.contains(secret)).collect::<Vec<_>>().join("\n")
}

pub(super) fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(bytes, needle).is_some()
}

pub(super) fn search(dir: &Path, look: &mut dyn FnMut(&Path, &[u8])) {
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            search(&entry, look);
        } else {
            look(&entry, &std::fs::read(&entry).unwrap());
        }
    }
}
