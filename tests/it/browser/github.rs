//! GitHub as somebody sets it up: one button, one installation, and a push that turns green on the page that is open.

use plumbline::app::runner;
use plumbline::base::work::Lane;
use plumbline::domain::accounts::InstanceRole;

use super::{browser, look, picture};
use crate::support::app::TestApp;
use crate::support::github::{GitHub, INSTALLATION};
use crate::support::world::World;

const GATED: (&str, &str) = (".plumbline.yaml", "version: 1\nissues: {fail_on: new}\nchecks: [{plugin: hygiene}]\n");
const SLUG: &str = "acme/app";

#[tokio::test]
async fn the_app_is_made_by_one_button_installed_and_a_push_turns_green_on_the_open_page() {
    let Some(browser) = browser() else { return };
    let github = GitHub::start();
    github.repo("acme/other");
    github.repo(SLUG);
    github.push(SLUG, "main", [GATED, ("app.rb", "puts 1\n")]);
    github.uninstall(INSTALLATION);
    github.grant("checks", "write");
    let world = World::of(TestApp::with(|config| config.github.url = Some(github.url()))).await;
    let app = world.app.app();
    let url = app.public_url();
    let settle = async || world.app.settle().await;

    // The link leads to where it was asked for.
    let link = world.app.link(world.app.user("ada", InstanceRole::Admin));
    browser.open(&format!("{url}/link/{link}?next=/admin/github"));
    browser.click("main button");
    browser.until("location.pathname === '/admin/github'");
    assert_eq!(browser.text("h1"), "GitHub is not set up");
    look(&browser, "github-none");

    browser.click("#github-owner");
    browser.press("acme");
    browser.click("main form.stack button");
    browser.until("document.querySelector('main form[method=post] button').innerText.includes('acme')");
    browser.click("main form[method=post] button");
    browser.until("document.querySelector('h1').innerText === 'Create GitHub App' && document.body.innerText.includes('for acme')");
    browser.click("button");
    browser.until("location.pathname === '/admin/github' && document.body.innerText.includes('App 7 at')");
    settle().await;
    // What was refused while nobody knew the secret was sent again.
    browser.until("/its last, .?ping.? at .*arrived/.test(document.querySelector('main').innerText)");
    assert!(browser.text("main").contains("Nobody lets the App in yet"), "{}", browser.text("main"));

    browser.click("main a[href$='/installations/new']");
    browser.until("document.querySelector('h1').innerText === 'Install Plumbline'");
    browser.click("button");
    browser.until("location.pathname === '/admin/github' && document.querySelector('main table')?.innerText.includes('acme')");
    settle().await;
    assert_eq!(browser.text("h1"), "GitHub works, and something could be better", "over plain http");
    look(&browser, "github-green");

    // The page notices by itself what somebody else mended, or broke.
    browser.run("window.stayed = true");
    github.revoke_key(true);
    browser.until("document.querySelector('h1').innerText === 'Something does not work with GitHub' && window.stayed");
    look(&browser, "github-red");
    github.revoke_key(false);
    browser.until("document.querySelector('h1').innerText === 'GitHub works, and something could be better' && window.stayed");

    browser.open(&url);
    browser.click("main a[href='/repos']");
    browser.until("document.querySelectorAll('.offered > li').length === 2");
    look(&browser, "github-offered");
    browser.click("#github-q");
    browser.run("window.stayed = true");
    browser.press("APP");
    browser.until("document.querySelectorAll('.offered > li').length === 1 && location.search === '?q=APP' && window.stayed");
    browser.click(".offered button");
    browser.until("document.querySelector('[role=status]')?.innerText.includes('acme/app was added')");
    assert_eq!(browser.text(".offered .there"), "added");
    look(&browser, "github-added");
    settle().await;
    let push = github.push(SLUG, "main", [("app.rb", "puts 2\n")]);
    assert_eq!(github.deliver(&push.delivery), 202);
    for lane in [Lane::Hooks, Lane::Git, Lane::Outbound] {
        let app = app.clone();
        assert!(tokio::task::spawn_blocking(move || runner::run_next(&app, lane, "test", None)).await.unwrap().unwrap(), "{lane}");
    }
    assert_eq!(github.statuses(SLUG, &push.sha), ["pending plumbline the checks are under way"]);
    browser.open(&github.all_statuses(SLUG, &push.sha)[0].target_url);
    browser.until("'live' in document.documentElement.dataset");
    assert!(!browser.text(".line").contains("Gate: holds"), "{}", browser.text(".line"));
    browser.run("window.stayed = true");
    settle().await;
    browser.until("document.querySelector('.line').innerText.includes('Gate: holds') && window.stayed");
    picture(&browser, "github-push.png");
    assert_eq!(github.statuses(SLUG, &push.sha).last().map(String::as_str), Some("success plumbline no new issues"));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
