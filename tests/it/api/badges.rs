//! Badges.

use plumbline::domain::accounts::InstanceRole;

use crate::support::world::World;

#[tokio::test]
async fn a_badge_says_how_it_stands_to_those_who_may_know() {
    let world = World::new().await;
    world.repo("app", [("a.json", "{\n")]).await;
    let badge = async |client: &crate::support::client::Client, rest: &str| {
        let answer = client.get(&format!("/badges/local/{rest}")).await.expect(200);
        assert_eq!(answer.header("content-type"), Some("image/svg+xml"));
        answer.text().split("<title>").nth(1).unwrap().split("</title>").next().unwrap().to_owned()
    };
    assert_eq!(badge(&world.admin, "app/issues.svg").await, "issues: 1 open");
    assert_eq!(badge(&world.admin, "app/gate.svg?label=main&style=plastic").await, "main: holds");
    assert_eq!(badge(&world.admin, "app/gate.svg?branch=nope").await, "gate: unknown");
    assert_eq!(badge(&world.admin, "app/coverage.svg").await, "coverage: unknown");
    let member = world.app.sign_in(world.app.user("ada", InstanceRole::Member)).await;
    for stranger in [&world.app.anonymous(), &member] {
        assert_eq!(badge(stranger, "app/issues.svg").await, "issues: unknown");
        assert_eq!(badge(stranger, "nope/issues.svg").await, "issues: unknown", "one that is not there looks the same");
    }
    world.admin.get("/badges/local/app/size.svg").await.expect(404).refused("not_found");
    world.admin.get("/badges/local/app/issues").await.expect(404).refused("not_found");
}
