//! Checks, their logs, and the gate.

use plumbline::base::event::Actor;
use plumbline::domain::checks::{self, Execution};
use plumbline::engine::sandbox::Tier;
use serde_json::{Value, json};

use crate::support::app::TestApp;
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

#[tokio::test]
async fn a_check_has_a_page_of_its_own_from_which_it_is_run_again() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.json", "{\n")]).await;
    let page = format!("/r/local/app/commits/{}/checks/hygiene", repo.first);
    let commit = world.admin.page(&format!("/r/local/app/commits/{}", repo.first)).await.expect(200).text();
    assert!(commit.contains(&format!("href=\"{page}\"")), "the commit's page leads to it");
    let html = world.admin.page(&page).await.expect(200).text();
    assert!(html.contains("<code>hygiene</code> found 1 issue") && html.contains("hygiene version 2 at "), "{html}");
    assert!(html.contains("?source=hygiene#issues") && html.contains("Ended: succeeded"), "{html}");
    world.admin.page(&page.replace("/hygiene", "/nope")).await.expect(404);
    world.admin.page(&page.replace("/hygiene", "/%3Cb%3E")).await.expect(404);

    let again = world.admin.form(&format!("/r/local/app/commits/{}/checks?check=hygiene", repo.first), "").await.expect(303);
    assert_eq!(again.header("location"), Some(page.as_str()));
    let waiting = world.admin.page(&page).await.expect(200).text();
    assert!(waiting.contains("<code>hygiene</code> waits for its turn") && waiting.contains("data-live"), "{waiting}");
    world.app.settle().await;
    assert!(world.admin.page(&page).await.expect(200).text().contains("found 1 issue"));
    let elsewhere = format!("/r/local/app/commits/{}/checks?check=//evil.example/%0D%0Ax", repo.first);
    let location = world.admin.form(&elsewhere, "").await.expect(303).header("location").unwrap().to_owned();
    assert!(location.ends_with("/checks/%2F%2Fevil.example%2F%0D%0Ax"), "{location}");
    world.app.settle().await;
}

#[tokio::test]
async fn what_a_program_says_is_shown_in_its_colours_and_never_obeyed() {
    if let Err(missing) = crate::guard::sandbox::native() {
        return crate::support::skipped("sandbox", missing);
    }
    let world = World::new().await;
    let run = r"printf '\033[31m<script>alert(1)</script>\033[0m \033]0;title\007end\n' >&2; echo 'gone.txt:1:1: error: x [y]'";
    let manifest = format!("version: 1\nchecks:\n- name: house\n  run: |\n    {run}\n  output: gnu\n  timeout: 3m\n");
    let repo = world.repo("app", [(".plumbline.yaml", manifest.as_str()), ("a.txt", "1\n")]).await;
    let html = world.admin.page(&format!("/r/local/app/commits/{}/checks/house", repo.first)).await.expect(200).text();
    assert!(html.contains("<span class=\"a1\">&lt;script&gt;alert(1)&lt;/script&gt;</span> end\n"), "{html}");
    assert!(!html.contains("<script>alert"));
    for shown in ["tier native", "What could not be used", "gone.txt", "<dd>3 min 0 s</dd>", "Records read"] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert!(!html.contains("Ran without isolation"));
}

#[tokio::test]
async fn the_pages_of_all_repositories_say_that_nothing_is_isolated_where_nothing_is() {
    for (min_tier, is_told) in [(Tier::Trusted, true), (Tier::Native, false)] {
        let world = World::of(TestApp::with(|config| {
            config.min_tier = min_tier;
            // No sandbox comes up without it.
            config.launcher = "/bin/false".into();
        }))
        .await;
        for page in ["/", "/issues", "/admin"] {
            let html = world.admin.page(page).await.expect(200).text();
            assert_eq!(html.contains("Checks run without isolation:"), is_told, "{page} with {min_tier}: {html}");
        }
    }
}

#[tokio::test]
async fn every_page_at_a_commit_whose_checks_ran_without_isolation_says_so() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.txt", "1\n")]).await;
    let (id, sha) = (text(&repo.see("").await["id"]).parse().unwrap(), repo.first.parse().unwrap());
    // As a host without a sandbox writes it, which a host that runs tests need not be.
    let ran = Execution {
        command: "true".to_owned(),
        version: None,
        tier: "trusted".to_owned(),
        weaker: vec!["memory".to_owned()],
        exit_code: Some(0),
        wall_ms: 1,
        cpu_ms: 1,
        peak_memory: None,
        read: 0,
        dropped: Vec::new(),
        dropped_count: 0,
        kept_from: None,
    };
    world
        .app
        .app()
        .write_now(&Actor::System, move |tx, _| {
            let mut set = checks::find(tx, id, sha)?;
            set.checks[0].execution = Some(ran.clone());
            tx.put(&set)?;
            Ok::<_, checks::Error>(())
        })
        .unwrap();
    let commit = format!("/r/local/app/commits/{}", repo.first);
    for page in [
        "/r/local/app".to_owned(),
        commit.clone(),
        format!("{commit}/tree"),
        format!("{commit}/checks/hygiene"),
        format!("{commit}/checks/secrets"),
    ] {
        let html = world.admin.page(&page).await.expect(200).text();
        assert!(html.contains("Ran without isolation:</b> hygiene"), "{page}: {html}");
    }
    assert!(!world.admin.page("/r/local/app/settings").await.expect(200).text().contains("Ran without isolation"));
    let next = repo.push([("a.txt", "2\n")]).await;
    let html = world.admin.page(&format!("/r/local/app/commits/{next}")).await.expect(200).text();
    assert!(!html.contains("Ran without isolation"), "another commit's checks are not these");
}
