//! What was put off, and since when: the one thing a check says that no file does.

use crate::support::world::{World, text};

#[tokio::test]
async fn what_was_put_off_is_told_with_the_day_on_which_it_was_written() {
    let world = World::new().await;
    let manifest = (".plumbline.yaml", "version: 1\nchecks: [{plugin: todo}]\n");
    let repo = world.repo("app", [manifest, ("a.rs", "fn a() {} // TODO: sort it\n")]).await;
    assert_eq!(repo.checks(&repo.first).await, "succeeded: todo succeeded");
    let message = |issues: &[serde_json::Value]| text(&issues[0]["message"]).to_owned();
    let first = message(&repo.issues(&repo.first, "open").await);
    assert!(first.starts_with("TODO: sort it (since 20"), "{first}");

    let second = repo.push([("a.rs", "fn first() {}\nfn a() {} // TODO: sort it\n")]).await;
    assert_eq!(message(&repo.issues(&second, "open").await), first);
    assert_eq!(repo.places(&second, "new,fixed").await, [""; 0]);
}
