//! Two commits held against each other, and how much room a repository takes.

use serde_json::{Value, json};

use crate::support::repo::TestRepo;
use crate::support::world::{World, text};

/// The places of one side.
fn places(view: &Value, side: &str) -> Vec<String> {
    let items = view["issues"][side]["items"].as_array().unwrap();
    items.iter().map(|issue| format!("{} {}", text(&issue["path"]), text(&issue["state"]))).collect()
}

#[tokio::test]
async fn any_two_analysed_commits_can_be_held_against_each_other() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n"), ("b.json", "{}\n")]).await;
    repo.push([("a.json", "{}\n")]).await;
    let third = repo.push([("b.json", "{\n"), ("c.json", "[\n")]).await;
    repo.switch("fix/it");
    let fixed = repo.push([("b.json", "{}\n")]).await;
    let see = async |rest: &str| repo.see(&format!("/compare/{rest}")).await;

    let whole = see(&format!("{}...{}", &repo.first[..7], third)).await;
    assert_eq!(
        (places(&whole, "new"), places(&whole, "fixed")),
        (vec!["b.json open".into(), "c.json open".into()], vec!["a.json fixed".into()])
    );
    assert_eq!((&whole["base"]["sha"], &whole["head"]["sha"], &whole["coverage"]), (&json!(repo.first), &json!(third), &Value::Null));
    assert_eq!(whole["issues"]["new"]["items"][0]["is_new"], json!(true));
    let back = see(&format!("{third}...{}", repo.first)).await;
    assert_eq!(
        (places(&back, "new"), places(&back, "fixed")),
        (vec!["a.json open".into()], vec!["b.json fixed".into(), "c.json fixed".into()])
    );

    let branches = see("main...fix%2Fit").await;
    assert_eq!((&branches["head"]["sha"], places(&branches, "fixed")), (&json!(fixed), vec!["b.json fixed".to_owned()]));
    assert_eq!(
        see("main...main").await["issues"],
        json!({"new": {"items": [], "next": null, "total": 0}, "fixed": {"items": [], "next": null, "total": 0}})
    );

    let page = world.admin.page("/r/local/app/compare/main...fix%2Fit").await.expect(200).text();
    assert!(page.contains("1 issue fixed") && page.contains("b.json"), "{page}");
    let asked = world.admin.page("/r/local/app/compare?base=main&head=fix%2Fit").await.expect(303);
    assert_eq!(asked.header("location"), Some("/r/local/app/compare/main...fix%2Fit"));
}

#[tokio::test]
async fn each_list_of_a_comparison_has_pages_of_its_own() {
    let world = World::new().await;
    let repo = world.repo("app", [("x.json", "{\n"), ("y.json", "{\n")]).await;
    repo.push([("a.json", "{\n"), ("b.json", "{\n"), ("c.json", "{\n"), ("x.json", "{}\n"), ("y.json", "{}\n")]).await;
    let path = format!("/compare/{}...main?limit=2", repo.first);
    let one = repo.see(&path).await;
    assert_eq!((places(&one, "new"), &one["issues"]["new"]["total"]), (vec!["a.json open".into(), "b.json open".into()], &json!(3)));
    assert_eq!((places(&one, "fixed").len(), &one["issues"]["fixed"]["next"]), (2, &Value::Null));
    let two = repo.see(&format!("{path}&new_cursor={}", text(&one["issues"]["new"]["next"]))).await;
    assert_eq!((places(&two, "new"), &two["issues"]["new"]["next"]), (vec!["c.json open".to_owned()], &Value::Null));
    world.admin.get(&repo.path(&format!("{path}&fixed_cursor=zz"))).await.expect(400).refused("invalid_parameter");
}

#[tokio::test]
async fn a_commit_without_finished_checks_is_named_and_cannot_be_compared() {
    let world = World::new().await;
    let git = TestRepo::new();
    let older = git.commit([("a.rb", "puts 1\n")]);
    git.commit([("a.rb", "puts 2\n")]);
    world.add("app", git.path()).await;
    let get = async |rest: &str| world.admin.get(&format!("/api/v1/repos/local/app/compare/{rest}")).await;
    for rest in [format!("{older}...main"), format!("main...{older}")] {
        let answer = get(&rest).await.expect(409);
        assert!(answer.refused("not_comparable").contains(&older[..7]));
        assert_eq!(answer.value()["details"]["sha"], json!(older));
        let page = world.admin.page(&format!("/r/local/app/compare/{rest}")).await.expect(409).text();
        assert!(
            page.contains(&format!("/r/local/app/commits/{older}")) && page.contains("no finished checks"),
            "the page leads to where they are run"
        );
    }
    for bad in ["main", "main..main", "...main", "main...", "..."] {
        get(bad).await.expect(400).refused("invalid_parameter");
    }
    for unknown in ["main...nope", "nope...main", "main...0000000"] {
        get(unknown).await.expect(404).refused("commit_not_found");
        world.admin.page(&format!("/r/local/app/compare/{unknown}")).await.expect(404);
    }
}

#[tokio::test]
async fn what_a_repository_takes_is_told_by_kind() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let before = repo.see("/usage").await;
    assert_eq!(before["quota_bytes"], Value::Null);
    let of = |view: &Value, kind: &str| view["used_bytes"][kind].as_u64().unwrap();
    for kind in ["mirror", "logs", "rows"] {
        assert!(of(&before, kind) > 0, "{kind}: {before}");
    }
    assert_eq!(before["total_bytes"].as_u64().unwrap(), ["mirror", "logs", "rows"].map(|kind| of(&before, kind)).iter().sum::<u64>());
    // What does not compress shows in the mirror at its size.
    let mut random = crate::support::Random::new(7);
    let noise: String = (0..100_000).map(|_| char::from(b'!' + random.below(90) as u8)).collect();
    repo.push([("noise.txt", noise.as_str()), ("b.json", "{\n")]).await;
    let after = repo.see("/usage").await;
    assert!(of(&after, "mirror") > of(&before, "mirror") + 70_000, "{before} {after}");
    assert!(of(&after, "rows") > of(&before, "rows") && of(&after, "logs") > of(&before, "logs"), "{before} {after}");
}
