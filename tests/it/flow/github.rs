//! GitHub, from a push to what is said there of it.

use std::time::Duration;

use plumbline::engine::queue::WorkState;
use serde_json::json;

use crate::support::app::TestApp;
use crate::support::github::{Door, GitHub, Push};
use crate::support::world::{World, text};

const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nissues: {fail_on: new}\n");
const SLUG: &str = "acme/app";

/// An appliance that is the App of a GitHub where `acme/app` has a commit, and was added.
struct Side {
    world: World,
    github: GitHub,
    first: Push,
}

impl Side {
    async fn with<const N: usize>(files: [(&str, &str); N]) -> Side {
        let github = GitHub::start();
        github.repo(SLUG);
        let first = github.push(SLUG, "main", files);
        let world = World::of(TestApp::with(|config| github.configure(config))).await;
        world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
        let side = Side { world, github, first };
        side.world.app.settle().await;
        side
    }

    /// Has the appliance look, as a delivery does.
    async fn look(&self) {
        self.world.admin.own("POST", "/api/v1/repos/acme/app/sync").await.expect(202);
        self.world.app.settle().await;
    }

    async fn advance(&self, span: Duration) {
        self.world.app.advance(span);
        self.github.advance(span);
        self.world.app.settle().await;
    }

    fn said(&self, sha: &str) -> Vec<String> {
        self.github.statuses(SLUG, sha)
    }
}

const PENDING: &str = "pending plumbline the checks are under way";

#[tokio::test]
async fn a_push_is_pending_at_once_and_then_has_its_verdict() {
    let side = Side::with([GATED, ("app.rb", "puts 1\n")]).await;
    let baseline = "success plumbline 0 open issues at the first analysed commit: this is the baseline";
    assert_eq!(side.said(&side.first.sha), [PENDING, baseline]);

    let push = side.github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    side.look().await;
    assert_eq!(side.said(&push.sha), [PENDING, "success plumbline no new issues"]);
    let url = format!("{}/r/acme/app/commits/{}", side.world.app.app().public_url(), push.sha);
    assert!(side.github.all_statuses(SLUG, &push.sha).iter().all(|status| status.target_url == url), "{url}");

    let broken = side.github.push(SLUG, "topic", [("config.json", "{\"a\": }\n")]);
    side.look().await;
    assert_eq!(side.said(&broken.sha), [PENDING, "failure plumbline 1 new issue of severity minor or above"]);
}
