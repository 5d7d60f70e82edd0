//! Checks, their logs, and the gate.

use serde_json::{Value, json};

use crate::support::world::{World, text};

#[tokio::test]
async fn a_check_is_found_by_name_and_by_id_with_its_log() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let set = repo.see(&format!("/commits/{}/checks", repo.first)).await;
    let check = &set["checks"][0];
    assert_eq!(
        (&check["name"], &check["plugin"], &check["issues"], &check["exit_code"]),
        (&json!("hygiene"), &json!("hygiene"), &json!(1), &Value::Null)
    );
    assert_eq!((&set["started_at"], &set["duration_ms"]), (&json!("2026-01-31T12:00:00Z"), &json!(0)));
    for named in ["hygiene", text(&check["id"])] {
        assert_eq!(repo.see(&format!("/commits/{}/checks/{named}", repo.first)).await, *check);
        let log = world.admin.get(&repo.commit(&repo.first, &format!("/checks/{named}/log"))).await.expect(200);
        assert_eq!(log.header("content-type"), Some("text/plain; charset=utf-8"));
        assert!(log.text().starts_with("hygiene version 2 at "), "{}", log.text());
    }
    world.admin.get(&repo.commit(&repo.first, "/checks/nope")).await.expect(404).refused("check_not_found");
    world.admin.get(&repo.commit(&repo.first, "/checks/nope/log")).await.expect(404).refused("check_not_found");
}

#[tokio::test]
async fn a_commit_that_nobody_asked_about_has_no_checks_until_somebody_does() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let passed_over = repo.git.commit([("b.json", "{\n")]);
    repo.push([("c.json", "{\n")]).await;
    for rest in ["/checks", "/checks/hygiene", "/status"] {
        world.admin.get(&repo.commit(&passed_over, rest)).await.expect(404).refused("checks_not_found");
    }
    world.admin.own("DELETE", &repo.commit(&passed_over, "/checks")).await.expect(404).refused("checks_not_found");
    world.admin.get(&repo.commit(&passed_over, "/issues")).await.expect(404).refused("not_analysed");
    world.admin.get(&repo.commit(&passed_over, "/issues.sarif")).await.expect(404).refused("not_analysed");
    let asked = world.admin.own("POST", &repo.commit(&passed_over, "/checks")).await.expect(202).value();
    assert_eq!((&asked["state"], &asked["checks"]), (&json!("waiting"), &json!([])));
    world.app.settle().await;
    assert_eq!(repo.places(&passed_over, "new").await, ["b.json:1 invalid-json"]);
}

#[tokio::test]
async fn the_gate_names_the_page_that_explains_it() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let status = repo.see(&format!("/commits/{}/status", repo.first)).await;
    assert_eq!(
        (&status["verdict"], &status["contexts"][0]["context"], &status["contexts"][0]["state"]),
        (&json!("success"), &json!("plumbline"), &json!("success"))
    );
    let page = format!("http://{}/r/local/app/commits/{}", world.admin.address, repo.first);
    assert_eq!(status["contexts"][0]["target_url"], json!(page));
    world.admin.page(page.strip_prefix(&format!("http://{}", world.admin.address)).unwrap()).await.expect(200);
}

#[tokio::test]
async fn the_buttons_of_a_page_do_what_the_api_does() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let page = format!("/r/local/app/commits/{}", repo.first);
    let again = world.admin.form(&format!("{page}/checks"), "").await.expect(303);
    assert_eq!(again.header("location"), Some(page.as_str()));
    assert_eq!(repo.checks(&repo.first).await, "waiting: ");
    world.admin.form(&format!("{page}/checks/cancel"), "").await.expect(303);
    assert_eq!(repo.checks(&repo.first).await, "canceled: ");
    let synced = world.admin.form("/r/local/app/sync", "").await.expect(303);
    assert_eq!(synced.header("location"), Some("/r/local/app"));
    world.app.settle().await;
}
