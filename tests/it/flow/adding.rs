//! The page that adds repositories: what of GitHub it offers to whom, and what happens to what is chosen.

use std::time::Duration;

use plumbline::domain::accounts::InstanceRole;

use crate::support::app::TestApp;
use crate::support::client::Client;
use crate::support::github::{Door, GitHub};
use crate::support::repo::TestRepo;
use crate::support::world::World;

/// An appliance that is an App on GitHub which can see `acme/api` and `acme/web`, of which nothing was added.
struct Side {
    world: World,
    github: GitHub,
}

impl Side {
    async fn new() -> Side {
        let github = GitHub::start();
        for slug in ["acme/api", "acme/web"] {
            github.repo(slug);
            github.push(slug, "main", [("app.rb", "puts 1\n")]);
        }
        Side { world: World::of(TestApp::with(|config| github.configure_sign_in(config))).await, github }
    }

    async fn sign_in(&self, person: u64) -> Client {
        self.github.signs_in(person, &self.world.app).await
    }
}

/// The names that a page offers to add.
fn offers(page: &str) -> Vec<String> {
    let buttons = page.split("aria-label=\"Add ").skip(1);
    buttons.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

async fn shown(client: &Client, path: &str) -> String {
    client.get(path).await.expect(200).text()
}

#[tokio::test]
async fn what_the_app_can_see_is_offered_and_one_after_the_other_is_added() {
    let Side { world, github } = &Side::new().await;
    let admin = &world.admin;
    assert!(shown(admin, "/").await.contains(">Choose one on GitHub</a>"));
    assert_eq!(offers(&shown(admin, "/repos").await), ["acme/api", "acme/web"]);
    assert_eq!(offers(&shown(admin, "/repos?q=WEB").await), ["acme/web"]);

    let back = admin.form("/repos", "repo=acme%2Fweb&q=web").await.expect(303);
    assert_eq!(back.header("location"), Some("/repos?q=web&added=acme%2Fweb"));
    let page = shown(admin, "/repos?q=web&added=acme%2Fweb").await;
    assert!(page.contains("was added; it is being fetched"), "{page}");
    assert_eq!(offers(&page), [""; 0]);
    world.app.settle().await;
    let added = admin.get("/api/v1/repos/acme/web").await.expect(200).value();
    assert_eq!(added["default_branch"], "main", "it was fetched: {added}");

    // Twice is told where it was asked for, and the list is there to go on.
    let again = admin.form("/repos", "repo=acme%2Fweb&q=").await.expect(422).text();
    assert!(again.contains("role=\"alert\"") && again.contains("acme/web") && !again.contains("id=\"add-error\""), "{again}");
    assert_eq!(offers(&again), ["acme/api"]);
    assert!(!shown(admin, "/repos?added=acme%2Fnothing").await.contains("was added"), "an address does not say what is there");
    // What was let in a moment ago is there as soon as the list is opened.
    github.repo("acme/new");
    world.app.advance(Duration::from_secs(11));
    github.advance(Duration::from_secs(11));
    assert_eq!(offers(&shown(admin, "/repos").await), ["acme/api", "acme/new"]);
}

#[tokio::test]
async fn a_search_in_what_was_seen_a_moment_ago_asks_github_nothing() {
    let Side { world, github } = &Side::new().await;
    shown(&world.admin, "/repos").await;
    assert!(!github.asked().is_empty());
    for q in ["w", "we", "web"] {
        assert_eq!(offers(&shown(&world.admin, &format!("/repos?q={q}")).await), ["acme/web"]);
    }
    assert_eq!(github.asked(), [""; 0]);
    let later = || {
        world.app.advance(Duration::from_secs(61));
        github.advance(Duration::from_secs(61));
    };
    later();
    let before = github.unchanged();
    assert_eq!(offers(&shown(&world.admin, "/repos?q=web").await), ["acme/web"]);
    let asked = github.asked();
    assert_eq!((asked.len(), github.unchanged() - before), (2, 2), "what has not changed costs nothing of what may be asked: {asked:?}");
    github.repo("acme/webhooks");
    later();
    assert_eq!(offers(&shown(&world.admin, "/repos?q=web").await), ["acme/web", "acme/webhooks"], "a minute later it is asked again");
}

#[tokio::test]
async fn everybody_is_offered_what_they_administer_on_github_and_told_how_to_be_offered_anything() {
    let side = Side::new().await;
    let owner = side.github.member("owner");
    side.github.gives(owner, "acme/api", Some("admin"));
    side.github.gives(owner, "acme/web", Some("maintain"));
    let owner = side.sign_in(owner).await;
    assert_eq!(offers(&shown(&owner, "/repos").await), ["acme/api"]);
    owner.form("/repos", "repo=acme%2Fweb&q=").await.expect(422);
    owner.form("/repos", "repo=acme%2Fapi&q=").await.expect(303);
    side.world.app.settle().await;

    let ada = side.world.app.sign_in(side.world.app.user("ada", InstanceRole::Member)).await;
    let page = shown(&ada, "/repos").await;
    assert!(page.contains("Link your account on GitHub") && offers(&page).is_empty(), "{page}");

    let alone = World::new().await;
    let page = shown(&alone.admin, "/repos").await;
    assert!(page.contains("Set it up") && page.contains("id=\"add-repo\""), "{page}");
    assert!(!shown(&alone.admin, "/").await.contains("Choose one on GitHub"));
}

#[tokio::test]
async fn while_github_is_away_that_is_told_and_all_else_can_be_added() {
    let Side { world, github } = &Side::new().await;
    github.away(true);
    let page = shown(&world.admin, "/repos").await;
    assert!(page.contains("role=\"alert\"") && page.contains("id=\"add-repo\""), "{page}");
    github.away(false);
    // It hangs: the page does not, what was mistyped is told at once, and what is right is added.
    world.app.advance(Duration::from_secs(3_600));
    github.advance(Duration::from_secs(3_600));
    let hangs = github.next(Door::Interface).delayed();
    let page = shown(&world.admin, "/repos").await;
    assert!(page.contains("GitHub takes its time; look again in a moment.") && page.contains("id=\"add-repo\""), "{page}");
    let refused = world.admin.form("/repos", "repo=%2Fnowhere").await.expect(422).text();
    assert!(refused.contains("id=\"add-error\"") && refused.contains("Choose one that the App can see there"), "{refused}");
    let git = TestRepo::new();
    git.commit([("a.txt", "a\n")]);
    let local = format!("repo={}", git.path().display().to_string().replace('/', "%2F"));
    world.admin.form("/repos", &local).await.expect(303);
    hangs.let_go();
    world.app.settle().await;
    let bad = world.admin.get("/repos?cursor=nonsense").await.expect(400).text();
    assert!(bad.contains("cursor"), "{bad}");
}
