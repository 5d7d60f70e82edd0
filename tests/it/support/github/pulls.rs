//! Pull requests of the fake GitHub: of its own branches and of forks, whose commits it serves as `refs/pull/N/head` alone; and the
//! comments beneath them.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use plumbline::base::time::Timestamp;
use serde_json::{Value, json};

use super::git::plain;
use super::interface::{Asked, good, list, no};
use super::{APP_ID, Delivery, GitHub, Hosted, State, git};

/// A pull request.
pub(super) struct Pull {
    number: u64,
    title: String,
    base: String,
    /// Of its own repository, or of a fork.
    branch: String,
    fork: Option<&'static str>,
    is_fork: bool,
    sha: String,
    state: &'static str,
    is_merged: bool,
    is_draft: bool,
    updated_at: Timestamp,
}

/// A comment.
pub(super) struct Comment {
    id: u64,
    pull: u64,
    body: String,
    /// The App that wrote it; a person if none did.
    app: Option<u64>,
}

/// A pull request that changed, and what GitHub delivers of it.
pub struct Pulled {
    /// Its head.
    pub sha: String,
    pub delivery: Delivery,
}

impl GitHub {
    /// Opens a pull request of a branch that is there.
    pub fn opens(&self, slug: &str, branch: &str, base: &str, title: &str) -> Pulled {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let sha = git::head(hosted.git.path(), branch).expect("the branch is there");
        let pull = Pull::new(hosted, title, base, branch, sha);
        hosted.pulls.push(pull);
        let number = hosted.pulls.len() as u64;
        delivered(&mut state, slug, number, "opened")
    }

    /// Opens a pull request of a fork that has these files over those of `main`.
    pub fn forks<const N: usize>(&self, slug: &str, base: &str, files: [(&str, &str); N]) -> Pulled {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let number = hosted.pulls.len() as u64 + 1;
        hosted.git.switch("main");
        let sha = hosted.bring(number, &files);
        let pull = Pull { fork: Some("mallory/app"), is_fork: true, ..Pull::new(hosted, "A patch", base, "patch-1", sha) };
        hosted.pulls.push(pull);
        delivered(&mut state, slug, number, "opened")
    }

    /// Opens another pull request with the head of one, which is to go elsewhere.
    pub fn asks_another(&self, slug: &str, number: u64, base: &str) -> Pulled {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let (fork, is_fork, sha) = {
            let one = hosted.pull(number);
            (one.fork, one.is_fork, one.sha.clone())
        };
        let other = hosted.pulls.len() as u64 + 1;
        let refs = hosted.git.path().join("refs/pull");
        std::fs::create_dir_all(refs.join(other.to_string())).unwrap();
        std::fs::copy(refs.join(format!("{number}/head")), refs.join(format!("{other}/head"))).unwrap();
        let pull = Pull { fork, is_fork, ..Pull::new(hosted, "The same patch", base, "patch-1", sha) };
        hosted.pulls.push(pull);
        delivered(&mut state, slug, other, "opened")
    }

    /// Tells that the installation which sees a repository is suspended no more.
    pub fn lets_in_again(&self, slug: &str) -> Delivery {
        let mut state = self.state();
        state.deliveries += 1;
        let (count, owner) = (state.deliveries, slug.split_once('/').unwrap().0);
        let installation = json!({"id": state.repos[slug].installation, "account": {"id": 1, "login": owner}});
        Delivery::signed("installation", count, &json!({"action": "unsuspend", "installation": installation, "repositories": []}))
    }

    /// Pushes these files to a fork's pull request.
    pub fn pushes<const N: usize>(&self, slug: &str, number: u64, files: [(&str, &str); N]) -> Pulled {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let sha = hosted.bring(number, &files);
        hosted.pull(number).sha = sha;
        delivered(&mut state, slug, number, "synchronize")
    }

    /// Notes where a pull request's own branch is by now, as a push to it does.
    pub fn moves(&self, slug: &str, number: u64) -> Pulled {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let branch = hosted.pull(number).branch.clone();
        hosted.pull(number).sha = git::head(hosted.git.path(), &branch).unwrap();
        delivered(&mut state, slug, number, "synchronize")
    }

    /// Gives it another title, or another base.
    pub fn edits(&self, slug: &str, number: u64, title: Option<&str>, base: Option<&str>) -> Pulled {
        let mut state = self.state();
        let pull = state.repos.get_mut(slug).unwrap().pull(number);
        pull.title = title.map_or_else(|| pull.title.clone(), str::to_owned);
        pull.base = base.map_or_else(|| pull.base.clone(), str::to_owned);
        delivered(&mut state, slug, number, "edited")
    }

