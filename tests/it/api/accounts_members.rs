//! Roles in repositories: given, changed, taken away, and what each may.

use plumbline::domain::accounts::{InstanceRole, RepoRole};
use serde_json::json;

use crate::support::client::Client;
use crate::support::world::{World, text};

#[tokio::test]
async fn a_role_is_given_changed_and_taken_away() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let ada = world.app.sign_in(world.app.user("Ada", InstanceRole::Member)).await;
    ada.get(&repo.path("")).await.expect(404);
    assert_eq!(ada.get("/api/v1/repos").await.expect(200).value()["items"], json!([]));
    let put = async |role: &str| world.admin.json("PUT", &repo.path("/members/ada"), json!({"role": role})).await;
    let words = [
        ("read", json!(["read"])),
        ("triage", json!(["read", "ignore"])),
        ("write", json!(["read", "ignore", "rerun", "sync", "approve", "secrets_list"])),
        ("maintain", json!(["read", "ignore", "rerun", "sync", "approve", "secrets_list", "settings", "secrets", "upload_token", "rules"])),
        (
            "admin",
            json!([
                "read",
                "ignore",
                "rerun",
                "sync",
                "approve",
                "secrets_list",
                "settings",
                "secrets",
                "upload_token",
                "rules",
                "members",
                "delete"
            ]),
        ),
    ];
    for (role, can) in words {
        let given = put(role).await.expect(200).value();
        assert_eq!((&given["login"], &given["role"]), (&json!("Ada"), &json!(role)));
        assert_eq!(ada.get(&repo.path("")).await.expect(200).value()["can"], can, "{role}");
    }
    // A repository's own administrator gives roles in it, and in no other.
    let other = world.repo("other", [("a.rb", "puts 1\n")]).await;
    world.app.user("grace", InstanceRole::Member);
    ada.json("PUT", &repo.path("/members/grace"), json!({"role": "triage"})).await.expect(200);
    ada.json("PUT", &other.path("/members/grace"), json!({"role": "triage"})).await.expect(404).refused("repo_not_found");
    let listed = ada.get(&repo.path("/members")).await.expect(200).value();
    let rows: Vec<String> =
        listed["items"].as_array().unwrap().iter().map(|row| format!("{} {}", text(&row["login"]), text(&row["role"]))).collect();
    // Whoever added it has the role admin in it.
    assert_eq!(rows, ["root admin", "Ada admin", "grace triage"]);

    ada.own("DELETE", &repo.path("/members/GRACE")).await.expect(204);
    ada.own("DELETE", &repo.path("/members/grace")).await.expect(404).refused("user_not_found");
    ada.own("DELETE", &repo.path("/members/ada")).await.expect(204);
    ada.get(&repo.path("")).await.expect(404);
    world.admin.get(&repo.path("")).await.expect(200);
}

#[tokio::test]
async fn what_is_no_role_or_nobody_is_refused() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    let put = async |login: &str, body| world.admin.json("PUT", &repo.path(&format!("/members/{login}")), body).await;
    put("root", json!({"role": "king"})).await.expect(400).refused("invalid_body");
    put("root", json!({})).await.expect(400).refused("invalid_body");
    for login in ["nobody", "%1B%5B2J", "%FF", &"x".repeat(3_000)] {
        put(login, json!({"role": "read"})).await.expect(404).refused("user_not_found");
    }
    assert_eq!(repo.see("/members").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_settings_page_gives_roles_to_whoever_may() {
    let world = World::new().await;
    let repo = world.repo("app", [("a.rb", "puts 1\n")]).await;
    world.app.user("grace", InstanceRole::Member);
    let maintainer = world.app.user("mona", InstanceRole::Member);
    world.admin.json("PUT", &repo.path("/members/mona"), json!({"role": RepoRole::Maintain})).await.expect(200);
    let maintainer: Client = world.app.sign_in(maintainer).await;
    let page = maintainer.page("/r/local/app/settings").await.expect(200).text();
    assert!(!page.contains("id=\"members\"") && page.contains("id=\"upload-token\""));
    let admin = world.admin.with("accept", "text/html");
    admin.form("/r/local/app/settings/members", "login=grace&role=triage").await.expect(303);
    let page = admin.page("/r/local/app/settings").await.expect(200).text();
    assert!(page.contains("id=\"members\"") && page.contains("grace") && page.contains("<option selected>triage</option>"), "{page}");
    let refused = admin.form("/r/local/app/settings/members", "login=%3Cb%3E&role=read").await.expect(422).text();
    assert!(refused.contains("Nobody signs in as") && !refused.contains("<b>"), "{refused}");
    admin.form("/r/local/app/settings/members", "login=grace&role=king").await.expect(400);
    admin.form("/r/local/app/settings/members/remove", "login=grace").await.expect(303);
    assert!(!admin.page("/r/local/app/settings").await.text().contains("grace"));
    assert!(admin.own("POST", "/r/local/app/settings/upload-token").await.expect(200).text().contains("plb_upl_"));
}
