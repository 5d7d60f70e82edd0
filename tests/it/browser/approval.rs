//! What is approved on the page of a fork's pull request: the commit that was read, and no other.

use plumbline::domain::accounts::InstanceRole;
use serde_json::json;

use super::browser;
use crate::support::app::TestApp;
use crate::support::github::GitHub;
use crate::support::world::World;

/// What is built in, and a command that waits where a fork brings the commit, since it is shown a secret.
const HOUSE: &str = "version: 1\nchecks:\n- plugin: hygiene\n- {name: deep, run: 'true', output: gnu, mounts: [{source: 'secrets:KEY', destination: '/run/secrets/key'}]}\n";
const SLUG: &str = "acme/app";

#[tokio::test]
async fn the_page_tells_of_what_a_fork_pushes_next_and_its_button_still_approves_what_was_read() {
    let Some(browser) = browser() else { return };
    let github = GitHub::start();
    github.repo(SLUG);
    github.push(SLUG, "main", [(".plumbline.yaml", HOUSE)]);
    let world = World::of(TestApp::with(|config| github.configure(config))).await;
    world.admin.post("/api/v1/repos", json!({"github": SLUG})).await.expect(201);
    world.admin.json("PUT", "/api/v1/repos/acme/app/secrets/KEY", json!({"value": "marigold-secret"})).await.expect(201);
    world.app.settle().await;
    let url = world.app.app().public_url();
    github.hook(&format!("{url}/hooks/github"));
    let hear = async |delivery| {
        assert_eq!(github.deliver(delivery), 202);
        world.app.settle().await;
    };
    let read = github.forks(SLUG, "main", [("a.txt", "as it was read\n")]);
    hear(&read.delivery).await;

    let link = world.app.link(world.app.user("ada", InstanceRole::Admin));
    browser.open(&format!("{url}/link/{link}?next=/r/acme/app/pulls/1"));
    browser.click("main button");
    browser.until("location.pathname === '/r/acme/app/pulls/1' && 'live' in document.documentElement.dataset");
    assert_eq!(browser.text("#to-approve button code"), read.sha[..7]);
    super::look(&browser, "pull-held");

    browser.run("window.stayed = true");
    let next = github.pushes(SLUG, 1, [("a.txt", "something else\n")]);
    hear(&next.delivery).await;
    browser.until(&format!("document.querySelector('.line').innerText.includes('{}') && window.stayed", &next.sha[..7]));
    assert_eq!(browser.text("#to-approve button code"), read.sha[..7]);
    let leads_to = browser.run("return document.querySelector('#to-approve form').action");
    assert!(leads_to.as_str().is_some_and(|to| to.contains(&read.sha)), "{leads_to}");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
