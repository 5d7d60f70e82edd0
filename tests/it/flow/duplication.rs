//! Code in two places: what is said of it, and that it stays the same issue wherever it goes.

use crate::support::world::{World, text};

/// A function of some dozen lines.
fn function() -> String {
    let lines: String =
        (0..10).map(|n| format!("    let part_{n} = orders.iter().map(|order| order.weight_{n} * rate).sum::<u32>();\n")).collect();
    format!("fn total(orders: &[Order], rate: u32) -> Summary {{\n{lines}    Summary::new(part_0, part_9)\n}}\n")
}

#[tokio::test]
async fn code_that_moves_stays_the_issue_it_was() {
    let world = World::new().await;
    let (code, other) = (function(), "fn first() {}\n".to_owned());
    let repo = world.repo("app", [("a.rs", &*code), ("b.rs", &*format!("{other}\n{code}"))]).await;
    assert_eq!(repo.places(&repo.first, "open").await, ["a.rs:1 duplicate", "b.rs:3 duplicate"]);
    let issues = repo.issues(&repo.first, "open").await;
    assert_eq!(text(&issues[0]["message"]), "13 lines also in `b.rs` line 3");
    let id = text(&issues[1]["id"]).to_owned();

    // To a file whose path comes before the other's, where its number among equals is another.
    let moved = repo.push([("b.rs", &*other), ("0.rs", &*format!("fn second() {{}}\n\n\n{code}"))]).await;
    assert_eq!(repo.places(&moved, "open").await, ["0.rs:4 duplicate", "a.rs:1 duplicate"]);
    assert_eq!(repo.places(&moved, "new,fixed").await, [""; 0]);
    assert_eq!(text(&repo.issues(&moved, "open").await[0]["id"]), id);

    let mended = repo.push([("0.rs", "fn second() {}\n")]).await;
    assert_eq!(repo.places(&mended, "open").await, [""; 0]);
}