    /// Begins a branch where another is.
    pub fn begins(&self, slug: &str, branch: &str, from: &str) {
        let state = self.state();
        let git = &state.repos[slug].git;
        git.switch(from);
        git.switch(branch);
        git.switch("main");
    }

    /// Deletes a branch, and has people find `main` first.
    pub fn drops(&self, slug: &str, branch: &str) {
        let state = self.state();
        let git = &state.repos[slug].git;
        git.switch("main");
        git.delete_branch(branch);
    }

    /// Has `main` be where a pull request is, as a merge without a commit of its own does.
    pub fn merges(&self, slug: &str, number: u64) {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let sha = hosted.pull(number).sha.clone();
        hosted.git.switch("main");
        hosted.git.reset(&sha);
    }

    /// Has people find `main` first, whatever was pushed last.
    pub fn stays_at_main(&self, slug: &str) {
        self.state().repos[slug].git.switch("main");
    }

    /// Closes it.
    pub fn closes(&self, slug: &str, number: u64, is_merged: bool) -> Pulled {
        let mut state = self.state();
        let pull = state.repos.get_mut(slug).unwrap().pull(number);
        (pull.state, pull.is_merged) = ("closed", is_merged);
        delivered(&mut state, slug, number, "closed")
    }

    /// Opens it again.
    pub fn reopens(&self, slug: &str, number: u64) -> Pulled {
        let mut state = self.state();
        state.repos.get_mut(slug).unwrap().pull(number).state = "open";
        delivered(&mut state, slug, number, "reopened")
    }

    /// Deletes the fork that it comes from.
    pub fn deletes_fork(&self, slug: &str, number: u64) -> Pulled {
        let mut state = self.state();
        state.repos.get_mut(slug).unwrap().pull(number).fork = None;
        delivered(&mut state, slug, number, "edited")
    }

    /// Lets go of what is kept of a pull request's head.
    pub fn drops_head(&self, slug: &str, number: u64) {
        let state = self.state();
        std::fs::remove_file(state.repos[slug].git.path().join(format!("refs/pull/{number}/head"))).unwrap();
    }

    /// Has what is kept of a pull request's head be a file.
    pub fn spoils_head(&self, slug: &str, number: u64) {
        let state = self.state();
        let git = &state.repos[slug].git;
        std::fs::write(git.path().join(format!("refs/pull/{number}/head")), format!("{}\n", git.blob("fine\n"))).unwrap();
    }

    /// The comments beneath a pull request.
    pub fn comments(&self, slug: &str, number: u64) -> Vec<String> {
        let state = self.state();
        state.repos[slug].comments.iter().filter(|comment| comment.pull == number).map(|comment| comment.body.clone()).collect()
    }

    /// Has a person write beneath a pull request.
    pub fn says(&self, slug: &str, number: u64, body: &str) {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        let id = hosted.comments.len() as u64 + 500;
        hosted.comments.push(Comment { id, pull: number, body: body.to_owned(), app: None });
    }

    /// Has a person delete all that is written beneath a pull request.
    pub fn clears_comments(&self, slug: &str, number: u64) {
        let mut state = self.state();
        let hosted = state.repos.get_mut(slug).unwrap();
        hosted.comments.iter_mut().filter(|comment| comment.pull == number).for_each(|comment| comment.pull = 0);
    }

    /// Has somebody press the button at the run of a commit.
    pub fn presses(&self, slug: &str, sha: &str, id: u64, login: &str, button: &str) -> Delivery {
        let mut state = self.state();
        state.deliveries += 1;
        let number = state.deliveries;
        let hosted = &state.repos[slug];
        let payload = json!({
            "action": "requested_action", "requested_action": {"identifier": button},
            "check_run": {"id": 1, "head_sha": sha, "name": "plumbline issues"},
            "repository": hosted.view(slug), "installation": {"id": hosted.installation}, "sender": {"id": id, "login": login},
        });
        Delivery::signed("check_run", number, &payload)
    }
}

impl Pull {
    fn new(hosted: &Hosted, title: &str, base: &str, branch: &str, sha: String) -> Pull {
        Pull {
            number: hosted.pulls.len() as u64 + 1,
            title: title.to_owned(),
            base: base.to_owned(),
            branch: branch.to_owned(),
            fork: None,
            is_fork: false,
            sha,
            state: "open",
            is_merged: false,
            is_draft: false,
            updated_at: Timestamp::EPOCH,
        }
    }

