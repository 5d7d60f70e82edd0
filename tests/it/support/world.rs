//! The world that a flow test acts on: an appliance, its administrator, and repositories on the same machine.

use std::path::Path;

use serde_json::{Value, json};

use super::app::TestApp;
use super::client::Client;
use super::repo::TestRepo;

/// An appliance and its administrator.
pub struct World {
    pub app: TestApp,
    pub admin: Client,
}

impl World {
    pub async fn new() -> World {
        World::of(TestApp::start()).await
    }

    pub async fn of(app: TestApp) -> World {
        let admin = app.admin().await;
        World { app, admin }
    }

    /// Lets the administrator's browser follow the appliance to its new port; people's sessions are the same.
    pub fn follow(&mut self) {
        self.admin.address = self.app.anonymous().address;
        self.admin = self.admin.with("host", &self.admin.address.to_string());
    }

    /// Adds the repository at a path and fetches it.
    pub async fn add(&self, name: &str, path: &Path) -> Value {
        let added = self.register(name, path).await;
        self.app.settle().await;
        added
    }

    /// Adds the repository at a path; its fetch waits.
    pub async fn register(&self, name: &str, path: &Path) -> Value {
        self.admin.post("/api/v1/repos", json!({"path": path.to_str().unwrap(), "name": name})).await.expect(201).value()
    }

    /// A repository with these files in its first commit, added and checked.
    pub async fn repo<const N: usize>(&self, name: &'static str, files: [(&str, &str); N]) -> Repo<'_> {
        let git = TestRepo::new();
        let first = git.commit(files);
        self.add(name, git.path()).await;
        Repo { world: self, name, git, first }
    }

    pub async fn sync(&self, name: &str) {
        self.admin.own("POST", &format!("/api/v1/repos/local/{name}/sync")).await.expect(202);
        self.app.settle().await;
    }

    /// What is at a path of a repository.
    pub async fn see(&self, name: &str, rest: &str) -> Value {
        self.admin.get(&format!("/api/v1/repos/local/{name}{rest}")).await.expect(200).value()
    }

    /// `verdict: why` of a commit.
    pub async fn verdict(&self, name: &str, sha: &str) -> String {
        let status = self.see(name, &format!("/commits/{sha}/status")).await;
        format!("{}: {}", text(&status["verdict"]), text(&status["contexts"][0]["description"]))
    }
}

/// A repository that people push to and the appliance follows.
pub struct Repo<'a> {
    pub world: &'a World,
    pub name: &'static str,
    pub git: TestRepo,
    /// The first commit.
    pub first: String,
}

impl Repo<'_> {
    /// Commits these files, over those that are there, and has the appliance look.
    pub async fn push<const N: usize>(&self, files: [(&str, &str); N]) -> String {
        let sha = self.git.commit(files);
        self.sync().await;
        sha
    }

    /// Commits the removal of these files and has the appliance look.
    pub async fn remove(&self, paths: &[&str]) -> String {
        let sha = self.git.remove(paths);
        self.sync().await;
        sha
    }

    pub async fn sync(&self) {
        self.world.sync(self.name).await;
    }

    /// Goes to a branch, which begins here if it is not there. The default branch stays `main`.
    pub fn switch(&self, branch: &str) {
        self.git.switch(branch);
        std::fs::write(self.git.path().join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    }

    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/repos/local/{}{rest}", self.name)
    }

    pub fn commit(&self, sha: &str, rest: &str) -> String {
        self.path(&format!("/commits/{sha}{rest}"))
    }

    pub async fn see(&self, rest: &str) -> Value {
        self.world.see(self.name, rest).await
    }

    pub async fn verdict(&self, sha: &str) -> String {
        self.world.verdict(self.name, sha).await
    }

    /// `state: check state, check state` of a commit's checks.
    pub async fn checks(&self, sha: &str) -> String {
        let set = self.see(&format!("/commits/{sha}/checks")).await;
        let checks: Vec<String> =
            set["checks"].as_array().unwrap().iter().map(|check| format!("{} {}", text(&check["name"]), text(&check["state"]))).collect();
        format!("{}: {}", text(&set["state"]), checks.join(", "))
    }

    /// The issues of a commit in a state, as they are listed.
    pub async fn issues(&self, sha: &str, state: &str) -> Vec<Value> {
        self.see(&format!("/commits/{sha}/issues?state={state}")).await["items"].as_array().unwrap().clone()
    }

    /// `path:line rule` of each issue of a commit in a state.
    pub async fn places(&self, sha: &str, state: &str) -> Vec<String> {
        let place = |issue: &Value| match issue["line_start"].as_u64() {
            Some(line) => format!("{}:{line} {}", text(&issue["path"]), text(&issue["rule"])),
            None => format!("{} {}", text(&issue["path"]), text(&issue["rule"])),
        };
        self.issues(sha, state).await.iter().map(place).collect()
    }

    /// The life of an issue, a word for each turn.
    pub async fn life(&self, id: &str) -> Vec<String> {
        let issue = self.world.admin.get(&format!("/api/v1/issues/{id}")).await.expect(200).value();
        issue["history"].as_array().unwrap().iter().map(|turn| text(&turn["what"]).to_owned()).collect()
    }

    /// How many open issues search finds for a query.
    pub async fn found(&self, query: &str) -> u64 {
        let found = self.world.admin.get(&format!("/api/v1/search/issues?q={query}")).await.expect(200).value();
        found["total"].as_u64().unwrap()
    }
}

/// A text within JSON.
#[track_caller]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// What [`Repo::checks`] says of a set in this state whose checks are those that run by default, all of which ended well.
pub fn by_default(state: &str) -> String {
    let checks: Vec<String> =
        plumbline::domain::checks::builtin::by_default().iter().map(|check| format!("{} succeeded", check.name())).collect();
    format!("{state}: {}", checks.join(", "))
}