    fn view(&self, slug: &str, hosted: &Hosted) -> Value {
        let whole = hosted.view(slug);
        let head = match (self.is_fork, self.fork) {
            (false, _) => whole.clone(),
            (true, Some(fork)) => json!({"id": 77, "full_name": fork, "fork": true}),
            (true, None) => Value::Null,
        };
        let base = git::head(hosted.git.path(), &self.base).unwrap_or_default();
        let ended = (self.state == "closed").then(|| self.updated_at.to_string());
        json!({
            "number": self.number, "title": self.title, "state": self.state, "draft": self.is_draft, "user": {"id": 31, "login": "grace"},
            "base": {"ref": self.base, "sha": base, "repo": whole}, "head": {"ref": self.branch, "sha": self.sha, "repo": head},
            "created_at": "2026-01-31T11:00:00Z", "updated_at": self.updated_at, "closed_at": ended,
            "merged_at": ended.filter(|_| self.is_merged), "merge_commit_sha": null,
        })
    }
}

impl Hosted {
    fn pull(&mut self, number: u64) -> &mut Pull {
        self.pulls.iter_mut().find(|pull| pull.number == number).expect("it was opened")
    }

    /// Commits to a fork's branch, which stands in no branch of this repository.
    fn bring(&mut self, number: u64, files: &[(&str, &str)]) -> String {
        let branch = format!("of-a-fork-{number}");
        self.git.switch(&branch);
        let sha = self.git.commit(files.iter().copied());
        self.git.switch("main");
        let at = self.git.path();
        std::fs::remove_file(at.join("refs/heads").join(branch)).unwrap();
        std::fs::create_dir_all(at.join(format!("refs/pull/{number}"))).unwrap();
        std::fs::write(at.join(format!("refs/pull/{number}/head")), format!("{sha}\n")).unwrap();
        sha
    }
}

/// What GitHub delivers of a pull request as it is now. Each delivery is a second later than the one before.
fn delivered(state: &mut State, slug: &str, number: u64, action: &str) -> Pulled {
    state.deliveries += 1;
    let (count, now) = (state.deliveries, state.now);
    let hosted = state.repos.get_mut(slug).unwrap();
    // Whatever branch a test was at, people find `main` first.
    hosted.git.switch("main");
    hosted.pull(number).updated_at = Timestamp::from_seconds(now.as_millis() / 1_000 + i64::try_from(count).unwrap());
    let sha = hosted.pull(number).sha.clone();
    let pull = hosted.pulls.iter().find(|pull| pull.number == number).unwrap().view(slug, hosted);
    let payload = json!({
        "action": action, "number": number, "pull_request": pull, "repository": hosted.view(slug),
        "installation": {"id": hosted.installation}, "sender": {"id": 31, "login": "grace"},
    });
    Pulled { sha, delivery: Delivery::signed("pull_request", count, &payload) }
}

/// What is asked of pull requests and of what stands beneath them; `None` if it is about something else.
pub(super) fn of_repository(hosted: &mut Hosted, slug: &str, rest: &[&str], asked: &Asked) -> Option<Response<Body>> {
    let said = || serde_json::from_slice::<Value>(&asked.body).ok()?["body"].as_str().map(str::to_owned);
    let shown = |comment: &Comment| json!({"id": comment.id, "body": comment.body, "performed_via_github_app": comment.app.map(|id| json!({"id": id}))});
    Some(match (asked.method(), rest) {
        ("GET", ["pulls"]) => {
            let mut open: Vec<&Pull> = hosted.pulls.iter().filter(|pull| pull.state == "open").collect();
            open.sort_by_key(|pull| std::cmp::Reverse(pull.updated_at));
            list(open.iter().map(|pull| pull.view(slug, hosted)).collect(), None, asked)
        }
        ("GET", ["pulls", number]) => match hosted.pulls.iter().find(|pull| pull.number.to_string() == *number) {
            Some(pull) => good(&pull.view(slug, hosted), asked),
            None => no(404, "Not Found"),
        },
        ("GET", ["issues", number, "comments"]) => {
            let of = hosted.comments.iter().filter(|comment| comment.pull.to_string() == *number);
            list(of.map(shown).collect(), None, asked)
        }
        ("POST", ["issues", number, "comments"]) => {
            let Some(pull) = number.parse().ok().filter(|number| hosted.pulls.iter().any(|pull| pull.number == *number)) else {
                return Some(no(404, "Not Found"));
            };
            let Some(body) = said().filter(|body| body.chars().count() < 65_536) else { return Some(no(422, "Body is too long")) };
            let comment = Comment { id: hosted.comments.len() as u64 + 500, pull, body, app: Some(APP_ID) };
            let answer = plain(StatusCode::CREATED, shown(&comment).to_string());
            hosted.comments.push(comment);
            answer
        }
        ("PATCH", ["issues", "comments", id]) => {
            let known = hosted.comments.iter_mut().find(|comment| comment.id.to_string() == *id && comment.pull != 0);
            match (known, said()) {
                (Some(comment), Some(body)) => {
                    comment.body = body;
                    good(&shown(comment), asked)
                }
                _ => no(404, "Not Found"),
            }
        }
        _ => return None,
    })
}
